/* tests/fault/sim/world.h: one schedule's world: processes with real engines, services, publishers and hubs over one real SQLite
 * file, a network between them, clients outside, and what goes wrong.
 *
 * Real: rpc/job, the handlers of rpc/service, publisher and hub of rpc/transport, store/sqlite with its shared commits. Simulated:
 * threads, time, chance (wrap.c), nng and the RPC client (wire.c), the HTTP edge (edge.c), diet plans' steps (kind.c: they are made
 * of the same parts, with drawn sizes). */
#ifndef PETFOOD_TESTS_FAULT_SIM_WORLD_H
#define PETFOOD_TESTS_FAULT_SIM_WORLD_H

#include <protobuf-c/protobuf-c.h>
#include <stdatomic.h>

#include "rpc/service/services.h"
#include "rpc/transport/events.h"
#include "store/api/store.h"
#include "tests/fault/sim/fiber.h"

/* ---- what goes wrong, and is counted ---- */

#define FAULTS(X) \
	X(CRASH, "processes killed") \
	X(CRASH_ALL, "all killed at once, disk as it was") \
	X(HAND_BACK, "graceful stops") \
	X(STOPPED, "processes stopped and let go on") \
	X(CLOCK_JUMP, "clock jumps") \
	X(PUBLISH_LOST, "doorbells lost") \
	X(PUBLISH_TWICE, "doorbells doubled") \
	X(PUBLISH_LATE, "doorbells late") \
	X(CALL_LOST, "calls lost") \
	X(ANSWER_LOST, "answers lost") \
	X(STORE_DOWN, "store down") \
	X(STORE_BUSY, "store busy") \
	X(STORE_FULL, "disk full") \
	X(STORE_SLOW, "store slow") \
	X(UNCERTAIN_DONE, "outcome unknown, written") \
	X(UNCERTAIN_LOST, "outcome unknown, not written") \
	X(BUSY, "waits for another process's transaction") \
	X(DISK, "write or flush failed under SQLite") \
	X(CUT, "readers cut") \
	X(SLOW_READER, "readers too slow") \
	X(CANCEL, "cancels") \
	X(TAKEN_OVER, "tasks taken over") \
	X(ZOMBIE, "writes of a fenced attempt refused") \
	X(SWEPT, "logs swept")
enum fault {
#define FAULT_ENUM(name, text) FAULT_##name,
	FAULTS(FAULT_ENUM)
#undef FAULT_ENUM
	    FAULT_COUNT
};
void note_fault(enum fault fault);

/* Broken on purpose, so that the oracle can be seen to notice. */
#define MUTANTS(X) \
	X(NONE, "none") \
	X(NO_FENCE, "no_fence") /* the store lets a fenced attempt write */ \
	X(DOUBLE_EVENT, "double_event") \
	X(LOST_EVENT, "lost_event") /* acknowledged and not stored */ \
	X(CHANGED_EVENT, "changed_event") \
	X(NO_TERMINAL, "no_terminal") \
	X(TWO_TERMINALS, "two_terminals") \
	X(NO_PLAN, "no_plan") \
	X(STRAY_PLAN, "stray_plan") /* a plan for a task that failed */ \
	X(NO_CHECKPOINTS, "no_checkpoints") \
	X(PROGRESS_FALLS, "progress_falls") \
	X(NO_TAKEOVER, "no_takeover") \
	X(NO_LOOK, "no_look") /* an unknown outcome looks as if nothing had been written */ \
	X(CANCEL_IGNORED, "cancel_ignored") \
	X(LIVE_SWEEP, "live_sweep") \
	X(EARLY_PUBLISH, "early_publish") /* before the commit, and not as it is stored */ \
	X(READER_SKIPS, "reader_skips") \
	X(READER_DOUBLES, "reader_doubles") \
	X(RESET_AT_WILL, "reset_at_will") \
	X(STATUS_WRONG, "status_wrong") \
	X(KEY_IGNORED, "key_ignored") /* a repeated create makes another task */
enum mutant {
#define MUTANT_ENUM(name, text) MUTANT_##name,
	MUTANTS(MUTANT_ENUM)
#undef MUTANT_ENUM
	    MUTANT_COUNT
};

/* ---- the outcome, for the driver; in memory that it shares with the schedule's process ---- */

enum { VIOLATIONS_SHOWN = 6, VIOLATION_BYTES = 240 };
struct outcome {
	bool finished;
	unsigned violations;
	char texts[VIOLATIONS_SHOWN][VIOLATION_BYTES];
	unsigned faults[FAULT_COUNT];
	unsigned tasks, completed, failed, cancelled, abandoned, attempts, readers, events_stored;
	unsigned long events_read;
	int64_t simulated_ms, settled_ms; /* in all; from the last fault until all had found their end */
	size_t turns;
	uint64_t digest; /* of all that was drawn: the same each time */
};
void violation(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- what is drawn for a schedule ---- */

enum { PROCESSES_MAX = 5, TASKS_MAX = 12 };
struct weather { /* per mille of what could go wrong that does */
	unsigned publish_lost, publish_twice, publish_late;
	unsigned call_lost, answer_lost;
	unsigned store_down, store_busy, store_full, store_slow, uncertain_done, uncertain_lost, disk;
	int64_t publish_late_ms, call_ms, store_slow_ms;
};
struct settings {
	int processes; /* numbered 1.. */
	bool sole;     /* one process at a time: leases are void at its start, as on SQLite */
	int64_t lease_ms, heartbeat_ms, poll_ms, sweep_ms, task_timeout_ms;
	int64_t events_kept_ms, draft_kept_ms;
	bool expires; /* logs and drafts grow too old while they are read */
	size_t running_max, store_threads, compute_threads;
	bool payload;
	int tasks, watchers;
	int64_t faults_ms;
	bool crashes, stops, jumps, cancels;
	struct weather storm; /* between calms */
};

/* ---- processes ---- */

enum process_state { PROCESS_DOWN, PROCESS_STARTING, PROCESS_UP, PROCESS_STOPPING, PROCESS_DRAINING };
enum { TURNS = 256, DATABASES_MAX = 16 };
struct process {
	int number;
	enum process_state state;
	unsigned life;            /* counted at each start */
	struct store real, store; /* store: with what goes wrong */
	struct task_store_driver tasks;
	struct plan_store_driver plans;
	struct services services;
	struct job_engine *engine;
	struct event_publisher *publisher;
	struct event_hub *hub;
	struct {
		struct sim_lock lock;
		char task_id[40];
	} turns[TURNS];
	void *databases[DATABASES_MAX];
	unsigned crash_in; /* at that many points from now; 0 = not */
	bool stop;         /* is to stop */
	int64_t counted_since_us;
	unsigned calls;           /* since then */
	int64_t halted_at_us;     /* it last stood still until then */
	size_t streams, handlers; /* that it serves, that run */
};

struct task_record { /* as its owner knows it */
	char id[40]; /* "" until it is known */
	char key[24];
	bool bench;
	uint32_t events, interval_ms; /* of a bench */
	bool cancel_said;             /* a cancel was answered with "cancelled" */
};

struct world {
	uint64_t seed;
	enum mutant mutant;
	struct settings settings;
	struct weather weather;
	struct outcome *outcome;
	char dir[80], path[128]; /* of the database as it is now */
	int generation;
	char user_id[40];
	struct process processes[PROCESSES_MAX + 1];
	struct task_record tasks[TASKS_MAX];
	bool calm; /* faults have ceased */
	bool over; /* the clients are to end */
	int open_clients;
	struct clock clock;
};
extern struct world world;

static inline struct process *process_here(void) { return &world.processes[fiber_process()]; }
bool process_is_up(const struct process *process);

/* A place where the process may crash, be stopped, or lose its turn. */
void sim_point(const char *name, const char *detail);
/* Ends it as SIGKILL does. Does not return where the caller is of that process. */
void process_crash(struct process *process);
/* All at once, with the disk as it is. */
void crash_all(void);
void process_start(struct process *process);

/* director.c: the whole schedule, as the main function of a fiber. */
void *direct(void *unused);

/* store_faults.c: the store as the process has it. */
void store_wrap(struct process *process);

/* kind.c: the steps of this schedule's plans. */
void kind_draw(void);
/* Steps as they were begun, for the oracle. */
struct step_start {
	char task_id[40];
	char step[16];
	uint32_t attempt;
};
size_t kind_starts(const struct step_start **out);

/* wire.c: the network */
void wire_process_up(struct process *process);
void wire_process_gone(struct process *process);
/* A call as a client of the process makes it, to the end. user_id "" = as a service. */
bool wire_call(const char *method, const ProtobufCMessage *request, const char *user_id, const char *key,
               struct arena *arena, ProtobufCMessage **out, struct error *err);
struct event_out wire_events_of(struct process *process);

/* edge.c: streams between a bridge and a client outside */
struct frame {
	uint64_t number; /* 0 = not numbered */
	bool last;       /* the server has ended the stream */
	size_t len;
	char *data; /* heap, the taker's */
};
struct stream; /* the client's end */
/* With task_id "" the request creates a task; cursor "" = none. */
struct stream *stream_open(struct process *bridge, const struct task_record *create, const char *task_id,
                           const char *cursor);
/* False: the connection is gone. */
bool stream_next(struct stream *stream, struct frame *out);
void stream_close(struct stream **stream);

/* clients.c */
void client_start_owner(struct task_record *task);
void client_start_watcher(void);

/* oracle.c: after the end. */
void oracle_prepare(const char *path);
void oracle_judge(void);
/* What a reader was given; kept until the end. */
struct seen {
	char task_id[40];
	uint64_t last; /* 1..last were given, each once */
	size_t count;
	uint64_t *hashes; /* of each; 0 = not given: it began behind it */
	size_t given;     /* events, in all */
	bool terminal, reset, ended, nothing_left;
	bool refused;    /* set back though it named a number that it had been given */
	bool must_reset; /* its cursor was none */
	bool ended_well; /* what the frame that ended it says */
	const char *kind;
};
struct seen *seen_create(const char *kind);
void seen_from(struct seen *seen, uint64_t number);
void seen_event(struct seen *seen, uint64_t number, const char *data, size_t len, bool terminal);
uint64_t sim_hash(const void *data, size_t len);
/* An append or end that was acknowledged. */
void oracle_written(const char *what, struct str task_id, uint32_t attempt, uint64_t number, struct str data);

#endif
