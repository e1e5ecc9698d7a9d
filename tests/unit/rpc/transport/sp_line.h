/* The wire below nng, by hand: a unix socket that speaks the SP mapping for IPC, so that a test can be the peer that no library would
 * be: one that sends half a frame, reads half an answer, or nothing at all. Blocking, with the fixture's patience. */
#ifndef PETFOOD_TESTS_TRANSPORT_SP_LINE_H
#define PETFOOD_TESTS_TRANSPORT_SP_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sp_protocol { SP_PUB = 0x20, SP_SUB = 0x21, SP_REQ = 0x30, SP_REP = 0x31 };
enum { SP_FRAME_HEAD = 1 + 8, SP_ID_BYTES = 4 };

/* Greeted; -1 if the peer did not. The greeting goes out at once: nng 1.5.2 falls silent for ever if a peer leaves before it. */
int sp_dial(const char *ipc_url, enum sp_protocol self);
int sp_listen(const char *ipc_url);
int sp_accept(int listener, enum sp_protocol self);

bool sp_write(int fd, const void *bytes, size_t len);
bool sp_read(int fd, void *bytes, size_t len);

/* The head of a frame with len bytes after it. */
void sp_head(uint8_t out[SP_FRAME_HEAD], uint64_t len);
/* A request or reply with its id (the top bit is set here). */
bool sp_send(int fd, uint32_t id, const void *bytes, size_t len);
/* False: the line is closed, or the frame does not fit. */
bool sp_receive(int fd, uint32_t *out_id, void *bytes, size_t cap, size_t *out_len);

#endif
