/* tools/embed/embed.c: turns a CSV file of rpc/domain/data into a C table, at build time.
 *   embed LAYOUT INPUT.csv OUTPUT.c
 * A layout below says what each column is and which member of the struct it fills. A row that does not fit (a missing
 * column, a word where a number belongs, a nutrient that does not exist, text that is not UTF-8) stops the build with
 * file and line, so a table that was compiled is a table that can be read.
 * CSV: RFC 4180 without line breaks inside cells; leading lines that begin with '#' are comment. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/domain/nutrition/foods.h"
#include "rpc/domain/nutrition/nutrients.h"

enum { LINE_BYTES_MAX = 65536, CELLS_MAX = 96, COLUMNS_MAX = 96 };

enum kind {
	TEXT,     /* "…"; may be empty */
	NAME,     /* TEXT that may not be empty */
	AMOUNT,   /* number >= 0, empty = NAN (unknown) */
	FLOOR,    /* number >= 0, empty = 0 */
	ROOF,     /* number >= 0, empty = INFINITY */
	WHOLE,    /* whole number >= 0, empty = 0 */
	FLAG,     /* 0 or 1 */
	WORD,     /* lower-case word, written as PREFIX + WORD in capitals */
	NUTRIENT, /* id of NUTRIENTS */
};

struct column {
	const char *name;   /* in the header line */
	const char *member; /* designator in the struct */
	enum kind kind;
	const char *prefix; /* of a WORD */
	const char *words;  /* that a WORD may be, space separated, with a space at both ends */
};

struct layout {
	const char *name, *include, *type, *table, *count;
	const struct column *columns; /* up to one without a name */
};

static const struct column food_columns[] = {
	{ "id", "id", NAME },
	{ "name_zh", "name.zh", NAME },
	{ "name_en", "name.en", NAME },
	{ "category", "category", WORD, "FOOD_",
	  " meat organ fish egg dairy starch legume vegetable fruit oil seed supplement " },
	{ "sub_category", "sub_category", NAME },
	{ "state", "state", NAME },
	{ "for_dog", "for_dog", FLAG },
	{ "for_cat", "for_cat", FLAG },
	{ "max_share", "max_share", FLOOR },
	{ "allergen_group", "allergen_group", NAME },
	{ "price_tier", "price_tier", WHOLE },
	{ "raw_g_per_100g", "raw_g_per_100g", AMOUNT },
	{ "source", "source", NAME },
	{ "me_kcal", "me_kcal", AMOUNT },
#define AMOUNT_COLUMN(id) { #id, "amount[FOOD_" #id "]", AMOUNT },
	FOOD_AMOUNTS(AMOUNT_COLUMN)
#undef AMOUNT_COLUMN
	    { 0 },
};
static const struct column profile_columns[] = {
	{ "profile", "profile", NAME },
	{ "standard", "standard", NAME },
	{ "nutrient", "nutrient", NUTRIENT },
	{ "min", "min", FLOOR },
	{ "max", "max", ROOF },
	{ "source", "source", NAME },
	{ 0 },
};
static const struct column condition_columns[] = {
	{ "id", "id", NAME },
	{ "for_dog", "for_dog", FLAG },
	{ "for_cat", "for_cat", FLAG },
	{ "name_zh", "name.zh", NAME },
	{ "name_en", "name.en", NAME },
	{ "vet_required", "vet_required", FLAG },
	{ "below_aafco", "below_aafco", WORD, "BELOW_AAFCO_", " no maybe yes " },
	{ "factor_dog", "factor_dog", FLOOR },
	{ "factor_cat", "factor_cat", FLOOR },
	{ "keep_recipe", "keep_recipe", FLAG },
	{ "single_protein", "single_protein", FLAG },
	{ "exclude", "exclude", TEXT },
	{ "prefer", "prefer", TEXT },
	{ "keywords_zh", "keywords_zh", TEXT },
	{ "keywords_en", "keywords_en", TEXT },
	{ "advice_zh", "advice.zh", TEXT },
	{ "advice_en", "advice.en", TEXT },
	{ "source", "source", NAME },
	{ 0 },
};
static const struct column condition_target_columns[] = {
	{ "condition", "condition", NAME },
	{ "for_dog", "for_dog", FLAG },
	{ "for_cat", "for_cat", FLAG },
	{ "nutrient", "nutrient", NUTRIENT },
	{ "min", "min", FLOOR },
	{ "max", "max", ROOF },
	{ "firm", "firm", FLAG },
	{ "source", "source", NAME },
	{ 0 },
};
static const struct column safety_columns[] = {
	{ "id", "id", NAME },
	{ "for_dog", "for_dog", FLAG },
	{ "for_cat", "for_cat", FLAG },
	{ "severity", "severity", WORD, "SAFETY_", " info low moderate high severe " },
	{ "action", "action", WORD, "SAFETY_", " exclude cook limit warn " },
	{ "name_zh", "name.zh", NAME },
	{ "name_en", "name.en", NAME },
	{ "keywords_zh", "keywords_zh", NAME },
	{ "keywords_en", "keywords_en", NAME },
	{ "harmless_zh", "harmless_zh", TEXT },
	{ "harmless_en", "harmless_en", TEXT },
	{ "foods", "foods", TEXT },
	{ "reason_zh", "reason.zh", NAME },
	{ "reason_en", "reason.en", NAME },
	{ "source", "source", NAME },
	{ 0 },
};
static const struct column breed_columns[] = {
	{ "id", "id", NAME },
	{ "species", "species", WORD, "SPECIES_", " dog cat " },
	{ "name_zh", "name.zh", NAME },
	{ "name_en", "name.en", NAME },
	{ "aliases", "aliases", TEXT },
	{ "adult_min_kg", "adult_min_kg", FLOOR },
	{ "adult_max_kg", "adult_max_kg", FLOOR },
	{ "energy_low", "energy_low", FLOOR },
	{ "energy_high", "energy_high", FLOOR },
	{ "source", "source", NAME },
	{ 0 },
};
static const struct column word_columns[] = {
	{ "id", "id", NAME },
	{ "name_zh", "name.zh", NAME },
	{ "name_en", "name.en", NAME },
	{ "words_zh", "words_zh", TEXT },
	{ "words_en", "words_en", TEXT },
	{ "foods", "foods", TEXT },
	{ "avoid", "avoid", TEXT },
	{ "allergy", "allergy", TEXT },
	{ "groups", "groups", TEXT },
	{ 0 },
};

static const struct layout layouts[] = {
	{ "foods", "rpc/domain/nutrition/foods.h", "struct food", "food_table", "food_count", food_columns },
	{ "profiles", "rpc/domain/nutrition/profiles.h", "struct profile_row", "profile_table", "profile_row_count",
	  profile_columns },
	{ "conditions", "rpc/domain/nutrition/conditions.h", "struct condition", "condition_table", "condition_count",
	  condition_columns },
	{ "condition_targets", "rpc/domain/nutrition/conditions.h", "struct condition_target", "condition_target_table",
	  "condition_target_count", condition_target_columns },
	{ "safety", "rpc/domain/nutrition/safety.h", "struct safety_rule", "safety_table", "safety_rule_count",
	  safety_columns },
	{ "breeds", "rpc/domain/nutrition/breeds.h", "struct breed", "breed_table", "breed_count", breed_columns },
	{ "food_words", "rpc/domain/nutrition/food_words.h", "struct food_word", "food_word_table", "food_word_count",
	  word_columns },
};

static const char *input_path;
static int input_line;

static _Noreturn void fail(const char *what, const char *cell)
{
	(void)fprintf(stderr, "%s:%d: %s: [%s]\n", input_path, input_line, what, cell);
	exit(1);
}

/* Splits one line in place; the cells point into it. */
static int cells_split(char *line, char *cells[CELLS_MAX])
{
	int count = 0;
	char *p = line;
	for (;;) {
		if (count == CELLS_MAX) fail("too many cells", line);
		if (*p == '"') {
			char *out = ++p;
			cells[count++] = out;
			for (;;) {
				if (!*p) fail("a quoted cell does not end", cells[count - 1]);
				if (*p == '"' && p[1] != '"') break;
				if (*p == '"') p++;
				*out++ = *p++;
			}
			p++;
			if (*p && *p != ',') fail("text after a quoted cell", p);
			char end = *p;
			*out = 0;
			if (!end) return count;
			p++;
		} else {
			cells[count++] = p;
			while (*p && *p != ',') p++;
			if (!*p) return count;
			*p++ = 0;
		}
	}
}

static bool line_read(FILE *in, char line[LINE_BYTES_MAX])
{
	do {
		if (!fgets(line, LINE_BYTES_MAX, in)) return false;
		input_line++;
		size_t len = strlen(line);
		if (len == LINE_BYTES_MAX - 1) fail("line too long", "");
		while (len && (line[len - 1] == '\n' || line[len - 1] == '\r')) line[--len] = 0;
		if (!str_is_utf8((struct str){ line, len })) fail("not UTF-8", line);
	} while (line[0] == '#' || !line[0]);
	return true;
}

static void text_write(FILE *out, const char *s)
{
	(void)fputc('"', out);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\') (void)fputc('\\', out);
		(void)fputc(*s, out);
	}
	(void)fputc('"', out);
}

static double number_read(const char *cell)
{
	double value;
	if (!str_to_double(str_from(cell), &value) || value < 0) fail("not a number of at least 0", cell);
	return value;
}

static void cell_write(FILE *out, const struct column *column, const char *cell)
{
	(void)fprintf(out, ".%s = ", column->member);
	switch (column->kind) {
	case NAME:
		if (!*cell) fail("may not be empty", column->name);
		text_write(out, cell);
		break;
	case TEXT: text_write(out, cell); break;
	case AMOUNT:
	case FLOOR:
	case ROOF:
		if (*cell)
			(void)fprintf(out, "%.10g", number_read(cell));
		else
			(void)fputs(column->kind == AMOUNT ? "NAN" : column->kind == ROOF ? "INFINITY" : "0", out);
		break;
	case WHOLE:
	case FLAG: {
		double value = *cell ? number_read(cell) : 0;
		if (value != floor(value) || (column->kind == FLAG && value > 1))
			fail("not a whole number or flag", cell);
		(void)fprintf(out, "%.0f", value);
		break;
	}
	case WORD: {
		char wanted[64];
		if (snprintf(wanted, sizeof wanted, " %s ", cell) >= (int)sizeof wanted || !*cell ||
		    strchr(cell, ' ') || !strstr(column->words, wanted))
			fail("not one of the words of this column", cell);
		(void)fputs(column->prefix, out);
		for (const char *p = cell; *p; p++) (void)fputc(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p, out);
		break;
	}
	case NUTRIENT: {
		static const char *const ids[] = {
#define NUTRIENT_ID(id, unit, zh, en) #id,
			NUTRIENTS(NUTRIENT_ID)
#undef NUTRIENT_ID
		};
		size_t i = 0;
		while (i < COUNT(ids) && strcmp(ids[i], cell) != 0) i++;
		if (i == COUNT(ids)) fail("no such nutrient", cell);
		(void)fprintf(out, "NUTRIENT_%s", cell);
		break;
	}
	}
	(void)fputs(", ", out);
}

static void table_write(const struct layout *layout, FILE *in, FILE *out)
{
	static char line[LINE_BYTES_MAX];
	char *cells[CELLS_MAX];
	const struct column *by_cell[CELLS_MAX] = { 0 };
	if (!line_read(in, line)) fail("no header line", "");
	int width = cells_split(line, cells), found = 0, wanted = 0;
	while (layout->columns[wanted].name) wanted++;
	for (int i = 0; i < width; i++) {
		for (int c = 0; c < wanted; c++) {
			if (strcmp(layout->columns[c].name, cells[i]) != 0) continue;
			for (int j = 0; j < i; j++) {
				if (by_cell[j] == &layout->columns[c]) fail("a column twice", cells[i]);
			}
			by_cell[i] = &layout->columns[c];
			found++;
		}
		if (!by_cell[i]) fail("an unknown column", cells[i]);
	}
	if (found != wanted) fail("columns are missing; wanted so many more", layout->name);
	const char *slash = strstr(input_path, "rpc/domain/");
	(void)fprintf(out,
	              "/* Generated from %s by tools/embed. Edit that file, not this one. */\n#include <math.h>\n\n",
	              slash ? slash : input_path);
	(void)fprintf(out, "#include \"%s\"\n\nconst %s %s[] = {\n", layout->include, layout->type, layout->table);
	size_t rows = 0;
	while (line_read(in, line)) {
		int count = cells_split(line, cells);
		if (count != width) fail("another number of cells than the header line", cells[0]);
		(void)fputs("\t{ ", out);
		for (int i = 0; i < width; i++) cell_write(out, by_cell[i], cells[i]);
		(void)fputs("},\n", out);
		rows++;
	}
	if (!rows) fail("no rows", "");
	(void)fprintf(out, "};\nconst size_t %s = %zu;\n", layout->count, rows);
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		(void)fputs("usage: embed LAYOUT INPUT.csv OUTPUT.c\n", stderr);
		return 2;
	}
	const struct layout *layout = NULL;
	for (size_t i = 0; i < COUNT(layouts); i++) {
		if (strcmp(layouts[i].name, argv[1]) == 0) layout = &layouts[i];
	}
	input_path = argv[2];
	if (!layout) fail("no such layout", argv[1]);
	FILE *in = fopen(argv[2], "r");
	if (!in) fail(strerror(errno), argv[2]);
	FILE *out = fopen(argv[3], "w");
	if (!out) fail(strerror(errno), argv[3]);
	table_write(layout, in, out);
	if (ferror(out) | fclose(out)) fail("cannot write", argv[3]);
	(void)fclose(in);
	return 0;
}
