/* A sound plan built from nothing but grams and the food table, so that a test can change one thing and have everything
 * else still agree with it. */
#ifndef PETFOOD_TESTS_UNIT_RPC_DOMAIN_CHECKING_PLAN_FIXTURE_H
#define PETFOOD_TESTS_UNIT_RPC_DOMAIN_CHECKING_PLAN_FIXTURE_H

#include <jansson.h>

#include "rpc/domain/nutrition/foods.h"

enum { FIXTURE_FOODS_MAX = 24, FIXTURE_LIST_MAX = 6 };
struct fixture_food {
	const char *id;
	double grams;  /* a day; the first half of it for breakfast unless it is a supplement */
	double dinner; /* grams that go to the second meal; 0 = all in the first */
};
struct fixture_week {
	struct fixture_food foods[FIXTURE_FOODS_MAX];
	const char *relaxation; /* NULL = none */
};
struct plan_fixture {
	enum species species;
	int age_months;
	double weight_kg, energy_weight_kg, der_factor;
	const char *health_status, *special_requirements;
	const char *allergen, *health_issue; /* NULL = none */
	const char *profile, *language;
	double density_factor;
	bool large_breed, vet_required;
	const char *conditions[FIXTURE_LIST_MAX];
	const char *excluded_food, *excluded_allergen;
	struct fixture_week weeks[4];
};

/* A neutered dog of 10 kg: chicken, beef, pork, fish; a neutered cat of 4 kg: beef and turkey by turns. */
void fixture_dog(struct plan_fixture *out);
void fixture_cat(struct plan_fixture *out);

/* The food of that id in a week (0..3), NULL if none. */
struct fixture_food *fixture_find(struct plan_fixture *f, int week, const char *id);
void fixture_add(struct plan_fixture *f, int week, const char *id, double grams);
void fixture_drop(struct plan_fixture *f, int week, const char *id);

/* The whole document with every printed figure as it should be. The adequacy table's figures come from a first run of the
 * checker over the same grams; what they mean is tested elsewhere against numbers from outside. Caller decrefs. */
json_t *fixture_document(const struct plan_fixture *f);

#endif
