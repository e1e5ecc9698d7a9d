/* Chooses the items of a recipe. The programme with every candidate in it would use thirty foods; a kitchen wants twelve.
 * 1. Reweighted L1: each food's price per gram is its item cost over the grams it had last time, so that what is used
 *    little becomes dear and leaves.
 * 2. Pruning: while a count is exceeded, the item whose loss costs least goes.
 * 3. Local search: drop, add and swap single items; additions are tried in the order of the programme's reduced costs.
 * 4. Margins are widened for nutrients that hang on one food, and 3 is repeated.
 * 5. Rounding: one item at a time is fixed to what a scale can show and the rest is solved again, so that errors are made
 *    good by what is still free.
 * Every solve starts from the last basis: about 0.2 ms each. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/domain/planning/recipe_model.h"

struct limits {
	int items, supplements;
};
struct search {
	struct model m;
	struct limits limits;
	double practical_share; /* of the least practical portion that is asked for */
	bool *in;
	int counts[GROUP_COUNT], items;
	double *usual;     /* per candidate: grams that would do, for its best nutrient or its share */
	double *grams;     /* per candidate, of the best known state */
	double value;      /* of the best known state */
	struct model_outcome outcome; /* of the best known state */
	int budget;        /* evaluations left */
};

enum { L1_ROUNDS = 5, ADD_TRIES = 4, DROP_TRIES = 8, SEARCH_BUDGET = 350, POLISH_BUDGET = 60, MEND_BUDGET = 40, STARTS = 3 };
/* Grams per 1000 kcal that are more than the solver's noise. */
static const double USED_G = 1e-7;
/* A state whose value differs by less is no better. */
static const double BETTER = 1e-3;
/* Grams a day by which shares are let off while rounding; if one was still passed, once more with as much to spare. */
static const double ROUNDING_SHARE_G = 0.4, ROUNDING_TIGHT_G = -0.3;

static bool is_food(const struct search *s, int j) { return !(s->m.candidates[j].groups >> GROUP_SUPPLEMENT & 1); }

static void open_column(struct search *s, int j)
{
	const struct candidate *c = &s->m.candidates[j];
	double least = c->practical_g * (is_food(s, j) ? s->practical_share : 1);
	lp_set_column(s->m.lp, s->m.column[j], s->in[j] ? least : 0, s->in[j] ? c->most_g : 0);
}

static void put(struct search *s, int j, bool in)
{
	if (s->in[j] == in) return;
	s->in[j] = in;
	s->items += in ? 1 : -1;
	for (int g = 0; g < GROUP_COUNT; g++) {
		if (s->m.candidates[j].groups >> g & 1) s->counts[g] += in ? 1 : -1;
	}
	open_column(s, j);
}

static int group_limit(const struct search *s, int g)
{
	return g == GROUP_SUPPLEMENT ? s->limits.supplements : group_most((enum food_group)g);
}

static bool counts_fit(const struct search *s)
{
	if (s->items > s->limits.items) return false;
	for (int g = 0; g < GROUP_COUNT; g++) {
		int most = group_limit(s, g);
		if (most >= 0 && s->counts[g] > most) return false;
	}
	return true;
}

/* The programme's optimum for the current choice plus what the items cost by being there. */
static double evaluate(struct search *s)
{
	s->budget--;
	if (!lp_solve(s->m.lp)) return INFINITY;
	double value = lp_objective(s->m.lp);
	for (int j = 0; j < s->m.count; j++) {
		if (s->in[j]) value += s->m.candidates[j].item_cost;
	}
	return value;
}

/* As above for a trial that only counts if it is better than the state that is kept; INFINITY if it is not. */
static double evaluate_trial(struct search *s)
{
	double items = 0;
	s->budget--;
	for (int j = 0; j < s->m.count; j++) {
		if (s->in[j]) items += s->m.candidates[j].item_cost;
	}
	if (!lp_solve_below(s->m.lp, s->value - BETTER - items)) return INFINITY;
	return lp_objective(s->m.lp) + items;
}

static void keep(struct search *s, double value)
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

/* What is used least is tried first when something has to go. */
static double usage(const struct search *s, int j) { return s->grams[j] / s->usual[j]; }

/* start: 0 takes the items' costs as they are, others disturb them so that the search begins elsewhere. */
static void start_from_l1(struct search *s, int start)
{
	for (enum nutrient n = 0; n < NUTRIENT_COUNT; n++) {
		if (s->m.low[n]) model_set_aim(&s->m, n, model_aim_low(n));
	}
	for (int j = 0; j < s->m.count; j++) {
		const struct candidate *c = &s->m.candidates[j];
		lp_set_column(s->m.lp, s->m.column[j], c->locked ? c->practical_g : 0, c->most_g);
		s->grams[j] = 0;
	}
	for (int round = 0; round < L1_ROUNDS; round++) {
		for (int j = 0; j < s->m.count; j++) {
			const struct candidate *c = &s->m.candidates[j];
			double weight = round == 0 ? s->usual[j] : s->grams[j] + 0.05 * s->usual[j];
			double chance = model_hash01(s->m.a->pet->seed, c->food, 1000 + (uint64_t)start);
			double disturbance = start == 0 ? 1 : chance < 0.3 ? 5 : 0.3 + chance;
			lp_set_cost(s->m.lp, s->m.column[j], c->gram_cost + disturbance * c->item_cost / weight);
		}
		if (!lp_solve(s->m.lp)) break;
		for (int j = 0; j < s->m.count; j++) s->grams[j] = lp_value(s->m.lp, s->m.column[j]);
	}
	for (int j = 0; j < s->m.count; j++) {
		const struct candidate *c = &s->m.candidates[j];
		lp_set_cost(s->m.lp, s->m.column[j], c->gram_cost);
		put(s, j, c->locked || s->grams[j] > USED_G);
		open_column(s, j);
	}
}

/* The `most` candidates of least rank, in order; INFINITY never. Ties go to the earlier row. */
static int ranked(const double *rank, int count, int most, int *out)
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

static bool over_group(const struct search *s, int j)
{
	for (int g = 0; g < GROUP_COUNT; g++) {
		int most = group_limit(s, g);
		if (most >= 0 && s->counts[g] > most && s->m.candidates[j].groups >> g & 1) return true;
	}
	return false;
}

/* Until every count fits, takes out the item that is missed least. */
static void prune(struct search *s)
{
	double *rank = arena_new_array(s->m.arena, double, (size_t)s->m.count);
	int tries[RECIPE_ITEMS_MAX];
	while (!counts_fit(s)) {
		bool group_over = false;
		for (int j = 0; j < s->m.count; j++) group_over |= s->in[j] && over_group(s, j);
		for (int j = 0; j < s->m.count; j++) {
			bool may_go = s->in[j] && !s->m.candidates[j].locked && (!group_over || over_group(s, j));
			rank[j] = may_go ? usage(s, j) : INFINITY;
		}
		int count = ranked(rank, s->m.count, DROP_TRIES, tries);
		if (count == 0) return; /* only locked items are left: the counts of the theme itself do not fit */
		int best = tries[0];
		double best_value = INFINITY;
		for (int i = 0; i < count && count > 1; i++) {
			put(s, tries[i], false);
			double value = evaluate(s);
			put(s, tries[i], true);
			if (value < best_value) {
				best_value = value;
				best = tries[i];
			}
		}
		put(s, best, false);
		keep(s, evaluate(s));
	}
}

/* A nutrient that comes from one food varies with it (sd 15 % between lots of a food, 3 % of a supplement); one from many
 * evens out. Asks for as much above each minimum as keeps 90 % of it in nearly all draws. True if an aim moved that the
 * kept state does not reach. */
static const double FOOD_SD = 0.15, SUPPLEMENT_SD = 0.03, DRAWS_Z = 2.4, DRAWS_Z_LEAST = 1.8, DRAWS_Z_PRINTED = 1.7, DRAWS_FLOOR = 0.90, AIM_MOST = 1.30;
struct spread {
	double sum; /* multiple of the minimum */
	double sd;  /* of it, relative */
};
static struct spread spread_of(const struct search *s, enum nutrient n)
{
	double sum = 0, square = 0;
	for (int j = 0; j < s->m.count; j++) {
		if (!s->in[j]) continue;
		double part = s->m.low[n][j] * s->grams[j], sd = part * (is_food(s, j) ? FOOD_SD : SUPPLEMENT_SD);
		sum += part;
		square += sd * sd;
	}
	return (struct spread){ sum, sum > 0 ? sqrt(square) / sum : FOOD_SD };
}

/* The multiple of a minimum of which 90 % are left in all but the draws beyond z. */
static double aim_for(double sd, double z) { return DRAWS_FLOOR * exp(z * sd + sd * sd / 2); }

static bool adapt_margins(struct search *s)
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

/* Nutrients that nature would too often take below 90 % of their minimum. */
static int fragile_count(const struct search *s, double z)
{
	int count = 0;
	for (enum nutrient n = 0; n < NUTRIENT_COUNT; n++) {
		if (!s->m.low[n]) continue;
		struct spread spread = spread_of(s, n);
		count += spread.sum < aim_for(spread.sd, z);
	}
	return count;
}

/* What is taken out to make room is remembered so that a move can be taken back. */
struct move {
	int out[4], out_count, in;
};

static void move_out(struct search *s, struct move *move, int j)
{
	put(s, j, false);
	move->out[move->out_count++] = j;
}

static void take_back(struct search *s, const struct move *move)
{
	if (move->in >= 0) put(s, move->in, false);
	for (int i = 0; i < move->out_count; i++) put(s, move->out[i], true);
}

/* Adds j and takes out what its groups have one too many of: beef liver for chicken liver. False if it cannot be. */
static bool move_in(struct search *s, struct move *move, int j)
{
	put(s, j, true);
	move->in = j;
	for (int g = 0; g < GROUP_COUNT; g++) {
		int most = group_limit(s, g);
		if (most < 0 || s->counts[g] <= most) continue;
		int least = -1;
		for (int i = 0; i < s->m.count; i++) {
			bool may_go = s->in[i] && i != j && !s->m.candidates[i].locked && s->m.candidates[i].groups >> g & 1;
			if (may_go && (least < 0 || usage(s, i) < usage(s, least))) least = i;
		}
		if (least < 0 || move->out_count == (int)COUNT(move->out)) return false;
		move_out(s, move, least);
	}
	return counts_fit(s);
}

/* Makes the state that is there the kept one, with the margins that it needs. */
static void settle(struct search *s, double value)
{
	keep(s, value);
	if (isfinite(value) && adapt_margins(s)) keep(s, evaluate(s));
}

/* What the last solve's prices promise for adding each food, best first. */
static int promising(struct search *s, int except, double *rank, int *adds)
{
	for (int j = 0; j < s->m.count; j++) {
		const struct candidate *c = &s->m.candidates[j];
		rank[j] = INFINITY;
		if (s->in[j] || j == except) continue;
		double gain = lp_reduced_cost(s->m.lp, s->m.column[j]) * fmax(0.2 * s->usual[j], c->practical_g) + c->item_cost;
		if (gain < 0) rank[j] = gain;
	}
	return ranked(rank, s->m.count, ADD_TRIES, adds);
}

/* Tries the promising additions on top of a removal (-1: none). */
static bool try_adds(struct search *s, int dropped, double *rank)
{
	int adds[ADD_TRIES], count = promising(s, dropped, rank, adds);
	for (int i = 0; i < count; i++) {
		struct move move = { .in = -1 };
		double value = move_in(s, &move, adds[i]) ? evaluate_trial(s) : INFINITY;
		if (isfinite(value)) {
			settle(s, value);
			return true;
		}
		take_back(s, &move);
	}
	return false;
}

/* Nothing at all was given up: what is left to gain is an item less. */
static bool is_sound(const struct search *s)
{
	for (int r = 0; r < RELAX_COUNT; r++) {
		if (s->outcome.relaxed[r]) return false;
	}
	return s->outcome.solved && s->outcome.hard <= 0;
}

/* Goes through the items in turn: is the recipe better without it, or with another in its place? The prices that rank
 * the others are those of the recipe without it. Ends when a whole round brought nothing. */
static void improve(struct search *s, int evaluations)
{
	int stop_at = s->budget > evaluations ? s->budget - evaluations : 0;
	double *rank = arena_new_array(s->m.arena, double, (size_t)s->m.count);
	int drops[RECIPE_ITEMS_MAX];
	bool better = true;

	while (better && s->budget > stop_at) {
		better = false;
		if (is_sound(s) && s->budget - stop_at > POLISH_BUDGET) stop_at = s->budget - POLISH_BUDGET;
		for (int j = 0; j < s->m.count; j++) {
			rank[j] = s->in[j] && !s->m.candidates[j].locked ? usage(s, j) : INFINITY;
		}
		int drop_count = ranked(rank, s->m.count, RECIPE_ITEMS_MAX, drops);
		/* the prices of the kept state: a rejected trial has left others behind */
		if (!lp_solve(s->m.lp)) return;
		better |= try_adds(s, -1, rank);
		for (int i = 0; i < drop_count && s->budget > stop_at; i++) {
			if (!s->in[drops[i]]) continue;
			put(s, drops[i], false);
			/* solved to the end, for the prices */
			double value = evaluate(s);
			if (value < s->value - BETTER) {
				settle(s, value);
				better = true;
			} else if (try_adds(s, drops[i], rank)) {
				better = true;
			} else {
				put(s, drops[i], true);
			}
		}
	}
}

static double unit_of(const struct search *s, int j, double grams)
{
	if (!is_food(s, j)) return 1e-4;
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
		rank[j] = !s->in[j] ? INFINITY : is_food(s, j) ? -step : 1 / (grams / unit + 1e-9);
		/* supplements after the foods, the ones with the fewest units first */
		if (s->in[j] && !is_food(s, j)) rank[j] = 1 - fmin(rank[j], 1);
	}
	int count = ranked(rank, s->m.count, RECIPE_ITEMS_MAX, order);
	for (int j = 0; j < s->m.count; j++) open_column(s, j);
	model_open_for_rounding(&s->m, share_g);
	double value = evaluate(s);
	keep(s, value);
	out->count = 0;
	for (int i = 0; i < count; i++) {
		int j = order[i];
		double grams = lp_value(s->m.lp, s->m.column[j]) * day, unit = unit_of(s, j, grams);
		double near = round_to(grams, unit), other = near > grams ? near - unit : near + unit;
		if (near < unit / 2) near = unit;
		fix(s, j, near);
		double near_value = evaluate(s);
		if (near_value > value + 0.5 && other > unit / 2) {
			fix(s, j, other);
			double other_value = evaluate(s);
			if (other_value < near_value) {
				near = other;
				near_value = other_value;
			} else {
				fix(s, j, near);
				near_value = evaluate(s);
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
			out->margin_short[n] |= recipe_amount(out, a, n, BOUND_MIN) < b->min * (model_aim_low(n) - MARGIN_NOISE);
		}
		double aim_high = model_aim_high(n, a->pet->species);
		if (isfinite(b->max)) {
			out->margin_short[n] |= recipe_amount(out, a, n, BOUND_MAX) > b->max * (aim_high + MARGIN_NOISE);
		}
		out->relaxed[RELAX_MARGINS] |= out->margin_short[n];
	}
}

/* One time in twenty is z = 1.645; a little more, as draws scatter themselves. */
static bool is_fragile(struct search *s, const struct recipe *recipe)
{
	for (int j = 0; j < s->m.count; j++) {
		s->grams[j] = 0;
		for (size_t i = 0; i < recipe->count; i++) {
			if (recipe->items[i].food == s->m.candidates[j].food) s->grams[j] = recipe->items[i].grams * 1000 / recipe_kcal(recipe);
		}
	}
	return fragile_count(s, DRAWS_Z_PRINTED) > 0;
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
		if (is_food(s, j) && s->practical_share < 1) {
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

static bool finish_once(struct search *s, bool items_relaxed, double share_g, struct recipe *out, struct recipe_gap *gap)
{
	*out = (struct recipe){ 0 };
	if (!round_grams(s, share_g, out)) return false;
	qsort(out->items, out->count, sizeof(out->items[0]), item_order);
	note_relaxations(s, items_relaxed, out);
	out->fragile = is_fragile(s, out);
	return recipe_keeps_bounds(out, s->m.a, gap);
}

static bool finish(struct search *s, bool items_relaxed, struct recipe *out, struct recipe_gap *gap)
{
	struct recipe tight;
	bool found = finish_once(s, items_relaxed, ROUNDING_SHARE_G, out, gap);
	if (found && !out->fragile && relaxed_count(out) == items_relaxed) return true;
	bool also = finish_once(s, items_relaxed, ROUNDING_TIGHT_G, &tight, gap);
	int less = relaxed_count(out) - relaxed_count(&tight);
	if (also && (!found || less > 0 || (less == 0 && out->fragile && !tight.fragile))) *out = tight;
	return found || also;
}

static bool only_margins(const struct model_outcome *o)
{
	for (int r = RELAX_MARGINS + 1; r < RELAX_COUNT; r++) {
		if (o->relaxed[r]) return false;
	}
	return o->solved && o->hard <= 0;
}

static bool search_start(struct search *s, struct arena *arena, const struct assessment *a,
                         const struct week_theme *theme, int week_index, bool wide)
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

/* Good enough to stop looking. */
static bool is_content(const struct search *s) { return only_margins(&s->outcome) && fragile_count(s, DRAWS_Z_LEAST) == 0; }

/* From the many foods of the L1 start down to the few that are wanted, one at a time, mending after each step that hurt:
 * taken away all at once they leave a heap of troubles from which single swaps seldom lead out. */
static void narrow(struct search *s)
{
	struct limits wanted = s->limits;
	do {
		int items = s->items - 1, supplements = s->counts[GROUP_SUPPLEMENT] - 1;
		s->limits.items = items > wanted.items ? items : wanted.items;
		s->limits.supplements = supplements > wanted.supplements ? supplements : wanted.supplements;
		prune(s);
		settle(s, s->value);
		if (!is_content(s) && s->items > wanted.items) improve(s, MEND_BUDGET);
	} while (s->budget > 0 && (s->limits.items > wanted.items || s->limits.supplements > wanted.supplements));
	s->limits = wanted;
	prune(s);
	settle(s, s->value);
}

/* Searches from several starts and leaves the best recipe in *s. */
static void search_run(struct search *s)
{
	bool *best = arena_new_array(s->m.arena, bool, (size_t)s->m.count);
	double best_value = INFINITY, best_aim[NUTRIENT_COUNT];
	int best_start = -1, best_fragile = 0;

	for (int start = 0; start < STARTS; start++) {
		s->budget = SEARCH_BUDGET;
		start_from_l1(s, start);
		keep(s, evaluate(s));
		narrow(s);
		improve(s, s->budget);
		/* among recipes that give up margins only, the sounder one; else the one that gives up less */
		int fragile = only_margins(&s->outcome) ? fragile_count(s, DRAWS_Z_LEAST) : NUTRIENT_COUNT;
		bool better = best_start < 0 || fragile < best_fragile || (fragile == best_fragile && s->value < best_value);
		if (counts_fit(s) && better) {
			best_start = start;
			best_fragile = fragile;
			best_value = s->value;
			memcpy(best, s->in, (size_t)s->m.count * sizeof(*best));
			memcpy(best_aim, s->m.aim, sizeof(best_aim));
		}
		/* two failures in a row are taken for an answer; a third start is for making a good recipe sound */
		if (is_content(s) || (start > 0 && best_fragile >= NUTRIENT_COUNT)) break;
	}
	if (best_start < 0) return; /* the last state stands, and says what is missing */
	for (int j = 0; j < s->m.count; j++) {
		put(s, j, best[j]);
		open_column(s, j);
	}
	for (enum nutrient n = 0; n < NUTRIENT_COUNT; n++) {
		if (s->m.low[n]) model_set_aim(&s->m, n, best_aim[n]);
	}
	keep(s, evaluate(s));
}

bool recipe_find(struct arena *arena, const struct assessment *a, const struct week_theme *theme, int week_index,
                 enum recipe_effort effort, struct recipe *out, struct recipe_gap *gap)
{
	static const struct limits few_items = { 12, 8 }, many_items = { RECIPE_ITEMS_MAX, 10 };
	bool few = strcmp(a->profile, "dog_adult") == 0;
	bool found = false;
	int solves = 0;
	/* few items, many items, everything: a pass is left out where it would repeat another */
	int first = effort == RECIPE_RELAXED ? 2 : few ? 0 : 1, last = effort == RECIPE_RELAXED ? 2 : 1;

	*gap = (struct recipe_gap){ .nutrient = NUTRIENT_COUNT };
	out->fragile = true;
	for (int pass = first; pass <= last && !(found && !out->fragile); pass++) {
		struct search s;
		struct recipe recipe;
		struct recipe_gap this_gap;
		struct arena_mark mark = arena_mark(arena);
		if (!search_start(&s, arena, a, theme, week_index, pass == 2)) return found;
		s.limits = pass == 0 ? few_items : many_items;
		s.practical_share = pass == 2 ? 0.5 : 1;
		search_run(&s);
		this_gap = s.outcome.worst;
		bool good = pass < 2 ? only_margins(&s.outcome) : s.outcome.solved && s.outcome.hard <= 0;
		if (good && finish(&s, few && s.items > few_items.items, &recipe, &this_gap)) {
			if (!found || !recipe.fragile) *out = recipe;
			found = true;
		}
		if (!found) *gap = this_gap;
		solves += lp_solve_count(s.m.lp);
		model_fini(&s.m);
		arena_rewind(arena, mark);
	}
	gap->solves = solves;
	return found;
}

struct recipe_outlook recipe_outlook(struct arena *arena, const struct assessment *a, const struct week_theme *theme,
                                     enum recipe_effort effort)
{
	struct search s;
	struct arena_mark mark = arena_mark(arena);
	bool wide = effort == RECIPE_RELAXED;
	struct recipe_outlook out = { .missing = INFINITY, .relaxed = true, .gap = { .nutrient = NUTRIENT_COUNT } };
	if (search_start(&s, arena, a, theme, 0, wide)) {
		for (int j = 0; j < s.m.count; j++) {
			const struct candidate *c = &s.m.candidates[j];
			lp_set_column(s.m.lp, s.m.column[j], c->locked ? c->practical_g : 0, c->most_g);
		}
		model_outcome(&s.m, lp_solve(s.m.lp), &s.outcome);
		out = (struct recipe_outlook){ s.outcome.hard, !only_margins(&s.outcome), s.outcome.worst };
	}
	model_fini(&s.m);
	arena_rewind(arena, mark);
	return out;
}
