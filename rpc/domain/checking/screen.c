#include "rpc/domain/checking/screen.h"

#include <string.h>

/* Words are separated by '|'; English in lower case and singular, whole words only. */
static const struct poison {
	const char *id, *en, *zh;
	const char *harmless; /* longer words in which one of the above stands by chance */
} poisons[] = {
	{ "allium", "onion|scallion|garlic|leek|chive|shallot", "葱|蒜|韭", "" },
	{ "grape", "grape|raisin|sultana|currant|tamarind|cream of tartar", "葡萄|提子|罗望子|塔塔粉",
	  "葡萄糖|葡萄籽油|grape seed oil" },
	{ "xylitol", "xylitol|birch sugar|e967", "木糖醇|代糖", "" },
	{ "chocolate", "chocolate|cocoa|cacao|brownie", "巧克力|可可|布朗尼", "" },
	{ "caffeine", "coffee|tea|espresso|caffeine|cola|matcha|guarana", "咖啡|茶叶|浓茶|可乐|抹茶|能量饮料", "" },
	{ "macadamia", "macadamia", "夏威夷果|澳洲坚果|澳洲胡桃", "" },
	{ "nuts", "black walnut|pecan", "黑核桃|碧根果", "" },
	{ "alcohol", "alcohol|wine|beer|liquor|rum|brandy|sake", "料酒|白酒|啤酒|黄酒|红酒|米酒|醪糟|酒酿", "" },
	{ "dough", "raw dough|yeast dough|bread dough|sourdough", "生面团|发面|面肥", "" },
	{ "hops", "hops", "啤酒花", "" },
	{ "bones", "cooked bone|chicken bone|rib bone|fish bone", "熟骨头|鸡骨|骨头|鱼骨|鸡架", "" },
	{ "nutmeg", "nutmeg|mace", "肉豆蔻|肉蔻", "" },
	{ "avocado", "avocado|guacamole", "牛油果|鳄梨|酪梨", "" },
	{ "solanine", "green potato|sprouted potato|raw potato|green tomato|tomato leave",
	  "发芽土豆|绿皮土豆|生土豆|青番茄|青西红柿", "" },
	{ "stones", "cherry|cherries|apricot kernel|apple seed|peach pit", "樱桃|车厘子|桃核|李子核|苹果籽", "" },
	{ "mushroom", "wild mushroom|foraged mushroom", "野生蘑菇|野生菌", "" },
	{ "rhubarb", "rhubarb", "大黄", "" },
	{ "star fruit", "star fruit|carambola", "杨桃", "" },
	{ "herbs", "aloe|comfrey|pennyroyal|ma huang|tea tree|essential oil", "芦荟|聚合草|麻黄|精油", "" },
	{ "spices", "chili|chilli|curry|mustard|wasabi|star anise", "辣椒|咖喱|芥末|花椒|八角", "" },
	{ "salted", "soy sauce|bacon|ham|sausage|salami|msg|pickle",
	  "酱油|咸菜|火腿|香肠|培根|味精|鸡精|腊肉|咸鱼|蚝油", "" },
	{ "medicine", "paracetamol|acetaminophen|ibuprofen|aspirin|tylenol", "扑热息痛|对乙酰氨基酚|布洛芬|阿司匹林",
	  "" },
	{ "sweets", "candy|candies|honey|syrup|chewing gum", "糖果|蜂蜜|糖浆|口香糖", "" },
};

/* Longer words stand before those that they contain. */
static const struct allergen {
	const char *words;
	const char *groups; /* separated by blanks; "" = a word that only hides a shorter one */
} allergens[] = {
	{ "sweet potato|红薯|地瓜|番薯", "sweet_potato" },
	{ "potato|potatoes|土豆|马铃薯", "potato" },
	{ "蛋白质", "" },
	{ "鸡蛋|鸭蛋|鹌鹑蛋|egg|蛋黄", "egg" },
	{ "turkey|火鸡", "turkey" },
	{ "chicken|poultry|鸡|禽", "chicken turkey duck egg" },
	{ "duck|鸭", "duck" },
	{ "牛奶|羊奶|milk|dairy|cheese|yogurt|yoghurt|lactose|乳制品|奶|乳糖|芝士", "dairy" },
	{ "bison|buffalo|yak|野牛|牦牛|水牛", "bison beef" },
	{ "beef|veal|牛", "beef bison" },
	{ "pork|猪", "pork" },
	{ "goat|山羊", "goat lamb" },
	{ "lamb|mutton|羊", "lamb goat" },
	{ "rabbit|兔", "rabbit" },
	{ "venison|deer|鹿", "venison" },
	{ "seafood|海鲜", "fish shellfish" },
	{ "shellfish|shrimp|prawn|crab|mussel|oyster|虾|蟹|贝|牡蛎", "shellfish" },
	{ "fish|salmon|tuna|sardine|cod|mackerel|鱼", "fish" },
	{ "蛋", "egg" },
	{ "荞麦|buckwheat", "buckwheat" },
	{ "燕麦|oat", "oat" },
	{ "大麦|barley", "barley" },
	{ "gluten|麸质", "wheat barley" },
	{ "wheat|小麦|麦", "wheat" },
	{ "玉米|corn|maize", "corn" },
	{ "小米|millet", "millet" },
	{ "糙米|大米|白米|rice|米", "rice" },
	{ "soy|soya|soybean|tofu|大豆|黄豆|豆腐", "soy" },
	{ "legume|bean|pea|lentil|chickpea|豆", "legume soy" },
};

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }
static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c; }

static bool same_at(struct str text, size_t at, struct str word)
{
	if (word.len > text.len - at) return false;
	for (size_t i = 0; i < word.len; i++)
		if (lower(text.ptr[at + i]) != word.ptr[i]) return false;
	return true;
}

/* Offset of the word at or after `from`, SIZE_MAX if none. A Latin word must stand alone, an "s" at its end apart. */
static size_t find_word(struct str text, struct str word, size_t from)
{
	if (!is_letter(word.ptr[0])) return str_find(text, word, from); /* Chinese has neither case nor word ends */
	for (size_t at = from; at < text.len; at++) {
		if (lower(text.ptr[at]) != word.ptr[0] || !same_at(text, at, word)) continue;
		size_t end = at + word.len;
		if (end < text.len && lower(text.ptr[end]) == 's') end++;
		if ((at == 0 || !is_letter(text.ptr[at - 1])) && (end == text.len || !is_letter(text.ptr[end])))
			return at;
	}
	return SIZE_MAX;
}

static bool has_any(struct str text, const char *words)
{
	struct str rest = str_from(words), word;
	while (str_split(&rest, '|', &word))
		if (word.len && find_word(text, word, 0) != SIZE_MAX) return true;
	return false;
}

/* "no onion", "xylitol-free", 不含木糖醇: the word itself is denied. */
static bool is_denied(struct str text, size_t at, size_t len)
{
	static const char *const before[] = { "no ", "not ", "without ", "不含", "不加", "不放", "不添加", "无", "去" };
	static const char *const after[] = { " free", "-free" };
	struct str head = { text.ptr, at }, tail = { text.ptr + at + len, text.len - at - len };
	for (size_t i = 0; i < COUNT(before); i++) {
		struct str word = str_from(before[i]);
		if (head.len >= word.len && same_at(head, head.len - word.len, word)) return true;
	}
	for (size_t i = 0; i < COUNT(after); i++)
		if (tail.len && same_at(tail, 0, str_from(after[i]))) return true;
	return false;
}

static bool is_harmless(struct str text, size_t at, const char *harmless)
{
	struct str rest = str_from(harmless), word;
	while (str_split(&rest, '|', &word))
		if (word.len && same_at(text, at, word)) return true;
	return false;
}

/* warnings_pass: a negation anywhere before the word excuses it. */
static bool speaks_of(struct str text, const char *words, const char *harmless, bool warnings_pass)
{
	struct str rest = str_from(words), word;
	while (str_split(&rest, '|', &word))
		for (size_t at = 0; word.len && (at = find_word(text, word, at)) != SIZE_MAX; at += word.len) {
			if (is_denied(text, at, word.len) || is_harmless(text, at, harmless)) continue;
			struct str head = { text.ptr, at };
			if (!warnings_pass || !has_any(head, "no|not|never|without|avoid|don't|不|勿|忌|避免|禁|别"))
				return true;
		}
	return false;
}

static const char *poison_in(struct str text, bool warnings_pass)
{
	for (size_t i = 0; i < COUNT(poisons); i++)
		if (speaks_of(text, poisons[i].en, poisons[i].harmless, warnings_pass) ||
		    speaks_of(text, poisons[i].zh, poisons[i].harmless, warnings_pass))
			return poisons[i].id;
	return NULL;
}

const char *screen_name(struct str name) { return poison_in(name, false); }

/* Takes the part before the next separator off *rest. */
static bool next_part(struct str *rest, const char *separators, struct str *out)
{
	if (!rest->len) return false;
	size_t end = rest->len, skip = 0;
	struct str list = str_from(separators), mark;
	while (str_split(&list, '|', &mark)) {
		size_t at = str_find(*rest, mark, 0);
		if (at < end) {
			end = at;
			skip = mark.len;
		}
	}
	*out = (struct str){ rest->ptr, end };
	rest->ptr += end + skip;
	rest->len -= end + skip;
	return true;
}

const char *screen_text(struct str text)
{
	struct str sentence;
	while (next_part(&text, "。|；|！|!|;|. |\n", &sentence)) {
		const char *found = poison_in(sentence, true);
		if (found) return found;
	}
	return NULL;
}

bool screen_groups_has(const struct screen_groups *set, const char *group)
{
	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->groups[i], group) == 0) return true;
	return false;
}

static void add_groups(struct screen_groups *set, const char *groups)
{
	static const char *const known[] = { "chicken", "turkey",  "duck",   "egg",       "dairy",
		                             "beef",    "bison",   "pork",   "goat",      "lamb",
		                             "rabbit",  "venison", "fish",   "shellfish", "buckwheat",
		                             "oat",     "barley",  "wheat",  "corn",      "millet",
		                             "rice",    "soy",     "legume", "potato",    "sweet_potato" };
	struct str rest = str_from(groups), group;
	while (str_split(&rest, ' ', &group))
		for (size_t i = 0; i < COUNT(known); i++)
			if (str_equal(group, str_from(known[i])) && !screen_groups_has(set, known[i]))
				set->groups[set->count++] = known[i]; /* COUNT(known) < SCREEN_GROUPS_MAX */
}

void screen_allergen(struct str word, struct screen_groups *set)
{
	char copy[512]; /* words that were taken are blanked, so that 鸡蛋 does not also mean 鸡 */
	struct str text = { copy, word.len < sizeof(copy) ? word.len : sizeof(copy) };
	memcpy(copy, word.ptr ? word.ptr : "", text.len);
	for (size_t i = 0; i < COUNT(allergens); i++) {
		struct str rest = str_from(allergens[i].words), name;
		while (str_split(&rest, '|', &name))
			for (size_t at = 0; (at = find_word(text, name, at)) != SIZE_MAX;) {
				add_groups(set, allergens[i].groups);
				memset(copy + at, ' ', name.len);
			}
	}
}

static void remove_groups(struct screen_groups *set, const struct screen_groups *spared)
{
	size_t kept = 0;
	for (size_t i = 0; i < set->count; i++)
		if (!screen_groups_has(spared, set->groups[i])) set->groups[kept++] = set->groups[i];
	set->count = kept;
}

/* Offset of the first of the words, SIZE_MAX if there is none. */
static size_t find_any(struct str text, const char *words, size_t *len)
{
	size_t first = SIZE_MAX;
	struct str rest = str_from(words), word;
	while (str_split(&rest, '|', &word)) {
		size_t at = find_word(text, word, 0);
		if (at >= first) continue;
		first = at;
		*len = word.len;
	}
	return first;
}

/* "allergic to everything except duck", 除了鸡肉，其他肉都过敏: what is excepted is no allergen, and if nothing else is named
 * all other animals are. False if the sentence has no exception; one that is denied or adds to it is left to the planner. */
static bool read_exception(struct str sentence, struct screen_groups *set)
{
	size_t len = 0, at = find_any(sentence, "except|other than|besides|apart from|but|除了|除", &len),
	       behind_len = 0;
	size_t behind = find_any(sentence, "以外|之外|除外", &behind_len);
	if (at == SIZE_MAX && behind == SIZE_MAX) return false;
	if (at != SIZE_MAX && same_at(sentence, at, STR("but")) &&
	    !has_any((struct str){ sentence.ptr, at }, "everything|anything|all|any"))
		return false;
	if (!has_any(sentence, "allergic|allergy|allergies|过敏")) return true;
	if (has_any(sentence, "no|not|never|without|also|too|不|无|没|还|也")) return true;
	struct screen_groups spared = { 0 };
	struct str named = sentence;
	if (behind != SIZE_MAX && (at == SIZE_MAX || at == behind)) {
		named.len = behind;
		size_t comma = SIZE_MAX; /* 所有肉都过敏，鸭肉除外 */
		for (size_t from = 0; (from = str_find(named, STR("，"), from)) != SIZE_MAX; from += 3)
			comma = from + 3;
		if (comma != SIZE_MAX) named = (struct str){ named.ptr + comma, named.len - comma };
	} else {
		named = (struct str){ sentence.ptr + at + len, sentence.len - at - len };
		size_t skip = 0, end = find_any(named, "，|, |以外|之外|其他|别的|所有", &skip);
		if (end != SIZE_MAX) named.len = end;
	}
	screen_allergen(named, &spared);
	if (!spared.count) return true;
	static const char *const animals =
	    "chicken turkey duck egg dairy beef bison pork goat lamb rabbit venison fish shellfish";
	struct screen_groups all = { 0 };
	size_t named_at = (size_t)(named.ptr - sentence.ptr), named_end = named_at + named.len;
	screen_allergen((struct str){ sentence.ptr, named_at }, &all);
	screen_allergen((struct str){ sentence.ptr + named_end, sentence.len - named_end }, &all);
	struct screen_groups every = { 0 };
	add_groups(&every, animals);
	/* "except rice" says nothing of meat */
	for (size_t i = 0; i < spared.count && !all.count; i++)
		if (screen_groups_has(&every, spared.groups[i])) all = every;
	remove_groups(&all, &spared);
	for (size_t i = 0; i < all.count; i++) add_groups(set, all.groups[i]);
	return true;
}

/* 吃鸡肉会拉肚子, "beef makes her itch": the food between "eats" and the effect, or before "makes". */
static void read_effect(struct str clause, struct screen_groups *set)
{
	size_t len = 0, effect = find_any(clause, "拉肚子|拉稀|软便|腹泻|呕吐|就吐|会吐|起疹|发痒|就痒|会痒", &len);
	size_t eats = find_any(clause, "吃|喝", &len);
	if (effect != SIZE_MAX && eats < effect && !has_any(clause, "不|没|无|喜欢|爱|除"))
		screen_allergen((struct str){ clause.ptr + eats, effect - eats }, set);
	size_t makes = find_any(clause, "makes|make|upsets", &len);
	if (makes != SIZE_MAX && !has_any(clause, "no|not|never|doesn't|don't|likes|loves|except|but") &&
	    has_any(clause, "itch|itchy|vomit|sick|stomach"))
		screen_allergen((struct str){ clause.ptr, makes }, set);
}

void screen_allergy_text(struct str text, struct screen_groups *set)
{
	struct str sentence, clause;
	while (next_part(&text, "。|；|！|!|;|. |\n", &sentence)) {
		if (read_exception(sentence, set)) continue;
		while (next_part(&sentence, "，|, | but |但", &clause)) {
			bool allergy = has_any(clause, "allergic|allergy|allergies|intolerant|intolerance|过敏|不耐受");
			struct str cleaned = clause;
			size_t at = str_find(clause, STR("不耐受"), 0); /* its 不 denies nothing */
			if (at != SIZE_MAX) cleaned.len = at;
			if (allergy && !has_any(cleaned, "no|not|never|without|only|不|无|没|只"))
				screen_allergen(clause, set);
			if (!allergy) read_effect(clause, set);
		}
	}
}
