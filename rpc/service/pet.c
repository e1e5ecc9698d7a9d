/* PetService: the stored pets of the caller. A pet of another user does not exist, nor does a deleted one. */
#include <petfood/accessors.h>

#include "petfood/v1/pet.pb-c.h"
#include "rpc/service/common.h"
#include "store/base/uuid.h"

static const struct pet_store *pets_of(const struct call *call) { return &services_of(call)->store->pets; }

/* ---- between the message and the record ---- */

static const struct message_side *pet_side(void) { return message_side_of(&petfood__v1__pet__descriptor); }

static bool read_lists(struct call *call, const struct pet_record *record, Petfood__V1__Pet *out, struct error *err)
{
	struct error why;
	struct str allergens = record->allergens.ptr ? record->allergens : STR("null"),
	           issues = record->health_issues.ptr ? record->health_issues : STR("null"),
	           both = str_printf(call->arena, "{\"allergens\":" STR_FMT ",\"health_issues\":" STR_FMT "}",
	                             STR_ARG(allergens), STR_ARG(issues));
	error_clear(&why);
	/* An allergy that cannot be read must not look like none. */
	return json_to_message(call->arena, both, pet_side(), NULL, &out->base, &why) ||
	       error_set(err, RPC_DATA_LOSS, "INTERNAL", "the lists of pet " STR_FMT " cannot be read: %s",
	                 STR_ARG(record->id), why.message);
}

bool pet_from_record(struct call *call, const struct pet_record *record, Petfood__V1__Pet *out, struct error *err)
{
	petfood__v1__pet__init(out);
	out->id = text_in(call, record->id);
	out->user_id = text_in(call, record->user_id);
	out->name = text_in(call, record->name);
	out->type = (Petfood__V1__PetType)record->type;
	if (record->breed.ptr) petfood_v1_pet_set_breed(out, text_in(call, record->breed));
	out->age = record->age;
	out->weight = record->weight;
	out->gender = (Petfood__V1__Gender)record->gender;
	if (record->health_status.ptr) petfood_v1_pet_set_health_status(out, text_in(call, record->health_status));
	if (record->special_requirements.ptr)
		petfood_v1_pet_set_special_requirements(out, text_in(call, record->special_requirements));
	if (record->avatar_url.ptr) petfood_v1_pet_set_avatar_url(out, text_in(call, record->avatar_url));
	out->is_active = record->is_active;
	out->has_plan = record->has_plan;
	out->created_at = json_timestamp(call->arena, record->created_at_us);
	out->updated_at = json_timestamp(call->arena, record->updated_at_us);
	return read_lists(call, record, out, err);
}

static struct str list_text(struct call *call, const Petfood__V1__Pet *pet, struct str field)
{
	struct strbuf out;
	strbuf_init(&out, call->arena);
	json_print_field(&out, field_by_name(pet_side(), field), &pet->base);
	return strbuf_str(&out);
}

static struct str text_or_none(const char *text) { return text ? str_from(text) : STR_NONE; }

static int64_t instant(const Google__Protobuf__Timestamp *at)
{
	int64_t at_us = 0;
	return at && json_timestamp_us(at, &at_us) ? at_us : 0;
}

static struct pet_record pet_to_record(struct call *call, const Petfood__V1__Pet *pet)
{
	return (struct pet_record){
		.id = str_from(pet->id),
		.user_id = str_from(pet->user_id),
		.name = str_from(pet->name),
		.type = (int)pet->type,
		.age = pet->age,
		.weight = pet->weight,
		.gender = (int)pet->gender,
		.breed = text_or_none(petfood_v1_pet_breed_or(pet, NULL)),
		.health_status = text_or_none(petfood_v1_pet_health_status_or(pet, NULL)),
		.special_requirements = text_or_none(petfood_v1_pet_special_requirements_or(pet, NULL)),
		.allergens = list_text(call, pet, STR("allergens")),
		.health_issues = list_text(call, pet, STR("health_issues")),
		.is_active = pet->is_active,
		.created_at_us = instant(pet->created_at),
		.updated_at_us = instant(pet->updated_at),
	};
}

static bool says_the_same(const struct pet_record *a, const struct pet_record *b)
{
	return str_equal(a->name, b->name) && a->type == b->type && a->age == b->age && a->weight == b->weight &&
	       a->gender == b->gender && str_equal(a->breed, b->breed) &&
	       str_equal(a->health_status, b->health_status) &&
	       str_equal(a->special_requirements, b->special_requirements) && str_equal(a->allergens, b->allergens) &&
	       str_equal(a->health_issues, b->health_issues);
}

bool pet_read(struct call *call, struct str id, Petfood__V1__Pet *out, struct error *err)
{
	struct pet_record record;
	return pets_of(call)->driver->get(pets_of(call)->self, caller_id(call), id, call->arena, &record, err) &&
	       pet_from_record(call, &record, out, err);
}

/* If the outcome of the write was lost: the pet as it is now tells whether it was carried out. No two changes of a pet end at the
 * same instant, but two calls may have tried to. */
static bool was_written(struct call *call, const struct pet_record *wanted, struct error *err)
{
	Petfood__V1__Pet now;
	struct error ignored;
	if (!error_is(err, REASON_WRITE_UNCERTAIN) || !pet_read(call, wanted->id, &now, &ignored)) return false;
	struct pet_record record = pet_to_record(call, &now);
	if (record.updated_at_us != wanted->updated_at_us || !says_the_same(&record, wanted)) return false;
	error_clear(err);
	return true;
}

/* ---- the methods ---- */

bool pet_service_create_pet(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__CreatePetRequest *req = request;
	Petfood__V1__Pet *out = reply;
	char id[UUID_TEXT_BYTES];
	uuid_make(id);
	out->id = text_in(call, str_from(id));
	out->user_id = text_in(call, caller_id(call));
	out->name = req->name;
	out->type = req->type;
	out->age = petfood_v1_create_pet_request_age_or(req, 0);
	out->weight = petfood_v1_create_pet_request_weight_or(req, 0);
	out->gender = req->gender;
	if (petfood_v1_create_pet_request_has_breed(req)) petfood_v1_pet_set_breed(out, req->breed);
	if (petfood_v1_create_pet_request_has_health_status(req))
		petfood_v1_pet_set_health_status(out, req->health_status);
	if (petfood_v1_create_pet_request_has_special_requirements(req))
		petfood_v1_pet_set_special_requirements(out, req->special_requirements);
	out->n_allergens = req->n_allergens;
	out->allergens = req->allergens;
	out->n_health_issues = req->n_health_issues;
	out->health_issues = req->health_issues;
	out->is_active = true;
	out->created_at = out->updated_at = json_timestamp(call->arena, clock_now_us(call->clock));

	struct pet_record record = pet_to_record(call, out);
	struct keyed keyed;
	if (!keyed_begin(call, &out->base, &keyed, err)) return false;
	if (!pets_of(call)->driver->create(pets_of(call)->self, &record, keyed.idem, call->arena, &keyed.replayed,
	                                   &keyed.reply, err) &&
	    !was_written(call, &record, err))
		return false;
	return keyed_end(call, &keyed, &out->base, err);
}

bool pet_service_list_pets(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__ListPetsRequest *req = request;
	Petfood__V1__ListPetsReply *out = reply;
	struct pet_filter filter = {
		.user_id = caller_id(call),
		.is_active = petfood_v1_list_pets_request_is_active_or(req, true),
		.limit = PETS_PER_USER_MAX,
	};
	struct pet_record *rows = NULL;
	size_t count = 0;
	if (!pets_of(call)->driver->list(pets_of(call)->self, &filter, call->arena, &rows, &count, &out->total, err))
		return false;
	Petfood__V1__Pet *items = arena_new_array(call->arena, Petfood__V1__Pet, count);
	out->items = arena_new_array(call->arena, Petfood__V1__Pet *, count);
	out->n_items = count;
	for (size_t i = 0; i < count; i++) {
		if (!pet_from_record(call, &rows[i], &items[i], err)) return false;
		out->items[i] = &items[i];
	}
	return true;
}

bool pet_service_get_pet(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__GetPetRequest *req = request;
	return pet_read(call, str_from(req->id), reply, err);
}

/* What the request is silent about stays. */
static void pet_merge(const Petfood__V1__UpdatePetRequest *req, Petfood__V1__Pet *pet)
{
	if (petfood_v1_update_pet_request_has_name(req)) pet->name = req->name;
	if (req->type) pet->type = req->type;
	if (petfood_v1_update_pet_request_has_breed(req)) petfood_v1_pet_set_breed(pet, req->breed);
	pet->age = petfood_v1_update_pet_request_age_or(req, pet->age);
	pet->weight = petfood_v1_update_pet_request_weight_or(req, pet->weight);
	if (req->gender) pet->gender = req->gender;
	if (petfood_v1_update_pet_request_has_health_status(req))
		petfood_v1_pet_set_health_status(pet, req->health_status);
	if (petfood_v1_update_pet_request_has_special_requirements(req))
		petfood_v1_pet_set_special_requirements(pet, req->special_requirements);
	if (req->allergens) {
		pet->n_allergens = req->allergens->n_items;
		pet->allergens = req->allergens->items;
	}
	if (req->health_issues) {
		pet->n_health_issues = req->health_issues->n_items;
		pet->health_issues = req->health_issues->items;
	}
}

bool pet_service_update_pet(struct call *call, const void *request, void *reply, struct error *err)
{
	enum { TRIES_MAX = 16 }; /* each one lost means that another update of this pet was carried out */
	const Petfood__V1__UpdatePetRequest *req = request;
	Petfood__V1__Pet *out = reply;
	for (int tries = 1;; tries++) {
		struct keyed keyed;
		if (!pet_read(call, str_from(req->id), out, err)) return keyed_recall(call, &out->base, err);
		int64_t was_us = instant(out->updated_at), now_us = clock_now_us(call->clock);
		pet_merge(req, out);
		out->updated_at = json_timestamp(call->arena, now_us > was_us ? now_us : was_us + 1);
		struct pet_record record = pet_to_record(call, out);
		if (!keyed_begin(call, &out->base, &keyed, err)) return false;
		if (pets_of(call)->driver->update(pets_of(call)->self, &record, was_us, keyed.idem, call->arena,
		                                  &keyed.replayed, &keyed.reply, err) ||
		    was_written(call, &record, err))
			return keyed_end(call, &keyed, &out->base, err);
		if (!error_is(err, "PET_MOVED") || tries == TRIES_MAX) return false;
	}
}

bool pet_service_delete_pet(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__DeletePetRequest *req = request;
	Petfood__V1__DeletePetReply *out = reply;
	struct keyed keyed;
	out->pet_id = text_in(call, str_from(req->id));
	if (!keyed_begin(call, &out->base, &keyed, err)) return false;
	if (!pets_of(call)->driver->remove(pets_of(call)->self, caller_id(call), str_from(req->id),
	                                   clock_now_us(call->clock), keyed.idem, call->arena, &keyed.replayed,
	                                   &keyed.reply, err))
		return false;
	return keyed_end(call, &keyed, &out->base, err);
}
