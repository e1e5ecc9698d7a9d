/* rpc/domain/planning/lp.h: one linear programme, minimised: columns with bounds and cost, rows with bounds.
 * Built once, then re-solved from the last basis after bounds or costs change, which is what the item search lives on.
 * Not shared between threads; any number of them may exist in different threads. Solver: COIN-OR Clp. */
#ifndef PETFOOD_RPC_DOMAIN_PLANNING_LP_H
#define PETFOOD_RPC_DOMAIN_PLANNING_LP_H

#include <stdbool.h>

struct lp; /* opaque; heap memory of its own because the solver keeps some */

struct lp *lp_create(void);
void lp_destroy(struct lp **lp); /* accepts NULL; leaves *lp NULL */

/* Building: entries may name rows and columns in any order, each pair at most once. INFINITY is no bound. */
int lp_add_column(struct lp *lp, double low, double high, double cost);
int lp_add_row(struct lp *lp, double low, double high);
void lp_add_entry(struct lp *lp, int row, int column, double value);
/* Ends the building. Nothing may be added afterwards. */
void lp_load(struct lp *lp);

/* Between solves. */
void lp_set_column(struct lp *lp, int column, double low, double high);
void lp_set_cost(struct lp *lp, int column, double cost);
void lp_set_row(struct lp *lp, int row, double low, double high);

/* Asked before every solve from now on: once it says true, solving fails at once. NULL = never. */
void lp_set_stop(struct lp *lp, bool (*stopped)(void *self), void *self);
/* True if an optimum was found. False: infeasible, stopped, or the solver gave up; nothing may be read then. */
bool lp_solve(struct lp *lp);
/* As lp_solve, but gives up, false, as soon as the optimum is known to be no less than `limit`. */
bool lp_solve_below(struct lp *lp, double limit);
double lp_objective(const struct lp *lp);
double lp_value(const struct lp *lp, int column);
/* How the objective would change with the column, per unit, at the last optimum. */
double lp_reduced_cost(const struct lp *lp, int column);
/* Solves so far. */
int lp_solve_count(const struct lp *lp);

#endif
