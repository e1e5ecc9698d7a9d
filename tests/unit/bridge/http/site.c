#include "tests/unit/bridge/http/site.h"

#include <string.h>

static size_t service_token(void *self, char *out, size_t cap)
{
	static const char token[] = "Bearer of-the-bridge";
	(void)self;
	if (cap < sizeof token - 1) return 0;
	memcpy(out, token, sizeof token - 1);
	return sizeof token - 1;
}

struct bridge_options site_options(void)
{
	static const struct str star[] = { { "*", 1 } };
	static const struct str origins[] = { { "http://localhost:3000", 21 } };
	static const struct str proxies[] = { { "127.0.0.1", 9 }, { "10.0.0.0/8", 10 } };
	return (struct bridge_options){
		.threads = 1,
		.client = (struct rpc_client *)(uintptr_t)0x1, /* the fake looks at neither */
		.hub = (struct event_hub *)(uintptr_t)0x1,
		.service_authorization = service_token,
		.cors = { .origins = origins,
		          .origin_count = 1,
		          .methods = star,
		          .method_count = 1,
		          .headers = star,
		          .header_count = 1,
		          .allow_credentials = true },
		.trusted_proxies = proxies,
		.trusted_proxy_count = 2,
		.docs = true,
		.version = STR("1.2.3"),
	};
}

void site_start(struct site *site, const struct bridge_options *options)
{
	struct error err = { 0 };
	fake_reset();
	fake_refuse_calls = false;
	site->arena = arena_create(0);
	if (!bridge_start(options, &site->bridge, &err)) die("%s: %s", err.reason, err.message);
	site->port = bridge_port(site->bridge);
}

void site_stop(struct site *site)
{
	bridge_stop(&site->bridge);
	CHECK(site->bridge == NULL);
	fake_reset();
	arena_destroy(&site->arena);
}

void site_send(struct site *site, struct http_client *client, const char *method, const char *target,
               const char *headers, const char *body)
{
	http_open(client, site->port);
	if (body) {
		http_sendf(client, "%s %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n%s", method, target,
		           headers, strlen(body), body);
	} else {
		http_sendf(client, "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, target, headers);
	}
}

struct http_answer site_finish(struct site *site, struct http_client *client)
{
	struct http_answer answer = http_read(client, site->arena, false);
	http_close(client);
	return answer;
}

struct http_answer site_ask(struct site *site, const char *method, const char *target, const char *headers,
                            const char *body)
{
	struct http_client client;
	site_send(site, &client, method, target, headers, body);
	struct http_answer answer = http_read(&client, site->arena, strcmp(method, "HEAD") == 0);
	http_close(&client);
	return answer;
}

bool has_text(struct str text, const char *part) { return str_find(text, str_from(part), 0) != SIZE_MAX; }

void site_open_stream(struct site *site, struct http_client *client, const char *headers,
                      const Petfood__V1__StreamOpen *open, struct fake_reader **out_reader)
{
	if (client->fd == -1) http_open(client, site->port);
	http_sendf(client,
	           "GET /api/v1/plans/stream?task_id=t1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer u\r\n%s\r\n",
	           headers);
	struct fake_call *call = fake_take_call();
	if (call) fake_reply(call, &open->base);
	if (out_reader) *out_reader = fake_take_reader();
}
