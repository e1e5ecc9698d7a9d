/* rpc/domain/checking/screen.h: the checker's own eye for names that must not stand in a plan, and its own reading of what a
 * pet is allergic to. A short second table beside the planner's (rpc/domain/data/safety.csv): it holds what must never be
 * served, whoever proposed it; doses and limits are the nutrient rules' affair.
 * Sources: Cortinovis & Caloni 2016, Front Vet Sci 3:26; ASPCA people-foods list; Merck Veterinary Manual. */
#ifndef PETFOOD_RPC_DOMAIN_CHECKING_SCREEN_H
#define PETFOOD_RPC_DOMAIN_CHECKING_SCREEN_H

#include "store/base/str.h"

/* The kind of poison that a name of a food or dish speaks of ("allium"), NULL if none. "sugar-free", 不含木糖醇 and the like
 * are not held against it. English or Chinese, any case. */
const char *screen_name(struct str name);
/* The same for running text, where a sentence that warns ("never add onion", 切勿加葱) is no recipe: a
 * negation before the word in the same sentence excuses it. */
const char *screen_text(struct str text);

/* A set of allergen groups of the food table, in the order in which they were found. */
enum { SCREEN_GROUPS_MAX = 32 };
struct screen_groups {
	size_t count;
	const char *groups[SCREEN_GROUPS_MAX];
};
bool screen_groups_has(const struct screen_groups *set, const char *group);
/* Adds the groups that a word of an allergen list names: "chicken", 鸡肉 (all poultry and egg, which share the proteins). */
void screen_allergen(struct str word, struct screen_groups *set);
/* Adds what running text says an allergy to, or what makes the pet ill: only clauses that do not deny it. An exception
 * ("allergic to everything except duck") adds all other animals. */
void screen_allergy_text(struct str text, struct screen_groups *set);

#endif
