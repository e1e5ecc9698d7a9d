/* rpc/job/event.h: the JSON of a numbered progress event (CONTRACT 3.1). Written once, when it is stored; from then on these bytes
 * are the event, for every reader. */
#ifndef PETFOOD_RPC_JOB_EVENT_H
#define PETFOOD_RPC_JOB_EVENT_H

#include "rpc/domain/nutrition/nutrients.h"
#include "store/api/task_store.h"

/* Unset fields (NULL, ptr NULL, 0) are left out. */
struct job_event {
	const char *type;
	struct str message, node, task_name;
	struct str task_id, plan_id, error;
	int extra; /* percent shown beyond what the finished steps make up; steps with several events use it */
	struct job_event_detail {
		const char *view_type, *agent_scope, *status;
		struct str agent_id, subagent_id, task_name, target, input_message;
		int week, week_number;
		uint32_t attempt;
		bool bench;
		uint32_t bench_index, bench_of;
	} detail;
};

/* progress < 0: left out. */
struct str job_event_print(struct arena *arena, const struct job_event *event, int progress, int64_t now_us);

/* The last event of a task that found no good end: `error`. */
struct str job_event_print_error(struct arena *arena, struct str task_id, struct str text, int64_t now_us);

/* The number of a bench event, or of a notice of a new attempt that repeats it; 0 where there is none. */
uint32_t job_event_bench_index(struct arena *arena, struct str json);

/* "zh", "en"; anything else is zh. */
enum lang job_lang(struct str lang);
/* An error as its reason says it to a person; internal ones tell nothing. */
struct str job_error_text(struct arena *arena, enum lang lang, const struct error *err);
/* error_message of a task that did not end well: as stored, else from its reason, else in general words. */
struct str job_task_error_text(struct arena *arena, const struct task *task);

#endif
