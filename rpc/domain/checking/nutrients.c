/* Nutrients: each against its bounds, from the grams alone, and the printed adequacy table against that. */
#include <math.h>

#include "rpc/domain/checking/content.h"
#include "rpc/domain/checking/rules.h"

/* Only for the noise of adding doubles: 100 % means 100 %. */
static const double EXACTNESS = 1e-6;
/* The adequacy table is printed with two or more decimals. */
static const double PRINTED_SHARE = 1e-3, PRINTED_STEP = 0.006, PERCENT_STEP = 0.6;

static bool is_equal_printed(double printed, double value)
{
	return figure_is_near(printed, value, fmax(PRINTED_STEP, PRINTED_SHARE * fabs(value)));
}

/* No table has figures for biotin; the plan says so among its gaps. */
static bool is_judged(enum nutrient n) { return n != NUTRIENT_biotin_ug; }

static void sum_nutrient(const struct check_day *day, enum species species, enum nutrient n, struct check_row *row)
{
	double unknown_kcal = 0;
	for (size_t i = 0; i < day->count; i++) {
		const struct eaten *e = &day->foods[i];
		row->low += e->grams * content_per_gram(e->food, n, species, BOUND_MIN);
		row->high += e->grams * content_per_gram(e->food, n, species, BOUND_MAX);
		if (!content_is_known(e->food, n, species)) unknown_kcal += e->grams * content_kcal_per_gram(e->food);
	}
	row->low *= 1000 / day->kcal;
	row->high *= 1000 / day->kcal;
	row->unknown_energy_percent = 100 * unknown_kcal / day->kcal;
}

/* A ratio with nothing below the line is taken as beyond every maximum. */
static void set_ratio(struct check_row *row, double above, double below)
{
	row->low = row->high = below > 0 ? above / below : INFINITY;
}

static void ratios_sum(struct check_week *out)
{
	const struct check_row *of = out->rows;
	set_ratio(&out->rows[NUTRIENT_ca_p_ratio], of[NUTRIENT_ca_mg].high, of[NUTRIENT_p_mg].high);
	set_ratio(&out->rows[NUTRIENT_n6_n3_ratio], of[NUTRIENT_la_g].high + of[NUTRIENT_ara_g].high,
	          of[NUTRIENT_ala_g].high + of[NUTRIENT_epadha_g].high);
	out->ca_p = out->rows[NUTRIENT_ca_p_ratio].low;
}

static void bounds_check(struct check_run *run, int number, enum nutrient n, const struct check_row *row)
{
	const struct nutrient_info *info = &nutrient_infos[n];
	enum species species = run->doc->species;
	enum check_rule below = CHECK_RULE_below_minimum, above = CHECK_RULE_above_maximum;
	if (n == NUTRIENT_ca_p_ratio) below = above = CHECK_RULE_ca_p;
	if (n == NUTRIENT_taurine_mg && species == SPECIES_CAT) below = CHECK_RULE_taurine;
	if (row->min > 0 && !(row->low >= row->min * (1 - EXACTNESS)))
		check_found(run, number, below, str_from(info->id), "%.4g %s per 1000 kcal, at least %.4g (%.1f %%)",
		            row->low, info->unit, row->min, 100 * row->low / row->min);
	if (!(row->high <= row->max * (1 + EXACTNESS)))
		check_found(run, number, above, str_from(info->id), "%.4g %s per 1000 kcal, at most %.4g (%.1f %%)",
		            row->high, info->unit, row->max, 100 * row->high / row->max);
}

static void adequacy_row_check(struct check_run *run, int number, enum nutrient n, const struct check_row *row,
                               const struct document_adequacy *printed)
{
	const struct checked_bound *bound = &run->bounds.of[n];
	const struct nutrient_info *info = &nutrient_infos[n];
	struct str id = str_from(info->id);
	if (!is_equal_printed(printed->amount, row->low) && !is_equal_printed(printed->amount, row->high))
		check_found(run, number, CHECK_RULE_adequacy, id, "printed amount %.4f, is %.4f (%.4f at most)",
		            printed->amount, row->low, row->high);
	bool min_fits = bound->min > 0 ? is_equal_printed(printed->minimum, bound->min) : isnan(printed->minimum);
	if (!min_fits)
		check_found(run, number, CHECK_RULE_adequacy, id, "printed minimum %.4f, is %.4f", printed->minimum,
		            bound->min);
	bool max_fits = isfinite(bound->max) ? is_equal_printed(printed->maximum, bound->max) : isnan(printed->maximum);
	if (!max_fits && !is_equal_printed(printed->maximum, fmin(bound->max, bound->ceiling)))
		check_found(run, number, CHECK_RULE_adequacy, id, "printed maximum %.4f, is %.4f", printed->maximum,
		            bound->max);
	if (!str_equal_nocase(printed->unit, str_from(info->unit)))
		check_found(run, number, CHECK_RULE_adequacy, id, "unit is %s", info->unit);
	if (!nutrient_is_ratio(n) &&
	    !figure_is_near(printed->unknown_energy_percent, row->unknown_energy_percent, PERCENT_STEP))
		check_found(run, number, CHECK_RULE_unknown_data, id,
		            "unknown for %.1f %% of the energy, printed %.1f %%", row->unknown_energy_percent,
		            printed->unknown_energy_percent);
}

static void adequacy_check(struct check_run *run, const struct document_week *week, int number,
                           const struct check_week *out)
{
	bool seen[NUTRIENT_COUNT] = { false };
	for (size_t i = 0; i < week->adequacy_count; i++) {
		const struct document_adequacy *printed = &week->adequacy[i];
		enum nutrient n = 0;
		while (n < NUTRIENT_COUNT && !str_equal(printed->nutrient, str_from(nutrient_infos[n].id))) n++;
		if (n == NUTRIENT_COUNT || seen[n]) {
			check_found(run, number, CHECK_RULE_adequacy, printed->nutrient, "unknown or twice");
			continue;
		}
		seen[n] = true;
		if (is_judged(n)) adequacy_row_check(run, number, n, &out->rows[n], printed);
	}
	for (enum nutrient n = 0; n < NUTRIENT_COUNT; n++) {
		const struct checked_bound *bound = &run->bounds.of[n];
		if (is_judged(n) && !seen[n] && (bound->min > 0 || isfinite(bound->max)))
			check_found(run, number, CHECK_RULE_adequacy, str_from(nutrient_infos[n].id),
			            "has bounds and no row");
	}
}

void check_week_nutrients(struct check_run *run, const struct document_week *week, int number,
                          const struct check_day *day, struct check_week *out)
{
	*out = (struct check_week){ .energy_kcal = day->kcal, .grams = day->grams, .items = (int)day->count };
	if (!run->bounds.known || !run->doc->species || !(day->kcal > 0)) return; /* said elsewhere */
	for (enum nutrient n = 0; n < NUTRIENT_COUNT; n++) sum_nutrient(day, run->doc->species, n, &out->rows[n]);
	ratios_sum(out);
	for (enum nutrient n = 0; n < NUTRIENT_COUNT; n++) {
		const struct checked_bound *bound = &run->bounds.of[n];
		struct check_row *row = &out->rows[n];
		row->min = bound->min;
		row->max = fmin(bound->max, bound->ceiling);
		if (is_judged(n)) bounds_check(run, number, n, row);
	}
	if (!figure_is_near(week->ca_p_ratio, out->ca_p, 0.006))
		check_found(run, number, CHECK_RULE_totals, STR("ca_p_ratio"), "is %.3f, printed %.3f", out->ca_p,
		            week->ca_p_ratio);
	adequacy_check(run, week, number, out);
}
