#include "store/sqlite/parts.h"

/* Those with plan_data last; a list leaves it out. */
#define PLAN_LIST_COLUMNS \
	"id, user_id, task_id, pet_id, pet_type, pet_breed, pet_age, pet_weight, health_status, is_active, " \
	"applied_at, created_at, " \
	"updated_at, confirmed"
#define PLAN_COLUMNS PLAN_LIST_COLUMNS ", plan_data"

static struct str text_or_none(const struct sql_query *row, int column, struct arena *arena)
{
	return sql_get_null(row, column) ? STR_NONE : sql_get_text(row, column, arena);
}

static void plan_from_row(const struct sql_query *row, struct arena *arena, struct plan_record *out)
{
	bool whole = sqlite3_column_count(row->stmt) > 14;
	*out = (struct plan_record){
		.id = sql_get_text(row, 0, arena),
		.user_id = sql_get_text(row, 1, arena),
		.task_id = sql_get_text(row, 2, arena),
		.pet_id = sql_get_text(row, 3, arena),
		.pet_type = plan_pet_type_from(sql_get_text(row, 4, arena)),
		.pet_breed = text_or_none(row, 5, arena),
		.pet_age = (int)sql_get_int(row, 6),
		.pet_weight = sql_get_real(row, 7),
		.health_status = text_or_none(row, 8, arena),
		.is_active = sql_get_int(row, 9) != 0,
		.applied_at_us = sql_get_int(row, 10),
		.created_at_us = sql_get_int(row, 11),
		.updated_at_us = sql_get_int(row, 12),
		.confirmed = sql_get_int(row, 13) != 0,
		.plan_data = whole ? sql_get_text(row, 14, arena) : STR_NONE,
	};
}

bool plan_insert(struct sql_conn *conn, const struct plan_record *plan, struct error *err)
{
	return sql_run(conn,
	               "insert into diet_plans (id, user_id, task_id, pet_id, pet_type, pet_breed, pet_age, "
	               "pet_weight, health_status, "
	               "plan_data, is_active, applied_at, created_at, updated_at, confirmed) "
	               "values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
	               SQL_ARGS(sql_text(plan->id), sql_text(plan->user_id), sql_text_or_null(plan->task_id),
	                        sql_text_or_null(plan->pet_id), sql_cstr(plan_pet_type_name(plan->pet_type)),
	                        plan->pet_breed.ptr ? sql_text(plan->pet_breed) : sql_null(), sql_int(plan->pet_age),
	                        sql_real(plan->pet_weight),
	                        plan->health_status.ptr ? sql_text(plan->health_status) : sql_null(),
	                        sql_text(plan->plan_data), sql_int(plan->is_active), sql_at(plan->applied_at_us),
	                        sql_int(plan->created_at_us), sql_int(plan->updated_at_us), sql_int(plan->confirmed)),
	               NULL, err);
}

static bool plan_get(void *self, struct str user_id, struct str id, int64_t now_us, struct arena *arena,
                     struct plan_record *out, struct error *err)
{
	struct sql_conn *conn = NULL;
	struct sql_query query = { 0 };
	bool has = false, ok = false;
	if (!db_take_reader(self, &conn, err)) return false;
	if (!sql_start(conn, &query,
	               "select " PLAN_COLUMNS
	               " from diet_plans where id = ?1 and user_id = ?2 and (confirmed or created_at > ?3)",
	               SQL_ARGS(sql_text(id), sql_text(user_id), sql_int(now_us - PLAN_DRAFT_KEPT_US)), err))
		goto out;
	if (!sql_row(&query, &has, err)) goto out;
	if (has) plan_from_row(&query, arena, out);
	ok = has ? true : error_set(err, RPC_NOT_FOUND, "PLAN_NOT_FOUND", "no such plan");
out:
	sql_end(&query);
	db_give_reader(self, &conn);
	return ok;
}

#define LIST_FILTER "where user_id = ?1 and confirmed and (?2 = 0 or pet_type = ?3) "
#define LIST_VALUES sql_text(filter->user_id), sql_int(filter->pet_type), sql_cstr(plan_pet_type_name(filter->pet_type))

static bool plan_list(void *self, const struct plan_filter *filter, struct arena *arena, struct plan_record **out,
                      size_t *out_count, int64_t *out_total, struct error *err)
{
	struct sql_conn *conn = NULL;
	struct sql_query query = { 0 };
	bool has = false, ok = false;
	size_t count = 0;
	if (!db_take_reader(self, &conn, err)) return false;
	if (!sql_run_int(conn, "select count(*) from diet_plans " LIST_FILTER, SQL_ARGS(LIST_VALUES), &has, out_total,
	                 err))
		goto out;
	int64_t left = *out_total > filter->offset ? *out_total - filter->offset : 0;
	struct plan_record *plans =
	    arena_new_array(arena, struct plan_record, (size_t)(left < filter->limit ? left : filter->limit));
	if (!sql_start(conn, &query,
	               "select " PLAN_LIST_COLUMNS " from diet_plans " LIST_FILTER
	               "order by created_at desc, id desc limit ?4 offset ?5",
	               SQL_ARGS(LIST_VALUES, sql_int(filter->limit), sql_int(filter->offset)), err))
		goto out;
	while ((ok = sql_row(&query, &has, err)) && has) plan_from_row(&query, arena, &plans[count++]);
	*out = plans;
	*out_count = count;
out:
	sql_end(&query);
	db_give_reader(self, &conn);
	return ok;
}

struct plan_job {
	struct str user_id, id;
	int64_t now_us;
};

static bool confirm_work(struct sql_conn *conn, void *self, struct error *err)
{
	struct plan_job *job = self;
	int64_t changes = 0;
	/* A second confirm matches the row too and leaves every value as it is. */
	bool ok = sql_run(
	    conn,
	    "update diet_plans set updated_at = case when confirmed then updated_at else ?3 end, confirmed = true "
	    "where id = ?1 and user_id = ?2 and (confirmed or created_at > ?4)",
	    SQL_ARGS(sql_text(job->id), sql_text(job->user_id), sql_int(job->now_us),
	             sql_int(job->now_us - PLAN_DRAFT_KEPT_US)),
	    &changes, err);
	return ok && !changes ? error_set(err, RPC_NOT_FOUND, "PLAN_EXPIRED", "no such plan, or its draft has expired")
	                      : ok;
}

static bool plan_confirm(void *self, struct str user_id, struct str id, int64_t now_us, const struct idempotency *idem,
                         struct arena *arena, bool *out_replayed, struct str *out_reply, struct error *err)
{
	struct plan_job job = { user_id, id, now_us };
	const struct keyed_write write = { idem, arena, out_replayed, out_reply, now_us, STR_NONE };
	return keyed_write(self, &write, confirm_work, &job, err);
}

static bool remove_work(struct sql_conn *conn, void *self, struct error *err)
{
	struct plan_job *job = self;
	int64_t changes = 0;
	bool ok =
	    sql_run(conn, "delete from diet_plans where id = ?1 and user_id = ?2 and (confirmed or created_at > ?3)",
	            SQL_ARGS(sql_text(job->id), sql_text(job->user_id), sql_int(job->now_us - PLAN_DRAFT_KEPT_US)),
	            &changes, err);
	return ok && !changes ? error_set(err, RPC_NOT_FOUND, "PLAN_NOT_FOUND", "no such plan") : ok;
}

static bool plan_remove(void *self, struct str user_id, struct str id, int64_t now_us, const struct idempotency *idem,
                        struct arena *arena, bool *out_replayed, struct str *out_reply, struct error *err)
{
	struct plan_job job = { user_id, id, now_us };
	const struct keyed_write write = { idem, arena, out_replayed, out_reply, now_us, STR_NONE };
	return keyed_write(self, &write, remove_work, &job, err);
}

struct expire_job {
	int64_t made_before_us;
	size_t limit;
	int64_t *out_count;
};

#define EXPIRED_DRAFTS "from diet_plans where not confirmed and created_at < ?1 order by created_at, id limit ?2"

static bool expire_work(struct sql_conn *conn, void *self, struct error *err)
{
	struct expire_job *job = self;
	return sql_run(conn, "update tasks set output_data = null where id in (select task_id " EXPIRED_DRAFTS ")",
	               SQL_ARGS(sql_int(job->made_before_us), sql_uint(job->limit)), NULL, err) &&
	       sql_run(conn, "delete from diet_plans where id in (select id " EXPIRED_DRAFTS ")",
	               SQL_ARGS(sql_int(job->made_before_us), sql_uint(job->limit)), job->out_count, err);
}

static bool plan_expire_drafts(void *self, int64_t made_before_us, size_t limit, int64_t *out_count, struct error *err)
{
	struct expire_job job = { made_before_us, limit, out_count };
	return db_write(self, expire_work, &job, err);
}

const struct plan_store_driver sqlite_plan_store = {
	.name = "sqlite",
	.get = plan_get,
	.list = plan_list,
	.confirm = plan_confirm,
	.remove = plan_remove,
	.expire_drafts = plan_expire_drafts,
};
