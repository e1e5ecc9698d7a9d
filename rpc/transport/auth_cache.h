/* rpc/transport/auth_cache.h: verified tokens, by hash, for at most 5 s and never past exp. */
#ifndef PETFOOD_RPC_TRANSPORT_AUTH_CACHE_H
#define PETFOOD_RPC_TRANSPORT_AUTH_CACHE_H

#include "rpc/transport/server.h"

struct auth_cache;                                                              /* opaque; any thread */
struct auth_cache *auth_cache_create(const struct rpc_server_options *options); /* borrowed */
void auth_cache_destroy(struct auth_cache **cache);

enum { AUTH_KEY_BYTES = 32 };

/* What is known of one credential. */
struct auth_entry {
	unsigned char key[AUTH_KEY_BYTES]; /* hash */
	struct token_claims claims;
	int64_t verified_at_us;
	int64_t asked_at_us; /* still_valid; 0 = never */
};
/* A token of any type, from the cache or by token_verify_any; never blocks. Fails as that. */
MUST_CHECK bool auth_token(struct auth_cache *cache, struct str token, struct auth_entry *out, struct error *err);
/* A user whom a service names: claims of that id and of that session ("" = none). */
MUST_CHECK bool auth_on_behalf(struct auth_cache *cache, struct str user_id, struct str session_id, struct auth_entry *out,
                               struct error *err);
/* Whether the user of an entry may still call: options.session_lives, asked always, and options.still_valid, asked at most every 2 s; may
 * block. Fails as they do. */
MUST_CHECK bool auth_still_valid(struct auth_cache *cache, struct auth_entry *entry, struct error *err);

#endif
