#include "tests/integration/cut_reader/line.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "store/base/str.h"

enum { PATIENCE_MS = 60000 };
enum {
	FRAME_DATA = 0,
	FRAME_HEADERS = 1,
	FRAME_RST = 3,
	FRAME_SETTINGS = 4,
	FRAME_PING = 6,
	FRAME_GOAWAY = 7,
	FRAME_WINDOW = 8
};
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8, CANCEL = 8 };

void line_init(struct line *line, const struct target *target)
{
	*line = (struct line){ .target = target, .fd = -1, .budget = LINE_NO_BUDGET };
}

void line_close(struct line *line)
{
	SSL_free(line->ssl);
	if (line->fd != -1) (void)close(line->fd);
	line_init(line, line->target);
}

static bool send_all(struct line *line, const char *bytes, size_t len)
{
	while (len) {
		ssize_t sent =
		    line->ssl ? SSL_write(line->ssl, bytes, (int)len) : send(line->fd, bytes, len, MSG_NOSIGNAL);
		if (sent <= 0) return false;
		bytes += sent;
		len -= (size_t)sent;
	}
	return true;
}

/* ---- what comes in ---- */

/* More bytes into the buffer; false: cut or lost. */
static bool fill(struct line *line)
{
	if (line->at) {
		memmove(line->in, line->in + line->at, line->len);
		line->at = 0;
	}
	size_t want = sizeof line->in - line->len;
	if (line->budget != LINE_NO_BUDGET && (size_t)line->budget < want) want = (size_t)line->budget;
	if (want == 0) {
		*(line->budget == 0 ? &line->cut : &line->lost) = true;
		return false;
	}
	struct pollfd fd = { .fd = line->fd, .events = POLLIN };
	ssize_t got = 0;
	if ((line->ssl && SSL_pending(line->ssl)) || poll(&fd, 1, PATIENCE_MS) > 0)
		got = line->ssl ? SSL_read(line->ssl, line->in + line->len, (int)want)
		                : recv(line->fd, line->in + line->len, want, 0);
	if (got <= 0) {
		line->lost = true;
		return false;
	}
	line->len += (size_t)got;
	line->received += got;
	if (line->budget != LINE_NO_BUDGET) line->budget -= got;
	return true;
}

static struct str unread(const struct line *line) { return (struct str){ line->in + line->at, line->len }; }

static void skip(struct line *line, size_t count)
{
	line->at += count;
	line->len -= count;
}

/* Up to and with CR LF; false: cut or lost before it came. */
static bool take_text_line(struct line *line, struct str *out)
{
	size_t end;
	while ((end = str_find(unread(line), STR("\r\n"), 0)) == SIZE_MAX)
		if (!fill(line)) return false;
	*out = (struct str){ line->in + line->at, end };
	skip(line, end + 2);
	return true;
}

/* The bytes at hand of the current chunk or frame. */
static size_t take_left(struct line *line, char *buf, size_t cap)
{
	size_t count = line->len < line->left ? line->len : line->left;
	if (count > cap) count = cap;
	memcpy(buf, line->in + line->at, count);
	skip(line, count);
	line->left -= count;
	return count;
}

/* ---- HTTP/1.1 ---- */

static bool read_head1(struct line *line)
{
	struct str text;
	if (!take_text_line(line, &text)) return false;
	int status = 0;
	if (!str_has_prefix(text, STR("HTTP/1.1 ")) || sscanf(text.ptr + 9, "%3d", &status) != 1) {
		line->lost = true;
		return false;
	}
	do {
		if (!take_text_line(line, &text)) return false;
	} while (text.len);
	line->status = status;
	line->first_chunk = true;
	line->ended = status == 204;
	return true;
}

static size_t body1(struct line *line, char *buf, size_t cap)
{
	struct str text;
	while (!line->status || !line->left) {
		if (!line->status) {
			if (!read_head1(line) || line->ended) return 0;
			continue;
		}
		/* The CR LF that ends a chunk, then the size of the next one. */
		if (!line->first_chunk && !line->chunk_closed) {
			if (!take_text_line(line, &text)) return 0;
			line->lost = text.len != 0;
			if (line->lost) return 0;
			line->chunk_closed = true;
		}
		if (!take_text_line(line, &text)) return 0;
		line->first_chunk = line->chunk_closed = false;
		line->left = strtoul(text.ptr, NULL, 16);
		if (line->left == 0) {
			line->ended = take_text_line(line, &text);
			return 0;
		}
	}
	if (!line->len && !fill(line)) return 0;
	return take_left(line, buf, cap);
}

static bool get1(struct line *line, uint64_t cursor)
{
	char request[4096], id[64] = "";
	if (cursor) (void)snprintf(id, sizeof id, "Last-Event-ID: %llu\r\n", (unsigned long long)cursor);
	int len = snprintf(request, sizeof request,
	                   "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n%s\r\n",
	                   line->target->path, line->target->token, id);
	return send_all(line, request, (size_t)len);
}

/* ---- HTTP/2 (RFC 9113), with the parts of HPACK (RFC 7541) that need no table ---- */

static void add_frame(struct strbuf *out, int type, int flags, uint32_t stream, const void *payload, size_t len)
{
	unsigned char head[9] = {
		(unsigned char)(len >> 16),    (unsigned char)(len >> 8),    (unsigned char)len,
		(unsigned char)type,           (unsigned char)flags,         (unsigned char)(stream >> 24),
		(unsigned char)(stream >> 16), (unsigned char)(stream >> 8), (unsigned char)stream
	};
	strbuf_add(out, head, sizeof head);
	strbuf_add(out, payload, len);
}

static void add_number_frame(struct strbuf *out, int type, uint32_t stream, uint32_t number)
{
	unsigned char payload[4] = { (unsigned char)(number >> 24), (unsigned char)(number >> 16),
		                     (unsigned char)(number >> 8), (unsigned char)number };
	add_frame(out, type, 0, stream, payload, sizeof payload);
}

static bool send_frames(struct line *line, struct strbuf *frames)
{
	bool ok = send_all(line, frames->data, frames->len);
	strbuf_fini(frames);
	return ok;
}

/* A length or index with a prefix of `bits` (RFC 7541, 5.1); `first` holds the bits above. */
static void add_hpack_number(struct strbuf *out, unsigned first, unsigned bits, size_t number)
{
	size_t max = (1u << bits) - 1;
	if (number < max) {
		strbuf_add_char(out, (char)(first | number));
		return;
	}
	strbuf_add_char(out, (char)(first | max));
	for (number -= max; number >= 128; number >>= 7) strbuf_add_char(out, (char)(number % 128 | 128));
	strbuf_add_char(out, (char)number);
}

/* A literal that enters no table, its name from the static table, or a new one if index is 0. */
static void add_hpack_field(struct strbuf *out, size_t index, const char *name, const char *value)
{
	add_hpack_number(out, 0, 4, index);
	if (index == 0) {
		add_hpack_number(out, 0, 7, strlen(name));
		strbuf_add_cstr(out, name);
	}
	add_hpack_number(out, 0, 7, strlen(value));
	strbuf_add_cstr(out, value);
}

static bool get2(struct line *line, uint64_t cursor)
{
	enum { PATH = 4, AUTHORITY = 1, AUTHORIZATION = 23, GET = 0x82, HTTPS = 0x87 };
	struct strbuf frames, block;
	char text[5000];
	strbuf_init(&frames, NULL);
	strbuf_init(&block, NULL);
	if (line->stream == 0) {
		strbuf_add_cstr(&frames, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
		add_frame(&frames, FRAME_SETTINGS, 0, 0, "", 0);
	}
	line->stream = line->stream ? line->stream + 2 : 1;
	strbuf_add_char(&block, (char)GET);
	strbuf_add_char(&block, (char)HTTPS);
	add_hpack_field(&block, PATH, NULL, line->target->path);
	add_hpack_field(&block, AUTHORITY, NULL, "localhost");
	(void)snprintf(text, sizeof text, "Bearer %s", line->target->token);
	add_hpack_field(&block, AUTHORIZATION, NULL, text);
	(void)snprintf(text, sizeof text, "%llu", (unsigned long long)cursor);
	if (cursor) add_hpack_field(&block, 0, "last-event-id", text);
	add_frame(&frames, FRAME_HEADERS, END_STREAM | END_HEADERS, line->stream, block.data, block.len);
	strbuf_fini(&block);
	return send_frames(line, &frames);
}

/* Room for what was read of a DATA frame, also of a stream that was given up: the connection's window is everybody's. */
static bool give_window(struct line *line)
{
	struct strbuf frames;
	if (line->data_size == 0) return true;
	strbuf_init(&frames, NULL);
	add_number_frame(&frames, FRAME_WINDOW, 0, (uint32_t)line->data_size);
	if (line->data_stream == line->stream && !line->last_data)
		add_number_frame(&frames, FRAME_WINDOW, line->stream, (uint32_t)line->data_size);
	line->data_size = 0;
	return send_frames(line, &frames);
}

/* The status is what h2o's encoder makes of it: an entry of the static table, first in the block. */
static int status_of(struct str block)
{
	while (block.len && ((unsigned char)*block.ptr & 0xe0) == 0x20)
		block.ptr++, block.len--; /* size of the table */
	switch (block.len ? (unsigned char)*block.ptr : 0) {
	case 0x88: return 200;
	case 0x89: return 204;
	default: return -1;
	}
}

static bool on_frame(struct line *line, int type, int flags, uint32_t stream, struct str payload)
{
	struct strbuf answer;
	strbuf_init(&answer, NULL);
	if (type == FRAME_SETTINGS && !(flags & ACK)) add_frame(&answer, FRAME_SETTINGS, ACK, 0, "", 0);
	if (type == FRAME_PING && !(flags & ACK)) add_frame(&answer, FRAME_PING, ACK, 0, payload.ptr, payload.len);
	if (answer.len && !send_frames(line, &answer)) return false;
	if (type == FRAME_GOAWAY || (type == FRAME_RST && stream == line->stream)) return false;
	if (type != FRAME_HEADERS || stream != line->stream) return true;
	line->status = status_of(payload);
	line->ended = flags & END_STREAM;
	return line->status > 0;
}

static size_t body2(struct line *line, char *buf, size_t cap)
{
	for (;;) {
		if (line->left) {
			if (!line->len && !fill(line)) return 0;
			size_t got = take_left(line, buf, cap);
			if (line->data_stream == line->stream) return got;
			continue;
		}
		if (line->data_size) {
			bool over = line->last_data && line->data_stream == line->stream;
			if (!give_window(line)) break;
			line->ended = line->ended || over;
		}
		if (line->ended) return 0;
		while (line->len < 9)
			if (!fill(line)) return 0;
		if (line->marks && line->marks->count < LINE_MARKS_MAX)
			line->marks->at[line->marks->count++] = line->received - (long)line->len;
		const unsigned char *head = (const unsigned char *)line->in + line->at;
		size_t size = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
		int type = head[3], flags = head[4];
		uint32_t stream = (uint32_t)head[5] << 24 | (uint32_t)head[6] << 16 | (uint32_t)head[7] << 8 | head[8];
		if (type == FRAME_DATA) {
			if (flags & PADDED) break;
			skip(line, 9);
			line->left = line->data_size = size;
			line->data_stream = stream;
			line->last_data = flags & END_STREAM;
			if (size == 0 && line->last_data && stream == line->stream) line->ended = true;
			continue;
		}
		while (line->len < 9 + size)
			if (!fill(line)) return 0;
		struct str payload = { line->in + line->at + 9, size };
		if (!on_frame(line, type, flags, stream, payload)) break;
		skip(line, 9 + size);
	}
	line->lost = true;
	return 0;
}

void line_reset(struct line *line)
{
	struct strbuf frames;
	strbuf_init(&frames, NULL);
	add_number_frame(&frames, FRAME_RST, line->stream, CANCEL);
	line->lost = !send_frames(line, &frames);
}

/* ---- both ---- */

static bool open_line(struct line *line)
{
	int one = 1;
	struct sockaddr_in to = { .sin_family = AF_INET,
		                  .sin_port = htons(line->target->port),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	line->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (line->fd == -1 || connect(line->fd, (struct sockaddr *)&to, sizeof to) != 0) return false;
	(void)setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (!line->target->tls) return true;
	line->ssl = SSL_new(line->target->tls);
	SSL_set_fd(line->ssl, line->fd);
	return SSL_connect(line->ssl) == 1;
}

bool line_get(struct line *line, uint64_t cursor, long budget)
{
	if (line->fd == -1 && !open_line(line)) {
		line->lost = true;
		return false;
	}
	line->budget = budget;
	line->received = 0;
	line->status = 0;
	line->cut = line->lost = line->ended = false;
	if (!line->ssl) {
		line->left = 0;
		line->chunk_closed = false;
	}
	line->lost = !(line->ssl ? get2(line, cursor) : get1(line, cursor));
	return !line->lost;
}

size_t line_body(struct line *line, char *buf, size_t cap)
{
	if (line->ended || line->cut || line->lost) return 0;
	return line->ssl ? body2(line, buf, cap) : body1(line, buf, cap);
}
