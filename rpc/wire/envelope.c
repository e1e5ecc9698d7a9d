#include "rpc/wire/envelope.h"

#include <string.h>

#include "rpc/wire/unpack.h"

/* The generated structs, borrowing from *envelope. */
struct packing {
	Petfood__Rpc__V1__RpcRequest request;
	Petfood__Rpc__V1__Metadata entries[METADATA_KNOWN];
	Petfood__Rpc__V1__Metadata *list[METADATA_KNOWN];
};

static void packing_init(struct packing *p, const struct envelope *envelope)
{
	petfood__rpc__v1__rpc_request__init(&p->request);
	p->request.call_id.data = (uint8_t *)(uintptr_t)envelope->call_id;
	p->request.call_id.len = CALL_ID_BYTES;
	p->request.method = (char *)(uintptr_t)envelope->method;
	p->request.timeout_ms = envelope->timeout_ms;
	p->request.n_metadata = metadata_write(&envelope->metadata, p->entries);
	for (size_t i = 0; i < p->request.n_metadata; i++) p->list[i] = &p->entries[i];
	p->request.metadata = p->list;
	p->request.payload.data = (uint8_t *)(uintptr_t)envelope->payload.ptr;
	p->request.payload.len = envelope->payload.len;
}

size_t envelope_packed_size(const struct envelope *envelope)
{
	struct packing p;
	packing_init(&p, envelope);
	return petfood__rpc__v1__rpc_request__get_packed_size(&p.request);
}

void envelope_pack(const struct envelope *envelope, uint8_t *out)
{
	struct packing p;
	packing_init(&p, envelope);
	petfood__rpc__v1__rpc_request__pack(&p.request, out);
}

bool envelope_unpack(struct arena *arena, struct str bytes, struct envelope *out, struct error *err)
{
	memset(out, 0, sizeof *out);
	out->method = "";
	const Petfood__Rpc__V1__RpcRequest *request =
	    (const void *)message_unpack(arena, &petfood__rpc__v1__rpc_request__descriptor, bytes, err);
	if (!request) return false;
	if (request->call_id.len != CALL_ID_BYTES)
		return error_set(err, RPC_INVALID_ARGUMENT, "MESSAGE_MALFORMED", "call_id has %zu bytes",
		                 request->call_id.len);
	memcpy(out->call_id, request->call_id.data, CALL_ID_BYTES);
	struct str method = str_from(request->method);
	if (method.len == 0 || method.len > METHOD_NAME_BYTES_MAX || !str_is_utf8(method))
		return error_set(err, RPC_INVALID_ARGUMENT, "MESSAGE_MALFORMED", "method name of %zu bytes",
		                 method.len);
	out->method = request->method;
	out->timeout_ms = request->timeout_ms;
	out->payload = (struct str){ (const char *)request->payload.data, request->payload.len };
	return metadata_read(request->n_metadata, request->metadata, &out->metadata, err);
}

Petfood__Rpc__V1__RpcReply *envelope_unpack_reply(struct arena *arena, struct str bytes, struct error *err)
{
	Petfood__Rpc__V1__RpcReply *reply =
	    (void *)message_unpack(arena, &petfood__rpc__v1__rpc_reply__descriptor, bytes, err);
	if (!reply) return NULL;
	if (reply->status && reply->status->code < RPC_CODE_COUNT) return reply;
	error_set(err, RPC_INVALID_ARGUMENT, "MESSAGE_MALFORMED", "a reply without a status that is one");
	return NULL;
}
