/* bridge/route/cors.h: which origins may read our answers (Fetch standard, CORS protocol; CONTRACT 1.9). */
#ifndef PETFOOD_BRIDGE_ROUTE_CORS_H
#define PETFOOD_BRIDGE_ROUTE_CORS_H

#include "store/base/str.h"

struct cors_policy { /* all borrowed */
	const struct str *origins;
	size_t origin_count;
	const struct str *methods;
	size_t method_count;
	const struct str *headers;
	size_t header_count;
	bool allow_credentials;
};

struct cors_answer {
	struct str allow_origin; /* "" = this origin may not */
	bool allow_credentials;  /* never together with "*" */
	bool varies;             /* the answer depends on Origin: caches must know */
};
/* What every answer to a request with this Origin ("" = none) says. */
struct cors_answer cors_decide(const struct cors_policy *policy, struct str origin);

/* Values of a preflight's answer, in the arena; "" = leave the header out. requested_headers: Access-Control-Request-Headers. */
struct str cors_allow_methods(struct arena *arena, const struct cors_policy *policy);
struct str cors_allow_headers(struct arena *arena, const struct cors_policy *policy, struct str requested_headers);

/* Our own response headers that scripts may read; spelled out, for "*" does not cover answers with credentials. */
#define CORS_EXPOSED_HEADERS \
	"X-Request-Id, X-Process-Time, Traceparent, Retry-After, RateLimit, RateLimit-Policy, Allow"
enum { CORS_MAX_AGE_S = 600 };

#endif
