#include "rpc/transport/auth_cache.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

enum { CACHED_US = 5 * 1000 * 1000, ASKED_US = 2 * 1000 * 1000, ENTRIES_MAX = 4096 };
/* What is hashed together with a credential, so that none can pass for another kind. */
enum kind { KIND_TOKEN, KIND_BEHALF };

struct entry {
	struct auth_entry known;
	UT_hash_handle hh;
};

struct auth_cache {
	const struct rpc_server_options *options;
	pthread_mutex_t lock;
	struct entry *entries; /* uthash keeps the order of insertion: the head is the oldest */
};

struct auth_cache *auth_cache_create(const struct rpc_server_options *options)
{
	struct auth_cache *cache = calloc(1, sizeof *cache);
	if (!cache) die("out of memory");
	cache->options = options;
	pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

void auth_cache_destroy(struct auth_cache **cache)
{
	struct entry *entry, *next;
	if (!*cache) return;
	HASH_ITER(hh, (*cache)->entries, entry, next) {
		HASH_DEL((*cache)->entries, entry);
		free(entry);
	}
	pthread_mutex_destroy(&(*cache)->lock);
	free(*cache);
	*cache = NULL;
}

static void key_of(enum kind kind, struct str credential, unsigned char out[AUTH_KEY_BYTES])
{
	const unsigned char personal[crypto_generichash_blake2b_PERSONALBYTES] = { (unsigned char)kind };
	(void)crypto_generichash_blake2b_salt_personal(out, AUTH_KEY_BYTES, (const unsigned char *)credential.ptr,
	                                               credential.len, NULL, 0, NULL, personal);
}

static bool is_fresh(int64_t at_us, int64_t now_us, int64_t span_us)
{
	return at_us != 0 && now_us >= at_us && now_us - at_us < span_us;
}

/* A clock that was set back makes entries stale, never longer lived. */
static bool lookup(struct auth_cache *cache, int64_t now_us, struct auth_entry *io)
{
	struct entry *entry;
	pthread_mutex_lock(&cache->lock);
	HASH_FIND(hh, cache->entries, io->key, AUTH_KEY_BYTES, entry);
	bool found = entry && is_fresh(entry->known.verified_at_us, now_us, CACHED_US) &&
	             entry->known.claims.expires_at_s > now_us / 1000000;
	if (found) *io = entry->known;
	pthread_mutex_unlock(&cache->lock);
	return found;
}

static void keep(struct auth_cache *cache, const struct auth_entry *fresh)
{
	struct entry *entry;
	pthread_mutex_lock(&cache->lock);
	HASH_FIND(hh, cache->entries, fresh->key, AUTH_KEY_BYTES, entry);
	if (entry) {
		HASH_DEL(cache->entries, entry);
	} else if (HASH_COUNT(cache->entries) >= ENTRIES_MAX) {
		entry = cache->entries;
		HASH_DEL(cache->entries, entry);
	} else {
		entry = malloc(sizeof *entry);
		if (!entry) die("out of memory");
	}
	entry->known = *fresh;
	HASH_ADD(hh, cache->entries, known.key, AUTH_KEY_BYTES, entry);
	pthread_mutex_unlock(&cache->lock);
}

bool auth_token(struct auth_cache *cache, struct str token, struct auth_entry *out, struct error *err)
{
	int64_t now_us = clock_now_us(cache->options->clock);
	if (token.len > TOKEN_BYTES_MAX) return error_set(err, RPC_UNAUTHENTICATED, "TOKEN_INVALID", "token: size");
	key_of(KIND_TOKEN, token, out->key);
	if (lookup(cache, now_us, out)) return true;
	if (!token_verify_any(cache->options->keys, token, now_us / 1000000, &out->claims, err)) return false;
	out->verified_at_us = now_us;
	out->asked_at_us = 0;
	keep(cache, out);
	return true;
}

/* A service vouches for the user, and for the session if it names one. */
static void key_of_behalf(struct str user_id, struct str session_id, unsigned char out[AUTH_KEY_BYTES])
{
	char credential[sizeof(((struct token_claims *)0)->subject) + sizeof(((struct token_claims *)0)->session_id)] = { 0 };
	memcpy(credential, user_id.ptr, user_id.len);
	if (session_id.len) memcpy(credential + sizeof(((struct token_claims *)0)->subject), session_id.ptr, session_id.len);
	key_of(KIND_BEHALF, (struct str){ credential, sizeof credential }, out);
}

bool auth_on_behalf(struct auth_cache *cache, struct str user_id, struct str session_id, struct auth_entry *out, struct error *err)
{
	int64_t now_us = clock_now_us(cache->options->clock);
	bool user_fits = user_id.len < sizeof out->claims.subject, session_fits = session_id.len < sizeof out->claims.session_id;
	if (!user_fits || !session_fits) {
		const char *key = user_fits ? "on-behalf-session" : "on-behalf-of";
		error_set(err, RPC_INVALID_ARGUMENT, "METADATA_INVALID", "%s of %zu bytes", key, user_fits ? session_id.len : user_id.len);
		return error_param(err, "key", "%s", key);
	}
	key_of_behalf(user_id, session_id, out->key);
	if (lookup(cache, now_us, out)) return true;
	out->claims = (struct token_claims){ .type = TOKEN_ACCESS, .expires_at_s = INT64_MAX };
	memcpy(out->claims.subject, user_id.ptr, user_id.len);
	if (session_id.len) memcpy(out->claims.session_id, session_id.ptr, session_id.len);
	out->verified_at_us = now_us;
	out->asked_at_us = 0;
	keep(cache, out);
	return true;
}

bool auth_still_valid(struct auth_cache *cache, struct auth_entry *entry, struct error *err)
{
	const struct rpc_server_options *options = cache->options;
	int64_t now_us = clock_now_us(options->clock);
	if (options->session_lives && !options->session_lives(options->still_valid_self, &entry->claims, err)) return false;
	if (!options->still_valid || is_fresh(entry->asked_at_us, now_us, ASKED_US)) return true;
	if (!options->still_valid(options->still_valid_self, &entry->claims, err)) return false;
	entry->asked_at_us = now_us;
	keep(cache, entry);
	return true;
}
