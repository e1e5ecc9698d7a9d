/* rpc/json/value.h: single values: where they lie in a protobuf-c message, and how text becomes one. Shared by the parser
 * of JSON, path variables and query parameters, and by the printer. Private to rpc/json. */
#ifndef PETFOOD_RPC_JSON_VALUE_H
#define PETFOOD_RPC_JSON_VALUE_H

#include "rpc/json/violation.h"

enum value_fault {
	VALUE_OK,
	VALUE_TYPE,      /* another kind of value was expected */
	VALUE_ENUM,      /* no value of the enum */
	VALUE_RANGE,     /* the number does not fit */
	VALUE_UTF8,      /* not UTF-8, an unpaired surrogate, or NUL, which a C string cannot hold */
	VALUE_TIMESTAMP, /* not RFC 3339 */
	VALUE_DUPLICATE, /* the field, under either spelling, or the map key was there before */
	VALUE_ONEOF,     /* another member of the oneof is set */
	VALUE_TOO_LARGE, /* the arena's budget is used up */
};
/* Adds the violation. path: dotted proto path. */
void value_violation(struct error *err, enum lang lang, const char *path, enum value_fault fault,
                     const struct field_side *field);

/* Bytes of one value of the field: of the member itself, or of one item of a repeated field. */
size_t value_bytes(const struct field_side *field);
/* The member of a singular field. */
void *value_at(const struct field_side *field, ProtobufCMessage *message);
/* Says that the member at value_at was filled: sets the case of an optional field or oneof. */
void value_set(const struct field_side *field, ProtobufCMessage *message);
/* Whether another member of the field's oneof is set. */
bool value_oneof_taken(const struct field_side *field, const ProtobufCMessage *message);

/* Room for one more item; it counts only after value_appended(). NULL: the budget is used up.
 * The room grows in steps that follow from the count alone, so a list must have been made here from its first item on. */
void *value_append(struct arena *arena, const struct field_side *field, ProtobufCMessage *message);
void value_appended(const struct field_side *field, ProtobufCMessage *message);

bool value_is_number(const struct field_side *field); /* a numeric type, not bool or enum */

/* Length of the number (RFC 8259) at the start of text, 0 if there is none. */
size_t number_bytes(struct str text);

/* Each reads the whole text into the value at `at`, whose type is the field's. An enum's zero value without a name of its own
 * cannot be given: it means that nothing was. */
enum value_fault value_read_number(const struct field_side *field, struct str text, void *at);
enum value_fault value_read_enum_name(const struct field_side *field, struct str text, void *at);
enum value_fault value_read_enum_number(const struct field_side *field, struct str text, void *at);
enum value_fault value_read_string(struct arena *arena, struct str text, void *at); /* copies; must be UTF-8 already */
enum value_fault value_read_base64(struct arena *arena, struct str text,
                                   void *at); /* standard or URL-safe, padded or not */
enum value_fault value_read_timestamp(struct arena *arena, struct str text, void *at);

#endif
