/* rpc/domain/planning/sources.h: where a bound comes from, in the owner's words. */
#ifndef PETFOOD_RPC_DOMAIN_PLANNING_SOURCES_H
#define PETFOOD_RPC_DOMAIN_PLANNING_SOURCES_H

#include "rpc/domain/planning/assess.h"

/* "minimum: AAFCO 2016 (adult cats) x 1.20, because it eats little; maximum: early kidney disease (SACN5)". Empty for a nutrient
 * without bounds. */
struct str source_text(struct arena *arena, const struct assessment *a, enum nutrient nutrient);

#endif
