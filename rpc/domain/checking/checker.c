#include "rpc/domain/checking/checker.h"

#include <stdarg.h>
#include <string.h>

#include "rpc/domain/checking/rules.h"

const struct check_rule_info check_rules[CHECK_RULE_COUNT] = {
#define RULE_INFO(id, says) { #id, says },
	CHECK_RULES(RULE_INFO)
#undef RULE_INFO
};

void check_found(struct check_run *run, int week, enum check_rule rule, struct str what, const char *fmt, ...)
{
	struct strbuf text;
	va_list args;
	strbuf_init(&text, run->arena);
	va_start(args, fmt);
	strbuf_vprintf(&text, fmt, args);
	va_end(args);
	if (run->finding_count == run->finding_cap) {
		size_t cap = run->finding_cap ? 2 * run->finding_cap : 16;
		struct check_finding *grown = arena_new_array(run->arena, struct check_finding, cap);
		if (run->finding_count) memcpy(grown, run->findings, run->finding_count * sizeof(*grown));
		run->findings = grown;
		run->finding_cap = cap;
	}
	run->findings[run->finding_count++] = (struct check_finding){
		.week = week, .rule = check_rules[rule].name, .what = what, .text = strbuf_str(&text)
	};
}

bool check_plan(struct arena *arena, struct str json, struct check_report *out, struct error *err)
{
	struct document *doc = arena_new(arena, struct document);
	if (!document_read(arena, json, doc, err)) return false;
	struct check_run run = { .arena = arena, .doc = doc };
	double density = bounds_density_factor(doc->species, doc->rer_kcal, doc->der_kcal);
	/* The plan may hold itself to more than the rule, never to less. */
	bounds_derive(doc, doc->density_factor > density ? doc->density_factor : density, &run.bounds);
	for (size_t i = 0; i < doc->allergens.count; i++) screen_allergen(doc->allergens.items[i], &run.allergies);
	for (size_t i = 0; i < doc->health_issues.count; i++)
		screen_allergy_text(doc->health_issues.items[i], &run.allergies);
	screen_allergy_text(doc->health_status, &run.allergies);
	screen_allergy_text(doc->special_requirements, &run.allergies);

	*out = (struct check_report){ .week_count = (int)doc->week_count };
	check_frame(&run);
	check_basis(&run);
	for (size_t w = 0; w < doc->week_count; w++) {
		const struct document_week *week = &doc->weeks[w];
		struct check_day day = { 0 };
		int number = (int)w + 1;
		check_week_frame(&run, week, number);
		check_week_items(&run, week, number, &day);
		check_week_screen(&run, week, number, &day);
		check_week_shape(&run, week, number, &day);
		check_week_nutrients(&run, week, number, &day, &out->weeks[w]);
	}
	out->finding_count = run.finding_count;
	out->findings = run.findings;
	return true;
}
