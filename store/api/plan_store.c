#include "store/api/plan_store.h"

const char *plan_pet_type_name(int pet_type) { return pet_type == 1 ? "cat" : pet_type == 2 ? "dog" : "unknown"; }

int plan_pet_type_from(struct str name)
{
	return str_equal(name, STR("cat")) ? 1 : str_equal(name, STR("dog")) ? 2 : 0;
}
