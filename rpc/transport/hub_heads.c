#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "rpc/transport/hub_impl.h"
#include "store/base/time.h"

static bool same_caller(const struct rpc_metadata *a, const struct rpc_metadata *b)
{
	return str_equal(a->authorization, b->authorization) &&
	       str_equal(a->service_authorization, b->service_authorization) &&
	       str_equal(a->on_behalf_of, b->on_behalf_of);
}

static void ask(struct event_hub *hub, struct hub_call *call, const struct rpc_metadata *metadata)
{
	Petfood__V1__ReadHeadsRequest request = PETFOOD__V1__READ_HEADS_REQUEST__INIT;
	request.n_ids = call->id_count;
	request.ids = call->ids;
	hub->heads_under_way++;
	if (hub_call_start(call, &request.base, metadata, &call->err)) return;
	hub->heads_under_way--; /* too many calls under way: the next round asks again */
	hub_call_free(&call);
}

/* Puts up to HEADS_PER_CALL tasks from `from` on into one call: with a service token all that are due, else those of the first
 * one's caller. `done` marks what a call of this round has taken. */
static struct hub_call *collect(struct event_hub *hub, struct event_reader **due, size_t count, bool *done, size_t from,
                                bool as_service)
{
	struct hub_call *call = hub_call_create(hub, hub->read_heads);
	call->as_service = as_service;
	call->ids = arena_new_array(call->arena, char *, count - from < HEADS_PER_CALL ? count - from : HEADS_PER_CALL);
	for (size_t i = from; i < count && call->id_count < HEADS_PER_CALL; i++) {
		bool fits = as_service ? !due[i]->metadata.authorization.len
		                       : same_caller(&due[i]->metadata, &due[from]->metadata);
		if (done[i] || !fits) continue;
		done[i] = true;
		if (due[i]->topic->head_seen == hub->heads_serial)
			continue; /* another reader of the task asks already */
		due[i]->topic->head_seen = hub->heads_serial;
		call->ids[call->id_count++] = str_dup_c(call->arena, str_from(due[i]->topic->task_id));
	}
	return call;
}

void heads_ask(struct event_hub *hub, int64_t now_ms)
{
	struct event_reader *reader;
	size_t count = 0;
	if (hub->heads_under_way) return; /* a slow answer is not helped by a second question */
	pthread_mutex_lock(&hub->lock);
	struct event_reader **due = calloc(hub->reader_count + 1, sizeof *due);
	if (!due) die("out of memory");
	DL_FOREACH(hub->readers, reader)
		if (!reader->ended && !reader->full && !reader->read &&
		    now_ms - reader->heard_at_ms >= hub->heads_interval_ms / 2)
			due[count++] = reader;
	bool has_service = hub->service_authorization != NULL;
	pthread_mutex_unlock(&hub->lock);
	/* Readers are freed on this thread only, so the list stays good without the lock. */
	bool *done = calloc(count + 1, sizeof *done);
	if (!done) die("out of memory");
	hub->heads_serial++;
	for (size_t i = 0; i < count; i++) {
		if (done[i]) continue;
		struct rpc_metadata metadata = due[i]->metadata;
		bool as_service = has_service && !metadata.authorization.len;
		struct hub_call *call = collect(hub, due, count, done, i, as_service);
		/* A service asks for all tasks in its own name. */
		if (as_service)
			metadata = hub_metadata(hub, call->arena, &(struct rpc_metadata){ .traceparent = STR_NONE });
		if (call->id_count)
			ask(hub, call, &metadata);
		else
			hub_call_free(&call);
	}
	free(done);
	free(due);
}

static struct topic *find_topic(struct event_hub *hub, const char *task_id)
{
	struct topic *topic;
	pthread_mutex_lock(&hub->lock);
	HASH_FIND(hh, hub->topics, task_id, strlen(task_id), topic);
	pthread_mutex_unlock(&hub->lock);
	return topic;
}

void heads_on_reply(struct hub_call *call)
{
	struct event_hub *hub = call->hub;
	struct event_reader *reader, *next;
	const Petfood__V1__ReadHeadsReply *reply = (const void *)call->reply;
	uint64_t serial = ++hub->heads_serial;
	hub->heads_under_way--;
	for (size_t i = 0; reply && i < reply->n_heads; i++) {
		struct topic *topic = find_topic(hub, reply->heads[i]->id);
		if (!topic) continue;
		topic->head_seen = serial;
		for (reader = topic->readers; reader; reader = next) {
			next = reader->topic_next;
			reader_head(reader, reply->heads[i]->last, reply->heads[i]->terminal);
		}
	}
	/* A task without a head is gone, or no longer the caller's; a user who is refused altogether may have been locked out. Reading the
	 * log tells, and ends the reader if that is so. A service that is refused needs a fresh token: no fault of its readers. */
	bool refused = !reply && !call->as_service &&
	               (call->err.code == RPC_UNAUTHENTICATED || call->err.code == RPC_PERMISSION_DENIED);
	for (size_t i = 0; (reply || refused) && i < call->id_count; i++) {
		struct topic *topic = find_topic(hub, call->ids[i]);
		if (!topic || topic->head_seen == serial) continue;
		for (reader = topic->readers; reader; reader = next) {
			next = reader->topic_next;
			reader->must_read = true;
			reader_step(reader);
		}
	}
	hub_call_free(&call);
}
