/* store/memory/rate_limit.h: how often a key (an address, a user) may do something, counted in this process. Exact: no span
 * of window_ms, wherever it starts, holds more than `times` admitted calls; a refused call does not count. Each key keeps the
 * instants of its last `times` admissions: a counter per fixed window would let 2x through at the edge, GCRA with a burst 2x - 1.
 * Any thread. */
#ifndef PETFOOD_STORE_MEMORY_RATE_LIMIT_H
#define PETFOOD_STORE_MEMORY_RATE_LIMIT_H

#include <stdint.h>

#include "store/base/error.h"
#include "store/base/str.h"
#include "store/base/time.h"

struct rate_limit; /* opaque */

struct rate_limit_options {
	size_t times;        /* 1..10000 */
	int64_t window_ms;   /* >= 1 */
	size_t keys_max;     /* 0 = 100000 */
	size_t bytes_max;    /* 0 = 64 MiB; both bounds are kept by forgetting the key that was admitted longest ago, which then
	                      * starts afresh: fails open, as DESIGN 7 wants of rate limits */
	const struct clock *clock; /* NULL = the system's. A clock that is set back neither opens nor closes anything. */
};

struct rate_limit *rate_limit_create(const struct rate_limit_options *options);
void rate_limit_destroy(struct rate_limit **limit); /* accepts NULL; leaves *limit NULL */

/* Fails: RESOURCE_EXHAUSTED/RATE_LIMITED with retry_after (whole seconds after which one call passes, at least 1), limit, window
 * (seconds). `limit` is a struct rate_limit: the shape of rpc/transport/server.h's struct rate_limiter. */
bool rate_limit_allow(void *limit, struct str key, struct error *err);

/* Keys and bytes held now. */
void rate_limit_size(struct rate_limit *limit, size_t *out_keys, size_t *out_bytes);

#endif
