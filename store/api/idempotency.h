/* store/api/idempotency.h: the guard of a write that must not happen twice (DESIGN 3). Every function of the store that takes
 * `const struct idempotency *idem` (NULL = no key; arena and the two results may then be NULL) keeps the same promise:
 *   - the key, one of a user and a method, is inserted first, in the effect's own transaction: of equal calls at once one acts, the
 *     others wait for its end and then replay it (ABORTED/STORE_BUSY if it does not come);
 *   - the same key and hash again: success with *out_replayed = true and *out_reply = the reply kept with the key, in `arena`. Nothing
 *     else is written or looked at, so what has become of the effect since does not matter;
 *   - the same key with another hash: INVALID_ARGUMENT/IDEMPOTENCY_MISMATCH;
 *   - a call that fails does not spend its key.
 * A key is kept for as long as the log of a task would be (task_store.sweep); one that made a task, until that log goes. */
#ifndef PETFOOD_STORE_API_IDEMPOTENCY_H
#define PETFOOD_STORE_API_IDEMPOTENCY_H

#include "store/base/str.h"

struct idempotency {
	struct str user_id, method, key;
	unsigned char request_hash[32]; /* SHA-256 of the packed request */
	struct str reply;               /* packed reply to keep; for a create it may name the new task's id */
};

#endif
