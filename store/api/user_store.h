/* store/api/user_store.h: accounts. A user name is told apart by case and never has an '@' if it was registered; an
 * e-mail address is unique without regard to case. Rules about how either looks are the service's
 * (proto/petfood/v1/auth.proto). */
#ifndef PETFOOD_STORE_API_USER_STORE_H
#define PETFOOD_STORE_API_USER_STORE_H

#include "store/api/session_store.h"
#include "store/base/arena.h"
#include "store/base/error.h"
#include "store/base/str.h"

struct user {
	struct str id, username;
	struct str email;                       /* lower case; "" = none (made by `petfood token`) */
	struct str nickname, phone, avatar_url; /* ptr NULL = none */
	bool is_pro;
	struct str plan_type;                   /* "monthly", "yearly"; ptr NULL = none */
	int64_t subscription_expired_at_us;     /* 0 = none */
	bool is_active, is_superuser;
	int64_t created_at_us, updated_at_us;
};

/* Changes of one user's password; the new one's hash is stored. */
struct password_change {
	struct str user_id;
	struct str old_hash;     /* the stored one must still be this; ptr NULL = whatever it is (reset by a mailed code) */
	struct str new_hash;
	struct str keep_session; /* the one session that is not revoked; "" = none */
	int64_t now_us;
};

struct user_filter {
	struct str text;         /* part of the name or address, ASCII letters without regard to case; "" = all */
	int64_t offset, limit;
};

struct user_store {
	void *self;
	const struct user_store_driver {
		const char *name;
		/* The user of that name, made if there is none (`petfood token`); created says which. */
		bool (*ensure)(void *self, struct str username, int64_t now_us, struct arena *arena, struct user *out, bool *out_created,
		               struct error *err);
		/* Stores user->id, username, email (lower case), nickname, phone, is_superuser and created_at_us,
		 * active, with its first session (NULL = none) in the same transaction. Fails:
		 * ALREADY_EXISTS/USERNAME_TAKEN, looked for first, ALREADY_EXISTS/EMAIL_TAKEN. */
		bool (*create)(void *self, const struct user *user, struct str password_hash, const struct session_start *session,
		               struct error *err);
		/* NOT_FOUND/USER_NOT_FOUND */
		bool (*get)(void *self, struct str id, struct arena *arena, struct user *out, struct error *err);
		/* By what a person signs in with: an address if it has an '@' (in any case), else an exact name.
		 * *out_password_hash: ptr NULL = has no password. NOT_FOUND/USER_NOT_FOUND. Disabled users are found
		 * too. */
		bool (*find)(void *self, struct str login, struct arena *arena, struct user *out, struct str *out_password_hash,
		             struct error *err);
		/* As find, by id. */
		bool (*get_password)(void *self, struct str id, struct arena *arena, struct str *out_password_hash, struct error *err);
		/* Compare-and-set, with the sessions revoked in the same transaction. ABORTED/PASSWORD_CHANGED if
		 * old_hash is not stored any more, NOT_FOUND/USER_NOT_FOUND. */
		bool (*set_password)(void *self, const struct password_change *change, struct error *err);
		/* ptr NULL = unchanged, len 0 = none. *out = as it is then. NOT_FOUND/USER_NOT_FOUND. */
		bool (*update_profile)(void *self, struct str id, struct str nickname, struct str phone, int64_t now_us, struct arena *arena,
		                       struct user *out, struct error *err);
		/* Disabling revokes every session in the same transaction. To what it is already: success.
		 * NOT_FOUND/USER_NOT_FOUND. */
		bool (*set_active)(void *self, struct str id, bool active, int64_t now_us, struct error *err);
		bool (*set_superuser)(void *self, struct str id, bool superuser, int64_t now_us, struct error *err);
		/* Newest first (created_at, then id). */
		bool (*list)(void *self, const struct user_filter *filter, struct arena *arena, struct user **out, size_t *out_count,
		             int64_t *out_total, struct error *err);
		/* Deletes the account and every row that is the user's: plans, tasks with their logs, pets, keys, old
		 * refresh tokens; in one transaction. Of sessions the bare ids stay, revoked, until swept, so that every
		 * process learns of them (revoked_since). *out_open_tasks: ids of tasks that were waiting or running.
		 * Their rows are gone: a worker's next write or heartbeat says ABORTED/TASK_MOVED, any reader's
		 * NOT_FOUND/TASK_NOT_FOUND, and there is no terminal event; so cancel them first, and end those that are
		 * named here. NOT_FOUND/USER_NOT_FOUND, also the second time. */
		bool (*remove)(void *self, struct str id, int64_t now_us, struct arena *arena, struct str **out_open_tasks,
		               size_t *out_open_count, struct error *err);
	} *driver;
};

#endif
