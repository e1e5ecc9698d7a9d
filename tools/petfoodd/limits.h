/* tools/petfoodd/limits.h: the rate limits of the settings, over the memory driver: one limiter for the RPC server and the bridge of this
 * process. A bridge without the RPC server counts what it answers by itself; the calls are counted where they arrive. */
#ifndef PETFOOD_TOOLS_PETFOODD_LIMITS_H
#define PETFOOD_TOOLS_PETFOODD_LIMITS_H

#include "rpc/wire/limiter.h"
#include "store/api/rate_store.h"
#include "tools/petfoodd/config_table.h"

struct limits {
	bool open;
	struct rate_store store;
	struct rate_rule rules[LIMIT_CLASSES]; /* by enum limit_class */
	struct rate_limiter limiter;           /* points to this struct */
};

void limits_open(const struct config *config, struct limits *out);      /* nothing with RATE_LIMIT_ENABLED=false */
void limits_close(struct limits *limits);                               /* accepts what is not open */
const struct rate_limiter *limits_limiter(const struct limits *limits); /* NULL: nothing is limited */

#endif
