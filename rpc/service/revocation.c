#include "rpc/service/revocation.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "store/base/log.h"
#include "store/base/uuid.h"

enum { POLL_MS = 2000, STALE_MS = 15000 };

struct revoked {
	char id[UUID_TEXT_BYTES];
	int64_t seen_at_us;
	UT_hash_handle hh; /* keeps the order of insertion: the head was seen first */
};

struct revocation {
	struct revocation_options options;
	pthread_mutex_t lock; /* of the set and the flags */
	pthread_cond_t changed;
	struct revoked *set;
	bool stopping;
	int64_t read_at_ms;      /* monotonic: when the last good read began */
	pthread_mutex_t reading; /* one reads at a time; not held with the lock but while putting in what was read */
	int64_t read_at_us; /* wall clock: the next read begins there, less what clocks may differ; under `reading` */
	pthread_t thread;
};

/* The lock is held. */
static void put(struct revocation *r, struct str id, int64_t now_us)
{
	struct revoked *entry;
	if (id.len == 0 || id.len >= sizeof entry->id) return;
	HASH_FIND(hh, r->set, id.ptr, id.len, entry);
	if (entry) return;
	entry = calloc(1, sizeof *entry);
	if (!entry) die("out of memory");
	memcpy(entry->id, id.ptr, id.len);
	entry->seen_at_us = now_us;
	HASH_ADD_KEYPTR(hh, r->set, entry->id, id.len, entry);
}

/* Tokens that could name these have expired. The lock is held. */
static void forget_old(struct revocation *r, int64_t now_us)
{
	int64_t kept_us = r->options.access_life_s * 1000000 + 2 * SESSION_SKEW_US;
	while (r->set && now_us - r->set->seen_at_us > kept_us) {
		struct revoked *oldest = r->set;
		HASH_DEL(r->set, oldest);
		free(oldest);
	}
}

static bool read_store(struct revocation *r, struct error *err)
{
	struct arena *scratch = arena_create(0);
	struct str *ids = NULL;
	size_t count = 0;
	pthread_mutex_lock(&r->reading);
	int64_t began_ms = time_monotonic_ms(), now_us = clock_now_us(r->options.clock);
	/* A clock that was set back would leave a hole: then as far back as at the start. */
	int64_t from_us = now_us >= r->read_at_us ? r->read_at_us : 0;
	int64_t oldest_us = now_us - r->options.access_life_s * 1000000;
	if (from_us < oldest_us) from_us = oldest_us;
	bool ok = r->options.sessions->driver->revoked_since(r->options.sessions->self, from_us - SESSION_SKEW_US,
	                                                     scratch, &ids, &count, err);
	if (ok) {
		r->read_at_us = now_us;
		pthread_mutex_lock(&r->lock);
		for (size_t i = 0; i < count; i++) put(r, ids[i], now_us);
		forget_old(r, now_us);
		r->read_at_ms = began_ms;
		pthread_mutex_unlock(&r->lock);
	}
	pthread_mutex_unlock(&r->reading);
	arena_destroy(&scratch);
	return ok;
}

static void *poll_store(void *self)
{
	struct revocation *r = self;
	struct error err;
	bool said = false;
	int64_t poll_ms = r->options.poll_ms ? r->options.poll_ms : POLL_MS;
	for (;;) {
		int64_t at_ms = time_monotonic_ms() + poll_ms;
		struct timespec at = { at_ms / 1000, at_ms % 1000 * 1000000 };
		pthread_mutex_lock(&r->lock);
		while (!r->stopping && time_monotonic_ms() < at_ms)
			(void)pthread_cond_timedwait(&r->changed, &r->lock, &at);
		bool stopping = r->stopping;
		pthread_mutex_unlock(&r->lock);
		if (stopping) return NULL;
		error_clear(&err);
		bool ok = read_store(r, &err);
		if (!ok && !said) log_error("session.revocations_unread", LOG_ERR(&err));
		said = !ok;
	}
}

static void destroy(struct revocation *r)
{
	struct revoked *entry, *next;
	HASH_ITER(hh, r->set, entry, next) {
		HASH_DEL(r->set, entry);
		free(entry);
	}
	pthread_mutex_destroy(&r->lock);
	pthread_mutex_destroy(&r->reading);
	pthread_cond_destroy(&r->changed);
	free(r);
}

bool revocation_start(const struct revocation_options *options, struct revocation **out, struct error *err)
{
	struct revocation *r = calloc(1, sizeof *r);
	pthread_condattr_t monotonic;
	if (!r) die("out of memory");
	r->options = *options;
	pthread_mutex_init(&r->lock, NULL);
	pthread_mutex_init(&r->reading, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&r->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (!read_store(r, err)) {
		destroy(r);
		return false;
	}
	if (pthread_create(&r->thread, NULL, poll_store, r) != 0) die("no thread for revoked sessions");
	*out = r;
	return true;
}

void revocation_stop(struct revocation **out)
{
	struct revocation *r = *out;
	*out = NULL;
	if (!r) return;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	destroy(r);
}

bool revocation_has(struct revocation *r, struct str session_id)
{
	struct revoked *entry = NULL;
	if (session_id.len == 0) return false;
	pthread_mutex_lock(&r->lock);
	HASH_FIND(hh, r->set, session_id.ptr, session_id.len, entry);
	pthread_mutex_unlock(&r->lock);
	return entry != NULL;
}

void revocation_add(struct revocation *r, struct str session_id)
{
	int64_t now_us = clock_now_us(r->options.clock);
	pthread_mutex_lock(&r->lock);
	put(r, session_id, now_us);
	pthread_mutex_unlock(&r->lock);
}

void revocation_refresh(struct revocation *r)
{
	struct error err;
	error_clear(&err);
	if (!read_store(r, &err)) log_warn("session.revocations_unread", LOG_ERR(&err));
}

bool revocation_is_current(struct revocation *r)
{
	pthread_mutex_lock(&r->lock);
	bool current = time_monotonic_ms() - r->read_at_ms < STALE_MS;
	pthread_mutex_unlock(&r->lock);
	return current;
}
