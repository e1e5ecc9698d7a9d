/* Task type bench: K numbered events, I milliseconds apart, for measuring streams. Stores nothing beside its log. The log itself
 * is its checkpoint: a further attempt goes on behind the last number that is there. */
#include <petfood/accessors.h>

#include "petfood/v1/plan.pb-c.h"
#include "rpc/job/steps.h"
#include "rpc/wire/unpack.h"
#include "store/api/store.h"
#include "store/base/time.h"

enum { BENCH_BATCH_MAX = 32 }; /* events in one transaction when they are due faster than the store writes */

enum bench_phase { BENCH_START, BENCH_WAITED, BENCH_WRITTEN };

struct bench {
	uint32_t index, of; /* of those written; as asked for */
	uint32_t interval_ms;
	int64_t start_ms; /* when event number `first` was due */
	uint32_t first;
	size_t writing;
	struct arena_mark mark;
};

static bool bench_load(struct job_run *run, struct arena *arena, struct error *err)
{
	const struct task_store *tasks = &run_store(run)->tasks;
	const struct task *task = run_task(run);
	struct task_event *events = NULL;
	size_t count = 0;
	struct task_head head;
	if (!tasks->driver->events(tasks->self, STR(""), task->id, task->last_event - 1, 1, SIZE_MAX / 2, arena,
	                           &events, &count, &head, err))
		return false;
	run_set_mark(run, count ? job_event_bench_index(arena, events[0].data) : 0);
	return true;
}

static bool bench_open(struct job_run *run, struct arena *arena, uint32_t *out_events, uint32_t *out_interval_ms,
                       struct error *err)
{
	Petfood__V1__CreatePlanRequest *request = (Petfood__V1__CreatePlanRequest *)message_unpack(
	    arena, &petfood__v1__create_plan_request__descriptor, run_task(run)->input, err);
	if (!request) return false;
	*out_events = petfood_v1_create_plan_request_events_or(request, 1);
	*out_interval_ms = petfood_v1_create_plan_request_interval_ms_or(request, 0);
	return true;
}

/* A further attempt's notice repeats how far it is, so that it can be found again whatever happens next. */
static void bench_describe(const struct job_run *run, struct job_event *notice)
{
	notice->detail.bench = true;
	notice->detail.bench_index = (uint32_t)run_mark(run);
}

static void bench_write(struct job_step *step, struct bench *b)
{
	struct job_run *run = step_run(step);
	struct arena *arena = step_arena(step);
	int64_t late_ms = time_monotonic_ms() - b->start_ms;
	uint32_t due = b->interval_ms ? b->first + (uint32_t)(late_ms / b->interval_ms) + 1 : b->of;
	if (due > b->of) due = b->of;
	size_t count = due > b->index ? due - b->index : 1;
	if (count > BENCH_BATCH_MAX) count = BENCH_BATCH_MAX;
	arena_rewind(arena, b->mark);
	struct job_event *events = arena_new_array(arena, struct job_event, count);
	for (size_t i = 0; i < count; i++) {
		uint32_t index = b->index + (uint32_t)i + 1;
		events[i] = (struct job_event){
			.type = "info",
			.message = run_lang(run) == LANG_EN ? str_printf(arena, "Event %u of %u", index, b->of)
			                                    : str_printf(arena, "第 %u 条，共 %u 条", index, b->of),
			.detail = { .bench = true, .bench_index = index, .bench_of = b->of },
		};
	}
	b->writing = count;
	step_set_phase(step, BENCH_WRITTEN);
	step_append(step, events, count, false, (int)((uint64_t)(b->index + count) * 99 / b->of));
}

static void bench_end(struct job_step *step)
{
	struct job_run *run = step_run(step);
	struct arena *arena = step_arena(step);
	struct job_event end = { .type = "task_completed", .task_id = run_task(run)->id };
	step_complete(step, NULL, job_event_print(arena, &end, 100, run_now_us(run)), STR("{}"), NULL);
}

static void bench_run(struct job_step *step)
{
	struct bench *b = step_yield(step)->more;
	switch ((enum bench_phase)step_phase(step)) {
	case BENCH_START: {
		struct error err;
		b = step_yield(step)->more = arena_new(step_arena(step), struct bench);
		if (!bench_open(step_run(step), step_arena(step), &b->of, &b->interval_ms, &err)) {
			step_fail(step, &err);
			return;
		}
		b->index = b->first = (uint32_t)run_mark(step_run(step));
		b->start_ms = time_monotonic_ms() + b->interval_ms;
		b->mark = arena_mark(step_arena(step));
		if (b->index >= b->of) {
			bench_end(step);
			return; /* the run ends with this write */
		}
		step_set_phase(step, BENCH_WAITED);
		step_sleep(step, b->interval_ms);
		return; /* until the first event is due */
	}
	case BENCH_WAITED: bench_write(step, b); return; /* until it is committed and published */
	case BENCH_WRITTEN:
		b->index += (uint32_t)b->writing;
		if (b->index >= b->of) {
			bench_end(step);
			return; /* the run ends with this write */
		}
		step_set_phase(step, BENCH_WAITED);
		step_sleep(step, b->start_ms + (int64_t)(b->index - b->first) * b->interval_ms - time_monotonic_ms());
		return; /* until the next event is due */
	}
}

static const struct step_kind bench_steps[] = { { .name = "bench", .percent = 100, .run = bench_run } };
const struct job_kind job_kind_bench = {
	.type = TASK_TYPE_BENCH,
	.step_count = COUNT(bench_steps),
	.steps = bench_steps,
	.load = bench_load,
	.describe = bench_describe,
};
