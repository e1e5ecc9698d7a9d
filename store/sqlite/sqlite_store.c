#include "store/sqlite/sqlite_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite/parts.h"

enum { BUSY_TIMEOUT_MS = 5000 };

struct sqlite_store {
	struct db *db;
	int lock_fd; /* -1 = not exclusive */
};

/* The lock is the kernel's and goes with the process, however it ends; the file stays, and names its holder for people. */
static bool take_lock(const char *path, int *out_fd, struct error *err)
{
	char name[4096], pid[24] = "";
	if ((size_t)snprintf(name, sizeof name, "%s.lock", path) >= sizeof name)
		return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID", "the database's path is too long");
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) return error_set(err, RPC_UNAVAILABLE, "STORE_DOWN", "%s: %s", name, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		bool held = errno == EWOULDBLOCK;
		if (!held) error_set(err, RPC_UNAVAILABLE, "STORE_DOWN", "%s: %s", name, strerror(errno));
		ssize_t n = held ? read(fd, pid, sizeof pid - 1) : 0;
		pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
		if (held) {
			error_set(err, RPC_FAILED_PRECONDITION, "STORE_IN_USE",
			          "%s is in use by another petfoodd (pid %s)", path, *pid ? pid : "unknown");
			if (*pid) error_param(err, "pid", "%s", pid);
		}
		(void)close(fd);
		return false;
	}
	int len = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
	/* Only people read it: a disk that is too full for a pid is reported by the first real write. */
	bool named = ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)len, 0) == len;
	(void)named;
	*out_fd = fd;
	return true;
}

/* SQLite would make the file readable for everyone; -wal and -shm take the file's mode. Closing a descriptor of a file that
 * SQLite has open drops SQLite's locks in this process, hence O_EXCL, and chmod by name. */
static bool make_private(const char *path, struct error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0) {
		(void)close(fd);
		return true;
	}
	struct stat st;
	if (errno != EEXIST || stat(path, &st) != 0)
		return error_set(err, RPC_UNAVAILABLE, errno == ENOSPC ? "STORE_FULL" : "STORE_DOWN", "%s: %s", path,
		                 strerror(errno));
	if ((st.st_mode & 077) && st.st_uid == geteuid() && chmod(path, 0600) != 0)
		return error_set(err, RPC_UNAVAILABLE, "STORE_DOWN", "%s: %s", path, strerror(errno));
	return true;
}

static bool store_ping(void *self, struct error *err)
{
	struct sqlite_store *store = self;
	struct sql_conn *conn = NULL;
	bool has = false;
	int64_t version = 0;
	if (!db_take_reader(store->db, &conn, err)) return false;
	bool ok = sql_run_int(conn, "select max(version) from schema_migrations", SQL_NO_ARGS, &has, &version, err);
	db_give_reader(store->db, &conn);
	return ok && db_check_room(store->db, err);
}

static bool store_replay(void *self, const struct idempotency *idem, struct arena *arena, bool *out_replayed,
                         struct str *out_reply, struct error *err)
{
	return key_find(((struct sqlite_store *)self)->db, idem, arena, out_replayed, out_reply, err);
}

static int64_t store_oldest_wait_ms(void *self) { return db_oldest_wait_ms(((struct sqlite_store *)self)->db); }

static void store_close(void *self)
{
	struct sqlite_store *store = self;
	db_close(&store->db);
	if (store->lock_fd >= 0) (void)close(store->lock_fd); /* last: whoever waits for it may open at once */
	free(store);
}

bool sqlite_store_open(const struct sqlite_store_options *options, struct store *out, struct error *err)
{
	struct sqlite_store *store = calloc(1, sizeof *store);
	char *path = strndup(options->path.ptr ? options->path.ptr : "", options->path.len);
	if (!store || !path) die("out of memory");
	store->lock_fd = -1;
	const struct sql_options sql = {
		.path = path,
		.vfs = options->vfs,
		.busy_timeout_ms = options->busy_timeout_ms ? options->busy_timeout_ms : BUSY_TIMEOUT_MS,
		.echo = options->echo_sql,
	};
	bool ok = false;
	if (*path == '\0') {
		error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID", "the database's path is empty");
		goto out;
	}
	if (options->exclusive && !take_lock(path, &store->lock_fd, err)) goto out;
	if (!make_private(path, err)) goto out;
	if (!db_open(&sql, options->clock ? options->clock : &clock_system, &store->db, err)) goto out;
	*out = (struct store){
		.tasks = { store->db, &sqlite_task_store },
		.plans = { store->db, &sqlite_plan_store },
		.pets = { store->db, &sqlite_pet_store },
		.users = { store->db, &sqlite_user_store },
		.sessions = { store->db, &sqlite_session_store },
		.mail = { store->db, &sqlite_mail_store },
		.driver = "sqlite",
		.self = store,
		.replay = store_replay,
		.ping = store_ping,
		.oldest_wait_ms = store_oldest_wait_ms,
		.close = store_close,
	};
	ok = true;
out:
	free(path);
	if (!ok) store_close(store);
	return ok;
}
