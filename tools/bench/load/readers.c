/* Many readers of progress streams in one thread.
 *   readers --port N --token T --count N [--seconds S] <task ids, one a line>
 * Opens a stream with cursor 0 for each line of standard input (count says how many lines), prints "open" once all of them were
 * answered with 200, and reads until every stream has ended, or for S seconds after that. Each reader's events must be 1, 2, 3…;
 * the lag of an event is the time from its own timestamp to its receipt, and counts for events made after all streams were open.
 * One line of JSON at the end; the exit code is 0 if nothing was lost or doubled and no stream failed. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/str.h"
#include "store/base/time.h"

enum { LINE_BYTES_MAX = 8192, LAGS_MAX = 8 * 1000 * 1000, OPENING_MAX = 32 };

enum part { IN_HEAD, IN_SIZE, IN_CHUNK, AFTER_CHUNK, AT_END };
struct reader {
	int fd;
	enum part part;
	size_t chunk_left;
	char *line; /* of the head, or of the stream */
	size_t line_len;
	unsigned long long id, last; /* of the frame that is being read; of the frames that are whole */
	bool opened, ended;
};

static struct reader *readers;
static size_t count, opened, ended, lost, doubled, failed, events;
static int64_t all_open_us;
static uint32_t *lags;
static size_t lag_count;

static void reader_end(struct reader *r, bool good)
{
	if (r->ended) return;
	r->ended = true;
	ended++;
	if (!good) failed++;
	close(r->fd);
}

static void on_data(struct reader *r, struct str line, int64_t now_us)
{
	static const char key[] = "\"timestamp\":\"";
	int64_t made_us;
	if (!r->id) return;
	events++;
	if (r->id == r->last + 1)
		r->last = r->id;
	else if (r->id <= r->last)
		doubled++;
	else {
		lost += r->id - r->last - 1;
		r->last = r->id;
	}
	r->id = 0;
	const char *at = memmem(line.ptr, line.len, key, sizeof key - 1);
	if (!at) return;
	at += sizeof key - 1;
	const char *end = memchr(at, '"', (size_t)(line.ptr + line.len - at));
	if (!end || !time_parse((struct str){ at, (size_t)(end - at) }, &made_us)) return;
	if (all_open_us && made_us > all_open_us && lag_count < LAGS_MAX)
		lags[lag_count++] = now_us > made_us ? (uint32_t)(now_us - made_us) : 0;
}

static void on_line(struct reader *r, int64_t now_us)
{
	struct str line = { r->line, r->line_len };
	r->line_len = 0;
	if (line.len && line.ptr[line.len - 1] == '\r') line.len--;
	r->line[line.len] = '\0';
	if (r->part == IN_HEAD) {
		if (str_has_prefix(line, STR("HTTP/1.1 ")) && !str_has_prefix(line, STR("HTTP/1.1 200 ")))
			reader_end(r, false);
		if (line.len == 0) {
			r->part = IN_SIZE;
			r->opened = true;
			opened++;
		}
	} else if (str_has_prefix(line, STR("id: "))) {
		r->id = strtoull(line.ptr + 4, NULL, 10);
	} else if (str_has_prefix(line, STR("data: "))) {
		on_data(r, line, now_us);
	}
}

/* A byte of a line: the head's, a chunk size's, or the stream's. */
static bool add(struct reader *r, char c)
{
	if (c == '\n') return true;
	if (r->line_len + 1 < LINE_BYTES_MAX) r->line[r->line_len++] = c;
	return false;
}

static void on_bytes(struct reader *r, const char *p, size_t len)
{
	int64_t now_us = time_now_us();
	for (size_t i = 0; i < len && !r->ended; i++) {
		switch (r->part) {
		case IN_HEAD:
			if (add(r, p[i])) on_line(r, now_us);
			break;
		case IN_SIZE:
			if (!add(r, p[i])) break;
			r->line[r->line_len] = '\0';
			r->chunk_left = strtoul(r->line, NULL, 16);
			r->line_len = 0;
			r->part = r->chunk_left ? IN_CHUNK : AT_END;
			if (r->part == AT_END) reader_end(r, true);
			break;
		case IN_CHUNK: /* a chunk holds whole frames, so no line goes over its end */
			if (add(r, p[i])) on_line(r, now_us);
			if (--r->chunk_left == 0) r->part = AFTER_CHUNK;
			break;
		case AFTER_CHUNK:
			if (p[i] == '\n') {
				r->part = IN_SIZE;
				r->line_len = 0;
			}
			break;
		case AT_END: break;
		}
	}
}

static void reader_open(struct reader *r, int poll, uint16_t port, const char *token, const char *task)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		                  .sin_port = htons(port),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char request[6000];
	int len =
	    snprintf(request, sizeof request,
	             "GET /api/v1/plans/stream?task_id=%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
	             "Last-Event-ID: 0\r\n\r\n",
	             task, token);
	r->fd = socket(AF_INET, SOCK_STREAM, 0);
	r->line = malloc(LINE_BYTES_MAX);
	if (r->fd < 0 || !r->line || connect(r->fd, (struct sockaddr *)&to, sizeof to) != 0)
		die("connect: %s", strerror(errno));
	if (write(r->fd, request, (size_t)len) != len) die("write: %s", strerror(errno));
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = r };
	if (epoll_ctl(poll, EPOLL_CTL_ADD, r->fd, &event) != 0) die("epoll: %s", strerror(errno));
}

static void read_some(int poll, int wait_ms)
{
	static char buffer[256 * 1024];
	struct epoll_event ready[256];
	int n = epoll_wait(poll, ready, COUNT(ready), wait_ms);
	for (int i = 0; i < n; i++) {
		struct reader *r = ready[i].data.ptr;
		ssize_t got = read(r->fd, buffer, sizeof buffer);
		if (got > 0)
			on_bytes(r, buffer, (size_t)got);
		else if (got == 0 || errno != EINTR)
			reader_end(r, false);
	}
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}
static double lag_ms(double share) { return lag_count ? lags[(size_t)(share * (double)(lag_count - 1))] / 1000.0 : 0; }

int main(int argc, char **argv)
{
	static const struct option options[] = { { "port", 1, NULL, 'p' },
		                                 { "token", 1, NULL, 't' },
		                                 { "count", 1, NULL, 'c' },
		                                 { "seconds", 1, NULL, 's' },
		                                 { NULL, 0, NULL, 0 } };
	uint16_t port = 0;
	const char *token = "";
	long seconds = 0;
	for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (o == 'p')
			port = (uint16_t)atoi(optarg);
		else if (o == 't')
			token = optarg;
		else if (o == 'c')
			count = (size_t)atol(optarg);
		else if (o == 's')
			seconds = atol(optarg);
		else
			return 2;
	}
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	readers = calloc(count, sizeof *readers);
	lags = malloc(LAGS_MAX * sizeof *lags);
	int poll = epoll_create1(0);
	if (!readers || !lags || poll < 0 || !count) die("out of memory, or no --count");
	char task[64];
	for (size_t i = 0; i < count; i++) {
		if (!fgets(task, sizeof task, stdin)) die("%zu task ids, not %zu", i, count);
		task[strcspn(task, "\n")] = '\0';
		reader_open(&readers[i], poll, port, token, task);
		while (i + 1 > opened + failed + OPENING_MAX) read_some(poll, 1000);
	}
	while (opened + failed < count) read_some(poll, 1000);
	all_open_us = time_now_us();
	(void)printf("open\n");
	(void)fflush(stdout);
	int64_t until_ms = seconds ? time_monotonic_ms() + seconds * 1000 : INT64_MAX;
	while (ended < count && time_monotonic_ms() < until_ms) read_some(poll, 100);
	qsort(lags, lag_count, sizeof *lags, by_size);
	(void)printf("{\"readers\": %zu, \"ended\": %zu, \"failed\": %zu, \"events\": %zu, \"lost\": %zu, \"doubled\": "
	             "%zu, \"lags\": %zu, "
	             "\"p50_ms\": %.2f, \"p99_ms\": %.2f, \"max_ms\": %.2f}\n",
	             count, ended, failed, events, lost, doubled, lag_count, lag_ms(0.5), lag_ms(0.99), lag_ms(1));
	return lost || doubled || failed ? 1 : 0;
}
