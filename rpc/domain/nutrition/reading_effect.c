/* Reactions: a food and what it does to the pet, in either order. Such a food is left out as an allergen is, and the symptom
 * that it explains is no disease. */
#include "rpc/domain/nutrition/reading_forms.h"

/* "chicken makes her itch", 吃鸡肉会拉肚子; s is the symptom. */
static bool read_effect_after(struct finder *f, size_t s)
{
	bool linked = form_roles(f, s) & ROLE_UPSETS || token_is(f->tokens, s, "就拉|会拉|老拉|总拉|爱拉"),
	     caused = linked;
	bool denied = false, over_comma = false;
	size_t strangers = 0, i = s;
	while (i > 0 && !(form_roles(f, i - 1) & ROLE_FOOD)) {
		unsigned roles = form_roles(f, --i);
		if (roles & ROLE_STOP || f->out->taken[i]) return false;
		if (roles & ROLE_NEGATION || token_is(f->tokens, i, "不|没")) {
			denied = true;
			continue;
		}
		if (roles & ROLE_COMMA) {
			if (over_comma || !(linked || caused || form_roles(f, i + 1) & (ROLE_LEAD | ROLE_LINK)))
				return false;
			over_comma = true;
			continue;
		}
		if (roles & (ROLE_AVOID | ROLE_ALLERGY | ROLE_NO_ALLERGY | ROLE_EXCEPT | ROLE_BESIDE)) return false;
		caused |= (roles & ROLE_CAUSE) != 0;
		linked |= (roles & (ROLE_LINK | ROLE_EAT)) != 0;
		bool wish = roles & ROLE_LIKE && !(roles & (ROLE_EAT | ROLE_CAUSE));
		if (wish) return false;
		if (form_is_strange(roles) && !(roles & (ROLE_CAUSE | ROLE_SYMPTOM)) && ++strangers > STRANGERS_MAX)
			return false;
	}
	size_t first = 0;
	if (!i || !food_run_before(f->tokens, i, &first)) return false;
	/* What stands before the foods: 吃, "when she eats". */
	bool eaten = false, opened = false;
	size_t start = first;
	while (start > 0) {
		unsigned roles = form_roles(f, start - 1);
		if (is_boundary(roles) || !(roles & (ROLE_EAT | ROLE_FROM | ROLE_LEAD | ROLE_SOFT | ROLE_LINK)) ||
		    f->out->taken[start - 1])
			break;
		start--;
		eaten |= (roles & ROLE_EAT) != 0 && !(roles & ROLE_LEAD);
		opened |= (roles & ROLE_FROM) != 0;
	}
	unsigned before = start ? form_roles(f, start - 1) : ROLE_STOP;
	bool wished = before & ROLE_LIKE && !(before & ROLE_EAT);
	if (before & (ROLE_NEGATION | ROLE_AVOID)) return false;
	bool certain = caused || (opened && (eaten || !over_comma || linked)) || (eaten && !over_comma) ||
	               (linked && !over_comma) || (eaten && linked);
	/* 鸡肉拉肚子 side by side, without a word in between, says so too, but not "likes chicken, diarrhoea". */
	certain |= i == s && first < s && form_roles(f, s - 1) & ROLE_FOOD;
	if (!certain || (wished && !caused && !linked) || (wished && over_comma)) return false;
	form_judge(f, (struct span){ first, i }, denied ? VERDICT_PLAIN : VERDICT_ALLERGEN);
	form_take(f, (struct span){ start, s + 1 });
	return true;
}

/* "gets diarrhoea from beef", "throws up after eating fish". */
static bool read_effect_before(struct finder *f, size_t s)
{
	size_t i = s + 1, strangers = 0;
	bool from = false;
	for (; !(form_roles(f, i) & ROLE_FOOD) && i < f->tokens->count; i++) {
		unsigned roles = form_roles(f, i);
		if (is_boundary(roles) || roles & (ROLE_AVOID | ROLE_NEGATION | ROLE_ALLERGY | ROLE_EXCEPT | ROLE_ONLY))
			return false;
		from |= (roles & ROLE_FROM) != 0;
		if (!from && roles & (ROLE_EAT | ROLE_LIKE)) return false;
		if (form_is_strange(roles) && !(roles & ROLE_SYMPTOM) && ++strangers > 1) return false;
	}
	if (!from || i >= f->tokens->count) return false;
	form_judge(f, (struct span){ i, form_list_end(f, i) },
	           form_is_denied_before(f, s) ? VERDICT_PLAIN : VERDICT_ALLERGEN);
	form_take(f, (struct span){ s, i });
	return true;
}

/* An effect whose food is not in the sentence: "likes chicken, but it makes her itch". */
static bool is_effect_without_food(const struct finder *f, size_t s)
{
	bool cause = form_roles(f, s) & ROLE_UPSETS;
	for (size_t i = s; i-- > 0 && !is_boundary(form_roles(f, i));) {
		unsigned roles = form_roles(f, i);
		if (roles & ROLE_FOOD || roles & ROLE_NEGATION) return false;
		cause |= roles & ROLE_CAUSE || (roles & ROLE_EAT && !(roles & ROLE_LEAD)) ||
		         token_is(f->tokens, i, "一吃|一喝|一碰");
	}
	return cause;
}

void form_read_effect(struct finder *f, size_t s)
{
	if (f->out->taken[s]) return;
	if (form_roles(f, s) &
	    ROLE_ALLERGY) { /* "chicken triggers her allergies"; without a cause it is read as a word */
		bool cause = false;
		for (size_t i = s; i-- > 0 && form_roles(f, i) & (ROLE_LEAD | ROLE_SOFT | ROLE_CAUSE);)
			cause |= (form_roles(f, i) & ROLE_CAUSE) != 0;
		if (cause) (void)read_effect_after(f, s);
		return;
	}
	if (read_effect_after(f, s) || (form_roles(f, s) & ROLE_SYMPTOM && read_effect_before(f, s))) return;
	if (is_effect_without_food(f, s)) form_mark_unclear(f, s);
}
