/* rpc/domain/auth/refresh.h: refresh tokens (DESIGN 9). "pfr_" and base64url of: session id (16 bytes), generation (4,
 * high byte first), MAC (32). The MAC is HMAC-SHA256 over the first two, under a key derived for this purpose alone from
 * a signing key, so that the token of any generation can be made again, while the store holds only its hash. Pure; safe
 * from any thread. A token says nothing about its life: the session does (store/api/session_store.h). */
#ifndef PETFOOD_RPC_DOMAIN_AUTH_REFRESH_H
#define PETFOOD_RPC_DOMAIN_AUTH_REFRESH_H

#include "rpc/domain/auth/token.h"

enum {
	REFRESH_HASH_BYTES = 32, /* SHA-256 of the text */
	REFRESH_TEXT_BYTES = 75, /* with NUL; every token has this size */
};

struct refresh_token {
	char text[REFRESH_TEXT_BYTES];
	unsigned char hash[REFRESH_HASH_BYTES]; /* to be stored in its place */
};

/* What a token that was verified says. */
struct refresh_claims {
	char session_id[37];
	uint32_t generation; /* >= 1 */
	unsigned char hash[REFRESH_HASH_BYTES];
};

/* The token of a generation, by the key that signs. session_id: a lower-case UUID. INTERNAL otherwise, and without a key. */
MUST_CHECK bool refresh_make(const struct token_keys *keys, struct str session_id, uint32_t generation,
                             struct refresh_token *out, struct error *err);
/* Size, prefix, canonical base64url and MAC, by any of the keys and in constant time: what fails here needs no store.
 * UNAUTHENTICATED/REFRESH_INVALID, in one wording whatever was wrong. */
MUST_CHECK bool refresh_verify(const struct token_keys *keys, struct str text, struct refresh_claims *out, struct error *err);
/* The token that was made for this generation, by whichever key gives the stored hash: the successor that everyone is
 * given during the grace, also if the signing key was changed meanwhile. REFRESH_INVALID if no key does (it was
 * retired). */
MUST_CHECK bool refresh_recall(const struct token_keys *keys, struct str session_id, uint32_t generation,
                               const unsigned char hash[REFRESH_HASH_BYTES], struct refresh_token *out, struct error *err);

#endif
