/* rpc/domain/checking/document.h: a plan document as the checker reads it, straight from its JSON text. Written apart from
 * the messages that the planner fills, so that a mistake in those cannot hide itself. Everything lies in the arena. */
#ifndef PETFOOD_RPC_DOMAIN_CHECKING_DOCUMENT_H
#define PETFOOD_RPC_DOMAIN_CHECKING_DOCUMENT_H

#include "rpc/domain/nutrition/nutrients.h"

/* Bounds on what is taken in; a real plan stays far below all of them. */
enum {
	DOCUMENT_DEPTH_MAX = 24,
	DOCUMENT_VALUES_MAX = 200000, /* a real plan has about ten thousand */
	DOCUMENT_WEEKS_MAX = 4,
	DOCUMENT_MEALS_MAX = 24,
	DOCUMENT_ITEMS_MAX = 64, /* per meal */
	DOCUMENT_ADEQUACY_MAX = 128,
	DOCUMENT_TEXTS_MAX = 256, /* entries of any list of texts */
	DOCUMENT_EXTRAS_MAX = 32, /* additional_nutrients of one item */
};

/* Figures of an item, in the order of the document's fields. */
#define DOCUMENT_MACROS(X) X(protein) X(fat) X(carbohydrates) X(dietary_fiber)
#define DOCUMENT_MICROS(X) \
	X(vitamin_a) \
	X(vitamin_c) X(vitamin_d) X(vitamin_e) X(calcium) X(iron) X(sodium) X(potassium) X(phosphorus) X(zinc) \
	    X(taurine) X(cholesterol)
enum document_macro {
#define DOCUMENT_MACRO_ENUM(id) DOCUMENT_MACRO_##id,
	DOCUMENT_MACROS(DOCUMENT_MACRO_ENUM)
#undef DOCUMENT_MACRO_ENUM
	    DOCUMENT_MACRO_COUNT
};
enum document_micro {
#define DOCUMENT_MICRO_ENUM(id) DOCUMENT_MICRO_##id,
	DOCUMENT_MICROS(DOCUMENT_MICRO_ENUM)
#undef DOCUMENT_MICRO_ENUM
	    DOCUMENT_MICRO_COUNT
};
extern const char *const document_macro_names[DOCUMENT_MACRO_COUNT];
extern const char *const document_micro_names[DOCUMENT_MICRO_COUNT];

struct document_texts {
	size_t count;
	struct str *items;
};
struct document_amount {
	struct str name; /* of an additional nutrient; "" otherwise */
	double value;
	struct str unit;
};
struct document_item {
	struct str name, food_id, recommend_reason;
	double weight_g;
	double raw_weight_g; /* NAN where the document has none */
	double energy_kcal;
	bool is_supplement;
	double macros[DOCUMENT_MACRO_COUNT];
	struct document_amount micros[DOCUMENT_MICRO_COUNT];
	size_t extra_count;
	struct document_amount *extras;
};
struct document_meal {
	int64_t oder;
	struct str time, cook_method;
	size_t item_count;
	struct document_item *items;
};
struct document_dish {
	struct str name;
	struct document_texts steps, food_ids;
};
struct document_adequacy {
	struct str nutrient, unit;
	double amount;
	double minimum, maximum; /* NAN where unset */
	double unknown_energy_percent;
};
struct document_batch {
	struct str food_id;
	double daily_mg, batch_28_day_g;
};
struct document_week {
	int64_t oder;
	struct str principle, note, theme;
	double energy_kcal, total_weight_g, ca_p_ratio;
	int64_t item_count;
	size_t meal_count, dish_count, adequacy_count, batch_count;
	struct document_meal *meals;
	struct document_dish *dishes;
	struct document_adequacy *adequacy;
	struct document_batch *batches;
	struct document_texts suggestions, main_food_ids, relaxations;
};
struct document {
	enum species species; /* 0: the document names another kind of animal */
	int64_t age_months;
	double weight_kg;
	struct str health_status, special_requirements;
	struct document_texts allergens, health_issues;
	struct str ai_suggestions, disclaimer, planner, language;
	struct document_texts warnings, data_gaps;
	bool vet_required;
	struct str profile, standard, energy_method;
	double rer_kcal, der_kcal, energy_weight_kg, density_factor;
	bool large_breed;
	struct document_texts conditions, excluded_food_ids, excluded_allergens;
	size_t week_count;
	struct document_week *weeks;
};

/* json: the document, or an object that holds it under "plan_data" or "data" (also one inside the other).
 * A part that is missing or of another type: INVALID_ARGUMENT/PLAN_UNREADABLE with its path in the message and in the
 * parameter `what`. Ranges and sums are not looked at here. Fields that the checker has no rule for are ignored. */
MUST_CHECK bool document_read(struct arena *arena, struct str json, struct document *out, struct error *err);

#endif
