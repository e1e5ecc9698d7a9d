/* cut_reader: reads one progress stream again and again, cut after a given number of bytes each time, goes on as EventSource does
 * (Last-Event-ID), and compares what the two readings gave together with the log: 1..n, each once, equal data, one `done`.
 *   cut_reader --port=P --path=/api/v1/plans/stream?task_id=…&last_event_id=0 --log=FILE [--from=N] [--step=N] [--http2]
 *              token on standard input
 *   cut_reader --certificate=DIRECTORY   writes cert.pem and key.pem for localhost
 * Over HTTP/2 the bytes around each frame's beginning are cut at beside what --from and --step say.
 * FILE holds the log as it is stored: for each event "<number> <bytes>\n", its data, "\n". Over HTTP/2 every second cut resets the
 * stream and goes on over the same connection; else the connection is closed. Prints one line of JSON; exit code 1: a violation. */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/log.h"
#include "store/base/str.h"
#include "tests/integration/cut_reader/line.h"

enum { THREADS = 4, EVENTS_MAX = 10000 };

/* Where a cut fell. */
enum place { IN_HEAD, BETWEEN_FRAMES, IN_FRAME, IN_CHARACTER, IN_CHUNK_MARK, AT_THE_END, PLACES };
static const char *const place_names[PLACES] = { "head", "between", "frame", "character", "mark", "end" };

static struct {
	struct target target;
	struct str log[EVENTS_MAX + 1]; /* by number */
	uint64_t last;
	long from, step, size;
	struct line_marks marks; /* HTTP/2 */
	atomic_long cuts, violations, bytes, places[PLACES];
} run;

/* ---- one reader, over both its connections ---- */

struct reader {
	long cut_at; /* for the report */
	uint64_t last;
	unsigned done, others; /* `done`, and what else came without a number */
	bool wrong;
	/* the frame at hand (HTML standard, 9.2.6) */
	struct strbuf line, data;
	int64_t id;
	bool has_id, has_data;
	unsigned continuation; /* bytes that a UTF-8 character still lacks */
};

static void violation(struct reader *r, const char *what)
{
	r->wrong = true;
	if (atomic_fetch_add(&run.violations, 1) < 20)
		(void)fprintf(stderr, "VIOLATION cut at byte %ld, after event %llu: %s\n", r->cut_at,
		              (unsigned long long)r->last, what);
}

static void on_frame(struct reader *r)
{
	struct str data = strbuf_str(&r->data);
	if (!r->has_data) return;
	if (!r->has_id) {
		bool done = str_find(data, STR("\"type\":\"done\""), 0) != SIZE_MAX;
		*(done ? &r->done : &r->others) += 1;
		if (done && r->last != run.last) violation(r, "`done` before the last event");
		return;
	}
	if ((uint64_t)r->id != r->last + 1 || r->done)
		violation(r, "an event out of turn");
	else if ((uint64_t)r->id > run.last || !str_equal(data, run.log[r->id]))
		violation(r, "data that the log does not hold");
	r->last = (uint64_t)r->id;
}

static void on_line(struct reader *r, struct str line)
{
	if (line.len == 0) {
		on_frame(r);
		r->data.len = 0;
		r->has_data = r->has_id = false;
		return;
	}
	size_t colon = str_find(line, STR(":"), 0);
	if (colon == 0) return; /* a comment */
	struct str name = line, value = STR_NONE;
	if (colon != SIZE_MAX) {
		name.len = colon;
		value = (struct str){ line.ptr + colon + 1, line.len - colon - 1 };
		if (str_has_prefix(value, STR(" "))) value.ptr++, value.len--;
	}
	if (str_equal(name, STR("id"))) {
		r->has_id = str_to_int64(value, &r->id);
		if (!r->has_id) violation(r, "an id that is no number");
	} else if (str_equal(name, STR("data"))) {
		if (r->has_data) strbuf_add_char(&r->data, '\n');
		strbuf_add_str(&r->data, value);
		r->has_data = true;
	}
}

static void count_character(struct reader *r, unsigned char c)
{
	if (r->continuation)
		r->continuation--;
	else
		r->continuation = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
}

static void on_bytes(struct reader *r, const char *bytes, size_t len)
{
	for (const char *at = bytes, *end = bytes + len; at < end;) {
		const char *mark = memchr(at, '\n', (size_t)(end - at));
		strbuf_add(&r->line, at, (size_t)((mark ? mark : end) - at));
		if (mark) {
			on_line(r, strbuf_str(&r->line));
			r->line.len = 0;
		}
		at = mark ? mark + 1 : end;
	}
	if (len == 0) return;
	/* The last character decides: back to its first byte. */
	size_t back = 1;
	while (back < len && back < 4 && ((unsigned char)bytes[len - back] & 0xc0) == 0x80) back++;
	if (((unsigned char)bytes[len - back] & 0xc0) != 0x80) r->continuation = 0;
	for (size_t i = len - back; i < len; i++) count_character(r, (unsigned char)bytes[i]);
}

static void read_body(struct reader *r, struct line *line)
{
	char bytes[8192];
	size_t got;
	while ((got = line_body(line, bytes, sizeof bytes))) on_bytes(r, bytes, got);
	atomic_fetch_add(&run.bytes, line->received);
}

static enum place place_of(const struct reader *r, const struct line *line)
{
	if (!line->status) return IN_HEAD;
	if (line->ended) return AT_THE_END;
	if (r->continuation) return IN_CHARACTER;
	if (line->left == 0 && (line->len || line->chunk_closed)) return IN_CHUNK_MARK;
	return r->line.len || r->has_data || r->has_id ? IN_FRAME : BETWEEN_FRAMES;
}

/* What a cut left half is dropped, as a browser does. */
static void drop_half(struct reader *r)
{
	r->line.len = r->data.len = 0;
	r->has_data = r->has_id = false;
	r->continuation = 0;
}

static void reader_init(struct reader *r, long cut_at)
{
	*r = (struct reader){ .cut_at = cut_at };
	strbuf_init(&r->line, NULL);
	strbuf_init(&r->data, NULL);
}

static void reader_fini(struct reader *r)
{
	strbuf_fini(&r->line);
	strbuf_fini(&r->data);
}

/* One reading up to its end. */
static void read_rest(struct reader *r, struct line *line)
{
	bool nothing_left = r->last == run.last;
	if (!line_get(line, r->last, LINE_NO_BUDGET)) {
		violation(r, "no connection");
		return;
	}
	read_body(r, line);
	if (!line->ended)
		violation(r, "the stream did not end");
	else if (line->status != (nothing_left ? 204 : 200))
		violation(r, "a wrong status");
	if (r->last != run.last) violation(r, "events are missing");
	if (r->others) violation(r, "a frame that nobody asked for");
	if (r->done > 1 || (r->done == 0 && !nothing_left)) violation(r, "not one `done`");
}

static void cut_once(struct line *line, long at)
{
	struct reader r;
	reader_init(&r, at);
	if (line_get(line, 0, at)) {
		read_body(&r, line);
		atomic_fetch_add(&run.places[place_of(&r, line)], 1);
		if (!line->cut && !line->ended) violation(&r, "the connection ended by itself");
	} else {
		violation(&r, "no connection");
	}
	bool keep = line->ssl && at % 2 && line->cut;
	if (line->ended) {
		/* Chunks fell otherwise than when the run was recorded, and the whole answer was shorter than the cut. */
	} else if (keep) {
		line_reset(line);
	} else {
		line_close(line);
	}
	drop_half(&r);
	r.done = 0;
	read_rest(&r, line);
	/* Over HTTP/1.1 the connection serves the next reader; over HTTP/2 each cut counts from a connection's first byte. */
	if (line->ssl || r.wrong) line_close(line);
	atomic_fetch_add(&run.cuts, 1);
	reader_fini(&r);
}

static void *cut_many(void *self)
{
	long first = run.from + run.step * (long)(intptr_t)self;
	struct line *line = malloc(sizeof *line);
	if (!line) die("out of memory");
	line_init(line, &run.target);
	for (long at = first; at <= run.size; at += run.step * THREADS) cut_once(line, at);
	/* Around each frame's beginning, and inside its head. */
	for (size_t i = (size_t)(intptr_t)self; i < run.marks.count; i += THREADS)
		for (long at = run.marks.at[i] - 1; at <= run.marks.at[i] + 9; at++)
			if (at > 0) cut_once(line, at);
	line_close(line);
	free(line);
	return NULL;
}

/* ---- setting up ---- */

static void read_log(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (!file) die("cannot read %s", path);
	unsigned long long number;
	size_t size;
	while (fscanf(file, "%llu %zu", &number, &size) == 2) {
		char *data = malloc(size + 1);
		if (!data || number != run.last + 1 || number > EVENTS_MAX || fgetc(file) != '\n' ||
		    fread(data, 1, size, file) != size)
			die("%s is no log", path);
		run.last = number;
		run.log[number] = (struct str){ data, size };
	}
	fclose(file);
	if (run.last == 0) die("%s is empty", path);
}

static void write_certificate(const char *folder)
{
	char path[1024];
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	if (!key || !cert) die("no key");
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 24L * 3600);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"localhost",
	                           -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_sign(cert, key, EVP_sha256());
	(void)snprintf(path, sizeof path, "%s/cert.pem", folder);
	FILE *file = fopen(path, "w");
	if (!file || PEM_write_X509(file, cert) != 1 || fclose(file) != 0) die("cannot write %s", path);
	(void)snprintf(path, sizeof path, "%s/key.pem", folder);
	file = fopen(path, "w");
	if (!file || PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) != 1 || fclose(file) != 0)
		die("cannot write %s", path);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static SSL_CTX *tls_client(void)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
	static const unsigned char h2[] = { 2, 'h', '2' };
	if (!tls || SSL_CTX_set_alpn_protos(tls, h2, sizeof h2) != 0) die("no TLS");
	return tls;
}

/* The whole answer once: how many bytes there are to cut at. */
static void record(void)
{
	struct reader r;
	struct line *line = malloc(sizeof *line);
	if (!line) die("out of memory");
	reader_init(&r, 0);
	line_init(line, &run.target);
	line->marks = &run.marks;
	read_rest(&r, line);
	run.size = line->received;
	line_close(line);
	free(line);
	reader_fini(&r);
}

int main(int argc, char **argv)
{
	static char token[4096];
	bool http2 = false;
	const char *log_path = NULL;
	run.from = run.step = 1;
	for (int i = 1; i < argc; i++) {
		char *value = strchr(argv[i], '=');
		struct str name = { argv[i], value ? (size_t)(value++ - argv[i]) : strlen(argv[i]) };
		if (str_equal(name, STR("--http2")))
			http2 = true;
		else if (!value)
			die("%s is no option", argv[i]);
		else if (str_equal(name, STR("--port")))
			run.target.port = (uint16_t)atoi(value);
		else if (str_equal(name, STR("--path")))
			run.target.path = value;
		else if (str_equal(name, STR("--log")))
			log_path = value;
		else if (str_equal(name, STR("--from")))
			run.from = atol(value);
		else if (str_equal(name, STR("--step")))
			run.step = atol(value);
		else if (str_equal(name, STR("--certificate")))
			return write_certificate(value), 0;
		else
			die("%s is no option", argv[i]);
	}
	if (!log_path || !run.target.path || run.from < 1 || run.step < 1) die("see the head of main.c");
	if (scanf("%4095s", token) != 1) die("no token");
	run.target.token = token;
	if (http2) run.target.tls = tls_client();
	(void)signal(SIGPIPE, SIG_IGN); /* SSL_write to a closed connection */
	read_log(log_path);
	record();

	pthread_t threads[THREADS];
	for (intptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, cut_many, (void *)i) != 0) die("no thread");
	for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
	(void)printf("{\"events\":%llu,\"size\":%ld,\"cuts\":%ld,\"violations\":%ld,\"bytes\":%ld",
	             (unsigned long long)run.last, run.size, run.cuts, run.violations, run.bytes);
	for (int i = 0; i < PLACES; i++) (void)printf(",\"%s\":%ld", place_names[i], run.places[i]);
	(void)printf("}\n");
	for (uint64_t n = 1; n <= run.last; n++) free((void *)(uintptr_t)run.log[n].ptr);
	SSL_CTX_free(run.target.tls);
	return run.violations || !run.cuts;
}
