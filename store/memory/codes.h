/* store/memory/codes.h: one-time codes in this process (driver of store/api/code_store.h). One lock, so that each operation is one
 * step. A restart forgets everything: codes die with it, and so do counts; a process that restarts often enough to matter needs Redis. */
#ifndef PETFOOD_STORE_MEMORY_CODES_H
#define PETFOOD_STORE_MEMORY_CODES_H

#include <stddef.h>

#include "store/api/code_store.h"
#include "store/base/time.h"

struct memory_codes_options {
	/* Bounds of memory: about 0.6 KiB a mailbox, 0.4 KiB a client. What still counts (a live code, a cooldown, a send or failure of
	 * the last 24 h) is never forgotten to make room, which would hand a guesser fresh tries: once full, a further mailbox gets no
	 * code and a further client's wrong guess is refused, until the oldest have lapsed. */
	size_t mailboxes_max;      /* 0 = 100,000 */
	size_t clients_max;        /* 0 = 100,000 */
	const struct clock *clock; /* of now_ms = 0; NULL = the system's. Set back, it neither opens nor closes anything. */
};

void memory_codes_open(const struct memory_codes_options *options, struct code_store *out); /* end with driver->close */

/* Held now; for tests and metrics. */
void memory_codes_size(const struct code_store *codes, size_t *out_mailboxes, size_t *out_clients);

#endif
