#include "rpc/transport/watchdog.h"

#include <errno.h>
#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "rpc/wire/envelope.h"
#include "store/base/log.h"
#include "store/base/metrics.h"
#include "store/base/time.h"
#include "store/base/uuid.h"

enum { PING_TIMEOUT_MS = 1000, FAILURES_MAX = 2, MESSAGE_BYTES_MAX = 64 * 1024 };

struct watchdog {
	nng_socket socket;
	struct listener *listeners;
	size_t count;
	int64_t interval_ms;
	unsigned *failures;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping;
	nng_aio *aio; /* of the ping under way; made once, cancelled by stop */
	struct metric *revived;
};

static bool is_stopping(struct watchdog *dog)
{
	pthread_mutex_lock(&dog->lock);
	bool stopping = dog->stopping;
	pthread_mutex_unlock(&dog->lock);
	return stopping;
}

/* One operation on a fresh socket; the aio has no callback and is waited for. */
static bool exchange(struct watchdog *dog, nng_socket req, nng_msg *request)
{
	int64_t deadline_ms = time_monotonic_ms() + PING_TIMEOUT_MS;
	nng_aio_set_timeout(dog->aio, PING_TIMEOUT_MS);
	nng_aio_set_msg(dog->aio, request);
	nng_send_aio(req, dog->aio);
	nng_aio_wait(dog->aio);
	if (nng_aio_result(dog->aio) != 0) {
		nng_msg_free(request);
		return false;
	}
	int64_t left_ms = deadline_ms - time_monotonic_ms();
	nng_aio_set_timeout(dog->aio, (nng_duration)(left_ms > 1 ? left_ms : 1));
	nng_recv_aio(req, dog->aio);
	nng_aio_wait(dog->aio);
	if (nng_aio_result(dog->aio) != 0) return false;
	nng_msg *reply = nng_aio_get_msg(dog->aio);
	struct arena *arena = arena_create(0);
	bool ok = envelope_unpack_reply(arena, (struct str){ nng_msg_body(reply), nng_msg_len(reply) }, NULL) != NULL;
	arena_destroy(&arena);
	nng_msg_free(reply);
	return ok;
}

static bool ping(struct watchdog *dog, const char *url)
{
	bool ok = false;
	nng_socket req;
	nng_msg *request = NULL;
	struct envelope envelope = { .method = RPC_METHOD_PING, .timeout_ms = PING_TIMEOUT_MS };
	entropy_fill(envelope.call_id, sizeof envelope.call_id);
	if (nng_req0_open(&req) != 0) return false;
	if (nng_socket_set_ms(req, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE) != 0) goto out;
	if (nng_socket_set_size(req, NNG_OPT_RECVMAXSZ, MESSAGE_BYTES_MAX) != 0) goto out;
	if (nng_dial(req, url, NULL, NNG_FLAG_NONBLOCK) != 0) goto out;
	if (nng_msg_alloc(&request, envelope_packed_size(&envelope)) != 0) goto out;
	envelope_pack(&envelope, nng_msg_body(request));
	ok = exchange(dog, req, request);
out:
	nng_close(req);
	return ok;
}

static void check(struct watchdog *dog, size_t i)
{
	struct listener *listener = &dog->listeners[i];
	struct error err;
	if (listener->scheme == LISTEN_INPROC) return;
	if (ping(dog, listener->url)) {
		dog->failures[i] = 0;
		return;
	}
	if (is_stopping(dog) || ++dog->failures[i] < FAILURES_MAX) return;
	if (listener_reopen(listener, dog->socket, &err)) {
		dog->failures[i] = 0;
		metric_add(dog->revived, 1);
		log_warn("rpc.listener_revived", LOG_CSTR("address", listener->url));
	} else {
		/* Tried again at the next round: the failures stay counted. */
		log_error("rpc.listener_dead", LOG_CSTR("address", listener->url), LOG_ERR(&err));
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

struct watchdog *watchdog_start(nng_socket socket, struct listener *listeners, size_t count, int64_t interval_ms)
{
	struct watchdog *dog = calloc(1, sizeof *dog);
	unsigned *failures = calloc(count + 1, sizeof *failures);
	if (!dog || !failures || nng_aio_alloc(&dog->aio, NULL, NULL) != 0) die("out of memory");
	dog->socket = socket;
	dog->listeners = listeners;
	dog->count = count;
	dog->interval_ms = interval_ms;
	dog->failures = failures;
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
	nng_aio_stop(dog->aio); /* ends the exchange under way and refuses the next */
	pthread_join(dog->thread, NULL);
	nng_aio_free(dog->aio);
	pthread_cond_destroy(&dog->changed);
	pthread_mutex_destroy(&dog->lock);
	free(dog->failures);
	free(dog);
	*watchdog = NULL;
}
