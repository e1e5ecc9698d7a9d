/* Accounts: made once, found, changed, and deleted with everything that is theirs. */
#include "tests/contract/world.h"

#define SESSIONS(w, fn, ...) (w)->store.sessions.driver->fn((w)->store.sessions.self, __VA_ARGS__)
#define PETS(w, fn, ...) (w)->store.pets.driver->fn((w)->store.pets.self, __VA_ARGS__)

static struct user new_user(const struct world *w, const char *name, const char *email)
{
	return (struct user){ .id = new_id(w->arena), .username = str_from(name), .email = str_from(email), .created_at_us = w->now_us };
}

static struct session_start first_session(const struct world *w, struct str user_id)
{
	return (struct session_start){ .id = new_id(w->arena), .user_id = user_id, .hash = "h", .now_us = w->now_us,
		                       .expires_at_us = w->now_us + 600 * INT64_C(1000000) };
}

static struct user get(struct world *w, struct str id)
{
	struct user user = { 0 };
	CHECK_OK(USERS(w, get, id, w->arena, &user, &w->err), &w->err);
	return user;
}

static struct str password_of(struct world *w, struct str id)
{
	struct str hash = STR("?");
	CHECK_OK(USERS(w, get_password, id, w->arena, &hash, &w->err), &w->err);
	return hash;
}

static bool find(struct world *w, const char *login, struct user *out)
{
	struct str hash = STR("?");
	error_clear(&w->err);
	bool found = USERS(w, find, str_from(login), w->arena, out, &hash, &w->err);
	if (!found) CHECK(w->err.code == RPC_NOT_FOUND && error_is(&w->err, "USER_NOT_FOUND"));
	if (found) CHECK(str_equal(hash, password_of(w, out->id)));
	return found;
}

static bool session_lives(struct world *w, struct str id)
{
	struct session session = { .end = SESSION_CLOSED };
	return SESSIONS(w, get, STR_NONE, id, w->arena, &session, &w->err) && session.end == SESSION_LIVES;
}

static struct str sign_in(struct world *w, struct str user_id)
{
	struct session_start start = first_session(w, user_id);
	CHECK_OK(SESSIONS(w, create, &start, &w->err), &w->err);
	return start.id;
}

/* ---- made ---- */

static void comes_back_as_made(struct world *w)
{
	struct user made = new_user(w, "王小明", "wang@example.com");
	made.nickname = STR("小明");
	made.phone = STR("13800000000");
	made.is_superuser = true;
	struct session_start session = first_session(w, made.id);
	CHECK_OK(USERS(w, create, &made, STR("$argon2id$x"), &session, &w->err), &w->err);
	struct user user = get(w, made.id);
	CHECK(str_equal(user.id, made.id) && str_equal(user.username, made.username) && str_equal(user.email, made.email));
	CHECK(str_equal(user.nickname, made.nickname) && str_equal(user.phone, made.phone) && user.is_superuser && user.is_active);
	CHECK(!user.avatar_url.ptr && !user.plan_type.ptr && !user.is_pro && user.subscription_expired_at_us == 0);
	CHECK(user.created_at_us == w->now_us && user.updated_at_us == w->now_us);
	CHECK_STR(password_of(w, made.id), "$argon2id$x");
	CHECK(session_lives(w, session.id));
	struct user plain = new_user(w, "plain", "plain@example.com");
	CHECK_OK(USERS(w, create, &plain, STR("x"), NULL, &w->err), &w->err);
	user = get(w, plain.id);
	CHECK(!user.nickname.ptr && !user.phone.ptr && !user.is_superuser);
	struct session *sessions;
	size_t count = 1;
	CHECK_OK(SESSIONS(w, list, plain.id, true, w->now_us, w->arena, &sessions, &count, &w->err), &w->err);
	CHECK(count == 0);
}

static void taken_once(struct world *w)
{
	struct user ann = new_user(w, "ann", "ann@example.com"), user;
	CHECK_OK(USERS(w, create, &ann, STR("x"), NULL, &w->err), &w->err);
	static const struct {
		const char *name, *email, *reason; /* NULL = made */
	} rows[] = {
		{ "ann", "other@example.com", "USERNAME_TAKEN" },
		{ "ann", "ann@example.com", "USERNAME_TAKEN" }, /* looked for first */
		{ "other", "ann@example.com", "EMAIL_TAKEN" },
		{ "other", "ANN@Example.com", "EMAIL_TAKEN" },
		{ "alice", "a@example.com", "USERNAME_TAKEN" }, /* made without an address */
		{ "Ann", "ann2@example.com", NULL },            /* names are told apart by case */
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct user made = new_user(w, rows[i].name, rows[i].email);
		struct session_start session = first_session(w, made.id);
		bool ok = USERS(w, create, &made, STR("x"), &session, &w->err);
		CHECK_ROW(rows[i].email, ok == !rows[i].reason);
		CHECK_ROW(rows[i].email, session_lives(w, session.id) == ok); /* nothing half */
		if (ok) continue;
		error_clear(&w->err);
		CHECK_ROW(rows[i].email, !USERS(w, create, &made, STR("x"), &session, &w->err) && w->err.code == RPC_ALREADY_EXISTS &&
		                             error_is(&w->err, rows[i].reason));
		CHECK_FAILS(w, USERS(w, get, made.id, w->arena, &user, &w->err), RPC_NOT_FOUND, "USER_NOT_FOUND");
	}
}

enum { THREADS = 50 };
struct creates {
	const char *same_name; /* else the same address */
	atomic_int made, taken;
	char ids[THREADS][UUID_TEXT_BYTES];
};
static void create_one(struct world *w, void *ctx, size_t index)
{
	struct creates *all = ctx;
	struct error err = { 0 };
	char text[64], session_id[UUID_TEXT_BYTES];
	uuid_make(all->ids[index]);
	uuid_make(session_id);
	(void)snprintf(text, sizeof text, all->same_name ? "user%zu@example.com" : "user%zu", index);
	struct user user = { .id = str_from(all->ids[index]), .created_at_us = w->now_us };
	user.username = str_from(all->same_name ? all->same_name : text);
	user.email = all->same_name ? str_from(text) : index % 2 ? STR("same@example.com") : STR("Same@example.com");
	struct session_start session = { .id = str_from(session_id), .user_id = user.id, .now_us = w->now_us, .expires_at_us = w->now_us + 1 };
	if (USERS(w, create, &user, STR("x"), &session, &err)) all->made++;
	else all->taken += CHECK(error_is(&err, all->same_name ? "USERNAME_TAKEN" : "EMAIL_TAKEN"));
}

static void fifty_at_once_make_one(struct world *w)
{
	for (int round = 0; round < 2; round++) {
		struct creates all = { .same_name = round ? "sam" : NULL };
		world_threads(w, THREADS, create_one, &all);
		CHECK(all.made == 1 && all.taken == THREADS - 1);
		struct user winner, other;
		CHECK(find(w, round ? "sam" : "same@example.com", &winner));
		int there = 0;
		for (size_t i = 0; i < THREADS; i++) there += USERS(w, get, str_from(all.ids[i]), w->arena, &other, &w->err);
		CHECK(there == 1);
	}
}

/* ---- found ---- */

static void found_by_name_or_address(struct world *w)
{
	struct user ann = new_user(w, "ann", "ann@example.com"), odd = new_user(w, "中文", "b.c+d@example.com"), user;
	CHECK_OK(USERS(w, create, &ann, STR("one"), NULL, &w->err), &w->err);
	CHECK_OK(USERS(w, create, &odd, STR("two"), NULL, &w->err), &w->err);
	static const struct {
		const char *login, *name; /* NULL = nobody */
	} rows[] = {
		{ "ann", "ann" }, { "ann@example.com", "ann" }, { "ANN@EXAMPLE.com", "ann" }, { "中文", "中文" }, { "B.C+D@example.com", "中文" },
		{ "Ann", NULL }, { "ann ", NULL }, { "ann@example", NULL }, { "nobody", NULL }, { "", NULL }, { "@", NULL }, { "%", NULL },
		{ "' or '1'='1", NULL }, { "alice", "alice" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		bool found = find(w, rows[i].login, &user);
		CHECK_ROW(rows[i].login, found == (rows[i].name != NULL));
		if (found) CHECK_STR_ROW(rows[i].login, user.username, rows[i].name);
	}
	struct str hash = STR("?");
	CHECK_OK(USERS(w, find, STR("alice"), w->arena, &user, &hash, &w->err), &w->err);
	CHECK(!hash.ptr && user.email.len == 0); /* made by ensure: no password, no address */
	CHECK_OK(USERS(w, set_active, ann.id, false, w->now_us, &w->err), &w->err);
	CHECK(find(w, "ann", &user) && !user.is_active);
	CHECK_FAILS(w, USERS(w, get_password, STR("none"), w->arena, &hash, &w->err), RPC_NOT_FOUND, "USER_NOT_FOUND");
	/* A name with an '@', which cannot be registered, is no way to somebody's address. */
	CHECK(!str_equal(world_user(w, STR("ann@example.com")), ann.id));
	CHECK(find(w, "ann@example.com", &user) && str_equal(user.id, ann.id));
}

static size_t list(struct world *w, const char *text, int64_t offset, int64_t limit, struct user **out, int64_t *out_total)
{
	const struct user_filter filter = { .text = str_from(text), .offset = offset, .limit = limit };
	size_t count = SIZE_MAX;
	CHECK_OK(USERS(w, list, &filter, w->arena, out, &count, out_total, &w->err), &w->err);
	return count;
}

static void listed_for_operators(struct world *w)
{
	struct user *users;
	int64_t total;
	char name[16], email[32];
	for (int i = 0; i < 5; i++) {
		(void)snprintf(name, sizeof name, "User_%d", i);
		(void)snprintf(email, sizeof email, "u%d@example.com", i);
		w->now_us++;
		struct user user = new_user(w, name, email);
		CHECK_OK(USERS(w, create, &user, STR("x"), NULL, &w->err), &w->err);
	}
	CHECK(list(w, "", 0, 100, &users, &total) == 7 && total == 7);
	CHECK_STR(users[0].username, "User_4");
	CHECK_STR(users[4].username, "User_0");
	CHECK(list(w, "", 2, 2, &users, &total) == 2 && total == 7 && str_equal(users[0].username, STR("User_2")));
	CHECK(list(w, "", 7, 2, &users, &total) == 0 && total == 7 && list(w, "", 100, 2, &users, &total) == 0);
	CHECK(list(w, "user_3", 0, 9, &users, &total) == 1 && total == 1 && str_equal(users[0].username, STR("User_3")));
	CHECK(list(w, "U3@EXAMPLE", 0, 9, &users, &total) == 1 && str_equal(users[0].username, STR("User_3")));
	CHECK(list(w, "example", 1, 2, &users, &total) == 2 && total == 5);
	CHECK(list(w, "%", 0, 9, &users, &total) == 0 && list(w, "r_", 0, 9, &users, &total) == 5 && list(w, "no", 0, 9, &users, &total) == 0);
	CHECK(list(w, "alice", 0, 9, &users, &total) == 1 && users[0].email.len == 0);
}

/* ---- changed ---- */

static bool set_password(struct world *w, const char *old_hash, const char *new_hash, struct str keep)
{
	struct password_change change = { .user_id = w->alice, .old_hash = old_hash ? str_from(old_hash) : STR_NONE,
		                          .new_hash = str_from(new_hash), .keep_session = keep, .now_us = w->now_us };
	error_clear(&w->err);
	return USERS(w, set_password, &change, &w->err);
}

static void a14_password_changes_by_compare_and_set(struct world *w)
{
	struct str kept = sign_in(w, w->alice), ended = sign_in(w, w->alice), bobs = sign_in(w, w->bob);
	CHECK(!set_password(w, "x", "y", STR("")) && error_is(&w->err, "PASSWORD_CHANGED")); /* there is none yet */
	CHECK(session_lives(w, kept) && session_lives(w, ended) && !password_of(w, w->alice).ptr);
	w->now_us += SECOND_US;
	CHECK(set_password(w, NULL, "one", kept));
	CHECK(session_lives(w, kept) && !session_lives(w, ended) && session_lives(w, bobs));
	CHECK(get(w, w->alice).updated_at_us == w->now_us && get(w, w->alice).created_at_us < w->now_us);
	w->now_us += SECOND_US;
	CHECK(!set_password(w, "none", "two", STR("")) && w->err.code == RPC_ABORTED && error_is(&w->err, "PASSWORD_CHANGED"));
	CHECK_STR(password_of(w, w->alice), "one");
	CHECK(session_lives(w, kept) && get(w, w->alice).updated_at_us < w->now_us);
	CHECK(set_password(w, "one", "two", STR("")));
	CHECK(!session_lives(w, kept) && session_lives(w, bobs));
	CHECK_STR(password_of(w, w->alice), "two");
	struct password_change nobody = { .user_id = STR("none"), .new_hash = STR("h"), .now_us = w->now_us };
	CHECK_FAILS(w, USERS(w, set_password, &nobody, &w->err), RPC_NOT_FOUND, "USER_NOT_FOUND");
	nobody.old_hash = STR("h");
	CHECK_FAILS(w, USERS(w, set_password, &nobody, &w->err), RPC_NOT_FOUND, "USER_NOT_FOUND");
	struct password_change foreign = { .user_id = w->alice, .new_hash = STR("three"), .keep_session = bobs, .now_us = w->now_us };
	CHECK_OK(USERS(w, set_password, &foreign, &w->err), &w->err);
	CHECK(session_lives(w, bobs));
}

struct changes {
	atomic_int done, refused;
	atomic_size_t winner;
};
static void change_one(struct world *w, void *ctx, size_t index)
{
	struct changes *all = ctx;
	struct error err = { 0 };
	char hash[16];
	(void)snprintf(hash, sizeof hash, "new %zu", index);
	struct password_change change = { .user_id = w->alice, .old_hash = STR("old"), .new_hash = str_from(hash), .now_us = w->now_us };
	if (USERS(w, set_password, &change, &err)) {
		all->done++;
		all->winner = index;
	} else {
		all->refused += CHECK(error_is(&err, "PASSWORD_CHANGED"));
	}
}

static void one_change_wins(struct world *w)
{
	struct changes all = { 0 };
	char hash[16];
	CHECK(set_password(w, NULL, "old", STR("")));
	world_threads(w, THREADS, change_one, &all);
	CHECK(all.done == 1 && all.refused == THREADS - 1);
	(void)snprintf(hash, sizeof hash, "new %zu", (size_t)all.winner);
	CHECK_STR(password_of(w, w->alice), hash);
}

static void profile_takes_what_is_given(struct world *w)
{
	static const struct {
		const char *label;
		struct str nickname, phone;
		const char *then_nickname, *then_phone; /* NULL = none */
	} rows[] = {
		{ "nothing", STR_NONE, STR_NONE, NULL, NULL },          { "one", STR("Ali"), STR_NONE, "Ali", NULL },
		{ "the other", STR_NONE, STR("123"), "Ali", "123" },    { "both", STR("爱丽"), STR("45"), "爱丽", "45" },
		{ "empty is none", STR(""), STR_NONE, NULL, "45" },
	};
	struct user user;
	for (size_t i = 0; i < COUNT(rows); i++) {
		w->now_us += SECOND_US;
		CHECK_OK(USERS(w, update_profile, w->alice, rows[i].nickname, rows[i].phone, w->now_us, w->arena, &user, &w->err), &w->err);
		for (int stored = 0; stored < 2; stored++) {
			CHECK_STR_ROW(rows[i].label, user.nickname, rows[i].then_nickname ? rows[i].then_nickname : "");
			CHECK_STR_ROW(rows[i].label, user.phone, rows[i].then_phone ? rows[i].then_phone : "");
			CHECK_ROW(rows[i].label, !user.nickname.ptr == !rows[i].then_nickname && !user.phone.ptr == !rows[i].then_phone);
			CHECK_ROW(rows[i].label, str_equal(user.id, w->alice) && user.updated_at_us == w->now_us && user.created_at_us < w->now_us);
			user = get(w, w->alice);
		}
	}
	CHECK(!get(w, w->bob).nickname.ptr);
	CHECK_FAILS(w, USERS(w, update_profile, STR("none"), STR("x"), STR_NONE, w->now_us, w->arena, &user, &w->err), RPC_NOT_FOUND,
	            "USER_NOT_FOUND");
}

static void disabled_and_promoted(struct world *w)
{
	struct str session = sign_in(w, w->alice), bobs = sign_in(w, w->bob);
	w->now_us += SECOND_US;
	int64_t changed_us = w->now_us;
	for (int again = 0; again < 2; again++) {
		CHECK_OK(USERS(w, set_active, w->alice, false, w->now_us, &w->err), &w->err);
		CHECK(!get(w, w->alice).is_active && get(w, w->alice).updated_at_us == changed_us && !session_lives(w, session));
		w->now_us += SECOND_US;
	}
	CHECK(get(w, w->bob).is_active && session_lives(w, bobs));
	CHECK_OK(USERS(w, set_active, w->alice, true, w->now_us, &w->err), &w->err);
	CHECK(get(w, w->alice).is_active && !session_lives(w, session));
	CHECK_OK(USERS(w, set_superuser, w->alice, true, w->now_us, &w->err), &w->err);
	CHECK(get(w, w->alice).is_superuser && !get(w, w->bob).is_superuser);
	CHECK_OK(USERS(w, set_superuser, w->alice, false, w->now_us, &w->err), &w->err);
	CHECK(!get(w, w->alice).is_superuser);
	CHECK_FAILS(w, USERS(w, set_active, STR("none"), false, w->now_us, &w->err), RPC_NOT_FOUND, "USER_NOT_FOUND");
	CHECK_FAILS(w, USERS(w, set_superuser, STR("none"), true, w->now_us, &w->err), RPC_NOT_FOUND, "USER_NOT_FOUND");
}

/* ---- deleted ---- */

struct estate {
	struct task done, running, waiting;
	struct str pet_id, session_id;
};

/* One of everything. */
static struct estate estate_of(struct world *w, struct str user_id)
{
	struct estate e = { .done = world_completed(w, user_id, true) };
	(void)world_task(w, user_id);
	e.running = world_claim(w);
	struct task_append what = { .event_count = 1, .events = &STR("{}"), .progress = 5, .step = STR("s"), .step_data = STR("d") };
	uint64_t first;
	CHECK_OK(TASKS(w, append, e.running.id, e.running.attempt, w->now_us, &what, &first, &w->err), &w->err);
	struct idempotency idem = { .user_id = user_id, .method = STR("m"), .key = STR("k"), .reply = STR("r") };
	bool replayed;
	struct str reply;
	e.waiting = (struct task){ .id = new_id(w->arena), .user_id = user_id, .type = TASK_TYPE_DIET_PLAN, .lang = STR("zh"),
		                   .plan_id = new_id(w->arena), .created_at_us = w->now_us };
	CHECK_OK(TASKS(w, create, &e.waiting, STR("{}"), NULL, &idem, w->arena, &replayed, &reply, &w->err), &w->err);
	struct pet_record pet = { .id = e.pet_id = new_id(w->arena), .user_id = user_id, .name = STR("咪咪"), .type = 1, .age = 12, .weight = 4.5,
		                  .is_active = true, .created_at_us = w->now_us, .updated_at_us = w->now_us };
	CHECK_OK(PETS(w, create, &pet, NO_KEY, &w->err), &w->err);
	e.session_id = sign_in(w, user_id);
	return e;
}

/* Whether what estate_of made is there: all of it or none. */
static bool estate_stands(struct world *w, struct str user_id, const struct estate *e)
{
	struct task task;
	struct plan_record plan;
	struct pet_record pet;
	struct checkpoint *checkpoints;
	struct session *sessions;
	struct task_head *heads;
	size_t checkpoint_count = 0, session_count = 0, head_count = 0, there = 0;
	there += TASKS(w, get, user_id, e->done.id, w->arena, &task, &w->err);
	there += TASKS(w, get, user_id, e->running.id, w->arena, &task, &w->err);
	there += TASKS(w, get, STR_NONE, e->waiting.id, w->arena, &task, &w->err);
	there += PLANS(w, get, user_id, e->done.plan_id, w->now_us, w->arena, &plan, &w->err);
	there += PETS(w, get, user_id, e->pet_id, w->arena, &pet, &w->err);
	CHECK_OK(TASKS(w, checkpoints, e->running.id, w->arena, &checkpoints, &checkpoint_count, &w->err), &w->err);
	CHECK_OK(SESSIONS(w, list, user_id, true, w->now_us, w->arena, &sessions, &session_count, &w->err), &w->err);
	CHECK_OK(TASKS(w, heads, STR_NONE, &e->running.id, 1, w->arena, &heads, &head_count, &w->err), &w->err);
	there += checkpoint_count + session_count + head_count;
	CHECK(there == 0 || there == 8);
	return there == 8;
}

static bool has_id(const struct str *ids, size_t count, struct str id)
{
	for (size_t i = 0; i < count; i++)
		if (str_equal(ids[i], id)) return true;
	return false;
}

static void deleted_with_all_that_is_theirs(struct world *w)
{
	struct user ann = new_user(w, "ann", "ann@example.com"), user;
	CHECK_OK(USERS(w, create, &ann, STR("x"), NULL, &w->err), &w->err);
	struct estate anns = estate_of(w, ann.id), bobs = estate_of(w, w->bob);
	struct str *open = NULL;
	size_t open_count = 0;
	CHECK(estate_stands(w, ann.id, &anns) && estate_stands(w, w->bob, &bobs));
	CHECK_OK(USERS(w, remove, ann.id, w->now_us, w->arena, &open, &open_count, &w->err), &w->err);
	CHECK(open_count == 2 && has_id(open, open_count, anns.running.id) && has_id(open, open_count, anns.waiting.id));
	CHECK(!estate_stands(w, ann.id, &anns) && estate_stands(w, w->bob, &bobs));
	CHECK(!session_lives(w, anns.session_id) && session_lives(w, bobs.session_id));
	CHECK(!find(w, "ann", &user) && !find(w, "ann@example.com", &user));
	CHECK_FAILS(w, USERS(w, get, ann.id, w->arena, &user, &w->err), RPC_NOT_FOUND, "USER_NOT_FOUND");
	/* What the worker of the running one, and a reader, see. */
	uint64_t last;
	struct task_head head;
	struct task_event *events;
	size_t count;
	const struct task *running = &anns.running;
	CHECK(world_append(w, running, STR("{}")) == 0 && w->err.code == RPC_ABORTED && error_is(&w->err, "TASK_MOVED"));
	CHECK_FAILS(w, TASKS(w, heartbeat, running->id, running->attempt, w->now_us, LEASE_MS, &w->err), RPC_ABORTED, "TASK_MOVED");
	struct plan_record plan = world_plan(w, running, true);
	CHECK_FAILS(w, TASKS(w, complete, running->id, running->attempt, w->now_us, NULL, STR("{}"), STR("{}"), &plan, &last, &w->err),
	            RPC_ABORTED, "TASK_MOVED");
	CHECK_FAILS(w, TASKS(w, fail, running->id, running->attempt, w->now_us, STR("R"), STR("m"), STR("{}"), &last, &w->err), RPC_ABORTED,
	            "TASK_MOVED");
	CHECK_FAILS(w, TASKS(w, events, STR_NONE, running->id, 0, 9, SIZE_MAX, w->arena, &events, &count, &head, &w->err), RPC_NOT_FOUND,
	            "TASK_NOT_FOUND");
	CHECK_FAILS(w, PLANS(w, get, ann.id, plan.id, w->now_us, w->arena, &plan, &w->err), RPC_NOT_FOUND, "PLAN_NOT_FOUND");
	/* No task of theirs is left in the queue, and none comes. */
	CHECK(str_equal(world_claim(w).id, bobs.waiting.id));
	CHECK_FAILS(w, TASKS(w, claim, STR("worker"), w->now_us, LEASE_MS, w->arena, &anns.done, &w->err), RPC_NOT_FOUND, "QUEUE_EMPTY");
	struct task late = { .id = new_id(w->arena), .user_id = ann.id, .type = TASK_TYPE_DIET_PLAN, .lang = STR("zh"), .created_at_us = w->now_us };
	CHECK_FAILS(w, TASKS(w, create, &late, STR("{}"), NULL, NO_KEY, &w->err), RPC_NOT_FOUND, "USER_NOT_FOUND");
	/* Once; and the name is free. */
	CHECK_FAILS(w, USERS(w, remove, ann.id, w->now_us, w->arena, &open, &open_count, &w->err), RPC_NOT_FOUND, "USER_NOT_FOUND");
	struct user again = new_user(w, "ann", "ann@example.com");
	CHECK_OK(USERS(w, create, &again, STR("y"), NULL, &w->err), &w->err);
	CHECK(!estate_stands(w, again.id, &anns));
	struct idempotency idem = { .user_id = ann.id, .method = STR("m"), .key = STR("k"), .request_hash = "other", .reply = STR("r") };
	bool replayed;
	struct str reply; /* their keys are gone too, or this would be a mismatch */
	CHECK_FAILS(w, TASKS(w, create, &late, STR("{}"), NULL, &idem, w->arena, &replayed, &reply, &w->err), RPC_NOT_FOUND, "USER_NOT_FOUND");
}

struct busy {
	struct str user_id, task_id;
	uint32_t attempt;
	atomic_int removed;
};
/* Whatever a user's own calls and a worker do at that moment. */
static void be_busy(struct world *w, void *ctx, size_t index)
{
	struct busy *b = ctx;
	struct arena *arena = arena_create(0);
	struct error err = { 0 };
	char id[UUID_TEXT_BYTES];
	uuid_make(id);
	if (index == 8) {
		struct str *open;
		size_t count;
		b->removed += CHECK_OK(USERS(w, remove, b->user_id, w->now_us, arena, &open, &count, &err), &err);
	} else if (index % 3 == 0) {
		struct session_start start = { .id = str_from(id), .user_id = b->user_id, .now_us = w->now_us, .expires_at_us = w->now_us + 600 * INT64_C(1000000) };
		if (!SESSIONS(w, create, &start, &err)) CHECK(error_is(&err, "USER_NOT_FOUND"));
	} else if (index % 3 == 1) {
		struct task task = { .id = str_from(id), .user_id = b->user_id, .type = TASK_TYPE_DIET_PLAN, .lang = STR("zh"), .created_at_us = w->now_us };
		if (!TASKS(w, create, &task, STR("{}"), NULL, NULL, NULL, NULL, NULL, &err)) CHECK(error_is(&err, "USER_NOT_FOUND"));
	} else {
		struct task_append what = { .event_count = 1, .events = &STR("{}"), .progress = -1 };
		uint64_t first;
		if (!TASKS(w, append, b->task_id, b->attempt, w->now_us, &what, &first, &err)) CHECK(error_is(&err, "TASK_MOVED"));
	}
	arena_destroy(&arena);
}

static void deleted_while_busy(struct world *w)
{
	struct estate e = estate_of(w, w->alice);
	struct busy busy = { .user_id = w->alice, .task_id = e.running.id, .attempt = e.running.attempt };
	struct task *tasks;
	size_t count;
	int64_t total = -1;
	world_threads(w, 17, be_busy, &busy);
	CHECK(busy.removed == 1 && !estate_stands(w, w->alice, &e));
	const struct task_filter filter = { .user_id = w->alice, .limit = 10 };
	CHECK_OK(TASKS(w, list, &filter, w->arena, &tasks, &count, &total, &w->err), &w->err);
	CHECK(total == 0);
}

static void reopening_keeps_accounts(struct world *w)
{
	struct user ann = new_user(w, "ann", "ann@example.com"), user;
	CHECK_OK(USERS(w, create, &ann, STR("hash"), NULL, &w->err), &w->err);
	CHECK_OK(USERS(w, update_profile, ann.id, STR("安"), STR("1"), w->now_us + 7, w->arena, &user, &w->err), &w->err);
	struct str session = sign_in(w, ann.id);
	w->store.close(w->store.self);
	if (!CHECK(w->contract->reopen(&w->store))) die("%s: cannot reopen", w->contract->driver);
	CHECK(find(w, "ann@example.com", &user) && str_equal(user.id, ann.id) && user.updated_at_us == w->now_us + 7);
	CHECK_STR(user.nickname, "安");
	CHECK_STR(password_of(w, ann.id), "hash");
	CHECK(session_lives(w, session));
}

int contract_users(const struct store_contract *contract)
{
	static const struct store_rule rules[] = {
		{ "an account comes back as it was made, with its first session", comes_back_as_made },
		{ "a name and an address are taken once; who is refused leaves nothing", taken_once },
		{ "of 50 at once with one name, or one address, one is made", fifty_at_once_make_one },
		{ "found by exact name, or by address in any case", found_by_name_or_address },
		{ "listed newest first, by page and part of name or address", listed_for_operators },
		{ "A14 a password changes if it is still the old one, and the other sessions end with it", a14_password_changes_by_compare_and_set },
		{ "of 50 changes of one password one wins", one_change_wins },
		{ "a profile takes what is given and leaves the rest", profile_takes_what_is_given },
		{ "disabling ends every session; promoting does not", disabled_and_promoted },
		{ "an account is deleted with everything that is theirs, and nothing of others", deleted_with_all_that_is_theirs },
		{ "nothing is left behind of a user who was busy meanwhile", deleted_while_busy },
		{ "reopening keeps accounts", reopening_keeps_accounts },
	};
	return world_run(contract, "users", rules, COUNT(rules));
}
