/* AuthService/RegisterUser and VerifyRegister: the account and its first session in one transaction. */
#include "rpc/service/auth.h"

#include "rpc/json/violation.h"
#include "store/base/log.h"

struct registration {
	const char *username, *email, *password; /* as they came */
};

/* The outcome of the write was lost: whether it is there. */
static bool was_created(struct call *call, struct str id)
{
	const struct user_store *users = users_of(call);
	struct user user;
	struct error ignored;
	return users->driver->get(users->self, id, call->arena, &user, &ignored);
}

static bool create(struct call *call, const struct registration *what, Petfood__V1__SignedIn *reply, struct error *err)
{
	const struct user_store *users = users_of(call);
	char id[UUID_TEXT_BYTES], hash[PASSWORD_HASH_BYTES];
	struct sign_in in;
	uuid_make(id);
	int64_t now_us = clock_now_us(call->clock);
	struct user user = {
		.id = str_from(id),
		.username = str_trim(str_from(what->username)),
		.email = address_normalise(call->arena, what->email),
		.is_active = true,
		.created_at_us = now_us,
		.updated_at_us = now_us,
	};
	if (!password_hash(&accounts_of(call)->passwords, str_from(what->password), hash, err)) return false;
	if (!sign_in_prepare(call, user.id, &in, err)) return false;
	if (!users->driver->create(users->self, &user, str_from(hash), &in.start, err)) {
		if (!error_is(err, REASON_WRITE_UNCERTAIN) || !was_created(call, user.id)) return false;
		error_clear(err);
	}
	log_info("user.registered", LOG_CSTR("session", in.session_id), LOG_TEXT("request_id", call->request_id));
	return sign_in_reply(call, &in, &user, reply, err);
}

bool auth_service_register_user(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__RegisterRequest *req = request;
	const struct registration what = { req->username, req->email, req->password };
	if (accounts_of(call)->registration_requires_code)
		return error_set(err, RPC_FAILED_PRECONDITION, "REGISTRATION_NEEDS_CODE",
		                 "plain registration is closed");
	return create(call, &what, reply, err);
}

bool auth_service_verify_register(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__VerifyRegisterRequest *req = request;
	const struct registration what = { req->username, req->email, req->password };
	const struct verification *codes = &accounts_of(call)->verification;
	struct verification_ticket ticket;
	if (!code_take(call, req->email, CODE_REGISTER, req->code, &ticket, err)) return false;
	if (create(call, &what, reply, err)) return true;
	/* The name is taken, or we are at fault: none of it is the code's. */
	verification_give_back(codes, &ticket);
	return false;
}
