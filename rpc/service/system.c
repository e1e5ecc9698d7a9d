/* HealthService and StatsService; the transport answers CallService itself, for it alone knows the calls under way.
 * The inline ones run in the receive callback: they neither block nor touch a store. */
#include "petfood/rpc/v1/system.pb-c.h"
#include "rpc/service/common.h"
#include "store/base/metrics.h"

/* ---- health ---- */

static void component(struct call *call, Petfood__Rpc__V1__HealthCheckReply *out, const char *name, bool healthy,
                      const char *driver)
{
	enum { COMPONENTS_MAX = 4 };
	if (!out->components)
		out->components = arena_new_array(call->arena, Petfood__Rpc__V1__HealthComponent *, COMPONENTS_MAX);
	Petfood__Rpc__V1__HealthComponent *c = arena_new(call->arena, Petfood__Rpc__V1__HealthComponent);
	petfood__rpc__v1__health_component__init(c);
	c->name = text_in(call, str_from(name));
	c->driver = text_in(call, str_from(driver));
	c->status = healthy ? PETFOOD__RPC__V1__HEALTH_STATUS__HEALTH_STATUS_HEALTHY
	                    : PETFOOD__RPC__V1__HEALTH_STATUS__HEALTH_STATUS_UNHEALTHY;
	if (!healthy) out->status = PETFOOD__RPC__V1__HEALTH_STATUS__HEALTH_STATUS_UNHEALTHY;
	out->components[out->n_components++] = c;
}

bool health_service_check(struct call *call, const void *request, void *reply, struct error *err)
{
	(void)request, (void)err;
	struct services *services = services_of(call);
	Petfood__Rpc__V1__HealthCheckReply *out = reply;
	out->revision =
	    atomic_load(&services->health_revision); /* before looking: a change meanwhile is told next time */
	out->status = PETFOOD__RPC__V1__HEALTH_STATUS__HEALTH_STATUS_HEALTHY;
	out->version = text_in(call, str_from(services->version));
	bool store_ok = atomic_load(&services->store_ok);
	component(call, out, "database", store_ok, services->store->driver);
	component(call, out, "redis", true, services->cache_driver);
	if (atomic_load(&services->engine))
		component(call, out, "worker", atomic_load(&services->worker_ok), "builtin");
	out->ready = atomic_load(&services->ready) && store_ok;
	return true;
}

bool health_service_watch(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__Rpc__V1__HealthWatchRequest *req = request;
	Petfood__Rpc__V1__HealthCheckReply *out = reply;
	call_watch(call, STR("health"));
	if (!health_service_check(call, NULL, out, err)) return false;
	if (out->revision != req->known_revision || call->last_try || req->wait_ms == 0) return true;
	return call_wait(call, req->wait_ms, err);
}

/* ---- stats ---- */

struct stats {
	struct call *call;
	Petfood__Rpc__V1__GetStatsReply *out;
	size_t cap;
};

static void add_stat(void *self, const char *name, double value)
{
	struct stats *stats = self;
	Petfood__Rpc__V1__GetStatsReply *out = stats->out;
	if (out->n_stats == stats->cap) {
		stats->cap = stats->cap ? stats->cap * 2 : 64;
		Petfood__Rpc__V1__Stat **wider =
		    arena_new_array(stats->call->arena, Petfood__Rpc__V1__Stat *, stats->cap);
		for (size_t i = 0; i < out->n_stats; i++) wider[i] = out->stats[i];
		out->stats = wider;
	}
	Petfood__Rpc__V1__Stat *stat = arena_new(stats->call->arena, Petfood__Rpc__V1__Stat);
	petfood__rpc__v1__stat__init(stat);
	stat->name = text_in(stats->call, str_from(name));
	stat->value = value;
	out->stats[out->n_stats++] = stat;
}

bool stats_service_get_stats(struct call *call, const void *request, void *reply, struct error *err)
{
	(void)request, (void)err;
	struct stats stats = { .call = call, .out = reply };
	metrics_each(add_stat, &stats);
	struct strbuf text;
	strbuf_init(&text, call->arena);
	metrics_print(&text);
	stats.out->prometheus = text_in(call, strbuf_str(&text));
	return true;
}
