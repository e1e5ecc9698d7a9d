/* rpc/transport/watchdog.h: revives listeners that nng before 1.6 lets die: a peer that hangs up before the handshake makes such a
 * listener accept nothing for ever. */
#ifndef PETFOOD_RPC_TRANSPORT_WATCHDOG_H
#define PETFOOD_RPC_TRANSPORT_WATCHDOG_H

#include "rpc/transport/listen.h"

struct watchdog; /* opaque */
enum watched { WATCHED_REP, WATCHED_PUB };
/* One thread that dials each ipc and tcp listener afresh every interval_ms; REP must answer a Ping, and what is published on PUB
 * (under "watch/", just for that) must reach a new subscriber. Nothing for 3 s, and the listener is opened again.
 * Everything is borrowed. */
struct watchdog *watchdog_start(enum watched kind, nng_socket socket, struct listener *listeners, size_t count, int64_t interval_ms);
void watchdog_stop(struct watchdog **watchdog); /* accepts NULL */

#endif
