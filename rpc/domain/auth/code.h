/* rpc/domain/auth/code.h: one-time codes as text and as what rests of them. Pure: randomness and keys come in as values. */
#ifndef PETFOOD_RPC_DOMAIN_AUTH_CODE_H
#define PETFOOD_RPC_DOMAIN_AUTH_CODE_H

#include "store/base/str.h"

enum {
	CODE_LENGTH_MIN = 4, /* VERIFICATION_CODE_LENGTH */
	CODE_LENGTH_MAX = 8,
	CODE_RANDOM_BYTES = 16,
	CODE_KEY_BYTES = 32,
	CODE_HASH_BYTES = 32,
	CODE_MAILBOX_BYTES = 33, /* 32 hex digits and NUL */
};

/* The key of all hashes here, from a secret of the process (the signing key of tokens). Whoever has the hashes and not the key cannot
 * try out the million codes. HMAC-SHA256 under a label of its own: what one use leaks says nothing about another's key. */
void code_key_derive(struct str secret, unsigned char out[CODE_KEY_BYTES]);

/* `length` decimal digits, leading zeros kept, from 128 random bits: their remainder by 10^length, which no count of samples
 * can tell from uniform (some values are more likely by 10^8 / 2^128 at most). length: 4..8. */
void code_make(const unsigned char random[CODE_RANDOM_BYTES], int length, char out[CODE_LENGTH_MAX + 1]);

/* Exactly `length` ASCII digits. */
bool code_is_wellformed(struct str text, int length);

/* What is kept of a code: HMAC-SHA256 over purpose, address and code, so that the hash of one mailbox or purpose is of no use for
 * another. address: in the one spelling that counts (trimmed, lower case). */
void code_hash(const unsigned char key[CODE_KEY_BYTES], struct str purpose, struct str address, struct str code,
               unsigned char out[CODE_HASH_BYTES]);

/* The name of a mailbox in stores and logs: half of an HMAC-SHA256 over the address, as hex. */
void code_mailbox(const unsigned char key[CODE_KEY_BYTES], struct str address, char out[CODE_MAILBOX_BYTES]);

#endif
