/* Idempotency keys (K05): every write that takes one, through the same rules. */
#include "tests/contract/world.h"

/* What a write gave back. */
struct outcome {
	bool ok, replayed;
	struct str reply;
	struct error err;
};

/* id: the task or plan that it is about; for a create, of the new task. */
typedef void keyed_fn(struct world *w, struct arena *arena, struct str id, const struct idempotency *idem, struct outcome *out);

static void do_create(struct world *w, struct arena *arena, struct str id, const struct idempotency *idem, struct outcome *out)
{
	struct task task = { .id = id, .user_id = w->alice, .type = TASK_TYPE_DIET_PLAN, .lang = STR("zh"), .plan_id = new_id(arena),
		             .created_at_us = w->now_us };
	if (str_equal(id, STR("none"))) task.user_id = id; /* nor is there a user of that name */
	out->ok = TASKS(w, create, &task, STR("{}"), NULL, idem, arena, &out->replayed, &out->reply, &out->err);
}

static void do_cancel(struct world *w, struct arena *arena, struct str id, const struct idempotency *idem, struct outcome *out)
{
	uint64_t last = 0;
	out->ok = TASKS(w, cancel, w->alice, id, w->now_us, STR("{}"), STR("m"), idem, arena, &out->replayed, &out->reply, &last, &out->err);
	if (out->ok) CHECK((last == 2) == !out->replayed); /* a replay has written no event */
}

static void do_confirm(struct world *w, struct arena *arena, struct str id, const struct idempotency *idem, struct outcome *out)
{
	out->ok = PLANS(w, confirm, w->alice, id, w->now_us, idem, arena, &out->replayed, &out->reply, &out->err);
}

static void do_remove(struct world *w, struct arena *arena, struct str id, const struct idempotency *idem, struct outcome *out)
{
	out->ok = PLANS(w, remove, w->alice, id, w->now_us, idem, arena, &out->replayed, &out->reply, &out->err);
}

#define PETS(w, fn, ...) (w)->store.pets.driver->fn((w)->store.pets.self, __VA_ARGS__)

static void do_create_pet(struct world *w, struct arena *arena, struct str id, const struct idempotency *idem, struct outcome *out)
{
	struct pet_record pet = { .id = id, .user_id = w->alice, .name = STR("Rex"), .type = 2, .age = 1, .weight = 1, .is_active = true,
		                  .created_at_us = w->now_us, .updated_at_us = w->now_us };
	if (str_equal(id, STR("none"))) pet.user_id = id;
	out->ok = PETS(w, create, &pet, idem, arena, &out->replayed, &out->reply, &out->err);
}

static void do_update_pet(struct world *w, struct arena *arena, struct str id, const struct idempotency *idem, struct outcome *out)
{
	struct pet_record pet = { .id = id, .user_id = w->alice };
	(void)PETS(w, get, w->alice, id, arena, &pet, &out->err); /* gone: then there is only the key to look for */
	int64_t was_us = pet.updated_at_us;
	pet.name = STR("Max");
	pet.updated_at_us++;
	out->ok = PETS(w, update, &pet, was_us, idem, arena, &out->replayed, &out->reply, &out->err);
}

static void do_remove_pet(struct world *w, struct arena *arena, struct str id, const struct idempotency *idem, struct outcome *out)
{
	out->ok = PETS(w, remove, w->alice, id, w->now_us, idem, arena, &out->replayed, &out->reply, &out->err);
}

static struct str no_task(struct world *w) { return new_id(w->arena); }
static struct str open_task(struct world *w) { return world_task(w, w->alice).id; }
static struct str draft(struct world *w) { return world_completed(w, w->alice, false).plan_id; }

static struct str no_pet(struct world *w) { return new_id(w->arena); }
static struct str some_pet(struct world *w)
{
	struct outcome out = { .ok = false };
	struct str id = new_id(w->arena);
	do_create_pet(w, w->arena, id, NULL, &out);
	CHECK(out.ok);
	return id;
}

static bool task_stands(struct world *w, struct str id, enum task_status status)
{
	struct task task = { 0 };
	return TASKS(w, get, STR_NONE, id, w->arena, &task, &w->err) && task.status == status;
}
static bool plan_stands(struct world *w, struct str id, bool *out_confirmed)
{
	struct plan_record plan = { 0 };
	bool there = PLANS(w, get, w->alice, id, w->now_us, w->arena, &plan, &w->err);
	*out_confirmed = plan.confirmed;
	return there;
}
static bool is_made(struct world *w, struct str id) { return task_stands(w, id, TASK_PENDING); }
static bool is_cancelled(struct world *w, struct str id) { return task_stands(w, id, TASK_CANCELLED); }
static bool is_confirmed(struct world *w, struct str id)
{
	bool confirmed;
	return plan_stands(w, id, &confirmed) && confirmed;
}
static bool is_removed(struct world *w, struct str id)
{
	bool confirmed;
	return !plan_stands(w, id, &confirmed) && error_is(&w->err, "PLAN_NOT_FOUND");
}

static bool pet_is_called(struct world *w, struct str id, struct str name)
{
	struct pet_record pet = { 0 };
	return PETS(w, get, w->alice, id, w->arena, &pet, &w->err) && str_equal(pet.name, name);
}
static bool pet_is_made(struct world *w, struct str id) { return pet_is_called(w, id, STR("Rex")); }
static bool pet_is_updated(struct world *w, struct str id) { return pet_is_called(w, id, STR("Max")); }
static bool pet_is_removed(struct world *w, struct str id)
{
	struct pet_record pet;
	return !PETS(w, get, w->alice, id, w->arena, &pet, &w->err) && error_is(&w->err, "PET_NOT_FOUND");
}

/* Makes the effect look otherwise than the call left it. */
static void end_task(struct world *w, struct str id)
{
	uint64_t last = 0;
	CHECK_OK(TASKS(w, cancel, w->alice, id, w->now_us, STR("{}"), STR("m"), NO_KEY, &last, &w->err), &w->err);
}
static void remove_plan(struct world *w, struct str id)
{
	CHECK_OK(PLANS(w, remove, w->alice, id, w->now_us, NO_KEY, &w->err), &w->err);
}
static void remove_pet(struct world *w, struct str id)
{
	CHECK_OK(PETS(w, remove, w->alice, id, w->now_us, NO_KEY, &w->err), &w->err);
}
static void leave_it(struct world *w, struct str id) { (void)w, (void)id; }

static const struct keyed_row {
	const char *label;
	keyed_fn *run;
	struct str (*prepare)(struct world *w);
	bool (*is_done)(struct world *w, struct str id);
	void (*alter)(struct world *w, struct str id);
	const char *again;   /* reason that the write, once more and without a key, fails with; NULL = it succeeds */
	const char *missing; /* of one about "none" */
} rows[] = {
	{ "create", do_create, no_task, is_made, end_task, "INTERNAL", "USER_NOT_FOUND" },
	{ "cancel", do_cancel, open_task, is_cancelled, leave_it, "TASK_FINISHED", "TASK_NOT_FOUND" },
	{ "confirm", do_confirm, draft, is_confirmed, remove_plan, "PLAN_EXPIRED", "PLAN_EXPIRED" },
	{ "remove", do_remove, draft, is_removed, leave_it, "PLAN_NOT_FOUND", "PLAN_NOT_FOUND" },
	{ "create pet", do_create_pet, no_pet, pet_is_made, remove_pet, "INTERNAL", "USER_NOT_FOUND" },
	{ "update pet", do_update_pet, some_pet, pet_is_updated, remove_pet, "PET_NOT_FOUND", "PET_NOT_FOUND" },
	{ "remove pet", do_remove_pet, some_pet, pet_is_removed, leave_it, "PET_NOT_FOUND", "PET_NOT_FOUND" },
};

static struct idempotency key_of(struct str user_id, const char *method, const char *key, unsigned char hash)
{
	struct idempotency idem = { .user_id = user_id, .method = str_from(method), .key = str_from(key), .reply = STR("first\x00 reply") };
	memset(idem.request_hash, hash, sizeof idem.request_hash);
	return idem;
}

static struct outcome run(struct world *w, const struct keyed_row *row, struct str id, const struct idempotency *idem)
{
	struct outcome out = { .replayed = true, .reply = STR("?") };
	row->run(w, w->arena, id, idem, &out);
	return out;
}

static bool is_done_now(const struct outcome *out) { return out->ok && !out->replayed && out->reply.len == 0; }
static bool is_first_reply(const struct outcome *out)
{
	return out->ok && out->replayed && str_equal(out->reply, STR("first\x00 reply"));
}

static void k05_same_key_replays(struct world *w)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *label = rows[i].label;
		struct str id = rows[i].prepare(w);
		struct idempotency idem = key_of(w->alice, label, "k", 1), other = key_of(w->alice, label, "k", 2), later = idem;
		struct outcome first = run(w, &rows[i], id, &idem);
		CHECK_ROW(label, is_done_now(&first) && rows[i].is_done(w, id));
		later.reply = STR("what a second call would have answered");
		for (int again = 0; again < 2; again++) {
			struct outcome repeat = run(w, &rows[i], id, &later);
			CHECK_ROW(label, is_first_reply(&repeat));
			CHECK_ROW(label, rows[i].is_done(w, id));
		}
		struct outcome mismatch = run(w, &rows[i], id, &other);
		CHECK_ROW(label, !mismatch.ok && mismatch.err.code == RPC_INVALID_ARGUMENT && error_is(&mismatch.err, "IDEMPOTENCY_MISMATCH"));
		CHECK_ROW(label, rows[i].is_done(w, id));
		/* Whatever has become of it: the answer is the first one's, and nothing comes back to life. */
		rows[i].alter(w, id);
		w->now_us += 2 * PLAN_DRAFT_KEPT_US;
		struct outcome late = run(w, &rows[i], id, &later), bare = run(w, &rows[i], id, NULL);
		CHECK_ROW(label, is_first_reply(&late));
		CHECK_ROW(label, !bare.ok && !bare.replayed && bare.reply.len == 0 && error_is(&bare.err, rows[i].again));
	}
}

/* A key is one of its user and of its method. */
static void k05_keys_do_not_mix(struct world *w)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct idempotency keys[] = { key_of(w->alice, "one", "k", 1), key_of(w->alice, "other", "k", 2), key_of(w->bob, "one", "k", 3),
			                      key_of(w->alice, "one", "K", 4) };
		for (size_t k = 0; k < COUNT(keys); k++) {
			struct str id = rows[i].prepare(w);
			char method[32];
			(void)snprintf(method, sizeof method, "%s/" STR_FMT, rows[i].label, STR_ARG(keys[k].method));
			keys[k].method = str_from(method);
			struct outcome out = run(w, &rows[i], id, &keys[k]);
			CHECK_ROW(rows[i].label, is_done_now(&out) && rows[i].is_done(w, id));
		}
	}
}

static void k05_failure_spends_no_key(struct world *w)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct idempotency wrong = key_of(w->alice, rows[i].label, "k", 1), right = key_of(w->alice, rows[i].label, "k", 2);
		struct outcome failed = run(w, &rows[i], STR("none"), &wrong);
		CHECK_ROW(rows[i].label, !failed.ok && !failed.replayed && error_is(&failed.err, rows[i].missing));
		struct str id = rows[i].prepare(w);
		struct outcome done = run(w, &rows[i], id, &right); /* even for another request */
		CHECK_ROW(rows[i].label, is_done_now(&done) && rows[i].is_done(w, id));
	}
}

enum { THREADS = 50 };
struct parallel {
	const struct keyed_row *row;
	struct str id;
	char own[THREADS][16]; /* what each would keep with the key */
	char answers[THREADS][16];
	atomic_int done, replayed;
};

static void run_one(struct world *w, void *ctx, size_t index)
{
	struct parallel *p = ctx;
	struct arena *arena = arena_create(0);
	struct idempotency idem = key_of(w->alice, p->row->label, "k", 7);
	struct outcome out = { .ok = false };
	(void)snprintf(p->own[index], sizeof p->own[index], "reply %zu", index);
	idem.reply = str_from(p->own[index]);
	/* As a server does, each create names a task of its own. */
	struct str id = p->row->run == do_create && index ? new_id(arena) : p->id;
	p->row->run(w, arena, id, &idem, &out);
	if (out.ok) {
		atomic_fetch_add(out.replayed ? &p->replayed : &p->done, 1);
		(void)snprintf(p->answers[index], sizeof p->answers[index], STR_FMT, STR_ARG(out.replayed ? out.reply : idem.reply));
	}
	arena_destroy(&arena);
}

/* In flight: the second call waits for the end of the first and then replays it; nobody is told to come again. */
static void k05_fifty_at_once_act_once(struct world *w)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct parallel p = { .row = &rows[i], .id = rows[i].prepare(w) };
		int64_t before = 0, after = 0, running;
		CHECK_OK(TASKS(w, count_open, &before, &running, &w->err), &w->err);
		world_threads(w, THREADS, run_one, &p);
		CHECK_ROW(rows[i].label, p.done == 1 && p.replayed == THREADS - 1);
		for (size_t t = 1; t < THREADS; t++) CHECK_ROW(rows[i].label, strcmp(p.answers[t], p.answers[0]) == 0);
		CHECK_OK(TASKS(w, count_open, &after, &running, &w->err), &w->err);
		CHECK_ROW(rows[i].label, rows[i].run == do_create ? after == before + 1 : rows[i].is_done(w, p.id));
	}
}

static void k05_reopening_keeps_keys(struct world *w)
{
	struct str ids[COUNT(rows)];
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct idempotency idem = key_of(w->alice, rows[i].label, "k", 1);
		ids[i] = rows[i].prepare(w);
		struct outcome first = run(w, &rows[i], ids[i], &idem);
		CHECK_ROW(rows[i].label, is_done_now(&first));
	}
	w->store.close(w->store.self);
	if (!CHECK(w->contract->reopen(&w->store))) die("%s: cannot reopen", w->contract->driver);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct idempotency idem = key_of(w->alice, rows[i].label, "k", 1), other = key_of(w->alice, rows[i].label, "k", 2);
		struct outcome repeat = run(w, &rows[i], ids[i], &idem), mismatch = run(w, &rows[i], ids[i], &other);
		CHECK_ROW(rows[i].label, is_first_reply(&repeat));
		CHECK_ROW(rows[i].label, !mismatch.ok && error_is(&mismatch.err, "IDEMPOTENCY_MISMATCH"));
	}
}

static int64_t sweep(struct world *w, int64_t before_us)
{
	int64_t count = -1;
	CHECK_OK(TASKS(w, sweep, before_us, 100, &count, &w->err), &w->err);
	return count;
}

/* A key that made a task lives until that has ended and its log may go; one of another write, for its time. */
static void k05_key_outlives_its_task(struct world *w)
{
	struct idempotency create = key_of(w->alice, "create", "k", 1), remove = key_of(w->alice, "remove", "k", 1);
	struct str plan_id = draft(w), id = no_task(w);
	CHECK(sweep(w, w->now_us + 1) == 1); /* the log of the draft's task */
	struct outcome out = run(w, &rows[0], id, &create);
	CHECK(is_done_now(&out));
	out = run(w, &rows[3], plan_id, &remove);
	CHECK(is_done_now(&out));
	int64_t made_us = w->now_us;
	w->now_us += 400 * INT64_C(86400) * SECOND_US;
	CHECK(sweep(w, made_us) == 0);
	out = run(w, &rows[3], plan_id, &remove);
	CHECK(is_first_reply(&out)); /* made at, not before */
	CHECK(sweep(w, w->now_us) == 1);
	out = run(w, &rows[3], plan_id, &remove);
	CHECK(!out.ok && error_is(&out.err, "PLAN_NOT_FOUND")); /* forgotten */
	out = run(w, &rows[0], id, &create);
	CHECK(is_first_reply(&out)); /* pending for more than a year */
	struct task task = world_claim(w);
	CHECK(str_equal(task.id, id) && sweep(w, w->now_us) == 0);
	out = run(w, &rows[0], id, &create);
	CHECK(is_first_reply(&out)); /* running */
	end_task(w, id);
	CHECK(sweep(w, w->now_us) == 0); /* ended at, not before */
	out = run(w, &rows[0], id, &create);
	CHECK(is_first_reply(&out));
	CHECK(sweep(w, w->now_us + 1) == 1);
	out = run(w, &rows[0], no_task(w), &create);
	CHECK(is_done_now(&out));
}

static struct outcome find(struct world *w, const struct idempotency *idem)
{
	struct outcome out = { .replayed = true, .reply = STR("?") };
	out.ok = w->store.replay(w->store.self, idem, w->arena, &out.replayed, &out.reply, &out.err);
	return out;
}

/* For a caller who would refuse the write before the store sees it. */
static void k05_a_key_can_be_looked_up(struct world *w)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *label = rows[i].label;
		struct str id = rows[i].prepare(w);
		struct idempotency idem = key_of(w->alice, label, "k", 1), other = key_of(w->alice, label, "k", 2), bobs = key_of(w->bob, label, "k", 1);
		for (int again = 0; again < 2; again++) { /* looking spends nothing */
			struct outcome before = find(w, &idem);
			CHECK_ROW(label, before.ok && !before.replayed && before.reply.len == 0);
		}
		struct outcome first = run(w, &rows[i], id, &idem);
		CHECK_ROW(label, is_done_now(&first));
		rows[i].alter(w, id);
		struct outcome after = find(w, &idem), mismatch = find(w, &other), foreign = find(w, &bobs);
		CHECK_ROW(label, is_first_reply(&after));
		CHECK_ROW(label, !mismatch.ok && mismatch.err.code == RPC_INVALID_ARGUMENT && error_is(&mismatch.err, "IDEMPOTENCY_MISMATCH"));
		CHECK_ROW(label, foreign.ok && !foreign.replayed);
	}
}

int contract_keys(const struct store_contract *contract)
{
	static const struct store_rule rules[] = {
		{ "K05 the same key replays the first reply, whatever became of the effect; another payload is refused", k05_same_key_replays },
		{ "K05 a key is one of its user and method", k05_keys_do_not_mix },
		{ "K05 a call that fails does not spend its key", k05_failure_spends_no_key },
		{ "K05 50 calls at once with one key act once and answer alike", k05_fifty_at_once_act_once },
		{ "K05 reopening keeps keys", k05_reopening_keeps_keys },
		{ "K05 a key can be looked up without its write", k05_a_key_can_be_looked_up },
		{ "K05 a key that made a task outlives it", k05_key_outlives_its_task },
	};
	return world_run(contract, "keys", rules, COUNT(rules));
}
