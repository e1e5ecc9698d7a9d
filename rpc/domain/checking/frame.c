/* Form: texts, order, dishes. */
#include <math.h>

#include "rpc/domain/checking/rules.h"

enum { MEALS_MAX = 6, DISHES_MIN = 2 };

static bool is_blank(struct str text) { return str_trim(text).len == 0; }

static void needs_text(struct check_run *run, int week, const char *field, struct str text)
{
	if (is_blank(text)) check_found(run, week, CHECK_RULE_text, str_from(field), "%s is empty", field);
}

void check_frame(struct check_run *run)
{
	const struct document *doc = run->doc;
	if (doc->week_count != DOCUMENT_WEEKS_MAX)
		check_found(run, 0, CHECK_RULE_document, STR("monthly_diet_plan"), "%zu weeks, not 4", doc->week_count);
	if (!doc->species) check_found(run, 0, CHECK_RULE_document, STR("pet_type"), "neither dog nor cat");
	if (doc->age_months <= 0 || doc->age_months > 600)
		check_found(run, 0, CHECK_RULE_document, STR("pet_age"), "age of %lld months",
		            (long long)doc->age_months);
	if (!(doc->weight_kg > 0 && doc->weight_kg <= 1000))
		check_found(run, 0, CHECK_RULE_document, STR("pet_weight"), "weight of %g kg", doc->weight_kg);
	if (!str_equal(doc->language, STR("zh")) && !str_equal(doc->language, STR("en")))
		check_found(run, 0, CHECK_RULE_document, STR("language"), "language is neither zh nor en");
	needs_text(run, 0, "ai_suggestions", doc->ai_suggestions);
	needs_text(run, 0, "disclaimer", doc->disclaimer);
	needs_text(run, 0, "planner", doc->planner);
	needs_text(run, 0, "energy_method", doc->energy_method);
	for (size_t i = 0; i < doc->warnings.count; i++) needs_text(run, 0, "warnings", doc->warnings.items[i]);
	if (!doc->data_gaps.count)
		check_found(run, 0, CHECK_RULE_unknown_data, STR("data_gaps"), "the gaps of the data are not told");
}

/* Minutes since midnight of a "HH:MM", -1 if it is none. */
static int minutes_of(struct str time)
{
	if (time.len != 5 || time.ptr[2] != ':') return -1;
	for (int i = 0; i < 5; i++)
		if (i != 2 && (time.ptr[i] < '0' || time.ptr[i] > '9')) return -1;
	int hours = (time.ptr[0] - '0') * 10 + time.ptr[1] - '0',
	    minutes = (time.ptr[3] - '0') * 10 + time.ptr[4] - '0';
	return hours < 24 && minutes < 60 ? hours * 60 + minutes : -1;
}

static bool week_has(const struct document_week *week, struct str food_id)
{
	for (size_t m = 0; m < week->meal_count; m++)
		for (size_t i = 0; i < week->meals[m].item_count; i++)
			if (str_equal(week->meals[m].items[i].food_id, food_id)) return true;
	return false;
}

static void dishes_check(struct check_run *run, const struct document_week *week, int number)
{
	if (week->dish_count < DISHES_MIN)
		check_found(run, number, CHECK_RULE_dishes, STR(""), "%zu dishes, at least 2 are due",
		            week->dish_count);
	for (size_t d = 0; d < week->dish_count; d++) {
		const struct document_dish *dish = &week->dishes[d];
		bool steps = dish->steps.count > 0;
		for (size_t i = 0; i < dish->steps.count; i++) steps = steps && !is_blank(dish->steps.items[i]);
		if (is_blank(dish->name) || !steps || !dish->food_ids.count)
			check_found(run, number, CHECK_RULE_dishes, dish->name,
			            "dish %zu lacks its name, a step or its foods", d + 1);
		for (size_t i = 0; i < dish->food_ids.count; i++)
			if (!week_has(week, dish->food_ids.items[i]))
				check_found(run, number, CHECK_RULE_dishes, dish->food_ids.items[i],
				            "dish %zu names a food that the week does not have", d + 1);
	}
}

void check_week_frame(struct check_run *run, const struct document_week *week, int number)
{
	if (week->oder != number)
		check_found(run, number, CHECK_RULE_document, STR("oder"), "week %d has number %lld", number,
		            (long long)week->oder);
	needs_text(run, number, "diet_adjustment_principle", week->principle);
	needs_text(run, number, "weekly_special_adjustment_note", week->note);
	needs_text(run, number, "theme", week->theme);
	for (size_t i = 0; i < week->suggestions.count; i++)
		needs_text(run, number, "suggestions", week->suggestions.items[i]);
	for (size_t i = 0; i < week->relaxations.count; i++)
		needs_text(run, number, "relaxations", week->relaxations.items[i]);
	if (!week->suggestions.count) check_found(run, number, CHECK_RULE_text, STR("suggestions"), "no suggestions");
	if (!week->meal_count || week->meal_count > MEALS_MAX)
		check_found(run, number, CHECK_RULE_document, STR("daily_diet_plans"), "%zu meals a day",
		            week->meal_count);
	int last = -1;
	for (size_t m = 0; m < week->meal_count; m++) {
		const struct document_meal *meal = &week->meals[m];
		int minutes = minutes_of(meal->time);
		if (meal->oder != (int64_t)m + 1)
			check_found(run, number, CHECK_RULE_document, STR("oder"), "meal %zu has number %lld", m + 1,
			            (long long)meal->oder);
		if (minutes <= last)
			check_found(run, number, CHECK_RULE_document, STR("time"),
			            "meal %zu is not a later time of day: \"" STR_FMT "\"", m + 1, STR_ARG(meal->time));
		if (minutes > last) last = minutes;
		if (!meal->item_count)
			check_found(run, number, CHECK_RULE_document, STR("food_items"), "meal %zu is empty", m + 1);
		needs_text(run, number, "cook_method", meal->cook_method);
	}
	if (!week->main_food_ids.count)
		check_found(run, number, CHECK_RULE_document, STR("main_food_ids"), "the week has no main food");
	for (size_t i = 0; i < week->main_food_ids.count; i++)
		if (!week_has(week, week->main_food_ids.items[i]))
			check_found(run, number, CHECK_RULE_document, week->main_food_ids.items[i],
			            "main food is not in the week");
	dishes_check(run, week, number);
}
