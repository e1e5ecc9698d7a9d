#include <sodium.h>
#include <stdio.h>

#include "rpc/transport/server_impl.h"
#include "rpc/wire/unpack.h"
#include "rpc/wire/validate.h"

/* The token of "Bearer TOKEN"; the scheme's case does not matter (RFC 9110, 11.1). */
static bool bearer(struct str header, struct str *out)
{
	static const struct str scheme = { "bearer ", 7 };
	if (header.len <= scheme.len || !str_equal_nocase((struct str){ header.ptr, scheme.len }, scheme)) return false;
	*out = str_trim((struct str){ header.ptr + scheme.len, header.len - scheme.len });
	return out->len > 0;
}

/* Who calls, as far as it is known. */
struct identity {
	struct principal principal;
	bool service_in_authorization;
	bool token_known; /* authorization was looked at already: `token` is what it says */
	struct auth_entry token;
};

static int64_t expiry_us(const struct token_claims *claims)
{
	return claims->expires_at_s > INT64_MAX / 1000000 ? INT64_MAX : claims->expires_at_s * 1000000;
}

static void become_service(struct principal *principal, const struct token_claims *claims)
{
	principal->kind = PRINCIPAL_SERVICE;
	(void)snprintf(principal->service, sizeof principal->service, "%s", claims->subject);
	principal->expires_at_us = expiry_us(claims);
}

static void become_user(struct principal *principal, const struct token_claims *claims)
{
	principal->kind = PRINCIPAL_USER;
	(void)snprintf(principal->user_id, sizeof principal->user_id, "%s", claims->subject);
	(void)snprintf(principal->username, sizeof principal->username, "%s", claims->username);
	(void)snprintf(principal->session_id, sizeof principal->session_id, "%s", claims->session_id);
	principal->expires_at_us = expiry_us(claims);
}

/* The calling service, if it names itself; believed before anything else, because the address limit needs its word. A service may
 * also give its token where a user's would stand, unless a user's stands there. */
static bool identify_service(struct slot *slot, struct identity *id, struct error *err)
{
	const struct rpc_metadata *metadata = &slot->envelope.metadata;
	struct auth_cache *auth = slot->server->auth;
	struct str token;
	if (bearer(metadata->service_authorization, &token)) {
		struct auth_entry service;
		if (!auth_token(auth, token, &service, err) || !token_expect(&service.claims, TOKEN_SERVICE, err))
			return false;
		become_service(&id->principal, &service.claims);
	} else if (bearer(metadata->authorization, &token)) {
		id->token_known = auth_token(auth, token, &id->token, NULL);
		id->service_in_authorization = id->token_known && id->token.claims.type == TOKEN_SERVICE;
		if (id->service_in_authorization) become_service(&id->principal, &id->token.claims);
	}
	return true;
}

/* The user, by token or by the word of a service. */
static bool identify_user(struct slot *slot, bool ask_validity, struct identity *id, struct error *err)
{
	const struct rpc_metadata *metadata = &slot->envelope.metadata;
	struct auth_cache *auth = slot->server->auth;
	struct str token;
	if (!id->service_in_authorization && bearer(metadata->authorization, &token)) {
		if (!id->token_known && !auth_token(auth, token, &id->token, err)) return false;
		if (!token_expect(&id->token.claims, TOKEN_ACCESS, err)) return false;
	} else if (id->principal.service[0] && metadata->on_behalf_of.len) {
		if (!auth_on_behalf(auth, metadata->on_behalf_of, metadata->on_behalf_session, &id->token, err)) return false;
	} else {
		return true;
	}
	if (ask_validity && !auth_still_valid(auth, &id->token, err)) return false;
	become_user(&id->principal, &id->token.claims);
	return true;
}

static bool is_allowed(enum method_auth auth, const struct principal *p)
{
	switch (auth) {
	case AUTH_NONE: return true;
	case AUTH_USER: return p->kind == PRINCIPAL_USER;
	case AUTH_SERVICE: return p->kind == PRINCIPAL_SERVICE;
	case AUTH_ANY: return p->kind != PRINCIPAL_NONE;
	}
	return false;
}

static bool authorise(const struct slot *slot, const struct principal *principal, struct error *err)
{
	if (is_allowed(slot->method->side->auth, principal)) return true;
	if (principal->kind == PRINCIPAL_NONE)
		return error_set(err, RPC_UNAUTHENTICATED, "CREDENTIALS_MISSING", "%s needs a token",
		                 slot->method->name);
	return error_set(err, RPC_PERMISSION_DENIED, "CALLER_NOT_ALLOWED", "%s is not for this kind of caller",
	                 slot->method->name);
}

static bool count_call(struct slot *slot, const char *key, struct error *err)
{
	return limiter_take(slot->server->options.limits, slot->method->side->limit_class, str_from(key),
	                    &slot->limit_note, err);
}

/* Limits, token and rights. Whatever may block is skipped for inline methods. */
static bool admit_caller(struct slot *slot, struct error *err)
{
	const struct rpc_metadata *metadata = &slot->envelope.metadata;
	struct identity id;
	struct principal *principal = &id.principal;
	bool limited = slot->method->side->pool != POOL_INLINE;
	struct error service_error;
	char key[LIMITER_KEY_BYTES];
	/* A method that needs no caller is not refused for a caller's stale token: it only is not believed. */
	bool open = slot->method->side->auth == AUTH_NONE;
	memset(principal, 0, sizeof *principal);
	id.service_in_authorization = id.token_known = false;
	bool service_ok = identify_service(slot, &id, &service_error);
	slot->call.client_address = principal->service[0] ? metadata->client_address : str_from(slot->peer);
	bool from_outside = !principal->service[0] || metadata->client_address.len;
	if (limited && from_outside && slot->call.client_address.len) {
		limiter_address_key(slot->call.client_address, key);
		if (!count_call(slot, key, err)) return false;
	}
	if (!open && !service_ok) {
		/* The service's fault: whoever stands behind it must not be told that their token is bad. */
		if (service_error.code == RPC_UNAUTHENTICATED) service_error.reason = "SERVICE_TOKEN_INVALID";
		if (err) *err = service_error;
		return false;
	}
	if (!open) {
		if (!identify_user(slot, limited, &id, err)) return false;
		/* A service that names client-address speaks for somebody outside, and lends its word about them, not its rights. */
		if (principal->kind == PRINCIPAL_SERVICE && !id.service_in_authorization &&
		    metadata->client_address.len)
			principal->kind = PRINCIPAL_NONE;
		if (!authorise(slot, principal, err)) return false;
	}
	slot->call.caller = *principal;
	if (limited && from_outside && principal->kind == PRINCIPAL_USER) {
		(void)snprintf(key, sizeof key, "user:%s", principal->user_id);
		return count_call(slot, key, err);
	}
	return true;
}

static bool check_deadline(const struct slot *slot, struct error *err)
{
	if (atomic_load(&slot->cancelled))
		return error_set(err, RPC_CANCELLED, "CALL_CANCELLED", "cancelled by its caller");
	if (time_monotonic_ms() < slot->call.deadline_ms) return true;
	return error_set(err, RPC_DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "the deadline passed before %s began",
	                 slot->method->name);
}

static bool intercept(struct slot *slot, struct error *err)
{
	const struct method_side *side = slot->method->side;
	if (!check_deadline(slot, err)) return false;
	if (atomic_load_explicit(&slot->admitted, memory_order_relaxed))
		return true; /* a parked call that runs again */
	if (!admit_caller(slot, err)) return false;
	slot->request = message_unpack(slot->arena, side->request->descriptor, slot->envelope.payload, err);
	if (!slot->request) return false;
	if (!message_validate(side->request, slot->request, slot->call.lang, err)) return false;
	if (side->idempotent_by_key)
		crypto_hash_sha256(slot->call.payload_hash, (const unsigned char *)slot->envelope.payload.ptr,
		                   slot->envelope.payload.len);
	atomic_store_explicit(&slot->admitted, true,
	                      memory_order_release); /* from here a cancel may be judged by the principal */
	slot->run_mark = arena_mark(slot->arena);
	return true;
}

static ProtobufCMessage *handle(struct slot *slot, struct error *err)
{
	const ProtobufCMessageDescriptor *descriptor = slot->method->side->reply->descriptor;
	arena_rewind(slot->arena, slot->run_mark);
	ProtobufCMessage *reply = arena_alloc(slot->arena, descriptor->sizeof_message);
	protobuf_c_message_init(descriptor, reply);
	slot->parking.asked = false;
	if (slot->method->handler(&slot->call, slot->request, reply, err)) return reply;
	if (err->code == RPC_OK)
		error_set(err, RPC_INTERNAL, "INTERNAL", "%s failed without saying why", slot->method->name);
	return NULL;
}

void slot_run(struct slot *slot)
{
	struct error err;
	ProtobufCMessage *reply = NULL;
	error_clear(&err);
	if (intercept(slot, &err)) {
		reply = handle(slot, &err);
		if (!reply && slot->parking.asked && slot_park(slot, &err)) return;
		if (reply) error_clear(&err); /* a handler may have used it for a failure that it mended */
	}
	bool known = slot->registered; /* others may look at it: not an inline call */
	if (known) pthread_mutex_lock(&slot->server->lock);
	slot_take_for_answer(slot);
	if (known) pthread_mutex_unlock(&slot->server->lock);
	slot_answer(slot, reply, &err);
}
