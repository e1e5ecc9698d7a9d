/* rpc/transport/listen.h: addresses that this process listens on, for REP and PUB sockets alike. */
#ifndef PETFOOD_RPC_TRANSPORT_LISTEN_H
#define PETFOOD_RPC_TRANSPORT_LISTEN_H

#include <nng/nng.h>

#include "store/base/error.h"
#include "store/base/str.h"

enum listen_scheme { LISTEN_INPROC, LISTEN_IPC, LISTEN_TCP };

struct listener {
	enum listen_scheme scheme;
	char *url;   /* with the port that was really bound */
	int lock_fd; /* ipc: held for as long as we listen; else -1 */
	nng_listener handle;
};

/* inproc://NAME; ipc:///PATH (socket 0600 in a directory of ours with mode 0700, which is made if it is not there; the lock file
 * PATH.lock is taken before the socket is touched, because a second listener's probe would silence the first one for good in
 * nng before 1.6); tcp://HOST:PORT (loopback unless allow_insecure_tcp; port 0 = any). Fails: FAILED_PRECONDITION/LISTEN_IN_USE,
 * INVALID_ARGUMENT/LISTEN_INVALID, both naming the address; then nothing is held. */
MUST_CHECK bool listener_open(struct listener *listener, nng_socket socket, struct str url, bool allow_insecure_tcp,
                              struct error *err);
/* Closes and listens again at the same address; the lock stays held. Pipes of this listener drop. */
MUST_CHECK bool listener_reopen(struct listener *listener, nng_socket socket, struct error *err);
void listener_close(struct listener *listener);

#endif
