#include <pthread.h>
#include <stdio.h>

#include "rpc/transport/client.h"
#include "rpc/wire/status.h"
#include "rpc/wire/unpack.h"

void rpc_outcome_to_error(const struct rpc_outcome *outcome, struct error *err)
{
	if (!err) return;
	error_clear(err);
	if (outcome->code == RPC_OK) return;
	char field[sizeof err->violations[0].field], type[sizeof err->violations[0].type];
	for (size_t i = 0; i < outcome->violation_count; i++) {
		const struct rpc_violation *v = &outcome->violations[i];
		(void)snprintf(field, sizeof field, STR_FMT, STR_ARG(v->field));
		(void)snprintf(type, sizeof type, STR_FMT, STR_ARG(v->type));
		error_violation(err, field, type, STR_FMT, STR_ARG(v->message));
	}
	size_t violation_count = err->violation_count;
	error_set(err, outcome->code, token_intern(outcome->reason), STR_FMT, STR_ARG(outcome->message));
	err->violation_count = violation_count;
	for (size_t i = 0; i < outcome->param_count; i++)
		error_param(err, token_intern(outcome->params[i].name), STR_FMT, STR_ARG(outcome->params[i].value));
}

struct waiting {
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool is_done;
	const struct method_side *method;
	struct arena *arena;
	ProtobufCMessage *reply;
	struct error err;
};

/* The caller waits, so its arena may be used from here. */
static void on_done(void *self, const struct rpc_outcome *outcome)
{
	struct waiting *w = self;
	struct error err;
	ProtobufCMessage *reply = NULL;
	rpc_outcome_to_error(outcome, &err);
	if (outcome->code == RPC_OK) {
		reply = message_unpack(w->arena, w->method->reply->descriptor, outcome->payload, &err);
		if (!reply)
			error_set(&err, RPC_INTERNAL, "INTERNAL", "the reply of %s cannot be read", w->method->name);
	}
	pthread_mutex_lock(&w->lock);
	w->reply = reply;
	w->err = err;
	w->is_done = true;
	pthread_cond_signal(&w->done);
	pthread_mutex_unlock(&w->lock);
}

bool rpc_client_call(struct rpc_client *client, const struct method_side *method, const ProtobufCMessage *request,
                     const struct rpc_metadata *metadata, uint32_t timeout_ms, struct arena *arena,
                     ProtobufCMessage **out_reply, struct error *err)
{
	struct waiting w = { .method = method, .arena = arena };
	bool started;
	pthread_mutex_init(&w.lock, NULL);
	pthread_cond_init(&w.done, NULL);
	started = rpc_client_start(client, method, request, metadata, timeout_ms, on_done, &w, NULL, err);
	if (started) {
		pthread_mutex_lock(&w.lock);
		while (!w.is_done) pthread_cond_wait(&w.done, &w.lock);
		pthread_mutex_unlock(&w.lock);
		if (w.reply)
			*out_reply = w.reply;
		else if (err)
			*err = w.err;
	}
	pthread_cond_destroy(&w.done);
	pthread_mutex_destroy(&w.lock);
	return started && w.reply;
}
