/* rpc/transport/sp_ping.h: one Ping over a connection of its own, without nng. The watchdog must not hang with what it watches: in
 * nng 1.5.2 nng_close of a socket whose connection is being made or torn down may never return (seen about once in some thousand
 * fresh dials). This speaks just enough of the wire format: the SP handshake and one REQ message (nng's SP over TCP and IPC mappings). */
#ifndef PETFOOD_RPC_TRANSPORT_SP_PING_H
#define PETFOOD_RPC_TRANSPORT_SP_PING_H

#include "store/base/str.h"

/* True if a well-formed reply came within timeout_ms (a span of the monotonic clock) and before stop_fd became readable.
 * url: "ipc:///path" or "tcp://ADDRESS:port" with a numeric address. request: the packed envelope. */
bool sp_ping(const char *url, struct str request, int64_t timeout_ms, int stop_fd);
/* The same for a PUB socket, which answers nothing: true if a new subscriber hears something. speak is called again and again meanwhile
 * and publishes anything: the subscriber is among the socket's pipes only some time after the greeting, and a listener that was
 * silenced still greets. */
bool sp_hear(const char *url, void (*speak)(void *self), void *self, int64_t timeout_ms, int stop_fd);

#endif
