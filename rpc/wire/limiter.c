#include "rpc/wire/limiter.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

void limiter_address_key(struct str address, char out[LIMITER_KEY_BYTES])
{
	struct in6_addr v6;
	char text[INET6_ADDRSTRLEN];
	(void)snprintf(out, LIMITER_KEY_BYTES, "address:" STR_FMT, STR_ARG(address));
	(void)snprintf(text, sizeof text, STR_FMT, STR_ARG(address));
	if (address.len >= sizeof text || inet_pton(AF_INET6, text, &v6) != 1 || IN6_IS_ADDR_V4MAPPED(&v6)) return;
	memset(v6.s6_addr + 8, 0, 8);
	if (inet_ntop(AF_INET6, &v6, text, sizeof text)) (void)snprintf(out, LIMITER_KEY_BYTES, "address:%s/64", text);
}
