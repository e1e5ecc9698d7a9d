/* PlanService/CreatePlan and CreatePlanStream: the task, its first event and the idempotency key in one transaction. */
#include <petfood/accessors.h>
#include <stdio.h>

#include "rpc/domain/planning/assess.h"
#include "rpc/job/event.h"
#include "rpc/job/order.h"
#include "rpc/job/plan_input.h"
#include "rpc/service/common.h"
#include "rpc/wire/unpack.h"
#include "store/base/uuid.h"

static bool is_bench(const Petfood__V1__CreatePlanRequest *req)
{
	return petfood_v1_create_plan_request_has_events(req) || petfood_v1_create_plan_request_has_interval_ms(req);
}

static bool bench_is_allowed(struct call *call, const Petfood__V1__CreatePlanRequest *req, struct error *err)
{
	const char *field = petfood_v1_create_plan_request_has_events(req) ? "events" : "interval_ms";
	if (!services_of(call)->bench_enabled) {
		error_set(err, RPC_INVALID_ARGUMENT, "BENCH_DISABLED", "bench tasks are not enabled");
		struct violation *v = &err->violations[err->violation_count++];
		(void)snprintf(v->field, sizeof v->field, "%s", field);
		(void)snprintf(v->type, sizeof v->type, "%s", "bench_disabled");
		(void)snprintf(v->message, sizeof v->message, "%s", "bench tasks are not enabled here");
		return false;
	}
	return petfood_v1_create_plan_request_has_events(req) ||
	       error_violation(err, "events", "missing", "a bench task needs the number of events");
}

/* A pet that cannot exist is told at once, with the field. Any other reason against a plan is the task's outcome: it belongs into the
 * history of the owner, and stream clients show the `error` event but not the body of a refused request. */
static bool pet_can_exist(struct call *call, const Petfood__V1__CreatePlanRequest *req, struct error *err)
{
	struct pet *pet = arena_new(call->arena, struct pet);
	struct assessment *ignored = arena_new(call->arena, struct assessment);
	plan_pet_from_request(req, call->lang, STR(""), pet);
	if (assess_pet(call->arena, pet, ignored, err) || !error_is(err, "VALIDATION_FAILED")) {
		error_clear(err);
		return true;
	}
	return false;
}

/* What the plan is made for: the request, with the stored pet that it names as it is now. The task keeps this, so that every attempt
 * plans for the same pet, whatever is changed of it meanwhile. */
static bool request_resolve(struct call *call, const Petfood__V1__CreatePlanRequest *req,
                            Petfood__V1__CreatePlanRequest *out, struct error *err)
{
	Petfood__V1__Pet pet;
	struct str pet_id = str_from(petfood_v1_create_plan_request_pet_id_or(req, ""));
	*out = *req;
	if (pet_id.len &&
	    (!pet_read(call, pet_id, &pet, err) || !plan_request_use_pet(call->arena, &pet, call->lang, out, err)))
		return false;
	return is_bench(out) ? bench_is_allowed(call, out, err) : pet_can_exist(call, out, err);
}

static bool was_created(struct call *call, struct str id)
{
	const struct task_store *tasks = &services_of(call)->store->tasks;
	struct task task;
	struct error ignored;
	return tasks->driver->get(tasks->self, caller_id(call), id, call->arena, &task, &ignored);
}

/* reply: filled in already, so that it can be stored with the key; replaced by the stored one if the call is a repetition. */
static bool create(struct call *call, const Petfood__V1__CreatePlanRequest *request, bool keeps_plan,
                   struct str task_id, ProtobufCMessage *reply, struct error *err)
{
	Petfood__V1__CreatePlanRequest resolved, *req = &resolved;
	struct services *services = services_of(call);
	const struct task_store *tasks = &services->store->tasks;
	if (!request_resolve(call, request, req, err)) return keyed_recall(call, reply, err);

	int64_t now_us = clock_now_us(call->clock);
	char plan_id[UUID_TEXT_BYTES];
	uuid_make(plan_id);
	struct task task = {
		.id = task_id,
		.user_id = caller_id(call),
		.type = is_bench(req) ? TASK_TYPE_BENCH : TASK_TYPE_DIET_PLAN,
		.status = TASK_PENDING,
		.lang = call->lang == LANG_EN ? STR("en") : STR("zh"),
		.keeps_plan = keeps_plan,
		.request_id = call->request_id,
		.plan_id = is_bench(req) ? STR("") : str_from(plan_id),
		.created_at_us = now_us,
		.updated_at_us = now_us,
	};
	if (!message_pack(call->arena, &req->base, &task.input, err)) return false;
	struct job_event created = { .type = "task_created", .task_id = task_id };
	struct str event = job_event_print(call->arena, &created, 0, now_us);

	struct keyed keyed;
	if (!keyed_begin(call, reply, &keyed, err)) return false;
	event_order_take(&services->events, task_id);
	bool ok = tasks->driver->create(tasks->self, &task, event, &services->task_limits, keyed.idem, call->arena,
	                                &keyed.replayed, &keyed.reply, err);
	if (!ok && error_is(err, REASON_WRITE_UNCERTAIN) && was_created(call, task_id)) {
		error_clear(err);
		ok = true;
	}
	if (ok && !keyed.replayed) services->events.publish(services->events.self, task_id, 1, false, event);
	event_order_give(&services->events, task_id);
	if (!ok) return false;
	struct job_engine *engine = atomic_load(&services->engine);
	if (engine && !keyed.replayed) job_engine_wake(engine);
	return keyed_end(call, &keyed, reply, err);
}

static struct str new_task_id(struct call *call)
{
	char id[UUID_TEXT_BYTES];
	uuid_make(id);
	return str_dup(call->arena, str_from(id));
}

bool plan_service_create_plan(struct call *call, const void *request, void *reply, struct error *err)
{
	static const struct text2 message = { "任务创建成功，请使用任务 ID 查询进度",
		                              "task created; ask for its progress by the task id" };
	Petfood__V1__CreatePlanReply *out = reply;
	struct str task_id = new_task_id(call);
	out->task_id = text_in(call, task_id);
	out->status = PETFOOD__V1__TASK_STATUS__TASK_STATUS_PENDING;
	out->message = text_in(call, str_from(text2_in(message, call->lang)));
	return create(call, request, true, task_id, &out->base, err);
}

/* An idempotent create and a watch: a repetition finds the stored opening of the first one and reads the same log from 1. */
bool plan_service_create_plan_stream(struct call *call, const void *request, void *reply, struct error *err)
{
	Petfood__V1__StreamOpen *out = reply;
	struct str task_id = new_task_id(call);
	out->task_id = text_in(call, task_id);
	out->mode = PETFOOD__V1__STREAM_MODE__STREAM_MODE_FOLLOW;
	out->n_closing = 1;
	out->closing = arena_new(call->arena, ProtobufCBinaryData);
	*out->closing = bytes_of(frame_done(call, task_id));
	out->user_id = text_in(call, caller_id(call));
	if (!create(call, request, false, task_id, &out->base, err)) return false;
	/* Of this call, also where the rest is the reply of the first one. */
	out->session_id = text_in(call, str_from(call->caller.session_id));
	return true;
}
