/* rpc/service/common.h: what several handlers do. Private to this folder. */
#ifndef PETFOOD_RPC_SERVICE_COMMON_H
#define PETFOOD_RPC_SERVICE_COMMON_H

#include <petfood/handlers.h>

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

/* resume.c: unnumbered frames of a progress stream, finished JSON. */
struct str frame_done(struct call *call, struct str task_id);

#endif
