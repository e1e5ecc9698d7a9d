/* The handlers against a real store, without a server: a struct call is built by hand. */
#include <petfood/accessors.h>
#include <petfood/handlers.h>
#include <sched.h>
#include <stdlib.h>

#include "petfood/rpc/v1/system.pb-c.h"
#include "rpc/job/order.h"
#include "rpc/json/json.h"
#include "rpc/service/services.h"
#include "rpc/wire/call.h"
#include "store/base/log.h"
#include "store/base/metrics.h"
#include "tests/unit/rpc/job/fixture.h"

/* ---- the server's part: its own methods, which are not tested here, and parking ---- */

bool call_service_cancel(struct call *call, const void *request, void *reply, struct error *err)
{
	(void)call, (void)request, (void)reply;
	return error_set(err, RPC_UNIMPLEMENTED, "METHOD_UNKNOWN", "the server's");
}
bool call_service_ping(struct call *call, const void *request, void *reply, struct error *err)
{
	(void)call, (void)request, (void)reply;
	return error_set(err, RPC_UNIMPLEMENTED, "METHOD_UNKNOWN", "the server's");
}

static char watched[128];
static uint32_t waited_ms;
void call_watch(struct call *call, struct str key)
{
	(void)call;
	(void)snprintf(watched, sizeof watched, STR_FMT, STR_ARG(key));
}
bool call_wait(struct call *call, uint32_t wait_ms, struct error *err)
{
	(void)call, (void)err;
	waited_ms = wait_ms;
	return true;
}

/* ---- calling ---- */

static struct fixture *failing_fixture;

struct bench_test {
	struct fixture f;
	struct services services;
	struct watch *watch;
	struct call call;
	const atomic_bool not_cancelled;
};

static bool slow_create;
static void test_publish(void *self, struct str task_id, uint64_t number, bool terminal, struct str data)
{
	struct fixture *f = self;
	/* Held up until the engine could publish what follows, or would if it had not to wait for its turn. */
	while (slow_create && number == 1 && event_order_waiting() == 0) {
		pthread_mutex_lock(&f->lock);
		bool overtaken = f->published_count > 0;
		pthread_mutex_unlock(&f->lock);
		if (overtaken) break;
		(void)sched_yield();
	}
	f->options.events.publish(f->options.events.self, task_id, number, terminal, data);
}

static void open_test(struct bench_test *t)
{
	fixture_open(&t->f);
	t->services.store = &t->f.store;
	atomic_init(&t->services.engine, NULL);
	t->services.events = (struct event_out){ test_publish, &t->f };
	t->services.bench_enabled = true;
	t->services.task_limits.per_user = 0;
	t->services.version = "1.2.3";
	t->services.cache_driver = "memory";
	atomic_init(&t->services.ready, true);
	atomic_init(&t->services.store_ok, true);
	atomic_init(&t->services.worker_ok, true);
	atomic_init(&t->services.health_revision, 7);
	t->watch = calloc(1, sizeof(*t->watch));
	t->call = (struct call){
		.arena = t->f.arena,
		.deadline_ms = time_monotonic_ms() + 10000,
		.clock = &t->f.clock,
		.caller = { .kind = PRINCIPAL_USER },
		.lang = LANG_EN,
		.request_id = STR("request-1"),
		.services = &t->services,
		.cancelled = &t->not_cancelled,
	};
	(void)snprintf(t->call.caller.user_id, sizeof t->call.caller.user_id, STR_FMT, STR_ARG(t->f.user_id));
}

static void close_test(struct bench_test *t)
{
	if (t->watch->engine) fixture_stop(t->watch);
	fixture_close(&t->f);
	free(t->watch);
}

static void start_engine(struct bench_test *t)
{
	fixture_start(&t->f, t->watch);
	atomic_store(&t->services.engine, t->watch->engine);
}

/* Runs a handler by its full name; reply is a fresh message. */
static bool run(struct bench_test *t, const char *method, const void *request, void **reply, struct error *err)
{
	t->call.method = method_by_name(str_from(method));
	if (!t->call.method) die("no method %s", method);
	const ProtobufCMessageDescriptor *d = t->call.method->reply->descriptor;
	*reply = arena_alloc(t->f.arena, d->sizeof_message);
	d->message_init(*reply);
	error_clear(err);
	return handler_table[t->call.method - method_table](&t->call, request, *reply, err);
}

#define PLAN "petfood.v1.PlanService/"
#define TASK "petfood.v1.TaskService/"

static Petfood__V1__CreatePlanRequest bench_request(uint32_t events, uint32_t interval_ms)
{
	Petfood__V1__CreatePlanRequest r;
	petfood__v1__create_plan_request__init(&r);
	petfood_v1_create_plan_request_set_events(&r, events);
	petfood_v1_create_plan_request_set_interval_ms(&r, interval_ms);
	return r;
}

static struct str create_bench(struct bench_test *t, uint32_t events, uint32_t interval_ms)
{
	Petfood__V1__CreatePlanRequest r = bench_request(events, interval_ms);
	Petfood__V1__StreamOpen *open;
	struct error err;
	if (!CHECK_OK(run(t, PLAN "CreatePlanStream", &r, (void **)&open, &err), &err)) return STR("");
	return str_from(open->task_id);
}

static Petfood__V1__StreamOpen *resume(struct bench_test *t, struct str id, const char *cursor, struct error *err)
{
	Petfood__V1__ResumePlanStreamRequest r;
	petfood__v1__resume_plan_stream_request__init(&r);
	r.task_id = str_dup_c(t->f.arena, id);
	if (cursor) petfood_v1_resume_plan_stream_request_set_last_event_id(&r, cursor);
	Petfood__V1__StreamOpen *open;
	return run(t, PLAN "ResumePlanStream", &r, (void **)&open, err) ? open : NULL;
}

static Petfood__V1__StreamFrame *frame(struct bench_test *t, ProtobufCBinaryData data)
{
	struct error err;
	struct json_parse_options lenient = { 0 };
	Petfood__V1__StreamFrame *m = arena_new(t->f.arena, Petfood__V1__StreamFrame);
	petfood__v1__stream_frame__init(m);
	(void)CHECK_OK(json_to_message(t->f.arena, (struct str){ (char *)data.data, data.len },
	                               message_side_of(m->base.descriptor), &lenient, &m->base, &err),
	               &err);
	return m;
}

/* ---- create ---- */

static void test_create(void)
{
	struct bench_test t = { 0 };
	struct error err;
	open_test(&t);
	Petfood__V1__CreatePlanRequest r;
	petfood__v1__create_plan_request__init(&r);
	Petfood__V1__CreatePlanReply *reply;
	Petfood__V1__StreamOpen *open;

	if (CHECK_OK(run(&t, PLAN "CreatePlan", &r, (void **)&reply, &err), &err)) {
		struct task task = fixture_task(&t.f, str_from(reply->task_id));
		CHECK(task.status == TASK_PENDING && task.type == TASK_TYPE_DIET_PLAN && task.keeps_plan &&
		      task.plan_id.len == 36);
		CHECK_STR(task.lang, "en");
		CHECK_STR(task.request_id, "request-1");
		CHECK(reply->status == PETFOOD__V1__TASK_STATUS__TASK_STATUS_PENDING);
		struct log_line *lines;
		CHECK(fixture_log(&t.f, task.id, &lines) == 1);
		CHECK(strcmp(lines[0].event->type, "task_created") == 0);
		CHECK_STR(str_from(petfood_v1_progress_event_task_id_or(lines[0].event, "")), reply->task_id);
		CHECK(t.f.published_count == 1 && t.f.published[0].number == 1 && !t.f.published[0].terminal);
	}
	t.call.lang = LANG_ZH;
	if (CHECK_OK(run(&t, PLAN "CreatePlan", &r, (void **)&reply, &err), &err)) {
		CHECK_STR(str_from(reply->message), "任务创建成功，请使用任务 ID 查询进度");
		CHECK_STR(fixture_task(&t.f, str_from(reply->task_id)).lang, "zh");
	}
	if (CHECK_OK(run(&t, PLAN "CreatePlanStream", &r, (void **)&open, &err), &err)) {
		CHECK(!fixture_task(&t.f, str_from(open->task_id)).keeps_plan);
		CHECK(open->mode == PETFOOD__V1__STREAM_MODE__STREAM_MODE_FOLLOW && open->after == 0 &&
		      open->n_preface == 0);
		CHECK(open->n_closing == 1 && strcmp(frame(&t, open->closing[0])->type, "done") == 0);
		CHECK_STR(str_from(open->user_id), t.call.caller.user_id);
	}
	/* Stored pets: pet_test.c. */
	petfood_v1_create_plan_request_set_pet_id(&r, "f7a3b6f5-6a1b-4c7e-9d2e-000000000000");
	CHECK(!run(&t, PLAN "CreatePlanStream", &r, (void **)&open, &err) && error_is(&err, "PET_NOT_FOUND"));
	close_test(&t);
}

static void test_create_bench(void)
{
	struct bench_test t = { 0 };
	struct error err;
	open_test(&t);
	Petfood__V1__CreatePlanRequest r = bench_request(3, 0), no_events;
	petfood__v1__create_plan_request__init(&no_events);
	petfood_v1_create_plan_request_set_interval_ms(&no_events, 5);
	Petfood__V1__StreamOpen *open;
	CHECK(!run(&t, PLAN "CreatePlanStream", &no_events, (void **)&open, &err) &&
	      error_is(&err, "VALIDATION_FAILED"));
	CHECK(err.violation_count == 1 && strcmp(err.violations[0].field, "events") == 0);
	t.services.bench_enabled = false;
	CHECK(!run(&t, PLAN "CreatePlanStream", &r, (void **)&open, &err) && error_is(&err, "BENCH_DISABLED"));
	CHECK(err.violation_count == 1 && strcmp(err.violations[0].field, "events") == 0);
	CHECK(!run(&t, PLAN "CreatePlanStream", &no_events, (void **)&open, &err) && error_is(&err, "BENCH_DISABLED"));
	CHECK(t.f.published_count == 0);
	close_test(&t);
}

static void test_k05_create(void)
{
	struct bench_test t = { 0 };
	struct error err;
	open_test(&t);
	start_engine(&t);
	Petfood__V1__CreatePlanRequest r = bench_request(3, 0);
	Petfood__V1__StreamOpen *first, *second;
	t.call.idempotency_key = STR("key-1");
	memset(t.call.payload_hash, 1, sizeof t.call.payload_hash);
	CHECK_OK(run(&t, PLAN "CreatePlanStream", &r, (void **)&first, &err), &err);
	CHECK(fixture_wait_terminal(&t.f, str_from(first->task_id)));
	size_t published = t.f.published_count;
	/* A repetition attaches to the same task and reads it from the beginning, also when it has ended. */
	CHECK_OK(run(&t, PLAN "CreatePlanStream", &r, (void **)&second, &err), &err);
	CHECK_STR(str_from(second->task_id), first->task_id);
	CHECK(second->mode == PETFOOD__V1__STREAM_MODE__STREAM_MODE_FOLLOW && second->after == 0 &&
	      second->n_closing == 1);
	CHECK_STR(str_from(second->user_id), t.call.caller.user_id);
	CHECK(t.f.published_count == published);
	/* The key belongs to the method. */
	Petfood__V1__CreatePlanReply *other;
	CHECK_OK(run(&t, PLAN "CreatePlan", &r, (void **)&other, &err), &err);
	CHECK(strcmp(other->task_id, first->task_id) != 0);
	memset(t.call.payload_hash, 2, sizeof t.call.payload_hash);
	CHECK(!run(&t, PLAN "CreatePlanStream", &r, (void **)&second, &err) && error_is(&err, "IDEMPOTENCY_MISMATCH"));
	close_test(&t);
}

struct submit {
	struct bench_test *t;
	struct call call;
	pthread_t thread;
	char id[40];
	bool ok, limited;
};

static void *submit(void *self)
{
	struct submit *s = self;
	struct error err;
	Petfood__V1__CreatePlanRequest r = bench_request(1, 60000);
	Petfood__V1__StreamOpen open;
	petfood__v1__stream_open__init(&open);
	s->ok = plan_service_create_plan_stream(&s->call, &r, &open, &err);
	s->limited = !s->ok && error_is(&err, "TASK_LIMIT");
	if (s->ok) (void)snprintf(s->id, sizeof s->id, "%s", open.task_id);
	return NULL;
}

/* 100 at once: with one key one task, without keys exactly as many as the limit allows. */
static void test_k05_k06_parallel(void)
{
	enum { THREADS = 100 };
	static const struct {
		const char *label;
		bool same_key;
		int64_t limit;
		size_t tasks;
	} rows[] = { { "K05 one key", true, 0, 1 }, { "K06 limit 7", false, 7, 7 }, { "no limit", false, 0, THREADS } };
	static struct submit submits[THREADS];
	for (size_t row = 0; row < COUNT(rows); row++) {
		struct bench_test t = { 0 };
		struct error err;
		open_test(&t);
		t.services.task_limits.per_user = rows[row].limit;
		for (size_t i = 0; i < THREADS; i++) {
			submits[i] = (struct submit){ .t = &t, .call = t.call };
			submits[i].call.method = method_by_name(STR(PLAN "CreatePlanStream"));
			submits[i].call.arena = arena_create(0);
			if (rows[row].same_key) submits[i].call.idempotency_key = STR("the key");
			if (pthread_create(&submits[i].thread, NULL, submit, &submits[i]) != 0) die("thread");
		}
		size_t ok = 0, limited = 0;
		for (size_t i = 0; i < THREADS; i++) {
			pthread_join(submits[i].thread, NULL);
			ok += submits[i].ok;
			limited += submits[i].limited;
			if (rows[row].same_key && i)
				CHECK_ROW(rows[row].label, strcmp(submits[i].id, submits[0].id) == 0);
			arena_destroy(&submits[i].call.arena);
		}
		CHECK_ROW(rows[row].label, ok + limited == THREADS && (rows[row].same_key || ok == rows[row].tasks));
		Petfood__V1__ListTasksRequest list;
		petfood__v1__list_tasks_request__init(&list);
		Petfood__V1__ListTasksReply *reply;
		if (CHECK_OK(run(&t, TASK "ListTasks", &list, (void **)&reply, &err), &err))
			CHECK_ROW(rows[row].label, (size_t)reply->total == rows[row].tasks);
		close_test(&t);
	}
}

/* ---- tasks ---- */

static void test_tasks(void)
{
	struct bench_test t = { 0 };
	struct error err;
	open_test(&t);
	Petfood__V1__ListTasksRequest list;
	petfood__v1__list_tasks_request__init(&list);
	Petfood__V1__ListTasksReply *listed;
	CHECK_OK(run(&t, TASK "ListTasks", &list, (void **)&listed, &err), &err);
	CHECK(listed->total == 0 && listed->n_items == 0 && listed->page == 1 && listed->page_size == 10);

	struct str ids[12];
	for (size_t i = 0; i < COUNT(ids); i++) ids[i] = create_bench(&t, 1, 0);
	CHECK_OK(run(&t, TASK "ListTasks", &list, (void **)&listed, &err), &err);
	CHECK(listed->total == 12 && listed->n_items == 10);
	CHECK_STR(str_from(listed->items[0]->id), ids[11].ptr);
	petfood_v1_list_tasks_request_set_page(&list, 2);
	CHECK_OK(run(&t, TASK "ListTasks", &list, (void **)&listed, &err), &err);
	CHECK(listed->total == 12 && listed->n_items == 2 && listed->page == 2);
	petfood_v1_list_tasks_request_set_page(&list, 9);
	CHECK_OK(run(&t, TASK "ListTasks", &list, (void **)&listed, &err), &err);
	CHECK(listed->total == 12 && listed->n_items == 0);

	Petfood__V1__GetTaskRequest get;
	petfood__v1__get_task_request__init(&get);
	get.id = (char *)(uintptr_t)ids[0].ptr;
	Petfood__V1__Task *task;
	CHECK_OK(run(&t, TASK "GetTask", &get, (void **)&task, &err), &err);
	CHECK(task->status == PETFOOD__V1__TASK_STATUS__TASK_STATUS_PENDING && task->progress == 0 && task->created_at);
	CHECK(!task->started_at && !petfood_v1_task_has_error_message(task) && !petfood_v1_task_has_current_node(task));

	Petfood__V1__GetTaskResultRequest result;
	petfood__v1__get_task_result_request__init(&result);
	result.id = get.id;
	Petfood__V1__GetTaskResultReply *output;
	CHECK(!run(&t, TASK "GetTaskResult", &result, (void **)&output, &err) && error_is(&err, "TASK_UNFINISHED"));
	CHECK(err.param_count == 1 && strcmp(err.params[0].value, "pending") == 0);

	start_engine(&t);
	for (size_t i = 0; i < COUNT(ids); i++) CHECK(fixture_wait_terminal(&t.f, ids[i]));
	CHECK_OK(run(&t, TASK "GetTaskResult", &result, (void **)&output, &err), &err);
	CHECK(output->output.len == 2 && memcmp(output->output.data, "{}", 2) == 0);
	CHECK_OK(run(&t, TASK "GetTask", &get, (void **)&task, &err), &err);
	CHECK(task->status == PETFOOD__V1__TASK_STATUS__TASK_STATUS_COMPLETED && task->progress == 100 &&
	      task->completed_at);

	/* Somebody else's tasks do not exist. */
	(void)snprintf(t.call.caller.user_id, sizeof t.call.caller.user_id, "somebody-else");
	CHECK(!run(&t, TASK "GetTask", &get, (void **)&task, &err) && error_is(&err, "TASK_NOT_FOUND"));
	CHECK(!run(&t, TASK "GetTaskResult", &result, (void **)&output, &err) && error_is(&err, "TASK_NOT_FOUND"));
	close_test(&t);
}

static void test_cancel(void)
{
	static const struct {
		const char *label;
		enum lang lang, task_lang;
		const char *text;
	} rows[] = { { "zh", LANG_EN, LANG_ZH, "任务已取消" }, { "en", LANG_ZH, LANG_EN, "the task was cancelled" } };
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bench_test t = { 0 };
		struct error err;
		open_test(&t);
		start_engine(&t);
		t.call.lang = rows[i].task_lang;
		struct str id = create_bench(&t, 1000, 60000);
		CHECK(fixture_wait_point(t.watch, "start:bench", 1));
		t.call.lang = rows[i].lang;
		Petfood__V1__CancelTaskRequest r;
		petfood__v1__cancel_task_request__init(&r);
		r.id = (char *)(uintptr_t)id.ptr;
		Petfood__V1__CancelTaskReply *reply;
		char me[40];
		memcpy(me, t.call.caller.user_id, sizeof me);
		(void)snprintf(t.call.caller.user_id, sizeof t.call.caller.user_id, "somebody-else");
		CHECK(!run(&t, TASK "CancelTask", &r, (void **)&reply, &err) && error_is(&err, "TASK_NOT_FOUND"));
		memcpy(t.call.caller.user_id, me, sizeof me);
		if (CHECK_OK(run(&t, TASK "CancelTask", &r, (void **)&reply, &err), &err)) {
			CHECK(reply->status == PETFOOD__V1__TASK_STATUS__TASK_STATUS_CANCELLED);
			CHECK(fixture_wait_point(t.watch, "left:cancelled", 1));
		}
		struct log_line *lines;
		size_t count = fixture_log(&t.f, id, &lines);
		CHECK_ROW(rows[i].label, count == 2 && strcmp(lines[1].event->type, "error") == 0 && lines[1].terminal);
		CHECK_STR_ROW(rows[i].label, str_from(petfood_v1_progress_event_error_or(lines[1].event, "")),
		              rows[i].text);
		fixture_check_log(&t.f, id, rows[i].label);
		/* Again: it has ended. */
		CHECK(!run(&t, TASK "CancelTask", &r, (void **)&reply, &err) && error_is(&err, "TASK_FINISHED"));
		const struct reason_info *info = reason_find(STR("TASK_FINISHED"));
		CHECK_STR(reason_render(t.f.arena, info, LANG_ZH, err.param_count, err.params), "任务已取消，无法取消");
		Petfood__V1__GetTaskRequest get;
		petfood__v1__get_task_request__init(&get);
		get.id = r.id;
		Petfood__V1__Task *task;
		CHECK_OK(run(&t, TASK "GetTask", &get, (void **)&task, &err), &err);
		CHECK_STR_ROW(rows[i].label, str_from(petfood_v1_task_error_message_or(task, "")), rows[i].text);
		close_test(&t);
	}
}

static void test_events(void)
{
	struct bench_test t = { 0 };
	struct error err;
	open_test(&t);
	struct str id = create_bench(&t, 10, 0);
	Petfood__V1__ListEventsRequest r;
	petfood__v1__list_events_request__init(&r);
	r.id = (char *)(uintptr_t)id.ptr;
	Petfood__V1__ListEventsReply *reply;
	CHECK_OK(run(&t, TASK "ListEvents", &r, (void **)&reply, &err), &err);
	CHECK(reply->n_events == 1 && reply->last == 1 && !reply->terminal);

	/* A watch that finds nothing is parked on the task's key; one that finds something, or has no time left, is not. */
	Petfood__V1__WatchEventsRequest w;
	petfood__v1__watch_events_request__init(&w);
	w.id = r.id;
	w.after = 1;
	w.wait_ms = 1234;
	waited_ms = 0;
	CHECK_OK(run(&t, TASK "WatchEvents", &w, (void **)&reply, &err), &err);
	CHECK(waited_ms == 1234 && strncmp(watched, "task/", 5) == 0 && strcmp(watched + 5, r.id) == 0);
	waited_ms = 0;
	t.call.last_try = true;
	CHECK_OK(run(&t, TASK "WatchEvents", &w, (void **)&reply, &err), &err);
	CHECK(waited_ms == 0 && reply->n_events == 0 && reply->last == 1 && !reply->terminal);
	t.call.last_try = false;
	w.after = 0;
	CHECK_OK(run(&t, TASK "WatchEvents", &w, (void **)&reply, &err), &err);
	CHECK(waited_ms == 0 && reply->n_events == 1);

	start_engine(&t);
	CHECK(fixture_wait_terminal(&t.f, id));
	petfood_v1_list_events_request_set_limit(&r, 5);
	uint64_t seen = 0;
	for (int page = 0; page < 4; page++) {
		r.after = seen;
		CHECK_OK(run(&t, TASK "ListEvents", &r, (void **)&reply, &err), &err);
		for (size_t i = 0; i < reply->n_events; i++) {
			CHECK(reply->events[i]->number == ++seen);
			CHECK(reply->events[i]->terminal == (seen == 12));
		}
		CHECK(reply->last == 12 && reply->terminal == (seen == 12)); /* also for a reader who has it all */
	}
	CHECK(seen == 12);
	w.after = 12;
	CHECK_OK(run(&t, TASK "WatchEvents", &w, (void **)&reply, &err), &err);
	CHECK(waited_ms == 0 && reply->terminal);

	Petfood__V1__ReadHeadsRequest heads;
	petfood__v1__read_heads_request__init(&heads);
	char *ids[] = { (char *)(uintptr_t) "unknown", r.id };
	heads.n_ids = 2;
	heads.ids = ids;
	Petfood__V1__ReadHeadsReply *head;
	CHECK_OK(run(&t, TASK "ReadHeads", &heads, (void **)&head, &err), &err);
	CHECK(head->n_heads == 1 && head->heads[0]->last == 12 && head->heads[0]->terminal);
	(void)snprintf(t.call.caller.user_id, sizeof t.call.caller.user_id, "somebody-else");
	CHECK_OK(run(&t, TASK "ReadHeads", &heads, (void **)&head, &err), &err);
	CHECK(head->n_heads == 0);
	CHECK(!run(&t, TASK "ListEvents", &r, (void **)&reply, &err) && error_is(&err, "TASK_NOT_FOUND"));
	t.call.caller.kind = PRINCIPAL_SERVICE;
	t.call.caller.user_id[0] = '\0';
	CHECK_OK(run(&t, TASK "ReadHeads", &heads, (void **)&head, &err), &err);
	CHECK(head->n_heads == 1);
	close_test(&t);
}

/* ---- the order of publications ---- */

struct canceller {
	struct bench_test *t;
	struct str id;
	bool ok;
	atomic_bool ended;
};

static void *cancel_run(void *self)
{
	struct canceller *c = self;
	struct error err;
	Petfood__V1__CancelTaskRequest r;
	petfood__v1__cancel_task_request__init(&r);
	r.id = (char *)(uintptr_t)c->id.ptr;
	Petfood__V1__CancelTaskReply *reply;
	c->ok = run(c->t, TASK "CancelTask", &r, (void **)&reply, &err);
	atomic_store(&c->ended, true);
	return NULL;
}

/* Whoever stores an event, the next one is not published before it. */
static void test_publish_order(void)
{
	struct bench_test t = { 0 };
	open_test(&t);
	start_engine(&t); /* its poll finds the task while its creation is being published */
	slow_create = true;
	struct str id = create_bench(&t, 3, 0);
	slow_create = false;
	CHECK(fixture_wait_terminal(&t.f, id));
	fixture_check_log(&t.f, id, "create");
	close_test(&t);

	struct bench_test u = { 0 };
	struct error err;
	Petfood__V1__CreatePlanRequest dog;
	Petfood__V1__StreamOpen *open;
	petfood__v1__create_plan_request__init(&dog);
	open_test(&u);
	u.watch->hold_at = "committed:assess";
	start_engine(&u);
	CHECK_OK(run(&u, PLAN "CreatePlanStream", &dog, (void **)&open, &err), &err);
	struct canceller c = { .t = &u, .id = str_from(open->task_id) };
	pthread_t thread;
	CHECK(fixture_wait_held(u.watch)); /* event 2 is stored and not published */
	if (pthread_create(&thread, NULL, cancel_run, &c) != 0) die("thread");
	while (!atomic_load(&c.ended) && event_order_waiting() == 0) (void)sched_yield();
	fixture_let_go(u.watch);
	(void)pthread_join(thread, NULL);
	CHECK(c.ok && fixture_wait_terminal(&u.f, c.id));
	fixture_stop(u.watch);
	CHECK(u.f.published_count >= 3);
	fixture_check_log(&u.f, c.id, "cancel");
	close_test(&u);
}

/* A cancel whose outcome was lost, and which the task says was carried out, is a success like any other. */
static bool uncertain_cancel(void *self, struct str user_id, struct str id, int64_t now_us, struct str terminal_event,
                             struct str error_message, const struct idempotency *idem, struct arena *arena,
                             bool *out_replayed, struct str *out_reply, uint64_t *out_last, struct error *err)
{
	const struct task_store_driver *real = failing_fixture->driver_store.tasks.driver;
	(void)!real->cancel(self, user_id, id, now_us, terminal_event, error_message, idem, arena, out_replayed,
	                    out_reply, out_last, err);
	*out_last = 0;
	return error_set(err, RPC_UNKNOWN, REASON_WRITE_UNCERTAIN, "scripted");
}

static void test_uncertain_cancel(void)
{
	struct bench_test t = { 0 };
	struct error err;
	open_test(&t);
	failing_fixture = &t.f;
	t.f.failing = *t.f.driver_store.tasks.driver;
	t.f.failing.cancel = uncertain_cancel;
	t.f.store.tasks.driver = &t.f.failing;
	struct str id = create_bench(&t, 3, 0);
	Petfood__V1__CancelTaskRequest r;
	petfood__v1__cancel_task_request__init(&r);
	r.id = (char *)(uintptr_t)id.ptr;
	Petfood__V1__CancelTaskReply *reply;
	CHECK(run(&t, TASK "CancelTask", &r, (void **)&reply, &err));
	CHECK(err.code == RPC_OK);
	const struct published *last = &t.f.published[t.f.published_count - 1];
	CHECK(t.f.published_count == 2 && last->number == 2 && last->terminal && last->len == 0);
	CHECK(fixture_task(&t.f, id).status == TASK_CANCELLED);
	close_test(&t);
}

/* ---- resume: every row of DESIGN 4 ---- */

enum { OPEN, ENDED, CANCELLED, EXPIRED };
static void test_resume(void)
{
	static const struct {
		const char *label;
		int state;
		const char *cursor;
		int mode;
		uint64_t after;
		const char *prefaces; /* types, joined */
	} rows[] = {
		{ "open, no cursor", OPEN, NULL, 1, 0, "resumed" },
		{ "open, empty cursor", OPEN, "", 1, 0, "resumed" },
		{ "open, cursor 0", OPEN, "0", 1, 0, "" },
		{ "open, cursor = last", OPEN, "1", 1, 1, "" },
		{ "open, ahead", OPEN, "2", 1, 0, "reset" },
		{ "open, garbage", OPEN, "1; drop table", 1, 0, "reset" },
		{ "open, negative", OPEN, "-1", 1, 0, "reset" },
		{ "open, huge", OPEN, "99999999999999999999999999", 1, 0, "reset" },
		{ "ended, no cursor", ENDED, NULL, 2, 0, "task_completed" },
		{ "ended, cursor 0", ENDED, "0", 1, 0, "" },
		{ "ended, inside", ENDED, "3", 1, 3, "" },
		{ "ended, cursor = last", ENDED, "12", 3, 0, "" },
		{ "ended, ahead", ENDED, "13", 1, 0, "reset" },
		{ "cancelled, no cursor", CANCELLED, NULL, 2, 0, "error" },
		{ "cancelled, inside", CANCELLED, "1", 1, 1, "" },
		{ "cancelled, cursor = last", CANCELLED, "2", 3, 0, "" },
		{ "expired, no cursor", EXPIRED, NULL, 2, 0, "task_completed" },
		{ "expired, inside", EXPIRED, "3", 2, 0, "reset task_completed" },
		{ "expired, cursor = last", EXPIRED, "12", 3, 0, "" },
		{ "expired, garbage", EXPIRED, "x", 2, 0, "reset task_completed" },
	};
	struct bench_test t = { 0 };
	struct error err;
	open_test(&t);
	struct str ids[4];
	t.f.options.running_max = 1;
	start_engine(&t);
	ids[ENDED] = create_bench(&t, 10, 0);
	CHECK(fixture_wait_terminal(&t.f, ids[ENDED]));
	ids[EXPIRED] = create_bench(&t, 10, 0);
	CHECK(fixture_wait_terminal(&t.f, ids[EXPIRED]));
	fixture_stop(t.watch);
	atomic_store(&t.services.engine, NULL);
	ids[CANCELLED] = create_bench(&t, 10, 0);
	CHECK(fixture_cancel(&t.f, ids[CANCELLED], NULL, &err));
	ids[OPEN] = create_bench(&t, 10, 0);
	/* Its end was long ago: first the other one gets younger by hand of the clock. */
	int64_t swept = 0;
	struct task expired = fixture_task(&t.f, ids[EXPIRED]), ended = fixture_task(&t.f, ids[ENDED]);
	CHECK(expired.completed_at_us > ended.completed_at_us);
	const struct task_store *tasks = &t.f.store.tasks;
	CHECK_OK(tasks->driver->sweep(tasks->self, ended.completed_at_us + 1, 1, &swept, &err), &err);
	CHECK(swept == 1);
	struct str swap = ids[EXPIRED]; /* the older one is the swept one */
	ids[EXPIRED] = ids[ENDED];
	ids[ENDED] = swap;

	for (size_t i = 0; i < COUNT(rows); i++) {
		Petfood__V1__StreamOpen *open = resume(&t, ids[rows[i].state], rows[i].cursor, &err);
		if (!CHECK_ROW(rows[i].label, open != NULL)) continue;
		CHECK_ROW(rows[i].label, (int)open->mode == rows[i].mode && open->after == rows[i].after);
		struct strbuf types;
		strbuf_init(&types, t.f.arena);
		for (size_t p = 0; p < open->n_preface; p++) {
			if (p) strbuf_add_char(&types, ' ');
			Petfood__V1__StreamFrame *m = frame(&t, open->preface[p]);
			strbuf_add_cstr(&types, m->type);
			CHECK_STR_ROW(rows[i].label, str_from(m->task_id), ids[rows[i].state].ptr);
			if (strcmp(m->type, "task_completed") == 0) {
				ProtobufCBinaryData none = { 0 };
				ProtobufCBinaryData result = petfood_v1_stream_frame_result_or(m, none);
				CHECK_ROW(rows[i].label, result.len == 2 && memcmp(result.data, "{}", 2) == 0);
			}
			if (strcmp(m->type, "error") == 0)
				CHECK_STR_ROW(rows[i].label, str_from(petfood_v1_stream_frame_error_or(m, "")),
				              "cancelled");
			if (strcmp(m->type, "resumed") == 0 || strcmp(m->type, "reset") == 0)
				/* The history follows `resumed`: progress would fall. */
				CHECK_ROW(rows[i].label, petfood_v1_stream_frame_has_last_event(m) && m->status != 0 &&
				                             petfood_v1_stream_frame_has_progress(m) ==
				                                 (strcmp(m->type, "reset") == 0));
		}
		CHECK_STR_ROW(rows[i].label, strbuf_str(&types), rows[i].prefaces);
		CHECK_ROW(rows[i].label,
		          open->n_closing == 1 && strcmp(frame(&t, open->closing[0])->type, "done") == 0);
	}
	/* Who names a number of the expired log is told that it is gone; who has it all, or is ahead, that it has ended. */
	static const struct {
		const char *label;
		int state;
		uint64_t after;
		size_t count;
		bool ok;
	} reads[] = { { "expired, from the beginning", EXPIRED, 0, 0, false },
		      { "expired, inside", EXPIRED, 11, 0, false },
		      { "expired, cursor = last", EXPIRED, 12, 0, true },
		      { "expired, ahead", EXPIRED, 13, 0, true },
		      { "ended, inside", ENDED, 11, 1, true },
		      { "open", OPEN, 0, 1, true } };
	for (size_t i = 0; i < COUNT(reads); i++) {
		Petfood__V1__ListEventsRequest r;
		Petfood__V1__WatchEventsRequest w;
		Petfood__V1__ListEventsReply *reply;
		petfood__v1__list_events_request__init(&r);
		petfood__v1__watch_events_request__init(&w);
		r.id = w.id = (char *)(uintptr_t)ids[reads[i].state].ptr;
		r.after = w.after = reads[i].after;
		for (int watch = 0; watch < 2; watch++) {
			bool ok = watch ? run(&t, TASK "WatchEvents", &w, (void **)&reply, &err)
			                : run(&t, TASK "ListEvents", &r, (void **)&reply, &err);
			CHECK_ROW(reads[i].label, ok == reads[i].ok);
			if (ok)
				CHECK_ROW(reads[i].label, reply->n_events == reads[i].count &&
				                              reply->terminal == (reads[i].state != OPEN));
			else
				CHECK_ROW(reads[i].label,
				          err.code == RPC_OUT_OF_RANGE && error_is(&err, "LOG_EXPIRED"));
		}
	}
	CHECK(!resume(&t, STR("no such task"), NULL, &err) && error_is(&err, "TASK_NOT_FOUND"));
	(void)snprintf(t.call.caller.user_id, sizeof t.call.caller.user_id, "somebody-else");
	CHECK(!resume(&t, ids[OPEN], NULL, &err) && error_is(&err, "TASK_NOT_FOUND"));
	close_test(&t);
}

/* ---- plans ---- */

static struct str store_plan(struct bench_test *t, const char *id, bool confirmed)
{
	struct error err;
	struct task task;
	const struct task_store *tasks = &t->f.store.tasks;
	struct str made = create_bench(t, 1, 0);
	CHECK_OK(
	    tasks->driver->claim(tasks->self, STR("test"), clock_now_us(&t->f.clock), 60000, t->f.arena, &task, &err),
	    &err);
	CHECK(str_equal(task.id, made));
	struct plan_record plan = { .id = str_from(id),
		                    .user_id = t->f.user_id,
		                    .task_id = task.id,
		                    .pet_type = 2,
		                    .health_status = STR("healthy"),
		                    .pet_age = 30,
		                    .pet_weight = 4.5,
		                    .plan_data = STR("{\"a\": 1 }"),
		                    .confirmed = confirmed,
		                    .created_at_us = clock_now_us(&t->f.clock) };
	plan.updated_at_us = plan.created_at_us;
	struct task_append what = { .progress = 100 };
	uint64_t last;
	CHECK_OK(tasks->driver->complete(tasks->self, task.id, task.attempt, plan.created_at_us, &what, STR("{}"),
	                                 STR("{}"), &plan, &last, &err),
	         &err);
	return plan.id;
}

static void test_plans(void)
{
	struct bench_test t = { 0 };
	struct error err;
	open_test(&t);
	struct str draft = store_plan(&t, "plan-1", false);
	Petfood__V1__GetPlanRequest get;
	petfood__v1__get_plan_request__init(&get);
	get.id = (char *)(uintptr_t)draft.ptr;
	Petfood__V1__Plan *plan;
	if (CHECK_OK(run(&t, PLAN "GetPlan", &get, (void **)&plan, &err), &err)) {
		CHECK(!plan->confirmed && plan->pet_age == 30 && plan->pet_weight == 4.5 && plan->pet_type == 2);
		CHECK(plan->plan_data.len == 9 && memcmp(plan->plan_data.data, "{\"a\": 1 }", 9) == 0);
		CHECK(!petfood_v1_plan_has_pet_id(plan) && !petfood_v1_plan_has_pet_breed(plan) &&
		      petfood_v1_plan_has_task_id(plan));
		CHECK_STR(str_from(plan->user_id), t.call.caller.user_id);
	}
	Petfood__V1__ListPlansRequest list;
	petfood__v1__list_plans_request__init(&list);
	Petfood__V1__ListPlansReply *listed;
	CHECK_OK(run(&t, PLAN "ListPlans", &list, (void **)&listed, &err), &err);
	CHECK(listed->total == 0 && listed->n_items == 0 && listed->page == 1 && listed->page_size == 10);

	Petfood__V1__ConfirmPlanRequest confirm;
	petfood__v1__confirm_plan_request__init(&confirm);
	confirm.id = get.id;
	Petfood__V1__ConfirmPlanReply *confirmed;
	for (int again = 0; again < 2; again++) {
		CHECK_OK(run(&t, PLAN "ConfirmPlan", &confirm, (void **)&confirmed, &err), &err);
		CHECK_STR(str_from(confirmed->plan_id), "plan-1");
		CHECK_OK(run(&t, PLAN "ListPlans", &list, (void **)&listed, &err), &err);
		CHECK(listed->total == 1 && listed->n_items == 1 && strcmp(listed->items[0]->id, "plan-1") == 0);
	}
	list.pet_type = PETFOOD__V1__PET_TYPE__PET_TYPE_CAT;
	CHECK_OK(run(&t, PLAN "ListPlans", &list, (void **)&listed, &err), &err);
	CHECK(listed->total == 0);

	Petfood__V1__DeletePlanRequest del;
	petfood__v1__delete_plan_request__init(&del);
	del.id = get.id;
	Petfood__V1__DeletePlanReply *deleted;
	char me[40];
	memcpy(me, t.call.caller.user_id, sizeof me);
	(void)snprintf(t.call.caller.user_id, sizeof t.call.caller.user_id, "somebody-else");
	CHECK(!run(&t, PLAN "GetPlan", &get, (void **)&plan, &err) && error_is(&err, "PLAN_NOT_FOUND"));
	CHECK(!run(&t, PLAN "ConfirmPlan", &confirm, (void **)&confirmed, &err) && error_is(&err, "PLAN_EXPIRED"));
	CHECK(!run(&t, PLAN "DeletePlan", &del, (void **)&deleted, &err) && error_is(&err, "PLAN_NOT_FOUND"));
	memcpy(t.call.caller.user_id, me, sizeof me);
	CHECK_OK(run(&t, PLAN "DeletePlan", &del, (void **)&deleted, &err), &err);
	CHECK_STR(str_from(deleted->plan_id), "plan-1");
	CHECK(!run(&t, PLAN "DeletePlan", &del, (void **)&deleted, &err) && error_is(&err, "PLAN_NOT_FOUND"));
	CHECK(!run(&t, PLAN "GetPlan", &get, (void **)&plan, &err) && error_is(&err, "PLAN_NOT_FOUND"));
	close_test(&t);
}

static void use_key(struct bench_test *t, struct str key, int payload)
{
	t->call.idempotency_key = key;
	memset(t->call.payload_hash, payload, sizeof t->call.payload_hash);
}

static bool no_task_any_more(void *self, struct str user_id, struct str id, struct arena *arena, struct task *out,
                             struct error *err)
{
	(void)self, (void)user_id, (void)id, (void)arena, (void)out;
	return error_set(err, RPC_NOT_FOUND, "TASK_NOT_FOUND", "scripted");
}

/* Confirm, delete and cancel: a repetition gets the first answer, whatever has become of the plan or task, and does nothing. */
static void test_k05_other_writes(void)
{
	struct bench_test t = { 0 };
	struct error err;
	open_test(&t);
	Petfood__V1__ConfirmPlanRequest confirm;
	Petfood__V1__DeletePlanRequest del;
	Petfood__V1__CancelTaskRequest cancel;
	petfood__v1__confirm_plan_request__init(&confirm);
	petfood__v1__delete_plan_request__init(&del);
	petfood__v1__cancel_task_request__init(&cancel);
	confirm.id = del.id = (char *)(uintptr_t)store_plan(&t, "plan-3", false).ptr;
	cancel.id = (char *)(uintptr_t)create_bench(&t, 3, 0).ptr;
	Petfood__V1__ConfirmPlanReply *confirmed;
	Petfood__V1__DeletePlanReply *deleted;
	Petfood__V1__CancelTaskReply *cancelled;
	size_t published = t.f.published_count;
	for (int again = 0; again < 2; again++) {
		use_key(&t, STR("the key"), 1);
		if (CHECK_OK(run(&t, PLAN "ConfirmPlan", &confirm, (void **)&confirmed, &err), &err))
			CHECK_STR(str_from(confirmed->plan_id), "plan-3");
		if (CHECK_OK(run(&t, PLAN "DeletePlan", &del, (void **)&deleted, &err), &err))
			CHECK_STR(str_from(deleted->plan_id), "plan-3");
		if (CHECK_OK(run(&t, TASK "CancelTask", &cancel, (void **)&cancelled, &err), &err)) {
			CHECK_STR(str_from(cancelled->task_id), cancel.id);
			CHECK(cancelled->status == PETFOOD__V1__TASK_STATUS__TASK_STATUS_CANCELLED);
		}
		CHECK(t.f.published_count == published + 1); /* the terminal event, once */
		use_key(&t, STR("the key"), 2);
		CHECK(!run(&t, PLAN "ConfirmPlan", &confirm, (void **)&confirmed, &err) &&
		      error_is(&err, "IDEMPOTENCY_MISMATCH"));
		CHECK(!run(&t, PLAN "DeletePlan", &del, (void **)&deleted, &err) &&
		      error_is(&err, "IDEMPOTENCY_MISMATCH"));
		CHECK(!run(&t, TASK "CancelTask", &cancel, (void **)&cancelled, &err) &&
		      error_is(&err, "IDEMPOTENCY_MISMATCH"));
	}
	fixture_check_log(&t.f, str_from(cancel.id), "cancelled with a key");
	/* Without a key, or with another one, they are told how things stand. */
	struct str keys[] = { STR_NONE, STR("another key") };
	for (size_t i = 0; i < COUNT(keys); i++) {
		use_key(&t, keys[i], 1);
		CHECK(!run(&t, PLAN "ConfirmPlan", &confirm, (void **)&confirmed, &err) &&
		      error_is(&err, "PLAN_EXPIRED"));
		CHECK(!run(&t, PLAN "DeletePlan", &del, (void **)&deleted, &err) && error_is(&err, "PLAN_NOT_FOUND"));
		CHECK(!run(&t, TASK "CancelTask", &cancel, (void **)&cancelled, &err) &&
		      error_is(&err, "TASK_FINISHED"));
	}
	/* The task is gone as well. */
	t.f.failing = *t.f.driver_store.tasks.driver;
	t.f.failing.get = no_task_any_more;
	t.f.store.tasks.driver = &t.f.failing;
	use_key(&t, STR("the key"), 1);
	CHECK_OK(run(&t, TASK "CancelTask", &cancel, (void **)&cancelled, &err), &err);
	CHECK_STR(str_from(cancelled->task_id), cancel.id);
	use_key(&t, STR_NONE, 1);
	CHECK(!run(&t, TASK "CancelTask", &cancel, (void **)&cancelled, &err) && error_is(&err, "TASK_NOT_FOUND"));
	CHECK(t.f.published_count == published + 1);
	close_test(&t);
}

/* The result of a plan that nobody kept goes with the plan. */
static void test_expired_result(void)
{
	struct bench_test t = { 0 };
	struct error err;
	int64_t count = 0;
	open_test(&t);
	struct str plan_id = store_plan(&t, "plan-2", false);
	struct plan_record plan;
	const struct plan_store *plans = &t.f.store.plans;
	CHECK_OK(
	    plans->driver->get(plans->self, t.f.user_id, plan_id, clock_now_us(&t.f.clock), t.f.arena, &plan, &err),
	    &err);
	Petfood__V1__GetTaskResultRequest r;
	petfood__v1__get_task_result_request__init(&r);
	r.id = (char *)(uintptr_t)plan.task_id.ptr;
	Petfood__V1__GetTaskResultReply *reply;
	CHECK_OK(run(&t, TASK "GetTaskResult", &r, (void **)&reply, &err), &err);
	CHECK_OK(plans->driver->expire_drafts(plans->self, plan.created_at_us + 1, 10, &count, &err), &err);
	CHECK(count == 1);
	CHECK(!run(&t, TASK "GetTaskResult", &r, (void **)&reply, &err) && error_is(&err, "RESULT_EXPIRED"));
	Petfood__V1__StreamOpen *open = resume(&t, plan.task_id, NULL, &err);
	CHECK(open && open->n_preface == 1 && strcmp(frame(&t, open->preface[0])->type, "task_completed") == 0 &&
	      !petfood_v1_stream_frame_has_result(frame(&t, open->preface[0])));
	close_test(&t);
}

/* ---- system ---- */

static void test_system(void)
{
	struct bench_test t = { 0 };
	struct error err;
	open_test(&t);
	Petfood__Rpc__V1__HealthCheckRequest check = PETFOOD__RPC__V1__HEALTH_CHECK_REQUEST__INIT;
	Petfood__Rpc__V1__HealthCheckReply *health;
	CHECK_OK(run(&t, "petfood.rpc.v1.HealthService/Check", &check, (void **)&health, &err), &err);
	CHECK(health->status == PETFOOD__RPC__V1__HEALTH_STATUS__HEALTH_STATUS_HEALTHY && health->ready &&
	      health->revision == 7);
	CHECK(health->n_components == 2 && strcmp(health->components[0]->name, "database") == 0 &&
	      strcmp(health->components[0]->driver, "sqlite") == 0 &&
	      strcmp(health->components[1]->driver, "memory") == 0);
	Petfood__Rpc__V1__HealthWatchRequest watch = PETFOOD__RPC__V1__HEALTH_WATCH_REQUEST__INIT;
	watch.known_revision = 7;
	watch.wait_ms = 99;
	waited_ms = 0;
	CHECK_OK(run(&t, "petfood.rpc.v1.HealthService/Watch", &watch, (void **)&health, &err), &err);
	CHECK(waited_ms == 99 && strcmp(watched, "health") == 0);
	start_engine(&t);
	static const struct {
		const char *label;
		bool ready, store_ok, worker_ok, says_ready;
	} states[] = { { "all well", true, true, true, true },
		       { "no store", true, false, true, false },
		       { "no worker", true, true, false, true },
		       { "draining", false, true, true, false } };
	for (size_t i = 0; i < COUNT(states); i++) {
		const Petfood__Rpc__V1__HealthStatus well = PETFOOD__RPC__V1__HEALTH_STATUS__HEALTH_STATUS_HEALTHY;
		atomic_store(&t.services.ready, states[i].ready);
		atomic_store(&t.services.store_ok, states[i].store_ok);
		atomic_store(&t.services.worker_ok, states[i].worker_ok);
		atomic_store(&t.services.health_revision, 8 + i);
		waited_ms = 0;
		CHECK_OK(run(&t, "petfood.rpc.v1.HealthService/Watch", &watch, (void **)&health, &err), &err);
		CHECK_ROW(states[i].label, waited_ms == 0 && health->revision == 8 + i && health->n_components == 3);
		CHECK_ROW(states[i].label, (health->components[0]->status == well) == states[i].store_ok);
		CHECK_ROW(states[i].label, (health->components[2]->status == well) == states[i].worker_ok);
		CHECK_ROW(states[i].label, (health->status == well) == (states[i].store_ok && states[i].worker_ok));
		CHECK_ROW(states[i].label, health->ready == states[i].says_ready);
	}

	Petfood__Rpc__V1__ListMethodsRequest list = PETFOOD__RPC__V1__LIST_METHODS_REQUEST__INIT;
	Petfood__Rpc__V1__ListMethodsReply *methods;
	CHECK_OK(run(&t, "petfood.rpc.v1.ReflectionService/ListMethods", &list, (void **)&methods, &err), &err);
	CHECK(methods->n_methods == method_count && method_count > 20);
	Petfood__Rpc__V1__DescribeRequest describe = PETFOOD__RPC__V1__DESCRIBE_REQUEST__INIT;
	Petfood__Rpc__V1__DescribeReply *described;
	describe.name = (char *)(uintptr_t)PLAN "GetPlan";
	CHECK_OK(run(&t, "petfood.rpc.v1.ReflectionService/Describe", &describe, (void **)&described, &err), &err);
	CHECK(described->method && described->method->n_routes == 1 && strcmp(described->method->auth, "user") == 0);
	CHECK_STR(str_from(described->method->routes[0]), "GET /api/v1/plans/{id}");
	CHECK(described->n_fields == 1 && strcmp(described->fields[0]->name, "id") == 0 &&
	      strcmp(described->fields[0]->type, "string") == 0);
	describe.name = (char *)(uintptr_t) "petfood.v1.CreatePlanRequest";
	CHECK_OK(run(&t, "petfood.rpc.v1.ReflectionService/Describe", &describe, (void **)&described, &err), &err);
	bool found = false;
	for (size_t i = 0; i < described->n_fields; i++) {
		Petfood__Rpc__V1__FieldInfo *field = described->fields[i];
		if (strcmp(field->name, "pet_type") != 0) continue;
		found = field->n_values == 2 && strcmp(field->values[0], "cat") == 0 &&
		        strcmp(field->values[1], "dog") == 0;
		CHECK_STR(str_from(field->type), "petfood.v1.PetType");
	}
	CHECK(found && !described->method);
	describe.name = (char *)(uintptr_t) "petfood.v1.UpdatePetRequest";
	CHECK_OK(run(&t, "petfood.rpc.v1.ReflectionService/Describe", &describe, (void **)&described, &err), &err);
	found = false;
	for (size_t i = 0; i < described->n_fields; i++) {
		Petfood__Rpc__V1__FieldInfo *field = described->fields[i];
		if (strcmp(field->name, "allergens") == 0)
			found = field->repeated && field->optional && strcmp(field->type, "string") == 0;
	}
	CHECK(found); /* a list as a message is described as the list that it is in JSON */
	describe.name = (char *)(uintptr_t) "petfood.v1.Nothing";
	CHECK(!run(&t, "petfood.rpc.v1.ReflectionService/Describe", &describe, (void **)&described, &err) &&
	      error_is(&err, "METHOD_UNKNOWN"));

	metric_add(metric_counter("petfood_service_test_total", NULL, "For this test."), 3);
	Petfood__Rpc__V1__GetStatsRequest get_stats = PETFOOD__RPC__V1__GET_STATS_REQUEST__INIT;
	Petfood__Rpc__V1__GetStatsReply *stats;
	CHECK_OK(run(&t, "petfood.rpc.v1.StatsService/GetStats", &get_stats, (void **)&stats, &err), &err);
	found = false;
	for (size_t i = 0; i < stats->n_stats; i++)
		found |=
		    strcmp(stats->stats[i]->name, "petfood_service_test_total") == 0 && stats->stats[i]->value == 3;
	CHECK(found && strstr(stats->prometheus, "petfood_service_test_total 3"));
	close_test(&t);
}

int main(void)
{
	log_setup(LOG_ERROR, false);
	test_create();
	test_create_bench();
	test_k05_create();
	test_k05_k06_parallel();
	test_tasks();
	test_cancel();
	test_events();
	test_resume();
	test_plans();
	test_k05_other_writes();
	test_expired_result();
	test_publish_order();
	test_uncertain_cancel();
	test_system();
	return check_done("unit_service");
}
