/* rpc/transport/server_impl.h: what the files of the server share. One lock guards states, queues, the registry of calls and the
 * parked ones; handlers, token checks and packing run outside it. A slot is one REP context and goes
 *   RECEIVING -> QUEUED -> RUNNING -> ANSWERING -> RECEIVING      (inline methods skip QUEUED; refusals skip both)
 *                            |  ^
 *                            v  |   (woken: QUEUED again)
 *                           PARKED -> ANSWERING                   (cancelled)
 * Whoever moves it to ANSWERING answers, so every call is answered exactly once. */
#ifndef PETFOOD_RPC_TRANSPORT_SERVER_IMPL_H
#define PETFOOD_RPC_TRANSPORT_SERVER_IMPL_H

#include <nng/nng.h>
#include <pthread.h>
#include <uthash.h>

#include "rpc/transport/auth_cache.h"
#include "rpc/transport/listen.h"
#include "rpc/transport/server.h"
#include "rpc/transport/watchdog.h"
#include "rpc/wire/envelope.h"
#include "rpc/wire/limiter.h"
#include "store/base/metrics.h"

enum {
	RECEIVERS = 16,           /* contexts that wait for a message at any time: the reserve that answers refusals */
	SEND_TIMEOUT_MS = 10000,  /* a peer that reads no faster loses its answer */
	TOMBSTONES = 256,         /* cancels that came before their call */
	TOMBSTONE_MS = 5000,
	RECVMAXSZ_SPARE = 64,     /* nng counts its own header */
	ARENAS_KEPT = 64,
	RETRY_AFTER_S = 1,        /* a restart takes about that long, a full queue much less */
};

enum slot_state { SLOT_RECEIVING, SLOT_QUEUED, SLOT_RUNNING, SLOT_PARKED, SLOT_ANSWERING, SLOT_GONE };

struct method_entry {
	const struct method_side *side;
	rpc_handler handler;
	const char *name;
	_Atomic(struct metric *) by_code[RPC_CODE_COUNT];
	_Atomic(struct metric *) latency;
	UT_hash_handle hh;
};

struct watch; /* server_park.c */
struct call_parking {
	struct watch *watch; /* NULL: none */
	struct call_parking *prev, *next;
	bool woken;
	bool asked;          /* the handler ended in call_wait */
	int64_t until_ms;    /* 0 = call_wait was not called yet */
};

struct slot {
	struct rpc_server *server;
	nng_ctx ctx;
	nng_aio *aio;            /* receives, then sends */
	_Atomic enum slot_state state; /* changed under the lock, but for inline calls: nobody else knows of them */
	struct slot *prev, *next; /* in a queue, or among the parked */
	UT_hash_handle by_id;
	bool registered;

	struct arena *arena;     /* from receipt until the answer has left */
	struct arena_mark run_mark; /* what a run of the handler may use */
	struct envelope envelope;
	struct method_entry *method; /* server->unknown if there is none */
	struct call call;
	struct limit_note limit_note; /* what the limits said */
	const ProtobufCMessage *request;
	atomic_bool admitted;    /* the interceptors before the handler have passed; call.caller stands from then on */
	atomic_bool cancelled;
	int64_t received_at_us;  /* monotonic */
	nng_pipe peer_pipe;      /* the connection that it came by */
	_Atomic int64_t answer_at_ms; /* when the answer was handed to nng; 0 = it is not with nng */
	atomic_size_t answer_bytes;
	char peer[48];           /* address of a tcp caller, "" otherwise */
	char request_id[2 * CALL_ID_BYTES + 1];
	struct call_parking parking;
};

struct call_pool {
	struct slot *queue;      /* doubly linked, utlist */
	size_t length, length_max;
	pthread_cond_t work;
	size_t idle, waking;     /* threads that wait; those of them that were signalled and are not up yet */
	size_t thread_count;
	pthread_t *threads;
	bool low_priority;
	struct rpc_server *server;
	struct metric *queued, *shed;
};

struct tombstone {
	unsigned char id[CALL_ID_BYTES];
	unsigned char credentials[32]; /* hash */
	int64_t at_ms;
};

struct rpc_server {
	struct rpc_server_options options; /* with defaults filled in */
	nng_socket socket;
	struct listener *listeners;
	size_t listener_count;
	struct watchdog *watchdog;
	struct method_entry *methods, *by_name, unknown;
	struct auth_cache *auth;
	int64_t started_at_ms;

	pthread_mutex_t lock;
	struct slot **slots;
	size_t slot_count, slot_max, receiving, in_flight;
	struct slot *registry;       /* by call id */
	struct call_pool workers, hashers;
	struct arena *arenas[ARENAS_KEPT];
	size_t arena_count;
	struct tombstone tombstones[TOMBSTONES];
	size_t tombstone_next;
	int64_t tombstone_newest_ms;
	struct watch *watches;
	struct slot *parked;
	size_t parked_count;
	pthread_t timer;
	pthread_cond_t timer_changed;
	int64_t timer_at_ms;         /* when the timer thread will look next */
	pthread_cond_t answered;     /* in_flight fell */
	size_t waiting_answered;     /* who waits for that */
	bool draining, stopping, closed;
	atomic_size_t unsent_bytes;  /* of answers that are with nng */
	struct metric *in_flight_gauge, *parked_gauge, *peers_dropped;
};

/* server_reply.c */
/* Answers with *err (RPC_OK: with *reply), logs and counts. The slot is ANSWERING. */
void slot_answer(struct slot *slot, const ProtobufCMessage *reply, const struct error *err);
/* Moves the slot to ANSWERING; the lock is held, but for an inline call. */
void slot_take_for_answer(struct slot *slot);
/* Refusals of calls that may well be served a little later: with the parameter retry_after, in seconds. Return false. */
bool refuse_stopping(struct error *err, const char *why);
bool refuse_overloaded(struct error *err, const char *why);

/* server_pool.c */
void call_pool_init(struct call_pool *pool, struct rpc_server *server, size_t threads, size_t length_max, bool low_priority, const char *name);
void call_pool_start(struct call_pool *pool);
/* With the lock held; see call_pool_wants_thread; force signals by itself. force: an admitted call comes back, ahead of all and beyond the bound. False: full. */
bool call_pool_push(struct call_pool *pool, struct slot *slot, bool force);
/* With the lock held, after a push: whether a thread must be signalled once the lock is free. One thread wakes up at a time, and wakes
 * the next one when it finds more to do: under load nobody sleeps, and nobody is woken for what another has taken meanwhile. */
bool call_pool_wants_thread(struct call_pool *pool);
void call_pool_remove(struct call_pool *pool, struct slot *slot);
struct call_pool *call_pool_of(struct slot *slot);
void call_pool_join(struct call_pool *pool); /* server->stopping is set */
void call_pool_fini(struct call_pool *pool);

/* server_intercept.c */
/* Everything from the deadline to the answer, or to parking. */
void slot_run(struct slot *slot);

/* server_park.c */
/* After a run that ended in call_wait. True: the slot is parked or queued again; false: answer with *err. */
bool slot_park(struct slot *slot, struct error *err);
void slot_unwatch(struct slot *slot);  /* lock held */
void slot_unpark(struct slot *slot);   /* PARKED to QUEUED; lock held */
void *parking_timer(void *server);     /* thread */
void parking_wake_all(struct rpc_server *server); /* last try for every parked call; lock held */

/* server_peers.c */
void answer_leaves(struct slot *slot, size_t bytes); /* it is about to be handed to nng */
void answer_has_left(struct slot *slot, int rv);     /* or could not */
/* Whether answers that nobody reads take what others need; lock held. */
bool peers_leave_no_room(struct rpc_server *server);
/* Closes one connection if so; gives when to look again. The lock is held, but not all the time. */
int64_t peers_make_room(struct rpc_server *server, int64_t now_ms);

/* server_cancel.c */
/* Makes the call known by its id; lock held. Fails: the id is in use; CANCELLED, if its cancel was here first. */
MUST_CHECK bool slot_register(struct slot *slot, struct error *err);
void slot_unregister(struct slot *slot); /* lock held */

#endif
