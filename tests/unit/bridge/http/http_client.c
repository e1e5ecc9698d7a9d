#include "tests/unit/bridge/http/http_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_MS = 10000 };

static bool connect_to(struct http_client *client, uint16_t port, int receive_bytes)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		                  .sin_port = htons(port),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	*client = (struct http_client){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	strbuf_init(&client->in, NULL);
	if (receive_bytes) (void)setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
	int on = 1; /* a frame that follows another one must not wait for the first one's acknowledgement */
	(void)setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return connect(client->fd, (struct sockaddr *)&to, sizeof to) == 0;
}

bool http_try_open(struct http_client *client, uint16_t port) { return connect_to(client, port, 0); }

void http_open_small(struct http_client *client, uint16_t port, int receive_bytes)
{
	if (!connect_to(client, port, receive_bytes)) die("connect: %s", strerror(errno));
}

void http_open(struct http_client *client, uint16_t port) { http_open_small(client, port, 0); }

void http_close(struct http_client *client)
{
	if (client->fd != -1) close(client->fd);
	client->fd = -1;
	strbuf_fini(&client->in);
}

void http_send(struct http_client *client, struct str bytes)
{
	while (bytes.len > 0) {
		ssize_t sent = send(client->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
		if (sent < 0) return; /* the answer tells */
		bytes.ptr += sent;
		bytes.len -= (size_t)sent;
	}
}

void http_sendf(struct http_client *client, const char *fmt, ...)
{
	struct strbuf text;
	va_list args;
	strbuf_init(&text, NULL);
	va_start(args, fmt);
	strbuf_vprintf(&text, fmt, args);
	va_end(args);
	http_send(client, strbuf_str(&text));
	strbuf_fini(&text);
}

/* False: nothing more will come. */
static bool receive(struct http_client *client)
{
	char bytes[16384];
	struct pollfd fd = { .fd = client->fd, .events = POLLIN };
	if (client->ended) return false;
	if (poll(&fd, 1, WAIT_MS) <= 0) {
		printf("nothing came in %d ms\n", WAIT_MS);
		return false;
	}
	ssize_t got = recv(client->fd, bytes, sizeof bytes, 0);
	if (got <= 0) {
		client->ended = true;
		return false;
	}
	strbuf_add(&client->in, bytes, (size_t)got);
	return true;
}

bool http_await(struct http_client *client, const char *text)
{
	while (str_find(strbuf_str(&client->in), str_from(text), 0) == SIZE_MAX) {
		if (!receive(client)) return false;
	}
	return true;
}

bool http_await_end(struct http_client *client)
{
	while (receive(client)) {
	}
	return client->ended;
}

static void consume(struct http_client *client, size_t len)
{
	memmove(client->in.data, client->in.data + len, client->in.len - len);
	client->in.len -= len;
}

struct http_answer http_read_head(struct http_client *client, struct arena *arena)
{
	struct http_answer answer = { 0 };
	if (!http_await(client, "\r\n\r\n")) return answer;
	size_t len = str_find(strbuf_str(&client->in), STR("\r\n\r\n"), 0) + 4;
	answer.head = str_dup(arena, (struct str){ client->in.data, len });
	consume(client, len);
	if (sscanf(answer.head.ptr, "HTTP/1.%*d %d", &answer.status) != 1) answer.status = 0;
	return answer;
}

struct str http_header(const struct http_answer *answer, const char *name)
{
	struct str rest = answer->head, line;
	while (str_split(&rest, '\n', &line)) {
		struct str key;
		if (!str_split(&line, ':', &key) || !str_equal_nocase(key, str_from(name))) continue;
		return str_trim(line);
	}
	return STR_NONE;
}

struct str http_unchunk(struct arena *arena, struct str raw, bool *out_ended)
{
	struct strbuf text;
	strbuf_init(&text, arena);
	*out_ended = false;
	for (;;) {
		size_t line = str_find(raw, STR("\r\n"), 0);
		if (line == SIZE_MAX) break;
		size_t size = strtoul(raw.ptr, NULL, 16);
		if (raw.len < line + 2 + size + 2) break;
		strbuf_add(&text, raw.ptr + line + 2, size);
		raw.ptr += line + 2 + size + 2;
		raw.len -= line + 2 + size + 2;
		if (size == 0) {
			*out_ended = true;
			break;
		}
	}
	return strbuf_str(&text);
}

struct http_answer http_read(struct http_client *client, struct arena *arena, bool head_only)
{
	struct http_answer answer = http_read_head(client, arena);
	int64_t length;
	if (answer.status == 0 || head_only || answer.status == 204) return answer;
	if (str_equal(http_header(&answer, "transfer-encoding"), STR("chunked"))) {
		bool ended = false;
		for (;;) {
			answer.body = http_unchunk(arena, strbuf_str(&client->in), &ended);
			if (ended || !receive(client)) break;
		}
		client->in.len = 0; /* nothing is sent ahead in these tests */
		return answer;
	}
	if (!str_to_int64(http_header(&answer, "content-length"), &length)) {
		(void)http_await_end(client);
		length = (int64_t)client->in.len;
	}
	while (client->in.len < (size_t)length && receive(client)) {
	}
	if (client->in.len < (size_t)length) return (struct http_answer){ 0 };
	answer.body = str_dup(arena, (struct str){ client->in.data, (size_t)length });
	if (length) consume(client, (size_t)length);
	return answer;
}
