/* store/api/store.h: what every driver of the durable store gives. Drivers: sqlite (one machine), postgres (later).
 * One `struct store` per process, opened by main; each aggregate has a driver table below with its own contract suite
 * (tests/contract). Every function is safe from any thread, blocks, and belongs on a pool thread. Texts in records are
 * borrowed from the caller on the way in and live in the given arena on the way out. Instants are microseconds UTC.
 *
 * Failing the same way everywhere: UNAVAILABLE/STORE_DOWN nothing written, safe to repeat; UNAVAILABLE/STORE_FULL no space;
 * ABORTED/STORE_BUSY lock timeout, nothing written; UNKNOWN/WRITE_UNCERTAIN look before repeating; INTERNAL/INTERNAL a defect. */
#ifndef PETFOOD_STORE_API_STORE_H
#define PETFOOD_STORE_API_STORE_H

#include "store/api/mail_store.h"
#include "store/api/pet_store.h"
#include "store/api/plan_store.h"
#include "store/api/session_store.h"
#include "store/api/task_store.h"
#include "store/api/user_store.h"

struct store {
	struct task_store tasks;
	struct plan_store plans;
	struct pet_store pets;
	struct user_store users;
	struct session_store sessions;
	struct mail_store mail;
	const char *driver; /* "sqlite" */
	void *self;
	/* What the call with this key would replay, for a caller who is about to refuse it: a repetition is answered whatever has become of
	 * what it needs. Writes nothing (idem->reply is not looked at), waits for the end of an equal call under way. *out_replayed = false:
	 * the key was not used. Fails: IDEMPOTENCY_MISMATCH. */
	bool (*replay)(void *self, const struct idempotency *idem, struct arena *arena, bool *out_replayed, struct str *out_reply,
	               struct error *err);
	/* A cheap round trip for health that writes nothing; fails with STORE_BUSY rather than wait without end, and with STORE_FULL from a
	 * write that found no space until there is some again, though reads go on. */
	bool (*ping)(void *self, struct error *err);
	/* Age of the oldest write that waits or is under way, in ms; 0 = none, or it has just come. For health: a writer that is stuck
	 * lets reads, and so ping, go on. Never blocks on a disk. */
	int64_t (*oldest_wait_ms)(void *self);
	void (*close)(void *self); /* accepts none of the above being in use any more */
};

#endif
