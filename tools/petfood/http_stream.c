#include "tools/petfood/http_stream.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES_MAX = 8 * 1024 * 1024 };

static size_t collect(char *bytes, size_t size, size_t count, void *self)
{
	strbuf_add(self, bytes, size * count);
	return size * count;
}

static CURL *prepare(const struct http *http, const char *path, const char *body, struct curl_slist **headers)
{
	char url[512];
	CURL *curl = curl_easy_init();
	if (!curl) die("libcurl did not start");
	(void)snprintf(url, sizeof url, "%s%s", http->base, path);
	*headers = curl_slist_append(NULL, http->authorization);
	*headers = curl_slist_append(*headers, http->language);
	if (body) *headers = curl_slist_append(*headers, "Content-Type: application/json");
	if (body && http->idempotency[0]) *headers = curl_slist_append(*headers, http->idempotency);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* this machine only, whatever the environment says */
	if (body) curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	return curl;
}

bool http_request(const struct http *http, const char *verb, const char *path, const char *body, struct arena *arena,
                  long *out_status, struct str *out_body, struct error *err)
{
	struct curl_slist *headers;
	struct strbuf text;
	CURL *curl = prepare(http, path, body, &headers);
	strbuf_init(&text, arena);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, verb);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 30000L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &text);
	CURLcode rc = curl_easy_perform(curl);
	if (rc == CURLE_OK) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, out_status);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	if (rc != CURLE_OK) return error_set(err, RPC_UNAVAILABLE, "UNREACHABLE", "%s %s: %s", verb, path, curl_easy_strerror(rc));
	*out_body = strbuf_str(&text);
	return true;
}

/* ---- server-sent events ---- */

struct parser {
	CURL *curl;
	struct strbuf line, data, refusal;
	uint64_t id;
	bool has_id, cut;
	struct stream_seen *seen;
	stream_event on_event;
	void *self;
};

static void count_number(struct stream_seen *seen, uint64_t number)
{
	if (number <= seen->last) {
		seen->doubled++;
		return;
	}
	seen->lost += number - seen->last - 1;
	seen->last = number;
	seen->count++;
}

static void end_of_frame(struct parser *p)
{
	if (p->data.len) {
		uint64_t number = p->has_id ? p->id : 0;
		if (number) count_number(p->seen, number);
		if (!p->on_event(p->self, p->seen, number, strbuf_str(&p->data))) p->cut = true;
	}
	p->data.len = 0;
	p->has_id = false;
}

static void end_of_line(struct parser *p)
{
	struct str line = strbuf_str(&p->line);
	int64_t number;
	if (line.len == 0) end_of_frame(p);
	else if (str_has_prefix(line, STR("data: "))) strbuf_add(&p->data, line.ptr + 6, line.len - 6);
	else if (str_has_prefix(line, STR("id: ")) && str_to_int64((struct str){ line.ptr + 4, line.len - 4 }, &number) && number > 0)
		p->id = (uint64_t)number, p->has_id = true;
	p->line.len = 0;
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *self)
{
	struct parser *p = self;
	long status = 0;
	size_t len = size * count;
	curl_easy_getinfo(p->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200) {
		strbuf_add(&p->refusal, bytes, len);
		return len;
	}
	for (size_t i = 0; i < len && !p->cut; i++) {
		if (bytes[i] == '\n') end_of_line(p);
		else if (p->line.len == LINE_BYTES_MAX) p->cut = true; /* no event is that long: not our bridge */
		else strbuf_add_char(&p->line, bytes[i]);
	}
	return p->cut ? 0 : len; /* 0 makes curl close the connection at once */
}

bool stream_read(const struct http *http, const char *body, struct stream_seen *seen, stream_event on_event, void *self,
                 struct error *err)
{
	struct curl_slist *headers;
	struct parser p = { .seen = seen, .on_event = on_event, .self = self };
	char path[256], cursor[64];
	long status = 0;
	if (body) (void)snprintf(path, sizeof path, "/api/v1/plans/stream");
	else (void)snprintf(path, sizeof path, "/api/v1/plans/stream?task_id=%s", seen->task_id);
	CURL *curl = p.curl = prepare(http, path, body, &headers);
	if (!body && seen->last) {
		(void)snprintf(cursor, sizeof cursor, "Last-Event-ID: %llu", (unsigned long long)seen->last);
		headers = curl_slist_append(headers, cursor);
	}
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &p);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 45L); /* three heartbeats */
	seen->connections++;
	CURLcode rc = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	bool ok = true;
	if (status == 0)
		ok = error_set(err, RPC_UNAVAILABLE, "UNREACHABLE", "%s: %s", path, curl_easy_strerror(rc));
	else if (status == 204)
		seen->terminal = seen->done = true;
	else if (status != 200)
		ok = error_set(err, status >= 500 ? RPC_UNAVAILABLE : RPC_FAILED_PRECONDITION, status >= 500 ? "UNREACHABLE" : "REFUSED",
		               "the bridge answered %ld: %.120s", status, p.refusal.data ? p.refusal.data : "");
	strbuf_fini(&p.line);
	strbuf_fini(&p.data);
	strbuf_fini(&p.refusal);
	return ok;
}
