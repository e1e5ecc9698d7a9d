/* VerificationService: codes by mail (rpc/service/verification.h has the rules). No answer tells whether an address has an account. */
#include <petfood/accessors.h>
#include <stdio.h>

#include "petfood/v1/verification.pb-c.h"
#include "rpc/json/violation.h"
#include "rpc/service/auth.h"

bool code_take(struct call *call, const char *email, enum code_purpose purpose, const char *code,
               struct verification_ticket *out, struct error *err)
{
	const struct verification *codes = &accounts_of(call)->verification;
	char digits[12];
	(void)snprintf(digits, sizeof digits, "%d", codes->length);
	if (!code_is_wellformed(str_from(code), codes->length))
		return violation_add(err, call->lang, "code", VIOLATION_NOT_CODE, digits);
	return verification_take(codes, address_normalise(call->arena, email), purpose, str_from(code),
	                         call->client_address, out, err);
}

/* Whether a code for that purpose must not reach the address: an account that there is cannot be made, one that there is not, or that is
 * disabled, needs no password. */
static bool must_discard(struct call *call, struct str address, enum code_purpose purpose, bool *out, struct error *err)
{
	const struct user_store *users = users_of(call);
	struct user user;
	struct str hash;
	bool found = users->driver->find(users->self, address, call->arena, &user, &hash, err);
	if (!found && !error_is(err, "USER_NOT_FOUND")) return false;
	error_clear(err);
	*out = purpose == CODE_REGISTER ? found : !found || !user.is_active;
	return true;
}

static bool send(struct call *call, struct str address, enum code_purpose purpose, struct verification_sent *out,
                 struct error *err)
{
	bool discard = false;
	return must_discard(call, address, purpose, &discard, err) &&
	       verification_send(&accounts_of(call)->verification, address, purpose, call->lang, discard, out, err);
}

static void fill(struct call *call, struct str address, Petfood__V1__CodeType type,
                 const struct verification_sent *sent, Petfood__V1__CodeSent *out)
{
	out->email = text_in(call, address);
	out->code_type = type;
	out->cooldown_seconds = sent->cooldown_s;
	out->remaining_daily_sends = sent->sends_left;
	out->expire_minutes = sent->expire_minutes;
}

bool verification_service_send_code(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__SendCodeRequest *req = request;
	struct str address = address_normalise(call->arena, req->email);
	struct verification_sent sent;
	_Static_assert((int)CODE_REGISTER == PETFOOD__V1__CODE_TYPE__CODE_TYPE_REGISTER &&
	                   (int)CODE_PASSWORD_RESET == PETFOOD__V1__CODE_TYPE__CODE_TYPE_PASSWORD_RESET,
	               "the store's numbers are the API's");
	if (!send(call, address, (enum code_purpose)req->code_type, &sent, err)) return false;
	fill(call, address, req->code_type, &sent, reply);
	return true;
}

/* Always the same answer, whatever has become of it: a cooldown would tell that there was a code before (CONTRACT 2.2). */
bool verification_service_send_password_code(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__SendPasswordCodeRequest *req = request;
	const struct code_limits *limits = &accounts_of(call)->verification.limits;
	struct str address = address_normalise(call->arena, req->email);
	struct verification_sent sent;
	if (!send(call, address, CODE_PASSWORD_RESET, &sent, err)) {
		if (!error_is(err, "CODE_COOLDOWN") && !error_is(err, "CODE_DAILY_LIMIT")) return false;
		error_clear(err);
	}
	sent = (struct verification_sent){ .cooldown_s = (limits->cooldown_ms + 999) / 1000,
		                           .sends_left = limits->sends_max - 1,
		                           .expire_minutes = (limits->expire_ms + 59999) / 60000 };
	fill(call, address, PETFOOD__V1__CODE_TYPE__CODE_TYPE_PASSWORD_RESET, &sent, reply);
	return true;
}

bool verification_service_verify_code(struct call *call, const void *request, void *reply, struct error *err)
{
	static const struct text2 message = { "验证码有效", "the code is right" };
	const Petfood__V1__VerifyCodeRequest *req = request;
	Petfood__V1__CodeVerified *out = reply;
	struct verification_ticket ticket;
	if (!code_take(call, req->email, (enum code_purpose)req->code_type, req->code, &ticket, err)) return false;
	out->is_valid = true;
	out->message = text_in(call, str_from(text2_in(message, call->lang)));
	return true;
}
