/* S05, and S01, S04 and S11 with it: the reader of the hub under seeded schedules of everything that can happen to it, in one thread
 * and without a wait. Events are appended while its backlog is read; notices come before, during and after the read, twice, in any
 * order or never; pages are short, late or fail; the sink is full; heads are late; the reader is cut and another goes on from its
 * cursor. Always: cursor+1..n, each once, in order, the log's data, the terminal event once and last, and an end as soon as no more
 * faults happen.
 *   interleave_test [SCHEDULES [SEED [FIRST]]]
 * hub.c and the client are not in this program: what the reader calls of them stands here, and the schedule decides. */
#include <inttypes.h>
#include <stdlib.h>
#include <utlist.h>

#include "rpc/transport/hub_impl.h"
#include "store/base/log.h"
#include "tests/support/check.h"

enum {
	EVENTS_MAX = 24,
	READERS = 2,
	PENDING_MAX = 128,
	CALLS_MAX = 16,
	LARGE_BYTES = 4096,
	ROUNDS_MAX = 60, /* of a world without faults; a page may hold one event, and a failed read is asked again */
};

/* ---- a world: a log, what is on its way, and the readers ---- */

struct probe {
	struct event_reader *reader;
	struct event_sink sink;
	uint64_t cursor, last;
	bool terminal, ended, closed;
	bool full;    /* has said so, and has made no room since */
	bool stepped; /* made room, and the hub's thread has not looked yet */
};

struct pending_notice {
	uint64_t number;
	bool payload;
};

struct pending_call {
	struct hub_call *call;
	uint64_t after;
	size_t limit;
	bool served;
};

static struct {
	uint64_t seed, trace; /* trace: of the choices that were made */
	struct event_hub hub;
	struct topic topic;
	uint64_t last, end; /* the log holds `last` events and will hold `end` */
	size_t data_bytes;
	bool lossless; /* no notice is lost, and nobody asks for heads */
	bool calm;     /* no more faults */
	struct pending_notice notices[PENDING_MAX];
	size_t notice_count;
	struct pending_call calls[CALLS_MAX];
	size_t call_count;
	struct probe probes[READERS];
	struct hub_call *spare;
	const char *wrong;
} w;

static char event_bytes[EVENTS_MAX + 1][LARGE_BYTES];

static uint64_t choose(uint64_t below)
{
	w.seed ^= w.seed << 13;
	w.seed ^= w.seed >> 7;
	w.seed ^= w.seed << 17;
	uint64_t choice = (w.seed * 0x2545f4914f6cdd1du >> 33) % below;
	w.trace = (w.trace ^ choice) * 0x100000001b3u;
	return choice;
}

static bool one_in(uint64_t n) { return choose(n) == 0; }

static struct str data_of(uint64_t number) { return (struct str){ event_bytes[number], w.data_bytes }; }

/* ---- in place of hub.c and the client ---- */

struct hub_call *hub_call_create(struct event_hub *hub, const struct method_side *method)
{
	struct hub_call *call = w.spare;
	struct arena *arena;
	if (call) {
		w.spare = call->next;
		arena = call->arena;
	} else {
		call = malloc(sizeof *call);
		if (!call) die("out of memory");
		arena = arena_create(0);
	}
	*call = (struct hub_call){ .hub = hub, .method = method, .arena = arena };
	return call;
}

void hub_call_free(struct hub_call **call)
{
	if (!*call) return;
	arena_reset((*call)->arena);
	(*call)->next = w.spare;
	w.spare = *call;
	*call = NULL;
}

bool hub_call_start(struct hub_call *call, const ProtobufCMessage *request, const struct rpc_metadata *metadata,
                    struct error *err)
{
	(void)metadata;
	if (w.call_count == CALLS_MAX || (!w.calm && one_in(40)))
		return error_set(err, RPC_RESOURCE_EXHAUSTED, "OVERLOADED", "too many calls");
	struct pending_call *pending = &w.calls[w.call_count++];
	*pending = (struct pending_call){ .call = call };
	if (call->reader) pending->after = ((const Petfood__V1__ListEventsRequest *)(const void *)request)->after;
	return true;
}

struct rpc_metadata hub_metadata(struct event_hub *hub, struct arena *arena, const struct rpc_metadata *metadata)
{
	(void)hub;
	(void)arena;
	return *metadata;
}

void hub_forget(struct event_reader *reader)
{
	DL_DELETE2(w.topic.readers, reader, topic_prev, topic_next);
	DL_DELETE(w.hub.readers, reader);
	w.hub.reader_count--;
}

/* The call goes on: its end finds that nobody waits. */
void rpc_pending_cancel(struct rpc_pending **pending) { *pending = NULL; }

/* ---- sinks ---- */

static void say_wrong(const char *what)
{
	if (!w.wrong) w.wrong = what;
}

/* event_reader_ready(), once for each "full". */
static void make_room(struct probe *p)
{
	if (!p->reader || !p->full) return;
	p->full = false;
	p->stepped = true;
	atomic_store(&p->reader->ready, true);
}

/* The hub's thread finds the reader on its list. */
static void step(struct probe *p)
{
	if (!p->reader || !p->stepped) return;
	p->stepped = false;
	reader_step(p->reader);
}

static enum event_taken on_event(void *self, uint64_t number, struct str data, bool terminal)
{
	struct probe *p = self;
	if (!w.calm && one_in(8)) {
		/* Room may be made before "full" has even been returned. */
		p->full = true;
		if (one_in(2)) make_room(p);
		return EVENT_FULL;
	}
	if (p->closed) say_wrong("an event after the close");
	if (p->terminal || p->ended) say_wrong("an event after the end");
	if (number != p->last + 1) say_wrong("an event out of turn");
	if (number > w.last)
		say_wrong("an event that was not committed");
	else if (!str_equal(data, data_of(number)))
		say_wrong("other data than the log's");
	if (terminal != (number == w.end)) say_wrong("terminal where it is not, or not where it is");
	p->last = number;
	p->terminal = terminal;
	return EVENT_TAKEN;
}

static void on_error(void *self, const struct error *err)
{
	struct probe *p = self;
	bool nothing_left = p->cursor == w.end && w.last == w.end && strcmp(err->reason, "STREAM_ENDED") == 0;
	if (!nothing_left) say_wrong(err->reason);
	if (p->ended || p->closed) say_wrong("a second end");
	p->ended = true;
}

static void on_closed(void *self)
{
	struct probe *p = self;
	p->closed = true;
	p->reader = NULL;
}

static void open_reader(struct probe *p, uint64_t cursor)
{
	struct event_reader *reader = calloc(1, sizeof *reader);
	if (!reader) die("out of memory");
	*p = (struct probe){ .reader = reader, .cursor = cursor, .last = cursor };
	reader->hub = &w.hub;
	reader->topic = &w.topic;
	reader->sink = (struct event_sink){ on_event, on_error, on_closed, p };
	reader->last = reader->known = cursor;
	reader->must_read = true;
	DL_PREPEND2(w.topic.readers, reader, topic_prev, topic_next);
	DL_APPEND(w.hub.readers, reader);
	w.hub.reader_count++;
	reader_step(reader);
}

/* The line is cut, and the same client comes back with its cursor. */
static void reopen(struct probe *p)
{
	if (!p->reader) return;
	uint64_t cursor = p->last;
	if (p->terminal || (w.lossless && cursor == w.end)) return;
	atomic_store(&p->reader->closed, true);
	reader_finish(p->reader);
	open_reader(p, cursor);
}

/* ---- what can happen ---- */

static void append(void)
{
	if (w.last == w.end) return;
	uint64_t number = ++w.last;
	size_t copies = 1;
	if (!w.lossless && one_in(3))
		copies = 0;
	else if (one_in(5))
		copies = 2;
	for (; copies && w.notice_count < PENDING_MAX; copies--)
		w.notices[w.notice_count++] = (struct pending_notice){ number, !one_in(4) };
}

static void give_notice(void)
{
	if (!w.notice_count) return;
	struct event_reader *reader, *next;
	size_t i = choose(w.notice_count);
	struct pending_notice notice = w.notices[i];
	w.notices[i] = w.notices[--w.notice_count];
	for (reader = w.topic.readers; reader; reader = next) {
		next = reader->topic_next;
		reader_note(reader, notice.number, notice.number == w.end,
		            notice.payload ? data_of(notice.number) : STR_NONE);
		if (reader->live_bytes > LIVE_BYTES_MAX || reader->live_count > LIVE_EVENTS_MAX)
			say_wrong("live events without bound");
	}
}

static void serve_log(struct pending_call *pending)
{
	struct arena *arena = pending->call->arena;
	Petfood__V1__ListEventsReply *reply = arena_new(arena, Petfood__V1__ListEventsReply);
	petfood__v1__list_events_reply__init(reply);
	size_t count = (size_t)(w.last - pending->after), limit = 1 + choose(4);
	if (count > limit) count = limit;
	reply->events = arena_new_array(arena, Petfood__V1__TaskEvent *, count);
	for (size_t i = 0; i < count; i++) {
		Petfood__V1__TaskEvent *event = arena_new(arena, Petfood__V1__TaskEvent);
		petfood__v1__task_event__init(event);
		event->number = pending->after + 1 + i;
		event->data.data = (uint8_t *)event_bytes[event->number];
		event->data.len = w.data_bytes;
		event->terminal = event->number == w.end;
		reply->events[reply->n_events++] = event;
	}
	reply->last = w.last;
	pending->call->reply = &reply->base;
}

static void serve_heads(struct pending_call *pending)
{
	struct arena *arena = pending->call->arena;
	Petfood__V1__ReadHeadsReply *reply = arena_new(arena, Petfood__V1__ReadHeadsReply);
	Petfood__V1__TaskHead *head = arena_new(arena, Petfood__V1__TaskHead);
	petfood__v1__read_heads_reply__init(reply);
	petfood__v1__task_head__init(head);
	head->id = w.topic.task_id;
	head->last = w.last;
	head->terminal = w.last == w.end;
	reply->heads = arena_new_array(arena, Petfood__V1__TaskHead *, 1);
	reply->heads[reply->n_heads++] = head;
	pending->call->reply = &reply->base;
}

/* The service looks into the log: from here on the answer is as old as this moment. */
static void serve(struct pending_call *pending)
{
	if (pending->served) return;
	pending->served = true;
	if (!w.calm && one_in(8))
		error_set(&pending->call->err, RPC_UNAVAILABLE, "STORE_DOWN", "down");
	else if (pending->call->method == w.hub.read_heads)
		serve_heads(pending);
	else
		serve_log(pending);
}

static void deliver(size_t i)
{
	struct hub_call *call = w.calls[i].call;
	w.calls[i] = w.calls[--w.call_count];
	if (call->method == w.hub.read_heads)
		heads_on_reply(call);
	else
		reader_on_read(call);
}

static void serve_or_deliver(void)
{
	if (!w.call_count) return;
	size_t i = choose(w.call_count);
	if (w.calls[i].served)
		deliver(i);
	else
		serve(&w.calls[i]);
}

static void happen(void)
{
	switch (choose(16)) {
	case 0:
	case 1:
	case 2: append(); break;
	case 3:
	case 4:
	case 5:
	case 6: give_notice(); break;
	case 7:
	case 8:
	case 9:
	case 10:
	case 11: serve_or_deliver(); break;
	case 12: {
		struct probe *p = &w.probes[choose(READERS)];
		if (p->stepped)
			step(p);
		else
			make_room(p);
		break;
	}
	case 13: (void)readers_retry(&w.hub, INT64_MAX); break;
	case 14:
		if (!w.lossless) heads_ask(&w.hub, INT64_MAX);
		break;
	default: reopen(&w.probes[choose(READERS)]); break;
	}
	/* What the hub's thread does at the end of each turn; a turn may see several things happen. */
	if (!one_in(4)) readers_start_reads(&w.hub);
}

static bool all_ended(void)
{
	for (int i = 0; i < READERS; i++)
		if (!w.probes[i].terminal && !w.probes[i].ended) return false;
	return true;
}

/* No more faults: everything that is on its way arrives, and heads are asked for. */
static void calm_down(void)
{
	w.calm = true;
	while (w.last < w.end) append();
	for (int round = 0; round < ROUNDS_MAX && !all_ended(); round++) {
		while (w.notice_count) give_notice();
		for (size_t i = w.call_count; i > 0; i--) {
			serve(&w.calls[i - 1]);
			deliver(i - 1);
		}
		for (int i = 0; i < READERS; i++) {
			make_room(&w.probes[i]);
			step(&w.probes[i]);
		}
		(void)readers_retry(&w.hub, INT64_MAX);
		if (!w.lossless) heads_ask(&w.hub, INT64_MAX);
		readers_start_reads(&w.hub);
	}
	if (!all_ended()) say_wrong("a reader never came to the end");
}

static void tear_down(void)
{
	for (int i = 0; i < READERS; i++) {
		struct probe *p = &w.probes[i];
		if (!p->reader) continue;
		atomic_store(&p->reader->closed, true);
		reader_finish(p->reader);
	}
	while (w.call_count) deliver(w.call_count - 1);
	if (w.hub.reads_under_way || w.hub.heads_under_way || w.hub.readers || w.hub.queue || w.hub.retrying)
		say_wrong("something was left behind");
	w.notice_count = 0;
}

/* NULL, or what went wrong. */
static const char *run_schedule(uint64_t seed)
{
	w.seed = seed;
	w.trace = 0xcbf29ce484222325u;
	w.wrong = NULL;
	w.calm = false;
	w.last = 0;
	/* Now and then more, and larger, than a reader keeps of what comes live. */
	bool large = one_in(64);
	w.end = large ? EVENTS_MAX : 1 + choose(6);
	w.data_bytes = large ? LARGE_BYTES : 8;
	w.lossless = one_in(3);
	for (uint64_t n = choose(w.end + 1); n; n--) append();
	for (int i = 0; i < READERS; i++) {
		uint64_t most = w.lossless && w.last == w.end ? w.end - 1 : w.last;
		open_reader(&w.probes[i], choose(most + 1));
	}
	for (uint64_t n = 8 + choose(large ? 120 : 24); n; n--) happen();
	calm_down();
	tear_down();
	return w.wrong;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static uint64_t mixed(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return (x ^ x >> 31) | 1;
}

int main(int argc, char **argv)
{
	uint64_t schedules = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000, failures = 0, distinct = 0;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1, first = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
	uint64_t *traces = malloc((schedules + 1) * sizeof *traces);
	if (!traces) die("out of memory");
	log_setup(LOG_ERROR, false);
	for (uint64_t n = 1; n <= EVENTS_MAX; n++)
		for (size_t i = 0; i < LARGE_BYTES; i++) event_bytes[n][i] = (char)('a' + (n + i) % 26);
	w.topic.task_id = (char *)"task";
	w.hub.topics = NULL;
	HASH_ADD_KEYPTR(hh, w.hub.topics, w.topic.task_id, strlen(w.topic.task_id), &w.topic);
	w.hub.list_events = method_by_name(STR("petfood.v1.TaskService/ListEvents"));
	w.hub.read_heads = method_by_name(STR("petfood.v1.TaskService/ReadHeads"));
	w.hub.reads = metric_counter("test_reads", NULL, "");
	w.hub.gaps = metric_counter("test_gaps", NULL, "");
	pthread_mutex_init(&w.hub.lock, NULL);

	for (uint64_t i = 0; i < schedules; i++) {
		const char *wrong = run_schedule(mixed(seed << 32 ^ (first + i)));
		traces[i] = w.trace;
		if (wrong && failures++ < 10)
			(void)printf("schedule %" PRIu64 ": %s; again: interleave_test 1 %" PRIu64 " %" PRIu64 "\n",
			             first + i, wrong, seed, first + i);
	}
	CHECK_ROW("S05 backlog and live, in every order that was tried", failures == 0);
	qsort(traces, schedules, sizeof *traces, by_value);
	for (uint64_t i = 0; i < schedules; i++) distinct += i == 0 || traces[i] != traces[i - 1];
	CHECK_ROW("S05 hardly two schedules alike", distinct > schedules - schedules / 100 - 1);
	CHECK_ROW("S05 gaps were met", schedules < 1000 || metric_value(w.hub.gaps) > (int64_t)schedules / 10);
	(void)printf("%" PRIu64 " schedules, %" PRIu64 " distinct, %" PRIu64 " violations, %" PRId64 " reads, %" PRId64
	             " gaps; seed %" PRIu64 "\n",
	             schedules, distinct, failures, metric_value(w.hub.reads), metric_value(w.hub.gaps), seed);

	HASH_DELETE(hh, w.hub.topics, &w.topic);
	while (w.spare) {
		struct hub_call *call = w.spare;
		w.spare = call->next;
		arena_destroy(&call->arena);
		free(call);
	}
	pthread_mutex_destroy(&w.hub.lock);
	free(traces);
	return check_done("interleave_test");
}
