#include "store/base/str.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct str str_from(const char *cstr) { return (struct str){ cstr, cstr ? strlen(cstr) : 0 }; }

bool str_equal(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

bool str_equal_nocase(struct str a, struct str b)
{
	if (a.len != b.len) return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.ptr[i]) != lower(b.ptr[i])) return false;
	return true;
}

bool str_has_prefix(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_equal((struct str){ s.ptr, prefix.len }, prefix);
}

bool str_has_suffix(struct str s, struct str suffix)
{
	if (s.len < suffix.len) return false;
	if (suffix.len == 0) return true;
	return str_equal((struct str){ s.ptr + s.len - suffix.len, suffix.len }, suffix);
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

struct str str_trim(struct str s)
{
	while (s.len && is_space(s.ptr[0])) s.ptr++, s.len--;
	while (s.len && is_space(s.ptr[s.len - 1])) s.len--;
	return s;
}

size_t str_find(struct str s, struct str needle, size_t from)
{
	if (from > s.len || needle.len > s.len - from) return SIZE_MAX;
	if (needle.len == 0) return from;
	const char *hit = memmem(s.ptr + from, s.len - from, needle.ptr, needle.len);
	return hit ? (size_t)(hit - s.ptr) : SIZE_MAX;
}

bool str_split(struct str *rest, char sep, struct str *out_part)
{
	if (!rest->ptr) return false;
	const char *hit = rest->len ? memchr(rest->ptr, sep, rest->len) : NULL;
	if (!hit) {
		*out_part = *rest;
		*rest = STR_NONE;
		return true;
	}
	*out_part = (struct str){ rest->ptr, (size_t)(hit - rest->ptr) };
	rest->len -= out_part->len + 1;
	rest->ptr = hit + 1;
	return true;
}

bool str_to_int64(struct str s, int64_t *out)
{
	char text[24];
	if (s.len == 0 || s.len >= sizeof text || !(s.ptr[0] == '-' || (s.ptr[0] >= '0' && s.ptr[0] <= '9'))) return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	char *end = NULL;
	errno = 0;
	long long v = strtoll(text, &end, 10);
	if (errno || end != text + s.len) return false;
	*out = v;
	return true;
}

bool str_to_double(struct str s, double *out)
{
	char text[400];
	if (s.len == 0 || s.len >= sizeof text || is_space(s.ptr[0])) return false;
	for (size_t i = 0; i < s.len; i++) /* keeps strtod from taking inf, nan and hex */
		if (!strchr("0123456789+-.eE", s.ptr[i]) || s.ptr[i] == '\0') return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	char *end = NULL;
	double v = strtod(text, &end);
	if (end != text + s.len || !isfinite(v)) return false;
	*out = v;
	return true;
}

char *str_dup_c(struct arena *arena, struct str s)
{
	char *copy = arena_alloc(arena, s.len + 1);
	if (s.len) memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return copy;
}

struct str str_dup(struct arena *arena, struct str s) { return (struct str){ str_dup_c(arena, s), s.len }; }

struct str str_printf(struct arena *arena, const char *fmt, ...)
{
	struct strbuf buf;
	strbuf_init(&buf, arena);
	va_list args;
	va_start(args, fmt);
	strbuf_vprintf(&buf, fmt, args);
	va_end(args);
	return strbuf_str(&buf);
}

/* Bytes of the code point at p (at most `left`), 0 if it is not well formed. */
static size_t utf8_step(const unsigned char *p, size_t left)
{
	unsigned char c = p[0];
	if (c < 0x80) return c != 0;
	size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	if (c < 0xc2 || c > 0xf4 || left < n) return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80) return 0;
	if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f)) return 0;
	if ((c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f)) return 0;
	return n;
}

bool str_is_utf8(struct str s)
{
	for (size_t i = 0; i < s.len;) {
		size_t n = utf8_step((const unsigned char *)s.ptr + i, s.len - i);
		if (n == 0) return false;
		i += n;
	}
	return true;
}

size_t str_utf8_length(struct str s)
{
	size_t points = 0;
	for (size_t i = 0; i < s.len; i++)
		if (((unsigned char)s.ptr[i] & 0xc0) != 0x80) points++;
	return points;
}

void strbuf_init(struct strbuf *buf, struct arena *arena) { *buf = (struct strbuf){ .arena = arena }; }

void strbuf_fini(struct strbuf *buf)
{
	if (!buf->arena) free(buf->data);
	*buf = (struct strbuf){ .arena = buf->arena };
}

void strbuf_reserve(struct strbuf *buf, size_t extra)
{
	if (extra > SIZE_MAX / 4 - buf->len) die("strbuf: %zu bytes asked for", extra);
	size_t need = buf->len + extra + 1;
	if (need <= buf->cap) return;
	size_t cap = buf->cap ? buf->cap * 2 : 64;
	while (cap < need) cap *= 2;
	if (buf->arena) {
		char *grown = arena_alloc(buf->arena, cap);
		if (buf->len) memcpy(grown, buf->data, buf->len);
		buf->data = grown;
	} else {
		buf->data = realloc(buf->data, cap);
		if (!buf->data) die("out of memory");
	}
	buf->cap = cap;
}

void strbuf_add(struct strbuf *buf, const void *bytes, size_t len)
{
	strbuf_reserve(buf, len);
	if (len) memcpy(buf->data + buf->len, bytes, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void strbuf_add_str(struct strbuf *buf, struct str s) { strbuf_add(buf, s.ptr, s.len); }
void strbuf_add_cstr(struct strbuf *buf, const char *s) { strbuf_add(buf, s, strlen(s)); }
void strbuf_add_char(struct strbuf *buf, char c) { strbuf_add(buf, &c, 1); }

void strbuf_vprintf(struct strbuf *buf, const char *fmt, va_list args)
{
	va_list again;
	va_copy(again, args);
	int need = vsnprintf(NULL, 0, fmt, args);
	if (need < 0) die("bad format %s", fmt);
	strbuf_reserve(buf, (size_t)need);
	(void)vsnprintf(buf->data + buf->len, (size_t)need + 1, fmt, again);
	va_end(again);
	buf->len += (size_t)need;
}

void strbuf_printf(struct strbuf *buf, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	strbuf_vprintf(buf, fmt, args);
	va_end(args);
}

struct str strbuf_str(const struct strbuf *buf)
{
	return buf->data ? (struct str){ buf->data, buf->len } : STR("");
}
