/* The network: nng's PUB and SUB as far as publisher and hub use them, and calls to the handlers of another process. */
#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <petfood/handlers.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/transport/call_service.h"
#include "rpc/transport/client.h"
#include "rpc/wire/unpack.h"
#include "store/base/time.h"
#include "tests/fault/sim/world.h"

#define WRAPPED(type, name, ...) \
	type __wrap_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__)

/* ---- PUB and SUB ---- */

struct delivery {
	struct delivery *next;
	int64_t at_us;
	nng_msg *msg; /* NULL: a connection has come up */
	int from;
	unsigned from_life;
};

struct fake_aio {
	void (*done)(void *);
	void *self;
	nng_msg *msg;
	int result;
	bool armed, stopped, busy;
};

/* A process's SUB socket. */
static struct subscriber {
	bool open;
	struct fake_aio *aio;
	nng_pipe_cb on_pipe;
	void *on_pipe_self;
	struct delivery *queue;                /* by at_us */
	unsigned linked[PROCESSES_MAX + 1];    /* life of the publisher that it is connected to */
	int64_t last_at_us[PROCESSES_MAX + 1]; /* a pipe keeps its order */
} subscribers[PROCESSES_MAX + 1];

static void deliver(struct subscriber *s, int from, nng_msg *msg, int64_t delay_us)
{
	struct delivery *d = calloc(1, sizeof *d), **at = &s->queue;
	if (!d) die("out of memory");
	*d = (struct delivery){ NULL, sim_steady_us() + delay_us, msg, from, world.processes[from].life };
	if (d->at_us < s->last_at_us[from]) d->at_us = s->last_at_us[from];
	s->last_at_us[from] = d->at_us;
	while (*at && (*at)->at_us <= d->at_us) at = &(*at)->next;
	d->next = *at;
	*at = d;
	fiber_wake(s, true);
}

static void take(struct subscriber *s)
{
	struct delivery *d = s->queue;
	s->queue = d->next;
	bool alive = d->from_life == world.processes[d->from].life;
	if (!d->msg) {
		if (alive) s->linked[d->from] = d->from_life;
		if (alive && s->on_pipe) s->on_pipe((nng_pipe){ 1 }, NNG_PIPE_EV_ADD_POST, s->on_pipe_self);
	} else if (s->linked[d->from] == d->from_life && s->aio && s->aio->armed) {
		s->aio->armed = false;
		s->aio->msg = d->msg;
		s->aio->result = 0;
		s->aio->busy = true;
		s->aio->done(s->aio->self);
		s->aio->busy = false;
		fiber_wake(s->aio, true);
	} else {
		nng_msg_free(d->msg);
	}
	free(d);
}

/* nng's own thread in the subscriber's process. */
static void *receive(void *self)
{
	struct subscriber *s = self;
	while (s->open) {
		if (s->queue && s->queue->at_us <= sim_steady_us())
			take(s);
		else
			(void)fiber_wait(s, s->queue ? s->queue->at_us : SIM_FOREVER);
	}
	return NULL;
}

static void connect_to(struct subscriber *s, int from)
{
	deliver(s, from, NULL, sim_between(100, sim_chance(200) ? 900000 : 3000));
}

void wire_process_up(struct process *process)
{
	for (int i = 1; i <= world.settings.processes; i++)
		if (subscribers[i].open && i != process->number) connect_to(&subscribers[i], process->number);
}

void wire_process_gone(struct process *process)
{
	struct subscriber *s = &subscribers[process->number];
	while (s->queue) {
		struct delivery *d = s->queue;
		s->queue = d->next;
		if (d->msg) nng_msg_free(d->msg);
		free(d);
	}
	memset(s, 0, sizeof *s);
}

WRAPPED(int, nng_pub0_open, nng_socket *socket)
{
	socket->id = (uint32_t)fiber_process();
	return 0;
}
WRAPPED(int, nng_sub0_open, nng_socket *socket)
{
	socket->id = (uint32_t)fiber_process();
	memset(&subscribers[socket->id], 0, sizeof subscribers[0]);
	subscribers[socket->id].open = true;
	return 0;
}
WRAPPED(int, nng_close, nng_socket socket)
{
	(void)socket;
	return 0;
}
WRAPPED(int, nng_socket_set, nng_socket socket, const char *name, const void *value, size_t size)
{
	(void)socket, (void)name, (void)value, (void)size;
	return 0;
}
WRAPPED(int, nng_socket_set_int, nng_socket socket, const char *name, int value)
{
	(void)socket, (void)name, (void)value;
	return 0;
}
WRAPPED(int, nng_socket_set_ms, nng_socket socket, const char *name, nng_duration value)
{
	(void)socket, (void)name, (void)value;
	return 0;
}
WRAPPED(int, nng_socket_set_size, nng_socket socket, const char *name, size_t value)
{
	(void)socket, (void)name, (void)value;
	return 0;
}
WRAPPED(int, nng_pipe_notify, nng_socket socket, nng_pipe_ev event, nng_pipe_cb cb, void *self)
{
	(void)event;
	subscribers[socket.id].on_pipe = cb;
	subscribers[socket.id].on_pipe_self = self;
	return 0;
}
WRAPPED(int, nng_aio_alloc, nng_aio **out, void (*done)(void *), void *self)
{
	struct fake_aio *aio = calloc(1, sizeof *aio);
	if (!aio) die("out of memory");
	*aio = (struct fake_aio){ .done = done, .self = self };
	*out = (nng_aio *)aio;
	return 0;
}
WRAPPED(int, nng_aio_result, nng_aio *aio) { return ((struct fake_aio *)aio)->result; }
WRAPPED(nng_msg *, nng_aio_get_msg, nng_aio *aio) { return ((struct fake_aio *)aio)->msg; }
WRAPPED(void, nng_aio_stop, nng_aio *self)
{
	struct fake_aio *aio = (struct fake_aio *)self;
	struct subscriber *s = &subscribers[fiber_process()];
	aio->stopped = true;
	aio->armed = false;
	while (aio->busy) (void)fiber_wait(aio, SIM_FOREVER);
	s->open = false;
	s->aio = NULL;
	fiber_wake(s, true);
}
WRAPPED(void, nng_aio_free, nng_aio *aio) { free(aio); }
WRAPPED(void, nng_recv_aio, nng_socket socket, nng_aio *self)
{
	struct fake_aio *aio = (struct fake_aio *)self;
	struct subscriber *s = &subscribers[socket.id];
	bool first = !s->aio;
	if (aio->stopped) return;
	s->aio = aio;
	aio->armed = true;
	if (!first) return;
	fiber_go((int)socket.id, "nng", receive, s);
	for (int i = 1; i <= world.settings.processes; i++)
		if (process_is_up(&world.processes[i]) || i == (int)socket.id) connect_to(s, i);
}
WRAPPED(int, nng_sendmsg, nng_socket socket, nng_msg *msg, int flags)
{
	(void)flags;
	int from = (int)socket.id;
	sim_point("publish", "");
	for (int i = 1; i <= world.settings.processes; i++) {
		struct subscriber *s = &subscribers[i];
		nng_msg *copy = NULL;
		if (!s->open || s->linked[from] != world.processes[from].life) continue;
		if (sim_chance(world.weather.publish_lost)) {
			note_fault(FAULT_PUBLISH_LOST);
			continue;
		}
		int64_t delay_us = sim_between(20, 400);
		if (sim_chance(world.weather.publish_late)) {
			note_fault(FAULT_PUBLISH_LATE);
			delay_us += sim_between(0, world.weather.publish_late_ms) * 1000;
		}
		bool twice = sim_chance(world.weather.publish_twice);
		if (twice) note_fault(FAULT_PUBLISH_TWICE);
		for (int n = twice ? 2 : 1; n > 0; n--) {
			if (nng_msg_dup(&copy, msg) != 0) die("out of memory");
			deliver(s, from, copy, delay_us);
		}
	}
	nng_msg_free(msg);
	return 0;
}

/* Publishing of a process that runs tasks or answers calls, as its main would wire it: PUB, and the watchers parked there. */
static char watched_here; /* a wait channel */
static void publish(void *self, struct str task_id, uint64_t number, bool terminal, struct str data)
{
	struct process *process = self;
	if (process->publisher) event_publish(process->publisher, task_id, number, terminal, data);
	fiber_wake(&watched_here, true);
}
struct event_out wire_events_of(struct process *process) { return (struct event_out){ publish, process }; }

/* ---- the turns of a task's writers: order.c keeps them by thread, and fibers have one between them ---- */

static struct sim_lock *turn_of(const struct event_out *out, struct str task_id)
{
	struct process *process = out->self;
	size_t i = 0;
	while (i < TURNS && process->turns[i].task_id[0] && !str_equal(str_from(process->turns[i].task_id), task_id))
		i++;
	if (i == TURNS) die("more than %d tasks", TURNS);
	(void)snprintf(process->turns[i].task_id, sizeof process->turns[i].task_id, STR_FMT, STR_ARG(task_id));
	return &process->turns[i].lock;
}
WRAPPED(void, event_order_take, const struct event_out *out, struct str task_id)
{
	sim_lock_take(turn_of(out, task_id));
}
WRAPPED(void, event_order_give, const struct event_out *out, struct str task_id)
{
	sim_lock_give(turn_of(out, task_id));
}

/* ---- calls ---- */

/* One call under way. The two sides may die; it is freed by nobody and goes with the schedule. */
struct rpc_pending {
	const struct method_side *method;
	char *request;
	size_t request_len;
	char user_id[40], key[64];
	struct process *target;
	unsigned target_life;
	int64_t deadline_us;
	bool cancelled, answered;
	atomic_bool handler_cancelled;
	/* the answer */
	bool ok;
	struct error error;
	char *reply;
	size_t reply_len;
	/* for rpc_client_start */
	rpc_done done;
	void *self;
	/* of a parked handler */
	bool watches, waits;
	uint32_t wait_ms;
};

void call_watch(struct call *call, struct str key)
{
	(void)key;
	((struct rpc_pending *)(void *)call->parking)->watches = true;
}
bool call_wait(struct call *call, uint32_t wait_ms, struct error *err)
{
	struct rpc_pending *p = (struct rpc_pending *)(void *)call->parking;
	(void)err;
	p->waits = true;
	p->wait_ms = wait_ms;
	return true;
}
bool call_service_cancel(struct call *call, const void *request, void *reply, struct error *err)
{
	(void)call, (void)request, (void)reply;
	return error_set(err, RPC_UNIMPLEMENTED, "METHOD_UNKNOWN", "the server's");
}
bool call_service_ping(struct call *call, const void *request, void *reply, struct error *err)
{
	(void)call, (void)request, (void)reply;
	return error_set(err, RPC_UNIMPLEMENTED, "METHOD_UNKNOWN", "the server's");
}

static bool handle(struct rpc_pending *p, struct arena *arena, bool last_try, struct str *out, struct error *err)
{
	struct call call = {
		.method = p->method,
		.arena = arena,
		.deadline_ms = p->deadline_us / 1000,
		.clock = &world.clock,
		.caller = { .kind = p->user_id[0] ? PRINCIPAL_USER : PRINCIPAL_SERVICE, .service = "bridge" },
		.lang = LANG_EN,
		.idempotency_key = str_from(p->key),
		.request_id = STR("request"),
		.services = &p->target->services,
		.cancelled = &p->handler_cancelled,
		.last_try = last_try,
		.parking = (struct call_parking *)(void *)p,
	};
	memcpy(call.caller.user_id, p->user_id, sizeof p->user_id);
	uint64_t hash = sim_hash(p->request, p->request_len);
	memcpy(call.payload_hash, &hash, sizeof hash);
	ProtobufCMessage *request =
	    message_unpack(arena, p->method->request->descriptor, (struct str){ p->request, p->request_len }, err);
	if (!request) return false;
	ProtobufCMessage *reply = arena_alloc(arena, p->method->reply->descriptor->sizeof_message);
	p->method->reply->descriptor->message_init(reply);
	return handler_table[p->method - method_table](&call, request, reply, err) &&
	       message_pack(arena, reply, out, err);
}

static void *serve(void *self)
{
	struct rpc_pending *p = self;
	struct arena *arena = arena_create(0);
	struct str out = { 0 };
	struct error err;
	error_clear(&err);
	sim_point("handle", p->method->name);
	int64_t wait_until_us = 0;
	bool ok = false, last_try = false;
	for (;;) {
		p->watches = p->waits = false;
		ok = handle(p, arena, last_try, &out, &err);
		if (!ok || !p->waits || last_try) break;
		if (!wait_until_us) wait_until_us = sim_steady_us() + (int64_t)p->wait_ms * 1000;
		last_try = !fiber_wait(&watched_here, wait_until_us) && sim_steady_us() >= wait_until_us;
	}
	sim_point("handled", p->method->name);
	p->ok = ok;
	p->error = err;
	p->reply = malloc(out.len + 1);
	if (!p->reply) die("out of memory");
	if (ok && out.len) memcpy(p->reply, out.ptr, out.len);
	p->reply_len = ok ? out.len : 0;
	p->answered = true;
	p->target->handlers--;
	arena_destroy(&arena);
	fiber_wake(p->target, true);
	fiber_wake(p, true);
	return NULL;
}

static struct process *pick_server(void)
{
	int first = (int)sim_below((uint32_t)world.settings.processes);
	for (int i = 0; i < world.settings.processes; i++) {
		struct process *process = &world.processes[1 + (first + i) % world.settings.processes];
		if (process_is_up(process)) return process;
	}
	return NULL;
}

static bool unreachable(struct rpc_pending *p, const char *why)
{
	p->ok = false;
	return error_set(&p->error, RPC_UNAVAILABLE, "UNREACHABLE", "%s", why);
}

/* On the caller's fiber: to the end. */
static void carry(struct rpc_pending *p)
{
	fiber_sleep_ms(sim_between(0, 1 + world.weather.call_ms));
	p->target = pick_server();
	if (!p->target || sim_chance(world.weather.call_lost)) {
		if (p->target) note_fault(FAULT_CALL_LOST);
		(void)unreachable(p, "no server");
		return;
	}
	p->target_life = p->target->life;
	p->target->handlers++;
	fiber_go(p->target->number, "handler", serve, p);
	/* Looks up now and then: whoever dies cannot wake it. */
	while (!p->answered && !p->cancelled && p->target->life == p->target_life && p->target->state != PROCESS_DOWN &&
	       sim_steady_us() < p->deadline_us)
		(void)fiber_wait(p, sim_steady_us() + 20000);
	if (!p->answered) {
		atomic_store(&p->handler_cancelled, true);
		if (p->cancelled)
			error_set(&p->error, RPC_CANCELLED, "CANCELLED", "cancelled");
		else if (sim_steady_us() >= p->deadline_us)
			error_set(&p->error, RPC_DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "too late");
		else
			(void)unreachable(p, "the server is gone");
		return;
	}
	fiber_sleep_ms(sim_between(0, 1 + world.weather.call_ms));
	if (sim_chance(world.weather.answer_lost)) {
		note_fault(FAULT_ANSWER_LOST);
		(void)unreachable(p, "the answer is lost");
	}
}

static struct rpc_pending *pending_create(const struct method_side *method, const ProtobufCMessage *request,
                                          const char *user_id, const char *key)
{
	struct rpc_pending *p = calloc(1, sizeof *p);
	if (!p) die("out of memory");
	p->method = method;
	p->request_len = protobuf_c_message_get_packed_size(request);
	p->request = malloc(p->request_len + 1);
	if (!p->request) die("out of memory");
	(void)protobuf_c_message_pack(request, (uint8_t *)p->request);
	(void)snprintf(p->user_id, sizeof p->user_id, "%s", user_id);
	(void)snprintf(p->key, sizeof p->key, "%s", key);
	p->deadline_us = sim_steady_us() + (int64_t)(method->timeout_ms ? method->timeout_ms : 10000) * 1000;
	return p;
}

/* nng's thread that brings the answer. */
static void *carry_and_tell(void *self)
{
	struct rpc_pending *p = self;
	carry(p);
	struct rpc_outcome outcome = { .code = p->ok ? RPC_OK : p->error.code,
		                       .reason = str_from(p->error.reason ? p->error.reason : ""),
		                       .message = str_from(p->error.message),
		                       .payload = { p->reply, p->reply_len } };
	if (p->ok) outcome.reason = STR("OK");
	p->done(p->self, &outcome);
	return NULL;
}

WRAPPED(bool, rpc_client_start, struct rpc_client *client, const struct method_side *method,
        const ProtobufCMessage *request, const struct rpc_metadata *metadata, uint32_t timeout_ms, rpc_done done,
        void *self, struct rpc_pending **out, struct error *err)
{
	char user_id[40];
	(void)client, (void)timeout_ms;
	if (sim_chance(world.weather.call_lost / 8))
		return error_set(err, RPC_RESOURCE_EXHAUSTED, "OVERLOADED", "too many calls");
	(void)snprintf(user_id, sizeof user_id, STR_FMT, STR_ARG(metadata->on_behalf_of));
	struct rpc_pending *p = pending_create(method, request, user_id, "");
	p->done = done;
	p->self = self;
	if (out) *out = p;
	fiber_go(fiber_process(), "call", carry_and_tell, p);
	return true;
}
WRAPPED(void, rpc_pending_cancel, struct rpc_pending **pending)
{
	if (!*pending) return;
	(*pending)->cancelled = true;
	fiber_wake(*pending, true);
	*pending = NULL;
}
WRAPPED(void, rpc_pending_release, struct rpc_pending **pending) { *pending = NULL; }

bool wire_call(const char *method, const ProtobufCMessage *request, const char *user_id, const char *key,
               struct arena *arena, ProtobufCMessage **out, struct error *err)
{
	const struct method_side *side = method_by_name(str_from(method));
	if (!side) die("no method %s", method);
	struct rpc_pending *p = pending_create(side, request, user_id, key);
	carry(p);
	if (!p->ok) {
		*err = p->error;
		return false;
	}
	*out = message_unpack(arena, side->reply->descriptor, (struct str){ p->reply, p->reply_len }, err);
	return *out != NULL;
}
