/* rpc/transport/call_service.h: the handlers of petfood.rpc.v1.CallService. They act on calls under way, which only the server
 * knows, so they live here; both are inline. */
#ifndef PETFOOD_RPC_TRANSPORT_CALL_SERVICE_H
#define PETFOOD_RPC_TRANSPORT_CALL_SERVICE_H

#include "rpc/wire/call.h"

bool call_service_cancel(struct call *call, const void *request, void *reply, struct error *err);
bool call_service_ping(struct call *call, const void *request, void *reply, struct error *err);

#endif
