/* Messages to JSON. Prints what handlers filled in, but also what was unpacked, so nothing in a message is taken on trust:
 * NULL strings, unknown enum numbers and impossible instants have a printed form. */
#include <inttypes.h>
#include <string.h>

#include "rpc/json/json.h"
#include "rpc/json/value.h"
#include "store/base/time.h"

enum { NANOS_PER_US = 1000, US_PER_S = 1000000, NANOS_PER_S = 1000000000 };
/* 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, the bounds of google.protobuf.Timestamp */
#define SECONDS_MIN (-62135596800)
#define SECONDS_MAX 253402300799

void json_timestamp_init(Google__Protobuf__Timestamp *t, int64_t at_us)
{
	google__protobuf__timestamp__init(t);
	int64_t rest = at_us % US_PER_S; /* nanos count forward also before 1970 */
	if (rest < 0) rest += US_PER_S;
	t->seconds = (at_us - rest) / US_PER_S;
	t->nanos = (int32_t)rest * NANOS_PER_US;
}

Google__Protobuf__Timestamp *json_timestamp(struct arena *arena, int64_t at_us)
{
	if (at_us == 0) return NULL;
	Google__Protobuf__Timestamp *t = arena_new(arena, Google__Protobuf__Timestamp);
	json_timestamp_init(t, at_us);
	return t;
}

bool json_timestamp_us(const Google__Protobuf__Timestamp *t, int64_t *out_at_us)
{
	if (t->seconds < SECONDS_MIN || t->seconds > SECONDS_MAX || t->nanos < 0 || t->nanos >= NANOS_PER_S)
		return false;
	*out_at_us = t->seconds * US_PER_S + t->nanos / NANOS_PER_US;
	return true;
}

static void print_base64(struct strbuf *out, const ProtobufCBinaryData *bytes)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	strbuf_reserve(out, bytes->len / 3 * 4 + 6);
	strbuf_add_char(out, '"');
	for (size_t i = 0; i < bytes->len; i += 3) {
		size_t left = bytes->len - i;
		uint32_t three = (uint32_t)bytes->data[i] << 16;
		if (left > 1) three |= (uint32_t)bytes->data[i + 1] << 8;
		if (left > 2) three |= bytes->data[i + 2];
		char four[4] = { digits[three >> 18], digits[three >> 12 & 63],
			         left > 1 ? digits[three >> 6 & 63] : '=', left > 2 ? digits[three & 63] : '=' };
		strbuf_add(out, four, sizeof four);
	}
	strbuf_add_char(out, '"');
}

static void print_message(struct strbuf *out, const struct message_side *side, const ProtobufCMessage *message,
                          int depth);
static void print_field(struct strbuf *out, const struct field_side *field, const ProtobufCMessage *message, int depth);

/* One value at `at`: of a singular field, an item, or a map's key or value. */
static void print_value(struct strbuf *out, const struct field_side *field, const void *at, int depth)
{
	switch (field->field->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32: strbuf_printf(out, "%" PRId32, *(const int32_t *)at); break;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32: strbuf_printf(out, "%" PRIu32, *(const uint32_t *)at); break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64: strbuf_printf(out, "%" PRId64, *(const int64_t *)at); break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64: strbuf_printf(out, "%" PRIu64, *(const uint64_t *)at); break;
	case PROTOBUF_C_TYPE_FLOAT: json_print_float(out, *(const float *)at); break;
	case PROTOBUF_C_TYPE_DOUBLE: json_print_double(out, *(const double *)at); break;
	case PROTOBUF_C_TYPE_BOOL: strbuf_add_cstr(out, *(const protobuf_c_boolean *)at ? "true" : "false"); break;
	case PROTOBUF_C_TYPE_ENUM: {
		const char *name = enum_json_name(field->enumeration, *(const int *)at);
		if (name)
			json_print_string(out, str_from(name));
		else
			strbuf_add_cstr(out, "null");
		break;
	}
	case PROTOBUF_C_TYPE_STRING: json_print_string(out, str_from(*(const char *const *)at)); break;
	case PROTOBUF_C_TYPE_BYTES: {
		const ProtobufCBinaryData *bytes = at;
		if (!field->raw_json)
			print_base64(out, bytes);
		else if (bytes->len)
			strbuf_add(out, bytes->data, bytes->len);
		else
			strbuf_add_cstr(out, "null");
		break;
	}
	case PROTOBUF_C_TYPE_MESSAGE: {
		const ProtobufCMessage *inner = *(const ProtobufCMessage *const *)at;
		int64_t at_us;
		char text[TIME_TEXT_BYTES];
		if (!inner) {
			strbuf_add_cstr(out, "null");
		} else if (field->message && field->message->as_list) {
			print_field(out, &field->message->fields[0], inner, depth + 1);
		} else if (!field->timestamp) {
			print_message(out, field->message, inner, depth + 1);
		} else if (json_timestamp_us((const Google__Protobuf__Timestamp *)inner, &at_us)) {
			time_format(at_us, text);
			json_print_string(out, str_from(text));
		} else {
			strbuf_add_cstr(out, "null");
		}
		break;
	}
	}
}

static void print_map_key(struct strbuf *out, const struct field_side *key, const void *at)
{
	bool quoted = key->field->type == PROTOBUF_C_TYPE_STRING;
	if (!quoted) strbuf_add_char(out, '"');
	print_value(out, key, at, 0);
	if (!quoted) strbuf_add_char(out, '"');
}

static void print_map(struct strbuf *out, const struct field_side *field, ProtobufCMessage *const *entries,
                      size_t count, int depth)
{
	const struct field_side *key = &field->message->fields[0], *value = &field->message->fields[1];
	strbuf_add_char(out, '{');
	for (size_t i = 0; i < count; i++) {
		const char *entry = (const char *)entries[i];
		if (i) strbuf_add_char(out, ',');
		print_map_key(out, key, entry + key->field->offset);
		strbuf_add_char(out, ':');
		print_value(out, value, entry + value->field->offset, depth + 1);
	}
	strbuf_add_char(out, '}');
}

/* Nothing to print: unset, the enum's zero, no document. */
static bool is_nothing(const struct field_side *field, const ProtobufCMessage *message)
{
	const char *at = (const char *)message + field->field->offset;
	if (!field_is_set(field, message)) return true;
	if (field->presence == FIELD_REPEATED || field->presence == FIELD_MAP) return false;
	if (field->enumeration) return enum_json_name(field->enumeration, *(const int *)(const void *)at) == NULL;
	return field->raw_json && ((const ProtobufCBinaryData *)(const void *)at)->len == 0;
}

static void print_field(struct strbuf *out, const struct field_side *field, const ProtobufCMessage *message, int depth)
{
	const char *base = (const char *)message;
	bool list = field->presence == FIELD_REPEATED, map = field->presence == FIELD_MAP;
	if (!list && !map) {
		if (is_nothing(field, message))
			strbuf_add_cstr(out, "null");
		else
			print_value(out, field, base + field->field->offset, depth);
		return;
	}
	size_t count = *(const size_t *)(const void *)(base + field->field->quantifier_offset);
	const char *items = *(const char *const *)(const void *)(base + field->field->offset);
	if (map) {
		print_map(out, field, (ProtobufCMessage *const *)(const void *)items, count, depth);
		return;
	}
	size_t step = value_bytes(field);
	strbuf_add_char(out, '[');
	for (size_t i = 0; i < count; i++) {
		if (i) strbuf_add_char(out, ',');
		print_value(out, field, items + i * step, depth);
	}
	strbuf_add_char(out, ']');
}

static void print_message(struct strbuf *out, const struct message_side *side, const ProtobufCMessage *message,
                          int depth)
{
	if (depth > JSON_DEPTH_MAX) { /* only a recursive message of our own gets here */
		strbuf_add_cstr(out, "null");
		return;
	}
	bool first = true;
	strbuf_add_char(out, '{');
	for (size_t i = 0; i < side->field_count; i++) {
		const struct field_side *field = &side->fields[i];
		if (side->omit_unset && is_nothing(field, message)) continue;
		if (!first) strbuf_add_char(out, ',');
		first = false;
		strbuf_add_char(out, '"');
		strbuf_add_cstr(out, field->field->name);
		strbuf_add_cstr(out, "\":");
		print_field(out, field, message, depth);
	}
	strbuf_add_char(out, '}');
}

void json_print_field(struct strbuf *out, const struct field_side *field, const ProtobufCMessage *message)
{
	print_field(out, field, message, 1);
}

void json_print(struct strbuf *out, const ProtobufCMessage *message)
{
	const struct message_side *side = message_side_of(message->descriptor);
	if (!side) die("json: %s has no table", message->descriptor->name);
	print_message(out, side, message, 1);
}

struct str json_print_arena(struct arena *arena, const ProtobufCMessage *message)
{
	struct strbuf out;
	strbuf_init(&out, arena);
	json_print(&out, message);
	return strbuf_str(&out);
}
