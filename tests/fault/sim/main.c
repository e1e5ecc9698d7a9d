/* tests/fault/run: seeded schedules of a simulated world, each judged by the oracle (world.h says what is real and what is not).
 *   --schedules N   how many; --seed S  of the first (default 1); --only I  that one alone; --show  with its trace
 *   --twice  each of them two times: the same must happen
 *   --mutant NAME   with a part broken on purpose; --mutants  each of them, until the oracle notices
 * A schedule runs in a process of its own, so that what a killed process leaves behind in memory goes with it, and one that
 * hangs or dies is a violation like any other. Exit code 0: no violation (--mutants: every one was noticed). */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/base/arena.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/fault/sim/world.h"
#include "tests/unit/store/sqlite/fault_vfs.h"

enum { JOBS_MAX = 16, MUTANT_TRIES = 150, HANG_S = 60, TURNS_MAX = 3000000 };

static const char *const fault_texts[] = {
#define FAULT_TEXT(name, text) [FAULT_##name] = text,
	FAULTS(FAULT_TEXT)
#undef FAULT_TEXT
};
static const char *const mutant_names[] = {
#define MUTANT_TEXT(name, text) [MUTANT_##name] = text,
	MUTANTS(MUTANT_TEXT)
#undef MUTANT_TEXT
};

/* Asked for by the address sanitizer, if it is there: what a killed process had is not given back. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "detect_leaks=0"; }

static char dir[80];
static char user_id[40];
static struct outcome *slots; /* shared with the schedules' processes */

static int64_t real_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the folder, and a database to begin with ---- */

static int64_t template_now_us(void *self)
{
	(void)self;
	return INT64_C(1767323000000000);
}

static void make_template(void)
{
	struct error err;
	struct store store;
	struct user user;
	bool created;
	static const struct clock clock = { template_now_us, NULL };
	char path[128];
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR");
	(void)snprintf(dir, sizeof dir, "%s/petfood-fault-XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(dir)) die("no folder %s", dir);
	(void)snprintf(path, sizeof path, "%s/template.db", dir);
	fault_register();
	struct arena *arena = arena_create(0);
	struct sqlite_store_options options = { .path = str_from(path), .clock = &clock };
	if (!sqlite_store_open(&options, &store, &err)) die("%s", err.message);
	if (!store.users.driver->ensure(store.users.self, STR("mei"), 1767323000000000, arena, &user, &created, &err))
		die("%s", err.message);
	(void)snprintf(user_id, sizeof user_id, STR_FMT, STR_ARG(user.id));
	store.close(store.self);
	arena_destroy(&arena);
	oracle_prepare(path);
}

static void remove_files(const char *prefix)
{
	DIR *folder = opendir(dir);
	for (struct dirent *entry; folder && (entry = readdir(folder));)
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
			(void)unlinkat(dirfd(folder), entry->d_name, 0);
	if (folder) (void)closedir(folder);
}

static void copy_template(const char *to)
{
	char from[128], bytes[16384];
	size_t n;
	(void)snprintf(from, sizeof from, "%s/template.db", dir);
	FILE *in = fopen(from, "rbe"), *out = fopen(to, "wbe");
	if (!in || !out) die("cannot copy to %s", to);
	while ((n = fread(bytes, 1, sizeof bytes, in)) > 0)
		if (fwrite(bytes, 1, n, out) != n) die("cannot copy to %s", to);
	(void)fclose(in);
	if (fclose(out) != 0) die("cannot copy to %s", to);
}

/* ---- one schedule ---- */

static uint64_t seed_of(uint64_t seed, long index)
{
	uint64_t z = seed * 0x9e3779b97f4a7c15u + (uint64_t)index * 0xd1b54a32d192ed03u;
	z = (z ^ (z >> 32)) * 0xbf58476d1ce4e5b9u;
	return (z ^ (z >> 29)) & 0xffffffffffffu;
}

static void run_schedule(uint64_t seed, enum mutant mutant, struct outcome *outcome)
{
	memset(outcome, 0, sizeof *outcome);
	world.seed = seed;
	world.mutant = mutant;
	world.outcome = outcome;
	memcpy(world.dir, dir, sizeof world.dir);
	memcpy(world.user_id, user_id, sizeof world.user_id);
	(void)snprintf(world.path, sizeof world.path, "%s/%llx-0.db", dir, (unsigned long long)seed);
	copy_template(world.path);
	fibers_init(seed);
	if (!fibers_run(direct, NULL, TURNS_MAX)) violation("the world stands still");
	outcome->finished = true;
}

static pid_t start_schedule(uint64_t seed, enum mutant mutant, struct outcome *outcome, bool quiet)
{
	(void)fflush(stdout);
	pid_t pid = fork();
	if (pid < 0) die("fork");
	if (pid > 0) return pid;
	(void)alarm(HANG_S);
	if (quiet) { /* whoever dies of its own mistake says so; for a mutant that is no news */
		if (!freopen("/dev/null", "w", stderr)) die("freopen");
	}
	run_schedule(seed, mutant, outcome);
	(void)fflush(stdout);
	exit(0);
}

static void end_schedule(uint64_t seed, int status, struct outcome *outcome)
{
	char prefix[40];
	(void)snprintf(prefix, sizeof prefix, "%llx-", (unsigned long long)seed);
	remove_files(prefix);
	if (outcome->finished && WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
	char *text =
	    outcome->texts[outcome->violations < VIOLATIONS_SHOWN ? outcome->violations : VIOLATIONS_SHOWN - 1];
	if (WIFSIGNALED(status))
		(void)snprintf(text, VIOLATION_BYTES, WTERMSIG(status) == SIGALRM ? "hangs" : "dies of signal %d",
		               WTERMSIG(status));
	else
		(void)snprintf(text, VIOLATION_BYTES, "ends with exit code %d", WEXITSTATUS(status));
	outcome->violations++;
}

/* ---- many ---- */

struct totals {
	long schedules, bad;
	unsigned long violations, tasks, completed, failed, cancelled, abandoned, attempts, readers, stored, read;
	unsigned long faults[FAULT_COUNT];
	int64_t simulated_ms, settled_ms;
	long slowest;
};

static void add(struct totals *t, long index, uint64_t seed, const struct outcome *o)
{
	t->schedules++;
	t->violations += o->violations;
	t->tasks += o->tasks;
	t->completed += o->completed;
	t->failed += o->failed;
	t->cancelled += o->cancelled;
	t->abandoned += o->abandoned;
	t->attempts += o->attempts;
	t->readers += o->readers;
	t->stored += o->events_stored;
	t->read += o->events_read;
	t->simulated_ms += o->simulated_ms;
	if (o->settled_ms > t->settled_ms) t->settled_ms = o->settled_ms, t->slowest = index;
	for (int i = 0; i < FAULT_COUNT; i++) t->faults[i] += o->faults[i];
	if (!o->violations) return;
	if (t->bad++ >= 20) return;
	(void)printf("VIOLATION in schedule %ld (%llx):\n", index, (unsigned long long)seed);
	for (unsigned i = 0; i < o->violations && i < VIOLATIONS_SHOWN; i++) (void)printf("  %s\n", o->texts[i]);
}

/* A seed that does not always tell the same story is of no use. */
static void check_again(uint64_t seed, enum mutant mutant, struct outcome *first)
{
	struct outcome *again = &slots[JOBS_MAX];
	int status = 0;
	*again = (struct outcome){ 0 };
	pid_t pid = start_schedule(seed, mutant, again, false);
	if (waitpid(pid, &status, 0) != pid) die("waitpid");
	end_schedule(seed, status, again);
	if (again->digest == first->digest && again->turns == first->turns && again->events_read == first->events_read)
		return;
	(void)snprintf(first->texts[0], VIOLATION_BYTES, "goes otherwise the second time: %zu turns, then %zu",
	               first->turns, again->turns);
	first->violations++;
}

static void run_many(uint64_t seed, long from, long count, enum mutant mutant, int jobs, bool twice, struct totals *t)
{
	struct {
		pid_t pid;
		long index;
	} running[JOBS_MAX] = { { 0 } };
	long next = 0, ended = 0;
	while (ended < count) {
		for (int i = 0; i < jobs; i++) {
			if (running[i].pid || next == count) continue;
			running[i].index = from + next++;
			slots[i] = (struct outcome){ 0 };
			running[i].pid = start_schedule(seed_of(seed, running[i].index), mutant, &slots[i], false);
		}
		int status = 0;
		pid_t pid = waitpid(-1, &status, 0);
		for (int i = 0; i < jobs; i++) {
			if (running[i].pid != pid) continue;
			uint64_t its = seed_of(seed, running[i].index);
			end_schedule(its, status, &slots[i]);
			if (twice) check_again(its, mutant, &slots[i]);
			add(t, running[i].index, its, &slots[i]);
			running[i].pid = 0;
			ended++;
		}
	}
}

static void print_totals(const struct totals *t, int64_t ms)
{
	(void)printf("%ld schedules in %.1f s (%.0f a minute), %.0f s simulated\n", t->schedules, (double)ms / 1000,
	             (double)t->schedules * 60000 / (double)(ms ? ms : 1), (double)t->simulated_ms / 1000);
	(void)printf("%lu tasks in %lu attempts: %lu completed, %lu failed (%lu of them given up), %lu cancelled\n",
	             t->tasks, t->attempts, t->completed, t->failed, t->abandoned, t->cancelled);
	(void)printf("%lu events stored; %lu readers read %lu\nfaults injected:\n", t->stored, t->readers, t->read);
	for (int i = 0; i < FAULT_COUNT; i++) (void)printf("  %8lu  %s\n", t->faults[i], fault_texts[i]);
	(void)printf("all had found their end within %.1f s of the last fault (slowest: schedule %ld)\n",
	             (double)t->settled_ms / 1000, t->slowest);
	(void)printf("violations: %lu, in %ld schedules\n", t->violations, t->bad);
}

/* ---- mutants ---- */

static int run_mutants(uint64_t seed)
{
	int unnoticed = 0;
	for (int m = MUTANT_NONE + 1; m < MUTANT_COUNT; m++) {
		long i = 0;
		slots[0].violations = 0;
		for (; i < MUTANT_TRIES && !slots[0].violations; i++) {
			int status = 0;
			uint64_t its = seed_of(seed, i);
			slots[0] = (struct outcome){ 0 };
			pid_t pid = start_schedule(its, (enum mutant)m, &slots[0], true);
			if (waitpid(pid, &status, 0) != pid) die("waitpid");
			end_schedule(its, status, &slots[0]);
		}
		if (!slots[0].violations) unnoticed++;
		(void)printf("%-16s %s after %ld schedules%s%s\n", mutant_names[m],
		             slots[0].violations ? "noticed" : "NOT NOTICED", i, slots[0].violations ? ": " : "",
		             slots[0].violations ? slots[0].texts[0] : "");
	}
	(void)printf("%d mutants, %d not noticed\n", MUTANT_COUNT - 1, unnoticed);
	return unnoticed ? 1 : 0;
}

int main(int argc, char **argv)
{
	uint64_t seed = 1;
	long count = 2000, only = -1;
	bool mutants = false, twice = false;
	enum mutant mutant = MUTANT_NONE;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	int jobs = cores < 1 ? 1 : cores > JOBS_MAX ? JOBS_MAX : (int)cores;
	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
		if (strcmp(arg, "--show") == 0) {
			sim_show = true;
		} else if (strcmp(arg, "--twice") == 0) {
			twice = true;
		} else if (strcmp(arg, "--mutants") == 0) {
			mutants = true;
		} else if (value && strcmp(arg, "--schedules") == 0) {
			count = strtol(value, NULL, 10), i++;
		} else if (value && strcmp(arg, "--seed") == 0) {
			seed = strtoull(value, NULL, 10), i++;
		} else if (value && strcmp(arg, "--only") == 0) {
			only = strtol(value, NULL, 10), i++;
		} else if (value && strcmp(arg, "--jobs") == 0) {
			jobs = (int)strtol(value, NULL, 10), i++;
			if (jobs < 1 || jobs > JOBS_MAX) jobs = 1;
		} else if (value && strcmp(arg, "--mutant") == 0) {
			int m = 0;
			while (m < MUTANT_COUNT && strcmp(mutant_names[m], value) != 0) m++;
			if (m == MUTANT_COUNT) die("no mutant %s", value);
			mutant = (enum mutant)m, i++;
		} else {
			(void)fprintf(stderr,
			              "usage: %s [--schedules N] [--seed S] [--only I] [--show] [--jobs J] [--twice] "
			              "[--mutant NAME | --mutants]\n",
			              argv[0]);
			return 64;
		}
	}
	slots = mmap(NULL, (JOBS_MAX + 1) * sizeof *slots, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (slots == MAP_FAILED) die("no memory");
	make_template();
	int code;
	if (mutants) {
		code = run_mutants(seed);
	} else {
		struct totals totals = { 0 };
		int64_t began_ms = real_ms();
		if (only >= 0) count = 1, jobs = 1;
		run_many(seed, only >= 0 ? only : 0, count, mutant, twice ? 1 : jobs, twice, &totals);
		print_totals(&totals, real_ms() - began_ms);
		if (totals.bad && only < 0)
			(void)printf("replay one: tests/fault/run --seed %llu --only I --show\n",
			             (unsigned long long)seed);
		code = totals.violations ? 1 : 0;
		(void)printf("fault schedules (seed %llu): %ld passed, %ld failed\n", (unsigned long long)seed,
		             totals.schedules - totals.bad, totals.bad);
	}
	remove_files("");
	(void)rmdir(dir);
	return code;
}
