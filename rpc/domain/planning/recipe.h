/* rpc/domain/planning/recipe.h: which foods, and how many grams of each a day, so that a week keeps every bound.
 * The grams come from a linear programme in grams per 1000 kcal; which foods are in it is searched with the programme's
 * own prices, never with integer programming. Deterministic. Method: Larsen-type home recipes need every mineral as an
 * item of its own, so the item count is part of the objective; see recipe_search.c. */
#ifndef PETFOOD_RPC_DOMAIN_PLANNING_RECIPE_H
#define PETFOOD_RPC_DOMAIN_PLANNING_RECIPE_H

#include "rpc/domain/planning/planner.h"

enum { RECIPE_ITEMS_MAX = 14 };

/* What was given up, in this order, before a week worked. Bounds, exclusions and counts above RECIPE_ITEMS_MAX never are. */
enum relaxation {
	RELAX_MARGINS,     /* safety margins above a minimum or below a maximum */
	RELAX_ITEMS,       /* up to 14 items, 10 of them supplements */
	RELAX_SHARES,      /* shares of food groups, smallest practical portions */
	RELAX_SECOND_MAIN, /* a second meat or fish beside the theme's */
	RELAX_TARGETS,     /* palatable protein, the aimed-at calcium to phosphorus band */
	RELAX_FOOD_SHARES, /* one food's share up to 1.5 times its usual most */
	RELAX_COUNT
};

struct recipe_item {
	size_t food;  /* row of food_table */
	double grams; /* a day, as printed */
};
struct recipe {
	size_t count;
	struct recipe_item items[RECIPE_ITEMS_MAX]; /* foods by weight, then supplements by weight */
	bool relaxed[RELAX_COUNT];
	bool margin_short[NUTRIENT_COUNT]; /* whose margin was shortened */
	bool
	    fragile; /* natural variation may take a nutrient below 90 % of its minimum more often than one time in twenty */
};

/* What stood in the way. */
enum { GAP_OTHERS_MAX = 3 };
struct recipe_gap {
	enum nutrient nutrient; /* NUTRIENT_COUNT: not a nutrient but the shape of the ration */
	enum bound_side side;
	double share; /* of the bound that is missing or too much */
	int solves;   /* linear programmes solved */
	size_t other_count; /* further nutrients whose bounds gave way in the same solution, the worst first */
	struct {
		enum nutrient nutrient;
		enum bound_side side;
		double share;
	} others[GAP_OTHERS_MAX];
};

/* kcal per gram, Atwater 4/9/4 on protein, fat and digestible carbohydrate (Merrill & Watt 1973). */
double recipe_kcal_per_gram(const struct food *food);

/* Whether this pet may get the row at all: excluded foods, the other animal's foods and raw weights may not. */
bool recipe_may_serve(const struct assessment *a, size_t row);

/* A recipe for one day of that week, already rounded to what a kitchen can weigh: foods from 20 g to 1 g, smaller ones to
 * 0.1 g, supplements to 0.1 mg; recomputed after rounding. False: none was found, *gap says what was missing most. */
enum recipe_effort {
	RECIPE_STRICT, /* gives up margins and the smaller item count only */
	RECIPE_RELAXED /* everything that may be given up */
};
bool recipe_find(struct arena *arena, const struct assessment *a, const struct week_theme *theme, int week_index,
                 enum recipe_effort effort, struct recipe *out, struct recipe_gap *gap);

/* What must be given up if the theme may use any number of items: a lower bound, and cheap. */
struct recipe_outlook {
	double missing; /* of bounds, summed; 0 = the theme may work */
	bool relaxed;   /* more than margins must be given up */
	struct recipe_gap gap;
};
struct recipe_outlook recipe_outlook(struct arena *arena, const struct assessment *a, const struct week_theme *theme,
                                     enum recipe_effort effort);

/* Amount per 1000 kcal of the printed grams, as counted for that side; a ratio: itself. */
double recipe_amount(const struct recipe *recipe, const struct assessment *a, enum nutrient nutrient,
                     enum bound_side side);
double recipe_kcal(const struct recipe *recipe);
double recipe_grams(const struct recipe *recipe);
/* Whether every food is within its own share, times `factor` for those whose share is not a matter of safety. */
bool recipe_keeps_shares(const struct recipe *recipe, double factor);
/* True if every bound and every food's own share holds for the printed grams. Else *gap names the worst. */
bool recipe_keeps_bounds(const struct recipe *recipe, const struct assessment *a, struct recipe_gap *gap);

#endif
