/* tools/petfoodd/port_holder.h: who listens on a TCP port of this machine, for the message about a busy port. */
#ifndef PETFOOD_TOOLS_PETFOODD_PORT_HOLDER_H
#define PETFOOD_TOOLS_PETFOODD_PORT_HOLDER_H

#include <stdint.h>

#include "store/base/str.h"

/* "nginx (pid 812)"; "another program" if /proc does not tell (a process of another user). */
struct str port_holder(struct arena *arena, uint16_t port);

#endif
