/* store/base/error.h: how every part says that something failed.
 * A code says what the caller can do, a reason is matched on, a message is for the log.
 * Text for people is rendered from the reason and the parameters (rpc/wire/reason.h), never from `message`. */
#ifndef PETFOOD_STORE_BASE_ERROR_H
#define PETFOOD_STORE_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* gRPC's 17 codes with gRPC's numbers (google.rpc.Code). */
enum rpc_code {
	RPC_OK = 0,
	RPC_CANCELLED = 1,
	RPC_UNKNOWN = 2,
	RPC_INVALID_ARGUMENT = 3,
	RPC_DEADLINE_EXCEEDED = 4,
	RPC_NOT_FOUND = 5,
	RPC_ALREADY_EXISTS = 6,
	RPC_PERMISSION_DENIED = 7,
	RPC_RESOURCE_EXHAUSTED = 8,
	RPC_FAILED_PRECONDITION = 9,
	RPC_ABORTED = 10,
	RPC_OUT_OF_RANGE = 11,
	RPC_UNIMPLEMENTED = 12,
	RPC_INTERNAL = 13,
	RPC_UNAVAILABLE = 14,
	RPC_DATA_LOSS = 15,
	RPC_UNAUTHENTICATED = 16,
};
#define RPC_CODE_COUNT 17

/* Upper-case gRPC name of a code, "UNKNOWN" for a number that is none. */
const char *rpc_code_name(enum rpc_code code);

enum {
	ERROR_MESSAGE_BYTES = 192,
	ERROR_PARAMS_MAX = 4,
	ERROR_VIOLATIONS_MAX = 8, /* further ones are dropped: eight are enough to mend a form */
};

/* A value for a {name} in the reason's text. */
struct error_param {
	const char *name; /* static */
	char value[480]; /* a sentence or two; well-formed UTF-8 if what was put in is; cut at a character */
};

/* One input field that is wrong. */
struct violation {
	char field[96];  /* dotted proto path without location prefix: "pet_weight", "allergens[2]" */
	char type[32];   /* stable token of the rule: "string_too_long", "enum", "json_invalid" */
	char message[96]; /* one English sentence; no secrets */
};

struct error {
	enum rpc_code code;
	const char *reason; /* static token that clients may switch on: "PLAN_NOT_FOUND" */
	char message[ERROR_MESSAGE_BYTES]; /* one sentence for the log; no secrets, no newline */
	const char *file;   /* where it was first raised; for logs, never for clients */
	int line;
	size_t param_count;
	struct error_param params[ERROR_PARAMS_MAX];
	size_t violation_count;
	struct violation violations[ERROR_VIOLATIONS_MAX];
};

/* Fills *err (which may be NULL) and returns false, so raising and returning are one statement.
 * Clears parameters and violations. */
#define error_set(err, code, reason, ...) error_set_at((err), (code), (reason), __FILE__, __LINE__, __VA_ARGS__)
bool error_set_at(struct error *err, enum rpc_code code, const char *reason, const char *file, int line,
                  const char *fmt, ...) PRINTF_LIKE(6, 7);

/* Adds context in front of the message; code and reason stay. Returns false. */
bool error_context(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Adds a parameter for the reason's text; a full list drops it. Returns false. */
bool error_param(struct error *err, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Adds a field violation; the first one turns *err into INVALID_ARGUMENT/VALIDATION_FAILED. Returns false. */
bool error_violation(struct error *err, const char *field, const char *type, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* The stored error reason for a write whose outcome is unknown: look before repeating. */
#define REASON_WRITE_UNCERTAIN "WRITE_UNCERTAIN"

bool error_is(const struct error *err, const char *reason);
void error_clear(struct error *err);

/* Ends the process with a line on stderr: for our own mistakes and exhausted memory only. */
_Noreturn void die_at(const char *file, int line, const char *fmt, ...) PRINTF_LIKE(3, 4);
#define die(...) die_at(__FILE__, __LINE__, __VA_ARGS__)

#endif
