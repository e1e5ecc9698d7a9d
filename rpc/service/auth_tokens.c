/* What a sign-in gives: a session and the pair of tokens that stands for it (DESIGN 9). */
#include <petfood/accessors.h>
#include <stdio.h>
#include <string.h>

#include "rpc/service/auth.h"

bool sign_in_prepare(struct call *call, struct str user_id, struct sign_in *out, struct error *err)
{
	const struct accounts *accounts = accounts_of(call);
	int64_t now_us = clock_now_us(call->clock);
	*out = (struct sign_in){ 0 };
	uuid_make(out->session_id);
	if (!refresh_make(accounts->keys, str_from(out->session_id), 1, &out->refresh, err)) return false;
	out->start = (struct session_start){
		.id = str_from(out->session_id),
		.user_id = user_id,
		.user_agent = call->user_agent.len ? call->user_agent : STR_NONE,
		.client_address = call->client_address.len ? call->client_address : STR_NONE,
		.now_us = now_us,
		.expires_at_us = now_us + accounts->refresh_life_s * 1000000,
	};
	_Static_assert((int)SESSION_HASH_BYTES == (int)REFRESH_HASH_BYTES, "the store keeps whole hashes");
	memcpy(out->start.hash, out->refresh.hash, sizeof out->start.hash);
	return true;
}

bool tokens_reply(struct call *call, const struct user *user, struct str session_id, const char *refresh,
                  Petfood__V1__Tokens *out, struct error *err)
{
	const struct accounts *accounts = accounts_of(call);
	int64_t now_s = clock_now_us(call->clock) / 1000000;
	struct token_claims claims = { .type = TOKEN_ACCESS,
		                       .issued_at_s = now_s,
		                       .expires_at_s = now_s + accounts->access_life_s };
	struct str token;
	(void)snprintf(claims.subject, sizeof claims.subject, STR_FMT, STR_ARG(user->id));
	(void)snprintf(claims.username, sizeof claims.username, STR_FMT, STR_ARG(user->username));
	(void)snprintf(claims.session_id, sizeof claims.session_id, STR_FMT, STR_ARG(session_id));
	if (!token_sign(call->arena, accounts->keys, &claims, &token, err)) return false;
	out->access_token = text_in(call, token);
	out->refresh_token = text_in(call, str_from(refresh));
	out->token_type = text_in(call, STR("bearer"));
	out->expires_in = accounts->access_life_s;
	return true;
}

bool sign_in_reply(struct call *call, const struct sign_in *in, const struct user *user, Petfood__V1__SignedIn *out,
                   struct error *err)
{
	out->user = arena_new(call->arena, Petfood__V1__User);
	petfood__v1__user__init(out->user);
	user_to_message(call, user, out->user);
	out->tokens = arena_new(call->arena, Petfood__V1__Tokens);
	petfood__v1__tokens__init(out->tokens);
	return tokens_reply(call, user, str_from(in->session_id), in->refresh.text, out->tokens, err);
}

void user_to_message(struct call *call, const struct user *user, Petfood__V1__User *out)
{
	out->id = text_in(call, user->id);
	out->username = text_in(call, user->username);
	out->email = text_in(call, user->email);
	if (user->nickname.ptr) petfood_v1_user_set_nickname(out, text_in(call, user->nickname));
	if (user->phone.ptr) petfood_v1_user_set_phone(out, text_in(call, user->phone));
	if (user->avatar_url.ptr) petfood_v1_user_set_avatar_url(out, text_in(call, user->avatar_url));
	out->is_pro = user->is_pro;
	if (user->plan_type.ptr) petfood_v1_user_set_plan_type(out, text_in(call, user->plan_type));
	out->subscription_expired_at = json_timestamp(call->arena, user->subscription_expired_at_us);
	out->is_active = user->is_active;
	out->is_superuser = user->is_superuser;
	out->created_at = json_timestamp(call->arena, user->created_at_us);
}

void session_to_message(struct call *call, const struct session *session, Petfood__V1__Session *out)
{
	out->id = text_in(call, session->id);
	out->created_at = json_timestamp(call->arena, session->created_at_us);
	out->last_used_at = json_timestamp(call->arena, session->last_used_at_us);
	out->expires_at = json_timestamp(call->arena, session->expires_at_us);
	if (session->user_agent.ptr) petfood_v1_session_set_user_agent(out, text_in(call, session->user_agent));
	if (session->client_address.ptr)
		petfood_v1_session_set_client_address(out, text_in(call, session->client_address));
	out->current = str_equal(session->id, str_from(call->caller.session_id));
}

struct str address_normalise(struct arena *arena, const char *text)
{
	struct str trimmed = str_trim(str_from(text));
	char *lower = str_dup_c(arena, trimmed);
	for (char *p = lower; *p; p++)
		if (*p >= 'A' && *p <= 'Z') *p = (char)(*p - 'A' + 'a');
	return (struct str){ lower, trimmed.len };
}

bool caller_load(struct call *call, struct user *out, struct error *err)
{
	const struct user_store *users = users_of(call);
	if (!users->driver->get(users->self, caller_id(call), call->arena, out, err)) return false;
	return out->is_active || error_set(err, RPC_PERMISSION_DENIED, "USER_INACTIVE", "the caller was disabled");
}

bool caller_prove(struct call *call, struct str password, const char *reason, struct str *out_hash, struct error *err)
{
	const struct user_store *users = users_of(call);
	bool matches = false;
	if (!users->driver->get_password(users->self, caller_id(call), call->arena, out_hash, err)) return false;
	if (!password_verify(&accounts_of(call)->passwords, *out_hash, password, &matches, err)) return false;
	return matches || error_set(err, RPC_INVALID_ARGUMENT, reason, "not the caller's password");
}

char *done_text(struct call *call)
{
	return text_in(call, str_from(call->lang == LANG_EN ? call->method->done_en : call->method->done_zh));
}
