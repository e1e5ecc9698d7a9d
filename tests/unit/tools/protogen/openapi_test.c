/* The embedded openapi.json against the route table and the contract. */
#include <jansson.h>
#include <stdlib.h>

#include "rpc/json/tables.h"
#include "tests/support/check.h"

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

/* Every $ref leads somewhere, and every schema is led to. */
static void follow_refs(json_t *doc, json_t *value, json_t *seen)
{
	const char *key;
	size_t i;
	json_t *inner;
	json_object_foreach(value, key, inner)
	{
		if (strcmp(key, "$ref") == 0) {
			struct str rest = str_from(json_string_value(inner)), part;
			json_t *target = doc;
			CHECK(str_split(&rest, '/', &part) && str_equal(part, STR("#")));
			while (target && str_split(&rest, '/', &part)) {
				char name[128];
				(void)snprintf(name, sizeof name, STR_FMT, STR_ARG(part));
				target = json_object_get(target, name);
			}
			CHECK_ROW(json_string_value(inner), target != NULL);
			(void)json_object_set_new(seen, json_string_value(inner), json_true());
		}
		follow_refs(doc, inner, seen);
	}
	if (json_is_array(value)) json_array_foreach(value, i, inner) follow_refs(doc, inner, seen);
}

static void test_refs(json_t *doc)
{
	json_t *seen = json_object(), *schema;
	const char *name;
	follow_refs(doc, doc, seen);
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
	json_t *event = at(doc, "components|schemas|petfood.v1.ProgressEvent");
	CHECK_ROW("what is left out is neither required nor null",
	          lists(at(event, "required"), "type") && !lists(at(event, "required"), "node"));
	CHECK_STR(str_from(text(event, "properties|node|type")), "string");
	CHECK_ROW("messages between processes are not shown", !at(doc, "components|schemas|petfood.rpc.v1.RpcRequest"));
}

int main(void)
{
	json_error_t error;
	json_t *doc = json_loadb(openapi_json, openapi_json_len, JSON_REJECT_DUPLICATES, &error);
	if (!doc) die("openapi.json, line %d: %s", error.line, error.text);
	test_refs(doc);
	test_routes(doc);
	test_content(doc);
	test_descriptions(doc);
	json_decref(doc);
	return check_done("unit_openapi");
}
