#include "tests/fault/sim/fiber.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "store/base/error.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

enum {
	FIBERS_MAX = 4096,
	PROCESSES_MAX = 16,
	HELD_MAX = 8,
	STACK_BYTES = 512 * 1024,
	TURN_US_MAX = 40,      /* a turn takes up to so long */
	SPURIOUS_PERMILLE = 5, /* wakes that nobody asked for, as conditions may have */
};
#define STEADY_BASE_US 1000000000
#define WALL_BASE_US INT64_C(1767323045000000) /* 2026-01-02T03:04:05Z */

enum state { FREE, READY, WAITING, DONE, DEAD };
struct fiber {
	enum state state;
	int process;
	unsigned weight; /* how often it is drawn: some threads are slow */
	const char *name;
	void *(*run)(void *self);
	void *self, *result;
	const void *channel;
	int64_t until_us;
	bool woken;
	size_t held_count;
	struct sim_lock *held[HELD_MAX];
	char *stack; /* its lower end */
	size_t stack_bytes;
	bool alone; /* nobody joins it */
	ucontext_t context;
	void *fake_stack, *tsan; /* the sanitizers' */
};

static struct fiber fibers[FIBERS_MAX]; /* [0] is the scheduler */
static unsigned fiber_count = 1, current;
static bool paused[PROCESSES_MAX];
static uint64_t random_state;
static int64_t steady_us, wall_offset_us;
static size_t turns;
bool sim_show;

/* ---- chance and time ---- */

uint64_t sim_random(void) /* splitmix64 */
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}
uint32_t sim_below(uint32_t n) { return (uint32_t)(sim_random() % n); }
int64_t sim_between(int64_t low, int64_t high) { return low + (int64_t)(sim_random() % (uint64_t)(high - low + 1)); }
bool sim_chance(uint32_t permille) { return sim_below(1000) < permille; }

int64_t sim_steady_us(void) { return steady_us; }
int64_t sim_wall_us(void) { return WALL_BASE_US + steady_us + wall_offset_us; }
void sim_wall_jump(int64_t us) { wall_offset_us += us; }
int64_t sim_wall_offset_us(void) { return wall_offset_us; }

void sim_trace(const char *format, ...)
{
	if (!sim_show) return;
	va_list args;
	va_start(args, format);
	(void)printf("%10.3f  %d %-8s ", (double)(steady_us - STEADY_BASE_US) / 1000, fibers[current].process,
	             fibers[current].name ? fibers[current].name : "");
	(void)vprintf(format, args);
	(void)putchar('\n');
	va_end(args);
}

/* ---- switching ---- */

static void leave(unsigned to, bool for_good)
{
	struct fiber *from = &fibers[current], *next = &fibers[to];
	current = to;
#ifdef __SANITIZE_ADDRESS__
	__sanitizer_start_switch_fiber(for_good ? NULL : &from->fake_stack, next->stack, next->stack_bytes);
#else
	(void)for_good;
#endif
#ifdef __SANITIZE_THREAD__
	__tsan_switch_to_fiber(next->tsan, 0);
#endif
	if (swapcontext(&from->context, &next->context) != 0) die("swapcontext");
#ifdef __SANITIZE_ADDRESS__
	__sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
}

static void enter(void)
{
	struct fiber *fiber = &fibers[current];
#ifdef __SANITIZE_ADDRESS__
	const void *bottom = NULL;
	size_t size = 0;
	__sanitizer_finish_switch_fiber(NULL, &bottom, &size);
	fibers[0].stack = (char *)(uintptr_t)bottom; /* only the scheduler starts fibers */
	fibers[0].stack_bytes = size;
#endif
	fiber->result = fiber->run(fiber->self);
	if (fiber->held_count) die("fiber %s ends with a lock", fiber->name);
	fiber->state = fiber->alone ? FREE : DONE;
	fiber_wake(fiber, true);
	leave(0, true);
}

static void prepare(struct fiber *fiber)
{
	if (getcontext(&fiber->context) != 0) die("getcontext");
	fiber->context.uc_stack.ss_sp = fiber->stack;
	fiber->context.uc_stack.ss_size = fiber->stack_bytes;
	makecontext(&fiber->context, enter, 0);
}

static unsigned start(int process, const char *name, void *(*run)(void *self), void *self, bool alone)
{
	static const unsigned weights[] = { 1, 4, 4, 16 };
	unsigned n = 1;
	while (n < fiber_count && fibers[n].state != FREE) n++;
	if (n == FIBERS_MAX) die("more than %d fibers", FIBERS_MAX);
	if (n == fiber_count) fiber_count++;
	struct fiber *fiber = &fibers[n];
	char *stack = fiber->stack;
	if (!stack) {
		stack =
		    mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (stack == MAP_FAILED) die("no stack");
	}
	*fiber = (struct fiber){ .state = READY,
		                 .process = process,
		                 .name = name,
		                 .run = run,
		                 .self = self,
		                 .stack = stack,
		                 .stack_bytes = STACK_BYTES,
		                 .alone = alone,
		                 .weight = weights[sim_below((uint32_t)COUNT(weights))],
		                 .until_us = SIM_FOREVER };
	prepare(fiber);
#ifdef __SANITIZE_THREAD__
	fiber->tsan = __tsan_create_fiber(0);
#endif
	return n;
}

unsigned fiber_start(int process, const char *name, void *(*run)(void *self), void *self)
{
	return start(process, name, run, self, false);
}
void fiber_go(int process, const char *name, void *(*run)(void *self), void *self)
{
	(void)start(process, name, run, self, true);
}

static void wait_here(void) { leave(0, false); }

int fiber_process(void) { return fibers[current].process; }
const char *fiber_name(void) { return fibers[current].name ? fibers[current].name : ""; }
unsigned fiber_number(void) { return current; }

void fiber_yield(void)
{
	if (current) wait_here();
}

bool fiber_wait(const void *channel, int64_t until_us)
{
	struct fiber *fiber = &fibers[current];
	fiber->channel = channel;
	fiber->until_us = until_us;
	fiber->woken = false;
	fiber->state = WAITING;
	wait_here();
	return fiber->woken;
}

void fiber_sleep_ms(int64_t ms)
{
	int64_t until_us = steady_us + ms * 1000;
	while (steady_us < until_us) (void)fiber_wait(NULL, until_us);
}

static void make_ready(struct fiber *fiber, bool woken)
{
	fiber->state = READY;
	fiber->woken = woken;
	fiber->channel = NULL;
	fiber->until_us = SIM_FOREVER;
}

void fiber_wake(const void *channel, bool all)
{
	/* From a random place on: no order among those who wait. */
	unsigned from = sim_below(fiber_count);
	for (unsigned i = 0; i < fiber_count; i++) {
		struct fiber *fiber = &fibers[(from + i) % fiber_count];
		if (fiber->state != WAITING || fiber->channel != channel) continue;
		make_ready(fiber, true);
		if (!all) return;
	}
}

void *fiber_join(unsigned number)
{
	struct fiber *fiber = &fibers[number];
	while (fiber->state != DONE) (void)fiber_wait(fiber, SIM_FOREVER);
	fiber->state = FREE;
	return fiber->result;
}

/* ---- locks ---- */

bool sim_lock_try(struct sim_lock *lock)
{
	struct fiber *fiber = &fibers[current];
	if (lock->owner) return false;
	if (fiber->held_count == HELD_MAX) die("a fiber holds more than %d locks", HELD_MAX);
	lock->owner = current + 1;
	fiber->held[fiber->held_count++] = lock;
	return true;
}

void sim_lock_take(struct sim_lock *lock)
{
	if (lock->owner == current + 1) die("%s takes a lock that it has", fiber_name());
	if (current && sim_chance(120)) fiber_yield();
	while (!sim_lock_try(lock)) {
		if (!current) die("the scheduler cannot wait");
		(void)fiber_wait(lock, SIM_FOREVER);
	}
}

static void let_go(struct sim_lock *lock)
{
	lock->owner = 0;
	fiber_wake(lock, false);
}

void sim_lock_give(struct sim_lock *lock)
{
	struct fiber *fiber = &fibers[current];
	size_t i = 0;
	while (i < fiber->held_count && fiber->held[i] != lock) i++;
	if (i == fiber->held_count) die("%s gives a lock that it has not", fiber_name());
	fiber->held[i] = fiber->held[--fiber->held_count];
	let_go(lock);
}

/* ---- processes ---- */

static void die_now(struct fiber *fiber)
{
	fiber->state = DEAD; /* its stack stays: others may hold what lies there */
	while (fiber->held_count) let_go(fiber->held[--fiber->held_count]);
}

void fibers_kill(int process)
{
	for (unsigned i = 1; i < fiber_count; i++) {
		struct fiber *fiber = &fibers[i];
		if (fiber->process == process && i != current && (fiber->state == READY || fiber->state == WAITING))
			die_now(fiber);
	}
}

void fiber_die(void)
{
	die_now(&fibers[current]);
	leave(0, true);
	abort();
}

void fibers_pause(int process, bool is_paused) { paused[process] = is_paused; }

/* ---- the scheduler ---- */

void fibers_init(uint64_t seed)
{
	random_state = seed;
	steady_us = STEADY_BASE_US;
#ifdef __SANITIZE_THREAD__
	fibers[0].tsan = __tsan_get_current_fiber();
#endif
}

size_t fiber_turns(void) { return turns; }

static bool may_run(const struct fiber *fiber) { return fiber->state == READY && !paused[fiber->process]; }

/* 0: all wait. */
static unsigned draw(void)
{
	unsigned total = 0;
	for (unsigned i = 1; i < fiber_count; i++)
		if (may_run(&fibers[i])) total += fibers[i].weight;
	if (total == 0) return 0;
	unsigned at = sim_below(total);
	for (unsigned i = 1;; i++) {
		if (!may_run(&fibers[i])) continue;
		if (at < fibers[i].weight) return i;
		at -= fibers[i].weight;
	}
}

static void wake_due(void)
{
	for (unsigned i = 1; i < fiber_count; i++) {
		struct fiber *fiber = &fibers[i];
		if (fiber->state == WAITING &&
		    (fiber->until_us <= steady_us ||
		     (fiber->channel && fiber->until_us != SIM_FOREVER && !paused[fiber->process] &&
		      (turns & 63) == 0 && sim_chance(SPURIOUS_PERMILLE))))
			make_ready(fiber, false);
	}
}

/* False: nobody waits for an instant. */
static bool pass_time(void)
{
	int64_t next_us = SIM_FOREVER;
	for (unsigned i = 1; i < fiber_count; i++)
		if (fibers[i].state == WAITING && fibers[i].until_us < next_us && !paused[fibers[i].process])
			next_us = fibers[i].until_us;
	if (next_us == SIM_FOREVER) return false;
	if (next_us > steady_us) steady_us = next_us;
	return true;
}

void fibers_say(const char *why)
{
	static const char *const names[] = { "free", "ready", "waiting", "done", "dead" };
	(void)printf("%s:\n", why);
	for (unsigned i = 1; i < fiber_count; i++)
		if (fibers[i].state == READY || fibers[i].state == WAITING)
			(void)printf("  process %d, %s: %s%s\n", fibers[i].process, fibers[i].name,
			             names[fibers[i].state], paused[fibers[i].process] ? ", paused" : "");
}

bool fibers_run(void *(*director)(void *self), void *self, size_t turns_max)
{
	unsigned first = fiber_start(OUTSIDE, "director", director, self);
	while (fibers[first].state != DONE) {
		wake_due();
		unsigned next = draw();
		if (next == 0) {
			if (pass_time()) continue;
			fibers_say("nobody can go on");
			return false;
		}
		if (++turns > turns_max) {
			fibers_say("too many turns");
			return false;
		}
		steady_us += 1 + sim_below(TURN_US_MAX);
		leave(next, false);
	}
	return true;
}
