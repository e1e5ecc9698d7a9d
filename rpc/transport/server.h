/* rpc/transport/server.h: serves method_table over nng REP on any number of addresses (DESIGN 3). Asynchronous contexts feed a
 * bounded queue and a pool of blocking workers; interceptors run in the order of DESIGN; every admitted call is answered
 * exactly once. A peer that reads its answers slowly is waited for as long as nobody else goes short. All functions are safe from any thread. */
#ifndef PETFOOD_RPC_TRANSPORT_SERVER_H
#define PETFOOD_RPC_TRANSPORT_SERVER_H

#include "rpc/domain/auth/token.h"
#include "rpc/wire/call.h"
#include "rpc/wire/limiter.h"

struct rpc_server; /* opaque */

enum { RPC_MESSAGE_BYTES_MAX = 16 * 1024 * 1024 };

struct rpc_server_options {
	const struct str *listen;      /* "inproc://…", "ipc:///…", "tcp://127.0.0.1:…" */
	size_t listen_count;
	bool allow_insecure_tcp;       /* plain tcp:// beyond loopback */
	size_t workers;                /* default 8 */
	size_t queue_length;           /* waiting calls beyond that are shed with OVERLOADED and retry_after; default 256 */
	size_t hash_workers;           /* pool of POOL_HASH methods */
	size_t message_bytes_max;      /* 0 = RPC_MESSAGE_BYTES_MAX */
	const struct token_keys *keys; /* borrowed; verify access and service tokens */
	/* Whether a verified user may still call (revoked session, disabled user): asked at most every 2 s per token; may block. NULL = yes. */
	bool (*still_valid)(void *self, const struct token_claims *claims, struct error *err);
	/* The same as far as it is known in memory: asked for every call; must not block. NULL = yes. */
	bool (*session_lives)(void *self, const struct token_claims *claims, struct error *err);
	void *still_valid_self; /* of both */
	const struct rate_limiter *limits; /* NULL = none */
	const struct clock *clock;
	void *services;                /* for struct call */
	int64_t watchdog_ms;           /* how often the own ipc/tcp listeners are pinged; 0 = never */
	size_t parked_max;             /* parked calls; further ones are shed; 0 = 4096 */
	size_t hash_queue_length;      /* as queue_length, for the hash pool; 0 = 64 */
	size_t unsent_bytes_max;       /* answers beyond that, and a peer that does not read its own is dropped; 0 = 256 MiB */
	const rpc_handler *handlers;   /* one per row of methods; main gives the generated handler_table */
	const struct method_side *methods; /* NULL = method_table; another one is for tests */
	size_t method_count;
};
/* The limits count what comes from outside: a caller without service token, or a service that names client-address. What a
 * service asks for itself (reading logs, heads) passes. Inline methods are never limited. A call counts for its address before anybody
 * looks at its token, so that guessing tokens costs too, and for its user once that is known; each time against LIMIT_DEFAULT and its
 * method's limit_class. A call that its user's limit refuses has counted for its address. */

/* Starts listening. Fails: FAILED_PRECONDITION/LISTEN_IN_USE naming the address (ipc: a lock file beside the socket proves sole
 * ownership), INVALID_ARGUMENT/LISTEN_INVALID. */
MUST_CHECK bool rpc_server_start(const struct rpc_server_options *options, struct rpc_server **out, struct error *err);
/* Runs parked calls that wait for this key. */
void rpc_server_wake(struct rpc_server *server, struct str key);
/* Refuses new calls with SHUTTING_DOWN and retry_after, answers parked ones, waits up to wait_ms for the others. */
void rpc_server_drain(struct rpc_server *server, int64_t wait_ms);
void rpc_server_stop(struct rpc_server **server);

/* The index-th address as others can dial it (a port 0 filled in); lives as long as the server. */
struct str rpc_server_endpoint(const struct rpc_server *server, size_t index);
/* Calls that were received and not yet answered, parked ones included. */
size_t rpc_server_in_flight(struct rpc_server *server);

#endif
