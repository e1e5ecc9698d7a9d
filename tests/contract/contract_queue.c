/* Who works on what: create, limits, claim, fairness, listing. */
#include "tests/contract/world.h"

static void empty_queue(struct world *w)
{
	struct task task;
	CHECK_FAILS(w, TASKS(w, claim, STR("w"), w->now_us, LEASE_MS, w->arena, &task, &w->err), RPC_NOT_FOUND, "QUEUE_EMPTY");
}

static void claim_gives_what_was_created(struct world *w)
{
	struct task made = { .id = new_id(w->arena), .user_id = w->alice, .type = TASK_TYPE_BENCH, .lang = STR("en"),
		             .input = STR("\x00\xff\x01猫"), .plan_id = new_id(w->arena), .request_id = STR("req-7"), .keeps_plan = true, .created_at_us = w->now_us };
	bool replayed;
	struct str reply;
	CHECK_OK(TASKS(w, create, &made, STR("{}"), NULL, NULL, w->arena, &replayed, &reply, &w->err), &w->err);
	struct task pending = world_get(w, made.id);
	CHECK(pending.status == TASK_PENDING && pending.attempt == 0 && pending.last_event == 1 && pending.started_at_us == 0);
	CHECK(pending.progress == 0 && pending.current_node.len == 0 && pending.error_message.len == 0 && pending.output.len == 0);
	w->now_us += SECOND_US;
	struct task task = world_claim(w);
	CHECK(str_equal(task.id, made.id) && str_equal(task.user_id, w->alice) && str_equal(task.input, made.input));
	CHECK(str_equal(task.plan_id, made.plan_id) && str_equal(task.lang, STR("en")) && task.type == TASK_TYPE_BENCH && task.keeps_plan);
	CHECK(str_equal(task.request_id, STR("req-7")) && str_equal(pending.request_id, task.request_id));
	CHECK(task.status == TASK_RUNNING && task.attempt == 1 && task.lost_leases == 0);
	CHECK(task.created_at_us == START_US && task.started_at_us == w->now_us);
	CHECK_FAILS(w, TASKS(w, claim, STR("w"), w->now_us, LEASE_MS, w->arena, &task, &w->err), RPC_NOT_FOUND, "QUEUE_EMPTY");
	world_check_log(w, made.id);
}

static void oldest_first(struct world *w)
{
	struct task a = world_task(w, w->alice), b = world_task(w, w->bob);
	CHECK(str_equal(world_claim(w).id, a.id));
	CHECK(str_equal(world_claim(w).id, b.id));
}

/* One user with many tasks does not keep another waiting. */
static void k09_fair_between_users(struct world *w)
{
	struct task first = world_task(w, w->alice);
	for (int i = 0; i < 4; i++) (void)world_task(w, w->alice);
	struct task bobs = world_task(w, w->bob);
	CHECK(str_equal(world_claim(w).id, first.id));
	CHECK(str_equal(world_claim(w).id, bobs.id));
	CHECK(str_equal(world_claim(w).user_id, w->alice));
	/* Two against one: the younger task is next. */
	w->now_us++;
	(void)world_task(w, w->bob);
	CHECK(str_equal(world_claim(w).user_id, w->bob));
	w->now_us++;
	struct task third = world_task(w, w->bob);
	CHECK(str_equal(world_claim(w).user_id, w->alice)); /* two each, and hers was begun longer ago */
	CHECK(str_equal(world_claim(w).id, third.id));
	/* A task whose worker is gone does not count as work under way for its user. */
	w->now_us += LEASE_MS * 1000 + 1;
	(void)world_task(w, w->bob);
	CHECK(str_equal(world_claim(w).id, first.id));
}

static void finish(struct world *w, const struct task *task)
{
	uint64_t last = 0;
	CHECK_OK(TASKS(w, complete, task->id, task->attempt, ++w->now_us, NULL, STR("{}"), STR("{}"), NULL, &last, &w->err), &w->err);
}

/* Nor where one worker takes one task at a time, so that nobody has any running when it looks. */
static void k09_users_take_turns(struct world *w)
{
	struct str carol = world_user(w, STR("carol"));
	for (int i = 0; i < 4; i++) (void)world_task(w, w->alice);
	for (int i = 0; i < 2; i++) (void)world_task(w, w->bob);
	struct str turns[] = { w->alice, w->bob, w->alice, carol, w->bob, w->alice, w->alice };
	for (size_t i = 0; i < COUNT(turns); i++) {
		if (i == 3) (void)world_task(w, carol); /* comes late and has had nothing yet */
		w->now_us++;
		struct task task = world_claim(w);
		CHECK(str_equal(task.user_id, turns[i]));
		finish(w, &task);
	}
}

enum { CLAIM_TASKS = 40, CLAIM_THREADS = 8 };
struct claims {
	atomic_int count;
	char ids[CLAIM_TASKS][UUID_TEXT_BYTES];
};

static struct str end_text(void *ctx, struct arena *arena, const struct task *task)
{
	(void)ctx, (void)arena, (void)task;
	return STR("{}");
}

/* By an hour, while a task was nobody's: it does not wait for that hour. Nor does one that is to be given up. */
static void clock_set_back(struct world *w)
{
	const int64_t hour_us = 3600 * (int64_t)SECOND_US;
	struct task task = world_task(w, w->alice), none;
	struct error *err = &w->err;
	w->now_us += 30 * (int64_t)SECOND_US;
	(void)world_claim(w);
	w->now_us -= 30 * (int64_t)SECOND_US; /* so little may be a claim that waited for the writer */
	CHECK_FAILS(w, TASKS(w, claim, STR("b"), w->now_us, LEASE_MS, w->arena, &none, err), RPC_NOT_FOUND, "QUEUE_EMPTY");
	for (uint32_t lost = 1; lost < TASK_LOST_LEASES_MAX; lost++) {
		CHECK_OK(TASKS(w, heartbeat, task.id, lost, w->now_us + hour_us, LEASE_MS, err), err);
		struct task again = world_claim(w);
		CHECK(str_equal(again.id, task.id) && again.attempt == lost + 1 && again.lost_leases == lost);
	}
	CHECK_OK(TASKS(w, heartbeat, task.id, TASK_LOST_LEASES_MAX, w->now_us + hour_us, LEASE_MS, err), err);
	CHECK_FAILS(w, TASKS(w, claim, STR("b"), w->now_us, LEASE_MS, w->arena, &none, err), RPC_NOT_FOUND, "QUEUE_EMPTY");
	uint64_t last = 0;
	CHECK_OK(TASKS(w, abandon, w->now_us, w->arena, &none, err, end_text, NULL, STR("TASK_ABANDONED"), STR("m"), &last), err);
	CHECK(str_equal(none.id, task.id) && world_get(w, task.id).status == TASK_FAILED);
}

static void claim_many(struct world *w, void *ctx, size_t index)
{
	struct claims *claims = ctx;
	struct arena *arena = arena_create(0);
	struct error err = { 0 };
	struct task task;
	(void)index;
	while (TASKS(w, claim, STR("w"), w->now_us, LEASE_MS, arena, &task, &err)) {
		int at = claims->count++;
		if (at < CLAIM_TASKS) memcpy(claims->ids[at], task.id.ptr, UUID_TEXT_BYTES);
	}
	if (!error_is(&err, "QUEUE_EMPTY")) claims->count = 1000;
	arena_destroy(&arena);
}

static void claim_is_exclusive(struct world *w)
{
	struct claims claims = { 0 };
	for (int i = 0; i < CLAIM_TASKS; i++) (void)world_task(w, i % 2 ? w->alice : w->bob);
	world_threads(w, CLAIM_THREADS, claim_many, &claims);
	CHECK(claims.count == CLAIM_TASKS);
	bool twice = false;
	for (int i = 0; i < CLAIM_TASKS; i++)
		for (int j = 0; j < i; j++) twice = twice || strcmp(claims.ids[i], claims.ids[j]) == 0;
	CHECK(!twice);
}

static void unknown_user(struct world *w)
{
	struct task task = { .id = new_id(w->arena), .user_id = new_id(w->arena), .type = TASK_TYPE_DIET_PLAN, .lang = STR("zh"),
		             .created_at_us = w->now_us };
	bool replayed;
	struct str reply;
	CHECK_FAILS(w, TASKS(w, create, &task, STR("{}"), NULL, NULL, w->arena, &replayed, &reply, &w->err), RPC_NOT_FOUND,
	            "USER_NOT_FOUND");
	CHECK_FAILS(w, TASKS(w, get, STR_NONE, task.id, w->arena, &task, &w->err), RPC_NOT_FOUND, "TASK_NOT_FOUND");
}

static bool create_with(struct world *w, struct arena *arena, struct str user, const struct task_limits *limits,
                        const struct idempotency *idem, bool *out_replayed, struct str *out_reply, struct error *err)
{
	struct task task = { .id = new_id(arena), .user_id = user, .type = TASK_TYPE_DIET_PLAN, .lang = STR("zh"),
		             .created_at_us = w->now_us };
	return TASKS(w, create, &task, STR("{}"), limits, idem, arena, out_replayed, out_reply, err);
}

static int64_t open_tasks(struct world *w)
{
	int64_t pending = -1, running = -1;
	CHECK_OK(TASKS(w, count_open, &pending, &running, &w->err), &w->err);
	return pending + running;
}

struct creates {
	atomic_int ok, limited;
	const struct task_limits *limits;
};

static void create_one(struct world *w, void *ctx, size_t index)
{
	struct creates *creates = ctx;
	struct arena *arena = arena_create(0);
	struct error err = { 0 };
	bool replayed = false;
	struct str reply = STR_NONE;
	(void)index;
	if (create_with(w, arena, w->alice, creates->limits, NULL, &replayed, &reply, &err)) {
		creates->ok++;
	} else if (err.code == RPC_RESOURCE_EXHAUSTED && error_is(&err, "TASK_LIMIT") && err.param_count == 1 &&
	           strcmp(err.params[0].name, "limit") == 0 && strcmp(err.params[0].value, "7") == 0) {
		creates->limited++;
	}
	arena_destroy(&arena);
}

static void k06_user_limit_holds(struct world *w)
{
	const struct task_limits limits = { .per_user = 7 };
	struct creates creates = { .limits = &limits };
	world_threads(w, 100, create_one, &creates);
	CHECK(creates.ok == 7 && creates.limited == 93);
	CHECK(open_tasks(w) == 7);
	bool replayed;
	struct str reply;
	w->now_us++; /* younger than alice's */
	CHECK_OK(create_with(w, w->arena, w->bob, &limits, NULL, &replayed, &reply, &w->err), &w->err); /* per user */
	/* Running counts, ended does not. */
	struct task task = world_claim(w);
	struct str owner = task.user_id;
	uint64_t last;
	CHECK(str_equal(owner, w->alice));
	CHECK_FAILS(w, create_with(w, w->arena, owner, &limits, NULL, &replayed, &reply, &w->err), RPC_RESOURCE_EXHAUSTED, "TASK_LIMIT");
	CHECK_OK(TASKS(w, cancel, owner, task.id, w->now_us, STR("{}"), STR_NONE, NO_KEY, &last, &w->err), &w->err);
	CHECK_OK(create_with(w, w->arena, owner, &limits, NULL, &replayed, &reply, &w->err), &w->err);
}

/* K05: at the limit a replay is still answered, and a create that was refused for it has not spent its key. */
static void k05_keys_at_the_limit(struct world *w)
{
	const struct task_limits limits = { .per_user = 1 };
	struct idempotency idem = { .user_id = w->alice, .method = STR("m"), .key = STR("k1"), .reply = STR("reply") }, late = idem;
	late.key = STR("k2");
	bool replayed = true;
	struct str reply = STR("?");
	CHECK_OK(create_with(w, w->arena, w->alice, &limits, &idem, &replayed, &reply, &w->err), &w->err);
	CHECK(!replayed && reply.len == 0);
	CHECK_OK(create_with(w, w->arena, w->alice, &limits, &idem, &replayed, &reply, &w->err), &w->err);
	CHECK(replayed && str_equal(reply, STR("reply")) && open_tasks(w) == 1);
	CHECK_FAILS(w, create_with(w, w->arena, w->alice, &limits, &late, &replayed, &reply, &w->err), RPC_RESOURCE_EXHAUSTED, "TASK_LIMIT");
	CHECK_OK(create_with(w, w->arena, w->alice, NULL, &late, &replayed, &reply, &w->err), &w->err);
	CHECK(!replayed && open_tasks(w) == 2);
}

static void k11_list_is_newest_first(struct world *w)
{
	enum { N = 25 };
	struct str ids[N];
	for (int i = 0; i < N; i++) {
		ids[i] = world_task(w, w->alice).id;
		if (i % 5) w->now_us--; /* five at the same instant: the order must still be one */
	}
	(void)world_task(w, w->bob);
	struct task *tasks = NULL;
	size_t count = 0, seen = 0;
	int64_t total = 0;
	bool ordered = true, light = true;
	struct task last = { .created_at_us = INT64_MAX };
	for (int64_t page = 0; page < 4; page++) {
		struct task_filter filter = { .user_id = w->alice, .offset = page * 7, .limit = 7 };
		CHECK_OK(TASKS(w, list, &filter, w->arena, &tasks, &count, &total, &w->err), &w->err);
		CHECK(total == N && count == (page < 3 ? 7u : 4u));
		for (size_t i = 0; i < count; i++) {
			ordered = ordered && (tasks[i].created_at_us < last.created_at_us ||
			                      (tasks[i].created_at_us == last.created_at_us && strcmp(tasks[i].id.ptr, last.id.ptr) < 0));
			light = light && tasks[i].input.len == 0 && tasks[i].output.len == 0;
			last = tasks[i];
			for (int k = 0; k < N; k++) seen += str_equal(ids[k], tasks[i].id);
		}
	}
	CHECK(ordered && light && seen == N); /* every one on exactly one page */
	struct task_filter beyond = { .user_id = w->alice, .offset = 1000, .limit = 10 };
	CHECK_OK(TASKS(w, list, &beyond, w->arena, &tasks, &count, &total, &w->err), &w->err);
	CHECK(count == 0 && total == N);
}

/* Rows that come in between push others to a later page; none of those that were there is passed over. */
static void k11_list_is_stable_under_inserts(struct world *w)
{
	enum { N = 12 };
	struct str ids[N];
	bool seen[N] = { false };
	for (int i = 0; i < N; i++) ids[i] = world_task(w, w->alice).id;
	struct task *tasks = NULL;
	size_t count = 1;
	int64_t total = 0;
	for (int64_t offset = 0; count; offset += 3) {
		struct task_filter filter = { .user_id = w->alice, .offset = offset, .limit = 3 };
		CHECK_OK(TASKS(w, list, &filter, w->arena, &tasks, &count, &total, &w->err), &w->err);
		for (size_t i = 0; i < count; i++)
			for (int k = 0; k < N; k++) seen[k] = seen[k] || str_equal(ids[k], tasks[i].id);
		if (offset < 9) (void)world_task(w, w->alice);
	}
	for (int k = 0; k < N; k++) CHECK(seen[k]);
}

static void list_filters(struct world *w)
{
	struct task a = world_task(w, w->alice), b = world_task(w, w->alice);
	(void)world_task(w, w->bob);
	uint64_t last_event;
	CHECK_OK(TASKS(w, cancel, w->alice, b.id, w->now_us, STR("{}"), STR("bye"), NO_KEY, &last_event, &w->err), &w->err);
	const struct {
		const char *label;
		struct task_filter filter;
		size_t want;
		struct str id;
	} rows[] = {
		{ "all", { .user_id = w->alice, .limit = 10 }, 2, b.id },
		{ "pending", { .user_id = w->alice, .status = TASK_PENDING, .limit = 10 }, 1, a.id },
		{ "cancelled", { .user_id = w->alice, .status = TASK_CANCELLED, .limit = 10 }, 1, b.id },
		{ "running", { .user_id = w->alice, .status = TASK_RUNNING, .limit = 10 }, 0, STR_NONE },
		{ "type", { .user_id = w->alice, .type = TASK_TYPE_DIET_PLAN, .limit = 10 }, 2, b.id },
		{ "other type", { .user_id = w->alice, .type = TASK_TYPE_BENCH, .limit = 10 }, 0, STR_NONE },
		{ "both", { .user_id = w->alice, .status = TASK_CANCELLED, .type = TASK_TYPE_DIET_PLAN, .limit = 10 }, 1, b.id },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct task *tasks = NULL;
		size_t count = 99;
		int64_t total = 99;
		CHECK_OK(TASKS(w, list, &rows[i].filter, w->arena, &tasks, &count, &total, &w->err), &w->err);
		CHECK_ROW(rows[i].label, count == rows[i].want && total == (int64_t)rows[i].want);
		if (count) CHECK_ROW(rows[i].label, str_equal(tasks[0].id, rows[i].id));
	}
}

static void foreign_tasks_do_not_exist(struct world *w)
{
	struct task task = world_task(w, w->alice), got;
	CHECK_OK(TASKS(w, get, w->alice, task.id, w->arena, &got, &w->err), &w->err);
	CHECK_ROW("without the large parts", got.input.len == 0 && got.output.len == 0 && str_equal(got.id, task.id));
	CHECK_OK(TASKS(w, get_whole, w->alice, task.id, w->arena, &got, &w->err), &w->err);
	CHECK_ROW("with them", got.input.len > 0);
	CHECK_FAILS(w, TASKS(w, get_whole, w->bob, task.id, w->arena, &got, &w->err), RPC_NOT_FOUND, "TASK_NOT_FOUND");
	CHECK_FAILS(w, TASKS(w, get, w->bob, task.id, w->arena, &got, &w->err), RPC_NOT_FOUND, "TASK_NOT_FOUND");
	CHECK_FAILS(w, TASKS(w, get, w->alice, STR("no such id"), w->arena, &got, &w->err), RPC_NOT_FOUND, "TASK_NOT_FOUND");
	CHECK_FAILS(w, TASKS(w, get, w->alice, STR_NONE, w->arena, &got, &w->err), RPC_NOT_FOUND, "TASK_NOT_FOUND");
}

static void counts_open_tasks(struct world *w)
{
	int64_t pending = -1, running = -1;
	CHECK_OK(TASKS(w, count_open, &pending, &running, &w->err), &w->err);
	CHECK(pending == 0 && running == 0);
	for (int i = 0; i < 3; i++) (void)world_task(w, w->alice);
	(void)world_completed(w, w->bob, true); /* runs one of alice's: the oldest */
	(void)world_claim(w);
	CHECK_OK(TASKS(w, count_open, &pending, &running, &w->err), &w->err);
	CHECK(pending == 2 && running == 1);
}

int contract_queue(const struct store_contract *contract)
{
	static const struct store_rule rules[] = {
		{ "an empty queue says QUEUE_EMPTY", empty_queue },
		{ "a claim gives what was created, once", claim_gives_what_was_created },
		{ "the oldest task is taken first", oldest_first },
		{ "K09 users share the workers fairly", k09_fair_between_users },
		{ "K09 users take turns at a single worker", k09_users_take_turns },
		{ "two workers never hold one task", claim_is_exclusive },
		{ "a lease from before the clock was set back is void", clock_set_back },
		{ "a task needs a user", unknown_user },
		{ "K06 the user limit holds under 100 parallel creates", k06_user_limit_holds },
		{ "K05 at the limit a replay is answered, and a refusal spends no key", k05_keys_at_the_limit },
		{ "K11 a list is newest first, each row on one page", k11_list_is_newest_first },
		{ "K11 a list passes nothing over while rows come in", k11_list_is_stable_under_inserts },
		{ "a list filters by status and type", list_filters },
		{ "another user's task does not exist", foreign_tasks_do_not_exist },
		{ "open tasks are counted", counts_open_tasks },
	};
	return world_run(contract, "queue", rules, COUNT(rules));
}
