#include "rpc/domain/checking/content.h"

#include <math.h>
#include <string.h>

/* A nutrient is a sum of up to two columns times a factor. */
#define NO_COLUMN FOOD_AMOUNT_COUNT
struct recipe {
	enum food_amount first, second;
	double factor;
};
#define ONE(column) \
	{ \
		FOOD_##column, NO_COLUMN, 1 \
	}
static const struct recipe recipes[NUTRIENT_COUNT] = {
	[NUTRIENT_protein_g] = ONE(protein_g),
	[NUTRIENT_arg_g] = ONE(arg_g),
	[NUTRIENT_his_g] = ONE(his_g),
	[NUTRIENT_ile_g] = ONE(ile_g),
	[NUTRIENT_leu_g] = ONE(leu_g),
	[NUTRIENT_lys_g] = ONE(lys_g),
	[NUTRIENT_met_g] = ONE(met_g),
	[NUTRIENT_metcys_g] = { FOOD_met_g, FOOD_cys_g, 1 },
	[NUTRIENT_phe_g] = ONE(phe_g),
	[NUTRIENT_phetyr_g] = { FOOD_phe_g, FOOD_tyr_g, 1 },
	[NUTRIENT_thr_g] = ONE(thr_g),
	[NUTRIENT_trp_g] = ONE(trp_g),
	[NUTRIENT_val_g] = ONE(val_g),
	[NUTRIENT_fat_g] = ONE(fat_g),
	[NUTRIENT_la_g] = ONE(la_g),
	[NUTRIENT_ala_g] = ONE(ala_g),
	[NUTRIENT_ara_g] = ONE(ara_g),
	[NUTRIENT_epadha_g] = { FOOD_epa_g, FOOD_dha_g, 1 },
	[NUTRIENT_ca_mg] = ONE(ca_mg),
	[NUTRIENT_p_mg] = ONE(p_mg),
	[NUTRIENT_k_mg] = ONE(k_mg),
	[NUTRIENT_na_mg] = ONE(na_mg),
	[NUTRIENT_cl_mg] = ONE(cl_mg),
	[NUTRIENT_mg_mg] = ONE(mg_mg),
	[NUTRIENT_fe_mg] = ONE(fe_mg),
	[NUTRIENT_cu_mg] = ONE(cu_mg),
	[NUTRIENT_mn_mg] = ONE(mn_mg),
	[NUTRIENT_zn_mg] = ONE(zn_mg),
	[NUTRIENT_i_ug] = ONE(i_ug),
	[NUTRIENT_se_ug] = ONE(se_ug),
	[NUTRIENT_vita_iu] = { FOOD_retinol_ug, NO_COLUMN, 1 / 0.3 }, /* or RAE, see column_of */
	[NUTRIENT_vitd_iu] = ONE(vitd_iu),
	[NUTRIENT_vite_iu] = { FOOD_vite_mg, NO_COLUMN, 1.49 },
	[NUTRIENT_vitk_ug] = ONE(vitk_ug),
	[NUTRIENT_thiamin_mg] = ONE(thiamin_mg),
	[NUTRIENT_riboflavin_mg] = ONE(riboflavin_mg),
	[NUTRIENT_niacin_mg] = ONE(niacin_mg),
	[NUTRIENT_pantothenic_mg] = ONE(pantothenic_mg),
	[NUTRIENT_b6_mg] = ONE(b6_mg),
	[NUTRIENT_folate_ug] = ONE(folate_ug),
	[NUTRIENT_biotin_ug] = { NO_COLUMN, NO_COLUMN, 0 }, /* the table has no figures for it */
	[NUTRIENT_b12_ug] = ONE(b12_ug),
	[NUTRIENT_choline_mg] = ONE(choline_mg),
	[NUTRIENT_taurine_mg] = ONE(taurine_mg),
	[NUTRIENT_nfe_g] = ONE(carb_g), /* less the fibre */
	[NUTRIENT_fibre_g] = ONE(fibre_g),
	[NUTRIENT_ca_p_ratio] = { NO_COLUMN, NO_COLUMN, 0 },
	[NUTRIENT_n6_n3_ratio] = { NO_COLUMN, NO_COLUMN, 0 },
};

double content_amount(const struct food *food, enum food_amount column)
{
	if (column >= FOOD_AMOUNT_COUNT || isnan(food->amount[column])) return 0;
	return food->amount[column];
}

static enum food_amount column_of(enum nutrient nutrient, enum species species, enum bound_side side)
{
	bool carotene_counts = nutrient == NUTRIENT_vita_iu && species == SPECIES_DOG && side == BOUND_MIN;
	return carotene_counts ? FOOD_vita_rae_ug : recipes[nutrient].first;
}

static bool is_marine_oil(const struct food *food)
{
	bool oily_kind = food->category == FOOD_OIL || food->category == FOOD_SUPPLEMENT;
	return oily_kind && (strcmp(food->sub_category, "fish") == 0 || strcmp(food->sub_category, "omega3") == 0);
}

double content_per_gram(const struct food *food, enum nutrient nutrient, enum species species, enum bound_side side)
{
	const struct recipe *recipe = &recipes[nutrient];
	double per_100g =
	    content_amount(food, column_of(nutrient, species, side)) + content_amount(food, recipe->second);
	if (nutrient == NUTRIENT_nfe_g) per_100g = fmax(0, per_100g - content_amount(food, FOOD_fibre_g));
	double amount = per_100g * recipe->factor / 100;
	if (side == BOUND_MAX) return amount;
	bool is_supplement = food->category == FOOD_SUPPLEMENT;
	if (nutrient == NUTRIENT_i_ug && !is_supplement) amount /= 2;
	if (nutrient == NUTRIENT_taurine_mg && species == SPECIES_CAT && !is_supplement) amount = 0;
	if (nutrient == NUTRIENT_vite_iu && is_marine_oil(food)) amount -= 10;
	return amount;
}

bool content_is_known(const struct food *food, enum nutrient nutrient, enum species species)
{
	const struct recipe *recipe = &recipes[nutrient];
	enum food_amount first = column_of(nutrient, species, BOUND_MIN);
	if (first == NO_COLUMN || isnan(food->amount[first])) return false;
	return recipe->second == NO_COLUMN || !isnan(food->amount[recipe->second]);
}

double content_kcal_per_gram(const struct food *food)
{
	double carbohydrate = fmax(0, content_amount(food, FOOD_carb_g) - content_amount(food, FOOD_fibre_g));
	return (4 * content_amount(food, FOOD_protein_g) + 9 * content_amount(food, FOOD_fat_g) + 4 * carbohydrate) /
	       100;
}
