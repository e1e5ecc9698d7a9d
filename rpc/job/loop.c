#include "rpc/job/loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "store/base/time.h"

enum { LOOP_IDLE_MS = 60000 }; /* longest sleep with no timer set */

struct loop {
	pthread_t thread;
	pthread_mutex_t lock; /* guards first, last */
	pthread_cond_t posted;
	struct loop_item *first, *last;
	struct loop_timer **heap; /* loop thread only; smallest due_ms at [0] */
	size_t timer_count, timer_cap;
	bool ending; /* loop thread only */
	atomic_llong last_turn_ms;
};

/* ---- the heap ---- */

static void heap_place(struct loop *loop, size_t i, struct loop_timer *timer)
{
	loop->heap[i] = timer;
	timer->slot = i + 1;
}

static void heap_rise(struct loop *loop, size_t i)
{
	struct loop_timer *timer = loop->heap[i];
	for (; i > 0 && loop->heap[(i - 1) / 2]->due_ms > timer->due_ms; i = (i - 1) / 2)
		heap_place(loop, i, loop->heap[(i - 1) / 2]);
	heap_place(loop, i, timer);
}

static void heap_sink(struct loop *loop, size_t i)
{
	struct loop_timer *timer = loop->heap[i];
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= loop->timer_count) break;
		if (child + 1 < loop->timer_count && loop->heap[child + 1]->due_ms < loop->heap[child]->due_ms) child++;
		if (loop->heap[child]->due_ms >= timer->due_ms) break;
		heap_place(loop, i, loop->heap[child]);
		i = child;
	}
	heap_place(loop, i, timer);
}

void loop_timer_clear(struct loop *loop, struct loop_timer *timer)
{
	if (timer->slot == 0) return;
	size_t i = timer->slot - 1;
	timer->slot = 0;
	struct loop_timer *moved = loop->heap[--loop->timer_count];
	if (moved == timer) return;
	heap_place(loop, i, moved);
	heap_rise(loop, i);
	heap_sink(loop, moved->slot - 1);
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t delay_ms)
{
	loop_timer_clear(loop, timer);
	if (loop->timer_count == loop->timer_cap) {
		loop->timer_cap = loop->timer_cap ? loop->timer_cap * 2 : 64;
		loop->heap = realloc(loop->heap, loop->timer_cap * sizeof(*loop->heap));
		if (!loop->heap) die("out of memory for timers");
	}
	timer->due_ms = time_monotonic_ms() + (delay_ms > 0 ? delay_ms : 0);
	heap_place(loop, loop->timer_count, timer);
	heap_rise(loop, loop->timer_count++);
}

/* ---- the thread ---- */

static void loop_run_due(struct loop *loop)
{
	int64_t now_ms = time_monotonic_ms();
	while (!loop->ending && loop->timer_count && loop->heap[0]->due_ms <= now_ms) {
		struct loop_timer *timer = loop->heap[0];
		loop_timer_clear(loop, timer);
		timer->run(timer->self);
	}
}

/* Takes everything that was posted; sleeps until there is something or the next timer is due. */
static struct loop_item *loop_take(struct loop *loop)
{
	int64_t now_ms = time_monotonic_ms();
	int64_t due_ms = loop->timer_count ? loop->heap[0]->due_ms : now_ms + LOOP_IDLE_MS;
	struct timespec until = { .tv_sec = (time_t)(due_ms / 1000), .tv_nsec = (long)(due_ms % 1000) * 1000000 };
	pthread_mutex_lock(&loop->lock);
	if (!loop->first && due_ms > now_ms) (void)pthread_cond_timedwait(&loop->posted, &loop->lock, &until);
	struct loop_item *items = loop->first;
	loop->first = loop->last = NULL;
	pthread_mutex_unlock(&loop->lock);
	return items;
}

static void *loop_main(void *self)
{
	struct loop *loop = self;
	while (!loop->ending) {
		atomic_store(&loop->last_turn_ms, time_monotonic_ms());
		struct loop_item *item = loop_take(loop);
		while (item && !loop->ending) {
			struct loop_item *next = item->next; /* running it may free or post it again */
			item->run(item->self);
			item = next;
		}
		loop_run_due(loop);
	}
	return NULL;
}

bool loop_start(struct loop **out, struct error *err)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	if (!loop) die("out of memory for the job loop");
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&loop->posted, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&loop->lock, NULL);
	atomic_store(&loop->last_turn_ms, time_monotonic_ms());
	if (pthread_create(&loop->thread, NULL, loop_main, loop) != 0) {
		pthread_cond_destroy(&loop->posted);
		pthread_mutex_destroy(&loop->lock);
		free(loop);
		return error_set(err, RPC_RESOURCE_EXHAUSTED, "INTERNAL", "cannot start the job loop's thread");
	}
	*out = loop;
	return true;
}

void loop_post(struct loop *loop, struct loop_item *item)
{
	item->next = NULL;
	pthread_mutex_lock(&loop->lock);
	if (loop->last)
		loop->last->next = item;
	else
		loop->first = item;
	loop->last = item;
	pthread_cond_signal(&loop->posted);
	pthread_mutex_unlock(&loop->lock);
}

int64_t loop_last_turn_ms(struct loop *loop) { return atomic_load(&loop->last_turn_ms); }
void loop_end(struct loop *loop) { loop->ending = true; }

void loop_join(struct loop **loop)
{
	if (!*loop) return;
	pthread_join((*loop)->thread, NULL);
	pthread_cond_destroy(&(*loop)->posted);
	pthread_mutex_destroy(&(*loop)->lock);
	free((*loop)->heap);
	free(*loop);
	*loop = NULL;
}
