/* Progress streams: whatever PUB loses, doubles or turns round, and whatever the log's service does meanwhile, a reader gets
 * cursor+1..n in order, each once (DESIGN 4; lists S01, S04, S05, S11, S14). The log here is an array behind a real server. */
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "rpc/transport/events.h"
#include "store/base/log.h"
#include "store/base/metrics.h"
#include "store/base/time.h"
#include "tests/unit/rpc/transport/fixture.h"
#include "tests/unit/rpc/transport/sp_line.h"

enum { TASKS = 8 };

/* ---- a log ---- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t last[TASKS];
	bool terminal[TASKS], missing[TASKS];
	uint64_t cut[TASKS];      /* events up to here are gone */
	bool expired[TASKS];      /* and who asks for one of them is told so */
	size_t large_every;       /* each n-th event is larger than what PUB carries */
	enum rpc_code refuse;     /* answer of ListEvents */
	enum rpc_code refuse_task[TASKS]; /* the same for one task */
	int refused[TASKS];
	unsigned fail_one_in;     /* UNAVAILABLE now and then */
	bool hold;                /* reads wait */
	int held;
	int reads, heads;
	uint64_t seed;
} log_ = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .seed = 0x9e3779b97f4a7c15u };

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static int task_index(const char *id) { return strncmp(id, "task-", 5) == 0 ? atoi(id + 5) : -1; }

static struct str event_data(struct arena *arena, int task, uint64_t number)
{
	if (log_.large_every && number % log_.large_every == 0) {
		char *data = arena_alloc(arena, 5000);
		memset(data, '.', 5000);
		int n = snprintf(data, 64, "{\"task\":%d,\"number\":%llu}", task, (unsigned long long)number);
		data[n] = ' ';
		return (struct str){ data, 5000 };
	}
	return str_printf(arena, "{\"task\":%d,\"number\":%llu}", task, (unsigned long long)number);
}

static bool list_events(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__ListEventsRequest *req = request;
	Petfood__V1__ListEventsReply *out = reply;
	int task = task_index(req->id);
	bool ok = false;
	pthread_mutex_lock(&log_.lock);
	log_.reads++;
	log_.held++;
	pthread_cond_broadcast(&log_.changed);
	while (log_.hold && !atomic_load(call->cancelled)) {
		struct timespec soon;
		clock_gettime(CLOCK_REALTIME, &soon);
		soon.tv_nsec = (soon.tv_nsec + 2000000) % 1000000000;
		(void)pthread_cond_timedwait(&log_.changed, &log_.lock, &soon);
	}
	log_.held--;
	if (log_.refuse != RPC_OK) {
		error_set(err, log_.refuse, "TOKEN_INVALID", "refused");
		goto out;
	}
	if (task >= 0 && task < TASKS && log_.refuse_task[task] != RPC_OK) {
		log_.refused[task]++;
		error_set(err, log_.refuse_task[task], "TASK_MOVED", "refused");
		goto out;
	}
	if (log_.fail_one_in && next_random(&log_.seed) % log_.fail_one_in == 0) {
		error_set(err, RPC_UNAVAILABLE, "STORE_DOWN", "down");
		goto out;
	}
	if (task < 0 || task >= TASKS || log_.missing[task]) {
		error_set(err, RPC_NOT_FOUND, "TASK_NOT_FOUND", "none");
		goto out;
	}
	if (log_.expired[task] && req->after < log_.cut[task]) {
		error_set(err, RPC_OUT_OF_RANGE, "LOG_EXPIRED", "gone");
		goto out;
	}
	uint64_t from = req->after > log_.cut[task] ? req->after : log_.cut[task];
	out->events = arena_new_array(call->arena, Petfood__V1__TaskEvent *, req->limit);
	for (uint64_t n = from + 1; n <= log_.last[task] && out->n_events < req->limit; n++) {
		Petfood__V1__TaskEvent *event = arena_new(call->arena, Petfood__V1__TaskEvent);
		petfood__v1__task_event__init(event);
		struct str data = event_data(call->arena, task, n);
		event->number = n;
		event->data.data = (uint8_t *)(uintptr_t)data.ptr;
		event->data.len = data.len;
		event->terminal = log_.terminal[task] && n == log_.last[task];
		out->terminal = out->terminal || event->terminal;
		out->events[out->n_events++] = event;
	}
	out->last = log_.last[task];
	ok = true;
out:
	pthread_mutex_unlock(&log_.lock);
	return ok;
}

static bool read_heads(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__V1__ReadHeadsRequest *req = request;
	Petfood__V1__ReadHeadsReply *out = reply;
	(void)err;
	pthread_mutex_lock(&log_.lock);
	log_.heads++;
	out->heads = arena_new_array(call->arena, Petfood__V1__TaskHead *, req->n_ids);
	for (size_t i = 0; i < req->n_ids; i++) {
		int task = task_index(req->ids[i]);
		if (task < 0 || task >= TASKS || log_.missing[task]) continue;
		Petfood__V1__TaskHead *head = arena_new(call->arena, Petfood__V1__TaskHead);
		petfood__v1__task_head__init(head);
		head->id = req->ids[i];
		head->last = log_.last[task];
		head->terminal = log_.terminal[task];
		out->heads[out->n_heads++] = head;
	}
	pthread_mutex_unlock(&log_.lock);
	return true;
}

static void log_reset(void)
{
	memset(log_.last, 0, sizeof log_.last);
	memset(log_.terminal, 0, sizeof log_.terminal);
	memset(log_.missing, 0, sizeof log_.missing);
	memset(log_.cut, 0, sizeof log_.cut);
	memset(log_.expired, 0, sizeof log_.expired);
	log_.large_every = log_.fail_one_in = 0;
	log_.refuse = RPC_OK;
	memset(log_.refuse_task, 0, sizeof log_.refuse_task);
	memset(log_.refused, 0, sizeof log_.refused);
	log_.hold = false;
	log_.reads = log_.heads = 0;
}

static uint64_t log_append(int task, bool terminal)
{
	pthread_mutex_lock(&log_.lock);
	uint64_t number = ++log_.last[task];
	log_.terminal[task] = terminal;
	pthread_mutex_unlock(&log_.lock);
	return number;
}

/* ---- the parts under test ---- */

static struct rpc_server *server;
static struct rpc_client *client;
static struct event_publisher *publisher;
static struct event_hub *hub;
static struct method_side methods[2];
static rpc_handler handlers[2] = { list_events, read_heads };
static struct rpc_metadata nobody;

static void start_server(void)
{
	struct error err;
	struct str url = STR("inproc://hub-rpc");
	struct rpc_server_options options = { .listen = &url, .listen_count = 1, .workers = 4, .keys = &fx.keys,
		                              .methods = methods, .method_count = 2, .handlers = handlers };
	if (!CHECK_OK(rpc_server_start(&options, &server, &err), &err)) exit(1);
}

static void start_all(const char *pub_url, bool payload, int64_t heads_interval_ms)
{
	struct error err;
	struct str rpc = STR("inproc://hub-rpc"), pub = str_from(pub_url);
	log_reset();
	start_server();
	struct rpc_client_options client_options = { .endpoints = &rpc, .endpoint_count = 1 };
	if (!CHECK_OK(rpc_client_create(&client_options, &client, &err), &err)) exit(1);
	struct event_publisher_options publisher_options = { .listen = &pub, .listen_count = 1, .payload = payload };
	if (!CHECK_OK(event_publisher_create(&publisher_options, &publisher, &err), &err)) exit(1);
	pub = event_publisher_endpoint(publisher, 0);
	struct event_hub_options hub_options = { .endpoints = &pub, .endpoint_count = 1, .client = client,
		                                 .service_authorization = make_token(TOKEN_SERVICE, "hub", 1000),
		                                 .heads_interval_ms = heads_interval_ms };
	if (!CHECK_OK(event_hub_create(&hub_options, &hub, &err), &err)) exit(1);
}

static void stop_all(void)
{
	CHECK(event_hub_reader_count(hub) == 0);
	event_hub_destroy(&hub);
	event_publisher_destroy(&publisher);
	rpc_client_destroy(&client);
	rpc_server_stop(&server);
}

/* ---- a reader that checks what it gets ---- */

struct probe {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int task;
	uint64_t first, last, wrong; /* wrong: numbers or data out of order, or anything after the terminal event */
	bool terminal, closed;
	int errors;
	enum rpc_code code;
	const char *reason;
	uint64_t close_at;    /* close from inside on_event */
	unsigned full_one_in; /* say "full" now and then, and "ready" from another thread's hand */
	bool stay_full;
	int refused;
	bool close_on_error;
	uint64_t seed;
	struct event_reader *reader;
};

static enum event_taken probe_event(void *self, uint64_t number, struct str data, bool terminal)
{
	struct probe *p = self;
	enum event_taken taken = EVENT_TAKEN;
	char want[64];
	bool ready = false;
	(void)snprintf(want, sizeof want, "{\"task\":%d,\"number\":%llu}", p->task, (unsigned long long)number);
	pthread_mutex_lock(&p->lock);
	if (p->stay_full || (p->full_one_in && next_random(&p->seed) % p->full_one_in == 0)) {
		taken = EVENT_FULL;
		p->refused++;
		ready = !p->stay_full;
	} else {
		if (number != p->last + 1 || p->terminal || p->closed || !str_has_prefix(data, str_from(want))) p->wrong++;
		p->last = number;
		p->terminal = terminal;
	}
	bool close = p->close_at && p->last >= p->close_at && p->reader;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	if (ready) event_reader_ready(p->reader); /* before "full" has even been returned: must not be lost */
	if (close) event_reader_close(&p->reader);
	return taken;
}

static void probe_error(void *self, const struct error *err)
{
	struct probe *p = self;
	pthread_mutex_lock(&p->lock);
	p->errors++;
	p->code = err->code;
	p->reason = err->reason;
	if (p->close_on_error) event_reader_close(&p->reader);
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

static void probe_closed(void *self)
{
	struct probe *p = self;
	pthread_mutex_lock(&p->lock);
	p->wrong += p->closed;
	p->closed = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

static void probe_init(struct probe *p, int task, uint64_t after)
{
	memset(p, 0, sizeof *p);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	p->task = task;
	p->first = p->last = after;
	p->seed = 88172645463325252u + (uint64_t)task + after;
}

static void probe_open(struct probe *p)
{
	struct error err;
	char id[16];
	struct event_sink sink = { probe_event, probe_error, probe_closed, p };
	(void)snprintf(id, sizeof id, "task-%d", p->task);
	if (!CHECK_OK(event_reader_open(hub, str_from(id), p->last, &nobody, &sink, &p->reader, &err), &err)) exit(1);
}

static bool probe_wait(struct probe *p, bool (*is_true)(const struct probe *p))
{
	struct timespec until;
	int rc = 0;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_MS / 1000;
	pthread_mutex_lock(&p->lock);
	while (!is_true(p) && rc == 0) rc = pthread_cond_timedwait(&p->changed, &p->lock, &until);
	bool ok = is_true(p) && p->wrong == 0;
	pthread_mutex_unlock(&p->lock);
	return ok;
}

static bool is_terminal(const struct probe *p) { return p->terminal; }
static bool is_closed(const struct probe *p) { return p->closed; }
static bool has_error(const struct probe *p) { return p->errors > 0; }
static bool was_refused(const struct probe *p) { return p->refused > 0; }
static bool has_some(const struct probe *p) { return p->last > p->first; }

static void probe_close(struct probe *p)
{
	event_reader_close(&p->reader);
	CHECK(p->reader == NULL);
	CHECK_ROW("closed", probe_wait(p, is_closed));
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
}

static void publish(int task, uint64_t number, bool terminal)
{
	char id[16];
	struct arena *arena = arena_create(0);
	(void)snprintf(id, sizeof id, "task-%d", task);
	event_publish(publisher, str_from(id), number, terminal, event_data(arena, task, number));
	arena_destroy(&arena);
}

/* ---- tests ---- */

static void test_live_and_log(const char *url, bool payload)
{
	struct probe from_start, late, past_half;
	start_all(url, payload, 100);
	log_.large_every = 7;
	for (int i = 0; i < 50; i++) publish(0, log_append(0, false), false);
	probe_init(&from_start, 0, 0);
	probe_init(&past_half, 0, 30);
	probe_open(&from_start);
	probe_open(&past_half);
	for (int i = 0; i < 400; i++) publish(0, log_append(0, false), false);
	publish(0, log_append(0, true), true);
	CHECK_ROW(url, probe_wait(&from_start, is_terminal) && from_start.last == 451);
	CHECK_ROW(url, probe_wait(&past_half, is_terminal) && past_half.last == 451);
	probe_init(&late, 0, 0);
	probe_open(&late);
	CHECK_ROW("after the end", probe_wait(&late, is_terminal) && late.last == 451);
	probe_close(&from_start);
	probe_close(&past_half);
	probe_close(&late);
	stop_all();
}

/* S04: not a single notice arrives. */
static void s04_all_notices_lost(void)
{
	struct probe probes[TASKS];
	start_all("inproc://lost", true, 20);
	for (int t = 0; t < TASKS; t++) {
		log_append(t, false);
		probe_init(&probes[t], t, 0);
		probe_open(&probes[t]);
	}
	for (int t = 0; t < TASKS; t++) CHECK(probe_wait(&probes[t], has_some));
	for (int i = 1; i < 300; i++)
		for (int t = 0; t < TASKS; t++) log_append(t, i == 299);
	for (int t = 0; t < TASKS; t++) CHECK_ROW("S04 all lost", probe_wait(&probes[t], is_terminal) && probes[t].last == 300);
	for (int t = 0; t < TASKS; t++) probe_close(&probes[t]);
	CHECK_ROW("S04 heads are asked for all at once", log_.heads > 0 && log_.heads < 1000);
	stop_all();
}

/* A stretch of events is committed, then announced as badly as can be. */
static void announce(int task, uint64_t from, uint64_t to, uint64_t *seed)
{
	uint64_t order[16];
	size_t count = 0;
	for (uint64_t n = from; n <= to; n++) {
		uint64_t r = next_random(seed);
		if (r % 10 < 3) continue;               /* lost */
		order[count++] = n;
		if (r % 10 == 3) order[count++] = n;    /* doubled */
	}
	for (size_t i = count; i > 1; i--) {            /* turned round */
		size_t k = next_random(seed) % i;
		uint64_t keep = order[i - 1];
		order[i - 1] = order[k];
		order[k] = keep;
	}
	for (size_t i = 0; i < count; i++) publish(task, order[i], log_.terminal[task] && order[i] == log_.last[task]);
}

/* S01, S05 */
static void s01_s05_random_faults(void)
{
	enum { READERS = 3, BURSTS = 150 };
	static struct probe probes[TASKS][READERS];
	uint64_t seed = 0x2545f4914f6cdd1du;
	start_all("inproc://faults", true, 20);
	log_.large_every = 11;
	log_.fail_one_in = 5;
	for (int burst = 0; burst < BURSTS; burst++) {
		for (int t = 0; t < TASKS; t++) {
			if (burst % 50 == 0) {
				int r = burst / 50;
				probe_init(&probes[t][r], t, r ? next_random(&seed) % log_.last[t] : 0);
				probes[t][r].full_one_in = r ? 6 : 0;
				probe_open(&probes[t][r]);
			}
			uint64_t from = log_.last[t] + 1, to = log_.last[t] + 1 + next_random(&seed) % 7;
			for (uint64_t n = from; n <= to; n++) log_append(t, burst == BURSTS - 1 && n == to);
			announce(t, from, to, &seed);
		}
	}
	for (int t = 0; t < TASKS; t++) {
		for (int r = 0; r < READERS; r++) {
			CHECK_ROW("S01 S05 random faults", probe_wait(&probes[t][r], is_terminal));
			CHECK_ROW("S01 S05 to the end", probes[t][r].last == log_.last[t] && probes[t][r].errors == 0);
			probe_close(&probes[t][r]);
		}
	}
	stop_all();
}

/* S14: a reader that takes nothing holds nobody up, and has it all once it goes on. */
static void s14_slow_reader(void)
{
	struct probe slow, fast;
	start_all("inproc://slow", true, 50);
	probe_init(&slow, 0, 0);
	slow.stay_full = true;
	probe_init(&fast, 0, 0);
	probe_open(&slow);
	probe_open(&fast);
	for (int i = 0; i < 3000; i++) publish(0, log_append(0, i == 2999), i == 2999);
	CHECK_ROW("S14 fast", probe_wait(&fast, is_terminal) && fast.last == 3000);
	CHECK_ROW("slow was offered some", probe_wait(&slow, was_refused) && slow.last == 0);
	int refused = slow.refused;
	CHECK_ROW("offered again only when ready", refused == 1);
	pthread_mutex_lock(&slow.lock);
	slow.stay_full = false;
	pthread_mutex_unlock(&slow.lock);
	event_reader_ready(slow.reader);
	CHECK_ROW("S14 slow", probe_wait(&slow, is_terminal) && slow.last == 3000);
	probe_close(&slow);
	probe_close(&fast);
	stop_all();
}

static void test_close_inside(void)
{
	struct probe p, q;
	start_all("inproc://inside", true, 50);
	for (int i = 0; i < 20; i++) log_append(0, false);
	probe_init(&p, 0, 0);
	p.close_at = 5;
	probe_open(&p);
	CHECK_ROW("closed inside on_event", probe_wait(&p, is_closed) && p.last == 5 && !p.reader);
	probe_init(&q, 3, 0);
	log_.missing[3] = true;
	q.close_on_error = true;
	probe_open(&q);
	CHECK_ROW("closed inside on_error", probe_wait(&q, is_closed) && q.errors == 1 && q.code == RPC_NOT_FOUND);
	stop_all();
}

static void test_final_errors(void)
{
	struct probe gone, refused, ended, vanishing, cut;
	start_all("inproc://final", true, 20);
	log_.missing[1] = true;
	probe_init(&gone, 1, 0);
	probe_open(&gone);
	CHECK_ROW("no such task", probe_wait(&gone, has_error) && strcmp(gone.reason, "TASK_NOT_FOUND") == 0);
	probe_close(&gone);

	pthread_mutex_lock(&log_.lock);
	log_.refuse = RPC_UNAUTHENTICATED;
	pthread_mutex_unlock(&log_.lock);
	probe_init(&refused, 0, 0);
	probe_open(&refused);
	CHECK_ROW("token refused", probe_wait(&refused, has_error) && refused.code == RPC_UNAUTHENTICATED && refused.errors == 1);
	probe_close(&refused);
	pthread_mutex_lock(&log_.lock);
	log_.refuse = RPC_OK;
	pthread_mutex_unlock(&log_.lock);

	for (int i = 0; i < 5; i++) log_append(2, i == 4);
	probe_init(&ended, 2, 5);
	probe_open(&ended);
	CHECK_ROW("S11 nothing left", probe_wait(&ended, has_error) && strcmp(ended.reason, "STREAM_ENDED") == 0);
	probe_close(&ended);

	log_append(4, false);
	probe_init(&vanishing, 4, 0);
	probe_open(&vanishing);
	CHECK(probe_wait(&vanishing, has_some));
	pthread_mutex_lock(&log_.lock);
	log_.missing[4] = true;
	pthread_mutex_unlock(&log_.lock);
	CHECK_ROW("deleted while read", probe_wait(&vanishing, has_error) && vanishing.code == RPC_NOT_FOUND);
	probe_close(&vanishing);

	for (int i = 0; i < 30; i++) log_append(5, false);
	log_.cut[5] = 10;
	probe_init(&cut, 5, 3);
	probe_open(&cut);
	CHECK_ROW("a hole is said", probe_wait(&cut, has_error) && strcmp(cut.reason, "EVENTS_MISSING") == 0 && cut.last == 3);
	probe_close(&cut);

	pthread_mutex_lock(&log_.lock);
	int reads = log_.reads;
	log_.expired[5] = true;
	pthread_mutex_unlock(&log_.lock);
	probe_init(&cut, 5, 3);
	probe_open(&cut);
	CHECK_ROW("S08 an expired log is said, and not asked for again",
	          probe_wait(&cut, has_error) && strcmp(cut.reason, "LOG_EXPIRED") == 0 && cut.last == 3);
	pthread_mutex_lock(&log_.lock);
	CHECK(log_.reads == reads + 1);
	pthread_mutex_unlock(&log_.lock);
	probe_close(&cut);
	stop_all();
}

static void add_reads(void *self, const char *name, double value)
{
	if (strcmp(name, "events_log_reads_total") == 0) *(double *)self += value;
}

static bool has_no_error(struct probe *p)
{
	pthread_mutex_lock(&p->lock);
	bool none = p->errors == 0;
	pthread_mutex_unlock(&p->lock);
	return none;
}

static double reads_asked(void)
{
	double count = 0;
	metrics_each(add_reads, &count);
	return count;
}

/* The hub's own token is refused after a step of the clock, until it is given another: no fault of the readers. */
static void test_stale_service_token(void)
{
	struct probe p;
	start_all("inproc://stale", true, 20);
	log_append(0, false);
	event_hub_set_service_authorization(hub, make_token(TOKEN_SERVICE, "hub", -1000));
	double before = reads_asked();
	probe_init(&p, 0, 0);
	probe_open(&p);
	while (reads_asked() < before + 2 && has_no_error(&p)) (void)sched_yield(); /* refused once, and tried again */
	event_hub_set_service_authorization(hub, make_token(TOKEN_SERVICE, "hub", 1000));
	CHECK_ROW("reads on with a fresh token", probe_wait(&p, has_some) && has_no_error(&p));
	probe_close(&p);
	stop_all();
}

/* R01: what each code means to a stream. Some end it, and the reader is told once with code and reason; the others pass, and nothing
 * is noticed but a pause; what looks like a fault of ours passes too, unless it comes again and again. */
static const enum stream_end { PASSES, ENDS, ENDS_LATE } stream_rows[RPC_CODE_COUNT] = {
	[RPC_CANCELLED] = PASSES,           [RPC_UNKNOWN] = PASSES,          [RPC_INVALID_ARGUMENT] = ENDS,
	[RPC_DEADLINE_EXCEEDED] = PASSES,   [RPC_NOT_FOUND] = ENDS,          [RPC_ALREADY_EXISTS] = PASSES,
	[RPC_PERMISSION_DENIED] = ENDS,     [RPC_RESOURCE_EXHAUSTED] = PASSES, [RPC_FAILED_PRECONDITION] = ENDS,
	[RPC_ABORTED] = PASSES,             [RPC_OUT_OF_RANGE] = ENDS,       [RPC_UNIMPLEMENTED] = ENDS,
	[RPC_INTERNAL] = ENDS_LATE,         [RPC_UNAVAILABLE] = PASSES,      [RPC_DATA_LOSS] = ENDS_LATE,
	[RPC_UNAUTHENTICATED] = ENDS,
};

static bool refused_twice(void *task)
{
	pthread_mutex_lock(&log_.lock);
	bool is_true = log_.refused[*(int *)task] >= 2;
	pthread_mutex_unlock(&log_.lock);
	return is_true;
}

static void r01_codes_on_a_stream(void)
{
	struct probe probes[TASKS];
	for (int first = RPC_OK; first < RPC_CODE_COUNT; first += TASKS) {
		int count = RPC_CODE_COUNT - first < TASKS ? RPC_CODE_COUNT - first : TASKS;
		start_all("inproc://codes", true, 20);
		for (int t = 0; t < count; t++) {
			for (int i = 0; i < 5; i++) log_append(t, i == 4);
			pthread_mutex_lock(&log_.lock);
			log_.refuse_task[t] = (enum rpc_code)(first + t);
			pthread_mutex_unlock(&log_.lock);
			probe_init(&probes[t], t, 2);
			probe_open(&probes[t]);
		}
		for (int t = 0; t < count; t++) {
			enum rpc_code code = (enum rpc_code)(first + t);
			char label[64];
			(void)snprintf(label, sizeof label, "R01 a stream and %s", rpc_code_name(code));
			if (stream_rows[code] == PASSES && code != RPC_OK) {
				CHECK_ROW(label, wait_until(refused_twice, &t));
				pthread_mutex_lock(&log_.lock);
				log_.refuse_task[t] = RPC_OK;
				pthread_mutex_unlock(&log_.lock);
			}
			if (stream_rows[code] == PASSES) {
				CHECK_ROW(label, probe_wait(&probes[t], is_terminal) && probes[t].last == 5 && probes[t].errors == 0);
				continue;
			}
			CHECK_ROW(label, probe_wait(&probes[t], has_error) && probes[t].errors == 1 && probes[t].last == 2);
			CHECK_ROW(label, probes[t].code == code && strcmp(probes[t].reason, "TASK_MOVED") == 0);
			pthread_mutex_lock(&log_.lock);
			CHECK_ROW(label, (log_.refused[t] == 1) == (stream_rows[code] == ENDS));
			pthread_mutex_unlock(&log_.lock);
		}
		for (int t = 0; t < count; t++) probe_close(&probes[t]);
		stop_all();
	}
}

/* R11: a subscriber that reads nothing at all delays neither the publisher nor other readers. */
static void r11_a_subscriber_that_reads_nothing(void)
{
	struct probe p;
	const char *url = fixture_ipc("pub");
	start_all(url, true, 100);
	int fd = sp_dial(url, SP_SUB);
	CHECK(fd >= 0);
	probe_init(&p, 0, 0);
	probe_open(&p);
	log_.large_every = 2;
	for (int i = 0; i < 10000; i++) publish(0, log_append(0, i == 9999), i == 9999);
	CHECK_ROW("R11 the others have it all", probe_wait(&p, is_terminal) && p.last == 10000 && p.errors == 0);
	probe_close(&p);
	(void)close(fd);
	stop_all();
}

/* The service goes away and comes back: nothing is noticed but a pause. */
static void test_server_restart(void)
{
	struct probe p;
	start_all("inproc://restart", true, 20);
	probe_init(&p, 0, 0);
	log_append(0, false);
	probe_open(&p);
	CHECK(probe_wait(&p, has_some));
	rpc_server_stop(&server);
	for (int i = 0; i < 500; i++) log_append(0, false);
	publish(0, log_append(0, true), true);
	start_server();
	CHECK_ROW("restart", probe_wait(&p, is_terminal) && p.last == 502 && p.errors == 0);
	probe_close(&p);
	stop_all();
}

/* Closing does not wait for a read that hangs, and the hub's end does not leak it. */
static void test_close_while_reading(void)
{
	struct probe p;
	struct timespec until;
	int rc = 0;
	start_all("inproc://hang", true, 20);
	log_.hold = true;
	probe_init(&p, 0, 0);
	probe_open(&p);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_MS / 1000;
	pthread_mutex_lock(&log_.lock);
	while (!log_.held && rc == 0) rc = pthread_cond_timedwait(&log_.changed, &log_.lock, &until);
	pthread_mutex_unlock(&log_.lock);
	CHECK(rc == 0);
	probe_close(&p);
	stop_all();
}

/* An unframed or foreign message on the PUB socket is no event. */
static void test_bad_task_ids(void)
{
	struct error err;
	struct event_reader *reader;
	struct event_sink sink = { probe_event, probe_error, probe_closed, NULL };
	start_all("inproc://bad", true, 20);
	CHECK(!event_reader_open(hub, STR(""), 0, &nobody, &sink, &reader, &err) && err.code == RPC_NOT_FOUND);
	CHECK(!event_reader_open(hub, STR("a/b"), 0, &nobody, &sink, &reader, &err) && err.code == RPC_NOT_FOUND);
	publish(99, 1, false);
	event_publish(publisher, STR(""), 1, false, STR("{}"));
	stop_all();
}

int main(void)
{
	log_setup(LOG_ERROR, false);
	fixture_init();
	methods[0] = *method_by_name(STR("petfood.v1.TaskService/ListEvents"));
	methods[1] = *method_by_name(STR("petfood.v1.TaskService/ReadHeads"));
	methods[0].auth = AUTH_ANY;
	test_live_and_log("inproc://live", true);
	test_live_and_log(fixture_ipc("events"), true);
	test_live_and_log("tcp://127.0.0.1:0", true);
	test_live_and_log("inproc://numbers-only", false);
	s04_all_notices_lost();
	s01_s05_random_faults();
	s14_slow_reader();
	test_close_inside();
	test_final_errors();
	test_stale_service_token();
	r01_codes_on_a_stream();
	r11_a_subscriber_that_reads_nothing();
	test_server_restart();
	test_close_while_reading();
	test_bad_task_ids();
	fixture_fini();
	return check_done("hub_test");
}
