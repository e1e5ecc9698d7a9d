/* tests/support/plan_make.h: a pet's whole plan in this process, from assessment to the printed document. For tests and
 * measurements; the daemon does the same as steps of a task. */
#ifndef PETFOOD_TESTS_SUPPORT_PLAN_MAKE_H
#define PETFOOD_TESTS_SUPPORT_PLAN_MAKE_H

#include "rpc/domain/planning/assess.h"

enum plan_step { PLAN_STEP_ASSESS, PLAN_STEP_THEMES, PLAN_STEP_WEEK, PLAN_STEP_COMPOSE, PLAN_STEP_DONE };

struct plan_made {
	enum plan_step stopped_at; /* PLAN_STEP_DONE: json is set; else err says why */
	int week;                  /* 1..4 where a week failed */
	struct error err;
	struct assessment assessment; /* valid beyond PLAN_STEP_ASSESS */
	struct str json;
	double cpu_ms; /* of this thread, all steps without the printing */
};

/* pet is borrowed by out->assessment. */
void plan_make(struct arena *arena, const struct pet *pet, struct plan_made *out);

#endif
