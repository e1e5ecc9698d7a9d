/* rpc/domain/nutrition/profiles.h: what a diet must hold, per 1000 kcal, embedded at build from rpc/domain/data/profiles.csv.
 * Standards:
 *   WORKING  what plans are issued by: AAFCO minima (canned basis) and the strictest sensible maxima
 *   CEILING  maxima that hold for every plan of the profile, whatever is relaxed
 *   AAFCO, FEDIAF, NRC  as published; EU  legal maxima (profile "all")
 * Profiles with WORKING and CEILING rows: dog_adult, dog_growth_repro, dog_late_growth, dog_growth_large, cat_adult,
 * cat_growth_repro. FEDIAF also has dog_adult_active and cat_adult_active (the higher energy intakes). */
#ifndef PETFOOD_RPC_DOMAIN_NUTRITION_PROFILES_H
#define PETFOOD_RPC_DOMAIN_NUTRITION_PROFILES_H

#include <stddef.h>

#include "rpc/domain/nutrition/nutrients.h"

struct profile_row {
	const char *profile;
	const char *standard;
	enum nutrient nutrient;
	double min;         /* 0 = none */
	double max;         /* INFINITY = none */
	const char *source; /* "min AAFCO 2016; max EU legal" */
};
extern const struct profile_row profile_table[];
extern const size_t profile_row_count;

/* NULL if the standard says nothing about it. */
const struct profile_row *profile_find(const char *standard, const char *profile, enum nutrient nutrient);

#endif
