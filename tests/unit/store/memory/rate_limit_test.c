/* What the memory driver of rates adds to tests/contract/contract_rates.c: bounds, and a clock of its own. */
#include <stdio.h>

#include "store/memory/rate_limit.h"
#include "tests/support/check.h"

enum { SECOND = 1000000, FIRST = 0, SECOND_RULE = 1 };

static int64_t now_us = INT64_C(1767323045000000);
static int64_t fake_now(void *self)
{
	(void)self;
	return now_us;
}
static const struct clock fake_clock = { fake_now, NULL };

static struct rate_store open_rates(size_t times, size_t keys_max, size_t bytes_max)
{
	const struct rate_rule rules[] = { { times, 60000 }, { times, 60000 } };
	struct rate_store rates;
	memory_rates_open(
	    &(struct memory_rates_options){
	        .rules = rules, .rule_count = 2, .keys_max = keys_max, .bytes_max = bytes_max, .clock = &fake_clock },
	    &rates);
	return rates;
}

static int admitted(struct rate_store *rates, size_t rule, struct str key, int tries)
{
	struct rate_standing standing;
	int n = 0;
	for (int i = 0; i < tries; i++)
		n += rates->driver->take(rates->self, &(struct rate_claim){ rule, key }, 1, 0, &standing, NULL);
	return n;
}

static void test_clock(void)
{
	struct rate_store rates = open_rates(2, 0, 0);
	CHECK(admitted(&rates, FIRST, STR("k"), 5) == 2);
	now_us += 60 * (int64_t)SECOND - 1;
	CHECK(admitted(&rates, FIRST, STR("k"), 5) == 0);
	now_us += 1;
	CHECK(admitted(&rates, FIRST, STR("k"), 5) == 2);
	now_us -= 3600 * (int64_t)SECOND;
	CHECK_ROW("set back, it opens nothing", admitted(&rates, FIRST, STR("k"), 5) == 0);
	now_us += 60 * (int64_t)SECOND;
	CHECK_ROW("and locks nobody out for an hour", admitted(&rates, FIRST, STR("k"), 5) == 2);
	rates.driver->close(rates.self);
}

/* L04: what the memory driver cannot keep it forgets, and lets through: it fails open. */
static void test_L04_bounded(void)
{
	struct rate_store rates = open_rates(1000, 50, 100000);
	size_t keys = 0, bytes = 0;
	char name[32];
	CHECK(admitted(&rates, SECOND_RULE, STR("apart"), 2000) == 1000);
	for (int i = 0; i < 5000; i++) {
		int len = snprintf(name, sizeof name, "key %d", i);
		CHECK(admitted(&rates, FIRST, (struct str){ name, (size_t)len }, 1) == 1);
		now_us++;
	}
	memory_rates_size(&rates, FIRST, &keys, &bytes);
	CHECK(keys == 50 && bytes <= 100000);
	/* Long rings push out by bytes. */
	for (int i = 0; i < 40; i++) {
		int len = snprintf(name, sizeof name, "long %d", i);
		(void)admitted(&rates, FIRST, (struct str){ name, (size_t)len }, 1000);
	}
	memory_rates_size(&rates, FIRST, &keys, &bytes);
	CHECK(keys > 1 && keys < 40 && bytes <= 100000);
	CHECK_ROW("what was forgotten starts afresh", admitted(&rates, FIRST, STR("long 0"), 2000) == 1000);
	CHECK_ROW("the newest are not forgotten", admitted(&rates, FIRST, STR("long 39"), 1) == 0);
	CHECK_ROW("a flood under one rule forgets nothing of another",
	          admitted(&rates, SECOND_RULE, STR("apart"), 1) == 0);
	now_us += 60 * (int64_t)SECOND;
	CHECK(admitted(&rates, FIRST, STR(""), 1) == 1); /* the others have lapsed, and gone */
	memory_rates_size(&rates, FIRST, &keys, &bytes);
	CHECK(keys == 1);
	rates.driver->close(rates.self);
}

int main(void)
{
	test_clock();
	test_L04_bounded();
	return check_done("unit_store_memory");
}
