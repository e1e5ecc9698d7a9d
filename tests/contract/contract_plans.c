/* Plans, users, and what holds for the store as a whole. */
#include "tests/contract/world.h"

static struct plan_record store_plan(struct world *w, struct plan_record plan)
{
	uint64_t last;
	(void)world_task(w, plan.user_id);
	struct task task = world_claim(w);
	plan.id = task.plan_id;
	plan.task_id = task.id;
	CHECK_OK(TASKS(w, complete, task.id, task.attempt, w->now_us, NULL, STR("{}"), STR("{}"), &plan, &last, &w->err), &w->err);
	return plan;
}

static void plan_comes_back_as_it_was(struct world *w)
{
	static const double weights[] = { 4.5, 0.1, 3, 1000, 32.05, 12.345678901234567 };
	for (size_t i = 0; i < COUNT(weights); i++) {
		struct plan_record plan = { .user_id = w->alice, .pet_id = STR("pet-1"), .pet_type = i % 2 ? 1 : 2, .pet_breed = STR("英国短毛猫"),
			                    .pet_age = 600, .pet_weight = weights[i], .health_status = STR("it's \"fine\""),
			                    .plan_data = STR("{ \"b\" : 1.50,\n\t\"a\":[ 1e3 , \"\\u732b 猫\xf0\x9f\x90\xb1\" ] } "),
			                    .confirmed = true, .is_active = true, .applied_at_us = START_US + 1,
			                    .created_at_us = w->now_us + 2, .updated_at_us = w->now_us + 3 },
			           got = { 0 };
		plan = store_plan(w, plan);
		CHECK_OK(PLANS(w, get, w->alice, plan.id, w->now_us, w->arena, &got, &w->err), &w->err);
		CHECK(got.pet_weight == weights[i]);
		CHECK(str_equal(got.plan_data, plan.plan_data) && str_equal(got.pet_breed, plan.pet_breed));
		CHECK(str_equal(got.health_status, plan.health_status) && str_equal(got.pet_id, plan.pet_id) && got.pet_age == 600);
		CHECK(str_equal(got.id, plan.id) && str_equal(got.user_id, w->alice) && str_equal(got.task_id, plan.task_id));
		CHECK(got.pet_type == plan.pet_type && got.confirmed && got.is_active && got.applied_at_us == plan.applied_at_us);
		CHECK(got.created_at_us == plan.created_at_us && got.updated_at_us == plan.updated_at_us);
	}
}

static void absent_is_not_empty(struct world *w)
{
	struct plan_record plan = { .user_id = w->alice, .pet_type = 1, .pet_age = 1, .pet_weight = 2, .plan_data = STR("{}"),
		                    .confirmed = true, .created_at_us = w->now_us },
	                   got;
	plan = store_plan(w, plan);
	CHECK_OK(PLANS(w, get, w->alice, plan.id, w->now_us, w->arena, &got, &w->err), &w->err);
	CHECK(!got.pet_breed.ptr && !got.health_status.ptr && got.pet_id.len == 0 && got.applied_at_us == 0 && !got.is_active);
	plan.pet_breed = STR("");
	plan = store_plan(w, plan);
	CHECK_OK(PLANS(w, get, w->alice, plan.id, w->now_us, w->arena, &got, &w->err), &w->err);
	CHECK(got.pet_breed.ptr && got.pet_breed.len == 0);
}

static int64_t listed(struct world *w, struct str user, int pet_type)
{
	struct plan_filter filter = { .user_id = user, .pet_type = pet_type, .limit = 100 };
	struct plan_record *plans = NULL;
	size_t count = 0;
	int64_t total = -1;
	CHECK_OK(PLANS(w, list, &filter, w->arena, &plans, &count, &total, &w->err), &w->err);
	CHECK((int64_t)count == total);
	for (size_t i = 0; i < count; i++) CHECK(plans[i].confirmed && plans[i].plan_data.len == 0 && plans[i].id.len == 36);
	return total;
}

static void draft_is_not_listed(struct world *w)
{
	struct task task = world_completed(w, w->alice, false);
	struct plan_record plan;
	CHECK_OK(PLANS(w, get, w->alice, task.plan_id, w->now_us, w->arena, &plan, &w->err), &w->err);
	CHECK(!plan.confirmed && listed(w, w->alice, 0) == 0);
	(void)world_completed(w, w->alice, true); /* non-streamed: listed at once */
	CHECK(listed(w, w->alice, 0) == 1);
	w->now_us += 5;
	CHECK_OK(PLANS(w, confirm, w->alice, task.plan_id, w->now_us, NO_KEY, &w->err), &w->err);
	CHECK(listed(w, w->alice, 0) == 2 && listed(w, w->bob, 0) == 0);
	CHECK_OK(PLANS(w, get, w->alice, task.plan_id, w->now_us, w->arena, &plan, &w->err), &w->err);
	CHECK(plan.confirmed && plan.updated_at_us == w->now_us);
	/* Again: the same answer, and nothing changes, however late. */
	int64_t confirmed_us = w->now_us;
	w->now_us += 2 * PLAN_DRAFT_KEPT_US;
	CHECK_OK(PLANS(w, confirm, w->alice, task.plan_id, w->now_us, NO_KEY, &w->err), &w->err);
	CHECK_OK(PLANS(w, get, w->alice, task.plan_id, w->now_us, w->arena, &plan, &w->err), &w->err);
	CHECK(plan.updated_at_us == confirmed_us && listed(w, w->alice, 0) == 2);
}

static void draft_expires(struct world *w)
{
	int64_t made_us = w->now_us + 1; /* the task takes a microsecond */
	struct task draft = world_completed(w, w->alice, false), kept = world_completed(w, w->alice, true);
	struct plan_record plan;
	int64_t count = -1;
	w->now_us = made_us + PLAN_DRAFT_KEPT_US - 1;
	CHECK_OK(PLANS(w, get, w->alice, draft.plan_id, w->now_us, w->arena, &plan, &w->err), &w->err);
	CHECK(plan.created_at_us == made_us);
	w->now_us++;
	CHECK_FAILS(w, PLANS(w, get, w->alice, draft.plan_id, w->now_us, w->arena, &plan, &w->err), RPC_NOT_FOUND, "PLAN_NOT_FOUND");
	CHECK_FAILS(w, PLANS(w, confirm, w->alice, draft.plan_id, w->now_us, NO_KEY, &w->err), RPC_NOT_FOUND, "PLAN_EXPIRED");
	CHECK_FAILS(w, PLANS(w, remove, w->alice, draft.plan_id, w->now_us, NO_KEY, &w->err), RPC_NOT_FOUND, "PLAN_NOT_FOUND");
	CHECK_OK(PLANS(w, expire_drafts, made_us, 10, &count, &w->err), &w->err);
	CHECK(count == 0); /* made at, not before */
	CHECK_STR(world_get(w, draft.id).output, "{\"out\":1}");
	CHECK_OK(PLANS(w, expire_drafts, made_us + 1000, 10, &count, &w->err), &w->err);
	CHECK(count == 1);
	CHECK(world_get(w, draft.id).output.len == 0); /* it is the plan once more */
	CHECK_STR(world_get(w, kept.id).output, "{\"out\":1}");
	CHECK_FAILS(w, PLANS(w, get, w->alice, draft.plan_id, made_us, w->arena, &plan, &w->err), RPC_NOT_FOUND, "PLAN_NOT_FOUND");
	CHECK_OK(PLANS(w, get, w->alice, kept.plan_id, w->now_us, w->arena, &plan, &w->err), &w->err);
	CHECK(world_get(w, draft.id).status == TASK_COMPLETED);
}

/* The oldest first, as many as allowed, so that nobody waits long for the writer. */
static void drafts_expire_by_turns(struct world *w)
{
	enum { DRAFTS = 5 };
	struct task drafts[DRAFTS];
	int64_t count = -1;
	for (int i = 0; i < DRAFTS; i++) drafts[i] = world_completed(w, w->alice, false);
	w->now_us += PLAN_DRAFT_KEPT_US;
	for (int left = DRAFTS; left >= 0; left -= 2) {
		CHECK_OK(PLANS(w, expire_drafts, w->now_us, 2, &count, &w->err), &w->err);
		CHECK(count == (left < 2 ? left : 2));
		for (int i = 0; i < DRAFTS; i++) CHECK((world_get(w, drafts[i].id).output.len == 0) == (i < DRAFTS - left + (int)count));
	}
}

static void foreign_plans_do_not_exist(struct world *w)
{
	struct task draft = world_completed(w, w->alice, false), kept = world_completed(w, w->alice, true);
	struct plan_record plan;
	struct str ids[] = { draft.plan_id, kept.plan_id, STR("none") };
	for (size_t i = 0; i < COUNT(ids); i++) {
		CHECK_FAILS(w, PLANS(w, get, w->bob, ids[i], w->now_us, w->arena, &plan, &w->err), RPC_NOT_FOUND, "PLAN_NOT_FOUND");
		CHECK_FAILS(w, PLANS(w, confirm, w->bob, ids[i], w->now_us, NO_KEY, &w->err), RPC_NOT_FOUND, "PLAN_EXPIRED");
		CHECK_FAILS(w, PLANS(w, remove, w->bob, ids[i], w->now_us, NO_KEY, &w->err), RPC_NOT_FOUND, "PLAN_NOT_FOUND");
	}
	CHECK_OK(PLANS(w, get, w->alice, draft.plan_id, w->now_us, w->arena, &plan, &w->err), &w->err);
	CHECK(!plan.confirmed);
}

static void removed_once(struct world *w)
{
	struct task draft = world_completed(w, w->alice, false), kept = world_completed(w, w->alice, true);
	struct str ids[] = { draft.plan_id, kept.plan_id };
	struct plan_record plan;
	for (size_t i = 0; i < COUNT(ids); i++) {
		CHECK_OK(PLANS(w, remove, w->alice, ids[i], w->now_us, NO_KEY, &w->err), &w->err);
		CHECK_FAILS(w, PLANS(w, remove, w->alice, ids[i], w->now_us, NO_KEY, &w->err), RPC_NOT_FOUND, "PLAN_NOT_FOUND");
		CHECK_FAILS(w, PLANS(w, get, w->alice, ids[i], w->now_us, w->arena, &plan, &w->err), RPC_NOT_FOUND, "PLAN_NOT_FOUND");
		CHECK_FAILS(w, PLANS(w, confirm, w->alice, ids[i], w->now_us, NO_KEY, &w->err), RPC_NOT_FOUND, "PLAN_EXPIRED");
	}
	CHECK(listed(w, w->alice, 0) == 0);
}

static void plans_are_paged(struct world *w)
{
	struct plan_record made = { .user_id = w->alice, .pet_age = 12, .pet_weight = 10, .plan_data = STR("{}"), .confirmed = true };
	struct str ids[9];
	for (int i = 0; i < 9; i++) {
		made.pet_type = i < 4 ? 1 : 2;
		made.created_at_us = START_US + i / 3; /* three at a time */
		ids[i] = store_plan(w, made).id;
	}
	CHECK(listed(w, w->alice, 0) == 9 && listed(w, w->alice, 1) == 4 && listed(w, w->alice, 2) == 5);
	int64_t last_us = INT64_MAX, total = 0;
	struct str last_id = STR_NONE;
	size_t seen = 0, count = 0;
	bool ordered = true;
	for (int64_t offset = 0; offset < 12; offset += 4) {
		struct plan_filter filter = { .user_id = w->alice, .offset = offset, .limit = 4 };
		struct plan_record *plans = NULL;
		CHECK_OK(PLANS(w, list, &filter, w->arena, &plans, &count, &total, &w->err), &w->err);
		CHECK(total == 9 && count == (offset < 8 ? 4u : 1u));
		for (size_t i = 0; i < count; i++) {
			ordered = ordered && (plans[i].created_at_us < last_us ||
			                      (plans[i].created_at_us == last_us && strcmp(plans[i].id.ptr, last_id.ptr) < 0));
			last_us = plans[i].created_at_us;
			last_id = plans[i].id;
			for (int k = 0; k < 9; k++) seen += str_equal(ids[k], plans[i].id);
		}
	}
	CHECK(ordered && seen == 9);
}

struct confirms {
	struct str plan_id;
	atomic_int ok;
};
static void confirm_one(struct world *w, void *ctx, size_t index)
{
	struct confirms *confirms = ctx;
	struct error err;
	confirms->ok += PLANS(w, confirm, w->alice, confirms->plan_id, w->now_us + (int64_t)index, NO_KEY, &err);
}

static void confirmed_in_parallel(struct world *w)
{
	struct confirms confirms = { .plan_id = world_completed(w, w->alice, false).plan_id };
	world_threads(w, 8, confirm_one, &confirms);
	CHECK(confirms.ok == 8 && listed(w, w->alice, 0) == 1);
}

/* ---- users ---- */

struct ensures {
	atomic_int made, ok;
	char ids[8][UUID_TEXT_BYTES];
};
static void ensure_one(struct world *w, void *ctx, size_t index)
{
	struct ensures *ensures = ctx;
	struct arena *arena = arena_create(0);
	struct user user;
	struct error err;
	bool created = false;
	if (USERS(w, ensure, STR("carol"), w->now_us, arena, &user, &created, &err)) {
		ensures->ok++;
		ensures->made += created;
		memcpy(ensures->ids[index], user.id.ptr, UUID_TEXT_BYTES);
	}
	arena_destroy(&arena);
}

static void ensure_makes_one(struct world *w)
{
	struct ensures ensures = { 0 };
	world_threads(w, 8, ensure_one, &ensures);
	CHECK(ensures.ok == 8 && ensures.made == 1);
	for (int i = 1; i < 8; i++) CHECK(strcmp(ensures.ids[i], ensures.ids[0]) == 0);
	struct user user = { 0 };
	bool created = true;
	CHECK_OK(USERS(w, ensure, STR("carol"), w->now_us + 99, w->arena, &user, &created, &w->err), &w->err);
	CHECK(!created && user.created_at_us == w->now_us && user.is_active && user.email.len == 0);
	CHECK_OK(USERS(w, get, user.id, w->arena, &user, &w->err), &w->err);
	CHECK_STR(user.username, "carol");
	CHECK_FAILS(w, USERS(w, get, STR("none"), w->arena, &user, &w->err), RPC_NOT_FOUND, "USER_NOT_FOUND");
	CHECK(!str_equal(world_user(w, STR("Carol")), user.id)); /* names are told apart by case */
}

static void user_names(struct world *w)
{
#define TEN "0123456789"
#define TEN_HAN "一二三四五六七八九十"
	static const struct {
		const char *label;
		struct str name;
		bool ok;
	} rows[] = {
		{ "one", STR("a"), true },
		{ "fifty", STR(TEN TEN TEN TEN TEN), true },
		{ "fifty characters", STR(TEN_HAN TEN_HAN TEN_HAN TEN_HAN TEN_HAN), true },
		{ "empty", STR(""), false },
		{ "fifty-one", STR(TEN TEN TEN TEN TEN "x"), false },
		{ "not UTF-8", STR("a\xff"), false },
		{ "NUL inside", STR("a\0b"), false },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct user user;
		bool created = false;
		error_clear(&w->err);
		CHECK_ROW(rows[i].label, USERS(w, ensure, rows[i].name, w->now_us, w->arena, &user, &created, &w->err) == rows[i].ok);
		if (rows[i].ok) CHECK_ROW(rows[i].label, created && str_equal(user.username, rows[i].name));
		else CHECK_ROW(rows[i].label, error_is(&w->err, "VALIDATION_FAILED") && w->err.violation_count == 1);
	}
}

/* ---- the store ---- */

static void reopen_keeps_all(struct world *w)
{
	struct task done = world_completed(w, w->alice, false);
	(void)world_task(w, w->alice);
	struct task running = world_claim(w);
	struct task_append what = { .event_count = 1, .events = &STR("{\"猫\":1}"), .progress = 42, .node = STR("week_1"), .step = STR("s"),
		                    .step_data = STR("\x00d") };
	uint64_t number;
	CHECK_OK(TASKS(w, append, running.id, running.attempt, w->now_us, &what, &number, &w->err), &w->err);
	struct task before = world_get(w, running.id);
	CHECK_OK(w->store.ping(w->store.self, &w->err), &w->err);
	w->store.close(w->store.self);
	if (!CHECK(w->contract->reopen(&w->store))) die("%s: cannot reopen", w->contract->driver);
	CHECK_OK(w->store.ping(w->store.self, &w->err), &w->err);
	struct task after = world_get(w, running.id);
	CHECK(after.status == TASK_RUNNING && after.attempt == 1 && after.progress == 42 && after.last_event == 2);
	CHECK(str_equal(after.input, before.input) && str_equal(after.current_node, STR("week_1")) && after.updated_at_us == before.updated_at_us);
	world_check_log(w, running.id);
	world_check_log(w, done.id);
	struct checkpoint *checkpoints = NULL;
	size_t count = 0;
	CHECK_OK(TASKS(w, checkpoints, running.id, w->arena, &checkpoints, &count, &w->err), &w->err);
	CHECK(count == 1 && str_equal(checkpoints[0].data, STR("\x00d")));
	struct plan_record plan;
	CHECK_OK(PLANS(w, get, w->alice, done.plan_id, w->now_us, w->arena, &plan, &w->err), &w->err);
	CHECK(plan.pet_weight == 4.5 && !plan.confirmed);
	CHECK(str_equal(world_user(w, STR("alice")), w->alice));
	/* The lease is still the worker's, until someone who knows better voids it. */
	CHECK_OK(TASKS(w, heartbeat, running.id, running.attempt, w->now_us, LEASE_MS, &w->err), &w->err);
}

int contract_plans(const struct store_contract *contract)
{
	static const struct store_rule rules[] = {
		{ "a plan comes back as it was: 4.5 is 4.5, plan_data byte for byte", plan_comes_back_as_it_was },
		{ "absent is not empty", absent_is_not_empty },
		{ "a draft is not listed until it is confirmed; confirming is idempotent", draft_is_not_listed },
		{ "a draft expires, a confirmed plan does not", draft_expires },
		{ "drafts expire by turns", drafts_expire_by_turns },
		{ "another user's plan does not exist", foreign_plans_do_not_exist },
		{ "a plan is removed once", removed_once },
		{ "plans are listed newest first, by page and pet", plans_are_paged },
		{ "parallel confirms all succeed, with one row", confirmed_in_parallel },
		{ "ensure makes one user, also under threads", ensure_makes_one },
		{ "a user's name has 1 to 50 characters", user_names },
		{ "reopening keeps everything", reopen_keeps_all },
	};
	return world_run(contract, "plans", rules, COUNT(rules));
}
