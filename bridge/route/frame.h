/* bridge/route/frame.h: server-sent events as bytes (HTML standard, 9.2; CONTRACT 1.8). */
#ifndef PETFOOD_BRIDGE_ROUTE_FRAME_H
#define PETFOOD_BRIDGE_ROUTE_FRAME_H

#include "store/base/str.h"

/* "id: 7\ndata: {…}\n\n"; number 0 = no id line. Data is one line by contract; should it hold line breaks all the same, each
 * line gets its own "data: ", which a reader joins again, so that it can never end the frame early or forge a field. */
void frame_event(struct strbuf *out, uint64_t number, struct str data);
/* ": text\n\n"; text is ours and has no line break. */
void frame_comment(struct strbuf *out, const char *text);
/* "retry: 2345\n\n": how long a reader waits before it comes back. */
void frame_retry(struct strbuf *out, unsigned wait_ms);

#endif
