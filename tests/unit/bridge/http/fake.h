/* tests/unit/bridge/http/fake.h: a scripted other end. These functions take the place of rpc/transport's client and hub at link
 * time, so a test sees every call that the bridge makes, answers it when it likes, and feeds streams event by event. */
#ifndef PETFOOD_TESTS_UNIT_BRIDGE_HTTP_FAKE_H
#define PETFOOD_TESTS_UNIT_BRIDGE_HTTP_FAKE_H

#include "rpc/transport/events.h"

/* One call as it arrived; texts live until fake_reset. */
struct fake_call {
	struct fake_call *next;
	const struct method_side *method;
	ProtobufCMessage *request;
	struct str authorization, service_authorization, accept_language, idempotency_key, traceparent, request_id,
	    client_address;
	rpc_done done;
	void *self;
	bool taken, ended, cancelled;
};

/* Waits until the next call has come; NULL after ten seconds. */
struct fake_call *fake_take_call(void);
/* Whether a call that nobody has taken is there. */
bool fake_has_call(void);
void fake_reply(struct fake_call *call, const ProtobufCMessage *reply);
void fake_fail(struct fake_call *call, const struct rpc_outcome *outcome);
bool fake_wait_cancelled(struct fake_call *call);
bool fake_is_cancelled(struct fake_call *call); /* by now */
extern bool fake_refuse_calls;                  /* rpc_client_start fails with OVERLOADED */

struct fake_reader {
	struct fake_reader *next;
	char task[64], on_behalf_of[64], service[64];
	uint64_t after;
	struct event_sink sink;
	bool taken, closed;
	unsigned ready; /* calls of event_reader_ready */
};
struct fake_reader *fake_take_reader(void);
enum event_taken fake_event(struct fake_reader *reader, uint64_t number, struct str data, bool terminal);
void fake_reader_fail(struct fake_reader *reader, const struct error *err);
bool fake_wait_closed(struct fake_reader *reader);
bool fake_wait_ready(struct fake_reader *reader, unsigned count);

/* Forgets all calls and readers; all of them must have ended. */
void fake_reset(void);

#endif
