/* Words: every text of the pet is read once, and what could not be followed is told. */
#include <string.h>

#include "rpc/domain/nutrition/safety.h"
#include "rpc/domain/planning/assess_parts.h"

/* The Chinese name of a food up to its first bracket: 鸡胸肉（去皮，烤/蒸熟） is 鸡胸肉. */
static struct str short_name(struct str name)
{
	size_t bracket = str_find(name, STR("（"), 0);
	return bracket == SIZE_MAX ? name : (struct str){ name.ptr, bracket };
}

/* Marks the foods that an item names by id or full name. False if it names none. */
static bool rows_named(struct str item, bool *rows)
{
	bool found = false;
	for (size_t i = 0; i < food_count; i++) {
		struct str zh = str_from(food_table[i].name.zh);
		if (!str_equal(item, str_from(food_table[i].id)) &&
		    !str_equal_nocase(item, str_from(food_table[i].name.en)) && !str_equal(item, zh) &&
		    !str_equal(item, short_name(zh)))
			continue;
		rows[i] = found = true;
	}
	return found;
}

static void warn_unknown(struct assess *s, const char *list_zh, const char *list_en, struct str item)
{
	const char *list = assess_is_zh(s) ? list_zh : list_en;
	assess_warn(s, "%s中的“" STR_FMT "”没有识别出来，方案没有考虑它，请自行核对或改用常见名称。",
	            "\"%s\": \"" STR_FMT
	            "\" was not understood and the plan does not consider it; check it yourself or use a common "
	            "name.",
	            list, STR_ARG(item));
}

static void read_issues(struct assess *s, const struct lexicon *lexicon)
{
	const struct pet *pet = s->pet;
	struct str texts[2] = { pet->health_status, pet->special_requirements };
	for (size_t i = 0; i < COUNT(texts); i++) {
		if (!texts[i].len) continue;
		reading_add(&s->words, lexicon, s->arena, texts[i], READ_TEXT);
		if (!s->words.understood)
			warn_unknown(s, i == 0 ? "健康状况" : "特殊要求",
			             i == 0 ? "health_status" : "special_requirements", texts[i]);
	}
	for (size_t i = 0; i < pet->health_issues.count; i++) {
		reading_add(&s->words, lexicon, s->arena, pet->health_issues.items[i], READ_TEXT);
		if (!s->words.understood) warn_unknown(s, "健康问题", "health_issues", pet->health_issues.items[i]);
	}
}

/* A dislike that is no food may be a supplement: read again as the wish to leave it out. */
static bool is_supplement_wish(struct assess *s, const struct lexicon *lexicon, struct str item)
{
	struct reading wish;
	reading_init(&wish, s->arena);
	reading_add(&wish, lexicon, s->arena, str_printf(s->arena, "no " STR_FMT, STR_ARG(item)), READ_TEXT);
	reading_add(&wish, lexicon, s->arena, str_printf(s->arena, "不要" STR_FMT, STR_ARG(item)), READ_TEXT);
	for (size_t i = 0; i < safety_rule_count; i++) {
		if (!wish.safety[i] || strcmp(safety_table[i].id, "remove_supplement") != 0) continue;
		s->words.safety[i] = true;
		return true;
	}
	return false;
}

static void read_lists(struct assess *s, const struct lexicon *lexicon)
{
	const struct pet *pet = s->pet;
	for (size_t i = 0; i < pet->allergens.count; i++) {
		struct str item = str_trim(pet->allergens.items[i]);
		if (!item.len) continue;
		bool unnamed = s->words.allergy_unnamed; /* a list item is its own name: "allergy: chicken" */
		reading_add(&s->words, lexicon, s->arena, item, READ_ALLERGENS);
		s->words.allergy_unnamed = unnamed;
		if (!rows_named(item, s->rows_avoided) && !s->words.understood)
			warn_unknown(s, "过敏原", "allergens", item);
	}
	for (size_t i = 0; i < pet->dislikes.count; i++) {
		struct str item = str_trim(pet->dislikes.items[i]);
		if (!item.len || rows_named(item, s->rows_avoided)) continue;
		reading_add(&s->words, lexicon, s->arena, item, READ_DISLIKES);
		if (!s->words.understood && !is_supplement_wish(s, lexicon, item))
			warn_unknown(s, "不吃的食物", "dislikes", item);
	}
	for (size_t i = 0; i < pet->available_foods.count; i++) {
		struct str item = str_trim(pet->available_foods.items[i]);
		if (!item.len) continue;
		s->offered = true;
		if (rows_named(item, s->rows_offered)) continue;
		reading_add(&s->words, lexicon, s->arena, item, READ_OFFERED);
		if (!s->words.understood) warn_unknown(s, "现有食材", "available_foods", item);
	}
}

static void set_condition(struct assess *s, const char *id)
{
	for (size_t i = 0; i < condition_count; i++) {
		if (strcmp(condition_table[i].id, id) == 0) s->words.conditions[i] = true;
	}
}

static void warn_unclear(struct assess *s)
{
	for (size_t i = 0; i < s->words.unclear_count; i++)
		assess_warn(
		    s,
		    "“" STR_FMT
		    "”提到过敏、忌口或“只吃”，但没有完全看懂，请核对排除的食材；也可直接填写过敏原和不吃的食物。",
		    "\"" STR_FMT "\" speaks of an allergy, a refusal or \"only\" and was not fully understood: check "
		                 "what is left out, "
		    "or fill in allergens and dislikes.",
		    STR_ARG(s->words.unclear[i]));
}

static void warn_safety(struct assess *s)
{
	for (size_t i = 0; i < safety_rule_count; i++) {
		const struct safety_rule *rule = &safety_table[i];
		if (!s->words.safety[i]) continue;
		const char *name = assess_in(s, rule->name), *reason = assess_in(s, rule->reason);
		if (rule->action == SAFETY_EXCLUDE)
			assess_warn(s, "不使用%s：%s", "%s: never used in the plan. %s", name, reason);
		else
			assess_warn(s, "%s：%s", "%s: %s", name, reason);
	}
}

void assess_words(struct assess *s)
{
	const struct lexicon *lexicon = lexicon_create(s->arena, s->pet->species);
	s->rows_avoided = arena_new_array(s->arena, bool, food_count);
	s->rows_offered = arena_new_array(s->arena, bool, food_count);
	reading_init(&s->words, s->arena);
	read_issues(s, lexicon);
	read_lists(s, lexicon);
	warn_unclear(s);
	if (s->words.only_allergy) set_condition(s, "food_allergy");
	if (s->words.allergy_unnamed && !s->words.only_allergy) {
		set_condition(s, "food_allergy");
		assess_warn(s, "提到了过敏但没有说明是什么食物，方案按排除饮食设计；知道过敏原后请填写。",
		            "An allergy was mentioned without the food, so the plan is an elimination diet; name the "
		            "allergen once it is "
		            "known.");
	}
	warn_safety(s);
}
