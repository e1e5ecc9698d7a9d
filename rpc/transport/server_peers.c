/* Peers that do not read their answers. nng keeps an answer, and the context that gave it, until the one before it has left, so a
 * peer that asks and never reads could take every context there is, and no other peer would be heard. While contexts or memory
 * run short, the connection that holds the most of them with answers that do not move is closed; otherwise a slow peer may take
 * its time. */
#include "rpc/transport/server_impl.h"
#include "store/base/log.h"

enum {
	STUCK_MS = 250,      /* an answer that waits for so long behind others does not move */
	LOOK_AGAIN_MS = 100, /* while short */
	PEERS_COUNTED = 64,  /* at most so many can hold a share that matters */
	SHARE = 4,           /* of all there is: less than a quarter is not worth a connection */
};

struct share {
	nng_pipe peer;
	size_t answers, bytes;
};

static void drop(struct rpc_server *server, nng_pipe peer, const char *why)
{
	metric_add(server->peers_dropped, 1);
	log_warn("rpc.peer_dropped", LOG_INT("pipe", nng_pipe_id(peer)), LOG_CSTR("why", why));
	(void)nng_pipe_close(peer);
}

static bool short_of_memory(struct rpc_server *server)
{
	return atomic_load(&server->unsent_bytes) > server->options.unsent_bytes_max;
}

bool peers_leave_no_room(struct rpc_server *server)
{
	return (server->receiving < RECEIVERS / 2 && server->slot_count == server->slot_max) || short_of_memory(server);
}

void answer_leaves(struct slot *slot, size_t bytes)
{
	struct rpc_server *server = slot->server;
	size_t limit = server->options.unsent_bytes_max;
	slot->answer_bytes = bytes;
	size_t before = atomic_fetch_add(&server->unsent_bytes, bytes);
	atomic_store(&slot->answer_at_ms, time_monotonic_ms());
	if (before <= limit && before + bytes > limit) {
		pthread_mutex_lock(&server->lock);
		pthread_cond_signal(&server->timer_changed);
		pthread_mutex_unlock(&server->lock);
	}
}

void answer_has_left(struct slot *slot, int rv)
{
	atomic_store(&slot->answer_at_ms, 0);
	atomic_fetch_sub(&slot->server->unsent_bytes, slot->answer_bytes);
	/* What waits behind it waits in vain too. */
	if (rv == NNG_ETIMEDOUT) drop(slot->server, slot->peer_pipe, "took no answer in time");
}

/* Who holds the most; with the lock held. */
static bool find_worst(struct rpc_server *server, int64_t now_ms, struct share *out)
{
	struct share shares[PEERS_COUNTED];
	size_t count = 0;
	*out = (struct share){ 0 };
	for (size_t i = 0; i < server->slot_count; i++) {
		struct slot *slot = server->slots[i];
		int64_t at_ms = atomic_load(&slot->answer_at_ms);
		if (at_ms == 0 || now_ms - at_ms < STUCK_MS) continue;
		size_t k = 0;
		while (k < count && nng_pipe_id(shares[k].peer) != nng_pipe_id(slot->peer_pipe)) k++;
		if (k == PEERS_COUNTED) continue;
		if (k == count) shares[count++] = (struct share){ .peer = slot->peer_pipe };
		shares[k].answers++;
		shares[k].bytes += slot->answer_bytes;
		bool worse = short_of_memory(server) ? shares[k].bytes > out->bytes : shares[k].answers > out->answers;
		if (worse) *out = shares[k];
	}
	return out->answers * SHARE >= server->slot_max || out->bytes * SHARE >= server->options.unsent_bytes_max;
}

int64_t peers_make_room(struct rpc_server *server, int64_t now_ms)
{
	struct share worst;
	if (!peers_leave_no_room(server)) return INT64_MAX;
	if (find_worst(server, now_ms, &worst)) {
		pthread_mutex_unlock(&server->lock);
		drop(server, worst.peer, "reads no answers while others wait");
		pthread_mutex_lock(&server->lock);
	}
	return now_ms + LOOK_AGAIN_MS;
}
