/* rpc/domain/nutrition/reading_parts.h: what the files of the reading share. Private to reading*.c.
 * Order of work: cut into words, find the forms that say something of a whole list ("only …", "everything except …", "…
 * makes her itch"), read the other words one by one, then tell which sentences were not fully understood. */
#ifndef PETFOOD_RPC_DOMAIN_NUTRITION_READING_PARTS_H
#define PETFOOD_RPC_DOMAIN_NUTRITION_READING_PARTS_H

#include "rpc/domain/nutrition/reading.h"

/* What a food token came to mean. */
enum verdict {
	VERDICT_NONE,  /* named, and nothing said of it */
	VERDICT_PLAIN, /* said to be harmless: "not allergic to chicken" */
	VERDICT_LIKED,
	VERDICT_AVOIDED,
	VERDICT_ALLERGEN,
	VERDICT_ONLY,   /* nothing else of its kind is eaten */
	VERDICT_SPARED, /* excepted from what is avoided */
};

/* How the words around a form are meant where they do not say so themselves. */
enum polarity { POLARITY_NONE, POLARITY_GOOD, POLARITY_AVOID, POLARITY_ALLERGY, POLARITY_NO_ALLERGY };

/* One entry per token. */
struct forms {
	enum verdict *verdicts; /* of foods in a form; VERDICT_NONE: no form speaks of it */
	bool *taken;            /* read as part of a form: means nothing by itself */
	bool *settled;          /* a word that opens a form and turned out to be used in an ordinary way */
	bool *unclear;          /* a form that was followed only as far as is safe */
	bool only_allergy;      /* what is not among VERDICT_ONLY is an allergen */
};

static inline unsigned token_roles(const struct tokens *tokens, size_t i)
{
	return i < tokens->count ? tokens->items[i].roles : ROLE_STOP;
}
/* Whether a token is one of these words, '|' separated. */
bool token_is(const struct tokens *tokens, size_t i, const char *words);
static inline bool is_boundary(unsigned roles) { return roles & (ROLE_STOP | ROLE_COMMA); }

/* The run of foods that ends just before token i: "chicken and beef allergy", 对鸡肉、牛肉过敏. False if there is none. */
bool food_run_before(const struct tokens *tokens, size_t i, size_t *first);

/* May turn a "but" among the tokens from the end of a clause into an exception. */
void forms_find(struct tokens *tokens, struct arena *arena, enum polarity unsaid, struct forms *out);

/* The stage of a kidney disease may stand words away from it: 肾衰竭已经到晚期. open: per token, whether the words reach it
 * undenied. */
void reading_find_late_stages(struct reading *reading, const struct tokens *tokens, const bool *open);

/* Body condition score, week, litter; text is normalised. What was found before stays. */
void reading_find_numbers(struct reading *reading, struct str text);

#endif
