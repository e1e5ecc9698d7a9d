/* Tokens: list A15, and the signing side. Every attack is built by hand from its parts, so that only the named thing is wrong. */
#include "rpc/domain/auth/token.h"

#include <jwt.h>
#include <sodium.h>
#include <stdlib.h>

#include "tests/support/check.h"

#define KEY_A "0123456789abcdef0123456789abcdef"
#define KEY_B "another key that is long enough!!"
#define NOW 1700000000
#define CLAIMS "{\"sub\":\"u1\",\"type\":\"access\",\"exp\":1700000100}"

static const struct token_keys plain_keys = { 1, { { "", { KEY_A, 32 } } } };
static const struct token_keys rotated_keys = { 2, { { "new", { KEY_B, 33 } }, { "old", { KEY_A, 32 } } } };

static struct str base64(struct arena *arena, const void *bytes, size_t len)
{
	size_t size = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	char *text = arena_alloc(arena, size);
	sodium_bin2base64(text, size, bytes, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return str_from(text);
}

/* header.claims.HMAC-SHA256 with any key, so that the signature is right for whatever the parts say. */
static struct str forge(struct arena *arena, const char *header, const char *claims, const char *key)
{
	struct str h = base64(arena, header, strlen(header)), c = base64(arena, claims, strlen(claims));
	struct str signing = str_printf(arena, STR_FMT "." STR_FMT, STR_ARG(h), STR_ARG(c));
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state state;
	crypto_auth_hmacsha256_init(&state, (const unsigned char *)key, strlen(key));
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)signing.ptr, signing.len);
	crypto_auth_hmacsha256_final(&state, mac);
	struct str s = base64(arena, mac, sizeof mac);
	return str_printf(arena, STR_FMT "." STR_FMT, STR_ARG(signing), STR_ARG(s));
}

#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static const struct {
	const char *label, *header, *claims, *key;
	const char *reason; /* NULL = accepted */
} rows[] = {
	{ "a plain token", HS256, CLAIMS, KEY_A, NULL },
	{ "no typ", "{\"alg\":\"HS256\"}", CLAIMS, KEY_A, NULL },
	{ "jku and x5u are ignored", "{\"alg\":\"HS256\",\"jku\":\"http://evil/k\",\"x5u\":\"http://evil/c\"}", CLAIMS, KEY_A, NULL },
	{ "another key", HS256, CLAIMS, KEY_B, "TOKEN_INVALID" },
	{ "alg none", "{\"alg\":\"none\"}", CLAIMS, KEY_A, "TOKEN_INVALID" },
	{ "alg None", "{\"alg\":\"None\"}", CLAIMS, KEY_A, "TOKEN_INVALID" },
	{ "no alg", "{\"typ\":\"JWT\"}", CLAIMS, KEY_A, "TOKEN_INVALID" },
	{ "alg is a number", "{\"alg\":256}", CLAIMS, KEY_A, "TOKEN_INVALID" },
	{ "alg RS256 over an HMAC", "{\"alg\":\"RS256\",\"typ\":\"JWT\"}", CLAIMS, KEY_A, "TOKEN_INVALID" },
	{ "alg HS512 over an HMAC-SHA256", "{\"alg\":\"HS512\",\"typ\":\"JWT\"}", CLAIMS, KEY_A, "TOKEN_INVALID" },
	{ "alg twice", "{\"alg\":\"none\",\"alg\":\"HS256\"}", CLAIMS, KEY_A, "TOKEN_INVALID" },
	{ "crit", "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", CLAIMS, KEY_A, "TOKEN_INVALID" },
	{ "unknown kid", "{\"alg\":\"HS256\",\"kid\":\"x\"}", CLAIMS, KEY_A, "TOKEN_INVALID" },
	{ "kid as a path", "{\"alg\":\"HS256\",\"kid\":\"../../dev/null\"}", CLAIMS, KEY_A, "TOKEN_INVALID" },
	{ "kid as SQL", "{\"alg\":\"HS256\",\"kid\":\"' or 1=1 --\"}", CLAIMS, KEY_A, "TOKEN_INVALID" },
	{ "kid empty", "{\"alg\":\"HS256\",\"kid\":\"\"}", CLAIMS, KEY_A, "TOKEN_INVALID" },
	{ "kid is a list", "{\"alg\":\"HS256\",\"kid\":[]}", CLAIMS, KEY_A, "TOKEN_INVALID" },
	{ "header is a list", "[]", CLAIMS, KEY_A, "TOKEN_INVALID" },
	{ "claims are a list", HS256, "[]", KEY_A, "TOKEN_INVALID" },
	{ "claims are not JSON", HS256, "{", KEY_A, "TOKEN_INVALID" },
	{ "no exp", HS256, "{\"sub\":\"u1\",\"type\":\"access\"}", KEY_A, "TOKEN_INVALID" },
	{ "exp is now", HS256, "{\"sub\":\"u1\",\"type\":\"access\",\"exp\":1700000000}", KEY_A, "TOKEN_INVALID" },
	{ "exp in one second", HS256, "{\"sub\":\"u1\",\"type\":\"access\",\"exp\":1700000001}", KEY_A, NULL },
	{ "exp long ago", HS256, "{\"sub\":\"u1\",\"type\":\"access\",\"exp\":1}", KEY_A, "TOKEN_INVALID" },
	{ "exp negative", HS256, "{\"sub\":\"u1\",\"type\":\"access\",\"exp\":-1}", KEY_A, "TOKEN_INVALID" },
	{ "exp as text", HS256, "{\"sub\":\"u1\",\"type\":\"access\",\"exp\":\"1700000100\"}", KEY_A, "TOKEN_INVALID" },
	{ "exp as a fraction", HS256, "{\"sub\":\"u1\",\"type\":\"access\",\"exp\":1700000100.5}", KEY_A, "TOKEN_INVALID" },
	{ "exp null", HS256, "{\"sub\":\"u1\",\"type\":\"access\",\"exp\":null}", KEY_A, "TOKEN_INVALID" },
	{ "exp twice", HS256, "{\"sub\":\"u1\",\"type\":\"access\",\"exp\":1,\"exp\":1700000100}", KEY_A, "TOKEN_INVALID" },
	{ "iat within the skew", HS256, "{\"sub\":\"u1\",\"type\":\"access\",\"exp\":1700000100,\"iat\":1700000060}", KEY_A, NULL },
	{ "iat beyond the skew", HS256, "{\"sub\":\"u1\",\"type\":\"access\",\"exp\":1700000100,\"iat\":1700000061}", KEY_A, "TOKEN_INVALID" },
	{ "nbf within the skew", HS256, "{\"sub\":\"u1\",\"type\":\"access\",\"exp\":1700000100,\"nbf\":1700000060}", KEY_A, NULL },
	{ "nbf beyond the skew", HS256, "{\"sub\":\"u1\",\"type\":\"access\",\"exp\":1700000100,\"nbf\":1700000061}", KEY_A, "TOKEN_INVALID" },
	{ "another audience", HS256, "{\"sub\":\"u1\",\"type\":\"access\",\"exp\":1700000100,\"aud\":\"x\"}", KEY_A, "TOKEN_INVALID" },
	{ "another issuer", HS256, "{\"sub\":\"u1\",\"type\":\"access\",\"exp\":1700000100,\"iss\":\"x\"}", KEY_A, "TOKEN_INVALID" },
	{ "a refresh token", HS256, "{\"sub\":\"u1\",\"type\":\"refresh\",\"exp\":1700000100}", KEY_A, "TOKEN_WRONG_TYPE" },
	{ "a service token", HS256, "{\"sub\":\"u1\",\"type\":\"service\",\"exp\":1700000100}", KEY_A, "TOKEN_WRONG_TYPE" },
	{ "no type", HS256, "{\"sub\":\"u1\",\"exp\":1700000100}", KEY_A, "TOKEN_WRONG_TYPE" },
	{ "no sub", HS256, "{\"type\":\"access\",\"exp\":1700000100}", KEY_A, "TOKEN_INCOMPLETE" },
	{ "sub empty", HS256, "{\"sub\":\"\",\"type\":\"access\",\"exp\":1700000100}", KEY_A, "TOKEN_INCOMPLETE" },
	{ "sub is a number", HS256, "{\"sub\":1,\"type\":\"access\",\"exp\":1700000100}", KEY_A, "TOKEN_INCOMPLETE" },
	{ "sub with a NUL", HS256, "{\"sub\":\"u1\\u0000x\",\"type\":\"access\",\"exp\":1700000100}", KEY_A, "TOKEN_INVALID" },
	{ "sub twice", HS256, "{\"sub\":\"u1\",\"sub\":\"u2\",\"type\":\"access\",\"exp\":1700000100}", KEY_A, "TOKEN_INVALID" },
	{ "sub too long", HS256,
	  "{\"sub\":\"0123456789012345678901234567890123456789012345678901234567890123\",\"type\":\"access\",\"exp\":1700000100}",
	  KEY_A, "TOKEN_INCOMPLETE" },
};

static void test_rows(struct arena *arena)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err;
		struct token_claims claims;
		error_clear(&err);
		struct str token = forge(arena, rows[i].header, rows[i].claims, rows[i].key);
		bool ok = token_verify(&plain_keys, token, TOKEN_ACCESS, NOW, &claims, &err);
		CHECK_ROW(rows[i].label, ok == !rows[i].reason);
		if (rows[i].reason) {
			CHECK_STR_ROW(rows[i].label, str_from(err.reason), rows[i].reason);
			CHECK_ROW(rows[i].label, err.code == RPC_UNAUTHENTICATED);
		} else {
			CHECK_STR_ROW(rows[i].label, str_from(claims.subject), "u1");
		}
	}
}

static void test_wrong_type_names_both(struct arena *arena)
{
	struct error err;
	struct token_claims claims;
	struct str token = forge(arena, HS256, "{\"sub\":\"u1\",\"type\":\"refresh\",\"exp\":1700000100}", KEY_A);
	CHECK(!token_verify(&plain_keys, token, TOKEN_ACCESS, NOW, &claims, &err));
	CHECK(err.param_count == 2);
	CHECK_STR(str_from(err.params[0].value), "access");
	CHECK_STR(str_from(err.params[1].value), "refresh");
	CHECK_OK(token_verify(&plain_keys, token, TOKEN_REFRESH, NOW, &claims, &err), &err);
}

static bool accepts(const struct token_keys *keys, struct str token)
{
	struct error err;
	struct token_claims claims;
	bool ok = token_verify(keys, token, TOKEN_ACCESS, NOW, &claims, &err);
	return ok || !CHECK_ROW(token.ptr ? "reason" : "", error_is(&err, "TOKEN_INVALID"));
}

static struct str cut(struct str s, size_t len) { return (struct str){ s.ptr, len }; }

static void test_spelling(struct arena *arena)
{
	struct str good = forge(arena, HS256, CLAIMS, KEY_A);
	CHECK(accepts(&plain_keys, good));
	for (size_t len = 0; len < good.len; len++)
		if (accepts(&plain_keys, cut(good, len))) CHECK_ROW("a cut token passed", false);
	/* Each character changed: in the last one of a part some bits mean nothing, and those must be zero. */
	size_t passed = 0;
	for (size_t i = 0; i < good.len; i++) {
		char *copy = str_dup_c(arena, good);
		for (const char *p = "ABCDwxyz0189-_.=+/ "; *p; p++) {
			if (good.ptr[i] == *p) continue;
			copy[i] = *p;
			passed += accepts(&plain_keys, str_from(copy));
		}
	}
	CHECK_ROW("one changed character", passed == 0);
	CHECK(!accepts(&plain_keys, str_printf(arena, "%s=", good.ptr)));
	CHECK(!accepts(&plain_keys, str_printf(arena, "%s.", good.ptr)));
	CHECK(!accepts(&plain_keys, str_printf(arena, "%s.AAAA", good.ptr)));
	CHECK(!accepts(&plain_keys, str_printf(arena, "%sAAAA", good.ptr)));
	CHECK(!accepts(&plain_keys, str_printf(arena, ".%s", good.ptr)));
	CHECK(!accepts(&plain_keys, str_printf(arena, "%s ", good.ptr)));
	CHECK(!accepts(&plain_keys, str_printf(arena, " %s", good.ptr)));
	struct str body = cut(good, str_find(good, STR("."), str_find(good, STR("."), 0) + 1));
	CHECK_ROW("no signature", !accepts(&plain_keys, str_printf(arena, STR_FMT ".", STR_ARG(body))));
	CHECK_ROW("two parts", !accepts(&plain_keys, body));
	char *huge = arena_alloc(arena, 1 << 20);
	memset(huge, 'A', 1 << 20);
	CHECK_ROW("1 MB", !accepts(&plain_keys, (struct str){ huge, 1 << 20 }));
	CHECK_ROW("dots only", !accepts(&plain_keys, STR("..")));
	CHECK_ROW("four dots", !accepts(&plain_keys, STR("....")));
}

/* A real HS512 token under our key: libjwt itself would take it. */
static void test_hs512(void)
{
	jwt_t *jwt = NULL;
	CHECK(jwt_new(&jwt) == 0);
	jwt_add_grant(jwt, "sub", "u1");
	jwt_add_grant(jwt, "type", "access");
	jwt_add_grant_int(jwt, "exp", NOW + 100);
	CHECK(jwt_set_alg(jwt, JWT_ALG_HS512, (const unsigned char *)KEY_A, 32) == 0);
	char *text = jwt_encode_str(jwt);
	CHECK(!accepts(&plain_keys, str_from(text)));
	free(text);
	jwt_free(jwt);
}

static void test_sign_and_rotate(struct arena *arena)
{
	struct error err;
	struct str token;
	struct token_claims got, claims = { .type = TOKEN_ACCESS, .subject = "u-1", .username = "王小明", .session_id = "s-1",
		                            .issued_at_s = NOW, .expires_at_s = NOW + 1800 };
	CHECK_OK(token_sign(arena, &rotated_keys, &claims, &token, &err), &err);
	CHECK(strlen(claims.token_id) == 36);
	CHECK_OK(token_verify(&rotated_keys, token, TOKEN_ACCESS, NOW, &got, &err), &err);
	CHECK_STR(str_from(got.subject), "u-1");
	CHECK_STR(str_from(got.username), "王小明");
	CHECK_STR(str_from(got.session_id), "s-1");
	CHECK_STR(str_from(got.token_id), claims.token_id);
	CHECK(got.issued_at_s == NOW && got.expires_at_s == NOW + 1800);
	CHECK(!accepts(&plain_keys, token));

	struct token_keys old = { 1, { { "old", { KEY_A, 32 } } } }, retired = { 1, { { "new", { KEY_B, 33 } } } };
	struct token_claims second = { .type = TOKEN_ACCESS, .subject = "u-2", .expires_at_s = NOW + 10 };
	CHECK_OK(token_sign(arena, &old, &second, &token, &err), &err);
	CHECK_ROW("the old key verifies until it is retired", accepts(&rotated_keys, token));
	CHECK_ROW("then no more", !accepts(&retired, token));
	/* Right kid, wrong key: the kid chooses, it does not vouch. */
	CHECK(!accepts(&rotated_keys, forge(arena, "{\"alg\":\"HS256\",\"kid\":\"new\"}", CLAIMS, KEY_A)));
	CHECK(accepts(&rotated_keys, forge(arena, "{\"alg\":\"HS256\",\"kid\":\"old\"}", CLAIMS, KEY_A)));
	CHECK_ROW("without kid only if a key is configured for that",
	          !accepts(&rotated_keys, forge(arena, HS256, CLAIMS, KEY_A)));

	struct token_keys none = { 0 }, weak = { 1, { { "", { "short", 5 } } } }, null_key = { 1, { { "", { NULL, 0 } } } };
	CHECK(!token_sign(arena, &none, &second, &token, &err));
	CHECK(!token_sign(arena, &weak, &second, &token, &err));
	CHECK(!accepts(&none, forge(arena, HS256, CLAIMS, KEY_A)));
	CHECK_ROW("a short key verifies nothing", !accepts(&weak, forge(arena, HS256, CLAIMS, "short")));
	CHECK_ROW("no key is not no check", !accepts(&null_key, forge(arena, "{\"alg\":\"none\"}", CLAIMS, "")));
}

int main(void)
{
	struct arena *arena = arena_create(0);
	if (sodium_init() < 0) return 1;
	test_rows(arena);
	test_wrong_type_names_both(arena);
	test_spelling(arena);
	test_hs512();
	test_sign_and_rotate(arena);
	arena_destroy(&arena);
	return check_done("token_test");
}
