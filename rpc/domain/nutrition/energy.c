#include "rpc/domain/nutrition/energy.h"

#include <math.h>

static const double rer_kcal_per_kg = 70;
static const double condition_step = 0.10; /* above ideal weight per score, AAHA 2014 */
static const double families_may_differ = 1.15;

/* Multiples of RER by activity (low, normal, high). AAHA 2021, WSAVA toolkit, SACN5. */
struct factors {
	double neutered[3], intact[3];
};
static const struct factors dog_adult = { { 1.4, 1.6, 2.0 }, { 1.4, 1.8, 2.0 } };
static const struct factors dog_senior = { { 1.2, 1.4, 1.6 }, { 1.4, 1.6, 1.6 } };
/* Active intact cats stay at 1.4: 1.6 would lie 20 % above FEDIAF for active cats. */
static const struct factors cat_adult = { { 1.0, 1.2, 1.4 }, { 1.2, 1.4, 1.4 } };
static const struct factors cat_from_7y = { { 1.0, 1.1, 1.2 }, { 1.0, 1.1, 1.2 } };
static const struct factors cat_from_11y = { { 1.1, 1.25, 1.4 }, { 1.1, 1.25, 1.4 } };
enum { CAT_7_YEARS = 84, CAT_11_YEARS = 132 };
static const double lose_dog = 1.0, lose_cat = 0.8;             /* of RER at ideal weight */
static const double overweight_dog = 1.2, overweight_cat = 1.0; /* score 6: inclined to be fat */
static const double gain_dog = 1.8, gain_cat = 1.4;

/* FEDIAF per kg^0.75 (dog) and kg^0.67 (cat), lowest and highest figure for the activity. */
struct range {
	double low, high;
};
static const struct range fediaf_dog[3] = { { 95, 95 }, { 110, 110 }, { 125, 150 } };
static const struct range fediaf_dog_senior[3] = { { 80, 95 }, { 95, 105 }, { 105, 120 } };
static const struct range fediaf_cat_neutered[3] = { { 52, 75 }, { 75, 100 }, { 100, 100 } };
static const struct range fediaf_cat_intact[3] = { { 75, 100 }, { 75, 100 }, { 100, 100 } };

double energy_rer(double weight_kg) { return rer_kcal_per_kg * pow(weight_kg, 0.75); }

double energy_ideal_weight(double weight_kg, int bcs)
{
	return bcs > 5 ? weight_kg / (1 + condition_step * (bcs - 5)) : weight_kg;
}

double energy_growth_dog(double weight_kg, double adult_weight_kg)
{
	double ratio = fmin(1, weight_kg / adult_weight_kg);
	return (254.1 - 135.0 * ratio) * pow(weight_kg, 0.75);
}

double energy_gestation(enum species species, double weight_kg, int week)
{
	if (species == SPECIES_CAT) return 140 * pow(weight_kg, 0.67);
	return 132 * pow(weight_kg, 0.75) + (week >= 5 ? 26 * weight_kg : 0);
}

double energy_lactation(enum species species, double weight_kg, int litter, int week)
{
	static const double dog_weeks[] = { 0.75, 0.95, 1.1, 1.2 };
	static const double cat_weeks[] = { 0.9, 0.9, 1.2, 1.2, 1.1, 1.0, 0.8 };
	int last = species == SPECIES_DOG ? (int)COUNT(dog_weeks) : (int)COUNT(cat_weeks);
	int at = week < 1 ? 0 : week > last ? last - 1 : week - 1;
	int young = litter > 8 ? 8 : litter;
	if (species == SPECIES_CAT) {
		double per_kg = young < 3 ? 18 : young <= 4 ? 60 : 70;
		double kcal = 100 * pow(weight_kg, 0.67) + per_kg * weight_kg * cat_weeks[at];
		return fmin(kcal, 6 * energy_rer(weight_kg));
	}
	double per_kg = young <= 4 ? 24.0 * young : 96 + 12.0 * (young - 4);
	return fmin(145 * pow(weight_kg, 0.75) + per_kg * weight_kg * dog_weeks[at], 8 * energy_rer(weight_kg));
}

static int activity_index(const struct energy_question *q)
{
	return q->activity < 1 ? 1 : q->activity > 3 ? 2 : q->activity - 1;
}

static double growth_factor(const struct energy_question *q)
{
	if (q->species == SPECIES_CAT) return q->age_months <= 4 ? 2.5 : q->age_months <= 8 ? 2.0 : 1.75;
	if (q->age_months < 4) return 3.0;
	return q->large_breed && q->age_months > 6 ? 1.8 : 2.0;
}

static double adult_factor(const struct energy_question *q)
{
	bool dog = q->species == SPECIES_DOG;
	if (q->aim == AIM_LOSE) return dog ? lose_dog : lose_cat;
	const struct factors *f = dog ? (q->stage == STAGE_SENIOR ? &dog_senior : &dog_adult)
	                          : q->age_months >= CAT_11_YEARS ? &cat_from_11y
	                          : q->age_months >= CAT_7_YEARS  ? &cat_from_7y
	                                                          : &cat_adult;
	double factor = (q->neutered ? f->neutered : f->intact)[activity_index(q)];
	if (q->bcs == 6) factor = fmin(factor, dog ? overweight_dog : overweight_cat);
	/* A disease's figure protects the weight, so it replaces the stage's, whether higher or lower. */
	if (q->condition_factor > 0) factor = q->condition_factor;
	if (q->aim == AIM_GAIN) factor = fmax(factor, dog ? gain_dog : gain_cat);
	return factor;
}

static void fediaf_adult(const struct energy_question *q, double weight_kg, struct energy_answer *out)
{
	int level = activity_index(q);
	bool dog = q->species == SPECIES_DOG;
	struct range range = dog ? (q->stage == STAGE_SENIOR ? fediaf_dog_senior : fediaf_dog)[level]
	                         : (q->neutered ? fediaf_cat_neutered : fediaf_cat_intact)[level];
	if (dog && q->breed_high > 0) range = (struct range){ q->breed_low, q->breed_high };
	double metabolic = pow(weight_kg, dog ? 0.75 : 0.67);
	out->fediaf_low = range.low * metabolic;
	out->fediaf_high = range.high * metabolic;
}

static void answer_growth(const struct energy_question *q, struct energy_answer *out)
{
	out->factor = growth_factor(q);
	out->der_kcal = out->factor * out->rer_kcal;
	if (q->species != SPECIES_DOG) return;
	out->fediaf_low = out->fediaf_high = energy_growth_dog(out->energy_weight_kg, q->adult_weight_kg);
	if (q->large_breed) {
		out->rule = ENERGY_GROWTH_LOWER;
		out->der_kcal = fmin(out->der_kcal, out->fediaf_low);
	} else if (q->adult_weight_known) {
		out->rule = ENERGY_GROWTH;
		out->der_kcal = out->fediaf_low;
	}
}

struct energy_answer energy_need(const struct energy_question *q)
{
	struct energy_answer out = { .rule = ENERGY_FACTOR };
	bool breeding = q->stage == STAGE_GESTATION || q->stage == STAGE_LACTATION;
	/* A pregnant animal's weight is not all her own, and nursing is no time to slim. */
	out.energy_weight_kg = breeding ? q->weight_kg : energy_ideal_weight(q->weight_kg, q->bcs);
	out.rer_kcal = energy_rer(out.energy_weight_kg);
	if (breeding) {
		out.rule = ENERGY_REPRODUCTION;
		out.der_kcal = q->stage == STAGE_GESTATION
		                   ? energy_gestation(q->species, q->weight_kg, q->week)
		                   : energy_lactation(q->species, q->weight_kg, q->litter, q->week);
		out.fediaf_low = out.fediaf_high = out.der_kcal;
	} else if (q->stage == STAGE_GROWTH) {
		answer_growth(q, &out);
	} else {
		out.factor = adult_factor(q);
		out.der_kcal = out.factor * out.rer_kcal;
		if (q->aim == AIM_KEEP) {
			fediaf_adult(q, out.energy_weight_kg, &out);
			if (out.der_kcal > families_may_differ * out.fediaf_high) {
				out.rule = ENERGY_FEDIAF;
				out.der_kcal = out.fediaf_high;
			}
		}
	}
	return out;
}
