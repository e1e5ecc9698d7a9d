/* petfoodd: the daemon. The one place that names concrete drivers and wires the parts together: store, tasks, RPC services,
 * events, HTTP bridge. Starts them lowest first, waits for a signal, and ends them in the opposite order. */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bridge/http/bridge.h"
#include "rpc/job/engine.h"
#include "rpc/service/services.h"
#include "rpc/transport/events.h"
#include "rpc/transport/server.h"
#include "store/base/log.h"
#include "store/base/uuid.h"
#include "tools/petfoodd/accounts.h"
#include "tools/petfoodd/limits.h"
#include "tools/petfoodd/port_holder.h"
#include "tools/petfoodd/setup.h"

enum { SERVICE_TOKEN_LIFE_S = 600, SERVICE_TOKEN_RENEW_S = 240, DRAIN_MS = 5000, STOP_S = 30, STORE_SILENT_MS = 5000, WATCHDOG_MS = 5000, DAY_MS = 24 * 3600 * 1000 };
enum { EXIT_USAGE = 64, EXIT_UNAVAILABLE = 69, EXIT_CONFIG = 78 }; /* sysexits.h */

enum { ROLE_RPC = 1, ROLE_WORKER = 2, ROLE_BRIDGE = 4, ROLE_ALL = 7 };

#define INPROC_RPC "inproc://petfood-rpc"
#define INPROC_EVENTS "inproc://petfood-events"

struct daemon {
	struct arena *arena; /* what lives as long as the process */
	struct setup setup;
	struct token_keys keys;
	unsigned roles;

	struct store store;
	struct services services;
	struct limits limits;
	struct event_publisher *publisher;
	struct job_engine *engine;
	_Atomic(struct rpc_server *) server; /* read by whoever publishes an event */
	struct rpc_client *client;
	struct event_hub *hub;
	struct bridge *bridge;

	pthread_mutex_t token_lock;
	char service_token[1024];
	int64_t token_made_at_us; /* wall clock, as the token's own times are */

	pthread_t prober; /* asks the store whether it answers, on a thread that may hang with it */
	bool probing;
	atomic_bool probe_end;
	atomic_llong probe_ok_at_ms; /* time_monotonic_ms() of its last good answer */
};

static const char usage_text[] =
	"petfoodd: diet plans for dogs and cats whose numbers are true.\n"
	"\n"
	"  petfoodd [--role all|rpc,worker,bridge] [--env-file FILE] [--NAME=VALUE …]\n"
	"  petfoodd --help | --version | --print-config | --env-example | --config-table\n"
	"\n"
	"Without arguments everything runs in this process, on SQLite, at http://127.0.0.1:8000.\n"
	"Every setting below can stand in the environment, in .env, or here: API_PORT=9000 or --api-port=9000.\n"
	"SIGTERM or SIGINT ends it after the requests under way; running tasks are given back and go on at the next start.\n"
	"Exit codes: 0 ended by a signal, 64 wrong usage, 69 an address or the data directory cannot be had, 78 a wrong setting.\n"
	"\n"
	"Settings:\n";

/* ---- command line ---- */

struct arguments {
	const char *env_file;
	int flag_count;
	const char *flags[128];
	const char *show; /* --help and the like, NULL = run */
};

/* "--api-port=9000" becomes "api_port=9000"; names are matched without regard to case. */
static const char *flag_from(struct arena *arena, const char *arg)
{
	char *copy = str_dup_c(arena, str_from(arg + 2));
	for (char *p = copy; *p && *p != '='; p++)
		if (*p == '-') *p = '_';
	return copy;
}

static bool arguments_parse(struct arena *arena, int argc, char **argv, struct arguments *out, struct error *err)
{
	static const char *const shows[] = { "--help", "--version", "--print-config", "--env-example", "--config-table" };
	*out = (struct arguments){ .env_file = "" };
	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i];
		for (size_t s = 0; s < COUNT(shows); s++)
			if (strcmp(arg, shows[s]) == 0) out->show = shows[s];
		if (out->show) continue;
		if ((size_t)out->flag_count == COUNT(out->flags))
			return error_set(err, RPC_INVALID_ARGUMENT, "USAGE", "more than %zu settings on the command line", COUNT(out->flags));
		if (strcmp(arg, "--role") == 0 && i + 1 < argc)
			out->flags[out->flag_count++] = str_printf(arena, "PETFOOD_ROLE=%s", argv[++i]).ptr;
		else if (strcmp(arg, "--env-file") == 0 && i + 1 < argc)
			out->env_file = argv[++i];
		else if (strncmp(arg, "--role=", 7) == 0)
			out->flags[out->flag_count++] = str_printf(arena, "PETFOOD_ROLE=%s", arg + 7).ptr;
		else if (strncmp(arg, "--env-file=", 11) == 0)
			out->env_file = arg + 11;
		else if (strncmp(arg, "--", 2) == 0 && strchr(arg, '='))
			out->flags[out->flag_count++] = flag_from(arena, arg);
		else
			return error_set(err, RPC_INVALID_ARGUMENT, "USAGE", "what is %s? A setting is written --name=value", arg);
	}
	return true;
}

static bool roles_parse(struct str text, unsigned *out, struct error *err)
{
	static const struct {
		const char *name;
		unsigned bits;
	} names[] = { { "all", ROLE_ALL }, { "rpc", ROLE_RPC }, { "worker", ROLE_WORKER }, { "bridge", ROLE_BRIDGE } };
	struct str rest = text, word;
	*out = 0;
	while (str_split(&rest, ',', &word)) {
		size_t i = 0;
		word = str_trim(word);
		while (i < COUNT(names) && !str_equal(word, str_from(names[i].name))) i++;
		if (i == COUNT(names))
			return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID",
			                 "PETFOOD_ROLE=" STR_FMT " is not valid: all, or some of rpc, worker, bridge with commas", STR_ARG(text));
		*out |= names[i].bits;
	}
	/* The task queue of SQLite belongs to one process: services without a worker would take tasks that nobody runs. */
	if (((*out & ROLE_RPC) != 0) != ((*out & ROLE_WORKER) != 0))
		return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID",
		                 "PETFOOD_ROLE=" STR_FMT " is not valid on SQLite: rpc and worker must run in one process", STR_ARG(text));
	return true;
}

static int show(const char *what, const struct setup *setup)
{
	struct strbuf out;
	strbuf_init(&out, NULL);
	if (strcmp(what, "--help") == 0) {
		strbuf_add_cstr(&out, usage_text);
		config_print_help(config_keys, config_key_count, &out);
	} else if (strcmp(what, "--version") == 0) {
		strbuf_add_cstr(&out, "petfoodd " PETFOOD_VERSION "\n");
	} else if (strcmp(what, "--env-example") == 0) {
		config_print_env_example(config_keys, config_key_count, &out);
	} else if (strcmp(what, "--config-table") == 0) {
		config_print_markdown(config_keys, config_key_count, &out);
	} else {
		for (size_t i = 0; i < config_key_count; i++) {
			strbuf_printf(&out, "%s=", config_keys[i].name);
			config_print_value(&config_keys[i], &setup->config, &out);
			strbuf_add_char(&out, '\n');
		}
	}
	(void)fwrite(out.data, 1, out.len, stdout);
	strbuf_fini(&out);
	return 0;
}

/* ---- glue between the parts ---- */

/* A committed event goes to PUB and wakes the parked watchers of this process. */
static void publish_event(void *self, struct str task_id, uint64_t number, bool terminal, struct str data)
{
	struct daemon *d = self;
	event_publish(d->publisher, task_id, number, terminal, data);
	char key[80];
	int n = snprintf(key, sizeof key, "task/" STR_FMT, STR_ARG(task_id));
	struct rpc_server *server = atomic_load(&d->server);
	if (server && n > 0 && (size_t)n < sizeof key) rpc_server_wake(server, (struct str){ key, (size_t)n });
}

/* A user who is gone or was disabled is nobody, whatever their token says, and so is who holds a token of a revoked session. */
static bool session_lives(void *self, const struct token_claims *claims, struct error *err)
{
	struct daemon *d = self;
	return caller_session_lives(&d->services, str_from(claims->session_id), err);
}

static bool user_still_valid(void *self, const struct token_claims *claims, struct error *err)
{
	struct daemon *d = self;
	struct arena *scratch = arena_create(0);
	bool ok = caller_may_call(&d->services, scratch, str_from(claims->subject), str_from(claims->session_id), err);
	arena_destroy(&scratch);
	return ok;
}

/* token_lock is held. By the wall clock, which may have jumped or gone on in a suspend: the token's times are of that clock. */
static bool token_is_fresh(const struct daemon *d)
{
	int64_t age_us = time_now_us() - d->token_made_at_us;
	return d->service_token[0] && age_us >= 0 && age_us < SERVICE_TOKEN_RENEW_S * 1000000LL;
}

static bool renew_service_token(struct daemon *d, struct error *err)
{
	struct arena *scratch = arena_create(0);
	struct str token;
	int64_t now_us = time_now_us();
	bool ok = setup_service_token(scratch, &d->keys, "bridge", SERVICE_TOKEN_LIFE_S, &token, err);
	if (ok && token.len >= sizeof d->service_token) ok = error_set(err, RPC_INTERNAL, "INTERNAL", "service token of %zu bytes", token.len);
	if (ok) {
		memcpy(d->service_token, token.ptr, token.len + 1);
		d->token_made_at_us = now_us;
	}
	arena_destroy(&scratch);
	return ok;
}

/* Any bridge thread, for every call. */
static size_t copy_service_token(void *self, char *out, size_t cap)
{
	struct daemon *d = self;
	struct error err;
	pthread_mutex_lock(&d->token_lock);
	if (!token_is_fresh(d) && !renew_service_token(d, &err)) log_error("token.not_renewed", LOG_ERR(&err));
	size_t len = strlen(d->service_token);
	if (len <= cap) memcpy(out, d->service_token, len);
	else len = 0;
	pthread_mutex_unlock(&d->token_lock);
	return len;
}

/* For crash tests: says where it is and never goes on, so that a signal can be sent at exactly this point. */
static void pause_point(void *self, const char *name)
{
	struct daemon *d = self;
	if (!str_equal(d->setup.config.pause_at, str_from(name))) return;
	log_info("pause.reached", LOG_CSTR("point", name));
	for (;;) (void)pause();
}

/* The store may hang with its disk: only this thread hangs with it. */
static void *probe_store(void *self)
{
	struct daemon *d = self;
	const struct timespec pause_between = { .tv_nsec = 500000000 };
	bool said = false;
	while (!atomic_load(&d->probe_end)) {
		struct error err;
		error_clear(&err);
		bool ok = d->store.ping(d->store.self, &err);
		if (ok) atomic_store(&d->probe_ok_at_ms, time_monotonic_ms());
		/* It has answered, and the answer is no. */
		if (!ok && error_is(&err, "STORE_FULL")) atomic_store(&d->probe_ok_at_ms, time_monotonic_ms() - STORE_SILENT_MS);
		if (!ok && !said) log_error("store.unwell", LOG_CSTR("store", d->store.driver), LOG_ERR(&err));
		said = !ok;
		(void)nanosleep(&pause_between, NULL);
	}
	return NULL;
}

/* ---- start ---- */

static bool start_store(struct daemon *d, struct error *err)
{
	int64_t voided = 0;
	if (!setup_directories(&d->setup, err) || !setup_keys(d->arena, &d->setup, true, &d->keys, err)) return false;
	if (!(d->roles & ROLE_RPC)) return true;
	if (!setup_store(d->arena, &d->setup, true, &d->store, err)) return false;
	atomic_store(&d->probe_ok_at_ms, time_monotonic_ms());
	d->probing = pthread_create(&d->prober, NULL, probe_store, d) == 0;
	if (!d->probing) return error_set(err, RPC_INTERNAL, "INTERNAL", "no thread for the store's probe");
	/* Sole owner of the database: whoever held a lease before is gone. */
	if (!d->store.tasks.driver->void_leases(d->store.tasks.self, time_now_us(), &voided, err)) return false;
	if (voided) log_info("task.leases_voided", LOG_INT("count", voided));
	return true;
}

static struct str *with_inproc(struct daemon *d, const char *inproc, const struct str_set *set)
{
	struct str *all = arena_new_array(d->arena, struct str, set->count + 1);
	all[0] = str_from(inproc);
	for (size_t i = 0; i < set->count; i++) all[i + 1] = set->items[i];
	return all;
}

static bool start_services(struct daemon *d, struct error *err)
{
	const struct config *c = &d->setup.config;
	if (!(d->roles & ROLE_RPC)) return true;
	const struct event_publisher_options publish = {
		.listen = with_inproc(d, INPROC_EVENTS, &d->setup.events_listen),
		.listen_count = d->setup.events_listen.count + 1,
		.allow_insecure_tcp = c->rpc_allow_insecure_tcp,
		.payload = c->events_pub_payload,
		.watchdog_ms = WATCHDOG_MS,
	};
	if (!event_publisher_create(&publish, &d->publisher, err)) return false;

	char name[128], host[64] = "localhost";
	(void)gethostname(host, sizeof host - 1);
	(void)snprintf(name, sizeof name, "%s:%ld:%08llx", host, (long)getpid(), (unsigned long long)(entropy_u64() & 0xffffffffu));
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	const struct job_engine_options jobs = {
		.store = &d->store,
		.clock = &clock_system,
		.events = { publish_event, d },
		.worker_name = str_from(name),
		.lease_ms = c->task_lease_ms,
		.heartbeat_ms = c->task_heartbeat_ms,
		.poll_ms = c->task_poll_ms,
		.task_timeout_ms = c->task_timeout * 1000,
		.running_max = (size_t)c->task_max_concurrent,
		.compute_threads = cores > 1 ? (size_t)cores : 1,
		.store_threads = 2,
		.planner_pace_ms = c->planner_pace_ms,
		.events_kept_ms = DAY_MS,
		.draft_kept_ms = PLAN_DRAFT_KEPT_US / 1000,
		.pause_point = c->pause_at.len ? pause_point : NULL,
		.pause_point_self = d,
	};
	d->services = (struct services){
		.store = &d->store,
		.events = { publish_event, d },
		.bench_enabled = c->bench,
		.task_limits = { .per_user = c->task_max_per_user },
		.version = PETFOOD_VERSION,
		.cache_driver = "memory",
	};
	if (!accounts_open(d->arena, &d->setup, &d->keys, &d->store, &d->services.accounts, err)) return false;
	atomic_init(&d->services.ready, false);
	atomic_init(&d->services.store_ok, true);
	atomic_init(&d->services.worker_ok, true);
	atomic_init(&d->services.health_revision, 1);
	const struct rpc_server_options serve = {
		.listen = with_inproc(d, INPROC_RPC, &d->setup.rpc_listen),
		.listen_count = d->setup.rpc_listen.count + 1,
		.allow_insecure_tcp = c->rpc_allow_insecure_tcp,
		.workers = (size_t)c->rpc_workers,
		.queue_length = (size_t)c->rpc_queue,
		.hash_workers = cores > 2 ? (size_t)cores - 1 : 1,
		.keys = &d->keys,
		.handlers = handler_table,
		.still_valid = user_still_valid,
		.session_lives = session_lives,
		.still_valid_self = d,
		.limits = limits_limiter(&d->limits),
		.clock = &clock_system,
		.services = &d->services,
		.watchdog_ms = WATCHDOG_MS,
	};
	/* The server first: the engine's first events already wake its watchers. */
	struct rpc_server *server = NULL;
	if (!rpc_server_start(&serve, &server, err)) return false;
	atomic_store(&d->server, server);
	if (!job_engine_start(&jobs, &d->engine, err)) return false;
	atomic_store(&d->services.engine, d->engine);
	return true;
}

static bool start_bridge(struct daemon *d, struct error *err)
{
	const struct config *c = &d->setup.config;
	if (!(d->roles & ROLE_BRIDGE)) return true;
	bool local = (d->roles & ROLE_RPC) && c->rpc_endpoints.count == 0;
	static const struct str inproc_rpc[] = { { INPROC_RPC, sizeof INPROC_RPC - 1 } };
	static const struct str inproc_events[] = { { INPROC_EVENTS, sizeof INPROC_EVENTS - 1 } };
	const struct rpc_client_options call = {
		.endpoints = local ? inproc_rpc : d->setup.rpc_endpoints.items,
		.endpoint_count = local ? 1 : d->setup.rpc_endpoints.count,
		.in_flight_max = (size_t)(c->api_max_in_flight * c->api_workers) + 64,
	};
	if (!rpc_client_create(&call, &d->client, err)) return false;
	char token[sizeof d->service_token];
	size_t token_len = copy_service_token(d, token, sizeof token);
	bool local_events = (d->roles & ROLE_RPC) && c->events_endpoints.count == 0;
	const struct event_hub_options watch = {
		.endpoints = local_events ? inproc_events : d->setup.events_endpoints.items,
		.endpoint_count = local_events ? 1 : d->setup.events_endpoints.count,
		.client = d->client,
		.service_authorization = { token, token_len },
	};
	if (!event_hub_create(&watch, &d->hub, err)) return false;
	const struct bridge_options http = {
		.host = c->api_host,
		.port = (uint16_t)c->api_port,
		.threads = (size_t)c->api_workers,
		.client = d->client,
		.hub = d->hub,
		.service_authorization = copy_service_token,
		.service_authorization_self = d,
		.limits = limits_limiter(&d->limits),
		.cors = { .origins = c->cors_origins.items,
		          .origin_count = c->cors_origins.count,
		          .methods = c->cors_allow_methods.items,
		          .method_count = c->cors_allow_methods.count,
		          .headers = c->cors_allow_headers.items,
		          .header_count = c->cors_allow_headers.count,
		          .allow_credentials = c->cors_allow_credentials },
		.allowed_hosts = c->allowed_hosts.items,
		.allowed_host_count = c->allowed_hosts.count,
		.trusted_proxies = c->trusted_proxies.items,
		.trusted_proxy_count = c->trusted_proxies.count,
		.max_request_size = (size_t)c->max_request_size,
		.connections = (size_t)c->api_max_connections,
		.calls_per_thread = (size_t)c->api_max_in_flight,
		.request_timeout_ms = (uint32_t)c->api_read_timeout * 1000,
		.write_timeout_ms = (uint32_t)c->api_write_timeout * 1000,
		.heartbeat_ms = (uint32_t)c->sse_heartbeat * 1000,
		.tls_certificate = c->tls_cert_file,
		.tls_key = c->tls_key_file,
		.docs = true,
		.version = STR(PETFOOD_VERSION),
	};
	return bridge_start(&http, &d->bridge, err);
}

/* ---- run and end ---- */

/* Who watches the health is told at once; false if nothing has changed. */
static bool flip_health(struct daemon *d, atomic_bool *flag, bool ok)
{
	if (ok == atomic_exchange(flag, ok)) return false;
	atomic_fetch_add(&d->services.health_revision, 1);
	struct rpc_server *server = atomic_load(&d->server);
	if (server) rpc_server_wake(server, STR("health"));
	return true;
}

static void set_health(struct daemon *d, atomic_bool *flag, bool ok, const char *part)
{
	if (!flip_health(d, flag, ok)) return;
	if (ok) log_info("health.recovered", LOG_CSTR("part", part));
	else log_error("health.lost", LOG_CSTR("part", part));
}

/* Keeps health and the hub's token fresh between signals. Never waits for the store. */
static void tick(struct daemon *d)
{
	if (d->roles & ROLE_RPC) {
		bool answers = time_monotonic_ms() - atomic_load(&d->probe_ok_at_ms) < STORE_SILENT_MS;
		bool writes = d->store.oldest_wait_ms(d->store.self) < STORE_SILENT_MS; /* a reader's page cache hides a stuck disk */
		set_health(d, &d->services.store_ok, answers && writes, "store");
		set_health(d, &d->services.worker_ok, job_engine_is_healthy(d->engine), "worker");
	}
	if (d->hub) {
		char token[sizeof d->service_token];
		size_t len = copy_service_token(d, token, sizeof token);
		event_hub_set_service_authorization(d->hub, (struct str){ token, len });
	}
}

static int wait_for_signal(struct daemon *d, const sigset_t *signals)
{
	const struct timespec second = { .tv_sec = 1 };
	for (;;) {
		int sig = sigtimedwait(signals, NULL, &second);
		if (sig == SIGTERM || sig == SIGINT) return sig;
		tick(d);
	}
}

static void stop(struct daemon *d)
{
	(void)flip_health(d, &d->services.ready, false); /* before draining, which may take a while */
	(void)alarm(STOP_S); /* whatever hangs: a stop ends */
	if (d->bridge) (void)bridge_drain(d->bridge, DRAIN_MS);
	bridge_stop(&d->bridge);
	event_hub_destroy(&d->hub);
	rpc_client_destroy(&d->client);
	struct rpc_server *server = atomic_load(&d->server);
	if (server) rpc_server_drain(server, DRAIN_MS);
	atomic_store(&d->services.engine, NULL);
	job_engine_stop(&d->engine, DRAIN_MS);
	atomic_store(&d->server, NULL);
	rpc_server_stop(&server);
	event_publisher_destroy(&d->publisher);
	accounts_close(&d->services.accounts);
	atomic_store(&d->probe_end, true);
	if (d->probing) pthread_join(d->prober, NULL);
	if (d->store.close) d->store.close(d->store.self);
	limits_close(&d->limits);
}

static int fail(const struct error *err, int code)
{
	(void)fprintf(stderr, "petfoodd: %s\n", err->message);
	return code;
}

/* As many descriptors as the kernel grants: one per connection. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int exit_code_of(const struct error *err)
{
	return error_is(err, "CONFIG_INVALID") || err->code == RPC_INVALID_ARGUMENT ? EXIT_CONFIG : EXIT_UNAVAILABLE;
}

int main(int argc, char **argv)
{
	static struct daemon d;
	struct error err;
	struct arguments args;
	sigset_t signals;
	error_clear(&err);
	d.arena = arena_create(0);
	(void)pthread_mutex_init(&d.token_lock, NULL);
	if (!arguments_parse(d.arena, argc, argv, &args, &err)) return fail(&err, EXIT_USAGE);
	if (args.show && strcmp(args.show, "--print-config") != 0) return show(args.show, NULL);
	if (!setup_load(d.arena, args.env_file, args.flag_count, args.flags, &d.setup, &err)) return fail(&err, EXIT_CONFIG);
	if (args.show) return show(args.show, &d.setup);
	enum log_level level = LOG_INFO;
	(void)log_level_from(d.setup.config.log_level, &level);
	log_setup(level, str_equal_nocase(d.setup.config.log_format, STR("json")));
	if (!roles_parse(d.setup.config.role, &d.roles, &err)) return fail(&err, EXIT_CONFIG);

	/* Before any thread starts, so that all inherit it and only sigtimedwait sees them. */
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	raise_descriptor_limit();
	/* Fixed, at glibc's default: otherwise the first freed block of some megabytes raises it, and from then on large blocks stay
	 * with the process for good. */
	(void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);

	int code = 0;
	limits_open(&d.setup.config, &d.limits);
	if (start_store(&d, &err) && start_services(&d, &err) && start_bridge(&d, &err)) {
		(void)flip_health(&d, &d.services.ready, true);
		if (d.bridge) {
			(void)printf("petfood is at http%s://" STR_FMT ":%u\n", d.setup.config.tls_cert_file.len ? "s" : "",
			             STR_ARG(d.setup.config.api_host), (unsigned)bridge_port(d.bridge));
			(void)fflush(stdout);
		}
		log_info("daemon.started", LOG_CSTR("version", PETFOOD_VERSION), LOG_TEXT("data_dir", d.setup.data_dir),
		         LOG_TEXT("role", d.setup.config.role), LOG_INT("port", d.bridge ? bridge_port(d.bridge) : 0));
		int sig = wait_for_signal(&d, &signals);
		log_info("daemon.stopping", LOG_CSTR("signal", sig == SIGINT ? "INT" : "TERM"));
	} else {
		if (error_is(&err, "LISTEN_IN_USE") && d.hub && !d.bridge) { /* the bridge was the one that could not listen */
			struct str holder = port_holder(d.arena, (uint16_t)d.setup.config.api_port);
			(void)fprintf(stderr, "petfoodd: %s: it is held by " STR_FMT ". Choose another with --api-port=NUMBER.\n", err.message,
			              STR_ARG(holder));
			code = EXIT_UNAVAILABLE;
		} else {
			code = fail(&err, exit_code_of(&err));
		}
	}
	stop(&d);
	if (code == 0) log_info("daemon.stopped", LOG_CSTR("version", PETFOOD_VERSION));
	arena_destroy(&d.arena);
	return code;
}
