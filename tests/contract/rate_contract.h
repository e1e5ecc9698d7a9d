/* tests/contract/rate_contract.h: the promises of store/api/rate_store.h in executable form, run over every driver. */
#ifndef PETFOOD_TESTS_CONTRACT_RATE_CONTRACT_H
#define PETFOOD_TESTS_CONTRACT_RATE_CONTRACT_H

#include "store/api/rate_store.h"

struct rate_contract {
	const char *driver;
	/* A store with these rules in which nothing is counted; the one before is closed and may go. */
	bool (*open_empty)(const struct rate_rule *rules, size_t count, struct rate_store *out);
};

/* Runs every rule on an empty store of its own. Returns the exit code of a test program. */
int rate_contract(const struct rate_contract *contract);

#endif
