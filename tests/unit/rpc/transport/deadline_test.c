/* Deadlines: the wire carries what is left of them (R03), and wherever a call is when its time is up, it ends there (R04). */
#include <stdlib.h>
#include <unistd.h>

#include "rpc/wire/envelope.h"
#include "rpc/wire/unpack.h"
#include "store/base/log.h"
#include "store/base/metrics.h"
#include "store/base/time.h"
#include "tests/unit/rpc/transport/fixture.h"
#include "tests/unit/rpc/transport/sp_line.h"

enum { HOUR_S = 3600 };

static _Atomic int64_t skew_us; /* of the server's clock */
static int64_t skewed_now_us(void *self)
{
	(void)self;
	return time_now_us() + atomic_load(&skew_us);
}
static const struct clock skewed = { skewed_now_us, NULL };

static bool queued_is(void *count)
{
	return metric_value(metric_gauge("rpc_queue_length", "pool=\"worker\"", "")) == *(int64_t *)count;
}
static bool wait_queued(int64_t count) { return wait_until(queued_is, &count); }
static bool parked_is(void *count)
{
	return metric_value(metric_gauge("rpc_calls_parked", NULL, "")) == *(int64_t *)count;
}
static bool wait_parked(int64_t count) { return wait_until(parked_is, &count); }
static bool is_past(void *instant_ms) { return time_monotonic_ms() >= *(int64_t *)instant_ms; }
/* Nothing signals that time has passed. */
static void let_pass(int64_t ms)
{
	int64_t until_ms = time_monotonic_ms() + ms;
	CHECK(wait_until(is_past, &until_ms));
}

/* ---- the wire ---- */

/* One call as it arrives at a server that is played by hand. */
static bool take_call(int fd, uint32_t *out_id, struct envelope *out)
{
	struct error err;
	size_t len = 0;
	char *bytes = arena_alloc(fx.arena, 4096);
	return CHECK(sp_receive(fd, out_id, bytes, 4096, &len)) &&
	       CHECK_OK(envelope_unpack(fx.arena, (struct str){ bytes, len }, out, &err), &err);
}

static void give_status(int fd, uint32_t id, enum rpc_code code)
{
	struct error err;
	struct str packed;
	Petfood__Rpc__V1__RpcReply reply = PETFOOD__RPC__V1__RPC_REPLY__INIT;
	Petfood__Rpc__V1__Status status = PETFOOD__RPC__V1__STATUS__INIT;
	status.code = (uint32_t)code;
	status.reason = (char *)(uintptr_t)(code == RPC_OK ? "" : "STORE_DOWN");
	reply.status = &status;
	CHECK(message_pack(fx.arena, &reply.base, &packed, &err) && sp_send(fd, id, packed.ptr, packed.len));
}

static void r03_the_wire_carries_what_is_left(void)
{
	struct error err;
	struct answer a;
	struct envelope first, second;
	uint32_t id = 0;
	const char *url = fixture_ipc("by-hand");
	struct str endpoint = str_from(url);
	struct rpc_client_options options = { .endpoints = &endpoint, .endpoint_count = 1 };
	struct rpc_client *client;
	int listener = sp_listen(url);
	CHECK_OK(rpc_client_create(&options, &client, &err), &err);
	int fd = sp_accept(listener, SP_REP);
	answer_init(&a);
	CHECK(ask(client, M_ECHO, "x", NULL, 9000, &a, NULL) && take_call(fd, &id, &first));
	CHECK_ROW("R03 no more than was asked for", first.timeout_ms > 0 && first.timeout_ms <= 9000);
	let_pass(25);
	give_status(fd, id, RPC_UNAVAILABLE); /* so that it is repeated */
	CHECK(take_call(fd, &id, &second));
	CHECK_ROW("R03 the repeat has less", second.timeout_ms > 0 && second.timeout_ms + 25 <= first.timeout_ms);
	CHECK_ROW("R03 and is a call of its own", memcmp(first.call_id, second.call_id, CALL_ID_BYTES) != 0);
	give_status(fd, id, RPC_OK);
	CHECK(answer_wait(&a) && a.code == RPC_OK);
	answer_fini(&a);

	answer_init(&a);
	CHECK(ask(client, M_EFFECT, "x", NULL, 0, &a, NULL) && take_call(fd, &id, &first));
	CHECK_ROW("R03 the method's own", first.timeout_ms > 0 && first.timeout_ms <= fx.methods[M_EFFECT].timeout_ms);
	give_status(fd, id, RPC_OK);
	CHECK(answer_wait(&a) && a.code == RPC_OK);
	answer_fini(&a);
	rpc_client_destroy(&client);
	(void)close(fd);
	(void)close(listener);
}

/* ---- in the queue ---- */

/* What the server itself says: a line by hand waits longer than the call's deadline. */
static struct answer raw_answer(int fd)
{
	struct answer a = { .code = RPC_CODE_COUNT };
	struct error err;
	uint32_t id = 0;
	size_t len = 0;
	char *bytes = arena_alloc(fx.arena, 4096);
	if (!CHECK(sp_receive(fd, &id, bytes, 4096, &len))) return a;
	Petfood__Rpc__V1__RpcReply *reply = envelope_unpack_reply(fx.arena, (struct str){ bytes, len }, &err);
	if (!CHECK(reply)) return a;
	a.code = (enum rpc_code)reply->status->code;
	(void)snprintf(a.reason, sizeof a.reason, "%s", reply->status->reason);
	Petfood__V1__CancelTaskReply *inner =
	    petfood__v1__cancel_task_reply__unpack(NULL, reply->payload.len, reply->payload.data);
	if (inner) (void)snprintf(a.text, sizeof a.text, "%s", inner->task_id);
	if (inner) petfood__v1__cancel_task_reply__free_unpacked(inner, NULL);
	return a;
}

static void send_raw(int fd, enum test_method method, const char *id, const struct rpc_metadata *metadata,
                     uint32_t timeout_ms)
{
	uint8_t bytes[2048];
	CHECK(sp_send(fd, 1, bytes, request_bytes(method, id, metadata, timeout_ms, bytes, sizeof bytes)));
}

static const struct {
	const char *label;
	int64_t skew_s, jump_s; /* the server's clock against ours; what it does while calls wait */
} clocks[] = {
	{ "R04 in the queue", 0, 0 },
	{ "R03 the server's clock is an hour ahead", HOUR_S, 0 },
	{ "R03 the server's clock is an hour behind", -HOUR_S, 0 },
	{ "R03 the clock is set forward meanwhile", 0, HOUR_S },
	{ "R03 the clock is set back meanwhile", 0, -HOUR_S },
};

static void r03_r04_in_the_queue(void)
{
	fx.options.workers = 1;
	fx.options.clock = &skewed;
	for (size_t i = 0; i < COUNT(clocks); i++) {
		const char *label = clocks[i].label, *url = fixture_ipc("queue");
		struct answer running, patient, told;
		atomic_store(&skew_us, clocks[i].skew_s * 1000000);
		fx.issue_at_s = skewed_now_us(NULL) / 1000000;
		struct rpc_metadata user = { .authorization = make_token(TOKEN_ACCESS, "u1", 2 * HOUR_S) };
		fixture_start(url);
		atomic_store(&fx.effects, 0);
		answer_init(&running);
		answer_init(&patient);
		answer_init(&told);
		CHECK(ask(fx.client, M_BLOCK, "x", &user, 0, &running, NULL) && gate_has(1));
		int fd = sp_dial(url, SP_REQ);
		send_raw(fd, M_EFFECT, "late", NULL, 40);
		CHECK(wait_queued(1));
		CHECK(ask(fx.client, M_EFFECT, "in time", NULL, PATIENCE_MS, &patient, NULL) && wait_queued(2));
		CHECK(ask(fx.client, M_EFFECT, "told", NULL, 40, &told, NULL));
		CHECK_ROW(label, answer_wait(&told) && told.code == RPC_DEADLINE_EXCEEDED);
		atomic_fetch_add(&skew_us, clocks[i].jump_s * 1000000);
		let_pass(40);
		gate_set(true);
		struct answer late = raw_answer(fd);
		CHECK_ROW(label, late.code == RPC_DEADLINE_EXCEEDED && strcmp(late.reason, "DEADLINE_EXCEEDED") == 0);
		CHECK_ROW(label, answer_wait(&patient) && patient.code == RPC_OK);
		CHECK_ROW(label, answer_wait(&running) && running.code == RPC_OK);
		CHECK_ROW("only what was in time has run",
		          call(M_ECHO, "x", NULL, 0).code == RPC_OK && atomic_load(&fx.effects) == 1);
		gate_set(false);
		(void)close(fd);
		answer_fini(&running);
		answer_fini(&patient);
		answer_fini(&told);
		fixture_stop();
	}
	fx.issue_at_s = 0;
	fx.options.clock = NULL;
	fx.options.workers = 4;
}

/* ---- in the handler ---- */

static bool nothing_in_flight(void *self)
{
	(void)self;
	return rpc_server_in_flight(fx.server) == 0;
}

static void r04_in_the_handler(void)
{
	struct rpc_metadata user = { .authorization = make_token(TOKEN_ACCESS, "u1", 100) };
	struct answer blocked[3];
	fixture_start("inproc://handler");
	for (size_t i = 0; i < COUNT(blocked); i++) {
		answer_init(&blocked[i]);
		CHECK(ask(fx.client, M_BLOCK, "late", &user, 30, &blocked[i], NULL));
		CHECK(gate_has((int)i + 1));
		CHECK_ROW("R04 told while the handler is at work",
		          answer_wait(&blocked[i]) && blocked[i].code == RPC_DEADLINE_EXCEEDED);
	}
	CHECK_ROW("R04 which is not disturbed",
	          gate_has(COUNT(blocked)) && rpc_server_in_flight(fx.server) == COUNT(blocked));
	gate_set(true);
	CHECK_ROW("R04 and gives back what it held", gate_has(0) && wait_until(nothing_in_flight, NULL));
	for (int i = 0; i < 50; i++)
		CHECK_ROW("R04 nobody gets the late answer", strcmp(call(M_ECHO, "mine", NULL, 0).text, "mine") == 0);
	gate_set(false);
	for (size_t i = 0; i < COUNT(blocked); i++) {
		CHECK(blocked[i].count == 1);
		answer_fini(&blocked[i]);
	}
	fixture_stop();
}

/* ---- parked, and back in the queue ---- */

static void r04_parked(void)
{
	enum { DEADLINE_MS = 1500 };
	struct rpc_metadata user = { .authorization = make_token(TOKEN_ACCESS, "u1", 100) };
	struct answer running;
	const char *url = fixture_ipc("parked");
	fx.options.workers = 1;
	fixture_start(url);
	atomic_store(&fx.mail, false);
	int fd = sp_dial(url, SP_REQ);
	send_raw(fd, M_PARK, "long", &user, 300);
	struct answer a = raw_answer(fd);
	CHECK_ROW("R04 one last look before it is over", a.code == RPC_OK && strcmp(a.text, "late") == 0);
	send_raw(fd, M_PARK, "stubborn", &user, 300);
	a = raw_answer(fd);
	CHECK_ROW("R04 no wait beyond it", a.code == RPC_DEADLINE_EXCEEDED);
	CHECK(wait_parked(0) && wait_until(nothing_in_flight, NULL));

	/* Woken in time, but no worker is free until it is over. */
	send_raw(fd, M_PARK, "key", &user, DEADLINE_MS);
	CHECK(wait_parked(1));
	int64_t over_ms = time_monotonic_ms() + DEADLINE_MS; /* a moment later than the server's */
	int runs = atomic_load(&fx.parked_runs);
	answer_init(&running);
	CHECK(ask(fx.client, M_BLOCK, "x", &user, 0, &running, NULL) && gate_has(1));
	rpc_server_wake(fx.server, STR("key"));
	CHECK(wait_queued(1) && wait_until(is_past, &over_ms));
	gate_set(true);
	a = raw_answer(fd);
	CHECK_ROW("R04 woken too late", a.code == RPC_DEADLINE_EXCEEDED && atomic_load(&fx.parked_runs) == runs);
	CHECK(answer_wait(&running) && running.code == RPC_OK && wait_until(nothing_in_flight, NULL));
	gate_set(false);
	answer_fini(&running);
	(void)close(fd);
	fixture_stop();
	fx.options.workers = 4;
}

int main(void)
{
	log_setup(LOG_ERROR, false);
	fixture_init();
	r03_the_wire_carries_what_is_left();
	r03_r04_in_the_queue();
	r04_in_the_handler();
	r04_parked();
	fixture_fini();
	return check_done("deadline_test");
}
