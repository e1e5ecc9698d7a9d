#include "rpc/domain/planning/naming.h"

#include <math.h>

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

/* Lower case, unless the first word is an abbreviation. */
static struct str inner(struct arena *arena, struct str name, enum lang lang)
{
	bool word =
	    name.len > 1 && name.ptr[0] >= 'A' && name.ptr[0] <= 'Z' && name.ptr[1] >= 'a' && name.ptr[1] <= 'z';
	if (lang != LANG_EN || !word) return name;
	char *copy = str_dup_c(arena, name);
	copy[0] = (char)(copy[0] - 'A' + 'a');
	return (struct str){ copy, name.len };
}

struct str food_inner_name(struct arena *arena, const struct food *food, enum lang lang)
{
	return inner(arena, food_short_name(arena, food, lang), lang);
}

struct str nutrient_inner_name(struct arena *arena, enum nutrient nutrient, enum lang lang)
{
	return inner(arena, str_from(text2_in(nutrient_infos[nutrient].name, lang)), lang);
}

struct str food_grams_text(struct arena *arena, const struct food *food, double grams)
{
	if (food->category == FOOD_SUPPLEMENT && grams < 10) return str_printf(arena, "%.1f mg", grams * 1000);
	if (fabs(grams - round(grams)) < 0.05) return str_printf(arena, "%.0f g", grams);
	return str_printf(arena, "%.1f g", grams);
}
