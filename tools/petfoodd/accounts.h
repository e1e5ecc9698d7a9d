/* tools/petfoodd/accounts.h: what accounts work with, by configuration: how passwords are hashed, codes and the mail that carries them,
 * revoked sessions. */
#ifndef PETFOOD_TOOLS_PETFOODD_ACCOUNTS_H
#define PETFOOD_TOOLS_PETFOODD_ACCOUNTS_H

#include "rpc/service/services.h"
#include "tools/petfoodd/setup.h"

/* Starts the mail queue and the reader of revoked sessions. setup, keys and store are borrowed. *out must stay where it is until
 * accounts_close, which also undoes an open that failed halfway. Fails as setup_mail; CONFIG_INVALID; as the store. */
MUST_CHECK bool accounts_open(struct arena *arena, const struct setup *setup, const struct token_keys *keys, struct store *store,
                              struct accounts *out, struct error *err);
void accounts_close(struct accounts *accounts); /* also one that was never opened, all zero */

#endif
