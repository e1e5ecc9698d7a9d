/* rpc/domain/nutrition/conditions.h: diseases and life conditions that change a diet, embedded at build from
 * rpc/domain/data/conditions.csv (one row each) and condition_targets.csv (one row per nutrient and condition).
 *
 * How bounds come about, per nutrient and per 1000 kcal (planning/assess.c does it so; whoever recomputes them does too):
 *   floor    minimum of the WORKING profile
 *   1. max = the lower of WORKING maximum and CEILING maximum.
 *   2. A target's max lowers it. Exception: a target that is not firm and whose max is below 1.1 x floor is left out
 *      altogether for its maximum (the profile goes before it); a firm one below the floor means that no plan may be made.
 *   3. min = floor x density factor (ratios, fat, sodium and chloride: floor). Where that is above 0.9 x max:
 *      the larger of floor and 0.9 x max. Density is our own rule and gives way before a disease's maximum.
 *   4. A target's min raises it if it is not above 0.9 x max; else it is left out. Nothing ever lowers min below the floor.
 * Fibre, water, urine pH and meal rhythm of the references are not bounds: they are sought through preferred foods and said
 * in the advice. Ranges around the profile's own minimum keep only the side that binds. */
#ifndef PETFOOD_RPC_DOMAIN_NUTRITION_CONDITIONS_H
#define PETFOOD_RPC_DOMAIN_NUTRITION_CONDITIONS_H

#include <stddef.h>

#include "rpc/domain/nutrition/nutrients.h"

/* May its therapeutic diet fall below AAFCO: YES = no automatic plan at all; MAYBE = a plan that keeps AAFCO, marked for
 * a veterinarian. */
enum below_aafco { BELOW_AAFCO_NO, BELOW_AAFCO_MAYBE, BELOW_AAFCO_YES };

struct condition {
	const char *id; /* "ckd_early_cat" */
	bool for_dog, for_cat;
	struct text2 name;
	bool vet_required;
	enum below_aafco below_aafco;
	double factor_dog, factor_cat; /* adult energy need in multiples of RER; 0 = as the life stage */
	bool keep_recipe;              /* the same mains and starch in all weeks */
	bool single_protein;
	const char *exclude, *prefer;          /* food_selected() selectors; "" = none */
	const char *keywords_zh, *keywords_en; /* '|' separated; "" = never found in text, set by other facts */
	struct text2 advice;                   /* one or two sentences for the owner; may be "" */
	const char *source;
};
extern const struct condition condition_table[];
extern const size_t condition_count;

struct condition_target {
	const char *condition;
	bool for_dog, for_cat;
	enum nutrient nutrient;
	double min; /* 0 = none */
	double max; /* INFINITY = none */
	bool firm;  /* the maximum is the treatment: never left out */
	const char *source;
};
extern const struct condition_target condition_target_table[];
extern const size_t condition_target_count;

/* NULL if there is none of that id. */
const struct condition *condition_find(struct str id);

#endif
