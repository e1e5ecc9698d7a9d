/* JSON text straight into a message: no tree in between, so memory follows the message and the arena's budget bounds it.
 * Recursion goes as deep as the text nests, at most JSON_DEPTH_MAX. A wrong value is noted and reading goes on, so that one
 * answer names every wrong field; broken syntax, depth and memory end it. */
#include <stdlib.h>
#include <string.h>

#include "rpc/json/json.h"
#include "rpc/json/value.h"

struct reader {
	const char *at, *end;
	struct arena *arena;
	struct error *err;
	struct json_parse_options options;
	int depth;
	size_t wrong; /* violations so far */
};

/* Where in the message the reader is, for violations; lives on the stack. */
struct trail {
	const struct trail *up;
	struct str name; /* a field or a map key */
	size_t index;    /* of a list's item */
	bool is_item;
};

/* --- violations --- */

static void add_trail(struct strbuf *out, const struct trail *trail)
{
	if (!trail) return;
	add_trail(out, trail->up);
	if (trail->is_item) {
		strbuf_printf(out, ".%zu", trail->index);
		return;
	}
	if (out->len) strbuf_add_char(out, '.');
	for (size_t i = 0; i < trail->name.len; i++) /* names of unknown fields and map keys come from outside */
		strbuf_add_char(out, (unsigned char)trail->name.ptr[i] < 0x20 ? '?' : trail->name.ptr[i]);
}

/* Cut to what a violation holds, at a whole code point. */
static void trail_text(const struct trail *trail, char out[sizeof((struct violation *)0)->field])
{
	size_t cap = sizeof((struct violation *)0)->field;
	struct strbuf text;
	strbuf_init(&text, NULL);
	add_trail(&text, trail);
	struct str whole = strbuf_str(&text);
	size_t len = whole.len < cap ? whole.len : cap - 1;
	while (len && len < whole.len && ((unsigned char)whole.ptr[len] & 0xc0) == 0x80) len--;
	memcpy(out, whole.ptr, len);
	out[len] = '\0';
	strbuf_fini(&text);
}

/* True if reading goes on: nobody reads a ninth violation. */
static bool note(struct reader *r, const struct trail *trail, enum value_fault fault, const struct field_side *field)
{
	char path[sizeof((struct violation *)0)->field];
	if (fault == VALUE_OK) return true;
	trail_text(trail, path);
	value_violation(r->err, r->options.lang, path, fault, field);
	return ++r->wrong < ERROR_VIOLATIONS_MAX && fault != VALUE_TOO_LARGE;
}

static bool stop(struct reader *r, const struct trail *trail, enum violation_kind kind)
{
	char path[sizeof((struct violation *)0)->field];
	trail_text(trail, path);
	r->wrong++;
	return violation_add(r->err, r->options.lang, path, kind, "");
}

static bool broken(struct reader *r, const struct trail *trail) { return stop(r, trail, VIOLATION_NOT_JSON); }

/* --- tokens --- */

static void skip_space(struct reader *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')) r->at++;
}

/* The next character, '\0' at the end; a NUL in the text is no token either. */
static char peek(const struct reader *r) { return r->at < r->end ? *r->at : '\0'; }

static bool take(struct reader *r, char c)
{
	if (peek(r) != c) return false;
	r->at++;
	return true;
}

static bool take_word(struct reader *r, struct str word)
{
	if (!str_has_prefix((struct str){ r->at, (size_t)(r->end - r->at) }, word)) return false;
	r->at += word.len;
	return true;
}

static bool hex4(const char *p, const char *end, uint32_t *out)
{
	if (end - p < 4) return false;
	uint32_t value = 0;
	for (int i = 0; i < 4; i++) {
		char c = p[i];
		int digit = c >= '0' && c <= '9'   ? c - '0'
		            : c >= 'a' && c <= 'f' ? c - 'a' + 10
		            : c >= 'A' && c <= 'F' ? c - 'A' + 10
		                                   : -1;
		if (digit < 0) return false;
		value = value << 4 | (uint32_t)digit;
	}
	*out = value;
	return true;
}

static size_t put_utf8(char *out, uint32_t point)
{
	if (point < 0x80) {
		out[0] = (char)point;
		return 1;
	}
	if (point < 0x800) {
		out[0] = (char)(0xc0 | point >> 6);
		out[1] = (char)(0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000) {
		out[0] = (char)(0xe0 | point >> 12);
		out[1] = (char)(0x80 | (point >> 6 & 0x3f));
		out[2] = (char)(0x80 | (point & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | point >> 18);
	out[1] = (char)(0x80 | (point >> 12 & 0x3f));
	out[2] = (char)(0x80 | (point >> 6 & 0x3f));
	out[3] = (char)(0x80 | (point & 0x3f));
	return 4;
}

/* Reads a \u escape at *p (behind the "u"), with its second half if it is a pair. False: not hexadecimal.
 * Half a pair and NUL give *out = 0. */
static bool take_unicode(const char **p, const char *end, uint32_t *out)
{
	uint32_t low;
	if (!hex4(*p, end, out)) return false;
	*p += 4;
	if (*out >= 0xdc00 && *out <= 0xdfff) *out = 0;
	if (*out < 0xd800 || *out > 0xdbff) return true;
	if (end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u' && hex4(*p + 2, end, &low) && low >= 0xdc00 &&
	    low <= 0xdfff) {
		*out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
		*p += 6;
	} else {
		*out = 0;
	}
	return true;
}

/* Decodes the inside of a literal. out may be NULL (only check); it never needs more room than the literal. */
static bool decode(struct str raw, char *out, size_t *out_len, bool *out_utf8)
{
	const char *p = raw.ptr, *end = raw.ptr + raw.len;
	size_t len = 0;
	*out_utf8 = true;
	while (p < end) {
		char piece[4];
		size_t bytes = 1;
		piece[0] = *p++;
		if (piece[0] == '\\') {
			uint32_t point;
			switch (p < end ? *p++ : '\0') {
			case '"': piece[0] = '"'; break;
			case '\\': piece[0] = '\\'; break;
			case '/': piece[0] = '/'; break;
			case 'b': piece[0] = '\b'; break;
			case 'f': piece[0] = '\f'; break;
			case 'n': piece[0] = '\n'; break;
			case 'r': piece[0] = '\r'; break;
			case 't': piece[0] = '\t'; break;
			case 'u':
				if (!take_unicode(&p, end, &point)) return false;
				if (point == 0) *out_utf8 = false;
				bytes = put_utf8(piece, point);
				break;
			default: return false;
			}
		}
		if (out) memcpy(out + len, piece, bytes);
		len += bytes;
	}
	*out_len = len;
	return true;
}

/* A string token. Without escapes *out borrows the text; with them it is decoded in the arena, unless `discard`.
 * False: syntax or memory, already noted. A text that is not UTF-8 gives *out_fault = VALUE_UTF8. */
static bool read_text(struct reader *r, const struct trail *trail, bool discard, struct str *out,
                      enum value_fault *out_fault)
{
	*out_fault = VALUE_OK;
	if (!take(r, '"')) return broken(r, trail);
	struct str raw = { r->at, 0 };
	bool escapes = false;
	for (; r->at < r->end && *r->at != '"'; r->at++) {
		if ((unsigned char)*r->at < 0x20) return broken(r, trail);
		if (*r->at != '\\') continue;
		escapes = true;
		if (++r->at == r->end) return broken(r, trail);
	}
	raw.len = (size_t)(r->at - raw.ptr);
	if (!take(r, '"')) return broken(r, trail);
	if (!str_is_utf8(raw)) *out_fault = VALUE_UTF8;
	*out = raw;
	if (!escapes) return true;
	char *room = discard ? NULL : arena_try_alloc(r->arena, raw.len + 1);
	if (!room && !discard) return note(r, trail, VALUE_TOO_LARGE, NULL);
	bool utf8;
	size_t len;
	if (!decode(raw, room, &len, &utf8)) return broken(r, trail);
	if (!utf8) *out_fault = VALUE_UTF8;
	*out = (struct str){ room, discard ? 0 : len };
	return true;
}

static bool enter(struct reader *r, const struct trail *trail)
{
	r->at++;
	return ++r->depth <= JSON_DEPTH_MAX ? true : stop(r, trail, VIOLATION_TOO_DEEP);
}

static bool leave(struct reader *r)
{
	r->depth--;
	return true;
}

/* Between two members or items: true with *more = false at the closing bracket. */
static bool next(struct reader *r, const struct trail *trail, char close, bool *more)
{
	skip_space(r);
	*more = take(r, ',');
	if (!*more) return take(r, close) ? leave(r) : broken(r, trail);
	skip_space(r);
	return true;
}

static bool read_colon(struct reader *r, const struct trail *trail)
{
	skip_space(r);
	if (!take(r, ':')) return broken(r, trail);
	skip_space(r);
	return true;
}

static bool skip_value(struct reader *r, const struct trail *trail)
{
	struct str text;
	enum value_fault fault;
	char c = peek(r);
	if (c == '"') return read_text(r, trail, true, &text, &fault) && note(r, trail, fault, NULL);
	if (c == '{' || c == '[') {
		char close = c == '{' ? '}' : ']';
		bool more = true;
		if (!enter(r, trail)) return false;
		skip_space(r);
		if (take(r, close)) return leave(r);
		while (more) {
			if (c == '{' && !(read_text(r, trail, true, &text, &fault) && note(r, trail, fault, NULL) &&
			                  read_colon(r, trail)))
				return false;
			if (!skip_value(r, trail) || !next(r, trail, close, &more)) return false;
		}
		return true;
	}
	if ((c == 'n' && take_word(r, STR("null"))) || (c == 't' && take_word(r, STR("true"))) ||
	    (c == 'f' && take_word(r, STR("false"))))
		return true;
	size_t number = number_bytes((struct str){ r->at, (size_t)(r->end - r->at) });
	r->at += number;
	return number ? true : broken(r, trail);
}

/* --- values of fields --- */

static bool read_object(struct reader *r, const struct message_side *side, ProtobufCMessage *message,
                        const struct trail *trail);
static bool read_list(struct reader *r, const struct field_side *field, ProtobufCMessage *message,
                      const struct trail *trail);

/* Skipped first: what is no JSON at all is called that. */
static bool mismatch(struct reader *r, const struct trail *trail, const struct field_side *field)
{
	return skip_value(r, trail) && note(r, trail, VALUE_TYPE, field);
}

static bool read_quoted(struct reader *r, const struct field_side *field, void *at, const struct trail *trail,
                        bool *out_good)
{
	struct str text;
	enum value_fault fault;
	if (!read_text(r, trail, false, &text, &fault)) return false;
	if (fault == VALUE_OK) {
		if (value_is_number(field))
			fault = value_read_number(field, text, at);
		else if (field->field->type == PROTOBUF_C_TYPE_ENUM)
			fault = value_read_enum_name(field, text, at);
		else if (field->field->type == PROTOBUF_C_TYPE_STRING)
			fault = value_read_string(r->arena, text, at);
		else if (field->field->type == PROTOBUF_C_TYPE_BYTES)
			fault = value_read_base64(r->arena, text, at);
		else if (field->timestamp)
			fault = value_read_timestamp(r->arena, text, at);
		else
			fault = VALUE_TYPE;
	}
	*out_good = fault == VALUE_OK;
	return note(r, trail, fault, field);
}

static bool read_submessage(struct reader *r, const struct field_side *field, void *at, const struct trail *trail,
                            bool *out_good)
{
	const ProtobufCMessageDescriptor *descriptor = field->message->descriptor;
	ProtobufCMessage *inner = arena_try_alloc(r->arena, descriptor->sizeof_message);
	if (!inner) return note(r, trail, VALUE_TOO_LARGE, field);
	protobuf_c_message_init(descriptor, inner);
	if (field->message->as_list ? !read_list(r, &field->message->fields[0], inner, trail)
	                            : !read_object(r, field->message, inner, trail))
		return false;
	*(ProtobufCMessage **)at = inner;
	*out_good = true;
	return true;
}

/* Bytes that hold JSON take the value's own text. */
static bool read_raw(struct reader *r, void *at, const struct trail *trail, bool *out_good)
{
	const char *start = r->at;
	size_t wrong = r->wrong;
	if (!skip_value(r, trail)) return false;
	ProtobufCBinaryData bytes = { .len = (size_t)(r->at - start) };
	bytes.data = arena_try_alloc(r->arena, bytes.len);
	if (!bytes.data) return note(r, trail, VALUE_TOO_LARGE, NULL);
	memcpy(bytes.data, start, bytes.len);
	*(ProtobufCBinaryData *)at = bytes;
	*out_good = r->wrong == wrong;
	return true;
}

/* One value that is not null. *out_good tells whether `at` was filled; false: reading ends. */
static bool read_value(struct reader *r, const struct field_side *field, void *at, const struct trail *trail,
                       bool *out_good)
{
	ProtobufCType type = field->field->type;
	char c = peek(r);
	*out_good = false;
	if (field->raw_json) return read_raw(r, at, trail, out_good);
	if (field->message && field->message->as_list) return read_submessage(r, field, at, trail, out_good);
	if (c == '"') return read_quoted(r, field, at, trail, out_good);
	if (c == '{' && field->message) return read_submessage(r, field, at, trail, out_good);
	if (type == PROTOBUF_C_TYPE_BOOL && (c == 't' || c == 'f')) {
		bool value = c == 't';
		if (!take_word(r, value ? STR("true") : STR("false"))) return broken(r, trail);
		*(protobuf_c_boolean *)at = value;
		*out_good = true;
		return true;
	}
	struct str token = { r->at, number_bytes((struct str){ r->at, (size_t)(r->end - r->at) }) };
	if (token.len && (value_is_number(field) || type == PROTOBUF_C_TYPE_ENUM)) {
		r->at += token.len;
		enum value_fault fault = VALUE_ENUM;
		if (value_is_number(field))
			fault = value_read_number(field, token, at);
		else if (!r->options.refuse_enum_numbers)
			fault = value_read_enum_number(field, token, at);
		*out_good = fault == VALUE_OK;
		return note(r, trail, fault, field);
	}
	return mismatch(r, trail, field);
}

static bool wrong_container(struct reader *r, const struct trail *trail, enum violation_kind kind)
{
	if (!skip_value(r, trail)) return false;
	(void)stop(r, trail, kind);
	return r->wrong < ERROR_VIOLATIONS_MAX;
}

static bool read_list(struct reader *r, const struct field_side *field, ProtobufCMessage *message,
                      const struct trail *trail)
{
	bool more = true;
	if (peek(r) != '[') return wrong_container(r, trail, VIOLATION_NOT_LIST);
	if (!enter(r, trail)) return false;
	skip_space(r);
	if (take(r, ']')) return leave(r);
	for (size_t i = 0; more; i++) {
		struct trail item = { .up = trail, .index = i, .is_item = true };
		bool good = false;
		if (field->rule.max_items && i > field->rule.max_items) {
			/* One too many is enough to be refused; a million more need not be kept for that. */
			if (!skip_value(r, &item) || !next(r, trail, ']', &more)) return false;
			continue;
		}
		void *at = value_append(r->arena, field, message);
		if (!at) return note(r, &item, VALUE_TOO_LARGE, field);
		if (!read_value(r, field, at, &item, &good)) return false;
		if (good) value_appended(field, message);
		if (!next(r, trail, ']', &more)) return false;
	}
	return true;
}

static enum value_fault read_key(struct reader *r, const struct field_side *key, struct str text, void *at)
{
	if (key->field->type == PROTOBUF_C_TYPE_STRING) return value_read_string(r->arena, text, at);
	if (key->field->type != PROTOBUF_C_TYPE_BOOL) return value_read_number(key, text, at);
	if (!str_equal(text, STR("true")) && !str_equal(text, STR("false"))) return VALUE_TYPE;
	*(protobuf_c_boolean *)at = text.ptr[0] == 't';
	return VALUE_OK;
}

static int key_order(const void *a, const void *b, void *arg)
{
	const struct field_side *key = arg;
	const char *left = *(const char *const *)a + key->field->offset,
	           *right = *(const char *const *)b + key->field->offset;
	if (key->field->type != PROTOBUF_C_TYPE_STRING) return memcmp(left, right, value_bytes(key));
	return strcmp(*(const char *const *)(const void *)left, *(const char *const *)(const void *)right);
}

/* Sorted aside: a map of many keys must not cost the square of them. */
static bool check_keys(struct reader *r, const struct field_side *field, ProtobufCMessage *message,
                       const struct trail *trail)
{
	const struct field_side *key = &field->message->fields[0];
	char **entries = *(char ***)value_at(field, message);
	size_t count = *(size_t *)(void *)((char *)message + field->field->quantifier_offset);
	if (count < 2) return true;
	char **sorted = arena_try_alloc(r->arena, count * sizeof *sorted);
	if (!sorted) return note(r, trail, VALUE_TOO_LARGE, field);
	memcpy(sorted, entries, count * sizeof *sorted);
	qsort_r(sorted, count, sizeof *sorted, key_order, (void *)key);
	for (size_t i = 1; i < count; i++)
		if (key_order(&sorted[i - 1], &sorted[i], (void *)key) == 0)
			return note(r, trail, VALUE_DUPLICATE, field);
	return true;
}

static bool read_map(struct reader *r, const struct field_side *field, ProtobufCMessage *message,
                     const struct trail *trail)
{
	const struct field_side *key = &field->message->fields[0], *value = &field->message->fields[1];
	const ProtobufCMessageDescriptor *descriptor = field->message->descriptor;
	bool more = true;
	if (peek(r) != '{') return wrong_container(r, trail, VIOLATION_NOT_OBJECT);
	if (!enter(r, trail)) return false;
	skip_space(r);
	if (take(r, '}')) return leave(r);
	while (more) {
		struct trail here = { .up = trail };
		enum value_fault fault;
		bool good = false;
		ProtobufCMessage **slot = value_append(r->arena, field, message);
		ProtobufCMessage *entry = slot ? arena_try_alloc(r->arena, descriptor->sizeof_message) : NULL;
		if (!entry) return note(r, trail, VALUE_TOO_LARGE, field);
		protobuf_c_message_init(descriptor, entry);
		if (!read_text(r, trail, false, &here.name, &fault)) return false;
		if (fault != VALUE_OK)
			here.name = STR("?");
		else
			fault = read_key(r, key, here.name, value_at(key, entry));
		if (!note(r, &here, fault, key) || !read_colon(r, &here)) return false;
		if (!read_value(r, value, value_at(value, entry), &here, &good)) return false;
		if (good && fault == VALUE_OK) {
			*slot = entry;
			value_appended(field, message);
		}
		if (!next(r, trail, '}', &more)) return false;
	}
	return check_keys(r, field, message, trail);
}

static bool read_field(struct reader *r, const struct field_side *field, ProtobufCMessage *message,
                       const struct trail *trail)
{
	bool good;
	if (take_word(r, STR("null"))) return true; /* unset */
	if (field->presence == FIELD_REPEATED) return read_list(r, field, message, trail);
	if (field->presence == FIELD_MAP) return read_map(r, field, message, trail);
	if (value_oneof_taken(field, message)) return note(r, trail, VALUE_ONEOF, field) && skip_value(r, trail);
	if (!read_value(r, field, value_at(field, message), trail, &good)) return false;
	if (good) value_set(field, message);
	return true;
}

static bool read_member(struct reader *r, const struct message_side *side, ProtobufCMessage *message,
                        const struct trail *trail, uint64_t seen[FIELDS_MAX / 64])
{
	struct trail here = { .up = trail };
	enum value_fault fault;
	if (!read_text(r, trail, false, &here.name, &fault)) return false;
	const struct field_side *field = fault == VALUE_OK ? field_by_name(side, here.name) : NULL;
	if (fault != VALUE_OK) here.name = STR("?");
	if (field) here.name = str_from(field->field->name);
	if (!note(r, &here, fault, NULL) || !read_colon(r, &here)) return false;
	if (!field) {
		if (fault == VALUE_OK && r->options.refuse_unknown) {
			(void)stop(r, &here, VIOLATION_UNKNOWN_FIELD);
			if (r->wrong == ERROR_VIOLATIONS_MAX) return false;
		}
		return skip_value(r, &here);
	}
	size_t index = (size_t)(field - side->fields);
	uint64_t bit = UINT64_C(1) << (index % 64);
	if (seen[index / 64] & bit) return note(r, &here, VALUE_DUPLICATE, field) && skip_value(r, &here);
	seen[index / 64] |= bit;
	return read_field(r, field, message, &here);
}

static bool read_object(struct reader *r, const struct message_side *side, ProtobufCMessage *message,
                        const struct trail *trail)
{
	uint64_t seen[FIELDS_MAX / 64] = { 0 };
	bool more = true;
	if (!enter(r, trail)) return false;
	skip_space(r);
	if (take(r, '}')) return leave(r);
	while (more)
		if (!read_member(r, side, message, trail, seen) || !next(r, trail, '}', &more)) return false;
	return true;
}

bool json_to_message(struct arena *arena, struct str json, const struct message_side *side,
                     const struct json_parse_options *options, ProtobufCMessage *out, struct error *err)
{
	if (json.len == 0) return true;
	struct reader r = { .at = json.ptr, .end = json.ptr + json.len, .arena = arena, .err = err };
	if (options) r.options = *options;
	skip_space(&r);
	if (r.at == r.end) return true;
	bool whole =
	    peek(&r) == '{' ? read_object(&r, side, out, NULL) : wrong_container(&r, NULL, VIOLATION_NOT_OBJECT);
	if (!whole) return false; /* reading ended before the text did */
	skip_space(&r);
	return r.at == r.end ? r.wrong == 0 : broken(&r, NULL);
}
