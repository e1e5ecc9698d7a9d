/* A plan as its owner reads it: one rule for the weight and the right one, doses that a kitchen scale can show, no claim that the
 * tables cannot bear, nothing said twice, and no ids of ours. */
#include <math.h>

#include "rpc/domain/nutrition/conditions.h"
#include "rpc/domain/planning/dosing.h"
#include "rpc/domain/planning/monitoring.h"
#include "rpc/domain/planning/naming.h"
#include "rpc/domain/planning/sources.h"
#include "tests/support/check.h"
#include "tests/unit/rpc/domain/planning/balance/plan_set.h"

static bool contains(const char *text, const char *part) { return strstr(text, part) != NULL; }
static size_t times(const char *text, const char *part)
{
	size_t count = 0;
	for (const char *at = text; *part && (at = strstr(at, part)) != NULL; at += strlen(part)) count++;
	return count;
}

/* Beside plan_set.c's pets those whose weight must move, and those whose week says so. */
static const struct {
	struct pet_row pet;
	enum weight_aim aim;
	struct text2 says, never; /* parts of the rule; of any text about weighing */
} rows[] = {
	{ { "steady dog", SPECIES_DOG, "Corgi", 48, 10, "healthy", .bcs = 5, .meals = 2 },
	  WEIGHT_HOLD,
	  { "2%", "within 2%" },
	  { "每周称", "every week (" } },
	{ { "stout dog", SPECIES_DOG, "Corgi", 48, 13, "healthy", .bcs = 6, .meals = 2 },
	  WEIGHT_DRIFT,
	  { "慢慢降到", "may slowly come down" },
	  { "每周称", "every week (" } },
	{ { "fat dog", SPECIES_DOG, "Labrador", 60, 40, "healthy", .bcs = 8, .meals = 2 },
	  WEIGHT_LOSE,
	  { "每周减 1–2%（0.40–0.80 kg）", "a loss of 1-2% (0.40-0.80 kg) a week" },
	  { "每周称", "within 2%" } },
	{ { "fat cat", SPECIES_CAT, "", 60, 6, "healthy", .bcs = 8, .meals = 3 },
	  WEIGHT_LOSE,
	  { "每周减 0.5–1%（0.03–0.06 kg）", "a loss of 0.5-1% (0.03-0.06 kg) a week" },
	  { "每周称", "within 2%" } },
	{ { "thin dog", SPECIES_DOG, "", 60, 10, "healthy", .bcs = 2, .meals = 3 },
	  WEIGHT_GAIN,
	  { "每周增 1–2%", "1-2% (0.10-0.20 kg) a week is right" },
	  { "每周称", "within 2%" } },
	{ { "kitten", SPECIES_CAT, "Maine Coon", 4, 1.5, "healthy", .meals = 4 },
	  WEIGHT_GROW,
	  { "生长曲线", "growth curve" },
	  { "每 2 周", "every 2 weeks" } },
	{ { "puppy", SPECIES_DOG, "Golden Retriever", 5, 14, "healthy", .meals = 3 },
	  WEIGHT_GROW,
	  { "生长曲线", "growth curve" },
	  { "每 2 周", "every 2 weeks" } },
	{ { "pregnant dog", SPECIES_DOG, "Beagle", 36, 12, "pregnant, week 6", .bcs = 5, .meals = 3 },
	  WEIGHT_CARRY,
	  { "增重是正常的", "meant to gain" },
	  { "每 2 周", "every 2 weeks" } },
	{ { "diabetic cat", SPECIES_CAT, "", 96, 5, "diabetes", .bcs = 5, .meals = 2 },
	  WEIGHT_HOLD,
	  { "改量之前先问兽医", "ask your veterinarian before changing the amount" },
	  { "每周称", "every week (" } },
	{ { "nursing dog", SPECIES_DOG, "Beagle", 36, 12, "nursing 4 puppies, week 2", .bcs = 5, .meals = 4 },
	  WEIGHT_NURSE,
	  { "每只幼崽都应天天增重", "each of them gain daily" },
	  { "每 2 周", "every 2 weeks" } },
};

typedef void visitor(const char *text, void *data);
static void visit_all(const struct made_plan *made, visitor *visit, void *data)
{
	const Petfood__V1__PlanData *plan = made->plan;
	visit(plan->ai_suggestions, data);
	visit(plan->nutrition_basis->energy_method, data);
	for (size_t i = 0; i < plan->n_assumptions; i++) visit(plan->assumptions[i]->text, data);
	for (size_t i = 0; i < plan->n_warnings; i++) visit(plan->warnings[i], data);
	for (int w = 0; w < PLAN_WEEKS; w++) {
		const Petfood__V1__WeeklyDietPlan *week = made->weeks[w];
		visit(week->diet_adjustment_principle, data);
		visit(week->weekly_special_adjustment_note, data);
		for (size_t i = 0; i < week->n_suggestions; i++) visit(week->suggestions[i], data);
		for (size_t d = 0; d < week->n_dishes; d++) {
			for (size_t i = 0; i < week->dishes[d]->n_steps; i++) visit(week->dishes[d]->steps[i], data);
		}
		for (size_t m = 0; m < week->weekly_diet_plan->n_daily_diet_plans; m++)
			visit(week->weekly_diet_plan->daily_diet_plans[m]->cook_method, data);
		for (size_t i = 0; i < week->n_adequacy; i++) visit(week->adequacy[i]->source, data);
	}
}

struct phrase_check {
	const char *label;
	const char *phrases[16];
};
static void check_phrases(const char *text, void *data)
{
	const struct phrase_check *c = data;
	for (size_t i = 0; i < COUNT(c->phrases) && c->phrases[i]; i++) {
		if (!CHECK_ROW(c->label, !contains(text, c->phrases[i])))
			(void)printf("  %s: %s\n", c->phrases[i], text);
	}
}

static void check_monitoring(const struct made_plan *made, size_t r)
{
	const struct assessment *a = &made->assessment;
	enum lang lang = a->pet->lang;
	const char *says = text2_in(rows[r].says, lang);
	struct phrase_check never = { rows[r].pet.label, { text2_in(rows[r].never, lang) } };
	CHECK_ROW(rows[r].pet.label, monitoring_aim(a) == rows[r].aim);
	CHECK_ROW(rows[r].pet.label, times(made->plan->ai_suggestions, says) == 1);
	for (int w = 0; w < PLAN_WEEKS; w++)
		CHECK_ROW(rows[r].pet.label, contains(made->weeks[w]->suggestions[0], says));
	visit_all(made, check_phrases, &never);
}

/* The recipe holds calcium of its own; grams are fixed; ids and symbols of the program mean nothing to an owner. */
static void check_wording(const struct made_plan *made, const char *label)
{
	struct phrase_check zh = { label,
		                   { "kcal", "千克", "不要额外补钙", "自由采食", "WORKING", "CEILING", "condition ",
		                     "+0 千卡", "用 0.01 g 的秤称量", "dog_adult", "cat_adult" } };
	struct phrase_check en = { label,
		                   { "no further calcium", "Add no calcium (", "as much as they like",
		                     "as much as she will eat", "WORKING", "CEILING", "condition obesity", "+0 kcal",
		                     "dog_adult", "cat_adult", "1 months", "alaska", "atlantic", "pacific",
		                     "its Overweight", "favoured by" } };
	visit_all(made, check_phrases, made->pet.lang == LANG_ZH ? &zh : &en);
	size_t characters = 0;
	for (const char *p = made->plan->ai_suggestions; *p; p++) characters += ((unsigned char)*p & 0xC0) != 0x80;
	CHECK_ROW(label, characters <= 1500 && times(made->plan->ai_suggestions, "\n\n") >= 3);
	for (int w = 0; w < PLAN_WEEKS; w++) {
		const char *theme = made->weeks[w]->theme;
		CHECK_ROW(label, !contains(theme, ",") && !contains(theme, "、") && !contains(theme, ";"));
	}
	CHECK_ROW(label,
	          contains(made->plan->ai_suggestions, made->pet.lang == LANG_ZH ? "；第 4 周：" : "; Week 4: "));
}

struct repeat {
	const char *part;
	size_t count;
};
static void count_part(const char *text, void *data)
{
	struct repeat *r = data;
	r->count += times(text, r->part);
}

/* What a condition asks for is said once in the document. */
static void check_once(const struct made_plan *made, const char *label)
{
	const struct assessment *a = &made->assessment;
	for (size_t i = 0; i < a->condition_count; i++) {
		struct repeat r = { text2_in(condition_find(str_from(a->conditions[i]))->advice, a->pet->lang), 0 };
		if (!*r.part) continue;
		visit_all(made, count_part, &r);
		/* what it says of protein gives way to a disease */
		bool hushed = strcmp(a->conditions[i], "senior") == 0 && a->condition_count > 1;
		CHECK_ROW(label, hushed ? r.count == 0 : r.count == 1);
	}
	for (int w = 0; w < PLAN_WEEKS; w++) {
		const Petfood__V1__WeeklyMeals *day = made->weeks[w]->weekly_diet_plan;
		for (size_t m = 1; m < day->n_daily_diet_plans; m++) {
			const Petfood__V1__Meal *first = day->daily_diet_plans[0], *later = day->daily_diet_plans[m];
			for (size_t i = 0; i < later->n_food_items; i++) {
				for (size_t k = 0; k < first->n_food_items; k++) {
					if (strcmp(first->food_items[k]->food_id, later->food_items[i]->food_id) != 0)
						continue;
					CHECK_ROW(label, strlen(later->food_items[i]->recommend_reason) <
					                     strlen(first->food_items[k]->recommend_reason) + 12);
					CHECK_ROW(label, !contains(later->food_items[i]->recommend_reason, "%"));
				}
			}
		}
	}
}

/* A percentage is of what is known to be all. */
static void check_reasons(struct arena *arena, const struct made_plan *made, const char *label)
{
	for (int w = 0; w < PLAN_WEEKS; w++) {
		const Petfood__V1__WeeklyDietPlan *week = made->weeks[w];
		for (size_t n = 0; n < week->n_adequacy; n++) {
			const Petfood__V1__Adequacy *row = week->adequacy[n];
			struct str name = name_inner(arena, str_from(row->name), made->pet.lang);
			struct str claim = made->pet.lang == LANG_ZH
			                       ? str_printf(arena, STR_FMT "（占", STR_ARG(name))
			                       : str_printf(arena, "%% of the day's " STR_FMT, STR_ARG(name));
			if (row->unknown_energy_percent <= 1.05) continue;
			for (size_t m = 0; m < week->weekly_diet_plan->n_daily_diet_plans; m++) {
				const Petfood__V1__Meal *meal = week->weekly_diet_plan->daily_diet_plans[m];
				for (size_t i = 0; i < meal->n_food_items; i++) {
					const char *reason = meal->food_items[i]->recommend_reason;
					size_t at = str_find(str_from(reason), claim, 0);
					/* "vitamin" is no claim on "vitamin A" */
					bool whole = at != SIZE_MAX && (made->pet.lang == LANG_ZH ||
					                                strchr(" ,.", reason[at + claim.len]) != NULL);
					if (!CHECK_ROW(label, !whole))
						(void)printf("  %s: %s\n", row->nutrient, reason);
				}
			}
		}
	}
}

/* What a 0.01 g scale cannot show is never asked of it, and each such dose is led back to a weight that it can. */
static void check_doses(struct arena *arena, const struct made_plan *made, const char *label)
{
	for (int w = 0; w < PLAN_WEEKS; w++) {
		const Petfood__V1__WeeklyDietPlan *week = made->weeks[w];
		for (size_t b = 0; b < week->n_supplement_batches; b++) {
			const Petfood__V1__BatchWeight *batch = week->supplement_batches[b];
			const struct food *f = &food_table[food_by_id(str_from(batch->food_id))];
			struct str name = food_inner_name(arena, f, made->pet.lang),
			           shown = food_short_name(arena, f, made->pet.lang);
			const char *single =
			    str_dup_c(arena, str_printf(arena, STR_FMT " %.1f mg", STR_ARG(name), batch->daily_mg));
			size_t told = 0;
			if (batch->daily_mg >= 50) continue;
			CHECK_ROW(label, !contains(week->weekly_diet_plan->daily_diet_plans[0]->cook_method, single));
			for (size_t d = 0; d < week->n_dishes; d++) {
				for (size_t i = 0; i < week->dishes[d]->n_steps; i++) {
					struct str step = str_from(week->dishes[d]->steps[i]);
					bool mine =
					    str_find(step, name, 0) != SIZE_MAX || str_find(step, shown, 0) != SIZE_MAX;
					bool how = contains(step.ptr, "28") || contains(step.ptr, "grind") ||
					           contains(step.ptr, "weigh 0.") || contains(step.ptr, "研细") ||
					           contains(step.ptr, "称 0.");
					told += mine && how;
				}
			}
			if (!CHECK_ROW(label, told >= 1)) (void)printf("  %s\n", batch->name);
		}
	}
}

static void test_pets(void)
{
	for (int lang = 0; lang < LANG_COUNT; lang++) {
		for (size_t r = 0; r < COUNT(rows); r++) {
			struct arena *arena = arena_create(0);
			struct made_plan made;
			const char *label = rows[r].pet.label;
			if (CHECK_ROW(label, plan_from_row(arena, &rows[r].pet, (enum lang)lang, 5, &made))) {
				check_monitoring(&made, r);
				check_wording(&made, label);
				check_once(&made, label);
				check_reasons(arena, &made, label);
				check_doses(arena, &made, label);
			}
			arena_destroy(&arena);
		}
		for (size_t r = (size_t)lang; r < pet_row_count; r += LANG_COUNT) {
			struct arena *arena = arena_create(0);
			struct made_plan made;
			if (CHECK_ROW(pet_rows[r].label,
			              plan_from_row(arena, &pet_rows[r], (enum lang)lang, 5, &made))) {
				check_wording(&made, pet_rows[r].label);
				check_once(&made, pet_rows[r].label);
				check_reasons(arena, &made, pet_rows[r].label);
				check_doses(arena, &made, pet_rows[r].label);
			}
			arena_destroy(&arena);
		}
	}
}

static void test_doses(void)
{
	static const struct {
		const char *id;
		double grams;
		enum dosing how;
		bool tablet, oil;
		double active_g, carrier_g; /* unset for what needs no mix of its own */
	} doses[] = {
		{ "calcium_carbonate", 1.58, DOSING_DAILY, false, false, 0, 0 },
		{ "zinc_gluconate", 0.05, DOSING_DAILY, false, false, 0, 0 },
		{ "zinc_gluconate", 0.0499, DOSING_BATCH, false, false, 0, 0 },
		{ "zinc_gluconate", 0.0036, DOSING_BATCH, false, false, 0, 0 },
		{ "vitamin_e_oil", 0.01, DOSING_BATCH, false, true, 0.28, 2.52 },
		{ "vitamin_e_oil", 0.002, DOSING_DILUTE, false, true, 0.1, 4.9 },
		{ "copper_gluconate", 0.001, DOSING_DILUTE, false, false, 0.1, 9.9 },
		{ "thiamine_hcl", 0.0004, DOSING_DILUTE, true, false, 0.3, 74.7 },
		{ "vitamin_b12_1000", 0.0025, DOSING_DILUTE, true, false, 0.25, 9.75 },
	};
	for (size_t i = 0; i < COUNT(doses); i++) {
		struct recipe_item item = { food_by_id(str_from(doses[i].id)), doses[i].grams };
		CHECK_ROW(doses[i].id, dosing_of(&item) == doses[i].how);
		if (!(doses[i].active_g > 0)) continue;
		struct dosing_mix mix = dosing_mix_of(&item);
		CHECK_ROW(doses[i].id, mix.tablet == doses[i].tablet && mix.oil == doses[i].oil);
		CHECK_NEAR(doses[i].id, mix.active_g, doses[i].active_g, 1e-9);
		CHECK_NEAR(doses[i].id, mix.carrier_g, doses[i].carrier_g, 1e-9);
		CHECK_NEAR(doses[i].id, mix.daily_g * mix.active_g / (mix.active_g + mix.carrier_g), item.grams, 1e-12);
	}
	/* the weights of tablets are those that the food table's names state */
	static const struct {
		const char *id, *weight;
	} tablets[] = { { "potassium_iodide_tab", "0.25 g" },
		        { "thiamine_hcl", "0.3 g" },
		        { "b_complex_50", "1 g" },
		        { "vitamin_b12_1000", "0.25 g" } };
	for (size_t i = 0; i < COUNT(tablets); i++)
		CHECK_ROW(tablets[i].id,
		          contains(food_table[food_by_id(str_from(tablets[i].id))].name.en, tablets[i].weight));
}

static void test_sources(void)
{
	struct arena *arena = arena_create(0);
	struct pet_row row = { "", SPECIES_DOG, "", 110, 12, "early kidney disease", .bcs = 5, .meals = 2 };
	static const struct {
		enum lang lang;
		enum nutrient nutrient;
		const char *source;
	} wanted[] = {
		{ LANG_EN, NUTRIENT_lys_g, "minimum: AAFCO 2016 (adult dogs)" },
		{ LANG_ZH, NUTRIENT_lys_g, "下限：AAFCO 2016（成年犬）" },
		{ LANG_EN, NUTRIENT_zn_mg, "minimum: AAFCO 2016 (adult dogs); maximum: EU legal" },
		{ LANG_ZH, NUTRIENT_zn_mg, "下限：AAFCO 2016（成年犬）；上限：欧盟法定" },
		{ LANG_EN, NUTRIENT_vita_iu,
		  "minimum: AAFCO 2016 (adult dogs); maximum: safety limit of adult dogs (strictest of AAFCO, EU legal "
		  "and NRC 2006)" },
		{ LANG_EN, NUTRIENT_vitk_ug, "" },
	};
	for (size_t i = 0; i < COUNT(wanted); i++) {
		struct pet pet;
		struct assessment a;
		struct error err = { 0 };
		pet_from_row(&row, wanted[i].lang, 1, &pet);
		CHECK_OK(assess_pet(arena, &pet, &a, &err), &err);
		CHECK_STR_ROW(nutrient_infos[wanted[i].nutrient].id, source_text(arena, &a, wanted[i].nutrient),
		              wanted[i].source);
		struct str phosphorus = source_text(arena, &a, NUTRIENT_p_mg);
		CHECK_ROW("kidney disease bounds phosphorus",
		          str_find(phosphorus, a.condition_names[0], 0) != SIZE_MAX ||
		              str_find(phosphorus, name_inner(arena, a.condition_names[0], LANG_EN), 0) != SIZE_MAX);
	}
	arena_destroy(&arena);
}

static void test_words(void)
{
	struct arena *arena = arena_create(0);
	static const struct {
		int months;
		const char *zh, *en;
	} ages[] = {
		{ 1, "1 个月大", "1 month old" },
		{ 5, "5 个月大", "5 months old" },
		{ 48, "4 岁", "4 years old" },
		{ 110, "9 岁 2 个月", "9 years and 2 months old" },
		{ 109, "9 岁 1 个月", "9 years and 1 month old" },
	};
	for (size_t i = 0; i < COUNT(ages); i++) {
		CHECK_STR_ROW(ages[i].en, age_text(arena, ages[i].months, LANG_ZH), ages[i].zh);
		CHECK_STR_ROW(ages[i].en, age_text(arena, ages[i].months, LANG_EN), ages[i].en);
	}
	struct pet pet = { .species = SPECIES_DOG, .breed = STR("德国牧羊犬"), .lang = LANG_EN };
	CHECK_STR(pet_text(arena, &pet), "German Shepherd");
	pet.breed = STR("花花");
	CHECK_STR(pet_text(arena, &pet), "花花");
	pet.breed = STR_NONE;
	CHECK_STR(pet_text(arena, &pet), "dog");
	arena_destroy(&arena);
}

int main(void)
{
	test_words();
	test_doses();
	test_sources();
	test_pets();
	return check_done("owner_test");
}
