/* Validation and unpacking of every kind of field that protobuf has, by a contract made for tests: our own uses only some of them. The
 * rules are put on the fields here, because they are what is tested. */
#include <float.h>
#include <google/protobuf/timestamp.pb-c.h>
#include <inttypes.h>
#include <math.h>

#include "rpc/wire/unpack.h"
#include "rpc/wire/validate.h"
#include "tests/support/check.h"
#include "tests/unit/rpc/json/kinds.h"

static struct arena *arena;

typedef Petfood__Test__V1__Kinds Kinds;

/* Checks one field of a message under a rule; gives "path type" of the only violation, "" if there is none. */
static struct str judge(const ProtobufCMessage *message, const struct message_side *side, const char *name,
                        struct field_rule rule)
{
	const struct field_side *found = field_by_name(side, str_from(name));
	struct error err;
	if (!found) die("no field %s", name);
	struct field_side field = *found;
	struct message_side one = *side;
	rule.any = true;
	field.rule = rule;
	one.fields = &field;
	one.field_count = 1;
	error_clear(&err);
	bool ok = message_validate(&one, message, LANG_EN, &err);
	if (ok) return STR("");
	if (!CHECK_ROW(name, err.violation_count == 1 && error_is(&err, "VALIDATION_FAILED"))) return STR("several");
	return str_printf(arena, "%s %s", err.violations[0].field, err.violations[0].type);
}

static Kinds *kinds(const struct message_side **out_side)
{
	return (Kinds *)(void *)kinds_message(arena, "Kinds", out_side);
}

#define KIND(field, CASE) k->_##field##_case = PETFOOD__TEST__V1__KINDS___##CASE

/* Bounds 10 and 20, both allowed or both not, on every kind of number. */
static void test_numbers(void)
{
	static const struct {
		int value;
		const char *closed, *open;
	} rows[] = {
		{ 9, "greater_than_equal", "greater_than" },
		{ 10, "", "greater_than" },
		{ 11, "", "" },
		{ 19, "", "" },
		{ 20, "", "less_than" },
		{ 21, "less_than_equal", "less_than" },
	};
	static const char *const names[] = { "i32", "s32",  "sf32", "u32", "f32",    "i64",
		                             "s64", "sf64", "u64",  "f64", "single", "real" };
	static const struct field_rule closed = { .has_gte = true, .gte = 10, .has_lte = true, .lte = 20 };
	static const struct field_rule open = { .has_gt = true, .gt = 10, .has_lt = true, .lt = 20 };
	const struct message_side *side;
	for (size_t i = 0; i < COUNT(rows); i++) {
		Kinds *k = kinds(&side);
		int v = rows[i].value;
		k->i32 = v, KIND(i32, I32_I32);
		k->s32 = v, KIND(s32, S32_S32);
		k->sf32 = v, KIND(sf32, SF32_SF32);
		k->u32 = (uint32_t)v, KIND(u32, U32_U32);
		k->f32 = (uint32_t)v, KIND(f32, F32_F32);
		k->i64 = v, KIND(i64, I64_I64);
		k->s64 = v, KIND(s64, S64_S64);
		k->sf64 = v, KIND(sf64, SF64_SF64);
		k->u64 = (uint64_t)v, KIND(u64, U64_U64);
		k->f64 = (uint64_t)v, KIND(f64, F64_F64);
		k->single = (float)v, KIND(single, SINGLE_SINGLE);
		k->real = v, KIND(real, REAL_REAL);
		for (size_t n = 0; n < COUNT(names); n++) {
			const char *label = str_printf(arena, "%s = %d", names[n], v).ptr;
			const char *want_closed =
			    *rows[i].closed ? str_printf(arena, "%s %s", names[n], rows[i].closed).ptr : "";
			const char *want_open =
			    *rows[i].open ? str_printf(arena, "%s %s", names[n], rows[i].open).ptr : "";
			CHECK_STR_ROW(label, judge(&k->base, side, names[n], closed), want_closed);
			CHECK_STR_ROW(label, judge(&k->base, side, names[n], open), want_open);
		}
	}
	/* The ends of each range are seen as what they are. */
	static const struct field_rule above = { .has_gt = true, .gt = 0 };
	Kinds *k = kinds(&side);
	k->u32 = UINT32_MAX, KIND(u32, U32_U32);
	k->u64 = UINT64_MAX, KIND(u64, U64_U64);
	k->i32 = INT32_MIN, KIND(i32, I32_I32);
	k->i64 = INT64_MIN, KIND(i64, I64_I64);
	k->single = -FLT_MIN, KIND(single, SINGLE_SINGLE);
	k->real = NAN, KIND(real, REAL_REAL);
	CHECK_STR(judge(&k->base, side, "u32", above), "");
	CHECK_STR(judge(&k->base, side, "u64", above), "");
	CHECK_STR(judge(&k->base, side, "i32", above), "i32 greater_than");
	CHECK_STR(judge(&k->base, side, "i64", above), "i64 greater_than");
	CHECK_STR(judge(&k->base, side, "single", above), "single greater_than");
	CHECK_STR(judge(&k->base, side, "real", above), "real finite_number");
	k->single = INFINITY;
	CHECK_STR(judge(&k->base, side, "single", above), "single finite_number");
	k = kinds(&side);
	for (size_t n = 0; n < COUNT(names); n++)
		CHECK_STR_ROW("unset is not 0", judge(&k->base, side, names[n], above), "");
}

static void test_lists(void)
{
	static const struct field_rule few = { .max_items = 3, .required = true }, bytes3 = { .max_bytes = 3 },
	                               big = { .has_gte = true, .gte = 10 };
	const struct message_side *side;
	Kinds *k = kinds(&side);
	static const char *const empty[] = { "yeses",   "i64s",   "reals", "texts", "blobs",
		                             "colours", "inners", "times", "counts" };
	for (size_t i = 0; i < COUNT(empty); i++)
		CHECK_STR_ROW("required", judge(&k->base, side, empty[i], few),
		              str_printf(arena, "%s missing", empty[i]).ptr);
	protobuf_c_boolean yeses[4] = { 0, 1, 1, 0 };
	int64_t i64s[4] = { 10, 11, 9, 12 };
	double reals[4] = { 10, 10.5, 11, INFINITY };
	ProtobufCBinaryData blobs[4] = { { 3, (uint8_t *)(uintptr_t) "abc" },
		                         { 0, NULL },
		                         { 4, (uint8_t *)(uintptr_t) "a\0bc" },
		                         { 1, (uint8_t *)(uintptr_t) "x" } };
	Petfood__Test__V1__Colour colours[4] = { 1, 2, -3, 7 };
	k->yeses = yeses, k->i64s = i64s, k->reals = reals, k->blobs = blobs, k->colours = colours;
	k->n_yeses = k->n_i64s = k->n_reals = k->n_blobs = k->n_colours = 3;
	CHECK_STR(judge(&k->base, side, "yeses", few), "");
	CHECK_STR(judge(&k->base, side, "i64s", big), "i64s.2 greater_than_equal");
	CHECK_STR(judge(&k->base, side, "reals", big), "");
	CHECK_STR(judge(&k->base, side, "blobs", bytes3), "blobs.2 string_too_long");
	CHECK_STR(judge(&k->base, side, "colours", few), "");
	k->n_yeses = k->n_i64s = k->n_reals = k->n_blobs = k->n_colours = 4;
	CHECK_STR(judge(&k->base, side, "yeses", few), "yeses too_long");
	CHECK_STR(judge(&k->base, side, "reals", big), "reals.3 finite_number");
	CHECK_STR(judge(&k->base, side, "colours", big), "colours.3 enum");
	/* What is in a list that is too long is not looked at. */
	CHECK_STR(judge(&k->base, side, "reals", few), "reals too_long");
}

/* A list that is a message: judged by the rules of its own field, under the name of the one that holds it. */
static void test_lists_as_messages(void)
{
	static const struct {
		const char *label, *items[5], *want;
		size_t count;
	} rows[] = {
		{ "none", { NULL }, "", 0 },
		{ "as many as may be", { "a", "四个字啊", "" }, "", 3 },
		{ "too many", { "a", "b", "c", "d" }, "list too_long", 4 },
		{ "an item too long", { "a", "12345" }, "list.1 string_too_long", 2 },
	};
	const struct message_side *side;
	for (size_t i = 0; i < COUNT(rows); i++) {
		Kinds *k = kinds(&side);
		Petfood__Test__V1__TextList list = PETFOOD__TEST__V1__TEXT_LIST__INIT;
		list.items = (char **)(uintptr_t)rows[i].items;
		list.n_items = rows[i].count;
		k->list = &list;
		CHECK_STR_ROW(rows[i].label, judge(&k->base, side, "list", (struct field_rule){ .required = true }), rows[i].want);
	}
	CHECK_STR_ROW("no list at all", judge(&kinds(&side)->base, side, "list", (struct field_rule){ .required = true }),
	              "list missing");
	Kinds *k = kinds(&side);
	Petfood__Test__V1__TextList list = PETFOOD__TEST__V1__TEXT_LIST__INIT, *lists[] = { &list, &list };
	char *items[] = { (char *)(uintptr_t)"12345" };
	list.items = items;
	list.n_items = 1;
	k->lists = lists + 1;
	k->n_lists = 1;
	CHECK_STR_ROW("a list in a list", judge(&k->base, side, "lists", (struct field_rule){ 0 }), "lists.0.0 string_too_long");
}

static void test_bytes_and_oneofs(void)
{
	static const struct field_rule needed = { .required = true, .max_bytes = 3 };
	const struct message_side *side;
	Kinds *k = kinds(&side);
	CHECK_STR(judge(&k->base, side, "blob", needed), "blob missing");
	KIND(blob, BLOB_BLOB);
	CHECK_STR_ROW("set and empty", judge(&k->base, side, "blob", needed), "blob missing");
	k->blob = (ProtobufCBinaryData){ 3, (uint8_t *)(uintptr_t) "\0\0\0" };
	CHECK_STR(judge(&k->base, side, "blob", needed), "");
	k->blob = (ProtobufCBinaryData){ 4, (uint8_t *)(uintptr_t) "\0\0\0" };
	CHECK_STR(judge(&k->base, side, "blob", needed), "blob string_too_long");
	CHECK_STR_ROW("implicit bytes", judge(&k->base, side, "document", needed), "document missing");
	k->document = k->blob;
	CHECK_STR(judge(&k->base, side, "document", needed), "document string_too_long");
	/* Of a oneof only the member that is set counts. */
	k->choice_case = PETFOOD__TEST__V1__KINDS__CHOICE_CHOICE_BLOB;
	k->choice_blob = k->blob;
	CHECK_STR(judge(&k->base, side, "choice_blob", needed), "choice_blob string_too_long");
	CHECK_STR(judge(&k->base, side, "choice_u64", (struct field_rule){ .has_gt = true, .gt = 1e18 }), "");
	CHECK_STR(judge(&k->base, side, "choice_text", (struct field_rule){ .required = true }), "choice_text missing");
	KIND(yes, YES_YES);
	CHECK_STR_ROW("false is a value", judge(&k->base, side, "yes", (struct field_rule){ .required = true }), "");
	CHECK_STR_ROW("and unset is none", judge(&k->base, side, "on", (struct field_rule){ .required = true }),
	              "on missing");
	CHECK_STR_ROW("an enum's zero", judge(&k->base, side, "colour", (struct field_rule){ .required = true }),
	              "colour missing");
	CHECK_STR_ROW("a message", judge(&k->base, side, "inner", (struct field_rule){ .required = true }),
	              "inner missing");
}

static void test_times(void)
{
	static const struct {
		const char *label;
		int64_t seconds;
		int32_t nanos;
		bool ok;
	} rows[] = {
		{ "the epoch", 0, 0, true },
		{ "year 1", -62135596800, 0, true },
		{ "before it", -62135596801, 999999999, false },
		{ "the last second of 9999", 253402300799, 999999999, true },
		{ "the year 10000", 253402300800, 0, false },
		{ "negative nanoseconds", 0, -1, false },
		{ "a second of nanoseconds", 0, 1000000000, false },
	};
	const struct message_side *side;
	Kinds *k = kinds(&side);
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT, *times[] = { &at };
	k->when = &at;
	k->times = times;
	k->n_times = 1;
	for (size_t i = 0; i < COUNT(rows); i++) {
		at.seconds = rows[i].seconds;
		at.nanos = rows[i].nanos;
		CHECK_STR_ROW(rows[i].label, judge(&k->base, side, "when", (struct field_rule){ 0 }),
		              rows[i].ok ? "" : "when timestamp");
		CHECK_STR_ROW(rows[i].label, judge(&k->base, side, "times", (struct field_rule){ 0 }),
		              rows[i].ok ? "" : "times.0 timestamp");
	}
}

/* ---- nesting ---- */

enum { TREES = 64 };

static Petfood__Test__V1__Tree *tree_of(int depth)
{
	Petfood__Test__V1__Tree *trees = arena_new_array(arena, Petfood__Test__V1__Tree, TREES);
	for (int i = 0; i <= depth; i++) {
		petfood__test__v1__tree__init(&trees[i]);
		if (i < depth) trees[i].next = &trees[i + 1];
	}
	return trees;
}

static void test_depth(void)
{
	const struct message_side *side = message_by_name(STR("petfood.test.v1.Tree"));
	struct error err;
	struct str packed;
	error_clear(&err);
	CHECK_OK(message_validate(side, &tree_of(32)->base, LANG_EN, &err), &err);
	CHECK(!message_validate(side, &tree_of(33)->base, LANG_EN, &err) && err.violation_count == 1);
	CHECK_STR(str_from(err.violations[0].type), "depth");
	CHECK_ROW("a path is cut, not overrun", strlen(err.violations[0].field) < sizeof err.violations[0].field);
	CHECK_OK(message_pack(arena, &tree_of(UNPACK_DEPTH_MAX)->base, &packed, &err), &err);
	CHECK(message_unpack(arena, side->descriptor, packed, &err) != NULL);
	CHECK(message_pack(arena, &tree_of(UNPACK_DEPTH_MAX + 1)->base, &packed, &err));
	CHECK_ROW("refused before it is built",
	          !message_unpack(arena, side->descriptor, packed, &err) && error_is(&err, "MESSAGE_MALFORMED"));
}

/* ---- unpacking ---- */

static bool unpacks(const char *bytes, size_t len)
{
	struct error err;
	char *exact = len ? memcpy(arena_alloc(arena, len), bytes, len) : NULL;
	const struct message_side *side = message_by_name(STR("petfood.test.v1.Kinds"));
	bool ok = message_unpack(arena, side->descriptor, (struct str){ exact, len }, &err) != NULL;
	CHECK_ROW("said why", ok || (error_is(&err, "MESSAGE_MALFORMED") && err.code == RPC_INVALID_ARGUMENT));
	return ok;
}
#define UNPACKS(bytes) unpacks(bytes, sizeof(bytes) - 1)

static void test_unpack_kinds(void)
{
	CHECK_ROW("fixed32", UNPACKS("\x35\1\0\0\0"));
	CHECK_ROW("fixed32, cut", !UNPACKS("\x35\1\0\0"));
	CHECK_ROW("fixed64", UNPACKS("\x59\1\0\0\0\0\0\0\0"));
	CHECK_ROW("fixed64, cut", !UNPACKS("\x59\1\0\0\0\0\0\0"));
	CHECK_ROW("a varint of ten bytes", UNPACKS("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"));
	CHECK_ROW("of eleven", !UNPACKS("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"));
	CHECK_ROW("a varint, cut", !UNPACKS("\x10\xff"));
	CHECK_ROW("a tag alone", !UNPACKS("\x10"));
	CHECK_ROW("a text", UNPACKS("\x72\3abc"));
	CHECK_ROW("a NUL in it", !UNPACKS("\x72\3a\0c"));
	CHECK_ROW("a NUL in bytes", UNPACKS("\x7a\3a\0c"));
	CHECK_ROW("a NUL in a list of texts", !UNPACKS("\xba\1\1\0"));
	CHECK_ROW("a NUL in a message's map", !UNPACKS("\xf2\1\5\x0a\1\0\x10\1"));
	CHECK_ROW("a length beyond the end", !UNPACKS("\x72\4abc"));
	CHECK_ROW("a length of 2^63", !UNPACKS("\x72\x80\x80\x80\x80\x80\x80\x80\x80\x80\1"));
	CHECK_ROW("a text where a number belongs", !UNPACKS("\x12\1x"));
	CHECK_ROW("field 0", !UNPACKS("\2\1x"));
	CHECK_ROW("an unknown field of each kind",
	          UNPACKS("\xc0\x3e\1\xc1\x3e\0\0\0\0\0\0\0\0\xc2\x3e\1\0\xc5\x3e\0\0\0\0"));
	CHECK_ROW("groups", !UNPACKS("\x13\x14"));
	CHECK_ROW("wire type 7", !UNPACKS("\x17"));
}

int main(void)
{
	arena = arena_create(0);
	test_numbers();
	test_lists();
	test_lists_as_messages();
	test_bytes_and_oneofs();
	test_times();
	test_depth();
	test_unpack_kinds();
	arena_destroy(&arena);
	return check_done("kinds_test");
}
