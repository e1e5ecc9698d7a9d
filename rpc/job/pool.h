/* rpc/job/pool.h: a fixed number of threads that do blocking work for a loop: the store's calls, computing. What waits is
 * bounded by the callers: each job is memory of one run, which gives it once and gets it back once. */
#ifndef PETFOOD_RPC_JOB_POOL_H
#define PETFOOD_RPC_JOB_POOL_H

#include "rpc/job/loop.h"

struct pool; /* opaque */

struct pool_job {
	struct pool_job *next;
	void (*work)(void *self); /* on a thread of the pool */
	struct loop_item
	    done;   /* then posted to the loop, exactly once, never before pool_give has returned to the loop */
	void *self; /* of work */
};

MUST_CHECK bool pool_start(struct loop *loop, const char *name, size_t threads, struct pool **out, struct error *err);
/* On the loop's thread: so done cannot run before this has returned. */
void pool_give(struct pool *pool, struct pool_job *job);
/* No further jobs may be given. What waits is still done. Waits until the threads have ended, at most wait_ms (negative =
 * as long as it takes); true: *pool is freed and NULL. False: a thread is still at work and everything stays as it is. */
bool pool_stop(struct pool **pool, int64_t wait_ms);

#endif
