/* Who may call: asked by the RPC server for every token, and for those whom streams are held open for. */
#include "rpc/service/services.h"

static bool refuse(struct error *err, const char *why)
{
	return error_set(err, RPC_UNAUTHENTICATED, "TOKEN_INVALID", "the token's %s", why);
}

bool caller_session_lives(struct services *services, struct str session_id, struct error *err)
{
	struct revocation *revocation = services->accounts.revocation;
	if (session_id.len == 0) return true;
	if (!revocation_is_current(revocation))
		return error_set(err, RPC_UNAVAILABLE, "STORE_DOWN", "nobody can say which sessions were revoked");
	return !revocation_has(revocation, session_id) || refuse(err, "session was revoked");
}

bool caller_may_call(struct services *services, struct arena *scratch, struct str user_id, struct str session_id,
                     struct error *err)
{
	const struct user_store *users = &services->store->users;
	struct user user;
	if (!caller_session_lives(services, session_id, err)) return false;
	if (!users->driver->get(users->self, user_id, scratch, &user, err))
		return error_is(err, "USER_NOT_FOUND") ? refuse(err, "user is gone") : false;
	return user.is_active || refuse(err, "user is disabled");
}
