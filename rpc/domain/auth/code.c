#include "rpc/domain/auth/code.h"

#include <sodium.h>
#include <string.h>

void code_key_derive(struct str secret, unsigned char out[CODE_KEY_BYTES])
{
	static const char label[] = "petfood: verification codes, 1";
	crypto_auth_hmacsha256_state state;
	crypto_auth_hmacsha256_init(&state, (const unsigned char *)secret.ptr, secret.len);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)label, sizeof label);
	crypto_auth_hmacsha256_final(&state, out);
}

void code_make(const unsigned char random[CODE_RANDOM_BYTES], int length, char out[CODE_LENGTH_MAX + 1])
{
	uint64_t space = 1, rest = 0;
	if (length < CODE_LENGTH_MIN || length > CODE_LENGTH_MAX) die("a code of %d digits", length);
	for (int i = 0; i < length; i++) space *= 10;
	for (size_t i = 0; i < CODE_RANDOM_BYTES; i++) rest = (rest << 8 | random[i]) % space;
	for (int i = length; i-- > 0; rest /= 10) out[i] = (char)('0' + rest % 10);
	out[length] = '\0';
}

bool code_is_wellformed(struct str text, int length)
{
	if (length < 0 || text.len != (size_t)length) return false;
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
	return true;
}

/* Each part with its length in front: no two lists of parts read alike. */
static void add_part(crypto_auth_hmacsha256_state *state, struct str part)
{
	unsigned char length[8];
	for (size_t i = 0; i < sizeof length; i++) length[i] = (unsigned char)((uint64_t)part.len >> (56 - 8 * i));
	crypto_auth_hmacsha256_update(state, length, sizeof length);
	if (part.len) crypto_auth_hmacsha256_update(state, (const unsigned char *)part.ptr, part.len);
}

void code_hash(const unsigned char key[CODE_KEY_BYTES], struct str purpose, struct str address, struct str code,
               unsigned char out[CODE_HASH_BYTES])
{
	crypto_auth_hmacsha256_state state;
	crypto_auth_hmacsha256_init(&state, key, CODE_KEY_BYTES);
	add_part(&state, STR("code"));
	add_part(&state, purpose);
	add_part(&state, address);
	add_part(&state, code);
	crypto_auth_hmacsha256_final(&state, out);
	sodium_memzero(&state, sizeof state);
}

void code_mailbox(const unsigned char key[CODE_KEY_BYTES], struct str address, char out[CODE_MAILBOX_BYTES])
{
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state state;
	crypto_auth_hmacsha256_init(&state, key, CODE_KEY_BYTES);
	add_part(&state, STR("mailbox"));
	add_part(&state, address);
	crypto_auth_hmacsha256_final(&state, mac);
	sodium_bin2hex(out, CODE_MAILBOX_BYTES, mac, sizeof mac / 2);
}
