#include "rpc/outbound/mail/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/base/log.h"
#include "store/base/metrics.h"
#include "store/base/uuid.h"

enum {
	BACKOFF_MS = 2000,
	BACKOFF_MAX_MS = 60000,
	ATTEMPTS_MAX = 100,
	LEASE_MS = 120000,
	POLL_MS = 5000,
	STORE_PAUSE_MS = 1000, /* after the store failed */
	SWEEP_EVERY_MS = 3600 * 1000,
	SWEEP_ROWS = 500,
};
#define KEPT_MS (INT64_C(7) * 24 * 3600 * 1000)

/* What became of a try. */
enum outcome_kind { SENT, AGAIN, GIVEN_UP };
enum { OUTCOME_KINDS = 3 };
struct outcome {
	enum outcome_kind kind;
	const char *reason; /* static; "" if sent */
	int64_t next_at_us;
};

struct mail_queue {
	struct mail_queue_options options;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* on the monotonic clock */
	bool stopping, woken;
	int64_t swept_at_ms;
	struct metric *ended[OUTCOME_KINDS]; /* deliveries by how they ended */
};

static int64_t or_default(int64_t value, int64_t fallback) { return value ? value : fallback; }
static int64_t now_us(const struct mail_queue *queue) { return clock_now_us(queue->options.clock); }

static bool is_stopping(struct mail_queue *queue)
{
	(void)pthread_mutex_lock(&queue->lock);
	bool stopping = queue->stopping;
	(void)pthread_mutex_unlock(&queue->lock);
	return stopping;
}

/* Until something comes in, or the time is over. False: the queue is stopping. */
static bool wait_for_work(struct mail_queue *queue, int64_t wait_ms)
{
	int64_t until_us = time_monotonic_us() + wait_ms * 1000;
	const struct timespec until = { .tv_sec = (time_t)(until_us / 1000000),
		                        .tv_nsec = (long)(until_us % 1000000) * 1000 };
	(void)pthread_mutex_lock(&queue->lock);
	while (!queue->stopping && !queue->woken)
		if (pthread_cond_timedwait(&queue->changed, &queue->lock, &until) == ETIMEDOUT) break;
	queue->woken = false;
	bool go_on = !queue->stopping;
	(void)pthread_mutex_unlock(&queue->lock);
	return go_on;
}

void mail_queue_wake(struct mail_queue *queue)
{
	(void)pthread_mutex_lock(&queue->lock);
	queue->woken = true;
	(void)pthread_cond_signal(&queue->changed);
	(void)pthread_mutex_unlock(&queue->lock);
}

/* ---- what became of a mail ---- */

/* Doubles each time; a random part from half to all of it. */
static int64_t backoff_us(const struct mail_queue *queue, uint32_t attempt)
{
	int64_t ms = or_default(queue->options.backoff_ms, BACKOFF_MS),
	        most = or_default(queue->options.backoff_max_ms, BACKOFF_MAX_MS);
	for (uint32_t i = 1; i < attempt && ms < most; i++) ms *= 2;
	if (ms > most) ms = most;
	return ms * 500 + (int64_t)(entropy_u64() % (uint64_t)(ms * 500 + 1));
}

static bool note_once(struct mail_queue *queue, const struct mail_job *job, const struct outcome *outcome,
                      struct error *err)
{
	const struct mail_store *store = &queue->options.store;
	switch (outcome->kind) {
	case SENT: return store->driver->done(store->self, job->id, job->attempt, now_us(queue), err);
	case AGAIN:
		return store->driver->retry(store->self, job->id, job->attempt, outcome->next_at_us,
		                            str_from(outcome->reason), err);
	case GIVEN_UP:
		return store->driver->fail(store->self, job->id, job->attempt, now_us(queue), str_from(outcome->reason),
		                           err);
	}
	return false;
}

/* Kept up until the store takes it: a mail that was sent and not noted would be sent again. */
static void note(struct mail_queue *queue, const struct mail_job *job, const struct outcome *outcome)
{
	struct error err;
	for (;;) {
		error_clear(&err);
		if (note_once(queue, job, outcome, &err)) break;
		if (error_is(&err, "MAIL_MOVED")) break; /* noted before the line was lost, or another process has it */
		log_error("mail.not_noted", LOG_TEXT("mail", job->id), LOG_ERR(&err));
		if (!wait_for_work(queue, STORE_PAUSE_MS)) return;
	}
	if (outcome->kind == GIVEN_UP && queue->options.failed)
		queue->options.failed(queue->options.failed_self, job->reference, outcome->reason);
}

static struct outcome after_failure(const struct mail_queue *queue, const struct mail_job *job, const struct error *err)
{
	struct outcome outcome = { .kind = AGAIN, .reason = err->reason };
	uint32_t most = queue->options.attempts_max ? queue->options.attempts_max : ATTEMPTS_MAX;
	if (err->code == RPC_CANCELLED) { /* we are stopping: whoever starts next sends it first thing */
		outcome.next_at_us = now_us(queue);
		return outcome;
	}
	outcome.next_at_us = now_us(queue) + backoff_us(queue, job->attempt);
	/* Told at once rather than when it has expired: the user may ask for the next code sooner. */
	if (err->code != RPC_UNAVAILABLE || job->attempt >= most || outcome.next_at_us >= job->expires_at_us)
		outcome.kind = GIVEN_UP;
	return outcome;
}

static struct outcome deliver(struct mail_queue *queue, const struct mail_job *job, struct arena *arena,
                              struct error *err)
{
	struct mail_message mail = { 0 };
	bool discard = false;
	if (job->expires_at_us <= now_us(queue)) return (struct outcome){ .kind = GIVEN_UP, .reason = "MAIL_EXPIRED" };
	if (!mail_open(arena, &queue->options.keys, job->id, job->body, &mail, &discard, err))
		return after_failure(queue, job, err);
	if (discard) return (struct outcome){ .kind = SENT, .reason = "" };
	if (!queue->options.driver.ops->deliver(queue->options.driver.self, &mail, err))
		return after_failure(queue, job, err);
	return (struct outcome){ .kind = SENT, .reason = "" };
}

static void handle(struct mail_queue *queue, const struct mail_job *job, struct arena *arena)
{
	static const char *const events[] = {
		[SENT] = "mail.sent", [AGAIN] = "mail.waits", [GIVEN_UP] = "mail.given_up"
	};
	struct error err;
	int64_t started_ms = time_monotonic_ms();
	error_clear(&err);
	struct outcome outcome = deliver(queue, job, arena, &err);
	LOG_AT(outcome.kind == SENT ? LOG_INFO : LOG_WARN, events[outcome.kind], LOG_TEXT("mail", job->id),
	       LOG_TEXT("about", job->reference), LOG_CSTR("driver", queue->options.driver.ops->name),
	       LOG_INT("attempt", job->attempt), LOG_INT("ms", time_monotonic_ms() - started_ms),
	       LOG_CSTR("reason", outcome.reason), LOG_CSTR("error", err.message));
	metric_add(queue->ended[outcome.kind], 1);
	note(queue, job, &outcome);
}

/* ---- the thread ---- */

/* One mail, if one is due. Milliseconds to wait then; 0 = look again. */
static int64_t work(struct mail_queue *queue, struct arena *arena, struct error *err)
{
	const struct mail_store *store = &queue->options.store;
	int64_t poll_ms = or_default(queue->options.poll_ms, POLL_MS), due_at_us = 0;
	struct mail_job job;
	bool has = false;
	if (!store->driver->next_due(store->self, &due_at_us, err)) return -1;
	if (due_at_us == 0) return poll_ms;
	int64_t wait_ms = (due_at_us - now_us(queue) + 999) / 1000,
	        lease_ms = or_default(queue->options.lease_ms, LEASE_MS);
	if (wait_ms > lease_ms) wait_ms = 0; /* the clock was set back */
	if (wait_ms > 0) return wait_ms < poll_ms ? wait_ms : poll_ms;
	if (!store->driver->claim(store->self, now_us(queue), lease_ms, arena, &job, &has, err)) return -1;
	if (has) handle(queue, &job, arena);
	return has ? 0 : poll_ms;
}

static void sweep(struct mail_queue *queue)
{
	const struct mail_store *store = &queue->options.store;
	struct error err;
	int64_t count = SWEEP_ROWS, at_ms = time_monotonic_ms();
	if (queue->swept_at_ms && at_ms - queue->swept_at_ms < SWEEP_EVERY_MS) return;
	queue->swept_at_ms = at_ms;
	error_clear(&err);
	while (count == SWEEP_ROWS && !is_stopping(queue)) {
		if (store->driver->sweep(store->self,
		                         now_us(queue) - or_default(queue->options.kept_ms, KEPT_MS) * 1000, SWEEP_ROWS,
		                         &count, &err))
			continue;
		log_warn("mail.not_swept", LOG_ERR(&err));
		return;
	}
}

static void *run(void *self)
{
	struct mail_queue *queue = self;
	struct arena *arena = arena_create(0);
	struct error err;
	bool failed = false;
	while (!is_stopping(queue)) {
		error_clear(&err);
		int64_t wait_ms = work(queue, arena, &err);
		arena_reset(arena);
		if (wait_ms < 0 && !failed) log_error("mail.store", LOG_ERR(&err));
		failed = wait_ms < 0;
		if (failed) wait_ms = STORE_PAUSE_MS;
		if (wait_ms == 0) continue;
		sweep(queue);
		if (!wait_for_work(queue, wait_ms)) break;
	}
	arena_destroy(&arena);
	return NULL;
}

/* ---- from outside ---- */

static const char *const outcome_labels[OUTCOME_KINDS] = {
	[SENT] = "outcome=\"sent\"",
	[AGAIN] = "outcome=\"again\"",
	[GIVEN_UP] = "outcome=\"given_up\"",
};

bool mail_queue_start(const struct mail_queue_options *options, struct mail_queue **out, struct error *err)
{
	int64_t voided = 0;
	pthread_condattr_t attributes;
	if (options->sole_owner &&
	    !options->store.driver->void_leases(
	        options->store.self, clock_now_us(options->clock ? options->clock : &clock_system), &voided, err))
		return false;
	if (voided) log_info("mail.leases_voided", LOG_INT("count", voided));
	struct mail_queue *queue = calloc(1, sizeof *queue);
	if (!queue) die("out of memory");
	queue->options = *options;
	if (!queue->options.clock) queue->options.clock = &clock_system;
	for (size_t i = 0; i < COUNT(queue->ended); i++)
		queue->ended[i] = metric_counter("mail_tries_total", outcome_labels[i],
		                                 "Tries to deliver a mail, by what became of them.");
	(void)pthread_mutex_init(&queue->lock, NULL);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&queue->changed, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	if (pthread_create(&queue->thread, NULL, run, queue) != 0) {
		(void)pthread_cond_destroy(&queue->changed);
		(void)pthread_mutex_destroy(&queue->lock);
		free(queue);
		return error_set(err, RPC_INTERNAL, "INTERNAL", "no thread for the mail");
	}
	*out = queue;
	return true;
}

void mail_queue_stop(struct mail_queue **queue_ptr)
{
	struct mail_queue *queue = queue_ptr ? *queue_ptr : NULL;
	if (!queue) return;
	(void)pthread_mutex_lock(&queue->lock);
	queue->stopping = true;
	(void)pthread_cond_signal(&queue->changed);
	(void)pthread_mutex_unlock(&queue->lock);
	queue->options.driver.ops->stop(queue->options.driver.self);
	(void)pthread_join(queue->thread, NULL);
	queue->options.driver.ops->close(queue->options.driver.self);
	(void)pthread_cond_destroy(&queue->changed);
	(void)pthread_mutex_destroy(&queue->lock);
	free(queue);
	*queue_ptr = NULL;
}

bool mail_queue_send(struct mail_queue *queue, const struct mail_order *order, struct error *err)
{
	const struct mail_store *store = &queue->options.store;
	struct arena *scratch = arena_create(0);
	char id[UUID_TEXT_BYTES];
	struct mail_message mail = order->mail;
	struct mail_job job;
	bool ok = false;
	uuid_make(id);
	mail.id = str_from(id);
	mail.made_at_us = now_us(queue);
	job = (struct mail_job){ .id = mail.id,
		                 .reference = order->reference,
		                 .created_at_us = mail.made_at_us,
		                 .expires_at_us = order->expires_at_us };
	if (!mail_address_check(mail.to, err)) goto out;
	if (!mail_seal(scratch, &queue->options.keys, &mail, order->discard, &job.body, err)) goto out;
	if (!store->driver->enqueue(store->self, &job, err)) goto out;
	mail_queue_wake(queue);
	ok = true;
out:
	arena_destroy(&scratch);
	return ok;
}
