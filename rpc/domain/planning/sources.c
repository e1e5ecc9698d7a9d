#include "rpc/domain/planning/sources.h"

#include <math.h>
#include <string.h>

#include "rpc/domain/nutrition/conditions.h"
#include "rpc/domain/nutrition/profiles.h"
#include "rpc/domain/planning/naming.h"

/* Words of the tables' source columns that are no names; the longest first. Names (AAFCO, NRC, SACN5) are the same anywhere. */
static const struct text2 words[] = {
	{ "安全上限", "safe upper limit" },
	{ "（犬）", " (dog)" },
	{ "，猫类推", ", by analogy for cats" },
	{ "没有更高的数据", "no data above" },
	{ "大型犬成长期 3500", "3500 in large growth" },
	{ "成长期 1400（NRC 2006）", "1400 in growth (NRC 2006)" },
	{ "成长与繁殖期 50000", "50000 in growth and reproduction" },
	{ "猫取 750", "750 chosen for cats" },
	{ "取值低于欧盟和 AAFCO 的上限", "below EU and AAFCO" },
	{ "AAFCO 2016 年以前的版本", "AAFCO before 2016" },
	{ "AAFCO（犬）", "AAFCO dog" },
	{ "AAFCO（猫）", "AAFCO cat" },
	{ "欧盟法定上限", "EU legal maximum" },
	{ "欧盟法定", "EU legal" },
	{ "欧盟 2020/354", "EU 2020/354" },
	{ "临床惯例", "clinical practice" },
	{ "心脏科惯例", "cardiology practice" },
	{ "临床教科书", "clinical texts" },
	{ "本程序的规则", "product rule" },
	{ "惯例", "practice" },
	{ " 的代谢能", " of ME" },
	{ "默克兽医手册", "Merck Veterinary Manual" },
};

/* In English the source as it stands; else its words replaced one by one. */
static struct str in_words(struct arena *arena, struct str source, enum lang lang)
{
	struct strbuf text;
	if (lang == LANG_EN) return source;
	strbuf_init(&text, arena);
	while (source.len) {
		size_t used = 0;
		for (size_t i = 0; i < COUNT(words) && !used; i++) {
			if (!str_has_prefix(source, str_from(words[i].en))) continue;
			strbuf_add_cstr(&text, words[i].zh);
			used = strlen(words[i].en);
		}
		if (!used && str_has_prefix(source, STR(" and "))) {
			strbuf_add_cstr(&text, " 与 ");
			used = 5;
		}
		if (!used && str_has_prefix(source, STR(": "))) {
			strbuf_add_cstr(&text, "：");
			used = 2;
		}
		if (!used && str_has_prefix(source, STR("; "))) {
			strbuf_add_cstr(&text, "；");
			used = 2;
		}
		if (!used) {
			strbuf_add_char(&text, source.ptr[0]);
			used = 1;
		}
		source = (struct str){ source.ptr + used, source.len - used };
	}
	return strbuf_str(&text);
}

/* Whether a remark behind the semicolon ("3500 in large growth") speaks of this animal. */
static bool remark_applies(const struct assessment *a, struct str remark)
{
	if (str_find(remark, STR("in large growth"), 0) != SIZE_MAX) return strcmp(a->profile, "dog_growth_large") == 0;
	if (str_find(remark, STR("in growth"), 0) != SIZE_MAX) return strstr(a->profile, "growth") != NULL;
	if (str_find(remark, STR("for cats"), 0) != SIZE_MAX) return a->pet->species == SPECIES_CAT;
	return true;
}

/* The part of "min AAFCO 2016; max EU legal (dog); 750 chosen for cats" for that side and this animal. */
static struct str side_of(const struct assessment *a, struct str source, enum bound_side side)
{
	struct str key = side == BOUND_MIN ? STR("min ") : STR("max ");
	size_t at = str_find(source, key, 0), end = str_find(source, STR("; max "), 0);
	if (at == SIZE_MAX) return source;
	struct str part = { source.ptr + at + key.len, source.len - at - key.len };
	if (side == BOUND_MIN && end != SIZE_MAX && end > at) part.len = end - at - key.len;
	size_t remark = str_find(part, STR("; "), 0), cats = str_find(part, STR(", by analogy for cats"), 0);
	if (remark != SIZE_MAX && !remark_applies(a, (struct str){ part.ptr + remark, part.len - remark }))
		part.len = remark;
	if (cats != SIZE_MAX && cats < part.len && a->pet->species == SPECIES_DOG) part.len = cats;
	return part;
}

static struct str profile_source(struct arena *arena, const struct assessment *a, enum nutrient n, const char *standard,
                                 enum bound_side side)
{
	enum lang lang = a->pet->lang;
	const struct profile_row *row = profile_find(standard, a->profile, n);
	const char *animals = profile_text(a->profile, lang);
	if (strcmp(standard, "CEILING") == 0)
		return lang == LANG_ZH
		           ? str_printf(arena, "%s的安全上限（AAFCO、欧盟法定与 NRC 2006 中最严者）", animals)
		           : str_printf(arena, "safety limit of %s (strictest of AAFCO, EU legal and NRC 2006)",
		                        animals);
	struct str from = in_words(arena, side_of(a, row ? str_from(row->source) : str_from(standard), side), lang);
	if (side == BOUND_MAX) return from; /* the minimum says for whom; maxima are mostly the same for all */
	return str_printf(arena, lang == LANG_ZH ? STR_FMT "（%s）" : STR_FMT " (%s)", STR_ARG(from), animals);
}

/* The first name of a target's source: what follows are our own remarks, in one language. */
static struct str target_source(const char *condition, enum nutrient n)
{
	for (size_t i = 0; i < condition_target_count; i++) {
		const struct condition_target *t = &condition_target_table[i];
		if (t->nutrient != n || strcmp(t->condition, condition) != 0) continue;
		struct str source = str_from(t->source);
		static const char *const ends[] = { ";", ":", "(", " / " };
		for (size_t k = 0; k < COUNT(ends); k++) {
			size_t at = str_find(source, str_from(ends[k]), 0);
			if (at != SIZE_MAX) source.len = at;
		}
		return str_trim(source);
	}
	return STR_NONE;
}

static struct str condition_source(struct arena *arena, const struct assessment *a, enum nutrient n, struct str id)
{
	enum lang lang = a->pet->lang;
	const struct condition *c = condition_find(id);
	if (!c) return id;
	struct str name = str_from(text2_in(c->name, lang)), from = in_words(arena, target_source(c->id, n), lang);
	if (!from.len) return name;
	return str_printf(arena,
	                  lang == LANG_ZH ? STR_FMT "的目标值（" STR_FMT "）" : "target for " STR_FMT " (" STR_FMT ")",
	                  STR_ARG(name_inner(arena, name, lang)), STR_ARG(from));
}

static struct str side_text(struct arena *arena, const struct assessment *a, enum nutrient n, enum bound_side side)
{
	const struct bound *b = &a->bounds[n];
	bool zh = a->pet->lang == LANG_ZH;
	struct str id = side == BOUND_MIN ? b->min_source : b->max_source;
	size_t times = str_find(id, STR(" x "), 0);
	if (side == BOUND_MIN ? !(b->min > 0) : !isfinite(b->max)) return STR_NONE;
	if (str_has_prefix(id, STR("condition ")))
		return condition_source(arena, a, n, (struct str){ id.ptr + 10, id.len - 10 });
	if (str_has_prefix(id, STR("CEILING "))) return profile_source(arena, a, n, "CEILING", side);
	struct str text = profile_source(arena, a, n, "WORKING", side);
	if (side == BOUND_MAX || times == SIZE_MAX) return text;
	return zh ? str_printf(arena, STR_FMT "× %.2f（吃得少，须更浓）", STR_ARG(text), a->density_factor)
	          : str_printf(arena, STR_FMT " x %.2f, because it eats little", STR_ARG(text), a->density_factor);
}

struct str source_text(struct arena *arena, const struct assessment *a, enum nutrient nutrient)
{
	bool zh = a->pet->lang == LANG_ZH;
	struct str min = side_text(arena, a, nutrient, BOUND_MIN), max = side_text(arena, a, nutrient, BOUND_MAX);
	if (!min.len && !max.len) return STR_NONE;
	if (!max.len) return str_printf(arena, zh ? "下限：" STR_FMT : "minimum: " STR_FMT, STR_ARG(min));
	if (!min.len) return str_printf(arena, zh ? "上限：" STR_FMT : "maximum: " STR_FMT, STR_ARG(max));
	if (str_equal(min, max))
		return str_printf(arena, zh ? "上下限：" STR_FMT : "minimum and maximum: " STR_FMT, STR_ARG(min));
	return str_printf(arena, zh ? "下限：" STR_FMT "；上限：" STR_FMT : "minimum: " STR_FMT "; maximum: " STR_FMT,
	                  STR_ARG(min), STR_ARG(max));
}
