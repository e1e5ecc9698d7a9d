/* Reading: what owners write, in both languages, with everything that can be denied. */
#include "rpc/domain/nutrition/reading.h"

#include "rpc/domain/nutrition/conditions.h"
#include "rpc/domain/nutrition/food_words.h"
#include "rpc/domain/nutrition/foods.h"
#include "rpc/domain/nutrition/safety.h"
#include "tests/support/check.h"

#define D SPECIES_DOG
#define C SPECIES_CAT

/* The ids that were found, joined by '+', in table order. */
static struct str found(struct arena *arena, const bool *rows, size_t count, const void *table, size_t stride)
{
	struct strbuf out;
	strbuf_init(&out, arena);
	strbuf_reserve(&out, 1);
	for (size_t i = 0; i < count; i++) {
		if (!rows[i]) continue;
		if (out.len) strbuf_add_char(&out, '+');
		strbuf_add_cstr(&out,
		                *(const char *const *)((const char *)table + i * stride)); /* id is the first member */
	}
	return strbuf_str(&out);
}

static struct reading read_one(struct arena *arena, enum species species, const char *text, enum reading_topic topic)
{
	struct reading r;
	reading_init(&r, arena);
	reading_add(&r, lexicon_create(arena, species), arena, str_from(text), topic);
	return r;
}

static const struct {
	enum species species;
	const char *text, *conditions;
} condition_rows[] = {
	{ D, "chronic kidney disease", "ckd_early" },
	{ C, "cat with kidney disease", "ckd_early_cat" },
	{ C, "猫肾病", "ckd_early_cat" },
	{ D, "慢性肾衰竭", "ckd_early" },
	{ D, "no kidney disease", "" },
	{ D, "does not have kidney disease", "" },
	{ D, "doesn’t have any kidney disease", "" },
	{ D, "never had pancreatitis", "" },
	{ D, "No history of pancreatitis.", "" },
	{ D, "history of pancreatitis", "pancreatitis" },
	{ D, "没有肾病", "" },
	{ D, "没有肾病，有糖尿病", "diabetes_dog" },
	{ D, "没有肾病、糖尿病", "" },
	{ D, "没有肾病和糖尿病", "" },
	{ D, "无心脏病史", "" },
	{ D, "未患胰腺炎", "" },
	{ D, "患有胰腺炎", "pancreatitis" },
	{ D, "no kidney disease, diabetes or heart disease", "" },
	{ D, "no kidney disease, diabetes", "diabetes_dog" },
	{ D, "no kidney disease but diabetic", "diabetes_dog" },
	{ D, "no kidney disease. Has diabetes", "diabetes_dog" },
	{ D, "kidney disease: no; diabetes: yes", "diabetes_dog" },
	{ D, "肾病：无，糖尿病", "diabetes_dog" },
	{ D, "糖尿病：无", "" },
	{ D, "kidney disease was ruled out", "" },
	{ D, "free of heart disease", "" },
	{ D, "not overweight", "" },
	{ D, "预防肾病", "" },
	{ D, "to prevent kidney disease", "" },
	{ D, "IRIS stage 3 kidney disease", "ckd_early+ckd_late" },
	{ D, "stage 3 kidney disease", "ckd_late" },
	{ C, "肾病晚期", "ckd_late_cat" },
	{ C, "慢性肾病3期", "ckd_late_cat" },
	{ C, "iris 4", "ckd_late_cat" },
	{ C, "obesity", "obesity_cat" },
	{ D, "Obese, needs to lose weight", "obesity_dog" },
	{ C, "肥胖", "obesity_cat" },
	{ D, "sudden weight loss", "underweight" },
	{ D, "肝病", "hepatic_general" },
	{ D, "copper storage disease", "hepatic_copper" },
	{ C, "肝炎", "hepatic_cat" },
	{ C, "struvite crystals", "struvite" },
	{ D, "膀胱结石", "struvite_dog" },
	{ C, "草酸钙结石", "oxalate" },
	{ D, "尿酸结石", "urate_cystine" },
	{ D, "heart murmur and arthritis", "cardiac_dog+arthritis" },
	{ C, "HCM", "cardiac_cat" },
	{ D, "EPI", "epi" },
	{ D, "epic dog", "" },
	{ D, "癫痫", "epilepsy" },
	{ C, "甲亢", "hyperthyroid_cat" },
	{ D, "甲减", "hypothyroid_dog" },
	{ C, "便秘", "constipation_megacolon" },
	{ D, "术后恢复期，食欲差", "convalescence" },
	{ D, "贫血", "anaemia" },
	{ D, "elimination diet", "food_allergy" },
	{ D, "pregnant, week 7", "pregnancy" },
	{ D, "哺乳期，6只幼崽，第3周", "lactation" },
	{ C, "怀孕", "pregnancy_cat" },
	{ D, "diarrhoea for weeks", "gastrointestinal" },
	{ D, "itchy skin, 掉毛", "skin" },
	{ D, "牙龈炎", "dental" },
	{ D, "healthy", "none" },
	{ D, "健康", "none" },
	{ D, "allergic to chicken, has diabetes", "diabetes_dog" },
	{ D, "血糖高", "diabetes_dog" },
	{ D, "lymphoma", "tumour" },
	{ D, "", "" },
};

static const struct {
	enum species species;
	enum reading_topic topic;
	const char *text, *avoided, *allergens;
	bool unnamed;
} food_rows[] = {
	{ D, READ_TEXT, "allergic to chicken", "", "chicken", false },
	{ D, READ_TEXT, "对鸡肉过敏", "", "chicken", false },
	{ D, READ_TEXT, "鸡肉过敏", "", "chicken", false },
	{ D, READ_TEXT, "对鸡肉、牛肉都过敏", "", "chicken+beef", false },
	{ D, READ_TEXT, "chicken and beef allergies", "", "chicken+beef", false },
	{ D, READ_TEXT, "Allergies: chicken, wheat", "", "chicken+wheat", false },
	{ D, READ_TEXT, "过敏原：鸡肉、小麦", "", "chicken+wheat", false },
	{ D, READ_TEXT, "对乳制品不耐受", "", "dairy", false },
	{ D, READ_TEXT, "lactose intolerant", "", "dairy", false },
	{ D, READ_TEXT, "吃牛肉会过敏", "", "beef", false },
	{ D, READ_TEXT, "not allergic to chicken", "", "", false },
	{ D, READ_TEXT, "no chicken allergy", "", "", false },
	{ D, READ_TEXT, "对鸡肉不过敏", "", "", false },
	{ D, READ_TEXT, "no allergies", "", "", false },
	{ D, READ_TEXT, "no known food allergies", "", "", false },
	{ D, READ_TEXT, "allergy: none", "", "", false },
	{ D, READ_TEXT, "过敏：无", "", "", false },
	{ D, READ_TEXT, "没有过敏", "", "", false },
	{ D, READ_TEXT, "无食物过敏史", "", "", false },
	{ D, READ_TEXT, "food allergy", "", "", true },
	{ D, READ_TEXT, "过敏体质", "", "", true },
	{ D, READ_TEXT, "花粉过敏", "", "", false },
	{ D, READ_TEXT, "allergic to pollen and dust", "", "", false },
	{ D, READ_TEXT, "不吃牛肉", "beef", "", false },
	{ D, READ_TEXT, "不吃牛肉和羊肉", "beef+lamb", "", false },
	{ D, READ_TEXT, "不吃牛肉，羊肉", "beef+lamb", "", false },
	{ D, READ_TEXT, "不要鱼", "fish", "", false },
	{ D, READ_TEXT, "no fish", "fish", "", false },
	{ D, READ_TEXT, "No fish, chicken is fine", "fish", "", false },
	{ D, READ_TEXT, "不吃鱼，喜欢鸡肉", "fish", "", false },
	{ D, READ_TEXT, "avoid beef, lamb and dairy", "beef+lamb+dairy", "", false },
	{ D, READ_TEXT, "Avoid beef; likes lamb", "beef", "", false },
	{ D, READ_TEXT, "doesn't eat any fish or shrimp", "fish+shrimp", "", false },
	{ D, READ_TEXT, "does not like sweet potato", "sweet_potato", "", false },
	{ D, READ_TEXT, "grain-free please", "grain", "", false },
	{ D, READ_TEXT, "likes chicken and rice", "", "", false },
	{ D, READ_TEXT, "喜欢吃鸡肉", "", "", false },
	{ D, READ_TEXT, "牛肉不吃", "beef", "", false },
	{ D, READ_TEXT, "请不要给它喂三文鱼", "salmon", "", false },
	{ D, READ_TEXT, "喝牛奶拉肚子", "", "milk", false },
	{ D, READ_TEXT, "不吃牛油果", "avocado", "", false },
	{ D, READ_TEXT, "不吃羊奶", "goat_milk", "", false },
	{ D, READ_TEXT, "without onion", "onion", "", false },
	{ D, READ_TEXT, "没有忌口，喜欢牛肉", "", "", false },
	{ D, READ_TEXT, "对鸡肉过敏，不吃鱼", "fish", "chicken", false },
	{ D, READ_TEXT, "allergic to chicken but loves beef", "", "chicken", false },
	{ D, READ_TEXT, "no liver disease", "", "", false },
	{ D, READ_TEXT, "不能吃太多油", "", "", false },
	{ D, READ_TEXT, "not too much rice", "", "", false },
	{ D, READ_TEXT, "allergic to nothing", "", "", false },
	{ D, READ_TEXT, "除了鸡肉都吃", "chicken", "", false },
	{ D, READ_ALLERGENS, "chicken", "", "chicken", false },
	{ D, READ_ALLERGENS, "鸡肉", "", "chicken", false },
	{ D, READ_ALLERGENS, "chicken allergy", "", "chicken", false },
	{ D, READ_ALLERGENS, "牛肉，小麦", "", "beef+wheat", false },
	{ D, READ_ALLERGENS, "none", "", "", false },
	{ D, READ_ALLERGENS, "无", "", "", false },
	{ D, READ_ALLERGENS, "没有", "", "", false },
	{ D, READ_ALLERGENS, "no known allergies", "", "", false },
	{ D, READ_ALLERGENS, "Eggs", "", "egg", false },
	{ D, READ_DISLIKES, "鱼", "fish", "", false },
	{ D, READ_DISLIKES, "Carrots", "carrot", "", false },
	{ D, READ_DISLIKES, "不吃鸡胸肉", "chicken_breast", "", false },
	{ D, READ_DISLIKES, "none", "", "", false },
	{ D, READ_DISLIKES, "胡萝卜、西兰花", "carrot+broccoli", "", false },
};

static const struct {
	enum species species;
	const char *text, *rules;
} safety_rows[] = {
	{ D, "给狗喂洋葱", "allium" },
	{ D, "with garlic", "allium" },
	{ D, "without onion", "" },
	{ D, "no garlic or onion please", "" },
	{ D, "不放葱", "" },
	{ D, "不要蒜", "" },
	{ D, "likes grapes and raisins", "grape_raisin" },
	{ D, "grapefruit", "" },
	{ D, "葡萄糖酸锌", "" },
	{ D, "吃葡萄干", "grape_raisin" },
	{ D, "sugar-free gum", "xylitol" },
	{ D, "糖尿病", "" },
	{ D, "raw diet", "raw_meat" },
	{ D, "想吃生骨肉", "raw_bone" },
	{ D, "no raw meat", "" },
	{ D, "不要生肉", "" },
	{ D, "raw salmon", "raw_fish" },
	{ D, "strong bones", "" },
	{ D, "chicken bones", "cooked_bones" },
	{ D, "tea", "caffeine" },
	{ D, "steady appetite", "" },
	{ D, "奶油南瓜", "" },
	{ D, "a dog called 大黄狗", "" },
	{ D, "no supplements", "remove_supplement" },
	{ D, "without calcium please", "remove_supplement" },
	{ D, "不加补充剂", "remove_supplement" },
	{ C, "no taurine", "remove_supplement" },
	{ D, "double the calcium", "exceed_maximum" },
	{ D, "多加钙", "exceed_maximum" },
	{ D, "do not double the calcium", "" },
	{ D, "no fish, no supplements", "remove_supplement" },
	{ D, "不吃鱼，不加补充剂", "remove_supplement" },
	{ C, "vegan cat", "plant_diet_cat" },
	{ D, "纯素", "plant_diet_dog" },
	{ D, "巧克力过敏", "" },
	{ D, "avocado free", "" },
	{ D, "ＧＡＲＬＩＣ powder", "allium" },
	{ D, "海带", "seaweed" },
	{ D, "", "" },
};

static void test_rows(struct arena *arena)
{
	for (size_t i = 0; i < COUNT(condition_rows); i++) {
		struct reading r = read_one(arena, condition_rows[i].species, condition_rows[i].text, READ_TEXT);
		CHECK_STR_ROW(condition_rows[i].text,
		              found(arena, r.conditions, condition_count, condition_table, sizeof condition_table[0]),
		              condition_rows[i].conditions);
	}
	for (size_t i = 0; i < COUNT(food_rows); i++) {
		struct reading r = read_one(arena, food_rows[i].species, food_rows[i].text, food_rows[i].topic);
		CHECK_STR_ROW(
		    food_rows[i].text,
		    found(arena, r.foods_avoided, food_word_count, food_word_table, sizeof food_word_table[0]),
		    food_rows[i].avoided);
		CHECK_STR_ROW(
		    food_rows[i].text,
		    found(arena, r.foods_allergen, food_word_count, food_word_table, sizeof food_word_table[0]),
		    food_rows[i].allergens);
		CHECK_ROW(food_rows[i].text, r.allergy_unnamed == food_rows[i].unnamed);
	}
	for (size_t i = 0; i < COUNT(safety_rows); i++) {
		struct reading r = read_one(arena, safety_rows[i].species, safety_rows[i].text, READ_TEXT);
		CHECK_STR_ROW(safety_rows[i].text,
		              found(arena, r.safety, safety_rule_count, safety_table, sizeof safety_table[0]),
		              safety_rows[i].rules);
	}
}

static void test_keywords(struct arena *arena)
{
	for (int species = SPECIES_CAT; species <= SPECIES_DOG; species++) {
		const struct lexicon *lexicon = lexicon_create(arena, (enum species)species);
		for (size_t i = 0; i < condition_count; i++) {
			const struct condition *c = &condition_table[i];
			if (!(species == SPECIES_DOG ? c->for_dog : c->for_cat)) continue;
			const char *lists[2] = { c->keywords_zh, c->keywords_en };
			for (int l = 0; l < 2; l++) {
				struct str rest = str_from(lists[l]), word;
				while (rest.len && str_split(&rest, '|', &word)) {
					struct arena_mark mark = arena_mark(arena);
					struct reading r;
					reading_init(&r, arena);
					reading_add(&r, lexicon, arena, word, READ_TEXT);
					bool denial =
					    strcmp(c->id, "none") == 0; /* "no", 无: an answer, not a finding */
					if (!denial && !r.conditions[i])
						(void)printf("%s: [" STR_FMT "]\n", c->id, STR_ARG(word));
					CHECK_ROW(c->id, denial ? r.understood : r.conditions[i]);
					reading_init(&r, arena);
					reading_add(&r, lexicon, arena,
					            str_printf(arena, "没有" STR_FMT "。no " STR_FMT, STR_ARG(word),
					                       STR_ARG(word)),
					            READ_TEXT);
					if (!denial && r.conditions[i])
						(void)printf("%s: not denied [" STR_FMT "]\n", c->id, STR_ARG(word));
					CHECK_ROW(c->id, denial || !r.conditions[i]);
					arena_rewind(arena, mark);
				}
			}
		}
	}
}

static void test_figures(struct arena *arena)
{
	static const struct {
		const char *text;
		int bcs, week, litter;
	} rows[] = {
		{ "BCS 7", 7, 0, 0 },
		{ "bcs:8/9", 8, 0, 0 },
		{ "体况评分6", 6, 0, 0 },
		{ "body condition score 4", 4, 0, 0 },
		{ "pregnant, week 7", 0, 7, 0 },
		{ "第3周，6只幼崽", 0, 3, 6 },
		{ "6 pups, 3 weeks", 0, 3, 6 },
		{ "怀孕七周", 0, 7, 0 },
		{ "litter of 5", 0, 0, 5 },
		{ "BCS 12", 0, 0, 0 },
		{ "", 0, 0, 0 },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct reading r = read_one(arena, SPECIES_DOG, rows[i].text, READ_TEXT);
		CHECK_ROW(rows[i].text, r.bcs == rows[i].bcs && r.week == rows[i].week && r.litter == rows[i].litter);
	}
}

/* Whatever bytes come in, reading ends and stays inside. */
static void test_any_bytes(struct arena *arena)
{
	static const char *const parts[] = { "no",    " ",           "过敏",    "鸡",   "\xe9", "\xe9\xb8", "，",
		                             "、",    "allergic to", "chicken", ".",    "不",   "\xff",     "(",
		                             "-free", "和",          "or",      "bcs ", "9" };
	uint64_t x = 88172645463325252u;
	const struct lexicon *lexicon = lexicon_create(arena, SPECIES_DOG);
	for (int round = 0; round < 3000; round++) {
		struct arena_mark mark = arena_mark(arena);
		struct strbuf text;
		strbuf_init(&text, arena);
		strbuf_reserve(&text, 1);
		for (int i = 0; i < 24; i++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			strbuf_add_cstr(&text, parts[x % COUNT(parts)]);
		}
		char *exact = arena_alloc(arena, text.len);
		memcpy(exact, text.data, text.len);
		struct reading r, again;
		reading_init(&r, arena);
		reading_init(&again, arena);
		reading_add(&r, lexicon, arena, (struct str){ exact, text.len }, (enum reading_topic)(round % 4));
		reading_add(&again, lexicon, arena, (struct str){ exact, text.len }, (enum reading_topic)(round % 4));
		CHECK(memcmp(r.foods_allergen, again.foods_allergen, food_word_count * sizeof(bool)) == 0);
		arena_rewind(arena, mark);
	}
}

int main(void)
{
	struct arena *arena = arena_create(0);
	test_rows(arena);
	test_keywords(arena);
	test_figures(arena);
	test_any_bytes(arena);
	arena_destroy(&arena);
	return check_done("unit_reading");
}
