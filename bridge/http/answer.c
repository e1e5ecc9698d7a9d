/* What leaves: headers that every answer has, error bodies, gzip, the access log. */
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "bridge/http/edge.h"
#include "bridge/route/negotiate.h"
#include "bridge/route/reply.h"
#include "store/base/log.h"

enum { GZIP_BYTES_MIN = 1000, GZIP_LEVEL = 5, PIECE_BYTES = 16 * 1024 };

static const struct {
	int status;
	const char *text;
} phrases[] = {
	{ 200, "OK" },
	{ 204, "No Content" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 409, "Conflict" },
	{ 413, "Content Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 417, "Expectation Failed" },
	{ 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 499, "Client Closed Request" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
};

static const char *phrase(int status)
{
	for (size_t i = 0; i < COUNT(phrases); i++) {
		if (phrases[i].status == status) return phrases[i].text;
	}
	return "Status";
}

static void add_header(h2o_req_t *req, const char *name, struct str value)
{
	h2o_add_header_by_str(&req->pool, &req->res.headers, name, strlen(name), 1, NULL, value.ptr ? value.ptr : "",
	                      value.len);
}

void answer_header(struct exchange *x, const char *name, struct str value) { add_header(x->req, name, value); }

static void add_cors(h2o_req_t *req, const struct cors_policy *policy, struct str origin)
{
	struct cors_answer cors = cors_decide(policy, origin);
	if (cors.varies) add_header(req, "vary", STR("Origin"));
	if (cors.allow_origin.len == 0) return;
	add_header(req, "access-control-allow-origin", cors.allow_origin);
	if (cors.allow_credentials) add_header(req, "access-control-allow-credentials", STR("true"));
	add_header(req, "access-control-expose-headers", STR(CORS_EXPOSED_HEADERS));
}

void answer_log(struct exchange *x, int status)
{
	struct worker *worker = x->worker;
	const struct route_metrics *metrics = &worker->metrics[x->metrics_row];
	int64_t took_us = time_monotonic_us() - x->began_us;
	worker_count_answer(worker, x->metrics_row, status, took_us);
	if (x->silent) return;
	log_info("http.request", LOG_TEXT("method", x->method), LOG_CSTR("route", metrics->path),
	         LOG_INT("status", status), LOG_DOUBLE("ms", (double)took_us / 1000), LOG_TEXT("client", x->client),
	         LOG_TEXT("user", x->told.user), LOG_TEXT("request_id", x->request_id));
}

/* What keeps a browser from making more of an answer than it is. */
static void add_guards(struct exchange *x)
{
	h2o_req_t *req = x->req;
	add_header(req, "x-content-type-options", STR("nosniff"));
	add_header(req, "x-frame-options", STR("DENY"));
	add_header(req, "referrer-policy", STR("no-referrer"));
	/* A page says itself what it may load; nothing else is a page. */
	if (h2o_find_header_by_str(&req->res.headers, H2O_STRLIT("content-security-policy"), -1) == -1)
		add_header(req, "content-security-policy", STR("default-src 'none'; frame-ancestors 'none'"));
	/* Not of localhost: browsers would then ask every other program on this machine for HTTPS, on any port, for a year. */
	struct str host = { req->input.authority.base, req->input.authority.len };
	if (x->worker->bridge->tls && !str_has_prefix(host, STR("localhost")))
		add_header(req, "strict-transport-security", STR("max-age=31536000"));
}

void answer_common(struct exchange *x, int status)
{
	h2o_req_t *req = x->req;
	req->res.status = status;
	req->res.reason = phrase(status);
	int64_t took_us = time_monotonic_us() - x->began_us;
	add_header(req, "x-request-id", x->request_id);
	add_header(req, "traceparent", str_from(x->traceparent));
	add_header(req, "x-process-time",
	           str_printf(x->arena, "%d.%03d", (int)(took_us / 1000000), (int)(took_us / 1000 % 1000)));
	add_guards(x);
	if (x->told.rate_limit.len) {
		add_header(req, "ratelimit-policy", x->told.rate_limit_policy);
		add_header(req, "ratelimit", x->told.rate_limit);
	}
	add_cors(req, &x->worker->bridge->cors, x->origin);
	if (atomic_load(&x->worker->bridge->draining)) req->http1_is_persistent = 0;
	x->answered = true;
	answer_log(x, status);
}

/* The body as gzip, in the arena; false: would not pay. */
static bool gzip_body(struct arena *arena, struct str body, struct str *out)
{
	enum { GZIP_WINDOW = 15 + 16, MEMORY = 8 };
	z_stream z = { 0 };
	if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK) return false;
	unsigned char *to = arena_alloc(arena, body.len);
	z.next_in = (unsigned char *)(uintptr_t)body.ptr;
	z.avail_in = (unsigned)body.len;
	z.next_out = to;
	z.avail_out = (unsigned)body.len;
	int rc = deflate(&z, Z_FINISH);
	*out = (struct str){ (const char *)to, z.total_out };
	(void)deflateEnd(&z);
	return rc == Z_STREAM_END;
}

/* h2o has no write timeout of its own: a reader who takes less than a piece within the write timeout is cut, as with streams. */
static void send_piece(struct exchange *x)
{
	struct worker *worker = x->worker;
	size_t size = x->left.len < PIECE_BYTES ? x->left.len : PIECE_BYTES;
	h2o_iovec_t buf = { (char *)(uintptr_t)x->left.ptr, size };
	x->left.ptr += size;
	x->left.len -= size;
	h2o_timeout_unlink(&x->stall);
	h2o_timeout_link(worker->loop, &worker->stall, &x->stall); /* until the next piece, or the end of the request */
	h2o_send(x->req, &buf, size ? 1 : 0, x->left.len ? H2O_SEND_STATE_IN_PROGRESS : H2O_SEND_STATE_FINAL);
}

static void on_proceed(h2o_generator_t *generator, h2o_req_t *req)
{
	(void)req;
	send_piece(H2O_STRUCT_FROM_MEMBER(struct exchange, generator, generator));
}

static void on_stall(h2o_timeout_entry_t *entry)
{
	struct exchange *x = H2O_STRUCT_FROM_MEMBER(struct exchange, stall, entry);
	metric_add(x->worker->bridge->answers_cut, 1);
	log_info("http.stalled", LOG_TEXT("request_id", x->request_id));
	connection_cut(x->connection);
}

static void send_whole(struct exchange *x, struct str body)
{
	h2o_req_t *req = x->req;
	req->res.content_length = body.len;
	req->compress_hint = H2O_COMPRESS_HINT_DISABLE;
	x->generator.proceed = on_proceed;
	x->stall.cb = on_stall;
	x->left = x->is_head ? (struct str){ body.ptr, 0 } : body;
	x->kept_bytes = arena_used(x->arena);
	x->connection->answer_bytes += x->kept_bytes;
	h2o_start_response(req, &x->generator);
	send_piece(x);
}

void answer_text(struct exchange *x, int status, const char *content_type, struct str body)
{
	struct str packed;
	bool json = strncmp(content_type, "application/json", strlen("application/json")) == 0;
	answer_common(x, status);
	add_header(x->req, "content-type", str_from(content_type));
	if (json) add_header(x->req, "cache-control", STR("no-store"));
	if (json && body.len >= GZIP_BYTES_MIN) {
		add_header(x->req, "vary", STR("Accept-Encoding"));
		if (accept_gzip(exchange_header(x, "accept-encoding")) && gzip_body(x->arena, body, &packed)) {
			add_header(x->req, "content-encoding", STR("gzip"));
			body = packed;
		}
	}
	send_whole(x, body);
}

void answer_json(struct exchange *x, int status, struct str body) { answer_text(x, status, "application/json", body); }

static void send_problem(struct exchange *x, const struct rpc_outcome *outcome, bool located)
{
	struct strbuf body;
	strbuf_init(&body, x->arena);
	struct reply_problem problem = reply_failed(&body, x->route, located, x->lang, outcome);
	if (problem.retry_after_s >= 0) {
		answer_header(x, "retry-after", str_printf(x->arena, "%lld", (long long)problem.retry_after_s));
	}
	if (problem.status == 401) answer_header(x, "www-authenticate", STR("Bearer"));
	answer_json(x, problem.status, strbuf_str(&body));
}

void answer_outcome(struct exchange *x, const struct rpc_outcome *outcome) { send_problem(x, outcome, false); }

void answer_error(struct exchange *x, const struct error *err, bool located)
{
	struct rpc_outcome outcome = reply_outcome(x->arena, x->lang, err);
	if (err->code == RPC_INTERNAL) log_error("http.failed", LOG_ERR(err), LOG_TEXT("request_id", x->request_id));
	send_problem(x, &outcome, located);
}

/* ---- what h2o refuses before it asks us ----
 * A body beyond its limit, a transfer coding or an Expect that it does not know, header characters that HTTP/2 forbids: our error
 * body and headers in place of its page. Out of reach is what h2o 2.2.5 writes past every filter: bytes that are no HTTP/1 request
 * at all, or a head beyond its own 408 KiB, get a fixed text/plain 400; over HTTP/2 a body beyond h2o's limit is answered with
 * RST_STREAM(REFUSED_STREAM), and a header block beyond those 408 KiB ends the connection. Requests that h2o refuses are not
 * counted by the limit per address: nearly all of them end their connection. */

struct page_filter {
	h2o_ostream_t super;
	h2o_iovec_t page;
};

static void send_page(h2o_ostream_t *super, h2o_req_t *req, h2o_iovec_t *bufs, size_t count, h2o_send_state_t state)
{
	struct page_filter *self = (struct page_filter *)super;
	(void)bufs;
	(void)count;
	bool head = h2o_memis(req->input.method.base, req->input.method.len, H2O_STRLIT("HEAD"));
	h2o_ostream_send_next(&self->super, req, &self->page, head ? 0 : 1, state);
}

static struct str refusal(struct exchange *x, int status)
{
	struct error err = { 0 };
	struct strbuf body;
	strbuf_init(&body, x->arena);
	if (status == 413) {
		size_t limit = exchange_body_limit(x);
		(void)error_set(&err, RPC_INVALID_ARGUMENT, "BODY_TOO_LARGE", "body beyond h2o's limit");
		(void)error_param(&err, "limit", "%zu", limit);
	} else if (status == 400) {
		(void)error_set(&err, RPC_INVALID_ARGUMENT, "MESSAGE_MALFORMED", "refused by h2o");
	} else {
		strbuf_printf(&body, "{\"code\":%d,\"message\":\"%s\",\"detail\":null}", status, phrase(status));
		return strbuf_str(&body);
	}
	struct rpc_outcome outcome = reply_outcome(x->arena, x->lang, &err);
	(void)reply_failed(&body, x->route, false, x->lang, &outcome);
	return strbuf_str(&body);
}

static void on_setup(h2o_filter_t *filter, h2o_req_t *req, h2o_ostream_t **slot)
{
	(void)filter;
	bool ours = h2o_find_header_by_str(&req->res.headers, H2O_STRLIT("x-request-id"), -1) != -1;
	if (!ours && req->res.status >= 400) {
		struct exchange *x = exchange_of_refused(req);
		int status = req->res.status;
		struct page_filter *self = (struct page_filter *)h2o_add_ostream(req, sizeof *self, slot);
		struct str page = refusal(x, status);
		self->super.do_send = send_page;
		self->page = (h2o_iovec_t){ (char *)(uintptr_t)page.ptr, page.len };
		memset(&req->res.headers, 0, sizeof req->res.headers);
		req->res.content_length = page.len;
		answer_common(x, status);
		add_header(req, "content-type", STR("application/json"));
		add_header(req, "cache-control", STR("no-store"));
		worker_linger(x->worker, req);
		slot = &self->super.next;
	}
	h2o_setup_next_ostream(req, slot);
}

void answer_register_filter(h2o_pathconf_t *pathconf)
{
	h2o_filter_t *filter = h2o_create_filter(pathconf, sizeof *filter);
	filter->on_setup_ostream = on_setup;
}
