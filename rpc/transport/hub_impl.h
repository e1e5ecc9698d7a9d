/* rpc/transport/hub_impl.h: what the files of the event hub share. The hub's thread owns the readers; other threads only put
 * things on its lists: notices that PUB brought, ended RPCs, readers that were opened, closed or have room again. */
#ifndef PETFOOD_RPC_TRANSPORT_HUB_IMPL_H
#define PETFOOD_RPC_TRANSPORT_HUB_IMPL_H

#include <nng/nng.h>
#include <pthread.h>
#include <stdatomic.h>
#include <uthash.h>

#include "petfood/v1/task.pb-c.h"
#include "rpc/transport/events.h"
#include "store/base/metrics.h"

enum {
	NOTICES_MAX = 8192,      /* waiting for the thread; beyond that the log is asked */
	READS_MAX = 64,          /* reads of the log under way at once */
	READ_LIMIT = 100,        /* events per read */
	LIVE_EVENTS_MAX = 256,   /* kept per reader while it reads the log */
	LIVE_BYTES_MAX = 64 * 1024,
	HEADS_PER_CALL = 1000,
	CALLERS_PER_CALL = 1000, /* what CheckSessionsRequest takes */
	RETRY_MIN_MS = 50,
	RETRY_MAX_MS = 2000,
	INTERNAL_FAILURES_MAX = 8, /* in a row: then it is no passing fault */
};

/* The readers of one task. */
struct topic {
	char *task_id;
	struct event_reader *readers; /* by topic_prev, topic_next */
	uint64_t head_seen;           /* serial of the last heads call that named it */
	UT_hash_handle hh;
};

struct notice {
	nng_msg *msg;
	struct notice *next;
};

struct live_event {
	uint64_t number;
	bool terminal;
	struct str data; /* follows the struct */
	struct live_event *next;
};

/* One RPC of the hub. */
struct hub_call {
	struct event_hub *hub;
	struct event_reader *reader;  /* of a read; NULL once it was closed, and for heads */
	const struct method_side *method;
	struct rpc_pending *pending;
	struct arena *arena;
	ProtobufCMessage *reply;
	struct error err;
	size_t id_count;              /* heads; of a check: callers, two ids each */
	char **ids;
	bool as_service;
	struct hub_call *next;        /* among the ended ones */
};

struct event_reader {
	struct event_hub *hub;
	struct topic *topic;
	struct event_reader *topic_prev, *topic_next;
	struct event_reader *prev, *next;             /* among all; hub->lock */
	struct event_reader *dirty_next;              /* hub->lock */
	bool dirty, forgotten;                        /* hub->lock */
	atomic_bool closed, ready;
	struct arena *arena;
	struct rpc_metadata metadata;
	struct event_sink sink;
	/* Below: the hub's thread alone. */
	uint64_t last;            /* given to the sink */
	uint64_t known;           /* the log reaches at least here */
	uint64_t known_since_ask; /* what notices said since the read under way began */
	bool must_read;           /* the log must be asked, whatever is known */
	bool full, ended;
	struct hub_call *read;    /* under way */
	struct hub_call *page;    /* its reply is a ListEventsReply that is being given */
	size_t page_at;
	struct live_event *live;  /* by number */
	size_t live_count, live_bytes;
	unsigned failures;
	int64_t retry_at_ms;      /* 0 = not waiting to retry */
	int64_t heard_at_ms;
	bool queued;
	struct event_reader *queue_prev, *queue_next; /* waiting for a turn to read */
	struct event_reader *retry_prev, *retry_next; /* waiting to retry */
};

struct event_hub {
	struct rpc_client *client;
	const struct method_side *list_events, *read_heads, *check_sessions;
	int64_t heads_interval_ms;
	nng_socket socket;
	nng_aio *aio;
	pthread_t thread;
	struct metric *reads, *gaps, *readers_gauge;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	char *service_authorization;
	struct topic *topics;
	struct event_reader *readers; /* all that are not yet finished */
	size_t reader_count;
	struct notice *notices, **notices_tail;
	size_t notice_count;
	bool notices_lost;            /* the list was full, or a connection came up */
	struct hub_call *ended, **ended_tail;
	struct event_reader *dirty;
	bool stopping;

	/* The hub's thread alone. */
	struct event_reader *queue, *retrying;
	size_t reads_under_way, heads_under_way, checks_under_way;
	int64_t heads_at_ms;
	uint64_t heads_serial;
};

/* hub.c */
void hub_forget(struct event_reader *reader);  /* takes it off the shared lists */
struct rpc_metadata hub_metadata(struct event_hub *hub, struct arena *arena, const struct rpc_metadata *metadata);
bool hub_call_start(struct hub_call *call, const ProtobufCMessage *request, const struct rpc_metadata *metadata, struct error *err);
struct hub_call *hub_call_create(struct event_hub *hub, const struct method_side *method);
void hub_call_free(struct hub_call **call);

/* hub_reader.c: on the hub's thread, without the lock */
void reader_step(struct event_reader *reader);
void reader_finish(struct event_reader *reader); /* on_closed, then frees it */
void reader_fail(struct event_reader *reader, const struct error *err); /* nothing follows but on_error */
void reader_note(struct event_reader *reader, uint64_t number, bool terminal, struct str data);
void reader_head(struct event_reader *reader, uint64_t last, bool terminal);
void reader_on_read(struct hub_call *call);
void readers_start_reads(struct event_hub *hub);
/* Lets those retry whose time has come; gives when the next one wants to, INT64_MAX if none. */
int64_t readers_retry(struct event_hub *hub, int64_t now_ms);

/* hub_callers.c */
void callers_ask(struct event_hub *hub);
void callers_on_reply(struct hub_call *call);

/* hub_heads.c */
void heads_ask(struct event_hub *hub, int64_t now_ms);
void heads_on_reply(struct hub_call *call);

#endif
