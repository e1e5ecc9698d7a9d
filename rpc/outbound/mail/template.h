/* rpc/outbound/mail/template.h: the words of our mails, in zh and en, as text and as HTML that needs nothing from the network. */
#ifndef PETFOOD_RPC_OUTBOUND_MAIL_TEMPLATE_H
#define PETFOOD_RPC_OUTBOUND_MAIL_TEMPLATE_H

#include "rpc/domain/nutrition/nutrients.h"
#include "rpc/outbound/mail/mail.h"

enum mail_template { MAIL_REGISTER_CODE, MAIL_PASSWORD_RESET_CODE };
enum { MAIL_TEMPLATE_COUNT = 2 };

/* Fills in from_name, subject, text and html. The code stands in both bodies and not in the subject, which shows on locked screens and
 * in lists of mails (CONTRACT 6.9). */
void mail_write_code(struct arena *arena, enum mail_template which, enum lang lang, struct str code, int64_t valid_minutes,
                     struct mail_message *out);

#endif
