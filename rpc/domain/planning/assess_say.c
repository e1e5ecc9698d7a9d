/* Say: how the energy came about, what was assumed with its effect in kcal, and what a veterinarian must see. */
#include <math.h>

#include "rpc/domain/planning/assess_parts.h"
#include "rpc/domain/planning/naming.h"

/* "731 kcal" or "712–731 kcal". */
static struct str range_text(struct arena *arena, double low, double high, bool zh)
{
	if (round(low) >= round(high)) return str_printf(arena, zh ? "%.0f 千卡" : "%.0f kcal", high);
	return str_printf(arena, zh ? "%.0f–%.0f 千卡" : "%.0f-%.0f kcal", low, high);
}

static struct str energy_sentence(const struct assess *s)
{
	const struct energy_answer *e = &s->energy;
	const struct energy_question *q = &s->question;
	struct arena *arena = s->arena;
	bool zh = assess_is_zh(s);
	double kg = e->energy_weight_kg, rer = e->rer_kcal, der = e->der_kcal, low = e->fediaf_low,
	       high = e->fediaf_high;
	struct str fediaf = range_text(arena, low, high, zh);
	const char *ideal_zh = kg < q->weight_kg ? "（理想体重）" : "",
	           *ideal_en = kg < q->weight_kg ? " (ideal weight)" : "";
	switch (e->rule) {
	case ENERGY_REPRODUCTION:
		if (q->stage == STAGE_GESTATION)
			return zh ? str_printf(arena, "FEDIAF 妊娠公式，第 %d 周，体重 %.1f kg：每天 %.0f 千卡。",
			                       q->week, kg, der)
			          : str_printf(arena, "FEDIAF gestation equation, week %d, %.1f kg: %.0f kcal a day.",
			                       q->week, kg, der);
		return zh ? str_printf(arena, "FEDIAF 哺乳公式，第 %d 周，%d 只幼崽，体重 %.1f kg：每天 %.0f 千卡。",
		                       q->week, q->litter, kg, der)
		          : str_printf(arena,
		                       "FEDIAF lactation equation, week %d, litter of %d, %.1f kg: %.0f kcal a day.",
		                       q->week, q->litter, kg, der);
	case ENERGY_GROWTH:
		return zh ? str_printf(arena,
		                       "FEDIAF 成长公式 (254.1 − 135 × %.1f/%.1f) × %.1f^0.75 = 每天 %.0f "
		                       "千卡；静息能量 %.0f × %.1f 为 %.0f 千卡。",
		                       kg, q->adult_weight_kg, kg, der, rer, e->factor, rer * e->factor)
		          : str_printf(arena,
		                       "FEDIAF growth equation (254.1 - 135 x %.1f/%.1f) x %.1f^0.75 = %.0f kcal a "
		                       "day; the resting need of %.0f x %.1f would be %.0f kcal.",
		                       kg, q->adult_weight_kg, kg, der, rer, e->factor, rer * e->factor);
	case ENERGY_GROWTH_LOWER:
		return zh ? str_printf(arena,
		                       "大型犬成长取较低值，保持偏瘦：静息能量 %.0f × %.1f = %.0f 千卡，FEDIAF "
		                       "成长公式 %.0f 千卡；每天 %.0f 千卡。",
		                       rer, e->factor, rer * e->factor, high, der)
		          : str_printf(
		                arena,
		                "Large breeds grow lean, so the lower one holds: resting need %.0f x %.1f = %.0f kcal, "
		                "FEDIAF growth equation %.0f kcal; %.0f kcal a day.",
		                rer, e->factor, rer * e->factor, high, der);
	case ENERGY_FEDIAF:
		return zh ? str_printf(arena,
		                       "静息能量 %.0f × %.2f = %.0f 千卡，比 FEDIAF 公式的 " STR_FMT
		                       " 高出 15%% 以上，取较低值：每天 %.0f 千卡。",
		                       rer, e->factor, rer * e->factor, STR_ARG(fediaf), der)
		          : str_printf(arena,
		                       "The resting need of %.0f kcal x %.2f = %.0f kcal is more than 15%% above "
		                       "FEDIAF's " STR_FMT ", so the lower one holds: %.0f kcal a day.",
		                       rer, e->factor, rer * e->factor, STR_ARG(fediaf), der);
	case ENERGY_FACTOR: break;
	}
	const char *why = "";
	if (der < low - 0.5)
		why = zh ? "，取较低者" : ", the lower one holds";
	else if (high > 0)
		why = zh ? "，相差不到 15%" : ", less than 15% apart";
	struct str compared = STR_NONE;
	if (high > 0)
		compared = str_printf(arena, zh ? "（FEDIAF 公式 " STR_FMT "%s）" : " (FEDIAF equation " STR_FMT "%s)",
		                      STR_ARG(fediaf), why);
	return zh ? str_printf(arena,
	                       "静息能量 70 × %.2f^0.75 = %.0f 千卡%s，× %.2f = 每天 %.0f 千卡" STR_FMT
	                       "；个体差异约 ±25%%。",
	                       kg, rer, ideal_zh, e->factor, der, STR_ARG(compared))
	          : str_printf(arena,
	                       "Resting need 70 x %.2f^0.75 = %.0f kcal%s, x %.2f = %.0f kcal a day" STR_FMT
	                       "; single animals differ by about 25%%.",
	                       kg, rer, ideal_en, e->factor, der, STR_ARG(compared));
}

static double effect_of(const struct assess *s, const struct energy_question *other)
{
	return round(energy_need(other).der_kcal - s->energy.der_kcal);
}

/* "-57 kcal a day", "no change in the day's energy": never "+0". */
static struct str effect_text(const struct assess *s, double effect)
{
	bool zh = assess_is_zh(s);
	if (effect == 0) return str_from(zh ? "每天的能量不变" : "not change the day's energy");
	return zh ? str_printf(s->arena, "每天%s %.0f 千卡", effect > 0 ? "多" : "少", fabs(effect))
	          : str_printf(s->arena, "be %.0f kcal a day %s", fabs(effect), effect > 0 ? "more" : "less");
}

static void assume_identity(struct assess *s)
{
	const struct pet *pet = s->pet;
	struct energy_question other = s->question;
	if (!pet->species_said) {
		other.species = assess_is_dog(s) ? SPECIES_CAT : SPECIES_DOG;
		double effect = effect_of(s, &other);
		const char *name = assess_is_dog(s) ? (assess_is_zh(s) ? "狗" : "dog") : assess_is_zh(s) ? "猫" : "cat";
		assess_assume(s, "pet_type", effect, "未说明物种，按%s计算；若是另一种，" STR_FMT "，营养标准也不同。",
		              "The species was not said: %s is assumed; the other would " STR_FMT
		              " and have another nutrient profile.",
		              name, STR_ARG(effect_text(s, effect)));
		other = s->question;
	}
	if (!pet->age_said) {
		other.age_months = assess_is_dog(s) ? 120 : 144;
		if (other.stage == STAGE_ADULT) other.stage = STAGE_SENIOR;
		double effect = effect_of(s, &other);
		assess_assume(s, "pet_age", effect, "未说明年龄，按 " STR_FMT "计算；若已进入老年，" STR_FMT "。",
		              "The age was not said: " STR_FMT " is assumed; an old animal would " STR_FMT ".",
		              STR_ARG(age_text(s->arena, pet->age_months, pet->lang)), STR_ARG(effect_text(s, effect)));
		other = s->question;
	}
	if (!pet->weight_said) {
		bool typical = s->breed && s->question.stage != STAGE_GROWTH;
		other.weight_kg = typical ? breed_adult_kg(s->breed) : pet->weight_kg * 1.25;
		double effect = effect_of(s, &other);
		assess_assume(s, "pet_weight", effect,
		              "未说明体重，按 %.1f kg计算；若为 %.1f kg，" STR_FMT "。请称重后重做方案。",
		              "The weight was not said: %.1f kg is assumed; %.1f kg would " STR_FMT
		              ". Weigh and plan again.",
		              pet->weight_kg, other.weight_kg, STR_ARG(effect_text(s, effect)));
	}
}

static void assume_size(struct assess *s)
{
	const struct pet *pet = s->pet;
	if (pet->breed.len && !s->breed)
		assess_assume(s, "pet_breed", 0, "品种“" STR_FMT "”不在表中，体型按体重和年龄推断（成年约 %.1f kg）。",
		              "The breed \"" STR_FMT
		              "\" is not in the table; size is taken from weight and age (about %.1f kg grown).",
		              STR_ARG(pet->breed), s->adult_kg);
	if (s->question.stage != STAGE_GROWTH || s->adult_source == ADULT_SAID || s->adult_source == ADULT_GROWN)
		return;
	struct energy_question other = s->question;
	other.adult_weight_kg = s->adult_kg * 1.3;
	other.adult_weight_known = true;
	double effect = assess_is_dog(s) ? effect_of(s, &other) : 0;
	const char *from = s->adult_source == ADULT_BREED ? assess_in(s, s->breed->name)
	                                                  : (assess_is_zh(s) ? "现有体重和年龄" : "its weight and age");
	assess_assume(s, "expected_adult_weight", effect,
	              "未说明预计成年体重，由%s推算为 %.1f kg；若成年体重再重 30%%，" STR_FMT "。",
	              "The expected adult weight was not said; from %s it is taken as %.1f kg. Growing 30%% "
	              "heavier would " STR_FMT ".",
	              from, s->adult_kg, STR_ARG(effect_text(s, effect)));
}

/* A field that would change nothing here (slimming and some diseases fix the factor) is no assumption worth reading. */
static void assume_need(struct assess *s)
{
	const struct pet *pet = s->pet;
	struct energy_question other = s->question;
	bool grown = other.stage == STAGE_ADULT || other.stage == STAGE_SENIOR;
	if (grown && pet->neutered == UNKNOWN) {
		other.neutered = false;
		double effect = effect_of(s, &other);
		if (effect != 0)
			assess_assume(s, "neutered", effect, "未说明是否绝育，按已绝育计算；若未绝育，" STR_FMT "。",
			              "Neutering was not said: neutered is assumed; intact would " STR_FMT ".",
			              STR_ARG(effect_text(s, effect)));
		other = s->question;
	}
	if (grown && pet->activity == ACTIVITY_NOT_SAID) {
		other.activity = ACTIVITY_LOW;
		double effect = effect_of(s, &other);
		if (effect != 0)
			assess_assume(s, "activity", effect, "未说明活动量，按一般计算；若活动少，" STR_FMT "。",
			              "Activity was not said: normal is assumed; little activity would " STR_FMT ".",
			              STR_ARG(effect_text(s, effect)));
		other = s->question;
	}
	if (pet->bcs || s->words.bcs) return;
	if (s->bcs_from_words) {
		other.bcs = 8;
		double effect = effect_of(s, &other);
		assess_assume(s, "bcs", effect,
		              "提到超重但没有体况评分，按 7/9（超理想体重 20%%）计算；若为 8/9，" STR_FMT "。",
		              "Overweight without a body condition score: 7 of 9 (20%% above ideal) is assumed; 8 of 9 "
		              "would " STR_FMT ".",
		              STR_ARG(effect_text(s, effect)));
		return;
	}
	if (assess_has(s, "underweight")) return;
	other.bcs = 7;
	other.aim = grown ? AIM_LOSE : AIM_KEEP;
	double effect = effect_of(s, &other);
	assess_assume(s, "bcs", effect, "未说明体况评分，按理想（5/9）计算；若为 7/9，" STR_FMT "。",
	              "The body condition was not said: ideal (5 of 9) is assumed; 7 of 9 would " STR_FMT ".",
	              STR_ARG(effect_text(s, effect)));
}

static void assume_breeding(struct assess *s)
{
	struct energy_question other = s->question;
	bool nursing = other.stage == STAGE_LACTATION;
	if (other.stage != STAGE_GESTATION && !nursing) return;
	if (!s->words.week) {
		other.week = nursing ? 4 : 3;
		double effect = effect_of(s, &other);
		assess_assume(s, "special_requirements", effect,
		              "未说明第几周，按第 %d 周计算；若为第 %d 周，" STR_FMT "。",
		              "The week was not said: week %d is assumed; week %d would " STR_FMT ".", s->question.week,
		              other.week, STR_ARG(effect_text(s, effect)));
		other = s->question;
	}
	if (nursing && !s->words.litter) {
		other.litter += 2;
		double effect = effect_of(s, &other);
		assess_assume(s, "special_requirements", effect,
		              "未说明幼崽数量，按 %d 只计算；若为 %d 只，" STR_FMT "。",
		              "The litter was not said: %d young are assumed; %d would " STR_FMT ".",
		              s->question.litter, other.litter, STR_ARG(effect_text(s, effect)));
	}
}

static void warn_stage(struct assess *s)
{
	const struct pet *pet = s->pet;
	for (size_t i = 0; i < condition_count; i++) {
		if (!s->has[i] || !condition_table[i].vet_required) continue;
		assess_warn(s, "%s：本方案只是草案，开始前必须请兽医审核同意。",
		            "%s: this plan is a draft; a veterinarian must agree to it before it is fed.",
		            assess_in(s, condition_table[i].name));
	}
	if (pet->age_months < 2)
		assess_warn(s, "不足 2 月龄仍需母乳或代乳品，固体食物只能作为断奶过渡，请先看兽医。",
		            "Under two months it still needs milk or milk replacer; solid food is only for weaning. "
		            "See a veterinarian first.");
	else if (pet->age_months < 6)
		assess_warn(s, "6 月龄以下开始自制饮食前，请兽医检查一次。",
		            "Under six months, have a veterinarian see the animal before home-made food is started.");
	if (s->breed && s->breed->energy_high > 0)
		assess_warn(
		    s, "%s的能量需要与多数犬不同（FEDIAF 每 kg^0.75 " STR_FMT "），请按体重变化调整食量。",
		    "%s needs energy unlike most dogs (FEDIAF " STR_FMT " per kg^0.75): adjust by its "
		    "weight.",
		    assess_in(s, s->breed->name),
		    STR_ARG(range_text(s->arena, s->breed->energy_low, s->breed->energy_high, assess_is_zh(s))));
}

void assess_say(struct assess *s)
{
	s->out->energy_method = energy_sentence(s);
	assume_identity(s);
	assume_size(s);
	assume_need(s);
	assume_breeding(s);
	warn_stage(s);
}
