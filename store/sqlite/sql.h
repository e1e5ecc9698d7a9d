/* store/sqlite/sql.h: one SQLite connection as the drivers use it: prepared statements kept by their text, typed arguments,
 * errors in the store's words. A connection serves one thread at a time. */
#ifndef PETFOOD_STORE_SQLITE_SQL_H
#define PETFOOD_STORE_SQLITE_SQL_H

#include <sqlite3.h>
#include <stdint.h>

#include "store/base/error.h"
#include "store/base/str.h"

enum { SQL_STATEMENTS_MAX = 192 };

struct sql_conn {
	sqlite3 *db;
	int failed_rc; /* SQLite's extended code of the last failure */
	size_t statement_count;
	struct {
		const char *sql; /* compared by address: statements are literals of this driver */
		sqlite3_stmt *stmt;
	} statements[SQL_STATEMENTS_MAX];
};

struct sql_options {
	const char *path;
	const char *vfs; /* NULL = default */
	int64_t busy_timeout_ms;
	int64_t wait_ms; /* db.h: for the writer's turn, or for a free reader; 0 = 5000 */
	bool echo;
	bool read_only;
};

MUST_CHECK bool sql_open(const struct sql_options *options, struct sql_conn *out, struct error *err);
void sql_close(struct sql_conn *conn); /* also one that was never opened (zeroed) */

/* Arguments ?1, ?2, … Texts and bytes are borrowed until the statement has ended. */
struct sql_value {
	enum { SQL_IS_NULL, SQL_IS_INT, SQL_IS_REAL, SQL_IS_TEXT, SQL_IS_BYTES } kind;
	int64_t number;
	double real;
	struct str text;
};
static inline struct sql_value sql_int(int64_t v) { return (struct sql_value){ .kind = SQL_IS_INT, .number = v }; }
static inline struct sql_value sql_real(double v) { return (struct sql_value){ .kind = SQL_IS_REAL, .real = v }; }
static inline struct sql_value sql_text(struct str v) { return (struct sql_value){ .kind = SQL_IS_TEXT, .text = v }; }
static inline struct sql_value sql_cstr(const char *v) { return sql_text(str_from(v)); }
static inline struct sql_value sql_bytes(struct str v) { return (struct sql_value){ .kind = SQL_IS_BYTES, .text = v }; }
static inline struct sql_value sql_null(void) { return (struct sql_value){ .kind = SQL_IS_NULL }; }
/* An empty text, or one that is absent, is stored as NULL. */
static inline struct sql_value sql_text_or_null(struct str v) { return v.len ? sql_text(v) : sql_null(); }
/* An instant that has not come yet (0) is stored as NULL. */
static inline struct sql_value sql_at(int64_t at_us) { return at_us ? sql_int(at_us) : sql_null(); }
/* Numbers of events come as uint64; what no table can hold is beyond every row. */
static inline struct sql_value sql_uint(uint64_t v) { return sql_int(v > INT64_MAX ? INT64_MAX : (int64_t)v); }

#define SQL_ARGS(...) (const struct sql_value[]){ __VA_ARGS__ }, COUNT(((const struct sql_value[]){ __VA_ARGS__ }))
#define SQL_NO_ARGS NULL, 0

/* A statement under way. Between sql_start and sql_end: sql_row gives the next row; then sql_end, always. */
struct sql_query {
	struct sql_conn *conn;
	sqlite3_stmt *stmt; /* NULL once ended or failed to start */
};
MUST_CHECK bool sql_start(struct sql_conn *conn, struct sql_query *out, const char *sql, const struct sql_value *args, size_t count,
                          struct error *err);
/* *out_has = false at the end. */
MUST_CHECK bool sql_row(struct sql_query *query, bool *out_has, struct error *err);
void sql_end(struct sql_query *query); /* accepts one that did not start */

/* Runs to the end; out_changes (may be NULL) = rows changed. */
MUST_CHECK bool sql_run(struct sql_conn *conn, const char *sql, const struct sql_value *args, size_t count, int64_t *out_changes,
                        struct error *err);
/* The first column of the first row. *out_has = false: there is no row, *out stays. */
MUST_CHECK bool sql_run_int(struct sql_conn *conn, const char *sql, const struct sql_value *args, size_t count, bool *out_has,
                            int64_t *out, struct error *err);

/* Columns of the present row, from 0. NULL reads as "", 0. */
struct str sql_get_text(const struct sql_query *query, int column, struct arena *arena); /* also bytes */
bool sql_get_null(const struct sql_query *query, int column);
int64_t sql_get_int(const struct sql_query *query, int column);
double sql_get_real(const struct sql_query *query, int column);

/* Says what the connection's last call failed with. Returns false. */
bool sql_fail(struct sql_conn *conn, const char *what, struct error *err);

#endif
