#include "store/api/session_store.h"

static const char *const end_names[] = {
	[SESSION_LIVES] = "",
	[SESSION_LOGGED_OUT] = "logged_out",
	[SESSION_CLOSED] = "closed",
	[SESSION_PASSWORD_CHANGED] = "password_changed",
	[SESSION_USER_DISABLED] = "user_disabled",
	[SESSION_USER_DELETED] = "user_deleted",
	[SESSION_TOKEN_REUSED] = "token_reused",
	[SESSION_CROWDED_OUT] = "crowded_out",
};

const char *session_end_name(enum session_end end) { return end_names[end]; }

enum session_end session_end_from(struct str name)
{
	for (size_t i = 0; i < COUNT(end_names); i++)
		if (str_equal(name, str_from(end_names[i]))) return (enum session_end)i;
	return SESSION_LIVES;
}

struct str session_agent_fit(struct str agent)
{
	if (agent.len == 0 || !str_is_utf8(agent)) return STR_NONE;
	size_t chars = 0;
	for (size_t i = 0; i < agent.len; i++) {
		if (((unsigned char)agent.ptr[i] & 0xc0) == 0x80) continue; /* inside a character */
		if (chars++ == SESSION_AGENT_CHARS_MAX) return (struct str){ agent.ptr, i };
	}
	return agent;
}

struct str session_address_fit(struct str address)
{
	return address.len && address.len <= SESSION_ADDRESS_BYTES_MAX && str_is_utf8(address) ? address : STR_NONE;
}
