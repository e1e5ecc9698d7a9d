/* Those on whose behalf a service holds readers open: every round it asks whether they still may, and ends the readers of who may
 * not. A log that is silent, or that PUB alone feeds, would not tell. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "petfood/v1/auth.pb-c.h"
#include "rpc/transport/hub_impl.h"

/* A user with a session, once however many readers they have. Lives in the arena of the call that asks about them. */
struct caller {
	struct str key; /* user id, NUL, session id */
	const char *user_id, *session_id;
	UT_hash_handle hh;
};

static bool is_on_behalf(const struct event_reader *reader)
{
	return !reader->ended && !reader->metadata.authorization.len && reader->metadata.on_behalf_of.len;
}

static struct str key_of(struct arena *arena, const struct rpc_metadata *metadata)
{
	struct strbuf key;
	strbuf_init(&key, arena);
	strbuf_add_str(&key, metadata->on_behalf_of);
	strbuf_add_char(&key, '\0');
	strbuf_add_str(&key, metadata->on_behalf_session);
	return strbuf_str(&key);
}

static struct caller *find(struct caller *callers, struct str key)
{
	struct caller *found;
	HASH_FIND(hh, callers, key.ptr, key.len, found);
	return found;
}

/* Distinct ones of all readers. */
static struct caller *collect(struct event_hub *hub, struct arena *arena)
{
	struct caller *callers = NULL;
	struct event_reader *reader;
	pthread_mutex_lock(&hub->lock);
	DL_FOREACH(hub->readers, reader) {
		if (!is_on_behalf(reader)) continue;
		struct arena_mark mark = arena_mark(arena);
		struct str key = key_of(arena, &reader->metadata);
		if (find(callers, key)) {
			arena_rewind(arena, mark);
			continue;
		}
		struct caller *caller = arena_new(arena, struct caller);
		caller->key = key;
		caller->user_id = key.ptr;
		caller->session_id = key.ptr + reader->metadata.on_behalf_of.len + 1;
		HASH_ADD_KEYPTR(hh, callers, caller->key.ptr, caller->key.len, caller);
	}
	pthread_mutex_unlock(&hub->lock);
	return callers;
}

/* Takes the first ones off the list and asks about them. */
static bool ask(struct event_hub *hub, struct caller **callers)
{
	struct hub_call *call = hub_call_create(hub, hub->check_sessions);
	Petfood__V1__CheckSessionsRequest request = PETFOOD__V1__CHECK_SESSIONS_REQUEST__INIT;
	struct caller *caller, *next;
	request.callers = arena_new_array(call->arena, Petfood__V1__SessionCaller *, CALLERS_PER_CALL);
	call->ids = arena_new_array(call->arena, char *, 2 * CALLERS_PER_CALL);
	HASH_ITER(hh, *callers, caller, next) {
		if (request.n_callers == CALLERS_PER_CALL) break;
		Petfood__V1__SessionCaller *one = arena_new(call->arena, Petfood__V1__SessionCaller);
		petfood__v1__session_caller__init(one);
		one->user_id = call->ids[2 * request.n_callers] = str_dup_c(call->arena, str_from(caller->user_id));
		one->session_id = call->ids[2 * request.n_callers + 1] =
		    str_dup_c(call->arena, str_from(caller->session_id));
		request.callers[request.n_callers++] = one;
		HASH_DEL(*callers, caller);
	}
	call->id_count = request.n_callers;
	struct rpc_metadata metadata =
	    hub_metadata(hub, call->arena, &(struct rpc_metadata){ .traceparent = STR_NONE });
	if (hub_call_start(call, &request.base, &metadata, &call->err)) {
		hub->checks_under_way++;
		return true;
	}
	hub_call_free(&call); /* too many calls under way: the next round asks again */
	return false;
}

void callers_ask(struct event_hub *hub)
{
	struct caller *callers, *caller, *next;
	if (hub->checks_under_way || !hub->check_sessions) return;
	pthread_mutex_lock(&hub->lock);
	bool has_service = hub->service_authorization != NULL;
	pthread_mutex_unlock(&hub->lock);
	if (!has_service) return;
	struct arena *arena = arena_create(0);
	callers = collect(hub, arena);
	while (callers && ask(hub, &callers)) continue;
	HASH_ITER(hh, callers, caller, next) HASH_DEL(callers, caller);
	arena_destroy(&arena);
}

static void end_readers(struct event_hub *hub, struct caller *ended)
{
	struct error err;
	struct event_reader *reader, *next;
	struct arena *arena = arena_create(0);
	error_set(&err, RPC_UNAUTHENTICATED, "TOKEN_INVALID",
	          "the session was revoked, or the user is gone or disabled");
	pthread_mutex_lock(&hub->lock);
	reader = hub->readers;
	pthread_mutex_unlock(&hub->lock);
	/* Only this thread takes readers off the list, and others append to it. */
	for (; reader; reader = next) {
		struct arena_mark mark = arena_mark(arena);
		if (is_on_behalf(reader) && find(ended, key_of(arena, &reader->metadata))) reader_fail(reader, &err);
		arena_rewind(arena, mark);
		pthread_mutex_lock(&hub->lock);
		next = reader->next;
		pthread_mutex_unlock(&hub->lock);
	}
	arena_destroy(&arena);
}

void callers_on_reply(struct hub_call *call)
{
	struct event_hub *hub = call->hub;
	const Petfood__V1__CheckSessionsReply *reply = (const void *)call->reply;
	struct caller *ended = NULL, *caller, *next;
	hub->checks_under_way--;
	for (size_t i = 0; reply && i < reply->n_ended; i++) {
		size_t at = reply->ended[i];
		if (at >= call->id_count) continue;
		const struct rpc_metadata who = { .on_behalf_of = str_from(call->ids[2 * at]),
			                          .on_behalf_session = str_from(call->ids[2 * at + 1]) };
		caller = arena_new(call->arena, struct caller);
		caller->key = key_of(call->arena, &who);
		if (!find(ended, caller->key)) HASH_ADD_KEYPTR(hh, ended, caller->key.ptr, caller->key.len, caller);
	}
	if (ended) end_readers(hub, ended);
	HASH_ITER(hh, ended, caller, next) HASH_DEL(ended, caller);
	hub_call_free(&call);
}
