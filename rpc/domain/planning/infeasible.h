/* rpc/domain/planning/infeasible.h: why no week could be made, in words that an owner can act on. */
#ifndef PETFOOD_RPC_DOMAIN_PLANNING_INFEASIBLE_H
#define PETFOOD_RPC_DOMAIN_PLANNING_INFEASIBLE_H

#include "rpc/domain/planning/recipe.h"

/* Always false, with FAILED_PRECONDITION/PLAN_INFEASIBLE and the parameters
 *   why         what cannot be met, which list of the owner's is the cause, what would help; a sentence or two in pet->lang
 *   nutrient    names of the nutrients; absent where it is the shape of the ration or no meat is left
 *   candidates  foods that would help; absent if none is known
 * theme may be NULL: no main food is left. The cause is found by assessing the pet again without one list of the owner's at
 * a time and asking the linear programme whether the theme then works. */
bool infeasible_say(struct arena *arena, const struct assessment *a, const struct week_theme *theme,
                    const struct recipe_gap *gap, struct error *err);

#endif
