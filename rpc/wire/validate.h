/* rpc/wire/validate.h: checks a message against the rules of its .proto (petfood.rule), by the generated tables. Whatever the
 * way a message came, over HTTP or directly, it is checked here, once, before its handler runs. */
#ifndef PETFOOD_RPC_WIRE_VALIDATE_H
#define PETFOOD_RPC_WIRE_VALIDATE_H

#include "rpc/json/tables.h"
#include "rpc/domain/nutrition/nutrients.h"

/* Fails with INVALID_ARGUMENT/VALIDATION_FAILED: one violation per wrong field, at most ERROR_VIOLATIONS_MAX, texts in `lang` (rpc/json/violation.h).
 * field: dotted proto path, list positions from 0 ("allergens.2"). type, one of:
 *   missing                 required and unset, empty or the enum's zero
 *   string_too_short, string_too_long   code points or, for max_bytes, bytes
 *   string_unicode          not UTF-8
 *   uuid_parsing, email, username       form; of a password the lengths above
 *   string_pattern_mismatch             form of a code or a phone number
 *   greater_than, greater_than_equal, less_than, less_than_equal, finite_number
 *   too_long                more items than max_items
 *   enum                    a number that names no value
 *   timestamp               outside years 1..9999
 *   depth                   nested deeper than 32 */
MUST_CHECK bool message_validate(const struct message_side *side, const ProtobufCMessage *message, enum lang lang,
                                 struct error *err);

/* Forms, also for those who hold a single text. */
bool text_is_uuid(struct str s);     /* 36 characters, hex digits of either case */
bool text_is_email(struct str s);    /* local@domain of RFC 5321's shape, a dot in the domain, no special-use domain */
bool text_is_username(struct str s); /* 3..50 of A-Z a-z 0-9 _ - and U+4E00..U+9FFF */
bool text_is_digits(struct str s, size_t least, size_t most); /* so many ASCII digits */

#endif
