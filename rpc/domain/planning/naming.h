/* rpc/domain/planning/naming.h: short names of foods for running text. */
#ifndef PETFOOD_RPC_DOMAIN_PLANNING_NAMING_H
#define PETFOOD_RPC_DOMAIN_PLANNING_NAMING_H

#include "rpc/domain/nutrition/foods.h"

/* The table's name without its bracketed details: "鸡腿肉", "Chicken thigh". In the arena. */
struct str food_short_name(struct arena *arena, const struct food *food, enum lang lang);
/* As above for the middle of an English sentence: "chicken thigh"; a name that starts with an abbreviation keeps it. */
struct str food_inner_name(struct arena *arena, const struct food *food, enum lang lang);
/* A nutrient in the middle of a sentence: "zinc", "vitamin A", "EPA + DHA". */
struct str nutrient_inner_name(struct arena *arena, enum nutrient nutrient, enum lang lang);
/* "62 g", "7.5 g", "158.3 mg": foods in grams, supplements in milligrams below 10 g. */
struct str food_grams_text(struct arena *arena, const struct food *food, double grams);

#endif
