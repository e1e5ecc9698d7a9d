#include "rpc/job/order.h"

#include <pthread.h>
#include <stdatomic.h>

#include "rpc/job/engine.h"

/* A turn lasts one commit; so many that writes of different tasks seldom meet and still share commits. */
enum { TURNS = 256 };
static pthread_mutex_t turns[TURNS];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_size_t waiting;

static void init(void)
{
	for (size_t i = 0; i < TURNS; i++)
		if (pthread_mutex_init(&turns[i], NULL) != 0) die("no mutex");
}

static pthread_mutex_t *turn_of(const struct event_out *out, struct str task_id)
{
	uint32_t hash = 2166136261u ^ (uint32_t)((uintptr_t)out->self >> 3); /* FNV-1a, 32 bits */
	for (size_t i = 0; i < task_id.len; i++) hash = (hash ^ (unsigned char)task_id.ptr[i]) * 16777619u;
	(void)pthread_once(&once, init);
	return &turns[(hash ^ hash >> 16) % TURNS];
}

void event_order_take(const struct event_out *out, struct str task_id)
{
	pthread_mutex_t *turn = turn_of(out, task_id);
	if (pthread_mutex_trylock(turn) == 0) return;
	atomic_fetch_add(&waiting, 1);
	(void)pthread_mutex_lock(turn);
	atomic_fetch_sub(&waiting, 1);
}

void event_order_give(const struct event_out *out, struct str task_id)
{
	(void)pthread_mutex_unlock(turn_of(out, task_id));
}

size_t event_order_waiting(void) { return atomic_load(&waiting); }
