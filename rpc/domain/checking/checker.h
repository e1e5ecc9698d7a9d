/* rpc/domain/checking/checker.h: the independent second pass. Recomputes a plan document from its printed grams, with its
 * own code over the raw data tables; shares nothing with the planner but those tables. Every plan passes here before it
 * is shown; `petfood verify` is the same function. Pure. */
#ifndef PETFOOD_RPC_DOMAIN_CHECKING_CHECKER_H
#define PETFOOD_RPC_DOMAIN_CHECKING_CHECKER_H

#include "rpc/domain/nutrition/nutrients.h"

enum { CHECK_DOCUMENT_BYTES_MAX = 4 * 1024 * 1024 };

/* The rules, each with what it holds a plan to. A finding names one of them. */
#define CHECK_RULES(X) \
	X(document,      "four weeks in order, meals with rising times, counts and numbers in range") \
	X(text,          "no text that the owner reads is empty") \
	X(basis,         "the profile fits the animal, its age and its conditions, and every id is known") \
	X(energy_need,   "resting energy follows from the weight, daily energy is a plausible multiple of it") \
	X(density,       "minima are raised where energy is restricted") \
	X(refused,       "no plan for a condition that needs a prescription diet") \
	X(vet_required,  "a condition that needs a veterinarian marks the plan") \
	X(food,          "every food is in the table") \
	X(name,          "a food bears the table's name and kind") \
	X(weight,        "weights are positive, can be weighed, and a supplement is in one meal") \
	X(figures,       "printed nutrients of an item are the table's times its grams") \
	X(totals,        "printed sums of a week are the sums of its items") \
	X(energy,        "the energy of a day is within 1 % of the daily need") \
	X(below_minimum, "no nutrient is below its minimum") \
	X(above_maximum, "no nutrient is above its maximum or the hard ceiling") \
	X(ca_p,          "calcium to phosphorus is inside its band") \
	X(taurine,       "a cat's taurine comes from a supplement that covers the minimum alone") \
	X(adequacy,      "the printed adequacy table is what the grams give") \
	X(unknown_data,  "gaps of the data are printed as they are") \
	X(batch,         "a supplement's batch is 28 times its daily dose") \
	X(items,         "no more foods than a kitchen will do") \
	X(share,         "no food has more than its share of the ration") \
	X(liver,         "liver is at most 5 % of the ration") \
	X(portion,       "the ration has a size and density that can be eaten") \
	X(dishes,        "two named dishes a week with steps, of foods of the week") \
	X(toxic,         "no poisonous food is named") \
	X(allergen,      "nothing that the pet is allergic to") \
	X(species,       "no food that is not for this animal") \
	X(excluded,      "no food that the basis excludes, none raw")
enum check_rule {
#define CHECK_RULE_ENUM(id, says) CHECK_RULE_##id,
	CHECK_RULES(CHECK_RULE_ENUM)
#undef CHECK_RULE_ENUM
	CHECK_RULE_COUNT
};
struct check_rule_info {
	const char *name; /* "below_minimum" */
	const char *says;
};
extern const struct check_rule_info check_rules[CHECK_RULE_COUNT];

/* One thing that is wrong. week 0 = the whole document. */
struct check_finding {
	int week;
	const char *rule;  /* a name of check_rules */
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
