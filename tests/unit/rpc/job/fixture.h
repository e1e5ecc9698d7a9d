/* An engine over a real SQLite store in a folder of its own, with a clock that the test moves, a recorder of what was published, and
 * a way to hold the engine's loop at a named point, as a process is held that was stopped or killed there. */
#ifndef PETFOOD_TESTS_JOB_FIXTURE_H
#define PETFOOD_TESTS_JOB_FIXTURE_H

#include <pthread.h>
#include <stdatomic.h>

#include "petfood/v1/plan.pb-c.h"
#include "petfood/v1/progress.pb-c.h"
#include "rpc/job/engine.h"
#include "tests/support/check.h"

enum { FIXTURE_WAIT_MS = 60000, PUBLISHED_MAX = 4096, POINTS_MAX = 4096 };

struct published {
	char task_id[40];
	uint64_t number;
	bool terminal;
	char *data;
	size_t len;
};

/* Watches one engine from its pause points. */
struct watch {
	struct fixture *fixture;
	struct job_engine *engine;
	const char *hold_at; /* the loop is held at this point, once */
	bool held, let_go;
	size_t count;
	char points[POINTS_MAX][48];
};

struct fixture {
	char dir[64];
	struct store store;
	struct store driver_store; /* the real one, when store is one that fails */
	struct task_store_driver failing;
	struct arena *arena;
	struct str user_id;
	struct clock clock;
	atomic_llong clock_us;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct published published[PUBLISHED_MAX];
	size_t published_count;
	struct fixture *other; /* itself: the way out of what stands for another process */
	bool several; /* engines side by side: their publications may interleave, readers merge them by number */
	struct job_engine_options options;
	/* the failing store */
	atomic_int calls, fail_call; /* fails the call with this number, counted from 1; 0 = none */
	int fail_kind;               /* enum fault */
	atomic_bool fired;
	/* Called by that store after what is named has been carried out, on the engine's store thread. */
	void (*after_claim)(struct fixture *f, struct str id);
	void (*after_complete)(struct fixture *f);
	atomic_int beats_moved;
};

void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);
void fixture_move_clock(struct fixture *f, int64_t ms);
/* Starts an engine; watch may have hold_at set. */
void fixture_start(struct fixture *f, struct watch *watch);
/* Engines that are started from here on are of another process: they publish on their own, and numbers may interleave. */
void fixture_other_process(struct fixture *f);
void fixture_stop(struct watch *watch);

struct str fixture_create(struct fixture *f, const Petfood__V1__CreatePlanRequest *request, enum task_type type,
                          const char *lang, bool keeps_plan);
struct str fixture_create_bench(struct fixture *f, uint32_t events, uint32_t interval_ms);
/* Cancels in the store, as a service does; and tells the engine unless it is NULL. */
bool fixture_cancel(struct fixture *f, struct str id, struct job_engine *engine, struct error *err);

/* Waits; false (and a failed check) after FIXTURE_WAIT_MS. */
bool fixture_wait_terminal(struct fixture *f, struct str id);
/* point: a name, or its first part up to the colon for any of that kind. */
bool fixture_wait_point(struct watch *watch, const char *point, size_t times);
bool fixture_wait_held(struct watch *watch);
void fixture_let_go(struct watch *watch);
size_t watch_count(struct watch *watch, const char *point);

struct task fixture_task(struct fixture *f, struct str id);
/* The whole log, parsed; numbers checked to be 1..n. */
struct log_line {
	struct str data;
	bool terminal;
	Petfood__V1__ProgressEvent *event;
};
size_t fixture_log(struct fixture *f, struct str id, struct log_line **out);
/* Dense, exactly one terminal event at the end, progress never falls, publications equal to the log and, of one engine, in order. */
void fixture_check_log(struct fixture *f, struct str id, const char *label);
size_t log_count(const struct log_line *lines, size_t count, const char *type);

/* A store whose nth call of the task driver (claim, heartbeat, append, complete, fail, checkpoints, events) fails. */
enum fault { FAULT_DOWN, FAULT_UNCERTAIN_WRITTEN, FAULT_UNCERTAIN_LOST, FAULT_BROKEN };
void fixture_make_failing(struct fixture *f, enum fault kind, int nth);

#endif
