/* rpc/transport/sock_close.h: closes an nng socket without trusting nng to come back. In nng 1.5 the thread that clears away closed
 * connections can wait for one of them for ever (a peer that left in the middle of a reply is enough), and from then on no nng_close
 * of the process returns. */
#ifndef PETFOOD_RPC_TRANSPORT_SOCK_CLOSE_H
#define PETFOOD_RPC_TRANSPORT_SOCK_CLOSE_H

#include <nng/nng.h>
#include <stdbool.h>

enum { SOCK_CLOSE_WAIT_MS = 2000 };

/* Waits so long. False: it is still closing, on a thread that is left behind; its callbacks may come later, so that what they refer to
 * must stay. Said in the log. */
bool sock_close(nng_socket socket);

#endif
