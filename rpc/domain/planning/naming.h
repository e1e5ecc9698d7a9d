/* rpc/domain/planning/naming.h: short names of foods, pets and figures for running text. All in the arena or static. */
#ifndef PETFOOD_RPC_DOMAIN_PLANNING_NAMING_H
#define PETFOOD_RPC_DOMAIN_PLANNING_NAMING_H

#include "rpc/domain/nutrition/foods.h"
#include "rpc/domain/planning/pet.h"

/* The table's name without its bracketed details: "鸡腿肉", "Chicken thigh". */
struct str food_short_name(struct arena *arena, const struct food *food, enum lang lang);
/* As above for the middle of an English sentence: "chicken thigh"; a name that starts with a place or an abbreviation
 * keeps its capital. */
struct str food_inner_name(struct arena *arena, const struct food *food, enum lang lang);
/* A nutrient in the middle of a sentence: "zinc", "vitamin A", "EPA + DHA". */
struct str nutrient_inner_name(struct arena *arena, enum nutrient nutrient, enum lang lang);
/* Any name in the middle of a sentence. */
struct str name_inner(struct arena *arena, struct str name, enum lang lang);
/* "62 g", "7.5 g"; supplements "1.90 g", "0.158 g", below 0.05 g "25.5 mg". */
struct str food_grams_text(struct arena *arena, const struct food *food, double grams);

/* "5 months old", "9 years and 2 months old"; "5 个月大", "9 岁 2 个月". */
struct str age_text(struct arena *arena, int months, enum lang lang);
/* "4.62 kg", "30.0 kg" */
struct str weight_text(struct arena *arena, double kg);
/* The breed in the pet's language where the table knows it, else the owner's own word, else "dog", "猫咪". */
struct str pet_text(struct arena *arena, const struct pet *pet);
/* Growth, gestation, nursing and age stand in the conditions table too, but are no disease. */
bool condition_is_stage(const char *id);
/* A profile's animals: "adult dogs", "成年猫". */
const char *profile_text(const char *profile, enum lang lang);

#endif
