/* Progress streams: frames, cursor, queue, slow and vanished readers, draining. */
#include <stdlib.h>
#include <sys/socket.h>

#include "petfood/v1/plan.pb-c.h"
#include "store/base/metrics.h"
#include "store/base/time.h"
#include "tests/unit/bridge/http/site.h"

static ProtobufCBinaryData bytes_of(const char *text)
{
	return (ProtobufCBinaryData){ strlen(text), (uint8_t *)(uintptr_t)text };
}

/* A running task t1 with one preface and one closing frame. */
static Petfood__V1__StreamOpen follow(void)
{
	static ProtobufCBinaryData preface[1], closing[1];
	Petfood__V1__StreamOpen open = PETFOOD__V1__STREAM_OPEN__INIT;
	preface[0] = bytes_of("{\"type\":\"resumed\"}");
	closing[0] = bytes_of("{\"type\":\"done\"}");
	open.task_id = (char *)"t1";
	open.user_id = (char *)"u1";
	open.mode = PETFOOD__V1__STREAM_MODE__STREAM_MODE_FOLLOW;
	open.n_preface = open.n_closing = 1;
	open.preface = preface;
	open.closing = closing;
	return open;
}

/* Text of the stream so far, chunk marks taken out. */
static struct str streamed(struct site *site, struct http_client *client, bool *out_ended)
{
	return http_unchunk(site->arena, strbuf_str(&client->in), out_ended);
}

static void check_whole(struct site *site)
{
	struct http_client client = { .fd = -1 };
	struct fake_reader *reader;
	Petfood__V1__StreamOpen open = follow();
	open.after = 3;
	site_open_stream(site, &client,
	                 "Origin: http://localhost:3000\r\nAccept: text/event-stream\r\nAccept-Encoding: gzip\r\n",
	                 &open, &reader);
	if (!CHECK(reader != NULL)) return;
	CHECK_STR(str_from(reader->task), "t1");
	CHECK_STR(str_from(reader->on_behalf_of), "u1");
	CHECK_STR(str_from(reader->service), "Bearer of-the-bridge");
	CHECK(reader->after == 3);
	struct http_answer head = http_read_head(&client, site->arena);
	CHECK(head.status == 200);
	CHECK_STR(http_header(&head, "content-type"), "text/event-stream; charset=utf-8");
	CHECK_STR(http_header(&head, "cache-control"), "no-cache");
	CHECK_STR(http_header(&head, "connection"), "keep-alive");
	CHECK_STR(http_header(&head, "x-accel-buffering"), "no");
	CHECK_STR(http_header(&head, "transfer-encoding"), "chunked");
	CHECK_STR(http_header(&head, "access-control-allow-origin"), "http://localhost:3000");
	CHECK_ROW("never packed", http_header(&head, "content-encoding").len == 0);
	CHECK_ROW("B35 the first bytes come before any event", http_await(&client, "{\"type\":\"resumed\"}\n\n"));

	CHECK(fake_event(reader, 4, STR("{\"type\":\"dispatching\"}"), false) == EVENT_TAKEN);
	CHECK_ROW("an event leaves at once", http_await(&client, "dispatching\"}\n\n"));
	CHECK(fake_event(reader, 5, STR("{\"message\":\"第1周\"}"), false) == EVENT_TAKEN);
	CHECK(fake_event(reader, 6, STR("{\"type\":\"task_completed\"}"), true) == EVENT_TAKEN);
	CHECK_ROW("the reader is let go after the last event", fake_wait_closed(reader));
	CHECK(http_await(&client, "0\r\n\r\n"));
	bool ended;
	struct str text = streamed(site, &client, &ended), retry;
	CHECK(ended);
	CHECK(str_split(&text, '\n', &retry) && str_has_prefix(retry, STR("retry: ")));
	int64_t wait_ms = 0;
	CHECK(str_to_int64((struct str){ retry.ptr + 7, retry.len - 7 }, &wait_ms) && wait_ms >= 2000 &&
	      wait_ms <= 4000);
	CHECK_STR(text, "\ndata: {\"type\":\"resumed\"}\n\n"
	                "id: 4\ndata: {\"type\":\"dispatching\"}\n\n"
	                "id: 5\ndata: {\"message\":\"第1周\"}\n\n"
	                "id: 6\ndata: {\"type\":\"task_completed\"}\n\n"
	                "data: {\"type\":\"done\"}\n\n");
	/* The end of a stream is not the end of the connection. */
	client.in.len = 0;
	http_sendf(&client, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
	CHECK(http_read(&client, site->arena, false).status == 200);
	http_close(&client);
}

static void check_modes(struct site *site)
{
	struct http_client client = { .fd = -1 };
	Petfood__V1__StreamOpen open = follow();
	open.mode = PETFOOD__V1__STREAM_MODE__STREAM_MODE_NOTHING_LEFT;
	site_open_stream(site, &client, "", &open, NULL);
	struct http_answer answer = http_read(&client, site->arena, false);
	CHECK_ROW("S11 204 after the end", answer.status == 204 && http_header(&answer, "content-length").len == 0);

	open.mode = PETFOOD__V1__STREAM_MODE__STREAM_MODE_ENDED;
	site_open_stream(site, &client, "", &open, NULL); /* on the same connection */
	answer = http_read(&client, site->arena, false);
	CHECK(answer.status == 200 && has_text(answer.body, "{\"type\":\"resumed\"}\n\ndata: {\"type\":\"done\"}\n\n"));
	http_close(&client);

	client.fd = -1;
	http_open(&client, site->port);
	http_sendf(&client, "HEAD /api/v1/plans/stream?task_id=t1 HTTP/1.1\r\nHost: x\r\n\r\n");
	open.mode = PETFOOD__V1__STREAM_MODE__STREAM_MODE_FOLLOW;
	struct fake_call *call = fake_take_call();
	if (call) fake_reply(call, &open.base);
	answer = http_read(&client, site->arena, true);
	CHECK_STR_ROW("HEAD of a stream", http_header(&answer, "content-type"), "text/event-stream; charset=utf-8");
	http_close(&client);

	client.fd = -1;
	open.task_id = (char *)"unreadable";
	site_open_stream(site, &client, "", &open, NULL);
	answer = site_finish(site, &client);
	CHECK_ROW("a stream that cannot be read is a status",
	          answer.status == 503 && has_text(answer.body, "\"code\":503"));

	site_send(site, &client, "POST", "/api/v1/plans/stream",
	          "Content-Type: application/json\r\nAccept: text/event-stream\r\n", "{\"pet_age\":0,");
	answer = site_finish(site, &client);
	CHECK_ROW("before the stream: JSON", answer.status == 422 && !fake_has_call());
}

static void check_cursor(struct site *site)
{
	static const struct {
		const char *label, *headers, *query, *cursor; /* cursor NULL: unset */
	} rows[] = {
		{ "none", "", "", NULL },
		{ "query", "", "&last_event_id=4", "4" },
		{ "S13 header beats query", "Last-Event-ID: 7\r\n", "&last_event_id=4", "7" },
		{ "S09 garbage", "Last-Event-ID: \xff\xfe\r\n", "", "?" },
		{ "S09 text", "Last-Event-ID: abc\r\n", "", "abc" },
	};
	Petfood__V1__StreamOpen open = follow();
	open.mode = PETFOOD__V1__STREAM_MODE__STREAM_MODE_NOTHING_LEFT;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http_client client;
		http_open(&client, site->port);
		http_sendf(&client, "GET /api/v1/plans/stream?task_id=t1%s HTTP/1.1\r\nHost: x\r\n%s\r\n",
		           rows[i].query, rows[i].headers);
		struct fake_call *call = fake_take_call();
		if (!CHECK_ROW(rows[i].label, call != NULL)) continue;
		const Petfood__V1__ResumePlanStreamRequest *request = (const void *)call->request;
		CHECK_ROW(rows[i].label, (request->_last_event_id_case != 0) == (rows[i].cursor != NULL));
		if (rows[i].cursor) CHECK_STR_ROW(rows[i].label, str_from(request->last_event_id), rows[i].cursor);
		fake_reply(call, &open.base);
		CHECK_ROW(rows[i].label, site_finish(site, &client).status == 204);
	}
}

static void check_http10(struct site *site)
{
	struct http_client client;
	Petfood__V1__StreamOpen open = follow();
	http_open(&client, site->port);
	http_sendf(&client, "GET /api/v1/plans/stream?task_id=t1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	struct fake_call *call = fake_take_call();
	if (call) fake_reply(call, &open.base);
	struct fake_reader *reader = fake_take_reader();
	struct http_answer head = http_read_head(&client, site->arena);
	CHECK(head.status == 200 && http_header(&head, "transfer-encoding").len == 0);
	CHECK_STR(http_header(&head, "connection"), "close");
	CHECK_ROW("HTTP/1.0: bytes at once", http_await(&client, "resumed\"}\n\n"));
	CHECK(reader && fake_event(reader, 1, STR("{\"n\":1}"), false) == EVENT_TAKEN);
	CHECK(http_await(&client, "id: 1\ndata: {\"n\":1}\n\n"));
	CHECK(reader && fake_event(reader, 2, STR("{\"n\":2}"), true) == EVENT_TAKEN);
	CHECK(http_await_end(&client));
	CHECK(str_has_suffix(strbuf_str(&client.in), STR("id: 2\ndata: {\"n\":2}\n\ndata: {\"type\":\"done\"}\n\n")));
	http_close(&client);
}

static void check_failing_reader(struct site *site)
{
	struct http_client client = { .fd = -1 };
	struct fake_reader *reader;
	struct error err = { 0 };
	Petfood__V1__StreamOpen open = follow();
	site_open_stream(site, &client, "Accept-Language: en\r\n", &open, &reader);
	(void)error_set(&err, RPC_NOT_FOUND, "TASK_NOT_FOUND", "gone");
	if (reader) fake_reader_fail(reader, &err);
	CHECK(reader && fake_wait_closed(reader));
	struct http_answer answer = http_read(&client, site->arena, false);
	CHECK_ROW("B34 a task that is gone",
	          has_text(answer.body, "data: {\"type\":\"error\",\"task_id\":\"t1\",\"error\":\"no such task\"}\n\n"
	                                "data: {\"type\":\"done\"}\n\n"));
	site_open_stream(site, &client, "", &open, &reader);
	(void)error_set(&err, RPC_UNAUTHENTICATED, "TOKEN_INVALID", "revoked");
	if (reader) fake_reader_fail(reader, &err);
	answer = http_read(&client, site->arena, false);
	CHECK_ROW("revoked: ended, but the task has not failed",
	          answer.status == 200 && !has_text(answer.body, "error"));
	CHECK(reader && fake_wait_closed(reader));
	http_close(&client);
}

static void check_gone(struct site *site)
{
	struct http_client client = { .fd = -1 };
	struct fake_reader *reader;
	Petfood__V1__StreamOpen open = follow();
	site_open_stream(site, &client, "", &open, &reader);
	CHECK(http_await(&client, "resumed"));
	http_close(&client);
	CHECK_ROW("20 a silent client that goes is noticed", reader && fake_wait_closed(reader));
	CHECK_ROW("leaving is not cancelling", !fake_has_call());

	/* Gone while its create is still under way. */
	site_send(site, &client, "POST", "/api/v1/plans/stream", "", "{}");
	struct fake_call *call = fake_take_call();
	http_close(&client);
	CHECK(call && fake_wait_cancelled(call));
}

static void check_large_event(struct site *site)
{
	struct http_client client = { .fd = -1 };
	struct fake_reader *reader;
	Petfood__V1__StreamOpen open = follow();
	size_t size = 1024 * 1024;
	char *data = malloc(size);
	memset(data, 'x', size);
	site_open_stream(site, &client, "", &open, &reader);
	CHECK_ROW("S12 an event above the limit",
	          reader && fake_event(reader, 1, (struct str){ data, size }, false) == EVENT_TAKEN);
	if (reader && fake_event(reader, 2, STR("{}"), true) == EVENT_FULL) {
		CHECK(http_await(&client, "xxxxx\n\n"));
		CHECK(fake_wait_ready(reader, 1));
		CHECK(fake_event(reader, 2, STR("{}"), true) == EVENT_TAKEN);
	}
	CHECK(http_await(&client, "\nid: 2\n") || http_await(&client, "\r\nid: 2\n"));
	http_close(&client);
	CHECK(reader && fake_wait_closed(reader));
	free(data);
}

static void check_heartbeat(void)
{
	struct site site;
	struct bridge_options options = site_options();
	struct http_client client = { .fd = -1 };
	struct fake_reader *reader;
	Petfood__V1__StreamOpen open = follow();
	options.heartbeat_ms = 30;
	site_start(&site, &options);
	site_open_stream(&site, &client, "", &open, &reader);
	(void)http_read_head(&client, site.arena);
	CHECK(http_await(&client, ": heartbeat\n\n"));
	client.in.len = 0;
	CHECK_ROW("again and again", http_await(&client, ": heartbeat\n\n"));
	CHECK(reader && fake_event(reader, 1, STR("{}"), true) == EVENT_TAKEN);
	CHECK(http_await(&client, "0\r\n\r\n"));
	http_close(&client);
	site_stop(&site);
}

/* A reader that takes nothing fills its queue and no more, holds up nobody, and gets everything in order once it reads. */
static void check_slow_reader(void)
{
	struct site site;
	struct bridge_options options = site_options();
	struct http_client slow, fast = { .fd = -1 };
	struct fake_reader *reader, *other;
	Petfood__V1__StreamOpen open = follow();
	options.stream_queue_bytes = 64 * 1024;
	site_start(&site, &options);
	http_open_small(&slow, site.port, 4096);
	site_open_stream(&site, &slow, "", &open, &reader);
	site_open_stream(&site, &fast, "", &open, &other);
	char data[4000];
	memset(data, 'x', sizeof data);
	data[0] = data[sizeof data - 1] = '"';
	uint64_t next = 1;
	/* The kernel takes a few megabytes before it says no. */
	while (next < 100000 && reader &&
	       fake_event(reader, next, (struct str){ data, sizeof data }, false) == EVENT_TAKEN)
		next++;
	CHECK_ROW("S14 the queue has an end", next > 16 && next < 100000);
	CHECK(reader && fake_event(reader, next, (struct str){ data, sizeof data }, false) == EVENT_FULL);
	CHECK(other && fake_event(other, 1, STR("{\"n\":1}"), false) == EVENT_TAKEN);
	CHECK_ROW("S14 others go on", http_await(&fast, "id: 1\ndata: {\"n\":1}\n\n"));

	unsigned ready = 0;
	uint64_t last = next + 50;
	while (reader && next <= last) {
		char mark[64];
		if (fake_event(reader, next, (struct str){ data, sizeof data }, next == last) == EVENT_TAKEN) {
			next++;
			continue;
		}
		/* Now it reads, up to the event before the one that waits. */
		(void)snprintf(mark, sizeof mark, "id: %llu\n", (unsigned long long)(next - 1));
		if (!CHECK(http_await(&slow, mark)) || !CHECK(fake_wait_ready(reader, ++ready))) break;
	}
	CHECK(http_await(&slow, "\r\n0\r\n\r\n"));
	(void)http_read_head(&slow, site.arena);
	bool ended;
	struct str text = streamed(&site, &slow, &ended), line;
	uint64_t seen = 0;
	bool in_order = true;
	while (str_split(&text, '\n', &line)) {
		int64_t number;
		if (!str_has_prefix(line, STR("id: "))) continue;
		if (!str_to_int64((struct str){ line.ptr + 4, line.len - 4 }, &number) || (uint64_t)number != seen + 1)
			in_order = false;
		seen++;
	}
	CHECK_ROW("S14 and catches up: each once, in order", ended && in_order && seen == last);
	http_close(&slow);
	http_close(&fast);
	site_stop(&site);
}

static void check_stalled_reader(void)
{
	struct site site;
	struct bridge_options options = site_options();
	struct http_client client;
	struct fake_reader *reader;
	Petfood__V1__StreamOpen open = follow();
	options.write_timeout_ms = 200;
	site_start(&site, &options);
	http_open_small(&client, site.port, 4096);
	site_open_stream(&site, &client, "", &open, &reader);
	char data[4000];
	memset(data, 'x', sizeof data);
	uint64_t next = 1;
	while (reader && next < 100000 &&
	       fake_event(reader, next, (struct str){ data, sizeof data }, false) == EVENT_TAKEN)
		next++;
	CHECK_ROW("23 a reader that takes nothing is closed", reader && fake_wait_closed(reader));
	CHECK(site_ask(&site, "GET", "/health", "", NULL).status == 200);
	http_close(&client);
	site_stop(&site);
}

static void check_stream_limit(void)
{
	struct site site;
	struct bridge_options options = site_options();
	struct http_client client = { .fd = -1 };
	struct fake_reader *reader;
	Petfood__V1__StreamOpen open = follow();
	options.streams = 1;
	site_start(&site, &options);
	site_open_stream(&site, &client, "", &open, &reader);
	CHECK(http_await(&client, "resumed"));
	struct http_answer answer = site_ask(&site, "POST", "/api/v1/plans/stream", "", "{}");
	CHECK(answer.status == 503);
	CHECK_STR(http_header(&answer, "retry-after"), "1");
	CHECK_ROW("refused before anything was made", !fake_has_call());
	http_close(&client);
	site_stop(&site);
}

static void check_drain(void)
{
	struct site site;
	struct bridge_options options = site_options();
	struct http_client client = { .fd = -1 }, opening;
	struct fake_reader *reader;
	Petfood__V1__StreamOpen open = follow();
	site_start(&site, &options);
	site_open_stream(&site, &client, "", &open, &reader);
	(void)http_read_head(&client, site.arena);
	CHECK(reader && fake_event(reader, 1, STR("{\"n\":1}"), false) == EVENT_TAKEN);
	http_open(&opening, site.port);
	http_sendf(&opening, "POST /api/v1/plans/stream HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}");
	struct fake_call *call = fake_take_call();
	(void)bridge_drain(site.bridge, 0);
	CHECK(http_await(&client, "0\r\n\r\n"));
	bool ended;
	struct str text = streamed(&site, &client, &ended);
	CHECK_ROW("O04 ends after a whole frame", ended && str_has_suffix(text, STR("id: 1\ndata: {\"n\":1}\n\n")));
	CHECK(reader && fake_wait_closed(reader));
	CHECK(reader && fake_event(reader, 2, STR("{}"), false) == EVENT_TAKEN); /* nobody is there any more */
	if (call) fake_reply(call, &open.base);
	struct http_answer answer = http_read(&opening, site.arena, false);
	CHECK_ROW("a stream that opens while draining names its task",
	          answer.status == 200 && has_text(answer.body, "resumed") && !has_text(answer.body, "done"));
	CHECK(bridge_drain(site.bridge, 10000));
	http_close(&client);
	http_close(&opening);
	site_stop(&site);
}

static void check_stop(void)
{
	struct site site;
	struct bridge_options options = site_options();
	struct http_client clients[4];
	struct fake_reader *reader;
	Petfood__V1__StreamOpen open = follow();
	options.threads = 2;
	site_start(&site, &options);
	for (size_t i = 0; i < COUNT(clients); i++) {
		clients[i].fd = -1;
		site_open_stream(&site, &clients[i], "", &open, &reader);
		CHECK(http_await(&clients[i], "resumed"));
	}
	int64_t began = time_monotonic_ms();
	site_stop(&site);
	CHECK_ROW("stops at once", time_monotonic_ms() - began < 5000);
	for (size_t i = 0; i < COUNT(clients); i++) http_close(&clients[i]);
	CHECK_ROW("no stream is counted any more", metric_value(metric_gauge("petfood_http_streams", NULL, "")) == 0);
	CHECK_ROW("no connection is counted any more",
	          metric_value(metric_gauge("petfood_http_connections", NULL, "")) == 0);
}

int main(void)
{
	struct site site;
	struct bridge_options options = site_options();
	site_start(&site, &options);
	check_whole(&site);
	check_modes(&site);
	check_cursor(&site);
	check_http10(&site);
	check_failing_reader(&site);
	check_gone(&site);
	check_large_event(&site);
	site_stop(&site);
	check_heartbeat();
	check_slow_reader();
	check_stalled_reader();
	check_stream_limit();
	check_drain();
	check_stop();
	return check_done("unit_bridge_stream");
}
