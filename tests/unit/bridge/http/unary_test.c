/* Requests that get one answer: envelope, errors, checks, limits, the bridge's own pages. */
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "petfood/rpc/v1/system.pb-c.h"
#include "petfood/v1/plan.pb-c.h"
#include "store/base/log.h"
#include "store/base/time.h"
#include "tests/unit/bridge/http/site.h"

#define AUTH "Authorization: Bearer user-token\r\n"
#define JSON "Content-Type: application/json\r\n"

static void reply_deleted(struct fake_call *call)
{
	Petfood__V1__DeletePlanReply reply = PETFOOD__V1__DELETE_PLAN_REPLY__INIT;
	reply.plan_id = (char *)"p1";
	if (call) fake_reply(call, &reply.base);
}

static void fail(struct fake_call *call, enum rpc_code code, const char *reason)
{
	struct rpc_outcome outcome = { .code = code,
		                       .reason = str_from(reason),
		                       .message = STR("text of the other end") };
	if (call) fake_fail(call, &outcome);
}

static void check_envelope(struct site *site)
{
	struct http_client client;
	site_send(site, &client, "DELETE", "/api/v1/plans/p%201",
	          AUTH "Accept-Language: en\r\nX-Request-Id: req-7\r\nIdempotency-Key: k1\r\n"
	               "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
	               "X-Forwarded-For: 6.6.6.6, 198.51.100.7, 10.0.0.3\r\nOrigin: http://localhost:3000\r\n",
	          NULL);
	struct fake_call *call = fake_take_call();
	if (!CHECK(call != NULL)) return;
	CHECK_STR(str_from(call->method->name), "petfood.v1.PlanService/DeletePlan");
	CHECK_STR(str_from(((Petfood__V1__DeletePlanRequest *)call->request)->id), "p 1");
	CHECK_STR(call->authorization, "Bearer user-token");
	CHECK_STR(call->service_authorization, "Bearer of-the-bridge");
	CHECK_STR(call->accept_language, "en");
	CHECK_STR(call->idempotency_key, "k1");
	CHECK_STR(call->request_id, "req-7");
	CHECK_STR_ROW("A29 rightmost that is not trusted", call->client_address, "198.51.100.7");
	CHECK(has_text(call->traceparent, "4bf92f3577b34da6a3ce929d0e0e4736") &&
	      !has_text(call->traceparent, "00f067aa0ba902b7"));
	reply_deleted(call);
	struct http_answer answer = site_finish(site, &client);
	CHECK(answer.status == 200);
	CHECK_STR(answer.body, "{\"code\":0,\"message\":\"deleted\",\"data\":{\"plan_id\":\"p1\"}}");
	CHECK_STR(http_header(&answer, "content-type"), "application/json");
	CHECK_STR(http_header(&answer, "x-request-id"), "req-7");
	CHECK(has_text(http_header(&answer, "traceparent"), "4bf92f3577b34da6a3ce929d0e0e4736"));
	double seconds;
	CHECK(str_to_double(http_header(&answer, "x-process-time"), &seconds) && seconds >= 0 && seconds < 10);
	CHECK_STR(http_header(&answer, "access-control-allow-origin"), "http://localhost:3000");
	CHECK_STR(http_header(&answer, "access-control-allow-credentials"), "true");
	CHECK(has_text(http_header(&answer, "access-control-expose-headers"), "Retry-After"));
	CHECK(has_text(http_header(&answer, "vary"), "Origin"));
	CHECK(http_header(&answer, "transfer-encoding").len == 0);

	/* What the other end said of the caller's limits; and what keeps browsers from making more of an answer than it is. */
	static const struct {
		const char *name, *value;
	} kept[] = {
		{ "ratelimit", "\"default\";r=41;t=7" },
		{ "ratelimit-policy", "\"default\";q=100;w=60" },
		{ "x-content-type-options", "nosniff" },
		{ "x-frame-options", "DENY" },
		{ "referrer-policy", "no-referrer" },
		{ "content-security-policy", "default-src 'none'; frame-ancestors 'none'" },
		{ "strict-transport-security", "" }, /* not over plain HTTP */
	};
	Petfood__V1__DeletePlanReply deleted = PETFOOD__V1__DELETE_PLAN_REPLY__INIT;
	deleted.plan_id = (char *)(uintptr_t)"p1";
	struct rpc_outcome told = { .metadata = { .rate_limit = STR("\"default\";r=41;t=7"),
		                                  .rate_limit_policy = STR("\"default\";q=100;w=60") } };
	uint8_t packed[64];
	told.payload = (struct str){ (char *)packed, protobuf_c_message_pack(&deleted.base, packed) };
	site_send(site, &client, "DELETE", "/api/v1/plans/p1", "", NULL);
	struct fake_call *limited_call = fake_take_call();
	if (limited_call) fake_fail(limited_call, &told);
	answer = site_finish(site, &client);
	CHECK(answer.status == 200);
	for (size_t i = 0; i < COUNT(kept); i++)
		CHECK_STR_ROW(kept[i].name, http_header(&answer, kept[i].name), kept[i].value);

	/* Made where the client sent none, and not believed where it sent nonsense. */
	site_send(site, &client, "DELETE", "/api/v1/plans/p1",
	          AUTH "X-Request-Id: a b\r\nOrigin: http://evil.example\r\n", NULL);
	call = fake_take_call();
	CHECK(call && call->request_id.len == 32 && call->traceparent.len == 55);
	CHECK_STR_ROW("language by default", call ? call->accept_language : STR_NONE, "zh-CN");
	CHECK_STR_ROW("the peer itself", call ? call->client_address : STR_NONE, "127.0.0.1");
	reply_deleted(call);
	answer = site_finish(site, &client);
	CHECK_STR(answer.body, "{\"code\":0,\"message\":\"删除成功\",\"data\":{\"plan_id\":\"p1\"}}");
	CHECK_ROW("A27 a stranger's origin", http_header(&answer, "access-control-allow-origin").len == 0);
}

static void check_keep_alive(struct site *site)
{
	struct http_client client;
	http_open(&client, site->port);
	for (int i = 0; i < 3; i++) {
		http_sendf(&client, "DELETE /api/v1/plans/p%d HTTP/1.1\r\nHost: x\r\n\r\n", i);
		reply_deleted(fake_take_call());
		struct http_answer answer = http_read(&client, site->arena, false);
		CHECK(answer.status == 200 && has_text(answer.body, "p1"));
	}
	/* Pipelined: answers come in order. */
	http_sendf(&client,
	           "DELETE /api/v1/plans/a HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n");
	reply_deleted(fake_take_call());
	CHECK(has_text(http_read(&client, site->arena, false).body, "plan_id"));
	CHECK(has_text(http_read(&client, site->arena, false).body, "healthy"));
	http_close(&client);

	http_open(&client, site->port);
	http_sendf(&client, "DELETE /api/v1/plans/p1 HTTP/1.0\r\n\r\n");
	reply_deleted(fake_take_call());
	struct http_answer answer = http_read(&client, site->arena, false);
	CHECK_ROW("HTTP/1.0 needs no Host", answer.status == 200 && has_text(answer.body, "plan_id"));
	CHECK_ROW("HTTP/1.0 ends with its answer", http_await_end(&client));
	http_close(&client);
}

/* Bodies that arrive in different ways are the same request (B29). */
static void check_bodies(struct site *site)
{
	struct http_client client;
	Petfood__V1__CreatePlanReply created = PETFOOD__V1__CREATE_PLAN_REPLY__INIT;
	static const char *const ways[] = {
		"Content-Length: 18\r\n\r\n{\"pet_type\":\"cat\"}",
		"Transfer-Encoding: chunked\r\n\r\n4\r\n{\"pe\r\ne\r\nt_type\":\"cat\"}\r\n0\r\n\r\n",
	};
	for (size_t i = 0; i < COUNT(ways); i++) {
		http_open(&client, site->port);
		http_sendf(&client,
		           "POST /api/v1/plans/ HTTP/1.1\r\nHost: x\r\nX-HTTP-Method-Override: DELETE\r\n" JSON);
		http_send(&client, str_from(ways[i]));
		struct fake_call *call = fake_take_call();
		if (!CHECK_ROW(ways[i], call != NULL)) continue;
		CHECK_STR_ROW("B36", str_from(call->method->name), "petfood.v1.PlanService/CreatePlan");
		CHECK_ROW(ways[i], ((Petfood__V1__CreatePlanRequest *)call->request)->pet_type ==
		                       PETFOOD__V1__PET_TYPE__PET_TYPE_CAT);
		fake_reply(call, &created.base);
		CHECK_ROW(ways[i], site_finish(site, &client).status == 200);
	}
	/* Without a content type: JSON by assumption; on a path with the other slash. */
	site_send(site, &client, "POST", "/api/v1/plans", "", "{}");
	struct fake_call *call = fake_take_call();
	if (call) fake_reply(call, &created.base);
	CHECK(site_finish(site, &client).status == 200);
	site_send(site, &client, "DELETE", "/api/v1/plans/p1/", "", NULL);
	reply_deleted(fake_take_call());
	CHECK_ROW("CONTRACT 1.7: never 404", site_finish(site, &client).status == 200);
}

static const struct {
	const char *label, *method, *target, *headers, *body;
	int status;
	const char *in_body, *header, *value; /* a header that must hold value */
} refused[] = {
	{ "unknown path", "GET", "/api/v1/nothing", "", NULL, 404,
	  "{\"code\":404,\"message\":\"Not Found\",\"detail\":null}", NULL, NULL },
	{ "B28 wrong method", "PUT", "/api/v1/plans/p1", "", NULL, 405,
	  "{\"code\":405,\"message\":\"Method Not Allowed\",\"detail\":null}", "allow", "GET, HEAD, DELETE, OPTIONS" },
	{ "B28 wrong method of a page", "POST", "/health", "", "", 405, "\"code\":405", "allow", "GET, HEAD, OPTIONS" },
	{ "B36 override is ignored", "GET", "/api/v1/plans/p1/confirm", "X-HTTP-Method-Override: POST\r\n", NULL, 405,
	  "405", NULL, NULL },
	{ "B28 not acceptable", "GET", "/api/v1/plans/p1", "Accept: image/png\r\n", NULL, 406, "application/json", NULL,
	  NULL },
	{ "B28 media type", "POST", "/api/v1/plans", "Content-Type: text/plain\r\n", "{}", 415, "\"code\":415", NULL,
	  NULL },
	{ "a packed body", "POST", "/api/v1/plans", JSON "Content-Encoding: gzip\r\n", "{}", 415, "\"code\":415", NULL,
	  NULL },
	{ "an enum's number", "POST", "/api/v1/plans", JSON, "{\"pet_type\":0}", 422, "\"type\":\"enum\"", NULL, NULL },
	{ "violations in English", "POST", "/api/v1/plans", JSON "Accept-Language: en\r\n", "{\"pet_age\":\"x\"}", 422,
	  "must be a whole number", NULL, NULL },
	{ "violations in Chinese", "POST", "/api/v1/plans", JSON, "{\"pet_age\":\"x\"}", 422, "必须是整数", NULL,
	  NULL },
	{ "malformed JSON", "POST", "/api/v1/plans", JSON, "{\"pet_type\":", 422, "json_invalid", NULL, NULL },
	{ "wrong type names its field", "POST", "/api/v1/plans", JSON, "{\"pet_age\":\"x\"}", 422,
	  "\"field\":\"body.pet_age\"", NULL, NULL },
	{ "unknown enum value", "POST", "/api/v1/plans", JSON, "{\"pet_type\":\"horse\"}", 422,
	  "\"field\":\"body.pet_type\"", NULL, NULL },
	{ "invalid UTF-8", "POST", "/api/v1/plans", JSON, "{\"pet_breed\":\"\xff\"}", 422, "\"code\":422", NULL, NULL },
	{ "query of the wrong type", "GET", "/api/v1/plans?page=x", "", NULL, 422, "\"field\":\"query.page\"", NULL,
	  NULL },
	{ "idempotency key with junk", "POST", "/api/v1/plans", JSON "Idempotency-Key: \xc3\xa4\r\n", "{}", 400,
	  "idempotency-key", NULL, NULL },
	{ "a token that is none", "GET", "/api/v1/plans/p1", "Authorization: Bearer \xc3\xa4\r\n", NULL, 401,
	  "Token 无效或已过期", "www-authenticate", "Bearer" },
	{ "CORS on errors", "GET", "/nothing", "Origin: http://localhost:3000\r\n", NULL, 404, "404",
	  "access-control-allow-origin", "http://localhost:3000" },
	{ "English", "POST", "/api/v1/plans", "Content-Type: text/plain\r\nAccept-Language: en-GB,en;q=0.9\r\n", "{}",
	  415, "the body must be application/json", NULL, NULL },
};

static void check_refused(struct site *site)
{
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct http_answer answer =
		    site_ask(site, refused[i].method, refused[i].target, refused[i].headers, refused[i].body);
		CHECK_ROW(refused[i].label, answer.status == refused[i].status);
		if (!CHECK_ROW(refused[i].label, has_text(answer.body, refused[i].in_body)))
			printf("  " STR_FMT "\n", STR_ARG(answer.body));
		if (refused[i].header)
			CHECK_STR_ROW(refused[i].label, http_header(&answer, refused[i].header), refused[i].value);
		CHECK_ROW(refused[i].label, http_header(&answer, "x-request-id").len > 0);
	}
	CHECK_ROW("nothing of that reached the other end", !fake_has_call());

	struct strbuf deep;
	strbuf_init(&deep, site->arena);
	strbuf_add_cstr(&deep, "{\"pet_breed\":");
	for (int i = 0; i < 100000; i++) strbuf_add_char(&deep, '[');
	struct http_answer answer = site_ask(site, "POST", "/api/v1/plans", JSON, deep.data);
	CHECK_ROW("B32 depth bomb", answer.status == 422 && !fake_has_call());
}

static void check_failures(struct site *site)
{
	static const struct {
		enum rpc_code code;
		const char *reason;
		int status;
		const char *retry_after;
	} rows[] = {
		{ RPC_NOT_FOUND, "PLAN_NOT_FOUND", 404, "" },
		{ RPC_UNAUTHENTICATED, "TOKEN_INVALID", 401, "" },
		{ RPC_UNAVAILABLE, "UNREACHABLE", 503, "1" },
		{ RPC_RESOURCE_EXHAUSTED, "RATE_LIMITED", 429, "1" },
		{ RPC_DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", 504, "" },
		{ RPC_INTERNAL, "NEVER_HEARD_OF", 500, "" },
	};
	struct http_client client;
	for (size_t i = 0; i < COUNT(rows); i++) {
		site_send(site, &client, "GET", "/api/v1/plans/p1", "", NULL);
		fail(fake_take_call(), rows[i].code, rows[i].reason);
		struct http_answer answer = site_finish(site, &client);
		CHECK_ROW(rows[i].reason, answer.status == rows[i].status);
		CHECK_ROW(rows[i].reason,
		          has_text(answer.body, "\"message\":\"text of the other end\",\"detail\":null}"));
		CHECK_STR_ROW(rows[i].reason, http_header(&answer, "retry-after"), rows[i].retry_after);
	}

	struct rpc_param params[] = { { STR("limit"), STR("100") },
		                      { STR("window"), STR("60") },
		                      { STR("retry_after"), STR("9") } };
	struct rpc_outcome limited = { .code = RPC_RESOURCE_EXHAUSTED,
		                       .reason = STR("RATE_LIMITED"),
		                       .message = STR("slow down"),
		                       .param_count = 3,
		                       .params = params,
		                       .metadata = { .rate_limit = STR("\"default\";r=0;t=9"),
		                                     .rate_limit_policy = STR("\"default\";q=100;w=60") } };
	site_send(site, &client, "GET", "/api/v1/plans/p1", "Origin: http://localhost:3000\r\n", NULL);
	struct fake_call *call = fake_take_call();
	if (call) fake_fail(call, &limited);
	struct http_answer answer = site_finish(site, &client);
	CHECK_STR(http_header(&answer, "retry-after"), "9");
	CHECK_STR(http_header(&answer, "ratelimit"), "\"default\";r=0;t=9");
	CHECK_STR(http_header(&answer, "ratelimit-policy"), "\"default\";q=100;w=60");
	CHECK_ROW("A27 CORS on 429", http_header(&answer, "access-control-allow-origin").len > 0);

	/* The other end tells a missing token from a caller of the wrong kind. */
	site_send(site, &client, "GET", "/api/v1/plans/p1", "", NULL);
	fail(fake_take_call(), RPC_UNAUTHENTICATED, "CREDENTIALS_MISSING");
	CHECK(site_finish(site, &client).status == 401);
	site_send(site, &client, "GET", "/api/v1/plans/p1", AUTH, NULL);
	fail(fake_take_call(), RPC_PERMISSION_DENIED, "CALLER_NOT_ALLOWED");
	CHECK(site_finish(site, &client).status == 403);

	/* An id that cannot be one is found or not found by the other end. */
	static const char *const no_ids[] = { "/api/v1/plans/%FF", "/api/v1/plans/%00", "/api/v1/plans/a%00b" };
	for (size_t i = 0; i < COUNT(no_ids); i++) {
		site_send(site, &client, "GET", no_ids[i], "", NULL);
		struct fake_call *asked = fake_take_call();
		CHECK_ROW(no_ids[i], asked && strcmp(((Petfood__V1__GetPlanRequest *)asked->request)->id, "?") == 0);
		fail(asked, RPC_NOT_FOUND, "PLAN_NOT_FOUND");
		CHECK_ROW(no_ids[i], site_finish(site, &client).status == 404);
	}

	/* A reply that is no such message. */
	struct rpc_outcome torn = { .code = RPC_OK, .payload = STR("\x0a\xff") };
	site_send(site, &client, "GET", "/api/v1/plans/p1", "", NULL);
	call = fake_take_call();
	if (call) fake_fail(call, &torn);
	answer = site_finish(site, &client);
	CHECK(answer.status == 500 && has_text(answer.body, "\"code\":-1"));

	fake_refuse_calls = true;
	answer = site_ask(site, "GET", "/api/v1/plans/p1", "", NULL);
	CHECK(answer.status == 503);
	CHECK_STR(http_header(&answer, "retry-after"), "1");
	fake_refuse_calls = false;
}

static void check_head_and_options(struct site *site)
{
	struct http_client client;
	http_open(&client, site->port);
	http_sendf(&client, "HEAD /health HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n");
	struct http_answer head = http_read(&client, site->arena, true), get = http_read(&client, site->arena, false);
	CHECK_ROW("B28 HEAD has no body and the length of GET", head.status == 200 && get.status == 200);
	CHECK(str_equal(http_header(&head, "content-length"), http_header(&get, "content-length")));
	http_close(&client);

	struct http_answer answer =
	    site_ask(site, "OPTIONS", "/api/v1/plans/p1",
	             "Origin: http://localhost:3000\r\nAccess-Control-Request-Method: DELETE\r\n"
	             "Access-Control-Request-Headers: authorization,content-type\r\n",
	             NULL);
	CHECK(answer.status == 200 && answer.body.len > 0);
	CHECK_STR(http_header(&answer, "access-control-allow-origin"), "http://localhost:3000");
	CHECK_STR(http_header(&answer, "access-control-allow-methods"), "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");
	CHECK_STR(http_header(&answer, "access-control-allow-headers"), "authorization,content-type");
	CHECK_STR(http_header(&answer, "access-control-max-age"), "600");
	answer = site_ask(site, "OPTIONS", "/api/v1/plans/p1",
	                  "Origin: http://evil.example\r\nAccess-Control-Request-Method: DELETE\r\n", NULL);
	CHECK_ROW("preflight of a stranger", http_header(&answer, "access-control-allow-origin").len == 0 &&
	                                         http_header(&answer, "access-control-allow-methods").len == 0);
	answer = site_ask(site, "OPTIONS", "/api/v1/plans", "", NULL);
	CHECK(answer.status == 200);
	CHECK_STR(http_header(&answer, "allow"), "GET, HEAD, POST, OPTIONS");
	CHECK(site_ask(site, "OPTIONS", "/nothing", "", NULL).status == 404);
	CHECK(!fake_has_call());
}

static void reply_health(struct fake_call *call, bool ready)
{
	Petfood__Rpc__V1__HealthComponent part = PETFOOD__RPC__V1__HEALTH_COMPONENT__INIT;
	Petfood__Rpc__V1__HealthComponent *parts[] = { &part };
	Petfood__Rpc__V1__HealthCheckReply reply = PETFOOD__RPC__V1__HEALTH_CHECK_REPLY__INIT;
	part.name = (char *)"database";
	part.driver = (char *)"sqlite";
	part.status = ready ? PETFOOD__RPC__V1__HEALTH_STATUS__HEALTH_STATUS_HEALTHY
	                    : PETFOOD__RPC__V1__HEALTH_STATUS__HEALTH_STATUS_UNHEALTHY;
	reply.status = part.status;
	reply.ready = ready;
	reply.n_components = 1;
	reply.components = parts;
	if (call) fake_reply(call, &reply.base);
}

static void check_pages(struct site *site)
{
	struct http_client client;
	struct http_answer answer = site_ask(site, "GET", "/", "", NULL);
	CHECK_STR(answer.body, "{\"code\":0,\"message\":\"Pet Food Diet Plan Assistant API is "
	                       "running\",\"data\":{\"name\":\"Pet Food Diet Plan "
	                       "Assistant\",\"version\":\"1.2.3\",\"status\":\"running\",\"docs\":{\"swagger\":\"/"
	                       "docs\",\"redoc\":\"/redoc\"}}}");
	answer = site_ask(site, "GET", "/", "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n", NULL);
	CHECK(has_text(http_header(&answer, "content-type"), "text/html") &&
	      has_text(answer.body, "<title>petfood</title>"));
	CHECK_ROW("names itself as it was asked for",
	          has_text(answer.body, " http://x/api/v1/plans/stream") && !has_text(answer.body, "{{"));
	char here[64];
	(void)snprintf(here, sizeof here, " http://127.0.0.1:%u/api/v1/", site->port);
	http_open(&client, site->port);
	http_sendf(&client, "GET / HTTP/1.1\r\nHost: x;$(reboot)<script>\r\nAccept: text/html\r\n\r\n");
	answer = site_finish(site, &client);
	CHECK_ROW("nothing for a shell or a browser to run",
	          has_text(answer.body, here) && !has_text(answer.body, "reboot"));
	http_open(&client, site->port);
	http_sendf(&client, "GET / HTTP/1.0\r\nAccept: text/html\r\n\r\n");
	CHECK_ROW("without a Host", has_text(site_finish(site, &client).body, here));
	answer = site_ask(site, "GET", "/health", "Origin: http://localhost:3000\r\n", NULL);
	CHECK_STR(answer.body,
	          "{\"code\":0,\"message\":\"ok\",\"data\":{\"status\":\"healthy\",\"version\":\"1.2.3\"}}");
	CHECK(http_header(&answer, "access-control-allow-origin").len > 0);
	CHECK(site_ask(site, "GET", "/healthz", "", NULL).status == 200);
	CHECK_ROW("these ask nobody", !fake_has_call());

	for (int ready = 0; ready <= 1; ready++) {
		site_send(site, &client, "GET", "/readyz", "", NULL);
		reply_health(fake_take_call(), ready);
		CHECK(site_finish(site, &client).status == (ready ? 200 : 503));
		site_send(site, &client, "GET", "/health/detail", "", NULL);
		reply_health(fake_take_call(), ready);
		answer = site_finish(site, &client);
		CHECK(answer.status == 200);
		CHECK(has_text(answer.body, ready ? "\"database\":{\"status\":\"healthy\",\"driver\":\"sqlite\"}"
		                                  : "\"database\":{\"status\":\"unhealthy\",\"driver\":\"sqlite\"}"));
		CHECK(has_text(answer.body,
		               ready ? "\"data\":{\"status\":\"healthy\"" : "\"data\":{\"status\":\"unhealthy\""));
	}
	site_send(site, &client, "GET", "/readyz", "", NULL);
	fail(fake_take_call(), RPC_UNAVAILABLE, "UNREACHABLE");
	CHECK(site_finish(site, &client).status == 503);
	site_send(site, &client, "GET", "/health/detail", "", NULL);
	fail(fake_take_call(), RPC_UNAVAILABLE, "UNREACHABLE");
	answer = site_finish(site, &client);
	CHECK(answer.status == 200 && has_text(answer.body, "\"rpc\":{\"status\":\"unhealthy\"}") &&
	      has_text(answer.body, "\"redis\""));

	answer = site_ask(site, "GET", "/openapi.json", "", NULL);
	CHECK(answer.status == 200 && has_text(answer.body, "/api/v1/plans/{id}"));
	struct str whole = answer.body;
	static const char *const own[] = { "/", "/health", "/health/detail", "/healthz", "/readyz", "/metrics" };
	for (size_t i = 0; i < COUNT(own); i++)
		CHECK_ROW(own[i],
		          has_text(whole, str_printf(site->arena, "\n    \"%s\": {\n      \"get\"", own[i]).ptr));
	answer = site_ask(site, "GET", "/openapi.json", "Accept-Encoding: gzip\r\n", NULL);
	CHECK_STR(http_header(&answer, "content-encoding"), "gzip");
	CHECK(has_text(http_header(&answer, "vary"), "Accept-Encoding") || has_text(answer.head, "Accept-Encoding"));
	char *plain = malloc(whole.len + 1);
	z_stream z = { .next_in = (unsigned char *)(uintptr_t)answer.body.ptr,
		       .avail_in = (unsigned)answer.body.len,
		       .next_out = (unsigned char *)plain,
		       .avail_out = (unsigned)whole.len + 1 };
	CHECK(inflateInit2(&z, 15 + 16) == Z_OK && inflate(&z, Z_FINISH) == Z_STREAM_END);
	CHECK(str_equal((struct str){ plain, z.total_out }, whole));
	(void)inflateEnd(&z);
	free(plain);
	answer = site_ask(site, "GET", "/health", "Accept-Encoding: gzip\r\n", NULL);
	CHECK_ROW("small answers stay plain", http_header(&answer, "content-encoding").len == 0);
	CHECK(has_text(site_ask(site, "GET", "/docs", "", NULL).body, "openapi.json"));
	CHECK(site_ask(site, "GET", "/redoc", "", NULL).status == 200);

	answer = site_ask(site, "GET", "/metrics", "", NULL);
	CHECK(has_text(http_header(&answer, "content-type"), "version=0.0.4"));
	CHECK(has_text(answer.body, "petfood_http_requests_total{method=\"GET\",route=\"/health\",status=\"200\"}"));
	CHECK(has_text(answer.body,
	               "petfood_http_requests_total{method=\"DELETE\",route=\"/api/v1/plans/{id}\",status=\"200\"}"));
	CHECK(has_text(answer.body, "petfood_http_request_seconds_count{method=\"GET\",route=\"/api/v1/plans/{id}\"}"));
	CHECK_ROW("one row for all that fits nothing", has_text(answer.body, "route=\"(none)\",status=\"404\"") &&
	                                                   !has_text(answer.body, "route=\"/api/v1/nothing\""));
}

static void check_client_gone(struct site *site)
{
	struct http_client client;
	site_send(site, &client, "GET", "/api/v1/plans/p1", "", NULL);
	struct fake_call *call = fake_take_call();
	http_close(&client);
	CHECK_ROW("B39 client gone, call cancelled", call && fake_wait_cancelled(call));
	CHECK(site_ask(site, "GET", "/health", "", NULL).status == 200);
}

/* ---- limits ---- */

static void check_limits(void)
{
	struct site site;
	struct bridge_options options = site_options();
	static const struct str hosts[] = { { "x", 1 }, { "*.pets.example", 14 } };
	options.allowed_hosts = hosts;
	options.allowed_host_count = 2;
	options.json_body_bytes = 1000;
	options.header_bytes = 2000;
	options.calls_per_thread = 1;
	options.docs = false;
	site_start(&site, &options);
	struct http_client client;
	struct http_answer answer;
	char big[3000];

	memset(big, '[', sizeof big);
	big[1000] = '\0';
	CHECK_ROW("B31 a body at the limit is read", site_ask(&site, "POST", "/api/v1/plans", JSON, big).status == 422);
	big[1000] = '[';
	big[1001] = '\0';
	answer = site_ask(&site, "POST", "/api/v1/plans", JSON, big);
	CHECK_ROW("B31 a body beyond the limit",
	          answer.status == 413 && has_text(answer.body, "\"detail\":{\"limit\":1000}"));
	CHECK(http_header(&answer, "x-request-id").len > 0);

	memset(big, 'a', sizeof big);
	big[2500] = '\0';
	http_open(&client, site.port);
	http_sendf(&client, "GET /health HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n", big);
	answer = site_finish(&site, &client);
	CHECK_ROW("headers", answer.status == 431 && has_text(answer.body, "\"code\":431"));
	http_open(&client, site.port);
	http_sendf(&client, "GET /health?%s HTTP/1.1\r\nHost: x\r\n\r\n", big);
	CHECK_ROW("the path counts too", site_finish(&site, &client).status == 431);

	static const struct {
		const char *line;
		int status;
	} host_rows[] = { { "Host: x\r\n", 200 },
		          { "Host: X:8000\r\n", 200 },
		          { "Host: a.pets.example\r\n", 200 },
		          { "Host: pets.example\r\n", 400 },
		          { "Host: evil\r\n", 400 },
		          { "", 400 },
		          { "Host: \r\n", 400 } };
	for (size_t i = 0; i < COUNT(host_rows); i++) {
		http_open(&client, site.port);
		http_sendf(&client, "GET /health HTTP/1.1\r\n%s\r\n", host_rows[i].line);
		CHECK_ROW(host_rows[i].line, site_finish(&site, &client).status == host_rows[i].status);
	}
	CHECK_ROW("no docs", site_ask(&site, "GET", "/docs", "", NULL).status == 404 &&
	                         site_ask(&site, "GET", "/openapi.json", "", NULL).status == 404);

	/* One call at a time. */
	site_send(&site, &client, "GET", "/api/v1/plans/p1", "", NULL);
	struct fake_call *call = fake_take_call();
	answer = site_ask(&site, "GET", "/api/v1/plans/p2", "", NULL);
	CHECK_ROW("one call too many", answer.status == 503 && has_text(answer.body, "\"code\":503"));
	CHECK_STR(http_header(&answer, "retry-after"), "1");
	CHECK_ROW("pages go on", site_ask(&site, "GET", "/health", "", NULL).status == 200);
	fail(call, RPC_NOT_FOUND, "PLAN_NOT_FOUND");
	CHECK(site_finish(&site, &client).status == 404);
	site_send(&site, &client, "GET", "/api/v1/plans/p3", "", NULL);
	fail(fake_take_call(), RPC_NOT_FOUND, "PLAN_NOT_FOUND");
	CHECK_ROW("room again", site_finish(&site, &client).status == 404);
	site_stop(&site);
}

/* A body that h2o refuses by itself: our error body all the same, and it can be read although the sender is still sending. */
static void check_h2o_refusals(void)
{
	struct site site;
	struct bridge_options options = site_options();
	options.json_body_bytes =
	    4 * 1024 * 1024; /* routes' own limits are what counts here: 1 MiB, so h2o's is that of pages */
	options.max_request_size = 100 * 1024;
	site_start(&site, &options);
	struct http_client client;
	size_t size = 8 * 1024 * 1024;
	char *body = malloc(size);
	memset(body, ' ', size);
	http_open(&client, site.port);
	http_sendf(
	    &client,
	    "POST /api/v1/plans HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine\r\nOrigin: http://localhost:3000\r\n" JSON
	    "Content-Length: %zu\r\n\r\n",
	    size);
	http_send(&client, (struct str){ body, size });
	struct http_answer answer = site_finish(&site, &client);
	CHECK(answer.status == 413);
	CHECK_STR(answer.body,
	          "{\"code\":413,\"message\":\"请求体过大，上限 102400 字节\",\"detail\":{\"limit\":102400}}");
	CHECK_STR(http_header(&answer, "access-control-allow-origin"), "http://localhost:3000");
	CHECK_STR(http_header(&answer, "content-type"), "application/json");
	CHECK_STR(http_header(&answer, "x-request-id"), "mine");
	double seconds;
	CHECK(str_to_double(http_header(&answer, "x-process-time"), &seconds));
	CHECK(http_header(&answer, "traceparent").len > 0);
	CHECK_ROW("counted with its route", has_text(site_ask(&site, "GET", "/metrics", "", NULL).body,
	                                             "method=\"POST\",route=\"/api/v1/plans\",status=\"413\""));
	free(body);
	http_open(&client, site.port);
	http_sendf(
	    &client,
	    "POST /nowhere HTTP/1.1\r\nHost: x\r\nAccept-Language: en\r\nExpect: rain\r\nContent-Length: 1\r\n\r\n");
	answer = site_finish(&site, &client);
	CHECK_STR(answer.body, "{\"code\":417,\"message\":\"Expectation Failed\",\"detail\":null}");
	http_open(&client, site.port);
	http_sendf(&client, "POST /api/v1/plans HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n");
	answer = site_finish(&site, &client);
	CHECK(answer.status == 400 && has_text(answer.body, "{\"code\":400,"));
	http_open(&client, site.port);
	http_sendf(&client, "NONSENSE\r\n\r\n");
	CHECK_ROW("not HTTP at all", site_finish(&site, &client).status == 400);
	http_open(&client, site.port);
	http_sendf(&client, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	CHECK_ROW("32 no HTTP/2 in clear text", site_finish(&site, &client).status == 400);
	site_stop(&site);
}

/* ---- the limit per address, for what no call is made for ---- */

struct script_limit {
	_Atomic int left, asked;
	char last_key[64]; /* written on the loop, read after the answer has come */
};

static bool script_take(void *self, const struct limit_claim *claims, size_t count, struct limit_standing *out,
                        struct error *err)
{
	struct script_limit *limit = self;
	CHECK(count == 1 && claims[0].limit_class == LIMIT_DEFAULT);
	atomic_fetch_add(&limit->asked, 1);
	(void)snprintf(limit->last_key, sizeof limit->last_key, STR_FMT, STR_ARG(claims[0].key));
	int left = atomic_fetch_sub(&limit->left, 1);
	out[0] = (struct limit_standing){ .times = 5, .window_s = 60, .left = left > 0 ? left - 1 : 0, .wait_s = 7 };
	return left > 0 || error_set(err, RPC_RESOURCE_EXHAUSTED, "RATE_LIMITED", "one too many");
}

static const struct {
	const char *label, *method, *target, *headers, *body;
	int status; /* while there is room */
} counted_rows[] = {
	{ "unknown path", "GET", "/nothing", "", NULL, 404 },
	{ "wrong method", "PUT", "/api/v1/plans/p1", "", NULL, 405 },
	{ "root", "GET", "/", "", NULL, 200 },
	{ "preflight", "OPTIONS", "/api/v1/plans",
	  "Origin: http://localhost:3000\r\nAccess-Control-Request-Method: POST\r\n", NULL, 200 },
	{ "a body that is not valid", "POST", "/api/v1/plans", JSON, "{", 422 },
	{ "another media type", "POST", "/api/v1/plans", "Content-Type: text/plain\r\n", "{}", 415 },
	{ "no token", "GET", "/api/v1/plans/p1", "Authorization: Bearer \xc3\xa4\r\n", NULL, 401 },
};
static const char *const uncounted[] = { "/health", "/healthz", "/metrics", "/docs", "/openapi.json" };

static void check_address_limit(void)
{
	struct site site;
	struct bridge_options options = site_options();
	struct script_limit script = { 0 };
	struct rate_limiter limiter = { .take = script_take, .self = &script };
	options.limits = &limiter;
	site_start(&site, &options);
	for (size_t i = 0; i < COUNT(counted_rows); i++) {
		const char *label = counted_rows[i].label;
		struct strbuf headers;
		strbuf_init(&headers, site.arena);
		strbuf_printf(&headers, "X-Forwarded-For: 203.0.113.%zu\r\n%s", i, counted_rows[i].headers);
		atomic_store(&script.left, 1);
		atomic_store(&script.asked, 0);
		struct http_answer answer =
		    site_ask(&site, counted_rows[i].method, counted_rows[i].target, headers.data, counted_rows[i].body);
		CHECK_ROW(label, answer.status == counted_rows[i].status && atomic_load(&script.asked) == 1);
		CHECK_STR_ROW(label, str_from(script.last_key), str_printf(site.arena, "address:203.0.113.%zu", i).ptr);
		CHECK_STR_ROW(label, http_header(&answer, "ratelimit"), "\"default\";r=0;t=7");
		CHECK_STR_ROW(label, http_header(&answer, "ratelimit-policy"), "\"default\";q=5;w=60");
		answer =
		    site_ask(&site, counted_rows[i].method, counted_rows[i].target, headers.data, counted_rows[i].body);
		CHECK_ROW(label, answer.status == 429 &&
		                     has_text(answer.body, "{\"code\":429,\"message\":\"请求过于频繁，请稍后再试\""));
		CHECK_ROW(label, has_text(answer.body, "\"detail\":{\"limit\":5,\"window\":60,\"retry_after\":7}}"));
		CHECK_STR_ROW(label, http_header(&answer, "retry-after"), "7");
		CHECK_STR_ROW(label, http_header(&answer, "ratelimit"), "\"default\";r=0;t=7");
		CHECK_ROW(label, atomic_load(&script.asked) == 2);
	}
	atomic_store(&script.asked, 0);
	for (size_t i = 0; i < COUNT(uncounted); i++)
		CHECK_ROW(uncounted[i], site_ask(&site, "GET", uncounted[i], "", NULL).status == 200);
	struct http_client client;
	site_send(&site, &client, "DELETE", "/api/v1/plans/p1", "", NULL);
	reply_deleted(fake_take_call());
	CHECK_ROW("a call is counted where it arrives",
	          site_finish(&site, &client).status == 200 && atomic_load(&script.asked) == 0);
	site_stop(&site);
}

/* ---- the access log ---- */

static void check_log(void)
{
	struct site site;
	struct bridge_options options = site_options();
	site_start(&site, &options);
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	if (!file || saved == -1 || dup2(fileno(file), STDERR_FILENO) == -1) die("cannot catch stderr");
	log_setup(LOG_INFO, false);
	int status =
	    site_ask(&site, "GET", "/nothing", "X-Forwarded-For: 198.51.100.7\r\nX-Request-Id: logged\r\n", NULL)
	        .status;
	struct http_client client;
	struct rpc_outcome none = { .code = RPC_NOT_FOUND,
		                    .reason = STR("PLAN_NOT_FOUND"),
		                    .metadata = { .user = STR("0123456789ab") } };
	site_send(&site, &client, "GET", "/api/v1/plans/p1", "X-Request-Id: whose\r\n", NULL);
	struct fake_call *call = fake_take_call();
	if (call) fake_fail(call, &none);
	CHECK(site_finish(&site, &client).status == 404);
	site_stop(&site);
	log_setup(LOG_ERROR, false);
	(void)dup2(saved, STDERR_FILENO);
	(void)close(saved);
	char text[4096];
	rewind(file);
	size_t len = fread(text, 1, sizeof text - 1, file);
	text[len] = '\0';
	(void)fclose(file);
	const char *line = strstr(text, "http.request");
	CHECK(status == 404 && line != NULL);
	CHECK_ROW("CONTRACT 1.10 whose request",
	          line && strstr(line, "client=198.51.100.7") && strstr(line, "request_id=logged"));
	line = line ? strstr(line + 1, "http.request") : NULL;
	CHECK_ROW("which request, which route, how it ended, and whose it was",
	          line && strstr(line, "method=GET route=/api/v1/plans/{id} status=404 ms=") &&
	              strstr(line, "user=0123456789ab request_id=whose"));
}

static void check_timeouts(void)
{
	struct site site;
	struct bridge_options options = site_options();
	options.request_timeout_ms = 150;
	site_start(&site, &options);
	static const char *const slow[] = { "", "GET /health HT",
		                            "POST /api/v1/plans HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{" };
	for (size_t i = 0; i < COUNT(slow); i++) {
		struct http_client client;
		http_open(&client, site.port);
		http_send(&client, str_from(slow[i]));
		CHECK_ROW(slow[i], http_await_end(&client));
		http_close(&client);
	}
	site_stop(&site);
}

/* Who has asked nothing for longest makes room; who waits for an answer does not. */
static void check_connection_limit(void)
{
	struct site site;
	struct bridge_options options = site_options();
	options.connections = 2;
	site_start(&site, &options);
	struct http_client first, second, third;
	http_open(&first, site.port);
	http_sendf(&first, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
	CHECK(http_read(&first, site.arena, false).status == 200);
	http_open(&second, site.port);
	http_sendf(&second, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
	CHECK(http_read(&second, site.arena, false).status == 200);
	http_sendf(&first, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
	CHECK(http_read(&first, site.arena, false).status == 200);
	http_open(&third, site.port);
	http_sendf(&third, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
	CHECK_ROW("the third gets its turn", http_read(&third, site.arena, false).status == 200);
	CHECK_ROW("the second was idle for longer than the first", http_await_end(&second));
	http_sendf(&first, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	struct str metrics = http_read(&first, site.arena, false).body;
	CHECK_ROW("two are open", has_text(metrics, "petfood_http_connections 2"));
	CHECK_ROW("one was ended", has_text(metrics, "petfood_http_connections_evicted_total 1"));
	/* Both wait for an answer: the next one waits in the kernel until one of them has it. */
	struct rpc_outcome gone = { .code = RPC_NOT_FOUND, .reason = STR("PLAN_NOT_FOUND") };
	http_sendf(&first, "GET /api/v1/plans/a HTTP/1.1\r\nHost: x\r\n\r\n");
	struct fake_call *one = fake_take_call();
	http_sendf(&third, "GET /api/v1/plans/b HTTP/1.1\r\nHost: x\r\n\r\n");
	struct fake_call *two = fake_take_call();
	struct http_client fourth;
	http_open(&fourth, site.port);
	http_sendf(&fourth, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
	fake_fail(one, &gone);
	CHECK_ROW("nobody who waits is ended for the fourth", http_read(&first, site.arena, false).status == 404);
	CHECK_ROW("the fourth gets its turn", http_read(&fourth, site.arena, false).status == 200);
	CHECK_ROW("by ending the first, which is idle now", http_await_end(&first));
	fake_fail(two, &gone);
	CHECK(http_read(&third, site.arena, false).status == 404);
	http_close(&first);
	http_close(&second);
	http_close(&third);
	http_close(&fourth);
	site_stop(&site);
}

static void check_start_failures(void)
{
	struct site site;
	struct bridge_options options = site_options();
	struct bridge *second = NULL;
	struct error err = { 0 };
	site_start(&site, &options);
	options.port = site.port;
	CHECK(!bridge_start(&options, &second, &err) && second == NULL);
	CHECK(error_is(&err, "LISTEN_IN_USE") && err.code == RPC_FAILED_PRECONDITION);
	char address[32];
	(void)snprintf(address, sizeof address, "127.0.0.1:%u", site.port);
	CHECK_ROW("names the address", strstr(err.message, address) != NULL);
	options.port = 0;
	options.host = STR("203.0.113.1");
	CHECK(!bridge_start(&options, &second, &err) && error_is(&err, "LISTEN_INVALID"));
	options.host = STR("no such host.invalid");
	CHECK(!bridge_start(&options, &second, &err) && error_is(&err, "LISTEN_INVALID"));
	options = site_options();
	static const struct str bad[] = { { "10.0.0.0/99", 11 } };
	options.trusted_proxies = bad;
	options.trusted_proxy_count = 1;
	CHECK(!bridge_start(&options, &second, &err) && error_is(&err, "PROXY_INVALID"));
	options = site_options();
	options.tls_certificate = STR("/nowhere/cert.pem");
	CHECK(!bridge_start(&options, &second, &err) && error_is(&err, "TLS_INVALID"));
	options.tls_key = STR("/nowhere/key.pem");
	CHECK(!bridge_start(&options, &second, &err) && error_is(&err, "TLS_INVALID"));
	site_stop(&site);
}

static void check_drain(void)
{
	struct site site;
	struct bridge_options options = site_options();
	options.threads = 2;
	site_start(&site, &options);
	struct http_client busy, idle, late;
	http_open(&idle, site.port);
	http_sendf(&idle, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
	CHECK(http_read(&idle, site.arena, false).status == 200);
	site_send(&site, &busy, "DELETE", "/api/v1/plans/p1", "", NULL);
	struct fake_call *call = fake_take_call();
	CHECK_ROW("R12 not empty yet", !bridge_drain(site.bridge, 0));
	CHECK_ROW("R12 idle connections end", http_await_end(&idle));
	reply_deleted(call);
	struct http_answer answer = http_read(&busy, site.arena, false);
	CHECK_ROW("R12 what is under way is finished", answer.status == 200);
	CHECK_STR(http_header(&answer, "connection"), "close");
	CHECK_ROW("R12 empty", bridge_drain(site.bridge, 10000));
	http_close(&busy);
	http_close(&idle);
	/* Each of the two workers lets go of the port in its own time. */
	bool refused_at_last = false;
	for (int64_t until = time_monotonic_ms() + 10000; !refused_at_last && time_monotonic_ms() < until;) {
		refused_at_last = !http_try_open(&late, site.port);
		http_close(&late);
	}
	CHECK_ROW("R12 nobody new gets in", refused_at_last);
	site_stop(&site);
}

/* Stopping with everything open: nothing hangs, nothing is left (the address sanitizer looks). */
static void check_stop(void)
{
	struct site site;
	struct bridge_options options = site_options();
	options.threads = 2;
	site_start(&site, &options);
	struct http_client clients[6];
	for (size_t i = 0; i < COUNT(clients); i++) {
		if (i % 2)
			http_open(&clients[i], site.port);
		else
			site_send(&site, &clients[i], "GET", "/api/v1/plans/p1", "", NULL);
	}
	struct fake_call *calls[3];
	for (size_t i = 0; i < COUNT(calls); i++) calls[i] = fake_take_call();
	int64_t began = time_monotonic_ms();
	site_stop(&site);
	CHECK_ROW("stops at once", time_monotonic_ms() - began < 5000);
	for (size_t i = 0; i < COUNT(clients); i++) {
		CHECK(http_await_end(&clients[i]));
		http_close(&clients[i]);
	}
	bridge_stop(&site.bridge); /* accepts NULL */
}

int main(void)
{
	struct site site;
	struct bridge_options options = site_options();
	site_start(&site, &options);
	check_envelope(&site);
	check_keep_alive(&site);
	check_bodies(&site);
	check_refused(&site);
	check_failures(&site);
	check_head_and_options(&site);
	check_client_gone(&site);
	check_pages(&site);
	site_stop(&site);
	check_limits();
	check_h2o_refusals();
	check_address_limit();
	check_log();
	check_timeouts();
	check_connection_limit();
	check_start_failures();
	check_drain();
	check_stop();
	return check_done("unit_bridge_unary");
}
