/* rpc/job/loop.h: one thread that runs short functions in the order they were posted, and timers. What it runs must not
 * block. Everything that the engine knows is touched on this thread only, so the engine needs no locks. */
#ifndef PETFOOD_RPC_JOB_LOOP_H
#define PETFOOD_RPC_JOB_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/error.h"

struct loop; /* opaque */

/* Memory of the caller: posting allocates nothing. An item that waits must not be posted again. */
struct loop_item {
	struct loop_item *next;
	void (*run)(void *self);
	void *self;
};

/* Memory of the caller, zeroed before its first use. */
struct loop_timer {
	size_t slot;    /* place in the heap + 1; 0 = not set */
	int64_t due_ms; /* time_monotonic_ms() */
	void (*run)(void *self);
	void *self;
};

MUST_CHECK bool loop_start(struct loop **out, struct error *err);
/* Any thread. What was posted before the item that ends the loop has run; what comes later never does. */
void loop_post(struct loop *loop, struct loop_item *item);

/* On the loop's thread. Setting a timer again moves it. A cleared timer does not run any more. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t delay_ms);
void loop_timer_clear(struct loop *loop, struct loop_timer *timer);

/* When the loop last came round, time_monotonic_ms(). Any thread. */
int64_t loop_last_turn_ms(struct loop *loop);

/* On the loop's thread: nothing runs after the item that calls this. */
void loop_end(struct loop *loop);
/* After loop_end: waits for the thread. Leaves *loop NULL. */
void loop_join(struct loop **loop);

#endif
