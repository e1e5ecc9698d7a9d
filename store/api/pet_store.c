#include "store/api/pet_store.h"

static const char *const gender_names[] = { NULL, "male", "female", "" };

const char *pet_gender_name(int gender)
{
	return gender > 0 && (size_t)gender < COUNT(gender_names) ? gender_names[gender] : NULL;
}

int pet_gender_from(struct str name)
{
	for (size_t i = 1; name.ptr && i < COUNT(gender_names); i++)
		if (str_equal(name, str_from(gender_names[i]))) return (int)i;
	return 0;
}
