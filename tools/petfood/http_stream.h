/* tools/petfood/http_stream.h: a browser's view of the bridge for the demo: JSON requests and a server-sent event reader that
 * comes back with Last-Event-ID, over libcurl. Blocking; one thread. */
#ifndef PETFOOD_TOOLS_PETFOOD_HTTP_STREAM_H
#define PETFOOD_TOOLS_PETFOOD_HTTP_STREAM_H

#include "store/base/error.h"
#include "store/base/str.h"

struct http {
	char base[128];           /* "http://127.0.0.1:8000" */
	char authorization[4096]; /* "Authorization: Bearer …" */
	char language[64];        /* "Accept-Language: en" */
	char idempotency[64];     /* "Idempotency-Key: …": a stream that is opened again attaches to the same task */
};

/* One request; status and body out. Fails UNAVAILABLE/UNREACHABLE when nobody answers. body NULL = none. */
MUST_CHECK bool http_request(const struct http *http, const char *verb, const char *path, const char *body, struct arena *arena,
                             long *out_status, struct str *out_body, struct error *err);

/* What a stream reader saw. */
struct stream_seen {
	char task_id[64];
	uint64_t last;       /* newest number */
	uint64_t count;      /* numbered events */
	uint64_t doubled;    /* numbers seen before */
	uint64_t lost;       /* numbers skipped */
	bool terminal, done; /* the terminal event; the `done` frame */
	int connections;
};
/* One event as it comes: number 0 = unnumbered. Return false to cut the line. */
typedef bool (*stream_event)(void *self, struct stream_seen *seen, uint64_t number, struct str data);

/* Opens (POST with body) or resumes (GET, body NULL) and reads until the stream ends, breaks, or the callback cuts it. Fails only if
 * the server refused (its status in the message) or could not be reached. */
MUST_CHECK bool stream_read(const struct http *http, const char *body, struct stream_seen *seen, stream_event on_event, void *self,
                            struct error *err);

#endif
