/* rpc/domain/checking/bounds.h: what a plan must keep, derived anew from the raw profile and condition rows. */
#ifndef PETFOOD_RPC_DOMAIN_CHECKING_BOUNDS_H
#define PETFOOD_RPC_DOMAIN_CHECKING_BOUNDS_H

#include "rpc/domain/checking/document.h"

struct checked_bound {
	double min;     /* per 1000 kcal, a ratio itself; 0 = none */
	double max;     /* of profile and conditions; INFINITY = none */
	double ceiling; /* never exceeded, whatever the profile says; INFINITY = none */
};
struct checked_bounds {
	bool known; /* the profile has rows in the table */
	struct checked_bound of[NUTRIENT_COUNT];
};

/* WORKING profile, hard ceilings and conditions put together by the rules that rpc/domain/nutrition/conditions.h states; a
 * second implementation of them. */
void bounds_derive(const struct document *doc, double density_factor, struct checked_bounds *out);

/* The least factor on minima for that intake: a ration of up to 1.1 times resting energy must be denser. */
double bounds_density_factor(enum species species, double rer_kcal, double der_kcal);

#endif
