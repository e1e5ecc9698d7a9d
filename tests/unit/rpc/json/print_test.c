/* Messages to JSON: the HTTP contract's choices (proto names, null, numbers) where ProtoJSON has others. */
#include <float.h>
#include <stdlib.h>

#include "petfood/v1/plan.pb-c.h"
#include "tests/support/check.h"
#include "tests/unit/rpc/json/kinds.h"

static void test_nulls(struct arena *arena)
{
	Petfood__Test__V1__Plain plain;
	petfood__test__v1__plain__init(&plain);
	CHECK_STR_ROW("J14 J23 an empty message: null for what is unset, the value of what cannot be",
	              json_print_arena(arena, &plain.base),
	              "{\"yes\":false,\"i32\":0,\"u64\":0,\"real\":0,\"single\":0,\"text\":\"\",\"blob\":\"\","
	              "\"colour\":null,\"level\":\"ground\","
	              "\"maybe\":null,\"maybe_number\":null,\"inner\":null,\"texts\":[],\"counts\":{},\"when\":null,"
	              "\"document\":null,\"i64\":0}");
	Petfood__Test__V1__Inner inner;
	petfood__test__v1__inner__init(&inner);
	char *texts[] = { (char *)"a", NULL };
	uint8_t document[] = "{\"a\": 1}";
	plain.yes = true;
	plain.i32 = -1;
	plain.u64 = UINT64_MAX;
	plain.i64 = INT64_MIN;
	plain.real = 4.5;
	plain.single = 0.1F;
	plain.text = NULL; /* a handler that left it out */
	plain.colour = (Petfood__Test__V1__Colour)77;
	plain.maybe = (char *)"";
	plain._maybe_case = PETFOOD__TEST__V1__PLAIN___MAYBE_MAYBE;
	plain.inner = &inner;
	plain.n_texts = 2;
	plain.texts = texts;
	plain.when = json_timestamp(arena, 1767323045123456);
	plain.document = (ProtobufCBinaryData){ sizeof document - 1, document };
	CHECK_STR_ROW("J01 proto names, J02 64 bits as numbers, J08 unknown enum, raw JSON verbatim",
	              json_print_arena(arena, &plain.base),
	              "{\"yes\":true,\"i32\":-1,\"u64\":18446744073709551615,\"real\":4.5,\"single\":0.1,\"text\":\"\","
	              "\"blob\":\"\",\"colour\":null,"
	              "\"level\":\"ground\",\"maybe\":\"\",\"maybe_number\":null,\"inner\":{},\"texts\":[\"a\",\"\"],"
	              "\"counts\":{},"
	              "\"when\":\"2026-01-02T03:04:05.123456Z\",\"document\":{\"a\": 1},\"i64\":-9223372036854775808}");
	struct strbuf heap;
	strbuf_init(&heap, NULL);
	json_print(&heap, &inner.base);
	CHECK_STR(strbuf_str(&heap), "{}");
	strbuf_fini(&heap);
}

static void test_plan(struct arena *arena)
{
	Petfood__V1__PlanSummary plan;
	petfood__v1__plan_summary__init(&plan);
	plan.pet_type = PETFOOD__V1__PET_TYPE__PET_TYPE_CAT;
	plan.pet_weight = 4.5;
	CHECK_STR_ROW(
	    "a message of the contract", json_print_arena(arena, &plan.base),
	    "{\"id\":\"\",\"task_id\":null,\"pet_id\":null,\"pet_type\":\"cat\",\"pet_breed\":null,\"pet_age\":0,\"pet_"
	    "weight\":4.5,"
	    "\"health_status\":null,\"is_active\":false,\"applied_at\":null,\"created_at\":null,\"updated_at\":null}");
}

static void test_times(struct arena *arena)
{
	static const struct {
		const char *label;
		int64_t seconds;
		int32_t nanos;
		const char *want;
	} rows[] = {
		{ "J15 six digits", 1, 500000000, "\"1970-01-01T00:00:01.500000Z\"" },
		{ "J15 the epoch", 0, 0, "\"1970-01-01T00:00:00.000000Z\"" },
		{ "J15 before it", -1, 999999999, "\"1969-12-31T23:59:59.999999Z\"" },
		{ "J15 first", -62135596800, 0, "\"0001-01-01T00:00:00.000000Z\"" },
		{ "J15 last", 253402300799, 999999999, "\"9999-12-31T23:59:59.999999Z\"" },
		{ "too early", -62135596801, 0, "null" },
		{ "too late", 253402300800, 0, "null" },
		{ "far too late", INT64_MAX, 0, "null" },
		{ "nanos too large", 0, 1000000000, "null" },
		{ "nanos negative", 0, -1, "null" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		Petfood__Test__V1__Plain plain;
		Google__Protobuf__Timestamp when;
		petfood__test__v1__plain__init(&plain);
		google__protobuf__timestamp__init(&when);
		when.seconds = rows[i].seconds;
		when.nanos = rows[i].nanos;
		plain.when = &when;
		struct str want = str_printf(arena, "\"when\":%s,", rows[i].want);
		CHECK_ROW(rows[i].label, str_find(json_print_arena(arena, &plain.base), want, 0) != SIZE_MAX);
	}
	int64_t back;
	CHECK_ROW("0 is unset", json_timestamp(arena, 0) == NULL);
	CHECK(json_timestamp_us(json_timestamp(arena, -1), &back) && back == -1);
	CHECK(json_timestamp(arena, -1)->seconds == -1 && json_timestamp(arena, -1)->nanos == 999999000);
}

static void test_doubles(struct arena *arena)
{
	static const struct {
		double value;
		const char *want;
	} rows[] = {
		{ 0, "0" },
		{ 4, "4" },
		{ 0.1, "0.1" },
		{ 0.1 + 0.2, "0.30000000000000004" },
		{ 1e21, "1e+21" },
		{ -2.5e-7, "-2.5e-07" },
		{ 1.0 / 3, "0.3333333333333333" },
		{ 123456789012345680.0, "1.2345678901234568e+17" },
		{ DBL_MAX, "1.7976931348623157e+308" },
		{ 5e-324, "4.94065645841247e-324" },
		{ (double)INFINITY, "\"Infinity\"" },
		{ -(double)INFINITY, "\"-Infinity\"" },
		{ (double)NAN, "\"NaN\"" },
		{ -(double)NAN, "\"NaN\"" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct strbuf out;
		strbuf_init(&out, arena);
		json_print_double(&out, rows[i].value);
		CHECK_STR_ROW("J07 shortest text", strbuf_str(&out), rows[i].want);
		if (isfinite(rows[i].value)) CHECK_ROW(rows[i].want, strtod(out.data, NULL) == rows[i].value);
	}
	static const struct {
		float value;
		const char *want;
	} floats[] = { { 0.1F, "0.1" },
		       { FLT_MAX, "3.4028235e+38" },
		       { 16777216.0F, "16777216" },
		       { INFINITY, "\"Infinity\"" },
		       { -INFINITY, "\"-Infinity\"" },
		       { NAN, "\"NaN\"" } };
	for (size_t i = 0; i < COUNT(floats); i++) {
		struct strbuf out;
		strbuf_init(&out, arena);
		json_print_float(&out, floats[i].value);
		CHECK_STR_ROW("J07 single precision", strbuf_str(&out), floats[i].want);
	}
	uint64_t bits = 88172645463325252;
	for (int i = 0; i < 20000; i++) { /* any double reads back the same */
		double value;
		bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
		memcpy(&value, &bits, sizeof value);
		if (!isfinite(value)) continue;
		struct arena_mark mark = arena_mark(arena);
		struct strbuf out;
		strbuf_init(&out, arena);
		json_print_double(&out, value);
		CHECK(strtod(out.data, NULL) == value);
		arena_rewind(arena, mark);
	}
}

/* Messages that a handler filled badly, or that came off the wire: each has a printed form, and it is JSON. */
static void test_odd_messages(struct arena *arena)
{
	Petfood__Test__V1__Kinds kinds;
	petfood__test__v1__kinds__init(&kinds);
	Petfood__Test__V1__Colour colours[] = { PETFOOD__TEST__V1__COLOUR__COLOUR_RED, (Petfood__Test__V1__Colour)77,
		                                PETFOOD__TEST__V1__COLOUR__COLOUR_UNSPECIFIED };
	Petfood__Test__V1__Inner *inners[] = { NULL };
	Google__Protobuf__Timestamp never, *times[] = { &never, NULL };
	google__protobuf__timestamp__init(&never);
	never.nanos = -1;
	kinds.colour = (Petfood__Test__V1__Colour)-77;
	kinds.n_colours = COUNT(colours);
	kinds.colours = colours;
	kinds.n_inners = COUNT(inners);
	kinds.inners = inners;
	kinds.n_times = COUNT(times);
	kinds.times = times;
	CHECK_STR_ROW("J08 J15 a list keeps its places", json_print_arena(arena, &kinds.base),
	              "{\"colours\":[\"red\",null,null],\"inners\":[null],\"times\":[null,null]}");
	petfood__test__v1__kinds__init(&kinds);
	kinds.colour = (Petfood__Test__V1__Colour)77;
	CHECK_STR_ROW("J23 PRINT_OMIT: what is nothing is left out, never null", json_print_arena(arena, &kinds.base),
	              "{}");

	enum { DEEP = JSON_DEPTH_MAX + 20 };
	static Petfood__Test__V1__Tree trees[DEEP];
	for (int i = 0; i < DEEP; i++) {
		petfood__test__v1__tree__init(&trees[i]);
		if (i) trees[i - 1].next = &trees[i];
	}
	struct strbuf want;
	strbuf_init(&want, arena);
	for (int i = 0; i < JSON_DEPTH_MAX; i++) strbuf_add_cstr(&want, "{\"next\":");
	strbuf_add_cstr(&want, "null");
	for (int i = 0; i < JSON_DEPTH_MAX; i++) strbuf_add_char(&want, '}');
	CHECK_STR_ROW("J22 printing ends where reading does", json_print_arena(arena, &trees[0].base), want.data);
}

static void test_maps(struct arena *arena)
{
	const struct message_side *side;
	ProtobufCMessage *message = kinds_message(arena, "Kinds", &side);
	struct error err = { 0 };
	static const char json[] =
	    "{\"counts\":{\"\\\"\\n猫\":1},\"names\":{\"-5\":\"x\"},\"sides\":{\"false\":{},\"true\":{\"number\":3}},"
	    "\"palette\":{\"4294967295\":\"red\"}}";
	CHECK_OK(json_to_message(arena, str_from(json), side, NULL, message, &err), &err);
	CHECK_STR_ROW("J10 keys of every kind are texts", json_print_arena(arena, message), json);
}

static void test_strings(struct arena *arena)
{
	static const struct {
		const char *label;
		struct str text;
		const char *want;
	} rows[] = {
		{ "plain", STR("abc"), "\"abc\"" },
		{ "empty", STR(""), "\"\"" },
		{ "escapes", STR("\"\\/\n\r\t\x01\x1f\x7f"), "\"\\\"\\\\/\\n\\r\\t\\u0001\\u001f\x7f\"" },
		{ "non-ASCII stays", STR("猫🐱é"), "\"猫🐱é\"" },
		{ "NUL", STR("a\0b"), "\"a\\u0000b\"" },
		{ "not UTF-8 becomes U+FFFD, what follows stays",
		  STR("a\xff\xe7\x8c"
		      "b\xc3"),
		  "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
		  "b\xef\xbf\xbd\"" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct strbuf out;
		strbuf_init(&out, arena);
		json_print_string(&out, rows[i].text);
		CHECK_STR_ROW(rows[i].label, strbuf_str(&out), rows[i].want);
	}
}

int main(void)
{
	struct arena *arena = arena_create(0);
	test_nulls(arena);
	test_plan(arena);
	test_times(arena);
	test_doubles(arena);
	test_odd_messages(arena);
	test_maps(arena);
	test_strings(arena);
	arena_destroy(&arena);
	return check_done("unit_json_print");
}
