/* rpc/wire/call.h: one call as its handler sees it. Made by the server for each request; everything in it lives until the
 * reply has left. */
#ifndef PETFOOD_RPC_WIRE_CALL_H
#define PETFOOD_RPC_WIRE_CALL_H

#include <stdatomic.h>

#include "rpc/json/tables.h"
#include "rpc/wire/reason.h"
#include "store/base/arena.h"
#include "store/base/time.h"

enum principal_kind { PRINCIPAL_NONE, PRINCIPAL_USER, PRINCIPAL_SERVICE };

/* Who calls. A service that names on-behalf-of is PRINCIPAL_USER with `service` set. */
struct principal {
	enum principal_kind kind;
	char user_id[40];      /* "" unless PRINCIPAL_USER */
	char username[160];
	char session_id[40];   /* "" if the token names none */
	char service[40];      /* name of the service identity, "" if none */
	int64_t expires_at_us; /* of the token */
};

struct call {
	const struct method_side *method;
	struct arena *arena;          /* what the reply points to lives here */
	unsigned char id[16];
	int64_t deadline_ms;          /* time_monotonic_ms() */
	const struct clock *clock;
	struct principal caller;
	enum lang lang;
	struct str idempotency_key;   /* "" = none; 1..200 printable ASCII characters */
	unsigned char payload_hash[32]; /* of the packed request, for the idempotency key */
	struct str request_id, traceparent;
	struct str client_address;    /* "" = unknown */
	struct str user_agent;        /* as the caller calls itself; "" = unknown */
	void *services;               /* what main wired: struct services of rpc/service */
	const atomic_bool *cancelled; /* look at it in long handlers */
	bool last_try;                /* POOL_PARKED: time is up, answer with what there is */
	struct call_parking *parking; /* the server's */
};

/* What a method does. request is the unpacked and validated message of method->request; reply is an initialised message of
 * method->reply to fill from call->arena. */
typedef bool (*rpc_handler)(struct call *call, const void *request, void *reply, struct error *err);
/* One per row of method_table; written by tools/protogen as petfood/handlers.c, which declares
 * `bool plan_service_get_plan(struct call *, const void *, void *, struct error *)` and so on. */
extern const rpc_handler handler_table[];

/* For POOL_PARKED methods. First names the key that the call waits for, then looks; if there is nothing, returns call_wait(): the
 * context is parked, no thread is held, and the handler runs again from the start with a fresh reply once the key is woken,
 * and a last time with last_try when wait_ms is over. A wake between call_watch and call_wait is not lost. */
void call_watch(struct call *call, struct str key);
bool call_wait(struct call *call, uint32_t wait_ms, struct error *err);

#endif
