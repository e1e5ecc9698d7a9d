/* The store as a process has it: the real SQLite driver, with calls that fail, come late, or leave their outcome unknown; and the
 * defects of the mutants. Notes for the oracle what was acknowledged. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fault/sim/world.h"
#include "tests/unit/store/sqlite/fault_vfs.h"

enum { AS_IT_IS, FAIL_FIRST, DO_AND_FAIL };
struct turn {
	int kind;
	bool armed; /* the disk fails under the real driver */
	bool ok;
	enum rpc_code code;
	const char *reason;
};

#define REAL process_here()->real.tasks.driver

#define MAY_GO_ON(turn) ((turn).kind != FAIL_FIRST)

static struct turn fails(enum fault fault, int kind, enum rpc_code code, const char *reason)
{
	note_fault(fault);
	return (struct turn){ .kind = kind, .code = code, .reason = reason };
}

/* Nothing that an engine asks of its own accord may become a busy loop. */
static void count_call(struct process *process, const char *call)
{
	enum { A_SECOND_MAX = 300 };
	if (strcmp(call, "heartbeat") != 0 && strcmp(call, "claim") != 0 && strcmp(call, "abandon") != 0 &&
	    strcmp(call, "sweep") != 0)
		return;
	if (sim_steady_us() - process->counted_since_us >= 1000000) {
		process->counted_since_us = sim_steady_us();
		process->calls = 0;
	}
	if (++process->calls == A_SECOND_MAX) violation("process %d calls %s without pause", process->number, call);
}

static struct turn begin(const char *call, struct str id, bool writes)
{
	const struct weather *w = &world.weather;
	char text[8];
	(void)snprintf(text, sizeof text, "%.4s", id.ptr ? id.ptr : "");
	count_call(process_here(), call);
	sim_point(call, text);
	if (sim_chance(w->store_slow)) {
		note_fault(FAULT_STORE_SLOW);
		fiber_sleep_ms(sim_between(0, w->store_slow_ms));
	}
	if (sim_chance(w->store_down)) return fails(FAULT_STORE_DOWN, FAIL_FIRST, RPC_UNAVAILABLE, "STORE_DOWN");
	if (sim_chance(w->store_busy)) return fails(FAULT_STORE_BUSY, FAIL_FIRST, RPC_ABORTED, "STORE_BUSY");
	if (!writes) return (struct turn){ .kind = AS_IT_IS };
	if (sim_chance(w->store_full)) return fails(FAULT_STORE_FULL, FAIL_FIRST, RPC_UNAVAILABLE, "STORE_FULL");
	if (sim_chance(w->uncertain_lost))
		return fails(FAULT_UNCERTAIN_LOST, FAIL_FIRST, RPC_UNKNOWN, REASON_WRITE_UNCERTAIN);
	if (sim_chance(w->uncertain_done))
		return fails(FAULT_UNCERTAIN_DONE, DO_AND_FAIL, RPC_UNKNOWN, REASON_WRITE_UNCERTAIN);
	struct turn turn = { .kind = AS_IT_IS, .armed = sim_chance(w->disk) };
	if (turn.armed && sim_chance(500))
		fault_arm(FAULT_SYNC, 1, false); /* the only flush: of the commit */
	else if (turn.armed)
		fault_arm(sim_chance(500) ? FAULT_WRITE_FULL : FAULT_WRITE_TORN, 1 + (int)sim_below(4), false);
	return turn;
}

static bool end(struct turn *turn, bool ok, const char *call, struct error *err)
{
	if (turn->armed && fault_disarm()) {
		note_fault(FAULT_DISK);
		/* What a failed flush leaves in the log comes back if the machine goes down now. */
		if (!ok && world.settings.crashes && error_is(err, REASON_WRITE_UNCERTAIN) && sim_chance(300))
			crash_all();
	}
	turn->ok = ok;
	if (ok)
		sim_point("stored", call);
	else if (MAY_GO_ON(*turn) && error_is(err, "TASK_MOVED"))
		note_fault(FAULT_ZOMBIE);
	if (turn->kind == AS_IT_IS) return ok;
	sim_trace("store: %s: %s%s", call, turn->reason,
	          turn->kind == DO_AND_FAIL ? ok ? " (done)" : " (refused)" : "");
	/* What the store refuses it refuses: an unknown outcome is one that might have been a success. */
	if (turn->kind == DO_AND_FAIL && !ok) return false;
	return error_set(err, turn->code, turn->reason, "simulated");
}

/* ---- mutants ---- */

static sqlite3 *side_door(void)
{
	static sqlite3 *db;
	static char path[128];
	if (db && strcmp(path, world.path) == 0) return db;
	if (db) (void)sqlite3_close(db);
	(void)snprintf(path, sizeof path, "%s", world.path);
	if (sqlite3_open(path, &db) != SQLITE_OK) die("no database");
	(void)sqlite3_busy_timeout(db, 5000);
	return db;
}
static int64_t ask(const char *sql, struct str id)
{
	sqlite3_stmt *stmt = NULL;
	int64_t value = 0;
	if (sqlite3_prepare_v2(side_door(), sql, -1, &stmt, NULL) != SQLITE_OK)
		die("%s: %s", sql, sqlite3_errmsg(side_door()));
	(void)sqlite3_bind_text(stmt, 1, id.ptr, (int)id.len, SQLITE_STATIC);
	if (sqlite3_step(stmt) == SQLITE_ROW) value = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return value;
}

static bool is(enum mutant mutant) { return world.mutant == mutant; }

static uint32_t attempt_now(struct str id, uint32_t attempt)
{
	if (!is(MUTANT_NO_FENCE)) return attempt;
	int64_t now = ask("select attempt from tasks where id = ?1 and status = 'running'", id);
	return now ? (uint32_t)now : attempt;
}

/* The same JSON with another percentage. */
static struct str with_progress(struct str json, int percent, char *out, size_t cap)
{
	const char *at = memmem(json.ptr, json.len, "\"progress\":", 11);
	if (!at || json.len + 8 > cap) return json;
	size_t head = (size_t)(at - json.ptr) + 11, digits = 0;
	while (head + digits < json.len && json.ptr[head + digits] >= '0' && json.ptr[head + digits] <= '9') digits++;
	int n = snprintf(out, cap, "%.*s%d%.*s", (int)head, json.ptr, percent, (int)(json.len - head - digits),
	                 json.ptr + head + digits);
	return (struct str){ out, (size_t)n };
}

/* ---- the driver ---- */

static bool s_create(void *self, const struct task *task, struct str first_event, const struct task_limits *limits,
                     const struct idempotency *idem, struct arena *arena, bool *out_replayed, struct str *out_reply,
                     struct error *err)
{
	struct turn turn = begin("create", task->id, true);
	bool ok = false;
	struct idempotency other;
	char key[80];
	if (is(MUTANT_KEY_IGNORED) && idem) {
		other = *idem;
		(void)snprintf(key, sizeof key, STR_FMT ".%u", STR_ARG(idem->key), sim_below(1000000));
		other.key = str_from(key);
		idem = &other;
	}
	if (MAY_GO_ON(turn))
		ok = REAL->create(self, task, first_event, limits, idem, arena, out_replayed, out_reply, err);
	return end(&turn, ok, "create", err);
}

static bool s_get(void *self, struct str user_id, struct str id, struct arena *arena, struct task *out,
                  struct error *err)
{
	struct turn turn = begin("get", id, false);
	bool ok = MAY_GO_ON(turn) && REAL->get(self, user_id, id, arena, out, err);
	if (ok && is(MUTANT_NO_LOOK) && user_id.len == 0) out->status = TASK_RUNNING;
	return end(&turn, ok, "get", err);
}

static bool s_list(void *self, const struct task_filter *filter, struct arena *arena, struct task **out,
                   size_t *out_count, int64_t *out_total, struct error *err)
{
	struct turn turn = begin("list", STR(""), false);
	bool ok = MAY_GO_ON(turn) && REAL->list(self, filter, arena, out, out_count, out_total, err);
	return end(&turn, ok, "list", err);
}

static bool s_claim(void *self, struct str worker, int64_t now_us, int64_t lease_ms, struct arena *arena,
                    struct task *out, struct error *err)
{
	struct turn turn = begin("claim", STR(""), true);
	bool ok = false;
	if (is(MUTANT_NO_TAKEOVER)) now_us = 1;
	if (MAY_GO_ON(turn)) ok = REAL->claim(self, worker, now_us, lease_ms, arena, out, err);
	if (ok && is(MUTANT_NO_TAKEOVER)) {
		struct error ignored;
		(void)!REAL->heartbeat(self, out->id, out->attempt, sim_wall_us(), lease_ms, &ignored);
	}
	if (ok && out->lost_leases) note_fault(FAULT_TAKEN_OVER);
	return end(&turn, ok, "claim", err);
}

static bool s_heartbeat(void *self, struct str id, uint32_t attempt, int64_t now_us, int64_t lease_ms,
                        struct error *err)
{
	struct turn turn = begin("heartbeat", id, true);
	bool ok = MAY_GO_ON(turn) && REAL->heartbeat(self, id, attempt, now_us, lease_ms, err);
	return end(&turn, ok, "heartbeat", err);
}

static bool s_give_back(void *self, struct str id, uint32_t attempt, struct error *err)
{
	struct turn turn = begin("give_back", id, true);
	bool ok = MAY_GO_ON(turn) && REAL->give_back(self, id, attempt, err);
	return end(&turn, ok, "give_back", err);
}

static bool append(void *self, struct str id, uint32_t attempt, int64_t now_us, const struct task_append *what,
                   uint64_t *out_first, struct error *err)
{
	struct task_append changed = *what;
	struct str events[64];
	char text[16 * 1024];
	size_t count = what->event_count;
	if (is(MUTANT_LOST_EVENT) && count && sim_chance(100)) {
		*out_first = (uint64_t)ask("select last_event from tasks where id = ?1", id) + 1;
		return true;
	}
	if (count && count < COUNT(events)) memcpy(events, what->events, count * sizeof events[0]);
	if (is(MUTANT_DOUBLE_EVENT) && count && count + 1 < COUNT(events) && sim_chance(300)) {
		events[count] = events[count - 1];
		changed.event_count = count + 1;
		changed.events = events;
	} else if (is(MUTANT_PROGRESS_FALLS) && count && count < COUNT(events) && what->progress > 20) {
		events[0] = with_progress(events[0], 1, text, sizeof text);
		changed.events = events;
	} else if (is(MUTANT_EARLY_PUBLISH) && count && count < COUNT(events) && process_here()->publisher) {
		uint64_t next = (uint64_t)ask("select last_event from tasks where id = ?1", id) + 1;
		struct str early = with_progress(events[0], 99, text, sizeof text);
		event_publish(process_here()->publisher, id, next, false, early);
	}
	if (!REAL->append(self, id, attempt_now(id, attempt), now_us, &changed, out_first, err)) return false;
	if (is(MUTANT_CHANGED_EVENT) && sim_chance(100))
		(void)ask("update task_events set data = data || ' ' where task_id = ?1 and number = 2", id);
	if (is(MUTANT_LIVE_SWEEP) && sim_chance(60))
		(void)ask("delete from task_events where task_id = ?1 and number < 3", id);
	return true;
}

static bool s_append(void *self, struct str id, uint32_t attempt, int64_t now_us, const struct task_append *what,
                     uint64_t *out_first, struct error *err)
{
	struct turn turn = begin("append", id, true);
	bool ok = MAY_GO_ON(turn) && append(self, id, attempt, now_us, what, out_first, err);
	if (ok)
		for (size_t i = 0; i < what->event_count; i++)
			oracle_written("append", id, attempt, *out_first + i, what->events[i]);
	return end(&turn, ok, "append", err);
}

static bool s_complete(void *self, struct str id, uint32_t attempt, int64_t now_us, const struct task_append *what,
                       struct str terminal_event, struct str output, const struct plan_record *plan, uint64_t *out_last,
                       struct error *err)
{
	struct turn turn = begin("complete", id, true);
	bool ok = MAY_GO_ON(turn) && REAL->complete(self, id, attempt_now(id, attempt), now_us, what, terminal_event,
	                                            output, is(MUTANT_NO_PLAN) ? NULL : plan, out_last, err);
	if (ok && is(MUTANT_NO_TERMINAL))
		(void)ask("update task_events set terminal = 0 where task_id = ?1 and terminal", id);
	if (ok && is(MUTANT_STATUS_WRONG)) (void)ask("update tasks set status = 'failed' where id = ?1", id);
	if (ok && is(MUTANT_TWO_TERMINALS)) {
		(void)ask("update tasks set last_event = last_event + 1 where id = ?1", id);
		(void)ask("insert into task_events (task_id, number, data, terminal, at) select id, last_event, "
		          "'{\"type\":\"error\"}', "
		          "0, 0 from tasks where id = ?1",
		          id);
	}
	if (ok) oracle_written("complete", id, attempt, *out_last, terminal_event);
	return end(&turn, ok, "complete", err);
}

static bool s_fail(void *self, struct str id, uint32_t attempt, int64_t now_us, struct str reason, struct str message,
                   struct str terminal_event, uint64_t *out_last, struct error *err)
{
	struct turn turn = begin("fail", id, true);
	bool ok = MAY_GO_ON(turn) && REAL->fail(self, id, attempt_now(id, attempt), now_us, reason, message,
	                                        terminal_event, out_last, err);
	if (ok && is(MUTANT_STRAY_PLAN))
		(void)ask("insert into diet_plans (id, user_id, task_id, pet_type, pet_age, pet_weight, plan_data, "
		          "created_at, updated_at) "
		          "select 'stray' || id, user_id, id, 'dog', 1, 1, '{}', 0, 0 from tasks where id = ?1",
		          id);
	if (ok) oracle_written("fail", id, attempt, *out_last, terminal_event);
	return end(&turn, ok, "fail", err);
}

static bool s_cancel(void *self, struct str user_id, struct str id, int64_t now_us, struct str terminal_event,
                     struct str error_message, const struct idempotency *idem, struct arena *arena, bool *out_replayed,
                     struct str *out_reply, uint64_t *out_last, struct error *err)
{
	struct turn turn = begin("cancel", id, true);
	bool ok = false;
	if (is(MUTANT_CANCEL_IGNORED)) {
		*out_last = 1000000;
		*out_replayed = false;
		ok = true;
	} else if (MAY_GO_ON(turn)) {
		ok = REAL->cancel(self, user_id, id, now_us, terminal_event, error_message, idem, arena, out_replayed,
		                  out_reply, out_last, err);
	}
	return end(&turn, ok, "cancel", err);
}

static bool s_abandon(void *self, int64_t now_us, struct arena *arena, struct task *out, struct error *err,
                      struct str (*terminal_event)(void *ctx, struct arena *arena, const struct task *task), void *ctx,
                      struct str reason, struct str message, uint64_t *out_last)
{
	struct turn turn = begin("abandon", STR(""), true);
	if (is(MUTANT_NO_TAKEOVER)) now_us = 1;
	bool ok = MAY_GO_ON(turn) &&
	          REAL->abandon(self, now_us, arena, out, err, terminal_event, ctx, reason, message, out_last);
	return end(&turn, ok, "abandon", err);
}

static bool s_void_leases(void *self, int64_t now_us, int64_t *out_count, struct error *err)
{
	struct turn turn = begin("void_leases", STR(""), true);
	bool ok = MAY_GO_ON(turn) && REAL->void_leases(self, now_us, out_count, err);
	return end(&turn, ok, "void_leases", err);
}

static bool s_events(void *self, struct str user_id, struct str id, uint64_t after, size_t limit, size_t bytes_max,
                     struct arena *arena, struct task_event **out, size_t *out_count, struct task_head *out_head,
                     struct error *err)
{
	struct turn turn = begin("events", id, false);
	bool ok = MAY_GO_ON(turn) &&
	          REAL->events(self, user_id, id, after, limit, bytes_max, arena, out, out_count, out_head, err);
	/* Asked by a run that looks before it repeats. */
	if (ok && is(MUTANT_NO_LOOK) && user_id.len == 0 && limit <= 32) *out_count = 0;
	return end(&turn, ok, "events", err);
}

static bool s_heads(void *self, struct str user_id, const struct str *ids, size_t count, struct arena *arena,
                    struct task_head **out, size_t *out_count, struct error *err)
{
	struct turn turn = begin("heads", STR(""), false);
	bool ok = MAY_GO_ON(turn) && REAL->heads(self, user_id, ids, count, arena, out, out_count, err);
	return end(&turn, ok, "heads", err);
}

static bool s_checkpoints(void *self, struct str id, struct arena *arena, struct checkpoint **out, size_t *out_count,
                          struct error *err)
{
	struct turn turn = begin("checkpoints", id, false);
	bool ok = MAY_GO_ON(turn) && REAL->checkpoints(self, id, arena, out, out_count, err);
	if (ok && is(MUTANT_NO_CHECKPOINTS)) *out_count = 0;
	return end(&turn, ok, "checkpoints", err);
}

static bool s_sweep(void *self, int64_t ended_before_us, size_t limit, int64_t *out_count, struct error *err)
{
	struct turn turn = begin("sweep", STR(""), true);
	bool ok = MAY_GO_ON(turn) && REAL->sweep(self, ended_before_us, limit, out_count, err);
	for (int64_t i = 0; ok && i < *out_count; i++) note_fault(FAULT_SWEPT);
	return end(&turn, ok, "sweep", err);
}

static bool s_count_open(void *self, int64_t *out_pending, int64_t *out_running, struct error *err)
{
	struct turn turn = begin("count_open", STR(""), false);
	bool ok = MAY_GO_ON(turn) && REAL->count_open(self, out_pending, out_running, err);
	return end(&turn, ok, "count_open", err);
}

static bool s_expire_drafts(void *self, int64_t made_before_us, size_t limit, int64_t *out_count, struct error *err)
{
	struct turn turn = begin("expire_drafts", STR(""), true);
	bool ok = MAY_GO_ON(turn) &&
	          process_here()->real.plans.driver->expire_drafts(self, made_before_us, limit, out_count, err);
	return end(&turn, ok, "expire_drafts", err);
}

void store_wrap(struct process *process)
{
	process->store = process->real;
	process->tasks = *process->real.tasks.driver;
	process->tasks.create = s_create;
	process->tasks.get = s_get;
	process->tasks.list = s_list;
	process->tasks.claim = s_claim;
	process->tasks.heartbeat = s_heartbeat;
	process->tasks.give_back = s_give_back;
	process->tasks.append = s_append;
	process->tasks.complete = s_complete;
	process->tasks.fail = s_fail;
	process->tasks.cancel = s_cancel;
	process->tasks.abandon = s_abandon;
	process->tasks.void_leases = s_void_leases;
	process->tasks.events = s_events;
	process->tasks.heads = s_heads;
	process->tasks.checkpoints = s_checkpoints;
	process->tasks.sweep = s_sweep;
	process->tasks.count_open = s_count_open;
	process->store.tasks.driver =
	    &process->tasks; /* with the real self: what is not named here is the real driver's */
	process->plans = *process->real.plans.driver;
	process->plans.expire_drafts = s_expire_drafts;
	process->store.plans.driver = &process->plans;
}
