/* store/memory/logins.h: guesses at passwords in this process (driver of store/api/login_store.h). One lock, so that each operation is
 * one step. */
#ifndef PETFOOD_STORE_MEMORY_LOGINS_H
#define PETFOOD_STORE_MEMORY_LOGINS_H

#include <stddef.h>

#include "store/api/login_store.h"
#include "store/base/time.h"

struct memory_logins_options {
	size_t buckets_max;        /* 0 = 100,000, about 0.3 KiB each; beyond it the one that failed longest ago is forgotten */
	const struct clock *clock; /* of now_ms = 0; NULL = the system's. Set back, it opens nothing. */
};

void memory_logins_open(const struct memory_logins_options *options, struct login_store *out); /* end with driver->close */

#endif
