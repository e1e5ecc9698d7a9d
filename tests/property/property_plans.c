/* Any pet that could exist gets a plan that the independent checker passes, or a refusal that its condition asks for.
 *   property_plans [--pets N] [--seed S] [--only I] [--show]
 * --only I makes pet I alone (as named by a failure); --show prints its plan. Exit code 1 if any rule was broken or fewer than
 * 99 % of the pets that need not be refused got a plan. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/domain/checking/checker.h"
#include "tests/property/pet_random.h"
#include "tests/support/plan_make.h"

enum { THREADS = 2, FAILURES_SHOWN = 40 };
static const double PLANNED_SHARE_MIN = 0.99;

enum outcome { PLANNED, REFUSED, INFEASIBLE, OUTCOME_COUNT };
struct result {
	enum outcome outcome;
	const char *reason;    /* static; of a plan that was not made */
	const char *condition; /* static; the one its texts named */
	int wrong;             /* rules broken, or 1 for a wrong refusal */
	float cpu_ms;
};
struct run {
	uint64_t seed, first, count;
	bool show;
	atomic_uint_fast64_t next;
	atomic_int failures_shown;
	pthread_mutex_t print_lock;
	struct result *results;
};

static bool lists_condition(const struct assessment *a, const char *id)
{
	for (size_t i = 0; i < a->condition_count; i++)
		if (strcmp(a->conditions[i], id) == 0) return true;
	return false;
}

static void failure_print(struct run *run, struct arena *arena, uint64_t index, const struct pet *pet, const char *what,
                          const struct check_report *report)
{
	if (atomic_fetch_add(&run->failures_shown, 1) >= FAILURES_SHOWN) return;
	struct str body = pet_print(arena, pet);
	(void)pthread_mutex_lock(&run->print_lock);
	(void)printf("pet %llu: %s\n  " STR_FMT "\n", (unsigned long long)index, what, STR_ARG(body));
	for (size_t i = 0; report && i < report->finding_count && i < 6; i++)
		(void)printf("  week %d %s " STR_FMT ": " STR_FMT "\n", report->findings[i].week,
		             report->findings[i].rule, STR_ARG(report->findings[i].what),
		             STR_ARG(report->findings[i].text));
	(void)pthread_mutex_unlock(&run->print_lock);
}

static void refusal_judge(struct run *run, struct arena *arena, uint64_t index, const struct random_pet *subject,
                          const struct plan_made *made, struct result *result)
{
	bool refused = error_is(&made->err, "PLAN_REFUSED");
	result->outcome = refused ? REFUSED : INFEASIBLE;
	result->reason = made->err.reason;
	if (refused && !subject->must_be_refused) {
		result->wrong = 1;
		failure_print(run, arena, index, &subject->pet,
		              str_printf(arena, "refused though nothing asks for it: %s", made->err.message).ptr, NULL);
	} else if (!refused) {
		struct str step = str_printf(arena, "no plan, step %d week %d: %s %s", made->stopped_at, made->week,
		                             made->err.reason, made->err.message);
		failure_print(run, arena, index, &subject->pet, step.ptr, NULL);
	}
}

static void plan_judge(struct run *run, struct arena *arena, uint64_t index, const struct random_pet *subject,
                       const struct plan_made *made, struct result *result)
{
	struct check_report report;
	struct error err = { 0 };
	if (run->show) (void)printf(STR_FMT "\n", STR_ARG(made->json));
	if (!check_plan(arena, made->json, &report, &err)) {
		result->wrong = 1;
		failure_print(run, arena, index, &subject->pet, err.message, NULL);
	} else if (report.finding_count) {
		result->wrong = (int)report.finding_count;
		failure_print(run, arena, index, &subject->pet, "breaks rules", &report);
	} else if (subject->must_be_refused) {
		result->wrong = 1;
		failure_print(run, arena, index, &subject->pet, "planned though it must be refused", NULL);
	} else if (subject->condition && !lists_condition(&made->assessment, subject->condition)) {
		result->wrong = 1;
		failure_print(run, arena, index, &subject->pet,
		              str_printf(arena, "its texts name %s, the assessment does not", subject->condition).ptr,
		              NULL);
	}
}

static void pet_judge(struct run *run, struct arena *arena, uint64_t index, struct result *result)
{
	struct random_pet subject;
	struct plan_made made;
	pet_random(arena, run->seed, index, &subject);
	plan_make(arena, &subject.pet, &made);
	*result = (struct result){ .outcome = PLANNED, .condition = subject.condition, .cpu_ms = (float)made.cpu_ms };
	if (made.stopped_at == PLAN_STEP_DONE)
		plan_judge(run, arena, index, &subject, &made, result);
	else
		refusal_judge(run, arena, index, &subject, &made, result);
}

static void *work(void *argument)
{
	struct run *run = argument;
	struct arena *arena = arena_create(0);
	uint64_t i;
	while ((i = atomic_fetch_add(&run->next, 1)) < run->count) {
		pet_judge(run, arena, run->first + i, &run->results[i]);
		arena_reset(arena);
	}
	arena_destroy(&arena);
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return (x > y) - (x < y);
}

/* Reasons and conditions are static texts, few in kind: counted by walking. */
static void tally_print(const struct run *run, enum outcome outcome, const char *title)
{
	bool *done = calloc(run->count, sizeof(bool));
	for (uint64_t i = 0; i < run->count; i++) {
		const struct result *r = &run->results[i];
		size_t same = 0;
		if (r->outcome != outcome || done[i]) continue;
		const char *condition = r->condition ? r->condition : "healthy";
		for (uint64_t k = i; k < run->count; k++) {
			const struct result *other = &run->results[k];
			const char *other_condition = other->condition ? other->condition : "healthy";
			if (other->outcome != outcome || strcmp(other->reason, r->reason) != 0 ||
			    strcmp(condition, other_condition) != 0)
				continue;
			done[k] = true;
			same++;
		}
		(void)printf("  %s %s (%s): %zu\n", title, r->reason, condition, same);
	}
	free(done);
}

static int summary_print(const struct run *run)
{
	uint64_t counts[OUTCOME_COUNT] = { 0 }, wrong = 0, worst_index = 0;
	float *times = calloc(run->count, sizeof(float));
	for (uint64_t i = 0; i < run->count; i++) {
		const struct result *r = &run->results[i];
		counts[r->outcome]++;
		wrong += (uint64_t)r->wrong;
		times[i] = r->cpu_ms;
		if (r->cpu_ms > run->results[worst_index].cpu_ms) worst_index = i;
	}
	qsort(times, run->count, sizeof(times[0]), by_value);
	double share =
	    (double)counts[PLANNED] / (double)(counts[PLANNED] + counts[INFEASIBLE] + (counts[REFUSED] == run->count));
	(void)printf("pets %llu  seed %llu  planned %llu  refused %llu  infeasible %llu  violations %llu\n",
	             (unsigned long long)run->count, (unsigned long long)run->seed, (unsigned long long)counts[PLANNED],
	             (unsigned long long)counts[REFUSED], (unsigned long long)counts[INFEASIBLE],
	             (unsigned long long)wrong);
	tally_print(run, REFUSED, "refused");
	tally_print(run, INFEASIBLE, "infeasible");
	(void)printf("planned of those not refused: %.3f %%\n", 100 * share);
	(void)printf("CPU per plan: median %.1f ms, 99 %% below %.1f ms, worst %.1f ms (pet %llu)\n",
	             times[run->count / 2], times[run->count * 99 / 100], times[run->count - 1],
	             (unsigned long long)(run->first + worst_index));
	free(times);
	return wrong > 0 || (share < PLANNED_SHARE_MIN && !run->show);
}

int main(int argc, char **argv)
{
	struct run run = { .seed = 1, .count = 300, .print_lock = PTHREAD_MUTEX_INITIALIZER };
	for (int i = 1; i < argc; i++) {
		int64_t value = 0;
		bool known =
		    strcmp(argv[i], "--pets") == 0 || strcmp(argv[i], "--seed") == 0 || strcmp(argv[i], "--only") == 0;
		if (strcmp(argv[i], "--show") == 0) {
			run.show = true;
			continue;
		}
		if (!known || i + 1 == argc || !str_to_int64(str_from(argv[i + 1]), &value) || value < 0) {
			(void)fprintf(stderr, "usage: property_plans [--pets N] [--seed S] [--only I] [--show]\n");
			return 2;
		}
		if (argv[i][2] == 'p') run.count = (uint64_t)value;
		if (argv[i][2] == 's') run.seed = (uint64_t)value;
		if (argv[i][2] == 'o') {
			run.first = (uint64_t)value;
			run.count = 1;
		}
		i++;
	}
	if (run.count < 1 || run.count > 10000000) run.count = 1;
	run.results = calloc(run.count, sizeof(*run.results));
	pthread_t threads[THREADS];
	for (int t = 0; t < THREADS; t++)
		if (pthread_create(&threads[t], NULL, work, &run) != 0) die("cannot start a thread");
	for (int t = 0; t < THREADS; t++) (void)pthread_join(threads[t], NULL);
	int code = summary_print(&run);
	free(run.results);
	return code;
}
