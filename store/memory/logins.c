#include "store/memory/logins.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

enum { BUCKETS_MAX = 100000, SLICES = 60 };

struct bucket {
	char name[LOGIN_BUCKET_BYTES_MAX];
	uint32_t failures;
	int64_t last_at_ms;
	UT_hash_handle hh; /* kept in the order of the last failure: the head failed longest ago */
};

/* Failures of all within one slice of the window. */
struct slice {
	int64_t number;
	uint32_t failures;
};

struct logins {
	size_t buckets_max;
	const struct clock *clock;
	pthread_mutex_t lock;
	struct bucket *buckets;
	struct slice slices[SLICES];
	int64_t slice_ms; /* window / SLICES, of the last limits seen */
	int64_t newest_ms;
};

/* Never before the newest instant seen: a clock set back does not shorten a wait. The lock is held. */
static int64_t now_of(struct logins *l, int64_t now_ms)
{
	if (now_ms == 0) now_ms = clock_now_us(l->clock) / 1000;
	if (now_ms < l->newest_ms) return l->newest_ms;
	l->newest_ms = now_ms;
	return now_ms;
}

static struct slice *slice_at(struct logins *l, int64_t now_ms)
{
	int64_t number = now_ms / l->slice_ms;
	struct slice *slice = &l->slices[number % SLICES];
	if (slice->number != number) *slice = (struct slice){ .number = number };
	return slice;
}

static uint32_t overall(struct logins *l, int64_t now_ms)
{
	int64_t number = now_ms / l->slice_ms;
	uint32_t sum = 0;
	for (size_t i = 0; i < SLICES; i++)
		if (l->slices[i].number > number - SLICES) sum += l->slices[i].failures;
	return sum;
}

static int64_t wait_after(const struct login_limits *limits, uint32_t failures)
{
	if (failures < limits->free_failures) return 0;
	uint32_t doubled = failures - limits->free_failures;
	int64_t wait = doubled < 32 ? limits->first_wait_ms << doubled : limits->wait_max_ms;
	return wait < limits->wait_max_ms ? wait : limits->wait_max_ms;
}

static bool locked(struct error *err, int64_t wait_ms, const char *why)
{
	error_set(err, RPC_RESOURCE_EXHAUSTED, "LOGIN_LOCKED", "%s", why);
	return error_param(err, "retry_after", "%lld", (long long)((wait_ms + 999) / 1000));
}

static struct bucket *find(struct logins *l, struct str name)
{
	struct bucket *bucket;
	HASH_FIND(hh, l->buckets, name.ptr, name.len, bucket);
	return bucket;
}

/* The bucket, at the end of the order. */
static struct bucket *touch(struct logins *l, struct str name)
{
	struct bucket *bucket = find(l, name);
	if (bucket) {
		HASH_DEL(l->buckets, bucket);
	} else if (HASH_COUNT(l->buckets) >= l->buckets_max) {
		bucket = l->buckets;
		HASH_DEL(l->buckets, bucket);
		memset(bucket, 0, sizeof *bucket);
	} else {
		bucket = calloc(1, sizeof *bucket);
		if (!bucket) die("out of memory");
	}
	memcpy(bucket->name, name.ptr, name.len);
	HASH_ADD_KEYPTR(hh, l->buckets, bucket->name, name.len, bucket);
	return bucket;
}

static bool begin(void *self, struct str name, bool known_device, const struct login_limits *limits, int64_t now_ms,
                  uint32_t *out_overall, struct error *err)
{
	struct logins *l = self;
	if (name.len == 0 || name.len > LOGIN_BUCKET_BYTES_MAX)
		return error_set(err, RPC_INTERNAL, "INTERNAL", "a bucket's name of %zu bytes", name.len);
	pthread_mutex_lock(&l->lock);
	now_ms = now_of(l, now_ms);
	l->slice_ms = limits->overall_window_ms / SLICES ? limits->overall_window_ms / SLICES : 1;
	struct bucket *bucket = find(l, name);
	bool stale = bucket && now_ms - bucket->last_at_ms >= limits->forget_ms;
	uint32_t failures = bucket && !stale ? bucket->failures : 0;
	int64_t open_at_ms = failures ? bucket->last_at_ms + wait_after(limits, failures) : 0;
	bool ok = now_ms >= open_at_ms || locked(err, open_at_ms - now_ms, "too many wrong passwords for this account");
	if (ok && !known_device && overall(l, now_ms) >= limits->overall_max)
		ok = locked(err, l->slice_ms, "too many wrong passwords for all accounts together");
	if (ok) {
		bucket = touch(l, name);
		bucket->failures = failures + 1;
		bucket->last_at_ms = now_ms;
		slice_at(l, now_ms)->failures++;
	}
	*out_overall = overall(l, now_ms);
	pthread_mutex_unlock(&l->lock);
	return ok;
}

static bool forgive(void *self, struct str name, struct error *err)
{
	struct logins *l = self;
	(void)err;
	pthread_mutex_lock(&l->lock);
	struct bucket *bucket = find(l, name);
	if (bucket) {
		int64_t number = bucket->last_at_ms / l->slice_ms;
		struct slice *slice = &l->slices[number % SLICES];
		if (slice->number == number && slice->failures) slice->failures--;
		HASH_DEL(l->buckets, bucket);
		free(bucket);
	}
	pthread_mutex_unlock(&l->lock);
	return true;
}

static void close_logins(void *self)
{
	struct logins *l = self;
	struct bucket *bucket, *next;
	HASH_ITER(hh, l->buckets, bucket, next) {
		HASH_DEL(l->buckets, bucket);
		free(bucket);
	}
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static const struct login_store_driver memory_login_store = {
	.name = "memory",
	.begin = begin,
	.forgive = forgive,
	.close = close_logins,
};

void memory_logins_open(const struct memory_logins_options *options, struct login_store *out)
{
	struct logins *l = calloc(1, sizeof *l);
	if (!l) die("out of memory");
	l->buckets_max = options->buckets_max ? options->buckets_max : BUCKETS_MAX;
	l->clock = options->clock ? options->clock : &clock_system;
	l->slice_ms = 1;
	pthread_mutex_init(&l->lock, NULL);
	*out = (struct login_store){ l, &memory_login_store };
}
