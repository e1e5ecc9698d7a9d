#include "rpc/json/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of the well-formed code point at the start of s, 0 if there is none. */
static size_t code_point_bytes(struct str s)
{
	unsigned char c = (unsigned char)s.ptr[0];
	size_t n = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	return n <= s.len && str_is_utf8((struct str){ s.ptr, n }) ? n : 0;
}

void json_print_string(struct strbuf *out, struct str text)
{
	strbuf_reserve(out, text.len + 2);
	strbuf_add_char(out, '"');
	size_t plain = 0; /* start of what can be copied as it is */
	for (size_t i = 0; i < text.len;) {
		unsigned char c = (unsigned char)text.ptr[i];
		size_t step = 1;
		char escape[8] = "";
		if (c == '"' || c == '\\')
			(void)snprintf(escape, sizeof escape, "\\%c", c);
		else if (c == '\n')
			memcpy(escape, "\\n", 3);
		else if (c == '\r')
			memcpy(escape, "\\r", 3);
		else if (c == '\t')
			memcpy(escape, "\\t", 3);
		else if (c < 0x20)
			(void)snprintf(escape, sizeof escape, "\\u%04x", c);
		else if (c >= 0x80) {
			step = code_point_bytes((struct str){ text.ptr + i, text.len - i });
			if (step == 0) {
				memcpy(escape, "\xef\xbf\xbd", 4);
				step = 1;
			}
		}
		if (escape[0]) {
			strbuf_add(out, text.ptr + plain, i - plain);
			strbuf_add_cstr(out, escape);
			plain = i + step;
		}
		i += step;
	}
	if (text.len > plain) strbuf_add(out, text.ptr + plain, text.len - plain);
	strbuf_add_char(out, '"');
}

/* ProtoJSON's names: JSON has no numbers for these. */
static void print_special(struct strbuf *out, double value)
{
	strbuf_add_cstr(out, isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
}

void json_print_double(struct strbuf *out, double value)
{
	if (!isfinite(value)) {
		print_special(out, value);
		return;
	}
	char text[32];
	for (int digits = 15; digits <= 17; digits++) { /* 17 always read back the same */
		(void)snprintf(text, sizeof text, "%.*g", digits, value);
		if (strtod(text, NULL) == value) break;
	}
	strbuf_add_cstr(out, text);
}

void json_print_float(struct strbuf *out, float value)
{
	if (!isfinite(value)) {
		print_special(out, (double)value);
		return;
	}
	char text[32];
	for (int digits = 6; digits <= 9; digits++) { /* 9 always read back the same */
		(void)snprintf(text, sizeof text, "%.*g", digits, (double)value);
		if (strtof(text, NULL) == value) break;
	}
	strbuf_add_cstr(out, text);
}
