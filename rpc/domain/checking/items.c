/* Items: each printed portion against the table's row, and the day that they add up to. */
#include <math.h>
#include <string.h>

#include "rpc/domain/checking/content.h"
#include "rpc/domain/checking/rules.h"

/* Amounts are printed with four decimals (CONTRACT 4), energies and weights with fewer. */
static const double FIGURE_TOLERANCE = 1e-4, KCAL_TOLERANCE = 0.06, GRAM_TOLERANCE = 0.06;

/* What a figure is made of: a column or two, the factor from the table's unit to the printed one. */
struct figure {
	const char *name, *unit;
	enum food_amount first, second;
	double factor;
};
#define NONE FOOD_AMOUNT_COUNT
static const enum food_amount macro_columns[DOCUMENT_MACRO_COUNT] = { FOOD_protein_g, FOOD_fat_g, FOOD_carb_g,
	                                                              FOOD_fibre_g };
static const struct figure micro_figures[DOCUMENT_MICRO_COUNT] = {
	{ "vitamin_a", "IU", FOOD_vita_iu, NONE, 1 },  { "vitamin_c", "mg", FOOD_vitc_mg, NONE, 1 },
	{ "vitamin_d", "IU", FOOD_vitd_iu, NONE, 1 },  { "vitamin_e", "mg", FOOD_vite_mg, NONE, 1 },
	{ "calcium", "mg", FOOD_ca_mg, NONE, 1 },      { "iron", "mg", FOOD_fe_mg, NONE, 1 },
	{ "sodium", "mg", FOOD_na_mg, NONE, 1 },       { "potassium", "mg", FOOD_k_mg, NONE, 1 },
	{ "phosphorus", "mg", FOOD_p_mg, NONE, 1 },    { "zinc", "mg", FOOD_zn_mg, NONE, 1 },
	{ "taurine", "mg", FOOD_taurine_mg, NONE, 1 }, { "cholesterol", "mg", FOOD_cholesterol_mg, NONE, 1 },
};
static const struct figure extra_figures[] = {
	{ "EPA", "mg", FOOD_epa_g, NONE, 1000 },
	{ "DHA", "mg", FOOD_dha_g, NONE, 1000 },
	{ "EPA_DHA", "mg", FOOD_epa_g, FOOD_dha_g, 1000 },
	{ "copper", "mg", FOOD_cu_mg, NONE, 1 },
	{ "manganese", "mg", FOOD_mn_mg, NONE, 1 },
	{ "magnesium", "mg", FOOD_mg_mg, NONE, 1 },
	{ "vitamin_b1", "mg", FOOD_thiamin_mg, NONE, 1 },
	{ "choline", "mg", FOOD_choline_mg, NONE, 1 },
	{ "iodine", "ug", FOOD_i_ug, NONE, 1 },
	{ "selenium", "ug", FOOD_se_ug, NONE, 1 },
};

static double figure_of(const struct figure *figure, const struct food *food, double grams)
{
	return (content_amount(food, figure->first) + content_amount(food, figure->second)) * figure->factor * grams /
	       100;
}

static void figure_check(struct check_run *run, int week, const struct food *food, const struct figure *figure,
                         const struct document_amount *printed, double grams)
{
	double want = figure_of(figure, food, grams);
	if (!figure_is_near(printed->value, want, FIGURE_TOLERANCE))
		check_found(run, week, CHECK_RULE_figures, str_from(food->id), "%s of %.4f g is %.4f, printed %.4f",
		            figure->name, grams, want, printed->value);
	if (!str_equal(printed->unit, str_from(figure->unit)))
		check_found(run, week, CHECK_RULE_figures, str_from(food->id), "%s is not printed in %s", figure->name,
		            figure->unit);
}

static void extras_check(struct check_run *run, int week, const struct food *food, const struct document_item *item)
{
	size_t known = 0;
	for (size_t f = 0; f < COUNT(extra_figures); f++) {
		const struct figure *figure = &extra_figures[f];
		const struct document_amount *printed = NULL;
		for (size_t i = 0; i < item->extra_count; i++)
			if (str_equal(item->extras[i].name, str_from(figure->name))) printed = &item->extras[i];
		if (printed) {
			known++;
			figure_check(run, week, food, figure, printed, item->weight_g);
			if (!(printed->value > 0))
				check_found(run, week, CHECK_RULE_figures, str_from(food->id),
				            "%s is printed though it is not above 0", figure->name);
		} else if (figure_of(figure, food, item->weight_g) > FIGURE_TOLERANCE) {
			check_found(run, week, CHECK_RULE_figures, str_from(food->id), "%s is not printed",
			            figure->name);
		}
	}
	if (known != item->extra_count)
		check_found(run, week, CHECK_RULE_figures, str_from(food->id),
		            "an additional nutrient of an unknown name");
}

static bool is_multiple(double value, double step)
{
	double rest = value / step - round(value / step);
	return fabs(rest) * step < step * 0.01 + 1e-9;
}

/* Foods to 0.1 g a meal; supplements to 0.1 mg. */
static void weight_check(struct check_run *run, int week, const struct food *food, const struct document_item *item)
{
	bool supplement = food->category == FOOD_SUPPLEMENT;
	if (!is_multiple(item->weight_g, supplement ? 1e-4 : 0.1))
		check_found(run, week, CHECK_RULE_weight, str_from(food->id), "%.6f g cannot be weighed",
		            item->weight_g);
	double raw = isnan(food->raw_g_per_100g) ? NAN : item->weight_g * food->raw_g_per_100g / 100;
	if (isnan(raw) != isnan(item->raw_weight_g) ||
	    (!isnan(raw) && !figure_is_near(item->raw_weight_g, raw, GRAM_TOLERANCE)))
		check_found(run, week, CHECK_RULE_weight, str_from(food->id), "raw weight is %.1f g, printed %.1f g",
		            raw, item->raw_weight_g);
}

static const struct food *row_of(struct str id)
{
	for (size_t i = 0; i < food_count; i++)
		if (str_equal(id, str_from(food_table[i].id))) return &food_table[i];
	return NULL;
}

static void item_check(struct check_run *run, int week, const struct food *food, const struct document_item *item)
{
	const struct document *doc = run->doc;
	struct str id = str_from(food->id);
	struct str name = str_from(str_equal(doc->language, STR("en")) ? food->name.en : food->name.zh);
	bool supplement = food->category == FOOD_SUPPLEMENT;
	if (!str_equal(item->name, name))
		check_found(run, week, CHECK_RULE_name, id, "named \"" STR_FMT "\", the table says \"" STR_FMT "\"",
		            STR_ARG(item->name), STR_ARG(name));
	if (item->is_supplement != supplement)
		check_found(run, week, CHECK_RULE_name, id, "%s", supplement ? "is a supplement" : "is no supplement");
	weight_check(run, week, food, item);
	for (size_t i = 0; i < DOCUMENT_MACRO_COUNT; i++) {
		double want = content_amount(food, macro_columns[i]) * item->weight_g / 100;
		if (!figure_is_near(item->macros[i], want, FIGURE_TOLERANCE))
			check_found(run, week, CHECK_RULE_figures, id, "%s of %.4f g is %.4f, printed %.4f",
			            document_macro_names[i], item->weight_g, want, item->macros[i]);
	}
	for (size_t i = 0; i < DOCUMENT_MICRO_COUNT; i++)
		figure_check(run, week, food, &micro_figures[i], &item->micros[i], item->weight_g);
	extras_check(run, week, food, item);
	double kcal = content_kcal_per_gram(food) * item->weight_g;
	if (!figure_is_near(item->energy_kcal, kcal, KCAL_TOLERANCE))
		check_found(run, week, CHECK_RULE_figures, id, "energy of %.4f g is %.2f kcal, printed %.2f",
		            item->weight_g, kcal, item->energy_kcal);
}

static void day_add(struct check_day *day, const struct food *food, double grams)
{
	size_t i = 0;
	while (i < day->count && day->foods[i].food != food) i++;
	if (i == day->count) day->foods[day->count++] = (struct eaten){ .food = food };
	day->foods[i].grams += grams;
	day->foods[i].meals++;
	day->grams += grams;
	day->kcal += grams * content_kcal_per_gram(food);
}

void check_week_items(struct check_run *run, const struct document_week *week, int number, struct check_day *day)
{
	size_t most = 0;
	for (size_t m = 0; m < week->meal_count; m++) most += week->meals[m].item_count;
	day->foods = arena_new_array(run->arena, struct eaten, most);
	for (size_t m = 0; m < week->meal_count; m++)
		for (size_t i = 0; i < week->meals[m].item_count; i++) {
			const struct document_item *item = &week->meals[m].items[i];
			const struct food *food = row_of(item->food_id);
			if (!food) {
				check_found(run, number, CHECK_RULE_food, item->food_id, "not in the food table");
				continue;
			}
			if (!(item->weight_g > 0 && item->weight_g < 1e5)) { /* no use in multiplying with it */
				check_found(run, number, CHECK_RULE_weight, item->food_id, "weighs %g g",
				            item->weight_g);
				continue;
			}
			item_check(run, number, food, item);
			day_add(day, food, item->weight_g);
		}
	for (size_t i = 0; i < day->count; i++) {
		const struct eaten *e = &day->foods[i];
		if (e->food->category == FOOD_SUPPLEMENT && e->meals > 1)
			check_found(run, number, CHECK_RULE_weight, str_from(e->food->id), "a supplement in %d meals",
			            e->meals);
		if (e->food->category != FOOD_SUPPLEMENT && e->grams >= 20 && !is_multiple(e->grams, 1))
			check_found(run, number, CHECK_RULE_weight, str_from(e->food->id),
			            "%.2f g a day is not a whole gram", e->grams);
	}
}
