/* Accounts: made, found, read. What changes or ends one is in user_changes.c. */
#include "store/base/uuid.h"
#include "store/sqlite/parts.h"

enum { USERNAME_CHARS_MAX = 50 }; /* of the column (CONTRACT 8.1) */

static struct str text_or_none(const struct sql_query *row, int column, struct arena *arena)
{
	return sql_get_null(row, column) ? STR_NONE : sql_get_text(row, column, arena);
}

void user_from_row(const struct sql_query *row, struct arena *arena, struct user *out)
{
	*out = (struct user){
		.id = sql_get_text(row, 0, arena),
		.username = sql_get_text(row, 1, arena),
		.email = sql_get_text(row, 2, arena),
		.nickname = text_or_none(row, 3, arena),
		.phone = text_or_none(row, 4, arena),
		.avatar_url = text_or_none(row, 5, arena),
		.is_pro = sql_get_int(row, 6) != 0,
		.plan_type = text_or_none(row, 7, arena),
		.subscription_expired_at_us = sql_get_int(row, 8),
		.is_active = sql_get_int(row, 9) != 0,
		.is_superuser = sql_get_int(row, 10) != 0,
		.created_at_us = sql_get_int(row, 11),
		.updated_at_us = sql_get_int(row, 12),
	};
}

/* ---- made ---- */

struct ensure_job {
	struct str username;
	const char *new_id;
	int64_t now_us;
	struct arena *arena;
	struct user *out;
	bool *out_created;
};

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

struct create_job {
	const struct user *user;
	struct str password_hash;
	const struct session_start *session;
};

/* Nothing was inserted: whose is it? The name is looked for first (CONTRACT 2.2). */
static bool say_taken(struct sql_conn *conn, const struct user *user, struct error *err)
{
	bool has = false;
	int64_t name_taken = 0;
	if (!sql_run_int(conn, "select exists (select 1 from users where username = ?1)",
	                 SQL_ARGS(sql_text(user->username)), &has, &name_taken, err))
		return false;
	return name_taken ? error_set(err, RPC_ALREADY_EXISTS, "USERNAME_TAKEN", "the user name is taken")
	                  : error_set(err, RPC_ALREADY_EXISTS, "EMAIL_TAKEN", "the address has an account");
}

static bool create_work(struct sql_conn *conn, void *self, struct error *err)
{
	const struct create_job *job = self;
	const struct user *user = job->user;
	int64_t changes = 0;
	if (!sql_run(
	        conn,
	        "insert into users (id, username, email, hashed_password, nickname, phone, is_superuser, created_at, "
	        "updated_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8) on conflict do nothing",
	        SQL_ARGS(sql_text(user->id), sql_text(user->username), sql_text_or_null(user->email),
	                 sql_text_or_null(job->password_hash), sql_text_or_null(user->nickname),
	                 sql_text_or_null(user->phone), sql_int(user->is_superuser), sql_int(user->created_at_us)),
	        &changes, err))
		return false;
	if (!changes) return say_taken(conn, user, err);
	return !job->session || session_insert(conn, job->session, err);
}

static bool user_create(void *self, const struct user *user, struct str password_hash,
                        const struct session_start *session, struct error *err)
{
	struct create_job job = { user, password_hash, session };
	return db_write(self, create_work, &job, err);
}

/* ---- found ---- */

/* One row with its password's hash in the last column, or USER_NOT_FOUND. */
static bool read_one(struct db *db, const char *sql, struct str key, struct arena *arena, struct user *out,
                     struct str *out_password_hash, struct error *err)
{
	struct sql_conn *conn = NULL;
	struct sql_query query = { 0 };
	bool has = false, ok = false;
	if (!db_take_reader(db, &conn, err)) return false;
	if (!sql_start(conn, &query, sql, SQL_ARGS(sql_text(key)), err)) goto out;
	if (!sql_row(&query, &has, err)) goto out;
	if (has && out) user_from_row(&query, arena, out);
	if (has && out_password_hash) *out_password_hash = text_or_none(&query, USER_COLUMN_COUNT, arena);
	ok = has ? true : error_set(err, RPC_NOT_FOUND, "USER_NOT_FOUND", "no such user");
out:
	sql_end(&query);
	db_give_reader(db, &conn);
	return ok;
}

#define BY_ID "select " USER_COLUMNS ", hashed_password from users where id = ?1"

static bool user_get(void *self, struct str id, struct arena *arena, struct user *out, struct error *err)
{
	return read_one(self, BY_ID, id, arena, out, NULL, err);
}

static bool user_get_password(void *self, struct str id, struct arena *arena, struct str *out_password_hash,
                              struct error *err)
{
	return read_one(self, BY_ID, id, arena, NULL, out_password_hash, err);
}

static bool user_find(void *self, struct str login, struct arena *arena, struct user *out,
                      struct str *out_password_hash, struct error *err)
{
	const char *sql = str_find(login, STR("@"), 0) == SIZE_MAX
	                      ? "select " USER_COLUMNS ", hashed_password from users where username = ?1"
	                      : "select " USER_COLUMNS ", hashed_password from users where lower(email) = lower(?1)";
	return read_one(self, sql, login, arena, out, out_password_hash, err);
}

#define FILTER \
	"from users where ?1 = '' or instr(lower(username), lower(?1)) > 0 or instr(lower(coalesce(email, '')), " \
	"lower(?1)) > 0"

static bool user_list(void *self, const struct user_filter *filter, struct arena *arena, struct user **out,
                      size_t *out_count, int64_t *out_total, struct error *err)
{
	struct sql_conn *conn = NULL;
	struct sql_query query = { 0 };
	bool has = false, ok = false;
	size_t count = 0;
	if (!db_take_reader(self, &conn, err)) return false;
	if (!sql_run_int(conn, "select count(*) " FILTER, SQL_ARGS(sql_text(filter->text)), &has, out_total, err))
		goto out;
	int64_t left = *out_total > filter->offset ? *out_total - filter->offset : 0;
	struct user *users = arena_new_array(arena, struct user, (size_t)(left < filter->limit ? left : filter->limit));
	if (!sql_start(conn, &query,
	               "select " USER_COLUMNS " " FILTER " order by created_at desc, id desc limit ?2 offset ?3",
	               SQL_ARGS(sql_text(filter->text), sql_int(filter->limit), sql_int(filter->offset)), err))
		goto out;
	while ((ok = sql_row(&query, &has, err)) && has) user_from_row(&query, arena, &users[count++]);
	*out = users;
	*out_count = count;
out:
	sql_end(&query);
	db_give_reader(self, &conn);
	return ok;
}

const struct user_store_driver sqlite_user_store = {
	.name = "sqlite",
	.ensure = user_ensure,
	.create = user_create,
	.get = user_get,
	.find = user_find,
	.get_password = user_get_password,
	.set_password = user_set_password,
	.update_profile = user_update_profile,
	.set_active = user_set_active,
	.set_superuser = user_set_superuser,
	.list = user_list,
	.remove = user_remove,
};
