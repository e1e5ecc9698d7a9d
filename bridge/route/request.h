/* bridge/route/request.h: one HTTP request becomes the method's request message (google.api.http: path variables, body, and the rest
 * from the query). */
#ifndef PETFOOD_BRIDGE_ROUTE_REQUEST_H
#define PETFOOD_BRIDGE_ROUTE_REQUEST_H

#include "bridge/route/match.h"
#include "rpc/domain/nutrition/nutrients.h"

struct request_parts {
	struct str query;         /* raw, without "?" */
	struct str body;          /* JSON; read only if the route has a body */
	struct str last_event_id; /* header; goes before the query parameter of streams; "" = none */
	enum lang lang;           /* of the violations */
};

/* Makes and fills the message, in the arena. Order: body, query (only if the body is not the whole message), header, path; a
 * later one wins over an earlier one for the same field. Unknown query names are ignored; in the query "+" is a space, as
 * browsers and form encoders write it. Enums are taken by name only. A path variable that is no text (not UTF-8, NUL) becomes "?",
 * the id of nothing: whatever stands in an id's place is found or not found, never wrong (CONTRACT 1.1). Fails: INVALID_ARGUMENT/VALIDATION_FAILED, fields as "body.x", "query.x", "path.x". */
MUST_CHECK bool request_build(struct arena *arena, const struct route_match *match, const struct request_parts *parts,
                              ProtobufCMessage **out, struct error *err);

/* Where a field of the method's request message comes from under this route: "path", "body" or "query". */
const char *request_location(const struct route_side *route, struct str field);

#endif
