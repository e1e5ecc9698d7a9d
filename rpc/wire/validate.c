#include "rpc/wire/validate.h"

#include <google/protobuf/timestamp.pb-c.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rpc/json/violation.h"

enum { PATH_BYTES = sizeof(((struct violation *)0)->field), DEPTH_MAX = 32 };
enum { /* CONTRACT 2.4; 72 bytes are what bcrypt looks at */
	USERNAME_CHARS_MIN = 3,
	USERNAME_CHARS_MAX = 50,
	PASSWORD_CHARS_MIN = 6,
	PASSWORD_BYTES_MAX = 72,
	CODE_DIGITS_MIN = 4,
	CODE_DIGITS_MAX = 8,
	PHONE_DIGITS = 11,
};
#define TIMESTAMP_SECONDS_MIN (-62135596800LL) /* 0001-01-01T00:00:00Z */
#define TIMESTAMP_SECONDS_MAX 253402300799LL   /* 9999-12-31T23:59:59Z */

struct checking {
	enum lang lang;
	struct error *err;
	bool ok;
	char path[PATH_BYTES]; /* of the field at hand; cut if it does not fit */
	size_t path_len;
};

static void violated(struct checking *c, enum violation_kind kind, const char *value)
{
	c->ok = violation_add(c->err, c->lang, c->path, kind, value);
}

static void violated_count(struct checking *c, enum violation_kind kind, uint64_t limit)
{
	char text[24];
	(void)snprintf(text, sizeof text, "%" PRIu64, limit);
	violated(c, kind, text);
}

static void violated_number(struct checking *c, enum violation_kind kind, double limit)
{
	char text[32];
	(void)snprintf(text, sizeof text, "%.10g", limit);
	violated(c, kind, text);
}

static size_t path_push(struct checking *c, const char *name)
{
	size_t before = c->path_len;
	int n = snprintf(c->path + before, sizeof c->path - before, "%s%s", before ? "." : "", name);
	c->path_len = before + (size_t)n < sizeof c->path ? before + (size_t)n : sizeof c->path - 1;
	return before;
}

static size_t path_push_index(struct checking *c, size_t index)
{
	size_t before = c->path_len;
	int n = snprintf(c->path + before, sizeof c->path - before, ".%zu", index);
	c->path_len = before + (size_t)n < sizeof c->path ? before + (size_t)n : sizeof c->path - 1;
	return before;
}

static void path_pop(struct checking *c, size_t before)
{
	c->path_len = before;
	c->path[before] = '\0';
}

static bool is_username_length(struct str s)
{
	size_t chars = str_utf8_length(s);
	return chars >= USERNAME_CHARS_MIN && chars <= USERNAME_CHARS_MAX;
}

/* Of well-formed text. */
static void check_form(struct checking *c, enum text_form form, struct str text)
{
	struct str bare = str_trim(text);
	switch (form) {
	case TEXT_FREE: break;
	case TEXT_UUID:
		if (!text_is_uuid(text)) violated(c, VIOLATION_NOT_UUID, "");
		break;
	case TEXT_EMAIL:
		if (!text_is_email(bare)) violated(c, VIOLATION_NOT_EMAIL, "");
		break;
	case TEXT_USERNAME: /* with and without what stands around it */
		if (!is_username_length(text) || !is_username_length(bare)) violated(c, VIOLATION_USERNAME_LENGTH, "");
		else if (!text_is_username(bare)) violated(c, VIOLATION_NOT_USERNAME, "");
		break;
	case TEXT_PASSWORD:
		if (str_utf8_length(text) < PASSWORD_CHARS_MIN) violated_count(c, VIOLATION_TOO_SHORT, PASSWORD_CHARS_MIN);
		else if (text.len > PASSWORD_BYTES_MAX) violated(c, VIOLATION_PASSWORD_LONG, "");
		break;
	case TEXT_CODE: /* how many of them is configured, so the service says the rest */
		if (!text_is_digits(text, CODE_DIGITS_MIN, CODE_DIGITS_MAX)) violated(c, VIOLATION_NOT_CODE, "4-8");
		break;
	case TEXT_PHONE:
		if (!text_is_digits(text, PHONE_DIGITS, PHONE_DIGITS)) violated(c, VIOLATION_NOT_PHONE, "");
		break;
	}
}

static void check_text(struct checking *c, const struct field_rule *rule, struct str text, bool item)
{
	if (!str_is_utf8(text)) {
		violated(c, VIOLATION_NOT_UNICODE, "");
		return;
	}
	uint32_t max_chars = item ? rule->item_max_chars : rule->max_chars;
	size_t chars = rule->min_chars || max_chars ? str_utf8_length(text) : 0;
	if (!item && chars < rule->min_chars) violated_count(c, VIOLATION_TOO_SHORT, rule->min_chars);
	else if (max_chars && chars > max_chars) violated_count(c, VIOLATION_TOO_LONG, max_chars);
	else if (rule->max_bytes && text.len > rule->max_bytes) violated_count(c, VIOLATION_TOO_MANY_BYTES, rule->max_bytes);
	else check_form(c, rule->form, text);
}

static void check_number(struct checking *c, const struct field_rule *rule, double value)
{
	if (!isfinite(value)) violated(c, VIOLATION_NOT_FINITE, "");
	else if (rule->has_gt && !(value > rule->gt)) violated_number(c, VIOLATION_NOT_GREATER, rule->gt);
	else if (rule->has_gte && !(value >= rule->gte)) violated_number(c, VIOLATION_TOO_LOW, rule->gte);
	else if (rule->has_lt && !(value < rule->lt)) violated_number(c, VIOLATION_NOT_LESS, rule->lt);
	else if (rule->has_lte && !(value <= rule->lte)) violated_number(c, VIOLATION_TOO_HIGH, rule->lte);
}

static void check_enum(struct checking *c, const struct enum_side *enumeration, int value)
{
	if (!protobuf_c_enum_descriptor_get_value(enumeration->descriptor, value))
		c->ok = violation_add_enum(c->err, c->lang, c->path, enumeration);
}

static void check_timestamp(struct checking *c, const Google__Protobuf__Timestamp *at)
{
	if (at->seconds < TIMESTAMP_SECONDS_MIN || at->seconds > TIMESTAMP_SECONDS_MAX || at->nanos < 0 || at->nanos > 999999999)
		violated(c, VIOLATION_TIME_RANGE, "");
}

static void check_message(struct checking *c, const struct message_side *side, const ProtobufCMessage *message, int depth);
static void check_list(struct checking *c, const struct field_side *f, const ProtobufCMessage *message, int depth);

/* One value at `at`: of a single field, or the item of a list. */
static void check_value(struct checking *c, const struct field_side *f, const void *at, bool item, int depth)
{
	switch (f->field->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32: check_number(c, &f->rule, *(const int32_t *)at); break;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32: check_number(c, &f->rule, *(const uint32_t *)at); break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64: check_number(c, &f->rule, (double)*(const int64_t *)at); break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64: check_number(c, &f->rule, (double)*(const uint64_t *)at); break;
	case PROTOBUF_C_TYPE_FLOAT: check_number(c, &f->rule, (double)*(const float *)at); break;
	case PROTOBUF_C_TYPE_DOUBLE: check_number(c, &f->rule, *(const double *)at); break;
	case PROTOBUF_C_TYPE_BOOL: break;
	case PROTOBUF_C_TYPE_ENUM: check_enum(c, f->enumeration, *(const int *)at); break;
	case PROTOBUF_C_TYPE_STRING: check_text(c, &f->rule, str_from(*(char *const *)at), item); break;
	case PROTOBUF_C_TYPE_BYTES:
		if (f->rule.max_bytes && ((const ProtobufCBinaryData *)at)->len > f->rule.max_bytes)
			violated_count(c, VIOLATION_TOO_MANY_BYTES, f->rule.max_bytes);
		break;
	case PROTOBUF_C_TYPE_MESSAGE: {
		const ProtobufCMessage *sub = *(ProtobufCMessage *const *)at;
		if (f->timestamp) check_timestamp(c, (const Google__Protobuf__Timestamp *)(const void *)sub);
		else if (f->message && f->message->as_list) check_list(c, &f->message->fields[0], sub, depth + 1);
		else if (f->message) check_message(c, f->message, sub, depth + 1);
		break;
	}
	}
}

static size_t size_of_item(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE: return 8;
	case PROTOBUF_C_TYPE_BOOL: return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
	default: return 4;
	}
}

static void check_list(struct checking *c, const struct field_side *f, const ProtobufCMessage *message, int depth)
{
	size_t count = *(const size_t *)((const char *)message + f->field->quantifier_offset);
	const char *items = *(char *const *)((const char *)message + f->field->offset);
	if (f->rule.required && count == 0) violated(c, VIOLATION_MISSING, "");
	if (f->rule.max_items && count > f->rule.max_items) {
		violated_count(c, VIOLATION_TOO_MANY, f->rule.max_items);
		return; /* their contents no longer matter */
	}
	for (size_t i = 0; i < count; i++) {
		size_t before = path_push_index(c, i);
		check_value(c, f, items + i * size_of_item(f->field->type), true, depth);
		path_pop(c, before);
	}
}

/* Unset in the eyes of `required`; an implicit text or enum that is empty cannot be told from one that was left out. */
static bool is_blank(const struct field_side *f, const ProtobufCMessage *message)
{
	const char *at = (const char *)message + f->field->offset;
	if (!field_is_set(f, message)) return true;
	switch (f->field->type) {
	case PROTOBUF_C_TYPE_STRING: return !*(char *const *)at || !**(char *const *)at;
	case PROTOBUF_C_TYPE_BYTES: return ((const ProtobufCBinaryData *)(const void *)at)->len == 0;
	case PROTOBUF_C_TYPE_ENUM: return *(const int *)at == 0;
	default: return false;
	}
}

static void check_message(struct checking *c, const struct message_side *side, const ProtobufCMessage *message, int depth)
{
	if (depth > DEPTH_MAX) {
		violated(c, VIOLATION_TOO_DEEP, "");
		return;
	}
	for (size_t i = 0; i < side->field_count; i++) {
		const struct field_side *f = &side->fields[i];
		size_t before = path_push(c, f->field->name);
		if (f->presence == FIELD_REPEATED || f->presence == FIELD_MAP) {
			check_list(c, f, message, depth);
		} else if (f->rule.required && is_blank(f, message)) {
			violated(c, VIOLATION_MISSING, "");
		} else if (field_is_set(f, message) && !(f->presence == FIELD_IMPLICIT && is_blank(f, message))) {
			check_value(c, f, (const char *)message + f->field->offset, false, depth);
		}
		path_pop(c, before);
	}
}

bool message_validate(const struct message_side *side, const ProtobufCMessage *message, enum lang lang, struct error *err)
{
	struct checking c = { .lang = lang, .err = err, .ok = true };
	check_message(&c, side, message, 0);
	return c.ok;
}

static bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
static bool is_alnum(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool text_is_uuid(struct str s)
{
	if (s.len != 36) return false;
	for (size_t i = 0; i < s.len; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? s.ptr[i] != '-' : !is_hex(s.ptr[i])) return false;
	}
	return true;
}

/* RFC 6761 and 6762: names that never receive mail. */
static const char *const special_domains[] = { "localhost", "test", "invalid", "local", "localdomain", "onion", "arpa" };

static bool domain_is_mailable(struct str domain)
{
	struct str rest = domain, label, last = STR_NONE;
	size_t labels = 0;
	if (domain.len == 0 || domain.len > 253) return false;
	while (str_split(&rest, '.', &label)) {
		if (label.len == 0 || label.len > 63 || label.ptr[0] == '-' || label.ptr[label.len - 1] == '-') return false;
		for (size_t i = 0; i < label.len; i++)
			if (!is_alnum(label.ptr[i]) && label.ptr[i] != '-') return false;
		last = label;
		labels++;
	}
	for (size_t i = 0; i < COUNT(special_domains); i++)
		if (str_equal_nocase(last, str_from(special_domains[i]))) return false;
	return labels >= 2;
}

bool text_is_email(struct str s)
{
	size_t at = str_find(s, STR("@"), 0);
	if (at == SIZE_MAX || at == 0 || at > 64 || s.len > 254) return false;
	for (size_t i = 0; i < at; i++) {
		char c = s.ptr[i];
		if (c == '.' && (i == 0 || i + 1 == at || s.ptr[i + 1] == '.')) return false;
		if (!is_alnum(c) && !(c && strchr(".!#$%&'*+/=?^_`{|}~-", c))) return false;
	}
	return domain_is_mailable((struct str){ s.ptr + at + 1, s.len - at - 1 });
}

bool text_is_username(struct str s)
{
	if (!str_is_utf8(s) || !is_username_length(s)) return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c < 0x80) {
			if (!is_alnum((char)c) && c != '_' && c != '-') return false;
			continue;
		}
		if ((c & 0xf0) != 0xe0) return false; /* U+4E00..U+9FFF takes three bytes */
		unsigned point = (unsigned)(c & 15) << 12 | ((unsigned char)s.ptr[i + 1] & 63u) << 6 | ((unsigned char)s.ptr[i + 2] & 63u);
		if (point < 0x4e00 || point > 0x9fff) return false;
		i += 2;
	}
	return true;
}

bool text_is_digits(struct str s, size_t least, size_t most)
{
	if (s.len < least || s.len > most) return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9') return false;
	return true;
}
