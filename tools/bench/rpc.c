/* What our RPC runtime costs beside nng alone: an authenticated unary echo (cached token, validation, deadline, metrics) against a
 * raw nng echo of the same thread layout and message sizes. Over ipc and tcp the server is a process of its own. Each cell is
 * measured several times, ours and raw in turn, and the best of each counts. */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utlist.h>

#include "petfood/v1/task.pb-c.h"
#include "rpc/transport/call_service.h"
#include "rpc/transport/client.h"
#include "rpc/transport/server.h"
#include "rpc/wire/envelope.h"
#include "store/base/log.h"
#include "store/base/time.h"

enum { ROUNDS = 5, CELL_MS = 300, WORKERS = 8, RAW_CONTEXTS = 320, IN_FLIGHT_MAX = 256, ID_CHARS = 36 };

static const char echo_id[ID_CHARS + 1] = "0f8fad5b-d9cb-469f-a165-70867728950e";
static struct token_keys keys = { .count = 1, .keys = { { .secret = { "a key for measuring, known to all", 33 } } } };

/* ---- the method ---- */

enum { METHOD_POOLED, METHOD_INLINE, METHOD_COUNT };
static struct method_side methods[METHOD_COUNT];

static bool on_echo(struct call *call, const void *request, void *reply, struct error *err)
{
	(void)call;
	(void)err;
	((Petfood__V1__CancelTaskReply *)reply)->task_id = ((const Petfood__V1__GetTaskRequest *)request)->id;
	return true;
}
static const rpc_handler handlers[METHOD_COUNT] = { on_echo, on_echo };

static void make_methods(void)
{
	static const char *const names[] = { "petfood.bench.Echo/Pooled", "petfood.bench.Echo/Inline" };
	for (int i = 0; i < METHOD_COUNT; i++)
		methods[i] = (struct method_side){ .name = names[i],
			                           .request = message_by_name(STR("petfood.v1.GetTaskRequest")),
			                           .reply = message_by_name(STR("petfood.v1.CancelTaskReply")),
			                           .auth = AUTH_USER,
			                           .pool = i == METHOD_INLINE ? POOL_INLINE : POOL_WORKER,
			                           .no_side_effects = true };
}

/* ---- servers ---- */

static struct rpc_server *serve_ours(const char *url, char *out_url, size_t size)
{
	struct str listen = str_from(url);
	struct rpc_server_options options = { .listen = &listen,
		                              .listen_count = 1,
		                              .workers = WORKERS,
		                              .queue_length = IN_FLIGHT_MAX,
		                              .keys = &keys,
		                              .handlers = handlers,
		                              .methods = methods,
		                              .method_count = METHOD_COUNT };
	struct rpc_server *server = NULL;
	struct error err;
	error_clear(&err);
	if (!rpc_server_start(&options, &server, &err)) die("no server: %s", err.message);
	(void)snprintf(out_url, size, STR_FMT, STR_ARG(rpc_server_endpoint(server, 0)));
	return server;
}

struct raw_slot {
	struct raw_server *server;
	nng_ctx ctx;
	nng_aio *aio;
	bool sending;
	struct raw_slot *prev, *next;
};
struct raw_server {
	nng_socket socket;
	bool pooled, stopping;
	size_t reply_bytes;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct raw_slot *queue;
	pthread_t threads[WORKERS];
	struct raw_slot slots[RAW_CONTEXTS];
};

static void raw_answer(struct raw_slot *slot)
{
	nng_msg *msg = nng_aio_get_msg(slot->aio), *reply;
	nng_msg_free(msg);
	if (nng_msg_alloc(&reply, slot->server->reply_bytes) != 0) die("out of memory");
	memset(nng_msg_body(reply), 'x', slot->server->reply_bytes);
	slot->sending = true;
	nng_aio_set_msg(slot->aio, reply);
	nng_ctx_send(slot->ctx, slot->aio);
}

static void raw_on_aio(void *self)
{
	struct raw_slot *slot = self;
	struct raw_server *server = slot->server;
	if (nng_aio_result(slot->aio) != 0) return;
	if (slot->sending) {
		slot->sending = false;
		nng_ctx_recv(slot->ctx, slot->aio);
	} else if (!server->pooled) {
		raw_answer(slot);
	} else {
		pthread_mutex_lock(&server->lock);
		DL_APPEND(server->queue, slot);
		pthread_cond_signal(&server->work);
		pthread_mutex_unlock(&server->lock);
	}
}

static void *raw_work(void *self)
{
	struct raw_server *server = self;
	pthread_mutex_lock(&server->lock);
	for (;;) {
		while (!server->queue && !server->stopping) pthread_cond_wait(&server->work, &server->lock);
		struct raw_slot *slot = server->queue;
		if (!slot) break;
		DL_DELETE(server->queue, slot);
		pthread_mutex_unlock(&server->lock);
		raw_answer(slot);
		pthread_mutex_lock(&server->lock);
	}
	pthread_mutex_unlock(&server->lock);
	return NULL;
}

static struct raw_server *serve_raw(const char *url, bool pooled, size_t reply_bytes, char *out_url, size_t size)
{
	struct raw_server *server = calloc(1, sizeof *server);
	nng_listener listener;
	if (!server || nng_rep0_open(&server->socket) != 0) die("no raw server");
	server->pooled = pooled;
	server->reply_bytes = reply_bytes;
	pthread_mutex_init(&server->lock, NULL);
	pthread_cond_init(&server->work, NULL);
	int rv = nng_listen(server->socket, url, &listener, 0);
	if (rv != 0) die("cannot listen on %s: %s", url, nng_strerror(rv));
	(void)snprintf(out_url, size, "%s", url);
	nng_sockaddr address;
	if (nng_listener_get_addr(listener, NNG_OPT_LOCADDR, &address) == 0 && address.s_family == NNG_AF_INET)
		(void)snprintf(out_url, size, "tcp://127.0.0.1:%u", (unsigned)__builtin_bswap16(address.s_in.sa_port));
	for (int i = 0; pooled && i < WORKERS; i++)
		if (pthread_create(&server->threads[i], NULL, raw_work, server) != 0) die("no thread");
	for (size_t i = 0; i < RAW_CONTEXTS; i++) {
		struct raw_slot *slot = &server->slots[i];
		slot->server = server;
		if (nng_aio_alloc(&slot->aio, raw_on_aio, slot) != 0 || nng_ctx_open(&slot->ctx, server->socket) != 0)
			die("out of memory");
		nng_ctx_recv(slot->ctx, slot->aio);
	}
	return server;
}

static void stop_raw(struct raw_server *server)
{
	pthread_mutex_lock(&server->lock);
	server->stopping = true;
	pthread_cond_broadcast(&server->work);
	pthread_mutex_unlock(&server->lock);
	for (int i = 0; server->pooled && i < WORKERS; i++) pthread_join(server->threads[i], NULL);
	for (size_t i = 0; i < RAW_CONTEXTS; i++) nng_ctx_close(server->slots[i].ctx);
	for (size_t i = 0; i < RAW_CONTEXTS; i++) nng_aio_stop(server->slots[i].aio);
	nng_close(server->socket);
	for (size_t i = 0; i < RAW_CONTEXTS; i++) nng_aio_free(server->slots[i].aio);
	pthread_mutex_destroy(&server->lock);
	pthread_cond_destroy(&server->work);
	free(server);
}

/* bench_rpc --serve ours|raw-pooled|raw-inline URL REPLY_BYTES: prints its address, ends with its parent. */
static _Noreturn void serve(const char *what, const char *url, size_t reply_bytes)
{
	char own[160];
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (strcmp(what, "ours") == 0)
		(void)serve_ours(url, own, sizeof own);
	else
		(void)serve_raw(url, strcmp(what, "raw-pooled") == 0, reply_bytes, own, sizeof own);
	(void)printf("%s\n", own);
	(void)fflush(stdout);
	for (;;) pause();
}

/* ---- clients ---- */

struct load {
	atomic_bool stop;
	atomic_size_t done, running, failed;
	pthread_mutex_t lock;
	pthread_cond_t idle;
};

static void one_ended(struct load *load, bool ok)
{
	atomic_fetch_add_explicit(ok ? &load->done : &load->failed, 1, memory_order_relaxed);
}
static void one_left(struct load *load)
{
	pthread_mutex_lock(&load->lock);
	if (atomic_fetch_sub(&load->running, 1) == 1) pthread_cond_signal(&load->idle);
	pthread_mutex_unlock(&load->lock);
}

struct our_client {
	struct rpc_client *client;
	struct rpc_metadata metadata;
	const struct method_side *method;
	struct load *load;
};

static void our_done(void *self, const struct rpc_outcome *outcome);
static void our_start(struct our_client *c)
{
	Petfood__V1__GetTaskRequest request = PETFOOD__V1__GET_TASK_REQUEST__INIT;
	struct error err;
	request.id = (char *)(uintptr_t)echo_id;
	error_clear(&err);
	if (!rpc_client_start(c->client, c->method, &request.base, &c->metadata, 0, our_done, c, NULL, &err))
		die("cannot start: %s %s", err.reason, err.message);
}
static void our_done(void *self, const struct rpc_outcome *outcome)
{
	struct our_client *c = self;
	one_ended(c->load, outcome->code == RPC_OK && outcome->payload.len == ID_CHARS + 2);
	if (atomic_load_explicit(&c->load->stop, memory_order_relaxed))
		one_left(c->load);
	else
		our_start(c);
}

struct raw_link {
	struct load *load;
	nng_ctx ctx;
	nng_aio *aio;
	size_t request_bytes;
	bool sending;
};
static void raw_start(struct raw_link *link)
{
	nng_msg *msg;
	if (nng_msg_alloc(&msg, link->request_bytes) != 0) die("out of memory");
	memset(nng_msg_body(msg), 'x', link->request_bytes);
	link->sending = true;
	nng_aio_set_msg(link->aio, msg);
	nng_ctx_send(link->ctx, link->aio);
}
static void raw_link_on_aio(void *self)
{
	struct raw_link *link = self;
	int rv = nng_aio_result(link->aio);
	if (rv != 0) die("raw client: %s", nng_strerror(rv));
	if (link->sending) {
		link->sending = false;
		nng_ctx_recv(link->ctx, link->aio);
		return;
	}
	nng_msg_free(nng_aio_get_msg(link->aio));
	one_ended(link->load, true);
	if (atomic_load_explicit(&link->load->stop, memory_order_relaxed))
		one_left(link->load);
	else
		raw_start(link);
}

/* ---- a cell ---- */

static struct str token;

struct sizes {
	size_t request, reply;
};
static struct sizes message_sizes(void)
{
	struct envelope envelope = { .method = methods[0].name, .timeout_ms = CALL_TIMEOUT_MS_DEFAULT };
	envelope.metadata.authorization = token;
	envelope.payload = (struct str){ echo_id, ID_CHARS + 2 };
	return (struct sizes){ envelope_packed_size(&envelope), 2 + 2 + ID_CHARS + 2 };
}

static double wait_load(struct load *load)
{
	int64_t began_us = time_monotonic_us();
	struct timespec span = { 0, CELL_MS * 1000000L };
	nanosleep(&span, NULL);
	size_t done = atomic_load(&load->done);
	int64_t took_us = time_monotonic_us() - began_us;
	atomic_store(&load->stop, true);
	pthread_mutex_lock(&load->lock);
	while (atomic_load(&load->running)) pthread_cond_wait(&load->idle, &load->lock);
	pthread_mutex_unlock(&load->lock);
	if (atomic_load(&load->failed)) die("%zu calls failed", atomic_load(&load->failed));
	return (double)done * 1e6 / (double)took_us;
}

static double load_ours(const char *url, int method, size_t in_flight)
{
	struct load load = { .lock = PTHREAD_MUTEX_INITIALIZER, .idle = PTHREAD_COND_INITIALIZER };
	struct our_client c = { .load = &load, .method = &methods[method], .metadata.authorization = token };
	struct str endpoint = str_from(url);
	struct rpc_client_options options = { .endpoints = &endpoint, .endpoint_count = 1 };
	struct error err;
	error_clear(&err);
	if (!rpc_client_create(&options, &c.client, &err)) die("no client: %s", err.message);
	atomic_store(&load.running, in_flight);
	for (size_t i = 0; i < in_flight; i++) our_start(&c);
	double rate = wait_load(&load);
	rpc_client_destroy(&c.client);
	return rate;
}

static double load_raw(const char *url, size_t request_bytes, size_t in_flight)
{
	struct load load = { .lock = PTHREAD_MUTEX_INITIALIZER, .idle = PTHREAD_COND_INITIALIZER };
	static struct raw_link links[IN_FLIGHT_MAX];
	nng_socket socket;
	int rv;
	if (nng_req0_open(&socket) != 0) die("no raw client");
	if ((rv = nng_dial(socket, url, NULL, 0)) != 0) die("cannot dial %s: %s", url, nng_strerror(rv));
	atomic_store(&load.running, in_flight);
	for (size_t i = 0; i < in_flight; i++) {
		links[i] = (struct raw_link){ .load = &load, .request_bytes = request_bytes };
		if (nng_aio_alloc(&links[i].aio, raw_link_on_aio, &links[i]) != 0 ||
		    nng_ctx_open(&links[i].ctx, socket) != 0)
			die("out of memory");
	}
	for (size_t i = 0; i < in_flight; i++) raw_start(&links[i]);
	double rate = wait_load(&load);
	for (size_t i = 0; i < in_flight; i++) {
		nng_aio_stop(links[i].aio);
		nng_ctx_close(links[i].ctx);
		nng_aio_free(links[i].aio);
	}
	nng_close(socket);
	return rate;
}

/* ---- the table ---- */

struct peer {
	pid_t pid; /* 0: in this process */
	char url[160];
	struct rpc_server *ours;
	struct raw_server *raw;
};

extern char **environ;

static void peer_start(struct peer *peer, const char *what, const char *url, size_t reply_bytes)
{
	memset(peer, 0, sizeof *peer);
	if (strncmp(url, "inproc", 6) == 0) {
		if (strcmp(what, "ours") == 0)
			peer->ours = serve_ours(url, peer->url, sizeof peer->url);
		else
			peer->raw =
			    serve_raw(url, strcmp(what, "raw-pooled") == 0, reply_bytes, peer->url, sizeof peer->url);
		return;
	}
	int out[2];
	char size[24];
	(void)snprintf(size, sizeof size, "%zu", reply_bytes);
	char *arguments[] = { "bench_rpc", "--serve", (char *)(uintptr_t)what, (char *)(uintptr_t)url, size, NULL };
	posix_spawn_file_actions_t actions;
	if (pipe(out) != 0) die("no pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	posix_spawn_file_actions_addclose(&actions, out[0]);
	if (posix_spawn(&peer->pid, "/proc/self/exe", &actions, NULL, arguments, environ) != 0) die("no process");
	posix_spawn_file_actions_destroy(&actions);
	close(out[1]);
	FILE *in = fdopen(out[0], "r");
	if (!in || !fgets(peer->url, sizeof peer->url, in)) die("the server did not start");
	peer->url[strcspn(peer->url, "\n")] = '\0';
	(void)fclose(in);
}

static void peer_stop(struct peer *peer)
{
	if (peer->pid) {
		kill(peer->pid, SIGTERM);
		waitpid(peer->pid, NULL, 0);
	}
	if (peer->raw) stop_raw(peer->raw);
	rpc_server_stop(&peer->ours);
}

static void make_token(struct arena *arena)
{
	struct token_claims claims = { .type = TOKEN_ACCESS };
	struct error err;
	error_clear(&err);
	(void)snprintf(claims.subject, sizeof claims.subject, "%s", echo_id);
	(void)snprintf(claims.username, sizeof claims.username, "ann");
	claims.issued_at_s = time_now_us() / 1000000;
	claims.expires_at_s = claims.issued_at_s + 3600;
	if (!token_sign(arena, &keys, &claims, &token, &err)) die("no token: %s", err.message);
	token = str_printf(arena, "Bearer " STR_FMT, STR_ARG(token));
}

/* An address for a server of that name. */
static void make_url(char *out, size_t size, const char *transport, const char *directory, const char *name, int method)
{
	if (strcmp(transport, "tcp") == 0)
		(void)snprintf(out, size, "tcp://127.0.0.1:0");
	else
		(void)snprintf(out, size, "%s://%s/%s%d", transport, directory, name, method);
}

/* bench_rpc [TRANSPORT [LAYOUT [IN_FLIGHT [ours|raw]]]]: only those cells, for profiling; "-" = any. */
static bool is_wanted(const char *filter, const char *value)
{
	return !filter || strcmp(filter, "-") == 0 || strcmp(filter, value) == 0;
}

static void measure(const char *transport, const char *directory, char **filter)
{
	static const size_t in_flight[] = { 1, 16, 64, 256 };
	static const char *const raw_kind[METHOD_COUNT] = { "raw-pooled", "raw-inline" };
	struct sizes sizes = message_sizes();
	static const char *const layout[METHOD_COUNT] = { "pool", "inline" };
	if (!is_wanted(filter[0], transport)) return;
	for (int method = 0; method < METHOD_COUNT; method++) {
		struct peer ours, raw;
		if (!is_wanted(filter[1], layout[method])) continue;
		char url[160], raw_url[160];
		make_url(url, sizeof url, transport, directory, "ours", method);
		make_url(raw_url, sizeof raw_url, transport, directory, "raw", method);
		peer_start(&ours, "ours", url, 0);
		peer_start(&raw, raw_kind[method], raw_url, sizes.reply);
		for (size_t k = 0; k < COUNT(in_flight); k++) {
			double best_ours = 0, best_raw = 0;
			char number[8];
			(void)snprintf(number, sizeof number, "%zu", in_flight[k]);
			if (!is_wanted(filter[2], number)) continue;
			for (int round = 0; round < ROUNDS; round++) {
				double r =
				    is_wanted(filter[3], "raw") ? load_raw(raw.url, sizes.request, in_flight[k]) : 0;
				double o = is_wanted(filter[3], "ours") ? load_ours(ours.url, method, in_flight[k]) : 0;
				if (r > best_raw) best_raw = r;
				if (o > best_ours) best_ours = o;
			}
			(void)printf("%-9s %-7s %9zu %12.0f %12.0f %8.2f\n", transport, layout[method], in_flight[k],
			             best_raw, best_ours, best_ours / best_raw);
			(void)fflush(stdout);
		}
		peer_stop(&ours);
		peer_stop(&raw);
	}
}

int main(int argc, char **argv)
{
	log_setup(LOG_WARN, false);
	make_methods();
	if (argc == 5 && strcmp(argv[1], "--serve") == 0) serve(argv[2], argv[3], (size_t)atol(argv[4]));
	struct arena *arena = arena_create(0);
	char directory[] = "/tmp/petfood-bench-XXXXXX";
	if (!mkdtemp(directory)) die("no directory");
	make_token(arena);
	struct sizes sizes = message_sizes();
	(void)printf(
	    "echo with a cached token; request %zu, reply %zu bytes; %d rounds of %d ms each, the best of each side\n",
	    sizes.request, sizes.reply, ROUNDS, CELL_MS);
	(void)printf("%-9s %-7s %9s %12s %12s %8s\n", "transport", "layout", "in flight", "raw nng/s", "petfood/s",
	             "ratio");
	char *filter[4] = { NULL };
	for (int i = 1; i < argc && i <= 4; i++) filter[i - 1] = argv[i];
	measure("inproc", directory, filter);
	measure("ipc", directory, filter);
	measure("tcp", directory, filter);
	(void)rmdir(directory); /* the sockets went with their servers, but for lock files */
	arena_destroy(&arena);
	return 0;
}
