/* rpc/transport/events.h: live progress (DESIGN 4). The publisher copies committed events to PUB; the hub is the one stream
 * client, used by bridge and CLI alike: it subscribes first, reads the log from the reader's cursor over RPC, merges live events by
 * number, fills every gap from the log, and asks for the heads of its silent tasks in one batched call every 2 s. So a
 * reader gets 1..n in order, each once, whatever PUB loses. */
#ifndef PETFOOD_RPC_TRANSPORT_EVENTS_H
#define PETFOOD_RPC_TRANSPORT_EVENTS_H

#include "rpc/transport/client.h"

enum { EVENT_PUBLISHED_BYTES_MAX = 4096 }; /* a larger event is published as its number only */

/* ---- publishing ---- */
struct event_publisher; /* opaque; any thread; publishing never blocks */
struct event_publisher_options {
	const struct str *listen; /* "inproc://…", "ipc:///…" */
	size_t listen_count;
	bool allow_insecure_tcp;
	bool payload;             /* EVENTS_PUB_PAYLOAD */
	int64_t watchdog_ms;      /* how often the own ipc/tcp listeners are tried; 0 = never */
};
MUST_CHECK bool event_publisher_create(const struct event_publisher_options *options, struct event_publisher **out, struct error *err);
void event_publisher_destroy(struct event_publisher **publisher);
/* Called after the commit, in number order per task. */
void event_publish(struct event_publisher *publisher, struct str task_id, uint64_t number, bool terminal, struct str data);

/* The index-th address as others can dial it. */
struct str event_publisher_endpoint(const struct event_publisher *publisher, size_t index);

/* ---- reading ---- */
struct event_hub; /* opaque; one per process, with one SUB socket and one thread */
struct event_hub_options {
	const struct str *endpoints; /* PUB addresses to dial; none = the log and the 2 s heads alone */
	size_t endpoint_count;
	struct rpc_client *client;   /* borrowed; reads the log */
	struct str service_authorization; /* for the batched heads call; copied */
	int64_t heads_interval_ms;   /* 0 = 2000 */
};
MUST_CHECK bool event_hub_create(const struct event_hub_options *options, struct event_hub **out, struct error *err);
void event_hub_destroy(struct event_hub **hub); /* all readers must be closed */
/* A fresh token for the heads call; copied. Readers keep the metadata that they were opened with, but a reader without
 * authorization of its own uses the hub's token, so that a stream outlives the token that it was opened with. */
void event_hub_set_service_authorization(struct event_hub *hub, struct str service_authorization);
size_t event_hub_reader_count(struct event_hub *hub);

struct event_reader; /* opaque */
enum event_taken {
	EVENT_TAKEN, /* go on */
	EVENT_FULL,  /* not taken: offered again after event_reader_ready */
};
struct event_sink {
	/* The next event, in order, each once. data is valid during the call. After terminal nothing follows. */
	enum event_taken (*on_event)(void *self, uint64_t number, struct str data, bool terminal);
	/* Reading failed for good (task gone, token revoked): the reader gives nothing more. Passing faults are retried inside.
	 * OUT_OF_RANGE/STREAM_ENDED: the task ended at or before the cursor, so nothing was left to give. OUT_OF_RANGE/LOG_EXPIRED:
	 * the log behind the cursor was cut after its 24 h. DATA_LOSS/EVENTS_MISSING: it has a hole after the last event given. */
	void (*on_error)(void *self, const struct error *err);
	/* The last call for this reader, after event_reader_close: self may be freed. */
	void (*on_closed)(void *self);
	void *self;
};
/* Callbacks run on the hub's thread, one at a time. metadata is copied and goes with each read of the log: the CLI's user token, or
 * the bridge's on_behalf_of and on_behalf_session without a service_authorization of its own: then the hub's current service token is used, so that the
 * stream outlives the user's token and any one service token (expiry does not end an open stream). Whether
 * that user and session may still call is asked with the heads, every 2 s: once not, the reader ends with UNAUTHENTICATED. */
MUST_CHECK bool event_reader_open(struct event_hub *hub, struct str task_id, uint64_t after, const struct rpc_metadata *metadata,
                                  const struct event_sink *sink, struct event_reader **out, struct error *err);
/* There is room again. Any thread. */
void event_reader_ready(struct event_reader *reader);
/* Any thread, also inside a callback; on_closed follows. Leaves *reader NULL. */
void event_reader_close(struct event_reader **reader);

#endif
