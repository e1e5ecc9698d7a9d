/* tests/unit/bridge/http/h2_client.h: a client that writes its HTTP/2 frames by hand (RFC 9113) over TLS; it can also speak HTTP/1.1
 * there. Every wait ends after ten seconds, as a failure. */
#ifndef PETFOOD_TESTS_UNIT_BRIDGE_HTTP_H2_CLIENT_H
#define PETFOOD_TESTS_UNIT_BRIDGE_HTTP_H2_CLIENT_H

#include <openssl/ssl.h>

#include "tests/unit/bridge/http/http_client.h"

enum {
	H2_DATA = 0,
	H2_HEADERS = 1,
	H2_RST = 3,
	H2_SETTINGS = 4,
	H2_GOAWAY = 7,
	H2_WINDOW_UPDATE = 8,
	H2_CONTINUATION = 9
};
enum { H2_END_STREAM = 1, H2_ACK = 1, H2_END_HEADERS = 4 };
#define H2_CANCEL "\0\0\0\x08" /* payload of RST_STREAM */

/* A fresh key and certificate for localhost in files of their own. */
struct certificate {
	char cert[64], key[64], folder[64];
};
void certificate_create(struct certificate *certificate);
void certificate_remove(struct certificate *certificate);

struct h2 {
	struct http_client tcp;
	SSL_CTX *ctx;
	SSL *ssl;
	struct strbuf in, taken;
	bool ended;
};
void tls_open(struct h2 *c, uint16_t port, const char *alpn);
void tls_close(struct h2 *c);
void tls_send(struct h2 *c, const void *bytes, size_t len);
bool tls_receive(struct h2 *c); /* more bytes into c->in; false: nothing came, or the end */

void h2_open(struct h2 *c, uint16_t port); /* with the preface sent */
void h2_add_frame(struct strbuf *out, int type, int flags, uint32_t stream, const void *payload, size_t len);
/* HEADERS with :authority x; names in lower case, no text above 126 bytes. end: no body follows. */
void h2_add_request(struct strbuf *out, uint32_t stream, const char *method, const char *path,
                    const char *const (*headers)[2], size_t header_count, bool end);

struct h2_frame {
	int type, flags;
	uint32_t stream;
	struct str payload; /* valid until the next one is read */
};
bool h2_next(struct h2 *c, struct h2_frame *out); /* answers SETTINGS by itself */
/* Body of a stream's answer; false if the stream was reset or the connection ended. out_status may be NULL. */
bool h2_answer(struct h2 *c, uint32_t stream, int *out_status, struct strbuf *body);

#endif
