/* Codes from request to mail and back: what a handler may rely on. */
#include "rpc/service/verification.h"

#include <string.h>

#include "store/base/log.h"
#include "store/memory/codes.h"
#include "tests/support/check.h"
#include "tests/unit/rpc/outbound/mail/fixture.h"

enum { SECOND_US = 1000000 };
#define ANN STR("ann@example.com")
#define BOB STR("bob@example.com")
#define CLIENT STR("192.0.2.7")

struct world {
	struct fixture mail;
	struct verification v;
	struct error err;
};

static void open_world(struct world *w)
{
	fixture_init(&w->mail);
	w->v = (struct verification){ .length = 6,
		                      .limits = verification_limits(600000, 60000, 3, 10, 60),
		                      .clock = &w->mail.clock };
	code_key_derive(STR("0123456789abcdef0123456789abcdef"), w->v.key);
	memory_codes_open(&(struct memory_codes_options){ .clock = &w->mail.clock }, &w->v.codes);
	fixture_start_queue(&w->mail, verification_mail_failed, &w->v);
	w->v.mail = w->mail.queue;
}

static void close_world(struct world *w)
{
	fixture_fini(&w->mail);
	w->v.codes.driver->close(w->v.codes.self);
}

static bool send_to(struct world *w, struct str address, enum code_purpose purpose, bool discard)
{
	struct verification_sent sent = { 0 };
	error_clear(&w->err);
	return verification_send(&w->v, address, purpose, LANG_EN, discard, &sent, &w->err) &&
	       CHECK(sent.cooldown_s == 60 && sent.expire_minutes == 10);
}

static bool take(struct world *w, struct str address, enum code_purpose purpose, const char *code, struct str client,
                 struct verification_ticket *out)
{
	struct verification_ticket ignored;
	error_clear(&w->err);
	return verification_take(&w->v, address, purpose, str_from(code), client, out ? out : &ignored, &w->err);
}

/* The code of the n-th delivery, from its text: the one line that is digits only. */
static const char *code_of(struct world *w, size_t nth)
{
	static char code[16];
	struct str rest, line;
	(void)snprintf(code, sizeof code, "none");
	if (!CHECK(fixture_wait_delivered(&w->mail, nth + 1))) return code;
	rest = str_from(w->mail.mails[nth].text);
	while (str_split(&rest, '\n', &line)) {
		line = str_trim(line);
		if (code_is_wellformed(line, w->v.length)) (void)snprintf(code, sizeof code, STR_FMT, STR_ARG(line));
	}
	return code;
}

static const char *another(const char *code)
{
	static char other[16];
	(void)snprintf(other, sizeof other, "%s", code);
	other[0] = other[0] == '9' ? '0' : (char)(other[0] + 1);
	return other;
}

static void test_there_and_back(struct world *w)
{
	struct verification_ticket ticket;
	CHECK(send_to(w, ANN, CODE_REGISTER, false));
	const char *code = code_of(w, 0);
	CHECK(strlen(code) == 6 && !strstr(w->mail.mails[0].subject, code));
	CHECK_STR(str_from(w->mail.mails[0].to), "ann@example.com"); /* A31: to the address typed and nobody else */
	CHECK(w->mail.delivered == 1);
	CHECK(!take(w, ANN, CODE_REGISTER, another(code), CLIENT, NULL) && error_is(&w->err, "CODE_WRONG"));
	/* A07 */
	CHECK(!take(w, BOB, CODE_REGISTER, code, CLIENT, NULL) && error_is(&w->err, "CODE_ABSENT"));
	CHECK(!take(w, ANN, CODE_PASSWORD_RESET, code, CLIENT, NULL) && error_is(&w->err, "CODE_ABSENT"));
	/* The request it served was refused: it can be used again. */
	CHECK(take(w, ANN, CODE_REGISTER, code, CLIENT, &ticket));
	CHECK(!take(w, ANN, CODE_REGISTER, code, CLIENT, NULL) && error_is(&w->err, "CODE_USED"));
	verification_give_back(&w->v, &ticket);
	CHECK(take(w, ANN, CODE_REGISTER, code, CLIENT, NULL));
	CHECK(!take(w, ANN, CODE_REGISTER, code, CLIENT, NULL) && error_is(&w->err, "CODE_USED"));
	CHECK(!send_to(w, ANN, CODE_PASSWORD_RESET, false) && error_is(&w->err, "CODE_COOLDOWN"));
	fixture_move_clock(&w->mail, 60 * SECOND_US);
	CHECK(send_to(w, ANN, CODE_PASSWORD_RESET, false));
	CHECK(take(w, ANN, CODE_PASSWORD_RESET, code_of(w, 1), CLIENT, NULL));
}

static void test_words(struct world *w)
{
	static const char *const codes[] = { "", "12345", "1234567", "12345x", " 123456", "１２３４５６" };
	CHECK(send_to(w, ANN, CODE_REGISTER, false));
	for (size_t i = 0; i < COUNT(codes); i++) {
		CHECK_ROW(codes[i], !take(w, ANN, CODE_REGISTER, codes[i], CLIENT, NULL) &&
		                        error_is(&w->err, "VALIDATION_FAILED"));
		CHECK_ROW(codes[i], w->err.violation_count == 1 && strcmp(w->err.violations[0].field, "code") == 0);
	}
	CHECK_ROW("none of them counted", take(w, ANN, CODE_REGISTER, code_of(w, 0), CLIENT, NULL));
	/* VERIFICATION_CODE_LENGTH also sets what is accepted. */
	w->v.length = 8;
	CHECK(send_to(w, BOB, CODE_REGISTER, false));
	CHECK(strlen(code_of(w, 1)) == 8);
	CHECK(!take(w, BOB, CODE_REGISTER, "123456", CLIENT, NULL) && error_is(&w->err, "VALIDATION_FAILED"));
	CHECK(take(w, BOB, CODE_REGISTER, code_of(w, 1), CLIENT, NULL));
	w->v.length = 6;
	CHECK(!send_to(w, STR("eve@example.com\r\nBcc: x@example.com"), CODE_REGISTER, false) &&
	      error_is(&w->err, "VALIDATION_FAILED"));
	CHECK(w->err.violation_count == 1 && strcmp(w->err.violations[0].field, "email") == 0);
}

/* An address that must not get one: the same in all that the caller sees, and no mail. */
static void test_discarded(struct world *w)
{
	CHECK(send_to(w, ANN, CODE_PASSWORD_RESET, true));
	CHECK(fixture_wait_due(&w->mail, 0, 0, NULL)); /* the queue is done with it */
	CHECK(w->mail.delivered == 0);
	CHECK(!send_to(w, ANN, CODE_PASSWORD_RESET, true) && error_is(&w->err, "CODE_COOLDOWN"));
	CHECK(!take(w, ANN, CODE_PASSWORD_RESET, "000000", CLIENT, NULL) && error_is(&w->err, "CODE_WRONG"));
	CHECK(!take(w, ANN, CODE_PASSWORD_RESET, "000001", CLIENT, NULL) && error_is(&w->err, "CODE_WRONG"));
	CHECK(!take(w, ANN, CODE_PASSWORD_RESET, "000002", CLIENT, NULL) && error_is(&w->err, "CODE_WRONG"));
	CHECK(!take(w, ANN, CODE_PASSWORD_RESET, "000003", CLIENT, NULL) && error_is(&w->err, "CODE_ATTEMPTS"));
}

/* A code whose mail finally failed holds neither cooldown nor a place in the day; one that was sent anew since is left alone. */
static void test_mail_failed(struct world *w)
{
	struct verification_sent sent = { 0 };
	for (size_t i = 0; i < 12; i++)
		w->mail.script[i] = (struct fake_answer){ RPC_FAILED_PRECONDITION, "MAIL_REFUSED", false };
	for (size_t i = 0; i < 12; i++) { /* more often than a day has places */
		CHECK(send_to(w, ANN, CODE_REGISTER, false));
		CHECK(fixture_wait_delivered(&w->mail, i + 1));
		CHECK(fixture_wait_failed(&w->mail, i + 1));
		CHECK(!take(w, ANN, CODE_REGISTER, code_of(w, i), CLIENT, NULL) && error_is(&w->err, "CODE_ABSENT"));
	}
	error_clear(&w->err);
	CHECK_OK(verification_send(&w->v, ANN, CODE_REGISTER, LANG_EN, false, &sent, &w->err), &w->err);
	CHECK(sent.sends_left == 9);
	CHECK(fixture_wait_delivered(&w->mail, 13) && fixture_wait_due(&w->mail, 0, 0, NULL));

	/* References that are not ours, or not whole, do nothing. */
	static const char *const strange[] = { "",
		                               "code:",
		                               "code:register",
		                               "code:register:",
		                               "code:register:x",
		                               "code:register::y",
		                               "code:nothing:x:y",
		                               "other:register:x:y",
		                               "code:register:x:" };
	for (size_t i = 0; i < COUNT(strange); i++)
		verification_mail_failed(&w->v, str_from(strange[i]), "MAIL_REFUSED");
	CHECK(!send_to(w, ANN, CODE_REGISTER, false) && error_is(&w->err, "CODE_COOLDOWN"));
}

/* A store that cannot take the mail: the caller may try again at once. */
static bool no_room(void *self, const struct mail_job *job, struct error *err)
{
	(void)self;
	(void)job;
	return error_set(err, RPC_UNAVAILABLE, "STORE_FULL", "no room");
}

static void test_not_queued(struct world *w)
{
	struct fixture *f = &w->mail;
	struct mail_store_driver full = *f->store.mail.driver;
	const struct mail_store_driver *real = f->store.mail.driver;
	full.enqueue = no_room;
	mail_queue_stop(&f->queue);
	f->store.mail.driver = &full;
	fixture_start_queue(f, verification_mail_failed, &w->v);
	w->v.mail = f->queue;
	CHECK(!send_to(w, ANN, CODE_REGISTER, false) && error_is(&w->err, "STORE_FULL"));
	CHECK(!take(w, ANN, CODE_REGISTER, "123456", CLIENT, NULL) && error_is(&w->err, "CODE_ABSENT"));
	mail_queue_stop(&f->queue);
	f->store.mail.driver = real;
	fixture_start_queue(f, verification_mail_failed, &w->v);
	w->v.mail = f->queue;
	CHECK(send_to(w, ANN, CODE_REGISTER, false));
	CHECK(take(w, ANN, CODE_REGISTER, code_of(w, 0), CLIENT, NULL));
}

/* One host walks through its /64: it is one client. */
static void test_client_by_64(struct world *w)
{
	char address[40], client[64];
	int wrong = 0;
	for (int i = 0; i < 40; i++) {
		(void)snprintf(address, sizeof address, "user%d@example.com", i);
		(void)snprintf(client, sizeof client, "2001:db8:1:2:%x::%x", i, i * 7 + 1);
		CHECK(send_to(w, str_from(address), CODE_REGISTER, true)); /* discarded: every code is wrong */
		wrong += !take(w, str_from(address), CODE_REGISTER, "123456", str_from(client), NULL) &&
		         error_is(&w->err, "CODE_WRONG");
	}
	CHECK(wrong == 30);
	CHECK(error_is(&w->err, "CODE_FAILURES") && w->err.code == RPC_RESOURCE_EXHAUSTED);
	CHECK(!take(w, str_from(address), CODE_REGISTER, "123456", STR("2001:db8:1:3::1"), NULL) &&
	      error_is(&w->err, "CODE_WRONG"));
}

/* A08: whatever happens to a code, it stands in its own mail and nowhere else; addresses are hashed. */
static void test_a08_log(struct world *w)
{
	w->mail.script[0] = (struct fake_answer){ RPC_UNAVAILABLE, "MAIL_UNREACHABLE", false };
	CHECK(send_to(w, STR("carol@example.net"), CODE_REGISTER, false));
	char code[16];
	(void)snprintf(code, sizeof code, "%s", code_of(w, 0));
	CHECK(fixture_wait_due(&w->mail, w->mail.now_us + 1, w->mail.now_us + 2 * SECOND_US, NULL));
	CHECK(!fixture_store_holds(&w->mail, "carol") && !fixture_store_holds(&w->mail, code));
	CHECK(!take(w, STR("carol@example.net"), CODE_REGISTER, another(code), CLIENT, NULL));
	CHECK(take(w, STR("carol@example.net"), CODE_REGISTER, code, CLIENT, NULL));
	CHECK(fixture_log_holds("code.issued") && fixture_log_holds("code.refused") && fixture_log_holds("mail.waits"));
	CHECK(!fixture_log_holds("carol") && !fixture_log_holds("example.net"));
	/* Six digits come up in instants too: with their surroundings they would be the code. */
	char in_text[32];
	(void)snprintf(in_text, sizeof in_text, "=%s", code);
	CHECK(!fixture_log_holds(in_text));
	(void)snprintf(in_text, sizeof in_text, "\"%s", code);
	CHECK(!fixture_log_holds(in_text));
	(void)snprintf(in_text, sizeof in_text, " %s", code);
	CHECK(!fixture_log_holds(in_text));
}

int main(void)
{
	static const struct {
		const char *says;
		void (*run)(struct world *w);
	} tests[] = {
		{ "there and back", test_there_and_back },
		{ "words", test_words },
		{ "discarded", test_discarded },
		{ "mail failed", test_mail_failed },
		{ "not queued", test_not_queued },
		{ "a client by its /64", test_client_by_64 },
		{ "A08 log", test_a08_log },
	};
	fixture_catch_log();
	log_setup(LOG_DEBUG, false);
	for (size_t i = 0; i < COUNT(tests); i++) {
		static struct world w;
		int failed_before = check_failed_count;
		open_world(&w);
		tests[i].run(&w);
		close_world(&w);
		if (check_failed_count != failed_before) (void)printf("BROKEN %s\n", tests[i].says);
	}
	return check_done("verification_test");
}
