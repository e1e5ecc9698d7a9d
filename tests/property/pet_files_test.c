/* The test pets themselves: they read, say what they must, and cover what they are meant to cover. */
#include "tests/support/check.h"
#include "tests/support/pet_json.h"

static void test_defaults(struct arena *arena)
{
	struct pet pet;
	struct error err = { 0 };
	if (!CHECK_OK(pet_json_read(arena, STR("{}"), &pet, &err), &err)) return;
	CHECK(pet.species == SPECIES_DOG && pet.age_months == 12 && pet.weight_kg == 10);
	CHECK(!pet.species_said && !pet.age_said && !pet.weight_said && pet.neutered == UNKNOWN);
	CHECK_STR(pet.health_status, "健康");
	static const struct {
		const char *label;
		struct str json;
	} wrong[] = {
		{ "not an object", STR("[]") },
		{ "unknown field", STR("{\"pet_colour\":\"red\"}") },
		{ "another animal", STR("{\"pet_type\":\"bird\"}") },
		{ "age as text", STR("{\"pet_age\":\"4\"}") },
		{ "half a month", STR("{\"pet_age\":4.5}") },
		{ "activity", STR("{\"activity\":\"wild\"}") },
		{ "list of numbers", STR("{\"allergens\":[1]}") },
		{ "cut short", STR("{\"pet_age\":4") },
	};
	for (size_t i = 0; i < COUNT(wrong); i++)
		CHECK_ROW(wrong[i].label,
		          !pet_json_read(arena, wrong[i].json, &pet, &err) && error_is(&err, "PET_UNREADABLE"));
}

static void test_files(struct arena *arena)
{
	const char *paths[PET_FILES_MAX];
	size_t count, cats = 0, refused = 0, english = 0, allergic = 0;
	double lightest = 1000, heaviest = 0;
	int youngest = 1000, oldest = 0;
	struct error err = { 0 };
	if (!CHECK_OK(pet_files_list(arena, "tests/data/pets", paths, &count, &err), &err)) return;
	CHECK(count == 24);
	for (size_t i = 0; i < count; i++) {
		struct pet pet;
		struct pet_expect expect;
		if (!CHECK_OK(pet_file_read(arena, paths[i], &pet, &err), &err)) continue;
		if (!CHECK_OK(pet_expect_read(arena, paths[i], &expect, &err), &err)) continue;
		cats += pet.species == SPECIES_CAT;
		refused += expect.refused;
		english += expect.lang == LANG_EN;
		allergic += pet.allergens.count > 0;
		lightest = fmin(lightest, pet.weight_kg);
		heaviest = fmax(heaviest, pet.weight_kg);
		if (pet.age_months < youngest) youngest = pet.age_months;
		if (pet.age_months > oldest) oldest = pet.age_months;
		CHECK_ROW(paths[i], expect.refused == (expect.condition.len > 0));
		CHECK_ROW(paths[i], expect.refused != (expect.profile.len > 0));
	}
	CHECK(cats >= 8 && refused == 3 && english >= 8 && allergic >= 3);
	CHECK(lightest == 1.5 && heaviest == 70 && youngest == 2 && oldest == 180);
	CHECK(!pet_files_list(arena, "tests/data/no-such-folder", paths, &count, &err) &&
	      error_is(&err, "FILE_MISSING"));
}

int main(void)
{
	struct arena *arena = arena_create(0);
	test_defaults(arena);
	test_files(arena);
	arena_destroy(&arena);
	return check_done("pet_files_test");
}
