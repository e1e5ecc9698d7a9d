/* rpc/domain/checking/checker.h: the independent second pass. Recomputes a plan document from its printed grams, with its
 * own code over the raw data tables; shares nothing with the planner but those tables. Every plan passes here before it
 * is shown; `petfood verify` is the same function. Pure. */
#ifndef PETFOOD_RPC_DOMAIN_CHECKING_CHECKER_H
#define PETFOOD_RPC_DOMAIN_CHECKING_CHECKER_H

#include "rpc/domain/nutrition/nutrients.h"

enum { CHECK_DOCUMENT_BYTES_MAX = 4 * 1024 * 1024 };

/* One thing that is wrong. week 0 = the whole document. */
struct check_finding {
	int week;
	const char *rule;  /* "below_minimum", "above_maximum", "energy", "ca_p", "toxic", "allergen", "items", "document", … */
	struct str what;   /* nutrient or food id, "" if none */
	struct str text;   /* one English sentence with figures */
};

struct check_row {
	enum nutrient nutrient;
	double min, max;     /* per 1000 kcal, 0 / INFINITY = none; as the checker derived them itself */
	double low, high;    /* amount per 1000 kcal as counted for the minimum and for the maximum */
	double unknown_energy_percent;
};
struct check_week {
	double energy_kcal, grams, ca_p;
	int items;
	struct check_row rows[NUTRIENT_COUNT];
};
struct check_report {
	size_t finding_count;
	const struct check_finding *findings;
	int week_count;
	struct check_week weeks[4];
};

/* json: a PlanData document (plan_data), or an object that holds one under "plan_data" or "data". The plan's own figures are
 * compared, never believed: bounds are derived from nutrition_basis (profile, conditions, energies) and pet_information.
 * Returns false only if the document cannot be read (INVALID_ARGUMENT/PLAN_UNREADABLE); a plan that breaks a rule gives
 * true with findings. */
MUST_CHECK bool check_plan(struct arena *arena, struct str json, struct check_report *out, struct error *err);

#endif
