/* AuthService: refreshing, ending and listing sessions. */
#include <petfood/accessors.h>
#include <string.h>

#include "rpc/service/auth.h"
#include "store/base/log.h"

static bool refused(struct error *err, const char *why)
{
	return error_set(err, RPC_UNAUTHENTICATED, "REFRESH_INVALID", "%s", why);
}

/* One winner rotates; who comes within the grace gets what the winner got; who comes later has an old copy, which ends the session. */
static bool rotate(struct call *call, const struct refresh_claims *claims, struct session *out_session,
                   struct refresh_token *out_token, struct error *err)
{
	const struct accounts *accounts = accounts_of(call);
	const struct session_store *sessions = sessions_of(call);
	int64_t now_us = clock_now_us(call->clock);
	enum session_outcome outcome;
	struct session_rotation rotation = {
		.id = str_from(claims->session_id),
		.generation = claims->generation,
		.user_agent = call->user_agent.len ? call->user_agent : STR_NONE,
		.client_address = call->client_address.len ? call->client_address : STR_NONE,
		.now_us = now_us,
		.expires_at_us = now_us + accounts->refresh_life_s * 1000000,
	};
	/* A generation without successor has never been given out. */
	if (claims->generation == UINT32_MAX) return refused(err, "generations are used up");
	if (!refresh_make(accounts->keys, rotation.id, claims->generation + 1, out_token, err)) return false;
	memcpy(rotation.hash, claims->hash, sizeof rotation.hash);
	memcpy(rotation.next_hash, out_token->hash, sizeof rotation.next_hash);
	if (!sessions->driver->rotate(sessions->self, &rotation, call->arena, &outcome, out_session, err)) return false;
	switch (outcome) {
	case SESSION_ROTATED: return true;
	case SESSION_GRACE:
		return refresh_recall(accounts->keys, rotation.id, out_session->generation, out_session->hash,
		                      out_token, err);
	case SESSION_REUSED:
		revocation_add(accounts->revocation, rotation.id);
		log_warn("session.token_reused", LOG_TEXT("session", rotation.id),
		         LOG_INT("generation", claims->generation), LOG_TEXT("request_id", call->request_id));
		return refused(err, "an old token was used again: the session is revoked");
	case SESSION_GONE: break;
	}
	return refused(err, "the session has ended");
}

bool auth_service_refresh(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__RefreshRequest *req = request;
	const struct user_store *users = users_of(call);
	struct refresh_claims claims;
	struct refresh_token next;
	struct session session;
	struct user user;
	if (!refresh_verify(accounts_of(call)->keys, str_from(req->refresh_token), &claims, err)) return false;
	if (!rotate(call, &claims, &session, &next, err)) return false;
	if (!users->driver->get(users->self, session.user_id, call->arena, &user, err))
		return error_is(err, "USER_NOT_FOUND") ? refused(err, "the user is gone") : false;
	return tokens_reply(call, &user, session.id, next.text, reply, err);
}

/* ---- the end ---- */

bool auth_service_logout(struct call *call, const void *request, void *reply, struct error *err)
{
	(void)request;
	const struct session_store *sessions = sessions_of(call);
	Petfood__V1__Done *out = reply;
	struct str id = str_from(call->caller.session_id);
	/* A token without a session (`petfood token`) leaves nothing behind that could be ended: it dies of its age. */
	if (id.len == 0) return error_set(err, RPC_NOT_FOUND, "SESSION_NOT_FOUND", "the token names no session");
	/* Ended already, by the same request sent twice: that is what was asked for. */
	if (!sessions->driver->revoke(sessions->self, caller_id(call), id, SESSION_LOGGED_OUT,
	                              clock_now_us(call->clock), err) &&
	    !error_is(err, "SESSION_NOT_FOUND"))
		return false;
	revocation_add(accounts_of(call)->revocation, id);
	out->message = done_text(call);
	return true;
}

bool auth_service_logout_all(struct call *call, const void *request, void *reply, struct error *err)
{
	(void)request;
	const struct session_store *sessions = sessions_of(call);
	Petfood__V1__LogoutAllReply *out = reply;
	if (!sessions->driver->revoke_all(sessions->self, caller_id(call), STR(""), SESSION_LOGGED_OUT,
	                                  clock_now_us(call->clock), &out->sessions, err))
		return false;
	revocation_refresh(accounts_of(call)->revocation);
	return true;
}

bool auth_service_revoke_session(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__RevokeSessionRequest *req = request;
	const struct session_store *sessions = sessions_of(call);
	Petfood__V1__RevokeSessionReply *out = reply;
	if (!sessions->driver->revoke(sessions->self, caller_id(call), str_from(req->id), SESSION_CLOSED,
	                              clock_now_us(call->clock), err))
		return false;
	revocation_add(accounts_of(call)->revocation, str_from(req->id));
	out->session_id = text_in(call, str_from(req->id));
	return true;
}

/* ---- reading ---- */

bool auth_service_list_sessions(struct call *call, const void *request, void *reply, struct error *err)
{
	(void)request;
	const struct session_store *sessions = sessions_of(call);
	Petfood__V1__ListSessionsReply *out = reply;
	struct session *rows = NULL;
	size_t count = 0;
	if (!sessions->driver->list(sessions->self, caller_id(call), false, clock_now_us(call->clock), call->arena,
	                            &rows, &count, err))
		return false;
	Petfood__V1__Session *items = arena_new_array(call->arena, Petfood__V1__Session, count);
	out->items = arena_new_array(call->arena, Petfood__V1__Session *, count);
	out->n_items = count;
	out->total = (int64_t)count;
	for (size_t i = 0; i < count; i++) {
		petfood__v1__session__init(&items[i]);
		session_to_message(call, &rows[i], &items[i]);
		out->items[i] = &items[i];
	}
	return true;
}

bool auth_service_check_sessions(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__CheckSessionsRequest *req = request;
	Petfood__V1__CheckSessionsReply *out = reply;
	out->ended = arena_new_array(call->arena, uint32_t, req->n_callers);
	for (size_t i = 0; i < req->n_callers; i++) {
		struct arena_mark mark = arena_mark(call->arena);
		bool ok = caller_may_call(services_of(call), call->arena, str_from(req->callers[i]->user_id),
		                          str_from(req->callers[i]->session_id), err);
		arena_rewind(call->arena, mark);
		if (ok) continue;
		if (err->code != RPC_UNAUTHENTICATED) return false;
		out->ended[out->n_ended++] = (uint32_t)i;
	}
	return true;
}
