/* Foods: what may not be served to this pet, and what its conditions and its owner would rather see. */
#include <string.h>

#include "rpc/domain/nutrition/food_words.h"
#include "rpc/domain/nutrition/safety.h"
#include "rpc/domain/planning/assess_parts.h"

static void exclude(struct assess *s, const char *selectors)
{
	struct str list = str_from(selectors);
	if (!list.len) return;
	for (size_t i = 0; i < food_count; i++) s->out->food_excluded[i] |= food_selected(&food_table[i], list);
}

static void exclude_allergen(struct assess *s, struct str group)
{
	struct assessment *out = s->out;
	for (size_t i = 0; i < out->excluded_allergen_count; i++) {
		if (str_equal(group, str_from(out->excluded_allergens[i]))) return;
	}
	const char *own =
	    NULL; /* the table's own text lives as long as the program; the list's part does not end in a NUL */
	for (size_t i = 0; i < food_count; i++) {
		if (!str_equal(group, str_from(food_table[i].allergen_group))) continue;
		out->food_excluded[i] = true;
		own = food_table[i].allergen_group;
	}
	if (own && out->excluded_allergen_count < ASSESS_ALLERGENS_MAX)
		out->excluded_allergens[out->excluded_allergen_count++] = own;
}

static const char *group_name(const struct assess *s, struct str group)
{
	for (size_t i = 0; i < food_word_count; i++) {
		if (str_equal(group, str_from(food_word_table[i].id))) return assess_in(s, food_word_table[i].name);
	}
	return str_dup_c(s->arena, group);
}

static void exclude_allergies(struct assess *s)
{
	for (size_t i = 0; i < food_word_count; i++) {
		const struct food_word *word = &food_word_table[i];
		if (!s->words.foods_allergen[i]) continue;
		exclude(s, food_word_allergy(word));
		struct strbuf others;
		strbuf_init(&others, s->arena);
		struct str groups = str_from(word->groups), group;
		while (groups.len && str_split(&groups, '|', &group)) {
			exclude_allergen(s, group);
			if (str_equal(group, str_from(word->id))) continue;
			if (others.len) strbuf_add_cstr(&others, assess_is_zh(s) ? "、" : ", ");
			strbuf_add_cstr(&others, group_name(s, group));
		}
		if (others.len)
			assess_warn(s, "对%s过敏：为防交叉反应，同时排除%s。",
			            "Allergy to %s: %s left out as well, because the proteins are related.",
			            assess_in(s, word->name), others.data);
		else
			assess_warn(s, "对%s过敏：相关食材已全部排除。", "Allergy to %s: all of it is left out.",
			            assess_in(s, word->name));
	}
	for (size_t i = 0; i < food_count; i++) { /* an allergen list may name a food by its very name */
		if (!s->rows_avoided[i]) continue;
		for (size_t k = 0; k < s->pet->allergens.count; k++) {
			struct str item = str_trim(s->pet->allergens.items[k]);
			const char *own = food_table[i].allergen_group;
			if ((str_equal(item, str_from(food_table[i].id)) ||
			     str_equal_nocase(item, str_from(food_table[i].name.en))) &&
			    strcmp(own, "none") != 0)
				exclude_allergen(s, str_from(own));
		}
	}
}

static void keep_offered(struct assess *s)
{
	struct assessment *out = s->out;
	for (size_t i = 0; i < food_count; i++) {
		const struct food *food = &food_table[i];
		bool offered = s->rows_offered[i] || food->category == FOOD_SUPPLEMENT;
		for (size_t w = 0; w < food_word_count && !offered; w++)
			offered = s->words.foods_offered[w] && food_selected(food, str_from(food_word_table[w].foods));
		if (!offered) out->food_excluded[i] = true;
	}
}

static bool has_main(const struct assess *s)
{
	for (size_t i = 0; i < food_count; i++) {
		enum food_category category = food_table[i].category;
		if ((category == FOOD_MEAT || category == FOOD_FISH) && !s->out->food_excluded[i]) return true;
	}
	return false;
}

void assess_foods(struct assess *s)
{
	struct assessment *out = s->out;
	out->food_excluded = arena_new_array(s->arena, bool, food_count);
	out->food_preferred = arena_new_array(s->arena, bool, food_count);
	for (size_t i = 0; i < food_count; i++) {
		const struct food *food = &food_table[i];
		bool flesh = food->category == FOOD_MEAT || food->category == FOOD_ORGAN || food->category == FOOD_FISH;
		/* Flesh is always cooked, so only rows of cooked weight are served; raw weights are printed from them. */
		out->food_excluded[i] = !(assess_is_dog(s) ? food->for_dog : food->for_cat) || s->rows_avoided[i] ||
		                        (flesh && strcmp(food->state, "raw") == 0);
	}
	for (size_t i = 0; i < condition_count; i++) {
		if (s->has[i]) exclude(s, condition_table[i].exclude);
	}
	for (size_t i = 0; i < safety_rule_count; i++) {
		if (s->words.safety[i]) exclude(s, safety_table[i].foods);
	}
	for (size_t i = 0; i < food_word_count; i++) {
		if (s->words.foods_avoided[i]) exclude(s, food_word_avoid(&food_word_table[i]));
	}
	exclude_allergies(s);
	if (s->offered) keep_offered(s);
	for (size_t i = 0; i < food_count; i++) {
		const struct food *food = &food_table[i];
		if (out->food_excluded[i]) continue;
		for (size_t c = 0; c < condition_count; c++)
			out->food_preferred[i] |= s->has[c] && food_selected(food, str_from(condition_table[c].prefer));
		for (size_t w = 0; w < food_word_count; w++)
			out->food_preferred[i] |=
			    s->words.foods_liked[w] && food_selected(food, str_from(food_word_table[w].foods));
	}
	if (!has_main(s))
		assess_warn(s, "排除过敏、不吃和现有食材以外的食物后，没有可用的肉或鱼，请放宽限制。",
		            "After allergies, dislikes and the list of foods at hand no meat or fish is left; please "
		            "allow more.");
}
