/* The event log: numbers, progress, checkpoints, reading it, and forgetting it. */
#include "tests/contract/world.h"

enum { WRITERS = 8, EACH = 25 };

/* Where each writer's events ended up. */
struct writers {
	struct task tasks[WRITERS];
	uint64_t numbers[WRITERS][EACH];
};

static struct str event_text(struct arena *arena, size_t writer, size_t i)
{
	return str_printf(arena, "{\"writer\":%zu,\"i\":%zu}", writer, i);
}

static void append_many(struct world *w, void *ctx, size_t index)
{
	struct writers *writers = ctx;
	struct arena *arena = arena_create(0);
	struct error err;
	for (size_t i = 0; i < EACH; i++) {
		struct str text = event_text(arena, index, i);
		struct task_append what = { .event_count = 1, .events = &text, .progress = (int)(i * 4) };
		if (!TASKS(w, append, writers->tasks[index].id, 1, w->now_us, &what, &writers->numbers[index][i], &err))
			writers->numbers[index][i] = 0;
	}
	arena_destroy(&arena);
}

/* What append answered is what a reader finds there. */
static void check_written(struct world *w, const struct writers *writers)
{
	size_t wrong = 0;
	for (size_t t = 0; t < WRITERS; t++) {
		struct task_event *events = NULL;
		size_t count = 0;
		struct task_head head;
		CHECK_OK(TASKS(w, events, STR_NONE, writers->tasks[t].id, 0, 10000, SIZE_MAX, w->arena, &events, &count, &head, &w->err), &w->err);
		for (size_t i = 0; i < EACH; i++) {
			uint64_t number = writers->numbers[t][i];
			wrong += number < 2 || number > count || !str_equal(events[number - 1].data, event_text(w->arena, t, i)) ||
			         (i && number <= writers->numbers[t][i - 1]);
		}
		world_check_log(w, writers->tasks[t].id);
	}
	CHECK(wrong == 0);
}

static void dense_under_threads(struct world *w)
{
	static struct writers writers;
	(void)world_task(w, w->alice);
	struct task one = world_claim(w);
	for (size_t i = 0; i < WRITERS; i++) writers.tasks[i] = one;
	world_threads(w, WRITERS, append_many, &writers);
	CHECK(world_get(w, one.id).last_event == 1 + WRITERS * EACH && world_get(w, one.id).progress == 96);
	check_written(w, &writers);
}

static void many_tasks_under_threads(struct world *w)
{
	static struct writers writers;
	for (size_t i = 0; i < WRITERS; i++) {
		(void)world_task(w, i % 2 ? w->alice : w->bob);
		writers.tasks[i] = world_claim(w);
	}
	world_threads(w, WRITERS, append_many, &writers);
	for (size_t i = 0; i < WRITERS; i++) CHECK(world_get(w, writers.tasks[i].id).last_event == 1 + EACH);
	check_written(w, &writers);
}

/* A fenced worker in the same moment costs the others nothing (they may share its transaction). */
static void append_or_be_refused(struct world *w, void *ctx, size_t index)
{
	struct writers *writers = ctx;
	if (index % 2) {
		append_many(w, ctx, index);
		return;
	}
	struct error err;
	struct task_append what = { .event_count = 1, .events = &STR("{\"stale\":true}"), .progress = 100 };
	uint64_t number;
	for (size_t i = 0; i < EACH; i++)
		writers->numbers[index][i] = !TASKS(w, append, writers->tasks[index].id, 7, w->now_us, &what, &number, &err) &&
		                             error_is(&err, "TASK_MOVED");
}

static void refusals_do_not_spread(struct world *w)
{
	static struct writers writers;
	(void)world_task(w, w->alice);
	struct task one = world_claim(w);
	for (size_t i = 0; i < WRITERS; i++) writers.tasks[i] = one;
	world_threads(w, WRITERS, append_or_be_refused, &writers);
	size_t refused = 0, stored = 0;
	for (size_t t = 0; t < WRITERS; t++)
		for (size_t i = 0; i < EACH; i++) *(t % 2 ? &stored : &refused) += t % 2 ? writers.numbers[t][i] > 1 : writers.numbers[t][i];
	CHECK(refused == WRITERS / 2 * EACH && stored == WRITERS / 2 * EACH);
	CHECK(world_get(w, one.id).last_event == 1 + WRITERS / 2 * EACH && world_get(w, one.id).progress == 96);
	world_check_log(w, one.id);
}

/* G5: a reader that asks again from what it has never sees a hole, while the log grows. */
struct follow {
	struct task task;
	atomic_bool broken;
};
static void follow_or_write(struct world *w, void *ctx, size_t index)
{
	struct follow *follow = ctx;
	struct error err;
	uint64_t number = 0;
	if (index == 0) {
		for (int i = 0; i < 100; i++) {
			struct str two[] = { STR("{\"a\":1}"), STR("{\"b\":2}") };
			struct task_append what = { .event_count = 2, .events = two, .progress = -1 };
			if (!TASKS(w, append, follow->task.id, 1, w->now_us, &what, &number, &err)) follow->broken = true;
		}
		if (!TASKS(w, fail, follow->task.id, 1, w->now_us, STR("R"), STR("m"), STR("{}"), &number, &err)) follow->broken = true;
		return;
	}
	struct arena *arena = arena_create(0);
	bool ended = false;
	for (uint64_t at = 0; !ended && !follow->broken;) {
		struct task_event *events = NULL;
		size_t count = 0;
		struct task_head head;
		arena_reset(arena);
		if (!TASKS(w, events, w->alice, follow->task.id, at, 7, 1000, arena, &events, &count, &head, &err)) follow->broken = true;
		for (size_t i = 0; i < count; i++) {
			if (events[i].number != ++at || events[i].number > head.last || ended) follow->broken = true;
			ended = events[i].terminal;
		}
		if (count && ended && (!head.terminal || at != 202)) follow->broken = true;
		if (!count && at != head.last) follow->broken = true;
	}
	arena_destroy(&arena);
}

static void readers_see_no_hole(struct world *w)
{
	struct follow follow = { .broken = false };
	(void)world_task(w, w->alice);
	follow.task = world_claim(w);
	world_threads(w, 6, follow_or_write, &follow);
	CHECK(!follow.broken);
}

static void progress_never_falls(struct world *w)
{
	static const struct {
		const char *label;
		int progress;
		struct str node;
		int want;
		const char *want_node;
	} rows[] = {
		{ "first", 10, STR("assess"), 10, "assess" },   { "left alone", -1, { 0 }, 10, "assess" },
		{ "rises", 40, STR("week_1"), 40, "week_1" },   { "would fall", 20, STR("week_2"), 40, "week_2" },
		{ "node cleared", 40, STR(""), 40, "" },        { "beyond the end", 250, { 0 }, 100, "" },
		{ "nothing", 0, { 0 }, 100, "" },
	};
	(void)world_task(w, w->alice);
	struct task task = world_claim(w);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct task_append what = { .event_count = 1, .events = &STR("{}"), .progress = rows[i].progress, .node = rows[i].node };
		uint64_t first = 0;
		CHECK_OK(TASKS(w, append, task.id, task.attempt, w->now_us, &what, &first, &w->err), &w->err);
		struct task got = world_get(w, task.id);
		CHECK_ROW(rows[i].label, first == 2 + i && got.progress == rows[i].want);
		CHECK_STR_ROW(rows[i].label, got.current_node, rows[i].want_node);
	}
	/* Nor in the next attempt. */
	w->now_us += LEASE_MS * 1000;
	task = world_claim(w);
	struct task_append what = { .progress = 5, .node = STR("assess") };
	uint64_t first = 0;
	CHECK(task.attempt == 2 && task.progress == 100);
	CHECK_OK(TASKS(w, append, task.id, task.attempt, w->now_us, &what, &first, &w->err), &w->err);
	CHECK(first == 2 + COUNT(rows)); /* no event: the number of the next one */
	CHECK(world_get(w, task.id).progress == 100 && world_get(w, task.id).last_event == 1 + COUNT(rows));
}

static void k10_checkpoints_keep_their_first_data(struct world *w)
{
	static const struct {
		struct str step, data;
	} puts[] = {
		{ STR("week_2"), STR("two") }, { STR("assess"), STR("\x00 first") }, { STR("assess"), STR("second") },
		{ STR("empty"), STR("") },     { STR("week_2"), STR("") },
	}, want[] = { { STR("week_2"), STR("two") }, { STR("assess"), STR("\x00 first") }, { STR("empty"), STR("") } };
	(void)world_task(w, w->alice);
	struct task task = world_claim(w), other = world_task(w, w->alice);
	for (size_t i = 0; i < COUNT(puts); i++) {
		struct task_append what = { .event_count = 1, .events = &STR("{}"), .progress = -1, .step = puts[i].step, .step_data = puts[i].data };
		uint64_t first;
		CHECK_OK(TASKS(w, append, task.id, task.attempt, w->now_us, &what, &first, &w->err), &w->err);
	}
	w->now_us += LEASE_MS * 1000;
	for (int i = 0; i < 2; i++) { /* the next attempt finds them */
		struct checkpoint *got = NULL;
		size_t count = 0;
		CHECK_OK(TASKS(w, checkpoints, task.id, w->arena, &got, &count, &w->err), &w->err);
		if (CHECK(count == COUNT(want)))
			for (size_t k = 0; k < count; k++) CHECK(str_equal(got[k].step, want[k].step) && str_equal(got[k].data, want[k].data));
		(void)world_claim(w);
	}
	struct checkpoint *none;
	size_t count = 9;
	CHECK_OK(TASKS(w, checkpoints, other.id, w->arena, &none, &count, &w->err), &w->err);
	CHECK(count == 0);
}

static void events_are_paged(struct world *w)
{
	struct str ten = STR("0123456789");
	(void)world_task(w, w->alice);
	struct task task = world_claim(w);
	for (uint64_t n = 2; n <= 20; n++) CHECK(world_append(w, &task, ten) == n);
	static const struct {
		const char *label;
		uint64_t after;
		size_t limit, bytes;
		size_t want;
		uint64_t want_first;
	} rows[] = {
		{ "all", 0, 100, 100000, 20, 1 },       { "limit", 0, 5, 100000, 5, 1 },      { "cursor", 7, 5, 100000, 5, 8 },
		{ "rest", 17, 5, 100000, 3, 18 },       { "bytes", 5, 100, 35, 3, 6 },        { "bytes to the dot", 5, 100, 40, 4, 6 },
		{ "at least one", 5, 100, 1, 1, 6 },    { "no bytes at all", 5, 100, 0, 1, 6 }, { "at the end", 20, 5, 100, 0, 0 },
		{ "beyond", 21, 5, 100, 0, 0 },         { "far beyond", UINT64_MAX, 5, 100, 0, 0 }, { "no limit", 3, SIZE_MAX, SIZE_MAX, 17, 4 },
		{ "none wanted", 3, 0, 100, 0, 0 },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct task_event *events = NULL;
		size_t count = 99;
		struct task_head head = { 0 };
		CHECK_OK(TASKS(w, events, w->alice, task.id, rows[i].after, rows[i].limit, rows[i].bytes, w->arena, &events, &count, &head, &w->err),
		         &w->err);
		CHECK_ROW(rows[i].label, count == rows[i].want && head.last == 20 && !head.terminal && str_equal(head.id, task.id));
		for (size_t k = 0; k < count && k < rows[i].want; k++) CHECK_ROW(rows[i].label, events[k].number == rows[i].want_first + k);
	}
	struct task_event *events;
	size_t count;
	struct task_head head;
	CHECK_FAILS(w, TASKS(w, events, w->bob, task.id, 0, 5, 100, w->arena, &events, &count, &head, &w->err), RPC_NOT_FOUND, "TASK_NOT_FOUND");
	CHECK_FAILS(w, TASKS(w, events, STR_NONE, STR("none"), 0, 5, 100, w->arena, &events, &count, &head, &w->err), RPC_NOT_FOUND,
	            "TASK_NOT_FOUND");
}

static void events_come_back_byte_for_byte(struct world *w)
{
	char *big = arena_alloc(w->arena, 1 << 20);
	memset(big, 'x', 1 << 20);
	const struct str texts[] = {
		STR("{\"text\":\"猫狗 \\\"quoted\\\" \\\\ ' -- ; \xf0\x9f\x90\xb6\"}"), STR("1.50"), STR("007"), STR(""),
		{ big, 1 << 20 },
	};
	(void)world_task(w, w->alice);
	struct task task = world_claim(w);
	struct task_append what = { .event_count = COUNT(texts), .events = texts, .progress = -1 };
	uint64_t first = 0;
	CHECK_OK(TASKS(w, append, task.id, task.attempt, w->now_us + 17, &what, &first, &w->err), &w->err);
	struct task_event *events = NULL;
	size_t count = 0;
	struct task_head head;
	CHECK(first == 2);
	CHECK_OK(TASKS(w, events, w->alice, task.id, 1, 10, SIZE_MAX, w->arena, &events, &count, &head, &w->err), &w->err);
	if (!CHECK(count == COUNT(texts))) return;
	for (size_t i = 0; i < count; i++) CHECK(str_equal(events[i].data, texts[i]) && events[i].at_us == w->now_us + 17);
}

static void heads_of_many(struct world *w)
{
	struct task done = world_completed(w, w->alice, true), open = world_task(w, w->alice), bobs = world_task(w, w->bob);
	struct str ids[] = { bobs.id, STR("none"), open.id, done.id };
	struct task_head *heads = NULL;
	size_t count = 0;
	CHECK_OK(TASKS(w, heads, STR_NONE, ids, COUNT(ids), w->arena, &heads, &count, &w->err), &w->err);
	if (CHECK(count == 3)) {
		CHECK(str_equal(heads[0].id, bobs.id) && str_equal(heads[0].user_id, w->bob) && heads[0].last == 1 && !heads[0].terminal);
		CHECK(str_equal(heads[1].id, open.id) && heads[1].last == 1 && !heads[1].terminal);
		CHECK(str_equal(heads[2].id, done.id) && heads[2].last == 2 && heads[2].terminal && str_equal(heads[2].user_id, w->alice));
	}
	CHECK_OK(TASKS(w, heads, w->bob, ids, COUNT(ids), w->arena, &heads, &count, &w->err), &w->err);
	CHECK(count == 1 && str_equal(heads[0].id, bobs.id));
	CHECK_OK(TASKS(w, heads, STR_NONE, NULL, 0, w->arena, &heads, &count, &w->err), &w->err);
	CHECK(count == 0);
}

static void k12_sweep_spares_live_logs(struct world *w)
{
	struct task ended[3];
	for (int i = 0; i < 3; i++) {
		ended[i] = world_completed(w, w->alice, true);
		w->now_us += SECOND_US;
	}
	struct task running = (world_task(w, w->alice), world_claim(w)), pending = world_task(w, w->alice);
	struct task_append what = { .progress = -1, .step = STR("s"), .step_data = STR("d") };
	uint64_t first;
	CHECK_OK(TASKS(w, append, running.id, running.attempt, w->now_us, &what, &first, &w->err), &w->err);
	struct idempotency idem = { .user_id = w->alice, .method = STR("m"), .key = STR("k") };
	struct task keyed = { .id = new_id(w->arena), .user_id = w->alice, .type = TASK_TYPE_BENCH, .lang = STR("zh"), .created_at_us = w->now_us };
	bool replayed;
	struct str reply;
	CHECK_OK(TASKS(w, create, &keyed, STR("{}"), NULL, &idem, w->arena, &replayed, &reply, &w->err), &w->err);

	int64_t count = -1, third_ended_us = world_get(w, ended[2].id).completed_at_us;
	CHECK_OK(TASKS(w, sweep, START_US, 10, &count, &w->err), &w->err);
	CHECK(count == 0);
	CHECK_OK(TASKS(w, sweep, third_ended_us, 1, &count, &w->err), &w->err); /* the oldest first, as many as allowed */
	CHECK(count == 1);
	CHECK_OK(TASKS(w, sweep, third_ended_us, 10, &count, &w->err), &w->err); /* the third ended at, not before */
	CHECK(count == 1);
	CHECK_OK(TASKS(w, sweep, third_ended_us, 10, &count, &w->err), &w->err);
	CHECK(count == 0);
	for (int i = 0; i < 2; i++) { /* the log is gone; the row, the head and the result stay */
		struct task_event *events;
		size_t left = 9;
		struct task_head head = { 0 };
		CHECK_OK(TASKS(w, events, w->alice, ended[i].id, 0, 10, 1000, w->arena, &events, &left, &head, &w->err), &w->err);
		CHECK(left == 0 && head.last == 2 && head.terminal);
		CHECK_STR(world_get(w, ended[i].id).output, "{\"out\":1}");
	}
	world_check_log(w, ended[2].id);

	int64_t far_us = w->now_us + 365 * INT64_C(86400) * SECOND_US;
	CHECK_OK(TASKS(w, create, &keyed, STR("{}"), NULL, &idem, w->arena, &replayed, &reply, &w->err), &w->err);
	CHECK(replayed);
	CHECK_OK(TASKS(w, sweep, far_us, 10, &count, &w->err), &w->err);
	CHECK(count == 1);
	struct checkpoint *checkpoints;
	size_t kept = 0;
	CHECK_OK(TASKS(w, checkpoints, running.id, w->arena, &checkpoints, &kept, &w->err), &w->err);
	CHECK(kept == 1);
	world_check_log(w, running.id);
	world_check_log(w, pending.id);
	CHECK(world_append(w, &running, STR("{}")) == 2);
	CHECK_OK(TASKS(w, create, &keyed, STR("{}"), NULL, &idem, w->arena, &replayed, &reply, &w->err), &w->err);
	CHECK(replayed); /* nor the key of a task that has not ended */
}

/* Keys go by turns too, and the count says when there may be more. */
static void keys_are_swept_by_turns(struct world *w)
{
	char names[5][2] = { "a", "b", "c", "d", "e" };
	struct str plan_id = world_completed(w, w->alice, true).plan_id, reply;
	struct idempotency idem = { .user_id = w->alice, .method = STR("m") };
	bool replayed;
	int64_t count = -1;
	CHECK_OK(TASKS(w, sweep, w->now_us + 1, 10, &count, &w->err), &w->err); /* the log */
	for (size_t i = 0; i < COUNT(names); i++) {
		idem.key = str_from(names[i]);
		CHECK_OK(PLANS(w, confirm, w->alice, plan_id, w->now_us + (int64_t)i, &idem, w->arena, &replayed, &reply, &w->err), &w->err);
		CHECK(!replayed);
	}
	int64_t far_us = w->now_us + 100;
	for (int64_t keys = COUNT(names); keys > -2; keys -= 2) { /* the oldest first */
		CHECK_OK(TASKS(w, sweep, far_us, 2, &count, &w->err), &w->err);
		CHECK(count == (keys < 2 ? keys > 0 : 2));
		idem.key = str_from(names[COUNT(names) - 1]);
		CHECK_OK(PLANS(w, confirm, w->alice, plan_id, far_us, &idem, w->arena, &replayed, &reply, &w->err), &w->err);
		CHECK(replayed == (keys > 2));
		if (!replayed) break;
	}
}

int contract_log(const struct store_contract *contract)
{
	static const struct store_rule rules[] = {
		{ "numbers are dense under 8 threads", dense_under_threads },
		{ "8 tasks written at once do not mix", many_tasks_under_threads },
		{ "a refused write costs its neighbours nothing", refusals_do_not_spread },
		{ "readers of a growing log see no hole", readers_see_no_hole },
		{ "progress never falls", progress_never_falls },
		{ "K10 a checkpoint keeps its first data", k10_checkpoints_keep_their_first_data },
		{ "events are paged by number and bytes", events_are_paged },
		{ "events come back byte for byte", events_come_back_byte_for_byte },
		{ "heads of many tasks in one call", heads_of_many },
		{ "K12 a sweep never cuts a live log", k12_sweep_spares_live_logs },
		{ "keys are swept by turns, the oldest first", keys_are_swept_by_turns },
	};
	return world_run(contract, "log", rules, COUNT(rules));
}
