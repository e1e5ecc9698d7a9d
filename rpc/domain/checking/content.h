/* rpc/domain/checking/content.h: what a food holds of a nutrient, by the checker's own reading of the food table's columns.
 * Kept apart from food_content() on purpose: two readings that agree are worth more than one. */
#ifndef PETFOOD_RPC_DOMAIN_CHECKING_CONTENT_H
#define PETFOOD_RPC_DOMAIN_CHECKING_CONTENT_H

#include "rpc/domain/nutrition/foods.h"

/* Per gram, in the nutrient's unit, as counted for that side:
 *   unknown figures count as nothing on both sides;
 *   vitamin A: retinol alone for cats and for every maximum (carotene cannot poison), RAE for the minimum of dogs; 0.3 ug
 *     make one IU; vitamin E: 1 mg natural alpha-tocopherol makes 1.49 IU;
 *   iodine of foods varies widely in nature: half of it counts for a minimum, all of it for a maximum;
 *   taurine for a cat's minimum: only what a supplement brings;
 *   vitamin E for a minimum: each gram of fish or algal oil uses up 10 IU (a negative content).
 * Ratios have no content: 0. */
double content_per_gram(const struct food *food, enum nutrient nutrient, enum species species, enum bound_side side);
/* Whether the table has every figure that the content is made of. */
bool content_is_known(const struct food *food, enum nutrient nutrient, enum species species);
/* Atwater 4/9/4 on protein, fat and digestible carbohydrate (Merrill & Watt 1973), kcal per gram. */
double content_kcal_per_gram(const struct food *food);
/* A column's amount per 100 g, 0 where unknown. */
double content_amount(const struct food *food, enum food_amount column);

#endif
