/* rpc/domain/planning/advice.h: the texts of a plan for its owner, in the plan's language, with this pet's own figures. */
#ifndef PETFOOD_RPC_DOMAIN_PLANNING_ADVICE_H
#define PETFOOD_RPC_DOMAIN_PLANNING_ADVICE_H

#include "rpc/domain/planning/recipe.h"

/* Transition: how much of the new food this week, in percent and grams. */
struct str advice_principle(struct arena *arena, const struct assessment *a, const struct recipe *recipe,
                            int week_index);
/* What is special about this week for this pet. */
struct str advice_note(struct arena *arena, const struct assessment *a, const struct recipe *recipe, int week_index);
/* Fills the week's suggestions: weighing, water, storage, supplements, treats, condition. */
void advice_suggestions(struct arena *arena, const struct assessment *a, const struct recipe *recipe, int week_index,
                        Petfood__V1__WeeklyDietPlan *week);
/* Fills the names of the steps that were given up. */
void advice_relaxations(struct arena *arena, const struct assessment *a, const struct recipe *recipe,
                        Petfood__V1__WeeklyDietPlan *week);
/* The plan's advice as one text: how to start, what to watch, when to see a veterinarian. */
struct str advice_plan(struct arena *arena, const struct assessment *a,
                       Petfood__V1__WeeklyDietPlan *const weeks[PLAN_WEEKS]);

/* "每日 133 g 鸡腿肉" of the week's main foods. */
struct str advice_mains(struct arena *arena, const struct assessment *a, const struct recipe *recipe);
/* Share of the new food in that week, percent. */
int advice_new_food_percent(const struct assessment *a, int week_index);

#endif
