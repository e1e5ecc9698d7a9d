/* The files of a corpus through their target, without libFuzzer: what a fuzzer once found stays tested with every compiler. Each
 * file also goes through cut short at up to CUTS places: a decoder meets its worst mistakes at the end of its input. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

enum { FILES_MAX = 1000, FILE_BYTES_MAX = 1 << 20, CUTS = 64 };

static char under_way[512]; /* for the last words of a crash */

static void tell(int number)
{
	static const char head[] = "\nFAILED on ";
	(void)signal(number, SIG_DFL);
	if (write(STDERR_FILENO, head, sizeof head - 1) < 0 || write(STDERR_FILENO, under_way, strlen(under_way)) < 0 ||
	    write(STDERR_FILENO, "\n", 1) < 0) {
		_exit(1);
	}
	(void)raise(number);
}

static bool read_file(const char *path, struct strbuf *out)
{
	char chunk[4096];
	size_t n;
	FILE *f = fopen(path, "re");
	if (!f) return false;
	while (out->len < FILE_BYTES_MAX && (n = fread(chunk, 1, sizeof chunk, f)) > 0) strbuf_add(out, chunk, n);
	bool ok = !ferror(f);
	(void)fclose(f);
	return ok;
}

/* In memory of its own with nothing behind it, as libFuzzer gives it: the sanitizer then sees a read beyond the end. */
static void run_one(const char *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	if (!copy) die("out of memory");
	if (len) memcpy(copy, bytes, len);
	(void)LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static int run_file(const char *path)
{
	struct strbuf bytes;
	int runs = 0;
	strbuf_init(&bytes, NULL);
	(void)snprintf(under_way, sizeof under_way, "%s", path);
	if (!read_file(path, &bytes)) die("cannot read %s", path);
	run_one(bytes.data, bytes.len);
	runs++;
	size_t step = bytes.len / CUTS + 1;
	for (size_t cut = 0; cut < bytes.len; cut += step) {
		(void)snprintf(under_way, sizeof under_way, "the first %zu bytes of %s", cut, path);
		run_one(bytes.data, cut);
		runs++;
	}
	strbuf_fini(&bytes);
	return runs;
}

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

int main(int argc, char **argv)
{
	static char *names[FILES_MAX];
	int count = 0, runs = 0;
	static const int last_words[] = { SIGABRT, SIGSEGV, SIGFPE, SIGBUS };
	if (argc != 2) die("usage: %s FOLDER-OF-THE-CORPUS | FILE", argv[0]);
	for (size_t i = 0; i < COUNT(last_words); i++) (void)signal(last_words[i], tell);
	DIR *dir = opendir(argv[1]);
	if (!dir) {
		runs = run_file(argv[1]);
		count = 1;
	}
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		if (entry->d_name[0] == '.') continue;
		if (count == FILES_MAX) die("more than %d files in %s", FILES_MAX, argv[1]);
		if (asprintf(&names[count++], "%s/%s", argv[1], entry->d_name) < 0) die("out of memory");
	}
	if (dir) {
		(void)closedir(dir);
		qsort(names, (size_t)count, sizeof *names, by_name);
		for (int i = 0; i < count; i++) {
			runs += run_file(names[i]);
			free(names[i]);
		}
	}
	(void)printf("%s: %d inputs\n%d passed, 0 failed\n", argv[1], runs, count);
	return count == 0;
}
