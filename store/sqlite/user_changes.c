/* What changes an account, and what ends it. */
#include "store/sqlite/parts.h"

static bool no_user(struct error *err) { return error_set(err, RPC_NOT_FOUND, "USER_NOT_FOUND", "no such user"); }

/* ---- password ---- */

static bool password_work(struct sql_conn *conn, void *self, struct error *err)
{
	const struct password_change *change = self;
	bool has = false;
	int64_t changes = 0, there = 0;
	if (!sql_run(conn,
	             "update users set hashed_password = ?2, updated_at = ?4 where id = ?1 and "
	             "(?3 is null or hashed_password = ?3)",
	             SQL_ARGS(sql_text(change->user_id), sql_text(change->new_hash),
	                      change->old_hash.ptr ? sql_text(change->old_hash) : sql_null(), sql_int(change->now_us)),
	             &changes, err))
		return false;
	if (changes)
		return sessions_revoke_all(conn, change->user_id, change->keep_session, SESSION_PASSWORD_CHANGED,
		                           change->now_us, NULL, err);
	if (!sql_run_int(conn, "select count(*) from users where id = ?1", SQL_ARGS(sql_text(change->user_id)), &has,
	                 &there, err))
		return false;
	return there ? error_set(err, RPC_ABORTED, "PASSWORD_CHANGED", "the password was changed meanwhile")
	             : no_user(err);
}

bool user_set_password(void *self, const struct password_change *change, struct error *err)
{
	struct password_change job = *change;
	return db_write(self, password_work, &job, err);
}

/* ---- profile and flags ---- */

struct profile_job {
	struct str id, nickname, phone;
	int64_t now_us;
	struct arena *arena;
	struct user *out;
};

static bool profile_work(struct sql_conn *conn, void *self, struct error *err)
{
	struct profile_job *job = self;
	struct sql_query query;
	bool has = false, found = false;
	if (!sql_start(
	        conn, &query,
	        "update users set nickname = case when ?2 then ?3 else nickname end, "
	        "phone = case when ?4 then ?5 else phone end, updated_at = ?6 where id = ?1 returning " USER_COLUMNS,
	        SQL_ARGS(sql_text(job->id), sql_int(job->nickname.ptr != NULL), sql_text_or_null(job->nickname),
	                 sql_int(job->phone.ptr != NULL), sql_text_or_null(job->phone), sql_int(job->now_us)),
	        err))
		return false;
	bool ok = sql_row(&query, &has, err);
	found = has;
	if (ok && found) user_from_row(&query, job->arena, job->out);
	while (ok && has) ok = sql_row(&query, &has, err);
	sql_end(&query);
	return ok && !found ? no_user(err) : ok;
}

bool user_update_profile(void *self, struct str id, struct str nickname, struct str phone, int64_t now_us,
                         struct arena *arena, struct user *out, struct error *err)
{
	struct profile_job job = { id, nickname, phone, now_us, arena, out };
	return db_write(self, profile_work, &job, err);
}

struct flag_job {
	struct str id;
	bool value;
	int64_t now_us;
};

static bool active_work(struct sql_conn *conn, void *self, struct error *err)
{
	const struct flag_job *job = self;
	int64_t changes = 0;
	if (!sql_run(
	        conn,
	        "update users set updated_at = case when is_active = ?2 then updated_at else ?3 end, is_active = ?2 "
	        "where id = ?1",
	        SQL_ARGS(sql_text(job->id), sql_int(job->value), sql_int(job->now_us)), &changes, err))
		return false;
	if (!changes) return no_user(err);
	return job->value || sessions_revoke_all(conn, job->id, STR(""), SESSION_USER_DISABLED, job->now_us, NULL, err);
}

bool user_set_active(void *self, struct str id, bool active, int64_t now_us, struct error *err)
{
	struct flag_job job = { id, active, now_us };
	return db_write(self, active_work, &job, err);
}

static bool superuser_work(struct sql_conn *conn, void *self, struct error *err)
{
	const struct flag_job *job = self;
	int64_t changes = 0;
	bool ok = sql_run(conn,
	                  "update users set updated_at = case when is_superuser = ?2 then updated_at else ?3 end, "
	                  "is_superuser = ?2 where id = ?1",
	                  SQL_ARGS(sql_text(job->id), sql_int(job->value), sql_int(job->now_us)), &changes, err);
	return ok && !changes ? no_user(err) : ok;
}

bool user_set_superuser(void *self, struct str id, bool superuser, int64_t now_us, struct error *err)
{
	struct flag_job job = { id, superuser, now_us };
	return db_write(self, superuser_work, &job, err);
}

/* ---- the end ---- */

/* Every table that has rows of a user, in an order that breaks no reference; the logs and checkpoints of tasks go with
 * them. A table added later is a row here (unit_store_sqlite compares with the schema). ?1 is the user. */
const struct user_owned user_owned_tables[] = {
	{ "idempotency_keys", "delete from idempotency_keys where user_id = ?1" },
	{ "diet_plans", "delete from diet_plans where user_id = ?1" },
	{ "tasks", "delete from tasks where user_id = ?1" },
	{ "pets", "delete from pets where user_id = ?1" },
	{ "refresh_tokens", "delete from refresh_tokens where user_id = ?1" },
	/* Revoked by then. What is left names nobody; it tells other processes. */
	{ "sessions",
	  "update sessions set user_id = null, user_agent = null, client_address = null where user_id = ?1" },
};
const size_t user_owned_count = COUNT(user_owned_tables);

struct remove_job {
	struct str id;
	int64_t now_us;
	struct arena *arena;
	struct str **out_open_tasks;
	size_t *out_open_count;
};

#define OPEN_TASKS "from tasks where user_id = ?1 and status in ('pending', 'running')"

static bool read_open_tasks(struct sql_conn *conn, const struct remove_job *job, struct error *err)
{
	struct sql_query query;
	bool has = false;
	int64_t total = 0;
	size_t count = 0;
	if (!sql_run_int(conn, "select count(*) " OPEN_TASKS, SQL_ARGS(sql_text(job->id)), &has, &total, err))
		return false;
	struct str *ids = arena_new_array(job->arena, struct str, (size_t)total);
	if (!sql_start(conn, &query, "select id " OPEN_TASKS, SQL_ARGS(sql_text(job->id)), err)) return false;
	bool ok;
	while ((ok = sql_row(&query, &has, err)) && has) ids[count++] = sql_get_text(&query, 0, job->arena);
	sql_end(&query);
	*job->out_open_tasks = ids;
	*job->out_open_count = count;
	return ok;
}

static bool remove_work(struct sql_conn *conn, void *self, struct error *err)
{
	const struct remove_job *job = self;
	int64_t changes = 0;
	if (!read_open_tasks(conn, job, err) ||
	    !sessions_revoke_all(conn, job->id, STR(""), SESSION_USER_DELETED, job->now_us, NULL, err))
		return false;
	for (size_t i = 0; i < user_owned_count; i++)
		if (!sql_run(conn, user_owned_tables[i].sql, SQL_ARGS(sql_text(job->id)), NULL, err))
			return error_context(err, "deleting from %s", user_owned_tables[i].table);
	bool ok = sql_run(conn, "delete from users where id = ?1", SQL_ARGS(sql_text(job->id)), &changes, err);
	return ok && !changes ? no_user(err) : ok;
}

bool user_remove(void *self, struct str id, int64_t now_us, struct arena *arena, struct str **out_open_tasks,
                 size_t *out_open_count, struct error *err)
{
	struct remove_job job = { id, now_us, arena, out_open_tasks, out_open_count };
	return db_write(self, remove_work, &job, err);
}
