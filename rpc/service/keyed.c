/* The idempotency key of a call, for the write that carries the call out (store/api/idempotency.h). */
#include <string.h>

#include "rpc/service/common.h"
#include "rpc/wire/unpack.h"

/* False: the call has no key. */
static bool key_of(const struct call *call, struct keyed *out)
{
	*out = (struct keyed){ 0 };
	if (call->idempotency_key.len == 0) return false;
	out->kept = (struct idempotency){ .user_id = caller_id(call),
		                          .method = str_from(call->method->name),
		                          .key = call->idempotency_key };
	memcpy(out->kept.request_hash, call->payload_hash, sizeof out->kept.request_hash);
	out->idem = &out->kept;
	return true;
}

bool keyed_begin(struct call *call, const ProtobufCMessage *reply, struct keyed *out, struct error *err)
{
	return !key_of(call, out) || message_pack(call->arena, reply, &out->kept.reply, err);
}

bool keyed_end(struct call *call, const struct keyed *keyed, ProtobufCMessage *reply, struct error *err)
{
	if (!keyed->replayed) return true;
	const ProtobufCMessage *first = message_unpack(call->arena, reply->descriptor, keyed->reply, err);
	if (!first) return false;
	memcpy(reply, first, reply->descriptor->sizeof_message);
	return true;
}

bool keyed_recall(struct call *call, ProtobufCMessage *reply, struct error *err)
{
	const struct store *store = services_of(call)->store;
	struct keyed keyed;
	struct error why;
	if (!key_of(call, &keyed)) return false;
	if (!store->replay(store->self, keyed.idem, call->arena, &keyed.replayed, &keyed.reply, &why)) {
		*err = why;
		return false;
	}
	if (!keyed.replayed) return false;
	error_clear(err);
	return keyed_end(call, &keyed, reply, err);
}
