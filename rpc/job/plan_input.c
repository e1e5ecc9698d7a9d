#include "rpc/job/plan_input.h"

#include <petfood/accessors.h>

static struct str text_or_none(const char *text) { return text && *text ? str_from(text) : STR_NONE; }

static void list_from(struct str_list *list, size_t count, char *const *items)
{
	for (size_t i = 0; i < count && list->count < PET_LIST_MAX; i++)
		if (*items[i]) list->items[list->count++] = str_from(items[i]);
}

uint64_t plan_hash(struct str a, struct str b)
{
	uint64_t hash = 14695981039346656037u;
	for (size_t i = 0; i < a.len + b.len; i++) {
		hash ^= (unsigned char)(i < a.len ? a.ptr[i] : b.ptr[i - a.len]);
		hash *= 1099511628211u;
	}
	return hash;
}

void plan_pet_from_request(const Petfood__V1__CreatePlanRequest *r, enum lang lang, struct str task_id, struct pet *out)
{
	*out = (struct pet){
		.species = r->pet_type == PETFOOD__V1__PET_TYPE__PET_TYPE_CAT ? SPECIES_CAT : SPECIES_DOG,
		.species_said = r->pet_type != PETFOOD__V1__PET_TYPE__PET_TYPE_UNSPECIFIED,
		.age_said = petfood_v1_create_plan_request_has_pet_age(r),
		.weight_said = petfood_v1_create_plan_request_has_pet_weight(r),
		.breed = text_or_none(petfood_v1_create_plan_request_pet_breed_or(r, NULL)),
		.age_months = petfood_v1_create_plan_request_pet_age_or(r, PET_DEFAULT_AGE_MONTHS),
		.weight_kg = petfood_v1_create_plan_request_pet_weight_or(r, PET_DEFAULT_WEIGHT_KG),
		.health_status = text_or_none(petfood_v1_create_plan_request_health_status_or(r, NULL)),
		.special_requirements = text_or_none(petfood_v1_create_plan_request_special_requirements_or(r, NULL)),
		.neutered = UNKNOWN,
		.bcs = petfood_v1_create_plan_request_bcs_or(r, 0),
		.activity = (enum activity)r->activity,
		.expected_adult_weight_kg = petfood_v1_create_plan_request_expected_adult_weight_or(r, 0),
		.meals_per_day = petfood_v1_create_plan_request_meals_per_day_or(r, 0),
		.lang = lang,
		.seed = plan_hash(task_id, STR("")),
	};
	if (petfood_v1_create_plan_request_has_neutered(r))
		out->neutered = petfood_v1_create_plan_request_neutered_or(r, false) ? YES : NO;
	list_from(&out->dislikes, r->n_dislikes, r->dislikes);
	list_from(&out->available_foods, r->n_available_foods, r->available_foods);
	list_from(&out->allergens, r->n_allergens, r->allergens);
	list_from(&out->health_issues, r->n_health_issues, r->health_issues);
}

void plan_record_from_pet(const struct pet *pet, const struct task *task, struct plan_record *out)
{
	static const struct text2 healthy = { "健康", "healthy" }; /* what clients show where nothing was said */
	*out = (struct plan_record){
		.id = task->plan_id,
		.user_id = task->user_id,
		.task_id = task->id,
		.pet_type = (int)pet->species,
		.pet_breed = pet->breed,
		.health_status = pet->health_status.ptr ? pet->health_status : str_from(text2_in(healthy, pet->lang)),
		.pet_age = pet->age_months,
		.pet_weight = pet->weight_kg,
		.confirmed = task->keeps_plan,
	};
}
