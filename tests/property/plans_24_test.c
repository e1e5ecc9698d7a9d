/* The 24 test pets: each is assessed as its expectation file says, and gets a plan that the checker passes and that nature
 * leaves sound, or the right refusal. */
#include <math.h>
#include <stdlib.h>

#include "rpc/domain/checking/checker.h"
#include "rpc/domain/checking/variation.h"
#include "tests/support/check.h"
#include "tests/support/pet_json.h"
#include "tests/support/plan_make.h"

enum { PETS = 24 };
static const double KEPT_SHARE_MIN = 0.95;

static bool has_text(const char *const *list, size_t count, struct str entry)
{
	for (size_t i = 0; i < count; i++)
		if (str_equal(entry, str_from(list[i]))) return true;
	return false;
}

static void assessment_check(const char *path, const struct assessment *a, const struct pet_expect *expect)
{
	if (expect->profile.len) CHECK_STR_ROW(path, str_from(a->profile), expect->profile.ptr);
	for (size_t i = 0; i < expect->conditions.count; i++)
		CHECK_ROW(path, has_text(a->conditions, a->condition_count, expect->conditions.items[i]));
	for (size_t i = 0; i < a->condition_count; i++) /* said and empty: nothing but what the age itself brings */
		if (expect->conditions_said && !expect->conditions.count)
			CHECK_STR_ROW(path, str_from(a->conditions[i]), "none");
	for (size_t i = 0; i < expect->excluded_allergens.count; i++)
		CHECK_ROW(path, has_text(a->excluded_allergens, a->excluded_allergen_count,
		                         expect->excluded_allergens.items[i]));
	if (expect->density_factor > 0) CHECK_NEAR(path, a->density_factor, expect->density_factor, 1e-9);
	if (expect->energy_weight_kg > 0) CHECK_NEAR(path, a->energy_weight_kg, expect->energy_weight_kg, 0.01);
	if (expect->der_max > 0)
		CHECK_NEAR(path, a->der_kcal, (expect->der_min + expect->der_max) / 2,
		           (expect->der_max - expect->der_min) / 2);
	if (expect->vet_required != UNKNOWN) CHECK_ROW(path, a->vet_required == (expect->vet_required == YES));
	if (expect->keep_recipe != UNKNOWN) CHECK_ROW(path, a->keep_recipe == (expect->keep_recipe == YES));
	if (expect->large_breed != UNKNOWN) CHECK_ROW(path, a->large_breed == (expect->large_breed == YES));
}

static void plan_check(struct arena *arena, const char *path, struct str json)
{
	struct check_report report;
	struct variation_report nature;
	struct error err = { 0 };
	if (!CHECK_OK(check_plan(arena, json, &report, &err), &err)) return;
	CHECK_ROW(path, report.finding_count == 0);
	for (size_t i = 0; i < report.finding_count && i < 8; i++)
		(void)printf("  week %d %s " STR_FMT ": " STR_FMT "\n", report.findings[i].week,
		             report.findings[i].rule, STR_ARG(report.findings[i].what),
		             STR_ARG(report.findings[i].text));
	if (!CHECK_OK(variation_run(arena, json, 2024, VARIATION_DRAWS, &nature, &err), &err)) return;
	CHECK_ROW(path, nature.worst_share_kept >= KEPT_SHARE_MIN);
	for (size_t i = 0; i < nature.row_count; i++)
		if (nature.rows[i].share_kept < KEPT_SHARE_MIN)
			(void)printf("  week %d %s at %.1f %% of its minimum: %.1f %% of draws keep 90 %%\n",
			             nature.rows[i].week, nutrient_infos[nature.rows[i].nutrient].id,
			             nature.rows[i].mean_percent, 100 * nature.rows[i].share_kept);
}

/* The value of "ai_suggestions", as it stands in the compact document. */
static struct str advice_of(struct str json)
{
	static const char key[] = "\"ai_suggestions\":\"";
	size_t start = str_find(json, STR("\"ai_suggestions\":\""), 0);
	if (start == SIZE_MAX) return STR_NONE;
	start += sizeof(key) - 1;
	size_t end = start;
	while (end < json.len && json.ptr[end] != '"') end += json.ptr[end] == '\\' ? 2 : 1;
	return (struct str){ json.ptr + start, end - start };
}

static struct str param_of(const struct error *err, const char *name)
{
	for (size_t i = 0; i < err->param_count; i++)
		if (strcmp(err->params[i].name, name) == 0) return str_from(err->params[i].value);
	return STR_NONE;
}

int main(void)
{
	struct arena *arena = arena_create(0);
	struct error err = { 0 };
	const char *paths[PET_FILES_MAX];
	struct str advice[PET_FILES_MAX];
	size_t count, planned = 0;
	double worst_ms = 0;
	if (!CHECK_OK(pet_files_list(arena, "tests/data/pets", paths, &count, &err), &err)) return 1;
	CHECK(count == PETS);
	for (size_t i = 0; i < count; i++) {
		struct pet pet;
		struct pet_expect expect;
		struct plan_made made;
		if (!CHECK_OK(pet_file_read(arena, paths[i], &pet, &err), &err)) continue;
		if (!CHECK_OK(pet_expect_read(arena, paths[i], &expect, &err), &err)) continue;
		pet.lang = expect.lang;
		plan_make(arena, &pet, &made);
		worst_ms = fmax(worst_ms, made.cpu_ms);
		if (expect.refused) {
			CHECK_ROW(paths[i], made.stopped_at == PLAN_STEP_ASSESS && error_is(&made.err, "PLAN_REFUSED"));
			CHECK_STR_ROW(paths[i], param_of(&made.err, "condition"), expect.condition.ptr);
			CHECK_ROW(paths[i], param_of(&made.err, "why").len > 0);
			continue;
		}
		if (made.stopped_at != PLAN_STEP_ASSESS) assessment_check(paths[i], &made.assessment, &expect);
		if (!CHECK_ROW(paths[i], made.stopped_at == PLAN_STEP_DONE)) {
			(void)printf("  step %d week %d %s: %s\n", made.stopped_at, made.week, made.err.reason,
			             made.err.message);
			continue;
		}
		plan_check(arena, paths[i], made.json);
		advice[planned] = advice_of(made.json);
		CHECK_ROW(paths[i], advice[planned].len > 40);
		for (size_t k = 0; k < planned; k++) CHECK_ROW(paths[i], !str_equal(advice[k], advice[planned]));
		planned++;
	}
	(void)printf("%zu pets, %zu plans, worst %.0f ms of CPU\n", count, planned, worst_ms);
	arena_destroy(&arena);
	return check_done("plans_24_test");
}
