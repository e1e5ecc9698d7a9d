#include "rpc/domain/planning/dosing.h"

#include <math.h>
#include <string.h>

#include "rpc/domain/planning/cooking.h"
#include "rpc/domain/planning/naming.h"

static const double DAILY_LEAST_G = 0.05, TEN_NOTCHES_G = 0.1;
enum { BATCH_DAYS = 28 };
/* Of the common powder a day; little enough that the flour's energy does not count. Twice as much where its own doses would
 * fill more than half of it. */
static const double POWDER_DAILY_G = 0.5;
static double powder_daily_g(double active_g)
{
	return active_g > POWDER_DAILY_G * BATCH_DAYS / 2 ? 2 * POWDER_DAILY_G : POWDER_DAILY_G;
}

/* Tablets and what one weighs, as the food table states their strength. */
static const struct {
	const char *id;
	double grams;
} tablets[] = {
	{ "potassium_iodide_tab", 0.25 },
	{ "thiamine_hcl", 0.3 },
	{ "b_complex_50", 1.0 },
	{ "vitamin_b12_1000", 0.25 },
};
static const char *const oils[] = { "vitamin_e_oil", "fish_oil_1812", "algal_oil_dha", "cod_liver_oil" };

static bool is_oil(const struct food *f)
{
	for (size_t i = 0; i < COUNT(oils); i++) {
		if (strcmp(oils[i], f->id) == 0) return true;
	}
	return false;
}

enum dosing dosing_of(const struct recipe_item *item)
{
	if (item->grams >= DAILY_LEAST_G) return DOSING_DAILY;
	return item->grams * BATCH_DAYS >= TEN_NOTCHES_G ? DOSING_BATCH : DOSING_DILUTE;
}

struct dosing_mix dosing_mix_of(const struct recipe_item *item)
{
	const struct food *f = &food_table[item->food];
	struct dosing_mix mix = { .active_g = TEN_NOTCHES_G, .daily_g = TEN_NOTCHES_G, .oil = is_oil(f) };
	if (dosing_of(item) == DOSING_BATCH) mix.active_g = item->grams * BATCH_DAYS;
	for (size_t i = 0; i < COUNT(tablets) && dosing_of(item) == DOSING_DILUTE; i++) {
		if (strcmp(tablets[i].id, f->id) != 0) continue;
		mix.active_g = tablets[i].grams;
		mix.tablet = true;
	}
	/* a day's part of the mix holds the day's dose: daily / (active + carrier) = dose / active */
	mix.carrier_g = mix.daily_g * mix.active_g / item->grams - mix.active_g;
	return mix;
}

static bool is_of(const struct recipe_item *item, bool stands_heat)
{
	const struct food *f = &food_table[item->food];
	return f->category == FOOD_SUPPLEMENT && cooking_stands_heat(f) == stands_heat;
}
/* Goes into the powder that all small doses share. */
static bool is_in_powder(const struct recipe_item *item)
{
	return dosing_of(item) == DOSING_BATCH && !is_oil(&food_table[item->food]);
}

static bool holds(const struct recipe *recipe, size_t row)
{
	for (size_t i = 0; i < recipe->count; i++) {
		if (recipe->items[i].food == row) return true;
	}
	return false;
}

/* Flour that this pet may have; in an elimination trial only of what it eats anyway. */
static struct text2 flour_of(const struct assessment *a, const struct recipe *recipe)
{
	static const struct {
		const char *food;
		struct text2 name;
	} flours[] = {
		{ "rice_white_cooked", { "米粉（大米磨的粉）", "rice flour" } },
		{ "potato_boiled", { "土豆淀粉", "potato starch" } },
		{ "tapioca_pearl_dry", { "木薯淀粉", "tapioca starch" } },
	};
	for (size_t i = 0; i < COUNT(flours); i++) {
		size_t row = food_by_id(str_from(flours[i].food));
		if (row == SIZE_MAX || a->food_excluded[row] || (a->single_protein && !holds(recipe, row))) continue;
		return flours[i].name;
	}
	return (struct text2){ "研细的食用纤维素粉", "cellulose powder" };
}

static const char *powder_name(bool stands_heat, enum lang lang)
{
	static const struct text2 names[2] = { { "维生素混合粉", "vitamin powder mix" },
		                               { "矿物质混合粉", "mineral powder mix" } };
	return text2_in(names[stands_heat], lang);
}

static void add_separator(struct strbuf *text, enum lang lang)
{
	if (text->len) strbuf_add_cstr(text, lang == LANG_ZH ? "、" : ", ");
}

struct str dosing_day(struct arena *arena, const struct assessment *a, const struct recipe *recipe, bool stands_heat)
{
	enum lang lang = a->pet->lang;
	struct strbuf text;
	double powder = 0;
	strbuf_init(&text, arena);
	for (size_t i = 0; i < recipe->count; i++) {
		const struct recipe_item *item = &recipe->items[i];
		if (!is_of(item, stands_heat)) continue;
		const struct food *f = &food_table[item->food];
		struct str name = food_inner_name(arena, f, lang);
		if (is_in_powder(item)) {
			powder += item->grams * BATCH_DAYS;
			continue;
		}
		add_separator(&text, lang);
		if (dosing_of(item) == DOSING_DAILY) {
			strbuf_printf(&text, STR_FMT " " STR_FMT, STR_ARG(name),
			              STR_ARG(food_grams_text(arena, f, item->grams)));
		} else {
			struct dosing_mix mix = dosing_mix_of(item);
			strbuf_printf(&text, lang == LANG_ZH ? STR_FMT "%s %.2f g" : STR_FMT " %s %.2f g",
			              STR_ARG(name),
			              lang == LANG_ZH ? (mix.oil ? "稀释油" : "稀释粉")
			              : mix.oil       ? "in oil"
			                              : "mix",
			              mix.daily_g);
		}
	}
	if (powder > 0) {
		add_separator(&text, lang);
		strbuf_printf(&text, "%s %.2f g", powder_name(stands_heat, lang), powder_daily_g(powder));
	}
	return strbuf_str(&text);
}

/* "石粉 0.43 g、…" of what goes into the powder; grams are its sum. */
static struct str powder_list(struct arena *arena, const struct assessment *a, const struct recipe *recipe,
                              bool stands_heat, double *grams)
{
	enum lang lang = a->pet->lang;
	struct strbuf text;
	strbuf_init(&text, arena);
	*grams = 0;
	for (size_t i = 0; i < recipe->count; i++) {
		const struct recipe_item *item = &recipe->items[i];
		if (!is_of(item, stands_heat) || !is_in_powder(item)) continue;
		add_separator(&text, lang);
		strbuf_printf(&text, STR_FMT " %.2f g", STR_ARG(food_inner_name(arena, &food_table[item->food], lang)),
		              item->grams * BATCH_DAYS);
		*grams += item->grams * BATCH_DAYS;
	}
	return strbuf_str(&text);
}

static struct str dilution_step(struct arena *arena, const struct assessment *a, const struct recipe *recipe,
                                const struct recipe_item *item)
{
	bool zh = a->pet->lang == LANG_ZH;
	const struct food *f = &food_table[item->food];
	struct dosing_mix mix = dosing_mix_of(item);
	struct str name = food_inner_name(arena, f, a->pet->lang), dose = food_grams_text(arena, f, item->grams);
	const char *carrier = mix.oil ? (zh ? "橄榄油" : "olive oil") : text2_in(flour_of(a, recipe), a->pet->lang);
	if (zh)
		return mix.tablet
		           ? str_printf(
		                 arena,
		                 STR_FMT
		                 "稀释粉：1 片（%.2f g）研细，分几次加入%s %.1f g 研匀；每天取 %.2f g（含 " STR_FMT
		                 "）。片重不同时按比例改变粉量。",
		                 STR_ARG(name), mix.active_g, carrier, mix.carrier_g, mix.daily_g, STR_ARG(dose))
		           : str_printf(
		                 arena, STR_FMT "%s：称 %.2f g，与%s %.1f g %s；每天取 %.2f g（含 " STR_FMT "）。",
		                 STR_ARG(name), mix.oil ? "稀释油" : "稀释粉", mix.active_g, carrier, mix.carrier_g,
		                 mix.oil ? "摇匀，冷藏避光" : "分几次研匀", mix.daily_g, STR_ARG(dose));
	return mix.tablet
	           ? str_printf(
	                 arena,
	                 STR_FMT
	                 " mix: grind one tablet (%.2f g) and work in %.1f g of %s little by little; %.2f g of it "
	                 "a day holds " STR_FMT ". With tablets of another weight change the flour in proportion.",
	                 STR_ARG(food_short_name(arena, f, LANG_EN)), mix.active_g, mix.carrier_g, carrier, mix.daily_g,
	                 STR_ARG(dose))
	           : str_printf(arena,
	                        STR_FMT " %s: weigh %.2f g and %s %.1f g of %s; %.2f g of it a day holds " STR_FMT ".",
	                        STR_ARG(food_short_name(arena, f, LANG_EN)), mix.oil ? "in oil" : "mix", mix.active_g,
	                        mix.oil ? "shake with" : "work in", mix.carrier_g, carrier, mix.daily_g, STR_ARG(dose));
}

void dosing_steps(struct arena *arena, const struct assessment *a, const struct recipe *recipe, bool stands_heat,
                  struct str out[DOSING_STEPS_MAX], size_t *count)
{
	bool zh = a->pet->lang == LANG_ZH;
	double grams;
	struct str powder = powder_list(arena, a, recipe, stands_heat, &grams);
	*count = 0;
	if (powder.len) {
		double daily = powder_daily_g(grams), rest = daily * BATCH_DAYS - grams;
		out[(*count)++] =
		    zh ? str_printf(arena,
		                    "%s：称出 28 天的量（" STR_FMT "），加%s %.1f g 研匀成 %.0f g；每天取 %.2f "
		                    "g。干燥密封保存，够这份食谱喂 28 天，即四个 7 天。",
		                    powder_name(stands_heat, LANG_ZH), STR_ARG(powder), flour_of(a, recipe).zh, rest,
		                    daily * BATCH_DAYS, daily)
		       : str_printf(arena,
		                    "%c%s: weigh 28 days' amounts (" STR_FMT
		                    "), grind with %.1f g of %s to %.0f g in all; %.2f g of it a day. Kept dry and "
		                    "closed it lasts "
		                    "for 28 days of this recipe, four times its week.",
		                    stands_heat ? 'M' : 'V', powder_name(stands_heat, LANG_EN) + 1, STR_ARG(powder),
		                    rest, flour_of(a, recipe).en, daily * BATCH_DAYS, daily);
	}
	for (size_t i = 0; i < recipe->count; i++) {
		const struct recipe_item *item = &recipe->items[i];
		if (is_of(item, stands_heat) && dosing_of(item) != DOSING_DAILY && !is_in_powder(item))
			out[(*count)++] = dilution_step(arena, a, recipe, item);
	}
}

struct str dosing_summary(struct arena *arena, const struct assessment *a, const struct recipe *recipe)
{
	enum lang lang = a->pet->lang;
	bool zh = lang == LANG_ZH;
	struct strbuf batch, dilute, text;
	size_t count = 0, batch_count = 0, dilute_count = 0;
	strbuf_init(&batch, arena);
	strbuf_init(&dilute, arena);
	strbuf_init(&text, arena);
	for (size_t i = 0; i < recipe->count; i++) {
		const struct recipe_item *item = &recipe->items[i];
		const struct food *f = &food_table[item->food];
		if (f->category != FOOD_SUPPLEMENT) continue;
		count++;
		if (dosing_of(item) == DOSING_DAILY) continue;
		struct strbuf *list = is_in_powder(item) ? &batch : &dilute;
		dilute_count += list == &dilute;
		batch_count += list == &batch;
		add_separator(list, lang);
		strbuf_printf(list, STR_FMT " %.1f mg", STR_ARG(food_inner_name(arena, f, lang)), item->grams * 1000);
	}
	if (!count) return STR_NONE;
	struct str batched = strbuf_str(&batch), diluted = strbuf_str(&dilute);
	if (zh) {
		strbuf_printf(&text, "补充剂共 %zu 种，用 0.01 g 的秤", count);
		if (batched.len || diluted.len) strbuf_add_cstr(&text, "；每天不足 0.05 g 的不要逐日称");
		if (batched.len) strbuf_printf(&text, "：" STR_FMT " 按 28 天的量称出并做成混合粉", STR_ARG(batched));
		if (diluted.len)
			strbuf_printf(&text, "%s" STR_FMT " 先按做法稀释（或用 0.001 g 的秤）",
			              batched.len ? "，" : "：", STR_ARG(diluted));
		strbuf_add_cstr(&text, "。28 天的量够这份食谱喂四个 7 天，混合粉和稀释粉放 28 "
		                       "天后重做。产品标示含量不同时须按含量折算，不可凭感觉加减。");
		return strbuf_str(&text);
	}
	strbuf_printf(&text,
	              count == 1 ? "Weigh the supplement on a 0.01 g scale"
	                         : "Weigh the %zu supplements on a 0.01 g scale",
	              count);
	if (batched.len || diluted.len) strbuf_add_cstr(&text, ", but none below 0.05 g a day by itself");
	if (batched.len)
		strbuf_printf(&text, ": " STR_FMT " a day %s into the powder mix, weighed for 28 days",
		              STR_ARG(batched), batch_count == 1 ? "goes" : "go");
	if (diluted.len)
		strbuf_printf(&text,
		              "%s" STR_FMT " a day %s diluted first as the steps say (or weighed on a 0.001 g scale)",
		              batched.len ? "; " : ": ", STR_ARG(diluted), dilute_count == 1 ? "is" : "are");
	strbuf_add_cstr(&text, ". Amounts for 28 days last for four rounds of this week; make mixes afresh after that. "
	                       "A product of another strength must be "
	                       "converted by its label, never by feel.");
	return strbuf_str(&text);
}
