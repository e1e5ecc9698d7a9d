#include "rpc/domain/nutrition/reading.h"

#include <string.h>

#include "rpc/domain/nutrition/conditions.h"
#include "rpc/domain/nutrition/food_words.h"
#include "rpc/domain/nutrition/foods.h"
#include "rpc/domain/nutrition/safety.h"

/* Unknown words that may stand between a negation and its first item: "avoid at all cost chicken". */
enum { GAP_MAX = 4 };

/* How the item that is read next is meant. */
enum mood {
	MOOD_PLAIN,
	MOOD_LIKED,  /* after likes, 喜欢: plain, but a food is a wish */
	MOOD_DENIED, /* after no, without, 没有 */
	MOOD_AVOIDED,
	MOOD_ALLERGIC,
	MOOD_UNALLERGIC, /* after "not allergic to" */
};
/* What a food token came to mean. */
enum verdict { VERDICT_NONE, VERDICT_LIKED, VERDICT_AVOIDED, VERDICT_ALLERGEN };

struct reader {
	struct reading *out;
	const struct tokens *tokens;
	enum mood mood, mood_between; /* now; after a clause ends */
	bool seen;                    /* an item was met since the mood began */
	int gap;
	enum verdict *verdicts; /* per token; later words of a clause may change it */
	bool *denied;           /* per token: not asked for, so no safety rule is broken */
};

void reading_init(struct reading *reading, struct arena *arena)
{
	*reading = (struct reading){
		.conditions = arena_new_array(arena, bool, condition_count),
		.safety = arena_new_array(arena, bool, safety_rule_count),
		.foods_avoided = arena_new_array(arena, bool, food_word_count),
		.foods_allergen = arena_new_array(arena, bool, food_word_count),
		.foods_liked = arena_new_array(arena, bool, food_word_count),
		.foods_offered = arena_new_array(arena, bool, food_word_count),
	};
}

static unsigned roles_at(const struct reader *r, size_t i)
{
	return i < r->tokens->count ? r->tokens->items[i].roles : ROLE_STOP;
}
static bool is_open(enum mood mood) { return mood == MOOD_PLAIN || mood == MOOD_LIKED; }
static bool is_boundary(unsigned roles) { return roles & (ROLE_STOP | ROLE_COMMA); }

static void mood_set(struct reader *r, enum mood mood)
{
	r->mood = mood;
	r->seen = false;
	r->gap = 0;
}

/* "kidney disease: none", 过敏：无 */
static bool is_denied_after(const struct reader *r, size_t i)
{
	size_t next = i + 1;
	while (roles_at(r, next) & ROLE_LEAD) next++;
	return next < r->tokens->count && (roles_at(r, next) & ROLE_NOTHING) && is_boundary(roles_at(r, next + 1));
}

/* "no supplements" holds its own negation: it is no item of a list that is denied. */
static bool says_its_own_no(size_t rule) { return strcmp(safety_table[rule].id, "remove_supplement") == 0; }
static bool is_whole_wish(const struct reader *r, size_t i)
{
	const struct token *token = &r->tokens->items[i];
	return token->safety_count && says_its_own_no(token->safety[0]);
}

/* Whether the list goes on after a comma, so that the mood does too. */
static bool list_goes_on(const struct reader *r, size_t comma)
{
	size_t next = comma + 1;
	while (roles_at(r, next) & (ROLE_CONNECT | ROLE_SOFT)) next++;
	unsigned roles = roles_at(r, next);
	if (next >= r->tokens->count || is_whole_wish(r, next)) return false;
	if (next > comma + 1 && (roles_at(r, comma + 1) & ROLE_CONNECT) &&
	    (roles & (ROLE_FOOD | ROLE_CONDITION | ROLE_SAFETY)))
		return true;
	if (roles & (ROLE_FOOD | ROLE_SAFETY)) {
		size_t after = next + 1;
		while (roles_at(r, after) & (ROLE_FOOD | ROLE_SOFT | ROLE_CONNECT)) after++;
		return is_boundary(roles_at(r, after)) || after >= r->tokens->count;
	}
	if (!(roles & ROLE_CONDITION)) return false;
	for (size_t i = next + 1; i < r->tokens->count; i++) { /* items and commas only, up to a closing "or" */
		unsigned rest = roles_at(r, i);
		if (rest & ROLE_CONNECT) return (roles_at(r, i + 1) & (ROLE_CONDITION | ROLE_SOFT | ROLE_LEAD)) != 0;
		if (!(rest & (ROLE_CONDITION | ROLE_COMMA | ROLE_SOFT))) return false;
	}
	return false;
}

/* The run of foods that ends just before token i: "chicken and beef allergy", 对鸡肉、牛肉过敏. False if there is none. */
static bool run_before(const struct reader *r, size_t i, size_t *first)
{
	bool found = false;
	while (i-- > 0) {
		unsigned roles = roles_at(r, i);
		if (roles & (ROLE_FOOD | ROLE_NOT_FOOD | ROLE_SAFETY)) {
			*first = i;
			found = true;
		} else if (!(roles & (ROLE_CONNECT | ROLE_SOFT)) && (found || !(roles & ROLE_LEAD))) {
			break;
		}
	}
	return found;
}

static void run_judge(struct reader *r, size_t first, size_t end, enum verdict verdict)
{
	for (size_t k = first; k < end; k++) {
		if (roles_at(r, k) & ROLE_FOOD) r->verdicts[k] = verdict;
		r->denied[k] = true;
	}
}

static void on_allergy(struct reader *r, size_t i)
{
	size_t first = 0;
	bool denied = r->mood == MOOD_DENIED, named_before = run_before(r, i, &first);
	r->out->understood = true;
	if (named_before) {
		/* "no chicken allergy", 没有鸡肉过敏: the negation meant the allergy */
		bool negated = denied || (first && roles_at(r, first - 1) & ROLE_NEGATION) || is_denied_after(r, i);
		run_judge(r, first, i, negated ? VERDICT_NONE : VERDICT_ALLERGEN);
		/* "chicken allergy: …" names it twice at most; what follows a comma is another matter. */
		mood_set(r, negated ? MOOD_UNALLERGIC : MOOD_PLAIN);
		return;
	}
	if ((denied && !r->seen) || is_denied_after(r, i)) {
		mood_set(r, MOOD_UNALLERGIC);
		return;
	}
	mood_set(r, MOOD_ALLERGIC);
	for (size_t k = i + 1; k < r->tokens->count && !(roles_at(r, k) & ROLE_STOP); k++) {
		if (roles_at(r, k) & (ROLE_FOOD | ROLE_NOT_FOOD)) return;
	}
	for (size_t k = i; k-- > 0 && !is_boundary(roles_at(r, k));) {
		if (roles_at(r, k) & ROLE_NOT_FOOD) return;
	}
	r->out->allergy_unnamed = true;
}

/* 鸡肉不吃: what is not wanted stands before the verb, and nothing after it. */
static bool avoids_before(struct reader *r, size_t i)
{
	size_t first = 0;
	if (!is_open(r->mood) || !is_boundary(roles_at(r, i + 1)) || !run_before(r, i, &first)) return false;
	run_judge(r, first, i, VERDICT_AVOIDED);
	return true;
}

static void on_item(struct reader *r, size_t i)
{
	const struct token *token = &r->tokens->items[i];
	struct reading *out = r->out;
	bool reached = !is_open(r->mood);
	bool after_free = roles_at(r, i + 1) & ROLE_FREE, denied_after = is_denied_after(r, i);
	bool wanted = !after_free && !denied_after &&
	              (!reached || (r->mood == MOOD_UNALLERGIC && !(token->roles & ROLE_CONDITION)));
	out->understood = true;
	for (size_t k = 0; k < token->condition_count; k++) {
		/* An allergy does not deny a disease that is named after it. */
		if (wanted || (r->mood == MOOD_ALLERGIC && !denied_after)) out->conditions[token->conditions[k]] = true;
	}
	r->denied[i] = !wanted && !is_whole_wish(r, i);
	if (token->roles & ROLE_FOOD) {
		enum verdict verdict = r->mood == MOOD_ALLERGIC                            ? VERDICT_ALLERGEN
		                       : r->mood == MOOD_DENIED || r->mood == MOOD_AVOIDED ? VERDICT_AVOIDED
		                       : r->mood == MOOD_LIKED                             ? VERDICT_LIKED
		                                                                           : VERDICT_NONE;
		if (after_free) verdict = VERDICT_AVOIDED;
		r->verdicts[i] = verdict;
	}
	r->seen = true;
	r->gap = 0;
}

static void token_read(struct reader *r, size_t i)
{
	unsigned roles = roles_at(r, i);
	if (roles & ROLE_STOP) {
		mood_set(r, r->mood_between);
	} else if (roles & ROLE_COMMA) {
		if (r->mood != MOOD_PLAIN && (!r->seen || !list_goes_on(r, i))) mood_set(r, r->mood_between);
	} else if (roles & ROLE_NO_ALLERGY) {
		size_t first = 0;
		r->out->understood = true;
		if (run_before(r, i, &first)) {
			run_judge(r, first, i, VERDICT_NONE);
			mood_set(r, MOOD_PLAIN);
		} else {
			mood_set(r, MOOD_UNALLERGIC);
		}
	} else if (roles & ROLE_ALLERGY) {
		on_allergy(r, i);
	} else if (roles & (ROLE_NEGATION | ROLE_NOTHING)) {
		r->out->understood = true; /* "none" is an answer too */
		if (roles & ROLE_NEGATION) mood_set(r, MOOD_DENIED);
	} else if (roles & ROLE_AVOID) {
		if (r->mood == MOOD_DENIED && !r->seen)
			mood_set(r, MOOD_PLAIN); /* 没有忌口, "no need to avoid" */
		else if (!avoids_before(r, i))
			mood_set(r, MOOD_AVOIDED);
	} else if (roles & (ROLE_CONDITION | ROLE_SAFETY | ROLE_FOOD)) {
		on_item(r, i);
	} else if (roles & ROLE_NOT_FOOD) {
		r->seen = true;
		r->out->understood = true;
	} else if (roles & ROLE_LIKE) {
		if (r->seen || is_open(r->mood)) mood_set(r, MOOD_LIKED);
	} else if (roles & ROLE_LEAD) {
		if (r->seen && r->mood != r->mood_between) mood_set(r, MOOD_PLAIN);
	} else if (roles & ROLE_OTHER) {
		if (r->seen || ++r->gap > GAP_MAX) mood_set(r, r->mood_between);
	}
}

static int digit_of(struct str text, size_t at, size_t *bytes)
{
	static const char *const numerals[] = { "零", "一", "二", "三", "四", "五", "六", "七", "八", "九", "十" };
	if (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9') {
		int value = 0;
		*bytes = 0;
		while (at + *bytes < text.len && text.ptr[at + *bytes] >= '0' && text.ptr[at + *bytes] <= '9' &&
		       *bytes < 3) {
			value = value * 10 + (text.ptr[at + *bytes] - '0');
			++*bytes;
		}
		return value;
	}
	for (int n = 0; n < (int)COUNT(numerals); n++) {
		struct str numeral = str_from(numerals[n]);
		if (at + numeral.len <= text.len && memcmp(text.ptr + at, numeral.ptr, numeral.len) == 0) {
			*bytes = numeral.len;
			return n;
		}
	}
	return -1;
}

static bool stands_at(struct str text, size_t at, const char *words)
{
	struct str rest = str_from(words), word;
	while (at < text.len && text.ptr[at] == ' ') at++;
	while (str_split(&rest, '|', &word)) {
		if (word.len <= text.len - at && memcmp(text.ptr + at, word.ptr, word.len) == 0) return true;
	}
	return false;
}

/* The first number with such a word before or after it: "week 3", "6 pups", 第3周. 0 if there is none in 1..max. */
static int number_near(struct str text, const char *before, const char *after, int max)
{
	for (size_t at = 0; at < text.len; at++) {
		size_t bytes = 0;
		int value;
		if (*before && stands_at(text, at, before) && text.ptr[at] != ' ') {
			struct str rest = str_from(before), word;
			while (str_split(&rest, '|', &word)) {
				if (word.len > text.len - at || memcmp(text.ptr + at, word.ptr, word.len) != 0)
					continue;
				size_t p = at + word.len;
				while (p < text.len && (text.ptr[p] == ' ' || text.ptr[p] == ':' || text.ptr[p] == '='))
					p++;
				value = digit_of(text, p, &bytes);
				if (value >= 1 && value <= max) return value;
			}
		}
		bool starts = !at || text.ptr[at - 1] < '0' || text.ptr[at - 1] > '9';
		if (*after && starts && (value = digit_of(text, at, &bytes)) >= 1 && value <= max &&
		    stands_at(text, at + bytes, after))
			return value;
	}
	return 0;
}

void reading_add(struct reading *reading, const struct lexicon *lexicon, struct arena *arena, struct str text,
                 enum reading_topic topic)
{
	struct tokens tokens = lexicon_cut(lexicon, arena, text);
	enum mood between = topic == READ_ALLERGENS  ? MOOD_ALLERGIC
	                    : topic == READ_DISLIKES ? MOOD_AVOIDED
	                                             : MOOD_PLAIN;
	struct reader r = {
		.out = reading,
		.tokens = &tokens,
		.mood = between,
		.mood_between = between,
		.verdicts = arena_new_array(arena, enum verdict, tokens.count + 1),
		.denied = arena_new_array(arena, bool, tokens.count + 1),
	};
	reading->understood = false;
	for (size_t i = 0; i < tokens.count; i++) token_read(&r, i);
	for (size_t i = 0; i < tokens.count; i++) {
		const struct token *token = &tokens.items[i];
		for (size_t k = 0; k < token->safety_count && !r.denied[i]; k++)
			reading->safety[token->safety[k]] = true;
		for (size_t k = 0; k < token->food_count; k++) {
			size_t row = token->foods[k];
			if (r.verdicts[i] == VERDICT_ALLERGEN) reading->foods_allergen[row] = true;
			if (r.verdicts[i] == VERDICT_AVOIDED) reading->foods_avoided[row] = true;
			bool open = r.verdicts[i] == VERDICT_NONE || r.verdicts[i] == VERDICT_LIKED;
			if (open && topic == READ_OFFERED) reading->foods_offered[row] = true;
			if (r.verdicts[i] == VERDICT_LIKED && topic == READ_TEXT) reading->foods_liked[row] = true;
		}
	}
	if (topic != READ_TEXT) return;
	for (size_t at = 0; at < tokens.text.len; at++) {
		if (stands_at(tokens.text, at, "lactat|nursing|queening|whelped|哺乳|产后|喂奶|带崽"))
			reading->nursing = true;
	}
	if (!reading->bcs)
		reading->bcs = number_near(tokens.text, "bcs|body condition score|body condition|体况评分|体况", "", 9);
	if (!reading->week)
		reading->week =
		    number_near(tokens.text, "week|wk|第", "week|wk|th week|rd week|nd week|st week|周|个星期|星期", 9);
	if (!reading->litter)
		reading->litter = number_near(tokens.text, "litter of|litter size",
		                              "pup|kitten|young|babies|只|个宝宝|个崽|只崽", 20);
}
