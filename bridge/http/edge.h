/* bridge/http/edge.h: what the parts of this folder share; nobody else includes it. One thread, one worker: everything below
 * belongs to the loop of its worker unless it says otherwise. */
#ifndef PETFOOD_BRIDGE_HTTP_EDGE_H
#define PETFOOD_BRIDGE_HTTP_EDGE_H

/* Without it h2o.h takes libuv's struct layouts, and the library that we link has others. */
#if !defined(H2O_USE_LIBUV) || H2O_USE_LIBUV
#error "compile bridge/http with -DH2O_USE_LIBUV=0"
#endif
#include <h2o.h>
#include <stdatomic.h>

#include "bridge/http/bridge.h"
#include "bridge/route/address.h"
#include "bridge/route/cors.h"
#include "bridge/route/match.h"
#include "bridge/route/negotiate.h"
#include "rpc/wire/reason.h"
#include "store/base/metrics.h"
#include "store/base/time.h"

enum {
	LISTENERS_MAX = 8,              /* addresses that a name may resolve to */
	CALLER_TOKEN_BYTES_MAX = 8192,  /* largest metadata value of the RPC envelope */
	SERVICE_TOKEN_BYTES_MAX = 4352, /* TOKEN_BYTES_MAX and "Bearer " */
	STATUS_SLOTS = 24,              /* statuses counted one by one per route; further ones as "other" */
};

struct worker;

/* ---- a message to a worker, from any thread ---- */
struct message {
	h2o_multithread_message_t super;
	void (*run)(struct message *message); /* on the loop of the worker */
};
void worker_post(struct worker *worker, struct message *message);

/* ---- counted per route: requests by status, time ---- */
struct route_metrics {
	const char *method, *path; /* labels */
	struct metric *seconds;
	struct {
		int status;
		struct metric *requests;
	} slots[STATUS_SLOTS];
};

struct bridge {
	struct arena *arena;           /* owns the copies of the options' texts */
	struct bridge_options options; /* defaults filled in */
	struct cors_policy cors;
	struct address_block *trusted;
	struct route_index *routes;
	h2o_globalconf_t config;
	SSL_CTX *tls;
	int listen_fds[LISTENERS_MAX]; /* -1 once each worker has its own */
	size_t listen_count;
	uint16_t port;
	struct worker *workers;
	size_t worker_count;

	/* any thread */
	atomic_size_t connections, streams, exchanges;
	atomic_bool draining;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a worker is ready, or an exchange has ended while draining */
	size_t workers_ready;   /* under the lock */
	struct metric *connection_gauge, *exchange_gauge, *stream_gauge, *call_gauge;
	struct metric *events_sent, *streams_cut, *connections_cut;
};

struct connection {
	h2o_linklist_t link; /* worker->connections */
	struct worker *worker;
	h2o_socket_t *sock;       /* NULL once closed */
	size_t refs;              /* the socket and each exchange */
	size_t exchanges;         /* with a live request */
	uint64_t reset_window_at; /* HTTP/2: requests abandoned within one second */
	size_t resets;
};
/* Ends the connection from below: h2o finds out by itself, at its next look or write. */
void connection_cut(struct connection *connection);
void connection_unref(struct connection *connection);

struct worker {
	struct bridge *bridge;
	pthread_t thread;
	bool ended; /* everything was given back */
	atomic_int posting; /* threads inside worker_post */
	h2o_evloop_t *loop;
	h2o_context_t ctx;
	h2o_accept_ctx_t accept;
	h2o_multithread_receiver_t inbox;
	h2o_socket_t *listeners[LISTENERS_MAX];
	bool paused, draining, stopping;
	h2o_linklist_t connections; /* struct connection */
	h2o_linklist_t waiting;     /* struct exchange with an RPC under way */
	h2o_linklist_t streams;     /* struct stream */
	h2o_linklist_t lingering;   /* struct lingerer */
	size_t lingering_count;
	size_t calls;           /* RPCs under way, also those that nobody waits for any more */
	size_t open_streams;    /* not yet freed */
	struct exchange *spare; /* free list */
	size_t spare_count;
	h2o_timeout_t heartbeat, stall, watch_calls, watch_streams, resume, linger;
	h2o_timeout_entry_t watch_calls_entry, watch_streams_entry, resume_entry;
	h2o_timeout_t clock; /* clock_step.c */
	h2o_timeout_entry_t clock_entry;
	uint64_t wall_seen_ms;
	int64_t steady_seen_ms;
	struct message drain_message, stop_message;
	struct route_metrics *metrics; /* builtin pages, then routes */
};
void worker_count_answer(struct worker *worker, size_t row, int status, int64_t took_us);
/* The whole life of a worker, on its own thread: h2o's sockets take their buffers from lists of the thread that made them, so
 * nothing of h2o may be made elsewhere. Needs worker->bridge. */
void worker_run(struct worker *worker);
void worker_drain(struct message *message);
void worker_stop(struct message *message);
/* Keeps the other end readable after an answer that left its body unread: closing at once would reset the connection and
 * the answer with it. */
void worker_linger(struct worker *worker, h2o_req_t *req);

/* ---- steps of the wall clock, on which h2o's timers run ---- */
void clock_step_init(struct worker *worker); /* right after the loop was made: before any other timer */
void clock_step_after_turn(struct worker *worker);
void clock_step_fini(struct worker *worker);
enum { CLOCK_STEP_TURN_MS = 1000 }; /* a turn of the loop may last so long: after a step back its timers are late by as much */

/* ---- one request and its answer ---- */
struct stream;
struct exchange {
	struct message done;   /* posted by the RPC client's thread */
	h2o_linklist_t link;   /* worker->waiting */
	struct exchange *next; /* worker->spare */
	struct worker *worker;
	struct connection *connection;
	h2o_req_t *req;      /* NULL once it is gone */
	size_t refs;         /* the request, the RPC, the stream */
	struct arena *arena; /* the RPC client's thread has it from start to `done` */
	int64_t began_us;
	size_t metrics_row;
	bool silent; /* not in the access log */
	bool answered;
	bool is_head;
	enum lang lang;
	struct str method, path, query, origin;
	struct str request_id;
	struct str client; /* address, as far as trusted proxies say; "" = unknown */
	char traceparent[TRACEPARENT_BYTES];
	const struct route_side *route;
	/* RPC */
	const struct method_side *rpc;
	void (*on_outcome)(struct exchange *x, const struct rpc_outcome *outcome);
	struct rpc_pending *pending;
	struct rpc_outcome outcome;
	struct stream *stream;
};
int exchange_begin(h2o_handler_t *handler, h2o_req_t *req); /* h2o's on_req */
/* For a request that h2o refuses before on_req: only its context is read. Goes with the request, like any other. */
struct exchange *exchange_of_refused(h2o_req_t *req);
size_t exchange_body_limit(const struct exchange *x);
bool exchange_has_host(const struct exchange *x); /* the client named one */
/* Whether the client's address may have one more answer that no RPC counts; false: answered already, with 429. */
bool exchange_may_answer(struct exchange *x);
void exchange_ref(struct exchange *x);
void exchange_unref(struct exchange *x);
struct str exchange_header(const struct exchange *x, const char *name); /* lower case; "" = not there */
/* Starts an RPC for this request; on_outcome runs on the loop, also if the client has gone meanwhile (x->req is then NULL).
 * False: answered already, with the error. */
bool exchange_call(struct exchange *x, const struct method_side *method, const ProtobufCMessage *request,
                   void (*on_outcome)(struct exchange *x, const struct rpc_outcome *outcome));
/* The reply message of a good outcome, in x->arena; NULL: it cannot be read, and that was answered. */
ProtobufCMessage *exchange_unpack(struct exchange *x, const struct message_side *side, struct str payload);

/* For a path that is there under these verbs (bits of route_match); 0: the path is unknown. */
void exchange_answer_options(struct exchange *x, unsigned verbs);
void exchange_answer_unrouted(struct exchange *x, unsigned verbs); /* 405 or 404 */

/* ---- answers; each may be given once, while x->req lives ---- */
void answer_json(struct exchange *x, int status, struct str body);
void answer_text(struct exchange *x, int status, const char *content_type, struct str body);
void answer_error(struct exchange *x, const struct error *err, bool located);
void answer_outcome(struct exchange *x, const struct rpc_outcome *outcome);
/* name: static, lower case; value lives as long as x->arena. */
void answer_header(struct exchange *x, const char *name, struct str value);
/* The headers that every answer has, and the books: log line and metrics. */
void answer_common(struct exchange *x, int status);
void answer_log(struct exchange *x, int status);
/* h2o's own error pages, as our error body. */
void answer_register_filter(h2o_pathconf_t *pathconf);

/* ---- pages of the bridge itself ---- */
size_t builtin_count(void);
const char *builtin_path(size_t row);
/* False: not one of them. Else answered, or being answered. */
bool builtin_answer(struct exchange *x);
/* Whether the path is one that probes and readers of the documentation may ask for as often as they like (CONTRACT 9, DESIGN 8). */
bool builtin_is_unlimited(const struct exchange *x);

/* ---- progress streams ---- */
/* Answers with the stream that an opens_stream method's reply describes. */
void stream_open(struct exchange *x, const struct rpc_outcome *outcome);
void stream_lost(struct stream *stream); /* the request is gone */
void stream_end(struct stream *stream);  /* after what is queued */
struct connection *stream_connection(struct stream *stream);
struct stream *stream_of_link(h2o_linklist_t *link);

#endif
