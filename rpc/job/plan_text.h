/* rpc/job/plan_text.h: what the events of a diet plan say, for its owner. Every number in them comes from the step that has just run. */
#ifndef PETFOOD_RPC_JOB_PLAN_TEXT_H
#define PETFOOD_RPC_JOB_PLAN_TEXT_H

#include "rpc/domain/checking/checker.h"
#include "rpc/domain/planning/planner.h"

enum subagent { SUBAGENT_ENERGY, SUBAGENT_FOODS, SUBAGENT_THEMES, SUBAGENT_COUNT };
struct subagent_text {
	struct text2 name; /* shown as task_name */
	struct text2 asks; /* shown as message at the start, and as input_message */
};
extern const struct subagent_text subagent_texts[SUBAGENT_COUNT];

struct str plan_text_assessed(struct arena *arena, const struct assessment *a);
struct str plan_text_energy(struct arena *arena, const struct assessment *a);
struct str plan_text_foods(struct arena *arena, const struct assessment *a);
struct str plan_text_themes(struct arena *arena, enum lang lang, const struct str names[PLAN_WEEKS]);
struct str plan_text_finalizing(struct arena *arena, const struct assessment *a);
struct str plan_text_delegating(struct arena *arena, enum lang lang, int week, struct str theme);
struct str plan_text_dispatching(enum lang lang);
struct str plan_text_week_name(struct arena *arena, enum lang lang, int week);
struct str plan_text_week_planning(struct arena *arena, enum lang lang, int week, struct str theme);
struct str plan_text_week_completed(struct arena *arena, enum lang lang, const Petfood__V1__WeeklyDietPlan *week);
struct str plan_text_gathering(enum lang lang);
struct str plan_text_structuring(enum lang lang);
struct str plan_text_structured(struct arena *arena, enum lang lang, const struct check_report *report);

#endif
