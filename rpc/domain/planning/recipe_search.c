/* Chooses the items; recipe_search.h has the method. */
#include "rpc/domain/planning/recipe_search.h"

#include <math.h>
#include <string.h>

enum {
	L1_ROUNDS = 5,
	ADD_TRIES = 4,
	DROP_TRIES = 8,
	SEARCH_BUDGET = 350,
	POLISH_BUDGET = 60,
	MEND_BUDGET = 40,
	STARTS = 3
};
/* Grams per 1000 kcal that are more than the solver's noise. */
static const double USED_G = 1e-7;

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
		search_put(s, j, c->locked || s->grams[j] > USED_G);
		search_open(s, j);
	}
}

static bool over_group(const struct search *s, int j)
{
	for (int g = 0; g < GROUP_COUNT; g++) {
		int most = search_group_limit(s, g);
		if (most >= 0 && s->counts[g] > most && s->m.candidates[j].groups >> g & 1) return true;
	}
	return false;
}

/* Until every count fits, takes out the item that is missed least. */
static void prune(struct search *s)
{
	double *rank = arena_new_array(s->m.arena, double, (size_t)s->m.count);
	int tries[RECIPE_ITEMS_MAX];
	while (!search_counts_fit(s)) {
		bool group_over = false;
		for (int j = 0; j < s->m.count; j++) group_over |= s->in[j] && over_group(s, j);
		for (int j = 0; j < s->m.count; j++) {
			bool may_go = s->in[j] && !s->m.candidates[j].locked && (!group_over || over_group(s, j));
			rank[j] = may_go ? search_usage(s, j) : INFINITY;
		}
		int count = search_ranked(rank, s->m.count, DROP_TRIES, tries);
		if (count == 0) return; /* only locked items are left: the counts of the theme itself do not fit */
		int best = tries[0];
		double best_value = INFINITY;
		for (int i = 0; i < count && count > 1; i++) {
			search_put(s, tries[i], false);
			double value = search_evaluate(s);
			search_put(s, tries[i], true);
			if (value < best_value) {
				best_value = value;
				best = tries[i];
			}
		}
		search_put(s, best, false);
		search_keep(s, search_evaluate(s));
	}
}

/* What is taken out to make room is remembered so that a move can be taken back. */
struct move {
	int out[4], out_count, in;
};

static void move_out(struct search *s, struct move *move, int j)
{
	search_put(s, j, false);
	move->out[move->out_count++] = j;
}

static void take_back(struct search *s, const struct move *move)
{
	if (move->in >= 0) search_put(s, move->in, false);
	for (int i = 0; i < move->out_count; i++) search_put(s, move->out[i], true);
}

/* Adds j and takes out what its groups have one too many of: beef liver for chicken liver. False if it cannot be. */
static bool move_in(struct search *s, struct move *move, int j)
{
	search_put(s, j, true);
	move->in = j;
	for (int g = 0; g < GROUP_COUNT; g++) {
		int most = search_group_limit(s, g);
		if (most < 0 || s->counts[g] <= most) continue;
		int least = -1;
		for (int i = 0; i < s->m.count; i++) {
			bool may_go =
			    s->in[i] && i != j && !s->m.candidates[i].locked && s->m.candidates[i].groups >> g & 1;
			if (may_go && (least < 0 || search_usage(s, i) < search_usage(s, least))) least = i;
		}
		if (least < 0 || move->out_count == (int)COUNT(move->out)) return false;
		move_out(s, move, least);
	}
	return search_counts_fit(s);
}

/* Makes the state that is there the kept one, with the margins that it needs. */
static void settle(struct search *s, double value)
{
	search_keep(s, value);
	if (isfinite(value) && search_adapt_margins(s)) search_keep(s, search_evaluate(s));
}

/* What the last solve's prices promise for adding each food, best first. */
static int promising(struct search *s, int except, double *rank, int *adds)
{
	for (int j = 0; j < s->m.count; j++) {
		const struct candidate *c = &s->m.candidates[j];
		rank[j] = INFINITY;
		if (s->in[j] || j == except) continue;
		double gain =
		    lp_reduced_cost(s->m.lp, s->m.column[j]) * fmax(0.2 * s->usual[j], c->practical_g) + c->item_cost;
		if (gain < 0) rank[j] = gain;
	}
	return search_ranked(rank, s->m.count, ADD_TRIES, adds);
}

/* Tries the promising additions on top of a removal (-1: none). */
static bool try_adds(struct search *s, int dropped, double *rank)
{
	int adds[ADD_TRIES], count = promising(s, dropped, rank, adds);
	for (int i = 0; i < count; i++) {
		struct move move = { .in = -1 };
		double value = move_in(s, &move, adds[i]) ? search_evaluate_trial(s) : INFINITY;
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
			rank[j] = s->in[j] && !s->m.candidates[j].locked ? search_usage(s, j) : INFINITY;
		}
		int drop_count = search_ranked(rank, s->m.count, RECIPE_ITEMS_MAX, drops);
		/* the prices of the kept state: a rejected trial has left others behind */
		if (!lp_solve(s->m.lp)) return;
		better |= try_adds(s, -1, rank);
		for (int i = 0; i < drop_count && s->budget > stop_at; i++) {
			if (!s->in[drops[i]]) continue;
			search_put(s, drops[i], false);
			/* solved to the end, for the prices */
			double value = search_evaluate(s);
			if (value < s->value - SEARCH_BETTER) {
				settle(s, value);
				better = true;
			} else if (try_adds(s, drops[i], rank)) {
				better = true;
			} else {
				search_put(s, drops[i], true);
			}
		}
	}
}

/* Good enough to stop looking. */
static bool is_content(const struct search *s)
{
	return search_only_margins(&s->outcome) && search_fragile_count(s, SEARCH_Z_WANTED) == 0;
}

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

void search_run(struct search *s)
{
	bool *best = arena_new_array(s->m.arena, bool, (size_t)s->m.count);
	double best_value = INFINITY, best_aim[NUTRIENT_COUNT];
	int best_start = -1, best_fragile = 0;

	for (int start = 0; start < STARTS; start++) {
		s->budget = SEARCH_BUDGET;
		start_from_l1(s, start);
		search_keep(s, search_evaluate(s));
		narrow(s);
		improve(s, s->budget);
		/* among recipes that give up margins only, the sounder one; else the one that gives up less */
		int fragile =
		    search_only_margins(&s->outcome) ? search_fragile_count(s, SEARCH_Z_WANTED) : NUTRIENT_COUNT;
		bool better =
		    best_start < 0 || fragile < best_fragile || (fragile == best_fragile && s->value < best_value);
		if (search_counts_fit(s) && better) {
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
		search_put(s, j, best[j]);
		search_open(s, j);
	}
	for (enum nutrient n = 0; n < NUTRIENT_COUNT; n++) {
		if (s->m.low[n]) model_set_aim(&s->m, n, best_aim[n]);
	}
	search_keep(s, search_evaluate(s));
}
