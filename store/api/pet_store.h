/* store/api/pet_store.h: the pets that a user has stored. A deleted pet stays as a row that only a list of deleted ones shows; plans
 * made for it stay too. Rules about the fields are the service's (proto/petfood/v1/pet.proto). */
#ifndef PETFOOD_STORE_API_PET_STORE_H
#define PETFOOD_STORE_API_PET_STORE_H

#include "store/api/idempotency.h"
#include "store/base/arena.h"
#include "store/base/error.h"
#include "store/base/str.h"

enum { PETS_PER_USER_MAX = 200 }; /* that are not deleted: a list comes in one reply */

/* "male", "female", "" (said to be neither): as stored and in JSON. Numbers of petfood.v1.Gender; NULL, 0 for what is none. */
const char *pet_gender_name(int gender);
int pet_gender_from(struct str name);

struct pet_record {
	struct str id, user_id, name;
	int type;                  /* petfood.v1.PetType */
	int age;                   /* months */
	double weight;             /* kg; 4.5 comes back as 4.5 */
	int gender;                /* petfood.v1.Gender; 0 = not said */
	struct str breed, health_status, special_requirements, avatar_url; /* ptr NULL = none */
	struct str allergens, health_issues; /* JSON: a list of texts, kept byte for byte; ptr NULL = none */
	bool is_active;            /* false = deleted */
	bool has_plan;             /* read only: a confirmed plan of the owner is for this pet */
	int64_t created_at_us;
	int64_t updated_at_us;     /* rises with every change, so that it tells one state of the pet from any other */
};

struct pet_filter {
	struct str user_id;
	bool is_active;
	int64_t limit;
};

struct pet_store {
	void *self;
	const struct pet_store_driver {
		const char *name;
		/* Stores all but has_plan. Fails: NOT_FOUND/USER_NOT_FOUND, FAILED_PRECONDITION/PET_LIMIT with `limit` if the user has
		 * PETS_PER_USER_MAX already. */
		bool (*create)(void *self, const struct pet_record *pet, const struct idempotency *idem, struct arena *arena,
		               bool *out_replayed, struct str *out_reply, struct error *err);
		/* NOT_FOUND/PET_NOT_FOUND, also for another user's and for a deleted one. */
		bool (*get)(void *self, struct str user_id, struct str id, struct arena *arena, struct pet_record *out, struct error *err);
		/* Newest first (created_at, then id). *out_total: also those beyond the limit. */
		bool (*list)(void *self, const struct pet_filter *filter, struct arena *arena, struct pet_record **out, size_t *out_count,
		             int64_t *out_total, struct error *err);
		/* Puts what an owner says of the pet (name to health_issues, not avatar_url) and updated_at_us in place of what is stored, if that
		 * is still the state of was_updated_at_us, else ABORTED/PET_MOVED: read it again. pet->updated_at_us must be the larger one.
		 * NOT_FOUND/PET_NOT_FOUND. */
		bool (*update)(void *self, const struct pet_record *pet, int64_t was_updated_at_us, const struct idempotency *idem,
		               struct arena *arena, bool *out_replayed, struct str *out_reply, struct error *err);
		/* NOT_FOUND/PET_NOT_FOUND, also the second time (without a key). */
		bool (*remove)(void *self, struct str user_id, struct str id, int64_t now_us, const struct idempotency *idem,
		               struct arena *arena, bool *out_replayed, struct str *out_reply, struct error *err);
	} *driver;
};

#endif
