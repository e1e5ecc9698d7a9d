/* Pets. */
#include "tests/contract/world.h"

#define PETS(w, fn, ...) (w)->store.pets.driver->fn((w)->store.pets.self, __VA_ARGS__)

static struct pet_record new_pet(struct world *w, struct str user_id)
{
	struct pet_record pet = { .id = new_id(w->arena), .user_id = user_id, .name = STR("豆豆"), .type = 2, .age = 30, .weight = 4.5,
		                  .is_active = true, .created_at_us = w->now_us, .updated_at_us = w->now_us };
	w->now_us++;
	return pet;
}

static struct pet_record make_pet(struct world *w, struct str user_id)
{
	struct pet_record pet = new_pet(w, user_id);
	CHECK_OK(PETS(w, create, &pet, NO_KEY, &w->err), &w->err);
	return pet;
}

static struct pet_record get_pet(struct world *w, struct str user_id, struct str id)
{
	struct pet_record pet = { 0 };
	CHECK_OK(PETS(w, get, user_id, id, w->arena, &pet, &w->err), &w->err);
	return pet;
}

/* The same text, or both absent. */
static bool same_text(struct str a, struct str b) { return !a.ptr == !b.ptr && str_equal(a, b); }

static bool same_pet(const struct pet_record *a, const struct pet_record *b)
{
	return str_equal(a->id, b->id) && str_equal(a->user_id, b->user_id) && str_equal(a->name, b->name) && a->type == b->type &&
	       a->age == b->age && a->weight == b->weight && a->gender == b->gender && same_text(a->breed, b->breed) &&
	       same_text(a->health_status, b->health_status) && same_text(a->special_requirements, b->special_requirements) &&
	       same_text(a->avatar_url, b->avatar_url) && same_text(a->allergens, b->allergens) &&
	       same_text(a->health_issues, b->health_issues) && a->is_active == b->is_active && a->has_plan == b->has_plan &&
	       a->created_at_us == b->created_at_us && a->updated_at_us == b->updated_at_us;
}

static size_t list_pets(struct world *w, struct str user_id, bool is_active, int64_t limit, struct pet_record **out, int64_t *out_total)
{
	struct pet_filter filter = { .user_id = user_id, .is_active = is_active, .limit = limit };
	size_t count = 0;
	*out_total = -1;
	CHECK_OK(PETS(w, list, &filter, w->arena, out, &count, out_total, &w->err), &w->err);
	return count;
}

static void pet_comes_back_as_it_was(struct world *w)
{
	static const double weights[] = { 4.5, 0.01, 3, 1000, 999.99, 12.345678901234567 };
	for (size_t i = 0; i < COUNT(weights); i++) {
		struct pet_record pet = new_pet(w, w->alice), *listed = NULL;
		int64_t total;
		pet.name = STR("it's \"Rex\" 🐶");
		pet.type = i % 2 ? 1 : 2;
		pet.weight = weights[i];
		pet.gender = (int)i % 4;
		pet.age = 2147483647;
		pet.breed = STR("英国短毛猫");
		pet.health_status = STR("fine;\n-- or not");
		pet.special_requirements = STR("不要洋葱");
		pet.avatar_url = STR("/api/v1/pets/avatar/object/a.png");
		pet.allergens = STR("[ \"鸡肉\" ,\"a\\\"b\"]");
		pet.health_issues = STR("[]");
		CHECK_OK(PETS(w, create, &pet, NO_KEY, &w->err), &w->err);
		struct pet_record got = get_pet(w, w->alice, pet.id);
		CHECK(same_pet(&got, &pet));
		CHECK(list_pets(w, w->alice, true, 100, &listed, &total) == i + 1 && same_pet(&listed[0], &pet));
	}
}

static void absent_is_not_empty(struct world *w)
{
	struct pet_record pet = make_pet(w, w->alice), got = get_pet(w, w->alice, pet.id);
	CHECK(same_pet(&got, &pet) && !got.breed.ptr && !got.allergens.ptr && got.gender == 0);
	pet = new_pet(w, w->alice);
	pet.breed = pet.health_status = pet.special_requirements = STR("");
	pet.gender = 3; /* said to be neither, which is an empty text too */
	CHECK_OK(PETS(w, create, &pet, NO_KEY, &w->err), &w->err);
	got = get_pet(w, w->alice, pet.id);
	CHECK(same_pet(&got, &pet) && got.breed.ptr && got.gender == 3);
}

static void foreign_pets_do_not_exist(struct world *w)
{
	struct pet_record pet = make_pet(w, w->alice), other = pet, got, *listed = NULL;
	int64_t total;
	other.user_id = w->bob;
	other.name = STR("Stolen");
	other.updated_at_us++;
	CHECK_FAILS(w, PETS(w, get, w->bob, pet.id, w->arena, &got, &w->err), RPC_NOT_FOUND, "PET_NOT_FOUND");
	CHECK_FAILS(w, PETS(w, update, &other, pet.updated_at_us, NO_KEY, &w->err), RPC_NOT_FOUND, "PET_NOT_FOUND");
	CHECK_FAILS(w, PETS(w, remove, w->bob, pet.id, w->now_us, NO_KEY, &w->err), RPC_NOT_FOUND, "PET_NOT_FOUND");
	CHECK(list_pets(w, w->bob, true, 100, &listed, &total) == 0 && total == 0);
	got = get_pet(w, w->alice, pet.id);
	CHECK(same_pet(&got, &pet));
	CHECK_FAILS(w, PETS(w, get, w->alice, STR("no such id"), w->arena, &got, &w->err), RPC_NOT_FOUND, "PET_NOT_FOUND");
	other = new_pet(w, STR("nobody"));
	CHECK_FAILS(w, PETS(w, create, &other, NO_KEY, &w->err), RPC_NOT_FOUND, "USER_NOT_FOUND");
}

static void removed_pets_stay_as_rows(struct world *w)
{
	struct pet_record kept = make_pet(w, w->alice), gone = make_pet(w, w->alice), got, *listed = NULL;
	int64_t total;
	w->now_us = gone.updated_at_us; /* in the same microsecond: the state must be told apart all the same */
	CHECK_OK(PETS(w, remove, w->alice, gone.id, w->now_us, NO_KEY, &w->err), &w->err);
	CHECK_FAILS(w, PETS(w, remove, w->alice, gone.id, w->now_us, NO_KEY, &w->err), RPC_NOT_FOUND, "PET_NOT_FOUND");
	CHECK_FAILS(w, PETS(w, get, w->alice, gone.id, w->arena, &got, &w->err), RPC_NOT_FOUND, "PET_NOT_FOUND");
	gone.updated_at_us += 10;
	CHECK_FAILS(w, PETS(w, update, &gone, gone.updated_at_us - 10, NO_KEY, &w->err), RPC_NOT_FOUND, "PET_NOT_FOUND");
	CHECK(list_pets(w, w->alice, true, 100, &listed, &total) == 1 && total == 1 && same_pet(&listed[0], &kept));
	CHECK(list_pets(w, w->alice, false, 100, &listed, &total) == 1 && total == 1);
	CHECK(str_equal(listed[0].id, gone.id) && !listed[0].is_active && listed[0].updated_at_us == w->now_us + 1);
}

static void pets_are_listed_newest_first(struct world *w)
{
	enum { PETS_MADE = 5 };
	struct pet_record made[PETS_MADE], *listed = NULL;
	int64_t total;
	for (size_t i = 0; i < PETS_MADE; i++) {
		made[i] = new_pet(w, w->alice);
		if (i == 2) made[i].created_at_us = made[1].created_at_us; /* together with the one before: by id */
		CHECK_OK(PETS(w, create, &made[i], NO_KEY, &w->err), &w->err);
	}
	(void)make_pet(w, w->bob);
	CHECK(list_pets(w, w->alice, true, 100, &listed, &total) == PETS_MADE && total == PETS_MADE);
	CHECK(str_equal(listed[0].id, made[4].id) && str_equal(listed[1].id, made[3].id) && str_equal(listed[4].id, made[0].id));
	CHECK(strncmp(listed[2].id.ptr, listed[3].id.ptr, 36) > 0);
	CHECK(list_pets(w, w->alice, true, 2, &listed, &total) == 2 && total == PETS_MADE && str_equal(listed[1].id, made[3].id));
}

static void an_update_replaces_the_state_it_saw(struct world *w)
{
	struct pet_record pet = new_pet(w, w->alice);
	pet.avatar_url = STR("/avatar");
	CHECK_OK(PETS(w, create, &pet, NO_KEY, &w->err), &w->err);
	struct pet_record first = pet, second = pet;
	first.name = STR("Rex");
	first.type = 1;
	first.breed = STR("b");
	first.age = 31;
	first.weight = 5.25;
	first.gender = 2;
	first.health_status = STR("h");
	first.special_requirements = STR("s");
	first.allergens = STR("[\"x\"]");
	first.health_issues = STR("[\"y\"]");
	first.updated_at_us += 1;
	second.name = STR("Late");
	second.updated_at_us += 2;
	CHECK_OK(PETS(w, update, &first, pet.updated_at_us, NO_KEY, &w->err), &w->err);
	CHECK_FAILS(w, PETS(w, update, &second, pet.updated_at_us, NO_KEY, &w->err), RPC_ABORTED, "PET_MOVED");
	struct pet_record got = get_pet(w, w->alice, pet.id);
	CHECK(same_pet(&got, &first));
	/* What is absent in the record is taken away; the avatar is not a word of the owner's. */
	second.avatar_url = STR("/other");
	CHECK_OK(PETS(w, update, &second, first.updated_at_us, NO_KEY, &w->err), &w->err);
	got = get_pet(w, w->alice, pet.id);
	second.avatar_url = STR("/avatar");
	CHECK(same_pet(&got, &second) && !got.breed.ptr && got.gender == 0 && !got.allergens.ptr);
}

static void store_plan_for(struct world *w, struct str user_id, struct str pet_id, bool confirmed, struct str *out_plan_id)
{
	uint64_t last;
	(void)world_task(w, user_id);
	struct task task = world_claim(w);
	struct plan_record plan = world_plan(w, &task, confirmed);
	plan.pet_id = pet_id;
	*out_plan_id = plan.id;
	CHECK_OK(TASKS(w, complete, task.id, task.attempt, w->now_us, NULL, STR("{}"), STR("{}"), &plan, &last, &w->err), &w->err);
}

static void has_plan_counts_confirmed_ones(struct world *w)
{
	struct pet_record pet = make_pet(w, w->alice), other = make_pet(w, w->alice), *listed = NULL;
	struct str draft, plan;
	int64_t total;
	CHECK(!get_pet(w, w->alice, pet.id).has_plan);
	store_plan_for(w, w->alice, pet.id, false, &draft);
	CHECK(!get_pet(w, w->alice, pet.id).has_plan);
	/* Somebody else's plan that names the pet says nothing about it. */
	store_plan_for(w, w->bob, pet.id, true, &plan);
	CHECK(!get_pet(w, w->alice, pet.id).has_plan);
	CHECK_OK(PLANS(w, confirm, w->alice, draft, w->now_us, NO_KEY, &w->err), &w->err);
	CHECK(get_pet(w, w->alice, pet.id).has_plan && !get_pet(w, w->alice, other.id).has_plan);
	CHECK(list_pets(w, w->alice, true, 100, &listed, &total) == 2 && !listed[0].has_plan && listed[1].has_plan);
	store_plan_for(w, w->alice, other.id, true, &plan);
	CHECK(get_pet(w, w->alice, other.id).has_plan);
	CHECK_OK(PLANS(w, remove, w->alice, plan, w->now_us, NO_KEY, &w->err), &w->err);
	CHECK(!get_pet(w, w->alice, other.id).has_plan);
	/* Plans outlive the pet. */
	CHECK_OK(PETS(w, remove, w->alice, pet.id, w->now_us, NO_KEY, &w->err), &w->err);
	struct plan_record kept = { 0 };
	CHECK_OK(PLANS(w, get, w->alice, draft, w->now_us, w->arena, &kept, &w->err), &w->err);
	CHECK(str_equal(kept.pet_id, pet.id));
}

static void pets_are_limited(struct world *w)
{
	struct pet_record pet = { 0 };
	for (int i = 0; i < PETS_PER_USER_MAX; i++) pet = make_pet(w, w->alice);
	struct pet_record one_more = new_pet(w, w->alice);
	CHECK_FAILS(w, PETS(w, create, &one_more, NO_KEY, &w->err), RPC_FAILED_PRECONDITION, "PET_LIMIT");
	CHECK(w->err.param_count == 1 && strcmp(w->err.params[0].name, "limit") == 0 && strcmp(w->err.params[0].value, "200") == 0);
	(void)make_pet(w, w->bob);
	CHECK_OK(PETS(w, remove, w->alice, pet.id, w->now_us, NO_KEY, &w->err), &w->err);
	CHECK_OK(PETS(w, create, &one_more, NO_KEY, &w->err), &w->err);
}

enum { WRITERS = 8, ROUNDS = 25 };
struct race {
	struct str id;
	atomic_int done;
};

/* As a service does: read, change, store, and again if another was faster. */
static void age_by_one(struct world *w, void *ctx, size_t index)
{
	(void)index;
	struct race *race = ctx;
	struct arena *arena = arena_create(0);
	for (int round = 0; round < ROUNDS;) {
		struct error err = { 0 };
		struct pet_record pet;
		if (!PETS(w, get, w->alice, race->id, arena, &pet, &err)) break;
		int64_t was = pet.updated_at_us;
		pet.age++;
		pet.updated_at_us = was + 1;
		bool ok = PETS(w, update, &pet, was, NO_KEY, &err);
		if (!ok && !error_is(&err, "PET_MOVED")) break;
		if (!ok) continue;
		round++;
		atomic_fetch_add(&race->done, 1);
	}
	arena_destroy(&arena);
}

static void no_update_is_lost(struct world *w)
{
	struct pet_record pet = make_pet(w, w->alice);
	struct race race = { .id = pet.id };
	world_threads(w, WRITERS, age_by_one, &race);
	CHECK(race.done == WRITERS * ROUNDS && get_pet(w, w->alice, pet.id).age == pet.age + WRITERS * ROUNDS);
}

static void reopening_keeps_pets(struct world *w)
{
	struct pet_record pet = make_pet(w, w->alice);
	w->store.close(w->store.self);
	if (!CHECK(w->contract->reopen(&w->store))) die("%s: cannot reopen", w->contract->driver);
	struct pet_record got = get_pet(w, w->alice, pet.id);
	CHECK(same_pet(&got, &pet));
}

static void a_deleted_account_takes_its_pets(struct world *w)
{
	struct pet_record mine = make_pet(w, w->alice), theirs = make_pet(w, w->bob), *listed = NULL;
	struct str *open = NULL;
	size_t count = 0;
	int64_t total;
	CHECK_OK(PETS(w, remove, w->alice, mine.id, w->now_us, NO_KEY, &w->err), &w->err);
	(void)make_pet(w, w->alice);
	CHECK_OK(USERS(w, remove, w->alice, w->now_us, w->arena, &open, &count, &w->err), &w->err);
	CHECK(list_pets(w, w->alice, true, 100, &listed, &total) == 0 && list_pets(w, w->alice, false, 100, &listed, &total) == 0);
	CHECK(get_pet(w, w->bob, theirs.id).age == theirs.age);
}

int contract_pets(const struct store_contract *contract)
{
	static const struct store_rule rules[] = {
		{ "a pet comes back as it was: 4.5 is 4.5, lists byte for byte", pet_comes_back_as_it_was },
		{ "absent is not empty", absent_is_not_empty },
		{ "another user's pet does not exist", foreign_pets_do_not_exist },
		{ "a pet is removed once, and only a list of removed ones shows it", removed_pets_stay_as_rows },
		{ "pets are listed newest first", pets_are_listed_newest_first },
		{ "an update replaces the state that it saw, or none", an_update_replaces_the_state_it_saw },
		{ "has_plan counts confirmed plans of the owner", has_plan_counts_confirmed_ones },
		{ "a user has so many pets at most", pets_are_limited },
		{ "of updates at once none is lost", no_update_is_lost },
		{ "reopening keeps pets", reopening_keeps_pets },
		{ "a deleted account takes its pets along", a_deleted_account_takes_its_pets },
	};
	return world_run(contract, "pets", rules, COUNT(rules));
}
