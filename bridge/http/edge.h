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
#include "bridge/route/request.h"
#include "rpc/wire/reason.h"
#include "store/base/metrics.h"
#include "store/base/time.h"

enum {
	LISTENERS_MAX = 8,              /* addresses that a name may resolve to */
	USER_AGENT_BYTES_MAX = 1024,
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
	struct builder *builder;

	/* any thread */
	atomic_size_t connections, streams, exchanges;
	atomic_size_t stream_bytes; /* queued for readers of streams */
	atomic_bool draining;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a worker is ready, or an exchange has ended while draining */
	size_t workers_ready;   /* under the lock */
	struct metric *connection_gauge, *exchange_gauge, *stream_gauge, *call_gauge;
	struct metric *events_sent, *streams_cut, *answers_cut, *connections_cut, *connections_evicted;
};

struct connection {
	h2o_linklist_t link; /* worker->connections: the one that has gone longest without finishing a request comes first */
	h2o_linklist_t idle; /* worker->idle, in the same order; linked while it has no live request and may end */
	struct worker *worker;
	h2o_socket_t *sock; /* NULL once closed */
	h2o_linklist_t http2_link; /* worker->http2: sock->data is h2o's h2o_http2_conn_t */
	h2o_timeout_entry_t handshake;
	bool cut;            /* by us: nothing more is begun on it */
	bool counted;        /* in bridge->connections */
	size_t refs;         /* the socket and each exchange */
	size_t exchanges;    /* with a live request */
	size_t stray_calls;  /* RPCs under way whose request is gone */
	size_t answer_bytes; /* kept for answers that have not left */
	size_t stream_bytes; /* HTTP/2: of requests, in h2o; at the last look, as the sum: */
	size_t held;
	/* HTTP/2 */
	uint64_t begun, lost;     /* streams that became a request, and that were given up before */
	int64_t reset_window_at; /* monotonic ms; those abandoned within one second: */
	size_t resets;
	uint32_t unfinished_id; /* stream whose request has been coming longest; 0 = none */
	int64_t unfinished_at; /* monotonic ms */
};
/* Both end the connection from below: h2o finds out by itself, at its next look or write. Cut: with a reset, so that nothing of it
 * stays in the kernel; closed: what was written still arrives. */
void connection_cut(struct connection *connection);
void connection_close(struct connection *connection);
void connection_unref(struct connection *connection);
void connection_began(struct connection *connection); /* a request; takes a reference, which goes with its exchange */
void connection_ended(struct connection *connection);
/* HTTP/2 streams abandoned before they were answered; too many within a second end the connection. */
void connection_count_resets(struct connection *connection, size_t count);
/* After each round of the loop: ends those that hold more than there is room for, or never finish their request. */
void connections_check(struct worker *worker);
void worker_listen(struct worker *worker, bool on);
void worker_on_resume(h2o_timeout_entry_t *entry);

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
	h2o_linklist_t connections, idle, http2; /* struct connection; see there for their order */
	size_t connection_count, http2_count;
	h2o_linklist_t *checking; /* where connections_check goes on; NULL = at the beginning */
	size_t held;              /* by those before it */
	int64_t checked_at, http2_checked_at, said_at; /* monotonic ms: connections_check, and when it logged something */
	size_t said_count; /* connections ended since */
	h2o_linklist_t fresh;       /* struct exchange of HTTP/2, not begun */
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
	h2o_linklist_t link;   /* worker->fresh or worker->waiting */
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
	bool fresh;                /* in worker->fresh */
	bool calling;              /* an RPC is under way */
	h2o_generator_t generator; /* of an answer that is not a stream: */
	h2o_timeout_entry_t stall;
	struct str left; /* of its body */
	size_t kept_bytes; /* of the arena, counted in connection->answer_bytes */
	enum lang lang;
	struct str method, path, query, origin;
	struct str request_id;
	struct str client; /* address, as far as trusted proxies say; "" = unknown */
	char traceparent[TRACEPARENT_BYTES];
	const struct route_side *route;
	struct build *build;
	/* RPC */
	const struct method_side *rpc;
	void (*on_outcome)(struct exchange *x, const struct rpc_outcome *outcome);
	struct rpc_pending *pending;
	struct rpc_outcome outcome;
	struct reply_metadata told; /* what came along with it, or what the limit here said */
	struct stream *stream;
};
int exchange_begin(h2o_handler_t *handler, h2o_req_t *req); /* h2o's on_req */
void exchanges_begin_fresh(struct worker *worker);         /* after each round of the loop */
/* The request message is there, or (NULL) what was wrong with it. */
void exchange_built(struct exchange *x, ProtobufCMessage *request, const struct error *err);
/* For a request that h2o refuses before on_req: only its context is read. Goes with the request, like any other. */
struct exchange *exchange_of_refused(h2o_req_t *req);
size_t exchange_body_limit(const struct exchange *x);
bool exchange_has_host(const struct exchange *x); /* the client named one */
/* Whether the client's address may have one more answer that no RPC counts; false: answered already, with 429. */
bool exchange_may_answer(struct exchange *x);
/* Goes on with that arena alone, which is given away: for an answer that takes long. What the answer's headers point to must have
 * been written, and the outcome is gone. */
void exchange_settle(struct exchange *x, struct arena *arena);
void exchange_ref(struct exchange *x);
void exchange_unref(struct exchange *x);
struct str exchange_header(const struct exchange *x, const char *name); /* lower case; "" = not there */
/* Starts an RPC for this request; on_outcome runs on the loop, also if the client has gone meanwhile (x->req is then NULL).
 * False: answered already, with the error. */
bool exchange_call(struct exchange *x, const struct method_side *method, const ProtobufCMessage *request,
                   void (*on_outcome)(struct exchange *x, const struct rpc_outcome *outcome));
/* The reply message of a good outcome, in x->arena; NULL: it cannot be read, and that was answered. */
ProtobufCMessage *exchange_unpack(struct exchange *x, const struct message_side *side, struct str payload);

/* ---- large bodies ---- */
struct builder *builder_start(void);
/* Reads the request on the builder's thread, which has x->arena until exchange_built is called on the loop; not called if the
 * request has gone meanwhile. False: too much is waiting already. */
bool builder_take(struct builder *builder, struct exchange *x, const struct route_match *match,
                  const struct request_parts *parts);
void builder_stop(struct builder **builder); /* after the workers; accepts NULL */

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
