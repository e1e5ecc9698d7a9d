#include "rpc/job/plan_text.h"

#include <math.h>

#include "rpc/domain/planning/naming.h"

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

/* Names of the conditions that are stages of life, or of those that are not. */
static struct str conditions(struct arena *arena, const struct assessment *a, bool stages)
{
	enum lang lang = a->pet->lang;
	struct strbuf buf;
	strbuf_init(&buf, arena);
	for (size_t i = 0; i < a->condition_count; i++) {
		if (condition_is_stage(a->conditions[i]) != stages) continue;
		if (buf.len) strbuf_add_cstr(&buf, lang == LANG_EN ? "; " : "、");
		strbuf_add_str(&buf, name_inner(arena, a->condition_names[i], lang));
	}
	if (!buf.len) return str_from(stages ? profile_text(a->profile, lang) : lang == LANG_EN ? "none" : "无");
	return strbuf_str(&buf);
}

struct str plan_text_assessed(struct arena *arena, const struct assessment *a)
{
	return SAY(
	    arena, a->pet->lang, "评估完成。生命阶段：" STR_FMT "；需要特别照顾的健康状况：" STR_FMT "。" STR_FMT,
	    "Assessed. Stage of life: " STR_FMT "; conditions to care for: " STR_FMT ". " STR_FMT,
	    STR_ARG(conditions(arena, a, true)), STR_ARG(conditions(arena, a, false)), STR_ARG(a->energy_method));
}

struct str plan_text_energy(struct arena *arena, const struct assessment *a)
{
	int minima = 0, maxima = 0;
	for (int n = 0; n < NUTRIENT_COUNT; n++) {
		minima += a->bounds[n].min > 0;
		maxima += isfinite(a->bounds[n].max) != 0;
	}
	return SAY(arena, a->pet->lang,
	           "每天 %.0f 千卡（静息能量 %.0f 千卡）；按 AAFCO %s的标准设 %d 项下限和 %d 项上限。",
	           "%.0f kcal a day (resting need %.0f kcal); AAFCO's profile for %s sets %d minima, with %d maxima.",
	           a->der_kcal, a->rer_kcal, profile_text(a->profile, a->pet->lang), minima, maxima);
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
	/* rows of one food in several forms count apart; flesh is served cooked only */
	return SAY(
	    arena, a->pet->lang, "食材表中有 %zu 种可用，另有 %zu 种因过敏、健康状况、偏好或生食被排除。",
	    "%zu foods of the table may be used; %zu are left out for allergy, condition, taste or because they are "
	    "raw.",
	    usable, excluded);
}

struct str plan_text_themes(struct arena *arena, enum lang lang, const struct str names[PLAN_WEEKS])
{
	struct strbuf list;
	strbuf_init(&list, arena);
	for (int w = 0; w < PLAN_WEEKS; w++)
		strbuf_printf(&list, lang == LANG_EN ? "%sWeek %d: " STR_FMT : "%s第 %d 周：" STR_FMT,
		              w == 0            ? ""
		              : lang == LANG_EN ? "; "
		                                : "；",
		              w + 1, STR_ARG(names[w]));
	return SAY(arena, lang, "四周主题：" STR_FMT "。", "Themes: " STR_FMT ".", STR_ARG(strbuf_str(&list)));
}

struct str plan_text_finalizing(struct arena *arena, const struct assessment *a)
{
	size_t assumed = a->assumption_count, warned = a->warning_count;
	struct str assumptions, warnings;
	int meals = a->meals_per_day;
	if (a->pet->lang == LANG_EN) {
		assumptions = assumed ? str_printf(arena, "%zu assumption%s", assumed, assumed == 1 ? "" : "s")
		                      : STR("nothing had to be assumed");
		warnings = warned ? str_printf(arena, "%zu note%s for the owner", warned, warned == 1 ? "" : "s")
		                  : STR("no special notes");
		return str_printf(arena, "Research done: " STR_FMT ", " STR_FMT "; %d %s a day.", STR_ARG(assumptions),
		                  STR_ARG(warnings), meals, meals == 1 ? "meal" : "meals");
	}
	assumptions = assumed ? str_printf(arena, "%zu 条假设会写进计划", assumed) : STR("没有需要假设的信息");
	warnings = warned ? str_printf(arena, "%zu 条提醒", warned) : STR("没有特别提醒");
	return str_printf(arena, "研究完成：" STR_FMT "，" STR_FMT "；每天 %d 餐。", STR_ARG(assumptions),
	                  STR_ARG(warnings), meals);
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
	return SAY(arena, lang, "第 %d 周完成：%s，%d 种食材和补充剂，每天 %.0f 千卡，钙磷比 %.2f",
	           "Week %d done: %s; %d foods and supplements, %.0f kcal a day, Ca:P %.2f", week->oder, week->theme,
	           week->item_count, week->energy_kcal, week->ca_p_ratio);
}

struct str plan_text_gathering(enum lang lang)
{
	static const struct text2 text = { "正在汇总四周计划", "Putting the four weeks together" };
	return str_from(text2_in(text, lang));
}

struct str plan_text_structuring(enum lang lang)
{
	static const struct text2 text = { "计划已写好，交独立复核",
		                           "The plan is written and goes to the independent check" };
	return str_from(text2_in(text, lang));
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
