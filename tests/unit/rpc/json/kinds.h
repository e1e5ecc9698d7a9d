/* Shared by the tests of rpc/json. Case ids are those of the list of named cases: J = ProtoJSON, T = transcoding. */
#ifndef PETFOOD_TESTS_JSON_KINDS_H
#define PETFOOD_TESTS_JSON_KINDS_H

#include "kinds.pb-c.h"
#include "rpc/json/json.h"

/* An empty message of kinds.proto: "Kinds". */
static inline ProtobufCMessage *kinds_message(struct arena *arena, const char *name,
                                              const struct message_side **out_side)
{
	const struct message_side *side = message_by_name(str_printf(arena, "petfood.test.v1.%s", name));
	if (!side) die("no message %s", name);
	ProtobufCMessage *message = arena_alloc(arena, side->descriptor->sizeof_message);
	protobuf_c_message_init(side->descriptor, message);
	*out_side = side;
	return message;
}

/* "!field type" for each violation, ", " between. */
static inline struct str kinds_violations(struct arena *arena, const struct error *err)
{
	struct strbuf out;
	strbuf_init(&out, arena);
	for (size_t i = 0; i < err->violation_count; i++)
		strbuf_printf(&out, "%s!%s %s", i ? ", " : "", err->violations[i].field, err->violations[i].type);
	return strbuf_str(&out);
}

#endif
