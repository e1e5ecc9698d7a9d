/* The client library: repeating and not repeating (R08, R16), dead endpoints, its own limits, its end. A second process runs the
 * server that dies, because nng does not survive fork: this program started with --serve. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/base/log.h"
#include "store/base/time.h"
#include "tests/unit/rpc/transport/fixture.h"

static struct rpc_metadata user;

/* ---- repeating ---- */

static void test_retry(void)
{
	fixture_start("inproc://retry");
	atomic_store(&fx.failures_left, 2);
	atomic_store(&fx.flaky_calls, 0);
	struct answer a = call(M_FLAKY, "x", NULL, 0);
	CHECK_ROW("repeated until it worked", a.code == RPC_OK && atomic_load(&fx.flaky_calls) == 3);

	/* The same failure of a method that may have side effects is the caller's to judge. */
	struct error err;
	ProtobufCMessage *reply;
	Petfood__V1__GetTaskRequest request = PETFOOD__V1__GET_TASK_REQUEST__INIT;
	struct method_side careful = fx.methods[M_FLAKY];
	careful.no_side_effects = false;
	atomic_store(&fx.failures_left, 2);
	atomic_store(&fx.flaky_calls, 0);
	CHECK(!rpc_client_call(fx.client, &careful, &request.base, NULL, 0, fx.arena, &reply, &err));
	CHECK(error_is(&err, "STORE_DOWN") && atomic_load(&fx.flaky_calls) == 1);

	/* Within the deadline. */
	atomic_store(&fx.failures_left, 1000000);
	int64_t before_ms = time_monotonic_ms();
	a = call(M_FLAKY, "x", NULL, 60);
	CHECK(a.code == RPC_UNAVAILABLE || a.code == RPC_DEADLINE_EXCEEDED);
	CHECK(time_monotonic_ms() - before_ms < PATIENCE_MS / 2);
	fixture_stop();
}

/* R16: an outage is answered with at most a tenth more calls, and ten. */
static void test_retry_budget(void)
{
	enum { CALLS = 300 };
	static struct answer answers[CALLS];
	fixture_start("inproc://budget");
	atomic_store(&fx.failures_left, 1000000);
	atomic_store(&fx.flaky_calls, 0);
	for (int i = 0; i < CALLS; i++) {
		answer_init(&answers[i]);
		CHECK(ask(fx.client, M_FLAKY, "x", NULL, 0, &answers[i], NULL));
		if (i % 20 == 19) CHECK(answer_wait(&answers[i])); /* fewer at once than the server's queue */
	}
	for (int i = 0; i < CALLS; i++) {
		CHECK(answer_wait(&answers[i]) && answers[i].code == RPC_UNAVAILABLE);
		answer_fini(&answers[i]);
	}
	CHECK_ROW("ten repeats in all", atomic_load(&fx.flaky_calls) == CALLS + 10);
	/* Successes earn repeats again. */
	atomic_store(&fx.failures_left, 0);
	for (int i = 0; i < 50; i++) CHECK(call(M_ECHO, "x", NULL, 0).code == RPC_OK);
	atomic_store(&fx.failures_left, 1);
	CHECK(call(M_FLAKY, "x", NULL, 0).code == RPC_OK);
	fixture_stop();
}

/* ---- endpoints ---- */

static void test_dead_endpoint_is_skipped(void)
{
	struct error err;
	struct rpc_client *client;
	fixture_start(fixture_ipc("alive"));
	struct str urls[2] = { str_from(fixture_ipc("nobody")), rpc_server_endpoint(fx.server, 0) };
	struct rpc_client_options options = { .endpoints = urls, .endpoint_count = 2 };
	CHECK_OK(rpc_client_create(&options, &client, &err), &err);
	int64_t before_ms = time_monotonic_ms();
	for (int i = 0; i < 100; i++) {
		struct answer a;
		answer_init(&a);
		CHECK(ask(client, M_ECHO, "x", NULL, 0, &a, NULL));
		CHECK_ROW("answered by the living one", answer_wait(&a) && a.code == RPC_OK);
		answer_fini(&a);
	}
	/* The first call may have met neither connected and waited; then never again. */
	CHECK(time_monotonic_ms() - before_ms < PATIENCE_MS / 2);
	rpc_client_destroy(&client);
	fixture_stop();
}

static void test_nobody_there(void)
{
	struct error err;
	struct answer a;
	struct str url = str_from(fixture_ipc("nobody"));
	struct rpc_client *client;
	struct rpc_client_options options = { .endpoints = &url, .endpoint_count = 1 };
	CHECK_OK(rpc_client_create(&options, &client, &err), &err);
	answer_init(&a);
	struct rpc_metadata english = { .accept_language = STR("en") };
	CHECK(ask(client, M_EFFECT, "x", &english, 0, &a, NULL));
	CHECK(answer_wait(&a) && a.code == RPC_UNAVAILABLE && strcmp(a.reason, "UNREACHABLE") == 0);
	CHECK_STR(str_from(a.message), "the service cannot be reached");
	answer_fini(&a);
	/* A call that may be repeated is not, while there is nobody to repeat it to: one wait for a connection, not five. */
	int64_t before_ms = time_monotonic_ms();
	answer_init(&a);
	CHECK(ask(client, M_ECHO, "x", &english, 0, &a, NULL));
	CHECK(answer_wait(&a) && a.code == RPC_UNAVAILABLE && strcmp(a.reason, "UNREACHABLE") == 0);
	CHECK_ROW("given up after one wait", time_monotonic_ms() - before_ms < 2500);
	answer_fini(&a);
	rpc_client_destroy(&client);
	struct rpc_client_options none = { .endpoint_count = 0 };
	CHECK(!rpc_client_create(&none, &client, &err) && !client && error_is(&err, "ENDPOINT_INVALID"));
	url = STR("nonsense");
	CHECK(!rpc_client_create(&options, &client, &err) && !client && error_is(&err, "ENDPOINT_INVALID"));
}

static void test_limits_and_end(void)
{
	struct error err;
	struct answer a, b, c;
	struct rpc_client *client;
	fixture_start("inproc://limits");
	struct str url = rpc_server_endpoint(fx.server, 0);
	struct rpc_client_options options = { .endpoints = &url, .endpoint_count = 1, .in_flight_max = 2 };
	CHECK_OK(rpc_client_create(&options, &client, &err), &err);
	answer_init(&a);
	answer_init(&b);
	answer_init(&c);
	CHECK(ask(client, M_BLOCK, "a", &user, 0, &a, NULL) && ask(client, M_BLOCK, "b", &user, 0, &b, NULL));
	CHECK(gate_has(2));
	CHECK(!ask(client, M_BLOCK, "c", &user, 0, &c, NULL));
	CHECK(c.code == RPC_RESOURCE_EXHAUSTED && strcmp(c.reason, "OVERLOADED") == 0 && c.count == 0);
	rpc_client_destroy(&client);
	CHECK(answer_wait(&a) && a.code == RPC_CANCELLED);
	CHECK(answer_wait(&b) && b.code == RPC_CANCELLED);
	gate_set(true);
	CHECK(gate_has(0));
	gate_set(false);
	answer_fini(&a);
	answer_fini(&b);
	answer_fini(&c);
	fixture_stop();
}

/* ---- R08: a server that is killed at work ---- */

static const char *mark_path;

static bool on_marked_effect(struct call *call, const void *request, void *reply, struct error *err)
{
	(void)call;
	(void)request;
	(void)reply;
	(void)err;
	int fd = open(mark_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "x", 1) != 1) abort();
	for (;;) pause(); /* until killed */
}

static _Noreturn void serve(const char *url, const char *path)
{
	log_setup(LOG_ERROR, false);
	fixture_init();
	mark_path = path;
	fx.handlers[M_EFFECT] = on_marked_effect;
	fixture_start(url);
	for (;;) pause();
}

static pid_t spawn_server(const char *self, const char *url)
{
	pid_t pid;
	char *argv[] = { (char *)(uintptr_t)self, (char *)(uintptr_t)"--serve", (char *)(uintptr_t)url, (char *)(uintptr_t)mark_path, NULL };
	if (posix_spawn(&pid, self, NULL, NULL, argv, environ) != 0) abort();
	return pid;
}

static size_t marks(void)
{
	struct stat st;
	return stat(mark_path, &st) == 0 ? (size_t)st.st_size : 0;
}
static bool has_marks(void *count) { return marks() == *(size_t *)count; }

static void kill_server(pid_t pid)
{
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(waitpid(pid, NULL, 0) == pid);
}

/* Asks until the fresh server answers; the calls have no side effects. */
static bool comes_back(struct rpc_client *client)
{
	int64_t until_ms = time_monotonic_ms() + PATIENCE_MS;
	struct answer a = { .code = RPC_UNKNOWN };
	while (a.code != RPC_OK && time_monotonic_ms() < until_ms) {
		answer_init(&a);
		CHECK(ask(client, M_ECHO, "x", NULL, 2000, &a, NULL) && answer_wait(&a));
		answer_fini(&a);
	}
	return a.code == RPC_OK;
}

static void test_never_twice(const char *self)
{
	struct error err;
	struct rpc_client *client;
	const char *url = fixture_ipc("mortal");
	size_t want = 0;
	mark_path = str_printf(fx.arena, "%s/marks", fx.directory).ptr;
	struct str endpoint = str_from(url);
	struct rpc_client_options options = { .endpoints = &endpoint, .endpoint_count = 1 };
	CHECK_OK(rpc_client_create(&options, &client, &err), &err);
	pid_t pid = spawn_server(self, url);
	CHECK(comes_back(client));
	for (int round = 0; round < 3; round++) {
		struct answer a;
		answer_init(&a);
		CHECK(ask(client, M_EFFECT, "x", NULL, 0, &a, NULL));
		want++;
		CHECK_ROW("it runs", wait_until(has_marks, &want));
		kill_server(pid);
		CHECK_ROW("told at once", answer_wait(&a) && a.code == RPC_UNAVAILABLE && strcmp(a.reason, "UNREACHABLE") == 0);
		answer_fini(&a);
		pid = spawn_server(self, url);
		CHECK_ROW("connected again", comes_back(client));
		/* The new server has answered on the same connection that a replay would have come by. */
		CHECK_ROW("and was not run again", marks() == want);
	}
	kill_server(pid);
	rpc_client_destroy(&client);
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "--serve") == 0) serve(argv[2], argv[3]);
	log_setup(LOG_ERROR, false);
	fixture_init();
	user.authorization = make_token(TOKEN_ACCESS, "u1", 1000);
	test_retry();
	test_retry_budget();
	test_dead_endpoint_is_skipped();
	test_nobody_there();
	test_limits_and_end();
	test_never_twice("/proc/self/exe");
	fixture_fini();
	return check_done("client_test");
}
