#include "rpc/transport/client.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "rpc/transport/client_impl.h"
#include "rpc/transport/sock_close.h"
#include "rpc/wire/status.h"
#include "store/base/log.h"
#include "store/base/time.h"
#include "store/base/uuid.h"

enum {
	IN_FLIGHT_DEFAULT = 1024,
	CONNECT_WAIT_MS = 1000, /* how long a call waits for any connection */
	DEAD_MS = 1000,         /* how long an endpoint that failed is skipped */
	RECONNECT_MIN_MS = 50,
	RECONNECT_MAX_MS = 1000,
	RECVMAXSZ_SPARE = 64,    /* nng counts its own header */
	REPLY_SPARE = 64 * 1024, /* a reply's status and metadata around its payload */
	ATTEMPTS_MAX = 5,
	BACKOFF_MIN_MS = 20,
	BACKOFF_MAX_MS = 1000,
	CANCEL_TIMEOUT_MS = 1000,
	SPARE_CALLS_MAX = 128,
	PUSHBACK_S_MAX = 60,
};
/* Repeats may be a tenth of the calls that end well, and ten at once: then an outage is not answered with a storm. In tenths,
 * because ten times 0.1 is not quite 1. */
enum { RETRY_TENTHS_MAX = 100, RETRY_TENTHS_EACH = 10 };

static void on_aio(void *self);
static void on_pause(void *self);
static void send_cancel(struct rpc_pending *target);

/* ---- endpoints ---- */

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *self)
{
	struct endpoint *endpoint = self;
	(void)pipe;
	pthread_mutex_lock(&endpoint->client->lock);
	if (event == NNG_PIPE_EV_ADD_POST) {
		endpoint->pipes++;
		endpoint->dead_until_ms = 0;
	} else if (endpoint->pipes) {
		endpoint->pipes--;
	}
	pthread_mutex_unlock(&endpoint->client->lock);
}

static bool endpoint_open(struct rpc_client *client, struct endpoint *endpoint, struct str url, struct error *err)
{
	int rv;
	endpoint->client = client;
	endpoint->url = strndup(url.ptr, url.len);
	if (!endpoint->url) die("out of memory");
	if ((rv = nng_req0_open(&endpoint->socket)) != 0) goto failed;
	/* Never twice: whoever repeats a call is this library, knowingly. */
	if ((rv = nng_socket_set_ms(endpoint->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE)) == 0 &&
	    (rv = nng_socket_set_ms(endpoint->socket, NNG_OPT_RECONNMINT, RECONNECT_MIN_MS)) == 0 &&
	    (rv = nng_socket_set_ms(endpoint->socket, NNG_OPT_RECONNMAXT, RECONNECT_MAX_MS)) == 0 &&
	    (rv = nng_socket_set_size(endpoint->socket, NNG_OPT_RECVMAXSZ,
	                              client->message_bytes_max + REPLY_SPARE + RECVMAXSZ_SPARE)) == 0 &&
	    (rv = nng_pipe_notify(endpoint->socket, NNG_PIPE_EV_ADD_POST, on_pipe, endpoint)) == 0 &&
	    (rv = nng_pipe_notify(endpoint->socket, NNG_PIPE_EV_REM_POST, on_pipe, endpoint)) == 0 &&
	    (rv = nng_dial(endpoint->socket, endpoint->url, &endpoint->dialer, NNG_FLAG_NONBLOCK)) == 0)
		return true;
	nng_close(endpoint->socket);
failed:
	error_set(err, RPC_INVALID_ARGUMENT, "ENDPOINT_INVALID", "cannot dial %s: %s", endpoint->url, nng_strerror(rv));
	free(endpoint->url);
	endpoint->url = NULL;
	return false;
}

/* False: nng still closes it, and may call on_pipe. */
static bool endpoint_close(struct endpoint *endpoint)
{
	/* No call is under way, but a link's last callback may still be returning. */
	for (struct link *link = endpoint->free_links; link; link = link->next) {
		nng_ctx_close(link->ctx);
		nng_aio_stop(link->aio);
		if (link->pause) nng_aio_stop(link->pause);
	}
	bool closed = sock_close(endpoint->socket);
	while (endpoint->free_links) {
		struct link *link = endpoint->free_links;
		endpoint->free_links = link->next;
		nng_aio_free(link->aio);
		if (link->pause) nng_aio_free(link->pause);
		free(link);
	}
	free(endpoint->url);
	endpoint->url = NULL;
	return closed;
}

bool rpc_client_create(const struct rpc_client_options *options, struct rpc_client **out, struct error *err)
{
	struct rpc_client *client = calloc(1, sizeof *client);
	if (!client) die("out of memory");
	pthread_mutex_init(&client->lock, NULL);
	pthread_cond_init(&client->idle, NULL);
	client->message_bytes_max = options->message_bytes_max ? options->message_bytes_max : 16 * 1024 * 1024;
	client->in_flight_max = options->in_flight_max ? options->in_flight_max : IN_FLIGHT_DEFAULT;
	client->retry_tenths = RETRY_TENTHS_MAX;
	client->endpoints = calloc(options->endpoint_count + 1, sizeof *client->endpoints);
	if (!client->endpoints) die("out of memory");
	bool ok =
	    options->endpoint_count > 0 || error_set(err, RPC_INVALID_ARGUMENT, "ENDPOINT_INVALID", "no endpoint");
	for (size_t i = 0; ok && i < options->endpoint_count; i++) {
		ok = endpoint_open(client, &client->endpoints[i], options->endpoints[i], err);
		if (ok) client->endpoint_count++;
	}
	if (!ok) rpc_client_destroy(&client);
	*out = client;
	return ok;
}

/* A call that destroy has not yet cancelled; with the lock held. None is added once the client is closing. */
static struct rpc_pending *next_untold(struct rpc_client *client)
{
	struct rpc_pending *pending;
	DL_FOREACH(client->calls, pending)
		if (!pending->told) return pending;
	return NULL;
}

void rpc_client_destroy(struct rpc_client **out)
{
	struct rpc_client *client = *out;
	struct rpc_pending *pending;
	if (!client) return;
	pthread_mutex_lock(&client->lock);
	client->closing = true;
	while ((pending = next_untold(client))) {
		pending->told = true;
		atomic_fetch_add(&pending->references, 1); /* held meanwhile: it leaves the list by itself */
		pthread_mutex_unlock(&client->lock);
		rpc_pending_cancel(&pending);
		pthread_mutex_lock(&client->lock);
	}
	while (client->in_flight) pthread_cond_wait(&client->idle, &client->lock);
	pthread_mutex_unlock(&client->lock);
	*out = NULL;
	bool closed = true;
	for (size_t i = 0; i < client->endpoint_count; i++) closed = endpoint_close(&client->endpoints[i]) && closed;
	if (!closed) return; /* it stays, for the callbacks that may still come */
	pthread_cond_destroy(&client->idle);
	pthread_mutex_destroy(&client->lock);
	free(client->endpoints);
	free(client);
}

/* With the lock held: a connected endpoint with the fewest calls; else one that is not known to be dead; else the next in turn. */
static struct endpoint *choose(struct rpc_client *client)
{
	int64_t now_ms = time_monotonic_ms();
	struct endpoint *best = NULL;
	int best_rank = -1;
	for (size_t i = 0; i < client->endpoint_count; i++) {
		struct endpoint *e = &client->endpoints[(client->next_endpoint + i) % client->endpoint_count];
		int rank = (e->dead_until_ms <= now_ms) + 2 * (e->pipes > 0);
		if (rank > best_rank || (rank == best_rank && e->in_flight < best->in_flight)) {
			best = e;
			best_rank = rank;
		}
	}
	client->next_endpoint++;
	return best;
}

/* With the lock held: an endpoint for a call, and a link to it that is free already, or NULL. */
static struct link *link_take(struct rpc_client *client, struct endpoint **out_endpoint)
{
	struct endpoint *endpoint = choose(client);
	struct link *link = endpoint->free_links;
	if (link) endpoint->free_links = link->next;
	endpoint->in_flight++;
	*out_endpoint = endpoint;
	return link;
}

static struct link *link_open(struct endpoint *endpoint)
{
	struct link *link = calloc(1, sizeof *link);
	if (!link || nng_aio_alloc(&link->aio, on_aio, link) != 0 || nng_ctx_open(&link->ctx, endpoint->socket) != 0)
		die("out of memory");
	link->endpoint = endpoint;
	return link;
}

/* With the lock held; the last that a callback does with its link: another call may use it from here. */
static void link_give(struct link *link)
{
	link->pending = NULL;
	link->endpoint->in_flight--;
	link->next = link->endpoint->free_links;
	link->endpoint->free_links = link;
}

/* ---- the end of a call ---- */

/* Ended calls, kept with their arenas for the next ones. Of the whole process: a handle may be given back after its client is gone. */
static struct {
	pthread_mutex_t lock;
	struct rpc_pending *first;
	size_t count;
} spare = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct rpc_pending *pending_take(void)
{
	pthread_mutex_lock(&spare.lock);
	struct rpc_pending *pending = spare.first;
	if (pending) {
		spare.first = pending->next;
		spare.count--;
	}
	pthread_mutex_unlock(&spare.lock);
	if (pending) return pending;
	pending = calloc(1, sizeof *pending);
	if (!pending) die("out of memory");
	pthread_mutex_init(&pending->lock, NULL);
	pending->arena = arena_create(0);
	return pending;
}

static void unref(struct rpc_pending *pending)
{
	if (atomic_fetch_sub(&pending->references, 1) != 1) return;
	arena_reset(pending->arena);
	pthread_mutex_lock(&spare.lock);
	bool keep = spare.count < SPARE_CALLS_MAX;
	if (keep) {
		pending->next = spare.first;
		spare.first = pending;
		spare.count++;
	}
	pthread_mutex_unlock(&spare.lock);
	if (keep) return;
	arena_destroy(&pending->arena);
	pthread_mutex_destroy(&pending->lock);
	free(pending);
}

/* ---- the retry budget ---- */

static void retry_earn(struct rpc_client *client)
{
	int tenths = atomic_load(&client->retry_tenths);
	while (tenths < RETRY_TENTHS_MAX && !atomic_compare_exchange_weak(&client->retry_tenths, &tenths, tenths + 1)) {
	}
}

static bool retry_spend(struct rpc_client *client)
{
	int tenths = atomic_load(&client->retry_tenths);
	while (tenths >= RETRY_TENTHS_EACH)
		if (atomic_compare_exchange_weak(&client->retry_tenths, &tenths, tenths - RETRY_TENTHS_EACH))
			return true;
	return false;
}

/* ---- the end of a call, told ---- */

/* The link is given back after done, so that one lock does: a call that done starts takes another one. */
static void finish(struct rpc_pending *pending, struct link *link, const struct rpc_outcome *outcome)
{
	struct rpc_client *client = pending->client;
	if (outcome->code == RPC_OK) retry_earn(client); /* first: whoever is told may call again at once */
	if (pending->done) pending->done(pending->self, outcome);
	pthread_mutex_lock(&client->lock);
	link_give(link);
	DL_DELETE(client->calls, pending);
	if (--client->in_flight == 0) pthread_cond_broadcast(&client->idle);
	pthread_mutex_unlock(&client->lock);
	unref(pending);
}

static void outcome_from_status(struct arena *arena, const Petfood__Rpc__V1__Status *status, struct rpc_outcome *out)
{
	struct rpc_param *params = arena_new_array(arena, struct rpc_param, status->n_params);
	struct rpc_violation *violations = arena_new_array(arena, struct rpc_violation, status->n_violations);
	for (size_t i = 0; i < status->n_params; i++)
		params[i] = (struct rpc_param){ str_from(status->params[i]->name), str_from(status->params[i]->value) };
	for (size_t i = 0; i < status->n_violations; i++) {
		const Petfood__Rpc__V1__FieldViolation *v = status->violations[i];
		violations[i] = (struct rpc_violation){ str_from(v->field), str_from(v->type), str_from(v->message) };
	}
	out->code = (enum rpc_code)status->code;
	out->reason = str_from(status->reason);
	out->message = str_from(status->message);
	out->param_count = status->n_params;
	out->params = params;
	out->violation_count = status->n_violations;
	out->violations = violations;
}

/* A failure on this side, told as the server would. */
static void outcome_from_error(struct rpc_pending *pending, const struct error *err, struct rpc_outcome *out)
{
	outcome_from_status(pending->arena, status_from_error(pending->arena, err, pending->lang), out);
}

static void error_of_transport(int rv, bool cancelled, struct error *err)
{
	if (cancelled)
		error_set(err, RPC_CANCELLED, "CALL_CANCELLED", "cancelled");
	else if (rv == NNG_ETIMEDOUT)
		error_set(err, RPC_DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "no answer in time");
	else
		error_set(err, RPC_UNAVAILABLE, "UNREACHABLE", "%s", nng_strerror(rv));
}

static bool any_connected(struct rpc_client *client)
{
	bool any = false;
	pthread_mutex_lock(&client->lock);
	for (size_t i = 0; i < client->endpoint_count; i++) any = any || client->endpoints[i].pipes > 0;
	pthread_mutex_unlock(&client->lock);
	return any;
}

/* Skipped for a while, as long as there is another. */
static void mark_dead(struct endpoint *endpoint)
{
	pthread_mutex_lock(&endpoint->client->lock);
	endpoint->dead_until_ms = time_monotonic_ms() + DEAD_MS;
	pthread_mutex_unlock(&endpoint->client->lock);
}

/* How long a server that refused wants to be left alone; 0 if it did not say, or another one can be asked meanwhile. */
static int64_t pushback_ms(struct rpc_client *client, const Petfood__Rpc__V1__RpcReply *reply)
{
	int64_t seconds = 0, now_ms = time_monotonic_ms();
	for (size_t i = 0; reply && i < reply->status->n_params; i++) {
		const Petfood__Rpc__V1__ReasonParam *param = reply->status->params[i];
		if (strcmp(param->name, "retry_after") == 0 && !str_to_int64(str_from(param->value), &seconds))
			seconds = 0;
	}
	if (seconds <= 0) return 0;
	pthread_mutex_lock(&client->lock);
	for (size_t i = 0; i < client->endpoint_count; i++)
		if (client->endpoints[i].pipes > 0 && client->endpoints[i].dead_until_ms <= now_ms) seconds = 0;
	pthread_mutex_unlock(&client->lock);
	return seconds < PUSHBACK_S_MAX ? seconds * 1000 : PUSHBACK_S_MAX * 1000;
}

/* Whether to try once more: only what the .proto marks as free of side effects, only within the deadline and the budget, and not if
 * waiting for a connection was in vain and there is none anywhere. With pending->lock held; the pause is already under way on
 * return true. */
static bool try_again(struct rpc_pending *pending, enum rpc_code code, bool waited_in_vain, int64_t pushback)
{
	struct rpc_client *client = pending->client;
	int64_t cap_ms = (int64_t)BACKOFF_MIN_MS << pending->attempt;
	if (cap_ms > BACKOFF_MAX_MS) cap_ms = BACKOFF_MAX_MS;
	int64_t pause_ms = pushback + 1 + (int64_t)(entropy_u64() % (uint64_t)cap_ms);
	if (code != RPC_UNAVAILABLE || pending->cancelled || !pending->method || !pending->method->no_side_effects)
		return false;
	if (waited_in_vain && !any_connected(client)) return false; /* told within a second, not five */
	if (pending->attempt >= ATTEMPTS_MAX || time_monotonic_ms() + pause_ms >= pending->deadline_ms) return false;
	pthread_mutex_lock(&client->lock);
	bool closing = client->closing;
	pthread_mutex_unlock(&client->lock);
	if (closing || !retry_spend(client)) return false;
	pending->state = PENDING_PAUSING;
	struct link *link = pending->link;
	if (!link->pause && nng_aio_alloc(&link->pause, on_pause, link) != 0) die("out of memory");
	nng_sleep_aio((nng_duration)pause_ms, link->pause);
	return true;
}

/* ---- an attempt ---- */

static int64_t left_ms(const struct rpc_pending *pending)
{
	int64_t left = pending->deadline_ms - time_monotonic_ms();
	return left > 1 ? left : 1;
}

/* link: NULL = a new one. */
static void launch(struct rpc_pending *pending, struct endpoint *endpoint, struct link *link)
{
	nng_msg *msg = NULL;
	if (!link) link = link_open(endpoint);
	pthread_mutex_lock(&pending->lock);
	int64_t left = left_ms(pending);
	/* A fresh id each time: the server may still be busy with the attempt that was lost. */
	entropy_fill(pending->envelope.call_id, sizeof pending->envelope.call_id);
	pending->envelope.timeout_ms = (uint32_t)left;
	pending->attempt++;
	size_t size = envelope_packed_size(&pending->envelope);
	if (nng_msg_alloc(&msg, size) != 0) die("out of memory (%zu bytes)", size);
	envelope_pack(&pending->envelope, nng_msg_body(msg));
	link->pending = pending;
	pending->link = link;
	pending->state = PENDING_SENDING;
	nng_aio_set_msg(link->aio, msg);
	/* "Sent" means handed to a connection; without one it fails here and was never sent. */
	nng_aio_set_timeout(link->aio, (nng_duration)(left < CONNECT_WAIT_MS ? left : CONNECT_WAIT_MS));
	nng_ctx_send(link->ctx, link->aio);
	if (pending->cancelled) nng_aio_cancel(link->aio);
	pthread_mutex_unlock(&pending->lock);
}

/* The answer, or why there is none; the link is given back. With pending->lock held, which is released. */
static void conclude(struct rpc_pending *pending, int rv, nng_msg *msg)
{
	struct rpc_outcome outcome = { .code = RPC_OK };
	struct error err;
	bool waited_in_vain = rv == NNG_ETIMEDOUT && pending->state == PENDING_SENDING;
	bool endpoint_failed = rv == NNG_ECONNRESET || rv == NNG_ECLOSED || rv == NNG_ECONNREFUSED || waited_in_vain;
	Petfood__Rpc__V1__RpcReply *reply = NULL;
	error_clear(&err);
	if (rv == 0) {
		reply =
		    envelope_unpack_reply(pending->arena, (struct str){ nng_msg_body(msg), nng_msg_len(msg) }, &err);
		if (!reply) error_set(&err, RPC_INTERNAL, "INTERNAL", "the reply cannot be read");
	} else if (endpoint_failed && !pending->cancelled && rv == NNG_ETIMEDOUT) {
		error_set(&err, RPC_UNAVAILABLE, "UNREACHABLE", "no connection to %s", pending->link->endpoint->url);
	} else {
		error_of_transport(rv, pending->cancelled, &err);
	}
	if (msg) nng_msg_free(msg);
	struct link *link = pending->link;
	/* A server that is stopping refuses at once, so it would seem the least busy one and draw every call to itself. */
	if (endpoint_failed || (reply && strcmp(reply->status->reason, "SHUTTING_DOWN") == 0))
		mark_dead(link->endpoint);
	if (try_again(pending, reply ? (enum rpc_code)reply->status->code : err.code, waited_in_vain,
	              pushback_ms(pending->client, reply))) {
		pthread_mutex_unlock(&pending->lock);
		return;
	}
	pending->state = PENDING_DONE;
	pending->link = NULL;
	pthread_mutex_unlock(&pending->lock);
	if (reply) {
		outcome_from_status(pending->arena, reply->status, &outcome);
		reply_metadata_read(reply->n_metadata, reply->metadata, &outcome.metadata);
		if (outcome.code == RPC_OK)
			outcome.payload = (struct str){ (const char *)reply->payload.data, reply->payload.len };
	} else {
		outcome_from_error(pending, &err, &outcome);
	}
	finish(pending, link, &outcome);
}

static void on_aio(void *self)
{
	struct link *link = self;
	struct rpc_pending *pending = link->pending;
	int rv = nng_aio_result(link->aio);
	pthread_mutex_lock(&pending->lock);
	switch (pending->state) {
	case PENDING_SENDING:
		if (rv != 0) {
			nng_msg_free(nng_aio_get_msg(link->aio)); /* it stayed ours and will not be delivered */
			conclude(pending, rv, NULL);
			return;
		}
		if (pending->cancelled) { /* the cancel came while it was leaving */
			if (pending->method) send_cancel(pending);
			conclude(pending, NNG_ECANCELED, NULL);
			return;
		}
		pending->state = PENDING_RECEIVING;
		nng_aio_set_timeout(link->aio, (nng_duration)left_ms(pending));
		nng_ctx_recv(link->ctx, link->aio);
		break;
	case PENDING_RECEIVING: conclude(pending, rv, rv == 0 ? nng_aio_get_msg(link->aio) : NULL); return;
	case PENDING_PAUSING: /* on_pause */
	case PENDING_DONE: break;
	}
	pthread_mutex_unlock(&pending->lock);
}

/* The pause before the next attempt is over, or was cancelled. */
static void on_pause(void *self)
{
	struct link *link = self;
	struct rpc_pending *pending = link->pending;
	struct endpoint *endpoint;
	pthread_mutex_lock(&pending->lock);
	if (pending->cancelled) {
		conclude(pending, NNG_ECANCELED, NULL);
		return;
	}
	pending->link = NULL;
	pthread_mutex_unlock(&pending->lock);
	pthread_mutex_lock(&pending->client->lock);
	link_give(link);
	link = link_take(pending->client, &endpoint);
	pthread_mutex_unlock(&pending->client->lock);
	launch(pending, endpoint, link);
}

/* ---- starting and cancelling ---- */

/* Counts the call in and finds its way: what launch wants. */
static bool admit(struct rpc_client *client, struct rpc_pending *pending, struct endpoint **out_endpoint,
                  struct link **out_link, struct error *err)
{
	pthread_mutex_lock(&client->lock);
	bool closing = client->closing, full = client->in_flight >= client->in_flight_max;
	if (!closing && !full) {
		client->in_flight++;
		DL_APPEND(client->calls, pending);
		*out_link = link_take(client, out_endpoint);
	}
	pthread_mutex_unlock(&client->lock);
	if (closing) return error_set(err, RPC_CANCELLED, "CALL_CANCELLED", "the client is closing");
	if (full)
		return error_set(err, RPC_RESOURCE_EXHAUSTED, "OVERLOADED", "%zu calls are under way",
		                 client->in_flight_max);
	return true;
}

static struct rpc_pending *pending_create(struct rpc_client *client, const char *method,
                                          const struct rpc_metadata *metadata)
{
	struct rpc_pending *pending = pending_take();
	size_t kept = offsetof(struct rpc_pending, client);
	memset((char *)pending + kept, 0, sizeof *pending - kept);
	pending->client = client;
	atomic_init(&pending->references, 1);
	pending->envelope.method = method;
	if (metadata) pending->envelope.metadata = metadata_dup(pending->arena, metadata);
	pending->lang = lang_from_accept(pending->envelope.metadata.accept_language);
	return pending;
}

static struct str pack_request(struct arena *arena, const ProtobufCMessage *request)
{
	size_t size = protobuf_c_message_get_packed_size(request);
	uint8_t *bytes = arena_alloc(arena, size);
	protobuf_c_message_pack(request, bytes);
	return (struct str){ (const char *)bytes, size };
}

bool rpc_client_start(struct rpc_client *client, const struct method_side *method, const ProtobufCMessage *request,
                      const struct rpc_metadata *metadata, uint32_t timeout_ms, rpc_done done, void *self,
                      struct rpc_pending **out_pending, struct error *err)
{
	struct endpoint *endpoint;
	struct link *link;
	struct rpc_pending *pending = pending_create(client, method->name, metadata);
	size_t size = protobuf_c_message_get_packed_size(request);
	pending->method = method;
	if (size <= client->message_bytes_max) {
		pending->envelope.payload = pack_request(pending->arena, request);
		pending->envelope.timeout_ms = UINT32_MAX; /* its longest form */
		size = envelope_packed_size(&pending->envelope);
	}
	/* A peer would answer a message above its limit by dropping the connection, and every other call on it. */
	if (size > client->message_bytes_max) {
		unref(pending);
		error_set(err, RPC_RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE", "a request of %zu bytes", size);
		return error_param(err, "limit", "%zu", client->message_bytes_max);
	}
	pending->done = done;
	pending->self = self;
	if (!timeout_ms) timeout_ms = method->timeout_ms ? method->timeout_ms : CALL_TIMEOUT_MS_DEFAULT;
	if (timeout_ms > CALL_TIMEOUT_MS_MAX) timeout_ms = CALL_TIMEOUT_MS_MAX;
	pending->deadline_ms = time_monotonic_ms() + timeout_ms;
	if (!admit(client, pending, &endpoint, &link, err)) {
		unref(pending);
		return false;
	}
	if (out_pending) {
		atomic_fetch_add(&pending->references, 1);
		*out_pending = pending;
	}
	/* Nothing after this line touches the call: nng's threads may have finished it already. */
	launch(pending, endpoint, link);
	return true;
}

/* Tells the server, without waiting for what it says. Counted like any call, so that destroy waits for it. With target->lock held:
 * an ended target may have ended the client. */
static void send_cancel(struct rpc_pending *target)
{
	struct rpc_client *client = target->client;
	struct endpoint *endpoint;
	struct link *link;
	Petfood__Rpc__V1__CancelRequest request = PETFOOD__RPC__V1__CANCEL_REQUEST__INIT;
	request.call_id.data = target->envelope.call_id;
	request.call_id.len = CALL_ID_BYTES;
	struct rpc_pending *pending = pending_create(client, RPC_METHOD_CANCEL, &target->envelope.metadata);
	pending->envelope.metadata.idempotency_key = STR_NONE;
	/* A service cancels in its own right: in the name of somebody outside who has no token it would be nobody, and a call
	 * that needs no token could never be cancelled. */
	pending->envelope.metadata.client_address = STR_NONE;
	pending->envelope.payload = pack_request(pending->arena, &request.base);
	pending->deadline_ms = time_monotonic_ms() + CANCEL_TIMEOUT_MS;
	if (!admit(client, pending, &endpoint, &link, NULL)) {
		unref(pending);
		return;
	}
	launch(pending, endpoint, link);
}

void rpc_pending_cancel(struct rpc_pending **out)
{
	struct rpc_pending *pending = *out;
	*out = NULL;
	if (!pending) return;
	pthread_mutex_lock(&pending->lock);
	if (!pending->cancelled && pending->state != PENDING_DONE) {
		pending->cancelled = true;
		if (pending->state == PENDING_RECEIVING && pending->method) send_cancel(pending);
		if (pending->link)
			nng_aio_cancel(pending->state == PENDING_PAUSING ? pending->link->pause : pending->link->aio);
	}
	pthread_mutex_unlock(&pending->lock);
	unref(pending);
}

void rpc_pending_release(struct rpc_pending **pending)
{
	if (*pending) unref(*pending);
	*pending = NULL;
}
