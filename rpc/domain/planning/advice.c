#include "rpc/domain/planning/advice.h"

#include <math.h>
#include <string.h>

#include "rpc/domain/nutrition/conditions.h"
#include "rpc/domain/planning/dosing.h"
#include "rpc/domain/planning/food_item.h"
#include "rpc/domain/planning/monitoring.h"
#include "rpc/domain/planning/naming.h"

/* New food in percent of the ration, week by week; cats accept change more slowly and start lower. */
static const int new_food_dog[PLAN_WEEKS] = { 25, 50, 75, 100 }, new_food_cat[PLAN_WEEKS] = { 10, 30, 60, 100 };

int advice_new_food_percent(const struct assessment *a, int week_index)
{
	return a->pet->species == SPECIES_CAT ? new_food_cat[week_index] : new_food_dog[week_index];
}

static bool is_main(const struct food *f) { return f->category == FOOD_MEAT || f->category == FOOD_FISH; }

struct str advice_mains(struct arena *arena, const struct assessment *a, const struct recipe *recipe)
{
	enum lang lang = a->pet->lang;
	struct strbuf text;
	strbuf_init(&text, arena);
	for (size_t i = 0; i < recipe->count; i++) {
		const struct food *f = &food_table[recipe->items[i].food];
		if (!is_main(f)) continue;
		if (text.len) strbuf_add_cstr(&text, lang == LANG_ZH ? "、" : " and ");
		struct str grams = food_grams_text(arena, f, recipe->items[i].grams),
		           name = food_inner_name(arena, f, lang);
		if (lang == LANG_ZH)
			strbuf_printf(&text, STR_FMT " " STR_FMT, STR_ARG(name), STR_ARG(grams));
		else
			strbuf_printf(&text, STR_FMT " of " STR_FMT, STR_ARG(grams), STR_ARG(name));
	}
	return strbuf_str(&text);
}

struct str advice_principle(struct arena *arena, const struct assessment *a, const struct recipe *recipe, int week)
{
	bool zh = a->pet->lang == LANG_ZH;
	int percent = advice_new_food_percent(a, week);
	double grams = recipe_grams(recipe), part = grams * percent / 100;
	struct str mains = advice_mains(arena, a, recipe);
	struct strbuf text;
	strbuf_init(&text, arena);
	if (percent < 100 && zh) {
		strbuf_printf(
		    &text,
		    "换食第 %d 周：每天喂新食物 %d%%（约 %.0f g，全量为 %.0f g），其余 %d%% 的能量仍由原来的食物提供。",
		    week + 1, percent, part, grams, 100 - percent);
	} else if (percent < 100) {
		strbuf_printf(
		    &text,
		    "Week %d of the change: %d%% new food (about %.0f g a day of the full %.0f g); the food it "
		    "knows still gives the other %d%% of the energy.",
		    week + 1, percent, part, grams, 100 - percent);
	} else if (zh) {
		strbuf_printf(&text, "第 %d 周起全部改喂新食物：每天 %.0f g，共 %.0f 千卡。", week + 1, grams,
		              recipe_kcal(recipe));
	} else {
		strbuf_printf(&text, "From week %d on it eats the new food alone: %.0f g, %.0f kcal a day.", week + 1,
		              grams, recipe_kcal(recipe));
	}
	if (zh)
		strbuf_printf(&text, "全量时每天主料为" STR_FMT "。", STR_ARG(mains));
	else
		strbuf_printf(&text, " At the full amount the mains are " STR_FMT " a day.", STR_ARG(mains));
	if (percent < 100)
		strbuf_add_cstr(&text,
		                zh ? "按全量连同补充剂一起做好拌匀，只喂这一份，其余冷冻。"
		                   : " Cook and mix the full amount, supplements included, feed this share and freeze "
		                     "the rest.");
	if (a->pet->species == SPECIES_CAT && percent < 100) {
		strbuf_add_cstr(&text, zh ? "猫接受得慢就在这一周多停几天；任何时候都不要让它超过 24 小时不进食。"
		                          : " If it takes the change slowly, stay at this step for some more days; "
		                            "never let it go 24 hours without food.");
	} else if (percent < 100) {
		strbuf_add_cstr(&text, zh ? "出现软便就退回上一步，停留 2–3 天再加。"
		                          : " With soft stools go back a step for 2-3 days before adding more.");
	}
	return strbuf_str(&text);
}

/* Diseases before stages of life, and as many as the plan's text has room for; the others stand in the first week's note. */
static const size_t CONDITION_BYTES = 430;
static size_t conditions_in_order(const struct assessment *a, const struct condition *out[ASSESS_CONDITIONS_MAX],
                                  size_t *in_plan)
{
	size_t count = 0, bytes = 0;
	for (int stage = 0; stage < 2; stage++) {
		for (size_t i = 0; i < a->condition_count; i++) {
			const struct condition *c = condition_find(str_from(a->conditions[i]));
			if (!c || !*text2_in(c->advice, a->pet->lang) || condition_is_stage(c->id) != (stage == 1))
				continue;
			/* "do not restrict protein" beside a disease that has just done so would only confuse */
			if (stage == 1 && count && strcmp(c->id, "senior") == 0) continue;
			out[count++] = c;
		}
	}
	*in_plan = 0;
	while (*in_plan < count) {
		bytes += strlen(text2_in(out[*in_plan]->advice, a->pet->lang));
		if (*in_plan > 0 && bytes > CONDITION_BYTES) break;
		(*in_plan)++;
	}
	return count;
}

static void add_condition_advice(struct strbuf *text, const struct condition *c, enum lang lang)
{
	if (lang == LANG_ZH)
		strbuf_printf(text, "%s：%s", c->name.zh, c->advice.zh);
	else
		strbuf_printf(text, "%s%s: %s", text->len ? " " : "", c->name.en, c->advice.en);
}

static struct str unit_text(enum nutrient n)
{
	const char *unit = nutrient_infos[n].unit;
	return str_from(strcmp(unit, "iu") == 0 ? "IU" : strcmp(unit, "ug") == 0 ? "µg" : unit);
}

/* What the week's recipe holds of the nutrients that the condition itself bounds. */
static void add_condition_figures(struct arena *arena, struct strbuf *text, const struct assessment *a,
                                  const struct recipe *recipe, size_t condition)
{
	enum { FIGURES_MAX = 3 };
	bool zh = a->pet->lang == LANG_ZH;
	struct str from = str_printf(arena, "condition %s", a->conditions[condition]);
	size_t count = 0;
	for (enum nutrient n = 0; n < NUTRIENT_COUNT && count < FIGURES_MAX; n++) {
		const struct bound *b = &a->bounds[n];
		bool low = b->min > 0 && str_equal(b->min_source, from),
		     high = isfinite(b->max) && str_equal(b->max_source, from);
		if (!low && !high) continue;
		struct str name = nutrient_inner_name(arena, n, a->pet->lang);
		double amount = recipe_amount(recipe, a, n, low ? BOUND_MIN : BOUND_MAX);
		if (!count++)
			strbuf_printf(text,
			              zh ? "针对“" STR_FMT "”，每 1000 千卡含 "
			                 : " For \"" STR_FMT "\" 1000 kcal of the recipe hold ",
			              STR_ARG(name_inner(arena, a->condition_names[condition], a->pet->lang)));
		else
			strbuf_add_cstr(text, zh ? "、" : ", ");
		if (nutrient_is_ratio(n))
			strbuf_printf(text, zh ? STR_FMT " %.2f" : "a " STR_FMT " of %.2f", STR_ARG(name), amount);
		else
			strbuf_printf(text, zh ? "%.4g " STR_FMT " " STR_FMT : "%.4g " STR_FMT " of " STR_FMT, amount,
			              STR_ARG(unit_text(n)), STR_ARG(name));
		if (low && high)
			strbuf_printf(text, zh ? "（%.4g–%.4g）" : " (%.4g to %.4g)", b->min, b->max);
		else if (low)
			strbuf_printf(text, zh ? "（至少 %.4g）" : " (at least %.4g)", b->min);
		else
			strbuf_printf(text, zh ? "（至多 %.4g）" : " (at most %.4g)", b->max);
	}
	if (count) strbuf_add_cstr(text, zh ? "。" : ".");
}

static void add_conditions_of_week(struct arena *arena, struct strbuf *text, const struct assessment *a,
                                   const struct recipe *recipe, int week)
{
	bool zh = a->pet->lang == LANG_ZH;
	const struct condition *ordered[ASSESS_CONDITIONS_MAX];
	size_t in_plan, count = conditions_in_order(a, ordered, &in_plan);
	for (size_t i = 0; i < a->condition_count; i++) add_condition_figures(arena, text, a, recipe, i);
	/* once is enough: what the advice of the plan has no room for is said in the first week */
	for (size_t i = in_plan; i < count && week == 0; i++) add_condition_advice(text, ordered[i], a->pet->lang);
	if (week == 0 || !count || condition_is_stage(ordered[0]->id)) return;
	struct str name = name_inner(arena, str_from(text2_in(ordered[0]->name, a->pet->lang)), a->pet->lang);
	if (zh)
		strbuf_printf(text, "第 %d 周请把与“" STR_FMT "”有关的表现和上周记录对比。", week + 1, STR_ARG(name));
	else
		strbuf_printf(text, " In week %d compare its signs of \"" STR_FMT "\" with last week's notes.",
		              week + 1, STR_ARG(name));
}

struct str advice_note(struct arena *arena, const struct assessment *a, const struct recipe *recipe, int week)
{
	bool zh = a->pet->lang == LANG_ZH;
	struct str who = pet_text(arena, a->pet), weight = weight_text(arena, a->pet->weight_kg);
	double ca_p = recipe_amount(recipe, a, NUTRIENT_ca_p_ratio, BOUND_MIN);
	struct strbuf text;
	strbuf_init(&text, arena);
	if (zh) {
		strbuf_printf(&text,
		              STR_FMT "（" STR_FMT
		                      "）每天需要 %.0f 千卡；本周食谱为 %.0f 千卡、%.0f g，每 1000 千卡含蛋白质 %.0f "
		                      "g、脂肪 %.0f g，钙磷比 %.2f。",
		              STR_ARG(who), STR_ARG(weight), a->der_kcal, recipe_kcal(recipe), recipe_grams(recipe),
		              recipe_amount(recipe, a, NUTRIENT_protein_g, BOUND_MIN),
		              recipe_amount(recipe, a, NUTRIENT_fat_g, BOUND_MIN), ca_p);
	} else {
		strbuf_printf(
		    &text,
		    "Your " STR_FMT " (" STR_FMT
		    ") needs %.0f kcal a day; this week's recipe gives %.0f kcal in %.0f g, with %.0f g protein and "
		    "%.0f g fat per 1000 kcal and a Ca:P ratio of %.2f.",
		    STR_ARG(who), STR_ARG(weight), a->der_kcal, recipe_kcal(recipe), recipe_grams(recipe),
		    recipe_amount(recipe, a, NUTRIENT_protein_g, BOUND_MIN),
		    recipe_amount(recipe, a, NUTRIENT_fat_g, BOUND_MIN), ca_p);
	}
	struct str goal = monitoring_goal(arena, a);
	if (goal.len) strbuf_printf(&text, "%s" STR_FMT, zh ? "" : " ", STR_ARG(goal));
	if (a->keep_recipe)
		strbuf_add_cstr(&text,
		                zh ? "四周使用同一配方，换食完成后每天的份量保持不变。"
		                   : " All four weeks use the same recipe; once it is changed over, keep the amounts "
		                     "constant too.");
	add_conditions_of_week(arena, &text, a, recipe, week);
	if (a->vet_required) {
		strbuf_add_cstr(&text, zh ? "本方案须经兽医同意后才可执行。"
		                          : " A veterinarian must agree before this plan is fed.");
	}
	return strbuf_str(&text);
}

static void suggest(struct arena *arena, Petfood__V1__WeeklyDietPlan *week, struct str text)
{
	week->suggestions[week->n_suggestions++] = message_text(arena, text);
}

static struct str shopping_advice(struct arena *arena, const struct assessment *a, const struct recipe *recipe)
{
	enum lang lang = a->pet->lang;
	struct strbuf text;
	size_t named = 0;
	strbuf_init(&text, arena);
	strbuf_add_cstr(&text, lang == LANG_ZH
	                           ? "全量 7 天的采购量（需烹煮的为生重或干重）："
	                           : "To buy for 7 days at the full amount (raw or dry weight of what is cooked): ");
	for (size_t i = 0; i < recipe->count && named < 6; i++) {
		const struct food *f = &food_table[recipe->items[i].food];
		if (f->category == FOOD_SUPPLEMENT) continue;
		bool has_raw = f->raw_g_per_100g > 0;
		double grams = 7 * recipe->items[i].grams * (has_raw ? f->raw_g_per_100g / 100 : 1);
		if (named++) strbuf_add_cstr(&text, lang == LANG_ZH ? "、" : ", ");
		strbuf_add_str(&text, food_inner_name(arena, f, lang));
		strbuf_printf(&text, grams < 20 ? " %.1f g" : " %.0f g", grams);
	}
	strbuf_add_cstr(&text, lang == LANG_ZH ? "。" : ".");
	return strbuf_str(&text);
}

void advice_suggestions(struct arena *arena, const struct assessment *a, const struct recipe *recipe, int week_index,
                        Petfood__V1__WeeklyDietPlan *week)
{
	bool zh = a->pet->lang == LANG_ZH;
	double water = 0;
	week->suggestions = arena_new_array(arena, char *, 8);
	suggest(arena, week, monitoring_rule(arena, a, recipe_grams(recipe)));
	suggest(arena, week, shopping_advice(arena, a, recipe));
	struct str supplements = dosing_summary(arena, a, recipe);
	if (supplements.len) suggest(arena, week, supplements);
	for (size_t i = 0; i < recipe->count; i++) {
		double w = food_table[recipe->items[i].food].amount[FOOD_water_g];
		if (!isnan(w)) water += w * recipe->items[i].grams / 100;
	}
	suggest(
	    arena, week,
	    zh ? str_printf(
	             arena,
	             "食物本身每天含水约 %.0f ml，另备清水随时可饮；零食每天不超过 %.0f 千卡（10%%），并从正餐中扣除。",
	             water, a->der_kcal * 0.1)
	       : str_printf(arena,
	                    "The food itself holds about %.0f ml of water a day; keep fresh water at hand as well. "
	                    "Treats: at most %.0f kcal (10%%) a day, taken off the meals.",
	                    water, a->der_kcal * 0.1));
	static const struct text2 weekly[PLAN_WEEKS] = {
		{ "本周重点：每天记录粪便形状与食欲，第 3 天起若一切正常按计划继续。",
		  "This week: note stools and appetite every day; from the third day on, go on as planned if all is "
		  "well." },
		{ "本周重点：看皮毛、口气和饮水量是否有变化，并核对一次称量用的秤。",
		  "This week: look at coat, breath and how much it drinks, and check the scale against a known "
		  "weight." },
		{ "本周重点：触摸肋骨评估体况（BCS），应能摸到但看不明显。",
		  "This week: feel the ribs for its body condition; they should be felt, not seen." },
		{ "本周重点：完成换食，把四周的体重、食欲、粪便记录整理给兽医看。",
		  "This week: the change is complete; put the four weeks' notes on weight, appetite and stools "
		  "together for the veterinarian." },
	};
	suggest(arena, week, str_from(text2_in(weekly[week_index], a->pet->lang)));
}

void advice_relaxations(struct arena *arena, const struct assessment *a, const struct recipe *recipe,
                        Petfood__V1__WeeklyDietPlan *week)
{
	static const struct text2 steps[RELAX_COUNT] = {
		[RELAX_ITEMS] = { "食材种类放宽到 14 种（其中补充剂最多 10 种）",
		                  "up to 14 items were allowed, 10 of them supplements" },
		[RELAX_SHARES] = { "放宽了食物类别占比或最小用量",
		                   "shares of food groups or smallest practical portions were relaxed" },
		[RELAX_SECOND_MAIN] = { "增加了第二种主料", "a second main food was added" },
		[RELAX_TARGETS] = { "放宽了适口蛋白上限或钙磷比的目标范围（法定范围不变）",
		                    "the palatable protein cap or the aimed-at Ca:P band was relaxed (the bounds "
		                    "hold)" },
		[RELAX_FOOD_SHARES] = { "单一食材占比放宽到常用上限的 1.5 倍以内",
		                        "one food's share was allowed up to 1.5 times its usual most" },
	};
	bool zh = a->pet->lang == LANG_ZH;
	week->relaxations = arena_new_array(arena, char *, RELAX_COUNT);
	if (recipe->relaxed[RELAX_MARGINS]) {
		struct strbuf text;
		size_t named = 0;
		strbuf_init(&text, arena);
		strbuf_add_cstr(&text, zh ? "缩小了安全余量（仍达到 100% 最低值且不超上限）："
		                          : "safety margins were shortened (every minimum and maximum still holds): ");
		for (enum nutrient n = 0; n < NUTRIENT_COUNT; n++) {
			if (!recipe->margin_short[n]) continue;
			if (named++) strbuf_add_cstr(&text, zh ? "、" : ", ");
			strbuf_add_str(&text, nutrient_inner_name(arena, n, a->pet->lang));
		}
		week->relaxations[week->n_relaxations++] = message_text(arena, strbuf_str(&text));
	}
	for (int r = RELAX_MARGINS + 1; r < RELAX_COUNT; r++) {
		if (!recipe->relaxed[r]) continue;
		week->relaxations[week->n_relaxations++] =
		    message_text(arena, str_from(text2_in(steps[r], a->pet->lang)));
	}
}

static void add_paragraph(struct strbuf *text, struct str paragraph)
{
	if (text->len) strbuf_add_cstr(text, "\n\n");
	strbuf_add_str(text, paragraph);
}

static struct str weeks_paragraph(struct arena *arena, const struct assessment *a,
                                  Petfood__V1__WeeklyDietPlan *const weeks[PLAN_WEEKS])
{
	bool zh = a->pet->lang == LANG_ZH;
	struct strbuf text;
	strbuf_init(&text, arena);
	for (int w = 0; w < PLAN_WEEKS; w++) {
		if (zh)
			strbuf_printf(&text, "%s第 %d 周：%s，全量 %.0f g/天，新食物 %d%%", w ? "；" : "", w + 1,
			              weeks[w]->theme, weeks[w]->total_weight_g, advice_new_food_percent(a, w));
		else
			strbuf_printf(&text, "%sWeek %d: %s, %.0f g a day at the full amount, %d%% new food",
			              w ? "; " : "", w + 1, weeks[w]->theme, weeks[w]->total_weight_g,
			              advice_new_food_percent(a, w));
	}
	strbuf_add_cstr(&text, zh ? "。" : ".");
	return strbuf_str(&text);
}

static struct str conditions_paragraph(struct arena *arena, const struct assessment *a)
{
	const struct condition *ordered[ASSESS_CONDITIONS_MAX];
	size_t in_plan, count = conditions_in_order(a, ordered, &in_plan);
	struct strbuf text;
	strbuf_init(&text, arena);
	for (size_t i = 0; i < in_plan; i++) add_condition_advice(&text, ordered[i], a->pet->lang);
	if (in_plan < count)
		strbuf_add_cstr(&text, a->pet->lang == LANG_ZH ? "其余见第 1 周的说明。"
		                                               : " For the rest see the note of week 1.");
	return strbuf_str(&text);
}

static struct str doctor_paragraph(struct arena *arena, const struct assessment *a)
{
	bool zh = a->pet->lang == LANG_ZH, cat = a->pet->species == SPECIES_CAT;
	bool growing = strcmp(a->life_stage, "growth") == 0, senior = strcmp(a->life_stage, "senior") == 0;
	enum weight_aim aim = monitoring_aim(a);
	/* neither cats nor the young nor their mothers may go without food for two days */
	int fasting_hours = cat || growing || aim == WEIGHT_CARRY || aim == WEIGHT_NURSE ? 24 : 48;
	struct strbuf text;
	strbuf_init(&text, arena);
	if (zh) {
		strbuf_printf(&text, "出现以下情况请停用并就医：呕吐或腹泻超过 48 小时、拒食超过 %d 小时、精神沉郁%s。",
		              fasting_hours, growing && !cat ? "、跛行" : "");
		strbuf_printf(&text, "每月评估体况和肌肉，开始后 1–3 个月复查血液，之后每%s一次。",
		              senior ? " 6 个月" : "年");
		if (a->vet_required) strbuf_add_cstr(&text, "开始喂食前请先由兽医审阅本方案。");
	} else {
		strbuf_printf(
		    &text,
		    "Stop and see a veterinarian with vomiting or diarrhoea beyond 48 hours, refusal of food for %d "
		    "hours, %slistlessness%s.",
		    fasting_hours, growing && !cat ? "" : "or ", growing && !cat ? " or lameness" : "");
		strbuf_printf(
		    &text,
		    " Judge body condition and muscle every month, have the blood checked after 1-3 months, then "
		    "every %s.",
		    senior ? "6 months" : "year");
		if (a->vet_required) strbuf_add_cstr(&text, " A veterinarian must read this plan before it is fed.");
	}
	return strbuf_str(&text);
}

struct str advice_plan(struct arena *arena, const struct assessment *a,
                       Petfood__V1__WeeklyDietPlan *const weeks[PLAN_WEEKS])
{
	bool zh = a->pet->lang == LANG_ZH;
	struct str who = pet_text(arena, a->pet), weight = weight_text(arena, a->pet->weight_kg);
	struct str age = age_text(arena, a->pet->age_months, a->pet->lang);
	struct strbuf text;
	strbuf_init(&text, arena);
	add_paragraph(&text, zh ? str_printf(arena,
	                                     "为您的" STR_FMT "（" STR_FMT "，" STR_FMT
	                                     "）制定：每天 %.0f 千卡（静息能量 %.0f 千卡），分 %d 餐。",
	                                     STR_ARG(who), STR_ARG(age), STR_ARG(weight), a->der_kcal, a->rer_kcal,
	                                     a->meals_per_day)
	                        : str_printf(arena,
	                                     "For your " STR_FMT " (" STR_FMT ", " STR_FMT
	                                     "): %.0f kcal a day (resting need %.0f kcal) in %d %s.",
	                                     STR_ARG(who), STR_ARG(age), STR_ARG(weight), a->der_kcal, a->rer_kcal,
	                                     a->meals_per_day, a->meals_per_day == 1 ? "meal" : "meals"));
	add_paragraph(&text, weeks_paragraph(arena, a, weeks));
	struct str conditions = conditions_paragraph(arena, a);
	if (conditions.len) add_paragraph(&text, conditions);
	/* the grams that are fed once it is changed over */
	add_paragraph(&text, monitoring_rule(arena, a, weeks[PLAN_WEEKS - 1]->total_weight_g));
	add_paragraph(&text, doctor_paragraph(arena, a));
	return strbuf_str(&text);
}
