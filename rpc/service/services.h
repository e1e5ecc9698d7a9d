/* rpc/service/services.h: what the handlers work with; call->services points here. Wired by main. */
#ifndef PETFOOD_RPC_SERVICE_SERVICES_H
#define PETFOOD_RPC_SERVICE_SERVICES_H

#include <stdatomic.h>

#include "rpc/domain/auth/password.h"
#include "rpc/domain/auth/token.h"
#include "rpc/job/engine.h"
#include "rpc/service/revocation.h"
#include "rpc/service/verification.h"
#include "store/api/login_store.h"
#include "store/api/store.h"

/* What accounts work with. */
struct accounts {
	const struct token_keys *keys;        /* sign access tokens; refresh tokens are derived from them */
	int64_t access_life_s, refresh_life_s;
	struct password_policy passwords;
	struct verification verification;
	struct revocation *revocation;
	struct login_store logins;            /* driver NULL: guesses at passwords are not counted */
	struct login_limits login_limits;
	bool registration_requires_code;      /* REGISTRATION_REQUIRES_CODE */
};

struct services {
	struct store *store;
	_Atomic(struct job_engine *) engine; /* NULL where no worker runs in this process, or it is stopping */
	struct event_out events;             /* for events that are written outside a run */
	bool bench_enabled;                  /* PETFOOD_BENCH */
	struct task_limits task_limits;
	struct accounts accounts;
	const char *version;
	const char *cache_driver; /* "memory" */
	atomic_bool ready;        /* false while starting or draining */
	atomic_ullong health_revision;
	/* What main's timer last found, so that the inline health method touches nothing: the store answers and its writer moves; the
	 * job engine's loop comes round. */
	atomic_bool store_ok, worker_ok;
};

/* caller.c: whether somebody whose token is genuine may still call. Any thread; also before a call is admitted.
 * In memory: the session was not revoked. "" = a token without one. Fails: UNAUTHENTICATED/TOKEN_INVALID; UNAVAILABLE/STORE_DOWN if
 * nobody can say. */
MUST_CHECK bool caller_session_lives(struct services *services, struct str session_id, struct error *err);
/* The same, and the user is there and not disabled: a read of the store. Fails as that too. */
MUST_CHECK bool caller_may_call(struct services *services, struct arena *scratch, struct str user_id, struct str session_id,
                                struct error *err);

#endif
