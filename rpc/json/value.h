/* rpc/json/value.h: what the parser and the printer share about the memory layout of protobuf-c messages. */
#ifndef PETFOOD_RPC_JSON_VALUE_H
#define PETFOOD_RPC_JSON_VALUE_H

#include "rpc/json/tables.h"

/* Bytes of one value of the field: of the member itself, or of one item of a repeated field. */
static inline size_t json_value_bytes(const struct field_side *field)
{
	switch (field->field->type) {
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64: return sizeof(int64_t);
	case PROTOBUF_C_TYPE_DOUBLE: return sizeof(double);
	case PROTOBUF_C_TYPE_BOOL: return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_STRING: return sizeof(char *);
	case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
	default: return sizeof(int32_t); /* 32-bit numbers, float, enum */
	}
}

#endif
