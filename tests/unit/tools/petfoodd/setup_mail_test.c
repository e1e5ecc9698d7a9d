/* Which driver the settings choose, and that what is wrong is said with the name of the setting and without the secret. */
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tools/petfoodd/setup.h"

static const struct {
	const char *label;
	const char *flags[8];
	const char *driver; /* NULL = refused */
	const char *says;   /* in the refusal */
} rows[] = {
	{ "nothing set: files", { NULL }, "outbox", NULL },
	{ "a user name: SMTP", { "SMTP_USERNAME=petfood@example.org", "SMTP_PASSWORD=p4ss" }, "smtp", NULL },
	{ "auto without a user name", { "SMTP_HOST=mail.example.org" }, "outbox", NULL },
	{ "auto with a placeholder", { "SMTP_USERNAME=your_email@qq.com", "SMTP_PASSWORD=x" }, "outbox", NULL },
	{ "auto with a placeholder for a password",
	  { "SMTP_USERNAME=petfood@example.org", "SMTP_PASSWORD=your-smtp-password" },
	  "outbox",
	  NULL },
	{ "outbox although a user name is set",
	  { "MAIL_DRIVER=outbox", "SMTP_USERNAME=petfood@example.org" },
	  "outbox",
	  NULL },
	{ "smtp without a login",
	  { "MAIL_DRIVER=smtp", "SMTP_HOST=localhost", "SMTP_USE_TLS=false", "SMTP_FROM_EMAIL=p@example.org" },
	  "smtp",
	  NULL },
	{ "smtp with a placeholder",
	  { "MAIL_DRIVER=smtp", "SMTP_USERNAME=p@example.org", "SMTP_PASSWORD=your-smtp-password" },
	  NULL,
	  "SMTP_PASSWORD" },
	{ "smtp in the open",
	  { "MAIL_DRIVER=smtp", "SMTP_USE_TLS=false", "SMTP_FROM_EMAIL=p@example.org", "SMTP_PASSWORD=p4ss" },
	  NULL,
	  "SMTP_USE_TLS" },
	{ "smtp without a sender", { "MAIL_DRIVER=smtp", "SMTP_PASSWORD=p4ss" }, NULL, "SMTP_FROM_EMAIL" },
	{ "a driver that does not exist", { "MAIL_DRIVER=pigeon" }, NULL, "MAIL_DRIVER" },
	{ "a sender that is no address", { "SMTP_FROM_EMAIL=petfood" }, NULL, "SMTP_FROM_EMAIL" },
	{ "a port that is none", { "SMTP_PORT=0" }, NULL, "SMTP_PORT" },
	{ "a code of three digits", { "VERIFICATION_CODE_LENGTH=3" }, NULL, "VERIFICATION_CODE_LENGTH" },
	{ "an hour and a minute", { "VERIFICATION_CODE_EXPIRE_MINUTES=61" }, NULL, "VERIFICATION_CODE_EXPIRE_MINUTES" },
	{ "eleven tries", { "VERIFICATION_CODE_MAX_ATTEMPTS=11" }, NULL, "VERIFICATION_CODE_MAX_ATTEMPTS" },
	{ "a cooldown of 29 s",
	  { "VERIFICATION_CODE_COOLDOWN_SECONDS=29" },
	  NULL,
	  "VERIFICATION_CODE_COOLDOWN_SECONDS" },
	{ "four codes a day", { "VERIFICATION_CODE_MAX_DAILY_SENDS=4" }, NULL, "VERIFICATION_CODE_MAX_DAILY_SENDS" },
};

int main(void)
{
	char folder[] = "/tmp/petfood_setup_XXXXXX", data_dir[64], outbox[96];
	if (!mkdtemp(folder) || chdir(folder) != 0) die("no temporary folder"); /* where no .env lies */
	for (const struct config_key *key = config_keys; key < config_keys + config_key_count; key++)
		(void)unsetenv(key->name);
	(void)snprintf(data_dir, sizeof data_dir, "PETFOOD_DATA_DIR=%s", folder);
	(void)snprintf(outbox, sizeof outbox, "%s/outbox", folder);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena *arena = arena_create(0);
		static struct setup setup;
		struct mail_driver driver = { 0 };
		struct error err;
		const char *flags[9];
		int count = 0;
		error_clear(&err);
		for (; rows[i].flags[count]; count++) flags[count] = rows[i].flags[count];
		flags[count++] = data_dir;
		bool ok = setup_load(arena, "", count, flags, &setup, &err) && setup_mail(arena, &setup, &driver, &err);
		CHECK_ROW(rows[i].label, ok == (rows[i].driver != NULL));
		if (ok) {
			if (rows[i].driver) CHECK_STR_ROW(rows[i].label, str_from(driver.ops->name), rows[i].driver);
			driver.ops->close(driver.self);
		} else if (rows[i].says) {
			CHECK_ROW(rows[i].label, error_is(&err, "CONFIG_INVALID"));
			CHECK_ROW(rows[i].label, strstr(err.message, rows[i].says) != NULL);
			CHECK_ROW(rows[i].label,
			          !strstr(err.message, "p4ss") && !strstr(err.message, "your-smtp-password"));
		}
		arena_destroy(&arena);
	}
	CHECK(rmdir(outbox) == 0); /* made where the table says */
	(void)rmdir(folder);
	return check_done("setup_mail_test");
}
