/* Forms: sentences whose meaning lies in their build rather than in one word. Three of them are found:
 *   exceptions  "allergic to everything except duck", 不能吃鸡肉以外的肉, 除了鸡肉都吃 (reading_except.c)
 *   only        "only eats chicken and rice", 只能吃鸡肉, "chicken only" (here)
 *   reactions   "beef makes her itch", 吃鸡肉会拉肚子, "throws up after fish" (reading_effect.c)
 * What is half understood is followed on the safe side and marked, so that the owner is asked to check. */
#include "rpc/domain/nutrition/reading_forms.h"

#include <string.h>

#include "rpc/domain/nutrition/food_words.h"
#include "rpc/domain/nutrition/safety.h"

bool token_is(const struct tokens *tokens, size_t i, const char *words)
{
	if (i >= tokens->count) return false;
	const struct token *token = &tokens->items[i];
	struct str own = { tokens->text.ptr + token->at, token->end - token->at };
	struct str rest = str_from(words), word;
	while (str_split(&rest, '|', &word)) {
		if (str_equal(own, word)) return true;
	}
	return false;
}

bool form_is_servable(const struct finder *f, size_t i)
{
	const struct token *token = &f->tokens->items[i];
	for (size_t k = 0; k < token->food_count; k++) {
		if (*food_word_avoid(&food_word_table[token->foods[k]])) return true;
	}
	return false;
}

bool form_is_meatless_wish(const struct finder *f, size_t i)
{
	const struct token *token = &f->tokens->items[i];
	return token->safety_count && strncmp(safety_table[token->safety[0]].id, "plant_diet", 10) == 0 &&
	       token_is(f->tokens, i, "no meat|without meat|不吃肉|不要肉");
}

bool form_is_strange(unsigned roles)
{
	return roles & (ROLE_OTHER | ROLE_CONDITION | ROLE_SAFETY | ROLE_NOT_FOOD) ||
	       !(roles & (ROLE_FOOD | ROLE_SOFT | ROLE_CONNECT | ROLE_LEAD | ROLE_ALL | ROLE_LINK | ROLE_ADD |
	                  ROLE_EAT | ROLE_FROM | ROLE_FEW | ROLE_LATE | ROLE_LIKE));
}

bool food_run_before(const struct tokens *tokens, size_t i, size_t *first)
{
	bool found = false, closed = false;
	while (i-- > 0) {
		unsigned roles = token_roles(tokens, i);
		if (roles & (ROLE_FOOD | ROLE_NOT_FOOD | ROLE_SAFETY)) {
			*first = i;
			found = true;
		} else if (roles & ROLE_CONNECT) {
			closed |= found;
		} else if (!(roles & ROLE_SOFT) && (found || !(roles & ROLE_LEAD))) {
			break;
		}
	}
	if (!found || !closed || *first < 2 || !(token_roles(tokens, *first - 1) & ROLE_COMMA)) return found;
	/* "chicken, beef and lamb allergy": a list that closes with "and" goes back over its commas, unless it starts as
	 * something else: "likes duck, chicken and beef make her itch". */
	size_t k = *first - 1, start = *first;
	while (k > 0 && token_roles(tokens, k) & ROLE_COMMA && token_roles(tokens, k - 1) & ROLE_FOOD) {
		while (k > 0 && token_roles(tokens, k - 1) & (ROLE_FOOD | ROLE_SOFT)) k--;
		start = k;
		if (k > 0) k--;
	}
	unsigned before = start ? token_roles(tokens, start - 1) : ROLE_STOP;
	if (before & (ROLE_STOP | ROLE_LEAD | ROLE_EAT | ROLE_FROM)) *first = start;
	return true;
}

size_t form_list_end(const struct finder *f, size_t at)
{
	size_t end = at + 1;
	for (size_t i = at + 1;; i++) {
		unsigned roles = form_roles(f, i);
		if (i >= f->tokens->count) return end;
		if (roles & ROLE_FOOD) {
			end = i + 1;
		} else if (roles & ROLE_COMMA) {
			size_t k = i + 1, foods = 0;
			for (; form_roles(f, k) & (ROLE_FOOD | ROLE_SOFT | ROLE_CONNECT); k++)
				foods += form_has_food(f, k);
			if (!foods || !is_boundary(form_roles(f, k))) return end;
		} else if (!(roles & (ROLE_CONNECT | ROLE_SOFT))) {
			return end;
		}
	}
}

void form_take(struct finder *f, struct span span)
{
	for (size_t i = span.first; i < span.end; i++) {
		/* A disease or a poison inside is still one. */
		bool own = form_roles(f, i) & (ROLE_CONDITION | ROLE_SAFETY) &&
		           !(form_roles(f, i) & (ROLE_SYMPTOM | ROLE_FOOD)) && !form_is_meatless_wish(f, i);
		if (!own) f->out->taken[i] = true;
	}
}

void form_judge(struct finder *f, struct span span, enum verdict verdict)
{
	for (size_t i = span.first; i < span.end; i++) {
		if (form_has_food(f, i)) f->out->verdicts[i] = verdict;
	}
	form_take(f, span);
}

void form_mark_unclear(struct finder *f, size_t i) { f->out->unclear[i] = true; }

bool form_is_denied_before(const struct finder *f, size_t i)
{
	while (i-- > 0) {
		unsigned roles = form_roles(f, i);
		if (roles & (ROLE_NEGATION | ROLE_NOTHING) || token_is(f->tokens, i, "不|没")) return true;
		if (!(roles & (ROLE_LEAD | ROLE_SOFT | ROLE_LINK)) || is_boundary(roles)) return false;
	}
	return false;
}

enum polarity form_polarity_of(const struct finder *f, size_t i)
{
	unsigned roles = form_roles(f, i);
	if (roles & ROLE_NO_ALLERGY) return POLARITY_NO_ALLERGY;
	if (roles & ROLE_ALLERGY) return form_is_denied_before(f, i) ? POLARITY_NO_ALLERGY : POLARITY_ALLERGY;
	if (roles & (ROLE_SYMPTOM | ROLE_UPSETS)) return form_is_denied_before(f, i) ? POLARITY_GOOD : POLARITY_ALLERGY;
	if (roles & (ROLE_AVOID | ROLE_NEGATION) || form_is_meatless_wish(f, i)) return POLARITY_AVOID;
	if (roles & (ROLE_LIKE | ROLE_EAT) && !(roles & ROLE_LEAD))
		return form_is_denied_before(f, i) ? POLARITY_AVOID : POLARITY_GOOD;
	return POLARITY_NONE;
}

bool form_any_servable(const struct finder *f, struct span span)
{
	for (size_t i = span.first; i < span.end; i++) {
		if (form_has_food(f, i) && form_is_servable(f, i)) return true;
	}
	return false;
}

static void read_only(struct finder *f, size_t mark)
{
	size_t i = mark + 1, strangers = 0;
	bool few = false;
	/* "allergic only to chicken", "not fed only chicken": ordinary words with a stress. */
	for (size_t k = mark; k-- > 0;) {
		unsigned roles = form_roles(f, k);
		if (!(roles & (ROLE_LEAD | ROLE_SOFT | ROLE_EAT))) {
			enum polarity polarity = form_polarity_of(f, k);
			if (polarity > POLARITY_GOOD && !f->out->taken[k]) {
				f->out->settled[mark] = true;
				return;
			}
			break;
		}
	}
	for (; !(form_roles(f, i) & ROLE_FOOD); i++) {
		unsigned roles = form_roles(f, i);
		few |= (roles & ROLE_FEW) != 0;
		if (i >= f->tokens->count || is_boundary(roles) || roles & ROLE_CONNECT) break;
		if (form_polarity_of(f, i) > POLARITY_GOOD) { /* "only avoids fish" */
			f->out->settled[mark] = true;
			return;
		}
		if (roles & ROLE_LIKE && strangers) break;
		if (form_is_strange(roles) && ++strangers > STRANGERS_MAX) break;
	}
	struct span foods = { 0, 0 }, form = { mark, mark + 1 };
	bool allergy = false;
	if (form_roles(f, i) & ROLE_FOOD && i < f->tokens->count) {
		foods = (struct span){ i, form_list_end(f, i) };
		size_t after = foods.end;
		while (form_roles(f, after) & (ROLE_LEAD | ROLE_SOFT | ROLE_LINK | ROLE_CAUSE) &&
		       after < f->tokens->count)
			after++;
		unsigned roles = form_roles(f, after);
		bool ends = is_boundary(form_roles(f, after + 1));
		/* 只要吃鸡肉就 … is a when, 只要鸡肉 is an only */
		if (form_roles(f, mark) & ROLE_FROM && !is_boundary(roles)) {
			f->out->settled[mark] = true;
			return;
		}
		if (roles & (ROLE_ALLERGY | ROLE_SYMPTOM | ROLE_UPSETS) ? !form_is_denied_before(f, after)
		                                                        : roles & ROLE_AVOID && ends) {
			f->out->settled[mark] = true; /* "only beef makes her itch", 只有鱼不吃 */
			return;
		}
		allergy =
		    roles & ROLE_NO_ALLERGY || (roles & (ROLE_ALLERGY | ROLE_SYMPTOM) && !(roles & ROLE_CONDITION));
		form.end = allergy ? after + 1 : foods.end;
		if (is_boundary(form_roles(f, after)) && after < f->tokens->count && !allergy) form.end = foods.end;
	} else {
		/* "chicken only", "lamb is the only meat that she eats" */
		size_t before = mark;
		while (before > 0 && form_roles(f, before - 1) & (ROLE_LEAD | ROLE_SOFT)) before--;
		if (!food_run_before(f->tokens, before, &foods.first)) return;
		foods.end = before;
		bool refused = foods.first && (form_polarity_of(f, foods.first - 1) > POLARITY_GOOD);
		size_t after = mark + 1;
		while (form_roles(f, after) & (ROLE_SOFT | ROLE_LEAD | ROLE_LIKE | ROLE_EAT | ROLE_LINK) &&
		       after < f->tokens->count)
			after++;
		few |= (form_roles(f, after) & ROLE_FEW) != 0;
		if (refused || (!few && !is_boundary(form_roles(f, after)))) return;
		form = (struct span){ foods.first, mark + 1 };
	}
	f->out->settled[mark] = true;
	if (few) return; /* "only a little chicken" is about how much */
	form_take(f, form);
	if (form_any_servable(f, foods)) {
		form_judge(f, foods, VERDICT_ONLY);
		f->out->only_allergy |= allergy;
	} else {
		form_mark_unclear(f, foods.first);
	}
}

void forms_find(struct tokens *tokens, struct arena *arena, enum polarity unsaid, struct forms *out)
{
	size_t count = tokens->count + 1;
	*out = (struct forms){
		.verdicts = arena_new_array(arena, enum verdict, count),
		.taken = arena_new_array(arena, bool, count),
		.settled = arena_new_array(arena, bool, count),
		.unclear = arena_new_array(arena, bool, count),
	};
	struct finder f = { .tokens = tokens, .out = out, .unsaid = unsaid };
	form_settle_buts(&f);
	for (size_t i = 0; i < tokens->count; i++) {
		if (form_roles(&f, i) & (ROLE_EXCEPT | ROLE_BESIDE) && !out->taken[i]) form_read_exception(&f, i);
	}
	for (size_t i = 0; i < tokens->count; i++) {
		if (form_roles(&f, i) & ROLE_ONLY && !out->taken[i]) read_only(&f, i);
	}
	for (size_t i = 0; i < tokens->count; i++) {
		if (form_roles(&f, i) & (ROLE_SYMPTOM | ROLE_UPSETS | ROLE_ALLERGY)) form_read_effect(&f, i);
	}
}
