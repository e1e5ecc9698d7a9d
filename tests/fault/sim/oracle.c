/* Judges a schedule when all is over, from the log in the database, from a journal that triggers of the database kept in the order
 * of commits, and from what every reader was given. It asks the promises of DESIGN 4 and 5, not how they are kept. */
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fault/sim/world.h"

enum { SEEN_MAX = 256, WRITTEN_MAX = 65536 };

void violation(const char *format, ...)
{
	struct outcome *o = world.outcome;
	char text[VIOLATION_BYTES];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (o->violations < VIOLATIONS_SHOWN) memcpy(o->texts[o->violations], text, sizeof text);
	o->violations++;
	sim_trace("VIOLATION: %s", text);
}

void note_fault(enum fault fault) { world.outcome->faults[fault]++; }

uint64_t sim_hash(const void *data, size_t len) /* FNV-1a, 64 bits */
{
	const unsigned char *bytes = data;
	uint64_t hash = 14695981039346656037u;
	for (size_t i = 0; i < len; i++) hash = (hash ^ bytes[i]) * 1099511628211u;
	return hash;
}

/* ---- what readers were given ---- */

static struct seen *all_seen[SEEN_MAX];
static size_t seen_count;

void seen_from(struct seen *seen, uint64_t number)
{
	seen->hashes = calloc((size_t)number, sizeof *seen->hashes);
	if (!seen->hashes) die("out of memory");
	seen->count = (size_t)number;
	seen->last = number;
}

struct seen *seen_create(const char *kind)
{
	struct seen *seen = calloc(1, sizeof *seen);
	if (!seen || seen_count == SEEN_MAX) die("too many readers");
	seen->kind = kind;
	all_seen[seen_count++] = seen;
	return seen;
}

void seen_event(struct seen *seen, uint64_t number, const char *data, size_t len, bool terminal)
{
	world.outcome->events_read++;
	seen->given++;
	if (number != seen->last + 1)
		violation("a reader (%s) of task %.4s got event %llu after %llu", seen->kind, seen->task_id,
		          (unsigned long long)number, (unsigned long long)seen->last);
	if (seen->terminal)
		violation("a reader of task %.4s got event %llu after the end", seen->task_id,
		          (unsigned long long)number);
	if (seen->must_reset && !seen->reset)
		violation("a reader of task %.4s with a bad cursor went on without a reset", seen->task_id);
	if (number <= seen->count) seen->count = (size_t)number - 1; /* told above; so that the rest can be judged */
	seen->hashes = realloc(seen->hashes, (seen->count + 1) * sizeof *seen->hashes);
	if (!seen->hashes) die("out of memory");
	seen->hashes[seen->count++] = sim_hash(data, len);
	seen->last = number;
	if (terminal) seen->terminal = true;
}

/* ---- what was acknowledged to the writers ---- */

static struct written {
	char task_id[40];
	const char *what;
	uint64_t number, hash;
	uint32_t attempt;
} written[WRITTEN_MAX];
static size_t written_count;

void oracle_written(const char *what, struct str task_id, uint32_t attempt, uint64_t number, struct str data)
{
	if (written_count == WRITTEN_MAX) die("too many writes");
	struct written *w = &written[written_count++];
	(void)snprintf(w->task_id, sizeof w->task_id, STR_FMT, STR_ARG(task_id));
	w->what = what;
	w->attempt = attempt;
	w->number = number;
	w->hash = sim_hash(data.ptr, data.len);
}

/* ---- the journal ---- */

static const char journal_sql[] =
    "create table journal (at integer primary key, kind text not null, task_id text not null, number integer, attempt "
    "integer, "
    "status text, data text, terminal integer);"
    "create index journal_kind on journal(kind, task_id, number);"
    "create trigger journal_event after insert on task_events begin "
    "insert into journal (kind, task_id, number, attempt, status, data, terminal) select 'event', new.task_id, "
    "new.number, attempt, "
    "status, new.data, new.terminal from tasks where id = new.task_id; end;"
    "create trigger journal_changed after update on task_events begin "
    "insert into journal (kind, task_id, number) values ('changed', new.task_id, new.number); end;"
    "create trigger journal_swept after delete on task_events begin "
    "insert into journal (kind, task_id, number, status) select 'swept', old.task_id, old.number, status from tasks "
    "where id = "
    "old.task_id; end;"
    "create trigger journal_attempt after update of attempt on tasks when new.attempt <> old.attempt begin "
    "insert into journal (kind, task_id, attempt, status) values ('attempt', new.id, new.attempt, new.status); end;"
    "create trigger journal_fell after update of progress on tasks when new.progress < old.progress begin "
    "insert into journal (kind, task_id, number) values ('fell', new.id, new.progress); end;"
    "create trigger journal_revived after update of status on tasks when old.status in ('completed', 'failed', "
    "'cancelled') and "
    "new.status <> old.status begin insert into journal (kind, task_id, status) values ('revived', new.id, "
    "new.status); end;"
    "create trigger journal_checkpoint after insert on task_checkpoints begin "
    "insert into journal (kind, task_id, data) values ('checkpoint', new.task_id, new.step); end;"
    "create trigger journal_plan_gone after delete on diet_plans begin "
    "insert into journal (kind, task_id, number) values ('plan_gone', old.task_id, old.confirmed); end;";

void oracle_prepare(const char *path)
{
	sqlite3 *db = NULL;
	if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_exec(db, journal_sql, NULL, NULL, NULL) != SQLITE_OK)
		die("journal: %s", sqlite3_errmsg(db));
	(void)sqlite3_close(db);
}

static sqlite3 *db;

/* Up to three texts of each row of a query to `row`; ?1 and ?2 are bound to what is given (NULL = not used). */
static int rows(const char *sql, const char *a, const char *b, void (*row)(sqlite3_stmt *stmt, void *self), void *self)
{
	sqlite3_stmt *stmt = NULL;
	int count = 0;
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) die("%s: %s", sql, sqlite3_errmsg(db));
	if (a) (void)sqlite3_bind_text(stmt, 1, a, -1, SQLITE_STATIC);
	if (b) (void)sqlite3_bind_text(stmt, 2, b, -1, SQLITE_STATIC);
	for (; sqlite3_step(stmt) == SQLITE_ROW; count++) row(stmt, self);
	(void)sqlite3_finalize(stmt);
	return count;
}

static const char *text(sqlite3_stmt *stmt, int column)
{
	const char *value = (const char *)sqlite3_column_text(stmt, column);
	return value ? value : "";
}

/* A rule whose query finds what must not be: kind, task, number. */
static const struct {
	const char *says, *sql;
} rules[] = {
	{ "a task has not ended",
	  "select '', id, last_event from tasks where status not in ('completed', 'failed', 'cancelled')" },
	{ "the log ends elsewhere than the task says",
	  "select '', id, last_event from tasks where last_event <> (select max(number) from journal where kind = "
	  "'event' and task_id = id)" },
	{ "the numbers are not 1..n",
	  "select '', id, last_event from tasks where last_event <> (select count(distinct number) from journal where "
	  "kind = 'event' and "
	  "task_id = id) or 1 <> (select min(number) from journal where kind = 'event' and task_id = id)" },
	{ "a number was given twice",
	  "select '', task_id, number from journal where kind = 'event' group by task_id, number having count(*) > 1" },
	{ "there is not one terminal event", "select '', id, last_event from tasks where 1 <> (select count(*) from "
	                                     "journal where kind = 'event' and task_id = id and "
	                                     "terminal)" },
	{ "the terminal event is not the last", "select '', task_id, number from journal where kind = 'event' and "
	                                        "terminal and number <> (select last_event from tasks where "
	                                        "id = task_id)" },
	{ "the stored log has not its terminal event last",
	  "select '', id, last_event from tasks where swept_at is null and (select group_concat(number) from "
	  "task_events where task_id = "
	  "id and terminal) is not cast(last_event as text)" },
	{ "the terminal event does not say how the task ended",
	  "select j.data, j.task_id, j.number from journal j join tasks t on t.id = j.task_id where j.kind = 'event' "
	  "and j.terminal and "
	  "json_extract(j.data, '$.type') <> case t.status when 'completed' then 'task_completed' else 'error' end" },
	{ "the end was written in another state than the task has",
	  "select j.status, j.task_id, j.number from journal j join tasks t on t.id = j.task_id where j.kind = 'event' "
	  "and j.terminal and "
	  "j.status <> t.status" },
	{ "an event was stored after the end", "select '', j.task_id, j.number from journal j join journal e on e.kind "
	                                       "= 'event' and e.terminal and e.task_id = j.task_id where "
	                                       "j.kind = 'event' and j.at > e.at" },
	{ "a stored event was changed", "select '', task_id, number from journal where kind = 'changed'" },
	{ "a live log was cut", "select status, task_id, number from journal where kind = 'swept' and status not in "
	                        "('completed', 'failed', 'cancelled')" },
	{ "a log is cut in part", "select '', id, last_event from tasks where (select count(*) from task_events where "
	                          "task_id = id) not in (0, last_event)" },
	{ "a task's progress fell", "select '', task_id, number from journal where kind = 'fell'" },
	{ "the progress shown fell",
	  "select data, task_id, number from (select data, task_id, number, json_extract(data, '$.progress') p, "
	  "max(coalesce(json_extract(data, '$.progress'), 0)) over (partition by task_id order by number) top from "
	  "journal where kind = "
	  "'event') where p < top" },
	{ "an ended task was revived", "select status, task_id, 0 from journal where kind = 'revived'" },
	{ "a completed task has no plan", "select '', id, 0 from tasks where status = 'completed' and task_type = "
	                                  "'diet_plan' and not exists (select 1 from diet_plans p "
	                                  "where p.task_id = tasks.id and p.id = tasks.plan_id) and not exists (select "
	                                  "1 from journal j where j.kind = 'plan_gone' and "
	                                  "j.task_id = tasks.id)" },
	{ "a task that did not complete has a plan", "select status, id, 0 from tasks where (status <> 'completed' or "
	                                             "task_type <> 'diet_plan') and exists (select 1 from diet_plans "
	                                             "p where p.task_id = tasks.id)" },
	{ "a permanent plan is gone", "select '', task_id, 0 from journal where kind = 'plan_gone' and number" },
	{ "what was written is there twice",
	  "select data, task_id, max(number) from journal where kind = 'event' and data like '%<%>%' group by task_id, "
	  "substr(data, instr(data, '<'), instr(data, '>') - instr(data, '<')) having count(*) > 1" },
	{ "a step's end is there in two attempts",
	  "select data, task_id, max(number) from journal where kind = 'event' and data like '%<%.c.%>%' group by "
	  "task_id, "
	  "substr(data, instr(data, '.'), instr(data, '>') - instr(data, '.')) having count(*) > 1" },
	{ "a checkpoint was kept twice",
	  "select data, task_id, 0 from journal where kind = 'checkpoint' group by task_id, data having count(*) > 1" },
	{ "an event of a fenced attempt", "select data, task_id, number from journal where kind = 'event' and data "
	                                  "like '%<%>%' and cast(substr(data, instr(data, '<') + 1) "
	                                  "as integer) <> attempt" },
	{ "bench events are not 1..k in order", "select data, task_id, number from (select data, task_id, number, "
	                                        "json_extract(data, '$.detail.bench.index') i, row_number() over "
	                                        "(partition by task_id order by number) n from journal where kind = "
	                                        "'event' and json_extract(data, '$.detail.bench.of') is not "
	                                        "null) where i <> n" },
	{ "a task failed of what should not touch it", "select error_reason, id, last_event from tasks where status = "
	                                               "'failed' and error_reason not in ('PLAN_INFEASIBLE', "
	                                               "'TASK_ABANDONED', 'TASK_TIMEOUT')" },
	{ "a task was given up too early",
	  "select lost_leases, id, last_event from tasks where error_reason = 'TASK_ABANDONED' and lost_leases < 3" },
	{ "more leases were lost than a task may lose",
	  "select lost_leases, id, lost_leases from tasks where lost_leases > 3" },
};

static void tell(sqlite3_stmt *stmt, void *self)
{
	violation("%s: task %.4s, %s %.90s", (const char *)self, text(stmt, 1), text(stmt, 2), text(stmt, 0));
}

struct event_row {
	const struct written *written;
	const struct seen *seen;
	uint64_t count;
};

static void check_written(sqlite3_stmt *stmt, void *self)
{
	const struct written *w = ((struct event_row *)self)->written;
	if (sim_hash(sqlite3_column_text(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0)) != w->hash)
		violation("event %llu of task %.4s is not what was acknowledged to its writer",
		          (unsigned long long)w->number, w->task_id);
	if ((uint32_t)sqlite3_column_int(stmt, 1) != w->attempt)
		violation("event %llu of task %.4s was written by attempt %u when %d was the running one",
		          (unsigned long long)w->number, w->task_id, w->attempt, sqlite3_column_int(stmt, 1));
}

static void judge_written(void)
{
	char number[24];
	for (size_t i = 0; i < written_count; i++) {
		struct event_row row = { .written = &written[i] };
		(void)snprintf(number, sizeof number, "%llu", (unsigned long long)written[i].number);
		if (rows("select data, attempt from journal where kind = 'event' and task_id = ?1 and number = cast(?2 "
		         "as integer)",
		         written[i].task_id, number, check_written, &row) == 0)
			violation("event %llu of task %.4s was acknowledged (%s) and is not stored",
			          (unsigned long long)written[i].number, written[i].task_id, written[i].what);
	}
}

/* ---- readers ---- */

static void check_seen(sqlite3_stmt *stmt, void *self)
{
	struct event_row *row = self;
	if (row->count < row->seen->count && row->seen->hashes[row->count] &&
	    sim_hash(sqlite3_column_text(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0)) !=
	        row->seen->hashes[row->count])
		violation("a reader (%s) of task %.4s got other bytes of event %llu than the log has", row->seen->kind,
		          row->seen->task_id, (unsigned long long)row->count + 1);
	row->count++;
}

static void note_int(sqlite3_stmt *stmt, void *self) { *(int64_t *)self = sqlite3_column_int64(stmt, 0); }
static int64_t number_of(const char *sql, const char *task_id)
{
	int64_t value = 0;
	(void)rows(sql, task_id, NULL, note_int, &value);
	return value;
}

static void judge_reader(const struct seen *seen)
{
	if (!seen->task_id[0]) {
		violation("a reader (%s) never learned its task", seen->kind);
		return;
	}
	struct event_row row = { .seen = seen };
	(void)rows("select data from journal where kind = 'event' and task_id = ?1 order by number", seen->task_id,
	           NULL, check_seen, &row);
	bool completed = number_of("select status = 'completed' from tasks where id = ?1", seen->task_id) != 0;
	bool swept = number_of("select swept_at is not null from tasks where id = ?1", seen->task_id) != 0;
	if (seen->terminal || seen->nothing_left) {
		if (seen->count != row.count)
			violation("a reader (%s) of task %.4s ended with %zu of %llu events", seen->kind, seen->task_id,
			          seen->count, (unsigned long long)row.count);
	} else if (!seen->ended) {
		violation("a reader (%s) of task %.4s has not ended: %zu of %llu events", seen->kind, seen->task_id,
		          seen->count, (unsigned long long)row.count);
	} else if (!seen->refused && seen->ended_well != completed) {
		violation("a reader of task %.4s was told that it %s", seen->task_id,
		          seen->ended_well ? "completed" : "failed");
	}
	if (seen->refused && !swept)
		violation("a reader (%s) of task %.4s was set back though its log is there", seen->kind, seen->task_id);
}

/* ---- checkpoints ---- */

static void judge_steps(void)
{
	const struct step_start *starts;
	size_t count = kind_starts(&starts);
	char attempt[16];
	static const char sql[] = "select a.at from journal a join journal c on c.kind = 'checkpoint' and c.task_id = "
	                          "a.task_id and c.at < a.at "
	                          "where a.kind = 'attempt' and a.task_id = ?1 and a.attempt || '/' || c.data = ?2";
	for (size_t i = 0; i < count; i++) {
		char which[40];
		int64_t at = 0;
		(void)snprintf(attempt, sizeof attempt, "%u", starts[i].attempt);
		(void)snprintf(which, sizeof which, "%s/%s", attempt, starts[i].step);
		if (rows(sql, starts[i].task_id, which, note_int, &at))
			violation("attempt %s of task %.4s began %s again, which had been kept", attempt,
			          starts[i].task_id, starts[i].step);
	}
}

static void judge_cancels(void)
{
	for (int i = 0; i < world.settings.tasks; i++) {
		const struct task_record *task = &world.tasks[i];
		if (task->cancel_said && !number_of("select status = 'cancelled' from tasks where id = ?1", task->id))
			violation("task %.4s was said to be cancelled and is not", task->id);
	}
}

void oracle_judge(void)
{
	struct outcome *o = world.outcome;
	if (sqlite3_open_v2(world.path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) die("no database to judge");
	for (size_t i = 0; i < COUNT(rules); i++)
		(void)rows(rules[i].sql, NULL, NULL, tell, (void *)(uintptr_t)rules[i].says);
	judge_written();
	for (size_t i = 0; i < seen_count; i++) judge_reader(all_seen[i]);
	judge_steps();
	judge_cancels();
	o->tasks = (unsigned)number_of("select count(*) from tasks where id <> ?1", "");
	if (!world.settings.expires && o->tasks != (unsigned)world.settings.tasks)
		violation("%d creates made %u tasks", world.settings.tasks, o->tasks);
	o->completed = (unsigned)number_of("select count(*) from tasks where status = 'completed' and id <> ?1", "");
	o->cancelled = (unsigned)number_of("select count(*) from tasks where status = 'cancelled' and id <> ?1", "");
	o->abandoned =
	    (unsigned)number_of("select count(*) from tasks where error_reason = 'TASK_ABANDONED' and id <> ?1", "");
	o->failed = (unsigned)number_of("select count(*) from tasks where status = 'failed' and id <> ?1", "");
	o->attempts = (unsigned)number_of("select sum(attempt) from tasks where id <> ?1", "");
	o->events_stored =
	    (unsigned)number_of("select count(*) from journal where kind = 'event' and task_id <> ?1", "");
	o->readers = (unsigned)seen_count;
	(void)sqlite3_close(db);
}
