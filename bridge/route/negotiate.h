/* bridge/route/negotiate.h: what single request headers say. Every text is borrowed; an empty one stands for a header that is not
 * there. Nothing here trusts its input. */
#ifndef PETFOOD_BRIDGE_ROUTE_NEGOTIATE_H
#define PETFOOD_BRIDGE_ROUTE_NEGOTIATE_H

#include "store/base/str.h"

/* How much Accept likes a type ("application/json"): 0 = not at all, 1 = most. The most specific range decides (RFC 9110,
 * 12.5.1). No header or no range that can be read: 1. */
double accept_quality(struct str accept, struct str type);
/* Whether gzip may be used: named, or "*", with a quality above 0. */
bool accept_gzip(struct str accept_encoding);
/* Whether a Content-Type names this type, whatever its parameters. */
bool content_type_is(struct str content_type, struct str type);

/* The token of "Bearer TOKEN" (scheme in any case). False: no such credentials. */
bool bearer_token(struct str authorization, struct str *out_token);
/* 1..max_bytes bytes of printable ASCII without space at the ends: fit to travel as metadata. */
bool is_plain_value(struct str value, size_t max_bytes);

enum { TRACEPARENT_BYTES = 56, REQUEST_ID_BYTES_MAX = 128 };
/* W3C Trace Context, level 1: a valid one keeps trace id and flags and gets a span id of ours (true); otherwise a fresh one. */
bool traceparent_continue(struct str received, char out[TRACEPARENT_BYTES]);
/* 1..128 letters, digits, '-', '_', '.', ':' */
bool request_id_is_valid(struct str id);

/* Whether a Host header ("example.com:8000", "[::1]:8000") is in the list: "*", exact names, "*.example.com" (any depth
 * below). An empty list allows all. */
bool host_is_allowed(const struct str *allowed, size_t count, struct str host);

#endif
