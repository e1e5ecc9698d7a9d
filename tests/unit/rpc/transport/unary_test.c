/* Unary calls over the three transports: statuses, sizes, deadlines, malformed frames, metadata. */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdlib.h>

#include "rpc/wire/envelope.h"
#include "store/base/log.h"
#include "store/base/uuid.h"
#include "tests/unit/rpc/transport/fixture.h"

static void test_echo_on(const char *url)
{
	fixture_start(url);
	for (int i = 0; i < 50; i++) {
		struct answer a = call(M_ECHO, "héllo 你好", NULL, 0);
		CHECK_ROW(url, a.code == RPC_OK && strcmp(a.text, "héllo 你好") == 0);
	}
	struct error err;
	ProtobufCMessage *reply;
	Petfood__Rpc__V1__PingRequest ping = PETFOOD__RPC__V1__PING_REQUEST__INIT;
	struct arena *arena = arena_create(0);
	if (CHECK_OK(rpc_client_call(fx.client, &fx.methods[M_PING], &ping.base, NULL, 0, arena, &reply, &err), &err))
		CHECK_ROW(url, ((Petfood__Rpc__V1__PingReply *)(void *)reply)->version[0] != '\0');
	arena_destroy(&arena);
	fixture_stop();
}

/* R01 */
static void test_codes(void)
{
	fixture_start("inproc://codes");
	for (int code = 0; code < RPC_CODE_COUNT; code++) {
		char id[8];
		(void)snprintf(id, sizeof id, "%d", code);
		struct rpc_metadata english = { .accept_language = STR("en") };
		struct answer a = call(M_FAIL, id, &english, 0), zh = call(M_FAIL, id, NULL, 0);
		const char *label = rpc_code_name((enum rpc_code)code);
		CHECK_ROW(label, a.code == (enum rpc_code)code && zh.code == a.code);
		if (code == RPC_OK) {
			CHECK_STR_ROW(label, str_from(a.text), "ok");
		} else if (code == RPC_INVALID_ARGUMENT) {
			CHECK_STR_ROW(label, str_from(a.reason), "VALIDATION_FAILED");
			CHECK_ROW(label, a.violation_count == 1);
			CHECK_STR_ROW(label, str_from(a.violation_field), "pet_age");
			CHECK_STR_ROW(label, str_from(a.violation_type), "less_than_equal");
		} else {
			CHECK_STR_ROW(label, str_from(a.reason), "TASK_UNFINISHED");
			CHECK_STR_ROW(label, str_from(a.message), "the task is not finished: running");
			CHECK_STR_ROW(label, str_from(zh.message), "任务未完成，当前状态: running");
			CHECK_ROW(label, a.param_count == 1);
			CHECK_STR_ROW(label, str_from(a.param_name), "status");
			CHECK_STR_ROW(label, str_from(a.param_value), "running");
		}
	}
	struct error err;
	ProtobufCMessage *reply;
	Petfood__V1__GetTaskRequest request = PETFOOD__V1__GET_TASK_REQUEST__INIT;
	request.id = (char *)(uintptr_t)"3";
	CHECK(!rpc_client_call(fx.client, &fx.methods[M_FAIL], &request.base, NULL, 0, fx.arena, &reply, &err));
	CHECK(error_is(&err, "VALIDATION_FAILED") && err.violation_count == 1 && err.code == RPC_INVALID_ARGUMENT);
	request.id = (char *)(uintptr_t)"9";
	CHECK(!rpc_client_call(fx.client, &fx.methods[M_FAIL], &request.base, NULL, 0, fx.arena, &reply, &err));
	CHECK(error_is(&err, "TASK_UNFINISHED") && err.param_count == 1 && strcmp(err.params[0].value, "running") == 0);
	static const struct method_side nowhere_row = { .name = "test.T/Nowhere" };
	struct answer a;
	answer_init(&a);
	CHECK_OK(rpc_client_start(fx.client, &nowhere_row, &request.base, NULL, 0, answer_done, &a, NULL, &err), &err);
	CHECK(answer_wait(&a) && a.code == RPC_UNIMPLEMENTED && strcmp(a.reason, "METHOD_UNKNOWN") == 0);
	answer_fini(&a);
	fixture_stop();
}

/* A validated request: the violation comes back in the caller's language. */
static void test_validation(void)
{
	fixture_start("inproc://validation");
	struct error err;
	ProtobufCMessage *reply;
	struct rpc_metadata english = { .accept_language = STR("en-GB,en;q=0.9") };
	Petfood__V1__CreatePlanRequest request = PETFOOD__V1__CREATE_PLAN_REQUEST__INIT;
	request._pet_weight_case = PETFOOD__V1__CREATE_PLAN_REQUEST___PET_WEIGHT_PET_WEIGHT;
	request.pet_weight = 4.5;
	CHECK_OK(rpc_client_call(fx.client, &fx.methods[M_PLAN], &request.base, &english, 0, fx.arena, &reply, &err), &err);
	request.pet_weight = 1001;
	CHECK(!rpc_client_call(fx.client, &fx.methods[M_PLAN], &request.base, &english, 0, fx.arena, &reply, &err));
	CHECK(err.violation_count == 1);
	CHECK_STR(str_from(err.violations[0].field), "pet_weight");
	CHECK_STR(str_from(err.violations[0].type), "less_than_equal");
	CHECK_STR(str_from(err.violations[0].message), "must be at most 1000");
	fixture_stop();
}

static bool has_string(const char *reason, struct answer a) { return strcmp(a.reason, reason) == 0; }

/* R06: the limit is what the whole message may have. */
static void test_sizes(void)
{
	fx.options.message_bytes_max = 100000;
	fixture_start(fixture_ipc("sizes"));
	char *id = malloc(200001);
	memset(id, 'x', 200000);
	id[200000] = '\0';
	size_t low = 90000, high = 200000; /* the largest id that passes; found, then checked from both sides */
	while (high - low > 1) {
		size_t middle = (low + high) / 2;
		id[middle] = '\0';
		struct answer a = call(M_ECHO, id, NULL, 0);
		if (a.code == RPC_OK) low = middle;
		else CHECK(has_string("MESSAGE_TOO_LARGE", a)), high = middle;
		id[middle] = 'x';
	}
	CHECK(low > 99900 && low < 100000);
	struct answer small = call(M_ECHO, "still here", NULL, 0);
	CHECK_ROW("the connection stands", small.code == RPC_OK);
	struct answer large = call(M_LARGE, "99990", NULL, 0);
	CHECK(large.code == RPC_OK && large.payload_bytes > 99990);
	large = call(M_LARGE, "100001", NULL, 0);
	CHECK(large.code == RPC_RESOURCE_EXHAUSTED && has_string("MESSAGE_TOO_LARGE", large));
	for (int i = 0; i < 20; i++) CHECK(call(M_ECHO, "small", NULL, 0).code == RPC_OK);
	id[99000] = '\0';
	CHECK(call(M_ECHO, id, NULL, 0).code == RPC_OK);
	free(id);
	fixture_stop();
	fx.options.message_bytes_max = 0;
}

/* R03, R04 */
static void test_deadlines(void)
{
	struct rpc_metadata user = { .authorization = make_token(TOKEN_ACCESS, "u1", 100) };
	fx.options.workers = 1;
	fixture_start("inproc://deadlines");
	/* In the handler: the caller is told in time, the handler is not disturbed. */
	struct answer blocked, waiting, longer;
	answer_init(&blocked);
	answer_init(&waiting);
	answer_init(&longer);
	CHECK(ask(fx.client, M_BLOCK, "1", &user, 30, &blocked, NULL));
	CHECK(answer_wait(&blocked) && blocked.code == RPC_DEADLINE_EXCEEDED);
	CHECK(gate_has(1));
	/* In the queue: the only worker is taken, so it must not begin later. */
	CHECK(ask(fx.client, M_EFFECT, "2", NULL, 30, &waiting, NULL));
	CHECK(answer_wait(&waiting) && waiting.code == RPC_DEADLINE_EXCEEDED);
	/* The server counts from receipt, a moment later than the caller: once a longer deadline has passed too, it is sure. */
	CHECK(ask(fx.client, M_ECHO, "2", NULL, 200, &longer, NULL));
	CHECK(answer_wait(&longer) && longer.code == RPC_DEADLINE_EXCEEDED);
	gate_set(true);
	CHECK(gate_has(0));
	CHECK(call(M_ECHO, "3", NULL, 0).code == RPC_OK);
	CHECK_ROW("refused before work starts", atomic_load(&fx.effects) == 0);
	gate_set(false);
	answer_fini(&blocked);
	answer_fini(&waiting);
	answer_fini(&longer);
	fixture_stop();
	fx.options.workers = 4;
}

/* ---- frames built by hand ---- */

static nng_socket raw_open(const char *url)
{
	nng_socket s;
	CHECK(nng_req0_open(&s) == 0);
	CHECK(nng_socket_set_ms(s, NNG_OPT_RECVTIMEO, PATIENCE_MS) == 0 && nng_socket_set_ms(s, NNG_OPT_SENDTIMEO, PATIENCE_MS) == 0);
	CHECK(nng_dial(s, url, NULL, 0) == 0);
	return s;
}

/* Sends bytes, gives the status of the reply. */
static struct answer raw_call(nng_socket s, const void *bytes, size_t len)
{
	struct answer a = { .code = RPC_CODE_COUNT };
	struct error err;
	nng_msg *msg;
	struct arena *arena = arena_create(0);
	CHECK(nng_msg_alloc(&msg, len) == 0);
	if (len) memcpy(nng_msg_body(msg), bytes, len);
	if (CHECK(nng_sendmsg(s, msg, 0) == 0) && CHECK(nng_recvmsg(s, &msg, 0) == 0)) {
		Petfood__Rpc__V1__RpcReply *reply = envelope_unpack_reply(arena, (struct str){ nng_msg_body(msg), nng_msg_len(msg) }, &err);
		if (CHECK(reply != NULL)) {
			a.code = (enum rpc_code)reply->status->code;
			(void)snprintf(a.reason, sizeof a.reason, "%s", reply->status->reason);
		}
		nng_msg_free(msg);
	}
	arena_destroy(&arena);
	return a;
}

static struct answer raw_metadata(nng_socket s, size_t count, Petfood__Rpc__V1__Metadata **entries)
{
	uint8_t id[16], bytes[262144];
	Petfood__Rpc__V1__RpcRequest request = PETFOOD__RPC__V1__RPC_REQUEST__INIT;
	entropy_fill(id, sizeof id);
	request.call_id.data = id;
	request.call_id.len = sizeof id;
	request.method = (char *)(uintptr_t)"test.T/Echo";
	request.n_metadata = count;
	request.metadata = entries;
	if (petfood__rpc__v1__rpc_request__get_packed_size(&request) > sizeof bytes) abort();
	return raw_call(s, bytes, petfood__rpc__v1__rpc_request__pack(&request, bytes));
}

/* R02 */
static void test_metadata(void)
{
	static const struct {
		const char *label, *key;
		size_t value_len;
		char fill;
		bool ok;
	} rows[] = {
		{ "plain", "x-some", 10, 'a', true },
		{ "binary in -bin", "x-some-bin", 10, '\x01', true },
		{ "binary elsewhere", "x-some", 10, '\x01', false },
		{ "newline", "x-some", 1, '\n', false },
		{ "8 KiB", "x-some", 8192, 'a', true },
		{ "8 KiB and one", "x-some", 8193, 'a', false },
		{ "upper case key", "X-Some", 1, 'a', false },
		{ "empty key", "", 1, 'a', false },
		{ "key of 64", "0123456789012345678901234567890123456789012345678901234567890123", 1, 'a', true },
		{ "key of 65", "01234567890123456789012345678901234567890123456789012345678901234", 1, 'a', false },
		{ "long idempotency key", "idempotency-key", 201, 'a', false },
	};
	fixture_start("inproc://metadata");
	nng_socket s = raw_open("inproc://metadata");
	static char value[9000];
	Petfood__Rpc__V1__Metadata entries[70], *list[70];
	for (size_t i = 0; i < COUNT(list); i++) list[i] = &entries[i];
	for (size_t i = 0; i < COUNT(rows); i++) {
		petfood__rpc__v1__metadata__init(&entries[0]);
		memset(value, rows[i].fill, sizeof value);
		entries[0].key = (char *)(uintptr_t)rows[i].key;
		entries[0].value.data = (uint8_t *)value;
		entries[0].value.len = rows[i].value_len;
		struct answer a = raw_metadata(s, 1, list);
		CHECK_ROW(rows[i].label, rows[i].ok ? a.code == RPC_OK : has_string("METADATA_INVALID", a));
	}
	char keys[70][8];
	memset(value, 'a', sizeof value);
	for (size_t i = 0; i < COUNT(keys); i++) {
		(void)snprintf(keys[i], sizeof keys[i], "k%zu", i);
		petfood__rpc__v1__metadata__init(&entries[i]);
		entries[i].key = keys[i];
		entries[i].value.data = (uint8_t *)value;
		entries[i].value.len = 10;
	}
	CHECK_ROW("64 entries", raw_metadata(s, 64, list).code == RPC_OK);
	CHECK_ROW("65 entries", has_string("METADATA_INVALID", raw_metadata(s, 65, list)));
	for (size_t i = 0; i < COUNT(keys); i++) entries[i].value.len = 8000;
	CHECK_ROW("64000 bytes", raw_metadata(s, 8, list).code == RPC_OK);
	CHECK_ROW("72000 bytes", has_string("METADATA_INVALID", raw_metadata(s, 9, list)));
	entries[1].key = entries[0].key;
	entries[0].value.len = entries[1].value.len = 1;
	CHECK_ROW("a key twice", has_string("METADATA_INVALID", raw_metadata(s, 2, list)));
	nng_close(s);
	fixture_stop();
}

/* R15: nothing that comes in as bytes may do harm or stay unanswered. */
static void test_malformed(void)
{
	fixture_start("inproc://malformed");
	nng_socket s = raw_open("inproc://malformed");
	struct envelope good = { .method = "test.T/Echo", .payload = STR("\x0a\x02hi") };
	uint8_t bytes[512];
	entropy_fill(good.call_id, sizeof good.call_id);
	size_t len = envelope_packed_size(&good);
	envelope_pack(&good, bytes);
	CHECK(raw_call(s, bytes, len).code == RPC_OK);
	CHECK_ROW("empty", has_string("MESSAGE_MALFORMED", raw_call(s, "", 0)));
	for (size_t cut = 1; cut < len; cut++) CHECK_ROW("cut", raw_call(s, bytes, cut).code < RPC_CODE_COUNT);
	uint64_t seed = 88172645463325252u; /* the same bytes each time */
	for (int i = 0; i < 2000; i++) {
		uint8_t noise[512];
		memcpy(noise, bytes, len);
		for (int k = 0; k < 1 + i % 4; k++) {
			seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
			noise[seed % len] = (uint8_t)(seed >> 40);
		}
		if (raw_call(s, noise, len).code >= RPC_CODE_COUNT) CHECK_ROW("noise", false);
	}
	struct envelope nul = good;
	nul.payload = (struct str){ "\x0a\x03h\0i", 5 };
	envelope_pack(&nul, bytes);
	CHECK_ROW("NUL in a text", has_string("MESSAGE_MALFORMED", raw_call(s, bytes, envelope_packed_size(&nul))));
	nul.payload = STR("\x0a\x02\xff\xfe");
	envelope_pack(&nul, bytes);
	CHECK_ROW("not UTF-8", has_string("VALIDATION_FAILED", raw_call(s, bytes, envelope_packed_size(&nul))));
	CHECK(call(M_ECHO, "alive", NULL, 0).code == RPC_OK);
	nng_close(s);
	fixture_stop();
}

static void test_idempotency_hash(void)
{
	fixture_start("inproc://keyed");
	struct rpc_metadata metadata = { .idempotency_key = STR("k-1") };
	struct answer a = call(M_KEYED, "x", &metadata, 0), b = call(M_KEYED, "x", &metadata, 0), c = call(M_KEYED, "y", &metadata, 0);
	CHECK_STR(str_from(a.text), "fbc601ae/k-1"); /* sha256 of the packed request 0a 01 78 */
	CHECK(strcmp(a.text, b.text) == 0 && strcmp(a.text, c.text) != 0);
	fixture_stop();
}

int main(void)
{
	log_setup(LOG_ERROR, false);
	fixture_init();
	test_echo_on("inproc://echo");
	test_echo_on(fixture_ipc("echo"));
	test_echo_on("tcp://127.0.0.1:0");
	test_codes();
	test_validation();
	test_sizes();
	test_deadlines();
	test_metadata();
	test_malformed();
	test_idempotency_hash();
	fixture_fini();
	return check_done("unary_test");
}
