/* rpc/transport/client_impl.h: what the files of the client share. */
#ifndef PETFOOD_RPC_TRANSPORT_CLIENT_IMPL_H
#define PETFOOD_RPC_TRANSPORT_CLIENT_IMPL_H

#include <nng/nng.h>
#include <pthread.h>
#include <stdatomic.h>

#include "rpc/transport/client.h"
#include "rpc/wire/envelope.h"

struct endpoint {
	struct rpc_client *client;
	char *url;
	nng_socket socket;
	nng_dialer dialer;
	size_t pipes;          /* connections that stand */
	size_t in_flight;
	int64_t dead_until_ms; /* skipped until then */
	struct link *free_links;
};

/* A context with its aio; kept for the next call when one ends. */
struct link {
	struct endpoint *endpoint;
	nng_ctx ctx;
	nng_aio *aio;
	nng_aio *pause; /* of its own: nng 1.5 tells an aio that has slept once of later timeouts as of successes. NULL = never paused */
	struct rpc_pending *pending;
	struct link *next;
};

enum pending_state { PENDING_SENDING, PENDING_RECEIVING, PENDING_PAUSING, PENDING_DONE };

/* One call, through all its attempts. Guarded by its own lock from start to done. */
struct rpc_pending {
	pthread_mutex_t lock;      /* this and the arena outlive the call: both serve the next one */
	struct arena *arena;       /* the request; later the reply */
	struct rpc_client *client;
	atomic_int references;     /* the handle, and the call itself until done has run */
	enum pending_state state;
	struct link *link;
	bool cancelled;
	unsigned attempt;

	struct envelope envelope;
	const struct method_side *method; /* NULL for a Cancel of ours */
	int64_t deadline_ms;
	enum lang lang;
	rpc_done done;
	void *self;
	struct rpc_pending *prev, *next; /* among the client's calls; client->lock */
	bool told;                 /* that the client is closing; client->lock */
};

struct rpc_client {
	pthread_mutex_t lock;      /* of everything below */
	pthread_cond_t idle;
	size_t endpoint_count, next_endpoint;
	struct endpoint *endpoints;
	size_t message_bytes_max, in_flight_max, in_flight;
	struct rpc_pending *calls;
	bool closing;
	atomic_int retry_tenths;   /* not under the lock */
};

#endif
