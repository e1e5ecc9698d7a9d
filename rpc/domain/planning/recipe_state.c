/* What a search knows: which items are in, what that is worth, how sound it is. */
#include "rpc/domain/planning/recipe_search.h"

#include <math.h>
#include <string.h>

bool search_is_food(const struct search *s, int j) { return !(s->m.candidates[j].groups >> GROUP_SUPPLEMENT & 1); }

void search_open(struct search *s, int j)
{
	const struct candidate *c = &s->m.candidates[j];
	double least = c->practical_g * (search_is_food(s, j) ? s->practical_share : 1);
	lp_set_column(s->m.lp, s->m.column[j], s->in[j] ? least : 0, s->in[j] ? c->most_g : 0);
}

void search_put(struct search *s, int j, bool in)
{
	if (s->in[j] == in) return;
	s->in[j] = in;
	s->items += in ? 1 : -1;
	for (int g = 0; g < GROUP_COUNT; g++) {
		if (s->m.candidates[j].groups >> g & 1) s->counts[g] += in ? 1 : -1;
	}
	search_open(s, j);
}

int search_group_limit(const struct search *s, int g)
{
	return g == GROUP_SUPPLEMENT ? s->limits.supplements : group_most((enum food_group)g);
}

bool search_counts_fit(const struct search *s)
{
	if (s->items > s->limits.items) return false;
	for (int g = 0; g < GROUP_COUNT; g++) {
		int most = search_group_limit(s, g);
		if (most >= 0 && s->counts[g] > most) return false;
	}
	return true;
}

double search_evaluate(struct search *s)
{
	s->budget--;
	if (!lp_solve(s->m.lp)) return INFINITY;
	double value = lp_objective(s->m.lp);
	for (int j = 0; j < s->m.count; j++) {
		if (s->in[j]) value += s->m.candidates[j].item_cost;
	}
	return value;
}

double search_evaluate_trial(struct search *s)
{
	double items = 0;
	s->budget--;
	for (int j = 0; j < s->m.count; j++) {
		if (s->in[j]) items += s->m.candidates[j].item_cost;
	}
	if (!lp_solve_below(s->m.lp, s->value - SEARCH_BETTER - items)) return INFINITY;
	return lp_objective(s->m.lp) + items;
}

void search_keep(struct search *s, double value)
{
	s->value = value;
	model_outcome(&s->m, isfinite(value), &s->outcome);
	for (int j = 0; j < s->m.count; j++) s->grams[j] = isfinite(value) ? lp_value(s->m.lp, s->m.column[j]) : 0;
}

static void learn_usual(struct search *s)
{
	for (int j = 0; j < s->m.count; j++) {
		s->usual[j] = s->m.candidates[j].most_g;
		for (enum nutrient n = 0; n < NUTRIENT_COUNT; n++) {
			if (s->m.low[n] && s->m.low[n][j] > 0) s->usual[j] = fmin(s->usual[j], 1 / s->m.low[n][j]);
		}
	}
}

double search_usage(const struct search *s, int j) { return s->grams[j] / s->usual[j]; }

int search_ranked(const double *rank, int count, int most, int *out)
{
	int found = 0;
	for (int j = 0; j < count; j++) {
		int at = found;
		while (at > 0 && rank[out[at - 1]] > rank[j]) at--;
		if (!isfinite(rank[j]) || at == most) continue;
		if (found < most) found++;
		memmove(&out[at + 1], &out[at], (size_t)(found - 1 - at) * sizeof(*out));
		out[at] = j;
	}
	return found;
}

bool search_only_margins(const struct model_outcome *o)
{
	for (int r = RELAX_MARGINS + 1; r < RELAX_COUNT; r++) {
		if (o->relaxed[r]) return false;
	}
	return o->solved && o->hard <= 0;
}

bool search_start(struct search *s, struct arena *arena, const struct assessment *a, const struct week_theme *theme,
                  int week_index, bool wide)
{
	memset(s, 0, sizeof(*s));
	if (!model_build(&s->m, arena, a, theme, week_index, wide)) return false;
	s->in = arena_new_array(arena, bool, (size_t)s->m.count);
	s->grams = arena_new_array(arena, double, (size_t)s->m.count);
	s->usual = arena_new_array(arena, double, (size_t)s->m.count);
	learn_usual(s);
	s->practical_share = 1;
	return true;
}

/* A nutrient that comes from one food varies with it (sd 15 % between lots of a food, 3 % of a supplement); one from many
 * evens out. As much above each minimum is asked for as keeps 90 % of it in nearly all draws. */
static const double FOOD_SD = 0.15, SUPPLEMENT_SD = 0.03, DRAWS_Z = 2.4, DRAWS_FLOOR = 0.90, AIM_MOST = 1.30;
struct spread {
	double sum; /* multiple of the minimum */
	double sd;  /* of it, relative */
};
static struct spread spread_of(const struct search *s, enum nutrient n)
{
	double sum = 0, square = 0;
	for (int j = 0; j < s->m.count; j++) {
		if (!s->in[j]) continue;
		double part = s->m.low[n][j] * s->grams[j],
		       sd = part * (search_is_food(s, j) ? FOOD_SD : SUPPLEMENT_SD);
		sum += part;
		square += sd * sd;
	}
	return (struct spread){ sum, sum > 0 ? sqrt(square) / sum : FOOD_SD };
}

/* The multiple of a minimum of which 90 % are left in all but the draws beyond z. */
static double aim_for(double sd, double z) { return DRAWS_FLOOR * exp(z * sd + sd * sd / 2); }

bool search_adapt_margins(struct search *s)
{
	bool moved = false;
	for (enum nutrient n = 0; n < NUTRIENT_COUNT; n++) {
		if (!s->m.low[n]) continue;
		struct spread spread = spread_of(s, n);
		double aim = fmax(fmin(aim_for(spread.sd, DRAWS_Z), AIM_MOST), model_aim_low(n));
		if (fabs(aim - s->m.aim[n]) < 0.005) continue;
		moved |= fmin(aim, s->m.aim[n]) <= spread.sum + 1e-6 || spread.sum < aim;
		model_set_aim(&s->m, n, aim);
	}
	return moved;
}

int search_fragile_count(const struct search *s, double z)
{
	int count = 0;
	for (enum nutrient n = 0; n < NUTRIENT_COUNT; n++) {
		if (!s->m.low[n]) continue;
		struct spread spread = spread_of(s, n);
		count += spread.sum < aim_for(spread.sd, z);
	}
	return count;
}
