#include "rpc/domain/planning/infeasible.h"

#include <math.h>
#include <string.h>

#include "rpc/domain/planning/naming.h"
#include "rpc/domain/planning/themes.h"

/* Lists of the request that may shut out too much. */
enum cause { CAUSE_OFFERED, CAUSE_DISLIKES, CAUSE_ALLERGENS, CAUSE_COUNT };
static const struct cause_text {
	struct text2 because, help;
} cause_texts[CAUSE_COUNT + 1] = {
	[CAUSE_OFFERED] = { { "原因是现有食材（available_foods）太少",
	                      "the foods at hand (available_foods) are too few" },
	                    { "请在现有食材中加入", "add to them" } },
	[CAUSE_DISLIKES] = { { "原因是不吃的食物（dislikes）排除得太多",
	                       "what it dislikes (dislikes) leaves too little" },
	                     { "请考虑放开", "consider allowing" } },
	[CAUSE_ALLERGENS] = { { "原因是过敏原（allergens）排除得太多，请与兽医商量处方粮",
	                        "the allergies (allergens) leave too little; ask a veterinarian about a prescription "
	                        "diet" },
	                      { "含有它的食材是", "foods that hold it are" } },
	[CAUSE_COUNT] = { { "原因是健康状况、描述或几项限制合起来排除得太多",
	                    "its conditions, its description or several limits together leave too little" },
	                  { "被排除而含有它的食材是", "left out, though they hold it, are" } },
};

static struct str_list *list_of(struct pet *pet, enum cause cause)
{
	return cause == CAUSE_OFFERED    ? &pet->available_foods
	       : cause == CAUSE_DISLIKES ? &pet->dislikes
	                                 : &pet->allergens;
}

/* The assessment with that list empty; NULL if it was or if the pet cannot be assessed so. */
static const struct assessment *without(struct arena *arena, const struct assessment *a, enum cause cause)
{
	struct pet *pet = arena_new(arena, struct pet);
	struct assessment *out = arena_new(arena, struct assessment);
	struct error ignored = { 0 };
	*pet = *a->pet;
	if (list_of(pet, cause)->count == 0) return NULL;
	list_of(pet, cause)->count = 0;
	return assess_pet(arena, pet, out, &ignored) ? out : NULL;
}

/* Whether some main then carries a week, if any number of items may be in it. */
static bool would_work(struct arena *arena, const struct assessment *a)
{
	enum { TRIED_MAX = 6 };
	struct theme_list list;
	themes_list(arena, a, &list);
	for (size_t i = 0; i < list.count && i < TRIED_MAX; i++) {
		if (recipe_outlook(arena, a, &list.themes[i], RECIPE_RELAXED).missing <= 0) return true;
	}
	return false;
}

static bool is_flesh(const struct food *f) { return f->category == FOOD_MEAT || f->category == FOOD_FISH; }

/* How much of it a ration could get from the food: content times its largest share. */
static double could_bring(const struct assessment *a, const struct food *f, enum nutrient n)
{
	return food_content(f, n, a->pet->species, BOUND_MIN) * f->max_share;
}

/* Foods that are left out, or would be let in by `wider`, and hold most of what is missing; mains if no nutrient is meant. */
static struct str helpers(struct arena *arena, const struct assessment *a, const struct assessment *wider,
                          enum nutrient nutrient)
{
	enum { HELPERS_MAX = 16, NAMED_MAX = 3 };
	size_t best[HELPERS_MAX], count = 0, named = 0;
	double score[HELPERS_MAX];
	struct strbuf text;
	strbuf_init(&text, arena);
	for (size_t row = 0; row < food_count; row++) {
		const struct food *f = &food_table[row];
		bool mine = a->pet->species == SPECIES_DOG ? f->for_dog : f->for_cat,
		     main_wanted = nutrient >= NUTRIENT_COUNT;
		if (!mine || !a->food_excluded[row] || strcmp(f->state, "raw") == 0) continue;
		if (wider && wider->food_excluded[row]) continue;
		if (main_wanted ? !is_flesh(f) : nutrient_is_ratio(nutrient)) continue;
		double value = main_wanted ? f->max_share : could_bring(a, f, nutrient);
		if (!(value > 0)) continue;
		size_t at = count;
		while (at > 0 && score[at - 1] < value) at--;
		if (at == HELPERS_MAX) continue;
		if (count < HELPERS_MAX) count++;
		for (size_t k = count - 1; k > at; k--) {
			best[k] = best[k - 1];
			score[k] = score[k - 1];
		}
		best[at] = row;
		score[at] = value;
	}
	for (size_t k = 0; k < count && named < NAMED_MAX; k++) {
		bool alike = false; /* three kinds help more than three cuts of one */
		for (size_t i = 0; i < k; i++)
			alike |= strcmp(food_table[best[i]].allergen_group, food_table[best[k]].allergen_group) == 0 &&
			         strcmp(food_table[best[k]].allergen_group, "none") != 0;
		if (alike) continue;
		named++;
		if (text.len) strbuf_add_cstr(&text, a->pet->lang == LANG_ZH ? "、" : ", ");
		strbuf_add_str(&text, food_inner_name(arena, &food_table[best[k]], a->pet->lang));
	}
	return strbuf_str(&text);
}

static void add_nutrient(struct arena *arena, struct strbuf *names, struct strbuf *amounts, enum lang lang,
                         enum nutrient n, enum bound_side side, double share)
{
	bool zh = lang == LANG_ZH;
	if (n >= NUTRIENT_COUNT) return; /* the shape of the ration has no name of its own */
	struct str name = nutrient_inner_name(arena, n, lang);
	double percent = fmax(0.1, 100 * share);
	if (names->len) strbuf_add_cstr(names, zh ? "、" : ", ");
	strbuf_add_str(names, name);
	if (amounts->len) strbuf_add_cstr(amounts, zh ? "，" : ", ");
	if (side == BOUND_MIN)
		strbuf_printf(amounts,
		              zh ? STR_FMT "至少还差最低值的 %.1f%%" : STR_FMT " misses its minimum by %.1f%% at best",
		              STR_ARG(name), percent);
	else
		strbuf_printf(amounts,
		              zh ? STR_FMT "至少超出上限 %.1f%%" : STR_FMT " passes its maximum by %.1f%% at best",
		              STR_ARG(name), percent);
}

bool infeasible_say(struct arena *arena, const struct assessment *a, const struct week_theme *theme,
                    const struct recipe_gap *gap, struct error *err)
{
	enum lang lang = a->pet->lang;
	bool zh = lang == LANG_ZH, by_nutrient = gap->nutrient < NUTRIENT_COUNT;
	struct strbuf names, why;
	const struct assessment *wider = NULL;
	enum cause cause = CAUSE_OFFERED;

	strbuf_init(&names, arena);
	strbuf_init(&why, arena);
	if (by_nutrient) {
		add_nutrient(arena, &names, &why, lang, gap->nutrient, gap->side, gap->share);
		for (size_t i = 0; i < gap->other_count; i++)
			add_nutrient(arena, &names, &why, lang, gap->others[i].nutrient, gap->others[i].side,
			             gap->others[i].share);
	} else if (!theme) {
		strbuf_add_cstr(&why,
		                zh ? "没有任何可作主料的肉类或鱼类" : "no meat or fish that may carry a week is left");
	} else {
		strbuf_add_cstr(&why, zh ? "剩下的食材组不成能量和比例都合适的口粮"
		                         : "the foods that are left make no ration of fitting energy and shares");
	}
	for (; cause < CAUSE_COUNT; cause++) {
		wider = without(arena, a, cause);
		if (wider && would_work(arena, wider)) break;
		wider = NULL;
	}
	enum nutrient short_of = by_nutrient && gap->side == BOUND_MIN ? gap->nutrient : NUTRIENT_COUNT;
	struct str help = by_nutrient && gap->side == BOUND_MAX ? STR_NONE : helpers(arena, a, wider, short_of);
	strbuf_printf(&why, zh ? "；%s" : "; %s", text2_in(cause_texts[cause].because, lang));
	if (help.len)
		strbuf_printf(&why, zh ? "；%s：" STR_FMT : "; %s: " STR_FMT, text2_in(cause_texts[cause].help, lang),
		              STR_ARG(help));
	struct str what = strbuf_str(&names);
	error_set(err, RPC_FAILED_PRECONDITION, "PLAN_INFEASIBLE", "%s %.1f%% %s; would help: " STR_FMT,
	          by_nutrient ? nutrient_infos[gap->nutrient].id : "the ration's shape", 100 * gap->share,
	          gap->side == BOUND_MIN ? "short" : "over", STR_ARG(help));
	if (what.len) error_param(err, "nutrient", STR_FMT, STR_ARG(what));
	if (help.len) error_param(err, "candidates", STR_FMT, STR_ARG(help));
	return error_param(err, "why", STR_FMT, STR_ARG(strbuf_str(&why)));
}
