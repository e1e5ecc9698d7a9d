/* The embedded openapi.json against the rules of OpenAPI, the route table, the parser and printer, and the contract. */
#include <jansson.h>
#include <stdlib.h>

#include "rpc/json/json.h"
#include "rpc/wire/validate.h"
#include "tests/support/check.h"
#include "tests/unit/tools/protogen/openapi_rules.h"

/* A member by a path such as "paths|/api/v1/plans|get"; NULL if there is none. */
static json_t *at(json_t *value, const char *path)
{
	struct str rest = str_from(path), name;
	while (value && str_split(&rest, '|', &name)) {
		char key[128];
		(void)snprintf(key, sizeof key, STR_FMT, STR_ARG(name));
		value = json_is_array(value) ? json_array_get(value, (size_t)atoi(key)) : json_object_get(value, key);
	}
	return value;
}

static const char *text(json_t *doc, const char *path)
{
	const char *s = json_string_value(at(doc, path));
	return s ? s : "(none)";
}

static bool lists(json_t *list, const char *word)
{
	size_t i;
	json_t *item;
	json_array_foreach(list, i,
	                   item) if (json_is_string(item) && strcmp(json_string_value(item), word) == 0) return true;
	return false;
}

/* Gathers every $ref of the document. */
static void gather_refs(json_t *value, json_t *seen)
{
	const char *key;
	size_t i;
	json_t *inner;
	json_object_foreach(value, key, inner)
	{
		if (strcmp(key, "$ref") == 0 && json_is_string(inner))
			(void)json_object_set_new(seen, json_string_value(inner), json_true());
		gather_refs(inner, seen);
	}
	if (json_is_array(value)) json_array_foreach(value, i, inner) gather_refs(inner, seen);
}

/* No schema lies about that nothing leads to. */
static void test_refs(json_t *doc)
{
	json_t *seen = json_object(), *schema;
	const char *name;
	gather_refs(doc, seen);
	json_object_foreach(at(doc, "components|schemas"), name, schema)
	{
		char ref[160];
		(void)snprintf(ref, sizeof ref, "#/components/schemas/%s", name);
		CHECK_ROW(name, json_object_get(seen, ref) != NULL);
	}
	json_decref(seen);
}

static void test_routes(json_t *doc)
{
	static const char *const verbs[] = { "get", "put", "post", "delete", "patch" };
	size_t operations = 0;
	const char *path;
	json_t *item;
	json_object_foreach(at(doc, "paths"), path, item) if (strncmp(text(item, "get|operationId"), "Operation_",
	                                                              10) != 0) operations += json_object_size(item);
	CHECK(route_count > 0 && operations == route_count);
	json_t *ids = json_object();
	for (size_t i = 0; i < route_count; i++) {
		const struct route_side *r = &route_table[i];
		json_t *op = json_object_get(at(at(doc, "paths"), r->path), verbs[r->verb]);
		if (!CHECK_ROW(r->path, op != NULL)) continue;
		CHECK_ROW(r->path, json_object_set_new(ids, text(op, "operationId"), json_true()) == 0);
		CHECK_ROW(r->path, (json_array_size(at(op, "security")) == 0) == (r->method->auth == AUTH_NONE));
		CHECK_ROW(r->path, (at(op, "requestBody") != NULL) == (r->body_all || r->body_field));
		CHECK_ROW(r->path,
		          (at(op, "responses|200|content|text/event-stream") != NULL) == r->method->opens_stream);
		CHECK_ROW(r->path, r->method->opens_stream ||
		                       at(op, "responses|200|content|application/json|schema|properties|data") != NULL);
		CHECK_ROW(r->path, at(op, "responses|default") != NULL &&
		                       (at(op, "responses|401") != NULL) == (r->method->auth != AUTH_NONE));
		size_t path_parameters = 0, variables = 0, k;
		json_t *parameter;
		json_array_foreach(at(op, "parameters"), k, parameter) path_parameters +=
		    strcmp(text(parameter, "in"), "path") == 0;
		for (k = 0; k < r->segment_count; k++) variables += r->segments[k].kind != SEGMENT_LITERAL;
		CHECK_ROW(r->path, path_parameters == variables);
	}
	CHECK_ROW("operation ids are unique", json_object_size(ids) == route_count);
	json_decref(ids);
}

/* Whoever reads the page of operations finds a word on each of them, and on each field. */
static void test_descriptions(json_t *doc)
{
	const char *path, *verb, *name, *field;
	json_t *item, *op, *schema, *property, *one;
	size_t i;
	json_object_foreach(at(doc, "paths"), path, item)
	{
		json_object_foreach(item, verb, op)
		{
			const char *summary = text(op, "summary");
			CHECK_ROW(path, *summary && summary[strlen(summary) - 1] != '.' && !strstr(summary, ". "));
			CHECK_ROW(path, strncmp(text(op, "description"), summary, strlen(summary)) == 0);
			json_array_foreach(at(op, "parameters"), i, one)
			    CHECK_ROW(text(one, "name"), *text(one, "description"));
		}
	}
	json_object_foreach(at(doc, "components|schemas"), name, schema)
	{
		CHECK_ROW(name, *text(schema, "description"));
		json_object_foreach(at(schema, "properties"), field,
		                    property) if (!CHECK_ROW(name, *text(property, "description")))
		    printf("  %s\n", field);
	}
	CHECK_STR(str_from(text(doc, "paths|/api/v1/plans|get|summary")),
	          "Lists the plans of the caller, newest first; drafts are not among them");
	CHECK_STR(str_from(text(doc, "paths|/readyz|get|summary")), "Says whether requests can be served");
	CHECK(at(doc, "paths|/readyz|get|responses|503") != NULL &&
	      at(doc, "paths|/metrics|get|responses|200|content|text/plain") != NULL);
}

static json_t *parameter(json_t *op, const char *name)
{
	size_t i;
	json_t *p;
	json_array_foreach(at(op, "parameters"), i, p) if (strcmp(text(p, "name"), name) == 0) return p;
	return NULL;
}

static void test_content(json_t *doc)
{
	CHECK_STR(str_from(text(doc, "openapi")), "3.1.0");
	CHECK(strstr(text(doc, "info|description"), "petfood/v1/plan.proto") != NULL);
	CHECK_STR(str_from(text(doc, "components|securitySchemes|bearer|scheme")), "bearer");
	json_t *list = at(doc, "paths|/api/v1/plans|get");
	json_t *size = parameter(list, "page_size");
	CHECK(size && json_integer_value(at(size, "schema|minimum")) == 1 &&
	      json_integer_value(at(size, "schema|maximum")) == 100 &&
	      json_integer_value(at(size, "schema|default")) == 10 && !at(size, "required"));
	CHECK(parameter(list, "pet_type") && lists(at(parameter(list, "pet_type"), "schema|enum"), "cat"));
	json_t *get = at(doc, "paths|/api/v1/plans/{id}|get");
	CHECK(parameter(get, "id") && json_is_true(at(parameter(get, "id"), "required")));
	CHECK_STR(str_from(text(get, "responses|200|content|application/json|schema|properties|data|$ref")),
	          "#/components/schemas/petfood.v1.Plan");
	CHECK(json_is_integer(at(get, "responses|200|content|application/json|schema|properties|code|const")));
	json_t *create = at(doc, "paths|/api/v1/plans|post");
	CHECK(parameter(create, "Idempotency-Key") != NULL);
	CHECK_STR(str_from(text(create, "requestBody|content|application/json|schema|$ref")),
	          "#/components/schemas/petfood.v1.CreatePlanRequest");
	CHECK_STR(str_from(text(create, "description")), "Starts a plan; it is stored for good once it is made.");
	json_t *resume = at(doc, "paths|/api/v1/plans/stream|get");
	CHECK(parameter(resume, "Last-Event-ID") && at(resume, "responses|204") && parameter(resume, "task_id") &&
	      json_is_true(at(parameter(resume, "task_id"), "required")));

	json_t *request = at(doc, "components|schemas|petfood.v1.CreatePlanRequest|properties");
	CHECK(json_number_value(at(request, "pet_age|exclusiveMinimum")) == 0 &&
	      json_number_value(at(request, "pet_age|maximum")) == 600);
	CHECK(lists(at(request, "pet_age|type"), "integer") && lists(at(request, "pet_age|type"), "null"));
	CHECK_STR(str_from(text(request, "pet_age|description")), "Months.");
	CHECK(json_integer_value(at(request, "pet_breed|maxLength")) == 100);
	CHECK(json_integer_value(at(request, "dislikes|maxItems")) == 30 &&
	      json_integer_value(at(request, "dislikes|items|maxLength")) == 50);
	json_t *plan = at(doc, "components|schemas|petfood.v1.Plan");
	CHECK(lists(at(plan, "required"), "task_id") && lists(at(plan, "properties|task_id|type"), "null"));
	CHECK_STR(str_from(text(plan, "properties|created_at|format")), "date-time");
	CHECK_STR(str_from(text(plan, "properties|plan_data|anyOf|0|$ref")),
	          "#/components/schemas/petfood.v1.PlanData");
	CHECK_STR(str_from(text(doc, "components|schemas|petfood.v1.MicroNutrients|properties|additional_nutrients|"
	                             "additionalProperties|$ref")),
	          "#/components/schemas/petfood.v1.Amount");
	json_t *update = at(doc, "paths|/api/v1/pets/{id}|put|requestBody|content|application/json|schema|properties");
	CHECK_ROW("a list as a message is a list that may be null",
	          lists(at(update, "allergens|type"), "array") && lists(at(update, "allergens|type"), "null") &&
	              json_integer_value(at(update, "allergens|maxItems")) == 30 &&
	              json_integer_value(at(update, "allergens|items|maxLength")) == 50);
	CHECK_ROW("and no schema of its own", update && !at(doc, "components|schemas|petfood.v1.TextList"));
	CHECK_ROW("an enum's word", lists(at(update, "gender|enum"), "") && lists(at(update, "gender|enum"), "female") &&
	                                !lists(at(update, "gender|enum"), "none"));
	json_t *event = at(doc, "components|schemas|petfood.v1.ProgressEvent");
	CHECK_ROW("what is left out is neither required nor null",
	          lists(at(event, "required"), "type") && !lists(at(event, "required"), "node"));
	CHECK_STR(str_from(text(event, "properties|node|type")), "string");
	CHECK_ROW("messages between processes are not shown", !at(doc, "components|schemas|petfood.rpc.v1.RpcRequest"));
}

/* B38: the document keeps the rules of OpenAPI 3.1 and JSON Schema. */
static void test_b38_valid(json_t *doc)
{
	struct strbuf faults;
	strbuf_init(&faults, NULL);
	strbuf_add_cstr(&faults, "");
	openapi_check(doc, &faults);
	if (!CHECK_ROW("B38 valid", faults.len == 0)) (void)printf("%s", faults.data);
	strbuf_fini(&faults);
}

/* ... and whoever breaks one is told so: where NULL is set, the member goes. */
static void test_b38_rules(const json_t *doc)
{
	static const struct {
		const char *object, *key, *json, *says;
	} breaks[] = {
		{ "", "openapi", "\"3.0.3\"", "openapi: is not 3.1" },
		{ "info", "version", NULL, "info: has no version" },
		{ "info", "licence", "1", "info: unknown key licence" },
		{ "paths|/api/v1/plans|get", "operationId", NULL, "get /api/v1/plans: has no operationId" },
		{ "paths|/api/v1/plans|get", "operationId", "\"PlanService_GetPlan\"",
		  "operationId of another operation" },
		{ "paths|/api/v1/plans|get", "responses", "{}", "get /api/v1/plans: no responses" },
		{ "paths|/api/v1/plans|get|responses", "2xx", "{\"description\": \"a\"}",
		  "get /api/v1/plans 2xx: is no status" },
		{ "paths|/api/v1/plans|get|responses|200", "description", NULL,
		  "get /api/v1/plans 200: has no description" },
		{ "paths|/api/v1/plans|get|responses|422", "$ref", "\"#/components/responses/None\"",
		  "get /api/v1/plans 422: $ref leads nowhere" },
		{ "paths|/api/v1/plans|get", "requestBody", "{\"content\": {\"a/b\": {\"schema\": {}}}}",
		  "get /api/v1/plans: a body where none means anything" },
		{ "paths|/api/v1/plans|get", "tags", "[\"Nobody\"]", "get /api/v1/plans: a tag that is not declared" },
		{ "paths|/api/v1/plans|get", "security", "[{\"cookie\": []}]",
		  "get /api/v1/plans: a security scheme that is not declared" },
		{ "paths|/api/v1/plans|get|parameters|0", "in", "\"body\"",
		  "get /api/v1/plans pet_type: in is no place" },
		{ "paths|/api/v1/plans|get|parameters|0", "name", "\"page\"",
		  "get /api/v1/plans page: a parameter twice" },
		{ "paths|/api/v1/plans|get|parameters|1", "example", "0", "get /api/v1/plans page: out of bounds" },
		{ "paths|/api/v1/plans|get|parameters|0", "example", "\"horse\"",
		  "get /api/v1/plans pet_type: not in the enum" },
		{ "paths|/api/v1/plans|get|parameters|1|schema", "default", "\"1\"",
		  "get /api/v1/plans page: another type" },
		{ "paths|/api/v1/plans/{id}|get", "parameters", "[]",
		  "get /api/v1/plans/{id}: a variable of the path without a parameter" },
		{ "paths|/api/v1/plans/{id}|get|parameters|0", "name", "\"other\"",
		  "get /api/v1/plans/{id}: a path parameter that the path has not" },
		{ "paths|/api/v1/plans/{id}|get|parameters|0", "required", NULL,
		  "get /api/v1/plans/{id}: a path parameter that is not required" },
		{ "paths|/api/v1/plans/{id}", "trace", "{}", "trace /api/v1/plans/{id}: is no verb" },
		{ "paths", "/api/v1/plans/{other}", "{}", "/api/v1/plans/{other}: the same path as another" },
		{ "paths", "/a/{b", "{}", "/a/{b: no operations" },
		{ "components|schemas|petfood.v1.Plan|properties|id", "type", "\"text\"",
		  "type is no type of JSON Schema" },
		{ "components|schemas|petfood.v1.Plan|properties|id", "type", "[\"string\", \"string\"]",
		  "type lists one twice" },
		{ "components|schemas|petfood.v1.Plan|properties|id", "format", "\"guid\"", "unknown format" },
		{ "components|schemas|petfood.v1.Plan|properties|id", "enum", "[]", "enum is no list, or empty" },
		{ "components|schemas|petfood.v1.Plan|properties|id", "items", "{}",
		  "an array has items, nothing else has" },
		{ "components|schemas|petfood.v1.Plan|properties|id", "maximum", "\"1\"", "minimum is above maximum" },
		{ "components|schemas|petfood.v1.Plan|properties", "id", NULL,
		  "components/schemas/petfood.v1.Plan: required names no property" },
		{ "components|schemas|petfood.v1.Plan|properties|plan_data|anyOf|0", "$ref",
		  "\"#/components/schemas/None\"", "$ref leads nowhere" },
		{ "components|schemas", "a b", "{}", "components/schemas/a b: a name with odd characters" },
		{ "paths|/api/v1/plans|post|requestBody|content|application/json|example", "pet_age", "0",
		  "post /api/v1/plans/pet_age: out of bounds" },
		{ "paths|/api/v1/plans|post|requestBody|content|application/json|example", "colour", "1",
		  "post /api/v1/plans/colour: no such property" },
		{ "paths|/api/v1/plans|post|responses|200|content|application/json|example|data", "task_id", NULL,
		  "post /api/v1/plans 200/data: task_id is missing" },
		{ "paths|/api/v1/plans|post|responses|200|content|application/json|example", "code", "1",
		  "post /api/v1/plans 200/code: not the constant" },
	};
	for (size_t i = 0; i < COUNT(breaks); i++) {
		json_t *copy = json_deep_copy(doc), *object = *breaks[i].object ? at(copy, breaks[i].object) : copy;
		struct strbuf faults;
		strbuf_init(&faults, NULL);
		strbuf_add_cstr(&faults, "");
		if (CHECK_ROW(breaks[i].says, object != NULL)) {
			if (breaks[i].json)
				(void)json_object_set_new(object, breaks[i].key,
				                          json_loads(breaks[i].json, JSON_DECODE_ANY, NULL));
			else
				(void)json_object_del(object, breaks[i].key);
		}
		openapi_check(copy, &faults);
		if (!CHECK_ROW(breaks[i].says, str_find(strbuf_str(&faults), str_from(breaks[i].says), 0) != SIZE_MAX))
			(void)printf("  got %s\n", faults.data);
		strbuf_fini(&faults);
		json_decref(copy);
	}
}

/* ---- B38: every example is read by our parser, kept by the rules, and printed as it was ---- */

static bool is_nothing(const json_t *value)
{
	return json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0) ||
	       (json_is_object(value) && json_object_size(value) == 0);
}

/* The same value, but for members that were not given: those are printed as null or as an empty list. */
static bool same_but_nothing(json_t *example, json_t *printed)
{
	const char *key;
	json_t *one;
	size_t i;
	if (json_is_object(example) && json_is_object(printed)) {
		json_object_foreach(example, key,
		                    one) if (!json_object_get(printed, key) ||
		                             !same_but_nothing(one, json_object_get(printed, key))) return false;
		json_object_foreach(printed, key,
		                    one) if (!json_object_get(example, key) && !is_nothing(one)) return false;
		return true;
	}
	if (json_is_array(example) && json_array_size(example) == json_array_size(printed)) {
		json_array_foreach(example, i,
		                   one) if (!same_but_nothing(one, json_array_get(printed, i))) return false;
		return true;
	}
	if (json_is_number(example) && json_is_number(printed))
		return json_number_value(example) == json_number_value(printed);
	return json_equal(example, printed);
}

/* route: its path carries what the body then does not; NULL: none. */
static void round_trip(struct arena *arena, const char *label, json_t *example, const struct message_side *side,
                       const struct route_side *route)
{
	if (!CHECK_ROW(label, example != NULL && side != NULL)) return;
	struct json_parse_options strict = { .refuse_unknown = true, .refuse_enum_numbers = true, .lang = LANG_EN };
	struct error err = { 0 };
	ProtobufCMessage *message = arena_alloc(arena, side->descriptor->sizeof_message);
	protobuf_c_message_init(side->descriptor, message);
	char *text = json_dumps(example, JSON_COMPACT);
	if (CHECK_OK(json_to_message(arena, str_from(text), side, &strict, message, &err), &err) &&
	    CHECK_OK(message_validate(side, message, LANG_EN, &err), &err)) {
		struct str printed = json_print_arena(arena, message);
		json_t *back = json_loadb(printed.ptr, printed.len, JSON_REJECT_DUPLICATES, NULL);
		for (size_t i = 0; route && i < route->segment_count; i++)
			if (route->segments[i].field)
				(void)json_object_del(back, route->segments[i].field->field->name);
		if (!CHECK_ROW(label, back && same_but_nothing(example, back)))
			(void)printf("  example %s\n  printed " STR_FMT "\n", text, STR_ARG(printed));
		json_decref(back);
	} else {
		(void)printf("  %s: %s: %s %s\n", label, text, err.violations[0].field, err.violations[0].message);
	}
	free(text);
}

static const char *name_of(json_t *parameter) { return text(parameter, "name"); }

/* A parameter is set from its text; a list repeats its name. */
static void set_parameter(struct arena *arena, const char *label, const struct route_side *route, json_t *parameter)
{
	const struct message_side *side = route->method->request;
	struct json_parse_options options = { .refuse_enum_numbers = true, .lang = LANG_EN };
	ProtobufCMessage *message = arena_alloc(arena, side->descriptor->sizeof_message);
	protobuf_c_message_init(side->descriptor, message);
	json_t *example = at(parameter, "example"),
	       *list = json_is_array(example) ? json_incref(example) : json_pack("[O]", example), *one;
	struct error err = { 0 };
	size_t i;
	if (!CHECK_ROW(label, list && json_array_size(list) > 0)) return;
	json_array_foreach(list, i, one)
	{
		char *text = json_is_string(one) ? strdup(json_string_value(one)) : json_dumps(one, JSON_ENCODE_ANY);
		CHECK_OK(
		    json_set_field(arena, side, message, str_from(name_of(parameter)), str_from(text), &options, &err),
		    &err);
		free(text);
	}
	struct str printed = json_print_arena(arena, message);
	json_t *back = json_loadb(printed.ptr, printed.len, 0, NULL), *value = back;
	struct str rest = str_from(name_of(parameter)), name;
	while (str_split(&rest, '.', &name)) value = json_object_getn(value, name.ptr, name.len);
	CHECK_ROW(label, value && same_but_nothing(example, value));
	json_decref(back);
	json_decref(list);
}

static void test_b38_examples(json_t *doc)
{
	static const char *const verbs[] = { "get", "put", "post", "delete", "patch" };
	struct arena *arena = arena_create(0);
	size_t bodies = 0, replies = 0, parameters = 0, i;
	for (size_t k = 0; k < route_count; k++) {
		const struct route_side *r = &route_table[k];
		char label[160];
		(void)snprintf(label, sizeof label, "B38 example of %s %s", verbs[r->verb], r->path);
		json_t *op = json_object_get(at(at(doc, "paths"), r->path), verbs[r->verb]), *one;
		if (r->body_all || r->body_field) {
			round_trip(arena, label, at(op, "requestBody|content|application/json|example"),
			           r->body_field ? r->body_field->message : r->method->request,
			           r->body_all ? r : NULL);
			bodies++;
		}
		if (!r->method->opens_stream && !r->response_field) {
			round_trip(arena, label, at(op, "responses|200|content|application/json|example|data"),
			           r->method->reply, NULL);
			replies++;
		}
		json_array_foreach(at(op, "parameters"), i, one)
		{
			if (strcmp(text(one, "in"), "header") == 0) continue;
			set_parameter(arena, label, r, one);
			parameters++;
		}
	}
	CHECK_ROW("B38 there are examples", bodies >= 2 && replies >= 8 && parameters >= 10);
	/* documents inside bytes fields, which the parser of the message around them takes as they are */
	static const struct {
		const char *operation, *inside, *message;
	} documents[] = {
		{ "paths|/api/v1/plans/{id}|get", "plan_data", "petfood.v1.PlanData" },
		{ "paths|/api/v1/tasks/{id}/result|get", "output", "petfood.v1.CompletedEvent" },
		{ "paths|/api/v1/tasks/{id}/events|get", "events|0|data", "petfood.v1.ProgressEvent" },
	};
	for (i = 0; i < COUNT(documents); i++)
		round_trip(
		    arena, documents[i].message,
		    at(at(at(doc, documents[i].operation), "responses|200|content|application/json|example|data"),
		       documents[i].inside),
		    message_by_name(str_from(documents[i].message)), NULL);
	arena_destroy(&arena);
}

int main(void)
{
	json_error_t error;
	json_t *doc = json_loadb(openapi_json, openapi_json_len, JSON_REJECT_DUPLICATES, &error);
	if (!doc) die("openapi.json, line %d: %s", error.line, error.text);
	test_b38_valid(doc);
	test_b38_rules(doc);
	test_b38_examples(doc);
	test_refs(doc);
	test_routes(doc);
	test_content(doc);
	test_descriptions(doc);
	json_decref(doc);
	return check_done("unit_openapi");
}
