/* rpc/service/common.h: what several handlers do. Private to this folder. */
#ifndef PETFOOD_RPC_SERVICE_COMMON_H
#define PETFOOD_RPC_SERVICE_COMMON_H

#include <petfood/handlers.h>

#include "petfood/v1/pet.pb-c.h"
#include "petfood/v1/plan.pb-c.h"
#include "petfood/v1/task.pb-c.h"
#include "rpc/json/json.h"
#include "rpc/service/services.h"
#include "rpc/wire/call.h"

static inline struct services *services_of(const struct call *call) { return call->services; }
static inline struct str caller_id(const struct call *call) { return str_from(call->caller.user_id); }
static inline char *text_in(struct call *call, struct str s) { return str_dup_c(call->arena, s); }
static inline ProtobufCBinaryData bytes_of(struct str s)
{
	return (ProtobufCBinaryData){ s.len, (uint8_t *)(uintptr_t)s.ptr };
}

/* keyed.c: a handler's part of the idempotency key. Once the reply is filled in, keyed_begin packs it, to be kept with the key;
 * the write gets idem and the two results; then keyed_end puts the reply of the first call in place of this one's, if there was
 * one. */
struct keyed {
	const struct idempotency *idem; /* NULL = the call has no key */
	bool replayed;                  /* nothing was done: it had been before */
	struct str reply;
	struct idempotency kept;
};
MUST_CHECK bool keyed_begin(struct call *call, const ProtobufCMessage *reply, struct keyed *out, struct error *err);
MUST_CHECK bool keyed_end(struct call *call, const struct keyed *keyed, ProtobufCMessage *reply, struct error *err);
/* For a call that is about to be refused before its write, which would have looked for the key: if it repeats one that was carried out,
 * true with the reply of that one, whatever has become of what it needed. Else false, and *err still says why it is refused, or what
 * kept us from looking. */
MUST_CHECK bool keyed_recall(struct call *call, ProtobufCMessage *reply, struct error *err);

/* pet.c: a stored pet of the caller. NOT_FOUND/PET_NOT_FOUND, also for another user's and for a deleted one. */
MUST_CHECK bool pet_read(struct call *call, struct str id, Petfood__V1__Pet *out, struct error *err);

/* Records as messages, for those who show what others own too. The message is initialised, but for pet_from_record, which does it. */
void task_to_message(struct call *call, const struct task *task, Petfood__V1__Task *out); /* task.c */
MUST_CHECK bool pet_from_record(struct call *call, const struct pet_record *record, Petfood__V1__Pet *out,
                                struct error *err);                                      /* pet.c */
MUST_CHECK bool plan_load(struct call *call, struct str id, Petfood__V1__Plan *out, struct error *err); /* plan.c: of the caller */

/* task.c: ends a task of the caller: in the store, where it runs, and for whoever reads its log. lang: the task's. Fails as the store's
 * cancel. */
MUST_CHECK bool task_end(struct call *call, struct str id, struct str lang, struct keyed *keyed, struct error *err);

/* resume.c: unnumbered frames of a progress stream, finished JSON. */
struct str frame_done(struct call *call, struct str task_id);

#endif
