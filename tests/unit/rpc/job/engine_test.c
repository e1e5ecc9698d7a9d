/* The engine's promises (DESIGN 5; K02–K04, K08, K10, K12 of the test lists by name), shown with bench tasks. */
#include <petfood/accessors.h>
#include <sched.h>
#include <stdlib.h>

#include "rpc/job/order.h"
#include "store/base/log.h"
#include "store/base/metrics.h"
#include "tests/unit/rpc/job/fixture.h"

static struct watch *watch_new(const char *hold_at)
{
	struct watch *w = calloc(1, sizeof(*w));
	if (!w) die("memory");
	w->hold_at = hold_at;
	return w;
}

/* Every index of a bench run stands in the log exactly once, in order. */
static void check_bench_log(struct fixture *f, struct str id, uint32_t events, const char *label)
{
	struct log_line *lines = NULL;
	size_t count = fixture_log(f, id, &lines);
	uint32_t index = 0;
	for (size_t i = 0; i < count; i++) {
		const Petfood__V1__ProgressDetail *d = lines[i].event->detail;
		if (!d || !d->bench || petfood_v1_progress_detail_attempt_or(d, 0)) continue;
		CHECK_ROW(label, petfood_v1_bench_detail_index_or(d->bench, 0) == ++index);
	}
	CHECK_ROW(label, index == events);
	CHECK_ROW(label, log_count(lines, count, "task_completed") == 1);
	fixture_check_log(f, id, label);
}

static void test_bench(void)
{
	static const struct {
		const char *label;
		uint32_t events, interval_ms;
	} rows[] = { { "one", 1, 0 }, { "fast", 100, 0 }, { "paced", 5, 10 } };
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fixture f;
		struct watch *w = watch_new(NULL);
		fixture_open(&f);
		int64_t start_ms = time_monotonic_ms();
		struct str id = fixture_create_bench(&f, rows[i].events, rows[i].interval_ms);
		fixture_start(&f, w);
		if (fixture_wait_terminal(&f, id)) check_bench_log(&f, id, rows[i].events, rows[i].label);
		CHECK_ROW(rows[i].label,
		          time_monotonic_ms() - start_ms >= (int64_t)rows[i].events * rows[i].interval_ms);
		struct task task = fixture_task(&f, id);
		CHECK_ROW(rows[i].label, task.status == TASK_COMPLETED && task.progress == 100 && task.attempt == 1);
		CHECK_STR_ROW(rows[i].label, task.output, "{}");
		fixture_stop(w);
		fixture_close(&f);
		free(w);
	}
}

/* A wake is enough: the poll is an hour away. */
static void test_wake(void)
{
	struct fixture f;
	struct watch *w = watch_new(NULL);
	fixture_open(&f);
	f.options.poll_ms = 3600000;
	fixture_start(&f, w);
	for (int i = 0; i < 20; i++) {
		struct str id = fixture_create_bench(&f, 2, 0);
		job_engine_wake(w->engine);
		CHECK(fixture_wait_terminal(&f, id));
	}
	CHECK(job_engine_is_healthy(w->engine));
	fixture_stop(w);
	fixture_close(&f);
	free(w);
}

static void test_many_at_once(void)
{
	enum { TASKS = 100 };
	struct fixture f;
	struct watch *w = watch_new(NULL);
	fixture_open(&f);
	f.options.running_max = 3;
	fixture_start(&f, w);
	struct str ids[TASKS];
	for (int i = 0; i < TASKS; i++) ids[i] = fixture_create_bench(&f, 3, 0);
	for (int i = 0; i < TASKS; i++)
		if (fixture_wait_terminal(&f, ids[i])) check_bench_log(&f, ids[i], 3, "many");
	CHECK(fixture_wait_point(w, "left:completed", TASKS));
	size_t here = 0, most = 0;
	for (size_t i = 0; i < w->count; i++) {
		if (strcmp(w->points[i], "claimed:first") == 0 && ++here > most) most = here;
		if (strcmp(w->points[i], "left:completed") == 0) here--;
	}
	CHECK(here == 0 && most <= 3 && most > 1);
	fixture_stop(w);
	fixture_close(&f);
	free(w);
}

static void test_k04_cancel(void)
{
	static const struct {
		const char *label;
		bool told; /* false: cancelled by another process, found out by the heartbeat */
	} rows[] = { { "told", true }, { "found out", false } };
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fixture f;
		struct watch *w = watch_new(NULL);
		struct error err;
		fixture_open(&f);
		fixture_start(&f, w);
		struct str id = fixture_create_bench(&f, 1000, 60000); /* sleeps in its timer for a minute */
		if (fixture_wait_point(w, "start:bench", 1)) {
			int64_t before_ms = time_monotonic_ms();
			CHECK_OK(fixture_cancel(&f, id, rows[i].told ? w->engine : NULL, &err), &err);
			CHECK_ROW(rows[i].label,
			          fixture_wait_point(w, rows[i].told ? "left:cancelled" : "left:moved", 1));
			CHECK_ROW(rows[i].label, time_monotonic_ms() - before_ms < 10000);
		}
		struct task task = fixture_task(&f, id);
		CHECK_ROW(rows[i].label, task.status == TASK_CANCELLED && task.last_event == 2);
		CHECK(!fixture_cancel(&f, id, w->engine, &err) && error_is(&err, "TASK_FINISHED"));
		fixture_check_log(&f, id, rows[i].label);
		fixture_stop(w);
		fixture_close(&f);
		free(w);
	}
}

/* A cancel that comes while a write of the run is under way: whichever is first, the log ends once. */
static void test_k04_cancel_anywhere(void)
{
	for (int round = 0; round < 30; round++) {
		struct fixture f;
		struct watch *w = watch_new(NULL);
		struct error err;
		fixture_open(&f);
		fixture_start(&f, w);
		struct str id = fixture_create_bench(&f, 200, 0);
		CHECK(fixture_wait_point(w, "start:bench", 1));
		bool cancelled = fixture_cancel(&f, id, w->engine, &err);
		CHECK(cancelled || error_is(&err, "TASK_FINISHED"));
		CHECK(fixture_wait_terminal(&f, id));
		fixture_stop(w);
		struct task task = fixture_task(&f, id);
		CHECK(task.status == (cancelled ? TASK_CANCELLED : TASK_COMPLETED));
		struct log_line *lines = NULL;
		size_t count = fixture_log(&f, id, &lines);
		CHECK(count >= 2 && lines[count - 1].terminal && !lines[count - 2].terminal);
		fixture_check_log(&f, id, "cancelled anywhere");
		fixture_close(&f);
		free(w);
	}
}

/* A cancel between the claim's commit and the moment at which the loop hears of it. */
static struct watch *late_watch;
static void cancel_now(struct fixture *f, struct str id)
{
	struct error err;
	f->after_claim = NULL; /* the other tasks stay */
	CHECK_OK(fixture_cancel(f, id, late_watch->engine, &err), &err);
}

static void test_k04_cancel_during_claim(void)
{
	struct fixture f;
	struct watch *w = late_watch = watch_new(NULL);
	fixture_open(&f);
	f.options.heartbeat_ms = 30000; /* it would find out */
	fixture_make_failing(&f, FAULT_DOWN, 0);
	fixture_start(&f, w);
	f.after_claim = cancel_now;
	struct str id = fixture_create_bench(&f, 1000, 60000);
	job_engine_wake(w->engine);
	CHECK(fixture_wait_terminal(&f, id));
	struct str next = fixture_create_bench(&f, 1, 0);
	CHECK(fixture_wait_terminal(&f, next));
	CHECK(fixture_wait_point(w, "left:completed", 1));
	CHECK(watch_count(w, "start:bench") == 1 && watch_count(w, "claimed:") == 1);
	CHECK(fixture_task(&f, id).status == TASK_CANCELLED);
	fixture_stop(w);
	fixture_close(&f);
	free(w);
}

/* The store has ended the task; the answer is kept back until the engine has dealt with a heartbeat that found it ended: until
 * the next heartbeat, or until the run was dropped for it. */
static void keep_answer_back(struct fixture *f)
{
	while (atomic_load(&f->beats_moved) < 2 && watch_count(late_watch, "dropped:") == 0) (void)sched_yield();
}

static void test_beat_overtakes_end(void)
{
	struct fixture f;
	struct watch *w = late_watch = watch_new(NULL);
	fixture_open(&f);
	f.options.heartbeat_ms = 1;
	fixture_make_failing(&f, FAULT_DOWN, 0);
	f.after_complete = keep_answer_back;
	struct str id = fixture_create_bench(&f, 3, 0);
	fixture_start(&f, w);
	CHECK(fixture_wait_point(w, "left:", 1));
	CHECK(watch_count(w, "left:completed") == 1);
	fixture_stop(w);
	check_bench_log(&f, id, 3, "overtaken");
	fixture_close(&f);
	free(w);
}

/* The answer to the end of the first task does not come, and its lease runs out meanwhile: another task is taken up all the same,
 * and the store is not asked about that lease over and over. */
static atomic_bool answer_is_held, answer_may_come;
static void hold_answer(struct fixture *f)
{
	(void)f;
	atomic_store(&answer_is_held, true);
	/* Nor may it hold up a task that happens to share the turn. */
	while (!atomic_load(&answer_may_come) && event_order_waiting() == 0) (void)sched_yield();
}

static void test_end_without_answer(void)
{
	struct fixture f;
	struct watch *w = late_watch = watch_new(NULL);
	fixture_open(&f);
	f.options.heartbeat_ms = 3600000;
	fixture_make_failing(&f, FAULT_DOWN, 0);
	f.after_complete = hold_answer;
	struct str id = fixture_create_bench(&f, 3, 0);
	fixture_start(&f, w);
	while (!atomic_load(&answer_is_held)) (void)sched_yield();
	fixture_move_clock(&f, 2 * f.options.lease_ms);
	(void)fixture_create_bench(&f, 3, 0);
	CHECK(fixture_wait_point(w, "claimed:first", 2));
	CHECK(atomic_load(&f.beats_moved) <= 1);
	atomic_store(&answer_may_come, true);
	CHECK(fixture_wait_point(w, "left:completed", 2));
	fixture_stop(w);
	check_bench_log(&f, id, 3, "without answer");
	fixture_close(&f);
	free(w);
}

static void test_timeout(void)
{
	struct fixture f;
	struct watch *w = watch_new(NULL);
	fixture_open(&f);
	f.options.task_timeout_ms = 30;
	struct str id = fixture_create_bench(&f, 10, 60000);
	fixture_start(&f, w);
	CHECK(fixture_wait_terminal(&f, id));
	struct task task = fixture_task(&f, id);
	CHECK(task.status == TASK_FAILED);
	CHECK_STR(task.error_reason, "TASK_TIMEOUT");
	struct log_line *lines = NULL;
	size_t count = fixture_log(&f, id, &lines);
	CHECK(count == 2 && strcmp(lines[1].event->type, "error") == 0);
	CHECK_STR(str_from(petfood_v1_progress_event_error_or(lines[1].event, "")), "the task took longer than 0 s");
	CHECK_STR(task.error_message, "the task took longer than 0 s");
	CHECK(fixture_wait_point(w, "left:failed", 1));
	fixture_stop(w);
	fixture_close(&f);
	free(w);
}

static void test_give_back(void)
{
	struct fixture f;
	struct watch *b = watch_new(NULL);
	fixture_open(&f);
	struct str slow = fixture_create_bench(&f, 1000, 60000);
	fixture_start(&f, b);
	CHECK(fixture_wait_point(b, "start:bench", 1));
	fixture_stop(b);
	struct task task = fixture_task(&f, slow);
	CHECK(task.status == TASK_PENDING && task.lost_leases == 0 && task.attempt == 1);
	CHECK(watch_count(b, "left:given_back") == 1);

	/* The next attempt says so and goes on; one that is given back and taken up again and again is never given up. */
	for (uint32_t attempt = 2; attempt <= 6; attempt++) {
		memset(b, 0, sizeof(*b));
		fixture_start(&f, b);
		CHECK(fixture_wait_point(b, "start:bench", 1));
		fixture_stop(b);
		task = fixture_task(&f, slow);
		CHECK(task.status == TASK_PENDING && task.attempt == attempt && task.last_event == attempt);
	}
	struct log_line *lines = NULL;
	CHECK(fixture_log(&f, slow, &lines) == 6);
	CHECK(petfood_v1_progress_detail_attempt_or(lines[5].event->detail, 0) == 6);
	CHECK_STR(str_from(petfood_v1_progress_event_message_or(lines[5].event, "")),
	          "Attempt 6 resumes; 0 finished steps are kept.");
	fixture_close(&f);
	free(b);
}

/* An engine that is stopped at a point past its lease (SIGSTOP, then SIGCONT) can neither append nor finish. */
static void test_k03_zombie(void)
{
	static const struct {
		const char *hold_at;
		uint32_t interval_ms;
	} rows[] = { { "start:bench", 0 }, { "before_commit:complete", 0 }, { "claimed:first", 0 } };
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fixture f;
		struct watch *a = watch_new(rows[i].hold_at), *b = watch_new(NULL);
		fixture_open(&f);
		f.options.heartbeat_ms = 30000; /* one on its way would renew the lease that the test lets run out */
		struct str id = fixture_create_bench(&f, 40, rows[i].interval_ms);
		fixture_start(&f, a);
		if (fixture_wait_held(a)) {
			fixture_other_process(&f);
			fixture_move_clock(&f, f.options.lease_ms + 1000);
			fixture_start(&f, b);
			CHECK(fixture_wait_terminal(&f, id));
		}
		fixture_let_go(a);
		CHECK_ROW(rows[i].hold_at, fixture_wait_point(a, "left:moved", 1));
		fixture_stop(a);
		fixture_stop(b);
		check_bench_log(&f, id, 40, rows[i].hold_at);
		struct task task = fixture_task(&f, id);
		CHECK_ROW(rows[i].hold_at, task.status == TASK_COMPLETED && task.attempt == 2 && task.lost_leases == 1);
		fixture_close(&f);
		free(a);
		free(b);
	}
}

/* The lease of a worker that is gone has run out: another that stands by has the task within two heartbeats, by its poll alone, and not
 * before. Time is the fixture's clock, which goes on by a millisecond whenever it is read. */
static void test_k02_takeover(void)
{
	struct fixture f;
	struct watch *a = watch_new("start:bench"), *b = watch_new(NULL);
	fixture_open(&f);
	f.options.lease_ms = 600000;
	f.options.heartbeat_ms = 30000; /* of real time: none of the first one's comes in between */
	struct str id = fixture_create_bench(&f, 40, 0);
	fixture_start(&f, a);
	if (fixture_wait_held(a)) {
		int64_t lease_until_us = fixture_task(&f, id).started_at_us + f.options.lease_ms * 1000;
		fixture_other_process(&f);
		fixture_start(&f, b);
		/* It is there and looks: what comes after the first task is done meanwhile. */
		CHECK(fixture_wait_terminal(&f, fixture_create_bench(&f, 1, 0)));
		CHECK(watch_count(b, "claimed:again") == 0 && fixture_task(&f, id).attempt == 1);
		fixture_move_clock(&f, f.options.lease_ms);
		CHECK(fixture_wait_point(b, "claimed:again", 1));
		CHECK(fixture_wait_terminal(&f, id));
		/* Its first event, the notice of the new attempt, came after the lease and within two beats of its end. */
		struct task_event *events = NULL;
		struct task_head head;
		struct error err;
		size_t count = 0;
		const struct task_store *tasks = &f.store.tasks;
		CHECK_OK(tasks->driver->events(tasks->self, f.user_id, id, 1, 1, 1 << 20, f.arena, &events, &count,
		                               &head, &err),
		         &err);
		CHECK(count == 1 && events[0].at_us >= lease_until_us &&
		      events[0].at_us <= lease_until_us + 2 * f.options.heartbeat_ms * 1000);
	}
	fixture_let_go(a);
	CHECK(fixture_wait_point(a, "left:moved", 1));
	fixture_stop(a);
	fixture_stop(b);
	check_bench_log(&f, id, 40, "taken over");
	CHECK(fixture_task(&f, id).attempt == 2);
	fixture_close(&f);
	free(a);
	free(b);
}

/* A process that was stopped, or slept, for longer than its leases finds them run out though nobody else took the tasks; one whose
 * clock was set back finds them void. It goes on with its runs, and neither takes them over from itself nor gives them up. */
static void test_stall(int64_t step_ms)
{
	struct fixture f;
	struct watch *w = watch_new(NULL);
	fixture_open(&f);
	f.options.heartbeat_ms = 30000; /* none in time by itself */
	struct str slow = fixture_create_bench(&f, 1000, 60000);
	fixture_start(&f, w);
	CHECK(fixture_wait_point(w, "start:bench", 1));
	for (int stall = 1; stall <= TASK_LOST_LEASES_MAX + 1; stall++) {
		fixture_move_clock(&f, step_ms);
		/* The claim that takes this one has passed the other by, whose user is the same and which is older. */
		struct str quick = fixture_create_bench(&f, 1, 0);
		CHECK(fixture_wait_terminal(&f, quick));
		struct task task = fixture_task(&f, slow);
		CHECK(task.status == TASK_RUNNING && task.attempt == 1 && task.lost_leases == 0);
	}
	CHECK(fixture_wait_point(w, "left:completed", TASK_LOST_LEASES_MAX + 1));
	CHECK(watch_count(w, "claimed:again") == 0 && watch_count(w, "left:") == TASK_LOST_LEASES_MAX + 1);
	fixture_stop(w);
	CHECK(watch_count(w, "left:given_back") == 1);
	fixture_close(&f);
	free(w);
}

/* As above with the lease of a task that has lost two before: its third may not be counted either. */
static void test_stall_last_lease(void)
{
	struct fixture f;
	struct watch *w = watch_new(NULL);
	struct error err;
	struct task task;
	fixture_open(&f);
	f.options.heartbeat_ms = 30000;
	struct str id = fixture_create_bench(&f, 1000, 60000);
	const struct task_store *tasks = &f.store.tasks;
	for (int lost = 1; lost < TASK_LOST_LEASES_MAX; lost++) {
		CHECK_OK(
		    tasks->driver->claim(tasks->self, STR("gone"), clock_now_us(&f.clock), 1000, f.arena, &task, &err),
		    &err);
		fixture_move_clock(&f, 2000);
	}
	fixture_start(&f, w);
	CHECK(fixture_wait_point(w, "start:bench", 1));
	fixture_move_clock(&f, f.options.lease_ms + 1000);
	struct str quick = fixture_create_bench(&f, 1, 0);
	CHECK(fixture_wait_terminal(&f, quick));
	task = fixture_task(&f, id);
	CHECK(task.status == TASK_RUNNING && task.attempt == TASK_LOST_LEASES_MAX);
	fixture_stop(w);
	CHECK(fixture_task(&f, id).status == TASK_PENDING);
	fixture_close(&f);
	free(w);
}

/* Every worker that takes the first task dies of it. Those behind it are done all the same, one at a time as they are taken, and it
 * ends after its third. */
static void test_k08_poison(void)
{
	struct fixture f;
	struct watch *w = watch_new(NULL);
	struct error err;
	struct task task;
	fixture_open(&f);
	f.options.running_max = 1;
	struct str id = fixture_create_bench(&f, 5, 0);
	const struct task_store *tasks = &f.store.tasks;
	for (int lost = 0; lost < TASK_LOST_LEASES_MAX; lost++) {
		CHECK_OK(tasks->driver->claim(tasks->self, STR("gone"), clock_now_us(&f.clock), f.options.lease_ms, f.arena, &task,
		                              &err),
		         &err);
		CHECK(str_equal(task.id, id));
		/* Its lease is still that of the one who is gone. */
		struct str behind = fixture_create_bench(&f, 2, 0);
		memset(w, 0, sizeof(*w));
		fixture_start(&f, w);
		CHECK(fixture_wait_terminal(&f, behind));
		check_bench_log(&f, behind, 2, "behind the poison");
		fixture_stop(w);
		CHECK(watch_count(w, "claimed:again") == 0);
		fixture_move_clock(&f, f.options.lease_ms);
	}
	struct str behind = fixture_create_bench(&f, 2, 0);
	memset(w, 0, sizeof(*w));
	fixture_start(&f, w);
	CHECK(fixture_wait_terminal(&f, id));
	CHECK(fixture_wait_terminal(&f, behind));
	fixture_stop(w);
	task = fixture_task(&f, id);
	CHECK(task.status == TASK_FAILED && watch_count(w, "claimed:again") == 0);
	CHECK(fixture_task(&f, behind).status == TASK_COMPLETED);
	CHECK_STR(task.error_reason, "TASK_ABANDONED");
	struct log_line *lines = NULL;
	size_t count = fixture_log(&f, id, &lines);
	if (CHECK(count == 2))
		CHECK_STR(str_from(petfood_v1_progress_event_error_or(lines[1].event, "")),
		          "the task was interrupted too often and was given up");
	fixture_check_log(&f, id, "abandon");
	fixture_close(&f);
	free(w);
}

/* Nothing here can run it, so it ends instead of waiting for ever. */
static void test_unknown_type(void)
{
	struct fixture f;
	struct watch *w = watch_new(NULL);
	Petfood__V1__CreatePlanRequest request;
	petfood__v1__create_plan_request__init(&request);
	fixture_open(&f);
	struct str id = fixture_create(&f, &request, TASK_TYPE_RESEARCH, "zh", false);
	fixture_start(&f, w);
	CHECK(fixture_wait_terminal(&f, id));
	CHECK(fixture_task(&f, id).status == TASK_FAILED);
	fixture_stop(w);
	fixture_close(&f);
	free(w);
}

/* Fail the 1st, 2nd, 3rd … call of the store until none is left: the log is whole every time. */
static void test_fault_sweep(void)
{
	static const char *const labels[] = { "down", "uncertain, written", "uncertain, lost" };
	for (int kind = FAULT_DOWN; kind <= FAULT_UNCERTAIN_LOST; kind++) {
		bool fired = true;
		for (int nth = 1; fired && nth < 100; nth++) {
			struct fixture f;
			struct watch *w = watch_new(NULL);
			fixture_open(&f);
			f.options.heartbeat_ms = 30000; /* so that the calls are the same ones every time */
			f.options.poll_ms = 30000;
			fixture_make_failing(&f, (enum fault)kind, nth);
			struct str id = fixture_create_bench(&f, 100, 0);
			fixture_start(&f, w);
			/* A claim that failed is repeated by the poll, or by whoever wakes the engine. */
			if (nth == 1) {
				while (!atomic_load(&f.fired)) (void)sched_yield();
				job_engine_wake(w->engine);
			}
			CHECK_ROW(labels[kind], fixture_wait_terminal(&f, id));
			fixture_stop(w);
			check_bench_log(&f, id, 100, labels[kind]);
			struct task task = fixture_task(&f, id);
			CHECK_ROW(labels[kind], task.status == TASK_COMPLETED && task.attempt == 1);
			fired = atomic_load(&f.fired);
			fixture_close(&f);
			free(w);
		}
	}
}

/* Of a task that ended more than a day ago the row stays and the log goes; a live log is never cut. */
static void test_k12_retention(void)
{
	struct fixture f;
	struct watch *w = watch_new(NULL);
	struct error err;
	fixture_open(&f);
	f.options.sweep_ms = 10;
	f.options.running_max = 1;
	struct str ended = fixture_create_bench(&f, 3, 0);
	fixture_start(&f, w);
	CHECK(fixture_wait_terminal(&f, ended));
	struct metric *running = metric_gauge("petfood_tasks_running", NULL, "");
	struct metric *pending = metric_gauge("petfood_tasks_pending", NULL, "");
	struct str live = fixture_create_bench(&f, 3, 60000);
	job_engine_wake(w->engine);
	CHECK(fixture_wait_point(w, "start:bench", 2));
	(void)fixture_create_bench(&f, 3, 60000); /* no room for this one */
	int64_t count_until_ms = time_monotonic_ms() + FIXTURE_WAIT_MS;
	while ((metric_value(running) != 1 || metric_value(pending) != 1) && time_monotonic_ms() < count_until_ms)
		(void)sched_yield();
	CHECK(metric_value(running) == 1 && metric_value(pending) == 1);
	fixture_move_clock(&f, 25 * 3600000);
	struct task_event *events = NULL;
	struct task_head head;
	size_t count = 1;
	const struct task_store *tasks = &f.store.tasks;
	for (int64_t until_ms = time_monotonic_ms() + FIXTURE_WAIT_MS; count && time_monotonic_ms() < until_ms;
	     (void)sched_yield()) {
		struct arena_mark mark = arena_mark(f.arena);
		if (!CHECK_OK(tasks->driver->events(tasks->self, f.user_id, ended, 0, 10, 1 << 20, f.arena, &events,
		                                    &count, &head, &err),
		              &err))
			break;
		arena_rewind(f.arena, mark);
	}
	CHECK(count == 0);
	CHECK(fixture_task(&f, ended).status == TASK_COMPLETED);
	struct log_line *lines = NULL;
	CHECK(fixture_log(&f, live, &lines) >= 1);
	fixture_stop(w);
	fixture_close(&f);
	free(w);
}

int main(void)
{
	log_setup(LOG_ERROR, false);
	test_bench();
	test_wake();
	test_many_at_once();
	test_k04_cancel();
	test_k04_cancel_anywhere();
	test_k04_cancel_during_claim();
	test_beat_overtakes_end();
	test_end_without_answer();
	test_timeout();
	test_give_back();
	test_k02_takeover();
	test_k03_zombie();
	test_stall(61000); /* longer than a lease */
	test_stall(-3600 * 1000);
	test_stall_last_lease();
	test_k08_poison();
	test_unknown_type();
	test_fault_sweep();
	test_k12_retention();
	return check_done("unit_job_engine");
}
