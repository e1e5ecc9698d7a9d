/* Energy: the worked cases of the reference, the rule of the lower family, and that need moves the way it must. */
#include "rpc/domain/nutrition/energy.h"
#include "tests/support/check.h"

static const struct {
	const char *label;
	struct energy_question q;
	double kcal, tolerance;
	enum energy_rule rule;
} rows[] = {
	{ "dog 10 kg neutered",
	  { .species = SPECIES_DOG,
	    .weight_kg = 10,
	    .adult_weight_kg = 10,
	    .age_months = 48,
	    .neutered = true,
	    .activity = 2,
	    .bcs = 5 },
	  630,
	  2,
	  ENERGY_FACTOR },
	{ "dog 10 kg intact",
	  { .species = SPECIES_DOG, .weight_kg = 10, .adult_weight_kg = 10, .age_months = 48, .activity = 2, .bcs = 5 },
	  708.5,
	  1,
	  ENERGY_FACTOR },
	{ "a disease's factor on a lazy dog: the lower family",
	  { .species = SPECIES_DOG,
	    .weight_kg = 10,
	    .adult_weight_kg = 10,
	    .age_months = 48,
	    .activity = 1,
	    .bcs = 5,
	    .condition_factor = 1.6 },
	  534.2,
	  1,
	  ENERGY_FEDIAF },
	{ "cat 4 kg neutered",
	  { .species = SPECIES_CAT,
	    .weight_kg = 4,
	    .adult_weight_kg = 4,
	    .age_months = 48,
	    .neutered = true,
	    .activity = 2,
	    .bcs = 5 },
	  237.6,
	  1,
	  ENERGY_FACTOR },
	{ "large intact cat: the lower family",
	  { .species = SPECIES_CAT, .weight_kg = 9, .adult_weight_kg = 9, .age_months = 48, .activity = 2, .bcs = 5 },
	  435.8,
	  1,
	  ENERGY_FEDIAF },
	{ "large puppy stays lean",
	  { .species = SPECIES_DOG,
	    .stage = STAGE_GROWTH,
	    .weight_kg = 30,
	    .adult_weight_kg = 50,
	    .adult_weight_known = true,
	    .large_breed = true,
	    .age_months = 5,
	    .activity = 2,
	    .bcs = 5 },
	  1794.6,
	  1,
	  ENERGY_GROWTH_LOWER },
	{ "small puppy by the growth equation",
	  { .species = SPECIES_DOG,
	    .stage = STAGE_GROWTH,
	    .weight_kg = 3,
	    .adult_weight_kg = 6,
	    .adult_weight_known = true,
	    .age_months = 5,
	    .activity = 2,
	    .bcs = 5 },
	  425.3,
	  1,
	  ENERGY_GROWTH },
	{ "puppy of unknown size under four months",
	  { .species = SPECIES_DOG,
	    .stage = STAGE_GROWTH,
	    .weight_kg = 3,
	    .adult_weight_kg = 8,
	    .age_months = 3,
	    .activity = 2,
	    .bcs = 5 },
	  478.7,
	  1,
	  ENERGY_FACTOR },
	{ "kitten 1.5 kg",
	  { .species = SPECIES_CAT,
	    .stage = STAGE_GROWTH,
	    .weight_kg = 1.5,
	    .adult_weight_kg = 4,
	    .age_months = 4,
	    .activity = 2,
	    .bcs = 5 },
	  237.1,
	  1,
	  ENERGY_FACTOR },
	{ "dog 25 kg of score 8 slims at RER of 19.2 kg",
	  { .species = SPECIES_DOG,
	    .aim = AIM_LOSE,
	    .weight_kg = 25,
	    .adult_weight_kg = 25,
	    .age_months = 60,
	    .neutered = true,
	    .activity = 2,
	    .bcs = 8 },
	  643,
	  2,
	  ENERGY_FACTOR },
	{ "cat 6 kg of score 8 slims at 0.8 RER",
	  { .species = SPECIES_CAT,
	    .aim = AIM_LOSE,
	    .weight_kg = 6,
	    .adult_weight_kg = 6,
	    .age_months = 60,
	    .neutered = true,
	    .activity = 2,
	    .bcs = 8 },
	  176.5,
	  1.5,
	  ENERGY_FACTOR },
	{ "a disease's figure replaces the stage's",
	  { .species = SPECIES_CAT,
	    .stage = STAGE_SENIOR,
	    .weight_kg = 4.5,
	    .adult_weight_kg = 4.5,
	    .age_months = 150,
	    .neutered = true,
	    .activity = 1,
	    .bcs = 5,
	    .condition_factor = 1.2 },
	  205.4,
	  1,
	  ENERGY_FEDIAF },
	{ "a thin dog gets more",
	  { .species = SPECIES_DOG,
	    .aim = AIM_GAIN,
	    .weight_kg = 10,
	    .adult_weight_kg = 10,
	    .age_months = 48,
	    .neutered = true,
	    .activity = 2,
	    .bcs = 3 },
	  708.5,
	  1,
	  ENERGY_FACTOR },
	{ "lactating dog 20 kg, 6 pups, week 3",
	  { .species = SPECIES_DOG,
	    .stage = STAGE_LACTATION,
	    .weight_kg = 20,
	    .adult_weight_kg = 20,
	    .age_months = 36,
	    .activity = 2,
	    .bcs = 5,
	    .week = 3,
	    .litter = 6 },
	  4011,
	  10,
	  ENERGY_REPRODUCTION },
	{ "gestation, week 7",
	  { .species = SPECIES_DOG,
	    .stage = STAGE_GESTATION,
	    .weight_kg = 20,
	    .adult_weight_kg = 20,
	    .age_months = 36,
	    .activity = 2,
	    .bcs = 5,
	    .week = 7 },
	  1768,
	  3,
	  ENERGY_REPRODUCTION },
};

static void test_rows(void)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct energy_answer a = energy_need(&rows[i].q);
		CHECK_NEAR(rows[i].label, a.der_kcal, rows[i].kcal, rows[i].tolerance);
		CHECK_ROW(rows[i].label, a.rule == rows[i].rule);
	}
}

static void test_parts(void)
{
	CHECK_NEAR("RER 10 kg", energy_rer(10), 393.6, 0.5);
	CHECK_NEAR("RER 4 kg", energy_rer(4), 198.0, 0.5);
	CHECK_NEAR("growth equation 30 of 50 kg", energy_growth_dog(30, 50), 2219, 1);
	CHECK_NEAR("ideal of 25 kg, score 8", energy_ideal_weight(25, 8), 19.2, 0.1);
	CHECK_NEAR("ideal of 6 kg, score 8", energy_ideal_weight(6, 8), 4.62, 0.01);
	CHECK_NEAR("no ideal is guessed below 5", energy_ideal_weight(6, 2), 6, 0);
	CHECK_NEAR("nine pups count as eight", energy_lactation(SPECIES_DOG, 20, 9, 3),
	           energy_lactation(SPECIES_DOG, 20, 8, 3), 0);
	struct energy_answer dog = energy_need(&rows[0].q), cat = energy_need(&rows[3].q);
	CHECK_NEAR("FEDIAF 110 at 10 kg", dog.fediaf_high, 619, 1);
	CHECK_NEAR("FEDIAF 75 at 4 kg", cat.fediaf_low, 190, 1);
	CHECK_NEAR("FEDIAF 100 at 4 kg", cat.fediaf_high, 253, 1);
}

/* What no published method gives, for any animal that can be asked about. */
static void test_limits(void)
{
	for (int species = SPECIES_CAT; species <= SPECIES_DOG; species++)
		for (int stage = STAGE_ADULT; stage <= STAGE_LACTATION; stage++)
			for (int bcs = 1; bcs <= 9; bcs++)
				for (int activity = 1; activity <= 3; activity++)
					for (double kg = 0.2; kg < (species == SPECIES_CAT ? 20 : 120); kg *= 1.7) {
						struct energy_question q = { .species = (enum species)species,
							                     .stage = (enum life_stage)stage,
							                     .aim = bcs >= 7   ? AIM_LOSE
							                            : bcs <= 3 ? AIM_GAIN
							                                       : AIM_KEEP,
							                     .weight_kg = kg,
							                     .adult_weight_kg = kg * 2,
							                     .adult_weight_known = true,
							                     .age_months = 40,
							                     .neutered = bcs % 2,
							                     .activity = activity,
							                     .bcs = bcs,
							                     .week = 4,
							                     .litter = 10 };
						struct energy_answer a = energy_need(&q);
						double factor = a.der_kcal / a.rer_kcal,
						       most = stage >= STAGE_GESTATION ? 8
						              : stage == STAGE_GROWTH  ? 3.7
						                                       : 2.2;
						if (factor < 0.8 - 1e-9 || factor > most)
							(void)printf("species %d stage %d bcs %d activity %d kg %.2f "
							             "factor %.3f\n",
							             species, stage, bcs, activity, kg, factor);
						CHECK(factor >= 0.8 - 1e-9 && factor <= most);
						CHECK(a.energy_weight_kg <= kg &&
						      a.energy_weight_kg >= kg / 1.4 - 1e-9);
						q.neutered = true;
						double neutered = energy_need(&q).der_kcal;
						q.neutered = false;
						/* Falling to the lower family may cost a little, never much. */
						CHECK(energy_need(&q).der_kcal >= 0.95 * neutered);
					}
}

int main(void)
{
	test_rows();
	test_parts();
	test_limits();
	return check_done("unit_energy");
}
