/* rpc/outbound/mail/seal.h: a mail as it rests in the queue: secretbox (XSalsa20-Poly1305, libsodium) under keys of its own, derived
 * from the key set of the tokens, so that neither the database nor its backups hold codes or addresses. */
#ifndef PETFOOD_RPC_OUTBOUND_MAIL_SEAL_H
#define PETFOOD_RPC_OUTBOUND_MAIL_SEAL_H

#include "rpc/domain/auth/token.h"
#include "rpc/outbound/mail/mail.h"

enum { MAIL_KEY_BYTES = 32, MAIL_SEALED_BYTES_MAX = 256 * 1024 };

struct mail_keys {
	size_t count; /* keys[0] seals, all open: a mail outlives the rotation of the key */
	unsigned char keys[TOKEN_KEYS_MAX][MAIL_KEY_BYTES];
};
void mail_keys_derive(const struct token_keys *from, struct mail_keys *out);

/* discard: for a mail that nobody must get, sealed to the same size, so that whoever asks for one cannot tell by time or bytes. */
MUST_CHECK bool mail_seal(struct arena *arena, const struct mail_keys *keys, const struct mail_message *mail, bool discard,
                          struct str *out, struct error *err);
/* Texts in the arena. Fails DATA_LOSS/MAIL_UNREADABLE: no key of ours, changed bytes, or sealed for another id. */
MUST_CHECK bool mail_open(struct arena *arena, const struct mail_keys *keys, struct str id, struct str sealed,
                          struct mail_message *out, bool *out_discard, struct error *err);

#endif
