/* rpc/domain/planning/themes.h: mains and starches that may carry a week, in the order in which they are tried. */
#ifndef PETFOOD_RPC_DOMAIN_PLANNING_THEMES_H
#define PETFOOD_RPC_DOMAIN_PLANNING_THEMES_H

#include "rpc/domain/planning/planner.h"

enum { THEMES_MAX = 48 };

/* Every main that this pet may get, best first, each with the starch that suits it best. */
struct theme_list {
	size_t count;
	struct week_theme themes[THEMES_MAX];
};
void themes_list(struct arena *arena, const struct assessment *a, struct theme_list *out);
/* Foods of one kind count as the same main: chicken thigh and breast, cod and tilapia. */
const char *theme_kind(const struct week_theme *theme);
bool theme_equal(const struct week_theme *a, const struct week_theme *b);

#endif
