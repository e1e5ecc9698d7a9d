/* store/api/session_store.h: sessions: what a sign-in leaves behind, one row for all refresh tokens that follow from it.
 * A session has one valid refresh token at a time, that of its present generation; of the token only the hash is kept
 * (rpc/domain/auth/refresh.h makes and checks the text). Revoking is final. */
#ifndef PETFOOD_STORE_API_SESSION_STORE_H
#define PETFOOD_STORE_API_SESSION_STORE_H

#include <stdint.h>

#include "store/base/arena.h"
#include "store/base/error.h"
#include "store/base/str.h"

enum {
	SESSION_HASH_BYTES = 32,        /* SHA-256 of the token's text */
	SESSION_AGENT_CHARS_MAX = 200,
	SESSION_ADDRESS_BYTES_MAX = 64, /* an IPv6 address with its zone fits */
	SESSIONS_PER_USER_MAX = 50,     /* a further sign-in ends the session used longest ago */
};
/* How long the token before the present one still yields the present one: a reply may have been lost, and tabs of a
 * browser refresh at the same moment (DESIGN 9). */
#define SESSION_GRACE_US (INT64_C(10) * 1000000)
/* How far clocks of two processes may be apart, a write's wait for its turn included. */
#define SESSION_SKEW_US (INT64_C(60) * 1000000)

/* Why a session was revoked. */
enum session_end {
	SESSION_LIVES,
	SESSION_LOGGED_OUT,
	SESSION_CLOSED,           /* by its owner, from elsewhere */
	SESSION_PASSWORD_CHANGED,
	SESSION_USER_DISABLED,
	SESSION_USER_DELETED,
	SESSION_TOKEN_REUSED,     /* an old refresh token was presented: somebody has a copy */
	SESSION_CROWDED_OUT,
};
const char *session_end_name(enum session_end end); /* "logged_out" … as stored; "" for SESSION_LIVES */
enum session_end session_end_from(struct str name);

/* As much of a User-Agent header as is kept: at most SESSION_AGENT_CHARS_MAX characters; ptr NULL if it is absent or not
 * UTF-8. */
struct str session_agent_fit(struct str agent);
/* The address, or ptr NULL if it is longer than any. */
struct str session_address_fit(struct str address);

struct session {
	struct str id;
	struct str user_id;        /* "" = the account was deleted */
	uint32_t generation;       /* of the valid refresh token, from 1 */
	unsigned char hash[SESSION_HASH_BYTES]; /* of that token */
	int64_t created_at_us, rotated_at_us, last_used_at_us, expires_at_us;
	int64_t revoked_at_us;     /* 0 = lives, unless it has expired */
	enum session_end end;
	struct str user_agent, client_address; /* of the last sign-in or refresh; ptr NULL = unknown */
};

/* A session to be made. */
struct session_start {
	struct str id, user_id;    /* the id is the caller's: the token is made from it */
	unsigned char hash[SESSION_HASH_BYTES]; /* of the token of generation 1 */
	struct str user_agent, client_address;  /* fitted by the driver; ptr NULL = unknown */
	int64_t now_us, expires_at_us;
	/* Sign-in by password: between the check of the password and this write the password may have been changed and
	 * every session revoked; the late one must not slip through. */
	struct str password_hash;     /* the user's must still be this; ptr NULL = whatever it is */
	struct str new_password_hash; /* the same password, hashed anew: put in its place in the same transaction; ptr NULL = none */
};

struct session_rotation {
	struct str id;
	uint32_t generation;       /* of the token presented, whose MAC has been checked */
	unsigned char hash[SESSION_HASH_BYTES];      /* of the token presented */
	unsigned char next_hash[SESSION_HASH_BYTES]; /* of the token of generation + 1 */
	struct str user_agent, client_address;       /* as in session_start; ptr NULL = leave */
	int64_t now_us, expires_at_us; /* the session then lives until expires_at_us */
};

enum session_outcome {
	SESSION_ROTATED, /* the one winner: next_hash is the session's now */
	SESSION_GRACE,   /* the token before the present one, within SESSION_GRACE_US of its rotation: nothing was written. The valid token is
	                  * that of session.generation whose hash is session.hash: the same for everyone (refresh_recall) */
	SESSION_REUSED,  /* an older one: the session was alive, and this call has revoked it */
	SESSION_GONE,    /* revoked, expired, unknown, never issued; or the user is disabled or gone */
};

struct session_store {
	void *self;
	const struct session_store_driver {
		const char *name;
		/* Fails: NOT_FOUND/USER_NOT_FOUND; UNAUTHENTICATED/USER_DISABLED; ABORTED/PASSWORD_CHANGED if
		 * password_hash is not the user's any more: changed, or hashed anew by a sign-in at the same time, so
		 * read it and check the password once more. */
		bool (*create)(void *self, const struct session_start *start, struct error *err);
		/* One statement decides who wins. *out is filled unless the outcome is SESSION_GONE. After
		 * WRITE_UNCERTAIN repeating is safe within the grace. */
		bool (*rotate)(void *self, const struct session_rotation *rotation, struct arena *arena, enum session_outcome *out_outcome,
		               struct session *out, struct error *err);
		/* Also one that has ended and was not swept. user_id "" = whoever's. NOT_FOUND/SESSION_NOT_FOUND, also
		 * for another user's. */
		bool (*get)(void *self, struct str user_id, struct str id, struct arena *arena, struct session *out, struct error *err);
		/* Those alive at now_us, or with `ended_too` all that were not swept; the one used last first. */
		bool (*list)(void *self, struct str user_id, bool ended_too, int64_t now_us, struct arena *arena, struct session **out,
		             size_t *out_count, struct error *err);
		/* NOT_FOUND/SESSION_NOT_FOUND for another user's (user_id "" = whoever's), and for one that has been
		 * revoked. */
		bool (*revoke)(void *self, struct str user_id, struct str id, enum session_end end, int64_t now_us, struct error *err);
		/* All of a user but `except_id` ("" = none); *out_count = how many were alive. */
		bool (*revoke_all)(void *self, struct str user_id, struct str except_id, enum session_end end, int64_t now_us,
		                   int64_t *out_count, struct error *err);
		/* Ids of sessions revoked at or after since_us by the clock of whoever revoked, in that order. A process
		 * that keeps them asks at start from (now - an access token's life - SESSION_SKEW_US) on, then from (its
		 * last poll - SESSION_SKEW_US) on. */
		bool (*revoked_since)(void *self, int64_t since_us, struct arena *arena, struct str **out_ids, size_t *out_count,
		                      struct error *err);
		/* Deletes sessions that expired or were revoked before ended_before_us, at most `limit`. That must be
		 * longer ago than an access token lives. *out_count = limit: there may be more. */
		bool (*sweep)(void *self, int64_t ended_before_us, size_t limit, int64_t *out_count, struct error *err);
	} *driver;
};

#endif
