/* The idempotency key of a call, for the write that carries the call out (store/api/idempotency.h). */
#include <string.h>

#include "rpc/service/common.h"
#include "rpc/wire/unpack.h"

bool keyed_begin(struct call *call, const ProtobufCMessage *reply, struct keyed *out, struct error *err)
{
	*out = (struct keyed){ 0 };
	if (call->idempotency_key.len == 0) return true;
	out->kept = (struct idempotency){ .user_id = caller_id(call),
		                          .method = str_from(call->method->name),
		                          .key = call->idempotency_key };
	memcpy(out->kept.request_hash, call->payload_hash, sizeof out->kept.request_hash);
	out->idem = &out->kept;
	return message_pack(call->arena, reply, &out->kept.reply, err);
}

bool keyed_end(struct call *call, const struct keyed *keyed, ProtobufCMessage *reply, struct error *err)
{
	if (!keyed->replayed) return true;
	const ProtobufCMessage *first = message_unpack(call->arena, reply->descriptor, keyed->reply, err);
	if (!first) return false;
	memcpy(reply, first, reply->descriptor->sizeof_message);
	return true;
}
