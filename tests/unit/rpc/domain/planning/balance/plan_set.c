#include "tests/unit/rpc/domain/planning/balance/plan_set.h"

#include <stdio.h>

const struct pet_row pet_rows[] = {
	{ "dog 10 kg", SPECIES_DOG, "柯基", 48, 10, "健康", .bcs = 5, .meals = 2 },
	{ "chihuahua 1.2 kg", SPECIES_DOG, "Chihuahua", 60, 1.2, "healthy", .bcs = 5, .meals = 3 },
	{ "mastiff 80 kg", SPECIES_DOG, "English Mastiff", 50, 80, "healthy", .bcs = 5, .meals = 2 },
	{ "large puppy", SPECIES_DOG, "Great Dane", 5, 30, "healthy", .meals = 3 },
	{ "small puppy", SPECIES_DOG, "泰迪", 3, 2, "健康", .meals = 4 },
	{ "cat 4 kg", SPECIES_CAT, "", 36, 4, "健康", .bcs = 5, .meals = 3 },
	{ "kitten", SPECIES_CAT, "British Shorthair", 4, 1.5, "healthy", .meals = 5 },
	{ "slimming cat", SPECIES_CAT, "", 60, 6, "肥胖", .bcs = 8, .meals = 3 },
	{ "dog with early kidney disease", SPECIES_DOG, "", 110, 12, "慢性肾病早期", .bcs = 5, .meals = 2 },
	{ "elimination trial", SPECIES_DOG, "Golden Retriever", 50, 20, "food allergy, elimination diet advised",
	  .allergens = { "beef", "chicken", "dairy" }, .bcs = 5, .meals = 2, .same_recipe = true },
	{ "four allergies", SPECIES_DOG, "法国斗牛犬", 40, 12, "健康", .allergens = { "鸡肉", "牛肉", "鱼", "羊肉" },
	  .bcs = 5, .meals = 2 },
	{ "cat without fish and poultry", SPECIES_CAT, "", 40, 5, "healthy", .allergens = { "fish", "chicken" },
	  .dislikes = { "turkey", "duck" }, .bcs = 5, .meals = 2 },
	{ "diabetic cat", SPECIES_CAT, "", 96, 5, "diabetes", .bcs = 5, .meals = 2, .same_recipe = true },
};
const size_t pet_row_count = COUNT(pet_rows);

static void fill(struct str_list *list, const char *const *texts, size_t most)
{
	for (size_t i = 0; i < most && texts[i]; i++) list->items[list->count++] = str_from(texts[i]);
}

void pet_from_row(const struct pet_row *row, enum lang lang, uint64_t seed, struct pet *out)
{
	*out = (struct pet){ .species = row->species,
		             .species_said = true,
		             .age_said = true,
		             .weight_said = true,
		             .breed = str_from(row->breed),
		             .age_months = row->age_months,
		             .weight_kg = row->weight_kg,
		             .health_status = str_from(row->health),
		             .neutered = row->age_months < 12 ? NO : YES,
		             .bcs = row->bcs,
		             .activity = ACTIVITY_NORMAL,
		             .meals_per_day = row->meals,
		             .lang = lang,
		             .seed = seed };
	fill(&out->allergens, row->allergens, COUNT(row->allergens));
	fill(&out->dislikes, row->dislikes, COUNT(row->dislikes));
}

bool plan_from_row(struct arena *arena, const struct pet_row *row, enum lang lang, uint64_t seed, struct made_plan *out)
{
	struct error err = { 0 };
	pet_from_row(row, lang, seed, &out->pet);
	bool ok = assess_pet(arena, &out->pet, &out->assessment, &err) &&
	          plan_choose_themes(arena, &out->assessment, out->themes, &err);
	for (int w = 0; w < PLAN_WEEKS && ok; w++) {
		ok = plan_make_week(arena, &out->assessment, out->themes, w, &out->weeks[w], &err);
	}
	ok = ok && plan_compose(arena, &out->assessment, out->weeks, &out->plan, &err);
	if (!ok) (void)printf("%s: %s: %s\n", row->label, err.reason, err.message);
	return ok;
}

struct str message_bytes(struct arena *arena, const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *bytes = arena_alloc(arena, size);
	protobuf_c_message_pack(message, bytes);
	return (struct str){ (const char *)bytes, size };
}
