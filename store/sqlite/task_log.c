/* What a run, or the end of one, adds to the log. In every transaction the statement that raises last_event comes first: it
 * fences, serialises and numbers (DESIGN 4, G1). */
#include "store/sqlite/parts.h"

bool task_event_insert(struct sql_conn *conn, struct str id, uint64_t number, struct str data, bool terminal,
                       int64_t now_us, struct error *err)
{
	return sql_run(
	    conn, "insert into task_events (task_id, number, data, terminal, at) values (?1, ?2, ?3, ?4, ?5)",
	    SQL_ARGS(sql_text(id), sql_uint(number), sql_text(data), sql_int(terminal), sql_int(now_us)), NULL, err);
}

static bool moved(uint32_t attempt, struct error *err)
{
	return error_set(err, RPC_ABORTED, "TASK_MOVED", "attempt %u is not the running one", attempt);
}

struct run_job {
	struct str id;
	uint32_t attempt;
	int64_t now_us;
	const struct task_append *what;
	uint64_t *out_number;
	/* Only where the run ends: */
	enum task_status end; /* 0 = goes on */
	struct str terminal_event, output, reason, message;
	const struct plan_record *plan;
};

/* Events first + 0, + 1 …, and the checkpoint. */
static bool append_rows(struct sql_conn *conn, const struct run_job *job, uint64_t first, struct error *err)
{
	const struct task_append *what = job->what;
	for (size_t i = 0; i < what->event_count; i++)
		if (!task_event_insert(conn, job->id, first + i, what->events[i], false, job->now_us, err))
			return false;
	if (what->step.len == 0) return true;
	return sql_run(conn,
	               "insert into task_checkpoints (task_id, step, data, after_event) values (?1, ?2, ?3, ?4) "
	               "on conflict (task_id, step) do nothing",
	               SQL_ARGS(sql_text(job->id), sql_text(what->step), sql_bytes(what->step_data),
	                        sql_uint(first + what->event_count - 1)),
	               NULL, err);
}

static bool append_work(struct sql_conn *conn, void *self, struct error *err)
{
	struct run_job *job = self;
	const struct task_append *what = job->what;
	bool has = false;
	int64_t last = 0;
	if (!sql_run_int(conn,
	                 "update tasks set last_event = last_event + ?3, progress = max(progress, min(?4, 100)), "
	                 "current_node = coalesce(?5, current_node), updated_at = ?6 "
	                 "where id = ?1 and attempt = ?2 and status = 'running' returning last_event",
	                 SQL_ARGS(sql_text(job->id), sql_int(job->attempt), sql_uint(what->event_count),
	                          sql_int(what->progress), what->node.ptr ? sql_text(what->node) : sql_null(),
	                          sql_int(job->now_us)),
	                 &has, &last, err))
		return false;
	if (!has) return moved(job->attempt, err);
	uint64_t first = (uint64_t)last - what->event_count + 1;
	*job->out_number = first;
	return append_rows(conn, job, first, err);
}

bool task_append(void *self, struct str id, uint32_t attempt, int64_t now_us, const struct task_append *what,
                 uint64_t *out_first, struct error *err)
{
	struct run_job job = { .id = id, .attempt = attempt, .now_us = now_us, .what = what, .out_number = out_first };
	return db_write(self, append_work, &job, err);
}

static bool end_work(struct sql_conn *conn, void *self, struct error *err)
{
	struct run_job *job = self;
	const struct task_append *what = job->what;
	bool has = false, completed = job->end == TASK_COMPLETED;
	int64_t last = 0;
	if (!sql_run_int(
	        conn,
	        "update tasks set status = ?3, last_event = last_event + ?4, progress = max(progress, min(?5, 100)), "
	        "current_node = coalesce(?6, current_node), output_data = ?7, error_reason = ?8, error_message = ?9, "
	        "completed_at = ?10, updated_at = ?10, worker = null, lease_until = null "
	        "where id = ?1 and attempt = ?2 and status = 'running' returning last_event",
	        SQL_ARGS(sql_text(job->id), sql_int(job->attempt), sql_cstr(task_status_name(job->end)),
	                 sql_uint(what->event_count + 1), sql_int(completed ? 100 : what->progress),
	                 what->node.ptr ? sql_text(what->node) : sql_null(), sql_text_or_null(job->output),
	                 sql_text_or_null(job->reason), sql_text_or_null(job->message), sql_int(job->now_us)),
	        &has, &last, err))
		return false;
	if (!has) return moved(job->attempt, err);
	*job->out_number = (uint64_t)last;
	return append_rows(conn, job, (uint64_t)last - what->event_count, err) &&
	       (!job->plan || plan_insert(conn, job->plan, err)) &&
	       task_event_insert(conn, job->id, (uint64_t)last, job->terminal_event, true, job->now_us, err);
}

static const struct task_append nothing_more = { .progress = -1 };

bool task_complete(void *self, struct str id, uint32_t attempt, int64_t now_us, const struct task_append *what,
                   struct str terminal_event, struct str output, const struct plan_record *plan, uint64_t *out_last,
                   struct error *err)
{
	struct run_job job = { .id = id,
		               .attempt = attempt,
		               .now_us = now_us,
		               .what = what ? what : &nothing_more,
		               .out_number = out_last,
		               .end = TASK_COMPLETED,
		               .terminal_event = terminal_event,
		               .output = output,
		               .plan = plan };
	return db_write(self, end_work, &job, err);
}

bool task_fail(void *self, struct str id, uint32_t attempt, int64_t now_us, struct str reason, struct str message,
               struct str terminal_event, uint64_t *out_last, struct error *err)
{
	struct run_job job = { .id = id,
		               .attempt = attempt,
		               .now_us = now_us,
		               .what = &nothing_more,
		               .out_number = out_last,
		               .end = TASK_FAILED,
		               .terminal_event = terminal_event,
		               .reason = reason,
		               .message = message };
	return db_write(self, end_work, &job, err);
}

/* ---- ends from outside a run ---- */

struct cancel_job {
	struct str user_id, id;
	int64_t now_us;
	struct str terminal_event, error_message;
	uint64_t *out_last;
};

/* Why there was nothing to cancel. */
static bool not_cancellable(struct sql_conn *conn, const struct cancel_job *job, struct error *err)
{
	struct sql_query query;
	bool has = false;
	if (!sql_start(conn, &query, "select status from tasks where id = ?1 and (?2 = '' or user_id = ?2)",
	               SQL_ARGS(sql_text(job->id), sql_text(job->user_id)), err))
		return false;
	if (sql_row(&query, &has, err)) {
		if (has) {
			const char *status = (const char *)sqlite3_column_text(query.stmt, 0);
			error_set(err, RPC_FAILED_PRECONDITION, "TASK_FINISHED", "the task is %s", status);
			error_param(err, "status", "%s", status);
		} else {
			error_set(err, RPC_NOT_FOUND, "TASK_NOT_FOUND", "no such task");
		}
	}
	sql_end(&query);
	return false;
}

static bool cancel_work(struct sql_conn *conn, void *self, struct error *err)
{
	struct cancel_job *job = self;
	bool has = false;
	int64_t last = 0;
	/* attempt + 1 fences the worker that may be at it. */
	if (!sql_run_int(
	        conn,
	        "update tasks set status = 'cancelled', attempt = attempt + 1, last_event = last_event + 1, "
	        "error_reason = 'TASK_CANCELLED', error_message = ?3, completed_at = ?4, updated_at = ?4, worker = "
	        "null, "
	        "lease_until = null where id = ?1 and (?2 = '' or user_id = ?2) and status in ('pending', 'running') "
	        "returning last_event",
	        SQL_ARGS(sql_text(job->id), sql_text(job->user_id), sql_text_or_null(job->error_message),
	                 sql_int(job->now_us)),
	        &has, &last, err))
		return false;
	if (!has) return not_cancellable(conn, job, err);
	*job->out_last = (uint64_t)last;
	return task_event_insert(conn, job->id, (uint64_t)last, job->terminal_event, true, job->now_us, err);
}

bool task_cancel(void *self, struct str user_id, struct str id, int64_t now_us, struct str terminal_event,
                 struct str error_message, const struct idempotency *idem, struct arena *arena, bool *out_replayed,
                 struct str *out_reply, uint64_t *out_last, struct error *err)
{
	struct cancel_job job = { user_id, id, now_us, terminal_event, error_message, out_last };
	const struct keyed_write write = { idem, arena, out_replayed, out_reply, now_us, STR_NONE };
	return keyed_write(self, &write, cancel_work, &job, err);
}

struct abandon_job {
	int64_t now_us;
	struct task *task;
	struct str terminal_event, reason, message;
	uint64_t last;
	bool moved; /* it is not as it was found: look again */
};

static bool find_abandoned(struct db *db, int64_t now_us, struct arena *arena, struct task *out, struct error *err)
{
	struct sql_conn *conn = NULL;
	struct sql_query query = { 0 };
	bool has = false, ok = false;
	if (!db_take_reader(db, &conn, err)) return false;
	if (!sql_start(conn, &query,
	               "select " TASK_COLUMNS
	               " from tasks where status in ('pending', 'running') and status = 'running' "
	               "and lease_until <= ?1 and lost_leases + 1 >= ?2 order by created_at, id limit 1",
	               SQL_ARGS(sql_int(now_us), sql_int(TASK_LOST_LEASES_MAX)), err))
		goto out;
	if (!sql_row(&query, &has, err)) goto out;
	if (has) task_from_row(&query, arena, out);
	ok = has ? true : error_set(err, RPC_NOT_FOUND, "QUEUE_EMPTY", "no task is to be given up");
out:
	sql_end(&query);
	db_give_reader(db, &conn);
	return ok;
}

static bool abandon_work(struct sql_conn *conn, void *self, struct error *err)
{
	struct abandon_job *job = self;
	bool has = false;
	int64_t last = 0;
	job->moved = false;
	/* Only if it is still as it was found: a late heartbeat may have saved it, a cancel ended it. */
	if (!sql_run_int(conn,
	                 "update tasks set status = 'failed', attempt = attempt + 1, lost_leases = lost_leases + 1, "
	                 "last_event = last_event + 1, error_reason = ?4, error_message = ?5, completed_at = ?3, "
	                 "updated_at = ?3, "
	                 "worker = null, lease_until = null where id = ?1 and attempt = ?2 and status = 'running' "
	                 "and lease_until <= ?3 returning last_event",
	                 SQL_ARGS(sql_text(job->task->id), sql_int(job->task->attempt), sql_int(job->now_us),
	                          sql_text_or_null(job->reason), sql_text_or_null(job->message)),
	                 &has, &last, err))
		return false;
	if (!has) {
		job->moved = true;
		return moved(job->task->attempt, err);
	}
	job->last = (uint64_t)last;
	return task_event_insert(conn, job->task->id, (uint64_t)last, job->terminal_event, true, job->now_us, err);
}

bool task_abandon(void *self, int64_t now_us, struct arena *arena, struct task *out, struct error *err,
                  struct str (*terminal_event)(void *ctx, struct arena *arena, const struct task *task), void *ctx,
                  struct str reason, struct str message, uint64_t *out_last)
{
	for (;;) {
		struct task task;
		if (!find_abandoned(self, now_us, arena, &task, err)) return false;
		struct abandon_job job = {
			now_us, &task, terminal_event(ctx, arena, &task), reason, message, 0, false
		};
		if (!db_write(self, abandon_work, &job, err)) {
			if (job.moved) continue;
			return false;
		}
		/* As the row is now; reading it again could fail, and the event would never be published. */
		task.status = TASK_FAILED;
		task.attempt++;
		task.lost_leases++;
		task.last_event = job.last;
		task.error_reason = str_dup(arena, reason);
		task.error_message = str_dup(arena, message);
		task.completed_at_us = task.updated_at_us = now_us;
		*out = task;
		*out_last = job.last;
		return true;
	}
}

/* ---- another try after the end ---- */

struct retry_job {
	struct str id;
	int64_t now_us;
	struct str event;
	uint64_t *out_last;
};

/* Why there was nothing to retry. */
static bool not_retryable(struct sql_conn *conn, const struct retry_job *job, struct error *err)
{
	struct sql_query query;
	bool has = false;
	if (!sql_start(conn, &query, "select status from tasks where id = ?1", SQL_ARGS(sql_text(job->id)), err))
		return false;
	if (sql_row(&query, &has, err)) {
		const char *status = has ? (const char *)sqlite3_column_text(query.stmt, 0) : "";
		if (!has) {
			error_set(err, RPC_NOT_FOUND, "TASK_NOT_FOUND", "no such task");
		} else if (task_status_from(str_from(status)) == TASK_FAILED) {
			error_set(err, RPC_OUT_OF_RANGE, "LOG_EXPIRED", "the log of the task was swept");
		} else {
			error_set(err, RPC_FAILED_PRECONDITION, "TASK_NOT_FAILED", "the task is %s", status);
			error_param(err, "status", "%s", status);
		}
	}
	sql_end(&query);
	return false;
}

static bool retry_work(struct sql_conn *conn, void *self, struct error *err)
{
	struct retry_job *job = self;
	bool has = false;
	int64_t last = 0;
	if (!sql_run_int(
	        conn,
	        "update tasks set status = 'pending', attempt = attempt + 1, lost_leases = 0, last_event = last_event "
	        "+ 1, "
	        "error_reason = null, error_message = null, completed_at = null, updated_at = ?2, worker = null, "
	        "lease_until = null where id = ?1 and status = 'failed' and swept_at is null returning last_event",
	        SQL_ARGS(sql_text(job->id), sql_int(job->now_us)), &has, &last, err))
		return false;
	if (!has) return not_retryable(conn, job, err);
	*job->out_last = (uint64_t)last;
	return sql_run(conn, "update task_events set terminal = false where task_id = ?1 and terminal",
	               SQL_ARGS(sql_text(job->id)), NULL, err) &&
	       task_event_insert(conn, job->id, (uint64_t)last, job->event, false, job->now_us, err);
}

bool task_retry(void *self, struct str id, int64_t now_us, struct str event, uint64_t *out_last, struct error *err)
{
	struct retry_job job = { id, now_us, event, out_last };
	return db_write(self, retry_work, &job, err);
}
