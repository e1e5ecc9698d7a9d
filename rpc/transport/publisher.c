#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "petfood/rpc/v1/envelope.pb-c.h"
#include "rpc/transport/events.h"
#include "rpc/transport/sock_close.h"
#include "rpc/transport/watchdog.h"
#include "store/base/log.h"
#include "store/base/metrics.h"

enum { SEND_BUFFER = 4096 /* messages per subscriber; nng's default of 16 loses any burst */ };

struct event_publisher {
	nng_socket socket;
	struct listener *listeners;
	size_t listener_count;
	struct watchdog *watchdog; /* NULL: none */
	bool payload;
	pthread_mutex_t lock; /* keeps the callers' order per task */
	struct metric *published;
};

bool event_publisher_create(const struct event_publisher_options *options, struct event_publisher **out,
                            struct error *err)
{
	struct event_publisher *publisher = calloc(1, sizeof *publisher);
	if (!publisher) die("out of memory");
	publisher->payload = options->payload;
	publisher->published = metric_counter("events_published_total", NULL, "Events copied to PUB.");
	publisher->listeners = calloc(options->listen_count + 1, sizeof *publisher->listeners);
	if (!publisher->listeners) die("out of memory");
	pthread_mutex_init(&publisher->lock, NULL);
	if (nng_pub0_open(&publisher->socket) != 0) die("no socket");
	if (nng_socket_set_int(publisher->socket, NNG_OPT_SENDBUF, SEND_BUFFER) != 0) die("a socket option is refused");
	for (size_t i = 0; i < options->listen_count; i++) {
		if (!listener_open(&publisher->listeners[i], publisher->socket, options->listen[i],
		                   options->allow_insecure_tcp, err)) {
			event_publisher_destroy(&publisher);
			return false;
		}
		publisher->listener_count++;
	}
	if (options->watchdog_ms > 0)
		publisher->watchdog = watchdog_start(WATCHED_PUB, publisher->socket, publisher->listeners,
		                                     publisher->listener_count, options->watchdog_ms);
	*out = publisher;
	return true;
}

void event_publisher_destroy(struct event_publisher **out)
{
	struct event_publisher *publisher = *out;
	if (!publisher) return;
	watchdog_stop(&publisher->watchdog);
	while (publisher->listener_count) listener_close(&publisher->listeners[--publisher->listener_count]);
	(void)sock_close(publisher->socket);
	pthread_mutex_destroy(&publisher->lock);
	free(publisher->listeners);
	free(publisher);
	*out = NULL;
}

struct str event_publisher_endpoint(const struct event_publisher *publisher, size_t index)
{
	return index < publisher->listener_count ? str_from(publisher->listeners[index].url) : STR_NONE;
}

void event_publish(struct event_publisher *publisher, struct str task_id, uint64_t number, bool terminal,
                   struct str data)
{
	char id[128], topic[160];
	nng_msg *msg;
	Petfood__Rpc__V1__EventNotice notice = PETFOOD__RPC__V1__EVENT_NOTICE__INIT;
	if (task_id.len >= sizeof id) return; /* no task of ours; readers would find it by its head */
	(void)snprintf(id, sizeof id, STR_FMT, STR_ARG(task_id));
	int topic_len = snprintf(topic, sizeof topic, "task/%s/", id);
	notice.task_id = id;
	notice.number = number;
	notice.terminal = terminal;
	if (publisher->payload && data.len <= EVENT_PUBLISHED_BYTES_MAX) {
		notice.data.data = (uint8_t *)(uintptr_t)data.ptr;
		notice.data.len = data.len;
	}
	size_t size = petfood__rpc__v1__event_notice__get_packed_size(&notice);
	if (nng_msg_alloc(&msg, (size_t)topic_len + size) != 0) die("out of memory");
	memcpy(nng_msg_body(msg), topic, (size_t)topic_len);
	petfood__rpc__v1__event_notice__pack(&notice, (uint8_t *)nng_msg_body(msg) + topic_len);
	pthread_mutex_lock(&publisher->lock);
	/* PUB drops for a slow subscriber and never blocks. What fails here is found by the readers in the log. */
	if (nng_sendmsg(publisher->socket, msg, NNG_FLAG_NONBLOCK) != 0) nng_msg_free(msg);
	pthread_mutex_unlock(&publisher->lock);
	metric_add(publisher->published, 1);
}
