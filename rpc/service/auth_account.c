/* AuthService: what is stored of the caller, and the end of it. */
#include <petfood/accessors.h>

#include "rpc/json/violation.h"
#include "rpc/service/auth.h"
#include "store/base/log.h"

enum {
	PART = 50
}; /* plans with documents of up to some hundred kilobytes: a reply stays far below the largest message */

/* ---- export ---- */

static bool export_sessions(struct call *call, Petfood__V1__ExportDataReply *out, struct error *err)
{
	const struct session_store *sessions = sessions_of(call);
	struct session *rows = NULL;
	size_t count = 0;
	if (!sessions->driver->list(sessions->self, caller_id(call), true, clock_now_us(call->clock), call->arena,
	                            &rows, &count, err))
		return false;
	out->sessions = arena_new_array(call->arena, Petfood__V1__Session *, count);
	for (size_t i = 0; i < count; i++) {
		Petfood__V1__Session *item = arena_new(call->arena, Petfood__V1__Session);
		petfood__v1__session__init(item);
		session_to_message(call, &rows[i], item);
		out->sessions[out->n_sessions++] = item;
	}
	return true;
}

static bool export_pets(struct call *call, Petfood__V1__ExportDataReply *out, struct error *err)
{
	const struct pet_store *pets = &services_of(call)->store->pets;
	struct pet_record *rows[2] = { NULL, NULL };
	size_t counts[2] = { 0, 0 };
	for (int active = 0; active < 2; active++) {
		const struct pet_filter filter = { .user_id = caller_id(call),
			                           .is_active = active != 0,
			                           .limit = INT32_MAX };
		int64_t total = 0;
		if (!pets->driver->list(pets->self, &filter, call->arena, &rows[active], &counts[active], &total, err))
			return false;
	}
	out->pets = arena_new_array(call->arena, Petfood__V1__Pet *, counts[0] + counts[1]);
	for (int active = 1; active >= 0; active--) {
		for (size_t i = 0; i < counts[active]; i++) {
			Petfood__V1__Pet *item = arena_new(call->arena, Petfood__V1__Pet);
			if (!pet_from_record(call, &rows[active][i], item, err)) return false;
			out->pets[out->n_pets++] = item;
		}
	}
	return true;
}

static bool export_plans(struct call *call, int64_t offset, Petfood__V1__ExportDataReply *out, struct error *err)
{
	const struct plan_store *plans = &services_of(call)->store->plans;
	const struct plan_filter filter = { .user_id = caller_id(call), .offset = offset, .limit = PART };
	struct plan_record *rows = NULL;
	size_t count = 0;
	int64_t total = 0;
	if (!plans->driver->list(plans->self, &filter, call->arena, &rows, &count, &total, err)) return false;
	out->plans = arena_new_array(call->arena, Petfood__V1__Plan *, count);
	for (size_t i = 0; i < count; i++) {
		Petfood__V1__Plan *item = arena_new(call->arena, Petfood__V1__Plan);
		petfood__v1__plan__init(item);
		if (!plan_load(call, rows[i].id, item, err)) {
			if (!error_is(err, "PLAN_NOT_FOUND")) return false;
			error_clear(err); /* deleted since it was listed */
			continue;
		}
		out->plans[out->n_plans++] = item;
	}
	out->more = out->more || offset + PART < total;
	return true;
}

static bool export_tasks(struct call *call, int64_t offset, Petfood__V1__ExportDataReply *out, struct error *err)
{
	const struct task_store *tasks = &services_of(call)->store->tasks;
	const struct task_filter filter = { .user_id = caller_id(call), .offset = offset, .limit = PART };
	struct task *rows = NULL;
	size_t count = 0;
	int64_t total = 0;
	if (!tasks->driver->list(tasks->self, &filter, call->arena, &rows, &count, &total, err)) return false;
	out->tasks = arena_new_array(call->arena, Petfood__V1__Task *, count);
	for (size_t i = 0; i < count; i++) {
		Petfood__V1__Task *item = arena_new(call->arena, Petfood__V1__Task);
		petfood__v1__task__init(item);
		task_to_message(call, &rows[i], item);
		out->tasks[out->n_tasks++] = item;
	}
	out->more = out->more || offset + PART < total;
	return true;
}

bool auth_service_export_data(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__ExportDataRequest *req = request;
	Petfood__V1__ExportDataReply *out = reply;
	struct user user;
	if (!caller_load(call, &user, err)) return false;
	out->page = petfood_v1_export_data_request_page_or(req, 1);
	int64_t offset = (int64_t)(out->page - 1) * PART;
	out->user = arena_new(call->arena, Petfood__V1__User);
	petfood__v1__user__init(out->user);
	user_to_message(call, &user, out->user);
	if (out->page == 1 && (!export_sessions(call, out, err) || !export_pets(call, out, err))) return false;
	return export_plans(call, offset, out, err) && export_tasks(call, offset, out, err);
}

/* ---- deletion ---- */

/* In the store, for those who read them, and where they run. What is begun after this look, the deletion names. */
static bool end_tasks(struct call *call, struct error *err)
{
	static const enum task_status open[] = { TASK_PENDING, TASK_RUNNING };
	const struct task_store *tasks = &services_of(call)->store->tasks;
	for (size_t s = 0; s < COUNT(open); s++) {
		const struct task_filter filter = { .user_id = caller_id(call), .status = open[s], .limit = INT32_MAX };
		struct task *rows = NULL;
		size_t count = 0;
		int64_t total = 0;
		if (!tasks->driver->list(tasks->self, &filter, call->arena, &rows, &count, &total, err)) return false;
		for (size_t i = 0; i < count; i++) {
			struct keyed keyed = { 0 };
			if (task_end(call, rows[i].id, rows[i].lang, &keyed, err)) continue;
			/* Ended or deleted by somebody else since it was listed. */
			if (!error_is(err, "TASK_FINISHED") && !error_is(err, "TASK_NOT_FOUND")) return false;
			error_clear(err);
		}
	}
	return true;
}

static bool is_gone(struct call *call)
{
	const struct user_store *users = users_of(call);
	struct user user;
	struct error why;
	error_clear(&why);
	return !users->driver->get(users->self, caller_id(call), call->arena, &user, &why) &&
	       error_is(&why, "USER_NOT_FOUND");
}

bool auth_service_delete_account(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__DeleteAccountRequest *req = request;
	const struct user_store *users = users_of(call);
	Petfood__V1__Done *out = reply;
	struct str hash, *open = NULL;
	size_t open_count = 0;
	if (!petfood_v1_delete_account_request_has_password(req))
		return violation_add(err, call->lang, "password", VIOLATION_MISSING, "");
	struct str password = str_from(petfood_v1_delete_account_request_password_or(req, ""));
	if (!caller_prove(call, password, "PASSWORD_WRONG", &hash, err)) return false;
	if (!end_tasks(call, err)) return false;
	if (!users->driver->remove(users->self, caller_id(call), clock_now_us(call->clock), call->arena, &open,
	                           &open_count, err)) {
		if (!error_is(err, REASON_WRITE_UNCERTAIN) || !is_gone(call)) return false;
		error_clear(err);
	}
	struct job_engine *engine = atomic_load(&services_of(call)->engine);
	for (size_t i = 0; engine && i < open_count; i++) job_engine_cancel(engine, open[i]);
	revocation_refresh(accounts_of(call)->revocation);
	log_info("user.deleted", LOG_TEXT("request_id", call->request_id));
	out->message = done_text(call);
	return true;
}
