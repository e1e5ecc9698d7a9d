#include "store/base/uuid.h"

#include <pthread.h>
#include <sodium.h>
#include <string.h>

#include "store/base/error.h"

/* Random bytes in store: every call has an id, and one system call per id would cost more than the rest of it. A process that
 * forks without exec would hand out the same bytes twice; nng forbids that anyway. */
struct pool {
	size_t left;
	unsigned char bytes[512];
};
static _Thread_local struct pool pool;

static void start(void)
{
	if (sodium_init() < 0) die("libsodium did not start");
}

void entropy_fill(void *out, size_t len)
{
	static pthread_once_t started = PTHREAD_ONCE_INIT;
	pthread_once(&started, start);
	if (len > sizeof pool.bytes / 4) {
		randombytes_buf(out, len);
		return;
	}
	if (pool.left < len) {
		randombytes_buf(pool.bytes, sizeof pool.bytes);
		pool.left = sizeof pool.bytes;
	}
	unsigned char *from = pool.bytes + sizeof pool.bytes - pool.left;
	memcpy(out, from, len);
	sodium_memzero(from, len); /* whoever looks at the memory later learns nothing of what was given out */
	pool.left -= len;
}

uint64_t entropy_u64(void)
{
	uint64_t v;
	entropy_fill(&v, sizeof v);
	return v;
}

void uuid_make(char out[UUID_TEXT_BYTES])
{
	unsigned char b[16];
	entropy_fill(b, sizeof b);
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	char *p = out;
	for (size_t i = 0; i < sizeof b; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10) *p++ = '-';
		static const char hex[] = "0123456789abcdef";
		*p++ = hex[b[i] >> 4];
		*p++ = hex[b[i] & 15];
	}
	*p = '\0';
}
