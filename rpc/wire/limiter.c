#include "rpc/wire/limiter.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* As clients see them. */
static const char *const class_names[LIMIT_CLASSES] = {
	[LIMIT_DEFAULT] = "default",
	[LIMIT_LOGIN] = "login",
	[LIMIT_CODE] = "code",
	[LIMIT_PLAN] = "plan",
};

static void note_standing(struct limit_note *note, enum limit_class limit_class, const struct limit_standing *now)
{
	struct limit_standing *known = &note->of[limit_class];
	bool binds_more = now->left < known->left || (now->left == known->left && now->wait_s > known->wait_s);
	if (!known->times || binds_more) *known = *now;
}

/* Retry-After must be enough: whoever comes back then must find room under everything that was asked, also where the call that was
 * refused now had taken the last. */
static bool refuse(const struct limit_note *note, struct error *err)
{
	const struct limit_standing *longest = NULL;
	for (size_t i = 0; i < LIMIT_CLASSES; i++) {
		const struct limit_standing *s = &note->of[i];
		if (s->times && !s->left && (!longest || s->wait_s > longest->wait_s)) longest = s;
	}
	error_set(err, RPC_RESOURCE_EXHAUSTED, "RATE_LIMITED", "too many calls");
	if (!longest) return false;
	error_param(err, "limit", "%lld", (long long)longest->times);
	error_param(err, "window", "%lld", (long long)longest->window_s);
	return error_param(err, "retry_after", "%lld", (long long)(longest->wait_s > 1 ? longest->wait_s : 1));
}

bool limiter_take(const struct rate_limiter *limiter, enum limit_class limit_class, struct str key,
                  struct limit_note *note, struct error *err)
{
	const struct limit_claim claims[] = { { LIMIT_DEFAULT, key }, { limit_class, key } };
	size_t count = limit_class == LIMIT_DEFAULT ? 1 : 2;
	for (; limiter; limiter = limiter->fallback) {
		struct limit_standing standing[COUNT(claims)] = { { 0 } };
		struct error why;
		error_clear(&why);
		bool ok = limiter->take(limiter->self, claims, count, standing, &why);
		if (!ok && !error_is(&why, "RATE_LIMITED")) continue;
		for (size_t i = 0; i < count; i++) note_standing(note, claims[i].limit_class, &standing[i]);
		return ok || refuse(note, err);
	}
	return true;
}

static struct str print_members(struct arena *arena, const struct limit_note *note, bool policy)
{
	struct strbuf out;
	strbuf_init(&out, arena);
	for (size_t i = 0; i < LIMIT_CLASSES; i++) {
		const struct limit_standing *s = &note->of[i];
		if (!s->times) continue;
		strbuf_printf(&out, policy ? "%s\"%s\";q=%lld;w=%lld" : "%s\"%s\";r=%lld;t=%lld", out.len ? ", " : "",
		              class_names[i], (long long)(policy ? s->times : s->left),
		              (long long)(policy ? s->window_s : s->wait_s));
	}
	return strbuf_str(&out);
}

struct str limit_note_policy(struct arena *arena, const struct limit_note *note)
{
	return print_members(arena, note, true);
}
struct str limit_note_state(struct arena *arena, const struct limit_note *note)
{
	return print_members(arena, note, false);
}

void limiter_address_key(struct str address, char out[LIMITER_KEY_BYTES])
{
	struct in6_addr v6;
	char text[INET6_ADDRSTRLEN];
	(void)snprintf(out, LIMITER_KEY_BYTES, "address:" STR_FMT, STR_ARG(address));
	(void)snprintf(text, sizeof text, STR_FMT, STR_ARG(address));
	if (address.len >= sizeof text || inet_pton(AF_INET6, text, &v6) != 1) return;
	if (IN6_IS_ADDR_V4MAPPED(&v6)) {
		if (inet_ntop(AF_INET, v6.s6_addr + 12, text, sizeof text))
			(void)snprintf(out, LIMITER_KEY_BYTES, "address:%s", text);
		return;
	}
	memset(v6.s6_addr + 8, 0, 8);
	if (inet_ntop(AF_INET6, &v6, text, sizeof text)) (void)snprintf(out, LIMITER_KEY_BYTES, "address:%s/64", text);
}
