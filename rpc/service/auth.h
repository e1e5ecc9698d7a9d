/* rpc/service/auth.h: what the files of AuthService share. Private to this folder. */
#ifndef PETFOOD_RPC_SERVICE_AUTH_H
#define PETFOOD_RPC_SERVICE_AUTH_H

#include "petfood/v1/auth.pb-c.h"
#include "rpc/domain/auth/refresh.h"
#include "rpc/service/common.h"

static inline const struct accounts *accounts_of(const struct call *call) { return &services_of(call)->accounts; }
static inline const struct user_store *users_of(const struct call *call) { return &services_of(call)->store->users; }
static inline const struct session_store *sessions_of(const struct call *call) { return &services_of(call)->store->sessions; }

/* ---- auth_tokens.c ---- */

/* A session that is about to be stored. */
struct sign_in {
	char session_id[UUID_TEXT_BYTES];
	struct refresh_token refresh;
	struct session_start start;
};
/* user_id is borrowed as long as the sign-in. */
MUST_CHECK bool sign_in_prepare(struct call *call, struct str user_id, struct sign_in *out, struct error *err);
/* Once the session is stored. */
MUST_CHECK bool sign_in_reply(struct call *call, const struct sign_in *in, const struct user *user, Petfood__V1__SignedIn *out,
                              struct error *err);
/* An access token of that session beside its refresh token. */
MUST_CHECK bool tokens_reply(struct call *call, const struct user *user, struct str session_id, const char *refresh,
                             Petfood__V1__Tokens *out, struct error *err);
void user_to_message(struct call *call, const struct user *user, Petfood__V1__User *out);
void session_to_message(struct call *call, const struct session *session, Petfood__V1__Session *out);

/* The one spelling of an address that counts: trimmed, ASCII letters lower case. */
struct str address_normalise(struct arena *arena, const char *text);

/* ---- auth_guard.c: guesses at passwords (store/api/login_store.h) ---- */

/* Counts a try for an account as it was typed. user_id: whose it is, "" = nobody's: both take as long. Fails LOGIN_LOCKED.
 * *out_bucket: for guard_forgive once the password was right. */
MUST_CHECK bool guard_enter(struct call *call, struct str login, struct str user_id, struct str *out_bucket, struct error *err);
void guard_forgive(struct call *call, struct str bucket);
/* The owner has proven to be who they are in another way. */
void guard_forgive_account(struct call *call, const struct user *user);

/* Spends a mailed code; verification_take and its failures, said in the caller's language. */
MUST_CHECK bool code_take(struct call *call, const char *email, enum code_purpose purpose, const char *code,
                          struct verification_ticket *out, struct error *err);

/* The caller's account. Gone: USER_NOT_FOUND (404); disabled: USER_INACTIVE (403): CONTRACT 1.4. */
MUST_CHECK bool caller_load(struct call *call, struct user *out, struct error *err);
/* The caller's password once more, before something that cannot be undone. Wrong: INVALID_ARGUMENT/`reason`, never 401, which would make
 * clients refresh. *out_hash: as stored. */
MUST_CHECK bool caller_prove(struct call *call, struct str password, const char *reason, struct str *out_hash, struct error *err);
/* `done_zh` of the method as the reply's text. */
char *done_text(struct call *call);

#endif
