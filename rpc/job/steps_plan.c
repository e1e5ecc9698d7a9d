/* Task type diet_plan: assess, research, four weeks side by side, gather, complete (DESIGN 6, events of CONTRACT 3.2).
 * Each step is computed from the stored request and the checkpoints alone, so any worker can go on with it. */
#include <petfood/accessors.h>
#include <stdio.h>
#include <string.h>

#include "petfood/v1/progress.pb-c.h"
#include "rpc/job/plan_input.h"
#include "rpc/job/plan_text.h"
#include "rpc/job/steps.h"
#include "rpc/json/json.h"
#include "rpc/wire/unpack.h"
#include "store/base/log.h"

enum plan_step {
	PLAN_ASSESS,
	PLAN_ENERGY,
	PLAN_FOODS,
	PLAN_THEMES,
	PLAN_FINALIZE,
	PLAN_DISPATCH,
	PLAN_WEEK_1,
	PLAN_WEEK_2,
	PLAN_WEEK_3,
	PLAN_WEEK_4,
	PLAN_GATHER,
	PLAN_COMPLETE,
	PLAN_STEP_COUNT,
};

/* ---- what steps begin with ---- */

/* out_pet_id: of the stored pet, "" = none. */
static bool plan_pet(struct job_step *step, struct pet *out, struct str *out_pet_id, struct error *err)
{
	struct job_run *run = step_run(step);
	Petfood__V1__CreatePlanRequest *request = (Petfood__V1__CreatePlanRequest *)message_unpack(
	    step_arena(step), &petfood__v1__create_plan_request__descriptor, run_task(run)->input, err);
	if (!request) return false;
	plan_pet_from_request(request, run_lang(run), run_task(run)->id, out);
	*out_pet_id = str_from(petfood_v1_create_plan_request_pet_id_or(request, ""));
	return true;
}

static bool is_stopped(void *self) { return run_is_cancelled(self); }

/* The assessment is the same whenever it is made again, so it is made again rather than kept. */
static bool plan_assess(struct job_step *step, struct assessment **out, struct error *err)
{
	struct pet *pet = arena_new(step_arena(step), struct pet);
	*out = arena_new(step_arena(step), struct assessment);
	struct str pet_id;
	if (!plan_pet(step, pet, &pet_id, err) || !assess_pet(step_arena(step), pet, *out, err)) return false;
	(*out)->stopped = is_stopped;
	(*out)->stopped_self = step_run(step);
	return true;
}

static ProtobufCMessage *plan_result(struct job_step *step, enum plan_step of,
                                     const ProtobufCMessageDescriptor *descriptor, struct error *err)
{
	return message_unpack(step_arena(step), descriptor, run_result(step_run(step), of), err);
}

static bool keep(struct job_step *step, const ProtobufCMessage *message, struct error *err)
{
	return message_pack(step_arena(step), message, &step_yield(step)->result, err);
}

static struct job_event *closing(struct job_step *step, size_t count)
{
	struct job_event *events = arena_new_array(step_arena(step), struct job_event, count);
	step_yield(step)->events = events;
	step_yield(step)->event_count = count;
	return events;
}

/* ---- assess ---- */

static bool assess_work(struct job_step *step, struct error *err)
{
	struct assessment *a = NULL;
	if (!plan_assess(step, &a, err)) return false;
	*closing(step, 1) = (struct job_event){ .type = "info",
		                                .message = plan_text_assessed(step_arena(step), a),
		                                .node = STR("assess") };
	return true;
}

/* ---- research ---- */

static struct job_event subagent_event(struct job_step *step, const char *type, const char *status, struct str message)
{
	const struct subagent_text *text = &subagent_texts[step_kind(step)->number];
	enum lang lang = run_lang(step_run(step));
	/* The same in every attempt: clients join the start and the end of a sub-task by it. */
	uint64_t id = plan_hash(run_task(step_run(step))->id, str_from(step_kind(step)->name));
	struct str name = str_from(text2_in(text->name, lang));
	struct str id_text = str_printf(step_arena(step), "%016llx", (unsigned long long)id);
	return (struct job_event){
		.type = type,
		.message = message,
		.node = str_printf(step_arena(step), "subagent_" STR_FMT, STR_ARG(id_text)),
		.task_name = name,
		.detail = { .view_type = "subagent_dispatch",
		            .agent_scope = "research",
		            .subagent_id = id_text,
		            .task_name = name,
		            .input_message = str_from(text2_in(text->asks, lang)),
		            .status = status },
	};
}

static bool research_open(struct job_step *step, struct job_event *out, struct error *err)
{
	(void)err;
	const struct subagent_text *text = &subagent_texts[step_kind(step)->number];
	*out =
	    subagent_event(step, "task_executing", "started", str_from(text2_in(text->asks, run_lang(step_run(step)))));
	return true;
}

static void research_close(struct job_step *step, struct str message)
{
	*closing(step, 1) = subagent_event(step, "task_completed", "completed", message);
}

static bool energy_work(struct job_step *step, struct error *err)
{
	struct assessment *a = NULL;
	if (!plan_assess(step, &a, err)) return false;
	research_close(step, plan_text_energy(step_arena(step), a));
	return true;
}

static bool foods_work(struct job_step *step, struct error *err)
{
	struct assessment *a = NULL;
	if (!plan_assess(step, &a, err)) return false;
	research_close(step, plan_text_foods(step_arena(step), a));
	return true;
}

/* Foods are kept by id: rows of the table may move between versions of the program. */
static void theme_to_message(struct arena *arena, const struct week_theme *theme, Petfood__V1__ThemeChoice *out)
{
	petfood__v1__theme_choice__init(out);
	out->name = str_dup_c(arena, theme->name);
	out->n_main_food_ids = theme->main_count;
	out->main_food_ids = arena_new_array(arena, char *, theme->main_count);
	for (size_t i = 0; i < theme->main_count; i++)
		out->main_food_ids[i] = str_dup_c(arena, str_from(food_table[theme->mains[i]].id));
	if (theme->starch != SIZE_MAX) out->starch_food_id = str_dup_c(arena, str_from(food_table[theme->starch].id));
}

static bool theme_from_message(const Petfood__V1__ThemeChoice *choice, struct week_theme *out, struct error *err)
{
	*out = (struct week_theme){ .starch = SIZE_MAX, .name = str_from(choice->name) };
	if (choice->n_main_food_ids > THEME_MAINS_MAX)
		return error_set(err, RPC_DATA_LOSS, "INTERNAL", "a theme has too many mains");
	for (size_t i = 0; i < choice->n_main_food_ids; i++) {
		out->mains[out->main_count] = food_by_id(str_from(choice->main_food_ids[i]));
		if (out->mains[out->main_count++] == SIZE_MAX)
			return error_set(err, RPC_DATA_LOSS, "INTERNAL", "food %s is gone", choice->main_food_ids[i]);
	}
	if (!*choice->starch_food_id) return true;
	out->starch = food_by_id(str_from(choice->starch_food_id));
	return out->starch != SIZE_MAX ||
	       error_set(err, RPC_DATA_LOSS, "INTERNAL", "food %s is gone", choice->starch_food_id);
}

static bool themes_work(struct job_step *step, struct error *err)
{
	struct arena *arena = step_arena(step);
	struct assessment *a = NULL;
	struct week_theme themes[PLAN_WEEKS];
	if (!plan_assess(step, &a, err) || !plan_choose_themes(arena, a, themes, err)) return false;

	Petfood__V1__ThemesCheckpoint kept;
	petfood__v1__themes_checkpoint__init(&kept);
	Petfood__V1__ThemeChoice *choices = arena_new_array(arena, Petfood__V1__ThemeChoice, PLAN_WEEKS);
	struct str names[PLAN_WEEKS];
	kept.n_weeks = PLAN_WEEKS;
	kept.weeks = arena_new_array(arena, Petfood__V1__ThemeChoice *, PLAN_WEEKS);
	for (size_t i = 0; i < PLAN_WEEKS; i++) {
		theme_to_message(arena, &themes[i], &choices[i]);
		kept.weeks[i] = &choices[i];
		names[i] = themes[i].name;
	}
	research_close(step, plan_text_themes(arena, a->pet->lang, names));
	return keep(step, &kept.base, err);
}

/* Texts are the arena's. */
static bool themes_load(struct job_step *step, struct week_theme out[PLAN_WEEKS], struct error *err)
{
	Petfood__V1__ThemesCheckpoint *kept = (Petfood__V1__ThemesCheckpoint *)plan_result(
	    step, PLAN_THEMES, &petfood__v1__themes_checkpoint__descriptor, err);
	if (!kept) return false;
	if (kept->n_weeks != PLAN_WEEKS)
		return error_set(err, RPC_DATA_LOSS, "INTERNAL", "%zu themes were kept", kept->n_weeks);
	for (size_t i = 0; i < PLAN_WEEKS; i++)
		if (!theme_from_message(kept->weeks[i], &out[i], err)) return false;
	return true;
}

/* ---- from research to the weeks ---- */

static bool finalize_work(struct job_step *step, struct error *err)
{
	struct assessment *a = NULL;
	if (!plan_assess(step, &a, err)) return false;
	*closing(step, 1) = (struct job_event){ .type = "research_finalizing",
		                                .node = STR("generate_coordination_guide"),
		                                .message = plan_text_finalizing(step_arena(step), a) };
	return true;
}

static struct str week_node(struct job_step *step, int week)
{
	return str_printf(step_arena(step), "week_agent_%d", week);
}

static bool dispatch_work(struct job_step *step, struct error *err)
{
	struct arena *arena = step_arena(step);
	enum lang lang = run_lang(step_run(step));
	struct week_theme themes[PLAN_WEEKS];
	if (!themes_load(step, themes, err)) return false;
	/* The four come before `dispatching`: after it they would set clients back a stage (CONTRACT 9). */
	struct job_event *events = closing(step, PLAN_WEEKS + 1);
	for (int week = 1; week <= PLAN_WEEKS; week++) {
		struct str theme = themes[week - 1].name;
		events[week - 1] = (struct job_event){
			.type = "task_delegating",
			.node = STR("dispatch_weeks"),
			.task_name = theme,
			.message = plan_text_delegating(arena, lang, week, theme),
			.detail = { .view_type = "week_dispatch",
			            .target = week_node(step, week),
			            .task_name = theme,
			            .week_number = week },
		};
	}
	events[PLAN_WEEKS] = (struct job_event){ .type = "dispatching",
		                                 .node = STR("dispatch_weeks"),
		                                 .message = plan_text_dispatching(lang) };
	return true;
}

/* ---- a week ---- */

static struct job_event week_event(struct job_step *step, const char *type, const char *status, struct str message)
{
	int week = step_kind(step)->number;
	struct str node = week_node(step, week);
	return (struct job_event){
		.type = type,
		.message = message,
		.node = node,
		.task_name = plan_text_week_name(step_arena(step), run_lang(step_run(step)), week),
		.detail = { .view_type = "phase_marker",
		            .agent_scope = "week",
		            .status = status,
		            .week = week,
		            .week_number = week,
		            .agent_id = node },
	};
}

static bool week_open(struct job_step *step, struct job_event *out, struct error *err)
{
	struct week_theme themes[PLAN_WEEKS];
	if (!themes_load(step, themes, err)) return false;
	int week = step_kind(step)->number;
	*out = week_event(
	    step, "week_planning", "started",
	    plan_text_week_planning(step_arena(step), run_lang(step_run(step)), week, themes[week - 1].name));
	return true;
}

static bool week_work(struct job_step *step, struct error *err)
{
	struct assessment *a = NULL;
	struct week_theme themes[PLAN_WEEKS];
	Petfood__V1__WeeklyDietPlan *week = NULL;
	if (!plan_assess(step, &a, err) || !themes_load(step, themes, err) ||
	    !plan_make_week(step_arena(step), a, themes, step_kind(step)->number - 1, &week, err))
		return false;
	*closing(step, 1) = week_event(step, "week_completed", "completed",
	                               plan_text_week_completed(step_arena(step), a->pet->lang, week));
	return keep(step, &week->base, err);
}

/* ---- gather ---- */

static bool gather_open(struct job_step *step, struct job_event *out, struct error *err)
{
	(void)err;
	*out = (struct job_event){ .type = "gathering",
		                   .node = STR("gather_and_structure"),
		                   .message = plan_text_gathering(run_lang(step_run(step))) };
	return true;
}

static bool plan_is_safe(struct job_step *step, struct str json, struct check_report *report, struct error *err)
{
	if (!check_plan(step_arena(step), json, report, err)) return false;
	for (size_t i = 0; i < report->finding_count; i++) {
		const struct check_finding *f = &report->findings[i];
		log_error("plan.not_safe", LOG_TASK(run_task(step_run(step))), LOG_INT("week", f->week),
		          LOG_CSTR("rule", f->rule), LOG_TEXT("what", f->what), LOG_TEXT("finding", f->text));
	}
	if (report->finding_count == 0) return true;
	const struct check_finding *first = &report->findings[0];
	error_set(err, RPC_INTERNAL, "PLAN_NOT_SAFE", "%zu findings, the first: " STR_FMT, report->finding_count,
	          STR_ARG(first->text));
	return error_param(err, "why", "%s " STR_FMT, first->rule, STR_ARG(first->what));
}

/* Where the printed weeks stand in the printed document: what is shown are the bytes that were checked, not another print. */
static bool find_weeks(struct job_step *step, const Petfood__V1__PlanData *plan, struct str json,
                       Petfood__V1__GatherCheckpoint *out, struct error *err)
{
	static const struct str head = { "{\"monthly_diet_plan\":", 21 };
	struct str weeks = json_print_arena(step_arena(step), &plan->pet_diet_plan->base);
	size_t at = str_find(json, weeks, 0);
	if (at == SIZE_MAX || !str_has_prefix(weeks, head))
		return error_set(err, RPC_INTERNAL, "INTERNAL", "the weeks are not in the plan document as printed");
	out->weeks_offset = (uint32_t)(at + head.len);
	out->weeks_bytes = (uint32_t)(weeks.len - head.len - 1);
	return true;
}

static bool gather_work(struct job_step *step, struct error *err)
{
	struct arena *arena = step_arena(step);
	struct assessment *a = NULL;
	Petfood__V1__WeeklyDietPlan *weeks[PLAN_WEEKS];
	Petfood__V1__PlanData *plan = NULL;
	if (!plan_assess(step, &a, err)) return false;
	for (int i = 0; i < PLAN_WEEKS; i++) {
		weeks[i] = (Petfood__V1__WeeklyDietPlan *)plan_result(step, PLAN_WEEK_1 + i,
		                                                      &petfood__v1__weekly_diet_plan__descriptor, err);
		if (!weeks[i]) return false;
	}
	if (!plan_compose(arena, a, weeks, &plan, err)) return false;
	struct str json = json_print_arena(arena, &plan->base);
	struct check_report *report = arena_new(arena, struct check_report);
	if (!plan_is_safe(step, json, report, err)) return false;

	Petfood__V1__GatherCheckpoint kept;
	petfood__v1__gather_checkpoint__init(&kept);
	kept.plan_data = (ProtobufCBinaryData){ json.len, (uint8_t *)(uintptr_t)json.ptr };
	kept.ai_suggestions = plan->ai_suggestions;
	if (!find_weeks(step, plan, json, &kept, err)) return false;

	enum lang lang = a->pet->lang;
	struct job_event *events = closing(step, 2);
	events[0] = (struct job_event){ .type = "structuring",
		                        .node = STR("gather_and_structure"),
		                        .extra = 3,
		                        .message = plan_text_structuring(lang) };
	events[1] = (struct job_event){ .type = "structured",
		                        .node = STR("gather_and_structure"),
		                        .message = plan_text_structured(arena, lang, report) };
	return keep(step, &kept.base, err);
}

/* ---- complete ---- */

struct plan_end {
	struct str completed, terminal;
	struct plan_record record;
};

static bool complete_work(struct job_step *step, struct error *err)
{
	struct arena *arena = step_arena(step);
	struct job_run *run = step_run(step);
	const struct task *task = run_task(run);
	int64_t now_us = run_now_us(run);
	struct pet *pet = arena_new(arena, struct pet);
	struct plan_end *end = arena_new(arena, struct plan_end);
	Petfood__V1__GatherCheckpoint *kept = (Petfood__V1__GatherCheckpoint *)plan_result(
	    step, PLAN_GATHER, &petfood__v1__gather_checkpoint__descriptor, err);
	struct str pet_id;
	if (!kept || !plan_pet(step, pet, &pet_id, err)) return false;
	if ((uint64_t)kept->weeks_offset + kept->weeks_bytes > kept->plan_data.len)
		return error_set(err, RPC_DATA_LOSS, "INTERNAL", "the kept plan is cut short");

	Petfood__V1__CompletedDetail detail;
	petfood__v1__completed_detail__init(&detail);
	detail.plans = (ProtobufCBinaryData){ kept->weeks_bytes, kept->plan_data.data + kept->weeks_offset };
	detail.ai_suggestions = kept->ai_suggestions;
	detail.plan_id = str_dup_c(arena, task->plan_id);
	Petfood__V1__CompletedEvent completed;
	petfood__v1__completed_event__init(&completed);
	completed.type = str_dup_c(arena, STR("completed"));
	completed.message = kept->ai_suggestions; /* clients show this event's message as the advice */
	completed.node = str_dup_c(arena, STR("gather_and_structure"));
	completed.detail = &detail;
	completed.progress = 100;
	completed.timestamp = json_timestamp(arena, now_us);
	end->completed = json_print_arena(arena, &completed.base);

	struct job_event last = { .type = "task_completed", .task_id = task->id, .plan_id = task->plan_id };
	end->terminal = job_event_print(arena, &last, 100, now_us);
	plan_record_from_pet(pet, pet_id, task, &end->record);
	end->record.plan_data = (struct str){ (const char *)kept->plan_data.data, kept->plan_data.len };
	end->record.created_at_us = end->record.updated_at_us = now_us;
	step_yield(step)->more = end;
	return true;
}

/* ---- the story of a step ---- */

static const struct {
	bool (*open)(struct job_step *step, struct job_event *out,
	             struct error *err);                        /* the event at the start; NULL = none */
	bool (*work)(struct job_step *step, struct error *err); /* on a compute thread */
} plan_parts[PLAN_STEP_COUNT] = {
	[PLAN_ASSESS] = { NULL, assess_work },        [PLAN_ENERGY] = { research_open, energy_work },
	[PLAN_FOODS] = { research_open, foods_work }, [PLAN_THEMES] = { research_open, themes_work },
	[PLAN_FINALIZE] = { NULL, finalize_work },    [PLAN_DISPATCH] = { NULL, dispatch_work },
	[PLAN_WEEK_1] = { week_open, week_work },     [PLAN_WEEK_2] = { week_open, week_work },
	[PLAN_WEEK_3] = { week_open, week_work },     [PLAN_WEEK_4] = { week_open, week_work },
	[PLAN_GATHER] = { gather_open, gather_work }, [PLAN_COMPLETE] = { NULL, complete_work },
};

enum plan_phase { PHASE_START, PHASE_OPENED, PHASE_PACED, PHASE_WORKED, PHASE_CLOSED };

static void plan_run(struct job_step *step);

/* clang-format off */
static const struct step_kind plan_steps[PLAN_STEP_COUNT] = {
	/*                  name               percent  after                                                 number */
	[PLAN_ASSESS] =   { "assess",                4, 0,                                           plan_run, 0 },
	[PLAN_ENERGY] =   { "research_energy",       4, STEP_BIT(PLAN_ASSESS),                       plan_run, SUBAGENT_ENERGY },
	[PLAN_FOODS] =    { "research_foods",        4, STEP_BIT(PLAN_ASSESS),                       plan_run, SUBAGENT_FOODS },
	[PLAN_THEMES] =   { "research_themes",       6, STEP_BIT(PLAN_ENERGY) | STEP_BIT(PLAN_FOODS), plan_run, SUBAGENT_THEMES },
	[PLAN_FINALIZE] = { "research_finalizing",   3, STEP_BIT(PLAN_THEMES),                       plan_run, 0 },
	[PLAN_DISPATCH] = { "dispatching",           3, STEP_BIT(PLAN_FINALIZE),                     plan_run, 0 },
	[PLAN_WEEK_1] =   { "week_1",               16, STEP_BIT(PLAN_DISPATCH),                     plan_run, 1 },
	[PLAN_WEEK_2] =   { "week_2",               16, STEP_BIT(PLAN_DISPATCH),                     plan_run, 2 },
	[PLAN_WEEK_3] =   { "week_3",               16, STEP_BIT(PLAN_DISPATCH),                     plan_run, 3 },
	[PLAN_WEEK_4] =   { "week_4",               16, STEP_BIT(PLAN_DISPATCH),                     plan_run, 4 },
	[PLAN_GATHER] =   { "gather",                8, STEP_BIT(PLAN_WEEK_1) | STEP_BIT(PLAN_WEEK_2) | STEP_BIT(PLAN_WEEK_3) |
	                                                STEP_BIT(PLAN_WEEK_4),                       plan_run, 0 },
	[PLAN_COMPLETE] = { "complete",              4, STEP_BIT(PLAN_GATHER),                       plan_run, 0 },
};
/* clang-format on */
const struct job_kind job_kind_plan = { .type = TASK_TYPE_DIET_PLAN,
	                                .step_count = PLAN_STEP_COUNT,
	                                .steps = plan_steps };

static enum plan_step plan_step_of(struct job_step *step) { return (enum plan_step)(step_kind(step) - plan_steps); }

/* Called to start, then once by each completion. */
static void plan_run(struct job_step *step)
{
	const enum plan_step which = plan_step_of(step);
	struct step_yield *yield = step_yield(step);
	switch ((enum plan_phase)step_phase(step)) {
	case PHASE_START:
		step_set_phase(step, PHASE_OPENED);
		if (plan_parts[which].open) {
			struct error err;
			struct job_event event;
			if (!plan_parts[which].open(step, &event, &err)) {
				step_fail(step, &err);
				return; /* the run ends */
			}
			step_append(step, &event, 1, false, -1);
			return; /* until the opening event is stored and published */
		}
		/* fall through */
	case PHASE_OPENED:
		step_set_phase(step, PHASE_PACED);
		if (run_pace_ms(step_run(step)) > 0) {
			step_sleep(step, run_pace_ms(step_run(step)));
			return; /* until the pause is over */
		}
		/* fall through */
	case PHASE_PACED:
		step_set_phase(step, PHASE_WORKED);
		step_compute(step, plan_parts[which].work);
		return; /* until the computation is done; a failed one ends the run */
	case PHASE_WORKED:
		if (which == PLAN_COMPLETE) {
			struct plan_end *end = yield->more;
			step_complete(step, &end->completed, end->terminal, end->completed, &end->record);
			return; /* the run ends with this write */
		}
		step_set_phase(step, PHASE_CLOSED);
		step_append(step, yield->events, yield->event_count, true, -1);
		return; /* until the checkpoint and its events are stored */
	case PHASE_CLOSED: step_done(step);
	}
}
