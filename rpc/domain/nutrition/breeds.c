#include "rpc/domain/nutrition/breeds.h"

enum size_class size_class_of(double adult_kg)
{
	if (adult_kg <= 4) return SIZE_TOY;
	if (adult_kg <= 10) return SIZE_SMALL;
	if (adult_kg <= 25) return SIZE_MEDIUM;
	if (adult_kg <= 45) return SIZE_LARGE;
	return SIZE_GIANT;
}

static bool is_word_byte(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

/* Whether the name stands in the text: any case, and as whole words if it begins or ends with an ASCII letter, so that
 * "lab" is not found in "labradoodle" while 金毛 is found in 金毛犬. */
static bool text_names(struct str text, struct str name)
{
	if (!name.len) return false;
	for (size_t at = 0; at + name.len <= text.len; at++) {
		struct str part = { text.ptr + at, name.len };
		if (!str_equal_nocase(part, name)) continue;
		size_t end = at + name.len;
		bool starts = !at || !is_word_byte(name.ptr[0]) || !is_word_byte(text.ptr[at - 1]);
		bool ends = end == text.len || !is_word_byte(name.ptr[name.len - 1]) || !is_word_byte(text.ptr[end]);
		if (starts && ends) return true;
	}
	return false;
}

/* As heavy as a very fat one: 40 % above the breed's heaviest. */
static bool reaches(const struct breed *breed, double weight_kg) { return weight_kg <= 1.4 * breed->adult_max_kg; }

const struct breed *breed_find(enum species species, struct str text, double weight_kg)
{
	const struct breed *best = NULL;
	size_t best_len = 0;
	for (size_t i = 0; i < breed_count; i++) {
		const struct breed *breed = &breed_table[i];
		if (breed->species != species) continue;
		struct str aliases = str_from(breed->aliases), name = str_from(breed->name.zh);
		struct str english = str_from(breed->name.en);
		bool more = true;
		for (int step = 0; more; step++) {
			if (step == 1) name = english;
			if (step >= 2) more = str_split(&aliases, '|', &name);
			bool better =
			    name.len > best_len || (name.len == best_len && best && !reaches(best, weight_kg) &&
			                            best->adult_max_kg < breed->adult_max_kg);
			if (more && better && text_names(text, name)) {
				best = breed;
				best_len = name.len;
			}
		}
	}
	return best;
}
