/* Which main food and starch a week is built around. */
#include "rpc/domain/planning/themes.h"

#include <math.h>
#include <string.h>

#include "rpc/domain/planning/infeasible.h"
#include "rpc/domain/planning/naming.h"
#include "rpc/domain/planning/recipe.h"

/* How gladly a main is offered: common, liked and easy to balance first. A row that is not named has 0.5. */
static const struct liking {
	const char *id;
	double dog, cat;
} likings[] = {
	{ "chicken_thigh_cooked", 3.2, 3.2 },  { "beef_mince90_cooked", 3.0, 3.0 },
	{ "beef_mince95_cooked", 2.7, 2.7 },   { "pork_tenderloin_cooked", 3.0, 2.6 },
	{ "pollock_alaska_cooked", 2.6, 0.6 }, { "cod_pacific_cooked", 2.6, 0.6 },
	{ "tilapia_cooked", 2.4, 0.5 },        { "turkey_thigh_cooked", 2.5, 2.9 },
	{ "turkey_mince_cooked", 2.3, 2.6 },   { "turkey_breast_cooked", 2.1, 2.0 },
	{ "chicken_breast_cooked", 2.5, 2.3 }, { "chicken_drumstick_cooked", 2.3, 2.3 },
	{ "chicken_mince_cooked", 2.2, 2.2 },  { "chicken_thigh_stewed", 2.4, 2.4 },
	{ "duck_meat_cooked", 2.2, 2.5 },      { "lamb_leg_cooked", 1.7, 1.7 },
	{ "rabbit_cooked", 1.3, 0.7 },         { "venison_mince_cooked", 1.0, 0.9 },
	{ "beef_round_cooked", 1.2, 1.2 },     { "pork_mince84_cooked", 1.0, 0.9 },
	{ "goat_meat_cooked", 0.9, 0.8 },      { "salmon_farmed_cooked", 1.2, 0.6 },
	{ "sea_bass_cooked", 1.2, 0.5 },       { "catfish_farmed_cooked", 1.0, 0.5 },
	{ "bison_mince_cooked", 0.6, 0.6 },    { "haddock_cooked", 0.4, 0.3 },
};
static const struct liking starch_likings[] = {
	{ "rice_white_cooked", 3.0, 3.0 },   { "potato_boiled", 2.9, 2.5 },
	{ "oatmeal_cooked", 2.8, 2.6 },      { "sweet_potato_boiled", 2.8, 2.5 },
	{ "rice_brown_cooked", 2.3, 2.0 },   { "millet_cooked", 1.9, 1.4 },
	{ "quinoa_cooked", 1.9, 1.8 },       { "buckwheat_cooked", 1.7, 1.2 },
	{ "pasta_cooked", 1.7, 0 },          { "barley_cooked", 1.5, 0 },
	{ "rice_noodles_cooked", 1.5, 1.2 }, { "pasta_wholewheat_cooked", 1.2, 0 },
	{ "yam_cooked", 1.0, 0.8 },          { "oats_dry", 0.6, 0.8 },
	{ "corn_boiled", 0.3, 0 },           { "taro_cooked", 0.3, 0 },
	{ "tapioca_pearl_dry", 0.1, 0.1 },   { "cornstarch", 0.05, 0.05 },
};
/* A food with a smaller cap cannot carry a week. */
static const double MAIN_SHARE = 0.30;
/* What the owner has or a condition favours outweighs habit. */
static const double PREFERRED = 2.0;
static const double JITTER = 0.5;

static double liking_of(const struct liking *table, size_t count, const struct assessment *a, size_t row)
{
	double score = 0.5;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(table[i].id, food_table[row].id) != 0) continue;
		score = a->pet->species == SPECIES_DOG ? table[i].dog : table[i].cat;
	}
	if (a->food_preferred[row]) score += PREFERRED;
	return score;
}

/* Seeded, so that two pets alike do not get the same four weeks; 0..1. */
static double jitter(const struct assessment *a, size_t row)
{
	uint64_t z = (a->pet->seed ^ 0xA0761D6478BD642Fu) + (row + 1) * 0x9E3779B97F4A7C15u;
	z = (z ^ (z >> 32)) * 0xD6E8FEB86659FD93u;
	return (double)((z ^ (z >> 29)) >> 11) / 9007199254740992.0;
}

/* Rows in the order of falling score. */
static size_t sorted_rows(const struct assessment *a, bool mains, size_t most, size_t *out)
{
	double *score = NULL;
	double scores[THEMES_MAX];
	size_t count = 0;
	score = scores;
	for (size_t row = 0; row < food_count; row++) {
		const struct food *f = &food_table[row];
		bool is_main = (f->category == FOOD_MEAT || f->category == FOOD_FISH) && f->max_share >= MAIN_SHARE;
		if (!(mains ? is_main : f->category == FOOD_STARCH) || !recipe_may_serve(a, row)) continue;
		double mine = mains ? liking_of(likings, COUNT(likings), a, row)
		                    : liking_of(starch_likings, COUNT(starch_likings), a, row);
		mine += JITTER * jitter(a, row);
		size_t at = count;
		while (at > 0 && score[at - 1] < mine) at--;
		if (at == most) continue;
		if (count < most) count++;
		memmove(&score[at + 1], &score[at], (count - 1 - at) * sizeof(*score));
		memmove(&out[at + 1], &out[at], (count - 1 - at) * sizeof(*out));
		score[at] = mine;
		out[at] = row;
	}
	return count;
}

static struct str theme_name(struct arena *arena, const struct assessment *a, const struct week_theme *theme)
{
	enum lang lang = a->pet->lang;
	struct str main_name = food_short_name(arena, &food_table[theme->mains[0]], lang);
	/* cats get little or no starch: it is not worth a place in the name */
	if (theme->starch == SIZE_MAX || a->pet->species == SPECIES_CAT) return main_name;
	struct str starch = food_inner_name(arena, &food_table[theme->starch], lang);
	return str_printf(arena, STR_FMT " + " STR_FMT, STR_ARG(main_name), STR_ARG(starch));
}

const char *theme_kind(const struct week_theme *theme) { return food_table[theme->mains[0]].allergen_group; }

bool theme_equal(const struct week_theme *a, const struct week_theme *b)
{
	return a->mains[0] == b->mains[0] && a->starch == b->starch;
}

void themes_list(struct arena *arena, const struct assessment *a, struct theme_list *out)
{
	size_t mains[THEMES_MAX], starches[THEMES_MAX];
	size_t main_count = sorted_rows(a, true, THEMES_MAX, mains);
	size_t starch_count = sorted_rows(a, false, THEMES_MAX, starches);
	out->count = 0;
	for (size_t i = 0; i < main_count; i++) {
		struct week_theme *theme = &out->themes[out->count++];
		*theme = (struct week_theme){ .mains = { mains[i] }, .main_count = 1, .starch = SIZE_MAX };
		/* the four favourites take turns, so that the starch changes with the main */
		if (starch_count) theme->starch = starches[i % (starch_count < PLAN_WEEKS ? starch_count : PLAN_WEEKS)];
		theme->name = theme_name(arena, a, theme);
	}
}

static bool kind_used(const struct week_theme *chosen, size_t count, const struct week_theme *theme, bool exact)
{
	for (size_t i = 0; i < count; i++) {
		if (exact ? chosen[i].mains[0] == theme->mains[0]
		          : strcmp(theme_kind(&chosen[i]), theme_kind(theme)) == 0)
			return true;
	}
	return false;
}

/* The starches of the chosen weeks in turn, without a repeat while there is another. */
static void vary_starches(struct arena *arena, const struct assessment *a, struct week_theme themes[PLAN_WEEKS])
{
	size_t starches[THEMES_MAX], count = sorted_rows(a, false, THEMES_MAX, starches);
	for (size_t i = 0; i < PLAN_WEEKS && count; i++) {
		themes[i].starch = starches[i % (count < PLAN_WEEKS ? count : PLAN_WEEKS)];
		themes[i].name = theme_name(arena, a, &themes[i]);
	}
}

bool plan_choose_themes(struct arena *arena, const struct assessment *a, struct week_theme out[PLAN_WEEKS],
                        struct error *err)
{
	/* first of new kinds that promise to work as they are, then new mains, then what works if more is given up */
	enum { NEW_KIND, NEW_MAIN, RELAXED_KIND, RELAXED_MAIN, STAGES };
	struct theme_list list;
	struct recipe_outlook *outlook;
	bool *known;
	size_t count = 0, wanted = a->keep_recipe ? 1 : PLAN_WEEKS;

	themes_list(arena, a, &list);
	if (list.count == 0)
		return infeasible_say(arena, a, NULL, &(struct recipe_gap){ .nutrient = NUTRIENT_COUNT }, err);
	outlook = arena_new_array(arena, struct recipe_outlook, 2 * list.count);
	known = arena_new_array(arena, bool, 2 * list.count);
	for (int stage = 0; stage < STAGES && count < wanted; stage++) {
		bool relaxed = stage >= RELAXED_KIND, exact = stage == NEW_MAIN || stage == RELAXED_MAIN;
		for (size_t i = 0; i < list.count && count < wanted; i++) {
			size_t at = i + (relaxed ? list.count : 0);
			if (kind_used(out, count, &list.themes[i], exact)) continue;
			if (!known[at])
				outlook[at] =
				    recipe_outlook(arena, a, &list.themes[i], relaxed ? RECIPE_RELAXED : RECIPE_STRICT);
			known[at] = true;
			bool promises = outlook[at].missing <= 0 && (relaxed || !outlook[at].relaxed);
			if (promises) out[count++] = list.themes[i];
		}
	}
	/* None promises anything: the first one is tried all the same, and the week says what is missing. */
	if (count == 0) out[count++] = list.themes[0];
	size_t different = count;
	while (count < PLAN_WEEKS) {
		out[count] = out[count % different];
		count++;
	}
	if (!a->keep_recipe) vary_starches(arena, a, out);
	return plan_go_on(a, err); /* else outlooks are missing */
}
