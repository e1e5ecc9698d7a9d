#include "rpc/domain/planning/lp.h"

#include <coin/Clp_C_Interface.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "store/base/error.h"

struct entry {
	int row, column;
	double value;
};
struct range {
	double low, high, cost;
};
struct lp {
	struct range *columns, *rows;
	struct entry *entries;
	int column_count, row_count, entry_count;
	int column_cap, row_cap, entry_cap;
	int solves;
	bool (*stopped)(void *self);
	void *stopped_self;
	Clp_Simplex *model;
};

enum { ITERATIONS_MAX = 4000 }; /* a recipe takes a few dozen; a cycling solver must not hold a worker */

static void *grow(void *data, int count, int *cap, size_t size)
{
	if (count < *cap) return data;
	*cap = *cap ? *cap * 2 : 64;
	data = realloc(data, (size_t)*cap * size);
	if (!data) die("out of memory for %d entries of a linear programme", *cap);
	return data;
}

struct lp *lp_create(void)
{
	struct lp *lp = calloc(1, sizeof(*lp));
	if (!lp) die("out of memory for a linear programme");
	return lp;
}

void lp_destroy(struct lp **lp)
{
	if (!*lp) return;
	if ((*lp)->model) Clp_deleteModel((*lp)->model);
	free((*lp)->columns);
	free((*lp)->rows);
	free((*lp)->entries);
	free(*lp);
	*lp = NULL;
}

int lp_add_column(struct lp *lp, double low, double high, double cost)
{
	lp->columns = grow(lp->columns, lp->column_count, &lp->column_cap, sizeof(*lp->columns));
	lp->columns[lp->column_count] = (struct range){ low, high, cost };
	return lp->column_count++;
}

int lp_add_row(struct lp *lp, double low, double high)
{
	lp->rows = grow(lp->rows, lp->row_count, &lp->row_cap, sizeof(*lp->rows));
	lp->rows[lp->row_count] = (struct range){ low, high, 0 };
	return lp->row_count++;
}

void lp_add_entry(struct lp *lp, int row, int column, double value)
{
	if (value == 0) return;
	lp->entries = grow(lp->entries, lp->entry_count, &lp->entry_cap, sizeof(*lp->entries));
	lp->entries[lp->entry_count++] = (struct entry){ row, column, value };
}

/* The solver's own infinity; a plain INFINITY makes its ratio tests produce NAN. */
static double bound_for_solver(double b) { return b > 1e30 ? DBL_MAX : b < -1e30 ? -DBL_MAX : b; }

static double *new_doubles(int count)
{
	double *data = calloc((size_t)(count > 0 ? count : 1), sizeof(double));
	if (!data) die("out of memory for a linear programme");
	return data;
}

void lp_load(struct lp *lp)
{
	int *starts = calloc((size_t)lp->column_count + 1, sizeof(int));
	int *fill = calloc((size_t)lp->column_count + 1, sizeof(int));
	int *index = calloc((size_t)lp->entry_count + 1, sizeof(int));
	double *value = new_doubles(lp->entry_count);
	double *column_low = new_doubles(lp->column_count), *column_high = new_doubles(lp->column_count);
	double *cost = new_doubles(lp->column_count);
	double *row_low = new_doubles(lp->row_count), *row_high = new_doubles(lp->row_count);

	if (!starts || !fill || !index) die("out of memory for a linear programme");
	for (int e = 0; e < lp->entry_count; e++) starts[lp->entries[e].column + 1]++;
	for (int c = 0; c < lp->column_count; c++) {
		starts[c + 1] += starts[c];
		fill[c] = starts[c];
		column_low[c] = bound_for_solver(lp->columns[c].low);
		column_high[c] = bound_for_solver(lp->columns[c].high);
		cost[c] = lp->columns[c].cost;
	}
	for (int e = 0; e < lp->entry_count; e++) {
		int at = fill[lp->entries[e].column]++;
		index[at] = lp->entries[e].row;
		value[at] = lp->entries[e].value;
	}
	for (int r = 0; r < lp->row_count; r++) {
		row_low[r] = bound_for_solver(lp->rows[r].low);
		row_high[r] = bound_for_solver(lp->rows[r].high);
	}
	lp->model = Clp_newModel();
	Clp_setLogLevel(lp->model, 0); /* it prints otherwise */
	Clp_setMaximumIterations(lp->model, ITERATIONS_MAX);
	Clp_loadProblem(lp->model, lp->column_count, lp->row_count, starts, index, value, column_low, column_high, cost,
	                row_low, row_high);
	free(starts);
	free(fill);
	free(index);
	free(value);
	free(column_low);
	free(column_high);
	free(cost);
	free(row_low);
	free(row_high);
}

void lp_set_column(struct lp *lp, int column, double low, double high)
{
	Clp_columnLower(lp->model)[column] = bound_for_solver(low);
	Clp_columnUpper(lp->model)[column] = bound_for_solver(high);
}

void lp_set_cost(struct lp *lp, int column, double cost) { Clp_objective(lp->model)[column] = cost; }

void lp_set_row(struct lp *lp, int row, double low, double high)
{
	Clp_rowLower(lp->model)[row] = bound_for_solver(low);
	Clp_rowUpper(lp->model)[row] = bound_for_solver(high);
}

void lp_set_stop(struct lp *lp, bool (*stopped)(void *self), void *self)
{
	lp->stopped = stopped;
	lp->stopped_self = self;
}

static bool is_stopped(const struct lp *lp) { return lp->stopped && lp->stopped(lp->stopped_self); }

bool lp_solve(struct lp *lp)
{
	if (is_stopped(lp)) return false;
	lp->solves++;
	Clp_dual(lp->model, 0);
	if (Clp_status(lp->model) == 0) return true;
	/* A basis that no longer fits can stall the dual method; the primal one starts over from where it is. */
	Clp_primal(lp->model, 0);
	return Clp_status(lp->model) == 0;
}

bool lp_solve_below(struct lp *lp, double limit)
{
	if (is_stopped(lp)) return false;
	lp->solves++;
	Clp_setDualObjectiveLimit(lp->model, limit);
	Clp_dual(lp->model, 0);
	Clp_setDualObjectiveLimit(lp->model, DBL_MAX);
	return Clp_status(lp->model) == 0 && Clp_objectiveValue(lp->model) < limit;
}

double lp_objective(const struct lp *lp) { return Clp_objectiveValue(lp->model); }
double lp_value(const struct lp *lp, int column) { return Clp_getColSolution(lp->model)[column]; }
double lp_reduced_cost(const struct lp *lp, int column) { return Clp_getReducedCost(lp->model)[column]; }
int lp_solve_count(const struct lp *lp) { return lp->solves; }
