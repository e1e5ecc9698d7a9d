/* rpc/job/order.h: events of one task are published in the order of their numbers. Whoever stores events of a task, a run or a
 * call that creates or cancels it, takes its turn before the commit and gives it up when they are published. */
#ifndef PETFOOD_RPC_JOB_ORDER_H
#define PETFOOD_RPC_JOB_ORDER_H

#include <stddef.h>

#include "store/base/str.h"

struct event_out; /* engine.h */

/* Blocks while another thread has the task's turn at this way out (out->self). A thread has one turn at a time; task_id is borrowed
 * until it gives it up. */
void event_order_take(const struct event_out *out, struct str task_id);
void event_order_give(const struct event_out *out, struct str task_id);
/* Threads that wait for a turn. For tests. */
size_t event_order_waiting(void);

#endif
