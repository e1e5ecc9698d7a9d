/* Natural variation: the figures of the generator, and what a plan keeps. */
#include <math.h>
#include <stdlib.h>

#include "rpc/domain/checking/variation.h"
#include "tests/support/check.h"
#include "tests/unit/rpc/domain/checking/plan_fixture.h"

static void test_generator(void)
{
	struct variation_random a, b;
	variation_seed(&a, 7);
	variation_seed(&b, 7);
	for (int i = 0; i < 100; i++) CHECK(variation_next(&a) == variation_next(&b));
	variation_seed(&b, 8);
	CHECK(variation_next(&a) != variation_next(&b));

	/* splitmix64 and xoshiro256** from state 1, 2, 3, 4: the reference's first outputs. */
	struct variation_random known = { .state = { 1, 2, 3, 4 } };
	CHECK(variation_next(&known) == 11520 && variation_next(&known) == 0 && variation_next(&known) == 1509978240);

	double sum = 0, squares = 0, fourth = 0, least = 1, most = 0;
	enum { DRAWS = 200000 };
	variation_seed(&a, 1);
	for (int i = 0; i < DRAWS; i++) {
		double z = variation_normal(&a), u = variation_uniform(&b);
		sum += z;
		squares += z * z;
		fourth += z * z * z * z;
		least = fmin(least, u);
		most = fmax(most, u);
	}
	CHECK_NEAR("mean", sum / DRAWS, 0, 0.01);
	CHECK_NEAR("variance", squares / DRAWS, 1, 0.015);
	CHECK_NEAR("fourth moment", fourth / DRAWS, 3, 0.1);
	CHECK(least >= 0 && most < 1 && least < 0.001 && most > 0.999);
}

static const struct variation_row *find(const struct variation_report *report, int week, enum nutrient n)
{
	for (size_t i = 0; i < report->row_count; i++)
		if (report->rows[i].week == week && report->rows[i].nutrient == n) return &report->rows[i];
	return NULL;
}

static void test_plan(void)
{
	struct arena *arena = arena_create(0);
	struct plan_fixture f;
	struct variation_report report, again;
	struct error err = { 0 };
	fixture_dog(&f);
	json_t *document = fixture_document(&f);
	char *json = json_dumps(document, JSON_COMPACT);
	CHECK_OK(variation_run(arena, str_from(json), 11, VARIATION_DRAWS, &report, &err), &err);
	CHECK_OK(variation_run(arena, str_from(json), 11, VARIATION_DRAWS, &again, &err), &err);
	CHECK(report.draws == 500 && report.row_count == again.row_count &&
	      report.worst_share_kept == again.worst_share_kept);
	const struct variation_row *iodine = find(&report, 1, NUTRIENT_i_ug), *iron = find(&report, 3, NUTRIENT_fe_mg);
	if (CHECK(iodine && iron)) {
		/* Nearly all of the iodine is kelp powder, a supplement: 3 % of variation leave the 5th percentile near 95 %. */
		CHECK_NEAR("iodine", iodine->p5_percent / iodine->mean_percent, 0.95, 0.012);
		CHECK(iodine->share_kept == 1);
		/* Iron comes from seven foods: less than 15 %, more than 3 % of variation. */
		CHECK(iron->p5_percent < 0.95 * iron->mean_percent && iron->p5_percent > 0.80 * iron->mean_percent);
	}
	CHECK(!find(&report, 1, NUTRIENT_taurine_mg) &&
	      !find(&report, 1, NUTRIENT_ca_p_ratio)); /* no minimum, no amount */
	free(json);
	json_decref(document);

	/* A mineral at 102 % of its minimum from one food alone falls short of 90 % about one time in five (z = -0.76). */
	fixture_dog(&f);
	fixture_drop(&f, 0, "zinc_gluconate");
	document = fixture_document(&f);
	json = json_dumps(document, JSON_COMPACT);
	CHECK_OK(variation_run(arena, str_from(json), 11, 2000, &report, &err), &err);
	const struct variation_row *zinc = find(&report, 1, NUTRIENT_zn_mg);
	if (CHECK(zinc))
		CHECK(zinc->mean_percent < 90 && zinc->share_kept < 0.3 && report.worst_share_kept <= zinc->share_kept);
	free(json);
	json_decref(document);
	CHECK(!variation_run(arena, STR("{}"), 1, 10, &report, &err) && error_is(&err, "PLAN_UNREADABLE"));
	arena_destroy(&arena);
}

int main(void)
{
	test_generator();
	test_plan();
	return check_done("variation_test");
}
