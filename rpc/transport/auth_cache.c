#include "rpc/transport/auth_cache.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

enum { CACHED_US = 5 * 1000 * 1000, ENTRIES_MAX = 4096, BEHALF = 100 };

struct entry {
	unsigned char key[crypto_hash_sha256_BYTES];
	struct token_claims claims;
	int64_t verified_at_us;
	int64_t asked_at_us; /* still_valid; 0 = never */
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

static void key_of(unsigned char kind, struct str token, unsigned char out[crypto_hash_sha256_BYTES])
{
	crypto_hash_sha256_state state;
	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, &kind, 1);
	crypto_hash_sha256_update(&state, (const unsigned char *)token.ptr, token.len);
	crypto_hash_sha256_final(&state, out);
}

static bool is_fresh(int64_t at_us, int64_t now_us)
{
	return at_us != 0 && now_us >= at_us && now_us - at_us < CACHED_US;
}

/* A clock that was set back makes entries stale, never longer lived. */
static bool lookup(struct auth_cache *cache, const unsigned char *key, int64_t now_us, struct entry *out)
{
	struct entry *entry;
	pthread_mutex_lock(&cache->lock);
	HASH_FIND(hh, cache->entries, key, sizeof entry->key, entry);
	bool found = entry && is_fresh(entry->verified_at_us, now_us) && entry->claims.expires_at_s > now_us / 1000000;
	if (found) *out = *entry;
	pthread_mutex_unlock(&cache->lock);
	return found;
}

static void keep(struct auth_cache *cache, const struct entry *fresh)
{
	struct entry *entry;
	pthread_mutex_lock(&cache->lock);
	HASH_FIND(hh, cache->entries, fresh->key, sizeof fresh->key, entry);
	if (entry) {
		HASH_DEL(cache->entries, entry);
	} else if (HASH_COUNT(cache->entries) >= ENTRIES_MAX) {
		entry = cache->entries;
		HASH_DEL(cache->entries, entry);
	} else {
		entry = malloc(sizeof *entry);
		if (!entry) die("out of memory");
	}
	*entry = *fresh;
	HASH_ADD(hh, cache->entries, key, sizeof entry->key, entry);
	pthread_mutex_unlock(&cache->lock);
}

static bool check(struct auth_cache *cache, struct entry *entry, bool known, bool ask_validity, int64_t now_us,
                  struct token_claims *out, struct error *err)
{
	const struct rpc_server_options *options = cache->options;
	bool asking = ask_validity && options->still_valid && !is_fresh(entry->asked_at_us, now_us);
	if (asking) {
		if (!options->still_valid(options->still_valid_self, &entry->claims, err)) return false;
		entry->asked_at_us = now_us;
	}
	if (!known || asking) keep(cache, entry);
	*out = entry->claims;
	return true;
}

bool auth_token(struct auth_cache *cache, struct str token, enum token_type want, bool ask_validity,
                struct token_claims *out, struct error *err)
{
	struct entry entry = { .asked_at_us = 0 };
	int64_t now_us = clock_now_us(cache->options->clock);
	if (token.len > TOKEN_BYTES_MAX) return error_set(err, RPC_UNAUTHENTICATED, "TOKEN_INVALID", "token: size");
	key_of((unsigned char)want, token, entry.key);
	bool known = lookup(cache, entry.key, now_us, &entry);
	if (!known) {
		if (!token_verify(cache->options->keys, token, want, now_us / 1000000, &entry.claims, err))
			return false;
		entry.verified_at_us = now_us;
	}
	/* A service is no user: nothing revokes it but its key and its time. */
	return check(cache, &entry, known, ask_validity && want == TOKEN_ACCESS, now_us, out, err);
}

bool auth_on_behalf(struct auth_cache *cache, struct str user_id, bool ask_validity, struct token_claims *out,
                    struct error *err)
{
	struct entry entry = { .asked_at_us = 0 };
	int64_t now_us = clock_now_us(cache->options->clock);
	if (user_id.len >= sizeof entry.claims.subject) {
		error_set(err, RPC_INVALID_ARGUMENT, "METADATA_INVALID", "on-behalf-of of %zu bytes", user_id.len);
		return error_param(err, "key", "on-behalf-of");
	}
	key_of(BEHALF, user_id, entry.key);
	bool known = lookup(cache, entry.key, now_us, &entry);
	if (!known) {
		memcpy(entry.claims.subject, user_id.ptr, user_id.len);
		entry.claims.type = TOKEN_ACCESS;
		entry.claims.expires_at_s = INT64_MAX;
		entry.verified_at_us = now_us;
	}
	return check(cache, &entry, known, ask_validity, now_us, out, err);
}
