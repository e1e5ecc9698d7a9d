/* One request: checks, route, the RPC, and back. The order of the checks is the order of exchange_begin. */
#include <stdlib.h>
#include <string.h>

#include "bridge/http/edge.h"
#include "bridge/route/reply.h"
#include "rpc/wire/unpack.h"
#include "store/base/log.h"
#include "store/base/uuid.h"

enum {
	SPARE_MAX = 256,                     /* exchanges kept for the next requests, */
	SPARE_BYTES_MAX = 64 * 1024,         /* if their arena has not grown beyond this */
	UNPACK_BYTES_MAX = 64 * 1024 * 1024, /* arena budget of one reply */
	STRAY_CALLS_MAX = 16,                /* of one connection */
	BUILD_HERE_BYTES_MAX = 16 * 1024,    /* a body up to here takes less than 0.2 ms; larger ones are read on the builder's thread */
};

/* ---- life ---- */

/* Lives in the request's pool: tells us when the request goes, also if it is reset in the middle. */
struct guard {
	struct exchange *x;
};

static void on_request_gone(void *data)
{
	struct exchange *x = ((struct guard *)data)->x;
	struct worker *worker = x->worker;
	struct bridge *bridge = worker->bridge;
	bool http2 = x->req->version >= 0x200;
	x->req = NULL;
	h2o_timeout_unlink(&x->stall);
	if (x->fresh) h2o_linklist_unlink(&x->link);
	x->connection->answer_bytes -= x->kept_bytes;
	connection_ended(x->connection);
	if (!x->answered) {
		if (http2) connection_count_resets(x->connection, 1);
		answer_log(x, 499);
	}
	if (x->pending) rpc_pending_cancel(&x->pending);
	if (x->calling) x->connection->stray_calls++;
	if (x->stream) stream_lost(x->stream);
	metric_set(bridge->exchange_gauge, (int64_t)atomic_fetch_sub(&bridge->exchanges, 1) - 1);
	if (atomic_load(&bridge->draining)) {
		pthread_mutex_lock(&bridge->lock);
		pthread_cond_broadcast(&bridge->changed);
		pthread_mutex_unlock(&bridge->lock);
	}
	exchange_unref(x);
}

static struct exchange *exchange_take(struct worker *worker, h2o_req_t *req)
{
	struct exchange *x = worker->spare;
	struct arena *arena = NULL;
	if (x) {
		worker->spare = x->next;
		worker->spare_count--;
		arena = x->arena;
	} else {
		x = malloc(sizeof *x);
		if (!x) die("out of memory");
		arena = arena_create(0);
	}
	*x = (struct exchange){ .worker = worker, .req = req, .refs = 1, .arena = arena };
	struct guard *guard = h2o_mem_alloc_shared(&req->pool, sizeof *guard, on_request_gone);
	guard->x = x;
	x->connection = req->conn->callbacks->get_socket(req->conn)->on_close.data;
	connection_began(x->connection);
	x->began_us = time_monotonic_us();
	metric_set(worker->bridge->exchange_gauge, (int64_t)atomic_fetch_add(&worker->bridge->exchanges, 1) + 1);
	return x;
}

void exchange_ref(struct exchange *x) { x->refs++; }

void exchange_unref(struct exchange *x)
{
	if (--x->refs > 0) return;
	struct worker *worker = x->worker;
	connection_unref(x->connection);
	if (worker->spare_count >= SPARE_MAX || arena_used(x->arena) > SPARE_BYTES_MAX) {
		arena_destroy(&x->arena);
		free(x);
		return;
	}
	arena_set_budget(x->arena, 0);
	arena_reset(x->arena);
	x->next = worker->spare;
	worker->spare = x;
	worker->spare_count++;
}

void exchange_settle(struct exchange *x, struct arena *arena)
{
	struct str *const kept[] = { &x->method, &x->path, &x->request_id, &x->client }, *const spent[] = { &x->query, &x->origin, &x->left };
	for (size_t i = 0; i < COUNT(kept); i++) *kept[i] = str_dup(arena, *kept[i]);
	for (size_t i = 0; i < COUNT(spent); i++) *spent[i] = STR_NONE;
	x->outcome = (struct rpc_outcome){ .code = x->outcome.code };
	x->told = (struct reply_metadata){ .user = str_dup(arena, x->told.user) };
	arena_destroy(&x->arena);
	x->arena = arena;
}

/* ---- reading the request ---- */

static struct str of_iovec(h2o_iovec_t v) { return (struct str){ v.base, v.len }; }

struct str exchange_header(const struct exchange *x, const char *name)
{
	ssize_t at = h2o_find_header_by_str(&x->req->headers, name, strlen(name), -1);
	return at == -1 ? STR_NONE : of_iovec(x->req->headers.entries[at].value);
}

static struct str joined_header(const struct exchange *x, const char *name)
{
	struct strbuf all;
	strbuf_init(&all, x->arena);
	for (ssize_t at = -1; (at = h2o_find_header_by_str(&x->req->headers, name, strlen(name), at)) != -1;) {
		if (all.len) strbuf_add_char(&all, ',');
		strbuf_add_str(&all, of_iovec(x->req->headers.entries[at].value));
	}
	return strbuf_str(&all);
}

static void read_target(struct exchange *x)
{
	struct str target = of_iovec(x->req->path);
	if (target.len > 0 && target.ptr[0] != '/') { /* absolute form: http://host/path */
		size_t authority = str_find(target, STR("://"), 0);
		const char *slash =
		    authority == SIZE_MAX ? NULL : memchr(target.ptr + authority + 3, '/', target.len - authority - 3);
		if (slash) target = (struct str){ slash, target.len - (size_t)(slash - target.ptr) };
	}
	const char *mark = target.len ? memchr(target.ptr, '?', target.len) : NULL;
	x->path = target;
	if (mark) {
		x->path.len = (size_t)(mark - target.ptr);
		x->query = (struct str){ mark + 1, target.len - x->path.len - 1 };
	}
}

static struct str client_address(const struct exchange *x)
{
	const struct bridge *bridge = x->worker->bridge;
	struct sockaddr_storage storage;
	struct address peer;
	h2o_conn_t *conn = x->req->conn;
	if (conn->callbacks->get_peername(conn, (struct sockaddr *)&storage) == 0) return STR_NONE;
	if (!address_from_socket((struct sockaddr *)&storage, &peer)) return STR_NONE;
	struct address client = address_of_client(&peer, joined_header(x, "x-forwarded-for"), bridge->trusted,
	                                          bridge->options.trusted_proxy_count);
	char *text = arena_alloc(x->arena, ADDRESS_TEXT_BYTES);
	address_format(&client, text);
	return str_from(text);
}

static void read_context(struct exchange *x)
{
	x->method = of_iovec(x->req->method);
	x->is_head = str_equal(x->method, STR("HEAD"));
	read_target(x);
	x->lang = lang_from_accept(exchange_header(x, "accept-language"));
	x->origin = exchange_header(x, "origin");
	x->client = client_address(x);
	bool continued = traceparent_continue(exchange_header(x, "traceparent"), x->traceparent);
	x->request_id = exchange_header(x, "x-request-id");
	if (request_id_is_valid(x->request_id)) return;
	if (continued) { /* the caller's trace may have many requests */
		char *id = arena_alloc(x->arena, UUID_TEXT_BYTES);
		uuid_make(id);
		x->request_id = str_from(id);
	} else {
		x->request_id = (struct str){ x->traceparent + 3, 32 };
	}
}

static size_t header_bytes(const h2o_req_t *req)
{
	size_t total = req->method.len + req->path.len + req->authority.len;
	for (size_t i = 0; i < req->headers.size; i++)
		total += req->headers.entries[i].name->len + req->headers.entries[i].value.len;
	return total;
}

bool exchange_has_host(const struct exchange *x)
{
	/* h2o puts the configured name where the client named none. */
	return x->req->input.authority.base != x->req->hostconf->authority.hostport.base;
}

static bool check_head(struct exchange *x, struct error *err)
{
	const struct bridge_options *o = &x->worker->bridge->options;
	if (header_bytes(x->req) > o->header_bytes) {
		return error_set(err, RPC_INVALID_ARGUMENT, "HEADERS_TOO_LARGE", "headers beyond %zu bytes",
		                 o->header_bytes);
	}
	bool named = exchange_has_host(x);
	struct str host = named ? of_iovec(x->req->input.authority) : STR_NONE;
	if ((!named && x->req->version >= 0x101) || !host_is_allowed(o->allowed_hosts, o->allowed_host_count, host)) {
		return error_set(err, RPC_INVALID_ARGUMENT, "HOST_NOT_ALLOWED", "host not allowed");
	}
	return true;
}

size_t exchange_body_limit(const struct exchange *x)
{
	const struct bridge_options *o = &x->worker->bridge->options;
	size_t limit = o->json_body_bytes;
	if (x->route && x->route->method->body_limit_bytes > 1024 * 1024) limit = x->route->method->body_limit_bytes;
	return limit < o->max_request_size ? limit : o->max_request_size;
}

static bool check_accept(const struct exchange *x, struct error *err)
{
	struct str accept = joined_header(x, "accept");
	if (accept_quality(accept, STR("application/json")) > 0) return true;
	bool stream = x->route->method->opens_stream;
	if (stream && accept_quality(accept, STR("text/event-stream")) > 0) return true;
	(void)error_set(err, RPC_INVALID_ARGUMENT, "NOT_ACCEPTABLE", "nothing acceptable");
	return error_param(err, "offered", "%s", stream ? "text/event-stream" : "application/json");
}

/* Before the call: a create that is answered with 503 has not created anything. */
static bool check_room(const struct exchange *x, struct error *err)
{
	const struct bridge *bridge = x->worker->bridge;
	if (!x->route->method->opens_stream || atomic_load(&bridge->streams) < bridge->options.streams) return true;
	return error_set(err, RPC_RESOURCE_EXHAUSTED, "OVERLOADED", "%zu streams open", bridge->options.streams);
}

static bool check_body(const struct exchange *x, struct error *err)
{
	size_t limit = exchange_body_limit(x);
	if (x->req->entity.len > limit) {
		(void)error_set(err, RPC_INVALID_ARGUMENT, "BODY_TOO_LARGE", "body beyond %zu bytes", limit);
		return error_param(err, "limit", "%zu", limit);
	}
	bool reads_body = x->route->body_all || x->route->body_field;
	if (!reads_body || x->req->entity.len == 0) return true;
	struct str type = exchange_header(x, "content-type"), coding = exchange_header(x, "content-encoding");
	bool plain = coding.len == 0 || str_equal_nocase(coding, STR("identity"));
	if (!plain || (type.len > 0 && !content_type_is(type, STR("application/json")))) {
		return error_set(err, RPC_INVALID_ARGUMENT, "MEDIA_TYPE", "the body is not plain JSON");
	}
	return true;
}

/* ---- refusing ---- */

bool exchange_may_answer(struct exchange *x)
{
	struct error err = { 0 };
	struct limit_note note = { 0 };
	char key[LIMITER_KEY_BYTES];
	if (x->client.len == 0 || builtin_is_unlimited(x)) return true;
	limiter_address_key(x->client, key);
	bool ok = limiter_take(x->worker->bridge->options.limits, LIMIT_DEFAULT, str_from(key), &note, &err);
	x->told.rate_limit = limit_note_state(x->arena, &note);
	x->told.rate_limit_policy = limit_note_policy(x->arena, &note);
	if (!ok) answer_error(x, &err, false);
	return ok;
}

/* Nothing of the request has reached the other end, where it would be counted. */
static void refuse(struct exchange *x, const struct error *err, bool located)
{
	if (exchange_may_answer(x)) answer_error(x, err, located);
}

/* ---- the call ---- */

static void on_done_here(struct message *message)
{
	struct exchange *x = H2O_STRUCT_FROM_MEMBER(struct exchange, done, message);
	struct worker *worker = x->worker;
	h2o_linklist_unlink(&x->link);
	if (x->pending) rpc_pending_release(&x->pending);
	x->told = x->outcome.metadata;
	worker->calls--;
	x->calling = false;
	if (!x->req) x->connection->stray_calls--;
	metric_add(worker->bridge->call_gauge, -1);
	x->on_outcome(x, &x->outcome);
	exchange_unref(x);
}

/* On a thread of the RPC client. Copies what outlives this call, and hands over to the loop. */
static void on_done(void *self, const struct rpc_outcome *outcome)
{
	struct exchange *x = self;
	struct arena *arena = x->arena;
	struct rpc_param *params = arena_new_array(arena, struct rpc_param, outcome->param_count);
	struct rpc_violation *violations = arena_new_array(arena, struct rpc_violation, outcome->violation_count);
	for (size_t i = 0; i < outcome->param_count; i++) {
		params[i].name = str_dup(arena, outcome->params[i].name);
		params[i].value = str_dup(arena, outcome->params[i].value);
	}
	for (size_t i = 0; i < outcome->violation_count; i++) {
		violations[i].field = str_dup(arena, outcome->violations[i].field);
		violations[i].type = str_dup(arena, outcome->violations[i].type);
		violations[i].message = str_dup(arena, outcome->violations[i].message);
	}
	x->outcome = (struct rpc_outcome){
		.code = outcome->code,
		.reason = str_dup(arena, outcome->reason),
		.message = str_dup(arena, outcome->message),
		.param_count = outcome->param_count,
		.params = params,
		.violation_count = outcome->violation_count,
		.violations = violations,
		.payload = str_dup(arena, outcome->payload),
		.metadata = reply_metadata_dup(arena, &outcome->metadata),
	};
	worker_post(x->worker, &x->done);
}

static bool fill_metadata(struct exchange *x, struct rpc_metadata *out, struct error *err)
{
	const struct bridge_options *o = &x->worker->bridge->options;
	struct str token, authorization = exchange_header(x, "authorization");
	*out = (struct rpc_metadata){
		.accept_language = x->lang == LANG_EN ? STR("en") : STR("zh-CN"),
		.idempotency_key = exchange_header(x, "idempotency-key"),
		.traceparent = str_from(x->traceparent),
		.request_id = x->request_id,
		.client_address = x->client,
		.user_agent = exchange_header(x, "user-agent"),
	};
	/* For people to look at; what cannot travel is left out. */
	if (!is_plain_value(out->user_agent, USER_AGENT_BYTES_MAX)) out->user_agent = STR_NONE;
	if (bearer_token(authorization, &token)) {
		/* What cannot travel as metadata cannot be a token either. */
		if (!is_plain_value(token, CALLER_TOKEN_BYTES_MAX - 16)) {
			return error_set(err, RPC_UNAUTHENTICATED, "TOKEN_INVALID", "not the form of a token");
		}
		out->authorization = str_printf(x->arena, "Bearer " STR_FMT, STR_ARG(token));
	}
	if (out->idempotency_key.len > 0 && !is_plain_value(out->idempotency_key, 200)) {
		(void)error_set(err, RPC_INVALID_ARGUMENT, "METADATA_INVALID",
		                "idempotency-key is not 1..200 printable characters");
		return error_param(err, "key", "idempotency-key");
	}
	if (o->service_authorization) {
		char service[SERVICE_TOKEN_BYTES_MAX];
		size_t len = o->service_authorization(o->service_authorization_self, service, sizeof service);
		out->service_authorization = str_dup(x->arena, (struct str){ service, len });
	}
	return true;
}

bool exchange_call(struct exchange *x, const struct method_side *method, const ProtobufCMessage *request,
                   void (*on_outcome)(struct exchange *x, const struct rpc_outcome *outcome))
{
	struct worker *worker = x->worker;
	struct bridge *bridge = worker->bridge;
	struct error err = { 0 };
	struct rpc_metadata metadata;
	if (worker->calls >= bridge->options.calls_per_thread) {
		(void)error_set(&err, RPC_RESOURCE_EXHAUSTED, "OVERLOADED", "%zu calls under way", worker->calls);
		goto refused;
	}
	/* Whoever abandons requests faster than their calls end must not use up the calls of everybody. */
	if (x->connection->stray_calls >= STRAY_CALLS_MAX) {
		connection_count_resets(x->connection, 1);
		(void)error_set(&err, RPC_RESOURCE_EXHAUSTED, "OVERLOADED", "%zu abandoned calls under way",
		                x->connection->stray_calls);
		goto refused;
	}
	if (!fill_metadata(x, &metadata, &err)) goto refused;
	x->rpc = method;
	x->on_outcome = on_outcome;
	x->done.run = on_done_here;
	exchange_ref(x);
	if (!rpc_client_start(bridge->options.client, method, request, &metadata, 0, on_done, x, &x->pending, &err)) {
		exchange_unref(x);
		goto refused;
	}
	/* From here to on_done_here the arena is the client's. */
	x->calling = true;
	worker->calls++;
	metric_add(bridge->call_gauge, 1);
	h2o_linklist_insert(&worker->waiting, &x->link);
	return true;
refused:
	refuse(x, &err, false);
	return false;
}

ProtobufCMessage *exchange_unpack(struct exchange *x, const struct message_side *side, struct str payload)
{
	struct error err = { 0 };
	arena_set_budget(x->arena, UNPACK_BYTES_MAX);
	ProtobufCMessage *message = message_unpack(x->arena, side->descriptor, payload, &err);
	if (message) return message;
	(void)error_set(&err, RPC_INTERNAL, "INTERNAL", "the reply of %s cannot be read", x->rpc->name);
	answer_error(x, &err, false);
	return NULL;
}

static void on_outcome(struct exchange *x, const struct rpc_outcome *outcome)
{
	if (!x->req) return;
	if (outcome->code != RPC_OK) {
		answer_outcome(x, outcome);
		return;
	}
	if (x->rpc->opens_stream) {
		stream_open(x, outcome);
		return;
	}
	ProtobufCMessage *reply = exchange_unpack(x, x->rpc->reply, outcome->payload);
	if (!reply) return;
	struct strbuf body;
	strbuf_init(&body, x->arena);
	reply_done(&body, x->route, x->lang, reply);
	answer_json(x, 200, strbuf_str(&body));
}

/* ---- routing ---- */

void exchange_answer_options(struct exchange *x, unsigned verbs)
{
	const struct cors_policy *policy = &x->worker->bridge->cors;
	bool preflight = x->origin.len > 0 && exchange_header(x, "access-control-request-method").len > 0;
	if (preflight && cors_decide(policy, x->origin).allow_origin.len > 0) {
		struct str headers =
		    cors_allow_headers(x->arena, policy, exchange_header(x, "access-control-request-headers"));
		answer_header(x, "access-control-allow-methods", cors_allow_methods(x->arena, policy));
		if (headers.len) answer_header(x, "access-control-allow-headers", headers);
		answer_header(x, "access-control-max-age", str_printf(x->arena, "%d", CORS_MAX_AGE_S));
	}
	answer_header(x, "allow", route_allow_text(x->arena, verbs));
	answer_text(x, 200, "text/plain; charset=utf-8", STR("OK"));
}

void exchange_answer_unrouted(struct exchange *x, unsigned verbs)
{
	struct error err = { 0 };
	if (verbs) {
		(void)error_set(&err, RPC_UNIMPLEMENTED, "ROUTE_VERB", "wrong method");
		answer_header(x, "allow", route_allow_text(x->arena, verbs));
	} else {
		(void)error_set(&err, RPC_NOT_FOUND, "ROUTE_NOT_FOUND", "no such path");
	}
	answer_error(x, &err, false);
}

/* CONTRACT 1.7: the other form of a path, with or without its last slash, is served too. */
static bool find_route(struct exchange *x, struct route_match *match)
{
	const struct route_index *routes = x->worker->bridge->routes;
	if (route_find(routes, x->arena, x->method, x->path, match)) return true;
	if (match->verbs || x->path.len < 2 || x->path.ptr[x->path.len - 1] != '/') return false;
	return route_find(routes, x->arena, x->method, (struct str){ x->path.ptr, x->path.len - 1 }, match);
}

struct exchange *exchange_of_refused(h2o_req_t *req)
{
	struct worker *worker = H2O_STRUCT_FROM_MEMBER(struct worker, ctx, req->conn->ctx);
	struct exchange *x = exchange_take(worker, req);
	struct route_match match = { 0 };
	x->metrics_row = builtin_count() - 1;
	read_context(x);
	if (!find_route(x, &match)) return x;
	x->route = match.route;
	x->metrics_row = builtin_count() + (size_t)(match.route - route_table);
	return x;
}

void exchange_built(struct exchange *x, ProtobufCMessage *request, const struct error *err)
{
	if (request)
		(void)exchange_call(x, x->route->method, request, on_outcome);
	else
		refuse(x, err, true);
}

static void begin(struct exchange *x)
{
	h2o_req_t *req = x->req;
	struct error err = { 0 };
	struct route_match match = { 0 };
	ProtobufCMessage *request = NULL;
	read_context(x);
	if (!check_head(x, &err)) {
		refuse(x, &err, false);
		return;
	}
	if (builtin_answer(x)) return;
	bool found = find_route(x, &match);
	if (!found && str_equal(x->method, STR("OPTIONS"))) {
		bool preflight = x->origin.len > 0 && exchange_header(x, "access-control-request-method").len > 0;
		if (match.verbs || preflight) {
			if (exchange_may_answer(x)) exchange_answer_options(x, match.verbs);
			return;
		}
	}
	if (!found) {
		if (exchange_may_answer(x)) exchange_answer_unrouted(x, match.verbs);
		return;
	}
	x->route = match.route;
	x->metrics_row = builtin_count() + (size_t)(match.route - route_table);
	struct request_parts parts = {
		.query = x->query,
		.body = of_iovec(req->entity),
		.last_event_id = exchange_header(x, "last-event-id"),
		.lang = x->lang,
	};
	if (!check_accept(x, &err) || !check_body(x, &err) || !check_room(x, &err)) {
		refuse(x, &err, false);
	} else if (parts.body.len > BUILD_HERE_BYTES_MAX) {
		if (builder_take(x->worker->bridge->builder, x, &match, &parts)) return;
		(void)error_set(&err, RPC_RESOURCE_EXHAUSTED, "OVERLOADED", "too many large bodies");
		refuse(x, &err, false);
	} else if (!request_build(x->arena, &match, &parts, &request, &err)) {
		exchange_built(x, NULL, &err);
	} else {
		exchange_built(x, request, &err);
	}
}

void exchanges_begin_fresh(struct worker *worker)
{
	while (!h2o_linklist_is_empty(&worker->fresh)) {
		struct exchange *x = H2O_STRUCT_FROM_MEMBER(struct exchange, link, worker->fresh.next);
		h2o_linklist_unlink(&x->link);
		x->fresh = false;
		begin(x);
	}
}

int exchange_begin(h2o_handler_t *handler, h2o_req_t *req)
{
	(void)handler;
	struct worker *worker = H2O_STRUCT_FROM_MEMBER(struct worker, ctx, req->conn->ctx);
	struct exchange *x = exchange_take(worker, req);
	x->metrics_row = builtin_count() - 1; /* "unmatched" */
	if (x->connection->cut) {
		x->silent = true; /* the rest of what h2o had read; goes with the connection, and without a word */
	} else if (req->version < 0x200) {
		begin(x);
	} else {
		/* Once all that came with it is read: what was abandoned in the same breath costs nothing but its counting. */
		x->fresh = true;
		h2o_linklist_insert(&worker->fresh, &x->link);
	}
	return 0;
}
