/* tests/support/pet_json.h: test pets, as bodies of POST /plans in tests/data/pets, read into plain values. */
#ifndef PETFOOD_TESTS_SUPPORT_PET_JSON_H
#define PETFOOD_TESTS_SUPPORT_PET_JSON_H

#include "rpc/domain/planning/pet.h"

/* Applies the defaults of CONTRACT 2.5 (dog, 12 months, 10 kg, 健康). lang becomes zh, seed 1. An unknown field is an error: in
 * a test file it is a slip. Texts live in the arena. Fails: INVALID_ARGUMENT/PET_UNREADABLE. */
MUST_CHECK bool pet_json_read(struct arena *arena, struct str json, struct pet *out, struct error *err);

/* The bytes of a file, NUL-terminated. Fails: NOT_FOUND/FILE_MISSING. */
MUST_CHECK bool pet_file_load(struct arena *arena, const char *path, struct str *out, struct error *err);
MUST_CHECK bool pet_file_read(struct arena *arena, const char *path, struct pet *out, struct error *err);

/* What tests/data/pets/NN_name.expect.json says of NN_name.json; every part that is not said is not checked. */
struct pet_expect {
	enum lang lang;
	bool refused;
	struct str condition; /* the one that refuses */
	struct str profile;   /* "" = not said */
	bool conditions_said, allergens_said;
	struct str_list conditions;         /* must be among those found; said and empty: none may be found */
	struct str_list excluded_allergens; /* must be among the excluded */
	double density_factor;              /* 0 = not said */
	double energy_weight_kg;            /* 0 = not said */
	double der_min, der_max;            /* 0 = not said */
	enum tristate vet_required, keep_recipe, large_breed;
};
/* pet_path: of the pet's own file. */
MUST_CHECK bool pet_expect_read(struct arena *arena, const char *pet_path, struct pet_expect *out, struct error *err);

/* Paths of the pets in tests/data/pets, sorted; from the project's root. */
enum { PET_FILES_MAX = 64 };
MUST_CHECK bool pet_files_list(struct arena *arena, const char *directory, const char *out_paths[PET_FILES_MAX],
                               size_t *out_count, struct error *err);

#endif
