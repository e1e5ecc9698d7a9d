/* JSON, path variables and query parameters to messages. */
#include <stdlib.h>

#include "petfood/v1/plan.pb-c.h"
#include "rpc/json/violation.h"
#include "tests/support/check.h"
#include "tests/unit/rpc/json/kinds.h"

/* want: what the message prints afterwards, or the violations ("!field type"). */
struct read_row {
	const char *label;
	const char *json;
	const char *want;
};

static const struct read_row rows[] = {
	{ "empty text is an empty object", "", "{}" },
	{ "white space is an empty object", " \r\n\t", "{}" },
	{ "empty object", " { } ", "{}" },
	/* J01 */
	{ "J01 proto name", "{\"two_words\":\"a\"}", "{\"two_words\":\"a\"}" },
	{ "J01 lowerCamel name", "{\"twoWords\":\"a\"}", "{\"two_words\":\"a\"}" },
	{ "J01 json_name", "{\"otherName\":\"a\"}", "{\"renamed\":\"a\"}" },
	{ "J01 proto name beside json_name", "{\"renamed\":\"a\"}", "{\"renamed\":\"a\"}" },
	{ "J01 a name is compared after its escapes", "{\"\\u0074ext\":\"a\"}", "{\"text\":\"a\"}" },
	/* J02 */
	{ "J02 numbers as texts",
	  "{\"i32\":\"-1\",\"u32\":\"4294967295\",\"i64\":\"-9223372036854775808\",\"u64\":\"18446744073709551615\","
	  "\"real\":\"2.5\"}",
	  "{\"i32\":-1,\"u32\":4294967295,\"i64\":-9223372036854775808,\"u64\":18446744073709551615,\"real\":2.5}" },
	{ "J02 numbers as numbers, all types",
	  "{\"i32\":1,\"s32\":-2,\"sf32\":-3,\"u32\":4,\"f32\":5,\"i64\":6,\"s64\":-7,\"sf64\":-8,\"u64\":9,\"f64\":10,"
	  "\"single\":1.5,\"real\":-2.5}",
	  "{\"i32\":1,\"s32\":-2,\"sf32\":-3,\"u32\":4,\"f32\":5,\"i64\":6,\"s64\":-7,\"sf64\":-8,\"u64\":9,\"f64\":10,"
	  "\"single\":1.5,\"real\":-2.5}" },
	/* J03 */
	{ "J03 empty text is no whole number", "{\"i32\":\"\"}", "!i32 type" },
	{ "J03 empty text is no number", "{\"real\":\"\"}", "!real type" },
	{ "J03 blanks are no number", "{\"i32\":\" 1\",\"real\":\"1 \"}", "!i32 type, !real type" },
	{ "J03 plus, hex, octal, dots",
	  "{\"i32\":\"+1\",\"u32\":\"0x1\",\"i64\":\"01\",\"real\":\".5\",\"single\":\"1.\"}",
	  "!i32 type, !u32 type, !i64 type, !real type, !single type" },
	/* J04 */
	{ "J04 exponents of whole numbers", "{\"i32\":1e2,\"i64\":\"12.5E1\",\"u32\":5000e-3,\"s32\":-0.0}",
	  "{\"i32\":100,\"s32\":0,\"u32\":5,\"i64\":125}" },
	{ "J04 1.0 is whole", "{\"i32\":1.0,\"i64\":\"1.000\"}", "{\"i32\":1,\"i64\":1}" },
	{ "J04 1.5 is not", "{\"i32\":1.5,\"i64\":\"15e-1\"}", "!i32 type, !i64 type" },
	{ "J04 zero has any exponent", "{\"i32\":0e999999999999,\"i64\":0.000e-99}", "{\"i32\":0,\"i64\":0}" },
	/* J05 */
	{ "J05 out of range",
	  "{\"i32\":2147483648,\"s32\":-2147483649,\"u32\":4294967296,\"i64\":9223372036854775808,\"u64\":"
	  "18446744073709551616}",
	  "!i32 range, !s32 range, !u32 range, !i64 range, !u64 range" },
	{ "J05 far out of range", "{\"i32\":1e400,\"u64\":\"1e999999999\",\"s64\":-99999999999999999999999999}",
	  "!i32 range, !u64 range, !s64 range" },
	{ "J05 negatives for unsigned", "{\"u32\":-1,\"u64\":\"-1\",\"f32\":-0}", "!u32 range, !u64 range" },
	{ "J05 bounds fit", "{\"i32\":-2147483648,\"s32\":2147483647,\"f64\":18446744073709551615}",
	  "{\"i32\":-2147483648,\"s32\":2147483647,\"f64\":18446744073709551615}" },
	{ "J05 no double is that large", "{\"real\":1e309,\"single\":1e39}", "!real range, !single range" },
	/* J06 */
	{ "J06 bare numbers stay exact beyond 2^53", "{\"i64\":9007199254740993,\"u64\":18446744073709551615}",
	  "{\"i64\":9007199254740993,\"u64\":18446744073709551615}" },
	/* J07 */
	{ "J07 what is not finite is a text", "{\"real\":\"NaN\",\"single\":\"-Infinity\",\"half\":\"Infinity\"}",
	  "{\"single\":\"-Infinity\",\"real\":\"NaN\",\"half\":\"Infinity\"}" },
	{ "J07 in a list", "{\"reals\":[\"Infinity\",\"-Infinity\",1]}", "{\"reals\":[\"Infinity\",\"-Infinity\",1]}" },
	{ "J07 and no bare word", "{\"real\":NaN}", "!real json_invalid" },
	{ "J07 nor another spelling", "{\"real\":\"inf\",\"single\":\"nan\",\"half\":\"+Infinity\"}",
	  "!real type, !single type, !half type" },
	{ "J07 nor a whole number", "{\"i32\":\"NaN\",\"u64\":\"Infinity\"}", "!i32 type, !u64 type" },
	/* J08 */
	{ "J08 enum by contract name", "{\"colour\":\"dark_blue\"}", "{\"colour\":\"dark_blue\"}" },
	{ "J08 enum by proto name", "{\"colour\":\"COLOUR_DARK_BLUE\"}", "{\"colour\":\"dark_blue\"}" },
	{ "J08 enum by number", "{\"colour\":-3}", "{\"colour\":\"below\"}" },
	{ "J08 alias reads as its number, the first name prints", "{\"level\":\"one\"}", "{\"level\":\"first\"}" },
	{ "J08 zero with a name of its own", "{\"level\":\"ground\"}", "{\"level\":\"ground\"}" },
	{ "J08 unspecified cannot be said", "{\"colour\":\"COLOUR_UNSPECIFIED\"}", "!colour enum" },
	{ "J08 nor as a number", "{\"colour\":0,\"colours\":[1,0]}", "!colour enum, !colours.1 enum" },
	{ "J08 zero with a name, as a number", "{\"level\":0}", "{\"level\":\"ground\"}" },
	{ "J08 no such name", "{\"colour\":\"green\",\"level\":\"\"}", "!colour enum, !level enum" },
	{ "J08 case counts", "{\"colour\":\"Red\"}", "!colour enum" },
	{ "J08 no such number", "{\"colour\":9,\"level\":1.5}", "!colour enum, !level enum" },
	{ "J08 a bool is none", "{\"colour\":true}", "!colour type" },
	{ "J08 a word of its own", "{\"tone\":\"A-b\",\"tones\":[\"\",\"high\"]}", "{\"tone\":\"A-b\",\"tones\":[\"\",\"high\"]}" },
	{ "J08 an empty word is not nothing", "{\"tone\":\"\"}", "{\"tone\":\"\"}" },
	{ "J08 a word takes the place of the name", "{\"tone\":\"none\",\"tones\":[\"other\",\"TONE_NONE\"]}",
	  "!tone enum, !tones.0 enum" },
	/* J09 */
	{ "J09 base64 padded", "{\"blob\":\"/+8=\"}", "{\"blob\":\"/+8=\"}" },
	{ "J09 base64 not padded", "{\"blob\":\"/+8\"}", "{\"blob\":\"/+8=\"}" },
	{ "J09 base64 URL-safe", "{\"blob\":\"_-8\"}", "{\"blob\":\"/+8=\"}" },
	{ "J09 base64 one and three bytes", "{\"blobs\":[\"YQ==\",\"YWJj\",\"\",\"YWJjZA\"]}",
	  "{\"blobs\":[\"YQ==\",\"YWJj\",\"\",\"YWJjZA==\"]}" },
	{ "J09 no base64", "{\"blobs\":[\"YQ=\",\"Y\",\"Y!==\",\"====\",\"YQ==YQ==\"]}",
	  "!blobs.0 type, !blobs.1 type, !blobs.2 type, !blobs.3 type, !blobs.4 type" },
	/* J10 */
	{ "J10 map keys are texts",
	  "{\"counts\":{\"a\":1,\"\":2},\"names\":{\"-5\":\"x\"},\"sides\":{\"true\":{\"number\":3}},\"palette\":{"
	  "\"7\":\"red\"}}",
	  "{\"counts\":{\"a\":1,\"\":2},\"names\":{\"-5\":\"x\"},\"sides\":{\"true\":{\"number\":3}},\"palette\":{"
	  "\"7\":\"red\"}}" },
	{ "J10 a key that does not fit", "{\"names\":{\"x\":\"y\"},\"sides\":{\"1\":{}},\"palette\":{\"-1\":\"red\"}}",
	  "!names.x type, !sides.1 type, !palette.-1 range" },
	{ "J10 a value that does not fit", "{\"counts\":{\"a\":\"b\"}}", "!counts.a type" },
	{ "J10 a map is no list", "{\"counts\":[]}", "!counts type" },
	{ "J10 empty map", "{\"counts\":{}}", "{}" },
	{ "J19 a list as a message", "{\"list\":[\"a\",\"\"]}", "{\"list\":[\"a\",\"\"]}" },
	{ "J19 an empty one is not none", "{\"list\":[]}", "{\"list\":[]}" },
	{ "J19 none is null", "{\"list\":null}", "{}" },
	{ "J19 lists in a list and a map", "{\"lists\":[[\"a\"],[],[\"b\"]],\"list_by_name\":{\"x\":[\"c\"]}}",
	  "{\"lists\":[[\"a\"],[],[\"b\"]],\"list_by_name\":{\"x\":[\"c\"]}}" },
	{ "J19 nothing else is a list",
	  "{\"list\":{\"items\":[\"a\"]},\"lists\":[\"a\",null,3],\"list_by_name\":{\"x\":true}}",
	  "!list type, !lists.0 type, !lists.1 type, !lists.2 type, !list_by_name.x type" },
	{ "J19 its items are named without its field", "{\"list\":[\"a\",1],\"lists\":[[\"a\"],[null]]}",
	  "!list.1 type, !lists.1.0 type" },
	/* J11 */
	{ "J11 null is unset",
	  "{\"i32\":null,\"text\":null,\"inner\":null,\"texts\":null,\"counts\":null,\"when\":null,\"colour\":null,"
	  "\"document\":null}",
	  "{}" },
	{ "J11 the key of a null is still looked at", "{\"i32\":null,\"i32\":null}", "!i32 duplicate" },
	{ "J11 null in a list", "{\"texts\":[\"a\",null],\"inners\":[null]}", "!texts.1 type, !inners.0 type" },
	{ "J11 null in a map", "{\"counts\":{\"a\":null}}", "!counts.a type" },
	/* J12 */
	{ "J12 duplicate", "{\"i32\":1,\"i32\":1}", "!i32 duplicate" },
	{ "J12 duplicate under the other spelling", "{\"two_words\":\"a\",\"twoWords\":\"b\"}",
	  "!two_words duplicate" },
	{ "J12 duplicate of a list", "{\"texts\":[],\"texts\":[\"a\"]}", "!texts duplicate" },
	{ "J12 duplicate map key", "{\"counts\":{\"a\":1,\"b\":2,\"a\":3}}", "!counts duplicate" },
	{ "J12 duplicate map key of another spelling",
	  "{\"names\":{\"1\":\"a\",\"1.0\":\"b\"},\"counts\":{\"a\":1,\"\\u0061\":2}}",
	  "!names duplicate, !counts duplicate" },
	{ "J12 duplicate deep down", "{\"inner\":{\"deep\":{\"leaf\":\"a\",\"leaf\":\"b\"}}}",
	  "!inner.deep.leaf duplicate" },
	/* J13 */
	{ "J13 unknown fields are skipped", "{\"x\":{\"y\":[1,\"\\u00e9\",{}],\"z\":null},\"i32\":1,\"\":false}",
	  "{\"i32\":1}" },
	{ "J13 skipped text must be JSON too", "{\"x\":[1,],\"i32\":1}", "!x json_invalid" },
	{ "J13 skipped text must be UTF-8 too", "{\"x\":\"\xff\"}", "!x utf8" },
	/* J14 */
	{ "J14 an optional zero is kept", "{\"i32\":0,\"text\":\"\",\"yes\":false,\"real\":0,\"blob\":\"\"}",
	  "{\"yes\":false,\"i32\":0,\"real\":0,\"text\":\"\",\"blob\":\"\"}" },
	/* J15 */
	{ "J15 timestamp with Z", "{\"when\":\"2026-01-02T03:04:05Z\"}", "{\"when\":\"2026-01-02T03:04:05.000000Z\"}" },
	{ "J15 timestamp with an offset", "{\"when\":\"2026-01-02T03:04:05.5+08:00\"}",
	  "{\"when\":\"2026-01-01T19:04:05.500000Z\"}" },
	{ "J15 nine digits are cut to six", "{\"when\":\"1969-12-31T23:59:59.999999999Z\"}",
	  "{\"when\":\"1969-12-31T23:59:59.999999Z\"}" },
	{ "J15 first and last", "{\"times\":[\"0001-01-01T00:00:00Z\",\"9999-12-31T23:59:59.999999Z\"]}",
	  "{\"times\":[\"0001-01-01T00:00:00.000000Z\",\"9999-12-31T23:59:59.999999Z\"]}" },
	{ "J15 not one",
	  "{\"times\":[\"2026-01-02t03:04:05Z\",\"2026-01-02T03:04:05z\",\"2026-01-02\",\"2026-02-30T00:00:00Z\",\"\"]"
	  "}",
	  "!times.0 timestamp, !times.1 timestamp, !times.2 timestamp, !times.3 timestamp, !times.4 timestamp" },
	{ "J15 an offset that leaves the years", "{\"when\":\"0001-01-01T00:00:00+00:01\"}", "!when timestamp" },
	{ "J15 another kind", "{\"when\":0,\"times\":[{}]}", "!when type, !times.0 type" },
	/* J20 */
	{ "J20 one member of a oneof", "{\"choice_number\":0}", "{\"choice_number\":0}" },
	{ "J20 a message as member", "{\"choiceInner\":{\"number\":1}}", "{\"choice_inner\":{\"number\":1}}" },
	{ "J20 two members", "{\"choice_text\":\"a\",\"choice_number\":1}", "!choice_number oneof" },
	{ "J20 null is no member", "{\"choice_text\":null,\"choice_number\":1}", "{\"choice_number\":1}" },
	/* J21 */
	{ "J21 escapes", "{\"text\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u732b\"}",
	  "{\"text\":\"\\\"\\\\/\\u0008\\u000c\\n\\r\\té猫\"}" },
	{ "J21 surrogate pair", "{\"text\":\"\\ud83d\\udc36\\uD83D\\uDC31\"}", "{\"text\":\"🐶🐱\"}" },
	{ "J21 StringFieldUnpairedHighSurrogate", "{\"text\":\"\\ud800\"}", "!text utf8" },
	{ "J21 StringFieldUnpairedLowSurrogate", "{\"text\":\"\\udc00\"}", "!text utf8" },
	{ "J21 StringFieldSurrogateInWrongOrder", "{\"text\":\"\\udc36\\ud83d\"}", "!text utf8" },
	{ "J21 high surrogate, other escape", "{\"text\":\"\\ud83d\\n\"}", "!text utf8" },
	{ "J21 high surrogate twice", "{\"text\":\"\\ud83d\\ud83d\\udc36\"}", "!text utf8" },
	{ "J21 raw text not UTF-8", "{\"text\":\"\xc3\x28\"}", "!text utf8" },
	{ "J21 raw surrogate", "{\"text\":\"\xed\xa0\x80\"}", "!text utf8" },
	{ "J21 overlong", "{\"text\":\"\xc0\xaf\"}", "!text utf8" },
	{ "J21 NUL does not fit a C string", "{\"text\":\"a\\u0000b\"}", "!text utf8" },
	{ "J21 in a name", "{\"\xff\":1,\"i32\":1}", "!? utf8" },
	{ "J21 in a map key", "{\"counts\":{\"\\ud800\":1}}", "!counts.? utf8" },
	{ "J21 bad escapes", "{\"text\":\"\\x\"}", "!text json_invalid" },
	{ "J21 cut escape", "{\"text\":\"\\u12\"}", "!text json_invalid" },
	{ "J21 raw control character", "{\"text\":\"a\nb\"}", "!text json_invalid" },
	/* kinds */
	{ "bool is no number or text", "{\"yes\":1,\"yeses\":[\"true\",true]}", "!yes type, !yeses.0 type" },
	{ "text is no number", "{\"text\":1,\"texts\":[true]}", "!text type, !texts.0 type" },
	{ "number is no bool or object", "{\"i32\":true,\"real\":{},\"i64\":[1]}", "!i32 type, !real type, !i64 type" },
	{ "message is an object", "{\"inner\":\"a\",\"inners\":[1,[]]}",
	  "!inner type, !inners.0 type, !inners.1 type" },
	{ "list is a list", "{\"texts\":\"a\",\"inners\":{}}", "!texts type, !inners type" },
	{ "lists of every kind",
	  "{\"yeses\":[true,false],\"i64s\":[1,\"2\",3,4,5,6,7,8,9],\"reals\":[0.1],\"colours\":[1,\"dark_blue\"],"
	  "\"inners\":[{\"numbers\":[1]},{}],\"texts\":[]}",
	  "{\"yeses\":[true,false],\"i64s\":[1,2,3,4,5,6,7,8,9],\"reals\":[0.1],\"colours\":[\"red\",\"dark_blue\"],"
	  "\"inners\":[{\"numbers\":[1]},{}]}" },
	{ "raw JSON keeps the value's own text", "{\"document\": {\"a\" : [1, \"\\u0041\"]} }",
	  "{\"document\":{\"a\" : [1, \"\\u0041\"]}}" },
	{ "raw JSON of another kind", "{\"document\":\"x\"}", "{\"document\":\"x\"}" },
	{ "raw JSON must be JSON", "{\"document\":[1 2]}", "!document json_invalid" },
	{ "every wrong field is named once, eight at most",
	  "{\"i32\":\"\",\"s32\":\"\",\"u32\":\"\",\"i64\":\"\",\"s64\":\"\",\"u64\":\"\",\"real\":\"\",\"single\":"
	  "\"\",\"text\":1}",
	  "!i32 type, !s32 type, !u32 type, !i64 type, !s64 type, !u64 type, !real type, !single type" },
	{ "a path below a list and a map",
	  "{\"inners\":[{},{\"deep\":{\"leaf\":1}}],\"sides\":{\"true\":{\"numbers\":[1,\"x\"]}}}",
	  "!inners.1.deep.leaf type, !sides.true.numbers.1 type" },
	/* syntax */
	{ "no object", "[1]", "! type" },
	{ "null is no object", "null", "! type" },
	{ "no JSON", "hello", "! json_invalid" },
	{ "text behind", "{} {}", "! json_invalid" },
	{ "comma behind", "{\"i32\":1,}", "! json_invalid" },
	{ "no comma", "{\"i32\":1 \"u32\":2}", "! json_invalid" },
	{ "no colon", "{\"i32\" 1}", "!i32 json_invalid" },
	{ "no value", "{\"i32\":}", "!i32 json_invalid" },
	{ "name without quotes", "{i32:1}", "! json_invalid" },
	{ "single quotes", "{'i32':1}", "! json_invalid" },
	{ "comment", "{/**/}", "! json_invalid" },
	{ "leading zero", "{\"i32\":01}", "! json_invalid" },
	{ "word cut short", "{\"yes\":tru}", "!yes json_invalid" },
	{ "list not closed", "{\"i64s\":[1", "!i64s json_invalid" },
	{ "list with a comma behind", "{\"i64s\":[1,]}", "!i64s.1 json_invalid" },
	{ "byte order mark", "\xef\xbb\xbf{}", "! json_invalid" },
};

static bool read_into(struct arena *arena, const char *name, struct str json, bool refuse_unknown,
                      ProtobufCMessage **out, struct error *err)
{
	const struct message_side *side;
	*out = kinds_message(arena, name, &side);
	struct json_parse_options options = { .refuse_unknown = refuse_unknown };
	return json_to_message(arena, json, side, &options, *out, err);
}

static void test_rows(struct arena *arena)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err = { 0 };
		ProtobufCMessage *message;
		size_t len = strlen(rows[i].json);
		char *exact = malloc(len ? len : 1); /* no byte behind it: a reader that goes too far is caught */
		memcpy(exact, rows[i].json, len);
		bool ok = read_into(arena, "Kinds", (struct str){ exact, len }, false, &message, &err);
		CHECK_ROW(rows[i].label, ok == (rows[i].want[0] == '{'));
		CHECK_STR_ROW(rows[i].label, ok ? json_print_arena(arena, message) : kinds_violations(arena, &err),
		              rows[i].want);
		CHECK_ROW(rows[i].label,
		          ok || (err.code == RPC_INVALID_ARGUMENT && error_is(&err, "VALIDATION_FAILED")));
		free(exact);
		arena_reset(arena);
	}
}

/* Whatever is printed is read back as the same message, and no part of it is a message. */
static void test_cut_and_round_trip(struct arena *arena)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (rows[i].want[0] != '{') continue;
		struct error err = { 0 };
		ProtobufCMessage *message;
		CHECK_ROW(rows[i].label, read_into(arena, "Kinds", str_from(rows[i].want), true, &message, &err));
		CHECK_STR_ROW(rows[i].label, json_print_arena(arena, message), rows[i].want);
		for (size_t len = 1; len < strlen(rows[i].want); len++) {
			err = (struct error){ 0 };
			char *exact = malloc(len);
			memcpy(exact, rows[i].want, len);
			CHECK_ROW(rows[i].label,
			          !read_into(arena, "Kinds", (struct str){ exact, len }, false, &message, &err));
			free(exact);
		}
		arena_reset(arena);
	}
}

/* Bytes changed at random (always the same ones): must end in a message that prints and reads back alike, or in violations. */
static void test_mutations(struct arena *arena)
{
	uint32_t seed = 1;
	for (size_t round = 0; round < 20000; round++) {
		const char *start = rows[round % COUNT(rows)].json;
		size_t len = strlen(start);
		if (len == 0) continue;
		char *text = malloc(len);
		memcpy(text, start, len);
		for (int changes = 0; changes < 2; changes++) {
			static const char bytes[] = "{}[]\",:\\u0d8e-+.19tfn \x01\x80\xc3";
			seed = seed * 1664525 + 1013904223;
			text[(seed >> 8) % len] = bytes[(seed >> 24) % (sizeof bytes - 1)];
		}
		struct error err = { 0 };
		ProtobufCMessage *message, *again;
		if (read_into(arena, "Kinds", (struct str){ text, len }, false, &message, &err)) {
			struct str printed = json_print_arena(arena, message);
			if (check_note(read_into(arena, "Kinds", printed, true, &again, &err), __FILE__, __LINE__,
			               printed.ptr, "reads back"))
				CHECK_STR(json_print_arena(arena, again), printed.ptr);
		} else {
			CHECK(err.violation_count > 0);
		}
		free(text);
		arena_reset(arena);
	}
}

static void test_unknown(struct arena *arena)
{
	ProtobufCMessage *message;
	struct error err = { 0 };
	CHECK(!read_into(arena, "Kinds", STR("{\"x\":{\"i32\":1},\"inner\":{\"y\":2,\"number\":3}}"), true, &message,
	                 &err));
	CHECK_STR_ROW("J13 unknown fields can be refused", kinds_violations(arena, &err),
	              "!x unknown_field, !inner.y unknown_field");
	err = (struct error){ 0 };
	CHECK(!read_into(arena, "Kinds", STR("{\"a\\u0001b\":1}"), true, &message, &err));
	CHECK_STR_ROW("a name from outside is no control character", kinds_violations(arena, &err),
	              "!a?b unknown_field");
	struct strbuf longest;
	strbuf_init(&longest, arena);
	strbuf_add_cstr(&longest, "{\"x");
	for (int i = 0; i < 60; i++) strbuf_add_cstr(&longest, "猫");
	strbuf_add_cstr(&longest, "\":1}");
	err = (struct error){ 0 };
	CHECK(!read_into(arena, "Kinds", strbuf_str(&longest), true, &message, &err));
	CHECK_ROW("a long name is cut at a whole character", str_is_utf8(str_from(err.violations[0].field)));
	CHECK(strlen(err.violations[0].field) == 94); /* x and 31 characters of 3 bytes */
	arena_reset(arena);
}

static struct str nested(struct arena *arena, const char *open, const char *inside, const char *close, int times)
{
	struct strbuf out;
	strbuf_init(&out, arena);
	for (int i = 0; i < times; i++) strbuf_add_cstr(&out, open);
	strbuf_add_cstr(&out, inside);
	for (int i = 0; i < times; i++) strbuf_add_cstr(&out, close);
	return strbuf_str(&out);
}

static void test_depth(struct arena *arena)
{
	static const struct {
		const char *label, *open, *inside, *close;
		int levels; /* per repetition */
	} kinds[] = {
		{ "J22 messages", "{\"next\":", "{}", "}", 1 },
		{ "J22 lists of messages", "{\"kids\":[", "{}", "]}", 2 },
		{ "J22 maps of messages", "{\"by_name\":{\"a\":", "{}", "}}", 2 },
		{ "J22 skipped objects", "{\"x\":", "{}", "}", 1 },
		{ "J22 skipped lists", "{\"x\":[", "{}", "]}", 2 },
	};
	for (size_t i = 0; i < COUNT(kinds); i++) {
		ProtobufCMessage *message;
		struct error err = { 0 };
		int most = (JSON_DEPTH_MAX - 1) / kinds[i].levels;
		CHECK_ROW(kinds[i].label,
		          read_into(arena, "Tree", nested(arena, kinds[i].open, kinds[i].inside, kinds[i].close, most),
		                    false, &message, &err));
		CHECK_ROW(kinds[i].label, json_print_arena(arena, message).len > 0);
		CHECK_ROW(kinds[i].label,
		          !read_into(arena, "Tree",
		                     nested(arena, kinds[i].open, kinds[i].inside, kinds[i].close, most + 1), false,
		                     &message, &err));
		CHECK_ROW(kinds[i].label, err.violation_count == 1 && strcmp(err.violations[0].type, "depth") == 0);
		err = (struct error){
			0
		}; /* not closed, and so deep that recursion without a limit would end the program */
		CHECK_ROW(kinds[i].label, !read_into(arena, "Tree", nested(arena, kinds[i].open, "", "", 200000), false,
		                                     &message, &err));
		CHECK_ROW(kinds[i].label, strcmp(err.violations[0].type, "depth") == 0);
		arena_reset(arena);
	}
}

static void test_budget(void)
{
	static const struct {
		const char *label, *head, *item, *tail;
	} kinds[] = {
		{ "small text, many messages", "{\"inners\":[{}", ",{}", "]}" },
		{ "many numbers", "{\"i64s\":[1", ",1", "]}" },
		{ "many escapes", "{\"text\":\"", "\\n", "\"}" },
		{ "a long text", "{\"text\":\"", "aa", "\"}" },
		{ "a long document", "{\"document\":[1", ",1", "]}" },
		{ "long base64", "{\"blob\":\"", "YWJj", "\"}" },
	};
	enum { BUDGET = 64 * 1024 };
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct arena *texts = arena_create(0), *arena = arena_create(0);
		struct strbuf json;
		strbuf_init(&json, texts);
		strbuf_add_cstr(&json, kinds[i].head);
		for (int k = 0; k < 100000; k++) strbuf_add_cstr(&json, kinds[i].item);
		strbuf_add_cstr(&json, kinds[i].tail);
		ProtobufCMessage *message;
		struct error err = { 0 };
		const struct message_side *side;
		message = kinds_message(arena, "Kinds", &side);
		size_t before = arena_used(arena);
		arena_set_budget(arena, BUDGET);
		CHECK_ROW(kinds[i].label, !json_to_message(arena, strbuf_str(&json), side, NULL, message, &err));
		CHECK_ROW(kinds[i].label, err.violation_count == 1 && strcmp(err.violations[0].type, "too_large") == 0);
		CHECK_ROW(kinds[i].label, arena_used(arena) <= before + BUDGET);
		arena_set_budget(arena, 64 * 1024 * 1024);
		err = (struct error){ 0 };
		message = kinds_message(arena, "Kinds", &side);
		CHECK_ROW(kinds[i].label, json_to_message(arena, strbuf_str(&json), side, NULL, message, &err));
		arena_destroy(&arena);
		arena_destroy(&texts);
	}
}

/* A map's keys are compared after sorting: this would take minutes if each were held against all others. */
/* A list that its rule refuses anyway is not kept: half a million items fit into a budget that holds some hundred. */
static void test_far_too_many_items(void)
{
	enum { BUDGET = 16 * 1024, ITEMS = 500000 };
	struct arena *texts = arena_create(0), *arena = arena_create(BUDGET);
	struct strbuf json;
	struct error err = { 0 };
	const struct message_side *side = message_by_name(STR("petfood.v1.CreatePlanRequest"));
	Petfood__V1__CreatePlanRequest *message = arena_new(arena, Petfood__V1__CreatePlanRequest);
	petfood__v1__create_plan_request__init(message);
	strbuf_init(&json, texts);
	strbuf_add_cstr(&json, "{\"dislikes\":[\"a\"");
	for (int i = 1; i < ITEMS; i++) strbuf_add_cstr(&json, ",\"a\"");
	strbuf_add_cstr(&json, "],\"pet_age\":7}");
	CHECK(json_to_message(arena, strbuf_str(&json), side, NULL, &message->base, &err));
	CHECK(message->n_dislikes == 31 && message->pet_age == 7);
	arena_destroy(&arena);
	arena_destroy(&texts);
}

static void test_many_keys(struct arena *arena)
{
	struct strbuf json;
	strbuf_init(&json, arena);
	strbuf_add_cstr(&json, "{\"counts\":{\"k\":0");
	for (int i = 0; i < 200000; i++) strbuf_printf(&json, ",\"%d\":1", i);
	strbuf_add_cstr(&json, "}}");
	ProtobufCMessage *message;
	struct error err = { 0 };
	CHECK_OK(read_into(arena, "Kinds", strbuf_str(&json), false, &message, &err), &err);
	CHECK(((const Petfood__Test__V1__Kinds *)message)->n_counts == 200001);
	arena_reset(arena);
}

/* --- path variables and query parameters --- */

static const struct {
	const char *label, *path, *value, *want;
} set_rows[] = {
	{ "T11 nested path", "inner.deep.leaf", "x", "{\"inner\":{\"deep\":{\"leaf\":\"x\"}}}" },
	{ "T11 nested list", "inner.numbers", "-4", "{\"inner\":{\"numbers\":[-4]}}" },
	{ "T11 nested member of a oneof", "choice_inner.number", "1", "{\"choice_inner\":{\"number\":1}}" },
	{ "T12 primitives", "text", "a b", "{\"text\":\"a b\"}" },
	{ "T12 empty text", "text", "", "{\"text\":\"\"}" },
	{ "T12 enum by name", "colour", "red", "{\"colour\":\"red\"}" },
	{ "T12 enum by proto name", "colour", "COLOUR_RED", "{\"colour\":\"red\"}" },
	{ "T12 enum by number", "colour", "2", "{\"colour\":\"dark_blue\"}" },
	{ "T12 bool", "yes", "true", "{\"yes\":true}" },
	{ "T12 64 bits", "u64", "18446744073709551615", "{\"u64\":18446744073709551615}" },
	{ "T12 exponent", "i32", "1e3", "{\"i32\":1000}" },
	{ "T12 double", "real", "-0.25", "{\"real\":-0.25}" },
	{ "T12 bytes", "blob", "YWI", "{\"blob\":\"YWI=\"}" },
	{ "T12 timestamp", "when", "2026-01-02T03:04:05+01:00", "{\"when\":\"2026-01-02T02:04:05.000000Z\"}" },
	{ "T12 repeated message is refused", "inners", "x", "!inners type" },
	{ "T12 map is refused", "counts", "x", "!counts type" },
	{ "T12 message itself is refused", "inner", "x", "!inner type" },
	{ "T12 raw JSON is refused", "document", "{}", "!document type" },
	{ "T13 lowerCamel", "twoWords", "a", "{\"two_words\":\"a\"}" },
	{ "T13 proto name", "two_words", "a", "{\"two_words\":\"a\"}" },
	{ "T13 json_name", "otherName", "a", "{\"renamed\":\"a\"}" },
	{ "T13 lowerCamel in a nested path", "choiceInner.deep.leaf", "a",
	  "{\"choice_inner\":{\"deep\":{\"leaf\":\"a\"}}}" },
	{ "T25 type mismatch", "i32", "abc", "!i32 type" },
	{ "T25 empty number", "i32", "", "!i32 type" },
	{ "T25 fraction", "i32", "1.5", "!i32 type" },
	{ "T25 range", "u32", "-1", "!u32 range" },
	{ "T25 bool", "yes", "1", "!yes type" },
	{ "T25 enum", "colour", "green", "!colour enum" },
	{ "T25 enum number", "colour", "99", "!colour enum" },
	{ "T25 double", "real", "1e", "!real type" },
	{ "T12 what is not finite", "single", "-Infinity", "{\"single\":\"-Infinity\"}" },
	{ "T25 timestamp", "when", "yesterday", "!when timestamp" },
	{ "T25 bytes", "blob", "?", "!blob type" },
	{ "T25 not UTF-8", "text", "\xff", "!text utf8" },
	{ "T25 nested, named by proto names", "choiceInner.number", "x", "!choice_inner.number type" },
	{ "unknown name", "nothing", "x", "{}" },
	{ "unknown nested name makes nothing", "inner.deep.nothing", "x", "{}" },
	{ "below a number", "i32.x", "x", "{}" },
	{ "below a list", "inners.number", "1", "{}" },
	{ "below a timestamp", "when.seconds", "1", "{}" },
	{ "empty name", "", "x", "{}" },
	{ "only dots", "inner..", "x", "{}" },
};

static void test_set(struct arena *arena)
{
	const struct message_side *side;
	for (size_t i = 0; i < COUNT(set_rows); i++) {
		ProtobufCMessage *message = kinds_message(arena, "Kinds", &side);
		struct error err = { 0 };
		bool ok = json_set_field(arena, side, message, str_from(set_rows[i].path), str_from(set_rows[i].value),
		                         NULL, &err);
		CHECK_ROW(set_rows[i].label, ok == (set_rows[i].want[0] == '{'));
		CHECK_STR_ROW(set_rows[i].label, ok ? json_print_arena(arena, message) : kinds_violations(arena, &err),
		              set_rows[i].want);
	}
	ProtobufCMessage *message = kinds_message(arena, "Kinds", &side);
	struct error err = { 0 };
	char number[16];
	for (int i = 0; i < 100; i++) {
		(void)snprintf(number, sizeof number, "%d", i);
		CHECK_OK(json_set_field(arena, side, message, STR("i64s"), str_from(number), NULL, &err), &err);
	}
	const Petfood__Test__V1__Kinds *kinds = (const Petfood__Test__V1__Kinds *)message;
	CHECK_ROW("T12 a repeated primitive repeats its key",
	          kinds->n_i64s == 100 && kinds->i64s[0] == 0 && kinds->i64s[99] == 99);
	CHECK(!json_set_field(arena, side, message, STR("i64s"), STR("x"), NULL, &err) && kinds->n_i64s == 100);
	CHECK(!json_set_field(arena, side, message, STR("real"), STR("x"), NULL, &err));
	CHECK_STR_ROW("T25 several are collected", kinds_violations(arena, &err), "!i64s type, !real type");
	CHECK(json_set_field(arena, side, message, STR("choice_text"), STR("x"), NULL, &err));
	CHECK_ROW("J20 also in a query",
	          !json_set_field(arena, side, message, STR("choice_inner.number"), STR("1"), NULL, &err));
	CHECK(json_set_field(arena, side, message, STR("inner.number"), STR("1"), NULL, &err) &&
	      json_set_field(arena, side, message, STR("inner.numbers"), STR("2"), NULL, &err));
	CHECK_ROW("T11 two paths into one message", kinds->inner->number == 1 && kinds->inner->n_numbers == 1);
	arena_reset(arena);
}

/* Over HTTP a number is no way to say an enum, and every sentence is in one language. */
static const struct {
	const char *label, *json, *type, *zh, *en;
} sentence_rows[] = {
	{ "enum by number", "{\"colour\":1}", "enum", "必须是以下之一：red, dark_blue, below",
	  "must be one of: red, dark_blue, below" },
	{ "enum in a list", "{\"colours\":[1]}", "enum", "必须是以下之一：red, dark_blue, below",
	  "must be one of: red, dark_blue, below" },
	{ "enum by a number as text", "{\"colour\":\"1\"}", "enum", "必须是以下之一：red, dark_blue, below",
	  "must be one of: red, dark_blue, below" },
	{ "number", "{\"real\":true}", "type", "必须是数字", "must be a number" },
	{ "whole number", "{\"i32\":1.5}", "type", "必须是整数", "must be a whole number" },
	{ "bool", "{\"yes\":1}", "type", "必须是 true 或 false", "must be true or false" },
	{ "text", "{\"text\":1}", "type", "必须是文本", "must be a text" },
	{ "base64", "{\"blob\":1}", "type", "必须是 base64 文本", "must be a text in base64" },
	{ "time", "{\"when\":1}", "type", "必须是形如 2026-01-02T03:04:05Z 的时间",
	  "must be a time such as 2026-01-02T03:04:05Z" },
	{ "no time", "{\"when\":\"x\"}", "timestamp", "必须是形如 2026-01-02T03:04:05Z 的时间",
	  "must be a time such as 2026-01-02T03:04:05Z" },
	{ "object", "{\"inner\":1}", "type", "必须是对象", "must be an object" },
	{ "document", "[]", "type", "必须是对象", "must be an object" },
	{ "list", "{\"i64s\":1}", "type", "必须是列表", "must be a list" },
	{ "range", "{\"u32\":-1}", "range", "超出范围", "is out of range" },
	{ "UTF-8", "{\"text\":\"\xff\"}", "utf8", "必须是不含 NUL 的 UTF-8 文本", "must be UTF-8 without NUL" },
	{ "twice", "{\"i32\":1,\"i32\":1}", "duplicate", "重复出现", "occurs twice" },
	{ "oneof", "{\"choice_text\":\"\",\"choice_inner\":{}}", "oneof", "与另一个已给出的字段互斥",
	  "excludes another field that is set" },
	{ "unknown", "{\"nothing\":1}", "unknown_field", "没有这个字段", "there is no such field" },
	{ "no JSON", "{", "json_invalid", "不是有效的 JSON", "is not valid JSON" },
};

static void test_sentences(struct arena *arena)
{
	const struct message_side *side;
	for (size_t i = 0; i < COUNT(sentence_rows); i++) {
		for (enum lang lang = LANG_ZH; lang <= LANG_EN; lang++) {
			struct json_parse_options options = { true, true, lang };
			ProtobufCMessage *message = kinds_message(arena, "Kinds", &side);
			struct error err = { 0 };
			const char *label = sentence_rows[i].label;
			CHECK_ROW(label, !json_to_message(arena, str_from(sentence_rows[i].json), side, &options,
			                                  message, &err));
			if (!CHECK_ROW(label, err.violation_count == 1)) continue;
			CHECK_STR_ROW(label, str_from(err.violations[0].type), sentence_rows[i].type);
			CHECK_STR_ROW(label, str_from(err.violations[0].message),
			              lang == LANG_ZH ? sentence_rows[i].zh : sentence_rows[i].en);
		}
	}
	struct json_parse_options by_name = { .refuse_enum_numbers = true, .lang = LANG_EN };
	ProtobufCMessage *message = kinds_message(arena, "Kinds", &side);
	struct error err = { 0 };
	CHECK(!json_set_field(arena, side, message, STR("colour"), STR("2"), &by_name, &err));
	CHECK_STR(str_from(err.violations[0].message), "must be one of: red, dark_blue, below");
	CHECK(json_set_field(arena, side, message, STR("colour"), STR("red"), &by_name, &err));
	arena_reset(arena);
}

static void test_long_sentence(void)
{
	struct error err = { 0 };
	violation_add(&err, LANG_ZH, "f", VIOLATION_NOT_LISTED,
	              "犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬");
	CHECK_ROW("cut at a whole character", str_is_utf8(str_from(err.violations[0].message)));
	CHECK(strlen(err.violations[0].message) >= sizeof err.violations[0].message - 4);
	CHECK(!violation_add(NULL, LANG_EN, "f", VIOLATION_MISSING, ""));
}

static void test_defaults(struct arena *arena)
{
	const struct message_side *side;
	ProtobufCMessage *message = kinds_message(arena, "Kinds", &side);
	json_apply_defaults(arena, side, message);
	CHECK_STR(json_print_arena(arena, message),
	          "{\"greeting\":\"hello\",\"half\":0.5,\"paint\":\"dark_blue\",\"on\":true}");
	message = kinds_message(arena, "Kinds", &side);
	struct error err = { 0 };
	CHECK_OK(json_to_message(arena, STR("{\"greeting\":\"\",\"half\":0,\"on\":false,\"inner\":{\"deep\":{}}}"),
	                         side, NULL, message, &err),
	         &err);
	json_apply_defaults(arena, side, message);
	CHECK_STR_ROW(
	    "what is set stays, what is nested has its own", json_print_arena(arena, message),
	    "{\"inner\":{\"deep\":{\"seven\":7}},\"greeting\":\"\",\"half\":0,\"paint\":\"dark_blue\",\"on\":false}");
	arena_reset(arena);
}

int main(void)
{
	struct arena *arena = arena_create(0);
	test_rows(arena);
	test_cut_and_round_trip(arena);
	test_mutations(arena);
	test_unknown(arena);
	test_depth(arena);
	test_budget();
	test_far_too_many_items();
	test_many_keys(arena);
	test_set(arena);
	test_sentences(arena);
	test_long_sentence();
	test_defaults(arena);
	arena_destroy(&arena);
	return check_done("unit_json_read");
}
