#include "bridge/route/cors.h"

#include <string.h>

static bool has_star(const struct str *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (str_equal(list[i], STR("*"))) return true;
	}
	return false;
}

struct cors_answer cors_decide(const struct cors_policy *policy, struct str origin)
{
	struct cors_answer answer = { .varies = policy->origin_count > 0 };
	if (origin.len == 0) return answer;
	for (size_t i = 0; i < policy->origin_count; i++) {
		/* Scheme and host come in lower case from every browser; nothing else is worth a match. */
		if (!str_equal(policy->origins[i], origin)) continue;
		/* An Origin that says "*" is none, and must not turn the list's "*" into one that gets credentials. */
		if (str_equal(origin, STR("*"))) continue;
		answer.allow_origin = origin;
		answer.allow_credentials = policy->allow_credentials;
		return answer;
	}
	if (has_star(policy->origins, policy->origin_count)) answer.allow_origin = STR("*");
	return answer;
}

static struct str joined(struct arena *arena, const struct str *list, size_t count)
{
	struct strbuf text;
	strbuf_init(&text, arena);
	for (size_t i = 0; i < count; i++) {
		if (i) strbuf_add_cstr(&text, ", ");
		strbuf_add_str(&text, list[i]);
	}
	return strbuf_str(&text);
}

struct str cors_allow_methods(struct arena *arena, const struct cors_policy *policy)
{
	if (has_star(policy->methods, policy->method_count)) return STR("DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");
	return joined(arena, policy->methods, policy->method_count);
}

struct str cors_allow_headers(struct arena *arena, const struct cors_policy *policy, struct str requested_headers)
{
	if (!has_star(policy->headers, policy->header_count))
		return joined(arena, policy->headers, policy->header_count);
	/* Echoed, for "*" is literal with credentials; only what a list of header names can consist of. */
	for (size_t i = 0; i < requested_headers.len; i++) {
		char c = requested_headers.ptr[i];
		bool name = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		            (c && strchr("-_, .", c));
		if (!name) return STR_NONE;
	}
	return requested_headers;
}
