#include "rpc/job/order.h"

#include <pthread.h>
#include <stdatomic.h>

#include "rpc/job/engine.h"

/* Tasks that meet in a group share its lock for a moment, never a turn: a commit may be stuck for seconds, and whoever waits for
 * one holds a thread. */
enum { GROUPS = 64 };
struct turn {
	const void *out;
	struct str task_id; /* borrowed until the turn is given up */
	struct turn *next;
};
static struct group {
	pthread_mutex_t lock;
	pthread_cond_t given; /* some turn of the group */
	struct turn *taken;
} groups[GROUPS];
static _Thread_local struct turn own;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_size_t waiting;

static void init(void)
{
	for (size_t i = 0; i < GROUPS; i++)
		if (pthread_mutex_init(&groups[i].lock, NULL) != 0 || pthread_cond_init(&groups[i].given, NULL) != 0)
			die("no mutex");
}

static struct group *group_of(const struct event_out *out, struct str task_id)
{
	uint32_t hash = 2166136261u ^ (uint32_t)((uintptr_t)out->self >> 3); /* FNV-1a, 32 bits */
	for (size_t i = 0; i < task_id.len; i++) hash = (hash ^ (unsigned char)task_id.ptr[i]) * 16777619u;
	(void)pthread_once(&once, init);
	return &groups[(hash ^ hash >> 16) % GROUPS];
}

static bool is_taken(const struct group *group, const void *out, struct str task_id)
{
	const struct turn *turn = group->taken;
	while (turn && !(turn->out == out && str_equal(turn->task_id, task_id))) turn = turn->next;
	return turn != NULL;
}

void event_order_take(const struct event_out *out, struct str task_id)
{
	struct group *group = group_of(out, task_id);
	(void)pthread_mutex_lock(&group->lock);
	if (is_taken(group, out->self, task_id)) {
		atomic_fetch_add(&waiting, 1);
		do (void)pthread_cond_wait(&group->given, &group->lock);
		while (is_taken(group, out->self, task_id));
		atomic_fetch_sub(&waiting, 1);
	}
	own = (struct turn){ out->self, task_id, group->taken };
	group->taken = &own;
	(void)pthread_mutex_unlock(&group->lock);
}

void event_order_give(const struct event_out *out, struct str task_id)
{
	struct group *group = group_of(out, task_id);
	(void)pthread_mutex_lock(&group->lock);
	struct turn **at = &group->taken;
	while (*at != &own) at = &(*at)->next;
	*at = own.next;
	(void)pthread_cond_broadcast(&group->given);
	(void)pthread_mutex_unlock(&group->lock);
}

size_t event_order_waiting(void) { return atomic_load(&waiting); }
