/* Writes share commits, and each still gets its own answer. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "store/sqlite/db.h"
#include "tests/support/check.h"
#include "tests/unit/store/sqlite/fault_vfs.h"

enum { OTHERS = 10 };

static char folder[] = "/tmp/petfood_db_XXXXXX";
static struct db *db;

struct job {
	int n;
	int runs;
	enum { PLAIN, REFUSES, LOSES_ALL_ONCE, FULL_AT_COMMIT, SYNC_FAILS_AT_COMMIT, STICKS } how;
	bool ok;
	struct error err;
};

static atomic_bool holding_again, let_go_again;

static bool insert_work(struct sql_conn *conn, void *self, struct error *err)
{
	struct job *job = self;
	job->runs++;
	if (!sql_run(conn, "insert into t (n) values (?1)", SQL_ARGS(sql_int(job->n)), NULL, err)) return false;
	switch (job->how) {
	case REFUSES: return error_set(err, RPC_ABORTED, "TASK_MOVED", "no");
	case LOSES_ALL_ONCE: /* what SQLite itself does when space or memory runs out in a statement */
		if (job->runs > 1) return true;
		if (!sql_run(conn, "rollback", SQL_NO_ARGS, NULL, err)) return false;
		return error_set(err, RPC_UNAVAILABLE, "STORE_FULL", "lost");
	case FULL_AT_COMMIT: /* pages leave the cache at the commit */
		if (job->runs == 1) fault_arm(FAULT_WRITE_FULL, 1, false);
		return true;
	case SYNC_FAILS_AT_COMMIT: fault_arm(FAULT_SYNC, 1, false); return true;
	case STICKS:
		holding_again = true;
		while (!let_go_again) (void)sched_yield();
		return true;
	case PLAIN: break;
	}
	return true;
}

/* Holds the writer until all the others queue behind it; writes nothing, so that it costs no flush. */
static atomic_bool holding;
static bool hold_work(struct sql_conn *conn, void *self, struct error *err)
{
	(void)conn, (void)self, (void)err;
	holding = true;
	while (db_waiting(db) < OTHERS) (void)sched_yield();
	return true;
}

static void *hold_run(void *self)
{
	struct error err;
	bool *ok = self;
	*ok = db_write(db, hold_work, NULL, &err);
	return NULL;
}

static void *insert_run(void *self)
{
	struct job *job = self;
	job->ok = db_write(db, insert_work, job, &job->err);
	return NULL;
}

static int64_t rows(int n)
{
	struct sql_conn *conn = NULL;
	struct error err;
	bool has = false;
	int64_t count = -1;
	CHECK_OK(db_take_reader(db, &conn, &err), &err);
	CHECK_OK(sql_run_int(conn, "select count(*) from t where ?1 < 0 or n = ?1", SQL_ARGS(sql_int(n)), &has, &count, &err), &err);
	db_give_reader(db, &conn);
	CHECK(conn == NULL);
	return count;
}

static bool make_work(struct sql_conn *conn, void *self, struct error *err)
{
	(void)self;
	return sql_run(conn, "drop table if exists t", SQL_NO_ARGS, NULL, err) &&
	       sql_run(conn, "create table t (n integer)", SQL_NO_ARGS, NULL, err);
}

/* The jobs in one batch, behind one that holds the writer; how many flushes the batch cost. */
static int run_batch(struct job jobs[OTHERS])
{
	pthread_t holder, threads[OTHERS];
	struct error err;
	bool held = false;
	CHECK_OK(db_write(db, make_work, NULL, &err), &err);
	int before = fault_syncs();
	holding = false;
	CHECK(pthread_create(&holder, NULL, hold_run, &held) == 0);
	while (!holding) (void)sched_yield();
	for (size_t i = 0; i < OTHERS; i++) { /* one at a time: the queue's order is that of the jobs */
		jobs[i].n = (int)i;
		CHECK(pthread_create(&threads[i], NULL, insert_run, &jobs[i]) == 0);
		while (holding && db_waiting(db) <= i && i + 1 < OTHERS) (void)sched_yield();
	}
	(void)pthread_join(holder, NULL);
	for (size_t i = 0; i < OTHERS; i++) (void)pthread_join(threads[i], NULL);
	CHECK(held);
	return fault_syncs() - before;
}

static void test_one_flush_for_many(void)
{
	struct job jobs[OTHERS] = { 0 }, lone = { .n = 77 };
	int together = run_batch(jobs), before = fault_syncs();
	CHECK(db_write(db, insert_work, &lone, &lone.err));
	CHECK(together == fault_syncs() - before); /* ten cost what one does */
	CHECK(together >= 1);
	for (size_t i = 0; i < OTHERS; i++) CHECK(jobs[i].ok && jobs[i].runs == 1 && rows((int)i) == 1);
	CHECK(rows(-1) == OTHERS + 1);
}

static void test_one_refusal_undoes_itself_only(void)
{
	struct job jobs[OTHERS] = { [0] = { .how = REFUSES }, [4] = { .how = REFUSES }, [9] = { .how = REFUSES } };
	(void)run_batch(jobs);
	for (size_t i = 0; i < OTHERS; i++) {
		bool refused = jobs[i].how == REFUSES;
		CHECK(jobs[i].ok == !refused && jobs[i].runs == 1 && rows((int)i) == !refused);
		if (refused) CHECK(error_is(&jobs[i].err, "TASK_MOVED"));
	}
}

/* A statement took the transaction with it: those before it are run again, one by one. */
static void test_lost_transaction(void)
{
	struct job jobs[OTHERS] = { [2] = { .how = REFUSES }, [6] = { .how = LOSES_ALL_ONCE } };
	(void)run_batch(jobs);
	for (size_t i = 0; i < OTHERS; i++) {
		CHECK(jobs[i].runs == (i <= 6 ? 2 : 1));
		CHECK(jobs[i].ok == (i != 2) && rows((int)i) == (i != 2));
	}
}

static void test_full_at_commit(void)
{
	struct job jobs[OTHERS] = { [9] = { .how = FULL_AT_COMMIT } };
	(void)run_batch(jobs);
	CHECK(fault_disarm());
	for (size_t i = 0; i < OTHERS; i++) CHECK(jobs[i].ok && jobs[i].runs == 2 && rows((int)i) == 1);
}

/* Until there is room for more than the write that failed. A limit on the size of files stands in for the full disk. */
static void test_full_is_remembered(void)
{
	struct error err;
	struct rlimit before, small;
	struct job job = { .n = 3, .how = FULL_AT_COMMIT };
	CHECK_OK(db_write(db, make_work, NULL, &err), &err);
	CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
	small = before;
	small.rlim_cur = 512 * 1024; /* beyond what the database has by now */
	(void)signal(SIGXFSZ, SIG_IGN);
	CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
	CHECK_OK(db_check_room(db, &err), &err); /* nothing has failed yet */
	CHECK(!db_write(db, insert_work, &job, &job.err) && error_is(&job.err, "STORE_FULL") && rows(3) == 0);
	CHECK(fault_disarm());
	CHECK(!db_check_room(db, &err) && err.code == RPC_UNAVAILABLE && error_is(&err, "STORE_FULL"));
	job.how = PLAIN;
	CHECK(db_write(db, insert_work, &job, &job.err) && rows(3) == 1); /* a small one has room: that proves nothing */
	CHECK(!db_check_room(db, &err));
	CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
	CHECK_OK(db_check_room(db, &err), &err);
	CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
	CHECK_OK(db_check_room(db, &err), &err); /* over: not asked again */
	CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
}

static void test_flush_fails_at_commit(void)
{
	struct job jobs[OTHERS] = { [3] = { .how = REFUSES }, [9] = { .how = SYNC_FAILS_AT_COMMIT } };
	(void)run_batch(jobs);
	CHECK(fault_disarm());
	for (size_t i = 0; i < OTHERS; i++) { /* nobody is told "stored", nobody is run again */
		CHECK(!jobs[i].ok && jobs[i].runs == 1 && rows((int)i) == 0);
		CHECK(error_is(&jobs[i].err, i == 3 ? "TASK_MOVED" : REASON_WRITE_UNCERTAIN));
		CHECK(jobs[i].err.code == (i == 3 ? RPC_ABORTED : RPC_UNKNOWN));
	}
	struct job after = { .n = 5 };
	CHECK(db_write(db, insert_work, &after, &after.err) && rows(5) == 1);
}

/* Another process holds the file: everybody waiting is told, and may repeat. */
static void test_busy(const char *path)
{
	struct sql_conn other = { 0 };
	struct error err;
	const struct sql_options options = { .path = path, .busy_timeout_ms = 1 };
	struct job jobs[OTHERS] = { 0 }, later = { .n = 1 };
	CHECK_OK(sql_open(&options, &other, &err), &err);
	CHECK_OK(db_write(db, make_work, NULL, &err), &err);
	CHECK_OK(sql_run(&other, "begin immediate", SQL_NO_ARGS, NULL, &err), &err);
	pthread_t threads[OTHERS];
	for (size_t i = 0; i < OTHERS; i++) CHECK(pthread_create(&threads[i], NULL, insert_run, &jobs[i]) == 0);
	for (size_t i = 0; i < OTHERS; i++) (void)pthread_join(threads[i], NULL);
	for (size_t i = 0; i < OTHERS; i++)
		CHECK(!jobs[i].ok && jobs[i].runs == 0 && jobs[i].err.code == RPC_ABORTED && error_is(&jobs[i].err, "STORE_BUSY"));
	CHECK_OK(sql_run(&other, "rollback", SQL_NO_ARGS, NULL, &err), &err);
	CHECK(db_write(db, insert_work, &later, &later.err) && rows(-1) == 1);
	sql_close(&other);
}

/* A reader sees one instant, however many statements it makes. */
static void test_snapshot(void)
{
	struct sql_conn *conn = NULL;
	struct error err;
	struct job job = { .n = 1 };
	bool has = false;
	int64_t count = -1;
	const char *sql = "select count(*) from t";
	CHECK_OK(db_write(db, make_work, NULL, &err), &err);
	CHECK_OK(db_take_reader(db, &conn, &err), &err);
	CHECK_OK(sql_run_int(conn, sql, SQL_NO_ARGS, &has, &count, &err), &err);
	CHECK(count == 0);
	CHECK(db_write(db, insert_work, &job, &job.err)); /* readers do not hold up the writer */
	CHECK_OK(sql_run_int(conn, sql, SQL_NO_ARGS, &has, &count, &err), &err);
	CHECK(count == 0 && rows(-1) == 1);
	CHECK(!sql_run(conn, "insert into t (n) values (9)", SQL_NO_ARGS, NULL, &err)); /* nor do they write */
	db_give_reader(db, &conn);
}

/* ---- waiting has an end ---- */

static atomic_bool let_go;
static bool stick_work(struct sql_conn *conn, void *self, struct error *err)
{
	(void)conn, (void)self, (void)err;
	holding = true;
	while (!let_go) (void)sched_yield();
	return true;
}

static void *stick_run(void *self)
{
	struct error err;
	*(bool *)self = db_write(db, stick_work, NULL, &err);
	return NULL;
}

/* The writer is stuck: those behind it are told, in whatever order they came, and nothing of them is written; it can be seen. */
static void test_stuck_writer(void)
{
	enum { BEHIND = 3 };
	struct job jobs[BEHIND] = { 0 }, later = { .n = 5 };
	struct error err;
	pthread_t holder, threads[BEHIND];
	bool held = false;
	CHECK_OK(db_write(db, make_work, NULL, &err), &err);
	CHECK(db_oldest_wait_ms(db) == 0);
	holding = let_go = false;
	CHECK(pthread_create(&holder, NULL, stick_run, &held) == 0);
	while (!holding) (void)sched_yield();
	for (size_t i = 0; i < BEHIND; i++) CHECK(pthread_create(&threads[i], NULL, insert_run, &jobs[i]) == 0);
	for (size_t i = 0; i < BEHIND; i++) {
		(void)pthread_join(threads[i], NULL);
		CHECK(!jobs[i].ok && jobs[i].runs == 0 && jobs[i].err.code == RPC_ABORTED && error_is(&jobs[i].err, "STORE_BUSY"));
	}
	CHECK(db_waiting(db) == 0 && db_oldest_wait_ms(db) > 0);
	CHECK(rows(-1) == 0); /* readers go on */
	let_go = true;
	(void)pthread_join(holder, NULL);
	CHECK(held && db_oldest_wait_ms(db) == 0);
	CHECK(db_write(db, insert_work, &later, &later.err) && rows(-1) == 1);
}

/* Some wait for their turn as long as they may, those behind them are told early, and newcomers at once: few threads are lost. */
static void test_crowd_behind_stuck_writer(void)
{
	enum { PATIENT = 4, CROWD = 3 }; /* beside the one that is stuck */
	struct job jobs[PATIENT + CROWD] = { [0] = { .how = STICKS } }, newcomer = { 0 };
	struct error err;
	pthread_t holder, threads[PATIENT + CROWD];
	bool held = false;
	CHECK_OK(db_write(db, make_work, NULL, &err), &err);
	holding = let_go = false;
	CHECK(pthread_create(&holder, NULL, stick_run, &held) == 0);
	while (!holding) (void)sched_yield();
	for (size_t i = 0; i < COUNT(jobs); i++) {
		CHECK(pthread_create(&threads[i], NULL, insert_run, &jobs[i]) == 0);
		while (i < PATIENT && db_waiting(db) <= i) (void)sched_yield();
	}
	for (size_t i = PATIENT; i < COUNT(jobs); i++) {
		(void)pthread_join(threads[i], NULL);
		CHECK(!jobs[i].ok && jobs[i].runs == 0 && jobs[i].err.code == RPC_ABORTED && error_is(&jobs[i].err, "STORE_BUSY"));
	}
	CHECK(!db_write(db, insert_work, &newcomer, &newcomer.err) && newcomer.runs == 0 && error_is(&newcomer.err, "STORE_BUSY"));
	CHECK(db_waiting(db) == PATIENT); /* they are still there */
	/* Then they are under way together, and the first of them gets stuck: there is place for one more. */
	struct job last = { .n = 99 };
	pthread_t waits;
	let_go = true;
	(void)pthread_join(holder, NULL);
	while (!holding_again) (void)sched_yield();
	CHECK(pthread_create(&waits, NULL, insert_run, &last) == 0);
	while (db_waiting(db) == 0) (void)sched_yield();
	CHECK(!db_write(db, insert_work, &newcomer, &newcomer.err) && newcomer.runs == 0 && error_is(&newcomer.err, "STORE_BUSY"));
	CHECK(db_waiting(db) == 1);
	let_go_again = true;
	for (size_t i = 0; i < PATIENT; i++) (void)pthread_join(threads[i], NULL);
	(void)pthread_join(waits, NULL);
	for (size_t i = 0; i < PATIENT; i++) CHECK(jobs[i].ok && jobs[i].runs == 1);
	CHECK(held && last.ok && rows(-1) == PATIENT + 1);
}

static void test_no_reader_free(void)
{
	struct sql_conn *conns[64] = { 0 }, *more = NULL;
	struct error err = { 0 };
	size_t count = 0;
	while (count < COUNT(conns) && db_take_reader(db, &conns[count], &err)) count++;
	CHECK(count > 0 && count < COUNT(conns) && err.code == RPC_ABORTED && error_is(&err, "STORE_BUSY"));
	CHECK(!db_take_reader(db, &more, &err) && more == NULL);
	db_give_reader(db, &conns[0]);
	CHECK_OK(db_take_reader(db, &more, &err), &err);
	db_give_reader(db, &more);
	for (size_t i = 1; i < count; i++) db_give_reader(db, &conns[i]);
}

int main(void)
{
	char path[80];
	struct error err = { 0 };
	fault_register();
	if (!mkdtemp(folder)) die("no temporary folder");
	(void)snprintf(path, sizeof path, "%s/db", folder);
	const struct sql_options options = { .path = path, .vfs = FAULT_VFS, .busy_timeout_ms = 1, .wait_ms = 60000 };
	if (!CHECK_OK(db_open(&options, &clock_system, &db, &err), &err)) return 1;
	test_one_flush_for_many();
	test_one_refusal_undoes_itself_only();
	test_lost_transaction();
	test_full_at_commit();
	test_full_is_remembered();
	test_flush_fails_at_commit();
	test_busy(path);
	test_snapshot();
	db_close(&db);
	const struct sql_options usual = { .path = path, .vfs = FAULT_VFS, .busy_timeout_ms = 1 };
	if (!CHECK_OK(db_open(&usual, &clock_system, &db, &err), &err)) return 1;
	test_crowd_behind_stuck_writer();
	db_close(&db);
	CHECK(db == NULL);
	const struct sql_options impatient = { .path = path, .vfs = FAULT_VFS, .busy_timeout_ms = 1, .wait_ms = 20 };
	if (!CHECK_OK(db_open(&impatient, &clock_system, &db, &err), &err)) return 1;
	test_stuck_writer();
	test_no_reader_free();
	db_close(&db);
	(void)unlink(path);
	(void)rmdir(folder);
	return check_done("unit_store_sqlite_db");
}
