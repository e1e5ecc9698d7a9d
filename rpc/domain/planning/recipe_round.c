/* From the grams of a programme to grams that a kitchen can weigh. */
#include "rpc/domain/planning/recipe_search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Grams a day by which shares are let off while rounding; if one was still passed, once more with as much to spare. */
static const double ROUNDING_SHARE_G = 0.4, ROUNDING_TIGHT_G = -0.3;

static double unit_of(const struct search *s, int j, double grams)
{
	if (!search_is_food(s, j)) return 1e-4;
	return grams >= 20 ? 1 : 0.1;
}

static void fix(struct search *s, int j, double grams_a_day)
{
	double g = grams_a_day * 1000 / s->m.a->der_kcal;
	lp_set_column(s->m.lp, s->m.column[j], g, g);
}

static double round_to(double grams, double unit) { return round(grams / unit) * unit; }

/* Fixes one item after the other; what is coarsest in energy first, so that the fine ones can make up for it. */
static bool round_grams(struct search *s, double share_g, struct recipe *out)
{
	const struct assessment *a = s->m.a;
	double day = a->der_kcal / 1000;
	double *rank = arena_new_array(s->m.arena, double, (size_t)s->m.count);
	int order[RECIPE_ITEMS_MAX];

	for (int j = 0; j < s->m.count; j++) {
		double grams = s->grams[j] * day, unit = unit_of(s, j, grams);
		double step = unit * recipe_kcal_per_gram(&food_table[s->m.candidates[j].food]);
		rank[j] = !s->in[j] ? INFINITY : search_is_food(s, j) ? -step : 1 / (grams / unit + 1e-9);
		/* supplements after the foods, the ones with the fewest units first */
		if (s->in[j] && !search_is_food(s, j)) rank[j] = 1 - fmin(rank[j], 1);
	}
	int count = search_ranked(rank, s->m.count, RECIPE_ITEMS_MAX, order);
	for (int j = 0; j < s->m.count; j++) search_open(s, j);
	model_open_for_rounding(&s->m, share_g);
	double value = search_evaluate(s);
	search_keep(s, value);
	out->count = 0;
	for (int i = 0; i < count; i++) {
		int j = order[i];
		double grams = lp_value(s->m.lp, s->m.column[j]) * day, unit = unit_of(s, j, grams);
		double near = round_to(grams, unit), other = near > grams ? near - unit : near + unit;
		if (near < unit / 2) near = unit;
		fix(s, j, near);
		double near_value = search_evaluate(s);
		if (near_value > value + 0.5 && other > unit / 2) {
			fix(s, j, other);
			double other_value = search_evaluate(s);
			if (other_value < near_value) {
				near = other;
				near_value = other_value;
			} else {
				fix(s, j, near);
				near_value = search_evaluate(s);
			}
		}
		if (!isfinite(near_value)) return false;
		value = near_value;
		out->items[out->count++] = (struct recipe_item){ s->m.candidates[j].food, near };
	}
	return true;
}

static int item_order(const void *pa, const void *pb)
{
	const struct recipe_item *a = pa, *b = pb;
	bool sa = food_table[a->food].category == FOOD_SUPPLEMENT, sb = food_table[b->food].category == FOOD_SUPPLEMENT;
	if (sa != sb) return sa ? 1 : -1;
	if (a->grams != b->grams) return a->grams > b->grams ? -1 : 1;
	return a->food < b->food ? -1 : 1;
}

/* Margins are told of against the usual aims: what was asked for on top is our own caution. */
static const double MARGIN_NOISE = 0.005;
static void note_margins(const struct assessment *a, struct recipe *out)
{
	for (enum nutrient n = 0; n < NUTRIENT_COUNT; n++) {
		const struct bound *b = &a->bounds[n];
		if (nutrient_is_ratio(n) || n == NUTRIENT_biotin_ug) continue;
		if (b->min > 0) {
			out->margin_short[n] |=
			    recipe_amount(out, a, n, BOUND_MIN) < b->min * (model_aim_low(n) - MARGIN_NOISE);
		}
		double aim_high = model_aim_high(n, a->pet->species);
		if (isfinite(b->max)) {
			out->margin_short[n] |=
			    recipe_amount(out, a, n, BOUND_MAX) > b->max * (aim_high + MARGIN_NOISE);
		}
		out->relaxed[RELAX_MARGINS] |= out->margin_short[n];
	}
}

static bool is_fragile(struct search *s, const struct recipe *recipe)
{
	for (int j = 0; j < s->m.count; j++) {
		s->grams[j] = 0;
		for (size_t i = 0; i < recipe->count; i++) {
			if (recipe->items[i].food == s->m.candidates[j].food)
				s->grams[j] = recipe->items[i].grams * 1000 / recipe_kcal(recipe);
		}
	}
	return search_fragile_count(s, SEARCH_Z_PRINTED) > 0;
}

/* What was given up, by the printed grams. */
static void note_relaxations(struct search *s, bool items_relaxed, struct recipe *out)
{
	double *grams = arena_new_array(s->m.arena, double, (size_t)s->m.count);
	struct model_outcome outcome;
	model_outcome(&s->m, true, &outcome);
	out->relaxed[RELAX_ITEMS] = items_relaxed;
	out->relaxed[RELAX_TARGETS] = outcome.relaxed[RELAX_TARGETS];
	out->relaxed[RELAX_FOOD_SHARES] = !recipe_keeps_shares(out, 1);
	for (int j = 0; j < s->m.count; j++) {
		const struct candidate *c = &s->m.candidates[j];
		for (size_t i = 0; i < out->count; i++) {
			if (out->items[i].food == c->food) grams[j] = out->items[i].grams;
		}
		if (!s->in[j]) continue;
		out->relaxed[RELAX_SECOND_MAIN] |= c->second_main;
		if (search_is_food(s, j) && s->practical_share < 1) {
			out->relaxed[RELAX_SHARES] |= grams[j] < c->practical_g * 0.98 * s->m.a->der_kcal / 1000;
		}
	}
	out->relaxed[RELAX_SHARES] |= !model_keeps_groups(&s->m, grams);
	note_margins(s->m.a, out);
}

static int relaxed_count(const struct recipe *r)
{
	int count = 0;
	for (int i = RELAX_MARGINS + 1; i < RELAX_COUNT; i++) count += r->relaxed[i];
	return count;
}

static bool finish_once(struct search *s, bool items_relaxed, double share_g, struct recipe *out,
                        struct recipe_gap *gap)
{
	*out = (struct recipe){ 0 };
	if (!round_grams(s, share_g, out)) return false;
	qsort(out->items, out->count, sizeof(out->items[0]), item_order);
	note_relaxations(s, items_relaxed, out);
	out->fragile = is_fragile(s, out);
	return recipe_keeps_bounds(out, s->m.a, gap);
}

bool search_finish(struct search *s, bool items_relaxed, struct recipe *out, struct recipe_gap *gap)
{
	struct recipe tight;
	bool found = finish_once(s, items_relaxed, ROUNDING_SHARE_G, out, gap);
	if (found && !out->fragile && relaxed_count(out) == items_relaxed) return true;
	bool also = finish_once(s, items_relaxed, ROUNDING_TIGHT_G, &tight, gap);
	int less = relaxed_count(out) - relaxed_count(&tight);
	if (also && (!found || less > 0 || (less == 0 && out->fragile && !tight.fragile))) *out = tight;
	return found || also;
}
