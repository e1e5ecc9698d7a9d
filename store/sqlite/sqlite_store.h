/* store/sqlite/sqlite_store.h: the durable store in one file on this machine (driver of store/api). WAL, synchronous=FULL: what
 * was acknowledged survives a power cut. One writer connection: concurrent writes share a commit (db.h); a few reader
 * connections. The files hold personal data: mode 0600. */
#ifndef PETFOOD_STORE_SQLITE_SQLITE_STORE_H
#define PETFOOD_STORE_SQLITE_SQLITE_STORE_H

#include "store/api/store.h"
#include "store/base/time.h"

struct sqlite_store_options {
	struct str path;            /* made if absent; its folder must be there */
	bool exclusive;             /* takes path + ".lock", which proves that nobody else runs tasks from this file; a program that
	                             * only reads or adds a user does without */
	bool echo_sql;              /* DATABASE_ECHO: log every statement, without values */
	int64_t busy_timeout_ms;    /* wait for another process's write; 0 = 5000 */
	const struct clock *clock;  /* NULL = the system's */
	const char *vfs;            /* SQLite VFS; NULL = the default. For fault tests. */
};

/* Opens the file, bringing its schema up to date. *out is complete on success; close it with out->close(out->self), when no call
 * is under way.
 * Fails: FAILED_PRECONDITION/STORE_IN_USE with `pid` if known (exclusive only), FAILED_PRECONDITION/SCHEMA_TOO_NEW (written by a
 * later version), FAILED_PRECONDITION/SCHEMA_CHANGED (a migration that has been run reads differently now), UNAVAILABLE/
 * STORE_DOWN or STORE_FULL, ABORTED/STORE_BUSY. */
MUST_CHECK bool sqlite_store_open(const struct sqlite_store_options *options, struct store *out, struct error *err);

#endif
