/* rpc/wire/limiter.h: how those who let callers in ask whether one more may pass: the RPC server for calls, the bridge for what it
 * answers by itself. Both name an address alike, so that one limiter counts it once. */
#ifndef PETFOOD_RPC_WIRE_LIMITER_H
#define PETFOOD_RPC_WIRE_LIMITER_H

#include "store/base/error.h"
#include "store/base/str.h"

/* Decides whether one more call of `key` may pass now; store down: implementation's choice (DESIGN 7). Fails: RESOURCE_EXHAUSTED/
 * RATE_LIMITED with retry_after, limit, window. */
struct rate_limiter {
	bool (*allow)(void *self, struct str key, struct error *err);
	void *self;
};

enum { LIMITER_KEY_BYTES = 64 };
/* "address:192.0.2.1"; of an IPv6 address its /64, which one host owns whole and could walk through. What is no address is kept as
 * it is, cut to fit. */
void limiter_address_key(struct str address, char out[LIMITER_KEY_BYTES]);

#endif
