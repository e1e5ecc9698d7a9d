/* The mail queue: due, claimed, ended, over again. */
#include "tests/contract/world.h"

#define MAIL(w, fn, ...) (w)->store.mail.driver->fn((w)->store.mail.self, __VA_ARGS__)

static struct mail_job world_mail(struct world *w, const char *reference)
{
	struct mail_job job = { .id = new_id(w->arena),
		                .reference = str_from(reference),
		                .body = { "\x01\x00\xffsealed", 9 },
		                .created_at_us = w->now_us,
		                .expires_at_us = w->now_us + 600 * (int64_t)SECOND_US };
	CHECK_OK(MAIL(w, enqueue, &job, &w->err), &w->err);
	return job;
}

/* The mail that is due now; id "" = none. */
static struct mail_job world_claim_mail(struct world *w)
{
	struct mail_job job = { .reference = STR("?") };
	bool has = false;
	CHECK_OK(MAIL(w, claim, w->now_us, LEASE_MS, w->arena, &job, &has, &w->err), &w->err);
	return has ? job : (struct mail_job){ 0 };
}

static int64_t next_due(struct world *w)
{
	int64_t at_us = -1;
	CHECK_OK(MAIL(w, next_due, &at_us, &w->err), &w->err);
	return at_us;
}

static void reopen(struct world *w)
{
	w->store.close(w->store.self);
	CHECK(w->contract->reopen(&w->store));
}

static void rule_order(struct world *w)
{
	CHECK(next_due(w) == 0);
	CHECK(world_claim_mail(w).id.len == 0);
	struct mail_job first = world_mail(w, "code:one");
	int64_t first_at_us = w->now_us;
	w->now_us++;
	struct mail_job second = world_mail(w, "");
	CHECK(next_due(w) == first_at_us);
	struct mail_job got = world_claim_mail(w);
	CHECK_STR(got.id, first.id.ptr);
	CHECK_STR(got.reference, "code:one");
	CHECK(str_equal(got.body, first.body) && got.attempt == 1);
	CHECK(got.created_at_us == first.created_at_us && got.expires_at_us == first.expires_at_us);
	got = world_claim_mail(w);
	CHECK_STR(got.id, second.id.ptr);
	CHECK_STR(got.reference, "");
	CHECK(world_claim_mail(w).id.len == 0);
	CHECK(next_due(w) == w->now_us + LEASE_MS * 1000); /* a claim that lapses is due */
}

static void rule_not_before_it_is_made(struct world *w)
{
	struct mail_job job = world_mail(w, "");
	w->now_us--;
	CHECK(world_claim_mail(w).id.len == 0);
	w->now_us++;
	CHECK_STR(world_claim_mail(w).id, job.id.ptr);
}

static void rule_lease(struct world *w)
{
	struct mail_job job = world_mail(w, "");
	struct mail_job held = world_claim_mail(w);
	w->now_us += LEASE_MS * 1000 - 1;
	CHECK(world_claim_mail(w).id.len == 0);
	w->now_us++;
	struct mail_job again = world_claim_mail(w);
	CHECK_STR(again.id, job.id.ptr);
	CHECK(again.attempt == 2 && str_equal(again.body, job.body));
	CHECK_FAILS(w, MAIL(w, done, held.id, held.attempt, w->now_us, &w->err), RPC_ABORTED, "MAIL_MOVED");
	CHECK_FAILS(w, MAIL(w, retry, held.id, held.attempt, w->now_us, STR("R"), &w->err), RPC_ABORTED, "MAIL_MOVED");
	CHECK_FAILS(w, MAIL(w, fail, held.id, held.attempt, w->now_us, STR("R"), &w->err), RPC_ABORTED, "MAIL_MOVED");
	CHECK_OK(MAIL(w, done, again.id, again.attempt, w->now_us, &w->err), &w->err);
	CHECK_FAILS(w, MAIL(w, done, again.id, again.attempt, w->now_us, &w->err), RPC_ABORTED, "MAIL_MOVED");
	CHECK(next_due(w) == 0);
}

static void rule_retry(struct world *w)
{
	struct mail_job job = world_mail(w, "");
	struct mail_job got = world_claim_mail(w);
	int64_t next_us = w->now_us + 2 * SECOND_US;
	CHECK_OK(MAIL(w, retry, got.id, got.attempt, next_us, STR("MAIL_UNREACHABLE"), &w->err), &w->err);
	CHECK_FAILS(w, MAIL(w, done, got.id, got.attempt, w->now_us, &w->err), RPC_ABORTED,
	            "MAIL_MOVED"); /* nobody holds it */
	CHECK(next_due(w) == next_us);
	w->now_us = next_us - 1;
	CHECK(world_claim_mail(w).id.len == 0);
	w->now_us = next_us;
	got = world_claim_mail(w);
	CHECK_STR(got.id, job.id.ptr);
	CHECK(got.attempt == 2 && str_equal(got.body, job.body));
	CHECK_OK(MAIL(w, fail, got.id, got.attempt, w->now_us, STR("MAIL_REFUSED"), &w->err), &w->err);
	w->now_us += 3600 * (int64_t)SECOND_US;
	CHECK(world_claim_mail(w).id.len == 0); /* final */
}

/* An expired one is handed out too: its end has to be told. */
static void rule_expired(struct world *w)
{
	struct mail_job job = world_mail(w, "code:late");
	w->now_us = job.expires_at_us + SECOND_US;
	struct mail_job got = world_claim_mail(w);
	CHECK_STR(got.id, job.id.ptr);
	CHECK(got.expires_at_us < w->now_us);
	CHECK_OK(MAIL(w, fail, got.id, got.attempt, w->now_us, STR("MAIL_EXPIRED"), &w->err), &w->err);
}

/* Due an hour from now by a clock that was an hour ahead: not to be waited for. */
static void rule_clock_set_back(struct world *w)
{
	struct mail_job job = world_mail(w, "");
	struct mail_job got = world_claim_mail(w);
	CHECK_OK(MAIL(w, retry, got.id, got.attempt, w->now_us + 2 * SECOND_US, STR("R"), &w->err), &w->err);
	w->now_us -= 3600 * (int64_t)SECOND_US;
	got = world_claim_mail(w);
	CHECK_STR(got.id, job.id.ptr);
	CHECK(world_claim_mail(w).id.len == 0); /* held as any other */
	CHECK_OK(MAIL(w, done, got.id, got.attempt, w->now_us, &w->err), &w->err);
}

static void rule_survives(struct world *w)
{
	struct mail_job waits = world_mail(w, "waits"), held = { 0 };
	int64_t count = -1;
	held = world_claim_mail(w);
	CHECK_STR(held.id, waits.id.ptr);
	struct mail_job second = world_mail(w, "second");
	struct mail_job third = world_mail(w, "third");
	struct mail_job got = world_claim_mail(w);
	struct mail_job sent = str_equal(got.id, second.id) ? second : third,
	                left = str_equal(got.id, second.id) ? third : second;
	CHECK_OK(MAIL(w, done, sent.id, got.attempt, w->now_us, &w->err), &w->err);
	reopen(w);
	got = world_claim_mail(w); /* not the claimed one: its lease holds until somebody says that nobody is there */
	CHECK_STR(got.id, left.id.ptr);
	CHECK(str_equal(got.body, left.body));
	CHECK_OK(MAIL(w, done, got.id, got.attempt, w->now_us, &w->err), &w->err);
	CHECK(world_claim_mail(w).id.len == 0);
	CHECK_OK(MAIL(w, void_leases, w->now_us, &count, &w->err), &w->err);
	CHECK(count == 1);
	got = world_claim_mail(w);
	CHECK_STR(got.id, waits.id.ptr);
	CHECK(got.attempt == 2 && str_equal(got.body, waits.body));
	CHECK_FAILS(w, MAIL(w, done, held.id, held.attempt, w->now_us, &w->err), RPC_ABORTED, "MAIL_MOVED");
	CHECK_OK(MAIL(w, done, got.id, got.attempt, w->now_us, &w->err), &w->err);
	CHECK_OK(MAIL(w, void_leases, w->now_us, &count, &w->err), &w->err);
	CHECK(count == 0 && next_due(w) == 0);
}

static void rule_sweep(struct world *w)
{
	int64_t count = -1;
	for (int i = 0; i < 5; i++) {
		(void)world_mail(w, "");
		struct mail_job got = world_claim_mail(w);
		if (i % 2)
			CHECK_OK(MAIL(w, fail, got.id, got.attempt, w->now_us, STR("R"), &w->err), &w->err);
		else
			CHECK_OK(MAIL(w, done, got.id, got.attempt, w->now_us, &w->err), &w->err);
		w->now_us += SECOND_US;
	}
	struct mail_job waits = world_mail(w, "");
	CHECK_OK(MAIL(w, sweep, START_US + 3 * SECOND_US, 2, &count, &w->err), &w->err);
	CHECK(count == 2);
	CHECK_OK(MAIL(w, sweep, START_US + 3 * SECOND_US, 2, &count, &w->err), &w->err);
	CHECK(count == 1); /* the fourth ended at that very instant */
	CHECK_OK(MAIL(w, sweep, INT64_MAX, 100, &count, &w->err), &w->err);
	CHECK(count == 2);
	CHECK_STR(world_claim_mail(w).id, waits.id.ptr); /* what waits is never swept */
}

enum { CLAIMERS = 4, MAILS = 40 };
static void claim_many(struct world *w, void *ctx, size_t index)
{
	atomic_int *claimed = ctx;
	struct arena *arena = arena_create(0);
	(void)index;
	for (bool has = true; has;) {
		struct mail_job job;
		struct error err;
		has = false;
		if (!CHECK(MAIL(w, claim, w->now_us, LEASE_MS, arena, &job, &has, &err)) || !has) break;
		CHECK(job.attempt == 1);
		CHECK(MAIL(w, done, job.id, job.attempt, w->now_us, &err));
		atomic_fetch_add(claimed, 1);
	}
	arena_destroy(&arena);
}

static void rule_claim_is_exclusive(struct world *w)
{
	atomic_int claimed = 0;
	for (int i = 0; i < MAILS; i++) (void)world_mail(w, "");
	world_threads(w, CLAIMERS, claim_many, &claimed);
	CHECK(claimed == MAILS);
	CHECK(next_due(w) == 0);
}

static const struct store_rule rules[] = {
	{ "the longest due comes first", rule_order },
	{ "not before it is made", rule_not_before_it_is_made },
	{ "a claim that lapses is fenced", rule_lease },
	{ "a retry comes at its time", rule_retry },
	{ "an expired mail is handed out to be ended", rule_expired },
	{ "a clock that was set back keeps no mail", rule_clock_set_back },
	{ "mail survives a restart", rule_survives },
	{ "ended mail is swept, waiting mail never", rule_sweep },
	{ "two senders never hold one mail", rule_claim_is_exclusive },
};

int contract_mail(const struct store_contract *contract) { return world_run(contract, "mail", rules, COUNT(rules)); }
