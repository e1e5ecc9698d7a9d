/* The disk fails at the 1st, 2nd, 3rd … write or flush of an account's life, until no call is left to fail: each write is there wholly
 * or not at all, is told truthfully, and can be repeated. With fault_test.c, which has the same for tasks and plans. */
#include <stdlib.h>
#include <unistd.h>

#include "store/sqlite/sqlite_store.h"
#include "tests/support/check.h"
#include "tests/unit/store/sqlite/fault_vfs.h"

#define NOW_US INT64_C(1767323045000000)
#define LATER_US (NOW_US + INT64_C(3600000000))

static char in_memory[] = "/dev/shm/petfood_fault_users_XXXXXX", on_disk[] = "/tmp/petfood_fault_users_XXXXXX";
static char path[80], crashed[80], seed[80]; /* seed: migrated, closed, empty */
static char label[80];

static const struct str user_id = STR("11111111-1111-4111-8111-111111111111"), task_id = STR("22222222-2222-4222-8222-222222222222");
static const struct str first_id = STR("33333333-3333-4333-8333-333333333333"), second_id = STR("44444444-4444-4444-8444-444444444444");

static void shell(const char *command)
{
	if (system(command) != 0) die("cannot: %s", command);
}

static bool open_at(const char *at, const char *vfs, struct store *out, struct error *err)
{
	const struct sqlite_store_options options = { .path = str_from(at), .vfs = vfs };
	return sqlite_store_open(&options, out, err);
}

/* ---- the story ---- */

static struct session_start session_of(struct str id)
{
	struct session_start start = { .id = id, .user_id = user_id, .now_us = NOW_US, .expires_at_us = LATER_US };
	memset(start.hash, 1, sizeof start.hash);
	return start;
}

static bool step_create(const struct store *s, struct arena *arena, struct error *err)
{
	const struct user user = { .id = user_id, .username = STR("ann"), .email = STR("ann@example.com"), .created_at_us = NOW_US };
	const struct session_start start = session_of(first_id);
	(void)arena;
	return s->users.driver->create(s->users.self, &user, STR("one"), &start, err);
}

static bool step_task(const struct store *s, struct arena *arena, struct error *err)
{
	char *large = arena_alloc(arena, 20000); /* several pages, so that deleting takes several writes */
	memset(large, 'x', 20000);
	const struct task task = { .id = task_id, .user_id = user_id, .type = TASK_TYPE_DIET_PLAN, .lang = STR("zh"), .created_at_us = NOW_US };
	return s->tasks.driver->create(s->tasks.self, &task, (struct str){ large, 20000 }, NULL, NULL, NULL, NULL, NULL, err);
}

static bool step_sign_in(const struct store *s, struct arena *arena, struct error *err)
{
	struct session_start start = session_of(second_id);
	start.password_hash = STR("one");
	start.new_password_hash = STR("two");
	(void)arena;
	return s->sessions.driver->create(s->sessions.self, &start, err);
}

static bool step_rotate(const struct store *s, struct arena *arena, struct error *err)
{
	struct session_rotation rotation = { .id = second_id, .generation = 1, .now_us = NOW_US, .expires_at_us = LATER_US };
	enum session_outcome outcome;
	struct session session;
	memset(rotation.hash, 1, sizeof rotation.hash);
	memset(rotation.next_hash, 2, sizeof rotation.next_hash);
	if (!s->sessions.driver->rotate(s->sessions.self, &rotation, arena, &outcome, &session, err)) return false;
	CHECK_ROW(label, outcome == SESSION_ROTATED);
	return true;
}

static bool step_password(const struct store *s, struct arena *arena, struct error *err)
{
	const struct password_change change = { .user_id = user_id, .old_hash = STR("two"), .new_hash = STR("three"),
		                                .keep_session = second_id, .now_us = NOW_US };
	(void)arena;
	return s->users.driver->set_password(s->users.self, &change, err);
}

static bool step_disable(const struct store *s, struct arena *arena, struct error *err)
{
	(void)arena;
	return s->users.driver->set_active(s->users.self, user_id, false, NOW_US, err);
}

static bool step_remove(const struct store *s, struct arena *arena, struct error *err)
{
	struct str *open;
	size_t count;
	if (!s->users.driver->remove(s->users.self, user_id, NOW_US, arena, &open, &count, err)) return false;
	CHECK_ROW(label, count == 1);
	return true;
}

static bool (*const steps[])(const struct store *s, struct arena *arena, struct error *err) = {
	step_create, step_task, step_sign_in, step_rotate, step_password, step_disable, step_remove,
};

/* ---- what a store looks like after each step, and never in between ---- */

static const struct state {
	bool user, active, task;
	const char *password;
	int first, second; /* 0 = not there, 1 = lives, 2 = revoked */
	uint32_t generation; /* of the second */
} states[COUNT(steps) + 1] = {
	{ false, false, false, "", 0, 0, 0 },     { true, true, false, "one", 1, 0, 0 }, { true, true, true, "one", 1, 0, 0 },
	{ true, true, true, "two", 1, 1, 1 },     { true, true, true, "two", 1, 1, 2 },  { true, true, true, "three", 2, 1, 2 },
	{ true, false, true, "three", 2, 2, 2 },  { false, false, false, "", 2, 2, 2 },
};

static int session_state(const struct store *s, struct arena *arena, struct str id, struct session *out)
{
	*out = (struct session){ 0 };
	if (!s->sessions.driver->get(s->sessions.self, STR_NONE, id, arena, out, NULL)) return 0;
	return out->end == SESSION_LIVES ? 1 : 2;
}

/* How many steps it stands after; -1 = between two. */
static int steps_done(const struct store *s, struct arena *arena)
{
	struct user user = { 0 };
	struct str password = STR("");
	struct task task;
	struct session first, second;
	struct state now = { .password = "" };
	now.user = s->users.driver->find(s->users.self, STR("ann@example.com"), arena, &user, &password, NULL);
	now.active = user.is_active;
	now.task = s->tasks.driver->get(s->tasks.self, STR_NONE, task_id, arena, &task, NULL);
	now.first = session_state(s, arena, first_id, &first);
	now.second = session_state(s, arena, second_id, &second);
	for (size_t i = 0; i < COUNT(states); i++) {
		const struct state *want = &states[i];
		if (now.user == want->user && now.active == want->active && now.task == want->task && now.first == want->first &&
		    now.second == want->second && second.generation == want->generation && str_equal(password, str_from(want->password)) &&
		    (now.user || !now.first || (first.user_id.len == 0 && second.user_id.len == 0)))
			return (int)i;
	}
	return -1;
}

static bool is_honest(const struct error *err)
{
	return (err->code == RPC_UNAVAILABLE && (error_is(err, "STORE_FULL") || error_is(err, "STORE_DOWN"))) ||
	       (err->code == RPC_UNKNOWN && error_is(err, REASON_WRITE_UNCERTAIN));
}

/* As a crash at this moment leaves the files. */
static int steps_done_after_crash(struct arena *arena)
{
	char command[400];
	struct store store;
	struct error err = { 0 };
	/* By another program: closing a descriptor of the file here would drop SQLite's locks. */
	(void)snprintf(command, sizeof command, "rm -f %s*; cp %s %s && cp %s-wal %s-wal", crashed, path, crashed, path, crashed);
	shell(command);
	if (!CHECK_OK(open_at(crashed, NULL, &store, &err), &err)) return -1;
	int done = steps_done(&store, arena);
	store.close(store.self);
	return done;
}

/* One life with a fault at the nth call. False: there was no such call any more. */
static bool run_with_fault(enum fault_kind kind, int nth)
{
	struct arena *arena = arena_create(0);
	struct store store;
	struct error err = { 0 };
	bool fired = false;
	char command[300];
	(void)snprintf(command, sizeof command, "rm -f %s* && cp %s %s", path, seed, path);
	shell(command);
	fault_arm(kind, nth, false);
	if (!open_at(path, FAULT_VFS, &store, &err)) {
		CHECK_ROW(label, is_honest(&err));
		fired = fault_disarm();
		if (!CHECK_OK(open_at(path, FAULT_VFS, &store, &err), &err)) goto out;
	}
	for (size_t i = 0; i < COUNT(steps); i++) {
		if (steps[i](&store, arena, &err)) {
			CHECK_ROW(label, steps_done(&store, arena) == (int)i + 1);
			continue;
		}
		CHECK_ROW(label, is_honest(&err) && steps_done(&store, arena) == (int)i); /* refused is not stored, as seen from here */
		int crash = steps_done_after_crash(arena);
		CHECK_ROW(label, crash == (int)i || (crash == (int)i + 1 && error_is(&err, REASON_WRITE_UNCERTAIN)));
		fired = fault_disarm() || fired;
		CHECK_ROW(label, fired);
		CHECK_OK(steps[i](&store, arena, &err), &err);
	}
	fired = fault_disarm() || fired;
	CHECK_ROW(label, steps_done(&store, arena) == (int)COUNT(steps) && steps_done_after_crash(arena) == (int)COUNT(steps));
	store.close(store.self);
out:
	arena_destroy(&arena);
	return fired;
}

static void sweep_faults(const char *name, enum fault_kind kind)
{
	int nth = 1;
	for (bool fired = true; fired && check_failed_count < 20; nth++) {
		(void)snprintf(label, sizeof label, "%s at call %d", name, nth);
		fired = run_with_fault(kind, nth);
	}
	CHECK_ROW(name, nth > 5); /* it did strike, in many places */
	(void)printf("%s: %d places\n", name, nth - 2);
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
	sweep_faults("full", FAULT_WRITE_FULL);
	sweep_faults("torn write", FAULT_WRITE_TORN);
	sweep_faults("flush", FAULT_SYNC);
	(void)snprintf(command, sizeof command, "rm -r %s", folder);
	shell(command);
	return check_done("fault_store_sqlite_users");
}
