/* A spread of pets and their plans, for the tests of the balancer and the texts. */
#ifndef PETFOOD_TESTS_UNIT_PLAN_SET_H
#define PETFOOD_TESTS_UNIT_PLAN_SET_H

#include "rpc/domain/planning/planner.h"

struct pet_row {
	const char *label;
	enum species species;
	const char *breed;
	int age_months;
	double weight_kg;
	const char *health;
	const char *allergens[4]; /* NULL ends */
	const char *dislikes[3];
	int bcs, meals;
	bool same_recipe; /* all weeks alike */
};
extern const struct pet_row pet_rows[];
extern const size_t pet_row_count;

void pet_from_row(const struct pet_row *row, enum lang lang, uint64_t seed, struct pet *out);

struct made_plan {
	struct pet pet;
	struct assessment assessment;
	struct week_theme themes[PLAN_WEEKS];
	Petfood__V1__WeeklyDietPlan *weeks[PLAN_WEEKS];
	Petfood__V1__PlanData *plan;
};
/* Prints what failed. */
bool plan_from_row(struct arena *arena, const struct pet_row *row, enum lang lang, uint64_t seed,
                   struct made_plan *out);

/* The packed message. */
struct str message_bytes(struct arena *arena, const ProtobufCMessage *message);

#endif
