/* store/sqlite/parts.h: what the files of this driver share. */
#ifndef PETFOOD_STORE_SQLITE_PARTS_H
#define PETFOOD_STORE_SQLITE_PARTS_H

#include "store/api/store.h"
#include "store/sqlite/db.h"

/* `self` of every driver table is the struct db. */
extern const struct task_store_driver sqlite_task_store;
extern const struct plan_store_driver sqlite_plan_store;
extern const struct pet_store_driver sqlite_pet_store;
extern const struct user_store_driver sqlite_user_store;
extern const struct session_store_driver sqlite_session_store;
extern const struct mail_store_driver sqlite_mail_store;

/* Columns that task_from_row reads, in order; get and list leave out the large ones at the end. */
#define TASK_LIST_COLUMNS \
	"id, user_id, task_type, status, progress, current_node, lang, keeps_plan, error_message, error_reason, plan_id, attempt, " \
	"lost_leases, last_event, created_at, started_at, completed_at, updated_at, request_id"
#define TASK_COLUMNS TASK_LIST_COLUMNS ", input, output_data"
void task_from_row(const struct sql_query *row, struct arena *arena, struct task *out);

/* idempotency.c: a db_write that a key may guard (store/api/idempotency.h). Every write with a key goes through it. */
struct keyed_write {
	const struct idempotency *idem; /* NULL = none: work runs as it is */
	struct arena *arena;
	bool *out_replayed;
	struct str *out_reply;
	int64_t now_us;
	struct str task_id; /* the task that work makes, "" = none: the key is kept until its log goes */
};
MUST_CHECK bool keyed_write(struct db *db, const struct keyed_write *write, db_work *work, void *job, struct error *err);
/* The replay of struct store. */
MUST_CHECK bool key_find(struct db *db, const struct idempotency *idem, struct arena *arena, bool *out_replayed, struct str *out_reply,
                         struct error *err);
/* Deletes keys made before before_us whose task, if they have one, ended before it too; the oldest first. Part of a sweep. */
MUST_CHECK bool keys_sweep(struct sql_conn *conn, int64_t before_us, size_t limit, int64_t *out_count, struct error *err);

/* Inserts the plan of a task that completes; part of its transaction. */
MUST_CHECK bool plan_insert(struct sql_conn *conn, const struct plan_record *plan, struct error *err);

/* users.c */
#define USER_COLUMNS \
	"id, username, email, nickname, phone, avatar_url, is_pro, plan_type, subscription_expired_at, is_active, is_superuser, " \
	"created_at, updated_at"
enum { USER_COLUMN_COUNT = 13 };
void user_from_row(const struct sql_query *row, struct arena *arena, struct user *out);
/* user_changes.c */
bool user_set_password(void *self, const struct password_change *change, struct error *err);
bool user_update_profile(void *self, struct str id, struct str nickname, struct str phone, int64_t now_us, struct arena *arena,
                         struct user *out, struct error *err);
bool user_set_active(void *self, struct str id, bool active, int64_t now_us, struct error *err);
bool user_set_superuser(void *self, struct str id, bool superuser, int64_t now_us, struct error *err);
bool user_remove(void *self, struct str id, int64_t now_us, struct arena *arena, struct str **out_open_tasks, size_t *out_open_count,
                 struct error *err);
/* The tables that hold rows of a user, and how those end with the account. */
struct user_owned {
	const char *table;
	const char *sql; /* ?1 = the user's id */
};
extern const struct user_owned user_owned_tables[];
extern const size_t user_owned_count;

/* sessions.c: parts of other transactions. */
MUST_CHECK bool session_insert(struct sql_conn *conn, const struct session_start *start, struct error *err);
MUST_CHECK bool sessions_revoke_all(struct sql_conn *conn, struct str user_id, struct str except_id, enum session_end end,
                                    int64_t now_us, int64_t *out_count, struct error *err);

/* task_queue.c: who works on what. */
bool task_create(void *self, const struct task *task, struct str first_event, const struct task_limits *limits,
                 const struct idempotency *idem, struct arena *arena, bool *out_replayed, struct str *out_reply, struct error *err);
bool task_claim(void *self, struct str worker, int64_t now_us, int64_t lease_ms, struct arena *arena, struct task *out,
                struct error *err);
bool task_heartbeat(void *self, struct str id, uint32_t attempt, int64_t now_us, int64_t lease_ms, struct error *err);
bool task_give_back(void *self, struct str id, uint32_t attempt, struct error *err);
bool task_void_leases(void *self, int64_t now_us, int64_t *out_count, struct error *err);
bool task_sweep(void *self, int64_t ended_before_us, size_t limit, int64_t *out_count, struct error *err);

/* task_log.c: what a run, or the end of one, adds to the log. */
bool task_append(void *self, struct str id, uint32_t attempt, int64_t now_us, const struct task_append *what, uint64_t *out_first,
                 struct error *err);
bool task_complete(void *self, struct str id, uint32_t attempt, int64_t now_us, const struct task_append *what,
                   struct str terminal_event, struct str output, const struct plan_record *plan, uint64_t *out_last,
                   struct error *err);
bool task_fail(void *self, struct str id, uint32_t attempt, int64_t now_us, struct str reason, struct str message,
               struct str terminal_event, uint64_t *out_last, struct error *err);
bool task_cancel(void *self, struct str user_id, struct str id, int64_t now_us, struct str terminal_event, struct str error_message,
                 const struct idempotency *idem, struct arena *arena, bool *out_replayed, struct str *out_reply, uint64_t *out_last,
                 struct error *err);
bool task_retry(void *self, struct str id, int64_t now_us, struct str event, uint64_t *out_last, struct error *err);
bool task_abandon(void *self, int64_t now_us, struct arena *arena, struct task *out, struct error *err,
                  struct str (*terminal_event)(void *ctx, struct arena *arena, const struct task *task), void *ctx,
                  struct str reason, struct str message, uint64_t *out_last);
/* task_read.c */
bool task_get(void *self, struct str user_id, struct str id, struct arena *arena, struct task *out, struct error *err);
bool task_get_whole(void *self, struct str user_id, struct str id, struct arena *arena, struct task *out, struct error *err);
bool task_list(void *self, const struct task_filter *filter, struct arena *arena, struct task **out, size_t *out_count,
               int64_t *out_total, struct error *err);
bool task_events(void *self, struct str user_id, struct str id, uint64_t after, size_t limit, size_t bytes_max,
                 struct arena *arena, struct task_event **out, size_t *out_count, struct task_head *out_head, struct error *err);
bool task_heads(void *self, struct str user_id, const struct str *ids, size_t count, struct arena *arena, struct task_head **out,
                size_t *out_count, struct error *err);
bool task_checkpoints(void *self, struct str id, struct arena *arena, struct checkpoint **out, size_t *out_count,
                      struct error *err);
bool task_count_open(void *self, int64_t *out_pending, int64_t *out_running, struct error *err);

/* One row of the log; part of the transaction that raised last_event to `number`. */
MUST_CHECK bool task_event_insert(struct sql_conn *conn, struct str id, uint64_t number, struct str data, bool terminal,
                                  int64_t now_us, struct error *err);

#endif
