/* store/base/uuid.h: random ids (RFC 9562, version 4) as lower-case text of 36 characters. */
#ifndef PETFOOD_STORE_BASE_UUID_H
#define PETFOOD_STORE_BASE_UUID_H

#include <stddef.h>
#include <stdint.h>

enum { UUID_TEXT_BYTES = 37 };
void uuid_make(char out[UUID_TEXT_BYTES]);

/* Random bytes from the system's CSPRNG (libsodium); any thread. */
void entropy_fill(void *out, size_t len);
uint64_t entropy_u64(void);

#endif
