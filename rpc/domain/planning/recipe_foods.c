/* Which foods may go into a week, and how gladly. */
#include "rpc/domain/planning/recipe_model.h"

#include <math.h>
#include <string.h>

/* Least grams per 1000 kcal that are worth a place in the kitchen. */
static const double practical_g[] = {
	[FOOD_MEAT] = 60,  [FOOD_FISH] = 30,   [FOOD_ORGAN] = 8,   [FOOD_EGG] = 40,
	[FOOD_DAIRY] = 30, [FOOD_STARCH] = 60, [FOOD_LEGUME] = 50, [FOOD_VEGETABLE] = 20,
	[FOOD_FRUIT] = 20, [FOOD_OIL] = 1.5,   [FOOD_SEED] = 4,    [FOOD_SUPPLEMENT] = 0,
};
/* Least a day of a supplement: 28 days of it are still 0.01 g on a kitchen's fine scale. */
static const double SUPPLEMENT_LEAST_G = 0.0004;

/* Foods that cost more than their category says: dear, rarely sold, risky at the share a programme would like, or a second
 * form of what another row does better. They stay available for pets that can have little else. */
static const struct habit {
	const char *id;
	double extra;
} habits[] = {
	{ "oyster_eastern_cooked", 4 },
	{ "mussel_blue_cooked", 3 },
	{ "carp_cooked", 3 },
	{ "goat_milk", 2 },
	{ "kefir_lowfat", 2 },
	{ "bakers_yeast_dry", 2.5 },
	{ "beetroot_boiled", 2 },
	{ "parsley_fresh", 2 },
	{ "taro_cooked", 2 },
	{ "yam_cooked", 1 },
	{ "tapioca_pearl_dry", 4 },
	{ "cornstarch", 4 },
	{ "haddock_cooked", 2 },
	{ "pork_kidney_cooked", 2 },
	{ "lamb_kidney_cooked", 2 },
	{ "turkey_liver_cooked", 1 },
	{ "lamb_liver_cooked", 1 },
	{ "lamb_heart_cooked", 2 },
	{ "cranberries", 2 },
	{ "egg_yolk_cooked", 2 },
	{ "egg_white_cooked", 1 },
	{ "quail_egg", 0.7 },
	{ "soybeans_boiled", 2 },
	{ "beef_tongue_cooked", 2 },
	{ "beef_tripe_cooked", 2 },
	{ "tuna_light_canned", 3 },
	{ "wheat_germ_oil", 2 },
	{ "lard", 1 },
	{ "beef_tallow", 1.5 },
	{ "beef_kidney_cooked", 0.8 },
	{ "bone_meal", 1.2 },
	{ "eggshell_powder", 0.5 },
	{ "dl_methionine", 1 },
	{ "selenium_yeast", 1 },
	{ "l_arginine", 2 },
	{ "salt_plain", 0.6 },
	{ "iodised_salt_us", 0.6 },
	{ "calcium_citrate", 1 },
	{ "magnesium_oxide", 0.6 },
	{ "vitamin_b12_1000", 0.6 },
	{ "cod_liver_oil", 1.5 },
	{ "psyllium_husk", 1 },
	{ "potassium_iodide_tab", 0.6 },
	{ "copper_gluconate", 0.3 },
	{ "ferrous_bisglycinate", 0.2 },
	{ "potassium_citrate", 0.4 },
	{ "salmon_oil", 0.4 },
	{ "sardine_oil", 0.4 },
	{ "oats_dry", 1 },
	{ "shiitake_cooked", 0.5 },
	{ "corn_boiled", 0.5 },
	{ "cottage_cheese_dry", 0.5 },
};

/* From this extra on a food is let in only when everything may be given up. */
static const double SELDOM = 2;

static bool food_is_kind(const struct food *food, const char *sub) { return strcmp(food->sub_category, sub) == 0; }
static bool is_one_of(const struct food *food, const char *const ids[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(food->id, ids[i]) == 0) return true;
	}
	return false;
}
#define IS_ONE_OF(food, ids) is_one_of((food), (ids), COUNT(ids))

static bool theme_names(const struct week_theme *theme, size_t row)
{
	for (size_t i = 0; i < theme->main_count; i++) {
		if (theme->mains[i] == row) return true;
	}
	return false;
}

static uint32_t groups_of(const struct food *f, const struct week_theme *theme, size_t row)
{
	static const char *const phosphates[] = { "bone_meal", "dicalcium_phosphate" };
	static const char *const calciums[] = { "calcium_carbonate", "eggshell_powder", "bone_meal",
		                                "calcium_citrate" };
	static const char *const omega3[] = { "fish_oil_1812", "salmon_oil", "sardine_oil", "algal_oil_dha",
		                              "cod_liver_oil" };
	static const char *const potassium[] = { "potassium_chloride", "potassium_citrate" };
	static const char *const magnesium[] = { "magnesium_oxide", "magnesium_citrate" };
	uint32_t g = 0;
#define IN(group) (g |= 1u << (group))
	switch (f->category) {
	case FOOD_MEAT: IN(GROUP_ANIMAL), IN(GROUP_MAIN); break;
	case FOOD_FISH: IN(GROUP_ANIMAL), IN(GROUP_MAIN), IN(GROUP_FISH); break;
	case FOOD_ORGAN: IN(GROUP_ANIMAL), IN(GROUP_ORGAN); break;
	case FOOD_EGG: IN(GROUP_ANIMAL), IN(GROUP_EGG); break;
	case FOOD_DAIRY: IN(GROUP_ANIMAL), IN(GROUP_DAIRY); break;
	case FOOD_STARCH: IN(GROUP_STARCH); break;
	case FOOD_LEGUME:
	case FOOD_SEED: IN(GROUP_SEED); break;
	case FOOD_VEGETABLE: IN(GROUP_VEGETABLE); break;
	case FOOD_FRUIT: IN(GROUP_FRUIT); break;
	case FOOD_OIL: IN(GROUP_OIL); break;
	case FOOD_SUPPLEMENT: IN(GROUP_SUPPLEMENT); break;
	}
	if (theme_names(theme, row)) IN(GROUP_THEME_MAIN);
	if (f->category == FOOD_FISH && food_is_kind(f, "oily")) IN(GROUP_OILY_FISH);
	if (f->category == FOOD_ORGAN && food_is_kind(f, "liver")) IN(GROUP_LIVER);
	if (IS_ONE_OF(f, calciums)) IN(GROUP_CALCIUM);
	if (IS_ONE_OF(f, phosphates)) IN(GROUP_PHOSPHATE);
	if (IS_ONE_OF(f, omega3)) IN(GROUP_OMEGA3);
	if (IS_ONE_OF(f, potassium)) IN(GROUP_POTASSIUM);
	if (IS_ONE_OF(f, magnesium)) IN(GROUP_MAGNESIUM);
	if (f->category == FOOD_SUPPLEMENT && food_is_kind(f, "salt")) IN(GROUP_SALT);
	if (f->category == FOOD_SUPPLEMENT && food_is_kind(f, "iodine")) IN(GROUP_IODINE);
#undef IN
	return g;
}

/* splitmix64's finaliser */
double model_hash01(uint64_t seed, uint64_t a, uint64_t b)
{
	uint64_t z = seed + 0x9E3779B97F4A7C15u * (a * 1000003u + b + 1);
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static double habit_of(const struct food *f)
{
	for (size_t i = 0; i < COUNT(habits); i++) {
		if (strcmp(habits[i].id, f->id) == 0) return habits[i].extra;
	}
	return 0;
}

static double item_cost(const struct assessment *a, size_t row, int week_index)
{
	const struct food *f = &food_table[row];
	double cost = f->category == FOOD_SUPPLEMENT                         ? 1.3
	              : f->category == FOOD_MEAT || f->category == FOOD_FISH ? 0.9
	                                                                     : 1.0;
	cost += habit_of(f);
	cost += 0.1 * (f->price_tier - 1);
	/* The same foods every week would be dull: each vegetable, fruit, egg and oil has a week in which it is cheap. */
	if (f->category == FOOD_VEGETABLE || f->category == FOOD_FRUIT || f->category == FOOD_OIL ||
	    f->category == FOOD_SEED) {
		int home = (int)(model_hash01(a->pet->seed, row, 77) * PLAN_WEEKS);
		if (home != week_index) cost += 0.5;
	}
	cost += 0.2 * model_hash01(a->pet->seed, row, 100 + (uint64_t)week_index);
	if (a->food_preferred[row]) cost -= 0.8;
	return fmax(cost, 0.1);
}

bool recipe_may_serve(const struct assessment *a, size_t row)
{
	const struct food *f = &food_table[row];
	bool flesh = f->category == FOOD_MEAT || f->category == FOOD_FISH || f->category == FOOD_ORGAN;
	if (a->food_excluded[row]) return false;
	if (a->pet->species == SPECIES_DOG ? !f->for_dog : !f->for_cat) return false;
	/* raw meat and the like are in the table for look-up only: plans are written in cooked weights */
	return !(flesh && strcmp(f->state, "raw") == 0);
}

/* An elimination trial proves something only if nothing else could be the cause: one animal, one starch, and what no
 * allergy is known to. Liver, heart and fat of the same animal are the same protein source; eggs and milk are not. */
static bool fits_single_protein(const struct food *f, const struct week_theme *theme, size_t row)
{
	if (f->category == FOOD_EGG || f->category == FOOD_DAIRY) return false;
	if (theme_names(theme, row) || row == theme->starch || strcmp(f->allergen_group, "none") == 0) return true;
	bool same_animal = f->category == FOOD_ORGAN || f->category == FOOD_OIL || f->category == FOOD_SUPPLEMENT;
	return same_animal && strcmp(f->allergen_group, food_table[theme->mains[0]].allergen_group) == 0;
}

/* wide: also what is seldom worth it, and mains that the theme does not name. */
static bool is_candidate(const struct assessment *a, const struct week_theme *theme, size_t row, bool wide)
{
	const struct food *f = &food_table[row];
	if (!recipe_may_serve(a, row)) return false;
	if (!wide && habit_of(f) >= SELDOM && !a->food_preferred[row] && !theme_names(theme, row) &&
	    row != theme->starch)
		return false;
	if (a->single_protein && !fits_single_protein(f, theme, row)) return false;
	if (f->category == FOOD_STARCH) return row == theme->starch;
	if (f->category == FOOD_MEAT || f->category == FOOD_FISH) {
		if (theme_names(theme, row)) return true;
		if (wide) return true;
		/* a little oily fish or shellfish for its vitamins does not make it the week's main */
		return f->category == FOOD_FISH && f->max_share <= 0.15;
	}
	return true;
}

/* A supplement is there for a nutrient, not for its grams: no more of it than twice what meets its best minimum. */
static void cap_supplements(struct model *m)
{
	enum species species = m->a->pet->species;
	for (int j = 0; j < m->count; j++) {
		struct candidate *c = &m->candidates[j];
		double best = 0;
		if (!(c->groups >> GROUP_SUPPLEMENT & 1)) continue;
		for (enum nutrient n = 0; n < NUTRIENT_COUNT; n++) {
			const struct bound *b = &m->a->bounds[n];
			const struct food *f = &food_table[c->food];
			if (nutrient_is_ratio(n)) continue;
			if (b->min > 0)
				best = fmax(best, food_content(f, n, species, BOUND_MIN) / b->min);
			else if (isfinite(b->max))
				best = fmax(best, 2 * food_content(f, n, species, BOUND_MAX) / b->max);
		}
		if (best > 0) c->most_g = fmin(c->most_g, 2 / best);
	}
}

void candidates_collect(struct model *m, int week_index, bool wide)
{
	const struct assessment *a = m->a;
	m->candidates = arena_new_array(m->arena, struct candidate, food_count);
	m->count = 0;
	for (size_t row = 0; row < food_count; row++) {
		if (!is_candidate(a, m->theme, row, wide)) continue;
		const struct food *f = &food_table[row];
		struct candidate *c = &m->candidates[m->count++];
		bool supplement = f->category == FOOD_SUPPLEMENT;
		c->food = row;
		c->groups = groups_of(f, m->theme, row);
		c->practical_g = supplement ? SUPPLEMENT_LEAST_G * 1000 / a->der_kcal : practical_g[f->category];
		c->most_g = fmin(f->max_share * 1400, 1200);
		c->practical_g = fmin(c->practical_g, 0.6 * f->max_share * 700);
		c->item_cost = item_cost(a, row, week_index);
		c->gram_cost = supplement ? 0.02 : f->category == FOOD_OIL ? 0.01 : 0.0006 * f->price_tier;
		/* the theme's own, and taurine for a cat: food figures for it are too poor to do without */
		c->locked = theme_names(m->theme, row) || (a->pet->species == SPECIES_DOG && row == m->theme->starch) ||
		            (a->pet->species == SPECIES_CAT && strcmp(f->id, "taurine") == 0);
		c->second_main = (f->category == FOOD_MEAT || f->category == FOOD_FISH) && f->max_share > 0.15 &&
		                 !theme_names(m->theme, row);
		if (c->second_main) c->item_cost += 25;
	}
	cap_supplements(m);
}
