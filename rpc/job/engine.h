/* rpc/job/engine.h: runs tasks (DESIGN 5). One loop thread owns all running jobs and their timers; computing and store calls go to
 * bounded pools and come back to the loop exactly once; no thread is held by a waiting task. Claims, heartbeats, runs the
 * steps of a task type in order, keeps finished steps as checkpoints, publishes what was committed, gives back on shutdown. */
#ifndef PETFOOD_RPC_JOB_ENGINE_H
#define PETFOOD_RPC_JOB_ENGINE_H

#include "store/api/store.h"
#include "store/base/time.h"

struct job_engine; /* opaque */

/* Where committed events go: PUB, and parked watchers of this process. Called in the task's turn (order.h), so in number order;
 * any thread; must not block. data is empty where only the number is told: the log has the rest. */
struct event_out {
	void (*publish)(void *self, struct str task_id, uint64_t number, bool terminal, struct str data);
	void *self;
};

struct job_engine_options {
	struct store *store; /* borrowed */
	const struct clock *clock;
	struct event_out events;
	struct str worker_name;         /* host:pid:random; copied */
	int64_t lease_ms, heartbeat_ms; /* 6000, 2000 */
	int64_t poll_ms;                /* slow poll that heals a lost wake; 1000 */
	int64_t task_timeout_ms;        /* TASK_TIMEOUT_SECONDS */
	size_t running_max;             /* TASK_MAX_CONCURRENT */
	size_t compute_threads;         /* max(1, cores) */
	size_t store_threads;           /* 2 */
	int64_t planner_pace_ms;        /* PLANNER_PACE_MS: spaces builtin steps, for demos and tests */
	int64_t events_kept_ms;         /* 24 h after the task's end */
	int64_t draft_kept_ms;          /* 24 h */
	int64_t sweep_ms;               /* how often what is too old is deleted; 0 = 60000 */
	/* Tests only: called on the loop at named points, may kill or stop the process. "claimed:first", "claimed:again", "start:STEP",
	 * "before_commit:STEP", "after:STEP", "dropped:WHY" (the run ends without a word), "left:OUTCOME" (the run is freed); on a store
	 * thread "committed:STEP" (stored, not published yet); on a compute thread "computing:STEP", "computed:STEP" (to its end). A STEP is the name of its checkpoint ("assess", "week_1", …), or "complete". */
	void (*pause_point)(void *self, const char *name);
	void *pause_point_self;
};

MUST_CHECK bool job_engine_start(const struct job_engine_options *options, struct job_engine **out, struct error *err);
/* There may be work: look at the queue now. Any thread. */
void job_engine_wake(struct job_engine *engine);
/* The task was cancelled in the store: end its run here, if it is here, within 100 ms. Any thread. */
void job_engine_cancel(struct job_engine *engine, struct str task_id);
/* False once the loop is stuck or stopping. */
bool job_engine_is_healthy(struct job_engine *engine);
/* Gives every running task back and ends; waits up to wait_ms for steps that cannot be interrupted. */
void job_engine_stop(struct job_engine **engine, int64_t wait_ms);

#endif
