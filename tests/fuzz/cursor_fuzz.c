/* Where a reader of a stream goes on. First line: the task, as "STATUS LAST CUT": its status by name, the number of its last
 * event, and how many events at the start of its log are gone. Second line: the query. Rest: the Last-Event-ID header. */
#include <petfood/accessors.h>
#include <petfood/handlers.h>
#include <stdio.h>
#include <string.h>

#include "bridge/route/request.h"
#include "petfood/v1/task.pb-c.h"
#include "rpc/service/services.h"
#include "rpc/wire/call.h"
#include "rpc/wire/validate.h"
#include "tests/fuzz/fuzz.h"

static struct {
	struct task task;
	uint64_t cut;
} log_of;

static bool get_task(void *self, struct str user_id, struct str id, struct arena *arena, struct task *out,
                     struct error *err)
{
	(void)self;
	(void)user_id;
	(void)err;
	log_of.task.id = str_dup(arena, id);
	*out = log_of.task;
	return true;
}

static bool get_events(void *self, struct str user_id, struct str id, uint64_t after, size_t limit, size_t bytes_max,
                       struct arena *arena, struct task_event **out, size_t *out_count, struct task_head *out_head,
                       struct error *err)
{
	(void)self;
	(void)bytes_max;
	(void)err;
	uint64_t first = (after > log_of.cut ? after : log_of.cut) + 1;
	*out_head = (struct task_head){ .id = id, .user_id = user_id, .last = log_of.task.last_event };
	*out_count = 0;
	*out = arena_new_array(arena, struct task_event, limit);
	for (; *out_count < limit && first <= log_of.task.last_event; first++)
		(*out)[(*out_count)++] = (struct task_event){ .number = first, .data = STR("{}") };
	return true;
}

static const struct task_store_driver driver = { .name = "fuzz", .get = get_task, .get_whole = get_task, .events = get_events };
static int64_t midnight(void *self)
{
	(void)self;
	return 1767225600000000;
}

static uint64_t number_of(struct str text, uint64_t most)
{
	int64_t n;
	return str_to_int64(text, &n) && n >= 0 && (uint64_t)n <= most ? (uint64_t)n : most;
}

static void read_task(struct str line)
{
	struct str status = STR_NONE, last = STR_NONE;
	(void)(str_split(&line, ' ', &status) && str_split(&line, ' ', &last));
	enum task_status named = task_status_from(status);
	log_of.task = (struct task){ .status = named ? named : TASK_RUNNING, .type = TASK_TYPE_DIET_PLAN };
	log_of.task.last_event = number_of(last, 1000000);
	/* Only a task that has ended can have lost events. */
	log_of.cut = task_status_is_final(log_of.task.status) ? number_of(line, log_of.task.last_event) : 0;
}

static bool preface_is(const Petfood__V1__StreamOpen *open, size_t nth, const char *type)
{
	char wanted[64];
	if (nth >= open->n_preface) return false;
	struct str text = { (const char *)open->preface[nth].data, open->preface[nth].len };
	(void)snprintf(wanted, sizeof wanted, "\"type\":\"%s\"", type);
	return str_find(text, str_from(wanted), 0) != SIZE_MAX;
}

/* A number as a person would read it: nothing but digits, and no more than a counter of events can have. */
static bool is_number(struct str text, uint64_t *out)
{
	if (text.len == 0 || text.len > 18) return false;
	*out = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
		*out = *out * 10 + (uint64_t)(text.ptr[i] - '0');
	}
	return true;
}

static void check_open(const Petfood__V1__StreamOpen *open, struct str cursor)
{
	uint64_t number = 0, last = log_of.task.last_event;
	bool ended = task_status_is_final(log_of.task.status), numeric = is_number(cursor, &number);
	bool reachable = numeric && number <= last;
	bool whole = reachable && (number >= log_of.cut || number == last);
	HOLDS(open->mode != PETFOOD__V1__STREAM_MODE__STREAM_MODE_UNSPECIFIED);
	HOLDS(open->after <= last);
	HOLDS(open->n_closing == 1);
	HOLDS_OF((open->mode == PETFOOD__V1__STREAM_MODE__STREAM_MODE_NOTHING_LEFT) ==
	             (ended && reachable && number == last),
	         cursor);
	if (open->mode == PETFOOD__V1__STREAM_MODE__STREAM_MODE_NOTHING_LEFT) return;
	if (cursor.len == 0) {
		HOLDS(open->after == 0);
		HOLDS(ended ? preface_is(open, 0, log_of.task.status == TASK_COMPLETED ? "task_completed" : "error")
		            : preface_is(open, 0, "resumed"));
	} else if (whole) { /* exactly the rest, and no word before it */
		HOLDS_OF(open->after == number && open->n_preface == 0, cursor);
		HOLDS_OF(open->mode == PETFOOD__V1__STREAM_MODE__STREAM_MODE_FOLLOW, cursor);
	} else { /* told, never a silent hole */
		HOLDS_OF(open->after == 0 && preface_is(open, 0, "reset"), cursor);
		HOLDS_OF((open->mode == PETFOOD__V1__STREAM_MODE__STREAM_MODE_ENDED) == (log_of.cut > 0), cursor);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct route_index *index;
	static struct store store;
	static struct services services = { .store = &store };
	static const struct clock clock = { .now_us = midnight };
	struct arena *arena = fuzz_arena();
	struct str header = { (const char *)data, size }, first = fuzz_line(&header);
	struct request_parts parts = { .query = fuzz_line(&header), .lang = LANG_EN };
	struct route_match match;
	ProtobufCMessage *request;
	struct error err = { 0 };
	if (!index) index = route_index_create(route_table, route_count);
	store.tasks.driver = &driver;
	read_task(first);
	parts.last_event_id = header;
	HOLDS(route_find(index, arena, STR("GET"), STR("/api/v1/plans/stream"), &match));
	bool ok = request_build(arena, &match, &parts, &request, &err) &&
	          message_validate(match.route->method->request, request, LANG_EN, &err);
	if (!ok) {
		fuzz_check_error(&err);
		return 0;
	}
	struct str cursor = str_from(petfood_v1_resume_plan_stream_request_last_event_id_or((const void *)request, ""));
	/* The header goes before the parameter; what is no text is garbage like any other. */
	if (header.len) HOLDS_OF(str_equal(cursor, str_is_utf8(header) ? header : STR("?")), header);
	struct call call = { .method = match.route->method,
		             .arena = arena,
		             .clock = &clock,
		             .lang = LANG_EN,
		             .services = &services,
		             .caller = { .kind = PRINCIPAL_USER, .user_id = "0190c2a4-0000-7000-8000-000000000001" } };
	Petfood__V1__StreamOpen open = PETFOOD__V1__STREAM_OPEN__INIT;
	HOLDS(plan_service_resume_plan_stream(&call, request, &open, &err));
	(void)fuzz_check_packs(arena, &open.base);
	check_open(&open, cursor);
	return 0;
}
