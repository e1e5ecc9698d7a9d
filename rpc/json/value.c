#include "rpc/json/value.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/json/json.h"
#include "store/base/time.h"

enum { LIST_FIRST = 4 };        /* room of a list's first allocation; doubled whenever it is full */
enum { NUMBER_TEXT_MAX = 400 }; /* no double needs more digits to be told from its neighbours */

/* --- where values lie --- */

size_t value_bytes(const struct field_side *field)
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

void *value_at(const struct field_side *field, ProtobufCMessage *message)
{
	return (char *)message + field->field->offset;
}

static uint32_t *value_case(const struct field_side *field, const ProtobufCMessage *message)
{
	bool has_case = field->presence == FIELD_OPTIONAL || field->presence == FIELD_ONEOF;
	return has_case ? (uint32_t *)(void *)((char *)message + field->field->quantifier_offset) : NULL;
}

void value_set(const struct field_side *field, ProtobufCMessage *message)
{
	uint32_t *which = value_case(field, message);
	if (which) *which = field->field->id;
}

bool value_oneof_taken(const struct field_side *field, const ProtobufCMessage *message)
{
	const uint32_t *which = value_case(field, message);
	return which && *which != 0 && *which != field->field->id;
}

static size_t *item_count(const struct field_side *field, ProtobufCMessage *message)
{
	return (size_t *)(void *)((char *)message + field->field->quantifier_offset);
}

void *value_append(struct arena *arena, const struct field_side *field, ProtobufCMessage *message)
{
	char **items = value_at(field, message);
	size_t count = *item_count(field, message), step = value_bytes(field);
	if (count == 0 || (count >= LIST_FIRST && (count & (count - 1)) == 0)) {
		char *grown = arena_try_alloc(arena, (count ? count * 2 : LIST_FIRST) * step);
		if (!grown) return NULL;
		if (count) memcpy(grown, *items, count * step);
		*items = grown;
	}
	return *items + count * step;
}

void value_appended(const struct field_side *field, ProtobufCMessage *message) { ++*item_count(field, message); }

bool value_is_number(const struct field_side *field)
{
	switch (field->field->type) {
	case PROTOBUF_C_TYPE_BOOL:
	case PROTOBUF_C_TYPE_ENUM:
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE: return false;
	default: return true;
	}
}

/* --- what is wrong --- */

static enum violation_kind expected(const struct field_side *field)
{
	switch (field->field->type) {
	case PROTOBUF_C_TYPE_DOUBLE:
	case PROTOBUF_C_TYPE_FLOAT: return VIOLATION_NOT_NUMBER;
	case PROTOBUF_C_TYPE_BOOL: return VIOLATION_NOT_BOOL;
	case PROTOBUF_C_TYPE_ENUM:
	case PROTOBUF_C_TYPE_STRING: return VIOLATION_NOT_TEXT;
	case PROTOBUF_C_TYPE_BYTES: return field->raw_json ? VIOLATION_NEVER_TEXT : VIOLATION_NOT_BASE64;
	case PROTOBUF_C_TYPE_MESSAGE: return field->timestamp ? VIOLATION_NOT_TIME : VIOLATION_NOT_OBJECT;
	default: return VIOLATION_NOT_WHOLE;
	}
}

void value_violation(struct error *err, enum lang lang, const char *path, enum value_fault fault,
                     const struct field_side *field)
{
	enum violation_kind kind = VIOLATION_TOO_MUCH;
	switch (fault) {
	case VALUE_OK: return;
	case VALUE_TYPE: kind = expected(field); break;
	case VALUE_ENUM: violation_add_enum(err, lang, path, field->enumeration); return;
	case VALUE_RANGE: kind = VIOLATION_OUT_OF_RANGE; break;
	case VALUE_UTF8: kind = VIOLATION_BAD_TEXT; break;
	case VALUE_TIMESTAMP: kind = VIOLATION_BAD_TIME; break;
	case VALUE_DUPLICATE: kind = VIOLATION_DUPLICATE; break;
	case VALUE_ONEOF: kind = VIOLATION_EXCLUDED; break;
	case VALUE_TOO_LARGE: break;
	}
	violation_add(err, lang, path, kind, "");
}

/* --- numbers --- */

static size_t digit_run(struct str s, size_t from)
{
	size_t n = 0;
	while (from + n < s.len && s.ptr[from + n] >= '0' && s.ptr[from + n] <= '9') n++;
	return n;
}

size_t number_bytes(struct str s)
{
	size_t at = s.len && s.ptr[0] == '-';
	size_t whole = digit_run(s, at);
	if (whole == 0) return 0;
	at += s.ptr[at] == '0' ? 1 : whole;
	if (at < s.len && s.ptr[at] == '.') {
		size_t fraction = digit_run(s, at + 1);
		if (fraction == 0) return 0;
		at += 1 + fraction;
	}
	if (at < s.len && (s.ptr[at] == 'e' || s.ptr[at] == 'E')) {
		size_t sign = at + 1 < s.len && (s.ptr[at + 1] == '+' || s.ptr[at + 1] == '-');
		size_t exponent = digit_run(s, at + 1 + sign);
		if (exponent == 0) return 0;
		at += 1 + sign + exponent;
	}
	return at;
}

static bool shift(uint64_t *value, size_t zeros)
{
	for (; zeros && *value; zeros--)
		if (__builtin_mul_overflow(*value, 10, value)) return false;
	return true;
}

/* The exact value of a number text, without the detour over a double: 1e2 and 1.0 are whole, 1.5 is not. */
static enum value_fault read_whole(struct str s, bool *out_negative, uint64_t *out_magnitude)
{
	enum { EXPONENT_CAP = 1 << 20 }; /* far beyond any that fits, small enough to add to */
	uint64_t value = 0;
	size_t zeros = 0; /* that may turn out to stand at the end */
	int64_t exponent = 0;
	bool fraction = false;
	size_t i = s.ptr[0] == '-';
	*out_negative = i == 1;
	for (; i < s.len && s.ptr[i] != 'e' && s.ptr[i] != 'E'; i++) {
		if (s.ptr[i] == '.') {
			fraction = true;
			continue;
		}
		if (fraction) exponent--;
		if (s.ptr[i] == '0') {
			zeros++;
			continue;
		}
		if (!shift(&value, zeros + 1) || __builtin_add_overflow(value, (uint64_t)(s.ptr[i] - '0'), &value))
			return VALUE_RANGE;
		zeros = 0;
	}
	*out_magnitude = 0;
	if (value == 0) return VALUE_OK;
	exponent += (int64_t)zeros;
	if (i < s.len) {
		int64_t given = 0;
		bool down = s.ptr[++i] == '-';
		if (s.ptr[i] == '-' || s.ptr[i] == '+') i++;
		for (; i < s.len && given < EXPONENT_CAP; i++) given = given * 10 + (s.ptr[i] - '0');
		exponent += down ? -given : given;
	}
	if (exponent < 0) return VALUE_TYPE;
	if (!shift(&value, (size_t)exponent)) return VALUE_RANGE;
	*out_magnitude = value;
	return VALUE_OK;
}

static bool fits_signed(bool negative, uint64_t magnitude, uint64_t max, int64_t *out)
{
	if (magnitude > max + negative) return false;
	*out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
	return true;
}

static enum value_fault read_real(const struct field_side *field, struct str text, void *at)
{
	char copy[NUMBER_TEXT_MAX + 1];
	if (text.len > NUMBER_TEXT_MAX) return VALUE_RANGE;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	if (field->field->type == PROTOBUF_C_TYPE_FLOAT) {
		float value = strtof(copy, NULL);
		if (!isfinite(value)) return VALUE_RANGE;
		*(float *)at = value;
		return VALUE_OK;
	}
	double value = strtod(copy, NULL);
	if (!isfinite(value)) return VALUE_RANGE;
	*(double *)at = value;
	return VALUE_OK;
}

/* ProtoJSON's names for what is not finite. Whether a field may hold one is a matter of its rules (rpc/wire/validate.c). */
static bool read_special(const struct field_side *field, struct str text, void *at)
{
	double value = str_equal(text, STR("NaN"))         ? (double)NAN
	               : str_equal(text, STR("Infinity"))  ? (double)INFINITY
	               : str_equal(text, STR("-Infinity")) ? (double)-INFINITY
	                                                   : 0;
	if (value == 0) return false;
	if (field->field->type == PROTOBUF_C_TYPE_FLOAT)
		*(float *)at = (float)value;
	else
		*(double *)at = value;
	return true;
}

enum value_fault value_read_number(const struct field_side *field, struct str text, void *at)
{
	ProtobufCType type = field->field->type;
	bool real = type == PROTOBUF_C_TYPE_DOUBLE || type == PROTOBUF_C_TYPE_FLOAT;
	if (real && read_special(field, text, at)) return VALUE_OK;
	if (text.len == 0 || number_bytes(text) != text.len) return VALUE_TYPE;
	if (real) return read_real(field, text, at);
	bool negative;
	uint64_t magnitude;
	int64_t value;
	enum value_fault fault = read_whole(text, &negative, &magnitude);
	if (fault != VALUE_OK) return fault;
	switch (type) {
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		if (magnitude > UINT32_MAX || (negative && magnitude)) return VALUE_RANGE;
		*(uint32_t *)at = (uint32_t)magnitude;
		return VALUE_OK;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		if (negative && magnitude) return VALUE_RANGE;
		*(uint64_t *)at = magnitude;
		return VALUE_OK;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		if (!fits_signed(negative, magnitude, INT64_MAX, &value)) return VALUE_RANGE;
		*(int64_t *)at = value;
		return VALUE_OK;
	default: /* the 32-bit signed ones, and an enum given as a number */
		if (!fits_signed(negative, magnitude, INT32_MAX, &value)) return VALUE_RANGE;
		*(int32_t *)at = (int32_t)value;
		return VALUE_OK;
	}
}

/* --- texts --- */

static enum value_fault set_enum(const struct field_side *field, int32_t number, void *at)
{
	if (!enum_json_name(field->enumeration, number)) return VALUE_ENUM;
	*(int32_t *)at = number;
	return VALUE_OK;
}

enum value_fault value_read_enum_name(const struct field_side *field, struct str text, void *at)
{
	int number;
	return enum_by_name(field->enumeration, text, &number) ? set_enum(field, number, at) : VALUE_ENUM;
}

enum value_fault value_read_enum_number(const struct field_side *field, struct str text, void *at)
{
	int32_t number;
	return value_read_number(field, text, &number) == VALUE_OK ? set_enum(field, number, at) : VALUE_ENUM;
}

enum value_fault value_read_string(struct arena *arena, struct str text, void *at)
{
	char *copy = arena_try_alloc(arena, text.len + 1);
	if (!copy) return VALUE_TOO_LARGE;
	if (text.len) memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	*(char **)at = copy;
	return VALUE_OK;
}

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z') return c - 'A';
	if (c >= 'a' && c <= 'z') return c - 'a' + 26;
	if (c >= '0' && c <= '9') return c - '0' + 52;
	if (c == '+' || c == '-') return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

enum value_fault value_read_base64(struct arena *arena, struct str text, void *at)
{
	if (text.len % 4 == 0) /* padding is right or absent */
		for (int i = 0; i < 2 && text.len && text.ptr[text.len - 1] == '='; i++) text.len--;
	if (text.len % 4 == 1) return VALUE_TYPE;
	ProtobufCBinaryData bytes = { .len = text.len / 4 * 3 + (text.len % 4 ? text.len % 4 - 1 : 0) };
	bytes.data = arena_try_alloc(arena, bytes.len);
	if (!bytes.data) return VALUE_TOO_LARGE;
	uint32_t bits = 0;
	size_t done = 0;
	for (size_t i = 0; i < text.len; i++) {
		int digit = base64_digit(text.ptr[i]);
		if (digit < 0) return VALUE_TYPE;
		bits = bits << 6 | (uint32_t)digit;
		if (i % 4 != 0) bytes.data[done++] = (uint8_t)(bits >> (2 * (3 - i % 4)));
	}
	*(ProtobufCBinaryData *)at = bytes;
	return VALUE_OK;
}

enum value_fault value_read_timestamp(struct arena *arena, struct str text, void *at)
{
	int64_t at_us;
	if (!time_parse(text, &at_us)) return VALUE_TIMESTAMP;
	Google__Protobuf__Timestamp *t = arena_try_alloc(arena, sizeof *t);
	if (!t) return VALUE_TOO_LARGE;
	json_timestamp_init(t, at_us);
	int64_t back;
	if (!json_timestamp_us(t, &back)) return VALUE_TIMESTAMP; /* its offset moved it out of the years 1..9999 */
	*(Google__Protobuf__Timestamp **)at = t;
	return VALUE_OK;
}
