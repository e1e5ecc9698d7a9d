#include "rpc/transport/watchdog.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "rpc/transport/sp_ping.h"
#include "rpc/wire/envelope.h"
#include "store/base/log.h"
#include "store/base/metrics.h"
#include "store/base/time.h"
#include "store/base/uuid.h"

enum { PATIENCE_MS = 3000, TRY_AGAIN_MS = 50 };

struct watchdog {
	enum watched kind;
	nng_socket socket;
	struct listener *listeners;
	size_t count;
	int64_t interval_ms;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping;
	int stop_fd; /* readable once stopping: ends the ping under way */
	struct metric *revived;
};

static bool is_stopping(struct watchdog *dog)
{
	pthread_mutex_lock(&dog->lock);
	bool stopping = dog->stopping;
	pthread_mutex_unlock(&dog->lock);
	return stopping;
}

/* On a topic that nobody asks for. */
static void speak(void *self)
{
	static const char topic[] = "watch/";
	struct watchdog *dog = self;
	nng_msg *msg;
	if (nng_msg_alloc(&msg, strlen(topic)) != 0) die("out of memory");
	memcpy(nng_msg_body(msg), topic, strlen(topic));
	if (nng_sendmsg(dog->socket, msg, NNG_FLAG_NONBLOCK) != 0) nng_msg_free(msg);
}

static bool ping(struct watchdog *dog, const char *url, int64_t timeout_ms)
{
	if (dog->kind == WATCHED_PUB) return sp_hear(url, speak, dog, timeout_ms, dog->stop_fd);
	unsigned char request[512];
	struct envelope envelope = { .method = RPC_METHOD_PING, .timeout_ms = timeout_ms };
	entropy_fill(envelope.call_id, sizeof envelope.call_id);
	size_t len = envelope_packed_size(&envelope);
	if (len > sizeof request) die("a ping of %zu bytes", len);
	envelope_pack(&envelope, request);
	return sp_ping(url, (struct str){ (const char *)request, len }, timeout_ms, dog->stop_fd);
}

/* Waits on one connection, as long as there is one: each that a silenced listener has greeted stays open for good in nng 1.5.2. */
static bool is_alive(struct watchdog *dog, const char *url)
{
	int64_t deadline_ms = time_monotonic_ms() + PATIENCE_MS, left_ms;
	struct pollfd stop = { dog->stop_fd, POLLIN, 0 };
	while ((left_ms = deadline_ms - time_monotonic_ms()) > 0) {
		if (ping(dog, url, left_ms)) return true;
		if (poll(&stop, 1, TRY_AGAIN_MS) > 0) return true; /* nobody wants to know any more */
	}
	return false;
}

static void check(struct watchdog *dog, size_t i)
{
	struct listener *listener = &dog->listeners[i];
	struct error err;
	if (listener->scheme == LISTEN_INPROC || is_alive(dog, listener->url)) return;
	if (listener_reopen(listener, dog->socket, &err)) {
		metric_add(dog->revived, 1);
		log_warn("rpc.listener_revived", LOG_CSTR("address", listener->url));
	} else {
		log_error("rpc.listener_dead", LOG_CSTR("address", listener->url), LOG_ERR(&err)); /* tried again at the next round */
	}
}

static void *run(void *self)
{
	struct watchdog *dog = self;
	pthread_mutex_lock(&dog->lock);
	while (!dog->stopping) {
		int64_t at_ms = time_monotonic_ms() + dog->interval_ms;
		struct timespec at = { at_ms / 1000, at_ms % 1000 * 1000000 };
		int rc = 0;
		while (!dog->stopping && rc != ETIMEDOUT) rc = pthread_cond_timedwait(&dog->changed, &dog->lock, &at);
		pthread_mutex_unlock(&dog->lock);
		for (size_t i = 0; i < dog->count && !is_stopping(dog); i++) check(dog, i);
		pthread_mutex_lock(&dog->lock);
	}
	pthread_mutex_unlock(&dog->lock);
	return NULL;
}

struct watchdog *watchdog_start(enum watched kind, nng_socket socket, struct listener *listeners, size_t count, int64_t interval_ms)
{
	struct watchdog *dog = calloc(1, sizeof *dog);
	if (!dog) die("out of memory");
	dog->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (dog->stop_fd < 0) die("no event descriptor for the watchdog");
	dog->kind = kind;
	dog->socket = socket;
	dog->listeners = listeners;
	dog->count = count;
	dog->interval_ms = interval_ms;
	dog->revived = metric_counter("rpc_listeners_revived_total", NULL, "Listeners opened again by the watchdog.");
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&dog->changed, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&dog->lock, NULL);
	if (pthread_create(&dog->thread, NULL, run, dog) != 0) die("no thread for the watchdog");
	return dog;
}

void watchdog_stop(struct watchdog **watchdog)
{
	struct watchdog *dog = *watchdog;
	if (!dog) return;
	pthread_mutex_lock(&dog->lock);
	dog->stopping = true;
	pthread_cond_broadcast(&dog->changed);
	pthread_mutex_unlock(&dog->lock);
	(void)eventfd_write(dog->stop_fd, 1);
	pthread_join(dog->thread, NULL);
	(void)close(dog->stop_fd);
	pthread_cond_destroy(&dog->changed);
	pthread_mutex_destroy(&dog->lock);
	free(dog);
	*watchdog = NULL;
}
