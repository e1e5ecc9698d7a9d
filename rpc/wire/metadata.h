/* rpc/wire/metadata.h: what travels beside a call's payload. Keys are lower-case ASCII, values printable ASCII unless the key
 * ends in "-bin"; a key occurs once; keys that nobody here reads are let pass. */
#ifndef PETFOOD_RPC_WIRE_METADATA_H
#define PETFOOD_RPC_WIRE_METADATA_H

#include "petfood/rpc/v1/envelope.pb-c.h"
#include "store/base/error.h"
#include "store/base/str.h"

enum {
	METADATA_ENTRIES_MAX = 64,
	METADATA_BYTES_MAX = 64 * 1024, /* keys and values together */
	METADATA_KEY_BYTES_MAX = 64,
	METADATA_VALUE_BYTES_MAX = 8 * 1024,
	IDEMPOTENCY_KEY_BYTES_MAX = 200,
};

/* What goes along with a call. Empty ones are not sent. */
struct rpc_metadata {
	struct str authorization;         /* "Bearer …" of the user */
	struct str service_authorization; /* "Bearer …" of the calling service: makes on_behalf_of and client_address believed */
	struct str on_behalf_of;          /* user id */
	struct str on_behalf_session;     /* of that user: revoking it ends what is done on their behalf */
	struct str accept_language;
	struct str idempotency_key;
	struct str traceparent;
	struct str request_id;
	struct str client_address;
	struct str user_agent;            /* of whoever stands behind the caller */
};
#define RPC_METADATA(X) \
	X(authorization,         "authorization") \
	X(service_authorization, "service-authorization") \
	X(on_behalf_of,          "on-behalf-of") \
	X(on_behalf_session,     "on-behalf-session") \
	X(accept_language,       "accept-language") \
	X(idempotency_key,       "idempotency-key") \
	X(traceparent,           "traceparent") \
	X(request_id,            "request-id") \
	X(client_address,        "client-address") \
	X(user_agent,            "user-agent")
enum { METADATA_KNOWN = 10 };

/* What goes along with an answer, good or bad. Empty ones are not sent. */
struct reply_metadata {
	struct str rate_limit, rate_limit_policy; /* rpc/wire/limiter.h: how the caller stands; "" where nothing is limited */
	struct str user; /* to services: a short hash that tells the user apart in logs; "" of nobody */
};
#define REPLY_METADATA(X) \
	X(rate_limit,            "ratelimit") \
	X(rate_limit_policy,     "ratelimit-policy") \
	X(user,                  "user")
enum { REPLY_METADATA_KNOWN = 3 };

/* Checks every entry and sorts the known ones into *out (borrowing their bytes). Fails: INVALID_ARGUMENT/METADATA_INVALID
 * with the key. */
MUST_CHECK bool metadata_read(size_t count, Petfood__Rpc__V1__Metadata *const *entries, struct rpc_metadata *out,
                              struct error *err);
/* The reverse: fills entries[0..METADATA_KNOWN) borrowing from *metadata; returns how many. */
size_t metadata_write(const struct rpc_metadata *metadata, Petfood__Rpc__V1__Metadata *entries);
/* The same with its own copies of the texts. */
struct rpc_metadata metadata_dup(struct arena *arena, const struct rpc_metadata *metadata);

/* The same three for answers. What cannot be read is nothing: an answer is not worth less for what goes along with it. */
void reply_metadata_read(size_t count, Petfood__Rpc__V1__Metadata *const *entries, struct reply_metadata *out);
size_t reply_metadata_write(const struct reply_metadata *metadata, Petfood__Rpc__V1__Metadata *entries);
struct reply_metadata reply_metadata_dup(struct arena *arena, const struct reply_metadata *metadata);

#endif
