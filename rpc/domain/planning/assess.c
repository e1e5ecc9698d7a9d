#include "rpc/domain/planning/assess.h"

#include <math.h>
#include <string.h>

#include "rpc/domain/planning/assess_parts.h"

/* What lives: the heaviest and oldest on record, with room, and no more at an age than the largest puppies weigh. */
static const struct {
	enum species species;
	int upto_months;
	double min_kg, max_kg;
} possible[] = {
	{ SPECIES_CAT, 1, 0.05, 2 },  { SPECIES_CAT, 2, 0.1, 4 },    { SPECIES_CAT, 3, 0.2, 6 },
	{ SPECIES_CAT, 5, 0.3, 10 },  { SPECIES_CAT, 11, 0.4, 16 },  { SPECIES_CAT, 480, 0.6, 25 },
	{ SPECIES_DOG, 1, 0.05, 14 }, { SPECIES_DOG, 2, 0.1, 24 },   { SPECIES_DOG, 3, 0.15, 38 },
	{ SPECIES_DOG, 4, 0.2, 50 },  { SPECIES_DOG, 5, 0.25, 65 },  { SPECIES_DOG, 6, 0.25, 80 },
	{ SPECIES_DOG, 8, 0.3, 110 }, { SPECIES_DOG, 12, 0.3, 140 }, { SPECIES_DOG, 400, 0.4, 160 },
};
/* Beyond these multiples of a breed's weights the breed or the scale is wrong; mixes and the very fat stay below. */
static const double breed_most = 4, breed_much = 2.2, breed_little = 0.35;

bool assess_has(const struct assess *s, const char *condition)
{
	for (size_t i = 0; i < condition_count; i++) {
		if (s->has[i] && strcmp(condition_table[i].id, condition) == 0) return true;
	}
	return false;
}

PRINTF_LIKE(2, 0)
PRINTF_LIKE(3, 0) static struct str text_make(struct assess *s, const char *zh, const char *en, va_list args)
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

static const char *species_name(const struct pet *pet)
{
	bool zh = pet->lang == LANG_ZH;
	return pet->species == SPECIES_DOG ? (zh ? "狗" : "dog") : zh ? "猫" : "cat";
}

/* An age or weight that was not said is the caller's guess, not the owner's mistake: only what can never be is refused. */
static bool weight_is_possible(const struct pet *pet, struct error *err)
{
	bool zh = pet->lang == LANG_ZH, by_age = pet->weight_said && pet->age_said;
	double min_kg = INFINITY, max_kg = 0;
	for (size_t i = 0; i < COUNT(possible); i++) {
		if (possible[i].species != pet->species) continue;
		if (by_age && pet->age_months > possible[i].upto_months) continue;
		min_kg = fmin(min_kg, possible[i].min_kg);
		max_kg = fmax(max_kg, possible[i].max_kg);
		if (by_age) break;
	}
	if (max_kg > 0 && !(pet->weight_kg >= min_kg && pet->weight_kg <= max_kg))
		return by_age ? error_violation(err, "pet_weight", "range",
		                                zh ? "%s %d 个月大时体重应为 %g–%g 千克"
		                                   : "a %s of %d months weighs %g to %g kg",
		                                species_name(pet), pet->age_months, min_kg, max_kg)
		              : error_violation(err, "pet_weight", "range",
		                                zh ? "%s的体重应为 %g–%g 千克" : "a %s weighs %g to %g kg",
		                                species_name(pet), min_kg, max_kg);
	const struct breed *breed =
	    pet->breed.ptr && pet->weight_said ? breed_find(pet->species, pet->breed, pet->weight_kg) : NULL;
	if (breed && pet->weight_kg > breed_most * breed->adult_max_kg)
		return error_violation(
		    err, "pet_weight", "range",
		    zh ? "%s成年约 %g–%g 千克，不会是 %g 千克" : "a grown %s weighs %g to %g kg, not %g kg",
		    text2_in(breed->name, pet->lang), breed->adult_min_kg, breed->adult_max_kg, pet->weight_kg);
	return true;
}

static bool pet_is_possible(const struct pet *pet, struct error *err)
{
	int max_months = 0;
	for (size_t i = 0; i < COUNT(possible); i++) {
		if (possible[i].species == pet->species && possible[i].upto_months > max_months)
			max_months = possible[i].upto_months;
	}
	bool zh = pet->lang == LANG_ZH;
	if (!max_months) return error_violation(err, "pet_type", "enum", zh ? "只能是猫或狗" : "cat or dog");
	bool ok = true;
	if (pet->age_months < 1 || pet->age_months > max_months)
		ok = error_violation(err, "pet_age", "range",
		                     zh ? "%s的年龄应为 1–%d 个月" : "a %s is 1 to %d months old", species_name(pet),
		                     max_months);
	return weight_is_possible(pet, err) && ok;
}

/* Not impossible, but so far from the breed that a slip is likelier. */
static void warn_of_weight(struct assess *s)
{
	const struct pet *pet = s->pet;
	if (!s->breed || !pet->weight_said) return;
	bool grown = s->question.stage != STAGE_GROWTH;
	if (pet->weight_kg <= breed_much * s->breed->adult_max_kg &&
	    !(grown && pet->weight_kg < breed_little * s->breed->adult_min_kg))
		return;
	assess_warn(s, "%s成年体重一般为 %g–%g 千克，填写的是 %g 千克，请核对体重和品种。",
	            "A grown %s usually weighs %g to %g kg, but %g kg was given: check weight and breed.",
	            assess_in(s, s->breed->name), s->breed->adult_min_kg, s->breed->adult_max_kg, pet->weight_kg);
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
	warn_of_weight(&s);
	if (!is_allowed(&s, err)) return false;
	decide_energy(&s);
	if (!assess_bounds(&s, err)) return false;
	decide_protein_cap(&s);
	assess_foods(&s);
	decide_meals(&s);
	assess_say(&s);
	return true;
}
