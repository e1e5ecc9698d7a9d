/* rpc/wire/unpack.h: protobuf messages from bytes that nobody vouches for, into an arena. Beyond protobuf-c's own checks:
 * bounded nesting, no NUL inside texts (its runtime would cut them there), and a budget, because a megabyte of empty
 * submessages unpacks to thirty. */
#ifndef PETFOOD_RPC_WIRE_UNPACK_H
#define PETFOOD_RPC_WIRE_UNPACK_H

#include <protobuf-c/protobuf-c.h>

#include "store/base/error.h"
#include "store/base/str.h"

enum { UNPACK_DEPTH_MAX = 32 };

/* NULL on failure: INVALID_ARGUMENT/MESSAGE_MALFORMED. Bytes are copied; nothing of the result points into `bytes`. */
ProtobufCMessage *message_unpack(struct arena *arena, const ProtobufCMessageDescriptor *descriptor, struct str bytes,
                                 struct error *err);

/* Packed into the arena. Fails: INTERNAL, if a handler left a hole (NULL in a list) that the packer would fall into. */
MUST_CHECK bool message_pack(struct arena *arena, const ProtobufCMessage *message, struct str *out, struct error *err);

#endif
