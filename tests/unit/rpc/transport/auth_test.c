/* Who calls, whether they may, and how often: the interceptors between deadline and handler. */
#include <stdlib.h>

#include "store/base/log.h"
#include "store/base/time.h"
#include "tests/unit/rpc/transport/fixture.h"

static int64_t start_us;
static _Atomic int64_t ahead_us; /* of the real clock */
static int64_t test_now_us(void *self)
{
	(void)self;
	return start_us + atomic_load(&ahead_us);
}
static const struct clock test_clock = { test_now_us, NULL };

/* What a token slot of a row holds. */
enum what { NOTHING, USER, SERVICE, REFRESH, EXPIRED, GARBAGE, BASIC, LOWER, WHAT_COUNT };
static struct str tokens[WHAT_COUNT];

static const struct {
	const char *label;
	enum test_method method;
	enum what authorization, service;
	const char *on_behalf, *address;
	const char *want; /* text of the answer, or the reason of the refusal */
} rows[] = {
	{ "nobody", M_WHO, NOTHING, NOTHING, "", "", "CREDENTIALS_MISSING" },
	{ "a user", M_WHO, USER, NOTHING, "", "", "user/u1///zh" },
	{ "scheme in lower case", M_WHO, LOWER, NOTHING, "", "", "user/u1///zh" },
	{ "another scheme", M_WHO, BASIC, NOTHING, "", "", "CREDENTIALS_MISSING" },
	{ "garbage", M_WHO, GARBAGE, NOTHING, "", "", "TOKEN_INVALID" },
	{ "expired", M_WHO, EXPIRED, NOTHING, "", "", "TOKEN_INVALID" },
	{ "a refresh token", M_WHO, REFRESH, NOTHING, "", "", "TOKEN_WRONG_TYPE" },
	{ "a service", M_WHO, NOTHING, SERVICE, "", "", "service//bridge//zh" },
	{ "a service where a user's token stands", M_WHO, SERVICE, NOTHING, "", "", "service//bridge//zh" },
	{ "not beside another service token", M_WHO, SERVICE, SERVICE, "", "", "TOKEN_WRONG_TYPE" },
	{ "a service with a user's token", M_WHO, USER, SERVICE, "", "1.2.3.4", "user/u1/bridge/1.2.3.4/zh" },
	{ "a service on behalf of a user", M_WHO, NOTHING, SERVICE, "u9", "", "user/u9/bridge//zh" },
	{ "the user's token goes before on-behalf-of", M_WHO, USER, SERVICE, "u9", "", "user/u1/bridge//zh" },
	{ "a user names no other user", M_WHO, USER, NOTHING, "u9", "", "user/u1///zh" },
	{ "a user names no address", M_WHO, USER, NOTHING, "", "1.2.3.4", "user/u1///zh" },
	{ "an access token is no service token", M_WHO, NOTHING, USER, "u9", "", "SERVICE_TOKEN_INVALID" },
	{ "a bad service token beside a good user token", M_WHO, USER, GARBAGE, "", "", "SERVICE_TOKEN_INVALID" },
	{ "user method, user", M_USER, USER, NOTHING, "", "", "user/u1///zh" },
	{ "user method, on behalf", M_USER, NOTHING, SERVICE, "u9", "", "user/u9/bridge//zh" },
	{ "user method, bare service", M_USER, NOTHING, SERVICE, "", "", "CALLER_NOT_ALLOWED" },
	{ "user method, nobody", M_USER, NOTHING, NOTHING, "", "", "CREDENTIALS_MISSING" },
	{ "service method, service", M_SERVICE, NOTHING, SERVICE, "", "", "service//bridge//zh" },
	{ "service method, user", M_SERVICE, USER, NOTHING, "", "", "CALLER_NOT_ALLOWED" },
	{ "service method, on behalf", M_SERVICE, NOTHING, SERVICE, "u9", "", "CALLER_NOT_ALLOWED" },
	{ "open method, nobody", M_ECHO, NOTHING, NOTHING, "", "", "x" },
	{ "open method, stale token", M_ECHO, EXPIRED, NOTHING, "", "", "x" },
	{ "open method, bad service token", M_ECHO, NOTHING, GARBAGE, "", "", "x" },
};

static void test_rows(void)
{
	fixture_start("inproc://auth");
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct rpc_metadata metadata = { .authorization = tokens[rows[i].authorization],
			                         .service_authorization = tokens[rows[i].service],
			                         .on_behalf_of = str_from(rows[i].on_behalf),
			                         .client_address = str_from(rows[i].address) };
		for (int again = 0; again < 2; again++) { /* the second time from the cache */
			struct answer a = call(rows[i].method, "x", &metadata, 0);
			CHECK_STR_ROW(rows[i].label, str_from(a.code == RPC_OK ? a.text : a.reason), rows[i].want);
		}
	}
	struct rpc_metadata english = { .authorization = tokens[USER], .accept_language = STR("de, en;q=0.7, zh;q=0.3") };
	CHECK_STR(str_from(call(M_WHO, "x", &english, 0).text), "user/u1///en");
	char long_id[80];
	memset(long_id, 'u', sizeof long_id);
	struct rpc_metadata behalf = { .service_authorization = tokens[SERVICE], .on_behalf_of = { long_id, sizeof long_id } };
	CHECK_STR(str_from(call(M_WHO, "x", &behalf, 0).reason), "METADATA_INVALID");
	fixture_stop();
}

static atomic_int asked;
static atomic_bool refuse;
static bool still_valid(void *self, const struct token_claims *claims, struct error *err)
{
	(void)self;
	(void)claims;
	atomic_fetch_add(&asked, 1);
	return atomic_load(&refuse) ? error_set(err, RPC_UNAUTHENTICATED, "TOKEN_INVALID", "revoked") : true;
}

static char revoked[40];
static bool session_lives(void *self, const struct token_claims *claims, struct error *err)
{
	(void)self;
	return strcmp(claims->session_id, revoked) != 0 || error_set(err, RPC_UNAUTHENTICATED, "TOKEN_INVALID", "revoked");
}

/* What is known in memory is asked for every call, whatever was cached. */
static void test_revoked_sessions(void)
{
	struct rpc_metadata behalf = { .service_authorization = tokens[SERVICE], .on_behalf_of = STR("u6"), .on_behalf_session = STR("s1") };
	struct rpc_metadata other = behalf, none = behalf, long_one = behalf;
	other.on_behalf_session = STR("s2");
	none.on_behalf_session = STR_NONE;
	long_one.on_behalf_session = STR("0123456789012345678901234567890123456789");
	(void)snprintf(revoked, sizeof revoked, "none");
	fx.options.session_lives = session_lives;
	fixture_start("inproc://sessions");
	CHECK(call(M_WHO, "x", &behalf, 0).code == RPC_OK && call(M_WHO, "x", &other, 0).code == RPC_OK);
	(void)snprintf(revoked, sizeof revoked, "s1");
	CHECK_ROW("at once", call(M_WHO, "x", &behalf, 0).code == RPC_UNAUTHENTICATED);
	CHECK_ROW("another session of the user", call(M_WHO, "x", &other, 0).code == RPC_OK);
	CHECK_ROW("no session at all", call(M_WHO, "x", &none, 0).code == RPC_OK);
	CHECK_ROW("longer than any", call(M_WHO, "x", &long_one, 0).code == RPC_INVALID_ARGUMENT);
	fixture_stop();
	fx.options.session_lives = NULL;
}

static void test_revocation(void)
{
	struct rpc_metadata user = { .authorization = make_token(TOKEN_ACCESS, "u5", 60) };
	struct rpc_metadata behalf = { .service_authorization = tokens[SERVICE], .on_behalf_of = STR("u6") };
	fx.options.still_valid = still_valid;
	fixture_start("inproc://revocation");
	atomic_store(&ahead_us, 0);
	for (int i = 0; i < 20; i++) CHECK(call(M_WHO, "x", &user, 0).code == RPC_OK);
	CHECK_ROW("asked once", atomic_load(&asked) == 1);
	atomic_store(&refuse, true);
	atomic_store(&ahead_us, 1900000);
	CHECK_ROW("cached below 2 s", call(M_WHO, "x", &user, 0).code == RPC_OK);
	atomic_store(&ahead_us, 2000000);
	CHECK_ROW("asked again at 2 s", call(M_WHO, "x", &user, 0).code == RPC_UNAUTHENTICATED);
	CHECK_ROW("a refusal is not cached", call(M_WHO, "x", &user, 0).code == RPC_UNAUTHENTICATED && atomic_load(&asked) == 3);
	CHECK_ROW("on behalf too", call(M_WHO, "x", &behalf, 0).code == RPC_UNAUTHENTICATED);
	atomic_store(&refuse, false);
	CHECK(call(M_WHO, "x", &user, 0).code == RPC_OK && call(M_WHO, "x", &behalf, 0).code == RPC_OK);
	int before = atomic_load(&asked);
	atomic_store(&ahead_us, 1000000);
	CHECK_ROW("a clock set back makes nothing live longer", call(M_WHO, "x", &user, 0).code == RPC_OK && atomic_load(&asked) > before);
	atomic_store(&ahead_us, 59900000);
	CHECK(call(M_WHO, "x", &user, 0).code == RPC_OK);
	atomic_store(&ahead_us, 60000000);
	CHECK_ROW("never past exp, cached or not", call(M_WHO, "x", &user, 0).code == RPC_UNAUTHENTICATED);
	atomic_store(&ahead_us, 0);
	fixture_stop();
	fx.options.still_valid = NULL;
}

/* ---- limits ---- */

/* A limiter that writes down what it was asked, "class:key" each, and lets through as many as it is told. */
static pthread_mutex_t limit_lock = PTHREAD_MUTEX_INITIALIZER;
static char claimed[1024];
static int allowance;
static bool limiter_is_down;
#define USER_U1_HASH "bb82030dbc2b" /* of sha256sum: the first six bytes */

static bool script_take(void *self, const struct limit_claim *claims, size_t count, struct limit_standing *out,
                        struct error *err)
{
	(void)self;
	pthread_mutex_lock(&limit_lock);
	if (limiter_is_down) {
		pthread_mutex_unlock(&limit_lock);
		return error_set(err, RPC_UNAVAILABLE, "STORE_DOWN", "gone");
	}
	bool ok = allowance > 0;
	if (ok) allowance--;
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(claimed);
		(void)snprintf(claimed + len, sizeof claimed - len, "%d:" STR_FMT " ", (int)claims[i].limit_class, STR_ARG(claims[i].key));
		out[i] = (struct limit_standing){ .times = 100, .window_s = 60, .left = ok ? allowance : 0, .wait_s = 7 };
	}
	pthread_mutex_unlock(&limit_lock);
	return ok || error_set(err, RPC_RESOURCE_EXHAUSTED, "RATE_LIMITED", "enough");
}

/* What was asked since the last look. */
static void check_claimed(const char *label, const char *want)
{
	CHECK_STR_ROW(label, str_from(claimed), want);
	claimed[0] = '\0';
}

static void test_limits(void)
{
	static const struct rate_limiter limiter = { .take = script_take };
	struct rpc_metadata direct = { .authorization = tokens[USER] };
	struct rpc_metadata bridged = { .authorization = tokens[USER], .service_authorization = tokens[SERVICE],
		                        .client_address = STR("2001:db8:1:2:3:4:5:6") };
	struct rpc_metadata internal = { .service_authorization = tokens[SERVICE], .on_behalf_of = STR("u1") };
	struct rpc_metadata guest = { .service_authorization = tokens[SERVICE], .client_address = STR("10.0.0.1") };
	struct rpc_metadata forger = { .authorization = tokens[USER], .client_address = STR("10.9.9.9") };
	struct rpc_metadata stranger = { .authorization = tokens[GARBAGE] };
	fx.options.limits = &limiter;
	fx.methods[M_USER].limit_class = LIMIT_LOGIN;
	fixture_start("tcp://127.0.0.1:0");
	allowance = 1000;
	CHECK(call(M_WHO, "x", &bridged, 0).code == RPC_OK);
	check_claimed("L07 an address by its /64, then the user", "0:address:2001:db8:1:2::/64 0:user:u1 ");
	CHECK(call(M_WHO, "x", &internal, 0).code == RPC_OK);
	check_claimed("what a service asks for itself", "");
	CHECK(call(M_ECHO, "x", &guest, 0).code == RPC_OK);
	check_claimed("nobody", "0:address:10.0.0.1 ");
	CHECK(call(M_WHO, "x", &direct, 0).code == RPC_OK);
	check_claimed("a direct caller", "0:address:127.0.0.1 0:user:u1 ");
	CHECK(call(M_WHO, "x", &forger, 0).code == RPC_OK);
	check_claimed("L06 client-address is believed of services only", "0:address:127.0.0.1 0:user:u1 ");
	CHECK(call(M_WHO, "x", &stranger, 0).code == RPC_UNAUTHENTICATED);
	check_claimed("guessing tokens costs too", "0:address:127.0.0.1 ");
	CHECK(call(M_USER, "x", &bridged, 0).code == RPC_OK);
	check_claimed("A18 a method of a stricter class", "0:address:2001:db8:1:2::/64 1:address:2001:db8:1:2::/64 0:user:u1 1:user:u1 ");
	CHECK_ROW("inline is never limited", call(M_PING, "x", &guest, 0).code == RPC_OK);
	check_claimed("inline", "");

	allowance = 0;
	struct answer a = call(M_ECHO, "x", &guest, 0);
	CHECK(a.code == RPC_RESOURCE_EXHAUSTED && strcmp(a.reason, "RATE_LIMITED") == 0 && a.param_count == 3);
	CHECK_STR(str_from(a.rate_limit), "\"default\";r=0;t=7");
	CHECK_STR(str_from(a.rate_limit_policy), "\"default\";q=100;w=60");
	allowance = 1;
	a = call(M_WHO, "x", &bridged, 0);
	CHECK_ROW("the user's comes after the address's", strcmp(a.reason, "RATE_LIMITED") == 0);
	CHECK_STR_ROW("and it is known who was refused", str_from(a.user), USER_U1_HASH);
	allowance = 10;
	a = call(M_USER, "x", &bridged, 0);
	CHECK_STR_ROW("a good answer tells too", str_from(a.rate_limit), "\"default\";r=8;t=7, \"login\";r=8;t=7");
	CHECK_STR_ROW("a short hash of the user", str_from(a.user), USER_U1_HASH);
	CHECK_STR_ROW("only services are told who", str_from(call(M_WHO, "x", &direct, 0).user), "");
	allowance = 0;
	a = call(M_WHO, "x", &internal, 0);
	CHECK_ROW("nor is what a service asks for itself", a.code == RPC_OK && a.rate_limit[0] == '\0');
	limiter_is_down = true;
	a = call(M_WHO, "x", &bridged, 0);
	CHECK_ROW("L04 a limiter that cannot tell lets through", a.code == RPC_OK && a.rate_limit[0] == '\0');
	limiter_is_down = false;
	fixture_stop();
	fx.options.limits = NULL;
	fx.methods[M_USER].limit_class = LIMIT_DEFAULT;
}

int main(void)
{
	log_setup(LOG_ERROR, false);
	start_us = time_now_us() / 1000000 * 1000000; /* whole seconds, so that exp falls where the rows say */
	fixture_init();
	fx.issue_at_s = start_us / 1000000;
	fx.options.clock = &test_clock;
	tokens[USER] = make_token(TOKEN_ACCESS, "u1", 1000);
	tokens[LOWER] = str_printf(fx.arena, "bearer  %s", tokens[USER].ptr + 7);
	tokens[SERVICE] = make_token(TOKEN_SERVICE, "bridge", 1000);
	tokens[REFRESH] = make_token(TOKEN_REFRESH, "u1", 1000);
	tokens[EXPIRED] = make_token(TOKEN_ACCESS, "u1", -1000);
	tokens[GARBAGE] = STR("Bearer a.b.c");
	tokens[BASIC] = STR("Basic dXNlcjpwdw==");
	test_rows();
	test_revocation();
	test_revoked_sessions();
	test_limits();
	fixture_fini();
	return check_done("auth_test");
}
