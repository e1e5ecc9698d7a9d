#include "rpc/outbound/mail/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/time.h"

struct outbox {
	int folder; /* open directory: the path may be renamed above us */
	char *from;
	atomic_bool stopped;
};

static bool fail(const char *what, struct error *err)
{
	return error_set(err, RPC_UNAVAILABLE, "MAIL_OUTBOX", "%s: %s", what, strerror(errno));
}

static bool write_all(int fd, struct str bytes)
{
	while (bytes.len) {
		ssize_t n = write(fd, bytes.ptr, bytes.len);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) return false;
		bytes = (struct str){ bytes.ptr + n, bytes.len - (size_t)n };
	}
	return true;
}

/* Written beside and renamed: whoever reads *.eml sees whole mails only. */
static bool put_file(int folder, const char *name, struct str bytes, struct error *err)
{
	char beside[160];
	bool ok = false;
	(void)snprintf(beside, sizeof beside, ".%s.part", name);
	(void)unlinkat(folder, beside, 0); /* of a try that was cut off */
	int fd = openat(folder, beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) return fail("making a file in MAIL_OUTBOX_DIR", err);
	if (fchmod(fd, 0600) != 0 || !write_all(fd, bytes) || fsync(fd) != 0)
		fail("writing a file in MAIL_OUTBOX_DIR", err);
	else if (renameat(folder, beside, folder, name) != 0 || fsync(folder) != 0)
		fail("naming a file in MAIL_OUTBOX_DIR", err);
	else
		ok = true;
	(void)close(fd);
	if (!ok) (void)unlinkat(folder, beside, 0);
	return ok;
}

static bool outbox_deliver(void *self, const struct mail_message *mail, struct error *err)
{
	struct outbox *box = self;
	struct str bytes;
	char at[TIME_TEXT_BYTES], name[128];
	if (atomic_load(&box->stopped)) return error_set(err, RPC_CANCELLED, "MAIL_STOPPED", "the outbox is closing");
	struct arena *scratch = arena_create(0);
	bool ok = mail_print(scratch, mail, str_from(box->from), &bytes, err);
	if (ok) {
		time_format(mail->made_at_us, at); /* sorts by age; the id keeps two of one instant apart */
		(void)snprintf(name, sizeof name, "%s-" STR_FMT ".eml", at, STR_ARG(mail->id));
		ok = put_file(box->folder, name, bytes, err);
	}
	arena_destroy(&scratch);
	return ok;
}

static void outbox_stop(void *self) { atomic_store(&((struct outbox *)self)->stopped, true); }

static void outbox_close(void *self)
{
	struct outbox *box = self;
	(void)close(box->folder);
	free(box->from);
	free(box);
}

static const struct mail_driver_ops outbox_ops = { "outbox", outbox_deliver, outbox_stop, outbox_close };

bool mail_outbox_open(const struct mail_outbox_options *options, struct mail_driver *out, struct error *err)
{
	struct str from = options->from_address.len ? options->from_address : STR("petfood@localhost");
	if (!mail_address_check(from, err))
		return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID", "SMTP_FROM_EMAIL is no address");
	char *path = strndup(options->folder.ptr ? options->folder.ptr : "", options->folder.len);
	struct outbox *box = calloc(1, sizeof *box);
	if (!path || !box || !(box->from = strndup(from.ptr, from.len))) die("out of memory");
	bool made = mkdir(path, 0700) == 0 || errno == EEXIST;
	box->folder = made ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	bool ok = box->folder >= 0;
	if (ok)
		*out = (struct mail_driver){ box, &outbox_ops };
	else
		error_set(err, RPC_FAILED_PRECONDITION, "MAIL_OUTBOX", "MAIL_OUTBOX_DIR %s: %s", path, strerror(errno));
	if (!ok) {
		free(box->from);
		free(box);
	}
	free(path);
	return ok;
}
