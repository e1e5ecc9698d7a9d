#include "bridge/http/bridge.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bridge/http/edge.h"
#include "store/base/log.h"

#define OR(value, fallback) ((value) ? (value) : (fallback))

static const struct str *copy_list(struct arena *arena, const struct str *list, size_t count)
{
	struct str *copy = arena_new_array(arena, struct str, count);
	for (size_t i = 0; i < count; i++) copy[i] = str_dup(arena, list[i]);
	return copy;
}

/* Where the system grants fewer descriptors than connections are wanted, the oldest idle one must go before they run out: the rest of
 * the process needs some too. */
static size_t possible_connections(size_t wanted)
{
	enum { OTHERS = 256 };
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return wanted;
	size_t granted = (size_t)limit.rlim_cur, possible = granted > 2 * OTHERS ? granted - OTHERS : granted / 2;
	if (wanted <= possible) return wanted;
	log_warn("bridge.few_descriptors", LOG_INT("wanted", wanted), LOG_INT("possible", possible));
	return possible;
}

static void copy_options(struct bridge *bridge, const struct bridge_options *from)
{
	struct arena *arena = bridge->arena;
	struct bridge_options *o = &bridge->options;
	*o = *from;
	o->host = str_dup(arena, from->host.len ? from->host : STR("127.0.0.1"));
	o->version = str_dup(arena, from->version);
	o->tls_certificate = str_dup(arena, from->tls_certificate);
	o->tls_key = str_dup(arena, from->tls_key);
	o->allowed_hosts = copy_list(arena, from->allowed_hosts, from->allowed_host_count);
	o->trusted_proxies = NULL; /* kept as blocks */
	o->threads = OR(o->threads, 1);
	o->json_body_bytes = OR(o->json_body_bytes, 1024 * 1024);
	o->max_request_size = OR(o->max_request_size, 10 * 1024 * 1024);
	o->header_bytes = OR(o->header_bytes, 64 * 1024);
	o->connections = possible_connections(OR(o->connections, 4096));
	o->calls_per_thread = OR(o->calls_per_thread, 256);
	o->streams = OR(o->streams, o->connections - o->connections / 8);
	o->resets_per_second = OR(o->resets_per_second, 100);
	o->request_timeout_ms = OR(o->request_timeout_ms, 10000);
	o->write_timeout_ms = OR(o->write_timeout_ms, 20000);
	o->heartbeat_ms = OR(o->heartbeat_ms, 15000);
	o->stream_queue_bytes = OR(o->stream_queue_bytes, 256 * 1024);
	o->streams_bytes = OR(o->streams_bytes, 16 * 1024 * 1024);
	o->held_bytes = OR(o->held_bytes, 16 * 1024 * 1024);
	const struct bridge_cors *cors = &from->cors;
	bridge->cors = (struct cors_policy){
		.origins = copy_list(arena, cors->origins, cors->origin_count),
		.origin_count = cors->origin_count,
		.methods = copy_list(arena, cors->methods, cors->method_count),
		.method_count = cors->method_count,
		.headers = copy_list(arena, cors->headers, cors->header_count),
		.header_count = cors->header_count,
		.allow_credentials = cors->allow_credentials,
	};
}

static bool parse_proxies(struct bridge *bridge, const struct bridge_options *options, struct error *err)
{
	bridge->trusted = arena_new_array(bridge->arena, struct address_block, options->trusted_proxy_count);
	for (size_t i = 0; i < options->trusted_proxy_count; i++) {
		if (!address_block_parse(options->trusted_proxies[i], &bridge->trusted[i], err)) return false;
	}
	return true;
}

/* ---- TLS ---- */

static bool tls_refused(struct error *err, const char *what)
{
	char text[128];
	ERR_error_string_n(ERR_get_error(), text, sizeof text);
	return error_set(err, RPC_INVALID_ARGUMENT, "TLS_INVALID", "%s: %s", what, text);
}

static bool tls_setup(struct bridge *bridge, struct error *err)
{
	const struct bridge_options *o = &bridge->options;
	if (o->tls_certificate.len == 0 && o->tls_key.len == 0) return true;
	if (o->tls_certificate.len == 0 || o->tls_key.len == 0) {
		return error_set(err, RPC_INVALID_ARGUMENT, "TLS_INVALID", "certificate and key belong together");
	}
	bridge->tls = SSL_CTX_new(TLS_server_method());
	if (!bridge->tls) return tls_refused(err, "TLS");
	(void)SSL_CTX_set_mode(bridge->tls, SSL_MODE_RELEASE_BUFFERS); /* 34 KiB of an idle connection */
	(void)SSL_CTX_set_min_proto_version(bridge->tls, TLS1_2_VERSION);
	(void)SSL_CTX_set_options(bridge->tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	if (SSL_CTX_use_certificate_chain_file(bridge->tls, o->tls_certificate.ptr) != 1)
		return tls_refused(err, o->tls_certificate.ptr);
	if (SSL_CTX_use_PrivateKey_file(bridge->tls, o->tls_key.ptr, SSL_FILETYPE_PEM) != 1)
		return tls_refused(err, o->tls_key.ptr);
	if (SSL_CTX_check_private_key(bridge->tls) != 1)
		return tls_refused(err, "the key does not fit the certificate");
	h2o_ssl_register_alpn_protocols(bridge->tls, h2o_http2_alpn_protocols);
	return true;
}

/* ---- listening ---- */

static bool listen_refused(struct error *err, const struct bridge_options *o, int code)
{
	bool busy = code == EADDRINUSE;
	(void)error_set(err, busy ? RPC_FAILED_PRECONDITION : RPC_INVALID_ARGUMENT,
	                busy ? "LISTEN_IN_USE" : "LISTEN_INVALID", "cannot listen on " STR_FMT ":%u: %s",
	                STR_ARG(o->host), (unsigned)o->port, strerror(code));
	return error_param(err, "address", STR_FMT ":%u", STR_ARG(o->host), (unsigned)o->port);
}

static uint16_t bound_port(int fd)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof address;
	if (getsockname(fd, (struct sockaddr *)&address, &len) != 0) return 0;
	return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
	                                           : ((struct sockaddr_in *)&address)->sin_port);
}

static bool listen_on(struct bridge *bridge, const struct addrinfo *info, int *out_errno)
{
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
	const int receive = 64 * 1024, send = 128 * 1024;
	if (fd == -1) goto failed;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	/* Without it [::] takes the IPv4 port too, and "localhost" could not have both. */
	if (info->ai_family == AF_INET6) (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	/* Taken over by each connection. What h2o reads and handles in one go delays everybody else: 64 KiB of small HTTP/2 frames are
	 * about a millisecond, the kernel's own 6 MiB would be a hundred. And what clients do not read stays in the kernel. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof receive);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send, sizeof send);
	if (bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) goto failed;
	bridge->listen_fds[bridge->listen_count++] = fd;
	if (bridge->port == 0) bridge->port = bound_port(fd);
	return true;
failed:
	*out_errno = errno;
	if (fd != -1) close(fd);
	return false;
}

static bool listen_setup(struct bridge *bridge, struct error *err)
{
	const struct bridge_options *o = &bridge->options;
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
	struct addrinfo *found = NULL;
	char port[8];
	int code = EADDRNOTAVAIL;
	(void)snprintf(port, sizeof port, "%u", (unsigned)o->port);
	int rc = getaddrinfo(o->host.ptr, port, &hints, &found);
	if (rc != 0) {
		return error_set(err, RPC_INVALID_ARGUMENT, "LISTEN_INVALID", "cannot listen on " STR_FMT ": %s",
		                 STR_ARG(o->host), gai_strerror(rc));
	}
	/* A name that stands for several addresses is served on each that the machine has, but on all or none of those that
	 * another program holds: half a server is found out too late. */
	bool busy = false;
	for (const struct addrinfo *info = found; info && !busy && bridge->listen_count < LISTENERS_MAX;
	     info = info->ai_next) {
		struct addrinfo with_port = *info;
		struct sockaddr_storage address;
		memcpy(&address, info->ai_addr, info->ai_addrlen);
		if (bridge->port != 0 && address.ss_family == AF_INET6)
			((struct sockaddr_in6 *)&address)->sin6_port = htons(bridge->port);
		if (bridge->port != 0 && address.ss_family == AF_INET)
			((struct sockaddr_in *)&address)->sin_port = htons(bridge->port);
		with_port.ai_addr = (struct sockaddr *)&address;
		if (!listen_on(bridge, &with_port, &code) && code == EADDRINUSE) busy = true;
	}
	freeaddrinfo(found);
	return !busy && bridge->listen_count > 0 ? true : listen_refused(err, o, code);
}

/* ---- h2o ---- */

/* h2o refuses a body larger than its own limit by resetting an HTTP/2 stream; between ours and h2o's we answer 413. Not more than
 * twice ours, though clients such as curl repeat a stream so refused, five times: each of the 100 streams of a connection may
 * gather that much before we see it. */
static size_t largest_body(const struct bridge_options *o)
{
	size_t largest = o->json_body_bytes;
	for (size_t i = 0; i < route_count; i++) {
		if (route_table[i].method->body_limit_bytes > largest)
			largest = route_table[i].method->body_limit_bytes;
	}
	return largest < o->max_request_size ? largest : o->max_request_size;
}

static void h2o_setup(struct bridge *bridge)
{
	const struct bridge_options *o = &bridge->options;
	h2o_config_init(&bridge->config);
	bridge->config.server_name = h2o_iovec_init(H2O_STRLIT("petfood"));
	bridge->config.max_request_entity_size = 2 * largest_body(o);
	bridge->config.handshake_timeout = o->request_timeout_ms;
	bridge->config.http1.req_timeout = o->request_timeout_ms;
	bridge->config.http1.upgrade_to_http2 = 0; /* HTTP/2 only where ALPN chose it */
	bridge->config.http2.idle_timeout = o->request_timeout_ms;
	bridge->config.http2.graceful_shutdown_timeout = o->write_timeout_ms;
	h2o_hostconf_t *host = h2o_config_register_host(&bridge->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
	h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
	h2o_handler_t *handler = h2o_create_handler(path, sizeof *handler);
	handler->on_req = exchange_begin;
	/* Paths that do not begin with "/", and h2o's own refusals, end up on the fallback. */
	handler = h2o_create_handler(&host->fallback_path, sizeof *handler);
	handler->on_req = exchange_begin;
	answer_register_filter(path);
	answer_register_filter(&host->fallback_path);
}

/* ---- life ---- */

static void close_shared_listeners(struct bridge *bridge)
{
	for (size_t i = 0; i < bridge->listen_count; i++) {
		if (bridge->listen_fds[i] != -1) close(bridge->listen_fds[i]);
		bridge->listen_fds[i] = -1;
	}
}

static void destroy(struct bridge *bridge)
{
	close_shared_listeners(bridge);
	if (bridge->config.hosts) h2o_config_dispose(&bridge->config);
	SSL_CTX_free(bridge->tls);
	route_index_destroy(&bridge->routes);
	pthread_cond_destroy(&bridge->changed);
	pthread_mutex_destroy(&bridge->lock);
	free(bridge->workers);
	arena_destroy(&bridge->arena);
	free(bridge);
}

static void *run(void *worker)
{
	worker_run(worker);
	return NULL;
}

bool bridge_start(const struct bridge_options *options, struct bridge **out, struct error *err)
{
	struct bridge *bridge = calloc(1, sizeof *bridge);
	if (!bridge) die("out of memory");
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&bridge->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_mutex_init(&bridge->lock, NULL);
	bridge->arena = arena_create(0);
	copy_options(bridge, options);
	bridge->port = options->port;
	bridge->routes = route_index_create(route_table, route_count);
	bridge->connection_gauge = metric_gauge("petfood_http_connections", NULL, "Open HTTP connections.");
	bridge->exchange_gauge =
	    metric_gauge("petfood_http_in_flight", NULL, "HTTP requests that wait for their answer.");
	bridge->stream_gauge = metric_gauge("petfood_http_streams", NULL, "Open progress streams.");
	bridge->call_gauge = metric_gauge("petfood_http_calls", NULL, "RPCs under way for HTTP requests.");
	bridge->events_sent =
	    metric_counter("petfood_http_stream_events_total", NULL, "Progress events queued for readers.");
	bridge->streams_cut =
	    metric_counter("petfood_http_streams_cut_total", NULL, "Streams ended because the reader took nothing.");
	bridge->connections_cut = metric_counter("petfood_http_connections_cut_total", NULL,
	                                         "Connections ended for what they held or abandoned.");
	bridge->connections_evicted = metric_counter("petfood_http_connections_evicted_total", NULL,
	                                             "Idle connections ended because there were too many.");
	bridge->answers_cut =
	    metric_counter("petfood_http_answers_cut_total", NULL, "Answers ended because the reader took nothing.");
	if (!parse_proxies(bridge, options, err) || !tls_setup(bridge, err) || !listen_setup(bridge, err)) {
		destroy(bridge);
		return false;
	}
	h2o_setup(bridge);

	bridge->builder = builder_start();
	bridge->worker_count = bridge->options.threads;
	bridge->workers = calloc(bridge->worker_count, sizeof *bridge->workers);
	if (!bridge->workers) die("out of memory");
	for (size_t i = 0; i < bridge->worker_count; i++) {
		bridge->workers[i].bridge = bridge;
		int rc = pthread_create(&bridge->workers[i].thread, NULL, run, &bridge->workers[i]);
		if (rc != 0) die("cannot start a thread: %s", strerror(rc));
	}
	pthread_mutex_lock(&bridge->lock); /* from now on messages may be posted */
	while (bridge->workers_ready < bridge->worker_count) pthread_cond_wait(&bridge->changed, &bridge->lock);
	pthread_mutex_unlock(&bridge->lock);
	close_shared_listeners(bridge); /* the port is free once the last worker has let go */
	*out = bridge;
	return true;
}

uint16_t bridge_port(const struct bridge *bridge) { return bridge->port; }

bool bridge_drain(struct bridge *bridge, int64_t wait_ms)
{
	if (!atomic_exchange(&bridge->draining, true)) {
		for (size_t i = 0; i < bridge->worker_count; i++)
			worker_post(&bridge->workers[i], &bridge->workers[i].drain_message);
	}
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += wait_ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&bridge->lock);
	int rc = 0;
	while (atomic_load(&bridge->exchanges) > 0 && rc == 0) {
		rc = pthread_cond_timedwait(&bridge->changed, &bridge->lock, &until);
	}
	bool empty = atomic_load(&bridge->exchanges) == 0;
	pthread_mutex_unlock(&bridge->lock);
	return empty;
}

void bridge_stop(struct bridge **handle)
{
	struct bridge *bridge = *handle;
	if (!bridge) return;
	*handle = NULL;
	atomic_store(&bridge->draining, true);
	bool clean = true;
	for (size_t i = 0; i < bridge->worker_count; i++)
		worker_post(&bridge->workers[i], &bridge->workers[i].stop_message);
	for (size_t i = 0; i < bridge->worker_count; i++) {
		pthread_join(bridge->workers[i].thread, NULL);
		clean = clean && bridge->workers[i].ended;
	}
	if (!clean) return; /* calls under way may still come back to it */
	builder_stop(&bridge->builder);
	destroy(bridge);
}
