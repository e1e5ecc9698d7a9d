/* Basis: does what the plan says it was computed for fit the animal? */
#include <math.h>
#include <string.h>

#include "rpc/domain/checking/rules.h"
#include "rpc/domain/nutrition/conditions.h"

/* Neither dogs nor cats are grown before, and the largest dogs are by the latter age. */
enum { ADULT_MONTHS_MIN = 9, GROWTH_MONTHS_MAX = 24 };
static const double WEIGHT_LOSS_MAX = 1.4; /* a body condition of 9 is 40 % above the ideal (AAHA 2021) */
static const double RER_TOLERANCE = 0.005;

/* Daily over resting energy that the published methods can give; the widest of factor tables (AAHA 2021) and FEDIAF's
 * equations, down to weight loss and up to the very active. */
static const struct {
	const char *profile;
	double low, high;
} energy_bands[] = {
	{ "dog_adult", 0.8, 3.0 },        { "dog_growth_large", 1.2, 3.7 }, { "dog_late_growth", 1.2, 3.7 },
	{ "dog_growth_repro", 1.2, 8.0 }, { "cat_adult", 0.8, 1.8 },        { "cat_growth_repro", 1.2, 6.0 },
};

static bool has_condition(const struct document *doc, const char *id)
{
	for (size_t i = 0; i < doc->conditions.count; i++)
		if (str_equal(doc->conditions.items[i], str_from(id))) return true;
	return false;
}

static void energy_check(struct check_run *run)
{
	const struct document *doc = run->doc;
	double rer = 70 * pow(doc->energy_weight_kg, 0.75), factor = doc->der_kcal / doc->rer_kcal;
	if (!(doc->energy_weight_kg <= doc->weight_kg * 1.001 &&
	      doc->energy_weight_kg >= doc->weight_kg / WEIGHT_LOSS_MAX * 0.999))
		check_found(run, 0, CHECK_RULE_energy_need, STR("energy_weight_kg"),
		            "energy for %.2f kg, the pet has %.2f kg", doc->energy_weight_kg, doc->weight_kg);
	if (!figure_is_near(doc->rer_kcal, rer, RER_TOLERANCE * rer))
		check_found(run, 0, CHECK_RULE_energy_need, STR("rer_kcal"),
		            "resting energy of %.2f kg is %.1f kcal, printed %.1f", doc->energy_weight_kg, rer,
		            doc->rer_kcal);
	for (size_t i = 0; i < COUNT(energy_bands); i++)
		if (str_equal(doc->profile, str_from(energy_bands[i].profile)) &&
		    !(factor >= energy_bands[i].low * 0.999 && factor <= energy_bands[i].high * 1.001))
			check_found(run, 0, CHECK_RULE_energy_need, STR("der_kcal"),
			            "%.2f times resting energy, plausible are %.1f to %.1f", factor,
			            energy_bands[i].low, energy_bands[i].high);
	double density = bounds_density_factor(doc->species, doc->rer_kcal, doc->der_kcal);
	if (!(doc->density_factor >= density * 0.9999))
		check_found(run, 0, CHECK_RULE_density, STR("density_factor"),
		            "minima times %.3f, at %.2f times resting energy %.2f is due", doc->density_factor, factor,
		            density);
}

static void profile_check(struct check_run *run)
{
	const struct document *doc = run->doc;
	struct str own = doc->species == SPECIES_CAT ? STR("cat_") : STR("dog_");
	bool growth = str_find(doc->profile, STR("growth"), 0) != SIZE_MAX;
	bool breeding =
	    has_condition(doc, "pregnancy") || has_condition(doc, "lactation") || has_condition(doc, "pregnancy_cat");
	bool large = str_equal(doc->profile, STR("dog_growth_large"));
	const char *wrong = NULL;
	if (!run->bounds.known || !str_has_prefix(doc->profile, own))
		wrong = "is no profile of this animal";
	else if (breeding && !str_has_suffix(doc->profile, STR("growth_repro")))
		wrong = "is not for gestation and lactation";
	else if (!growth && doc->age_months < ADULT_MONTHS_MIN)
		wrong = "is not for the young";
	else if (growth && !breeding && doc->age_months > GROWTH_MONTHS_MAX)
		wrong = "is only for the young";
	if (wrong)
		check_found(run, 0, CHECK_RULE_basis, STR("profile"), "profile " STR_FMT " %s", STR_ARG(doc->profile),
		            wrong);
	else if (large != doc->large_breed)
		check_found(run, 0, CHECK_RULE_basis, STR("large_breed"),
		            "large breed and profile " STR_FMT " do not agree", STR_ARG(doc->profile));
	if (!str_equal(doc->standard, STR("WORKING")))
		check_found(run, 0, CHECK_RULE_basis, STR("standard"), "plans are issued by WORKING, not by " STR_FMT,
		            STR_ARG(doc->standard));
}

static void condition_check(struct check_run *run, struct str id)
{
	const struct document *doc = run->doc;
	const struct condition *found = NULL;
	for (size_t i = 0; i < condition_count; i++)
		if (str_equal(id, str_from(condition_table[i].id))) found = &condition_table[i];
	if (!found || (doc->species == SPECIES_DOG ? !found->for_dog : !found->for_cat)) {
		check_found(run, 0, CHECK_RULE_basis, id, "no condition of this animal");
		return;
	}
	if (found->below_aafco == BELOW_AAFCO_YES)
		check_found(run, 0, CHECK_RULE_refused, id, "needs a prescription diet, no plan may be issued");
	if (found->vet_required && !doc->vet_required)
		check_found(run, 0, CHECK_RULE_vet_required, id,
		            "needs a veterinarian's agreement, the plan is not so marked");
}

void check_basis(struct check_run *run)
{
	const struct document *doc = run->doc;
	if (!doc->species) return; /* said by check_frame */
	profile_check(run);
	energy_check(run);
	for (size_t i = 0; i < doc->conditions.count; i++) condition_check(run, doc->conditions.items[i]);
}
