#include "rpc/job/plan_text.h"

#include <math.h>

/* One format per language, the same arguments in the same order. */
#define SAY(arena, lang, zh, en, ...) \
	((lang) == LANG_EN ? str_printf((arena), en, __VA_ARGS__) : str_printf((arena), zh, __VA_ARGS__))

const struct subagent_text subagent_texts[SUBAGENT_COUNT] = {
	[SUBAGENT_ENERGY] = { { "能量与营养目标", "Energy and nutrient targets" },
	                      { "按标准、生理阶段和健康状况确定每日能量和各营养素的上下限",
	                        "Set the daily energy and each nutrient's bounds by standard, life stage and "
	                        "condition" } },
	[SUBAGENT_FOODS] = { { "食材筛选", "Ingredient screening" },
	                     { "排除有毒、过敏、不喜欢和不适合该物种的食材",
	                       "Exclude what is toxic, allergenic, disliked or unfit for the species" } },
	[SUBAGENT_THEMES] = { { "四周主题选择", "Themes of the four weeks" },
	                      { "为每周选择主要肉类和主食，尽量不重复",
	                        "Choose each week's main meat and starch, different ones where the pet allows" } },
};

static struct str joined(struct arena *arena, size_t count, const struct str *items, const char *between)
{
	struct strbuf buf;
	strbuf_init(&buf, arena);
	for (size_t i = 0; i < count; i++) {
		if (i) strbuf_add_cstr(&buf, between);
		strbuf_add_str(&buf, items[i]);
	}
	return strbuf_str(&buf);
}

struct str plan_text_assessed(struct arena *arena, const struct assessment *a)
{
	enum lang lang = a->pet->lang;
	struct str found = a->condition_count
	                       ? joined(arena, a->condition_count, a->condition_names, lang == LANG_EN ? ", " : "、")
	                       : str_from(lang == LANG_EN ? "none" : "无");
	return SAY(arena, lang, "评估完成。需要特别照顾的健康状况：" STR_FMT "。" STR_FMT,
	           "Assessed. Conditions to care for: " STR_FMT ". " STR_FMT, STR_ARG(found),
	           STR_ARG(a->energy_method));
}

struct str plan_text_energy(struct arena *arena, const struct assessment *a)
{
	int minima = 0, maxima = 0;
	for (int n = 0; n < NUTRIENT_COUNT; n++) {
		minima += a->bounds[n].min > 0;
		maxima += isfinite(a->bounds[n].max) != 0;
	}
	return SAY(arena, a->pet->lang, "每日能量 %.0f kcal（静息能量 %.0f kcal）；标准 %s：%d 项下限，%d 项上限。",
	           "%.0f kcal a day (resting %.0f kcal); profile %s: %d minima and %d maxima.", a->der_kcal,
	           a->rer_kcal, a->profile, minima, maxima);
}

struct str plan_text_foods(struct arena *arena, const struct assessment *a)
{
	size_t usable = 0, excluded = 0;
	for (size_t i = 0; i < food_count; i++) {
		const struct food *food = &food_table[i];
		if (food->category == FOOD_SUPPLEMENT ||
		    !(a->pet->species == SPECIES_CAT ? food->for_cat : food->for_dog))
			continue;
		if (a->food_excluded[i])
			excluded++;
		else
			usable++;
	}
	return SAY(arena, a->pet->lang, "%zu 种食材可用，另有 %zu 种因过敏、健康状况或偏好被排除。",
	           "%zu foods may be used; %zu more are excluded for allergy, condition or taste.", usable, excluded);
}

struct str plan_text_themes(struct arena *arena, enum lang lang, const struct str names[PLAN_WEEKS])
{
	struct str list = joined(arena, PLAN_WEEKS, names, lang == LANG_EN ? "; " : "；");
	return SAY(arena, lang, "四周主题：" STR_FMT "。", "Themes of the four weeks: " STR_FMT ".", STR_ARG(list));
}

struct str plan_text_finalizing(struct arena *arena, const struct assessment *a)
{
	return SAY(arena, a->pet->lang, "研究完成：%zu 条假设和 %zu 条提醒将写入计划，每天 %d 餐。",
	           "Research done: %zu assumptions and %zu notes go into the plan, %d meals a day.",
	           a->assumption_count, a->warning_count, a->meals_per_day);
}

struct str plan_text_delegating(struct arena *arena, enum lang lang, int week, struct str theme)
{
	return SAY(arena, lang, "第 %d 周的主题：" STR_FMT, "Week %d is built around: " STR_FMT, week, STR_ARG(theme));
}

struct str plan_text_dispatching(enum lang lang)
{
	static const struct text2 text = { "开始并行制定四周计划", "Planning the four weeks side by side" };
	return str_from(text2_in(text, lang));
}

struct str plan_text_week_name(struct arena *arena, enum lang lang, int week)
{
	return SAY(arena, lang, "第%d周饮食计划", "Diet plan of week %d", week);
}

struct str plan_text_week_planning(struct arena *arena, enum lang lang, int week, struct str theme)
{
	return SAY(arena, lang, "第 %d 周：正在为“" STR_FMT "”配平营养", "Week %d: balancing \"" STR_FMT "\"", week,
	           STR_ARG(theme));
}

struct str plan_text_week_completed(struct arena *arena, enum lang lang, const Petfood__V1__WeeklyDietPlan *week)
{
	return SAY(arena, lang, "第 %d 周完成：%s，%d 种食材和补充剂，每日 %.0f kcal，钙磷比 %.2f",
	           "Week %d done: %s, %d items, %.0f kcal a day, Ca:P %.2f", week->oder, week->theme, week->item_count,
	           week->energy_kcal, week->ca_p_ratio);
}

struct str plan_text_gathering(enum lang lang)
{
	static const struct text2 text = { "正在汇总四周计划", "Putting the four weeks together" };
	return str_from(text2_in(text, lang));
}

struct str plan_text_structuring(struct arena *arena, enum lang lang, size_t bytes)
{
	return SAY(arena, lang, "计划文档已生成（%zu 字节），交独立复核",
	           "The plan is written (%zu bytes) and goes to the independent check", bytes);
}

struct str plan_text_structured(struct arena *arena, enum lang lang, const struct check_report *report)
{
	int checked = 0;
	for (int w = 0; w < report->week_count; w++)
		for (int n = 0; n < NUTRIENT_COUNT; n++)
			checked += report->weeks[w].rows[n].min > 0 || isfinite(report->weeks[w].rows[n].max);
	return SAY(arena, lang, "独立复核通过：%d 周共 %d 项营养指标，全部合格",
	           "Checked: %d weeks, %d nutrient bounds, all kept", report->week_count, checked);
}
