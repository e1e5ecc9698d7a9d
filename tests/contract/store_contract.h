/* tests/contract/store_contract.h: the promises of store/api in executable form, run over every driver of the durable store.
 * A driver exists when it passes; a bug found in one becomes a rule here, so that all are checked for it. */
#ifndef PETFOOD_TESTS_CONTRACT_STORE_CONTRACT_H
#define PETFOOD_TESTS_CONTRACT_STORE_CONTRACT_H

#include "store/api/store.h"

struct store_contract {
	const char *driver;
	bool (*open_empty)(struct store *out); /* a new store; the one before is closed and may go */
	bool (*reopen)(struct store *out);     /* the same one again, after close */
};

/* Runs every rule on an empty store of its own. Returns the exit code of a test program. */
int store_contract(const struct store_contract *contract);

/* Its parts, one file each. */
int contract_queue(const struct store_contract *contract); /* who works on what */
int contract_keys(const struct store_contract *contract);  /* idempotency */
int contract_ends(const struct store_contract *contract);  /* leases that run out, cancel, abandon */
int contract_log(const struct store_contract *contract);   /* numbers, checkpoints, reading */
int contract_plans(const struct store_contract *contract); /* plans, users, the store itself */
int contract_pets(const struct store_contract *contract);  /* pets */
int contract_users(const struct store_contract *contract); /* accounts */
int contract_sessions(const struct store_contract *contract); /* sign-in, refresh, revocation */
int contract_mail(const struct store_contract *contract);  /* mail that waits to be sent */

#endif
