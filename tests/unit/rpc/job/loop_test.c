/* The loop, its timers and the pools: order, exactly once, and stopping. */
#include "rpc/job/loop.h"

#include <pthread.h>
#include <stdlib.h>

#include "rpc/job/pool.h"
#include "store/base/time.h"
#include "tests/support/check.h"

/* What the loop has done, and a way to wait for it. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t count;
	int order[4096];
} seen = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static void see(int what)
{
	pthread_mutex_lock(&seen.lock);
	if (seen.count < COUNT(seen.order)) seen.order[seen.count] = what;
	seen.count++;
	pthread_cond_broadcast(&seen.changed);
	pthread_mutex_unlock(&seen.lock);
}

static void wait_for(size_t count)
{
	pthread_mutex_lock(&seen.lock);
	while (seen.count < count) pthread_cond_wait(&seen.changed, &seen.lock);
	pthread_mutex_unlock(&seen.lock);
}

static struct loop *loop;
static void end_loop(void *self)
{
	(void)self;
	loop_end(loop);
}
static struct loop_item end_item = { .run = end_loop };

static void loop_open(void)
{
	struct error err;
	seen.count = 0;
	if (!CHECK_OK(loop_start(&loop, &err), &err)) die("no loop");
}
static void loop_close(void)
{
	loop_post(loop, &end_item);
	loop_join(&loop);
}

struct numbered {
	struct loop_item item;
	int number;
};
static void run_numbered(void *self) { see(((struct numbered *)self)->number); }

static void test_posts(void)
{
	enum { ITEMS = 1000 };
	static struct numbered items[ITEMS];
	loop_open();
	for (int i = 0; i < ITEMS; i++) {
		items[i] = (struct numbered){ .item = { .run = run_numbered, .self = &items[i] }, .number = i };
		loop_post(loop, &items[i].item);
	}
	loop_close(); /* what was posted before has run */
	bool in_order = seen.count == ITEMS;
	for (int i = 0; in_order && i < ITEMS; i++) in_order = seen.order[i] == i;
	CHECK(in_order);
}

/* Timers run in the order of their times, however they were set, moved and cleared. */
enum { TIMERS = 300 };
static struct loop_timer timers[TIMERS];
static int64_t delays[TIMERS];
static bool cleared[TIMERS];
static void run_timer(void *self) { see((int)((struct loop_timer *)self - timers)); }

static void set_timers(void *self)
{
	(void)self;
	srand(7);
	for (int i = 0; i < TIMERS; i++) {
		timers[i] = (struct loop_timer){ .run = run_timer, .self = &timers[i] };
		loop_timer_set(loop, &timers[i], rand() % 50);
	}
	for (int i = 0; i < TIMERS; i += 3) loop_timer_clear(loop, &timers[i]);
	for (int i = 0; i < TIMERS; i += 5)
		loop_timer_set(loop, &timers[i], rand() % 50); /* some of them cleared before */
	for (int i = 0; i < TIMERS; i++) {
		cleared[i] = i % 3 == 0 && i % 5 != 0;
		delays[i] = timers[i].due_ms;
		CHECK((timers[i].slot == 0) == cleared[i]);
	}
}

static void test_timers(void)
{
	size_t expected = 0;
	loop_open();
	struct loop_item set = { .run = set_timers };
	loop_post(loop, &set);
	for (int i = 0; i < TIMERS; i++) expected += !(i % 3 == 0 && i % 5 != 0);
	wait_for(expected);
	loop_close();
	CHECK(seen.count == expected);
	for (size_t i = 0; i < seen.count; i++) {
		CHECK(!cleared[seen.order[i]]);
		if (i) CHECK(delays[seen.order[i - 1]] <= delays[seen.order[i]]);
	}
}

/* Each job is done once, each completion comes once, and what waits when the pool stops is still done. */
struct work {
	struct pool_job job;
	int works; /* on the pool */
	int number;
};
static struct pool *pool;
static void work(void *self) { ((struct work *)self)->works++; }
static void work_done(void *self)
{
	struct work *w = self;
	see(w->works == 1 ? w->number : -1);
}

enum { JOBS = 500 };
static struct work jobs[JOBS];
static void give_jobs(void *self)
{
	(void)self;
	for (int i = 0; i < JOBS; i++) {
		jobs[i] = (struct work){ .number = i };
		jobs[i].job =
		    (struct pool_job){ .work = work, .self = &jobs[i], .done = { .run = work_done, .self = &jobs[i] } };
		pool_give(pool, &jobs[i].job);
	}
	see(-2);
}

static void test_pool(void)
{
	struct error err;
	loop_open();
	if (!CHECK_OK(pool_start(loop, "test", 4, &pool, &err), &err)) return;
	struct loop_item give = { .run = give_jobs };
	loop_post(loop, &give);
	wait_for(1);
	CHECK(pool_stop(&pool, -1) && pool == NULL);
	loop_close();
	bool done[JOBS] = { 0 };
	CHECK(seen.count == JOBS + 1 && seen.order[0] == -2); /* no completion before what started it has returned */
	for (size_t i = 1; i < seen.count; i++) {
		if (!CHECK(seen.order[i] >= 0)) continue;
		CHECK(!done[seen.order[i]]);
		done[seen.order[i]] = true;
	}
}

/* A thread that does not come back within the time is waited for no longer, and can be waited for again. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static void work_behind_gate(void *self)
{
	see(-3);
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	work(self);
}

static void give_gated(void *self)
{
	(void)self;
	jobs[0] = (struct work){ .number = 0 };
	jobs[0].job = (struct pool_job){ .work = work_behind_gate,
		                         .self = &jobs[0],
		                         .done = { .run = work_done, .self = &jobs[0] } };
	pool_give(pool, &jobs[0].job);
}

static void test_slow_stop(void)
{
	struct error err;
	loop_open();
	if (!CHECK_OK(pool_start(loop, "test", 1, &pool, &err), &err)) return;
	pthread_mutex_lock(&gate);
	struct loop_item give = { .run = give_gated };
	loop_post(loop, &give);
	wait_for(1);
	CHECK(!pool_stop(&pool, 5) && pool != NULL);
	pthread_mutex_unlock(&gate);
	CHECK(pool_stop(&pool, -1) && pool == NULL);
	loop_close();
	CHECK(seen.count == 2 && seen.order[1] == 0);
}

int main(void)
{
	test_posts();
	test_timers();
	test_pool();
	test_slow_stop();
	return check_done("unit_job_loop");
}
