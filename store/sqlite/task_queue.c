/* Who works on what: a task is made, taken, kept alive, handed back, and forgotten. */
#include "store/sqlite/parts.h"

/* ---- create ---- */

struct create_job {
	const struct task *task;
	struct str first_event;
	const struct task_limits *limits;
};

static bool limit_check(struct sql_conn *conn, struct str user_id, const struct task_limits *limits, struct error *err)
{
	bool has = false;
	int64_t open = 0;
	if (!limits || limits->per_user <= 0) return true;
	if (!sql_run_int(conn, "select count(*) from tasks where user_id = ?1 and status in ('pending', 'running')",
	                 SQL_ARGS(sql_text(user_id)), &has, &open, err))
		return false;
	if (open < limits->per_user) return true;
	error_set(err, RPC_RESOURCE_EXHAUSTED, "TASK_LIMIT", "the user has %d open tasks", (int)open);
	return error_param(err, "limit", "%lld", (long long)limits->per_user);
}

static bool create_work(struct sql_conn *conn, void *self, struct error *err)
{
	struct create_job *job = self;
	const struct task *task = job->task;
	if (!limit_check(conn, task->user_id, job->limits, err)) return false;
	if (!sql_run(conn,
	             "insert into tasks (id, user_id, task_type, status, input, lang, keeps_plan, plan_id, last_event, "
	             "created_at, updated_at, request_id) "
	             "values (?1, ?2, ?3, 'pending', ?4, ?5, ?6, ?7, 1, ?8, ?8, ?9)",
	             SQL_ARGS(sql_text(task->id), sql_text(task->user_id), sql_cstr(task_type_name(task->type)),
	                      sql_bytes(task->input), sql_text(task->lang), sql_int(task->keeps_plan),
	                      sql_text_or_null(task->plan_id), sql_int(task->created_at_us),
	                      sql_text_or_null(task->request_id)),
	             NULL, err)) {
		if (conn->failed_rc == SQLITE_CONSTRAINT_FOREIGNKEY)
			return error_set(err, RPC_NOT_FOUND, "USER_NOT_FOUND", "no user " STR_FMT,
			                 STR_ARG(task->user_id));
		return false;
	}
	return task_event_insert(conn, task->id, 1, job->first_event, false, task->created_at_us, err);
}

bool task_create(void *self, const struct task *task, struct str first_event, const struct task_limits *limits,
                 const struct idempotency *idem, struct arena *arena, bool *out_replayed, struct str *out_reply,
                 struct error *err)
{
	struct create_job job = { task, first_event, limits };
	const struct keyed_write write = { idem, arena, out_replayed, out_reply, task->created_at_us, task->id };
	return keyed_write(self, &write, create_work, &job, err);
}

/* ---- leases ---- */

struct claim_job {
	struct str worker;
	int64_t now_us, lease_ms;
	struct arena *arena;
	struct task *out;
	bool found;
};

/* A lease that ends later than any given now could: the clock was set back since, perhaps by hours, and what nobody works on would
 * wait for as long. The minute is for a claim that waits for the writer while leases are given behind its back. */
static bool void_leases_ahead(struct sql_conn *conn, const struct claim_job *job, struct error *err)
{
	enum { CLAIM_WAITS_MS = 60000 };
	return sql_run(conn,
	               "update tasks set lease_until = 0 where status in ('pending', 'running') and status = 'running' "
	               "and lease_until > ?1",
	               SQL_ARGS(sql_int(job->now_us + (job->lease_ms + CLAIM_WAITS_MS) * 1000)), NULL, err);
}

static bool claim_work(struct sql_conn *conn, void *self, struct error *err)
{
	struct claim_job *job = self;
	struct sql_query query;
	bool has = false;
	if (!void_leases_ahead(conn, job, err)) return false;
	if (!sql_start(conn, &query,
	               "with busy as (select o.user_id, count(*) filter (where o.status = 'running' and o.lease_until "
	               "> ?2) as running, "
	               "(select max(b.started_at) from tasks b where b.user_id = o.user_id) as served "
	               "from tasks o where o.status in ('pending', 'running') group by o.user_id) "
	               "update tasks set status = 'running', attempt = attempt + 1, "
	               "lost_leases = lost_leases + case when status = 'running' then 1 else 0 end, "
	               "worker = ?1, lease_until = ?3, started_at = coalesce(started_at, ?2), updated_at = ?2 "
	               "where id = (select t.id from tasks t join busy b on b.user_id = t.user_id "
	               "where t.status in ('pending', 'running') "
	               "and (t.status = 'pending' or (t.lease_until <= ?2 and t.lost_leases + 1 < ?4)) "
	               "order by b.running, coalesce(b.served, 0), t.created_at, t.id limit 1) "
	               "returning " TASK_COLUMNS,
	               SQL_ARGS(sql_text(job->worker), sql_int(job->now_us),
	                        sql_int(job->now_us + job->lease_ms * 1000), sql_int(TASK_LOST_LEASES_MAX)),
	               err))
		return false;
	bool ok = sql_row(&query, &has, err);
	if (ok && has) task_from_row(&query, job->arena, job->out);
	for (bool more = has; ok && more;) ok = sql_row(&query, &more, err);
	sql_end(&query);
	job->found = has;
	return ok;
}

bool task_claim(void *self, struct str worker, int64_t now_us, int64_t lease_ms, struct arena *arena, struct task *out,
                struct error *err)
{
	struct claim_job job = { worker, now_us, lease_ms, arena, out, false };
	if (!db_write(self, claim_work, &job, err)) return false;
	return job.found ? true : error_set(err, RPC_NOT_FOUND, "QUEUE_EMPTY", "no task is waiting");
}

struct lease_job {
	struct str id;
	uint32_t attempt;
	int64_t lease_until_us; /* 0 = hand back */
};

static bool lease_work(struct sql_conn *conn, void *self, struct error *err)
{
	struct lease_job *job = self;
	int64_t changes = 0;
	bool ok =
	    job->lease_until_us
	        ? sql_run(
	              conn, "update tasks set lease_until = ?3 where id = ?1 and attempt = ?2 and status = 'running'",
	              SQL_ARGS(sql_text(job->id), sql_int(job->attempt), sql_int(job->lease_until_us)), &changes, err)
	        : sql_run(conn,
	                  "update tasks set status = 'pending', worker = null, lease_until = null "
	                  "where id = ?1 and attempt = ?2 and status = 'running'",
	                  SQL_ARGS(sql_text(job->id), sql_int(job->attempt)), &changes, err);
	return ok && !changes
	           ? error_set(err, RPC_ABORTED, "TASK_MOVED", "attempt %u is not the running one", job->attempt)
	           : ok;
}

bool task_heartbeat(void *self, struct str id, uint32_t attempt, int64_t now_us, int64_t lease_ms, struct error *err)
{
	struct lease_job job = { id, attempt, now_us + lease_ms * 1000 };
	return db_write(self, lease_work, &job, err);
}

bool task_give_back(void *self, struct str id, uint32_t attempt, struct error *err)
{
	struct lease_job job = { id, attempt, 0 };
	return db_write(self, lease_work, &job, err);
}

struct void_job {
	int64_t now_us;
	int64_t *out_count;
};

static bool void_work(struct sql_conn *conn, void *self, struct error *err)
{
	struct void_job *job = self;
	/* The claim, or the end, that follows counts the lease as lost; long expired, so that no clock can bring it back. */
	return sql_run(conn,
	               "update tasks set lease_until = 0, updated_at = ?1 where status in ('pending', 'running') and "
	               "status = 'running'",
	               SQL_ARGS(sql_int(job->now_us)), job->out_count, err);
}

bool task_void_leases(void *self, int64_t now_us, int64_t *out_count, struct error *err)
{
	struct void_job job = { now_us, out_count };
	return db_write(self, void_work, &job, err);
}

/* ---- sweep ---- */

struct sweep_job {
	int64_t ended_before_us;
	size_t limit;
	int64_t *out_count;
};

static bool sweep_one(struct sql_conn *conn, struct str id, int64_t ended_before_us, struct error *err)
{
	return sql_run(conn, "delete from task_events where task_id = ?1", SQL_ARGS(sql_text(id)), NULL, err) &&
	       sql_run(conn, "delete from task_checkpoints where task_id = ?1", SQL_ARGS(sql_text(id)), NULL, err) &&
	       sql_run(conn, "update tasks set swept_at = ?2 where id = ?1",
	               SQL_ARGS(sql_text(id), sql_int(ended_before_us)), NULL, err);
}

static bool sweep_work(struct sql_conn *conn, void *self, struct error *err)
{
	struct sweep_job *job = self;
	struct arena *scratch = arena_create(0);
	struct str *ids = arena_new_array(scratch, struct str, job->limit);
	struct sql_query query;
	bool has = true;
	int64_t count = 0;
	bool ok = sql_start(conn, &query,
	                    "select id from tasks where swept_at is null and completed_at < ?1 "
	                    "and status in ('completed', 'failed', 'cancelled') order by completed_at limit ?2",
	                    SQL_ARGS(sql_int(job->ended_before_us), sql_uint(job->limit)), err);
	while (ok && (ok = sql_row(&query, &has, err)) && has) ids[count++] = sql_get_text(&query, 0, scratch);
	sql_end(&query);
	for (int64_t i = 0; ok && i < count; i++) ok = sweep_one(conn, ids[i], job->ended_before_us, err);
	arena_destroy(&scratch);
	int64_t keys = 0;
	ok = ok && keys_sweep(conn, job->ended_before_us, job->limit, &keys, err);
	*job->out_count = count > keys ? count : keys;
	return ok;
}

bool task_sweep(void *self, int64_t ended_before_us, size_t limit, int64_t *out_count, struct error *err)
{
	enum { ROUND_MAX = 1000 }; /* the writer is not held for longer; the caller comes again */
	struct sweep_job job = { ended_before_us, limit < ROUND_MAX ? limit : ROUND_MAX, out_count };
	return db_write(self, sweep_work, &job, err);
}
