#include "rpc/domain/checking/document.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "rpc/domain/checking/checker.h"

const char *const document_macro_names[DOCUMENT_MACRO_COUNT] = {
#define MACRO_NAME(id) #id,
	DOCUMENT_MACROS(MACRO_NAME)
#undef MACRO_NAME
};
const char *const document_micro_names[DOCUMENT_MICRO_COUNT] = {
#define MICRO_NAME(id) #id,
	DOCUMENT_MICROS(MICRO_NAME)
#undef MICRO_NAME
};

/* Where the reader stands, so that a complaint can name the place. */
struct place {
	const struct place *parent;
	const char *key; /* NULL: an array element */
	size_t index;
};
struct reader {
	struct arena *arena;
	struct error *err;
};
enum presence { OPTIONAL, REQUIRED };

static void place_print(const struct place *place, struct strbuf *out)
{
	if (!place) return;
	place_print(place->parent, out);
	if (place->key)
		strbuf_printf(out, "%s%s", out->len ? "." : "", place->key);
	else
		strbuf_printf(out, "[%zu]", place->index);
}

static bool unreadable(struct reader *r, const struct place *place, const char *says)
{
	struct strbuf path;
	strbuf_init(&path, r->arena);
	place_print(place, &path);
	error_set(r->err, RPC_INVALID_ARGUMENT, "PLAN_UNREADABLE", STR_FMT " %s", STR_ARG(strbuf_str(&path)), says);
	return error_param(r->err, "why", STR_FMT " %s", STR_ARG(strbuf_str(&path)), says);
}

/* *out is NULL where an optional field is missing or null. */
static bool get(struct reader *r, const struct place *at, const json_t *object, enum presence presence, json_t **out)
{
	json_t *value = json_object_get(object, at->key);
	*out = json_is_null(value) ? NULL : value;
	return *out || presence == OPTIONAL || unreadable(r, at, "is missing");
}

static bool text_of(struct reader *r, const struct place *at, const json_t *value, struct str *out)
{
	if (!json_is_string(value)) return unreadable(r, at, "is not a text");
	*out = str_dup(r->arena, (struct str){ json_string_value(value), json_string_length(value) });
	return true;
}

static bool get_text(struct reader *r, const struct place *parent, const json_t *object, const char *key,
                     enum presence presence, struct str *out)
{
	struct place at = { parent, key, 0 };
	json_t *value;
	*out = STR("");
	return get(r, &at, object, presence, &value) && (!value || text_of(r, &at, value, out));
}

static bool get_number(struct reader *r, const struct place *parent, const json_t *object, const char *key,
                       enum presence presence, double *out)
{
	struct place at = { parent, key, 0 };
	json_t *value;
	*out = NAN;
	if (!get(r, &at, object, presence, &value)) return false;
	if (!value) return true;
	if (!json_is_number(value)) return unreadable(r, &at, "is not a number");
	*out = json_number_value(value);
	return true;
}

static bool get_integer(struct reader *r, const struct place *parent, const json_t *object, const char *key,
                        int64_t *out)
{
	struct place at = { parent, key, 0 };
	json_t *value;
	if (!get(r, &at, object, REQUIRED, &value)) return false;
	if (!json_is_integer(value)) return unreadable(r, &at, "is not a whole number");
	*out = json_integer_value(value);
	return true;
}

static bool get_bool(struct reader *r, const struct place *parent, const json_t *object, const char *key, bool *out)
{
	struct place at = { parent, key, 0 };
	json_t *value;
	if (!get(r, &at, object, REQUIRED, &value)) return false;
	if (!json_is_boolean(value)) return unreadable(r, &at, "is not true or false");
	*out = json_is_true(value);
	return true;
}

static bool get_object(struct reader *r, const struct place *at, const json_t *object, json_t **out)
{
	return get(r, at, object, REQUIRED, out) && (json_is_object(*out) || unreadable(r, at, "is not an object"));
}

/* A missing optional list counts as empty. */
static bool get_array(struct reader *r, const struct place *at, const json_t *object, enum presence presence,
                      size_t max, json_t **out, size_t *count)
{
	*count = 0;
	if (!get(r, at, object, presence, out)) return false;
	if (!*out) return true;
	if (!json_is_array(*out)) return unreadable(r, at, "is not a list");
	if (json_array_size(*out) > max) return unreadable(r, at, "has too many entries");
	*count = json_array_size(*out);
	return true;
}

static bool get_texts(struct reader *r, const struct place *parent, const json_t *object, const char *key,
                      enum presence presence, struct document_texts *out)
{
	struct place at = { parent, key, 0 };
	json_t *list;
	if (!get_array(r, &at, object, presence, DOCUMENT_TEXTS_MAX, &list, &out->count)) return false;
	out->items = arena_new_array(r->arena, struct str, out->count);
	for (size_t i = 0; i < out->count; i++) {
		struct place entry = { &at, NULL, i };
		if (!text_of(r, &entry, json_array_get(list, i), &out->items[i])) return false;
	}
	return true;
}

/* Reads a list of objects of one kind; the row reader gets the place of its entry. */
typedef bool row_reader(struct reader *r, const struct place *at, const json_t *object, void *out);
static bool get_rows(struct reader *r, const struct place *parent, const json_t *object, const char *key,
                     enum presence presence, size_t max, size_t row_size, row_reader *read, void *out_rows,
                     size_t *count)
{
	struct place at = { parent, key, 0 };
	json_t *list;
	if (!get_array(r, &at, object, presence, max, &list, count)) return false;
	char *rows = arena_array(r->arena, *count, row_size);
	for (size_t i = 0; i < *count; i++) {
		struct place entry = { &at, NULL, i };
		const json_t *value = json_array_get(list, i);
		if (!json_is_object(value)) return unreadable(r, &entry, "is not an object");
		if (!read(r, &entry, value, rows + i * row_size)) return false;
	}
	*(void **)out_rows = rows;
	return true;
}

static bool amount_read(struct reader *r, const struct place *at, const json_t *value, struct document_amount *out)
{
	if (!json_is_object(value)) return unreadable(r, at, "is not an object");
	return get_number(r, at, value, "value", REQUIRED, &out->value) &&
	       get_text(r, at, value, "unit", REQUIRED, &out->unit);
}

static bool micros_read(struct reader *r, const struct place *parent, const json_t *object, struct document_item *item)
{
	struct place at = { parent, "micro_nutrients", 0 };
	json_t *micros, *extras;
	if (!get_object(r, &at, object, &micros)) return false;
	for (size_t i = 0; i < DOCUMENT_MICRO_COUNT; i++) {
		struct place field = { &at, document_micro_names[i], 0 };
		json_t *value;
		if (!get(r, &field, micros, REQUIRED, &value) || !amount_read(r, &field, value, &item->micros[i]))
			return false;
	}
	struct place extra_at = { &at, "additional_nutrients", 0 };
	if (!get(r, &extra_at, micros, OPTIONAL, &extras)) return false;
	if (!extras) return true;
	if (!json_is_object(extras)) return unreadable(r, &extra_at, "is not an object");
	if (json_object_size(extras) > DOCUMENT_EXTRAS_MAX) return unreadable(r, &extra_at, "has too many entries");
	item->extras = arena_new_array(r->arena, struct document_amount, json_object_size(extras));
	const char *name;
	json_t *value;
	json_object_foreach(extras, name, value)
	{
		struct place entry = { &extra_at, name, 0 };
		struct document_amount *extra = &item->extras[item->extra_count++];
		extra->name = str_dup(r->arena, str_from(name));
		if (!amount_read(r, &entry, value, extra)) return false;
	}
	return true;
}

static bool item_read(struct reader *r, const struct place *at, const json_t *object, void *out)
{
	struct document_item *item = out;
	struct place macros_at = { at, "macro_nutrients", 0 };
	json_t *macros;
	if (!get_text(r, at, object, "name", REQUIRED, &item->name) ||
	    !get_text(r, at, object, "food_id", REQUIRED, &item->food_id) ||
	    !get_text(r, at, object, "recommend_reason", REQUIRED, &item->recommend_reason) ||
	    !get_number(r, at, object, "weight", REQUIRED, &item->weight_g) ||
	    !get_number(r, at, object, "raw_weight", OPTIONAL, &item->raw_weight_g) ||
	    !get_number(r, at, object, "energy_kcal", REQUIRED, &item->energy_kcal) ||
	    !get_bool(r, at, object, "is_supplement", &item->is_supplement) ||
	    !get_object(r, &macros_at, object, &macros))
		return false;
	for (size_t i = 0; i < DOCUMENT_MACRO_COUNT; i++)
		if (!get_number(r, &macros_at, macros, document_macro_names[i], REQUIRED, &item->macros[i]))
			return false;
	return micros_read(r, at, object, item);
}

static bool meal_read(struct reader *r, const struct place *at, const json_t *object, void *out)
{
	struct document_meal *meal = out;
	return get_integer(r, at, object, "oder", &meal->oder) &&
	       get_text(r, at, object, "time", REQUIRED, &meal->time) &&
	       get_text(r, at, object, "cook_method", REQUIRED, &meal->cook_method) &&
	       get_rows(r, at, object, "food_items", REQUIRED, DOCUMENT_ITEMS_MAX, sizeof(struct document_item),
	                item_read, &meal->items, &meal->item_count);
}

static bool dish_read(struct reader *r, const struct place *at, const json_t *object, void *out)
{
	struct document_dish *dish = out;
	return get_text(r, at, object, "name", REQUIRED, &dish->name) &&
	       get_texts(r, at, object, "steps", REQUIRED, &dish->steps) &&
	       get_texts(r, at, object, "food_ids", REQUIRED, &dish->food_ids);
}

static bool adequacy_read(struct reader *r, const struct place *at, const json_t *object, void *out)
{
	struct document_adequacy *row = out;
	return get_text(r, at, object, "nutrient", REQUIRED, &row->nutrient) &&
	       get_text(r, at, object, "unit", REQUIRED, &row->unit) &&
	       get_number(r, at, object, "amount_per_1000kcal", REQUIRED, &row->amount) &&
	       get_number(r, at, object, "minimum", OPTIONAL, &row->minimum) &&
	       get_number(r, at, object, "maximum", OPTIONAL, &row->maximum) &&
	       get_number(r, at, object, "unknown_energy_percent", REQUIRED, &row->unknown_energy_percent);
}

static bool batch_read(struct reader *r, const struct place *at, const json_t *object, void *out)
{
	struct document_batch *row = out;
	return get_text(r, at, object, "food_id", REQUIRED, &row->food_id) &&
	       get_number(r, at, object, "daily_mg", REQUIRED, &row->daily_mg) &&
	       get_number(r, at, object, "batch_28_day_g", REQUIRED, &row->batch_28_day_g);
}

static bool week_read(struct reader *r, const struct place *at, const json_t *object, void *out)
{
	struct document_week *week = out;
	struct place meals_at = { at, "weekly_diet_plan", 0 };
	json_t *meals;
	return get_integer(r, at, object, "oder", &week->oder) &&
	       get_text(r, at, object, "diet_adjustment_principle", REQUIRED, &week->principle) &&
	       get_text(r, at, object, "weekly_special_adjustment_note", REQUIRED, &week->note) &&
	       get_texts(r, at, object, "suggestions", REQUIRED, &week->suggestions) &&
	       get_text(r, at, object, "theme", REQUIRED, &week->theme) &&
	       get_texts(r, at, object, "main_food_ids", REQUIRED, &week->main_food_ids) &&
	       get_texts(r, at, object, "relaxations", OPTIONAL, &week->relaxations) &&
	       get_number(r, at, object, "energy_kcal", REQUIRED, &week->energy_kcal) &&
	       get_number(r, at, object, "total_weight_g", REQUIRED, &week->total_weight_g) &&
	       get_number(r, at, object, "ca_p_ratio", REQUIRED, &week->ca_p_ratio) &&
	       get_integer(r, at, object, "item_count", &week->item_count) &&
	       get_object(r, &meals_at, object, &meals) &&
	       get_rows(r, &meals_at, meals, "daily_diet_plans", REQUIRED, DOCUMENT_MEALS_MAX,
	                sizeof(struct document_meal), meal_read, &week->meals, &week->meal_count) &&
	       get_rows(r, at, object, "dishes", REQUIRED, DOCUMENT_ITEMS_MAX, sizeof(struct document_dish), dish_read,
	                &week->dishes, &week->dish_count) &&
	       get_rows(r, at, object, "adequacy", REQUIRED, DOCUMENT_ADEQUACY_MAX, sizeof(struct document_adequacy),
	                adequacy_read, &week->adequacy, &week->adequacy_count) &&
	       get_rows(r, at, object, "supplement_batches", OPTIONAL, DOCUMENT_ITEMS_MAX,
	                sizeof(struct document_batch), batch_read, &week->batches, &week->batch_count);
}

static bool pet_read(struct reader *r, const json_t *root, struct document *doc)
{
	struct place at = { NULL, "pet_information", 0 };
	struct str species;
	json_t *pet;
	if (!get_object(r, &at, root, &pet) || !get_text(r, &at, pet, "pet_type", REQUIRED, &species) ||
	    !get_integer(r, &at, pet, "pet_age", &doc->age_months) ||
	    !get_number(r, &at, pet, "pet_weight", REQUIRED, &doc->weight_kg) ||
	    !get_text(r, &at, pet, "health_status", OPTIONAL, &doc->health_status) ||
	    !get_text(r, &at, pet, "special_requirements", OPTIONAL, &doc->special_requirements) ||
	    !get_texts(r, &at, pet, "allergens", OPTIONAL, &doc->allergens) ||
	    !get_texts(r, &at, pet, "health_issues", OPTIONAL, &doc->health_issues))
		return false;
	if (str_equal(species, STR("dog"))) doc->species = SPECIES_DOG;
	if (str_equal(species, STR("cat"))) doc->species = SPECIES_CAT;
	return true;
}

static bool basis_read(struct reader *r, const json_t *root, struct document *doc)
{
	struct place at = { NULL, "nutrition_basis", 0 };
	json_t *basis;
	return get_object(r, &at, root, &basis) && get_text(r, &at, basis, "profile", REQUIRED, &doc->profile) &&
	       get_text(r, &at, basis, "standard", REQUIRED, &doc->standard) &&
	       get_text(r, &at, basis, "energy_method", REQUIRED, &doc->energy_method) &&
	       get_number(r, &at, basis, "rer_kcal", REQUIRED, &doc->rer_kcal) &&
	       get_number(r, &at, basis, "der_kcal", REQUIRED, &doc->der_kcal) &&
	       get_number(r, &at, basis, "energy_weight_kg", REQUIRED, &doc->energy_weight_kg) &&
	       get_number(r, &at, basis, "density_factor", REQUIRED, &doc->density_factor) &&
	       get_bool(r, &at, basis, "large_breed", &doc->large_breed) &&
	       get_texts(r, &at, basis, "conditions", OPTIONAL, &doc->conditions) &&
	       get_texts(r, &at, basis, "excluded_food_ids", OPTIONAL, &doc->excluded_food_ids) &&
	       get_texts(r, &at, basis, "excluded_allergens", OPTIONAL, &doc->excluded_allergens);
}

static bool root_read(struct reader *r, const json_t *root, struct document *doc)
{
	struct place plan_at = { NULL, "pet_diet_plan", 0 };
	json_t *plan;
	return get_text(r, NULL, root, "ai_suggestions", REQUIRED, &doc->ai_suggestions) && pet_read(r, root, doc) &&
	       basis_read(r, root, doc) && get_text(r, NULL, root, "disclaimer", REQUIRED, &doc->disclaimer) &&
	       get_text(r, NULL, root, "planner", REQUIRED, &doc->planner) &&
	       get_text(r, NULL, root, "language", REQUIRED, &doc->language) &&
	       get_texts(r, NULL, root, "warnings", OPTIONAL, &doc->warnings) &&
	       get_texts(r, NULL, root, "data_gaps", OPTIONAL, &doc->data_gaps) &&
	       get_bool(r, NULL, root, "vet_required", &doc->vet_required) && get_object(r, &plan_at, root, &plan) &&
	       get_rows(r, &plan_at, plan, "monthly_diet_plan", REQUIRED, DOCUMENT_WEEKS_MAX,
	                sizeof(struct document_week), week_read, &doc->weeks, &doc->week_count);
}

/* Counted before parsing, so that neither the parser's recursion nor its memory follow what is sent. */
static const char *size_complaint(struct str json)
{
	int depth = 0;
	size_t values = 0;
	bool in_text = false;
	if (json.len > CHECK_DOCUMENT_BYTES_MAX) return "document is larger than 4 MiB";
	for (size_t i = 0; i < json.len; i++) {
		char c = json.ptr[i];
		if (in_text) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_text = false;
			continue;
		}
		if (c == '"') in_text = true;
		if (c == '{' || c == '[' || c == ',') values++;
		if (c == '{' || c == '[') depth++;
		if (c == '}' || c == ']') depth--;
		if (depth > DOCUMENT_DEPTH_MAX) return "document is nested too deeply";
		if (values > DOCUMENT_VALUES_MAX) return "document has too many values";
	}
	return NULL;
}

bool document_read(struct arena *arena, struct str json, struct document *out, struct error *err)
{
	bool ok = false;
	struct reader r = { arena, err };
	json_error_t why;
	json_t *root = NULL;
	*out = (struct document){ 0 };
	const char *complaint = size_complaint(json);
	if (complaint) {
		unreadable(&r, NULL, complaint);
		goto out;
	}
	root = json_loadb(json.ptr ? json.ptr : "", json.len, JSON_REJECT_DUPLICATES, &why);
	if (!root) {
		error_set(err, RPC_INVALID_ARGUMENT, "PLAN_UNREADABLE", "not a JSON document, line %d: %s", why.line,
		          why.text);
		error_param(err, "why", "line %d: %s", why.line, why.text);
		goto out;
	}
	const json_t *plan = root;
	static const char *const wrappers[] = { "data", "plan_data" }; /* a reply's envelope, a stored row */
	for (size_t i = 0; i < COUNT(wrappers); i++) {
		const json_t *inner = json_object_get(plan, wrappers[i]);
		if (!json_object_get(plan, "pet_diet_plan") && json_is_object(inner)) plan = inner;
	}
	if (!json_is_object(plan)) {
		unreadable(&r, NULL, "document is not an object");
		goto out;
	}
	ok = root_read(&r, plan, out);
out:
	json_decref(root);
	return ok;
}
