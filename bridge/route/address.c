#include "bridge/route/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static const unsigned char mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static bool is_mapped(const struct address *a) { return memcmp(a->bytes, mapped_prefix, sizeof mapped_prefix) == 0; }

static bool parse_bare(struct str text, struct address *out)
{
	char copy[ADDRESS_TEXT_BYTES];
	if (text.len == 0 || text.len >= sizeof copy || memchr(text.ptr, '\0', text.len)) return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	if (inet_pton(AF_INET, copy, out->bytes + 12) == 1) {
		memcpy(out->bytes, mapped_prefix, sizeof mapped_prefix);
		return true;
	}
	return inet_pton(AF_INET6, copy, out->bytes) == 1;
}

static bool is_port(struct str text)
{
	int64_t port;
	return str_to_int64(text, &port) && port >= 0 && port <= 65535;
}

bool address_parse(struct str text, struct address *out)
{
	text = str_trim(text);
	if (text.len > 0 && text.ptr[0] == '[') {
		const char *end = memchr(text.ptr, ']', text.len);
		if (!end) return false;
		struct str inner = { text.ptr + 1, (size_t)(end - text.ptr) - 1 };
		struct str after = { end + 1, text.len - inner.len - 2 };
		if (after.len > 0 && (after.ptr[0] != ':' || !is_port((struct str){ after.ptr + 1, after.len - 1 })))
			return false;
		return parse_bare(inner, out);
	}
	if (parse_bare(text, out)) return true;
	/* "10.0.0.1:1234": an IPv6 address without brackets cannot have a port */
	const char *colon = text.len ? memchr(text.ptr, ':', text.len) : NULL;
	if (!colon) return false;
	struct str host = { text.ptr, (size_t)(colon - text.ptr) };
	struct str port = { colon + 1, text.len - host.len - 1 };
	return is_port(port) && parse_bare(host, out) && is_mapped(out);
}

bool address_from_socket(const struct sockaddr *from, struct address *out)
{
	if (from->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)from;
		memcpy(out->bytes, mapped_prefix, sizeof mapped_prefix);
		memcpy(out->bytes + 12, &in->sin_addr, 4);
		return true;
	}
	if (from->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)from;
		memcpy(out->bytes, &in6->sin6_addr, 16);
		return true;
	}
	return false;
}

void address_format(const struct address *address, char out[ADDRESS_TEXT_BYTES])
{
	const char *text = is_mapped(address) ? inet_ntop(AF_INET, address->bytes + 12, out, ADDRESS_TEXT_BYTES)
	                                      : inet_ntop(AF_INET6, address->bytes, out, ADDRESS_TEXT_BYTES);
	if (!text) out[0] = '\0';
}

bool address_block_parse(struct str text, struct address_block *out, struct error *err)
{
	struct str whole = str_trim(text), base = whole;
	const char *slash = whole.len ? memchr(whole.ptr, '/', whole.len) : NULL;
	int64_t bits = -1;
	if (slash) {
		base.len = (size_t)(slash - whole.ptr);
		if (!str_to_int64((struct str){ slash + 1, whole.len - base.len - 1 }, &bits) || bits < 0) goto bad;
	}
	if (!parse_bare(base, &out->base)) goto bad;
	int64_t most =
	    is_mapped(&out->base) && memchr(base.ptr, '.', base.len) && !memchr(base.ptr, ':', base.len) ? 32 : 128;
	if (bits > most) goto bad;
	out->prefix_bits = (unsigned)(bits < 0 ? 128 : bits + (128 - most));
	return true;
bad:
	return error_set(err, RPC_INVALID_ARGUMENT, "PROXY_INVALID",
	                 "\"" STR_FMT "\" is neither an address nor a CIDR block", STR_ARG(whole));
}

bool address_block_has(const struct address_block *block, const struct address *address)
{
	unsigned whole = block->prefix_bits / 8, rest = block->prefix_bits % 8;
	if (memcmp(block->base.bytes, address->bytes, whole) != 0) return false;
	if (rest == 0) return true;
	unsigned char mask = (unsigned char)(0xff00 >> rest);
	return ((block->base.bytes[whole] ^ address->bytes[whole]) & mask) == 0;
}

static bool is_trusted(const struct address *hop, const struct address_block *trusted, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (address_block_has(&trusted[i], hop)) return true;
	}
	return false;
}

struct address address_of_client(const struct address *peer, struct str forwarded, const struct address_block *trusted,
                                 size_t trusted_count)
{
	struct address hop = *peer, next;
	while (forwarded.len > 0 && is_trusted(&hop, trusted, trusted_count)) {
		const char *comma = memrchr(forwarded.ptr, ',', forwarded.len);
		struct str last = forwarded;
		if (comma) {
			last = (struct str){ comma + 1, forwarded.len - (size_t)(comma + 1 - forwarded.ptr) };
			forwarded.len = (size_t)(comma - forwarded.ptr);
		} else {
			forwarded.len = 0;
		}
		if (!address_parse(last, &next)) break;
		hop = next;
	}
	return hop;
}
