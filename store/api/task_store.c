#include "store/api/task_store.h"

/* As stored and shown; the stored words are those of existing databases. */
static const char *const status_names[] = {
	[TASK_PENDING] = "pending", [TASK_RUNNING] = "running",     [TASK_COMPLETED] = "completed",
	[TASK_FAILED] = "failed",   [TASK_CANCELLED] = "cancelled",
};
static const char *const type_names[] = {
	[TASK_TYPE_DIET_PLAN] = "diet_plan",
	[TASK_TYPE_RESEARCH] = "research",
	[TASK_TYPE_BENCH] = "bench",
};

static const char *name_of(const char *const *names, size_t count, int number)
{
	return number > 0 && (size_t)number < count ? names[number] : "unknown";
}

static int number_of(const char *const *names, size_t count, struct str name)
{
	for (size_t i = 1; i < count; i++)
		if (str_equal(name, str_from(names[i]))) return (int)i;
	return 0;
}

const char *task_status_name(enum task_status status)
{
	return name_of(status_names, COUNT(status_names), (int)status);
}
const char *task_type_name(enum task_type type) { return name_of(type_names, COUNT(type_names), (int)type); }

enum task_status task_status_from(struct str name)
{
	return (enum task_status)number_of(status_names, COUNT(status_names), name);
}

enum task_type task_type_from(struct str name)
{
	return (enum task_type)number_of(type_names, COUNT(type_names), name);
}

bool task_status_is_final(enum task_status status)
{
	return status == TASK_COMPLETED || status == TASK_FAILED || status == TASK_CANCELLED;
}
