#include "store/sqlite/sql.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "store/base/log.h"
#include "store/base/time.h"

/* DATABASE_ECHO. sqlite3_sql gives the text with its ?1, never the values. */
static int echo_statement(unsigned mask, void *self, void *stmt, void *text)
{
	(void)mask, (void)self, (void)text;
	log_info("db.sql", LOG_CSTR("sql", sqlite3_sql(stmt)));
	return 0;
}

bool sql_fail(struct sql_conn *conn, const char *what, struct error *err)
{
	int rc = conn->failed_rc = sqlite3_extended_errcode(conn->db);
	const char *says = sqlite3_errmsg(conn->db);
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return error_set(err, RPC_ABORTED, "STORE_BUSY", "%s: %s (%d)", what, says, rc);
	case SQLITE_FULL: return error_set(err, RPC_UNAVAILABLE, "STORE_FULL", "%s: %s (%d)", what, says, rc);
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		/* Growing the shared index or making a file can meet the full disk first. */
		if (sqlite3_system_errno(conn->db) == ENOSPC || sqlite3_system_errno(conn->db) == EDQUOT)
			return error_set(err, RPC_UNAVAILABLE, "STORE_FULL", "%s: %s (%d)", what, says, rc);
		return error_set(err, RPC_UNAVAILABLE, "STORE_DOWN", "%s: %s (%d)", what, says, rc);
	case SQLITE_NOMEM:
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_PROTOCOL: return error_set(err, RPC_UNAVAILABLE, "STORE_DOWN", "%s: %s (%d)", what, says, rc);
	default: return error_set(err, RPC_INTERNAL, "INTERNAL", "%s: %s (%d)", what, says, rc);
	}
}

static bool sql_set_up(struct sql_conn *conn, const char *pragma, struct error *err)
{
	if (sqlite3_exec(conn->db, pragma, NULL, NULL, NULL) == SQLITE_OK) return true;
	return sql_fail(conn, pragma, err);
}

/* WAL is a property of the file, and some file systems cannot have it. */
static bool set_wal(struct sql_conn *conn, struct error *err)
{
	bool has = false;
	struct sql_query query;
	if (!sql_start(conn, &query, "pragma journal_mode = wal", SQL_NO_ARGS, err)) return false;
	bool ok = sql_row(&query, &has, err);
	if (ok) {
		const char *mode = has ? (const char *)sqlite3_column_text(query.stmt, 0) : NULL;
		if (!mode || strcmp(mode, "wal") != 0)
			ok = error_set(err, RPC_UNAVAILABLE, "STORE_DOWN",
			               "journal mode is %s, not wal: not on a local disk?", mode ? mode : "unknown");
	}
	sql_end(&query);
	return ok;
}

/* Of several who open an empty file at once SQLite refuses some without asking its busy handler, as a deadlock could come of it: they
 * hold nothing here, so they may wait. */
static bool set_wal_in_time(struct sql_conn *conn, int64_t busy_timeout_ms, struct error *err)
{
	const struct timespec pause = { .tv_nsec = 5 * 1000000 };
	int64_t until_ms = time_monotonic_ms() + busy_timeout_ms;
	while (!set_wal(conn, err)) {
		if (!error_is(err, "STORE_BUSY") || time_monotonic_ms() >= until_ms) return false;
		(void)nanosleep(&pause, NULL);
	}
	return true;
}

bool sql_open(const struct sql_options *options, struct sql_conn *out, struct error *err)
{
	memset(out, 0, sizeof *out);
	/* NOMUTEX: the caller sees to it that one thread at a time uses it. Readers open read-write too: a connection that may not
	 * write cannot set up the shared index of the WAL; query_only keeps them from writing. */
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	if (!options->read_only) flags |= SQLITE_OPEN_CREATE;
	if (sqlite3_open_v2(options->path, &out->db, flags, options->vfs) != SQLITE_OK) {
		if (!out->db) return error_set(err, RPC_UNAVAILABLE, "STORE_DOWN", "no memory for a connection");
		(void)sql_fail(out, options->path, err);
		goto failed;
	}
	(void)sqlite3_busy_timeout(out->db,
	                           (int)(options->busy_timeout_ms > INT32_MAX ? INT32_MAX : options->busy_timeout_ms));
	if (options->echo) (void)sqlite3_trace_v2(out->db, SQLITE_TRACE_STMT, echo_statement, NULL);
	if (!options->read_only && !set_wal_in_time(out, options->busy_timeout_ms, err)) goto failed;
	if (!sql_set_up(out,
	                "pragma synchronous = full;"
	                "pragma foreign_keys = on;"
	                "pragma trusted_schema = off;"
	                "pragma temp_store = memory;"
	                "pragma journal_size_limit = 16777216", /* a burst's WAL does not stay for good */
	                err))
		goto failed;
	if (options->read_only && !sql_set_up(out, "pragma query_only = on; pragma cache_size = -1024", err))
		goto failed;
	return true;
failed:
	sql_close(out);
	return error_context(err, "opening %s", options->path);
}

void sql_close(struct sql_conn *conn)
{
	for (size_t i = 0; i < conn->statement_count; i++) (void)sqlite3_finalize(conn->statements[i].stmt);
	if (conn->db && sqlite3_close(conn->db) != SQLITE_OK) die("sqlite: a statement is still open");
	memset(conn, 0, sizeof *conn);
}

static sqlite3_stmt *statement_of(struct sql_conn *conn, const char *sql, struct error *err)
{
	for (size_t i = 0; i < conn->statement_count; i++)
		if (conn->statements[i].sql == sql) return conn->statements[i].stmt;
	if (conn->statement_count == SQL_STATEMENTS_MAX) die("sqlite: more than %d statements", SQL_STATEMENTS_MAX);
	sqlite3_stmt *stmt = NULL;
	if (sqlite3_prepare_v3(conn->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK) {
		(void)sql_fail(conn, sql, err);
		return NULL;
	}
	conn->statements[conn->statement_count].sql = sql;
	conn->statements[conn->statement_count].stmt = stmt;
	conn->statement_count++;
	return stmt;
}

static int bind_value(sqlite3_stmt *stmt, int at, const struct sql_value *v)
{
	const char *bytes = v->text.ptr ? v->text.ptr : ""; /* a NULL pointer would bind NULL */
	switch (v->kind) {
	case SQL_IS_INT: return sqlite3_bind_int64(stmt, at, v->number);
	case SQL_IS_REAL: return sqlite3_bind_double(stmt, at, v->real);
	case SQL_IS_TEXT: return sqlite3_bind_text64(stmt, at, bytes, v->text.len, SQLITE_STATIC, SQLITE_UTF8);
	case SQL_IS_BYTES: return sqlite3_bind_blob64(stmt, at, bytes, v->text.len, SQLITE_STATIC);
	case SQL_IS_NULL: break;
	}
	return sqlite3_bind_null(stmt, at);
}

bool sql_start(struct sql_conn *conn, struct sql_query *out, const char *sql, const struct sql_value *args,
               size_t count, struct error *err)
{
	out->conn = conn;
	out->stmt = statement_of(conn, sql, err);
	if (!out->stmt) return false;
	if (sqlite3_bind_parameter_count(out->stmt) != (int)count) die("sqlite: %zu arguments for: %s", count, sql);
	for (size_t i = 0; i < count; i++) {
		if (bind_value(out->stmt, (int)i + 1, &args[i]) == SQLITE_OK) continue;
		(void)sql_fail(conn, sql, err);
		sql_end(out);
		return false;
	}
	return true;
}

bool sql_row(struct sql_query *query, bool *out_has, struct error *err)
{
	int rc = sqlite3_step(query->stmt);
	*out_has = rc == SQLITE_ROW;
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? true : sql_fail(query->conn, sqlite3_sql(query->stmt), err);
}

void sql_end(struct sql_query *query)
{
	if (!query->stmt) return;
	(void)sqlite3_reset(query->stmt); /* repeats the error of the step, which has been said */
	(void)sqlite3_clear_bindings(query->stmt);
	query->stmt = NULL;
}

bool sql_run(struct sql_conn *conn, const char *sql, const struct sql_value *args, size_t count, int64_t *out_changes,
             struct error *err)
{
	struct sql_query query;
	if (!sql_start(conn, &query, sql, args, count, err)) return false;
	bool has = true, ok = true;
	while (ok && has) ok = sql_row(&query, &has, err);
	if (ok && out_changes) *out_changes = sqlite3_changes64(conn->db);
	sql_end(&query);
	return ok;
}

bool sql_run_int(struct sql_conn *conn, const char *sql, const struct sql_value *args, size_t count, bool *out_has,
                 int64_t *out, struct error *err)
{
	struct sql_query query;
	if (!sql_start(conn, &query, sql, args, count, err)) return false;
	bool ok = sql_row(&query, out_has, err);
	if (ok && *out_has) *out = sqlite3_column_int64(query.stmt, 0);
	/* A change with `returning` is over only at its end. */
	for (bool more = *out_has; ok && more;) ok = sql_row(&query, &more, err);
	sql_end(&query);
	return ok;
}

struct str sql_get_text(const struct sql_query *query, int column, struct arena *arena)
{
	const void *bytes = sqlite3_column_blob(query->stmt, column); /* of a text column: its UTF-8, not converted */
	return str_dup(arena, (struct str){ bytes, (size_t)sqlite3_column_bytes(query->stmt, column) });
}

bool sql_get_null(const struct sql_query *query, int column)
{
	return sqlite3_column_type(query->stmt, column) == SQLITE_NULL;
}

int64_t sql_get_int(const struct sql_query *query, int column) { return sqlite3_column_int64(query->stmt, column); }
double sql_get_real(const struct sql_query *query, int column) { return sqlite3_column_double(query->stmt, column); }
