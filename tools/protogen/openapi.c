/* openapi.json (OpenAPI 3.1) and the C file that embeds it: what the routes, rules and comments of the .proto say. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rpc/json/text.h"
#include "tools/protogen/model.h"

#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

#define EXAMPLE_ID "0190b2a4-5c6d-4e7f-8a9b-0c1d2e3f4a5b"

/* --- a writer that keeps commas and indentation --- */

enum { NESTING_MAX = 32 };
struct writer {
	struct strbuf *out;
	size_t depth;
	bool filled[NESTING_MAX];
};

static void begin(struct writer *w, const char *key)
{
	if (w->filled[w->depth]) strbuf_add_char(w->out, ',');
	if (w->depth) strbuf_add_char(w->out, '\n');
	w->filled[w->depth] = true;
	for (size_t i = 0; i < w->depth; i++) strbuf_add_cstr(w->out, "  ");
	if (!key) return;
	json_print_string(w->out, str_from(key));
	strbuf_add_cstr(w->out, ": ");
}

static void open_(struct writer *w, const char *key, char bracket)
{
	begin(w, key);
	strbuf_add_char(w->out, bracket);
	if (++w->depth == NESTING_MAX) die("openapi is nested too deeply");
	w->filled[w->depth] = false;
}

static void close_(struct writer *w, char bracket)
{
	bool filled = w->filled[w->depth--];
	if (filled) strbuf_add_char(w->out, '\n');
	for (size_t i = 0; filled && i < w->depth; i++) strbuf_add_cstr(w->out, "  ");
	strbuf_add_char(w->out, bracket);
}

static void put_text(struct writer *w, const char *key, const char *text)
{
	begin(w, key);
	json_print_string(w->out, str_from(text));
}

static void put_plain(struct writer *w, const char *key, const char *json) /* a number, a word, a short list */
{
	begin(w, key);
	strbuf_add_cstr(w->out, json);
}

static void put_number(struct writer *w, const char *key, double value)
{
	begin(w, key);
	json_print_double(w->out, value);
}

static void put_description(struct writer *w, const char *doc)
{
	if (*doc) put_text(w, "description", doc);
}

/* The first sentence of a comment, without its full stop. */
static void put_summary(struct writer *w, const char *doc)
{
	const char *stop = strstr(doc, ". ");
	size_t len = stop ? (size_t)(stop - doc) : strlen(doc);
	if (len && doc[len - 1] == '.') len--;
	if (!len) return;
	begin(w, "summary");
	json_print_string(w->out, (struct str){ doc, len });
}

static void put_ref(struct writer *w, const char *kind, const char *name)
{
	struct strbuf ref;
	strbuf_init(&ref, NULL);
	strbuf_printf(&ref, "#/components/%s/%s", kind, name);
	put_text(w, "$ref", ref.data);
	strbuf_fini(&ref);
}

/* --- schemas --- */

static const char *json_type(const struct gen_field *f)
{
	switch (f->type) {
	case TYPE(DOUBLE):
	case TYPE(FLOAT): return "number";
	case TYPE(BOOL): return "boolean";
	case TYPE(STRING):
	case TYPE(BYTES):
	case TYPE(ENUM): return "string";
	case TYPE(MESSAGE): return f->timestamp ? "string" : "object";
	default: return "integer";
	}
}

static bool is_unsigned(const struct gen_field *f)
{
	return f->type == TYPE(UINT32) || f->type == TYPE(UINT64) || f->type == TYPE(FIXED32) ||
	       f->type == TYPE(FIXED64);
}

static const char *format(const struct gen_field *f)
{
	static const char *const forms[] = { [TEXT_UUID] = "uuid", [TEXT_EMAIL] = "email", [TEXT_USERNAME] = NULL, [TEXT_PASSWORD] = "password" };
	switch (f->type) {
	case TYPE(DOUBLE): return "double";
	case TYPE(FLOAT): return "float";
	case TYPE(INT32):
	case TYPE(SINT32):
	case TYPE(SFIXED32): return "int32";
	case TYPE(INT64):
	case TYPE(SINT64):
	case TYPE(SFIXED64): return "int64";
	case TYPE(MESSAGE): return f->timestamp ? "date-time" : NULL;
	case TYPE(STRING): return (size_t)f->rule->form < COUNT(forms) ? forms[f->rule->form] : NULL;
	default: return NULL;
	}
}

static void put_enum(struct writer *w, const struct gen_enum *e, bool nullable)
{
	open_(w, "enum", '[');
	for (size_t i = 0; i < e->count; i++)
		if (e->values[i].json_name) put_text(w, NULL, e->values[i].json_name);
	if (nullable) put_plain(w, NULL, "null");
	close_(w, ']');
}

static void put_rules(struct writer *w, const struct gen_field *f)
{
	const Petfood__FieldRule *r = f->rule;
	uint32_t min_chars = r->min_chars ? r->min_chars : r->required && f->type == TYPE(STRING);
	if (min_chars) put_number(w, "minLength", min_chars);
	if (r->max_chars) put_number(w, "maxLength", r->max_chars);
	if (r->_gt_case) put_number(w, "exclusiveMinimum", r->gt);
	if (r->_gte_case)
		put_number(w, "minimum", r->gte);
	else if (is_unsigned(f))
		put_plain(w, "minimum", "0");
	if (r->_lt_case) put_number(w, "exclusiveMaximum", r->lt);
	if (r->_lte_case) put_number(w, "maximum", r->lte);
}

static void put_default(struct writer *w, const struct gen_field *f)
{
	if (!*f->rule->default_value) return;
	if (strcmp(json_type(f), "string") == 0)
		put_text(w, "default", f->rule->default_value);
	else
		put_plain(w, "default", f->rule->default_value);
}

static void put_value(struct writer *w, const struct gen_field *f, bool nullable);

static void put_list(struct writer *w, const struct gen_field *f)
{
	if (f->rule->max_items) put_number(w, "maxItems", f->rule->max_items);
	open_(w, "items", '{');
	put_value(w, f, false);
	if (f->rule->item_max_chars) put_number(w, "maxLength", f->rule->item_max_chars);
	close_(w, '}');
}

static void put_type(struct writer *w, const char *type, bool nullable)
{
	if (!nullable) {
		put_text(w, "type", type);
		return;
	}
	open_(w, "type", '[');
	put_text(w, NULL, type);
	put_text(w, NULL, "null");
	close_(w, ']');
}

/* The members of the schema of one value: not of the list or map that may hold it. */
static void put_value(struct writer *w, const struct gen_field *f, bool nullable)
{
	const struct gen_message *inner = f->message ? f->message : f->document;
	if (f->rule->raw_json && !inner) return; /* any JSON */
	if (inner && inner->as_list) {
		put_type(w, "array", nullable);
		put_list(w, &inner->fields[0]);
		return;
	}
	if (inner) {
		if (!nullable) {
			put_ref(w, "schemas", inner->full_name);
			return;
		}
		open_(w, "anyOf", '[');
		open_(w, NULL, '{');
		put_ref(w, "schemas", inner->full_name);
		close_(w, '}');
		open_(w, NULL, '{');
		put_text(w, "type", "null");
		close_(w, '}');
		close_(w, ']');
		return;
	}
	put_type(w, json_type(f), nullable);
	if (format(f)) put_text(w, "format", format(f));
	if (f->type == TYPE(BYTES)) put_text(w, "contentEncoding", "base64");
	if (f->enumeration) put_enum(w, f->enumeration, nullable);
	put_rules(w, f);
	put_default(w, f);
}

static void put_field(struct writer *w, const char *key, const struct gen_field *f, bool nullable, bool described)
{
	open_(w, key, '{');
	if (described) put_description(w, f->doc);
	if (f->deprecated) put_plain(w, "deprecated", "true");
	if (f->presence == FIELD_REPEATED) {
		put_text(w, "type", "array");
		put_list(w, f);
	} else if (f->presence == FIELD_MAP) {
		put_text(w, "type", "object");
		if (f->rule->max_items) put_number(w, "maxProperties", f->rule->max_items);
		put_field(w, "additionalProperties", &f->message->fields[1], false, false);
	} else {
		put_value(w, f, nullable);
	}
	close_(w, '}');
}

/* What has no value is printed as null, except by messages that leave it out. */
static bool may_be_nothing(const struct gen_field *f)
{
	if (f->presence == FIELD_REPEATED || f->presence == FIELD_MAP) return false;
	if (f->presence == FIELD_IMPLICIT) return f->enumeration || f->rule->raw_json;
	return true;
}

static bool in_path(const struct gen_route *route, const struct gen_field *f)
{
	for (size_t i = 0; route && i < route->segment_count; i++)
		if (route->segments[i].field == f) return true;
	return false;
}

/* route: leaves out what its path carries. */
static void put_object(struct writer *w, const struct gen_message *m, const struct gen_route *route)
{
	put_description(w, m->doc);
	put_text(w, "type", "object");
	open_(w, "properties", '{');
	for (size_t i = 0; i < m->field_count; i++) {
		const struct gen_field *f = &m->fields[i];
		bool nullable =
		    may_be_nothing(f) && (m->in_request || !m->omit_unset) && !(m->in_request && f->rule->required);
		if (!in_path(route, f)) put_field(w, f->name, f, nullable, true);
	}
	close_(w, '}');
	open_(w, "required", '[');
	for (size_t i = 0; i < m->field_count; i++) {
		const struct gen_field *f = &m->fields[i];
		bool always = m->in_request ? f->rule->required
		                            : !m->omit_unset || (f->presence == FIELD_IMPLICIT && !may_be_nothing(f));
		if (always && !in_path(route, f)) put_text(w, NULL, f->name);
	}
	close_(w, ']');
}

/* --- examples --- */

/* A number that keeps the rules of its field. */
static double example_number(const Petfood__FieldRule *r)
{
	double high = r->_lte_case ? r->lte : r->_lt_case ? r->lt : (double)INFINITY;
	if (r->_gte_case) return r->gte;
	if (r->_gt_case) return r->gt + 1 < high ? r->gt + 1 : (r->gt + high) / 2;
	return high > 1 ? 1 : r->_lte_case ? high : high - 1;
}

/* Ids of records are UUIDs; a food's is a word. */
static bool is_record_id(const char *name)
{
	static const char *const names[] = { "id", "user_id", "pet_id", "task_id", "plan_id" };
	for (size_t i = 0; i < COUNT(names); i++)
		if (strcmp(names[i], name) == 0) return true;
	return false;
}

static void put_example_text(struct writer *w, const char *key, const struct gen_field *f)
{
	static const char *const forms[] = {
		[TEXT_UUID] = EXAMPLE_ID, [TEXT_EMAIL] = "ann@example.com", [TEXT_USERNAME] = "ann",
		[TEXT_PASSWORD] = "correct horse", [TEXT_CODE] = "123456", [TEXT_PHONE] = "13800138000"
	};
	const Petfood__FieldRule *r = f->rule;
	struct str name = str_from(f->name);
	if (r->form != PETFOOD__TEXT_FORM__TEXT_FREE) {
		put_text(w, key, forms[r->form]);
	} else if (is_record_id(f->name)) {
		put_text(w, key, EXAMPLE_ID);
	} else {
		struct strbuf text;
		strbuf_init(&text, NULL);
		strbuf_add_str(&text, name);
		while (text.len < r->min_chars) strbuf_add_char(&text, 'x');
		uint32_t most = f->presence == FIELD_REPEATED ? r->item_max_chars : r->max_chars;
		if (most && text.len > most) text.data[most] = '\0';
		put_text(w, key, text.data);
		strbuf_fini(&text);
	}
}

static void put_example_name(struct writer *w, const char *key, const struct gen_enum *e)
{
	size_t named = 0;
	while (named < e->count && !e->values[named].json_name) named++;
	if (named < e->count)
		put_text(w, key, e->values[named].json_name);
	else
		put_plain(w, key, "null");
}

static void put_example(struct writer *w, const char *key, const struct gen_message *m, const struct gen_route *route);
static void put_example_field(struct writer *w, const char *key, const struct gen_field *f);

/* One value: not the list or map that may hold it. */
static void put_example_value(struct writer *w, const char *key, const struct gen_field *f)
{
	const struct gen_message *inner = f->message ? f->message : f->document;
	if (inner && inner->as_list && !inner->example) {
		put_example_field(w, key, &inner->fields[0]);
	} else if (inner) {
		put_example(w, key, inner, NULL);
	} else if (f->rule->raw_json) {
		put_plain(w, key, "{}");
	} else if (f->timestamp) {
		put_text(w, key, "2026-01-02T03:04:05.123456Z");
	} else if (f->enumeration) {
		put_example_name(w, key, f->enumeration);
	} else if (f->type == TYPE(STRING) && *f->rule->default_value) {
		put_text(w, key, f->rule->default_value);
	} else if (f->type == TYPE(STRING)) {
		put_example_text(w, key, f);
	} else if (f->type == TYPE(BYTES)) {
		put_text(w, key, "AQI=");
	} else if (*f->rule->default_value) {
		put_plain(w, key, f->rule->default_value);
	} else if (f->type == TYPE(BOOL)) {
		put_plain(w, key, "true");
	} else {
		put_number(w, key, example_number(f->rule));
	}
}

static void put_example_field(struct writer *w, const char *key, const struct gen_field *f)
{
	if (f->presence == FIELD_REPEATED) {
		open_(w, key, '[');
		put_example_value(w, NULL, f);
		close_(w, ']');
	} else if (f->presence == FIELD_MAP) {
		open_(w, key, '{');
		const struct gen_field *map_key = &f->message->fields[0];
		const char *name = map_key->type == TYPE(STRING) ? "name" : map_key->type == TYPE(BOOL) ? "true" : "1";
		put_example_value(w, name, &f->message->fields[1]);
		close_(w, '}');
	} else {
		put_example_value(w, key, f);
	}
}

/* Everything set, and of a oneof the first. route: without what its path carries. */
static void put_example(struct writer *w, const char *key, const struct gen_message *m, const struct gen_route *route)
{
	const char *oneof = "";
	if (m->example) {
		put_plain(w, key, m->example);
		return;
	}
	open_(w, key, '{');
	for (size_t i = 0; i < m->field_count; i++) {
		const struct gen_field *f = &m->fields[i];
		if (in_path(route, f)) continue;
		if (f->presence == FIELD_ONEOF && strcmp(f->case_name, oneof) == 0) continue;
		if (f->presence == FIELD_ONEOF) oneof = f->case_name;
		put_example_field(w, f->name, f);
	}
	close_(w, '}');
}

/* --- operations --- */

static void put_parameter(struct writer *w, const char *where, const char *name, const struct gen_field *f,
                          bool required)
{
	open_(w, NULL, '{');
	put_text(w, "name", name);
	put_text(w, "in", where);
	put_description(w, f->doc);
	if (required) put_plain(w, "required", "true");
	put_field(w, "schema", f, false, false);
	put_example_field(w, "example", f);
	close_(w, '}');
}

static void put_header(struct writer *w, const char *name, const char *doc, const char *max_length)
{
	open_(w, NULL, '{');
	put_text(w, "name", name);
	put_text(w, "in", "header");
	put_text(w, "description", doc);
	open_(w, "schema", '{');
	put_text(w, "type", "string");
	put_plain(w, "maxLength", max_length);
	close_(w, '}');
	close_(w, '}');
}

/* Nested messages are named with dots. */
static void put_query(struct writer *w, const struct gen_route *route, const struct gen_message *m, const char *prefix)
{
	for (size_t i = 0; i < m->field_count; i++) {
		const struct gen_field *f = &m->fields[i];
		if (m == route->method->request && (in_path(route, f) || f == route->body_field)) continue;
		struct strbuf name;
		strbuf_init(&name, NULL);
		strbuf_printf(&name, "%s%s", prefix, f->name);
		if (f->message) {
			strbuf_add_char(&name, '.');
			put_query(w, route, f->message, name.data);
		} else {
			put_parameter(w, "query", name.data, f, f->rule->required);
		}
		strbuf_fini(&name);
	}
}

static void put_parameters(struct writer *w, const struct gen_route *route)
{
	const struct gen_method *method = route->method;
	open_(w, "parameters", '[');
	for (size_t i = 0; i < route->segment_count; i++)
		if (route->segments[i].field)
			put_parameter(w, "path", route->segments[i].text, route->segments[i].field, true);
	if (!route->body_all) put_query(w, route, method->request, "");
	if (method->policy->idempotent_by_key)
		put_header(w, "Idempotency-Key", "A repeat with the same key and body gets the first answer again.",
		           "200");
	if (method->policy->opens_stream && route->verb == VERB_GET)
		put_header(w, "Last-Event-ID", "Number of the last event that the reader has.", "16384");
	close_(w, ']');
}

static void put_body(struct writer *w, const struct gen_route *route)
{
	if (!route->body_all && !route->body_field) return;
	open_(w, "requestBody", '{');
	put_plain(w, "required", "true");
	open_(w, "content", '{');
	open_(w, "application/json", '{');
	open_(w, "schema", '{');
	bool whole = true;
	for (size_t i = 0; i < route->segment_count; i++) whole = whole && !route->segments[i].field;
	if (route->body_field)
		put_ref(w, "schemas", route->body_field->message->full_name);
	else if (whole)
		put_ref(w, "schemas", route->method->request->full_name);
	else
		put_object(w, route->method->request, route);
	close_(w, '}');
	put_example(w, "example", route->body_field ? route->body_field->message : route->method->request, route);
	close_(w, '}');
	close_(w, '}');
	close_(w, '}');
}

static void put_success(struct writer *w, const struct gen_route *route)
{
	const struct gen_method *method = route->method;
	open_(w, "200", '{');
	if (method->policy->opens_stream) {
		put_text(w, "description", "Progress, as numbered events; each data line is one JSON object.");
		open_(w, "content", '{');
		open_(w, "text/event-stream", '{');
		open_(w, "schema", '{');
		put_text(w, "type", "string");
	} else {
		put_text(w, "description", *method->policy->done_en ? method->policy->done_en : "ok");
		open_(w, "content", '{');
		open_(w, "application/json", '{');
		open_(w, "schema", '{');
		put_text(w, "type", "object");
		open_(w, "properties", '{');
		open_(w, "code", '{');
		put_plain(w, "const", "0");
		close_(w, '}');
		open_(w, "message", '{');
		put_text(w, "type", "string");
		close_(w, '}');
		if (route->response_field) {
			put_field(w, "data", route->response_field, may_be_nothing(route->response_field), false);
		} else {
			open_(w, "data", '{');
			put_ref(w, "schemas", method->reply->full_name);
			close_(w, '}');
		}
		close_(w, '}');
		put_plain(w, "required", "[\"code\", \"message\", \"data\"]");
	}
	close_(w, '}');
	if (!method->policy->opens_stream) {
		open_(w, "example", '{');
		put_plain(w, "code", "0");
		put_text(w, "message", *method->policy->done_zh ? method->policy->done_zh : "ok");
		if (route->response_field)
			put_example_field(w, "data", route->response_field);
		else
			put_example(w, "data", method->reply, NULL);
		close_(w, '}');
	}
	close_(w, '}');
	close_(w, '}');
	close_(w, '}');
	if (method->policy->opens_stream && route->verb == VERB_GET) {
		open_(w, "204", '{');
		put_text(w, "description", "The reader already has the last event.");
		close_(w, '}');
	}
}

static void put_error(struct writer *w, const char *status)
{
	open_(w, status, '{');
	put_ref(w, "responses", "Error");
	close_(w, '}');
}

static void put_operation(struct writer *w, const struct gen_route *route)
{
	static const char *const verbs[] = { "get", "put", "post", "delete", "patch" };
	const struct gen_method *method = route->method;
	struct strbuf id;
	strbuf_init(&id, NULL);
	strbuf_printf(&id, "%s_%s", method->service, method->name);
	if (route->binding) strbuf_printf(&id, "_%zu", route->binding + 1);
	open_(w, verbs[route->verb], '{');
	put_text(w, "operationId", id.data);
	strbuf_fini(&id);
	open_(w, "tags", '[');
	put_text(w, NULL, method->service);
	close_(w, ']');
	put_summary(w, method->doc);
	put_description(w, method->doc);
	if (method->policy->trailing_slash) put_plain(w, "x-trailing-slash", "true");
	put_parameters(w, route);
	put_body(w, route);
	open_(w, "responses", '{');
	put_success(w, route);
	if (method->policy->auth != PETFOOD__AUTH__AUTH_NONE) put_error(w, "401");
	put_error(w, "422");
	put_error(w, "default");
	close_(w, '}');
	put_plain(w, "security", method->policy->auth == PETFOOD__AUTH__AUTH_NONE ? "[]" : "[{\"bearer\": []}]");
	close_(w, '}');
}

/* "{path=**}" and "{id=*}" are "{path}" and "{id}" in OpenAPI. */
static char *openapi_path(struct arena *arena, const char *path)
{
	struct strbuf out;
	strbuf_init(&out, arena);
	bool skip = false;
	for (const char *p = path; *p; p++) {
		if (*p == '=') skip = true;
		if (*p == '}' || *p == '/') skip = false;
		if (!skip) strbuf_add_char(&out, *p);
	}
	return out.data;
}

/* The bridge's own pages for probes and meters; no .proto knows of them, and a test of the bridge compares. */
static const struct own_page {
	const char *path, *id, *doc, *content_type;
	bool may_be_down; /* 503 while it is not so */
} own_pages[] = {
	{ "/", "Root", "Says what this service is, as JSON or, to browsers, as a page.", "application/json", false },
	{ "/health", "Health", "Says that the process answers. It asks nobody else.", "application/json", false },
	{ "/health/detail", "HealthDetail", "Says how each part is: with 200 also where one is not healthy.",
	  "application/json", false },
	{ "/healthz", "Alive", "Says that the process lives.", "application/json", false },
	{ "/readyz", "Ready",
	  "Says whether requests can be served. 503 while starting, draining, or without the store.",
	  "application/json", true },
	{ "/metrics", "Metrics", "Gives the counters of the process in Prometheus' text format.", "text/plain", false },
};
#define OWN_PAGES_TAG "Operation"

static void put_own_page(struct writer *w, const struct own_page *page)
{
	struct strbuf id;
	strbuf_init(&id, NULL);
	strbuf_printf(&id, OWN_PAGES_TAG "_%s", page->id);
	open_(w, page->path, '{');
	open_(w, "get", '{');
	put_text(w, "operationId", id.data);
	strbuf_fini(&id);
	put_plain(w, "tags", "[\"" OWN_PAGES_TAG "\"]");
	put_summary(w, page->doc);
	put_description(w, page->doc);
	open_(w, "responses", '{');
	open_(w, "200", '{');
	put_text(w, "description", "ok");
	open_(w, "content", '{');
	open_(w, page->content_type, '{');
	open_(w, "schema", '{');
	put_text(w, "type", strcmp(page->content_type, "text/plain") == 0 ? "string" : "object");
	close_(w, '}');
	close_(w, '}');
	close_(w, '}');
	close_(w, '}');
	if (page->may_be_down) put_error(w, "503");
	close_(w, '}');
	put_plain(w, "security", "[]");
	close_(w, '}');
	close_(w, '}');
}

static void put_paths(struct writer *w, const struct model *model)
{
	char **paths = arena_new_array(model->arena, char *, model->route_count);
	for (size_t i = 0; i < model->route_count; i++) paths[i] = openapi_path(model->arena, model->routes[i].path);
	open_(w, "paths", '{');
	for (size_t i = 0; i < model->route_count; i++) {
		bool first = true;
		for (size_t k = 0; k < i; k++) first = first && strcmp(paths[k], paths[i]) != 0;
		if (!first) continue; /* was written with the first route of its path */
		open_(w, paths[i], '{');
		for (size_t k = i; k < model->route_count; k++)
			if (strcmp(paths[k], paths[i]) == 0) put_operation(w, &model->routes[k]);
		close_(w, '}');
	}
	for (size_t i = 0; i < COUNT(own_pages); i++) put_own_page(w, &own_pages[i]);
	close_(w, '}');
}

static void put_tags(struct writer *w, const struct model *model)
{
	const char *last = NULL;
	open_(w, "tags", '[');
	for (size_t i = 0; i < model->route_count; i++) {
		const struct gen_method *method = model->routes[i].method;
		if (method->service == last) continue; /* routes stand in the order of services */
		last = method->service;
		open_(w, NULL, '{');
		put_text(w, "name", last);
		put_description(w, method->service_doc);
		close_(w, '}');
	}
	open_(w, NULL, '{');
	put_text(w, "name", OWN_PAGES_TAG);
	put_description(w, "The bridge itself: for probes and meters.");
	close_(w, '}');
	close_(w, ']');
}

static void put_components(struct writer *w, const struct model *model)
{
	open_(w, "components", '{');
	open_(w, "securitySchemes", '{');
	put_plain(w, "bearer", "{\"type\": \"http\", \"scheme\": \"bearer\", \"bearerFormat\": \"JWT\"}");
	close_(w, '}');
	open_(w, "responses", '{');
	open_(w, "Error", '{');
	put_text(w, "description", "What went wrong; `message` is in the language that Accept-Language asked for.");
	put_plain(w, "content", "{\"application/json\": {\"schema\": {\"$ref\": \"#/components/schemas/Error\"}}}");
	close_(w, '}');
	close_(w, '}');
	open_(w, "schemas", '{');
	open_(w, "Error", '{');
	put_description(w, "Body of every answer that is no success.");
	put_text(w, "type", "object");
	open_(w, "properties", '{');
	put_plain(
	    w, "code",
	    "{\"type\": \"integer\", \"not\": {\"const\": 0}, \"description\": \"Code of the failure; mostly the HTTP "
	    "status.\"}");
	put_plain(w, "message", "{\"type\": \"string\", \"description\": \"For a person.\"}");
	put_plain(w, "detail",
	          "{\"description\": \"The fields that are wrong, or values that belong to the error.\", "
	          "\"anyOf\": [{\"type\": \"array\", \"items\": {\"$ref\": \"#/components/schemas/Violation\"}}, "
	          "{\"type\": [\"object\", \"string\", \"null\"]}]}");
	close_(w, '}');
	put_plain(w, "required", "[\"code\", \"message\", \"detail\"]");
	close_(w, '}');
	open_(w, "Violation", '{');
	put_description(w, "One input field that is wrong.");
	put_text(w, "type", "object");
	open_(w, "properties", '{');
	put_plain(w, "field",
	          "{\"type\": \"string\", \"description\": \"Dotted, starting with body, query or path: "
	          "body.allergens.2.\"}");
	put_plain(w, "message", "{\"type\": \"string\", \"description\": \"For a person.\"}");
	put_plain(w, "type", "{\"type\": \"string\", \"description\": \"Stable token of the broken rule.\"}");
	close_(w, '}');
	put_plain(w, "required", "[\"field\", \"message\", \"type\"]");
	close_(w, '}');
	for (size_t i = 0; i < model->message_count; i++) {
		const struct gen_message *m = &model->messages[i];
		if (!m->shown || m->map_entry) continue;
		open_(w, m->full_name, '{');
		put_object(w, m, NULL);
		close_(w, '}');
	}
	close_(w, '}');
	close_(w, '}');
}

void emit_openapi(const struct model *model, struct strbuf *out)
{
	struct strbuf from;
	struct writer w = { .out = out };
	strbuf_init(&from, model->arena);
	strbuf_add_cstr(&from, "Written by tools/protogen from ");
	for (size_t i = 0; i < model->file_count; i++)
		strbuf_printf(&from, "%s%s", i ? ", " : "", model->files[i].name);
	strbuf_add_cstr(&from, ".");
	open_(&w, NULL, '{');
	put_text(&w, "openapi", "3.1.0");
	open_(&w, "info", '{');
	put_text(&w, "title", "petfood");
	put_text(&w, "description", from.data);
	put_text(&w, "version", model->version);
	close_(&w, '}');
	put_tags(&w, model);
	put_paths(&w, model);
	put_components(&w, model);
	close_(&w, '}');
	strbuf_add_char(out, '\n');
}

void emit_openapi_c(const struct model *model, struct str json, struct strbuf *out)
{
	emit_banner(model, out, "openapi.json for the program.");
	strbuf_add_cstr(out, "#include \"rpc/json/tables.h\"\n\nconst char openapi_json[] =");
	struct str rest = json, line;
	struct arena *scratch = arena_create(0);
	while (str_split(&rest, '\n', &line)) {
		if (!rest.ptr) break; /* behind the last line's end */
		struct str text = str_printf(scratch, STR_FMT "\n", STR_ARG(line));
		strbuf_add_cstr(out, "\n\t");
		emit_c_string(out, text.ptr);
	}
	arena_destroy(&scratch);
	strbuf_add_cstr(out, ";\nconst size_t openapi_json_len = sizeof openapi_json - 1;\n");
}
