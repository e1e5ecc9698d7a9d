#include "store/base/uuid.h"
#include "store/sqlite/parts.h"

enum { USERNAME_CHARS_MAX = 50 }; /* of the column (CONTRACT 8.1) */

struct ensure_job {
	struct str username;
	const char *new_id;
	int64_t now_us;
	struct arena *arena;
	struct user *out;
	bool *out_created;
};

#define USER_COLUMNS "id, username, email, is_active, created_at, updated_at"

static void user_from_row(const struct sql_query *row, struct arena *arena, struct user *out)
{
	*out = (struct user){
		.id = sql_get_text(row, 0, arena),
		.username = sql_get_text(row, 1, arena),
		.email = sql_get_text(row, 2, arena),
		.is_active = sql_get_int(row, 3) != 0,
		.created_at_us = sql_get_int(row, 4),
		.updated_at_us = sql_get_int(row, 5),
	};
}

static bool ensure_work(struct sql_conn *conn, void *self, struct error *err)
{
	struct ensure_job *job = self;
	struct sql_query query;
	bool has = false;
	int64_t changes = 0;
	if (!sql_run(conn,
	             "insert into users (id, username, created_at, updated_at) values (?1, ?2, ?3, ?3) on conflict "
	             "(username) do nothing",
	             SQL_ARGS(sql_cstr(job->new_id), sql_text(job->username), sql_int(job->now_us)), &changes, err))
		return false;
	if (!sql_start(conn, &query, "select " USER_COLUMNS " from users where username = ?1",
	               SQL_ARGS(sql_text(job->username)), err))
		return false;
	bool ok = sql_row(&query, &has, err);
	if (ok && !has) ok = error_set(err, RPC_INTERNAL, "INTERNAL", "a user vanished inside a transaction");
	if (ok) user_from_row(&query, job->arena, job->out);
	*job->out_created = changes > 0;
	sql_end(&query);
	return ok;
}

static bool user_ensure(void *self, struct str username, int64_t now_us, struct arena *arena, struct user *out,
                        bool *out_created, struct error *err)
{
	char id[UUID_TEXT_BYTES];
	uuid_make(id);
	struct ensure_job job = { username, id, now_us, arena, out, out_created };
	if (username.len == 0 || !str_is_utf8(username) || str_utf8_length(username) > USERNAME_CHARS_MAX) {
		error_clear(err);
		return error_violation(err, "username", "string_length", "1 to %d characters of UTF-8",
		                       USERNAME_CHARS_MAX);
	}
	return db_write(self, ensure_work, &job, err);
}

static bool user_get(void *self, struct str id, struct arena *arena, struct user *out, struct error *err)
{
	struct sql_conn *conn = NULL;
	struct sql_query query = { 0 };
	bool has = false, ok = false;
	if (!db_take_reader(self, &conn, err)) return false;
	if (!sql_start(conn, &query, "select " USER_COLUMNS " from users where id = ?1", SQL_ARGS(sql_text(id)), err))
		goto out;
	if (!sql_row(&query, &has, err)) goto out;
	if (has) user_from_row(&query, arena, out);
	ok = has ? true : error_set(err, RPC_NOT_FOUND, "USER_NOT_FOUND", "no such user");
out:
	sql_end(&query);
	db_give_reader(self, &conn);
	return ok;
}

const struct user_store_driver sqlite_user_store = { .name = "sqlite", .ensure = user_ensure, .get = user_get };
