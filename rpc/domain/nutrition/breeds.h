/* rpc/domain/nutrition/breeds.h: breeds and their usual adult weight, embedded at build from rpc/domain/data/breeds.csv.
 * Weights span both sexes of pet lines (breed standards of FCI, AKC and FIFe, rounded). */
#ifndef PETFOOD_RPC_DOMAIN_NUTRITION_BREEDS_H
#define PETFOOD_RPC_DOMAIN_NUTRITION_BREEDS_H

#include <stddef.h>

#include "rpc/domain/nutrition/nutrients.h"

struct breed {
	const char *id; /* "golden_retriever" */
	enum species species;
	struct text2 name;
	const char *aliases;               /* further names, '|' separated; English in lower case */
	double adult_min_kg, adult_max_kg; /* both above 0 */
	double energy_low, energy_high;    /* kcal per kg^0.75 where the breed is known to differ (FEDIAF), else 0 */
	const char *source;
};
extern const struct breed breed_table[];
extern const size_t breed_count;

static inline double breed_adult_kg(const struct breed *breed)
{
	return (breed->adult_min_kg + breed->adult_max_kg) / 2;
}

/* By size of the grown dog. */
enum size_class { SIZE_TOY, SIZE_SMALL, SIZE_MEDIUM, SIZE_LARGE, SIZE_GIANT }; /* up to 4, 10, 25, 45 kg, above */
enum size_class size_class_of(double adult_kg);

/* The breed that a text names, the longest name winning: "Golden Retriever mix", 金毛, 泰迪犬. NULL if none is known. A name that several
 * sizes share ("poodle") is that of the first whose grown dogs reach the weight, overweight ones included; weight_kg 0 = not known:
 * the first in the table, which is the commonest. */
const struct breed *breed_find(enum species species, struct str text, double weight_kg);

#endif
