/* AuthService: a new password, by the old one or by a mailed code. */
#include <petfood/accessors.h>

#include "rpc/json/violation.h"
#include "rpc/service/auth.h"
#include "store/base/log.h"

/* Stores it, and ends every session but `keep` in the same transaction. */
static bool replace(struct call *call, struct str user_id, struct str old_hash, struct str password, struct str keep,
                    struct error *err)
{
	const struct accounts *accounts = accounts_of(call);
	const struct user_store *users = users_of(call);
	char hash[PASSWORD_HASH_BYTES];
	if (!password_hash(&accounts->passwords, password, hash, err)) return false;
	const struct password_change change = { .user_id = user_id,
		                                .old_hash = old_hash,
		                                .new_hash = str_from(hash),
		                                .keep_session = keep,
		                                .now_us = clock_now_us(call->clock) };
	if (!users->driver->set_password(users->self, &change, err)) return false;
	revocation_refresh(accounts->revocation);
	log_info("user.password_changed", LOG_BOOL("by_code", old_hash.ptr == NULL),
	         LOG_TEXT("request_id", call->request_id));
	return true;
}

bool auth_service_change_password(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__ChangePasswordRequest *req = request;
	Petfood__V1__Done *out = reply;
	struct str hash;
	if (!petfood_v1_change_password_request_has_old_password(req))
		return violation_add(err, call->lang, "old_password", VIOLATION_MISSING, "");
	struct str old = str_from(petfood_v1_change_password_request_old_password_or(req, ""));
	if (!caller_prove(call, old, "OLD_PASSWORD_WRONG", &hash, err)) return false;
	if (!replace(call, caller_id(call), hash, str_from(req->new_password), str_from(call->caller.session_id), err))
		return false;
	out->message = done_text(call);
	return true;
}

/* Whose password the code may replace. Who is gone or disabled gets no code (auth_codes.c): one can only be had from before. */
static bool owner_of(struct call *call, struct str address, struct user *out, struct error *err)
{
	const struct user_store *users = users_of(call);
	struct str hash;
	bool found = users->driver->find(users->self, address, call->arena, out, &hash, err);
	if (!found && !error_is(err, "USER_NOT_FOUND")) return false;
	return (found && out->is_active) || error_set(err, RPC_INVALID_ARGUMENT, "CODE_ABSENT", "the account is gone");
}

bool auth_service_reset_password(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__ResetPasswordRequest *req = request;
	Petfood__V1__Done *out = reply;
	struct verification_ticket ticket;
	struct user user;
	if (!code_take(call, req->email, CODE_PASSWORD_RESET, req->code, &ticket, err)) return false;
	if (!owner_of(call, address_normalise(call->arena, req->email), &user, err) ||
	    !replace(call, user.id, STR_NONE, str_from(req->new_password), STR(""), err)) {
		verification_give_back(&accounts_of(call)->verification, &ticket);
		return false;
	}
	guard_forgive_account(call, &user);
	out->message = done_text(call);
	return true;
}
