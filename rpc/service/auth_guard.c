/* How often somebody may guess at a password. An account is counted as it was typed, so that nothing tells which name and which address
 * belong together, or to anybody. */
#include <stdio.h>

#include "rpc/service/auth.h"
#include "rpc/wire/limiter.h"
#include "store/base/log.h"

static struct str bucket_of(struct call *call, struct str login)
{
	struct str one_spelling = address_normalise(call->arena, text_in(call, login));
	char name[CODE_MAILBOX_BYTES];
	code_mailbox(accounts_of(call)->verification.key, one_spelling, name);
	return str_dup(call->arena, str_from(name));
}

/* Whether the user has a session that was last used from where this call comes from. Asked for nobody too: it takes its time. */
static bool is_known_device(struct call *call, struct str user_id, bool *out, struct error *err)
{
	const struct session_store *sessions = sessions_of(call);
	char nobody[UUID_TEXT_BYTES], here[LIMITER_KEY_BYTES], there[LIMITER_KEY_BYTES];
	struct session *rows = NULL;
	size_t count = 0;
	uuid_make(nobody);
	*out = false;
	if (!sessions->driver->list(sessions->self, user_id.len ? user_id : str_from(nobody), true,
	                            clock_now_us(call->clock), call->arena, &rows, &count, err))
		return false;
	if (call->client_address.len == 0) return true;
	limiter_address_key(call->client_address, here);
	for (size_t i = 0; i < count; i++) {
		limiter_address_key(rows[i].client_address, there);
		*out = *out || str_equal(str_from(here), str_from(there));
	}
	return true;
}

/* Said once in a window, not once per guess. */
static void raise_alarm(struct call *call, uint32_t failures)
{
	static atomic_llong said_at_ms = -3600000;
	long long now_ms = time_monotonic_ms(), before = atomic_load(&said_at_ms);
	const struct login_limits *limits = &accounts_of(call)->login_limits;
	if (failures < limits->overall_max || now_ms - before < limits->overall_window_ms) return;
	if (atomic_compare_exchange_strong(&said_at_ms, &before, now_ms))
		log_error("login.flood", LOG_INT("failures", failures),
		          LOG_INT("window_ms", limits->overall_window_ms));
}

bool guard_enter(struct call *call, struct str login, struct str user_id, struct str *out_bucket, struct error *err)
{
	const struct accounts *accounts = accounts_of(call);
	const struct login_store *logins = &accounts->logins;
	uint32_t overall = 0;
	bool known = false;
	*out_bucket = STR("");
	if (!logins->driver) return true;
	*out_bucket = bucket_of(call, login);
	bool ok = logins->driver->begin(logins->self, *out_bucket, false, &accounts->login_limits, 0, &overall, err);
	raise_alarm(call, overall);
	if (ok || !error_is(err, "LOGIN_LOCKED")) return ok;
	struct error why;
	error_clear(&why);
	if (!is_known_device(call, user_id, &known, &why)) {
		*err = why;
		return false;
	}
	if (!known) return false;
	char here[LIMITER_KEY_BYTES];
	limiter_address_key(call->client_address, here);
	*out_bucket = str_printf(call->arena, STR_FMT "|%s", STR_ARG(*out_bucket), here);
	return logins->driver->begin(logins->self, *out_bucket, true, &accounts->login_limits, 0, &overall, err);
}

void guard_forgive(struct call *call, struct str bucket)
{
	const struct login_store *logins = &accounts_of(call)->logins;
	struct error err;
	error_clear(&err);
	if (logins->driver && bucket.len && !logins->driver->forgive(logins->self, bucket, &err))
		log_warn("login.not_forgiven", LOG_ERR(&err));
}

void guard_forgive_account(struct call *call, const struct user *user)
{
	guard_forgive(call, bucket_of(call, user->username));
	guard_forgive(call, bucket_of(call, user->email));
}
