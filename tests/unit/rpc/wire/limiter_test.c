/* What is asked of a limiter for one call, what its caller is told, and what happens when it cannot tell. */
#include "rpc/wire/limiter.h"
#include "rpc/wire/metadata.h"
#include "tests/support/check.h"

static struct arena *arena;

/* A limiter that answers from a script, and remembers what it was asked. */
struct script {
	struct limit_standing standing[LIMIT_CLASSES]; /* by class */
	bool refuses, is_down;
	int asked;
	size_t claim_count;
	enum limit_class classes[2];
};

static bool script_take(void *self, const struct limit_claim *claims, size_t count, struct limit_standing *out,
                        struct error *err)
{
	struct script *script = self;
	script->asked++;
	script->claim_count = count;
	if (script->is_down) return error_set(err, RPC_UNAVAILABLE, "STORE_DOWN", "gone");
	for (size_t i = 0; i < count; i++) {
		CHECK_STR(claims[i].key, "address:192.0.2.1");
		script->classes[i] = claims[i].limit_class;
		out[i] = script->standing[claims[i].limit_class];
	}
	return !script->refuses || error_set(err, RPC_RESOURCE_EXHAUSTED, "RATE_LIMITED", "enough");
}

static bool take(const struct rate_limiter *limiter, enum limit_class limit_class, struct limit_note *note,
                 struct error *err)
{
	error_clear(err);
	return limiter_take(limiter, limit_class, STR("address:192.0.2.1"), note, err);
}

static void check_param(const struct error *err, size_t i, const char *name, const char *value)
{
	if (!CHECK_ROW(name, i < err->param_count)) return;
	CHECK_STR(str_from(err->params[i].name), name);
	CHECK_STR_ROW(name, str_from(err->params[i].value), value);
}

static void test_what_is_asked(void)
{
	struct script script = { .standing = {
		                     [LIMIT_DEFAULT] = { 100, 60, 99, 60 }, [LIMIT_PLAN] = { 20, 300, 3, 12 } } };
	struct rate_limiter limiter = { .take = script_take, .self = &script };
	struct limit_note note = { 0 };
	struct error err;
	CHECK(take(&limiter, LIMIT_DEFAULT, &note, &err) && script.claim_count == 1);
	CHECK_STR(limit_note_policy(arena, &note), "\"default\";q=100;w=60");
	CHECK_STR(limit_note_state(arena, &note), "\"default\";r=99;t=60");
	CHECK(take(&limiter, LIMIT_PLAN, &note, &err) && script.claim_count == 2 && script.asked == 2);
	CHECK(script.classes[0] == LIMIT_DEFAULT && script.classes[1] == LIMIT_PLAN);
	CHECK_STR(limit_note_policy(arena, &note), "\"default\";q=100;w=60, \"plan\";q=20;w=300");
	CHECK_STR(limit_note_state(arena, &note), "\"default\";r=99;t=60, \"plan\";r=3;t=12");
	static const char *const names[] = { [LIMIT_LOGIN] = "\"login\";r=1;t=2", [LIMIT_CODE] = "\"code\";r=1;t=2" };
	for (enum limit_class c = LIMIT_LOGIN; c <= LIMIT_CODE; c++) {
		struct limit_note one = { 0 };
		one.of[c] = (struct limit_standing){ 5, 10, 1, 2 };
		CHECK_STR(limit_note_state(arena, &one), names[c]);
	}
	struct limit_note empty = { 0 };
	CHECK(limit_note_state(arena, &empty).len == 0 && limit_note_policy(arena, &empty).len == 0);
	CHECK_ROW("nothing is limited",
	          take(NULL, LIMIT_PLAN, &empty, &err) && limit_note_state(arena, &empty).len == 0);
}

/* Address and user count under one name: what binds more is told. */
static void test_what_binds_most(void)
{
	struct script script = { .standing = { { 100, 60, 40, 5 } } };
	struct rate_limiter limiter = { .take = script_take, .self = &script };
	static const struct {
		int64_t left, wait_s;
		const char *want;
	} rows[] = {
		{ 40, 5, "\"default\";r=40;t=5" },  { 50, 9, "\"default\";r=40;t=5" },
		{ 40, 4, "\"default\";r=40;t=5" },  { 40, 6, "\"default\";r=40;t=6" },
		{ 7, 1, "\"default\";r=7;t=1" },    { 0, 30, "\"default\";r=0;t=30" },
		{ 99, 60, "\"default\";r=0;t=30" },
	};
	struct limit_note note = { 0 };
	struct error err;
	for (size_t i = 0; i < COUNT(rows); i++) {
		script.standing[0].left = rows[i].left;
		script.standing[0].wait_s = rows[i].wait_s;
		CHECK(take(&limiter, LIMIT_DEFAULT, &note, &err));
		CHECK_STR_ROW(rows[i].want, limit_note_state(arena, &note), rows[i].want);
	}
}

static void test_L05_retry_after_suffices(void)
{
	struct script script = { .standing = {
		                     [LIMIT_DEFAULT] = { 100, 60, 0, 40 }, [LIMIT_LOGIN] = { 10, 600, 9, 600 } } };
	struct rate_limiter limiter = { .take = script_take, .self = &script };
	struct limit_note note = { 0 };
	struct error err;
	/* The address had one left, and this was it. */
	CHECK(take(&limiter, LIMIT_LOGIN, &note, &err));
	/* Then the user has none. */
	script.refuses = true;
	script.standing[LIMIT_DEFAULT] = (struct limit_standing){ 100, 60, 80, 50 };
	script.standing[LIMIT_LOGIN] = (struct limit_standing){ 10, 600, 0, 3 };
	CHECK(!take(&limiter, LIMIT_LOGIN, &note, &err));
	CHECK(err.code == RPC_RESOURCE_EXHAUSTED && error_is(&err, "RATE_LIMITED") && err.param_count == 3);
	check_param(&err, 0, "limit", "100");
	check_param(&err, 1, "window", "60");
	check_param(&err, 2, "retry_after", "40");
	CHECK_STR(limit_note_state(arena, &note), "\"default\";r=0;t=40, \"login\";r=0;t=3");
	script.standing[LIMIT_LOGIN].wait_s = 599;
	CHECK(!take(&limiter, LIMIT_LOGIN, &note, &err));
	check_param(&err, 0, "limit", "10");
	check_param(&err, 1, "window", "600");
	check_param(&err, 2, "retry_after", "599");
}

static void test_L04_one_that_cannot_tell(void)
{
	struct script local = { .standing = { { 100, 60, 5, 60 } } }, far = { .is_down = true };
	struct rate_limiter fallback = { .take = script_take, .self = &local };
	struct rate_limiter limiter = { .take = script_take, .self = &far, .fallback = &fallback };
	struct limit_note note = { 0 };
	struct error err;
	CHECK_ROW("the local one is asked", take(&limiter, LIMIT_DEFAULT, &note, &err) && local.asked == 1);
	CHECK_STR(limit_note_state(arena, &note), "\"default\";r=5;t=60");
	local.refuses = true;
	local.standing[0].left = 0;
	CHECK_ROW("and its word counts", !take(&limiter, LIMIT_DEFAULT, &note, &err) && error_is(&err, "RATE_LIMITED"));
	far = (struct script){ .standing = { { 100, 60, 0, 60 } }, .refuses = true };
	local = (struct script){ .standing = { { 100, 60, 5, 60 } } };
	CHECK_ROW("who can tell has the last word", !take(&limiter, LIMIT_DEFAULT, &note, &err) && local.asked == 0);
	struct limit_note nothing = { 0 };
	far.is_down = true;
	limiter.fallback = NULL;
	CHECK_ROW("nobody left to ask: open", take(&limiter, LIMIT_DEFAULT, &nothing, &err));
	CHECK(limit_note_state(arena, &nothing).len == 0);
}

static void test_reply_metadata(void)
{
	const struct reply_metadata sent = { .rate_limit = STR("\"default\";r=1;t=2"), .user = STR("0123456789ab") };
	Petfood__Rpc__V1__Metadata entries[REPLY_METADATA_KNOWN + 1], *list[COUNT(entries)];
	struct reply_metadata got;
	size_t count = reply_metadata_write(&sent, entries);
	for (size_t i = 0; i < COUNT(list); i++) list[i] = &entries[i];
	CHECK_ROW("empty ones are not sent", count == 2);
	petfood__rpc__v1__metadata__init(&entries[count]);
	entries[count].key = (char *)(uintptr_t) "of-another-version";
	reply_metadata_read(count + 1, list, &got);
	struct reply_metadata kept = reply_metadata_dup(arena, &got);
	CHECK_STR(kept.rate_limit, "\"default\";r=1;t=2");
	CHECK_STR(kept.user, "0123456789ab");
	CHECK(kept.rate_limit_policy.len == 0 && kept.user.ptr != sent.user.ptr);
	/* It will stand in a header and in a log line. */
	static const char *const bad[] = { "a\r\nSet-Cookie: b", "a\nb", "\x7f", "\xe4" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		entries[0].value.data = (uint8_t *)(uintptr_t)bad[i];
		entries[0].value.len = strlen(bad[i]);
		reply_metadata_read(count, list, &got);
		CHECK_ROW(bad[i], got.rate_limit.len == 0 && got.user.len == 0);
	}
}

int main(void)
{
	arena = arena_create(0);
	test_what_is_asked();
	test_what_binds_most();
	test_L05_retry_after_suffices();
	test_L04_one_that_cannot_tell();
	test_reply_metadata();
	arena_destroy(&arena);
	return check_done("unit_limiter");
}
