/* PlanService/ResumePlanStream: where a reader goes on (DESIGN 4). A reader that names the last number it saw gets exactly the
 * rest; where that cannot be, one explicit `reset`, never a silent hole. */
#include <petfood/accessors.h>
#include <string.h>

#include "petfood/v1/progress.pb-c.h"
#include "rpc/job/event.h"
#include "rpc/service/common.h"

static struct str frame(struct call *call, const char *type, struct str task_id, const struct task *task)
{
	Petfood__V1__StreamFrame m;
	petfood__v1__stream_frame__init(&m);
	m.type = text_in(call, str_from(type));
	m.task_id = text_in(call, task_id);
	if (task) {
		m.status = (Petfood__V1__TaskStatus)task->status;
		/* The whole history follows `resumed`: the state of now in front of it would make progress fall. */
		if (!(task->last_event > 0 && strcmp(type, "resumed") == 0))
			petfood_v1_stream_frame_set_progress(&m, (uint32_t)task->progress);
		if (task->current_node.len)
			petfood_v1_stream_frame_set_current_node(&m, text_in(call, task->current_node));
		petfood_v1_stream_frame_set_has_history(&m, task->last_event > 0);
		petfood_v1_stream_frame_set_last_event(&m, task->last_event);
		if (task->status == TASK_COMPLETED && task->plan_id.len)
			petfood_v1_stream_frame_set_plan_id(&m, text_in(call, task->plan_id));
		m.timestamp = json_timestamp(call->arena, clock_now_us(call->clock));
	}
	return json_print_arena(call->arena, &m.base);
}

struct str frame_done(struct call *call, struct str task_id) { return frame(call, "done", task_id, NULL); }

/* How the task ended, for a reader who does not read the log. */
static bool frame_ended(struct call *call, struct task *task, struct str *out, struct error *err)
{
	const struct task_store *tasks = &services_of(call)->store->tasks;
	Petfood__V1__StreamFrame m;
	/* Only here the plan itself is wanted. */
	if (!tasks->driver->get_whole(tasks->self, caller_id(call), task->id, call->arena, task, err)) return false;
	petfood__v1__stream_frame__init(&m);
	bool completed = task->status == TASK_COMPLETED;
	m.type = text_in(call, str_from(completed ? "task_completed" : "error"));
	m.task_id = text_in(call, task->id);
	m.status = (Petfood__V1__TaskStatus)task->status;
	petfood_v1_stream_frame_set_progress(&m, (uint32_t)task->progress);
	if (completed && task->plan_id.len) petfood_v1_stream_frame_set_plan_id(&m, text_in(call, task->plan_id));
	if (completed && task->output.len) petfood_v1_stream_frame_set_result(&m, bytes_of(task->output));
	if (!completed) petfood_v1_stream_frame_set_error(&m, text_in(call, job_task_error_text(call->arena, task)));
	m.timestamp = json_timestamp(call->arena, task->completed_at_us);
	*out = json_print_arena(call->arena, &m.base);
	return true;
}

enum cursor_kind { CURSOR_NONE, CURSOR_NUMBER, CURSOR_GARBAGE };

static enum cursor_kind cursor_read(struct str text, uint64_t *out)
{
	int64_t number = 0;
	if (text.len == 0) return CURSOR_NONE;
	if (text.len > 18 || text.ptr[0] == '-' || !str_to_int64(text, &number)) return CURSOR_GARBAGE;
	*out = (uint64_t)number;
	return CURSOR_NUMBER;
}

/* Whether the log still has every event behind `after`. Only a task that has ended can have lost them. */
static bool log_has(struct call *call, const struct task *task, uint64_t after, bool *out_has, struct error *err)
{
	*out_has = true;
	if (!task_status_is_final(task->status) || after >= task->last_event) return true;
	const struct task_store *tasks = &services_of(call)->store->tasks;
	struct task_event *events = NULL;
	size_t count = 0;
	struct task_head head;
	if (!tasks->driver->events(tasks->self, caller_id(call), task->id, after, 1, 1, call->arena, &events, &count,
	                           &head, err))
		return false;
	*out_has = count == 1 && events[0].number == after + 1;
	return true;
}

static void preface(Petfood__V1__StreamOpen *out, struct call *call, struct str json)
{
	enum { PREFACE_MAX = 2 };
	if (!out->preface) out->preface = arena_new_array(call->arena, ProtobufCBinaryData, PREFACE_MAX);
	out->preface[out->n_preface++] = bytes_of(json);
}

/* Only what the task has come to, then the end. */
static bool open_ended(struct call *call, struct task *task, Petfood__V1__StreamOpen *out, struct error *err)
{
	struct str line;
	if (!frame_ended(call, task, &line, err)) return false;
	preface(out, call, line);
	out->mode = PETFOOD__V1__STREAM_MODE__STREAM_MODE_ENDED;
	return true;
}

bool plan_service_resume_plan_stream(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__ResumePlanStreamRequest *req = request;
	Petfood__V1__StreamOpen *out = reply;
	const struct task_store *tasks = &services_of(call)->store->tasks;
	struct task task;
	if (!tasks->driver->get(tasks->self, caller_id(call), str_from(req->task_id), call->arena, &task, err)) return false;

	out->task_id = text_in(call, task.id);
	out->user_id = text_in(call, caller_id(call));
	out->session_id = text_in(call, str_from(call->caller.session_id));
	out->mode = PETFOOD__V1__STREAM_MODE__STREAM_MODE_FOLLOW;
	out->n_closing = 1;
	out->closing = arena_new(call->arena, ProtobufCBinaryData);
	*out->closing = bytes_of(frame_done(call, task.id));

	uint64_t after = 0;
	bool ended = task_status_is_final(task.status), has = false;
	enum cursor_kind cursor =
	    cursor_read(str_from(petfood_v1_resume_plan_stream_request_last_event_id_or(req, "")), &after);
	if (cursor == CURSOR_NONE) {
		if (!ended) {
			preface(out, call, frame(call, "resumed", task.id, &task));
			return true;
		}
		return open_ended(call, &task, out, err);
	}
	if (cursor == CURSOR_NUMBER && after <= task.last_event) {
		if (after == task.last_event && ended) {
			out->mode = PETFOOD__V1__STREAM_MODE__STREAM_MODE_NOTHING_LEFT;
			return true;
		}
		if (!log_has(call, &task, after, &has, err)) return false;
		if (has) {
			out->after = after;
			return true;
		}
	}
	/* Garbage, a number that the task has not reached, or an expired log. */
	preface(out, call, frame(call, "reset", task.id, &task));
	if (!log_has(call, &task, 0, &has, err)) return false;
	return has || open_ended(call, &task, out, err);
}
