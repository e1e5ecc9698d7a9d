/* TLS and HTTP/2: that ALPN leads to it, that a body too large is answered and not reset, and that a connection which abandons
 * requests in a loop is ended. */
#include <signal.h>
#include <stdlib.h>

#include "petfood/v1/plan.pb-c.h"
#include "store/base/metrics.h"
#include "tests/unit/bridge/http/h2_client.h"
#include "tests/unit/bridge/http/site.h"

static void add_request(struct strbuf *out, uint32_t stream, bool post, const char *path, bool end)
{
	h2_add_request(out, stream, post ? "POST" : "GET", path, NULL, 0, end);
}

static void check_requests(struct site *site)
{
	struct h2 c;
	struct strbuf out, body;
	h2_open(&c, site->port);
	strbuf_init(&out, site->arena);
	strbuf_init(&body, site->arena);
	add_request(&out, 1, false, "/health", true);
	tls_send(&c, out.data, out.len);
	CHECK(h2_answer(&c, 1, NULL, &body));
	CHECK(has_text(strbuf_str(&body), "\"healthy\""));

	/* 1500 bytes where 1000 are allowed: an answer, no reset. */
	char big[1500];
	memset(big, ' ', sizeof big);
	strbuf_init(&out, site->arena);
	strbuf_init(&body, site->arena);
	add_request(&out, 3, true, "/api/v1/plans", false);
	h2_add_frame(&out, H2_DATA, H2_END_STREAM, 3, big, sizeof big);
	tls_send(&c, out.data, out.len);
	CHECK_ROW("29 answered", h2_answer(&c, 3, NULL, &body));
	CHECK_ROW("29 with 413", has_text(strbuf_str(&body), "{\"code\":413,"));

	/* A reset ends its call, and a few resets end nothing else. */
	strbuf_init(&out, site->arena);
	strbuf_init(&body, site->arena);
	add_request(&out, 5, false, "/api/v1/plans/p1", true);
	tls_send(&c, out.data, out.len);
	struct fake_call *call = fake_take_call();
	strbuf_init(&out, site->arena);
	h2_add_frame(&out, H2_RST, 0, 5, "\0\0\0\x08", 4);
	add_request(&out, 7, false, "/api/v1/plans/p2", true);
	tls_send(&c, out.data, out.len);
	CHECK_ROW("B39 a reset cancels the call", call && fake_wait_cancelled(call));
	call = fake_take_call();
	Petfood__V1__Plan plan = PETFOOD__V1__PLAN__INIT;
	plan.id = (char *)"p2";
	if (call) fake_reply(call, &plan.base);
	CHECK_ROW("and the next one is answered",
	          h2_answer(&c, 7, NULL, &body) && has_text(strbuf_str(&body), "\"id\":\"p2\""));
	tls_close(&c);
}

/* A header of 70 kB, over CONTINUATION frames, on a connection that goes on. */
static void check_long_headers(struct site *site)
{
	enum { LONG = 70000, FRAME_MAX = 16384 };
	struct h2 c;
	struct strbuf out, block, body;
	strbuf_init(&block, site->arena);
	strbuf_add(&block, "\x82\x87\x04\x07/health\x01\x01x", 14); /* as in add_request */
	strbuf_add(&block, "\x00\x06x-long\x7f", 9);                /* new name; a length of 127 and ... */
	for (size_t rest = LONG - 127;; rest >>= 7) {               /* ... the rest, seven bits at a time */
		strbuf_add_char(&block, (char)((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0)));
		if (rest <= 0x7f) break;
	}
	for (int i = 0; i < LONG; i++) strbuf_add_char(&block, 'a');
	h2_open(&c, site->port);
	strbuf_init(&out, site->arena);
	strbuf_init(&body, site->arena);
	for (size_t at = 0; at < block.len; at += FRAME_MAX) {
		size_t len = block.len - at < FRAME_MAX ? block.len - at : FRAME_MAX;
		int last = at + len == block.len ? H2_END_HEADERS : 0;
		h2_add_frame(&out, at ? H2_CONTINUATION : H2_HEADERS, last | (at ? 0 : H2_END_STREAM), 1,
		             block.data + at, len);
	}
	add_request(&out, 3, false, "/health", true);
	tls_send(&c, out.data, out.len);
	CHECK_ROW("headers beyond our limit are answered",
	          h2_answer(&c, 1, NULL, &body) && has_text(strbuf_str(&body), "{\"code\":431,"));
	strbuf_init(&body, site->arena);
	CHECK_ROW("and the connection goes on",
	          h2_answer(&c, 3, NULL, &body) && has_text(strbuf_str(&body), "healthy"));
	tls_close(&c);
}

/* Beyond h2o's own limit, twice the 1 MiB that routes allow, the stream is reset; the connection and its other streams go on. */
static void check_far_too_large(struct site *site)
{
	enum { TOO_LARGE = 2 * 1024 * 1024 + 1, FRAME_MAX = 16384 };
	static char spaces[FRAME_MAX];
	struct h2 c;
	struct strbuf out, body;
	memset(spaces, ' ', sizeof spaces);
	h2_open(&c, site->port);
	strbuf_init(&out, site->arena);
	strbuf_init(&body, site->arena);
	add_request(&out, 1, true, "/api/v1/plans", false);
	for (size_t at = 0; at < TOO_LARGE; at += FRAME_MAX) {
		size_t len = TOO_LARGE - at < FRAME_MAX ? TOO_LARGE - at : FRAME_MAX;
		h2_add_frame(&out, H2_DATA, at + len == TOO_LARGE ? H2_END_STREAM : 0, 1, spaces, len);
	}
	add_request(&out, 3, false, "/health", true);
	tls_send(&c, out.data, out.len);
	CHECK_ROW("the stream is reset", !h2_answer(&c, 1, NULL, &body) && !c.ended);
	CHECK_ROW("the connection goes on", h2_answer(&c, 3, NULL, &body) && has_text(strbuf_str(&body), "healthy"));
	tls_close(&c);
}

static void check_stream(struct site *site)
{
	struct h2 c;
	struct strbuf out, body;
	struct h2_frame frame;
	Petfood__V1__StreamOpen open = PETFOOD__V1__STREAM_OPEN__INIT;
	open.task_id = (char *)"t1";
	open.mode = PETFOOD__V1__STREAM_MODE__STREAM_MODE_FOLLOW;
	h2_open(&c, site->port);
	strbuf_init(&out, site->arena);
	strbuf_init(&body, site->arena);
	add_request(&out, 1, false, "/api/v1/plans/stream?task_id=t1", true);
	add_request(&out, 3, false, "/api/v1/plans/stream?task_id=t1", true);
	tls_send(&c, out.data, out.len);
	struct fake_reader *readers[2];
	for (int i = 0; i < 2; i++) {
		struct fake_call *call = fake_take_call();
		if (call) fake_reply(call, &open.base);
		readers[i] = fake_take_reader();
	}
	CHECK(readers[0] && fake_event(readers[0], 1, STR("{\"n\":1}"), false) == EVENT_TAKEN);
	while (!has_text(strbuf_str(&body), "id: 1\ndata: {\"n\":1}\n\n") && h2_next(&c, &frame)) {
		if (frame.type == H2_DATA && frame.stream == 1) strbuf_add_str(&body, frame.payload);
	}
	CHECK_ROW("an event on its way while the stream goes on",
	          has_text(strbuf_str(&body), "id: 1\ndata: {\"n\":1}\n\n"));
	strbuf_init(&out, site->arena);
	h2_add_frame(&out, H2_RST, 0, 1, "\0\0\0\x08", 4);
	tls_send(&c, out.data, out.len);
	CHECK_ROW("20 a reset lets the reader go", readers[0] && fake_wait_closed(readers[0]));
	strbuf_init(&body, site->arena);
	CHECK(readers[1] && fake_event(readers[1], 1, STR("{\"n\":2}"), true) == EVENT_TAKEN);
	CHECK_ROW("the other one ends in its own time",
	          h2_answer(&c, 3, NULL, &body) && has_text(strbuf_str(&body), "{\"n\":2}"));
	tls_close(&c);
}

/* HEADERS and RST_STREAM in turn, each request abandoned before its answer. */
static void check_rapid_reset(struct site *site)
{
	struct metric *cut = metric_counter("petfood_http_connections_cut_total", NULL, "");
	int64_t before = metric_value(cut);
	struct h2 c;
	struct strbuf out;
	h2_open(&c, site->port);
	strbuf_init(&out, NULL);
	for (uint32_t stream = 1; stream < 2 * 400; stream += 2) {
		add_request(&out, stream, false, "/api/v1/plans/p1", true);
		h2_add_frame(&out, H2_RST, 0, stream, "\0\0\0\x08", 4);
	}
	tls_send(&c, out.data, out.len);
	strbuf_fini(&out);
	struct h2_frame frame;
	while (h2_next(&c, &frame)) {
	}
	CHECK_ROW("33 the connection is ended", c.ended);
	CHECK_ROW("33 for that reason", metric_value(cut) == before + 1);
	tls_close(&c);

	h2_open(&c, site->port);
	struct strbuf body;
	strbuf_init(&out, site->arena);
	strbuf_init(&body, site->arena);
	add_request(&out, 1, false, "/health", true);
	tls_send(&c, out.data, out.len);
	CHECK_ROW("33 others are served", h2_answer(&c, 1, NULL, &body));
	tls_close(&c);
}

static void check_http1_over_tls(struct site *site)
{
	static const char request[] = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	struct h2 c;
	tls_open(&c, site->port, "http/1.1");
	tls_send(&c, request, sizeof request - 1);
	while (tls_receive(&c)) {
	}
	CHECK(has_text(strbuf_str(&c.in), "HTTP/1.1 200 OK") && has_text(strbuf_str(&c.in), "\"healthy\""));
	tls_close(&c);

	struct http_client plain;
	http_open(&plain, site->port);
	http_send(&plain, (struct str){ request, sizeof request - 1 });
	CHECK_ROW("clear text on the TLS port gets nothing", http_await_end(&plain));
	CHECK(!has_text(strbuf_str(&plain.in), "healthy"));
	http_close(&plain);
}

int main(void)
{
	struct site site;
	struct bridge_options options = site_options();
	struct certificate certificate;
	(void)signal(SIGPIPE, SIG_IGN); /* SSL_write to a connection that was cut */
	certificate_create(&certificate);
	options.tls_certificate = str_from(certificate.cert);
	options.tls_key = str_from(certificate.key);
	options.json_body_bytes = 1000;
	site_start(&site, &options);
	check_requests(&site);
	check_long_headers(&site);
	check_far_too_large(&site);
	check_stream(&site);
	check_rapid_reset(&site);
	check_http1_over_tls(&site);
	/* Stopped while one is open. */
	struct h2 c;
	h2_open(&c, site.port);
	site_stop(&site);
	tls_close(&c);
	certificate_remove(&certificate);
	return check_done("unit_bridge_http2");
}
