#include "rpc/domain/planning/monitoring.h"

#include <string.h>

#include "rpc/domain/planning/naming.h"

/* Part of the body weight a week, for slimming and for filling out alike. */
static const double RATE_DOG_LOW = 0.01, RATE_DOG_HIGH = 0.02, RATE_CAT_LOW = 0.005, RATE_CAT_HIGH = 0.01;
/* Never below this part of resting energy for a cat without a veterinarian. */
static const double CAT_RER_LEAST = 0.6;
/* Heavier than the energy's weight by more than rounding. */
static const double HEAVY = 1.005;

static bool has_condition(const struct assessment *a, const char *id)
{
	for (size_t i = 0; i < a->condition_count; i++) {
		if (strcmp(a->conditions[i], id) == 0) return true;
	}
	return false;
}

enum weight_aim monitoring_aim(const struct assessment *a)
{
	if (strcmp(a->life_stage, "growth") == 0) return WEIGHT_GROW;
	if (strcmp(a->life_stage, "gestation") == 0) return WEIGHT_CARRY;
	if (strcmp(a->life_stage, "lactation") == 0) return WEIGHT_NURSE;
	if (has_condition(a, "obesity_dog") || has_condition(a, "obesity_cat")) return WEIGHT_LOSE;
	if (has_condition(a, "underweight")) return WEIGHT_GAIN;
	return a->pet->weight_kg > a->energy_weight_kg * HEAVY ? WEIGHT_DRIFT : WEIGHT_HOLD;
}

struct figures {
	struct arena *arena;
	const struct assessment *a;
	double kg, low, high;   /* body weight; right change a week */
	double food_5, food_10; /* grams a day */
	const char *rate;       /* "1-2%" */
};

static struct figures figures_of(struct arena *arena, const struct assessment *a, double grams)
{
	bool cat = a->pet->species == SPECIES_CAT, zh = a->pet->lang == LANG_ZH;
	double kg = a->pet->weight_kg;
	return (struct figures){
		.arena = arena,
		.a = a,
		.kg = kg,
		.low = kg * (cat ? RATE_CAT_LOW : RATE_DOG_LOW),
		.high = kg * (cat ? RATE_CAT_HIGH : RATE_DOG_HIGH),
		.food_5 = grams * 0.05,
		.food_10 = grams * 0.10,
		.rate = cat  ? (zh ? "0.5–1%" : "0.5-1%")
		        : zh ? "1–2%"
		             : "1-2%",
	};
}

static struct str hold_rule(const struct figures *f)
{
	return f->a->pet->lang == LANG_ZH
	           ? str_printf(f->arena,
	                        "每 2 周空腹称一次体重（现在 " STR_FMT
	                        "）：变化在 2%%（%.2f kg）以内不必调整；超过时把全天量增减 5–10%%（%.0f–%.0f "
	                        "g），轻了就加、重了就减。",
	                        STR_ARG(weight_text(f->arena, f->kg)), f->kg * 0.02, f->food_5, f->food_10)
	           : str_printf(f->arena,
	                        "Weigh it fasted every 2 weeks (now " STR_FMT
	                        "): within 2%% (%.2f kg) nothing changes; beyond that give 5-10%% (%.0f-%.0f g a day) "
	                        "more if it is lighter, less if it is heavier.",
	                        STR_ARG(weight_text(f->arena, f->kg)), f->kg * 0.02, f->food_5, f->food_10);
}

static struct str drift_rule(const struct figures *f)
{
	struct str goal = weight_text(f->arena, f->a->energy_weight_kg), now = weight_text(f->arena, f->kg);
	return f->a->pet->lang == LANG_ZH
	           ? str_printf(f->arena,
	                        "每 2 周空腹称一次体重（现在 " STR_FMT "，略重）：按 " STR_FMT
	                        " 给食，体重慢慢降到这个数是对的；若反而增加，或降到它以下 2%%，把全天量减或加 "
	                        "5–10%%（%.0f–%.0f g）。",
	                        STR_ARG(now), STR_ARG(goal), f->food_5, f->food_10)
	           : str_printf(
	                 f->arena,
	                 "Weigh it fasted every 2 weeks (now " STR_FMT ", a little heavy): it is fed for " STR_FMT
	                 " and may slowly come down to that. If it gains instead, give 5-10%% (%.0f-%.0f g a day) "
	                 "less; if it falls 2%% below that weight, as much more.",
	                 STR_ARG(now), STR_ARG(goal), f->food_5, f->food_10);
}

static struct str lose_rule(const struct figures *f)
{
	bool cat = f->a->pet->species == SPECIES_CAT;
	struct str goal = weight_text(f->arena, f->a->energy_weight_kg), now = weight_text(f->arena, f->kg);
	double floor = f->a->rer_kcal * CAT_RER_LEAST;
	if (f->a->pet->lang == LANG_ZH)
		return cat ? str_printf(f->arena,
		                        "每 2 周空腹称一次体重（现在 " STR_FMT "，目标 " STR_FMT
		                        "）：每周减 %s（%.2f–%.2f kg）就对了。减得更快就把全天量加 5–10%%（%.0f–%.0f "
		                        "g），每周超过 2%% 还要看兽医；连续两次没有减就减 "
		                        "5%%，但没有兽医同意不得低于每天 %.0f 千卡。到达目标后重新生成方案。",
		                        STR_ARG(now), STR_ARG(goal), f->rate, f->low, f->high, f->food_5, f->food_10,
		                        floor)
		           : str_printf(f->arena,
		                        "每 2 周空腹称一次体重（现在 " STR_FMT "，目标 " STR_FMT
		                        "）：每周减 %s（%.2f–%.2f kg）就对了。减得更快就把全天量加 5–10%%（%.0f–%.0f "
		                        "g）；连续两次减得更慢或没有减，就减同样多。到达目标后重新生成方案。",
		                        STR_ARG(now), STR_ARG(goal), f->rate, f->low, f->high, f->food_5, f->food_10);
	return cat ? str_printf(
	                 f->arena,
	                 "Weigh it fasted every 2 weeks (now " STR_FMT ", goal " STR_FMT
	                 "): a loss of %s (%.2f-%.2f kg) a week is right. If it loses faster, give 5-10%% (%.0f-%.0f "
	                 "g a day) more, and see a veterinarian above 2%% a week. If it has not lost at two "
	                 "weighings, give 5%% less, but never below %.0f kcal a day on your own. At the goal have the "
	                 "plan made again.",
	                 STR_ARG(now), STR_ARG(goal), f->rate, f->low, f->high, f->food_5, f->food_10, floor)
	           : str_printf(
	                 f->arena,
	                 "Weigh it fasted every 2 weeks (now " STR_FMT ", goal " STR_FMT
	                 "): a loss of %s (%.2f-%.2f kg) a week is right. If it loses faster, give 5-10%% (%.0f-%.0f "
	                 "g a day) more; if it loses less at two weighings, as much less. At the goal have the plan "
	                 "made again.",
	                 STR_ARG(now), STR_ARG(goal), f->rate, f->low, f->high, f->food_5, f->food_10);
}

static struct str gain_rule(const struct figures *f)
{
	struct str now = weight_text(f->arena, f->kg);
	return f->a->pet->lang == LANG_ZH
	           ? str_printf(
	                 f->arena,
	                 "每 2 周空腹称一次体重（现在 " STR_FMT
	                 "）：它需要增重，每周增 %s（%.2f–%.2f kg）就对了。没有增重就把全天量加 5–10%%（%.0f–%.0f "
	                 "g），加两次仍不增就看兽医；增得更快就减 5%%。体况到 5/9 后重新生成方案。",
	                 STR_ARG(now), f->rate, f->low, f->high, f->food_5, f->food_10)
	           : str_printf(
	                 f->arena,
	                 "Weigh it fasted every 2 weeks (now " STR_FMT
	                 "): it has to gain, and %s (%.2f-%.2f kg) a week is right. If it gains nothing, give 5-10%% "
	                 "(%.0f-%.0f g a day) more, and see a veterinarian if that does not help twice; if it gains "
	                 "faster, give 5%% less. At body condition 5 of 9 have the plan made again.",
	                 STR_ARG(now), f->rate, f->low, f->high, f->food_5, f->food_10);
}

static struct str grow_rule(const struct figures *f)
{
	struct str grown = weight_text(f->arena, f->a->adult_weight_kg), now = weight_text(f->arena, f->kg);
	return f->a->pet->lang == LANG_ZH
	           ? str_printf(
	                 f->arena,
	                 "每周称一次体重（现在 " STR_FMT "，成年约 " STR_FMT
	                 "），记在生长曲线上：体重应每周增加并贴着自己的曲线走。落到曲线以下或一周没长，把全天量加 "
	                 "5–10%%（%.0f–%.0f g），再过一周仍落后就看兽医；跑到曲线以上或摸不到肋骨（体况超过 "
	                 "5/9），减同样多。每月按新体重重新生成方案。",
	                 STR_ARG(now), STR_ARG(grown), f->food_5, f->food_10)
	           : str_printf(
	                 f->arena,
	                 "Weigh it every week (now " STR_FMT ", about " STR_FMT
	                 " grown) and draw a growth curve: it should gain every week and follow its own curve. If it "
	                 "falls behind or gains nothing in a week, give 5-10%% (%.0f-%.0f g a day) more, and see a "
	                 "veterinarian if it still lags a week later; if it runs ahead or its ribs cannot be felt "
	                 "(above 5 of 9), give as much less. Have the plan made again every month.",
	                 STR_ARG(now), STR_ARG(grown), f->food_5, f->food_10);
}

static struct str carry_rule(const struct figures *f)
{
	bool cat = f->a->pet->species == SPECIES_CAT;
	struct str now = weight_text(f->arena, f->kg);
	if (f->a->pet->lang == LANG_ZH)
		return str_printf(
		    f->arena,
		    "每周称一次体重（现在 " STR_FMT
		    "）：孕期增重是正常的，%s，不要为了控制体重减量。一周没有增重或下降，把全天量加 "
		    "5–10%%（%.0f–%.0f g）并告诉兽医。需要量逐周增加，每周按孕周重新生成方案，产后再做一次。",
		    STR_ARG(now), cat ? "从配种起均匀增加，到分娩约增 40%" : "到分娩约增 15–25%，大部分在最后三分之一",
		    f->food_5, f->food_10);
	return str_printf(
	    f->arena,
	    "Weigh her every week (now " STR_FMT
	    "): she is meant to gain, %s; never feed less to hold her weight. If she gains nothing in a week or "
	    "loses, give 5-10%% (%.0f-%.0f g a day) more and tell your veterinarian. The need rises: have the "
	    "plan made again for each week of gestation, and once more after birth.",
	    STR_ARG(now),
	    cat ? "steadily from mating, about 40% by birth" : "15-25% by birth, most of it in the last third",
	    f->food_5, f->food_10);
}

static struct str nurse_rule(const struct figures *f)
{
	struct str now = weight_text(f->arena, f->kg);
	return f->a->pet->lang == LANG_ZH
	           ? str_printf(f->arena,
	                        "每周称一次体重（现在 " STR_FMT
	                        "），幼崽每天称：她应大致保持体重，每只幼崽都应天天增重。她一周下降超过 2%%（%.2f "
	                        "kg），把全天量加 5–10%%（%.0f–%.0f "
	                        "g），吃完还要就再给；有幼崽不长就看兽医。需要量随周次变化，"
	                        "每周重新生成方案，断奶后再做一次。",
	                        STR_ARG(now), f->kg * 0.02, f->food_5, f->food_10)
	           : str_printf(
	                 f->arena,
	                 "Weigh her every week (now " STR_FMT
	                 ") and the young every day: she should about hold her weight, each of them gain daily. If she "
	                 "loses more than 2%% (%.2f kg) in a week, give 5-10%% (%.0f-%.0f g a day) more, and again if "
	                 "she asks for it; see a veterinarian if one of the young does not gain. Have the plan made "
	                 "again every week, and once more after weaning.",
	                 STR_ARG(now), f->kg * 0.02, f->food_5, f->food_10);
}

static struct str rule_of(const struct figures *f)
{
	switch (monitoring_aim(f->a)) {
	case WEIGHT_DRIFT: return drift_rule(f);
	case WEIGHT_LOSE: return lose_rule(f);
	case WEIGHT_GAIN: return gain_rule(f);
	case WEIGHT_GROW: return grow_rule(f);
	case WEIGHT_CARRY: return carry_rule(f);
	case WEIGHT_NURSE: return nurse_rule(f);
	case WEIGHT_HOLD: break;
	}
	return hold_rule(f);
}

/* Insulin goes with the carbohydrate that is eaten. */
static bool is_dosed_by_food(const struct assessment *a)
{
	return has_condition(a, "diabetes_dog") || has_condition(a, "diabetes_cat");
}

struct str monitoring_rule(struct arena *arena, const struct assessment *a, double grams)
{
	struct figures f = figures_of(arena, a, grams);
	struct str rule = rule_of(&f);
	if (!is_dosed_by_food(a)) return rule;
	return str_printf(arena,
	                  a->pet->lang == LANG_ZH ? STR_FMT "有糖尿病，改量之前先问兽医。"
	                                          : STR_FMT
	                      " With diabetes ask your veterinarian before changing the amount.",
	                  STR_ARG(rule));
}

struct str monitoring_goal(struct arena *arena, const struct assessment *a)
{
	bool zh = a->pet->lang == LANG_ZH;
	struct figures f = figures_of(arena, a, 0);
	struct str goal = weight_text(arena, a->energy_weight_kg), grown = weight_text(arena, a->adult_weight_kg);
	switch (monitoring_aim(a)) {
	case WEIGHT_DRIFT:
		return zh ? str_printf(arena, "能量按理想体重 " STR_FMT " 计算。", STR_ARG(goal))
		          : str_printf(arena, "The energy is that of its ideal weight, " STR_FMT ".", STR_ARG(goal));
	case WEIGHT_LOSE:
		return zh ? str_printf(arena, "能量按目标体重 " STR_FMT " 计算，本周应减重 %.2f–%.2f kg。",
		                       STR_ARG(goal), f.low, f.high)
		          : str_printf(arena,
		                       "The energy is that of its goal, " STR_FMT
		                       "; a loss of %.2f-%.2f kg this week is right.",
		                       STR_ARG(goal), f.low, f.high);
	case WEIGHT_GAIN:
		return zh ? str_printf(arena, "本周应增重 %.2f–%.2f kg。", f.low, f.high)
		          : str_printf(arena, "A gain of %.2f-%.2f kg this week is right.", f.low, f.high);
	case WEIGHT_GROW:
		return zh ? str_printf(arena,
		                       "它还在长大（成年体重约 " STR_FMT
		                       "），请保持偏瘦；除本配方所含的钙以外不要再补钙。",
		                       STR_ARG(grown))
		          : str_printf(arena,
		                       "It is still growing (about " STR_FMT
		                       " grown): keep it lean and add no calcium beyond what this recipe holds.",
		                       STR_ARG(grown));
	case WEIGHT_CARRY:
		return str_from(
		    zh ? "她在孕期，体重增加是正常的；除本配方所含的钙以外不要再补钙。"
		       : "She is pregnant and meant to gain; add no calcium beyond what this recipe holds.");
	case WEIGHT_NURSE:
		return str_from(zh ? "她在哺乳，需要量很大，体重应大致不变。"
		                   : "She is nursing and needs much; her weight should about hold.");
	case WEIGHT_HOLD: break;
	}
	return STR_NONE;
}
