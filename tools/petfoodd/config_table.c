#include "tools/petfoodd/config_table.h"

const struct config_key config_keys[] = {
#define CONFIG_KEY(field, NAME, type, fallback, min, max, secret, doc) \
	{ #NAME, CONFIG_##type, offsetof(struct config, field), fallback, min, max, secret, doc },
	PETFOOD_CONFIG(CONFIG_KEY)
};
const size_t config_key_count = COUNT(config_keys);
