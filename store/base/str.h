/* store/base/str.h: text as pointer and length, and a buffer that grows.
 * A struct str borrows its bytes; it need not be NUL-terminated unless a function says so. */
#ifndef PETFOOD_STORE_BASE_STR_H
#define PETFOOD_STORE_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/arena.h"
#include "store/base/error.h"

struct str {
	const char *ptr;
	size_t len;
};
#define STR(literal) ((struct str){ "" literal "", sizeof(literal) - 1 })
#define STR_NONE ((struct str){ 0 })
#define STR_FMT "%.*s"
#define STR_ARG(s) (int)(s).len, (s).ptr ? (s).ptr : ""

struct str str_from(const char *cstr); /* NULL gives an empty str */
bool str_equal(struct str a, struct str b);
bool str_equal_nocase(struct str a, struct str b); /* ASCII only */
bool str_has_prefix(struct str s, struct str prefix);
bool str_has_suffix(struct str s, struct str suffix);
struct str str_trim(struct str s); /* ASCII white space at both ends */
/* Offset of the first needle at or after `from`, SIZE_MAX if none. */
size_t str_find(struct str s, struct str needle, size_t from);
/* Takes the part before the first `sep` off *rest; false once *rest is used up. */
bool str_split(struct str *rest, char sep, struct str *out_part);
bool str_to_int64(struct str s, int64_t *out);  /* whole string, decimal, optional minus */
bool str_to_double(struct str s, double *out);  /* whole string, finite, C locale */

/* Copies into the arena, NUL-terminated. */
struct str str_dup(struct arena *arena, struct str s);
char *str_dup_c(struct arena *arena, struct str s);
struct str str_printf(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms), NUL refused. */
bool str_is_utf8(struct str s);
size_t str_utf8_length(struct str s); /* code points of well-formed text */

/* A growing buffer. With an arena it never frees; without one (arena = NULL) it is heap memory, see strbuf_fini.
 * data is always NUL-terminated once anything was added. */
struct strbuf {
	struct arena *arena; /* NULL: heap */
	char *data;
	size_t len;
	size_t cap;
};
void strbuf_init(struct strbuf *buf, struct arena *arena);
void strbuf_fini(struct strbuf *buf); /* frees heap memory; harmless on an arena buffer */
void strbuf_reserve(struct strbuf *buf, size_t extra);
void strbuf_add(struct strbuf *buf, const void *bytes, size_t len);
void strbuf_add_str(struct strbuf *buf, struct str s);
void strbuf_add_cstr(struct strbuf *buf, const char *s);
void strbuf_add_char(struct strbuf *buf, char c);
void strbuf_printf(struct strbuf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
void strbuf_vprintf(struct strbuf *buf, const char *fmt, va_list args) PRINTF_LIKE(2, 0);
struct str strbuf_str(const struct strbuf *buf);

#endif
