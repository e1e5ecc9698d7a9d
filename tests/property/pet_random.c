#include "tests/property/pet_random.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/domain/checking/variation.h"

/* How owners write it, in both languages. */
static const struct phrase {
	const char *condition;
	bool dog, cat, refused;
	int weight; /* how often, among the sick */
	const char *zh, *en;
} phrases[] = {
	{ "ckd_early", true, false, false, 6, "慢性肾病，IRIS 2期", "early kidney disease, creatinine high" },
	{ "ckd_early_cat", false, true, false, 8, "猫肾病，肌酐偏高", "cat with kidney disease" },
	{ "ckd_late", true, false, true, 3, "三期肾病", "stage 3 kidney disease" },
	{ "ckd_late_cat", false, true, true, 3, "猫肾衰晚期", "end stage renal cat" },
	{ "obesity_dog", true, false, false, 12, "太胖了，要减肥", "overweight, needs weight loss" },
	{ "obesity_cat", false, true, false, 12, "猫太胖，想减肥", "overweight cat" },
	{ "pancreatitis", true, false, false, 6, "胰腺炎病史", "history of pancreatitis" },
	{ "pancreatitis_cat", false, true, false, 4, "猫胰腺炎", "feline pancreatitis" },
	{ "diabetes_dog", true, false, false, 4, "糖尿病，打胰岛素", "diabetic, on insulin" },
	{ "diabetes_cat", false, true, false, 6, "猫糖尿病", "diabetic cat" },
	{ "struvite", false, true, false, 6, "鸟粪石，尿路结晶", "struvite crystals" },
	{ "struvite_dog", true, false, false, 4, "膀胱结石，鸟粪石", "struvite stones" },
	{ "oxalate", true, true, false, 5, "草酸钙结石", "calcium oxalate stones" },
	{ "urate_cystine", true, false, true, 3, "尿酸盐结石", "urate stones" },
	{ "food_allergy", true, true, false, 6, "食物过敏，正在做排除饮食", "food allergy, elimination diet" },
	{ "cardiac_dog", true, false, false, 6, "二尖瓣反流，心脏病", "heart disease, mmvd" },
	{ "cardiac_cat", false, true, false, 4, "猫心肌病 HCM", "cat with hcm, cardiomyopathy" },
	{ "hepatic_copper", true, false, false, 3, "铜蓄积性肝病", "copper hepatopathy" },
	{ "hepatic_general", true, false, false, 3, "肝功能异常，转氨酶高", "hepatitis, high ALT" },
	{ "gastrointestinal", true, true, false, 8, "肠胃敏感，软便", "sensitive stomach, diarrhea" },
	{ "epi", true, false, false, 2, "胰腺外分泌不足", "exocrine pancreatic insufficiency" },
	{ "senior", true, true, false, 6, "老年，精神好", "senior, doing well" },
	{ "arthritis", true, false, false, 8, "关节炎", "osteoarthritis" },
	{ "skin", true, false, false, 8, "皮炎，掉毛", "dermatitis, dull coat" },
	{ "hyperthyroid_cat", false, true, true, 3, "猫甲亢", "hyperthyroid" },
	{ "hypothyroid_dog", true, false, false, 3, "甲减", "hypothyroid" },
	{ "epilepsy", true, false, false, 3, "癫痫", "epilepsy, seizures" },
	{ "dental", true, true, false, 3, "牙病，咀嚼困难", "dental disease" },
	{ "convalescence", true, true, false, 3, "术后恢复，食欲不振", "recovering post surgery" },
	{ "anaemia", true, true, false, 2, "贫血", "anaemia" },
	{ "constipation_megacolon", false, true, false, 2, "便秘", "constipation" },
	{ "pregnancy", true, false, false, 4, "怀孕，快生了", "pregnant" },
	{ "lactation", true, false, false, 3, "哺乳期，刚生完", "lactating, nursing puppies" },
	{ "pregnancy_cat", false, true, false, 3, "母猫待产，怀孕", "pregnant cat" },
};
static const struct two {
	const char *zh, *en;
} allergens[] = {
	{ "鸡肉", "chicken" }, { "牛肉", "beef" }, { "鱼", "fish" }, { "鸡蛋", "egg" }, { "牛奶", "dairy" }, { "小麦", "wheat" },
	{ "大豆", "soy" }, { "羊肉", "lamb" }, { "猪肉", "pork" }, { "虾", "shrimp" }, { "玉米", "corn" }, { "大米", "rice" },
}, dislikes[] = {
	{ "胡萝卜", "carrot" }, { "西兰花", "broccoli" }, { "土豆", "potato" }, { "三文鱼", "salmon" }, { "南瓜", "pumpkin" },
	{ "羊肉", "lamb" }, { "牛肝", "beef liver" }, { "燕麦", "oats" }, { "猪肉", "pork" }, { "鸡心", "chicken heart" },
}, wishes[] = {
	{ "", "" }, { "不要洋葱", "no onion please" }, { "喜欢胡萝卜", "loves carrots" }, { "可以喂生肉吗", "can I feed it raw meat?" },
	{ "想加一点葡萄干和木糖醇", "add some raisins and xylitol" }, { "家里只有小锅", "we have a small pot" },
}, cat_breeds[] = {
	{ "英国短毛猫", "British Shorthair" }, { "布偶猫", "Ragdoll" }, { "中华田园猫", "Domestic shorthair" },
};

/* A breed with the adult weights that it comes in. */
static const struct breed {
	struct two name;
	double low_kg, high_kg;
} dog_breeds[] = {
	{ { "吉娃娃", "Chihuahua" }, 1, 4 },
	{ { "贵宾", "Poodle" }, 3, 15 },
	{ { "柯基", "Corgi" }, 9, 16 },
	{ { "金毛", "Golden Retriever" }, 24, 40 },
	{ { "德国牧羊犬", "German Shepherd" }, 25, 45 },
	{ { "串串", "mixed breed" }, 0, 1000 },
};

struct dice {
	struct variation_random random;
	struct arena *arena;
	enum lang lang;
};
static double between(struct dice *dice, double low, double high)
{
	return low + (high - low) * variation_uniform(&dice->random);
}
static size_t below(struct dice *dice, size_t count)
{
	return (size_t)(variation_uniform(&dice->random) * (double)count);
}
static bool chance(struct dice *dice, double share) { return variation_uniform(&dice->random) < share; }
static struct str in_lang(const struct dice *dice, struct two two)
{
	return str_from(dice->lang == LANG_EN ? two.en : two.zh);
}

/* Share of the adult weight at an age: a Gompertz curve, one eighth at a tenth of the way, five sixths at half of it. */
static double grown(double age_months, double adult_months) { return exp(-4 * exp(-6.2 * age_months / adult_months)); }

static const struct phrase *phrase_pick(struct dice *dice, enum species species)
{
	int total = 0;
	for (size_t i = 0; i < COUNT(phrases); i++)
		if (species == SPECIES_DOG ? phrases[i].dog : phrases[i].cat) total += phrases[i].weight;
	int at = (int)below(dice, (size_t)total);
	for (size_t i = 0; i < COUNT(phrases); i++) {
		if (!(species == SPECIES_DOG ? phrases[i].dog : phrases[i].cat)) continue;
		if (at < phrases[i].weight) return &phrases[i];
		at -= phrases[i].weight;
	}
	return NULL;
}

static void list_fill(struct dice *dice, const struct two *words, size_t word_count, size_t count, struct str_list *out)
{
	while (out->count < count) {
		struct str word = in_lang(dice, words[below(dice, word_count)]);
		bool there = false;
		for (size_t i = 0; i < out->count; i++) there |= str_equal(out->items[i], word);
		if (!there) out->items[out->count++] = word;
	}
}

static void body_fill(struct dice *dice, struct pet *pet)
{
	bool dog = pet->species == SPECIES_DOG, young = chance(dice, 0.25);
	double adult_kg = dog ? exp(between(dice, log(1.8), log(70))) : between(dice, 2.8, 7);
	double adult_months = dog ? 9 + 11 * fmin(1, adult_kg / 50) : 12; /* giants grow longest */
	double age = young ? between(dice, 2, adult_months) : between(dice, adult_months + 3, dog ? 170 : 200);
	double fatness = 1;
	pet->age_months = (int)age;
	pet->age_said = pet->weight_said = pet->species_said = true;
	if (!young && chance(dice, 0.5)) {
		pet->bcs = (int)between(dice, 3, 10);
		if (pet->bcs > 9) pet->bcs = 9;
		fatness = 1 + 0.1 * (pet->bcs - 5);
	}
	pet->weight_kg = fmax(0.5, round(adult_kg * (young ? grown(age, adult_months) : 1) * fatness * 10) / 10);
	pet->neutered = young || chance(dice, 0.4) ? UNKNOWN : chance(dice, 0.7) ? YES : NO;
	pet->activity = (enum activity)below(dice, 4);
	if (young && dog && chance(dice, 0.6)) pet->expected_adult_weight_kg = round(adult_kg * 10) / 10;
	if (chance(dice, 0.3)) pet->meals_per_day = 1 + (int)below(dice, 5);
	if (!chance(dice, 0.5)) return;
	const struct breed *breed = &dog_breeds[below(dice, COUNT(dog_breeds))];
	if (!dog)
		pet->breed = in_lang(dice, cat_breeds[below(dice, COUNT(cat_breeds))]);
	else if (adult_kg >= breed->low_kg && adult_kg <= breed->high_kg)
		pet->breed = in_lang(dice, breed->name);
}

void pet_random(struct arena *arena, uint64_t seed, uint64_t index, struct random_pet *out)
{
	struct dice dice = { .arena = arena };
	variation_seed(&dice.random, seed * 0x9e3779b97f4a7c15u + index);
	*out = (struct random_pet){ 0 };
	struct pet *pet = &out->pet;
	dice.lang = pet->lang = chance(&dice, 0.5) ? LANG_EN : LANG_ZH;
	pet->seed = variation_next(&dice.random) >> 1;
	pet->species = chance(&dice, 0.6) ? SPECIES_DOG : SPECIES_CAT;
	body_fill(&dice, pet);
	pet->health_status = dice.lang == LANG_EN ? STR("healthy") : STR("健康");
	if (chance(&dice, 0.45)) {
		const struct phrase *phrase = phrase_pick(&dice, pet->species);
		struct str text = in_lang(&dice, (struct two){ phrase->zh, phrase->en });
		/* The young and the sick together are rare and need a clinic; breeding animals are grown. */
		bool fits = pet->age_months >= 24;
		if (fits) {
			out->condition = phrase->condition;
			out->must_be_refused = phrase->refused;
			/* Words yield to a score that was said, and age says who is old. */
			if (strncmp(phrase->condition, "obesity", 7) == 0 && pet->bcs) pet->bcs = 8;
			if (strcmp(phrase->condition, "senior") == 0) out->condition = NULL;
			if (chance(&dice, 0.3))
				pet->health_issues.items[pet->health_issues.count++] = text;
			else
				pet->health_status = text;
		}
	}
	if (chance(&dice, 0.3)) list_fill(&dice, allergens, COUNT(allergens), 1 + below(&dice, 3), &pet->allergens);
	if (chance(&dice, 0.3)) list_fill(&dice, dislikes, COUNT(dislikes), 1 + below(&dice, 4), &pet->dislikes);
	pet->special_requirements = in_lang(&dice, wishes[below(&dice, COUNT(wishes))]);
}

static json_t *text_json(struct str text) { return text.ptr ? json_stringn(text.ptr, text.len) : json_null(); }

static json_t *list_json(const struct str_list *list)
{
	json_t *out = json_array();
	for (size_t i = 0; i < list->count; i++) json_array_append_new(out, text_json(list->items[i]));
	return out;
}

struct str pet_print(struct arena *arena, const struct pet *pet)
{
	static const char *const activities[] = { "", "low", "normal", "high" };
	json_t *body = json_object();
	json_object_set_new(body, "pet_type", json_string(pet->species == SPECIES_CAT ? "cat" : "dog"));
	json_object_set_new(body, "pet_age", json_integer(pet->age_months));
	json_object_set_new(body, "pet_weight", json_real(pet->weight_kg));
	if (pet->breed.ptr) json_object_set_new(body, "pet_breed", text_json(pet->breed));
	json_object_set_new(body, "health_status", text_json(pet->health_status));
	if (pet->special_requirements.len)
		json_object_set_new(body, "special_requirements", text_json(pet->special_requirements));
	if (pet->neutered != UNKNOWN) json_object_set_new(body, "neutered", json_boolean(pet->neutered == YES));
	if (pet->bcs) json_object_set_new(body, "bcs", json_integer(pet->bcs));
	if (pet->activity) json_object_set_new(body, "activity", json_string(activities[pet->activity]));
	if (pet->expected_adult_weight_kg > 0)
		json_object_set_new(body, "expected_adult_weight", json_real(pet->expected_adult_weight_kg));
	if (pet->meals_per_day) json_object_set_new(body, "meals_per_day", json_integer(pet->meals_per_day));
	if (pet->allergens.count) json_object_set_new(body, "allergens", list_json(&pet->allergens));
	if (pet->health_issues.count) json_object_set_new(body, "health_issues", list_json(&pet->health_issues));
	if (pet->dislikes.count) json_object_set_new(body, "dislikes", list_json(&pet->dislikes));
	char *text = json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(6));
	struct str out = str_dup(arena, str_from(text));
	free(text);
	json_decref(body);
	return out;
}
