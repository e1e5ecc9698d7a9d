#include "rpc/domain/nutrition/profiles.h"

#include <string.h>

const struct profile_row *profile_find(const char *standard, const char *profile, enum nutrient nutrient)
{
	for (size_t i = 0; i < profile_row_count; i++) {
		const struct profile_row *row = &profile_table[i];
		if (row->nutrient == nutrient && strcmp(row->standard, standard) == 0 &&
		    strcmp(row->profile, profile) == 0)
			return row;
	}
	return NULL;
}
