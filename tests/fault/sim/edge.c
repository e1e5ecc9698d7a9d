/* A stream between a bridge and a client outside, as bridge/http/stream.c makes it: opened by a call, fed by the hub, a bounded
 * queue between the hub's thread and the connection, full = offered again once there is room. */
#include <petfood/accessors.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "petfood/v1/plan.pb-c.h"
#include "petfood/v1/task.pb-c.h"
#include "tests/fault/sim/world.h"

struct queued {
	struct queued *next;
	struct frame frame;
};

struct stream {
	struct process *bridge;
	unsigned life;
	struct arena *arena;
	const struct task_record *create;
	char task_id[64];
	const char *cursor;
	size_t cap;
	struct queued *first, **last;
	size_t bytes;
	bool full, has_room; /* the reader waits; it may be told */
	bool ended;          /* nothing follows what is queued */
	bool closed;         /* by the client */
	bool over;           /* the bridge has let go of it */
	struct event_reader *reader;
	const Petfood__V1__StreamOpen *open;
	bool doubled; /* a mutant's */
};

static void push(struct stream *s, uint64_t number, struct str data, bool last)
{
	struct queued *q = calloc(1, sizeof *q);
	if (!q) die("out of memory");
	q->frame = (struct frame){ number, last, data.len, malloc(data.len + 1) };
	if (!q->frame.data) die("out of memory");
	memcpy(q->frame.data, data.ptr ? data.ptr : "", data.len);
	q->frame.data[data.len] = '\0';
	*s->last = q;
	s->last = &q->next;
	s->bytes += data.len;
	fiber_wake(s, true);
}

static void end(struct stream *s, const char *why)
{
	if (s->ended) return;
	push(s, 0, str_from(why), true);
	s->ended = true;
}

static void push_all(struct stream *s, size_t count, const ProtobufCBinaryData *frames)
{
	for (size_t i = 0; i < count; i++)
		push(s, 0, (struct str){ (const char *)frames[i].data, frames[i].len }, false);
}

static enum event_taken on_event(void *self, uint64_t number, struct str data, bool terminal)
{
	struct stream *s = self;
	if (s->ended) return EVENT_TAKEN;
	if (s->bytes >= s->cap) {
		s->full = true;
		note_fault(FAULT_SLOW_READER);
		return EVENT_FULL;
	}
	if (world.mutant == MUTANT_READER_SKIPS && number == 3) return EVENT_TAKEN;
	push(s, number, data, false);
	if (world.mutant == MUTANT_READER_DOUBLES && number == 2 && !s->doubled) {
		s->doubled = true;
		push(s, number, data, false);
	}
	if (terminal) {
		push_all(s, s->open->n_closing, s->open->closing);
		end(s, "");
	}
	return EVENT_TAKEN;
}

static void on_error(void *self, const struct error *err)
{
	struct stream *s = self;
	sim_trace("stream fails: %s %s", err->reason, err->message);
	if (err->code == RPC_DATA_LOSS)
		violation("a reader of task %.4s met %s: %s", s->task_id, err->reason, err->message);
	end(s, err->code == RPC_NOT_FOUND ? "NOT_FOUND" : "closed");
}

static void on_closed(void *self)
{
	struct stream *s = self;
	s->over = true;
	fiber_wake(s, true);
}

static bool open_call(struct stream *s, struct error *err)
{
	ProtobufCMessage *reply = NULL;
	if (s->create) {
		Petfood__V1__CreatePlanRequest r;
		petfood__v1__create_plan_request__init(&r);
		if (s->create->bench) {
			petfood_v1_create_plan_request_set_events(&r, s->create->events);
			petfood_v1_create_plan_request_set_interval_ms(&r, s->create->interval_ms);
		} else {
			r.pet_type = PETFOOD__V1__PET_TYPE__PET_TYPE_DOG;
		}
		if (!wire_call("petfood.v1.PlanService/CreatePlanStream", &r.base, world.user_id, s->create->key,
		               s->arena, &reply, err))
			return false;
	} else {
		Petfood__V1__ResumePlanStreamRequest r;
		petfood__v1__resume_plan_stream_request__init(&r);
		r.task_id = s->task_id;
		if (*s->cursor)
			petfood_v1_resume_plan_stream_request_set_last_event_id(
			    &r, str_dup_c(s->arena, str_from(s->cursor)));
		if (!wire_call("petfood.v1.PlanService/ResumePlanStream", &r.base, world.user_id, "", s->arena, &reply,
		               err))
			return false;
	}
	s->open = (const Petfood__V1__StreamOpen *)(void *)reply;
	return true;
}

/* The bridge's side of the connection. */
static void *serve(void *self)
{
	struct stream *s = self;
	struct error err;
	error_clear(&err);
	if (!open_call(s, &err)) {
		sim_trace("opening fails: %s %s", err.reason, err.message);
		end(s, err.code == RPC_NOT_FOUND          ? "NOT_FOUND"
		       : err.code == RPC_INVALID_ARGUMENT ? "REFUSED"
		                                          : "closed");
		goto out;
	}
	(void)snprintf(s->task_id, sizeof s->task_id, "%s", s->open->task_id);
	push(s, 0, (struct str){ s->task_id, strlen(s->task_id) }, false); /* the head of the answer: X-Task-Id */
	push_all(s, s->open->n_preface, s->open->preface);
	uint64_t after = s->open->after;
	if (world.mutant == MUTANT_RESET_AT_WILL && after > 0 &&
	    s->open->mode == PETFOOD__V1__STREAM_MODE__STREAM_MODE_FOLLOW) {
		push(s, 0, STR("{\"type\":\"reset\"}"), false);
		after = 0;
	}
	if (s->open->mode != PETFOOD__V1__STREAM_MODE__STREAM_MODE_FOLLOW) {
		end(s, s->open->mode == PETFOOD__V1__STREAM_MODE__STREAM_MODE_NOTHING_LEFT ? "204" : "");
		goto out;
	}
	if (s->closed) goto out;
	struct rpc_metadata metadata = { .on_behalf_of = str_from(s->open->user_id) };
	struct event_sink sink = { on_event, on_error, on_closed, s };
	struct event_reader *reader = NULL;
	/* Once stopping, the hub takes no readers; the real edge has stopped accepting long before. */
	if (s->bridge->state != PROCESS_UP ||
	    !event_reader_open(s->bridge->hub, str_from(s->task_id), after, &metadata, &sink, &reader, &err)) {
		end(s, "closed");
		goto out;
	}
	while (!s->ended && !s->closed && s->bridge->state == PROCESS_UP) {
		if (s->full && s->bytes < s->cap) {
			s->full = false;
			event_reader_ready(reader);
		}
		(void)fiber_wait(s, sim_steady_us() + 200000);
	}
	end(s, "closed");
	event_reader_close(&reader);
	while (!s->over) (void)fiber_wait(s, SIM_FOREVER);
out:
	s->over = true;
	s->bridge->streams--;
	fiber_wake(s->bridge, true);
	fiber_wake(s, true);
	return NULL;
}

/* ---- the client's end ---- */

struct stream *stream_open(struct process *bridge, const struct task_record *create, const char *task_id,
                           const char *cursor)
{
	struct stream *s = calloc(1, sizeof *s);
	if (!s) die("out of memory");
	s->bridge = bridge;
	s->life = bridge->life;
	s->arena = arena_create(0);
	s->create = create;
	(void)snprintf(s->task_id, sizeof s->task_id, "%s", task_id);
	s->cursor = str_dup_c(s->arena, str_from(cursor));
	s->cap = 512 + sim_below(16 * 1024);
	s->last = &s->first;
	bridge->streams++;
	fiber_go(bridge->number, "edge", serve, s);
	return s;
}

static bool is_alive(const struct stream *s) { return s->bridge->life == s->life && s->bridge->state != PROCESS_DOWN; }

bool stream_next(struct stream *s, struct frame *out)
{
	while (!s->first && is_alive(s)) (void)fiber_wait(s, sim_steady_us() + 500000);
	if (!s->first || !is_alive(s)) return false; /* what was under way is lost with the connection */
	struct queued *q = s->first;
	s->first = q->next;
	if (!s->first) s->last = &s->first;
	s->bytes -= q->frame.len;
	*out = q->frame;
	free(q);
	fiber_wake(s, true);
	return true;
}

void stream_close(struct stream **stream)
{
	struct stream *s = *stream;
	*stream = NULL;
	s->closed = true;
	fiber_wake(s, true); /* its memory stays: the bridge may still be at it */
}
