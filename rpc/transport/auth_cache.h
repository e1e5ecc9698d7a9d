/* rpc/transport/auth_cache.h: verified tokens, by hash, for at most 5 s and never past exp. */
#ifndef PETFOOD_RPC_TRANSPORT_AUTH_CACHE_H
#define PETFOOD_RPC_TRANSPORT_AUTH_CACHE_H

#include "rpc/transport/server.h"

struct auth_cache; /* opaque; any thread */
struct auth_cache *auth_cache_create(const struct rpc_server_options *options); /* borrowed */
void auth_cache_destroy(struct auth_cache **cache);

/* Claims of a token, from the cache or by token_verify. ask_validity: also still_valid, which may block. Fails as these. */
MUST_CHECK bool auth_token(struct auth_cache *cache, struct str token, enum token_type want, bool ask_validity,
                           struct token_claims *out, struct error *err);
/* A user whom a service names: claims of that id, without a session. */
MUST_CHECK bool auth_on_behalf(struct auth_cache *cache, struct str user_id, bool ask_validity, struct token_claims *out,
                               struct error *err);

#endif
