/* Stages of kidney disease: said before it, behind it or some words away, and the late ones are no case for a machine. */
#include <string.h>

#include "rpc/domain/nutrition/conditions.h"
#include "rpc/domain/nutrition/reading_parts.h"

/* Words that may stand between a disease and its stage: 肾衰竭已经发展到了晚期. */
enum { BETWEEN_BEFORE = 3, BETWEEN_AFTER = 14 };

static const struct {
	const char *early, *late;
} stages[] = { { "ckd_early", "ckd_late" }, { "ckd_early_cat", "ckd_late_cat" } };

static bool condition_named(const struct tokens *tokens, size_t i) { return token_roles(tokens, i) & ROLE_CONDITION; }

/* The disease that a stage is of: the next one if it follows closely ("severe kidney disease"), else the last one before
 * it. SIZE_MAX if there is none in the sentence. */
static size_t disease_of(const struct tokens *tokens, size_t stage)
{
	size_t i = stage + 1;
	for (int words = 0; words <= BETWEEN_BEFORE; words++, i++) {
		unsigned roles = token_roles(tokens, i);
		if (is_boundary(roles) || roles & (ROLE_CONNECT | ROLE_NEGATION)) break;
		if (condition_named(tokens, i)) return i;
	}
	i = stage;
	for (int words = 0; words < BETWEEN_AFTER && i-- > 0; words++) {
		if (token_roles(tokens, i) & ROLE_STOP) break;
		if (condition_named(tokens, i)) return i;
	}
	return SIZE_MAX;
}

static void condition_found(struct reading *reading, const char *id)
{
	for (size_t i = 0; i < condition_count; i++) {
		if (strcmp(condition_table[i].id, id) == 0) reading->conditions[i] = true;
	}
}

void reading_find_late_stages(struct reading *reading, const struct tokens *tokens, const bool *open)
{
	for (size_t i = 0; i < tokens->count; i++) {
		if (!(token_roles(tokens, i) & ROLE_LATE) || !open[i]) continue;
		size_t at = disease_of(tokens, i);
		if (at == SIZE_MAX || !open[at]) continue;
		for (size_t k = 0; k < tokens->items[at].condition_count; k++) {
			size_t row = tokens->items[at].conditions[k];
			for (size_t s = 0; s < sizeof stages / sizeof stages[0]; s++) {
				if (reading->conditions[row] && strcmp(condition_table[row].id, stages[s].early) == 0)
					condition_found(reading, stages[s].late);
			}
		}
	}
}
