#include "store/sqlite/db.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/sqlite/migrate.h"

enum {
	READERS_MAX = 4, /* two cores read no faster with more, and each has a page cache */
	BATCH_MAX = 64,  /* bounds how long a reader of the queue's end waits for its commit */
	WAIT_MS = 5000,
	PATIENT_MAX = 5, /* those under way counted: of the threads that answer calls (RPC_WORKERS, 8) some read on */
	STUCK_PART = 5,  /* of the time that a write may wait at most: then the writer is stuck */
	ROOM_BYTES = 1024 * 1024, /* a finished plan with its log is about half of it */
};

struct write {
	db_work *work;
	void *job;
	struct error *err;
	bool taken; /* into a batch: whoever runs that will say how it went */
	bool done, ok;
	int64_t since_ms; /* time_monotonic_ms() */
	pthread_cond_t woken;
	struct write *next;
};

struct db {
	struct sql_options options;
	char *path;

	struct sql_conn writer;     /* belongs to the thread that set `writing` */
	pthread_mutex_t write_lock; /* guards the queue and `writing`, never held during a statement */
	struct write *first, *last;
	bool writing;
	int64_t writing_since_ms; /* of the oldest write of the batch under way */
	size_t writing_count;     /* its writes */
	atomic_bool full;         /* a write found no space, and nobody has seen any since */

	pthread_mutex_t read_lock;
	pthread_cond_t reader_free;
	struct reader {
		struct sql_conn conn;
		bool busy;
	} readers[READERS_MAX];
};

/* ---- the writer ---- */

static bool in_transaction(struct sql_conn *conn) { return !sqlite3_get_autocommit(conn->db); }

static bool begin(struct sql_conn *conn, struct error *err)
{
	/* IMMEDIATE: a transaction that reads first and then wants to write could only fail. */
	return sql_run(conn, "begin immediate", SQL_NO_ARGS, NULL, err);
}

/* A statement that fails for want of space or memory may have undone the whole transaction by itself. */
static void roll_back(struct sql_conn *conn)
{
	struct error ignored;
	if (in_transaction(conn) && !sql_run(conn, "rollback", SQL_NO_ARGS, NULL, &ignored) && in_transaction(conn))
		die("sqlite: cannot roll back: %s", ignored.message);
}

static bool commit(struct sql_conn *conn, struct error *err)
{
	if (sql_run(conn, "commit", SQL_NO_ARGS, NULL, err)) return true;
	/* The frames of the commit may be whole in the log though flushing it failed: nobody sees them now, but recovery after a
	 * crash would. Any other failure (no space, busy) comes before they are whole. */
	bool uncertain = error_is(err, "STORE_DOWN");
	roll_back(conn);
	if (uncertain) {
		char why[ERROR_MESSAGE_BYTES];
		memcpy(why, err->message, sizeof why);
		error_set(err, RPC_UNKNOWN, REASON_WRITE_UNCERTAIN, "%s", why);
	}
	return false;
}

static void write_alone(struct sql_conn *conn, struct write *w)
{
	w->ok = begin(conn, w->err);
	if (!w->ok) return;
	w->ok = w->work(conn, w->job, w->err);
	if (w->ok)
		w->ok = commit(conn, w->err);
	else
		roll_back(conn);
}

static void fail_all(struct write *batch, const struct error *why, bool also_failed)
{
	for (struct write *w = batch; w; w = w->next) {
		if (!w->ok && !also_failed) continue; /* has said why itself */
		w->ok = false;
		*w->err = *why;
	}
}

/* False: the transaction is lost as a whole, nothing is written, and nobody has an answer yet. */
static bool write_together(struct sql_conn *conn, struct write *batch)
{
	struct error err;
	if (!begin(conn, &err)) {
		fail_all(batch, &err, true);
		return true;
	}
	for (struct write *w = batch; w; w = w->next) {
		if (!sql_run(conn, "savepoint one", SQL_NO_ARGS, NULL, &err)) goto lost;
		w->ok = w->work(conn, w->job, w->err);
		if (!in_transaction(conn)) goto lost;
		if (!w->ok && !sql_run(conn, "rollback to one", SQL_NO_ARGS, NULL, &err)) goto lost;
		if (!sql_run(conn, "release one", SQL_NO_ARGS, NULL, &err)) goto lost;
	}
	if (commit(conn, &err)) return true;
	if (!error_is(&err, REASON_WRITE_UNCERTAIN)) goto lost;
	/* Not run again: twice would be worse than unknown. */
	fail_all(batch, &err, false);
	return true;
lost:
	roll_back(conn);
	return false;
}

static void write_batch(struct sql_conn *conn, struct write *batch)
{
	if (batch->next && write_together(conn, batch)) return;
	for (struct write *w = batch; w; w = w->next) write_alone(conn, w);
}

/* Off the front of the queue. */
static struct write *take_batch(struct db *db)
{
	struct write *batch = db->first, *end = batch;
	batch->taken = true;
	for (db->writing_count = 1; db->writing_count < BATCH_MAX && end->next; db->writing_count++) {
		end = end->next;
		end->taken = true;
	}
	db->first = end->next;
	if (!db->first) db->last = NULL;
	end->next = NULL;
	return batch;
}

static void leave_queue(struct db *db, const struct write *w)
{
	struct write **at = &db->first, *previous = NULL;
	while (*at != w) {
		previous = *at;
		at = &previous->next;
	}
	*at = w->next;
	if (db->last == w) db->last = previous;
}

static void cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(cond, &attr);
	(void)pthread_condattr_destroy(&attr);
}

/* False: until_ms has passed. */
static bool cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ms)
{
	struct timespec until = { .tv_sec = (time_t)(until_ms / 1000), .tv_nsec = (long)(until_ms % 1000) * 1000000 };
	return pthread_cond_timedwait(cond, lock, &until) != ETIMEDOUT;
}

static int64_t stuck_after_ms(const struct db *db) { return db->options.wait_ms / STUCK_PART; }

/* How long a write waits for its turn. Behind a writer that is stuck (a disk that hangs, a lock of another program) few are
 * patient: each holds a thread, and with all of them waiting nobody would be left to read. */
static int64_t turn_until_ms(const struct db *db, const struct write *own)
{
	int64_t until_ms = own->since_ms + db->options.wait_ms;
	int64_t stuck_ms = db->writing_since_ms + stuck_after_ms(db);
	size_t ahead = db->writing_count;
	for (const struct write *w = db->first; w != own; w = w->next) ahead++;
	return db->writing && ahead >= PATIENT_MAX && stuck_ms < until_ms ? stuck_ms : until_ms;
}

bool db_write(struct db *db, db_work *work, void *job, struct error *err)
{
	struct error unwanted;
	struct write own = { .work = work, .job = job, .err = err ? err : &unwanted };
	cond_init(&own.woken);
	own.since_ms = time_monotonic_ms();
	(void)pthread_mutex_lock(&db->write_lock);
	if (db->last)
		db->last->next = &own;
	else
		db->first = &own;
	db->last = &own;
	bool late = false;
	while (!late && !own.done && (db->writing || db->first != &own)) {
		if (own.taken) {
			(void)pthread_cond_wait(&own.woken, &db->write_lock);
			continue;
		}
		int64_t now_ms = time_monotonic_ms(), until_ms = turn_until_ms(db, &own);
		late = now_ms >= until_ms;
		int64_t look_ms = now_ms + stuck_after_ms(db); /* the next writer may be the one that gets stuck */
		if (!late) (void)cond_wait_until(&own.woken, &db->write_lock, until_ms < look_ms ? until_ms : look_ms);
	}
	if (late) {
		leave_queue(db, &own);
		error_set(own.err, RPC_ABORTED, "STORE_BUSY", "the writer was not free for %lld ms",
		          (long long)(time_monotonic_ms() - own.since_ms));
	} else if (!own.done) { /* at the front, and the writer is free: run the queue as it stands */
		struct write *batch = take_batch(db);
		db->writing = true;
		db->writing_since_ms = batch->since_ms;
		(void)pthread_mutex_unlock(&db->write_lock);
		write_batch(&db->writer, batch);
		(void)pthread_mutex_lock(&db->write_lock);
		db->writing = false;
		for (struct write *w = batch, *next; w; w = next) {
			next = w->next; /* once it is done, *w may go with its thread's stack */
			if (!w->ok && error_is(w->err, "STORE_FULL")) atomic_store(&db->full, true);
			w->done = true;
			(void)pthread_cond_signal(&w->woken);
		}
		if (db->first) (void)pthread_cond_signal(&db->first->woken);
	}
	(void)pthread_mutex_unlock(&db->write_lock);
	(void)pthread_cond_destroy(&own.woken);
	return own.ok;
}

size_t db_waiting(struct db *db)
{
	size_t count = 0;
	(void)pthread_mutex_lock(&db->write_lock);
	for (const struct write *w = db->first; w; w = w->next) count++;
	(void)pthread_mutex_unlock(&db->write_lock);
	return count;
}

int64_t db_oldest_wait_ms(struct db *db)
{
	(void)pthread_mutex_lock(&db->write_lock);
	int64_t now_ms = time_monotonic_ms(), since_ms = db->writing ? db->writing_since_ms : now_ms;
	if (db->first && db->first->since_ms < since_ms) since_ms = db->first->since_ms;
	(void)pthread_mutex_unlock(&db->write_lock);
	return now_ms - since_ms;
}

/* A small write may succeed where a plan does not fit, and most have nothing to write at all, so success says little. Asks the
 * file system instead, with a file that is gone before it has a size. */
static bool has_room(const struct db *db, struct error *err)
{
	char name[4096];
	if ((size_t)snprintf(name, sizeof name, "%s.room", db->path) >= sizeof name)
		return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID", "the database's path is too long");
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int failed = fd < 0 ? errno : 0;
	if (fd >= 0) {
		(void)unlink(name);
		failed = posix_fallocate(fd, 0, ROOM_BYTES);
		(void)close(fd);
	}
	return !failed ? true
	               : error_set(err, RPC_UNAVAILABLE, "STORE_FULL", "no room for %d bytes beside %s: %s",
	                           (int)ROOM_BYTES, db->path, strerror(failed));
}

bool db_check_room(struct db *db, struct error *err)
{
	if (!atomic_load(&db->full)) return true;
	if (!has_room(db, err)) return false;
	atomic_store(&db->full, false);
	return true;
}

/* ---- the readers ---- */

bool db_take_reader(struct db *db, struct sql_conn **out, struct error *err)
{
	struct reader *mine = NULL;
	int64_t until_ms = time_monotonic_ms() + db->options.wait_ms;
	bool in_time = true;
	(void)pthread_mutex_lock(&db->read_lock);
	while (!mine && in_time) {
		/* The first ones first: their caches are warm, and the last ones may never be opened. */
		for (size_t i = 0; i < READERS_MAX && !mine; i++)
			if (!db->readers[i].busy) mine = &db->readers[i];
		if (!mine) in_time = cond_wait_until(&db->reader_free, &db->read_lock, until_ms);
	}
	if (mine) mine->busy = true;
	(void)pthread_mutex_unlock(&db->read_lock);
	if (!mine)
		return error_set(err, RPC_ABORTED, "STORE_BUSY", "no reader was free for %lld ms",
		                 (long long)db->options.wait_ms);
	struct sql_options options = db->options;
	options.read_only = true;
	struct sql_conn *conn = &mine->conn;
	if ((conn->db || sql_open(&options, conn, err)) && sql_run(conn, "begin", SQL_NO_ARGS, NULL, err)) {
		*out = conn;
		return true;
	}
	db_give_reader(db, &conn);
	return false;
}

void db_give_reader(struct db *db, struct sql_conn **conn)
{
	if (!*conn) return;
	struct reader *mine = (struct reader *)*conn; /* its first member */
	if (mine->conn.db) roll_back(&mine->conn);
	(void)pthread_mutex_lock(&db->read_lock);
	mine->busy = false;
	(void)pthread_cond_signal(&db->reader_free);
	(void)pthread_mutex_unlock(&db->read_lock);
	*conn = NULL;
}

/* ---- */

bool db_open(const struct sql_options *options, const struct clock *clock, struct db **out, struct error *err)
{
	struct db *db = calloc(1, sizeof *db);
	char *path = strdup(options->path);
	if (!db || !path) die("out of memory");
	db->path = path;
	db->options = *options;
	db->options.path = path;
	if (db->options.wait_ms <= 0) db->options.wait_ms = WAIT_MS;
	(void)pthread_mutex_init(&db->write_lock, NULL);
	(void)pthread_mutex_init(&db->read_lock, NULL);
	cond_init(&db->reader_free);
	if (sql_open(&db->options, &db->writer, err) && migrate(&db->writer, clock, err)) {
		*out = db;
		return true;
	}
	db_close(&db);
	return false;
}

void db_close(struct db **db)
{
	if (!*db) return;
	for (size_t i = 0; i < READERS_MAX; i++) sql_close(&(*db)->readers[i].conn);
	sql_close(&(*db)->writer); /* last, so that it folds the WAL into the file */
	(void)pthread_cond_destroy(&(*db)->reader_free);
	(void)pthread_mutex_destroy(&(*db)->read_lock);
	(void)pthread_mutex_destroy(&(*db)->write_lock);
	free((*db)->path);
	free(*db);
	*db = NULL;
}
