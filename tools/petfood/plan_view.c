/* A plan document as tables for a terminal, and the independent checker's verdict on it. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "petfood/accessors.h"
#include "petfood/v1/plan_data.pb-c.h"
#include "rpc/domain/checking/checker.h"
#include "rpc/json/json.h"
#include "tools/petfood/cli.h"

/* Words of the tables in the plan's own language. */
static const struct words {
	struct text2 kcal, total, meal, food, grams, raw, nutrient, amount, minimum, maximum, percent, source, batch, dishes, warnings, advice, assumptions, vet;
} words = {
	.kcal = { "千卡/天", "kcal a day" },
	.total = { "克/天", "g a day" },
	.meal = { "餐", "meal" },
	.food = { "食物", "food" },
	.grams = { "克", "grams" },
	.raw = { "生重", "raw" },
	.nutrient = { "营养素（每1000千卡）", "nutrient (per 1000 kcal)" },
	.amount = { "含量", "amount" },
	.minimum = { "下限", "minimum" },
	.maximum = { "上限", "maximum" },
	.percent = { "占下限", "of min." },
	.source = { "依据", "from" },
	.batch = { "28天称量（克）", "28-day batch, g" },
	.dishes = { "做法", "Dishes" },
	.warnings = { "注意", "Mind" },
	.advice = { "建议", "Advice" },
	.assumptions = { "假设", "Assumed" },
	.vet = { "本计划须经兽医同意后方可使用。", "This plan is a draft for a veterinarian to agree to." },
};

static void heading(const char *text)
{
	bool bold = isatty(STDOUT_FILENO) == 1;
	(void)printf("\n%s%s%s\n", bold ? "\033[1m" : "", text, bold ? "\033[0m" : "");
}

static void print_right(const char *text, int columns)
{
	int width = text_columns(str_from(text));
	(void)printf("%*s%s", columns > width ? columns - width : 0, "", text);
}

static void print_meals(const Petfood__V1__WeeklyDietPlan *week, enum lang lang)
{
	print_padded(stdout, str_from(text2_in(words.meal, lang)), 8);
	print_padded(stdout, str_from(text2_in(words.food, lang)), 50);
	(void)printf(" ");
	print_right(text2_in(words.grams, lang), 10);
	print_right(text2_in(words.raw, lang), 11);
	(void)printf("\n");
	for (size_t m = 0; week->weekly_diet_plan && m < week->weekly_diet_plan->n_daily_diet_plans; m++) {
		const Petfood__V1__Meal *meal = week->weekly_diet_plan->daily_diet_plans[m];
		for (size_t i = 0; i < meal->n_food_items; i++) {
			const Petfood__V1__FoodItem *item = meal->food_items[i];
			print_padded(stdout, str_from(i == 0 ? meal->time : ""), 8);
			print_padded(stdout, str_from(item->name), 50);
			if (item->weight < 1) (void)printf(" %8.1f mg", item->weight * 1000);
			else (void)printf(" %10.1f", item->weight);
			if (petfood_v1_food_item_has_raw_weight(item)) (void)printf(" %10.0f", petfood_v1_food_item_raw_weight_or(item, 0));
			(void)printf("\n");
		}
	}
}

/* Four figures at least, and no exponent. */
static void print_figure(double value)
{
	(void)printf(" %11.*f", value >= 1000 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : 3, value);
}

static void print_adequacy(const Petfood__V1__WeeklyDietPlan *week, enum lang lang)
{
	print_padded(stdout, str_from(text2_in(words.nutrient, lang)), 34);
	print_right(text2_in(words.amount, lang), 12);
	print_right(text2_in(words.minimum, lang), 12);
	print_right(text2_in(words.maximum, lang), 12);
	print_right(text2_in(words.percent, lang), 9);
	(void)printf("  %s\n", text2_in(words.source, lang));
	for (size_t i = 0; i < week->n_adequacy; i++) {
		const Petfood__V1__Adequacy *a = week->adequacy[i];
		struct strbuf name;
		strbuf_init(&name, NULL);
		strbuf_printf(&name, "%s%s%s%s", a->name, strcmp(a->unit, "ratio") ? " (" : "", strcmp(a->unit, "ratio") ? a->unit : "",
		              strcmp(a->unit, "ratio") ? ")" : "");
		print_padded(stdout, strbuf_str(&name), 34);
		strbuf_fini(&name);
		print_figure(a->amount_per_1000kcal);
		double min = petfood_v1_adequacy_minimum_or(a, 0), max = petfood_v1_adequacy_maximum_or(a, INFINITY);
		if (min > 0) print_figure(min);
		else (void)printf(" %11s", "-");
		if (isfinite(max)) print_figure(max);
		else (void)printf(" %11s", "-");
		if (min > 0) (void)printf(" %6.0f %%", a->amount_per_1000kcal / min * 100);
		else (void)printf(" %8s", "");
		(void)printf("  %s\n", a->source);
	}
}

static void print_week(const Petfood__V1__WeeklyDietPlan *week, enum lang lang)
{
	char title[512], number[32];
	(void)snprintf(number, sizeof number, lang == LANG_EN ? "Week %d" : "第%d周", week->oder);
	(void)snprintf(title, sizeof title, "%s: %s  (%.0f %s, %.0f %s, Ca:P %.2f)", number, week->theme, week->energy_kcal,
	               text2_in(words.kcal, lang), week->total_weight_g, text2_in(words.total, lang), week->ca_p_ratio);
	heading(title);
	print_meals(week, lang);
	(void)printf("\n%s\n", text2_in(words.dishes, lang));
	for (size_t i = 0; i < week->n_dishes; i++) {
		(void)printf("  %s\n", week->dishes[i]->name);
		for (size_t s = 0; s < week->dishes[i]->n_steps; s++) (void)printf("    %zu. %s\n", s + 1, week->dishes[i]->steps[s]);
	}
	(void)printf("\n");
	print_adequacy(week, lang);
	if (week->n_supplement_batches) (void)printf("\n%s\n", text2_in(words.batch, lang));
	for (size_t i = 0; i < week->n_supplement_batches; i++) {
		const Petfood__V1__BatchWeight *b = week->supplement_batches[i];
		(void)printf("  ");
		print_padded(stdout, str_from(b->name), 50);
		(void)printf(" %9.2f   (%.1f mg x 28)\n", b->batch_28_day_g, b->daily_mg);
	}
	for (size_t i = 0; i < week->n_relaxations; i++) (void)printf("  * %s\n", week->relaxations[i]);
}

static void print_list(const char *title, char *const *items, size_t count)
{
	if (!count) return;
	heading(title);
	for (size_t i = 0; i < count; i++) (void)printf("  - %s\n", items[i]);
}

bool plan_view_print(struct arena *arena, struct str plan_json, struct error *err)
{
	Petfood__V1__PlanData *plan = arena_new(arena, Petfood__V1__PlanData);
	const struct json_parse_options options = { .refuse_unknown = false };
	petfood__v1__plan_data__init(plan);
	if (!json_to_message(arena, plan_json, message_by_name(STR("petfood.v1.PlanData")), &options, &plan->base, err))
		return false;
	enum lang lang = strcmp(plan->language, "en") == 0 ? LANG_EN : LANG_ZH;
	for (size_t i = 0; plan->pet_diet_plan && i < plan->pet_diet_plan->n_monthly_diet_plan; i++)
		print_week(plan->pet_diet_plan->monthly_diet_plan[i], lang);
	if (plan->n_assumptions) heading(text2_in(words.assumptions, lang));
	for (size_t i = 0; i < plan->n_assumptions; i++)
		(void)printf("  - %s (%+.0f kcal)\n", plan->assumptions[i]->text, plan->assumptions[i]->effect_kcal);
	print_list(text2_in(words.warnings, lang), plan->warnings, plan->n_warnings);
	heading(text2_in(words.advice, lang));
	(void)printf("%s\n", plan->ai_suggestions);
	if (plan->vet_required) (void)printf("\n%s\n", text2_in(words.vet, lang));
	(void)printf("\n%s\n", plan->disclaimer);
	return true;
}

bool plan_view_is_safe(struct arena *arena, struct str plan_json)
{
	struct error err;
	struct check_report report;
	error_clear(&err);
	return check_plan(arena, plan_json, &report, &err) && report.finding_count == 0;
}

enum cli_exit plan_view_check(struct cli *cli, struct str plan_json)
{
	struct error err;
	struct check_report report;
	error_clear(&err);
	if (!check_plan(cli->arena, plan_json, &report, &err)) {
		(void)cli_fail(cli, &err);
		return CLI_UNSAFE;
	}
	if (cli->json) {
		struct strbuf out;
		strbuf_init(&out, cli->arena);
		strbuf_printf(&out, "{\"safe\":%s,\"findings\":[", report.finding_count ? "false" : "true");
		for (size_t i = 0; i < report.finding_count; i++) {
			strbuf_printf(&out, "%s{\"week\":%d,\"rule\":\"%s\",\"what\":", i ? "," : "", report.findings[i].week, report.findings[i].rule);
			json_print_string(&out, report.findings[i].what);
			strbuf_add_cstr(&out, ",\"text\":");
			json_print_string(&out, report.findings[i].text);
			strbuf_add_char(&out, '}');
		}
		(void)printf("%s]}\n", out.data);
	} else {
		for (size_t i = 0; i < report.finding_count; i++)
			(void)printf("  week %d, %s: " STR_FMT "\n", report.findings[i].week, report.findings[i].rule, STR_ARG(report.findings[i].text));
		if (report.finding_count) (void)printf("independent check: %zu findings, the plan is not safe\n", report.finding_count);
		else (void)printf("independent check: every minimum met, no maximum passed, in all %d weeks\n", report.week_count);
	}
	return report.finding_count ? CLI_UNSAFE : CLI_OK;
}
