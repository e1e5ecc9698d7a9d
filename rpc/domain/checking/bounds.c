#include "rpc/domain/checking/bounds.h"

#include <math.h>

#include "rpc/domain/nutrition/conditions.h"
#include "rpc/domain/nutrition/profiles.h"

/* Hard ceilings per 1000 kcal, the strictest of AAFCO, NRC 2006 and EU law that holds for the animal. growth: the stricter
 * one for the young and for breeding; INFINITY where the other holds for all. */
static const struct {
	enum nutrient nutrient;
	double dog, cat, growth, large_growth;
} ceilings[] = {
	{ NUTRIENT_ca_mg, 6250, 6250, INFINITY, 4500 },       { NUTRIENT_p_mg, 4000, 4000, INFINITY, INFINITY },
	{ NUTRIENT_na_mg, 3750, 3750, INFINITY, INFINITY },   { NUTRIENT_cl_mg, 5870, 5870, INFINITY, INFINITY },
	{ NUTRIENT_zn_mg, 56.75, 56.75, INFINITY, INFINITY }, { NUTRIENT_cu_mg, 7, 7, INFINITY, INFINITY },
	{ NUTRIENT_fe_mg, 170, 170, INFINITY, INFINITY },     { NUTRIENT_mn_mg, 42.5, 42.5, INFINITY, INFINITY },
	{ NUTRIENT_i_ug, 2000, 2000, 1400, INFINITY },        { NUTRIENT_se_ug, 500, 500, INFINITY, INFINITY },
	{ NUTRIENT_vita_iu, 53000, 66667, 50000, INFINITY },  { NUTRIENT_vitd_iu, 567.5, 750, INFINITY, INFINITY },
	{ NUTRIENT_epadha_g, 2.8, 2.8, INFINITY, INFINITY },  { NUTRIENT_vite_iu, 250, 250, INFINITY, INFINITY },
	{ NUTRIENT_fat_g, 82.5, 82.5, INFINITY, INFINITY },   { NUTRIENT_la_g, 16.3, 13.8, INFINITY, INFINITY },
	{ NUTRIENT_ca_p_ratio, 2, 2, INFINITY, INFINITY },
};

static const double RESTRICTED = 1.1, DENSER_DOG = 1.25, DENSER_CAT = 1.2;
static const double ROOM_ABOVE_FLOOR = 1.1, ROOM_BELOW_MAX = 0.9;

double bounds_density_factor(enum species species, double rer_kcal, double der_kcal)
{
	/* Energies are printed to a tenth: a need of exactly 1.1 times must not slip through by its rounding. */
	if (!(der_kcal <= RESTRICTED * rer_kcal + 0.12)) return 1;
	return species == SPECIES_CAT ? DENSER_CAT : DENSER_DOG;
}

static bool is_raised(enum nutrient n)
{
	return n != NUTRIENT_fat_g && n != NUTRIENT_na_mg && n != NUTRIENT_cl_mg && !nutrient_is_ratio(n);
}

static bool has_condition(const struct document *doc, const char *id)
{
	for (size_t i = 0; i < doc->conditions.count; i++)
		if (str_equal(doc->conditions.items[i], str_from(id))) return true;
	return false;
}

static bool applies(const struct document *doc, const struct condition_target *target)
{
	return (doc->species == SPECIES_CAT ? target->for_cat : target->for_dog) &&
	       has_condition(doc, target->condition);
}

static void profile_apply(const struct document *doc, struct checked_bounds *out)
{
	for (size_t i = 0; i < profile_row_count; i++) {
		const struct profile_row *row = &profile_table[i];
		if (!str_equal(doc->profile, str_from(row->profile)) ||
		    !str_equal(STR("WORKING"), str_from(row->standard)))
			continue;
		out->known = true;
		out->of[row->nutrient].min = row->min;
		out->of[row->nutrient].max = row->max;
	}
}

static void ceilings_apply(const struct document *doc, struct checked_bounds *out)
{
	bool growth = str_find(doc->profile, STR("growth"), 0) != SIZE_MAX;
	bool large = str_equal(doc->profile, STR("dog_growth_large"));
	for (size_t i = 0; i < COUNT(ceilings); i++) {
		double ceiling = doc->species == SPECIES_CAT ? ceilings[i].cat : ceilings[i].dog;
		if (growth) ceiling = fmin(ceiling, ceilings[i].growth);
		if (large) ceiling = fmin(ceiling, ceilings[i].large_growth);
		out->of[ceilings[i].nutrient].ceiling = ceiling;
	}
}

/* The rules of rpc/domain/nutrition/conditions.h, in their order. */
void bounds_derive(const struct document *doc, double density_factor, struct checked_bounds *out)
{
	*out = (struct checked_bounds){ .known = false };
	for (enum nutrient n = 0; n < NUTRIENT_COUNT; n++) out->of[n] = (struct checked_bound){ 0, INFINITY, INFINITY };
	profile_apply(doc, out);
	ceilings_apply(doc, out);
	for (size_t i = 0; i < condition_target_count; i++) {
		const struct condition_target *target = &condition_target_table[i];
		struct checked_bound *bound = &out->of[target->nutrient];
		bool gives_way =
		    !target->firm && target->max < ROOM_ABOVE_FLOOR * bound->min; /* min is still the profile's */
		if (applies(doc, target) && !gives_way) bound->max = fmin(bound->max, target->max);
	}
	for (enum nutrient n = 0; n < NUTRIENT_COUNT; n++) {
		struct checked_bound *bound = &out->of[n];
		double floor = bound->min, below_max = ROOM_BELOW_MAX * fmin(bound->max, bound->ceiling);
		if (is_raised(n)) bound->min = fmax(floor, fmin(floor * density_factor, below_max));
	}
	for (size_t i = 0; i < condition_target_count; i++) {
		const struct condition_target *target = &condition_target_table[i];
		struct checked_bound *bound = &out->of[target->nutrient];
		bool fits = target->min <= ROOM_BELOW_MAX * fmin(bound->max, bound->ceiling);
		if (applies(doc, target) && fits) bound->min = fmax(bound->min, target->min);
	}
}
