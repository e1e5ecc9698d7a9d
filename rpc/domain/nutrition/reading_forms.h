/* rpc/domain/nutrition/reading_forms.h: what the files of the forms share. Private to reading_*.c. */
#ifndef PETFOOD_RPC_DOMAIN_NUTRITION_READING_FORMS_H
#define PETFOOD_RPC_DOMAIN_NUTRITION_READING_FORMS_H

#include "rpc/domain/nutrition/reading_parts.h"

/* Words without a meaning of their own that may stand between the parts of a form. */
enum { STRANGERS_MAX = 4, FORM_FOODS_MAX = 24 };

struct finder {
	struct tokens *tokens;
	struct forms *out;
	enum polarity unsaid;
};
struct span {
	size_t first, end; /* tokens first .. end - 1 */
};

static inline unsigned form_roles(const struct finder *f, size_t i) { return token_roles(f->tokens, i); }
static inline bool form_has_food(const struct finder *f, size_t i) { return form_roles(f, i) & ROLE_FOOD; }

/* A food that plans never use, or a word like "protein", names no kind that one could keep to. */
bool form_is_servable(const struct finder *f, size_t i);
bool form_any_servable(const struct finder *f, struct span span);
/* "no meat" is a wish of its own in the table of safety rules; in a form its "no" counts. */
bool form_is_meatless_wish(const struct finder *f, size_t i);
/* A word that has no part in any form. */
bool form_is_strange(unsigned roles);
/* One past the last food of the list that starts at a food. A comma is part of it if only foods follow up to the next. */
size_t form_list_end(const struct finder *f, size_t at);
/* "not eating", 不拉肚子: a denial directly before, words like "does she" apart. */
bool form_is_denied_before(const struct finder *f, size_t i);
enum polarity form_polarity_of(const struct finder *f, size_t i);
/* The words of the span mean nothing by themselves any more; a disease or a poison inside still does. */
void form_take(struct finder *f, struct span span);
void form_judge(struct finder *f, struct span span, enum verdict verdict);
void form_mark_unclear(struct finder *f, size_t i);

/* reading_except.c: mark is an "except" or an 以外. */
void form_settle_buts(struct finder *f);
void form_read_exception(struct finder *f, size_t mark);
/* reading_effect.c: s is a symptom. */
void form_read_effect(struct finder *f, size_t s);

#endif
