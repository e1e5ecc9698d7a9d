/* tests/property/pet_random.h: pets that could exist, from a seed. Pet i of a seed is always the same one. */
#ifndef PETFOOD_TESTS_PROPERTY_PET_RANDOM_H
#define PETFOOD_TESTS_PROPERTY_PET_RANDOM_H

#include "rpc/domain/planning/pet.h"

struct random_pet {
	struct pet pet;
	const char *condition; /* id that its texts name; NULL = none */
	bool must_be_refused;  /* that condition's diet is a prescription */
};
void pet_random(struct arena *arena, uint64_t seed, uint64_t index, struct random_pet *out);

/* As a body of POST /plans, so that it can be saved and planned again. */
struct str pet_print(struct arena *arena, const struct pet *pet);

#endif
