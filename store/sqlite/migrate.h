/* store/sqlite/migrate.h: brings a file's schema up to date, each migration in a transaction of its own. Two programs may try
 * at once: each migration looks again once it holds the write lock. */
#ifndef PETFOOD_STORE_SQLITE_MIGRATE_H
#define PETFOOD_STORE_SQLITE_MIGRATE_H

#include "store/base/time.h"
#include "store/schema/migration.h"
#include "store/sqlite/sql.h"

/* FAILED_PRECONDITION/SCHEMA_TOO_NEW, FAILED_PRECONDITION/SCHEMA_CHANGED; else as the store. */
MUST_CHECK bool migrate(struct sql_conn *conn, const struct clock *clock, struct error *err);
/* With a list of one's own, for tests. */
MUST_CHECK bool migrate_list(struct sql_conn *conn, const struct migration *list, size_t count, const struct clock *clock,
                             struct error *err);

#endif
