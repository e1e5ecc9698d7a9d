/* rpc/domain/nutrition/safety.h: foods and requests that harm, as people write them, embedded at build from
 * rpc/domain/data/safety.csv. Sources: Cortinovis & Caloni 2016, Front Vet Sci 3:26; ASPCA people-foods list; Merck Veterinary
 * Manual; NRC 2006; FEDIAF. Matched in free text by rpc/domain/nutrition/reading.h. */
#ifndef PETFOOD_RPC_DOMAIN_NUTRITION_SAFETY_H
#define PETFOOD_RPC_DOMAIN_NUTRITION_SAFETY_H

#include <stddef.h>

#include "rpc/domain/nutrition/nutrients.h"

enum safety_severity { SAFETY_INFO, SAFETY_LOW, SAFETY_MODERATE, SAFETY_HIGH, SAFETY_SEVERE };
enum safety_action {
	SAFETY_EXCLUDE, /* never served in any form */
	SAFETY_COOK,    /* only cooked: the plan cooks it */
	SAFETY_LIMIT,   /* the balancer doses it; a wish for more is not followed */
	SAFETY_WARN,    /* the part of the wish is refused or explained */
};

struct safety_rule {
	const char *id; /* "allium" */
	bool for_dog, for_cat;
	enum safety_severity severity;
	enum safety_action action;
	struct text2 name;
	const char *keywords_zh, *keywords_en; /* '|' separated */
	const char *harmless_zh, *harmless_en; /* phrases that hold a keyword and mean something else; "" = none */
	const char *foods;   /* food_selected() selectors that are left out when it is asked for; "" = none */
	struct text2 reason; /* one sentence for the owner */
	const char *source;
};
extern const struct safety_rule safety_table[];
extern const size_t safety_rule_count;

#endif
