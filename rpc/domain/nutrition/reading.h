/* rpc/domain/nutrition/reading.h: what an owner's words ask for, after negation: "no kidney disease" is none, 不吃鱼 leaves
 * fish out, 对鸡肉过敏 is an allergy to chicken, "without onion" is satisfied already. Pure.
 *
 * A negation covers the items that follow it in its clause as long as they are joined by connecting words. Over a comma it
 * goes on to a further food ("avoid beef, lamb and dairy"), but to a further disease only if the list is closed by "or",
 * "and", 和 …: "no kidney disease, diabetes" leaves the diabetes standing, because a missed disease is the worse mistake. */
#ifndef PETFOOD_RPC_DOMAIN_NUTRITION_READING_H
#define PETFOOD_RPC_DOMAIN_NUTRITION_READING_H

#include "rpc/domain/nutrition/lexicon.h"

/* What a text is about where it does not say so itself. */
enum { READING_UNCLEAR_MAX = 8 };
enum reading_topic {
	READ_TEXT,      /* running text */
	READ_ALLERGENS, /* an item of an allergen list */
	READ_DISLIKES,  /* an item of a list of what is not eaten */
	READ_OFFERED,   /* an item of a list of foods at hand */
};

/* What was found, summed over all texts that were read into it. Arrays have one entry per table row. */
struct reading {
	bool *conditions; /* said to be there */
	bool *safety;     /* asked for, not forbidden */
	bool *foods_avoided;
	bool *foods_allergen;
	bool *foods_liked; /* READ_TEXT only */
	bool
	    *foods_only; /* "only eats duck", "everything except duck" of what is refused: others of its kind are out */
	bool *foods_spared;   /* "no fish except salmon": left in although their kind is avoided */
	bool only_allergy;    /* to whatever is not among foods_only */
	bool *foods_offered;  /* READ_OFFERED only */
	bool nursing;         /* lactation rather than gestation */
	bool allergy_unnamed; /* an allergy was said, but to nothing that is known */
	bool understood;      /* of the last text: some word of it was known */
	size_t
	    unclear_count; /* sentences on an allergy, a refusal or "only" that were not followed in full, as written */
	struct str unclear[READING_UNCLEAR_MAX];
	int bcs;    /* "BCS 7", 体况评分7; 0 = not said */
	int week;   /* of gestation or lactation; 0 = not said */
	int litter; /* number of young; 0 = not said */
};

/* Texts are borrowed: reading.unclear points into them. */
void reading_init(struct reading *reading, struct arena *arena);
void reading_add(struct reading *reading, const struct lexicon *lexicon, struct arena *arena, struct str text,
                 enum reading_topic topic);

#endif
