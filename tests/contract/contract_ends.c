/* Leases that run out, hand-back, and the ways in which a task ends. */
#include "tests/contract/world.h"

/* Whatever a worker whose attempt is over tries, it is refused and changes nothing. */
static void check_fenced(struct world *w, const struct task *stale)
{
	struct task before = world_get(w, stale->id);
	struct task_append what = { .event_count = 1, .events = &STR("{\"late\":true}"), .progress = 99, .node = STR("late"), .step = STR("late"),
		                    .step_data = STR("late") };
	struct plan_record plan = world_plan(w, stale, true);
	uint64_t number = 0;
	CHECK_FAILS(w, TASKS(w, append, stale->id, stale->attempt, w->now_us, &what, &number, &w->err), RPC_ABORTED, "TASK_MOVED");
	CHECK_FAILS(w, TASKS(w, complete, stale->id, stale->attempt, w->now_us, &what, STR("{}"), STR("{}"), &plan, &number, &w->err),
	            RPC_ABORTED, "TASK_MOVED");
	CHECK_FAILS(w, TASKS(w, fail, stale->id, stale->attempt, w->now_us, STR("R"), STR("m"), STR("{}"), &number, &w->err), RPC_ABORTED,
	            "TASK_MOVED");
	CHECK_FAILS(w, TASKS(w, heartbeat, stale->id, stale->attempt, w->now_us, LEASE_MS, &w->err), RPC_ABORTED, "TASK_MOVED");
	CHECK_FAILS(w, TASKS(w, give_back, stale->id, stale->attempt, &w->err), RPC_ABORTED, "TASK_MOVED");
	struct task after = world_get(w, stale->id);
	CHECK(after.status == before.status && after.last_event == before.last_event && after.attempt == before.attempt &&
	      after.progress == before.progress && str_equal(after.current_node, before.current_node) &&
	      str_equal(after.output, before.output) && after.updated_at_us == before.updated_at_us);
	struct checkpoint *checkpoints = NULL;
	size_t count = 0;
	CHECK_OK(TASKS(w, checkpoints, stale->id, w->arena, &checkpoints, &count, &w->err), &w->err);
	for (size_t i = 0; i < count; i++) CHECK(!str_equal(checkpoints[i].step, STR("late")));
	world_check_log(w, stale->id);
}

static void k02_k03_expired_lease_is_taken_over(struct world *w)
{
	struct task made = world_task(w, w->alice), none;
	struct task first = world_claim(w);
	int64_t until = w->now_us + LEASE_MS * 1000;
	w->now_us = until - 1;
	CHECK_FAILS(w, TASKS(w, claim, STR("b"), w->now_us, LEASE_MS, w->arena, &none, &w->err), RPC_NOT_FOUND, "QUEUE_EMPTY");
	/* Nobody has taken it: the late worker may go on. */
	w->now_us = until + 1;
	CHECK(world_append(w, &first, STR("{}")) == 2);
	struct task second = world_claim(w);
	CHECK(str_equal(second.id, made.id) && second.attempt == 2 && second.lost_leases == 1 && second.status == TASK_RUNNING);
	CHECK(second.started_at_us == first.started_at_us); /* set once */
	check_fenced(w, &first);
	CHECK(world_append(w, &second, STR("{}")) == 3);
}

static void heartbeat_extends(struct world *w)
{
	(void)world_task(w, w->alice);
	struct task task = world_claim(w), none;
	for (int i = 0; i < 5; i++) {
		w->now_us += LEASE_MS * 1000 - 1;
		CHECK_FAILS(w, TASKS(w, claim, STR("b"), w->now_us, LEASE_MS, w->arena, &none, &w->err), RPC_NOT_FOUND, "QUEUE_EMPTY");
		CHECK_OK(TASKS(w, heartbeat, task.id, task.attempt, w->now_us, LEASE_MS, &w->err), &w->err);
	}
	/* Late, but nobody has taken the task. */
	w->now_us += 10 * LEASE_MS * 1000;
	CHECK_OK(TASKS(w, heartbeat, task.id, task.attempt, w->now_us, LEASE_MS, &w->err), &w->err);
	CHECK_FAILS(w, TASKS(w, claim, STR("b"), w->now_us, LEASE_MS, w->arena, &none, &w->err), RPC_NOT_FOUND, "QUEUE_EMPTY");
	w->now_us += LEASE_MS * 1000;
	CHECK(str_equal(world_claim(w).id, task.id));
}

static void hand_back_counts_nothing(struct world *w)
{
	(void)world_task(w, w->alice);
	for (uint32_t i = 1; i <= 5; i++) { /* more often than leases may be lost */
		struct task task = world_claim(w);
		CHECK(task.attempt == i && task.lost_leases == 0);
		CHECK_OK(TASKS(w, give_back, task.id, task.attempt, &w->err), &w->err);
		CHECK(world_get(w, task.id).status == TASK_PENDING);
		check_fenced(w, &task);
	}
}

static void void_leases_frees_at_once(struct world *w)
{
	for (int i = 0; i < 3; i++) (void)world_task(w, w->alice);
	struct task a = world_claim(w), b = world_claim(w), none;
	int64_t count = -1;
	CHECK_OK(TASKS(w, void_leases, w->now_us, &count, &w->err), &w->err);
	CHECK(count == 2);
	struct task again = world_claim(w);
	CHECK(str_equal(again.id, a.id) && again.attempt == 2 && again.lost_leases == 1);
	check_fenced(w, &a);
	CHECK(str_equal(world_claim(w).id, b.id));
	CHECK(world_claim(w).attempt == 1); /* the third was never taken */
	CHECK_FAILS(w, TASKS(w, claim, STR("b"), w->now_us, LEASE_MS, w->arena, &none, &w->err), RPC_NOT_FOUND, "QUEUE_EMPTY");
}

static struct str abandoned_event(void *ctx, struct arena *arena, const struct task *task)
{
	++*(int *)ctx;
	return str_printf(arena, "{\"task\":\"" STR_FMT "\",\"attempt\":%u}", STR_ARG(task->id), task->attempt);
}

static void k08_poison_task_is_given_up(struct world *w)
{
	struct task poison = world_task(w, w->alice), good = world_task(w, w->alice), out, task = { 0 };
	int asked = 0;
	uint64_t last = 0;
	for (uint32_t lost = 0; lost < TASK_LOST_LEASES_MAX; lost++) { /* each worker that takes it dies */
		CHECK_FAILS(w,
		            TASKS(w, abandon, w->now_us, w->arena, &out, &w->err, abandoned_event, &asked, STR("TASK_ABANDONED"), STR("m"), &last),
		            RPC_NOT_FOUND, "QUEUE_EMPTY");
		task = world_claim(w);
		CHECK(str_equal(task.id, poison.id) && task.attempt == lost + 1 && task.lost_leases == lost);
		w->now_us += LEASE_MS * 1000;
	}
	/* The queue goes on behind it. */
	CHECK(str_equal(world_claim(w).id, good.id));
	struct task none;
	CHECK_FAILS(w, TASKS(w, claim, STR("b"), w->now_us, LEASE_MS, w->arena, &none, &w->err), RPC_NOT_FOUND, "QUEUE_EMPTY");
	CHECK(asked == 0);
	CHECK_OK(TASKS(w, abandon, w->now_us, w->arena, &out, &w->err, abandoned_event, &asked, STR("TASK_ABANDONED"), STR("given up"), &last),
	         &w->err);
	CHECK(asked == 1 && last == 2 && str_equal(out.id, poison.id));
	struct task got = world_get(w, poison.id);
	CHECK(got.status == TASK_FAILED && got.lost_leases == TASK_LOST_LEASES_MAX && got.completed_at_us == w->now_us);
	CHECK_STR(got.error_reason, "TASK_ABANDONED");
	CHECK_STR(got.error_message, "given up");
	CHECK(out.status == got.status && out.attempt == got.attempt && out.lost_leases == got.lost_leases &&
	      out.last_event == got.last_event && str_equal(out.error_reason, got.error_reason) &&
	      str_equal(out.error_message, got.error_message) && out.completed_at_us == got.completed_at_us);
	check_fenced(w, &task);
	CHECK_FAILS(w, TASKS(w, abandon, w->now_us, w->arena, &out, &w->err, abandoned_event, &asked, STR("TASK_ABANDONED"), STR("m"), &last),
	            RPC_NOT_FOUND, "QUEUE_EMPTY");
}

/* The last worker's heartbeat comes between the look and the end. */
struct saved {
	struct world *w;
	const struct task *task;
	int asked;
};
static struct str save_meanwhile(void *ctx, struct arena *arena, const struct task *task)
{
	struct saved *saved = ctx;
	(void)arena, (void)task;
	saved->asked++;
	CHECK_OK(TASKS(saved->w, heartbeat, saved->task->id, saved->task->attempt, saved->w->now_us, LEASE_MS, &saved->w->err), &saved->w->err);
	return STR("{}");
}

static void abandon_looks_again(struct world *w)
{
	(void)world_task(w, w->alice);
	struct task task = { 0 }, out;
	for (int i = 0; i < TASK_LOST_LEASES_MAX; i++) {
		task = world_claim(w);
		w->now_us += LEASE_MS * 1000;
	}
	struct saved saved = { w, &task, 0 };
	uint64_t last = 0;
	CHECK_FAILS(w, TASKS(w, abandon, w->now_us, w->arena, &out, &w->err, save_meanwhile, &saved, STR("TASK_ABANDONED"), STR("m"), &last),
	            RPC_NOT_FOUND, "QUEUE_EMPTY");
	CHECK(saved.asked == 1 && world_get(w, task.id).status == TASK_RUNNING);
	CHECK(world_append(w, &task, STR("{}")) == 2);
}

static void k04_cancel_is_final(struct world *w)
{
	struct task pending = world_task(w, w->alice);
	(void)world_task(w, w->alice);
	uint64_t last = 0;
	w->now_us += SECOND_US;
	CHECK_FAILS(w, TASKS(w, cancel, w->bob, pending.id, w->now_us, STR("{}"), STR("m"), NO_KEY, &last, &w->err), RPC_NOT_FOUND, "TASK_NOT_FOUND");
	CHECK_FAILS(w, TASKS(w, cancel, w->alice, STR("none"), w->now_us, STR("{}"), STR("m"), NO_KEY, &last, &w->err), RPC_NOT_FOUND,
	            "TASK_NOT_FOUND");
	CHECK_OK(TASKS(w, cancel, w->alice, pending.id, w->now_us, STR("{\"c\":1}"), STR("任务已取消"), NO_KEY, &last, &w->err), &w->err);
	CHECK(last == 2);
	struct task got = world_get(w, pending.id);
	CHECK(got.status == TASK_CANCELLED && got.completed_at_us == w->now_us && got.started_at_us == 0);
	CHECK_STR(got.error_message, "任务已取消");
	struct task running = world_claim(w); /* the other one: a cancelled task is not in the queue */
	CHECK(!str_equal(running.id, pending.id));
	CHECK_OK(TASKS(w, cancel, w->alice, running.id, w->now_us, STR("{}"), STR("m"), NO_KEY, &last, &w->err), &w->err);
	check_fenced(w, &running);
	for (int i = 0; i < 2; i++) {
		CHECK_FAILS(w, TASKS(w, cancel, w->alice, running.id, w->now_us, STR("{}"), STR("m"), NO_KEY, &last, &w->err), RPC_FAILED_PRECONDITION,
		            "TASK_FINISHED");
		CHECK(w->err.param_count == 1 && strcmp(w->err.params[0].name, "status") == 0 && strcmp(w->err.params[0].value, "cancelled") == 0);
	}
	struct task done = world_completed(w, w->alice, true);
	CHECK_FAILS(w, TASKS(w, cancel, w->alice, done.id, w->now_us, STR("{}"), STR("m"), NO_KEY, &last, &w->err), RPC_FAILED_PRECONDITION,
	            "TASK_FINISHED");
	CHECK_STR(str_from(w->err.params[0].value), "completed");
	w->now_us += 10 * LEASE_MS * INT64_C(1000); /* nor does an old lease bring anything back */
	struct task none;
	CHECK_FAILS(w, TASKS(w, claim, STR("b"), w->now_us, LEASE_MS, w->arena, &none, &w->err), RPC_NOT_FOUND, "QUEUE_EMPTY");
	world_check_log(w, pending.id);
}

static void fail_running(struct world *w, const struct task *task)
{
	uint64_t last = 0;
	CHECK_OK(TASKS(w, fail, task->id, task->attempt, w->now_us, STR("TASK_TIMEOUT"), STR("m"), STR("{\"end\":1}"), &last, &w->err), &w->err);
}

static void k07_retry_by_hand(struct world *w)
{
	(void)world_task(w, w->alice);
	uint64_t last = 0;
	struct task first = world_claim(w), got, none;
	CHECK_FAILS(w, TASKS(w, retry, first.id, w->now_us, STR("{}"), &last, &w->err), RPC_FAILED_PRECONDITION, "TASK_NOT_FAILED");
	CHECK_STR(str_from(w->err.params[0].value), "running");
	CHECK_FAILS(w, TASKS(w, retry, STR("none"), w->now_us, STR("{}"), &last, &w->err), RPC_NOT_FOUND, "TASK_NOT_FOUND");
	struct task_append kept = { .events = (struct str[]){ STR("{\"a\":1}") }, .event_count = 1, .progress = 40, .step = STR("one"), .step_data = STR("x") };
	CHECK_OK(TASKS(w, append, first.id, first.attempt, w->now_us, &kept, &last, &w->err), &w->err);
	w->now_us += 10 * LEASE_MS * INT64_C(1000);
	struct task second = world_claim(w); /* a lease is lost */
	CHECK(second.lost_leases == 1);
	fail_running(w, &second);
	uint64_t ended_at = world_get(w, first.id).last_event;
	w->now_us += SECOND_US;
	CHECK_OK(TASKS(w, retry, first.id, w->now_us, STR("{\"again\":1}"), &last, &w->err), &w->err);
	CHECK(last == ended_at + 1);
	got = world_get(w, first.id);
	CHECK(got.status == TASK_PENDING && got.attempt > second.attempt && got.lost_leases == 0 && got.completed_at_us == 0 &&
	      got.progress == 40 && got.error_reason.len == 0 && got.error_message.len == 0 && got.last_event == last);
	check_fenced(w, &second);
	world_check_log(w, first.id);
	CHECK_FAILS(w, TASKS(w, retry, first.id, w->now_us, STR("{}"), &last, &w->err), RPC_FAILED_PRECONDITION, "TASK_NOT_FAILED");
	struct task third = world_claim(w);
	CHECK(str_equal(third.id, first.id) && third.attempt > got.attempt);
	struct checkpoint *checkpoints = NULL;
	size_t count = 0;
	CHECK_OK(TASKS(w, checkpoints, first.id, w->arena, &checkpoints, &count, &w->err), &w->err);
	CHECK_ROW("goes on from its checkpoints", count == 1);
	fail_running(w, &third);
	world_check_log(w, first.id);
	/* A log that was swept cannot be had whole again. */
	int64_t swept = 0;
	CHECK_OK(TASKS(w, sweep, w->now_us + 1, 10, &swept, &w->err), &w->err);
	CHECK(swept == 1);
	CHECK_FAILS(w, TASKS(w, retry, first.id, w->now_us, STR("{}"), &last, &w->err), RPC_OUT_OF_RANGE, "LOG_EXPIRED");
	CHECK_FAILS(w, TASKS(w, claim, STR("b"), w->now_us, LEASE_MS, w->arena, &none, &w->err), RPC_NOT_FOUND, "QUEUE_EMPTY");
}

static void everyones_tasks_are_listed(struct world *w)
{
	struct task of_alice = world_task(w, w->alice), *rows = NULL;
	w->now_us += SECOND_US;
	struct task of_bob = world_task(w, w->bob);
	struct task_filter all = { .user_id = STR(""), .limit = 10 }, pending = { .user_id = STR(""), .status = TASK_PENDING, .offset = 1, .limit = 10 };
	size_t count = 0;
	int64_t total = 0;
	CHECK_OK(TASKS(w, list, &all, w->arena, &rows, &count, &total, &w->err), &w->err);
	if (CHECK(count == 2 && total == 2)) CHECK(str_equal(rows[0].id, of_bob.id) && str_equal(rows[1].id, of_alice.id));
	CHECK_OK(TASKS(w, list, &pending, w->arena, &rows, &count, &total, &w->err), &w->err);
	if (CHECK(count == 1 && total == 2)) CHECK(str_equal(rows[0].user_id, w->alice));
	pending.status = TASK_FAILED;
	CHECK_OK(TASKS(w, list, &pending, w->arena, &rows, &count, &total, &w->err), &w->err);
	CHECK(count == 0 && total == 0);
}

struct race {
	struct task task;
	bool ok[3];
	struct error err[3];
};

static void end_one_way(struct world *w, void *ctx, size_t index)
{
	struct race *race = ctx;
	struct plan_record plan = world_plan(w, &race->task, true);
	uint64_t last;
	struct error *err = &race->err[index];
	if (index == 0) race->ok[0] = TASKS(w, cancel, w->alice, race->task.id, w->now_us, STR("{}"), STR("m"), NO_KEY, &last, err);
	else if (index == 1)
		race->ok[1] = TASKS(w, complete, race->task.id, 1, w->now_us, NULL, STR("{}"), STR("{\"o\":1}"), &plan, &last, err);
	else race->ok[2] = TASKS(w, fail, race->task.id, 1, w->now_us, STR("R"), STR("m"), STR("{}"), &last, err);
}

static void k04_one_end_wins(struct world *w)
{
	static const enum task_status ends[] = { TASK_CANCELLED, TASK_COMPLETED, TASK_FAILED };
	for (int round = 0; round < 40; round++) {
		struct race race = { .task = { 0 } };
		(void)world_task(w, w->alice);
		race.task = world_claim(w);
		world_threads(w, 3, end_one_way, &race);
		int winner = race.ok[0] ? 0 : race.ok[1] ? 1 : 2;
		CHECK(race.ok[0] + race.ok[1] + race.ok[2] == 1);
		for (int i = 0; i < 3; i++)
			if (i != winner) CHECK(error_is(&race.err[i], i == 0 ? "TASK_FINISHED" : "TASK_MOVED"));
		struct task got = world_get(w, race.task.id);
		struct plan_record plan;
		CHECK(got.status == ends[winner]);
		CHECK((got.output.len > 0) == (winner == 1));
		CHECK(PLANS(w, get, w->alice, race.task.plan_id, w->now_us, w->arena, &plan, &w->err) == (winner == 1));
		CHECK(got.last_event == 2);
		world_check_log(w, race.task.id);
	}
}

static void complete_is_one_piece(struct world *w)
{
	struct task made = world_task(w, w->alice), task = world_claim(w);
	struct str events[] = { STR("{\"n\":2}"), STR("{\"n\":3}") };
	struct task_append what = { .event_count = 2, .events = events, .progress = 98, .node = STR("gather"), .step = STR("complete"),
		                    .step_data = STR("\x00\x01") };
	struct plan_record plan = world_plan(w, &task, false), got_plan;
	uint64_t last = 0;
	w->now_us += SECOND_US;
	CHECK_OK(TASKS(w, complete, task.id, task.attempt, w->now_us, &what, STR("{\"end\":\"完\"}"), STR("{\"out\": [1, 2]}"), &plan, &last, &w->err),
	         &w->err);
	CHECK(last == 4);
	struct task got = world_get(w, made.id);
	CHECK(got.status == TASK_COMPLETED && got.progress == 100 && got.completed_at_us == w->now_us && got.last_event == 4);
	CHECK_STR(got.current_node, "gather");
	CHECK_STR(got.output, "{\"out\": [1, 2]}");
	CHECK_OK(PLANS(w, get, w->alice, task.plan_id, w->now_us, w->arena, &got_plan, &w->err), &w->err);
	struct task_event *rows = NULL;
	size_t count = 0;
	struct task_head head;
	CHECK_OK(TASKS(w, events, w->alice, task.id, 1, 10, 1000, w->arena, &rows, &count, &head, &w->err), &w->err);
	CHECK(count == 3);
	if (count == 3) {
		CHECK_STR(rows[0].data, "{\"n\":2}");
		CHECK_STR(rows[1].data, "{\"n\":3}");
		CHECK_STR(rows[2].data, "{\"end\":\"完\"}");
		CHECK(rows[2].at_us == w->now_us && !rows[1].terminal && rows[2].terminal);
	}
	check_fenced(w, &task);
}

/* A plan that cannot be stored takes everything with it. */
static void half_a_completion_is_none(struct world *w)
{
	struct task done = world_completed(w, w->alice, true), made = world_task(w, w->alice), task = world_claim(w);
	struct plan_record plan = world_plan(w, &task, true);
	plan.id = done.plan_id; /* taken */
	struct task_append what = { .event_count = 1, .events = &STR("{}"), .progress = 98, .step = STR("s"), .step_data = STR("d") };
	uint64_t last = 0;
	CHECK_FAILS(w, TASKS(w, complete, task.id, task.attempt, w->now_us, &what, STR("{}"), STR("{}"), &plan, &last, &w->err), RPC_INTERNAL,
	            "INTERNAL");
	struct task got = world_get(w, made.id);
	CHECK(got.status == TASK_RUNNING && got.last_event == 1 && got.progress == 0 && got.output.len == 0);
	struct checkpoint *checkpoints;
	size_t count = 1;
	CHECK_OK(TASKS(w, checkpoints, task.id, w->arena, &checkpoints, &count, &w->err), &w->err);
	CHECK(count == 0);
	world_check_log(w, made.id);
	plan.id = task.plan_id;
	CHECK_OK(TASKS(w, complete, task.id, task.attempt, w->now_us, &what, STR("{}"), STR("{}"), &plan, &last, &w->err), &w->err);
	CHECK(last == 3);
}

static void fail_keeps_the_reason(struct world *w)
{
	struct task made = world_task(w, w->alice), task = world_claim(w);
	struct task_append what = { .progress = 35 };
	uint64_t number = 0;
	CHECK_OK(TASKS(w, append, task.id, task.attempt, w->now_us, &what, &number, &w->err), &w->err);
	CHECK_OK(TASKS(w, fail, task.id, task.attempt, w->now_us, STR("PLAN_INFEASIBLE"), STR("钙不足"), STR("{\"type\":\"error\"}"), &number,
	               &w->err),
	         &w->err);
	struct task got = world_get(w, made.id);
	CHECK(number == 2 && got.status == TASK_FAILED && got.progress == 35 && got.completed_at_us == w->now_us);
	CHECK_STR(got.error_reason, "PLAN_INFEASIBLE");
	CHECK_STR(got.error_message, "钙不足");
	check_fenced(w, &task);
}

int contract_ends(const struct store_contract *contract)
{
	static const struct store_rule rules[] = {
		{ "K02 K03 an expired lease is taken over, and the late worker is fenced off", k02_k03_expired_lease_is_taken_over },
		{ "a heartbeat extends the lease", heartbeat_extends },
		{ "a hand-back counts nothing", hand_back_counts_nothing },
		{ "voided leases can be claimed at once", void_leases_frees_at_once },
		{ "K08 a task that lost three leases is given up and stalls nobody", k08_poison_task_is_given_up },
		{ "a task saved at the last moment is not given up", abandon_looks_again },
		{ "K04 cancel is final", k04_cancel_is_final },
		{ "K07 a failed task is retried by hand", k07_retry_by_hand },
		{ "the tasks of everybody are listed", everyones_tasks_are_listed },
		{ "K04 of cancel, complete and fail one wins", k04_one_end_wins },
		{ "complete stores plan, events and state together", complete_is_one_piece },
		{ "half a completion is none", half_a_completion_is_none },
		{ "a failure keeps its reason", fail_keeps_the_reason },
	};
	return world_run(contract, "ends", rules, COUNT(rules));
}
