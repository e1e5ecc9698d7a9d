/* Reasons and their texts, languages, statuses both ways, envelopes, metadata, and unpacking what nobody vouches for. */
#include <stdlib.h>

#include "petfood/v1/plan.pb-c.h"
#include "petfood/v1/task.pb-c.h"
#include "rpc/wire/envelope.h"
#include "rpc/wire/limiter.h"
#include "rpc/wire/status.h"
#include "rpc/wire/unpack.h"
#include "tests/support/check.h"

static struct arena *arena;

static void test_reason_table(void)
{
	for (size_t i = 0; i < reason_count; i++) {
		const struct reason_info *r = &reason_table[i];
		CHECK_ROW(r->reason, reason_find(str_from(r->reason)) == r);
		CHECK_ROW(r->reason, r->code != RPC_OK && r->http_status >= 400 && r->http_status < 600);
		CHECK_ROW(r->reason, r->text.zh[0] && r->text.en[0] && str_is_utf8(str_from(r->text.zh)));
		for (size_t k = 0; k < i; k++) CHECK_ROW(r->reason, strcmp(reason_table[k].reason, r->reason) != 0);
	}
	CHECK(!reason_find(STR("NO_SUCH_REASON")) && !reason_find(STR("")));
	for (int code = 0; code < RPC_CODE_COUNT; code++)
		CHECK_ROW(rpc_code_name((enum rpc_code)code), (reason_http_status((enum rpc_code)code) >= 400) == (code != RPC_OK) &&
		                                                      *text2_in(reason_code_text((enum rpc_code)code), LANG_EN));
	CHECK(reason_http_status((enum rpc_code)99) == 500);
}

/* R01: the 17 codes by number and name, their way into HTTP (google.rpc.Code's table), and through a status and back. */
static const struct {
	enum rpc_code code;
	int number;
	const char *name;
	int http_status;
} code_rows[] = {
	{ RPC_OK, 0, "OK", 200 },
	{ RPC_CANCELLED, 1, "CANCELLED", 499 },
	{ RPC_UNKNOWN, 2, "UNKNOWN", 500 },
	{ RPC_INVALID_ARGUMENT, 3, "INVALID_ARGUMENT", 400 },
	{ RPC_DEADLINE_EXCEEDED, 4, "DEADLINE_EXCEEDED", 504 },
	{ RPC_NOT_FOUND, 5, "NOT_FOUND", 404 },
	{ RPC_ALREADY_EXISTS, 6, "ALREADY_EXISTS", 409 },
	{ RPC_PERMISSION_DENIED, 7, "PERMISSION_DENIED", 403 },
	{ RPC_RESOURCE_EXHAUSTED, 8, "RESOURCE_EXHAUSTED", 429 },
	{ RPC_FAILED_PRECONDITION, 9, "FAILED_PRECONDITION", 400 },
	{ RPC_ABORTED, 10, "ABORTED", 409 },
	{ RPC_OUT_OF_RANGE, 11, "OUT_OF_RANGE", 400 },
	{ RPC_UNIMPLEMENTED, 12, "UNIMPLEMENTED", 501 },
	{ RPC_INTERNAL, 13, "INTERNAL", 500 },
	{ RPC_UNAVAILABLE, 14, "UNAVAILABLE", 503 },
	{ RPC_DATA_LOSS, 15, "DATA_LOSS", 500 },
	{ RPC_UNAUTHENTICATED, 16, "UNAUTHENTICATED", 401 },
};

static void r01_codes(void)
{
	CHECK_ROW("R01 all of them", COUNT(code_rows) == RPC_CODE_COUNT);
	for (size_t i = 0; i < COUNT(code_rows); i++) {
		struct error err, back;
		struct str packed;
		char label[64];
		enum rpc_code code = code_rows[i].code;
		(void)snprintf(label, sizeof label, "R01 %s", code_rows[i].name);
		CHECK_ROW(label, (int)code == code_rows[i].number && strcmp(rpc_code_name(code), code_rows[i].name) == 0);
		CHECK_ROW(label, reason_http_status(code) == code_rows[i].http_status);
		error_clear(&err);
		if (code != RPC_OK) {
			error_violation(&err, "page", "less_than_equal", "must be at most %d", 9);
			size_t violations = err.violation_count;
			error_set(&err, code, "TASK_UNFINISHED", "for the log");
			err.violation_count = violations; /* a code with everything that a status can carry */
			error_param(&err, "status", "running");
		}
		Petfood__Rpc__V1__RpcReply reply = PETFOOD__RPC__V1__RPC_REPLY__INIT;
		reply.status = status_from_error(arena, &err, LANG_EN);
		if (!CHECK_OK(message_pack(arena, &reply.base, &packed, &back), &back)) continue;
		Petfood__Rpc__V1__RpcReply *got = envelope_unpack_reply(arena, packed, &back);
		if (!CHECK_ROW(label, got != NULL)) continue;
		status_to_error(got->status, &back);
		CHECK_ROW(label, back.code == code);
		if (code == RPC_OK) {
			CHECK_ROW(label, back.param_count == 0 && back.violation_count == 0);
			continue;
		}
		CHECK_ROW(label, error_is(&back, "TASK_UNFINISHED") && back.param_count == 1 && back.violation_count == 1);
		CHECK_STR_ROW(label, str_from(back.message), "the task is not finished: running");
		CHECK_STR_ROW(label, str_from(back.params[0].value), "running");
		CHECK_STR_ROW(label, str_from(back.violations[0].type), "less_than_equal");
	}
}

/* R02: what metadata may be, without a server; the row's key and value stand twice if `twice`. */
static const struct {
	const char *label, *key, *value;
	size_t value_len;
	bool twice, ok;
} metadata_rows[] = {
	{ "R02 plain", "x-some", "a value ~", 9, false, true },
	{ "R02 twice", "x-some", "a", 1, true, false },
	{ "R02 twice, binary", "x-some-bin", "a", 1, true, false },
	{ "R02 twice, known", "authorization", "a", 1, true, false },
	{ "R02 binary", "x-some-bin", "\0\xff\r\n", 4, false, true },
	{ "R02 binary without the suffix", "x-some", "\0\xff\r\n", 4, false, false },
	{ "R02 the suffix alone", "-bin", "\0", 1, false, true },
	{ "R02 a line end", "x-some", "a\n", 2, false, false },
	{ "R02 delete", "x-some", "\x7f", 1, false, false },
	{ "R02 UTF-8", "x-some", "\xc3\xa9", 2, false, false },
	{ "R02 upper case", "X-Some", "a", 1, false, false },
	{ "R02 a space", "x some", "a", 1, false, false },
	{ "R02 no key", "", "a", 1, false, false },
	{ "R02 no value", "x-some", "", 0, false, true },
};

static void r02_metadata(void)
{
	static char long_key[] = "0123456789012345678901234567890123456789012345678901234567890123x", big[METADATA_VALUE_BYTES_MAX + 1];
	Petfood__Rpc__V1__Metadata entries[METADATA_ENTRIES_MAX + 1], *list[COUNT(entries)];
	struct rpc_metadata out;
	struct error err;
	for (size_t i = 0; i < COUNT(entries); i++) {
		petfood__rpc__v1__metadata__init(&entries[i]);
		list[i] = &entries[i];
	}
	for (size_t i = 0; i < COUNT(metadata_rows); i++) {
		entries[0].key = entries[1].key = (char *)(uintptr_t)metadata_rows[i].key;
		entries[0].value.data = entries[1].value.data = (uint8_t *)(uintptr_t)metadata_rows[i].value;
		entries[0].value.len = entries[1].value.len = metadata_rows[i].value_len;
		bool ok = metadata_read(metadata_rows[i].twice ? 2 : 1, list, &out, &err);
		CHECK_ROW(metadata_rows[i].label, ok == metadata_rows[i].ok);
		if (!ok) CHECK_ROW(metadata_rows[i].label, error_is(&err, "METADATA_INVALID") && err.code == RPC_INVALID_ARGUMENT && err.param_count == 1);
	}
	memset(big, 'a', sizeof big);
	entries[0].key = long_key;
	entries[0].value.data = (uint8_t *)big;
	entries[0].value.len = 1;
	CHECK_ROW("R02 a key of 65 bytes", !metadata_read(1, list, &out, &err));
	long_key[METADATA_KEY_BYTES_MAX] = '\0';
	CHECK_ROW("R02 of 64", metadata_read(1, list, &out, &err));
	entries[0].value.len = METADATA_VALUE_BYTES_MAX;
	CHECK_ROW("R02 8 KiB", metadata_read(1, list, &out, &err));
	entries[0].value.len++;
	CHECK_ROW("R02 and one", !metadata_read(1, list, &out, &err));
	entries[0].key = (char *)(uintptr_t)"idempotency-key";
	entries[0].value.len = IDEMPOTENCY_KEY_BYTES_MAX;
	CHECK_ROW("R02 an idempotency key of 200", metadata_read(1, list, &out, &err) && out.idempotency_key.len == IDEMPOTENCY_KEY_BYTES_MAX);
	entries[0].value.len++;
	CHECK_ROW("R02 of 201", !metadata_read(1, list, &out, &err));
	CHECK_STR(str_from(err.params[0].value), "idempotency-key");
	char keys[COUNT(entries)][8];
	for (size_t i = 0; i < COUNT(entries); i++) {
		(void)snprintf(keys[i], sizeof keys[i], "k%02zu", i);
		entries[i].key = keys[i];
		entries[i].value.data = (uint8_t *)big;
		entries[i].value.len = METADATA_BYTES_MAX / METADATA_ENTRIES_MAX - 3; /* with its key: all there may be */
	}
	CHECK_ROW("R02 64 entries of 64 KiB", metadata_read(METADATA_ENTRIES_MAX, list, &out, &err));
	CHECK_ROW("R02 65 entries", !metadata_read(METADATA_ENTRIES_MAX + 1, list, &out, &err));
	entries[63].value.len++;
	CHECK_ROW("R02 a byte more", !metadata_read(METADATA_ENTRIES_MAX, list, &out, &err));
}

static const struct reason_info made_up = { "X", RPC_ABORTED, 409, 0, { "{a}和{b}", "{a} and {b}, {a}{" } };

static void test_render(void)
{
	static const struct error_param both[] = { { "a", "1" }, { "b", "{a}" } };
	CHECK_STR(reason_render(arena, &made_up, LANG_ZH, 2, both), "1和{a}");
	CHECK_STR(reason_render(arena, &made_up, LANG_ZH, 1, both), "1和{b}");
	CHECK_STR(reason_render(arena, &made_up, LANG_ZH, 0, NULL), "{a}和{b}");
	const struct reason_info *wrong_type = reason_find(STR("TOKEN_WRONG_TYPE"));
	static const struct error_param types[] = { { "expected", "access" }, { "actual", "refresh" } };
	CHECK_STR(reason_render(arena, wrong_type, LANG_ZH, 2, types), "Token 类型错误，期望 access，实际 refresh");
}

static const struct {
	const char *header;
	enum lang lang;
} lang_rows[] = {
	{ "", LANG_ZH },
	{ "en", LANG_EN },
	{ "EN-us", LANG_EN },
	{ "zh-CN,zh;q=0.9,en;q=0.8", LANG_ZH },
	{ "en-GB,en;q=0.9,zh;q=0.8", LANG_EN },
	{ "zh;q=0.1, en;q=0.2", LANG_EN },
	{ "en;q=0.5, zh;q=0.5", LANG_EN },
	{ "fr", LANG_ZH },
	{ "fr, en;q=0.1", LANG_EN },
	{ "en;q=0", LANG_ZH },
	{ "*", LANG_ZH },
	{ "en;q=0.3, *;q=0.9", LANG_ZH },
	{ "en;q=2", LANG_ZH },
	{ "en;q=x", LANG_ZH },
	{ "english", LANG_ZH },
	{ ",,;;q=,=", LANG_ZH },
	{ " en ; q=1.0 ", LANG_EN },
	{ "zh-Hant;q=0.9;level=1, en;q=0.95", LANG_EN },
};

static void test_languages(void)
{
	for (size_t i = 0; i < COUNT(lang_rows); i++)
		CHECK_ROW(lang_rows[i].header, lang_from_accept(str_from(lang_rows[i].header)) == lang_rows[i].lang);
}

static void test_status_both_ways(void)
{
	struct error err, back;
	error_set(&err, RPC_RESOURCE_EXHAUSTED, "TASK_LIMIT", "internal detail");
	error_param(&err, "limit", "%d", 3);
	Petfood__Rpc__V1__Status *status = status_from_error(arena, &err, LANG_EN);
	CHECK_STR(str_from(status->message), "too many tasks under way (at most 3)");
	status_to_error(status, &back);
	CHECK(back.code == RPC_RESOURCE_EXHAUSTED && back.reason == reason_find(STR("TASK_LIMIT"))->reason);
	CHECK(back.param_count == 1 && strcmp(back.params[0].name, "limit") == 0 && strcmp(back.params[0].value, "3") == 0);

	error_clear(&err);
	error_violation(&err, "pet_weight", "less_than_equal", "must be at most %d", 1000);
	error_violation(&err, "dislikes.2", "string_too_long", "too long");
	status_to_error(status_from_error(arena, &err, LANG_ZH), &back);
	CHECK(error_is(&back, "VALIDATION_FAILED") && back.code == RPC_INVALID_ARGUMENT && back.violation_count == 2);
	CHECK_STR(str_from(back.violations[1].field), "dislikes.2");
	CHECK_STR(str_from(back.message), "请求数据验证失败");

	error_set(&err, RPC_ALREADY_EXISTS, "BRAND_NEW", "secret");
	status = status_from_error(arena, &err, LANG_EN);
	CHECK_STR(str_from(status->message), "it exists already");
	status_to_error(status, &back);
	CHECK(error_is(&back, "BRAND_NEW"));
	const char *first = back.reason;
	status_to_error(status, &back);
	CHECK_ROW("interned once", back.reason == first);

	error_clear(&err);
	status_to_error(status_from_error(arena, &err, LANG_EN), &back);
	CHECK(back.code == RPC_OK);
	CHECK_STR(str_from(token_intern(STR("has space"))), "UNLISTED");
	CHECK_STR(str_from(token_intern(STR(""))), "UNLISTED");
	for (int i = 0; i < 400; i++) {
		char token[16];
		(void)snprintf(token, sizeof token, "FILL_%d", i);
		(void)token_intern(str_from(token));
	}
	CHECK_STR(str_from(token_intern(STR("ONE_TOO_MANY"))), "UNLISTED");
	CHECK_STR(str_from(token_intern(STR("BRAND_NEW"))), "BRAND_NEW");
}

static void test_envelope(void)
{
	struct error err;
	struct envelope in = { .call_id = "0123456789abcde", .method = "petfood.v1.PlanService/GetPlan", .timeout_ms = 1234,
		               .metadata = { .authorization = STR("Bearer t"), .client_address = STR("::1"),
		                             .accept_language = STR("en"), .idempotency_key = STR("k"), .on_behalf_of = STR("u"),
		                             .service_authorization = STR("Bearer s"), .traceparent = STR("00-"),
		                             .request_id = STR("r"), .on_behalf_session = STR("b"), .user_agent = STR("u/1 (x)") },
		               .payload = { "\0\1\2", 3 } }, out;
	size_t size = envelope_packed_size(&in);
	uint8_t *bytes = arena_alloc(arena, size);
	envelope_pack(&in, bytes);
	CHECK_OK(envelope_unpack(arena, (struct str){ (char *)bytes, size }, &out, &err), &err);
	CHECK(memcmp(in.call_id, out.call_id, CALL_ID_BYTES) == 0 && out.timeout_ms == 1234);
	CHECK_STR(str_from(out.method), in.method);
	CHECK(str_equal(in.payload, out.payload));
#define SAME(field, name) CHECK_ROW(name, str_equal(in.metadata.field, out.metadata.field));
	RPC_METADATA(SAME)
	struct rpc_metadata copy = metadata_dup(arena, &in.metadata);
#define COPIED(field, name) CHECK_ROW(name, str_equal(in.metadata.field, copy.field) && in.metadata.field.ptr != copy.field.ptr);
	RPC_METADATA(COPIED)
	for (size_t len = 0; len < size; len++) { /* every cut is refused or read; none reads past its end (address sanitizer) */
		char *exact = malloc(len + 1);
		memcpy(exact, bytes, len);
		bool ok = envelope_unpack(arena, (struct str){ exact, len }, &out, &err);
		CHECK_ROW("cut", ok || err.code == RPC_INVALID_ARGUMENT);
		free(exact);
	}
	Petfood__Rpc__V1__RpcReply reply = PETFOOD__RPC__V1__RPC_REPLY__INIT;
	struct str packed;
	CHECK(message_pack(arena, &reply.base, &packed, &err));
	CHECK_ROW("a reply needs a status", !envelope_unpack_reply(arena, packed, &err));
	Petfood__Rpc__V1__Status status = PETFOOD__RPC__V1__STATUS__INIT;
	reply.status = &status;
	status.code = 17;
	CHECK(message_pack(arena, &reply.base, &packed, &err));
	CHECK_ROW("of the 17 codes", !envelope_unpack_reply(arena, packed, &err));
	status.code = 16;
	CHECK(message_pack(arena, &reply.base, &packed, &err) && envelope_unpack_reply(arena, packed, &err));
}

static void test_unpack(void)
{
	struct error err;
	/* Allocation amplification: a megabyte of empty submessages is cut off by the budget. */
	size_t len = 1 << 20;
	char *bomb = malloc(len);
	for (size_t i = 0; i < len; i += 2) memcpy(bomb + i, "\x0a\x00", 2);
	size_t before = arena_used(arena);
	struct arena_mark mark = arena_mark(arena);
	CHECK(!message_unpack(arena, &petfood__v1__list_events_reply__descriptor, (struct str){ bomb, len }, &err));
	CHECK(error_is(&err, "MESSAGE_MALFORMED") && arena_used(arena) - before < 26 * len);
	arena_rewind(arena, mark);
	free(bomb);
	/* The worst honest message passes: thousands of short texts. */
	enum { IDS = 4096 };
	char *ids[IDS], text[IDS][8];
	Petfood__V1__ReadHeadsRequest request = PETFOOD__V1__READ_HEADS_REQUEST__INIT;
	for (int i = 0; i < IDS; i++) {
		(void)snprintf(text[i], sizeof text[i], "%d", i);
		ids[i] = text[i];
	}
	request.n_ids = IDS;
	request.ids = ids;
	struct str packed;
	CHECK_OK(message_pack(arena, &request.base, &packed, &err), &err);
	Petfood__V1__ReadHeadsRequest *got = (void *)message_unpack(arena, &petfood__v1__read_heads_request__descriptor, packed, &err);
	CHECK(got && got->n_ids == IDS && strcmp(got->ids[IDS - 1], "4095") == 0);
	CHECK(message_unpack(arena, &petfood__v1__get_task_request__descriptor, STR_NONE, &err) != NULL);
	CHECK(!message_unpack(arena, &petfood__v1__get_task_request__descriptor, (struct str){ "\x0a\x03" "a\0b", 5 }, &err));
	CHECK(!message_unpack(arena, &petfood__v1__get_task_request__descriptor, STR("\x0a\x7f" "a"), &err));
	CHECK(!message_unpack(arena, &petfood__v1__get_task_request__descriptor, STR("\x0b"), &err)); /* groups */
	CHECK(!message_unpack(arena, &petfood__v1__get_task_request__descriptor, STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), &err));
	CHECK_ROW("unknown fields are let pass",
	          message_unpack(arena, &petfood__v1__get_task_request__descriptor, STR("\x0a\x01x\xf8\x07\x05"), &err) != NULL);
	/* A hole that a handler left is an error of ours, not a crash. */
	ids[7] = NULL;
	CHECK(!message_pack(arena, &request.base, &packed, &err) && err.code == RPC_INTERNAL);
}

static const struct {
	const char *label, *address, *key;
} key_rows[] = {
	{ "IPv4", "192.0.2.1", "address:192.0.2.1" },
	{ "a host's /64", "2001:db8:1:2:3:4:5:6", "address:2001:db8:1:2::/64" },
	{ "the same host", "2001:db8:1:2::7", "address:2001:db8:1:2::/64" },
	{ "IPv4 in IPv6", "::ffff:192.0.2.1", "address:192.0.2.1" },
	{ "no address", "somewhere", "address:somewhere" },
};

static void test_limiter_keys(void)
{
	char key[LIMITER_KEY_BYTES], far[200];
	for (size_t i = 0; i < COUNT(key_rows); i++) {
		limiter_address_key(str_from(key_rows[i].address), key);
		CHECK_STR_ROW(key_rows[i].label, str_from(key), key_rows[i].key);
	}
	memset(far, 'x', sizeof far);
	limiter_address_key((struct str){ far, sizeof far }, key);
	CHECK_ROW("cut to fit", strlen(key) == LIMITER_KEY_BYTES - 1);
}

int main(void)
{
	test_limiter_keys();
	arena = arena_create(0);
	test_reason_table();
	r01_codes();
	r02_metadata();
	test_render();
	test_languages();
	test_status_both_ways();
	test_envelope();
	test_unpack();
	arena_destroy(&arena);
	return check_done("wire_test");
}
