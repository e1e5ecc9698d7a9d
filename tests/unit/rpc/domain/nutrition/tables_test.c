/* Tables: profiles, conditions, safety rules and food words say what the rules rely on. */
#include "rpc/domain/nutrition/conditions.h"
#include "rpc/domain/nutrition/food_words.h"
#include "rpc/domain/nutrition/foods.h"
#include "rpc/domain/nutrition/profiles.h"
#include "rpc/domain/nutrition/safety.h"
#include "tests/support/check.h"

static void test_nutrients(void)
{
	for (int n = 0; n < NUTRIENT_COUNT; n++)
		CHECK_ROW(nutrient_infos[n].id, nutrient_by_id(str_from(nutrient_infos[n].id)) == (enum nutrient)n);
	CHECK(nutrient_by_id(STR("gold_mg")) == NUTRIENT_COUNT);
	CHECK_STR(str_from(nutrient_infos[NUTRIENT_vitd_iu].unit), "iu");
}

static void test_profiles(void)
{
	static const char *const working[] = { "dog_adult",        "dog_growth_repro", "dog_late_growth",
		                               "dog_growth_large", "cat_adult",        "cat_growth_repro" };
	for (size_t i = 0; i < COUNT(working); i++) {
		for (int n = 0; n < NUTRIENT_COUNT; n++) {
			const struct profile_row *w = profile_find("WORKING", working[i], (enum nutrient)n);
			const struct profile_row *c = profile_find("CEILING", working[i], (enum nutrient)n);
			if (w) CHECK_ROW(working[i], w->min < w->max && *w->source);
			if (w && c) CHECK_ROW(nutrient_infos[n].id, w->min < c->max);
		}
		CHECK_ROW(working[i], profile_find("WORKING", working[i], NUTRIENT_ca_p_ratio) &&
		                          profile_find("CEILING", working[i], NUTRIENT_vitd_iu));
	}
	static const struct {
		const char *label, *standard, *profile;
		enum nutrient nutrient;
		double min, max;
	} rows[] = {
		{ "zinc", "WORKING", "dog_adult", NUTRIENT_zn_mg, 20, 56.75 },
		{ "taurine of cats, canned", "WORKING", "cat_adult", NUTRIENT_taurine_mg, 500, INFINITY },
		{ "copper of kittens, canned", "WORKING", "cat_growth_repro", NUTRIENT_cu_mg, 2.1, 7 },
		{ "calcium of large puppies", "WORKING", "dog_growth_large", NUTRIENT_ca_mg, 3000, 4000 },
		{ "arachidonic acid came in mg", "FEDIAF", "cat_adult", NUTRIENT_ara_g, 0.02, INFINITY },
		{ "EU vitamin D", "EU", "all", NUTRIENT_vitd_iu, 0, 567.5 },
		{ "wet selenium", "FEDIAF", "dog_adult", NUTRIENT_se_ug, 67.5, INFINITY },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct profile_row *r = profile_find(rows[i].standard, rows[i].profile, rows[i].nutrient);
		CHECK_ROW(rows[i].label, r && fabs(r->min - rows[i].min) < 1e-9 &&
		                             (r->max == rows[i].max || fabs(r->max - rows[i].max) < 1e-9));
	}
	CHECK(!profile_find("WORKING", "dragon", NUTRIENT_ca_mg));
}

/* Every alternative of a selector list picks at least one food, so that no misspelt id is dead weight. */
static void check_selectors(const char *label, const char *selectors)
{
	struct str rest = str_from(selectors), one;
	while (rest.len && str_split(&rest, '|', &one)) {
		bool hit = false;
		for (size_t i = 0; i < food_count; i++) hit |= food_selected(&food_table[i], one);
		if (!hit) (void)printf("%s: nothing for [" STR_FMT "]\n", label, STR_ARG(one));
		CHECK_ROW(label, hit);
	}
}

static void test_conditions(void)
{
	for (size_t i = 0; i < condition_count; i++) {
		const struct condition *c = &condition_table[i];
		CHECK_ROW(c->id, condition_find(str_from(c->id)) == c && (c->for_dog || c->for_cat));
		CHECK_ROW(c->id, c->below_aafco == BELOW_AAFCO_NO || c->vet_required);
		bool healthy = strcmp(c->id, "none") == 0;
		CHECK_ROW(c->id, healthy || (*c->advice.zh && *c->advice.en));
		check_selectors(c->id, c->exclude);
		check_selectors(c->id, c->prefer);
	}
	for (size_t i = 0; i < condition_target_count; i++) {
		const struct condition_target *t = &condition_target_table[i];
		const struct condition *c = condition_find(str_from(t->condition));
		CHECK_ROW(t->condition, c && (!t->for_dog || c->for_dog) && (!t->for_cat || c->for_cat) &&
		                            (t->for_dog || t->for_cat));
		CHECK_ROW(t->condition, t->min < t->max && (t->min > 0 || t->max < INFINITY));
	}
	static const char *const reference[] = { "ckd_early",
		                                 "ckd_late",
		                                 "ckd_early_cat",
		                                 "ckd_late_cat",
		                                 "obesity_dog",
		                                 "obesity_cat",
		                                 "pancreatitis",
		                                 "pancreatitis_cat",
		                                 "diabetes_dog",
		                                 "diabetes_cat",
		                                 "struvite",
		                                 "struvite_dog",
		                                 "oxalate",
		                                 "urate_cystine",
		                                 "food_allergy",
		                                 "cardiac_dog",
		                                 "cardiac_cat",
		                                 "hepatic_copper",
		                                 "hepatic_general",
		                                 "gastrointestinal",
		                                 "epi",
		                                 "growth_large",
		                                 "growth_small",
		                                 "growth_kitten",
		                                 "pregnancy",
		                                 "lactation",
		                                 "pregnancy_cat",
		                                 "senior",
		                                 "arthritis",
		                                 "skin",
		                                 "hyperthyroid_cat",
		                                 "hypothyroid_dog",
		                                 "epilepsy",
		                                 "dental",
		                                 "convalescence",
		                                 "anaemia",
		                                 "constipation_megacolon",
		                                 "none" };
	for (size_t i = 0; i < COUNT(reference); i++)
		CHECK_ROW(reference[i], condition_find(str_from(reference[i])) != NULL);
}

static void test_words(void)
{
	for (size_t i = 0; i < food_word_count; i++) {
		const struct food_word *w = &food_word_table[i];
		check_selectors(w->id, w->foods);
		check_selectors(w->id, w->avoid);
		check_selectors(w->id, w->allergy);
		/* What is offered under a word must be what is left out when the word is not wanted. */
		for (size_t f = 0; f < food_count; f++) {
			if (food_selected(&food_table[f], str_from(w->foods))) {
				CHECK_ROW(w->id, food_selected(&food_table[f], str_from(food_word_avoid(w))));
			}
		}
		struct str groups = str_from(w->groups), group;
		while (groups.len && str_split(&groups, '|', &group)) {
			bool hit = false;
			for (size_t f = 0; f < food_count; f++)
				hit |= str_equal(group, str_from(food_table[f].allergen_group));
			CHECK_ROW(w->id, hit);
		}
	}
	for (size_t i = 0; i < safety_rule_count; i++) {
		check_selectors(safety_table[i].id, safety_table[i].foods);
		CHECK_ROW(safety_table[i].id, safety_table[i].for_dog || safety_table[i].for_cat);
	}
}

int main(void)
{
	test_nutrients();
	test_profiles();
	test_conditions();
	test_words();
	return check_done("unit_nutrition_tables");
}
