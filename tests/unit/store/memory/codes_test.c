/* The memory driver of one-time codes beyond its contract: bounded without handing out fresh tries, steady against a clock that is set
 * back. */
#include "store/memory/codes.h"

#include "tests/support/check.h"

enum { SECOND_US = 1000000 };
#define DAY_US (INT64_C(24) * 3600 * SECOND_US)

static int64_t now_us = INT64_C(1767323045000000);
static int64_t fake_now(void *self)
{
	(void)self;
	return now_us;
}
static const struct clock fake_clock = { fake_now, NULL };

static const struct code_limits limits = {
	.expire_ms = 600000,
	.cooldown_ms = 60000,
	.attempts_max = 3,
	.sends_max = 10,
	.mailbox_failures_max = 9,
	.client_failures_max = 30,
	.overall_failures_max = 100,
};

static struct code_store open_codes(size_t mailboxes_max, size_t clients_max)
{
	struct code_store codes;
	memory_codes_open(&(struct memory_codes_options){ mailboxes_max, clients_max, &fake_clock }, &codes);
	return codes;
}

static bool issue(struct code_store *codes, const char *mailbox, struct error *err)
{
	struct code_issue what = {
		.mailbox = str_from(mailbox), .purpose = CODE_REGISTER, .id = str_from(mailbox), .hash = { 1 }
	};
	struct code_issued out;
	return codes->driver->issue(codes->self, &what, &limits, 0, &out, err);
}

static bool take(struct code_store *codes, const char *mailbox, const char *client, unsigned char code,
                 struct error *err)
{
	struct code_try what = { .mailbox = str_from(mailbox),
		                 .purpose = CODE_REGISTER,
		                 .client = str_from(client),
		                 .ticket = STR("t"),
		                 .hash = { code } };
	return codes->driver->take(codes->self, &what, &limits, 0, err);
}

static void check_size(struct code_store *codes, size_t mailboxes, size_t clients)
{
	size_t got_mailboxes, got_clients;
	memory_codes_size(codes, &got_mailboxes, &got_clients);
	CHECK(got_mailboxes == mailboxes && got_clients == clients);
}

/* Full of what still counts: new ones are refused, the old ones keep their counts. */
static void test_bounded(void)
{
	struct code_store codes = open_codes(3, 2);
	struct error err = { 0 };
	CHECK(issue(&codes, "a", &err) && issue(&codes, "b", &err) && issue(&codes, "c", &err));
	CHECK(!issue(&codes, "d", &err) && error_is(&err, "OVERLOADED") && err.code == RPC_RESOURCE_EXHAUSTED);
	CHECK(!take(&codes, "d", "x", 1, &err) && error_is(&err, "CODE_ABSENT"));
	CHECK(!issue(&codes, "a", &err) && error_is(&err, "CODE_COOLDOWN"));
	CHECK(!take(&codes, "a", "x", 2, &err) && error_is(&err, "CODE_WRONG"));
	CHECK(!take(&codes, "a", "y", 2, &err) && error_is(&err, "CODE_WRONG"));
	check_size(&codes, 3, 2);
	CHECK(!take(&codes, "b", "z", 2, &err) &&
	      error_is(&err, "CODE_FAILURES")); /* a guess that could not be counted is not compared */
	CHECK(!take(&codes, "b", "z", 1, &err) && error_is(&err, "CODE_FAILURES"));
	CHECK(take(&codes, "b", "x", 1, &err));
	now_us += DAY_US - 1000;
	CHECK(!issue(&codes, "d", &err));
	now_us += 1000;
	CHECK(issue(&codes, "d", &err)); /* the others have lapsed */
	check_size(&codes, 1, 0);
	codes.driver->close(codes.self);
}

/* A withdrawn issue leaves nothing behind. */
static void test_withdrawn_is_forgotten(void)
{
	struct code_store codes = open_codes(0, 0);
	struct error err = { 0 };
	CHECK(issue(&codes, "a", &err) && issue(&codes, "b", &err));
	CHECK(!take(&codes, "b", "x", 2, &err));
	CHECK(codes.driver->withdraw(codes.self, STR("a"), CODE_REGISTER, STR("a"), &err));
	CHECK(codes.driver->withdraw(codes.self, STR("b"), CODE_REGISTER, STR("b"), &err));
	check_size(&codes, 1, 1); /* the failure still counts */
	codes.driver->close(codes.self);
}

static void test_clock_set_back(void)
{
	struct code_store codes = open_codes(0, 0);
	struct error err = { 0 };
	CHECK(issue(&codes, "a", &err));
	now_us -= 3600 * (int64_t)SECOND_US;
	CHECK(!issue(&codes, "a", &err) && error_is(&err, "CODE_COOLDOWN"));
	CHECK_STR(str_from(err.params[0].value), "60");
	now_us += 60 * SECOND_US;
	CHECK(issue(&codes, "a", &err)); /* a minute has passed, whatever the clock says */
	now_us -= 3600 * (int64_t)SECOND_US;
	CHECK(!take(&codes, "a", "x", 2, &err) && error_is(&err, "CODE_WRONG"));
	now_us += 600 * (int64_t)SECOND_US;
	CHECK(!take(&codes, "a", "x", 1, &err) && error_is(&err, "CODE_EXPIRED")); /* and a code lives no hour longer */
	codes.driver->close(codes.self);
}

int main(void)
{
	test_bounded();
	test_withdrawn_is_forgotten();
	test_clock_set_back();
	return check_done("codes_test");
}
