/* rpc/domain/planning/planner.h: from an assessment to four weeks whose numbers are true. Pure; deterministic for a given
 * pet and seed; one call per step of the task, so that a finished step can be kept as a checkpoint (packed message).
 * All memory in the arena. May be called from several threads at once with different arenas. */
#ifndef PETFOOD_RPC_DOMAIN_PLANNING_PLANNER_H
#define PETFOOD_RPC_DOMAIN_PLANNING_PLANNER_H

#include "petfood/v1/plan_data.pb-c.h"
#include "rpc/domain/planning/assess.h"

enum { PLAN_WEEKS = 4, THEME_MAINS_MAX = 3 };

/* What a week is built around. Chosen for all four weeks at once, so that mains differ where the pet allows. */
struct week_theme {
	size_t mains[THEME_MAINS_MAX]; /* rows of food_table */
	size_t main_count;
	size_t starch;                 /* row, or SIZE_MAX for none */
	struct str name;               /* "鸡腿肉 + 白米饭" */
};

/* Fails: CANCELLED/TASK_CANCELLED once a->stopped says so. */
static inline bool plan_go_on(const struct assessment *a, struct error *err)
{
	return !a->stopped || !a->stopped(a->stopped_self) ||
	       error_set(err, RPC_CANCELLED, "TASK_CANCELLED", "planning was stopped");
}

/* Fails: FAILED_PRECONDITION/PLAN_INFEASIBLE with the parameter `why` if no main food is left; as plan_go_on. */
MUST_CHECK bool plan_choose_themes(struct arena *arena, const struct assessment *a, struct week_theme out[PLAN_WEEKS],
                                   struct error *err);

/* Solves, rounds and writes one week, week_index 0..3. If the theme cannot be made to work, tries others that no other week
 * uses first. Fails: FAILED_PRECONDITION/PLAN_INFEASIBLE with `nutrient` and `why`; as plan_go_on. */
MUST_CHECK bool plan_make_week(struct arena *arena, const struct assessment *a, const struct week_theme themes[PLAN_WEEKS],
                               int week_index, Petfood__V1__WeeklyDietPlan **out, struct error *err);

/* Puts four weeks together with advice, basis, assumptions and warnings. */
MUST_CHECK bool plan_compose(struct arena *arena, const struct assessment *a,
                             Petfood__V1__WeeklyDietPlan *const weeks[PLAN_WEEKS], Petfood__V1__PlanData **out,
                             struct error *err);

#endif
