/* A18, A19: guesses at passwords, per account and all together. */
#include "store/memory/logins.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"

static const struct login_limits limits = { .free_failures = 3,
	                                    .first_wait_ms = 1000,
	                                    .wait_max_ms = 8000,
	                                    .forget_ms = 3600000,
	                                    .overall_max = 40,
	                                    .overall_window_ms = 60000 };
static struct login_store store;
static int64_t now_ms;
static uint32_t overall;

static bool try(const char *bucket, bool known, struct error *err)
{
	return store.driver->begin(store.self, str_from(bucket), known, &limits, now_ms, &overall, err);
}

static bool wait_is(const struct error *err, const char *seconds)
{
	return error_is(err, "LOGIN_LOCKED") && err->param_count == 1 && strcmp(err->params[0].name, "retry_after") == 0 &&
	       strcmp(err->params[0].value, seconds) == 0;
}

static void open_empty(size_t buckets)
{
	const struct memory_logins_options options = { .buckets_max = buckets };
	memory_logins_open(&options, &store);
	now_ms = 1000000000;
}

static void test_waits_double(void)
{
	static const struct {
		int64_t wait_ms;
		const char *says;
	} rows[] = { { 1000, "1" }, { 2000, "2" }, { 4000, "4" }, { 8000, "8" }, { 8000, "8" } };
	struct error err;
	open_empty(0);
	for (int i = 0; i < 3; i++) CHECK_ROW("free", try("a", false, &err));
	for (size_t i = 0; i < COUNT(rows); i++) {
		CHECK_ROW(rows[i].says, !try("a", false, &err) && wait_is(&err, rows[i].says));
		now_ms += rows[i].wait_ms - 1;
		CHECK_ROW("a millisecond early", !try("a", false, &err) && wait_is(&err, "1"));
		now_ms += 1;
		CHECK_ROW("on time", try("a", false, &err));
	}
	CHECK_ROW("another account", try("b", false, &err));
	int64_t kept_ms = now_ms;
	now_ms -= 1000000;
	CHECK_ROW("a clock set back opens nothing", !try("a", false, &err));
	now_ms = kept_ms + 8000;
	CHECK(try("a", false, &err) && !try("a", false, &err));
	CHECK(store.driver->forgive(store.self, STR("a"), &err));
	for (int i = 0; i < 3; i++) CHECK_ROW("free again", try("a", false, &err));
	CHECK(!try("a", false, &err));
	now_ms += limits.forget_ms;
	for (int i = 0; i < 3; i++) CHECK_ROW("forgotten", try("a", false, &err));
	CHECK(!try("a", false, &err));
	CHECK_ROW("no such bucket", store.driver->forgive(store.self, STR("none"), &err));
	store.driver->close(store.self);
}

static void test_all_together(void)
{
	struct error err;
	char name[16];
	open_empty(0);
	for (int i = 0; i < 40; i++) {
		(void)snprintf(name, sizeof name, "u%d", i);
		CHECK(try(name, false, &err) && overall == (uint32_t)i + 1);
	}
	CHECK_ROW("A19 one too many", !try("fresh", false, &err) && error_is(&err, "LOGIN_LOCKED"));
	CHECK_ROW("a known device", try("fresh|here", true, &err) && overall == 41);
	CHECK(store.driver->forgive(store.self, STR("fresh|here"), &err));
	CHECK(store.driver->forgive(store.self, STR("u3"), &err));
	CHECK_ROW("right ones do not count", try("other", false, &err) && overall == 40);
	now_ms += limits.overall_window_ms;
	CHECK_ROW("the window has passed", try("fresh", false, &err) && overall == 1);
	CHECK(store.driver->forgive(store.self, STR("u1"), &err) && try("fresh", false, &err) && overall == 2);
	store.driver->close(store.self);
}

static void test_bounded(void)
{
	struct error err;
	open_empty(2);
	for (int i = 0; i < 3; i++) CHECK(try("a", false, &err));
	CHECK(!try("a", false, &err));
	CHECK(try("b", false, &err) && try("c", false, &err));
	CHECK_ROW("the oldest was forgotten", try("a", false, &err));
	char longest[LOGIN_BUCKET_BYTES_MAX + 1];
	memset(longest, 'x', sizeof longest);
	CHECK(store.driver->begin(store.self, (struct str){ longest, LOGIN_BUCKET_BYTES_MAX }, false, &limits, now_ms, &overall, &err));
	CHECK(!store.driver->begin(store.self, (struct str){ longest, sizeof longest }, false, &limits, now_ms, &overall, &err));
	store.driver->close(store.self);
}

static atomic_int passed;
static void *guess(void *unused)
{
	uint32_t seen;
	struct error err;
	(void)unused;
	for (int i = 0; i < 100; i++)
		if (store.driver->begin(store.self, STR("a"), false, &limits, now_ms, &seen, &err)) atomic_fetch_add(&passed, 1);
	return NULL;
}

static void test_parallel(void)
{
	pthread_t threads[8];
	open_empty(0);
	for (size_t i = 0; i < COUNT(threads); i++) CHECK(pthread_create(&threads[i], NULL, guess, NULL) == 0);
	for (size_t i = 0; i < COUNT(threads); i++) CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK_ROW("A18 at the same moment no more than one after another", atomic_load(&passed) == 3);
	store.driver->close(store.self);
}

int main(void)
{
	test_waits_double();
	test_all_together();
	test_bounded();
	test_parallel();
	return check_done("logins_test");
}
