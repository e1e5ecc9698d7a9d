/* rpc/wire/status.h: errors to the status that a caller sees, and back. A caller sees code, reason, parameters, violations and
 * the text of the reason table; err->message is for our log and never leaves. */
#ifndef PETFOOD_RPC_WIRE_STATUS_H
#define PETFOOD_RPC_WIRE_STATUS_H

#include "petfood/rpc/v1/envelope.pb-c.h"
#include "rpc/wire/reason.h"

/* err->code RPC_OK gives the empty status. A reason that the table does not know passes as a token, with the text of its code. */
Petfood__Rpc__V1__Status *status_from_error(struct arena *arena, const struct error *err, enum lang lang);
/* Fills *err from a status; reason and names are interned. */
void status_to_error(const Petfood__Rpc__V1__Status *status, struct error *err);

/* A static copy of a token that came over the wire: from the reason table, else from a table of at most 256 others; "UNLISTED"
 * once that is full, or if it is not an upper- or lower-case word of 1..64 bytes. Any thread. */
const char *token_intern(struct str token);

#endif
