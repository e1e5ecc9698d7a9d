/* rpc/domain/planning/dosing.h: how a kitchen weighs the supplements of a day. A 0.01 g scale shows 0.05 g with an error of a
 * tenth, so anything smaller is weighed for 28 days at once and stretched, and what would be too small even then is diluted
 * first (REFERENCE section 6). Cooking steps, meals and suggestions all speak from here, so that they agree. */
#ifndef PETFOOD_RPC_DOMAIN_PLANNING_DOSING_H
#define PETFOOD_RPC_DOMAIN_PLANNING_DOSING_H

#include "rpc/domain/planning/recipe.h"

enum dosing {
	DOSING_DAILY,  /* 0.05 g a day and more: the day's amount on the scale */
	DOSING_BATCH,  /* 28 days' amount at once, all such powders stretched to one mix */
	DOSING_DILUTE, /* 28 days are below 0.1 g: one tablet, or 0.1 g, diluted on its own */
};
enum dosing dosing_of(const struct recipe_item *item);

/* A mix and the part of it that a day takes, grams. */
struct dosing_mix {
	double active_g;  /* of the supplement that goes in: a whole tablet, 0.1 g or 28 days' amount */
	double carrier_g; /* flour or oil to add */
	double daily_g;
	bool tablet; /* active_g is one tablet */
	bool oil;    /* stretched with oil, not flour */
};
/* For DOSING_DILUTE, and for oils of DOSING_BATCH, which no flour takes up. */
struct dosing_mix dosing_mix_of(const struct recipe_item *item);

/* "碳酸钙粉 1.58 g、矿物质混合粉 0.50 g": what a day takes of the recipe's supplements that stand heat, or of the others; in
 * words of a scale. Empty if there are none. */
struct str dosing_day(struct arena *arena, const struct assessment *a, const struct recipe *recipe, bool stands_heat);
/* How the mixes of that kind are made, one sentence each; at most DOSING_STEPS_MAX, *count of them. */
enum { DOSING_STEPS_MAX = RECIPE_ITEMS_MAX };
void dosing_steps(struct arena *arena, const struct assessment *a, const struct recipe *recipe, bool stands_heat,
                  struct str out[DOSING_STEPS_MAX], size_t *count);
/* In short for the suggestions: which are weighed day by day, which for 28 days, which are diluted. Empty without any. */
struct str dosing_summary(struct arena *arena, const struct assessment *a, const struct recipe *recipe);

#endif
