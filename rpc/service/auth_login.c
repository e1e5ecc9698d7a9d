/* AuthService/Login: by name or address and password. Who is unknown is answered like who gave a wrong password, in as much time. */
#include <petfood/accessors.h>

#include "rpc/json/violation.h"
#include "rpc/service/auth.h"
#include "store/base/log.h"

/* Who signs in, as the store had them when the password was checked. */
struct candidate {
	struct user user;
	struct str hash;
	char new_hash[PASSWORD_HASH_BYTES]; /* "" = the stored one will do */
};

static bool is_nobody(const struct error *err) { return error_is(err, "USER_NOT_FOUND"); }

static bool check(struct call *call, struct str login, struct str password, struct candidate *out, struct error *err)
{
	const struct password_policy *policy = &accounts_of(call)->passwords;
	const struct user_store *users = users_of(call);
	bool matches = false;
	*out = (struct candidate){ 0 };
	if (!users->driver->find(users->self, login, call->arena, &out->user, &out->hash, err)) {
		if (!is_nobody(err)) return false;
		out->hash = STR_NONE;
	}
	struct str bucket;
	if (!guard_enter(call, login, out->user.id, &bucket, err)) return false;
	if (!password_verify(policy, out->hash, password, &matches, err)) {
		guard_forgive(call, bucket); /* nobody has learnt anything */
		return false;
	}
	if (matches) guard_forgive(call, bucket);
	if (!matches) return error_set(err, RPC_UNAUTHENTICATED, "LOGIN_FAILED", "no such user, or another password");
	if (!out->user.is_active) return error_set(err, RPC_UNAUTHENTICATED, "USER_DISABLED", "the user is disabled");
	if (!password_needs_rehash(policy, out->hash)) return true;
	return password_hash(policy, password, out->new_hash, err);
}

static bool enter(struct call *call, const struct candidate *who, struct sign_in *out, struct error *err)
{
	const struct session_store *sessions = sessions_of(call);
	if (!sign_in_prepare(call, who->user.id, out, err)) return false;
	out->start.password_hash = who->hash;
	if (who->new_hash[0]) out->start.new_password_hash = str_from(who->new_hash);
	return sessions->driver->create(sessions->self, &out->start, err);
}

bool auth_service_login(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__LoginRequest *req = request;
	struct str login = str_trim(str_from(req->username));
	struct candidate who;
	struct sign_in in;
	if (!petfood_v1_login_request_has_password(req))
		return violation_add(err, call->lang, "password", VIOLATION_MISSING, "");
	struct str password = str_from(petfood_v1_login_request_password_or(req, ""));
	if (!check(call, login, password, &who, err)) return false;
	bool ok = enter(call, &who, &in, err);
	/* Changed meanwhile, or hashed anew by a sign-in at the same moment: what is stored now decides. */
	if (!ok && error_is(err, "PASSWORD_CHANGED"))
		ok = check(call, login, password, &who, err) && enter(call, &who, &in, err);
	if (!ok) return false;
	log_info("user.signed_in", LOG_CSTR("session", in.session_id), LOG_BOOL("rehashed", who.new_hash[0] != '\0'),
	         LOG_TEXT("request_id", call->request_id));
	return sign_in_reply(call, &in, &who.user, reply, err);
}
