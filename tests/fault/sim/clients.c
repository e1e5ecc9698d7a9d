/* Those outside: owners that create a task and read it to its end through cuts, tabs that come later, pollers and watchers of the
 * log, and those who cancel. Each notes what it was given. */
#include <petfood/accessors.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "petfood/v1/plan.pb-c.h"
#include "petfood/v1/task.pb-c.h"
#include "tests/fault/sim/world.h"

static struct process *pick_bridge(void)
{
	for (;;) {
		int first = (int)sim_below((uint32_t)world.settings.processes);
		for (int i = 0; i < world.settings.processes; i++) {
			struct process *process = &world.processes[1 + (first + i) % world.settings.processes];
			if (process->state == PROCESS_UP) return process;
		}
		if (world.over) return NULL;
		fiber_sleep_ms(50 + sim_below(200));
	}
}

static bool contains(const struct frame *frame, const char *text) { return strstr(frame->data, text) != NULL; }

/* A frame without a number. */
static void take_unnumbered(struct seen *seen, const struct frame *frame)
{
	if (contains(frame, "\"type\":\"reset\"")) {
		seen->reset = true;
		seen->last = 0;
		seen->count = 0;
	} else if (contains(frame, "\"type\":\"task_completed\"")) {
		seen->ended = seen->ended_well = true;
	} else if (contains(frame, "\"type\":\"error\"")) {
		seen->ended = true;
	} else if (!contains(frame, "\"type\":\"resumed\"") && !contains(frame, "\"type\":\"done\"")) {
		violation("a reader got a frame that nobody knows: %.80s", frame->data);
	}
}

static bool is_terminal(const struct frame *frame)
{
	return contains(frame, "\"type\":\"error\"") || contains(frame, "\"type\":\"task_completed\"");
}

/* Reads one connection. True: this reader has all that it will get. */
static bool read_connection(struct seen *seen, struct stream *stream, struct task_record *own)
{
	struct frame frame;
	int64_t cut_at_us = !world.calm && sim_chance(500) ? sim_steady_us() + sim_between(0, 3000000) : SIM_FOREVER;
	uint32_t slow_ms = sim_chance(250) ? sim_below(300) : 0;
	bool done = false, head = true;
	while (!done && !world.over && stream_next(stream, &frame)) {
		if (frame.last) {
			done = strcmp(frame.data, "204") == 0 || strcmp(frame.data, "") == 0;
			seen->nothing_left = strcmp(frame.data, "204") == 0;
			if (strcmp(frame.data, "NOT_FOUND") == 0) {
				violation("task %.4s is not found", seen->task_id);
				done = true;
			}
			free(frame.data);
			break;
		}
		if (head) {
			(void)snprintf(seen->task_id, sizeof seen->task_id, "%s", frame.data);
			if (own && own->id[0] && strcmp(own->id, seen->task_id) != 0)
				violation("the same create made task %.4s and then task %.4s", own->id, seen->task_id);
			if (own) (void)snprintf(own->id, sizeof own->id, "%s", seen->task_id);
			head = false;
		} else if (frame.number) {
			/* Whether it is the terminal one is known to the log; a client goes by its type. */
			bool ends = is_terminal(&frame);
			seen_event(seen, frame.number, frame.data, frame.len, ends);
		} else {
			take_unnumbered(seen, &frame);
		}
		free(frame.data);
		if (slow_ms && !world.calm) fiber_sleep_ms(slow_ms);
		if (sim_steady_us() >= cut_at_us) {
			note_fault(FAULT_CUT);
			break;
		}
	}
	return done || seen->terminal;
}

static void read_to_end(struct seen *seen, struct task_record *own, const char *first_cursor)
{
	char cursor[48];
	bool created = own && !own->id[0], first = true;
	(void)snprintf(cursor, sizeof cursor, "%s", first_cursor);
	if (*first_cursor >= '1' && *first_cursor <= '9' && strlen(first_cursor) == 1)
		seen_from(seen, (uint64_t)(*first_cursor - '0'));
	else
		seen->must_reset = *first_cursor && strcmp(first_cursor, "0") != 0;
	for (;;) {
		struct process *bridge = pick_bridge();
		if (!bridge) return;
		if (!first || !*first_cursor) {
			cursor[0] = '\0';
			if (seen->last) (void)snprintf(cursor, sizeof cursor, "%llu", (unsigned long long)seen->last);
		}
		/* A browser that knows no number yet sends none; it may still ask for everything. */
		if (!first && !seen->last && sim_chance(500)) (void)snprintf(cursor, sizeof cursor, "0");
		bool was_reset = seen->reset;
		bool create = created && own && !own->id[0];
		struct stream *stream = stream_open(bridge, create ? own : NULL, seen->task_id, cursor);
		bool had = seen->given > 0;
		bool done = read_connection(seen, stream, own);
		stream_close(&stream);
		/* A number that it brings along may be one that the task has not reached. */
		if (seen->reset && !was_reset && had) seen->refused = true;
		seen->must_reset = false;
		if (done || world.over) return;
		first = false;
		fiber_sleep_ms(10 + sim_below(world.calm ? 200 : 1500));
	}
}

static void leave(void)
{
	world.open_clients--;
	fiber_wake(&world.open_clients, true);
}

/* ---- cancelling ---- */

static void *cancel(void *self)
{
	struct task_record *task = self;
	struct arena *arena = arena_create(0);
	char key[32];
	(void)snprintf(key, sizeof key, "cancel-%s", task->key);
	fiber_sleep_ms((int64_t)sim_below(4000));
	for (int tries = 0; !world.over; tries++) {
		Petfood__V1__CancelTaskRequest r;
		petfood__v1__cancel_task_request__init(&r);
		r.id = task->id;
		struct error err;
		error_clear(&err);
		ProtobufCMessage *reply = NULL;
		if (wire_call("petfood.v1.TaskService/CancelTask", &r.base, world.user_id, sim_chance(500) ? key : "",
		              arena, &reply, &err)) {
			note_fault(FAULT_CANCEL);
			task->cancel_said = true;
			break;
		}
		if (error_is(&err, "TASK_FINISHED")) break;
		if (err.code == RPC_NOT_FOUND) violation("task %.4s cannot be cancelled: not found", task->id);
		fiber_sleep_ms(50 + sim_below(500));
	}
	arena_destroy(&arena);
	leave();
	return NULL;
}

/* ---- owners ---- */

static void *own(void *self)
{
	struct task_record *task = self;
	fiber_sleep_ms((int64_t)sim_below((uint32_t)world.settings.faults_ms * 2 / 3));
	struct seen *seen = seen_create("owner");
	if (world.settings.cancels && sim_chance(350)) {
		/* Somebody cancels it as soon as its id is known. */
		struct task_record *record = task;
		struct process *bridge = pick_bridge();
		if (bridge) {
			struct stream *stream = stream_open(bridge, record, "", "");
			(void)read_connection(seen, stream, record);
			stream_close(&stream);
		}
		if (record->id[0] && !world.over) {
			world.open_clients++;
			fiber_go(OUTSIDE, "cancel", cancel, record);
		}
	}
	if (!seen->terminal && !seen->ended) read_to_end(seen, task, "");
	leave();
	return NULL;
}

void client_start_owner(struct task_record *task)
{
	world.open_clients++;
	fiber_go(OUTSIDE, "owner", own, task);
}

/* ---- others ---- */

static struct task_record *some_task(void)
{
	for (int tries = 0; tries < 200 && !world.over; tries++) {
		struct task_record *task = &world.tasks[sim_below((uint32_t)world.settings.tasks)];
		if (task->id[0]) return task;
		fiber_sleep_ms(50 + sim_below(200));
	}
	return NULL;
}

/* Reads the log page by page, waiting for more (watch) or coming again (poll). */
static void follow_log(struct seen *seen, bool watch)
{
	struct arena *arena = arena_create(0);
	while (!world.over && !seen->terminal && !seen->ended) {
		struct error err;
		error_clear(&err);
		arena_reset(arena);
		ProtobufCMessage *reply = NULL;
		bool ok;
		if (watch) {
			Petfood__V1__WatchEventsRequest r;
			petfood__v1__watch_events_request__init(&r);
			r.id = seen->task_id;
			r.after = seen->last;
			r.wait_ms = 500 + sim_below(5000);
			petfood_v1_watch_events_request_set_limit(&r, 1 + sim_below(20));
			ok = wire_call("petfood.v1.TaskService/WatchEvents", &r.base, world.user_id, "", arena, &reply,
			               &err);
		} else {
			Petfood__V1__ListEventsRequest r;
			petfood__v1__list_events_request__init(&r);
			r.id = seen->task_id;
			r.after = seen->last;
			petfood_v1_list_events_request_set_limit(&r, 1 + sim_below(20));
			ok = wire_call("petfood.v1.TaskService/ListEvents", &r.base, world.user_id, "", arena, &reply,
			               &err);
		}
		if (!ok) {
			if (error_is(&err, "LOG_EXPIRED")) {
				if (!world.settings.expires) violation("the log of task %.4s is gone", seen->task_id);
				seen->ended = seen->refused = true;
				break;
			}
			if (err.code == RPC_NOT_FOUND || err.code == RPC_INTERNAL || err.code == RPC_DATA_LOSS)
				violation("reading task %.4s: %s %s", seen->task_id, err.reason, err.message);
			fiber_sleep_ms(50 + sim_below(500));
			continue;
		}
		const Petfood__V1__ListEventsReply *page = (const void *)reply;
		for (size_t i = 0; i < page->n_events; i++)
			seen_event(seen, page->events[i]->number, (const char *)page->events[i]->data.data,
			           page->events[i]->data.len, page->events[i]->terminal);
		if (page->terminal && !seen->terminal)
			violation("task %.4s is said to be over at %llu without an end", seen->task_id,
			          (unsigned long long)seen->last);
		if (!watch) fiber_sleep_ms(100 + sim_below(900));
	}
	arena_destroy(&arena);
}

static void *look_on(void *unused)
{
	static const char *const cursors[] = { "",  "",        "0",      "1",  "3",
		                               "7", "garbage", "999999", "-1", "184467440737095516160" };
	(void)unused;
	fiber_sleep_ms((int64_t)sim_below((uint32_t)world.settings.faults_ms));
	struct task_record *task = some_task();
	if (task) {
		uint32_t how = sim_below(4);
		struct seen *seen = seen_create(how == 0 ? "poller" : how == 1 ? "watcher" : "tab");
		memcpy(seen->task_id, task->id, sizeof seen->task_id);
		if (how <= 1)
			follow_log(seen, how == 1);
		else
			read_to_end(seen, NULL, cursors[sim_below((uint32_t)COUNT(cursors))]);
	}
	leave();
	return NULL;
}

void client_start_watcher(void)
{
	world.open_clients++;
	fiber_go(OUTSIDE, "looker", look_on, NULL);
}
