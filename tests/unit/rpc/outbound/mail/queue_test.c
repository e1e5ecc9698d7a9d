/* The queue: sends, tries again, gives up, survives, and tells nobody what it carries. */
#include <string.h>

#include "store/base/log.h"
#include "tests/support/check.h"
#include "tests/unit/rpc/outbound/mail/fixture.h"

enum { SECOND_US = 1000000 };
#define CODE "049213"
#define TO "ann@example.com"

static bool send_mail(struct fixture *f, const char *reference, int64_t life_us, bool discard)
{
	struct error err = { 0 };
	const struct mail_order order = {
		.mail = { .from_name = STR("n"),
		          .to = STR(TO),
		          .subject = STR("s"),
		          .text = STR("the code is " CODE "\n"),
		          .html = STR("<b>" CODE "</b>") },
		.reference = str_from(reference),
		.expires_at_us = f->now_us + life_us,
		.discard = discard,
	};
	return CHECK_OK(mail_queue_send(f->queue, &order, &err), &err);
}

static void answer(struct fixture *f, size_t from, size_t count, enum rpc_code code, const char *reason)
{
	for (size_t i = from; i < from + count; i++) f->script[i] = (struct fake_answer){ code, reason, false };
}

static void test_sends(struct fixture *f)
{
	fixture_start_queue(f, NULL, NULL);
	CHECK(send_mail(f, "a", 600 * (int64_t)SECOND_US, false));
	CHECK(fixture_wait_delivered(f, 1) && fixture_wait_due(f, 0, 0, NULL));
	CHECK_STR(str_from(f->mails[0].to), TO);
	CHECK_STR(str_from(f->mails[0].text), "the code is " CODE "\n");
	CHECK(f->failed == 0 && strlen(f->mails[0].id) == 36);
	fixture_move_clock(f, 24 * 3600 * (int64_t)SECOND_US);
	CHECK(send_mail(f, "b", 600 * (int64_t)SECOND_US, false));
	CHECK(fixture_wait_delivered(f, 2) && fixture_wait_due(f, 0, 0, NULL));
	CHECK(strcmp(f->mails[0].id, f->mails[1].id) != 0);
	CHECK_ROW("neither was sent twice", f->delivered == 2);
}

/* Nothing at rest and nothing in the log tells the code or the address, sent or not. */
static void test_a08_secrets(struct fixture *f)
{
	answer(f, 0, 1, RPC_UNAVAILABLE, "MAIL_UNREACHABLE");
	answer(f, 1, 1, RPC_FAILED_PRECONDITION, "MAIL_REFUSED");
	fixture_start_queue(f, NULL, NULL);
	CHECK(send_mail(f, "code:register:a1b2:c3", 600 * (int64_t)SECOND_US, false));
	CHECK(fixture_wait_due(f, f->now_us + 1, INT64_MAX, NULL));
	CHECK(!fixture_store_holds(f, CODE) && !fixture_store_holds(f, TO) && !fixture_store_holds(f, "example.com"));
	CHECK(fixture_store_holds(f, "code:register:a1b2:c3")); /* the look-up itself works */
	fixture_move_clock(f, 60 * SECOND_US);
	CHECK(fixture_wait_failed(f, 1));
	CHECK(fixture_log_holds("mail.waits") && fixture_log_holds("mail.given_up"));
	CHECK(!fixture_log_holds(CODE) && !fixture_log_holds(TO) && !fixture_log_holds("example.com"));
}

/* Doubling pauses up to a minute, each cut by up to a half; the same mail each time. */
static void test_backoff(struct fixture *f)
{
	static const int64_t most_ms[] = { 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000 };
	enum { TRIES = COUNT(most_ms) };
	size_t below = 0;
	answer(f, 0, TRIES, RPC_UNAVAILABLE, "MAIL_UNREACHABLE");
	fixture_start_queue(f, NULL, NULL);
	CHECK(send_mail(f, "a", 3600 * (int64_t)SECOND_US, false));
	for (size_t i = 0; i < TRIES; i++) {
		int64_t due_us = 0;
		CHECK(fixture_wait_delivered(f, i + 1));
		/* Not the end of the lease, which is later. */
		CHECK(fixture_wait_due(f, f->now_us + 1, f->now_us + 60 * SECOND_US, &due_us));
		int64_t wait_us = due_us - f->now_us;
		CHECK(wait_us >= most_ms[i] * 500 && wait_us <= most_ms[i] * 1000);
		below += wait_us < most_ms[i] * 900;
		fixture_move_clock(f, wait_us - 1);
		CHECK(f->delivered == i + 1);
		fixture_move_clock(f, 1);
	}
	CHECK(fixture_wait_delivered(f, TRIES + 1) && fixture_wait_due(f, 0, 0, NULL));
	for (size_t i = 1; i <= TRIES; i++)
		CHECK(strcmp(f->mails[i].id, f->mails[0].id) == 0 && strcmp(f->mails[i].text, f->mails[0].text) == 0);
	CHECK(f->failed == 0);
	CHECK_ROW("the pauses are not all full ones", below > 0); /* by chance one time in 4^8 */
}

static void test_gives_up(struct fixture *f)
{
	static const struct {
		const char *label;
		enum rpc_code code;
		const char *reason;
	} rows[] = {
		{ "refused", RPC_FAILED_PRECONDITION, "MAIL_REFUSED" },
		{ "no such address", RPC_INVALID_ARGUMENT, "MAIL_ADDRESS" },
	};
	fixture_start_queue(f, NULL, NULL);
	for (size_t i = 0; i < COUNT(rows); i++) {
		answer(f, i, 1, rows[i].code, rows[i].reason);
		CHECK(send_mail(f, rows[i].label, 600 * (int64_t)SECOND_US, false));
		CHECK(fixture_wait_failed(f, i + 1));
		CHECK_STR(str_from(f->failures[i].reference), rows[i].label);
		CHECK_STR(str_from(f->failures[i].reason), rows[i].reason);
	}
	CHECK(fixture_wait_due(f, 0, 0, NULL) && f->delivered == COUNT(rows) && f->failed == COUNT(rows));
}

/* No try after the mail has lost its worth: told as soon as the next one would come too late. */
static void test_expiry(struct fixture *f)
{
	answer(f, 0, 1, RPC_UNAVAILABLE, "MAIL_UNREACHABLE");
	fixture_start_queue(f, NULL, NULL);
	CHECK(send_mail(f, "short", 900000, false)); /* the first pause is a second at least */
	CHECK(fixture_wait_failed(f, 1));
	CHECK_STR(str_from(f->failures[0].reason), "MAIL_UNREACHABLE");
	CHECK(f->delivered == 1);

	/* It waited while nobody sent. */
	f->script[1] = (struct fake_answer){ RPC_UNAVAILABLE, "MAIL_UNREACHABLE", true };
	CHECK(send_mail(f, "holds the thread", 600 * (int64_t)SECOND_US, false));
	CHECK(fixture_wait_delivered(f, 2));
	CHECK(send_mail(f, "late", 30 * (int64_t)SECOND_US, false));
	fixture_move_clock(f, 30 * SECOND_US);
	fixture_release(f);
	CHECK(fixture_wait_failed(f, 2));
	CHECK_STR(str_from(f->failures[1].reference), "late");
	CHECK_STR(str_from(f->failures[1].reason), "MAIL_EXPIRED");
	CHECK(f->delivered == 2);
}

static void test_clock_set_back(struct fixture *f)
{
	answer(f, 0, 1, RPC_UNAVAILABLE, "MAIL_UNREACHABLE");
	fixture_start_queue(f, NULL, NULL);
	CHECK(send_mail(f, "a", 600 * (int64_t)SECOND_US, false));
	CHECK(fixture_wait_due(f, f->now_us + 1, f->now_us + 2 * SECOND_US, NULL));
	fixture_move_clock(f, -3600 * (int64_t)SECOND_US);
	CHECK(fixture_wait_delivered(f, 2) && fixture_wait_due(f, 0, 0, NULL));
}

static void test_discard(struct fixture *f)
{
	fixture_start_queue(f, NULL, NULL);
	CHECK(send_mail(f, "nobody", 600 * (int64_t)SECOND_US, true));
	CHECK(send_mail(f, "somebody", 600 * (int64_t)SECOND_US, false));
	CHECK(fixture_wait_delivered(f, 1) && fixture_wait_due(f, 0, 0, NULL));
	CHECK(f->delivered == 1 && f->failed == 0);
}

/* Stopped in the middle of a delivery: it ends at once, and the mail is the first thing of the next start. */
static void test_stop_and_start(struct fixture *f)
{
	f->script[0] = (struct fake_answer){ RPC_OK, NULL, true };
	fixture_start_queue(f, NULL, NULL);
	CHECK(send_mail(f, "a", 600 * (int64_t)SECOND_US, false));
	CHECK(fixture_wait_delivered(f, 1));
	mail_queue_stop(&f->queue);
	CHECK(f->queue == NULL && f->failed == 0);
	fixture_reopen_store(f);
	fixture_start_queue(f, NULL, NULL);
	CHECK(fixture_wait_delivered(f, 2) && fixture_wait_due(f, 0, 0, NULL));
	CHECK(strcmp(f->mails[0].id, f->mails[1].id) == 0);
}

/* A process that died while it sent: its claim is void at the next start. */
static void test_claimed_by_the_dead(struct fixture *f)
{
	struct arena *arena = arena_create(0);
	struct mail_job job;
	struct error err = { 0 };
	bool has = false;
	fixture_start_queue(f, NULL, NULL);
	f->script[0] = (struct fake_answer){ RPC_UNAVAILABLE, "MAIL_UNREACHABLE", false };
	CHECK(send_mail(f, "a", 600 * (int64_t)SECOND_US, false));
	CHECK(fixture_wait_due(f, f->now_us + 1, f->now_us + 2 * SECOND_US, NULL));
	mail_queue_stop(&f->queue);
	fixture_move_clock(f, 2 * SECOND_US);
	CHECK_OK(f->store.mail.driver->claim(f->store.mail.self, f->now_us, 120000, arena, &job, &has, &err), &err);
	CHECK(has && job.attempt == 2);
	fixture_reopen_store(f);
	fixture_start_queue(f, NULL, NULL);
	CHECK(fixture_wait_delivered(f, 2) && fixture_wait_due(f, 0, 0, NULL));
	arena_destroy(&arena);
}

/* Keys that are gone: said once, for good. */
static void test_unreadable(struct fixture *f)
{
	static const struct token_keys others = { 1, { { "", { "another key that is long enough!!", 33 } } } };
	fixture_start_queue(f, NULL, NULL);
	f->script[0] = (struct fake_answer){ RPC_UNAVAILABLE, "MAIL_UNREACHABLE", false };
	CHECK(send_mail(f, "a", 600 * (int64_t)SECOND_US, false));
	CHECK(fixture_wait_due(f, f->now_us + 1, f->now_us + 2 * SECOND_US, NULL));
	mail_queue_stop(&f->queue);
	mail_keys_derive(&others, &f->keys);
	fixture_move_clock(f, 2 * SECOND_US);
	fixture_start_queue(f, NULL, NULL);
	CHECK(fixture_wait_failed(f, 1) && f->delivered == 1);
	CHECK_STR(str_from(f->failures[0].reason), "MAIL_UNREADABLE");
}

static void test_bad_address(struct fixture *f)
{
	struct error err = { 0 };
	const struct mail_order order = { .mail = { .to = STR("ann@example.com\r\nBcc: eve@example.com") },
		                          .expires_at_us = f->now_us + SECOND_US };
	fixture_start_queue(f, NULL, NULL);
	CHECK(!mail_queue_send(f->queue, &order, &err) && error_is(&err, "MAIL_ADDRESS") &&
	      err.code == RPC_INVALID_ARGUMENT);
	CHECK(fixture_wait_due(f, 0, 0, NULL) && f->delivered == 0);
}

/* ---- a store that fails when the end of a mail is to be noted ---- */

static const struct mail_store_driver *real;
static int failures_left;
static bool failing_done(void *self, struct str id, uint32_t attempt, int64_t now_us, struct error *err)
{
	int left = __atomic_fetch_sub(&failures_left, 1, __ATOMIC_SEQ_CST);
	if (left == 1) { /* it was written, and the line broke before we heard */
		(void)real->done(self, id, attempt, now_us, err);
		return error_set(err, RPC_UNKNOWN, REASON_WRITE_UNCERTAIN, "lost");
	}
	if (left > 1) return error_set(err, RPC_UNAVAILABLE, "STORE_DOWN", "down");
	return real->done(self, id, attempt, now_us, err);
}

static void test_note_is_kept_up(struct fixture *f)
{
	struct mail_store_driver failing = *f->store.mail.driver;
	real = f->store.mail.driver;
	failing.done = failing_done;
	f->store.mail.driver = &failing;
	__atomic_store_n(&failures_left, 3, __ATOMIC_SEQ_CST);
	fixture_start_queue(f, NULL, NULL);
	CHECK(send_mail(f, "a", 600 * (int64_t)SECOND_US, false));
	CHECK(fixture_wait_delivered(f, 1));
	while (__atomic_load_n(&failures_left, __ATOMIC_SEQ_CST) >= 0)
		mail_queue_wake(f->queue); /* cuts its pauses short */
	CHECK(fixture_wait_due(f, 0, 0, NULL));
	CHECK(send_mail(f, "b", 600 * (int64_t)SECOND_US, false));
	CHECK(fixture_wait_delivered(f, 2) && fixture_wait_due(f, 0, 0, NULL));
	CHECK_ROW("sent once each", f->delivered == 2 && strcmp(f->mails[0].id, f->mails[1].id) != 0);
	mail_queue_stop(&f->queue);
	f->store.mail.driver = real;
}

int main(void)
{
	static const struct {
		const char *says;
		void (*run)(struct fixture *f);
	} tests[] = {
		{ "sends", test_sends },
		{ "A08 no secret at rest or in the log", test_a08_secrets },
		{ "backoff", test_backoff },
		{ "gives up", test_gives_up },
		{ "expiry", test_expiry },
		{ "clock set back", test_clock_set_back },
		{ "discard", test_discard },
		{ "stop and start", test_stop_and_start },
		{ "claimed by the dead", test_claimed_by_the_dead },
		{ "unreadable", test_unreadable },
		{ "bad address", test_bad_address },
		{ "the note is kept up", test_note_is_kept_up },
	};
	fixture_catch_log();
	log_setup(LOG_DEBUG, false);
	for (size_t i = 0; i < COUNT(tests); i++) {
		static struct fixture f;
		int failed_before = check_failed_count;
		fixture_init(&f);
		tests[i].run(&f);
		fixture_fini(&f);
		if (check_failed_count != failed_before) (void)printf("BROKEN %s\n", tests[i].says);
	}
	return check_done("mail_queue_test");
}
