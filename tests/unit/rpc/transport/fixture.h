/* A server with handlers made for tests, and what to wait with. No test sleeps: everything waits for a condition, and gives up
 * after a time that only a broken program reaches. */
#ifndef PETFOOD_TESTS_TRANSPORT_FIXTURE_H
#define PETFOOD_TESTS_TRANSPORT_FIXTURE_H

#include <pthread.h>
#include <stdatomic.h>

#include "petfood/rpc/v1/system.pb-c.h"
#include "petfood/v1/plan.pb-c.h"
#include "petfood/v1/task.pb-c.h"
#include "rpc/transport/client.h"
#include "rpc/transport/server.h"
#include "tests/support/check.h"

enum { PATIENCE_MS = 20000 };

/* Methods; requests are GetTaskRequest{id} and replies CancelTaskReply{task_id} unless said otherwise. */
enum test_method {
	M_CANCEL, M_PING, /* the real ones */
	M_ECHO,     /* task_id = id; no side effects */
	M_FAIL,     /* fails with code = id, a parameter and a violation */
	M_BLOCK,    /* AUTH_ANY; counts itself in, waits for the gate or its cancel */
	M_HASH,     /* the same on the hash pool */
	M_PARK,     /* waits for key `id`; answers "found" once it is in the mailbox ("fail N": code N), "late" at the last try */
	M_WHO,      /* AUTH_ANY; "kind user service address lang" */
	M_USER,     /* AUTH_USER; the same */
	M_SERVICE,  /* AUTH_SERVICE; the same */
	M_EFFECT,   /* counts; has side effects */
	M_LARGE,    /* GetTaskResultReply with `id` bytes of output */
	M_PLAN,     /* CreatePlanRequest: validation */
	M_KEYED,    /* idempotent by key; task_id = payload hash in hex, key */
	M_FLAKY,    /* UNAVAILABLE/STORE_DOWN while fixture.failures_left; no side effects */
	M_COUNT,
};

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool open;
	int inside, passed;
};

struct fixture {
	struct method_side methods[M_COUNT];
	rpc_handler handlers[M_COUNT];
	struct rpc_server_options options;
	struct rpc_server *server;
	struct rpc_client *client;
	struct token_keys keys;
	int64_t issue_at_s;
	struct arena *arena;
	char directory[64];
	struct gate gate;
	unsigned char blocked_id[16]; /* of the last call that entered M_BLOCK; under gate.lock */
	atomic_int effects, parked_runs, failures_left, flaky_calls;
	atomic_bool mail; /* what M_PARK looks for */
};
extern struct fixture fx;

/* Fills methods and options; nothing is started. */
void fixture_init(void);
void fixture_fini(void);
/* "ipc://" URL of a socket in a fresh private directory that fixture_fini removes. */
const char *fixture_ipc(const char *name);
/* Starts a server on the given URL and a client to it. */
void fixture_start(const char *url);
void fixture_stop(void);

bool wait_until(bool (*is_true)(void *self), void *self);
void gate_set(bool open);
bool gate_has(int inside); /* waits until so many are inside */

/* "Bearer …", issued at fx.issue_at_s, 0 = now. */
struct str make_token(enum token_type type, const char *subject, int64_t ttl_s);

/* A call as it stands on the wire, with a fresh id; gives its length. */
size_t request_bytes(enum test_method method, const char *id, const struct rpc_metadata *metadata, uint32_t timeout_ms,
                     uint8_t *out, size_t cap);

/* One call and its outcome, kept. */
struct answer {
	pthread_mutex_t lock;
	pthread_cond_t arrived;
	int count;
	pthread_t starter;
	bool inside_start; /* done ran on the stack of rpc_client_start: must not be */
	enum rpc_code code;
	char reason[64], message[256], text[256];
	size_t param_count, violation_count;
	char param_name[64], param_value[64], violation_field[96], violation_type[32];
	size_t payload_bytes;
	char rate_limit[96], rate_limit_policy[96], user[16];
};
void answer_init(struct answer *answer);
void answer_fini(struct answer *answer);
bool answer_wait(struct answer *answer);
void answer_done(void *self, const struct rpc_outcome *outcome);
/* Starts `method` with id; false if it was refused at once. */
bool ask(struct rpc_client *client, enum test_method method, const char *id, const struct rpc_metadata *metadata,
         uint32_t timeout_ms, struct answer *answer, struct rpc_pending **pending);
/* The same, waited for. */
struct answer call(enum test_method method, const char *id, const struct rpc_metadata *metadata, uint32_t timeout_ms);

#endif
