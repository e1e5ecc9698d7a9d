/* PlanService: plans of the caller that are made already. A plan of another user does not exist. */
#include <petfood/accessors.h>

#include "rpc/service/common.h"

static const struct plan_store *plans_of(const struct call *call) { return &services_of(call)->store->plans; }

static void plan_to_summary(struct call *call, const struct plan_record *plan, Petfood__V1__PlanSummary *out)
{
	out->id = text_in(call, plan->id);
	if (plan->task_id.len) petfood_v1_plan_summary_set_task_id(out, text_in(call, plan->task_id));
	if (plan->pet_id.len) petfood_v1_plan_summary_set_pet_id(out, text_in(call, plan->pet_id));
	out->pet_type = (Petfood__V1__PetType)plan->pet_type;
	if (plan->pet_breed.ptr) petfood_v1_plan_summary_set_pet_breed(out, text_in(call, plan->pet_breed));
	out->pet_age = plan->pet_age;
	out->pet_weight = plan->pet_weight;
	if (plan->health_status.ptr) petfood_v1_plan_summary_set_health_status(out, text_in(call, plan->health_status));
	out->is_active = plan->is_active;
	out->applied_at = json_timestamp(call->arena, plan->applied_at_us);
	out->created_at = json_timestamp(call->arena, plan->created_at_us);
	out->updated_at = json_timestamp(call->arena, plan->updated_at_us);
}

bool plan_service_list_plans(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__ListPlansRequest *req = request;
	Petfood__V1__ListPlansReply *out = reply;
	out->page = petfood_v1_list_plans_request_page_or(req, 1);
	out->page_size = petfood_v1_list_plans_request_page_size_or(req, 10);
	struct plan_filter filter = {
		.user_id = caller_id(call),
		.pet_type = (int)req->pet_type,
		.offset = (int64_t)(out->page - 1) * out->page_size,
		.limit = out->page_size,
	};
	struct plan_record *rows = NULL;
	size_t count = 0;
	if (!plans_of(call)->driver->list(plans_of(call)->self, &filter, call->arena, &rows, &count, &out->total, err))
		return false;
	Petfood__V1__PlanSummary *items = arena_new_array(call->arena, Petfood__V1__PlanSummary, count);
	out->items = arena_new_array(call->arena, Petfood__V1__PlanSummary *, count);
	out->n_items = count;
	for (size_t i = 0; i < count; i++) {
		petfood__v1__plan_summary__init(&items[i]);
		plan_to_summary(call, &rows[i], &items[i]);
		out->items[i] = &items[i];
	}
	return true;
}

bool plan_load(struct call *call, struct str id, Petfood__V1__Plan *out, struct error *err)
{
	struct plan_record plan;
	if (!plans_of(call)->driver->get(plans_of(call)->self, caller_id(call), id, clock_now_us(call->clock), call->arena,
	                                 &plan, err))
		return false;
	out->id = text_in(call, plan.id);
	if (plan.task_id.len) petfood_v1_plan_set_task_id(out, text_in(call, plan.task_id));
	out->user_id = text_in(call, plan.user_id);
	if (plan.pet_id.len) petfood_v1_plan_set_pet_id(out, text_in(call, plan.pet_id));
	out->pet_type = (Petfood__V1__PetType)plan.pet_type;
	if (plan.pet_breed.ptr) petfood_v1_plan_set_pet_breed(out, text_in(call, plan.pet_breed));
	out->pet_age = plan.pet_age;
	out->pet_weight = plan.pet_weight;
	if (plan.health_status.ptr) petfood_v1_plan_set_health_status(out, text_in(call, plan.health_status));
	out->plan_data = bytes_of(plan.plan_data);
	out->is_active = plan.is_active;
	out->applied_at = json_timestamp(call->arena, plan.applied_at_us);
	out->created_at = json_timestamp(call->arena, plan.created_at_us);
	out->updated_at = json_timestamp(call->arena, plan.updated_at_us);
	out->confirmed = plan.confirmed;
	return true;
}

bool plan_service_get_plan(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__GetPlanRequest *req = request;
	return plan_load(call, str_from(req->id), reply, err);
}

bool plan_service_confirm_plan(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__ConfirmPlanRequest *req = request;
	Petfood__V1__ConfirmPlanReply *out = reply;
	struct keyed keyed;
	out->plan_id = text_in(call, str_from(req->id));
	if (!keyed_begin(call, &out->base, &keyed, err)) return false;
	if (!plans_of(call)->driver->confirm(plans_of(call)->self, caller_id(call), str_from(req->id),
	                                     clock_now_us(call->clock), keyed.idem, call->arena, &keyed.replayed,
	                                     &keyed.reply, err))
		return false;
	return keyed_end(call, &keyed, &out->base, err);
}

bool plan_service_delete_plan(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__DeletePlanRequest *req = request;
	Petfood__V1__DeletePlanReply *out = reply;
	struct keyed keyed;
	out->plan_id = text_in(call, str_from(req->id));
	if (!keyed_begin(call, &out->base, &keyed, err)) return false;
	if (!plans_of(call)->driver->remove(plans_of(call)->self, caller_id(call), str_from(req->id),
	                                    clock_now_us(call->clock), keyed.idem, call->arena, &keyed.replayed,
	                                    &keyed.reply, err))
		return false;
	return keyed_end(call, &keyed, &out->base, err);
}
