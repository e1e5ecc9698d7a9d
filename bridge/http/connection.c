/* Connections: accepting, TLS, which of them must go when there are too many, and what one may hold or waste.
 * h2o 2.2.5 answers requests; it limits neither how many connections there are nor what they keep in memory, lets an HTTP/2 stream
 * gather its headers and body for ever, and takes any number of streams that are abandoned (CVE-2023-44487). */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "bridge/http/edge.h"
#include "store/base/log.h"
#include <h2o/http1.h>
#include <h2o/http2.h>
#include <h2o/http2_internal.h>

enum {
	ACCEPTS_PER_WAKE = 16,      /* then the other sockets get their turn */
	CHECK_MS = 5,               /* between two looks at what connections hold, */
	CHECKED_AT_ONCE = 256,      /* and how many: ten thousand would keep others waiting for a ms or two */
	CHECKED_PER_MS = 100,       /* of HTTP/2, each about 0.1 us */
	HELD_BYTES_MIN = 16 * 1024, /* ending a connection that holds less would not help */
};

/* ---- one connection ---- */

void connection_unref(struct connection *connection)
{
	if (--connection->refs == 0) free(connection);
}

void connection_close(struct connection *connection)
{
	if (!connection->sock) return;
	connection->cut = true;
	(void)shutdown(h2o_socket_get_fd(connection->sock), SHUT_RDWR);
}

void connection_cut(struct connection *connection)
{
	const struct linger reset = { .l_onoff = 1 };
	if (connection->sock)
		(void)setsockopt(h2o_socket_get_fd(connection->sock), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	connection_close(connection);
}

/* At most one line a second: who provokes this must not fill the log. */
static void note_ended(struct worker *worker, size_t count, const char *why)
{
	int64_t now = time_monotonic_ms(); /* h2o's own clock may be set */
	metric_add(worker->bridge->connections_cut, (int64_t)count);
	worker->said_count += count;
	if (worker->said_count == 0 || now - worker->said_at < 1000) return;
	log_warn("http.connections_ended", LOG_INT("count", worker->said_count), LOG_CSTR("why", why));
	worker->said_at = now;
	worker->said_count = 0;
}

static void leave_list(h2o_linklist_t *link)
{
	if (h2o_linklist_is_linked(link)) h2o_linklist_unlink(link);
}

/* From worker->connections, through which connections_check may be halfway. */
static void leave_connections(struct connection *connection)
{
	struct worker *worker = connection->worker;
	if (worker->checking == &connection->link) worker->checking = connection->link.next;
	h2o_linklist_unlink(&connection->link);
}

void connection_began(struct connection *connection)
{
	connection->refs++;
	connection->exchanges++;
	connection->begun++;
	leave_list(&connection->idle);
}

void connection_ended(struct connection *connection)
{
	struct worker *worker = connection->worker;
	connection->exchanges--;
	if (!connection->sock) return;
	leave_connections(connection);
	h2o_linklist_insert(&worker->connections, &connection->link);
	leave_list(&connection->idle);
	if (connection->exchanges == 0 && !connection->cut) h2o_linklist_insert(&worker->idle, &connection->idle);
}

void connection_count_resets(struct connection *connection, size_t count)
{
	struct worker *worker = connection->worker;
	int64_t now = time_monotonic_ms();
	if (connection->cut || count == 0) return;
	if (now - connection->reset_window_at >= 1000) {
		connection->reset_window_at = now;
		connection->resets = 0;
	}
	connection->resets += count;
	if (connection->resets <= worker->bridge->options.resets_per_second) return;
	/* A connection that opens and abandons requests in a loop makes us work for nobody. */
	note_ended(worker, 1, "abandoned requests");
	connection_cut(connection);
}

static void uncount(struct connection *connection)
{
	struct bridge *bridge = connection->worker->bridge;
	if (!connection->counted) return;
	connection->counted = false;
	metric_set(bridge->connection_gauge, (int64_t)atomic_fetch_sub(&bridge->connections, 1) - 1);
}

static void on_connection_closed(void *data)
{
	struct connection *connection = data;
	struct worker *worker = connection->worker;
	connection->sock = NULL;
	h2o_timeout_unlink(&connection->handshake);
	leave_connections(connection);
	leave_list(&connection->idle);
	if (h2o_linklist_is_linked(&connection->http2_link)) {
		h2o_linklist_unlink(&connection->http2_link);
		worker->http2_count--;
	}
	worker->connection_count--;
	uncount(connection);
	if (worker->paused && !worker->draining) worker_listen(worker, true);
	connection_unref(connection);
}

/* ---- accepting ---- */

static void serve(struct connection *connection, bool http2)
{
	struct timeval now;
	(void)gettimeofday(&now, NULL);
	if (http2) { /* before h2o reads what has come already: it may end the connection at once */
		h2o_linklist_insert(&connection->worker->http2, &connection->http2_link);
		connection->worker->http2_count++;
	}
	(http2 ? h2o_http2_accept : h2o_http1_accept)(&connection->worker->accept, connection->sock, now);
}

static void on_handshake(h2o_socket_t *sock, const char *err)
{
	struct connection *connection = sock->on_close.data;
	h2o_timeout_unlink(&connection->handshake);
	if (err) {
		h2o_socket_close(sock);
		return;
	}
	h2o_iovec_t chosen = h2o_socket_ssl_get_selected_protocol(sock);
	bool http2 = false;
	for (const h2o_iovec_t *name = h2o_http2_alpn_protocols; name->len; name++)
		http2 = http2 || h2o_memis(chosen.base, chosen.len, name->base, name->len);
	serve(connection, http2);
}

static void on_handshake_timeout(h2o_timeout_entry_t *entry)
{
	h2o_socket_close(H2O_STRUCT_FROM_MEMBER(struct connection, handshake, entry)->sock);
}

static void take(struct worker *worker, h2o_socket_t *sock)
{
	struct bridge *bridge = worker->bridge;
	unsigned timeout_ms = bridge->options.write_timeout_ms;
	struct connection *connection = calloc(1, sizeof *connection);
	if (!connection) die("out of memory");
	connection->worker = worker;
	connection->sock = sock;
	connection->refs = 1;
	connection->handshake.cb = on_handshake_timeout;
	h2o_linklist_insert(&worker->connections, &connection->link);
	h2o_linklist_insert(&worker->idle, &connection->idle);
	worker->connection_count++;
	connection->counted = true;
	sock->on_close.cb = on_connection_closed;
	sock->on_close.data = connection;
	metric_set(bridge->connection_gauge, (int64_t)atomic_fetch_add(&bridge->connections, 1) + 1);
	/* h2o has no write timeout: a peer that acknowledges nothing is dropped by the kernel. */
	(void)setsockopt(h2o_socket_get_fd(sock), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
	if (!bridge->tls) {
		serve(connection, false);
		return;
	}
	h2o_timeout_link(worker->loop, &worker->ctx.handshake_timeout, &connection->handshake);
	h2o_socket_ssl_handshake(sock, bridge->tls, NULL, on_handshake);
}

/* Who comes now is more likely to be somebody than whoever has asked nothing for the longest time: otherwise a few thousand
 * silent connections would lock everybody out. It closes in the next round of the loop, and no longer counts. */
static void evict_oldest(struct worker *worker)
{
	if (h2o_linklist_is_empty(&worker->idle)) return;
	struct connection *oldest = H2O_STRUCT_FROM_MEMBER(struct connection, idle, worker->idle.next);
	h2o_linklist_unlink(&oldest->idle);
	uncount(oldest);
	connection_close(oldest);
	metric_add(worker->bridge->connections_evicted, 1);
}

static void on_accept(h2o_socket_t *listener, const char *err)
{
	struct worker *worker = listener->data;
	struct bridge *bridge = worker->bridge;
	if (err) return;
	for (int i = 0; i < ACCEPTS_PER_WAKE; i++) {
		bool full = atomic_load(&bridge->connections) >= bridge->options.connections;
		if (full && h2o_linklist_is_empty(&worker->idle)) {
			worker_listen(worker, false); /* the kernel's backlog holds the next ones */
			return;
		}
		h2o_socket_t *sock = h2o_evloop_socket_accept(listener);
		if (!sock) {
			if (errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS) return;
			worker_listen(worker, false); /* asking again at once would only spin */
			evict_oldest(worker);
			return;
		}
		if (full) evict_oldest(worker);
		take(worker, sock);
	}
}

void worker_on_resume(h2o_timeout_entry_t *entry)
{
	struct worker *worker = H2O_STRUCT_FROM_MEMBER(struct worker, resume_entry, entry);
	if (worker->paused && !worker->draining) worker_listen(worker, true);
}

void worker_listen(struct worker *worker, bool on)
{
	worker->paused = !on;
	for (size_t i = 0; i < worker->bridge->listen_count; i++) {
		if (!worker->listeners[i]) continue;
		if (on)
			h2o_socket_read_start(worker->listeners[i], on_accept);
		else
			h2o_socket_read_stop(worker->listeners[i]);
	}
	h2o_timeout_unlink(&worker->resume_entry);
	if (!on) h2o_timeout_link(worker->loop, &worker->resume, &worker->resume_entry);
}

/* ---- what connections hold ---- */

static bool is_unfinished(const h2o_http2_stream_t *stream)
{
	return stream->state == H2O_HTTP2_STREAM_STATE_RECV_HEADERS ||
	       stream->state == H2O_HTTP2_STREAM_STATE_RECV_BODY;
}

/* HTTP/2 has no timeout of ours in h2o: its idle timer starts anew with every byte, and stands still while a stream is answered. */
static void check_progress(struct connection *connection, uint32_t oldest_unfinished)
{
	struct worker *worker = connection->worker;
	int64_t now = time_monotonic_ms();
	if (oldest_unfinished != connection->unfinished_id) {
		connection->unfinished_id = oldest_unfinished;
		connection->unfinished_at = now;
	} else if (oldest_unfinished && now - connection->unfinished_at >= worker->bridge->options.request_timeout_ms) {
		note_ended(worker, 1, "unfinished request");
		connection_cut(connection);
	}
}

static void check_http2(struct connection *connection)
{
	const h2o_http2_conn_t *conn = connection->sock->data;
	size_t bytes = conn->_headers_unparsed ? conn->_headers_unparsed->size : 0;
	uint64_t opened = ((uint64_t)conn->pull_stream_ids.max_open + 1) / 2;
	uint32_t oldest_unfinished = 0;
	/* Those that are open but no request yet; the others have an exchange. */
	uint64_t coming = conn->num_streams.pull.open > connection->exchanges
	                      ? conn->num_streams.pull.open - connection->exchanges
	                      : 0;
	uint64_t lost = opened > connection->begun + coming ? opened - connection->begun - coming : 0;
	if (lost > connection->lost) {
		connection_count_resets(connection, (size_t)(lost - connection->lost));
		connection->lost = lost;
	}
	if (conn->num_streams.pull.open > 0) {
		for (khiter_t at = 0; at < kh_end(conn->streams); at++) {
			if (!kh_exist(conn->streams, at)) continue;
			const h2o_http2_stream_t *stream = kh_val(conn->streams, at);
			if (stream->_req_body) bytes += stream->_req_body->size;
			if (is_unfinished(stream) && (!oldest_unfinished || stream->stream_id < oldest_unfinished))
				oldest_unfinished = stream->stream_id;
		}
	}
	check_progress(connection, oldest_unfinished);
	connection->stream_bytes = bytes;
}

/* The connections that have gone longest without finishing a request end first: who trickles a body or takes nothing of an
 * answer is among them, who is being served is not. */
static void give_back(struct worker *worker, size_t held, size_t allowed)
{
	size_t ended = 0;
	for (h2o_linklist_t *row = worker->connections.next; row != &worker->connections && held > allowed;
	     row = row->next) {
		struct connection *connection = H2O_STRUCT_FROM_MEMBER(struct connection, link, row);
		if (connection->cut || connection->held < HELD_BYTES_MIN) continue;
		held -= connection->held;
		connection_cut(connection);
		ended++;
	}
	note_ended(worker, ended, "held too much");
}

static bool is_due(int64_t *checked_at, int64_t wait_ms)
{
	int64_t now = time_monotonic_ms();
	if (now - *checked_at < wait_ms) return false;
	*checked_at = now;
	return true;
}

void connections_check(struct worker *worker)
{
	const struct bridge_options *o = &worker->bridge->options;
	/* With few of them after each round: some thousand streams may have been abandoned in it. */
	if (worker->http2_count && is_due(&worker->http2_checked_at, (int64_t)worker->http2_count / CHECKED_PER_MS)) {
		for (h2o_linklist_t *row = worker->http2.next; row != &worker->http2; row = row->next) {
			struct connection *connection = H2O_STRUCT_FROM_MEMBER(struct connection, http2_link, row);
			if (!connection->cut) check_http2(connection);
		}
	}
	if (!is_due(&worker->checked_at, CHECK_MS)) return;
	h2o_linklist_t *row = worker->checking ? worker->checking : worker->connections.next;
	size_t held = worker->held;
	for (size_t i = 0; row != &worker->connections && i < CHECKED_AT_ONCE; row = row->next, i++) {
		struct connection *connection = H2O_STRUCT_FROM_MEMBER(struct connection, link, row);
		if (connection->cut) continue;
		connection->held = connection->sock->input->size + connection->stream_bytes + connection->answer_bytes;
		held += connection->held;
	}
	bool all = row == &worker->connections;
	worker->checking = all ? NULL : row;
	worker->held = all ? 0 : held;
	size_t allowed = o->held_bytes / o->threads;
	if (held > allowed) give_back(worker, held, allowed);
}
