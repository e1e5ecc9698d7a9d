/* rpc/wire/envelope.h: the two messages that every call consists of. Contract: proto/petfood/rpc/v1/envelope.proto. */
#ifndef PETFOOD_RPC_WIRE_ENVELOPE_H
#define PETFOOD_RPC_WIRE_ENVELOPE_H

#include "rpc/wire/metadata.h"

enum {
	CALL_ID_BYTES = 16,
	METHOD_NAME_BYTES_MAX = 200,
	CALL_TIMEOUT_MS_DEFAULT = 10 * 1000,
	CALL_TIMEOUT_MS_MAX = 10 * 60 * 1000, /* a longer wish is cut to this */
};
#define RPC_METHOD_CANCEL "petfood.rpc.v1.CallService/Cancel"
#define RPC_METHOD_PING "petfood.rpc.v1.CallService/Ping"

struct envelope {
	unsigned char call_id[CALL_ID_BYTES];
	const char *method;    /* NUL-terminated */
	uint32_t timeout_ms;   /* 0 = the method's default */
	struct rpc_metadata metadata;
	struct str payload;    /* packed request */
};

size_t envelope_packed_size(const struct envelope *envelope);
void envelope_pack(const struct envelope *envelope, uint8_t *out);
/* Texts of *out lie in the arena. Once the call id is known out->call_id is filled, also on failure. Fails: INVALID_ARGUMENT with
 * MESSAGE_MALFORMED or METADATA_INVALID. */
MUST_CHECK bool envelope_unpack(struct arena *arena, struct str bytes, struct envelope *out, struct error *err);

/* A reply with a status whose code is one of the 17. NULL: INVALID_ARGUMENT/MESSAGE_MALFORMED. */
Petfood__Rpc__V1__RpcReply *envelope_unpack_reply(struct arena *arena, struct str bytes, struct error *err);

#endif
