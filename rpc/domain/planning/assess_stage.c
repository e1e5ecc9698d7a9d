/* Life stage: how big it grows, how old that makes it, what conditions it has, and which profile follows. */
#include <math.h>
#include <string.h>

#include "rpc/domain/planning/assess_parts.h"

static const double LARGE_BREED_KG = 31.8;   /* AAFCO: growth of large-size dogs */
static const double LARGE_CONDITION_KG = 25; /* from here on calcium is held in the narrow band (FEDIAF) */
static const double LATE_GROWTH_MAX_KG = 15; /* FEDIAF: the wider calcium band of late growth */
enum { LATE_GROWTH_MONTHS = 4, CAT_GROWN_MONTHS = 12, CAT_SENIOR_MONTHS = 120, BREEDING_MONTHS_MIN = 6 };
enum { ASSUMED_WEEK_GESTATION = 7, ASSUMED_WEEK_LACTATION = 3, ASSUMED_PUPPIES = 4, ASSUMED_KITTENS = 3 };

/* Age at which a dog is grown and at which it is old, by the size it reaches (WSAVA, AAHA life stage guidelines). */
static const struct {
	int grown_months, senior_months;
} by_size[] = {
	[SIZE_TOY] = { 10, 96 },   [SIZE_SMALL] = { 10, 96 }, [SIZE_MEDIUM] = { 12, 96 },
	[SIZE_LARGE] = { 15, 84 }, [SIZE_GIANT] = { 18, 84 },
};

/* Share of the adult weight reached at an age (rounded growth curves). Only to guess how big an unknown puppy gets. */
enum { CURVE_MONTHS = 18 };
static const double growth_curves[][CURVE_MONTHS + 1] = {
	[SIZE_TOY] = { .06, .18, .32, .47, .59, .69, .78, .85, .91, .95, 1, 1, 1, 1, 1, 1, 1, 1, 1 },
	[SIZE_SMALL] = { .05, .17, .30, .45, .57, .68, .77, .84, .90, .94, 1, 1, 1, 1, 1, 1, 1, 1, 1 },
	[SIZE_MEDIUM] = { .04, .12, .22, .35, .46, .56, .65, .73, .79, .85, .90, .94, 1, 1, 1, 1, 1, 1, 1 },
	[SIZE_LARGE] = { .02, .08, .16, .26, .37, .47, .56, .63, .70, .75, .80, .84, .87, .90, .93, 1, 1, 1, 1 },
	[SIZE_GIANT] = { .01, .06, .12, .20, .30, .39, .47, .54, .61, .66, .71, .76, .80, .84, .87, .90, .94, .97, 1 },
};

static double adult_weight_guess(double weight_kg, int age_months)
{
	double guess = weight_kg;
	for (int size = SIZE_TOY; size <= SIZE_GIANT; size++) {
		guess = weight_kg / growth_curves[size][age_months > CURVE_MONTHS ? CURVE_MONTHS : age_months];
		if ((int)size_class_of(guess) <= size) break;
	}
	return fmin(guess, 90); /* the heaviest breeds */
}

/* True while the pet still grows; sets the weight that it will reach. */
static bool find_growth(struct assess *s)
{
	const struct pet *pet = s->pet;
	if (!assess_is_dog(s)) {
		bool growing = pet->age_months < CAT_GROWN_MONTHS;
		double typical = s->breed ? breed_adult_kg(s->breed) : 4.5;
		s->adult_source = !growing                            ? ADULT_GROWN
		                  : pet->expected_adult_weight_kg > 0 ? ADULT_SAID
		                  : s->breed                          ? ADULT_BREED
		                                                      : ADULT_ESTIMATED;
		s->adult_kg = !growing                            ? pet->weight_kg
		              : pet->expected_adult_weight_kg > 0 ? pet->expected_adult_weight_kg
		                                                  : typical;
		s->adult_kg = fmax(s->adult_kg, pet->weight_kg);
		return growing;
	}
	if (pet->expected_adult_weight_kg > 0) {
		s->adult_source = ADULT_SAID;
		s->adult_kg = pet->expected_adult_weight_kg;
	} else if (s->breed) {
		s->adult_source = ADULT_BREED;
		s->adult_kg = breed_adult_kg(s->breed);
	} else {
		s->adult_source = ADULT_ESTIMATED;
		s->adult_kg = adult_weight_guess(pet->weight_kg, pet->age_months);
	}
	s->adult_kg = fmax(s->adult_kg, pet->weight_kg);
	if (pet->age_months < by_size[size_class_of(s->adult_kg)].grown_months) return true;
	s->adult_source = ADULT_GROWN;
	s->adult_kg = pet->weight_kg;
	return false;
}

static void condition_set(struct assess *s, const char *id, bool on)
{
	for (size_t i = 0; i < condition_count; i++) {
		if (strcmp(condition_table[i].id, id) == 0) s->has[i] = on;
	}
}

static bool is_old(const struct assess *s)
{
	if (!assess_is_dog(s)) return s->pet->age_months >= CAT_SENIOR_MONTHS;
	double kg = s->breed ? breed_adult_kg(s->breed) : s->pet->weight_kg;
	return s->pet->age_months >= by_size[size_class_of(kg)].senior_months;
}

static enum life_stage find_stage(struct assess *s, bool growing)
{
	bool pregnant = assess_is_dog(s) ? assess_has(s, "pregnancy") : assess_has(s, "pregnancy_cat");
	bool nursing =
	    assess_is_dog(s) ? assess_has(s, "lactation") : assess_has(s, "pregnancy_cat") && s->words.nursing;
	if ((pregnant || nursing) && s->pet->age_months < BREEDING_MONTHS_MIN) {
		assess_warn(
		    s, "描述中提到怀孕或哺乳，但年龄只有 %d 个月，方案按成长期计算，请核对。",
		    "Pregnancy or nursing is mentioned, but at %d months the plan is made for growth; please check.",
		    s->pet->age_months);
		pregnant = nursing = false;
	}
	condition_set(s, "lactation", assess_is_dog(s) && nursing);
	condition_set(s, "pregnancy", assess_is_dog(s) && pregnant && !nursing);
	condition_set(s, "pregnancy_cat", !assess_is_dog(s) && (pregnant || nursing));
	if (nursing) return STAGE_LACTATION;
	if (pregnant) return STAGE_GESTATION;
	if (growing) return STAGE_GROWTH;
	bool old = is_old(s) || (!s->pet->age_said && assess_has(s, "senior"));
	return old ? STAGE_SENIOR : STAGE_ADULT;
}

/* Body condition: a score that was given goes before words about it. */
static void find_body_condition(struct assess *s, bool may_slim)
{
	const char *obesity = assess_is_dog(s) ? "obesity_dog" : "obesity_cat";
	int said = s->pet->bcs ? s->pet->bcs : s->words.bcs;
	bool fat_words = assess_has(s, obesity), thin_words = assess_has(s, "underweight");
	int bcs = said ? said : fat_words ? 7 : 5;
	s->bcs_from_words = !said && fat_words;
	if (said && said <= 5 && fat_words)
		assess_warn(s, "描述中提到减重或超重，但体况评分为 %d/9，不超重，方案不减少热量。",
		            "Slimming or overweight is mentioned, but a body condition of %d/9 is not overweight: "
		            "energy is not cut.",
		            said);
	bool fat = bcs >= 7 || (bcs == 6 && fat_words);
	bool thin = bcs <= 3 || (thin_words && bcs <= 5 && !fat);
	if (fat && !may_slim)
		assess_warn(s, "成长、怀孕或哺乳期不做减重，方案按理想体重或生理需要给食；体况请由兽医复核。",
		            "No slimming during growth, gestation or nursing: the plan feeds for the ideal weight or "
		            "the stage's need; "
		            "have a veterinarian check the body condition.");
	if (thin)
		assess_warn(s, "体况偏瘦（%d/9）：方案按增重热量计算，请先请兽医排查原因，每两周称重。",
		            "Body condition %d/9 is thin: the plan feeds for weight gain. Have a veterinarian look for "
		            "the cause first and "
		            "weigh every two weeks.",
		            bcs <= 3 ? bcs : 3);
	condition_set(s, obesity, fat && may_slim);
	condition_set(s, "underweight", thin);
	s->question.bcs = bcs;
	s->question.aim = fat && may_slim ? AIM_LOSE : thin ? AIM_GAIN : AIM_KEEP;
}

/* The stronger of two findings for one organ, and what follows from age alone. */
static void settle_conditions(struct assess *s, enum life_stage stage)
{
	bool growing = stage == STAGE_GROWTH;
	if (assess_has(s, "ckd_late")) condition_set(s, "ckd_early", false);
	if (assess_has(s, "ckd_late_cat")) condition_set(s, "ckd_early_cat", false);
	if (assess_has(s, "hepatic_copper")) condition_set(s, "hepatic_general", false);
	condition_set(s, "none", false);
	condition_set(s, "senior", stage == STAGE_SENIOR);
	condition_set(s, "growth_kitten", growing && !assess_is_dog(s));
	condition_set(s, "growth_large", growing && assess_is_dog(s) && s->adult_kg >= LARGE_CONDITION_KG);
	condition_set(s, "growth_small", growing && assess_is_dog(s) && s->adult_kg < LARGE_CONDITION_KG);
}

static const char *find_profile(const struct assess *s, enum life_stage stage)
{
	if (!assess_is_dog(s)) return stage == STAGE_ADULT || stage == STAGE_SENIOR ? "cat_adult" : "cat_growth_repro";
	if (stage == STAGE_ADULT || stage == STAGE_SENIOR) return "dog_adult";
	if (stage != STAGE_GROWTH) return "dog_growth_repro";
	if (s->adult_kg >= LARGE_BREED_KG) return "dog_growth_large";
	/* Before 14 weeks and above 15 kg adult weight the narrower calcium band of early growth holds. */
	bool late = s->pet->age_months >= LATE_GROWTH_MONTHS && s->adult_kg <= LATE_GROWTH_MAX_KG;
	return late ? "dog_late_growth" : "dog_growth_repro";
}

static void list_conditions(struct assess *s)
{
	struct assessment *out = s->out;
	bool loses = s->question.aim == AIM_LOSE;
	for (size_t i = 0; i < condition_count; i++) {
		const struct condition *c = &condition_table[i];
		if (!s->has[i]) continue;
		out->vet_required |= c->vet_required;
		out->keep_recipe |= c->keep_recipe;
		out->single_protein |= c->single_protein;
		double factor = assess_is_dog(s) ? c->factor_dog : c->factor_cat;
		/* Several diseases: the highest, because losing weight is what harms the sick; slimming has its own factor. */
		if (!loses) s->question.condition_factor = fmax(s->question.condition_factor, factor);
		if (out->condition_count == ASSESS_CONDITIONS_MAX) continue;
		out->conditions[out->condition_count] = c->id;
		out->condition_names[out->condition_count++] = str_from(assess_in(s, c->name));
	}
}

void assess_stage(struct assess *s)
{
	const struct pet *pet = s->pet;
	static const char *const stage_names[] = {
		[STAGE_ADULT] = "adult",         [STAGE_SENIOR] = "senior",       [STAGE_GROWTH] = "growth",
		[STAGE_GESTATION] = "gestation", [STAGE_LACTATION] = "lactation",
	};
	memcpy(s->has, s->words.conditions, condition_count * sizeof *s->has);
	s->breed = pet->breed.ptr ? breed_find(pet->species, pet->breed, pet->weight_said ? pet->weight_kg : 0) : NULL;
	enum life_stage stage = find_stage(s, find_growth(s));
	bool grown = stage == STAGE_ADULT || stage == STAGE_SENIOR;
	bool nursing = stage == STAGE_LACTATION;
	s->question = (struct energy_question){
		.species = pet->species,
		.stage = stage,
		.weight_kg = pet->weight_kg,
		.adult_weight_kg = s->adult_kg,
		.adult_weight_known = s->adult_source == ADULT_SAID || s->adult_source == ADULT_BREED,
		.large_breed = assess_is_dog(s) && stage == STAGE_GROWTH && s->adult_kg >= LARGE_BREED_KG,
		.age_months = pet->age_months,
		.neutered = pet->neutered != NO, /* not said: yes, the lower need; told as an assumption */
		.activity = pet->activity == ACTIVITY_NOT_SAID ? ACTIVITY_NORMAL : (int)pet->activity,
		.breed_low = s->breed ? s->breed->energy_low : 0,
		.breed_high = s->breed ? s->breed->energy_high : 0,
		.week = s->words.week ? s->words.week
		        : nursing     ? ASSUMED_WEEK_LACTATION
		                      : ASSUMED_WEEK_GESTATION,
		.litter = s->words.litter    ? s->words.litter
		          : assess_is_dog(s) ? ASSUMED_PUPPIES
		                             : ASSUMED_KITTENS,
	};
	find_body_condition(s, grown);
	settle_conditions(s, stage);
	list_conditions(s);
	s->out->life_stage = stage_names[stage];
	s->out->profile = find_profile(s, stage);
	s->out->adult_weight_kg = s->adult_kg;
	s->out->large_breed = s->question.large_breed;
}
