#include "tests/fuzz/fuzz.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/json/json.h"
#include "rpc/wire/reason.h"
#include "rpc/wire/unpack.h"

_Noreturn void fuzz_broken(const char *file, int line, const char *what, struct str shown)
{
	(void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	if (shown.ptr) (void)fprintf(stderr, "  of [" STR_FMT "]\n", STR_ARG(shown));
	(void)fflush(stderr);
	abort();
}

struct arena *fuzz_arena(void)
{
	static struct arena *arena;
	if (!arena) arena = arena_create(0);
	arena_reset(arena);
	return arena;
}

struct str fuzz_line(struct str *rest)
{
	struct str line = *rest;
	const char *end = rest->len ? memchr(rest->ptr, '\n', rest->len) : NULL;
	if (end) line.len = (size_t)(end - rest->ptr);
	size_t taken = line.len + (end != NULL);
	*rest = (struct str){ rest->len ? rest->ptr + taken : rest->ptr, rest->len - taken };
	return line;
}

static bool is_text(const char *text, size_t room)
{
	size_t len = strnlen(text, room);
	return len < room && str_is_utf8((struct str){ text, len });
}

void fuzz_check_error(const struct error *err)
{
	HOLDS(err->code > RPC_OK && err->code < RPC_CODE_COUNT);
	HOLDS(err->reason != NULL);
	const struct reason_info *info = reason_find(str_from(err->reason));
	HOLDS_OF(info != NULL, str_from(err->reason));
	HOLDS_OF(info->code == err->code, str_from(err->reason));
	HOLDS(strnlen(err->message, sizeof err->message) < sizeof err->message);
	HOLDS(err->violation_count <= ERROR_VIOLATIONS_MAX && err->param_count <= ERROR_PARAMS_MAX);
	for (size_t i = 0; i < err->violation_count; i++) {
		const struct violation *v = &err->violations[i];
		HOLDS(is_text(v->field, sizeof v->field));
		HOLDS(v->type[0] && is_text(v->type, sizeof v->type));
		HOLDS(v->message[0] && is_text(v->message, sizeof v->message));
	}
	for (size_t i = 0; i < err->param_count; i++) HOLDS(is_text(err->params[i].value, sizeof err->params[i].value));
}

bool fuzz_is_json(struct str text, bool *out_overflow)
{
	json_error_t error;
	json_t *root = json_loadb(text.ptr ? text.ptr : "", text.len,
	                          JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &error);
	*out_overflow = !root && json_error_code(&error) == json_error_numeric_overflow;
	bool ok = root != NULL;
	json_decref(root);
	return ok;
}

const struct message_side *fuzz_message(struct str line)
{
	const struct message_side *side = message_by_name(line);
	return side ? side : message_table[(line.len ? (unsigned char)line.ptr[0] : 0) % message_count];
}

ProtobufCMessage *fuzz_message_new(struct arena *arena, const struct message_side *side)
{
	ProtobufCMessage *message = arena_alloc(arena, side->descriptor->sizeof_message);
	protobuf_c_message_init(side->descriptor, message);
	return message;
}

struct str fuzz_check_packs(struct arena *arena, ProtobufCMessage *message)
{
	struct str packed, again;
	struct error err = { 0 };
	HOLDS(message_pack(arena, message, &packed, &err));
	ProtobufCMessage *back = message_unpack(arena, message->descriptor, packed, &err);
	HOLDS_OF(back != NULL, str_from(err.message));
	HOLDS(message_pack(arena, back, &again, &err));
	HOLDS(str_equal(packed, again));
	return packed;
}

struct str fuzz_check_prints(struct arena *arena, ProtobufCMessage *message)
{
	bool overflow;
	struct str text = json_print_arena(arena, message);
	HOLDS_OF(str_is_utf8(text), text);
	HOLDS_OF(fuzz_is_json(text, &overflow) || overflow, text);
	return text;
}
