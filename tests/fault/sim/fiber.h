/* tests/fault/sim/fiber.h: the threads and the clock of a simulated world. All of its threads are fibers on one real thread, one
 * goes on at a time, and which one is drawn from the schedule's seed; time passes when they have worked or when all of them
 * wait. So a schedule is the same every time it is run. Fibers change hands where a real thread would block, before it takes a
 * lock, and at the points that the simulation names; never inside a statement of SQLite. */
#ifndef PETFOOD_TESTS_FAULT_SIM_FIBER_H
#define PETFOOD_TESTS_FAULT_SIM_FIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OUTSIDE = 0 }; /* the process of those that cannot crash: clients, the director */
#define SIM_FOREVER INT64_MAX

void fibers_init(uint64_t seed);
/* Drawn from the seed. */
uint64_t sim_random(void);
uint32_t sim_below(uint32_t n);                 /* 0..n-1; n > 0 */
int64_t sim_between(int64_t low, int64_t high); /* both included */
bool sim_chance(uint32_t permille);

int64_t sim_steady_us(void); /* never goes back */
int64_t sim_wall_us(void);   /* what clocks on the wall show */
void sim_wall_jump(int64_t us);
int64_t sim_wall_offset_us(void);

/* The name is borrowed. Gives its number, 1 and up, for fiber_join. */
unsigned fiber_start(int process, const char *name, void *(*run)(void *self), void *self);
void *fiber_join(unsigned number);
/* One that nobody joins. */
void fiber_go(int process, const char *name, void *(*run)(void *self), void *self);
int fiber_process(void);
const char *fiber_name(void);
unsigned fiber_number(void); /* 0 outside of all */
void fiber_yield(void);
void fiber_sleep_ms(int64_t ms);
/* Until somebody wakes the channel, or the instant has come (false). */
bool fiber_wait(const void *channel, int64_t until_us);
void fiber_wake(const void *channel, bool all);

/* Those of a process, but for the running one, never go on, wherever they stand; the locks that they held are free. */
void fibers_kill(int process);
_Noreturn void fiber_die(void);
void fibers_pause(int process, bool paused);

/* Runs the world until `director` has returned. False: nobody can go on any more; says who waits for what. */
bool fibers_run(void *(*director)(void *self), void *self, size_t turns_max);
size_t fiber_turns(void);
void fibers_say(const char *why); /* who waits */

/* ---- locks, for the wrapped pthread functions ---- */
struct sim_lock { /* lies in a pthread_mutex_t; all zero = free */
	unsigned owner;
	unsigned waiters;
};
void sim_lock_take(struct sim_lock *lock);
bool sim_lock_try(struct sim_lock *lock);
void sim_lock_give(struct sim_lock *lock);

/* With --show: a line of the trace. */
extern bool sim_show;
void sim_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
