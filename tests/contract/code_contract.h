/* tests/contract/code_contract.h: the promises of store/api/code_store.h in executable form, run over every driver. */
#ifndef PETFOOD_TESTS_CONTRACT_CODE_CONTRACT_H
#define PETFOOD_TESTS_CONTRACT_CODE_CONTRACT_H

#include "store/api/code_store.h"

struct code_contract {
	const char *driver;
	bool (*open_empty)(struct code_store *out); /* a new store; the one before is closed and may go */
};

/* Runs every rule on an empty store of its own. Returns the exit code of a test program. */
int code_contract(const struct code_contract *contract);

#endif
