/* What comes over a socket: requests, replies and, inside them, packed messages. The first line names which:
 * "request", "reply" or a message. */
#include <string.h>

#include "rpc/json/json.h"
#include "rpc/wire/envelope.h"
#include "rpc/wire/status.h"
#include "rpc/wire/unpack.h"
#include "rpc/wire/validate.h"
#include "tests/fuzz/fuzz.h"

static bool has_raw_json(const struct message_side *side, int depth)
{
	for (size_t i = 0; i < side->field_count && depth < UNPACK_DEPTH_MAX; i++) {
		const struct field_side *field = &side->fields[i];
		if (field->raw_json || (field->message && has_raw_json(field->message, depth + 1))) return true;
	}
	return false;
}

static void read_message(struct arena *arena, const struct message_side *side, struct str bytes)
{
	struct error zh = { 0 }, en = { 0 };
	ProtobufCMessage *message = message_unpack(arena, side->descriptor, bytes, &zh);
	if (!message) {
		fuzz_check_error(&zh);
		return;
	}
	(void)fuzz_check_packs(arena, message);
	if (!has_raw_json(side, 0)) (void)fuzz_check_prints(arena, message);
	bool ok = message_validate(side, message, LANG_ZH, &zh);
	HOLDS(ok == message_validate(side, message, LANG_EN, &en));
	HOLDS(zh.violation_count == en.violation_count && ok == (zh.violation_count == 0));
	if (ok) return;
	fuzz_check_error(&zh);
	fuzz_check_error(&en);
	for (size_t i = 0; i < zh.violation_count; i++) {
		HOLDS(strcmp(zh.violations[i].field, en.violations[i].field) == 0);
		HOLDS(strcmp(zh.violations[i].type, en.violations[i].type) == 0);
	}
}

static struct str pack(struct arena *arena, const struct envelope *envelope)
{
	struct str out = { 0 };
	out.len = envelope_packed_size(envelope);
	uint8_t *bytes = arena_alloc(arena, out.len);
	envelope_pack(envelope, bytes);
	out.ptr = (const char *)bytes;
	return out;
}

static void read_request(struct arena *arena, struct str bytes)
{
	struct envelope first, second;
	struct error err = { 0 };
	if (!envelope_unpack(arena, bytes, &first, &err)) {
		fuzz_check_error(&err);
		HOLDS(first.method != NULL);
		return;
	}
	struct str method = str_from(first.method);
	HOLDS(method.len > 0 && method.len <= METHOD_NAME_BYTES_MAX && str_is_utf8(method));
	HOLDS(first.payload.len <= bytes.len);
	struct str packed = pack(arena, &first);
	HOLDS(envelope_unpack(arena, packed, &second, &err));
	HOLDS(memcmp(first.call_id, second.call_id, CALL_ID_BYTES) == 0);
	HOLDS(str_equal(method, str_from(second.method)) && first.timeout_ms == second.timeout_ms);
	HOLDS(str_equal(first.payload, second.payload));
#define SAME_METADATA(field, name) HOLDS(str_equal(first.metadata.field, second.metadata.field));
	RPC_METADATA(SAME_METADATA)
	HOLDS(str_equal(packed, pack(arena, &second)));
	const struct method_side *side = method_by_name(method);
	HOLDS(!side || str_equal(str_from(side->name), method));
	if (side) read_message(arena, side->request, first.payload);
}

static void same_error(const struct error *a, const struct error *b)
{
	HOLDS(a->code == b->code && strcmp(a->reason ? a->reason : "", b->reason ? b->reason : "") == 0);
	HOLDS(a->param_count == b->param_count && a->violation_count == b->violation_count);
	for (size_t i = 0; i < a->param_count; i++) {
		HOLDS(strcmp(a->params[i].name, b->params[i].name) == 0);
		HOLDS(strcmp(a->params[i].value, b->params[i].value) == 0);
	}
	for (size_t i = 0; i < a->violation_count; i++) {
		HOLDS(strcmp(a->violations[i].field, b->violations[i].field) == 0);
		HOLDS(strcmp(a->violations[i].type, b->violations[i].type) == 0);
		HOLDS(strcmp(a->violations[i].message, b->violations[i].message) == 0);
	}
}

static void read_reply(struct arena *arena, struct str bytes)
{
	struct error err = { 0 }, again = { 0 };
	Petfood__Rpc__V1__RpcReply *reply = envelope_unpack_reply(arena, bytes, &err);
	if (!reply) {
		fuzz_check_error(&err);
		return;
	}
	(void)fuzz_check_packs(arena, &reply->base);
	HOLDS(reply->status && reply->status->code < RPC_CODE_COUNT);
	status_to_error(reply->status, &err);
	HOLDS(err.code == (enum rpc_code)reply->status->code);
	status_to_error(status_from_error(arena, &err, LANG_EN), &again);
	same_error(&err, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = fuzz_arena();
	struct str rest = { (const char *)data, size }, which = fuzz_line(&rest);
	if (str_equal(which, STR("request")))
		read_request(arena, rest);
	else if (str_equal(which, STR("reply")))
		read_reply(arena, rest);
	else
		read_message(arena, fuzz_message(which), rest);
	return 0;
}
