#include "rpc/domain/auth/refresh.h"

#include <sodium.h>
#include <string.h>

enum { ID_BYTES = 16, GENERATION_BYTES = 4, MAC_BYTES = crypto_auth_hmacsha256_BYTES };
enum { SAID_BYTES = ID_BYTES + GENERATION_BYTES, RAW_BYTES = SAID_BYTES + MAC_BYTES };
#define PREFIX "pfr_" /* lets people and scanners tell what has leaked */
enum { PREFIX_LEN = sizeof PREFIX - 1 };
#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING
_Static_assert(PREFIX_LEN + sodium_base64_ENCODED_LEN(RAW_BYTES, VARIANT) == REFRESH_TEXT_BYTES, "text");
_Static_assert((int)REFRESH_HASH_BYTES == (int)crypto_hash_sha256_BYTES, "hash");

/* HMAC as a key derivation, so that no refresh token is ever a signature over something else. */
static void derive_key(const struct token_key *key, unsigned char out[MAC_BYTES])
{
	static const char purpose[] = "petfood refresh token 1";
	crypto_auth_hmacsha256_state state;
	crypto_auth_hmacsha256_init(&state, (const unsigned char *)key->secret.ptr, key->secret.len);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)purpose, sizeof purpose - 1);
	crypto_auth_hmacsha256_final(&state, out);
	sodium_memzero(&state, sizeof state);
}

static void mac_of(const struct token_key *key, const unsigned char said[SAID_BYTES], unsigned char out[MAC_BYTES])
{
	unsigned char derived[MAC_BYTES];
	derive_key(key, derived);
	(void)crypto_auth_hmacsha256(out, said, SAID_BYTES, derived);
	sodium_memzero(derived, sizeof derived);
}

static bool is_usable(const struct token_key *key) { return key->secret.ptr && key->secret.len >= TOKEN_KEY_BYTES_MIN; }

static bool id_to_bytes(struct str id, unsigned char out[ID_BYTES])
{
	size_t len = 0;
	const char *end = NULL;
	if (id.len != 36 || id.ptr[8] != '-' || id.ptr[13] != '-' || id.ptr[18] != '-' || id.ptr[23] != '-')
		return false;
	for (size_t i = 0; i < id.len; i++)
		if (id.ptr[i] >= 'A' && id.ptr[i] <= 'F') return false;
	return sodium_hex2bin(out, ID_BYTES, id.ptr, id.len, "-", &len, &end) == 0 && len == ID_BYTES &&
	       end == id.ptr + id.len;
}

static void id_from_bytes(const unsigned char bytes[ID_BYTES], char out[37])
{
	char hex[2 * ID_BYTES + 1];
	sodium_bin2hex(hex, sizeof hex, bytes, ID_BYTES);
	for (size_t from = 0, to = 0; from < 2 * ID_BYTES; from++) {
		if (from == 8 || from == 12 || from == 16 || from == 20) out[to++] = '-';
		out[to++] = hex[from];
	}
	out[36] = '\0';
}

static void text_make(const struct token_key *key, const unsigned char said[SAID_BYTES], struct refresh_token *out)
{
	unsigned char raw[RAW_BYTES];
	memcpy(raw, said, SAID_BYTES);
	mac_of(key, said, raw + SAID_BYTES);
	memcpy(out->text, PREFIX, PREFIX_LEN);
	sodium_bin2base64(out->text + PREFIX_LEN, sizeof out->text - PREFIX_LEN, raw, sizeof raw, VARIANT);
	(void)crypto_hash_sha256(out->hash, (const unsigned char *)out->text, sizeof out->text - 1);
	sodium_memzero(raw, sizeof raw);
}

static bool say(struct str session_id, uint32_t generation, unsigned char out[SAID_BYTES], struct error *err)
{
	if (generation == 0 || !id_to_bytes(session_id, out))
		return error_set(err, RPC_INTERNAL, "INTERNAL", "no refresh token can name this session");
	for (int i = 0; i < GENERATION_BYTES; i++) out[ID_BYTES + i] = (unsigned char)(generation >> (24 - 8 * i));
	return true;
}

bool refresh_make(const struct token_keys *keys, struct str session_id, uint32_t generation, struct refresh_token *out,
                  struct error *err)
{
	unsigned char said[SAID_BYTES];
	if (keys->count == 0 || !is_usable(&keys->keys[0]))
		return error_set(err, RPC_INTERNAL, "INTERNAL", "no key to sign tokens with");
	if (!say(session_id, generation, said, err)) return false;
	text_make(&keys->keys[0], said, out);
	return true;
}

static bool invalid(struct error *err)
{
	return error_set(err, RPC_UNAUTHENTICATED, "REFRESH_INVALID", "the refresh token is not one of ours");
}

bool refresh_verify(const struct token_keys *keys, struct str text, struct refresh_claims *out, struct error *err)
{
	unsigned char raw[RAW_BYTES], mac[MAC_BYTES];
	size_t len = 0;
	const char *end = NULL;
	bool held = false;
	if (text.len != REFRESH_TEXT_BYTES - 1 || !str_has_prefix(text, STR(PREFIX))) return invalid(err);
	if (sodium_base642bin(raw, sizeof raw, text.ptr + PREFIX_LEN, text.len - PREFIX_LEN, NULL, &len, &end,
	                      VARIANT) != 0 ||
	    len != sizeof raw || end != text.ptr + text.len)
		return invalid(err);
	for (size_t i = 0; i < keys->count; i++) { /* all of them: how long it takes tells nothing about the keys */
		if (!is_usable(&keys->keys[i])) continue;
		mac_of(&keys->keys[i], raw, mac);
		held |= sodium_memcmp(mac, raw + SAID_BYTES, MAC_BYTES) == 0;
	}
	if (!held) return invalid(err);
	id_from_bytes(raw, out->session_id);
	out->generation = 0;
	for (int i = 0; i < GENERATION_BYTES; i++) out->generation = out->generation << 8 | raw[ID_BYTES + i];
	(void)crypto_hash_sha256(out->hash, (const unsigned char *)text.ptr, text.len);
	return out->generation > 0 || invalid(err);
}

bool refresh_recall(const struct token_keys *keys, struct str session_id, uint32_t generation,
                    const unsigned char hash[REFRESH_HASH_BYTES], struct refresh_token *out, struct error *err)
{
	unsigned char said[SAID_BYTES];
	if (!say(session_id, generation, said, err)) return false;
	for (size_t i = 0; i < keys->count; i++) {
		if (!is_usable(&keys->keys[i])) continue;
		text_make(&keys->keys[i], said, out);
		if (sodium_memcmp(out->hash, hash, REFRESH_HASH_BYTES) == 0) return true;
	}
	sodium_memzero(out, sizeof *out);
	return invalid(err);
}
