/* store/api/code_store.h: one-time codes that prove control of a mailbox: at most one per mailbox and purpose. Drivers: memory,
 * redis (later). Holds only what may be lost: a lost code costs a resend.
 *
 * Every operation is one atomic step (in Redis: one Lua script), because each of them decides: what is counted and what is compared
 * cannot be parted by another caller. Nothing else may be built from two of them that has to hold at once.
 *
 * Mailboxes and codes come as keyed hashes (rpc/domain/auth/code.h): no address and no code rests here. Clients come as rpc/wire/limiter.h
 * names them, an IPv6 address by its /64. now_ms: milliseconds since 1970 UTC; 0 = the driver's own clock (in Redis the server's), which
 * is what product code passes; only tests pass another.
 *
 * Guessing. A wrong code is counted three times over, each over a sliding window, before it is compared:
 *   per code        attempts_max, 3 by default (CONTRACT 5.2)
 *   per mailbox     mailbox_failures_max in 24 h, over both purposes: three codes' worth, 9
 *   per client      client_failures_max in 24 h, over both purposes: 30
 *   overall         overall_failures_max in one hour, each purpose for itself: 60 (VERIFICATION_CODE_MAX_HOURLY_FAILURES)
 * Without the last three, 10 codes a day with 3 tries each, sprayed over 100,000 accounts, are 3,000,000 guesses a day at one
 * in 1,000,000 each: 3 accounts taken over a day. With them, against a six-digit code:
 *   one mailbox     9 guesses a day        9e-6 a day, one in 300 years of a daily attack
 *   one client      30 guesses a day       3e-5 a day, however many accounts it tries
 *   everybody       60 * 24 = 1,440 a day  1.4e-3 a day: one take-over in two years in which the attack fills every single hour,
 *                                          however many accounts, codes, clients and networks it has
 * A digit less makes that ten times worse, a digit more ten times better. A budget that is used up refuses right codes too (fails
 * closed): a guesser must not learn from the answer that the guess was right. Right codes cost nothing, so an honest service comes nowhere
 * near. The two purposes part the overall budget, so that guesses at made-up registrations do not close the way to a new password. */
#ifndef PETFOOD_STORE_API_CODE_STORE_H
#define PETFOOD_STORE_API_CODE_STORE_H

#include <stdint.h>

#include "store/base/error.h"
#include "store/base/str.h"

enum code_purpose { CODE_REGISTER = 1, CODE_PASSWORD_RESET = 2 };
enum { CODE_PURPOSE_COUNT = 2 };
/* "register", "password_reset": as the API and the drivers' keys say it. NULL, 0 for what is none. */
const char *code_purpose_name(enum code_purpose purpose);
enum code_purpose code_purpose_from(struct str name);

enum {
	CODE_DAY_MS = 24 * 3600 * 1000,
	CODE_HOUR_MS = 3600 * 1000,
	CODE_NAME_BYTES_MAX = 64, /* of a mailbox, a client, an issue id or a ticket */
	CODE_STORED_HASH_BYTES = 32,
	CODE_SENDS_LIMIT = 1000,  /* most that sends_max and mailbox_failures_max may be: both are kept as instants */
};

/* Rules of one call, from configuration; every caller of a process passes the same. */
struct code_limits {
	int64_t expire_ms;              /* VERIFICATION_CODE_EXPIRE_MINUTES; the code is dead at exactly issue + expire_ms */
	int64_t cooldown_ms;            /* VERIFICATION_CODE_COOLDOWN_SECONDS; the next issue passes at exactly issue + cooldown_ms */
	uint32_t attempts_max;          /* VERIFICATION_CODE_MAX_ATTEMPTS */
	uint32_t sends_max;             /* VERIFICATION_CODE_MAX_DAILY_SENDS, in a sliding 24 h: a send counts no more 24 h after it */
	uint32_t mailbox_failures_max;  /* above */
	uint32_t client_failures_max;
	uint32_t overall_failures_max;
};

struct code_issue {
	struct str mailbox;
	enum code_purpose purpose;
	struct str id; /* fresh and unique: the caller's, since a script of Redis must not make up random ones */
	unsigned char hash[CODE_STORED_HASH_BYTES];
};
struct code_issued {
	uint32_t sends_left;   /* further ones within these 24 h */
	int64_t expires_at_ms;
};

struct code_try {
	struct str mailbox;
	enum code_purpose purpose;
	struct str client; /* "" = none is known: counts as one client */
	struct str ticket; /* fresh and unique; what a match is held under */
	unsigned char hash[CODE_STORED_HASH_BYTES];
};

/* Failing the same way everywhere: UNAVAILABLE/STORE_DOWN nothing was done; UNKNOWN/WRITE_UNCERTAIN. Callers fail closed (DESIGN 7). */
struct code_store {
	void *self;
	const struct code_store_driver {
		const char *name; /* "memory" */
		/* Keeps the hash in place of the mailbox's code of that purpose, spent or not, with no tries counted; the old code is dead.
		 * Cooldown and day count are the mailbox's, over both purposes. Checked in this order; a refusal changes nothing:
		 *   RESOURCE_EXHAUSTED/CODE_COOLDOWN     remaining_seconds (rounded up), retry_after (the same)
		 *   RESOURCE_EXHAUSTED/CODE_DAILY_LIMIT  daily_limit, daily_count, retry_after (until the oldest send counts no more)
		 *   RESOURCE_EXHAUSTED/OVERLOADED        no room for one more mailbox (memory driver) */
		bool (*issue)(void *self, const struct code_issue *issue, const struct code_limits *limits, int64_t now_ms,
		              struct code_issued *out, struct error *err);
		/* Success: the code is right and now spent, held under the ticket. Else, in this order:
		 *   INVALID_ARGUMENT/CODE_ABSENT         never issued, of another purpose, withdrawn, or long gone
		 *   INVALID_ARGUMENT/CODE_EXPIRED        told apart from CODE_ABSENT until 24 h after the issue
		 *   INVALID_ARGUMENT/CODE_USED
		 *   RESOURCE_EXHAUSTED/CODE_ATTEMPTS     max_attempts, retry_after (until a new code can be had, at least 1)
		 *   RESOURCE_EXHAUSTED/CODE_FAILURES     a budget of failures is used up; retry_after. Nothing was compared or counted.
		 *                                        err->message says which one
		 *   INVALID_ARGUMENT/CODE_WRONG          counted */
		bool (*take)(void *self, const struct code_try *attempt, const struct code_limits *limits, int64_t now_ms,
		             struct error *err);
		/* The request that the code served was refused for another reason: the code held under that ticket can be used again, as if it
		 * had not been (its life and its counted tries stay as they are). No such ticket any more: nothing happens, success. */
		bool (*give_back)(void *self, struct str mailbox, enum code_purpose purpose, struct str ticket, struct error *err);
		/* The mail with the code of this issue will never come: the code, its cooldown and its place in the day count go. Only if it
		 * is still that issue and unspent (a spent code has come); else nothing happens, success. */
		bool (*withdraw)(void *self, struct str mailbox, enum code_purpose purpose, struct str issue_id, struct error *err);
		void (*close)(void *self);
	} *driver;
};

#endif
