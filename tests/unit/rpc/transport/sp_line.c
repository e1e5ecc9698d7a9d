#include "tests/unit/rpc/transport/sp_line.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/rpc/transport/fixture.h"

enum { IPC_MESSAGE = 1 };

static int open_socket(const char *ipc_url, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	(void)snprintf(address->sun_path, sizeof address->sun_path, "%s", ipc_url + strlen("ipc://"));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return CHECK(fd >= 0) ? fd : -1;
}

bool sp_write(int fd, const void *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = send(fd, (const char *)bytes + done, len - done, MSG_NOSIGNAL);
		if (n <= 0) return false;
		done += (size_t)n;
	}
	return true;
}

bool sp_read(int fd, void *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = recv(fd, (char *)bytes + done, len - done, 0);
		if (n <= 0) return false;
		done += (size_t)n;
	}
	return true;
}

static int greet(int fd, enum sp_protocol self)
{
	const uint8_t hello[8] = { 0, 'S', 'P', 0, 0, (uint8_t)self, 0, 0 };
	const struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
	uint8_t got[8];
	bool ok = setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
	          setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
	          sp_write(fd, hello, sizeof hello) && sp_read(fd, got, sizeof got) && memcmp(got, hello, 4) == 0;
	if (ok) return fd;
	(void)close(fd);
	return -1;
}

int sp_dial(const char *ipc_url, enum sp_protocol self)
{
	struct sockaddr_un address;
	int fd = open_socket(ipc_url, &address);
	if (CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0)) return greet(fd, self);
	(void)close(fd);
	return -1;
}

int sp_listen(const char *ipc_url)
{
	struct sockaddr_un address;
	int fd = open_socket(ipc_url, &address);
	CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 16) == 0);
	return fd;
}

int sp_accept(int listener, enum sp_protocol self)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	return CHECK(fd >= 0) ? greet(fd, self) : -1;
}

void sp_head(uint8_t out[SP_FRAME_HEAD], uint64_t len)
{
	out[0] = IPC_MESSAGE;
	for (size_t i = 0; i < 8; i++) out[1 + i] = (uint8_t)(len >> (56 - 8 * i));
}

bool sp_send(int fd, uint32_t id, const void *bytes, size_t len)
{
	uint8_t head[SP_FRAME_HEAD + SP_ID_BYTES];
	sp_head(head, SP_ID_BYTES + len);
	id |= 0x80000000u; /* "the last hop", as the protocol has it */
	for (size_t i = 0; i < SP_ID_BYTES; i++) head[SP_FRAME_HEAD + i] = (uint8_t)(id >> (24 - 8 * i));
	return sp_write(fd, head, sizeof head) && sp_write(fd, bytes, len);
}

bool sp_receive(int fd, uint32_t *out_id, void *bytes, size_t cap, size_t *out_len)
{
	uint8_t head[SP_FRAME_HEAD + SP_ID_BYTES];
	uint64_t len = 0;
	uint32_t id = 0;
	if (!sp_read(fd, head, sizeof head) || head[0] != IPC_MESSAGE) return false;
	for (size_t i = 1; i <= 8; i++) len = len << 8 | head[i];
	for (size_t i = 0; i < SP_ID_BYTES; i++) id = id << 8 | head[SP_FRAME_HEAD + i];
	if (len < SP_ID_BYTES || len - SP_ID_BYTES > cap) return false;
	*out_id = id & 0x7fffffffu;
	*out_len = (size_t)len - SP_ID_BYTES;
	return sp_read(fd, bytes, *out_len);
}
