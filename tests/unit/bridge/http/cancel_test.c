/* B39 to its end: a client of the bridge goes, and the handler at the other end of the RPC sees its cancel flag. The real bridge, client and
 * server; only the handler is the test's. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "bridge/http/bridge.h"
#include "petfood/v1/plan.pb-c.h"
#include "rpc/transport/call_service.h"
#include "rpc/transport/server.h"
#include "store/base/log.h"
#include "store/base/time.h"
#include "tests/support/check.h"
#include "tests/unit/bridge/http/h2_client.h"

enum { PATIENCE_S = 20, ROUNDS = 5, METHODS = 4 };

const rpc_handler handler_table[1] = { NULL }; /* the library's default; not used here */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int inside, told; /* under the lock: handlers at work; those that were told to stop */

/* Works until it is told to stop; looks at the flag as long handlers do. */
static bool on_work(struct call *call, const void *request, void *reply, struct error *err)
{
	(void)request;
	(void)reply;
	pthread_mutex_lock(&lock);
	inside++;
	pthread_cond_broadcast(&changed);
	for (int64_t until = time_monotonic_ms() + PATIENCE_S * 1000;
	     !atomic_load(call->cancelled) && time_monotonic_ms() < until;) {
		struct timespec soon;
		clock_gettime(CLOCK_REALTIME, &soon);
		soon.tv_nsec += 1000000;
		if (soon.tv_nsec >= 1000000000) soon.tv_sec++, soon.tv_nsec -= 1000000000;
		(void)pthread_cond_timedwait(&changed, &lock, &soon);
	}
	inside--;
	told += atomic_load(call->cancelled);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return error_set(err, RPC_CANCELLED, "CALL_CANCELLED", "told to stop");
}

static bool wait_for(const int *number, int wanted)
{
	struct timespec until;
	int rc = 0;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	pthread_mutex_lock(&lock);
	while (*number != wanted && rc == 0) rc = pthread_cond_timedwait(&changed, &lock, &until);
	bool good = *number == wanted;
	pthread_mutex_unlock(&lock);
	return good;
}

/* How a client goes. */
enum leaving { LEAVE_CLOSE, LEAVE_RESET, LEAVE_H2_RESET, LEAVE_H2_CLOSE };

static const struct row {
	const char *label;
	enum leaving leaving;
	const char *method, *path;
	int bound_ms; /* of the best round: 100 over HTTP/2, two heartbeats over HTTP/1.1 */
} rows[] = {
	{ "HTTP/1.1, closed", LEAVE_CLOSE, "GET", "/api/v1/plans/p1", 400 },
	{ "HTTP/1.1, closed, an empty request", LEAVE_CLOSE, "POST", "/api/v1/plans/p1/confirm", 400 },
	{ "HTTP/1.1, reset", LEAVE_RESET, "GET", "/api/v1/plans/p1", 400 },
	{ "HTTP/2, RST_STREAM", LEAVE_H2_RESET, "GET", "/api/v1/plans/p1", 100 },
	{ "HTTP/2, RST_STREAM, an empty request", LEAVE_H2_RESET, "POST", "/api/v1/plans/p1/confirm", 100 },
	{ "HTTP/2, closed", LEAVE_H2_CLOSE, "GET", "/api/v1/plans/p1", 100 },
	{ "HTTP/2, closed, an empty request", LEAVE_H2_CLOSE, "POST", "/api/v1/plans/p1/confirm", 100 },
};

/* Milliseconds from the client's going to the handler's end; below 0: it never ended so. */
static double leave(const struct row *row, uint16_t plain_port, uint16_t tls_port, int round)
{
	struct http_client plain = { .fd = -1 };
	struct h2 c;
	struct strbuf out;
	bool http2 = row->leaving == LEAVE_H2_RESET || row->leaving == LEAVE_H2_CLOSE;
	strbuf_init(&out, NULL);
	if (http2) {
		h2_open(&c, tls_port);
		h2_add_request(&out, 1, row->method, row->path, NULL, 0, true);
		tls_send(&c, out.data, out.len);
	} else {
		http_open(&plain, plain_port);
		http_sendf(&plain, "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", row->method, row->path,
		           strcmp(row->method, "POST") == 0 ? "Content-Length: 0\r\n" : "");
	}
	bool good = CHECK_ROW(row->label, wait_for(&inside, 1));
	int64_t gone_at = time_monotonic_us();
	struct linger now = { 1, 0 };
	if (row->leaving == LEAVE_RESET) (void)setsockopt(plain.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	if (row->leaving == LEAVE_H2_RESET) {
		out.len = 0;
		h2_add_frame(&out, H2_RST, 0, 1, H2_CANCEL, 4);
		tls_send(&c, out.data, out.len);
	} else if (http2) {
		tls_close(&c);
	} else {
		http_close(&plain);
	}
	good = CHECK_ROW(row->label, wait_for(&inside, 0)) && good;
	double ms = (double)(time_monotonic_us() - gone_at) / 1000;
	good = CHECK_ROW(row->label, wait_for(&told, round + 1)) && good;
	if (row->leaving == LEAVE_H2_RESET) tls_close(&c);
	strbuf_fini(&out);
	return good ? ms : -1;
}

static void check_rows(uint16_t plain_port, uint16_t tls_port)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		double best = 1e9;
		told = 0; /* nobody is at work */
		for (int round = 0; round < ROUNDS; round++) {
			double ms = leave(&rows[i], plain_port, tls_port, round);
			if (ms < 0) return;
			if (ms < best) best = ms;
		}
		(void)printf("B39 %s: the handler was told after %.1f ms (best of %d)\n", rows[i].label, best, ROUNDS);
		CHECK_ROW(rows[i].label, best < rows[i].bound_ms);
	}
}

/* Who cancels must be who called, so the bridge needs its identity, as it has it in every process. */
static size_t service_token(void *self, char *out, size_t cap)
{
	const struct str *token = self;
	if (token->len > cap) return 0;
	memcpy(out, token->ptr, token->len);
	return token->len;
}

static struct str make_service_token(struct arena *arena, const struct token_keys *keys)
{
	struct token_claims claims = { .type = TOKEN_SERVICE,
		                       .subject = "bridge",
		                       .issued_at_s = time_now_us() / 1000000 };
	struct error err = { 0 };
	struct str token = STR_NONE;
	claims.expires_at_s = claims.issued_at_s + 600;
	CHECK_OK(token_sign(arena, keys, &claims, &token, &err), &err);
	return str_printf(arena, "Bearer " STR_FMT, STR_ARG(token));
}

int main(void)
{
	static const char *const names[METHODS] = { "petfood.v1.PlanService/GetPlan",
		                                    "petfood.v1.PlanService/ConfirmPlan",
		                                    "petfood.rpc.v1.CallService/Cancel",
		                                    "petfood.rpc.v1.CallService/Ping" };
	static const rpc_handler handlers[METHODS] = { on_work, on_work, call_service_cancel, call_service_ping };
	struct method_side methods[METHODS];
	struct error err = { 0 };
	struct rpc_server *server;
	struct rpc_client *client;
	struct bridge *plain, *tls;
	struct certificate certificate;
	struct token_keys keys = { 1, { { "", { "0123456789abcdef0123456789abcdef", 32 } } } };
	struct str address = STR("inproc://bridge-cancel");
	(void)signal(SIGPIPE, SIG_IGN);
	log_setup(LOG_ERROR, false);
	struct arena *arena = arena_create(0);
	struct str token = make_service_token(arena, &keys);
	for (size_t i = 0; i < METHODS; i++) {
		methods[i] = *method_by_name(str_from(names[i]));
		methods[i].auth = i < 2 ? AUTH_NONE : methods[i].auth; /* users are not what this is about */
	}
	struct rpc_server_options server_options = { .listen = &address,
		                                     .listen_count = 1,
		                                     .workers = 2,
		                                     .hash_workers = 1,
		                                     .keys = &keys,
		                                     .handlers = handlers,
		                                     .methods = methods,
		                                     .method_count = METHODS };
	if (!CHECK_OK(rpc_server_start(&server_options, &server, &err), &err)) return 1;
	struct rpc_client_options client_options = { .endpoints = &address, .endpoint_count = 1 };
	if (!CHECK_OK(rpc_client_create(&client_options, &client, &err), &err)) return 1;
	struct bridge_options options = { .client = client,
		                          .heartbeat_ms = 200,
		                          .service_authorization = service_token,
		                          .service_authorization_self = &token };
	if (!CHECK_OK(bridge_start(&options, &plain, &err), &err)) return 1;
	certificate_create(&certificate);
	options.tls_certificate = str_from(certificate.cert);
	options.tls_key = str_from(certificate.key);
	if (!CHECK_OK(bridge_start(&options, &tls, &err), &err)) return 1;

	check_rows(bridge_port(plain), bridge_port(tls));
	int64_t until = time_monotonic_ms() + PATIENCE_S * 1000;
	while (rpc_server_in_flight(server) > 0 && time_monotonic_ms() < until)
		(void)sched_yield(); /* the last cancel is being answered */
	CHECK_ROW("B39 no call is left behind", rpc_server_in_flight(server) == 0);

	bridge_stop(&tls);
	bridge_stop(&plain);
	rpc_client_destroy(&client);
	rpc_server_stop(&server);
	certificate_remove(&certificate);
	arena_destroy(&arena);
	return check_done("unit_bridge_cancel");
}
