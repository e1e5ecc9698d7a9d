#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "rpc/transport/server_impl.h"

enum { ANSWER_SPARE_MS = 100 }; /* time to answer before the caller's own deadline */

/* Who waits for a key. */
struct watch {
	char *key;
	struct call_parking *waiters;
	UT_hash_handle hh;
};

static struct slot *slot_of(struct call_parking *parking)
{
	return (struct slot *)(void *)((char *)parking - offsetof(struct slot, parking));
}

void slot_unwatch(struct slot *slot)
{
	struct call_parking *parking = &slot->parking;
	struct watch *watch = parking->watch;
	if (!watch) return;
	DL_DELETE(watch->waiters, parking);
	parking->watch = NULL;
	if (watch->waiters) return;
	HASH_DEL(slot->server->watches, watch);
	free(watch->key);
	free(watch);
}

void call_watch(struct call *call, struct str key)
{
	struct slot *slot = slot_of(call->parking);
	struct rpc_server *server = slot->server;
	struct watch *watch;
	pthread_mutex_lock(&server->lock);
	slot->parking.woken = false;
	if (!slot->parking.watch || !str_equal(str_from(slot->parking.watch->key), key)) {
		slot_unwatch(slot);
		HASH_FIND(hh, server->watches, key.ptr, key.len, watch);
		if (!watch) {
			watch = calloc(1, sizeof *watch);
			if (!watch || !(watch->key = strndup(key.ptr, key.len))) die("out of memory");
			HASH_ADD_KEYPTR(hh, server->watches, watch->key, key.len, watch);
		}
		DL_APPEND(watch->waiters, &slot->parking);
		slot->parking.watch = watch;
	}
	pthread_mutex_unlock(&server->lock);
}

bool call_wait(struct call *call, uint32_t wait_ms, struct error *err)
{
	struct call_parking *parking = call->parking;
	parking->asked = true;
	if (!parking->until_ms) { /* counted from the first run; a wake does not lengthen it */
		int64_t until_ms = time_monotonic_ms() + wait_ms;
		parking->until_ms =
		    until_ms < call->deadline_ms - ANSWER_SPARE_MS ? until_ms : call->deadline_ms - ANSWER_SPARE_MS;
		if (parking->until_ms <= 0) parking->until_ms = 1;
	}
	return error_set(err, RPC_DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "nothing came within the time to wait");
}

void slot_unpark(struct slot *slot)
{
	struct rpc_server *server = slot->server;
	DL_DELETE(server->parked, slot);
	metric_set(server->parked_gauge, (int64_t)--server->parked_count);
	(void)call_pool_push(call_pool_of(slot), slot, true);
}

bool slot_park(struct slot *slot, struct error *err)
{
	struct rpc_server *server = slot->server;
	bool kept = true;
	if (slot->call.last_try) return false; /* waits although its time is up: what call_wait said is the answer */
	pthread_mutex_lock(&server->lock);
	if (atomic_load(&slot->cancelled)) {
		kept = error_set(err, RPC_CANCELLED, "CALL_CANCELLED", "cancelled by its caller");
	} else if (server->draining) {
		slot->call.last_try = true;
		(void)call_pool_push(call_pool_of(slot), slot, true);
	} else if (slot->parking.woken) {
		(void)call_pool_push(call_pool_of(slot), slot, true);
	} else if (server->parked_count >= server->options.parked_max) {
		kept = refuse_overloaded(err, "too many calls are parked");
	} else {
		slot->state = SLOT_PARKED;
		DL_APPEND(server->parked, slot);
		metric_set(server->parked_gauge, (int64_t)++server->parked_count);
		if (slot->parking.until_ms < server->timer_at_ms) pthread_cond_signal(&server->timer_changed);
	}
	pthread_mutex_unlock(&server->lock);
	return kept;
}

void rpc_server_wake(struct rpc_server *server, struct str key)
{
	struct watch *watch;
	struct call_parking *parking;
	pthread_mutex_lock(&server->lock);
	HASH_FIND(hh, server->watches, key.ptr, key.len, watch);
	if (watch) {
		DL_FOREACH(watch->waiters, parking) {
			parking->woken = true;
			if (slot_of(parking)->state == SLOT_PARKED) slot_unpark(slot_of(parking));
		}
	}
	pthread_mutex_unlock(&server->lock);
}

void parking_wake_all(struct rpc_server *server)
{
	while (server->parked) {
		struct slot *slot = server->parked;
		slot->call.last_try = true;
		slot_unpark(slot);
	}
}

/* Sleeps until the first parked call's time is up. A look at all of them costs microseconds and happens once per expiry. Also looks
 * after peers that leave no room for others. */
void *parking_timer(void *self)
{
	struct rpc_server *server = self;
	struct slot *slot, *next;
	pthread_mutex_lock(&server->lock);
	while (!server->stopping) {
		int64_t now_ms = time_monotonic_ms();
		server->timer_at_ms = peers_make_room(server, now_ms);
		DL_FOREACH_SAFE(server->parked, slot, next) {
			if (slot->parking.until_ms <= now_ms) {
				slot->call.last_try = true;
				slot_unpark(slot);
			} else if (slot->parking.until_ms < server->timer_at_ms) {
				server->timer_at_ms = slot->parking.until_ms;
			}
		}
		if (server->timer_at_ms == INT64_MAX) {
			pthread_cond_wait(&server->timer_changed, &server->lock);
		} else {
			struct timespec at = { server->timer_at_ms / 1000, server->timer_at_ms % 1000 * 1000000 };
			(void)pthread_cond_timedwait(&server->timer_changed, &server->lock, &at);
		}
	}
	pthread_mutex_unlock(&server->lock);
	return NULL;
}
