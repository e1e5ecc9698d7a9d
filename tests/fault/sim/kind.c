/* The plans of a schedule: steps in a drawn order with events of drawn number and size, on the same machinery as diet plans
 * (rpc/job/steps_plan.c): an opening event, a pause, a computation, closing events with a checkpoint; and a last step that ends
 * the task with a plan. What a step leaves follows from the task and the step alone, so later steps can tell whether it was kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/job/steps.h"
#include "store/base/time.h"
#include "tests/fault/sim/world.h"

enum {
	STEPS_MAX = 9,
	STARTS_MAX = 4096,
	EVENTS_OF_STEP_MAX = 5,
	EVENT_BYTES_MAX = 6000,
	RESULT_BYTES_MAX = 3000,
	PAUSE_MS_MAX = 1500
};

static void kind_run(struct job_step *step);
static char names[STEPS_MAX][16];
static struct step_kind steps[STEPS_MAX];
static struct job_kind kind = { .type = TASK_TYPE_DIET_PLAN, .steps = steps };
static struct step_start starts[STARTS_MAX];
static size_t start_count;

void kind_draw(void)
{
	size_t count = 2 + sim_below(STEPS_MAX - 1);
	int left = 96;
	for (size_t i = 0; i < count; i++) {
		bool last = i + 1 == count;
		(void)snprintf(names[i], sizeof names[i], "step_%zu", i);
		int percent = last ? left + 4 : (int)sim_below((uint32_t)(left / (int)(count - i) + 1));
		uint32_t after = 0;
		for (size_t k = 0; k < i; k++)
			if (last || sim_chance(400)) after |= STEP_BIT(k);
		steps[i] = (struct step_kind){ last ? "complete" : names[i], percent, after, kind_run, (int)i };
		left -= last ? 0 : percent;
	}
	kind.step_count = count;
	start_count = 0;
}

const struct job_kind *__real_job_kind_of(enum task_type type);
const struct job_kind *__wrap_job_kind_of(enum task_type type);
const struct job_kind *__wrap_job_kind_of(enum task_type type)
{
	return type == TASK_TYPE_DIET_PLAN ? &kind : __real_job_kind_of(type);
}

size_t kind_starts(const struct step_start **out)
{
	*out = starts;
	return start_count;
}

static bool is_last(const struct job_step *step) { return (size_t)step_kind(step)->number + 1 == kind.step_count; }

/* A number that is the same for the same task, step and question. */
static uint64_t fact(struct job_step *step, int of, const char *question)
{
	const struct task *task = run_task(step_run(step));
	char text[96];
	int n = snprintf(text, sizeof text, STR_FMT "/%d/%s", STR_ARG(task->id), of, question);
	return sim_hash(text, (size_t)n);
}

static struct str filled(struct arena *arena, const char *head, uint64_t size)
{
	size_t len = strlen(head);
	char *text = arena_alloc(arena, len + size + 1);
	memcpy(text, head, len);
	memset(text + len, 'a' + (int)(size % 26), size);
	return (struct str){ text, len + size };
}

static struct str result_of(struct job_step *step, int of)
{
	char head[64];
	uint64_t size = fact(step, of, "result");
	(void)snprintf(head, sizeof head, "%016llx ", (unsigned long long)size);
	return filled(step_arena(step), head, size % 3 ? size % 64 : size % RESULT_BYTES_MAX);
}

/* Names who wrote it, so that the oracle can tell whether an event is there twice. */
static struct job_event event_of(struct job_step *step, char phase, int index)
{
	char head[96];
	uint64_t size = fact(step, step_kind(step)->number, "size") + (uint64_t)index * 977;
	(void)snprintf(head, sizeof head, "<%u.%s.%c.%d> ", run_task(step_run(step))->attempt, step_kind(step)->name,
	               phase, index);
	return (struct job_event){ .type = "info",
		                   .message =
		                       filled(step_arena(step), head, size % 4 ? size % 200 : size % EVENT_BYTES_MAX),
		                   .node = str_from(step_kind(step)->name) };
}

/* ---- a cancel reaches the work that runs in the same process within 100 ms (DESIGN 4, G6) ---- */

enum { CANCELS_MAX = 64, CANCEL_MS_MAX = 100 };
static struct {
	char task_id[40];
	int process;
	unsigned life;
	int64_t at_us;
} told[CANCELS_MAX];
static size_t told_count;

void __real_job_engine_cancel(struct job_engine *engine, struct str task_id);
void __wrap_job_engine_cancel(struct job_engine *engine, struct str task_id);
void __wrap_job_engine_cancel(struct job_engine *engine, struct str task_id)
{
	if (told_count < CANCELS_MAX) {
		(void)snprintf(told[told_count].task_id, sizeof told[0].task_id, STR_FMT, STR_ARG(task_id));
		told[told_count].process = fiber_process();
		told[told_count].life = process_here()->life;
		told[told_count++].at_us = sim_steady_us();
	}
	__real_job_engine_cancel(engine, task_id);
}

static void check_cancelled(const struct job_step *step)
{
	struct str id = run_task(step_run(step))->id;
	for (size_t i = 0; i < told_count; i++) {
		if (told[i].process != fiber_process() || told[i].life != process_here()->life) continue;
		if (!str_equal(str_from(told[i].task_id), id) || process_here()->halted_at_us > told[i].at_us) continue;
		int64_t late_ms = (sim_steady_us() - told[i].at_us) / 1000;
		if (late_ms > CANCEL_MS_MAX)
			violation("task %.4s is still worked on %lld ms after its engine was told to cancel it", id.ptr,
			          (long long)late_ms);
	}
}

static bool work(struct job_step *step, struct error *err)
{
	struct job_run *run = step_run(step);
	for (uint64_t i = fact(step, step_kind(step)->number, "work") % 3; i > 0 && !run_is_cancelled(run); i--)
		fiber_sleep_ms((int64_t)sim_below(40));
	if (!run_is_cancelled(run)) check_cancelled(step);
	for (int i = 0; i < step_kind(step)->number; i++) {
		if (!(step_kind(step)->after & STEP_BIT(i))) continue;
		if (!str_equal(run_result(run, (size_t)i), result_of(step, i)))
			violation("task %.4s: step %d finds another result of step %d than it left",
			          run_task(run)->id.ptr, step_kind(step)->number, i);
	}
	if (fact(step, step_kind(step)->number, "fails") % 60 == 0)
		return error_set(err, RPC_FAILED_PRECONDITION, "PLAN_INFEASIBLE", "drawn to fail");
	int count = 1 + (int)(fact(step, step_kind(step)->number, "events") % EVENTS_OF_STEP_MAX);
	struct job_event *events = arena_new_array(step_arena(step), struct job_event, (size_t)count);
	for (int i = 0; i < count; i++) events[i] = event_of(step, 'c', i);
	step_yield(step)->events = events;
	step_yield(step)->event_count = (size_t)count;
	step_yield(step)->result = result_of(step, step_kind(step)->number);
	return true;
}

static void complete(struct job_step *step)
{
	struct arena *arena = step_arena(step);
	struct job_run *run = step_run(step);
	const struct task *task = run_task(run);
	int64_t now_us = run_now_us(run);
	struct str *completed = arena_new(arena, struct str);
	struct job_event event = event_of(step, 'd', 0);
	event.type = "completed";
	*completed = job_event_print(arena, &event, 100, now_us);
	struct job_event end = { .type = "task_completed", .task_id = task->id, .plan_id = task->plan_id };
	struct plan_record *plan = arena_new(arena, struct plan_record);
	*plan = (struct plan_record){ .id = task->plan_id,
		                      .user_id = task->user_id,
		                      .task_id = task->id,
		                      .pet_type = 2,
		                      .pet_age = 12,
		                      .pet_weight = 4.5,
		                      .plan_data = *completed,
		                      .confirmed = task->keeps_plan,
		                      .created_at_us = now_us,
		                      .updated_at_us = now_us };
	step_complete(step, completed, job_event_print(arena, &end, 100, now_us), *completed, plan);
}

enum phase { START, OPENED, PACED, WORKED, CLOSED };

static void kind_run(struct job_step *step)
{
	const struct task *task = run_task(step_run(step));
	switch ((enum phase)step_phase(step)) {
	case START:
		if (start_count == STARTS_MAX) die("more than %d steps were begun", STARTS_MAX);
		struct step_start *start = &starts[start_count++];
		(void)snprintf(start->task_id, sizeof start->task_id, STR_FMT, STR_ARG(task->id));
		(void)snprintf(start->step, sizeof start->step, "%s", step_kind(step)->name);
		start->attempt = task->attempt;
		check_cancelled(step);
		step_set_phase(step, OPENED);
		if (!is_last(step) && fact(step, step_kind(step)->number, "opens") % 2) {
			struct job_event open = event_of(step, 'o', 0);
			step_append(step, &open, 1, false, -1);
			return; /* until it is stored */
		}
		/* fall through */
	case OPENED:
		step_set_phase(step, PACED);
		if (fact(step, step_kind(step)->number, "pause") % 2) {
			step_sleep(step, (int64_t)(fact(step, step_kind(step)->number, "pause") % PAUSE_MS_MAX));
			return; /* until the pause is over */
		}
		/* fall through */
	case PACED:
		step_set_phase(step, WORKED);
		step_compute(step, work);
		return; /* until the work is done; one that fails ends the run */
	case WORKED:
		if (is_last(step)) {
			complete(step);
			return; /* the run ends with this write */
		}
		step_set_phase(step, CLOSED);
		step_append(step, step_yield(step)->events, step_yield(step)->event_count, true, -1);
		return; /* until the checkpoint is stored */
	case CLOSED: step_done(step);
	}
}
