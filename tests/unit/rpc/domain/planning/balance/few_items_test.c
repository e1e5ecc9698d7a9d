/* Worked case 20: a cat that may have four items only never gets a recipe, whichever four they are; it gets the nutrient that is missing. */
#include "rpc/domain/planning/planner.h"
#include "tests/support/check.h"

static const struct {
	const char *label;
	const char *foods[4];
} rows[] = {
	{ "chicken", { "chicken_thigh_cooked", "taurine", "calcium_carbonate", "iodised_salt_cn" } },
	{ "beef and liver", { "beef_mince95_cooked", "beef_liver_cooked", "taurine", "calcium_carbonate" } },
	{ "salmon and egg", { "salmon_farmed_cooked", "egg_whole_boiled", "taurine", "bone_meal" } },
	{ "pork and pumpkin", { "pork_tenderloin_cooked", "pumpkin_boiled", "taurine", "eggshell_powder" } },
	{ "turkey and kelp", { "turkey_thigh_cooked", "kelp_powder_std", "taurine", "dicalcium_phosphate" } },
};

static void leave_only(struct assessment *a, const char *const foods[4])
{
	for (size_t i = 0; i < food_count; i++) a->food_excluded[i] = true;
	for (size_t k = 0; k < 4; k++) {
		size_t row = food_by_id(str_from(foods[k]));
		if (CHECK_ROW(foods[k], row < food_count)) a->food_excluded[row] = false;
	}
}

int main(void)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena *arena = arena_create(0);
		struct error err;
		struct assessment a;
		struct week_theme themes[PLAN_WEEKS];
		Petfood__V1__WeeklyDietPlan *week = NULL;
		const struct pet pet = { .species = SPECIES_CAT, .species_said = true, .age_said = true, .weight_said = true, .age_months = 48,
			                 .weight_kg = 4, .neutered = YES, .bcs = 5, .activity = ACTIVITY_NORMAL, .meals_per_day = 3,
			                 .lang = LANG_EN, .seed = 20 };
		error_clear(&err);
		CHECK_OK(assess_pet(arena, &pet, &a, &err), &err);
		leave_only(&a, rows[i].foods);
		bool made = plan_choose_themes(arena, &a, themes, &err) && plan_make_week(arena, &a, themes, 0, &week, &err);
		CHECK_ROW(rows[i].label, !made && week == NULL);
		CHECK_ROW(rows[i].label, error_is(&err, "PLAN_INFEASIBLE") && err.param_count > 0);
		arena_destroy(&arena);
	}
	return check_done("few_items_test");
}
