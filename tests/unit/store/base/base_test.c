/* The floor: errors, arena, text, time, ids, configuration, metrics. */
#include <stdlib.h>
#include <unistd.h>

#include "store/base/arena.h"
#include "store/base/config.h"
#include "store/base/error.h"
#include "store/base/metrics.h"
#include "store/base/time.h"
#include "store/base/uuid.h"
#include "tests/support/check.h"

static void test_error(void)
{
	struct error err = { 0 };
	CHECK(!error_set(&err, RPC_NOT_FOUND, "X_MISSING", "no\nsuch %d", 7));
	CHECK(err.code == RPC_NOT_FOUND && error_is(&err, "X_MISSING"));
	CHECK_STR(str_from(err.message), "no such 7"); /* one line, always */
	error_context(&err, "loading %s", "y");
	CHECK_STR(str_from(err.message), "loading y: no such 7");
	for (int i = 0; i < 10; i++) error_violation(&err, "f", "t", "m %d", i);
	CHECK(err.violation_count == ERROR_VIOLATIONS_MAX && error_is(&err, "VALIDATION_FAILED"));
	CHECK_STR(str_from(rpc_code_name(RPC_UNAUTHENTICATED)), "UNAUTHENTICATED");
	CHECK_STR(str_from(rpc_code_name((enum rpc_code)99)), "UNKNOWN");
}

static void test_arena(void)
{
	struct arena *arena = arena_create(1000);
	CHECK(arena_try_alloc(arena, 500) != NULL);
	CHECK(arena_try_alloc(arena, 501) == NULL);
	CHECK(arena_try_alloc(arena, SIZE_MAX) == NULL);
	struct arena_mark mark = arena_mark(arena);
	char *big = arena_alloc(arena, 100000);
	CHECK(((uintptr_t)big & 15) == 0);
	memset(big, 1, 100000);
	arena_rewind(arena, mark);
	CHECK(arena_used(arena) == 512);
	char *again = arena_alloc(arena, 64);
	CHECK(again[0] == 0 && again[63] == 0); /* zeroed after a rewind too */
	(void)arena_alloc(arena, 3 << 20);
	arena_reset(arena);
	CHECK_ROW("a usual block is kept", arena_held(arena) > 0 && arena_held(arena) < 64 << 10);
	struct arena *large = arena_create(0);
	(void)arena_alloc(large, 3 << 20);
	CHECK(arena_held(large) >= 3 << 20);
	arena_reset(large);
	CHECK_ROW("a large one is not", arena_held(large) == 0);
	arena_destroy(&large);
	CHECK(arena_used(arena) == 0);
	arena_destroy(&arena);
	CHECK(arena == NULL);
}

static void test_text(void)
{
	static const struct {
		const char *label;
		struct str text;
		bool ok;
	} rows[] = {
		{ "ascii", STR("abc"), true },           { "chinese", STR("猫"), true },
		{ "four bytes", STR("\xf0\x9f\x90\xb6"), true }, { "cut", STR("\xe7\x8c"), false },
		{ "overlong", STR("\xc0\xaf"), false },  { "surrogate", STR("\xed\xa0\x80"), false },
		{ "above 10ffff", STR("\xf4\x90\x80\x80"), false }, { "NUL", STR("a\0b"), false },
		{ "stray", STR("\x80"), false },
	};
	for (size_t i = 0; i < COUNT(rows); i++) CHECK_ROW(rows[i].label, str_is_utf8(rows[i].text) == rows[i].ok);
	CHECK(str_utf8_length(STR("a猫b")) == 3);
	struct str rest = STR("a,,b"), part;
	CHECK(str_split(&rest, ',', &part) && str_equal(part, STR("a")));
	CHECK(str_split(&rest, ',', &part) && part.len == 0);
	CHECK(str_split(&rest, ',', &part) && str_equal(part, STR("b")));
	CHECK(!str_split(&rest, ',', &part));
	int64_t n;
	double d;
	CHECK(str_to_int64(STR("-42"), &n) && n == -42);
	CHECK(!str_to_int64(STR("4x"), &n) && !str_to_int64(STR(" 4"), &n) && !str_to_int64(STR("99999999999999999999"), &n));
	CHECK(str_to_double(STR("4.5e1"), &d) && d == 45);
	CHECK(!str_to_double(STR("nan"), &d) && !str_to_double(STR("0x1"), &d) && !str_to_double(STR("1e999"), &d));
	CHECK(str_find(STR("abcabc"), STR("ca"), 0) == 2 && str_find(STR("abc"), STR("z"), 0) == SIZE_MAX);
}

static void test_time(void)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t at_us;
	} rows[] = {
		{ "1970-01-01T00:00:00Z", true, 0 },
		{ "2026-01-02T03:04:05.123456Z", true, 1767323045123456 },
		{ "2026-01-02T05:04:05.123456789+02:00", true, 1767323045123456 },
		{ "0001-01-01T00:00:00Z", true, -62135596800000000 },
		{ "2024-02-29T00:00:00Z", true, 1709164800000000 },
		{ "2023-02-29T00:00:00Z", false, 0 },
		{ "2026-01-02t03:04:05Z", false, 0 },
		{ "2026-01-02T03:04:05", false, 0 },
		{ "2026-01-02T03:04:05.Z", false, 0 },
		{ "2026-13-02T03:04:05Z", false, 0 },
		{ "", false, 0 },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t at = 0;
		CHECK_ROW(rows[i].text, time_parse(str_from(rows[i].text), &at) == rows[i].ok);
		if (rows[i].ok) CHECK_ROW(rows[i].text, at == rows[i].at_us);
	}
	char text[TIME_TEXT_BYTES];
	time_format(1767323045123456, text);
	CHECK_STR(str_from(text), "2026-01-02T03:04:05.123456Z");
	time_format(-1, text);
	CHECK_STR(str_from(text), "1969-12-31T23:59:59.999999Z");
}

static void test_uuid(void)
{
	char a[UUID_TEXT_BYTES], b[UUID_TEXT_BYTES];
	uuid_make(a);
	uuid_make(b);
	CHECK(strlen(a) == 36 && a[14] == '4' && strchr("89ab", a[19]) && strcmp(a, b) != 0);
}

struct conf {
	config_count port;
	config_seconds ttl;
	config_flag flag;
	config_text name, word, key;
	config_list list;
};
static const struct config_key keys[] = {
	{ "PORT", CONFIG_count, offsetof(struct conf, port), "8000", "1", "65535", false, "Port." },
	{ "TTL", CONFIG_seconds, offsetof(struct conf, ttl), "60", "1", "", false, "Life." },
	{ "FLAG", CONFIG_flag, offsetof(struct conf, flag), "false", "", "", false, "Flag." },
	{ "NAME", CONFIG_text, offsetof(struct conf, name), "", "", "", false, "Name." },
	{ "WORD", CONFIG_text, offsetof(struct conf, word), "a", "a|b", "", false, "Word." },
	{ "KEY", CONFIG_text, offsetof(struct conf, key), "", "x|y", "", true, "Key." },
	{ "LIST", CONFIG_list, offsetof(struct conf, list), "[\"x\"]", "", "", false, "List." },
};

static void test_config(void)
{
	struct arena *arena = arena_create(0);
	char path[] = "/tmp/petfood_env_XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	(void)fputs("# comment\n\nexport PORT=9000 # why\nNAME=\"a b\\n\" # c\nlist=[\"u\", \"v w\"]\nOTHER=ignored\nFLAG='yes'\n", f);
	(void)fclose(f);
	char *env[] = { "TTL=5", "PATH=/bin", NULL };
	const char *flags[] = { "WORD=b" };
	struct config_source source = { arena, path, true, env, 1, flags };
	struct conf conf = { 0 };
	struct error err = { 0 };
	CHECK(!config_load(keys, COUNT(keys), &source, &conf, &err)); /* KEY's default "" is not x|y */
	struct config_key mine[COUNT(keys)];
	memcpy(mine, keys, sizeof keys);
	mine[5].min = "";
	CHECK_OK(config_load(mine, COUNT(mine), &source, &conf, &err), &err);
	CHECK(conf.port == 9000 && conf.ttl == 5 && conf.flag);
	CHECK_STR(conf.name, "a b\n");
	CHECK_STR(conf.word, "b");
	CHECK(conf.list.count == 2 && str_equal(conf.list.items[1], STR("v w")));
	static const struct {
		const char *flag, *says;
	} bad[] = {
		{ "PORT=0", "PORT=0" }, { "PORT=65536", "1 to 65535" }, { "PORT=x", "PORT=x" }, { "FLAG=maybe", "true or false" },
		{ "WORD=c", "a|b" },    { "LIST=[1]", "list" },         { "NOPE=1", "NOPE" },
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		source.flags = &bad[i].flag;
		CHECK_ROW(bad[i].flag, !config_load(mine, COUNT(mine), &source, &conf, &err) && strstr(err.message, bad[i].says));
	}
	mine[5].min = "x|y";
	mine[5].fallback = "x";
	const char *secret = "KEY=hunter2";
	source.flags = &secret;
	CHECK(!config_load(mine, COUNT(mine), &source, &conf, &err) && !strstr(err.message, "hunter2") && strstr(err.message, "KEY"));
	(void)remove(path);
	arena_destroy(&arena);
}

static void test_metrics(void)
{
	struct metric *a = metric_counter("calls_total", "m=\"a\"", "Calls.");
	struct metric *h = metric_histogram("took_seconds", NULL, "Time.");
	struct metric *b = metric_counter("calls_total", "m=\"b\"", "Calls.");
	CHECK(a == metric_counter("calls_total", "m=\"a\"", "Calls.") && a != b);
	metric_add(a, 2);
	metric_add(b, 1);
	metric_observe_us(h, 700);
	metric_observe_us(h, 20000000);
	struct strbuf out;
	strbuf_init(&out, NULL);
	metrics_print(&out);
	CHECK(strstr(out.data, "calls_total{m=\"a\"} 2\ncalls_total{m=\"b\"} 1\n") != NULL);
	CHECK(strstr(out.data, "took_seconds_bucket{le=\"0.001\"} 1\n") != NULL);
	CHECK(strstr(out.data, "took_seconds_bucket{le=\"+Inf\"} 2\ntook_seconds_sum 20.0007\ntook_seconds_count 2\n") != NULL);
	strbuf_fini(&out);
}

int main(void)
{
	test_error();
	test_arena();
	test_text();
	test_time();
	test_uuid();
	test_config();
	test_metrics();
	return check_done("unit_base");
}
