/* bridge/route/reply.h: how a call's outcome looks over HTTP (CONTRACT 1.2, 1.3 with section 9: errors are flat). */
#ifndef PETFOOD_BRIDGE_ROUTE_REPLY_H
#define PETFOOD_BRIDGE_ROUTE_REPLY_H

#include "rpc/transport/client.h"

/* {"code":0,"message":"…","data":…} with data already JSON. */
void reply_envelope(struct strbuf *out, struct str message, struct str data);
/* The same for a method's reply: the method's done text, and the reply message or its response_body field. */
void reply_done(struct strbuf *out, const struct route_side *route, enum lang lang, const ProtobufCMessage *reply);

struct reply_problem {
	int status;            /* HTTP */
	int64_t retry_after_s; /* -1 = no Retry-After */
};
/* {"code":…,"message":"…","detail":null | {parameters} | [{field,message,type}]}. route may be NULL: fields of violations
 * then stand as they are; local: they have their location already. */
struct reply_problem reply_failed(struct strbuf *out, const struct route_side *route, bool local, enum lang lang,
                                  const struct rpc_outcome *outcome);

/* An error of our own as the outcome of a call, its text rendered in lang; in the arena. */
struct rpc_outcome reply_outcome(struct arena *arena, enum lang lang, const struct error *err);

#endif
