#include "tests/unit/rpc/domain/checking/plan_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/domain/checking/checker.h"

static const struct fixture_week dog_chicken = { .foods = {
	                                             { "chicken_thigh_cooked", 139, 70 },
	                                             { "butternut_baked", 120, 60 },
	                                             { "rice_white_cooked", 91, 45.5 },
	                                             { "egg_whole_boiled", 72, 0 },
	                                             { "beef_kidney_cooked", 24, 12 },
	                                             { "beef_liver_cooked", 24, 12 },
	                                             { "sunflower_seeds", 8.3, 0 },
	                                             { "eggshell_powder", 2.0468, 0 },
	                                             { "kelp_powder_std", 0.2419, 0 },
	                                             { "zinc_gluconate", 0.049, 0 },
	                                         } };
static const struct fixture_week dog_beef = { .foods = {
	                                          { "beef_mince95_cooked", 136, 68 },
	                                          { "zucchini_boiled", 130, 65 },
	                                          { "potato_boiled", 130, 65 },
	                                          { "egg_whole_boiled", 78, 0 },
	                                          { "beef_liver_cooked", 25, 12.5 },
	                                          { "sunflower_seeds", 15.3, 0 },
	                                          { "bone_meal", 6.4567, 0 },
	                                          { "kelp_powder_std", 0.2355, 0 },
	                                      } };
static const struct fixture_week dog_pork = { .foods = {
	                                          { "oatmeal_cooked", 199, 100 },
	                                          { "pork_tenderloin_cooked", 150, 75 },
	                                          { "egg_whole_boiled", 93, 0 },
	                                          { "green_beans_boiled", 88, 44 },
	                                          { "napa_cabbage_bokchoy", 69, 34 },
	                                          { "sunflower_seeds", 18.7, 0 },
	                                          { "beef_liver_cooked", 5.3, 0 },
	                                          { "calcium_carbonate", 2.1857, 0 },
	                                          { "kelp_powder_std", 0.2382, 0 },
	                                          { "zinc_gluconate", 0.038, 0 },
	                                      } };
static const struct fixture_week dog_fish = { .foods = {
	                                          { "sweet_potato_boiled", 369, 184 },
	                                          { "pollock_alaska_cooked", 226, 113 },
	                                          { "pumpkin_boiled", 191, 95 },
	                                          { "beef_liver_cooked", 21, 0 },
	                                          { "sunflower_seeds", 11.9, 0 },
	                                          { "calcium_carbonate", 2.0425, 0 },
	                                          { "zinc_gluconate", 0.0684, 0 },
	                                      } };
static const struct fixture_week cat_beef = { .foods = {
	                                          { "beef_mince95_cooked", 94, 47 },
	                                          { "egg_whole_boiled", 15.6, 0 },
	                                          { "asparagus_boiled", 13.4, 0 },
	                                          { "beef_liver_cooked", 6.7, 0 },
	                                          { "sunflower_oil", 2.9, 0 },
	                                          { "calcium_carbonate", 0.909, 0 },
	                                          { "iodised_salt_cn", 0.5587, 0 },
	                                          { "taurine", 0.1274, 0 },
	                                          { "kelp_powder_std", 0.0282, 0 },
	                                          { "ferrous_bisglycinate", 0.0063, 0 },
	                                          { "manganese_gluconate", 0.0036, 0 },
	                                          { "thiamine_hcl", 0.001, 0 },
	                                      } };
static const struct fixture_week cat_turkey = { .foods = {
	                                            { "turkey_thigh_cooked", 87, 43 },
	                                            { "quail_egg", 25, 0 },
	                                            { "rice_white_cooked", 16.9, 0 },
	                                            { "asparagus_boiled", 16.6, 0 },
	                                            { "chicken_heart_cooked", 12.1, 0 },
	                                            { "beef_liver_cooked", 8, 0 },
	                                            { "calcium_carbonate", 0.881, 0 },
	                                            { "iodised_salt_cn", 0.3103, 0 },
	                                            { "taurine", 0.1264, 0 },
	                                            { "kelp_powder_std", 0.045, 0 },
	                                            { "ferrous_bisglycinate", 0.0044, 0 },
	                                            { "manganese_gluconate", 0.0028, 0 },
	                                            { "vitamin_e_oil", 0.0015, 0 },
	                                            { "thiamine_hcl", 0.0008, 0 },
	                                        } };

void fixture_dog(struct plan_fixture *out)
{
	*out = (struct plan_fixture){
		.species = SPECIES_DOG,
		.age_months = 48,
		.weight_kg = 10,
		.energy_weight_kg = 10,
		.der_factor = 1.6,
		.health_status = "健康",
		.special_requirements = "不要洋葱",
		.profile = "dog_adult",
		.language = "zh",
		.density_factor = 1,
		.weeks = { dog_chicken, dog_beef, dog_pork, dog_fish },
	};
}

void fixture_cat(struct plan_fixture *out)
{
	*out = (struct plan_fixture){
		.species = SPECIES_CAT,
		.age_months = 36,
		.weight_kg = 4,
		.energy_weight_kg = 4,
		.der_factor = 1.2,
		.health_status = "healthy",
		.special_requirements = "",
		.profile = "cat_adult",
		.language = "en",
		.density_factor = 1,
		.weeks = { cat_beef, cat_turkey, cat_beef, cat_turkey },
	};
}

struct fixture_food *fixture_find(struct plan_fixture *f, int week, const char *id)
{
	for (size_t i = 0; i < FIXTURE_FOODS_MAX; i++)
		if (f->weeks[week].foods[i].id && strcmp(f->weeks[week].foods[i].id, id) == 0)
			return &f->weeks[week].foods[i];
	return NULL;
}

void fixture_add(struct plan_fixture *f, int week, const char *id, double grams)
{
	for (size_t i = 0; i < FIXTURE_FOODS_MAX; i++)
		if (!f->weeks[week].foods[i].id) {
			f->weeks[week].foods[i] = (struct fixture_food){ id, grams, 0 };
			return;
		}
}

void fixture_drop(struct plan_fixture *f, int week, const char *id)
{
	struct fixture_food *food = fixture_find(f, week, id);
	struct fixture_food *end = f->weeks[week].foods + FIXTURE_FOODS_MAX;
	if (!food) return;
	memmove(food, food + 1, (size_t)(end - food - 1) * sizeof(*food));
	end[-1] = (struct fixture_food){ 0 };
}

static const struct food *row(const char *id)
{
	for (size_t i = 0; i < food_count; i++)
		if (strcmp(food_table[i].id, id) == 0) return &food_table[i];
	return NULL;
}

static double amount(const struct food *food, enum food_amount column)
{
	return !food || isnan(food->amount[column]) ? 0 : food->amount[column];
}

static double rounded(double value, double step) { return round(value / step) * step; }

static json_t *measured(double value, const char *unit)
{
	return json_pack("{s:f,s:s}", "value", rounded(value, 1e-4), "unit", unit);
}

static json_t *micros(const struct food *food, double grams)
{
	static const struct {
		const char *name, *unit;
		enum food_amount column;
		double factor;
	} plain[] = {
		{ "vitamin_a", "IU", FOOD_vita_iu, 1 }, { "vitamin_c", "mg", FOOD_vitc_mg, 1 }, { "vitamin_d", "IU", FOOD_vitd_iu, 1 },
		{ "vitamin_e", "mg", FOOD_vite_mg, 1 }, { "calcium", "mg", FOOD_ca_mg, 1 }, { "iron", "mg", FOOD_fe_mg, 1 },
		{ "sodium", "mg", FOOD_na_mg, 1 }, { "potassium", "mg", FOOD_k_mg, 1 }, { "phosphorus", "mg", FOOD_p_mg, 1 },
		{ "zinc", "mg", FOOD_zn_mg, 1 }, { "taurine", "mg", FOOD_taurine_mg, 1 },
		{ "cholesterol", "mg", FOOD_cholesterol_mg, 1 },
	}, extra[] = {
		{ "EPA", "mg", FOOD_epa_g, 1000 }, { "DHA", "mg", FOOD_dha_g, 1000 }, { "copper", "mg", FOOD_cu_mg, 1 },
		{ "manganese", "mg", FOOD_mn_mg, 1 }, { "magnesium", "mg", FOOD_mg_mg, 1 }, { "vitamin_b1", "mg", FOOD_thiamin_mg, 1 },
		{ "choline", "mg", FOOD_choline_mg, 1 }, { "iodine", "ug", FOOD_i_ug, 1 }, { "selenium", "ug", FOOD_se_ug, 1 },
	};
	json_t *all = json_object(), *extras = json_object();
	for (size_t i = 0; i < COUNT(plain); i++)
		json_object_set_new(all, plain[i].name,
		                    measured(amount(food, plain[i].column) * grams / 100, plain[i].unit));
	for (size_t i = 0; i < COUNT(extra); i++) {
		double value = amount(food, extra[i].column) * extra[i].factor * grams / 100;
		if (rounded(value, 1e-4) > 0)
			json_object_set_new(extras, extra[i].name, measured(value, extra[i].unit));
	}
	double omega3 = (amount(food, FOOD_epa_g) + amount(food, FOOD_dha_g)) * 10 * grams;
	if (rounded(omega3, 1e-4) > 0) json_object_set_new(extras, "EPA_DHA", measured(omega3, "mg"));
	json_object_set_new(all, "additional_nutrients", extras);
	return all;
}

static double kcal_of(const struct food *food, double grams)
{
	double nfe = fmax(0, amount(food, FOOD_carb_g) - amount(food, FOOD_fibre_g));
	return grams / 100 * (4 * amount(food, FOOD_protein_g) + 9 * amount(food, FOOD_fat_g) + 4 * nfe);
}

static json_t *item(const struct plan_fixture *f, const char *id, double grams)
{
	const struct food *food = row(id);
	const char *name = !food ? id : strcmp(f->language, "en") == 0 ? food->name.en : food->name.zh;
	double raw = food ? grams * food->raw_g_per_100g / 100 : NAN;
	return json_pack(
	    "{s:s,s:f,s:s,s:{s:f,s:f,s:f,s:f},s:o,s:s,s:o,s:b,s:f}", "name", name, "weight", grams, "recommend_reason",
	    "", "macro_nutrients", "protein", rounded(amount(food, FOOD_protein_g) * grams / 100, 1e-4), "fat",
	    rounded(amount(food, FOOD_fat_g) * grams / 100, 1e-4), "carbohydrates",
	    rounded(amount(food, FOOD_carb_g) * grams / 100, 1e-4), "dietary_fiber",
	    rounded(amount(food, FOOD_fibre_g) * grams / 100, 1e-4), "micro_nutrients", micros(food, grams), "food_id",
	    id, "raw_weight", isnan(raw) ? json_null() : json_real(rounded(raw, 0.1)), "is_supplement",
	    food && food->category == FOOD_SUPPLEMENT, "energy_kcal", rounded(kcal_of(food, grams), 0.1));
}

static json_t *week(const struct plan_fixture *f, int w)
{
	const struct fixture_week *week = &f->weeks[w];
	json_t *breakfast = json_array(), *dinner = json_array(), *batches = json_array(), *ids = json_array();
	double kcal = 0, grams = 0, ca = 0, p = 0;
	int count = 0;
	for (size_t i = 0; i < FIXTURE_FOODS_MAX && week->foods[i].id; i++, count++) {
		const struct fixture_food *e = &week->foods[i];
		const struct food *food = row(e->id);
		json_array_append_new(breakfast, item(f, e->id, e->grams - e->dinner));
		if (e->dinner > 0) json_array_append_new(dinner, item(f, e->id, e->dinner));
		json_array_append_new(ids, json_string(e->id));
		kcal += kcal_of(food, e->grams);
		grams += e->grams;
		ca += amount(food, FOOD_ca_mg) * e->grams;
		p += amount(food, FOOD_p_mg) * e->grams;
		if (food && food->category == FOOD_SUPPLEMENT)
			json_array_append_new(batches,
			                      json_pack("{s:s,s:s,s:f,s:f}", "food_id", e->id, "name", food->name.en,
			                                "daily_mg", rounded(e->grams * 1000, 0.1), "batch_28_day_g",
			                                rounded(e->grams * 28, 0.001)));
	}
	json_t *meals = json_pack("[{s:i,s:s,s:s,s:o},{s:i,s:s,s:s,s:o}]", "oder", 1, "time", "08:00", "cook_method",
	                          "煮熟后放凉", "food_items", breakfast, "oder", 2, "time", "18:00", "cook_method",
	                          "煮熟后放凉", "food_items", dinner);
	json_t *dishes =
	    json_pack("[{s:s,s:[s,s],s:O},{s:s,s:[s],s:[s]}]", "name", "主菜", "steps", "蒸熟", "切勿加入葱、蒜和盐",
	              "food_ids", ids, "name", "配菜", "steps", "煮熟", "food_ids", week->foods[0].id);
	json_t *relaxations = json_array();
	if (week->relaxation) json_array_append_new(relaxations, json_string(week->relaxation));
	json_decref(ids);
	return json_pack("{s:i,s:s,s:{s:o},s:s,s:[s],s:s,s:[s],s:o,s:[],s:f,s:f,s:f,s:o,s:o,s:i}", "oder", w + 1,
	                 "diet_adjustment_principle", "循序渐进", "weekly_diet_plan", "daily_diet_plans", meals,
	                 "weekly_special_adjustment_note", "观察粪便", "suggestions", "每两周称重", "theme", "本周主题",
	                 "main_food_ids", week->foods[0].id, "dishes", dishes, "adequacy", "energy_kcal",
	                 rounded(kcal, 0.01), "total_weight_g", rounded(grams, 0.01), "ca_p_ratio",
	                 p > 0 ? rounded(ca / p, 0.001) : 0.0, "supplement_batches", batches, "relaxations",
	                 relaxations, "item_count", count);
}

static json_t *list_of(const char *entry) { return entry ? json_pack("[s]", entry) : json_null(); }

static json_t *frame(const struct plan_fixture *f)
{
	double rer = 70 * pow(f->energy_weight_kg, 0.75);
	json_t *weeks = json_array(), *conditions = json_array();
	for (int w = 0; w < 4; w++) json_array_append_new(weeks, week(f, w));
	for (size_t i = 0; i < FIXTURE_LIST_MAX && f->conditions[i]; i++)
		json_array_append_new(conditions, json_string(f->conditions[i]));
	json_t *pet =
	    json_pack("{s:s,s:n,s:i,s:f,s:s,s:s,s:o,s:o}", "pet_type", f->species == SPECIES_CAT ? "cat" : "dog",
	              "pet_breed", "pet_age", f->age_months, "pet_weight", f->weight_kg, "health_status",
	              f->health_status, "special_requirements", f->special_requirements, "allergens",
	              list_of(f->allergen), "health_issues", list_of(f->health_issue));
	json_t *basis = json_pack(
	    "{s:s,s:s,s:f,s:f,s:s,s:f,s:f,s:o,s:o,s:o,s:b,s:[s]}", "profile", f->profile, "standard", "WORKING",
	    "rer_kcal", rounded(rer, 0.1), "der_kcal", rounded(rer * f->der_factor, 0.1), "energy_method",
	    "70 x kg^0.75", "energy_weight_kg", f->energy_weight_kg, "density_factor", f->density_factor, "conditions",
	    conditions, "excluded_food_ids", list_of(f->excluded_food), "excluded_allergens",
	    list_of(f->excluded_allergen), "large_breed", f->large_breed, "sources", "USDA SR28");
	return json_pack("{s:o,s:s,s:{s:o},s:o,s:[],s:[s],s:b,s:s,s:s,s:s,s:[s]}", "pet_information", pet,
	                 "ai_suggestions", "慢慢换粮", "pet_diet_plan", "monthly_diet_plan", weeks, "nutrition_basis",
	                 basis, "assumptions", "warnings", "四周内过渡", "vet_required", f->vet_required, "planner",
	                 "builtin", "language", f->language, "disclaimer", "不能代替兽医", "data_gaps",
	                 "生物素没有数据");
}

static void adequacy_fill(json_t *root, const struct check_report *report)
{
	json_t *weeks = json_object_get(json_object_get(root, "pet_diet_plan"), "monthly_diet_plan");
	for (size_t w = 0; w < json_array_size(weeks); w++) {
		json_t *rows = json_object_get(json_array_get(weeks, w), "adequacy");
		for (enum nutrient n = 0; n < NUTRIENT_COUNT; n++) {
			const struct check_row *r = &report->weeks[w].rows[n];
			if (!(r->min > 0) && !isfinite(r->max)) continue;
			json_t *minimum = r->min > 0 ? json_real(rounded(r->min, 1e-4)) : json_null();
			json_t *maximum = isfinite(r->max) ? json_real(rounded(r->max, 1e-4)) : json_null();
			json_array_append_new(
			    rows, json_pack("{s:s,s:s,s:s,s:f,s:o,s:o,s:s,s:f}", "nutrient", nutrient_infos[n].id,
			                    "name", nutrient_infos[n].name.zh, "unit", nutrient_infos[n].unit,
			                    "amount_per_1000kcal", isfinite(r->low) ? rounded(r->low, 1e-4) : 0,
			                    "minimum", minimum, "maximum", maximum, "source", "WORKING",
			                    "unknown_energy_percent", rounded(r->unknown_energy_percent, 0.1)));
		}
	}
}

json_t *fixture_document(const struct plan_fixture *f)
{
	struct arena *arena = arena_create(0);
	struct check_report report;
	struct error err = { 0 };
	json_t *root = frame(f);
	char *text = json_dumps(root, JSON_COMPACT);
	if (text && check_plan(arena, str_from(text), &report, &err))
		adequacy_fill(root, &report);
	else
		(void)printf("fixture: %s\n", text ? err.message : "no document"); /* the test's first check fails */
	free(text);
	arena_destroy(&arena);
	return root;
}
