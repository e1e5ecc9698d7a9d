#include "rpc/domain/checking/variation.h"

#include <math.h>
#include <stdlib.h>

#include "rpc/domain/checking/content.h"
#include "rpc/domain/checking/rules.h"

static const double SD_FOOD = 0.15, SD_SUPPLEMENT = 0.03, KEPT = 0.90;

void variation_seed(struct variation_random *random, uint64_t seed)
{
	*random = (struct variation_random){ 0 };
	for (int i = 0; i < 4; i++) {
		uint64_t z = (seed += 0x9e3779b97f4a7c15u);
		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
		random->state[i] = z ^ (z >> 31);
	}
}

static uint64_t rotate(uint64_t x, int by) { return (x << by) | (x >> (64 - by)); }

uint64_t variation_next(struct variation_random *random)
{
	uint64_t *s = random->state, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

double variation_uniform(struct variation_random *random) { return (double)(variation_next(random) >> 11) * 0x1p-53; }

double variation_normal(struct variation_random *random)
{
	static const double two_pi = 6.283185307179586;
	if (random->has_spare) {
		random->has_spare = false;
		return random->spare;
	}
	double radius = sqrt(-2 * log(1 - variation_uniform(random))), angle = two_pi * variation_uniform(random);
	random->spare = radius * sin(angle);
	random->has_spare = true;
	return radius * cos(angle);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static struct variation_row vary(struct variation_random *random, const struct check_day *day, enum species species,
                                 enum nutrient n, double minimum, int draws, double *percents)
{
	struct variation_row row = { .nutrient = n };
	int kept = 0;
	double per_minimum = 1000 / day->kcal / minimum * 100;
	for (int d = 0; d < draws; d++) {
		double amount = 0, plain = 0;
		for (size_t i = 0; i < day->count; i++) {
			double sd = day->foods[i].food->category == FOOD_SUPPLEMENT ? SD_SUPPLEMENT : SD_FOOD;
			double content =
			    day->foods[i].grams * content_per_gram(day->foods[i].food, n, species, BOUND_MIN);
			plain += content;
			/* A food without the nutrient takes no draw: the figures do not hang on what else is in the bowl. */
			if (content != 0) amount += content * exp(sd * variation_normal(random) - sd * sd / 2);
		}
		percents[d] = amount * per_minimum;
		row.mean_percent = plain * per_minimum;
		if (percents[d] >= 100 * KEPT) kept++;
	}
	qsort(percents, (size_t)draws, sizeof(percents[0]), by_value);
	row.p5_percent = percents[(size_t)draws / 20];
	row.share_kept = (double)kept / draws;
	return row;
}

bool variation_run(struct arena *arena, struct str json, uint64_t seed, int draws, struct variation_report *out,
                   struct error *err)
{
	struct document *doc = arena_new(arena, struct document);
	struct check_run run = { .arena = arena, .doc = doc };
	struct variation_random random;
	if (draws < 1) draws = 1;
	if (draws > VARIATION_DRAWS_MAX) draws = VARIATION_DRAWS_MAX;
	if (!document_read(arena, json, doc, err)) return false;
	bounds_derive(doc, fmax(doc->density_factor, bounds_density_factor(doc->species, doc->rer_kcal, doc->der_kcal)),
	              &run.bounds);
	if (!run.bounds.known || !doc->species)
		return error_set(err, RPC_INVALID_ARGUMENT, "PLAN_UNREADABLE",
		                 "nutrition_basis.profile is not in the table");
	variation_seed(&random, seed);
	double *percents = arena_new_array(arena, double, (size_t)draws);
	struct variation_row *rows = arena_new_array(arena, struct variation_row, doc->week_count * NUTRIENT_COUNT);
	*out = (struct variation_report){ .draws = draws, .rows = rows, .worst_share_kept = 1 };
	for (size_t w = 0; w < doc->week_count; w++) {
		struct check_day day = { 0 };
		check_week_items(&run, &doc->weeks[w], (int)w + 1, &day);
		for (enum nutrient n = 0; n < NUTRIENT_COUNT; n++) {
			double minimum = run.bounds.of[n].min;
			if (!(minimum > 0) || n == NUTRIENT_biotin_ug || nutrient_is_ratio(n)) continue;
			struct variation_row row = vary(&random, &day, doc->species, n, minimum, draws, percents);
			row.week = (int)w + 1;
			rows[out->row_count++] = row;
			out->worst_share_kept = fmin(out->worst_share_kept, row.share_kept);
		}
	}
	return true;
}
