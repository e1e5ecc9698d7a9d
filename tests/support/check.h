/* tests/support/check.h: checks for the unit tests. A failed check is counted and printed, and the program goes on;
 * check_done() is the exit code. No framework: rows with labels and a boring loop. */
#ifndef PETFOOD_TESTS_SUPPORT_CHECK_H
#define PETFOOD_TESTS_SUPPORT_CHECK_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "store/base/str.h"

/* One pair for the whole program, also where a test has several files: weak, so that each file may define it. */
__attribute__((weak)) int check_passed_count, check_failed_count;

static inline bool check_note(bool ok, const char *file, int line, const char *label, const char *what)
{
	if (ok) {
		(void)__atomic_add_fetch(&check_passed_count, 1, __ATOMIC_RELAXED); /* checks may stand in any thread */
	} else {
		(void)__atomic_add_fetch(&check_failed_count, 1, __ATOMIC_RELAXED);
		(void)printf("FAILED %s:%d: %s%s%s\n", file, line, label, *label ? ": " : "", what);
	}
	return ok;
}
#define CHECK(cond) check_note((cond), __FILE__, __LINE__, "", #cond)
#define CHECK_ROW(label, cond) check_note((cond), __FILE__, __LINE__, (label), #cond)

static inline bool check_str(struct str got, const char *want, const char *file, int line, const char *label)
{
	bool ok = str_equal(got, str_from(want));
	check_note(ok, file, line, label, "text");
	if (!ok) (void)printf("  got  [" STR_FMT "]\n  want [%s]\n", STR_ARG(got), want);
	return ok;
}
#define CHECK_STR(got, want) check_str((got), (want), __FILE__, __LINE__, "")
#define CHECK_STR_ROW(label, got, want) check_str((got), (want), __FILE__, __LINE__, (label))

static inline bool check_near(double got, double want, double tolerance, const char *file, int line, const char *label)
{
	bool ok = fabs(got - want) <= tolerance;
	check_note(ok, file, line, label, "number");
	if (!ok) (void)printf("  got %.9g want %.9g +- %.3g\n", got, want, tolerance);
	return ok;
}
#define CHECK_NEAR(label, got, want, tolerance) check_near((got), (want), (tolerance), __FILE__, __LINE__, (label))

/* A call that must succeed: prints the error if it does not. */
#define CHECK_OK(call, err) \
	(check_note((call), __FILE__, __LINE__, "", #call) || \
	 (printf("  %s %s: %s (%s:%d)\n", rpc_code_name((err)->code), (err)->reason, (err)->message, (err)->file, (err)->line), false))

static inline int check_done(const char *program)
{
	(void)printf("%s: %d passed, %d failed\n", program, check_passed_count, check_failed_count);
	return check_failed_count || !check_passed_count;
}

#endif
