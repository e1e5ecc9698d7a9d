#include "rpc/job/plan_input.h"

#include <petfood/accessors.h>
#include <stdio.h>
#include <string.h>

#include "rpc/json/violation.h"

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

/* Ours in front of theirs, in a list of its own: the other may be read only. */
static bool join(struct arena *arena, size_t our_count, char *const *ours, size_t *count, char ***items,
                 const char *field, enum lang lang, struct error *err)
{
	if (our_count + *count > PET_LIST_MAX) {
		char most[8];
		(void)snprintf(most, sizeof most, "%d", PET_LIST_MAX);
		return violation_add(err, lang, field, VIOLATION_TOO_MANY, most);
	}
	char **both = arena_new_array(arena, char *, our_count + *count);
	if (our_count) memcpy(both, ours, our_count * sizeof *both);
	if (*count) memcpy(both + our_count, *items, *count * sizeof *both);
	*count += our_count;
	*items = both;
	return true;
}

bool plan_request_use_pet(struct arena *arena, const Petfood__V1__Pet *pet, enum lang lang,
                          Petfood__V1__CreatePlanRequest *r, struct error *err)
{
	r->pet_type = pet->type;
	petfood_v1_create_plan_request_set_pet_age(r, pet->age);
	petfood_v1_create_plan_request_set_pet_weight(r, pet->weight);
	petfood_v1_create_plan_request_clear_pet_breed(r);
	if (petfood_v1_pet_has_breed(pet)) petfood_v1_create_plan_request_set_pet_breed(r, pet->breed);
	petfood_v1_create_plan_request_clear_health_status(r);
	if (petfood_v1_pet_has_health_status(pet))
		petfood_v1_create_plan_request_set_health_status(r, pet->health_status);
	if (!*petfood_v1_create_plan_request_special_requirements_or(r, "") &&
	    petfood_v1_pet_has_special_requirements(pet))
		petfood_v1_create_plan_request_set_special_requirements(r, pet->special_requirements);
	error_clear(err);
	bool ok = join(arena, pet->n_allergens, pet->allergens, &r->n_allergens, &r->allergens, "allergens", lang, err);
	return join(arena, pet->n_health_issues, pet->health_issues, &r->n_health_issues, &r->health_issues,
	            "health_issues", lang, err) &&
	       ok;
}

void plan_record_from_pet(const struct pet *pet, struct str pet_id, const struct task *task, struct plan_record *out)
{
	static const struct text2 healthy = { "健康", "healthy" }; /* what clients show where nothing was said */
	*out = (struct plan_record){
		.id = task->plan_id,
		.user_id = task->user_id,
		.task_id = task->id,
		.pet_id = pet_id,
		.pet_type = (int)pet->species,
		.pet_breed = pet->breed,
		.health_status = pet->health_status.ptr ? pet->health_status : str_from(text2_in(healthy, pet->lang)),
		.pet_age = pet->age_months,
		.pet_weight = pet->weight_kg,
		.confirmed = task->keeps_plan,
	};
}
