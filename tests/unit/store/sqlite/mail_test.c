/* The mail queue in the file: what has ended has no body any more. */
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/sqlite/sqlite_store.h"
#include "tests/support/check.h"

static char folder[] = "/tmp/petfood_mail_XXXXXX";
static char path[64];

/* "status reason body" of a row; body: what it holds, "-" = NULL. */
static struct str row_of(struct arena *arena, const char *id)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	struct str text = STR_NONE;
	CHECK(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
	CHECK(
	    sqlite3_prepare_v2(
	        db,
	        "select status, coalesce(reason, '-'), coalesce(cast(body as text), '-') from mail_queue where id = ?1",
	        -1, &stmt, NULL) == SQLITE_OK);
	(void)sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		text = str_printf(arena, "%s %s %s", sqlite3_column_text(stmt, 0), sqlite3_column_text(stmt, 1),
		                  sqlite3_column_text(stmt, 2));
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_close(db);
	return text;
}

int main(void)
{
	struct store store;
	struct error err = { 0 };
	struct arena *arena = arena_create(0);
	if (!mkdtemp(folder)) die("no temporary folder");
	(void)snprintf(path, sizeof path, "%s/store.db", folder);
	const struct sqlite_store_options options = { .path = str_from(path) };
	if (!CHECK_OK(sqlite_store_open(&options, &store, &err), &err)) return check_done("mail_test");

	static const char *const ids[] = { "sent", "failed", "waits" };
	for (size_t i = 0; i < COUNT(ids); i++) {
		const struct mail_job job = {
			.id = str_from(ids[i]), .body = STR("sealed"), .created_at_us = 1, .expires_at_us = 100
		};
		struct mail_job got;
		bool has = false;
		CHECK_OK(store.mail.driver->enqueue(store.mail.self, &job, &err), &err);
		CHECK_STR(row_of(arena, ids[i]), "pending - sealed");
		CHECK_OK(store.mail.driver->claim(store.mail.self, 2, 1000000, arena, &got, &has, &err), &err);
		CHECK(has);
		CHECK_STR(got.id, ids[i]);
	}
	CHECK_OK(store.mail.driver->done(store.mail.self, STR("sent"), 1, 3, &err), &err);
	CHECK_OK(store.mail.driver->fail(store.mail.self, STR("failed"), 1, 3, STR("MAIL_REFUSED"), &err), &err);
	CHECK_OK(store.mail.driver->retry(store.mail.self, STR("waits"), 1, 9, STR("MAIL_UNREACHABLE"), &err), &err);
	CHECK_STR(row_of(arena, "sent"), "sent - -");
	CHECK_STR(row_of(arena, "failed"), "failed MAIL_REFUSED -");
	CHECK_STR(row_of(arena, "waits"), "pending MAIL_UNREACHABLE sealed");

	store.close(store.self);
	arena_destroy(&arena);
	static const char *const endings[] = { "", "-wal", "-shm" };
	for (size_t i = 0; i < COUNT(endings); i++) {
		char name[80];
		(void)snprintf(name, sizeof name, "%s%s", path, endings[i]);
		(void)unlink(name);
	}
	(void)rmdir(folder);
	return check_done("mail_test");
}
