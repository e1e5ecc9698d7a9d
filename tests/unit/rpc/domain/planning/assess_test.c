/* Assessment: worked cases, every condition, exclusions, assumptions, refusals, and that the same pet is judged the same. */
#include <stdlib.h>

#include "rpc/domain/nutrition/conditions.h"
#include "rpc/domain/nutrition/profiles.h"
#include "rpc/domain/planning/assess.h"
#include "tests/support/check.h"

static struct arena *arena;

static struct pet dog(double kg, int months)
{
	return (struct pet){ .species = SPECIES_DOG,
		             .species_said = true,
		             .age_said = true,
		             .weight_said = true,
		             .weight_kg = kg,
		             .age_months = months,
		             .neutered = YES,
		             .bcs = 5,
		             .activity = ACTIVITY_NORMAL,
		             .meals_per_day = 2,
		             .lang = LANG_EN };
}
static struct pet cat(double kg, int months)
{
	struct pet p = dog(kg, months);
	p.species = SPECIES_CAT;
	return p;
}
static struct pet with_health(struct pet p, const char *text)
{
	p.health_status = str_from(text);
	return p;
}
static struct pet with_wish(struct pet p, const char *text)
{
	p.special_requirements = str_from(text);
	return p;
}
static void list_add(struct str_list *list, const char *item) { list->items[list->count++] = str_from(item); }

/* The pet must outlive its assessment. */
static struct assessment *assessed(struct pet p)
{
	struct pet *kept = arena_new(arena, struct pet);
	struct assessment *out = arena_new(arena, struct assessment);
	struct error err = { 0 };
	*kept = p;
	if (!CHECK_OK(assess_pet(arena, kept, out, &err), &err)) exit(1);
	return out;
}
static bool has_condition(const struct assessment *a, const char *id)
{
	for (size_t i = 0; i < a->condition_count; i++) {
		if (strcmp(a->conditions[i], id) == 0) return true;
	}
	return false;
}
static bool says(const struct assessment *a, const char *part)
{
	for (size_t i = 0; i < a->warning_count; i++) {
		if (str_find(a->warnings[i], str_from(part), 0) != SIZE_MAX) return true;
	}
	return false;
}
static const struct assumption *assumed(const struct assessment *a, const char *field)
{
	for (size_t i = 0; i < a->assumption_count; i++) {
		if (strcmp(a->assumptions[i].field, field) == 0) return &a->assumptions[i];
	}
	return NULL;
}
static bool excluded(const struct assessment *a, const char *food)
{
	return a->food_excluded[food_by_id(str_from(food))];
}
static double min_of(const struct assessment *a, enum nutrient n) { return a->bounds[n].min; }
static double max_of(const struct assessment *a, enum nutrient n) { return a->bounds[n].max; }

static void test_worked_cases(void)
{
	struct assessment *a = assessed(dog(10, 48));
	CHECK_NEAR("RER 10 kg", a->rer_kcal, 393.6, 0.5);
	CHECK_NEAR("dog 10 kg neutered", a->der_kcal, 630, 2);
	double k = 0.630;
	CHECK_NEAR("protein of 630 kcal", min_of(a, NUTRIENT_protein_g) * k, 28.35, 0.06);
	CHECK_NEAR("calcium", min_of(a, NUTRIENT_ca_mg) * k, 787.5, 1);
	CHECK_NEAR("phosphorus", min_of(a, NUTRIENT_p_mg) * k, 630, 1);
	CHECK_NEAR("zinc", min_of(a, NUTRIENT_zn_mg) * k, 12.6, 0.01);
	CHECK_NEAR("vitamin D", min_of(a, NUTRIENT_vitd_iu) * k, 78.75, 0.3);
	CHECK_NEAR("vitamin E", min_of(a, NUTRIENT_vite_iu) * k, 7.9, 0.05);
	CHECK_NEAR("iodine", min_of(a, NUTRIENT_i_ug) * k, 157.5, 0.6);
	CHECK(max_of(a, NUTRIENT_ca_mg) * k <= 3940 && max_of(a, NUTRIENT_vitd_iu) * k <= 357.5 &&
	      max_of(a, NUTRIENT_vita_iu) * k <= 33600);
	CHECK(a->density_factor == 1 && !a->vet_required && a->condition_count == 0);
	CHECK_NEAR("cat 4 kg neutered", assessed(cat(4, 48))->der_kcal, 237.6, 1);

	struct pet p = dog(30, 5);
	p.expected_adult_weight_kg = 50;
	a = assessed(p);
	CHECK_NEAR("large puppy", a->der_kcal, 1794.6, 1);
	CHECK(a->large_breed && strcmp(a->profile, "dog_growth_large") == 0 && strcmp(a->life_stage, "growth") == 0);
	CHECK(min_of(a, NUTRIENT_ca_mg) == 3000 && max_of(a, NUTRIENT_ca_mg) == 4000 &&
	      max_of(a, NUTRIENT_vitd_iu) <= 567);
	CHECK_NEAR("Ca:P from", min_of(a, NUTRIENT_ca_p_ratio), 1.15, 1e-9);
	CHECK_NEAR("Ca:P to", max_of(a, NUTRIENT_ca_p_ratio), 1.55, 1e-9);
	a = assessed(cat(1.5, 4));
	CHECK_NEAR("kitten", a->der_kcal, 237.1, 1);
	CHECK(strcmp(a->profile, "cat_growth_repro") == 0 && min_of(a, NUTRIENT_taurine_mg) >= 500);

	p = dog(25, 60);
	p.bcs = 8;
	a = assessed(p);
	CHECK_NEAR("ideal weight", a->energy_weight_kg, 19.2, 0.1);
	CHECK_NEAR("weight loss dog", a->der_kcal, 643, 2);
	CHECK(has_condition(a, "obesity_dog") && a->density_factor == 1.25 && max_of(a, NUTRIENT_fat_g) == 30);
	CHECK_NEAR("zinc is denser", min_of(a, NUTRIENT_zn_mg), 25, 1e-9);
	CHECK_NEAR("sodium is not", min_of(a, NUTRIENT_na_mg), 200, 1e-9);
	p = cat(6, 60);
	p.bcs = 8;
	a = assessed(p);
	CHECK_NEAR("weight loss cat", a->der_kcal, 176.5, 1.5);
	CHECK(has_condition(a, "obesity_cat") && a->density_factor == 1.2);

	p = dog(20, 36);
	a = assessed(with_health(p, "lactating, 6 pups, week 3"));
	CHECK_NEAR("lactation", a->der_kcal, 4011, 12);
	CHECK(strcmp(a->life_stage, "lactation") == 0 && a->vet_required &&
	      strcmp(a->profile, "dog_growth_repro") == 0);
	CHECK_NEAR("gestation", assessed(with_health(p, "怀孕第7周"))->der_kcal, 1768, 3);

	a = assessed(with_health(cat(4, 60), "cat with kidney disease"));
	CHECK(has_condition(a, "ckd_early_cat") && a->vet_required && max_of(a, NUTRIENT_p_mg) == 1500);
	CHECK_STR(a->bounds[NUTRIENT_p_mg].max_source, "condition ckd_early_cat");
}

static void test_exclusions(void)
{
	static const char *const groups[] = { "chicken", "turkey", "duck", "egg" };
	struct pet p = dog(15, 48);
	list_add(&p.allergens, "chicken");
	struct assessment *a = assessed(p);
	for (size_t i = 0; i < food_count; i++)
		for (size_t g = 0; g < COUNT(groups); g++)
			if (strcmp(food_table[i].allergen_group, groups[g]) == 0)
				CHECK_ROW(food_table[i].id, a->food_excluded[i]);
	CHECK(a->excluded_allergen_count == 4 && says(a, "turkey") && excluded(a, "eggshell_powder") &&
	      !excluded(a, "beef_mince95_cooked"));
	CHECK(a->condition_count == 0);
	a = assessed(with_wish(dog(15, 48), "对鸡肉过敏"));
	CHECK(excluded(a, "chicken_thigh_cooked") && excluded(a, "quail_egg") && a->condition_count == 0);

	p = dog(15, 48);
	p.lang = LANG_ZH;
	list_add(&p.dislikes, "牛肉");
	list_add(&p.dislikes, "鸡胸肉");
	list_add(&p.dislikes, "Pumpkin, boiled");
	list_add(&p.dislikes, "独角兽");
	a = assessed(p);
	CHECK(excluded(a, "beef_mince95_cooked") && excluded(a, "chicken_breast_cooked") &&
	      !excluded(a, "chicken_thigh_cooked"));
	CHECK(excluded(a, "pumpkin_boiled") && says(a, "独角兽") && a->excluded_allergen_count == 0);

	p = dog(15, 48);
	list_add(&p.available_foods, "鸡腿");
	list_add(&p.available_foods, "rice");
	list_add(&p.available_foods, "carrots");
	list_add(&p.available_foods, "onion");
	list_add(&p.available_foods, "moonstone");
	a = assessed(p);
	CHECK(!excluded(a, "chicken_thigh_cooked") && !excluded(a, "rice_white_cooked") &&
	      !excluded(a, "carrot_boiled"));
	CHECK(excluded(a, "chicken_breast_cooked") && excluded(a, "beef_mince95_cooked") &&
	      !excluded(a, "calcium_carbonate"));
	CHECK(says(a, "moonstone") && says(a, "Onion family"));
	p = dog(15, 48);
	list_add(&p.available_foods, "rice");
	CHECK(says(assessed(p), "no meat or fish is left"));

	a = assessed(dog(15, 48));
	for (size_t i = 0; i < food_count; i++) {
		const struct food *f = &food_table[i];
		bool flesh = f->category == FOOD_MEAT || f->category == FOOD_ORGAN || f->category == FOOD_FISH;
		if (!f->for_dog || (flesh && strcmp(f->state, "raw") == 0)) CHECK_ROW(f->id, a->food_excluded[i]);
	}
	CHECK(a->warning_count == 0);
}

/* What stays and what goes when the text says "only" or "everything except". */
static void test_only(void)
{
	static const struct {
		const char *text, *stays, *goes; /* ids, '|' separated */
		bool allergy;
	} rows[] = {
		{ "allergic to everything except duck", "duck_meat_cooked|rice_white_cooked|algal_oil_dha",
		  "chicken_thigh_cooked|beef_mince95_cooked|pork_tenderloin_cooked|cod_pacific_cooked|egg_whole_boiled|"
		  "goat_milk|fish_oil_1812|chicken_fat|turkey_liver_cooked|bone_meal|eggshell_powder",
		  true },
		{ "除了鸡肉，其他肉都过敏", "chicken_thigh_cooked|chicken_liver_cooked|chicken_fat|potato_boiled",
		  "duck_meat_cooked|beef_mince95_cooked|cod_pacific_cooked|egg_whole_boiled|beef_liver_cooked", true },
		{ "只能吃鸡肉",
		  "chicken_thigh_cooked|chicken_liver_cooked|fish_oil_1812|rice_white_cooked|potato_boiled",
		  "beef_mince95_cooked|turkey_breast_cooked|cod_pacific_cooked|beef_liver_cooked|lard|egg_whole_boiled",
		  false },
		{ "only eats chicken and rice", "chicken_breast_cooked|rice_white_cooked|carrot_boiled",
		  "potato_boiled|oatmeal_cooked|lentils_boiled|beef_mince95_cooked", false },
		{ "不吃鱼以外的东西", "cod_pacific_cooked|salmon_farmed_cooked|fish_oil_1812",
		  "chicken_thigh_cooked|beef_mince95_cooked|egg_whole_boiled|beef_liver_cooked", false },
		{ "no meat other than lamb", "lamb_leg_cooked|lamb_liver_cooked",
		  "goat_meat_cooked|beef_mince95_cooked", false },
		{ "no fish except salmon", "salmon_farmed_cooked|beef_mince95_cooked",
		  "cod_pacific_cooked|sardine_canned", false },
		{ "only wants cheese", "chicken_thigh_cooked|beef_mince95_cooked", "", false },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct assessment *a = assessed(with_wish(dog(15, 48), rows[i].text));
		struct str list = str_from(rows[i].stays), id;
		while (list.len && str_split(&list, '|', &id))
			CHECK_ROW(str_dup_c(arena, id), !a->food_excluded[food_by_id(id)]);
		list = str_from(rows[i].goes);
		while (list.len && str_split(&list, '|', &id))
			CHECK_ROW(str_dup_c(arena, id), a->food_excluded[food_by_id(id)]);
		CHECK_ROW(rows[i].text, has_condition(a, "food_allergy") == rows[i].allergy &&
		                            a->single_protein == rows[i].allergy &&
		                            (a->excluded_allergen_count > 0) == rows[i].allergy);
	}
	struct assessment *a = assessed(with_wish(dog(15, 48), "She can't have chicken or eggs. Beef makes her itch."));
	CHECK(excluded(a, "chicken_thigh_cooked") && excluded(a, "egg_whole_boiled") &&
	      excluded(a, "bison_mince_cooked") && excluded(a, "beef_liver_cooked") &&
	      !excluded(a, "turkey_breast_cooked") && says(a, "bison"));
	a = assessed(with_wish(dog(15, 48), "allergic to lamb"));
	CHECK(excluded(a, "goat_meat_cooked") && says(a, "goat"));
	a = assessed(with_wish(dog(15, 48), "Allergic to Capybara and beef"));
	CHECK(says(a, "\"Allergic to Capybara and beef\"") && says(a, "not fully understood"));
	struct pet zh = with_wish(dog(15, 48), "喜欢吃鸡肉，但一吃就拉肚子");
	zh.lang = LANG_ZH;
	CHECK(says(assessed(zh), "“一吃就拉肚子”"));
	a = assessed(with_wish(dog(15, 48), "purple moonbeams"));
	CHECK(says(a, "purple moonbeams") && says(a, "special_requirements"));
}

static void test_wishes(void)
{
	static const struct {
		const char *text, *says; /* NULL: no warning at all */
	} rows[] = {
		{ "给狗喂洋葱", "Onion family" },
		{ "cook it with garlic", "Onion family" },
		{ "without onion", NULL },
		{ "raw diet please", "cooked to 74" },
		{ "no supplements", "was not followed" },
		{ "不加补充剂", "was not followed" },
		{ "double the calcium", "safe maximum" },
		{ "vegan", "keeps animal food" },
		{ "likes long walks", "was not understood" },
		{ "no allergies", NULL },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct assessment *a = assessed(with_wish(dog(12, 48), rows[i].text));
		CHECK_ROW(rows[i].text, rows[i].says ? says(a, rows[i].says) : a->warning_count == 0);
	}
	struct pet p = dog(12, 48);
	list_add(&p.dislikes, "补充剂");
	struct assessment *a = assessed(p);
	CHECK(says(a, "was not followed") && !excluded(a, "calcium_carbonate"));
	a = assessed(with_wish(dog(12, 48), "allergic, no idea to what"));
	CHECK(has_condition(a, "food_allergy") && a->single_protein && a->keep_recipe);
	a = assessed(with_wish(dog(12, 48), "loves duck"));
	CHECK(a->food_preferred[food_by_id(STR("duck_meat_cooked"))]);
	p = dog(12, 48);
	list_add(&p.health_issues, "flux capacitor trouble");
	CHECK(says(assessed(p), "flux capacitor"));
}

static void test_stages(void)
{
	static const struct {
		const char *label, *breed;
		enum species species;
		double kg;
		int months;
		const char *profile, *stage, *condition;
	} rows[] = {
		{ "kitten", "", SPECIES_CAT, 2, 11, "cat_growth_repro", "growth", "growth_kitten" },
		{ "cat of a year", "", SPECIES_CAT, 4, 12, "cat_adult", "adult", "" },
		{ "cat of ten", "", SPECIES_CAT, 4, 120, "cat_adult", "senior", "senior" },
		{ "toy puppy grown at ten months", "Chihuahua", SPECIES_DOG, 2.2, 10, "dog_adult", "adult", "" },
		{ "toy puppy late growth", "泰迪", SPECIES_DOG, 2, 6, "dog_late_growth", "growth", "growth_small" },
		{ "toy puppy early growth", "泰迪", SPECIES_DOG, 1, 3, "dog_growth_repro", "growth", "growth_small" },
		{ "corgi puppy", "柯基", SPECIES_DOG, 6, 5, "dog_late_growth", "growth", "growth_small" },
		{ "collie puppy", "Border Collie", SPECIES_DOG, 10, 5, "dog_growth_repro", "growth", "growth_small" },
		{ "retriever puppy is large but no large-size dog", "金毛", SPECIES_DOG, 15, 5, "dog_growth_repro",
		  "growth", "growth_large" },
		{ "Dane of 17 months still grows", "Great Dane", SPECIES_DOG, 50, 17, "dog_growth_large", "growth",
		  "growth_large" },
		{ "unknown puppy of 20 kg at five months", "", SPECIES_DOG, 20, 5, "dog_growth_large", "growth",
		  "growth_large" },
		{ "large dog of seven years", "", SPECIES_DOG, 35, 84, "dog_adult", "senior", "senior" },
		{ "small dog of seven years", "", SPECIES_DOG, 8, 84, "dog_adult", "adult", "" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pet p = dog(rows[i].kg, rows[i].months);
		p.species = rows[i].species;
		p.breed = str_from(rows[i].breed);
		struct assessment *a = assessed(p);
		CHECK_STR_ROW(rows[i].label, str_from(a->profile), rows[i].profile);
		CHECK_STR_ROW(rows[i].label, str_from(a->life_stage), rows[i].stage);
		CHECK_ROW(rows[i].label, *rows[i].condition
		                             ? a->condition_count == 1 && has_condition(a, rows[i].condition)
		                             : a->condition_count == 0);
		CHECK_ROW(rows[i].label, a->large_breed == (strcmp(rows[i].profile, "dog_growth_large") == 0));
	}
	struct pet puppy = dog(10, 5);
	puppy.bcs = 0;
	struct assessment *a = assessed(with_health(puppy, "too fat"));
	CHECK(!has_condition(a, "obesity_dog") && says(a, "No slimming"));
	a = assessed(with_health(dog(10, 60), "overweight")); /* the score 5 that was given is believed */
	CHECK(!has_condition(a, "obesity_dog") && says(a, "body condition of 5/9"));
	struct pet p = dog(12, 60);
	p.bcs = 0;
	a = assessed(with_health(p, "overweight"));
	CHECK(has_condition(a, "obesity_dog") && assumed(a, "bcs") && fabs(a->energy_weight_kg - 10) < 1e-9);
	p.bcs = 6;
	a = assessed(p);
	CHECK(!has_condition(a, "obesity_dog") && a->energy_weight_kg < 12 && a->der_kcal < 1.21 * a->rer_kcal);
	p.bcs = 2;
	a = assessed(p);
	CHECK(has_condition(a, "underweight") && a->energy_weight_kg == 12 && says(a, "weight gain"));
	p.bcs = 5;
	p.meals_per_day = 0;
	CHECK(assessed(p)->meals_per_day == 2);
	CHECK(assessed(with_health(p, "pancreatitis"))->meals_per_day == 3);
}

/* Every condition, by its first Chinese and English word: found, bounded, and refused where it must be. */
static void test_conditions(void)
{
	for (size_t i = 0; i < condition_count; i++) {
		const struct condition *c = &condition_table[i];
		bool by_stage =
		    strncmp(c->id, "growth", 6) == 0 || strcmp(c->id, "senior") == 0 || strcmp(c->id, "none") == 0;
		if (by_stage) continue;
		for (int side = 0; side < 4; side++) {
			bool is_dog = side < 2;
			if (!(is_dog ? c->for_dog : c->for_cat)) continue;
			struct str list = str_from(side % 2 ? c->keywords_en : c->keywords_zh), word;
			(void)str_split(&list, '|', &word);
			struct pet p = is_dog ? dog(12, 60) : cat(4.5, 60);
			p.bcs = 0;
			p.lang = side % 2 ? LANG_EN : LANG_ZH;
			list_add(&p.health_issues, str_dup_c(arena, word));
			struct assessment a;
			struct error err = { 0 };
			bool ok = assess_pet(arena, &p, &a, &err);
			if (c->below_aafco == BELOW_AAFCO_YES) {
				CHECK_ROW(c->id,
				          !ok && error_is(&err, "PLAN_REFUSED") && err.code == RPC_FAILED_PRECONDITION);
				bool why = false;
				for (size_t k = 0; k < err.param_count; k++)
					why |= strcmp(err.params[k].name, "why") == 0 &&
					       str_is_utf8(str_from(err.params[k].value)) &&
					       strstr(err.params[k].value, text2_in(c->name, p.lang)) ==
					           err.params[k].value;
				CHECK_ROW(c->id, why);
				continue;
			}
			if (!CHECK_ROW(c->id, ok)) continue;
			CHECK_ROW(c->id, has_condition(&a, c->id) && a.vet_required == c->vet_required);
			CHECK_ROW(c->id, a.keep_recipe == c->keep_recipe && a.single_protein == c->single_protein);
			CHECK_ROW(c->id, !c->vet_required || says(&a, text2_in(c->name, p.lang)));
			for (size_t f = 0; f < food_count; f++) {
				if (food_selected(&food_table[f], str_from(c->exclude)))
					CHECK_ROW(c->id, a.food_excluded[f]);
				CHECK_ROW(c->id, !(a.food_excluded[f] && a.food_preferred[f]));
			}
			for (int n = 0; n < NUTRIENT_COUNT; n++) {
				struct bound b = a.bounds[n];
				const struct profile_row *w = profile_find("WORKING", a.profile, (enum nutrient)n);
				const struct profile_row *ceiling =
				    profile_find("CEILING", a.profile, (enum nutrient)n);
				CHECK_ROW(nutrient_infos[n].id,
				          b.min < b.max && (!w || (b.min >= w->min && b.max <= w->max)));
				CHECK_ROW(nutrient_infos[n].id, !ceiling || b.max <= ceiling->max);
			}
			for (size_t t = 0; t < condition_target_count; t++) {
				const struct condition_target *target = &condition_target_table[t];
				if (strcmp(target->condition, c->id) != 0 ||
				    !(is_dog ? target->for_dog : target->for_cat))
					continue;
				CHECK_ROW(c->id, a.bounds[target->nutrient].max <= target->max &&
				                     a.bounds[target->nutrient].min >= target->min);
			}
		}
	}
	/* A disease whose maximum lies below what the stage needs is no case for a machine. */
	struct error err = { 0 };
	struct assessment a;
	struct pet p = with_health(dog(8, 5), "kidney disease");
	CHECK(!assess_pet(arena, &p, &a, &err) && error_is(&err, "PLAN_REFUSED"));
	/* A denser ration gives way before a disease's maximum, never below the profile. */
	p = with_health(cat(5, 150), "kidney disease");
	p.bcs = 8;
	struct assessment *both = assessed(p);
	CHECK(has_condition(both, "obesity_cat") && has_condition(both, "senior") && both->density_factor == 1.2);
	CHECK_NEAR("phosphorus of a fat old cat with CKD", min_of(both, NUTRIENT_p_mg), 1350, 1e-9);
	CHECK_NEAR("phosphorus at most", max_of(both, NUTRIENT_p_mg), 1500, 1e-9);
	/* Two diseases: minima that do not fit under the other's maximum are left out. */
	both = assessed(with_health(dog(12, 60), "CKD and arthritis"));
	CHECK(max_of(both, NUTRIENT_protein_g) == 62.5 && min_of(both, NUTRIENT_protein_g) == 45);
}

static void test_assumptions(void)
{
	struct pet p = dog(10, 48);
	CHECK(assessed(p)->assumption_count == 0);
	p.neutered = UNKNOWN;
	p.bcs = 0;
	p.activity = ACTIVITY_NOT_SAID;
	p.meals_per_day = 0;
	p.species_said = p.age_said = p.weight_said = false;
	static const char *const fields[] = { "neutered", "bcs",     "activity",  "meals_per_day",
		                              "pet_type", "pet_age", "pet_weight" };
	for (int lang = 0; lang < LANG_COUNT; lang++) {
		p.lang = (enum lang)lang;
		struct assessment *a = assessed(p);
		CHECK(a->assumption_count == COUNT(fields));
		for (size_t i = 0; i < COUNT(fields); i++)
			CHECK_ROW(fields[i], assumed(a, fields[i]) && assumed(a, fields[i])->text.len > 10);
		CHECK_NEAR("intact", assumed(a, "neutered")->effect_kcal, 79, 1);
		CHECK_NEAR("lazy", assumed(a, "activity")->effect_kcal, -79, 1);
		CHECK_NEAR("fat", assumed(a, "bcs")->effect_kcal, 343.3 - 629.8, 1);
	}
	p = dog(8, 4);
	p.breed = STR("三头犬");
	struct assessment *a = assessed(p);
	CHECK(assumed(a, "pet_breed") && assumed(a, "expected_adult_weight") &&
	      assumed(a, "expected_adult_weight")->effect_kcal != 0);
	p.breed = STR("柯基");
	a = assessed(p);
	CHECK(!assumed(a, "pet_breed") && assumed(a, "expected_adult_weight") && fabs(a->adult_weight_kg - 12) < 1e-9);
	a = assessed(with_health(dog(20, 36), "pregnant"));
	CHECK(assumed(a, "special_requirements") && assumed(a, "special_requirements")->effect_kcal < 0);
}

static void test_impossible(void)
{
	static const struct {
		enum species species;
		double kg;
		int months;
		const char *field;
	} rows[] = {
		{ SPECIES_CAT, 40, 24, "pet_weight" },  { SPECIES_DOG, 400, 24, "pet_weight" },
		{ SPECIES_DOG, NAN, 24, "pet_weight" }, { SPECIES_DOG, 10, 600, "pet_age" },
		{ SPECIES_DOG, 40, 1, "pet_weight" },   { SPECIES_CAT, 9, 2, "pet_weight" },
		{ SPECIES_DOG, 0.1, 24, "pet_weight" }, { SPECIES_CAT, 0.3, 24, "pet_weight" },
		{ SPECIES_CAT, 4, 0, "pet_age" },       { (enum species)7, 4, 5, "pet_type" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pet p = dog(rows[i].kg, rows[i].months);
		p.species = rows[i].species;
		struct assessment a;
		struct error err = { 0 };
		CHECK_ROW(rows[i].field, !assess_pet(arena, &p, &a, &err) && error_is(&err, "VALIDATION_FAILED"));
		CHECK_ROW(rows[i].field, err.violation_count && strcmp(err.violations[0].field, rows[i].field) == 0);
		CHECK_ROW(rows[i].field, err.violations[0].message[0] > 0 && err.violations[0].message[0] < 127);
		p.lang = LANG_ZH; /* in the language of the plan */
		err = (struct error){ 0 };
		CHECK_ROW(rows[i].field,
		          !assess_pet(arena, &p, &a, &err) && (unsigned char)err.violations[0].message[0] > 127);
	}
	static const struct {
		const char *breed;
		double kg;
		int months;
		bool ok, warns;
	} breeds[] = {
		{ "Chihuahua", 2.5, 24, true, false }, { "Chihuahua", 40, 24, false, false },
		{ "Chihuahua", 9, 24, true, true },    { "Great Dane", 70, 36, true, false },
		{ "Great Dane", 9, 36, true, true },   { "Great Dane", 9, 3, true, false },
		{ "unheard of", 60, 36, true, false },
	};
	for (size_t i = 0; i < COUNT(breeds); i++) {
		struct pet p = dog(breeds[i].kg, breeds[i].months);
		p.breed = str_from(breeds[i].breed);
		struct assessment a;
		struct error err = { 0 };
		CHECK_ROW(breeds[i].breed, assess_pet(arena, &p, &a, &err) == breeds[i].ok);
		if (!breeds[i].ok)
			CHECK_ROW(breeds[i].breed, strcmp(err.violations[0].field, "pet_weight") == 0);
		else
			CHECK_ROW(breeds[i].breed, says(&a, "check weight and breed") == breeds[i].warns);
	}
	struct pet guess = dog(40, 1); /* what the caller guessed is not the owner's mistake */
	guess.weight_said = false;
	struct assessment a;
	struct error err = { 0 };
	CHECK_OK(assess_pet(arena, &guess, &a, &err), &err);
}

/* Everything at once, in both languages: no text is lost, cut or empty, and twice the same is the same. */
static void test_determinism(void)
{
	for (int lang = 0; lang < LANG_COUNT; lang++) {
		struct pet p = with_wish(with_health(dog(30, 100), "overweight, arthritis, heart murmur; 对鸡肉过敏"),
		                         "喂洋葱, raw, no fish, no supplements");
		p.bcs = 0;
		p.lang = (enum lang)lang;
		p.breed = STR("大丹犬");
		struct assessment *a = assessed(p), *b = assessed(p);
		CHECK(a->warning_count == b->warning_count && a->condition_count == b->condition_count &&
		      a->warning_count > 5);
		for (size_t i = 0; i < a->warning_count; i++)
			CHECK(str_equal(a->warnings[i], b->warnings[i]) && str_is_utf8(a->warnings[i]) &&
			      a->warnings[i].len > 8);
		CHECK(memcmp(a->food_excluded, b->food_excluded, food_count * sizeof(bool)) == 0);
		CHECK(memcmp(a->food_preferred, b->food_preferred, food_count * sizeof(bool)) == 0);
		for (int n = 0; n < NUTRIENT_COUNT; n++)
			CHECK(a->bounds[n].min == b->bounds[n].min && a->bounds[n].max == b->bounds[n].max);
		CHECK(str_equal(a->energy_method, b->energy_method) && a->energy_method.len > 20);
		for (size_t i = 0; i < a->condition_count; i++) CHECK(a->condition_names[i].len > 0);
	}
}

int main(void)
{
	arena = arena_create(0);
	test_worked_cases();
	test_exclusions();
	test_only();
	test_wishes();
	test_stages();
	test_conditions();
	test_assumptions();
	test_impossible();
	test_determinism();
	arena_destroy(&arena);
	return check_done("unit_assess");
}
