/* The generated tables: that they say what the .proto says, and that they agree with protobuf-c's own descriptors. */
#include "tests/support/check.h"
#include "tests/unit/rpc/json/kinds.h"

static bool same_field(const ProtobufCFieldDescriptor *a, const ProtobufCFieldDescriptor *b)
{
	return strcmp(a->name, b->name) == 0 && a->id == b->id && a->label == b->label && a->type == b->type &&
	       a->quantifier_offset == b->quantifier_offset && a->offset == b->offset &&
	       a->descriptor == b->descriptor && a->flags == b->flags && a->default_value == b->default_value;
}

/* The tables carry field descriptors of their own, because those of protobuf-c are private to its files. */
static void test_descriptors(void)
{
	CHECK(message_count > 40);
	for (size_t i = 0; i < message_count; i++) {
		const struct message_side *side = message_table[i];
		const char *name = side->descriptor->name;
		CHECK_ROW(name, side->field_count == side->descriptor->n_fields);
		for (size_t k = 0; k < side->field_count && k < side->descriptor->n_fields; k++)
			CHECK_ROW(side->fields[k].field->name,
			          same_field(side->fields[k].field, &side->descriptor->fields[k]));
		CHECK_ROW(name, i == 0 || strcmp(message_table[i - 1]->descriptor->name, name) < 0);
		CHECK_ROW(name, message_side_of(side->descriptor) == side && message_by_name(str_from(name)) == side);
	}
	CHECK(message_by_name(STR("petfood.v1.Plan")) != NULL);
	CHECK(!message_by_name(STR("")) && !message_by_name(STR("petfood.v1.Pla")) &&
	      !message_by_name(STR("petfood.v1.Plan2")));
	CHECK(!message_side_of(&google__protobuf__timestamp__descriptor));
}

static const struct field_side *field(const char *message, const char *name)
{
	const struct message_side *side = message_by_name(str_from(message));
	const struct field_side *f = side ? field_by_name(side, str_from(name)) : NULL;
	if (!f) die("no %s of %s", name, message);
	return f;
}

static void test_fields(void)
{
	const char *kinds = "petfood.test.v1.Kinds";
	CHECK(field(kinds, "i32")->presence == FIELD_OPTIONAL);
	CHECK(field(kinds, "colour")->presence == FIELD_IMPLICIT);
	CHECK(field(kinds, "inner")->presence == FIELD_MESSAGE &&
	      field(kinds, "inner")->message == message_by_name(STR("petfood.test.v1.Inner")));
	CHECK(field(kinds, "texts")->presence == FIELD_REPEATED);
	CHECK(field(kinds, "counts")->presence == FIELD_MAP && field(kinds, "counts")->message->field_count == 2);
	CHECK(field(kinds, "choice_text")->presence == FIELD_ONEOF);
	CHECK(field(kinds, "when")->timestamp && !field(kinds, "when")->message);
	CHECK(field(kinds, "document")->raw_json && !field(kinds, "blob")->raw_json);
	CHECK(field(kinds, "otherName") == field(kinds, "renamed"));
	CHECK_STR(str_from(field(kinds, "two_words")->json_name), "twoWords");
	CHECK_STR(str_from(field(kinds, "greeting")->default_value), "hello");
	CHECK(!field(kinds, "text")->default_value && !field(kinds, "text")->rule.any &&
	      field(kinds, "half")->rule.any);
	CHECK(message_by_name(STR("petfood.test.v1.Kinds"))->omit_unset &&
	      !message_by_name(STR("petfood.test.v1.Plain"))->omit_unset);
	const struct field_rule *age = &field("petfood.v1.CreatePlanRequest", "pet_age")->rule;
	CHECK(age->has_gt && age->gt == 0 && age->has_lte && age->lte == 600 && !age->has_gte && !age->has_lt);
	const struct field_rule *dislikes = &field("petfood.v1.CreatePlanRequest", "dislikes")->rule;
	CHECK(dislikes->max_items == 30 && dislikes->item_max_chars == 50);
	CHECK(field("petfood.v1.ResumePlanStreamRequest", "task_id")->rule.required);
	CHECK_STR(str_from(field("petfood.v1.CreatePlanRequest", "pet_age")->doc), "Months.");
	CHECK_STR_ROW("a comment behind", str_from(field("petfood.v1.MicroNutrients", "vitamin_a")->doc), "IU");
	const struct enum_side *colour = field(kinds, "colour")->enumeration;
	int number = 0;
	CHECK(colour->count == 4 && !enum_json_name(colour, 0) && !enum_json_name(colour, 9));
	CHECK_STR(str_from(enum_json_name(colour, -3)), "below");
	CHECK(enum_by_name(colour, STR("COLOUR_BELOW"), &number) && number == -3 &&
	      !enum_by_name(colour, STR("blue"), &number));
}

static void test_presence(struct arena *arena)
{
	static const struct {
		const char *name, *json;
	} rows[] = {
		{ "i32", "{\"i32\":0}" },
		{ "text", "{\"text\":\"\"}" },
		{ "choice_number", "{\"choice_number\":0}" },
		{ "inner", "{\"inner\":{}}" },
		{ "texts", "{\"texts\":[\"\"]}" },
		{ "counts", "{\"counts\":{\"\":0}}" },
		{ "when", "{\"when\":\"1970-01-01T00:00:00Z\"}" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct message_side *side;
		ProtobufCMessage *message = kinds_message(arena, "Kinds", &side);
		struct error err = { 0 };
		CHECK_ROW(rows[i].name, !field_is_set(field("petfood.test.v1.Kinds", rows[i].name), message));
		CHECK_OK(json_to_message(arena, str_from(rows[i].json), side, NULL, message, &err), &err);
		CHECK_ROW(rows[i].name, field_is_set(field("petfood.test.v1.Kinds", rows[i].name), message));
		CHECK_ROW(rows[i].name, field_is_set(field("petfood.test.v1.Kinds", "colour"), message));
		CHECK_ROW(rows[i].name, !field_is_set(field("petfood.test.v1.Kinds", "choice_text"), message));
	}
}

static void test_methods(void)
{
	CHECK(method_count > 3);
	for (size_t i = 0; i < method_count; i++) {
		CHECK_ROW(method_table[i].name, method_by_name(str_from(method_table[i].name)) == &method_table[i]);
		CHECK_ROW(method_table[i].name, method_table[i].auth >= AUTH_NONE && method_table[i].auth <= AUTH_ANY);
	}
	CHECK(!method_by_name(STR("")) && !method_by_name(STR("petfood.test.v1.RouteService/")) &&
	      !method_by_name(STR("zzz")));
	const struct method_side *m = method_by_name(STR("petfood.test.v1.RouteService/Everything"));
	CHECK(m && m->auth == AUTH_NONE && m->pool == POOL_WORKER && m->timeout_ms == 5 &&
	      m->body_limit_bytes == 1 << 20);
	CHECK(m && !m->no_side_effects && !m->idempotent_by_key && !m->opens_stream);
	CHECK_STR(str_from(m->done_zh), "好");
	CHECK_STR_ROW("no trigraph", str_from(m->done_en), "\"good\"?\?/");
	CHECK_STR(str_from(m->doc), "First line, second line.");
	CHECK(m->request == message_by_name(STR("petfood.test.v1.RouteRequest")) &&
	      m->reply == message_by_name(STR("petfood.test.v1.RouteReply")));
	m = method_by_name(STR("petfood.test.v1.RouteService/Rest"));
	CHECK(m && m->auth == AUTH_SERVICE && m->pool == POOL_HASH && m->no_side_effects && m->body_limit_bytes == 99 &&
	      m->timeout_ms == 10000);
	m = method_by_name(STR("petfood.test.v1.RouteService/Plain"));
	CHECK(m && m->auth == AUTH_ANY && m->idempotent_by_key);
	m = method_by_name(STR("petfood.v1.PlanService/CreatePlanStream"));
	CHECK(m && m->opens_stream && m->reply == message_by_name(STR("petfood.v1.StreamOpen")));
}

static const struct route_side *route(enum http_verb verb, const char *path)
{
	for (size_t i = 0; i < route_count; i++)
		if (route_table[i].verb == verb && strcmp(route_table[i].path, path) == 0) return &route_table[i];
	die("no route %s %s", http_verb_names[verb], path);
}

static void test_routes(void)
{
	const struct route_side *r = route(VERB_GET, "/a/{id}:look");
	CHECK_ROW("T07 verb behind a variable", r->segment_count == 2 && strcmp(r->custom_verb, "look") == 0);
	CHECK(r->segments[1].kind == SEGMENT_VARIABLE && strcmp(r->segments[1].text, "id") == 0 &&
	      r->segments[1].field == field("petfood.test.v1.RouteRequest", "id"));
	CHECK_ROW("T03 body absent", !r->body_all && !r->body_field && !r->response_field);
	r = route(VERB_POST, "/caf%C3%A9/{id=*}/b");
	CHECK_ROW("T02 body *", r->body_all && !r->custom_verb);
	CHECK_STR_ROW("T19 literals are decoded", str_from(r->segments[0].text), "café");
	CHECK_ROW("T05 {v=*} is {v}", r->segment_count == 3 && r->segments[1].kind == SEGMENT_VARIABLE &&
	                                 r->segments[2].kind == SEGMENT_LITERAL);
	CHECK_ROW("T15 additional_bindings are routes of the same method",
	          route(VERB_GET, "/look/{id=*}")->method == route(VERB_GET, "/a/{id}:look")->method &&
	              route(VERB_DELETE, "/")->method == route(VERB_GET, "/a/{id}:look")->method);
	r = route(VERB_PUT, "/a/{id}");
	CHECK_ROW("T17 body names a field",
	          r->body_field == field("petfood.test.v1.RouteRequest", "inner") && !r->body_all);
	CHECK_ROW("T16 response_body", r->response_field == field("petfood.test.v1.RouteReply", "inner"));
	CHECK_ROW("T27 the root has no segments", route(VERB_DELETE, "/")->segment_count == 0);
	r = route(VERB_GET, "/files/{path=**}");
	CHECK_ROW("T04 ** is the last", r->segment_count == 2 && r->segments[1].kind == SEGMENT_REST);
	CHECK(route(VERB_GET, "/api/v1/plans")->trailing_slash &&
	      !route(VERB_GET, "/api/v1/plans/{id}")->trailing_slash);
}

int main(void)
{
	struct arena *arena = arena_create(0);
	test_descriptors();
	test_fields();
	test_presence(arena);
	test_methods();
	test_routes();
	arena_destroy(&arena);
	return check_done("unit_json_tables");
}
