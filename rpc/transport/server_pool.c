#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <utlist.h>

#include "rpc/transport/server_impl.h"

enum { LOW_PRIORITY_NICE = 10 };

void call_pool_init(struct call_pool *pool, struct rpc_server *server, size_t threads, size_t length_max,
                    bool low_priority, const char *name)
{
	char labels[48];
	(void)snprintf(labels, sizeof labels, "pool=\"%s\"", name);
	pool->server = server;
	pool->thread_count = threads;
	pool->length_max = length_max;
	pool->low_priority = low_priority;
	pool->queued = metric_gauge("rpc_queue_length", labels, "Calls that wait for a worker.");
	pool->shed = metric_counter("rpc_shed_total", labels, "Calls refused because the queue was full.");
	pthread_cond_init(&pool->work, NULL);
}

void call_pool_fini(struct call_pool *pool)
{
	pthread_cond_destroy(&pool->work);
	free(pool->threads);
}

static void *work(void *self)
{
	struct call_pool *pool = self;
	struct rpc_server *server = pool->server;
	/* On Linux the nice value belongs to the thread. */
	if (pool->low_priority) (void)setpriority(PRIO_PROCESS, (id_t)gettid(), LOW_PRIORITY_NICE);
	pthread_mutex_lock(&server->lock);
	for (;;) {
		while (!pool->queue && !server->stopping) {
			pool->idle++;
			pthread_cond_wait(&pool->work, &server->lock);
			pool->idle--;
			if (pool->waking) pool->waking--;
		}
		if (!pool->queue || server->stopping) break;
		struct slot *slot = pool->queue;
		call_pool_remove(pool, slot);
		slot->state = SLOT_RUNNING;
		bool more = pool->queue && call_pool_wants_thread(pool);
		pthread_mutex_unlock(&server->lock);
		if (more) pthread_cond_signal(&pool->work);
		slot_run(slot);
		pthread_mutex_lock(&server->lock);
	}
	pthread_mutex_unlock(&server->lock);
	return NULL;
}

void call_pool_start(struct call_pool *pool)
{
	pool->threads = calloc(pool->thread_count, sizeof *pool->threads);
	if (!pool->threads) die("out of memory");
	for (size_t i = 0; i < pool->thread_count; i++)
		if (pthread_create(&pool->threads[i], NULL, work, pool) != 0) die("no thread for the server's pool");
}

void call_pool_join(struct call_pool *pool)
{
	for (size_t i = 0; i < pool->thread_count; i++) pthread_join(pool->threads[i], NULL);
}

struct call_pool *call_pool_of(struct slot *slot)
{
	return slot->method->side->pool == POOL_HASH ? &slot->server->hashers : &slot->server->workers;
}

bool call_pool_push(struct call_pool *pool, struct slot *slot, bool force)
{
	if (!force && pool->length >= pool->length_max) {
		metric_add(pool->shed, 1);
		return false;
	}
	slot->state = SLOT_QUEUED;
	if (force) {
		DL_PREPEND(pool->queue, slot);
		if (call_pool_wants_thread(pool)) pthread_cond_signal(&pool->work);
	} else {
		DL_APPEND(pool->queue, slot);
	}
	metric_set(pool->queued, (int64_t)++pool->length);
	return true;
}

bool call_pool_wants_thread(struct call_pool *pool)
{
	if (pool->waking || !pool->idle) return false;
	pool->waking++;
	return true;
}

void call_pool_remove(struct call_pool *pool, struct slot *slot)
{
	DL_DELETE(pool->queue, slot);
	metric_set(pool->queued, (int64_t)--pool->length);
}
