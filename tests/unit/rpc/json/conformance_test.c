/* The names of protobuf's own JSON conformance suite (J21), so that its reports and ours can be held side by side. What a row
 * reads is our text; whether it must be taken is the suite's word. Where we answer otherwise the row says why. Rows that only
 * differ in how a value is printed are taken by both: our printer has the forms of the HTTP contract (proto names, numbers for 64
 * bits, lower-case enum names, six digits of a second).
 * Left out: Duration, FieldMask, Struct, Value, Any and the wrappers, which protogen refuses (unit_protogen: J11, J16 to J19), and
 * what the suite asks of binary input. */
#include <stdlib.h>

#include "tests/support/check.h"
#include "tests/unit/rpc/json/kinds.h"

/* want: what is printed after reading, or the violations. */
struct suite_row {
	const char *name, *json, *want;
	const char *why; /* we answer otherwise than the suite asks; NULL: as it asks */
};

static const struct suite_row taken[] = {
	{ "OneLineNoSpaces", "{\"i32\":1,\"i64\":2}", "{\"i32\":1,\"i64\":2}", NULL },
	{ "OneLineWithSpaces", "{ \"i32\" : 1 , \"i64\" : 2 }", "{\"i32\":1,\"i64\":2}", NULL },
	{ "MultilineNoSpaces", "{\n\"i32\"\n:\n1\n,\n\"i64\"\n:\n2\n}", "{\"i32\":1,\"i64\":2}", NULL },
	{ "MultilineWithSpaces", "{\n  \"i32\"  :  1\n  ,\n  \"i64\"  :  2\n}\n", "{\"i32\":1,\"i64\":2}", NULL },
	{ "OriginalProtoFieldName", "{\"two_words\":\"a\"}", "{\"two_words\":\"a\"}", NULL },
	{ "FieldNameEscaped", "{\"two\\u0057ords\":\"a\"}", "{\"two_words\":\"a\"}", NULL },

	{ "Int32FieldMaxValue", "{\"i32\":2147483647}", "{\"i32\":2147483647}", NULL },
	{ "Int32FieldMinValue", "{\"i32\":-2147483648}", "{\"i32\":-2147483648}", NULL },
	{ "Uint32FieldMaxValue", "{\"u32\":4294967295}", "{\"u32\":4294967295}", NULL },
	{ "Int64FieldMaxValue", "{\"i64\":\"9223372036854775807\"}", "{\"i64\":9223372036854775807}", NULL },
	{ "Int64FieldMinValue", "{\"i64\":\"-9223372036854775808\"}", "{\"i64\":-9223372036854775808}", NULL },
	{ "Uint64FieldMaxValue", "{\"u64\":\"18446744073709551615\"}", "{\"u64\":18446744073709551615}", NULL },
	{ "Int64FieldMaxValueNotQuoted", "{\"i64\":9223372036854774784}", "{\"i64\":9223372036854774784}", NULL },
	{ "Int64FieldMinValueNotQuoted", "{\"i64\":-9223372036854775808}", "{\"i64\":-9223372036854775808}", NULL },
	{ "Uint64FieldMaxValueNotQuoted", "{\"u64\":18446744073709549568}", "{\"u64\":18446744073709549568}", NULL },
	{ "Int32FieldStringValue", "{\"i32\":\"2147483647\"}", "{\"i32\":2147483647}", NULL },
	{ "Int32FieldStringValueEscaped", "{\"i32\":\"2\\u003147483647\"}", "{\"i32\":2147483647}", NULL },
	{ "Int32FieldFloatTrailingZero", "{\"i32\":100000.000}", "{\"i32\":100000}", NULL },
	{ "Int32FieldExponentialFormat", "{\"i32\":1e5}", "{\"i32\":100000}", NULL },
	{ "Int32FieldMaxFloatValue", "{\"i32\":2.147483647e9}", "{\"i32\":2147483647}", NULL },
	{ "Int32FieldMinFloatValue", "{\"i32\":-2.147483648e9}", "{\"i32\":-2147483648}", NULL },
	{ "Uint32FieldMaxFloatValue", "{\"u32\":4.294967295e9}", "{\"u32\":4294967295}", NULL },
	{ "Int64FieldBeString", "{\"i64\":1}", "{\"i64\":1}", NULL },
	{ "Uint64FieldBeString", "{\"u64\":1}", "{\"u64\":1}", NULL },
	{ "BoolFieldTrue", "{\"yes\":true}", "{\"yes\":true}", NULL },
	{ "BoolFieldFalse", "{\"yes\":false}", "{\"yes\":false}", NULL },
	{ "FloatFieldMinPositiveValue", "{\"single\":1.175494e-38}", "{\"single\":1.175494e-38}", NULL },
	{ "FloatFieldMaxNegativeValue", "{\"single\":-1.175494e-38}", "{\"single\":-1.175494e-38}", NULL },
	{ "FloatFieldMaxPositiveValue", "{\"single\":3.402823e+38}", "{\"single\":3.402823e+38}", NULL },
	{ "FloatFieldMinNegativeValue", "{\"single\":-3.402823e+38}", "{\"single\":-3.402823e+38}", NULL },
	{ "FloatFieldQuotedValue", "{\"single\":\"1\"}", "{\"single\":1}", NULL },
	{ "FloatFieldNan", "{\"single\":\"NaN\"}", "{\"single\":\"NaN\"}", NULL },
	{ "FloatFieldInfinity", "{\"single\":\"Infinity\"}", "{\"single\":\"Infinity\"}", NULL },
	{ "FloatFieldNegativeInfinity", "{\"single\":\"-Infinity\"}", "{\"single\":\"-Infinity\"}", NULL },
	{ "DoubleFieldMinPositiveValue", "{\"real\":2.22507e-308}", "{\"real\":2.22507e-308}", NULL },
	{ "DoubleFieldMaxNegativeValue", "{\"real\":-2.22507e-308}", "{\"real\":-2.22507e-308}", NULL },
	{ "DoubleFieldMaxPositiveValue", "{\"real\":1.79769e+308}", "{\"real\":1.79769e+308}", NULL },
	{ "DoubleFieldMinNegativeValue", "{\"real\":-1.79769e+308}", "{\"real\":-1.79769e+308}", NULL },
	{ "DoubleFieldQuotedValue", "{\"real\":\"1\"}", "{\"real\":1}", NULL },
	{ "DoubleFieldNan", "{\"real\":\"NaN\"}", "{\"real\":\"NaN\"}", NULL },
	{ "DoubleFieldInfinity", "{\"real\":\"Infinity\"}", "{\"real\":\"Infinity\"}", NULL },
	{ "DoubleFieldNegativeInfinity", "{\"real\":\"-Infinity\"}", "{\"real\":\"-Infinity\"}", NULL },
	{ "EnumField", "{\"colour\":\"COLOUR_RED\"}", "{\"colour\":\"red\"}", NULL },
	{ "EnumFieldWithAlias", "{\"level\":\"LEVEL_FIRST\"}", "{\"level\":\"first\"}", NULL },
	{ "EnumFieldWithAliasUseAlias", "{\"level\":\"LEVEL_ONE\"}", "{\"level\":\"first\"}", NULL },
	{ "EnumFieldWithAliasLowerCase", "{\"level\":\"one\"}", "{\"level\":\"first\"}", NULL },
	{ "EnumFieldWithAliasDifferentCase", "{\"level\":\"oNe\"}", "!level enum",
	  "a name has two spellings, not any" },
	{ "EnumFieldNumericValueZero", "{\"level\":0}", "{\"level\":\"ground\"}", NULL },
	{ "EnumFieldNumericValueNonZero", "{\"level\":1}", "{\"level\":\"first\"}", NULL },
	{ "EnumFieldUnknownValue", "{\"level\":123}", "!level enum", "CONTRACT: a value outside the list is wrong" },
	{ "StringField", "{\"text\":\"Hello world!\"}", "{\"text\":\"Hello world!\"}", NULL },
	{ "StringFieldUnicode", "{\"text\":\"谷歌\"}", "{\"text\":\"谷歌\"}", NULL },
	{ "StringFieldEscape", "{\"text\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}",
	  "{\"text\":\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\"}", NULL },
	{ "StringFieldUnicodeEscape", "{\"text\":\"\\u8C37\\u6B4C\"}", "{\"text\":\"谷歌\"}", NULL },
	{ "StringFieldUnicodeEscapeWithLowercaseHexLetters", "{\"text\":\"\\u8c37\\u6b4c\"}", "{\"text\":\"谷歌\"}",
	  NULL },
	{ "StringFieldSurrogatePair", "{\"text\":\"\\uD83D\\uDE01\"}", "{\"text\":\"😁\"}", NULL },
	{ "StringFieldEmbeddedNull", "{\"text\":\"Hello\\u0000world!\"}", "!text utf8",
	  "a C string ends there; refused, never cut short" },
	{ "BytesField", "{\"blob\":\"AQI=\"}", "{\"blob\":\"AQI=\"}", NULL },
	{ "BytesFieldBase64Url", "{\"blob\":\"-_\"}", "{\"blob\":\"+w==\"}", NULL },
	{ "MessageField", "{\"inner\":{\"number\":1234}}", "{\"inner\":{\"number\":1234}}", NULL },
	{ "OneofZeroUint32", "{\"choiceNumber\":0}", "{\"choice_number\":0}", NULL },
	{ "OneofZeroMessage", "{\"choiceInner\":{}}", "{\"choice_inner\":{}}", NULL },
	{ "OneofZeroString", "{\"choiceText\":\"\"}", "{\"choice_text\":\"\"}", NULL },
	{ "OneofZeroBytes", "{\"choiceBlob\":\"\"}", "{\"choice_blob\":\"\"}", NULL },
	{ "OneofZeroBool", "{\"choiceYes\":false}", "{\"choice_yes\":false}", NULL },
	{ "OneofZeroUint64", "{\"choiceU64\":0}", "{\"choice_u64\":0}", NULL },
	{ "OneofZeroFloat", "{\"choiceSingle\":0.0}", "{\"choice_single\":0}", NULL },
	{ "OneofZeroDouble", "{\"choiceReal\":0.0}", "{\"choice_real\":0}", NULL },
	{ "OneofZeroEnum", "{\"choiceColour\":\"COLOUR_UNSPECIFIED\"}", "!choice_colour enum",
	  "our zero has no name: it means that nothing was said" },
	{ "OneofNullFirst", "{\"choiceNumber\":null,\"choiceText\":\"test\"}", "{\"choice_text\":\"test\"}", NULL },
	{ "OneofNullSecond", "{\"choiceText\":\"test\",\"choiceNumber\":null}", "{\"choice_text\":\"test\"}", NULL },
	{ "Int32MapField", "{\"squares\":{\"1\":2,\"3\":4}}", "{\"squares\":{\"1\":2,\"3\":4}}", NULL },
	{ "Uint32MapField", "{\"palette\":{\"1\":1,\"3\":2}}", "{\"palette\":{\"1\":\"red\",\"3\":\"dark_blue\"}}",
	  NULL },
	{ "Int64MapField", "{\"names\":{\"1\":\"2\",\"3\":\"4\"}}", "{\"names\":{\"1\":\"2\",\"3\":\"4\"}}", NULL },
	{ "Uint64MapField", "{\"large\":{\"1\":2,\"18446744073709551615\":4}}",
	  "{\"large\":{\"1\":2,\"18446744073709551615\":4}}", NULL },
	{ "BoolMapField", "{\"sides\":{\"true\":{},\"false\":{}}}", "{\"sides\":{\"true\":{},\"false\":{}}}", NULL },
	{ "MessageMapField", "{\"sides\":{\"true\":{\"number\":1234},\"false\":{\"number\":5678}}}",
	  "{\"sides\":{\"true\":{\"number\":1234},\"false\":{\"number\":5678}}}", NULL },
	{ "Int32MapEscapedKey", "{\"squares\":{\"\\u0031\":2}}", "{\"squares\":{\"1\":2}}", NULL },
	{ "Int64MapEscapedKey", "{\"names\":{\"\\u0031\":\"2\"}}", "{\"names\":{\"1\":\"2\"}}", NULL },
	{ "BoolMapEscapedKey", "{\"sides\":{\"tr\\u0075e\":{}}}", "{\"sides\":{\"true\":{}}}", NULL },
	{ "PrimitiveRepeatedField", "{\"i64s\":[1,2,3,4]}", "{\"i64s\":[1,2,3,4]}", NULL },
	{ "EnumRepeatedField", "{\"colours\":[\"COLOUR_RED\",\"dark_blue\"]}", "{\"colours\":[\"red\",\"dark_blue\"]}",
	  NULL },
	{ "StringRepeatedField", "{\"texts\":[\"Hello\",\"world\"]}", "{\"texts\":[\"Hello\",\"world\"]}", NULL },
	{ "BytesRepeatedField", "{\"blobs\":[\"AAEC\",\"AQI=\"]}", "{\"blobs\":[\"AAEC\",\"AQI=\"]}", NULL },
	{ "MessageRepeatedField", "{\"inners\":[{\"number\":1234},{\"number\":5678}]}",
	  "{\"inners\":[{\"number\":1234},{\"number\":5678}]}", NULL },
	{ "AllFieldAcceptNull",
	  "{\"yes\":null,\"i32\":null,\"s32\":null,\"sf32\":null,\"u32\":null,\"f32\":null,\"i64\":null,\"s64\":null,"
	  "\"sf64\":null,\"u64\":null,"
	  "\"f64\":null,\"single\":null,\"real\":null,\"text\":null,\"blob\":null,\"colour\":null,\"inner\":null,"
	  "\"yeses\":null,\"i64s\":null,"
	  "\"reals\":null,\"texts\":null,\"blobs\":null,\"colours\":null,\"inners\":null,\"times\":null,\"counts\":"
	  "null,\"sides\":null,"
	  "\"choiceText\":null,\"when\":null,\"document\":null}",
	  "{}", NULL },
	{ "TimestampMinValue", "{\"when\":\"0001-01-01T00:00:00Z\"}", "{\"when\":\"0001-01-01T00:00:00.000000Z\"}",
	  NULL },
	{ "TimestampMaxValue", "{\"when\":\"9999-12-31T23:59:59.999999999Z\"}",
	  "{\"when\":\"9999-12-31T23:59:59.999999Z\"}", NULL },
	{ "TimestampRepeatedValue", "{\"times\":[\"0001-01-01T00:00:00Z\",\"9999-12-31T23:59:59.999999999Z\"]}",
	  "{\"times\":[\"0001-01-01T00:00:00.000000Z\",\"9999-12-31T23:59:59.999999Z\"]}", NULL },
	{ "TimestampLeap", "{\"when\":\"1996-02-29T00:00:00.000Z\"}", "{\"when\":\"1996-02-29T00:00:00.000000Z\"}",
	  NULL },
	{ "TimestampWithPositiveOffset", "{\"when\":\"1970-01-01T08:00:01+08:00\"}",
	  "{\"when\":\"1970-01-01T00:00:01.000000Z\"}", NULL },
	{ "TimestampWithNegativeOffset", "{\"when\":\"1969-12-31T16:00:01-08:00\"}",
	  "{\"when\":\"1970-01-01T00:00:01.000000Z\"}", NULL },
	{ "TimestampNull", "{\"when\":null}", "{}", NULL },
	{ "TimestampZeroNormalized", "{\"when\":\"1969-12-31T16:00:00-08:00\"}",
	  "{\"when\":\"1970-01-01T00:00:00.000000Z\"}", NULL },
	{ "TimestampHasZeroFractionalDigit", "{\"when\":\"1970-01-01T00:00:00.000000000Z\"}",
	  "{\"when\":\"1970-01-01T00:00:00.000000Z\"}", NULL },
	{ "TimestampHas3FractionalDigits", "{\"when\":\"1970-01-01T00:00:00.010000000Z\"}",
	  "{\"when\":\"1970-01-01T00:00:00.010000Z\"}", NULL },
	{ "TimestampHas6FractionalDigits", "{\"when\":\"1970-01-01T00:00:00.000010000Z\"}",
	  "{\"when\":\"1970-01-01T00:00:00.000010Z\"}", NULL },
	{ "TimestampHas9FractionalDigits", "{\"when\":\"1970-01-01T00:00:00.000000010Z\"}",
	  "{\"when\":\"1970-01-01T00:00:00.000000Z\"}", NULL },
	{ "IgnoreUnknownJsonNumber", "{\"unknown\":1}", "{}", NULL },
	{ "IgnoreUnknownJsonString", "{\"unknown\":\"a\"}", "{}", NULL },
	{ "IgnoreUnknownJsonTrue", "{\"unknown\":true}", "{}", NULL },
	{ "IgnoreUnknownJsonFalse", "{\"unknown\":false}", "{}", NULL },
	{ "IgnoreUnknownJsonNull", "{\"unknown\":null}", "{}", NULL },
	{ "IgnoreUnknownJsonObject", "{\"unknown\":{\"a\":1}}", "{}", NULL },
};

/* The suite wants each of these refused. */
static const struct suite_row refused[] = {
	{ "StringEndsWithEscapeChar", "{\"text\":\"abc\\", "!text json_invalid", NULL },
	{ "FieldNameNotQuoted", "{i32:1}", "! json_invalid", NULL },
	{ "TrailingCommaInAnObject", "{\"i32\":1,}", "! json_invalid", NULL },
	{ "TrailingCommaInAnObjectWithSpace", "{\"i32\":1 ,}", "! json_invalid", NULL },
	{ "TrailingCommaInAnObjectWithSpaceCommaSpace", "{\"i32\":1 , }", "! json_invalid", NULL },
	{ "TrailingCommaInAnObjectWithNewlines", "{\n\"i32\":1,\n}", "! json_invalid", NULL },
	{ "JsonWithComments", "{\n// a comment\n\"i32\":1\n}", "! json_invalid", NULL },
	{ "MissingCommaOneLine", "{\"i32\":1 \"i64\":2}", "! json_invalid", NULL },
	{ "MissingCommaMultiline", "{\n\"i32\":1\n\"i64\":2\n}", "! json_invalid", NULL },
	{ "FieldNameDuplicate", "{\"inner\":{\"number\":1},\"inner\":{}}", "!inner duplicate", NULL },
	{ "FieldNameDuplicateDifferentCasing1", "{\"two_words\":\"a\",\"twoWords\":\"b\"}", "!two_words duplicate",
	  NULL },
	{ "FieldNameDuplicateDifferentCasing2", "{\"twoWords\":\"a\",\"two_words\":\"b\"}", "!two_words duplicate",
	  NULL },
	{ "RejectTopLevelNull", "null", "! type", NULL },
	{ "Int32FieldTooLarge", "{\"i32\":2147483648}", "!i32 range", NULL },
	{ "Int32FieldTooSmall", "{\"i32\":-2147483649}", "!i32 range", NULL },
	{ "Uint32FieldTooLarge", "{\"u32\":4294967296}", "!u32 range", NULL },
	{ "Int64FieldTooLarge", "{\"i64\":\"9223372036854775808\"}", "!i64 range", NULL },
	{ "Int64FieldTooSmall", "{\"i64\":\"-9223372036854775809\"}", "!i64 range", NULL },
	{ "Uint64FieldTooLarge", "{\"u64\":\"18446744073709551616\"}", "!u64 range", NULL },
	{ "Int32FieldNotInteger", "{\"i32\":0.5}", "!i32 type", NULL },
	{ "Uint32FieldNotInteger", "{\"u32\":0.5}", "!u32 type", NULL },
	{ "Int64FieldNotInteger", "{\"i64\":\"0.5\"}", "!i64 type", NULL },
	{ "Uint64FieldNotInteger", "{\"u64\":\"0.5\"}", "!u64 type", NULL },
	{ "Int32FieldNotNumber", "{\"i32\":\"3x3\"}", "!i32 type", NULL },
	{ "Uint32FieldNotNumber", "{\"u32\":\"3x3\"}", "!u32 type", NULL },
	{ "Int64FieldNotNumber", "{\"i64\":\"3x3\"}", "!i64 type", NULL },
	{ "Uint64FieldNotNumber", "{\"u64\":\"3x3\"}", "!u64 type", NULL },
	{ "Int32FieldPlusSign", "{\"i32\":+1}", "!i32 json_invalid", NULL },
	{ "Int32FieldLeadingZero", "{\"i32\":01}", "! json_invalid", NULL },
	{ "Int32FieldNegativeWithLeadingZero", "{\"i32\":-01}", "! json_invalid", NULL },
	{ "Int32FieldLeadingSpace", "{\"i32\":\" 1\"}", "!i32 type", NULL },
	{ "Int32FieldTrailingSpace", "{\"i32\":\"1 \"}", "!i32 type", NULL },
	{ "BoolFieldIntegerZero", "{\"yes\":0}", "!yes type", NULL },
	{ "BoolFieldIntegerOne", "{\"yes\":1}", "!yes type", NULL },
	{ "BoolFieldCamelCaseTrue", "{\"yes\":True}", "!yes json_invalid", NULL },
	{ "BoolFieldCamelCaseFalse", "{\"yes\":False}", "!yes json_invalid", NULL },
	{ "BoolFieldAllCapitalTrue", "{\"yes\":TRUE}", "!yes json_invalid", NULL },
	{ "BoolFieldAllCapitalFalse", "{\"yes\":FALSE}", "!yes json_invalid", NULL },
	{ "BoolFieldDoubleQuotedTrue", "{\"yes\":\"true\"}", "!yes type", NULL },
	{ "BoolFieldDoubleQuotedFalse", "{\"yes\":\"false\"}", "!yes type", NULL },
	{ "FloatFieldNanNotQuoted", "{\"single\":NaN}", "!single json_invalid", NULL },
	{ "FloatFieldInfinityNotQuoted", "{\"single\":Infinity}", "!single json_invalid", NULL },
	{ "FloatFieldNegativeInfinityNotQuoted", "{\"single\":-Infinity}", "!single json_invalid", NULL },
	{ "FloatFieldTooSmall", "{\"single\":-3.502823e+38}", "!single range", NULL },
	{ "FloatFieldTooLarge", "{\"single\":3.502823e+38}", "!single range", NULL },
	{ "DoubleFieldNanNotQuoted", "{\"real\":NaN}", "!real json_invalid", NULL },
	{ "DoubleFieldInfinityNotQuoted", "{\"real\":Infinity}", "!real json_invalid", NULL },
	{ "DoubleFieldNegativeInfinityNotQuoted", "{\"real\":-Infinity}", "!real json_invalid", NULL },
	{ "DoubleFieldTooSmall", "{\"real\":-1.89769e+308}", "!real range", NULL },
	{ "DoubleFieldTooLarge", "{\"real\":1.89769e+308}", "!real range", NULL },
	{ "EnumFieldNotQuoted", "{\"colour\":COLOUR_RED}", "!colour json_invalid", NULL },
	{ "StringFieldUppercaseEscapeLetter", "{\"text\":\"\\U8C37\\U6b4C\"}", "!text json_invalid", NULL },
	{ "StringFieldInvalidEscape", "{\"text\":\"\\uXXXX\\u6B4C\"}", "!text json_invalid", NULL },
	{ "StringFieldUnterminatedEscape", "{\"text\":\"\\u8C3\"}", "!text json_invalid", NULL },
	{ "StringFieldUnpairedHighSurrogate", "{\"text\":\"\\uD800\"}", "!text utf8", NULL },
	{ "StringFieldUnpairedLowSurrogate", "{\"text\":\"\\uDC00\"}", "!text utf8", NULL },
	{ "StringFieldSurrogateInWrongOrder", "{\"text\":\"\\uDE01\\uD83D\"}", "!text utf8", NULL },
	{ "StringFieldNotAString", "{\"text\":12345}", "!text type", NULL },
	{ "StringFieldSingleQuoteKey", "{'text':\"Hello world!\"}", "! json_invalid", NULL },
	{ "StringFieldSingleQuoteValue", "{\"text\":'Hello world!'}", "!text json_invalid", NULL },
	{ "StringFieldSingleQuoteBoth", "{'text':'Hello world!'}", "! json_invalid", NULL },
	{ "BytesFieldInvalidBase64Characters", "{\"blob\":\"!\"}", "!blob type", NULL },
	{ "OneofFieldDuplicate", "{\"choiceNumber\":1,\"choiceText\":\"test\"}", "!choice_text oneof", NULL },
	{ "Int32MapFieldKeyNotQuoted", "{\"squares\":{1:2,3:4}}", "!squares json_invalid", NULL },
	{ "Uint32MapFieldKeyNotQuoted", "{\"palette\":{1:1,3:2}}", "!palette json_invalid", NULL },
	{ "Int64MapFieldKeyNotQuoted", "{\"names\":{1:\"2\"}}", "!names json_invalid", NULL },
	{ "Uint64MapFieldKeyNotQuoted", "{\"large\":{1:2}}", "!large json_invalid", NULL },
	{ "BoolMapFieldKeyNotQuoted", "{\"sides\":{true:{}}}", "!sides json_invalid", NULL },
	{ "RepeatedFieldWrongElementTypeExpectingIntegersGotBool", "{\"i64s\":[1,false,3]}", "!i64s.1 type", NULL },
	{ "RepeatedFieldWrongElementTypeExpectingIntegersGotString", "{\"i64s\":[1,2,\"name\"]}", "!i64s.2 type",
	  NULL },
	{ "RepeatedFieldWrongElementTypeExpectingIntegersGotMessage", "{\"i64s\":[1,{\"a\":4}]}", "!i64s.1 type",
	  NULL },
	{ "RepeatedFieldWrongElementTypeExpectingStringsGotInt", "{\"texts\":[\"1\",2]}", "!texts.1 type", NULL },
	{ "RepeatedFieldWrongElementTypeExpectingStringsGotBool", "{\"texts\":[\"1\",false]}", "!texts.1 type", NULL },
	{ "RepeatedFieldWrongElementTypeExpectingStringsGotMessage", "{\"texts\":[\"1\",{\"a\":4}]}", "!texts.1 type",
	  NULL },
	{ "RepeatedFieldWrongElementTypeExpectingMessagesGotInt", "{\"inners\":[{},2]}", "!inners.1 type", NULL },
	{ "RepeatedFieldWrongElementTypeExpectingMessagesGotBool", "{\"inners\":[{},false]}", "!inners.1 type", NULL },
	{ "RepeatedFieldWrongElementTypeExpectingMessagesGotString", "{\"inners\":[{},\"2\"]}", "!inners.1 type",
	  NULL },
	{ "RepeatedFieldTrailingComma", "{\"i64s\":[1,2,]}", "!i64s.2 json_invalid", NULL },
	{ "RepeatedFieldTrailingCommaWithSpace", "{\"i64s\":[1,2 ,]}", "!i64s.2 json_invalid", NULL },
	{ "RepeatedFieldTrailingCommaWithSpaceCommaSpace", "{\"i64s\":[1,2 , ]}", "!i64s.2 json_invalid", NULL },
	{ "RepeatedFieldTrailingCommaWithNewlines", "{\"i64s\":[\n1,\n2,\n]}", "!i64s.2 json_invalid", NULL },
	{ "RepeatedFieldPrimitiveElementIsNull", "{\"i64s\":[1,null,2]}", "!i64s.1 type", NULL },
	{ "RepeatedFieldMessageElementIsNull", "{\"inners\":[{},null,{}]}", "!inners.1 type", NULL },
	{ "MapFieldKeyIsNull", "{\"squares\":{null:1}}", "!squares json_invalid", NULL },
	{ "MapFieldValueIsNull", "{\"squares\":{\"0\":null}}", "!squares.0 type", NULL },
	{ "TimestampJsonInputTooSmall", "{\"when\":\"0000-01-01T00:00:00Z\"}", "!when timestamp", NULL },
	{ "TimestampJsonInputTooLarge", "{\"when\":\"10000-01-01T00:00:00Z\"}", "!when timestamp", NULL },
	{ "TimestampJsonInputMissingZ", "{\"when\":\"0001-01-01T00:00:00\"}", "!when timestamp", NULL },
	{ "TimestampJsonInputMissingT", "{\"when\":\"0001-01-01 00:00:00Z\"}", "!when timestamp", NULL },
	{ "TimestampJsonInputLowercaseZ", "{\"when\":\"0001-01-01T00:00:00z\"}", "!when timestamp", NULL },
	{ "TimestampJsonInputLowercaseT", "{\"when\":\"0001-01-01t00:00:00Z\"}", "!when timestamp", NULL },
};

static void check_rows(struct arena *arena, const struct suite_row *rows, size_t count, bool suite_takes)
{
	for (size_t i = 0; i < count; i++) {
		const struct suite_row *row = &rows[i];
		const char *label = str_printf(arena, "J21 %s", row->name).ptr;
		const struct message_side *side;
		struct error err = { 0 };
		ProtobufCMessage *message = kinds_message(arena, "Kinds", &side);
		bool ok = json_to_message(arena, str_from(row->json), side, NULL, message, &err);
		CHECK_STR_ROW(label, ok ? json_print_arena(arena, message) : kinds_violations(arena, &err), row->want);
		CHECK_ROW(label, (ok == suite_takes) == (row->why == NULL));
		arena_reset(arena);
	}
}

/* FieldNameInLowerCamelCase, FieldNameInSnakeCase, FieldNameWithNumbers, FieldNameWithMixedCases and FieldNameWithDoubleUnderscores: both
 * spellings are read, the .proto's own is printed. */
static void check_names(struct arena *arena)
{
	static const char *const names[][2] = {
		{ "fieldname1", "fieldname1" },      { "field_name2", "fieldName2" },
		{ "_field_name3", "FieldName3" },    { "field__name4_", "fieldName4" },
		{ "field0name5", "field0name5" },    { "field_0_name6", "field0Name6" },
		{ "fieldName7", "fieldName7" },      { "FieldName8", "FieldName8" },
		{ "field_Name9", "fieldName9" },     { "Field_Name10", "FieldName10" },
		{ "FIELD_NAME11", "FIELDNAME11" },   { "FIELD_name12", "FIELDName12" },
		{ "__field_name13", "FieldName13" }, { "__Field_name14", "FieldName14" },
		{ "field__name15", "fieldName15" },  { "field__Name16", "fieldName16" },
		{ "field_name17__", "fieldName17" }, { "Field_name18__", "FieldName18" },
	};
	for (size_t i = 0; i < COUNT(names); i++) {
		struct str want = str_printf(arena, "{\"%s\":%zu}", names[i][0], i + 1);
		for (int form = 0; form < 2; form++) {
			const struct message_side *side;
			struct error err = { 0 };
			ProtobufCMessage *message = kinds_message(arena, "Names", &side);
			struct str json = str_printf(arena, "{\"%s\":%zu}", names[i][form], i + 1);
			struct json_parse_options strict = { .refuse_unknown = true };
			CHECK_OK(json_to_message(arena, json, side, &strict, message, &err), &err);
			CHECK_STR_ROW("J21 J01 FieldName...", json_print_arena(arena, message), want.ptr);
		}
	}
	arena_reset(arena);
}

int main(void)
{
	struct arena *arena = arena_create(0);
	check_rows(arena, taken, COUNT(taken), true);
	check_rows(arena, refused, COUNT(refused), false);
	check_names(arena);
	arena_destroy(&arena);
	return check_done("unit_json_conformance");
}
