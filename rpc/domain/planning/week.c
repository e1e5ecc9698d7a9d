/* A week: a recipe for its theme, written out as meals, dishes and advice. */
#include <math.h>
#include <string.h>

#include "rpc/domain/planning/advice.h"
#include "rpc/domain/planning/cooking.h"
#include "rpc/domain/planning/food_item.h"
#include "rpc/domain/planning/infeasible.h"
#include "rpc/domain/planning/naming.h"
#include "rpc/domain/planning/themes.h"

enum { MEALS_MAX = 6, REPLACEMENTS_MAX = 5 };
static const char *const meal_times[MEALS_MAX][MEALS_MAX] = {
	{ "08:00" },
	{ "08:00", "18:00" },
	{ "07:30", "13:00", "19:00" },
	{ "07:00", "12:00", "17:00", "21:30" },
	{ "07:00", "10:30", "14:00", "17:30", "21:30" },
	{ "07:00", "10:00", "13:00", "16:00", "19:00", "22:00" },
};
/* Fewer smallest units per meal than this are not worth dividing: they go into the first meal. */
enum { UNITS_PER_MEAL_MIN = 5 };
/* A fish that is there for its vitamins is not worth a place in the week's name. */
static const double SECOND_MAIN_SHARE = 0.5;

/* The day's grams over the meals in whole units, so that the meals sum to the day exactly; the first ones get the rest. */
static void divide(const struct recipe_item *item, int meals, double *out)
{
	const struct food *f = &food_table[item->food];
	bool whole = item->grams >= 20;
	long units = lround(whole ? item->grams : item->grams * 10);
	for (int m = 0; m < meals; m++) out[m] = 0;
	if (f->category == FOOD_SUPPLEMENT) {
		out[0] = round(item->grams * 1e4) / 1e4;
		return;
	}
	if (units < (long)UNITS_PER_MEAL_MIN * meals && !whole) {
		out[0] = round(item->grams * 10) / 10;
		return;
	}
	for (int m = 0; m < meals; m++) {
		long part = units / meals + (m < units % meals ? 1 : 0);
		out[m] = whole ? (double)part : round((double)part) / 10;
	}
}

static void write_meals(struct arena *arena, const struct assessment *a, const struct recipe *recipe,
                        Petfood__V1__WeeklyDietPlan *week)
{
	int meals = a->meals_per_day < 1 ? 1 : a->meals_per_day > MEALS_MAX ? MEALS_MAX : a->meals_per_day;
	double parts[RECIPE_ITEMS_MAX][MEALS_MAX];
	struct str reasons[RECIPE_ITEMS_MAX], again[RECIPE_ITEMS_MAX];
	int first_meal[RECIPE_ITEMS_MAX];

	for (size_t i = 0; i < recipe->count; i++) {
		divide(&recipe->items[i], meals, parts[i]);
		reasons[i] = food_item_reason(arena, a, recipe, i);
		again[i] = food_item_reason_again(arena, a, recipe, i);
		first_meal[i] = 0;
		while (first_meal[i] < meals - 1 && parts[i][first_meal[i]] <= 0) first_meal[i]++;
	}
	week->weekly_diet_plan = arena_new(arena, Petfood__V1__WeeklyMeals);
	petfood__v1__weekly_meals__init(week->weekly_diet_plan);
	week->weekly_diet_plan->daily_diet_plans = arena_new_array(arena, Petfood__V1__Meal *, (size_t)meals);
	week->weekly_diet_plan->n_daily_diet_plans = (size_t)meals;
	for (int m = 0; m < meals; m++) {
		Petfood__V1__Meal *meal = arena_new(arena, Petfood__V1__Meal);
		struct recipe_item portions[RECIPE_ITEMS_MAX];
		petfood__v1__meal__init(meal);
		meal->oder = m + 1;
		meal->time = message_text(arena, str_from(meal_times[meals - 1][m]));
		meal->food_items = arena_new_array(arena, Petfood__V1__FoodItem *, recipe->count);
		for (size_t i = 0; i < recipe->count; i++) {
			if (parts[i][m] <= 0) continue;
			portions[meal->n_food_items] = (struct recipe_item){ recipe->items[i].food, parts[i][m] };
			meal->food_items[meal->n_food_items++] = food_item_make(
			    arena, a, recipe->items[i].food, parts[i][m], m == first_meal[i] ? reasons[i] : again[i]);
		}
		meal->cook_method =
		    message_text(arena, cooking_method(arena, a, recipe, portions, meal->n_food_items, m == 0));
		week->weekly_diet_plan->daily_diet_plans[m] = meal;
	}
}

static void write_batches(struct arena *arena, const struct assessment *a, const struct recipe *recipe,
                          Petfood__V1__WeeklyDietPlan *week)
{
	week->supplement_batches = arena_new_array(arena, Petfood__V1__BatchWeight *, recipe->count);
	for (size_t i = 0; i < recipe->count; i++) {
		const struct food *f = &food_table[recipe->items[i].food];
		if (f->category != FOOD_SUPPLEMENT) continue;
		Petfood__V1__BatchWeight *batch = arena_new(arena, Petfood__V1__BatchWeight);
		petfood__v1__batch_weight__init(batch);
		batch->food_id = message_text(arena, str_from(f->id));
		batch->name = message_text(arena, str_from(text2_in(f->name, a->pet->lang)));
		batch->daily_mg = round(recipe->items[i].grams * 1e4) / 10;
		batch->batch_28_day_g = round(recipe->items[i].grams * 28 * 1e3) / 1e3;
		week->supplement_batches[week->n_supplement_batches++] = batch;
	}
}

/* What the week really is: the theme, without a starch that did not get in, with a second main that did. */
static struct str week_name(struct arena *arena, const struct assessment *a, const struct recipe *recipe,
                            const struct week_theme *theme)
{
	enum lang lang = a->pet->lang;
	struct str name = food_short_name(arena, &food_table[theme->mains[0]], lang);
	double main_grams = 0;
	for (size_t i = 0; i < recipe->count; i++) {
		if (recipe->items[i].food == theme->mains[0]) main_grams = recipe->items[i].grams;
	}
	for (size_t i = 0; i < recipe->count; i++) {
		const struct food *f = &food_table[recipe->items[i].food];
		bool second =
		    (f->category == FOOD_MEAT || f->category == FOOD_FISH) && recipe->items[i].food != theme->mains[0];
		if (!second || recipe->items[i].grams < SECOND_MAIN_SHARE * main_grams) continue;
		name =
		    str_printf(arena, STR_FMT " + " STR_FMT, STR_ARG(name), STR_ARG(food_inner_name(arena, f, lang)));
	}
	for (size_t i = 0; i < recipe->count; i++) {
		const struct food *f = &food_table[recipe->items[i].food];
		if (f->category != FOOD_STARCH) continue;
		struct str starch = food_inner_name(arena, f, lang);
		return str_printf(arena, STR_FMT " + " STR_FMT, STR_ARG(name), STR_ARG(starch));
	}
	return name;
}

static void write_week(struct arena *arena, const struct assessment *a, const struct recipe *recipe,
                       const struct week_theme *theme, int week_index, Petfood__V1__WeeklyDietPlan *week)
{
	week->oder = week_index + 1;
	week->theme = message_text(arena, week_name(arena, a, recipe, theme));
	week->diet_adjustment_principle = message_text(arena, advice_principle(arena, a, recipe, week_index));
	week->weekly_special_adjustment_note = message_text(arena, advice_note(arena, a, recipe, week_index));
	advice_suggestions(arena, a, recipe, week_index, week);
	advice_relaxations(arena, a, recipe, week);
	week->main_food_ids = arena_new_array(arena, char *, recipe->count);
	for (size_t i = 0; i < recipe->count; i++) {
		for (size_t m = 0; m < theme->main_count; m++) {
			if (recipe->items[i].food != theme->mains[m]) continue;
			week->main_food_ids[week->n_main_food_ids++] =
			    message_text(arena, str_from(food_table[theme->mains[m]].id));
		}
	}
	write_meals(arena, a, recipe, week);
	write_batches(arena, a, recipe, week);
	cooking_dishes(arena, a, recipe, week_index, week);
	adequacy_make(arena, a, recipe, week);
	week->energy_kcal = round(recipe_kcal(recipe) * 100) / 100;
	week->total_weight_g = round(recipe_grams(recipe) * 1e4) / 1e4;
	week->ca_p_ratio = round(recipe_amount(recipe, a, NUTRIENT_ca_p_ratio, BOUND_MIN) * 1000) / 1000;
	week->item_count = (int32_t)recipe->count;
}

/* Tries a theme unless the programme without counts already says no. */
static bool try_theme(struct arena *arena, const struct assessment *a, struct week_theme *theme, int taste,
                      enum recipe_effort effort, struct recipe *out, struct recipe_gap *gap)
{
	struct recipe_outlook outlook = recipe_outlook(arena, a, theme, effort);
	if (outlook.missing > 0 || (effort == RECIPE_STRICT && outlook.relaxed)) {
		*gap = outlook.gap;
		return false;
	}
	return recipe_find(arena, a, theme, taste, effort, out, gap);
}

/* Mains that no week has, a different first one for each week. */
static size_t other_mains(struct arena *arena, const struct assessment *a, const struct week_theme themes[PLAN_WEEKS],
                          int taste, struct week_theme *out)
{
	struct theme_list list;
	struct week_theme unused[THEMES_MAX];
	size_t unused_count = 0, count = 0;
	themes_list(arena, a, &list);
	for (size_t i = 0; i < list.count; i++) {
		bool used = false;
		for (int w = 0; w < PLAN_WEEKS; w++) used |= themes[w].mains[0] == list.themes[i].mains[0];
		if (!used) unused[unused_count++] = list.themes[i];
	}
	for (size_t i = 0; i < unused_count && count < REPLACEMENTS_MAX; i++) {
		out[count++] = unused[(i + (size_t)taste) % unused_count];
	}
	return count;
}

/* The themes of the other weeks, the next week's first. */
static size_t other_weeks(const struct week_theme themes[PLAN_WEEKS], int week_index, struct week_theme *out)
{
	size_t count = 0;
	for (int step = 1; step < PLAN_WEEKS; step++) {
		const struct week_theme *theme = &themes[(week_index + step) % PLAN_WEEKS];
		if (!theme_equal(theme, &themes[week_index])) out[count++] = *theme;
	}
	return count;
}

bool plan_make_week(struct arena *arena, const struct assessment *a, const struct week_theme themes[PLAN_WEEKS],
                    int week_index, Petfood__V1__WeeklyDietPlan **out, struct error *err)
{
	/* what comes first is liked best; the theme itself stands for no replacement */
	static const struct {
		enum { OWN, OTHER_MAINS, OTHER_WEEKS } from;
		enum recipe_effort effort;
		size_t most;
	} rounds[] = {
		{ OWN, RECIPE_STRICT, 1 },          { OTHER_MAINS, RECIPE_STRICT, 2 },
		{ OWN, RECIPE_RELAXED, 1 },         { OTHER_WEEKS, RECIPE_STRICT, 3 },
		{ OTHER_MAINS, RECIPE_RELAXED, 3 }, { OTHER_WEEKS, RECIPE_RELAXED, 3 },
	};
	int taste = a->keep_recipe ? 0 : week_index;
	struct week_theme theme = { 0 }, others[REPLACEMENTS_MAX];
	struct recipe recipe = { 0 };
	struct recipe_gap own_gap = { .nutrient = NUTRIENT_COUNT };
	bool found = false, sound = false;

	for (size_t r = 0; r < COUNT(rounds) && !sound; r++) {
		size_t count = 1;
		/* a fragile week is better than one that gave up more */
		if (found && rounds[r].effort == RECIPE_RELAXED) continue;
		others[0] = themes[week_index];
		if (rounds[r].from == OTHER_MAINS) count = other_mains(arena, a, themes, taste, others);
		if (rounds[r].from == OTHER_WEEKS) count = other_weeks(themes, week_index, others);
		for (size_t i = 0; i < count && i < rounds[r].most && !sound; i++) {
			struct recipe candidate;
			struct recipe_gap gap;
			if (!plan_go_on(a, err)) return false;
			bool works = try_theme(arena, a, &others[i], taste, rounds[r].effort, &candidate, &gap);
			if (rounds[r].from == OWN && !works) own_gap = gap;
			if (!works || (found && candidate.fragile)) continue;
			found = true;
			sound = !candidate.fragile;
			recipe = candidate;
			theme = others[i];
		}
	}
	if (!plan_go_on(a, err)) return false; /* what was found, or not, is no answer then */
	if (!found) return infeasible_say(arena, a, &themes[week_index], &own_gap, err);
	*out = arena_new(arena, Petfood__V1__WeeklyDietPlan);
	petfood__v1__weekly_diet_plan__init(*out);
	write_week(arena, a, &recipe, &theme, week_index, *out);
	return true;
}
