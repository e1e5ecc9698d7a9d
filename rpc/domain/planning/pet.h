/* rpc/domain/planning/pet.h: what a plan is asked for, as plain values. Everything that may be missing says so. */
#ifndef PETFOOD_RPC_DOMAIN_PLANNING_PET_H
#define PETFOOD_RPC_DOMAIN_PLANNING_PET_H

#include "rpc/domain/nutrition/nutrients.h"

enum { PET_LIST_MAX = 60 };
struct str_list {
	size_t count;
	struct str items[PET_LIST_MAX];
};

enum tristate { UNKNOWN = -1, NO = 0, YES = 1 };
enum activity { ACTIVITY_NOT_SAID = 0, ACTIVITY_LOW = 1, ACTIVITY_NORMAL = 2, ACTIVITY_HIGH = 3 };

/* Texts are borrowed, well-formed UTF-8; .ptr NULL = not said. */
struct pet {
	enum species species;          /* always set: the caller applies the default */
	bool species_said, age_said, weight_said;
	struct str breed;
	int age_months;                /* > 0 */
	double weight_kg;              /* > 0 */
	struct str health_status;
	struct str special_requirements;
	enum tristate neutered;
	int bcs;                       /* 1..9, 0 = not said */
	enum activity activity;
	double expected_adult_weight_kg; /* 0 = not said */
	int meals_per_day;             /* 1..6, 0 = not said */
	struct str_list dislikes, available_foods, allergens, health_issues;
	enum lang lang;                /* of every text in the plan */
	uint64_t seed;                 /* the same seed and pet give the same plan */
};

#endif
