/* Task type diet_plan from the stored request to the stored plan: the order of CONTRACT 3.2, checkpoints, cancel at every step, failure. */
#include <petfood/accessors.h>
#include <stdlib.h>

#include "rpc/domain/checking/checker.h"
#include "rpc/json/json.h"
#include "store/base/log.h"
#include "tests/unit/rpc/job/fixture.h"

static const char *const steps[] = {
	"assess",      "research_energy", "research_foods", "research_themes", "research_finalizing",
	"dispatching", "week_1",          "week_2",         "week_3",          "week_4",
	"gather"
};

static struct watch *watch_new(const char *hold_at)
{
	struct watch *w = calloc(1, sizeof(*w));
	if (!w) die("memory");
	w->hold_at = hold_at;
	return w;
}

static Petfood__V1__CreatePlanRequest dog(void)
{
	Petfood__V1__CreatePlanRequest r;
	petfood__v1__create_plan_request__init(&r);
	r.pet_type = PETFOOD__V1__PET_TYPE__PET_TYPE_DOG;
	petfood_v1_create_plan_request_set_pet_breed(&r, "Beagle");
	petfood_v1_create_plan_request_set_pet_age(&r, 48);
	petfood_v1_create_plan_request_set_pet_weight(&r, 12.5);
	petfood_v1_create_plan_request_set_neutered(&r, true);
	return r;
}

/* ---- the order of events ---- */

struct reading {
	const struct log_line *lines;
	size_t count, at;
	const char *label;
};

static const Petfood__V1__ProgressEvent *next_event(struct reading *r, const char *type)
{
	static const Petfood__V1__ProgressEvent none;
	if (!CHECK_ROW(r->label, r->at < r->count)) return &none;
	const Petfood__V1__ProgressEvent *e = r->lines[r->at++].event;
	if (!CHECK_ROW(r->label, strcmp(e->type, type) == 0))
		(void)printf("  event %zu is %s, wanted %s\n", r->at, e->type, type);
	return e;
}

static struct str node_of(const Petfood__V1__ProgressEvent *e)
{
	return str_from(petfood_v1_progress_event_node_or(e, ""));
}

/* Pairs of `type_a` and `type_b` that name the same node, in any interleaving, each pair in order. */
static void read_pairs(struct reading *r, size_t pairs, const char *type_a, const char *type_b, struct str prefix)
{
	struct str started[8];
	size_t starts = 0, ends = 0;
	while (starts + ends < pairs * 2 && r->at < r->count) {
		const Petfood__V1__ProgressEvent *e = r->lines[r->at++].event;
		bool start = strcmp(e->type, type_a) == 0;
		if (!CHECK_ROW(r->label, start || strcmp(e->type, type_b) == 0)) return;
		CHECK_ROW(r->label, str_has_prefix(node_of(e), prefix) && petfood_v1_progress_event_has_task_name(e));
		CHECK_ROW(r->label, petfood_v1_progress_event_has_message(e) && e->detail != NULL);
		bool known = false;
		for (size_t i = 0; i < starts; i++) known |= str_equal(started[i], node_of(e));
		CHECK_ROW(r->label, known == !start);
		CHECK_STR_ROW(r->label, str_from(petfood_v1_progress_detail_status_or(e->detail, "")),
		              start ? "started" : "completed");
		if (start && starts < COUNT(started)) started[starts] = node_of(e);
		starts += start;
		ends += !start;
	}
	CHECK_ROW(r->label, starts == pairs && ends == pairs);
}

static void check_order(struct fixture *f, struct str id, const char *label)
{
	struct reading r = { .label = label };
	struct log_line *lines = NULL;
	r.count = fixture_log(f, id, &lines);
	r.lines = lines;
	CHECK_STR_ROW(label, str_from(petfood_v1_progress_event_task_id_or(next_event(&r, "task_created"), "")),
	              id.ptr);
	(void)next_event(&r, "info");
	read_pairs(&r, 2, "task_executing", "task_completed", STR("subagent_"));
	read_pairs(&r, 1, "task_executing", "task_completed", STR("subagent_"));
	CHECK_STR_ROW(label, node_of(next_event(&r, "research_finalizing")), "generate_coordination_guide");
	for (int week = 1; week <= 4; week++) {
		const Petfood__V1__ProgressEvent *e = next_event(&r, "task_delegating");
		CHECK_ROW(label, e->detail && petfood_v1_progress_detail_week_number_or(e->detail, 0) == week);
		CHECK_ROW(label, *petfood_v1_progress_event_task_name_or(e, "") != 0);
	}
	CHECK_STR_ROW(label, node_of(next_event(&r, "dispatching")), "dispatch_weeks");
	read_pairs(&r, 4, "week_planning", "week_completed", STR("week_agent_"));
	CHECK_STR_ROW(label, node_of(next_event(&r, "gathering")), "gather_and_structure");
	(void)next_event(&r, "structuring");
	(void)next_event(&r, "structured");
	const Petfood__V1__ProgressEvent *completed = next_event(&r, "completed");
	CHECK_ROW(label, petfood_v1_progress_event_progress_or(completed, 0) == 100);
	const Petfood__V1__ProgressEvent *last = next_event(&r, "task_completed");
	CHECK_ROW(label, !petfood_v1_progress_event_has_node(last) && !petfood_v1_progress_event_has_message(last));
	CHECK_STR_ROW(label, str_from(petfood_v1_progress_event_task_id_or(last, "")), id.ptr);
	CHECK_ROW(label, r.at == r.count);
	fixture_check_log(f, id, label);
}

/* ---- what is stored in the end ---- */

static void check_stored(struct fixture *f, struct str id, bool kept, const char *label)
{
	struct error err;
	struct task task = fixture_task(f, id);
	if (!CHECK_ROW(label, task.status == TASK_COMPLETED && task.progress == 100)) {
		(void)printf("  %.*s: %.*s\n", (int)task.error_reason.len, task.error_reason.ptr,
		             (int)task.error_message.len, task.error_message.ptr);
		return;
	}
	struct log_line *lines = NULL;
	size_t count = fixture_log(f, id, &lines);
	CHECK_ROW(label, str_equal(task.output, lines[count - 2].data));
	CHECK_STR_ROW(label, str_from(petfood_v1_progress_event_plan_id_or(lines[count - 1].event, "")),
	              task.plan_id.ptr);

	struct plan_record plan;
	if (!CHECK_OK(f->store.plans.driver->get(f->store.plans.self, f->user_id, task.plan_id, clock_now_us(&f->clock),
	                                         f->arena, &plan, &err),
	              &err))
		return;
	CHECK_ROW(label, plan.confirmed == kept && str_equal(plan.task_id, id));
	struct check_report *report = arena_new(f->arena, struct check_report);
	CHECK_OK(check_plan(f->arena, plan.plan_data, report, &err), &err);
	CHECK_ROW(label, report->finding_count == 0 && report->week_count == 4);

	/* What was shown are the checked bytes. */
	Petfood__V1__CompletedEvent *shown = arena_new(f->arena, Petfood__V1__CompletedEvent);
	petfood__v1__completed_event__init(shown);
	struct json_parse_options strict = { .refuse_unknown = true };
	if (!CHECK_OK(json_to_message(f->arena, task.output, message_side_of(shown->base.descriptor), &strict,
	                              &shown->base, &err),
	              &err))
		return;
	struct str weeks = { (char *)shown->detail->plans.data, shown->detail->plans.len };
	CHECK_ROW(label, str_has_prefix(weeks, STR("[{\"oder\":1,")) && str_has_suffix(weeks, STR("]")));
	CHECK_ROW(label, str_find(plan.plan_data, weeks, 0) != SIZE_MAX);
	CHECK_STR_ROW(label, str_from(shown->detail->plan_id), task.plan_id.ptr);
	CHECK_ROW(label, *shown->message && strcmp(shown->message, shown->detail->ai_suggestions) == 0);
}

static void test_whole(void)
{
	static const struct {
		const char *label, *lang;
		bool keeps_plan, cat;
		int64_t pace_ms;
	} rows[] = {
		{ "dog, zh, streamed", "zh", false, false, 0 },
		{ "cat, en, kept", "en", true, true, 0 },
		{ "dog, en, paced", "en", false, false, 20 },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fixture f;
		struct watch *w = watch_new(NULL);
		fixture_open(&f);
		f.options.planner_pace_ms = rows[i].pace_ms;
		Petfood__V1__CreatePlanRequest r = dog();
		if (rows[i].cat) {
			petfood__v1__create_plan_request__init(&r);
			r.pet_type = PETFOOD__V1__PET_TYPE__PET_TYPE_CAT;
			petfood_v1_create_plan_request_set_pet_weight(&r, 4.5);
			petfood_v1_create_plan_request_set_pet_age(&r, 60);
		}
		struct str id = fixture_create(&f, &r, TASK_TYPE_DIET_PLAN, rows[i].lang, rows[i].keeps_plan);
		fixture_start(&f, w);
		if (fixture_wait_terminal(&f, id)) {
			check_order(&f, id, rows[i].label);
			check_stored(&f, id, rows[i].keeps_plan, rows[i].label);
		}
		fixture_stop(w);
		fixture_close(&f);
		free(w);
	}
}

/* K10: a process that dies at a point is one that stands still there: its lease runs out, another goes on. It then wakes up again and
 * must not be able to write. */
static void crash_at(const char *point, const char *ended_step)
{
	struct fixture f;
	struct watch *a = watch_new(point), *b = watch_new(NULL);
	fixture_open(&f);
	/* Where a store thread is held, the loop goes on: neither its heartbeat nor its poll may renew the lease that runs out. */
	f.options.heartbeat_ms = 30000;
	int64_t poll_ms = f.options.poll_ms;
	f.options.poll_ms = 30000;
	Petfood__V1__CreatePlanRequest r = dog();
	struct str id = fixture_create(&f, &r, TASK_TYPE_DIET_PLAN, "en", false);
	fixture_start(&f, a);
	if (fixture_wait_held(a)) {
		fixture_other_process(&f);
		fixture_move_clock(&f, f.options.lease_ms + 1000);
		f.options.poll_ms = poll_ms;
		fixture_start(&f, b);
		CHECK_ROW(point, fixture_wait_terminal(&f, id));
		fixture_let_go(a);
		CHECK_ROW(point, fixture_wait_point(a, "left:moved", 1));
		fixture_stop(b);
	}
	fixture_stop(a);
	check_stored(&f, id, false, point);
	fixture_check_log(&f, id, point);
	struct task task = fixture_task(&f, id);
	CHECK_ROW(point, task.attempt == 2 && task.lost_leases == 1);

	/* Every step left its closing events once, and the new attempt is announced. */
	struct log_line *lines = NULL;
	size_t count = fixture_log(&f, id, &lines);
	CHECK_ROW(point, log_count(lines, count, "week_completed") == 4 && log_count(lines, count, "dispatching") == 1);
	CHECK_ROW(point,
	          log_count(lines, count, "research_finalizing") == 1 && log_count(lines, count, "structured") == 1);
	CHECK_ROW(point, log_count(lines, count, "task_completed") == 4 && log_count(lines, count, "completed") == 1);
	size_t notices = 0;
	for (size_t i = 0; i < count; i++)
		notices +=
		    lines[i].event->detail && petfood_v1_progress_detail_attempt_or(lines[i].event->detail, 0) == 2;
	CHECK_ROW(point, notices == 1);
	/* What had ended before was not started again. */
	if (ended_step) {
		char start[48];
		(void)snprintf(start, sizeof start, "start:%s", ended_step);
		CHECK_ROW(point, watch_count(b, start) == 0);
	}
	fixture_close(&f);
	free(a);
	free(b);
}

static void test_k10_crashes(bool all)
{
	char point[48];
	for (size_t i = 0; i < COUNT(steps); i++) {
		if (!all && i != 3 && i != 7) continue;
		(void)snprintf(point, sizeof point, "after:%s", steps[i]);
		crash_at(point, steps[i]);
	}
	crash_at("committed:week_3", "week_3");
	if (!all) return;
	crash_at("before_commit:gather", NULL);
	crash_at("before_commit:complete", "gather");
}

static void test_cancels(bool all)
{
	char point[48];
	for (size_t i = 0; i < COUNT(steps); i++) {
		if (!all && i != 1 && i != 8) continue;
		struct fixture f;
		struct error err;
		(void)snprintf(point, sizeof point, "start:%s", steps[i]);
		struct watch *w = watch_new(point);
		fixture_open(&f);
		Petfood__V1__CreatePlanRequest r = dog();
		struct str id = fixture_create(&f, &r, TASK_TYPE_DIET_PLAN, "zh", false);
		fixture_start(&f, w);
		if (fixture_wait_held(w)) CHECK_OK(fixture_cancel(&f, id, w->engine, &err), &err);
		fixture_let_go(w);
		/* Whichever hears of it first: the note of the cancel, or a write of the run. */
		fixture_stop(w);
		CHECK_ROW(point, watch_count(w, "left:cancelled") + watch_count(w, "left:moved") == 1);
		struct task task = fixture_task(&f, id);
		struct plan_record plan;
		CHECK_ROW(point, task.status == TASK_CANCELLED && task.attempt >= 2);
		CHECK_ROW(point, !f.store.plans.driver->get(f.store.plans.self, f.user_id, task.plan_id,
		                                            clock_now_us(&f.clock), f.arena, &plan, &err));
		struct log_line *lines = NULL;
		size_t count = fixture_log(&f, id, &lines);
		CHECK_ROW(point, count >= 2 && lines[count - 1].terminal &&
		                     strcmp(lines[count - 1].event->type, "error") == 0);
		fixture_close(&f);
		free(w);
	}
}

/* After a write that failed for good no further step's write goes out, only the end. */
static void test_write_broken(void)
{
	struct fixture f;
	struct watch *w = watch_new(NULL);
	fixture_open(&f);
	f.options.heartbeat_ms = 30000; /* so that the calls are the same ones every time */
	f.options.poll_ms = 30000;
	f.options.running_max = 1;
	/* claim, the end of assess, then the openings of two steps side by side: the first of them fails */
	fixture_make_failing(&f, FAULT_BROKEN, 3);
	Petfood__V1__CreatePlanRequest r = dog();
	struct str id = fixture_create(&f, &r, TASK_TYPE_DIET_PLAN, "en", false);
	fixture_start(&f, w);
	CHECK(fixture_wait_terminal(&f, id));
	fixture_stop(w);
	struct log_line *lines = NULL;
	size_t count = fixture_log(&f, id, &lines);
	CHECK(count == 3 && log_count(lines, count, "info") == 1 && log_count(lines, count, "error") == 1);
	CHECK(fixture_task(&f, id).status == TASK_FAILED && watch_count(w, "left:failed") == 1);
	fixture_close(&f);
	free(w);
}

/* A cancel stops the computation that is under way: it does not come to its end, and its thread is there for others. */
static void test_cancel_computing(void)
{
	struct fixture f;
	struct error err;
	struct watch *w = watch_new("computing:week_2");
	fixture_open(&f);
	f.options.compute_threads = 1;
	Petfood__V1__CreatePlanRequest r = dog();
	struct str id = fixture_create(&f, &r, TASK_TYPE_DIET_PLAN, "zh", false);
	fixture_start(&f, w);
	if (fixture_wait_held(w)) {
		CHECK_OK(fixture_cancel(&f, id, w->engine, &err), &err);
		CHECK(fixture_wait_point(w, "dropped:", 1)); /* for the cancel, or for a write that found out first */
	}
	fixture_let_go(w);
	CHECK(fixture_wait_point(w, "left:", 1));
	CHECK(watch_count(w, "computed:week_1") == 1 && watch_count(w, "computed:week_2") == 0);
	CHECK(watch_count(w, "computing:week_3") == 0);
	struct str next = fixture_create(&f, &r, TASK_TYPE_DIET_PLAN, "zh", false);
	CHECK(fixture_wait_terminal(&f, next));
	CHECK(fixture_task(&f, next).status == TASK_COMPLETED);
	fixture_stop(w);
	fixture_close(&f);
	free(w);
}

/* A task given back between its steps and taken up by the next engine again and again comes to its end. */
static void test_handed_on(void)
{
	struct fixture f;
	fixture_open(&f);
	Petfood__V1__CreatePlanRequest r = dog();
	struct str id = fixture_create(&f, &r, TASK_TYPE_DIET_PLAN, "zh", false);
	f.options.planner_pace_ms = 5;
	for (int round = 0; round < 40 && fixture_task(&f, id).status != TASK_COMPLETED; round++) {
		struct watch *w = watch_new(NULL);
		fixture_start(&f, w);
		(void)fixture_wait_point(w, "after:", 1); /* any step */
		fixture_stop(w);
		free(w);
	}
	check_stored(&f, id, false, "handed on");
	fixture_check_log(&f, id, "handed on");
	struct task task = fixture_task(&f, id);
	CHECK(task.lost_leases == 0 && task.attempt >= 4);
	fixture_close(&f);
}

/* No plan may be made for this pet: the task fails with the reason, in the task's language, and leaves no plan. */
static void test_refused(void)
{
	static const struct {
		const char *lang, *says;
	} rows[] = { { "zh", "无法自动生成饮食计划" }, { "en", "no plan can be made automatically" } };
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fixture f;
		struct watch *w = watch_new(NULL);
		fixture_open(&f);
		Petfood__V1__CreatePlanRequest r = dog();
		char *issues[] = { (char *)(uintptr_t) "慢性肾病四期" };
		petfood_v1_create_plan_request_set_health_status(&r, "CKD IRIS stage 4");
		r.n_health_issues = 1;
		r.health_issues = issues;
		struct str id = fixture_create(&f, &r, TASK_TYPE_DIET_PLAN, rows[i].lang, false);
		fixture_start(&f, w);
		CHECK(fixture_wait_terminal(&f, id));
		fixture_stop(w);
		struct task task = fixture_task(&f, id);
		CHECK_ROW(rows[i].lang, task.status == TASK_FAILED);
		CHECK_STR_ROW(rows[i].lang, task.error_reason, "PLAN_REFUSED");
		struct log_line *lines = NULL;
		size_t count = fixture_log(&f, id, &lines);
		struct str error = str_from(petfood_v1_progress_event_error_or(lines[count - 1].event, ""));
		if (!CHECK_ROW(rows[i].lang, str_has_prefix(error, str_from(rows[i].says))))
			(void)printf("  " STR_FMT "\n", STR_ARG(error));
		CHECK_ROW(rows[i].lang, str_equal(error, task.error_message));
		fixture_check_log(&f, id, rows[i].lang);
		fixture_close(&f);
		free(w);
	}
}

/* One task, one plan: a run that goes wrong half-way and is made again ends with the same document. */
static void test_same_plan_again(void)
{
	struct str documents[2] = { 0 };
	struct fixture f[2];
	struct str id = { 0 };
	for (int i = 0; i < 2; i++) {
		struct error err;
		struct watch *w = watch_new(NULL);
		fixture_open(&f[i]);
		Petfood__V1__CreatePlanRequest r = dog();
		if (i == 0) {
			id = fixture_create(&f[i], &r, TASK_TYPE_DIET_PLAN, "zh", false);
		} else { /* the same task in another store */
			struct task task = fixture_task(&f[0], id);
			task.user_id = f[1].user_id;
			task.status = TASK_PENDING;
			bool replayed;
			struct str reply;
			struct task_limits limits = { 0 };
			CHECK_OK(f[1].store.tasks.driver->create(f[1].store.tasks.self, &task,
			                                         STR("{\"type\":\"task_created\"}"), &limits, NULL,
			                                         f[1].arena, &replayed, &reply, &err),
			         &err);
		}
		fixture_start(&f[i], w);
		CHECK(fixture_wait_terminal(&f[i], id));
		fixture_stop(w);
		struct plan_record plan = { 0 };
		CHECK_OK(f[i].store.plans.driver->get(f[i].store.plans.self, f[i].user_id,
		                                      fixture_task(&f[i], id).plan_id, clock_now_us(&f[i].clock),
		                                      f[i].arena, &plan, &err),
		         &err);
		documents[i] = plan.plan_data;
		free(w);
	}
	CHECK(documents[0].len > 1000 && str_equal(documents[0], documents[1]));
	fixture_close(&f[0]);
	fixture_close(&f[1]);
}

/* A computation that cannot be interrupted does not hold up the end for longer than was allowed; its task is given back. Its threads
 * are left behind, so this is the last test and not one for the sanitizers. */
static void test_stop_in_time(void)
{
	static struct fixture f; /* outlives the threads */
	struct watch *w = watch_new(NULL);
	fixture_open(&f);
	f.options.compute_threads = 1;
	Petfood__V1__CreatePlanRequest r = dog();
	struct str id = fixture_create(&f, &r, TASK_TYPE_DIET_PLAN, "zh", false);
	fixture_start(&f, w);
	CHECK(fixture_wait_point(w, "start:week_1", 1));
	job_engine_stop(&w->engine, 0);
	struct task task = fixture_task(&f, id);
	CHECK(w->engine == NULL && (task.status == TASK_PENDING || task.status == TASK_RUNNING));
	struct watch *b = watch_new(NULL);
	fixture_move_clock(&f, f.options.lease_ms + 1000);
	fixture_start(&f, b);
	CHECK(fixture_wait_terminal(&f, id));
	fixture_stop(b);
	check_stored(&f, id, false, "stopped in time");
	CHECK(fixture_wait_point(w, "left:", 1)); /* the computation has come back after all */
	fixture_close(&f);
	free(b);
}

int main(int argc, char **argv)
{
	/* "few": for the slow sanitizers. */
	bool all = !(argc > 1 && strcmp(argv[1], "few") == 0);
	log_setup(LOG_ERROR, false);
	test_whole();
	test_k10_crashes(all);
	test_cancels(all);
	test_cancel_computing();
	test_write_broken();
	test_handed_on();
	test_refused();
	test_same_plan_again();
	if (all) test_stop_in_time();
	return check_done("unit_job_plan");
}
