/* rpc/service/verification.h: codes that prove control of a mailbox, as handlers use them: make, keep, mail; take, give back. */
#ifndef PETFOOD_RPC_SERVICE_VERIFICATION_H
#define PETFOOD_RPC_SERVICE_VERIFICATION_H

#include "rpc/domain/auth/code.h"
#include "rpc/domain/nutrition/nutrients.h"
#include "rpc/outbound/mail/queue.h"
#include "store/api/code_store.h"
#include "store/base/uuid.h"

/* Wired by main before the first call; read only then. */
struct verification {
	struct code_store codes;
	struct mail_queue *mail;
	unsigned char key[CODE_KEY_BYTES]; /* code_key_derive */
	int length;                        /* VERIFICATION_CODE_LENGTH */
	struct code_limits limits;
	const struct clock *clock;         /* of mails; NULL = the system's. The code store has its own. */
};
/* The configured rules, with the budgets of failures per mailbox and client that code_store.h reckons with. */
struct code_limits verification_limits(int64_t expire_ms, int64_t cooldown_ms, uint32_t attempts_max, uint32_t sends_max,
                                       uint32_t overall_failures_max);

struct verification_sent { /* the code-sent object of CONTRACT 2.2 beside e-mail and purpose */
	int64_t cooldown_s;
	uint32_t sends_left;
	int64_t expire_minutes; /* rounded up */
};

/* address: in the one spelling that counts (trimmed, lower case).
 * discard: the address must not get a code (there is no such account, or there is one already), and the caller must not learn that:
 * everything is done as for any other, cooldown, day count and the time it takes included, but no mail leaves, and no code that anybody
 * could type is right. So a later take says CODE_WRONG, as it does for an account that exists.
 * Fails: INVALID_ARGUMENT/VALIDATION_FAILED on field `email` if no mail can be sent to such an address; CODE_COOLDOWN,
 * CODE_DAILY_LIMIT, OVERLOADED (code_store.h); what mail_queue_send fails with: the code is withdrawn. */
MUST_CHECK bool verification_send(const struct verification *v, struct str address, enum code_purpose purpose, enum lang lang,
                                  bool discard, struct verification_sent *out, struct error *err);

struct verification_ticket {
	char mailbox[CODE_MAILBOX_BYTES];
	enum code_purpose purpose;
	char id[UUID_TEXT_BYTES];
};
/* Spends the code. client_address: of the caller, "" = unknown.
 * Fails: INVALID_ARGUMENT/VALIDATION_FAILED on field `code` unless it is `length` digits; what code_store.take fails with. */
MUST_CHECK bool verification_take(const struct verification *v, struct str address, enum code_purpose purpose, struct str code,
                                  struct str client_address, struct verification_ticket *out, struct error *err);
/* The request that the code served was refused for another reason (a name that is taken): the code is not spent. What fails here
 * costs the user a new code and nothing else, so it is logged, not told. */
void verification_give_back(const struct verification *v, const struct verification_ticket *ticket);

/* For mail_queue_options.failed, with the struct verification as self: the code whose mail never came holds no cooldown. References that
 * are not ours are left alone. */
void verification_mail_failed(void *self, struct str reference, const char *reason);

#endif
