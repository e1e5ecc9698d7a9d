/* A run's writes: on the store's pool, repeated while the lease lives, published when they are committed. */
#include <stdio.h>
#include <string.h>

#include "rpc/job/order.h"
#include "rpc/job/run.h"
#include "store/base/log.h"

void op_init(struct run_op *op, struct job_run *run, struct job_step *step)
{
	op->run = run;
	op->step = step;
}

/* ---- on the store's thread ---- */

/* Whether the events of an append whose outcome was lost are in the log: they would stand right after what we knew. */
static bool append_was_written(const struct task_store *tasks, struct run_op *op, bool *out_written, struct error *err)
{
	*out_written = false;
	if (op->what.event_count == 0) return true;
	bool ok = false;
	struct arena *arena = arena_create(0);
	struct task_event *events = NULL;
	size_t count = 0;
	struct task_head head = { 0 };
	if (!tasks->driver->events(tasks->self, STR(""), op->run->task.id, op->known_last, op->what.event_count,
	                           SIZE_MAX / 2, arena, &events, &count, &head, err))
		goto out;
	bool same = count >= op->what.event_count;
	for (size_t i = 0; same && i < op->what.event_count; i++) same = str_equal(events[i].data, op->what.events[i]);
	if (same) op->first = events[0].number;
	*out_written = same;
	ok = true;
out:
	arena_destroy(&arena);
	return ok;
}

static bool end_was_written(const struct task_store *tasks, struct run_op *op, enum task_status wanted,
                            bool *out_written, struct error *err)
{
	struct arena *arena = arena_create(0);
	struct task task;
	bool ok = tasks->driver->get(tasks->self, STR(""), op->run->task.id, arena, &task, err);
	/* A cancel raises the attempt, another worker's end has a higher one. */
	*out_written = ok && task.status == wanted && task.attempt == op->run->task.attempt;
	if (*out_written) op->last = task.last_event;
	arena_destroy(&arena);
	return ok;
}

static bool op_load(const struct task_store *tasks, struct run_op *op, int64_t now_us, struct error *err)
{
	struct job_run *run = op->run;
	(void)now_us;
	return tasks->driver->checkpoints(tasks->self, run->task.id, run->load_arena, &op->checkpoints,
	                                  &op->checkpoint_count, err) &&
	       (!run->kind->load || run->kind->load(run, run->load_arena, err));
}

static bool op_append(const struct task_store *tasks, struct run_op *op, int64_t now_us, struct error *err)
{
	bool written = false;
	if (op->uncertain && !append_was_written(tasks, op, &written, err)) return false;
	return written || tasks->driver->append(tasks->self, op->run->task.id, op->run->task.attempt, now_us, &op->what,
	                                        &op->first, err);
}

static bool op_complete(const struct task_store *tasks, struct run_op *op, int64_t now_us, struct error *err)
{
	bool written = false;
	if (op->uncertain && !end_was_written(tasks, op, TASK_COMPLETED, &written, err)) return false;
	return written || tasks->driver->complete(tasks->self, op->run->task.id, op->run->task.attempt, now_us,
	                                          &op->what, op->terminal_event, op->output, op->plan, &op->last, err);
}

static bool op_fail(const struct task_store *tasks, struct run_op *op, int64_t now_us, struct error *err)
{
	bool written = false;
	if (op->uncertain && !end_was_written(tasks, op, TASK_FAILED, &written, err)) return false;
	return written || tasks->driver->fail(tasks->self, op->run->task.id, op->run->task.attempt, now_us, op->reason,
	                                      op->message, op->terminal_event, &op->last, err);
}

static bool op_give_back(const struct task_store *tasks, struct run_op *op, int64_t now_us, struct error *err)
{
	(void)now_us;
	/* If a lost answer was a success, the repetition finds the task moved, which is just as good. */
	return tasks->driver->give_back(tasks->self, op->run->task.id, op->run->task.attempt, err);
}

static const struct {
	const char *name;
	bool (*call)(const struct task_store *tasks, struct run_op *op, int64_t now_us, struct error *err);
} op_table[] = {
	[OP_LOAD] = { "load", op_load },
	[OP_APPEND] = { "append", op_append },
	[OP_COMPLETE] = { "complete", op_complete },
	[OP_FAIL] = { "fail", op_fail },
	[OP_GIVE_BACK] = { "give_back", op_give_back },
};

static bool op_writes_events(const struct run_op *op)
{
	return op->kind == OP_APPEND ? op->what.event_count > 0 : op->kind == OP_COMPLETE || op->kind == OP_FAIL;
}

/* What the tests call the write; most have no name. */
static const char *op_point(const struct run_op *op)
{
	if (op->kind == OP_COMPLETE) return "complete";
	return op->kind == OP_APPEND && op->what.step.len ? op->what.step.ptr : NULL;
}

static void op_publish(const struct run_op *op)
{
	const struct event_out *out = &engine_options(op->run->engine)->events;
	struct str id = op->run->task.id;
	uint64_t number = op->kind == OP_APPEND ? op->first : op->last - op->what.event_count;
	for (size_t i = 0; i < op->what.event_count; i++)
		out->publish(out->self, id, number++, false, op->what.events[i]);
	if (op->kind != OP_APPEND) out->publish(out->self, id, op->last, true, op->terminal_event);
}

static void op_work(void *self)
{
	struct run_op *op = self;
	const struct job_engine_options *options = engine_options(op->run->engine);
	bool writes_events = op_writes_events(op);
	error_clear(&op->error);
	if (writes_events) event_order_take(&options->events, op->run->task.id);
	op->ok = op_table[op->kind].call(&options->store->tasks, op, clock_now_us(options->clock), &op->error);
	if (op->ok && op_point(op)) engine_point(op->run->engine, "committed", op_point(op));
	if (op->ok && writes_events) op_publish(op);
	if (writes_events) event_order_give(&options->events, op->run->task.id);
}

/* ---- on the loop ---- */

static void op_submit(struct run_op *op)
{
	op->run->out++;
	pool_give(engine_store_pool(op->run->engine), &op->job);
}

void op_next(struct job_run *run)
{
	struct run_op *op = run->ops;
	if (!op || run->op_out) return;
	run->op_out = op;
	op->known_last = run->last_event;
	if (op_point(op)) engine_point(run->engine, "before_commit", op_point(op));
	op_submit(op);
}

/* Called by the store's pool when the call is over, again after each repetition. */
static void op_done(void *self)
{
	struct run_op *op = self;
	struct job_run *run = op->run;
	struct job_engine *engine = run->engine;
	run->out--;
	if (!op->ok && engine_may_retry(&op->error) && run->state != RUN_OVER && run_has_lease(run, run_now_us(run))) {
		if (error_is(&op->error, REASON_WRITE_UNCERTAIN)) op->uncertain = true;
		log_warn("task.write_retried", LOG_TASK(&run->task), LOG_CSTR("write", op_table[op->kind].name),
		         LOG_ERR(&op->error));
		op->backoff_ms = engine_next_backoff(op->backoff_ms);
		loop_timer_set(engine_loop(engine), &op->retry, op->backoff_ms);
		return; /* until the timer's op_retry */
	}
	run->op_out = NULL;
	run->ops = op->next;
	if (!run->ops) run->ops_last = NULL;
	if (op->ok) {
		if (op_writes_events(op))
			run->last_event = op->kind == OP_APPEND ? op->first + op->what.event_count - 1 : op->last;
		op_next(run);
	}
	run_on_op(run, op);
}

static void op_retry(void *self) { op_submit(self); }

void op_start(struct run_op *op, enum op_kind kind)
{
	struct job_run *run = op->run;
	op->kind = kind;
	op->uncertain = false;
	op->backoff_ms = 0;
	op->next = NULL;
	op->job = (struct pool_job){ .work = op_work, .self = op, .done = { .run = op_done, .self = op } };
	op->retry = (struct loop_timer){ .run = op_retry, .self = op };
	if (run->ops_last)
		run->ops_last->next = op;
	else
		run->ops = op;
	run->ops_last = op;
	op_next(run); /* else when those before it have come back */
}

void op_drop_waiting(struct job_run *run)
{
	run->ops = run->ops_last = run->op_out;
	if (run->op_out) run->op_out->next = NULL;
}

bool op_is_ending(const struct job_run *run)
{
	return run->op_out && (run->op_out == &run->end || run->op_out->kind == OP_COMPLETE);
}
