#include "tools/petfoodd/accounts.h"

#include <sodium.h>

#include "rpc/outbound/mail/queue.h"
#include "store/memory/codes.h"
#include "store/memory/logins.h"

enum { DAY_S = 24 * 3600 };

static bool open_verification(struct arena *arena, const struct setup *setup, const struct token_keys *keys, struct store *store,
                              struct verification *out, struct error *err)
{
	const struct config *c = &setup->config;
	const struct memory_codes_options codes = { .clock = &clock_system };
	struct mail_queue_options mail = {
		.store = store->mail,
		.failed = verification_mail_failed,
		.failed_self = out,
		.sole_owner = true,
	};
	memory_codes_open(&codes, &out->codes);
	code_key_derive(keys->keys[0].secret, out->key);
	out->length = (int)c->code_length;
	out->limits = verification_limits(c->code_expire * 60 * 1000, c->code_cooldown * 1000, (uint32_t)c->code_max_attempts,
	                                  (uint32_t)c->code_max_daily_sends, (uint32_t)c->code_max_hourly_failures);
	if (!setup_mail(arena, setup, &mail.driver, err)) return false;
	mail_keys_derive(keys, &mail.keys);
	bool ok = mail_queue_start(&mail, &out->mail, err);
	sodium_memzero(&mail.keys, sizeof mail.keys);
	return ok;
}

bool accounts_open(struct arena *arena, const struct setup *setup, const struct token_keys *keys, struct store *store,
                   struct accounts *out, struct error *err)
{
	const struct config *c = &setup->config;
	const struct password_cost cost = { .passes = c->password_passes, .memory_bytes = c->password_memory_kib * 1024 };
	*out = (struct accounts){
		.keys = keys,
		.access_life_s = c->jwt_access_minutes * 60,
		.refresh_life_s = c->jwt_refresh_days * DAY_S,
		.registration_requires_code = c->registration_requires_code,
	};
	if (c->rate_limit_enabled) {
		const struct memory_logins_options logins = { .clock = &clock_system };
		memory_logins_open(&logins, &out->logins);
		out->login_limits = (struct login_limits){ .free_failures = (uint32_t)c->login_free_failures,
			                                   .first_wait_ms = 1000,
			                                   .wait_max_ms = 15 * 60 * 1000,
			                                   .forget_ms = 24 * 3600 * 1000,
			                                   .overall_max = (uint32_t)c->login_failures_per_minute,
			                                   .overall_window_ms = 60 * 1000 };
	}
	const struct revocation_options revocation = { .sessions = &store->sessions,
		                                       .clock = &clock_system,
		                                       .access_life_s = out->access_life_s };
	return password_policy_init(&out->passwords, cost, err) &&
	       open_verification(arena, setup, keys, store, &out->verification, err) &&
	       revocation_start(&revocation, &out->revocation, err);
}

void accounts_close(struct accounts *accounts)
{
	revocation_stop(&accounts->revocation);
	mail_queue_stop(&accounts->verification.mail);
	if (accounts->verification.codes.driver) accounts->verification.codes.driver->close(accounts->verification.codes.self);
	accounts->verification.codes = (struct code_store){ 0 };
	if (accounts->logins.driver) accounts->logins.driver->close(accounts->logins.self);
	accounts->logins = (struct login_store){ 0 };
}
