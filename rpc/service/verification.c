#include "rpc/service/verification.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "rpc/outbound/mail/template.h"
#include "rpc/wire/limiter.h"
#include "store/base/log.h"
#include "store/base/metrics.h"

#define REFERENCE_PREFIX "code:"

struct code_limits verification_limits(int64_t expire_ms, int64_t cooldown_ms, uint32_t attempts_max,
                                       uint32_t sends_max, uint32_t overall_failures_max)
{
	return (struct code_limits){
		.expire_ms = expire_ms,
		.cooldown_ms = cooldown_ms,
		.attempts_max = attempts_max,
		.sends_max = sends_max,
		.mailbox_failures_max = 3 * attempts_max,
		.client_failures_max = 30,
		.overall_failures_max = overall_failures_max,
	};
}

/* How often codes end how; a rate of wrong ones that climbs is somebody guessing. */
static void count(const char *outcome)
{
	char labels[64];
	(void)snprintf(labels, sizeof labels, "outcome=\"%s\"", outcome);
	metric_add(metric_counter("verification_codes_total", labels, "Codes issued, taken and refused, by reason."),
	           1);
}

static void make_hash(const struct verification *v, struct str address, enum code_purpose purpose, struct str code,
                      unsigned char out[CODE_STORED_HASH_BYTES])
{
	_Static_assert((int)CODE_STORED_HASH_BYTES == (int)CODE_HASH_BYTES, "the store keeps whole hashes");
	code_hash(v->key, str_from(code_purpose_name(purpose)), address, code, out);
}

static bool queue_code(const struct verification *v, struct str address, enum lang lang, struct str code, bool discard,
                       const struct code_issue *issue, struct error *err)
{
	struct arena *scratch = arena_create(0);
	int64_t now_us = clock_now_us(v->clock ? v->clock : &clock_system);
	struct mail_order order = {
		.mail = { .to = address },
		.reference = str_printf(scratch, REFERENCE_PREFIX "%s:" STR_FMT ":" STR_FMT,
		                        code_purpose_name(issue->purpose), STR_ARG(issue->mailbox), STR_ARG(issue->id)),
		.expires_at_us = now_us + v->limits.expire_ms * 1000,
		.discard = discard,
	};
	mail_write_code(scratch, issue->purpose == CODE_REGISTER ? MAIL_REGISTER_CODE : MAIL_PASSWORD_RESET_CODE, lang,
	                code, v->limits.expire_ms / 60000, &order.mail);
	bool ok = mail_queue_send(v->mail, &order, err);
	arena_destroy(&scratch);
	return ok;
}

static void withdraw(const struct verification *v, const struct code_issue *issue)
{
	struct error err;
	error_clear(&err);
	if (!v->codes.driver->withdraw(v->codes.self, issue->mailbox, issue->purpose, issue->id, &err))
		log_warn("code.not_withdrawn", LOG_TEXT("mailbox", issue->mailbox), LOG_ERR(&err));
}

bool verification_send(const struct verification *v, struct str address, enum code_purpose purpose, enum lang lang,
                       bool discard, struct verification_sent *out, struct error *err)
{
	unsigned char random[CODE_RANDOM_BYTES];
	char code[CODE_LENGTH_MAX + 1], mailbox[CODE_MAILBOX_BYTES], id[UUID_TEXT_BYTES];
	struct code_issued issued;
	if (!mail_address_check(address, err)) {
		error_clear(err);
		return error_violation(err, "email", "value_error", "mail cannot be sent to this address");
	}
	entropy_fill(random, sizeof random);
	code_make(random, v->length, code);
	code_mailbox(v->key, address, mailbox);
	uuid_make(id);
	struct code_issue issue = { .mailbox = str_from(mailbox), .purpose = purpose, .id = str_from(id) };
	make_hash(v, address, purpose, str_from(code), issue.hash);
	if (discard) entropy_fill(issue.hash, sizeof issue.hash); /* of no code at all */

	/* Kept before it is mailed: a lost mail costs a resend, a code that was not kept can never be right. */
	bool ok = v->codes.driver->issue(v->codes.self, &issue, &v->limits, 0, &issued, err);
	if (ok && !queue_code(v, address, lang, str_from(code), discard, &issue, err)) {
		withdraw(v, &issue);
		ok = false;
	}
	count(ok ? "issued" : err->reason);
	if (ok) {
		*out = (struct verification_sent){ .cooldown_s = (v->limits.cooldown_ms + 999) / 1000,
			                           .sends_left = issued.sends_left,
			                           .expire_minutes = (v->limits.expire_ms + 59999) / 60000 };
		log_info("code.issued", LOG_CSTR("mailbox", mailbox), LOG_CSTR("purpose", code_purpose_name(purpose)),
		         LOG_CSTR("issue", id));
	}
	sodium_memzero(random, sizeof random);
	sodium_memzero(code, sizeof code);
	return ok;
}

bool verification_take(const struct verification *v, struct str address, enum code_purpose purpose, struct str code,
                       struct str client_address, struct verification_ticket *out, struct error *err)
{
	struct verification_ticket ticket = { .purpose = purpose };
	char client[LIMITER_KEY_BYTES];
	if (!code_is_wellformed(code, v->length)) {
		error_clear(err);
		return error_violation(err, "code", "string_pattern_mismatch", "%d digits", v->length);
	}
	code_mailbox(v->key, address, ticket.mailbox);
	uuid_make(ticket.id);
	limiter_address_key(client_address, client);
	struct code_try attempt = { .mailbox = str_from(ticket.mailbox),
		                    .purpose = purpose,
		                    .client = str_from(client),
		                    .ticket = str_from(ticket.id) };
	make_hash(v, address, purpose, code, attempt.hash);
	bool ok = v->codes.driver->take(v->codes.self, &attempt, &v->limits, 0, err);
	count(ok ? "taken" : err->reason);
	if (!ok) {
		log_info("code.refused", LOG_CSTR("mailbox", ticket.mailbox),
		         LOG_CSTR("purpose", code_purpose_name(purpose)), LOG_CSTR("reason", err->reason));
		if (error_is(err, "CODE_FAILURES"))
			log_warn("code.budget_used_up", LOG_CSTR("purpose", code_purpose_name(purpose)), LOG_ERR(err));
		return false;
	}
	*out = ticket;
	return true;
}

void verification_give_back(const struct verification *v, const struct verification_ticket *ticket)
{
	struct error err;
	error_clear(&err);
	if (!v->codes.driver->give_back(v->codes.self, str_from(ticket->mailbox), ticket->purpose, str_from(ticket->id),
	                                &err))
		log_warn("code.not_given_back", LOG_CSTR("mailbox", ticket->mailbox), LOG_ERR(&err));
}

void verification_mail_failed(void *self, struct str reference, const char *reason)
{
	const struct verification *v = self;
	struct str rest = reference, purpose, mailbox;
	if (!str_has_prefix(reference, STR(REFERENCE_PREFIX))) return;
	rest =
	    (struct str){ reference.ptr + sizeof REFERENCE_PREFIX - 1, reference.len - (sizeof REFERENCE_PREFIX - 1) };
	if (!str_split(&rest, ':', &purpose) || !str_split(&rest, ':', &mailbox)) return;
	const struct code_issue issue = { .mailbox = mailbox, .purpose = code_purpose_from(purpose), .id = rest };
	if (!issue.purpose || mailbox.len == 0 || mailbox.len > CODE_NAME_BYTES_MAX || rest.len == 0 ||
	    rest.len > CODE_NAME_BYTES_MAX)
		return;
	withdraw(v, &issue);
	log_warn("code.withdrawn", LOG_TEXT("mailbox", mailbox), LOG_TEXT("issue", rest), LOG_CSTR("reason", reason));
}
