/* tests/integration/cut_reader/line.h: the client's end of a progress stream, over HTTP/1.1 or, with TLS, HTTP/2, that can be cut
 * after any byte. It reads no further than its budget, as if the network had ended there: what was received up to then counts, also
 * half a chunk or half a frame. */
#ifndef PETFOOD_TESTS_INTEGRATION_CUT_READER_LINE_H
#define PETFOOD_TESTS_INTEGRATION_CUT_READER_LINE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

struct target {
	uint16_t port; /* on 127.0.0.1 */
	SSL_CTX *tls;  /* NULL: HTTP/1.1 in clear text */
	const char *path;
	const char *token;
};

enum { LINE_BUFFER = 32 * 1024, LINE_NO_BUDGET = -1, LINE_MARKS_MAX = 4096 };

/* Where frames begin, in bytes from the beginning of what the server sends. */
struct line_marks {
	size_t count;
	long at[LINE_MARKS_MAX]; /* further ones are not kept */
};

struct line {
	const struct target *target;
	int fd; /* -1: not open */
	SSL *ssl;
	long budget;   /* bytes that may still be read of what the server sends; LINE_NO_BUDGET */
	long received; /* bytes read since the request was sent */
	bool cut;      /* the budget is spent */
	bool lost;     /* the server closed, or said what it may not */
	bool ended;    /* the answer is whole */
	int status;    /* 0: not yet known */
	size_t left;   /* bytes of the chunk or DATA frame at hand */
	/* HTTP/1.1 */
	bool first_chunk, chunk_closed; /* chunk_closed: the CR LF behind its bytes was read */
	/* HTTP/2 */
	uint32_t stream;      /* of the request; 0: none yet on this connection */
	uint32_t data_stream; /* of the DATA frame at hand */
	size_t data_size;     /* its size until the window was given back */
	bool last_data;       /* END_STREAM stood on it */
	/* both */
	struct line_marks *marks; /* NULL: nobody wants to know */
	size_t at, len;           /* unread part of `in` */
	char in[LINE_BUFFER];
};

void line_init(struct line *line, const struct target *target);
/* Asks for the stream, on a new connection if none is open. cursor 0 = no Last-Event-ID. */
bool line_get(struct line *line, uint64_t cursor, long budget);
/* More of the body into buf; 0: see ended, cut and lost. */
size_t line_body(struct line *line, char *buf, size_t cap);
/* HTTP/2: gives the stream up and keeps the connection for the next line_get. */
void line_reset(struct line *line);
void line_close(struct line *line);

#endif
