/* rpc/domain/checking/rules.h: what the files of the checker share: the rules' names, the plan as it was read, and where
 * findings go. Private to this folder. */
#ifndef PETFOOD_RPC_DOMAIN_CHECKING_RULES_H
#define PETFOOD_RPC_DOMAIN_CHECKING_RULES_H

#include "rpc/domain/checking/bounds.h"
#include "rpc/domain/checking/checker.h"
#include "rpc/domain/checking/document.h"
#include "rpc/domain/checking/screen.h"
#include "rpc/domain/nutrition/foods.h"

/* A food of a week's day, summed over its meals. */
struct eaten {
	const struct food *food;
	double grams;
	int meals;
};
struct check_day {
	size_t count;
	struct eaten *foods;
	double grams, kcal; /* of all foods, recomputed */
};

struct check_run {
	struct arena *arena;
	const struct document *doc;
	struct checked_bounds bounds; /* .known false: no nutrient can be judged */
	struct screen_groups allergies;
	size_t finding_count, finding_cap;
	struct check_finding *findings;
};

/* what: nutrient or food id, "" if none; week 0: the whole document. */
void check_found(struct check_run *run, int week, enum check_rule rule, struct str what, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
/* False for NAN too. */
static inline bool figure_is_near(double got, double want, double tolerance)
{
	return got >= want - tolerance && got <= want + tolerance;
}

/* Each takes one question and writes what it finds. week is the document's, number its place 1..4. */
void check_frame(struct check_run *run); /* texts, order, language */
void check_basis(struct check_run *run); /* energy need, profile, conditions */
void check_week_frame(struct check_run *run, const struct document_week *week, int number);
/* Sums the day's foods and holds every printed item to the table's row. */
void check_week_items(struct check_run *run, const struct document_week *week, int number, struct check_day *day);
void check_week_screen(struct check_run *run, const struct document_week *week, int number,
                       const struct check_day *day);
void check_week_shape(struct check_run *run, const struct document_week *week, int number, const struct check_day *day);
void check_week_nutrients(struct check_run *run, const struct document_week *week, int number,
                          const struct check_day *day, struct check_week *out);

#endif
