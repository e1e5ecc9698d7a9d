/* store/schema/migration.h: the numbered migrations, embedded at build (embed.cmake). The same files serve every engine;
 * words in braces were replaced by the engine's types. */
#ifndef PETFOOD_STORE_SCHEMA_MIGRATION_H
#define PETFOOD_STORE_SCHEMA_MIGRATION_H

#include <stddef.h>

struct migration {
	int version;          /* 1, 2, 3 … without gaps */
	const char *name;     /* of the file, without number and ending */
	const char *checksum; /* SHA-256 of the file as it stands in the tree, hex */
	const char *sql;      /* statements ended by ;, to be run in one transaction */
};
extern const struct migration schema_sqlite[];
extern const size_t schema_sqlite_count;

#endif
