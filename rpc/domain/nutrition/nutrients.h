/* rpc/domain/nutrition/nutrients.h: the nutrients that plans are computed in. One row each; the ids are those of the
 * profile table (rpc/domain/data/profiles.csv) and of the plan document's adequacy table.
 * Amounts of a food follow its kind of use: as a minimum (what surely is there) or as a maximum (what may be there). */
#ifndef PETFOOD_RPC_DOMAIN_NUTRITION_NUTRIENTS_H
#define PETFOOD_RPC_DOMAIN_NUTRITION_NUTRIENTS_H

#include <stdbool.h>

#include "store/base/str.h"

enum species { SPECIES_CAT = 1, SPECIES_DOG = 2 }; /* numbers of petfood.v1.PetType */
enum lang { LANG_ZH = 0, LANG_EN = 1 };
enum { LANG_COUNT = 2 };

/* A text in both languages; static. */
struct text2 {
	const char *zh;
	const char *en;
};
static inline const char *text2_in(struct text2 t, enum lang lang) { return lang == LANG_EN ? t.en : t.zh; }

/*     id             unit  zh            en */
#define NUTRIENTS(X) \
	X(protein_g,      g,    "蛋白质",     "Protein") \
	X(arg_g,          g,    "精氨酸",     "Arginine") \
	X(his_g,          g,    "组氨酸",     "Histidine") \
	X(ile_g,          g,    "异亮氨酸",   "Isoleucine") \
	X(leu_g,          g,    "亮氨酸",     "Leucine") \
	X(lys_g,          g,    "赖氨酸",     "Lysine") \
	X(met_g,          g,    "蛋氨酸",     "Methionine") \
	X(metcys_g,       g,    "蛋氨酸+胱氨酸", "Methionine + cystine") \
	X(phe_g,          g,    "苯丙氨酸",   "Phenylalanine") \
	X(phetyr_g,       g,    "苯丙氨酸+酪氨酸", "Phenylalanine + tyrosine") \
	X(thr_g,          g,    "苏氨酸",     "Threonine") \
	X(trp_g,          g,    "色氨酸",     "Tryptophan") \
	X(val_g,          g,    "缬氨酸",     "Valine") \
	X(fat_g,          g,    "脂肪",       "Fat") \
	X(la_g,           g,    "亚油酸",     "Linoleic acid") \
	X(ala_g,          g,    "α-亚麻酸",   "Alpha-linolenic acid") \
	X(ara_g,          g,    "花生四烯酸", "Arachidonic acid") \
	X(epadha_g,       g,    "EPA+DHA",    "EPA + DHA") \
	X(ca_mg,          mg,   "钙",         "Calcium") \
	X(p_mg,           mg,   "磷",         "Phosphorus") \
	X(k_mg,           mg,   "钾",         "Potassium") \
	X(na_mg,          mg,   "钠",         "Sodium") \
	X(cl_mg,          mg,   "氯",         "Chloride") \
	X(mg_mg,          mg,   "镁",         "Magnesium") \
	X(fe_mg,          mg,   "铁",         "Iron") \
	X(cu_mg,          mg,   "铜",         "Copper") \
	X(mn_mg,          mg,   "锰",         "Manganese") \
	X(zn_mg,          mg,   "锌",         "Zinc") \
	X(i_ug,           ug,   "碘",         "Iodine") \
	X(se_ug,          ug,   "硒",         "Selenium") \
	X(vita_iu,        iu,   "维生素A",    "Vitamin A") \
	X(vitd_iu,        iu,   "维生素D",    "Vitamin D") \
	X(vite_iu,        iu,   "维生素E",    "Vitamin E") \
	X(vitk_ug,        ug,   "维生素K",    "Vitamin K") \
	X(thiamin_mg,     mg,   "维生素B1",   "Thiamine (B1)") \
	X(riboflavin_mg,  mg,   "维生素B2",   "Riboflavin (B2)") \
	X(niacin_mg,      mg,   "烟酸",       "Niacin (B3)") \
	X(pantothenic_mg, mg,   "泛酸",       "Pantothenic acid (B5)") \
	X(b6_mg,          mg,   "维生素B6",   "Pyridoxine (B6)") \
	X(folate_ug,      ug,   "叶酸",       "Folate") \
	X(biotin_ug,      ug,   "生物素",     "Biotin") \
	X(b12_ug,         ug,   "维生素B12",  "Cobalamin (B12)") \
	X(choline_mg,     mg,   "胆碱",       "Choline") \
	X(taurine_mg,     mg,   "牛磺酸",     "Taurine") \
	X(nfe_g,          g,    "可消化碳水化合物", "Digestible carbohydrate (NFE)") \
	X(fibre_g,        g,    "膳食纤维",   "Dietary fibre") \
	X(ca_p_ratio,     ratio, "钙磷比",    "Ca:P ratio") \
	X(n6_n3_ratio,    ratio, "n-6:n-3",   "n-6:n-3 ratio")

enum nutrient {
#define NUTRIENT_ENUM(id, unit, zh, en) NUTRIENT_##id,
	NUTRIENTS(NUTRIENT_ENUM)
#undef NUTRIENT_ENUM
	NUTRIENT_COUNT
};

struct nutrient_info {
	const char *id;   /* "ca_mg" */
	const char *unit; /* "g", "mg", "ug", "iu", "ratio" */
	struct text2 name;
};
extern const struct nutrient_info nutrient_infos[NUTRIENT_COUNT];

/* NUTRIENT_COUNT if there is none of that id. */
enum nutrient nutrient_by_id(struct str id);
static inline bool nutrient_is_ratio(enum nutrient n) { return n == NUTRIENT_ca_p_ratio || n == NUTRIENT_n6_n3_ratio; }

#endif
