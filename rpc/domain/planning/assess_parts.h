/* rpc/domain/planning/assess_parts.h: what the files of the assessment share. Private to assess*.c.
 * Order of work: read the words, find the life stage, gather conditions, energy, bounds, foods, then say what was assumed. */
#ifndef PETFOOD_RPC_DOMAIN_PLANNING_ASSESS_PARTS_H
#define PETFOOD_RPC_DOMAIN_PLANNING_ASSESS_PARTS_H

#include "rpc/domain/nutrition/breeds.h"
#include "rpc/domain/nutrition/conditions.h"
#include "rpc/domain/nutrition/energy.h"
#include "rpc/domain/nutrition/reading.h"
#include "rpc/domain/planning/assess.h"

enum adult_weight_source { ADULT_SAID, ADULT_BREED, ADULT_ESTIMATED, ADULT_GROWN };

struct assess {
	struct arena *arena;
	const struct pet *pet;
	struct assessment *out;
	struct reading words;
	bool *rows_avoided, *rows_offered; /* food_count entries: foods that were named by their very name or id */
	bool offered;                      /* a list of foods at hand was given */
	const struct breed *breed;         /* NULL: not said or not known */
	enum adult_weight_source adult_source;
	double adult_kg;
	bool bcs_from_words; /* "overweight" without a score: 7 was assumed */
	struct energy_question question;
	struct energy_answer energy;
	bool *has; /* condition_count entries */
};

/* assess_words.c: reads every text of the pet and warns of what it could not follow. */
void assess_words(struct assess *s);
/* assess_stage.c: breed, adult weight, life stage, conditions, profile; fills question but for the energy itself. */
void assess_stage(struct assess *s);
/* assess_bounds.c: the rules of rpc/domain/nutrition/conditions.h. Fails where a firm maximum lies below the profile. */
MUST_CHECK bool assess_bounds(struct assess *s, struct error *err);
/* assess_foods.c: what may not be served and what is preferred. */
void assess_foods(struct assess *s);
/* assess_say.c: the sentence on energy, assumptions with their effect, and warnings about stage and veterinarian. */
void assess_say(struct assess *s);

static inline bool assess_is_dog(const struct assess *s) { return s->pet->species == SPECIES_DOG; }
static inline bool assess_is_zh(const struct assess *s) { return s->pet->lang == LANG_ZH; }
static inline const char *assess_in(const struct assess *s, struct text2 text) { return text2_in(text, s->pet->lang); }
bool assess_has(const struct assess *s, const char *condition);

/* zh and en take the same arguments in the same order. A text that is there already, or one too many, is dropped. */
void assess_warn(struct assess *s, const char *zh, const char *en, ...) PRINTF_LIKE(2, 4) PRINTF_LIKE(3, 4);
void assess_assume(struct assess *s, const char *field, double effect_kcal, const char *zh, const char *en, ...)
    PRINTF_LIKE(4, 6) PRINTF_LIKE(5, 6);

#endif
