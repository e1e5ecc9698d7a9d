/* store/api/task_store.h: tasks, their event log and their checkpoints (DESIGN 4 and 5). The tasks table is the queue.
 * Events of a task are numbered 1..n without gaps by the statement that also fences and serialises; a stored event never
 * changes; exactly one event is terminal, and it is the last. */
#ifndef PETFOOD_STORE_API_TASK_STORE_H
#define PETFOOD_STORE_API_TASK_STORE_H

#include "store/api/idempotency.h"
#include "store/base/arena.h"
#include "store/base/error.h"
#include "store/base/str.h"

/* Numbers of petfood.v1.TaskStatus and TaskType. */
enum task_status { TASK_PENDING = 1, TASK_RUNNING = 2, TASK_COMPLETED = 3, TASK_FAILED = 4, TASK_CANCELLED = 5 };
enum task_type { TASK_TYPE_DIET_PLAN = 1, TASK_TYPE_RESEARCH = 2, TASK_TYPE_BENCH = 3 };
const char *task_status_name(enum task_status status); /* "pending" … as stored and shown */
const char *task_type_name(enum task_type type);       /* "diet_plan" … */
/* 0 for a word that is none. */
enum task_status task_status_from(struct str name);
enum task_type task_type_from(struct str name);
bool task_status_is_final(enum task_status status);

/* DESIGN 5: 3 lost leases, then failed. The lease that has just run out counts. */
enum { TASK_LOST_LEASES_MAX = 3 };

struct task {
	struct str id, user_id;
	enum task_type type;
	enum task_status status;
	int progress;              /* 0..100, never falls */
	struct str current_node;   /* "" = none */
	struct str input;          /* packed request of the step table's owner; opaque here */
	struct str lang;           /* "zh" or "en", fixed at creation */
	bool keeps_plan;           /* non-streamed: its plan is permanent at once */
	struct str output;         /* JSON, "" until completed, and again once its draft has expired */
	struct str error_message;  /* "" = none */
	struct str error_reason;   /* "" = none */
	struct str plan_id;        /* fixed at creation: the id that its plan will have */
	struct str request_id;     /* of the call that made it, for the logs; "" = none */
	uint32_t attempt;
	uint32_t lost_leases;
	uint64_t last_event;
	int64_t created_at_us, started_at_us, completed_at_us, updated_at_us; /* 0 = not yet */
};

struct task_event {
	uint64_t number;
	struct str data;           /* JSON, one line */
	bool terminal;
	int64_t at_us;
};

/* What a run adds in one transaction. */
struct task_append {
	size_t event_count;
	const struct str *events;  /* JSON each */
	int progress;              /* raises the task's progress, never lowers it; -1 = leave */
	struct str node;           /* current_node; ptr NULL = leave */
	struct str step;           /* checkpoint to keep with it; "" = none */
	struct str step_data;
};

struct checkpoint {
	struct str step;
	struct str data;
};

struct task_filter {
	struct str user_id;
	int status, type;          /* 0 = any */
	int64_t offset, limit;
};

struct task_head {
	struct str id;
	struct str user_id;
	uint64_t last;
	bool terminal;
};

struct plan_record; /* plan_store.h */

struct task_limits {
	int64_t per_user;          /* running + pending of one user; 0 = no limit */
};

struct task_store {
	void *self;
	const struct task_store_driver {
		const char *name;

		/* Stores a pending task with its first event (task_created, number 1). Over the limit: RESOURCE_EXHAUSTED/TASK_LIMIT with
		 * `limit`. No such user: NOT_FOUND/USER_NOT_FOUND. */
		bool (*create)(void *self, const struct task *task, struct str first_event, const struct task_limits *limits,
		               const struct idempotency *idem, struct arena *arena, bool *out_replayed, struct str *out_reply,
		               struct error *err);
		/* user_id "" = whoever owns it. NOT_FOUND/TASK_NOT_FOUND, also for another user's. input and output, which may be
		 * hundreds of kilobytes, are left empty. */
		bool (*get)(void *self, struct str user_id, struct str id, struct arena *arena, struct task *out, struct error *err);
		/* The same with input and output. */
		bool (*get_whole)(void *self, struct str user_id, struct str id, struct arena *arena, struct task *out,
		                  struct error *err);
		/* Newest first (created_at, then id). input and output are left empty. A filter's user_id "" = whoever's. */
		bool (*list)(void *self, const struct task_filter *filter, struct arena *arena, struct task **out, size_t *out_count,
		             int64_t *out_total, struct error *err);

		/* Gives one waiting task to a worker, one statement: status running, attempt + 1, lease until now + lease_ms. Waiting =
		 * pending, or running with an expired lease (then lost_leases + 1) and fewer than TASK_LOST_LEASES_MAX lost, this one
		 * counted. A lease that ends more than a minute later than one given now counts as expired, here and from now on: the clock
		 * was set back. Fair: of the users with the fewest running tasks the one whom a worker began one for longest ago, and of theirs the
		 * oldest. Nothing waiting: NOT_FOUND/QUEUE_EMPTY. */
		bool (*claim)(void *self, struct str worker, int64_t now_us, int64_t lease_ms, struct arena *arena, struct task *out,
		              struct error *err);
		/* Extends the lease, also one that has run out if nobody has taken the task. ABORTED/TASK_MOVED if the attempt is not the
		 * running one any more (cancelled, taken over). */
		bool (*heartbeat)(void *self, struct str id, uint32_t attempt, int64_t now_us, int64_t lease_ms, struct error *err);
		/* Gives a claimed task back: pending again, no lease counted as lost; the attempt number stays spent. */
		bool (*give_back)(void *self, struct str id, uint32_t attempt, struct error *err);
		/* Adds events and optionally a checkpoint in one transaction; *out_first is the first event's number (without events: the
		 * number that the next one will get). ABORTED/TASK_MOVED as above: nothing is written. A step that is already
		 * checkpointed keeps its first data. */
		bool (*append)(void *self, struct str id, uint32_t attempt, int64_t now_us, const struct task_append *what,
		               uint64_t *out_first, struct error *err);
		/* One transaction: `completed` events, the terminal event, the plan row (NULL = none), output, progress 100, status completed.
		 * *out_last is the terminal event's number. */
		bool (*complete)(void *self, struct str id, uint32_t attempt, int64_t now_us, const struct task_append *what,
		                 struct str terminal_event, struct str output, const struct plan_record *plan, uint64_t *out_last,
		                 struct error *err);
		/* Status failed with the terminal event. attempt as above. */
		bool (*fail)(void *self, struct str id, uint32_t attempt, int64_t now_us, struct str reason, struct str message,
		             struct str terminal_event, uint64_t *out_last, struct error *err);
		/* Outside a run: locks the row, raises attempt (fences any worker), status cancelled. NOT_FOUND/TASK_NOT_FOUND;
		 * FAILED_PRECONDITION/TASK_FINISHED with `status`. *out_last is the terminal event's number; a replay leaves it. */
		bool (*cancel)(void *self, struct str user_id, struct str id, int64_t now_us, struct str terminal_event,
		               struct str error_message, const struct idempotency *idem, struct arena *arena, bool *out_replayed,
		               struct str *out_reply, uint64_t *out_last, struct error *err);
		/* Outside a run, by hand: a failed task waits again, for a new attempt that goes on from its checkpoints, with no lease lost;
		 * attempt is raised. The event that ended it stays as it is but is not the last any more: `event` follows, which is not terminal.
		 * NOT_FOUND/TASK_NOT_FOUND; FAILED_PRECONDITION/TASK_NOT_FAILED with `status`; OUT_OF_RANGE/LOG_EXPIRED once its log was swept,
		 * for no reader could then have it whole. */
		bool (*retry)(void *self, struct str id, int64_t now_us, struct str event, uint64_t *out_last, struct error *err);
		/* Tasks that cannot be claimed any more: lease expired with TASK_LOST_LEASES_MAX lost, this one counted. Ends one of them
		 * like cancel, but failed; NOT_FOUND/QUEUE_EMPTY when there is none. terminal_event is called in the caller's thread,
		 * outside any transaction, perhaps more than once (the task was taken up meanwhile). */
		bool (*abandon)(void *self, int64_t now_us, struct arena *arena, struct task *out, struct error *err,
		                struct str (*terminal_event)(void *ctx, struct arena *arena, const struct task *task), void *ctx,
		                struct str reason, struct str message, uint64_t *out_last);
		/* Voids every lease (SQLite at start: the lock file proves sole ownership); the tasks can be claimed at once. A voided
		 * lease counts as lost. */
		bool (*void_leases)(void *self, int64_t now_us, int64_t *out_count, struct error *err);

		/* Events with number > after, ascending, at most `limit` of them and about `bytes_max` bytes (at least one). *out_head is the
		 * log's end now. user_id as in get. */
		bool (*events)(void *self, struct str user_id, struct str id, uint64_t after, size_t limit, size_t bytes_max,
		               struct arena *arena, struct task_event **out, size_t *out_count, struct task_head *out_head,
		               struct error *err);
		/* Heads of those ids that exist (and belong to user_id unless ""), in the order asked for. */
		bool (*heads)(void *self, struct str user_id, const struct str *ids, size_t count, struct arena *arena,
		              struct task_head **out, size_t *out_count, struct error *err);
		/* In the order in which they were kept. */
		bool (*checkpoints)(void *self, struct str id, struct arena *arena, struct checkpoint **out, size_t *out_count,
		                    struct error *err);
		/* Deletes events and checkpoints of tasks that ended before `ended_before_us`, at most `limit` tasks; rows of tasks and
		 * results stay. As many idempotency keys older than that go too, unless the task that they made has not ended by then. Never
		 * touches a live log. *out_count: tasks, or keys if those were more; = limit: there may be more of them. */
		bool (*sweep)(void *self, int64_t ended_before_us, size_t limit, int64_t *out_count, struct error *err);
		/* Running and pending tasks, for metrics and health. */
		bool (*count_open)(void *self, int64_t *out_pending, int64_t *out_running, struct error *err);
	} *driver;
};

#endif
