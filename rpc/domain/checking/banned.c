/* What must not be eaten: poisons, allergens, foods for the other animal, foods that the basis excludes. */
#include <string.h>

#include "rpc/domain/checking/rules.h"

static bool lists(const struct document_texts *texts, const char *entry)
{
	for (size_t i = 0; i < texts->count; i++)
		if (str_equal(texts->items[i], str_from(entry))) return true;
	return false;
}

static void food_check(struct check_run *run, int number, const struct food *food)
{
	const struct document *doc = run->doc;
	struct str id = str_from(food->id);
	bool eaten_raw = strcmp(food->state, "raw") == 0 &&
	                 (food->category == FOOD_MEAT || food->category == FOOD_ORGAN || food->category == FOOD_FISH);
	if (doc->species == SPECIES_DOG ? !food->for_dog : !food->for_cat)
		check_found(run, number, CHECK_RULE_species, id, "not a food for this animal");
	if (lists(&doc->excluded_food_ids, food->id))
		check_found(run, number, CHECK_RULE_excluded, id, "the basis excludes it");
	if (eaten_raw)
		check_found(run, number, CHECK_RULE_excluded, id,
		            "raw weight: figures are not those of the food as eaten");
	if (strcmp(food->allergen_group, "none") != 0 && lists(&doc->excluded_allergens, food->allergen_group))
		check_found(run, number, CHECK_RULE_allergen, id, "the basis excludes %s", food->allergen_group);
	else if (screen_groups_has(&run->allergies, food->allergen_group))
		check_found(run, number, CHECK_RULE_allergen, id, "the pet is allergic to %s", food->allergen_group);
}

static void name_check(struct check_run *run, int number, struct str name)
{
	const char *poison = screen_name(name);
	if (poison) check_found(run, number, CHECK_RULE_toxic, name, "names %s", poison);
}

static void text_check(struct check_run *run, int number, struct str text)
{
	const char *poison = screen_text(text);
	if (poison) check_found(run, number, CHECK_RULE_toxic, text, "asks for %s", poison);
}

void check_week_screen(struct check_run *run, const struct document_week *week, int number, const struct check_day *day)
{
	if (run->doc->species)
		for (size_t i = 0; i < day->count; i++) food_check(run, number, day->foods[i].food);
	name_check(run, number, week->theme);
	for (size_t m = 0; m < week->meal_count; m++) {
		text_check(run, number, week->meals[m].cook_method);
		for (size_t i = 0; i < week->meals[m].item_count; i++)
			name_check(run, number, week->meals[m].items[i].name);
	}
	for (size_t d = 0; d < week->dish_count; d++) {
		name_check(run, number, week->dishes[d].name);
		for (size_t i = 0; i < week->dishes[d].steps.count; i++)
			text_check(run, number, week->dishes[d].steps.items[i]);
	}
}
