/* The mail queue. `next_at` is when a mail is due, and, while `leased`, when its claim lapses. */
#include "store/sqlite/parts.h"

static bool enqueue_work(struct sql_conn *conn, void *self, struct error *err)
{
	const struct mail_job *job = self;
	return sql_run(conn,
	               "insert into mail_queue (id, reference, body, next_at, expires_at, created_at) values (?1, ?2, "
	               "?3, ?5, ?4, ?5)",
	               SQL_ARGS(sql_text(job->id), sql_text(job->reference), sql_bytes(job->body),
	                        sql_int(job->expires_at_us), sql_int(job->created_at_us)),
	               NULL, err);
}

static bool mail_enqueue(void *self, const struct mail_job *job, struct error *err)
{
	struct mail_job copy = *job;
	if (!copy.reference.ptr) copy.reference = STR("");
	return db_write(self, enqueue_work, &copy, err);
}

static bool mail_next_due(void *self, int64_t *out_at_us, struct error *err)
{
	struct sql_conn *conn = NULL;
	bool has = false;
	int64_t at_us = 0;
	if (!db_take_reader(self, &conn, err)) return false;
	bool ok = sql_run_int(conn, "select next_at from mail_queue where status = 'pending' order by next_at limit 1",
	                      SQL_NO_ARGS, &has, &at_us, err);
	db_give_reader(self, &conn);
	if (ok) *out_at_us = has ? at_us : 0;
	return ok;
}

struct claim_job {
	int64_t now_us, lease_us;
	struct arena *arena;
	struct mail_job *out;
	bool *out_has;
};

static bool claim_work(struct sql_conn *conn, void *self, struct error *err)
{
	const struct claim_job *job = self;
	struct sql_query query;
	if (!sql_start(conn, &query,
	               "update mail_queue set attempt = attempt + 1, leased = true, next_at = ?2 where id = (select id "
	               "from mail_queue "
	               "where status = 'pending' and (next_at <= ?1 or next_at > ?2) order by next_at, created_at, id limit 1) "
	               "returning id, reference, body, attempt, created_at, expires_at",
	               SQL_ARGS(sql_int(job->now_us), sql_int(job->now_us + job->lease_us)), err))
		return false;
	bool ok = sql_row(&query, job->out_has, err);
	if (ok && *job->out_has) {
		*job->out = (struct mail_job){
			.id = sql_get_text(&query, 0, job->arena),
			.reference = sql_get_text(&query, 1, job->arena),
			.body = sql_get_text(&query, 2, job->arena),
			.attempt = (uint32_t)sql_get_int(&query, 3),
			.created_at_us = sql_get_int(&query, 4),
			.expires_at_us = sql_get_int(&query, 5),
		};
		bool more = false; /* the statement is over once it says that there is no further row */
		ok = sql_row(&query, &more, err);
	}
	sql_end(&query);
	return ok;
}

static bool mail_claim(void *self, int64_t now_us, int64_t lease_ms, struct arena *arena, struct mail_job *out,
                       bool *out_has, struct error *err)
{
	struct claim_job job = { now_us, lease_ms * 1000, arena, out, out_has };
	return db_write(self, claim_work, &job, err);
}

struct end_job {
	struct str id;
	uint32_t attempt;
	const char *status;
	struct str reason;
	int64_t at_us; /* of the end, or of the next try */
};

static bool moved_unless(int64_t changes, struct error *err)
{
	return changes > 0 || error_set(err, RPC_ABORTED, "MAIL_MOVED", "the mail has ended, or somebody else has it");
}

static bool end_work(struct sql_conn *conn, void *self, struct error *err)
{
	const struct end_job *job = self;
	int64_t changes = 0;
	return sql_run(conn,
	               "update mail_queue set status = ?3, reason = ?4, body = null, leased = false, ended_at = ?5 "
	               "where id = ?1 and attempt = ?2 and leased and status = 'pending'",
	               SQL_ARGS(sql_text(job->id), sql_int(job->attempt), sql_cstr(job->status),
	                        sql_text_or_null(job->reason), sql_int(job->at_us)),
	               &changes, err) &&
	       moved_unless(changes, err);
}

static bool mail_done(void *self, struct str id, uint32_t attempt, int64_t now_us, struct error *err)
{
	struct end_job job = { id, attempt, "sent", STR_NONE, now_us };
	return db_write(self, end_work, &job, err);
}

static bool mail_fail(void *self, struct str id, uint32_t attempt, int64_t now_us, struct str reason, struct error *err)
{
	struct end_job job = { id, attempt, "failed", reason, now_us };
	return db_write(self, end_work, &job, err);
}

static bool retry_work(struct sql_conn *conn, void *self, struct error *err)
{
	const struct end_job *job = self;
	int64_t changes = 0;
	return sql_run(conn,
	               "update mail_queue set reason = ?3, leased = false, next_at = ?4 "
	               "where id = ?1 and attempt = ?2 and leased and status = 'pending'",
	               SQL_ARGS(sql_text(job->id), sql_int(job->attempt), sql_text_or_null(job->reason),
	                        sql_int(job->at_us)),
	               &changes, err) &&
	       moved_unless(changes, err);
}

static bool mail_retry(void *self, struct str id, uint32_t attempt, int64_t next_at_us, struct str reason,
                       struct error *err)
{
	struct end_job job = { id, attempt, NULL, reason, next_at_us };
	return db_write(self, retry_work, &job, err);
}

struct many_job {
	int64_t at_us;
	size_t limit;
	int64_t *out_count;
};

static bool void_work(struct sql_conn *conn, void *self, struct error *err)
{
	const struct many_job *job = self;
	return sql_run(conn, "update mail_queue set leased = false, next_at = ?1 where status = 'pending' and leased",
	               SQL_ARGS(sql_int(job->at_us)), job->out_count, err);
}

static bool mail_void_leases(void *self, int64_t now_us, int64_t *out_count, struct error *err)
{
	struct many_job job = { now_us, 0, out_count };
	return db_write(self, void_work, &job, err);
}

static bool sweep_work(struct sql_conn *conn, void *self, struct error *err)
{
	const struct many_job *job = self;
	return sql_run(
	    conn,
	    "delete from mail_queue where id in (select id from mail_queue where status <> 'pending' and ended_at < ?1 "
	    "order by ended_at limit ?2)",
	    SQL_ARGS(sql_int(job->at_us), sql_uint(job->limit)), job->out_count, err);
}

static bool mail_sweep(void *self, int64_t ended_before_us, size_t limit, int64_t *out_count, struct error *err)
{
	struct many_job job = { ended_before_us, limit, out_count };
	return db_write(self, sweep_work, &job, err);
}

const struct mail_store_driver sqlite_mail_store = {
	.name = "sqlite",
	.enqueue = mail_enqueue,
	.next_due = mail_next_due,
	.claim = mail_claim,
	.done = mail_done,
	.fail = mail_fail,
	.retry = mail_retry,
	.void_leases = mail_void_leases,
	.sweep = mail_sweep,
};
