/* tests/contract/world.h: what a rule of the contract works with: a fresh store, two users, and an instant that only the rule
 * moves. Included by the parts of the contract only; each counts its own checks. */
#ifndef PETFOOD_TESTS_CONTRACT_WORLD_H
#define PETFOOD_TESTS_CONTRACT_WORLD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "store/base/uuid.h"
#include "tests/contract/store_contract.h"
#include "tests/support/check.h"

enum { LEASE_MS = 6000, SECOND_US = 1000000 };
#define START_US INT64_C(1767323045123456) /* 2026-01-02 */

struct world {
	const struct store_contract *contract;
	struct store store;
	struct arena *arena;
	struct error err;
	int64_t now_us;
	struct str alice, bob; /* user ids */
};

struct store_rule {
	const char *says;
	void (*check)(struct world *w);
};

/* Shorthand: the driver's functions with their self. */
#define TASKS(w, fn, ...) (w)->store.tasks.driver->fn((w)->store.tasks.self, __VA_ARGS__)
#define PLANS(w, fn, ...) (w)->store.plans.driver->fn((w)->store.plans.self, __VA_ARGS__)
#define USERS(w, fn, ...) (w)->store.users.driver->fn((w)->store.users.self, __VA_ARGS__)

/* What stands for "no idempotency key" in a write. */
#define NO_KEY NULL, NULL, NULL, NULL

/* The call must fail, with exactly this code and reason. */
#define CHECK_FAILS(w, call, want_code, want_reason) \
	do { \
		error_clear(&(w)->err); \
		if (CHECK(!(call)) && !CHECK((w)->err.code == (want_code) && error_is(&(w)->err, (want_reason)))) \
			(void)printf("  got %s/%s: %s\n", rpc_code_name((w)->err.code), (w)->err.reason, (w)->err.message); \
	} while (0)

static inline struct str new_id(struct arena *arena)
{
	char text[UUID_TEXT_BYTES];
	uuid_make(text);
	return str_dup(arena, str_from(text));
}

static inline struct str world_user(struct world *w, struct str name)
{
	struct user user = { 0 };
	bool created = false;
	CHECK_OK(USERS(w, ensure, name, w->now_us, w->arena, &user, &created, &w->err), &w->err);
	return user.id;
}

/* A pending task made now; the next one is made a microsecond later. */
static inline struct task world_task(struct world *w, struct str user_id)
{
	struct task task = { .id = new_id(w->arena), .user_id = user_id, .type = TASK_TYPE_DIET_PLAN, .lang = STR("zh"),
		             .input = STR("\x01\x00in"), .plan_id = new_id(w->arena), .created_at_us = w->now_us++ };
	bool replayed = true;
	struct str reply = STR("?");
	CHECK_OK(TASKS(w, create, &task, STR("{\"type\":\"task_created\"}"), NULL, NULL, w->arena, &replayed, &reply, &w->err), &w->err);
	CHECK(!replayed && reply.len == 0);
	return task;
}

static inline struct task world_claim(struct world *w)
{
	struct task task = { 0 };
	CHECK_OK(TASKS(w, claim, STR("worker"), w->now_us, LEASE_MS, w->arena, &task, &w->err), &w->err);
	return task;
}

static inline struct task world_get(struct world *w, struct str id)
{
	struct task task = { 0 };
	CHECK_OK(TASKS(w, get_whole, STR_NONE, id, w->arena, &task, &w->err), &w->err);
	return task;
}

/* Adds one event; its number, 0 if it was refused. */
static inline uint64_t world_append(struct world *w, const struct task *task, struct str data)
{
	uint64_t first = 0;
	struct task_append what = { .event_count = 1, .events = &data, .progress = -1 };
	return TASKS(w, append, task->id, task->attempt, w->now_us, &what, &first, &w->err) ? first : 0;
}

/* A plan as a finished run stores it. */
static inline struct plan_record world_plan(const struct world *w, const struct task *task, bool confirmed)
{
	return (struct plan_record){ .id = task->plan_id, .user_id = task->user_id, .task_id = task->id, .pet_type = 2,
		                     .pet_breed = STR("柯基"), .pet_age = 30, .pet_weight = 4.5, .plan_data = STR("{\"a\": 1}"),
		                     .confirmed = confirmed, .created_at_us = w->now_us, .updated_at_us = w->now_us };
}

/* A task that has run to its end with a plan. */
static inline struct task world_completed(struct world *w, struct str user_id, bool confirmed)
{
	uint64_t last = 0;
	(void)world_task(w, user_id);
	struct task task = world_claim(w);
	struct plan_record plan = world_plan(w, &task, confirmed);
	CHECK_OK(TASKS(w, complete, task.id, task.attempt, w->now_us, NULL, STR("{\"type\":\"task_completed\"}"), STR("{\"out\":1}"), &plan,
	               &last, &w->err),
	         &w->err);
	CHECK(last == 2);
	return task;
}

/* G1 and G3 as a reader sees them: numbers 1..n dense, one terminal event exactly if the task has ended, and it is last. */
static inline void world_check_log(struct world *w, struct str id)
{
	struct task task = world_get(w, id);
	struct task_event *events = NULL;
	struct task_head head = { 0 };
	size_t count = 0;
	if (!CHECK_OK(TASKS(w, events, STR_NONE, id, 0, 100000, SIZE_MAX, w->arena, &events, &count, &head, &w->err), &w->err)) return;
	bool dense = true, one_end = true;
	for (size_t i = 0; i < count; i++) {
		dense = dense && events[i].number == i + 1;
		one_end = one_end && events[i].terminal == (task_status_is_final(task.status) && i + 1 == count);
	}
	CHECK(dense);
	CHECK(one_end);
	CHECK(count == task.last_event && head.last == task.last_event);
	CHECK(head.terminal == task_status_is_final(task.status));
}

/* Runs fn in `count` threads at once, each with its index. */
struct world_thread {
	struct world *w;
	void *ctx;
	size_t index;
	void (*fn)(struct world *w, void *ctx, size_t index);
	pthread_t thread;
	pthread_barrier_t *start;
};
static inline void *world_thread_run(void *self)
{
	struct world_thread *t = self;
	(void)pthread_barrier_wait(t->start);
	t->fn(t->w, t->ctx, t->index);
	return NULL;
}
static inline void world_threads(struct world *w, size_t count, void (*fn)(struct world *w, void *ctx, size_t index), void *ctx)
{
	struct world_thread *threads = arena_new_array(w->arena, struct world_thread, count);
	pthread_barrier_t start;
	(void)pthread_barrier_init(&start, NULL, (unsigned)count);
	for (size_t i = 0; i < count; i++) {
		threads[i] = (struct world_thread){ .w = w, .ctx = ctx, .index = i, .fn = fn, .start = &start };
		if (pthread_create(&threads[i].thread, NULL, world_thread_run, &threads[i]) != 0) die("no thread");
	}
	for (size_t i = 0; i < count; i++) (void)pthread_join(threads[i].thread, NULL);
	(void)pthread_barrier_destroy(&start);
}

static inline int world_run(const struct store_contract *contract, const char *part, const struct store_rule *rules, size_t count)
{
	char name[128];
	for (size_t i = 0; i < count; i++) {
		struct world w = { .contract = contract, .now_us = START_US };
		int failed_before = check_failed_count;
		if (!CHECK_ROW(rules[i].says, contract->open_empty(&w.store))) continue;
		w.arena = arena_create(0);
		w.alice = world_user(&w, STR("alice"));
		w.bob = world_user(&w, STR("bob"));
		rules[i].check(&w);
		w.store.close(w.store.self);
		arena_destroy(&w.arena);
		if (check_failed_count != failed_before) (void)printf("BROKEN %s: %s\n", contract->driver, rules[i].says);
	}
	(void)snprintf(name, sizeof name, "%s %s, %zu rules", contract->driver, part, count);
	return check_done(name);
}

#endif
