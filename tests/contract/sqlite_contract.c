/* The contract over the sqlite driver, in a folder of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/sqlite/sqlite_store.h"
#include "tests/contract/store_contract.h"

static char folder[] = "/tmp/petfood_contract_XXXXXX";
static char path[64];

static void remove_files(void)
{
	static const char *const endings[] = { "", "-wal", "-shm", ".lock" };
	char name[80];
	for (size_t i = 0; i < COUNT(endings); i++) {
		(void)snprintf(name, sizeof name, "%s%s", path, endings[i]);
		(void)unlink(name);
	}
}

static bool reopen(struct store *out)
{
	struct error err = { 0 };
	const struct sqlite_store_options options = { .path = str_from(path), .exclusive = true };
	if (sqlite_store_open(&options, out, &err)) return true;
	(void)printf("%s: %s\n", err.reason, err.message);
	return false;
}

static bool open_empty(struct store *out)
{
	remove_files();
	return reopen(out);
}

int main(void)
{
	const struct store_contract contract = { "sqlite", open_empty, reopen };
	if (!mkdtemp(folder)) die("no temporary folder");
	(void)snprintf(path, sizeof path, "%s/store.db", folder);
	int failed = store_contract(&contract);
	remove_files();
	(void)rmdir(folder);
	return failed;
}
