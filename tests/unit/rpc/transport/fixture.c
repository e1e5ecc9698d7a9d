#include "tests/unit/rpc/transport/fixture.h"

#include <ftw.h>
#include <sched.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rpc/transport/call_service.h"
#include "rpc/wire/envelope.h"
#include "rpc/wire/unpack.h"
#include "store/base/time.h"
#include "store/base/uuid.h"

struct fixture fx;
/* The server's default table is not used here, but the library refers to it. */
const rpc_handler handler_table[1] = { NULL };

static struct timespec patience(void)
{
	struct timespec at;
	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += PATIENCE_MS / 1000;
	return at;
}

/* For states that nobody signals: looks again after yielding the processor. */
bool wait_until(bool (*is_true)(void *self), void *self)
{
	int64_t until_ms = time_monotonic_ms() + PATIENCE_MS;
	while (!is_true(self)) {
		if (time_monotonic_ms() > until_ms) return false;
		sched_yield();
	}
	return true;
}

void gate_set(bool open)
{
	pthread_mutex_lock(&fx.gate.lock);
	fx.gate.open = open;
	if (!open) fx.gate.passed = 0;
	pthread_cond_broadcast(&fx.gate.changed);
	pthread_mutex_unlock(&fx.gate.lock);
}

bool gate_has(int inside)
{
	struct timespec until = patience();
	int rc = 0;
	pthread_mutex_lock(&fx.gate.lock);
	while (fx.gate.inside != inside && rc == 0) rc = pthread_cond_timedwait(&fx.gate.changed, &fx.gate.lock, &until);
	bool ok = fx.gate.inside == inside;
	pthread_mutex_unlock(&fx.gate.lock);
	return ok;
}

/* ---- handlers ---- */

static const char *id_of(const void *request) { return ((const Petfood__V1__GetTaskRequest *)request)->id; }

static bool say(struct call *call, void *reply, struct str text)
{
	((Petfood__V1__CancelTaskReply *)reply)->task_id = str_dup_c(call->arena, text);
	return true;
}

static bool on_echo(struct call *call, const void *request, void *reply, struct error *err)
{
	(void)err;
	return say(call, reply, str_from(id_of(request)));
}

static bool fail_with(enum rpc_code code, struct call *call, void *reply, struct error *err)
{
	if (code == RPC_OK) return say(call, reply, STR("ok"));
	if (code == RPC_INVALID_ARGUMENT) return error_violation(err, "pet_age", "less_than_equal", "must be at most 600");
	error_set(err, code, "TASK_UNFINISHED", "secret detail for the log");
	return error_param(err, "status", "running");
}

static bool on_fail(struct call *call, const void *request, void *reply, struct error *err)
{
	return fail_with((enum rpc_code)atoi(id_of(request)), call, reply, err);
}

static bool on_block(struct call *call, const void *request, void *reply, struct error *err)
{
	pthread_mutex_lock(&fx.gate.lock);
	memcpy(fx.blocked_id, call->id, sizeof fx.blocked_id);
	fx.gate.inside++;
	pthread_cond_broadcast(&fx.gate.changed);
	while (!fx.gate.open && !atomic_load(call->cancelled)) {
		struct timespec soon;
		clock_gettime(CLOCK_REALTIME, &soon);
		soon.tv_nsec += 5000000; /* a handler polls its cancel flag */
		if (soon.tv_nsec >= 1000000000) soon.tv_sec++, soon.tv_nsec -= 1000000000;
		(void)pthread_cond_timedwait(&fx.gate.changed, &fx.gate.lock, &soon);
	}
	fx.gate.inside--;
	fx.gate.passed++;
	pthread_cond_broadcast(&fx.gate.changed);
	pthread_mutex_unlock(&fx.gate.lock);
	if (atomic_load(call->cancelled)) return error_set(err, RPC_CANCELLED, "CALL_CANCELLED", "told to stop");
	return say(call, reply, str_from(id_of(request)));
}

static bool on_park(struct call *call, const void *request, void *reply, struct error *err)
{
	atomic_fetch_add(&fx.parked_runs, 1);
	call_watch(call, str_from(id_of(request)));
	if (atomic_load(&fx.mail) && strncmp(id_of(request), "fail ", 5) == 0)
		return fail_with((enum rpc_code)atoi(id_of(request) + 5), call, reply, err);
	if (atomic_load(&fx.mail)) return say(call, reply, STR("found"));
	if (call->last_try && !strstr(id_of(request), "stubborn")) return say(call, reply, STR("late"));
	return call_wait(call, strncmp(id_of(request), "short", 5) == 0 ? 30 : 30000, err);
}

static bool on_who(struct call *call, const void *request, void *reply, struct error *err)
{
	static const char *const kinds[] = { "none", "user", "service" };
	(void)request;
	(void)err;
	return say(call, reply,
	           str_printf(call->arena, "%s/%s/%s/" STR_FMT "/%s", kinds[call->caller.kind], call->caller.user_id,
	                      call->caller.service, STR_ARG(call->client_address), call->lang == LANG_EN ? "en" : "zh"));
}

static bool on_effect(struct call *call, const void *request, void *reply, struct error *err)
{
	(void)err;
	atomic_fetch_add(&fx.effects, 1);
	return say(call, reply, str_from(id_of(request)));
}

static bool on_large(struct call *call, const void *request, void *reply, struct error *err)
{
	Petfood__V1__GetTaskResultReply *out = reply;
	(void)err;
	out->output.len = (size_t)atol(id_of(request));
	out->output.data = arena_alloc(call->arena, out->output.len);
	return true;
}

static bool on_plan(struct call *call, const void *request, void *reply, struct error *err)
{
	(void)request;
	(void)err;
	((Petfood__V1__CreatePlanReply *)reply)->task_id = str_dup_c(call->arena, STR("t"));
	return true;
}

static bool on_keyed(struct call *call, const void *request, void *reply, struct error *err)
{
	char hex[65];
	(void)request;
	(void)err;
	sodium_bin2hex(hex, sizeof hex, call->payload_hash, sizeof call->payload_hash);
	return say(call, reply, str_printf(call->arena, "%.8s/" STR_FMT, hex, STR_ARG(call->idempotency_key)));
}

static bool on_flaky(struct call *call, const void *request, void *reply, struct error *err)
{
	atomic_fetch_add(&fx.flaky_calls, 1);
	if (atomic_fetch_sub(&fx.failures_left, 1) > 0) return error_set(err, RPC_UNAVAILABLE, "STORE_DOWN", "down");
	return say(call, reply, str_from(id_of(request)));
}

/* ---- setting up ---- */

static void method(enum test_method index, const char *name, rpc_handler handler, const char *request, const char *reply,
                   enum method_auth auth, enum method_pool pool, bool no_side_effects)
{
	fx.handlers[index] = handler;
	fx.methods[index] = (struct method_side){
		.name = name, .request = message_by_name(str_from(request)), .reply = message_by_name(str_from(reply)),
		.auth = auth, .pool = pool, .no_side_effects = no_side_effects, .timeout_ms = 30000,
	};
}

void fixture_init(void)
{
	static const char id[] = "petfood.v1.GetTaskRequest", text[] = "petfood.v1.CancelTaskReply";
	memset(&fx, 0, sizeof fx);
	fx.arena = arena_create(0);
	pthread_mutex_init(&fx.gate.lock, NULL);
	pthread_cond_init(&fx.gate.changed, NULL);
	fx.methods[M_CANCEL] = *method_by_name(STR("petfood.rpc.v1.CallService/Cancel"));
	fx.handlers[M_CANCEL] = call_service_cancel;
	fx.methods[M_PING] = *method_by_name(STR("petfood.rpc.v1.CallService/Ping"));
	fx.handlers[M_PING] = call_service_ping;
	method(M_ECHO, "test.T/Echo", on_echo, id, text, AUTH_NONE, POOL_WORKER, true);
	method(M_FAIL, "test.T/Fail", on_fail, id, text, AUTH_NONE, POOL_WORKER, false);
	method(M_BLOCK, "test.T/Block", on_block, id, text, AUTH_ANY, POOL_WORKER, false);
	method(M_HASH, "test.T/Hash", on_block, id, text, AUTH_NONE, POOL_HASH, false);
	method(M_PARK, "test.T/Park", on_park, id, text, AUTH_ANY, POOL_PARKED, false);
	method(M_WHO, "test.T/Who", on_who, id, text, AUTH_ANY, POOL_WORKER, false);
	method(M_USER, "test.T/User", on_who, id, text, AUTH_USER, POOL_WORKER, false);
	method(M_SERVICE, "test.T/Service", on_who, id, text, AUTH_SERVICE, POOL_WORKER, false);
	method(M_EFFECT, "test.T/Effect", on_effect, id, text, AUTH_NONE, POOL_WORKER, false);
	method(M_LARGE, "test.T/Large", on_large, id, "petfood.v1.GetTaskResultReply", AUTH_NONE, POOL_WORKER, false);
	method(M_PLAN, "test.T/Plan", on_plan, "petfood.v1.CreatePlanRequest", "petfood.v1.CreatePlanReply", AUTH_NONE, POOL_WORKER, false);
	method(M_KEYED, "test.T/Keyed", on_keyed, id, text, AUTH_NONE, POOL_WORKER, false);
	fx.methods[M_KEYED].idempotent_by_key = true;
	method(M_FLAKY, "test.T/Flaky", on_flaky, id, text, AUTH_NONE, POOL_WORKER, true);
	fx.keys = (struct token_keys){ 1, { { "", { "0123456789abcdef0123456789abcdef", 32 } } } };
	fx.options = (struct rpc_server_options){ .workers = 4, .hash_workers = 1, .keys = &fx.keys, .methods = fx.methods,
		                                  .method_count = M_COUNT, .handlers = fx.handlers };
}

const char *fixture_ipc(const char *name)
{
	if (!fx.directory[0]) {
		(void)snprintf(fx.directory, sizeof fx.directory, "/tmp/petfood-test-XXXXXX");
		if (!mkdtemp(fx.directory)) abort();
	}
	return str_printf(fx.arena, "ipc://%s/%s.sock", fx.directory, name).ptr;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void fixture_fini(void)
{
	if (fx.directory[0]) (void)nftw(fx.directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	pthread_cond_destroy(&fx.gate.changed);
	pthread_mutex_destroy(&fx.gate.lock);
	arena_destroy(&fx.arena);
}

void fixture_start(const char *url)
{
	struct error err;
	struct str address = str_from(url);
	fx.options.listen = &address;
	fx.options.listen_count = 1;
	if (!CHECK_OK(rpc_server_start(&fx.options, &fx.server, &err), &err)) exit(1);
	address = rpc_server_endpoint(fx.server, 0);
	struct rpc_client_options options = { .endpoints = &address, .endpoint_count = 1, .message_bytes_max = fx.options.message_bytes_max };
	if (!CHECK_OK(rpc_client_create(&options, &fx.client, &err), &err)) exit(1);
}

void fixture_stop(void)
{
	rpc_client_destroy(&fx.client);
	rpc_server_stop(&fx.server);
}

struct str make_token(enum token_type type, const char *subject, int64_t ttl_s)
{
	struct error err;
	struct str token;
	struct token_claims claims = { .type = type, .issued_at_s = fx.issue_at_s ? fx.issue_at_s : time_now_us() / 1000000 };
	claims.expires_at_s = claims.issued_at_s + ttl_s;
	(void)snprintf(claims.subject, sizeof claims.subject, "%s", subject);
	if (!CHECK_OK(token_sign(fx.arena, &fx.keys, &claims, &token, &err), &err)) exit(1);
	return str_printf(fx.arena, "Bearer " STR_FMT, STR_ARG(token));
}

size_t request_bytes(enum test_method m, const char *id, const struct rpc_metadata *metadata, uint32_t timeout_ms,
                     uint8_t *out, size_t cap)
{
	Petfood__V1__GetTaskRequest request = PETFOOD__V1__GET_TASK_REQUEST__INIT;
	struct envelope envelope = { .method = fx.methods[m].name, .timeout_ms = timeout_ms };
	struct arena *arena = arena_create(0);
	struct error err;
	request.id = (char *)(uintptr_t)id;
	entropy_fill(envelope.call_id, sizeof envelope.call_id);
	if (metadata) envelope.metadata = *metadata;
	size_t len = 0;
	if (CHECK_OK(message_pack(arena, &request.base, &envelope.payload, &err), &err)) len = envelope_packed_size(&envelope);
	if (len == 0 || len > cap) abort();
	envelope_pack(&envelope, out);
	arena_destroy(&arena);
	return len;
}

/* ---- asking ---- */

static _Thread_local bool starting;

void answer_init(struct answer *answer)
{
	memset(answer, 0, sizeof *answer);
	pthread_mutex_init(&answer->lock, NULL);
	pthread_cond_init(&answer->arrived, NULL);
}

void answer_fini(struct answer *answer)
{
	pthread_cond_destroy(&answer->arrived);
	pthread_mutex_destroy(&answer->lock);
}

bool answer_wait(struct answer *answer)
{
	struct timespec until = patience();
	int rc = 0;
	pthread_mutex_lock(&answer->lock);
	while (!answer->count && rc == 0) rc = pthread_cond_timedwait(&answer->arrived, &answer->lock, &until);
	bool ok = answer->count == 1 && !answer->inside_start;
	pthread_mutex_unlock(&answer->lock);
	return ok;
}

static void keep(char *out, size_t size, struct str s) { (void)snprintf(out, size, STR_FMT, STR_ARG(s)); }

void answer_done(void *self, const struct rpc_outcome *o)
{
	struct answer *a = self;
	pthread_mutex_lock(&a->lock);
	a->count++;
	a->inside_start = starting;
	a->code = o->code;
	a->payload_bytes = o->payload.len;
	keep(a->reason, sizeof a->reason, o->reason);
	keep(a->message, sizeof a->message, o->message);
	keep(a->rate_limit, sizeof a->rate_limit, o->metadata.rate_limit);
	keep(a->rate_limit_policy, sizeof a->rate_limit_policy, o->metadata.rate_limit_policy);
	keep(a->user, sizeof a->user, o->metadata.user);
	a->param_count = o->param_count;
	a->violation_count = o->violation_count;
	if (o->param_count) {
		keep(a->param_name, sizeof a->param_name, o->params[0].name);
		keep(a->param_value, sizeof a->param_value, o->params[0].value);
	}
	if (o->violation_count) {
		keep(a->violation_field, sizeof a->violation_field, o->violations[0].field);
		keep(a->violation_type, sizeof a->violation_type, o->violations[0].type);
	}
	if (o->code == RPC_OK) {
		Petfood__V1__CancelTaskReply *reply =
			petfood__v1__cancel_task_reply__unpack(NULL, o->payload.len, (const uint8_t *)o->payload.ptr);
		if (reply) keep(a->text, sizeof a->text, str_from(reply->task_id));
		if (reply) petfood__v1__cancel_task_reply__free_unpacked(reply, NULL);
	}
	pthread_cond_broadcast(&a->arrived);
	pthread_mutex_unlock(&a->lock);
}

bool ask(struct rpc_client *client, enum test_method m, const char *id, const struct rpc_metadata *metadata,
         uint32_t timeout_ms, struct answer *answer, struct rpc_pending **pending)
{
	struct error err;
	Petfood__V1__GetTaskRequest request = PETFOOD__V1__GET_TASK_REQUEST__INIT;
	request.id = (char *)(uintptr_t)id;
	starting = true;
	bool ok = rpc_client_start(client, &fx.methods[m], &request.base, metadata, timeout_ms, answer_done, answer, pending, &err);
	starting = false;
	if (!ok) {
		answer->code = err.code;
		keep(answer->reason, sizeof answer->reason, str_from(err.reason));
	}
	return ok;
}

struct answer call(enum test_method m, const char *id, const struct rpc_metadata *metadata, uint32_t timeout_ms)
{
	struct answer answer;
	answer_init(&answer);
	if (ask(fx.client, m, id, metadata, timeout_ms, &answer, NULL)) CHECK_ROW(id, answer_wait(&answer));
	answer_fini(&answer);
	return answer;
}
