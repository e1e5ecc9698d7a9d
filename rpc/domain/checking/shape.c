/* Shape of the ration: sums, counts, shares, batches, portions. */
#include <math.h>
#include <string.h>

#include "rpc/domain/checking/rules.h"

enum { ITEMS_ADULT_DOG = 12, ITEMS_MAX = 14 };
static const double LIVER_SHARE_MAX = 0.05, RELAXED_SHARE = 1.5, ENERGY_TOLERANCE = 0.01;
/* Energy of the ration as fed, kcal per gram. Home-cooked rations lie at 0.8 (fish, sweet potato, pumpkin) to 1.9 (meat for
 * cats); a slimming dog's may be thinner. Outside of these it is soup or pemmican. */
static const double KCAL_PER_GRAM_MIN = 0.5, KCAL_PER_GRAM_MAX = 3.0;
/* Grams per kg of body weight and day: usual are 20-80 for dogs and 30-60 for cats; what grows or nurses eats up to
 * four times that, a giant dog that must slim half. */
static const double GRAMS_PER_KG_MIN = 5, GRAMS_PER_KG_MAX_DOG = 400, GRAMS_PER_KG_MAX_CAT = 300;

static bool share_is_relaxed(const struct document_week *week)
{
	for (size_t i = 0; i < week->relaxations.count; i++)
		if (str_find(week->relaxations.items[i], STR("1.5"), 0) != SIZE_MAX) return true;
	return false;
}

/* Foods whose share is a matter of safety, not of balance. */
static bool share_is_fixed(const struct food *food)
{
	return food->category == FOOD_SUPPLEMENT || strcmp(food->sub_category, "liver") == 0 ||
	       strcmp(food->sub_category, "iodine") == 0 || strcmp(food->sub_category, "predator") == 0;
}

static void shares_check(struct check_run *run, const struct document_week *week, int number,
                         const struct check_day *day)
{
	double liver = 0;
	bool relaxed = share_is_relaxed(week);
	for (size_t i = 0; i < day->count; i++) {
		const struct food *food = day->foods[i].food;
		double share = day->foods[i].grams / day->grams;
		double max = food->max_share * (relaxed && !share_is_fixed(food) ? RELAXED_SHARE : 1);
		if (strcmp(food->sub_category, "liver") == 0) liver += share;
		/* A food is weighed to a gram, so a share may pass its cap by half of one. */
		double slack = food->category == FOOD_SUPPLEMENT ? 1e-6 : 0.5 / day->grams;
		if (share > max + slack)
			check_found(run, number, CHECK_RULE_share, str_from(food->id),
			            "%.2f %% of the ration, at most %.2f %%", 100 * share, 100 * max);
	}
	if (liver > LIVER_SHARE_MAX + 0.05 / fmax(day->grams, 1))
		check_found(run, number, CHECK_RULE_liver, STR(""), "liver is %.2f %% of the ration", 100 * liver);
}

static const struct document_batch *batch_of(const struct document_week *week, const char *food_id)
{
	for (size_t i = 0; i < week->batch_count; i++)
		if (str_equal(week->batches[i].food_id, str_from(food_id))) return &week->batches[i];
	return NULL;
}

static void batches_check(struct check_run *run, const struct document_week *week, int number,
                          const struct check_day *day)
{
	size_t found = 0;
	for (size_t i = 0; i < day->count; i++) {
		const struct eaten *e = &day->foods[i];
		if (e->food->category != FOOD_SUPPLEMENT) continue;
		const struct document_batch *batch = batch_of(week, e->food->id);
		double daily_mg = e->grams * 1000;
		if (!batch) {
			check_found(run, number, CHECK_RULE_batch, str_from(e->food->id), "no batch for 28 days");
			continue;
		}
		found++;
		if (!figure_is_near(batch->daily_mg, daily_mg, 0.051))
			check_found(run, number, CHECK_RULE_batch, str_from(e->food->id), "%.1f mg a day, printed %.1f",
			            daily_mg, batch->daily_mg);
		if (!figure_is_near(batch->batch_28_day_g, daily_mg * 28 / 1000, 0.0051))
			check_found(run, number, CHECK_RULE_batch, str_from(e->food->id),
			            "28 days are %.3f g, printed %.3f", daily_mg * 28 / 1000, batch->batch_28_day_g);
	}
	if (found != week->batch_count)
		check_found(run, number, CHECK_RULE_batch, STR(""), "%zu batches for %zu supplements",
		            week->batch_count, found);
}

static void totals_check(struct check_run *run, const struct document_week *week, int number,
                         const struct check_day *day)
{
	if (!figure_is_near(week->energy_kcal, day->kcal, 0.06))
		check_found(run, number, CHECK_RULE_totals, STR("energy_kcal"), "is %.2f, printed %.2f", day->kcal,
		            week->energy_kcal);
	if (!figure_is_near(week->total_weight_g, day->grams, 0.06))
		check_found(run, number, CHECK_RULE_totals, STR("total_weight_g"), "is %.2f, printed %.2f", day->grams,
		            week->total_weight_g);
	if (week->item_count != (int64_t)day->count)
		check_found(run, number, CHECK_RULE_totals, STR("item_count"), "is %zu, printed %lld", day->count,
		            (long long)week->item_count);
}

void check_week_shape(struct check_run *run, const struct document_week *week, int number, const struct check_day *day)
{
	const struct document *doc = run->doc;
	totals_check(run, week, number, day);
	double off = day->kcal / doc->der_kcal - 1;
	if (!(fabs(off) <= ENERGY_TOLERANCE))
		check_found(run, number, CHECK_RULE_energy, STR(""), "%.1f kcal a day for a need of %.1f", day->kcal,
		            doc->der_kcal);
	bool few = str_equal(doc->profile, STR("dog_adult")) && !week->relaxations.count;
	if (day->count > (few ? ITEMS_ADULT_DOG : ITEMS_MAX))
		check_found(run, number, CHECK_RULE_items, STR(""), "%zu foods and supplements, at most %d", day->count,
		            few ? ITEMS_ADULT_DOG : ITEMS_MAX);
	if (!day->count) return;
	shares_check(run, week, number, day);
	batches_check(run, week, number, day);
	double density = day->kcal / day->grams, per_kg = day->grams / doc->weight_kg;
	double per_kg_max = doc->species == SPECIES_CAT ? GRAMS_PER_KG_MAX_CAT : GRAMS_PER_KG_MAX_DOG;
	if (!(density >= KCAL_PER_GRAM_MIN && density <= KCAL_PER_GRAM_MAX))
		check_found(run, number, CHECK_RULE_portion, STR(""), "%.2f kcal per gram as fed", density);
	if (!(per_kg >= GRAMS_PER_KG_MIN && per_kg <= per_kg_max))
		check_found(run, number, CHECK_RULE_portion, STR(""), "%.0f g per kg of body weight a day", per_kg);
}
