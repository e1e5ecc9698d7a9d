#include "rpc/wire/unpack.h"

#include <string.h>

/* A list of very short texts takes about fifteen times its size, the unpacker's own notes included; a list of ids four times. Large
 * messages are large because of single fields, and those are copied once. */
enum { BUDGET_FACTOR = 24, BUDGET_FLOOR = 64 * 1024, BUDGET_CAP = 32 * 1024 * 1024 };

static size_t budget_for(size_t len)
{
	size_t wide = len * BUDGET_FACTOR + BUDGET_FLOOR;
	return wide < BUDGET_CAP ? wide : BUDGET_CAP + 2 * len;
}

static void *budget_alloc(void *arena, size_t size) { return arena_try_alloc(arena, size); }
static void budget_free(void *arena, void *pointer)
{
	(void)arena;
	(void)pointer;
}

static bool read_varint(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
		uint8_t byte = *(*at)++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*out = value;
			return true;
		}
	}
	return false;
}

/* Walks the bytes by the descriptor without keeping anything. What it does not understand is left to the unpacker. */
static const char *scan(const ProtobufCMessageDescriptor *descriptor, const uint8_t *at, const uint8_t *end, int depth)
{
	if (depth > UNPACK_DEPTH_MAX) return "nested too deep";
	while (at < end) {
		uint64_t tag, len;
		if (!read_varint(&at, end, &tag)) return "tag";
		/* protobuf-c takes field 0 when it is written in two bytes, and then packs what it refuses to unpack. */
		if (tag >> 3 == 0 || tag > UINT32_MAX) return "field number";
		switch (tag & 7) {
		case PROTOBUF_C_WIRE_TYPE_VARINT:
			if (!read_varint(&at, end, &len)) return "number";
			continue;
		case PROTOBUF_C_WIRE_TYPE_64BIT:
			if (end - at < 8) return "cut short";
			at += 8;
			continue;
		case PROTOBUF_C_WIRE_TYPE_32BIT:
			if (end - at < 4) return "cut short";
			at += 4;
			continue;
		case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED: break;
		default: return "wire type";
		}
		if (!read_varint(&at, end, &len) || len > (uint64_t)(end - at)) return "cut short";
		const ProtobufCFieldDescriptor *field =
		    protobuf_c_message_descriptor_get_field(descriptor, (unsigned)(tag >> 3));
		if (field && field->type == PROTOBUF_C_TYPE_STRING && len && memchr(at, 0, (size_t)len))
			return "NUL in a text";
		if (field && field->type == PROTOBUF_C_TYPE_MESSAGE) {
			const char *why = scan(field->descriptor, at, at + len, depth + 1);
			if (why) return why;
		}
		at += len;
	}
	return NULL;
}

ProtobufCMessage *message_unpack(struct arena *arena, const ProtobufCMessageDescriptor *descriptor, struct str bytes,
                                 struct error *err)
{
	const uint8_t *data = (const uint8_t *)(bytes.ptr ? bytes.ptr : "");
	const char *why = scan(descriptor, data, data + bytes.len, 0);
	ProtobufCMessage *message = NULL;
	if (!why) {
		ProtobufCAllocator allocator = { budget_alloc, budget_free, arena };
		arena_set_budget(arena, budget_for(bytes.len));
		message = protobuf_c_message_unpack(descriptor, &allocator, bytes.len, data);
		arena_set_budget(arena, 0);
		if (!message) why = "wrong types or out of budget";
	}
	if (!message)
		error_set(err, RPC_INVALID_ARGUMENT, "MESSAGE_MALFORMED", "%s of %zu bytes: %s", descriptor->name,
		          bytes.len, why);
	return message;
}

bool message_pack(struct arena *arena, const ProtobufCMessage *message, struct str *out, struct error *err)
{
	if (!protobuf_c_message_check(message))
		return error_set(err, RPC_INTERNAL, "INTERNAL", "%s has a hole and cannot be packed",
		                 message->descriptor->name);
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *bytes = arena_alloc(arena, size);
	protobuf_c_message_pack(message, bytes);
	*out = (struct str){ (const char *)bytes, size };
	return true;
}
