/* rpc/domain/planning/recipe_model.h: the linear programme behind a recipe. Unit of every food: grams per 1000 kcal.
 * Rows are scaled by their bound, so that a slack of 0.05 is 5 % of it. Every row may give way at a price, which makes
 * the programme solvable for any choice of foods; the prices order what gives way first (enum relaxation), and what
 * never may costs so much that a recipe with such a slack is refused. Private to recipe*.c. */
#ifndef PETFOOD_RPC_DOMAIN_PLANNING_RECIPE_MODEL_H
#define PETFOOD_RPC_DOMAIN_PLANNING_RECIPE_MODEL_H

#include <stdint.h>

#include "rpc/domain/planning/lp.h"
#include "rpc/domain/planning/recipe.h"

/* Groups of foods with limits on their number or share. A food may be in several. */
enum food_group {
	GROUP_ANIMAL,
	GROUP_MAIN,
	GROUP_THEME_MAIN,
	GROUP_FISH,
	GROUP_OILY_FISH,
	GROUP_ORGAN,
	GROUP_LIVER,
	GROUP_EGG,
	GROUP_DAIRY,
	GROUP_STARCH,
	GROUP_VEGETABLE,
	GROUP_FRUIT,
	GROUP_SEED,
	GROUP_OIL,
	GROUP_SUPPLEMENT,
	GROUP_CALCIUM,
	GROUP_PHOSPHATE,
	GROUP_SALT,
	GROUP_IODINE,
	GROUP_POTASSIUM,
	GROUP_MAGNESIUM,
	GROUP_OMEGA3,
	GROUP_COUNT
};

struct candidate {
	size_t food;
	double practical_g; /* least, once it is in */
	double most_g;
	double item_cost; /* of being in at all; an ordinary food is 1 */
	double gram_cost;
	uint32_t groups;  /* bit per enum food_group */
	bool locked;      /* the theme's */
	bool second_main; /* a main that the theme does not name */
};

struct slack {
	int column;
	enum relaxation kind;   /* RELAX_COUNT: never given way */
	enum nutrient nutrient; /* NUTRIENT_COUNT: shape */
	enum bound_side side;
};
enum { MODEL_SLACKS_MAX = 480, MODEL_LOOSE_MAX = 240 };

struct model {
	struct arena *arena;
	const struct assessment *a;
	const struct week_theme *theme;
	int count;
	struct candidate *candidates;
	double *low[NUTRIENT_COUNT];  /* per candidate: share of the minimum that one gram brings; NULL: no minimum */
	double *high[NUTRIENT_COUNT]; /* per candidate: share of the maximum */
	double aim[NUTRIENT_COUNT];   /* wanted multiple of the minimum */
	struct lp *lp;
	int *column;                                               /* per candidate */
	int row_low[NUTRIENT_COUNT], slack_margin[NUTRIENT_COUNT]; /* -1: none */
	int energy_off[2]; /* columns: kcal too little, too much; shut until rounding */
	int loose_count;   /* share rows that rounding may pass by a part of a gram */
	struct {
		int row;
		enum bound_side side;
	} loose[MODEL_LOOSE_MAX];
	int slack_count;
	struct slack slacks[MODEL_SLACKS_MAX];
};

/* Fills model->candidates (recipe_foods.c). */
void candidates_collect(struct model *model, int week_index, bool wide);
/* Collects the foods that may be used and builds the programme. `wide` also admits mains that the theme does not name and
 * foods that are seldom worth it. False if the theme's main or nothing at all may be used. */
bool model_build(struct model *model, struct arena *arena, const struct assessment *a, const struct week_theme *theme,
                 int week_index, bool wide);
void model_fini(struct model *model);

/* The wanted multiple of a minimum; takes effect at the next solve. */
void model_set_aim(struct model *model, enum nutrient nutrient, double aim);
/* Lets energy off by what weighing to whole grams costs, and shares by that many grams a day (negative: tightens them). */
void model_open_for_rounding(struct model *model, double share_g);
/* Whether the groups keep their shares of these grams (per candidate and day) within what rounding may cost. */
bool model_keeps_groups(const struct model *model, const double *grams);
/* The usual aims: multiples of a minimum and of a maximum, 1 = none. */
double model_aim_low(enum nutrient nutrient);
double model_aim_high(enum nutrient nutrient, enum species species);
/* What gave way at the last solve. */
struct model_outcome {
	bool solved;
	double objective;
	double hard;             /* sum of slacks that never may be */
	double margins;          /* sum of shortened margins, each as a share of its bound */
	struct recipe_gap worst; /* the largest of them */
	bool relaxed[RELAX_COUNT];
};
void model_outcome(const struct model *model, bool solved, struct model_outcome *out);

/* 0..1 from three numbers: spreads choices over weeks and seeds without keeping state. */
double model_hash01(uint64_t seed, uint64_t a, uint64_t b);

/* How many of a group's members a recipe may hold. */
int group_most(enum food_group group);

#endif
