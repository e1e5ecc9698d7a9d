#include "store/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/str.h"

#include "store/base/str.h"

const char *rpc_code_name(enum rpc_code code)
{
	static const char *const names[RPC_CODE_COUNT] = {
		"OK",                "CANCELLED",           "UNKNOWN",   "INVALID_ARGUMENT", "DEADLINE_EXCEEDED",
		"NOT_FOUND",         "ALREADY_EXISTS",      "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
		"ABORTED",           "OUT_OF_RANGE",        "UNIMPLEMENTED", "INTERNAL",     "UNAVAILABLE",
		"DATA_LOSS",         "UNAUTHENTICATED",
	};
	return (unsigned)code < RPC_CODE_COUNT ? names[code] : "UNKNOWN";
}

void error_clear(struct error *err)
{
	if (!err) return;
	err->code = RPC_OK;
	err->reason = "";
	err->message[0] = '\0';
	err->file = "";
	err->line = 0;
	err->param_count = 0;
	err->violation_count = 0;
}

/* A message goes into one log line and may quote what came from outside. */
static void one_line(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20) *text = ' ';
}

bool error_set_at(struct error *err, enum rpc_code code, const char *reason, const char *file, int line,
                  const char *fmt, ...)
{
	if (!err) return false;
	error_clear(err);
	err->code = code;
	err->reason = reason;
	err->file = file;
	err->line = line;
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(err->message, sizeof err->message, fmt, args);
	va_end(args);
	one_line(err->message);
	return false;
}

bool error_context(struct error *err, const char *fmt, ...)
{
	if (!err) return false;
	char joined[ERROR_MESSAGE_BYTES];
	va_list args;
	va_start(args, fmt);
	int head = vsnprintf(joined, sizeof joined, fmt, args);
	va_end(args);
	if (head >= 0 && (size_t)head < sizeof joined)
		(void)snprintf(joined + head, sizeof joined - (size_t)head, ": %s", err->message);
	memcpy(err->message, joined, sizeof err->message);
	one_line(err->message);
	return false;
}

bool error_param(struct error *err, const char *name, const char *fmt, ...)
{
	if (!err || err->param_count == ERROR_PARAMS_MAX) return false;
	struct error_param *param = &err->params[err->param_count++];
	param->name = name;
	va_list args;
	va_start(args, fmt);
	int wanted = vsnprintf(param->value, sizeof param->value, fmt, args);
	va_end(args);
	if (wanted >= (int)sizeof param->value) {
		/* Half a character would make the reply that quotes it malformed. */
		size_t end = sizeof param->value - 1;
		while (end && !str_is_utf8((struct str){ param->value, end })) end--;
		param->value[end] = 0;
	}
	one_line(param->value);
	return false;
}

bool error_violation(struct error *err, const char *field, const char *type, const char *fmt, ...)
{
	if (!err) return false;
	if (!error_is(err, "VALIDATION_FAILED"))
		error_set(err, RPC_INVALID_ARGUMENT, "VALIDATION_FAILED", "field %s: %s", field, type);
	if (err->violation_count == ERROR_VIOLATIONS_MAX) return false;
	struct violation *v = &err->violations[err->violation_count++];
	(void)snprintf(v->field, sizeof v->field, "%s", field);
	(void)snprintf(v->type, sizeof v->type, "%s", type);
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(v->message, sizeof v->message, fmt, args);
	va_end(args);
	one_line(v->message);
	return false;
}

bool error_is(const struct error *err, const char *reason)
{
	return err && err->code != RPC_OK && err->reason && strcmp(err->reason, reason) == 0;
}

void die_at(const char *file, int line, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	(void)fprintf(stderr, "petfood: fatal: %s:%d: ", file, line);
	(void)vfprintf(stderr, fmt, args);
	(void)fputc('\n', stderr);
	va_end(args);
	abort();
}
