#include "store/base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/base/time.h"

static atomic_int level_floor = LOG_INFO;
static atomic_bool as_json = false;

static const struct {
	const char *name;
	enum log_level level;
} level_names[] = {
	{ "debug", LOG_DEBUG }, { "info", LOG_INFO },   { "warning", LOG_WARN },
	{ "warn", LOG_WARN },   { "error", LOG_ERROR }, { "critical", LOG_ERROR },
};

void log_setup(enum log_level level, bool json)
{
	atomic_store(&level_floor, (int)level);
	atomic_store(&as_json, json);
}

bool log_level_from(struct str name, enum log_level *out)
{
	for (size_t i = 0; i < COUNT(level_names); i++) {
		if (str_equal_nocase(name, str_from(level_names[i].name))) {
			*out = level_names[i].level;
			return true;
		}
	}
	return false;
}

bool log_enabled(enum log_level level) { return (int)level >= atomic_load_explicit(&level_floor, memory_order_relaxed); }

static void add_escaped(struct strbuf *line, struct str s)
{
	strbuf_add_char(line, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c == '"' || c == '\\') strbuf_add_char(line, '\\');
		if (c < 0x20 || c == 0x7f)
			strbuf_printf(line, "\\u%04x", c);
		else
			strbuf_add_char(line, (char)c);
	}
	strbuf_add_char(line, '"');
}

static bool is_plain(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c <= 0x20 || c == '"' || c == '=' || c == '\\' || c == 0x7f) return false;
	}
	return s.len > 0;
}

static void add_field(struct strbuf *line, bool json, const struct log_field *f)
{
	if (json)
		strbuf_printf(line, ",\"%s\":", f->key);
	else
		strbuf_printf(line, " %s=", f->key);
	switch (f->kind) {
	case LOG_FIELD_STR:
		if (!json && is_plain(f->text))
			strbuf_add_str(line, f->text);
		else
			add_escaped(line, f->text);
		break;
	case LOG_FIELD_INT: strbuf_printf(line, "%lld", (long long)f->number); break;
	case LOG_FIELD_DOUBLE: strbuf_printf(line, "%.6g", f->real); break;
	case LOG_FIELD_BOOL: strbuf_add_cstr(line, f->number ? "true" : "false"); break;
	}
}

void log_event(enum log_level level, const char *event, size_t count, const struct log_field *fields)
{
	static const char *const names[] = { "debug", "info", "warning", "error" };
	bool json = atomic_load_explicit(&as_json, memory_order_relaxed);
	char at[TIME_TEXT_BYTES];
	time_format(time_now_us(), at);
	struct strbuf line;
	strbuf_init(&line, NULL);
	if (json)
		strbuf_printf(&line, "{\"at\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", at, names[level], event);
	else
		strbuf_printf(&line, "at=%s level=%s event=%s", at, names[level], event);
	for (size_t i = 0; i < count; i++) add_field(&line, json, &fields[i]);
	strbuf_add_cstr(&line, json ? "}\n" : "\n");
	for (size_t done = 0; done < line.len;) { /* one write per line: lines of threads do not mix */
		ssize_t n = write(STDERR_FILENO, line.data + done, line.len - done);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) break; /* nowhere left to say it */
		done += (size_t)n;
	}
	strbuf_fini(&line);
}
