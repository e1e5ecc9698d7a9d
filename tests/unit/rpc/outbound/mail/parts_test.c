/* Sealing, templates and the outbox. */
#include <dirent.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rpc/outbound/mail/outbox.h"
#include "rpc/outbound/mail/seal.h"
#include "rpc/outbound/mail/smtp.h"
#include "rpc/outbound/mail/template.h"
#include "tests/support/check.h"

#define SECRET_A "0123456789abcdef0123456789abcdef"
#define SECRET_B "another key that is long enough!!"
#define ID "018f2c00-0000-4000-8000-000000000001"

static const struct token_keys keys_a = { 1, { { "", { SECRET_A, 32 } } } };
static const struct token_keys keys_ba = { 2, { { "b", { SECRET_B, 33 } }, { "a", { SECRET_A, 32 } } } };
static const struct token_keys keys_b = { 1, { { "b", { SECRET_B, 33 } } } };

static struct mail_message sample(struct arena *arena)
{
	struct mail_message mail = { .id = STR(ID), .made_at_us = 1767323045123456, .to = STR("ann@example.com") };
	mail_write_code(arena, MAIL_REGISTER_CODE, LANG_ZH, STR("049213"), 10, &mail);
	return mail;
}

static bool contains(struct str where, const char *what) { return str_find(where, str_from(what), 0) != SIZE_MAX; }

static void test_seal(struct arena *arena)
{
	struct mail_keys a, b, ba;
	struct error err;
	struct str sealed, again, decoy, short_one;
	struct mail_message mail = sample(arena), got;
	bool discard = true;
	mail_keys_derive(&keys_a, &a);
	mail_keys_derive(&keys_b, &b);
	mail_keys_derive(&keys_ba, &ba);
	CHECK(memcmp(a.keys[0], SECRET_A, MAIL_KEY_BYTES) != 0 && memcmp(a.keys[0], b.keys[0], MAIL_KEY_BYTES) != 0);
	CHECK_OK(mail_seal(arena, &a, &mail, false, &sealed, &err), &err);
	CHECK_OK(mail_open(arena, &a, STR(ID), sealed, &got, &discard, &err), &err);
	CHECK(!discard && got.made_at_us == mail.made_at_us && str_equal(got.id, mail.id) &&
	      str_equal(got.to, mail.to));
	CHECK(str_equal(got.from_name, mail.from_name) && str_equal(got.subject, mail.subject));
	CHECK(str_equal(got.text, mail.text) && str_equal(got.html, mail.html));

	CHECK_ROW("nothing can be read",
	          !contains(sealed, "049213") && !contains(sealed, "ann@") && !contains(sealed, "example"));
	CHECK_OK(mail_seal(arena, &a, &mail, false, &again, &err), &err);
	CHECK_ROW("a fresh nonce each time", !str_equal(sealed, again));
	CHECK_OK(mail_seal(arena, &a, &mail, true, &decoy, &err), &err);
	CHECK_ROW("a mail to be discarded has the same size", decoy.len == sealed.len);
	CHECK(mail_open(arena, &a, STR(ID), decoy, &got, &discard, &err) && discard);
	mail.to = STR("a@b");
	CHECK_OK(mail_seal(arena, &a, &mail, false, &short_one, &err), &err);
	CHECK_ROW("the size says nothing of the address", short_one.len == sealed.len);

	CHECK_OK(mail_open(arena, &ba, STR(ID), sealed, &got, &discard, &err),
	         &err); /* sealed before the key was rotated */
	CHECK(!mail_open(arena, &b, STR(ID), sealed, &got, &discard, &err) && error_is(&err, "MAIL_UNREADABLE"));
	CHECK(!mail_open(arena, &a, STR("018f2c00-0000-4000-8000-000000000002"), sealed, &got, &discard, &err) &&
	      error_is(&err, "MAIL_UNREADABLE"));
	CHECK_ROW("another row's body", err.code == RPC_DATA_LOSS);
	size_t opened = 0;
	for (size_t i = 0; i < sealed.len; i++) {
		char *copy = arena_alloc(arena, sealed.len);
		memcpy(copy, sealed.ptr, sealed.len);
		copy[i] ^= 1;
		opened += mail_open(arena, &a, STR(ID), (struct str){ copy, sealed.len }, &got, &discard, &err);
		opened += mail_open(arena, &a, STR(ID), (struct str){ sealed.ptr, i }, &got, &discard, &err);
	}
	CHECK_ROW("changed or cut", opened == 0);
}

static void test_templates(struct arena *arena)
{
	for (int which = 0; which < MAIL_TEMPLATE_COUNT; which++)
		for (int lang = LANG_ZH; lang <= LANG_EN; lang++) {
			struct mail_message mail = { 0 };
			char label[32];
			(void)snprintf(label, sizeof label, "template %d lang %d", which, lang);
			mail_write_code(arena, (enum mail_template)which, (enum lang)lang, STR("049213"), 17, &mail);
			CHECK_ROW(label, contains(mail.text, "049213") && contains(mail.html, "049213"));
			CHECK_ROW(label, contains(mail.text, "17") &&
			                     contains(mail.html, lang == LANG_ZH ? "17 分钟" : "17 minutes"));
			CHECK_ROW(label, !contains(mail.subject, "049213") && mail.subject.len > 10);
			CHECK_ROW(label, !contains(mail.text, "{") && !contains(mail.html, "{"));
			CHECK_ROW(label, str_is_utf8(mail.text) && str_is_utf8(mail.html) && str_is_utf8(mail.subject));
			CHECK_ROW(label, !contains(mail.html, "http") && !contains(mail.html, "src="));
			const char *title = mail.html.ptr + str_find(mail.html, STR("<title>"), 0);
			CHECK_ROW(label, !contains((struct str){ title, 120 },
			                           "049213")); /* shown by some programs in their lists */
		}
	/* What the warnings are for. */
	struct mail_message mail = { 0 };
	mail_write_code(arena, MAIL_PASSWORD_RESET_CODE, LANG_ZH, STR("000000"), 10, &mail);
	CHECK(contains(mail.text, "安全提示") && contains(mail.html, "安全提示") && contains(mail.text, "000000"));
	mail_write_code(arena, MAIL_PASSWORD_RESET_CODE, LANG_EN, STR("000000"), 10, &mail);
	CHECK(contains(mail.text, "Security notice"));
	for (struct str rest = mail.text, line; str_split(&rest, '\n', &line);) CHECK(line.len <= 72);
	mail_write_code(arena, MAIL_REGISTER_CODE, LANG_ZH, STR("<&\">"), 10, &mail);
	CHECK(contains(mail.html, "&lt;&amp;&quot;&gt;") && contains(mail.text, "<&\">"));
}

static void test_outbox(struct arena *arena)
{
	char folder[] = "/tmp/petfood_outbox_XXXXXX", path[128] = "", name[128] = "", bytes[8192];
	struct mail_driver driver;
	struct error err = { 0 };
	struct stat st;
	struct mail_message mail = sample(arena);
	if (!mkdtemp(folder)) die("no temporary folder");
	(void)snprintf(path, sizeof path, "%s/box", folder);
	CHECK_OK(mail_outbox_open(&(struct mail_outbox_options){ .folder = str_from(path) }, &driver, &err), &err);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0700);
	mode_t before = umask(0); /* the mode does not hang on the umask */
	CHECK_OK(driver.ops->deliver(driver.self, &mail, &err), &err);
	CHECK_OK(driver.ops->deliver(driver.self, &mail, &err), &err); /* a repetition is the same file */
	(void)umask(before);
	DIR *dir = opendir(path);
	size_t count = 0;
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		if (entry->d_name[0] == '.' && (!entry->d_name[1] || entry->d_name[1] == '.')) continue;
		(void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
		count++;
	}
	if (dir) (void)closedir(dir);
	CHECK(count == 1 && str_has_suffix(str_from(name), STR("/2026-01-02T03:04:05.123456Z-" ID ".eml")));
	CHECK(stat(name, &st) == 0 && (st.st_mode & 0777) == 0600);
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, bytes, sizeof bytes) : 0;
	if (fd >= 0) (void)close(fd);
	struct str want, got = { bytes, n > 0 ? (size_t)n : 0 };
	CHECK_OK(mail_print(arena, &mail, STR("petfood@localhost"), &want, &err), &err);
	CHECK(str_equal(got, want));

	mail.to = STR("ann@example.com\r\nBcc: eve@example.com");
	CHECK(!driver.ops->deliver(driver.self, &mail, &err) && error_is(&err, "MAIL_ADDRESS") &&
	      err.code == RPC_INVALID_ARGUMENT);
	mail.to = STR("ann@example.com");
	mail.id = STR("018f2c00-0000-4000-8000-000000000003");
	(void)unlink(name);
	CHECK(rmdir(path) == 0);
	CHECK(!driver.ops->deliver(driver.self, &mail, &err) && error_is(&err, "MAIL_OUTBOX") &&
	      err.code == RPC_UNAVAILABLE);
	driver.ops->stop(driver.self);
	CHECK(!driver.ops->deliver(driver.self, &mail, &err) && error_is(&err, "MAIL_STOPPED") &&
	      err.code == RPC_CANCELLED);
	driver.ops->close(driver.self);

	(void)snprintf(path, sizeof path, "%s/not/there", folder);
	CHECK(!mail_outbox_open(&(struct mail_outbox_options){ .folder = str_from(path) }, &driver, &err) &&
	      error_is(&err, "MAIL_OUTBOX"));
	CHECK(!mail_outbox_open(
	    &(struct mail_outbox_options){ .folder = str_from(folder), .from_address = STR("no address") }, &driver,
	    &err));
	(void)rmdir(folder);
}

/* What an operator can get wrong is said at the start, with the name of the setting. */
static void test_smtp_options(void)
{
	static const struct {
		const char *label;
		struct mail_smtp_options options;
		const char *want; /* in the message; NULL = opens */
	} rows[] = {
		{ "starttls",
		  { .host = STR("mail.example.com"), .port = 587, .username = STR("u@example.com"), .use_tls = true },
		  NULL },
		{ "implicit TLS",
		  { .host = STR("mail.example.com"), .port = 465, .from_address = STR("p@example.com") },
		  NULL },
		{ "plain on localhost",
		  { .host = STR("localhost"), .port = 25, .from_address = STR("p@example.com") },
		  NULL },
		{ "plain on 127.0.0.2",
		  { .host = STR("127.0.0.2"), .port = 25, .from_address = STR("p@example.com") },
		  NULL },
		{ "plain on ::1", { .host = STR("::1"), .port = 25, .from_address = STR("p@example.com") }, NULL },
		{ "plain elsewhere",
		  { .host = STR("mail.example.com"), .port = 587, .from_address = STR("p@example.com") },
		  "SMTP_USE_TLS" },
		{ "plain on 128.0.0.1",
		  { .host = STR("128.0.0.1"), .port = 25, .from_address = STR("p@example.com") },
		  "SMTP_USE_TLS" },
		{ "a name that begins like it",
		  { .host = STR("127.0.0.1.example.com"), .port = 25, .from_address = STR("p@example.com") },
		  "SMTP_USE_TLS" },
		{ "no host",
		  { .host = STR(""), .port = 25, .use_tls = true, .from_address = STR("p@example.com") },
		  "SMTP_HOST" },
		{ "a host with more in it",
		  { .host = STR("a.example/x"), .port = 25, .use_tls = true, .from_address = STR("p@example.com") },
		  "SMTP_HOST" },
		{ "user and password in the host",
		  { .host = STR("u:p@a.example"), .port = 25, .use_tls = true, .from_address = STR("p@example.com") },
		  "SMTP_HOST" },
		{ "no sender", { .host = STR("a.example"), .port = 25, .use_tls = true }, "SMTP_FROM_EMAIL" },
		{ "a username that is no address",
		  { .host = STR("a.example"), .port = 25, .use_tls = true, .username = STR("u") },
		  "SMTP_FROM_EMAIL" },
		{ "a sender with a line break",
		  { .host = STR("a.example"), .port = 25, .use_tls = true, .from_address = STR("p@a.example\r\nX: y") },
		  "SMTP_FROM_EMAIL" },
		{ "no port",
		  { .host = STR("a.example"), .use_tls = true, .from_address = STR("p@example.com") },
		  "SMTP_PORT" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct mail_driver driver = { 0 };
		struct error err;
		error_clear(&err);
		bool ok = mail_smtp_open(&rows[i].options, &driver, &err);
		CHECK_ROW(rows[i].label, ok == !rows[i].want);
		if (rows[i].want)
			CHECK_ROW(rows[i].label, error_is(&err, "CONFIG_INVALID") && strstr(err.message, rows[i].want));
		if (ok) driver.ops->close(driver.self);
	}
}

int main(void)
{
	struct arena *arena = arena_create(0);
	if (sodium_init() < 0) return 1;
	test_seal(arena);
	test_templates(arena);
	test_outbox(arena);
	test_smtp_options();
	arena_destroy(&arena);
	return check_done("mail_parts_test");
}
