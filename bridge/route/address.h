/* bridge/route/address.h: whose request it is. X-Forwarded-For is believed only as far as trusted proxies vouch for it. */
#ifndef PETFOOD_BRIDGE_ROUTE_ADDRESS_H
#define PETFOOD_BRIDGE_ROUTE_ADDRESS_H

#include <sys/socket.h>

#include "store/base/str.h"

/* An IPv4 address is kept as its IPv4-mapped IPv6 form, so that ::ffff:10.0.0.1 and 10.0.0.1 are one address. */
struct address {
	unsigned char bytes[16];
};
struct address_block {
	struct address base;
	unsigned prefix_bits; /* 0..128 */
};
enum { ADDRESS_TEXT_BYTES = 46 };

bool address_parse(struct str text, struct address *out); /* "10.0.0.1", "::1", "[::1]", either with ":port" */
bool address_from_socket(const struct sockaddr *from, struct address *out); /* false: neither IPv4 nor IPv6 */
void address_format(const struct address *address, char out[ADDRESS_TEXT_BYTES]);
/* An address or CIDR block: "10.0.0.0/8", "fd00::/8", "127.0.0.1". */
MUST_CHECK bool address_block_parse(struct str text, struct address_block *out, struct error *err);
bool address_block_has(const struct address_block *block, const struct address *address);

/* The client: the peer, or, while the nearest known hop is a trusted proxy, the next address to the left in forwarded (the values of
 * all X-Forwarded-For headers in order, joined with commas). What cannot be read ends the walk at the last hop known. */
struct address address_of_client(const struct address *peer, struct str forwarded, const struct address_block *trusted,
                                 size_t trusted_count);

#endif
