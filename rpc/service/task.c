/* TaskService: tasks of the caller and their logs. A task of another user does not exist. */
#include <petfood/accessors.h>

#include "rpc/job/event.h"
#include "rpc/job/order.h"
#include "rpc/service/common.h"

enum { EVENTS_BYTES_MAX = 1024 * 1024 }; /* of one reply; a larger event comes alone */

static const struct task_store *tasks_of(const struct call *call) { return &services_of(call)->store->tasks; }

void task_to_message(struct call *call, const struct task *task, Petfood__V1__Task *out)
{
	out->id = text_in(call, task->id);
	out->task_type = (Petfood__V1__TaskType)task->type;
	out->status = (Petfood__V1__TaskStatus)task->status;
	out->progress = (uint32_t)task->progress;
	if (task->current_node.len) petfood_v1_task_set_current_node(out, text_in(call, task->current_node));
	out->created_at = json_timestamp(call->arena, task->created_at_us);
	out->started_at = json_timestamp(call->arena, task->started_at_us);
	out->completed_at = json_timestamp(call->arena, task->completed_at_us);
	if (task->status == TASK_FAILED || task->status == TASK_CANCELLED)
		petfood_v1_task_set_error_message(out, text_in(call, job_task_error_text(call->arena, task)));
	out->attempt = task->attempt;
	out->last_event = task->last_event;
}

bool task_service_list_tasks(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__ListTasksRequest *req = request;
	Petfood__V1__ListTasksReply *out = reply;
	out->page = petfood_v1_list_tasks_request_page_or(req, 1);
	out->page_size = petfood_v1_list_tasks_request_page_size_or(req, 10);
	struct task_filter filter = {
		.user_id = caller_id(call),
		.status = (int)req->status,
		.type = (int)req->task_type,
		.offset = (int64_t)(out->page - 1) * out->page_size,
		.limit = out->page_size,
	};
	struct task *rows = NULL;
	size_t count = 0;
	if (!tasks_of(call)->driver->list(tasks_of(call)->self, &filter, call->arena, &rows, &count, &out->total, err))
		return false;
	Petfood__V1__Task *items = arena_new_array(call->arena, Petfood__V1__Task, count);
	out->items = arena_new_array(call->arena, Petfood__V1__Task *, count);
	out->n_items = count;
	for (size_t i = 0; i < count; i++) {
		petfood__v1__task__init(&items[i]);
		task_to_message(call, &rows[i], &items[i]);
		out->items[i] = &items[i];
	}
	return true;
}

bool task_service_get_task(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__GetTaskRequest *req = request;
	struct task task;
	if (!tasks_of(call)->driver->get(tasks_of(call)->self, caller_id(call), str_from(req->id), call->arena, &task,
	                                 err))
		return false;
	task_to_message(call, &task, reply);
	return true;
}

bool task_service_get_task_result(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__GetTaskResultRequest *req = request;
	Petfood__V1__GetTaskResultReply *out = reply;
	struct task task;
	if (!tasks_of(call)->driver->get_whole(tasks_of(call)->self, caller_id(call), str_from(req->id), call->arena,
	                                       &task, err))
		return false;
	if (task.status != TASK_COMPLETED) {
		error_set(err, RPC_FAILED_PRECONDITION, "TASK_UNFINISHED", "the task is %s",
		          task_status_name(task.status));
		return error_param(err, "status", "%s", task_status_name(task.status));
	}
	if (task.output.len == 0)
		return error_set(err, RPC_NOT_FOUND, "RESULT_EXPIRED", "the draft of the task's plan has expired");
	out->task_id = text_in(call, task.id);
	out->output = bytes_of(task.output);
	return true;
}

/* The store said which state the task is in; people read it as a word. */
static bool add_status_text(struct error *err)
{
	static const struct {
		const char *status, *text;
	} words[] = { { "completed", "已完成" }, { "failed", "已失败" }, { "cancelled", "已取消" } };
	for (size_t p = 0; p < err->param_count; p++) {
		if (!str_equal(str_from(err->params[p].name), STR("status"))) continue;
		for (size_t i = 0; i < COUNT(words); i++)
			if (str_equal(str_from(err->params[p].value), str_from(words[i].status)))
				return error_param(err, "status_text", "%s", words[i].text);
	}
	return false;
}

/* The outcome of the first try was lost: the task tells whether it was carried out. */
static bool was_cancelled(struct call *call, struct str id, uint64_t *out_last)
{
	struct task task;
	struct error ignored;
	if (!tasks_of(call)->driver->get(tasks_of(call)->self, caller_id(call), id, call->arena, &task, &ignored))
		return false;
	*out_last = task.last_event;
	return task.status == TASK_CANCELLED;
}

bool task_end(struct call *call, struct str id, struct str lang, struct keyed *keyed, struct error *err)
{
	struct services *services = services_of(call);
	const struct task_store *tasks = tasks_of(call);
	int64_t now_us = clock_now_us(call->clock);
	struct error why;
	error_set(&why, RPC_CANCELLED, "TASK_CANCELLED", "cancelled by its owner");
	struct str text = job_error_text(call->arena, job_lang(lang), &why);
	struct str event = job_event_print_error(call->arena, id, text, now_us);
	uint64_t last = 0;
	event_order_take(&services->events, id);
	bool ok = tasks->driver->cancel(tasks->self, caller_id(call), id, now_us, event, text, keyed->idem, call->arena,
	                                &keyed->replayed, &keyed->reply, &last, err);
	if (!ok && error_is(err, REASON_WRITE_UNCERTAIN) && was_cancelled(call, id, &last)) {
		error_clear(err);
		event = STR(""); /* another call may have been the one that ended it, in its own words */
		ok = true;
	}
	if (ok && !keyed->replayed) {
		/* The run ends first, so that nothing of it is computed for a task that is known to be over. */
		struct job_engine *engine = atomic_load(&services->engine);
		if (engine) job_engine_cancel(engine, id);
		services->events.publish(services->events.self, id, last, true, event);
	}
	event_order_give(&services->events, id);
	return ok;
}

bool task_service_cancel_task(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__CancelTaskRequest *req = request;
	Petfood__V1__CancelTaskReply *out = reply;
	const struct task_store *tasks = tasks_of(call);
	struct str id = str_from(req->id);
	struct task task = { 0 };
	/* A repetition is answered also when the task is gone since. */
	bool known = tasks->driver->get(tasks->self, caller_id(call), id, call->arena, &task, err);
	if (!known && !(call->idempotency_key.len && error_is(err, "TASK_NOT_FOUND"))) return false;
	out->task_id = text_in(call, id);
	out->status = PETFOOD__V1__TASK_STATUS__TASK_STATUS_CANCELLED;
	struct keyed keyed;
	if (!keyed_begin(call, &out->base, &keyed, err)) return false;

	if (!task_end(call, id, task.lang, &keyed, err)) return error_is(err, "TASK_FINISHED") ? add_status_text(err) : false;
	return keyed_end(call, &keyed, &out->base, err);
}

/* ---- the log ---- */

static bool read_events(struct call *call, struct str id, uint64_t after, uint32_t limit,
                        Petfood__V1__ListEventsReply *out, struct error *err)
{
	struct task_event *rows = NULL;
	size_t count = 0;
	struct task_head head = { 0 };
	if (!tasks_of(call)->driver->events(tasks_of(call)->self, caller_id(call), id, after, limit, EVENTS_BYTES_MAX,
	                                    call->arena, &rows, &count, &head, err))
		return false;
	/* An empty page would mean that nothing follows. */
	if (head.last > after && (count == 0 || rows[0].number != after + 1))
		return error_set(err, RPC_OUT_OF_RANGE, "LOG_EXPIRED", "events from %llu on are gone",
		                 (unsigned long long)after + 1);
	Petfood__V1__TaskEvent *items = arena_new_array(call->arena, Petfood__V1__TaskEvent, count);
	out->events = arena_new_array(call->arena, Petfood__V1__TaskEvent *, count);
	out->n_events = count;
	for (size_t i = 0; i < count; i++) {
		petfood__v1__task_event__init(&items[i]);
		items[i].number = rows[i].number;
		items[i].data = bytes_of(rows[i].data);
		items[i].terminal = rows[i].terminal;
		out->events[i] = &items[i];
	}
	out->last = head.last;
	/* Nothing will ever follow what is given here: also for a reader who has it all. */
	out->terminal = head.terminal && (count == 0 || rows[count - 1].number == head.last);
	return true;
}

bool task_service_list_events(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__ListEventsRequest *req = request;
	return read_events(call, str_from(req->id), req->after, petfood_v1_list_events_request_limit_or(req, 100),
	                   reply, err);
}

bool task_service_watch_events(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__WatchEventsRequest *req = request;
	Petfood__V1__ListEventsReply *out = reply;
	call_watch(call,
	           str_printf(call->arena, "task/%s", req->id)); /* before looking: what comes in between wakes us */
	if (!read_events(call, str_from(req->id), req->after, petfood_v1_watch_events_request_limit_or(req, 100), out,
	                 err))
		return false;
	if (out->n_events || out->terminal || call->last_try || req->wait_ms == 0) return true;
	return call_wait(call, req->wait_ms, err);
}

bool task_service_read_heads(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__ReadHeadsRequest *req = request;
	Petfood__V1__ReadHeadsReply *out = reply;
	struct str owner = call->caller.kind == PRINCIPAL_USER ? caller_id(call) : STR("");
	struct str *ids = arena_new_array(call->arena, struct str, req->n_ids);
	for (size_t i = 0; i < req->n_ids; i++) ids[i] = str_from(req->ids[i]);
	struct task_head *rows = NULL;
	size_t count = 0;
	if (!tasks_of(call)->driver->heads(tasks_of(call)->self, owner, ids, req->n_ids, call->arena, &rows, &count,
	                                   err))
		return false;
	Petfood__V1__TaskHead *items = arena_new_array(call->arena, Petfood__V1__TaskHead, count);
	out->heads = arena_new_array(call->arena, Petfood__V1__TaskHead *, count);
	out->n_heads = count;
	for (size_t i = 0; i < count; i++) {
		petfood__v1__task_head__init(&items[i]);
		items[i].id = text_in(call, rows[i].id);
		items[i].last = rows[i].last;
		items[i].terminal = rows[i].terminal;
		out->heads[i] = &items[i];
	}
	return true;
}
