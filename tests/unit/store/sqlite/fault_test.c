/* The disk fails at the 1st, 2nd, 3rd … write or flush until no call is left to fail. Each time: the call that met it says a
 * reason that is true, nothing is half there, now or after a crash at that moment, repeating is safe, and the run gets to its end.
 * An idempotency key is there exactly if its effect is (K05). */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/sqlite/sqlite_store.h"
#include "tests/support/check.h"
#include "tests/unit/store/sqlite/fault_vfs.h"

#define NOW_US INT64_C(1767323045000000)
enum { LEASE_MS = 6000 };

/* In memory where there is such a place: what a real flush costs is not what is asked here. */
static char in_memory[] = "/dev/shm/petfood_fault_XXXXXX", on_disk[] = "/tmp/petfood_fault_XXXXXX";
static char path[80], crashed[80], seed[80]; /* seed: migrated, closed, empty */
static char label[80];

struct run {
	struct store store;
	struct arena *arena;
	struct str user_id;
	bool replayed; /* the last step that has a key found it */
};
static const struct str task_id = STR("11111111-1111-4111-8111-111111111111"), plan_id = STR("22222222-2222-4222-8222-222222222222");

static void shell(const char *command)
{
	if (system(command) != 0) die("cannot: %s", command);
}

static bool open_at(const char *at, const char *vfs, struct store *out, struct error *err)
{
	const struct sqlite_store_options options = { .path = str_from(at), .vfs = vfs };
	return sqlite_store_open(&options, out, err);
}

/* ---- the story: each step is one write, and can be looked for ---- */

static bool step_user(struct run *r, struct error *err)
{
	struct user user;
	bool created;
	if (!r->store.users.driver->ensure(r->store.users.self, STR("alice"), NOW_US, r->arena, &user, &created, err)) return false;
	r->user_id = user.id;
	return true;
}
static bool has_user(const struct store *store, struct arena *arena, const struct task *task)
{
	(void)store, (void)arena, (void)task;
	return true; /* ensure is its own look */
}

static bool step_create(struct run *r, struct error *err)
{
	struct task task = { .id = task_id, .user_id = r->user_id, .type = TASK_TYPE_DIET_PLAN, .lang = STR("zh"), .plan_id = plan_id,
		             .created_at_us = NOW_US };
	struct idempotency idem = { .user_id = r->user_id, .method = STR("m"), .key = STR("k"), .reply = STR("r") };
	struct str reply;
	return r->store.tasks.driver->create(r->store.tasks.self, &task, STR("{}"), NULL, &idem, r->arena, &r->replayed, &reply, err);
}
static bool has_create(const struct store *store, struct arena *arena, const struct task *task)
{
	(void)store, (void)arena;
	return task->status != 0;
}

static bool step_claim(struct run *r, struct error *err)
{
	struct task task;
	return r->store.tasks.driver->claim(r->store.tasks.self, STR("w"), NOW_US, LEASE_MS, r->arena, &task, err);
}
static bool has_claim(const struct store *store, struct arena *arena, const struct task *task)
{
	(void)store, (void)arena;
	return task->attempt == 1;
}

static struct str large(struct arena *arena) /* several pages, so that a write can tear it */
{
	char *text = arena_alloc(arena, 20000);
	memset(text, 'x', 20000);
	return (struct str){ text, 20000 };
}

static bool step_append(struct run *r, struct error *err)
{
	struct str events[] = { STR("{\"n\":2}"), large(r->arena) };
	struct task_append what = { .event_count = 2, .events = events, .progress = 50, .step = STR("s"), .step_data = STR("d") };
	uint64_t first;
	return r->store.tasks.driver->append(r->store.tasks.self, task_id, 1, NOW_US, &what, &first, err);
}
static bool has_append(const struct store *store, struct arena *arena, const struct task *task)
{
	(void)store, (void)arena;
	return task->last_event >= 3;
}

static bool step_complete(struct run *r, struct error *err)
{
	struct plan_record plan = { .id = plan_id, .user_id = r->user_id, .task_id = task_id, .pet_type = 2, .pet_age = 12, .pet_weight = 4.5,
		                    .plan_data = large(r->arena), .created_at_us = NOW_US, .updated_at_us = NOW_US };
	uint64_t last;
	return r->store.tasks.driver->complete(r->store.tasks.self, task_id, 1, NOW_US, NULL, STR("{\"end\":1}"), STR("{\"o\":1}"), &plan, &last,
	                                       err);
}
static bool has_complete(const struct store *store, struct arena *arena, const struct task *task)
{
	(void)store, (void)arena;
	return task->status == TASK_COMPLETED;
}

static bool step_confirm(struct run *r, struct error *err)
{
	struct idempotency idem = { .user_id = r->user_id, .method = STR("confirm"), .key = STR("k"), .reply = STR("r") };
	struct str reply;
	return r->store.plans.driver->confirm(r->store.plans.self, r->user_id, plan_id, NOW_US + 1, &idem, r->arena, &r->replayed, &reply, err);
}
static bool has_confirm(const struct store *store, struct arena *arena, const struct task *task)
{
	struct plan_record plan;
	return store->plans.driver->get(store->plans.self, task->user_id, plan_id, NOW_US, arena, &plan, NULL) && plan.confirmed;
}

static bool step_sweep(struct run *r, struct error *err)
{
	int64_t count;
	return r->store.tasks.driver->sweep(r->store.tasks.self, NOW_US + 1, 10, &count, err);
}
static bool has_sweep(const struct store *store, struct arena *arena, const struct task *task)
{
	struct checkpoint *checkpoints;
	size_t count = 1;
	(void)task;
	return store->tasks.driver->checkpoints(store->tasks.self, task_id, arena, &checkpoints, &count, NULL) && count == 0;
}

static const struct step {
	const char *name;
	bool (*run)(struct run *r, struct error *err);
	bool (*done)(const struct store *store, struct arena *arena, const struct task *task);
	bool keyed;
} steps[] = {
	{ "user", step_user, has_user },       { "create", step_create, has_create, true }, { "claim", step_claim, has_claim },
	{ "append", step_append, has_append }, { "complete", step_complete, has_complete }, { "confirm", step_confirm, has_confirm, true },
	{ "sweep", step_sweep, has_sweep },
};

/* ---- what must hold at every moment ---- */

/* What the steps before `next` stored is there, `next` wholly or not at all, and what follows it is not. True: it is there. */
static bool check_whole(const struct store *store, struct arena *arena, size_t next)
{
	struct task task = { 0 };
	struct plan_record plan;
	struct error err;
	bool exists = store->tasks.driver->get_whole(store->tasks.self, STR_NONE, task_id, arena, &task, &err);
	CHECK_ROW(label, exists || error_is(&err, "TASK_NOT_FOUND"));
	for (size_t i = 1; i < next && i < COUNT(steps); i++) CHECK_ROW(label, steps[i].done(store, arena, &task));
	for (size_t i = next + 1; i < COUNT(steps); i++)
		if (i > 0 && !(steps[i].done == has_sweep && next < 4)) CHECK_ROW(label, !steps[i].done(store, arena, &task));
	if (!exists) return false;
	bool swept = has_sweep(store, arena, &task) && task.status == TASK_COMPLETED;
	struct task_event *events = NULL;
	size_t count = 0;
	struct task_head head;
	CHECK_ROW(label, store->tasks.driver->events(store->tasks.self, STR_NONE, task_id, 0, 100, SIZE_MAX, arena, &events, &count, &head, &err));
	CHECK_ROW(label, count == (swept ? 0 : task.last_event) && head.last == task.last_event);
	for (size_t i = 0; i < count; i++)
		CHECK_ROW(label, events[i].number == i + 1 && events[i].terminal == (task.status == TASK_COMPLETED && i + 1 == count));
	bool has_plan = store->plans.driver->get(store->plans.self, task.user_id, plan_id, NOW_US, arena, &plan, &err);
	CHECK_ROW(label, has_plan == (task.status == TASK_COMPLETED));
	CHECK_ROW(label, (task.output.len > 0) == (task.status == TASK_COMPLETED) && (task.progress >= 50) == (task.last_event >= 3));
	if (has_plan) CHECK_ROW(label, plan.plan_data.len == 20000 && plan.pet_weight == 4.5);
	return next < COUNT(steps) && steps[next].done(store, arena, &task);
}

/* As a crash at this moment leaves the files: recovery reads what is in the log. */
static bool check_crashed(const struct run *r, size_t next)
{
	char command[400];
	struct store store;
	struct error err = { 0 };
	/* By another program: closing a descriptor of the file here would drop SQLite's locks. */
	(void)snprintf(command, sizeof command, "rm -f %s*; cp %s %s && cp %s-wal %s-wal", crashed, path, crashed, path, crashed);
	shell(command);
	if (!CHECK_OK(open_at(crashed, NULL, &store, &err), &err)) return false;
	bool done = check_whole(&store, r->arena, next);
	if (steps[next].keyed) { /* the client comes again with its key */
		struct run again = { .store = store, .arena = r->arena, .user_id = r->user_id };
		CHECK_OK(steps[next].run(&again, &err), &err);
		CHECK_ROW(label, again.replayed == done && check_whole(&store, r->arena, next));
	}
	store.close(store.self);
	return done;
}

static bool is_honest(const struct error *err)
{
	return (err->code == RPC_UNAVAILABLE && (error_is(err, "STORE_FULL") || error_is(err, "STORE_DOWN"))) ||
	       (err->code == RPC_UNKNOWN && error_is(err, REASON_WRITE_UNCERTAIN));
}

/* One run with a fault at the nth call. False: there was no such call any more. */
static bool run_with_fault(enum fault_kind kind, int nth, bool lasting, bool fresh)
{
	struct run r = { .arena = arena_create(0) };
	struct error err = { 0 };
	bool fired = false;
	char command[300];
	(void)snprintf(command, sizeof command, "rm -f %s*", path);
	shell(command);
	(void)snprintf(command, sizeof command, "cp %s %s", seed, path);
	if (!fresh) shell(command);
	fault_arm(kind, nth, lasting);
	if (!open_at(path, FAULT_VFS, &r.store, &err)) {
		CHECK_ROW(label, is_honest(&err));
		fired = fault_disarm();
		CHECK_ROW(label, fired);
		if (!CHECK_OK(open_at(path, FAULT_VFS, &r.store, &err), &err)) goto out;
	}
	for (size_t i = 0; i < COUNT(steps); i++) {
		if (steps[i].run(&r, &err)) continue;
		CHECK_ROW(label, is_honest(&err));
		CHECK_ROW(steps[i].name, kind != FAULT_WRITE_FULL || error_is(&err, "STORE_FULL"));
		CHECK_ROW(label, i == 0 || !check_whole(&r.store, r.arena, i)); /* refused is not stored, as seen from here */
		if (i > 0 && check_crashed(&r, i)) CHECK_ROW(label, error_is(&err, REASON_WRITE_UNCERTAIN));
		fired = fault_disarm() || fired;
		CHECK_ROW(label, fired);
		CHECK_OK(steps[i].run(&r, &err), &err); /* looked, not there: once more */
		CHECK_ROW(label, !steps[i].keyed || !r.replayed);
	}
	fired = fault_disarm() || fired; /* a checkpoint may meet it, which costs nobody anything */
	(void)check_whole(&r.store, r.arena, COUNT(steps));
	fault_arm(kind, nth, lasting); /* also while it folds the log in at the end */
	r.store.close(r.store.self);
	(void)fault_disarm();
	if (CHECK_OK(open_at(path, NULL, &r.store, &err), &err)) {
		(void)check_whole(&r.store, r.arena, COUNT(steps));
		r.store.close(r.store.self);
	}
out:
	arena_destroy(&r.arena);
	return fired;
}

static void sweep_faults(const char *name, enum fault_kind kind, bool lasting, bool fresh, int stride)
{
	int nth = 1, places = 0;
	for (bool fired = true; fired && check_failed_count < 20; nth += stride, places++) {
		(void)snprintf(label, sizeof label, "%s at call %d", name, nth);
		fired = run_with_fault(kind, nth, lasting, fresh);
	}
	CHECK_ROW(name, nth > 5); /* it did strike, in many places */
	(void)printf("%s: %d places\n", name, places - 1);
}

/* ---- many threads: acknowledged is stored, refused is not ---- */

enum { THREADS = 8, EACH = 12 };
struct writer {
	struct store *store;
	int index;
	uint64_t number[EACH]; /* 0 = refused */
	bool uncertain[EACH], honest;
};

static void *write_many(void *self)
{
	struct writer *w = self;
	char text[40];
	w->honest = true;
	for (int i = 0; i < EACH; i++) {
		struct error err = { 0 };
		int len = snprintf(text, sizeof text, "{\"w\":%d,\"i\":%d}", w->index, i);
		struct str event = { text, (size_t)len };
		struct task_append what = { .event_count = 1, .events = &event, .progress = -1 };
		if (w->store->tasks.driver->append(w->store->tasks.self, task_id, 1, NOW_US, &what, &w->number[i], &err)) continue;
		w->number[i] = 0;
		w->uncertain[i] = error_is(&err, REASON_WRITE_UNCERTAIN);
		w->honest = w->honest && is_honest(&err);
	}
	return NULL;
}

static void threads_with_fault(enum fault_kind kind, int nth, bool lasting)
{
	struct run r = { .arena = arena_create(0) };
	struct error err = { 0 };
	struct writer writers[THREADS] = { 0 };
	pthread_t threads[THREADS];
	char command[120], text[40];
	(void)snprintf(command, sizeof command, "rm -f %s*", path);
	shell(command);
	CHECK_OK(open_at(path, FAULT_VFS, &r.store, &err), &err);
	for (size_t i = 0; i < 3; i++) CHECK_OK(steps[i].run(&r, &err), &err);
	fault_arm(kind, nth, lasting);
	for (int i = 0; i < THREADS; i++) {
		writers[i].store = &r.store;
		writers[i].index = i;
		CHECK_ROW(label, pthread_create(&threads[i], NULL, write_many, &writers[i]) == 0);
	}
	for (int i = 0; i < THREADS; i++) (void)pthread_join(threads[i], NULL);
	CHECK_ROW(label, fault_disarm());
	struct task_event *events = NULL;
	size_t count = 0, stored = 0, wrong = 0;
	struct task_head head;
	CHECK_OK(r.store.tasks.driver->events(r.store.tasks.self, STR_NONE, task_id, 0, 1000, SIZE_MAX, r.arena, &events, &count, &head, &err),
	         &err);
	for (size_t i = 0; i < count; i++) wrong += events[i].number != i + 1;
	for (int t = 0; t < THREADS; t++) {
		CHECK_ROW(label, writers[t].honest);
		for (int i = 0; i < EACH; i++) {
			uint64_t number = writers[t].number[i];
			(void)snprintf(text, sizeof text, "{\"w\":%d,\"i\":%d}", t, i);
			stored += number > 0;
			wrong += number > count || (number && !str_equal(events[number - 1].data, str_from(text)));
		}
	}
	CHECK_ROW(label, wrong == 0 && count == stored + 1 && head.last == count);
	r.store.close(r.store.self);
	arena_destroy(&r.arena);
}

int main(void)
{
	char command[80];
	fault_register();
	const char *folder = mkdtemp(in_memory) ? in_memory : mkdtemp(on_disk);
	if (!folder) die("no temporary folder");
	(void)snprintf(path, sizeof path, "%s/db", folder);
	(void)snprintf(crashed, sizeof crashed, "%s/crashed", folder);
	(void)snprintf(seed, sizeof seed, "%s/seed", folder);
	struct store store;
	struct error err = { 0 };
	if (!CHECK_OK(open_at(seed, NULL, &store, &err), &err)) return 1;
	store.close(store.self);
	sweep_faults("full once", FAULT_WRITE_FULL, false, false, 1);
	sweep_faults("full for good", FAULT_WRITE_FULL, true, false, 2);
	sweep_faults("torn write", FAULT_WRITE_TORN, false, false, 1);
	sweep_faults("torn writes for good", FAULT_WRITE_TORN, true, false, 2);
	sweep_faults("flush", FAULT_SYNC, false, false, 1);
	/* Also while the file is made and its tables are. */
	sweep_faults("new file, full", FAULT_WRITE_FULL, false, true, 5);
	sweep_faults("new file, torn write", FAULT_WRITE_TORN, true, true, 5);
	sweep_faults("new file, flush", FAULT_SYNC, false, true, 1);
	for (int nth = 1; nth <= 25; nth += 6) {
		(void)snprintf(label, sizeof label, "threads, fault at call %d", nth);
		threads_with_fault(FAULT_WRITE_FULL, nth, false);
		threads_with_fault(FAULT_WRITE_TORN, nth, true);
		threads_with_fault(FAULT_SYNC, 1 + nth / 3, false);
	}
	(void)snprintf(command, sizeof command, "rm -r %s", folder);
	shell(command);
	return check_done("fault_store_sqlite");
}
