#include "rpc/domain/planning/recipe.h"

#include <math.h>
#include <string.h>

double recipe_kcal_per_gram(const struct food *food)
{
	const double *v = food->amount;
	double protein = isnan(v[FOOD_protein_g]) ? 0 : v[FOOD_protein_g],
	       fat = isnan(v[FOOD_fat_g]) ? 0 : v[FOOD_fat_g];
	double carb = isnan(v[FOOD_carb_g]) ? 0 : v[FOOD_carb_g], fibre = isnan(v[FOOD_fibre_g]) ? 0 : v[FOOD_fibre_g];
	return (4 * protein + 9 * fat + 4 * fmax(0, carb - fibre)) / 100;
}

double recipe_kcal(const struct recipe *recipe)
{
	double kcal = 0;
	for (size_t i = 0; i < recipe->count; i++) {
		kcal += recipe->items[i].grams * recipe_kcal_per_gram(&food_table[recipe->items[i].food]);
	}
	return kcal;
}

double recipe_grams(const struct recipe *recipe)
{
	double grams = 0;
	for (size_t i = 0; i < recipe->count; i++) grams += recipe->items[i].grams;
	return grams;
}

static double column_sum(const struct recipe *recipe, enum food_amount amount)
{
	double sum = 0;
	for (size_t i = 0; i < recipe->count; i++) {
		double per_100g = food_table[recipe->items[i].food].amount[amount];
		if (!isnan(per_100g)) sum += per_100g * recipe->items[i].grams / 100;
	}
	return sum;
}

double recipe_amount(const struct recipe *recipe, const struct assessment *a, enum nutrient nutrient,
                     enum bound_side side)
{
	if (nutrient == NUTRIENT_ca_p_ratio) {
		double p = column_sum(recipe, FOOD_p_mg);
		return p > 0 ? column_sum(recipe, FOOD_ca_mg) / p : 0;
	}
	if (nutrient == NUTRIENT_n6_n3_ratio) {
		double n3 =
		    column_sum(recipe, FOOD_ala_g) + column_sum(recipe, FOOD_epa_g) + column_sum(recipe, FOOD_dha_g);
		double n6 = column_sum(recipe, FOOD_la_g) + column_sum(recipe, FOOD_ara_g);
		return n3 > 0 ? n6 / n3 : n6 > 0 ? INFINITY : 0;
	}
	double sum = 0;
	for (size_t i = 0; i < recipe->count; i++) {
		const struct food *f = &food_table[recipe->items[i].food];
		sum += food_content(f, nutrient, a->pet->species, side) * recipe->items[i].grams;
	}
	return sum * 1000 / recipe_kcal(recipe);
}

/* Energy within 0.9 % of the need leaves room inside the 1 % that the checker allows. */
static const double ENERGY_TOLERANCE = 0.009;

bool recipe_keeps_shares(const struct recipe *recipe, double factor)
{
	double total = recipe_grams(recipe);
	for (size_t i = 0; i < recipe->count; i++) {
		const struct food *f = &food_table[recipe->items[i].food];
		bool fixed = f->category == FOOD_SUPPLEMENT || strcmp(f->sub_category, "liver") == 0 ||
		             strcmp(f->sub_category, "predator") == 0;
		/* whole grams may pass a share by less than half of one; liver and supplements are weighed finer */
		if (recipe->items[i].grams > f->max_share * (fixed ? 1 : factor) * total + (fixed ? 0 : 0.49))
			return false;
	}
	return true;
}

bool recipe_keeps_bounds(const struct recipe *recipe, const struct assessment *a, struct recipe_gap *gap)
{
	double kcal = recipe_kcal(recipe), to_need = kcal / a->der_kcal;
	struct recipe_gap worst = { .nutrient = NUTRIENT_COUNT };
	bool keeps = fabs(to_need - 1) <= ENERGY_TOLERANCE;

	if (!keeps) worst.share = fabs(to_need - 1);
	keeps &= recipe_keeps_shares(recipe, recipe->relaxed[RELAX_FOOD_SHARES] ? 1.5 : 1);
	for (enum nutrient n = 0; n < NUTRIENT_COUNT; n++) {
		const struct bound *b = &a->bounds[n];
		if (n == NUTRIENT_biotin_ug) continue; /* no table has figures; the plan says so */
		/* Counted against the energy need as well as against the energy printed: whichever is the harder. */
		double harder_min = nutrient_is_ratio(n) ? 1 : fmin(1, to_need),
		       harder_max = nutrient_is_ratio(n) ? 1 : fmax(1, to_need);
		double low = b->min > 0 ? recipe_amount(recipe, a, n, BOUND_MIN) * harder_min : 0;
		double high = isfinite(b->max) ? recipe_amount(recipe, a, n, BOUND_MAX) * harder_max : 0;
		double missing = b->min > 0 ? 1 - low / b->min : 0, excess = isfinite(b->max) ? high / b->max - 1 : 0;
		double share = fmax(missing, excess);
		if (share <= 0) continue;
		keeps = false;
		if (share > worst.share) {
			worst = (struct recipe_gap){ .nutrient = n,
				                     .side = missing > excess ? BOUND_MIN : BOUND_MAX,
				                     .share = share };
		}
	}
	if (!keeps && gap) *gap = worst;
	return keeps;
}
