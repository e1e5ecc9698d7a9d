#include "rpc/domain/planning/recipe_model.h"

#include <math.h>
#include <string.h>

/* Multiples of a minimum that are aimed at. The list is of what fell short in 500 draws of natural variation at +2.5 %;
 * the rest gets half of that (REFERENCE section 11). */
static const enum nutrient wide_margins[] = { NUTRIENT_k_mg,      NUTRIENT_fe_mg, NUTRIENT_zn_mg, NUTRIENT_vite_iu,
	                                      NUTRIENT_folate_ug, NUTRIENT_p_mg,  NUTRIENT_cl_mg };
static const double AIM_WIDE = 1.10, AIM_USUAL = 1.05;
static const double AIM_MAX_TIGHT = 0.90, AIM_MAX_USUAL = 0.98; /* copper (dog), methionine (cat); the rest */
/* Energy may end 0.5 % off and grams are rounded: what "kept" means before that. */
static const double KEPT = 0.005;

/* Prices of giving way, per unit of slack. Each is dear enough that the cheaper ones are used up first. */
static const double PRICE_MARGIN = 60, PRICE_SHARE_G = 300, PRICE_TARGET = 2e5, PRICE_FOOD_SHARE_G = 2000,
                    PRICE_HARD = 1e7;
/* Of a kcal off the 1000, where rounding needs it. */
static const double PRICE_ENERGY = 0.05;

/* Shares of the ration as fed and counts, by REFERENCE section 4. -1: no limit of that kind. */
static const struct group_rule {
	double dog_min, dog_max, cat_min, cat_max;
	int most;
	bool never; /* the share never gives way */
} group_rules[GROUP_COUNT] = {
	[GROUP_ANIMAL] = { 0.30, 0.80, 0.72, 0.97, -1 },
	[GROUP_MAIN] = { 0.24, 0.70, 0.50, 0.92, 2 },
	[GROUP_THEME_MAIN] = { 0.18, -1, 0.35, -1, -1 },
	[GROUP_FISH] = { -1, 0.45, -1, 0.30, -1 },
	[GROUP_OILY_FISH] = { -1, 0.15, -1, 0.15, -1 },
	[GROUP_ORGAN] = { -1, 0.12, -1, 0.12, 2 },
	[GROUP_LIVER] = { -1, 0.0495, -1, 0.0495, 1, true }, /* 5 %: vitamin A and copper */
	[GROUP_EGG] = { -1, -1, -1, -1, 1 },
	[GROUP_DAIRY] = { -1, -1, -1, -1, 1 },
	[GROUP_STARCH] = { 0.10, 0.45, -1, 0.15, 1 },
	[GROUP_VEGETABLE] = { 0.06, 0.25, 0.02, 0.12, 2 },
	[GROUP_FRUIT] = { -1, 0.05, -1, 0.02, 1 },
	[GROUP_SEED] = { -1, -1, -1, -1, 1 },
	[GROUP_OIL] = { -1, 0.045, -1, 0.07, 2 },
	[GROUP_SUPPLEMENT] = { -1, -1, -1, -1, -1 },
	[GROUP_CALCIUM] = { -1, -1, -1, -1, 1 },
	[GROUP_PHOSPHATE] = { -1, -1, -1, -1, 1 },
	[GROUP_SALT] = { -1, -1, -1, -1, 1 },
	[GROUP_IODINE] = { -1, -1, -1, -1, 1 },
	[GROUP_POTASSIUM] = { -1, -1, -1, -1, 1 },
	[GROUP_MAGNESIUM] = { -1, -1, -1, -1, 1 },
	[GROUP_OMEGA3] = { -1, -1, -1, -1, 1 },
};
/* Rounding: kcal off the 1000, grams a day over a group's share. */
static const double ROUNDING_KCAL = 4.5, GROUP_NOISE_G = 1.0;

double model_aim_low(enum nutrient nutrient)
{
	for (size_t i = 0; i < COUNT(wide_margins); i++) {
		if (wide_margins[i] == nutrient) return AIM_WIDE;
	}
	return AIM_USUAL;
}

double model_aim_high(enum nutrient n, enum species species)
{
	bool tight = (n == NUTRIENT_cu_mg && species == SPECIES_DOG) || (n == NUTRIENT_met_g && species == SPECIES_CAT);
	return tight ? AIM_MAX_TIGHT : AIM_MAX_USUAL;
}

int group_most(enum food_group group) { return group_rules[group].most; }

static bool nutrient_has_data(enum nutrient n)
{
	for (size_t row = 0; row < food_count; row++) {
		if (food_knows(&food_table[row], n)) return true;
	}
	return false;
}

static int add_slack(struct model *m, int row, double sign, double most, double price, enum relaxation kind,
                     enum nutrient nutrient, enum bound_side side)
{
	if (m->slack_count == MODEL_SLACKS_MAX) die("more slacks than a recipe can have");
	int column = lp_add_column(m->lp, 0, most, price);
	lp_add_entry(m->lp, row, column, sign);
	m->slacks[m->slack_count++] = (struct slack){ column, kind, nutrient, side };
	return column;
}

static void add_nutrients(struct model *m)
{
	const struct assessment *a = m->a;
	enum species species = a->pet->species;
	for (enum nutrient n = 0; n < NUTRIENT_COUNT; n++) {
		const struct bound *b = &a->bounds[n];
		m->row_low[n] = m->slack_margin[n] = -1;
		if (nutrient_is_ratio(n) || !nutrient_has_data(n)) continue;
		if (b->min > 0) {
			double aim = model_aim_low(n);
			m->aim[n] = aim;
			m->low[n] = arena_new_array(m->arena, double, (size_t)m->count);
			m->row_low[n] = lp_add_row(m->lp, aim, INFINITY);
			for (int j = 0; j < m->count; j++) {
				m->low[n][j] =
				    food_content(&food_table[m->candidates[j].food], n, species, BOUND_MIN) / b->min;
				lp_add_entry(m->lp, m->row_low[n], m->column[j], m->low[n][j]);
			}
			m->slack_margin[n] =
			    add_slack(m, m->row_low[n], 1, aim - (1 + KEPT), PRICE_MARGIN, RELAX_MARGINS, n, BOUND_MIN);
			add_slack(m, m->row_low[n], 1, INFINITY, PRICE_HARD, RELAX_COUNT, n, BOUND_MIN);
		}
		if (isfinite(b->max)) {
			double aim = model_aim_high(n, species);
			int row = lp_add_row(m->lp, -INFINITY, aim);
			m->high[n] = arena_new_array(m->arena, double, (size_t)m->count);
			for (int j = 0; j < m->count; j++) {
				m->high[n][j] =
				    food_content(&food_table[m->candidates[j].food], n, species, BOUND_MAX) / b->max;
				lp_add_entry(m->lp, row, m->column[j], m->high[n][j]);
			}
			add_slack(m, row, -1, 1 - KEPT - aim, PRICE_MARGIN, RELAX_MARGINS, n, BOUND_MAX);
			add_slack(m, row, -1, INFINITY, PRICE_HARD, RELAX_COUNT, n, BOUND_MAX);
		}
	}
}

/* Rows Ca - ratio * P, in grams of calcium. */
static void add_ca_p_row(struct model *m, double ratio, enum bound_side side, double price, enum relaxation kind)
{
	enum species species = m->a->pet->species;
	int row = side == BOUND_MIN ? lp_add_row(m->lp, 0, INFINITY) : lp_add_row(m->lp, -INFINITY, 0);
	for (int j = 0; j < m->count; j++) {
		const struct food *f = &food_table[m->candidates[j].food];
		double ca = food_content(f, NUTRIENT_ca_mg, species, BOUND_MIN),
		       p = food_content(f, NUTRIENT_p_mg, species, BOUND_MIN);
		lp_add_entry(m->lp, row, m->column[j], (ca - ratio * p) / 1000);
	}
	add_slack(m, row, side == BOUND_MIN ? 1 : -1, INFINITY, price, kind, NUTRIENT_ca_p_ratio, side);
}

static double plain(const struct food *f, enum food_amount amount)
{
	return isnan(f->amount[amount]) ? 0 : f->amount[amount] / 100;
}

static void add_ratios(struct model *m)
{
	const struct bound *ca_p = &m->a->bounds[NUTRIENT_ca_p_ratio], *n6_n3 = &m->a->bounds[NUTRIENT_n6_n3_ratio];
	double low = ca_p->min > 0 ? ca_p->min : 1.0, high = isfinite(ca_p->max) ? ca_p->max : 2.0;
	add_ca_p_row(m, low * (1 + KEPT), BOUND_MIN, PRICE_HARD, RELAX_COUNT);
	add_ca_p_row(m, high * (1 - KEPT), BOUND_MAX, PRICE_HARD, RELAX_COUNT);
	/* aimed inside, so that an error of the data does not turn the ratio round */
	add_ca_p_row(m, fmax(low, 1.15), BOUND_MIN, PRICE_TARGET, RELAX_TARGETS);
	add_ca_p_row(m, fmin(high - 0.05, 1.5), BOUND_MAX, PRICE_TARGET, RELAX_TARGETS);
	if (isfinite(n6_n3->max)) {
		int row = lp_add_row(m->lp, -INFINITY, 0);
		for (int j = 0; j < m->count; j++) {
			const struct food *f = &food_table[m->candidates[j].food];
			double n6 = plain(f, FOOD_la_g) + plain(f, FOOD_ara_g);
			double n3 = plain(f, FOOD_ala_g) + plain(f, FOOD_epa_g) + plain(f, FOOD_dha_g);
			lp_add_entry(m->lp, row, m->column[j], n6 - n3 * n6_n3->max * (1 - KEPT));
		}
		add_slack(m, row, -1, INFINITY, PRICE_HARD, RELAX_COUNT, NUTRIENT_n6_n3_ratio, BOUND_MAX);
	}
}

/* sum(weight * grams) against share * total, in grams. */
static void add_share_row(struct model *m, int total, const double *weight, double share, enum bound_side side,
                          double price, enum relaxation kind, double slack_most, bool loose)
{
	int row = side == BOUND_MIN ? lp_add_row(m->lp, 0, INFINITY) : lp_add_row(m->lp, -INFINITY, 0);
	for (int j = 0; j < m->count; j++) lp_add_entry(m->lp, row, m->column[j], weight[j]);
	lp_add_entry(m->lp, row, total, -share);
	if (slack_most > 0)
		add_slack(m, row, side == BOUND_MIN ? 1 : -1, slack_most, price, kind, NUTRIENT_COUNT, side);
	if (!loose) return;
	if (m->loose_count == MODEL_LOOSE_MAX) die("more shares than a recipe can have");
	m->loose[m->loose_count].row = row;
	m->loose[m->loose_count++].side = side;
}

/* Every food's own cap. Of some groups only one member is ever in, so that one row, each member weighted by its cap, holds
 * for whichever it is; and a supplement whose cap is far above any dose needs a bound only. */
static void add_food_shares(struct model *m, int total, double *weight)
{
	static const enum food_group single[] = { GROUP_EGG, GROUP_DAIRY, GROUP_FRUIT, GROUP_SEED };
	static const double RATION_G = 450; /* per 1000 kcal: no ration is denser than that */
	for (size_t i = 0; i < COUNT(single); i++) {
		double most = 0;
		for (int j = 0; j < m->count; j++) {
			if (m->candidates[j].groups >> single[i] & 1)
				most = fmax(most, food_table[m->candidates[j].food].max_share);
		}
		for (int j = 0; j < m->count; j++) {
			bool member = m->candidates[j].groups >> single[i] & 1;
			weight[j] = member ? most / food_table[m->candidates[j].food].max_share : 0;
		}
		if (most > 0) {
			add_share_row(m, total, weight, most, BOUND_MAX, PRICE_FOOD_SHARE_G, RELAX_FOOD_SHARES,
			              0.49 * most * RATION_G, true);
		}
	}
	for (int j = 0; j < m->count; j++) {
		struct candidate *c = &m->candidates[j];
		const struct food *f = &food_table[c->food];
		bool done = false;
		for (size_t i = 0; i < COUNT(single); i++) done |= c->groups >> single[i] & 1;
		bool fixed = f->category == FOOD_SUPPLEMENT || c->groups >> GROUP_LIVER & 1 ||
		             strcmp(f->sub_category, "predator") == 0;
		if (f->category == FOOD_SUPPLEMENT && c->most_g <= 0.99 * f->max_share * RATION_G) done = true;
		if (done) continue;
		memset(weight, 0, (size_t)m->count * sizeof(*weight));
		weight[j] = 1;
		add_share_row(m, total, weight, f->max_share * (fixed ? 0.99 : 1), BOUND_MAX, PRICE_FOOD_SHARE_G,
		              RELAX_FOOD_SHARES, fixed ? 0 : 0.49 * f->max_share * RATION_G, !fixed);
	}
}

static void group_shares(const struct model *m, enum food_group g, double *low, double *high)
{
	bool dog = m->a->pet->species == SPECIES_DOG;
	const struct group_rule *rule = &group_rules[g];
	*low = dog ? rule->dog_min : rule->cat_min;
	*high = dog ? rule->dog_max : rule->cat_max;
	if (g != GROUP_FISH) return;
	for (size_t i = 0; i < m->theme->main_count; i++) {
		if (food_table[m->theme->mains[i]].category == FOOD_FISH) *high = dog ? 0.70 : 0.45;
	}
}

static void add_shape(struct model *m)
{
	const struct assessment *a = m->a;
	bool dog = a->pet->species == SPECIES_DOG;
	double *weight = arena_new_array(m->arena, double, (size_t)m->count);
	int total = lp_add_column(m->lp, 0, 1800, 0);
	int total_row = lp_add_row(m->lp, 0, 0);

	int energy_row = lp_add_row(m->lp, 1000, 1000);
	for (int j = 0; j < m->count; j++) {
		/* Shares are of the foods: counting supplements would let salt and chalk dilute an egg. */
		if (!(m->candidates[j].groups >> GROUP_SUPPLEMENT & 1)) lp_add_entry(m->lp, total_row, m->column[j], 1);
		lp_add_entry(m->lp, energy_row, m->column[j], recipe_kcal_per_gram(&food_table[m->candidates[j].food]));
	}
	lp_add_entry(m->lp, total_row, total, -1);
	for (int side = 0; side < 2; side++) {
		double sign = side == 0 ? 1 : -1;
		m->energy_off[side] = lp_add_column(m->lp, 0, 0, PRICE_ENERGY);
		lp_add_entry(m->lp, energy_row, m->energy_off[side], sign);
		add_slack(m, energy_row, sign, INFINITY, PRICE_HARD / 1000, RELAX_COUNT, NUTRIENT_COUNT,
		          side == 0 ? BOUND_MIN : BOUND_MAX);
	}
	/* A bowl that is too big is not eaten up: mildly against more than 1000 g (dog) or 700 g (cat). */
	int bulk = lp_add_row(m->lp, -INFINITY, dog ? 1000 : 700);
	lp_add_entry(m->lp, bulk, total, 1);
	lp_add_entry(m->lp, bulk, lp_add_column(m->lp, 0, INFINITY, 0.02), -1);

	for (enum food_group g = 0; g < GROUP_COUNT; g++) {
		const struct group_rule *rule = &group_rules[g];
		double low, high;
		double price = rule->never ? PRICE_HARD : PRICE_SHARE_G;
		enum relaxation kind = rule->never ? RELAX_COUNT : RELAX_SHARES;
		bool any = false;
		group_shares(m, g, &low, &high);
		for (int j = 0; j < m->count; j++) {
			weight[j] = m->candidates[j].groups >> g & 1;
			any |= weight[j] > 0;
		}
		if (low > 0 && any)
			add_share_row(m, total, weight, low, BOUND_MIN, price, kind, INFINITY, !rule->never);
		if (high > 0 && any)
			add_share_row(m, total, weight, high, BOUND_MAX, price, kind, INFINITY, !rule->never);
	}
	add_food_shares(m, total, weight);
}

static void add_protein_cap(struct model *m)
{
	double cap = m->a->protein_cap_g;
	/* a condition may ask for more protein than the usual cap */
	cap = fmax(cap, m->a->bounds[NUTRIENT_protein_g].min * 1.25);
	int row = lp_add_row(m->lp, -INFINITY, 1);
	for (int j = 0; j < m->count; j++) {
		lp_add_entry(m->lp, row, m->column[j], plain(&food_table[m->candidates[j].food], FOOD_protein_g) / cap);
	}
	add_slack(m, row, -1, INFINITY, PRICE_TARGET, RELAX_TARGETS, NUTRIENT_protein_g, BOUND_MAX);
}

bool model_build(struct model *m, struct arena *arena, const struct assessment *a, const struct week_theme *theme,
                 int week_index, bool wide)
{
	*m = (struct model){ .arena = arena, .a = a, .theme = theme };
	candidates_collect(m, week_index, wide);
	bool any_main = false;
	for (int j = 0; j < m->count; j++) any_main |= m->candidates[j].groups >> GROUP_THEME_MAIN & 1;
	if (!any_main) return false;

	m->lp = lp_create();
	lp_set_stop(m->lp, a->stopped, a->stopped_self);
	m->column = arena_new_array(arena, int, (size_t)m->count);
	for (int j = 0; j < m->count; j++) {
		m->column[j] = lp_add_column(m->lp, 0, m->candidates[j].most_g, m->candidates[j].gram_cost);
	}
	add_nutrients(m);
	add_ratios(m);
	add_protein_cap(m);
	add_shape(m);
	lp_load(m->lp);
	return true;
}

void model_fini(struct model *m) { lp_destroy(&m->lp); }

void model_set_aim(struct model *m, enum nutrient n, double aim)
{
	m->aim[n] = aim;
	lp_set_row(m->lp, m->row_low[n], aim, INFINITY);
	lp_set_column(m->lp, m->slack_margin[n], 0, aim - (1 + KEPT));
}

void model_open_for_rounding(struct model *m, double share_g)
{
	double loose = share_g * 1000 / m->a->der_kcal;
	for (int side = 0; side < 2; side++) lp_set_column(m->lp, m->energy_off[side], 0, ROUNDING_KCAL);
	for (int i = 0; i < m->loose_count; i++) {
		if (m->loose[i].side == BOUND_MIN)
			lp_set_row(m->lp, m->loose[i].row, -loose, INFINITY);
		else
			lp_set_row(m->lp, m->loose[i].row, -INFINITY, loose);
	}
}

bool model_keeps_groups(const struct model *m, const double *grams)
{
	double total = 0, sums[GROUP_COUNT] = { 0 };
	bool any[GROUP_COUNT] = { false };
	for (int j = 0; j < m->count; j++) {
		if (!(m->candidates[j].groups >> GROUP_SUPPLEMENT & 1)) total += grams[j];
		for (int g = 0; g < GROUP_COUNT; g++) {
			if (!(m->candidates[j].groups >> g & 1)) continue;
			any[g] = true;
			sums[g] += grams[j];
		}
	}
	for (enum food_group g = 0; g < GROUP_COUNT; g++) {
		double low, high;
		group_shares(m, g, &low, &high);
		if (any[g] && low > 0 && sums[g] < low * total - GROUP_NOISE_G) return false;
		if (any[g] && high > 0 && sums[g] > high * total + GROUP_NOISE_G) return false;
	}
	return true;
}

/* Keeps the worst of the nutrients beside the one that leads. */
static void gap_add(struct recipe_gap *gap, enum nutrient nutrient, enum bound_side side, double share)
{
	if (share > gap->share) { /* the leader so far becomes one of the others */
		enum nutrient led = gap->nutrient;
		enum bound_side led_side = gap->side;
		double led_share = gap->share;
		gap->nutrient = nutrient;
		gap->side = side;
		gap->share = share;
		nutrient = led;
		side = led_side;
		share = led_share;
	}
	if (nutrient == NUTRIENT_COUNT) return;
	size_t at = gap->other_count;
	while (at > 0 && gap->others[at - 1].share < share) at--;
	if (at == GAP_OTHERS_MAX) return;
	if (gap->other_count < GAP_OTHERS_MAX) gap->other_count++;
	for (size_t i = gap->other_count - 1; i > at; i--) gap->others[i] = gap->others[i - 1];
	gap->others[at].nutrient = nutrient;
	gap->others[at].side = side;
	gap->others[at].share = share;
}

void model_outcome(const struct model *m, bool solved, struct model_outcome *out)
{
	*out = (struct model_outcome){ .solved = solved, .objective = INFINITY };
	out->worst.nutrient = NUTRIENT_COUNT;
	out->worst.solves = lp_solve_count(m->lp);
	if (!solved) {
		out->hard = INFINITY;
		return;
	}
	out->objective = lp_objective(m->lp);
	for (int i = 0; i < m->slack_count; i++) {
		const struct slack *s = &m->slacks[i];
		double value = lp_value(m->lp, s->column);
		/* grams for shapes, shares for nutrients; below these the solver's own tolerance speaks, or rounding */
		double noise = s->nutrient == NUTRIENT_COUNT ? 1e-3 : s->kind == RELAX_TARGETS ? 5e-3 : 1e-6;
		if (value <= noise) continue;
		if (s->kind == RELAX_COUNT) {
			double share = s->nutrient == NUTRIENT_COUNT ? value / 1000 : value;
			out->hard += share;
			gap_add(&out->worst, s->nutrient, s->side, share);
			continue;
		}
		out->relaxed[s->kind] = true;
		if (s->kind == RELAX_MARGINS) out->margins += value;
	}
}
