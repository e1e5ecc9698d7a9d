/* rpc/outbound/mail/smtp.h: the driver that hands mail to an SMTP server, over libcurl. Encryption is certain or the mail waits: implicit
 * TLS on port 465, else STARTTLS before anything else is said if use_tls; without use_tls only a server on this machine is spoken to.
 * Certificates are checked against ca_file or the system's. The password leaves only behind that. */
#ifndef PETFOOD_RPC_OUTBOUND_MAIL_SMTP_H
#define PETFOOD_RPC_OUTBOUND_MAIL_SMTP_H

#include "rpc/outbound/mail/mail.h"

enum { SMTP_PORT_IMPLICIT_TLS = 465 }; /* RFC 8314, 7.3 */

struct mail_smtp_options {
	struct str host;            /* name or address */
	int64_t port;
	struct str username, password; /* username "" = no login */
	struct str from_address;    /* "" = the username, if that is an address */
	bool use_tls;
	struct str ca_file;         /* PEM; "" = the system's */
	int64_t connect_timeout_ms; /* 0 = 10,000 */
	int64_t timeout_ms;         /* of a delivery as a whole; 0 = 30,000 */
};
/* Connects to nothing yet. Fails INVALID_ARGUMENT/CONFIG_INVALID with the name of the setting. */
MUST_CHECK bool mail_smtp_open(const struct mail_smtp_options *options, struct mail_driver *out, struct error *err);

#endif
