/* rpc/domain/nutrition/foods.h: the food table, embedded at build from rpc/domain/data/foods.csv.
 * Figures: USDA SR28 (2016, public domain), ANSES-CIQUAL 2020 (iodine, chloride; open licence with attribution), taurine
 * and supplements as the row's source says. All amounts per 100 g as eaten; NAN = unknown. */
#ifndef PETFOOD_RPC_DOMAIN_NUTRITION_FOODS_H
#define PETFOOD_RPC_DOMAIN_NUTRITION_FOODS_H

#include <stddef.h>

#include "rpc/domain/nutrition/nutrients.h"

/* The amounts of a row, in the order of the table's columns. */
#define FOOD_AMOUNTS(X) \
	X(energy_kcal) X(water_g) X(protein_g) X(fat_g) X(carb_g) X(fibre_g) X(ash_g) X(ca_mg) X(p_mg) X(k_mg) X(na_mg) \
	X(cl_mg) X(mg_mg) X(fe_mg) X(zn_mg) X(cu_mg) X(mn_mg) X(se_ug) X(i_ug) X(vita_iu) X(vita_rae_ug) X(retinol_ug) \
	X(vitd_iu) X(vitd_ug) X(vite_mg) X(vitk_ug) X(thiamin_mg) X(riboflavin_mg) X(niacin_mg) X(pantothenic_mg) \
	X(b6_mg) X(folate_ug) X(b12_ug) X(choline_mg) X(vitc_mg) X(la_g) X(ala_g) X(ara_g) X(epa_g) X(dha_g) X(arg_g) \
	X(his_g) X(ile_g) X(leu_g) X(lys_g) X(met_g) X(cys_g) X(phe_g) X(tyr_g) X(thr_g) X(trp_g) X(val_g) X(taurine_mg) \
	X(cholesterol_mg)

enum food_amount {
#define FOOD_AMOUNT_ENUM(id) FOOD_##id,
	FOOD_AMOUNTS(FOOD_AMOUNT_ENUM)
#undef FOOD_AMOUNT_ENUM
	FOOD_AMOUNT_COUNT
};

enum food_category {
	FOOD_MEAT, FOOD_ORGAN, FOOD_FISH, FOOD_EGG, FOOD_DAIRY, FOOD_STARCH, FOOD_LEGUME, FOOD_VEGETABLE, FOOD_FRUIT,
	FOOD_OIL, FOOD_SEED, FOOD_SUPPLEMENT,
};

struct food {
	const char *id;            /* "chicken_thigh_cooked"; row id of the reference table, never renamed */
	struct text2 name;
	enum food_category category;
	const char *sub_category;  /* "liver", "oily", "grain", … */
	const char *state;         /* "raw", "cooked_boiled", "as_is", … */
	bool for_dog, for_cat;
	double max_share;          /* of the ration as fed, 0..1 */
	const char *allergen_group; /* "chicken", "none", … */
	int price_tier;            /* 1 cheap .. 3 dear */
	double raw_g_per_100g;     /* raw or dry weight for 100 g as eaten; NAN where it is eaten as bought */
	const char *source;        /* "USDA SR28 05098" */
	double me_kcal;            /* Atwater 4/9/4 on protein, fat and NFE, per 100 g */
	double amount[FOOD_AMOUNT_COUNT];
};
extern const struct food food_table[];
extern const size_t food_count;

/* SIZE_MAX if there is none of that id. */
size_t food_by_id(struct str id);

enum bound_side { BOUND_MIN, BOUND_MAX };
/* Content per gram in the nutrient's unit as counted for a bound (REFERENCE section 3): unknown counts as nothing;
 * cats get no vitamin A from carotene; upper limits of vitamin A count retinol only; only half of a food's natural
 * iodine counts towards the minimum; for cats only the supplement counts towards the taurine minimum; fish oil asks for
 * 10 IU of vitamin E a gram on top (a negative content). Not for ratios. */
double food_content(const struct food *food, enum nutrient nutrient, enum species species, enum bound_side side);
/* False where the table has no figure for it. */
bool food_knows(const struct food *food, enum nutrient nutrient);

/* True if the food is named by a list of selectors, separated by '|': an id, or "category:meat", "sub:liver",
 * "allergen:beef" (the row's own category, sub_category or allergen_group); "a&b" asks for both. The tables of conditions, safety rules and
 * food words name foods in this way. */
bool food_selected(const struct food *food, struct str selectors);

#endif
