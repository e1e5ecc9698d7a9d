/* petfood demo: what a browser lives through, in a terminal. Starts a daemon on throw-away data, makes a plan over HTTP with
 * live progress, prints it as tables and checks it. With --chaos the line is cut and the daemon killed meanwhile. */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/base/uuid.h"
#include "tools/petfood/cli.h"
#include "tools/petfood/http_stream.h"

enum { RETRIES_MAX = 200, RETRY_MS = 100 };
enum { CUT_LINE_AT = 6, KILL_AT = 16 }; /* event numbers */

static const char sample_pet[] =
	"{\"pet_type\":\"dog\",\"pet_breed\":\"%s\",\"pet_age\":48,\"pet_weight\":12.5,\"neutered\":true,\"bcs\":5,"
	"\"activity\":\"normal\",\"meals_per_day\":2,\"special_requirements\":\"%s\"}";

struct demo {
	struct cli *cli;
	char dir[64];
	pid_t daemon;
	struct http http;
	struct progress_view view;
	bool chaos, line_cut, killed;
	char plan_id[64];
	struct error failure; /* the task's own */
};

/* ---- the daemon ---- */

static bool daemon_start(struct demo *d, int port, struct error *err)
{
	char dir[128], api_port[32], log[96], *line = NULL;
	const char *path = d->cli->daemon_path ? d->cli->daemon_path : "petfoodd";
	int pipe_ends[2];
	size_t cap = 0;
	(void)snprintf(dir, sizeof dir, "--petfood-data-dir=%s", d->dir);
	(void)snprintf(api_port, sizeof api_port, "--api-port=%d", port);
	(void)snprintf(log, sizeof log, "%s/daemon.log", d->dir);
	char *const argv[] = { (char *)path, dir, api_port, "--env-file=/dev/null", "--planner-pace-ms=150",
		               "--rate-limit-enabled=false", "--api-host=127.0.0.1", NULL };
	if (pipe2(pipe_ends, O_CLOEXEC) != 0) return error_set(err, RPC_INTERNAL, "FILE", "pipe: %s", strerror(errno));
	posix_spawn_file_actions_t actions;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
	(void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	/* The user's own settings are for their daemon, not for this one. */
	char path_variable[4096];
	(void)snprintf(path_variable, sizeof path_variable, "PATH=%s", getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin");
	char *const environment[] = { path_variable, (char *)"LANG=C.UTF-8", NULL };
	int rc = posix_spawnp(&d->daemon, path, &actions, NULL, argv, environment);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(pipe_ends[1]);
	if (rc != 0) {
		(void)close(pipe_ends[0]);
		d->daemon = 0;
		return error_set(err, RPC_INTERNAL, "FILE", "cannot start %s: %s", path, strerror(rc));
	}
	FILE *output = fdopen(pipe_ends[0], "r");
	if (!output) die("fdopen: %s", strerror(errno));
	const char *at = getline(&line, &cap, output) > 0 ? strstr(line, "http://") : NULL;
	if (at) (void)snprintf(d->http.base, sizeof d->http.base, "%.*s", (int)strcspn(at, "\n"), at);
	else error_set(err, RPC_UNAVAILABLE, "UNREACHABLE", "the daemon did not start; its log is %s", log);
	free(line);
	(void)fclose(output);
	return at != NULL;
}

static void daemon_end(struct demo *d, int signal_number)
{
	if (!d->daemon) return;
	(void)kill(d->daemon, signal_number);
	while (waitpid(d->daemon, NULL, 0) < 0 && errno == EINTR) {}
	d->daemon = 0;
}

/* ---- the reader ---- */

static bool on_event(void *self, struct stream_seen *seen, uint64_t number, struct str data)
{
	struct demo *d = self;
	struct arena_mark mark = arena_mark(d->cli->arena);
	json_t *root = json_loadb(data.ptr, data.len, 0, NULL);
	const char *type = json_string_value(json_object_get(root, "type")), *task = json_string_value(json_object_get(root, "task_id"));
	const char *plan = json_string_value(json_object_get(root, "plan_id")), *error = json_string_value(json_object_get(root, "error"));
	bool go_on = true;
	if (task && !seen->task_id[0]) (void)snprintf(seen->task_id, sizeof seen->task_id, "%s", task);
	if (plan) (void)snprintf(d->plan_id, sizeof d->plan_id, "%s", plan), seen->terminal = true;
	if (error) error_set(&d->failure, RPC_FAILED_PRECONDITION, "TASK_FAILED", "%s", error), seen->terminal = true;
	if (type && strcmp(type, "done") == 0) seen->done = true;
	if (number) (void)progress_view_event(&d->view, d->cli->arena, number, data);
	if (d->chaos && number >= CUT_LINE_AT && !d->line_cut) {
		progress_view_end(&d->view);
		(void)printf("-- cutting the line after event %llu --\n", (unsigned long long)number);
		d->line_cut = true;
		go_on = false;
	} else if (d->chaos && number >= KILL_AT && !d->killed) {
		progress_view_end(&d->view);
		(void)printf("-- killing the daemon (SIGKILL) after event %llu --\n", (unsigned long long)number);
		daemon_end(d, SIGKILL);
		d->killed = true;
		go_on = false;
	}
	json_decref(root);
	arena_rewind(d->cli->arena, mark);
	return go_on;
}

/* Reads the stream to its end, coming back as often as it takes. */
static bool follow(struct demo *d, const char *body, struct stream_seen *seen, struct error *err)
{
	int port = atoi(strrchr(d->http.base, ':') + 1);
	for (int tries = 0; !seen->done && tries < RETRIES_MAX; tries++) {
		if (!d->daemon && !daemon_start(d, port, err)) return false;
		bool fine = stream_read(&d->http, seen->task_id[0] ? NULL : body, seen, on_event, d, err);
		if (!fine && !error_is(err, "UNREACHABLE")) return false;
		if (seen->done || (seen->terminal && fine)) return true;
		const struct timespec wait = { .tv_nsec = RETRY_MS * 1000000L }; /* as EventSource does */
		(void)nanosleep(&wait, NULL);
	}
	return seen->done || error_set(err, RPC_UNAVAILABLE, "UNREACHABLE", "the stream did not end");
}

/* ---- the story ---- */

static bool make_plan(struct demo *d, enum cli_exit *code, struct error *err)
{
	struct cli *cli = d->cli;
	struct stream_seen seen = { 0 };
	struct str token, user_id, body;
	char request[1024], path[128];
	long status = 0;
	(void)snprintf(request, sizeof request, sample_pet, cli->lang == LANG_ZH ? "柯基" : "Corgi",
	               cli->lang == LANG_ZH ? "不要洋葱，不喜欢胡萝卜" : "no onion please, dislikes carrot");
	if (!cli_token(cli, &token, &user_id, err)) return false;
	char key[UUID_TEXT_BYTES];
	uuid_make(key);
	(void)snprintf(d->http.idempotency, sizeof d->http.idempotency, "Idempotency-Key: %s", key);
	(void)snprintf(d->http.language, sizeof d->http.language, "Accept-Language: %s", cli->lang == LANG_ZH ? "zh-CN" : "en");
	(void)snprintf(d->http.authorization, sizeof d->http.authorization, "Authorization: Bearer " STR_FMT, STR_ARG(token));
	(void)printf("daemon at %s, data in %s\nPOST /api/v1/plans/stream %s\n\n", d->http.base, d->dir, request);
	bool fine = follow(d, request, &seen, err);
	progress_view_end(&d->view);
	if (!fine) return false;
	bool whole = seen.lost == 0 && seen.doubled == 0 && seen.count == seen.last;
	(void)printf("\nevents 1..%llu, lost %llu, doubled %llu, attempt %d (%d connections)\n", (unsigned long long)seen.last,
	             (unsigned long long)seen.lost, (unsigned long long)seen.doubled, d->view.attempt, seen.connections);
	if (d->failure.code != RPC_OK) {
		*err = d->failure;
		return false;
	}
	if (!whole) return error_set(err, RPC_DATA_LOSS, "STREAM_BROKEN", "the reader did not see every event once");
	if (d->chaos && (!d->killed || !d->line_cut || d->view.attempt < 2))
		return error_set(err, RPC_FAILED_PRECONDITION, "NO_CHAOS", "the plan was done before the daemon could be killed");

	(void)snprintf(path, sizeof path, "/api/v1/plans/%s/confirm", d->plan_id);
	if (!http_request(&d->http, "POST", path, "", cli->arena, &status, &body, err)) return false;
	if (status != 200) return error_set(err, RPC_FAILED_PRECONDITION, "REFUSED", "confirm answered %ld: %.100s", status, body.ptr);
	(void)snprintf(path, sizeof path, "/api/v1/plans/%s", d->plan_id);
	if (!http_request(&d->http, "GET", path, NULL, cli->arena, &status, &body, err)) return false;
	if (status != 200) return error_set(err, RPC_FAILED_PRECONDITION, "REFUSED", "get answered %ld: %.100s", status, body.ptr);
	json_t *root = json_loadb(body.ptr, body.len, 0, NULL);
	char *plan = json_dumps(json_object_get(json_object_get(root, "data"), "plan_data"), JSON_REAL_PRECISION(17));
	json_decref(root);
	if (!plan) return error_set(err, RPC_DATA_LOSS, "PLAN_UNREADABLE", "the answer holds no plan_data");
	struct str document = str_dup(cli->arena, str_from(plan));
	free(plan);
	if (!plan_view_print(cli->arena, document, err)) return false;
	(void)printf("\n");
	*code = plan_view_check(cli, document);
	return true;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

enum cli_exit command_demo(struct cli *cli)
{
	struct demo d = { .cli = cli, .chaos = cli->chaos };
	struct error err;
	enum cli_exit code = CLI_OK;
	error_clear(&err);
	error_clear(&d.failure);
	(void)snprintf(d.dir, sizeof d.dir, "/tmp/petfood-demo-XXXXXX");
	if (!mkdtemp(d.dir)) {
		(void)fprintf(stderr, "petfood: cannot make %s: %s\n", d.dir, strerror(errno));
		return CLI_FAILED;
	}
	/* The demo's daemon, not the one that may be running: its data, key and database are these. */
	cli->setup.data_dir = str_from(d.dir);
	cli->setup.config.database_url = STR("");
	cli->setup.config.jwt_secret_key = STR("");
	cli->user = "demo";
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	progress_view_init(&d.view, stdout, false);
	if (!daemon_start(&d, 0, &err) || !make_plan(&d, &code, &err)) code = cli_fail(cli, &err);
	daemon_end(&d, SIGTERM);
	curl_global_cleanup();
	if (code == CLI_OK) (void)nftw(d.dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	else (void)fprintf(stderr, "petfood: the daemon's log is %s/daemon.log\n", d.dir);
	return code;
}
