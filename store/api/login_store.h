/* store/api/login_store.h: guesses at passwords, counted per account and all together. Drivers: memory, redis (later). Holds only what
 * may be lost: a restart forgives.
 *
 * A try is counted as failed before the password is looked at, in the step that also decides whether it may be made, so that guesses made
 * at the same moment are worth no more than others; a right one takes its count back. Per bucket the first few failures are free, then
 * each one doubles the time until the next try, up to a bound. Buckets are named by the caller: an account as somebody typed it, hashed,
 * whether it exists or not; and apart from that the same account from a device that its owner has signed in from, so that guessing
 * elsewhere does not lock its owner out. now_ms: milliseconds since 1970 UTC; 0 = the driver's own clock. */
#ifndef PETFOOD_STORE_API_LOGIN_STORE_H
#define PETFOOD_STORE_API_LOGIN_STORE_H

#include <stdint.h>

#include "store/base/error.h"
#include "store/base/str.h"

enum { LOGIN_BUCKET_BYTES_MAX = 128 };

struct login_limits {
	uint32_t free_failures;  /* no wait up to so many */
	int64_t first_wait_ms;   /* after one more; each further one doubles it */
	int64_t wait_max_ms;
	int64_t forget_ms;       /* so long after its last failure a bucket is empty */
	uint32_t overall_max;    /* failures of all buckets within overall_window_ms; beyond it only known devices are let try */
	int64_t overall_window_ms;
};

struct login_store {
	void *self;
	const struct login_store_driver {
		const char *name; /* "memory" */
		/* Counts a try. known_device: the overall limit does not hold for it. *out_overall: failures within the window, this one counted.
		 * Fails: RESOURCE_EXHAUSTED/LOGIN_LOCKED with retry_after in seconds; nothing was counted. */
		bool (*begin)(void *self, struct str bucket, bool known_device, const struct login_limits *limits, int64_t now_ms,
		              uint32_t *out_overall, struct error *err);
		/* The password was right, or it was never looked at: the bucket is empty again, and the try not a failure of all. */
		bool (*forgive)(void *self, struct str bucket, struct error *err);
		void (*close)(void *self);
	} *driver;
};

#endif
