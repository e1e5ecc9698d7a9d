/* rpc/outbound/mail/mail.h: one mail, and what delivers it. Drivers: smtp, outbox. */
#ifndef PETFOOD_RPC_OUTBOUND_MAIL_MAIL_H
#define PETFOOD_RPC_OUTBOUND_MAIL_MAIL_H

#include <stdint.h>

#include "store/base/arena.h"
#include "store/base/error.h"
#include "store/base/str.h"

enum { MAIL_ADDRESS_BYTES_MAX = 254 }; /* RFC 5321, 4.5.3.1.3, without the angle brackets */

struct mail_message {
	struct str id;        /* left part of the Message-ID, one per mail however often it is sent; [A-Za-z0-9-]+ */
	int64_t made_at_us;   /* Date */
	struct str from_name; /* UTF-8; the address is the driver's */
	struct str to;        /* one address, see mail_address_check */
	struct str subject;   /* UTF-8 */
	struct str text, html; /* UTF-8, lines end with \n */
};

/* An address that can stand in a header and in an SMTP command as it is: local@domain in printable ASCII, without white space, quotes,
 * brackets, commas, colons, semicolons or backslashes. Internationalised addresses need a server that can do them and are refused.
 * Fails INVALID_ARGUMENT/MAIL_ADDRESS. */
MUST_CHECK bool mail_address_check(struct str address, struct error *err);

/* The mail as bytes (RFC 5322, lines end with CR LF, 7-bit): multipart/alternative, text first. Whatever the fields hold, it has
 * just these header lines. Fails INVALID_ARGUMENT/MAIL_ADDRESS. */
MUST_CHECK bool mail_print(struct arena *arena, const struct mail_message *mail, struct str from_address, struct str *out,
                           struct error *err);

struct mail_driver {
	void *self;
	const struct mail_driver_ops {
		const char *name; /* "smtp", "outbox" */
		/* One at a time. Fails with UNAVAILABLE: may go well later; CANCELLED/MAIL_STOPPED; any other code: it never will.
		 *   MAIL_UNREACHABLE  no answer, or one that says "later" (4xx)
		 *   MAIL_TLS          no encryption to be had, or a certificate that nobody we trust vouches for
		 *   MAIL_LOGIN        user name or password refused
		 *   MAIL_OUTBOX       the file cannot be written
		 *   MAIL_REFUSED      FAILED_PRECONDITION: the server does not take this mail (5xx)
		 *   MAIL_ADDRESS      INVALID_ARGUMENT
		 * No message names an address. */
		bool (*deliver)(void *self, const struct mail_message *mail, struct error *err);
		/* From any thread: the delivery under way, and every later one, ends soon with MAIL_STOPPED. */
		void (*stop)(void *self);
		void (*close)(void *self);
	} *ops;
};

#endif
