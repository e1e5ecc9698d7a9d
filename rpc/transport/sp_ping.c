#include "rpc/transport/sp_ping.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc/wire/envelope.h"
#include "store/base/time.h"

enum { SP_PUB = 0x20, SP_SUB = 0x21, SP_REQ = 0x30, SP_REP = 0x31, HELLO_BYTES = 8, REQUEST_ID_BYTES = 4, REPLY_BYTES_MAX = 64 * 1024, IPC_MESSAGE = 1, SPEAK_AGAIN_MS = 20 };

struct line {
	int fd, stop_fd;
	int64_t deadline_ms;
};

/* False when time is up or somebody wants us to stop. */
static bool wait_for(const struct line *line, short events)
{
	struct pollfd fds[2] = { { line->fd, events, 0 }, { line->stop_fd, POLLIN, 0 } };
	for (;;) {
		int64_t left_ms = line->deadline_ms - time_monotonic_ms();
		int n = left_ms > 0 ? poll(fds, 2, (int)left_ms) : 0;
		if (n < 0 && errno == EINTR) continue;
		return n > 0 && !fds[1].revents && fds[0].revents;
	}
}

static bool send_all(const struct line *line, const void *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = send(line->fd, (const char *)bytes + done, len - done, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR) return false;
		if (n > 0) done += (size_t)n;
		else if (!wait_for(line, POLLOUT)) return false;
	}
	return true;
}

static bool receive_all(const struct line *line, void *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = recv(line->fd, (char *)bytes + done, len - done, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return false;
		if (n > 0) done += (size_t)n;
		else if (!wait_for(line, POLLIN)) return false;
	}
	return true;
}

static bool connect_to(struct line *line, const struct sockaddr *address, socklen_t len)
{
	line->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (line->fd < 0) return false;
	if (connect(line->fd, address, len) == 0) return true;
	/* A full backlog of a unix socket is EAGAIN: as good as no answer. */
	if (errno != EINPROGRESS || !wait_for(line, POLLOUT)) return false;
	int error = 0;
	socklen_t size = sizeof error;
	return getsockopt(line->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

static bool connect_ipc(struct line *line, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof address.sun_path) return false;
	memcpy(address.sun_path, path, strlen(path));
	return connect_to(line, (const struct sockaddr *)&address, sizeof address);
}

static bool connect_tcp(struct line *line, const char *host_port)
{
	char host[256];
	const char *colon = strrchr(host_port, ':');
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV }, *found = NULL;
	if (!colon || (size_t)(colon - host_port) >= sizeof host) return false;
	bool bracketed = host_port[0] == '[' && colon[-1] == ']';
	(void)snprintf(host, sizeof host, "%.*s", (int)(colon - host_port) - 2 * bracketed, host_port + bracketed);
	if (getaddrinfo(host, colon + 1, &hints, &found) != 0) return false;
	bool ok = connect_to(line, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return ok;
}

static void put_length(unsigned char out[8], uint64_t len)
{
	for (size_t i = 0; i < 8; i++) out[i] = (unsigned char)(len >> (56 - 8 * i));
}

/* The greeting first and at once: a peer that hangs up before it is what silences a listener. */
static bool greet(const struct line *line, unsigned char ours, unsigned char theirs)
{
	const unsigned char hello[HELLO_BYTES] = { 0, 'S', 'P', 0, 0, ours, 0, 0 };
	const unsigned char want[HELLO_BYTES] = { 0, 'S', 'P', 0, 0, theirs, 0, 0 };
	unsigned char got[HELLO_BYTES];
	return send_all(line, hello, sizeof hello) && receive_all(line, got, sizeof got) && memcmp(got, want, sizeof got) == 0;
}

static bool talk(const struct line *line, bool ipc, struct str request)
{
	static const unsigned char id[REQUEST_ID_BYTES] = { 0x80, 0, 0, 1 };
	unsigned char head[1 + 8 + REQUEST_ID_BYTES];
	size_t skip = ipc ? 0 : 1; /* the message type is IPC's only */
	head[0] = IPC_MESSAGE;
	put_length(head + 1, request.len + REQUEST_ID_BYTES);
	memcpy(head + 9, id, sizeof id);
	if (!greet(line, SP_REQ, SP_REP)) return false;
	if (!send_all(line, head + skip, sizeof head - skip) || !send_all(line, request.ptr, request.len)) return false;
	if (!receive_all(line, head + skip, sizeof head - skip) || (ipc && head[0] != IPC_MESSAGE) || memcmp(head + 9, id, sizeof id) != 0)
		return false;
	uint64_t len = 0;
	for (size_t i = 1; i <= 8; i++) len = len << 8 | head[i];
	if (len < REQUEST_ID_BYTES || len > REPLY_BYTES_MAX) return false;
	struct arena *arena = arena_create(0);
	struct str reply = { arena_alloc(arena, (size_t)len), (size_t)len - REQUEST_ID_BYTES };
	bool ok = receive_all(line, (char *)(uintptr_t)reply.ptr, reply.len) && envelope_unpack_reply(arena, reply, NULL) != NULL;
	arena_destroy(&arena);
	return ok;
}

static bool is_ipc(const char *url) { return strncmp(url, "ipc://", 6) == 0; }

static bool line_open(struct line *line, const char *url, int64_t timeout_ms, int stop_fd)
{
	*line = (struct line){ -1, stop_fd, time_monotonic_ms() + timeout_ms };
	return is_ipc(url) ? connect_ipc(line, url + strlen("ipc://")) : connect_tcp(line, url + strlen("tcp://"));
}

static void line_close(struct line *line)
{
	if (line->fd >= 0) (void)close(line->fd);
}

bool sp_ping(const char *url, struct str request, int64_t timeout_ms, int stop_fd)
{
	struct line line;
	bool ok = line_open(&line, url, timeout_ms, stop_fd) && talk(&line, is_ipc(url), request);
	line_close(&line);
	return ok;
}

bool sp_hear(const char *url, void (*speak)(void *self), void *self, int64_t timeout_ms, int stop_fd)
{
	struct line line;
	char byte;
	bool heard = false;
	if (line_open(&line, url, timeout_ms, stop_fd) && greet(&line, SP_SUB, SP_PUB)) {
		int64_t deadline_ms = line.deadline_ms;
		while (!heard && time_monotonic_ms() < deadline_ms) {
			speak(self);
			line.deadline_ms = time_monotonic_ms() + SPEAK_AGAIN_MS;
			if (line.deadline_ms > deadline_ms) line.deadline_ms = deadline_ms;
			bool readable = wait_for(&line, POLLIN);
			if (!readable && time_monotonic_ms() < line.deadline_ms) break; /* told to stop */
			heard = readable && recv(line.fd, &byte, 1, 0) == 1;
			if (readable && !heard) break;
		}
	}
	line_close(&line);
	return heard;
}
