/* rpc/transport/client.h: the one client library: bridge, CLI and services alike. One REQ socket per endpoint, resend off; a
 * lost connection is UNAVAILABLE/UNREACHABLE at once and nothing is sent twice, but for methods that the .proto marks as free of
 * side effects: when such a call ends with UNAVAILABLE it is repeated, at most 4 times, within its deadline, after a jittered pause
 * that doubles, and out of a budget that all calls of the client share: 10 repeats to begin with, each takes one, each call that
 * ends well gives a tenth back (never above 10). So an outage costs ten calls more, not four times as many. A server that refuses
 * with retry_after is left alone for so long, unless another one can be asked; one that is stopping is skipped for a second. Safe
 * from any thread. */
#ifndef PETFOOD_RPC_TRANSPORT_CLIENT_H
#define PETFOOD_RPC_TRANSPORT_CLIENT_H

#include "rpc/json/tables.h"
#include "rpc/wire/metadata.h"
#include "rpc/wire/reason.h"
#include "store/base/error.h"

struct rpc_client; /* opaque */

struct rpc_client_options {
	const struct str *endpoints;
	size_t endpoint_count;
	size_t message_bytes_max;  /* 0 = RPC_MESSAGE_BYTES_MAX */
	size_t in_flight_max;      /* further calls fail at once with RESOURCE_EXHAUSTED/OVERLOADED; 0 = 1024 */
};
MUST_CHECK bool rpc_client_create(const struct rpc_client_options *options, struct rpc_client **out, struct error *err);
/* Waits for callbacks that are under way; pending calls end with CANCELLED. */
void rpc_client_destroy(struct rpc_client **client);

/* How a call ended. Valid during the callback only. */
struct rpc_outcome {
	enum rpc_code code;      /* RPC_OK: payload holds the packed reply */
	struct str reason, message;
	size_t param_count;
	const struct rpc_param {
		struct str name, value;
	} *params;
	size_t violation_count;
	const struct rpc_violation {
		struct str field, type, message;
	} *violations;
	struct str payload;
	struct reply_metadata metadata; /* all empty where no server answered */
};
typedef void (*rpc_done)(void *self, const struct rpc_outcome *outcome);

struct rpc_pending; /* opaque handle of a call under way, for cancelling only */

/* Starts a call. `request` is packed and the metadata copied before this returns; metadata may be NULL. timeout_ms 0 = the
 * method's default. done runs exactly once, on a thread of the library, never from inside this function; it must not block.
 * out_pending may be NULL; it is written before done can run, and the handle must be given back with exactly one of
 * rpc_pending_cancel or rpc_pending_release. Fails (done then never runs): RESOURCE_EXHAUSTED/OVERLOADED or MESSAGE_TOO_LARGE. */
MUST_CHECK bool rpc_client_start(struct rpc_client *client, const struct method_side *method, const ProtobufCMessage *request,
                                 const struct rpc_metadata *metadata, uint32_t timeout_ms, rpc_done done, void *self,
                                 struct rpc_pending **out_pending, struct error *err);
/* Tells the server to stop too (Cancel with the call's id); done still runs once, with CANCELLED unless the answer was faster. */
void rpc_pending_cancel(struct rpc_pending **pending);
void rpc_pending_release(struct rpc_pending **pending);

/* An outcome that is an error as a struct error: reason and parameter names interned, texts copied. */
void rpc_outcome_to_error(const struct rpc_outcome *outcome, struct error *err);

/* The blocking form; not from inside a callback of this library. *out_reply is unpacked into the arena. An answer that is an error becomes *err with its reason interned
 * (a static token), text, parameters and violations. */
MUST_CHECK bool rpc_client_call(struct rpc_client *client, const struct method_side *method, const ProtobufCMessage *request,
                                const struct rpc_metadata *metadata, uint32_t timeout_ms, struct arena *arena,
                                ProtobufCMessage **out_reply, struct error *err);

#endif
