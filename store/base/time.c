#include "store/base/time.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_clock_us(clockid_t id)
{
	struct timespec ts;
	if (clock_gettime(id, &ts) != 0) die("clock_gettime failed");
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t time_now_us(void) { return read_clock_us(CLOCK_REALTIME); }
int64_t time_monotonic_us(void) { return read_clock_us(CLOCK_MONOTONIC); }
int64_t time_monotonic_ms(void) { return time_monotonic_us() / 1000; }

static int64_t system_now_us(void *self)
{
	(void)self;
	return time_now_us();
}
const struct clock clock_system = { system_now_us, NULL };

void time_format(int64_t at_us, char out[TIME_TEXT_BYTES])
{
	int64_t sec = at_us / 1000000, frac = at_us % 1000000;
	if (frac < 0) sec--, frac += 1000000;
	time_t t = (time_t)sec;
	struct tm tm;
	if (!gmtime_r(&t, &tm) || tm.tm_year < -1899 || tm.tm_year > 8099) {
		(void)snprintf(out, TIME_TEXT_BYTES, "1970-01-01T00:00:00.000000Z");
		return;
	}
	size_t n = strftime(out, TIME_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
	if (tm.tm_year < -900) /* strftime does not pad years below 1000 */
		n = (size_t)snprintf(out, TIME_TEXT_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u", (unsigned)(tm.tm_year + 1900) % 10000u,
		                     (unsigned)(tm.tm_mon + 1) % 100u, (unsigned)tm.tm_mday % 100u, (unsigned)tm.tm_hour % 100u,
		                     (unsigned)tm.tm_min % 100u, (unsigned)tm.tm_sec % 100u);
	(void)snprintf(out + n, TIME_TEXT_BYTES - n, ".%06dZ", (int)frac);
}

/* Exactly `digits` decimal digits. */
static bool number(struct str *s, size_t digits, int *out)
{
	if (s->len < digits) return false;
	int v = 0;
	for (size_t i = 0; i < digits; i++) {
		if (s->ptr[i] < '0' || s->ptr[i] > '9') return false;
		v = v * 10 + (s->ptr[i] - '0');
	}
	s->ptr += digits;
	s->len -= digits;
	*out = v;
	return true;
}

static bool literal(struct str *s, char c)
{
	if (s->len == 0 || s->ptr[0] != c) return false;
	s->ptr++;
	s->len--;
	return true;
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

bool time_parse(struct str s, int64_t *out_at_us)
{
	int year, month, day, hour, minute, second, frac_us = 0, offset_minutes = 0;
	if (!number(&s, 4, &year) || !literal(&s, '-') || !number(&s, 2, &month) || !literal(&s, '-') ||
	    !number(&s, 2, &day) || !literal(&s, 'T') || !number(&s, 2, &hour) || !literal(&s, ':') ||
	    !number(&s, 2, &minute) || !literal(&s, ':') || !number(&s, 2, &second))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 || minute > 59 ||
	    second > 59)
		return false;
	if (literal(&s, '.')) {
		int scale = 100000, digits = 0;
		for (; s.len && s.ptr[0] >= '0' && s.ptr[0] <= '9'; digits++, s.ptr++, s.len--) {
			frac_us += (s.ptr[0] - '0') * scale;
			scale /= 10;
		}
		if (digits == 0 || digits > 9) return false;
	}
	if (!literal(&s, 'Z')) {
		int sign = literal(&s, '+') ? 1 : literal(&s, '-') ? -1 : 0, oh, om;
		if (!sign || !number(&s, 2, &oh) || !literal(&s, ':') || !number(&s, 2, &om) || oh > 23 || om > 59) return false;
		offset_minutes = sign * (oh * 60 + om);
	}
	if (s.len) return false;
	struct tm tm = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute, .tm_sec = second };
	*out_at_us = ((int64_t)timegm(&tm) - (int64_t)offset_minutes * 60) * 1000000 + frac_us;
	return true;
}
