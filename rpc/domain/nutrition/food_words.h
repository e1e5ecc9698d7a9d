/* rpc/domain/nutrition/food_words.h: how people name foods, embedded at build from rpc/domain/data/food_words.csv. */
#ifndef PETFOOD_RPC_DOMAIN_NUTRITION_FOOD_WORDS_H
#define PETFOOD_RPC_DOMAIN_NUTRITION_FOOD_WORDS_H

#include <stddef.h>

#include "rpc/domain/nutrition/nutrients.h"

/* All selectors are for food_selected(). */
struct food_word {
	const char *id; /* "chicken" */
	struct text2 name;
	const char *words_zh, *words_en; /* '|' separated */
	const char *foods;               /* what is meant when it is offered; "" = a food that plans never use */
	const char *avoid;               /* what is left out when it is not wanted; "" = the same as foods */
	const char *allergy;             /* what is left out for an allergy to it; "" = the same as avoid */
	const char *groups; /* allergen groups that an allergy excludes, '|' separated; "" = single foods only */
};
extern const struct food_word food_word_table[];
extern const size_t food_word_count;

static inline const char *food_word_avoid(const struct food_word *w) { return *w->avoid ? w->avoid : w->foods; }
static inline const char *food_word_allergy(const struct food_word *w)
{
	return *w->allergy ? w->allergy : food_word_avoid(w);
}

#endif
