/* rpc/job/run.h: one claimed task while it is here. Private to rpc/job.
 *
 * A run's writes go to the store one after the other, in the order in which they were asked for (run->ops), so the log shows
 * the order in which things happened; the next one starts when the one before has been published. */
#ifndef PETFOOD_RPC_JOB_RUN_H
#define PETFOOD_RPC_JOB_RUN_H

#include "rpc/job/engine.h"
#include "rpc/job/steps.h"

/* clang-format off */
/*    state       text        may go to */
#define RUN_STATES(X) \
	X(LOADING,  "loading",  RUN_BIT(STEPPING) | RUN_BIT(ENDING) | RUN_BIT(OVER)) \
	X(STEPPING, "stepping", RUN_BIT(ENDING) | RUN_BIT(OVER)) \
	X(ENDING,   "ending",   RUN_BIT(OVER)) /* its last write is on the way: failed or given back */ \
	X(OVER,     "over",     0)             /* waits for what is still on a pool, then it is freed */
/* clang-format on */
#define RUN_BIT(state) (1u << RUN_##state)
enum run_state {
#define RUN_STATE_ENUM(state, text, next) RUN_##state,
	RUN_STATES(RUN_STATE_ENUM)
#undef RUN_STATE_ENUM
};

enum op_kind { OP_LOAD, OP_APPEND, OP_COMPLETE, OP_FAIL, OP_GIVE_BACK };

/* A call of the store that belongs to a run's order. */
struct run_op {
	struct run_op *next;
	struct job_run *run;
	struct job_step *step; /* who waits for it; NULL = the run itself */
	enum op_kind kind;
	/* what to write */
	struct task_append what;
	struct str terminal_event, output, reason, message;
	const struct plan_record *plan;
	uint64_t known_last; /* the log's end before this write, as far as this run knows */
	bool uncertain;      /* it may have been written already: look first */
	/* how it ended; numbers are those of the log */
	bool ok;
	struct error error;
	uint64_t first, last;
	struct checkpoint *checkpoints;
	size_t checkpoint_count;
	/* how it gets there */
	struct pool_job job;
	struct loop_timer retry;
	int64_t backoff_ms;
};

enum step_state { STEP_WAITING, STEP_ACTIVE, STEP_DONE };
struct job_step {
	struct job_run *run;
	const struct step_kind *kind;
	size_t index;
	enum step_state state;
	int phase;
	struct arena *arena;
	int64_t started_ms;
	struct step_yield yield;
	struct run_op op;
	struct loop_timer timer;
	bool (*work)(struct job_step *step, struct error *err);
	bool work_ok;
	struct error work_error;
	struct pool_job compute;
};

struct job_run {
	struct job_run *next, *previous; /* engine->runs */
	struct job_engine *engine;
	struct arena *task_arena; /* holds task; came with the claim */
	struct arena *load_arena; /* used by the load only, then holds the checkpoints */
	struct arena *arena;      /* of the loop */
	struct task task;
	enum lang lang;
	const struct job_kind *kind;
	enum run_state state;
	atomic_bool cancelled; /* computations look at it */
	size_t out;            /* things on a pool that will come back */
	struct job_step steps[JOB_STEPS_MAX];
	uint32_t done; /* bits of ended steps */
	int percent;   /* sum of the ended ones' percents */
	int shown;     /* highest progress in any event; never falls */
	struct str results[JOB_STEPS_MAX];
	uint64_t last_event;
	uint64_t mark;
	struct run_op *ops, *ops_last;
	struct run_op *op_out; /* the first of them while it is on its way or waits to be repeated */
	struct run_op load, notice, end;
	const char *outcome; /* once it is over: "completed", "failed", "given_back", "moved", "cancelled", … */
	struct {
		struct pool_job job;
		struct loop_timer timer;
		bool out, ok;
		struct error error;
		int64_t asked_us;
	} beat;
	bool moved; /* the store has said that this attempt is not the running one: its own end, or somebody else has the task */
	int64_t lease_until_us; /* as stored, by the engine's clock: until then nobody else can have the task */
	struct loop_timer timeout;
};

/* Takes the arena with the claimed task over. asked_us: the claim's now_us. */
struct job_run *run_create(struct job_engine *engine, struct arena *task_arena, const struct task *task,
                           int64_t asked_us);
void run_start(struct job_run *run);
/* Ends it with no word to anybody: the task is somebody else's now, or cancelled. */
void run_drop(struct job_run *run, const char *why);
void run_fail(struct job_run *run, const struct error *err);
void run_give_back(struct job_run *run);
/* A heartbeat now, unless one is on its way. */
void run_beat(struct job_run *run);
bool run_has_lease(const struct job_run *run, int64_t now_us);
void run_destroy(struct job_run *run); /* nothing of it is on a pool */

/* ---- op.c ---- */
void op_init(struct run_op *op, struct job_run *run, struct job_step *step);
/* Puts it at the end of the run's order. */
void op_start(struct run_op *op, enum op_kind kind);
/* Lets the next one go if none is on its way. */
void op_next(struct job_run *run);
/* Forgets those that are not on their way yet. */
void op_drop_waiting(struct job_run *run);
/* The write that is on its way would end the run in the store: then nothing but its own answer says how the run ended. */
bool op_is_ending(const struct job_run *run);
/* Called by op.c when op has come back with success (published already; the next one is on its way) or with an error that
 * repeating cannot mend (then the next one goes only by op_next). */
void run_on_op(struct job_run *run, struct run_op *op);

/* ---- engine.c ---- */
struct loop *engine_loop(struct job_engine *engine);
struct pool *engine_store_pool(struct job_engine *engine);
struct pool *engine_compute_pool(struct job_engine *engine);
const struct job_engine_options *engine_options(const struct job_engine *engine);
/* Tells the tests where the run is. */
void engine_point(struct job_engine *engine, const char *moment, const char *name);
/* A heartbeat has come back: what waited for it may go on. The run it was of may be gone. */
void engine_on_beat(struct job_engine *engine);
/* The run is over and nothing of it is out: frees it. */
void engine_forget(struct job_engine *engine, struct job_run *run);
/* Store errors that a repetition may mend. */
bool engine_may_retry(const struct error *err);
int64_t engine_next_backoff(int64_t backoff_ms);

#endif
