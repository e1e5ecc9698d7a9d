/* TLS and HTTP/2: that ALPN leads to it, that a body too large is answered and not reset, and that a connection which abandons
 * requests in a loop is ended. The client writes its frames by hand (RFC 9113). */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "petfood/v1/plan.pb-c.h"
#include "store/base/metrics.h"
#include "tests/unit/bridge/http/site.h"

enum { FRAME_DATA = 0, FRAME_HEADERS = 1, FRAME_RST = 3, FRAME_SETTINGS = 4, FRAME_GOAWAY = 7, FRAME_CONTINUATION = 9 };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };

struct h2 {
	struct http_client tcp;
	SSL_CTX *ctx;
	SSL *ssl;
	struct strbuf in;
	bool ended;
};

static void write_certificate(char cert_path[64], char key_path[64], char folder[64])
{
	(void)snprintf(folder, 64, "/tmp/petfood-bridge-XXXXXX");
	if (!mkdtemp(folder)) die("mkdtemp");
	(void)snprintf(cert_path, 64, "%s/cert.pem", folder);
	(void)snprintf(key_path, 64, "%s/key.pem", folder);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	if (!key || !cert) die("no key");
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"localhost",
	                           -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_sign(cert, key, EVP_sha256());
	FILE *file = fopen(cert_path, "w");
	if (!file || PEM_write_X509(file, cert) != 1) die("cannot write %s", cert_path);
	fclose(file);
	file = fopen(key_path, "w");
	if (!file || PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) != 1) die("cannot write %s", key_path);
	fclose(file);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void tls_open(struct h2 *c, uint16_t port, const char *alpn)
{
	*c = (struct h2){ .ctx = SSL_CTX_new(TLS_client_method()) };
	http_open(&c->tcp, port);
	strbuf_init(&c->in, NULL);
	c->ssl = SSL_new(c->ctx);
	unsigned char list[16] = { (unsigned char)strlen(alpn) };
	memcpy(list + 1, alpn, strlen(alpn));
	SSL_set_alpn_protos(c->ssl, list, (unsigned)strlen(alpn) + 1);
	SSL_set_fd(c->ssl, c->tcp.fd);
	CHECK_ROW("TLS handshake", SSL_connect(c->ssl) == 1);
}

static void tls_close(struct h2 *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	strbuf_fini(&c->in);
	http_close(&c->tcp);
}

static void tls_send(struct h2 *c, const void *bytes, size_t len)
{
	if (len && SSL_write(c->ssl, bytes, (int)len) <= 0) c->ended = true;
}

static bool tls_receive(struct h2 *c)
{
	char bytes[16384];
	struct pollfd fd = { .fd = c->tcp.fd, .events = POLLIN };
	if (!SSL_pending(c->ssl) && poll(&fd, 1, 10000) <= 0) return false;
	int got = SSL_read(c->ssl, bytes, sizeof bytes);
	if (got <= 0) {
		c->ended = true;
		return false;
	}
	strbuf_add(&c->in, bytes, (size_t)got);
	return true;
}

static void add_frame(struct strbuf *out, int type, int flags, uint32_t stream, const void *payload, size_t len)
{
	unsigned char head[9] = {
		(unsigned char)(len >> 16),    (unsigned char)(len >> 8),    (unsigned char)len,
		(unsigned char)type,           (unsigned char)flags,         (unsigned char)(stream >> 24),
		(unsigned char)(stream >> 16), (unsigned char)(stream >> 8), (unsigned char)stream
	};
	strbuf_add(out, head, sizeof head);
	strbuf_add(out, payload, len);
}

/* HPACK without its tables: indexed static entries, and literals without Huffman coding. */
static void add_request(struct strbuf *out, uint32_t stream, bool post, const char *path, bool end)
{
	struct strbuf block;
	strbuf_init(&block, NULL);
	strbuf_add_char(&block, (char)(post ? 0x83 : 0x82)); /* :method */
	strbuf_add_char(&block, (char)0x87);                 /* :scheme https */
	strbuf_add_char(&block, 0x04);                       /* :path */
	strbuf_add_char(&block, (char)strlen(path));
	strbuf_add_cstr(&block, path);
	strbuf_add(&block, "\x01\x01x", 3); /* :authority x */
	add_frame(out, FRAME_HEADERS, END_HEADERS | (end ? END_STREAM : 0), stream, block.data, block.len);
	strbuf_fini(&block);
}

static void h2_open(struct h2 *c, uint16_t port)
{
	struct strbuf hello;
	tls_open(c, port, "h2");
	const unsigned char *chosen;
	unsigned len;
	SSL_get0_alpn_selected(c->ssl, &chosen, &len);
	CHECK_ROW("ALPN", len == 2 && memcmp(chosen, "h2", 2) == 0);
	strbuf_init(&hello, NULL);
	strbuf_add_cstr(&hello, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	add_frame(&hello, FRAME_SETTINGS, 0, 0, "", 0);
	tls_send(c, hello.data, hello.len);
	strbuf_fini(&hello);
}

struct h2_frame {
	int type, flags;
	uint32_t stream;
	struct str payload; /* valid until the next one is read */
};
static struct strbuf taken;

static bool h2_next(struct h2 *c, struct h2_frame *out)
{
	for (;;) {
		const unsigned char *at = (const unsigned char *)c->in.data;
		size_t size = c->in.len >= 9 ? (size_t)at[0] << 16 | (size_t)at[1] << 8 | at[2] : 0;
		if (c->in.len >= 9 && c->in.len >= 9 + size) {
			taken.len = 0;
			strbuf_add(&taken, c->in.data, 9 + size);
			memmove(c->in.data, c->in.data + 9 + size, c->in.len - 9 - size);
			c->in.len -= 9 + size;
			at = (const unsigned char *)taken.data;
			*out = (struct h2_frame){ at[3],
				                  at[4],
				                  (uint32_t)at[5] << 24 | (uint32_t)at[6] << 16 | (uint32_t)at[7] << 8 |
				                      at[8],
				                  { taken.data + 9, size } };
			if (out->type == FRAME_SETTINGS && !(out->flags & ACK)) {
				struct strbuf ack;
				strbuf_init(&ack, NULL);
				add_frame(&ack, FRAME_SETTINGS, ACK, 0, "", 0);
				tls_send(c, ack.data, ack.len);
				strbuf_fini(&ack);
			}
			return true;
		}
		if (!tls_receive(c)) return false;
	}
}

/* Body of a stream's answer; false if the stream was reset or the connection ended. */
static bool h2_answer(struct h2 *c, uint32_t stream, struct strbuf *body)
{
	struct h2_frame frame;
	while (h2_next(c, &frame)) {
		if (frame.stream != stream) continue;
		if (frame.type == FRAME_RST) return false;
		if (frame.type == FRAME_DATA) strbuf_add_str(body, frame.payload);
		if ((frame.type == FRAME_DATA || frame.type == FRAME_HEADERS) && (frame.flags & END_STREAM))
			return true;
	}
	return false;
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
	CHECK(h2_answer(&c, 1, &body));
	CHECK(has_text(strbuf_str(&body), "\"healthy\""));

	/* 1500 bytes where 1000 are allowed: an answer, no reset. */
	char big[1500];
	memset(big, ' ', sizeof big);
	strbuf_init(&out, site->arena);
	strbuf_init(&body, site->arena);
	add_request(&out, 3, true, "/api/v1/plans", false);
	add_frame(&out, FRAME_DATA, END_STREAM, 3, big, sizeof big);
	tls_send(&c, out.data, out.len);
	CHECK_ROW("29 answered", h2_answer(&c, 3, &body));
	CHECK_ROW("29 with 413", has_text(strbuf_str(&body), "{\"code\":413,"));

	/* A reset ends its call, and a few resets end nothing else. */
	strbuf_init(&out, site->arena);
	strbuf_init(&body, site->arena);
	add_request(&out, 5, false, "/api/v1/plans/p1", true);
	tls_send(&c, out.data, out.len);
	struct fake_call *call = fake_take_call();
	strbuf_init(&out, site->arena);
	add_frame(&out, FRAME_RST, 0, 5, "\0\0\0\x08", 4);
	add_request(&out, 7, false, "/api/v1/plans/p2", true);
	tls_send(&c, out.data, out.len);
	CHECK_ROW("B39 a reset cancels the call", call && fake_wait_cancelled(call));
	call = fake_take_call();
	Petfood__V1__Plan plan = PETFOOD__V1__PLAN__INIT;
	plan.id = (char *)"p2";
	if (call) fake_reply(call, &plan.base);
	CHECK_ROW("and the next one is answered",
	          h2_answer(&c, 7, &body) && has_text(strbuf_str(&body), "\"id\":\"p2\""));
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
		int last = at + len == block.len ? END_HEADERS : 0;
		add_frame(&out, at ? FRAME_CONTINUATION : FRAME_HEADERS, last | (at ? 0 : END_STREAM), 1,
		          block.data + at, len);
	}
	add_request(&out, 3, false, "/health", true);
	tls_send(&c, out.data, out.len);
	CHECK_ROW("headers beyond our limit are answered",
	          h2_answer(&c, 1, &body) && has_text(strbuf_str(&body), "{\"code\":431,"));
	strbuf_init(&body, site->arena);
	CHECK_ROW("and the connection goes on", h2_answer(&c, 3, &body) && has_text(strbuf_str(&body), "healthy"));
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
		add_frame(&out, FRAME_DATA, at + len == TOO_LARGE ? END_STREAM : 0, 1, spaces, len);
	}
	add_request(&out, 3, false, "/health", true);
	tls_send(&c, out.data, out.len);
	CHECK_ROW("the stream is reset", !h2_answer(&c, 1, &body) && !c.ended);
	CHECK_ROW("the connection goes on", h2_answer(&c, 3, &body) && has_text(strbuf_str(&body), "healthy"));
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
		if (frame.type == FRAME_DATA && frame.stream == 1) strbuf_add_str(&body, frame.payload);
	}
	CHECK_ROW("an event on its way while the stream goes on",
	          has_text(strbuf_str(&body), "id: 1\ndata: {\"n\":1}\n\n"));
	strbuf_init(&out, site->arena);
	add_frame(&out, FRAME_RST, 0, 1, "\0\0\0\x08", 4);
	tls_send(&c, out.data, out.len);
	CHECK_ROW("20 a reset lets the reader go", readers[0] && fake_wait_closed(readers[0]));
	strbuf_init(&body, site->arena);
	CHECK(readers[1] && fake_event(readers[1], 1, STR("{\"n\":2}"), true) == EVENT_TAKEN);
	CHECK_ROW("the other one ends in its own time",
	          h2_answer(&c, 3, &body) && has_text(strbuf_str(&body), "{\"n\":2}"));
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
		add_frame(&out, FRAME_RST, 0, stream, "\0\0\0\x08", 4);
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
	CHECK_ROW("33 others are served", h2_answer(&c, 1, &body));
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
	char cert[64], key[64], folder[64];
	(void)signal(SIGPIPE, SIG_IGN); /* SSL_write to a connection that was cut */
	write_certificate(cert, key, folder);
	options.tls_certificate = str_from(cert);
	options.tls_key = str_from(key);
	options.json_body_bytes = 1000;
	site_start(&site, &options);
	strbuf_init(&taken, NULL);
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
	strbuf_fini(&taken);
	(void)unlink(cert);
	(void)unlink(key);
	(void)rmdir(folder);
	return check_done("unit_bridge_http2");
}
