/* One recipe: how much may be given up, and what stood in the way. */
#include "rpc/domain/planning/recipe_search.h"

#include <math.h>
#include <string.h>

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
		bool good = pass < 2 ? search_only_margins(&s.outcome) : s.outcome.solved && s.outcome.hard <= 0;
		if (good && search_finish(&s, few && s.items > few_items.items, &recipe, &this_gap)) {
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
		out = (struct recipe_outlook){ s.outcome.hard, !search_only_margins(&s.outcome), s.outcome.worst };
	}
	model_fini(&s.m);
	arena_rewind(arena, mark);
	return out;
}
