/* What `petfood verify` is given. Two ways in: any text as a plan, or, after the byte 'E', a sound plan with some of its values
 * changed. Each change is five bytes: which value (two, big-endian), what is done to it, by how much (two, signed).
 * A sound plan of which one amount or one food was changed is sound no more, and the checker has to say so. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/domain/checking/checker.h"
#include "rpc/domain/nutrition/foods.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/plan_make.h"

enum { VALUES_MAX = 20000, CHANGES_MAX = 8, CHANGE_BYTES = 5 };

/* A number or text of the plan, and where it hangs. */
struct place {
	json_t *parent;
	const char *key; /* NULL: a list's item */
	size_t index;
	json_t *value; /* as it was */
	bool amount;   /* a number that the plan is held to */
	bool food;     /* a food id of a meal */
};
static struct place places[VALUES_MAX];
static size_t place_count;
static json_t *plan;

static void note(json_t *parent, const char *key, size_t index, json_t *value, bool in_item);

static void walk(json_t *value, bool in_item)
{
	const char *key;
	size_t index;
	json_t *child;
	if (json_is_object(value)) {
		json_object_foreach(value, key, child) note(value, key, 0, child, in_item);
	} else {
		json_array_foreach(value, index, child) note(value, NULL, index, child, in_item);
	}
}

static void note(json_t *parent, const char *key, size_t index, json_t *value, bool in_item)
{
	if (json_is_object(value) || json_is_array(value)) {
		walk(value, in_item || (key && strcmp(key, "food_items") == 0));
		return;
	}
	HOLDS(place_count < VALUES_MAX);
	places[place_count++] = (struct place){
		.parent = parent,
		.key = key,
		.index = index,
		.value = json_incref(value),
		/* Another age may have the same needs. */
		.amount = json_is_number(value) && !(key && strcmp(key, "pet_age") == 0),
		.food = in_item && key && strcmp(key, "food_id") == 0,
	};
}

static bool check(struct arena *arena, struct str json, struct check_report *out, struct error *err)
{
	*err = (struct error){ 0 };
	if (!check_plan(arena, json, out, err)) {
		fuzz_check_error(err);
		HOLDS(error_is(err, "PLAN_UNREADABLE"));
		return false;
	}
	HOLDS(out->week_count >= 0 && out->week_count <= 4);
	HOLDS(out->finding_count > 0 || out->week_count == 4);
	for (size_t i = 0; i < out->finding_count; i++) {
		const struct check_finding *f = &out->findings[i];
		bool known = false;
		for (size_t r = 0; r < CHECK_RULE_COUNT; r++)
			known = known || strcmp(f->rule, check_rules[r].name) == 0;
		HOLDS(known && f->week >= 0 && f->week <= 4);
		HOLDS_OF(f->text.len > 0 && str_is_utf8(f->text) && str_is_utf8(f->what), f->text);
	}
	return true;
}

static bool check_changed(struct arena *arena, struct check_report *out, struct error *err)
{
	char *text = json_dumps(plan, JSON_COMPACT | JSON_REAL_PRECISION(17));
	HOLDS(text != NULL);
	bool ok = check(arena, str_from(text), out, err);
	free(text);
	return ok;
}

/* A ten-kilogram dog's plan, made here, so that it is always one of today's planner. */
static void make_plan(void)
{
	struct arena *arena = arena_create(0);
	struct pet pet = { .species = SPECIES_DOG,
		           .species_said = true,
		           .age_months = 48,
		           .age_said = true,
		           .weight_kg = 10,
		           .weight_said = true,
		           .neutered = YES,
		           .bcs = 5,
		           .activity = ACTIVITY_NORMAL,
		           .meals_per_day = 2,
		           .lang = LANG_EN,
		           .seed = 1 };
	struct plan_made made;
	struct check_report report;
	struct error err;
	plan_make(arena, &pet, &made);
	HOLDS(made.stopped_at == PLAN_STEP_DONE);
	plan = json_loadb(made.json.ptr, made.json.len, 0, NULL);
	HOLDS(plan != NULL);
	walk(plan, false);
	HOLDS(check_changed(arena, &report, &err) && report.finding_count == 0);
	arena_destroy(&arena);
}

static void put(const struct place *at, json_t *value) /* takes value */
{
	HOLDS(value != NULL);
	int failed = at->key ? json_object_set_new(at->parent, at->key, value)
	                     : json_array_set_new(at->parent, at->index, value);
	HOLDS(failed == 0);
}

static json_t *number(const struct place *at, double value)
{
	if (!isfinite(value)) value = 0;
	bool whole = json_is_integer(at->value) && fabs(value) < 1e15;
	return whole ? json_integer((json_int_t)value) : json_real(value);
}

/* Gives whether the plan must be found wrong for this change alone. */
static bool change(const uint8_t *bytes)
{
	const struct place *at = &places[(size_t)(bytes[0] << 8 | bytes[1]) % place_count];
	int by = (int16_t)(bytes[3] << 8 | bytes[4]);
	double was = json_number_value(at->value), is;
	switch (bytes[2] % 8) {
	case 0: put(at, number(at, was * (1 + by / 100.0))); break;
	case 1: put(at, number(at, was + by / 10.0)); break;
	case 2: put(at, number(at, by * 1e6)); break;
	case 3: put(at, number(at, json_number_value(places[(size_t)(uint16_t)by % place_count].value))); break;
	case 4: put(at, json_string(food_table[(size_t)(uint16_t)by % food_count].id)); break;
	case 5: put(at, json_null()); break;
	case 6: put(at, json_string("")); break;
	default: put(at, json_incref(places[(size_t)(uint16_t)by % place_count].value)); break;
	}
	const json_t *now = at->key ? json_object_get(at->parent, at->key) : json_array_get(at->parent, at->index);
	if (at->food) return !json_is_string(now) || strcmp(json_string_value(now), json_string_value(at->value)) != 0;
	if (!at->amount || !json_is_number(now)) return false;
	is = json_number_value(now);
	/* Figures are printed rounded; shares of unknown data to a whole per cent. */
	return fabs(is - was) > 1.05 + 0.02 * fmax(fabs(is), fabs(was));
}

static void check_changes(struct arena *arena, const uint8_t *data, size_t size)
{
	struct check_report report;
	struct error err;
	bool wrong = false;
	size_t count = size / CHANGE_BYTES;
	if (count > CHANGES_MAX) count = CHANGES_MAX;
	for (size_t i = 0; i < count; i++) wrong = change(data + i * CHANGE_BYTES);
	bool read = check_changed(arena, &report, &err);
	if (count == 1 && wrong) HOLDS(!read || report.finding_count > 0);
	for (size_t i = 0; i < count; i++) {
		const uint8_t *bytes = data + i * CHANGE_BYTES;
		const struct place *at = &places[(size_t)(bytes[0] << 8 | bytes[1]) % place_count];
		put(at, json_incref(at->value));
	}
	if (count == 0) HOLDS(read && report.finding_count == 0);
}

static void check_text(struct arena *arena, struct str text)
{
	struct check_report report, again;
	struct error err, again_err;
	bool ok = check(arena, text, &report, &err);
	struct strbuf wrapped;
	strbuf_init(&wrapped, arena);
	strbuf_add_cstr(&wrapped, "{\"code\": 0, \"plan_data\": ");
	strbuf_add_str(&wrapped, text);
	strbuf_add_cstr(&wrapped, "\n}\n");
	if (!ok) {
		HOLDS(!check(arena, text, &again, &again_err) && strcmp(err.message, again_err.message) == 0);
		return;
	}
	bool wrapped_already =
	    str_find(text, STR("data\""), 0) != SIZE_MAX || str_find(text, STR("\\u"), 0) != SIZE_MAX;
	if (wrapped_already) return;
	HOLDS(check(arena, strbuf_str(&wrapped), &again, &again_err));
	HOLDS(again.finding_count == report.finding_count && again.week_count == report.week_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = fuzz_arena();
	if (!plan) make_plan();
	if (size && data[0] == 'E')
		check_changes(arena, data + 1, size - 1);
	else
		check_text(arena, (struct str){ (const char *)data, size });
	return 0;
}
