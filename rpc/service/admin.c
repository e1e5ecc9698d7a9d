/* AdminService: what superusers may do with the tasks of all users. Whether the caller is one is read anew for every call. */
#include <petfood/accessors.h>

#include "petfood/v1/admin.pb-c.h"
#include "rpc/job/event.h"
#include "rpc/job/order.h"
#include "rpc/service/auth.h"
#include "store/base/log.h"

static const struct task_store *tasks_of(const struct call *call) { return &services_of(call)->store->tasks; }

static bool caller_is_superuser(struct call *call, struct error *err)
{
	struct user user;
	if (!caller_load(call, &user, err)) return false;
	return user.is_superuser || error_set(err, RPC_PERMISSION_DENIED, "CALLER_NOT_ALLOWED", "for superusers only");
}

bool admin_service_list_all_tasks(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__ListAllTasksRequest *req = request;
	Petfood__V1__ListAllTasksReply *out = reply;
	if (!caller_is_superuser(call, err)) return false;
	out->page = petfood_v1_list_all_tasks_request_page_or(req, 1);
	out->page_size = petfood_v1_list_all_tasks_request_page_size_or(req, 10);
	const struct task_filter filter = {
		.user_id = str_from(petfood_v1_list_all_tasks_request_user_id_or(req, "")),
		.status = (int)req->status,
		.type = (int)req->task_type,
		.offset = (int64_t)(out->page - 1) * out->page_size,
		.limit = out->page_size,
	};
	struct task *rows = NULL;
	size_t count = 0;
	if (!tasks_of(call)->driver->list(tasks_of(call)->self, &filter, call->arena, &rows, &count, &out->total, err))
		return false;
	out->items = arena_new_array(call->arena, Petfood__V1__OwnedTask *, count);
	for (size_t i = 0; i < count; i++) {
		Petfood__V1__OwnedTask *item = arena_new(call->arena, Petfood__V1__OwnedTask);
		petfood__v1__owned_task__init(item);
		item->user_id = text_in(call, rows[i].user_id);
		item->task = arena_new(call->arena, Petfood__V1__Task);
		petfood__v1__task__init(item->task);
		task_to_message(call, &rows[i], item->task);
		if (rows[i].error_reason.len)
			petfood_v1_owned_task_set_error_reason(item, text_in(call, rows[i].error_reason));
		out->items[out->n_items++] = item;
	}
	return true;
}

/* The outcome of the write was lost: whether the task waits, or is at it again. */
static bool was_retried(struct call *call, const struct task *before, uint64_t *out_last)
{
	struct task task;
	struct error ignored;
	if (!tasks_of(call)->driver->get(tasks_of(call)->self, STR(""), before->id, call->arena, &task, &ignored))
		return false;
	*out_last = before->last_event + 1;
	return task.attempt > before->attempt;
}

bool admin_service_retry_task(struct call *call, const void *request, void *reply, struct error *err)
{
	static const struct text2 text = { "任务已由管理员重新执行", "an operator has the task done again" };
	const Petfood__V1__RetryTaskRequest *req = request;
	Petfood__V1__RetryTaskReply *out = reply;
	struct services *services = services_of(call);
	const struct task_store *tasks = tasks_of(call);
	struct task task;
	if (!caller_is_superuser(call, err)) return false;
	if (!tasks->driver->get(tasks->self, STR(""), str_from(req->id), call->arena, &task, err)) return false;
	int64_t now_us = clock_now_us(call->clock);
	const struct job_event notice = { .type = "info", .message = str_from(text2_in(text, job_lang(task.lang))) };
	struct str event = job_event_print(call->arena, &notice, -1, now_us);
	uint64_t last = 0;
	event_order_take(&services->events, task.id);
	bool ok = tasks->driver->retry(tasks->self, task.id, now_us, event, &last, err);
	if (!ok && error_is(err, REASON_WRITE_UNCERTAIN) && was_retried(call, &task, &last)) {
		error_clear(err);
		ok = true;
	}
	if (ok) services->events.publish(services->events.self, task.id, last, false, event);
	event_order_give(&services->events, task.id);
	if (!ok) return false;
	struct job_engine *engine = atomic_load(&services->engine);
	if (engine) job_engine_wake(engine);
	log_info("task.retried", LOG_TEXT("task", task.id), LOG_INT("attempt", task.attempt),
	         LOG_TEXT("request_id", call->request_id));
	out->task_id = text_in(call, task.id);
	out->status = PETFOOD__V1__TASK_STATUS__TASK_STATUS_PENDING;
	out->last_event = last;
	return true;
}
