/* What the owner reads: in one language, with this pet's own figures, never twice the same. */
#include <math.h>

#include "rpc/domain/planning/advice.h"
#include "rpc/domain/planning/naming.h"
#include "tests/support/check.h"
#include "tests/unit/rpc/domain/planning/balance/plan_set.h"

static bool has_chinese(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p >= 0xE4 && *p <= 0xE9) return true; /* U+4000..U+9FFF */
	}
	return false;
}
static bool contains(const char *text, struct str part) { return str_find(str_from(text), part, 0) != SIZE_MAX; }

typedef void text_visitor(const char *what, const char *text, void *data);
static void visit_texts(const Petfood__V1__PlanData *plan, text_visitor *visit, void *data)
{
	visit("ai_suggestions", plan->ai_suggestions, data);
	visit("disclaimer", plan->disclaimer, data);
	for (size_t i = 0; i < plan->n_data_gaps; i++) visit("data_gaps", plan->data_gaps[i], data);
	for (size_t w = 0; w < plan->pet_diet_plan->n_monthly_diet_plan; w++) {
		const Petfood__V1__WeeklyDietPlan *week = plan->pet_diet_plan->monthly_diet_plan[w];
		visit("theme", week->theme, data);
		visit("principle", week->diet_adjustment_principle, data);
		for (size_t i = 0; i < week->n_suggestions; i++) visit("suggestion", week->suggestions[i], data);
		for (size_t i = 0; i < week->n_relaxations; i++) visit("relaxation", week->relaxations[i], data);
		for (size_t d = 0; d < week->n_dishes; d++) {
			visit("dish", week->dishes[d]->name, data);
			for (size_t i = 0; i < week->dishes[d]->n_steps; i++)
				visit("step", week->dishes[d]->steps[i], data);
		}
		for (size_t m = 0; m < week->weekly_diet_plan->n_daily_diet_plans; m++) {
			const Petfood__V1__Meal *meal = week->weekly_diet_plan->daily_diet_plans[m];
			visit("cook_method", meal->cook_method, data);
			for (size_t i = 0; i < meal->n_food_items; i++)
				visit("reason", meal->food_items[i]->recommend_reason, data);
		}
	}
}

static void check_language(const char *what, const char *text, void *data)
{
	bool zh = *(const enum lang *)data == LANG_ZH;
	bool ok = *text && has_chinese(text) == zh && str_is_utf8(str_from(text)) && !strstr(text, "nan ") &&
	          !strstr(text, "inf ") && !strstr(text, "(null)");
	if (!CHECK_ROW(what, ok)) (void)printf("  %s\n", text);
}

static void test_languages(void)
{
	for (int lang = 0; lang < LANG_COUNT; lang++) {
		for (size_t r = 0; r < pet_row_count; r += 3) {
			struct arena *arena = arena_create(0);
			struct made_plan made;
			struct pet_row row = pet_rows[r];
			enum lang want = (enum lang)lang;
			row.breed = lang == LANG_ZH ? "花花" : "Corgi"; /* the owner's own word goes in as it is */
			if (CHECK_ROW(row.label, plan_from_row(arena, &row, want, 3, &made))) {
				visit_texts(made.plan, check_language, &want);
				CHECK_STR_ROW(row.label, str_from(made.plan->language), lang == LANG_ZH ? "zh" : "en");
			}
			arena_destroy(&arena);
		}
	}
}

/* Texts name what they speak of: this week's main food and its grams, this pet's energy and weight. */
static void check_figures(struct arena *arena, const struct pet_row *row, const struct made_plan *made)
{
	const struct assessment *a = &made->assessment;
	struct str energy = str_printf(arena, "%.0f %s", a->der_kcal, a->pet->lang == LANG_ZH ? "千卡" : "kcal");
	CHECK_ROW(row->label, contains(made->plan->ai_suggestions, energy));
	for (int w = 0; w < PLAN_WEEKS; w++) {
		const Petfood__V1__WeeklyDietPlan *week = made->weeks[w];
		const struct food *main_food = &food_table[food_by_id(str_from(week->main_food_ids[0]))];
		struct str name = food_inner_name(arena, main_food, a->pet->lang);
		double grams = 0;
		for (size_t m = 0; m < week->weekly_diet_plan->n_daily_diet_plans; m++) {
			const Petfood__V1__Meal *meal = week->weekly_diet_plan->daily_diet_plans[m];
			for (size_t i = 0; i < meal->n_food_items; i++) {
				if (strcmp(meal->food_items[i]->food_id, main_food->id) == 0)
					grams += meal->food_items[i]->weight;
			}
		}
		CHECK_ROW(row->label, contains(week->diet_adjustment_principle, name));
		CHECK_ROW(row->label,
		          contains(week->diet_adjustment_principle, food_grams_text(arena, main_food, grams)));
		CHECK_ROW(row->label,
		          contains(week->diet_adjustment_principle, str_printf(arena, "%.0f g", week->total_weight_g)));
		CHECK_ROW(row->label, contains(week->weekly_special_adjustment_note, energy));
		CHECK_ROW(row->label, contains(made->plan->ai_suggestions, str_from(week->theme)));
		CHECK_ROW(row->label, week->n_dishes >= 2 && strcmp(week->dishes[0]->name, week->dishes[1]->name) != 0);
		bool hot = false, cold = false;
		for (size_t d = 0; d < week->n_dishes; d++) {
			CHECK_ROW(row->label, week->dishes[d]->n_steps >= 2 && week->dishes[d]->n_food_ids >= 1);
			for (size_t i = 0; i < week->dishes[d]->n_steps; i++) {
				hot |= contains(week->dishes[d]->steps[i], STR("74 "));
				cold |= contains(week->dishes[d]->steps[i], STR("4 "));
			}
		}
		CHECK_ROW(row->label, hot && cold);
		if (w > 0 && !a->keep_recipe)
			CHECK_ROW(row->label, strcmp(week->dishes[0]->name, made->weeks[w - 1]->dishes[0]->name) != 0);
	}
	/* the last step of the change is the new food alone */
	CHECK_ROW(row->label, advice_new_food_percent(a, PLAN_WEEKS - 1) == 100);
	CHECK_ROW(row->label, advice_new_food_percent(a, 0) == (a->pet->species == SPECIES_CAT ? 10 : 25));
	if (a->condition_count) CHECK_ROW(row->label, contains(made->plan->ai_suggestions, a->condition_names[0]));
	CHECK_ROW(row->label, made->plan->vet_required == a->vet_required);
}

static void check_basis(const struct pet_row *row, const struct made_plan *made)
{
	const struct assessment *a = &made->assessment;
	const Petfood__V1__NutritionBasis *basis = made->plan->nutrition_basis;
	size_t excluded = 0;
	for (size_t i = 0; i < food_count; i++) excluded += a->food_excluded[i];
	CHECK_STR_ROW(row->label, str_from(basis->profile), a->profile);
	CHECK_ROW(row->label,
	          basis->n_excluded_food_ids == excluded && basis->n_excluded_allergens == a->excluded_allergen_count);
	CHECK_ROW(row->label, basis->n_conditions == a->condition_count && basis->n_sources >= 2);
	CHECK_NEAR(row->label, basis->der_kcal, a->der_kcal, 0.051);
	CHECK_NEAR(row->label, basis->rer_kcal * 10, round(basis->rer_kcal * 10), 1e-9);
	CHECK_ROW(row->label,
	          made->plan->n_assumptions == a->assumption_count && made->plan->n_warnings == a->warning_count);
	CHECK_ROW(row->label, made->plan->n_data_gaps >= 4);
	CHECK_ROW(row->label, made->plan->pet_information->pet_age == row->age_months);
}

static void test_figures(void)
{
	struct arena *kept = arena_create(0);
	struct str advice[32];
	for (size_t r = 0; r < pet_row_count; r++) {
		struct arena *arena = arena_create(0);
		struct made_plan made;
		if (CHECK_ROW(pet_rows[r].label,
		              plan_from_row(arena, &pet_rows[r], r % 2 ? LANG_EN : LANG_ZH, 9, &made))) {
			check_figures(arena, &pet_rows[r], &made);
			check_basis(&pet_rows[r], &made);
			advice[r] = str_dup(kept, str_from(made.plan->ai_suggestions));
			for (size_t k = 0; k < r; k++) CHECK_ROW(pet_rows[r].label, !str_equal(advice[k], advice[r]));
		}
		arena_destroy(&arena);
	}
	arena_destroy(&kept);
}

static void test_names(void)
{
	static const struct {
		const char *id, *zh, *en;
	} rows[] = {
		{ "chicken_thigh_cooked", "鸡腿肉", "chicken thigh" },
		{ "pollock_alaska_cooked", "狭鳕", "Alaska pollock" },
		{ "dl_methionine", "DL-蛋氨酸", "DL-methionine" },
		{ "b_complex_50", "复合维生素B", "B-complex" },
	};
	struct arena *arena = arena_create(0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct food *f = &food_table[food_by_id(str_from(rows[i].id))];
		CHECK_STR_ROW(rows[i].id, food_inner_name(arena, f, LANG_ZH), rows[i].zh);
		CHECK_STR_ROW(rows[i].id, food_inner_name(arena, f, LANG_EN), rows[i].en);
	}
	const struct food *zinc = &food_table[food_by_id(STR("zinc_gluconate"))],
	                  *rice = &food_table[food_by_id(STR("rice_white_cooked"))];
	CHECK_STR(food_grams_text(arena, zinc, 0.0255), "25.5 mg");
	CHECK_STR(food_grams_text(arena, rice, 62), "62 g");
	CHECK_STR(food_grams_text(arena, rice, 7.5), "7.5 g");
	arena_destroy(&arena);
}

int main(void)
{
	test_names();
	test_languages();
	test_figures();
	return check_done("texts_test");
}
