#include "rpc/domain/auth/password.h"

#include <crypt.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)PASSWORD_HASH_BYTES == (int)crypto_pwhash_STRBYTES, "hash");
enum { BCRYPT_LEN = 60, BCRYPT_SALT_LEN = 29 };
#define ARGON2ID "$argon2id$"

static bool no_memory(struct error *err)
{
	return error_set(err, RPC_RESOURCE_EXHAUSTED, "OVERLOADED", "no memory to hash a password");
}

bool password_hash(const struct password_policy *policy, struct str password, char out[PASSWORD_HASH_BYTES],
                   struct error *err)
{
	if (crypto_pwhash_str_alg(out, password.ptr ? password.ptr : "", password.len,
	                          (unsigned long long)policy->cost.passes, (size_t)policy->cost.memory_bytes,
	                          crypto_pwhash_ALG_ARGON2ID13) == 0)
		return true;
	return no_memory(err);
}

bool password_policy_init(struct password_policy *out, struct password_cost cost, struct error *err)
{
	char secret[32];
	if (sodium_init() < 0) die("libsodium did not start");
	*out = (struct password_policy){ .cost = cost };
	if (cost.passes < (int64_t)crypto_pwhash_argon2id_OPSLIMIT_MIN || cost.passes > UINT32_MAX ||
	    cost.memory_bytes < (int64_t)crypto_pwhash_argon2id_MEMLIMIT_MIN || cost.memory_bytes % 1024 != 0 ||
	    (uint64_t)cost.memory_bytes > crypto_pwhash_argon2id_MEMLIMIT_MAX)
		return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID",
		                 "a password hash cannot cost %lld passes over %lld bytes", (long long)cost.passes,
		                 (long long)cost.memory_bytes);
	randombytes_buf(secret, sizeof secret);
	bool ok = password_hash(out, (struct str){ secret, sizeof secret }, out->nobody, err);
	sodium_memzero(secret, sizeof secret);
	return ok;
}

/* ---- argon2id ---- */

enum { ARGON2_OUT_BYTES = 32 }; /* of crypto_pwhash_str */

struct argon2_parts {
	struct password_cost cost;
	unsigned lanes;
	struct str salt, out; /* base64, inside the hash */
};

/* Only the shape and the cost: whether libsodium can use it, it says itself. */
static bool argon2_read(const char *stored, struct argon2_parts *out)
{
	unsigned version, memory_kib, passes;
	int used = 0;
	struct str rest;
	if (sscanf(stored, ARGON2ID "v=%5u$m=%10u,t=%10u,p=%3u$%n", &version, &memory_kib, &passes, &out->lanes,
	           &used) != 4 ||
	    used == 0 || version != 19)
		return false;
	out->cost = (struct password_cost){ .passes = passes, .memory_bytes = (int64_t)memory_kib * 1024 };
	rest = str_from(stored + used);
	return str_split(&rest, '$', &out->salt) && str_split(&rest, '$', &out->out) && !rest.ptr;
}

static bool base64_exact(struct str text, unsigned char *out, size_t want)
{
	size_t len = 0;
	const char *end = NULL;
	return sodium_base642bin(out, want, text.ptr, text.len, NULL, &len, &end,
	                         sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 &&
	       len == want && end == text.ptr + text.len;
}

/* crypto_pwhash_str_verify calls it a mismatch when there is no memory, and a right password would be refused. So ours
 * are worked out here; hashes of other shapes (more lanes, a longer salt) are left to it. */
static bool argon2_verify(const char *stored, struct str password, bool *out_matches, struct error *err)
{
	unsigned char salt[crypto_pwhash_SALTBYTES], want[ARGON2_OUT_BYTES], made[ARGON2_OUT_BYTES];
	struct argon2_parts parts;
	const char *text = password.ptr ? password.ptr : "";
	*out_matches = false;
	if (!argon2_read(stored, &parts)) return true;
	if (parts.lanes != 1 || !base64_exact(parts.salt, salt, sizeof salt) ||
	    !base64_exact(parts.out, want, sizeof want)) {
		*out_matches = crypto_pwhash_str_verify(stored, text, password.len) == 0;
		return true;
	}
	errno = 0;
	if (crypto_pwhash(made, sizeof made, text, password.len, salt, (unsigned long long)parts.cost.passes,
	                  (size_t)parts.cost.memory_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return errno == EINVAL || errno == EFBIG || no_memory(err); /* a cost that is none matches nothing */
	*out_matches = sodium_memcmp(made, want, sizeof want) == 0;
	sodium_memzero(made, sizeof made);
	return true;
}

/* ---- bcrypt ---- */

static bool is_bcrypt(struct str stored)
{
	if (stored.len != BCRYPT_LEN || stored.ptr[0] != '$' || stored.ptr[1] != '2' || stored.ptr[3] != '$' ||
	    stored.ptr[6] != '$' || !memchr("aby", stored.ptr[2], 3))
		return false;
	for (size_t i = 7; i < stored.len; i++) {
		char c = stored.ptr[i];
		if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && c != '.' &&
		    c != '/')
			return false;
	}
	return stored.ptr[4] >= '0' && stored.ptr[4] <= '3' && stored.ptr[5] >= '0' && stored.ptr[5] <= '9';
}

/* crypt_r takes a C string and cuts it at 72 bytes: what it would not see must not pass as if it had been looked at. */
static bool bcrypt_verify(struct str stored, struct str password, bool *out_matches, struct error *err)
{
	char text[PASSWORD_BCRYPT_BYTES_MAX + 1], setting[BCRYPT_SALT_LEN + 1];
	*out_matches = false;
	bool whole =
	    password.len <= PASSWORD_BCRYPT_BYTES_MAX && (password.len == 0 || !memchr(password.ptr, 0, password.len));
	size_t len = whole ? password.len : 0;             /* hashed all the same, or the answer would come sooner */
	struct crypt_data *data = calloc(1, sizeof *data); /* 32 KiB */
	if (!data) return no_memory(err);
	if (len) memcpy(text, password.ptr, len);
	text[len] = '\0';
	memcpy(setting, stored.ptr, BCRYPT_SALT_LEN);
	setting[BCRYPT_SALT_LEN] = '\0';
	const char *made = crypt_r(text, setting, data);
	if (whole && made && strlen(made) == BCRYPT_LEN)
		*out_matches = sodium_memcmp(made, stored.ptr, BCRYPT_LEN) == 0;
	sodium_memzero(text, sizeof text);
	sodium_memzero(data, sizeof *data);
	free(data);
	return true;
}

/* ---- */

/* As the C string that libsodium wants. */
static bool is_argon2(struct str stored, char out[PASSWORD_HASH_BYTES])
{
	if (stored.len >= PASSWORD_HASH_BYTES || !str_has_prefix(stored, STR(ARGON2ID)) ||
	    memchr(stored.ptr, 0, stored.len))
		return false;
	memcpy(out, stored.ptr, stored.len);
	out[stored.len] = '\0';
	return true;
}

bool password_verify(const struct password_policy *policy, struct str stored, struct str password, bool *out_matches,
                     struct error *err)
{
	char argon2[PASSWORD_HASH_BYTES];
	if (is_argon2(stored, argon2)) return argon2_verify(argon2, password, out_matches, err);
	if (is_bcrypt(stored)) return bcrypt_verify(stored, password, out_matches, err);
	bool ok = argon2_verify(policy->nobody, password, out_matches, err);
	*out_matches = false;
	return ok;
}

bool password_needs_rehash(const struct password_policy *policy, struct str stored)
{
	char argon2[PASSWORD_HASH_BYTES];
	struct argon2_parts parts;
	if (!is_argon2(stored, argon2)) return is_bcrypt(stored);
	return argon2_read(argon2, &parts) &&
	       (parts.cost.passes < policy->cost.passes || parts.cost.memory_bytes < policy->cost.memory_bytes);
}
