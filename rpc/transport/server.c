#include "rpc/transport/server.h"

#include <arpa/inet.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/transport/server_impl.h"
#include "rpc/transport/sock_close.h"
#include "store/base/log.h"

enum {
	WORKERS_DEFAULT = 8,
	QUEUE_DEFAULT = 256,
	HASH_QUEUE_DEFAULT = 64,
	PARKED_DEFAULT = 4096,
	UNSENT_DEFAULT = 256 * 1024 * 1024
};

/* The address of a caller on another machine; other transports have none. */
static void note_peer(struct slot *slot, nng_msg *msg)
{
	nng_sockaddr address;
	slot->peer[0] = '\0';
	if (nng_pipe_get_addr(nng_msg_get_pipe(msg), NNG_OPT_REMADDR, &address) != 0) return;
	if (address.s_family == NNG_AF_INET)
		(void)inet_ntop(AF_INET, &address.s_in.sa_addr, slot->peer, sizeof slot->peer);
	else if (address.s_family == NNG_AF_INET6)
		(void)inet_ntop(AF_INET6, address.s_in6.sa_addr, slot->peer, sizeof slot->peer);
}

static void name_request(struct slot *slot)
{
	static const char hex[] = "0123456789abcdef";
	if (slot->envelope.metadata.request_id.len) {
		slot->call.request_id = slot->envelope.metadata.request_id;
		return;
	}
	for (size_t i = 0; i < CALL_ID_BYTES; i++) {
		slot->request_id[2 * i] = hex[slot->envelope.call_id[i] >> 4];
		slot->request_id[2 * i + 1] = hex[slot->envelope.call_id[i] & 15];
	}
	slot->request_id[2 * CALL_ID_BYTES] = '\0';
	slot->call.request_id = str_from(slot->request_id);
}

/* The envelope, the method and the deadline: all that must be known before the call may wait in a queue. */
static bool open_call(struct slot *slot, struct str bytes, struct error *err)
{
	struct rpc_server *server = slot->server;
	struct call *call = &slot->call;
	slot->method = &server->unknown;
	bool readable =
	    bytes.len <= server->options.message_bytes_max
	        ? envelope_unpack(slot->arena, bytes, &slot->envelope, err)
	        : error_set(err, RPC_RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE", "request of %zu bytes", bytes.len) ||
	              error_param(err, "limit", "%zu", server->options.message_bytes_max);
	memset(call, 0, sizeof *call);
	memset(&slot->limit_note, 0, sizeof slot->limit_note);
	call->user_agent = readable ? slot->envelope.metadata.user_agent : STR_NONE;
	call->arena = slot->arena;
	call->clock = server->options.clock;
	call->services = server->options.services;
	call->cancelled = &slot->cancelled;
	call->parking = &slot->parking;
	memcpy(call->id, slot->envelope.call_id, sizeof call->id);
	call->lang = lang_from_accept(slot->envelope.metadata.accept_language);
	name_request(slot);
	if (!readable) return false;

	struct method_entry *method;
	HASH_FIND_STR(server->by_name, slot->envelope.method, method);
	if (!method) {
		error_set(err, RPC_UNIMPLEMENTED, "METHOD_UNKNOWN", "no method %s", slot->envelope.method);
		return error_param(err, "method", "%s", slot->envelope.method);
	}
	slot->method = method;
	call->method = method->side;
	call->idempotency_key = slot->envelope.metadata.idempotency_key;
	call->traceparent = slot->envelope.metadata.traceparent;
	uint32_t timeout_ms = slot->envelope.timeout_ms ? slot->envelope.timeout_ms : method->side->timeout_ms;
	if (timeout_ms == 0) timeout_ms = CALL_TIMEOUT_MS_DEFAULT;
	if (timeout_ms > CALL_TIMEOUT_MS_MAX) timeout_ms = CALL_TIMEOUT_MS_MAX;
	call->deadline_ms = time_monotonic_ms() + timeout_ms;
	return true;
}

static bool is_inline(const struct slot *slot) { return slot->method->side->pool == POOL_INLINE; }

/* Answers with an error what no worker runs. */
static void slot_refuse(struct slot *slot, const struct error *err)
{
	pthread_mutex_lock(&slot->server->lock);
	slot_take_for_answer(slot);
	pthread_mutex_unlock(&slot->server->lock);
	slot_answer(slot, NULL, err);
}

/* Decides where an opened call goes. Fails with what to answer; true: it was queued, or run here. */
static bool admit(struct slot *slot, struct error *err)
{
	struct rpc_server *server = slot->server;
	if (is_inline(slot)) { /* over before anybody could cancel it, so nobody needs to know it by its id */
		slot->state = SLOT_RUNNING;
		slot_run(slot);
		return true;
	}
	struct call_pool *pool = call_pool_of(slot);
	pthread_mutex_lock(&server->lock);
	bool ok = slot_register(slot, err), wake = false;
	if (ok && server->draining)
		ok = refuse_stopping(err, "draining");
	else if (ok && !call_pool_push(pool, slot, false))
		ok = refuse_overloaded(err, "the queue is full");
	else if (ok)
		wake = call_pool_wants_thread(pool);
	pthread_mutex_unlock(&server->lock);
	/* After the unlock, or the worker would wake up only to wait for it. The slot may be gone by now, the pool is not. */
	if (wake) pthread_cond_signal(&pool->work);
	return ok;
}

static void slot_open(struct rpc_server *server); /* these end in waiting for a message, which starts with them */
static void slot_receive(struct slot *slot);
static void slot_release(struct slot *slot);

static void on_message(struct slot *slot, nng_msg *msg)
{
	struct rpc_server *server = slot->server;
	struct error err;
	error_clear(&err);
	pthread_mutex_lock(&server->lock);
	server->receiving--;
	server->in_flight++;
	metric_set(server->in_flight_gauge, (int64_t)server->in_flight);
	bool grow = server->receiving < RECEIVERS && server->slot_count < server->slot_max && !server->closed;
	slot->arena = server->arena_count ? server->arenas[--server->arena_count] : NULL;
	slot->peer_pipe = nng_msg_get_pipe(msg);
	if (peers_leave_no_room(server)) pthread_cond_signal(&server->timer_changed);
	pthread_mutex_unlock(&server->lock);
	if (grow) slot_open(server);

	if (!slot->arena) slot->arena = arena_create(0);
	slot->received_at_us = time_monotonic_us();
	atomic_store_explicit(&slot->admitted, false, memory_order_relaxed);
	slot->request = NULL;
	atomic_store(&slot->cancelled, false);
	memset(&slot->parking, 0, sizeof slot->parking);
	note_peer(slot, msg);
	/* Everything is copied out of the message, so the call does not hold it while it waits. */
	bool ok = open_call(slot, (struct str){ nng_msg_body(msg), nng_msg_len(msg) }, &err);
	nng_msg_free(msg);
	if (ok && admit(slot, &err)) return;
	slot_refuse(slot, &err);
}

static void slot_on_aio(void *self)
{
	struct slot *slot = self;
	struct rpc_server *server = slot->server;
	int rv = nng_aio_result(slot->aio);
	if (slot->state != SLOT_RECEIVING) {
		if (rv != 0) nng_msg_free(nng_aio_get_msg(slot->aio)); /* it stays ours when it could not be sent */
		answer_has_left(slot, rv);
		slot_release(slot);
	} else if (rv == 0) {
		on_message(slot, nng_aio_get_msg(slot->aio));
	} else { /* a passing fault of one peer, or the end */
		pthread_mutex_lock(&server->lock);
		bool closed = server->closed;
		if (closed) {
			slot->state = SLOT_GONE;
			server->receiving--;
		}
		pthread_mutex_unlock(&server->lock);
		if (!closed) slot_receive(slot);
	}
}

/* The answer has left: gives back what the call held, and waits for the next one. */
static void slot_release(struct slot *slot)
{
	struct rpc_server *server = slot->server;
	arena_reset(slot->arena);
	pthread_mutex_lock(&server->lock);
	if (server->arena_count < ARENAS_KEPT) {
		server->arenas[server->arena_count++] = slot->arena;
		slot->arena = NULL;
	}
	bool gone = server->closed;
	slot->state = gone ? SLOT_GONE : SLOT_RECEIVING;
	if (!gone) server->receiving++;
	server->in_flight--;
	metric_set(server->in_flight_gauge, (int64_t)server->in_flight);
	if (server->waiting_answered) pthread_cond_broadcast(&server->answered);
	pthread_mutex_unlock(&server->lock);
	arena_destroy(&slot->arena);
	if (!gone) slot_receive(slot);
}

static void slot_receive(struct slot *slot)
{
	nng_aio_set_timeout(slot->aio, NNG_DURATION_INFINITE);
	nng_ctx_recv(slot->ctx, slot->aio);
}

static void slot_open(struct rpc_server *server)
{
	struct slot *slot = calloc(1, sizeof *slot);
	if (!slot) die("out of memory");
	slot->server = server;
	slot->state = SLOT_RECEIVING;
	bool opened = false;
	if (nng_aio_alloc(&slot->aio, slot_on_aio, slot) == 0) {
		if (nng_ctx_open(&slot->ctx, server->socket) == 0)
			opened = true;
		else
			nng_aio_free(slot->aio);
	}
	pthread_mutex_lock(&server->lock);
	if (opened && server->slot_count < server->slot_max && !server->closed) {
		server->slots[server->slot_count++] = slot;
		server->receiving++;
		/* Under the lock, so that stop either sees the slot with its receive under way or not at all. */
		nng_ctx_recv(slot->ctx, slot->aio);
		pthread_mutex_unlock(&server->lock);
		return;
	}
	pthread_mutex_unlock(&server->lock);
	if (opened) { /* two callbacks grew at once, or the server is closing */
		nng_ctx_close(slot->ctx);
		nng_aio_free(slot->aio);
	}
	free(slot);
}

static void fill_defaults(struct rpc_server *server, const struct rpc_server_options *options)
{
	struct rpc_server_options *o = &server->options;
	*o = *options;
	if (!o->workers) o->workers = WORKERS_DEFAULT;
	if (!o->queue_length) o->queue_length = QUEUE_DEFAULT;
	if (!o->hash_workers) o->hash_workers = 1;
	if (!o->hash_queue_length) o->hash_queue_length = HASH_QUEUE_DEFAULT;
	if (!o->parked_max) o->parked_max = PARKED_DEFAULT;
	if (!o->unsent_bytes_max) o->unsent_bytes_max = UNSENT_DEFAULT;
	if (!o->message_bytes_max) o->message_bytes_max = RPC_MESSAGE_BYTES_MAX;
	if (!o->clock) o->clock = &clock_system;
	if (!o->methods) {
		o->methods = method_table;
		o->method_count = method_count;
	}
	o->listen = NULL; /* borrowed for the start only; the listeners keep their own */
}

static void index_methods(struct rpc_server *server)
{
	static const struct method_side unknown = { .name = "unknown" };
	server->unknown.side = &unknown;
	server->unknown.name = unknown.name;
	server->methods = calloc(server->options.method_count + 1, sizeof *server->methods);
	if (!server->methods) die("out of memory");
	for (size_t i = 0; i < server->options.method_count; i++) {
		struct method_entry *entry = &server->methods[i];
		entry->side = &server->options.methods[i];
		entry->handler = server->options.handlers[i];
		entry->name = entry->side->name;
		HASH_ADD_KEYPTR(hh, server->by_name, entry->name, strlen(entry->name), entry);
	}
}

static void server_free(struct rpc_server *server)
{
	for (size_t i = 0; i < server->slot_count; i++) {
		nng_aio_free(server->slots[i]->aio);
		arena_destroy(&server->slots[i]->arena);
		free(server->slots[i]);
	}
	while (server->arena_count) arena_destroy(&server->arenas[--server->arena_count]);
	HASH_CLEAR(hh, server->by_name);
	auth_cache_destroy(&server->auth);
	call_pool_fini(&server->workers);
	call_pool_fini(&server->hashers);
	pthread_cond_destroy(&server->answered);
	pthread_cond_destroy(&server->timer_changed);
	pthread_mutex_destroy(&server->lock);
	free(server->methods);
	free(server->listeners);
	free(server->slots);
	free(server);
}

static void close_listeners(struct rpc_server *server)
{
	while (server->listener_count) listener_close(&server->listeners[--server->listener_count]);
}

bool rpc_server_start(const struct rpc_server_options *options, struct rpc_server **out, struct error *err)
{
	struct rpc_server *server = calloc(1, sizeof *server);
	pthread_condattr_t monotonic;
	if (!server) die("out of memory");
	fill_defaults(server, options);
	const struct rpc_server_options *o = &server->options;
	server->started_at_ms = time_monotonic_ms();
	server->slot_max =
	    o->workers + o->queue_length + o->hash_workers + o->hash_queue_length + o->parked_max + RECEIVERS;
	server->slots = calloc(server->slot_max, sizeof(struct slot *));
	server->listeners = calloc(options->listen_count + 1, sizeof *server->listeners);
	if (!server->slots || !server->listeners) die("out of memory");
	server->in_flight_gauge = metric_gauge("rpc_calls_in_flight", NULL, "Calls received and not yet answered.");
	server->peers_dropped =
	    metric_counter("rpc_peers_dropped_total", NULL, "Connections closed because their peer read no answers.");
	server->parked_gauge = metric_gauge("rpc_calls_parked", NULL, "Calls that wait without a thread.");
	pthread_mutex_init(&server->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&server->answered, &monotonic);
	pthread_cond_init(&server->timer_changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	server->auth = auth_cache_create(o);
	index_methods(server);
	call_pool_init(&server->workers, server, o->workers, o->queue_length, false, "worker");
	call_pool_init(&server->hashers, server, o->hash_workers, o->hash_queue_length, true, "hash");

	if (nng_rep0_open(&server->socket) != 0) die("no socket");
	if (nng_socket_set_size(server->socket, NNG_OPT_RECVMAXSZ, o->message_bytes_max + RECVMAXSZ_SPARE) != 0)
		die("a socket option is refused");
	for (size_t i = 0; i < options->listen_count; i++) {
		if (!listener_open(&server->listeners[i], server->socket, options->listen[i], o->allow_insecure_tcp,
		                   err)) {
			close_listeners(server);
			nng_close(server->socket);
			server_free(server);
			return false;
		}
		server->listener_count++;
	}
	call_pool_start(&server->workers);
	call_pool_start(&server->hashers);
	if (pthread_create(&server->timer, NULL, parking_timer, server) != 0) die("no thread for the server's timer");
	/* Messages that came meanwhile wait in their pipes. */
	for (size_t i = 0; i < RECEIVERS; i++) slot_open(server);
	if (o->watchdog_ms > 0)
		server->watchdog =
		    watchdog_start(WATCHED_REP, server->socket, server->listeners, server->listener_count, o->watchdog_ms);
	*out = server;
	return true;
}

struct str rpc_server_endpoint(const struct rpc_server *server, size_t index)
{
	return index < server->listener_count ? str_from(server->listeners[index].url) : STR_NONE;
}

size_t rpc_server_in_flight(struct rpc_server *server)
{
	pthread_mutex_lock(&server->lock);
	size_t count = server->in_flight;
	pthread_mutex_unlock(&server->lock);
	return count;
}

/* With the lock held: until nothing is in flight or the time is up. */
static void wait_answered(struct rpc_server *server, int64_t wait_ms)
{
	int64_t until_ms = time_monotonic_ms() + wait_ms;
	struct timespec until = { until_ms / 1000, until_ms % 1000 * 1000000 };
	server->waiting_answered++;
	while (server->in_flight && time_monotonic_ms() < until_ms)
		pthread_cond_timedwait(&server->answered, &server->lock, &until);
	server->waiting_answered--;
}

void rpc_server_drain(struct rpc_server *server, int64_t wait_ms)
{
	pthread_mutex_lock(&server->lock);
	server->draining = true;
	parking_wake_all(server);
	wait_answered(server, wait_ms);
	size_t left = server->in_flight;
	pthread_mutex_unlock(&server->lock);
	log_info("rpc.drained", LOG_INT("left", left));
}

/* Calls that no worker has begun. */
static void refuse_queued(struct rpc_server *server, struct call_pool *pool)
{
	struct error err;
	refuse_stopping(&err, "stopping");
	pthread_mutex_lock(&server->lock);
	while (pool->queue) {
		struct slot *slot = pool->queue;
		call_pool_remove(pool, slot);
		slot_take_for_answer(slot);
		pthread_mutex_unlock(&server->lock);
		slot_answer(slot, NULL, &err);
		pthread_mutex_lock(&server->lock);
	}
	pthread_mutex_unlock(&server->lock);
}

void rpc_server_stop(struct rpc_server **out)
{
	struct rpc_server *server = *out;
	if (!server) return;
	watchdog_stop(&server->watchdog);
	pthread_mutex_lock(&server->lock);
	server->draining = server->stopping = true;
	for (size_t i = 0; i < server->slot_count; i++)
		if (server->slots[i]->state == SLOT_RUNNING) atomic_store(&server->slots[i]->cancelled, true);
	parking_wake_all(server);
	pthread_cond_broadcast(&server->workers.work);
	pthread_cond_broadcast(&server->hashers.work);
	pthread_cond_broadcast(&server->timer_changed);
	pthread_mutex_unlock(&server->lock);
	refuse_queued(server, &server->workers);
	refuse_queued(server, &server->hashers);
	call_pool_join(&server->workers);
	call_pool_join(&server->hashers);
	pthread_join(server->timer, NULL);
	refuse_queued(server, &server->workers); /* parked again by a worker's last run */
	pthread_mutex_lock(&server->lock);
	wait_answered(server, 1000); /* answers on their way to slow peers */
	server->closed = true;
	pthread_mutex_unlock(&server->lock);
	/* What was handed to nng leaves the process within its write; a reply that no longer fits into the peer's buffer is lost with
	 * the connection, as with any server that stops. */
	close_listeners(server);
	/* From here slot_count is final: slot_open adds nothing once closed is set. */
	for (size_t i = 0; i < server->slot_count; i++) nng_ctx_close(server->slots[i]->ctx);
	for (size_t i = 0; i < server->slot_count; i++) nng_aio_stop(server->slots[i]->aio);
	(void)sock_close(server->socket); /* no callback of ours hangs on the socket itself */
	server_free(server);
	*out = NULL;
}
