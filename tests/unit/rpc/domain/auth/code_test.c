/* One-time codes as text, and their hashes. */
#include "rpc/domain/auth/code.h"

#include "store/base/uuid.h"
#include "tests/support/check.h"

static void random_code(int length, char out[CODE_LENGTH_MAX + 1])
{
	unsigned char random[CODE_RANDOM_BYTES];
	entropy_fill(random, sizeof random);
	code_make(random, length, out);
}

/* The number is the 128 bits modulo 10^length, most significant byte first. */
static void test_known_values(void)
{
	static const struct {
		const char *label;
		unsigned char random[CODE_RANDOM_BYTES];
		int length;
		const char *want;
	} rows[] = {
		{ "A09 zero keeps its digits", { 0 }, 6, "000000" },
		{ "A09 zero keeps four", { 0 }, 4, "0000" },
		{ "A09 leading zeros", { [15] = 42 }, 6, "000042" },
		{ "A09 eight digits", { [15] = 42 }, 8, "00000042" },
		{ "all bits",
		  { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 },
		  8,
		  "68211455" },
		{ "all bits, six",
		  { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 },
		  6,
		  "211455" },
		{ "the first byte counts", { 1 }, 6, "344576" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[CODE_LENGTH_MAX + 1];
		code_make(rows[i].random, rows[i].length, text);
		CHECK_STR_ROW(rows[i].label, str_from(text), rows[i].want);
	}
}

/* A09: 10,000 cells of 100 expected each. The statistic has mean 9,999 and deviation sqrt(2 * 9,999) = 141; a fair draw is beyond six
 * deviations on either side once in a billion runs. */
static void test_a09_uniform(void)
{
	enum { CELLS = 10000, EACH = 100 };
	static unsigned cells[CELLS];
	size_t leading_zeros = 0;
	double chi = 0;
	char text[CODE_LENGTH_MAX + 1];
	for (size_t i = 0; i < (size_t)CELLS * EACH; i++) {
		random_code(4, text);
		cells[(text[0] - '0') * 1000 + (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0')]++;
		leading_zeros += text[0] == '0';
	}
	for (size_t i = 0; i < CELLS; i++) chi += (cells[i] - (double)EACH) * (cells[i] - (double)EACH) / EACH;
	CHECK_NEAR("A09 chi-square over 10,000 codes", chi, CELLS - 1, 6 * 141.4);
	CHECK_NEAR("A09 a tenth begins with 0", (double)leading_zeros, 100000, 6 * 300);

	/* Six digits, each place for itself: 9 degrees of freedom; beyond 60 once in a billion. */
	static unsigned places[6][10];
	for (size_t i = 0; i < 100000; i++) {
		random_code(6, text);
		if (!code_is_wellformed(str_from(text), 6)) CHECK_ROW("six digits", false);
		for (size_t p = 0; p < 6; p++) places[p][text[p] - '0']++;
	}
	for (size_t p = 0; p < 6; p++) {
		double sum = 0;
		for (size_t d = 0; d < 10; d++) sum += (places[p][d] - 10000.0) * (places[p][d] - 10000.0) / 10000.0;
		CHECK(sum < 60);
	}
}

static void test_wellformed(void)
{
	static const struct {
		const char *text;
		int length;
		bool ok;
	} rows[] = {
		{ "123456", 6, true },  { "000000", 6, true },  { "12345", 6, false },  { "1234567", 6, false },
		{ "", 6, false },       { "12345a", 6, false }, { " 12345", 6, false }, { "12345\n", 6, false },
		{ "-12345", 6, false }, { "１２", 6, false },   { "1234", 4, true },    { "12345678", 8, true },
		{ "123456", 8, false },
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		CHECK_ROW(rows[i].text, code_is_wellformed(str_from(rows[i].text), rows[i].length) == rows[i].ok);
	CHECK(!code_is_wellformed((struct str){ "12345\0", 6 }, 6));
}

/* Each of key, purpose, address and code changes the hash, and no two lists of parts read alike. */
static void test_hash(void)
{
	unsigned char key[2][CODE_KEY_BYTES], hashes[8][CODE_HASH_BYTES];
	char boxes[4][CODE_MAILBOX_BYTES];
	code_key_derive(STR("0123456789abcdef0123456789abcdef"), key[0]);
	code_key_derive(STR("0123456789abcdef0123456789abcdeg"), key[1]);
	CHECK(memcmp(key[0], key[1], CODE_KEY_BYTES) != 0);
	code_hash(key[0], STR("register"), STR("ann@example.com"), STR("123456"), hashes[0]);
	code_hash(key[1], STR("register"), STR("ann@example.com"), STR("123456"), hashes[1]);
	code_hash(key[0], STR("password_reset"), STR("ann@example.com"), STR("123456"), hashes[2]);
	code_hash(key[0], STR("register"), STR("bob@example.com"), STR("123456"), hashes[3]);
	code_hash(key[0], STR("register"), STR("ann@example.com"), STR("123457"), hashes[4]);
	code_hash(key[0], STR("register"), STR("ann@example.com1"), STR("23456"), hashes[5]);
	code_hash(key[0], STR("registera"), STR("nn@example.com"), STR("123456"), hashes[6]);
	code_hash(key[0], STR("register"), STR("ann@example.com"), STR(""), hashes[7]);
	for (size_t i = 0; i < COUNT(hashes); i++)
		for (size_t j = 0; j < i; j++) CHECK(memcmp(hashes[i], hashes[j], CODE_HASH_BYTES) != 0);
	unsigned char again[CODE_HASH_BYTES];
	code_hash(key[0], STR("register"), STR("ann@example.com"), STR("123456"), again);
	CHECK(memcmp(again, hashes[0], CODE_HASH_BYTES) == 0);

	code_mailbox(key[0], STR("ann@example.com"), boxes[0]);
	code_mailbox(key[1], STR("ann@example.com"), boxes[1]);
	code_mailbox(key[0], STR("bob@example.com"), boxes[2]);
	code_mailbox(key[0], STR("ann@example.com"), boxes[3]);
	CHECK(strlen(boxes[0]) == CODE_MAILBOX_BYTES - 1 && !strstr(boxes[0], "ann"));
	CHECK(strcmp(boxes[0], boxes[1]) != 0 && strcmp(boxes[0], boxes[2]) != 0 && strcmp(boxes[0], boxes[3]) == 0);
}

int main(void)
{
	test_known_values();
	test_a09_uniform();
	test_wellformed();
	test_hash();
	return check_done("code_test");
}
