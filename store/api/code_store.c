#include "store/api/code_store.h"

static const struct {
	enum code_purpose purpose;
	const char *name;
} purposes[] = { { CODE_REGISTER, "register" }, { CODE_PASSWORD_RESET, "password_reset" } };

const char *code_purpose_name(enum code_purpose purpose)
{
	for (size_t i = 0; i < COUNT(purposes); i++)
		if (purposes[i].purpose == purpose) return purposes[i].name;
	return NULL;
}

enum code_purpose code_purpose_from(struct str name)
{
	for (size_t i = 0; i < COUNT(purposes); i++)
		if (str_equal(name, str_from(purposes[i].name))) return purposes[i].purpose;
	return 0;
}
