/* tools/petfoodd/setup.h: what the daemon and the command line set up alike: configuration, data directory, keys, addresses and
 * the store. Concrete drivers are named here and in main.c only. */
#ifndef PETFOOD_TOOLS_PETFOODD_SETUP_H
#define PETFOOD_TOOLS_PETFOODD_SETUP_H

#include "rpc/domain/auth/token.h"
#include "rpc/outbound/mail/mail.h"
#include "store/api/store.h"
#include "store/base/time.h"
#include "tools/petfoodd/config_table.h"

/* Everything in the arena given to setup_load. */
struct setup {
	struct config config;
	struct str data_dir;            /* absolute; exists, mode 0700 */
	struct str_set {
		size_t count;
		struct str *items;
	} rpc_listen, rpc_endpoints, events_listen, events_endpoints; /* defaults filled in; inproc is main's business */
};

/* Loads configuration (defaults < env file < environment < flags) and fills in the defaults that depend on the data directory.
 * env_file: "" takes ./.env if it is there. Fails INVALID_ARGUMENT/CONFIG_INVALID. Creates nothing. */
MUST_CHECK bool setup_load(struct arena *arena, const char *env_file, int flag_count, const char *const *flags,
                           struct setup *out, struct error *err);
/* Makes the data directory and its parts. */
MUST_CHECK bool setup_directories(const struct setup *setup, struct error *err);
/* The signing keys: JWT_SECRET_KEY, or keys/jwt.key of the data directory, made (mode 0600) if `make` and not there. A key that is
 * too short or a placeholder of a published .env.example is refused. */
MUST_CHECK bool setup_keys(struct arena *arena, const struct setup *setup, bool make, struct token_keys *out, struct error *err);
/* exclusive: as the owner of the database (the daemon). */
MUST_CHECK bool setup_store(struct arena *arena, const struct setup *setup, bool exclusive, struct store *out, struct error *err);
/* What mail leaves by: MAIL_DRIVER and the rows beside it. auto takes SMTP if SMTP_USERNAME is set and neither it nor the password is a
 * placeholder of a published .env.example. Fails INVALID_ARGUMENT/CONFIG_INVALID, FAILED_PRECONDITION/MAIL_OUTBOX. */
MUST_CHECK bool setup_mail(struct arena *arena, const struct setup *setup, struct mail_driver *out, struct error *err);
/* A service token as "Bearer …". */
MUST_CHECK bool setup_service_token(struct arena *arena, const struct token_keys *keys, const char *service, int64_t life_s,
                                    struct str *out, struct error *err);

#endif
