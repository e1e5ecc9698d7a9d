/* Refresh tokens: one spelling each, bound to session, generation and key, and made again at will. */
#include "rpc/domain/auth/refresh.h"

#include <sodium.h>

#include "store/base/uuid.h"
#include "tests/support/check.h"

#define KEY_A "0123456789abcdef0123456789abcdef"
#define KEY_B "another key that is long enough!!"
#define SESSION "6f1c2d3e-4a5b-4c6d-8e7f-8091a2b3c4d5"
/* Worked out once with another HMAC (Python's): a change of the format signs everybody out. */
#define GOLDEN "pfr_bxwtPkpbTG2Of4CRorPE1QAAAQIkP5bYoFZG51bxk_yaXuCX2QndMEkUksUz66mcBME6fg"
#define GOLDEN_HASH "3fe670c85643a7ad811869411882f3f0062e68c8695c7300908061141bc422ce"

static const struct token_keys key_a = { 1, { { "", { KEY_A, 32 } } } };
static const struct token_keys key_b = { 1, { { "b", { KEY_B, 33 } } } };
static const struct token_keys rotated = { 2, { { "b", { KEY_B, 33 } }, { "", { KEY_A, 32 } } } };

static struct refresh_token make(const struct token_keys *keys, uint32_t generation)
{
	struct refresh_token token = { 0 };
	struct error err = { 0 };
	CHECK_OK(refresh_make(keys, STR(SESSION), generation, &token, &err), &err);
	return token;
}

static bool accepts(const struct token_keys *keys, struct str text)
{
	struct refresh_claims claims;
	struct error err = { 0 };
	if (refresh_verify(keys, text, &claims, &err)) return true;
	CHECK(err.code == RPC_UNAUTHENTICATED && error_is(&err, "REFRESH_INVALID") && err.param_count == 0);
	CHECK_STR(str_from(err.message), "the refresh token is not one of ours"); /* one wording */
	return false;
}

static void test_format(void)
{
	char hex[2 * REFRESH_HASH_BYTES + 1];
	struct refresh_token token = make(&key_a, 258);
	struct refresh_claims claims;
	struct error err = { 0 };
	CHECK_STR(str_from(token.text), GOLDEN);
	sodium_bin2hex(hex, sizeof hex, token.hash, sizeof token.hash);
	CHECK_STR(str_from(hex), GOLDEN_HASH);
	CHECK_OK(refresh_verify(&key_a, STR(GOLDEN), &claims, &err), &err);
	CHECK_STR(str_from(claims.session_id), SESSION);
	CHECK(claims.generation == 258 && memcmp(claims.hash, token.hash, sizeof token.hash) == 0);
	const uint32_t generations[] = { 1, 255, 256, 65536, 1u << 24, UINT32_MAX };
	for (size_t i = 0; i < COUNT(generations); i++) {
		token = make(&key_a, generations[i]);
		CHECK_OK(refresh_verify(&key_a, str_from(token.text), &claims, &err), &err);
		CHECK(claims.generation == generations[i]);
	}
}

static void test_what_no_token_names(void)
{
	struct refresh_token token;
	struct error err = { 0 };
	static const char *const ids[] = { "", "s-1", "6f1c2d3e-4a5b-4c6d-8e7f-8091a2b3c4d", "6f1c2d3e-4a5b-4c6d-8e7f-8091a2b3c4d5a",
		                           "6F1C2D3E-4A5B-4C6D-8E7F-8091A2B3C4D5", "6f1c2d3e-4a5b-4c6d-8e7f-8091a2b3c4dg",
		                           "6f1c2d3e4-a5b-4c6d-8e7f-8091a2b3c4d5", "------------------------------------" };
	for (size_t i = 0; i < COUNT(ids); i++) CHECK_ROW(ids[i], !refresh_make(&key_a, str_from(ids[i]), 1, &token, &err) && error_is(&err, "INTERNAL"));
	CHECK(!refresh_make(&key_a, STR(SESSION), 0, &token, &err));
	const struct token_keys none = { 0 }, weak = { 1, { { "", { "short", 5 } } } };
	CHECK(!refresh_make(&none, STR(SESSION), 1, &token, &err) && !refresh_make(&weak, STR(SESSION), 1, &token, &err));
	CHECK(!accepts(&none, STR(GOLDEN)) && !accepts(&weak, STR(GOLDEN)));
}

static void test_spelling(struct arena *arena)
{
	struct str good = STR(GOLDEN);
	CHECK(accepts(&key_a, good));
	size_t passed = 0;
	for (size_t len = 0; len < good.len; len++) passed += accepts(&key_a, (struct str){ good.ptr, len });
	for (size_t i = 0; i < good.len; i++) {
		char *copy = str_dup_c(arena, good);
		for (const char *p = "ABCDwxyz0189-_.=+/ "; *p; p++) {
			if (good.ptr[i] == *p) continue;
			copy[i] = *p; /* in the last one some bits mean nothing, and those must be zero */
			passed += accepts(&key_a, str_from(copy));
		}
	}
	CHECK_ROW("cut, or one changed character", passed == 0);
	CHECK(!accepts(&key_a, str_printf(arena, GOLDEN "=")) && !accepts(&key_a, str_printf(arena, " " GOLDEN)));
	CHECK(!accepts(&key_a, str_printf(arena, GOLDEN "AAAA")) && !accepts(&key_a, STR_NONE));
	CHECK(!accepts(&key_a, STR("PFR_" "bxwtPkpbTG2Of4CRorPE1QAAAQI")));
	char *huge = arena_alloc(arena, 1 << 20);
	memset(huge, 'A', 1 << 20);
	CHECK(!accepts(&key_a, (struct str){ huge, 1 << 20 }));
}

/* The MAC under the JWT key itself, and for generation 0: nothing else that is signed with that key may pass. */
static void test_forged(void)
{
	unsigned char raw[52], derived[32];
	char text[5 + sodium_base64_ENCODED_LEN(sizeof raw, sodium_base64_VARIANT_URLSAFE_NO_PADDING)] = "pfr_";
	const char *const keys[] = { "the JWT key itself", "the derived key" };
	crypto_auth_hmacsha256_state state;
	crypto_auth_hmacsha256_init(&state, (const unsigned char *)KEY_A, 32);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)"petfood refresh token 1", 23);
	crypto_auth_hmacsha256_final(&state, derived);
	for (uint32_t i = 0; i < 4; i++) {
		memset(raw, 7, 20);
		memset(raw + 16, 0, 4);
		raw[19] = (unsigned char)(i / 2); /* generation 0, 1 */
		(void)crypto_auth_hmacsha256(raw + 20, raw, 20, i % 2 ? derived : (const unsigned char *)KEY_A);
		sodium_bin2base64(text + 4, sizeof text - 4, raw, sizeof raw, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
		CHECK_ROW(keys[i % 2], accepts(&key_a, str_from(text)) == (i == 3)); /* the last one is as ours are */
	}
}

static void test_a16_keys_rotate(void)
{
	struct refresh_token old = make(&key_a, 4), new = make(&rotated, 4), again;
	struct error err = { 0 };
	CHECK(strcmp(old.text, new.text) != 0);
	CHECK_ROW("the old key verifies until it is retired", accepts(&rotated, str_from(old.text)));
	CHECK_ROW("then no more", !accepts(&key_b, str_from(old.text)));
	CHECK(accepts(&key_b, str_from(new.text)) && !accepts(&key_a, str_from(new.text)));
	/* The successor that was given out, whichever key made it. */
	CHECK_OK(refresh_recall(&rotated, STR(SESSION), 4, old.hash, &again, &err), &err);
	CHECK(memcmp(&again, &old, sizeof old) == 0);
	CHECK_OK(refresh_recall(&rotated, STR(SESSION), 4, new.hash, &again, &err), &err);
	CHECK(memcmp(&again, &new, sizeof new) == 0);
	CHECK(!refresh_recall(&key_b, STR(SESSION), 4, old.hash, &again, &err) && error_is(&err, "REFRESH_INVALID"));
	CHECK(again.text[0] == '\0');
	CHECK(!refresh_recall(&rotated, STR(SESSION), 5, old.hash, &again, &err));
}

/* A15: one kind of token used as the other. */
static void test_a15_neither_is_the_other(struct arena *arena)
{
	struct error err = { 0 };
	struct token_claims claims = { .type = TOKEN_REFRESH, .subject = "u-1", .issued_at_s = 1000, .expires_at_s = 2000 };
	struct str jwt;
	CHECK_OK(token_sign(arena, &key_a, &claims, &jwt, &err), &err);
	CHECK(!accepts(&key_a, jwt));
	struct refresh_token token = make(&key_a, 1);
	CHECK(!token_verify(&key_a, str_from(token.text), TOKEN_ACCESS, 1500, &claims, &err));
	CHECK(error_is(&err, "TOKEN_WRONG_TYPE") && err.param_count == 2);
	CHECK_STR(str_from(err.params[1].value), "refresh");
	/* Not as a refresh JWT either, and a stranger's is told nothing. */
	CHECK(!token_verify(&key_a, str_from(token.text), TOKEN_REFRESH, 1500, &claims, &err));
	CHECK(!token_verify(&key_b, str_from(token.text), TOKEN_ACCESS, 1500, &claims, &err) && error_is(&err, "TOKEN_INVALID"));
}

int main(void)
{
	struct arena *arena = arena_create(0);
	if (sodium_init() < 0) return 1;
	test_format();
	test_what_no_token_names();
	test_spelling(arena);
	test_forged();
	test_a16_keys_rotate();
	test_a15_neither_is_the_other(arena);
	arena_destroy(&arena);
	return check_done("unit_refresh");
}
