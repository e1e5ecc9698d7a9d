#include "store/base/uuid.h"

#include <sodium.h>
#include <stdio.h>

#include "store/base/error.h"

void entropy_fill(void *out, size_t len)
{
	if (sodium_init() < 0) die("libsodium did not start");
	randombytes_buf(out, len);
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
