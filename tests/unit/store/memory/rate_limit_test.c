/* The rate limit: exact at every edge (L01), no 2x burst (L02), exact under threads (L03), bounded, steady against a clock that
 * is set back. */
#include <pthread.h>
#include <stdatomic.h>

#include "store/memory/rate_limit.h"
#include "tests/support/check.h"

enum { SECOND = 1000000 };

static _Atomic int64_t now_us = INT64_C(1767323045000000);
static int64_t fake_now(void *self)
{
	(void)self;
	return now_us;
}
static const struct clock fake_clock = { fake_now, NULL };

static struct rate_limit *limit_of(size_t times, int64_t window_ms)
{
	return rate_limit_create(&(struct rate_limit_options){ .times = times, .window_ms = window_ms, .clock = &fake_clock });
}

static int admitted(struct rate_limit *limit, struct str key, int tries)
{
	int n = 0;
	for (int i = 0; i < tries; i++) n += rate_limit_allow(limit, key, NULL);
	return n;
}

static void test_edges(void)
{
	struct rate_limit *limit = limit_of(100, 60000);
	struct error err = { 0 };
	CHECK(admitted(limit, STR("a"), 150) == 100);
	CHECK(!rate_limit_allow(limit, STR("a"), &err));
	CHECK(err.code == RPC_RESOURCE_EXHAUSTED && error_is(&err, "RATE_LIMITED") && err.param_count == 3);
	static const struct {
		const char *name, *value;
	} params[] = { { "retry_after", "60" }, { "limit", "100" }, { "window", "60" } };
	for (size_t i = 0; i < COUNT(params) && i < err.param_count; i++) {
		CHECK_STR_ROW(params[i].name, str_from(err.params[i].name), params[i].name);
		CHECK_STR_ROW(params[i].name, str_from(err.params[i].value), params[i].value);
	}
	CHECK(rate_limit_allow(limit, STR("b"), &err)); /* another key is another count */
	now_us += 60 * SECOND - 1;
	CHECK(!rate_limit_allow(limit, STR("a"), &err)); /* one microsecond is left */
	CHECK_STR(str_from(err.params[0].value), "1");
	now_us += 1;
	CHECK(admitted(limit, STR("a"), 150) == 100);
	rate_limit_destroy(&limit);
	CHECK(limit == NULL);
}

/* Retry-After is enough: a caller that waits that long passes. */
static void test_retry_after_suffices(void)
{
	struct rate_limit *limit = limit_of(3, 10000);
	struct error err = { 0 };
	int64_t wait = 0;
	for (int i = 0; i < 200; i++) {
		if (!rate_limit_allow(limit, STR("k"), &err)) {
			CHECK(str_to_int64(str_from(err.params[0].value), &wait) && wait >= 1 && wait <= 10);
			now_us += wait * SECOND;
			CHECK(rate_limit_allow(limit, STR("k"), &err));
		}
		now_us += (i * 7919) % 3000000;
	}
	rate_limit_destroy(&limit);
}

/* Greedy calls at irregular instants: no window of that length, wherever it starts, holds more than `times`. */
static void test_no_double_burst(void)
{
	enum { TIMES = 10, CALLS = 5000 };
	static int64_t at[CALLS];
	struct rate_limit *limit = limit_of(TIMES, 1000);
	size_t count = 0, most = 0;
	unsigned random = 1;
	for (int i = 0; i < CALLS; i++) {
		random = random * 1103515245u + 12345u;
		now_us += i % 50 == 0 ? SECOND - 1000 : (random >> 8) % 20000; /* bursts at both sides of an edge */
		if (rate_limit_allow(limit, STR("k"), NULL)) at[count++] = now_us;
	}
	for (size_t i = 0, j = 0; i < count; i++) {
		while (at[i] - at[j] >= SECOND) j++;
		if (i - j + 1 > most) most = i - j + 1;
	}
	CHECK(most == TIMES); /* reached, never passed */
	rate_limit_destroy(&limit);
}

static void test_clock_set_back(void)
{
	struct rate_limit *limit = limit_of(2, 60000);
	CHECK(admitted(limit, STR("k"), 5) == 2);
	now_us -= 3600 * (int64_t)SECOND;
	CHECK(admitted(limit, STR("k"), 5) == 0); /* opens nothing */
	now_us += 60 * SECOND;
	CHECK(admitted(limit, STR("k"), 5) == 2); /* and locks nobody out for an hour */
	rate_limit_destroy(&limit);
}

static void test_bounded(void)
{
	struct rate_limit *limit = rate_limit_create(
	        &(struct rate_limit_options){ .times = 1000, .window_ms = 60000, .keys_max = 50, .bytes_max = 100000, .clock = &fake_clock });
	size_t keys = 0, bytes = 0;
	char name[32];
	for (int i = 0; i < 5000; i++) {
		int len = snprintf(name, sizeof name, "key %d", i);
		CHECK(rate_limit_allow(limit, (struct str){ name, (size_t)len }, NULL));
		now_us++;
	}
	rate_limit_size(limit, &keys, &bytes);
	CHECK(keys == 50 && bytes <= 100000);
	/* Long rings push out by bytes. */
	for (int i = 0; i < 40; i++) {
		int len = snprintf(name, sizeof name, "long %d", i);
		(void)admitted(limit, (struct str){ name, (size_t)len }, 1000);
	}
	rate_limit_size(limit, &keys, &bytes);
	CHECK(keys > 1 && keys < 40 && bytes <= 100000);
	now_us += 60 * SECOND;
	CHECK(rate_limit_allow(limit, STR(""), NULL)); /* an empty key is a key; the others have gone */
	rate_limit_size(limit, &keys, &bytes);
	CHECK(keys == 1);
	rate_limit_destroy(&limit);
}

struct crowd {
	struct rate_limit *limit;
	atomic_int admitted;
};

static void *crowd_run(void *self)
{
	struct crowd *crowd = self;
	for (int i = 0; i < 1000; i++) crowd->admitted += rate_limit_allow(crowd->limit, STR("one"), NULL);
	return NULL;
}

static void test_threads(void)
{
	struct crowd crowd = { .limit = limit_of(1000, 60000) };
	pthread_t threads[8];
	for (size_t i = 0; i < COUNT(threads); i++) CHECK(pthread_create(&threads[i], NULL, crowd_run, &crowd) == 0);
	for (size_t i = 0; i < COUNT(threads); i++) (void)pthread_join(threads[i], NULL);
	CHECK(crowd.admitted == 1000);
	rate_limit_destroy(&crowd.limit);
}

int main(void)
{
	test_edges();
	test_retry_after_suffices();
	test_no_double_burst();
	test_clock_set_back();
	test_bounded();
	test_threads();
	return check_done("unit_store_memory");
}
