#include "rpc/domain/nutrition/conditions.h"

const struct condition *condition_find(struct str id)
{
	for (size_t i = 0; i < condition_count; i++) {
		if (str_equal(id, str_from(condition_table[i].id))) return &condition_table[i];
	}
	return NULL;
}
