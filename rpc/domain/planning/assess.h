/* rpc/domain/planning/assess.h: from a pet to what its plan must keep: energy, bounds, exclusions, and what to tell the
 * owner. Pure; all memory in the arena; texts are in pet->lang. */
#ifndef PETFOOD_RPC_DOMAIN_PLANNING_ASSESS_H
#define PETFOOD_RPC_DOMAIN_PLANNING_ASSESS_H

#include "rpc/domain/nutrition/foods.h"
#include "rpc/domain/planning/pet.h"

enum { ASSESS_CONDITIONS_MAX = 48, ASSESS_TEXTS_MAX = 48, ASSESS_ALLERGENS_MAX = 40 };

/* Hard bounds of one nutrient, per 1000 kcal (a ratio: itself). What the checker holds the plan to. */
struct bound {
	double min; /* 0 = none */
	double max; /* INFINITY = none */
	struct str min_source, max_source; /* "WORKING dog_adult", "condition ckd_early" */
};

struct assumption {
	const char *field;  /* request field: "neutered" */
	struct str text;
	double effect_kcal; /* how the daily energy would change under the likeliest other answer */
};

struct assessment {
	const struct pet *pet;
	const char *profile;       /* "dog_adult", "dog_growth_repro", "dog_growth_large", "dog_late_growth", "cat_adult", "cat_growth_repro" */
	const char *life_stage;    /* "adult", "senior", "growth", "gestation", "lactation" */
	double adult_weight_kg;    /* expected or own */
	bool large_breed;          /* adult weight >= 31.8 kg and growing */
	double energy_weight_kg;   /* ideal weight where BCS > 5 */
	double rer_kcal, der_kcal;
	struct str energy_method;  /* one sentence with the figures */
	double density_factor;     /* on all minima but fat, Na, Cl; 1 = none */
	struct bound bounds[NUTRIENT_COUNT]; /* density already applied */
	double protein_cap_g;      /* palatability, per 1000 kcal, soft */
	size_t condition_count;
	const char *conditions[ASSESS_CONDITIONS_MAX]; /* ids of the conditions table */
	struct str condition_names[ASSESS_CONDITIONS_MAX];
	bool vet_required;
	bool keep_recipe;          /* diabetes, elimination: the same mains and starch in all four weeks */
	bool single_protein;       /* elimination trial */
	bool *food_excluded;       /* food_count entries */
	bool *food_preferred;      /* food_count entries */
	size_t excluded_allergen_count;
	const char *excluded_allergens[ASSESS_ALLERGENS_MAX];
	int meals_per_day;         /* decided */
	size_t assumption_count;
	struct assumption assumptions[ASSESS_TEXTS_MAX];
	size_t warning_count;
	struct str warnings[ASSESS_TEXTS_MAX]; /* excluded toxic foods with the reason, vet advice, limits of the data */
	/* The caller's, NULL = none: once it says true, planning fails with CANCELLED/TASK_CANCELLED within some milliseconds. Asked
	 * between the solver's runs, on the planning thread. */
	bool (*stopped)(void *self);
	void *stopped_self;
};

/* Fails with FAILED_PRECONDITION/PLAN_REFUSED and the parameter `why` (a sentence in pet->lang) where no plan may be issued
 * automatically (a condition with below_aafco=yes), INVALID_ARGUMENT/VALIDATION_FAILED where the pet cannot exist. */
MUST_CHECK bool assess_pet(struct arena *arena, const struct pet *pet, struct assessment *out, struct error *err);

#endif
