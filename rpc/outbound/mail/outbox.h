/* rpc/outbound/mail/outbox.h: the driver without a mail server: each mail becomes one file `<instant>-<id>.eml` in a folder, mode 0600,
 * there whole or not at all. For development, tests, and a machine whose own mailer collects them. */
#ifndef PETFOOD_RPC_OUTBOUND_MAIL_OUTBOX_H
#define PETFOOD_RPC_OUTBOUND_MAIL_OUTBOX_H

#include "rpc/outbound/mail/mail.h"

struct mail_outbox_options {
	struct str folder;       /* absolute; made with mode 0700 if it is not there, its parent must be */
	struct str from_address; /* "" = petfood@localhost */
};
/* Fails: FAILED_PRECONDITION/MAIL_OUTBOX, INVALID_ARGUMENT/CONFIG_INVALID for the address. */
MUST_CHECK bool mail_outbox_open(const struct mail_outbox_options *options, struct mail_driver *out, struct error *err);

#endif
