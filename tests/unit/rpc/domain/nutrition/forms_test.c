/* Forms: "only", "everything except", "makes her itch", in both languages; stages of kidney disease; and what is told when
 * a sentence was not followed in full. */
#include "rpc/domain/nutrition/conditions.h"
#include "rpc/domain/nutrition/food_words.h"
#include "rpc/domain/nutrition/foods.h"
#include "rpc/domain/nutrition/reading.h"
#include "tests/support/check.h"

#define D SPECIES_DOG
#define C SPECIES_CAT

static struct reading read_text(struct arena *arena, enum species species, struct str text)
{
	struct reading r;
	reading_init(&r, arena);
	reading_add(&r, lexicon_create(arena, species), arena, text, READ_TEXT);
	return r;
}

static struct str words_of(struct arena *arena, const bool *rows)
{
	struct strbuf out;
	strbuf_init(&out, arena);
	strbuf_reserve(&out, 1);
	for (size_t i = 0; i < food_word_count; i++) {
		if (!rows[i]) continue;
		if (out.len) strbuf_add_char(&out, '+');
		strbuf_add_cstr(&out, food_word_table[i].id);
	}
	return strbuf_str(&out);
}

static const struct {
	const char *text, *only, *avoided, *allergens, *spared;
	bool allergy, unclear;
} rows[] = {
	/* exceptions from what is refused */
	{ "allergic to everything except duck", "duck", "", "", "", true, false },
	{ "Allergic to everything, except for duck and rabbit.", "duck+rabbit", "", "", "", true, false },
	{ "She is allergic to all meat other than lamb", "lamb", "", "", "", true, false },
	{ "allergic to all proteins except venison", "venison", "", "", "", true, false },
	{ "he has allergies to every meat besides rabbit", "rabbit", "", "", "", true, false },
	{ "no meat other than lamb", "lamb", "", "", "", false, false },
	{ "no meat but lamb please", "lamb", "", "", "", false, false },
	{ "cannot eat any meat but lamb", "lamb", "", "", "", false, false },
	{ "doesn't eat anything but fish", "fish", "", "", "", false, false },
	{ "can't have any meat apart from duck", "duck", "", "", "", false, false },
	{ "avoid everything except lamb and rice", "lamb+rice", "", "", "", false, false },
	{ "Except for duck she is allergic to all meat", "duck", "", "", "", true, false },
	{ "除了鸡肉，其他肉都过敏", "chicken", "", "", "", true, false },
	{ "除了鸡肉以外的肉都不能吃", "chicken", "", "", "", false, false },
	{ "除鸡肉外都不吃", "chicken", "", "", "", false, false },
	{ "除了鸡肉，吃别的肉都吐", "chicken", "", "", "", true, false },
	{ "不能吃鸡肉以外的肉", "chicken", "", "", "", false, false },
	{ "不吃鱼以外的东西", "fish", "", "", "", false, false },
	{ "对鸭肉以外的所有肉类过敏", "duck", "", "", "", true, false },
	{ "对除了鸭肉之外的肉都过敏", "duck", "", "", "", true, false },
	{ "所有肉都过敏，鸭肉除外", "duck", "", "", "", true, false },
	{ "鸡肉以外的肉都不吃", "chicken", "", "", "", false, false },
	{ "no fish except salmon", "", "fish", "", "salmon", false, false },
	{ "doesn't eat fish except for cod or tilapia", "", "fish", "", "cod+tilapia", false, false },
	{ "除了三文鱼，鱼都不吃", "", "fish", "", "salmon", false, false },
	{ "allergic to poultry except duck", "", "", "poultry", "duck", false, false },
	/* exceptions from what is fine */
	{ "eats everything except chicken", "", "chicken", "", "", false, false },
	{ "everything but chicken", "", "chicken", "", "", false, false },
	{ "can eat anything other than beef", "", "beef", "", "", false, false },
	{ "除了鸡肉都吃", "", "chicken", "", "", false, false },
	{ "除了鸡肉，其他肉都可以吃", "", "chicken", "", "", false, false },
	{ "除了鸡肉什么都吃", "", "chicken", "", "", false, false },
	{ "鸡肉以外都能吃", "", "chicken", "", "", false, false },
	{ "no allergies except chicken", "", "", "chicken", "", false, false },
	{ "not allergic to anything except beef", "", "", "beef", "", false, false },
	{ "besides chicken, she is also allergic to beef", "", "", "chicken+beef", "", false, false },
	{ "除了鸡肉，还对牛肉过敏", "", "", "chicken+beef", "", false, false },
	{ "除了鸡肉，也不吃牛肉", "", "chicken+beef", "", "", false, false },
	{ "besides chicken she also likes beef", "", "", "", "", false, false },
	{ "apart from chicken, he can't eat pork", "", "chicken+pork", "", "", false, true },
	{ "除了鸡肉", "", "chicken", "", "", false, false },
	/* only */
	{ "only eats chicken and rice", "chicken+rice", "", "", "", false, false },
	{ "eats only chicken", "chicken", "", "", "", false, false },
	{ "can only eat duck", "duck", "", "", "", false, false },
	{ "nothing but fish", "fish", "", "", "", false, false },
	{ "chicken only", "chicken", "", "", "", false, false },
	{ "Lamb is the only meat she can eat", "lamb", "", "", "", false, false },
	{ "fed exclusively venison and potato", "venison+potato", "", "", "", false, false },
	{ "只吃鸡肉", "chicken", "", "", "", false, false },
	{ "只能吃鸡肉", "chicken", "", "", "", false, false },
	{ "平时只吃鸡肉和米饭", "chicken+rice", "", "", "", false, false },
	{ "只爱吃牛肉", "beef", "", "", "", false, false },
	{ "不吃鸡肉，只吃牛肉", "beef", "chicken", "", "", false, false },
	{ "只吃鸡肉不吃牛肉", "chicken", "beef", "", "", false, false },
	{ "no chicken, only beef", "beef", "chicken", "", "", false, false },
	{ "只有鸭肉不过敏", "duck", "", "", "", true, false },
	{ "only allergic to chicken", "", "", "chicken", "", false, false },
	{ "allergic only to chicken", "", "", "chicken", "", false, false },
	{ "只对鸡肉过敏", "", "", "chicken", "", false, false },
	{ "只有鸡肉过敏", "", "", "chicken", "", false, false },
	{ "only dislikes fish", "", "fish", "", "", false, false },
	{ "只不吃鱼", "", "fish", "", "", false, false },
	{ "not only chicken but also beef", "", "", "", "", false, false },
	{ "不只吃鸡肉", "", "", "", "", false, false },
	{ "only a little chicken", "", "", "", "", false, false },
	{ "只吃少量鸡肉", "", "", "", "", false, false },
	{ "only kibble", "", "", "", "", false, true },
	{ "only if hungry then chicken", "chicken", "", "", "", false, false },
	/* reactions */
	{ "She can't have chicken or eggs. Beef makes her itch.", "", "chicken+egg", "beef", "", false, false },
	{ "Chicken upsets his stomach", "", "", "chicken", "", false, false },
	{ "beef and lamb give her diarrhea", "", "", "beef+lamb", "", false, false },
	{ "Chicken, beef and lamb make him vomit", "", "", "chicken+beef+lamb", "", false, false },
	{ "gets diarrhea from beef", "", "", "beef", "", false, false },
	{ "throws up after eating fish", "", "", "fish", "", false, false },
	{ "vomits when she eats chicken", "", "", "chicken", "", false, false },
	{ "when she eats chicken she vomits", "", "", "chicken", "", false, false },
	{ "after chicken, she gets itchy", "", "", "chicken", "", false, false },
	{ "reacts to beef", "", "", "beef", "", false, false },
	{ "had a bad reaction to pork", "", "", "pork", "", false, false },
	{ "chicken triggers her allergies", "", "", "chicken", "", false, false },
	{ "pork disagrees with him", "", "", "pork", "", false, false },
	{ "吃鸡肉会拉肚子，吃牛肉就吐", "", "", "chicken+beef", "", false, false },
	{ "吃了鸡肉就痒", "", "", "chicken", "", false, false },
	{ "一吃牛肉就软便", "", "", "beef", "", false, false },
	{ "吃完羊肉后呕吐", "", "", "lamb", "", false, false },
	{ "鸡肉吃了会掉毛", "", "", "chicken", "", false, false },
	{ "吃三文鱼会起疹子", "", "", "salmon", "", false, false },
	{ "喝牛奶拉肚子", "", "", "milk", "", false, false },
	{ "喜欢吃鸡肉，但一吃就拉肚子", "", "", "", "", false, true },
	{ "Loves chicken, but it makes her itch", "", "", "", "", false, true },
	{ "chicken does not make her itch", "", "", "", "", false, false },
	{ "吃鸡肉不会拉肚子", "", "", "", "", false, false },
	{ "吃鸡肉不拉肚子", "", "", "", "", false, false },
	{ "no diarrhea from beef", "", "", "", "", false, false },
	{ "喜欢吃鸡肉，最近拉肚子", "", "", "", "", false, false },
	{ "has diarrhea, likes chicken", "", "", "", "", false, false },
	{ "Has diarrhea. Chicken and rice please", "", "", "", "", false, false },
	{ "itchy skin, feed chicken", "", "", "", "", false, false },
	{ "Chicken: diarrhea. Beef: fine", "", "", "chicken", "", false, false },
	{ "chicken -> itching", "", "", "chicken", "", false, false },
	{ "sensitive stomach, chicken makes it worse", "", "", "chicken", "", false, false },
	{ "no chicken please, it gives her the runs", "", "chicken", "", "", false, false },
	{ "grain free except oats", "", "grain", "", "oat", false, false },
	{ "please use only rabbit as protein", "rabbit", "", "", "", false, false },
	{ "allergic to beef but not chicken", "", "", "beef", "", false, false },
	{ "allergic to beef, not to chicken", "", "", "beef", "", false, false },
	{ "对牛肉过敏，但不对鸡肉过敏", "", "", "beef", "", false, false },
	{ "hasn't eaten duck before", "", "", "", "", false, false },
	/* half understood */
	{ "allergic to capybara and chicken", "", "", "chicken", "", false, true },
	{ "allergic to chicken and capybara", "", "", "chicken", "", false, true },
	{ "allergic to chicken, eats beef daily", "", "", "chicken", "", false, false },
	{ "对鸡肉过敏，牛肉没问题", "", "", "chicken", "", false, false },
	{ "The vet thinks beef may relate to her allergy", "", "", "", "", false, true },
	{ "only 3 months old, likes chicken", "", "", "", "", false, false },
};

static void test_forms(struct arena *arena)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct reading r = read_text(arena, D, str_from(rows[i].text));
		CHECK_STR_ROW(rows[i].text, words_of(arena, r.foods_only), rows[i].only);
		CHECK_STR_ROW(rows[i].text, words_of(arena, r.foods_avoided), rows[i].avoided);
		CHECK_STR_ROW(rows[i].text, words_of(arena, r.foods_allergen), rows[i].allergens);
		CHECK_STR_ROW(rows[i].text, words_of(arena, r.foods_spared), rows[i].spared);
		CHECK_ROW(rows[i].text, r.only_allergy == rows[i].allergy);
		CHECK_ROW(rows[i].text, (r.unclear_count > 0) == rows[i].unclear && r.understood);
	}
	struct reading r = read_text(arena, D, STR("Nice dog。  Loves Chicken, BUT it makes her ITCH！ Walks."));
	CHECK(r.unclear_count == 1);
	CHECK_STR(r.unclear[0], "it makes her ITCH");
	r = read_text(arena, D, STR("喜欢　吃鸡肉，但一吃就拉肚子。"));
	CHECK(r.unclear_count == 1);
	CHECK_STR(r.unclear[0], "一吃就拉肚子");
}

/* A symptom that a food explains is no disease; without a food it is one. */
static void test_symptoms(struct arena *arena)
{
	static const struct {
		const char *text, *condition;
		bool there;
	} symptoms[] = {
		{ "吃鸡肉会拉肚子", "gastrointestinal", false },
		{ "经常拉肚子", "gastrointestinal", true },
		{ "gets diarrhea from beef", "gastrointestinal", false },
		{ "diarrhea for weeks", "gastrointestinal", true },
		{ "beef makes her itchy", "skin", false },
		{ "itchy skin, likes beef", "skin", true },
		{ "diabetes, beef makes her itch", "diabetes_dog", true },
		{ "allergic to everything except duck; kidney disease", "ckd_early", true },
		{ "only eats chicken, pancreatitis", "pancreatitis", true },
	};
	for (size_t i = 0; i < COUNT(symptoms); i++) {
		struct reading r = read_text(arena, D, str_from(symptoms[i].text));
		for (size_t c = 0; c < condition_count; c++) {
			if (strcmp(condition_table[c].id, symptoms[i].condition) == 0)
				CHECK_ROW(symptoms[i].text, r.conditions[c] == symptoms[i].there);
		}
	}
}

static void test_stages(struct arena *arena)
{
	enum { NO, EARLY, LATE };
	static const struct {
		const char *text;
		int stage;
	} stages[] = {
		{ "肾衰竭晚期", LATE },
		{ "肾衰竭已经到晚期", LATE },
		{ "慢性肾病 IRIS 4 期", LATE },
		{ "慢性肾病 IRIS 2 期", EARLY },
		{ "末期肾病", LATE },
		{ "肾功能衰竭终末期", LATE },
		{ "慢性肾衰竭，现在是第三期", LATE },
		{ "肾病 III期", LATE },
		{ "肾病Ⅳ期", LATE },
		{ "慢性肾病，IRIS分期：4期", LATE },
		{ "肾病目前2期", EARLY },
		{ "肾病早期", EARLY },
		{ "肾衰竭，还没到晚期", EARLY },
		{ "肾病，不是晚期", EARLY },
		{ "没有晚期肾病", NO },
		{ "没有肾病", NO },
		{ "重度肾衰竭", LATE },
		{ "尿毒症", LATE },
		{ "肾病和晚期癌症", EARLY },
		{ "end-stage kidney failure", LATE },
		{ "kidney failure, end stage", LATE },
		{ "CKD stage IV", LATE },
		{ "chronic kidney disease (IRIS stage 3)", LATE },
		{ "kidney disease, now in stage 3", LATE },
		{ "renal failure that is quite advanced", LATE },
		{ "severe renal failure", LATE },
		{ "advanced renal insufficiency", LATE },
		{ "late-stage renal disease", LATE },
		{ "uremia", LATE },
		{ "CKD 4", LATE },
		{ "CKD stage 2", EARLY },
		{ "IRIS stage II kidney disease", EARLY },
		{ "early kidney disease", EARLY },
		{ "kidney disease, not end stage", EARLY },
		{ "kidney disease, stage 2, not yet advanced", EARLY },
		{ "no end-stage kidney disease", NO },
		{ "no kidney disease, severe arthritis", NO },
		{ "mild kidney disease and severe arthritis", EARLY },
		{ "severe arthritis. Kidney disease", EARLY },
		{ "grade 3 heart murmur and kidney disease", EARLY },
	};
	for (int s = 0; s < 2; s++) {
		for (size_t i = 0; i < COUNT(stages); i++) {
			struct reading r = read_text(arena, s ? C : D, str_from(stages[i].text));
			int got = NO;
			for (size_t c = 0; c < condition_count; c++) {
				if (!r.conditions[c]) continue;
				if (strncmp(condition_table[c].id, "ckd_late", 8) == 0) got = LATE;
				if (strncmp(condition_table[c].id, "ckd_early", 9) == 0 && got != LATE) got = EARLY;
			}
			CHECK_ROW(stages[i].text, got == stages[i].stage);
		}
	}
}

/* Every form of refusal with every food, and every form of "only": one word for the form, one for the food. */
static const char *const refusals_en[] = {
	"no %s",
	"cannot eat %s",
	"can't have %s",
	"does not eat %s",
	"doesn't like %s",
	"avoid %s",
	"never feed %s",
	"allergic to %s",
	"she is allergic to %s.",
	"%s allergy",
	"intolerant to %s",
	"reacts to %s",
	"%s makes her itch",
	"%s makes him vomit",
	"%s makes it sick",
	"%s upsets his stomach",
	"%s gives her diarrhea",
	"gets diarrhea from %s",
	"throws up after %s",
	"vomits after eating %s",
	"when he eats %s he vomits",
	"eats everything except %s",
	"anything but %s",
	"can't tolerate %s",
	"please leave out %s",
	"must not have %s",
	"%s-free",
};
static const char *const refusals_zh[] = {
	"不吃%s",
	"不能吃%s",
	"不要%s",
	"对%s过敏",
	"%s过敏",
	"%s不耐受",
	"吃%s会拉肚子",
	"吃%s就吐",
	"吃%s会软便",
	"吃%s就拉稀",
	"吃%s会腹泻",
	"吃%s会呕吐",
	"吃%s会痒",
	"吃%s会过敏",
	"吃%s会起疹",
	"吃%s就掉毛",
	"吃%s会长痘",
	"吃了%s就拉肚子",
	"一吃%s就吐",
	"吃完%s后呕吐",
	"%s吃了会拉肚子",
	"除了%s都吃",
	"除了%s，其他都可以吃",
	"%s以外都能吃",
	"%s不能吃",
	"请不要喂%s",
	"避免%s",
	"忌%s",
	"吃不了%s",
	"讨厌%s",
	"别放%s",
};
static const char *const onlys_en[] = {
	"only eats %s",
	"can only eat %s",
	"eats only %s",
	"%s only",
	"nothing but %s",
	"eats nothing but %s",
	"only %s please",
	"no meat other than %s",
	"cannot eat any meat except %s",
	"doesn't eat anything but %s",
	"can't have anything besides %s",
	"allergic to everything except %s",
	"allergic to all meat but %s",
	"except for %s she is allergic to all meat",
	"%s is the only meat he can eat",
};
static const char *const onlys_zh[] = {
	"只吃%s",           "只能吃%s",
	"只喂%s",           "平时只吃%s",
	"只爱吃%s",         "除了%s，其他肉都过敏",
	"除了%s都不吃",     "除了%s以外都不能吃",
	"除%s外都过敏",     "不能吃%s以外的肉",
	"不吃%s以外的东西", "对%s以外的肉都过敏",
	"%s之外的肉都不吃", "所有肉都过敏，%s除外",
	"只有%s不过敏",
};
static const struct {
	const char *en, *zh, *id;
} foods[] = {
	{ "chicken", "鸡肉", "chicken" }, { "beef", "牛肉", "beef" },       { "pork", "猪肉", "pork" },
	{ "lamb", "羊肉", "lamb" },       { "duck", "鸭肉", "duck" },       { "turkey", "火鸡", "turkey" },
	{ "rabbit", "兔肉", "rabbit" },   { "venison", "鹿肉", "venison" }, { "fish", "鱼", "fish" },
	{ "salmon", "三文鱼", "salmon" }, { "cod", "鳕鱼", "cod" },         { "shrimp", "虾", "shrimp" },
};

static struct str fill(struct arena *arena, const char *form, const char *food)
{
	struct str all = str_from(form);
	size_t at = str_find(all, STR("%s"), 0);
	return str_printf(arena, "%.*s%s%s", (int)at, form, food, form + at + 2);
}

static bool has(const bool *rows_found, const char *id)
{
	for (size_t i = 0; i < food_word_count; i++) {
		if (rows_found[i] && strcmp(food_word_table[i].id, id) == 0) return true;
	}
	return false;
}

static void check_refusals(struct arena *arena, const char *const *forms, size_t count, bool zh)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < COUNT(foods); k++) {
			struct arena_mark mark = arena_mark(arena);
			struct str text = fill(arena, forms[i], zh ? foods[k].zh : foods[k].en);
			struct reading r = read_text(arena, D, text);
			CHECK_ROW(str_dup_c(arena, text),
			          has(r.foods_avoided, foods[k].id) || has(r.foods_allergen, foods[k].id));
			CHECK_ROW(str_dup_c(arena, text), !has(r.foods_only, foods[k].id) && !r.unclear_count);
			arena_rewind(arena, mark);
		}
}

static void check_onlys(struct arena *arena, const char *const *forms, size_t count, bool zh)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < COUNT(foods); k++) {
			struct arena_mark mark = arena_mark(arena);
			struct str text = fill(arena, forms[i], zh ? foods[k].zh : foods[k].en);
			struct reading r = read_text(arena, D, text);
			CHECK_STR_ROW(str_dup_c(arena, text), words_of(arena, r.foods_only), foods[k].id);
			CHECK_ROW(str_dup_c(arena, text),
			          !has(r.foods_avoided, foods[k].id) && !has(r.foods_allergen, foods[k].id));
			CHECK_ROW(str_dup_c(arena, text), !r.unclear_count && !r.allergy_unnamed);
			arena_rewind(arena, mark);
		}
}

static uint64_t dice = 88172645463325252u;
static size_t roll(size_t sides)
{
	dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
	return dice % sides;
}

/* Words of the grammar in any order: reading ends, twice the same is the same, and what is quoted lies in the text. */
static void test_any_order(struct arena *arena)
{
	static const char *const parts[] = {
		"only",  "除了",    "以外", "except",     "but",    "everything", "allergic to", "过敏",
		"makes", "her",     "itch", "会",         "就",     "拉肚子",     "吃",          "不吃",
		"eats",  "after",   "没有", "no",         "鸡肉",   "beef",       "fish",        "salmon",
		"米饭",  "，",      ", ",   "。",         ". ",     "和",         "and",         "只吃",
		"除外",  "其他",    "肉",   "都",         "also",   "还",         "kibble",      "肾病",
		"晚期",  "stage 4", "not",  "likes",      "喜欢",   "\xe9",       "quux",        "no meat",
		"外",    "一吃",    "but",  "because of", "upsets", "a little",   "stomach",     "disagrees with",
		"只有",  "不过敏",  "none", "不",
	};
	const struct lexicon *lexicon = lexicon_create(arena, D);
	for (int round = 0; round < 6000; round++) {
		struct arena_mark mark = arena_mark(arena);
		struct strbuf text;
		strbuf_init(&text, arena);
		strbuf_reserve(&text, 1);
		size_t count = 1 + roll(16);
		for (size_t i = 0; i < count; i++) {
			strbuf_add_cstr(&text, parts[roll(COUNT(parts))]);
			if (roll(2)) strbuf_add_char(&text, ' ');
		}
		char *exact =
		    arena_alloc(arena, text.len); /* no room behind it: reading over the end is seen by the sanitizer */
		memcpy(exact, text.data, text.len);
		struct reading r, again;
		reading_init(&r, arena);
		reading_init(&again, arena);
		enum reading_topic topic = (enum reading_topic)(round % 4);
		reading_add(&r, lexicon, arena, (struct str){ exact, text.len }, topic);
		reading_add(&again, lexicon, arena, (struct str){ exact, text.len }, topic);
		CHECK(str_equal(words_of(arena, r.foods_only), words_of(arena, again.foods_only)));
		CHECK(str_equal(words_of(arena, r.foods_allergen), words_of(arena, again.foods_allergen)));
		CHECK(r.unclear_count <= READING_UNCLEAR_MAX && r.unclear_count == again.unclear_count);
		for (size_t i = 0; i < r.unclear_count; i++)
			CHECK(r.unclear[i].ptr >= exact && r.unclear[i].ptr + r.unclear[i].len <= exact + text.len);
		arena_rewind(arena, mark);
	}
}

/* Clauses in any order: a food that stands only behind "likes" is never left out, one that is refused always is. */
static void test_clauses(struct arena *arena)
{
	static const char *const likes[2][3] = { { "likes %s", "loves %s", "can eat %s" },
		                                 { "喜欢%s", "喜欢吃%s", "可以吃%s" } };
	static const char *const ends[2][2] = { { ". ", "; " }, { "。", "；" } };
	static const char *const fillers[2][3] = { { "Very active", "two meals a day", "healthy" },
		                                   { "很活泼", "每天两餐", "健康" } };
	for (int round = 0; round < 3000; round++) {
		struct arena_mark mark = arena_mark(arena);
		int zh = round % 2;
		const char *const *refusals = zh ? refusals_zh : refusals_en;
		size_t refusal_count = zh ? COUNT(refusals_zh) : COUNT(refusals_en);
		bool liked[COUNT(foods)] = { false }, refused[COUNT(foods)] = { false };
		struct strbuf text;
		strbuf_init(&text, arena);
		for (size_t i = 0, count = 1 + roll(4); i < count; i++) {
			size_t kind = roll(3), food = roll(COUNT(foods));
			const char *name = zh ? foods[food].zh : foods[food].en;
			struct str clause = kind == 0   ? fill(arena, likes[zh][roll(3)], name)
			                    : kind == 1 ? fill(arena, refusals[roll(refusal_count)], name)
			                                : str_from(fillers[zh][roll(3)]);
			strbuf_add(&text, clause.ptr, clause.len);
			strbuf_add_cstr(&text, ends[zh][roll(2)]);
			if (kind == 0) liked[food] = true;
			if (kind == 1) refused[food] = true;
		}
		struct reading r = read_text(arena, D, strbuf_str(&text));
		for (size_t k = 0; k < COUNT(foods); k++) {
			bool out = has(r.foods_avoided, foods[k].id) || has(r.foods_allergen, foods[k].id);
			CHECK_ROW(text.data, !refused[k] || out);
			CHECK_ROW(text.data, refused[k] || !liked[k] || (!out && has(r.foods_liked, foods[k].id)));
		}
		CHECK_ROW(text.data, words_of(arena, r.foods_only).len == 0);
		arena_rewind(arena, mark);
	}
}

int main(void)
{
	struct arena *arena = arena_create(0);
	test_forms(arena);
	test_symptoms(arena);
	test_stages(arena);
	check_refusals(arena, refusals_en, COUNT(refusals_en), false);
	check_refusals(arena, refusals_zh, COUNT(refusals_zh), true);
	check_onlys(arena, onlys_en, COUNT(onlys_en), false);
	check_onlys(arena, onlys_zh, COUNT(onlys_zh), true);
	test_any_order(arena);
	test_clauses(arena);
	arena_destroy(&arena);
	return check_done("unit_forms");
}
