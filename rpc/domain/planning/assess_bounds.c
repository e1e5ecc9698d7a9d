/* Bounds: profile, then density, then conditions, by the rules of rpc/domain/nutrition/conditions.h. */
#include <math.h>
#include <string.h>

#include "rpc/domain/nutrition/profiles.h"
#include "rpc/domain/planning/assess_parts.h"

/* At or below 1.1 x RER the same minima come in less food, so the food must be denser (product rule of the reference). */
static const double restricted_upto = 1.1;
static const double denser_dog = 1.25, denser_cat = 1.2;
/* A maximum closer to the floor than this leaves the balancer no room for margins and rounding. */
static const double room_above_floor = 1.1, room_below_max = 0.9;

static bool is_scaled(enum nutrient n)
{
	return n != NUTRIENT_fat_g && n != NUTRIENT_na_mg && n != NUTRIENT_cl_mg && !nutrient_is_ratio(n);
}

static bool target_applies(const struct assess *s, const struct condition_target *t)
{
	return (assess_is_dog(s) ? t->for_dog : t->for_cat) && assess_has(s, t->condition);
}

static void profile_bounds(struct assess *s, enum nutrient n, struct bound *bound)
{
	const struct profile_row *working = profile_find("WORKING", s->out->profile, n);
	const struct profile_row *ceiling = profile_find("CEILING", s->out->profile, n);
	*bound = (struct bound){ .min = 0, .max = INFINITY };
	if (working) {
		bound->min = working->min;
		bound->max = working->max;
		bound->min_source = bound->max_source = str_printf(s->arena, "WORKING %s", s->out->profile);
	}
	if (ceiling && ceiling->max < bound->max) {
		bound->max = ceiling->max;
		bound->max_source = str_printf(s->arena, "CEILING %s", s->out->profile);
	}
}

static bool maxima_lower(struct assess *s, enum nutrient n, struct bound *bound, struct error *err)
{
	double floor = bound->min;
	for (size_t i = 0; i < condition_target_count; i++) {
		const struct condition_target *t = &condition_target_table[i];
		if (t->nutrient != n || !target_applies(s, t) || t->max >= bound->max) continue;
		if (!t->firm && t->max < room_above_floor * floor) continue;
		if (t->max < floor) {
			const struct condition *c = condition_find(str_from(t->condition));
			error_set(err, RPC_FAILED_PRECONDITION, "PLAN_REFUSED",
			          "%s: %s at most %g, profile at least %g", t->condition, nutrient_infos[n].id, t->max,
			          floor);
			error_param(err, "condition", "%s", t->condition);
			return error_param(
			    err, "why",
			    assess_is_zh(s)
			        ? "%s要求的%s上限低于这个生命阶段的最低需要，须由兽医制定。"
			        : "%s asks for less %s than this life stage needs; a veterinarian must decide.",
			    assess_in(s, c->name), assess_in(s, nutrient_infos[n].name));
		}
		bound->max = t->max;
		bound->max_source = str_printf(s->arena, "condition %s", t->condition);
	}
	return true;
}

static void minima_raise(struct assess *s, enum nutrient n, struct bound *bound)
{
	double roof = room_below_max * bound->max;
	if (is_scaled(n) && bound->min > 0 && s->out->density_factor > 1) {
		bound->min = fmax(bound->min, fmin(bound->min * s->out->density_factor, roof));
		bound->min_source =
		    str_printf(s->arena, STR_FMT " x %.2f", STR_ARG(bound->min_source), s->out->density_factor);
	}
	for (size_t i = 0; i < condition_target_count; i++) {
		const struct condition_target *t = &condition_target_table[i];
		if (t->nutrient != n || !target_applies(s, t) || t->min <= bound->min || t->min > roof) continue;
		bound->min = t->min;
		bound->min_source = str_printf(s->arena, "condition %s", t->condition);
	}
}

bool assess_bounds(struct assess *s, struct error *err)
{
	struct assessment *out = s->out;
	/* The same rounding room as the printed energies have: exactly 1.1 counts as restricted. */
	bool restricted = out->der_kcal <= restricted_upto * out->rer_kcal + 0.12;
	out->density_factor = !restricted ? 1 : assess_is_dog(s) ? denser_dog : denser_cat;
	for (int n = 0; n < NUTRIENT_COUNT; n++) {
		struct bound *bound = &out->bounds[n];
		profile_bounds(s, (enum nutrient)n, bound);
		if (!maxima_lower(s, (enum nutrient)n, bound, err)) return false;
		minima_raise(s, (enum nutrient)n, bound);
	}
	return true;
}
