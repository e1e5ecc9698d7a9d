#include "tests/unit/bridge/http/fake.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
/* Held around each callback into the bridge: a reader gets them one at a time. Recursive: a sink may close its reader. */
static pthread_mutex_t callbacks;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct arena *texts;
static struct fake_call *calls;
static struct fake_reader *readers;
bool fake_refuse_calls;

static void setup(void)
{
	pthread_mutexattr_t recursive;
	pthread_mutexattr_init(&recursive);
	pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&callbacks, &recursive);
	pthread_mutexattr_destroy(&recursive);
	texts = arena_create(0);
}

static bool wait_changed(void)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	return pthread_cond_timedwait(&changed, &lock, &until) == 0;
}

/* ---- calls ---- */

bool rpc_client_start(struct rpc_client *client, const struct method_side *method, const ProtobufCMessage *request,
                      const struct rpc_metadata *metadata, uint32_t timeout_ms, rpc_done done, void *self,
                      struct rpc_pending **out_pending, struct error *err)
{
	(void)client;
	(void)timeout_ms;
	pthread_once(&once, setup);
	if (fake_refuse_calls) return error_set(err, RPC_RESOURCE_EXHAUSTED, "OVERLOADED", "refused by the test");
	pthread_mutex_lock(&lock);
	struct fake_call *call = arena_new(texts, struct fake_call);
	call->method = method;
	size_t size = protobuf_c_message_get_packed_size(request);
	uint8_t *packed = malloc(size + 1);
	protobuf_c_message_pack(request, packed);
	call->request = protobuf_c_message_unpack(method->request->descriptor, NULL, size, packed);
	free(packed);
	call->authorization = str_dup(texts, metadata->authorization);
	call->service_authorization = str_dup(texts, metadata->service_authorization);
	call->accept_language = str_dup(texts, metadata->accept_language);
	call->idempotency_key = str_dup(texts, metadata->idempotency_key);
	call->traceparent = str_dup(texts, metadata->traceparent);
	call->request_id = str_dup(texts, metadata->request_id);
	call->client_address = str_dup(texts, metadata->client_address);
	call->done = done;
	call->self = self;
	struct fake_call **end = &calls;
	while (*end) end = &(*end)->next;
	*end = call;
	if (out_pending) *out_pending = (struct rpc_pending *)call;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return true;
}

/* True for the one that may run done. */
static bool end_call(struct fake_call *call)
{
	pthread_mutex_lock(&lock);
	bool first = !call->ended;
	call->ended = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return first;
}

void rpc_pending_cancel(struct rpc_pending **pending)
{
	struct fake_call *call = (struct fake_call *)*pending;
	*pending = NULL;
	pthread_mutex_lock(&lock);
	call->cancelled = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	struct rpc_outcome outcome = { .code = RPC_CANCELLED, .reason = STR("CALL_CANCELLED") };
	if (end_call(call)) call->done(call->self, &outcome);
}

void rpc_pending_release(struct rpc_pending **pending) { *pending = NULL; }

struct fake_call *fake_take_call(void)
{
	pthread_once(&once, setup);
	pthread_mutex_lock(&lock);
	struct fake_call *call;
	for (;;) {
		for (call = calls; call && call->taken; call = call->next) {
		}
		if (call || !wait_changed()) break;
	}
	if (call) call->taken = true;
	pthread_mutex_unlock(&lock);
	if (!call) printf("no call came\n");
	return call;
}

bool fake_has_call(void)
{
	pthread_mutex_lock(&lock);
	const struct fake_call *call = calls;
	while (call && call->taken) call = call->next;
	pthread_mutex_unlock(&lock);
	return call != NULL;
}

void fake_fail(struct fake_call *call, const struct rpc_outcome *outcome)
{
	if (end_call(call)) call->done(call->self, outcome);
}

void fake_reply(struct fake_call *call, const ProtobufCMessage *reply)
{
	size_t size = protobuf_c_message_get_packed_size(reply);
	char *packed = malloc(size + 1);
	protobuf_c_message_pack(reply, (uint8_t *)packed);
	struct rpc_outcome outcome = { .code = RPC_OK, .payload = { packed, size } };
	fake_fail(call, &outcome);
	free(packed);
}

bool fake_wait_cancelled(struct fake_call *call)
{
	pthread_mutex_lock(&lock);
	while (!call->cancelled && wait_changed()) {
	}
	bool cancelled = call->cancelled;
	pthread_mutex_unlock(&lock);
	return cancelled;
}

bool fake_is_cancelled(struct fake_call *call)
{
	pthread_mutex_lock(&lock);
	bool cancelled = call->cancelled;
	pthread_mutex_unlock(&lock);
	return cancelled;
}

/* ---- readers ---- */

static void copy_text(char *to, size_t size, struct str from) { (void)snprintf(to, size, STR_FMT, STR_ARG(from)); }

bool event_reader_open(struct event_hub *hub, struct str task_id, uint64_t after, const struct rpc_metadata *metadata,
                       const struct event_sink *sink, struct event_reader **out, struct error *err)
{
	(void)hub;
	if (str_equal(task_id, STR("unreadable")))
		return error_set(err, RPC_UNAVAILABLE, "UNREACHABLE", "refused by the test");
	pthread_mutex_lock(&lock);
	struct fake_reader *reader = arena_new(texts, struct fake_reader);
	copy_text(reader->task, sizeof reader->task, task_id);
	copy_text(reader->on_behalf_of, sizeof reader->on_behalf_of, metadata->on_behalf_of);
	copy_text(reader->service, sizeof reader->service, metadata->service_authorization);
	reader->after = after;
	reader->sink = *sink;
	struct fake_reader **end = &readers;
	while (*end) end = &(*end)->next;
	*end = reader;
	*out = (struct event_reader *)reader;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return true;
}

void event_reader_ready(struct event_reader *handle)
{
	struct fake_reader *reader = (struct fake_reader *)handle;
	pthread_mutex_lock(&lock);
	reader->ready++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

void event_reader_close(struct event_reader **handle)
{
	struct fake_reader *reader = (struct fake_reader *)*handle;
	*handle = NULL;
	pthread_mutex_lock(&callbacks);
	pthread_mutex_lock(&lock);
	reader->closed = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	reader->sink.on_closed(reader->sink.self);
	pthread_mutex_unlock(&callbacks);
}

struct fake_reader *fake_take_reader(void)
{
	pthread_mutex_lock(&lock);
	struct fake_reader *reader;
	for (;;) {
		for (reader = readers; reader && reader->taken; reader = reader->next) {
		}
		if (reader || !wait_changed()) break;
	}
	if (reader) reader->taken = true;
	pthread_mutex_unlock(&lock);
	if (!reader) printf("no reader came\n");
	return reader;
}

static bool is_closed(const struct fake_reader *reader)
{
	pthread_mutex_lock(&lock);
	bool closed = reader->closed;
	pthread_mutex_unlock(&lock);
	return closed;
}

enum event_taken fake_event(struct fake_reader *reader, uint64_t number, struct str data, bool terminal)
{
	enum event_taken taken = EVENT_TAKEN;
	pthread_mutex_lock(&callbacks);
	if (!is_closed(reader)) taken = reader->sink.on_event(reader->sink.self, number, data, terminal);
	pthread_mutex_unlock(&callbacks);
	return taken;
}

void fake_reader_fail(struct fake_reader *reader, const struct error *err)
{
	pthread_mutex_lock(&callbacks);
	if (!is_closed(reader)) reader->sink.on_error(reader->sink.self, err);
	pthread_mutex_unlock(&callbacks);
}

bool fake_wait_closed(struct fake_reader *reader)
{
	pthread_mutex_lock(&lock);
	while (!reader->closed && wait_changed()) {
	}
	bool closed = reader->closed;
	pthread_mutex_unlock(&lock);
	return closed;
}

bool fake_wait_ready(struct fake_reader *reader, unsigned count)
{
	pthread_mutex_lock(&lock);
	while (reader->ready < count && wait_changed()) {
	}
	bool ready = reader->ready >= count;
	pthread_mutex_unlock(&lock);
	return ready;
}

void fake_reset(void)
{
	pthread_once(&once, setup);
	pthread_mutex_lock(&lock);
	for (struct fake_call *call = calls; call; call = call->next)
		protobuf_c_message_free_unpacked(call->request, NULL);
	calls = NULL;
	readers = NULL;
	arena_reset(texts);
	pthread_mutex_unlock(&lock);
}
