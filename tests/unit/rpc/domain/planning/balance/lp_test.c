/* The solver's wrapper: known optima, changes between solves, what cannot be solved. */
#include "rpc/domain/planning/lp.h"
#include "tests/support/check.h"

/* Stigler's kind of question in small: 3x + 2y >= 12, x + 2y >= 8, cost 2x + 3y. Optimum at the corner (2, 3): 13. */
static struct lp *diet(int *x, int *y, int *second)
{
	struct lp *lp = lp_create();
	*x = lp_add_column(lp, 0, INFINITY, 2);
	*y = lp_add_column(lp, 0, INFINITY, 3);
	int first = lp_add_row(lp, 12, INFINITY);
	*second = lp_add_row(lp, 8, INFINITY);
	lp_add_entry(lp, first, *x, 3);
	lp_add_entry(lp, first, *y, 2);
	lp_add_entry(lp, *second, *x, 1);
	lp_add_entry(lp, *second, *y, 2);
	lp_load(lp);
	return lp;
}

static void test_optimum(void)
{
	int x, y, second;
	struct lp *lp = diet(&x, &y, &second);
	CHECK(lp_solve(lp));
	CHECK_NEAR("objective", lp_objective(lp), 13, 1e-9);
	CHECK_NEAR("x", lp_value(lp, x), 2, 1e-9);
	CHECK_NEAR("y", lp_value(lp, y), 3, 1e-9);
	CHECK(lp_solve_count(lp) == 1);
	lp_destroy(&lp);
	CHECK(lp == NULL);
	lp_destroy(&lp);
}

static void test_changes(void)
{
	int x, y, second;
	struct lp *lp = diet(&x, &y, &second);
	CHECK(lp_solve(lp));
	lp_set_column(lp, y, 0, 0); /* out of y: 3x >= 12 and x >= 8 */
	CHECK(lp_solve(lp));
	CHECK_NEAR("without y", lp_objective(lp), 16, 1e-9);
	/* a unit of y would save two of x at 2 each and cost 3 */
	CHECK_NEAR("price of y", lp_reduced_cost(lp, y), -1, 1e-9);
	lp_set_column(lp, y, 0, INFINITY);
	lp_set_row(lp, second, 0, INFINITY);
	CHECK(lp_solve(lp));
	CHECK_NEAR("one need less", lp_objective(lp), 8, 1e-9);
	lp_set_cost(lp, x, 10);
	CHECK(lp_solve(lp));
	CHECK_NEAR("x is dear", lp_objective(lp), 18, 1e-9);
	lp_destroy(&lp);
}

static void test_limits(void)
{
	int x, y, second;
	struct lp *lp = diet(&x, &y, &second);
	CHECK(lp_solve(lp));
	lp_set_column(lp, y, 0, 1); /* 2x + 3y is 15 then */
	CHECK(!lp_solve_below(lp, 14));
	CHECK(lp_solve_below(lp, 15.5));
	CHECK_NEAR("below", lp_objective(lp), 15, 1e-9);
	lp_set_column(lp, y, 0, INFINITY);
	CHECK(lp_solve_below(lp, 14)); /* a refused trial leaves nothing behind */
	CHECK_NEAR("again", lp_objective(lp), 13, 1e-9);
	lp_set_column(lp, x, 0, 1);
	lp_set_column(lp, y, 0, 1);
	CHECK(!lp_solve(lp)); /* nothing reaches 12 */
	lp_destroy(&lp);
}

int main(void)
{
	test_optimum();
	test_changes();
	test_limits();
	return check_done("lp_test");
}
