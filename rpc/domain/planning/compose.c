/* The plan document: four weeks, the basis they rest on, and what the owner must know. */
#include <math.h>
#include <string.h>

#include "rpc/domain/planning/advice.h"
#include "rpc/domain/planning/food_item.h"

static const struct text2 disclaimer = {
	"本方案由程序按公开的营养标准计算，不能代替兽医的诊断与建议；宠物患病、怀孕、用药或出现异常时，请先咨询兽医。",
	"This plan was computed from published nutrient profiles. It does not replace a veterinarian: ask one first if "
	"the animal is ill, "
	"pregnant, on medicine, or behaves unusually.",
};

/* The tables' own gaps; each ends up in every plan because no recipe can avoid them. */
static const struct text2 data_gaps[] = {
	{ "氯：多数食材没有实测值，按 0 计入最低值，实际含量高于表中数字。",
	  "Chloride: most foods have no measured figure and count as none towards the minimum, so the true amount is "
	  "higher than shown." },
	{ "碘：天然含量差别可达数倍，食材中的碘只按一半计入最低值；海带类须选标明碘含量的产品。",
	  "Iodine: natural contents differ several-fold, so only half of what foods hold counts towards the minimum; "
	  "use kelp of declared content only." },
	{ "牛磺酸：食材数据少且烹饪会损失；猫的最低值只按补充剂计算。",
	  "Taurine: figures for foods are few and cooking loses some; for cats the supplement alone has to cover the "
	  "minimum." },
	{ "生物素：食材表没有数据，无法核算；鸡蛋请务必煮熟。",
	  "Biotin: the food table has no figures, so it cannot be checked; always cook eggs through." },
};

static const char *const sources[] = {
	"USDA National Nutrient Database for Standard Reference, Release 28 (2016), public domain",
	"ANSES-CIQUAL French food composition table 2020, open licence with attribution",
	"AAFCO Dog and Cat Food Nutrient Profiles (2016)",
	"FEDIAF Nutritional Guidelines; NRC Nutrient Requirements of Dogs and Cats (2006); EU maxima of feed additives",
};

static double one_decimal(double value) { return round(value * 10) / 10; }

static char *text_of(struct arena *arena, struct str text) { return message_text(arena, text); }

static char **texts_of(struct arena *arena, const struct str_list *list, size_t *count)
{
	char **out = arena_new_array(arena, char *, list->count);
	for (size_t i = 0; i < list->count; i++) out[i] = text_of(arena, list->items[i]);
	*count = list->count;
	return out;
}

static Petfood__V1__PetInformation *write_pet(struct arena *arena, const struct pet *pet)
{
	Petfood__V1__PetInformation *info = arena_new(arena, Petfood__V1__PetInformation);
	petfood__v1__pet_information__init(info);
	info->pet_type =
	    pet->species == SPECIES_DOG ? PETFOOD__V1__PET_TYPE__PET_TYPE_DOG : PETFOOD__V1__PET_TYPE__PET_TYPE_CAT;
	info->pet_age = pet->age_months;
	info->pet_weight = pet->weight_kg;
	if (pet->breed.ptr) {
		info->_pet_breed_case = PETFOOD__V1__PET_INFORMATION___PET_BREED_PET_BREED;
		info->pet_breed = text_of(arena, pet->breed);
	}
	if (pet->health_status.ptr) {
		info->_health_status_case = PETFOOD__V1__PET_INFORMATION___HEALTH_STATUS_HEALTH_STATUS;
		info->health_status = text_of(arena, pet->health_status);
	}
	if (pet->special_requirements.ptr) {
		info->_special_requirements_case =
		    PETFOOD__V1__PET_INFORMATION___SPECIAL_REQUIREMENTS_SPECIAL_REQUIREMENTS;
		info->special_requirements = text_of(arena, pet->special_requirements);
	}
	info->allergens = texts_of(arena, &pet->allergens, &info->n_allergens);
	info->health_issues = texts_of(arena, &pet->health_issues, &info->n_health_issues);
	return info;
}

static Petfood__V1__NutritionBasis *write_basis(struct arena *arena, const struct assessment *a)
{
	Petfood__V1__NutritionBasis *basis = arena_new(arena, Petfood__V1__NutritionBasis);
	petfood__v1__nutrition_basis__init(basis);
	basis->profile = text_of(arena, str_from(a->profile));
	basis->standard = text_of(arena, STR("WORKING"));
	basis->rer_kcal = one_decimal(a->rer_kcal);
	basis->der_kcal = one_decimal(a->der_kcal);
	basis->energy_method = text_of(arena, a->energy_method);
	basis->energy_weight_kg = round(a->energy_weight_kg * 1e4) / 1e4;
	basis->density_factor = a->density_factor;
	basis->large_breed = a->large_breed;
	basis->conditions = arena_new_array(arena, char *, a->condition_count);
	for (size_t i = 0; i < a->condition_count; i++) {
		basis->conditions[basis->n_conditions++] = text_of(arena, str_from(a->conditions[i]));
	}
	basis->excluded_food_ids = arena_new_array(arena, char *, food_count);
	for (size_t row = 0; row < food_count; row++) {
		if (a->food_excluded[row])
			basis->excluded_food_ids[basis->n_excluded_food_ids++] =
			    text_of(arena, str_from(food_table[row].id));
	}
	basis->excluded_allergens = arena_new_array(arena, char *, a->excluded_allergen_count);
	for (size_t i = 0; i < a->excluded_allergen_count; i++) {
		basis->excluded_allergens[basis->n_excluded_allergens++] =
		    text_of(arena, str_from(a->excluded_allergens[i]));
	}
	basis->sources = arena_new_array(arena, char *, COUNT(sources));
	for (size_t i = 0; i < COUNT(sources); i++)
		basis->sources[basis->n_sources++] = text_of(arena, str_from(sources[i]));
	return basis;
}

static void write_assumptions(struct arena *arena, const struct assessment *a, Petfood__V1__PlanData *plan)
{
	plan->assumptions = arena_new_array(arena, Petfood__V1__Assumption *, a->assumption_count);
	for (size_t i = 0; i < a->assumption_count; i++) {
		Petfood__V1__Assumption *assumption = arena_new(arena, Petfood__V1__Assumption);
		petfood__v1__assumption__init(assumption);
		assumption->field = text_of(arena, str_from(a->assumptions[i].field));
		assumption->text = text_of(arena, a->assumptions[i].text);
		assumption->effect_kcal = one_decimal(a->assumptions[i].effect_kcal);
		plan->assumptions[plan->n_assumptions++] = assumption;
	}
}

bool plan_compose(struct arena *arena, const struct assessment *a, Petfood__V1__WeeklyDietPlan *const weeks[PLAN_WEEKS],
                  Petfood__V1__PlanData **out, struct error *err)
{
	enum lang lang = a->pet->lang;
	for (int w = 0; w < PLAN_WEEKS; w++) {
		if (weeks[w] && weeks[w]->oder == w + 1) continue;
		return error_set(err, RPC_INTERNAL, "PLAN_INCOMPLETE", "week %d of the plan is not there", w + 1);
	}
	Petfood__V1__PlanData *plan = arena_new(arena, Petfood__V1__PlanData);
	petfood__v1__plan_data__init(plan);
	plan->pet_information = write_pet(arena, a->pet);
	plan->ai_suggestions = text_of(arena, advice_plan(arena, a, weeks));
	plan->pet_diet_plan = arena_new(arena, Petfood__V1__PetDietPlan);
	petfood__v1__pet_diet_plan__init(plan->pet_diet_plan);
	plan->pet_diet_plan->monthly_diet_plan = arena_new_array(arena, Petfood__V1__WeeklyDietPlan *, PLAN_WEEKS);
	plan->pet_diet_plan->n_monthly_diet_plan = PLAN_WEEKS;
	for (int w = 0; w < PLAN_WEEKS; w++) plan->pet_diet_plan->monthly_diet_plan[w] = weeks[w];
	plan->nutrition_basis = write_basis(arena, a);
	write_assumptions(arena, a, plan);
	plan->warnings = arena_new_array(arena, char *, a->warning_count);
	for (size_t i = 0; i < a->warning_count; i++)
		plan->warnings[plan->n_warnings++] = text_of(arena, a->warnings[i]);
	plan->vet_required = a->vet_required;
	plan->planner = text_of(arena, STR("builtin"));
	plan->language = text_of(arena, str_from(lang == LANG_ZH ? "zh" : "en"));
	plan->disclaimer = text_of(arena, str_from(text2_in(disclaimer, lang)));
	plan->data_gaps = arena_new_array(arena, char *, COUNT(data_gaps));
	for (size_t i = 0; i < COUNT(data_gaps); i++)
		plan->data_gaps[plan->n_data_gaps++] = text_of(arena, str_from(text2_in(data_gaps[i], lang)));
	*out = plan;
	return true;
}
