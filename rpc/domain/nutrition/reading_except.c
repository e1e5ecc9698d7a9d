/* Exceptions: what is excepted from a refusal is all that is eaten, what is excepted from "eats everything" is not eaten. */
#include "rpc/domain/nutrition/food_words.h"
#include "rpc/domain/nutrition/foods.h"
#include "rpc/domain/nutrition/reading_forms.h"

struct food_list {
	size_t count;
	size_t at[FORM_FOODS_MAX];
};

static void judge_list(struct finder *f, const struct food_list *list, enum verdict verdict)
{
	for (size_t k = 0; k < list->count; k++) form_judge(f, (struct span){ list->at[k], list->at[k] + 1 }, verdict);
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
		unsigned roles = form_roles(f, i);
		if (roles & (ROLE_STOP | ROLE_EXCEPT | ROLE_BESIDE) || (f->out->taken[i] && !form_has_food(f, i)))
			break;
		g.polarity = form_polarity_of(f, i);
		g.at = i;
		size_t first = 0;
		if (roles & ROLE_FREE && food_run_before(f->tokens, i, &first)) { /* "grain-free except oats" */
			g.polarity = POLARITY_AVOID;
			for (size_t k = first; k < i; k++)
				if (form_has_food(f, k) && form_is_servable(f, k)) base_add(&g, k);
		}
		if (g.polarity) return g;
		g.all |= (roles & ROLE_ALL) != 0;
		if (roles & ROLE_FOOD && form_is_servable(f, i)) base_add(&g, i);
		if (form_is_strange(roles) && !is_boundary(roles) && !(roles & ROLE_FOOD) &&
		    ++strangers > STRANGERS_MAX)
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
		for (; !is_boundary(form_roles(f, i)); i++) {
			unsigned roles = form_roles(f, i);
			enum polarity polarity = form_polarity_of(f, i);
			bool stronger = polarity > POLARITY_GOOD ? clause.polarity <= POLARITY_GOOD : !clause.polarity;
			if (polarity && stronger) {
				clause.polarity = polarity;
				clause.at = i;
			}
			clause.all |= (roles & ROLE_ALL) != 0;
			clause.adds |= (roles & ROLE_ADD) != 0;
			if (roles & ROLE_FOOD && form_is_servable(f, i)) base_add(&clause, i);
		}
		ended = clause.polarity || i >= f->tokens->count || form_roles(f, i) & ROLE_STOP;
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
		if (!form_has_food(f, i)) continue;
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

/* form: from the first word to the last; foods: what is excepted. */
static void settle_exception(struct finder *f, struct span form, struct span foods, const struct governor *g)
{
	enum verdict refused = g->polarity == POLARITY_ALLERGY ? VERDICT_ALLERGEN : VERDICT_AVOIDED;
	switch (g->polarity) {
	case POLARITY_NONE:
	case POLARITY_GOOD: /* "eats everything except chicken" */
		form_take(f, form);
		form_judge(f, foods, VERDICT_AVOIDED);
		return;
	case POLARITY_NO_ALLERGY: /* "no allergies except chicken" */
		form_take(f, form);
		form_judge(f, foods, VERDICT_ALLERGEN);
		return;
	case POLARITY_AVOID:
	case POLARITY_ALLERGY: break;
	}
	form_take(f, form);
	if (g->base.count && is_within(f, foods, &g->base)) { /* "no fish except salmon" */
		judge_list(f, &g->base, refused);
		form_judge(f, foods, VERDICT_SPARED);
	} else if (g->base.count && !g->all) { /* "besides chicken, no beef": may mean either */
		judge_list(f, &g->base, refused);
		form_judge(f, foods, refused);
		form_mark_unclear(f, foods.first);
	} else if (!form_any_servable(f, foods)) {
		form_mark_unclear(f, foods.first);
	} else {
		judge_list(f, &g->base, refused);
		form_judge(f, foods, VERDICT_ONLY);
		f->out->only_allergy |= g->polarity == POLARITY_ALLERGY;
	}
}

/* The excepted foods and the words that mark them: after "except", before 以外, or between the two. */
static bool find_excepted(const struct finder *f, size_t mark, struct span *form, struct span *foods)
{
	if (form_roles(f, mark) & ROLE_BESIDE) {
		if (!food_run_before(f->tokens, mark, &foods->first)) return false;
		foods->end = mark;
		*form = (struct span){ foods->first, mark + 1 };
		return true;
	}
	size_t i = mark + 1, strangers = 0;
	for (; !(form_roles(f, i) & ROLE_FOOD); i++) {
		unsigned roles = form_roles(f, i);
		if (i >= f->tokens->count || is_boundary(roles) || form_polarity_of(f, i) > POLARITY_GOOD) return false;
		if (form_is_strange(roles) && ++strangers > 2) return false;
	}
	*foods = (struct span){ i, form_list_end(f, i) };
	*form = (struct span){ mark, foods->end };
	size_t after = foods->end;
	while (form_roles(f, after) & ROLE_SOFT) after++;
	if (form_roles(f, after) & ROLE_BESIDE || token_is(f->tokens, after, "外")) form->end = after + 1;
	return true;
}

void form_read_exception(struct finder *f, size_t mark)
{
	struct span form, foods;
	if (!find_excepted(f, mark, &form, &foods)) return;
	f->out->settled[mark] = true;
	size_t from = form.first;
	if (from && form_roles(f, from - 1) & ROLE_COMMA) from--; /* "everything, except duck" */
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
		form_take(f, form);
		form_judge(f, foods, too);
		return;
	}
	if (g.polarity > POLARITY_GOOD && g.at >= form.end) {
		form_take(f, (struct span){ form.end, g.at + 1 });
		for (size_t k = 0; k < g.base.count; k++) form_take(f, (struct span){ g.base.at[k], g.base.at[k] + 1 });
		/* 都不能吃会拉肚子: a reason that follows says the same once more. */
		for (size_t i = g.at + 1; !is_boundary(form_roles(f, i)); i++) form_take(f, (struct span){ i, i + 1 });
	}
	if (!g.polarity) g.polarity = f->unsaid;
	settle_exception(f, form, foods, &g);
}

/* "any meat but lamb": an exception, where "but" else ends a clause. */
void form_settle_buts(struct finder *f)
{
	for (size_t i = 1; i < f->tokens->count; i++) {
		if (!(form_roles(f, i) & ROLE_BUT)) continue;
		size_t next = i + 1;
		while (form_roles(f, next) & ROLE_SOFT) next++;
		if (!(form_roles(f, next) & ROLE_FOOD)) continue;
		size_t after = form_list_end(f, next);
		if (!is_boundary(form_roles(f, after)) && !token_is(f->tokens, after, "please")) continue;
		size_t before = i;
		while (before > 0 && form_roles(f, before - 1) & ROLE_SOFT) before--;
		bool of_all = false;
		for (size_t k = before; k < i; k++)
			of_all |= (form_roles(f, k) & ROLE_ALL) != 0 || token_is(f->tokens, k, "meat|meats|food|foods");
		if (form_roles(f, i - 1) & ROLE_ALL || of_all || form_is_meatless_wish(f, i - 1))
			f->tokens->items[i].roles = ROLE_EXCEPT;
	}
}
