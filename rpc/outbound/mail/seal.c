#include "rpc/outbound/mail/seal.h"

#include <sodium.h>
#include <string.h>

#include "store/base/uuid.h"

enum { PAD_BYTES = 1024, FORMAT = 1 };

void mail_keys_derive(const struct token_keys *from, struct mail_keys *out)
{
	static const char label[] = "petfood: mail queue, 1";
	_Static_assert(MAIL_KEY_BYTES == crypto_secretbox_KEYBYTES && MAIL_KEY_BYTES == crypto_auth_hmacsha256_BYTES,
	               "one key");
	out->count = from->count;
	for (size_t i = 0; i < from->count; i++) {
		crypto_auth_hmacsha256_state state;
		crypto_auth_hmacsha256_init(&state, (const unsigned char *)from->keys[i].secret.ptr,
		                            from->keys[i].secret.len);
		crypto_auth_hmacsha256_update(&state, (const unsigned char *)label, sizeof label);
		crypto_auth_hmacsha256_final(&state, out->keys[i]);
		sodium_memzero(&state, sizeof state);
	}
}

static void add_number(struct strbuf *out, uint64_t n)
{
	for (int shift = 0; shift < 64; shift += 8) strbuf_add_char(out, (char)(n >> shift & 0xff));
}

static void add_text(struct strbuf *out, struct str text)
{
	add_number(out, text.len);
	strbuf_add_str(out, text);
}

bool mail_seal(struct arena *arena, const struct mail_keys *keys, const struct mail_message *mail, bool discard,
               struct str *out, struct error *err)
{
	size_t size =
	    mail->id.len + mail->from_name.len + mail->to.len + mail->subject.len + mail->text.len + mail->html.len;
	if (keys->count == 0) die("mail without a key");
	if (size > MAIL_SEALED_BYTES_MAX / 2)
		return error_set(err, RPC_INVALID_ARGUMENT, "MAIL_TOO_LARGE", "a mail of %zu bytes", size);

	struct strbuf plain;
	size_t room = size + 256 + PAD_BYTES, padded = 0;
	strbuf_init(&plain, arena);
	strbuf_reserve(&plain, room); /* in one piece: no copy of the code stays behind */
	strbuf_add_char(&plain, FORMAT);
	strbuf_add_char(&plain, (char)discard);
	add_number(&plain, (uint64_t)mail->made_at_us);
	add_text(&plain, mail->id);
	add_text(&plain, mail->from_name);
	add_text(&plain, mail->to);
	add_text(&plain, mail->subject);
	add_text(&plain, mail->text);
	add_text(&plain, mail->html);
	/* The length says nothing of the address. */
	if (sodium_pad(&padded, (unsigned char *)plain.data, plain.len, PAD_BYTES, room) != 0)
		die("no room to pad a mail");

	unsigned char *sealed = arena_alloc(arena, crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + padded);
	entropy_fill(sealed, crypto_secretbox_NONCEBYTES);
	if (crypto_secretbox_easy(sealed + crypto_secretbox_NONCEBYTES, (const unsigned char *)plain.data, padded,
	                          sealed, keys->keys[0]) != 0)
		die("secretbox");
	sodium_memzero(plain.data, padded);
	*out = (struct str){ (const char *)sealed, crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + padded };
	return true;
}

static bool take_number(struct str *rest, uint64_t *out)
{
	if (rest->len < 8) return false;
	*out = 0;
	for (size_t i = 8; i-- > 0;) *out = *out << 8 | (unsigned char)rest->ptr[i];
	*rest = (struct str){ rest->ptr + 8, rest->len - 8 };
	return true;
}

static bool take_text(struct str *rest, struct str *out)
{
	uint64_t len;
	if (!take_number(rest, &len) || len > rest->len) return false;
	*out = (struct str){ rest->ptr, (size_t)len };
	*rest = (struct str){ rest->ptr + len, rest->len - (size_t)len };
	return true;
}

/* One key after the other: the box itself says which is right. */
static bool unbox(const struct mail_keys *keys, struct str sealed, unsigned char *plain)
{
	const unsigned char *nonce = (const unsigned char *)sealed.ptr, *box = nonce + crypto_secretbox_NONCEBYTES;
	for (size_t i = 0; i < keys->count; i++)
		if (crypto_secretbox_open_easy(plain, box, sealed.len - crypto_secretbox_NONCEBYTES, nonce,
		                               keys->keys[i]) == 0)
			return true;
	return false;
}

bool mail_open(struct arena *arena, const struct mail_keys *keys, struct str id, struct str sealed,
               struct mail_message *out, bool *out_discard, struct error *err)
{
	size_t frame = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES, len = 0;
	uint64_t made_at = 0;
	if (sealed.len <= frame || sealed.len > MAIL_SEALED_BYTES_MAX)
		return error_set(err, RPC_DATA_LOSS, "MAIL_UNREADABLE", "a sealed mail of %zu bytes", sealed.len);
	unsigned char *plain = arena_alloc(arena, sealed.len - frame);
	if (!unbox(keys, sealed, plain))
		return error_set(err, RPC_DATA_LOSS, "MAIL_UNREADABLE", "no key of ours opens the mail");
	if (sodium_unpad(&len, plain, sealed.len - frame, PAD_BYTES) != 0 || len < 2 || plain[0] != FORMAT)
		return error_set(err, RPC_DATA_LOSS, "MAIL_UNREADABLE", "the mail is of another format");
	struct str rest = { (const char *)plain + 2, len - 2 };
	bool ok = take_number(&rest, &made_at) && take_text(&rest, &out->id) && take_text(&rest, &out->from_name) &&
	          take_text(&rest, &out->to) && take_text(&rest, &out->subject) && take_text(&rest, &out->text) &&
	          take_text(&rest, &out->html) && rest.len == 0;
	/* A row's body under another row's id would be somebody else's code. */
	if (!ok || !str_equal(out->id, id))
		return error_set(err, RPC_DATA_LOSS, "MAIL_UNREADABLE", "the mail was sealed for another place");
	out->made_at_us = (int64_t)made_at;
	*out_discard = plain[1] != 0;
	return true;
}
