/* Revoked sessions as a process knows them: read at the start, then again and again, by its own word at once, and forgotten when no token
 * can name them any more. */
#include "rpc/service/revocation.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tests/support/check.h"

enum { LIFE_S = 1800 };

/* A store that knows one revocation at an instant, or fails. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t asked_again = PTHREAD_COND_INITIALIZER;
static int64_t revoked_at_us, asked_since_us;
static int asked;
static bool down;

static bool revoked_since(void *self, int64_t since_us, struct arena *arena, struct str **out_ids, size_t *out_count,
                          struct error *err)
{
	(void)self;
	pthread_mutex_lock(&lock);
	asked++;
	asked_since_us = since_us;
	bool ok = !down || error_set(err, RPC_UNAVAILABLE, "STORE_DOWN", "the store is down");
	*out_ids = arena_new_array(arena, struct str, 1);
	*out_count = ok && revoked_at_us && revoked_at_us >= since_us ? 1 : 0;
	(*out_ids)[0] = str_dup(arena, STR("of-another"));
	pthread_cond_broadcast(&asked_again);
	pthread_mutex_unlock(&lock);
	return ok;
}

static const struct session_store_driver driver = { .name = "fake", .revoked_since = revoked_since };
static const struct session_store sessions = { NULL, &driver };
static atomic_llong clock_us = 1000000000000000;
static int64_t now_us(void *self)
{
	(void)self;
	return atomic_load(&clock_us);
}
static const struct clock clock_set = { now_us, NULL };

static void set(int64_t at_us, bool is_down)
{
	pthread_mutex_lock(&lock);
	revoked_at_us = at_us;
	down = is_down;
	pthread_mutex_unlock(&lock);
}

/* Two further reads have begun, so one has ended. */
static void wait_for_reads(void)
{
	pthread_mutex_lock(&lock);
	for (int until = asked + 2; asked < until;) pthread_cond_wait(&asked_again, &lock);
	pthread_mutex_unlock(&lock);
}

static struct revocation *start(int64_t poll_ms, bool want_ok)
{
	struct error err;
	struct revocation *revocation = NULL;
	const struct revocation_options options = {
		.sessions = &sessions, .clock = &clock_set, .access_life_s = LIFE_S, .poll_ms = poll_ms
	};
	error_clear(&err);
	CHECK(revocation_start(&options, &revocation, &err) == want_ok);
	return revocation;
}

static void test_known_at_the_start(void)
{
	set(atomic_load(&clock_us) - LIFE_S * INT64_C(1000000), false);
	struct revocation *revocation = start(3600000, true);
	CHECK_ROW("as far back as a token lives",
	          asked_since_us == atomic_load(&clock_us) - LIFE_S * INT64_C(1000000) - SESSION_SKEW_US);
	CHECK(revocation_has(revocation, STR("of-another")) && !revocation_has(revocation, STR("of-anothe")) &&
	      !revocation_has(revocation, STR("")) && revocation_is_current(revocation));
	revocation_stop(&revocation);
	CHECK(!revocation);
	revocation_stop(&revocation);
	set(0, true);
	(void)start(3600000, false);
}

static void test_read_again(void)
{
	set(0, false);
	struct revocation *revocation = start(1, true);
	CHECK(!revocation_has(revocation, STR("of-another")));
	set(atomic_load(&clock_us) - SESSION_SKEW_US, false); /* by a clock that is behind */
	wait_for_reads();
	CHECK_ROW("what another process revoked", revocation_has(revocation, STR("of-another")));
	set(0, true);
	wait_for_reads();
	CHECK_ROW("kept while the store is down", revocation_has(revocation, STR("of-another")));
	revocation_stop(&revocation);
}

static void test_own_word(void)
{
	set(0, false);
	struct revocation *revocation = start(3600000, true);
	revocation_add(revocation, STR("mine"));
	revocation_add(revocation, STR("mine"));
	revocation_add(revocation, STR("longer-than-any-session-id-that-there-could-be"));
	CHECK(revocation_has(revocation, STR("mine")) &&
	      !revocation_has(revocation, STR("longer-than-any-session-id-that-there-could-be")));
	set(atomic_load(&clock_us), false);
	revocation_refresh(revocation);
	CHECK_ROW("at once", revocation_has(revocation, STR("of-another")));
	set(0, true);
	revocation_refresh(revocation); /* made good by the next poll */
	set(0, false);
	atomic_fetch_sub(&clock_us, INT64_C(7200) * 1000000);
	revocation_refresh(revocation);
	CHECK_ROW("a clock set back leaves no hole",
	          asked_since_us == atomic_load(&clock_us) - LIFE_S * INT64_C(1000000) - SESSION_SKEW_US);
	atomic_fetch_add(&clock_us, INT64_C(7200) * 1000000);
	atomic_fetch_add(&clock_us, LIFE_S * INT64_C(1000000));
	revocation_refresh(revocation);
	CHECK_ROW("kept while a token may name it", revocation_has(revocation, STR("mine")));
	atomic_fetch_add(&clock_us, 3 * SESSION_SKEW_US);
	revocation_refresh(revocation);
	CHECK_ROW("then forgotten",
	          !revocation_has(revocation, STR("mine")) && !revocation_has(revocation, STR("of-another")));
	revocation_stop(&revocation);
}

int main(void)
{
	test_known_at_the_start();
	test_read_again();
	test_own_word();
	return check_done("auth_revocation_test");
}
