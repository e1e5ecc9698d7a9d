/* rpc/domain/nutrition/lexicon.h: cuts free text in Chinese and English into the words that matter.
 * At each place the longest entry wins, over all tables: 牛油果 is an avocado and no beef, "goat milk" no goat, 糖尿病 no
 * sugar. English entries match whole words, an s or es at the end allowed; case, full-width letters and hyphens do not
 * matter. Pure; a lexicon is for one species and lives in the arena. */
#ifndef PETFOOD_RPC_DOMAIN_NUTRITION_LEXICON_H
#define PETFOOD_RPC_DOMAIN_NUTRITION_LEXICON_H

#include "rpc/domain/nutrition/nutrients.h"

/* What a word does in its sentence. A word may do several things at once. */
enum role {
	ROLE_CONDITION = 1 << 0,  /* a row of condition_table */
	ROLE_SAFETY = 1 << 1,     /* a row of safety_table */
	ROLE_FOOD = 1 << 2,       /* a row of food_word_table */
	ROLE_NEGATION = 1 << 3,   /* no, without, 没有 */
	ROLE_NOTHING = 1 << 4,    /* none, 无: denies what stands before it */
	ROLE_AVOID = 1 << 5,      /* avoid, does not eat, 不吃 */
	ROLE_ALLERGY = 1 << 6,    /* allergic to, 过敏 */
	ROLE_NO_ALLERGY = 1 << 7, /* not allergic to, 不过敏 */
	ROLE_NOT_FOOD = 1 << 8,   /* pollen: what an allergy may be to without being food */
	ROLE_LIKE = 1 << 9,       /* likes, 可以吃 */
	ROLE_CONNECT = 1 << 10,   /* and, or, 和 */
	ROLE_SOFT = 1 << 11,      /* any, kind of, 的: stands anywhere in a list */
	ROLE_LEAD = 1 << 12,      /* has, history of, 对: stands before the first item only */
	ROLE_FREE = 1 << 13,      /* "-free" after a food */
	ROLE_STOP = 1 << 14,      /* end of a clause, or but, 但是 */
	ROLE_COMMA = 1 << 15,
	ROLE_OTHER = 1 << 16,   /* anything else */
	ROLE_ONLY = 1 << 17,    /* only eats, nothing but, 只吃 */
	ROLE_EXCEPT = 1 << 18,  /* except, other than, 除了: stands before what is excepted */
	ROLE_BESIDE = 1 << 19,  /* 以外, 除外: stands after it */
	ROLE_ALL = 1 << 20,     /* everything, 其他 */
	ROLE_ADD = 1 << 21,     /* also, 还: what was excepted is meant too */
	ROLE_EAT = 1 << 22,     /* eats, 吃: no wish by itself */
	ROLE_CAUSE = 1 << 23,   /* makes, upsets */
	ROLE_SYMPTOM = 1 << 24, /* itch, vomits, 拉肚子 */
	ROLE_UPSETS = 1 << 25,  /* disagrees with: cause and symptom in one */
	ROLE_FROM = 1 << 26,    /* after, because of, 一吃: what follows is the cause */
	ROLE_LINK = 1 << 27,    /* 会, 就, 后: between a food and its symptom */
	ROLE_FEW = 1 << 28,     /* a little, 少量 */
	ROLE_LATE = 1 << 29,    /* end stage, 晚期 */
	ROLE_BUT = 1 << 30,     /* but: an exception after "anything", else the end of a clause */
};

enum { TOKEN_ROWS_MAX = 4 };
struct token {
	unsigned roles;
	size_t at, end; /* bytes of tokens.text */
	size_t condition_count, safety_count, food_count;
	size_t conditions[TOKEN_ROWS_MAX], safety[TOKEN_ROWS_MAX], foods[TOKEN_ROWS_MAX]; /* rows of the tables */
};
struct tokens {
	struct str text;      /* normalised: lower case, half width, single spaces */
	const size_t *source; /* for each byte of text its place in what was given, and the given length at the end */
	size_t count;
	struct token *items;
};

struct lexicon; /* opaque */
struct lexicon *lexicon_create(struct arena *arena, enum species species);
struct tokens lexicon_cut(const struct lexicon *lexicon, struct arena *arena, struct str text);

#endif
