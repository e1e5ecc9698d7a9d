/* Password hashes: argon2id of ours and of others, bcrypt of an existing database, what must never match (A22), and when a hash is
 * made anew (A21). */
#include "rpc/domain/auth/password.h"

#include <crypt.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/check.h"

/* The least that libsodium takes: what is asked here does not depend on the cost. */
#define COST_MIN ((struct password_cost){ .passes = 1, .memory_bytes = 8192 })

static struct password_policy policy;

static bool matches(struct str stored, struct str password)
{
	struct error err = { 0 };
	bool out = true;
	return CHECK_OK(password_verify(&policy, stored, password, &out, &err), &err) && out;
}

static struct str hash(struct arena *arena, const struct password_policy *with, struct str password)
{
	char text[PASSWORD_HASH_BYTES];
	struct error err = { 0 };
	CHECK_OK(password_hash(with, password, text, &err), &err);
	return str_dup(arena, str_from(text));
}

static void test_a22_every_byte_counts(struct arena *arena)
{
	static const struct {
		const char *label;
		struct str right, wrong;
	} rows[] = {
		{ "letters", STR("correct horse"), STR("correct Horse") },
		{ "empty", STR(""), STR(" ") },
		{ "a NUL inside", STR("abc\0def"), STR("abc\0deg") },
		{ "cut at the NUL", STR("abc\0def"), STR("abc") },
		{ "a NUL added", STR("abc"), STR("abc\0") },
		{ "more than 72 bytes", STR("0123456789012345678901234567890123456789012345678901234567890123456789012x"),
		  STR("0123456789012345678901234567890123456789012345678901234567890123456789012y") },
		{ "cut at 72 bytes", STR("0123456789012345678901234567890123456789012345678901234567890123456789012x"),
		  STR("012345678901234567890123456789012345678901234567890123456789012345678901") },
		{ "composed and decomposed letters are two passwords", STR("caf\xc3\xa9!"), STR("cafe\xcc\x81!") },
		{ "white space is kept", STR(" six "), STR("six") },
		{ "not UTF-8", STR("\xff\xfe\xfd"), STR("\xff\xfe\xfc") },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct str stored = hash(arena, &policy, rows[i].right);
		CHECK_ROW(rows[i].label, matches(stored, rows[i].right));
		CHECK_ROW(rows[i].label, !matches(stored, rows[i].wrong));
		CHECK_ROW(rows[i].label, !str_equal(hash(arena, &policy, rows[i].right), stored)); /* salted */
		CHECK_ROW(rows[i].label, stored.len <= 100 && !password_needs_rehash(&policy, stored));
	}
}

/* Hashes that other programs have made. The bcrypt ones are published vectors of OpenBSD's algorithm (jBCrypt's tests); a prefix of
 * $2b$ or $2y$ names the same computation for texts as short as these. */
#define BCRYPT_EMPTY "12$k42ZFHFWqBp3vWli.nIn8uYyIkbvYRvodzbfbK18SSsY.CsIQPlxO"
#define BCRYPT_ABC "06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"
#define ARGON2_OTHER \
	"$argon2id$v=19$m=65536,t=3,p=4$" SALT_AND_OUT /* README of argon2-cffi */

#define SALT_AND_OUT "MIIRqgvgQbgj220jfp0MPA$YfwJSVjtjSU0zzV/P3S9nnQ/USre2wvJMjfCIjrTQbg"

static const struct {
	const char *label;
	struct str stored, password;
	bool matches;
} foreign[] = {
	{ "cost 12, as an existing database has it; empty", STR("$2b$" BCRYPT_EMPTY), STR(""), true },
	{ "2a", STR("$2a$" BCRYPT_ABC), STR("abc"), true },
	{ "2b", STR("$2b$" BCRYPT_ABC), STR("abc"), true },
	{ "2y", STR("$2y$" BCRYPT_ABC), STR("abc"), true },
	{ "2x, which is the flawed one", STR("$2x$" BCRYPT_ABC), STR("abc"), false },
	{ "2", STR("$2$" BCRYPT_ABC), STR("abc"), false },
	{ "another password", STR("$2b$" BCRYPT_ABC), STR("abd"), false },
	{ "empty against a text", STR("$2b$" BCRYPT_ABC), STR(""), false },
	{ "a NUL ends nothing", STR("$2b$" BCRYPT_ABC), STR("abc\0"), false },
	{ "a NUL hides nothing", STR("$2b$" BCRYPT_ABC), STR("abc\0def"), false },
	{ "a NUL is not empty", STR("$2a$" BCRYPT_EMPTY), STR("\0"), false },
	{ "cut", STR("$2b$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0"), STR("abc"), false },
	{ "longer", STR("$2b$" BCRYPT_ABC "i"), STR("abc"), false },
	{ "a cost that is none", STR("$2b$99$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"), STR("abc"), false },
	{ "a character that is none", STR("$2b$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0*"), STR("abc"), false },
	{ "the failure token of crypt", STR("*0"), STR("abc"), false },
	{ "argon2id of another library", STR(ARGON2_OTHER), STR("correct horse battery staple"), true },
	{ "the same, another password", STR(ARGON2_OTHER), STR("correct horse battery stapler"), false },
	{ "argon2i", STR("$argon2i$v=19$m=65536,t=3,p=4$" SALT_AND_OUT),
	  STR("correct horse battery staple"), false },
	{ "argon2id cut", STR("$argon2id$v=19$m=8,t=1,p=1$"), STR(""), false },
	{ "argon2id without passes", STR("$argon2id$v=19$m=8,t=0,p=1$" SALT_AND_OUT), STR(""), false },
	{ "argon2id of too little memory", STR("$argon2id$v=19$m=1,t=1,p=1$" SALT_AND_OUT), STR(""), false },
	{ "argon2id of another version", STR("$argon2id$v=16$m=8,t=1,p=1$" SALT_AND_OUT), STR(""), false },
	{ "plain text", STR("abc"), STR("abc"), false },
	{ "crypt's MD5", STR("$1$abcdefgh$irWbblnpmw.5z7wgBnprh0"), STR("password"), false },
};

static void test_hashes_of_others(void)
{
	for (size_t i = 0; i < COUNT(foreign); i++)
		CHECK_ROW(foreign[i].label, matches(foreign[i].stored, foreign[i].password) == foreign[i].matches);
}

/* What bcrypt itself does not look at must not pass. */
static void test_a22_bcrypt_stops_at_72_bytes(void)
{
	static struct crypt_data data;
	char text[81];
	memset(text, 'a', sizeof text);
	text[72] = '\0';
	struct str stored = str_from(crypt_r(text, "$2b$04$abcdefghijklmnopqrstuu", &data));
	CHECK(stored.len == 60);
	text[72] = 'a';
	CHECK(matches(stored, (struct str){ text, 72 }));
	CHECK(!matches(stored, (struct str){ text, 71 }));
	CHECK(!matches(stored, (struct str){ text, 73 }));
	text[72] = 'b';
	CHECK(!matches(stored, (struct str){ text, 80 }));
}

/* Nobody's password is never right, not even the one that stands in for it. */
static void test_nobody(struct arena *arena)
{
	CHECK(!matches(STR_NONE, STR("")));
	CHECK(!matches(STR(""), STR("abc")));
	struct password_policy open = policy;
	(void)snprintf(open.nobody, sizeof open.nobody, STR_FMT, STR_ARG(hash(arena, &policy, STR("known"))));
	bool out = true;
	struct error err = { 0 };
	CHECK_OK(password_verify(&open, STR_NONE, STR("known"), &out, &err), &err);
	CHECK(!out);
	/* As much work as for somebody: the stand-in has the policy's cost. */
	CHECK(str_has_prefix(str_from(policy.nobody), STR("$argon2id$v=19$m=8,t=1,p=1$")));
	struct password_policy other;
	CHECK_OK(password_policy_init(&other, COST_MIN, &err), &err);
	CHECK(strcmp(other.nobody, policy.nobody) != 0);
}

static void test_a21_rehash_when_the_cost_rises(struct arena *arena)
{
	static const struct {
		const char *label;
		struct password_cost before, now;
		bool rehash;
	} rows[] = {
		{ "the same", { 2, 16384 }, { 2, 16384 }, false }, { "more passes", { 1, 16384 }, { 2, 16384 }, true },
		{ "more memory", { 2, 8192 }, { 2, 16384 }, true }, { "less of both", { 3, 32768 }, { 2, 16384 }, false },
		{ "more of one", { 3, 8192 }, { 2, 16384 }, true },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct password_policy before, now;
		struct error err = { 0 };
		CHECK_OK(password_policy_init(&before, rows[i].before, &err), &err);
		CHECK_OK(password_policy_init(&now, rows[i].now, &err), &err);
		struct str stored = hash(arena, &before, STR("six666"));
		CHECK_ROW(rows[i].label, password_needs_rehash(&now, stored) == rows[i].rehash);
		bool out = false;
		CHECK_ROW(rows[i].label, password_verify(&now, stored, STR("six666"), &out, &err) && out); /* the old one serves meanwhile */
		CHECK_ROW(rows[i].label, !password_needs_rehash(&now, hash(arena, &now, STR("six666"))));
	}
	CHECK(password_needs_rehash(&policy, STR("$2b$" BCRYPT_ABC)));
	CHECK(!password_needs_rehash(&policy, STR_NONE) && !password_needs_rehash(&policy, STR("abc")));
}

static void test_costs(struct arena *arena)
{
	struct password_policy usual;
	struct error err = { 0 };
	CHECK_OK(password_policy_init(&usual, PASSWORD_COST_DEFAULT, &err), &err);
	struct str stored = hash(arena, &usual, STR("six666"));
	CHECK(str_has_prefix(stored, STR("$argon2id$v=19$m=19456,t=2,p=1$")));
	CHECK(matches(stored, STR("six666")));
	const struct password_cost refused[] = { { 0, 8192 }, { -1, 8192 }, { 1, 0 }, { 1, 4096 }, { 1, 8193 }, { 1, -8192 },
		                                 { INT64_MAX, 8192 }, { 1, INT64_MAX - 1023 } };
	for (size_t i = 0; i < COUNT(refused); i++) {
		error_clear(&err);
		CHECK(!password_policy_init(&usual, refused[i], &err) && error_is(&err, "CONFIG_INVALID"));
	}
}

/* From now on a GiB more than now can be had, however generous the machine is with promises. */
static void limit_memory(struct rlimit *out_before)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	if (!f || fscanf(f, "%lu", &pages) != 1 || getrlimit(RLIMIT_AS, out_before) != 0) die("cannot tell the size of this process");
	(void)fclose(f);
	const struct rlimit limit = { pages * (rlim_t)sysconf(_SC_PAGESIZE) + (1u << 30), out_before->rlim_max };
	if (setrlimit(RLIMIT_AS, &limit) != 0) die("setrlimit");
}

/* Memory that is not there is an answer, not a wrong password. */
static void test_no_memory(void)
{
	struct rlimit before;
	limit_memory(&before);
	struct password_policy huge = policy;
	char out[PASSWORD_HASH_BYTES];
	struct error err = { 0 };
	bool does = true;
	huge.cost.memory_bytes = INT64_C(3) << 30;
	CHECK(!password_hash(&huge, STR("six666"), out, &err) && error_is(&err, "OVERLOADED"));
	CHECK(err.code == RPC_RESOURCE_EXHAUSTED);
	error_clear(&err);
	CHECK(!password_verify(&policy, STR("$argon2id$v=19$m=3145728,t=1,p=1$" SALT_AND_OUT), STR("six666"), &does, &err));
	CHECK(error_is(&err, "OVERLOADED") && !does);
	CHECK(setrlimit(RLIMIT_AS, &before) == 0);
}

int main(void)
{
	struct arena *arena = arena_create(0);
	struct error err = { 0 };
	if (!CHECK_OK(password_policy_init(&policy, COST_MIN, &err), &err)) return 1;
	test_a22_every_byte_counts(arena);
	test_hashes_of_others();
	test_a22_bcrypt_stops_at_72_bytes();
	test_nobody(arena);
	test_a21_rehash_when_the_cost_rises(arena);
	test_costs(arena);
	test_no_memory();
	arena_destroy(&arena);
	return check_done("unit_password");
}
