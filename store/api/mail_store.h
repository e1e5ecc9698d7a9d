/* store/api/mail_store.h: mail that waits to be sent. Durable: what was taken in is sent although the process ends in between,
 * at least once; a crash after a server took a mail and before it was noted sends it again, under the same Message-ID. Bodies come
 * sealed (rpc/outbound/mail/seal.h): nothing here can be read. Fails as store.h says. */
#ifndef PETFOOD_STORE_API_MAIL_STORE_H
#define PETFOOD_STORE_API_MAIL_STORE_H

#include <stdint.h>

#include "store/base/arena.h"
#include "store/base/error.h"
#include "store/base/str.h"

enum { MAIL_REFERENCE_BYTES_MAX = 200, MAIL_REASON_BYTES_MAX = 50 };

struct mail_job {
	struct str id;           /* a fresh UUID */
	struct str reference;    /* what the mail is about, for whoever must know that it failed; no secret, no address; "" = nothing */
	struct str body;         /* sealed */
	uint32_t attempt;        /* how often it was claimed, this time included; fences the calls below */
	int64_t created_at_us;
	int64_t expires_at_us;   /* not worth sending from then on */
};

struct mail_store {
	void *self;
	const struct mail_store_driver {
		const char *name;
		/* Due at once. job->attempt is not read. */
		bool (*enqueue)(void *self, const struct mail_job *job, struct error *err);
		/* When the first one is due, 0 = none waits. A read. */
		bool (*next_due)(void *self, int64_t *out_at_us, struct error *err);
		/* Gives the one that has been due longest to one caller, hidden from others for lease_ms; also an expired one, which is for the
		 * caller to end. What is due later than any lease from now counts as due as well: the clock was set back. *out_has = false: none
		 * is due. */
		bool (*claim)(void *self, int64_t now_us, int64_t lease_ms, struct arena *arena, struct mail_job *out, bool *out_has,
		              struct error *err);
		/* Sent, or given up for that reason: the body is erased, the rest stays until it is swept. */
		bool (*done)(void *self, struct str id, uint32_t attempt, int64_t now_us, struct error *err);
		bool (*fail)(void *self, struct str id, uint32_t attempt, int64_t now_us, struct str reason, struct error *err);
		/* Due again at next_at_us, no further ahead than a lease. */
		bool (*retry)(void *self, struct str id, uint32_t attempt, int64_t next_at_us, struct str reason, struct error *err);
		/* done, fail, retry: ABORTED/MAIL_MOVED unless that claim is the last one and the mail has not ended. */

		/* Makes what is claimed due now. For the sole owner of the store, at its start: whoever had claimed is gone. */
		bool (*void_leases)(void *self, int64_t now_us, int64_t *out_count, struct error *err);
		/* Deletes those that ended before, the oldest first, at most `limit`. *out_count = limit: there may be more. */
		bool (*sweep)(void *self, int64_t ended_before_us, size_t limit, int64_t *out_count, struct error *err);
	} *driver;
};

#endif
