/* A mail as bytes. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "rpc/outbound/mail/mail.h"

enum {
	WORD_BYTES = 30, /* of text in one encoded word: 52 characters with its frame, well inside RFC 2047's 75 */
	LINE_BYTES = 57, /* of a body in one line of base64: 76 characters (RFC 2045, 6.8) */
	PLAIN_LINE_MAX = 76,
	LOCAL_BYTES_MAX = 64, /* RFC 5321, 4.5.3.1.1 */
};

static bool is_domain_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

bool mail_address_check(struct str address, struct error *err)
{
	size_t at = str_find(address, STR("@"), 0);
	bool ok = address.len <= MAIL_ADDRESS_BYTES_MAX && at != SIZE_MAX && at > 0 && at <= LOCAL_BYTES_MAX &&
	          at + 1 < address.len;
	for (size_t i = 0; ok && i < at; i++) {
		char c = address.ptr[i];
		ok = c > 0x20 && c < 0x7f && !strchr("\"(),:;<>@[\\]", c);
	}
	for (size_t i = at + 1; ok && i < address.len; i++) ok = is_domain_char(address.ptr[i]);
	return ok || error_set(err, RPC_INVALID_ARGUMENT, "MAIL_ADDRESS", "not an address that mail can be sent to");
}

/* ---- headers ---- */

static void add_base64(struct strbuf *out, const void *bytes, size_t len)
{
	char text[sodium_base64_ENCODED_LEN(LINE_BYTES, sodium_base64_VARIANT_ORIGINAL)];
	sodium_bin2base64(text, sizeof text, bytes, len, sodium_base64_VARIANT_ORIGINAL);
	strbuf_add_cstr(out, text);
}

static bool is_plain_header(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < 0x20 || text.ptr[i] > 0x7e) return false;
	return text.len <= 60 && str_find(text, STR("=?"), 0) == SIZE_MAX;
}

/* RFC 2047, cut between characters. Control characters mean nothing in a header and become spaces. */
static void add_encoded(struct strbuf *out, struct str text)
{
	for (size_t at = 0; at < text.len;) {
		char word[WORD_BYTES];
		size_t len = text.len - at < WORD_BYTES ? text.len - at : WORD_BYTES;
		while (len > 1 && at + len < text.len && ((unsigned char)text.ptr[at + len] & 0xc0) == 0x80) len--;
		for (size_t i = 0; i < len; i++) {
			char c = text.ptr[at + i];
			word[i] = (unsigned char)c < 0x20 || c == 0x7f ? ' ' : c;
		}
		strbuf_add_cstr(out, at ? "\r\n =?UTF-8?B?" : "=?UTF-8?B?");
		add_base64(out, word, len);
		strbuf_add_cstr(out, "?=");
		at += len;
	}
}

/* A name before an address is a list of words, where some printable characters must be quoted: encoding does for all of them. */
static bool is_plain_name(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' '))
			return false;
	}
	return text.len <= 60;
}

/* RFC 5322, 3.3; the names are fixed, whatever the locale. */
static void add_date(struct strbuf *out, int64_t at_us)
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t at = (time_t)(at_us / 1000000);
	struct tm tm;
	if (!gmtime_r(&at, &tm)) die("a mail of no time");
	strbuf_printf(out, "Date: %s, %02d %s %04d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday], tm.tm_mday,
	              months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* ---- bodies ---- */

static bool is_plain_body(struct str body)
{
	size_t line = 0;
	for (size_t i = 0; i < body.len; i++) {
		char c = body.ptr[i];
		line = c == '\n' ? 0 : line + 1;
		if ((c != '\n' && (c < 0x20 || c > 0x7e)) || line > PLAIN_LINE_MAX) return false;
	}
	return true;
}

static struct str with_crlf(struct arena *arena, struct str body)
{
	struct strbuf out;
	strbuf_init(&out, arena);
	strbuf_reserve(&out, body.len + body.len / 16 + 2);
	for (size_t i = 0; i < body.len; i++) {
		if (body.ptr[i] == '\n') strbuf_add_char(&out, '\r');
		strbuf_add_char(&out, body.ptr[i]);
	}
	return strbuf_str(&out);
}

static void add_part(struct arena *arena, struct strbuf *out, struct str id, const char *subtype, struct str body)
{
	bool plain = is_plain_body(body);
	struct str lines = with_crlf(arena, body);
	strbuf_printf(
	    out, "--=_" STR_FMT "\r\nContent-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n",
	    STR_ARG(id), subtype, plain ? "7bit" : "base64");
	if (plain) {
		strbuf_add_str(out, lines);
		strbuf_add_cstr(out, "\r\n");
		return;
	}
	for (size_t at = 0; at < lines.len; at += LINE_BYTES) {
		add_base64(out, lines.ptr + at, lines.len - at < LINE_BYTES ? lines.len - at : LINE_BYTES);
		strbuf_add_cstr(out, "\r\n");
	}
}

bool mail_print(struct arena *arena, const struct mail_message *mail, struct str from_address, struct str *out,
                struct error *err)
{
	struct strbuf text;
	if (!mail_address_check(mail->to, err)) return false;
	if (!mail_address_check(from_address, err)) return error_context(err, "sender");
	for (size_t i = 0; i < mail->id.len; i++)
		if (!is_domain_char(mail->id.ptr[i])) die("a mail's id is no id");
	size_t at = str_find(from_address, STR("@"), 0) + 1;
	struct str domain = { from_address.ptr + at, from_address.len - at };

	strbuf_init(&text, arena);
	add_date(&text, mail->made_at_us);
	strbuf_add_cstr(&text, "From: ");
	if (is_plain_name(mail->from_name))
		strbuf_add_str(&text, mail->from_name);
	else
		add_encoded(&text, mail->from_name);
	strbuf_printf(&text, "%s<" STR_FMT ">\r\n", mail->from_name.len ? "\r\n " : "", STR_ARG(from_address));
	strbuf_printf(&text, "To: " STR_FMT "\r\n", STR_ARG(mail->to));
	strbuf_printf(&text, "Message-ID: <" STR_FMT "@" STR_FMT ">\r\n", STR_ARG(mail->id), STR_ARG(domain));
	strbuf_add_cstr(&text, "Subject: ");
	if (is_plain_header(mail->subject))
		strbuf_add_str(&text, mail->subject);
	else
		add_encoded(&text, mail->subject);
	/* Auto-Submitted: holiday notices do not answer (RFC 3834). */
	strbuf_printf(&text,
	              "\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
	              "Content-Type: multipart/alternative;\r\n boundary=\"=_" STR_FMT "\"\r\n\r\n",
	              STR_ARG(mail->id));
	add_part(arena, &text, mail->id, "plain", mail->text);
	add_part(arena, &text, mail->id, "html", mail->html);
	strbuf_printf(&text, "--=_" STR_FMT "--\r\n", STR_ARG(mail->id));
	*out = strbuf_str(&text);
	return true;
}
