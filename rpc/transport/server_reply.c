#include <sodium.h>
#include <stdio.h>

#include "rpc/transport/server_impl.h"
#include "rpc/wire/status.h"
#include "rpc/wire/unpack.h"
#include "store/base/log.h"

enum { USER_HASH_BYTES = 13 };

void slot_take_for_answer(struct slot *slot)
{
	slot->state = SLOT_ANSWERING;
	slot_unwatch(slot);
	slot_unregister(slot);
}

bool refuse_stopping(struct error *err, const char *why)
{
	error_set(err, RPC_UNAVAILABLE, "SHUTTING_DOWN", "%s", why);
	return error_param(err, "retry_after", "%d", RETRY_AFTER_S);
}

bool refuse_overloaded(struct error *err, const char *why)
{
	error_set(err, RPC_RESOURCE_EXHAUSTED, "OVERLOADED", "%s", why);
	return error_param(err, "retry_after", "%d", RETRY_AFTER_S);
}

/* Users are told apart in the log, not named. */
static void hash_user(const char *user_id, char out[USER_HASH_BYTES])
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	out[0] = '\0';
	if (!user_id[0]) return;
	crypto_hash_sha256(hash, (const unsigned char *)user_id, strlen(user_id));
	sodium_bin2hex(out, USER_HASH_BYTES, hash, USER_HASH_BYTES / 2);
}

/* What goes along with the answer. Only services are told who it was: they log for people outside. */
static size_t pack_metadata(struct slot *slot, const char *user, Petfood__Rpc__V1__Metadata *entries)
{
	const struct reply_metadata metadata = {
		.rate_limit = limit_note_state(slot->arena, &slot->limit_note),
		.rate_limit_policy = limit_note_policy(slot->arena, &slot->limit_note),
		.user = slot->call.caller.service[0] ? str_from(user) : STR_NONE,
	};
	return reply_metadata_write(&metadata, entries);
}

/* A reply in a message of nng's, or the reason why there is none. */
static nng_msg *pack(struct slot *slot, const ProtobufCMessage *message, const char *user, struct error *err)
{
	size_t limit = slot->server->options.message_bytes_max;
	Petfood__Rpc__V1__RpcReply reply = PETFOOD__RPC__V1__RPC_REPLY__INIT;
	Petfood__Rpc__V1__Metadata entries[REPLY_METADATA_KNOWN], *list[REPLY_METADATA_KNOWN];
	struct str payload = STR_NONE;
	nng_msg *msg = NULL;
	/* Checked before packing: a reply that is too large is not built twice. */
	if (err->code == RPC_OK && protobuf_c_message_check(message) &&
	    protobuf_c_message_get_packed_size(message) > limit) {
		error_set(err, RPC_RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE", "the reply of %s is too large",
		          slot->method->name);
		error_param(err, "limit", "%zu", limit);
	}
	if (err->code == RPC_OK && message_pack(slot->arena, message, &payload, err)) {
		reply.payload.data = (uint8_t *)(uintptr_t)payload.ptr;
		reply.payload.len = payload.len;
	}
	reply.status = status_from_error(slot->arena, err, slot->call.lang);
	reply.n_metadata = pack_metadata(slot, user, entries);
	for (size_t i = 0; i < reply.n_metadata; i++) list[i] = &entries[i];
	reply.metadata = list;
	size_t size = petfood__rpc__v1__rpc_reply__get_packed_size(&reply);
	if (nng_msg_alloc(&msg, size) != 0) die("out of memory (%zu bytes)", size);
	petfood__rpc__v1__rpc_reply__pack(&reply, nng_msg_body(msg));
	return msg;
}

static struct metric *code_counter(struct method_entry *method, enum rpc_code code)
{
	struct metric *metric = atomic_load(&method->by_code[code]);
	if (!metric) { /* made on first use: a series that never moves is only noise */
		char labels[320];
		(void)snprintf(labels, sizeof labels, "method=\"%s\",code=\"%s\"", method->name, rpc_code_name(code));
		metric = metric_counter("rpc_calls_total", labels, "Calls answered.");
		atomic_store(&method->by_code[code], metric);
	}
	return metric;
}

static struct metric *latency_of(struct method_entry *method)
{
	struct metric *metric = atomic_load(&method->latency);
	if (!metric) {
		char labels[256];
		(void)snprintf(labels, sizeof labels, "method=\"%s\"", method->name);
		metric = metric_histogram("rpc_call_seconds", labels, "From receipt to answer, waiting included.");
		atomic_store(&method->latency, metric);
	}
	return metric;
}

static void account(struct slot *slot, const char *user, const struct error *err)
{
	int64_t took_us = time_monotonic_us() - slot->received_at_us;
	enum rpc_code code = (unsigned)err->code < RPC_CODE_COUNT ? err->code : RPC_UNKNOWN;
	enum log_level level = slot->method->side->pool == POOL_INLINE && code == RPC_OK ? LOG_DEBUG : LOG_INFO;
	bool ours = code == RPC_INTERNAL || code == RPC_UNKNOWN || code == RPC_DATA_LOSS;
	metric_add(code_counter(slot->method, code), 1);
	metric_observe_us(latency_of(slot->method), took_us);
	/* What went wrong on our side is told in full, once; the caller sees only the reason's text. */
	if (ours)
		log_error("rpc.failed", LOG_CSTR("method", slot->method->name),
		          LOG_TEXT("request_id", slot->call.request_id), LOG_ERR(err));
	if (!log_enabled(level)) return;
	LOG_AT(level, "rpc.call", LOG_CSTR("method", slot->method->name), LOG_CSTR("code", rpc_code_name(code)),
	       LOG_CSTR("reason", err->reason), LOG_DOUBLE("ms", (double)took_us / 1000.0),
	       LOG_TEXT("request_id", slot->call.request_id), LOG_CSTR("user", user),
	       LOG_CSTR("service", slot->call.caller.service));
}

void slot_answer(struct slot *slot, const ProtobufCMessage *reply, const struct error *err)
{
	struct error outcome = *err;
	char user[USER_HASH_BYTES];
	hash_user(slot->call.caller.user_id, user);
	nng_msg *msg = pack(slot, reply, user, &outcome);
	account(slot, user, &outcome);
	answer_leaves(slot, nng_msg_len(msg));
	nng_aio_set_msg(slot->aio, msg);
	nng_aio_set_timeout(slot->aio, SEND_TIMEOUT_MS);
	nng_ctx_send(slot->ctx, slot->aio); /* slot_on_aio goes on */
}
