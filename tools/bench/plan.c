/* CPU time of a whole plan, assessment to document, for each pet file named: bench_plan PET.json...
 * Files that end in .expect.json are passed over, so that the whole folder may be named. Goals: median at most 0.5 s, worst at most 2 s in a release build. Each pet is planned RUNS times, interleaved with the others
 * so that a busy moment of the machine does not fall on one of them; the best run counts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/pet_json.h"
#include "tests/support/plan_make.h"

enum { RUNS = 3, PETS_MAX = 256 };
static const double GOAL_MEDIAN_MS = 500, GOAL_WORST_MS = 2000;

struct row {
	const char *path;
	struct str json;
	double best_ms;
	bool planned;
	char outcome[32];
};

static int by_time(const void *a, const void *b)
{
	double x = ((const struct row *)a)->best_ms, y = ((const struct row *)b)->best_ms;
	return (x > y) - (x < y);
}

static void machine_name(char *out, size_t size)
{
	char line[256];
	FILE *file = fopen("/proc/cpuinfo", "r");
	(void)snprintf(out, size, "unknown");
	while (file && fgets(line, sizeof(line), file)) {
		char *colon = strchr(line, ':');
		if (strncmp(line, "model name", 10) != 0 || !colon) continue;
		(void)snprintf(out, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
		break;
	}
	if (file) (void)fclose(file);
}

static void plan_once(struct row *row)
{
	struct arena *arena = arena_create(0);
	struct error err = { 0 };
	struct pet pet;
	struct plan_made made;
	if (!pet_json_read(arena, row->json, &pet, &err)) die("%s: %s", row->path, err.message);
	plan_make(arena, &pet, &made);
	row->planned = made.stopped_at == PLAN_STEP_DONE;
	(void)snprintf(row->outcome, sizeof(row->outcome), "%s", row->planned ? "plan" : made.err.reason);
	if (row->best_ms <= 0 || made.cpu_ms < row->best_ms) row->best_ms = made.cpu_ms;
	arena_destroy(&arena);
}

int main(int argc, char **argv)
{
	static struct row rows[PETS_MAX];
	struct arena *arena = arena_create(0);
	int count = 0;
	for (int i = 1; i < argc && count < PETS_MAX; i++) {
		if (!str_has_suffix(str_from(argv[i]), STR(".expect.json"))) rows[count++].path = argv[i];
	}
	if (count < 1) {
		(void)fprintf(stderr, "usage: bench_plan PET.json...\n");
		return 2;
	}
	for (int i = 0; i < count; i++) {
		struct error err = { 0 };
		if (!pet_file_load(arena, rows[i].path, &rows[i].json, &err)) die("%s: %s", rows[i].path, err.message);
	}
	for (int run = 0; run < RUNS; run++) {
		for (int i = 0; i < count; i++) plan_once(&rows[i]);
	}
	char machine[128];
	machine_name(machine, sizeof(machine));
	(void)printf("machine: %s, %ld cores; best of %d runs each\n", machine, sysconf(_SC_NPROCESSORS_ONLN), RUNS);
	(void)printf("%-44s %-16s %10s\n", "pet", "outcome", "CPU ms");
	for (int i = 0; i < count; i++) {
		const char *slash = strrchr(rows[i].path, '/');
		(void)printf("%-44s %-16s %10.1f\n", slash ? slash + 1 : rows[i].path, rows[i].outcome,
		             rows[i].best_ms);
	}
	/* a refusal takes no time and must not flatter the median */
	int planned = 0;
	for (int i = 0; i < count; i++) {
		if (rows[i].planned) rows[planned++] = rows[i];
	}
	if (planned) {
		qsort(rows, (size_t)planned, sizeof(rows[0]), by_time);
		double median = rows[planned / 2].best_ms, worst = rows[planned - 1].best_ms;
		(void)printf("%d plans: median %.1f ms (goal %.0f: %s), worst %.1f ms (goal %.0f: %s)\n", planned,
		             median, GOAL_MEDIAN_MS, median <= GOAL_MEDIAN_MS ? "met" : "MISSED", worst, GOAL_WORST_MS,
		             worst <= GOAL_WORST_MS ? "met" : "MISSED");
	}
	arena_destroy(&arena);
	return planned ? 0 : 1;
}
