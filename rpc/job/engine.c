#include "rpc/job/engine.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/job/run.h"
#include "store/base/log.h"
#include "store/base/metrics.h"

enum {
	SWEEP_MS = 60000,
	SWEEP_TASKS = 100, /* per transaction, so that nobody waits long for the writer */
	SWEEP_DRAFTS = 20, /* 240 KB each, with the task's output */
	BACKOFF_FIRST_MS = 20,
	BACKOFF_MAX_MS = 1000,
	HEALTHY_TURN_MS = 5000, /* a loop that has not come round for so long (and five polls) is stuck */
};

struct cancel_note {
	struct loop_item item;
	struct job_engine *engine;
	struct cancel_note *next;
	size_t id_len;
	char id[];
};

/* A call of the store that belongs to no run; at most one of each kind is on its way. */
struct chore {
	struct job_engine *engine;
	struct pool_job job;
	bool out, ok;
	bool again; /* was asked for while it was out */
	struct error error;
};

struct job_engine {
	struct job_engine_options options;
	char worker_name[128];
	struct loop *loop;
	struct pool *compute, *store;
	struct job_run *runs;
	size_t run_count;
	struct chore claim, abandon, sweep;
	struct arena *claim_arena; /* given on to the run */
	struct task claimed;
	int64_t claim_now_us, abandon_now_us;
	struct cancel_note *cancelled; /* while a claim is under way: it may have taken one of these */
	struct ended {
		char task_id[64], request_id[256];
		uint64_t number;
		char *event; /* heap */
		size_t event_len;
	} abandoned;
	struct loop_timer poll, sweep_timer;
	bool sweep_more; /* the last sweep met its limit */
	struct loop_item start_item, wake_item, stop_item, halt_item, end_item;
	atomic_bool wake_posted;
	bool stopping, halted; /* loop thread: no new work; nothing is given to a pool any more */
	atomic_bool stopped;
	pthread_mutex_t lock; /* guards the two below */
	pthread_cond_t changed;
	bool is_empty, is_halted; /* stopping and no run is left; as halted */
	struct metric *running;
	struct metric *open[2]; /* pending and running ones of everybody, counted with each sweep */
};

static const struct job_kind job_kind_none = { .step_count = 0 };

const struct job_kind *job_kind_of(enum task_type type)
{
	static const struct job_kind *const kinds[] = { &job_kind_plan, &job_kind_bench };
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (kinds[i]->type == type) return kinds[i];
	return &job_kind_none;
}

/* ---- what runs ask of the engine ---- */

struct loop *engine_loop(struct job_engine *engine) { return engine->loop; }
struct pool *engine_store_pool(struct job_engine *engine) { return engine->store; }
struct pool *engine_compute_pool(struct job_engine *engine) { return engine->compute; }
const struct job_engine_options *engine_options(const struct job_engine *engine) { return &engine->options; }

void engine_point(struct job_engine *engine, const char *moment, const char *name)
{
	if (!engine->options.pause_point) return;
	char point[64];
	(void)snprintf(point, sizeof point, "%s:%s", moment, name);
	engine->options.pause_point(engine->options.pause_point_self, point);
}

bool engine_may_retry(const struct error *err)
{
	return error_is(err, "STORE_DOWN") || error_is(err, "STORE_BUSY") || error_is(err, "STORE_FULL") ||
	       error_is(err, REASON_WRITE_UNCERTAIN);
}

int64_t engine_next_backoff(int64_t backoff_ms)
{
	if (backoff_ms == 0) return BACKOFF_FIRST_MS;
	return backoff_ms * 2 < BACKOFF_MAX_MS ? backoff_ms * 2 : BACKOFF_MAX_MS;
}

static void say_if_empty(struct job_engine *engine)
{
	if (!engine->stopping || engine->runs || engine->claim.out || engine->abandon.out || engine->sweep.out) return;
	pthread_mutex_lock(&engine->lock);
	engine->is_empty = true;
	pthread_cond_signal(&engine->changed);
	pthread_mutex_unlock(&engine->lock);
}

/* ---- chores ---- */

static void chore_start(struct chore *chore)
{
	if (chore->engine->stopping) return;
	if (chore->out) {
		chore->again = true;
		return; /* until it has come back */
	}
	chore->out = true;
	chore->again = false;
	error_clear(&chore->error);
	pool_give(chore->engine->store, &chore->job);
}

static void chore_init(struct chore *chore, struct job_engine *engine, void (*work)(void *), void (*done)(void *))
{
	chore->engine = engine;
	chore->job = (struct pool_job){ .work = work, .self = engine, .done = { .run = done, .self = engine } };
}

/* ---- own leases ----
 * A process that was stopped, or a machine that slept, wakes up with leases that have run out though nobody else wants the
 * tasks; once the clock was set back, with leases that the store takes for void. So that it does not take its own live tasks
 * over, or give them up, the instant of a claim or an abandonment is chosen on the loop, and only when every run here holds a
 * lease that is good at it; those that do not get a heartbeat first, which the store grants as long as the attempt is still the
 * running one. */

static bool leases_hold(struct job_engine *engine, int64_t now_us)
{
	int64_t longest_us = now_us + engine->options.lease_ms * 1000;
	bool hold = true;
	for (struct job_run *run = engine->runs; run; run = run->next) {
		/* Of one that has moved there is no live task to be taken; asking again would go on until its last write is back. */
		if (run->state == RUN_OVER || run->moved) continue;
		if (run_has_lease(run, now_us) && run->lease_until_us <= longest_us) continue;
		run_beat(run);
		hold = false;
	}
	return hold;
}

/* ---- claiming: one at a time until the queue is empty or enough is running ---- */

static void claim_work(void *self)
{
	struct job_engine *engine = self;
	const struct job_engine_options *o = &engine->options;
	engine->claim.ok =
	    o->store->tasks.driver->claim(o->store->tasks.self, o->worker_name, engine->claim_now_us, o->lease_ms,
	                                  engine->claim_arena, &engine->claimed, &engine->claim.error);
}

static void look(struct job_engine *engine)
{
	if (engine->stopping || engine->run_count >= engine->options.running_max) return;
	if (!engine->claim.out) {
		int64_t now_us = clock_now_us(engine->options.clock);
		if (!leases_hold(engine, now_us)) {
			engine->claim.again = true;
			return; /* until engine_on_beat */
		}
		if (!engine->claim_arena) engine->claim_arena = arena_create(0);
		engine->claim_now_us = now_us;
	}
	chore_start(&engine->claim);
}

static void take_up(struct job_engine *engine)
{
	struct job_run *run = run_create(engine, engine->claim_arena, &engine->claimed, engine->claim_now_us);
	engine->claim_arena = NULL;
	run->next = engine->runs;
	if (engine->runs) engine->runs->previous = run;
	engine->runs = run;
	engine->run_count++;
	metric_set(engine->running, (int64_t)engine->run_count);
	log_info("task.claimed", LOG_TASK(&run->task), LOG_CSTR("type", task_type_name(run->task.type)),
	         LOG_INT("attempt", run->task.attempt), LOG_INT("lost_leases", run->task.lost_leases));
	if (engine->stopping) {
		run_give_back(run);
	} else if (run->kind->step_count == 0) {
		struct error err;
		error_set(&err, RPC_INTERNAL, "INTERNAL", "there is no planner for tasks of type %d",
		          (int)run->task.type);
		run_fail(run, &err);
	} else {
		run_start(run);
	}
}

/* Whether one of the cancels that came while a claim was under way is for the task; forgets them. */
static bool take_cancels(struct job_engine *engine, struct str task_id)
{
	bool found = false;
	while (engine->cancelled) {
		struct cancel_note *note = engine->cancelled;
		engine->cancelled = note->next;
		found |= str_equal((struct str){ note->id, note->id_len }, task_id);
		free(note);
	}
	return found;
}

static void claim_done(void *self)
{
	struct job_engine *engine = self;
	engine->claim.out = false;
	bool cancelled = take_cancels(engine, engine->claim.ok ? engine->claimed.id : STR(""));
	if (engine->halted) return; /* what it claimed becomes claimable when the lease is over */
	if (engine->claim.ok && !cancelled) {
		take_up(engine);
		look(engine);
	} else if (engine->claim.ok) {
		log_info("task.left", LOG_TASK(&engine->claimed), LOG_CSTR("why", "cancelled"));
		arena_reset(engine->claim_arena);
		look(engine);
	} else {
		arena_reset(engine->claim_arena);
		if (!error_is(&engine->claim.error, "QUEUE_EMPTY"))
			log_warn("task.claim_failed", LOG_ERR(&engine->claim.error)); /* the poll repeats it */
		if (engine->claim.again) look(engine);
	}
	say_if_empty(engine);
}

void engine_forget(struct job_engine *engine, struct job_run *run)
{
	if (run->previous)
		run->previous->next = run->next;
	else
		engine->runs = run->next;
	if (run->next) run->next->previous = run->previous;
	const char *outcome = run->outcome;
	run_destroy(run);
	engine->run_count--;
	metric_set(engine->running, (int64_t)engine->run_count);
	engine_point(engine, "left", outcome);
	look(engine);
	say_if_empty(engine);
}

/* ---- tasks whose leases were lost too often ---- */

static struct str abandoned_event(void *self, struct arena *arena, const struct task *task)
{
	struct job_engine *engine = self;
	struct error err;
	error_set(&err, RPC_INTERNAL, "TASK_ABANDONED", "%d leases were lost", TASK_LOST_LEASES_MAX);
	struct str text = job_error_text(arena, job_lang(task->lang), &err);
	struct str event = job_event_print_error(arena, task->id, text, clock_now_us(engine->options.clock));
	struct ended *ended = &engine->abandoned;
	free(ended->event);
	ended->event = malloc(event.len + 1);
	if (!ended->event) die("out of memory for an event");
	memcpy(ended->event, event.ptr, event.len);
	ended->event_len = event.len;
	(void)snprintf(ended->task_id, sizeof ended->task_id, STR_FMT, STR_ARG(task->id));
	(void)snprintf(ended->request_id, sizeof ended->request_id, STR_FMT, STR_ARG(task->request_id));
	return event;
}

static void abandon_work(void *self)
{
	struct job_engine *engine = self;
	const struct job_engine_options *o = &engine->options;
	struct arena *arena = arena_create(0);
	struct task task;
	/* No message is stored: whoever shows the task renders the reason in the task's language. */
	engine->abandon.ok = o->store->tasks.driver->abandon(o->store->tasks.self, engine->abandon_now_us, arena, &task,
	                                                     &engine->abandon.error, abandoned_event, engine,
	                                                     STR("TASK_ABANDONED"), STR(""), &engine->abandoned.number);
	arena_destroy(&arena);
}

static void give_up(struct job_engine *engine)
{
	int64_t now_us = clock_now_us(engine->options.clock);
	if (engine->stopping || engine->abandon.out) return; /* the poll comes again */
	/* What a claim under way has taken is not among the runs yet. */
	bool claim_is_old = engine->claim.out && engine->claim_now_us + engine->options.lease_ms * 1000 <= now_us;
	if (claim_is_old || !leases_hold(engine, now_us)) {
		engine->abandon.again = true;
		return; /* until engine_on_beat, or the poll */
	}
	engine->abandon_now_us = now_us;
	chore_start(&engine->abandon);
}

void engine_on_beat(struct job_engine *engine)
{
	if (engine->claim.again && !engine->claim.out) look(engine);
	if (engine->abandon.again && !engine->abandon.out) give_up(engine);
}

static void abandon_done(void *self)
{
	struct job_engine *engine = self;
	struct ended *ended = &engine->abandoned;
	engine->abandon.out = false;
	if (engine->abandon.ok) {
		log_error("task.abandoned", LOG_CSTR("task", ended->task_id),
		          LOG_CSTR("request_id", ended->request_id));
		engine->options.events.publish(engine->options.events.self, str_from(ended->task_id), ended->number,
		                               true, (struct str){ ended->event, ended->event_len });
		give_up(engine); /* there may be more */
	} else if (!error_is(&engine->abandon.error, "QUEUE_EMPTY")) {
		log_warn("task.abandon_failed", LOG_ERR(&engine->abandon.error));
	}
	say_if_empty(engine);
}

/* ---- what is too old ---- */

static void sweep_work(void *self)
{
	struct job_engine *engine = self;
	const struct job_engine_options *o = &engine->options;
	int64_t now_us = clock_now_us(o->clock), tasks = 0, drafts = 0, pending = 0, running = 0;
	engine->sweep.ok =
	    o->store->tasks.driver->sweep(o->store->tasks.self, now_us - o->events_kept_ms * 1000, SWEEP_TASKS, &tasks,
	                                  &engine->sweep.error) &&
	    o->store->plans.driver->expire_drafts(o->store->plans.self, now_us - o->draft_kept_ms * 1000, SWEEP_DRAFTS,
	                                          &drafts, &engine->sweep.error) &&
	    o->store->tasks.driver->count_open(o->store->tasks.self, &pending, &running, &engine->sweep.error);
	engine->sweep_more = tasks >= SWEEP_TASKS || drafts >= SWEEP_DRAFTS;
	if (engine->sweep.ok) {
		metric_set(engine->open[0], pending);
		metric_set(engine->open[1], running);
	}
	if (tasks || drafts) log_info("task.swept", LOG_INT("tasks", tasks), LOG_INT("drafts", drafts));
}

static void sweep_start(void *self)
{
	struct job_engine *engine = self;
	chore_start(&engine->sweep);
}

static void sweep_done(void *self)
{
	struct job_engine *engine = self;
	engine->sweep.out = false;
	if (!engine->sweep.ok) log_warn("task.sweep_failed", LOG_ERR(&engine->sweep.error));
	if (!engine->stopping)
		loop_timer_set(engine->loop, &engine->sweep_timer,
		               engine->sweep.ok && engine->sweep_more ? 0 : engine->options.sweep_ms);
	say_if_empty(engine);
}

/* ---- from other threads ---- */

static void on_poll(void *self)
{
	struct job_engine *engine = self;
	look(engine);
	give_up(engine);
	loop_timer_set(engine->loop, &engine->poll, engine->options.poll_ms);
}

static void on_wake(void *self)
{
	struct job_engine *engine = self;
	atomic_store(&engine->wake_posted, false); /* before looking: a later wake posts again */
	look(engine);
}

void job_engine_wake(struct job_engine *engine)
{
	if (!atomic_exchange(&engine->wake_posted, true)) loop_post(engine->loop, &engine->wake_item);
}

static void on_cancel(void *self)
{
	struct cancel_note *note = self;
	struct str id = { note->id, note->id_len };
	/* An attempt that is over may still be computing while the next one runs. */
	for (struct job_run *run = note->engine->runs, *next; run; run = next) {
		next = run->next;
		if (str_equal(run->task.id, id)) run_drop(run, "cancelled");
	}
	if (!note->engine->claim.out) {
		free(note);
		return;
	}
	note->next = note->engine->cancelled;
	note->engine->cancelled = note; /* until claim_done */
}

void job_engine_cancel(struct job_engine *engine, struct str task_id)
{
	struct cancel_note *note = malloc(sizeof(*note) + task_id.len + 1);
	if (!note) die("out of memory for a cancel");
	note->item = (struct loop_item){ .run = on_cancel, .self = note };
	note->engine = engine;
	note->id_len = task_id.len;
	memcpy(note->id, task_id.ptr, task_id.len);
	loop_post(engine->loop, &note->item);
}

bool job_engine_is_healthy(struct job_engine *engine)
{
	int64_t limit_ms =
	    engine->options.poll_ms * 5 > HEALTHY_TURN_MS ? engine->options.poll_ms * 5 : HEALTHY_TURN_MS;
	return !atomic_load(&engine->stopped) && time_monotonic_ms() - loop_last_turn_ms(engine->loop) < limit_ms;
}

/* ---- life ---- */

static void on_stop(void *self)
{
	struct job_engine *engine = self;
	engine->stopping = true;
	loop_timer_clear(engine->loop, &engine->poll);
	loop_timer_clear(engine->loop, &engine->sweep_timer);
	for (struct job_run *run = engine->runs, *next; run; run = next) {
		next = run->next;
		run_give_back(run);
	}
	say_if_empty(engine);
}

/* Waiting took too long: what is not back yet is left to its lease. */
static void on_halt(void *self)
{
	struct job_engine *engine = self;
	for (struct job_run *run = engine->runs, *next; run; run = next) {
		next = run->next;
		run_drop(run, "stopped");
	}
	engine->halted = true;
	pthread_mutex_lock(&engine->lock);
	engine->is_halted = true;
	pthread_cond_signal(&engine->changed);
	pthread_mutex_unlock(&engine->lock);
}

static void on_end(void *self) { loop_end(((struct job_engine *)self)->loop); }

static void wait_until_empty(struct job_engine *engine, int64_t until_ms)
{
	struct timespec until = { .tv_sec = (time_t)(until_ms / 1000), .tv_nsec = (long)(until_ms % 1000) * 1000000 };
	pthread_mutex_lock(&engine->lock);
	while (!engine->is_empty && pthread_cond_timedwait(&engine->changed, &engine->lock, &until) == 0) {
	}
	pthread_mutex_unlock(&engine->lock);
}

static void halt(struct job_engine *engine)
{
	loop_post(engine->loop, &engine->halt_item);
	pthread_mutex_lock(&engine->lock);
	while (!engine->is_halted) pthread_cond_wait(&engine->changed, &engine->lock);
	pthread_mutex_unlock(&engine->lock);
}

static void engine_free(struct job_engine *engine)
{
	while (engine->runs) {
		struct job_run *run = engine->runs;
		engine->runs = run->next;
		run_destroy(run);
	}
	(void)take_cancels(engine, STR(""));
	arena_destroy(&engine->claim_arena);
	free(engine->abandoned.event);
	pthread_cond_destroy(&engine->changed);
	pthread_mutex_destroy(&engine->lock);
	free(engine);
}

void job_engine_stop(struct job_engine **engine_ptr, int64_t wait_ms)
{
	struct job_engine *engine = *engine_ptr;
	if (!engine) return;
	*engine_ptr = NULL;
	int64_t until_ms = time_monotonic_ms() + wait_ms;
	atomic_store(&engine->stopped, true);
	loop_post(engine->loop, &engine->stop_item);
	wait_until_empty(engine, until_ms);
	halt(engine);
	/* The store's calls end by themselves and must have ended before the store is closed. */
	(void)pool_stop(&engine->store, -1);
	int64_t left_ms = until_ms - time_monotonic_ms();
	if (!pool_stop(&engine->compute, left_ms > 0 ? left_ms : 0)) {
		/* A computation that cannot be interrupted goes on in memory that must stay. The process is about to end. */
		log_warn("engine.left_computing", LOG_INT("wait_ms", wait_ms));
		return;
	}
	loop_post(engine->loop, &engine->end_item); /* after what the pools have posted */
	loop_join(&engine->loop);
	engine_free(engine);
}

static void on_start(void *self)
{
	struct job_engine *engine = self;
	on_poll(engine);
	sweep_start(engine);
}

bool job_engine_start(const struct job_engine_options *options, struct job_engine **out, struct error *err)
{
	struct job_engine *engine = calloc(1, sizeof(*engine));
	if (!engine) die("out of memory for the job engine");
	engine->options = *options;
	(void)snprintf(engine->worker_name, sizeof engine->worker_name, STR_FMT, STR_ARG(options->worker_name));
	engine->options.worker_name = str_from(engine->worker_name);
	if (engine->options.sweep_ms <= 0) engine->options.sweep_ms = SWEEP_MS;
	if (engine->options.running_max == 0) engine->options.running_max = 1;
	if (engine->options.compute_threads == 0) engine->options.compute_threads = 1;
	if (engine->options.store_threads == 0) engine->options.store_threads = 1;
	pthread_mutex_init(&engine->lock, NULL);
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&engine->changed, &attr);
	pthread_condattr_destroy(&attr);
	engine->running = metric_gauge("petfood_tasks_here", NULL, "Tasks that run in this process.");
	engine->open[0] = metric_gauge("petfood_tasks_pending", NULL, "Tasks that wait for a worker.");
	engine->open[1] = metric_gauge("petfood_tasks_running", NULL, "Tasks that some worker runs.");
	chore_init(&engine->claim, engine, claim_work, claim_done);
	chore_init(&engine->abandon, engine, abandon_work, abandon_done);
	chore_init(&engine->sweep, engine, sweep_work, sweep_done);
	engine->poll = (struct loop_timer){ .run = on_poll, .self = engine };
	engine->sweep_timer = (struct loop_timer){ .run = sweep_start, .self = engine };
	engine->wake_item = (struct loop_item){ .run = on_wake, .self = engine };
	engine->stop_item = (struct loop_item){ .run = on_stop, .self = engine };
	engine->start_item = (struct loop_item){ .run = on_start, .self = engine };
	engine->halt_item = (struct loop_item){ .run = on_halt, .self = engine };
	engine->end_item = (struct loop_item){ .run = on_end, .self = engine };

	bool ok = loop_start(&engine->loop, err) &&
	          pool_start(engine->loop, "store", engine->options.store_threads, &engine->store, err) &&
	          pool_start(engine->loop, "compute", engine->options.compute_threads, &engine->compute, err);
	if (!ok) {
		(void)pool_stop(&engine->compute, -1);
		(void)pool_stop(&engine->store, -1);
		if (engine->loop) loop_post(engine->loop, &engine->end_item);
		loop_join(&engine->loop);
		engine_free(engine);
		return false;
	}
	loop_post(engine->loop, &engine->start_item);
	*out = engine;
	return true;
}
