#include "store/sqlite/parts.h"

#define PET_COLUMNS \
	"id, user_id, name, type, breed, age, weight, gender, avatar_url, health_status, special_requirements, " \
	"allergens, health_issues, is_active, created_at, updated_at, " \
	"exists (select 1 from diet_plans d where d.pet_id = pets.id and d.user_id = pets.user_id and d.confirmed)"

static struct str text_or_none(const struct sql_query *row, int column, struct arena *arena)
{
	return sql_get_null(row, column) ? STR_NONE : sql_get_text(row, column, arena);
}

/* Unlike sql_text_or_null: an empty text is one. */
static struct sql_value sql_if_said(struct str v) { return v.ptr ? sql_text(v) : sql_null(); }

static struct sql_value sql_gender(int gender)
{
	const char *name = pet_gender_name(gender);
	return name ? sql_cstr(name) : sql_null();
}

static void pet_from_row(const struct sql_query *row, struct arena *arena, struct pet_record *out)
{
	*out = (struct pet_record){
		.id = sql_get_text(row, 0, arena),
		.user_id = sql_get_text(row, 1, arena),
		.name = sql_get_text(row, 2, arena),
		.type = plan_pet_type_from(sql_get_text(row, 3, arena)),
		.breed = text_or_none(row, 4, arena),
		.age = (int)sql_get_int(row, 5),
		.weight = sql_get_real(row, 6),
		.gender = pet_gender_from(text_or_none(row, 7, arena)),
		.avatar_url = text_or_none(row, 8, arena),
		.health_status = text_or_none(row, 9, arena),
		.special_requirements = text_or_none(row, 10, arena),
		.allergens = text_or_none(row, 11, arena),
		.health_issues = text_or_none(row, 12, arena),
		.is_active = sql_get_int(row, 13) != 0,
		.created_at_us = sql_get_int(row, 14),
		.updated_at_us = sql_get_int(row, 15),
		.has_plan = sql_get_int(row, 16) != 0,
	};
}

/* ---- create ---- */

#define COUNT_PETS "select count(*) from pets where user_id = ?1 and is_active = ?2"

static bool create_work(struct sql_conn *conn, void *self, struct error *err)
{
	const struct pet_record *pet = self;
	bool has = false;
	int64_t count = 0;
	if (!sql_run_int(conn, COUNT_PETS, SQL_ARGS(sql_text(pet->user_id), sql_int(true)), &has, &count, err))
		return false;
	if (count >= PETS_PER_USER_MAX) {
		error_set(err, RPC_FAILED_PRECONDITION, "PET_LIMIT", "the user has %d pets", (int)count);
		return error_param(err, "limit", "%d", PETS_PER_USER_MAX);
	}
	bool ok = sql_run(conn,
	                  "insert into pets (id, user_id, name, type, breed, age, weight, gender, avatar_url, "
	                  "health_status, special_requirements, allergens, health_issues, is_active, created_at, "
	                  "updated_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
	                  SQL_ARGS(sql_text(pet->id), sql_text(pet->user_id), sql_text(pet->name),
	                           sql_cstr(plan_pet_type_name(pet->type)), sql_if_said(pet->breed), sql_int(pet->age),
	                           sql_real(pet->weight), sql_gender(pet->gender), sql_if_said(pet->avatar_url),
	                           sql_if_said(pet->health_status), sql_if_said(pet->special_requirements),
	                           sql_if_said(pet->allergens), sql_if_said(pet->health_issues),
	                           sql_int(pet->is_active), sql_int(pet->created_at_us), sql_int(pet->updated_at_us)),
	                  NULL, err);
	if (!ok && conn->failed_rc == SQLITE_CONSTRAINT_FOREIGNKEY)
		return error_set(err, RPC_NOT_FOUND, "USER_NOT_FOUND", "no user " STR_FMT, STR_ARG(pet->user_id));
	return ok;
}

static bool pet_create(void *self, const struct pet_record *pet, const struct idempotency *idem, struct arena *arena,
                       bool *out_replayed, struct str *out_reply, struct error *err)
{
	const struct keyed_write write = { idem, arena, out_replayed, out_reply, pet->created_at_us, STR_NONE };
	return keyed_write(self, &write, create_work, (void *)(uintptr_t)pet, err);
}

/* ---- read ---- */

static bool no_pet(struct error *err) { return error_set(err, RPC_NOT_FOUND, "PET_NOT_FOUND", "no such pet"); }

static bool pet_get(void *self, struct str user_id, struct str id, struct arena *arena, struct pet_record *out,
                    struct error *err)
{
	struct sql_conn *conn = NULL;
	struct sql_query query = { 0 };
	bool has = false, ok = false;
	if (!db_take_reader(self, &conn, err)) return false;
	if (!sql_start(conn, &query, "select " PET_COLUMNS " from pets where id = ?1 and user_id = ?2 and is_active",
	               SQL_ARGS(sql_text(id), sql_text(user_id)), err))
		goto out;
	if (!sql_row(&query, &has, err)) goto out;
	if (has) pet_from_row(&query, arena, out);
	ok = has ? true : no_pet(err);
out:
	sql_end(&query);
	db_give_reader(self, &conn);
	return ok;
}

static bool pet_list(void *self, const struct pet_filter *filter, struct arena *arena, struct pet_record **out,
                     size_t *out_count, int64_t *out_total, struct error *err)
{
	struct sql_conn *conn = NULL;
	struct sql_query query = { 0 };
	bool has = false, ok = false;
	size_t count = 0;
	if (!db_take_reader(self, &conn, err)) return false;
	if (!sql_run_int(conn, COUNT_PETS, SQL_ARGS(sql_text(filter->user_id), sql_int(filter->is_active)), &has,
	                 out_total, err))
		goto out;
	struct pet_record *pets = arena_new_array(arena, struct pet_record,
	                                          (size_t)(*out_total < filter->limit ? *out_total : filter->limit));
	if (!sql_start(conn, &query,
	               "select " PET_COLUMNS " from pets where user_id = ?1 and is_active = ?2 "
	               "order by created_at desc, id desc limit ?3",
	               SQL_ARGS(sql_text(filter->user_id), sql_int(filter->is_active), sql_int(filter->limit)), err))
		goto out;
	while ((ok = sql_row(&query, &has, err)) && has) pet_from_row(&query, arena, &pets[count++]);
	*out = pets;
	*out_count = count;
out:
	sql_end(&query);
	db_give_reader(self, &conn);
	return ok;
}

/* ---- change ---- */

struct update_job {
	const struct pet_record *pet;
	int64_t was_updated_at_us;
};

static bool update_work(struct sql_conn *conn, void *self, struct error *err)
{
	const struct update_job *job = self;
	const struct pet_record *pet = job->pet;
	bool has = false;
	int64_t changes = 0, one = 0;
	if (!sql_run(conn,
	             "update pets set name = ?3, type = ?4, breed = ?5, age = ?6, weight = ?7, gender = ?8, "
	             "health_status = ?9, special_requirements = ?10, allergens = ?11, health_issues = ?12, "
	             "updated_at = ?13 where id = ?1 and user_id = ?2 and is_active and updated_at = ?14",
	             SQL_ARGS(sql_text(pet->id), sql_text(pet->user_id), sql_text(pet->name),
	                      sql_cstr(plan_pet_type_name(pet->type)), sql_if_said(pet->breed), sql_int(pet->age),
	                      sql_real(pet->weight), sql_gender(pet->gender), sql_if_said(pet->health_status),
	                      sql_if_said(pet->special_requirements), sql_if_said(pet->allergens),
	                      sql_if_said(pet->health_issues), sql_int(pet->updated_at_us),
	                      sql_int(job->was_updated_at_us)),
	             &changes, err))
		return false;
	if (changes) return true;
	if (!sql_run_int(conn, "select 1 from pets where id = ?1 and user_id = ?2 and is_active",
	                 SQL_ARGS(sql_text(pet->id), sql_text(pet->user_id)), &has, &one, err))
		return false;
	return has ? error_set(err, RPC_ABORTED, "PET_MOVED", "another call has changed the pet") : no_pet(err);
}

static bool pet_update(void *self, const struct pet_record *pet, int64_t was_updated_at_us,
                       const struct idempotency *idem, struct arena *arena, bool *out_replayed, struct str *out_reply,
                       struct error *err)
{
	struct update_job job = { pet, was_updated_at_us };
	const struct keyed_write write = { idem, arena, out_replayed, out_reply, pet->updated_at_us, STR_NONE };
	return keyed_write(self, &write, update_work, &job, err);
}

struct remove_job {
	struct str user_id, id;
	int64_t now_us;
};

static bool remove_work(struct sql_conn *conn, void *self, struct error *err)
{
	const struct remove_job *job = self;
	int64_t changes = 0;
	bool ok = sql_run(conn,
	                  "update pets set is_active = false, updated_at = max(?3, updated_at + 1) "
	                  "where id = ?1 and user_id = ?2 and is_active",
	                  SQL_ARGS(sql_text(job->id), sql_text(job->user_id), sql_int(job->now_us)), &changes, err);
	return ok && !changes ? no_pet(err) : ok;
}

static bool pet_remove(void *self, struct str user_id, struct str id, int64_t now_us, const struct idempotency *idem,
                       struct arena *arena, bool *out_replayed, struct str *out_reply, struct error *err)
{
	struct remove_job job = { user_id, id, now_us };
	const struct keyed_write write = { idem, arena, out_replayed, out_reply, now_us, STR_NONE };
	return keyed_write(self, &write, remove_work, &job, err);
}

const struct pet_store_driver sqlite_pet_store = {
	.name = "sqlite",
	.create = pet_create,
	.get = pet_get,
	.list = pet_list,
	.update = pet_update,
	.remove = pet_remove,
};
