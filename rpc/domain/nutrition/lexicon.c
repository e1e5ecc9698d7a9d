#include "rpc/domain/nutrition/lexicon.h"

#include <string.h>

#include "rpc/domain/nutrition/conditions.h"
#include "rpc/domain/nutrition/food_words.h"
#include "rpc/domain/nutrition/foods.h"
#include "rpc/domain/nutrition/safety.h"

struct entry {
	struct str word; /* normalised */
	unsigned role;
	size_t row;               /* of the role's table */
	const struct entry *next; /* of the same first byte */
};
struct lexicon {
	struct arena *arena;
	const struct entry *by_first[256];
};

/* The little words. Phrases are listed whole where their parts would say something else ("does not eat"). */
static const struct {
	unsigned role;
	const char *words;
} little_words[] = {
	{ ROLE_NEGATION, "no|not|never|without|none of|isn't|isnt|is not|doesn't|doesnt|does not|doesn't have|does not "
	                 "have|hasn't|hasnt|"
	                 "has not|haven't|have not|don't|dont|do not|didn't|did not|wasn't|was not|free of|free "
	                 "from|negative for|ruled out|"
	                 "rule out|no longer|neither|nor|prevent|prevents|preventing|prevention "
	                 "of|没有|没|无|未|不是|并非|从未|没得|未患|未见|"
	                 "排除|已排除|预防|防止|并无|暂无|从无|没有过|没得过|没患|不存在|未发现" },
	{ ROLE_NOTHING, "none|nil|n/a|na|nothing|negative|no|absent|false|ruled out|is ruled out|was ruled out|has "
	                "been ruled out|无|没有|没|"
	                "阴性|否|暂无|未见|未发现|已排除|不适用|不存在" },
	{ ROLE_AVOID,
	  "avoid|avoids|avoiding|exclude|excludes|excluding|dislike|dislikes|hate|hates|refuse|refuses|refuses to "
	  "eat|rejects|"
	  "won't eat|wont eat|will not eat|doesn't eat|doesnt eat|does not eat|don't eat|dont eat|do not eat|never "
	  "eats|"
	  "cannot eat|can't eat|cant eat|can not eat|cannot have|can't have|don't give|dont give|do not give|don't "
	  "feed|"
	  "do not feed|never feed|never give|don't use|do not use|don't add|do not add|don't include|do not include|"
	  "doesn't like|doesnt like|does not like|don't like|do not like|don't want|do not want|doesn't want|does not "
	  "want|"
	  "leave out|leaving out|skip|remove|stay away from|keep away from|must not eat|"
	  "should not eat|shouldn't eat|mustn't eat|not allowed|not fond of|can't stand|cannot tolerate|can't tolerate|"
	  "不吃|不要|不能吃|不喜欢|不喜欢吃|讨厌|忌口|忌|忌食|不含|避免|避开|别放|不放|不加|别加|拒绝|拒食|去掉|"
	  "不可以吃|"
	  "禁止|不给|别给|别喂|不喂|不爱|不爱吃|不肯吃|不适合吃|不适合|不宜|不宜吃|不想要|不想吃|不用|剔除|换掉|不添加|"
	  "不使用|不可以|"
	  "不能|不碰|不沾|从不吃|不要放|不要加|不要喂|不要吃|请不要|请勿|勿喂|勿" },
	{ ROLE_ALLERGY,
	  "allergic|allergic to|allergy|allergies|allergy to|allergies to|allergen|allergens|intolerant|intolerant to|"
	  "intolerance|intolerances|food allergy|food allergies|food allergic|reacts to|reacts badly to|sensitive to|"
	  "sensitivity to|过敏|过敏原|过敏源|致敏|不耐受|食物过敏|过敏史|过敏体质|会过敏|有过敏" },
	{ ROLE_NO_ALLERGY,
	  "not allergic|not allergic to|isn't allergic|isn't allergic to|is not allergic to|is not allergic|no allergy|"
	  "no allergy to|no allergies|no allergies to|no known allergy|no known allergies|no known allergies to|"
	  "no food allergy|no food allergies|no known food allergies|never allergic to|without "
	  "allergies|不过敏|无过敏|没有过敏|"
	  "无食物过敏|没有食物过敏|无过敏史|没有过敏史|未发现过敏|暂无过敏|没过敏|从不过敏|不会过敏|没有过敏原|"
	  "无过敏原|并不过敏|无已知过敏" },
	{ ROLE_NOT_FOOD, "pollen|dust|dust "
	                 "mite|mite|flea|fleas|grass|penicillin|vaccine|vaccination|environmental|seasonal|mold spores|"
	                 "花粉|尘螨|螨虫|粉尘|灰尘|跳蚤|疫苗|青霉素|药物|环境|季节性" },
	{ ROLE_LIKE,
	  "like|likes|love|loves|enjoy|enjoys|prefer|prefers|can eat|may eat|is fine|are fine|is ok|are ok|is "
	  "okay|fine with|"
	  "want|wants|would "
	  "like|give|gives|feed|feeds|eat|eats|eating|use|add|include|feeding|giving|please|喜欢|爱吃|可以吃|能吃|可以|"
	  "想吃|多吃|请给|要吃|最爱|喜欢吃|偏爱|平时吃|在吃|喂|吃|放|加|没问题|都行|用|添加" },
	{ ROLE_CONNECT, "and|or|&|plus|as well as|和|与|及|以及|或|或者|跟|还有|也" },
	{ ROLE_SOFT, "any|a|an|the|some|kind of|kinds of|type of|types of|all|both|every|forms "
	             "of|of|meat|meats|products|product|based|"
	             "ingredients|ingredient|food|foods|other|too|much|very|really|also|either|too much|too "
	             "many|many|任何|一切|所有|各种|"
	             "类|制品|肉|等|等等|之类|之类的|的|都|食物|食品|食材|东西|一点|太多|过多|全部" },
	{ ROLE_LEAD, "sign of|signs of|sign|signs|history "
	             "of|history|known|have|has|had|having|been|be|is|are|was|diagnosed with|diagnosed|"
	             "with|suffer|suffers|suffering from|suffering|from|evidence "
	             "of|evidence|symptom|symptoms|previous|current|currently|"
	             "ever|to|in|on|it|he|she|him|her|them|his|its|my|dog|cat|对|给|它|他|她|过|得过|有过|患过|患有|患|"
	             "得|有|会|发现|出现|"
	             "明显|史|我家|狗|猫|狗狗|猫咪|了|是|为" },
	{ ROLE_FREE, "free" },
	/* "not too much oil" leaves oil in: these hold a refusal and are none. */
	{ ROLE_OTHER,
	  "not too much|not too many|don't give too much|do not give too much|avoid too much|not only|no more than|"
	  "不能吃太多|不要太多|不要吃太多|不宜过多|不宜吃太多|不要放太多|不要喂太多|不挑食|没有特别|不仅" },
	{ ROLE_OTHER,
	  "never eaten|has never eaten|hasn't eaten|has not eaten|没吃过|从没吃过|从未吃过|没有吃过|不挑|not "
	  "just|isn't just|不只|不光|不单|不止|吐司|吐槽" },
	{ ROLE_NEGATION, "不会|不再|从来不|没再|never gets|never has|stops|stopped" },
	{ ROLE_LIKE,
	  "tolerates|tolerates well|can tolerate|can handle|does well on|doing well on|is safe|are safe|safe with|"
	  "okay with|ok with|good "
	  "with|喝|喂食|都可以|都能吃|可以吃|没事|能耐受|耐受|不能不吃|离不开|离不了|必须吃|must eat|has to "
	  "eat|还行|也行" },
	{ ROLE_AVOID,
	  "can't digest|cannot digest|can not digest|can't handle|cannot handle|doesn't tolerate|does not "
	  "tolerate|doesn't do well on|does not do well on|doesn't do well with|not able to eat|unable to eat|"
	  "isn't allowed|is not allowed|is not allowed to eat|isn't allowed to eat|can't be fed|cannot be "
	  "fed|may not eat|may not have|must not have|shouldn't have|should not have|"
	  "吃不了|碰不得|吃不得|不能碰|不能喂|不能有|不能沾|受不了|不可食用|不能食用|严禁|杜绝|戒|禁食|禁吃" },
	{ ROLE_ALLERGY,
	  "allergic reaction|allergic reaction to|bad reaction to|bad reactions to|reaction to|reactions to|"
	  "react to|react badly to|reacted to|reacted badly to|reacts poorly to|intolerance to|intolerances to|"
	  "intolerance of" },
	{ ROLE_ONLY,
	  "single protein|单一蛋白|单一蛋白质|only|solely|exclusively|nothing but|nothing except|nothing other "
	  "than|nothing besides|nothing apart "
	  "from|nothing else but|nothing else than|just eats|eats just|can just eat|limited to|只|仅|只能|只吃|"
	  "只能吃|只可以|只可以吃|只喂|只能喂|只给|只会吃|只肯吃|只爱吃|只喜欢|只喜欢吃|只有|只想吃|只认|唯一|"
	  "唯独|只要|光吃|仅能吃|仅吃|仅能|仅限|限于" },
	{ ROLE_EXCEPT, "except|except for|excepting|other than|besides|apart from|aside from|with the exception of|"
	               "excluding|save for|除了|除|除开|除去" },
	{ ROLE_EXCEPT | ROLE_ALL,
	  "everything but|anything but|all but|other meat than|other meats than|other protein than|"
	  "other proteins than|other food than|anything else than|anything else but|no other than" },
	{ ROLE_BESIDE, "以外|之外|除外" },
	{ ROLE_ALL,
	  "everything|anything|all|any|every|other|others|else|everything else|anything else|all other|all others|"
	  "the rest|rest|其他|其它|其余|所有|一切|任何|别的|什么|全部|各种|凡是" },
	{ ROLE_ADD, "also|as well|too|in addition|additionally|还|还有|也|同时|另外" },
	{ ROLE_EAT,
	  "eat|eats|eating|eaten|ate|feed|feeds|feeding|fed|drink|drinks|drinking|drank|having|had|has|given|"
	  "being fed|being given|is fed|is given|gets fed|吃|喝|喂|吃完|吃过|吃了|吃到|喝完|喝了|喝到|喂了|喂完|多吃|"
	  "吃点|喝点|进食|食用|摄入" },
	{ ROLE_CAUSE,
	  "make|makes|made|making|give|gives|gave|giving|cause|causes|caused|trigger|triggers|triggered|upset|"
	  "upsets|leads to|lead to|results in|brings on|set off|sets off|导致|引起|引发|造成|让|使" },
	{ ROLE_SYMPTOM,
	  "itch|itches|itchy|itching|scratch|scratches|scratching|vomit|vomits|vomited|vomiting|throw up|throws "
	  "up|threw "
	  "up|throwing up|puke|pukes|puking|sick|ill|unwell|diarrhea|diarrhoea|the runs|runny poop|runny stool|runny "
	  "stools|"
	  "loose stool|loose stools|soft stool|soft stools|loose poop|gas|gassy|flatulence|bloat|bloated|bloating|rash|"
	  "rashes|hives|hot spots|swell|swells|swelling|break out|breaks out|red skin|bumps|stomach|tummy|belly|gut|"
	  "digestion|stomach ache|stomach upset|upset stomach|upset tummy|stomach problems|tummy trouble|cramps|colic|"
	  "ear infection|ear infections|sneeze|sneezes|sneezing|worse|trouble|uncomfortable|lethargic|poorly|hair "
	  "loss|lose hair|loses hair|"
	  "拉肚子|拉稀|软便|稀便|腹泻|便血|血便|吐|呕吐|吐了|呕|痒|发痒|瘙痒|皮肤痒|抓痒|挠痒|挠|起疹|起疹子|疹子|皮疹|"
	  "荨麻疹|起红点|红点|红肿|发红|泛红|掉毛|脱毛|长痘|长痘痘|黑下巴|泪痕|胀气|放屁|肚子疼|肚子痛|肠胃不适|不舒服|"
	  "不消化|消化不良|就拉|会拉|老拉|总拉|爱拉|拉软|耳朵发炎|打喷嚏|肿" },
	{ ROLE_UPSETS,
	  "disagrees with|disagree with|doesn't agree with|does not agree with|don't agree with|do not agree "
	  "with|doesn't sit well|does not sit well|don't sit well|is bad for|are bad for|is off limits|are off "
	  "limits|is a no go|is forbidden|are forbidden|gives trouble|give trouble" },
	{ ROLE_FROM,
	  "from|after|when|whenever|if|since|because of|due to|caused by|upon|triggered by|every time|each time|"
	  "any time|anytime|following|once|as soon as|因为|由于|每次|只要|一旦|如果|一吃|一喝|一碰" },
	{ ROLE_LINK,
	  "then|always|usually|often|sometimes|immediately|again|shortly|will|would|may|can|get|gets|got|getting|"
	  "会|就|就会|便|后|之后|以后|后就|后会|马上|立刻|容易|总|总是|老是|经常|常|必|必定|可能|有时|偶尔|了|"
	  "时|的时候|的话|出现|有|又|还会|都会|全都|一直|严重" },
	{ ROLE_FEW,
	  "a little|a bit|a bit of|little|small amount|small amounts|small amount of|small amounts of|in small "
	  "amounts|in moderation|sometimes|occasionally|once a week|twice a "
	  "week|少量|少许|一点|一点点|一点儿|有点|有些|轻微|slightly|mildly|适量|偶尔|"
	  "几口|一口|一小块" },
	{ ROLE_LATE,
	  "end stage|endstage|late stage|later stage|last stage|final stage|final stages|end stages|late "
	  "stages|advanced|"
	  "severe|severely|terminal|decompensated|stage 3|stage 4|stage iii|stage iv|stage iiia|stage iiib|stage "
	  "3a|stage "
	  "3b|stage: 3|stage: 4|stage:3|stage:4|stage three|stage four|third stage|fourth stage|3rd stage|4th stage|"
	  "stage3|stage4|stages 3|stages 4|stage ⅲ|stage ⅳ|"
	  "晚期|末期|终末期|终末|后期|中晚期|重度|严重|很严重|"
	  "失代偿|失代偿期|衰竭期|尿毒症期|三期|四期|第三期|第四期|三级|四级|三阶段|四阶段|第三阶段|第四阶段|3期|4期|3 "
	  "期|4 期|"
	  "3级|4级|第3期|第4期|第 3 期|第 4 期|ⅲ期|ⅳ期|ⅲ 期|ⅳ 期|Ⅲ期|Ⅳ期|Ⅲ 期|Ⅳ 期|iii期|iv期|iii 期|iv "
	  "期|3阶段|4阶段" },
	{ ROLE_STOP | ROLE_BUT, "but" },
	{ ROLE_STOP, "however|although|though|instead|while|yet|但|但是|不过|而|而是|却|可是|然而" },
};

static bool is_letter(char c) { return c >= 'a' && c <= 'z'; }
static bool is_alnum(char c) { return is_letter(c) || (c >= '0' && c <= '9'); }
static size_t char_bytes(char c)
{
	unsigned char u = (unsigned char)c;
	return u < 0x80 ? 1 : u < 0xe0 ? 2 : u < 0xf0 ? 3 : 4;
}

/* Lower case, half width, typographic apostrophes plain, hyphens and white space to single spaces (line ends stay, as
 * full stops do). Bytes that are not whole characters are dropped, so that broken input cannot lead outside.
 * source: NULL, or room for one place per byte of the text and one more. */
static struct str text_normalise(struct arena *arena, struct str text, size_t *source)
{
	struct strbuf out;
	strbuf_init(&out, arena);
	strbuf_reserve(&out, text.len + 1);
	for (size_t at = 0; at < text.len;) {
		size_t from = at;
		size_t len = char_bytes(text.ptr[at]);
		if (len > text.len - at) break;
		const unsigned char *p = (const unsigned char *)text.ptr + at;
		at += len;
		char c = (char)p[0];
		if (len == 3 && p[0] == 0xef && (p[1] == 0xbc || p[1] == 0xbd)) {
			unsigned code = 0xf000u | (unsigned)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
			if (code >= 0xff01 && code <= 0xff5e) {
				c = (char)(code - 0xfee0);
				len = 1;
			}
		} else if (len == 3 && p[0] == 0xe2 && p[1] == 0x80) {
			if (p[2] == 0x98 || p[2] == 0x99)
				c = '\'';
			else if (p[2] >= 0x90 && p[2] <= 0x95)
				c = '-';
			else
				c = ' ';
			len = 1;
		} else if (len == 3 && p[0] == 0xe3 && p[1] == 0x80 && p[2] == 0x80) {
			c = ' ';
			len = 1;
		}
		for (size_t k = 0; source && k < len; k++) source[out.len + k] = from;
		if (len > 1) {
			strbuf_add(&out, p, len);
			continue;
		}
		if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
		if (c == '-' || c == '_' || c == '\t' || c == '\r' || c == '"' || (c >= 0 && c < ' ' && c != '\n'))
			c = ' ';
		if (c == ' ' && (!out.len || out.data[out.len - 1] == ' ')) continue;
		strbuf_add_char(&out, c);
	}
	while (out.len && out.data[out.len - 1] == ' ') out.len--;
	if (source) source[out.len] = text.len;
	return strbuf_str(&out);
}

static void entries_add(struct lexicon *lexicon, const char *words, unsigned role, size_t row)
{
	struct str rest = str_from(words), part;
	while (str_split(&rest, '|', &part)) {
		struct entry *entry = arena_new(lexicon->arena, struct entry);
		entry->word = text_normalise(lexicon->arena, part, NULL);
		if (!entry->word.len) continue;
		entry->role = role;
		entry->row = row;
		unsigned char first = (unsigned char)entry->word.ptr[0];
		entry->next = lexicon->by_first[first];
		lexicon->by_first[first] = entry;
	}
}

struct lexicon *lexicon_create(struct arena *arena, enum species species)
{
	struct lexicon *lexicon = arena_new(arena, struct lexicon);
	lexicon->arena = arena;
	for (size_t i = 0; i < COUNT(little_words); i++)
		entries_add(lexicon, little_words[i].words, little_words[i].role, 0);
	for (size_t i = 0; i < condition_count; i++) {
		const struct condition *c = &condition_table[i];
		if (!(species == SPECIES_DOG ? c->for_dog : c->for_cat)) continue;
		/* What the gut and the skin show may also be what a food did to them. */
		bool shown = strcmp(c->id, "gastrointestinal") == 0 || strcmp(c->id, "skin") == 0;
		entries_add(lexicon, c->keywords_zh, ROLE_CONDITION | (shown ? ROLE_SYMPTOM : 0), i);
		entries_add(lexicon, c->keywords_en, ROLE_CONDITION | (shown ? ROLE_SYMPTOM : 0), i);
	}
	for (size_t i = 0; i < safety_rule_count; i++) {
		const struct safety_rule *s = &safety_table[i];
		/* Harmless phrases are entries without a meaning: being longer, they win over the keyword inside. */
		entries_add(lexicon, s->harmless_zh, ROLE_OTHER, 0);
		entries_add(lexicon, s->harmless_en, ROLE_OTHER, 0);
		if (!(species == SPECIES_DOG ? s->for_dog : s->for_cat)) continue;
		entries_add(lexicon, s->keywords_zh, ROLE_SAFETY, i);
		entries_add(lexicon, s->keywords_en, ROLE_SAFETY, i);
	}
	for (size_t i = 0; i < food_word_count; i++) {
		const struct food_word *w = &food_word_table[i];
		entries_add(lexicon, w->words_zh, ROLE_FOOD, i);
		entries_add(lexicon, w->words_en, ROLE_FOOD, i);
	}
	return lexicon;
}

/* Bytes of the text that the entry covers at a place, 0 if it does not stand there. */
static size_t entry_covers(const struct entry *entry, struct str text, size_t at)
{
	struct str word = entry->word;
	if (word.len > text.len - at || memcmp(word.ptr, text.ptr + at, word.len) != 0) return 0;
	if (is_alnum(word.ptr[0]) && at && is_alnum(text.ptr[at - 1])) return 0;
	size_t end = at + word.len;
	if (!is_alnum(word.ptr[word.len - 1]) || end == text.len || !is_alnum(text.ptr[end])) return word.len;
	if (!is_letter(word.ptr[word.len - 1])) return 0;
	for (size_t plural = 1; plural <= 2; plural++) { /* s, es */
		if (end + plural > text.len || text.ptr[end + plural - 1] != 's') continue;
		if (plural == 2 && text.ptr[end] != 'e') continue;
		if (end + plural == text.len || !is_alnum(text.ptr[end + plural])) return word.len + plural;
	}
	return 0;
}

static void rows_add(size_t *count, size_t rows[TOKEN_ROWS_MAX], size_t row)
{
	for (size_t i = 0; i < *count; i++) {
		if (rows[i] == row) return;
	}
	if (*count < TOKEN_ROWS_MAX) rows[(*count)++] = row;
}

/* The longest entries at a place, all of them; 0 if there is none. */
static size_t token_read(const struct lexicon *lexicon, struct str text, size_t at, struct token *out)
{
	size_t longest = 0;
	for (const struct entry *e = lexicon->by_first[(unsigned char)text.ptr[at]]; e; e = e->next) {
		size_t covers = entry_covers(e, text, at);
		if (covers < longest || !covers) continue;
		if (covers > longest) *out = (struct token){ 0 };
		longest = covers;
		out->roles |= e->role;
		if (e->role & ROLE_CONDITION) rows_add(&out->condition_count, out->conditions, e->row);
		if (e->role == ROLE_SAFETY) rows_add(&out->safety_count, out->safety, e->row);
		if (e->role == ROLE_FOOD) rows_add(&out->food_count, out->foods, e->row);
	}
	return longest;
}

struct tokens lexicon_cut(const struct lexicon *lexicon, struct arena *arena, struct str text)
{
	size_t *source = arena_new_array(arena, size_t, text.len + 1);
	struct tokens tokens = { .text = text_normalise(arena, text, source), .source = source };
	struct str t = tokens.text;
	tokens.items = arena_new_array(arena, struct token, t.len + 1);
	for (size_t at = 0; at < t.len;) {
		struct token *token = &tokens.items[tokens.count];
		char c = t.ptr[at];
		size_t len = token_read(lexicon, t, at, token);
		if (len) {
			token->at = at;
			token->end = at += len;
			tokens.count++;
			continue;
		}
		*token = (struct token){ .at = at };
		bool in_number = c == '.' && at && is_alnum(t.ptr[at - 1]) && at + 1 < t.len && is_alnum(t.ptr[at + 1]);
		len = char_bytes(c);
		if (len > t.len - at) len = t.len - at;
		if (c == ' ' || in_number || c == '\'') {
			at += len;
			continue;
		}
		struct str here = { t.ptr + at, len };
		if (c == '.' || c == ';' || c == '!' || c == '?' || c == '\n' || str_equal(here, STR("。")))
			token->roles = ROLE_STOP;
		else if (c == ',' || c == '(' || c == ')' || c == '[' || c == ']')
			token->roles = ROLE_COMMA;
		else if (c == ':' || c == '=' || c == '>') /* "chicken: itching" */
			token->roles = ROLE_LEAD | ROLE_LINK;
		else if (c == '/' || c == '+' || c == '|' || str_equal(here, STR("、")))
			token->roles = ROLE_CONNECT;
		else
			token->roles = ROLE_OTHER;
		if (is_alnum(c)) {
			while (at + len < t.len && (is_alnum(t.ptr[at + len]) || t.ptr[at + len] == '\'')) len++;
		}
		tokens.count++;
		token->end = at += len;
	}
	return tokens;
}
