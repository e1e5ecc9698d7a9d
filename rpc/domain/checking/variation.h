/* rpc/domain/checking/variation.h: how a plan stands up to nature. The table holds means; a piece of meat is not the mean. Each
 * draw multiplies every nutrient of every food by a lognormal factor of mean 1 (standard deviation 15 %, 3 % for
 * supplements, each independent) and sees what is left of each minimum. Pure; the same seed gives the same figures. */
#ifndef PETFOOD_RPC_DOMAIN_CHECKING_VARIATION_H
#define PETFOOD_RPC_DOMAIN_CHECKING_VARIATION_H

#include "rpc/domain/nutrition/nutrients.h"

enum { VARIATION_DRAWS = 500, VARIATION_DRAWS_MAX = 100000 };

struct variation_row {
	int week; /* 1..4 */
	enum nutrient nutrient;
	double mean_percent; /* of the minimum, without variation */
	double p5_percent;   /* the 5th percentile of the draws */
	double share_kept;   /* share of draws at 90 % of the minimum or more, 0..1 */
};
struct variation_report {
	int draws;
	size_t row_count; /* one for each week and each nutrient with a minimum (biotin apart: no data) */
	const struct variation_row *rows;
	double worst_share_kept; /* 1 without rows */
};

/* json: a plan document as check_plan() takes it; fails as that does, and with INVALID_ARGUMENT/PLAN_UNREADABLE if the
 * profile is unknown. draws: 1..VARIATION_DRAWS_MAX. */
MUST_CHECK bool variation_run(struct arena *arena, struct str json, uint64_t seed, int draws,
                              struct variation_report *out, struct error *err);

/* xoshiro256** of Blackman and Vigna (public domain), seeded by splitmix64. */
struct variation_random {
	uint64_t state[4];
	double spare; /* second half of a Box-Muller pair */
	bool has_spare;
};
void variation_seed(struct variation_random *random, uint64_t seed);
uint64_t variation_next(struct variation_random *random);
double variation_uniform(struct variation_random *random); /* [0, 1) */
double variation_normal(struct variation_random *random);  /* mean 0, standard deviation 1 */

#endif
