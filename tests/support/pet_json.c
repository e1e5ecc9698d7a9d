#include "tests/support/pet_json.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fields {
	struct arena *arena;
	struct error *err;
	json_t *object;
	size_t seen; /* fields of the object that were asked for */
};

static bool unreadable(struct fields *f, const char *key, const char *says)
{
	return error_set(f->err, RPC_INVALID_ARGUMENT, "PET_UNREADABLE", "%s %s", key, says);
}

static json_t *take(struct fields *f, const char *key)
{
	json_t *value = json_object_get(f->object, key);
	if (value) f->seen++;
	return json_is_null(value) ? NULL : value;
}

static bool take_text(struct fields *f, const char *key, struct str *out)
{
	json_t *value = take(f, key);
	if (!value) return true;
	if (!json_is_string(value)) return unreadable(f, key, "is not a text");
	*out = str_dup(f->arena, (struct str){ json_string_value(value), json_string_length(value) });
	return true;
}

static bool take_number(struct fields *f, const char *key, double *out, bool *said)
{
	json_t *value = take(f, key);
	if (!value) return true;
	if (!json_is_number(value)) return unreadable(f, key, "is not a number");
	*out = json_number_value(value);
	if (said) *said = true;
	return true;
}

static bool take_int(struct fields *f, const char *key, int *out, bool *said)
{
	double value = *out;
	if (!take_number(f, key, &value, said)) return false;
	*out = (int)value;
	return *out == value || unreadable(f, key, "is not a whole number");
}

static bool take_tristate(struct fields *f, const char *key, enum tristate *out)
{
	json_t *value = take(f, key);
	*out = UNKNOWN;
	if (!value) return true;
	if (!json_is_boolean(value)) return unreadable(f, key, "is not true or false");
	*out = json_is_true(value) ? YES : NO;
	return true;
}

static bool take_list(struct fields *f, const char *key, struct str_list *out, bool *said)
{
	json_t *value = take(f, key);
	if (!value) return true;
	if (!json_is_array(value) || json_array_size(value) > PET_LIST_MAX) return unreadable(f, key, "is not a list");
	for (size_t i = 0; i < json_array_size(value); i++) {
		const json_t *entry = json_array_get(value, i);
		if (!json_is_string(entry)) return unreadable(f, key, "has an entry that is not a text");
		out->items[out->count++] = str_dup(f->arena, str_from(json_string_value(entry)));
	}
	if (said) *said = true;
	return true;
}

static bool take_species(struct fields *f, struct pet *out)
{
	struct str text = STR_NONE;
	if (!take_text(f, "pet_type", &text)) return false;
	out->species_said = text.ptr != NULL;
	out->species = str_equal(text, STR("cat")) ? SPECIES_CAT : SPECIES_DOG;
	return !text.ptr || str_equal(text, STR("cat")) || str_equal(text, STR("dog")) ||
	       unreadable(f, "pet_type", "is neither dog nor cat");
}

static bool take_activity(struct fields *f, struct pet *out)
{
	static const char *const names[] = { "", "low", "normal", "high" }; /* in the order of enum activity */
	struct str text = STR_NONE;
	if (!take_text(f, "activity", &text)) return false;
	for (size_t i = 0; i < COUNT(names); i++)
		if (str_equal(text, str_from(names[i]))) {
			out->activity = (enum activity)i;
			return true;
		}
	return unreadable(f, "activity", "is none of low, normal, high");
}

static bool all_seen(struct fields *f)
{
	return f->seen == json_object_size(f->object) || unreadable(f, "document", "has a field that is not known");
}

static bool object_parse(struct fields *f, struct str json)
{
	json_error_t why;
	f->object = json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, &why);
	return json_is_object(f->object) || unreadable(f, "document", "is not a JSON object");
}

bool pet_json_read(struct arena *arena, struct str json, struct pet *out, struct error *err)
{
	struct fields f = { .arena = arena, .err = err };
	*out =
	    (struct pet){ .age_months = 12, .weight_kg = 10, .health_status = STR("健康"), .lang = LANG_ZH, .seed = 1 };
	bool ok = object_parse(&f, json) && take_species(&f, out) && take_text(&f, "pet_breed", &out->breed) &&
	          take_int(&f, "pet_age", &out->age_months, &out->age_said) &&
	          take_number(&f, "pet_weight", &out->weight_kg, &out->weight_said) &&
	          take_text(&f, "health_status", &out->health_status) &&
	          take_text(&f, "special_requirements", &out->special_requirements) &&
	          take_tristate(&f, "neutered", &out->neutered) && take_int(&f, "bcs", &out->bcs, NULL) &&
	          take_activity(&f, out) &&
	          take_number(&f, "expected_adult_weight", &out->expected_adult_weight_kg, NULL) &&
	          take_int(&f, "meals_per_day", &out->meals_per_day, NULL) &&
	          take_list(&f, "dislikes", &out->dislikes, NULL) &&
	          take_list(&f, "available_foods", &out->available_foods, NULL) &&
	          take_list(&f, "allergens", &out->allergens, NULL) &&
	          take_list(&f, "health_issues", &out->health_issues, NULL) && all_seen(&f);
	json_decref(f.object);
	return ok;
}

bool pet_file_load(struct arena *arena, const char *path, struct str *out, struct error *err)
{
	struct strbuf bytes;
	char block[4096];
	size_t got;
	FILE *file = fopen(path, "rb");
	if (!file) return error_set(err, RPC_NOT_FOUND, "FILE_MISSING", "cannot read %s", path);
	strbuf_init(&bytes, arena);
	while ((got = fread(block, 1, sizeof(block), file)) > 0) strbuf_add(&bytes, block, got);
	(void)fclose(file);
	*out = strbuf_str(&bytes);
	return true;
}

bool pet_file_read(struct arena *arena, const char *path, struct pet *out, struct error *err)
{
	struct str json;
	if (!pet_file_load(arena, path, &json, err)) return false;
	return pet_json_read(arena, json, out, err) || error_context(err, "%s", path);
}

static bool take_band(struct fields *f, const char *key, double *low, double *high)
{
	json_t *value = take(f, key);
	if (!value) return true;
	if (!json_is_array(value) || json_array_size(value) != 2) return unreadable(f, key, "is not a pair");
	*low = json_number_value(json_array_get(value, 0));
	*high = json_number_value(json_array_get(value, 1));
	return true;
}

bool pet_expect_read(struct arena *arena, const char *pet_path, struct pet_expect *out, struct error *err)
{
	struct fields f = { .arena = arena, .err = err };
	struct str json, stem = str_from(pet_path), language = STR("zh"), reason = STR("");
	enum tristate refused;
	*out = (struct pet_expect){ 0 };
	if (str_has_suffix(stem, STR(".json"))) stem.len -= 5;
	struct str path = str_printf(arena, STR_FMT ".expect.json", STR_ARG(stem));
	if (!pet_file_load(arena, path.ptr, &json, err)) return false;
	bool ok = object_parse(&f, json) && take_text(&f, "language", &language) &&
	          take_tristate(&f, "refused", &refused) && take_text(&f, "reason", &reason) &&
	          take_text(&f, "condition", &out->condition) && take_text(&f, "profile", &out->profile) &&
	          take_list(&f, "conditions", &out->conditions, &out->conditions_said) &&
	          take_list(&f, "excluded_allergens", &out->excluded_allergens, &out->allergens_said) &&
	          take_number(&f, "density_factor", &out->density_factor, NULL) &&
	          take_number(&f, "energy_weight_kg", &out->energy_weight_kg, NULL) &&
	          take_band(&f, "der_band", &out->der_min, &out->der_max) &&
	          take_tristate(&f, "vet_required", &out->vet_required) &&
	          take_tristate(&f, "keep_recipe", &out->keep_recipe) &&
	          take_tristate(&f, "large_breed", &out->large_breed) && all_seen(&f);
	json_decref(f.object);
	if (!ok) return error_context(err, STR_FMT, STR_ARG(path));
	out->lang = str_equal(language, STR("en")) ? LANG_EN : LANG_ZH;
	out->refused = refused == YES;
	if (out->refused && !str_equal(reason, STR("PLAN_REFUSED")))
		return unreadable(&f, "reason", "is not PLAN_REFUSED");
	return true;
}

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

bool pet_files_list(struct arena *arena, const char *directory, const char *out_paths[PET_FILES_MAX], size_t *out_count,
                    struct error *err)
{
	DIR *dir = opendir(directory);
	const struct dirent *entry;
	*out_count = 0;
	if (!dir) return error_set(err, RPC_NOT_FOUND, "FILE_MISSING", "cannot open %s", directory);
	while ((entry = readdir(dir)) && *out_count < PET_FILES_MAX) {
		struct str name = str_from(entry->d_name);
		if (!str_has_suffix(name, STR(".json")) || str_has_suffix(name, STR(".expect.json"))) continue;
		out_paths[(*out_count)++] = str_printf(arena, "%s/" STR_FMT, directory, STR_ARG(name)).ptr;
	}
	(void)closedir(dir);
	qsort(out_paths, *out_count, sizeof(out_paths[0]), by_name);
	return true;
}
