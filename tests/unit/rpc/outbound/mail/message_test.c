/* A mail as bytes: addresses, header lines, encodings, and that nothing from outside becomes a header. */
#include <sodium.h>

#include "rpc/outbound/mail/mail.h"
#include "tests/support/check.h"

#define ID "018f2c00-0000-4000-8000-000000000001"
#define MADE_AT_US INT64_C(1767323045123456) /* 2026-01-02T03:04:05Z, a Friday */

static void test_addresses(void)
{
	static const struct {
		const char *text;
		bool ok;
	} rows[] = {
		{ "a@b", true },
		{ "ann.lee+pets@example.com", true },
		{ "!#$%&'*+-/=?^_`{|}~@example.com", true },
		{ "ann@xn--fiqs8s.example", true },
		{ "", false },
		{ "ann", false },
		{ "@example.com", false },
		{ "ann@", false },
		{ "ann@b@c", false },
		{ "ann lee@example.com", false },
		{ "ann@exa mple.com", false },
		{ "<ann@example.com>", false },
		{ "\"ann\"@example.com", false },
		{ "ann@example.com,bob@example.com", false },
		{ "ann@example.com;bob", false },
		{ "group:ann@example.com", false },
		{ "ann\\@example.com", false },
		{ "ann(x)@example.com", false },
		{ "ann@[127.0.0.1]", false },
		{ "A28 ann@example.com\r\nBcc: eve@example.com", false },
		{ "ann@example.com\r\nBcc:eve@example.com", false },
		{ "ann\r\nBcc:eve@example.com", false },
		{ "ann@example.com\n", false },
		{ "ann\t@example.com", false },
		{ "ann@example.com\x7f", false },
		{ "安@example.com", false },
		{ "ann@例子.com", false },
		{ "ann@example.com> SIZE=1 RCPT TO:<eve@example.com", false },
	};
	struct error err;
	for (size_t i = 0; i < COUNT(rows); i++) {
		error_clear(&err);
		CHECK_ROW(rows[i].text, mail_address_check(str_from(rows[i].text), &err) == rows[i].ok);
		if (!rows[i].ok)
			CHECK_ROW(rows[i].text, error_is(&err, "MAIL_ADDRESS") && err.code == RPC_INVALID_ARGUMENT);
	}
	CHECK(!mail_address_check((struct str){ "ann\0@example.com", 16 }, &err));
	char text[400];
	memset(text, 'a', sizeof text);
	text[64] = '@';
	CHECK(mail_address_check((struct str){ text, 254 }, &err));
	CHECK(!mail_address_check((struct str){ text, 255 }, &err));
	text[64] = 'a';
	text[65] = '@';
	CHECK(!mail_address_check((struct str){ text, 100 }, &err));
}

static struct str print(struct arena *arena, struct mail_message mail)
{
	struct error err;
	struct str out = STR_NONE;
	mail.id = STR(ID);
	mail.made_at_us = MADE_AT_US;
	error_clear(&err);
	CHECK_OK(mail_print(arena, &mail, STR("petfood@example.org"), &out, &err), &err);
	return out;
}

static void test_whole(struct arena *arena)
{
	static const char want[] = "Date: Fri, 02 Jan 2026 03:04:05 +0000\r\n"
	                           "From: Pet Food\r\n <petfood@example.org>\r\n"
	                           "To: ann@example.com\r\n"
	                           "Message-ID: <" ID "@example.org>\r\n"
	                           "Subject: Hello\r\n"
	                           "Auto-Submitted: auto-generated\r\n"
	                           "MIME-Version: 1.0\r\n"
	                           "Content-Type: multipart/alternative;\r\n boundary=\"=_" ID "\"\r\n"
	                           "\r\n"
	                           "--=_" ID "\r\n"
	                           "Content-Type: text/plain; charset=utf-8\r\n"
	                           "Content-Transfer-Encoding: 7bit\r\n"
	                           "\r\n"
	                           "one\r\n.\r\ntwo\r\n\r\n"
	                           "--=_" ID "\r\n"
	                           "Content-Type: text/html; charset=utf-8\r\n"
	                           "Content-Transfer-Encoding: base64\r\n"
	                           "\r\n"
	                           "PGI+5a6JPC9iPg0K\r\n"
	                           "--=_" ID "--\r\n";
	struct mail_message mail = { .from_name = STR("Pet Food"),
		                     .to = STR("ann@example.com"),
		                     .subject = STR("Hello"),
		                     .text = STR("one\n.\ntwo\n"),
		                     .html = STR("<b>安</b>\n") };
	CHECK_STR(print(arena, mail), want);
}

/* The header's lines, unfolded, and its names in order. */
static size_t header_names(struct arena *arena, struct str mail, struct str names[32])
{
	size_t count = 0, end = str_find(mail, STR("\r\n\r\n"), 0);
	struct str rest = { mail.ptr, end == SIZE_MAX ? 0 : end }, line;
	while (str_split(&rest, '\n', &line) && count < 32) {
		if (line.len && (line.ptr[0] == ' ' || line.ptr[0] == '\t')) continue;
		size_t colon = str_find(line, STR(":"), 0);
		names[count++] = str_dup(arena, (struct str){ line.ptr, colon == SIZE_MAX ? line.len : colon });
	}
	return count;
}

/* A28: whatever stands in name, subject or body, the header has these lines and no others; every line is short 7-bit text ended by
 * CR LF. */
static void test_a28_injection(struct arena *arena)
{
	static const char *const evil[] = {
		"Hello\r\nBcc: eve@example.com",
		"Hello\nBcc: eve@example.com",
		"Hello\rBcc: eve@example.com",
		"\r\n\r\nbody",
		"\n",
		"\x01\x7f\x1b[0m",
		"=?UTF-8?B?DQpCY2M6IGV2ZUBleGFtcGxlLmNvbQ==?=",
		"a\" <eve@example.com>, \"b",
		"eve@example.com",
		"--=_" ID "--",
		".\r\nQUIT\r\n",
		"一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十",
		"\xff\xfe\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"
		"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80",
		"",
		"a very long line of ASCII that goes on and on without any end in sight until it has passed all limits "
		"of a line in a mail, and then some more",
	};
	static const char *const want[] = { "Date",    "From",           "To",           "Message-ID",
		                            "Subject", "Auto-Submitted", "MIME-Version", "Content-Type" };
	for (size_t i = 0; i < COUNT(evil) * 3; i++) {
		struct mail_message mail = { .from_name = STR("n"),
			                     .to = STR("ann@example.com"),
			                     .subject = STR("s"),
			                     .text = STR("t\n"),
			                     .html = STR("h\n") };
		struct str bad = str_from(evil[i / 3]), names[32];
		if (i % 3 == 0) mail.from_name = bad;
		if (i % 3 == 1) mail.subject = bad;
		if (i % 3 == 2) mail.text = mail.html = bad;
		struct str bytes = print(arena, mail);
		size_t count = header_names(arena, bytes, names), line = 0;
		CHECK_ROW(bad.ptr, count == COUNT(want));
		for (size_t n = 0; n < count && n < COUNT(want); n++) CHECK_STR_ROW(bad.ptr, names[n], want[n]);
		bool sound = true;
		for (size_t at = 0; at < bytes.len; at++) {
			unsigned char c = (unsigned char)bytes.ptr[at];
			bool cr = c == '\r', lf = c == '\n';
			sound = sound && (lf   ? at > 0 && bytes.ptr[at - 1] == '\r'
			                  : cr ? at + 1 < bytes.len && bytes.ptr[at + 1] == '\n'
			                       : c >= 0x20 && c < 0x7f);
			line = lf ? 0 : line + 1;
			sound =
			    sound &&
			    line <= 100; /* addresses aside nothing is long: RFC 5322 asks for 78 where it can be had */
		}
		CHECK_ROW(bad.ptr, sound);
	}
	struct error err;
	struct str out;
	struct mail_message mail = { .id = STR(ID), .to = STR("ann@example.com\r\nBcc: eve@example.com") };
	CHECK(!mail_print(arena, &mail, STR("petfood@example.org"), &out, &err) && error_is(&err, "MAIL_ADDRESS"));
	mail.to = STR("ann@example.com");
	CHECK(!mail_print(arena, &mail, STR("petfood@example.org\r\nX: y"), &out, &err) &&
	      error_is(&err, "MAIL_ADDRESS"));
}

/* RFC 2047 read back: what was put in comes out, in words of at most 75 characters that end between characters. */
static void test_encoded_words(struct arena *arena)
{
	static const char *const texts[] = {
		"【宠物饮食计划智能助手】密码重置验证码",           "é", "aé🐕b", "一", "一二三四五六七八九十一",
		"naïve and then a long run of ASCII words after it"
	};
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct mail_message mail = { .from_name = STR("n"),
			                     .to = STR("a@b"),
			                     .subject = str_from(texts[i]),
			                     .text = STR("t"),
			                     .html = STR("h") };
		struct str bytes = print(arena, mail);
		size_t from = str_find(bytes, STR("Subject: "), 0) + 9, to = str_find(bytes, STR("\r\nAuto"), 0);
		struct str rest = { bytes.ptr + from, to - from }, word;
		struct strbuf decoded;
		strbuf_init(&decoded, arena);
		while (str_split(&rest, '\n', &word)) {
			unsigned char part[80];
			size_t len = 0;
			word = str_trim(word);
			CHECK_ROW(texts[i], word.len <= 75 && str_has_prefix(word, STR("=?UTF-8?B?")) &&
			                        str_has_suffix(word, STR("?=")));
			CHECK_ROW(texts[i], sodium_base642bin(part, sizeof part, word.ptr + 10, word.len - 12, NULL,
			                                      &len, NULL, sodium_base64_VARIANT_ORIGINAL) == 0);
			CHECK_ROW(texts[i], str_is_utf8((struct str){ (char *)part, len }));
			strbuf_add(&decoded, part, len);
		}
		CHECK_STR_ROW(texts[i], strbuf_str(&decoded), texts[i]);
	}
}

int main(void)
{
	struct arena *arena = arena_create(0);
	if (sodium_init() < 0) return 1;
	test_addresses();
	test_whole(arena);
	test_a28_injection(arena);
	test_encoded_words(arena);
	arena_destroy(&arena);
	return check_done("mail_message_test");
}
