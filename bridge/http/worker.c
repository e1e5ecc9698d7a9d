/* One event loop: the inbox, clients that hang up, timers, and the way out. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/http/edge.h"
#include "store/base/log.h"

enum {
	INPUT_BYTES_FIRST = 4096,
	WATCH_CALLS_MS = 50,   /* a client that hangs up ends its call within 100 ms */
	WATCH_STREAMS_MS = 1000,
	RESUME_MS = 100, /* how often a listener at the connection limit looks again */
	LINGER_MS = 2000,
	LINGER_BYTES_MAX = 64 * 1024 * 1024,
	LINGERING_MAX = 64,   /* they are not among the connections that are counted */
	STOP_WAIT_MS = 10000, /* for connections and calls to end after they were cut */
};

/* h2o keeps freed blocks in lists of the thread, and forgets them when the thread ends: bounded, and at the end of the process.
 * The leak check must not stumble over them. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_LEAK_CHECK 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define WITH_LEAK_CHECK 1
#endif
#ifdef WITH_LEAK_CHECK
const char *__lsan_default_suppressions(void);
__attribute__((weak)) const char *__lsan_default_suppressions(void) { return "leak:h2o_mem_alloc_recycle\n"; }
#endif

struct lingerer {
	h2o_linklist_t link;
	h2o_timeout_entry_t timeout;
	struct worker *worker;
	h2o_socket_t *sock;
	size_t left;
};

static void on_inbox(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
	(void)receiver;
	while (!h2o_linklist_is_empty(messages)) { /* h2o asserts that nothing is left */
		h2o_multithread_message_t *super =
		    H2O_STRUCT_FROM_MEMBER(h2o_multithread_message_t, link, messages->next);
		struct message *message = H2O_STRUCT_FROM_MEMBER(struct message, super, super);
		h2o_linklist_unlink(&super->link);
		message->run(message);
	}
}

void worker_post(struct worker *worker, struct message *message)
{
	/* h2o links the message first and writes to the queue's descriptor after: the loop may have run it, and be on its way out,
	 * before the write. */
	atomic_fetch_add(&worker->posting, 1);
	h2o_multithread_send_message(&worker->inbox, &message->super);
	atomic_fetch_sub(&worker->posting, 1);
}

/* ---- metrics ---- */

void worker_count_answer(struct worker *worker, size_t row, int status, int64_t took_us)
{
	struct route_metrics *metrics = &worker->metrics[row];
	size_t slot = 0;
	while (slot < STATUS_SLOTS - 1 && metrics->slots[slot].requests && metrics->slots[slot].status != status)
		slot++;
	if (!metrics->slots[slot].requests) {
		char labels[256];
		char code[16] = "other";
		if (slot < STATUS_SLOTS - 1) (void)snprintf(code, sizeof code, "%d", status);
		(void)snprintf(labels, sizeof labels, "method=\"%s\",route=\"%s\",status=\"%s\"", metrics->method,
		               metrics->path, code);
		metrics->slots[slot].requests =
		    metric_counter("petfood_http_requests_total", labels, "Answered HTTP requests.");
		metrics->slots[slot].status = status;
	}
	if (!metrics->seconds) {
		char labels[256];
		(void)snprintf(labels, sizeof labels, "method=\"%s\",route=\"%s\"", metrics->method, metrics->path);
		metrics->seconds =
		    metric_histogram("petfood_http_request_seconds", labels,
		                     "Time from the whole request to its answer; for streams to the first byte.");
	}
	metric_add(metrics->slots[slot].requests, 1);
	metric_observe_us(metrics->seconds, took_us);
}

/* ---- listeners ---- */

static void close_listeners(struct worker *worker)
{
	h2o_timeout_unlink(&worker->resume_entry);
	for (size_t i = 0; i < worker->bridge->listen_count; i++) {
		if (!worker->listeners[i]) continue;
		if (!worker->paused) h2o_socket_read_stop(worker->listeners[i]);
		h2o_socket_close(worker->listeners[i]);
		worker->listeners[i] = NULL;
	}
}

/* ---- clients that hang up: h2o does not read an HTTP/1 connection while it owes it an answer ---- */

static bool has_hung_up(struct pollfd *fds, size_t count)
{
	for (size_t i = 0; i < count; i++) fds[i].events = POLLRDHUP;
	return poll(fds, count, 0) > 0;
}

static int connection_fd(const struct connection *connection)
{
	return connection->sock ? h2o_socket_get_fd(connection->sock) : -1;
}

/* Asks the kernel in chunks; calls fn for each row whose client is gone. fn may unlink the row. */
static void watch(h2o_linklist_t *rows, int (*fd_of)(h2o_linklist_t *row), void (*fn)(h2o_linklist_t *row))
{
	enum { CHUNK = 256 };
	h2o_linklist_t *row = rows->next;
	while (row != rows) {
		struct pollfd fds[CHUNK];
		h2o_linklist_t *chunk[CHUNK];
		size_t count = 0;
		for (; row != rows && count < CHUNK; row = row->next) {
			chunk[count] = row;
			fds[count] = (struct pollfd){ .fd = fd_of(row) };
			count++;
		}
		if (!has_hung_up(fds, count)) continue;
		for (size_t i = 0; i < count; i++) {
			if (fds[i].revents & (POLLRDHUP | POLLHUP | POLLERR)) fn(chunk[i]);
		}
	}
}

static struct exchange *waiting_exchange(h2o_linklist_t *row)
{
	return H2O_STRUCT_FROM_MEMBER(struct exchange, link, row);
}
static int waiting_fd(h2o_linklist_t *row)
{
	struct exchange *x = waiting_exchange(row);
	/* The end of the input may be our own: worker_drain shuts connections whose next request has come but was not read yet. */
	if (x->worker->draining) return -1;
	return x->req && x->req->version < 0x200 ? connection_fd(x->connection) : -1; /* HTTP/2 is always read */
}
static void waiting_gone(h2o_linklist_t *row)
{
	struct exchange *x = waiting_exchange(row);
	if (x->pending) rpc_pending_cancel(&x->pending);
}
static void on_watch_calls(h2o_timeout_entry_t *entry)
{
	struct worker *worker = H2O_STRUCT_FROM_MEMBER(struct worker, watch_calls_entry, entry);
	watch(&worker->waiting, waiting_fd, waiting_gone);
	h2o_timeout_link(worker->loop, &worker->watch_calls, &worker->watch_calls_entry);
}

static int stream_fd(h2o_linklist_t *row) { return connection_fd(stream_connection(stream_of_link(row))); }
static void stream_gone(h2o_linklist_t *row)
{
	struct stream *stream = stream_of_link(row);
	connection_close(stream_connection(stream)); /* wakes a write that waits for room */
	stream_end(stream);                        /* and a stream that has nothing to write */
}
static void on_watch_streams(h2o_timeout_entry_t *entry)
{
	struct worker *worker = H2O_STRUCT_FROM_MEMBER(struct worker, watch_streams_entry, entry);
	watch(&worker->streams, stream_fd, stream_gone);
	h2o_timeout_link(worker->loop, &worker->watch_streams, &worker->watch_streams_entry);
}

/* ---- lingering ---- */

static void linger_end(struct lingerer *linger)
{
	h2o_timeout_unlink(&linger->timeout);
	h2o_linklist_unlink(&linger->link);
	linger->worker->lingering_count--;
	h2o_socket_close(linger->sock);
	free(linger);
}
static void on_linger_timeout(h2o_timeout_entry_t *entry)
{
	linger_end(H2O_STRUCT_FROM_MEMBER(struct lingerer, timeout, entry));
}
static void on_linger_read(h2o_socket_t *sock, const char *err)
{
	struct lingerer *linger = sock->data;
	size_t got = sock->input->size;
	h2o_buffer_consume(&sock->input, got);
	linger->left = got < linger->left ? linger->left - got : 0;
	if (err || linger->left == 0) linger_end(linger);
}

void worker_linger(struct worker *worker, h2o_req_t *req)
{
	h2o_socket_t *sock = req->conn->callbacks->get_socket(req->conn);
	if (req->version >= 0x200 || worker->lingering_count >= LINGERING_MAX) return;
	int fd = fcntl(h2o_socket_get_fd(sock), F_DUPFD_CLOEXEC, 0);
	if (fd == -1) return; /* the answer may be lost to a reset then */
	worker->lingering_count++;
	struct lingerer *linger = calloc(1, sizeof *linger);
	if (!linger) die("out of memory");
	linger->left = LINGER_BYTES_MAX;
	linger->worker = worker;
	linger->sock = h2o_evloop_socket_create(worker->loop, fd, 0);
	linger->sock->data = linger;
	linger->timeout.cb = on_linger_timeout;
	h2o_linklist_insert(&worker->lingering, &linger->link);
	h2o_timeout_link(worker->loop, &worker->linger, &linger->timeout);
	h2o_socket_read_start(linger->sock, on_linger_read);
}

/* ---- life ---- */

static void add_timer(struct worker *worker, h2o_timeout_t *timeout, uint64_t ms)
{
	h2o_timeout_init(worker->loop, timeout, ms);
}

static void init(struct worker *worker)
{
	struct bridge *bridge = worker->bridge;
	/* h2o reads 4 KiB at once but begins with a buffer of 8, which an open stream keeps. Of this thread, before its first socket. */
	h2o_socket_buffer_prototype._initial_buf.capacity = INPUT_BYTES_FIRST;
	h2o_linklist_init_anchor(&worker->connections);
	h2o_linklist_init_anchor(&worker->idle);
	h2o_linklist_init_anchor(&worker->http2);
	h2o_linklist_init_anchor(&worker->fresh);
	h2o_linklist_init_anchor(&worker->waiting);
	h2o_linklist_init_anchor(&worker->streams);
	h2o_linklist_init_anchor(&worker->lingering);
	worker->drain_message.run = worker_drain;
	worker->stop_message.run = worker_stop;
	size_t rows = builtin_count() + route_count;
	worker->metrics = calloc(rows, sizeof *worker->metrics);
	if (!worker->metrics) die("out of memory");
	for (size_t i = 0; i < rows; i++) {
		struct route_metrics *metrics = &worker->metrics[i];
		const struct route_side *route = i < builtin_count() ? NULL : &route_table[i - builtin_count()];
		metrics->method = route ? http_verb_names[route->verb] : "GET";
		metrics->path = route ? route->path : builtin_path(i);
	}

	worker->loop = h2o_evloop_create();
	clock_step_init(worker);
	h2o_context_init(&worker->ctx, worker->loop, &bridge->config);
	h2o_multithread_register_receiver(worker->ctx.queue, &worker->inbox, on_inbox);
	worker->accept =
	    (h2o_accept_ctx_t){ .ctx = &worker->ctx, .hosts = bridge->config.hosts, .ssl_ctx = bridge->tls };
	add_timer(worker, &worker->heartbeat, bridge->options.heartbeat_ms);
	add_timer(worker, &worker->stall, bridge->options.write_timeout_ms);
	add_timer(worker, &worker->watch_calls, WATCH_CALLS_MS);
	add_timer(worker, &worker->watch_streams, WATCH_STREAMS_MS);
	add_timer(worker, &worker->resume, RESUME_MS);
	add_timer(worker, &worker->linger, LINGER_MS);
	worker->watch_calls_entry.cb = on_watch_calls;
	worker->watch_streams_entry.cb = on_watch_streams;
	worker->resume_entry.cb = worker_on_resume;
	for (size_t i = 0; i < bridge->listen_count; i++) {
		int fd = fcntl(bridge->listen_fds[i], F_DUPFD_CLOEXEC, 0);
		if (fd == -1) die("cannot share a listener: %s", strerror(errno));
		worker->listeners[i] = h2o_evloop_socket_create(worker->loop, fd, H2O_SOCKET_FLAG_DONT_READ);
		worker->listeners[i]->data = worker;
	}
}

void worker_drain(struct message *message)
{
	struct worker *worker = H2O_STRUCT_FROM_MEMBER(struct worker, drain_message, message);
	if (worker->draining) return;
	worker->draining = true;
	close_listeners(worker);
	h2o_context_request_shutdown(&worker->ctx); /* GOAWAY; "connection: close" on the next HTTP/1 answers */
	for (h2o_linklist_t *row = worker->streams.next, *next; row != &worker->streams; row = next) {
		next = row->next;
		stream_end(stream_of_link(row));
	}
	/* Idle keep-alive connections are not closed by h2o. */
	for (h2o_linklist_t *row = worker->connections.next; row != &worker->connections; row = row->next) {
		struct connection *connection = H2O_STRUCT_FROM_MEMBER(struct connection, link, row);
		if (connection->exchanges == 0) (void)shutdown(connection_fd(connection), SHUT_RD);
	}
}

void worker_stop(struct message *message)
{
	struct worker *worker = H2O_STRUCT_FROM_MEMBER(struct worker, stop_message, message);
	worker->stopping = true;
}

static void cut_everything(struct worker *worker)
{
	worker_drain(&worker->drain_message);
	for (h2o_linklist_t *row = worker->connections.next; row != &worker->connections; row = row->next) {
		connection_close(H2O_STRUCT_FROM_MEMBER(struct connection, link, row));
	}
	for (h2o_linklist_t *row = worker->waiting.next; row != &worker->waiting; row = row->next) waiting_gone(row);
	for (h2o_linklist_t *row = worker->streams.next, *next; row != &worker->streams; row = next) {
		next = row->next;
		stream_end(stream_of_link(row));
	}
	while (!h2o_linklist_is_empty(&worker->lingering)) {
		linger_end(H2O_STRUCT_FROM_MEMBER(struct lingerer, link, worker->lingering.next));
	}
}

static bool is_empty(const struct worker *worker)
{
	return worker->calls == 0 && worker->open_streams == 0 &&
	       h2o_linklist_is_empty((h2o_linklist_t *)&worker->connections);
}

static void fini(struct worker *worker)
{
	h2o_timeout_t *timers[] = { &worker->heartbeat,     &worker->stall,  &worker->watch_calls,
		                    &worker->watch_streams, &worker->resume, &worker->linger };
	h2o_timeout_unlink(&worker->watch_calls_entry);
	h2o_timeout_unlink(&worker->watch_streams_entry);
	clock_step_fini(worker);
	for (size_t i = 0; i < COUNT(timers); i++) h2o_timeout_dispose(worker->loop, timers[i]);
	while (worker->spare) {
		struct exchange *x = worker->spare;
		worker->spare = x->next;
		arena_destroy(&x->arena);
		free(x);
	}
	free(worker->metrics);
	h2o_multithread_queue_t *queue = worker->ctx.queue;
	while (atomic_load(&worker->posting) > 0) (void)sched_yield(); /* a write into the queue's descriptor, at most */
	h2o_multithread_unregister_receiver(queue, &worker->inbox);
	/* GOAWAY's second round may still be planned. */
	h2o_timeout_unlink(&worker->ctx.http2._graceful_shutdown_timeout);
	h2o_context_dispose(&worker->ctx);
	free(queue); /* 2.2.5 forgets it */
	h2o_evloop_destroy(worker->loop);
}

void worker_run(struct worker *worker)
{
	/* writev on a connection that the client has closed must be an error, not a signal. */
	sigset_t pipe_only;
	(void)sigemptyset(&pipe_only);
	(void)sigaddset(&pipe_only, SIGPIPE);
	(void)pthread_sigmask(SIG_BLOCK, &pipe_only, NULL);

	init(worker);
	pthread_mutex_lock(&worker->bridge->lock);
	worker->bridge->workers_ready++;
	pthread_cond_broadcast(&worker->bridge->changed);
	pthread_mutex_unlock(&worker->bridge->lock);

	worker_listen(worker, true);
	h2o_timeout_link(worker->loop, &worker->watch_calls, &worker->watch_calls_entry);
	h2o_timeout_link(worker->loop, &worker->watch_streams, &worker->watch_streams_entry);
	while (!worker->stopping) {
		(void)h2o_evloop_run(worker->loop, CLOCK_STEP_TURN_MS); /* -1: a signal; go on */
		clock_step_after_turn(worker);
		exchanges_begin_fresh(worker);
		connections_check(worker);
	}

	cut_everything(worker);
	int64_t until = time_monotonic_ms() + STOP_WAIT_MS;
	while (!is_empty(worker) && time_monotonic_ms() < until) (void)h2o_evloop_run(worker->loop, 10);
	if (is_empty(worker)) {
		fini(worker);
		worker->ended = true;
	} else {
		/* h2o asserts on a context with live connections; the process is about to end anyway. */
		log_warn("bridge.left_open", LOG_INT("calls", worker->calls), LOG_INT("streams", worker->open_streams));
	}
}
