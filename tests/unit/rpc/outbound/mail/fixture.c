#include "tests/unit/rpc/outbound/mail/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/sqlite/sqlite_store.h"
#include "tests/support/check.h"

enum { WAIT_S = 20 };
static const char *const endings[] = { "", "-wal", "-shm", ".lock" };

static int64_t fixture_now(void *self)
{
	struct fixture *f = self;
	(void)pthread_mutex_lock(&f->lock);
	int64_t now = f->now_us;
	(void)pthread_mutex_unlock(&f->lock);
	return now;
}

static bool fake_deliver(void *self, const struct mail_message *mail, struct error *err)
{
	struct fixture *f = self;
	(void)pthread_mutex_lock(&f->lock);
	if (f->delivered == FAKE_MAX) die("more deliveries than the script has");
	struct fake_answer answer = f->script[f->delivered];
	struct fake_mail *note = &f->mails[f->delivered++];
	(void)snprintf(note->id, sizeof note->id, STR_FMT, STR_ARG(mail->id));
	(void)snprintf(note->to, sizeof note->to, STR_FMT, STR_ARG(mail->to));
	(void)snprintf(note->subject, sizeof note->subject, STR_FMT, STR_ARG(mail->subject));
	(void)snprintf(note->text, sizeof note->text, STR_FMT, STR_ARG(mail->text));
	(void)pthread_cond_broadcast(&f->changed);
	while (answer.hold && !f->stopped && !f->released) (void)pthread_cond_wait(&f->changed, &f->lock);
	bool stopped = answer.hold && f->stopped;
	(void)pthread_mutex_unlock(&f->lock);
	if (stopped) return error_set(err, RPC_CANCELLED, "MAIL_STOPPED", "stopped");
	return answer.reason ? error_set(err, answer.code, answer.reason, "as the script says") : true;
}

static void fake_stop(void *self)
{
	struct fixture *f = self;
	(void)pthread_mutex_lock(&f->lock);
	f->stopped = true;
	(void)pthread_cond_broadcast(&f->changed);
	(void)pthread_mutex_unlock(&f->lock);
}

static void fake_close(void *self) { (void)self; }

static const struct mail_driver_ops fake_ops = { "fake", fake_deliver, fake_stop, fake_close };

static void note_failed(void *self, struct str reference, const char *reason)
{
	struct fixture *f = self;
	if (f->on_failed) f->on_failed(f->on_failed_self, reference, reason);
	(void)pthread_mutex_lock(&f->lock);
	struct fake_failure *note = &f->failures[f->failed++ % FAKE_MAX];
	(void)snprintf(note->reference, sizeof note->reference, STR_FMT, STR_ARG(reference));
	(void)snprintf(note->reason, sizeof note->reason, "%s", reason);
	(void)pthread_cond_broadcast(&f->changed);
	(void)pthread_mutex_unlock(&f->lock);
}

void fixture_reopen_store(struct fixture *f)
{
	struct error err = { 0 };
	const struct sqlite_store_options options = { .path = str_from(f->path), .exclusive = true };
	if (f->store.close) f->store.close(f->store.self);
	if (!sqlite_store_open(&options, &f->store, &err)) die("%s: %s", err.reason, err.message);
}

void fixture_init(struct fixture *f)
{
	static const struct token_keys keys = { 1, { { "", { "0123456789abcdef0123456789abcdef", 32 } } } };
	memset(f, 0, sizeof *f);
	(void)pthread_mutex_init(&f->lock, NULL);
	(void)pthread_cond_init(&f->changed, NULL);
	f->now_us = FIXTURE_START_US;
	f->clock = (struct clock){ fixture_now, f };
	mail_keys_derive(&keys, &f->keys);
	(void)snprintf(f->folder, sizeof f->folder, "/tmp/petfood_mail_XXXXXX");
	if (!mkdtemp(f->folder)) die("no temporary folder");
	(void)snprintf(f->path, sizeof f->path, "%s/store.db", f->folder);
	fixture_reopen_store(f);
}

void fixture_fini(struct fixture *f)
{
	char name[128];
	mail_queue_stop(&f->queue);
	f->store.close(f->store.self);
	for (size_t i = 0; i < COUNT(endings); i++) {
		(void)snprintf(name, sizeof name, "%s%s", f->path, endings[i]);
		(void)unlink(name);
	}
	(void)rmdir(f->folder);
	(void)pthread_cond_destroy(&f->changed);
	(void)pthread_mutex_destroy(&f->lock);
}

void fixture_start_queue(struct fixture *f, mail_failed *failed, void *failed_self)
{
	struct error err = { 0 };
	(void)pthread_mutex_lock(&f->lock);
	f->stopped = false;
	(void)pthread_mutex_unlock(&f->lock);
	f->on_failed = failed;
	f->on_failed_self = failed_self;
	const struct mail_queue_options options = {
		.store = f->store.mail,
		.driver = { f, &fake_ops },
		.keys = f->keys,
		.clock = &f->clock,
		.failed = note_failed,
		.failed_self = f,
		.sole_owner = true,
	};
	if (!mail_queue_start(&options, &f->queue, &err)) die("%s: %s", err.reason, err.message);
}

void fixture_move_clock(struct fixture *f, int64_t us)
{
	(void)pthread_mutex_lock(&f->lock);
	f->now_us += us;
	(void)pthread_mutex_unlock(&f->lock);
	if (f->queue) mail_queue_wake(f->queue);
}

void fixture_release(struct fixture *f)
{
	(void)pthread_mutex_lock(&f->lock);
	f->released = true;
	(void)pthread_cond_broadcast(&f->changed);
	(void)pthread_mutex_unlock(&f->lock);
}

static bool wait_count(struct fixture *f, const size_t *counter, size_t count)
{
	struct timespec until;
	bool ok = true;
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	(void)pthread_mutex_lock(&f->lock);
	while (ok && *counter < count) ok = pthread_cond_timedwait(&f->changed, &f->lock, &until) != ETIMEDOUT;
	(void)pthread_mutex_unlock(&f->lock);
	return ok;
}

bool fixture_wait_delivered(struct fixture *f, size_t count) { return wait_count(f, &f->delivered, count); }
bool fixture_wait_failed(struct fixture *f, size_t count) { return wait_count(f, &f->failed, count); }

bool fixture_wait_due(struct fixture *f, int64_t from_us, int64_t to_us, int64_t *out_us)
{
	struct error err = { 0 };
	const struct timespec between = { .tv_nsec = 2000000 };
	int64_t end_ms = time_monotonic_ms() + WAIT_S * 1000;
	for (;;) { /* the store tells nobody when it changes */
		int64_t at_us = -1;
		bool ok = f->store.mail.driver->next_due(f->store.mail.self, &at_us, &err);
		if (ok && out_us) *out_us = at_us;
		if (ok && at_us >= from_us && at_us <= to_us) return true;
		if (time_monotonic_ms() > end_ms) return false;
		(void)nanosleep(&between, NULL);
	}
}

static bool file_holds(const char *name, const char *text)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct strbuf all;
	char part[8192];
	ssize_t n;
	strbuf_init(&all, NULL);
	while (fd >= 0 && (n = read(fd, part, sizeof part)) > 0) strbuf_add(&all, part, (size_t)n);
	if (fd >= 0) (void)close(fd);
	bool holds = all.len && memmem(all.data, all.len, text, strlen(text)) != NULL;
	strbuf_fini(&all);
	return holds;
}

bool fixture_store_holds(const struct fixture *f, const char *text)
{
	char name[128];
	for (size_t i = 0; i < COUNT(endings); i++) {
		(void)snprintf(name, sizeof name, "%s%s", f->path, endings[i]);
		if (file_holds(name, text)) return true;
	}
	return false;
}

static char log_path[64];

static void remove_log(void) { (void)unlink(log_path); }

void fixture_catch_log(void)
{
	(void)snprintf(log_path, sizeof log_path, "/tmp/petfood_log_XXXXXX");
	int fd = mkstemp(log_path);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0) die("no file for the log");
	(void)close(fd);
	(void)atexit(remove_log);
}

bool fixture_log_holds(const char *text) { return file_holds(log_path, text); }
