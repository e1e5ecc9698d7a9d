#include <string.h>

#include "store/sqlite/parts.h"

#define SESSION_COLUMNS \
	"id, user_id, generation, token_hash, created_at, rotated_at, last_used_at, expires_at, revoked_at, " \
	"revoked_reason, " \
	"user_agent, client_address"
#define USER_IS_ACTIVE "exists (select 1 from users u where u.id = sessions.user_id and u.is_active)"

static struct str text_or_none(const struct sql_query *row, int column, struct arena *arena)
{
	return sql_get_null(row, column) ? STR_NONE : sql_get_text(row, column, arena);
}

static struct sql_value value_or_null(struct str text) { return text.ptr ? sql_text(text) : sql_null(); }

static struct sql_value hash_value(const unsigned char *hash)
{
	return sql_bytes((struct str){ (const char *)hash, SESSION_HASH_BYTES });
}

static void session_from_row(const struct sql_query *row, struct arena *arena, struct session *out)
{
	*out = (struct session){
		.id = sql_get_text(row, 0, arena),
		.user_id = sql_get_text(row, 1, arena),
		.generation = (uint32_t)sql_get_int(row, 2),
		.created_at_us = sql_get_int(row, 4),
		.rotated_at_us = sql_get_int(row, 5),
		.last_used_at_us = sql_get_int(row, 6),
		.expires_at_us = sql_get_int(row, 7),
		.revoked_at_us = sql_get_int(row, 8),
		.end = session_end_from(sql_get_text(row, 9, arena)),
		.user_agent = text_or_none(row, 10, arena),
		.client_address = text_or_none(row, 11, arena),
	};
	struct str hash = sql_get_text(row, 3, arena);
	if (hash.len == SESSION_HASH_BYTES) memcpy(out->hash, hash.ptr, SESSION_HASH_BYTES);
}

/* ---- sign-in ---- */

/* The session stands for the user as they are at this moment; the check and the writes are one transaction. */
static bool user_may_enter(struct sql_conn *conn, const struct session_start *start, struct error *err)
{
	struct sql_query query;
	bool has = false, active = false, same = false;
	if (!sql_start(conn, &query,
	               "select is_active, ?2 is null or coalesce(hashed_password, '') = ?2 from users where id = ?1",
	               SQL_ARGS(sql_text(start->user_id), value_or_null(start->password_hash)), err))
		return false;
	bool ok = sql_row(&query, &has, err);
	if (ok && has) {
		active = sql_get_int(&query, 0) != 0;
		same = sql_get_int(&query, 1) != 0;
	}
	sql_end(&query);
	if (!ok) return false;
	if (!has) return error_set(err, RPC_NOT_FOUND, "USER_NOT_FOUND", "no such user");
	if (!same) return error_set(err, RPC_ABORTED, "PASSWORD_CHANGED", "the password was changed meanwhile");
	return active ? true : error_set(err, RPC_UNAUTHENTICATED, "USER_DISABLED", "the user is disabled");
}

/* Keeps what one user can pile up bounded: the new one is the last used, and stays. */
static bool crowd_out(struct sql_conn *conn, const struct session_start *start, struct error *err)
{
	return sql_run(conn,
	               "update sessions set revoked_at = ?2, revoked_reason = ?3 where id in (select id from sessions "
	               "where user_id = ?1 and revoked_at is null and expires_at > ?2 and id <> ?5 "
	               "order by last_used_at desc, id limit -1 offset ?4)",
	               SQL_ARGS(sql_text(start->user_id), sql_int(start->now_us),
	                        sql_cstr(session_end_name(SESSION_CROWDED_OUT)), sql_int(SESSIONS_PER_USER_MAX - 1),
	                        sql_text(start->id)),
	               NULL, err);
}

bool session_insert(struct sql_conn *conn, const struct session_start *start, struct error *err)
{
	return sql_run(
	    conn,
	    "insert into sessions (id, user_id, generation, token_hash, created_at, rotated_at, last_used_at, "
	    "expires_at, user_agent, client_address) values (?1, ?2, 1, ?3, ?4, ?4, ?4, ?5, ?6, ?7)",
	    SQL_ARGS(sql_text(start->id), sql_text(start->user_id), hash_value(start->hash), sql_int(start->now_us),
	             sql_int(start->expires_at_us), value_or_null(session_agent_fit(start->user_agent)),
	             value_or_null(session_address_fit(start->client_address))),
	    NULL, err);
}

static bool create_work(struct sql_conn *conn, void *self, struct error *err)
{
	const struct session_start *start = self;
	if (!user_may_enter(conn, start, err)) return false;
	if (start->new_password_hash.ptr &&
	    !sql_run(conn, "update users set hashed_password = ?2 where id = ?1",
	             SQL_ARGS(sql_text(start->user_id), sql_text(start->new_password_hash)), NULL, err))
		return false;
	return session_insert(conn, start, err) && crowd_out(conn, start, err);
}

static bool session_create(void *self, const struct session_start *start, struct error *err)
{
	struct session_start job = *start;
	return db_write(self, create_work, &job, err);
}

/* ---- refresh ---- */

struct rotate_job {
	const struct session_rotation *rotation;
	struct arena *arena;
	enum session_outcome *out_outcome;
	struct session *out;
};

static bool revoke_reused(struct sql_conn *conn, const struct rotate_job *job, struct error *err)
{
	job->out->revoked_at_us = job->rotation->now_us;
	job->out->end = SESSION_TOKEN_REUSED;
	return sql_run(conn, "update sessions set revoked_at = ?2, revoked_reason = ?3 where id = ?1",
	               SQL_ARGS(sql_text(job->rotation->id), sql_int(job->rotation->now_us),
	                        sql_cstr(session_end_name(SESSION_TOKEN_REUSED))),
	               NULL, err);
}

/* Not the winner: what was the token that was presented? */
static bool judge_loser(struct sql_conn *conn, const struct rotate_job *job, struct error *err)
{
	const struct session_rotation *rotation = job->rotation;
	struct sql_query query;
	bool has = false;
	*job->out_outcome = SESSION_GONE;
	if (!sql_start(conn, &query,
	               "select " SESSION_COLUMNS
	               " from sessions where id = ?1 and revoked_at is null and expires_at > ?2 and " USER_IS_ACTIVE,
	               SQL_ARGS(sql_text(rotation->id), sql_int(rotation->now_us)), err))
		return false;
	bool ok = sql_row(&query, &has, err);
	if (ok && has) session_from_row(&query, job->arena, job->out);
	sql_end(&query);
	if (!ok || !has) return ok;
	if (rotation->generation >= job->out->generation) { /* of the future, or of this generation but never issued */
		*job->out = (struct session){ 0 };
		return true;
	}
	int64_t age_us = rotation->now_us - job->out->rotated_at_us;
	if (rotation->generation + 1 == job->out->generation && age_us >= -SESSION_SKEW_US &&
	    age_us <= SESSION_GRACE_US) {
		*job->out_outcome = SESSION_GRACE;
		return true;
	}
	*job->out_outcome = SESSION_REUSED;
	return revoke_reused(conn, job, err);
}

static bool rotate_work(struct sql_conn *conn, void *self, struct error *err)
{
	const struct rotate_job *job = self;
	const struct session_rotation *rotation = job->rotation;
	struct sql_query query;
	bool has = false;
	*job->out = (struct session){ 0 };
	if (!sql_start(conn, &query,
	               "update sessions set generation = generation + 1, token_hash = ?4, rotated_at = ?5, "
	               "last_used_at = ?5, expires_at = ?6, user_agent = coalesce(?7, user_agent), "
	               "client_address = coalesce(?8, client_address) where id = ?1 and generation = ?2 and "
	               "token_hash = ?3 and revoked_at is null and expires_at > ?5 and " USER_IS_ACTIVE
	               " returning " SESSION_COLUMNS,
	               SQL_ARGS(sql_text(rotation->id), sql_int(rotation->generation), hash_value(rotation->hash),
	                        hash_value(rotation->next_hash), sql_int(rotation->now_us),
	                        sql_int(rotation->expires_at_us),
	                        value_or_null(session_agent_fit(rotation->user_agent)),
	                        value_or_null(session_address_fit(rotation->client_address))),
	               err))
		return false;
	bool ok = sql_row(&query, &has, err);
	bool won = ok && has;
	if (won) session_from_row(&query, job->arena, job->out);
	while (ok && has) ok = sql_row(&query, &has, err);
	sql_end(&query);
	if (!ok) return false;
	if (!won) return judge_loser(conn, job, err);
	*job->out_outcome = SESSION_ROTATED;
	return true;
}

static bool session_rotate(void *self, const struct session_rotation *rotation, struct arena *arena,
                           enum session_outcome *out_outcome, struct session *out, struct error *err)
{
	struct rotate_job job = { rotation, arena, out_outcome, out };
	return db_write(self, rotate_work, &job, err);
}

/* ---- reading ---- */

static bool not_found(struct error *err)
{
	return error_set(err, RPC_NOT_FOUND, "SESSION_NOT_FOUND", "no such session");
}

static bool session_get(void *self, struct str user_id, struct str id, struct arena *arena, struct session *out,
                        struct error *err)
{
	struct sql_conn *conn = NULL;
	struct sql_query query = { 0 };
	bool has = false, ok = false;
	if (!db_take_reader(self, &conn, err)) return false;
	if (!sql_start(conn, &query,
	               "select " SESSION_COLUMNS " from sessions where id = ?1 and (?2 = '' or user_id = ?2)",
	               SQL_ARGS(sql_text(id), sql_text(user_id)), err))
		goto out;
	if (!sql_row(&query, &has, err)) goto out;
	if (has) session_from_row(&query, arena, out);
	ok = has ? true : not_found(err);
out:
	sql_end(&query);
	db_give_reader(self, &conn);
	return ok;
}

#define LISTED "from sessions where user_id = ?1 and (?2 or (revoked_at is null and expires_at > ?3))"

static bool session_list(void *self, struct str user_id, bool ended_too, int64_t now_us, struct arena *arena,
                         struct session **out, size_t *out_count, struct error *err)
{
	struct sql_conn *conn = NULL;
	struct sql_query query = { 0 };
	bool has = false, ok = false;
	int64_t total = 0;
	size_t count = 0;
	if (!db_take_reader(self, &conn, err)) return false;
	if (!sql_run_int(conn, "select count(*) " LISTED,
	                 SQL_ARGS(sql_text(user_id), sql_int(ended_too), sql_int(now_us)), &has, &total, err))
		goto out;
	struct session *sessions = arena_new_array(arena, struct session, (size_t)total);
	if (!sql_start(conn, &query, "select " SESSION_COLUMNS " " LISTED " order by last_used_at desc, id",
	               SQL_ARGS(sql_text(user_id), sql_int(ended_too), sql_int(now_us)), err))
		goto out;
	while ((ok = sql_row(&query, &has, err)) && has) session_from_row(&query, arena, &sessions[count++]);
	*out = sessions;
	*out_count = count;
out:
	sql_end(&query);
	db_give_reader(self, &conn);
	return ok;
}

static bool session_revoked_since(void *self, int64_t since_us, struct arena *arena, struct str **out_ids,
                                  size_t *out_count, struct error *err)
{
	struct sql_conn *conn = NULL;
	struct sql_query query = { 0 };
	bool has = false, ok = false;
	int64_t total = 0;
	size_t count = 0;
	if (!db_take_reader(self, &conn, err)) return false;
	if (!sql_run_int(conn, "select count(*) from sessions where revoked_at is not null and revoked_at >= ?1",
	                 SQL_ARGS(sql_int(since_us)), &has, &total, err))
		goto out;
	struct str *ids = arena_new_array(arena, struct str, (size_t)total);
	if (!sql_start(
	        conn, &query,
	        "select id from sessions where revoked_at is not null and revoked_at >= ?1 order by revoked_at, id",
	        SQL_ARGS(sql_int(since_us)), err))
		goto out;
	while ((ok = sql_row(&query, &has, err)) && has) ids[count++] = sql_get_text(&query, 0, arena);
	*out_ids = ids;
	*out_count = count;
out:
	sql_end(&query);
	db_give_reader(self, &conn);
	return ok;
}

/* ---- the end ---- */

struct revoke_job {
	struct str user_id, id; /* revoke_all: id is the one that stays */
	enum session_end end;
	int64_t now_us;
	int64_t *out_count;
};

static bool revoke_work(struct sql_conn *conn, void *self, struct error *err)
{
	struct revoke_job *job = self;
	int64_t changes = 0;
	bool ok = sql_run(conn,
	                  "update sessions set revoked_at = ?3, revoked_reason = ?4 where id = ?1 and "
	                  "(?2 = '' or user_id = ?2) and revoked_at is null",
	                  SQL_ARGS(sql_text(job->id), sql_text(job->user_id), sql_int(job->now_us),
	                           sql_cstr(session_end_name(job->end))),
	                  &changes, err);
	return ok && !changes ? not_found(err) : ok;
}

static bool session_revoke(void *self, struct str user_id, struct str id, enum session_end end, int64_t now_us,
                           struct error *err)
{
	struct revoke_job job = { user_id, id, end, now_us, NULL };
	return db_write(self, revoke_work, &job, err);
}

bool sessions_revoke_all(struct sql_conn *conn, struct str user_id, struct str except_id, enum session_end end,
                         int64_t now_us, int64_t *out_count, struct error *err)
{
	return sql_run(
	    conn,
	    "update sessions set revoked_at = ?3, revoked_reason = ?4 where user_id = ?1 and id <> ?2 and "
	    "revoked_at is null and expires_at > ?3",
	    SQL_ARGS(sql_text(user_id), sql_text(except_id), sql_int(now_us), sql_cstr(session_end_name(end))),
	    out_count, err);
}

static bool revoke_all_work(struct sql_conn *conn, void *self, struct error *err)
{
	struct revoke_job *job = self;
	return sessions_revoke_all(conn, job->user_id, job->id, job->end, job->now_us, job->out_count, err);
}

static bool session_revoke_all(void *self, struct str user_id, struct str except_id, enum session_end end,
                               int64_t now_us, int64_t *out_count, struct error *err)
{
	struct revoke_job job = { user_id, except_id, end, now_us, out_count };
	return db_write(self, revoke_all_work, &job, err);
}

struct sweep_job {
	int64_t ended_before_us;
	size_t limit;
	int64_t *out_count;
};

static bool sweep_work(struct sql_conn *conn, void *self, struct error *err)
{
	struct sweep_job *job = self;
	return sql_run(conn,
	               "delete from sessions where id in (select id from sessions where expires_at < ?1 union "
	               "select id from sessions where revoked_at is not null and revoked_at < ?1 limit ?2)",
	               SQL_ARGS(sql_int(job->ended_before_us), sql_uint(job->limit)), job->out_count, err);
}

static bool session_sweep(void *self, int64_t ended_before_us, size_t limit, int64_t *out_count, struct error *err)
{
	struct sweep_job job = { ended_before_us, limit, out_count };
	return db_write(self, sweep_work, &job, err);
}

const struct session_store_driver sqlite_session_store = {
	.name = "sqlite",
	.create = session_create,
	.rotate = session_rotate,
	.get = session_get,
	.list = session_list,
	.revoke = session_revoke,
	.revoke_all = session_revoke_all,
	.revoked_since = session_revoked_since,
	.sweep = session_sweep,
};
