#include "rpc/domain/planning/food_item.h"

#include <math.h>

#include "rpc/domain/nutrition/conditions.h"
#include "rpc/domain/planning/naming.h"
#include "rpc/domain/planning/sources.h"

char *message_text(struct arena *arena, struct str text) { return str_dup_c(arena, text); }

static double four_decimals(double value) { return round(value * 1e4) / 1e4; }

static double amount_of(const struct food *f, enum food_amount amount, double grams)
{
	double per_100g = f->amount[amount];
	return isnan(per_100g) ? 0 : per_100g * grams / 100;
}

static Petfood__V1__Amount *amount_make(struct arena *arena, double value, const char *unit)
{
	Petfood__V1__Amount *amount = arena_new(arena, Petfood__V1__Amount);
	petfood__v1__amount__init(amount);
	amount->value = four_decimals(value);
	amount->unit = str_dup_c(arena, str_from(unit));
	return amount;
}

/* The names that existing clients read, with the factor from the table's unit. */
static const struct extra {
	const char *name;
	enum food_amount first, second; /* FOOD_AMOUNT_COUNT: none */
	double factor;
	const char *unit;
} extras[] = {
	{ "EPA", FOOD_epa_g, FOOD_AMOUNT_COUNT, 1000, "mg" },
	{ "DHA", FOOD_dha_g, FOOD_AMOUNT_COUNT, 1000, "mg" },
	{ "EPA_DHA", FOOD_epa_g, FOOD_dha_g, 1000, "mg" },
	{ "copper", FOOD_cu_mg, FOOD_AMOUNT_COUNT, 1, "mg" },
	{ "manganese", FOOD_mn_mg, FOOD_AMOUNT_COUNT, 1, "mg" },
	{ "magnesium", FOOD_mg_mg, FOOD_AMOUNT_COUNT, 1, "mg" },
	{ "vitamin_b1", FOOD_thiamin_mg, FOOD_AMOUNT_COUNT, 1, "mg" },
	{ "choline", FOOD_choline_mg, FOOD_AMOUNT_COUNT, 1, "mg" },
	{ "iodine", FOOD_i_ug, FOOD_AMOUNT_COUNT, 1, "ug" },
	{ "selenium", FOOD_se_ug, FOOD_AMOUNT_COUNT, 1, "ug" },
};

static Petfood__V1__MicroNutrients *micros_make(struct arena *arena, const struct food *f, double grams)
{
	Petfood__V1__MicroNutrients *m = arena_new(arena, Petfood__V1__MicroNutrients);
	petfood__v1__micro_nutrients__init(m);
#define MICRO(field, column, unit) m->field = amount_make(arena, amount_of(f, FOOD_##column, grams), unit)
	MICRO(vitamin_a, vita_iu, "IU");
	MICRO(vitamin_c, vitc_mg, "mg");
	MICRO(vitamin_d, vitd_iu, "IU");
	MICRO(vitamin_e, vite_mg, "mg");
	MICRO(calcium, ca_mg, "mg");
	MICRO(iron, fe_mg, "mg");
	MICRO(sodium, na_mg, "mg");
	MICRO(potassium, k_mg, "mg");
	MICRO(phosphorus, p_mg, "mg");
	MICRO(zinc, zn_mg, "mg");
	MICRO(taurine, taurine_mg, "mg");
	MICRO(cholesterol, cholesterol_mg, "mg");
#undef MICRO
	m->additional_nutrients =
	    arena_new_array(arena, Petfood__V1__MicroNutrients__AdditionalNutrientsEntry *, COUNT(extras));
	for (size_t i = 0; i < COUNT(extras); i++) {
		const struct extra *x = &extras[i];
		double value = amount_of(f, x->first, grams);
		if (x->second != FOOD_AMOUNT_COUNT) value += amount_of(f, x->second, grams);
		if (four_decimals(value * x->factor) <= 0) continue;
		Petfood__V1__MicroNutrients__AdditionalNutrientsEntry *entry =
		    arena_new(arena, Petfood__V1__MicroNutrients__AdditionalNutrientsEntry);
		petfood__v1__micro_nutrients__additional_nutrients_entry__init(entry);
		entry->key = str_dup_c(arena, str_from(x->name));
		entry->value = amount_make(arena, value * x->factor, x->unit);
		m->additional_nutrients[m->n_additional_nutrients++] = entry;
	}
	return m;
}

Petfood__V1__FoodItem *food_item_make(struct arena *arena, const struct assessment *a, size_t row, double grams,
                                      struct str reason)
{
	const struct food *f = &food_table[row];
	Petfood__V1__FoodItem *item = arena_new(arena, Petfood__V1__FoodItem);
	petfood__v1__food_item__init(item);
	item->name = message_text(arena, str_from(text2_in(f->name, a->pet->lang)));
	item->weight = grams;
	item->recommend_reason = message_text(arena, reason);
	item->macro_nutrients = arena_new(arena, Petfood__V1__MacroNutrients);
	petfood__v1__macro_nutrients__init(item->macro_nutrients);
	item->macro_nutrients->protein = four_decimals(amount_of(f, FOOD_protein_g, grams));
	item->macro_nutrients->fat = four_decimals(amount_of(f, FOOD_fat_g, grams));
	item->macro_nutrients->carbohydrates = four_decimals(amount_of(f, FOOD_carb_g, grams));
	item->macro_nutrients->dietary_fiber = four_decimals(amount_of(f, FOOD_fibre_g, grams));
	item->micro_nutrients = micros_make(arena, f, grams);
	item->food_id = message_text(arena, str_from(f->id));
	item->is_supplement = f->category == FOOD_SUPPLEMENT;
	item->energy_kcal = round(recipe_kcal_per_gram(f) * grams * 100) / 100;
	if (!isnan(f->raw_g_per_100g)) {
		item->_raw_weight_case = PETFOOD__V1__FOOD_ITEM___RAW_WEIGHT_RAW_WEIGHT;
		item->raw_weight = round(grams * f->raw_g_per_100g / 10) / 10;
	}
	return item;
}

/* Nutrients that mean something to an owner; the amino acids go with the protein. */
static const enum nutrient telling[] = {
	NUTRIENT_protein_g,  NUTRIENT_la_g,    NUTRIENT_epadha_g,  NUTRIENT_ca_mg,      NUTRIENT_p_mg,
	NUTRIENT_k_mg,       NUTRIENT_na_mg,   NUTRIENT_mg_mg,     NUTRIENT_fe_mg,      NUTRIENT_cu_mg,
	NUTRIENT_mn_mg,      NUTRIENT_zn_mg,   NUTRIENT_i_ug,      NUTRIENT_se_ug,      NUTRIENT_vita_iu,
	NUTRIENT_vitd_iu,    NUTRIENT_vite_iu, NUTRIENT_vitk_ug,   NUTRIENT_thiamin_mg, NUTRIENT_riboflavin_mg,
	NUTRIENT_niacin_mg,  NUTRIENT_b6_mg,   NUTRIENT_folate_ug, NUTRIENT_b12_ug,     NUTRIENT_choline_mg,
	NUTRIENT_taurine_mg, NUTRIENT_fibre_g, NUTRIENT_fat_g,
};
enum { REASON_NUTRIENTS = 3 };
static const double REASON_SHARE_MIN = 0.15;
/* A share may be told only if every food with more of the energy than this has a figure for the nutrient. */
static const double UNKNOWN_ENERGY_MAX = 0.01;

struct reason {
	size_t count;
	enum nutrient best[REASON_NUTRIENTS];
	double share[REASON_NUTRIENTS];
	bool known[REASON_NUTRIENTS]; /* else the share is of the known part only and stays untold */
};

static bool all_know(const struct recipe *recipe, enum nutrient n)
{
	double unknown = 0;
	for (size_t i = 0; i < recipe->count; i++) {
		const struct food *f = &food_table[recipe->items[i].food];
		if (!food_knows(f, n)) unknown += recipe->items[i].grams * recipe_kcal_per_gram(f);
	}
	return unknown <= UNKNOWN_ENERGY_MAX * recipe_kcal(recipe);
}

/* What the item brings most of. */
static struct reason reason_find(const struct assessment *a, const struct recipe *recipe, size_t item)
{
	struct reason r = { 0 };
	bool supplement = food_table[recipe->items[item].food].category == FOOD_SUPPLEMENT;
	for (size_t i = 0; i < COUNT(telling); i++) {
		enum nutrient n = telling[i];
		double all = 0, mine = 0;
		bool known = all_know(recipe, n);
		/* of a food's natural content nothing is said then; a supplement is there for it all the same */
		if (!known && !supplement) continue;
		for (size_t k = 0; k < recipe->count; k++) {
			/* the upper side: all that is there, also what may not count towards a minimum */
			double part = recipe->items[k].grams *
			              food_content(&food_table[recipe->items[k].food], n, a->pet->species, BOUND_MAX);
			all += part;
			if (k == item) mine = part;
		}
		double part = all > 0 ? mine / all : 0;
		/* a supplement is there for something, however little of it */
		if (part < (supplement ? 0.01 : REASON_SHARE_MIN)) continue;
		size_t at = r.count;
		while (at > 0 && r.share[at - 1] < part) at--;
		if (at == REASON_NUTRIENTS) continue;
		if (r.count < REASON_NUTRIENTS) r.count++;
		for (size_t k = r.count - 1; k > at; k--) {
			r.share[k] = r.share[k - 1];
			r.best[k] = r.best[k - 1];
			r.known[k] = r.known[k - 1];
		}
		r.share[at] = part;
		r.best[at] = n;
		r.known[at] = known;
	}
	/* beside its own nutrient what it also brings in passing would only distract */
	while (supplement && r.count > 1 && r.share[r.count - 1] < REASON_SHARE_MIN) r.count--;
	return r;
}

/* Why it is liked: the condition that asks for it, or the owner's own words. */
static void add_preference(struct arena *arena, struct strbuf *text, const struct assessment *a, size_t row)
{
	enum lang lang = a->pet->lang;
	if (!a->food_preferred[row]) return;
	for (size_t i = 0; i < a->condition_count; i++) {
		const struct condition *c = condition_find(str_from(a->conditions[i]));
		if (!c || !food_selected(&food_table[row], str_from(c->prefer))) continue;
		struct str name = name_inner(arena, a->condition_names[i], lang);
		if (condition_is_stage(c->id)) {
			strbuf_add_cstr(text, lang == LANG_ZH ? "；适合它现在的生命阶段" : "; suits its stage of life");
			return;
		}
		strbuf_printf(text, lang == LANG_ZH ? "；适合“" STR_FMT "”" : "; suits \"" STR_FMT "\"", STR_ARG(name));
		return;
	}
	strbuf_add_cstr(text, lang == LANG_ZH ? "；按您说的喜好选用" : "; chosen because you say that it likes it");
}

struct str food_item_reason(struct arena *arena, const struct assessment *a, const struct recipe *recipe, size_t item)
{
	const struct food *f = &food_table[recipe->items[item].food];
	enum lang lang = a->pet->lang;
	bool supplement = f->category == FOOD_SUPPLEMENT;
	struct reason r = reason_find(a, recipe, item);
	double kcal = 100 * recipe->items[item].grams * recipe_kcal_per_gram(f) / recipe_kcal(recipe);
	struct strbuf text;
	strbuf_init(&text, arena);
	if (lang == LANG_ZH)
		strbuf_add_cstr(&text, supplement ? "补足" : "提供");
	else
		strbuf_add_cstr(&text, supplement ? "Makes up" : "Brings");
	for (size_t i = 0; i < r.count; i++) {
		struct str name = nutrient_inner_name(arena, r.best[i], lang);
		double percent = 100 * r.share[i];
		if (lang == LANG_ZH) {
			strbuf_printf(&text, "%s" STR_FMT, i == 0 ? "" : "、", STR_ARG(name));
			if (r.known[i]) strbuf_printf(&text, "（占全天 %.0f%%）", percent);
			continue;
		}
		strbuf_add_cstr(&text, i == 0 ? " " : i + 1 == r.count ? " and " : ", ");
		if (r.known[i])
			strbuf_printf(&text, "%.0f%% of the day's " STR_FMT, percent, STR_ARG(name));
		else
			strbuf_printf(&text, "the " STR_FMT " that the foods lack or have no figures for",
			              STR_ARG(name));
	}
	if (r.count == 0 || (!supplement && kcal >= 15)) {
		if (lang == LANG_ZH)
			strbuf_printf(&text, "%s全天 %.0f%% 的能量", r.count ? "，并供给" : "", kcal);
		else
			strbuf_printf(&text, "%s %.0f%% of the energy", r.count ? ", with" : "", kcal);
	}
	if (!supplement) add_preference(arena, &text, a, recipe->items[item].food);
	strbuf_add_cstr(&text, lang == LANG_ZH ? "。" : ".");
	return strbuf_str(&text);
}

struct str food_item_reason_again(struct arena *arena, const struct assessment *a, const struct recipe *recipe,
                                  size_t item)
{
	struct reason r = reason_find(a, recipe, item);
	bool zh = a->pet->lang == LANG_ZH;
	if (!r.count) return str_from(zh ? "能量；见第一餐。" : "Energy; see the first meal.");
	struct str name = nutrient_inner_name(arena, r.best[0], a->pet->lang);
	return zh ? str_printf(arena, STR_FMT "等；见第一餐。", STR_ARG(name))
	          : str_printf(arena, "For " STR_FMT "; see the first meal.", STR_ARG(name));
}

/* Seven decimals are more than any table has; fewer would part from the figures that the checker derives. */
static double bound_figure(double value) { return round(value * 1e7) / 1e7; }

void adequacy_make(struct arena *arena, const struct assessment *a, const struct recipe *recipe,
                   Petfood__V1__WeeklyDietPlan *week)
{
	double kcal = recipe_kcal(recipe);
	week->adequacy = arena_new_array(arena, Petfood__V1__Adequacy *, NUTRIENT_COUNT);
	for (enum nutrient n = 0; n < NUTRIENT_COUNT; n++) {
		const struct bound *b = &a->bounds[n];
		double low = recipe_amount(recipe, a, n, BOUND_MIN), unknown = 0;
		if (!isfinite(low)) low = recipe_amount(recipe, a, n, BOUND_MAX);
		/* only a maximum: print what counts against it */
		double amount = b->min > 0 || !isfinite(b->max) ? low : recipe_amount(recipe, a, n, BOUND_MAX);
		if (!(b->min > 0) && !isfinite(b->max) && !(amount > 0)) continue;
		if (!isfinite(amount)) continue;
		for (size_t i = 0; i < recipe->count && !nutrient_is_ratio(n); i++) {
			const struct food *f = &food_table[recipe->items[i].food];
			if (!food_knows(f, n)) unknown += recipe->items[i].grams * recipe_kcal_per_gram(f);
		}
		Petfood__V1__Adequacy *row = arena_new(arena, Petfood__V1__Adequacy);
		petfood__v1__adequacy__init(row);
		row->nutrient = message_text(arena, str_from(nutrient_infos[n].id));
		row->name = message_text(arena, str_from(text2_in(nutrient_infos[n].name, a->pet->lang)));
		row->unit = message_text(arena, str_from(nutrient_infos[n].unit));
		row->amount_per_1000kcal = four_decimals(amount);
		if (b->min > 0) {
			row->_minimum_case = PETFOOD__V1__ADEQUACY___MINIMUM_MINIMUM;
			row->minimum = bound_figure(b->min);
		}
		if (isfinite(b->max)) {
			row->_maximum_case = PETFOOD__V1__ADEQUACY___MAXIMUM_MAXIMUM;
			row->maximum = bound_figure(b->max);
		}
		row->source = message_text(arena, source_text(arena, a, n));
		row->unknown_energy_percent = round(1000 * unknown / kcal) / 10;
		week->adequacy[week->n_adequacy++] = row;
	}
}
