/* tests/unit/rpc/outbound/mail/fixture.h: a mail driver that follows a script, a store in a folder of its own, a clock that only the
 * test moves, and a file in place of stderr, so that a test can look for what must not be logged. */
#ifndef PETFOOD_TESTS_UNIT_RPC_OUTBOUND_MAIL_FIXTURE_H
#define PETFOOD_TESTS_UNIT_RPC_OUTBOUND_MAIL_FIXTURE_H

#include <pthread.h>

#include "rpc/outbound/mail/queue.h"
#include "store/api/store.h"

enum { FAKE_MAX = 64 };
#define FIXTURE_START_US INT64_C(1767323045000000)

struct fake_mail { /* one call of deliver */
	char id[40], to[300], subject[200], text[2048];
};

struct fixture {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* The n-th delivery ends so; NULL = well. */
	struct fake_answer {
		enum rpc_code code;
		const char *reason;
		bool hold; /* until the driver is stopped or fixture_release */
	} script[FAKE_MAX];
	size_t delivered; /* calls */
	struct fake_mail mails[FAKE_MAX];
	bool stopped, released;
	size_t failed; /* final failures */
	struct fake_failure {
		char reference[200], reason[50];
	} failures[FAKE_MAX];

	int64_t now_us; /* under lock */
	struct clock clock;
	char folder[64], path[96];
	struct store store;
	struct mail_keys keys;
	struct mail_queue *queue;
	mail_failed *on_failed;
	void *on_failed_self;
};

void fixture_init(struct fixture *f);
void fixture_fini(struct fixture *f);
/* The store is open in between. */
void fixture_start_queue(struct fixture *f, mail_failed *failed,
                         void *failed_self); /* failed: called before it is noted; may be NULL */
void fixture_reopen_store(struct fixture *f);
void fixture_move_clock(struct fixture *f, int64_t us); /* and wakes the queue */
void fixture_release(struct fixture *f);
/* Waits until so many deliveries or final failures have been, and then until nothing is being delivered or noted; false after 20 s. */
bool fixture_wait_delivered(struct fixture *f, size_t count);
bool fixture_wait_failed(struct fixture *f, size_t count);
/* Waits until the store says that the next mail is due then; 0 = none is left. */
bool fixture_wait_due(struct fixture *f, int64_t from_us, int64_t to_us, int64_t *out_us);

/* Whether a file under the store's path, or what was logged since fixture_init, holds the text. */
bool fixture_store_holds(const struct fixture *f, const char *text);
void fixture_catch_log(void);
bool fixture_log_holds(const char *text);

#endif
