/* bridge/http/bridge.h: the HTTP edge (DESIGN 8). Listens, turns requests into calls of the method table and their answers into
 * CONTRACT's JSON, and streams progress as server-sent events. Knows no product rule and no store: everything that it
 * says comes from the generated tables or from the other end of the RPC client.
 * Contract over HTTP: CONTRACT.md sections 1, 2.1 and 3 as changed by its section 9. */
#ifndef PETFOOD_BRIDGE_HTTP_BRIDGE_H
#define PETFOOD_BRIDGE_HTTP_BRIDGE_H

#include "rpc/transport/events.h"
#include "rpc/wire/limiter.h"

struct bridge; /* opaque; several may live in one process; all functions are safe from any thread */

/* Origins, methods and headers are exact names or "*". Nothing listed: no CORS header is ever sent. */
struct bridge_cors {
	const struct str *origins;
	size_t origin_count;
	const struct str *methods; /* {"*"} = DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT */
	size_t method_count;
	const struct str *headers; /* {"*"} = whatever the preflight asks for */
	size_t header_count;
	bool allow_credentials; /* with origin "*" only for listed origins: a wildcard never gets credentials */
};

/* Every text and list is copied by bridge_start. A limit of 0 takes the default in brackets. */
struct bridge_options {
	struct str host;           /* API_HOST: IPv4 or IPv6 address or a name that resolves; "" = 127.0.0.1 */
	uint16_t port;             /* API_PORT; 0 = a free one, see bridge_port */
	size_t threads;            /* API_WORKERS: event loops; [1] */
	struct rpc_client *client; /* borrowed; destroyed by the caller after bridge_stop */
	struct event_hub *hub;     /* borrowed; NULL: streams are answered with 503 */

	/* Writes the bridge's own credentials ("Bearer …", no NUL needed) and returns their length, 0 = none at the moment or more
	 * than cap. Called from every thread for every call; the owner renews them behind it. NULL = the bridge has no identity:
	 * client-address and on-behalf-of are then not believed by the other end and streams cannot be read. */
	size_t (*service_authorization)(void *self, char *out, size_t cap);
	void *service_authorization_self;

	/* Counts, per client address, the answers that no RPC was asked for: unknown paths and verbs, "/", preflights, requests refused
	 * for their form. The limiter of the RPC server in the same process, if that does not block: it is asked on the event loops.
	 * Health, metrics and documentation pages are never counted. Borrowed; NULL = none. */
	const struct rate_limiter *limits;

	struct bridge_cors cors;
	const struct str *allowed_hosts; /* ALLOWED_HOSTS: "*", "example.com", "*.example.com"; none = "*" */
	size_t allowed_host_count;
	const struct str *trusted_proxies; /* addresses or CIDR blocks whose X-Forwarded-For is believed */
	size_t trusted_proxy_count;

	size_t json_body_bytes;  /* largest JSON body, answered with 413 beyond; [1 MiB]; a route may set its own */
	size_t max_request_size; /* MAX_REQUEST_SIZE: ceiling for any route; [10 MiB] */
	size_t header_bytes;     /* names and values together, 431 beyond; [64 KiB] */
	size_t connections;      /* open at once over all threads; [4096]; beyond it the one that has asked nothing for longest ends */
	size_t calls_per_thread; /* RPCs under way per thread, 503 beyond; [256] */
	size_t streams;          /* open SSE streams over all threads, 503 beyond; [connections - connections / 8] */
	size_t
	    resets_per_second; /* HTTP/2 requests of one connection abandoned before their answer; more end it; [100] */
	uint32_t
	    request_timeout_ms; /* from connect or last answer to the last byte of a request; also keep-alive idle; [10000] */
	uint32_t write_timeout_ms; /* a client that takes nothing for so long is closed; [20000] */
	uint32_t heartbeat_ms;     /* SSE comment after so long without an event; [15000] */
	size_t
	    stream_queue_bytes; /* SSE bytes waiting per client, beside the event that is over the limit; [256 KiB] */

	size_t streams_bytes; /* the same over all clients; beyond it a client that has some waiting gets no more; [16 MiB] */
	size_t held_bytes; /* requests that have not come whole and answers that have not left, over all threads; [16 MiB]; beyond it
	                    * the connections end that have gone longest without finishing a request */

	struct str tls_certificate,
	    tls_key;        /* PEM files; both or none. With them: HTTPS, HTTP/2 by ALPN. Without: HTTP/1 only */
	bool docs;          /* serve /docs and /openapi.json */
	struct str version; /* of the program, for /, /health */
};

/* Listens and starts the threads. Fails: FAILED_PRECONDITION/LISTEN_IN_USE (message names the address),
 * INVALID_ARGUMENT/LISTEN_INVALID (address that cannot be used), INVALID_ARGUMENT/TLS_INVALID, INVALID_ARGUMENT/PROXY_INVALID. */
MUST_CHECK bool bridge_start(const struct bridge_options *options, struct bridge **out, struct error *err);
uint16_t bridge_port(const struct bridge *bridge);

/* Stops accepting, says goodbye on HTTP/2, ends every stream after its last whole frame (readers come back with their
 * cursor), lets requests under way finish, and waits up to wait_ms. /readyz says 503 from here on. True if nothing was left. */
bool bridge_drain(struct bridge *bridge, int64_t wait_ms);

/* Ends the threads; what is still open is cut. Call bridge_drain first for a graceful end. Before rpc_client_destroy and
 * event_hub_destroy. Leaves *bridge NULL; accepts NULL. */
void bridge_stop(struct bridge **bridge);

#endif
