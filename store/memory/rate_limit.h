/* store/memory/rate_limit.h: rates counted in this process (driver of store/api/rate_store.h). One lock, so that each take is one step.
 * Several processes count each for itself, and a restart forgets. */
#ifndef PETFOOD_STORE_MEMORY_RATE_LIMIT_H
#define PETFOOD_STORE_MEMORY_RATE_LIMIT_H

#include "store/api/rate_store.h"
#include "store/base/time.h"

struct memory_rates_options {
	const struct rate_rule *rules; /* copied */
	size_t rule_count;             /* 1..RATE_RULES_MAX */
	/* Bounds of each rule by itself, so that a flood under one of them forgets nothing of another. Kept by forgetting the key that was
	 * admitted longest ago, which then starts afresh: fails open, as DESIGN 7 wants of rate limits. */
	size_t keys_max;  /* 0 = 100,000 */
	size_t bytes_max; /* 0 = 32 MiB: 100,000 keys with a few calls each, or 35,000 with a hundred */
	const struct clock
	    *clock; /* of now_us = 0; NULL = the system's. Set back, it neither opens nor closes anything. */
};

void memory_rates_open(const struct memory_rates_options *options, struct rate_store *out); /* end with driver->close */

/* Held now under one rule; for tests. */
void memory_rates_size(const struct rate_store *rates, size_t rule, size_t *out_keys, size_t *out_bytes);

#endif
