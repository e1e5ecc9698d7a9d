/* Turns: one thread at a time for one task, and no task waits for another. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include "rpc/job/engine.h"
#include "rpc/job/order.h"
#include "tests/support/check.h"

enum { TASKS = 3000, ROUNDS = 20000, THREADS = 4 };

static char self_a, self_b;
static const struct event_out out_a = { NULL, &self_a }, out_b = { NULL, &self_b };

static atomic_bool ended;
static void *take_all(void *ctx)
{
	(void)ctx;
	for (int i = 0; i < TASKS; i++) {
		char id[16];
		(void)snprintf(id, sizeof id, "task-%d", i);
		event_order_take(&out_a, str_from(id));
		event_order_give(&out_a, str_from(id));
	}
	event_order_take(&out_b, STR("held")); /* the same task at another way out */
	event_order_give(&out_b, STR("held"));
	atomic_store(&ended, true);
	return NULL;
}

/* A commit that is stuck holds up its own task only. */
static void test_no_task_waits_for_another(void)
{
	pthread_t thread;
	event_order_take(&out_a, STR("held"));
	CHECK(pthread_create(&thread, NULL, take_all, NULL) == 0);
	while (!atomic_load(&ended) && event_order_waiting() == 0) (void)sched_yield();
	CHECK(atomic_load(&ended) && event_order_waiting() == 0);
	event_order_give(&out_a, STR("held"));
	(void)pthread_join(thread, NULL);
}

static int inside, entered; /* guarded by the turn, and by nothing else */
static void *take_turns(void *ctx)
{
	(void)ctx;
	for (int i = 0; i < ROUNDS; i++) {
		event_order_take(&out_a, STR("shared"));
		bool alone = ++inside == 1;
		entered++;
		if (i % 64 == 0) (void)sched_yield();
		inside--;
		event_order_give(&out_a, STR("shared"));
		if (!alone) return "two at once";
	}
	return NULL;
}

static void test_one_at_a_time(void)
{
	pthread_t threads[THREADS];
	for (size_t i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, take_turns, NULL) == 0);
	for (size_t i = 0; i < THREADS; i++) {
		void *wrong = NULL;
		(void)pthread_join(threads[i], &wrong);
		CHECK(wrong == NULL);
	}
	CHECK(inside == 0 && entered == THREADS * ROUNDS && event_order_waiting() == 0);
}

int main(void)
{
	test_no_task_waits_for_another();
	test_one_at_a_time();
	return check_done("unit_job_order");
}
