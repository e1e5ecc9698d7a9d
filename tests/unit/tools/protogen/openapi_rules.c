#include "tests/unit/tools/protogen/openapi_rules.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct rules {
	json_t *doc;
	struct strbuf *faults;
	json_t *ids, *tags, *used_tags; /* sets */
};

static void fault(struct rules *r, const char *where, const char *what)
{
	strbuf_printf(r->faults, "%s: %s\n", where, what);
}

static bool need(struct rules *r, const char *where, bool good, const char *what)
{
	if (!good) fault(r, where, what);
	return good;
}

static const char *text_of(json_t *object, const char *key) { return json_string_value(json_object_get(object, key)); }

static bool in_words(const char *word, const char *words)
{
	struct str rest = str_from(words), one;
	while (str_split(&rest, ' ', &one))
		if (str_equal(one, str_from(word))) return true;
	return false;
}

/* An object with no key but these; those before the bar must be there. */
static bool keys(struct rules *r, const char *where, json_t *object, const char *required, const char *optional)
{
	const char *key;
	json_t *value;
	char what[160];
	if (!need(r, where, json_is_object(object), "is not an object")) return false;
	json_object_foreach(object, key, value)
	{
		bool known = in_words(key, required) || in_words(key, optional) || strncmp(key, "x-", 2) == 0;
		(void)snprintf(what, sizeof what, "unknown key %.100s", key);
		need(r, where, known, what);
	}
	struct str rest = str_from(required), one;
	while (str_split(&rest, ' ', &one)) {
		(void)snprintf(what, sizeof what, "has no " STR_FMT, STR_ARG(one));
		if (one.len) need(r, where, json_object_getn(object, one.ptr, one.len) != NULL, what);
	}
	return true;
}

static void is_text(struct rules *r, const char *where, json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);
	char what[64];
	(void)snprintf(what, sizeof what, "%.30s is not a text with something in it", key);
	if (value) need(r, where, json_is_string(value) && *json_string_value(value), what);
}

/* ---- schemas ---- */

json_t *openapi_follow(json_t *doc, const char *ref)
{
	struct str rest = str_from(ref), part;
	if (!str_split(&rest, '/', &part) || !str_equal(part, STR("#"))) return NULL;
	while (doc && str_split(&rest, '/', &part)) doc = json_object_getn(doc, part.ptr, part.len);
	return doc;
}

#define TYPES "null boolean object array number string integer"
#define FORMATS "int32 int64 float double date-time uuid email password"

static bool numbers_in_order(json_t *schema, const char *low, const char *high)
{
	json_t *a = json_object_get(schema, low), *b = json_object_get(schema, high);
	if ((a && !json_is_number(a)) || (b && !json_is_number(b))) return false;
	return !a || !b || json_number_value(a) <= json_number_value(b);
}

static void check_type(struct rules *r, const char *where, json_t *type)
{
	json_t *seen = json_object(), *one;
	size_t i;
	if (json_is_string(type))
		need(r, where, in_words(json_string_value(type), TYPES), "type is no type of JSON Schema");
	else if (need(r, where, json_is_array(type) && json_array_size(type) > 0, "type is neither a text nor a list"))
		json_array_foreach(type, i, one)
		{
			if (!need(r, where, json_is_string(one) && in_words(json_string_value(one), TYPES),
			          "type lists what is no type"))
				continue;
			need(r, where, !json_object_get(seen, json_string_value(one)), "type lists one twice");
			(void)json_object_set_new(seen, json_string_value(one), json_true());
		}
	json_decref(seen);
}

static void check_schema(struct rules *r, const char *where, json_t *schema);

static void check_each(struct rules *r, const char *where, const char *key, json_t *schemas)
{
	const char *name;
	json_t *one;
	char inner[256];
	json_object_foreach(schemas, name, one)
	{
		(void)snprintf(inner, sizeof inner, "%.120s/%s/%.60s", where, key, name);
		check_schema(r, inner, one);
	}
}

static void check_schema(struct rules *r, const char *where, json_t *schema)
{
	json_t *one, *properties = json_object_get(schema, "properties"),
	             *required = json_object_get(schema, "required"), *list = json_object_get(schema, "enum"),
	             *any = json_object_get(schema, "anyOf");
	size_t i, k;
	if (!keys(
	        r, where, schema, "",
	        "$ref type format enum const properties required items additionalProperties minimum maximum "
	        "exclusiveMinimum exclusiveMaximum "
	        "minLength maxLength maxItems maxProperties anyOf not default description deprecated contentEncoding"))
		return;
	if (text_of(schema, "$ref")) {
		const char *key;
		need(r, where, openapi_follow(r->doc, text_of(schema, "$ref")) != NULL, "$ref leads nowhere");
		json_object_foreach(schema, key, one)
		    need(r, where, in_words(key, "$ref description deprecated"), "a key beside $ref");
		return;
	}
	if (json_object_get(schema, "type")) check_type(r, where, json_object_get(schema, "type"));
	if (text_of(schema, "format")) need(r, where, in_words(text_of(schema, "format"), FORMATS), "unknown format");
	is_text(r, where, schema, "description");
	need(r, where, numbers_in_order(schema, "minimum", "maximum"), "minimum is above maximum");
	need(r, where, numbers_in_order(schema, "exclusiveMinimum", "exclusiveMaximum"),
	     "exclusiveMinimum is above exclusiveMaximum");
	need(r, where, numbers_in_order(schema, "minLength", "maxLength"), "minLength is above maxLength");
	static const char *const counts[] = { "minLength", "maxLength", "maxItems", "maxProperties" };
	for (i = 0; i < COUNT(counts); i++) {
		one = json_object_get(schema, counts[i]);
		if (one) need(r, where, json_is_integer(one) && json_integer_value(one) >= 0, "a count that is none");
	}
	if (list) {
		need(r, where, json_is_array(list) && json_array_size(list) > 0, "enum is no list, or empty");
		for (i = 0; i < json_array_size(list); i++)
			for (k = 0; k < i; k++)
				need(r, where, !json_equal(json_array_get(list, i), json_array_get(list, k)),
				     "enum names one twice");
	}
	json_t *type = json_object_get(schema, "type");
	bool is_array = json_is_string(type) && strcmp(json_string_value(type), "array") == 0;
	json_array_foreach(type, i, one) is_array = is_array || (json_is_string(one) && strcmp(json_string_value(one), "array") == 0);
	need(r, where, is_array == (json_object_get(schema, "items") != NULL), "an array has items, nothing else has");
	check_each(r, where, "properties", properties);
	if (required) {
		need(r, where, json_is_array(required), "required is no list");
		json_array_foreach(required, i, one)
		{
			need(r, where, json_is_string(one) && json_object_get(properties, json_string_value(one)),
			     "required names no property");
			for (k = 0; k < i; k++)
				need(r, where, !json_equal(one, json_array_get(required, k)),
				     "required names one twice");
		}
	}
	static const char *const inner[] = { "items", "additionalProperties", "not" };
	for (i = 0; i < COUNT(inner); i++)
		if (json_object_get(schema, inner[i])) check_schema(r, where, json_object_get(schema, inner[i]));
	if (any) need(r, where, json_is_array(any) && json_array_size(any) > 0, "anyOf is no list, or empty");
	json_array_foreach(any, i, one) check_schema(r, where, one);
	if (json_object_get(schema, "default"))
		(void)schema_takes(r->doc, schema, json_object_get(schema, "default"), where, r->faults);
}

static bool is_type(json_t *value, const char *type)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT: return strcmp(type, "object") == 0;
	case JSON_ARRAY: return strcmp(type, "array") == 0;
	case JSON_STRING: return strcmp(type, "string") == 0;
	case JSON_INTEGER: return in_words(type, "integer number");
	case JSON_REAL:
		return strcmp(type, "number") == 0 ||
		       (strcmp(type, "integer") == 0 && floor(json_real_value(value)) == json_real_value(value));
	case JSON_TRUE:
	case JSON_FALSE: return strcmp(type, "boolean") == 0;
	case JSON_NULL: return strcmp(type, "null") == 0;
	}
	return false;
}

static bool has_type(json_t *value, json_t *type)
{
	size_t i;
	json_t *one;
	if (json_is_string(type)) return is_type(value, json_string_value(type));
	json_array_foreach(type, i, one) if (is_type(value, json_string_value(one))) return true;
	return false;
}

/* "dddd-dd-ddTdd:dd:dd" with or without a fraction, then Z: the one form that is printed. */
static bool is_date_time(const char *s)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd";
	for (const char *f = form; *f; f++, s++)
		if (*f == 'd' ? !isdigit((unsigned char)*s) : *f != *s) return false;
	if (*s == '.') do
			s++;
		while (isdigit((unsigned char)*s));
	return strcmp(s, "Z") == 0;
}

static bool has_format(const char *text, const char *format)
{
	if (strcmp(format, "date-time") == 0) return is_date_time(text);
	if (strcmp(format, "email") == 0) return strchr(text, '@') != NULL;
	if (strcmp(format, "uuid") == 0)
		return strlen(text) == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-';
	return true;
}

static bool says(struct strbuf *faults, const char *where, bool good, const char *what)
{
	if (!good && faults) strbuf_printf(faults, "%s: %s\n", where, what);
	return good;
}

static bool number_fits(json_t *schema, double value)
{
	json_t *low = json_object_get(schema, "minimum"), *high = json_object_get(schema, "maximum"),
	       *above = json_object_get(schema, "exclusiveMinimum"),
	       *below = json_object_get(schema, "exclusiveMaximum");
	return !((low && value < json_number_value(low)) || (high && value > json_number_value(high)) ||
	         (above && value <= json_number_value(above)) || (below && value >= json_number_value(below)));
}

static bool text_fits(json_t *schema, const char *text)
{
	size_t chars = str_utf8_length(str_from(text));
	json_t *least = json_object_get(schema, "minLength"), *most = json_object_get(schema, "maxLength");
	const char *format = text_of(schema, "format");
	if (least && chars < (size_t)json_integer_value(least)) return false;
	if (most && chars > (size_t)json_integer_value(most)) return false;
	return !format || has_format(text, format);
}

static bool object_fits(json_t *doc, json_t *schema, json_t *value, const char *where, struct strbuf *faults)
{
	json_t *properties = json_object_get(schema, "properties"),
	       *more = json_object_get(schema, "additionalProperties"), *one;
	json_t *most = json_object_get(schema, "maxProperties");
	const char *key;
	size_t i;
	bool ok = says(faults, where, !most || json_object_size(value) <= (size_t)json_integer_value(most),
	               "too many properties");
	json_array_foreach(json_object_get(schema, "required"), i, one)
	{
		char what[128];
		(void)snprintf(what, sizeof what, "%.80s is missing", json_string_value(one));
		ok = says(faults, where, json_object_get(value, json_string_value(one)) != NULL, what) && ok;
	}
	json_object_foreach(value, key, one)
	{
		char inner[256];
		json_t *schema_of_key = json_object_get(properties, key);
		(void)snprintf(inner, sizeof inner, "%.180s/%.60s", where, key);
		if (!schema_of_key) schema_of_key = more;
		/* what no schema speaks of is a slip of the example's, where properties are listed */
		ok = says(faults, inner, schema_of_key || !properties, "no such property") && ok;
		if (schema_of_key) ok = schema_takes(doc, schema_of_key, one, inner, faults) && ok;
	}
	return ok;
}

bool schema_takes(json_t *doc, json_t *schema, json_t *value, const char *where, struct strbuf *faults)
{
	json_t *one, *list = json_object_get(schema, "enum"), *any = json_object_get(schema, "anyOf"),
	             *type = json_object_get(schema, "type"), *most = json_object_get(schema, "maxItems");
	size_t i;
	bool ok = true, found = false;
	if (text_of(schema, "$ref")) {
		json_t *target = openapi_follow(doc, text_of(schema, "$ref"));
		return says(faults, where, target != NULL, "$ref leads nowhere") &&
		       schema_takes(doc, target, value, where, faults);
	}
	ok = says(faults, where, !type || has_type(value, type), "another type") && ok;
	if (list) {
		json_array_foreach(list, i, one) found = found || json_equal(one, value);
		ok = says(faults, where, found, "not in the enum") && ok;
	}
	one = json_object_get(schema, "const");
	ok = says(faults, where, !one || json_equal(one, value), "not the constant") && ok;
	one = json_object_get(schema, "not");
	ok = says(faults, where, !one || !schema_takes(doc, one, value, where, NULL), "what it must not be") && ok;
	if (any) {
		found = false;
		json_array_foreach(any, i, one) found = found || schema_takes(doc, one, value, where, NULL);
		ok = says(faults, where, found, "none of anyOf") && ok;
	}
	if (json_is_number(value))
		ok = says(faults, where, number_fits(schema, json_number_value(value)), "out of bounds") && ok;
	if (json_is_string(value))
		ok = says(faults, where, text_fits(schema, json_string_value(value)), "length or format") && ok;
	if (json_is_object(value)) ok = object_fits(doc, schema, value, where, faults) && ok;
	if (json_is_array(value)) {
		ok = says(faults, where, !most || json_array_size(value) <= (size_t)json_integer_value(most),
		          "too many items") &&
		     ok;
		json_array_foreach(value, i, one)
		{
			char inner[256];
			(void)snprintf(inner, sizeof inner, "%.180s/%zu", where, i);
			if (json_object_get(schema, "items"))
				ok = schema_takes(doc, json_object_get(schema, "items"), one, inner, faults) && ok;
		}
	}
	return ok;
}

/* ---- the document ---- */

static void check_content(struct rules *r, const char *where, json_t *content)
{
	const char *media;
	json_t *one;
	need(r, where, json_is_object(content) && json_object_size(content) > 0, "content is empty");
	json_object_foreach(content, media, one)
	{
		const char *slash = strchr(media, '/');
		need(r, where, slash && slash > media && slash[1], "a media type that is none");
		if (!keys(r, where, one, "schema", "example")) continue;
		check_schema(r, where, json_object_get(one, "schema"));
		if (json_object_get(one, "example"))
			(void)schema_takes(r->doc, json_object_get(one, "schema"), json_object_get(one, "example"),
			                   where, r->faults);
	}
}

static void check_response(struct rules *r, const char *where, json_t *response)
{
	if (text_of(response, "$ref")) {
		need(r, where,
		     openapi_follow(r->doc, text_of(response, "$ref")) != NULL && json_object_size(response) == 1,
		     "$ref leads nowhere");
		return;
	}
	if (!keys(r, where, response, "description", "content headers")) return;
	is_text(r, where, response, "description");
	if (json_object_get(response, "content")) check_content(r, where, json_object_get(response, "content"));
}

static void check_responses(struct rules *r, const char *where, json_t *responses)
{
	const char *status;
	json_t *one;
	need(r, where, json_is_object(responses) && json_object_size(responses) > 0, "no responses");
	json_object_foreach(responses, status, one)
	{
		char inner[160];
		bool code = strlen(status) == 3 && status[0] >= '1' && status[0] <= '5' &&
		            isdigit((unsigned char)status[1]) && isdigit((unsigned char)status[2]);
		(void)snprintf(inner, sizeof inner, "%.120s %.20s", where, status);
		need(r, inner, code || strcmp(status, "default") == 0, "is no status");
		check_response(r, inner, one);
	}
}

/* Each variable of the template is a required parameter once, and the other way round. */
static void check_variables(struct rules *r, const char *where, const char *path, json_t *parameters)
{
	json_t *one, *in_template = json_object();
	size_t i, count = 0;
	for (const char *open = strchr(path, '{'); open; open = strchr(open + 1, '{')) {
		const char *close = strchr(open, '}');
		if (!need(r, where, close && close > open + 1 && !memchr(open, '/', (size_t)(close - open)),
		          "a variable that is not closed, or empty"))
			break;
		char name[128];
		(void)snprintf(name, sizeof name, "%.*s", (int)(close - open - 1), open + 1);
		need(r, where, !json_object_get(in_template, name), "a variable twice");
		(void)json_object_set_new(in_template, name, json_true());
	}
	json_array_foreach(parameters, i, one)
	{
		if (!text_of(one, "in") || strcmp(text_of(one, "in"), "path") != 0) continue;
		count++;
		need(r, where, text_of(one, "name") && json_object_get(in_template, text_of(one, "name")),
		     "a path parameter that the path has not");
		need(r, where, json_is_true(json_object_get(one, "required")), "a path parameter that is not required");
	}
	need(r, where, count == json_object_size(in_template), "a variable of the path without a parameter");
	json_decref(in_template);
}

static void check_parameters(struct rules *r, const char *where, json_t *parameters)
{
	json_t *one, *other;
	size_t i, k;
	json_array_foreach(parameters, i, one)
	{
		if (!keys(r, where, one, "name in schema", "description required deprecated example")) continue;
		is_text(r, where, one, "name");
		const char *in = text_of(one, "in"), *name = text_of(one, "name");
		char inner[200];
		(void)snprintf(inner, sizeof inner, "%.120s %.60s", where, name ? name : "");
		need(r, inner, in && in_words(in, "query header path cookie"), "in is no place");
		need(r, inner,
		     !(in && name && strcmp(in, "header") == 0 && in_words(name, "Accept Content-Type Authorization")),
		     "a header that OpenAPI ignores");
		for (k = 0; k < i; k++) {
			other = json_array_get(parameters, k);
			need(r, inner,
			     !json_equal(json_object_get(one, "name"), json_object_get(other, "name")) ||
			         !json_equal(json_object_get(one, "in"), json_object_get(other, "in")),
			     "a parameter twice");
		}
		check_schema(r, inner, json_object_get(one, "schema"));
		if (json_object_get(one, "example"))
			(void)schema_takes(r->doc, json_object_get(one, "schema"), json_object_get(one, "example"),
			                   inner, r->faults);
	}
}

static void check_operation(struct rules *r, const char *path, const char *verb, json_t *op)
{
	char where[160];
	const char *scheme;
	json_t *one, *scopes, *body = json_object_get(op, "requestBody");
	size_t i;
	(void)snprintf(where, sizeof where, "%s %.120s", verb, path);
	need(r, where, in_words(verb, "get put post delete patch"), "is no verb that our routes have");
	if (!keys(r, where, op, "operationId tags responses security",
	          "summary description parameters requestBody deprecated"))
		return;
	const char *id = text_of(op, "operationId");
	if (need(r, where, id && *id, "operationId is no text")) {
		need(r, where, !json_object_get(r->ids, id), "operationId of another operation");
		(void)json_object_set_new(r->ids, id, json_true());
	}
	json_array_foreach(json_object_get(op, "tags"), i, one)
	{
		need(r, where, json_is_string(one) && json_object_get(r->tags, json_string_value(one)),
		     "a tag that is not declared");
		if (json_is_string(one)) (void)json_object_set_new(r->used_tags, json_string_value(one), json_true());
	}
	check_parameters(r, where, json_object_get(op, "parameters"));
	check_variables(r, where, path, json_object_get(op, "parameters"));
	if (body && keys(r, where, body, "content", "description required")) {
		need(r, where, in_words(verb, "put post patch"), "a body where none means anything");
		check_content(r, where, json_object_get(body, "content"));
	}
	check_responses(r, where, json_object_get(op, "responses"));
	need(r, where, json_is_array(json_object_get(op, "security")), "security is no list");
	json_array_foreach(json_object_get(op, "security"), i, one) json_object_foreach(one, scheme, scopes)
	    need(r, where,
	         json_object_get(json_object_get(json_object_get(r->doc, "components"), "securitySchemes"), scheme) &&
	             json_is_array(scopes),
	         "a security scheme that is not declared");
}

static void check_paths(struct rules *r, json_t *paths)
{
	const char *path, *verb;
	json_t *item, *op, *shapes = json_object();
	need(r, "paths", json_is_object(paths) && json_object_size(paths) > 0, "no paths");
	json_object_foreach(paths, path, item)
	{
		/* Templates that differ in the names of their variables only are the same path. */
		char shape[256];
		size_t len = 0;
		bool inside = false;
		for (const char *p = path; *p && len < sizeof shape - 1; p++) {
			if (*p == '}') inside = false;
			if (!inside) shape[len++] = *p;
			if (*p == '{') inside = true;
		}
		shape[len] = '\0';
		need(r, path, path[0] == '/', "does not start with a slash");
		need(r, path, !strpbrk(path, "?#*="), "a character that no OpenAPI path has");
		need(r, path, !json_object_get(shapes, shape), "the same path as another");
		(void)json_object_set_new(shapes, shape, json_true());
		need(r, path, json_object_size(item) > 0, "no operations");
		json_object_foreach(item, verb, op) check_operation(r, path, verb, op);
	}
	json_decref(shapes);
}

static void check_components(struct rules *r, json_t *components)
{
	const char *kind, *name;
	json_t *group, *one;
	if (!keys(r, "components", components, "schemas", "responses securitySchemes")) return;
	json_object_foreach(components, kind, group) json_object_foreach(group, name, one)
	{
		char where[200];
		(void)snprintf(where, sizeof where, "components/%s/%.120s", kind, name);
		need(r, where,
		     strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(name),
		     "a name with odd characters");
		if (strcmp(kind, "schemas") == 0)
			check_schema(r, where, one);
		else if (strcmp(kind, "responses") == 0)
			check_response(r, where, one);
		else if (keys(r, where, one, "type scheme", "bearerFormat description"))
			need(r, where, strcmp(text_of(one, "type"), "http") == 0, "unknown type of security");
	}
}

void openapi_check(json_t *doc, struct strbuf *faults)
{
	struct rules r = { doc, faults, json_object(), json_object(), json_object() };
	json_t *tag, *info = json_object_get(doc, "info");
	const char *version = text_of(doc, "openapi");
	size_t i;
	if (!keys(&r, "document", doc, "openapi info paths", "tags components")) goto out;
	need(&r, "openapi", version && strncmp(version, "3.1.", 4) == 0, "is not 3.1");
	if (keys(&r, "info", info, "title version", "description")) {
		is_text(&r, "info", info, "title");
		is_text(&r, "info", info, "version");
	}
	json_array_foreach(json_object_get(doc, "tags"), i, tag)
	{
		if (!keys(&r, "tags", tag, "name", "description") || !text_of(tag, "name")) continue;
		need(&r, "tags", !json_object_get(r.tags, text_of(tag, "name")), "a tag twice");
		(void)json_object_set_new(r.tags, text_of(tag, "name"), json_true());
	}
	check_components(&r, json_object_get(doc, "components"));
	check_paths(&r, json_object_get(doc, "paths"));
	need(&r, "tags", json_object_size(r.tags) == json_object_size(r.used_tags), "a tag that no operation has");
out:
	json_decref(r.ids);
	json_decref(r.tags);
	json_decref(r.used_tags);
}
