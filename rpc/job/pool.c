#include "rpc/job/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "store/base/time.h"

struct pool {
	struct loop *loop;
	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t given, ended;
	struct pool_job *first, *last;
	bool stopping;
	size_t alive;
	size_t thread_count;
	pthread_t threads[];
};

static void *pool_main(void *self)
{
	struct pool *pool = self;
	pthread_mutex_lock(&pool->lock);
	for (;;) {
		while (!pool->first && !pool->stopping) pthread_cond_wait(&pool->given, &pool->lock);
		struct pool_job *job = pool->first;
		if (!job) break;
		pool->first = job->next;
		if (!pool->first) pool->last = NULL;
		pthread_mutex_unlock(&pool->lock);
		job->work(job->self);
		loop_post(pool->loop, &job->done);
		pthread_mutex_lock(&pool->lock);
	}
	pool->alive--;
	pthread_cond_signal(&pool->ended);
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static void pool_free(struct pool **pool)
{
	for (size_t i = 0; i < (*pool)->thread_count; i++) pthread_join((*pool)->threads[i], NULL);
	pthread_cond_destroy(&(*pool)->given);
	pthread_cond_destroy(&(*pool)->ended);
	pthread_mutex_destroy(&(*pool)->lock);
	free(*pool);
	*pool = NULL;
}

bool pool_start(struct loop *loop, const char *name, size_t threads, struct pool **out, struct error *err)
{
	struct pool *pool = calloc(1, sizeof(*pool) + threads * sizeof(pool->threads[0]));
	if (!pool) die("out of memory for the %s pool", name);
	pool->loop = loop;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->given, NULL);
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&pool->ended, &attr);
	pthread_condattr_destroy(&attr);
	pool->alive = threads;
	for (size_t i = 0; i < threads; i++) {
		if (pthread_create(&pool->threads[i], NULL, pool_main, pool) != 0) {
			pthread_mutex_lock(&pool->lock);
			pool->alive -= threads - i;
			pthread_mutex_unlock(&pool->lock);
			(void)pool_stop(&pool, -1);
			return error_set(err, RPC_RESOURCE_EXHAUSTED, "INTERNAL",
			                 "cannot start thread %zu of the %s pool", i + 1, name);
		}
		pool->thread_count++;
	}
	*out = pool;
	return true;
}

void pool_give(struct pool *pool, struct pool_job *job)
{
	job->next = NULL;
	pthread_mutex_lock(&pool->lock);
	if (pool->last)
		pool->last->next = job;
	else
		pool->first = job;
	pool->last = job;
	pthread_cond_signal(&pool->given);
	pthread_mutex_unlock(&pool->lock);
}

bool pool_stop(struct pool **pool, int64_t wait_ms)
{
	if (!*pool) return true;
	struct pool *p = *pool;
	int64_t until_ms = time_monotonic_ms() + wait_ms;
	struct timespec until = { .tv_sec = (time_t)(until_ms / 1000), .tv_nsec = (long)(until_ms % 1000) * 1000000 };
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_broadcast(&p->given);
	while (p->alive > 0) {
		if (wait_ms < 0)
			pthread_cond_wait(&p->ended, &p->lock);
		else if (pthread_cond_timedwait(&p->ended, &p->lock, &until) != 0)
			break;
	}
	bool all = p->alive == 0;
	pthread_mutex_unlock(&p->lock);
	if (all) pool_free(pool);
	return all;
}
