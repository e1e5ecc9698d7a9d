/* Message rules: each kind of rule once below, at and above its bound, by the real tables and by a table made for the rest. */
#include "rpc/wire/validate.h"

#include <google/protobuf/timestamp.pb-c.h>
#include <math.h>

#include "petfood/rpc/v1/system.pb-c.h"
#include "petfood/v1/plan.pb-c.h"
#include "petfood/v1/task.pb-c.h"
#include "tests/support/check.h"

typedef Petfood__V1__CreatePlanRequest Plan;
#define SET(field, value, CASE) \
	do { \
		(r)->field = (value); \
		(r)->_##field##_case = PETFOOD__V1__CREATE_PLAN_REQUEST___##CASE; \
	} while (0)

static char long_text[2000];
static char *list[40];
static char *texts(size_t chars, const char *unit)
{
	long_text[0] = '\0';
	for (size_t i = 0; i < chars; i++) strcat(long_text, unit);
	return long_text;
}

static void age_0(Plan *r) { SET(pet_age, 0, PET_AGE_PET_AGE); }
static void age_1(Plan *r) { SET(pet_age, 1, PET_AGE_PET_AGE); }
static void age_600(Plan *r) { SET(pet_age, 600, PET_AGE_PET_AGE); }
static void age_601(Plan *r) { SET(pet_age, 601, PET_AGE_PET_AGE); }
static void weight_0(Plan *r) { SET(pet_weight, 0, PET_WEIGHT_PET_WEIGHT); }
static void weight_nan(Plan *r) { SET(pet_weight, NAN, PET_WEIGHT_PET_WEIGHT); }
static void weight_inf(Plan *r) { SET(pet_weight, INFINITY, PET_WEIGHT_PET_WEIGHT); }
static void bcs_0(Plan *r) { SET(bcs, 0, BCS_BCS); }
static void bcs_1(Plan *r) { SET(bcs, 1, BCS_BCS); }
static void bcs_10(Plan *r) { SET(bcs, 10, BCS_BCS); }
static void breed_100_zh(Plan *r) { SET(pet_breed, texts(100, "犬"), PET_BREED_PET_BREED); }
static void breed_101_zh(Plan *r) { SET(pet_breed, texts(101, "犬"), PET_BREED_PET_BREED); }
static void breed_bad_utf8(Plan *r) { SET(pet_breed, (char *)(uintptr_t)"\xc3(", PET_BREED_PET_BREED); }
static void type_unknown(Plan *r) { r->pet_type = (Petfood__V1__PetType)7; }
static void type_dog(Plan *r) { r->pet_type = PETFOOD__V1__PET_TYPE__PET_TYPE_DOG; }
static void dislikes(Plan *r, size_t count)
{
	for (size_t i = 0; i < count; i++) list[i] = (char *)(uintptr_t)"fish";
	r->dislikes = list;
	r->n_dislikes = count;
}
static void dislikes_30(Plan *r) { dislikes(r, 30); }
static void dislikes_31(Plan *r) { dislikes(r, 31); }
static void dislike_long(Plan *r)
{
	dislikes(r, 3);
	list[2] = texts(51, "x");
}
static void allergen_utf8(Plan *r)
{
	list[0] = (char *)(uintptr_t)"\xff";
	r->allergens = list;
	r->n_allergens = 1;
}
static void nothing(Plan *r) { (void)r; }

static const struct {
	const char *label;
	void (*fill)(Plan *r);
	const char *field, *type, *en, *zh; /* field "" = valid */
} rows[] = {
	{ "empty", nothing, "", "", "", "" },
	{ "above 0", age_1, "", "", "", "" },
	{ "at 0, must be above", age_0, "pet_age", "greater_than", "must be greater than 0", "必须大于 0" },
	{ "at the maximum", age_600, "", "", "", "" },
	{ "above it", age_601, "pet_age", "less_than_equal", "must be at most 600", "必须小于或等于 600" },
	{ "zero kilograms", weight_0, "pet_weight", "greater_than", "must be greater than 0", "必须大于 0" },
	{ "not a number", weight_nan, "pet_weight", "finite_number", "must be a finite number", "必须是有限的数" },
	{ "infinite", weight_inf, "pet_weight", "finite_number", "must be a finite number", "必须是有限的数" },
	{ "below the minimum", bcs_0, "bcs", "greater_than_equal", "must be at least 1", "必须大于或等于 1" },
	{ "at the minimum", bcs_1, "", "", "", "" },
	{ "above the maximum", bcs_10, "bcs", "less_than_equal", "must be at most 9", "必须小于或等于 9" },
	{ "100 characters of three bytes", breed_100_zh, "", "", "", "" },
	{ "101 characters", breed_101_zh, "pet_breed", "string_too_long", "must have at most 100 characters", "至多 100 个字符" },
	{ "not UTF-8", breed_bad_utf8, "pet_breed", "string_unicode", "is not valid UTF-8", "不是有效的 UTF-8 文本" },
	{ "an enum's number that is none", type_unknown, "pet_type", "enum", "must be one of: cat, dog", "必须是以下之一：cat, dog" },
	{ "one that is", type_dog, "", "", "", "" },
	{ "30 items", dislikes_30, "", "", "", "" },
	{ "31 items", dislikes_31, "dislikes", "too_long", "must have at most 30 items", "至多 30 项" },
	{ "a long item", dislike_long, "dislikes.2", "string_too_long", "must have at most 50 characters", "至多 50 个字符" },
	{ "an item that is not UTF-8", allergen_utf8, "allergens.0", "string_unicode", "is not valid UTF-8", "不是有效的 UTF-8 文本" },
};

static void test_rows(void)
{
	const struct message_side *side = message_by_name(STR("petfood.v1.CreatePlanRequest"));
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error en, zh;
		Plan request = PETFOOD__V1__CREATE_PLAN_REQUEST__INIT;
		error_clear(&en);
		error_clear(&zh);
		rows[i].fill(&request);
		bool ok = message_validate(side, &request.base, LANG_EN, &en);
		CHECK_ROW(rows[i].label, ok == message_validate(side, &request.base, LANG_ZH, &zh));
		CHECK_ROW(rows[i].label, ok == !rows[i].field[0]);
		if (ok || !CHECK_ROW(rows[i].label, en.violation_count == 1 && error_is(&en, "VALIDATION_FAILED"))) continue;
		CHECK_STR_ROW(rows[i].label, str_from(en.violations[0].field), rows[i].field);
		CHECK_STR_ROW(rows[i].label, str_from(en.violations[0].type), rows[i].type);
		CHECK_STR_ROW(rows[i].label, str_from(en.violations[0].message), rows[i].en);
		CHECK_STR_ROW(rows[i].label, str_from(zh.violations[0].message), rows[i].zh);
	}
}

static void test_several_at_once(void)
{
	const struct message_side *side = message_by_name(STR("petfood.v1.CreatePlanRequest"));
	struct error err;
	Plan request = PETFOOD__V1__CREATE_PLAN_REQUEST__INIT;
	error_clear(&err);
	age_601(&request);
	weight_nan(&request);
	type_unknown(&request);
	bcs_10(&request);
	CHECK(!message_validate(side, &request.base, LANG_EN, &err) && err.violation_count == 4);
	CHECK(!message_validate(side, &request.base, LANG_EN, NULL)); /* the answer alone */
}

static void test_required(void)
{
	const struct message_side *side = message_by_name(STR("petfood.rpc.v1.DescribeRequest"));
	struct error err;
	Petfood__Rpc__V1__DescribeRequest request = PETFOOD__RPC__V1__DESCRIBE_REQUEST__INIT;
	error_clear(&err);
	CHECK(!message_validate(side, &request.base, LANG_EN, &err));
	CHECK_STR(str_from(err.violations[0].type), "missing");
	request.name = (char *)(uintptr_t)"x";
	CHECK_OK(message_validate(side, &request.base, LANG_EN, &err), &err);
	request.name = texts(201, "x");
	CHECK(!message_validate(side, &request.base, LANG_EN, &err));
}

static void test_max_bytes(void)
{
	const struct message_side *side = message_by_name(STR("petfood.v1.ResumePlanStreamRequest"));
	static char big[16386];
	struct error err;
	Petfood__V1__ResumePlanStreamRequest request = PETFOOD__V1__RESUME_PLAN_STREAM_REQUEST__INIT;
	error_clear(&err);
	request.task_id = (char *)(uintptr_t)"t";
	memset(big, '9', sizeof big - 1);
	request.last_event_id = big + 1;
	request._last_event_id_case = PETFOOD__V1__RESUME_PLAN_STREAM_REQUEST___LAST_EVENT_ID_LAST_EVENT_ID;
	CHECK_OK(message_validate(side, &request.base, LANG_EN, &err), &err);
	request.last_event_id = big;
	CHECK(!message_validate(side, &request.base, LANG_EN, &err));
	CHECK_STR(str_from(err.violations[0].type), "string_too_long");
	CHECK_STR(str_from(err.violations[0].message), "must have at most 16384 bytes");
}

/* Nested messages and times: paths are dotted, positions counted. */
static void test_nested(void)
{
	const struct message_side *side = message_by_name(STR("petfood.v1.ListTasksReply"));
	struct error err;
	Petfood__V1__Task good = PETFOOD__V1__TASK__INIT, bad = PETFOOD__V1__TASK__INIT, *items[] = { &good, &bad };
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	Petfood__V1__ListTasksReply reply = PETFOOD__V1__LIST_TASKS_REPLY__INIT;
	reply.items = items;
	reply.n_items = 2;
	good.status = PETFOOD__V1__TASK_STATUS__TASK_STATUS_RUNNING;
	good.created_at = &at;
	error_clear(&err);
	CHECK_OK(message_validate(side, &reply.base, LANG_EN, &err), &err);
	bad.status = (Petfood__V1__TaskStatus)77;
	at.nanos = 1000000000;
	CHECK(!message_validate(side, &reply.base, LANG_EN, &err) && err.violation_count == 2);
	CHECK_STR(str_from(err.violations[0].field), "items.0.created_at");
	CHECK_STR(str_from(err.violations[0].type), "timestamp");
	CHECK_STR(str_from(err.violations[1].field), "items.1.status");
	at.nanos = 0;
	at.seconds = 253402300800;
	error_clear(&err);
	CHECK(!message_validate(side, &reply.base, LANG_EN, &err) && err.violation_count == 2);
}

/* Rules that no message of ours uses yet, put on a real field. */
static bool with_rule(struct field_rule rule, const char *value, struct error *err)
{
	const struct message_side *side = message_by_name(STR("petfood.v1.GetTaskRequest"));
	struct field_side field = side->fields[0];
	struct message_side changed = *side;
	Petfood__V1__GetTaskRequest request = PETFOOD__V1__GET_TASK_REQUEST__INIT;
	field.rule = rule;
	changed.fields = &field;
	changed.field_count = 1;
	request.id = (char *)(uintptr_t)value;
	error_clear(err);
	return message_validate(&changed, &request.base, LANG_EN, err);
}

static const struct {
	enum text_form form;
	const char *text, *type; /* NULL: well */
} rule_rows[] = {
	{ TEXT_PASSWORD, "12345", "string_too_short" },
	{ TEXT_PASSWORD, "123456", NULL },
	{ TEXT_PASSWORD, "狗粮狗粮狗", "string_too_short" }, /* 15 bytes, but 5 characters */
	{ TEXT_PASSWORD, "狗粮狗粮狗粮", NULL },
	{ TEXT_PASSWORD, "狗粮狗粮狗粮狗粮狗粮狗粮狗粮狗粮狗粮狗粮狗粮狗粮", NULL }, /* 24 characters, 72 bytes */
	{ TEXT_PASSWORD, "狗粮狗粮狗粮狗粮狗粮狗粮狗粮狗粮狗粮狗粮狗粮狗粮x", "string_too_long" },
	{ TEXT_CODE, "1234", NULL },
	{ TEXT_CODE, "12345678", NULL },
	{ TEXT_CODE, "123", "string_pattern_mismatch" },
	{ TEXT_CODE, "123456789", "string_pattern_mismatch" },
	{ TEXT_CODE, "12345a", "string_pattern_mismatch" },
	{ TEXT_CODE, " 123456", "string_pattern_mismatch" },
	{ TEXT_CODE, "１２３４５６", "string_pattern_mismatch" },
	{ TEXT_PHONE, "13800138000", NULL },
	{ TEXT_PHONE, "1380013800", "string_pattern_mismatch" },
	{ TEXT_PHONE, "138001380000", "string_pattern_mismatch" },
	{ TEXT_PHONE, "+8613800138", "string_pattern_mismatch" },
};

static void test_other_rules(void)
{
	struct error err;
	struct field_rule shortest = { .any = true, .min_chars = 3 }, uuid = { .any = true, .form = TEXT_UUID },
	                  email = { .any = true, .form = TEXT_EMAIL }, username = { .any = true, .form = TEXT_USERNAME };
	CHECK(with_rule(shortest, "狗粮食", &err));
	CHECK(!with_rule(shortest, "狗粮", &err));
	CHECK_STR(str_from(err.violations[0].type), "string_too_short");
	CHECK_ROW("empty is unset, and not required", with_rule(shortest, "", &err));
	CHECK(with_rule(uuid, "018f2c1e-9a6b-4c8d-8e2f-0123456789aB", &err));
	CHECK(!with_rule(uuid, "018f2c1e", &err));
	CHECK_STR(str_from(err.violations[0].type), "uuid_parsing");
	CHECK(!with_rule(email, "nobody", &err));
	CHECK_STR(str_from(err.violations[0].type), "email");
	CHECK(with_rule(email, " a@example.com\t", &err));
	CHECK(!with_rule(username, "a b c", &err));
	CHECK_STR(str_from(err.violations[0].type), "username");
	CHECK(with_rule(username, " abc ", &err));
	CHECK(!with_rule(username, "  a  ", &err));
	CHECK_STR(str_from(err.violations[0].message), "must have 3 to 50 characters");
	CHECK(!with_rule(username, " 01234567890123456789012345678901234567890123456789", &err));
	CHECK_STR(str_from(err.violations[0].message), "must have 3 to 50 characters");
	for (size_t i = 0; i < COUNT(rule_rows); i++) {
		struct field_rule rule = { .any = true, .form = rule_rows[i].form };
		bool ok = with_rule(rule, rule_rows[i].text, &err);
		CHECK_ROW(rule_rows[i].text, ok == !rule_rows[i].type && (ok || strcmp(err.violations[0].type, rule_rows[i].type) == 0));
	}
}

static const struct {
	const char *text;
	bool email, username;
} form_rows[] = {
	{ "a@example.com", true, false },
	{ "First.Last+tag@mail.example.co.uk", true, false },
	{ "o'neil_x-1@ex-ample.com", true, false },
	{ "a@localhost", false, false },
	{ "a@sub.localhost", false, false },
	{ "a@example.TEST", false, false },
	{ "a@example.invalid", false, false },
	{ "a@example", false, false },
	{ "a@.com", false, false },
	{ "a@example..com", false, false },
	{ "a@-example.com", false, false },
	{ "a@exam_ple.com", false, false },
	{ ".a@example.com", false, false },
	{ "a.@example.com", false, false },
	{ "a..b@example.com", false, false },
	{ "@example.com", false, false },
	{ "a@b@example.com", false, false },
	{ "a b@example.com", false, false },
	{ "a@example.com\r\nBcc: x@example.com", false, false },
	{ "a@example.com ", false, false },
	{ "0123456789012345678901234567890123456789012345678901234567890123@example.com", true, false },
	{ "01234567890123456789012345678901234567890123456789012345678901234@example.com", false, false },
	{ "abc", false, true },
	{ "ab", false, false },
	{ "A_b-9", false, true },
	{ "王小明", false, true },
	{ "王小", false, false },
	{ "鿿鿿鿿", false, true }, /* U+9FFF */
	{ "\xea\x80\x80\xea\x80\x80\xea\x80\x80", false, false }, /* U+A000 */
	{ "\xe4\xb7\xbf\xe4\xb7\xbf\xe4\xb7\xbf", false, false }, /* U+4DFF */
	{ "a b", false, false },
	{ "abc\xff", false, false },
	{ "🐶🐶🐶", false, false },
	{ "01234567890123456789012345678901234567890123456789", false, true },
	{ "012345678901234567890123456789012345678901234567890", false, false },
	{ "", false, false },
};

static void test_forms(void)
{
	for (size_t i = 0; i < COUNT(form_rows); i++) {
		CHECK_ROW(form_rows[i].text, text_is_email(str_from(form_rows[i].text)) == form_rows[i].email);
		CHECK_ROW(form_rows[i].text, text_is_username(str_from(form_rows[i].text)) == form_rows[i].username);
	}
	CHECK(text_is_uuid(STR("00000000-0000-0000-0000-00000000000F")) && !text_is_uuid(STR("00000000-0000-0000-0000-00000000000G")));
	CHECK(!text_is_uuid(STR("000000000-000-0000-0000-000000000000")) && !text_is_uuid(STR("")));
}

int main(void)
{
	test_rows();
	test_several_at_once();
	test_required();
	test_max_bytes();
	test_nested();
	test_other_rules();
	test_forms();
	return check_done("validate_test");
}
