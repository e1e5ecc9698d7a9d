/* Server-sent events. Two threads meet here: the hub's, which brings events, and the worker's loop, which alone may touch h2o.
 * Between them stands a queue under a lock, bounded: when it is full the reader is told so and offers the event again later.
 * h2o takes one piece at a time and says when it has left. */
#include <stdlib.h>
#include <string.h>

#include "bridge/http/edge.h"
#include "bridge/route/frame.h"
#include "petfood/v1/task.pb-c.h"
#include "rpc/json/json.h"
#include "store/base/log.h"
#include "store/base/uuid.h"

enum {
	SHARE_BYTES = 4 * 1024,  /* a client may have so much waiting whatever the others have */
	PIECE_BYTES = 16 * 1024, /* what the client must take within the write timeout */
	KEEP_BYTES = 16 * 1024,  /* a larger buffer is given back once it is empty */
	RETRY_MS_MIN = 2000,
	RETRY_MS_SPREAD = 2000, /* readers of a lost server do not come back all at once */
};

struct stream {
	struct worker *worker;
	struct exchange *x;          /* held; x->req is NULL once the client has gone */
	struct event_reader *reader; /* NULL: none, or closed */
	size_t refs;                 /* the request, the reader */
	h2o_linklist_t link;         /* worker->streams */
	h2o_generator_t generator;
	h2o_timeout_entry_t heartbeat, stall;
	struct strbuf sending; /* h2o has a piece of it; untouched while in_flight */
	size_t sent;
	bool in_flight, finished; /* finished: the last piece was given to h2o */
	struct message wake, closed;
	struct str task_id, closing; /* in x->arena; closing: finished frames that end the stream */

	pthread_mutex_t lock; /* for what follows */
	struct strbuf queue;
	size_t backlog; /* bytes of `sending` that have not left */
	size_t counted; /* in bridge->stream_bytes */
	bool full;      /* the reader waits for event_reader_ready */
	bool ended;     /* nothing follows what is queued */
	bool wake_posted;
};

struct connection *stream_connection(struct stream *stream) { return stream->x->connection; }
struct stream *stream_of_link(h2o_linklist_t *link) { return H2O_STRUCT_FROM_MEMBER(struct stream, link, link); }

/* With the lock held, after each change of queue or backlog. */
static void count_waiting(struct stream *s)
{
	size_t waiting = s->queue.len + s->backlog;
	atomic_fetch_add(&s->worker->bridge->stream_bytes, waiting - s->counted); /* wraps where it shrinks */
	s->counted = waiting;
}

/* With the lock held. The readers that take their events are served also while many do not. */
static bool has_room(const struct stream *s)
{
	const struct bridge *bridge = s->worker->bridge;
	size_t waiting = s->queue.len + s->backlog;
	if (waiting >= bridge->options.stream_queue_bytes) return false;
	return waiting < SHARE_BYTES || atomic_load(&bridge->stream_bytes) < bridge->options.streams_bytes;
}

static void unref(struct stream *s)
{
	if (--s->refs > 0) return;
	s->worker->open_streams--;
	atomic_fetch_sub(&s->worker->bridge->stream_bytes, s->counted);
	pthread_mutex_destroy(&s->lock);
	strbuf_fini(&s->queue);
	strbuf_fini(&s->sending);
	exchange_unref(s->x);
	free(s);
}

static void close_reader(struct stream *s)
{
	if (s->reader) event_reader_close(&s->reader);
}

/* ---- the loop's side ---- */

static void pump(struct stream *s)
{
	struct worker *worker = s->worker;
	if (!s->x->req || s->in_flight || s->finished) return;
	pthread_mutex_lock(&s->lock);
	if (s->sent == s->sending.len) {
		struct strbuf empty = s->sending;
		if (empty.cap > KEEP_BYTES) {
			strbuf_fini(&empty);
			strbuf_init(&empty, NULL);
		}
		empty.len = 0;
		s->sending = s->queue;
		s->queue = empty;
		s->sent = 0;
	}
	s->backlog = s->sending.len - s->sent;
	count_waiting(s);
	bool ended = s->ended && s->queue.len == 0;
	pthread_mutex_unlock(&s->lock);

	size_t piece = s->sending.len - s->sent;
	bool final = ended && piece <= PIECE_BYTES;
	if (piece > PIECE_BYTES) piece = PIECE_BYTES;
	if (piece == 0 && !final) return;
	h2o_iovec_t buf = { s->sending.data + s->sent, piece };
	s->sent += piece;
	s->in_flight = true;
	h2o_timeout_unlink(&s->heartbeat);
	h2o_timeout_link(worker->loop, &worker->stall, &s->stall);
	if (final) {
		s->finished = true;
		close_reader(s);
	} else {
		h2o_timeout_link(worker->loop, &worker->heartbeat, &s->heartbeat);
	}
	h2o_send(s->x->req, &buf, piece ? 1 : 0, final ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
}

static void on_proceed(h2o_generator_t *generator, h2o_req_t *req)
{
	struct stream *s = H2O_STRUCT_FROM_MEMBER(struct stream, generator, generator);
	(void)req;
	s->in_flight = false;
	h2o_timeout_unlink(&s->stall);
	pthread_mutex_lock(&s->lock);
	s->backlog = s->sending.len - s->sent;
	if (s->backlog == 0 && s->queue.len == 0) { /* nothing to tell: most streams, most of the time */
		strbuf_fini(&s->sending);
		strbuf_init(&s->sending, NULL);
		s->sent = 0;
		if (s->queue.cap) {
			strbuf_fini(&s->queue);
			strbuf_init(&s->queue, NULL);
		}
	}
	count_waiting(s);
	bool room = s->full && has_room(s);
	if (room) s->full = false;
	pthread_mutex_unlock(&s->lock);
	if (room && s->reader) event_reader_ready(s->reader);
	pump(s);
}

static void on_heartbeat(h2o_timeout_entry_t *entry)
{
	struct stream *s = H2O_STRUCT_FROM_MEMBER(struct stream, heartbeat, entry);
	if (!s->in_flight) {
		pthread_mutex_lock(&s->lock);
		frame_comment(&s->queue, "heartbeat");
		pthread_mutex_unlock(&s->lock);
		pump(s);
	}
	if (!h2o_timeout_is_linked(&s->heartbeat) && !s->finished) {
		h2o_timeout_link(s->worker->loop, &s->worker->heartbeat, &s->heartbeat);
	}
}

static void on_stall(h2o_timeout_entry_t *entry)
{
	struct stream *s = H2O_STRUCT_FROM_MEMBER(struct stream, stall, entry);
	metric_add(s->worker->bridge->streams_cut, 1);
	log_info("stream.stalled", LOG_TEXT("request_id", s->x->request_id), LOG_TEXT("task", s->task_id));
	connection_cut(s->x->connection);
}

void stream_end(struct stream *s)
{
	pthread_mutex_lock(&s->lock);
	s->ended = true;
	pthread_mutex_unlock(&s->lock);
	pump(s);
}

void stream_lost(struct stream *s)
{
	struct bridge *bridge = s->worker->bridge;
	h2o_timeout_unlink(&s->heartbeat);
	h2o_timeout_unlink(&s->stall);
	h2o_linklist_unlink(&s->link);
	metric_set(bridge->stream_gauge, (int64_t)atomic_fetch_sub(&bridge->streams, 1) - 1);
	log_info("stream.ended", LOG_TEXT("task", s->task_id), LOG_BOOL("whole", s->finished),
	         LOG_DOUBLE("ms", (double)(time_monotonic_us() - s->x->began_us) / 1000),
	         LOG_TEXT("request_id", s->x->request_id));
	s->x->stream = NULL;
	close_reader(s);
	unref(s);
}

static void on_wake(struct message *message)
{
	struct stream *s = H2O_STRUCT_FROM_MEMBER(struct stream, wake, message);
	pthread_mutex_lock(&s->lock);
	s->wake_posted = false;
	pthread_mutex_unlock(&s->lock);
	pump(s);
}

/* The reader's last word: it comes after every wake that it caused. */
static void on_closed_here(struct message *message) { unref(H2O_STRUCT_FROM_MEMBER(struct stream, closed, message)); }

/* ---- the hub's side ---- */

static void add_frames(struct strbuf *out, size_t count, const ProtobufCBinaryData *frames)
{
	for (size_t i = 0; i < count; i++)
		frame_event(out, 0, (struct str){ (const char *)frames[i].data, frames[i].len });
}

/* With the lock held. */
static bool must_wake(struct stream *s)
{
	bool post = !s->wake_posted;
	s->wake_posted = true;
	return post;
}

static enum event_taken on_event(void *self, uint64_t number, struct str data, bool terminal)
{
	struct stream *s = self;
	bool wake = false;
	enum event_taken taken = EVENT_TAKEN;
	pthread_mutex_lock(&s->lock);
	if (s->ended) {
		/* ended by the loop: the reader is about to be closed */
	} else if (!has_room(s)) {
		s->full = true;
		taken = EVENT_FULL;
	} else {
		frame_event(&s->queue, number, data);
		if (terminal) {
			strbuf_add_str(&s->queue, s->closing);
			s->ended = true;
		}
		count_waiting(s);
		metric_add(s->worker->bridge->events_sent, 1);
		wake = must_wake(s);
	}
	pthread_mutex_unlock(&s->lock);
	if (wake) worker_post(s->worker, &s->wake);
	return taken;
}

static void add_error_frame(struct stream *s, const struct error *err)
{
	const struct reason_info *info = err->reason ? reason_find(str_from(err->reason)) : NULL;
	if (!info) info = reason_find(STR("INTERNAL"));
	struct strbuf data;
	strbuf_init(&data, NULL);
	strbuf_add_cstr(&data, "{\"type\":\"error\",\"task_id\":");
	json_print_string(&data, s->task_id);
	strbuf_add_cstr(&data, ",\"error\":");
	json_print_string(&data, str_from(text2_in(info->text, s->x->lang)));
	strbuf_add_char(&data, '}');
	frame_event(&s->queue, 0, strbuf_str(&data));
	strbuf_fini(&data);
}

static void on_error(void *self, const struct error *err)
{
	struct stream *s = self;
	log_info("stream.failed", LOG_ERR(err), LOG_TEXT("request_id", s->x->request_id));
	pthread_mutex_lock(&s->lock);
	bool wake = false;
	if (!s->ended) {
		/* A task that is gone is said so. Otherwise (sign in again, service away) the task may be well: no frame may
		 * call it failed; the reader comes back with its cursor and gets the answer as a status. */
		if (err->code == RPC_NOT_FOUND) {
			add_error_frame(s, err);
			strbuf_add_str(&s->queue, s->closing);
		} else {
			frame_comment(&s->queue, "closed");
		}
		s->ended = true;
		wake = must_wake(s);
	}
	pthread_mutex_unlock(&s->lock);
	if (wake) worker_post(s->worker, &s->wake);
}

static void on_closed(void *self)
{
	struct stream *s = self;
	worker_post(s->worker, &s->closed);
}

/* ---- opening ---- */

static void send_head(struct exchange *x)
{
	answer_common(x, 200);
	answer_header(x, "content-type", STR("text/event-stream; charset=utf-8"));
	answer_header(x, "cache-control", STR("no-cache"));
	answer_header(x, "x-accel-buffering", STR("no"));
	x->req->compress_hint = H2O_COMPRESS_HINT_DISABLE;
	x->req->res.content_length = SIZE_MAX;
	/* Without chunks only the end of the connection ends the answer. */
	if (x->req->version < 0x101) x->req->http1_is_persistent = 0;
}

static void send_nothing(struct exchange *x)
{
	static h2o_generator_t generator = { NULL, NULL };
	h2o_start_response(x->req, &generator);
	h2o_send(x->req, NULL, 0, H2O_SEND_STATE_FINAL);
}

/* kept: becomes x->arena once the stream runs. */
static struct stream *stream_create(struct exchange *x, const Petfood__V1__StreamOpen *open, struct arena *kept)
{
	struct stream *s = calloc(1, sizeof *s);
	if (!s) die("out of memory");
	s->worker = x->worker;
	s->x = x;
	struct strbuf closing;
	strbuf_init(&closing, x->arena);
	add_frames(&closing, open->n_closing, open->closing);
	s->task_id = str_dup(kept, str_from(open->task_id));
	s->closing = str_dup(kept, strbuf_str(&closing));
	s->refs = 1;
	s->generator.proceed = on_proceed; /* stop: on_request_gone says it too */
	s->heartbeat.cb = on_heartbeat;
	s->stall.cb = on_stall;
	s->wake.run = on_wake;
	s->closed.run = on_closed_here;
	pthread_mutex_init(&s->lock, NULL);
	strbuf_init(&s->queue, NULL);
	strbuf_init(&s->sending, NULL);
	frame_retry(&s->queue, RETRY_MS_MIN + (unsigned)(entropy_u64() % (RETRY_MS_SPREAD + 1)));
	add_frames(&s->queue, open->n_preface, open->preface);
	exchange_ref(x);
	s->worker->open_streams++;
	return s;
}

static bool open_reader(struct stream *s, const Petfood__V1__StreamOpen *open, struct error *err)
{
	const struct bridge_options *o = &s->worker->bridge->options;
	struct event_sink sink = { .on_event = on_event, .on_error = on_error, .on_closed = on_closed, .self = s };
	char token[SERVICE_TOKEN_BYTES_MAX];
	struct rpc_metadata metadata = {
		.on_behalf_of = str_from(open->user_id),
		.on_behalf_session = str_from(open->session_id),
		.accept_language = s->x->lang == LANG_EN ? STR("en") : STR("zh-CN"),
		.traceparent = str_from(s->x->traceparent),
		.request_id = s->x->request_id,
	};
	if (o->service_authorization) {
		metadata.service_authorization =
		    (struct str){ token, o->service_authorization(o->service_authorization_self, token, sizeof token) };
	}
	if (!o->hub) return error_set(err, RPC_UNAVAILABLE, "UNREACHABLE", "this bridge reads no events");
	s->refs++;
	if (event_reader_open(o->hub, s->task_id, open->after, &metadata, &sink, &s->reader, err)) return true;
	s->refs--;
	return false;
}

void stream_open(struct exchange *x, const struct rpc_outcome *outcome)
{
	struct bridge *bridge = x->worker->bridge;
	const Petfood__V1__StreamOpen *open = (const void *)exchange_unpack(x, x->rpc->reply, outcome->payload);
	if (!open) return;
	if (open->mode == PETFOOD__V1__STREAM_MODE__STREAM_MODE_NOTHING_LEFT) {
		answer_common(x, 204);
		send_nothing(x);
		return;
	}
	if (x->is_head) {
		send_head(x);
		send_nothing(x);
		return;
	}
	struct arena *kept = arena_create(0);
	struct stream *s = stream_create(x, open, kept);
	/* While draining the reader gets the preface, which names the task, and comes back to the next process. */
	s->ended = open->mode != PETFOOD__V1__STREAM_MODE__STREAM_MODE_FOLLOW || x->worker->draining;
	struct error err = { 0 };
	if (!s->ended && !open_reader(s, open, &err)) {
		answer_error(x, &err, false);
		unref(s);
		arena_destroy(&kept);
		return;
	}
	if (open->mode == PETFOOD__V1__STREAM_MODE__STREAM_MODE_ENDED) strbuf_add_str(&s->queue, s->closing);
	x->stream = s;
	h2o_linklist_insert(&x->worker->streams, &s->link);
	metric_set(bridge->stream_gauge, (int64_t)atomic_fetch_add(&bridge->streams, 1) + 1);
	send_head(x);
	h2o_start_response(x->req, &s->generator);
	h2o_timeout_link(x->worker->loop, &x->worker->heartbeat, &s->heartbeat);
	pump(s);
	exchange_settle(x, kept); /* the head has been written: pump had at least the line with `retry` */
}
