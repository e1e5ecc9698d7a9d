/* Numbers: body condition, week and litter, and whether a mother nurses already. */
#include <string.h>

#include "rpc/domain/nutrition/reading_parts.h"

static int digit_of(struct str text, size_t at, size_t *bytes)
{
	static const char *const numerals[] = { "零", "一", "二", "三", "四", "五", "六", "七", "八", "九", "十" };
	if (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9') {
		int value = 0;
		*bytes = 0;
		while (at + *bytes < text.len && text.ptr[at + *bytes] >= '0' && text.ptr[at + *bytes] <= '9' &&
		       *bytes < 3) {
			value = value * 10 + (text.ptr[at + *bytes] - '0');
			++*bytes;
		}
		return value;
	}
	for (int n = 0; n < (int)COUNT(numerals); n++) {
		struct str numeral = str_from(numerals[n]);
		if (at + numeral.len <= text.len && memcmp(text.ptr + at, numeral.ptr, numeral.len) == 0) {
			*bytes = numeral.len;
			return n;
		}
	}
	return -1;
}

static bool stands_at(struct str text, size_t at, const char *words)
{
	struct str rest = str_from(words), word;
	while (at < text.len && text.ptr[at] == ' ') at++;
	while (str_split(&rest, '|', &word)) {
		if (word.len <= text.len - at && memcmp(text.ptr + at, word.ptr, word.len) == 0) return true;
	}
	return false;
}

/* The first number with such a word before or after it: "week 3", "6 pups", 第3周. 0 if there is none in 1..max. */
static int number_near(struct str text, const char *before, const char *after, int max)
{
	for (size_t at = 0; at < text.len; at++) {
		size_t bytes = 0;
		int value;
		if (*before && stands_at(text, at, before) && text.ptr[at] != ' ') {
			struct str rest = str_from(before), word;
			while (str_split(&rest, '|', &word)) {
				if (word.len > text.len - at || memcmp(text.ptr + at, word.ptr, word.len) != 0)
					continue;
				size_t p = at + word.len;
				while (p < text.len && (text.ptr[p] == ' ' || text.ptr[p] == ':' || text.ptr[p] == '='))
					p++;
				value = digit_of(text, p, &bytes);
				if (value >= 1 && value <= max) return value;
			}
		}
		bool starts = !at || text.ptr[at - 1] < '0' || text.ptr[at - 1] > '9';
		if (*after && starts && (value = digit_of(text, at, &bytes)) >= 1 && value <= max &&
		    stands_at(text, at + bytes, after))
			return value;
	}
	return 0;
}

void reading_find_numbers(struct reading *reading, struct str text)
{
	for (size_t at = 0; at < text.len; at++) {
		if (stands_at(text, at, "lactat|nursing|queening|whelped|哺乳|产后|喂奶|带崽")) reading->nursing = true;
	}
	if (!reading->bcs)
		reading->bcs = number_near(text, "bcs|body condition score|body condition|体况评分|体况", "", 9);
	if (!reading->week)
		reading->week =
		    number_near(text, "week|wk|第", "week|wk|th week|rd week|nd week|st week|周|个星期|星期", 9);
	if (!reading->litter)
		reading->litter =
		    number_near(text, "litter of|litter size", "pup|kitten|young|babies|只|个宝宝|个崽|只崽", 20);
}
