/* rpc/outbound/mail/queue.h: takes mail in durably and sends it from a thread of its own, so that no reply waits for a mail server. */
#ifndef PETFOOD_RPC_OUTBOUND_MAIL_QUEUE_H
#define PETFOOD_RPC_OUTBOUND_MAIL_QUEUE_H

#include "rpc/outbound/mail/mail.h"
#include "rpc/outbound/mail/seal.h"
#include "store/api/mail_store.h"
#include "store/base/time.h"

struct mail_queue; /* opaque */

/* How a mail ended without being sent: `reason` of the last failure, or MAIL_EXPIRED. On the queue's thread, once for each mail in the
 * life of a process: if the process ends between the note in the store and this call, it is not made again. */
typedef void mail_failed(void *self, struct str reference, const char *reason);

struct mail_queue_options {
	struct mail_store store;
	struct mail_driver driver;   /* the queue closes it */
	struct mail_keys keys;
	const struct clock *clock;   /* NULL = the system's */
	mail_failed *failed;         /* may be NULL */
	void *failed_self;
	bool sole_owner;             /* nobody else sends from this store: mails that were being sent when we ended are due at once */
	/* 0 = the defaults. Between tries: backoff_ms, twice that, …, at most backoff_max_ms, of each a random part from half to all,
	 * so that a server that comes back is not met by everybody at once. */
	int64_t backoff_ms;          /* 2,000 */
	int64_t backoff_max_ms;      /* 60,000; less than the lease */
	uint32_t attempts_max;       /* 100; a code's mail expires long before */
	int64_t lease_ms;            /* 120,000: longer than any delivery takes */
	int64_t poll_ms;             /* 5,000: how soon what another process took in is seen */
	int64_t kept_ms;             /* 7 days: how long the row of an ended mail stays, without its body */
};

/* Starts the thread. */
MUST_CHECK bool mail_queue_start(const struct mail_queue_options *options, struct mail_queue **out, struct error *err);
/* Ends a delivery under way, which is due again at the next start, and waits for the thread. Accepts NULL; leaves *queue NULL. */
void mail_queue_stop(struct mail_queue **queue);

struct mail_order {
	struct mail_message mail; /* id and made_at_us are filled in */
	struct str reference;     /* mail_store.h */
	int64_t expires_at_us;
	bool discard;             /* taken in like any other, then erased instead of sent */
};
/* Once this returns true, the mail survives a crash. Any thread. Fails: INVALID_ARGUMENT/MAIL_ADDRESS; as the store does. */
MUST_CHECK bool mail_queue_send(struct mail_queue *queue, const struct mail_order *order, struct error *err);

/* Looks for due mail now instead of at the next poll: after a step of a clock that a test moves. */
void mail_queue_wake(struct mail_queue *queue);

#endif
