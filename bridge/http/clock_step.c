/* h2o's timers run on the wall clock (2.2.5: gettimeofday). When that is set forward, every timeout of the loop would be over at once
 * and cut requests that were under way; when it is set back by an hour, no timer would run for an hour: no heartbeat, no look
 * whether clients are still there. So the loop is measured against the monotonic clock, and a step of the wall clock is added to the
 * time at which each waiting timer was started. */
#include "bridge/http/edge.h"
#include "store/base/log.h"

enum {
	LOOK_MS = 50,       /* as often as the calls are watched: no wake-up more */
	STEP_MS_MIN = 1000, /* less harms nobody */
};

static void shift_timers(struct worker *worker, int64_t step_ms)
{
	h2o_linklist_t *timers = &worker->loop->_timeouts;
	for (h2o_linklist_t *row = timers->next; row != timers; row = row->next) {
		h2o_timeout_t *timer = H2O_STRUCT_FROM_MEMBER(h2o_timeout_t, _link, row);
		h2o_linklist_t *entries = &timer->_entries;
		for (h2o_linklist_t *at = entries->next; at != entries; at = at->next) {
			h2o_timeout_entry_t *entry = H2O_STRUCT_FROM_MEMBER(h2o_timeout_entry_t, _link, at);
			/* What this turn of the loop has started goes by the new time already. */
			if (entry->registered_at != h2o_now(worker->loop)) entry->registered_at += (uint64_t)step_ms;
		}
	}
}

static void look(struct worker *worker)
{
	uint64_t wall_ms = h2o_now(worker->loop);
	int64_t steady_ms = time_monotonic_ms();
	int64_t step_ms = (int64_t)(wall_ms - worker->wall_seen_ms) - (steady_ms - worker->steady_seen_ms);
	worker->wall_seen_ms = wall_ms;
	worker->steady_seen_ms = steady_ms;
	if (step_ms > -STEP_MS_MIN && step_ms < STEP_MS_MIN) return;
	log_warn("clock.stepped", LOG_INT("ms", step_ms));
	shift_timers(worker, step_ms);
}

/* The loop runs its timers in the order in which their lists were made: this one comes before those that the step would trip. */
static void on_look(h2o_timeout_entry_t *entry)
{
	struct worker *worker = H2O_STRUCT_FROM_MEMBER(struct worker, clock_entry, entry);
	look(worker);
	h2o_timeout_link(worker->loop, &worker->clock, &worker->clock_entry);
}

void clock_step_init(struct worker *worker)
{
	worker->wall_seen_ms = h2o_now(worker->loop);
	worker->steady_seen_ms = time_monotonic_ms();
	worker->clock_entry.cb = on_look;
	h2o_timeout_init(worker->loop, &worker->clock, LOOK_MS);
	h2o_timeout_link(worker->loop, &worker->clock, &worker->clock_entry);
}

void clock_step_after_turn(struct worker *worker)
{
	if (h2o_now(worker->loop) < worker->wall_seen_ms) look(worker);
}

void clock_step_fini(struct worker *worker)
{
	h2o_timeout_unlink(&worker->clock_entry);
	h2o_timeout_dispose(worker->loop, &worker->clock);
}
