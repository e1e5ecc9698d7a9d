/* tests/unit/bridge/http/http_client.h: a client that sends any bytes and reads answers piece by piece; every wait ends after ten
 * seconds, as a failure. */
#ifndef PETFOOD_TESTS_UNIT_BRIDGE_HTTP_HTTP_CLIENT_H
#define PETFOOD_TESTS_UNIT_BRIDGE_HTTP_HTTP_CLIENT_H

#include "store/base/str.h"

struct http_client {
	int fd;
	struct strbuf in; /* received, not consumed */
	bool ended;       /* the other end has closed or reset */
};
void http_open(struct http_client *client, uint16_t port);     /* dies if nobody listens */
bool http_try_open(struct http_client *client, uint16_t port); /* false: refused; close it all the same */
/* receive_bytes: SO_RCVBUF, for readers that are slow; 0 = as it is */
void http_open_small(struct http_client *client, uint16_t port, int receive_bytes);
void http_close(struct http_client *client);
void http_send(struct http_client *client, struct str bytes);
void http_sendf(struct http_client *client, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Reads until text is there; false if the other end closed first. */
bool http_await(struct http_client *client, const char *text);
bool http_await_end(struct http_client *client); /* reads up to the end of the connection */

struct http_answer {
	int status;
	struct str head; /* status line and headers */
	struct str body; /* whole: by length, chunks or end of connection */
};
/* Reads one whole answer into the arena. head_only: of a HEAD request. status 0: none came. */
struct http_answer http_read(struct http_client *client, struct arena *arena, bool head_only);
/* Reads only the head of an answer. */
struct http_answer http_read_head(struct http_client *client, struct arena *arena);
/* Value of a header, "" if it is not there; the name in any case. */
struct str http_header(const struct http_answer *answer, const char *name);
/* Text of a chunked body received so far with the chunk marks taken out. */
struct str http_unchunk(struct arena *arena, struct str raw, bool *out_ended);

#endif
