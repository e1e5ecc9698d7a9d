/* One-time codes: issue, take, give back, withdraw, and what bounds guessing. Every rule moves its own clock (now_ms). */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "tests/contract/code_contract.h"
#include "tests/support/check.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND };
#define START_MS INT64_C(1767323045123)

struct world {
	struct code_store store;
	struct code_limits limits;
	struct error err;
	int64_t now_ms;
	int serial; /* of ids */
	char ids[8][24];
};

static const struct code_limits usual = {
	.expire_ms = 600 * SECOND,
	.cooldown_ms = 60 * SECOND,
	.attempts_max = 3,
	.sends_max = 10,
	.mailbox_failures_max = 9,
	.client_failures_max = 30,
	.overall_failures_max = 60,
};

static struct str fresh_id(struct world *w)
{
	char *text = w->ids[w->serial % 8];
	(void)snprintf(text, sizeof w->ids[0], "id-%d", ++w->serial);
	return str_from(text);
}

/* Codes are hashes to the store: a test's code is one letter. */
static void set_hash(unsigned char hash[CODE_STORED_HASH_BYTES], char code)
{
	memset(hash, 0, CODE_STORED_HASH_BYTES);
	hash[CODE_STORED_HASH_BYTES - 1] = (unsigned char)code; /* all of it is compared */
}

static bool issue_as(struct world *w, const char *mailbox, enum code_purpose purpose, char code, struct str id,
                     struct code_issued *out)
{
	struct code_issue issue = { .mailbox = str_from(mailbox), .purpose = purpose, .id = id };
	struct code_issued ignored;
	set_hash(issue.hash, code);
	error_clear(&w->err);
	return w->store.driver->issue(w->store.self, &issue, &w->limits, w->now_ms, out ? out : &ignored, &w->err);
}

static bool issue(struct world *w, const char *mailbox, enum code_purpose purpose, char code)
{
	return issue_as(w, mailbox, purpose, code, fresh_id(w), NULL);
}

static bool take_as(struct world *w, const char *mailbox, enum code_purpose purpose, char code, const char *client,
                    struct str ticket)
{
	struct code_try attempt = {
		.mailbox = str_from(mailbox), .purpose = purpose, .client = str_from(client), .ticket = ticket
	};
	set_hash(attempt.hash, code);
	error_clear(&w->err);
	return w->store.driver->take(w->store.self, &attempt, &w->limits, w->now_ms, &w->err);
}

static bool take(struct world *w, const char *mailbox, enum code_purpose purpose, char code)
{
	return take_as(w, mailbox, purpose, code, "client", fresh_id(w));
}

static void give_back(struct world *w, const char *mailbox, enum code_purpose purpose, struct str ticket)
{
	CHECK_OK(w->store.driver->give_back(w->store.self, str_from(mailbox), purpose, ticket, &w->err), &w->err);
}

static void withdraw(struct world *w, const char *mailbox, enum code_purpose purpose, struct str id)
{
	CHECK_OK(w->store.driver->withdraw(w->store.self, str_from(mailbox), purpose, id, &w->err), &w->err);
}

static const char *param(const struct world *w, const char *name)
{
	for (size_t i = 0; i < w->err.param_count; i++)
		if (strcmp(w->err.params[i].name, name) == 0) return w->err.params[i].value;
	return "(none)";
}

static bool refused(struct world *w, bool call, enum rpc_code code, const char *reason)
{
	bool ok = !call && w->err.code == code && error_is(&w->err, reason);
	if (!ok) (void)printf("  wanted %s, got %s\n", reason, call ? "success" : w->err.reason);
	return ok;
}
#define CHECK_WRONG(call) CHECK(refused(w, (call), RPC_INVALID_ARGUMENT, "CODE_WRONG"))
#define CHECK_INVALID(call, reason) CHECK(refused(w, (call), RPC_INVALID_ARGUMENT, (reason)))
#define CHECK_EXHAUSTED(call, reason) CHECK(refused(w, (call), RPC_RESOURCE_EXHAUSTED, (reason)))
#define REGISTER CODE_REGISTER
#define RESET CODE_PASSWORD_RESET

static void rule_life(struct world *w)
{
	struct code_issued issued = { 0 };
	CHECK_INVALID(take(w, "a", REGISTER, 'x'), "CODE_ABSENT");
	CHECK_OK(issue_as(w, "a", REGISTER, 'x', fresh_id(w), &issued), &w->err);
	CHECK(issued.sends_left == 9 && issued.expires_at_ms == w->now_ms + 600 * SECOND);
	CHECK_WRONG(take(w, "a", REGISTER, 'y'));
	CHECK_OK(take(w, "a", REGISTER, 'x'), &w->err);
	CHECK_INVALID(take(w, "a", REGISTER, 'x'), "CODE_USED");
	CHECK_INVALID(take(w, "a", REGISTER, 'y'), "CODE_USED"); /* used is said before wrong */
}

/* A02: three wrong tries, and the right code comes too late; then a new code starts afresh. */
static void rule_a02_three_tries(struct world *w)
{
	CHECK_OK(issue(w, "a", RESET, 'x'), &w->err);
	w->now_ms += 10 * SECOND;
	for (int i = 0; i < 3; i++) CHECK_WRONG(take(w, "a", RESET, 'y'));
	CHECK_EXHAUSTED(take(w, "a", RESET, 'x'), "CODE_ATTEMPTS");
	CHECK_STR(str_from(param(w, "max_attempts")), "3");
	CHECK_STR(str_from(param(w, "retry_after")), "50"); /* until a new code can be had */
	CHECK_EXHAUSTED(take(w, "a", RESET, 'x'), "CODE_ATTEMPTS");
	w->now_ms += 50 * SECOND;
	CHECK_OK(issue(w, "a", RESET, 'z'), &w->err);
	CHECK_INVALID(take(w, "a", RESET, 'x'), "CODE_WRONG"); /* the old one is dead */
	CHECK_OK(take(w, "a", RESET, 'z'), &w->err);
}

struct crowd {
	struct world *w;
	pthread_barrier_t start;
	atomic_int wins, wrongs, late, others, next;
};

static void *crowd_run(void *self)
{
	struct crowd *crowd = self;
	struct world own = { .store = crowd->w->store, .limits = crowd->w->limits, .now_ms = crowd->w->now_ms };
	char ticket[24];
	int index = atomic_fetch_add(&crowd->next, 1);
	(void)snprintf(ticket, sizeof ticket, "ticket-%d", index);
	(void)pthread_barrier_wait(&crowd->start);
	/* Every tenth is right. */
	if (take_as(&own, "a", REGISTER, index % 10 == 0 ? 'x' : 'y', "client", str_from(ticket)))
		atomic_fetch_add(&crowd->wins, 1);
	else if (error_is(&own.err, "CODE_WRONG"))
		atomic_fetch_add(&crowd->wrongs, 1);
	else if (error_is(&own.err, "CODE_USED") || error_is(&own.err, "CODE_ATTEMPTS"))
		atomic_fetch_add(&crowd->late, 1);
	else
		atomic_fetch_add(&crowd->others, 1);
	return NULL;
}

/* A03: a hundred at once, right and wrong: at most three tries count and at most one succeeds. */
static void rule_a03_parallel(struct world *w)
{
	enum { THREADS = 100, ROUNDS = 8 };
	int wins = 0;
	w->limits.mailbox_failures_max = 1000;
	w->limits.client_failures_max = 1000;
	w->limits.overall_failures_max = 1000;
	for (int round = 0; round < ROUNDS; round++) {
		struct crowd crowd = { .w = w };
		pthread_t threads[THREADS];
		CHECK_OK(issue(w, "a", REGISTER, 'x'), &w->err);
		(void)pthread_barrier_init(&crowd.start, NULL, THREADS);
		for (size_t i = 0; i < THREADS; i++)
			if (pthread_create(&threads[i], NULL, crowd_run, &crowd) != 0) die("no thread");
		for (size_t i = 0; i < THREADS; i++) (void)pthread_join(threads[i], NULL);
		(void)pthread_barrier_destroy(&crowd.start);
		CHECK(crowd.wrongs <= 3 && crowd.wins <= 1 && crowd.others == 0);
		CHECK(crowd.wins == 1 || crowd.wrongs == 3); /* whatever the order, it has come to an end */
		CHECK(crowd.wins + crowd.wrongs + crowd.late == THREADS);
		wins += crowd.wins;
		w->now_ms += MINUTE;
	}
	CHECK(wins <= ROUNDS);
}

static void *send_run(void *self)
{
	struct crowd *crowd = self;
	struct world own = { .store = crowd->w->store, .limits = crowd->w->limits, .now_ms = crowd->w->now_ms };
	char id[24];
	(void)snprintf(id, sizeof id, "send-%d", atomic_fetch_add(&crowd->next, 1));
	(void)pthread_barrier_wait(&crowd->start);
	if (issue_as(&own, "a", REGISTER, 'x', str_from(id), NULL))
		atomic_fetch_add(&crowd->wins, 1);
	else if (error_is(&own.err, "CODE_COOLDOWN"))
		atomic_fetch_add(&crowd->late, 1);
	return NULL;
}

static void rule_parallel_sends(struct world *w)
{
	enum { THREADS = 50 };
	struct crowd crowd = { .w = w };
	pthread_t threads[THREADS];
	(void)pthread_barrier_init(&crowd.start, NULL, THREADS);
	for (size_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, send_run, &crowd) != 0) die("no thread");
	for (size_t i = 0; i < THREADS; i++) (void)pthread_join(threads[i], NULL);
	(void)pthread_barrier_destroy(&crowd.start);
	CHECK(crowd.wins == 1 && crowd.late == THREADS - 1);
}

/* A04: 59 s is too early, one second is said to be left; at 60 s and 61 s it goes, and the old code is dead. */
static void rule_a04_cooldown(struct world *w)
{
	static const struct {
		int64_t after_ms;
		const char *remaining; /* NULL = passes */
	} rows[] = {
		{ 0, "60" },    { 1, "60" },    { 1000, "59" },  { 58001, "2" },
		{ 59000, "1" }, { 59999, "1" }, { 60000, NULL }, { 61000, NULL },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		char mailbox[16];
		(void)snprintf(mailbox, sizeof mailbox, "box %zu", i);
		CHECK_OK(issue(w, mailbox, REGISTER, 'x'), &w->err);
		w->now_ms += rows[i].after_ms;
		bool again = issue(w, mailbox, REGISTER, 'z');
		CHECK_ROW(mailbox, again == !rows[i].remaining);
		if (rows[i].remaining) {
			CHECK_ROW(mailbox, error_is(&w->err, "CODE_COOLDOWN") && w->err.code == RPC_RESOURCE_EXHAUSTED);
			CHECK_STR_ROW(mailbox, str_from(param(w, "remaining_seconds")), rows[i].remaining);
			CHECK_STR_ROW(mailbox, str_from(param(w, "retry_after")), rows[i].remaining);
			CHECK_EXHAUSTED(issue(w, mailbox, RESET, 'z'),
			                "CODE_COOLDOWN");                   /* of the mailbox, over both purposes */
			CHECK_OK(take(w, mailbox, REGISTER, 'x'), &w->err); /* a refusal leaves the code as it was */
		} else {
			CHECK_WRONG(take(w, mailbox, REGISTER, 'x'));
			CHECK_OK(take(w, mailbox, REGISTER, 'z'), &w->err);
		}
		CHECK_OK(issue(w, "another", REGISTER, 'x'), &w->err); /* of this mailbox only */
		w->now_ms += MINUTE;
	}
}

/* A05: the eleventh within 24 h is refused, wherever midnight lies. */
static void rule_a05_sliding_day(struct world *w)
{
	int64_t first_ms = w->now_ms;
	struct code_issued issued = { 0 };
	for (int i = 0; i < 10; i++) {
		CHECK_OK(issue_as(w, "a", i % 2 ? REGISTER : RESET, 'x', fresh_id(w), &issued), &w->err);
		CHECK(issued.sends_left == (uint32_t)(9 - i));
		w->now_ms += 2 * 3600 * SECOND;
	}
	CHECK_EXHAUSTED(issue(w, "a", REGISTER, 'x'), "CODE_DAILY_LIMIT"); /* 20 h after the first */
	CHECK_STR(str_from(param(w, "daily_limit")), "10");
	CHECK_STR(str_from(param(w, "daily_count")), "10");
	CHECK_STR(str_from(param(w, "retry_after")), "14400");
	w->now_ms = first_ms + CODE_DAY_MS - 1;
	CHECK_EXHAUSTED(issue(w, "a", REGISTER, 'x'), "CODE_DAILY_LIMIT");
	CHECK_STR(str_from(param(w, "retry_after")), "1");
	w->now_ms++;
	CHECK_OK(issue_as(w, "a", REGISTER, 'x', fresh_id(w), &issued), &w->err); /* one place became free, not ten */
	CHECK(issued.sends_left == 0);
	w->now_ms += MINUTE;
	CHECK_EXHAUSTED(issue(w, "a", REGISTER, 'x'), "CODE_DAILY_LIMIT");
	CHECK_STR(str_from(param(w, "daily_count")), "10");
	CHECK_OK(issue(w, "b", REGISTER, 'x'), &w->err);
}

/* A06: dead at exactly 600 s. */
static void rule_a06_expiry(struct world *w)
{
	int64_t start_ms = w->now_ms;
	CHECK_OK(issue(w, "a", REGISTER, 'x'), &w->err);
	CHECK_OK(issue(w, "b", REGISTER, 'x'), &w->err);
	w->now_ms = start_ms + 600 * SECOND - 1;
	CHECK_OK(take(w, "a", REGISTER, 'x'), &w->err);
	w->now_ms = start_ms + 600 * SECOND;
	CHECK_INVALID(take(w, "b", REGISTER, 'x'), "CODE_EXPIRED");
	CHECK_INVALID(take(w, "a", REGISTER, 'x'), "CODE_EXPIRED"); /* expired is said before used */
	CHECK_OK(issue(w, "b", RESET, 'x'), &w->err); /* the mailbox itself is not forgotten then */
	w->now_ms = start_ms + CODE_DAY_MS - 1;
	CHECK_INVALID(take(w, "b", REGISTER, 'x'), "CODE_EXPIRED");
	w->now_ms++;
	CHECK_INVALID(take(w, "b", REGISTER, 'x'), "CODE_ABSENT");
}

/* A07: of this purpose and this mailbox only. */
static void rule_a07_bound(struct world *w)
{
	CHECK_OK(issue(w, "a", REGISTER, 'x'), &w->err);
	CHECK_INVALID(take(w, "a", RESET, 'x'), "CODE_ABSENT");
	CHECK_INVALID(take(w, "b", REGISTER, 'x'), "CODE_ABSENT");
	w->now_ms += MINUTE;
	CHECK_OK(issue(w, "a", RESET, 'z'), &w->err); /* beside the other one, not in its place */
	CHECK_WRONG(take(w, "a", RESET, 'x'));
	CHECK_OK(take(w, "a", REGISTER, 'x'), &w->err);
	CHECK_OK(take(w, "a", RESET, 'z'), &w->err);
}

static void rule_give_back(struct world *w)
{
	struct str ticket = STR("ticket"), stale = STR("stale");
	CHECK_OK(issue(w, "a", REGISTER, 'x'), &w->err);
	CHECK_WRONG(take(w, "a", REGISTER, 'y'));
	CHECK_WRONG(take(w, "a", REGISTER, 'y'));
	for (int i = 0; i < 5; i++) { /* right tries cost nothing, however often the request fails */
		CHECK_OK(take_as(w, "a", REGISTER, 'x', "client", ticket), &w->err);
		CHECK_INVALID(take(w, "a", REGISTER, 'x'), "CODE_USED"); /* held: nobody else can have it meanwhile */
		give_back(w, "a", REGISTER, STR("another"));
		give_back(w, "a", RESET, ticket);
		give_back(w, "b", REGISTER, ticket);
		CHECK_INVALID(take(w, "a", REGISTER, 'x'), "CODE_USED");
		give_back(w, "a", REGISTER, ticket);
	}
	CHECK_WRONG(take(w, "a", REGISTER, 'y')); /* the counted tries stay counted */
	CHECK_EXHAUSTED(take(w, "a", REGISTER, 'x'), "CODE_ATTEMPTS");

	/* A ticket of an older code gives no newer one back. */
	w->now_ms += MINUTE;
	CHECK_OK(issue(w, "a", REGISTER, 'x'), &w->err);
	CHECK_OK(take_as(w, "a", REGISTER, 'x', "client", stale), &w->err);
	w->now_ms += MINUTE;
	CHECK_OK(issue(w, "a", REGISTER, 'z'), &w->err);
	CHECK_OK(take(w, "a", REGISTER, 'z'), &w->err);
	give_back(w, "a", REGISTER, stale);
	CHECK_INVALID(take(w, "a", REGISTER, 'z'), "CODE_USED");

	/* Given back, it lives no longer than it would have. */
	w->now_ms += MINUTE;
	CHECK_OK(issue(w, "a", REGISTER, 'x'), &w->err);
	CHECK_OK(take_as(w, "a", REGISTER, 'x', "client", ticket), &w->err);
	w->now_ms += 600 * SECOND;
	give_back(w, "a", REGISTER, ticket);
	CHECK_INVALID(take(w, "a", REGISTER, 'x'), "CODE_EXPIRED");
}

static void rule_withdraw(struct world *w)
{
	struct str id = STR("the issue"), other = STR("other");
	struct code_issued issued = { 0 };
	CHECK_OK(issue(w, "a", RESET, 'r'), &w->err);
	w->now_ms += MINUTE;
	CHECK_OK(issue_as(w, "a", REGISTER, 'x', id, NULL), &w->err);
	CHECK_WRONG(take(w, "a", REGISTER, 'y'));
	withdraw(w, "a", RESET, id);
	withdraw(w, "b", REGISTER, id);
	withdraw(w, "a", REGISTER, other);
	CHECK_EXHAUSTED(issue(w, "a", REGISTER, 'x'), "CODE_COOLDOWN");
	withdraw(w, "a", REGISTER, id);
	CHECK_INVALID(take(w, "a", REGISTER, 'x'), "CODE_ABSENT");
	CHECK_OK(issue_as(w, "a", REGISTER, 'z', other, &issued),
	         &w->err); /* no cooldown, and its place is free again */
	CHECK(issued.sends_left == 8);
	withdraw(w, "a", REGISTER, id); /* again, late: another issue stands there */
	CHECK_EXHAUSTED(issue(w, "a", REGISTER, 'x'), "CODE_COOLDOWN");
	CHECK_OK(take(w, "a", REGISTER, 'z'), &w->err);
	withdraw(w, "a", REGISTER, other); /* spent: it has come after all */
	CHECK_INVALID(take(w, "a", REGISTER, 'z'), "CODE_USED");
	CHECK_EXHAUSTED(issue(w, "a", REGISTER, 'x'), "CODE_COOLDOWN");
	CHECK_OK(take(w, "a", RESET, 'r'), &w->err); /* the other purpose's code was not touched */

	/* An older issue than the last one takes its own place in the count and no other's cooldown. */
	w->now_ms += MINUTE;
	CHECK_OK(issue_as(w, "c", REGISTER, 'x', id, NULL), &w->err);
	w->now_ms += MINUTE;
	CHECK_OK(issue(w, "c", RESET, 'r'), &w->err);
	withdraw(w, "c", REGISTER, id);
	CHECK_EXHAUSTED(issue(w, "c", REGISTER, 'x'), "CODE_COOLDOWN");
	w->now_ms += MINUTE;
	CHECK_OK(issue_as(w, "c", REGISTER, 'x', fresh_id(w), &issued), &w->err);
	CHECK(issued.sends_left == 8);
}

/* Withdrawn codes do not open a way to more guesses: what was counted stays. */
static void rule_failures_of_a_mailbox(struct world *w)
{
	int64_t first_ms = w->now_ms;
	for (int code = 0; code < 3; code++) {
		struct str id = fresh_id(w);
		CHECK_OK(issue_as(w, "a", code == 1 ? REGISTER : RESET, 'x', id, NULL), &w->err);
		for (int i = 0; i < 3; i++) CHECK_WRONG(take(w, "a", code == 1 ? REGISTER : RESET, 'y'));
		if (code == 2)
			withdraw(w, "a", RESET, id);
		else
			w->now_ms += MINUTE;
	}
	CHECK_OK(issue(w, "a", RESET, 'x'), &w->err);
	CHECK_EXHAUSTED(take(w, "a", RESET, 'x'), "CODE_FAILURES"); /* also the right one: the answer tells nothing */
	CHECK_EXHAUSTED(take(w, "a", RESET, 'y'), "CODE_FAILURES");
	CHECK_STR(str_from(param(w, "retry_after")), "86280");
	CHECK_OK(issue(w, "b", RESET, 'x'), &w->err);
	CHECK_OK(take(w, "b", RESET, 'x'), &w->err); /* of this mailbox only */
	w->now_ms = first_ms + CODE_DAY_MS - 1;
	CHECK_OK(issue(w, "a", RESET, 'x'), &w->err);
	CHECK_EXHAUSTED(take(w, "a", RESET, 'x'), "CODE_FAILURES");
	CHECK_STR(str_from(param(w, "retry_after")), "1");
	w->now_ms++;
	CHECK_OK(take(w, "a", RESET, 'x'), &w->err); /* refused tries counted for nothing */
}

/* One client that sprays over many mailboxes. */
static void rule_failures_of_a_client(struct world *w)
{
	char mailbox[24];
	int wrong = 0;
	for (int i = 0; i < 40; i++) {
		(void)snprintf(mailbox, sizeof mailbox, "box %d", i);
		CHECK_OK(issue(w, mailbox, i % 2 ? REGISTER : RESET, 'x'), &w->err);
		wrong += !take_as(w, mailbox, i % 2 ? REGISTER : RESET, 'y', "sprayer", fresh_id(w)) &&
		         error_is(&w->err, "CODE_WRONG");
	}
	CHECK(wrong == 30);
	CHECK_EXHAUSTED(take_as(w, "box 0", RESET, 'x', "sprayer", fresh_id(w)), "CODE_FAILURES");
	CHECK_OK(take_as(w, "box 0", RESET, 'x', "owner", fresh_id(w)), &w->err);
	CHECK_OK(take_as(w, "box 2", RESET, 'x', "", fresh_id(w)), &w->err); /* an unknown one is a client of its own */
	w->now_ms += CODE_DAY_MS;
	CHECK_OK(issue(w, "box 0", RESET, 'x'), &w->err);
	CHECK_OK(take_as(w, "box 0", RESET, 'x', "sprayer", fresh_id(w)), &w->err);
}

/* Many clients and many mailboxes: 60 guesses an hour in all, and the other purpose goes on. */
static void rule_failures_overall(struct world *w)
{
	char mailbox[24], client[24];
	int wrong = 0;
	for (int i = 0; i < 100; i++) {
		(void)snprintf(mailbox, sizeof mailbox, "box %d", i);
		(void)snprintf(client, sizeof client, "client %d", i);
		CHECK_OK(issue(w, mailbox, RESET, 'x'), &w->err);
		wrong += !take_as(w, mailbox, RESET, 'y', client, fresh_id(w)) && error_is(&w->err, "CODE_WRONG");
		w->now_ms += SECOND;
	}
	CHECK(wrong == 60);
	CHECK_EXHAUSTED(take_as(w, "box 99", RESET, 'x', "new", fresh_id(w)), "CODE_FAILURES");
	CHECK_STR(str_from(param(w, "retry_after")), "3500");
	CHECK_OK(issue(w, "new", REGISTER, 'x'), &w->err);
	CHECK_WRONG(take_as(w, "new", REGISTER, 'y', "new", fresh_id(w)));
	CHECK_OK(take_as(w, "new", REGISTER, 'x', "new", fresh_id(w)), &w->err);
	w->now_ms += 3500 * SECOND; /* an hour after the first: one place */
	CHECK_OK(issue(w, "late", RESET, 'x'), &w->err);
	CHECK_WRONG(take_as(w, "late", RESET, 'y', "new", fresh_id(w)));
	CHECK_EXHAUSTED(take_as(w, "late", RESET, 'x', "new", fresh_id(w)), "CODE_FAILURES");
}

/* now_ms = 0 is the store's own clock, the same in every operation. */
static void rule_own_clock(struct world *w)
{
	w->now_ms = 0;
	struct code_issued issued = { 0 };
	CHECK_OK(issue_as(w, "a", REGISTER, 'x', fresh_id(w), &issued), &w->err);
	CHECK(issued.expires_at_ms > 600 * SECOND);
	CHECK_EXHAUSTED(issue(w, "a", REGISTER, 'x'), "CODE_COOLDOWN");
	CHECK_OK(take(w, "a", REGISTER, 'x'), &w->err);
}

static const struct code_rule {
	const char *says;
	void (*check)(struct world *w);
} rules[] = {
	{ "a code is absent, wrong, right, used", rule_life },
	{ "A02 three wrong tries end a code", rule_a02_three_tries },
	{ "A03 parallel tries: three counted, one success", rule_a03_parallel },
	{ "parallel sends: one passes", rule_parallel_sends },
	{ "A04 the cooldown's edge", rule_a04_cooldown },
	{ "A05 ten a sliding day", rule_a05_sliding_day },
	{ "A06 expired at exactly its end", rule_a06_expiry },
	{ "A07 bound to purpose and mailbox", rule_a07_bound },
	{ "a code is given back to its ticket only", rule_give_back },
	{ "an issue is withdrawn while it is that issue", rule_withdraw },
	{ "failures of a mailbox", rule_failures_of_a_mailbox },
	{ "failures of a client", rule_failures_of_a_client },
	{ "failures overall", rule_failures_overall },
	{ "its own clock", rule_own_clock },
};

int code_contract(const struct code_contract *contract)
{
	char name[96];
	for (size_t i = 0; i < COUNT(rules); i++) {
		struct world w = { .limits = usual, .now_ms = START_MS };
		int failed_before = check_failed_count;
		if (!CHECK_ROW(rules[i].says, contract->open_empty(&w.store))) continue;
		rules[i].check(&w);
		w.store.driver->close(w.store.self);
		if (check_failed_count != failed_before)
			(void)printf("BROKEN %s: %s\n", contract->driver, rules[i].says);
	}
	(void)snprintf(name, sizeof name, "%s codes, %zu rules", contract->driver, COUNT(rules));
	return check_done(name);
}
