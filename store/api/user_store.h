/* store/api/user_store.h: users. Grows with the account service. */
#ifndef PETFOOD_STORE_API_USER_STORE_H
#define PETFOOD_STORE_API_USER_STORE_H

#include "store/base/arena.h"
#include "store/base/error.h"
#include "store/base/str.h"

struct user {
	struct str id, username, email; /* email "" = none yet */
	bool is_active;
	int64_t created_at_us, updated_at_us;
};

struct user_store {
	void *self;
	const struct user_store_driver {
		const char *name;
		/* The user of that name, made if there is none (`petfood token`); created says which. */
		bool (*ensure)(void *self, struct str username, int64_t now_us, struct arena *arena, struct user *out, bool *out_created,
		               struct error *err);
		/* NOT_FOUND/USER_NOT_FOUND */
		bool (*get)(void *self, struct str id, struct arena *arena, struct user *out, struct error *err);
	} *driver;
};

#endif
