/* What happens to calls between receipt and answer: cancelling (R05), shedding (R13), parking, draining (R12). After each test no
 * call is left behind. */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdlib.h>

#include "rpc/transport/server_impl.h"
#include "rpc/wire/envelope.h"
#include "store/base/log.h"
#include "store/base/metrics.h"
#include "store/base/time.h"
#include "store/base/uuid.h"
#include "tests/unit/rpc/transport/fixture.h"

static struct rpc_metadata user, other;

static bool nothing_in_flight(void *self)
{
	(void)self;
	return rpc_server_in_flight(fx.server) == 0;
}
static bool in_flight_is(void *count) { return rpc_server_in_flight(fx.server) == *(size_t *)count; }
static bool wait_in_flight(size_t count) { return wait_until(in_flight_is, &count); }

/* In flight says received; these say where. */
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

/* The books of an idle server: every context waits for a message, none knows a call or holds its memory. */
static bool gave_everything_back(void)
{
	struct rpc_server *server = fx.server;
	pthread_mutex_lock(&server->lock);
	bool ok = server->in_flight == 0 && server->receiving == server->slot_count && server->slot_count >= RECEIVERS &&
	          !server->registry && !server->watches && !server->parked && server->parked_count == 0 &&
	          server->workers.length == 0 && server->hashers.length == 0;
	for (size_t i = 0; i < server->slot_count; i++) {
		const struct slot *slot = server->slots[i];
		ok = ok && slot->state == SLOT_RECEIVING && !slot->registered && !slot->parking.watch;
		/* Beyond ARENAS_KEPT they are freed outside the lock. */
		if (server->slot_count <= ARENAS_KEPT) ok = ok && !slot->arena;
	}
	/* And the memory is kept for the next ones. */
	ok = ok && server->arena_count > 0;
	pthread_mutex_unlock(&server->lock);
	return ok;
}

static void stop(void)
{
	gate_set(true);
	CHECK_ROW("every call was answered", wait_until(nothing_in_flight, NULL));
	CHECK_ROW("R05 count == 0, and nothing is kept", gave_everything_back());
	gate_set(false);
	fixture_stop();
}

/* Cancel by hand: as whoever the metadata says. */
static bool cancel_as(const struct rpc_metadata *metadata, const unsigned char id[16])
{
	struct error err;
	ProtobufCMessage *reply;
	Petfood__Rpc__V1__CancelRequest request = PETFOOD__RPC__V1__CANCEL_REQUEST__INIT;
	request.call_id.data = (uint8_t *)(uintptr_t)id;
	request.call_id.len = 16;
	if (!CHECK_OK(
	        rpc_client_call(fx.client, &fx.methods[M_CANCEL], &request.base, metadata, 0, fx.arena, &reply, &err),
	        &err))
		return false;
	return ((Petfood__Rpc__V1__CancelReply *)(void *)reply)->found;
}

static void r05_cancel_running(void)
{
	struct answer a;
	struct rpc_pending *pending;
	fixture_start("inproc://cancel-running");
	answer_init(&a);
	CHECK(ask(fx.client, M_BLOCK, "x", &user, 0, &a, &pending));
	CHECK(gate_has(1));
	rpc_pending_cancel(&pending);
	CHECK(!pending && answer_wait(&a) && a.code == RPC_CANCELLED && strcmp(a.reason, "CALL_CANCELLED") == 0);
	CHECK_ROW("R05 after the handler began: it is told", gate_has(0));
	answer_fini(&a);
	stop();
}

/* The server's part alone: cancelled by hand, so that the caller still listens. */
static void r05_cancel_running_answers_the_caller(void)
{
	struct answer a;
	fixture_start("inproc://cancel-by-hand");
	answer_init(&a);
	CHECK(ask(fx.client, M_BLOCK, "x", &user, 0, &a, NULL) && gate_has(1));
	CHECK(cancel_as(&user, fx.blocked_id));
	CHECK_ROW("R05 by its handler", answer_wait(&a) && a.code == RPC_CANCELLED && strcmp(a.reason, "CALL_CANCELLED") == 0);
	answer_fini(&a);
	stop();
}

static void r05_cancel_after_the_answer(void)
{
	struct answer a;
	unsigned char id[16];
	fixture_start("inproc://cancel-after");
	gate_set(true);
	answer_init(&a);
	CHECK(ask(fx.client, M_BLOCK, "done", &user, 0, &a, NULL) && answer_wait(&a) && a.code == RPC_OK);
	memcpy(id, fx.blocked_id, sizeof id);
	CHECK(wait_in_flight(0));
	CHECK_ROW("R05 after the answer has left: there is nothing to cancel", !cancel_as(&user, id));
	CHECK_ROW("R05 and the answer stands", a.count == 1 && a.code == RPC_OK);
	CHECK_ROW("R05 the context serves the next call", call(M_WHO, "x", &user, 0).code == RPC_OK);
	answer_fini(&a);
	stop();
}

static void r05_cancel_is_for_the_same_principal(void)
{
	struct answer a;
	unsigned char id[16];
	fixture_start("inproc://cancel-principal");
	answer_init(&a);
	CHECK(ask(fx.client, M_BLOCK, "x", &user, 0, &a, NULL));
	CHECK(gate_has(1));
	pthread_mutex_lock(&fx.gate.lock);
	memcpy(id, fx.blocked_id, sizeof id);
	pthread_mutex_unlock(&fx.gate.lock);
	CHECK_ROW("another user", !cancel_as(&other, id));
	struct rpc_metadata renewed = { .authorization = make_token(TOKEN_ACCESS, "u1", 200) };
	CHECK_ROW("the same user with a renewed token", cancel_as(&renewed, id));
	CHECK(answer_wait(&a) && a.code == RPC_CANCELLED);
	CHECK_ROW("a second time", !cancel_as(&user, id));
	answer_fini(&a);
	stop();
}

static void r05_cancel_before_the_handler(void)
{
	struct answer running, queued;
	struct rpc_pending *pending;
	fx.options.workers = 1;
	fixture_start("inproc://cancel-queued");
	answer_init(&running);
	answer_init(&queued);
	CHECK(ask(fx.client, M_BLOCK, "x", &user, 0, &running, NULL));
	CHECK(gate_has(1));
	CHECK(ask(fx.client, M_EFFECT, "y", &user, 0, &queued, &pending));
	CHECK(wait_queued(1));
	rpc_pending_cancel(&pending);
	CHECK(answer_wait(&queued) && queued.code == RPC_CANCELLED);
	CHECK_ROW("R05 before the handler began: answered while the worker is busy", wait_in_flight(1));
	gate_set(true);
	CHECK(answer_wait(&running) && running.code == RPC_OK);
	CHECK_ROW("R05 and it never ran", call(M_ECHO, "z", NULL, 0).code == RPC_OK && atomic_load(&fx.effects) == 0);
	answer_fini(&running);
	answer_fini(&queued);
	stop();
	fx.options.workers = 4;
}

static void r05_cancel_parked(void)
{
	struct answer a;
	struct rpc_pending *pending;
	fixture_start("inproc://cancel-parked");
	answer_init(&a);
	CHECK(ask(fx.client, M_PARK, "key", &user, 0, &a, &pending));
	CHECK(wait_parked(1));
	rpc_pending_cancel(&pending);
	CHECK(answer_wait(&a) && a.code == RPC_CANCELLED);
	CHECK_ROW("R05 the parked call went too", wait_in_flight(0));
	answer_fini(&a);
	stop();
}

static void r05_cancel_around_the_answer(void)
{
	struct answer a;
	struct rpc_pending *pending;
	fixture_start("inproc://cancel-late");
	for (int i = 0; i < 200; i++) { /* cancel meets the call in every state */
		answer_init(&a);
		CHECK(ask(fx.client, M_ECHO, "x", NULL, 0, &a, &pending));
		if (i % 2) CHECK(answer_wait(&a) && a.code == RPC_OK);
		rpc_pending_cancel(&pending);
		CHECK(answer_wait(&a) && (a.code == RPC_OK || a.code == RPC_CANCELLED));
		answer_fini(&a);
	}
	stop();
}

/* A cancel that overtakes its call: both by hand, in the wrong order. */
static void r05_cancel_before_the_call(void)
{
	nng_socket s;
	nng_msg *msg;
	struct error err;
	fixture_start("inproc://cancel-early");
	struct envelope envelope = { .method = "test.T/Who", .metadata = user };
	entropy_fill(envelope.call_id, sizeof envelope.call_id);
	CHECK(!cancel_as(&user, envelope.call_id));
	CHECK(nng_req0_open(&s) == 0 && nng_dial(s, "inproc://cancel-early", NULL, 0) == 0);
	CHECK(nng_socket_set_ms(s, NNG_OPT_RECVTIMEO, PATIENCE_MS) == 0);
	for (int i = 0; i < 2; i++) {
		CHECK(nng_msg_alloc(&msg, envelope_packed_size(&envelope)) == 0);
		envelope_pack(&envelope, nng_msg_body(msg));
		CHECK(nng_sendmsg(s, msg, 0) == 0 && nng_recvmsg(s, &msg, 0) == 0);
		Petfood__Rpc__V1__RpcReply *reply =
		    envelope_unpack_reply(fx.arena, (struct str){ nng_msg_body(msg), nng_msg_len(msg) }, &err);
		CHECK_ROW(i ? "R05 the early cancel is used up" : "R05 cancelled before it came", reply && reply->status->code == (i ? RPC_OK : RPC_CANCELLED));
		nng_msg_free(msg);
	}
	nng_close(s);
	stop();
}

/* R13: what is admitted waits for at most queue/workers others; everything beyond is refused at once, before any of those is done. No
 * time is measured: the gate is closed until the last refusal is here. */
static void r13_overload(void)
{
	enum { QUEUE = 5, EXTRA = 60 };
	static struct answer kept[1 + QUEUE], shed[EXTRA];
	fx.options.workers = 1;
	fx.options.queue_length = QUEUE;
	fixture_start("inproc://overload");
	for (int i = 0; i <= QUEUE; i++) {
		answer_init(&kept[i]);
		CHECK(ask(fx.client, M_BLOCK, "x", &user, 0, &kept[i], NULL));
		CHECK(i == 0 ? gate_has(1) : wait_queued(i));
	}
	for (int i = 0; i < EXTRA; i++) {
		answer_init(&shed[i]);
		CHECK(ask(fx.client, M_BLOCK, "y", &user, 0, &shed[i], NULL));
	}
	for (int i = 0; i < EXTRA; i++) {
		CHECK_ROW("R13 shed at once", answer_wait(&shed[i]) && shed[i].code == RPC_RESOURCE_EXHAUSTED);
		CHECK_ROW("R13 reason", strcmp(shed[i].reason, "OVERLOADED") == 0);
		CHECK_ROW("R13 with a time to come back", strcmp(shed[i].param_name, "retry_after") == 0 && atoi(shed[i].param_value) > 0);
		answer_fini(&shed[i]);
	}
	CHECK_ROW("R13 nothing was done meanwhile", gate_has(1) && fx.gate.passed == 0 && wait_queued(QUEUE));
	for (int i = 0; i <= QUEUE; i++) CHECK_ROW("R13 who was admitted waits", kept[i].count == 0);
	struct answer hash;
	answer_init(&hash);
	CHECK_ROW("the hash pool has a queue of its own",
	          ask(fx.client, M_HASH, "h", NULL, 0, &hash, NULL) && gate_has(2));
	CHECK_ROW("inline methods pass", call(M_PING, "", NULL, 0).code == RPC_OK);
	gate_set(true);
	for (int i = 0; i <= QUEUE; i++) {
		CHECK_ROW("kept", answer_wait(&kept[i]) && kept[i].code == RPC_OK);
		answer_fini(&kept[i]);
	}
	CHECK(answer_wait(&hash) && hash.code == RPC_OK);
	CHECK_ROW("R13 exactly the admitted ones ran", gate_has(0) && fx.gate.passed == 1 + QUEUE + 1);
	answer_fini(&hash);
	stop();
	fx.options.workers = 4;
	fx.options.queue_length = 0;
}

static void test_park(void)
{
	struct answer many[40], a;
	fixture_start("inproc://park");
	atomic_store(&fx.mail, false);
	/* A wake finds those that wait for its key, and only those. */
	for (size_t i = 0; i < COUNT(many); i++) {
		answer_init(&many[i]);
		CHECK(ask(fx.client, M_PARK, i % 2 ? "odd" : "even", &user, 0, &many[i], NULL));
	}
	CHECK_ROW("no worker is held", wait_parked(COUNT(many)) && call(M_ECHO, "x", NULL, 0).code == RPC_OK);
	atomic_store(&fx.mail, true);
	rpc_server_wake(fx.server, STR("odd"));
	for (size_t i = 1; i < COUNT(many); i += 2) CHECK(answer_wait(&many[i]) && strcmp(many[i].text, "found") == 0);
	CHECK_ROW("the others wait on", wait_parked(COUNT(many) / 2));
	rpc_server_wake(fx.server, STR("nobody's"));
	rpc_server_wake(fx.server, STR("even"));
	for (size_t i = 0; i < COUNT(many); i += 2) CHECK(answer_wait(&many[i]) && strcmp(many[i].text, "found") == 0);
	for (size_t i = 0; i < COUNT(many); i++) answer_fini(&many[i]);

	atomic_store(&fx.mail, false);
	a = call(M_PARK, "short", &user, 0);
	CHECK(a.code == RPC_OK && strcmp(a.text, "late") == 0);
	a = call(M_PARK, "short stubborn", &user, 0);
	CHECK_ROW("waits on when its time is up", a.code == RPC_DEADLINE_EXCEEDED);
	int64_t before_ms = time_monotonic_ms();
	a = call(M_PARK, "long, but the caller's deadline is near", &user, 400);
	CHECK_ROW("the last try comes before the deadline",
	          (a.code == RPC_OK && strcmp(a.text, "late") == 0) || time_monotonic_ms() - before_ms >= 400);
	/* Woken without cause: it runs again and waits on, and the time is not counted anew. */
	answer_init(&a);
	int runs = atomic_load(&fx.parked_runs);
	CHECK(ask(fx.client, M_PARK, "spurious", &user, 0, &a, NULL));
	CHECK(wait_parked(1));
	for (int i = 0; i < 100; i++) rpc_server_wake(fx.server, STR("spurious"));
	atomic_store(&fx.mail, true);
	rpc_server_wake(fx.server, STR("spurious"));
	CHECK(answer_wait(&a) && strcmp(a.text, "found") == 0 && atomic_load(&fx.parked_runs) > runs);
	answer_fini(&a);
	stop();
}

/* The wake may come before the watch, between watch and wait, or after: none is lost (it would take 30 s then). */
static void test_park_races(void)
{
	struct answer a;
	fixture_start("inproc://park-races");
	for (int i = 0; i < 500; i++) {
		atomic_store(&fx.mail, false);
		answer_init(&a);
		CHECK(ask(fx.client, M_PARK, "race", &user, 0, &a, NULL));
		if (i % 3 == 1) CHECK(wait_in_flight(1));
		for (int spin = 0; spin < i * 20; spin++) atomic_load(&fx.mail);
		atomic_store(&fx.mail, true);
		rpc_server_wake(fx.server, STR("race"));
		CHECK_ROW("woken", answer_wait(&a) && strcmp(a.text, "found") == 0);
		answer_fini(&a);
	}
	/* Expiry, wake and cancel at the same moment: one answer each. */
	for (int i = 0; i < 20; i++) {
		struct answer many[8];
		struct rpc_pending *pending[8];
		atomic_store(&fx.mail, false);
		for (size_t k = 0; k < COUNT(many); k++) {
			answer_init(&many[k]);
			CHECK(ask(fx.client, M_PARK, "short race", &user, 0, &many[k], &pending[k]));
		}
		if (i % 2) rpc_server_wake(fx.server, STR("short race"));
		for (size_t k = 0; k < COUNT(many); k++) {
			if (k % 4 == 0)
				rpc_pending_cancel(&pending[k]);
			else
				rpc_pending_release(&pending[k]);
		}
		for (size_t k = 0; k < COUNT(many); k++) {
			CHECK_ROW("one answer",
			          answer_wait(&many[k]) && (many[k].code == RPC_OK || many[k].code == RPC_CANCELLED));
			answer_fini(&many[k]);
		}
	}
	stop();
}

static void test_parked_are_bounded(void)
{
	struct answer a, b;
	fx.options.parked_max = 1;
	fixture_start("inproc://park-bound");
	atomic_store(&fx.mail, false);
	answer_init(&a);
	CHECK(ask(fx.client, M_PARK, "one", &user, 0, &a, NULL));
	CHECK(wait_parked(1));
	b = call(M_PARK, "two", &user, 0);
	CHECK(b.code == RPC_RESOURCE_EXHAUSTED && strcmp(b.reason, "OVERLOADED") == 0);
	atomic_store(&fx.mail, true);
	rpc_server_wake(fx.server, STR("one"));
	CHECK(answer_wait(&a) && a.code == RPC_OK);
	answer_fini(&a);
	stop();
	fx.options.parked_max = 0;
}

static void *drain(void *self)
{
	(void)self;
	rpc_server_drain(fx.server, PATIENCE_MS);
	return NULL;
}

/* R12: everything that was admitted is finished, also what still waits for a worker; new calls are refused and told when to come. */
static void r12_drain(void)
{
	struct answer running, parked, queued, fresh;
	pthread_t thread;
	fx.options.workers = 1;
	fixture_start("inproc://drain");
	atomic_store(&fx.effects, 0);
	answer_init(&queued);
	atomic_store(&fx.mail, false);
	answer_init(&running);
	answer_init(&parked);
	CHECK(ask(fx.client, M_PARK, "key", &user, 0, &parked, NULL) && wait_parked(1));
	CHECK(ask(fx.client, M_BLOCK, "x", &user, 0, &running, NULL) && gate_has(1));
	CHECK(ask(fx.client, M_EFFECT, "waits", NULL, 0, &queued, NULL) && wait_queued(1));
	CHECK(pthread_create(&thread, NULL, drain, NULL) == 0);
	CHECK_ROW("R12 the parked one gets its last look", wait_parked(0) && wait_queued(2));
	for (int i = 0; i < 20; i++) {
		fresh = call(M_EFFECT, "y", NULL, 0);
		if (!CHECK_ROW("R12 new ones are refused", fresh.code == RPC_UNAVAILABLE && strcmp(fresh.reason, "SHUTTING_DOWN") == 0))
			break;
		CHECK_ROW("R12 with pushback", strcmp(fresh.param_name, "retry_after") == 0 && atoi(fresh.param_value) > 0);
	}
	CHECK_ROW("R12 inline ones are not", call(M_PING, "", NULL, 0).code == RPC_OK);
	CHECK_ROW("R12 nothing was cut short", running.count == 0 && parked.count == 0 && queued.count == 0);
	gate_set(true);
	CHECK_ROW("R12 what runs is finished", answer_wait(&running) && running.code == RPC_OK);
	CHECK_ROW("R12 what was parked is answered", answer_wait(&parked) && strcmp(parked.text, "late") == 0);
	CHECK_ROW("R12 what was queued is run", answer_wait(&queued) && queued.code == RPC_OK && atomic_load(&fx.effects) == 1);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK_ROW("R12 nothing is left", rpc_server_in_flight(fx.server) == 0);
	answer_fini(&running);
	answer_fini(&parked);
	answer_fini(&queued);
	stop();
	fx.options.workers = 4;
}

/* Stopping without draining: whoever waits is told, handlers see their cancel flag. */
static void test_stop_under_load(void)
{
	struct answer many[30];
	fx.options.workers = 2;
	fixture_start("inproc://stop");
	for (size_t i = 0; i < COUNT(many); i++) {
		answer_init(&many[i]);
		CHECK(ask(fx.client, i % 3 ? M_BLOCK : M_PARK, "x", &user, 0, &many[i], NULL));
	}
	CHECK(gate_has(2));
	rpc_server_stop(&fx.server);
	for (size_t i = 0; i < COUNT(many); i++) CHECK(answer_wait(&many[i]));
	rpc_client_destroy(&fx.client);
	for (size_t i = 0; i < COUNT(many); i++) answer_fini(&many[i]);
	fx.options.workers = 4;
}

int main(void)
{
	log_setup(LOG_ERROR, false);
	fixture_init();
	user.authorization = make_token(TOKEN_ACCESS, "u1", 1000);
	other.authorization = make_token(TOKEN_ACCESS, "u2", 1000);
	r05_cancel_running();
	r05_cancel_running_answers_the_caller();
	r05_cancel_after_the_answer();
	r05_cancel_is_for_the_same_principal();
	r05_cancel_before_the_handler();
	r05_cancel_parked();
	r05_cancel_around_the_answer();
	r05_cancel_before_the_call();
	r13_overload();
	test_park();
	test_park_races();
	test_parked_are_bounded();
	r12_drain();
	test_stop_under_load();
	fixture_fini();
	return check_done("control_test");
}
