/* The checker: a sound plan passes, and each rule has plans that break it and nothing else. */
#include <stdlib.h>

#include "rpc/domain/checking/checker.h"
#include "tests/support/check.h"
#include "tests/unit/rpc/domain/checking/plan_fixture.h"

#define WEEK "pet_diet_plan.monthly_diet_plan.0"
#define ITEM WEEK ".weekly_diet_plan.daily_diet_plans.0.food_items.0"

/* Changes to the plan's substance: everything printed is made anew from it. */
typedef void change_fn(struct plan_fixture *f);
static void no_change(struct plan_fixture *f) { (void)f; }
static void half_a_gram(struct plan_fixture *f) { fixture_find(f, 0, "chicken_thigh_cooked")->grams += 0.4; }
static void micro_dose(struct plan_fixture *f) { fixture_find(f, 0, "zinc_gluconate")->grams = 0.04903; }
static void supplement_twice(struct plan_fixture *f) { fixture_find(f, 0, "zinc_gluconate")->dinner = 0.02; }
static void eat_less(struct plan_fixture *f) { f->der_factor = 1.65; }
static void no_zinc(struct plan_fixture *f) { fixture_drop(f, 0, "zinc_gluconate"); }
static void no_iodine(struct plan_fixture *f) { fixture_drop(f, 2, "kelp_powder_std"); }
static void no_calcium(struct plan_fixture *f) { fixture_drop(f, 3, "calcium_carbonate"); }
static void too_much_calcium(struct plan_fixture *f) { fixture_find(f, 0, "eggshell_powder")->grams = 4.4; }
static void too_much_vitamin_d(struct plan_fixture *f) { fixture_add(f, 0, "vitamin_d3_1000", 0.4); }
static void too_much_chloride(struct plan_fixture *f) { fixture_add(f, 0, "potassium_chloride", 3.2); }
static void no_taurine(struct plan_fixture *f) { fixture_drop(f, 0, "taurine"); }
static void little_taurine(struct plan_fixture *f) { fixture_find(f, 1, "taurine")->grams = 0.1; }
static void thirteen_items(struct plan_fixture *f)
{
	fixture_add(f, 0, "taurine", 0.1);
	fixture_add(f, 0, "potassium_citrate", 0.1);
	fixture_add(f, 0, "magnesium_citrate", 0.1);
}
static void thirteen_items_said(struct plan_fixture *f)
{
	thirteen_items(f);
	f->weeks[0].relaxation = "食材种类放宽到 14 种";
}
static void fifteen_items(struct plan_fixture *f)
{
	thirteen_items_said(f);
	fixture_add(f, 0, "psyllium_husk", 0.1);
	fixture_add(f, 0, "calcium_citrate", 0.1);
}
static void too_much_kelp(struct plan_fixture *f) { fixture_find(f, 0, "kelp_powder_std")->grams = 0.9; }
static void too_much_kelp_relaxed(struct plan_fixture *f)
{
	too_much_kelp(f); /* a supplement's cap is never relaxed */
	f->weeks[0].relaxation = "单一食材占比上限放宽到 1.5 倍";
}
static void much_egg(struct plan_fixture *f)
{
	fixture_find(f, 0, "egg_whole_boiled")->grams = 80; /* 16 %, cap 15 % */
	fixture_find(f, 0, "rice_white_cooked")->grams = 83;
	fixture_find(f, 0, "rice_white_cooked")->dinner = 40;
}
static void much_egg_relaxed(struct plan_fixture *f)
{
	much_egg(f);
	f->weeks[0].relaxation = "单一食材占比上限放宽到 1.5 倍";
}
static void two_livers(struct plan_fixture *f)
{
	fixture_add(f, 0, "chicken_liver_cooked", 5);
	fixture_find(f, 0, "rice_white_cooked")->grams = 85;
}
static void allergic_list(struct plan_fixture *f) { f->allergen = "鸡肉"; }
static void allergic_text(struct plan_fixture *f) { f->special_requirements = "对牛肉过敏"; }
static void allergic_english(struct plan_fixture *f) { f->health_status = "allergic to beef, otherwise well"; }
static void allergic_denied(struct plan_fixture *f) { f->special_requirements = "对牛肉不过敏"; }
static void allergic_issue(struct plan_fixture *f) { f->health_issue = "鸡蛋过敏"; }
static void allergic_basis(struct plan_fixture *f) { f->excluded_allergen = "fish"; }
static void barley_for_a_cat(struct plan_fixture *f) { fixture_add(f, 0, "barley_cooked", 1); }
static void excluded_rice(struct plan_fixture *f) { f->excluded_food = "rice_white_cooked"; }
static void raw_chicken(struct plan_fixture *f) { fixture_add(f, 0, "chicken_breast_raw", 1); }
static void unknown_food(struct plan_fixture *f) { fixture_add(f, 0, "unobtainium", 1); }
static void heavy_dog(struct plan_fixture *f) /* the same ration is 1.05 times resting energy */
{
	f->weight_kg = f->energy_weight_kg = 17.56;
	f->der_factor = 1.05;
}
static void puppy(struct plan_fixture *f) { f->age_months = 4; }
static void unknown_profile(struct plan_fixture *f) { f->profile = "dog_martian"; }
static void large_adult(struct plan_fixture *f) { f->large_breed = true; }
static void unknown_condition(struct plan_fixture *f) { f->conditions[0] = "melancholia"; }
static void epilepsy(struct plan_fixture *f) { f->conditions[0] = "epilepsy"; }
static void prescription(struct plan_fixture *f)
{
	f->conditions[0] = "hyperthyroid_cat";
	f->vet_required = true;
}
static void pancreatitis(struct plan_fixture *f)
{
	f->conditions[0] = "pancreatitis";
	f->vet_required = true;
}
static void soup(struct plan_fixture *f) { fixture_add(f, 0, "wax_gourd_boiled", 1500); }
/* rules: what is found, each name once, in the order of the rules' table; "" = nothing. */
static const struct plan_row {
	const char *label;
	bool cat;
	change_fn *change;
	const char *path;  /* dotted; one value of the printed document to be replaced, NULL = none */
	const char *value; /* JSON text; NULL takes the value away */
	const char *rules;
	const char *what; /* of the first finding with the last of these rules; NULL = not looked at */
} plan_rows[] = {
	{ "a sound plan for a dog", false, no_change, NULL, NULL, "", NULL },
	{ "a sound plan for a cat", true, no_change, NULL, NULL, "", NULL },
	/* form */
	{ "three weeks", false, no_change, "pet_diet_plan.monthly_diet_plan.3", NULL, "document", "monthly_diet_plan" },
	{ "weeks out of order", false, no_change, WEEK ".oder", "2", "document", "oder" },
	{ "meals out of order", false, no_change, WEEK ".weekly_diet_plan.daily_diet_plans.1.oder", "1", "document",
	  "oder" },
	{ "time does not rise", false, no_change, WEEK ".weekly_diet_plan.daily_diet_plans.1.time", "\"07:00\"",
	  "document", "time" },
	{ "no time of day", false, no_change, WEEK ".weekly_diet_plan.daily_diet_plans.0.time", "\"24:00\"", "document",
	  "time" },
	{ "language", false, no_change, "language", "\"fr\"", "document", "language" },
	{ "a bird", false, no_change, "pet_information.pet_type", "\"bird\"", "document", "pet_type" },
	{ "main food elsewhere", false, no_change, WEEK ".main_food_ids.0", "\"rabbit_cooked\"", "document",
	  "rabbit_cooked" },
	{ "no advice", false, no_change, "ai_suggestions", "\" \"", "text", "ai_suggestions" },
	{ "no cook method", false, no_change, WEEK ".weekly_diet_plan.daily_diet_plans.0.cook_method", "\"\"", "text",
	  NULL },
	{ "empty suggestion", false, no_change, WEEK ".suggestions.0", "\"\"", "text", "suggestions" },
	{ "one dish", false, no_change, WEEK ".dishes.1", NULL, "dishes", NULL },
	{ "a dish without steps", false, no_change, WEEK ".dishes.0.steps", "[]", "dishes", NULL },
	{ "a dish of a food not there", false, no_change, WEEK ".dishes.1.food_ids.0", "\"rabbit_cooked\"", "dishes",
	  NULL },
	/* basis */
	{ "unknown profile", false, unknown_profile, NULL, NULL, "basis", "profile" },
	{ "another standard", false, no_change, "nutrition_basis.standard", "\"NRC\"", "basis", "standard" },
	{ "a puppy on an adult's plan", false, puppy, NULL, NULL, "basis", "profile" },
	{ "large breed without growing", false, large_adult, NULL, NULL, "basis", "large_breed" },
	{ "unknown condition", false, unknown_condition, NULL, NULL, "basis", "melancholia" },
	{ "resting energy of another weight", false, no_change, "nutrition_basis.rer_kcal", "500", "energy_need",
	  NULL },
	{ "eats for five", false, no_change, "nutrition_basis.der_kcal", "1980", "energy_need energy", NULL },
	{ "ideal weight above the weight", false, no_change, "pet_information.pet_weight", "8", "energy_need", NULL },
	{ "restricted and not denser", false, heavy_dog, NULL, NULL, "density below_minimum", NULL },
	{ "a prescription diet", true, prescription, NULL, NULL, "refused", "hyperthyroid_cat" },
	{ "a vet must agree", false, epilepsy, NULL, NULL, "vet_required", "epilepsy" },
	{ "a condition's own maximum", false, pancreatitis, NULL, NULL, "above_maximum", NULL },
	/* items */
	{ "unknown food", false, unknown_food, NULL, NULL, "food totals", NULL },
	{ "another name", false, no_change, ITEM ".name", "\"鸡胸肉\"", "name", "chicken_thigh_cooked" },
	{ "called a supplement", false, no_change, ITEM ".is_supplement", "true", "name", NULL },
	{ "less than a gram's precision", false, half_a_gram, NULL, NULL, "weight", "chicken_thigh_cooked" },
	{ "a dose finer than 0.1 mg", false, micro_dose, NULL, NULL, "weight", "zinc_gluconate" },
	{ "a supplement in two meals", false, supplement_twice, NULL, NULL, "weight", "zinc_gluconate" },
	{ "raw weight", false, no_change, ITEM ".raw_weight", "69", "weight", NULL },
	{ "raw weight of what has none", false, no_change,
	  WEEK ".weekly_diet_plan.daily_diet_plans.0.food_items.9.raw_weight", "1", "weight", "zinc_gluconate" },
	{ "no weight", false, no_change, WEEK ".weekly_diet_plan.daily_diet_plans.0.food_items.9.weight", "0",
	  "weight totals below_minimum adequacy batch", NULL },
	{ "a macro", false, no_change, ITEM ".macro_nutrients.protein", "17.0846", "figures", NULL },
	{ "a micro", false, no_change, ITEM ".micro_nutrients.calcium.value", "6.2103", "figures", NULL },
	{ "a unit", false, no_change, ITEM ".micro_nutrients.vitamin_d.unit", "\"ug\"", "figures", NULL },
	{ "an additional nutrient left out", false, no_change, ITEM ".micro_nutrients.additional_nutrients.copper",
	  NULL, "figures", NULL },
	{ "an additional nutrient made up", false, no_change, ITEM ".micro_nutrients.additional_nutrients.gold",
	  "{\"value\":1,\"unit\":\"mg\"}", "figures", NULL },
	{ "an item's energy", false, no_change, ITEM ".energy_kcal", "120", "figures", NULL },
	/* sums */
	{ "the week's energy", false, no_change, WEEK ".energy_kcal", "632", "totals", "energy_kcal" },
	{ "the week's weight", false, no_change, WEEK ".total_weight_g", "481", "totals", "total_weight_g" },
	{ "the week's count", false, no_change, WEEK ".item_count", "11", "totals", "item_count" },
	{ "the week's ratio", false, no_change, WEEK ".ca_p_ratio", "1.2", "totals", "ca_p_ratio" },
	{ "below the need", false, eat_less, NULL, NULL, "energy", NULL },
	{ "batch", false, no_change, WEEK ".supplement_batches.0.batch_28_day_g", "57", "batch", "eggshell_powder" },
	{ "daily dose of a batch", false, no_change, WEEK ".supplement_batches.1.daily_mg", "242.9", "batch",
	  "kelp_powder_std" },
	{ "a batch missing", false, no_change, WEEK ".supplement_batches.2", NULL, "batch", "zinc_gluconate" },
	/* nutrients */
	{ "zinc dropped", false, no_zinc, NULL, NULL, "below_minimum", "zn_mg" },
	{ "iodine dropped", false, no_iodine, NULL, NULL, "below_minimum", "i_ug" },
	{ "calcium dropped", false, no_calcium, NULL, NULL, "below_minimum ca_p", "ca_p_ratio" },
	{ "calcium doubled", false, too_much_calcium, NULL, NULL, "ca_p", "ca_p_ratio" },
	{ "vitamin D", false, too_much_vitamin_d, NULL, NULL, "above_maximum", "vitd_iu" },
	{ "a ceiling where the profile has no maximum", true, too_much_chloride, NULL, NULL, "above_maximum share",
	  NULL },
	{ "taurine dropped", true, no_taurine, NULL, NULL, "taurine", "taurine_mg" },
	{ "taurine that leans on the meat", true, little_taurine, NULL, NULL, "taurine", "taurine_mg" },
	{ "adequacy amount", false, no_change, WEEK ".adequacy.0.amount_per_1000kcal", "80", "adequacy", "protein_g" },
	{ "adequacy minimum", false, no_change, WEEK ".adequacy.0.minimum", "40", "adequacy", "protein_g" },
	{ "adequacy maximum", false, no_change, WEEK ".adequacy.13.maximum", "90", "adequacy", "fat_g" },
	{ "adequacy row missing", false, no_change, WEEK ".adequacy.5", NULL, "adequacy", "lys_g" },
	{ "adequacy unit", false, no_change, WEEK ".adequacy.5.unit", "\"mg\"", "adequacy", "lys_g" },
	{ "adequacy of what does not exist", false, no_change, WEEK ".adequacy.5.nutrient", "\"mana_g\"", "adequacy",
	  NULL },
	{ "gaps of the data", false, no_change, WEEK ".adequacy.5.unknown_energy_percent", "90", "unknown_data",
	  "lys_g" },
	{ "gaps not told", false, no_change, "data_gaps", "[]", "unknown_data", "data_gaps" },
	/* shape */
	{ "thirteen items", false, thirteen_items, NULL, NULL, "items", NULL },
	{ "thirteen items, said", false, thirteen_items_said, NULL, NULL, "", NULL },
	{ "fifteen items", false, fifteen_items, NULL, NULL, "items", NULL },
	{ "share of a food", false, much_egg, NULL, NULL, "share", "egg_whole_boiled" },
	{ "share of a food, relaxed", false, much_egg_relaxed, NULL, NULL, "", NULL },
	{ "share of seaweed", false, too_much_kelp, NULL, NULL, "share", "kelp_powder_std" },
	{ "share of seaweed is not relaxed", false, too_much_kelp_relaxed, NULL, NULL, "share", "kelp_powder_std" },
	{ "two livers", false, two_livers, NULL, NULL, "liver", NULL },
	{ "soup", false, soup, NULL, NULL, "energy below_minimum above_maximum share portion", NULL },
	/* what must not be eaten */
	{ "onion in a dish", false, no_change, WEEK ".dishes.0.name", "\"洋葱炒牛肉\"", "toxic", NULL },
	{ "garlic in a step", false, no_change, WEEK ".dishes.0.steps.0", "\"Fry with garlic. Do not add salt.\"",
	  "toxic", NULL },
	{ "a warning is no recipe", false, no_change, WEEK ".dishes.0.steps.0", "\"Steam; never add onion or garlic.\"",
	  "", NULL },
	{ "chocolate as an item's name", false, no_change, ITEM ".name", "\"黑巧克力\"", "name toxic", NULL },
	{ "theme of grapes", false, no_change, WEEK ".theme", "\"grapes and rice\"", "toxic", NULL },
	{ "listed allergen", false, allergic_list, NULL, NULL, "allergen", "chicken_thigh_cooked" },
	{ "allergy in free text", false, allergic_text, NULL, NULL, "allergen", "beef_kidney_cooked" },
	{ "allergy in English text", true, allergic_english, NULL, NULL, "allergen", "beef_mince95_cooked" },
	{ "allergy denied", false, allergic_denied, NULL, NULL, "", NULL },
	{ "allergy as a health issue", false, allergic_issue, NULL, NULL, "allergen", "egg_whole_boiled" },
	{ "allergen of the basis", false, allergic_basis, NULL, NULL, "allergen", "pollock_alaska_cooked" },
	{ "not for cats", true, barley_for_a_cat, NULL, NULL, "species", "barley_cooked" },
	{ "excluded food", false, excluded_rice, NULL, NULL, "excluded", "rice_white_cooked" },
	{ "raw meat", false, raw_chicken, NULL, NULL, "excluded", "chicken_breast_raw" },
};

static json_t *step_into(json_t *value, struct str key)
{
	int64_t index;
	if (json_is_array(value) && str_to_int64(key, &index)) return json_array_get(value, (size_t)index);
	char name[64];
	(void)snprintf(name, sizeof(name), STR_FMT, STR_ARG(key));
	return json_object_get(value, name);
}

/* Replaces or takes away what the path leads to. */
static bool tamper(json_t *root, const char *path, const char *value)
{
	struct str rest = str_from(path), key = STR_NONE, next;
	json_t *parent = root;
	(void)str_split(&rest, '.', &key);
	while (str_split(&rest, '.', &next)) {
		parent = step_into(parent, key);
		key = next;
	}
	char name[64];
	int64_t index;
	(void)snprintf(name, sizeof(name), STR_FMT, STR_ARG(key));
	if (json_is_array(parent) && str_to_int64(key, &index))
		return (value ? json_array_set_new(parent, (size_t)index, json_loads(value, JSON_DECODE_ANY, NULL))
		              : json_array_remove(parent, (size_t)index)) == 0;
	return (value ? json_object_set_new(parent, name, json_loads(value, JSON_DECODE_ANY, NULL))
	              : json_object_del(parent, name)) == 0;
}

/* Names of the rules that were broken, each once, in the order of the table. */
static struct str rules_of(struct arena *arena, const struct check_report *report)
{
	struct strbuf out;
	strbuf_init(&out, arena);
	strbuf_add_cstr(&out, "");
	for (size_t rule = 0; rule < CHECK_RULE_COUNT; rule++)
		for (size_t i = 0; i < report->finding_count; i++)
			if (report->findings[i].rule == check_rules[rule].name) {
				strbuf_printf(&out, "%s%s", out.len ? " " : "", check_rules[rule].name);
				break;
			}
	return strbuf_str(&out);
}

static bool has_rule(struct str rules, const char *name)
{
	struct str rule;
	while (str_split(&rules, ' ', &rule))
		if (str_equal(rule, str_from(name))) return true;
	return false;
}

static void findings_print(const struct check_report *report)
{
	for (size_t i = 0; i < report->finding_count && i < 12; i++)
		(void)printf("    week %d %s " STR_FMT ": " STR_FMT "\n", report->findings[i].week,
		             report->findings[i].rule, STR_ARG(report->findings[i].what),
		             STR_ARG(report->findings[i].text));
}

static void what_check(const struct plan_row *row, const struct check_report *report)
{
	const char *last = strrchr(row->rules, ' ');
	last = last ? last + 1 : row->rules;
	for (size_t i = 0; i < report->finding_count; i++)
		if (strcmp(report->findings[i].rule, last) == 0) {
			CHECK_STR_ROW(row->label, report->findings[i].what, row->what);
			CHECK_ROW(row->label, report->findings[i].text.len > 0);
			return;
		}
}

static void test_plans(void)
{
	struct arena *arena = arena_create(0);
	bool broken[CHECK_RULE_COUNT] = { false }, broken_alone[CHECK_RULE_COUNT] = { false };
	for (size_t i = 0; i < COUNT(plan_rows); i++) {
		const struct plan_row *row = &plan_rows[i];
		struct plan_fixture f;
		struct check_report report;
		struct error err = { 0 };
		if (row->cat)
			fixture_cat(&f);
		else
			fixture_dog(&f);
		row->change(&f);
		json_t *document = fixture_document(&f);
		if (row->path) CHECK_ROW(row->label, tamper(document, row->path, row->value));
		char *json = json_dumps(document, JSON_COMPACT);
		if (CHECK_OK(check_plan(arena, str_from(json), &report, &err), &err)) {
			struct str rules = rules_of(arena, &report);
			if (!CHECK_STR_ROW(row->label, rules, row->rules)) findings_print(&report);
			if (row->what) what_check(row, &report);
			for (size_t rule = 0; rule < CHECK_RULE_COUNT; rule++) {
				broken_alone[rule] |= str_equal(rules, str_from(check_rules[rule].name));
				broken[rule] |= has_rule(rules, check_rules[rule].name);
			}
		}
		free(json);
		json_decref(document);
		arena_reset(arena);
	}
	/* A rule that no row breaks could say anything. Most are broken alone; these cannot be: a food that is not in the table
	 * adds nothing to the sums, denser minima are missed as well, and a ration of impossible size is wrong in all else. */
	for (size_t rule = 0; rule < CHECK_RULE_COUNT; rule++) {
		bool with_others = rule == CHECK_RULE_food || rule == CHECK_RULE_density || rule == CHECK_RULE_portion;
		CHECK_ROW(check_rules[rule].name, with_others ? broken[rule] : broken_alone[rule]);
	}
	arena_destroy(&arena);
}

/* Where a document cannot be read, the error names the place. */
static const struct {
	const char *label, *path, *value, *says;
} unreadable_rows[] = {
	{ "a weight as text", ITEM ".weight", "\"70\"",
	  "pet_diet_plan.monthly_diet_plan[0].weekly_diet_plan.daily_diet_plans[0].food_items[0].weight is not a "
	  "number" },
	{ "no weight", ITEM ".weight", "null", "food_items[0].weight is missing" },
	{ "an amount as a list", ITEM ".micro_nutrients.zinc", "[]", "micro_nutrients.zinc is not an object" },
	{ "an additional amount without value", ITEM ".micro_nutrients.additional_nutrients.copper",
	  "{\"unit\":\"mg\"}", "additional_nutrients.copper.value is missing" },
	{ "weeks as an object", "pet_diet_plan.monthly_diet_plan", "{}", "monthly_diet_plan is not a list" },
	{ "a week as a number", WEEK, "7", "monthly_diet_plan[0] is not an object" },
	{ "five weeks", "pet_diet_plan.monthly_diet_plan", "[{},{},{},{},{}]", "has too many entries" },
	{ "an age with a fraction", "pet_information.pet_age", "4.5", "pet_information.pet_age is not a whole number" },
	{ "vet as text", "vet_required", "\"yes\"", "vet_required is not true or false" },
	{ "no basis", "nutrition_basis", NULL, "nutrition_basis is missing" },
	{ "an allergen that is no text", "pet_information.allergens", "[1]",
	  "pet_information.allergens[0] is not a text" },
	{ "food id as number", ITEM ".food_id", "5", "food_id is not a text" },
};

static void unreadable_check(const char *label, struct arena *arena, struct str json, const char *says)
{
	struct check_report report;
	struct error err = { 0 };
	CHECK_ROW(label, !check_plan(arena, json, &report, &err));
	CHECK_ROW(label, err.code == RPC_INVALID_ARGUMENT && error_is(&err, "PLAN_UNREADABLE"));
	if (says && !CHECK_ROW(label, strstr(err.message, says) != NULL)) (void)printf("    says: %s\n", err.message);
	arena_reset(arena);
}

static void test_unreadable(void)
{
	struct arena *arena = arena_create(0);
	struct plan_fixture f;
	fixture_dog(&f);
	json_t *document = fixture_document(&f);
	char *good = json_dumps(document, JSON_COMPACT);
	for (size_t i = 0; i < COUNT(unreadable_rows); i++) {
		json_t *copy = json_deep_copy(document);
		CHECK_ROW(unreadable_rows[i].label, tamper(copy, unreadable_rows[i].path, unreadable_rows[i].value));
		char *json = json_dumps(copy, JSON_COMPACT);
		unreadable_check(unreadable_rows[i].label, arena, str_from(json), unreadable_rows[i].says);
		free(json);
		json_decref(copy);
	}
	json_decref(document);

	static const struct {
		const char *label;
		struct str json;
	} bytes_rows[] = {
		{ "nothing", STR("") },
		{ "white space", STR(" \n") },
		{ "null", STR("null") },
		{ "a list", STR("[]") },
		{ "a number", STR("7") },
		{ "an empty object", STR("{}") },
		{ "NaN", STR("{\"ai_suggestions\":NaN}") },
		{ "an endless number", STR("{\"a\":1e999}") },
		{ "twice the same key", STR("{\"a\":1,\"a\":2}") },
		{ "broken UTF-8", STR("{\"ai_suggestions\":\"\xff\"}") },
		{ "a lone surrogate", STR("{\"a\":\"\\ud800\"}") },
		{ "two documents", STR("{}{}") },
	};
	for (size_t i = 0; i < COUNT(bytes_rows); i++)
		unreadable_check(bytes_rows[i].label, arena, bytes_rows[i].json, NULL);

	struct strbuf deep;
	strbuf_init(&deep, NULL);
	for (int i = 0; i < 100000; i++) strbuf_add_char(&deep, '[');
	unreadable_check("deep nesting", arena, strbuf_str(&deep), "nested too deeply");
	strbuf_fini(&deep);
	struct strbuf wide;
	strbuf_init(&wide, NULL);
	strbuf_add_char(&wide, '[');
	for (int i = 0; i < 300000; i++) strbuf_add_cstr(&wide, "0,");
	strbuf_add_cstr(&wide, "0]");
	unreadable_check("too many values", arena, strbuf_str(&wide), "too many values");
	strbuf_fini(&wide);
	char *large = malloc(CHECK_DOCUMENT_BYTES_MAX + 1);
	memset(large, ' ', CHECK_DOCUMENT_BYTES_MAX + 1);
	unreadable_check("too large", arena, (struct str){ large, CHECK_DOCUMENT_BYTES_MAX + 1 }, "larger than 4 MiB");
	free(large);

	size_t length = strlen(good);
	for (size_t cut = 0; cut < length; cut += 1 + cut / 7)
		unreadable_check("cut short", arena, (struct str){ good, cut }, NULL);
	free(good);
	arena_destroy(&arena);
}

/* Whatever a flipped byte makes of it, the answer is a report or PLAN_UNREADABLE. */
static void test_flipped_bytes(void)
{
	struct arena *arena = arena_create(0);
	struct plan_fixture f;
	fixture_cat(&f);
	json_t *document = fixture_document(&f);
	char *json = json_dumps(document, JSON_COMPACT);
	size_t length = strlen(json);
	uint64_t state = 42, answered = 0;
	enum { FLIPS = 150 };
	for (int i = 0; i < FLIPS; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		size_t at = (size_t)(state >> 20) % length;
		char old = json[at];
		json[at] = (char)(state >> 56);
		struct check_report report;
		struct error err = { 0 };
		answered +=
		    check_plan(arena, (struct str){ json, length }, &report, &err) || error_is(&err, "PLAN_UNREADABLE");
		json[at] = old;
		arena_reset(arena);
	}
	CHECK(answered == FLIPS);
	free(json);
	json_decref(document);
	arena_destroy(&arena);
}

/* A cat cannot make retinol: without liver there is too little vitamin A, however many carrots there are. */
static void test_cat_carotene(void)
{
	struct arena *arena = arena_create(0);
	struct plan_fixture f;
	struct check_report report;
	struct error err = { 0 };
	fixture_cat(&f);
	fixture_drop(&f, 0, "beef_liver_cooked");
	fixture_find(&f, 0, "asparagus_boiled")->id = "carrot_boiled";
	json_t *document = fixture_document(&f);
	char *json = json_dumps(document, JSON_COMPACT);
	bool found = false;
	if (CHECK_OK(check_plan(arena, str_from(json), &report, &err), &err))
		for (size_t i = 0; i < report.finding_count; i++)
			found |= str_equal(report.findings[i].what, STR("vita_iu")) &&
			         strcmp(report.findings[i].rule, "below_minimum") == 0;
	CHECK(found);
	free(json);
	json_decref(document);
	arena_destroy(&arena);
}

static void test_wrapped(void)
{
	static const char *const wrappers[] = { "{s:o}", "{s:{s:o}}" };
	struct arena *arena = arena_create(0);
	struct plan_fixture f;
	fixture_dog(&f);
	for (size_t i = 0; i < COUNT(wrappers); i++) {
		json_t *document = fixture_document(&f);
		json_t *outer = i == 0 ? json_pack(wrappers[i], "plan_data", document)
		                       : json_pack(wrappers[i], "data", "plan_data", document);
		char *json = json_dumps(outer, 0);
		struct check_report report;
		struct error err = { 0 };
		if (CHECK_OK(check_plan(arena, str_from(json), &report, &err), &err)) {
			CHECK(report.finding_count == 0 && report.week_count == 4);
			/* Figures of the first week as computed outside (a spreadsheet over the table's rows). */
			CHECK_NEAR("energy", report.weeks[0].energy_kcal, 631.35, 0.01);
			CHECK_NEAR("grams", report.weeks[0].grams, 480.6377, 1e-6);
			CHECK_NEAR("Ca:P", report.weeks[0].ca_p, 1.147, 0.001);
			CHECK(report.weeks[0].items == 10);
		}
		free(json);
		json_decref(outer);
	}
	arena_destroy(&arena);
}

int main(void)
{
	test_plans();
	test_unreadable();
	test_flipped_bytes();
	test_cat_carotene();
	test_wrapped();
	return check_done("checker_test");
}
