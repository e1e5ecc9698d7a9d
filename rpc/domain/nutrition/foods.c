#include "rpc/domain/nutrition/foods.h"

#include <math.h>
#include <string.h>

/* Natural alpha-tocopherol: 1 mg = 1.49 IU (USP). AAFCO's note on fish oil: 10 IU of vitamin E a gram on top. */
static const double vite_iu_per_mg = 1.49;
static const double vite_iu_per_g_fish_oil = 10.0;
/* 1 IU of vitamin A = 0.3 ug of retinol (WHO). */
static const double retinol_ug_per_iu = 0.3;
/* Iodine of foods varies several fold between lots, so only half of a table value is relied on. */
static const double natural_iodine_trusted = 0.5;

/* The columns behind a nutrient: one, or two that are summed. Nutrients that are worked out differently have none. */
struct parts {
	int first, second; /* enum food_amount + 1; 0 = none */
};
static const struct parts nutrient_parts[NUTRIENT_COUNT] = {
#define SINGLE(id) [NUTRIENT_##id] = { FOOD_##id + 1, 0 },
	SINGLE(protein_g) SINGLE(arg_g) SINGLE(his_g) SINGLE(ile_g) SINGLE(leu_g) SINGLE(lys_g) SINGLE(met_g)
	    SINGLE(phe_g) SINGLE(thr_g) SINGLE(trp_g) SINGLE(val_g) SINGLE(fat_g) SINGLE(la_g) SINGLE(ala_g)
	        SINGLE(ara_g) SINGLE(ca_mg) SINGLE(p_mg) SINGLE(k_mg) SINGLE(na_mg) SINGLE(cl_mg) SINGLE(mg_mg)
	            SINGLE(fe_mg) SINGLE(cu_mg) SINGLE(mn_mg) SINGLE(zn_mg) SINGLE(i_ug) SINGLE(se_ug) SINGLE(vitd_iu)
	                SINGLE(vitk_ug) SINGLE(thiamin_mg) SINGLE(riboflavin_mg) SINGLE(niacin_mg)
	                    SINGLE(pantothenic_mg) SINGLE(b6_mg) SINGLE(folate_ug) SINGLE(b12_ug) SINGLE(choline_mg)
	                        SINGLE(taurine_mg) SINGLE(fibre_g)
#undef SINGLE
	                            [NUTRIENT_metcys_g] = { FOOD_met_g + 1, FOOD_cys_g + 1 },
	[NUTRIENT_phetyr_g] = { FOOD_phe_g + 1, FOOD_tyr_g + 1 },
	[NUTRIENT_epadha_g] = { FOOD_epa_g + 1, FOOD_dha_g + 1 },
	[NUTRIENT_vite_iu] = { FOOD_vite_mg + 1, 0 },
	[NUTRIENT_nfe_g] = { FOOD_carb_g + 1, 0 },
};

static double known_or_zero(double amount) { return isnan(amount) ? 0 : amount; }

size_t food_by_id(struct str id)
{
	for (size_t i = 0; i < food_count; i++) {
		if (str_equal(id, str_from(food_table[i].id))) return i;
	}
	return SIZE_MAX;
}

static bool is_fish_oil(const struct food *food)
{
	return (food->category == FOOD_OIL && strcmp(food->sub_category, "fish") == 0) ||
	       (food->category == FOOD_SUPPLEMENT && strcmp(food->sub_category, "omega3") == 0);
}

double food_content(const struct food *food, enum nutrient nutrient, enum species species, enum bound_side side)
{
	const double *amount = food->amount;
	bool supplement = food->category == FOOD_SUPPLEMENT;
	struct parts parts = nutrient_parts[nutrient];
	double per_100g = 0;
	if (parts.first) per_100g += known_or_zero(amount[parts.first - 1]);
	if (parts.second) per_100g += known_or_zero(amount[parts.second - 1]);
	switch (nutrient) {
	case NUTRIENT_vita_iu: {
		double rae = amount[FOOD_vita_rae_ug];
		bool retinol_only = species == SPECIES_CAT || side == BOUND_MAX || isnan(rae);
		per_100g = known_or_zero(retinol_only ? amount[FOOD_retinol_ug] : rae) / retinol_ug_per_iu;
		break;
	}
	case NUTRIENT_vite_iu:
		per_100g *= vite_iu_per_mg;
		if (side == BOUND_MIN && is_fish_oil(food)) per_100g -= 100 * vite_iu_per_g_fish_oil;
		break;
	case NUTRIENT_nfe_g: per_100g = fmax(0, per_100g - known_or_zero(amount[FOOD_fibre_g])); break;
	case NUTRIENT_i_ug:
		if (side == BOUND_MIN && !supplement) per_100g *= natural_iodine_trusted;
		break;
	case NUTRIENT_taurine_mg:
		if (side == BOUND_MIN && species == SPECIES_CAT && !supplement) per_100g = 0;
		break;
	default: break;
	}
	return per_100g / 100;
}

bool food_knows(const struct food *food, enum nutrient nutrient)
{
	const double *amount = food->amount;
	struct parts parts = nutrient_parts[nutrient];
	switch (nutrient) {
	case NUTRIENT_vita_iu: return !isnan(amount[FOOD_vita_rae_ug]) || !isnan(amount[FOOD_retinol_ug]);
	case NUTRIENT_ca_p_ratio: return !isnan(amount[FOOD_ca_mg]) && !isnan(amount[FOOD_p_mg]);
	case NUTRIENT_n6_n3_ratio: return !isnan(amount[FOOD_la_g]) && !isnan(amount[FOOD_ala_g]);
	default: break;
	}
	if (!parts.first) return false; /* biotin: the sources have no figures */
	return !isnan(amount[parts.first - 1]) && (!parts.second || !isnan(amount[parts.second - 1]));
}

static bool selector_holds(const struct food *food, struct str selector)
{
	static const char *const categories[] = {
		"meat",   "organ",     "fish",  "egg", "dairy", "starch",
		"legume", "vegetable", "fruit", "oil", "seed",  "supplement",
	};
	size_t colon = str_find(selector, STR(":"), 0);
	if (colon == SIZE_MAX) return str_equal(selector, str_from(food->id));
	struct str key = { selector.ptr, colon }, value = { selector.ptr + colon + 1, selector.len - colon - 1 };
	const char *own = str_equal(key, STR("category"))   ? categories[food->category]
	                  : str_equal(key, STR("sub"))      ? food->sub_category
	                  : str_equal(key, STR("allergen")) ? food->allergen_group
	                                                    : NULL;
	return own && str_equal(value, str_from(own));
}

bool food_selected(const struct food *food, struct str selectors)
{
	struct str alternatives = selectors, alternative;
	while (str_split(&alternatives, '|', &alternative)) {
		struct str parts = alternative, part;
		bool all = alternative.len > 0;
		while (all && str_split(&parts, '&', &part)) all = selector_holds(food, part);
		if (all) return true;
	}
	return false;
}
