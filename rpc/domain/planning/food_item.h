/* rpc/domain/planning/food_item.h: one line of a meal with its amounts, and what the food is there for. */
#ifndef PETFOOD_RPC_DOMAIN_PLANNING_FOOD_ITEM_H
#define PETFOOD_RPC_DOMAIN_PLANNING_FOOD_ITEM_H

#include "rpc/domain/planning/recipe.h"

/* Copies a text into the arena as the message fields want it. */
char *message_text(struct arena *arena, struct str text);

/* "Brings 62 % of the protein and 48 % of the zinc of the ration": what the item supplies most of, from the day's recipe. No
 * share of a nutrient that other foods of the recipe have no figure for. */
struct str food_item_reason(struct arena *arena, const struct assessment *a, const struct recipe *recipe, size_t item);
/* For the day's later meals: "For protein; see the first meal." */
struct str food_item_reason_again(struct arena *arena, const struct assessment *a, const struct recipe *recipe,
                                  size_t item);

/* The row's amounts for that weight: per 100 g times grams / 100, four decimals, unknown as 0. */
Petfood__V1__FoodItem *food_item_make(struct arena *arena, const struct assessment *a, size_t row, double grams,
                                      struct str reason);

/* The bounds table of a day: every nutrient with a bound or a figure. */
void adequacy_make(struct arena *arena, const struct assessment *a, const struct recipe *recipe,
                   Petfood__V1__WeeklyDietPlan *week);

#endif
