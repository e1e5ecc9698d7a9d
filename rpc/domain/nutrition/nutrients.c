#include "rpc/domain/nutrition/nutrients.h"

#define NUTRIENT_ROW(id, unit, zh, en) { #id, #unit, { zh, en } },
const struct nutrient_info nutrient_infos[NUTRIENT_COUNT] = { NUTRIENTS(NUTRIENT_ROW) };

enum nutrient nutrient_by_id(struct str id)
{
	for (int n = 0; n < NUTRIENT_COUNT; n++) {
		if (str_equal(id, str_from(nutrient_infos[n].id))) return (enum nutrient)n;
	}
	return NUTRIENT_COUNT;
}
