/* The life of a run: load what earlier attempts left, start the steps whose predecessors have ended, keep the lease, end. */
#include "rpc/job/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/log.h"
#include "store/base/metrics.h"

static const struct {
	const char *name;
	unsigned next; /* RUN_BIT of the states that may follow */
} run_states[] = {
#define RUN_STATE_ROW(state, text, next) [RUN_##state] = { text, next },
	RUN_STATES(RUN_STATE_ROW)
#undef RUN_STATE_ROW
};

static void run_move(struct job_run *run, enum run_state to)
{
	if (!(run_states[run->state].next & (1u << to)))
		die("a run cannot go from %s to %s", run_states[run->state].name, run_states[to].name);
	log_debug("run.moved", LOG_TASK(&run->task), LOG_CSTR("from", run_states[run->state].name),
	          LOG_CSTR("to", run_states[to].name));
	run->state = to;
}

static void note_outcome(struct job_run *run, const char *outcome)
{
	if (run->outcome) return;
	run->outcome = outcome;
	char labels[48];
	(void)snprintf(labels, sizeof labels, "outcome=\"%s\"", outcome);
	metric_add(metric_counter("petfood_task_runs_total", labels, "Runs of tasks that ended in this process."), 1);
}

/* ---- ending ---- */

static void run_free_if_over(struct job_run *run)
{
	if (run->state == RUN_OVER && run->out == 0) engine_forget(run->engine, run);
}

static void stop_timers(struct job_run *run, bool keep_lease)
{
	struct loop *loop = engine_loop(run->engine);
	loop_timer_clear(loop, &run->timeout);
	for (size_t i = 0; i < run->kind->step_count; i++) loop_timer_clear(loop, &run->steps[i].timer);
	if (!keep_lease) loop_timer_clear(loop, &run->beat.timer);
}

static void run_over(struct job_run *run)
{
	atomic_store(&run->cancelled, true);
	stop_timers(run, false);
	op_drop_waiting(run);
	if (run->op_out && run->op_out->retry.slot) { /* it waits to be repeated: nobody else has it */
		loop_timer_clear(engine_loop(run->engine), &run->op_out->retry);
		run->ops = run->ops_last = run->op_out = NULL;
	}
	run_move(run, RUN_OVER);
}

void run_drop(struct job_run *run, const char *why)
{
	if (run->state == RUN_OVER) return;
	log_info("task.left", LOG_TASK(&run->task), LOG_INT("attempt", run->task.attempt), LOG_CSTR("why", why));
	note_outcome(run, why);
	run_over(run);
	engine_point(run->engine, "dropped", why);
	run_free_if_over(run);
}

/* Its last write goes behind the one that is on its way; nothing else of the run is written any more. */
static void run_end(struct job_run *run, enum op_kind kind)
{
	atomic_store(&run->cancelled, true);
	stop_timers(run, true);
	op_drop_waiting(run);
	run_move(run, RUN_ENDING);
	op_start(&run->end, kind);
}

void run_fail(struct job_run *run, const struct error *err)
{
	if (run->state != RUN_LOADING && run->state != RUN_STEPPING) return;
	log_warn("task.failed", LOG_TASK(&run->task), LOG_INT("attempt", run->task.attempt), LOG_ERR(err));
	struct run_op *op = &run->end;
	op->reason = str_dup(run->arena, str_from(err->reason && *err->reason ? err->reason : "INTERNAL"));
	op->message = job_error_text(run->arena, run->lang, err);
	op->terminal_event = job_event_print_error(run->arena, run->task.id, op->message, run_now_us(run));
	run_end(run, OP_FAIL);
}

void run_give_back(struct job_run *run)
{
	if (run->state != RUN_LOADING && run->state != RUN_STEPPING) return;
	run_end(run, OP_GIVE_BACK);
}

static void on_timeout(void *self)
{
	struct job_run *run = self;
	struct error err;
	int64_t seconds = engine_options(run->engine)->task_timeout_ms / 1000;
	error_set(&err, RPC_DEADLINE_EXCEEDED, "TASK_TIMEOUT", "the run took longer than %lld s", (long long)seconds);
	error_param(&err, "seconds", "%lld", (long long)seconds);
	run_fail(run, &err);
}

/* ---- the lease ---- */

static void beat_work(void *self)
{
	struct job_run *run = self;
	const struct job_engine_options *options = engine_options(run->engine);
	const struct task_store *tasks = &options->store->tasks;
	error_clear(&run->beat.error);
	run->beat.ok = tasks->driver->heartbeat(tasks->self, run->task.id, run->task.attempt, run->beat.asked_us,
	                                        options->lease_ms, &run->beat.error);
}

void run_beat(struct job_run *run)
{
	if (run->beat.out) return;
	loop_timer_clear(engine_loop(run->engine), &run->beat.timer);
	run->beat.asked_us = run_now_us(run);
	run->beat.out = true;
	run->out++;
	pool_give(engine_store_pool(run->engine), &run->beat.job);
}

static void on_beat_timer(void *self) { run_beat(self); }

bool run_has_lease(const struct job_run *run, int64_t now_us) { return now_us < run->lease_until_us; }

static void beat_end(struct job_run *run)
{
	const struct job_engine_options *options = engine_options(run->engine);
	if (run->state == RUN_OVER) {
		run_free_if_over(run);
		return;
	}
	if (!run->beat.ok && error_is(&run->beat.error, "TASK_MOVED")) run->moved = true;
	if (run->moved && op_is_ending(run)) {
		/* It may be the run's own end that was there first. */
		loop_timer_set(engine_loop(run->engine), &run->beat.timer, options->heartbeat_ms);
		return; /* until the end's answer, or the timer's run_beat */
	}
	if (run->beat.ok) {
		run->lease_until_us = run->beat.asked_us + options->lease_ms * 1000;
		loop_timer_set(engine_loop(run->engine), &run->beat.timer, options->heartbeat_ms);
		return; /* until the timer's run_beat */
	}
	if (engine_may_retry(&run->beat.error) && run_has_lease(run, run_now_us(run))) {
		log_warn("task.heartbeat_retried", LOG_TASK(&run->task), LOG_ERR(&run->beat.error));
		loop_timer_set(engine_loop(run->engine), &run->beat.timer, options->heartbeat_ms / 4);
		return; /* until the timer's run_beat */
	}
	run_drop(run, run->moved ? "moved" : "lease_over");
}

static void beat_done(void *self)
{
	struct job_run *run = self;
	struct job_engine *engine = run->engine;
	run->beat.out = false;
	run->out--;
	beat_end(run);
	engine_on_beat(engine);
}

/* ---- steps ---- */

static void run_steps(struct job_run *run)
{
	for (size_t i = 0; i < run->kind->step_count && run->state == RUN_STEPPING; i++) {
		struct job_step *step = &run->steps[i];
		if (step->state != STEP_WAITING || (step->kind->after & ~run->done)) continue;
		step->state = STEP_ACTIVE;
		step->arena = arena_create(0);
		step->started_ms = time_monotonic_ms();
		engine_point(run->engine, "start", step->kind->name);
		step->kind->run(step);
	}
}

void step_done(struct job_step *step)
{
	struct job_run *run = step->run;
	char labels[64];
	(void)snprintf(labels, sizeof labels, "step=\"%s\"", step->kind->name);
	metric_observe_us(
	    metric_histogram("petfood_step_seconds", labels, "Time from a step's start to its checkpoint."),
	    (time_monotonic_ms() - step->started_ms) * 1000);
	run->results[step->index] = str_dup(run->arena, step->yield.result);
	run->done |= STEP_BIT(step->index);
	step->state = STEP_DONE;
	arena_destroy(&step->arena);
	engine_point(run->engine, "after", step->kind->name);
	run_steps(run);
}

void step_fail(struct job_step *step, const struct error *err) { run_fail(step->run, err); }

static void step_resume(struct job_step *step)
{
	if (step->run->state == RUN_STEPPING) step->kind->run(step);
}

static void on_step_timer(void *self) { step_resume(self); }

void step_sleep(struct job_step *step, int64_t ms) { loop_timer_set(engine_loop(step->run->engine), &step->timer, ms); }

static void compute_work(void *self)
{
	struct job_step *step = self;
	error_clear(&step->work_error);
	step->work_ok = false;
	if (atomic_load(&step->run->cancelled)) return;
	engine_point(step->run->engine, "computing", step->kind->name);
	step->work_ok = step->work(step, &step->work_error);
	if (step->work_ok) engine_point(step->run->engine, "computed", step->kind->name);
}

static void compute_done(void *self)
{
	struct job_step *step = self;
	struct job_run *run = step->run;
	run->out--;
	if (run->state == RUN_STEPPING) {
		if (step->work_ok)
			step_resume(step);
		else
			step_fail(step, &step->work_error);
		return; /* run may be freed */
	}
	run_free_if_over(run);
}

void step_compute(struct job_step *step, bool (*work)(struct job_step *step, struct error *err))
{
	step->work = work;
	step->run->out++;
	pool_give(engine_compute_pool(step->run->engine), &step->compute);
}

static int raise_shown(struct job_run *run, int progress)
{
	if (progress > run->shown) run->shown = progress < 100 ? progress : 100;
	return run->shown;
}

void step_append(struct job_step *step, const struct job_event *events, size_t count, bool close, int progress)
{
	struct job_run *run = step->run;
	struct run_op *op = &step->op;
	struct str *texts = arena_new_array(step->arena, struct str, count);
	struct str node = { 0 };
	int64_t now_us = run_now_us(run);
	for (size_t i = 0; i < count; i++) {
		int percent = progress >= 0 ? progress : run->percent + events[i].extra;
		if (close && i + 1 == count && progress < 0) percent = run->percent + step->kind->percent;
		texts[i] = job_event_print(step->arena, &events[i], raise_shown(run, percent), now_us);
		if (events[i].node.ptr) node = events[i].node;
	}
	if (close) {
		run->percent += step->kind->percent;
		raise_shown(run, run->percent);
	}
	op->what = (struct task_append){ .event_count = count, .events = texts, .progress = run->shown, .node = node };
	if (close) op->what.step = str_from(step->kind->name), op->what.step_data = step->yield.result;
	op_start(op, OP_APPEND);
}

void step_complete(struct job_step *step, const struct str *completed, struct str terminal_event, struct str output,
                   const struct plan_record *plan)
{
	struct run_op *op = &step->op;
	op->what = (struct task_append){ .event_count = completed ? 1 : 0, .events = completed, .progress = 100 };
	op->terminal_event = terminal_event;
	op->output = output;
	op->plan = plan;
	op_start(op, OP_COMPLETE);
}

/* ---- starting ---- */

static void run_set_steps(struct job_run *run)
{
	for (size_t i = 0; i < run->load.checkpoint_count; i++) {
		for (size_t k = 0; k < run->kind->step_count; k++) {
			if (!str_equal(run->load.checkpoints[i].step, str_from(run->kind->steps[k].name))) continue;
			run->steps[k].state = STEP_DONE;
			run->done |= STEP_BIT(k);
			run->results[k] = run->load.checkpoints[i].data;
			run->percent += run->kind->steps[k].percent;
		}
	}
	raise_shown(run, run->percent);
	run_move(run, RUN_STEPPING);
	run_steps(run);
}

static void run_notice(struct job_run *run)
{
	struct job_event notice = { .type = "info", .detail = { .attempt = run->task.attempt } };
	size_t kept = run->load.checkpoint_count;
	notice.message =
	    run->lang == LANG_EN
	        ? str_printf(run->arena, "Attempt %u resumes; %zu finished steps are kept.", run->task.attempt, kept)
	        : str_printf(run->arena, "第 %u 次尝试继续，保留已完成的 %zu 个步骤。", run->task.attempt, kept);
	if (run->kind->describe) run->kind->describe(run, &notice);
	struct str *text = arena_new(run->arena, struct str);
	*text = job_event_print(run->arena, &notice, run->shown, run_now_us(run));
	run->notice.what = (struct task_append){ .event_count = 1, .events = text, .progress = -1 };
	op_start(&run->notice, OP_APPEND);
}

void run_start(struct job_run *run)
{
	const struct job_engine_options *options = engine_options(run->engine);
	struct loop *loop = engine_loop(run->engine);
	loop_timer_set(loop, &run->beat.timer, options->heartbeat_ms);
	if (options->task_timeout_ms > 0) loop_timer_set(loop, &run->timeout, options->task_timeout_ms);
	engine_point(run->engine, "claimed", run->task.attempt > 1 ? "again" : "first");
	if (run->task.attempt == 1) {
		run_set_steps(run);
		return;
	}
	op_start(&run->load, OP_LOAD);
}

/* What follows a write; the steps' own machines go on from here. */
static void run_on_written(struct job_run *run, struct run_op *op)
{
	if (op->kind == OP_COMPLETE || op == &run->end) {
		const char *outcome = op->kind == OP_COMPLETE ? "completed"
		                      : op->kind == OP_FAIL   ? "failed"
		                                              : "given_back";
		log_info("task.ended", LOG_TASK(&run->task), LOG_INT("attempt", run->task.attempt),
		         LOG_CSTR("outcome", outcome));
		note_outcome(run, outcome);
		if (run->state != RUN_OVER) run_over(run);
		if (op->step) engine_point(run->engine, "after", "complete");
		return;
	}
	if (run->state == RUN_LOADING && op == &run->load)
		run_notice(run);
	else if (run->state == RUN_LOADING && op == &run->notice)
		run_set_steps(run);
	else if (op->step)
		step_resume(op->step);
}

void run_on_op(struct job_run *run, struct run_op *op)
{
	if (op->ok) {
		run_on_written(run, op);
	} else if (run->state != RUN_OVER) {
		bool moved = error_is(&op->error, "TASK_MOVED") || error_is(&op->error, "TASK_NOT_FOUND");
		if (moved || engine_may_retry(&op->error) || op == &run->end) {
			if (!moved) log_error("task.write_lost", LOG_TASK(&run->task), LOG_ERR(&op->error));
			run_drop(run, moved ? "moved" : "store_fault");
			return; /* freed */
		}
		if (run->state == RUN_ENDING)
			op_next(run); /* what failed is told; the end itself goes on */
		else
			run_fail(run, &op->error);
	}
	run_free_if_over(run);
}

struct job_run *run_create(struct job_engine *engine, struct arena *task_arena, const struct task *task,
                           int64_t asked_us)
{
	struct job_run *run = calloc(1, sizeof(*run));
	if (!run) die("out of memory for a run");
	run->engine = engine;
	run->task_arena = task_arena;
	run->load_arena = arena_create(0);
	run->arena = arena_create(0);
	run->task = *task;
	run->lang = job_lang(task->lang);
	run->kind = job_kind_of(task->type);
	run->state = RUN_LOADING;
	run->shown = task->progress;
	run->last_event = task->last_event;
	run->lease_until_us = asked_us + engine_options(engine)->lease_ms * 1000;
	op_init(&run->load, run, NULL);
	op_init(&run->notice, run, NULL);
	op_init(&run->end, run, NULL);
	run->beat.job = (struct pool_job){ .work = beat_work, .self = run, .done = { .run = beat_done, .self = run } };
	run->beat.timer = (struct loop_timer){ .run = on_beat_timer, .self = run };
	run->timeout = (struct loop_timer){ .run = on_timeout, .self = run };
	for (size_t i = 0; i < run->kind->step_count; i++) {
		struct job_step *step = &run->steps[i];
		step->run = run;
		step->kind = &run->kind->steps[i];
		step->index = i;
		step->timer = (struct loop_timer){ .run = on_step_timer, .self = step };
		step->compute = (struct pool_job){ .work = compute_work,
			                           .self = step,
			                           .done = { .run = compute_done, .self = step } };
		op_init(&step->op, run, step);
	}
	return run;
}

void run_destroy(struct job_run *run)
{
	for (size_t i = 0; i < run->kind->step_count; i++) arena_destroy(&run->steps[i].arena);
	arena_destroy(&run->arena);
	arena_destroy(&run->load_arena);
	arena_destroy(&run->task_arena);
	free(run);
}

/* ---- what steps look at ---- */

const struct task *run_task(const struct job_run *run) { return &run->task; }
enum lang run_lang(const struct job_run *run) { return run->lang; }
struct store *run_store(const struct job_run *run) { return engine_options(run->engine)->store; }
int64_t run_now_us(const struct job_run *run) { return clock_now_us(engine_options(run->engine)->clock); }
int64_t run_pace_ms(const struct job_run *run) { return engine_options(run->engine)->planner_pace_ms; }
bool run_is_cancelled(const struct job_run *run) { return atomic_load(&run->cancelled); }
struct str run_result(const struct job_run *run, size_t step_index) { return run->results[step_index]; }
uint64_t run_mark(const struct job_run *run) { return run->mark; }
void run_set_mark(struct job_run *run, uint64_t mark) { run->mark = mark; }
struct job_run *step_run(const struct job_step *step) { return step->run; }
const struct step_kind *step_kind(const struct job_step *step) { return step->kind; }
struct arena *step_arena(const struct job_step *step) { return step->arena; }
int step_phase(const struct job_step *step) { return step->phase; }
void step_set_phase(struct job_step *step, int phase) { step->phase = phase; }
struct step_yield *step_yield(struct job_step *step) { return &step->yield; }
