/* rpc/domain/planning/monitoring.h: what this pet's weight should do, and when its food must change. One rule per pet, said in
 * the same words wherever the plan speaks of weighing. Figures: REFERENCE section 7 (AAHA 2021 on slimming and weighing); gain of
 * breeding animals: Small Animal Clinical Nutrition, 5th edition. */
#ifndef PETFOOD_RPC_DOMAIN_PLANNING_MONITORING_H
#define PETFOOD_RPC_DOMAIN_PLANNING_MONITORING_H

#include "rpc/domain/planning/assess.h"

enum weight_aim {
	WEIGHT_HOLD,
	WEIGHT_DRIFT, /* a little heavy: fed for the ideal weight, not slimmed */
	WEIGHT_LOSE,
	WEIGHT_GAIN, /* thin */
	WEIGHT_GROW,
	WEIGHT_CARRY, /* pregnant */
	WEIGHT_NURSE,
};
enum weight_aim monitoring_aim(const struct assessment *a);

/* How often to weigh, what is right, what is wrong and what to change then; `grams` is the day's food at the full amount. */
struct str monitoring_rule(struct arena *arena, const struct assessment *a, double grams);
/* What the weight should do, as one short sentence without a rule: "It should lose about 0.04 kg a week." */
struct str monitoring_goal(struct arena *arena, const struct assessment *a);

#endif
