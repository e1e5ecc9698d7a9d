/* store/base/log.h: one line per event on stderr, key=value or JSON. Any thread. An error is logged once, where it is
 * handled. Secrets and addresses are hashed or absent: nothing here can tell them from other text. */
#ifndef PETFOOD_STORE_BASE_LOG_H
#define PETFOOD_STORE_BASE_LOG_H

#include <stdint.h>

#include "store/base/error.h"
#include "store/base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
	const char *key; /* static, [a-z_]+ */
	enum { LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_DOUBLE, LOG_FIELD_BOOL } kind;
	struct str text; /* borrowed for the call */
	int64_t number;
	double real;
};
#define LOG_TEXT(k, v) ((struct log_field){ .key = (k), .kind = LOG_FIELD_STR, .text = (v) })
#define LOG_CSTR(k, v) ((struct log_field){ .key = (k), .kind = LOG_FIELD_STR, .text = str_from(v) })
#define LOG_INT(k, v) ((struct log_field){ .key = (k), .kind = LOG_FIELD_INT, .number = (int64_t)(v) })
#define LOG_DOUBLE(k, v) ((struct log_field){ .key = (k), .kind = LOG_FIELD_DOUBLE, .real = (v) })
#define LOG_BOOL(k, v) ((struct log_field){ .key = (k), .kind = LOG_FIELD_BOOL, .number = (v) })

/* Once, before threads start. */
void log_setup(enum log_level level, bool json);
bool log_level_from(struct str name, enum log_level *out); /* debug, info, warning (or warn), error (or critical) */
bool log_enabled(enum log_level level);

void log_event(enum log_level level, const char *event, size_t count, const struct log_field *fields);
/* event: stable dotted name, "task.claimed" */
#define LOG_AT(level, event, ...) \
	do { \
		if (log_enabled(level)) { \
			const struct log_field log_fields_[] = { __VA_ARGS__ }; \
			log_event((level), (event), COUNT(log_fields_), log_fields_); \
		} \
	} while (0)
#define log_debug(event, ...) LOG_AT(LOG_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...) LOG_AT(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...) LOG_AT(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) LOG_AT(LOG_ERROR, event, __VA_ARGS__)
/* The fields of an error: code, reason, message, where. */
#define LOG_ERR(err) \
	LOG_CSTR("code", rpc_code_name((err)->code)), LOG_CSTR("reason", (err)->reason), LOG_CSTR("error", (err)->message), \
		LOG_CSTR("file", (err)->file), LOG_INT("line", (err)->line)

#endif
