#include "store/memory/codes.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* uthash ends the process when memory is out, as the rest of the code does. */
#define uthash_fatal(msg) die("%s", msg)
#include <uthash.h>

enum { MAILBOXES_MAX = 100000, CLIENTS_MAX = 100000, ROOM_FIRST = 4 };

/* Instants in the order in which they were added; those of a window are at its end. */
struct instants {
	int64_t *at_ms;
	size_t first, count, room;
};

/* What both tables hold: found by name, forgotten in the order of the last touch. */
struct entry {
	UT_hash_handle hh;
	struct entry *older, *newer;
	int64_t touched_ms;
	char name[CODE_NAME_BYTES_MAX + 1];
	struct instants failures;
	/* mailboxes only */
	struct instants sends;
	struct code *codes[CODE_PURPOSE_COUNT];
};

struct code {
	char id[CODE_NAME_BYTES_MAX + 1], ticket[CODE_NAME_BYTES_MAX + 1]; /* ticket "" = unspent */
	unsigned char hash[CODE_STORED_HASH_BYTES];
	uint32_t attempts;
	int64_t issued_ms, expires_ms;
};

struct table {
	struct entry *by_name, *oldest, *newest;
	size_t max;
};

struct memory_codes {
	pthread_mutex_t lock;
	struct table mailboxes, clients;
	struct instants overall[CODE_PURPOSE_COUNT];
	const struct clock *clock;
	int64_t raw_ms, behind_ms; /* last reading of the clock, and how far it was set back since the start */
};

/* ---- instants ---- */

static void instants_prune(struct instants *list, int64_t window_ms, int64_t now_ms)
{
	while (list->count && list->at_ms[list->first] + window_ms <= now_ms) {
		list->first++;
		list->count--;
	}
	if (list->count == 0) list->first = 0;
}

static void instants_add(struct instants *list, int64_t at_ms)
{
	if (list->first + list->count == list->room) {
		size_t room = list->first >= list->count && list->room ? list->room
		              : list->room                             ? list->room * 2
		                                                       : ROOM_FIRST;
		int64_t *at = calloc(room, sizeof *at);
		if (!at) die("out of memory");
		if (list->count) memcpy(at, list->at_ms + list->first, list->count * sizeof *at);
		free(list->at_ms);
		*list = (struct instants){ .at_ms = at, .count = list->count, .room = room };
	}
	list->at_ms[list->first + list->count++] = at_ms;
}

static void instants_remove(struct instants *list, int64_t at_ms)
{
	int64_t *at = list->at_ms + list->first;
	size_t i = list->count;
	while (i > 0 && at[i - 1] != at_ms) i--;
	if (i == 0) return;
	memmove(at + i - 1, at + i, (list->count - i) * sizeof *at);
	list->count--;
}

static int64_t instants_last(const struct instants *list) { return list->at_ms[list->first + list->count - 1]; }

/* Milliseconds until one more fits. */
static int64_t instants_wait(const struct instants *list, int64_t window_ms, int64_t now_ms)
{
	return list->at_ms[list->first] + window_ms - now_ms;
}

/* ---- tables ---- */

static void entry_unlink(struct table *table, struct entry *e)
{
	if (e->older)
		e->older->newer = e->newer;
	else
		table->oldest = e->newer;
	if (e->newer)
		e->newer->older = e->older;
	else
		table->newest = e->older;
}

static void entry_link_newest(struct table *table, struct entry *e)
{
	e->older = table->newest;
	e->newer = NULL;
	if (table->newest)
		table->newest->newer = e;
	else
		table->oldest = e;
	table->newest = e;
}

static void entry_forget(struct table *table, struct entry *e)
{
	entry_unlink(table, e);
	HASH_DELETE(hh, table->by_name, e);
	for (size_t i = 0; i < COUNT(e->codes); i++) free(e->codes[i]);
	free(e->failures.at_ms);
	free(e->sends.at_ms);
	free(e);
}

static struct entry *entry_find(const struct table *table, struct str name)
{
	struct entry *e = NULL;
	HASH_FIND(hh, table->by_name, name.len ? name.ptr : "", name.len, e);
	return e;
}

/* NULL: the table is full of what still counts. */
static struct entry *entry_find_or_add(struct table *table, struct str name)
{
	struct entry *e = entry_find(table, name);
	if (e || HASH_COUNT(table->by_name) >= table->max) return e;
	e = calloc(1, sizeof *e);
	if (!e) die("out of memory");
	if (name.len) memcpy(e->name, name.ptr, name.len);
	HASH_ADD_KEYPTR(hh, table->by_name, e->name, name.len, e);
	entry_link_newest(table, e);
	return e;
}

static void entry_touch(struct table *table, struct entry *e, int64_t now_ms)
{
	e->touched_ms = now_ms;
	entry_unlink(table, e);
	entry_link_newest(table, e);
}

/* A day after its last send or failure nothing of an entry counts any more. */
static void table_prune(struct table *table, int64_t now_ms)
{
	while (table->oldest && table->oldest->touched_ms + CODE_DAY_MS <= now_ms) entry_forget(table, table->oldest);
}

/* ---- the driver ---- */

/* Never goes back: a clock set back by an hour must neither lengthen a code's life nor a cooldown by one. */
static int64_t steady_now(struct memory_codes *codes)
{
	int64_t raw = clock_now_us(codes->clock) / 1000;
	if (raw < codes->raw_ms) codes->behind_ms += codes->raw_ms - raw;
	codes->raw_ms = raw;
	return raw + codes->behind_ms;
}

static int64_t begin(struct memory_codes *codes, int64_t now_ms)
{
	(void)pthread_mutex_lock(&codes->lock);
	if (now_ms == 0) now_ms = steady_now(codes);
	table_prune(&codes->mailboxes, now_ms);
	table_prune(&codes->clients, now_ms);
	return now_ms;
}

static void check_ours(struct str name, enum code_purpose purpose, struct str second)
{
	if (name.len == 0 || name.len > CODE_NAME_BYTES_MAX || second.len > CODE_NAME_BYTES_MAX)
		die("a name of a code's is %zu bytes", name.len);
	if (!code_purpose_name(purpose)) die("purpose %d of a code", (int)purpose);
}

static void check_limits(const struct code_limits *l)
{
	if (l->expire_ms < 1 || l->expire_ms > CODE_DAY_MS || l->cooldown_ms < 0 || l->cooldown_ms > CODE_DAY_MS ||
	    l->attempts_max < 1 || l->sends_max < 1 || l->sends_max > CODE_SENDS_LIMIT || l->mailbox_failures_max < 1 ||
	    l->mailbox_failures_max > CODE_SENDS_LIMIT || l->client_failures_max < 1 || l->overall_failures_max < 1)
		die("limits of codes out of range");
}

static int64_t seconds_up(int64_t ms) { return ms > 0 ? (ms + 999) / 1000 : 1; }

static bool copy_name(char out[CODE_NAME_BYTES_MAX + 1], struct str name)
{
	memcpy(out, name.ptr, name.len);
	out[name.len] = '\0';
	return true;
}

static struct code **code_slot(struct entry *mailbox, enum code_purpose purpose)
{
	return &mailbox->codes[purpose - 1];
}

static bool issue_locked(struct memory_codes *codes, const struct code_issue *issue, const struct code_limits *limits,
                         int64_t now_ms, struct code_issued *out, struct error *err)
{
	struct entry *mailbox = entry_find_or_add(&codes->mailboxes, issue->mailbox);
	if (!mailbox) {
		error_set(err, RPC_RESOURCE_EXHAUSTED, "OVERLOADED", "no room for the code of one more mailbox");
		return error_param(err, "retry_after", "%d", 60);
	}
	instants_prune(&mailbox->sends, CODE_DAY_MS, now_ms);
	size_t sends = mailbox->sends.count;
	if (sends && instants_last(&mailbox->sends) + limits->cooldown_ms > now_ms) {
		long long wait_s = (long long)seconds_up(instants_last(&mailbox->sends) + limits->cooldown_ms - now_ms);
		error_set(err, RPC_RESOURCE_EXHAUSTED, "CODE_COOLDOWN", "the last code was sent too short ago");
		error_param(err, "remaining_seconds", "%lld", wait_s);
		return error_param(err, "retry_after", "%lld", wait_s);
	}
	if (sends >= limits->sends_max) {
		error_set(err, RPC_RESOURCE_EXHAUSTED, "CODE_DAILY_LIMIT", "%zu codes in 24 h", sends);
		error_param(err, "daily_limit", "%u", limits->sends_max);
		error_param(err, "daily_count", "%zu", sends);
		return error_param(err, "retry_after", "%lld",
		                   (long long)seconds_up(instants_wait(&mailbox->sends, CODE_DAY_MS, now_ms)));
	}
	struct code **slot = code_slot(mailbox, issue->purpose);
	if (!*slot && !(*slot = calloc(1, sizeof **slot))) die("out of memory");
	**slot = (struct code){ .issued_ms = now_ms, .expires_ms = now_ms + limits->expire_ms };
	copy_name((*slot)->id, issue->id);
	memcpy((*slot)->hash, issue->hash, sizeof issue->hash);
	instants_add(&mailbox->sends, now_ms);
	entry_touch(&codes->mailboxes, mailbox, now_ms);
	*out = (struct code_issued){ .sends_left = limits->sends_max - (uint32_t)mailbox->sends.count,
		                     .expires_at_ms = (*slot)->expires_ms };
	return true;
}

static bool codes_issue(void *self, const struct code_issue *issue, const struct code_limits *limits, int64_t now_ms,
                        struct code_issued *out, struct error *err)
{
	struct memory_codes *codes = self;
	check_ours(issue->mailbox, issue->purpose, issue->id);
	check_limits(limits);
	now_ms = begin(codes, now_ms);
	bool ok = issue_locked(codes, issue, limits, now_ms, out, err);
	(void)pthread_mutex_unlock(&codes->lock);
	return ok;
}

static bool refuse_budget(const char *which, int64_t wait_ms, struct error *err)
{
	error_set(err, RPC_RESOURCE_EXHAUSTED, "CODE_FAILURES", "the budget of wrong codes is used up: %s", which);
	return error_param(err, "retry_after", "%lld", (long long)seconds_up(wait_ms));
}

/* Room in all three budgets, so that the failure that may follow can be counted in each. */
static bool check_budgets(struct memory_codes *codes, struct entry *mailbox, const struct code_try *attempt,
                          const struct code_limits *limits, int64_t now_ms, struct error *err)
{
	struct instants *overall = &codes->overall[attempt->purpose - 1];
	struct entry *client = entry_find(&codes->clients, attempt->client);
	instants_prune(&mailbox->failures, CODE_DAY_MS, now_ms);
	if (mailbox->failures.count >= limits->mailbox_failures_max)
		return refuse_budget("mailbox", instants_wait(&mailbox->failures, CODE_DAY_MS, now_ms), err);
	if (client) instants_prune(&client->failures, CODE_DAY_MS, now_ms);
	if (client && client->failures.count >= limits->client_failures_max)
		return refuse_budget("client", instants_wait(&client->failures, CODE_DAY_MS, now_ms), err);
	if (!client && HASH_COUNT(codes->clients.by_name) >= codes->clients.max)
		return refuse_budget("clients", 60 * 1000, err);
	instants_prune(overall, CODE_HOUR_MS, now_ms);
	if (overall->count >= limits->overall_failures_max)
		return refuse_budget("overall", instants_wait(overall, CODE_HOUR_MS, now_ms), err);
	return true;
}

static void count_failure(struct memory_codes *codes, struct entry *mailbox, const struct code_try *attempt,
                          int64_t now_ms)
{
	struct entry *client = entry_find_or_add(&codes->clients, attempt->client); /* has room: check_budgets */
	instants_add(&mailbox->failures, now_ms);
	entry_touch(&codes->mailboxes, mailbox, now_ms);
	instants_add(&client->failures, now_ms);
	entry_touch(&codes->clients, client, now_ms);
	instants_add(&codes->overall[attempt->purpose - 1], now_ms);
}

static bool refuse_attempts(const struct entry *mailbox, const struct code_limits *limits, int64_t now_ms,
                            struct error *err)
{
	int64_t wait_ms = mailbox->sends.count ? instants_last(&mailbox->sends) + limits->cooldown_ms - now_ms : 0;
	error_set(err, RPC_RESOURCE_EXHAUSTED, "CODE_ATTEMPTS", "the code's tries are used up");
	error_param(err, "max_attempts", "%u", limits->attempts_max);
	return error_param(err, "retry_after", "%lld", (long long)seconds_up(wait_ms));
}

static bool take_locked(struct memory_codes *codes, const struct code_try *attempt, const struct code_limits *limits,
                        int64_t now_ms, struct error *err)
{
	struct entry *mailbox = entry_find(&codes->mailboxes, attempt->mailbox);
	struct code *code = mailbox ? *code_slot(mailbox, attempt->purpose) : NULL;
	if (!code || code->issued_ms + CODE_DAY_MS <= now_ms)
		return error_set(err, RPC_INVALID_ARGUMENT, "CODE_ABSENT", "there is no such code");
	if (code->expires_ms <= now_ms)
		return error_set(err, RPC_INVALID_ARGUMENT, "CODE_EXPIRED", "the code has expired");
	if (code->ticket[0]) return error_set(err, RPC_INVALID_ARGUMENT, "CODE_USED", "the code has been used");
	if (code->attempts >= limits->attempts_max) return refuse_attempts(mailbox, limits, now_ms, err);
	if (!check_budgets(codes, mailbox, attempt, limits, now_ms, err)) return false;
	/* Under one lock nobody sees the count and the comparison apart, whichever is first. */
	if (sodium_memcmp(code->hash, attempt->hash, sizeof code->hash) != 0) {
		code->attempts++;
		count_failure(codes, mailbox, attempt, now_ms);
		return error_set(err, RPC_INVALID_ARGUMENT, "CODE_WRONG", "the code is wrong");
	}
	return copy_name(code->ticket, attempt->ticket);
}

static bool codes_take(void *self, const struct code_try *attempt, const struct code_limits *limits, int64_t now_ms,
                       struct error *err)
{
	struct memory_codes *codes = self;
	check_ours(attempt->mailbox, attempt->purpose, attempt->ticket);
	check_ours(attempt->ticket, attempt->purpose, attempt->client);
	check_limits(limits);
	now_ms = begin(codes, now_ms);
	bool ok = take_locked(codes, attempt, limits, now_ms, err);
	(void)pthread_mutex_unlock(&codes->lock);
	return ok;
}

static bool codes_give_back(void *self, struct str mailbox, enum code_purpose purpose, struct str ticket,
                            struct error *err)
{
	struct memory_codes *codes = self;
	(void)err;
	check_ours(mailbox, purpose, ticket);
	(void)pthread_mutex_lock(&codes->lock);
	struct entry *e = entry_find(&codes->mailboxes, mailbox);
	struct code *code = e ? *code_slot(e, purpose) : NULL;
	if (code && ticket.len && str_equal(str_from(code->ticket), ticket)) code->ticket[0] = '\0';
	(void)pthread_mutex_unlock(&codes->lock);
	return true;
}

static bool codes_withdraw(void *self, struct str mailbox, enum code_purpose purpose, struct str issue_id,
                           struct error *err)
{
	struct memory_codes *codes = self;
	(void)err;
	check_ours(mailbox, purpose, issue_id);
	(void)pthread_mutex_lock(&codes->lock);
	struct entry *e = entry_find(&codes->mailboxes, mailbox);
	struct code **slot = e ? code_slot(e, purpose) : NULL, *code = slot ? *slot : NULL;
	if (code && !code->ticket[0] && str_equal(str_from(code->id), issue_id)) {
		instants_remove(&e->sends, code->issued_ms); /* the cooldown counts from the last that is left */
		free(code);
		*slot = NULL;
		if (!e->sends.count && !e->failures.count)
			entry_forget(&codes->mailboxes, e); /* the other code went with its send */
	}
	(void)pthread_mutex_unlock(&codes->lock);
	return true;
}

static void codes_close(void *self)
{
	struct memory_codes *codes = self;
	while (codes->mailboxes.oldest) entry_forget(&codes->mailboxes, codes->mailboxes.oldest);
	while (codes->clients.oldest) entry_forget(&codes->clients, codes->clients.oldest);
	for (size_t i = 0; i < COUNT(codes->overall); i++) free(codes->overall[i].at_ms);
	(void)pthread_mutex_destroy(&codes->lock);
	free(codes);
}

static const struct code_store_driver memory_code_store = {
	.name = "memory",
	.issue = codes_issue,
	.take = codes_take,
	.give_back = codes_give_back,
	.withdraw = codes_withdraw,
	.close = codes_close,
};

void memory_codes_open(const struct memory_codes_options *options, struct code_store *out)
{
	struct memory_codes *codes = calloc(1, sizeof *codes);
	if (!codes) die("out of memory");
	(void)pthread_mutex_init(&codes->lock, NULL);
	codes->mailboxes.max = options->mailboxes_max ? options->mailboxes_max : MAILBOXES_MAX;
	codes->clients.max = options->clients_max ? options->clients_max : CLIENTS_MAX;
	codes->clock = options->clock ? options->clock : &clock_system;
	codes->raw_ms = INT64_MIN;
	*out = (struct code_store){ codes, &memory_code_store };
}

void memory_codes_size(const struct code_store *store, size_t *out_mailboxes, size_t *out_clients)
{
	struct memory_codes *codes = store->self;
	(void)pthread_mutex_lock(&codes->lock);
	*out_mailboxes = HASH_COUNT(codes->mailboxes.by_name);
	*out_clients = HASH_COUNT(codes->clients.by_name);
	(void)pthread_mutex_unlock(&codes->lock);
}
