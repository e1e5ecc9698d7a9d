#include "rpc/transport/sock_close.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "store/base/error.h"
#include "store/base/log.h"
#include "store/base/time.h"

/* Owned by whoever comes last: the thread that closes, or the one that waited. */
struct closing {
	nng_socket socket;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool closed, abandoned;
};

static void closing_free(struct closing *c)
{
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static void *close_it(void *self)
{
	struct closing *c = self;
	nng_close(c->socket);
	pthread_mutex_lock(&c->lock);
	c->closed = true;
	bool mine = c->abandoned;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
	if (mine) closing_free(c);
	return NULL;
}

bool sock_close(nng_socket socket)
{
	struct closing *c = calloc(1, sizeof *c);
	pthread_condattr_t monotonic;
	pthread_t thread;
	if (!c) die("out of memory");
	c->socket = socket;
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&c->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (pthread_create(&thread, NULL, close_it, c) != 0) die("no thread to close a socket");
	int64_t until_ms = time_monotonic_ms() + SOCK_CLOSE_WAIT_MS;
	struct timespec until = { until_ms / 1000, until_ms % 1000 * 1000000 };
	pthread_mutex_lock(&c->lock);
	while (!c->closed && time_monotonic_ms() < until_ms) pthread_cond_timedwait(&c->changed, &c->lock, &until);
	bool closed = c->closed;
	c->abandoned = !closed;
	pthread_mutex_unlock(&c->lock);
	if (closed) {
		(void)pthread_join(thread, NULL);
		closing_free(c);
	} else {
		(void)pthread_detach(thread);
		log_warn("rpc.socket_left_behind", LOG_INT("socket", nng_socket_id(socket)));
	}
	return closed;
}
