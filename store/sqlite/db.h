/* store/sqlite/db.h: the one writer and the few readers of a file.
 *
 * Writes share commits. With synchronous=FULL a commit costs a flush of the disk; while one is under way, the writes of other
 * threads queue up, and the next thread to hold the writer runs all of them in one transaction, each inside a savepoint of its
 * own, so that one that fails (a fenced worker, a limit) undoes itself only. Nobody is told "stored" before the shared commit. If
 * the shared transaction is lost as a whole (disk full), its writes are run again one by one, so that each gets its own answer. */
#ifndef PETFOOD_STORE_SQLITE_DB_H
#define PETFOOD_STORE_SQLITE_DB_H

#include "store/base/time.h"
#include "store/sqlite/sql.h"

struct db; /* opaque; any thread */

/* The file's schema is brought up to date here. */
MUST_CHECK bool db_open(const struct sql_options *options, const struct clock *clock, struct db **out, struct error *err);
void db_close(struct db **db); /* accepts NULL; nobody may be inside */

/* Runs `work` in a write transaction and commits; false from `work` undoes what it did. It may run in another thread while
 * the caller waits here, and may run twice (the first time undone), so it writes its results afresh each time.
 * Fails with what `work` said; else STORE_BUSY (also when its turn did not come within wait_ms; behind a stuck writer only few wait
 * so long), STORE_FULL, STORE_DOWN: nothing is written; UNKNOWN/WRITE_UNCERTAIN: the commit itself met an I/O error, so that a
 * crash now could bring it back. */
typedef bool db_work(struct sql_conn *conn, void *job, struct error *err);
MUST_CHECK bool db_write(struct db *db, db_work *work, void *job, struct error *err);

/* Writes that wait for the one under way. */
size_t db_waiting(struct db *db);
/* Age of the oldest write that waits or is under way; 0 = none, or it has just come. */
int64_t db_oldest_wait_ms(struct db *db);

/* Once a write has met a full disk: STORE_FULL until there is room again for what a large write needs. */
MUST_CHECK bool db_check_room(struct db *db, struct error *err);

/* A reader with a snapshot of its own, until it is given back; waits for a free one, at most wait_ms: STORE_BUSY. */
MUST_CHECK bool db_take_reader(struct db *db, struct sql_conn **out, struct error *err);
void db_give_reader(struct db *db, struct sql_conn **conn); /* accepts NULL; leaves *conn NULL */

#endif
