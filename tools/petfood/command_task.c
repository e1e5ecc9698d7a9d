/* petfood token, plan, watch, tasks, cancel: what people do with tasks. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "petfood/accessors.h"
#include "petfood/v1/plan.pb-c.h"
#include "petfood/v1/task.pb-c.h"
#include "rpc/json/json.h"
#include "tools/petfood/cli.h"

enum { PET_BYTES_MAX = 64 * 1024 };

/* ---- following a task ---- */

struct followed {
	uint64_t number;
	bool terminal;
	char *data;
	size_t len;
};

/* The hub's thread puts events in, the main thread takes them out; what is not taken waits in the log. */
struct follow {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct followed slot;
	bool full, closed, failed;
	struct error err;
};

static enum event_taken follow_event(void *self, uint64_t number, struct str data, bool terminal)
{
	struct follow *f = self;
	enum event_taken taken = EVENT_FULL;
	pthread_mutex_lock(&f->lock);
	if (!f->full) {
		f->slot = (struct followed){ number, terminal, malloc(data.len + 1), data.len };
		if (!f->slot.data) die("out of memory");
		memcpy(f->slot.data, data.ptr, data.len);
		f->slot.data[data.len] = '\0';
		f->full = true;
		taken = EVENT_TAKEN;
		pthread_cond_signal(&f->changed);
	}
	pthread_mutex_unlock(&f->lock);
	return taken;
}

static void follow_error(void *self, const struct error *err)
{
	struct follow *f = self;
	pthread_mutex_lock(&f->lock);
	f->failed = true;
	f->err = *err;
	pthread_cond_signal(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static void follow_closed(void *self)
{
	struct follow *f = self;
	pthread_mutex_lock(&f->lock);
	f->closed = true;
	pthread_cond_signal(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

/* Shows all events of the task, up to the terminal one. */
static bool follow_task(struct cli *cli, const char *task_id, FILE *out, bool json, struct error *err)
{
	struct follow f = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	struct event_hub *hub = NULL;
	struct event_reader *reader = NULL;
	struct progress_view view;
	bool ok = false, ended = false;
	progress_view_init(&view, out, json);
	const struct event_hub_options options = { .endpoints = cli->setup.events_endpoints.items,
		                                   .endpoint_count = cli->setup.events_endpoints.count,
		                                   .client = cli->client,
		                                   .service_authorization = cli->authorization };
	const struct rpc_metadata metadata = { .authorization = cli->authorization };
	const struct event_sink sink = { follow_event, follow_error, follow_closed, &f };
	if (!event_hub_create(&options, &hub, err)) return false;
	if (!event_reader_open(hub, str_from(task_id), 0, &metadata, &sink, &reader, err)) goto out;
	while (!ended) {
		pthread_mutex_lock(&f.lock);
		while (!f.full && !f.failed) pthread_cond_wait(&f.changed, &f.lock);
		struct followed event = f.slot;
		bool got = f.full;
		f.full = false;
		if (!got) *err = f.err;
		pthread_mutex_unlock(&f.lock);
		if (!got) break;
		event_reader_ready(reader);
		struct arena_mark mark = arena_mark(cli->arena);
		(void)progress_view_event(&view, cli->arena, event.number, (struct str){ event.data, event.len });
		free(event.data);
		ended = ok = event.terminal;
		arena_rewind(cli->arena, mark);
	}
	progress_view_end(&view);
	event_reader_close(&reader);
	pthread_mutex_lock(&f.lock);
	while (!f.closed) pthread_cond_wait(&f.changed, &f.lock);
	if (f.full) free(f.slot.data);
	pthread_mutex_unlock(&f.lock);
out:
	event_hub_destroy(&hub);
	return ok;
}

static bool get_task(struct cli *cli, const char *id, Petfood__V1__Task **out, struct error *err)
{
	Petfood__V1__GetTaskRequest request = PETFOOD__V1__GET_TASK_REQUEST__INIT;
	request.id = (char *)id;
	return cli_call(cli, "petfood.v1.TaskService/GetTask", &request.base, (ProtobufCMessage **)out, err);
}

/* Exit code by how the task ended, with its error for a person. */
static enum cli_exit exit_of_task(struct cli *cli, const char *id)
{
	struct error err;
	Petfood__V1__Task *task;
	error_clear(&err);
	if (!get_task(cli, id, &task, &err)) return cli_fail(cli, &err);
	if (task->status == PETFOOD__V1__TASK_STATUS__TASK_STATUS_COMPLETED) return CLI_OK;
	(void)fprintf(stderr, "petfood: %s\n", petfood_v1_task_error_message_or(task, (char *)"the task did not complete"));
	return CLI_REFUSED;
}

enum cli_exit command_watch(struct cli *cli)
{
	struct error err;
	Petfood__V1__Task *task;
	error_clear(&err);
	if (!cli->days) cli->days = 1; /* a token that outlives the watch */
	if (!cli_connect(cli, &err) || !cli_authorize(cli, &err) || !get_task(cli, cli->argv[0], &task, &err) ||
	    !follow_task(cli, cli->argv[0], stdout, cli->json, &err))
		return cli_fail(cli, &err);
	return exit_of_task(cli, cli->argv[0]);
}

/* ---- the other commands ---- */

enum cli_exit command_token(struct cli *cli)
{
	struct error err;
	struct str token, user_id;
	error_clear(&err);
	if (!cli_token(cli, &token, &user_id, &err)) return cli_fail(cli, &err);
	if (cli->json) (void)printf("{\"access_token\":\"" STR_FMT "\",\"token_type\":\"bearer\",\"user_id\":\"" STR_FMT "\"}\n", STR_ARG(token), STR_ARG(user_id));
	else (void)printf(STR_FMT "\n", STR_ARG(token));
	return CLI_OK;
}

/* The plan that a finished task made, found among the user's newest ones. */
static bool get_plan(struct cli *cli, const char *task_id, Petfood__V1__Plan **out, struct error *err)
{
	Petfood__V1__ListPlansRequest list = PETFOOD__V1__LIST_PLANS_REQUEST__INIT;
	Petfood__V1__ListPlansReply *page;
	Petfood__V1__GetPlanRequest get = PETFOOD__V1__GET_PLAN_REQUEST__INIT;
	petfood_v1_list_plans_request_set_page_size(&list, 100);
	if (!cli_call(cli, "petfood.v1.PlanService/ListPlans", &list.base, (ProtobufCMessage **)&page, err)) return false;
	for (size_t i = 0; i < page->n_items; i++) {
		if (strcmp(petfood_v1_plan_summary_task_id_or(page->items[i], (char *)""), task_id) != 0) continue;
		get.id = page->items[i]->id;
		return cli_call(cli, "petfood.v1.PlanService/GetPlan", &get.base, (ProtobufCMessage **)out, err);
	}
	return error_set(err, RPC_NOT_FOUND, "PLAN_NOT_FOUND", "the plan of task %s is not among your 100 newest", task_id);
}

enum cli_exit command_plan(struct cli *cli)
{
	struct error err;
	struct str json;
	Petfood__V1__CreatePlanRequest request = PETFOOD__V1__CREATE_PLAN_REQUEST__INIT;
	Petfood__V1__CreatePlanReply *created;
	Petfood__V1__Plan *plan;
	const struct json_parse_options options = { .refuse_unknown = !cli->keep_unknown, .lang = cli->lang };
	error_clear(&err);
	if (!cli->days) cli->days = 1;
	if (!cli_read_file(cli->arena, cli->argv[0], PET_BYTES_MAX, &json, &err) ||
	    !json_to_message(cli->arena, json, message_by_name(STR("petfood.v1.CreatePlanRequest")), &options, &request.base, &err) ||
	    !cli_call(cli, "petfood.v1.PlanService/CreatePlan", &request.base, (ProtobufCMessage **)&created, &err))
		return cli_fail(cli, &err);
	/* --json means the plan on stdout; the events on the way are for whoever looks on. */
	FILE *progress = cli->json ? stderr : stdout;
	(void)fprintf(progress, "task %s\n", created->task_id);
	if (!follow_task(cli, created->task_id, progress, false, &err)) return cli_fail(cli, &err);
	enum cli_exit code = exit_of_task(cli, created->task_id);
	if (code != CLI_OK) return code;
	if (!get_plan(cli, created->task_id, &plan, &err)) return cli_fail(cli, &err);
	struct str data = { (const char *)plan->plan_data.data, plan->plan_data.len };
	if (cli->json) {
		(void)printf(STR_FMT "\n", STR_ARG(data));
		if (plan_view_is_safe(cli->arena, data)) return CLI_OK;
		(void)fprintf(stderr, "petfood: the plan did not pass the independent check: petfood verify tells more\n");
		return CLI_UNSAFE;
	}
	if (!plan_view_print(cli->arena, data, &err)) return cli_fail(cli, &err);
	(void)printf("plan %s\n", plan->id);
	return plan_view_check(cli, data);
}

enum cli_exit command_tasks(struct cli *cli)
{
	struct error err;
	Petfood__V1__ListTasksRequest request = PETFOOD__V1__LIST_TASKS_REQUEST__INIT;
	ProtobufCMessage *message;
	error_clear(&err);
	petfood_v1_list_tasks_request_set_page_size(&request, 20);
	if (!cli_call(cli, "petfood.v1.TaskService/ListTasks", &request.base, &message, &err)) return cli_fail(cli, &err);
	if (cli->json) {
		cli_print_json(cli, json_print_arena(cli->arena, message));
		return CLI_OK;
	}
	static const char *const words[] = { "", "pending", "running", "completed", "failed", "cancelled" };
	const Petfood__V1__ListTasksReply *reply = (const void *)message;
	for (size_t i = 0; i < reply->n_items; i++) {
		const Petfood__V1__Task *t = reply->items[i];
		char at[TIME_TEXT_BYTES];
		time_format(t->created_at ? t->created_at->seconds * 1000000 + t->created_at->nanos / 1000 : 0, at);
		(void)printf("%s  %.19sZ  %-9s %3u %%  %s\n", t->id, at, (size_t)t->status < COUNT(words) ? words[t->status] : "?", t->progress,
		             petfood_v1_task_error_message_or(t, petfood_v1_task_current_node_or(t, (char *)"")));
	}
	(void)printf("%lld in all\n", (long long)reply->total);
	return CLI_OK;
}

enum cli_exit command_cancel(struct cli *cli)
{
	struct error err;
	Petfood__V1__CancelTaskRequest request = PETFOOD__V1__CANCEL_TASK_REQUEST__INIT;
	ProtobufCMessage *message;
	error_clear(&err);
	request.id = (char *)cli->argv[0];
	if (!cli_call(cli, "petfood.v1.TaskService/CancelTask", &request.base, &message, &err)) return cli_fail(cli, &err);
	if (cli->json) cli_print_json(cli, json_print_arena(cli->arena, message));
	else (void)printf("cancelled\n");
	return CLI_OK;
}

enum cli_exit command_verify(struct cli *cli)
{
	struct error err;
	struct str json;
	error_clear(&err);
	if (!cli_read_file(cli->arena, cli->argv[0], 8 * 1024 * 1024, &json, &err)) return cli_fail(cli, &err);
	return plan_view_check(cli, json);
}
