#include "rpc/domain/auth/token.h"

#include <jansson.h>
#include <jwt.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/domain/auth/refresh.h"
#include "store/base/uuid.h"

enum { SKEW_S = 60 }; /* of another machine's clock, for iat and nbf */

static const char *const type_names[] = {
	[TOKEN_ACCESS] = "access", [TOKEN_REFRESH] = "refresh", [TOKEN_SERVICE] = "service", [TOKEN_OTHER] = "?"
};

const char *token_type_name(enum token_type type) { return type_names[type]; }

bool token_sign(struct arena *arena, const struct token_keys *keys, struct token_claims *claims, struct str *out,
                struct error *err)
{
	bool ok = false;
	jwt_t *jwt = NULL;
	char *text = NULL;
	if (keys->count == 0 || keys->keys[0].secret.len < TOKEN_KEY_BYTES_MIN)
		return error_set(err, RPC_INTERNAL, "INTERNAL", "no key to sign tokens with");
	const struct token_key *key = &keys->keys[0];
	if (!claims->token_id[0]) uuid_make(claims->token_id);
	if (jwt_new(&jwt) != 0) goto out;
	if (jwt_add_grant(jwt, "sub", claims->subject) != 0) goto out;
	if (claims->username[0] && jwt_add_grant(jwt, "username", claims->username) != 0) goto out;
	if (claims->session_id[0] && jwt_add_grant(jwt, "sid", claims->session_id) != 0) goto out;
	if (jwt_add_grant(jwt, "type", token_type_name(claims->type)) != 0) goto out;
	if (jwt_add_grant(jwt, "jti", claims->token_id) != 0) goto out;
	if (jwt_add_grant_int(jwt, "iat", (long)claims->issued_at_s) != 0) goto out;
	if (jwt_add_grant_int(jwt, "exp", (long)claims->expires_at_s) != 0) goto out;
	if (key->kid[0] && jwt_add_header(jwt, "kid", key->kid) != 0) goto out;
	if (jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)key->secret.ptr, (int)key->secret.len) != 0)
		goto out;
	text = jwt_encode_str(jwt);
	if (!text || strlen(text) > TOKEN_BYTES_MAX) goto out;
	*out = str_dup(arena, str_from(text));
	ok = true;
out:
	free(text);
	jwt_free(jwt);
	return ok ? true : error_set(err, RPC_INTERNAL, "INTERNAL", "the token could not be signed");
}

static bool invalid_at(struct error *err, int line, const char *why)
{
	return error_set_at(err, RPC_UNAUTHENTICATED, "TOKEN_INVALID", __FILE__, line, "token: %s", why);
}
#define invalid(err, why) invalid_at((err), __LINE__, (why))

/* Decodes one part. libsodium refuses padding, foreign characters and trailing bits that are not zero, so one token has one
 * spelling. The JSON must be an object without doubled names. */
static json_t *part_object(struct str part)
{
	unsigned char bytes[TOKEN_BYTES_MAX];
	size_t len;
	const char *end;
	if (part.len == 0) return NULL;
	if (sodium_base642bin(bytes, sizeof bytes, part.ptr, part.len, NULL, &len, &end,
	                      sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
	    end != part.ptr + part.len)
		return NULL;
	json_t *object = json_loadb((const char *)bytes, len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(object)) return object;
	json_decref(object);
	return NULL;
}

static bool signature_is_canonical(struct str part)
{
	unsigned char bytes[crypto_auth_hmacsha256_BYTES];
	size_t len;
	const char *end;
	return sodium_base642bin(bytes, sizeof bytes, part.ptr, part.len, NULL, &len, &end,
	                         sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
	       end == part.ptr + part.len && len == sizeof bytes;
}

/* The kid is compared with the configured ones and never used for anything else. */
static const struct token_key *key_for(const struct token_keys *keys, const json_t *header)
{
	const json_t *kid = json_object_get(header, "kid");
	if (kid && !json_is_string(kid)) return NULL;
	struct str want = kid ? (struct str){ json_string_value(kid), json_string_length(kid) } : STR("");
	if (kid && want.len == 0) return NULL; /* "" is how we write "without kid" */
	for (size_t i = 0; i < keys->count; i++)
		if (str_equal(str_from(keys->keys[i].kid), want)) return &keys->keys[i];
	return NULL;
}

/* The signature, by libjwt. It follows the token's alg, so the answer counts only if that was HS256; it skips the check when
 * the key is missing, so a short key never reaches it. */
static bool signature_holds(const struct token_key *key, struct str token)
{
	char text[TOKEN_BYTES_MAX + 1];
	jwt_t *jwt = NULL;
	if (!key->secret.ptr || key->secret.len < TOKEN_KEY_BYTES_MIN) return false;
	memcpy(text, token.ptr, token.len);
	text[token.len] = '\0';
	bool ok = jwt_decode(&jwt, text, (const unsigned char *)key->secret.ptr, (int)key->secret.len) == 0 &&
	          jwt_get_alg(jwt) == JWT_ALG_HS256;
	jwt_free(jwt);
	return ok;
}

/* A text claim; absent is "", anything but a fitting text fails. */
static bool claim_text(const json_t *claims, const char *name, char *out, size_t size)
{
	const json_t *value = json_object_get(claims, name);
	out[0] = '\0';
	if (!value) return true;
	if (!json_is_string(value) || json_string_length(value) >= size ||
	    strlen(json_string_value(value)) != json_string_length(value))
		return false;
	memcpy(out, json_string_value(value), json_string_length(value) + 1);
	return true;
}

/* A time claim: integer seconds, not negative; absent leaves *out. */
static bool claim_time(const json_t *claims, const char *name, int64_t *out)
{
	const json_t *value = json_object_get(claims, name);
	if (!value) return true;
	if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
	*out = (int64_t)json_integer_value(value);
	return true;
}

static enum token_type type_from(const char *name)
{
	for (int i = 0; i < TOKEN_OTHER; i++)
		if (strcmp(name, type_names[i]) == 0) return (enum token_type)i;
	return TOKEN_OTHER;
}

static bool check_claims(const json_t *claims, int64_t now_s, struct token_claims *out, struct error *err)
{
	struct token_claims c = { .expires_at_s = -1 };
	char type[16];
	int64_t not_before_s = 0;
	if (!claim_time(claims, "exp", &c.expires_at_s) || !claim_time(claims, "iat", &c.issued_at_s) ||
	    !claim_time(claims, "nbf", &not_before_s))
		return invalid(err, "a time is not a number of seconds");
	if (c.expires_at_s < 0) return invalid(err, "no exp");
	if (c.expires_at_s <= now_s) return invalid(err, "expired");
	if (c.issued_at_s > now_s + SKEW_S || not_before_s > now_s + SKEW_S) return invalid(err, "not valid yet");
	/* Other systems' tokens under the same key would name these; ours never do. */
	if (json_object_get(claims, "aud") || json_object_get(claims, "iss"))
		return invalid(err, "made for another audience");
	if (!claim_text(claims, "type", type, sizeof type)) return invalid(err, "type is not a known word");
	c.type = type_from(type);
	if (!claim_text(claims, "username", c.username, sizeof c.username) ||
	    !claim_text(claims, "sid", c.session_id, sizeof c.session_id) ||
	    !claim_text(claims, "jti", c.token_id, sizeof c.token_id))
		return invalid(err, "a claim is not a fitting text");
	if (c.type != TOKEN_OTHER && (!claim_text(claims, "sub", c.subject, sizeof c.subject) || !c.subject[0]))
		return error_set(err, RPC_UNAUTHENTICATED, "TOKEN_INCOMPLETE", "token: no sub");
	*out = c;
	return true;
}

bool token_expect(const struct token_claims *claims, enum token_type want, struct error *err)
{
	if (claims->type == want) return true;
	error_set(err, RPC_UNAUTHENTICATED, "TOKEN_WRONG_TYPE", "token: type is not %s", token_type_name(want));
	error_param(err, "expected", "%s", token_type_name(want));
	return error_param(err, "actual", "%s", token_type_name(claims->type));
}

/* Our refresh tokens are none either, but whoever sends one here by mistake is told what it is. */
static bool not_a_jwt(const struct token_keys *keys, struct str token, struct error *err)
{
	struct refresh_claims ignored;
	const struct token_claims refresh = { .type = TOKEN_REFRESH };
	if (refresh_verify(keys, token, &ignored, NULL)) return token_expect(&refresh, TOKEN_ACCESS, err);
	return invalid(err, "fewer than three parts");
}

bool token_verify(const struct token_keys *keys, struct str token, enum token_type want, int64_t now_s,
                  struct token_claims *out, struct error *err)
{
	return token_verify_any(keys, token, now_s, out, err) && token_expect(out, want, err);
}

bool token_verify_any(const struct token_keys *keys, struct str token, int64_t now_s, struct token_claims *out,
                      struct error *err)
{
	bool ok = false;
	json_t *header = NULL, *claims = NULL;
	struct str part[3] = { { 0 } }, rest = token;
	size_t parts = 0;

	if (token.len == 0 || token.len > TOKEN_BYTES_MAX) return invalid(err, "size");
	if (token.ptr[token.len - 1] == '.') return invalid(err, "no signature");
	for (struct str piece; str_split(&rest, '.', &piece); parts++) {
		if (parts == COUNT(part)) return invalid(err, "more than three parts");
		part[parts] = piece;
	}
	if (parts != COUNT(part)) return not_a_jwt(keys, token, err);
	if (!signature_is_canonical(part[2])) return invalid(err, "signature is not 32 bytes in base64url");
	header = part_object(part[0]);
	claims = part_object(part[1]);
	if (!header || !claims) {
		invalid(err, "header or claims cannot be read");
		goto out;
	}
	const json_t *alg = json_object_get(header, "alg");
	if (!json_is_string(alg) || strcmp(json_string_value(alg), "HS256") != 0) {
		invalid(err, "alg is not HS256");
		goto out;
	}
	/* RFC 7515, 4.1.11: an extension that must be understood and is not. */
	if (json_object_get(header, "crit")) {
		invalid(err, "crit");
		goto out;
	}
	const struct token_key *key = key_for(keys, header);
	if (!key || !signature_holds(key, token)) {
		invalid(err, key ? "signature" : "kid");
		goto out;
	}
	ok = check_claims(claims, now_s, out, err);
out:
	json_decref(claims);
	json_decref(header);
	return ok;
}
