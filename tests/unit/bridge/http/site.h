/* tests/unit/bridge/http/site.h: a bridge with a scripted other end, and helpers that several test programs use. */
#ifndef PETFOOD_TESTS_UNIT_BRIDGE_HTTP_SITE_H
#define PETFOOD_TESTS_UNIT_BRIDGE_HTTP_SITE_H

#include "bridge/http/bridge.h"
#include "petfood/v1/task.pb-c.h"
#include "tests/support/check.h"
#include "tests/unit/bridge/http/fake.h"
#include "tests/unit/bridge/http/http_client.h"

struct site {
	struct arena *arena;
	struct bridge *bridge;
	uint16_t port;
};
/* Options with which every test starts: docs, a service token, localhost:3000 as origin, 10.0.0.0/8 and loopback as proxies. */
struct bridge_options site_options(void);
void site_start(struct site *site, const struct bridge_options *options);
void site_stop(struct site *site);

/* One request on a connection of its own, with "Host: x" and what `headers` adds (each line with CR LF); a body gets its length. */
struct http_answer site_ask(struct site *site, const char *method, const char *target, const char *headers,
                            const char *body);
/* The same in two halves: send, then the test answers the call, then read and close. */
void site_send(struct site *site, struct http_client *client, const char *method, const char *target,
               const char *headers, const char *body);
struct http_answer site_finish(struct site *site, struct http_client *client);
bool has_text(struct str text, const char *part);

/* Opens GET /api/v1/plans/stream?task_id=t1 and answers its call with this reply; *out_reader is NULL if none is expected. */
void site_open_stream(struct site *site, struct http_client *client, const char *headers,
                      const Petfood__V1__StreamOpen *open, struct fake_reader **out_reader);

#endif
