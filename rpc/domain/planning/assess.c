#include "rpc/domain/planning/assess.h"

#include <math.h>
#include <string.h>

#include "rpc/domain/planning/assess_parts.h"

/* What lives: the heaviest and oldest on record, with room. */
static const struct {
	enum species species;
	double min_kg, max_kg;
	int max_months;
} possible[] = {
	{ SPECIES_CAT, 0.05, 25, 480 },
	{ SPECIES_DOG, 0.05, 160, 400 },
};

bool assess_has(const struct assess *s, const char *condition)
{
	for (size_t i = 0; i < condition_count; i++) {
		if (s->has[i] && strcmp(condition_table[i].id, condition) == 0) return true;
	}
	return false;
}

PRINTF_LIKE(2, 0) PRINTF_LIKE(3, 0)
static struct str text_make(struct assess *s, const char *zh, const char *en, va_list args)
{
	struct strbuf out;
	strbuf_init(&out, s->arena);
	strbuf_vprintf(&out, assess_is_zh(s) ? zh : en, args);
	return strbuf_str(&out);
}

void assess_warn(struct assess *s, const char *zh, const char *en, ...)
{
	va_list args;
	va_start(args, en);
	struct str text = text_make(s, zh, en, args);
	va_end(args);
	for (size_t i = 0; i < s->out->warning_count; i++) {
		if (str_equal(s->out->warnings[i], text)) return;
	}
	if (s->out->warning_count < ASSESS_TEXTS_MAX) s->out->warnings[s->out->warning_count++] = text;
}

void assess_assume(struct assess *s, const char *field, double effect_kcal, const char *zh, const char *en, ...)
{
	va_list args;
	va_start(args, en);
	struct str text = text_make(s, zh, en, args);
	va_end(args);
	if (s->out->assumption_count == ASSESS_TEXTS_MAX) return;
	s->out->assumptions[s->out->assumption_count++] = (struct assumption){ field, text, effect_kcal };
}

static bool pet_is_possible(const struct pet *pet, struct error *err)
{
	bool ok = true;
	for (size_t i = 0; i < COUNT(possible); i++) {
		if (possible[i].species != pet->species) continue;
		const char *name = pet->species == SPECIES_DOG ? "dog" : "cat";
		if (!(pet->weight_kg >= possible[i].min_kg && pet->weight_kg <= possible[i].max_kg))
			ok = error_violation(err, "pet_weight", "range", "a %s weighs %g to %g kg", name,
			                     possible[i].min_kg, possible[i].max_kg);
		if (pet->age_months < 1 || pet->age_months > possible[i].max_months)
			ok = error_violation(err, "pet_age", "range", "a %s is 1 to %d months old", name,
			                     possible[i].max_months);
		return ok;
	}
	return error_violation(err, "pet_type", "enum", "cat or dog");
}

/* A therapeutic diet below AAFCO is a prescription: nothing is issued automatically. */
static bool is_allowed(struct assess *s, struct error *err)
{
	for (size_t i = 0; i < condition_count; i++) {
		const struct condition *c = &condition_table[i];
		if (!s->has[i] || c->below_aafco != BELOW_AAFCO_YES) continue;
		error_set(err, RPC_FAILED_PRECONDITION, "PLAN_REFUSED", "condition %s needs a prescription diet",
		          c->id);
		error_param(err, "condition", "%s", c->id);
		return error_param(err, "why",
		                   assess_is_zh(s)
		                       ? "%s需要低于 AAFCO 标准的处方饮食，只能由兽医制定。"
		                       : "%s needs a prescription diet below AAFCO; only a veterinarian may set it.",
		                   assess_in(s, c->name));
	}
	return true;
}

static void decide_energy(struct assess *s)
{
	struct assessment *out = s->out;
	s->energy = energy_need(&s->question);
	out->energy_weight_kg = s->energy.energy_weight_kg;
	out->rer_kcal = s->energy.rer_kcal;
	out->der_kcal = s->energy.der_kcal;
}

static void decide_meals(struct assess *s)
{
	const struct pet *pet = s->pet;
	int meals = assess_is_dog(s) ? 2 : 3;
	if (assess_is_dog(s) && (s->adult_kg <= 4 || assess_has(s, "pancreatitis") || pet->age_months < 6)) meals = 3;
	if (!assess_is_dog(s) && (pet->age_months < 6 || assess_has(s, "pancreatitis_cat"))) meals = 4;
	if (s->question.stage == STAGE_GESTATION || s->question.stage == STAGE_LACTATION) meals = 4;
	s->out->meals_per_day = pet->meals_per_day ? pet->meals_per_day : meals;
	if (pet->meals_per_day) return;
	assess_assume(s, "meals_per_day", 0, "未说明每天餐数，按 %d 餐计算；总量不变。",
	              "Meals a day were not said: %d are planned; the total does not change.", meals);
}

/* Above this a diet of ordinary meat tastes of nothing else; lean diets for slimming have no other choice. */
static void decide_protein_cap(struct assess *s)
{
	const struct bound *protein = &s->out->bounds[NUTRIENT_protein_g];
	double cap = !assess_is_dog(s) ? 130 : s->question.stage == STAGE_GROWTH ? 120 : 100;
	if (s->question.aim == AIM_LOSE) cap = 200;
	s->out->protein_cap_g = fmax(cap, 1.3 * protein->min);
}

bool assess_pet(struct arena *arena, const struct pet *pet, struct assessment *out, struct error *err)
{
	if (!pet_is_possible(pet, err)) return false;
	*out = (struct assessment){ .pet = pet, .density_factor = 1 };
	struct assess s = {
		.arena = arena, .pet = pet, .out = out, .has = arena_new_array(arena, bool, condition_count)
	};
	assess_words(&s);
	assess_stage(&s);
	if (!is_allowed(&s, err)) return false;
	decide_energy(&s);
	if (!assess_bounds(&s, err)) return false;
	decide_protein_cap(&s);
	assess_foods(&s);
	decide_meals(&s);
	assess_say(&s);
	return true;
}
