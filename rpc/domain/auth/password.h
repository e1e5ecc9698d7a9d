/* rpc/domain/auth/password.h: password hashes: argon2id (RFC 9106) through libsodium, as "$argon2id$v=19$m=…,t=…,p=1$…".
 * Hashes of an existing database ("$2b$", "$2a$", "$2y$": bcrypt) verify too. A password is its bytes as they come: no
 * normalisation, no trimming, no limit and no meaning of NUL for argon2id; how long a new one may be is the service's
 * rule (CONTRACT 2.4).
 *
 * Verifying takes tens of milliseconds and the whole cost in memory: bound how many run at once. Copies made here are
 * wiped. */
#ifndef PETFOOD_RPC_DOMAIN_AUTH_PASSWORD_H
#define PETFOOD_RPC_DOMAIN_AUTH_PASSWORD_H

#include <stdint.h>

#include "store/base/error.h"
#include "store/base/str.h"

enum {
	PASSWORD_HASH_BYTES = 128,     /* with NUL (crypto_pwhash_STRBYTES); the column holds 255 */
	PASSWORD_BCRYPT_BYTES_MAX = 72, /* bcrypt looks at no more */
};

/* OWASP's Password Storage Cheat Sheet: argon2id with 19 MiB, 2 passes, 1 lane. 1 lane always, as libsodium has it. */
struct password_cost {
	int64_t passes;       /* >= 1 */
	int64_t memory_bytes; /* >= 8 KiB, whole KiB */
};
#define PASSWORD_COST_DEFAULT ((struct password_cost){ .passes = 2, .memory_bytes = INT64_C(19) * 1024 * 1024 })

/* How this process hashes. Read only once made; any thread. */
struct password_policy {
	struct password_cost cost;
	char nobody[PASSWORD_HASH_BYTES]; /* of a password that was never told anyone: who is unknown takes as long as who is known (A01) */
};
/* Costs one hash. INVALID_ARGUMENT/CONFIG_INVALID for a cost that libsodium refuses. */
MUST_CHECK bool password_policy_init(struct password_policy *out, struct password_cost cost, struct error *err);

/* RESOURCE_EXHAUSTED/OVERLOADED without memory. */
MUST_CHECK bool password_hash(const struct password_policy *policy, struct str password, char out[PASSWORD_HASH_BYTES],
                              struct error *err);
/* *out_matches: whether it is the password of that hash. `stored` with ptr NULL or len 0 stands for nobody, or for
 * somebody without a password: never matches, and takes as long as an argon2id hash of this policy. So does a hash of an
 * unknown kind. With bcrypt a password of more than PASSWORD_BCRYPT_BYTES_MAX bytes, or with a NUL, never matches. Fails
 * as password_hash. */
MUST_CHECK bool password_verify(const struct password_policy *policy, struct str stored, struct str password, bool *out_matches,
                                struct error *err);
/* Whether a matching password should be hashed anew and stored: bcrypt, or fewer passes or less memory than the policy's. */
bool password_needs_rehash(const struct password_policy *policy, struct str stored);

#endif
