/* rpc/json/json.h: JSON to protobuf-c messages and back, over descriptors and the generated side tables. No recursion deeper
 * than JSON_DEPTH_MAX, no allocation outside the arena, no trust in what comes in. */
#ifndef PETFOOD_RPC_JSON_JSON_H
#define PETFOOD_RPC_JSON_JSON_H

#include "google/protobuf/timestamp.pb-c.h"
#include "rpc/domain/nutrition/nutrients.h"
#include "rpc/json/tables.h"
#include "rpc/json/text.h"

enum { JSON_DEPTH_MAX = 32 };

struct json_parse_options {
	bool refuse_unknown;      /* an unknown field is a violation instead of being skipped */
	bool refuse_enum_numbers; /* enums by name only: what a number means is no business of HTTP clients */
	enum lang lang;           /* of the violations' sentences */
};
/* Fills an initialised message (protobuf_c_message_init) from one JSON object. Takes proto names and lowerCamel names, enums by
 * lower-case contract name, proto name or number (the zero value ..._UNSPECIFIED by none of them), numbers as numbers or texts
 * (rules J of the test lists), a message that is a list (petfood.as_list) as one, null = unset. Empty text = an empty object. options NULL = all zero. Fails with
 * INVALID_ARGUMENT: VALIDATION_FAILED with one violation per wrong field (dotted path, "allergens.2"; types: "type", "enum",
 * "range", "json_invalid", "unknown_field", "duplicate", "oneof", "utf8", "depth", "timestamp", "too_large" once the arena's
 * budget is used up). The path is "" where the whole document is meant. `out` is then partly filled. Violations are added to
 * those that *err already has. */
MUST_CHECK bool json_to_message(struct arena *arena, struct str json, const struct message_side *side,
                                const struct json_parse_options *options, ProtobufCMessage *out, struct error *err);

/* Sets one field (dotted path allowed) from text: a path variable or a query parameter. Repeated fields are appended to.
 * A list must have been made by these functions or be empty: not one that was unpacked.
 * unknown name: returns true and does nothing. Options (but refuse_unknown) and violations as above. */
MUST_CHECK bool json_set_field(struct arena *arena, const struct message_side *side, ProtobufCMessage *message,
                               struct str path, struct str value, const struct json_parse_options *options,
                               struct error *err);

/* Applies default_value to optional fields that are unset. */
void json_apply_defaults(struct arena *arena, const struct message_side *side, ProtobufCMessage *message);

/* Prints a message: proto names, unset = null (or left out with PRINT_OMIT), enums by contract name, 64-bit counters as numbers, times
 * with six digits and Z, doubles as the shortest text that reads back the same ("NaN", "Infinity" and
 * "-Infinity" as texts), raw_json bytes verbatim, maps as objects.
 * Non-ASCII as raw UTF-8; compact; no newline. */
void json_print(struct strbuf *out, const ProtobufCMessage *message);
struct str json_print_arena(struct arena *arena, const ProtobufCMessage *message);
/* The value of one field of the message, of whatever kind, as it stands behind its name there. */
void json_print_field(struct strbuf *out, const struct field_side *field, const ProtobufCMessage *message);

/* Timestamps of messages. */
Google__Protobuf__Timestamp *json_timestamp(struct arena *arena, int64_t at_us); /* 0 gives NULL = unset */
void json_timestamp_init(Google__Protobuf__Timestamp *out, int64_t at_us);
/* Microseconds since 1970; false if it lies outside the years 1..9999 or its nanos are out of range. */
bool json_timestamp_us(const Google__Protobuf__Timestamp *timestamp, int64_t *out_at_us);

#endif
