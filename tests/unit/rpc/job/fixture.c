#include "tests/unit/rpc/job/fixture.h"

#include <petfood/accessors.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "rpc/job/event.h"
#include "rpc/job/order.h"
#include "rpc/json/json.h"
#include "rpc/wire/unpack.h"
#include "store/base/uuid.h"
#include "store/sqlite/sqlite_store.h"

static int64_t fixture_now_us(void *self)
{
	struct fixture *f = self;
	return atomic_fetch_add(&f->clock_us, 1000) + 1000; /* goes on a little by itself, as clocks do */
}

static void on_publish(void *self, struct str task_id, uint64_t number, bool terminal, struct str data)
{
	struct fixture *f = self;
	pthread_mutex_lock(&f->lock);
	if (f->published_count < PUBLISHED_MAX) {
		struct published *p = &f->published[f->published_count++];
		(void)snprintf(p->task_id, sizeof p->task_id, STR_FMT, STR_ARG(task_id));
		p->number = number;
		p->terminal = terminal;
		p->data = malloc(data.len + 1);
		memcpy(p->data, data.ptr, data.len);
		p->len = data.len;
	}
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static void on_other_publish(void *self, struct str task_id, uint64_t number, bool terminal, struct str data)
{
	struct fixture **f = self;
	on_publish(*f, task_id, number, terminal, data);
}

void fixture_other_process(struct fixture *f)
{
	f->several = true;
	f->other = f;
	f->options.events = (struct event_out){ on_other_publish, &f->other };
}

static void on_point(void *self, const char *name)
{
	struct watch *w = self;
	struct fixture *f = w->fixture;
	pthread_mutex_lock(&f->lock);
	if (w->count < POINTS_MAX) (void)snprintf(w->points[w->count++], sizeof w->points[0], "%s", name);
	if (w->hold_at && !w->held && strcmp(w->hold_at, name) == 0) {
		w->held = true;
		pthread_cond_broadcast(&f->changed);
		while (!w->let_go) pthread_cond_wait(&f->changed, &f->lock);
	}
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

void fixture_open(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	(void)snprintf(f->dir, sizeof f->dir, "/tmp/petfood-job-XXXXXX");
	if (!mkdtemp(f->dir)) die("mkdtemp");
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&f->changed, &attr);
	pthread_condattr_destroy(&attr);
	f->arena = arena_create(0);
	atomic_store(&f->clock_us, 1767323045000000); /* 2026-01-02T03:04:05Z */
	f->clock = (struct clock){ fixture_now_us, f };
	struct error err;
	struct sqlite_store_options options = { .path = str_printf(f->arena, "%s/store.db", f->dir),
		                                .clock = &f->clock };
	if (!CHECK_OK(sqlite_store_open(&options, &f->store, &err), &err)) die("no store");
	f->driver_store = f->store;
	struct user user;
	bool created;
	if (!CHECK_OK(f->store.users.driver->ensure(f->store.users.self, STR("mei"), fixture_now_us(f), f->arena, &user,
	                                            &created, &err),
	              &err))
		die("no user");
	f->user_id = user.id;
	f->options = (struct job_engine_options){
		.store = &f->store,
		.clock = &f->clock,
		.events = { on_publish, f },
		.lease_ms = 60000, /* of the test's clock, and of real time until which a run trusts its lease */
		.heartbeat_ms = 50,
		.poll_ms = 20,
		.task_timeout_ms = 3600000,
		.running_max = 4,
		.compute_threads = 2,
		.store_threads = 2,
		.events_kept_ms = 24 * 3600000,
		.draft_kept_ms = 24 * 3600000,
	};
}

void fixture_close(struct fixture *f)
{
	f->driver_store.close(f->driver_store.self);
	for (size_t i = 0; i < f->published_count; i++) free(f->published[i].data);
	char command[128];
	(void)snprintf(command, sizeof command, "rm -rf %s", f->dir);
	if (system(command) != 0) (void)printf("%s is left behind\n", f->dir);
	arena_destroy(&f->arena);
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
}

void fixture_move_clock(struct fixture *f, int64_t ms) { atomic_fetch_add(&f->clock_us, ms * 1000); }

void fixture_start(struct fixture *f, struct watch *watch)
{
	struct error err;
	char name[UUID_TEXT_BYTES];
	uuid_make(name);
	watch->fixture = f;
	f->options.worker_name = str_from(name);
	f->options.pause_point = on_point;
	f->options.pause_point_self = watch;
	if (!CHECK_OK(job_engine_start(&f->options, &watch->engine, &err), &err)) die("no engine");
}

void fixture_stop(struct watch *watch) { job_engine_stop(&watch->engine, FIXTURE_WAIT_MS); }

struct str fixture_create(struct fixture *f, const Petfood__V1__CreatePlanRequest *request, enum task_type type,
                          const char *lang, bool keeps_plan)
{
	struct error err;
	char id[UUID_TEXT_BYTES], plan_id[UUID_TEXT_BYTES];
	uuid_make(id);
	uuid_make(plan_id);
	struct task task = {
		.id = str_dup(f->arena, str_from(id)),
		.user_id = f->user_id,
		.type = type,
		.status = TASK_PENDING,
		.lang = str_from(lang),
		.keeps_plan = keeps_plan,
		.plan_id = type == TASK_TYPE_BENCH ? STR("") : str_from(plan_id),
		.created_at_us = fixture_now_us(f),
	};
	task.updated_at_us = task.created_at_us;
	if (!CHECK_OK(message_pack(f->arena, &request->base, &task.input, &err), &err)) die("pack");
	struct job_event created = { .type = "task_created", .task_id = task.id };
	struct str event = job_event_print(f->arena, &created, 0, task.created_at_us);
	struct task_limits limits = { 0 };
	bool replayed;
	struct str reply;
	const struct task_store *tasks = &f->driver_store.tasks;
	event_order_take(&f->options.events, task.id);
	if (!CHECK_OK(
	        tasks->driver->create(tasks->self, &task, event, &limits, NULL, f->arena, &replayed, &reply, &err),
	        &err))
		die("create");
	on_publish(f, task.id, 1, false, event);
	event_order_give(&f->options.events, task.id);
	return task.id;
}

struct str fixture_create_bench(struct fixture *f, uint32_t events, uint32_t interval_ms)
{
	Petfood__V1__CreatePlanRequest request;
	petfood__v1__create_plan_request__init(&request);
	petfood_v1_create_plan_request_set_events(&request, events);
	petfood_v1_create_plan_request_set_interval_ms(&request, interval_ms);
	return fixture_create(f, &request, TASK_TYPE_BENCH, "en", false);
}

bool fixture_cancel(struct fixture *f, struct str id, struct job_engine *engine, struct error *err)
{
	const struct task_store *tasks = &f->driver_store.tasks;
	int64_t now_us = fixture_now_us(f);
	struct str event = job_event_print_error(f->arena, id, STR("cancelled"), now_us);
	uint64_t last = 0;
	event_order_take(&f->options.events, id);
	bool ok = tasks->driver->cancel(tasks->self, f->user_id, id, now_us, event, STR("cancelled"), NULL, NULL, NULL, NULL,
	                                &last, err);
	if (ok) on_publish(f, id, last, true, event);
	event_order_give(&f->options.events, id);
	if (ok && engine) job_engine_cancel(engine, id);
	return ok;
}

/* ---- waiting ---- */

static bool wait_until(struct fixture *f, bool (*holds)(void *self), void *self, const char *what)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += FIXTURE_WAIT_MS / 1000;
	pthread_mutex_lock(&f->lock);
	bool ok;
	while (!(ok = holds(self)) && pthread_cond_timedwait(&f->changed, &f->lock, &until) == 0) {
	}
	pthread_mutex_unlock(&f->lock);
	return CHECK_ROW(what, ok);
}

struct wait_terminal {
	struct fixture *f;
	struct str id;
};
static bool has_terminal(void *self)
{
	struct wait_terminal *w = self;
	for (size_t i = 0; i < w->f->published_count; i++)
		if (w->f->published[i].terminal && str_equal(str_from(w->f->published[i].task_id), w->id)) return true;
	return false;
}
bool fixture_wait_terminal(struct fixture *f, struct str id)
{
	struct wait_terminal w = { f, id };
	return wait_until(f, has_terminal, &w, "waited for a terminal event");
}

struct wait_point {
	struct watch *watch;
	const char *point;
	size_t times;
};
static size_t count_point(struct watch *watch, const char *point)
{
	size_t n = 0, len = strlen(point);
	bool any = len && point[len - 1] == ':';
	for (size_t i = 0; i < watch->count; i++)
		n += any ? strncmp(watch->points[i], point, len) == 0 : strcmp(watch->points[i], point) == 0;
	return n;
}
static bool has_point(void *self)
{
	struct wait_point *w = self;
	return count_point(w->watch, w->point) >= w->times;
}
bool fixture_wait_point(struct watch *watch, const char *point, size_t times)
{
	struct wait_point w = { watch, point, times };
	return wait_until(watch->fixture, has_point, &w, point);
}
size_t watch_count(struct watch *watch, const char *point)
{
	pthread_mutex_lock(&watch->fixture->lock);
	size_t n = count_point(watch, point);
	pthread_mutex_unlock(&watch->fixture->lock);
	return n;
}

static bool is_held(void *self) { return ((struct watch *)self)->held; }
bool fixture_wait_held(struct watch *watch) { return wait_until(watch->fixture, is_held, watch, watch->hold_at); }
void fixture_let_go(struct watch *watch)
{
	pthread_mutex_lock(&watch->fixture->lock);
	watch->let_go = true;
	pthread_cond_broadcast(&watch->fixture->changed);
	pthread_mutex_unlock(&watch->fixture->lock);
}

/* ---- what is stored ---- */

struct task fixture_task(struct fixture *f, struct str id)
{
	struct error err;
	struct task task = { 0 };
	const struct task_store *tasks = &f->driver_store.tasks;
	(void)CHECK_OK(tasks->driver->get_whole(tasks->self, f->user_id, id, f->arena, &task, &err), &err);
	return task;
}

size_t fixture_log(struct fixture *f, struct str id, struct log_line **out)
{
	struct error err;
	struct task_event *events = NULL;
	size_t count = 0;
	struct task_head head;
	const struct task_store *tasks = &f->driver_store.tasks;
	if (!CHECK_OK(tasks->driver->events(tasks->self, f->user_id, id, 0, 100000, SIZE_MAX / 2, f->arena, &events,
	                                    &count, &head, &err),
	              &err))
		return 0;
	CHECK(head.last == count);
	struct log_line *lines = arena_new_array(f->arena, struct log_line, count + 1);
	struct json_parse_options lenient = { 0 };
	for (size_t i = 0; i < count; i++) {
		CHECK(events[i].number == i + 1);
		Petfood__V1__ProgressEvent *m = arena_new(f->arena, Petfood__V1__ProgressEvent);
		petfood__v1__progress_event__init(m);
		(void)CHECK_OK(json_to_message(f->arena, events[i].data, message_side_of(m->base.descriptor), &lenient,
		                               &m->base, &err),
		               &err);
		lines[i] = (struct log_line){ events[i].data, events[i].terminal, m };
	}
	*out = lines;
	return count;
}

size_t log_count(const struct log_line *lines, size_t count, const char *type)
{
	size_t n = 0;
	for (size_t i = 0; i < count; i++) n += strcmp(lines[i].event->type, type) == 0;
	return n;
}

void fixture_check_log(struct fixture *f, struct str id, const char *label)
{
	struct log_line *lines = NULL;
	size_t count = fixture_log(f, id, &lines);
	uint32_t progress = 0;
	for (size_t i = 0; i < count; i++) {
		CHECK_ROW(label, lines[i].terminal == (i + 1 == count));
		CHECK_ROW(label, lines[i].event->timestamp != NULL);
		CHECK_ROW(label, memchr(lines[i].data.ptr, '\n', lines[i].data.len) == NULL);
		uint32_t shown = petfood_v1_progress_event_progress_or(lines[i].event, progress);
		CHECK_ROW(label, shown >= progress && shown <= 100);
		progress = shown;
	}
	/* Published after the commit, each once at most, the bytes of the log, in order. */
	uint64_t last = 0;
	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->published_count; i++) {
		struct published *p = &f->published[i];
		if (!str_equal(str_from(p->task_id), id)) continue;
		CHECK_ROW(label, (p->number > last || f->several) && p->number <= count);
		if (p->number >= 1 && p->number <= count)
			CHECK_ROW(label, str_equal((struct str){ p->data, p->len }, lines[p->number - 1].data));
		last = p->number;
	}
	pthread_mutex_unlock(&f->lock);
}

/* ---- a store that fails ---- */

static struct fixture *failing; /* the driver's functions get the real driver's self */

/* True: this is the call. *out_first: carry it out before failing. */
static bool fault_now(bool *out_first)
{
	bool now = atomic_fetch_add(&failing->calls, 1) + 1 == atomic_load(&failing->fail_call);
	*out_first = now && failing->fail_kind == FAULT_UNCERTAIN_WRITTEN;
	if (now) atomic_store(&failing->fired, true);
	return now;
}

static bool fault_raise(struct error *err)
{
	if (failing->fail_kind == FAULT_DOWN) return error_set(err, RPC_UNAVAILABLE, "STORE_DOWN", "scripted");
	if (failing->fail_kind == FAULT_BROKEN) return error_set(err, RPC_INTERNAL, "INTERNAL", "scripted");
	return error_set(err, RPC_UNKNOWN, REASON_WRITE_UNCERTAIN, "scripted");
}

#define REAL (failing->driver_store.tasks.driver)
#define FAILING(call) \
	do { \
		bool first, now = fault_now(&first); \
		if (!now) return call; \
		if (first) (void)!(call); \
		return fault_raise(err); \
	} while (0)

static bool failing_claim(void *self, struct str worker, int64_t now_us, int64_t lease_ms, struct arena *arena,
                          struct task *out, struct error *err)
{
	/* A claim whose answer is lost leaves a lease that must run out; other tests cover that. */
	bool first;
	if (!fault_now(&first)) {
		bool ok = REAL->claim(self, worker, now_us, lease_ms, arena, out, err);
		if (ok && failing->after_claim) failing->after_claim(failing, out->id);
		return ok;
	}
	return error_set(err, RPC_UNAVAILABLE, "STORE_DOWN", "scripted");
}
static bool failing_heartbeat(void *self, struct str id, uint32_t attempt, int64_t now_us, int64_t lease_ms,
                              struct error *err)
{
	bool first, ok;
	if (fault_now(&first)) {
		if (first) (void)!REAL->heartbeat(self, id, attempt, now_us, lease_ms, err);
		return fault_raise(err);
	}
	ok = REAL->heartbeat(self, id, attempt, now_us, lease_ms, err);
	if (!ok && error_is(err, "TASK_MOVED")) atomic_fetch_add(&failing->beats_moved, 1);
	return ok;
}
static bool failing_append(void *self, struct str id, uint32_t attempt, int64_t now_us, const struct task_append *what,
                           uint64_t *out_first, struct error *err)
{
	FAILING(REAL->append(self, id, attempt, now_us, what, out_first, err));
}
static bool failing_complete(void *self, struct str id, uint32_t attempt, int64_t now_us,
                             const struct task_append *what, struct str terminal_event, struct str output,
                             const struct plan_record *plan, uint64_t *out_last, struct error *err)
{
	bool first, ok;
	if (fault_now(&first)) {
		if (first)
			(void)!REAL->complete(self, id, attempt, now_us, what, terminal_event, output, plan, out_last,
			                      err);
		return fault_raise(err);
	}
	ok = REAL->complete(self, id, attempt, now_us, what, terminal_event, output, plan, out_last, err);
	if (failing->after_complete) failing->after_complete(failing);
	return ok;
}
static bool failing_fail(void *self, struct str id, uint32_t attempt, int64_t now_us, struct str reason,
                         struct str message, struct str terminal_event, uint64_t *out_last, struct error *err)
{
	FAILING(REAL->fail(self, id, attempt, now_us, reason, message, terminal_event, out_last, err));
}
static bool failing_checkpoints(void *self, struct str id, struct arena *arena, struct checkpoint **out,
                                size_t *out_count, struct error *err)
{
	FAILING(REAL->checkpoints(self, id, arena, out, out_count, err));
}

void fixture_make_failing(struct fixture *f, enum fault kind, int nth)
{
	failing = f;
	f->failing = *f->driver_store.tasks.driver;
	f->failing.claim = failing_claim;
	f->failing.heartbeat = failing_heartbeat;
	f->failing.append = failing_append;
	f->failing.complete = failing_complete;
	f->failing.fail = failing_fail;
	f->failing.checkpoints = failing_checkpoints;
	f->store.tasks.driver = &f->failing;
	f->fail_kind = (int)kind;
	atomic_store(&f->fail_call, nth);
}
