/* The four weeks of a plan at once, each in its own thread and arena, give what they give one after the other. */
#include <pthread.h>

#include "tests/support/check.h"
#include "tests/unit/rpc/domain/planning/balance/plan_set.h"

struct job {
	const struct assessment *assessment;
	const struct week_theme *themes;
	int week;
	struct arena *arena;
	struct str bytes;
};

static void *run(void *argument)
{
	struct job *job = argument;
	struct error err = { 0 };
	Petfood__V1__WeeklyDietPlan *week;
	if (plan_make_week(job->arena, job->assessment, job->themes, job->week, &week, &err)) {
		job->bytes = message_bytes(job->arena, &week->base);
	}
	return NULL;
}

int main(void)
{
	struct arena *arena = arena_create(0);
	struct made_plan made;
	struct job jobs[PLAN_WEEKS];
	pthread_t threads[PLAN_WEEKS];
	if (!CHECK(plan_from_row(arena, &pet_rows[5], LANG_EN, 4, &made))) return 1;
	for (int w = 0; w < PLAN_WEEKS; w++) {
		jobs[w] = (struct job){ &made.assessment, made.themes, w, arena_create(0), STR_NONE };
		CHECK(pthread_create(&threads[w], NULL, run, &jobs[w]) == 0);
	}
	for (int w = 0; w < PLAN_WEEKS; w++) {
		CHECK(pthread_join(threads[w], NULL) == 0);
		CHECK(jobs[w].bytes.len > 0 && str_equal(jobs[w].bytes, message_bytes(arena, &made.weeks[w]->base)));
		arena_destroy(&jobs[w].arena);
	}
	arena_destroy(&arena);
	return check_done("threads_test");
}
