#include "rpc/domain/planning/advice.h"

#include <math.h>
#include <string.h>

#include "rpc/domain/nutrition/conditions.h"
#include "rpc/domain/planning/food_item.h"
#include "rpc/domain/planning/naming.h"

/* New food in percent of the ration, week by week; cats accept change more slowly and start lower. */
static const int new_food_dog[PLAN_WEEKS] = { 25, 50, 75, 100 }, new_food_cat[PLAN_WEEKS] = { 10, 30, 60, 100 };

int advice_new_food_percent(const struct assessment *a, int week_index)
{
	return a->pet->species == SPECIES_CAT ? new_food_cat[week_index] : new_food_dog[week_index];
}

static bool is_growing(const struct assessment *a) { return strcmp(a->life_stage, "growth") == 0; }
static bool is_breeding(const struct assessment *a)
{
	return strcmp(a->life_stage, "gestation") == 0 || strcmp(a->life_stage, "lactation") == 0;
}
/* Fed below its need on purpose: the energy is computed for a lower weight than it has. */
static bool is_slimming(const struct assessment *a)
{
	return !is_growing(a) && a->energy_weight_kg < a->pet->weight_kg * 0.995;
}
static int weighing_days(const struct assessment *a) { return is_growing(a) || is_breeding(a) ? 7 : 14; }

static struct str kg_text(struct arena *arena, double kg)
{
	return str_printf(arena, kg < 10 ? "%.2f kg" : "%.1f kg", kg);
}

/* "我家边境牧羊犬" is not ours to say: breed if known, else the animal. */
static struct str pet_name(struct arena *arena, const struct assessment *a)
{
	bool zh = a->pet->lang == LANG_ZH, dog = a->pet->species == SPECIES_DOG;
	struct str breed = str_trim(a->pet->breed);
	if (breed.len) return str_dup(arena, breed);
	return str_from(zh ? (dog ? "狗狗" : "猫咪") : dog ? "dog" : "cat");
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
		strbuf_printf(&text,
		              "Week %d of the change: %d%% new food a day (about %.0f g of the full %.0f g); the food "
		              "it knows still "
		              "gives the other %d%% of the energy.",
		              week + 1, percent, part, grams, 100 - percent);
	} else if (zh) {
		strbuf_printf(&text, "第 %d 周起全部改喂新食物：每天 %.0f g，共 %.0f kcal。", week + 1, grams,
		              recipe_kcal(recipe));
	} else {
		strbuf_printf(&text, "From week %d on it eats the new food alone: %.0f g, %.0f kcal a day.", week + 1,
		              grams, recipe_kcal(recipe));
	}
	if (zh)
		strbuf_printf(&text, "全量时每天主料为" STR_FMT "。", STR_ARG(mains));
	else
		strbuf_printf(&text, " At the full amount the mains are " STR_FMT " a day.", STR_ARG(mains));
	if (a->pet->species == SPECIES_CAT) {
		strbuf_add_cstr(&text, zh ? "猫接受得慢就在这一周多停几天；任何时候都不要让它超过 24 小时不进食。"
		                          : " If it takes the change slowly, stay at this step for some more days; "
		                            "never let it go 24 hours without food.");
	} else if (percent < 100) {
		strbuf_add_cstr(&text, zh ? "出现软便就退回上一步，停留 2–3 天再加。"
		                          : " With soft stools go back a step for 2-3 days before adding more.");
	}
	return strbuf_str(&text);
}

static void add_condition_advice(struct strbuf *text, const struct assessment *a)
{
	bool zh = a->pet->lang == LANG_ZH;
	for (size_t i = 0; i < a->condition_count; i++) {
		const struct condition *c = condition_find(str_from(a->conditions[i]));
		if (!c || !*text2_in(c->advice, a->pet->lang)) continue;
		if (zh)
			strbuf_printf(text, STR_FMT "：%s", STR_ARG(a->condition_names[i]), c->advice.zh);
		else
			strbuf_printf(text, " " STR_FMT ": %s", STR_ARG(a->condition_names[i]), c->advice.en);
	}
}

struct str advice_note(struct arena *arena, const struct assessment *a, const struct recipe *recipe, int week)
{
	bool zh = a->pet->lang == LANG_ZH;
	struct str who = pet_name(arena, a), weight = kg_text(arena, a->pet->weight_kg);
	double ca_p = recipe_amount(recipe, a, NUTRIENT_ca_p_ratio, BOUND_MIN);
	struct strbuf text;
	strbuf_init(&text, arena);
	if (zh) {
		strbuf_printf(&text,
		              STR_FMT "（" STR_FMT "）本周每天需要 %.0f kcal，食谱给出 %.0f kcal、%.0f g，蛋白质 %.0f "
		                                   "g、脂肪 %.0f g（每 1000 kcal），钙磷比 %.2f。",
		              STR_ARG(who), STR_ARG(weight), a->der_kcal, recipe_kcal(recipe), recipe_grams(recipe),
		              recipe_amount(recipe, a, NUTRIENT_protein_g, BOUND_MIN),
		              recipe_amount(recipe, a, NUTRIENT_fat_g, BOUND_MIN), ca_p);
	} else {
		strbuf_printf(&text,
		              "This week the " STR_FMT " (" STR_FMT
		              ") needs %.0f kcal a day and gets %.0f kcal in %.0f g, with %.0f g protein and "
		              "%.0f g fat per 1000 kcal and a Ca:P ratio of %.2f.",
		              STR_ARG(who), STR_ARG(weight), a->der_kcal, recipe_kcal(recipe), recipe_grams(recipe),
		              recipe_amount(recipe, a, NUTRIENT_protein_g, BOUND_MIN),
		              recipe_amount(recipe, a, NUTRIENT_fat_g, BOUND_MIN), ca_p);
	}
	if (is_slimming(a)) {
		if (zh)
			strbuf_printf(&text, "按目标体重 " STR_FMT " 计算，每周减重以 %s 为宜。",
			              STR_ARG(kg_text(arena, a->energy_weight_kg)),
			              a->pet->species == SPECIES_CAT ? "0.5–1%" : "1–2%");
		else
			strbuf_printf(&text,
			              " The energy is that of " STR_FMT
			              ", the weight it should have; it may lose %s of its weight a week.",
			              STR_ARG(kg_text(arena, a->energy_weight_kg)),
			              a->pet->species == SPECIES_CAT ? "0.5-1%" : "1-2%");
	}
	if (is_growing(a)) {
		if (zh)
			strbuf_printf(&text, "它还在长大（成年体重约 " STR_FMT "），请保持偏瘦，不要额外补钙。",
			              STR_ARG(kg_text(arena, a->adult_weight_kg)));
		else
			strbuf_printf(&text,
			              " It is still growing (adult weight about " STR_FMT
			              "): keep it lean and add no further calcium.",
			              STR_ARG(kg_text(arena, a->adult_weight_kg)));
	}
	if (a->keep_recipe) {
		strbuf_add_cstr(&text, zh ? "四周使用同一配方，份量也不要变动。"
		                          : " All four weeks use the same recipe: keep the amounts constant too.");
	}
	/* once is enough: the first week says what the disease asks for, the others what to look at */
	if (week == 0)
		add_condition_advice(&text, a);
	else if (a->condition_count && zh)
		strbuf_printf(&text, "第 %d 周请留意" STR_FMT "的变化，与上周记录对比。", week + 1,
		              STR_ARG(a->condition_names[0]));
	else if (a->condition_count)
		strbuf_printf(&text, " In week %d compare with last week's notes how its " STR_FMT " is doing.",
		              week + 1, STR_ARG(a->condition_names[0]));
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

static struct str weighing_advice(struct arena *arena, const struct assessment *a, const struct recipe *recipe)
{
	double kg = a->pet->weight_kg, kcal = a->der_kcal, grams = recipe_grams(recipe);
	int days = weighing_days(a);
	if (is_growing(a)) {
		return a->pet->lang == LANG_ZH
		           ? str_printf(arena,
		                        "每 %d 天称一次体重（现在 " STR_FMT
		                        "），记成生长曲线；体况超过 5/9 就把全天量减 5–10%%（%.0f–%.0f "
		                        "g），并按新体重重新生成方案。",
		                        days, STR_ARG(kg_text(arena, kg)), grams * 0.05, grams * 0.10)
		           : str_printf(arena,
		                        "Weigh it every %d days (now " STR_FMT
		                        ") and draw a growth curve; above body condition 5/9 take 5-10%% (%.0f-%.0f g) "
		                        "off the day, and "
		                        "have the plan made again for the new weight.",
		                        days, STR_ARG(kg_text(arena, kg)), grams * 0.05, grams * 0.10);
	}
	return a->pet->lang == LANG_ZH
	           ? str_printf(arena,
	                        "每 %d 天空腹称一次体重（现在 " STR_FMT
	                        "）；%s超过 2%%（%.2f kg）时，把全天量增减 5–10%%，即 %.0f–%.0f kcal、%.0f–%.0f g。",
	                        days, STR_ARG(kg_text(arena, kg)),
	                        is_slimming(a) ? "每周减重快于目标或反而增重" : "变化", kg * 0.02, kcal * 0.05,
	                        kcal * 0.10, grams * 0.05, grams * 0.10)
	           : str_printf(arena,
	                        "Weigh it fasted every %d days (now " STR_FMT
	                        "); if %s by more than 2%% (%.2f kg), change the day's amount by 5-10%%: %.0f-%.0f "
	                        "kcal, %.0f-%.0f g.",
	                        days, STR_ARG(kg_text(arena, kg)),
	                        is_slimming(a) ? "it loses faster than planned or gains" : "the weight moves",
	                        kg * 0.02, kcal * 0.05, kcal * 0.10, grams * 0.05, grams * 0.10);
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

/* The smallest dose is the one that goes wrong. */
static struct str supplement_advice(struct arena *arena, const struct assessment *a, const struct recipe *recipe)
{
	enum lang lang = a->pet->lang;
	size_t least = recipe->count, count = 0;
	for (size_t i = 0; i < recipe->count; i++) {
		if (food_table[recipe->items[i].food].category != FOOD_SUPPLEMENT) continue;
		count++;
		if (least == recipe->count || recipe->items[i].grams < recipe->items[least].grams) least = i;
	}
	if (!count) return STR_NONE;
	struct str name = food_inner_name(arena, &food_table[recipe->items[least].food], lang);
	double mg = recipe->items[least].grams * 1000;
	return lang == LANG_ZH
	           ? str_printf(arena,
	                        "%zu 种补充剂按 28 天的量一次称出再按天均分；最少的是" STR_FMT
	                        "：每天 %.1f mg，28 天 %.3f g。产品标示含量不同时须按含量折算，不可凭感觉加减。",
	                        count, STR_ARG(name), mg, mg * 28 / 1000)
	           : str_printf(arena,
	                        "Weigh the %zu supplements for 28 days at once and divide; the smallest is " STR_FMT
	                        ": %.1f mg a day, %.3f g for 28 days. A product of another "
	                        "strength must be converted by its label, never by feel.",
	                        count, STR_ARG(name), mg, mg * 28 / 1000);
}

void advice_suggestions(struct arena *arena, const struct assessment *a, const struct recipe *recipe, int week_index,
                        Petfood__V1__WeeklyDietPlan *week)
{
	bool zh = a->pet->lang == LANG_ZH;
	double water = 0;
	week->suggestions = arena_new_array(arena, char *, 8);
	suggest(arena, week, weighing_advice(arena, a, recipe));
	suggest(arena, week, shopping_advice(arena, a, recipe));
	struct str supplements = supplement_advice(arena, a, recipe);
	if (supplements.len) suggest(arena, week, supplements);
	for (size_t i = 0; i < recipe->count; i++) {
		double w = food_table[recipe->items[i].food].amount[FOOD_water_g];
		if (!isnan(w)) water += w * recipe->items[i].grams / 100;
	}
	suggest(
	    arena, week,
	    zh ? str_printf(
	             arena,
	             "食物本身每天含水约 %.0f ml，另备清水随时可饮；零食不超过每天 %.0f kcal（10%%），并从正餐中扣除。",
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

struct str advice_plan(struct arena *arena, const struct assessment *a,
                       Petfood__V1__WeeklyDietPlan *const weeks[PLAN_WEEKS])
{
	bool zh = a->pet->lang == LANG_ZH, cat = a->pet->species == SPECIES_CAT;
	struct str who = pet_name(arena, a), weight = kg_text(arena, a->pet->weight_kg);
	double grams = weeks[PLAN_WEEKS - 1]->total_weight_g;
	struct strbuf text;
	strbuf_init(&text, arena);

	if (zh) {
		strbuf_printf(&text,
		              "为 %d 月龄、" STR_FMT " 的" STR_FMT
		              "制定：每天 %.0f kcal（静息能量 %.0f kcal），分 %d 餐。四周依次以",
		              a->pet->age_months, STR_ARG(weight), STR_ARG(who), a->der_kcal, a->rer_kcal,
		              a->meals_per_day);
	} else {
		strbuf_printf(&text,
		              "Made for a " STR_FMT ", %d months old, " STR_FMT
		              ": %.0f kcal a day (resting need %.0f kcal) in %d %s. The weeks are: ",
		              STR_ARG(who), a->pet->age_months, STR_ARG(weight), a->der_kcal, a->rer_kcal,
		              a->meals_per_day, a->meals_per_day == 1 ? "meal" : "meals");
	}
	for (int w = 0; w < PLAN_WEEKS; w++) {
		if (zh)
			strbuf_printf(&text, "%s%s（%.0f g/天）", w ? "、" : "", weeks[w]->theme,
			              weeks[w]->total_weight_g);
		else
			strbuf_printf(&text, "%s%s (%.0f g a day)", w ? ", " : "", weeks[w]->theme,
			              weeks[w]->total_weight_g);
	}
	strbuf_add_cstr(&text, zh ? "为主。" : ".");
	if (zh) {
		strbuf_printf(&text, "换食：第 1 周新食物占 %d%%，第 2 周 %d%%，第 3 周 %d%%，第 4 周 100%%。",
		              advice_new_food_percent(a, 0), advice_new_food_percent(a, 1),
		              advice_new_food_percent(a, 2));
	} else {
		strbuf_printf(&text,
		              " Change over with %d%% new food in week 1, %d%% in week 2, %d%% in week 3 and all of it "
		              "in week 4.",
		              advice_new_food_percent(a, 0), advice_new_food_percent(a, 1),
		              advice_new_food_percent(a, 2));
	}
	if (a->condition_count) add_condition_advice(&text, a);
	if (zh) {
		strbuf_printf(&text, "监测：每 %d 天称重一次，每月评估体况和肌肉；", weighing_days(a));
		if (is_slimming(a))
			strbuf_printf(&text, "目标体重 " STR_FMT "，每周减 %s，猫绝不可超过 2%%；",
			              STR_ARG(kg_text(arena, a->energy_weight_kg)), cat ? "0.5–1%" : "1–2%");
		strbuf_printf(&text, "体重偏离 2%%（%.2f kg）就把全天量调整 5–10%%（%.0f–%.0f g）。",
		              a->pet->weight_kg * 0.02, grams * 0.05, grams * 0.10);
		strbuf_printf(&text, "开始后 1–3 个月复查血液，%s。",
		              strcmp(a->life_stage, "senior") == 0 ? "之后每 6 个月一次" : "之后每年一次");
		strbuf_printf(&text, "停用并就医：呕吐或腹泻超过 48 小时、拒食%s、精神沉郁%s。",
		              cat ? "超过 24 小时" : "超过 48 小时", is_growing(a) ? "、跛行" : "");
		if (a->vet_required) strbuf_add_cstr(&text, "该健康状况要求先由兽医审阅本方案再开始喂食。");
	} else {
		strbuf_printf(&text, " Watch: weigh it every %d days, judge body condition and muscle every month;",
		              weighing_days(a));
		if (is_slimming(a))
			strbuf_printf(&text, " the goal is " STR_FMT ", at %s a week;",
			              STR_ARG(kg_text(arena, a->energy_weight_kg)),
			              cat ? "0.5-1% (never above 2%)" : "1-2%");
		strbuf_printf(
		    &text, " when the weight is off by 2%% (%.2f kg), change the day's amount by 5-10%% (%.0f-%.0f g).",
		    a->pet->weight_kg * 0.02, grams * 0.05, grams * 0.10);
		strbuf_printf(&text, " Have its blood checked after 1-3 months, then every %s.",
		              strcmp(a->life_stage, "senior") == 0 ? "6 months" : "year");
		strbuf_printf(&text,
		              " Stop and see a veterinarian with vomiting or diarrhoea beyond 48 hours, refusal of "
		              "food for %s hours, listlessness%s.",
		              cat ? "24" : "48", is_growing(a) ? " or lameness" : "");
		if (a->vet_required)
			strbuf_add_cstr(&text,
			                " Its condition asks for a veterinarian to read this plan before it is fed.");
	}
	return strbuf_str(&text);
}
