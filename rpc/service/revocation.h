/* rpc/service/revocation.h: which sessions were revoked a short while ago: as long as an access token may still name them. Every process
 * that admits callers keeps the set and reads what others have revoked every 2 s; what it revokes itself it knows at once. So a revoked
 * session's access tokens die within 2 s and one read, anywhere. */
#ifndef PETFOOD_RPC_SERVICE_REVOCATION_H
#define PETFOOD_RPC_SERVICE_REVOCATION_H

#include "store/api/session_store.h"
#include "store/base/time.h"

struct revocation; /* opaque; any thread */

struct revocation_options {
	const struct session_store *sessions; /* borrowed */
	const struct clock *clock;
	int64_t access_life_s; /* of an access token: older revocations are forgotten */
	int64_t poll_ms;       /* 0 = 2000 */
};
/* Reads the store once, then starts a thread that does. Fails as the store. */
MUST_CHECK bool revocation_start(const struct revocation_options *options, struct revocation **out, struct error *err);
void revocation_stop(struct revocation **revocation); /* accepts NULL */

/* In memory; never blocks on the store. */
bool revocation_has(struct revocation *revocation, struct str session_id);
/* This process has just revoked it. */
void revocation_add(struct revocation *revocation, struct str session_id);
/* This process has just revoked sessions whose ids it does not know: reads the store now, and returns once it has. What fails is
 * made good by the next poll. */
void revocation_refresh(struct revocation *revocation);
/* False if nothing could be read for 15 s: then nobody can say who was locked out, and callers are refused (DESIGN 7: revocation
 * fails closed). */
bool revocation_is_current(struct revocation *revocation);

#endif
