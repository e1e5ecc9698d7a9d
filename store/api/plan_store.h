/* store/api/plan_store.h: diet plans. A streamed run leaves a draft whose id never changes: readable and deletable by id, not
 * listed; confirming makes it permanent; an unconfirmed draft expires 24 h after it was made. */
#ifndef PETFOOD_STORE_API_PLAN_STORE_H
#define PETFOOD_STORE_API_PLAN_STORE_H

#include "store/api/idempotency.h"
#include "store/base/arena.h"
#include "store/base/error.h"
#include "store/base/str.h"

#define PLAN_DRAFT_KEPT_US (INT64_C(24) * 3600 * 1000000)

/* "cat", "dog": as stored. Numbers of petfood.v1.PetType; 0 for a word that is none. */
const char *plan_pet_type_name(int pet_type);
int plan_pet_type_from(struct str name);

struct plan_record {
	struct str id, user_id;
	struct str task_id, pet_id; /* "" = none */
	int pet_type;               /* petfood.v1.PetType */
	struct str pet_breed, health_status; /* ptr NULL = none */
	int pet_age;                /* months */
	double pet_weight;          /* kg; 4.5 comes back as 4.5 */
	struct str plan_data;       /* JSON, kept byte for byte */
	bool confirmed;
	bool is_active;
	int64_t applied_at_us;      /* 0 = never */
	int64_t created_at_us, updated_at_us;
};

struct plan_filter {
	struct str user_id;
	int pet_type;               /* 0 = any */
	int64_t offset, limit;
};

struct plan_store {
	void *self;
	const struct plan_store_driver {
		const char *name;
		/* NOT_FOUND/PLAN_NOT_FOUND, also for another user's and for an expired draft. */
		bool (*get)(void *self, struct str user_id, struct str id, int64_t now_us, struct arena *arena,
		            struct plan_record *out, struct error *err);
		/* Confirmed ones, newest first (created_at, then id); plan_data is left empty. */
		bool (*list)(void *self, const struct plan_filter *filter, struct arena *arena, struct plan_record **out,
		             size_t *out_count, int64_t *out_total, struct error *err);
		/* One statement; again: success and nothing changes. NOT_FOUND/PLAN_EXPIRED. */
		bool (*confirm)(void *self, struct str user_id, struct str id, int64_t now_us, const struct idempotency *idem,
		                struct arena *arena, bool *out_replayed, struct str *out_reply, struct error *err);
		/* NOT_FOUND/PLAN_NOT_FOUND, also the second time (without a key) and for an expired draft. */
		bool (*remove)(void *self, struct str user_id, struct str id, int64_t now_us, const struct idempotency *idem,
		               struct arena *arena, bool *out_replayed, struct str *out_reply, struct error *err);
		/* Deletes drafts made before `made_before_us`, the oldest first, at most `limit`, with the output of their tasks: it is the
		 * plan once more. *out_count = limit: there may be more. */
		bool (*expire_drafts)(void *self, int64_t made_before_us, size_t limit, int64_t *out_count, struct error *err);
	} *driver;
};

#endif
