/* Custom options are extensions, which protobuf-c keeps as unknown fields of the options message. */
#include <string.h>

#include "tools/protogen/model.h"

static void *give(void *arena, size_t size) { return arena_alloc(arena, size); }
static void keep(void *arena, void *pointer) { (void)arena, (void)pointer; }

ProtobufCAllocator arena_allocator(struct arena *arena) { return (ProtobufCAllocator){ give, keep, arena }; }

static bool varint(const uint8_t *data, size_t len, uint64_t *out_value, size_t *out_used)
{
	uint64_t value = 0;
	for (size_t i = 0; i < len && i < 10; i++) {
		value |= (uint64_t)(data[i] & 0x7f) << (7 * i);
		if (data[i] & 0x80) continue;
		*out_value = value;
		*out_used = i + 1;
		return true;
	}
	return false;
}

static const ProtobufCMessageUnknownField *unknown(const ProtobufCMessage *options, unsigned number,
                                                   ProtobufCWireType type)
{
	for (unsigned i = 0; options && i < options->n_unknown_fields; i++)
		if (options->unknown_fields[i].tag == number && options->unknown_fields[i].wire_type == type)
			return &options->unknown_fields[i];
	return NULL;
}

/* False: the option is not there. */
static bool content(const ProtobufCMessage *options, unsigned number, struct str *out)
{
	const ProtobufCMessageUnknownField *field = unknown(options, number, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
	if (!field) return false;
	uint64_t len;
	size_t head; /* the data still starts with its length */
	if (!varint(field->data, field->len, &len, &head) || len != field->len - head) die("option %u is cut", number);
	*out = (struct str){ (const char *)field->data + head, (size_t)len };
	return true;
}

void *option_message(struct arena *arena, const ProtobufCMessage *options, unsigned number,
                     const ProtobufCMessageDescriptor *descriptor)
{
	struct str packed;
	if (!content(options, number, &packed)) return NULL;
	ProtobufCAllocator allocator = arena_allocator(arena);
	void *message = protobuf_c_message_unpack(descriptor, &allocator, packed.len, (const uint8_t *)packed.ptr);
	if (!message) die("option %u cannot be read", number);
	return message;
}

const char *option_text(struct arena *arena, const ProtobufCMessage *options, unsigned number)
{
	struct str text;
	return content(options, number, &text) ? str_dup_c(arena, text) : NULL;
}

uint64_t option_number(const ProtobufCMessage *options, unsigned number)
{
	const ProtobufCMessageUnknownField *field = unknown(options, number, PROTOBUF_C_WIRE_TYPE_VARINT);
	uint64_t value;
	size_t used;
	return field && varint(field->data, field->len, &value, &used) ? value : 0;
}
