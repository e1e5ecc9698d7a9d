/* Reading tasks and their logs: each call on one snapshot. */
#include "store/sqlite/parts.h"

void task_from_row(const struct sql_query *row, struct arena *arena, struct task *out)
{
	bool whole = sqlite3_column_count(row->stmt) > 19;
	*out = (struct task){
		.id = sql_get_text(row, 0, arena),
		.user_id = sql_get_text(row, 1, arena),
		.type = task_type_from(sql_get_text(row, 2, arena)),
		.status = task_status_from(sql_get_text(row, 3, arena)),
		.progress = (int)sql_get_int(row, 4),
		.current_node = sql_get_text(row, 5, arena),
		.lang = sql_get_text(row, 6, arena),
		.keeps_plan = sql_get_int(row, 7) != 0,
		.error_message = sql_get_text(row, 8, arena),
		.error_reason = sql_get_text(row, 9, arena),
		.plan_id = sql_get_text(row, 10, arena),
		.attempt = (uint32_t)sql_get_int(row, 11),
		.lost_leases = (uint32_t)sql_get_int(row, 12),
		.last_event = (uint64_t)sql_get_int(row, 13),
		.created_at_us = sql_get_int(row, 14),
		.started_at_us = sql_get_int(row, 15),
		.completed_at_us = sql_get_int(row, 16),
		.updated_at_us = sql_get_int(row, 17),
		.request_id = sql_get_text(row, 18, arena),
		.input = whole ? sql_get_text(row, 19, arena) : STR_NONE,
		.output = whole ? sql_get_text(row, 20, arena) : STR_NONE,
	};
}

static bool get(void *self, const char *sql, struct str user_id, struct str id, struct arena *arena, struct task *out,
                struct error *err)
{
	struct sql_conn *conn = NULL;
	struct sql_query query = { 0 };
	bool has = false, ok = false;
	if (!db_take_reader(self, &conn, err)) return false;
	if (!sql_start(conn, &query, sql, SQL_ARGS(sql_text(id), sql_text(user_id)), err)) goto out;
	if (!sql_row(&query, &has, err)) goto out;
	if (has) task_from_row(&query, arena, out);
	ok = has ? true : error_set(err, RPC_NOT_FOUND, "TASK_NOT_FOUND", "no such task");
out:
	sql_end(&query);
	db_give_reader(self, &conn);
	return ok;
}

#define GET_FILTER " from tasks where id = ?1 and (?2 = '' or user_id = ?2)"
bool task_get(void *self, struct str user_id, struct str id, struct arena *arena, struct task *out, struct error *err)
{
	return get(self, "select " TASK_LIST_COLUMNS GET_FILTER, user_id, id, arena, out, err);
}

bool task_get_whole(void *self, struct str user_id, struct str id, struct arena *arena, struct task *out, struct error *err)
{
	return get(self, "select " TASK_COLUMNS GET_FILTER, user_id, id, arena, out, err);
}

#define LIST_FILTER "and (?2 = 0 or status = ?3) and (?4 = 0 or task_type = ?5) "
/* Two texts, so that the one of a user has its index. */
#define LIST_OF_USER "from tasks where user_id = ?1 " LIST_FILTER
#define LIST_OF_ALL "from tasks where ?1 = '' " LIST_FILTER
#define LIST_ORDER "order by created_at desc, id desc limit ?6 offset ?7"
#define LIST_VALUES \
	sql_text(filter->user_id), sql_int(filter->status), \
	    sql_cstr(task_status_name((enum task_status)filter->status)), sql_int(filter->type), \
	    sql_cstr(task_type_name((enum task_type)filter->type))

bool task_list(void *self, const struct task_filter *filter, struct arena *arena, struct task **out, size_t *out_count,
               int64_t *out_total, struct error *err)
{
	struct sql_conn *conn = NULL;
	struct sql_query query = { 0 };
	bool has = false, ok = false;
	size_t count = 0;
	if (!db_take_reader(self, &conn, err)) return false;
	bool of_user = filter->user_id.len > 0;
	if (!sql_run_int(conn, of_user ? "select count(*) " LIST_OF_USER : "select count(*) " LIST_OF_ALL, SQL_ARGS(LIST_VALUES),
	                 &has, out_total, err))
		goto out;
	int64_t left = *out_total > filter->offset ? *out_total - filter->offset : 0;
	struct task *tasks = arena_new_array(arena, struct task, (size_t)(left < filter->limit ? left : filter->limit));
	if (!sql_start(conn, &query,
	               of_user ? "select " TASK_LIST_COLUMNS " " LIST_OF_USER LIST_ORDER
	                       : "select " TASK_LIST_COLUMNS " " LIST_OF_ALL LIST_ORDER,
	               SQL_ARGS(LIST_VALUES, sql_int(filter->limit), sql_int(filter->offset)), err))
		goto out;
	while ((ok = sql_row(&query, &has, err)) && has) task_from_row(&query, arena, &tasks[count++]);
	*out = tasks;
	*out_count = count;
out:
	sql_end(&query);
	db_give_reader(self, &conn);
	return ok;
}

/* *out_has = false: there is no such task, or it is another user's. */
static bool read_head(struct sql_conn *conn, struct str user_id, struct str id, struct arena *arena, bool *out_has,
                      struct task_head *out, struct error *err)
{
	struct sql_query query;
	if (!sql_start(conn, &query,
	               "select id, user_id, last_event, status from tasks where id = ?1 and (?2 = '' or user_id = ?2)",
	               SQL_ARGS(sql_text(id), sql_text(user_id)), err))
		return false;
	bool ok = sql_row(&query, out_has, err);
	if (ok && *out_has)
		*out = (struct task_head){
			.id = sql_get_text(&query, 0, arena),
			.user_id = sql_get_text(&query, 1, arena),
			.last = (uint64_t)sql_get_int(&query, 2),
			/* The state changes in the transaction that stores the terminal event, and outlives the log. */
			.terminal = task_status_is_final(task_status_from(sql_get_text(&query, 3, arena))),
		};
	sql_end(&query);
	return ok;
}

bool task_events(void *self, struct str user_id, struct str id, uint64_t after, size_t limit, size_t bytes_max,
                 struct arena *arena, struct task_event **out, size_t *out_count, struct task_head *out_head,
                 struct error *err)
{
	struct sql_conn *conn = NULL;
	struct sql_query query = { 0 };
	bool has = false, ok = false;
	size_t count = 0, bytes = 0;
	if (!db_take_reader(self, &conn, err)) return false;
	if (!read_head(conn, user_id, id, arena, &has, out_head, err)) goto out;
	if (!has) {
		error_set(err, RPC_NOT_FOUND, "TASK_NOT_FOUND", "no such task");
		goto out;
	}
	uint64_t left = out_head->last > after ? out_head->last - after : 0;
	size_t room = left < limit ? (size_t)left : limit;
	struct task_event *events = arena_new_array(arena, struct task_event, room);
	if (!sql_start(conn, &query,
	               "select number, data, terminal, at from task_events where task_id = ?1 and number > ?2 order by "
	               "number limit ?3",
	               SQL_ARGS(sql_text(id), sql_uint(after), sql_uint(room)), err))
		goto out;
	while ((ok = sql_row(&query, &has, err)) && has) {
		size_t size = (size_t)sqlite3_column_bytes(query.stmt, 1);
		if (count && size > bytes_max - bytes) break;
		bytes = size < bytes_max - bytes ? bytes + size : bytes_max;
		events[count++] = (struct task_event){
			.number = (uint64_t)sql_get_int(&query, 0),
			.data = sql_get_text(&query, 1, arena),
			.terminal = sql_get_int(&query, 2) != 0,
			.at_us = sql_get_int(&query, 3),
		};
	}
	*out = events;
	*out_count = count;
out:
	sql_end(&query);
	db_give_reader(self, &conn);
	return ok;
}

bool task_heads(void *self, struct str user_id, const struct str *ids, size_t count, struct arena *arena,
                struct task_head **out, size_t *out_count, struct error *err)
{
	struct sql_conn *conn = NULL;
	bool ok = true, has = false;
	size_t found = 0;
	if (!db_take_reader(self, &conn, err)) return false;
	struct task_head *heads = arena_new_array(arena, struct task_head, count);
	for (size_t i = 0; ok && i < count; i++) {
		ok = read_head(conn, user_id, ids[i], arena, &has, &heads[found], err);
		found += ok && has;
	}
	*out = heads;
	*out_count = found;
	db_give_reader(self, &conn);
	return ok;
}

bool task_checkpoints(void *self, struct str id, struct arena *arena, struct checkpoint **out, size_t *out_count,
                      struct error *err)
{
	struct sql_conn *conn = NULL;
	struct sql_query query = { 0 };
	bool has = false, ok = false;
	int64_t total = 0;
	size_t count = 0;
	if (!db_take_reader(self, &conn, err)) return false;
	if (!sql_run_int(conn, "select count(*) from task_checkpoints where task_id = ?1", SQL_ARGS(sql_text(id)), &has,
	                 &total, err))
		goto out;
	struct checkpoint *checkpoints = arena_new_array(arena, struct checkpoint, (size_t)total);
	if (!sql_start(conn, &query,
	               "select step, data from task_checkpoints where task_id = ?1 order by after_event, step",
	               SQL_ARGS(sql_text(id)), err))
		goto out;
	while ((ok = sql_row(&query, &has, err)) && has) {
		checkpoints[count].step = sql_get_text(&query, 0, arena);
		checkpoints[count++].data = sql_get_text(&query, 1, arena);
	}
	*out = checkpoints;
	*out_count = count;
out:
	sql_end(&query);
	db_give_reader(self, &conn);
	return ok;
}

bool task_count_open(void *self, int64_t *out_pending, int64_t *out_running, struct error *err)
{
	struct sql_conn *conn = NULL;
	struct sql_query query = { 0 };
	bool has = false, ok = false;
	*out_pending = *out_running = 0;
	if (!db_take_reader(self, &conn, err)) return false;
	if (!sql_start(conn, &query,
	               "select count(*) filter (where status = 'pending'), count(*) filter (where status = 'running') "
	               "from tasks "
	               "where status in ('pending', 'running')",
	               SQL_NO_ARGS, err))
		goto out;
	ok = sql_row(&query, &has, err);
	if (ok && has) {
		*out_pending = sql_get_int(&query, 0);
		*out_running = sql_get_int(&query, 1);
	}
out:
	sql_end(&query);
	db_give_reader(self, &conn);
	return ok;
}

const struct task_store_driver sqlite_task_store = {
	.name = "sqlite",
	.create = task_create,
	.get = task_get,
	.get_whole = task_get_whole,
	.list = task_list,
	.claim = task_claim,
	.heartbeat = task_heartbeat,
	.give_back = task_give_back,
	.append = task_append,
	.complete = task_complete,
	.fail = task_fail,
	.cancel = task_cancel,
	.retry = task_retry,
	.abandon = task_abandon,
	.void_leases = task_void_leases,
	.events = task_events,
	.heads = task_heads,
	.checkpoints = task_checkpoints,
	.sweep = task_sweep,
	.count_open = task_count_open,
};
