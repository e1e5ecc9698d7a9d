/* store/base/config.h: configuration from one table. A row gives the name, type, default, range, unit, secrecy and one
 * sentence; parser, range check, --help, .env.example, README table and redacted dump all read the rows.
 * Knows no key: the table is the program's (tools/petfoodd/config_table.h). Sources: defaults < .env < environment < flags. */
#ifndef PETFOOD_STORE_BASE_CONFIG_H
#define PETFOOD_STORE_BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/arena.h"
#include "store/base/str.h"

/* C types behind the type words of a table row. */
typedef int64_t config_count;
typedef int64_t config_milliseconds;
typedef int64_t config_seconds;
typedef int64_t config_minutes;
typedef int64_t config_days;
typedef int64_t config_bytes;
typedef bool config_flag;
typedef struct str config_text;  /* NUL-terminated; "" when empty */
typedef struct config_list {
	size_t count;
	struct str *items;
} config_list;                   /* written as JSON list ["a","b"] or a,b */

enum config_type {
	CONFIG_count, CONFIG_milliseconds, CONFIG_seconds, CONFIG_minutes, CONFIG_days, CONFIG_bytes, CONFIG_flag,
	CONFIG_text, CONFIG_list,
};

struct config_key {
	const char *name;   /* upper case: "API_PORT" */
	enum config_type type;
	size_t offset;      /* into the program's config struct */
	const char *fallback;
	const char *min, *max; /* numbers: decimal, "" = none; texts: "a|b|c" in min = allowed words */
	bool secret;        /* never printed */
	const char *doc;    /* one sentence */
};

struct config_source {
	struct arena *arena;      /* owns the texts; outlives the config */
	const char *env_file;     /* NULL: none; a file that is not there is none */
	bool env_file_required;   /* was named by the user */
	char **environment;       /* environ, or NULL */
	int flag_count;           /* pairs "--api-port=9000" already taken off argv, as NAME=value */
	const char *const *flags; /* "API_PORT=9000" */
};

/* Fills `config` from the rows. Fails: INVALID_ARGUMENT/CONFIG_INVALID with a message that names the key, the value (unless
 * secret), the source and what is allowed. Unknown names in .env are ignored (a file may serve other programs too). Names
 * are matched without regard to case. */
MUST_CHECK bool config_load(const struct config_key *keys, size_t key_count, const struct config_source *source,
                            void *config, struct error *err);

/* Unit of a type for people: "seconds", "bytes", "". */
const char *config_type_unit(enum config_type type);
/* One value as text; secrets as "(set)" or "". */
void config_print_value(const struct config_key *key, const void *config, struct strbuf *out);
/* --help, .env.example and the README table. */
void config_print_help(const struct config_key *keys, size_t key_count, struct strbuf *out);
void config_print_env_example(const struct config_key *keys, size_t key_count, struct strbuf *out);
void config_print_markdown(const struct config_key *keys, size_t key_count, struct strbuf *out);

/* The .env grammar: NAME=value, `export` in front, # comments (whole line, or after white space), single and double quotes,
 * \n \" \\ inside double quotes, JSON lists unquoted. Calls back per line; false with the line number in err. */
MUST_CHECK bool config_parse_env(struct arena *arena, struct str text,
                                 bool (*fn)(void *self, struct str name, struct str value, struct error *err),
                                 void *self, struct error *err);

#endif
