/* The bridge's own pages: what it is, whether it lives, what it counts, what it offers. */
#include <string.h>

#include "bridge/http/edge.h"
#include "bridge/http/pages.h"
#include "bridge/route/negotiate.h"
#include "bridge/route/reply.h"
#include "petfood/rpc/v1/system.pb-c.h"
#include "rpc/json/json.h"

#define SERVICE_NAME "Pet Food Diet Plan Assistant"

static bool call_health(struct exchange *x, void (*on_outcome)(struct exchange *x, const struct rpc_outcome *outcome))
{
	const struct method_side *method = method_by_name(STR("petfood.rpc.v1.HealthService/Check"));
	Petfood__Rpc__V1__HealthCheckRequest request = PETFOOD__RPC__V1__HEALTH_CHECK_REQUEST__INIT;
	return exchange_call(x, method, &request.base, on_outcome);
}

static void answer_data(struct exchange *x, int status, struct str message, struct strbuf *data)
{
	struct strbuf body;
	strbuf_init(&body, x->arena);
	reply_envelope(&body, message, strbuf_str(data));
	answer_json(x, status, strbuf_str(&body));
}

static void add_field(struct strbuf *out, const char *name, struct str value)
{
	strbuf_add_char(out, out->len && out->data[out->len - 1] != '{' ? ',' : '{');
	json_print_string(out, str_from(name));
	strbuf_add_char(out, ':');
	json_print_string(out, value);
}

/* Where this page was reached, for a command that can be copied into a shell. */
static struct str origin_of(struct exchange *x)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_[]";
	struct bridge *bridge = x->worker->bridge;
	struct str host = { x->req->input.authority.base, x->req->input.authority.len };
	bool usable = exchange_has_host(x) && host.len > 0;
	for (size_t i = 0; i < host.len; i++) usable = usable && host.ptr[i] && strchr(plain, host.ptr[i]);
	if (!usable) host = str_printf(x->arena, "127.0.0.1:%u", (unsigned)bridge->port);
	return str_printf(x->arena, "%s://" STR_FMT, bridge->tls ? "https" : "http", STR_ARG(host));
}

static struct str index_page(struct exchange *x)
{
	const struct str page = { page_index, page_index_len }, mark = STR("{{origin}}");
	struct strbuf out;
	strbuf_init(&out, x->arena);
	for (size_t at = 0, next; at < page.len; at = next) {
		next = str_find(page, mark, at);
		bool found = next != SIZE_MAX;
		strbuf_add(&out, page.ptr + at, (found ? next : page.len) - at);
		if (found) strbuf_add_str(&out, origin_of(x));
		next = found ? next + mark.len : page.len;
	}
	return strbuf_str(&out);
}

static void page_root(struct exchange *x)
{
	const struct bridge_options *o = &x->worker->bridge->options;
	struct str accept = exchange_header(x, "accept");
	answer_header(x, "vary", STR("Accept"));
	if (accept_quality(accept, STR("text/html")) > accept_quality(accept, STR("application/json"))) {
		answer_header(x, "content-security-policy", STR("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"));
		answer_text(x, 200, "text/html; charset=utf-8", index_page(x));
		return;
	}
	struct strbuf data;
	strbuf_init(&data, x->arena);
	add_field(&data, "name", STR(SERVICE_NAME));
	add_field(&data, "version", o->version);
	add_field(&data, "status", STR("running"));
	strbuf_add_cstr(&data, o->docs ? ",\"docs\":{\"swagger\":\"/docs\",\"redoc\":\"/redoc\"}}"
	                               : ",\"docs\":{\"swagger\":null,\"redoc\":null}}");
	answer_data(x, 200, STR(SERVICE_NAME " API is running"), &data);
}

/* Clients decide by this page within 3 s whether the service is there (CONTRACT 2.1), so it asks nobody. */
static void page_health(struct exchange *x)
{
	struct strbuf data;
	strbuf_init(&data, x->arena);
	add_field(&data, "status", STR("healthy"));
	add_field(&data, "version", x->worker->bridge->options.version);
	strbuf_add_char(&data, '}');
	answer_data(x, 200, STR("ok"), &data);
}

static struct str health_word(bool healthy) { return healthy ? STR("healthy") : STR("unhealthy"); }

static void on_detail(struct exchange *x, const struct rpc_outcome *outcome)
{
	if (!x->req) return;
	struct strbuf data;
	strbuf_init(&data, x->arena);
	const Petfood__Rpc__V1__HealthCheckReply *reply = NULL;
	if (outcome->code == RPC_OK) {
		reply = (const void *)exchange_unpack(x, x->rpc->reply, outcome->payload);
		if (!reply) return;
	}
	add_field(&data, "status",
	          health_word(reply && reply->status == PETFOOD__RPC__V1__HEALTH_STATUS__HEALTH_STATUS_HEALTHY));
	add_field(&data, "version", x->worker->bridge->options.version);
	strbuf_add_cstr(&data, ",\"components\":{\"rpc\":{\"status\":");
	json_print_string(&data, health_word(reply != NULL));
	strbuf_add_char(&data, '}');
	/* Nobody can say how these are while the rpc process does not answer; the names are always there (CONTRACT 2.1). */
	if (!reply) strbuf_add_cstr(&data, ",\"database\":{\"status\":\"unknown\"},\"redis\":{\"status\":\"unknown\"}");
	for (size_t i = 0; reply && i < reply->n_components; i++) {
		const Petfood__Rpc__V1__HealthComponent *part = reply->components[i];
		bool healthy = part->status == PETFOOD__RPC__V1__HEALTH_STATUS__HEALTH_STATUS_HEALTHY;
		strbuf_add_char(&data, ',');
		json_print_string(&data, str_from(part->name));
		strbuf_add_cstr(&data, ":{\"status\":");
		json_print_string(&data, health_word(healthy));
		strbuf_add_cstr(&data, ",\"driver\":");
		json_print_string(&data, str_from(part->driver));
		strbuf_add_char(&data, '}');
	}
	strbuf_add_cstr(&data, "}}");
	answer_data(x, 200, STR("ok"), &data);
}
static void page_health_detail(struct exchange *x) { (void)call_health(x, on_detail); }

static void page_alive(struct exchange *x)
{
	struct strbuf data;
	strbuf_init(&data, x->arena);
	add_field(&data, "status", STR("alive"));
	strbuf_add_char(&data, '}');
	answer_data(x, 200, STR("ok"), &data);
}

static void answer_not_ready(struct exchange *x, const char *reason, const char *what)
{
	struct error err = { 0 };
	(void)error_set(&err, RPC_UNAVAILABLE, reason, "%s", what);
	answer_error(x, &err, false);
}

static void on_ready(struct exchange *x, const struct rpc_outcome *outcome)
{
	if (!x->req) return;
	if (outcome->code != RPC_OK) {
		answer_not_ready(x, "UNREACHABLE", "the rpc process does not answer");
		return;
	}
	const Petfood__Rpc__V1__HealthCheckReply *reply =
	    (const void *)exchange_unpack(x, x->rpc->reply, outcome->payload);
	if (!reply) return;
	if (!reply->ready) {
		answer_not_ready(x, "STORE_DOWN", "the rpc process is not ready");
		return;
	}
	struct strbuf data;
	strbuf_init(&data, x->arena);
	add_field(&data, "status", STR("ready"));
	strbuf_add_char(&data, '}');
	answer_data(x, 200, STR("ok"), &data);
}
static void page_ready(struct exchange *x)
{
	if (atomic_load(&x->worker->bridge->draining))
		answer_not_ready(x, "SHUTTING_DOWN", "draining");
	else
		(void)call_health(x, on_ready);
}

static void page_metrics(struct exchange *x)
{
	struct strbuf text;
	strbuf_init(&text, x->arena);
	metrics_print(&text);
	answer_text(x, 200, "text/plain; version=0.0.4; charset=utf-8", strbuf_str(&text));
}

static void page_openapi(struct exchange *x) { answer_json(x, 200, (struct str){ openapi_json, openapi_json_len }); }

static void page_docs(struct exchange *x)
{
	answer_header(
	    x, "content-security-policy",
	    STR("default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
	        "frame-ancestors 'none'"));
	answer_text(x, 200, "text/html; charset=utf-8", (struct str){ page_reference, page_reference_len });
}

static const struct builtin {
	const char *path;
	void (*answer)(struct exchange *x);
	bool docs;    /* only with the option `docs` */
	bool silent;  /* asked for all day by probes */
	bool limited; /* counts against the limit per address */
} pages[] = {
	{ "/", page_root, false, true, true },
	{ "/health", page_health, false, true, false },
	{ "/health/detail", page_health_detail, false, true, false },
	{ "/healthz", page_alive, false, true, false },
	{ "/readyz", page_ready, false, true, false },
	{ "/metrics", page_metrics, false, true, false },
	{ "/openapi.json", page_openapi, true, false, false },
	{ "/docs", page_docs, true, false, false },
	{ "/redoc", page_docs, true, false, false },
	{ "(none)", NULL, false, false, true }, /* the metrics row of what fits nothing; the last one */
};

size_t builtin_count(void) { return COUNT(pages); }
const char *builtin_path(size_t row) { return pages[row].path; }

static const struct builtin *find_page(const struct exchange *x)
{
	for (size_t i = 0; i < COUNT(pages); i++) {
		if (!pages[i].answer || !str_equal(x->path, str_from(pages[i].path))) continue;
		return !pages[i].docs || x->worker->bridge->options.docs ? &pages[i] : NULL;
	}
	return NULL;
}

bool builtin_is_unlimited(const struct exchange *x)
{
	const struct builtin *page = find_page(x);
	return page && !page->limited;
}

bool builtin_answer(struct exchange *x)
{
	const struct builtin *page = find_page(x);
	if (!page) return false;
	x->metrics_row = (size_t)(page - pages);
	x->silent = page->silent;
	if (page->limited && !exchange_may_answer(x)) return true;
	if (str_equal(x->method, STR("GET")) || x->is_head)
		page->answer(x);
	else if (str_equal(x->method, STR("OPTIONS")))
		exchange_answer_options(x, 1u << VERB_GET);
	else
		exchange_answer_unrouted(x, 1u << VERB_GET);
	return true;
}
