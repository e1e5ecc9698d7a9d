/* The stored words and the contract's numbers, both ways. */
#include "store/api/store.h"
#include "tests/support/check.h"

static const struct {
	enum task_status status;
	const char *name;
	bool final;
} status_rows[] = {
	{ TASK_PENDING, "pending", false }, { TASK_RUNNING, "running", false },     { TASK_COMPLETED, "completed", true },
	{ TASK_FAILED, "failed", true },    { TASK_CANCELLED, "cancelled", true },
};
static const struct {
	enum task_type type;
	const char *name;
} type_rows[] = {
	{ TASK_TYPE_DIET_PLAN, "diet_plan" },
	{ TASK_TYPE_RESEARCH, "research" },
	{ TASK_TYPE_BENCH, "bench" },
};
static const struct {
	int type;
	const char *name;
} pet_rows[] = { { 1, "cat" }, { 2, "dog" } };

int main(void)
{
	for (size_t i = 0; i < COUNT(status_rows); i++) {
		CHECK_STR(str_from(task_status_name(status_rows[i].status)), status_rows[i].name);
		CHECK_ROW(status_rows[i].name, task_status_from(str_from(status_rows[i].name)) == status_rows[i].status);
		CHECK_ROW(status_rows[i].name, task_status_is_final(status_rows[i].status) == status_rows[i].final);
	}
	for (size_t i = 0; i < COUNT(type_rows); i++) {
		CHECK_STR(str_from(task_type_name(type_rows[i].type)), type_rows[i].name);
		CHECK_ROW(type_rows[i].name, task_type_from(str_from(type_rows[i].name)) == type_rows[i].type);
	}
	for (size_t i = 0; i < COUNT(pet_rows); i++) {
		CHECK_STR(str_from(plan_pet_type_name(pet_rows[i].type)), pet_rows[i].name);
		CHECK_ROW(pet_rows[i].name, plan_pet_type_from(str_from(pet_rows[i].name)) == pet_rows[i].type);
	}
	static const struct str none[] = { { "", 0 }, { "Pending", 7 }, { "unknown", 7 }, { "cat ", 4 }, { NULL, 0 } };
	for (size_t i = 0; i < COUNT(none); i++)
		CHECK(!task_status_from(none[i]) && !task_type_from(none[i]) && !plan_pet_type_from(none[i]));
	CHECK_STR(str_from(task_status_name((enum task_status)0)), "unknown");
	CHECK_STR(str_from(task_status_name((enum task_status)6)), "unknown");
	CHECK_STR(str_from(task_type_name((enum task_type)-1)), "unknown");
	return check_done("unit_store_api");
}
