#include "store/sqlite/migrate.h"

#include <string.h>

#define IF_NOT_THERE \
	"create table if not exists schema_migrations (version integer primary key, name text not null, " \
	"applied_at integer not null, checksum text not null)"

/* *out_done = this one has been run, from the same text. */
static bool is_done(struct sql_conn *conn, const struct migration *m, bool *out_done, struct error *err)
{
	struct sql_query query;
	if (!sql_start(conn, &query, "select checksum from schema_migrations where version = ?1",
	               SQL_ARGS(sql_int(m->version)), err))
		return false;
	bool ok = sql_row(&query, out_done, err);
	if (ok && *out_done && strcmp((const char *)sqlite3_column_text(query.stmt, 0), m->checksum) != 0)
		ok =
		    error_set(err, RPC_FAILED_PRECONDITION, "SCHEMA_CHANGED",
		              "migration %d (%s) was run from another text than this program has", m->version, m->name);
	sql_end(&query);
	return ok;
}

static bool run_one(struct sql_conn *conn, const struct migration *m, const struct clock *clock, struct error *err)
{
	bool done = false;
	if (!is_done(conn, m, &done, err)) return false;
	if (done) return true;
	if (!sql_run(conn, "begin immediate", SQL_NO_ARGS, NULL, err)) return false;
	bool ok = is_done(conn, m, &done, err); /* another program may have been first */
	if (ok && !done) {
		ok = sqlite3_exec(conn->db, m->sql, NULL, NULL, NULL) == SQLITE_OK || sql_fail(conn, m->name, err);
		ok = ok &&
		     sql_run(
		         conn,
		         "insert into schema_migrations (version, name, applied_at, checksum) values (?1, ?2, ?3, ?4)",
		         SQL_ARGS(sql_int(m->version), sql_cstr(m->name), sql_int(clock_now_us(clock)),
		                  sql_cstr(m->checksum)),
		         NULL, err);
	}
	ok = ok && sql_run(conn, "commit", SQL_NO_ARGS, NULL, err);
	if (!ok && !sqlite3_get_autocommit(conn->db)) (void)sqlite3_exec(conn->db, "rollback", NULL, NULL, NULL);
	return ok || error_context(err, "migration %d (%s)", m->version, m->name);
}

bool migrate_list(struct sql_conn *conn, const struct migration *list, size_t count, const struct clock *clock,
                  struct error *err)
{
	bool has = false;
	int64_t newest = 0;
	if (!sql_run(conn, IF_NOT_THERE, SQL_NO_ARGS, NULL, err)) return false;
	if (!sql_run_int(conn, "select coalesce(max(version), 0) from schema_migrations", SQL_NO_ARGS, &has, &newest,
	                 err))
		return false;
	if (newest > (int64_t)count)
		return error_set(err, RPC_FAILED_PRECONDITION, "SCHEMA_TOO_NEW",
		                 "the database is at version %d, written by a later petfood; this one knows %d",
		                 (int)newest, (int)count);
	for (size_t i = 0; i < count; i++)
		if (!run_one(conn, &list[i], clock, err)) return false;
	return true;
}

bool migrate(struct sql_conn *conn, const struct clock *clock, struct error *err)
{
	return migrate_list(conn, schema_sqlite, schema_sqlite_count, clock, err);
}
