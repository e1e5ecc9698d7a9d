/* rpc/domain/planning/cooking.h: how a week's recipe is cooked, put together and served. */
#ifndef PETFOOD_RPC_DOMAIN_PLANNING_COOKING_H
#define PETFOOD_RPC_DOMAIN_PLANNING_COOKING_H

#include "rpc/domain/planning/recipe.h"

/* Two dishes: what is cooked around the main food, and what is stirred in. Steps name this week's foods and grams. */
void cooking_dishes(struct arena *arena, const struct assessment *a, const struct recipe *recipe, int week_index,
                    Petfood__V1__WeeklyDietPlan *week);

/* One meal, for its printed portions. first: the meal that the supplements go into. */
struct str cooking_method(struct arena *arena, const struct assessment *a, const struct recipe *recipe,
                          const struct recipe_item *portions, size_t count, bool first);

/* Minerals stand heat and are mixed into the batch; vitamins, oils and taurine are added once it has cooled. */
bool cooking_stands_heat(const struct food *supplement);

#endif
