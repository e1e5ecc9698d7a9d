#include "store/memory/rate_limit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* uthash ends the process when memory is out, as the rest of the code does. */
#define uthash_fatal(msg) die("%s", msg)
#include <uthash.h>

enum { KEYS_MAX = 100000, BYTES_MAX = 32 * 1024 * 1024, RING_FIRST = 4 };

struct entry {
	UT_hash_handle hh;
	struct entry *older, *newer; /* in order of the last admission */
	int64_t *admitted_us;        /* ring, grows up to `times`; never empty */
	size_t room, count, first;
	size_t key_len;
	char key[];
};

/* What is counted under one rule. */
struct book {
	size_t times;
	int64_t window_us;
	struct entry *by_key;
	struct entry *oldest, *newest;
	size_t bytes;
};

struct rates {
	struct book books[RATE_RULES_MAX];
	size_t book_count, keys_max, bytes_max;
	const struct clock *clock;
	pthread_mutex_t lock;
	int64_t raw_us, behind_us; /* last reading of the clock, and how far it was set back since the start */
};

static size_t entry_bytes(const struct entry *e) { return sizeof *e + e->key_len + e->room * sizeof *e->admitted_us; }

static void unlink_entry(struct book *book, struct entry *e)
{
	if (e->older)
		e->older->newer = e->newer;
	else
		book->oldest = e->newer;
	if (e->newer)
		e->newer->older = e->older;
	else
		book->newest = e->older;
}

static void link_newest(struct book *book, struct entry *e)
{
	e->older = book->newest;
	e->newer = NULL;
	if (book->newest)
		book->newest->newer = e;
	else
		book->oldest = e;
	book->newest = e;
}

static void forget(struct book *book, struct entry *e)
{
	unlink_entry(book, e);
	HASH_DELETE(hh, book->by_key, e);
	book->bytes -= entry_bytes(e);
	free(e->admitted_us);
	free(e);
}

static struct entry *find(struct book *book, struct str key)
{
	struct entry *e = NULL;
	HASH_FIND(hh, book->by_key, key.ptr ? key.ptr : "", key.len, e);
	return e;
}

static struct entry *remember(struct book *book, struct str key)
{
	struct entry *e = calloc(1, sizeof *e + key.len);
	if (!e) die("out of memory");
	e->key_len = key.len;
	if (key.len) memcpy(e->key, key.ptr, key.len);
	HASH_ADD_KEYPTR(hh, book->by_key, e->key, e->key_len, e);
	link_newest(book, e);
	book->bytes += entry_bytes(e);
	return e;
}

static void add_instant(struct book *book, struct entry *e, int64_t now_us)
{
	if (e->count == e->room) { /* oldest first again, so that the ring can grow at its end */
		size_t room = e->room ? e->room * 2 : RING_FIRST;
		if (room > book->times) room = book->times;
		int64_t *ring = calloc(room, sizeof *ring);
		if (!ring) die("out of memory");
		for (size_t i = 0; i < e->count; i++) ring[i] = e->admitted_us[(e->first + i) % e->room];
		book->bytes += (room - e->room) * sizeof *ring;
		free(e->admitted_us);
		e->admitted_us = ring;
		e->room = room;
		e->first = 0;
	}
	e->admitted_us[(e->first + e->count) % e->room] = now_us;
	e->count++;
	unlink_entry(book, e);
	link_newest(book, e);
}

static int64_t last_instant(const struct entry *e) { return e->admitted_us[(e->first + e->count - 1) % e->room]; }

/* What no window reaches any more counts for nothing. */
static void forget_lapsed(struct book *book, int64_t now_us)
{
	while (book->oldest && last_instant(book->oldest) + book->window_us <= now_us) forget(book, book->oldest);
}

static void drop_lapsed(const struct book *book, struct entry *e, int64_t now_us)
{
	while (e->count && e->admitted_us[e->first] + book->window_us <= now_us) {
		e->first = (e->first + 1) % e->room;
		e->count--;
	}
}

static struct rate_standing standing(const struct book *book, const struct entry *e, int64_t now_us)
{
	if (!e) return (struct rate_standing){ .left = book->times };
	return (struct rate_standing){ .left = book->times - e->count,
		                       .wait_us = e->admitted_us[e->first] + book->window_us - now_us };
}

/* Never goes back: an operator who sets the clock back by an hour must not lock everybody out for one. */
static int64_t steady_now(struct rates *rates)
{
	int64_t raw = clock_now_us(rates->clock);
	if (rates->raw_us != INT64_MIN && raw < rates->raw_us) rates->behind_us += rates->raw_us - raw;
	rates->raw_us = raw;
	return raw + rates->behind_us;
}

static bool rates_take(void *self, const struct rate_claim *claims, size_t count, int64_t now_us,
                       struct rate_standing *out, struct error *err)
{
	struct rates *rates = self;
	struct entry *found[RATE_CLAIMS_MAX];
	bool room = true;
	if (count > RATE_CLAIMS_MAX) die("%zu claims at once", count);
	(void)pthread_mutex_lock(&rates->lock);
	int64_t now = now_us ? now_us : steady_now(rates);
	for (size_t i = 0; i < count; i++) {
		struct book *book = &rates->books[claims[i].rule];
		forget_lapsed(book, now);
		found[i] = find(book, claims[i].key);
		if (found[i]) drop_lapsed(book, found[i], now);
		out[i] = standing(book, found[i], now);
		room = room && out[i].left > 0;
	}
	for (size_t i = 0; room && i < count; i++) {
		struct book *book = &rates->books[claims[i].rule];
		if (!found[i]) found[i] = remember(book, claims[i].key);
		add_instant(book, found[i], now);
		out[i] = standing(book, found[i], now);
	}
	for (size_t i = 0; room && i < count; i++) {
		struct book *book = &rates->books[claims[i].rule];
		while (book->oldest != book->newest &&
		       (HASH_COUNT(book->by_key) > rates->keys_max || book->bytes > rates->bytes_max))
			forget(book, book->oldest);
	}
	(void)pthread_mutex_unlock(&rates->lock);
	return room || error_set(err, RPC_RESOURCE_EXHAUSTED, "RATE_LIMITED", "too many calls");
}

static void rates_close(void *self)
{
	struct rates *rates = self;
	for (size_t i = 0; i < rates->book_count; i++)
		while (rates->books[i].oldest) forget(&rates->books[i], rates->books[i].oldest);
	(void)pthread_mutex_destroy(&rates->lock);
	free(rates);
}

static const struct rate_store_driver driver = { "memory", rates_take, rates_close };

void memory_rates_open(const struct memory_rates_options *options, struct rate_store *out)
{
	struct rates *rates = calloc(1, sizeof *rates);
	if (!rates) die("out of memory");
	if (options->rule_count < 1 || options->rule_count > RATE_RULES_MAX) die("%zu rate rules", options->rule_count);
	for (size_t i = 0; i < options->rule_count; i++) {
		const struct rate_rule *rule = &options->rules[i];
		if (rule->times < 1 || rule->times > RATE_TIMES_MAX || rule->window_ms < 1)
			die("rate rule %zu out of range", i);
		rates->books[i].times = rule->times;
		rates->books[i].window_us = rule->window_ms * 1000;
	}
	rates->book_count = options->rule_count;
	rates->keys_max = options->keys_max ? options->keys_max : KEYS_MAX;
	rates->bytes_max = options->bytes_max ? options->bytes_max : BYTES_MAX;
	rates->clock = options->clock ? options->clock : &clock_system;
	rates->raw_us = INT64_MIN;
	(void)pthread_mutex_init(&rates->lock, NULL);
	*out = (struct rate_store){ rates, &driver };
}

void memory_rates_size(const struct rate_store *store, size_t rule, size_t *out_keys, size_t *out_bytes)
{
	struct rates *rates = store->self;
	(void)pthread_mutex_lock(&rates->lock);
	*out_keys = HASH_COUNT(rates->books[rule].by_key);
	*out_bytes = rates->books[rule].bytes;
	(void)pthread_mutex_unlock(&rates->lock);
}
