/* rpc/domain/auth/token.h: signed tokens (JWT, RFC 7519). HS256 only, or the one algorithm that configuration fixes; what the
 * token says of its algorithm is compared, never followed. Pure: keys and time come in as values. */
#ifndef PETFOOD_RPC_DOMAIN_AUTH_TOKEN_H
#define PETFOOD_RPC_DOMAIN_AUTH_TOKEN_H

#include "store/base/error.h"
#include "store/base/str.h"

enum { TOKEN_BYTES_MAX = 4096, TOKEN_KEY_BYTES_MIN = 32, TOKEN_KEYS_MAX = 4 };

enum token_type { TOKEN_ACCESS, TOKEN_REFRESH, TOKEN_SERVICE, TOKEN_OTHER };
const char *token_type_name(enum token_type type); /* "access", "refresh", "service"; "?" for TOKEN_OTHER */

struct token_key {
	char kid[33];      /* "" = tokens without kid */
	struct str secret; /* >= TOKEN_KEY_BYTES_MIN bytes */
};
struct token_keys {
	size_t count;      /* keys[0] signs, all verify */
	struct token_key keys[TOKEN_KEYS_MAX];
};

struct token_claims {
	enum token_type type;
	char subject[64];   /* sub: user id, or a service's name */
	char username[160];
	char session_id[40]; /* sid, "" = none */
	char token_id[40];   /* jti */
	int64_t issued_at_s, expires_at_s;
};

/* Signs. claims->token_id "" gets a fresh id. */
MUST_CHECK bool token_sign(struct arena *arena, const struct token_keys *keys, struct token_claims *claims, struct str *out,
                           struct error *err);
/* Checks everything but the type: size, three parts, canonical base64url, alg, kid, signature, exp required and > now_s, iat and
 * nbf not in the future (60 s skew), no duplicate claims, sub present (but in a token of TOKEN_OTHER, which is good for nothing).
 * Fails UNAUTHENTICATED: TOKEN_INVALID, TOKEN_INCOMPLETE without sub, TOKEN_WRONG_TYPE for a refresh token (refresh.h). */
MUST_CHECK bool token_verify_any(const struct token_keys *keys, struct str token, int64_t now_s, struct token_claims *out,
                                 struct error *err);
/* Fails UNAUTHENTICATED/TOKEN_WRONG_TYPE with `expected` and `actual`. */
MUST_CHECK bool token_expect(const struct token_claims *claims, enum token_type want, struct error *err);
/* Both. */
MUST_CHECK bool token_verify(const struct token_keys *keys, struct str token, enum token_type want, int64_t now_s,
                             struct token_claims *out, struct error *err);

#endif
