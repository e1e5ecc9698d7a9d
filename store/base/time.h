/* store/base/time.h: instants are microseconds since 1970 UTC (`_at_us`), spans are milliseconds (`_ms`).
 * Product code asks a struct clock, so that tests can set it. */
#ifndef PETFOOD_STORE_BASE_TIME_H
#define PETFOOD_STORE_BASE_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/str.h"

int64_t time_now_us(void);       /* wall clock, UTC */
int64_t time_monotonic_ms(void); /* never goes back; for deadlines */
int64_t time_monotonic_us(void);

/* Where now comes from. */
struct clock {
	int64_t (*now_us)(void *self);
	void *self;
};
extern const struct clock clock_system;
static inline int64_t clock_now_us(const struct clock *clock) { return clock->now_us(clock->self); }

enum { TIME_TEXT_BYTES = 32 };
/* "2026-01-02T03:04:05.123456Z"; years 1..9999 */
void time_format(int64_t at_us, char out[TIME_TEXT_BYTES]);
/* RFC 3339 with upper-case T, 0..9 fraction digits (cut to six), Z or offset. False if it is not one. */
bool time_parse(struct str text, int64_t *out_at_us);

#endif
