/* What owners write. First byte: the animal and where the text stands ('0' and up, see place_of); rest: the text. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/domain/checking/screen.h"
#include "rpc/domain/nutrition/conditions.h"
#include "rpc/domain/nutrition/food_words.h"
#include "rpc/domain/nutrition/foods.h"
#include "rpc/domain/nutrition/reading.h"
#include "rpc/domain/nutrition/safety.h"
#include "rpc/domain/planning/assess.h"
#include "tests/fuzz/fuzz.h"

enum { TEXT_CHARS_MAX = 500, ITEM_CHARS_MAX = 50 }; /* CreatePlanRequest's own limits */

/* Made once: it is the same for all texts of a species. */
static const struct lexicon *lexicon_of(enum species species)
{
	static struct arena *arena;
	static const struct lexicon *lexicons[3];
	if (!arena) arena = arena_create(0);
	if (!lexicons[species]) lexicons[species] = lexicon_create(arena, species);
	return lexicons[species];
}

static bool points_into(struct str part, struct str text)
{
	return part.len == 0 || (part.ptr >= text.ptr && part.ptr + part.len <= text.ptr + text.len);
}

static void check_tokens(struct arena *arena, const struct lexicon *lexicon, struct str text)
{
	struct tokens tokens = lexicon_cut(lexicon, arena, text);
	size_t behind = 0;
	HOLDS_OF(tokens.text.len <= text.len, text);
	for (size_t i = 0; i < tokens.text.len; i++) {
		HOLDS_OF(tokens.source[i] < text.len, text);
		HOLDS_OF(i == 0 || tokens.source[i] >= tokens.source[i - 1], text);
	}
	HOLDS_OF(tokens.source[tokens.text.len] == text.len, text);
	if (str_is_utf8(text)) HOLDS_OF(str_is_utf8(tokens.text), text);
	for (size_t i = 0; i < tokens.count; i++) {
		const struct token *t = &tokens.items[i];
		HOLDS_OF(t->at >= behind && t->at < t->end && t->end <= tokens.text.len, text);
		behind = t->end;
		HOLDS(t->condition_count <= TOKEN_ROWS_MAX && t->safety_count <= TOKEN_ROWS_MAX &&
		      t->food_count <= TOKEN_ROWS_MAX);
		for (size_t k = 0; k < t->condition_count; k++) HOLDS(t->conditions[k] < condition_count);
		for (size_t k = 0; k < t->safety_count; k++) HOLDS(t->safety[k] < safety_rule_count);
		for (size_t k = 0; k < t->food_count; k++) HOLDS(t->foods[k] < food_word_count);
	}
}

static void same_rows(const bool *a, const bool *b, size_t count, struct str text)
{
	HOLDS_OF(memcmp(a, b, count * sizeof *a) == 0, text);
}

static void check_reading(struct arena *arena, enum species species, enum reading_topic topic, struct str text)
{
	const struct lexicon *lexicon = lexicon_of(species);
	struct reading r, other;
	char *upper = arena_alloc(arena, text.len + 1);
	reading_init(&r, arena);
	reading_init(&other, arena);
	reading_add(&r, lexicon, arena, text, topic);
	HOLDS_OF(r.bcs >= 0 && r.bcs <= 9 && r.week >= 0 && r.week <= 9 && r.litter >= 0 && r.litter <= 20, text);
	HOLDS_OF(r.unclear_count <= READING_UNCLEAR_MAX, text);
	for (size_t i = 0; i < r.unclear_count; i++) {
		HOLDS_OF(points_into(r.unclear[i], text), text);
		if (str_is_utf8(text)) HOLDS_OF(str_is_utf8(r.unclear[i]), text);
	}
	for (size_t i = 0; i < condition_count; i++)
		HOLDS_OF(!r.conditions[i] ||
		             (species == SPECIES_DOG ? condition_table[i].for_dog : condition_table[i].for_cat),
		         text);
	/* Case means nothing. (In broken UTF-8 a letter may be taken for the rest of a character.) */
	if (!str_is_utf8(text)) return;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		upper[i] = c >= 'a' && c <= 'z' ? (char)(c - 0x20) : c;
	}
	reading_add(&other, lexicon, arena, (struct str){ upper, text.len }, topic);
	same_rows(r.conditions, other.conditions, condition_count, text);
	same_rows(r.safety, other.safety, safety_rule_count, text);
	same_rows(r.foods_avoided, other.foods_avoided, food_word_count, text);
	same_rows(r.foods_allergen, other.foods_allergen, food_word_count, text);
	same_rows(r.foods_only, other.foods_only, food_word_count, text);
	same_rows(r.foods_offered, other.foods_offered, food_word_count, text);
	HOLDS_OF(r.bcs == other.bcs && r.week == other.week && r.litter == other.litter, text);
	HOLDS_OF(r.understood == other.understood && r.unclear_count == other.unclear_count, text);
}

static bool is_group(const char *group)
{
	for (size_t i = 0; i < food_count; i++)
		if (strcmp(food_table[i].allergen_group, group) == 0) return true;
	for (size_t i = 0; i < food_word_count; i++)
		if (strstr(food_word_table[i].groups, group)) return true;
	return false;
}

static void check_screen(struct str text)
{
	struct screen_groups words = { 0 }, more;
	const char *poison = screen_name(text);
	HOLDS_OF(!poison || *poison, text);
	/* Running text may excuse what a name may not. */
	HOLDS_OF(poison || !screen_text(text) || memchr(text.ptr, '\n', text.len) ||
	             str_find(text, STR(". "), 0) != SIZE_MAX || str_find(text, STR(";"), 0) != SIZE_MAX ||
	             str_find(text, STR("!"), 0) != SIZE_MAX || str_find(text, STR("\xe3\x80\x82"), 0) != SIZE_MAX ||
	             str_find(text, STR("\xef\xbc"), 0) != SIZE_MAX,
	         text);
	screen_allergen(text, &words);
	more = words;
	screen_allergy_text(text, &more);
	HOLDS(words.count <= more.count && more.count <= SCREEN_GROUPS_MAX);
	for (size_t i = 0; i < more.count; i++) {
		HOLDS_OF(is_group(more.groups[i]), str_from(more.groups[i]));
		for (size_t k = 0; k < i; k++) HOLDS(strcmp(more.groups[i], more.groups[k]) != 0);
	}
}

static void add(struct str_list *list, struct str item) { list->items[list->count++] = item; }

static enum reading_topic place_of(unsigned place, struct str text, struct pet *pet)
{
	static const enum reading_topic topics[] = { READ_TEXT,      READ_TEXT,     READ_TEXT,
		                                     READ_ALLERGENS, READ_DISLIKES, READ_OFFERED };
	switch (place) {
	case 0: pet->special_requirements = text; break;
	case 1: pet->health_status = text; break;
	case 2: add(&pet->health_issues, text); break;
	case 3: add(&pet->allergens, text); break;
	case 4: add(&pet->dislikes, text); break;
	default: add(&pet->available_foods, text); break;
	}
	return topics[place];
}

static void check_assessment(struct arena *arena, const struct pet *pet, struct str text)
{
	struct assessment a;
	struct error err = { 0 };
	if (!assess_pet(arena, pet, &a, &err)) {
		HOLDS_OF(error_is(&err, "PLAN_REFUSED") || error_is(&err, "VALIDATION_FAILED"), text);
		fuzz_check_error(&err);
		return;
	}
	HOLDS(a.condition_count <= ASSESS_CONDITIONS_MAX && a.excluded_allergen_count <= ASSESS_ALLERGENS_MAX);
	HOLDS(a.warning_count <= ASSESS_TEXTS_MAX && a.assumption_count <= ASSESS_TEXTS_MAX);
	for (size_t i = 0; i < a.condition_count; i++) {
		const struct condition *c = condition_find(str_from(a.conditions[i]));
		HOLDS_OF(c && (pet->species == SPECIES_DOG ? c->for_dog : c->for_cat), text);
		HOLDS_OF(c->below_aafco != BELOW_AAFCO_YES, text); /* such a one is refused */
		HOLDS_OF(a.vet_required || !c->vet_required, text);
	}
	for (size_t i = 0; i < a.excluded_allergen_count; i++) HOLDS_OF(is_group(a.excluded_allergens[i]), text);
	for (size_t i = 0; i < a.warning_count; i++) HOLDS_OF(a.warnings[i].len && str_is_utf8(a.warnings[i]), text);
	HOLDS_OF(isfinite(a.der_kcal) && a.der_kcal > 0 && isfinite(a.rer_kcal) && a.rer_kcal > 0, text);
	HOLDS_OF(a.meals_per_day >= 1 && a.meals_per_day <= 6, text);
	for (size_t n = 0; n < NUTRIENT_COUNT; n++)
		HOLDS_OF(a.bounds[n].min >= 0 && a.bounds[n].min < a.bounds[n].max, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = fuzz_arena();
	if (size == 0) return 0;
	unsigned how = (unsigned)(data[0] - '0') % 12u;
	struct str text = { (const char *)data + 1, size - 1 };
	bool cat = how % 2;
	struct pet pet = { .species = cat ? SPECIES_CAT : SPECIES_DOG,
		           .species_said = true,
		           .age_months = 48,
		           .age_said = true,
		           .weight_kg = cat ? 4 : 12,
		           .weight_said = true,
		           .neutered = UNKNOWN,
		           .lang = size % 2 ? LANG_EN : LANG_ZH };
	enum reading_topic topic = place_of(how / 2, text, &pet);
	check_tokens(arena, lexicon_of(pet.species), text);
	check_reading(arena, pet.species, topic, text);
	check_screen(text);
	bool item = how / 2 >= 2;
	if (str_is_utf8(text) && str_utf8_length(text) <= (item ? ITEM_CHARS_MAX : TEXT_CHARS_MAX))
		check_assessment(arena, &pet, text);
	return 0;
}
