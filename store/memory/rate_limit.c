#include "store/memory/rate_limit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* uthash ends the process when memory is out, as the rest of the code does. */
#define uthash_fatal(msg) die("%s", msg)
#include <uthash.h>

enum { KEYS_MAX = 100000, BYTES_MAX = 64 * 1024 * 1024, RING_FIRST = 4, TIMES_MAX = 10000 };

struct entry {
	UT_hash_handle hh;
	struct entry *older, *newer; /* in order of the last admission */
	int64_t *admitted_us;        /* ring, grows up to `times` */
	size_t room, count, first;
	size_t key_len;
	char key[];
};

struct rate_limit {
	size_t times, keys_max, bytes_max;
	int64_t window_us;
	const struct clock *clock;
	pthread_mutex_t lock;
	struct entry *by_key;
	struct entry *oldest, *newest;
	size_t bytes;
	int64_t raw_us, behind_us; /* last reading of the clock, and how far it was set back since the start */
};

struct rate_limit *rate_limit_create(const struct rate_limit_options *options)
{
	struct rate_limit *limit = calloc(1, sizeof *limit);
	if (!limit) die("out of memory");
	if (options->times < 1 || options->times > TIMES_MAX || options->window_ms < 1) die("rate limit out of range");
	limit->times = options->times;
	limit->window_us = options->window_ms * 1000;
	limit->keys_max = options->keys_max ? options->keys_max : KEYS_MAX;
	limit->bytes_max = options->bytes_max ? options->bytes_max : BYTES_MAX;
	limit->clock = options->clock ? options->clock : &clock_system;
	limit->raw_us = INT64_MIN;
	(void)pthread_mutex_init(&limit->lock, NULL);
	return limit;
}

static size_t entry_bytes(const struct entry *e) { return sizeof *e + e->key_len + e->room * sizeof *e->admitted_us; }

static void unlink_entry(struct rate_limit *limit, struct entry *e)
{
	if (e->older)
		e->older->newer = e->newer;
	else
		limit->oldest = e->newer;
	if (e->newer)
		e->newer->older = e->older;
	else
		limit->newest = e->older;
}

static void link_newest(struct rate_limit *limit, struct entry *e)
{
	e->older = limit->newest;
	e->newer = NULL;
	if (limit->newest)
		limit->newest->newer = e;
	else
		limit->oldest = e;
	limit->newest = e;
}

static void forget(struct rate_limit *limit, struct entry *e)
{
	unlink_entry(limit, e);
	HASH_DELETE(hh, limit->by_key, e);
	limit->bytes -= entry_bytes(e);
	free(e->admitted_us);
	free(e);
}

static struct entry *remember(struct rate_limit *limit, struct str key)
{
	struct entry *e = calloc(1, sizeof *e + key.len);
	if (!e) die("out of memory");
	e->key_len = key.len;
	if (key.len) memcpy(e->key, key.ptr, key.len);
	HASH_ADD_KEYPTR(hh, limit->by_key, e->key, e->key_len, e);
	link_newest(limit, e);
	limit->bytes += entry_bytes(e);
	return e;
}

static void add_instant(struct rate_limit *limit, struct entry *e, int64_t now_us)
{
	if (e->count == e->room) { /* oldest first again, so that the ring can grow at its end */
		size_t room = e->room ? e->room * 2 : RING_FIRST;
		if (room > limit->times) room = limit->times;
		int64_t *ring = calloc(room, sizeof *ring);
		if (!ring) die("out of memory");
		for (size_t i = 0; i < e->count; i++) ring[i] = e->admitted_us[(e->first + i) % e->room];
		limit->bytes += (room - e->room) * sizeof *ring;
		free(e->admitted_us);
		e->admitted_us = ring;
		e->room = room;
		e->first = 0;
	}
	e->admitted_us[(e->first + e->count) % e->room] = now_us;
	e->count++;
}

static int64_t last_instant(const struct entry *e) { return e->admitted_us[(e->first + e->count - 1) % e->room]; }

/* Never goes back: an operator who sets the clock back by an hour must not lock everybody out for one. */
static int64_t steady_now(struct rate_limit *limit)
{
	int64_t raw = clock_now_us(limit->clock);
	if (limit->raw_us != INT64_MIN && raw < limit->raw_us) limit->behind_us += limit->raw_us - raw;
	limit->raw_us = raw;
	return raw + limit->behind_us;
}

static bool refuse(const struct rate_limit *limit, int64_t wait_us, struct error *err)
{
	int64_t retry_after = (wait_us + 999999) / 1000000;
	error_set(err, RPC_RESOURCE_EXHAUSTED, "RATE_LIMITED", "more than %zu calls in %lld ms", limit->times,
	          (long long)(limit->window_us / 1000));
	error_param(err, "retry_after", "%lld", (long long)(retry_after > 0 ? retry_after : 1));
	error_param(err, "limit", "%zu", limit->times);
	return error_param(err, "window", "%lld", (long long)((limit->window_us + 999999) / 1000000));
}

bool rate_limit_allow(void *self, struct str key, struct error *err)
{
	struct rate_limit *limit = self;
	struct entry *e = NULL;
	bool ok = true;
	int64_t wait_us = 0;
	if (!key.ptr) key = STR("");
	(void)pthread_mutex_lock(&limit->lock);
	int64_t now = steady_now(limit);
	/* What no window reaches any more counts for nothing. */
	while (limit->oldest && last_instant(limit->oldest) + limit->window_us <= now) forget(limit, limit->oldest);
	HASH_FIND(hh, limit->by_key, key.ptr, key.len, e);
	while (e && e->count && e->admitted_us[e->first] + limit->window_us <= now) {
		e->first = (e->first + 1) % e->room;
		e->count--;
	}
	if (e && e->count == limit->times) {
		wait_us = e->admitted_us[e->first] + limit->window_us - now;
		ok = false;
	} else {
		if (!e) e = remember(limit, key);
		add_instant(limit, e, now);
		unlink_entry(limit, e);
		link_newest(limit, e);
		while (limit->oldest != e &&
		       (HASH_COUNT(limit->by_key) > limit->keys_max || limit->bytes > limit->bytes_max))
			forget(limit, limit->oldest);
	}
	(void)pthread_mutex_unlock(&limit->lock);
	return ok ? true : refuse(limit, wait_us, err);
}

void rate_limit_size(struct rate_limit *limit, size_t *out_keys, size_t *out_bytes)
{
	(void)pthread_mutex_lock(&limit->lock);
	*out_keys = HASH_COUNT(limit->by_key);
	*out_bytes = limit->bytes;
	(void)pthread_mutex_unlock(&limit->lock);
}

void rate_limit_destroy(struct rate_limit **limit)
{
	if (!limit || !*limit) return;
	while ((*limit)->oldest) forget(*limit, (*limit)->oldest);
	(void)pthread_mutex_destroy(&(*limit)->lock);
	free(*limit);
	*limit = NULL;
}
