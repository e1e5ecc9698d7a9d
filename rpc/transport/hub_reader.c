#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "rpc/transport/hub_impl.h"
#include "store/base/log.h"
#include "store/base/time.h"
#include "store/base/uuid.h"

/* ---- what a reader holds ---- */

static void drop_page(struct event_reader *reader) { hub_call_free(&reader->page); }

static void drop_first_live(struct event_reader *reader)
{
	struct live_event *event = reader->live;
	reader->live = event->next;
	reader->live_count--;
	reader->live_bytes -= event->data.len;
	free(event);
}

static void leave_queue(struct event_reader *reader)
{
	if (!reader->queued) return;
	DL_DELETE2(reader->hub->queue, reader, queue_prev, queue_next);
	reader->queued = false;
}

static void leave_retrying(struct event_reader *reader)
{
	if (!reader->retry_at_ms) return;
	DL_DELETE2(reader->hub->retrying, reader, retry_prev, retry_next);
	reader->retry_at_ms = 0;
}

/* Nothing more will be given: what was kept for giving goes. */
static void end_reading(struct event_reader *reader)
{
	reader->ended = true;
	drop_page(reader);
	while (reader->live) drop_first_live(reader);
	leave_queue(reader);
	leave_retrying(reader);
	if (reader->read) {
		reader->read->reader = NULL;
		rpc_pending_cancel(&reader->read->pending);
		reader->read = NULL;
	}
}

void reader_finish(struct event_reader *reader)
{
	struct event_sink sink = reader->sink;
	end_reading(reader);
	hub_forget(reader);
	arena_destroy(&reader->arena);
	free(reader);
	sink.on_closed(sink.self);
}

void reader_fail(struct event_reader *reader, const struct error *err)
{
	end_reading(reader);
	if (!atomic_load(&reader->closed)) reader->sink.on_error(reader->sink.self, err);
}

/* ---- giving ---- */

/* False: the sink is full or was closed; then nothing was taken. */
static bool give(struct event_reader *reader, uint64_t number, struct str data, bool terminal)
{
	/* Cleared first: room that is made while the sink says "full" must not be lost. */
	atomic_store(&reader->ready, false);
	if (reader->sink.on_event(reader->sink.self, number, data, terminal) == EVENT_FULL) {
		reader->full = !atomic_exchange(&reader->ready, false);
		return false;
	}
	reader->last = number;
	if (reader->known < number) reader->known = number;
	reader->heard_at_ms = time_monotonic_ms();
	if (terminal) end_reading(reader);
	return true;
}

/* The next event of the page, if there is one. */
static bool give_from_page(struct event_reader *reader)
{
	struct error err;
	const Petfood__V1__ListEventsReply *page = (const void *)reader->page->reply;
	while (reader->page_at < page->n_events && page->events[reader->page_at]->number <= reader->last)
		reader->page_at++;
	if (reader->page_at == page->n_events) {
		drop_page(reader);
		return true;
	}
	const Petfood__V1__TaskEvent *event = page->events[reader->page_at];
	if (event->number != reader->last + 1) {
		error_set(&err, RPC_DATA_LOSS, "EVENTS_MISSING", "the log goes from event %llu to %llu",
		          (unsigned long long)reader->last, (unsigned long long)event->number);
		reader_fail(reader, &err);
		return false;
	}
	return give(reader, event->number, (struct str){ (const char *)event->data.data, event->data.len },
	            event->terminal);
}

static bool wants_log(const struct event_reader *reader) { return reader->must_read || reader->known > reader->last; }

void reader_step(struct event_reader *reader)
{
	if (reader->full && atomic_exchange(&reader->ready, false)) reader->full = false;
	while (!atomic_load(&reader->closed) && !reader->ended && !reader->full) {
		if (reader->page) {
			(void)give_from_page(reader);
			continue;
		}
		while (reader->live && reader->live->number <= reader->last) drop_first_live(reader);
		struct live_event *event = reader->live;
		if (event && event->number == reader->last + 1) {
			(void)give(reader, event->number, event->data, event->terminal);
			continue;
		}
		if (wants_log(reader) && !reader->read && !reader->retry_at_ms && !reader->queued) {
			if (event) metric_add(reader->hub->gaps, 1);
			DL_APPEND2(reader->hub->queue, reader, queue_prev, queue_next);
			reader->queued = true;
		}
		return;
	}
}

/* ---- what PUB and the heads say ---- */

static void learn(struct event_reader *reader, uint64_t number)
{
	if (number > reader->known) reader->known = number;
	if (number > reader->known_since_ask) reader->known_since_ask = number;
}

static void keep_live(struct event_reader *reader, uint64_t number, bool terminal, struct str data)
{
	struct live_event **at = &reader->live;
	if (reader->live_count >= LIVE_EVENTS_MAX || reader->live_bytes + data.len > LIVE_BYTES_MAX)
		return; /* the log has it */
	while (*at && (*at)->number < number) at = &(*at)->next;
	if (*at && (*at)->number == number) return;
	struct live_event *event = malloc(sizeof *event + data.len);
	if (!event) die("out of memory");
	char *copy = (char *)(event + 1);
	memcpy(copy, data.ptr, data.len);
	*event = (struct live_event){ number, terminal, { copy, data.len }, *at };
	*at = event;
	reader->live_count++;
	reader->live_bytes += data.len;
}

void reader_note(struct event_reader *reader, uint64_t number, bool terminal, struct str data)
{
	if (reader->ended || atomic_load(&reader->closed)) return;
	reader->heard_at_ms = time_monotonic_ms();
	if (number <= reader->last) return;
	learn(reader, number);
	if (data.len) keep_live(reader, number, terminal, data);
	reader_step(reader);
}

void reader_head(struct event_reader *reader, uint64_t last, bool terminal)
{
	struct error err;
	if (reader->ended || atomic_load(&reader->closed)) return;
	if (terminal && last <= reader->last) {
		error_set(&err, RPC_OUT_OF_RANGE, "STREAM_ENDED", "the task ended with event %llu",
		          (unsigned long long)last);
		reader_fail(reader, &err);
		return;
	}
	learn(reader, last);
	reader_step(reader);
}

/* ---- reading the log ---- */

static bool is_final(const struct event_reader *reader, const struct error *err)
{
	switch (err->code) {
	case RPC_UNAUTHENTICATED: /* the hub's own token gets renewed, and is no fault of the reader's */
		return !error_is(err, "SERVICE_TOKEN_INVALID");
	case RPC_NOT_FOUND:
	case RPC_PERMISSION_DENIED:
	case RPC_INVALID_ARGUMENT:
	case RPC_UNIMPLEMENTED:
	case RPC_FAILED_PRECONDITION:
	case RPC_OUT_OF_RANGE: return true;
	case RPC_INTERNAL:
	case RPC_DATA_LOSS: return reader->failures >= INTERNAL_FAILURES_MAX;
	default: return false;
	}
}

/* Jitter keeps ten thousand readers from coming back in the same instant. */
static void retry_later(struct event_reader *reader)
{
	int64_t cap_ms = (int64_t)RETRY_MIN_MS << (reader->failures < 10 ? reader->failures : 10);
	if (cap_ms > RETRY_MAX_MS) cap_ms = RETRY_MAX_MS;
	reader->failures++;
	reader->must_read = true;
	reader->retry_at_ms = time_monotonic_ms() + cap_ms / 2 + (int64_t)(entropy_u64() % (uint64_t)(cap_ms / 2 + 1));
	DL_APPEND2(reader->hub->retrying, reader, retry_prev, retry_next);
}

static void start_read(struct event_reader *reader)
{
	struct event_hub *hub = reader->hub;
	struct error err;
	Petfood__V1__ListEventsRequest request = PETFOOD__V1__LIST_EVENTS_REQUEST__INIT;
	struct hub_call *call = hub_call_create(hub, hub->list_events);
	request.id = reader->topic->task_id;
	request.after = reader->last;
	request._limit_case = PETFOOD__V1__LIST_EVENTS_REQUEST___LIMIT_LIMIT;
	request.limit = READ_LIMIT;
	call->reader = reader;
	reader->read = call;
	reader->known_since_ask = 0;
	reader->must_read = false;
	metric_add(hub->reads, 1);
	hub->reads_under_way++;
	struct rpc_metadata metadata = hub_metadata(hub, call->arena, &reader->metadata);
	if (hub_call_start(call, &request.base, &metadata, &err)) return;
	hub->reads_under_way--;
	reader->read = NULL;
	hub_call_free(&call);
	retry_later(reader); /* too many calls under way */
}

void readers_start_reads(struct event_hub *hub)
{
	while (hub->queue && hub->reads_under_way < READS_MAX) {
		struct event_reader *reader = hub->queue;
		leave_queue(reader);
		/* A live event may have closed the gap while it waited. */
		if (wants_log(reader) && !reader->ended && !reader->full && !atomic_load(&reader->closed))
			start_read(reader);
	}
}

int64_t readers_retry(struct event_hub *hub, int64_t now_ms)
{
	struct event_reader *reader, *next;
	int64_t first_ms = INT64_MAX;
	DL_FOREACH_SAFE2(hub->retrying, reader, next, retry_next) {
		if (reader->retry_at_ms <= now_ms) {
			leave_retrying(reader);
			reader_step(reader);
		} else if (reader->retry_at_ms < first_ms) {
			first_ms = reader->retry_at_ms;
		}
	}
	return first_ms;
}

void reader_on_read(struct hub_call *call)
{
	struct event_reader *reader = call->reader;
	call->hub->reads_under_way--;
	if (!reader) { /* closed meanwhile */
		hub_call_free(&call);
		return;
	}
	reader->read = NULL;
	reader->heard_at_ms = time_monotonic_ms();
	if (!call->reply) {
		if (is_final(reader, &call->err)) {
			reader_fail(reader, &call->err);
		} else {
			if (reader->failures == 0) log_debug("events.read_failed", LOG_ERR(&call->err));
			retry_later(reader);
		}
		hub_call_free(&call);
		return;
	}
	const Petfood__V1__ListEventsReply *page = (const void *)call->reply;
	/* The log's word counts, but for notices that came after it was asked. */
	reader->known = page->last > reader->known_since_ask ? page->last : reader->known_since_ask;
	if (page->n_events == 0 && page->last > reader->last) {
		/* It says that there is more and gives none: not to be asked again at once. */
		if (reader->failures < INTERNAL_FAILURES_MAX) {
			retry_later(reader);
		} else {
			error_set(&call->err, RPC_DATA_LOSS, "EVENTS_MISSING",
			          "the log ends at %llu and gives nothing after %llu", (unsigned long long)page->last,
			          (unsigned long long)reader->last);
			reader_fail(reader, &call->err);
		}
		hub_call_free(&call);
		return;
	}
	reader->failures = 0;
	reader->page = call;
	reader->page_at = 0;
	reader_step(reader);
}
