/* rpc/job/steps.h: what a type of task is made of. A step is a small machine: its run function is called to start it and then once
 * by each completion; every call starts exactly one thing (compute, sleep, append, complete, done, fail) and returns.
 * All of this runs on the loop, but for the functions given to step_compute. */
#ifndef PETFOOD_RPC_JOB_STEPS_H
#define PETFOOD_RPC_JOB_STEPS_H

#include <stdatomic.h>

#include "rpc/job/event.h"
#include "rpc/job/pool.h"
#include "store/api/plan_store.h"

struct job_run;
struct job_step;

struct step_kind {
	const char *name; /* of its checkpoint and its pause points; never renamed: stored tasks have them */
	int percent;      /* what its end adds to the progress; those of a type make 100 */
	uint32_t after;   /* bits of the steps that must have ended before it starts */
	void (*run)(struct job_step *step);
	int number; /* the type's own: which week, which sub-agent */
};
#define STEP_BIT(index) (1u << (index))

enum { JOB_STEPS_MAX = 16 };
struct job_kind {
	enum task_type type;
	size_t step_count;
	const struct step_kind *steps;
	/* What the run needs to know of its log before the first step of a further attempt. Store thread. NULL = nothing. */
	bool (*load)(struct job_run *run, struct arena *arena, struct error *err);
	/* Adds to the notice of a further attempt. NULL = nothing. */
	void (*describe)(const struct job_run *run, struct job_event *notice);
};
const struct job_kind *job_kind_of(enum task_type type); /* NULL if nothing here can run it */

extern const struct job_kind job_kind_plan, job_kind_bench;

/* The fields that every log line about a task begins with. */
#define LOG_TASK(task) LOG_TEXT("task", (task)->id), LOG_TEXT("request_id", (task)->request_id)

/* ---- what a step may look at ---- */

const struct task *run_task(const struct job_run *run);
enum lang run_lang(const struct job_run *run);
struct store *run_store(const struct job_run *run);
int64_t run_now_us(const struct job_run *run);
int64_t run_pace_ms(const struct job_run *run);
/* Long computations look here between their parts and stop. Any thread. */
bool run_is_cancelled(const struct job_run *run);
/* What an ended step left, also in an earlier attempt. Never changes any more, so any thread may read it. */
struct str run_result(const struct job_run *run, size_t step_index);
/* A number of the type's own that `load` keeps for its steps. */
uint64_t run_mark(const struct job_run *run);
void run_set_mark(struct job_run *run, uint64_t mark);

struct job_run *step_run(const struct job_step *step);
const struct step_kind *step_kind(const struct job_step *step);
/* Memory of the step, until it ends. Belongs to the computation while one runs, else to the loop. */
struct arena *step_arena(const struct job_step *step);
int step_phase(const struct job_step *step); /* 0 at the start; the step's own from then on */
void step_set_phase(struct job_step *step, int phase);

/* What a computation leaves for the loop, in the step's arena. */
struct step_yield {
	struct str result; /* checkpoint, stored with the closing events */
	size_t event_count;
	const struct job_event *events; /* closing events */
	void *more;                     /* the type's own */
};
struct step_yield *step_yield(struct job_step *step);

/* ---- what a step may start ---- */

/* work runs on a compute thread. If it fails the task fails, and run is not called again. */
void step_compute(struct job_step *step, bool (*work)(struct job_step *step, struct error *err));
void step_sleep(struct job_step *step, int64_t ms);
/* Stores events and publishes them. With close the step's checkpoint goes along, in the same transaction, and the last event
 * shows the step's percent. progress < 0: from the table. */
void step_append(struct job_step *step, const struct job_event *events, size_t count, bool close, int progress);
/* The end of the whole task, in one transaction. completed may be NULL; else `completed` is its finished JSON. */
void step_complete(struct job_step *step, const struct str *completed, struct str terminal_event, struct str output,
                   const struct plan_record *plan);
/* Ends the step; those that waited for it start. */
void step_done(struct job_step *step);
void step_fail(struct job_step *step, const struct error *err);

#endif
