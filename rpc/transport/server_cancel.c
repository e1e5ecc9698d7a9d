#include "rpc/transport/call_service.h"

#include <sodium.h>

#include "petfood/rpc/v1/system.pb-c.h"
#include "rpc/transport/server_impl.h"

#ifndef PETFOOD_VERSION
#error "the build names the version"
#endif

static struct slot *slot_of(struct call *call)
{
	return (struct slot *)(void *)((char *)call->parking - offsetof(struct slot, parking));
}

/* Who calls, to the letter: known before the tokens were checked. */
static void hash_credentials(const struct rpc_metadata *metadata, unsigned char out[crypto_hash_sha256_BYTES])
{
	const struct str parts[] = { metadata->authorization, metadata->service_authorization, metadata->on_behalf_of };
	crypto_hash_sha256_state state;
	crypto_hash_sha256_init(&state);
	for (size_t i = 0; i < COUNT(parts); i++) {
		crypto_hash_sha256_update(&state, (const unsigned char *)&parts[i].len, sizeof parts[i].len);
		crypto_hash_sha256_update(&state, (const unsigned char *)parts[i].ptr, parts[i].len);
	}
	crypto_hash_sha256_final(&state, out);
}

static bool same_credentials(const struct rpc_metadata *a, const struct rpc_metadata *b)
{
	return str_equal(a->authorization, b->authorization) &&
	       str_equal(a->service_authorization, b->service_authorization) &&
	       str_equal(a->on_behalf_of, b->on_behalf_of);
}

/* The cancel may have overtaken its call: contexts run on several threads. With the lock held. */
static bool has_tombstone(struct slot *slot)
{
	struct rpc_server *server = slot->server;
	int64_t now_ms = time_monotonic_ms();
	unsigned char credentials[crypto_hash_sha256_BYTES];
	if (!server->tombstone_newest_ms || now_ms - server->tombstone_newest_ms > TOMBSTONE_MS) return false;
	for (size_t i = 0; i < TOMBSTONES; i++) {
		struct tombstone *stone = &server->tombstones[i];
		if (!stone->at_ms || now_ms - stone->at_ms > TOMBSTONE_MS ||
		    memcmp(stone->id, slot->envelope.call_id, CALL_ID_BYTES) != 0)
			continue;
		hash_credentials(&slot->envelope.metadata, credentials);
		if (memcmp(stone->credentials, credentials, sizeof credentials) != 0) continue;
		stone->at_ms = 0;
		return true;
	}
	return false;
}

static void put_tombstone(struct slot *by, const uint8_t *call_id)
{
	struct rpc_server *server = by->server;
	struct tombstone *stone = &server->tombstones[server->tombstone_next++ % TOMBSTONES];
	memcpy(stone->id, call_id, CALL_ID_BYTES);
	hash_credentials(&by->envelope.metadata, stone->credentials);
	stone->at_ms = server->tombstone_newest_ms = time_monotonic_ms();
}

bool slot_register(struct slot *slot, struct error *err)
{
	struct rpc_server *server = slot->server;
	struct slot *other;
	bool cancelled = has_tombstone(slot);
	HASH_FIND(by_id, server->registry, slot->envelope.call_id, CALL_ID_BYTES, other);
	if (!other && !cancelled) {
		HASH_ADD(by_id, server->registry, envelope.call_id, CALL_ID_BYTES, slot);
		slot->registered = true;
	}
	if (cancelled) return error_set(err, RPC_CANCELLED, "CALL_CANCELLED", "cancelled before it arrived");
	return other ? error_set(err, RPC_INVALID_ARGUMENT, "MESSAGE_MALFORMED", "the call id is in use") : true;
}

void slot_unregister(struct slot *slot)
{
	if (!slot->registered) return;
	HASH_DELETE(by_id, slot->server->registry, slot);
	slot->registered = false;
}

/* The same user through the same service, or the same service on its own. */
static bool is_same_principal(const struct principal *a, const struct principal *b)
{
	return a->kind == b->kind && strcmp(a->user_id, b->user_id) == 0 && strcmp(a->service, b->service) == 0;
}

/* A call that waits for a worker has not been authenticated yet: then only the credentials count. */
static bool may_cancel(const struct slot *by, const struct slot *target)
{
	return same_credentials(&by->envelope.metadata, &target->envelope.metadata) ||
	       (atomic_load_explicit(&target->admitted, memory_order_acquire) &&
	        is_same_principal(&by->call.caller, &target->call.caller));
}

bool call_service_cancel(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__Rpc__V1__CancelRequest *req = request;
	Petfood__Rpc__V1__CancelReply *out = reply;
	struct slot *self = slot_of(call), *target = NULL;
	struct rpc_server *server = self->server;
	bool answer = false;
	if (req->call_id.len != CALL_ID_BYTES)
		return error_violation(err, "call_id", "bytes_length", "must have %d bytes", CALL_ID_BYTES);
	pthread_mutex_lock(&server->lock);
	HASH_FIND(by_id, server->registry, req->call_id.data, CALL_ID_BYTES, target);
	if (target && target != self && may_cancel(self, target)) {
		out->found = 1;
		atomic_store(&target->cancelled, true);
		if (target->state == SLOT_QUEUED) call_pool_remove(call_pool_of(target), target);
		if (target->state == SLOT_PARKED) {
			slot_unpark(target);
			call_pool_remove(call_pool_of(target), target);
		}
		answer = target->state == SLOT_QUEUED;
		if (answer) slot_take_for_answer(target);
	} else if (!target) {
		put_tombstone(self, req->call_id.data);
	}
	pthread_mutex_unlock(&server->lock);
	if (answer) {
		struct error cancelled;
		error_set(&cancelled, RPC_CANCELLED, "CALL_CANCELLED", "cancelled by its caller before it ran");
		slot_answer(target, NULL, &cancelled);
	}
	return true;
}

bool call_service_ping(struct call *call, const void *request, void *reply, struct error *err)
{
	Petfood__Rpc__V1__PingReply *out = reply;
	(void)request;
	(void)err;
	out->version = (char *)(uintptr_t)PETFOOD_VERSION;
	out->uptime_ms = (uint64_t)(time_monotonic_ms() - slot_of(call)->server->started_at_ms);
	return true;
}
