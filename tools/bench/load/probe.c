/* A client that must not notice what others do to the server: GETs at a fixed rate, and one progress stream.
 *   probe --port N [--tls] --token T --path P [--rate N] [--threads N] [--fresh N] [--seconds S] [--task ID]
 * Each request is due at its own time whether or not the one before was answered, and its latency counts from then: a server that
 * stands still for a second shows as many slow answers, not as one. Anything but 200 within 10 s is a failure. Each --fresh'th
 * request comes on a connection of its own. --task follows that task's stream by its cursor for as long; its events must be
 * 1, 2, 3… without a gap. Without --seconds it goes on until stdin ends. One line of JSON at the end; the exit code is 0 if nothing failed. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/time.h"

enum { TIMEOUT_S = 10, HEAD_BYTES_MAX = 64 * 1024, THREADS_MAX = 64, SAMPLES_MAX = 4 * 1000 * 1000, REASONS_MAX = 8 };

static struct {
	uint16_t port;
	const char *token, *path, *task;
	int rate, threads, fresh, seconds;
	bool tls;
} opt = { .rate = 500, .threads = 8, .fresh = 20, .path = "/health", .token = "" };

static SSL_CTX *tls;
static atomic_bool ended;
static atomic_llong next_request;
static int64_t began_us;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* for what follows */
static uint32_t *latencies_us;
static size_t answered, failed;
static struct {
	char text[96];
	size_t count;
} reasons[REASONS_MAX];

/* What the stream has seen; read after its thread has ended. */
static struct {
	uint64_t last;
	size_t connections, gaps, longest_ms;
	char why[96]; /* the first thing that was wrong */
} followed;

struct line {
	int fd;
	SSL *ssl;
	char bytes[HEAD_BYTES_MAX];
	size_t len;
};

static void note_failure(const char *why)
{
	pthread_mutex_lock(&lock);
	failed++;
	for (size_t i = 0; i < REASONS_MAX; i++) {
		if (reasons[i].count && strcmp(reasons[i].text, why) != 0) continue;
		(void)snprintf(reasons[i].text, sizeof reasons[i].text, "%s", why);
		reasons[i].count++;
		break;
	}
	pthread_mutex_unlock(&lock);
}

/* ---- one connection, blocking ---- */

static void line_close(struct line *line)
{
	SSL_free(line->ssl);
	if (line->fd != -1) (void)close(line->fd);
	line->fd = -1;
	line->ssl = NULL;
	line->len = 0;
}

static const char *line_open(struct line *line)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(opt.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval limit = { .tv_sec = TIMEOUT_S };
	int on = 1;
	line->len = 0;
	line->ssl = NULL;
	line->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (line->fd == -1) return "socket";
	(void)setsockopt(line->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	(void)setsockopt(line->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	(void)setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(line->fd, (struct sockaddr *)&to, sizeof to) != 0) return "connect";
	if (!opt.tls) return NULL;
	line->ssl = SSL_new(tls);
	if (!line->ssl || SSL_set_fd(line->ssl, line->fd) != 1 || SSL_connect(line->ssl) != 1) return "tls";
	return NULL;
}

static bool line_send(struct line *line, const char *bytes, size_t len)
{
	if (line->ssl) return SSL_write(line->ssl, bytes, (int)len) == (int)len;
	return send(line->fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* Appends what is there; 0 = the end, or nothing for TIMEOUT_S. */
static size_t line_read(struct line *line)
{
	size_t room = sizeof line->bytes - line->len;
	if (room == 0) return 0;
	ssize_t n = line->ssl ? SSL_read(line->ssl, line->bytes + line->len, (int)room) : recv(line->fd, line->bytes + line->len, room, 0);
	if (n <= 0) return 0;
	line->len += (size_t)n;
	return (size_t)n;
}

static void line_consume(struct line *line, size_t len)
{
	memmove(line->bytes, line->bytes + len, line->len - len);
	line->len -= len;
}

/* Bytes up to and with the mark; 0 = the connection ended before it. */
static size_t line_until(struct line *line, const char *mark)
{
	for (;;) {
		const char *at = memmem(line->bytes, line->len, mark, strlen(mark));
		if (at) return (size_t)(at - line->bytes) + strlen(mark);
		if (!line_read(line)) return 0;
	}
}

/* ---- requests ---- */

static bool send_get(struct line *line, const char *path, const char *more)
{
	char request[8192];
	int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n%s\r\n", path, opt.token, more);
	return n > 0 && (size_t)n < sizeof request && line_send(line, request, (size_t)n);
}

static const char *get_once(struct line *line)
{
	static _Thread_local char why[64];
	if (line->fd == -1) {
		const char *wrong = line_open(line);
		if (wrong) return wrong;
	}
	if (!send_get(line, opt.path, "")) return "send";
	size_t head = line_until(line, "\r\n\r\n");
	if (!head) return line->len ? "cut within the head" : errno == EAGAIN ? "no answer in time" : "closed without an answer";
	line->bytes[head - 1] = 0;
	const char *length = strcasestr(line->bytes, "\r\ncontent-length: ");
	if (memcmp(line->bytes, "HTTP/1.1 200", 12) != 0) {
		(void)snprintf(why, sizeof why, "%.40s", line->bytes);
		why[strcspn(why, "\r\n")] = 0;
		return why;
	}
	if (!length) return "no length";
	size_t whole = head + strtoul(length + 18, NULL, 10);
	while (line->len < whole) {
		if (!line_read(line)) return "cut within the body";
	}
	line_consume(line, whole);
	return NULL;
}

static void sleep_until_us(int64_t at_us)
{
	int64_t left = at_us - time_monotonic_us();
	if (left <= 0) return;
	struct timespec span = { left / 1000000, left % 1000000 * 1000 };
	(void)nanosleep(&span, NULL);
}

static void *ask(void *unused)
{
	struct line *line = calloc(1, sizeof *line);
	if (!line) die("out of memory");
	line->fd = -1;
	(void)unused;
	for (;;) {
		long long number = atomic_fetch_add(&next_request, 1);
		int64_t due_us = began_us + number * 1000000 / opt.rate;
		if (opt.seconds && due_us >= began_us + opt.seconds * 1000000LL) break;
		sleep_until_us(due_us);
		if (atomic_load(&ended)) break;
		if (opt.fresh && number % opt.fresh == 0) line_close(line);
		const char *why = get_once(line);
		int64_t took_us = time_monotonic_us() - due_us;
		if (why) {
			note_failure(why);
			line_close(line);
			continue;
		}
		pthread_mutex_lock(&lock);
		if (answered < SAMPLES_MAX) latencies_us[answered++] = (uint32_t)took_us;
		pthread_mutex_unlock(&lock);
	}
	line_close(line);
	free(line);
	return NULL;
}

/* ---- the stream ---- */

static void note_stream(const char *why)
{
	if (!followed.why[0]) (void)snprintf(followed.why, sizeof followed.why, "%s", why);
}

/* Ids of the whole frames of one connection; the rest of a frame that was cut does not count. */
static void read_frames(struct line *line)
{
	int64_t last_ms = time_monotonic_ms();
	char *text = malloc(HEAD_BYTES_MAX);
	size_t len = 0, size;
	if (!text) die("out of memory");
	while (!atomic_load(&ended)) {
		size_t head = line_until(line, "\r\n");
		if (!head) break;
		size = strtoul(line->bytes, NULL, 16);
		line_consume(line, head);
		if (size == 0) break;
		while (line->len < size + 2 && line_read(line)) {}
		if (line->len < size + 2 || len + size >= HEAD_BYTES_MAX) break;
		memcpy(text + len, line->bytes, size);
		len += size;
		line_consume(line, size + 2);
		for (char *end; (end = memmem(text, len, "\n\n", 2)) != NULL;) {
			*end = 0;
			const char *id = strncmp(text, "id: ", 4) == 0 ? text : strstr(text, "\nid: ");
			if (id) {
				uint64_t number = strtoull(strchr(id, ' '), NULL, 10);
				int64_t now_ms = time_monotonic_ms();
				if (number != followed.last + 1) followed.gaps++;
				if ((size_t)(now_ms - last_ms) > followed.longest_ms) followed.longest_ms = (size_t)(now_ms - last_ms);
				followed.last = number;
				last_ms = now_ms;
			}
			size_t used = (size_t)(end - text) + 2;
			memmove(text, end + 2, len - used);
			len -= used;
		}
	}
	free(text);
}

static void *follow(void *unused)
{
	char path[256], cursor[64];
	struct line *line = calloc(1, sizeof *line);
	if (!line) die("out of memory");
	(void)unused;
	(void)snprintf(path, sizeof path, "/api/v1/plans/stream?task_id=%s", opt.task);
	while (!atomic_load(&ended) && followed.connections < 100) {
		followed.connections++;
		const char *why = line_open(line);
		(void)snprintf(cursor, sizeof cursor, "Last-Event-ID: %llu\r\n", (unsigned long long)followed.last);
		if (why)
			note_stream(why);
		else if (!send_get(line, path, followed.last ? cursor : ""))
			note_stream("send");
		else {
			size_t head = line_until(line, "\r\n\r\n");
			if (!head || memcmp(line->bytes, "HTTP/1.1 200", 12) != 0) {
				note_stream(head ? "refused" : "closed without an answer");
			} else {
				line_consume(line, head);
				read_frames(line);
				if (!atomic_load(&ended)) note_stream("cut");
			}
		}
		line_close(line);
	}
	free(line);
	return NULL;
}

/* ---- the whole ---- */

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static unsigned at_share(double share)
{
	return answered ? latencies_us[(size_t)((double)(answered - 1) * share)] : 0;
}

static void print_result(void)
{
	qsort(latencies_us, answered, sizeof *latencies_us, by_size);
	(void)printf("{\"answered\":%zu,\"failed\":%zu,\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u,\"reasons\":{", answered, failed, at_share(0.5),
	             at_share(0.99), at_share(1));
	for (size_t i = 0; i < REASONS_MAX && reasons[i].count; i++)
		(void)printf("%s\"%s\":%zu", i ? "," : "", reasons[i].text, reasons[i].count);
	(void)printf("},\"events\":%llu,\"stream_connections\":%zu,\"stream_gaps\":%zu,\"stream_longest_ms\":%zu,\"stream_wrong\":\"%s\"}\n",
	             (unsigned long long)followed.last, followed.connections, followed.gaps, followed.longest_ms, followed.why);
	(void)fflush(stdout);
}

static bool arguments_read(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },    { "tls", no_argument, NULL, 't' },        { "token", required_argument, NULL, 'k' },
		{ "path", required_argument, NULL, 'a' },    { "rate", required_argument, NULL, 'r' }, { "threads", required_argument, NULL, 'c' },
		{ "fresh", required_argument, NULL, 'f' },   { "task", required_argument, NULL, 's' }, { "seconds", required_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 },
	};
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
		case 'p': opt.port = (uint16_t)atoi(optarg); break;
		case 't': opt.tls = true; break;
		case 'k': opt.token = optarg; break;
		case 'a': opt.path = optarg; break;
		case 'r': opt.rate = atoi(optarg); break;
		case 'c': opt.threads = atoi(optarg); break;
		case 'f': opt.fresh = atoi(optarg); break;
		case 's': opt.task = optarg; break;
		case 'd': opt.seconds = atoi(optarg); break;
		default: return false;
		}
	}
	return opt.port && opt.rate > 0 && opt.threads > 0 && opt.threads <= THREADS_MAX && optind == argc;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS_MAX], follower;
	if (!arguments_read(argc, argv)) {
		(void)fprintf(stderr, "usage: probe --port N [--tls] [--token T] [--path P] [--rate N] [--threads N] [--fresh N] [--seconds S] [--task ID]\n");
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	if (opt.tls && !(tls = SSL_CTX_new(TLS_client_method()))) die("no TLS");
	latencies_us = malloc(SAMPLES_MAX * sizeof *latencies_us);
	if (!latencies_us) die("out of memory");
	began_us = time_monotonic_us();
	if (opt.task && pthread_create(&follower, NULL, follow, NULL) != 0) die("no thread");
	for (int i = 0; i < opt.threads; i++)
		if (pthread_create(&threads[i], NULL, ask, NULL) != 0) die("no thread");
	if (!opt.seconds) {
		char byte;
		while (read(STDIN_FILENO, &byte, 1) > 0) {}
		atomic_store(&ended, true);
	}
	for (int i = 0; i < opt.threads; i++) (void)pthread_join(threads[i], NULL);
	atomic_store(&ended, true);
	if (opt.task) (void)pthread_join(follower, NULL);
	print_result();
	return failed || followed.gaps || followed.why[0] ? 1 : 0;
}
