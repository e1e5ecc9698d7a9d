/* rpc/wire/limiter.h: how those who let callers in ask whether one more may pass: the RPC server for calls, the bridge for what it
 * answers by itself. Both name an address alike, so that one limiter counts it once. Every call counts against LIMIT_DEFAULT; one of a
 * method with a class of its own (petfood.LimitClass) against that too, in the same step. */
#ifndef PETFOOD_RPC_WIRE_LIMITER_H
#define PETFOOD_RPC_WIRE_LIMITER_H

#include "rpc/json/tables.h"
#include "store/base/error.h"
#include "store/base/str.h"

struct limit_claim {
	enum limit_class limit_class;
	struct str key;
};
/* How a caller stands with one class. */
struct limit_standing {
	int64_t times, window_s; /* the policy; times 0 = not asked */
	int64_t left;            /* so many more calls would pass now */
	int64_t wait_s;          /* after which it is one more; rounded up */
};

struct rate_limiter {
	/* Counts one call under each of 1 or 2 claims, or, if one of them has no room, under none; one atomic step. out: one per claim,
	 * written on success and with RATE_LIMITED. Fails: RESOURCE_EXHAUSTED/RATE_LIMITED; else: it cannot tell. */
	bool (*take)(void *self, const struct limit_claim *claims, size_t count, struct limit_standing *out,
	             struct error *err);
	void *self;
	/* Asked instead of one that cannot tell; NULL: the call passes. Limits fail open (DESIGN 7). */
	const struct rate_limiter *fallback;
};

/* What a caller is told of all that was asked on the way of one call: per class the standing that binds most. All zero = nothing. */
struct limit_note {
	struct limit_standing of[LIMIT_CLASSES];
};

/* Whether one more call of that class may pass for that key; what is learnt goes into *note. limiter may be NULL: nothing is limited.
 * Fails: RESOURCE_EXHAUSTED/RATE_LIMITED with limit, window (seconds), retry_after: whole seconds after which, going by the whole note,
 * one call passes. */
MUST_CHECK bool limiter_take(const struct rate_limiter *limiter, enum limit_class limit_class, struct str key,
                             struct limit_note *note, struct error *err);

/* The fields RateLimit-Policy and RateLimit of draft-ietf-httpapi-ratelimit-headers-10 (structured fields, RFC 9651), one member per
 * class that was asked: "default";q=100;w=60 and "default";r=99;t=60. r: calls that would pass now; t: seconds until it is one
 * more. In the arena; "" of an empty note. */
struct str limit_note_policy(struct arena *arena, const struct limit_note *note);
struct str limit_note_state(struct arena *arena, const struct limit_note *note);

enum { LIMITER_KEY_BYTES = 64 };
/* "address:192.0.2.1", also of ::ffff:192.0.2.1; of another IPv6 address its /64, which one host owns whole and could walk through.
 * What is no address is kept as it is, cut to fit. */
void limiter_address_key(struct str address, char out[LIMITER_KEY_BYTES]);

#endif
