#include "rpc/job/event.h"

#include <petfood/accessors.h>

#include "petfood/v1/progress.pb-c.h"
#include "rpc/json/json.h"
#include "rpc/wire/reason.h"

/* Sets an optional text if it is there. */
#define SET_TEXT(message, name, field, value) \
	do { \
		if ((value).ptr) petfood_v1_##message##_set_##field((name), str_dup_c(arena, (value))); \
	} while (0)
#define SET_WORD(message, name, field, value) \
	do { \
		if (value) petfood_v1_##message##_set_##field((name), (value)); \
	} while (0)

static bool detail_is_set(const struct job_event_detail *d)
{
	return d->view_type || d->agent_scope || d->status || d->agent_id.ptr || d->subagent_id.ptr ||
	       d->task_name.ptr || d->target.ptr || d->input_message.ptr || d->week || d->week_number || d->attempt ||
	       d->bench;
}

static Petfood__V1__ProgressDetail *detail_message(struct arena *arena, const struct job_event_detail *d)
{
	if (!detail_is_set(d)) return NULL;
	Petfood__V1__ProgressDetail *m = arena_new(arena, Petfood__V1__ProgressDetail);
	petfood__v1__progress_detail__init(m);
	SET_WORD(progress_detail, m, view_type, d->view_type);
	SET_WORD(progress_detail, m, agent_scope, d->agent_scope);
	SET_WORD(progress_detail, m, status, d->status);
	SET_WORD(progress_detail, m, week, d->week);
	SET_WORD(progress_detail, m, week_number, d->week_number);
	SET_TEXT(progress_detail, m, agent_id, d->agent_id);
	SET_TEXT(progress_detail, m, subagent_id, d->subagent_id);
	SET_TEXT(progress_detail, m, task_name, d->task_name);
	SET_TEXT(progress_detail, m, target, d->target);
	SET_TEXT(progress_detail, m, input_message, d->input_message);
	SET_WORD(progress_detail, m, attempt, (int32_t)d->attempt);
	if (d->bench) {
		m->bench = arena_new(arena, Petfood__V1__BenchDetail);
		petfood__v1__bench_detail__init(m->bench);
		petfood_v1_bench_detail_set_index(m->bench, d->bench_index);
		if (d->bench_of) petfood_v1_bench_detail_set_of(m->bench, d->bench_of);
	}
	return m;
}

struct str job_event_print(struct arena *arena, const struct job_event *event, int progress, int64_t now_us)
{
	Petfood__V1__ProgressEvent m;
	petfood__v1__progress_event__init(&m);
	m.type = str_dup_c(arena, str_from(event->type));
	SET_TEXT(progress_event, &m, message, event->message);
	SET_TEXT(progress_event, &m, node, event->node);
	SET_TEXT(progress_event, &m, task_name, event->task_name);
	SET_TEXT(progress_event, &m, task_id, event->task_id);
	SET_TEXT(progress_event, &m, plan_id, event->plan_id);
	SET_TEXT(progress_event, &m, error, event->error);
	m.detail = detail_message(arena, &event->detail);
	if (progress >= 0) petfood_v1_progress_event_set_progress(&m, (uint32_t)progress);
	m.timestamp = json_timestamp(arena, now_us);
	return json_print_arena(arena, &m.base);
}

struct str job_event_print_error(struct arena *arena, struct str task_id, struct str text, int64_t now_us)
{
	struct job_event event = { .type = "error", .task_id = task_id, .error = text };
	return job_event_print(arena, &event, -1, now_us);
}

uint32_t job_event_bench_index(struct arena *arena, struct str json)
{
	Petfood__V1__ProgressEvent m;
	petfood__v1__progress_event__init(&m);
	struct error err;
	const struct json_parse_options options = { 0 };
	if (!json_to_message(arena, json, message_side_of(m.base.descriptor), &options, &m.base, &err)) return 0;
	return m.detail && m.detail->bench ? petfood_v1_bench_detail_index_or(m.detail->bench, 0) : 0;
}

enum lang job_lang(struct str lang) { return str_equal(lang, STR("en")) ? LANG_EN : LANG_ZH; }

struct str job_error_text(struct arena *arena, enum lang lang, const struct error *err)
{
	const struct reason_info *info = err->reason ? reason_find(str_from(err->reason)) : NULL;
	if (!info) info = reason_find(STR("INTERNAL"));
	return reason_render(arena, info, lang, err->param_count, err->params);
}

struct str job_task_error_text(struct arena *arena, const struct task *task)
{
	if (task->error_message.len) return task->error_message;
	enum lang lang = job_lang(task->lang);
	if (task->status == TASK_CANCELLED)
		return reason_render(arena, reason_find(STR("TASK_CANCELLED")), lang, 0, NULL);
	const struct reason_info *info = reason_find(task->error_reason);
	if (info) return reason_render(arena, info, lang, 0, NULL);
	static const struct text2 general = { "任务执行失败", "the task failed" };
	return str_from(text2_in(general, lang));
}
