/* Breeds: names as owners write them. */
#include "rpc/domain/nutrition/breeds.h"
#include "tests/support/check.h"

static const struct {
	enum species species;
	const char *text, *id; /* NULL: none */
	double weight_kg;
} rows[] = {
	{ SPECIES_DOG, "泰迪", "toy_poodle" },
	{ SPECIES_DOG, "泰迪犬", "toy_poodle" },
	{ SPECIES_DOG, "金毛", "golden_retriever" },
	{ SPECIES_DOG, "Golden Retriever", "golden_retriever" },
	{ SPECIES_DOG, "golden retriever mix", "golden_retriever" },
	{ SPECIES_DOG, "柯基", "pembroke_corgi" },
	{ SPECIES_DOG, "卡迪根威尔士柯基", "cardigan_corgi" },
	{ SPECIES_DOG, "边牧", "border_collie" },
	{ SPECIES_DOG, "Border Collie", "border_collie" },
	{ SPECIES_DOG, "collie", "rough_collie" },
	{ SPECIES_DOG, "哈士奇", "siberian_husky" },
	{ SPECIES_DOG, "法斗", "french_bulldog" },
	{ SPECIES_DOG, "French Bulldog", "french_bulldog" },
	{ SPECIES_DOG, "bulldog", "bulldog" },
	{ SPECIES_DOG, "Standard Poodle", "standard_poodle" },
	{ SPECIES_DOG, "Poodle", "toy_poodle" },
	{ SPECIES_DOG, "Poodle", "toy_poodle", 4 },
	{ SPECIES_DOG, "Poodle", "miniature_poodle", 7.5 },
	{ SPECIES_DOG, "贵宾", "standard_poodle", 20.9 },
	{ SPECIES_DOG, "poodle", "standard_poodle", 70 },
	{ SPECIES_DOG, "teddy", "toy_poodle", 20 },
	{ SPECIES_DOG, "中华田园犬", "chinese_pastoral_dog" },
	{ SPECIES_DOG, "Labradoodle", "labradoodle" },
	{ SPECIES_DOG, "Lab", "labrador" },
	{ SPECIES_DOG, "slabby dog", NULL },
	{ SPECIES_DOG, "迷你雪纳瑞", "miniature_schnauzer" },
	{ SPECIES_DOG, "巨型雪纳瑞", "giant_schnauzer" },
	{ SPECIES_DOG, "大丹犬", "great_dane" },
	{ SPECIES_DOG, "德国牧羊犬", "german_shepherd" },
	{ SPECIES_DOG, "mixed", NULL },
	{ SPECIES_DOG, "", NULL },
	{ SPECIES_DOG, "英短", NULL },
	{ SPECIES_CAT, "英短", "british_shorthair" },
	{ SPECIES_CAT, "布偶", "ragdoll" },
	{ SPECIES_CAT, "Maine Coon", "maine_coon" },
	{ SPECIES_CAT, "橘猫", "chinese_garden_cat" },
	{ SPECIES_CAT, "无毛猫", "sphynx" },
	{ SPECIES_CAT, "金毛", NULL },
};

int main(void)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct breed *breed = breed_find(rows[i].species, str_from(rows[i].text), rows[i].weight_kg);
		CHECK_ROW(rows[i].text, rows[i].id ? breed && strcmp(breed->id, rows[i].id) == 0 : !breed);
	}
	size_t dogs = 0;
	for (size_t i = 0; i < breed_count; i++) {
		const struct breed *b = &breed_table[i];
		dogs += b->species == SPECIES_DOG;
		CHECK_ROW(b->id, b->adult_min_kg > 0 && b->adult_max_kg > b->adult_min_kg && b->adult_max_kg <= 100);
		CHECK_ROW(b->id, breed_find(b->species, str_from(b->name.zh), 0) == b &&
		                     breed_find(b->species, str_from(b->name.en), 0) == b);
		struct str rest = str_from(b->aliases), alias;
		while (rest.len && str_split(&rest, '|', &alias)) CHECK_ROW(b->id, breed_find(b->species, alias, breed_adult_kg(b)) == b);
		for (size_t k = 0; k < i; k++) CHECK_ROW(b->id, strcmp(b->id, breed_table[k].id) != 0);
	}
	CHECK(dogs >= 120 && breed_count - dogs >= 25);
	CHECK(size_class_of(4) == SIZE_TOY && size_class_of(25) == SIZE_MEDIUM && size_class_of(50) == SIZE_GIANT);
	return check_done("unit_breeds");
}
