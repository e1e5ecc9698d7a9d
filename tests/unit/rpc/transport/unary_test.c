/* Unary calls over the three transports: statuses (R01), metadata (R02), sizes (R06), malformed frames. */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdlib.h>
#include <unistd.h>

#include "rpc/wire/envelope.h"
#include "store/base/log.h"
#include "store/base/metrics.h"
#include "store/base/uuid.h"
#include "tests/unit/rpc/transport/fixture.h"
#include "tests/unit/rpc/transport/sp_line.h"

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

/* R01: every code as it arrives, whichever way a call ends: at once, or after it was parked and woken, as each step of a watch is. A
 * stream here is a sequence of such calls beside PUB; hub_test.c has what its reader makes of the codes. */
static void check_code(const char *label, enum rpc_code code, struct answer en, struct answer zh)
{
	CHECK_ROW(label, en.code == code && zh.code == code);
	if (code == RPC_OK) {
		CHECK_STR_ROW(label, str_from(en.text), "ok");
		CHECK_ROW(label, !en.reason[0] && !en.message[0] && !en.param_count && !en.violation_count);
	} else if (code == RPC_INVALID_ARGUMENT) {
		CHECK_STR_ROW(label, str_from(en.reason), "VALIDATION_FAILED");
		CHECK_ROW(label, en.violation_count == 1);
		CHECK_STR_ROW(label, str_from(en.violation_field), "pet_age");
		CHECK_STR_ROW(label, str_from(en.violation_type), "less_than_equal");
	} else {
		CHECK_STR_ROW(label, str_from(en.reason), "TASK_UNFINISHED");
		CHECK_STR_ROW(label, str_from(en.message), "the task is not finished: running");
		CHECK_STR_ROW(label, str_from(zh.message), "任务未完成，当前状态: running");
		CHECK_ROW(label, en.param_count == 1);
		CHECK_STR_ROW(label, str_from(en.param_name), "status");
		CHECK_STR_ROW(label, str_from(en.param_value), "running");
		CHECK_ROW("a reply that failed carries nothing", en.payload_bytes == 0);
	}
}

/* The blocking form turns the outcome into a struct error. */
static void check_mapped(const char *label, enum rpc_code code, const char *id)
{
	struct error err;
	ProtobufCMessage *reply = NULL;
	Petfood__V1__GetTaskRequest request = PETFOOD__V1__GET_TASK_REQUEST__INIT;
	struct rpc_metadata english = { .accept_language = STR("en") };
	request.id = (char *)(uintptr_t)id;
	bool ok = rpc_client_call(fx.client, &fx.methods[M_FAIL], &request.base, &english, 0, fx.arena, &reply, &err);
	CHECK_ROW(label, ok == (code == RPC_OK) && (ok || err.code == code));
	if (ok) {
		CHECK_STR_ROW(label, str_from(((Petfood__V1__CancelTaskReply *)(void *)reply)->task_id), "ok");
	} else if (code == RPC_INVALID_ARGUMENT) {
		CHECK_ROW(label, error_is(&err, "VALIDATION_FAILED") && err.violation_count == 1);
		CHECK_STR_ROW(label, str_from(err.violations[0].message), "must be at most 600");
	} else {
		CHECK_ROW(label, error_is(&err, "TASK_UNFINISHED") && err.param_count == 1);
		CHECK_STR_ROW(label, str_from(err.params[0].value), "running");
	}
}

static bool one_is_parked(void *self)
{
	(void)self;
	return metric_value(metric_gauge("rpc_calls_parked", NULL, "")) == 1;
}

static struct answer call_parked(const char *id, const struct rpc_metadata *metadata)
{
	struct answer a;
	atomic_store(&fx.mail, false);
	answer_init(&a);
	CHECK(ask(fx.client, M_PARK, id, metadata, 0, &a, NULL) && wait_until(one_is_parked, NULL));
	atomic_store(&fx.mail, true);
	rpc_server_wake(fx.server, str_from(id));
	CHECK(answer_wait(&a));
	answer_fini(&a);
	return a;
}

static void r01_codes(const char *url)
{
	struct rpc_metadata en = { .accept_language = STR("en"), .authorization = make_token(TOKEN_ACCESS, "u1", 100) }, zh = en;
	zh.accept_language = STR_NONE;
	fixture_start(url);
	for (int code = 0; code < RPC_CODE_COUNT; code++) {
		char id[8], parked[16], label[96];
		(void)snprintf(id, sizeof id, "%d", code);
		(void)snprintf(parked, sizeof parked, "fail %d", code);
		(void)snprintf(label, sizeof label, "R01 %s, %s", rpc_code_name((enum rpc_code)code), url);
		check_code(label, (enum rpc_code)code, call(M_FAIL, id, &en, 0), call(M_FAIL, id, &zh, 0));
		check_code(label, (enum rpc_code)code, call_parked(parked, &en), call_parked(parked, &zh));
		check_mapped(label, (enum rpc_code)code, id);
	}
	static const struct method_side nowhere_row = { .name = "test.T/Nowhere" };
	struct error err;
	struct answer a;
	Petfood__V1__GetTaskRequest request = PETFOOD__V1__GET_TASK_REQUEST__INIT;
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

/* R06: the limit is what the whole message may have; nobody else on the connection notices that it was met. */
enum { LIMIT = 100000, AROUND = 64 };

/* An id that makes the whole request so long. */
static char *id_for(size_t message_len)
{
	uint8_t *probe = malloc(LIMIT + 4096);
	char *id = malloc(message_len + 1);
	memset(id, 'x', message_len);
	size_t id_len = message_len - AROUND;
	for (;;) {
		id[id_len] = '\0';
		size_t got = request_bytes(M_ECHO, id, NULL, UINT32_MAX, probe, LIMIT + 4096);
		if (got >= message_len) break;
		id[id_len++] = 'x';
	}
	CHECK(request_bytes(M_ECHO, id, NULL, UINT32_MAX, probe, LIMIT + 4096) == message_len);
	free(probe);
	return id;
}

static struct answer raw_call(nng_socket s, const void *bytes, size_t len);
static nng_socket raw_open(const char *url);

static void r06_sizes(void)
{
	struct rpc_metadata user = { .authorization = make_token(TOKEN_ACCESS, "u1", 100) };
	static struct answer small[64];
	struct answer parked;
	fx.options.message_bytes_max = LIMIT;
	const char *url = fixture_ipc("sizes");
	fixture_start(url);
	char *at_limit = id_for(LIMIT), *above = id_for(LIMIT + 1);
	atomic_store(&fx.mail, false);
	answer_init(&parked);
	CHECK(ask(fx.client, M_PARK, "beside", &user, 0, &parked, NULL) && wait_until(one_is_parked, NULL));
	struct answer a = call(M_ECHO, at_limit, NULL, 0);
	CHECK_ROW("R06 the limit", a.code == RPC_OK && a.payload_bytes == strlen(at_limit) + 4);
	a = call(M_ECHO, above, NULL, 0);
	CHECK_ROW("R06 the limit and one", a.code == RPC_RESOURCE_EXHAUSTED && has_string("MESSAGE_TOO_LARGE", a));
	/* Many small ones, then a big one among them. */
	for (int round = 0; round < 5; round++) {
		for (size_t i = 0; i < COUNT(small); i++) {
			answer_init(&small[i]);
			CHECK(ask(fx.client, M_ECHO, i == COUNT(small) / 2 ? at_limit : "small", NULL, 0, &small[i], NULL));
			if (i % 8 == 0) CHECK(has_string("MESSAGE_TOO_LARGE", call(M_ECHO, above, NULL, 0)));
		}
		for (size_t i = 0; i < COUNT(small); i++) {
			CHECK_ROW("R06 many small, then big", answer_wait(&small[i]) && small[i].code == RPC_OK);
			answer_fini(&small[i]);
		}
	}
	/* Replies have the same limit. */
	a = call(M_LARGE, "99990", NULL, 0);
	CHECK_ROW("R06 a reply at the limit", a.code == RPC_OK && a.payload_bytes > 99990);
	a = call(M_LARGE, "100001", NULL, 0);
	CHECK_ROW("R06 a reply above it", a.code == RPC_RESOURCE_EXHAUSTED && has_string("MESSAGE_TOO_LARGE", a));

	/* A peer that does not look before it sends: one byte too many is answered, a kilobyte too many costs it its connection. */
	uint8_t *bytes = calloc(1, LIMIT + 4096);
	nng_socket s = raw_open(url);
	CHECK(raw_call(s, bytes, request_bytes(M_ECHO, at_limit, NULL, UINT32_MAX, bytes, LIMIT + 4096)).code == RPC_OK);
	a = raw_call(s, bytes, request_bytes(M_ECHO, above, NULL, UINT32_MAX, bytes, LIMIT + 4096));
	CHECK_ROW("R06 unasked", a.code == RPC_RESOURCE_EXHAUSTED && has_string("MESSAGE_TOO_LARGE", a));
	CHECK_ROW("R06 and goes on", raw_call(s, bytes, request_bytes(M_ECHO, "x", NULL, 0, bytes, LIMIT)).code == RPC_OK);
	nng_close(s);
	int fd = sp_dial(url, SP_REQ);
	uint32_t id = 0;
	size_t got;
	/* The head alone says too much: the server hangs up without waiting for the rest. */
	uint8_t head[SP_FRAME_HEAD];
	sp_head(head, LIMIT + 4096);
	CHECK_ROW("R06 far too large", fd >= 0 && sp_write(fd, head, sizeof head) && !sp_receive(fd, &id, bytes, LIMIT, &got));
	(void)close(fd);

	CHECK_ROW("R06 who waited on the same connection waits on", one_is_parked(NULL) && parked.count == 0);
	atomic_store(&fx.mail, true);
	rpc_server_wake(fx.server, STR("beside"));
	CHECK(answer_wait(&parked) && strcmp(parked.text, "found") == 0);
	answer_fini(&parked);
	free(bytes);
	free(at_limit);
	free(above);
	fixture_stop();
	fx.options.message_bytes_max = 0;
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
			if (reply->status->n_params)
				(void)snprintf(a.param_value, sizeof a.param_value, "%s", reply->status->params[0]->value);
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

/* R02: a key once; binary values only where the key says so. */
static void r02_metadata(void)
{
	static const struct {
		const char *label, *key;
		size_t value_len;
		char fill;
		bool ok;
	} rows[] = {
		{ "plain", "x-some", 10, 'a', true },
		{ "empty", "x-some", 0, 'a', true },
		{ "binary in -bin", "x-some-bin", 10, '\x01', true },
		{ "NUL in -bin", "x-some-bin", 10, '\0', true },
		{ "bytes above 127 in -bin", "x-some-bin", 10, '\xff', true },
		{ "8 KiB of them", "x-some-bin", 8192, '\xff', true },
		{ "8 KiB and one of them", "x-some-bin", 8193, '\xff', false },
		{ "binary elsewhere", "x-some", 10, '\x01', false },
		{ "NUL elsewhere", "x-some", 1, '\0', false },
		{ "delete", "x-some", 1, '\x7f', false },
		{ "above 127 elsewhere", "x-some", 1, '\x80', false },
		{ "binary in a key that is read", "traceparent", 1, '\xff', false },
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
		char label[80];
		(void)snprintf(label, sizeof label, "R02 %s", rows[i].label);
		CHECK_ROW(label, rows[i].ok ? a.code == RPC_OK : has_string("METADATA_INVALID", a));
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
	static const char *const doubled[] = { "x-some", "x-some-bin", "authorization", "service-authorization", "idempotency-key" };
	entries[0].value.len = entries[1].value.len = entries[2].value.len = 1;
	for (size_t i = 0; i < COUNT(doubled); i++) {
		entries[0].key = entries[2].key = (char *)(uintptr_t)doubled[i]; /* one in between makes no difference */
		struct answer a = raw_metadata(s, 3, list);
		CHECK_ROW("R02 a key twice", a.code == RPC_INVALID_ARGUMENT && has_string("METADATA_INVALID", a));
		CHECK_STR_ROW("R02 named", str_from(a.param_value), doubled[i]);
		entries[2].key = keys[2];
		CHECK_ROW("R02 once", raw_metadata(s, 3, list).code == RPC_OK);
	}
	nng_close(s);
	fixture_stop();
}

/* Nothing that comes in as bytes may do harm or stay unanswered; noise_test.c has the same at length (R15). */
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
	r01_codes("inproc://codes");
	r01_codes(fixture_ipc("codes"));
	r01_codes("tcp://127.0.0.1:0");
	test_validation();
	r06_sizes();
	r02_metadata();
	test_malformed();
	test_idempotency_hash();
	fixture_fini();
	return check_done("unary_test");
}
