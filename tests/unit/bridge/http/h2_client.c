#include "tests/unit/bridge/http/h2_client.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/check.h"

void certificate_create(struct certificate *c)
{
	(void)snprintf(c->folder, sizeof c->folder, "/tmp/petfood-bridge-XXXXXX");
	if (!mkdtemp(c->folder)) die("mkdtemp");
	(void)snprintf(c->cert, sizeof c->cert, "%.40s/cert.pem", c->folder);
	(void)snprintf(c->key, sizeof c->key, "%.40s/key.pem", c->folder);
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
	FILE *file = fopen(c->cert, "w");
	if (!file || PEM_write_X509(file, cert) != 1) die("cannot write %s", c->cert);
	fclose(file);
	file = fopen(c->key, "w");
	if (!file || PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) != 1) die("cannot write %s", c->key);
	fclose(file);
	X509_free(cert);
	EVP_PKEY_free(key);
}

void certificate_remove(struct certificate *c)
{
	(void)unlink(c->cert);
	(void)unlink(c->key);
	(void)rmdir(c->folder);
}

void tls_open(struct h2 *c, uint16_t port, const char *alpn)
{
	*c = (struct h2){ .ctx = SSL_CTX_new(TLS_client_method()) };
	http_open(&c->tcp, port);
	strbuf_init(&c->in, NULL);
	strbuf_init(&c->taken, NULL);
	c->ssl = SSL_new(c->ctx);
	unsigned char list[16] = { (unsigned char)strlen(alpn) };
	memcpy(list + 1, alpn, strlen(alpn));
	SSL_set_alpn_protos(c->ssl, list, (unsigned)strlen(alpn) + 1);
	SSL_set_fd(c->ssl, c->tcp.fd);
	CHECK_ROW("TLS handshake", SSL_connect(c->ssl) == 1);
}

void tls_close(struct h2 *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	strbuf_fini(&c->in);
	strbuf_fini(&c->taken);
	http_close(&c->tcp);
}

void tls_send(struct h2 *c, const void *bytes, size_t len)
{
	if (len && SSL_write(c->ssl, bytes, (int)len) <= 0) c->ended = true;
}

bool tls_receive(struct h2 *c)
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

void h2_add_frame(struct strbuf *out, int type, int flags, uint32_t stream, const void *payload, size_t len)
{
	unsigned char head[9] = {
		(unsigned char)(len >> 16),    (unsigned char)(len >> 8),    (unsigned char)len,
		(unsigned char)type,           (unsigned char)flags,         (unsigned char)(stream >> 24),
		(unsigned char)(stream >> 16), (unsigned char)(stream >> 8), (unsigned char)stream
	};
	strbuf_add(out, head, sizeof head);
	strbuf_add(out, payload, len);
}

static void add_text(struct strbuf *block, const char *text)
{
	strbuf_add_char(block, (char)strlen(text));
	strbuf_add_cstr(block, text);
}

/* HPACK without its tables: indexed static entries, and literals without Huffman coding. */
void h2_add_request(struct strbuf *out, uint32_t stream, const char *method, const char *path,
                    const char *const (*headers)[2], size_t header_count, bool end)
{
	struct strbuf block;
	strbuf_init(&block, NULL);
	strbuf_add_char(&block, 0x02); /* :method */
	add_text(&block, method);
	strbuf_add_char(&block, (char)0x87); /* :scheme https */
	strbuf_add_char(&block, 0x04);       /* :path */
	add_text(&block, path);
	strbuf_add(&block, "\x01\x01x", 3); /* :authority x */
	for (size_t i = 0; i < header_count; i++) {
		strbuf_add_char(&block, 0);
		add_text(&block, headers[i][0]);
		add_text(&block, headers[i][1]);
	}
	h2_add_frame(out, H2_HEADERS, H2_END_HEADERS | (end ? H2_END_STREAM : 0), stream, block.data, block.len);
	strbuf_fini(&block);
}

void h2_open(struct h2 *c, uint16_t port)
{
	struct strbuf hello;
	tls_open(c, port, "h2");
	const unsigned char *chosen;
	unsigned len;
	SSL_get0_alpn_selected(c->ssl, &chosen, &len);
	CHECK_ROW("ALPN", len == 2 && memcmp(chosen, "h2", 2) == 0);
	strbuf_init(&hello, NULL);
	strbuf_add_cstr(&hello, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	/* Windows as large as they get: nothing here is about flow control. */
	h2_add_frame(&hello, H2_SETTINGS, 0, 0, "\0\x04\x7f\xff\xff\xff", 6);
	h2_add_frame(&hello, H2_WINDOW_UPDATE, 0, 0, "\x7f\xff\0\0", 4);
	tls_send(c, hello.data, hello.len);
	strbuf_fini(&hello);
}

bool h2_next(struct h2 *c, struct h2_frame *out)
{
	for (;;) {
		const unsigned char *at = (const unsigned char *)c->in.data;
		size_t size = c->in.len >= 9 ? (size_t)at[0] << 16 | (size_t)at[1] << 8 | at[2] : 0;
		if (c->in.len >= 9 && c->in.len >= 9 + size) {
			c->taken.len = 0;
			strbuf_add(&c->taken, c->in.data, 9 + size);
			memmove(c->in.data, c->in.data + 9 + size, c->in.len - 9 - size);
			c->in.len -= 9 + size;
			at = (const unsigned char *)c->taken.data;
			*out = (struct h2_frame){ at[3],
				                  at[4],
				                  (uint32_t)at[5] << 24 | (uint32_t)at[6] << 16 | (uint32_t)at[7] << 8 |
				                      at[8],
				                  { c->taken.data + 9, size } };
			if (out->type == H2_SETTINGS && !(out->flags & H2_ACK)) {
				struct strbuf ack;
				strbuf_init(&ack, NULL);
				h2_add_frame(&ack, H2_SETTINGS, H2_ACK, 0, "", 0);
				tls_send(c, ack.data, ack.len);
				strbuf_fini(&ack);
			}
			return true;
		}
		if (!tls_receive(c)) return false;
	}
}

/* :status comes first: an entry of the static table, or a literal under that name. 0: neither. */
static int status_of(struct str block)
{
	static const int indexed[] = { 200, 204, 206, 304, 400, 404, 500 };
	const unsigned char *at = (const unsigned char *)block.ptr;
	while (block.len && (*at & 0xe0) == 0x20) at++, block.len--; /* size updates of the dynamic table */
	if (block.len && *at >= 0x88 && *at <= 0x8e) return indexed[*at - 0x88];
	if (block.len >= 5 && (at[0] & 0x0f) == 8 && at[1] == 3)
		return atoi((char[]){ (char)at[2], (char)at[3], (char)at[4], 0 });
	return 0;
}

bool h2_answer(struct h2 *c, uint32_t stream, int *out_status, struct strbuf *body)
{
	struct h2_frame frame;
	while (h2_next(c, &frame)) {
		if (frame.stream != stream) continue;
		if (frame.type == H2_RST) return false;
		if (frame.type == H2_HEADERS && out_status) *out_status = status_of(frame.payload);
		if (frame.type == H2_DATA) strbuf_add_str(body, frame.payload);
		if ((frame.type == H2_DATA || frame.type == H2_HEADERS) && (frame.flags & H2_END_STREAM)) return true;
	}
	return false;
}
