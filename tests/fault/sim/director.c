/* A schedule from beginning to end: processes start, clients come, things go wrong for a while, then all is mended; every task
 * and every reader must find its end, and every process must be able to stop. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite/sqlite_store.h"
#include "tests/fault/sim/world.h"
#include "tests/unit/store/sqlite/fault_vfs.h"

struct world world;
enum { BUSY_SLEEP_MS = 4, BENCH_MS_MAX = 5000, SETTLE_MS = 30000 };

static int64_t now_us(void *self)
{
	(void)self;
	return sim_wall_us();
}

/* ---- drawing ---- */

static unsigned rate(unsigned most) { return sim_chance(500) ? 0 : 1 + sim_below(most); }

static void draw_settings(void)
{
	struct settings *s = &world.settings;
	s->sole = sim_chance(400);
	s->processes = s->sole ? 1 : 2 + (int)sim_below(2);
	s->lease_ms = sim_between(600, 6000);
	s->heartbeat_ms = s->lease_ms / 3;
	s->poll_ms = sim_between(100, 1000);
	s->sweep_ms = sim_between(2000, 10000);
	s->task_timeout_ms = sim_chance(100) ? sim_between(2000, 10000) : 3600000;
	s->expires = sim_chance(150);
	s->events_kept_ms = s->expires ? sim_between(500, 8000) : 24 * 3600000;
	s->draft_kept_ms = s->expires ? sim_between(500, 8000) : 24 * 3600000;
	s->running_max = 1 + sim_below(4);
	s->store_threads = 1 + sim_below(2);
	s->compute_threads = 1 + sim_below(2);
	s->payload = !sim_chance(150);
	s->tasks = 1 + (int)sim_below(5);
	s->watchers = (int)sim_below(5);
	s->faults_ms = sim_between(3000, 15000);
	s->crashes = sim_chance(600);
	s->stops = sim_chance(500);
	s->jumps = sim_chance(300) && !s->expires;
	s->cancels = sim_chance(500);
	s->storm = (struct weather){
		.publish_lost = sim_chance(250) ? 1000 : rate(600),
		.publish_twice = rate(300),
		.publish_late = rate(400),
		.publish_late_ms = sim_between(1, 3000),
		.call_lost = rate(200),
		.answer_lost = rate(200),
		.call_ms = sim_chance(300) ? sim_between(1, 800) : 1,
		.store_down = rate(150),
		.store_busy = rate(150),
		.store_full = rate(150),
		.store_slow = rate(200),
		.store_slow_ms = sim_between(1, s->lease_ms + s->lease_ms / 2),
		.uncertain_done = rate(120),
		.uncertain_lost = rate(120),
		.disk = rate(120),
	};
	for (int i = 0; i < s->tasks; i++) {
		struct task_record *task = &world.tasks[i];
		(void)snprintf(task->key, sizeof task->key, "key-%d", i);
		task->bench = sim_chance(300);
		task->events = 1 + sim_below(sim_chance(200) ? 150 : 30);
		task->interval_ms = sim_chance(300) ? 0 : sim_below(BENCH_MS_MAX / task->events);
	}
}

/* ---- processes ---- */

bool process_is_up(const struct process *process)
{
	return process->state == PROCESS_UP || process->state == PROCESS_STOPPING;
}

int __real_sqlite3_open_v2(const char *path, sqlite3 **out, int flags, const char *vfs);
int __wrap_sqlite3_open_v2(const char *path, sqlite3 **out, int flags, const char *vfs);
int __wrap_sqlite3_open_v2(const char *path, sqlite3 **out, int flags, const char *vfs)
{
	int rc = __real_sqlite3_open_v2(path, out, flags, vfs);
	if (rc != SQLITE_OK || fiber_process() == OUTSIDE) return rc;
	struct process *process = process_here();
	size_t i = 0;
	while (i < DATABASES_MAX && process->databases[i]) i++;
	if (i == DATABASES_MAX) die("too many connections");
	process->databases[i] = *out;
	return rc;
}
int __real_sqlite3_close(sqlite3 *db);
int __wrap_sqlite3_close(sqlite3 *db);
int __wrap_sqlite3_close(sqlite3 *db)
{
	for (int p = 1; p <= PROCESSES_MAX; p++)
		for (size_t i = 0; i < DATABASES_MAX; i++)
			if (db && world.processes[p].databases[i] == db) world.processes[p].databases[i] = NULL;
	return __real_sqlite3_close(db);
}

/* Between two statements of a transaction others go on, or the process stands still with the lock in its hand. */
int __real_sqlite3_step(sqlite3_stmt *stmt);
int __wrap_sqlite3_step(sqlite3_stmt *stmt);
int __wrap_sqlite3_step(sqlite3_stmt *stmt)
{
	if (fiber_process() != OUTSIDE && sim_chance(60)) fiber_yield();
	return __real_sqlite3_step(stmt);
}

/* SQLite itself would sleep, and all the world with it. */
static int on_busy(void *self, int times)
{
	struct process *process = process_here();
	int64_t timeout_ms = (int64_t)(intptr_t)self;
	if (process->number == OUTSIDE || (int64_t)times * BUSY_SLEEP_MS >= timeout_ms) return 0;
	note_fault(FAULT_BUSY);
	fiber_sleep_ms(BUSY_SLEEP_MS);
	return 1;
}
int __wrap_sqlite3_busy_timeout(sqlite3 *db, int ms);
int __wrap_sqlite3_busy_timeout(sqlite3 *db, int ms) { return sqlite3_busy_handler(db, on_busy, (void *)(intptr_t)ms); }

/* As the kernel does for a process that is gone: what was not committed never was. */
static void drop_databases(struct process *process)
{
	for (size_t i = 0; i < DATABASES_MAX; i++) {
		sqlite3 *db = process->databases[i];
		sqlite3_stmt *stmt;
		if (!db) continue;
		while ((stmt = sqlite3_next_stmt(db, NULL)) != NULL) (void)sqlite3_finalize(stmt);
		if (sqlite3_close(db) != SQLITE_OK) die("a connection stays");
		process->databases[i] = NULL;
	}
}

static void copy_file(const char *from, const char *to)
{
	struct stat st;
	int in = open(from, O_RDONLY | O_CLOEXEC);
	if (in < 0) return; /* no write-ahead log */
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (out < 0 || fstat(in, &st) != 0) die("cannot copy to %s", to);
	for (off_t at = 0; at < st.st_size;)
		if (sendfile(out, in, &at, (size_t)(st.st_size - at)) <= 0) die("cannot copy to %s", to);
	(void)close(in);
	(void)close(out);
}

/* The files as they stand, under a new name: what is open goes on with the old ones, and its ends touch nothing. */
static void freeze_disk(void)
{
	char old[sizeof world.path], from[sizeof world.path + 8], to[sizeof world.path + 8];
	memcpy(old, world.path, sizeof old);
	(void)snprintf(world.path, sizeof world.path, "%s/%llx-%d.db", world.dir, (unsigned long long)world.seed,
	               ++world.generation);
	copy_file(old, world.path);
	(void)snprintf(from, sizeof from, "%s-wal", old);
	(void)snprintf(to, sizeof to, "%s-wal", world.path);
	copy_file(from, to);
}

static void gone(struct process *process)
{
	drop_databases(process);
	wire_process_gone(process);
	fibers_pause(process->number, false);
	process->state = PROCESS_DOWN;
	process->life++;
	process->crash_in = 0;
	fiber_wake(process, true);
}

void process_crash(struct process *process)
{
	int others = 0, number = process->number;
	if (process->state == PROCESS_DOWN) return;
	sim_trace("process %d is killed", number);
	note_fault(FAULT_CRASH);
	for (int i = 1; i <= world.settings.processes; i++)
		others += i != number && world.processes[i].state != PROCESS_DOWN;
	if (!others) freeze_disk();
	fibers_kill(number);
	gone(process);
	if (fiber_process() == number) fiber_die();
}

void sim_point(const char *name, const char *detail)
{
	int number = fiber_process();
	if (number == OUTSIDE) return;
	struct process *process = &world.processes[number];
	sim_trace("%s %s", name, detail);
	if (process->crash_in && --process->crash_in == 0) process_crash(process);
	if (sim_chance(300)) fiber_yield();
}

static void on_point(void *self, const char *name)
{
	(void)self;
	sim_point("point", name);
}

static bool open_all(struct process *process, struct error *err)
{
	const struct settings *s = &world.settings;
	char name[32];
	int64_t voided = 0;
	struct sqlite_store_options store = { .path = str_from(world.path), .clock = &world.clock, .vfs = FAULT_VFS };
	if (!sqlite_store_open(&store, &process->real, err)) return false;
	store_wrap(process);
	if (s->sole &&
	    !process->store.tasks.driver->void_leases(process->store.tasks.self, sim_wall_us(), &voided, err))
		return false;
	const struct event_publisher_options publish = { .payload = s->payload };
	if (!event_publisher_create(&publish, &process->publisher, err)) return false;
	(void)snprintf(name, sizeof name, "p%d.%u", process->number, process->life);
	process->services = (struct services){ .store = &process->store,
		                               .events = wire_events_of(process),
		                               .bench_enabled = true,
		                               .version = "0",
		                               .cache_driver = "memory" };
	const struct job_engine_options jobs = {
		.store = &process->store,
		.clock = &world.clock,
		.events = process->services.events,
		.worker_name = str_from(name),
		.lease_ms = s->lease_ms,
		.heartbeat_ms = s->heartbeat_ms,
		.poll_ms = s->poll_ms,
		.task_timeout_ms = s->task_timeout_ms,
		.running_max = s->running_max,
		.compute_threads = s->compute_threads,
		.store_threads = s->store_threads,
		.events_kept_ms = s->events_kept_ms,
		.draft_kept_ms = s->draft_kept_ms,
		.sweep_ms = s->sweep_ms,
		.pause_point = on_point,
		.pause_point_self = process,
	};
	if (!job_engine_start(&jobs, &process->engine, err)) return false;
	atomic_store(&process->services.engine, process->engine);
	const struct event_hub_options hub = { .client = (struct rpc_client *)(void *)process,
		                               .service_authorization = STR("Bearer bridge") };
	return event_hub_create(&hub, &process->hub, err);
}

static void close_all(struct process *process)
{
	while (process->streams) (void)fiber_wait(process, sim_steady_us() + 100000);
	event_hub_destroy(&process->hub);
	process->state = PROCESS_DRAINING;
	while (process->handlers) (void)fiber_wait(process, sim_steady_us() + 100000);
	atomic_store(&process->services.engine, NULL);
	job_engine_stop(&process->engine, 5000);
	struct event_publisher *publisher = process->publisher;
	process->publisher = NULL;
	event_publisher_destroy(&publisher);
	if (process->real.close) process->real.close(process->real.self);
}

/* What main does. */
static void *live(void *self)
{
	struct process *process = self;
	struct error err;
	error_clear(&err);
	if (open_all(process, &err)) {
		process->state = PROCESS_UP;
		wire_process_up(process);
		while (!process->stop) (void)fiber_wait(&process->stop, sim_steady_us() + 200000);
		process->state = PROCESS_STOPPING;
	} else {
		sim_trace("start fails: %s %s", err.reason,
		          err.message); /* main ends with an exit code, and is started again */
	}
	close_all(process);
	sim_trace("ends");
	gone(process);
	return NULL;
}

void process_start(struct process *process)
{
	if (process->state != PROCESS_DOWN || world.over) return;
	int number = process->number;
	unsigned life = process->life;
	void *databases[DATABASES_MAX];
	memcpy(databases, process->databases, sizeof databases);
	memset(process, 0, sizeof *process);
	process->number = number;
	process->life = life + 1;
	process->state = PROCESS_STARTING;
	memcpy(process->databases, databases, sizeof databases);
	fiber_go(number, "main", live, process);
}

/* ---- what goes wrong ---- */

static struct process *some_process(void)
{
	return &world.processes[1 + sim_below((uint32_t)world.settings.processes)];
}

void crash_all(void)
{
	sim_trace("all are killed");
	note_fault(FAULT_CRASH_ALL);
	int self = fiber_process();
	for (int i = 1; i <= world.settings.processes; i++)
		if (i != self) process_crash(&world.processes[i]);
	if (self != OUTSIDE) process_crash(&world.processes[self]);
}

static void *come_back(void *self)
{
	struct process *process = self;
	fiber_sleep_ms(sim_between(10, 3000));
	process_start(process);
	return NULL;
}

struct halt {
	struct process *process;
	int64_t ms;
};
static void *go_on_later(void *self)
{
	struct halt *halt = self;
	unsigned life = halt->process->life;
	fiber_sleep_ms(halt->ms);
	if (halt->process->life == life) {
		fibers_pause(halt->process->number, false);
		halt->process->halted_at_us = sim_steady_us();
	}
	free(halt);
	return NULL;
}

static void halt(struct process *process)
{
	struct halt *halt = malloc(sizeof *halt);
	if (!halt) die("out of memory");
	if (process->state == PROCESS_DOWN) {
		free(halt);
		return;
	}
	*halt = (struct halt){ process, sim_between(10, world.settings.lease_ms * 3) };
	sim_trace("process %d stands still for %lld ms", process->number, (long long)halt->ms);
	note_fault(FAULT_STOPPED);
	fibers_pause(process->number, true);
	fiber_go(OUTSIDE, "continue", go_on_later, halt);
}

static void jump(void)
{
	static const int64_t jumps_us[] = { 3600000000, -3600000000, 7000000, -7000000, 900000, -900000 };
	int64_t us = world.settings.expires ? 0 : jumps_us[sim_below((uint32_t)COUNT(jumps_us))];
	if (sim_wall_offset_us() + us > 3600000000 || sim_wall_offset_us() + us < -3600000000) us = -us;
	sim_trace("the clock jumps by %lld s", (long long)us / 1000000);
	note_fault(FAULT_CLOCK_JUMP);
	sim_wall_jump(us);
}

static void go_wrong(void)
{
	const struct settings *s = &world.settings;
	struct process *process = some_process();
	switch (sim_below(8)) {
	case 0:
		if (s->crashes) process->crash_in = 1 + sim_below(60);
		break;
	case 1:
		if (s->crashes && sim_chance(300))
			crash_all();
		else if (s->crashes)
			process_crash(process);
		break;
	case 2:
		if (s->crashes && process->state == PROCESS_UP) {
			note_fault(FAULT_HAND_BACK);
			process->stop = true;
			fiber_wake(&process->stop, true);
		}
		break;
	case 3:
		if (s->stops) halt(process);
		break;
	case 4:
		if (s->stops && sim_chance(500)) halt(process);
		break;
	case 5:
		if (s->jumps) jump();
		break;
	default: world.weather = sim_chance(600) ? s->storm : (struct weather){ .call_ms = 1 }; break;
	}
	for (int i = 1; i <= s->processes; i++)
		if (world.processes[i].state == PROCESS_DOWN)
			fiber_go(OUTSIDE, "restart", come_back, &world.processes[i]);
}

/* ---- the schedule ---- */

static const char *unfinished(void)
{
	if (world.open_clients > 0) return "clients";
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	bool open = true;
	if (__real_sqlite3_open_v2(world.path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(db, "select count(*) from tasks where status in ('pending', 'running')", -1, &stmt,
	                       NULL) != SQLITE_OK)
		die("no database");
	if (sqlite3_step(stmt) == SQLITE_ROW) open = sqlite3_column_int(stmt, 0) > 0;
	(void)sqlite3_finalize(stmt);
	(void)__real_sqlite3_close(db);
	return open ? "tasks" : NULL;
}

/* Calm for so long; true once all have found their end. */
static bool wait_for_ends(int64_t ms)
{
	int64_t until_us = sim_steady_us() + ms * 1000;
	while (sim_steady_us() < until_us) {
		if (!unfinished()) return true;
		fiber_sleep_ms(300);
	}
	return !unfinished();
}

static void mend_all(void)
{
	sim_trace("all is mended");
	world.weather = (struct weather){ .call_ms = 1 };
	world.calm = true;
	sim_wall_jump(-sim_wall_offset_us());
	for (int i = 1; i <= world.settings.processes; i++) {
		world.processes[i].crash_in = 0;
		fibers_pause(i, false);
		world.processes[i].halted_at_us = sim_steady_us();
	}
}

static void *keep_up(void *unused)
{
	(void)unused;
	while (!world.over) {
		for (int i = 1; i <= world.settings.processes; i++)
			if (world.processes[i].state == PROCESS_DOWN) process_start(&world.processes[i]);
		fiber_sleep_ms(500);
	}
	return NULL;
}

static void stop_all(void)
{
	for (int i = 1; i <= world.settings.processes; i++) {
		world.processes[i].stop = true;
		fiber_wake(&world.processes[i].stop, true);
	}
	int64_t until_us = sim_steady_us() + 60000000;
	for (int i = 1; i <= world.settings.processes; i++)
		while (world.processes[i].state != PROCESS_DOWN && sim_steady_us() < until_us) fiber_sleep_ms(20);
	for (int i = 1; i <= world.settings.processes; i++)
		if (world.processes[i].state != PROCESS_DOWN) violation("process %d does not stop", i);
	if (sim_show && world.outcome->violations) fibers_say("at the end");
}

void *direct(void *unused)
{
	const struct settings *s = &world.settings;
	(void)unused;
	int64_t began_us = sim_steady_us();
	world.clock = (struct clock){ now_us, NULL };
	draw_settings();
	kind_draw();
	world.weather = sim_chance(500) ? s->storm : (struct weather){ .call_ms = 1 };
	sim_trace("%d processes%s, %d tasks, %d lookers, lease %lld ms, faults for %lld ms%s", s->processes,
	          s->sole ? " (sole)" : "", s->tasks, s->watchers, (long long)s->lease_ms, (long long)s->faults_ms,
	          s->expires ? ", logs expire" : "");
	for (int i = 1; i <= s->processes; i++) {
		world.processes[i].number = i;
		process_start(&world.processes[i]);
	}
	for (int i = 0; i < s->tasks; i++) client_start_owner(&world.tasks[i]);
	for (int i = 0; i < s->watchers; i++) client_start_watcher();
	int64_t until_us = sim_steady_us() + s->faults_ms * 1000;
	while (sim_steady_us() < until_us) {
		fiber_sleep_ms(sim_between(20, 900));
		go_wrong();
	}
	mend_all();
	fiber_go(OUTSIDE, "keeper", keep_up, NULL);
	int64_t mended_us = sim_steady_us();
	bool ended = wait_for_ends(SETTLE_MS);
	if (!ended) violation("%d s after all was mended there are still open %s", SETTLE_MS / 1000, unfinished());
	world.outcome->settled_ms = (sim_steady_us() - mended_us) / 1000;
	world.over = true;
	stop_all();
	oracle_judge();
	world.outcome->simulated_ms = (sim_steady_us() - began_us) / 1000;
	world.outcome->turns = fiber_turns();
	world.outcome->digest = sim_random();
	return NULL;
}
