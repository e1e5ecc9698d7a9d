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

/* Salmon in "no fish except salmon". */
static bool is_spared(const struct assess *s, size_t food)
{
	for (size_t w = 0; w < food_word_count; w++) {
		const struct food_word *word = &food_word_table[w];
		if (s->words.foods_spared[w] && !s->words.foods_avoided[w] && !s->words.foods_allergen[w] &&
		    food_selected(&food_table[food], str_from(word->foods)))
			return true;
	}
	return false;
}

/* For the owner's own refusals and allergies; a disease or a poison spares nothing. */
static void exclude_unspared(struct assess *s, const char *selectors)
{
	struct str list = str_from(selectors);
	for (size_t i = 0; list.len && i < food_count; i++) {
		if (food_selected(&food_table[i], list) && !is_spared(s, i)) s->out->food_excluded[i] = true;
	}
}

static void exclude_allergen(struct assess *s, struct str group)
{
	struct assessment *out = s->out;
	for (size_t i = 0; i < out->excluded_allergen_count; i++) {
		if (str_equal(group, str_from(out->excluded_allergens[i]))) return;
	}
	const char *own =
	    NULL; /* the table's own text lives as long as the program; the list's part does not end in a NUL */
	bool whole = true;
	for (size_t i = 0; i < food_count; i++) {
		if (!str_equal(group, str_from(food_table[i].allergen_group))) continue;
		own = food_table[i].allergen_group;
		if (is_spared(s, i))
			whole = false;
		else
			out->food_excluded[i] = true;
	}
	if (own && whole && out->excluded_allergen_count < ASSESS_ALLERGENS_MAX)
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
		exclude_unspared(s, food_word_allergy(word));
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

/* What "only" was said of, by what it takes the place of. */
enum only_kind { ONLY_ANIMAL, ONLY_STARCH, ONLY_PLANT, ONLY_KINDS };

static enum only_kind only_kind_of(const struct food *food)
{
	switch (food->category) {
	case FOOD_MEAT:
	case FOOD_ORGAN:
	case FOOD_FISH:
	case FOOD_EGG:
	case FOOD_DAIRY: return ONLY_ANIMAL;
	case FOOD_STARCH:
	case FOOD_LEGUME: return ONLY_STARCH;
	case FOOD_VEGETABLE:
	case FOOD_FRUIT: return ONLY_PLANT;
	case FOOD_OIL: return strcmp(food->sub_category, "animal") == 0 ? ONLY_ANIMAL : ONLY_KINDS;
	case FOOD_SEED:
	case FOOD_SUPPLEMENT: break;
	}
	return ONLY_KINDS;
}

struct only {
	bool *named; /* food_count entries */
	bool kinds[ONLY_KINDS];
	bool has_main; /* a meat or a fish is among them */
	struct strbuf names;
};

static struct only only_read(struct assess *s)
{
	struct only only = { .named = arena_new_array(s->arena, bool, food_count) };
	strbuf_init(&only.names, s->arena);
	for (size_t w = 0; w < food_word_count; w++) {
		const struct food_word *word = &food_word_table[w];
		if (!s->words.foods_only[w]) continue;
		if (only.names.len) strbuf_add_cstr(&only.names, assess_is_zh(s) ? "、" : ", ");
		strbuf_add_cstr(&only.names, assess_in(s, word->name));
		for (size_t i = 0; i < food_count; i++) {
			const char *foods = *word->foods ? word->foods : word->avoid;
			if (!food_selected(&food_table[i], str_from(foods))) continue;
			enum only_kind kind = only_kind_of(&food_table[i]);
			only.named[i] = true;
			only.has_main |= food_table[i].category == FOOD_MEAT || food_table[i].category == FOOD_FISH;
			if (kind != ONLY_KINDS) only.kinds[kind] = true;
		}
	}
	return only;
}

/* The same animal as a food that was named: duck liver for duck. */
static bool is_named_animal(const struct only *only, const char *group)
{
	for (size_t i = 0; i < food_count; i++) {
		if (only->named[i] && only_kind_of(&food_table[i]) == ONLY_ANIMAL &&
		    strcmp(food_table[i].allergen_group, group) == 0)
			return true;
	}
	return false;
}

/* "Only duck": other flesh, eggs and milk go; starches and vegetables only where one of them was named too. For an allergy
 * the groups go as a whole, so that oils and supplements of other animals do too. */
static void keep_only(struct assess *s)
{
	struct only only = only_read(s);
	if (!only.names.len) return;
	/* "Only cheese": nothing to build on. Said of an allergy it has to stand, and no plan can be made. */
	if (!only.has_main && !s->words.only_allergy) only.kinds[ONLY_ANIMAL] = false;
	for (size_t i = 0; i < food_count; i++) {
		const struct food *food = &food_table[i];
		enum only_kind kind = only_kind_of(food);
		if (kind == ONLY_KINDS || !only.kinds[kind] || only.named[i]) continue;
		/* Liver and fat of the same animal stay; of its cuts, of fish and of plants only those that were named. */
		bool by_animal = food->category == FOOD_ORGAN || food->category == FOOD_OIL;
		if (by_animal && is_named_animal(&only, food->allergen_group)) continue;
		s->out->food_excluded[i] = true;
	}
	if (s->words.only_allergy && only.kinds[ONLY_ANIMAL]) {
		for (size_t i = 0; i < food_count; i++) {
			const struct food *food = &food_table[i];
			if (only_kind_of(food) == ONLY_ANIMAL && !is_named_animal(&only, food->allergen_group))
				exclude_allergen(s, str_from(food->allergen_group));
		}
		/* Of animals, though their rows carry no group. */
		if (!is_named_animal(&only, "beef")) exclude(s, "bone_meal");
		if (!is_named_animal(&only, "egg")) exclude(s, "eggshell_powder");
	}
	if (only.kinds[ONLY_ANIMAL])
		assess_warn(s, "按“只吃%s”处理：其他肉、鱼、内脏、蛋和奶都不使用；补充剂照常。",
		            "Read as only %s: no other meat, fish, organ, egg or dairy is used; supplements stay.",
		            only.names.data);
	else
		assess_warn(s, "“只吃%s”不够成为完整的饮食，方案仍使用肉或鱼，请核对。",
		            "Only %s is no complete diet: the plan still uses meat or fish; please check.",
		            only.names.data);
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
		if (s->words.foods_avoided[i]) exclude_unspared(s, food_word_avoid(&food_word_table[i]));
	}
	exclude_allergies(s);
	keep_only(s);
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
