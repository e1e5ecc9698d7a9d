/* Forms: sentences whose meaning lies in their build rather than in one word. Three of them are found here:
 *   exceptions  "allergic to everything except duck", 不能吃鸡肉以外的肉, 除了鸡肉都吃
 *   only        "only eats chicken and rice", 只能吃鸡肉, "chicken only"
 *   reactions   "beef makes her itch", 吃鸡肉会拉肚子, "throws up after fish"
 * What is half understood is followed on the safe side and marked, so that the owner is asked to check. */
#include <string.h>

#include "rpc/domain/nutrition/food_words.h"
#include "rpc/domain/nutrition/foods.h"
#include "rpc/domain/nutrition/reading_parts.h"
#include "rpc/domain/nutrition/safety.h"

/* Words without a meaning of their own that may stand between the parts of a form. */
enum { STRANGERS_MAX = 4, FORM_FOODS_MAX = 24 };

struct finder {
	struct tokens *tokens;
	struct forms *out;
	enum polarity unsaid;
};
struct span {
	size_t first, end;
};
struct food_list {
	size_t count;
	size_t at[FORM_FOODS_MAX];
};

static unsigned roles_at(const struct finder *f, size_t i) { return token_roles(f->tokens, i); }
static bool has_foods(const struct finder *f, size_t i) { return roles_at(f, i) & ROLE_FOOD; }

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

/* A food that plans never use, or a word like "protein", names no kind that one could keep to. */
static bool is_servable(const struct finder *f, size_t i)
{
	const struct token *token = &f->tokens->items[i];
	for (size_t k = 0; k < token->food_count; k++) {
		if (*food_word_avoid(&food_word_table[token->foods[k]])) return true;
	}
	return false;
}

/* "no meat" is a wish of its own in the table of safety rules; here its "no" counts. */
static bool is_meatless_wish(const struct finder *f, size_t i)
{
	const struct token *token = &f->tokens->items[i];
	return token->safety_count && strncmp(safety_table[token->safety[0]].id, "plant_diet", 10) == 0 &&
	       token_is(f->tokens, i, "no meat|without meat|不吃肉|不要肉");
}

static bool is_strange(unsigned roles)
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

/* One past the last food of the list that starts at a food. A comma is part of it if only foods follow up to the next. */
static size_t list_end(const struct finder *f, size_t at)
{
	size_t end = at + 1;
	for (size_t i = at + 1;; i++) {
		unsigned roles = roles_at(f, i);
		if (i >= f->tokens->count) return end;
		if (roles & ROLE_FOOD) {
			end = i + 1;
		} else if (roles & ROLE_COMMA) {
			size_t k = i + 1, foods = 0;
			for (; roles_at(f, k) & (ROLE_FOOD | ROLE_SOFT | ROLE_CONNECT); k++) foods += has_foods(f, k);
			if (!foods || !is_boundary(roles_at(f, k))) return end;
		} else if (!(roles & (ROLE_CONNECT | ROLE_SOFT))) {
			return end;
		}
	}
}

static void take(struct finder *f, struct span span)
{
	for (size_t i = span.first; i < span.end; i++) {
		/* A disease or a poison inside is still one. */
		bool own = roles_at(f, i) & (ROLE_CONDITION | ROLE_SAFETY) &&
		           !(roles_at(f, i) & (ROLE_SYMPTOM | ROLE_FOOD)) && !is_meatless_wish(f, i);
		if (!own) f->out->taken[i] = true;
	}
}

static void judge(struct finder *f, struct span span, enum verdict verdict)
{
	for (size_t i = span.first; i < span.end; i++) {
		if (has_foods(f, i)) f->out->verdicts[i] = verdict;
	}
	take(f, span);
}

static void judge_list(struct finder *f, const struct food_list *list, enum verdict verdict)
{
	for (size_t k = 0; k < list->count; k++) judge(f, (struct span){ list->at[k], list->at[k] + 1 }, verdict);
}

static void mark_unclear(struct finder *f, size_t i) { f->out->unclear[i] = true; }

/* "not eating", 不拉肚子: a denial directly before, words like "does she" apart. */
static bool is_denied_before(const struct finder *f, size_t i)
{
	while (i-- > 0) {
		unsigned roles = roles_at(f, i);
		if (roles & (ROLE_NEGATION | ROLE_NOTHING) || token_is(f->tokens, i, "不|没")) return true;
		if (!(roles & (ROLE_LEAD | ROLE_SOFT | ROLE_LINK)) || is_boundary(roles)) return false;
	}
	return false;
}

static enum polarity polarity_of(const struct finder *f, size_t i)
{
	unsigned roles = roles_at(f, i);
	if (roles & ROLE_NO_ALLERGY) return POLARITY_NO_ALLERGY;
	if (roles & ROLE_ALLERGY) return is_denied_before(f, i) ? POLARITY_NO_ALLERGY : POLARITY_ALLERGY;
	if (roles & (ROLE_SYMPTOM | ROLE_UPSETS)) return is_denied_before(f, i) ? POLARITY_GOOD : POLARITY_ALLERGY;
	if (roles & (ROLE_AVOID | ROLE_NEGATION) || is_meatless_wish(f, i)) return POLARITY_AVOID;
	if (roles & (ROLE_LIKE | ROLE_EAT) && !(roles & ROLE_LEAD))
		return is_denied_before(f, i) ? POLARITY_AVOID : POLARITY_GOOD;
	return POLARITY_NONE;
}

/* What governs an exception: how it is meant, where that stands, and the foods that it was said of. */
struct governor {
	enum polarity polarity;
	size_t at;
	bool all, adds;
	struct food_list base;
};

static void base_add(struct governor *g, size_t i)
{
	if (g->base.count < FORM_FOODS_MAX) g->base.at[g->base.count++] = i;
}

static struct governor governor_before(const struct finder *f, size_t i)
{
	struct governor g = { .polarity = POLARITY_NONE };
	size_t strangers = 0;
	while (i-- > 0) {
		unsigned roles = roles_at(f, i);
		if (roles & (ROLE_STOP | ROLE_EXCEPT | ROLE_BESIDE) || (f->out->taken[i] && !has_foods(f, i))) break;
		g.polarity = polarity_of(f, i);
		g.at = i;
		size_t first = 0;
		if (roles & ROLE_FREE && food_run_before(f->tokens, i, &first)) { /* "grain-free except oats" */
			g.polarity = POLARITY_AVOID;
			for (size_t k = first; k < i; k++)
				if (has_foods(f, k) && is_servable(f, k)) base_add(&g, k);
		}
		if (g.polarity) return g;
		g.all |= (roles & ROLE_ALL) != 0;
		if (roles & ROLE_FOOD && is_servable(f, i)) base_add(&g, i);
		if (is_strange(roles) && !is_boundary(roles) && !(roles & ROLE_FOOD) && ++strangers > STRANGERS_MAX)
			break;
	}
	g.polarity = POLARITY_NONE;
	return g;
}

/* Clause by clause; a refusal in a clause goes before "eats" in it: 除了鸡肉，吃别的肉都吐. */
static struct governor governor_after(const struct finder *f, size_t i)
{
	struct governor g = { .polarity = POLARITY_NONE };
	for (bool ended = false; !ended;) {
		struct governor clause = g;
		for (; !is_boundary(roles_at(f, i)); i++) {
			unsigned roles = roles_at(f, i);
			enum polarity polarity = polarity_of(f, i);
			bool stronger = polarity > POLARITY_GOOD ? clause.polarity <= POLARITY_GOOD : !clause.polarity;
			if (polarity && stronger) {
				clause.polarity = polarity;
				clause.at = i;
			}
			clause.all |= (roles & ROLE_ALL) != 0;
			clause.adds |= (roles & ROLE_ADD) != 0;
			if (roles & ROLE_FOOD && is_servable(f, i)) base_add(&clause, i);
		}
		ended = clause.polarity || i >= f->tokens->count || roles_at(f, i) & ROLE_STOP;
		g = clause;
		i++;
	}
	return g;
}

static bool word_is_within(const struct food_word *part, const struct food_word *whole)
{
	struct str inner = str_from(*part->foods ? part->foods : part->avoid), outer = str_from(food_word_avoid(whole));
	bool any = false;
	for (size_t i = 0; i < food_count; i++) {
		if (!food_selected(&food_table[i], inner)) continue;
		any = true;
		if (!food_selected(&food_table[i], outer)) return false;
	}
	return any;
}

/* Whether all foods of the span belong to the foods that the exception is made from: salmon to fish. */
static bool is_within(const struct finder *f, struct span span, const struct food_list *base)
{
	for (size_t i = span.first; i < span.end; i++) {
		const struct token *token = &f->tokens->items[i];
		bool within = false;
		if (!has_foods(f, i)) continue;
		for (size_t b = 0; b < base->count && !within; b++) {
			const struct token *other = &f->tokens->items[base->at[b]];
			for (size_t k = 0; k < token->food_count; k++)
				for (size_t m = 0; m < other->food_count; m++)
					within |= word_is_within(&food_word_table[token->foods[k]],
					                         &food_word_table[other->foods[m]]);
		}
		if (!within) return false;
	}
	return true;
}

static bool any_servable(const struct finder *f, struct span span)
{
	for (size_t i = span.first; i < span.end; i++) {
		if (has_foods(f, i) && is_servable(f, i)) return true;
	}
	return false;
}

/* form: from the first word to the last; foods: what is excepted. */
static void settle_exception(struct finder *f, struct span form, struct span foods, const struct governor *g)
{
	enum verdict refused = g->polarity == POLARITY_ALLERGY ? VERDICT_ALLERGEN : VERDICT_AVOIDED;
	switch (g->polarity) {
	case POLARITY_NONE:
	case POLARITY_GOOD: /* "eats everything except chicken" */
		take(f, form);
		judge(f, foods, VERDICT_AVOIDED);
		return;
	case POLARITY_NO_ALLERGY: /* "no allergies except chicken" */
		take(f, form);
		judge(f, foods, VERDICT_ALLERGEN);
		return;
	case POLARITY_AVOID:
	case POLARITY_ALLERGY: break;
	}
	take(f, form);
	if (g->base.count && is_within(f, foods, &g->base)) { /* "no fish except salmon" */
		judge_list(f, &g->base, refused);
		judge(f, foods, VERDICT_SPARED);
	} else if (g->base.count && !g->all) { /* "besides chicken, no beef": may mean either */
		judge_list(f, &g->base, refused);
		judge(f, foods, refused);
		mark_unclear(f, foods.first);
	} else if (!any_servable(f, foods)) {
		mark_unclear(f, foods.first);
	} else {
		judge_list(f, &g->base, refused);
		judge(f, foods, VERDICT_ONLY);
		f->out->only_allergy |= g->polarity == POLARITY_ALLERGY;
	}
}

/* The excepted foods and the words that mark them: after "except", before 以外, or between the two. */
static bool find_excepted(const struct finder *f, size_t mark, struct span *form, struct span *foods)
{
	if (roles_at(f, mark) & ROLE_BESIDE) {
		if (!food_run_before(f->tokens, mark, &foods->first)) return false;
		foods->end = mark;
		*form = (struct span){ foods->first, mark + 1 };
		return true;
	}
	size_t i = mark + 1, strangers = 0;
	for (; !(roles_at(f, i) & ROLE_FOOD); i++) {
		unsigned roles = roles_at(f, i);
		if (i >= f->tokens->count || is_boundary(roles) || polarity_of(f, i) > POLARITY_GOOD) return false;
		if (is_strange(roles) && ++strangers > 2) return false;
	}
	*foods = (struct span){ i, list_end(f, i) };
	*form = (struct span){ mark, foods->end };
	size_t after = foods->end;
	while (roles_at(f, after) & ROLE_SOFT) after++;
	if (roles_at(f, after) & ROLE_BESIDE || token_is(f->tokens, after, "外")) form->end = after + 1;
	return true;
}

static void read_exception(struct finder *f, size_t mark)
{
	struct span form, foods;
	if (!find_excepted(f, mark, &form, &foods)) return;
	f->out->settled[mark] = true;
	size_t from = form.first;
	if (from && roles_at(f, from - 1) & ROLE_COMMA) from--; /* "everything, except duck" */
	struct governor g = governor_before(f, from);
	if (g.polarity) {
		/* "is allergic to" and the like are spent; "eats" before it may have more to say, but not of these foods. */
		if (g.polarity != POLARITY_GOOD) form.first = g.at;
		/* 对除了鸡肉以外的肉都过敏: "for … allergic" has the verb at its end. */
		settle_exception(f, form, foods, &g);
		return;
	}
	g = governor_after(f, form.end);
	if (g.polarity && g.adds && !g.all) { /* "besides chicken, also allergic to beef" */
		enum verdict too = g.polarity == POLARITY_ALLERGY ? VERDICT_ALLERGEN
		                   : g.polarity == POLARITY_AVOID ? VERDICT_AVOIDED
		                                                  : VERDICT_PLAIN;
		take(f, form);
		judge(f, foods, too);
		return;
	}
	if (g.polarity > POLARITY_GOOD && g.at >= form.end) {
		take(f, (struct span){ form.end, g.at + 1 });
		for (size_t k = 0; k < g.base.count; k++) take(f, (struct span){ g.base.at[k], g.base.at[k] + 1 });
		/* 都不能吃会拉肚子: a reason that follows says the same once more. */
		for (size_t i = g.at + 1; !is_boundary(roles_at(f, i)); i++) take(f, (struct span){ i, i + 1 });
	}
	if (!g.polarity) g.polarity = f->unsaid;
	settle_exception(f, form, foods, &g);
}

/* "any meat but lamb": an exception, where "but" else ends a clause. */
static void settle_buts(struct finder *f)
{
	for (size_t i = 1; i < f->tokens->count; i++) {
		if (!(roles_at(f, i) & ROLE_BUT)) continue;
		size_t next = i + 1;
		while (roles_at(f, next) & ROLE_SOFT) next++;
		if (!(roles_at(f, next) & ROLE_FOOD)) continue;
		size_t after = list_end(f, next);
		if (!is_boundary(roles_at(f, after)) && !token_is(f->tokens, after, "please")) continue;
		size_t before = i;
		while (before > 0 && roles_at(f, before - 1) & ROLE_SOFT) before--;
		bool of_all = false;
		for (size_t k = before; k < i; k++)
			of_all |= (roles_at(f, k) & ROLE_ALL) != 0 || token_is(f->tokens, k, "meat|meats|food|foods");
		if (roles_at(f, i - 1) & ROLE_ALL || of_all || is_meatless_wish(f, i - 1))
			f->tokens->items[i].roles = ROLE_EXCEPT;
	}
}

static void read_only(struct finder *f, size_t mark)
{
	size_t i = mark + 1, strangers = 0;
	bool few = false;
	/* "allergic only to chicken", "not fed only chicken": ordinary words with a stress. */
	for (size_t k = mark; k-- > 0;) {
		unsigned roles = roles_at(f, k);
		if (!(roles & (ROLE_LEAD | ROLE_SOFT | ROLE_EAT))) {
			enum polarity polarity = polarity_of(f, k);
			if (polarity > POLARITY_GOOD && !f->out->taken[k]) {
				f->out->settled[mark] = true;
				return;
			}
			break;
		}
	}
	for (; !(roles_at(f, i) & ROLE_FOOD); i++) {
		unsigned roles = roles_at(f, i);
		few |= (roles & ROLE_FEW) != 0;
		if (i >= f->tokens->count || is_boundary(roles) || roles & ROLE_CONNECT) break;
		if (polarity_of(f, i) > POLARITY_GOOD) { /* "only avoids fish" */
			f->out->settled[mark] = true;
			return;
		}
		if (roles & ROLE_LIKE && strangers) break;
		if (is_strange(roles) && ++strangers > STRANGERS_MAX) break;
	}
	struct span foods = { 0, 0 }, form = { mark, mark + 1 };
	bool allergy = false;
	if (roles_at(f, i) & ROLE_FOOD && i < f->tokens->count) {
		foods = (struct span){ i, list_end(f, i) };
		size_t after = foods.end;
		while (roles_at(f, after) & (ROLE_LEAD | ROLE_SOFT | ROLE_LINK | ROLE_CAUSE) &&
		       after < f->tokens->count)
			after++;
		unsigned roles = roles_at(f, after);
		bool ends = is_boundary(roles_at(f, after + 1));
		/* 只要吃鸡肉就 … is a when, 只要鸡肉 is an only */
		if (roles_at(f, mark) & ROLE_FROM && !is_boundary(roles)) {
			f->out->settled[mark] = true;
			return;
		}
		if (roles & (ROLE_ALLERGY | ROLE_SYMPTOM | ROLE_UPSETS) ? !is_denied_before(f, after)
		                                                        : roles & ROLE_AVOID && ends) {
			f->out->settled[mark] = true; /* "only beef makes her itch", 只有鱼不吃 */
			return;
		}
		allergy =
		    roles & ROLE_NO_ALLERGY || (roles & (ROLE_ALLERGY | ROLE_SYMPTOM) && !(roles & ROLE_CONDITION));
		form.end = allergy ? after + 1 : foods.end;
		if (is_boundary(roles_at(f, after)) && after < f->tokens->count && !allergy) form.end = foods.end;
	} else {
		/* "chicken only", "lamb is the only meat that she eats" */
		size_t before = mark;
		while (before > 0 && roles_at(f, before - 1) & (ROLE_LEAD | ROLE_SOFT)) before--;
		if (!food_run_before(f->tokens, before, &foods.first)) return;
		foods.end = before;
		bool refused = foods.first && (polarity_of(f, foods.first - 1) > POLARITY_GOOD);
		size_t after = mark + 1;
		while (roles_at(f, after) & (ROLE_SOFT | ROLE_LEAD | ROLE_LIKE | ROLE_EAT | ROLE_LINK) &&
		       after < f->tokens->count)
			after++;
		few |= (roles_at(f, after) & ROLE_FEW) != 0;
		if (refused || (!few && !is_boundary(roles_at(f, after)))) return;
		form = (struct span){ foods.first, mark + 1 };
	}
	f->out->settled[mark] = true;
	if (few) return; /* "only a little chicken" is about how much */
	take(f, form);
	if (any_servable(f, foods)) {
		judge(f, foods, VERDICT_ONLY);
		f->out->only_allergy |= allergy;
	} else {
		mark_unclear(f, foods.first);
	}
}

/* "chicken makes her itch", 吃鸡肉会拉肚子; s is the symptom. */
static bool read_effect_after(struct finder *f, size_t s)
{
	bool linked = roles_at(f, s) & ROLE_UPSETS || token_is(f->tokens, s, "就拉|会拉|老拉|总拉|爱拉"),
	     caused = linked;
	bool denied = false, over_comma = false;
	size_t strangers = 0, i = s;
	while (i > 0 && !(roles_at(f, i - 1) & ROLE_FOOD)) {
		unsigned roles = roles_at(f, --i);
		if (roles & ROLE_STOP || f->out->taken[i]) return false;
		if (roles & ROLE_NEGATION || token_is(f->tokens, i, "不|没")) {
			denied = true;
			continue;
		}
		if (roles & ROLE_COMMA) {
			if (over_comma || !(linked || caused || roles_at(f, i + 1) & (ROLE_LEAD | ROLE_LINK)))
				return false;
			over_comma = true;
			continue;
		}
		if (roles & (ROLE_AVOID | ROLE_ALLERGY | ROLE_NO_ALLERGY | ROLE_EXCEPT | ROLE_BESIDE)) return false;
		caused |= (roles & ROLE_CAUSE) != 0;
		linked |= (roles & (ROLE_LINK | ROLE_EAT)) != 0;
		bool wish = roles & ROLE_LIKE && !(roles & (ROLE_EAT | ROLE_CAUSE));
		if (wish) return false;
		if (is_strange(roles) && !(roles & (ROLE_CAUSE | ROLE_SYMPTOM)) && ++strangers > STRANGERS_MAX)
			return false;
	}
	size_t first = 0;
	if (!i || !food_run_before(f->tokens, i, &first)) return false;
	/* What stands before the foods: 吃, "when she eats". */
	bool eaten = false, opened = false;
	size_t start = first;
	while (start > 0) {
		unsigned roles = roles_at(f, start - 1);
		if (is_boundary(roles) || !(roles & (ROLE_EAT | ROLE_FROM | ROLE_LEAD | ROLE_SOFT | ROLE_LINK)) ||
		    f->out->taken[start - 1])
			break;
		start--;
		eaten |= (roles & ROLE_EAT) != 0 && !(roles & ROLE_LEAD);
		opened |= (roles & ROLE_FROM) != 0;
	}
	unsigned before = start ? roles_at(f, start - 1) : ROLE_STOP;
	bool wished = before & ROLE_LIKE && !(before & ROLE_EAT);
	if (before & (ROLE_NEGATION | ROLE_AVOID)) return false;
	bool certain = caused || (opened && (eaten || !over_comma || linked)) || (eaten && !over_comma) ||
	               (linked && !over_comma) || (eaten && linked);
	/* 鸡肉拉肚子 side by side, without a word in between, says so too, but not "likes chicken, diarrhoea". */
	certain |= i == s && first < s && roles_at(f, s - 1) & ROLE_FOOD;
	if (!certain || (wished && !caused && !linked) || (wished && over_comma)) return false;
	judge(f, (struct span){ first, i }, denied ? VERDICT_PLAIN : VERDICT_ALLERGEN);
	take(f, (struct span){ start, s + 1 });
	return true;
}

/* "gets diarrhoea from beef", "throws up after eating fish". */
static bool read_effect_before(struct finder *f, size_t s)
{
	size_t i = s + 1, strangers = 0;
	bool from = false;
	for (; !(roles_at(f, i) & ROLE_FOOD) && i < f->tokens->count; i++) {
		unsigned roles = roles_at(f, i);
		if (is_boundary(roles) || roles & (ROLE_AVOID | ROLE_NEGATION | ROLE_ALLERGY | ROLE_EXCEPT | ROLE_ONLY))
			return false;
		from |= (roles & ROLE_FROM) != 0;
		if (!from && roles & (ROLE_EAT | ROLE_LIKE)) return false;
		if (is_strange(roles) && !(roles & ROLE_SYMPTOM) && ++strangers > 1) return false;
	}
	if (!from || i >= f->tokens->count) return false;
	judge(f, (struct span){ i, list_end(f, i) }, is_denied_before(f, s) ? VERDICT_PLAIN : VERDICT_ALLERGEN);
	take(f, (struct span){ s, i });
	return true;
}

/* An effect whose food is not in the sentence: "likes chicken, but it makes her itch". */
static bool is_effect_without_food(const struct finder *f, size_t s)
{
	bool cause = roles_at(f, s) & ROLE_UPSETS;
	for (size_t i = s; i-- > 0 && !is_boundary(roles_at(f, i));) {
		unsigned roles = roles_at(f, i);
		if (roles & ROLE_FOOD || roles & ROLE_NEGATION) return false;
		cause |= roles & ROLE_CAUSE || (roles & ROLE_EAT && !(roles & ROLE_LEAD)) ||
		         token_is(f->tokens, i, "一吃|一喝|一碰");
	}
	return cause;
}

static void read_effect(struct finder *f, size_t s)
{
	if (f->out->taken[s]) return;
	if (roles_at(f, s) &
	    ROLE_ALLERGY) { /* "chicken triggers her allergies"; without a cause it is read as a word */
		bool cause = false;
		for (size_t i = s; i-- > 0 && roles_at(f, i) & (ROLE_LEAD | ROLE_SOFT | ROLE_CAUSE);)
			cause |= (roles_at(f, i) & ROLE_CAUSE) != 0;
		if (cause) (void)read_effect_after(f, s);
		return;
	}
	if (read_effect_after(f, s) || (roles_at(f, s) & ROLE_SYMPTOM && read_effect_before(f, s))) return;
	if (is_effect_without_food(f, s)) mark_unclear(f, s);
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
	settle_buts(&f);
	for (size_t i = 0; i < tokens->count; i++) {
		if (roles_at(&f, i) & (ROLE_EXCEPT | ROLE_BESIDE) && !out->taken[i]) read_exception(&f, i);
	}
	for (size_t i = 0; i < tokens->count; i++) {
		if (roles_at(&f, i) & ROLE_ONLY && !out->taken[i]) read_only(&f, i);
	}
	for (size_t i = 0; i < tokens->count; i++) {
		if (roles_at(&f, i) & (ROLE_SYMPTOM | ROLE_UPSETS | ROLE_ALLERGY)) read_effect(&f, i);
	}
}
