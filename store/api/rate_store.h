/* store/api/rate_store.h: how often a key (an address, a user) may do something. Drivers: memory, redis (later). Holds only what may be
 * lost: a lost count lets somebody through once more.
 *
 * Exact: no span of a rule's window, wherever it starts, holds more than `times` admitted calls of a key. A call that was admitted at t
 * counts in [t, t + window) and no longer; a refused call does not count. That takes the instants of the last `times` admissions: a
 * counter per fixed window lets twice as many through around its edge, GCRA with a burst up to 2 * times - 1. */
#ifndef PETFOOD_STORE_API_RATE_STORE_H
#define PETFOOD_STORE_API_RATE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/error.h"
#include "store/base/str.h"

enum { RATE_RULES_MAX = 8, RATE_CLAIMS_MAX = 8, RATE_TIMES_MAX = 10000 };

/* A store is opened with its rules, and counts each key under each rule for itself. */
struct rate_rule {
	size_t times;      /* 1..RATE_TIMES_MAX */
	int64_t window_ms; /* >= 1 */
};
struct rate_claim {
	size_t rule; /* index */
	struct str key;
};
/* How a key stands with a rule now. */
struct rate_standing {
	size_t left;     /* so many more calls would pass */
	int64_t wait_us; /* after which it is one more; 0 = none is counted */
};

struct rate_store {
	void *self;
	const struct rate_store_driver {
		const char *name; /* "memory" */
		/* Counts one call under each claim, or, if one of them has no room, under none: one atomic step (in Redis: one Lua script). No
		 * two claims are the same. now_us: microseconds since 1970 UTC; 0 = the driver's own clock, which is what product code
		 * passes; only tests pass another. out: one per claim, written on success and when refused.
		 * Fails: RESOURCE_EXHAUSTED/RATE_LIMITED; UNAVAILABLE/STORE_DOWN, on which callers fail open (DESIGN 7). The memory driver
		 * cannot be down. */
		bool (*take)(void *self, const struct rate_claim *claims, size_t count, int64_t now_us,
		             struct rate_standing *out, struct error *err);
		void (*close)(void *self);
	} * driver;
};

#endif
