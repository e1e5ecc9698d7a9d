/* Writes that a key guards: the one place where keys are inserted, replayed and forgotten. */
#include <string.h>

#include "store/sqlite/parts.h"

/* The key goes in first, so that of two equal calls one waits for the other (DESIGN 3). *out_new = false: it was there. */
static bool key_insert(struct sql_conn *conn, const struct keyed_write *write, bool *out_new, struct error *err)
{
	const struct idempotency *idem = write->idem;
	int64_t changes = 0;
	struct str hash = { (const char *)idem->request_hash, sizeof idem->request_hash };
	if (!sql_run(conn,
	             "insert into idempotency_keys (user_id, method, key, request_hash, reply, created_at, task_id) "
	             "values (?1, ?2, ?3, ?4, ?5, ?6, ?7) on conflict (user_id, method, key) do nothing",
	             SQL_ARGS(sql_text(idem->user_id), sql_text(idem->method), sql_text(idem->key), sql_bytes(hash),
	                      sql_bytes(idem->reply), sql_int(write->now_us), sql_text_or_null(write->task_id)),
	             &changes, err))
		return false;
	*out_new = changes > 0;
	return true;
}

/* *out_replayed = false: there is no such key. */
static bool key_replay(struct sql_conn *conn, const struct keyed_write *write, struct error *err)
{
	const struct idempotency *idem = write->idem;
	struct sql_query query;
	bool has = false;
	if (!sql_start(
	        conn, &query,
	        "select request_hash, reply from idempotency_keys where user_id = ?1 and method = ?2 and key = ?3",
	        SQL_ARGS(sql_text(idem->user_id), sql_text(idem->method), sql_text(idem->key)), err))
		return false;
	bool ok = sql_row(&query, &has, err);
	if (ok && has) {
		struct str hash = sql_get_text(&query, 0, write->arena);
		if (hash.len != sizeof idem->request_hash || memcmp(hash.ptr, idem->request_hash, hash.len) != 0)
			ok = error_set(err, RPC_INVALID_ARGUMENT, "IDEMPOTENCY_MISMATCH",
			               "the key was used for another request");
	}
	if (ok && has) {
		*write->out_replayed = true;
		*write->out_reply = sql_get_text(&query, 1, write->arena);
	}
	sql_end(&query);
	return ok;
}

struct guarded {
	const struct keyed_write *write;
	db_work *work;
	void *job;
};

static bool guarded_work(struct sql_conn *conn, void *self, struct error *err)
{
	const struct guarded *guarded = self;
	const struct keyed_write *write = guarded->write;
	bool is_new = true;
	if (write->out_replayed) *write->out_replayed = false;
	if (write->out_reply) *write->out_reply = STR_NONE;
	if (write->idem && !key_insert(conn, write, &is_new, err)) return false;
	if (is_new) return guarded->work(conn, guarded->job, err);
	return key_replay(conn, write, err) &&
	       (*write->out_replayed ||
	        error_set(err, RPC_INTERNAL, "INTERNAL", "an idempotency key vanished inside a transaction"));
}

bool keyed_write(struct db *db, const struct keyed_write *write, db_work *work, void *job, struct error *err)
{
	struct guarded guarded = { write, work, job };
	return db_write(db, guarded_work, &guarded, err);
}

static bool find_work(struct sql_conn *conn, void *self, struct error *err)
{
	const struct keyed_write *write = self;
	*write->out_replayed = false;
	*write->out_reply = STR_NONE;
	return key_replay(conn, write, err);
}

bool key_find(struct db *db, const struct idempotency *idem, struct arena *arena, bool *out_replayed,
              struct str *out_reply, struct error *err)
{
	struct keyed_write write = {
		.idem = idem, .arena = arena, .out_replayed = out_replayed, .out_reply = out_reply
	};
	return db_write(db, find_work, &write, err); /* the writer's turn comes when whoever used the key is done */
}

bool keys_sweep(struct sql_conn *conn, int64_t before_us, size_t limit, int64_t *out_count, struct error *err)
{
	return sql_run(conn,
	               "delete from idempotency_keys where (user_id, method, key) in (select user_id, method, key "
	               "from idempotency_keys k where created_at < ?1 and not exists (select 1 from tasks t "
	               "where t.id = k.task_id and (t.completed_at is null or t.completed_at >= ?1)) "
	               "order by created_at limit ?2)",
	               SQL_ARGS(sql_int(before_us), sql_uint(limit)), out_count, err);
}
