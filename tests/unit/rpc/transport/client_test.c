/* The client library: repeating and not repeating (R08, R09, R16), dead and stopping endpoints (R12), its own limits, its end. A
 * second process runs the server that dies, because nng does not survive fork: this program started with --serve. */
#include <errno.h>
#include <fcntl.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rpc/transport/client_impl.h"
#include "rpc/wire/unpack.h"
#include "store/base/log.h"
#include "store/base/metrics.h"
#include "store/base/time.h"
#include "tests/unit/rpc/transport/fixture.h"
#include "tests/unit/rpc/transport/sp_line.h"

static struct rpc_metadata user;

/* ---- repeating ---- */

static void test_retry(void)
{
	fixture_start("inproc://retry");
	atomic_store(&fx.failures_left, 2);
	atomic_store(&fx.flaky_calls, 0);
	struct answer a = call(M_FLAKY, "x", NULL, 0);
	CHECK_ROW("repeated until it worked", a.code == RPC_OK && atomic_load(&fx.flaky_calls) == 3);

	/* The same failure of a method that may have side effects is the caller's to judge. */
	struct error err;
	ProtobufCMessage *reply;
	Petfood__V1__GetTaskRequest request = PETFOOD__V1__GET_TASK_REQUEST__INIT;
	struct method_side careful = fx.methods[M_FLAKY];
	careful.no_side_effects = false;
	atomic_store(&fx.failures_left, 2);
	atomic_store(&fx.flaky_calls, 0);
	CHECK(!rpc_client_call(fx.client, &careful, &request.base, NULL, 0, fx.arena, &reply, &err));
	CHECK(error_is(&err, "STORE_DOWN") && atomic_load(&fx.flaky_calls) == 1);

	/* Within the deadline. */
	atomic_store(&fx.failures_left, 1000000);
	int64_t before_ms = time_monotonic_ms();
	a = call(M_FLAKY, "x", NULL, 60);
	CHECK(a.code == RPC_UNAVAILABLE || a.code == RPC_DEADLINE_EXCEEDED);
	CHECK(time_monotonic_ms() - before_ms < PATIENCE_MS / 2);
	fixture_stop();
}

/* A repeat pauses; a deadline that passes later on the same connection must not be taken for an answer. */
static void r04_deadline_after_a_pause(void)
{
	fixture_start("inproc://paused");
	for (int i = 0; i < 3; i++) {
		atomic_store(&fx.failures_left, 1);
		CHECK(call(M_FLAKY, "x", NULL, 0).code == RPC_OK);
		CHECK_ROW("R04 told that the time is up", call(M_BLOCK, "x", &user, 60).code == RPC_DEADLINE_EXCEEDED);
	}
	gate_set(true);
	CHECK(gate_has(0));
	gate_set(false);
	fixture_stop();
}

/* R16: an outage is answered with ten calls more, however many callers there are. */
static void r16_retry_budget(void)
{
	enum { CALLS = 300 };
	static struct answer answers[CALLS];
	fixture_start("inproc://budget");
	atomic_store(&fx.failures_left, 1000000);
	atomic_store(&fx.flaky_calls, 0);
	for (int i = 0; i < CALLS; i++) {
		answer_init(&answers[i]);
		CHECK(ask(fx.client, M_FLAKY, "x", NULL, 0, &answers[i], NULL));
		if (i % 20 == 19) CHECK(answer_wait(&answers[i])); /* fewer at once than the server's queue */
	}
	for (int i = 0; i < CALLS; i++) {
		CHECK(answer_wait(&answers[i]) && answers[i].code == RPC_UNAVAILABLE);
		answer_fini(&answers[i]);
	}
	CHECK_ROW("R16 ten repeats in all", atomic_load(&fx.flaky_calls) == CALLS + 10);
	/* Nine calls that end well do not earn a repeat, the tenth does. */
	static const struct {
		int good, failing, repeats;
	} rows[] = { { 9, 1, 0 }, { 1, 1, 1 }, { 8, 1, 0 }, { 1, 2, 1 }, { 50, 9, 5 } };
	for (size_t i = 0; i < COUNT(rows); i++) {
		int repeats = 0;
		atomic_store(&fx.failures_left, 0);
		for (int k = 0; k < rows[i].good; k++) CHECK(call(M_ECHO, "x", NULL, 0).code == RPC_OK);
		for (int k = 0; k < rows[i].failing; k++) {
			atomic_store(&fx.failures_left, 1);
			atomic_store(&fx.flaky_calls, 0);
			struct answer a = call(M_FLAKY, "x", NULL, 0);
			repeats += atomic_load(&fx.flaky_calls) - 1;
			CHECK_ROW("R16 repeated or told", (a.code == RPC_OK) == (atomic_load(&fx.flaky_calls) == 2));
		}
		CHECK_ROW("R16 a tenth of what ends well", repeats == rows[i].repeats);
	}
	fixture_stop();
}

static int64_t answered(const char *method, const char *code)
{
	return metric_value(metric_counter("rpc_calls_total", str_printf(fx.arena, "method=\"%s\",code=\"%s\"", method, code).ptr, ""));
}

static bool one_is_queued(void *gauge) { return metric_value(gauge) == 1; }

/* R16: a server that sheds is not asked again, safe to repeat or not. */
static void r16_overload_is_not_repeated(void)
{
	struct answer running, waiting;
	fx.options.workers = fx.options.queue_length = 1;
	fixture_start("inproc://busy");
	struct metric *shed = metric_counter("rpc_shed_total", "pool=\"worker\"", "");
	answer_init(&running);
	answer_init(&waiting);
	CHECK(ask(fx.client, M_BLOCK, "x", &user, 0, &running, NULL) && gate_has(1));
	CHECK(ask(fx.client, M_BLOCK, "y", &user, 0, &waiting, NULL));
	CHECK(wait_until(one_is_queued, metric_gauge("rpc_queue_length", "pool=\"worker\"", "")));
	int64_t before = metric_value(shed);
	struct answer a = call(M_ECHO, "z", NULL, 0);
	CHECK_ROW("R16 told at once", a.code == RPC_RESOURCE_EXHAUSTED && strcmp(a.reason, "OVERLOADED") == 0);
	CHECK_ROW("R16 and asked once", metric_value(shed) == before + 1);
	gate_set(true);
	CHECK(answer_wait(&running) && answer_wait(&waiting));
	gate_set(false);
	answer_fini(&running);
	answer_fini(&waiting);
	fixture_stop();
	fx.options.workers = 4;
	fx.options.queue_length = 0;
}

/* ---- R12: a server that is stopping ---- */

static bool all_connected(void *self)
{
	struct rpc_client *client = self;
	bool all = true;
	pthread_mutex_lock(&client->lock);
	for (size_t i = 0; i < client->endpoint_count; i++) all = all && client->endpoints[i].pipes > 0;
	pthread_mutex_unlock(&client->lock);
	return all;
}

/* It refuses faster than any other works, so it must not look like the least busy one. */
static void r12_a_stopping_server_is_left_alone(void)
{
	struct error err;
	struct rpc_server *stopping;
	struct rpc_client *client;
	enum { CALLS = 200 };
	static struct answer answers[CALLS];
	int refused = 0;
	fixture_start("inproc://staying");
	struct str urls[2] = { STR("inproc://stopping"), rpc_server_endpoint(fx.server, 0) };
	fx.options.listen = urls;
	CHECK_OK(rpc_server_start(&fx.options, &stopping, &err), &err);
	struct rpc_client_options options = { .endpoints = urls, .endpoint_count = 2 };
	CHECK_OK(rpc_client_create(&options, &client, &err), &err);
	CHECK(wait_until(all_connected, client));
	rpc_server_drain(stopping, 0);
	int64_t before_ms = time_monotonic_ms();
	for (int i = 0; i < CALLS; i++) {
		answer_init(&answers[i]);
		CHECK(ask(client, M_EFFECT, "x", NULL, 0, &answers[i], NULL) && answer_wait(&answers[i]));
		refused += answers[i].code != RPC_OK;
		answer_fini(&answers[i]);
	}
	CHECK_ROW("R12 one refusal a second", refused <= 1 + (time_monotonic_ms() - before_ms) / 1000);
	struct answer a;
	answer_init(&a);
	CHECK(ask(client, M_ECHO, "x", NULL, 0, &a, NULL) && answer_wait(&a));
	CHECK_ROW("R12 what may be repeated is not even refused", a.code == RPC_OK);
	answer_fini(&a);

	/* Alone it is not asked again before the time that it named; here that is too late for the call. */
	rpc_server_drain(fx.server, 0);
	int64_t refusals = answered("test.T/Echo", "UNAVAILABLE");
	a = call(M_ECHO, "x", NULL, 900);
	CHECK_ROW("R12 pushback is honoured", a.code == RPC_UNAVAILABLE && strcmp(a.reason, "SHUTTING_DOWN") == 0 &&
	                                          answered("test.T/Echo", "UNAVAILABLE") == refusals + 1);
	rpc_client_destroy(&client);
	rpc_server_stop(&stopping);
	fixture_stop();
}

/* ---- endpoints ---- */

static void test_dead_endpoint_is_skipped(void)
{
	struct error err;
	struct rpc_client *client;
	fixture_start(fixture_ipc("alive"));
	struct str urls[2] = { str_from(fixture_ipc("nobody")), rpc_server_endpoint(fx.server, 0) };
	struct rpc_client_options options = { .endpoints = urls, .endpoint_count = 2 };
	CHECK_OK(rpc_client_create(&options, &client, &err), &err);
	int64_t before_ms = time_monotonic_ms();
	for (int i = 0; i < 100; i++) {
		struct answer a;
		answer_init(&a);
		CHECK(ask(client, M_ECHO, "x", NULL, 0, &a, NULL));
		CHECK_ROW("answered by the living one", answer_wait(&a) && a.code == RPC_OK);
		answer_fini(&a);
	}
	/* The first call may have met neither connected and waited; then never again. */
	CHECK(time_monotonic_ms() - before_ms < PATIENCE_MS / 2);
	rpc_client_destroy(&client);
	fixture_stop();
}

static void test_nobody_there(void)
{
	struct error err;
	struct answer a;
	struct str url = str_from(fixture_ipc("nobody"));
	struct rpc_client *client;
	struct rpc_client_options options = { .endpoints = &url, .endpoint_count = 1 };
	CHECK_OK(rpc_client_create(&options, &client, &err), &err);
	answer_init(&a);
	struct rpc_metadata english = { .accept_language = STR("en") };
	CHECK(ask(client, M_EFFECT, "x", &english, 0, &a, NULL));
	CHECK(answer_wait(&a) && a.code == RPC_UNAVAILABLE && strcmp(a.reason, "UNREACHABLE") == 0);
	CHECK_STR(str_from(a.message), "the service cannot be reached");
	answer_fini(&a);
	/* A call that may be repeated is not, while there is nobody to repeat it to: one wait for a connection, not five. */
	int64_t before_ms = time_monotonic_ms();
	answer_init(&a);
	CHECK(ask(client, M_ECHO, "x", &english, 0, &a, NULL));
	CHECK(answer_wait(&a) && a.code == RPC_UNAVAILABLE && strcmp(a.reason, "UNREACHABLE") == 0);
	CHECK_ROW("given up after one wait", time_monotonic_ms() - before_ms < 2500);
	answer_fini(&a);
	rpc_client_destroy(&client);
	struct rpc_client_options none = { .endpoint_count = 0 };
	CHECK(!rpc_client_create(&none, &client, &err) && !client && error_is(&err, "ENDPOINT_INVALID"));
	url = STR("nonsense");
	CHECK(!rpc_client_create(&options, &client, &err) && !client && error_is(&err, "ENDPOINT_INVALID"));
}

static void test_limits_and_end(void)
{
	struct error err;
	struct answer a, b, c;
	struct rpc_client *client;
	fixture_start("inproc://limits");
	struct str url = rpc_server_endpoint(fx.server, 0);
	struct rpc_client_options options = { .endpoints = &url, .endpoint_count = 1, .in_flight_max = 2 };
	CHECK_OK(rpc_client_create(&options, &client, &err), &err);
	answer_init(&a);
	answer_init(&b);
	answer_init(&c);
	CHECK(ask(client, M_BLOCK, "a", &user, 0, &a, NULL) && ask(client, M_BLOCK, "b", &user, 0, &b, NULL));
	CHECK(gate_has(2));
	CHECK(!ask(client, M_BLOCK, "c", &user, 0, &c, NULL));
	CHECK(c.code == RPC_RESOURCE_EXHAUSTED && strcmp(c.reason, "OVERLOADED") == 0 && c.count == 0);
	rpc_client_destroy(&client);
	CHECK(answer_wait(&a) && a.code == RPC_CANCELLED);
	CHECK(answer_wait(&b) && b.code == RPC_CANCELLED);
	gate_set(true);
	CHECK(gate_has(0));
	gate_set(false);
	answer_fini(&a);
	answer_fini(&b);
	answer_fini(&c);
	fixture_stop();
}

/* ---- R08: a server that is killed at work ---- */

static const char *mark_path;

static bool on_marked_effect(struct call *call, const void *request, void *reply, struct error *err)
{
	(void)call;
	(void)request;
	(void)reply;
	(void)err;
	int fd = open(mark_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "x", 1) != 1) abort();
	for (;;) pause(); /* until killed */
}

static _Noreturn void serve(const char *url, const char *path)
{
	log_setup(LOG_ERROR, false);
	fixture_init();
	mark_path = path;
	fx.handlers[M_EFFECT] = on_marked_effect;
	fixture_start(url);
	for (;;) pause();
}

static pid_t spawn_server(const char *self, const char *url)
{
	pid_t pid;
	char *argv[] = { (char *)(uintptr_t)self, (char *)(uintptr_t)"--serve", (char *)(uintptr_t)url, (char *)(uintptr_t)mark_path, NULL };
	if (posix_spawn(&pid, self, NULL, NULL, argv, environ) != 0) abort();
	return pid;
}

static size_t marks(void)
{
	struct stat st;
	return stat(mark_path, &st) == 0 ? (size_t)st.st_size : 0;
}
static bool has_marks(void *count) { return marks() == *(size_t *)count; }

static void kill_server(pid_t pid)
{
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(waitpid(pid, NULL, 0) == pid);
}

/* Asks until the fresh server answers; the calls have no side effects. */
static bool comes_back(struct rpc_client *client)
{
	int64_t until_ms = time_monotonic_ms() + PATIENCE_MS;
	struct answer a = { .code = RPC_UNKNOWN };
	while (a.code != RPC_OK && time_monotonic_ms() < until_ms) {
		answer_init(&a);
		CHECK(ask(client, M_ECHO, "x", NULL, 2000, &a, NULL) && answer_wait(&a));
		answer_fini(&a);
	}
	return a.code == RPC_OK;
}

static void r08_never_twice(const char *self)
{
	struct error err;
	struct rpc_client *client;
	const char *url = fixture_ipc("mortal");
	size_t want = 0;
	mark_path = str_printf(fx.arena, "%s/marks", fx.directory).ptr;
	struct str endpoint = str_from(url);
	struct rpc_client_options options = { .endpoints = &endpoint, .endpoint_count = 1 };
	CHECK_OK(rpc_client_create(&options, &client, &err), &err);
	pid_t pid = spawn_server(self, url);
	CHECK(comes_back(client));
	for (int round = 0; round < 3; round++) {
		struct answer a;
		answer_init(&a);
		CHECK(ask(client, M_EFFECT, "x", NULL, 0, &a, NULL));
		want++;
		CHECK_ROW("it runs", wait_until(has_marks, &want));
		kill_server(pid);
		CHECK_ROW("told at once", answer_wait(&a) && a.code == RPC_UNAVAILABLE && strcmp(a.reason, "UNREACHABLE") == 0);
		answer_fini(&a);
		pid = spawn_server(self, url);
		CHECK_ROW("connected again", comes_back(client));
		/* The new server has answered on the same connection that a replay would have come by. */
		CHECK_ROW("R08 and was not run again", marks() == want);
	}
	kill_server(pid);
	rpc_client_destroy(&client);
}

/* A call may take as long as its deadline lets it: nng would send it again after a minute. */
static void r08_resend_is_off(void)
{
	nng_duration resend = 0;
	nng_socket s;
	uint8_t bytes[2048];
	fixture_start(fixture_ipc("slow"));
	CHECK(nng_socket_get_ms(fx.client->endpoints[0].socket, NNG_OPT_REQ_RESENDTIME, &resend) == 0);
	CHECK_ROW("R08 off", resend == NNG_DURATION_INFINITE);
	/* A foreign peer that left it on: the second copy is told from the first by the call's id. */
	CHECK(nng_req0_open(&s) == 0 && nng_socket_set_ms(s, NNG_OPT_REQ_RESENDTIME, 20) == 0);
	CHECK(nng_socket_set_ms(s, NNG_OPT_RECVTIMEO, PATIENCE_MS) == 0 && nng_dial(s, fixture_ipc("slow"), NULL, 0) == 0);
	int64_t refused = answered("test.T/Block", "INVALID_ARGUMENT");
	size_t len = request_bytes(M_BLOCK, "x", &user, 0, bytes, sizeof bytes);
	CHECK(nng_send(s, bytes, len, 0) == 0 && gate_has(1));
	len = sizeof bytes;
	CHECK(nng_recv(s, bytes, &len, 0) == 0); /* the answer to a copy, for the first waits at the gate */
	CHECK_ROW("R08 on: it is not run twice", answered("test.T/Block", "INVALID_ARGUMENT") > refused && gate_has(1) && fx.gate.passed == 0);
	nng_close(s);
	gate_set(true);
	CHECK(gate_has(0));
	CHECK_ROW("R08 one run in all", fx.gate.passed == 1);
	gate_set(false);
	fixture_stop();
}

/* ---- R09: the line breaks in the middle of a reply ---- */

static size_t reply_bytes(const char *text, uint8_t *out, size_t cap)
{
	struct error err;
	struct str packed;
	Petfood__Rpc__V1__RpcReply reply = PETFOOD__RPC__V1__RPC_REPLY__INIT;
	Petfood__Rpc__V1__Status status = PETFOOD__RPC__V1__STATUS__INIT;
	Petfood__V1__CancelTaskReply inner = PETFOOD__V1__CANCEL_TASK_REPLY__INIT;
	inner.task_id = (char *)(uintptr_t)text;
	reply.status = &status;
	CHECK(message_pack(fx.arena, &inner.base, &packed, &err));
	reply.payload.data = (uint8_t *)(uintptr_t)packed.ptr;
	reply.payload.len = packed.len;
	CHECK(message_pack(fx.arena, &reply.base, &packed, &err) && packed.len <= cap);
	memcpy(out, packed.ptr, packed.len);
	return packed.len;
}

/* The id that a call asks about: "x" of Echo("x"). */
static struct str asked_about(uint8_t *bytes, size_t len)
{
	struct error err;
	struct envelope envelope;
	if (!CHECK_OK(envelope_unpack(fx.arena, (struct str){ (char *)bytes, len }, &envelope, &err), &err)) return STR_NONE;
	return (struct str){ envelope.payload.ptr + 2, envelope.payload.len - 2 };
}

static void r09_cut_at(size_t cut, const char *url, int listener, enum test_method method)
{
	struct error err;
	struct answer a, next;
	struct rpc_client *client;
	uint8_t request[2048], frame[SP_FRAME_HEAD + SP_ID_BYTES + 256], reply[256];
	uint32_t id = 0;
	size_t len = 0;
	struct str endpoint = str_from(url);
	struct rpc_client_options options = { .endpoints = &endpoint, .endpoint_count = 1 };
	CHECK_OK(rpc_client_create(&options, &client, &err), &err);
	int fd = sp_accept(listener, SP_REP);
	answer_init(&a);
	CHECK(ask(client, method, "first", NULL, 0, &a, NULL) && sp_receive(fd, &id, request, sizeof request, &len));
	CHECK_STR(asked_about(request, len), "first");
	len = reply_bytes("answer", reply, sizeof reply);
	sp_head(frame, SP_ID_BYTES + len);
	id |= 0x80000000u;
	for (size_t i = 0; i < SP_ID_BYTES; i++) frame[SP_FRAME_HEAD + i] = (uint8_t)(id >> (24 - 8 * i));
	memcpy(frame + SP_FRAME_HEAD + SP_ID_BYTES, reply, len);
	CHECK(cut < SP_FRAME_HEAD + SP_ID_BYTES + len && sp_write(fd, frame, cut));
	(void)close(fd);
	if (!fx.methods[method].no_side_effects) {
		CHECK_ROW("R09 told at once, with no part of the reply", answer_wait(&a) && a.code == RPC_UNAVAILABLE &&
		                                                             strcmp(a.reason, "UNREACHABLE") == 0 && a.payload_bytes == 0);
		answer_init(&next);
		CHECK(ask(client, method, "next", NULL, 0, &next, NULL));
	}
	/* The client comes back by itself, and what it sends first tells whether it replays. */
	fd = sp_accept(listener, SP_REP);
	CHECK(sp_receive(fd, &id, request, sizeof request, &len));
	CHECK_STR_ROW("R09 repeated only if that is safe", asked_about(request, len), fx.methods[method].no_side_effects ? "first" : "next");
	CHECK(sp_send(fd, id, reply, reply_bytes("whole", reply, sizeof reply)));
	if (fx.methods[method].no_side_effects) {
		CHECK_ROW("R09 repeated", answer_wait(&a) && a.code == RPC_OK && strcmp(a.text, "whole") == 0);
	} else {
		CHECK_ROW("R09 the next call is served", answer_wait(&next) && next.code == RPC_OK && strcmp(next.text, "whole") == 0);
		answer_fini(&next);
	}
	CHECK_ROW("R09 one answer each", a.count == 1);
	answer_fini(&a);
	rpc_client_destroy(&client);
	(void)close(fd);
}

static void r09_pipe_drop_mid_reply(void)
{
	uint8_t reply[256];
	size_t len = SP_FRAME_HEAD + SP_ID_BYTES + reply_bytes("answer", reply, sizeof reply);
	const char *url = fixture_ipc("cut");
	int listener = sp_listen(url);
	for (size_t cut = 0; cut < len; cut++) r09_cut_at(cut, url, listener, cut % 4 == 3 ? M_ECHO : M_EFFECT);
	(void)close(listener);
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "--serve") == 0) serve(argv[2], argv[3]);
	log_setup(LOG_ERROR, false);
	fixture_init();
	user.authorization = make_token(TOKEN_ACCESS, "u1", 1000);
	test_retry();
	r04_deadline_after_a_pause();
	r16_retry_budget();
	r16_overload_is_not_repeated();
	r12_a_stopping_server_is_left_alone();
	test_dead_endpoint_is_skipped();
	test_nobody_there();
	test_limits_and_end();
	r08_never_twice("/proc/self/exe");
	r08_resend_is_off();
	r09_pipe_drop_mid_reply();
	fixture_fini();
	return check_done("client_test");
}
