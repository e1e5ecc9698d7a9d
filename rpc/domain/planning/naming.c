#include "rpc/domain/planning/naming.h"

#include <math.h>
#include <string.h>

#include "rpc/domain/nutrition/breeds.h"

struct str food_short_name(struct arena *arena, const struct food *food, enum lang lang)
{
	static const char *const ends_zh[] = { "（", "(", "/" };
	static const char *const ends_en[] = { ",", " (", " '" };
	const char *const *ends = lang == LANG_ZH ? ends_zh : ends_en;
	struct str name = str_from(text2_in(food->name, lang));
	size_t end = name.len;
	for (size_t i = 0; i < 3; i++) {
		size_t at = str_find(name, str_from(ends[i]), 0);
		if (at != SIZE_MAX && at > 0 && at < end) end = at;
	}
	return str_dup(arena, (struct str){ name.ptr, end });
}

/* Places and symbols keep their capital inside a sentence. */
static const char *const proper_words[] = { "Alaska", "Atlantic", "Pacific", "Ca:P" };

struct str name_inner(struct arena *arena, struct str name, enum lang lang)
{
	bool word =
	    name.len > 1 && name.ptr[0] >= 'A' && name.ptr[0] <= 'Z' && name.ptr[1] >= 'a' && name.ptr[1] <= 'z';
	for (size_t i = 0; i < COUNT(proper_words); i++) word &= !str_has_prefix(name, str_from(proper_words[i]));
	if (lang != LANG_EN || !word) return name;
	char *copy = str_dup_c(arena, name);
	copy[0] = (char)(copy[0] - 'A' + 'a');
	return (struct str){ copy, name.len };
}

struct str food_inner_name(struct arena *arena, const struct food *food, enum lang lang)
{
	return name_inner(arena, food_short_name(arena, food, lang), lang);
}

struct str nutrient_inner_name(struct arena *arena, enum nutrient nutrient, enum lang lang)
{
	return name_inner(arena, str_from(text2_in(nutrient_infos[nutrient].name, lang)), lang);
}

struct str food_grams_text(struct arena *arena, const struct food *food, double grams)
{
	if (food->category == FOOD_SUPPLEMENT) {
		if (grams < 0.05) return str_printf(arena, "%.1f mg", grams * 1000);
		return str_printf(arena, grams < 1 ? "%.3f g" : "%.2f g", grams);
	}
	if (fabs(grams - round(grams)) < 0.05) return str_printf(arena, "%.0f g", grams);
	return str_printf(arena, "%.1f g", grams);
}

struct str age_text(struct arena *arena, int months, enum lang lang)
{
	enum { COUNTED_IN_MONTHS = 24 };
	int years = months / 12, rest = months % 12;
	if (months < COUNTED_IN_MONTHS)
		return lang == LANG_ZH ? str_printf(arena, "%d 个月大", months)
		                       : str_printf(arena, months == 1 ? "%d month old" : "%d months old", months);
	if (!rest) return str_printf(arena, lang == LANG_ZH ? "%d 岁" : "%d years old", years);
	return lang == LANG_ZH
	           ? str_printf(arena, "%d 岁 %d 个月", years, rest)
	           : str_printf(arena, rest == 1 ? "%d years and %d month old" : "%d years and %d months old", years,
	                        rest);
}

struct str weight_text(struct arena *arena, double kg)
{
	return str_printf(arena, kg < 10 ? "%.2f kg" : "%.1f kg", kg);
}

struct str pet_text(struct arena *arena, const struct pet *pet)
{
	bool zh = pet->lang == LANG_ZH, dog = pet->species == SPECIES_DOG;
	struct str said = str_trim(pet->breed);
	const struct breed *breed =
	    said.len ? breed_find(pet->species, said, pet->weight_said ? pet->weight_kg : 0) : NULL;
	if (breed) return str_from(text2_in(breed->name, pet->lang));
	if (said.len) return str_dup(arena, said);
	return str_from(zh ? (dog ? "狗狗" : "猫咪") : dog ? "dog" : "cat");
}

bool condition_is_stage(const char *id)
{
	static const char *const stages[] = { "growth_large", "growth_small",  "growth_kitten", "pregnancy",
		                              "lactation",    "pregnancy_cat", "senior" };
	for (size_t i = 0; i < COUNT(stages); i++) {
		if (strcmp(stages[i], id) == 0) return true;
	}
	return false;
}

const char *profile_text(const char *profile, enum lang lang)
{
	static const struct {
		const char *id;
		struct text2 name;
	} names[] = {
		{ "dog_adult", { "成年犬", "adult dogs" } },
		{ "dog_growth_repro", { "幼犬及孕哺期母犬", "puppies and breeding dogs" } },
		{ "dog_late_growth", { "成长后期的幼犬", "puppies in late growth" } },
		{ "dog_growth_large", { "大型犬幼犬", "puppies of large breeds" } },
		{ "cat_adult", { "成年猫", "adult cats" } },
		{ "cat_growth_repro", { "幼猫及孕哺期母猫", "kittens and breeding cats" } },
	};
	for (size_t i = 0; i < COUNT(names); i++) {
		if (strcmp(names[i].id, profile) == 0) return text2_in(names[i].name, lang);
	}
	return profile;
}
