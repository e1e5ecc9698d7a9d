#include "tools/petfoodd/limits.h"

#include "store/memory/rate_limit.h"

static int64_t seconds_up(int64_t us) { return (us + 999999) / 1000000; }

static bool take(void *self, const struct limit_claim *claims, size_t count, struct limit_standing *out,
                 struct error *err)
{
	const struct limits *limits = self;
	struct rate_claim asked[RATE_CLAIMS_MAX] = { { 0 } };
	struct rate_standing standing[RATE_CLAIMS_MAX] = { { 0 } };
	for (size_t i = 0; i < count; i++) asked[i] = (struct rate_claim){ claims[i].limit_class, claims[i].key };
	bool ok = limits->store.driver->take(limits->store.self, asked, count, 0, standing, err);
	if (!ok && !error_is(err, "RATE_LIMITED")) return false;
	for (size_t i = 0; i < count; i++) {
		const struct rate_rule *rule = &limits->rules[claims[i].limit_class];
		out[i] = (struct limit_standing){ .times = (int64_t)rule->times,
			                          .window_s = rule->window_ms / 1000,
			                          .left = (int64_t)standing[i].left,
			                          .wait_s = seconds_up(standing[i].wait_us) };
	}
	return ok;
}

static struct rate_rule rule_of(int64_t times, int64_t seconds)
{
	return (struct rate_rule){ (size_t)times, seconds * 1000 };
}

void limits_open(const struct config *c, struct limits *out)
{
	*out = (struct limits){ .open = c->rate_limit_enabled };
	if (!out->open) return;
	out->rules[LIMIT_DEFAULT] = rule_of(c->rate_limit_times, c->rate_limit_seconds);
	out->rules[LIMIT_LOGIN] = rule_of(c->rate_limit_login_times, c->rate_limit_login_seconds);
	out->rules[LIMIT_CODE] = rule_of(c->rate_limit_code_times, c->rate_limit_code_seconds);
	out->rules[LIMIT_PLAN] = rule_of(c->rate_limit_plan_times, c->rate_limit_plan_seconds);
	memory_rates_open(&(struct memory_rates_options){ .rules = out->rules, .rule_count = LIMIT_CLASSES },
	                  &out->store);
	out->limiter = (struct rate_limiter){ .take = take, .self = out };
}

void limits_close(struct limits *limits)
{
	if (limits->open) limits->store.driver->close(limits->store.self);
	limits->open = false;
}

const struct rate_limiter *limits_limiter(const struct limits *limits)
{
	return limits->open ? &limits->limiter : NULL;
}
