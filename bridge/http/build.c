/* Reading large bodies, away from the loops: a megabyte of JSON takes some milliseconds, which everybody else on the loop would wait.
 * One thread, at lower priority, one body after the other; what waits for it is bounded. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bridge/http/edge.h"
#include "bridge/route/request.h"

enum {
	WAITING_BYTES_MAX = 8 * 1024 * 1024, /* bodies, beside the one being read */
	NICE = 10,                           /* about a tenth of a busy core */
};

struct build {
	struct build *next;
	struct exchange *x;
	struct route_match match;
	struct request_parts parts;
	ProtobufCMessage *request;
	bool ok;
	struct error err;
};

struct builder {
	pthread_t thread;
	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t changed;
	struct build *first, **last;
	size_t waiting_bytes;
	bool stopping;
};

static void on_built(struct message *message)
{
	struct exchange *x = H2O_STRUCT_FROM_MEMBER(struct exchange, done, message);
	struct build *build = x->build;
	x->build = NULL;
	x->worker->calls--;
	if (x->req) exchange_built(x, build->ok ? build->request : NULL, &build->err);
	exchange_unref(x);
}

static void *run(void *self)
{
	struct builder *builder = self;
	(void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE); /* of this thread only, on Linux */
	pthread_mutex_lock(&builder->lock);
	for (;;) {
		while (!builder->first && !builder->stopping) pthread_cond_wait(&builder->changed, &builder->lock);
		struct build *build = builder->first;
		if (!build) break;
		builder->first = build->next;
		if (!builder->first) builder->last = &builder->first;
		builder->waiting_bytes -= build->parts.body.len;
		pthread_mutex_unlock(&builder->lock);
		struct exchange *x = build->x;
		build->ok = request_build(x->arena, &build->match, &build->parts, &build->request, &build->err);
		worker_post(x->worker, &x->done);
		pthread_mutex_lock(&builder->lock);
	}
	pthread_mutex_unlock(&builder->lock);
	return NULL;
}

bool builder_take(struct builder *builder, struct exchange *x, const struct route_match *match,
                  const struct request_parts *parts)
{
	pthread_mutex_lock(&builder->lock);
	bool room = builder->waiting_bytes + parts->body.len <= WAITING_BYTES_MAX;
	if (room) builder->waiting_bytes += parts->body.len;
	pthread_mutex_unlock(&builder->lock);
	if (!room) return false;
	struct build *build = arena_new(x->arena, struct build);
	*build = (struct build){ .x = x, .match = *match, .parts = *parts };
	/* The request may go meanwhile, and its memory with it. */
	build->parts.query = str_dup(x->arena, parts->query);
	build->parts.body = str_dup(x->arena, parts->body);
	build->parts.last_event_id = str_dup(x->arena, parts->last_event_id);
	x->build = build;
	x->done.run = on_built;
	x->worker->calls++;
	exchange_ref(x);
	pthread_mutex_lock(&builder->lock);
	*builder->last = build;
	builder->last = &build->next;
	pthread_cond_signal(&builder->changed);
	pthread_mutex_unlock(&builder->lock);
	return true;
}

struct builder *builder_start(void)
{
	struct builder *builder = calloc(1, sizeof *builder);
	if (!builder) die("out of memory");
	builder->last = &builder->first;
	pthread_mutex_init(&builder->lock, NULL);
	pthread_cond_init(&builder->changed, NULL);
	int rc = pthread_create(&builder->thread, NULL, run, builder);
	if (rc != 0) die("cannot start a thread: %s", strerror(rc));
	return builder;
}

void builder_stop(struct builder **handle)
{
	struct builder *builder = *handle;
	if (!builder) return;
	*handle = NULL;
	pthread_mutex_lock(&builder->lock);
	builder->stopping = true;
	pthread_cond_signal(&builder->changed);
	pthread_mutex_unlock(&builder->lock);
	pthread_join(builder->thread, NULL);
	pthread_cond_destroy(&builder->changed);
	pthread_mutex_destroy(&builder->lock);
	free(builder);
}
