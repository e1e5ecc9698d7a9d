/* Rates: exact windows, all claims or none, standings that come true. Every rule moves its own clock (now_us). */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "tests/contract/rate_contract.h"
#include "tests/support/check.h"

enum { SECOND = 1000000, MINUTE = 60 * SECOND };
#define START_US INT64_C(1767323045123456)

/* Rules of every world. */
enum { MANY, FEW, SHORT, ROOMY };
static const struct rate_rule rules[] = {
	[MANY] = { 100, 60000 }, /* the default of RATE_LIMIT_TIMES and _SECONDS */
	[FEW] = { 3, 10000 },
	[SHORT] = { 10, 1000 },
	[ROOMY] = { 1000, 600000 },
};

struct world {
	struct rate_store store;
	struct rate_standing standing[RATE_CLAIMS_MAX];
	struct error err;
	int64_t now_us;
};

static bool take_all(struct world *w, const struct rate_claim *claims, size_t count)
{
	error_clear(&w->err);
	memset(w->standing, 0xee, sizeof w->standing);
	return w->store.driver->take(w->store.self, claims, count, w->now_us, w->standing, &w->err);
}

static bool take(struct world *w, size_t rule, const char *key)
{
	return take_all(w, &(struct rate_claim){ rule, str_from(key) }, 1);
}

static int admitted(struct world *w, size_t rule, const char *key, int tries)
{
	int n = 0;
	for (int i = 0; i < tries; i++) n += take(w, rule, key);
	return n;
}

static void l01_exact_at_the_edges(struct world *w)
{
	CHECK(admitted(w, MANY, "a", 150) == 100);
	CHECK(!take(w, MANY, "a") && w->err.code == RPC_RESOURCE_EXHAUSTED && error_is(&w->err, "RATE_LIMITED"));
	CHECK_ROW("the whole window is left", w->standing[0].left == 0 && w->standing[0].wait_us == MINUTE);
	w->now_us += MINUTE - 1;
	CHECK_ROW("a microsecond before the edge", !take(w, MANY, "a") && w->standing[0].wait_us == 1);
	w->now_us += 1;
	CHECK_ROW("at the edge", admitted(w, MANY, "a", 150) == 100);
}

/* Each call leaves the window by itself, not all at once. */
static void l01_calls_lapse_one_by_one(struct world *w)
{
	for (int i = 0; i < 3; i++) {
		CHECK(take(w, FEW, "k"));
		w->now_us += SECOND;
	}
	w->now_us += 6 * SECOND; /* the first is nine seconds old */
	CHECK(!take(w, FEW, "k") && w->standing[0].wait_us == SECOND);
	for (int i = 0; i < 3; i++) {
		w->now_us += SECOND;
		CHECK_ROW("one each second", admitted(w, FEW, "k", 3) == 1);
	}
}

/* Greedy calls at irregular instants, bunched at both sides of each edge: no window of that length, wherever it starts, holds more than
 * `times`, and some hold as many. */
static void l02_no_double_burst(struct world *w)
{
	enum { CALLS = 5000 };
	static int64_t at[CALLS];
	size_t count = 0, most = 0;
	unsigned random = 1;
	for (int i = 0; i < CALLS; i++) {
		random = random * 1103515245u + 12345u;
		w->now_us += i % 50 == 0 ? SECOND - 1000 : (random >> 8) % 20000;
		if (take(w, SHORT, "k")) at[count++] = w->now_us;
	}
	for (size_t i = 0, j = 0; i < count; i++) {
		while (at[i] - at[j] >= SECOND) j++;
		if (i - j + 1 > most) most = i - j + 1;
	}
	CHECK(most == rules[SHORT].times);
	/* The very trick: all just before the end of a fixed window, all again just after. */
	w->now_us = (w->now_us / SECOND + 10) * SECOND - 1;
	int before = admitted(w, SHORT, "edge", 20);
	w->now_us += 2;
	CHECK(before == 10 && admitted(w, SHORT, "edge", 20) == 0);
}

enum { CROWD = 8, CROWD_CALLS = 125 };
struct crowd {
	struct world *world;
	size_t rule;
	atomic_int admitted;
	pthread_barrier_t start;
};

static void *crowd_run(void *self)
{
	struct crowd *crowd = self;
	(void)pthread_barrier_wait(&crowd->start);
	for (int i = 0; i < CROWD_CALLS; i++) {
		struct world mine = *crowd->world;
		crowd->admitted += take(&mine, crowd->rule, "one");
	}
	return NULL;
}

static void l03_a_thousand_at_once(struct world *w)
{
	struct crowd crowd = { .world = w, .rule = MANY };
	pthread_t threads[CROWD];
	(void)pthread_barrier_init(&crowd.start, NULL, CROWD);
	for (size_t i = 0; i < COUNT(threads); i++) CHECK(pthread_create(&threads[i], NULL, crowd_run, &crowd) == 0);
	for (size_t i = 0; i < COUNT(threads); i++) (void)pthread_join(threads[i], NULL);
	(void)pthread_barrier_destroy(&crowd.start);
	CHECK(crowd.admitted == 100);
}

/* What a standing says is what happens. */
static void l05_standings_come_true(struct world *w)
{
	unsigned random = 7;
	int waits = 0;
	for (int i = 0; i < 300; i++) {
		random = random * 1103515245u + 12345u;
		w->now_us += (random >> 8) % (3 * SECOND);
		bool ok = take(w, FEW, "k");
		size_t left = w->standing[0].left;
		int64_t wait_us = w->standing[0].wait_us;
		CHECK_ROW("a refusal has nothing left", ok || left == 0);
		CHECK_ROW("a wait within the window", wait_us >= 1 && wait_us <= 10 * SECOND);
		if (i % 3) continue;
		CHECK_ROW("as many as said", admitted(w, FEW, "k", 5) == (int)left);
		w->now_us += wait_us - 1;
		CHECK_ROW("not a microsecond early", !take(w, FEW, "k"));
		w->now_us += 1;
		CHECK_ROW("and not late", take(w, FEW, "k"));
		waits++;
	}
	CHECK(waits == 100);
}

static void refused_calls_do_not_count(struct world *w)
{
	CHECK(admitted(w, FEW, "k", 3) == 3);
	for (int i = 0; i < 100; i++) {
		w->now_us += SECOND / 11;
		CHECK(!take(w, FEW, "k"));
	}
	w->now_us += SECOND;
	CHECK_ROW("hammering has not moved the edge", admitted(w, FEW, "k", 5) == 3);
}

static void keys_and_rules_count_apart(struct world *w)
{
	CHECK(admitted(w, FEW, "a", 5) == 3 && admitted(w, FEW, "b", 5) == 3);
	CHECK(admitted(w, SHORT, "a", 20) == 10);
	CHECK_ROW("an empty key is a key", admitted(w, FEW, "", 5) == 3);
	CHECK_ROW("every byte tells", admitted(w, FEW, "a ", 5) == 3 && admitted(w, FEW, "A", 5) == 3);
	CHECK_ROW("NUL is a byte", take_all(w, &(struct rate_claim){ FEW, { "a\0x", 3 } }, 1));
}

static void all_or_none(struct world *w)
{
	const struct rate_claim both[] = { { MANY, STR("k") }, { FEW, STR("k") } };
	for (size_t i = 0; i < 3; i++) {
		CHECK(take_all(w, both, 2));
		CHECK(w->standing[0].left == 99 - i && w->standing[1].left == 2 - i);
	}
	for (int i = 0; i < 50; i++) CHECK(!take_all(w, both, 2) && error_is(&w->err, "RATE_LIMITED"));
	CHECK_ROW("the other has room, and has lost none of it", w->standing[0].left == 97 && w->standing[1].left == 0);
	CHECK(admitted(w, MANY, "k", 200) == 97);
	w->now_us += 10 * SECOND; /* FEW has room again, MANY has not */
	CHECK(!take_all(w, both, 2) && w->standing[0].left == 0 && w->standing[1].left == 3);
	CHECK_ROW("what is not counted has nothing to wait for", w->standing[1].wait_us == 0);
	CHECK(admitted(w, FEW, "k", 5) == 3);
	const struct rate_claim two_keys[] = { { FEW, STR("x") }, { FEW, STR("y") } };
	CHECK(take(w, FEW, "y") && take_all(w, two_keys, 2) && w->standing[0].left == 2 && w->standing[1].left == 1);
}

static void long_windows_keep_every_call(struct world *w)
{
	for (int i = 0; i < 1000; i++) {
		w->now_us += SECOND / 2;
		CHECK(take(w, ROOMY, "k"));
	}
	CHECK(!take(w, ROOMY, "k") && w->standing[0].wait_us == 600 * (int64_t)SECOND - 999 * (SECOND / 2));
}

static const struct {
	const char *says;
	void (*check)(struct world *w);
} checks[] = {
	{ "L01 exact at the edges", l01_exact_at_the_edges },
	{ "L01 calls lapse one by one", l01_calls_lapse_one_by_one },
	{ "L02 no double burst", l02_no_double_burst },
	{ "L03 a thousand at once are the limit exactly", l03_a_thousand_at_once },
	{ "L05 standings come true", l05_standings_come_true },
	{ "refused calls do not count", refused_calls_do_not_count },
	{ "keys and rules count apart", keys_and_rules_count_apart },
	{ "all claims or none", all_or_none },
	{ "long windows keep every call", long_windows_keep_every_call },
};

int rate_contract(const struct rate_contract *contract)
{
	for (size_t i = 0; i < COUNT(checks); i++) {
		struct world w = { .now_us = START_US };
		int failed = check_failed_count;
		if (!CHECK_ROW(checks[i].says, contract->open_empty(rules, COUNT(rules), &w.store))) continue;
		checks[i].check(&w);
		w.store.driver->close(w.store.self);
		if (check_failed_count != failed) (void)printf("  of \"%s\" (%s)\n", checks[i].says, contract->driver);
	}
	return check_done("contract_rates");
}
