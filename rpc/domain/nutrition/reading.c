#include "rpc/domain/nutrition/reading.h"

#include <string.h>

#include "rpc/domain/nutrition/conditions.h"
#include "rpc/domain/nutrition/food_words.h"
#include "rpc/domain/nutrition/foods.h"
#include "rpc/domain/nutrition/reading_parts.h"
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
struct reader {
	struct reading *out;
	const struct tokens *tokens;
	enum mood mood, mood_between; /* now; after a clause ends */
	bool allergy_pending;         /* an allergy was said and a food stands behind it: perhaps to that */
	bool after_allergy;           /* the clause before named what the pet is allergic to */
	bool seen;                    /* an item was met since the mood began */
	int gap;
	enum verdict *verdicts; /* per token; later words of a clause may change it */
	bool *denied;           /* per token: not asked for, so no safety rule is broken */
	bool *open;             /* per token: neither denied nor avoided */
	bool *unclear;          /* per token: the sentence holds something that was not followed */
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
		.foods_only = arena_new_array(arena, bool, food_word_count),
		.foods_spared = arena_new_array(arena, bool, food_word_count),
	};
}

static unsigned roles_at(const struct reader *r, size_t i) { return token_roles(r->tokens, i); }
static bool is_open(enum mood mood) { return mood == MOOD_PLAIN || mood == MOOD_LIKED; }
/* Ends a list, or the reach of a word that waits for one. */
static bool is_strange(unsigned roles)
{
	return roles & (ROLE_OTHER | ROLE_BESIDE | ROLE_CAUSE | ROLE_SYMPTOM | ROLE_UPSETS | ROLE_FROM | ROLE_LINK) &&
	       !(roles & (ROLE_SOFT | ROLE_LEAD | ROLE_CONNECT));
}

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

static void run_judge(struct reader *r, size_t first, size_t end, enum verdict verdict)
{
	for (size_t k = first; k < end; k++) {
		if (roles_at(r, k) & ROLE_FOOD) r->verdicts[k] = verdict;
		r->denied[k] = true;
	}
}

static void on_allergy(struct reader *r, size_t i)
{
	size_t first = 0, run = i;
	/* 一吃鸡肉就会过敏, 对鸡肉有点过敏 */
	while (run > 0 && roles_at(r, run - 1) & (ROLE_LINK | ROLE_FEW | ROLE_LATE) &&
	       !(roles_at(r, run - 1) & (ROLE_FOOD | ROLE_CONNECT)))
		run--;
	bool denied = r->mood == MOOD_DENIED, named_before = food_run_before(r->tokens, run, &first);
	r->out->understood = true;
	if (named_before) {
		/* "no chicken allergy", 没有鸡肉过敏: the negation meant the allergy */
		size_t before = first; /* 不对鸡肉过敏 */
		while (before > 0 && roles_at(r, before - 1) & ROLE_LEAD) before--;
		bool negated = denied || (before && token_is(r->tokens, before - 1, "不|没")) ||
		               (first && roles_at(r, first - 1) & ROLE_NEGATION) || is_denied_after(r, i);
		run_judge(r, first, i, negated ? VERDICT_PLAIN : VERDICT_ALLERGEN);
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
		if (roles_at(r, k) & ROLE_NOT_FOOD) return;
		if (!(roles_at(r, k) & ROLE_FOOD)) continue;
		r->allergy_pending = true;
		return;
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
	if (!is_open(r->mood) || !is_boundary(roles_at(r, i + 1)) || !food_run_before(r->tokens, i, &first))
		return false;
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
		                       : r->mood == MOOD_UNALLERGIC                        ? VERDICT_PLAIN
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
	/* "allergic to capybara and chicken": one of the list is not known. */
	bool lost =
	    roles == ROLE_OTHER && r->mood == MOOD_ALLERGIC && !(r->seen && i && !(roles_at(r, i - 1) & ROLE_CONNECT));
	r->open[i] = is_open(r->mood);
	if (lost && r->tokens->items[i].end - r->tokens->items[i].at > 1) r->unclear[i] = true;
	if (is_boundary(roles))
		r->after_allergy = r->mood == MOOD_ALLERGIC && r->seen && (roles & (ROLE_BUT | ROLE_COMMA));
	if (roles & ROLE_STOP) {
		mood_set(r, r->mood_between);
	} else if (roles & ROLE_COMMA) {
		if (r->mood != MOOD_PLAIN && (!r->seen || !list_goes_on(r, i))) mood_set(r, r->mood_between);
	} else if (roles & ROLE_NO_ALLERGY) {
		size_t first = 0;
		r->out->understood = true;
		if (food_run_before(r->tokens, i, &first)) {
			run_judge(r, first, i, VERDICT_PLAIN);
			mood_set(r, MOOD_PLAIN);
		} else {
			mood_set(r, MOOD_UNALLERGIC);
		}
	} else if (roles & ROLE_ALLERGY) {
		on_allergy(r, i);
	} else if (roles & (ROLE_NEGATION | ROLE_NOTHING)) {
		r->out->understood = true; /* "none" is an answer too */
		/* "allergic to beef but not chicken" denies the allergy */
		bool the_allergy = r->after_allergy && token_is(r->tokens, i, "not") && is_boundary(roles_at(r, i - 1));
		if (roles & ROLE_NEGATION) mood_set(r, the_allergy ? MOOD_UNALLERGIC : MOOD_DENIED);
	} else if (roles & (ROLE_AVOID | ROLE_EXCEPT)) {
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
	} else if (is_strange(roles)) {
		if (r->seen || ++r->gap > GAP_MAX) mood_set(r, r->mood_between);
	}
}

/* A word of a form: what it means was settled there. */
static void form_word_read(struct reader *r, const struct forms *forms, size_t i)
{
	enum verdict verdict = forms->verdicts[i];
	r->out->understood = true;
	if (r->mood != r->mood_between) mood_set(r, r->mood_between);
	r->verdicts[i] = verdict;
	r->denied[i] = verdict != VERDICT_ONLY && verdict != VERDICT_SPARED && verdict != VERDICT_NONE;
	r->open[i] = true;
}

static void ask_for(struct reading *reading, const char *rule)
{
	for (size_t i = 0; i < safety_rule_count; i++) {
		if (strcmp(safety_table[i].id, rule) == 0) reading->safety[i] = true;
	}
}

/* "chicken is fine" after an allergy to something else is no riddle. */
static bool is_said_fine(const struct reader *r, size_t i)
{
	size_t after = i + 1;
	while (after < r->tokens->count &&
	       roles_at(r, after) & (ROLE_SOFT | ROLE_LEAD | ROLE_CONNECT | ROLE_FOOD | ROLE_LINK) &&
	       !(roles_at(r, after) & ROLE_LIKE))
		after++;
	return roles_at(r, after) & (ROLE_LIKE | ROLE_NO_ALLERGY);
}

/* Sentences that speak of an allergy or of "only" and name a food of which nothing was understood, as written. */
static void tell_unclear(const struct reader *r, const struct forms *forms, struct str text)
{
	struct reading *out = r->out;
	const struct tokens *tokens = r->tokens;
	bool foods = false, all_out = true;
	for (size_t i = 0; i < tokens->count; i++) {
		if (!(roles_at(r, i) & ROLE_FOOD)) continue;
		foods = true;
		all_out &= r->verdicts[i] == VERDICT_AVOIDED || r->verdicts[i] == VERDICT_ALLERGEN;
	}
	for (size_t first = 0; foods && first < tokens->count;) {
		size_t end = first;
		bool unclear = false, trigger = false, riddle = false;
		for (; end < tokens->count && !(roles_at(r, end) & ROLE_STOP); end++) {
			unsigned roles = roles_at(r, end);
			bool opens = roles & (ROLE_ONLY | ROLE_EXCEPT | ROLE_BESIDE) && !forms->taken[end] &&
			             !forms->settled[end];
			/* "no chicken, it makes her itch": whatever did it is out already */
			bool effect = roles & (ROLE_SYMPTOM | ROLE_UPSETS) && !(roles & ROLE_FOOD);
			unclear |= r->unclear[end] && !(effect && all_out);
			trigger |= opens || (roles & ROLE_ALLERGY && !forms->taken[end]);
			riddle |= roles & ROLE_FOOD && !forms->taken[end] && r->verdicts[end] == VERDICT_NONE &&
			          !r->denied[end] && !is_said_fine(r, end);
		}
		if ((unclear || (trigger && riddle)) && out->unclear_count < READING_UNCLEAR_MAX) {
			size_t from = tokens->source[tokens->items[first].at],
			       to = tokens->source[tokens->items[end - 1].end];
			out->unclear[out->unclear_count++] = str_trim((struct str){ text.ptr + from, to - from });
		}
		for (first = end; first < tokens->count && roles_at(r, first) & ROLE_STOP;) first++;
	}
}

void reading_add(struct reading *reading, const struct lexicon *lexicon, struct arena *arena, struct str text,
                 enum reading_topic topic)
{
	struct tokens tokens = lexicon_cut(lexicon, arena, text);
	struct forms forms;
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
		.open = arena_new_array(arena, bool, tokens.count + 1),
	};
	forms_find(&tokens, arena,
	           topic == READ_ALLERGENS  ? POLARITY_ALLERGY
	           : topic == READ_DISLIKES ? POLARITY_AVOID
	                                    : POLARITY_NONE,
	           &forms);
	r.unclear = forms.unclear;
	reading->understood = false;
	for (size_t i = 0; i < tokens.count; i++) {
		if (forms.taken[i])
			form_word_read(&r, &forms, i);
		else
			token_read(&r, i);
	}
	reading->only_allergy |= forms.only_allergy;
	bool fish = false, other = false, allergen = forms.only_allergy;
	for (size_t i = 0; i < tokens.count; i++) {
		const struct token *token = &tokens.items[i];
		for (size_t k = 0; k < token->safety_count && !r.denied[i]; k++)
			reading->safety[token->safety[k]] = true;
		allergen |= r.verdicts[i] == VERDICT_ALLERGEN;
		for (size_t k = 0; k < token->food_count; k++) {
			size_t row = token->foods[k];
			if (r.verdicts[i] == VERDICT_ALLERGEN) reading->foods_allergen[row] = true;
			if (r.verdicts[i] == VERDICT_AVOIDED) reading->foods_avoided[row] = true;
			if (r.verdicts[i] == VERDICT_SPARED) reading->foods_spared[row] = true;
			if (r.verdicts[i] == VERDICT_ONLY && *food_word_avoid(&food_word_table[row])) {
				reading->foods_only[row] = true;
				*(str_find(str_from(food_word_table[row].groups), STR("fish"), 0) == SIZE_MAX ? &other
				                                                                              : &fish) =
				    true;
			}
			bool open = r.verdicts[i] <= VERDICT_LIKED || r.verdicts[i] == VERDICT_ONLY;
			if (open && topic == READ_OFFERED) reading->foods_offered[row] = true;
			if (r.verdicts[i] == VERDICT_LIKED && topic == READ_TEXT) reading->foods_liked[row] = true;
		}
	}
	if (r.allergy_pending && !allergen)
		reading->allergy_unnamed = true; /* "allergic to most meats, duck is fine" */
	if (fish && !other) ask_for(reading, "fish_only");
	if (topic != READ_OFFERED) tell_unclear(&r, &forms, text);
	if (topic != READ_TEXT) return;
	reading_find_late_stages(reading, &tokens, r.open);
	reading_find_numbers(reading, tokens.text);
}
