/* The mail queue, its store and the SMTP driver as a process of their own, for test_mail.py.
 *
 *   mail_probe DATABASE HOST PORT TLS(0|1) CA_FILE USER PASSWORD FROM BACKOFF_MS BACKOFF_MAX_MS
 *
 * Each line on stdin is one command, answered by one line on stdout; "-" stands for an empty word:
 *   code TO zh|en register|password_reset CODE LIFE_MS REFERENCE   queues a mail with a code
 *   raw TO LIFE_MS REFERENCE FROM_NAME SUBJECT TEXT HTML           queues one whose last four words are base64
 * A mail that is given up prints "failed REFERENCE REASON". The end of stdin stops the queue; "stopped MS" is the last line. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/outbound/mail/queue.h"
#include "rpc/outbound/mail/smtp.h"
#include "rpc/outbound/mail/template.h"
#include "store/base/log.h"
#include "store/sqlite/sqlite_store.h"

static void say_failed(void *self, struct str reference, const char *reason)
{
	(void)self;
	(void)printf("failed " STR_FMT " %s\n", STR_ARG(reference), reason);
	(void)fflush(stdout);
}

static struct str word(struct str *rest)
{
	struct str out = STR("");
	(void)str_split(rest, ' ', &out);
	return str_equal(out, STR("-")) ? STR("") : out;
}

static struct str from_base64(struct arena *arena, struct str text)
{
	unsigned char *bytes = arena_alloc(arena, text.len + 1);
	size_t len = 0;
	if (sodium_base642bin(bytes, text.len + 1, text.ptr, text.len, NULL, &len, NULL,
	                      sodium_base64_VARIANT_ORIGINAL) != 0)
		die("base64");
	return (struct str){ (char *)bytes, len };
}

static int64_t number(struct str text)
{
	int64_t n = 0;
	if (!str_to_int64(text, &n)) die("a number was expected");
	return n;
}

static void command(struct mail_queue *queue, struct str line)
{
	struct arena *arena = arena_create(0);
	struct mail_order order = { 0 };
	struct error err = { 0 };
	struct str what = word(&line), to = word(&line);
	if (str_equal(what, STR("code"))) {
		struct str lang = word(&line), purpose = word(&line), code = word(&line);
		mail_write_code(arena,
		                str_equal(purpose, STR("register")) ? MAIL_REGISTER_CODE : MAIL_PASSWORD_RESET_CODE,
		                str_equal(lang, STR("en")) ? LANG_EN : LANG_ZH, code, 10, &order.mail);
	}
	order.mail.to = str_equal(what, STR("raw")) && str_has_prefix(to, STR("base64:"))
	                    ? from_base64(arena, (struct str){ to.ptr + 7, to.len - 7 })
	                    : to;
	order.expires_at_us = time_now_us() + number(word(&line)) * 1000;
	order.reference = word(&line);
	if (str_equal(what, STR("raw"))) {
		order.mail.from_name = from_base64(arena, word(&line));
		order.mail.subject = from_base64(arena, word(&line));
		order.mail.text = from_base64(arena, word(&line));
		order.mail.html = from_base64(arena, word(&line));
	}
	if (mail_queue_send(queue, &order, &err))
		(void)printf("queued " STR_FMT "\n", STR_ARG(order.reference));
	else
		(void)printf("refused %s\n", err.reason);
	(void)fflush(stdout);
	arena_destroy(&arena);
}

int main(int argc, char **argv)
{
	static const struct token_keys keys = { 1, { { "", { "0123456789abcdef0123456789abcdef", 32 } } } };
	static char line[65536];
	struct store store;
	struct error err = { 0 };
	if (argc != 11 || sodium_init() < 0) die("usage: see the source");
	log_setup(LOG_DEBUG, false);
	const struct sqlite_store_options open = { .path = str_from(argv[1]), .exclusive = true };
	const struct mail_smtp_options smtp = {
		.host = str_from(argv[2]),
		.port = number(str_from(argv[3])),
		.use_tls = argv[4][0] == '1',
		.ca_file = str_from(argv[5]),
		.username = str_from(argv[6]),
		.password = str_from(argv[7]),
		.from_address = str_from(argv[8]),
		.connect_timeout_ms = 3000,
		.timeout_ms = 5000,
	};
	if (!sqlite_store_open(&open, &store, &err)) die("%s", err.message);
	struct mail_queue_options options = {
		.store = store.mail,
		.failed = say_failed,
		.sole_owner = true,
		.backoff_ms = number(str_from(argv[9])),
		.backoff_max_ms = number(str_from(argv[10])),
	};
	struct mail_queue *queue = NULL;
	mail_keys_derive(&keys, &options.keys);
	if (!mail_smtp_open(&smtp, &options.driver, &err)) die("%s", err.message);
	if (!mail_queue_start(&options, &queue, &err)) die("%s", err.message);
	(void)printf("ready\n");
	(void)fflush(stdout);
	while (fgets(line, sizeof line, stdin)) command(queue, str_trim(str_from(line)));
	int64_t stop_ms = time_monotonic_ms();
	mail_queue_stop(&queue);
	(void)printf("stopped %lld\n", (long long)(time_monotonic_ms() - stop_ms));
	store.close(store.self);
	return 0;
}
