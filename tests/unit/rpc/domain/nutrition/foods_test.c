/* Foods: the embedded table keeps its ids and is consistent with itself; contents follow the counting rules. */
#include <stdlib.h>

#include "rpc/domain/nutrition/foods.h"
#include "rpc/domain/nutrition/profiles.h"
#include "tests/support/check.h"

static const struct food *food(const char *id)
{
	size_t row = food_by_id(str_from(id));
	if (row == SIZE_MAX) {
		(void)printf("no food %s\n", id);
		exit(1);
	}
	return &food_table[row];
}
static double amount(const struct food *f, enum food_amount a) { return isnan(f->amount[a]) ? 0 : f->amount[a]; }

/* Energy against Atwater, proximates against 100 g, parts against the whole: what a typing error would break. */
static void test_consistency(void)
{
	size_t supplements = 0;
	for (size_t i = 0; i < food_count; i++) {
		const struct food *f = &food_table[i];
		CHECK_ROW(f->id, food_by_id(str_from(f->id)) == i);
		CHECK_ROW(f->id, f->max_share > 0 && f->max_share <= 1 && (f->for_dog || f->for_cat));
		CHECK_ROW(f->id, f->price_tier >= 1 && f->price_tier <= 3);
		for (int a = 0; a < FOOD_AMOUNT_COUNT; a++) CHECK_ROW(f->id, isnan(f->amount[a]) || f->amount[a] >= 0);
		supplements += f->category == FOOD_SUPPLEMENT;
		if (f->category == FOOD_SUPPLEMENT) continue;
		double protein = amount(f, FOOD_protein_g), fat = amount(f, FOOD_fat_g), carb = amount(f, FOOD_carb_g);
		double fibre = amount(f, FOOD_fibre_g), energy = amount(f, FOOD_energy_kcal);
		double atwater = 4 * protein + 9 * fat + 4 * fmax(0, carb - fibre) + 2 * fibre;
		bool low_factors =
		    strcmp(f->sub_category, "fermented") == 0 || strcmp(f->sub_category, "grain_part") == 0;
		CHECK_ROW(f->id, low_factors || fabs(atwater - energy) <= fmax(0.15 * energy, 9));
		CHECK_ROW(f->id,
		          fabs(amount(f, FOOD_water_g) + protein + fat + carb + amount(f, FOOD_ash_g) - 100) <= 5);
		double fatty = amount(f, FOOD_la_g) + amount(f, FOOD_ala_g) + amount(f, FOOD_ara_g) +
		               amount(f, FOOD_epa_g) + amount(f, FOOD_dha_g);
		CHECK_ROW(f->id, fatty <= fat * 1.02 + 0.05);
		CHECK_ROW(f->id, fibre <= carb + 0.5);
		CHECK_ROW(f->id, isnan(f->amount[FOOD_retinol_ug]) || isnan(f->amount[FOOD_vita_rae_ug]) ||
		                     f->amount[FOOD_retinol_ug] <= f->amount[FOOD_vita_rae_ug] * 1.05 + 2);
	}
	CHECK(supplements == 33 && food_count - supplements == 160);
	CHECK(food_by_id(STR("unicorn")) == SIZE_MAX);
}

static void test_content(void)
{
	double liver = food_content(food("beef_liver_cooked"), NUTRIENT_vita_iu, SPECIES_DOG, BOUND_MAX);
	CHECK_NEAR("retinol of beef liver, IU per 100 g", liver * 100, 31427, 150);
	CHECK_NEAR("5 % of a 500 g ration", liver * 25, 7857, 60);
	CHECK(liver * 25 < 53333 * 0.63);
	CHECK_NEAR("a cat gets no vitamin A from carrot",
	           food_content(food("carrot_boiled"), NUTRIENT_vita_iu, SPECIES_CAT, BOUND_MIN), 0, 0);
	CHECK(food_content(food("carrot_boiled"), NUTRIENT_vita_iu, SPECIES_DOG, BOUND_MIN) > 10);
	CHECK_NEAR("carotene never counts against the maximum",
	           food_content(food("carrot_boiled"), NUTRIENT_vita_iu, SPECIES_DOG, BOUND_MAX), 0, 0);
	const struct food *thigh = food("chicken_thigh_cooked"), *salt = food("iodised_salt_cn");
	CHECK_NEAR("half of natural iodine is trusted", food_content(thigh, NUTRIENT_i_ug, SPECIES_DOG, BOUND_MIN) * 2,
	           food_content(thigh, NUTRIENT_i_ug, SPECIES_DOG, BOUND_MAX), 1e-12);
	CHECK_NEAR("declared iodine wholly", food_content(salt, NUTRIENT_i_ug, SPECIES_DOG, BOUND_MIN),
	           food_content(salt, NUTRIENT_i_ug, SPECIES_DOG, BOUND_MAX), 1e-12);
	CHECK_NEAR("meat's taurine does not cover a cat",
	           food_content(thigh, NUTRIENT_taurine_mg, SPECIES_CAT, BOUND_MIN), 0, 0);
	CHECK_NEAR("but counts for a dog", food_content(thigh, NUTRIENT_taurine_mg, SPECIES_DOG, BOUND_MIN), 1.99,
	           0.001);
	CHECK(food_content(food("taurine"), NUTRIENT_taurine_mg, SPECIES_CAT, BOUND_MIN) > 900);
	CHECK_NEAR("fish oil asks for vitamin E",
	           food_content(food("fish_oil_1812"), NUTRIENT_vite_iu, SPECIES_DOG, BOUND_MIN) -
	               food_content(food("fish_oil_1812"), NUTRIENT_vite_iu, SPECIES_DOG, BOUND_MAX),
	           -10, 1e-9);
	CHECK_NEAR("vitamin E softgel, IU per g",
	           food_content(food("vitamin_e_oil"), NUTRIENT_vite_iu, SPECIES_DOG, BOUND_MAX), 1000, 1);
	CHECK_NEAR("met + cys of chicken breast",
	           food_content(food("chicken_breast_cooked"), NUTRIENT_metcys_g, SPECIES_DOG, BOUND_MIN),
	           (0.859 + 0.397) / 100, 1e-12);
	CHECK_NEAR(
	    "NFE of white rice", food_content(food("rice_white_cooked"), NUTRIENT_nfe_g, SPECIES_DOG, BOUND_MIN) * 100,
	    food("rice_white_cooked")->amount[FOOD_carb_g] - food("rice_white_cooked")->amount[FOOD_fibre_g], 1e-9);
	CHECK(!food_knows(thigh, NUTRIENT_biotin_ug) && food_knows(thigh, NUTRIENT_i_ug));
	CHECK(!food_knows(food("chicken_breast_cooked"), NUTRIENT_i_ug));
}

static void test_selectors(void)
{
	static const struct {
		const char *id, *selectors;
		bool selected;
	} rows[] = {
		{ "chicken_liver_cooked", "sub:liver", true },
		{ "chicken_liver_cooked", "allergen:chicken&category:meat", false },
		{ "chicken_thigh_cooked", "allergen:chicken&category:meat", true },
		{ "chicken_thigh_cooked", "category:fish|chicken_thigh_cooked", true },
		{ "chicken_thigh_cooked", "chicken_thigh", false },
		{ "cod_pacific_cooked", "category:fish&sub:oily", false },
		{ "cod_pacific_cooked", "", false },
		{ "cod_pacific_cooked", "colour:white", false },
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		CHECK_ROW(rows[i].selectors,
		          food_selected(food(rows[i].id), str_from(rows[i].selectors)) == rows[i].selected);
}

/* A published chatbot recipe for a dog (OVC Pet Nutrition blog, 2024-09-03), scored as it was printed. */
static void test_chatbot_recipe(void)
{
	static const struct {
		const char *id;
		double grams;
	} recipe[] = {
		{ "chicken_thigh_cooked", 225 }, { "quinoa_cooked", 185 }, { "sweet_potato_boiled", 200 },
		{ "green_beans_boiled", 125 },   { "blueberries", 75 },    { "calcium_carbonate", 1.2 },
		{ "iodised_salt_us", 1.5 },      { "fish_oil_1812", 2.5 },
	};
	double kcal = 0, ca = 0, p = 0, sums[NUTRIENT_COUNT] = { 0 };
	for (size_t i = 0; i < COUNT(recipe); i++) {
		const struct food *f = food(recipe[i].id);
		kcal += f->amount[FOOD_energy_kcal] / 100 * recipe[i].grams;
		for (int n = 0; n < NUTRIENT_COUNT; n++) {
			/* It was scored with the foods' full iodine and without the fish oil's claim on vitamin E. */
			sums[n] +=
			    nutrient_is_ratio((enum nutrient)n)
			        ? 0
			        : food_content(f, (enum nutrient)n, SPECIES_DOG,
			                       n == NUTRIENT_i_ug || n == NUTRIENT_vite_iu ? BOUND_MAX : BOUND_MIN) *
			              recipe[i].grams;
		}
	}
	ca = sums[NUTRIENT_ca_mg];
	p = sums[NUTRIENT_p_mg];
	int below = 0;
	double zinc = 0, vitd = 0, b12 = 0;
	for (int n = 0; n < NUTRIENT_COUNT; n++) {
		const struct profile_row *row = profile_find("AAFCO", "dog_adult", (enum nutrient)n);
		if (!row || !row->min || nutrient_is_ratio((enum nutrient)n)) continue;
		double percent = sums[n] / kcal * 1000 / row->min * 100;
		if (percent < 100) below++;
		if (n == NUTRIENT_zn_mg) zinc = percent;
		if (n == NUTRIENT_vitd_iu) vitd = percent;
		if (n == NUTRIENT_b12_ug) b12 = percent;
	}
	CHECK_NEAR("energy", kcal, 886, 1);
	CHECK(below == 11);
	CHECK_NEAR("Ca:P", ca / p, 0.70, 0.02);
	CHECK_NEAR("zinc", zinc, 40, 1);
	CHECK_NEAR("vitamin D", vitd, 14, 1);
	CHECK_NEAR("B12", b12, 15, 1);
}

int main(void)
{
	test_consistency();
	test_content();
	test_selectors();
	test_chatbot_recipe();
	return check_done("unit_foods");
}
