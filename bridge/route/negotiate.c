#include "bridge/route/negotiate.h"

#include <string.h>

#include "store/base/uuid.h"

/* "type/sub;a=b;q=0.5" -> "type/sub" and 0.5; a weight that cannot be read counts as 1, as if it were not there. */
static struct str range_and_quality(struct str item, double *out_quality)
{
	struct str name = STR_NONE, parameter;
	*out_quality = 1;
	if (str_split(&item, ';', &name)) name = str_trim(name);
	while (str_split(&item, ';', &parameter)) {
		parameter = str_trim(parameter);
		double weight;
		if (parameter.len < 3 || (parameter.ptr[0] | 0x20) != 'q' || parameter.ptr[1] != '=') continue;
		if (str_to_double((struct str){ parameter.ptr + 2, parameter.len - 2 }, &weight) && weight >= 0 &&
		    weight <= 1) {
			*out_quality = weight;
		}
	}
	return name;
}

/* 0 = the range does not cover the type, else how specific it is. */
static int range_covers(struct str range, struct str type)
{
	const char *slash = memchr(type.ptr, '/', type.len);
	size_t family = slash ? (size_t)(slash - type.ptr) : type.len;
	if (str_equal_nocase(range, type)) return 3;
	if (range.len == family + 2 && range.ptr[family] == '/' && range.ptr[family + 1] == '*' &&
	    str_equal_nocase((struct str){ range.ptr, family }, (struct str){ type.ptr, family })) {
		return 2;
	}
	return str_equal(range, STR("*/*")) ? 1 : 0;
}

double accept_quality(struct str accept, struct str type)
{
	struct str item;
	double quality = 0;
	int best = 0;
	bool any = false;
	while (str_split(&accept, ',', &item)) {
		double weight;
		struct str range = range_and_quality(item, &weight);
		if (range.len == 0) continue;
		any = true;
		int covers = range_covers(range, type);
		if (covers > best) {
			best = covers;
			quality = weight;
		}
	}
	return any ? quality : 1;
}

bool accept_gzip(struct str accept_encoding)
{
	struct str item;
	bool named = false;
	double quality = 0;
	while (str_split(&accept_encoding, ',', &item)) {
		double weight;
		struct str coding = range_and_quality(item, &weight);
		if (str_equal_nocase(coding, STR("gzip"))) {
			named = true;
			quality = weight;
		} else if (!named && str_equal(coding, STR("*"))) {
			quality = weight;
		}
	}
	return quality > 0;
}

bool content_type_is(struct str content_type, struct str type)
{
	struct str name;
	if (!str_split(&content_type, ';', &name)) return false;
	return str_equal_nocase(str_trim(name), type);
}

bool bearer_token(struct str authorization, struct str *out_token)
{
	struct str text = str_trim(authorization);
	static const struct str scheme = { "bearer", 6 };
	if (text.len <= scheme.len || text.ptr[scheme.len] != ' ') return false;
	if (!str_equal_nocase((struct str){ text.ptr, scheme.len }, scheme)) return false;
	*out_token = str_trim((struct str){ text.ptr + scheme.len, text.len - scheme.len });
	return out_token->len > 0;
}

bool is_plain_value(struct str value, size_t max_bytes)
{
	if (value.len == 0 || value.len > max_bytes) return false;
	for (size_t i = 0; i < value.len; i++) {
		if (value.ptr[i] < 0x20 || value.ptr[i] > 0x7e) return false;
	}
	return value.ptr[0] != ' ' && value.ptr[value.len - 1] != ' ';
}

/* `digits` lower-case hex digits, not all zero unless allowed. */
static bool is_hex(const char *at, size_t digits, bool may_be_zero)
{
	bool zero = true;
	for (size_t i = 0; i < digits; i++) {
		bool hex = (at[i] >= '0' && at[i] <= '9') || (at[i] >= 'a' && at[i] <= 'f');
		if (!hex) return false;
		if (at[i] != '0') zero = false;
	}
	return may_be_zero || !zero;
}

/* 00-<32 hex>-<16 hex>-<2 hex>; a later version may have more after another '-'. */
static bool traceparent_is_valid(struct str t)
{
	enum { VERSION = 0, TRACE = 3, SPAN = 36, FLAGS = 53, END = 55 };
	if (t.len < END || t.ptr[2] != '-' || t.ptr[35] != '-' || t.ptr[52] != '-') return false;
	if (!is_hex(t.ptr + VERSION, 2, true) || memcmp(t.ptr, "ff", 2) == 0) return false;
	if (!is_hex(t.ptr + TRACE, 32, false) || !is_hex(t.ptr + SPAN, 16, false) || !is_hex(t.ptr + FLAGS, 2, true))
		return false;
	return t.len == END || (memcmp(t.ptr, "00", 2) != 0 && t.ptr[END] == '-');
}

static void put_hex(char *out, const unsigned char *bytes, size_t count)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < count; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
}

bool traceparent_continue(struct str received, char out[TRACEPARENT_BYTES])
{
	unsigned char raw[24] = { 0 }; /* span id, trace id; one system call for both */
	bool valid = traceparent_is_valid(received);
	entropy_fill(raw, valid ? 8 : sizeof raw);
	raw[0] |= 1; /* never all zero */
	raw[8] |= 1;
	memcpy(out, "00-", 3);
	if (valid)
		memcpy(out + 3, received.ptr + 3, 32);
	else
		put_hex(out + 3, raw + 8, 16);
	out[35] = '-';
	put_hex(out + 36, raw, 8);
	out[52] = '-';
	memcpy(out + 53, valid ? received.ptr + 53 : "01", 2);
	out[55] = '\0';
	return valid;
}

bool request_id_is_valid(struct str id)
{
	if (id.len == 0 || id.len > REQUEST_ID_BYTES_MAX) return false;
	for (size_t i = 0; i < id.len; i++) {
		char c = id.ptr[i];
		bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!letter && !strchr("-_.:", c)) return false;
		if (c == '\0') return false;
	}
	return true;
}

/* The name in "name", "name:8000", "[::1]:8000"; none if it is anything else, for what stands in the list must not only begin or end it. */
static struct str host_name(struct str host)
{
	static const char name_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	size_t end = 0;
	if (host.len > 0 && host.ptr[0] == '[') {
		const char *bracket = memchr(host.ptr, ']', host.len);
		end = bracket ? (size_t)(bracket - host.ptr) + 1 : 0;
	} else {
		while (end < host.len && host.ptr[end] && strchr(name_bytes, host.ptr[end])) end++;
	}
	if (end < host.len && host.ptr[end] != ':') return STR_NONE;
	for (size_t i = end + 1; i < host.len; i++)
		if (host.ptr[i] < '0' || host.ptr[i] > '9') return STR_NONE;
	return (struct str){ host.ptr, end };
}

bool host_is_allowed(const struct str *allowed, size_t count, struct str host)
{
	struct str name = host_name(host);
	if (count == 0) return true;
	for (size_t i = 0; i < count; i++) {
		struct str row = allowed[i];
		if (str_equal(row, STR("*"))) return true;
		if (host.len > 0 && str_equal_nocase(row, host)) return true;
		if (name.len == 0) continue;
		if (str_equal_nocase(row, name)) return true;
		if (str_has_prefix(row, STR("*.")) && name.len > row.len - 1) {
			struct str tail = { name.ptr + name.len - (row.len - 1), row.len - 1 };
			if (str_equal_nocase(tail, (struct str){ row.ptr + 1, row.len - 1 })) return true;
		}
	}
	return false;
}
