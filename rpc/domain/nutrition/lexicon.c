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
	  "leave out|leaving out|skip|remove|except|except for|other than|stay away from|keep away from|must not eat|"
	  "should not eat|shouldn't eat|mustn't eat|not allowed|not fond of|can't stand|cannot tolerate|can't tolerate|"
	  "不吃|不要|不能吃|不喜欢|不喜欢吃|讨厌|忌口|忌|忌食|不含|避免|避开|别放|不放|不加|别加|拒绝|拒食|去掉|除了|"
	  "除外|不可以吃|"
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
	{ ROLE_STOP, "but|however|although|though|instead|while|yet|但|但是|不过|而|而是|却|可是|然而" },
};

static bool is_letter(char c) { return c >= 'a' && c <= 'z'; }
static bool is_alnum(char c) { return is_letter(c) || (c >= '0' && c <= '9'); }
static size_t char_bytes(char c)
{
	unsigned char u = (unsigned char)c;
	return u < 0x80 ? 1 : u < 0xe0 ? 2 : u < 0xf0 ? 3 : 4;
}

/* Lower case, half width, typographic apostrophes plain, hyphens and white space to single spaces (line ends stay, as
 * full stops do). Bytes that are not whole characters are dropped, so that broken input cannot lead outside. */
static struct str text_normalise(struct arena *arena, struct str text)
{
	struct strbuf out;
	strbuf_init(&out, arena);
	strbuf_reserve(&out, text.len + 1);
	for (size_t at = 0; at < text.len;) {
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
	return strbuf_str(&out);
}

static void entries_add(struct lexicon *lexicon, const char *words, unsigned role, size_t row)
{
	struct str rest = str_from(words), part;
	while (str_split(&rest, '|', &part)) {
		struct entry *entry = arena_new(lexicon->arena, struct entry);
		entry->word = text_normalise(lexicon->arena, part);
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
		entries_add(lexicon, c->keywords_zh, ROLE_CONDITION, i);
		entries_add(lexicon, c->keywords_en, ROLE_CONDITION, i);
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
		if (e->role == ROLE_CONDITION) rows_add(&out->condition_count, out->conditions, e->row);
		if (e->role == ROLE_SAFETY) rows_add(&out->safety_count, out->safety, e->row);
		if (e->role == ROLE_FOOD) rows_add(&out->food_count, out->foods, e->row);
	}
	return longest;
}

struct tokens lexicon_cut(const struct lexicon *lexicon, struct arena *arena, struct str text)
{
	struct tokens tokens = { .text = text_normalise(arena, text) };
	struct str t = tokens.text;
	tokens.items = arena_new_array(arena, struct token, t.len + 1);
	for (size_t at = 0; at < t.len;) {
		struct token *token = &tokens.items[tokens.count];
		char c = t.ptr[at];
		size_t len = token_read(lexicon, t, at, token);
		if (len) {
			tokens.count++;
			at += len;
			continue;
		}
		*token = (struct token){ 0 };
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
		else if (c == ':' || c == '=')
			token->roles = ROLE_LEAD;
		else if (c == '/' || c == '+' || c == '|' || str_equal(here, STR("、")))
			token->roles = ROLE_CONNECT;
		else
			token->roles = ROLE_OTHER;
		if (is_alnum(c)) {
			while (at + len < t.len && (is_alnum(t.ptr[at + len]) || t.ptr[at + len] == '\'')) len++;
		}
		tokens.count++;
		at += len;
	}
	return tokens;
}
