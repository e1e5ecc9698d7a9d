#include "tests/support/plan_make.h"

#include <time.h>

#include "rpc/domain/planning/planner.h"
#include "rpc/json/json.h"

static double thread_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static Petfood__V1__PlanData *make(struct arena *arena, const struct pet *pet, struct plan_made *out)
{
	struct week_theme themes[PLAN_WEEKS];
	Petfood__V1__WeeklyDietPlan *weeks[PLAN_WEEKS];
	Petfood__V1__PlanData *plan = NULL;
	out->stopped_at = PLAN_STEP_ASSESS;
	if (!assess_pet(arena, pet, &out->assessment, &out->err)) return NULL;
	out->stopped_at = PLAN_STEP_THEMES;
	if (!plan_choose_themes(arena, &out->assessment, themes, &out->err)) return NULL;
	out->stopped_at = PLAN_STEP_WEEK;
	for (int w = 0; w < PLAN_WEEKS; w++) {
		out->week = w + 1;
		if (!plan_make_week(arena, &out->assessment, themes, w, &weeks[w], &out->err)) return NULL;
	}
	out->stopped_at = PLAN_STEP_COMPOSE;
	if (!plan_compose(arena, &out->assessment, weeks, &plan, &out->err)) return NULL;
	out->stopped_at = PLAN_STEP_DONE;
	return plan;
}

void plan_make(struct arena *arena, const struct pet *pet, struct plan_made *out)
{
	*out = (struct plan_made){ 0 };
	double start = thread_ms();
	const Petfood__V1__PlanData *plan = make(arena, pet, out);
	out->cpu_ms = thread_ms() - start;
	if (plan) out->json = json_print_arena(arena, &plan->base);
}
