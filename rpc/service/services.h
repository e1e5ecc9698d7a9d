/* rpc/service/services.h: what the handlers work with; call->services points here. Wired by main. */
#ifndef PETFOOD_RPC_SERVICE_SERVICES_H
#define PETFOOD_RPC_SERVICE_SERVICES_H

#include <stdatomic.h>

#include "rpc/job/engine.h"
#include "store/api/store.h"

struct services {
	struct store *store;
	_Atomic(struct job_engine *) engine; /* NULL where no worker runs in this process, or it is stopping */
	struct event_out events;             /* for events that are written outside a run */
	bool bench_enabled;                  /* PETFOOD_BENCH */
	struct task_limits task_limits;
	const char *version;
	const char *cache_driver; /* "memory" */
	atomic_bool ready;        /* false while starting or draining */
	atomic_ullong health_revision;
	/* What main's timer last found, so that the inline health method touches nothing: the store answers and its writer moves; the
	 * job engine's loop comes round. */
	atomic_bool store_ok, worker_ok;
};

#endif
