#include <nng/nng.h>
#include <nng/protocol/pubsub0/sub.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

#include "petfood/rpc/v1/envelope.pb-c.h"
#include "rpc/transport/hub_impl.h"
#include "rpc/transport/sock_close.h"
#include "rpc/wire/unpack.h"
#include "store/base/log.h"
#include "store/base/time.h"

enum {
	HEADS_INTERVAL_MS = 2000,
	RECEIVE_BUFFER = 4096,
	NOTICE_BYTES_MAX = 64 * 1024,
	RECONNECT_MIN_MS = 50,
	RECONNECT_MAX_MS = 1000,
};
#define TOPIC_PREFIX "task/"

/* ---- what comes in from other threads ---- */

/* "task/<id>/" + notice. */
static bool split_topic(nng_msg *msg, struct str *out_id, struct str *out_notice)
{
	struct str body = { nng_msg_body(msg), nng_msg_len(msg) };
	if (!str_has_prefix(body, STR(TOPIC_PREFIX))) return false;
	size_t end = str_find(body, STR("/"), strlen(TOPIC_PREFIX));
	if (end == SIZE_MAX) return false;
	*out_id = (struct str){ body.ptr + strlen(TOPIC_PREFIX), end - strlen(TOPIC_PREFIX) };
	*out_notice = (struct str){ body.ptr + end + 1, body.len - end - 1 };
	return true;
}

static struct topic *find_topic(struct event_hub *hub, struct str task_id)
{
	struct topic *topic;
	HASH_FIND(hh, hub->topics, task_id.ptr, task_id.len, topic);
	return topic;
}

/* False: nobody here reads that task. */
static bool keep_notice(struct event_hub *hub, nng_msg *msg)
{
	struct str task_id, rest;
	if (!split_topic(msg, &task_id, &rest)) return false;
	pthread_mutex_lock(&hub->lock);
	bool kept = find_topic(hub, task_id) != NULL;
	if (kept && hub->notice_count >= NOTICES_MAX) {
		hub->notices_lost = true;
		kept = false;
	}
	if (kept) {
		struct notice *notice = malloc(sizeof *notice);
		if (!notice) die("out of memory");
		*notice = (struct notice){ msg, NULL };
		*hub->notices_tail = notice;
		hub->notices_tail = &notice->next;
		hub->notice_count++;
		pthread_cond_signal(&hub->changed);
	}
	pthread_mutex_unlock(&hub->lock);
	return kept;
}

static void on_notice(void *self)
{
	struct event_hub *hub = self;
	int rv = nng_aio_result(hub->aio);
	if (rv == 0) {
		nng_msg *msg = nng_aio_get_msg(hub->aio);
		if (!keep_notice(hub, msg)) nng_msg_free(msg);
	} else if (rv == NNG_ECLOSED || rv == NNG_ECANCELED) {
		return;
	}
	nng_recv_aio(hub->socket, hub->aio);
}

/* What was published before this connection stood is found by asking for the heads now, not in two seconds. */
static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *self)
{
	struct event_hub *hub = self;
	(void)pipe;
	(void)event;
	pthread_mutex_lock(&hub->lock);
	hub->notices_lost = true;
	pthread_cond_signal(&hub->changed);
	pthread_mutex_unlock(&hub->lock);
}

static void mark_dirty(struct event_reader *reader)
{
	struct event_hub *hub = reader->hub;
	if (!reader->dirty && !reader->forgotten) {
		reader->dirty = true;
		reader->dirty_next = hub->dirty;
		hub->dirty = reader;
	}
	pthread_cond_signal(&hub->changed);
}

/* ---- RPCs of the hub ---- */

struct hub_call *hub_call_create(struct event_hub *hub, const struct method_side *method)
{
	struct hub_call *call = calloc(1, sizeof *call);
	if (!call) die("out of memory");
	call->hub = hub;
	call->method = method;
	call->arena = arena_create(0);
	return call;
}

void hub_call_free(struct hub_call **call)
{
	if (!*call) return;
	arena_destroy(&(*call)->arena);
	free(*call);
	*call = NULL;
}

static void on_call_done(void *self, const struct rpc_outcome *outcome)
{
	struct hub_call *call = self;
	struct event_hub *hub = call->hub;
	rpc_outcome_to_error(outcome, &call->err);
	if (outcome->code == RPC_OK)
		call->reply =
		    message_unpack(call->arena, call->method->reply->descriptor, outcome->payload, &call->err);
	pthread_mutex_lock(&hub->lock);
	call->next = NULL;
	*hub->ended_tail = call;
	hub->ended_tail = &call->next;
	pthread_cond_signal(&hub->changed);
	pthread_mutex_unlock(&hub->lock);
}

bool hub_call_start(struct hub_call *call, const ProtobufCMessage *request, const struct rpc_metadata *metadata,
                    struct error *err)
{
	return rpc_client_start(call->hub->client, call->method, request, metadata, 0, on_call_done, call,
	                        &call->pending, err);
}

struct rpc_metadata hub_metadata(struct event_hub *hub, struct arena *arena, const struct rpc_metadata *metadata)
{
	struct rpc_metadata out = *metadata;
	if (metadata->authorization.len) return out;
	pthread_mutex_lock(&hub->lock);
	if (hub->service_authorization)
		out.service_authorization = str_dup(arena, str_from(hub->service_authorization));
	pthread_mutex_unlock(&hub->lock);
	return out;
}

static void end_call(struct hub_call *call)
{
	rpc_pending_release(&call->pending);
	if (call->method == call->hub->read_heads)
		heads_on_reply(call);
	else if (call->method == call->hub->check_sessions)
		callers_on_reply(call);
	else
		reader_on_read(call);
}

/* ---- the thread ---- */

static void give_notice(struct event_hub *hub, nng_msg *msg)
{
	struct str task_id, packed;
	struct event_reader *reader, *next;
	if (!split_topic(msg, &task_id, &packed)) return;
	struct arena *arena = arena_create(0);
	Petfood__Rpc__V1__EventNotice *notice =
	    (void *)message_unpack(arena, &petfood__rpc__v1__event_notice__descriptor, packed, NULL);
	pthread_mutex_lock(&hub->lock);
	struct topic *topic = find_topic(hub, task_id);
	reader = topic ? topic->readers : NULL;
	pthread_mutex_unlock(&hub->lock);
	/* Only this thread takes readers off the list, and others put new ones at its head: walking from here is safe. */
	for (; notice && notice->number && reader; reader = next) {
		next = reader->topic_next;
		reader_note(reader, notice->number, notice->terminal,
		            (struct str){ (const char *)notice->data.data, notice->data.len });
	}
	arena_destroy(&arena);
}

static bool has_work(const struct event_hub *hub)
{
	return hub->notices || hub->ended || hub->dirty || (hub->notices_lost && hub->readers) || hub->stopping;
}

static void wait_for_work(struct event_hub *hub, int64_t until_ms)
{
	while (!has_work(hub) && time_monotonic_ms() < until_ms) {
		if (until_ms == INT64_MAX) {
			pthread_cond_wait(&hub->changed, &hub->lock);
		} else {
			struct timespec at = { until_ms / 1000, until_ms % 1000 * 1000000 };
			(void)pthread_cond_timedwait(&hub->changed, &hub->lock, &at);
		}
	}
}

static void *run(void *self)
{
	struct event_hub *hub = self;
	int64_t until_ms = INT64_MAX;
	for (;;) {
		pthread_mutex_lock(&hub->lock);
		wait_for_work(hub, until_ms);
		struct notice *notices = hub->notices;
		struct hub_call *ended = hub->ended;
		struct event_reader *dirty = hub->dirty;
		bool lost = hub->notices_lost, stopping = hub->stopping;
		hub->notices = NULL;
		hub->notices_tail = &hub->notices;
		hub->notice_count = 0;
		hub->notices_lost = false;
		hub->ended = NULL;
		hub->ended_tail = &hub->ended;
		hub->dirty = NULL;
		pthread_mutex_unlock(&hub->lock);

		while (notices) {
			struct notice *notice = notices;
			notices = notice->next;
			give_notice(hub, notice->msg);
			nng_msg_free(notice->msg);
			free(notice);
		}
		while (ended) {
			struct hub_call *call = ended;
			ended = call->next;
			end_call(call);
		}
		while (dirty) {
			struct event_reader *reader = dirty;
			pthread_mutex_lock(&hub->lock);
			dirty = reader->dirty_next;
			reader->dirty = false;
			pthread_mutex_unlock(&hub->lock);
			/* Only here is a reader freed: until it was taken off this list it may be found on it. */
			if (atomic_load(&reader->closed))
				reader_finish(reader);
			else
				reader_step(reader);
		}
		int64_t now_ms = time_monotonic_ms();
		(void)readers_retry(hub, now_ms);
		if (lost || now_ms >= hub->heads_at_ms) {
			heads_ask(hub, now_ms);
			callers_ask(hub);
			hub->heads_at_ms = now_ms + hub->heads_interval_ms;
		}
		readers_start_reads(hub);
		pthread_mutex_lock(&hub->lock);
		bool idle = !hub->readers;
		bool finished = stopping && idle && !hub->reads_under_way && !hub->heads_under_way && !hub->checks_under_way && !hub->ended;
		pthread_mutex_unlock(&hub->lock);
		if (finished) return NULL;
		/* While stopping, what is left to come are the ends of calls, and those signal. */
		int64_t retry_ms = readers_retry(hub, 0); /* reads that could not start have joined them */
		until_ms = idle ? INT64_MAX : retry_ms < hub->heads_at_ms ? retry_ms : hub->heads_at_ms;
		if (stopping) {
			pthread_mutex_lock(&hub->lock);
			while (!hub->ended && !hub->dirty) pthread_cond_wait(&hub->changed, &hub->lock);
			pthread_mutex_unlock(&hub->lock);
		}
	}
}

bool event_hub_create(const struct event_hub_options *options, struct event_hub **out, struct error *err)
{
	struct event_hub *hub = calloc(1, sizeof *hub);
	pthread_condattr_t monotonic;
	if (!hub) die("out of memory");
	hub->client = options->client;
	hub->list_events = method_by_name(STR("petfood.v1.TaskService/ListEvents"));
	hub->read_heads = method_by_name(STR("petfood.v1.TaskService/ReadHeads"));
	hub->check_sessions = method_by_name(STR("petfood.v1.AuthService/CheckSessions"));
	hub->heads_interval_ms = options->heads_interval_ms ? options->heads_interval_ms : HEADS_INTERVAL_MS;
	hub->notices_tail = &hub->notices;
	hub->ended_tail = &hub->ended;
	hub->reads = metric_counter("events_log_reads_total", NULL, "Reads of the event log by stream readers.");
	hub->gaps = metric_counter("events_gaps_total", NULL, "Events that the live feed did not bring in order.");
	hub->readers_gauge = metric_gauge("events_readers", NULL, "Open stream readers.");
	pthread_mutex_init(&hub->lock, NULL);
	if (options->service_authorization.len)
		event_hub_set_service_authorization(hub, options->service_authorization);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&hub->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);

	if (nng_sub0_open(&hub->socket) != 0 || nng_aio_alloc(&hub->aio, on_notice, hub) != 0) die("out of memory");
	if (nng_socket_set_int(hub->socket, NNG_OPT_RECVBUF, RECEIVE_BUFFER) != 0 ||
	    nng_socket_set_size(hub->socket, NNG_OPT_RECVMAXSZ, NOTICE_BYTES_MAX) != 0 ||
	    nng_socket_set_ms(hub->socket, NNG_OPT_RECONNMINT, RECONNECT_MIN_MS) != 0 ||
	    nng_socket_set_ms(hub->socket, NNG_OPT_RECONNMAXT, RECONNECT_MAX_MS) != 0 ||
	    nng_socket_set(hub->socket, NNG_OPT_SUB_SUBSCRIBE, TOPIC_PREFIX, strlen(TOPIC_PREFIX)) != 0 ||
	    nng_pipe_notify(hub->socket, NNG_PIPE_EV_ADD_POST, on_pipe, hub) != 0)
		die("a socket option is refused");
	bool ok = true;
	for (size_t i = 0; ok && i < options->endpoint_count; i++) {
		char *url = strndup(options->endpoints[i].ptr, options->endpoints[i].len);
		if (!url) die("out of memory");
		int rv = nng_dial(hub->socket, url, NULL, NNG_FLAG_NONBLOCK);
		ok = rv == 0 || error_set(err, RPC_INVALID_ARGUMENT, "ENDPOINT_INVALID", "cannot dial %s: %s", url,
		                          nng_strerror(rv));
		free(url);
	}
	if (pthread_create(&hub->thread, NULL, run, hub) != 0) die("no thread for the event hub");
	nng_recv_aio(hub->socket, hub->aio);
	if (!ok) event_hub_destroy(&hub);
	*out = hub;
	return ok;
}

void event_hub_destroy(struct event_hub **out)
{
	struct event_hub *hub = *out;
	struct event_reader *reader;
	if (!hub) return;
	pthread_mutex_lock(&hub->lock);
	DL_FOREACH(hub->readers, reader)
		if (!atomic_load(&reader->closed)) die("an event hub is destroyed with an open reader");
	hub->stopping = true;
	pthread_cond_signal(&hub->changed);
	pthread_mutex_unlock(&hub->lock);
	pthread_join(hub->thread, NULL);
	nng_aio_stop(hub->aio);
	(void)sock_close(hub->socket); /* no new connection is told of from here */
	nng_aio_free(hub->aio);
	while (hub->notices) {
		struct notice *notice = hub->notices;
		hub->notices = notice->next;
		nng_msg_free(notice->msg);
		free(notice);
	}
	pthread_cond_destroy(&hub->changed);
	pthread_mutex_destroy(&hub->lock);
	free(hub->service_authorization);
	free(hub);
	*out = NULL;
}

void event_hub_set_service_authorization(struct event_hub *hub, struct str service_authorization)
{
	char *copy = strndup(service_authorization.ptr ? service_authorization.ptr : "", service_authorization.len);
	if (!copy) die("out of memory");
	pthread_mutex_lock(&hub->lock);
	free(hub->service_authorization);
	hub->service_authorization = copy;
	pthread_mutex_unlock(&hub->lock);
}

size_t event_hub_reader_count(struct event_hub *hub)
{
	pthread_mutex_lock(&hub->lock);
	size_t count = hub->reader_count;
	pthread_mutex_unlock(&hub->lock);
	return count;
}

/* ---- readers, from any thread ---- */

bool event_reader_open(struct event_hub *hub, struct str task_id, uint64_t after, const struct rpc_metadata *metadata,
                       const struct event_sink *sink, struct event_reader **out, struct error *err)
{
	if (task_id.len == 0 || task_id.len > 64 || str_find(task_id, STR("/"), 0) != SIZE_MAX)
		return error_set(err, RPC_NOT_FOUND, "TASK_NOT_FOUND", "a task id of %zu bytes", task_id.len);
	struct event_reader *reader = calloc(1, sizeof *reader);
	if (!reader) die("out of memory");
	reader->hub = hub;
	reader->arena = arena_create(0);
	reader->metadata = metadata_dup(reader->arena, metadata);
	reader->sink = *sink;
	reader->last = reader->known = after;
	reader->must_read = true;
	reader->heard_at_ms = time_monotonic_ms();
	*out = reader;
	/* In the map before its first read begins: what is committed after that read arrives as a notice. */
	pthread_mutex_lock(&hub->lock);
	struct topic *topic = find_topic(hub, task_id);
	if (!topic) {
		topic = calloc(1, sizeof *topic);
		if (!topic || !(topic->task_id = strndup(task_id.ptr, task_id.len))) die("out of memory");
		HASH_ADD_KEYPTR(hh, hub->topics, topic->task_id, task_id.len, topic);
	}
	reader->topic = topic;
	DL_PREPEND2(topic->readers, reader, topic_prev, topic_next);
	DL_APPEND(hub->readers, reader);
	metric_set(hub->readers_gauge, (int64_t)++hub->reader_count);
	mark_dirty(reader);
	pthread_mutex_unlock(&hub->lock);
	return true;
}

void event_reader_ready(struct event_reader *reader)
{
	pthread_mutex_lock(&reader->hub->lock);
	atomic_store(&reader->ready, true);
	mark_dirty(reader);
	pthread_mutex_unlock(&reader->hub->lock);
}

void event_reader_close(struct event_reader **out)
{
	struct event_reader *reader = *out;
	*out = NULL;
	if (!reader) return;
	pthread_mutex_lock(&reader->hub->lock);
	atomic_store(&reader->closed, true);
	mark_dirty(reader);
	pthread_mutex_unlock(&reader->hub->lock);
}

void hub_forget(struct event_reader *reader)
{
	struct event_hub *hub = reader->hub;
	struct topic *topic = reader->topic;
	pthread_mutex_lock(&hub->lock);
	reader->forgotten = true;
	if (reader->dirty) { /* marked again by event_reader_ready since it was closed */
		struct event_reader **link = &hub->dirty;
		while (*link != reader) link = &(*link)->dirty_next;
		*link = reader->dirty_next;
	}
	DL_DELETE2(topic->readers, reader, topic_prev, topic_next);
	if (!topic->readers) {
		HASH_DEL(hub->topics, topic);
		free(topic->task_id);
		free(topic);
	}
	DL_DELETE(hub->readers, reader);
	metric_set(hub->readers_gauge, (int64_t)--hub->reader_count);
	pthread_mutex_unlock(&hub->lock);
}
