/* Opening: who may, what it makes, what it refuses; migrations; what DATABASE_ECHO shows. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/base/log.h"
#include "store/sqlite/migrate.h"
#include "store/sqlite/parts.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/support/check.h"

static char folder[] = "/tmp/petfood_sqlite_XXXXXX";

static struct str file_of(const char *name)
{
	static char path[8][128];
	static size_t at;
	char *out = path[at++ % COUNT(path)];
	(void)snprintf(out, sizeof path[0], "%s/%s", folder, name);
	return str_from(out);
}

static int mode_of(struct str path)
{
	struct stat st;
	return stat(path.ptr, &st) == 0 ? (int)(st.st_mode & 0777) : -1;
}

static bool open_store(struct str path, bool exclusive, struct store *out, struct error *err)
{
	const struct sqlite_store_options options = { .path = path, .exclusive = exclusive, .busy_timeout_ms = 5000 };
	return sqlite_store_open(&options, out, err);
}

static void test_one_owner(void)
{
	struct str path = file_of("owned");
	struct store store, second;
	struct error err = { 0 };
	if (!CHECK_OK(open_store(path, true, &store, &err), &err)) return;
	CHECK(!open_store(path, true, &second, &err));
	CHECK(err.code == RPC_FAILED_PRECONDITION && error_is(&err, "STORE_IN_USE"));
	int64_t pid = 0;
	CHECK(err.param_count == 1 && str_to_int64(str_from(err.params[0].value), &pid) && pid == getpid());
	/* A program that runs no tasks gets in beside the owner, and both see one store (`petfood token`). */
	CHECK_OK(open_store(path, false, &second, &err), &err);
	struct arena *arena = arena_create(0);
	struct user user, seen;
	bool created = false;
	CHECK_OK(second.users.driver->ensure(second.users.self, STR("dora"), 1, arena, &user, &created, &err), &err);
	CHECK_OK(store.users.driver->get(store.users.self, user.id, arena, &seen, &err), &err);
	CHECK(created && str_equal(seen.username, STR("dora")));
	second.close(second.self);
	CHECK(!open_store(path, true, &second, &err)); /* that one's going frees nothing */
	CHECK_STR(str_from(store.driver), "sqlite");
	CHECK_OK(store.ping(store.self, &err), &err);
	CHECK(store.oldest_wait_ms(store.self) == 0);
	store.close(store.self);
	CHECK_OK(open_store(path, true, &store, &err), &err); /* the lock goes with its holder */
	store.close(store.self);
	arena_destroy(&arena);
}

/* The lock is the kernel's: a killed owner holds nothing. */
static void test_killed_owner(void)
{
	struct str path = file_of("killed");
	int ready[2];
	char byte = 0;
	struct store store;
	struct error err = { 0 };
	if (!CHECK(pipe(ready) == 0)) return;
	pid_t child = fork();
	if (child == 0) {
		bool ok = open_store(path, true, &store, &err);
		if (write(ready[1], ok ? "y" : "n", 1) != 1) _exit(1);
		for (;;) (void)pause();
	}
	CHECK(read(ready[0], &byte, 1) == 1 && byte == 'y');
	CHECK(!open_store(path, true, &store, &err) && error_is(&err, "STORE_IN_USE"));
	char want[24];
	(void)snprintf(want, sizeof want, "%d", (int)child);
	CHECK_STR(str_from(err.params[0].value), want);
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	if (CHECK_OK(open_store(path, true, &store, &err), &err)) store.close(store.self);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

static void test_private_files(void)
{
	struct str path = file_of("private");
	struct store store;
	struct error err = { 0 };
	mode_t old = umask(0);
	CHECK_OK(open_store(path, true, &store, &err), &err);
	CHECK(mode_of(path) == 0600 && mode_of(file_of("private.lock")) == 0600);
	CHECK(mode_of(file_of("private-wal")) == 0600 && mode_of(file_of("private-shm")) == 0600);
	store.close(store.self);
	CHECK(chmod(path.ptr, 0644) == 0); /* as another program may have left it */
	CHECK_OK(open_store(path, true, &store, &err), &err);
	CHECK(mode_of(path) == 0600 && mode_of(file_of("private-wal")) == 0600);
	store.close(store.self);
	CHECK(access(file_of("private-wal").ptr, F_OK) != 0); /* folded in at a clean end */
	(void)umask(old);
}

static void test_refusals(void)
{
	struct store store;
	struct error err = { 0 };
	int fd = open(file_of("junk").ptr, O_CREAT | O_WRONLY, 0600);
	CHECK(fd >= 0 && write(fd, "this is a text file, and long enough to be looked at as a header", 64) == 64);
	(void)close(fd);
	CHECK(mkdir(file_of("dir").ptr, 0700) == 0);
	const struct {
		const char *label;
		struct str path;
		const char *reason;
	} rows[] = {
		{ "no path", STR(""), "CONFIG_INVALID" },
		{ "no folder", file_of("none/store"), "STORE_DOWN" },
		{ "not a database", file_of("junk"), "STORE_DOWN" },
		{ "a folder", file_of("dir"), "STORE_DOWN" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		CHECK_ROW(rows[i].label, !open_store(rows[i].path, true, &store, &err));
		CHECK_STR_ROW(rows[i].label, str_from(err.reason), rows[i].reason);
		if (rows[i].path.len) CHECK_ROW(rows[i].label, strstr(err.message, rows[i].path.ptr) != NULL);
	}
}

/* ---- migrations ---- */

static int64_t one_number(struct sql_conn *conn, const char *sql)
{
	struct error err;
	bool has = false;
	int64_t out = -1;
	return sql_run_int(conn, sql, SQL_NO_ARGS, &has, &out, &err) && has ? out : -1;
}

static void test_migrations(void)
{
	struct migration list[] = {
		{ 1, "one", "sum1", "create table a (x integer); insert into a values (1);" },
		{ 2, "two", "sum2", "create table b (x integer); insert into b select x + 1 from a;" },
		{ 3, "bad", "sum3", "create table c (x integer); insert into nowhere values (1);" },
	};
	const struct sql_options options = { .path = file_of("migrated").ptr, .busy_timeout_ms = 100 };
	struct sql_conn conn;
	struct error err = { 0 };
	if (!CHECK_OK(sql_open(&options, &conn, &err), &err)) return;
	CHECK_OK(migrate_list(&conn, list, 1, &clock_system, &err), &err);
	for (int again = 0; again < 2; again++) {
		CHECK_OK(migrate_list(&conn, list, 2, &clock_system, &err), &err);
		CHECK(one_number(&conn, "select count(*) from a") == 1 && one_number(&conn, "select max(x) from b") == 2);
		CHECK(one_number(&conn, "select count(*) from schema_migrations where applied_at > 1700000000000000") == 2);
	}
	/* One that fails leaves nothing of itself, and says which it was. */
	CHECK(!migrate_list(&conn, list, 3, &clock_system, &err) && strstr(err.message, "migration 3 (bad)"));
	CHECK(one_number(&conn, "select count(*) from sqlite_master where name = 'c'") == 0);
	CHECK(one_number(&conn, "select max(version) from schema_migrations") == 2);
	/* An older program leaves a newer file alone. */
	CHECK(!migrate_list(&conn, list, 1, &clock_system, &err) && err.code == RPC_FAILED_PRECONDITION && error_is(&err, "SCHEMA_TOO_NEW"));
	list[0].checksum = "other";
	CHECK(!migrate_list(&conn, list, 2, &clock_system, &err) && err.code == RPC_FAILED_PRECONDITION && error_is(&err, "SCHEMA_CHANGED"));
	sql_close(&conn);
}

static void test_future_database(void)
{
	struct str path = file_of("future");
	struct store store;
	struct error err = { 0 };
	struct sql_conn conn;
	const struct sql_options options = { .path = path.ptr, .busy_timeout_ms = 100 };
	CHECK_OK(open_store(path, true, &store, &err), &err);
	store.close(store.self);
	CHECK_OK(sql_open(&options, &conn, &err), &err);
	CHECK_OK(sql_run(&conn, "insert into schema_migrations values (9999, 'later', 1, 'x')", SQL_NO_ARGS, NULL, &err), &err);
	sql_close(&conn);
	CHECK(!open_store(path, true, &store, &err) && error_is(&err, "SCHEMA_TOO_NEW"));
}

static struct str together;
static void *open_one(void *self)
{
	struct store store;
	struct error err = { 0 };
	bool *ok = self;
	*ok = open_store(together, false, &store, &err);
	if (*ok) store.close(store.self);
	else (void)printf("%s %s\n", err.reason, err.message);
	return NULL;
}

/* Several programs find an empty file at once: each table is made once. */
static void test_opened_together(void)
{
	pthread_t threads[6];
	bool ok[COUNT(threads)] = { false };
	together = file_of("together");
	for (size_t i = 0; i < COUNT(threads); i++) CHECK(pthread_create(&threads[i], NULL, open_one, &ok[i]) == 0);
	for (size_t i = 0; i < COUNT(threads); i++) (void)pthread_join(threads[i], NULL);
	for (size_t i = 0; i < COUNT(threads); i++) CHECK(ok[i]);
}

/* The columns that an existing database has, by name and order (CONTRACT 8.1); ours come after them. */
static void test_kept_columns(void)
{
	static const struct {
		const char *table, *columns;
	} rows[] = {
		{ "users", "id,username,email,hashed_password,nickname,phone,avatar_url,is_pro,plan_type,subscription_expired_at,is_active,"
			   "is_superuser,created_at,updated_at" },
		{ "tasks", "id,user_id,task_type,status,progress,current_node,input_data,output_data,error_message,started_at,completed_at,"
			   "created_at,updated_at" },
		{ "diet_plans", "id,user_id,task_id,pet_id,pet_type,pet_breed,pet_age,pet_weight,health_status,plan_data,is_active,applied_at,"
				"active_start_date,created_at,updated_at" },
		{ "refresh_tokens", "id,user_id,token,is_revoked,expires_at,created_at" },
	};
	struct str path = file_of("columns");
	struct store store;
	struct error err = { 0 };
	struct sql_conn conn;
	struct arena *arena = arena_create(0);
	const struct sql_options options = { .path = path.ptr, .busy_timeout_ms = 100 };
	CHECK_OK(open_store(path, true, &store, &err), &err);
	CHECK_OK(sql_open(&options, &conn, &err), &err);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sql_query query = { 0 };
		bool has = false;
		CHECK_OK(sql_start(&conn, &query, "select group_concat(name) from pragma_table_info(?1)", SQL_ARGS(sql_cstr(rows[i].table)), &err), &err);
		CHECK_OK(sql_row(&query, &has, &err), &err);
		if (has) CHECK_ROW(rows[i].table, str_has_prefix(sql_get_text(&query, 0, arena), str_from(rows[i].columns)));
		sql_end(&query);
	}
	sql_close(&conn);
	store.close(store.self);
	arena_destroy(&arena);
}

/* ---- DATABASE_ECHO ---- */

static void test_echo(void)
{
	struct str path = file_of("echo"), log = file_of("log");
	const struct sqlite_store_options options = { .path = path, .echo_sql = true };
	struct store store;
	struct error err = { 0 };
	struct arena *arena = arena_create(0);
	struct user user;
	bool created;
	int keep = dup(STDERR_FILENO), fd = open(log.ptr, O_CREAT | O_RDWR, 0600);
	log_setup(LOG_INFO, false);
	(void)dup2(fd, STDERR_FILENO);
	CHECK_OK(sqlite_store_open(&options, &store, &err), &err);
	CHECK_OK(store.users.driver->ensure(store.users.self, STR("secret_name"), 1, arena, &user, &created, &err), &err);
	store.close(store.self);
	(void)dup2(keep, STDERR_FILENO);
	off_t size = lseek(fd, 0, SEEK_END);
	char *text = arena_alloc(arena, (size_t)size + 1);
	CHECK(pread(fd, text, (size_t)size, 0) == size);
	CHECK(strstr(text, "event=db.sql") && strstr(text, "insert into users (id, username"));
	CHECK(!strstr(text, "secret_name") && !strstr(text, user.id.ptr)); /* values never */
	(void)close(fd);
	(void)close(keep);
	arena_destroy(&arena);
}

/* By hand, in the database, which revokes nothing. */
static void test_disabled_by_hand(void)
{
	struct str path = file_of("by_hand");
	struct store store;
	struct error err = { 0 };
	sqlite3 *db = NULL;
	struct arena *arena = arena_create(0);
	if (!CHECK_OK(open_store(path, false, &store, &err), &err)) return;
	const struct user user = { .id = STR("u"), .username = STR("dora"), .created_at_us = 1 };
	const struct session_start start = { .id = STR("s"), .user_id = STR("u"), .hash = "1", .now_us = 1, .expires_at_us = 9 };
	const struct session_rotation first = { .id = STR("s"), .generation = 1, .hash = "1", .next_hash = "2", .now_us = 2, .expires_at_us = 9 },
	                              second = { .id = STR("s"), .generation = 2, .hash = "2", .next_hash = "3", .now_us = 3, .expires_at_us = 9 };
	const struct session_rotation *const tries[] = { &first, &second };
	enum session_outcome outcome = SESSION_GONE;
	struct session session;
	CHECK_OK(store.users.driver->create(store.users.self, &user, STR("x"), &start, &err), &err);
	CHECK_OK(store.sessions.driver->rotate(store.sessions.self, &first, arena, &outcome, &session, &err), &err);
	CHECK(outcome == SESSION_ROTATED);
	CHECK(sqlite3_open(path.ptr, &db) == SQLITE_OK && sqlite3_exec(db, "update users set is_active = 0", NULL, NULL, NULL) == SQLITE_OK);
	for (size_t i = 0; i < COUNT(tries); i++) { /* neither the grace nor the valid one */
		CHECK_OK(store.sessions.driver->rotate(store.sessions.self, tries[i], arena, &outcome, &session, &err), &err);
		CHECK(outcome == SESSION_GONE);
	}
	(void)sqlite3_close(db);
	store.close(store.self);
	arena_destroy(&arena);
}

/* An account is deleted by a table of tables: each with a column user_id must be in it, or a person's rows would stay. */
static void test_every_table_of_a_user_is_known(void)
{
	struct str path = file_of("tables");
	struct store store;
	struct error err = { 0 };
	if (!CHECK_OK(open_store(path, false, &store, &err), &err)) return;
	store.close(store.self);
	const struct sql_options options = { .path = path.ptr, .read_only = true };
	struct sql_conn conn;
	struct sql_query query;
	struct arena *arena = arena_create(0);
	bool has = true;
	size_t seen = 0;
	CHECK_OK(sql_open(&options, &conn, &err), &err);
	CHECK_OK(sql_start(&conn, &query, "select m.name from sqlite_master m join pragma_table_info(m.name) c where m.type = 'table' and "
	                                  "c.name = 'user_id'", SQL_NO_ARGS, &err), &err);
	while (sql_row(&query, &has, &err) && has) {
		struct str table = sql_get_text(&query, 0, arena);
		bool known = false;
		for (size_t i = 0; i < user_owned_count; i++) known = known || str_equal(table, str_from(user_owned_tables[i].table));
		CHECK_ROW(table.ptr, known);
		seen++;
	}
	sql_end(&query);
	CHECK(seen == user_owned_count); /* and no row is about a table that is gone */
	sql_close(&conn);
	arena_destroy(&arena);
}

int main(void)
{
	char command[128];
	if (!mkdtemp(folder)) die("no temporary folder");
	test_killed_owner(); /* forks: before there are threads */
	test_one_owner();
	test_private_files();
	test_refusals();
	test_migrations();
	test_future_database();
	test_opened_together();
	test_kept_columns();
	test_every_table_of_a_user_is_known();
	test_disabled_by_hand();
	test_echo();
	(void)snprintf(command, sizeof command, "rm -r %s", folder);
	CHECK(system(command) == 0);
	return check_done("unit_store_sqlite");
}
