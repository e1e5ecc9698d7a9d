/* JSON to a message, which the first line names. What is read prints, and the print reads back to the same; a reader of
 * another make takes whatever ours takes. */
#include <string.h>

#include "rpc/json/json.h"
#include "tests/fuzz/fuzz.h"

static bool parse(struct arena *arena, const struct message_side *side, struct str json,
                  const struct json_parse_options *options, ProtobufCMessage **out, struct error *err)
{
	*out = fuzz_message_new(arena, side);
	*err = (struct error){ 0 };
	bool ok = json_to_message(arena, json, side, options, *out, err);
	HOLDS(ok == (err->violation_count == 0));
	if (!ok) fuzz_check_error(err);
	return ok;
}

static bool is_blank(struct str json) { return str_trim(json).len == 0; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = fuzz_arena();
	struct str rest = { (const char *)data, size };
	const struct message_side *side = fuzz_message(fuzz_line(&rest));
	const struct json_parse_options http = { .refuse_enum_numbers = true, .lang = LANG_EN },
	                                strict = { .refuse_enum_numbers = true, .refuse_unknown = true };
	ProtobufCMessage *message, *other;
	struct error err, other_err;
	bool overflow;

	bool ok = parse(arena, side, rest, NULL, &message, &err);
	bool ok_http = parse(arena, side, rest, &http, &other, &other_err);
	HOLDS_OF(ok || !ok_http, rest);
	if (ok_http) HOLDS(str_equal(json_print_arena(arena, message), json_print_arena(arena, other)));
	HOLDS_OF(ok_http || !parse(arena, side, rest, &strict, &other, &other_err), rest);
	if (!ok) return 0;

	HOLDS_OF(is_blank(rest) || fuzz_is_json(rest, &overflow) || overflow, rest);
	struct str packed = fuzz_check_packs(arena, message), text = fuzz_check_prints(arena, message);
	HOLDS_OF(parse(arena, side, text, &strict, &other, &other_err), text);
	HOLDS_OF(str_equal(json_print_arena(arena, other), text), text);
	HOLDS_OF(str_equal(fuzz_check_packs(arena, other), packed), text);
	json_apply_defaults(arena, side, message);
	(void)fuzz_check_prints(arena, message);

	/* A tight budget ends reading with a violation, never with half a message that counts as whole. */
	struct arena *tight = arena_create(size % 977 + 1);
	other = fuzz_message_new(arena, side);
	other_err = (struct error){ 0 };
	if (json_to_message(tight, rest, side, NULL, other, &other_err))
		HOLDS(str_equal(fuzz_check_packs(arena, other), packed));
	else
		HOLDS(other_err.violation_count > 0);
	arena_destroy(&tight);
	return 0;
}
