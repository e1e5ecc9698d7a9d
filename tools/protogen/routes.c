/* Compiles google.api.http path templates. What our routes do not use is refused here, so that the matcher in bridge/route
 * need not know it. */
#include <stdio.h>
#include <string.h>

#include "google/api/http.pb-c.h"
#include "tools/protogen/model.h"

enum { OPTION_HTTP = 72295728 }; /* google.api.http */
typedef Google__Api__HttpRule http_rule;

struct compiling {
	struct model *model;
	const struct gen_method *method;
	struct gen_route *route;
};

_Noreturn static void refuse(const struct compiling *c, const char *what)
{
	model_fail(c->method->file->name, c->method->full_name, "route %s: %s", c->route->path, what);
}

/* RFC 3986 pchar without "%", ":" and what templates give a meaning to. */
static bool is_literal_char(char ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
	       (ch && strchr("-._~!$&'()+,;=@", ch));
}

static int hex(char ch)
{
	if (ch >= '0' && ch <= '9') return ch - '0';
	if (ch >= 'a' && ch <= 'f') return ch - 'a' + 10;
	return ch >= 'A' && ch <= 'F' ? ch - 'A' + 10 : -1;
}

/* Literals are compared after decoding, so "%2D" in a template and "-" in a request are the same. */
static const char *literal(const struct compiling *c, struct str text)
{
	struct strbuf out;
	strbuf_init(&out, c->model->arena);
	for (size_t i = 0; i < text.len; i++) {
		char ch = text.ptr[i];
		if (ch == '%') {
			int high = i + 2 < text.len ? hex(text.ptr[i + 1]) : -1,
			    low = high >= 0 ? hex(text.ptr[i + 2]) : -1;
			if (low < 0) refuse(c, "a % without two hexadecimal digits");
			ch = (char)(high * 16 + low);
			if (ch == '/' || ch == '\0') refuse(c, "a literal must not hide a slash or NUL");
			i += 2;
		} else if (ch == '*') {
			refuse(c, "a wildcard without a variable is not used here: write {name} or {name=**}");
		} else if (!is_literal_char(ch)) {
			refuse(c, "a character that must not stand in a path");
		}
		strbuf_add_char(&out, ch);
	}
	if (out.len == 0) refuse(c, "an empty segment (policy.trailing_slash serves the path with one more slash)");
	if (!str_is_utf8(strbuf_str(&out))) refuse(c, "a literal that is not UTF-8");
	return out.data;
}

static struct gen_segment variable(const struct compiling *c, struct str inner, bool last)
{
	size_t equals = str_find(inner, STR("="), 0);
	struct str name = equals == SIZE_MAX ? inner : (struct str){ inner.ptr, equals };
	struct str shape =
	    equals == SIZE_MAX ? STR("*") : (struct str){ inner.ptr + equals + 1, inner.len - equals - 1 };
	if (str_find(inner, STR("{"), 0) != SIZE_MAX) refuse(c, "a variable inside a variable");
	if (str_find(name, STR("."), 0) != SIZE_MAX) refuse(c, "a nested path variable is not used here");
	struct gen_segment segment = { .kind = SEGMENT_VARIABLE, .text = str_dup_c(c->model->arena, name) };
	if (str_equal(shape, STR("**")))
		segment.kind = SEGMENT_REST;
	else if (!str_equal(shape, STR("*")))
		refuse(c, "a template inside a variable is not used here: only {name} and {name=**}");
	if (segment.kind == SEGMENT_REST && !last) refuse(c, "** must be the last segment");
	segment.field = model_field(c->method->request, name);
	if (!segment.field) refuse(c, "a path variable is no field of the request");
	if (segment.field->presence == FIELD_REPEATED || segment.field->presence == FIELD_MAP)
		refuse(c, "a path variable must not be repeated or a map");
	if (segment.field->presence == FIELD_MESSAGE || segment.field->message || segment.field->timestamp)
		refuse(c, "a path variable must not be a message");
	if (segment.field->rule->raw_json) refuse(c, "a path variable must not be finished JSON");
	size_t variables = 1;
	for (size_t i = 0; i < c->route->segment_count; i++) {
		if (c->route->segments[i].field == segment.field) refuse(c, "a path variable occurs twice");
		variables += c->route->segments[i].field != NULL;
	}
	if (variables > ROUTE_VARIABLES_MAX) refuse(c, "has too many variables");
	return segment;
}

static void compile_path(const struct compiling *c)
{
	struct gen_route *route = c->route;
	struct str path = str_from(route->path);
	if (path.len == 0 || path.ptr[0] != '/') refuse(c, "does not start with /");
	size_t tail = 0; /* a colon belongs to the verb only behind the last slash and variable */
	for (size_t i = 0; i < path.len; i++)
		if (path.ptr[i] == '/' || path.ptr[i] == '}') tail = i;
	size_t colon = str_find(path, STR(":"), tail);
	if (colon != SIZE_MAX) {
		route->custom_verb = literal(c, (struct str){ path.ptr + colon + 1, path.len - colon - 1 });
		path.len = colon;
	}
	struct str rest = { path.ptr + 1, path.len - 1 };
	if (rest.len == 0 && route->custom_verb) refuse(c, "a verb needs a segment before it");
	if (rest.len == 0) return; /* the root */
	size_t most = 1;
	for (size_t i = 0; i < rest.len; i++) most += rest.ptr[i] == '/';
	route->segments = arena_new_array(c->model->arena, struct gen_segment, most);
	for (size_t at = 0; at <= rest.len;) {
		struct gen_segment segment = { .kind = SEGMENT_LITERAL };
		size_t end;
		if (at < rest.len && rest.ptr[at] == '{') {
			/* a nested brace is found in variable(), so the last one that closes before a slash ends it */
			end = str_find(rest, STR("}"), at);
			if (end == SIZE_MAX) refuse(c, "a variable is not closed");
			struct str inner = { rest.ptr + at + 1, end - at - 1 };
			end++;
			if (end < rest.len && rest.ptr[end] == '}') refuse(c, "a variable inside a variable");
			if (end < rest.len && rest.ptr[end] != '/')
				refuse(c, "text behind a variable in the same segment");
			segment = variable(c, inner, end == rest.len);
		} else {
			end = str_find(rest, STR("/"), at);
			if (end == SIZE_MAX) end = rest.len;
			segment.text = literal(c, (struct str){ rest.ptr + at, end - at });
		}
		route->segments[route->segment_count++] = segment;
		at = end + 1;
	}
}

static bool in_path(const struct gen_route *route, const struct gen_field *field)
{
	for (size_t i = 0; i < route->segment_count; i++)
		if (route->segments[i].field == field) return true;
	return false;
}

/* Whatever is neither in the path nor in the body can be a query parameter, so it must have a text form. */
static void check_query(const struct compiling *c, const struct gen_message *message)
{
	for (size_t i = 0; i < message->field_count; i++) {
		const struct gen_field *f = &message->fields[i];
		if (message == c->method->request && (in_path(c->route, f) || f == c->route->body_field)) continue;
		if (f->presence == FIELD_MAP || (f->presence == FIELD_REPEATED && f->message) || f->rule->raw_json ||
		    (f->message && f->message->as_list))
			model_fail(c->method->file->name, c->method->full_name,
			           "route %s: field %s of %s cannot be a query parameter", c->route->path, f->name,
			           message->full_name);
		if (f->message) check_query(c, f->message);
	}
}

static void compile_body(const struct compiling *c, const http_rule *rule)
{
	struct gen_route *route = c->route;
	const struct gen_method *method = c->method;
	struct str body = str_from(rule->body), response = str_from(rule->response_body);
	if (body.len && (route->verb == VERB_GET || route->verb == VERB_DELETE))
		refuse(c, "GET and DELETE have no body");
	if (str_equal(body, STR("*"))) {
		route->body_all = true;
	} else if (body.len) {
		const struct gen_field *f = route->body_field = model_field(method->request, body);
		if (!f) refuse(c, "body names no field of the request");
		if (f->presence == FIELD_REPEATED || f->presence == FIELD_MAP) refuse(c, "body names a repeated field");
		if (in_path(route, f)) refuse(c, "body names a field that is also in the path");
		if (!f->message || f->message->as_list) refuse(c, "body names a field that is not a message");
	}
	if (!route->body_all) check_query(c, method->request);
	if (response.len) {
		route->response_field = model_field(method->reply, response);
		if (!route->response_field) refuse(c, "response_body names no field of the reply");
		if (method->policy->opens_stream) refuse(c, "a stream has no response_body");
	}
	if (method->policy->trailing_slash) {
		if (route->segment_count == 0 || route->custom_verb ||
		    route->segments[route->segment_count - 1].kind == SEGMENT_REST)
			refuse(c, "trailing_slash needs a path that ends in a plain segment");
	}
}

/* first: the rule that has it among its additional_bindings; NULL: the rule itself. */
static void add_one(struct model *model, const struct gen_method *method, const http_rule *rule, const http_rule *first,
                    size_t binding)
{
	struct gen_route route = { .method = method, .binding = binding, .path = "" };
	struct compiling c = { model, method, &route };
	switch (rule->pattern_case) {
	case GOOGLE__API__HTTP_RULE__PATTERN_GET: route.verb = VERB_GET, route.path = rule->get; break;
	case GOOGLE__API__HTTP_RULE__PATTERN_PUT: route.verb = VERB_PUT, route.path = rule->put; break;
	case GOOGLE__API__HTTP_RULE__PATTERN_POST: route.verb = VERB_POST, route.path = rule->post; break;
	case GOOGLE__API__HTTP_RULE__PATTERN_DELETE: route.verb = VERB_DELETE, route.path = rule->delete_; break;
	case GOOGLE__API__HTTP_RULE__PATTERN_PATCH:
		route.path = rule->patch;
		refuse(&c, "PATCH is not used here: PUT leaves missing fields alone");
	default: refuse(&c, "names no verb, or one that is not used here (custom)");
	}
	if (rule->base.n_unknown_fields)
		refuse(&c, "uses a part of google.api.http that is not used here (selector, for one)");
	if (first && rule->n_additional_bindings) refuse(&c, "additional_bindings inside additional_bindings");
	if (first && strcmp(rule->body, first->body) != 0)
		refuse(&c, "additional_bindings must have the body clause of their rule");
	compile_path(&c);
	compile_body(&c, rule);
	if ((model->route_count & (model->route_count - 1)) == 0) { /* full at each power of two */
		struct gen_route *grown =
		    arena_new_array(model->arena, struct gen_route, model->route_count ? model->route_count * 2 : 1);
		if (model->route_count) memcpy(grown, model->routes, model->route_count * sizeof *grown);
		model->routes = grown;
	}
	model->routes[model->route_count++] = route;
	if (!first)
		for (size_t i = 0; i < rule->n_additional_bindings; i++)
			add_one(model, method, rule->additional_bindings[i], rule, i + 1);
}

void routes_add(struct model *model, const struct gen_method *method, const Google__Protobuf__MethodOptions *options)
{
	const http_rule *rule =
	    option_message(model->arena, &options->base, OPTION_HTTP, &google__api__http_rule__descriptor);
	if (rule) add_one(model, method, rule, NULL, 0);
}

/* Two routes of one verb that accept the same paths: a variable's name and type do not tell them apart. */
static bool same_shape(const struct gen_route *a, const struct gen_route *b)
{
	if (a->verb != b->verb || a->segment_count != b->segment_count || !a->custom_verb != !b->custom_verb)
		return false;
	if (a->custom_verb && strcmp(a->custom_verb, b->custom_verb) != 0) return false;
	for (size_t i = 0; i < a->segment_count; i++) {
		if (a->segments[i].kind != b->segments[i].kind) return false;
		if (a->segments[i].kind == SEGMENT_LITERAL && strcmp(a->segments[i].text, b->segments[i].text) != 0)
			return false;
	}
	return true;
}

void routes_check(const struct model *model)
{
	for (size_t i = 0; i < model->route_count; i++)
		for (size_t k = 0; k < i; k++) {
			const struct gen_route *a = &model->routes[i], *b = &model->routes[k];
			if (same_shape(a, b))
				model_fail(a->method->file->name, a->method->full_name,
				           "route %s accepts the same paths as %s of %s", a->path, b->path,
				           b->method->full_name);
		}
}
