/* rpc/domain/planning/recipe_search.h: the search for a recipe's items, as shared by its files. Private to recipe*.c.
 * The programme with every candidate in it would use thirty foods; a kitchen wants twelve.
 * 1. Reweighted L1 (recipe_search.c): each food's price per gram is its item cost over the grams it had last time, so that
 *    what is used little becomes dear and leaves.
 * 2. Narrowing: one item too many after the other is taken out, and the damage mended.
 * 3. Local search: without each item in turn, and with what the programme's prices then promise in its place.
 * 4. Margins grow for nutrients that hang on few foods, with each recipe that is kept (recipe_state.c).
 * 5. Rounding (recipe_round.c): one item at a time is fixed to what a scale can show and the rest is solved again, so that
 *    errors are made good by what is still free.
 * Every solve starts from the last basis: about 0.2 ms each. */
#ifndef PETFOOD_RPC_DOMAIN_PLANNING_RECIPE_SEARCH_H
#define PETFOOD_RPC_DOMAIN_PLANNING_RECIPE_SEARCH_H

#include "rpc/domain/planning/recipe_model.h"

struct limits {
	int items, supplements;
};
struct search {
	struct model m;
	struct limits limits;
	double practical_share; /* of the least practical portion that is asked for */
	bool *in;               /* per candidate */
	int counts[GROUP_COUNT], items;
	double *usual; /* per candidate: grams that would do, for its best nutrient or its share */
	/* the kept state: the best so far */
	double *grams; /* per candidate */
	double value;
	struct model_outcome outcome;
	int budget; /* evaluations left */
};

/* A recipe whose value differs by less is no better. */
#define SEARCH_BETTER 1e-3
/* How sure a recipe must be to keep 90 % of every minimum in nature, in standard deviations: while searching, and once it
 * is printed (one draw in twenty is 1.645). */
#define SEARCH_Z_WANTED 1.8
#define SEARCH_Z_PRINTED 1.7

/* False if the theme cannot be tried at all. The model must be finished either way. */
bool search_start(struct search *s, struct arena *arena, const struct assessment *a, const struct week_theme *theme,
                  int week_index, bool wide);
/* Searches within s->limits and leaves the best recipe as the kept state. */
void search_run(struct search *s);
/* Rounds the kept state. False if no rounding keeps every bound. */
bool search_finish(struct search *s, bool items_relaxed, struct recipe *out, struct recipe_gap *gap);

bool search_is_food(const struct search *s, int j);
/* Sets the column's bounds by whether the candidate is in. */
void search_open(struct search *s, int j);
void search_put(struct search *s, int j, bool in);
int search_group_limit(const struct search *s, int group);
bool search_counts_fit(const struct search *s);
/* The programme's optimum for the current choice plus what the items cost by being there; INFINITY if there is none. */
double search_evaluate(struct search *s);
/* As above for a trial that only counts if it is better than the kept state; INFINITY if it is not. */
double search_evaluate_trial(struct search *s);
/* Makes the state of the last solve the kept one. */
void search_keep(struct search *s, double value);
/* What is used least is tried first when something has to go. */
double search_usage(const struct search *s, int j);
/* The `most` candidates of least rank, in order; INFINITY never. Ties go to the earlier row. Returns how many. */
int search_ranked(const double *rank, int count, int most, int *out);
/* Sets the margins that the kept state needs. True if it must be solved again. */
bool search_adapt_margins(struct search *s);
/* Nutrients that nature would take below 90 % of their minimum more often than z allows. */
int search_fragile_count(const struct search *s, double z);
/* Nothing but margins was given up. */
bool search_only_margins(const struct model_outcome *outcome);

#endif
