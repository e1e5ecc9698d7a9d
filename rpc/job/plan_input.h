/* rpc/job/plan_input.h: from the stored request of a diet_plan task to the planner's pet, with the defaults of CONTRACT 2.5, and
 * to the columns of the plan's row. */
#ifndef PETFOOD_RPC_JOB_PLAN_INPUT_H
#define PETFOOD_RPC_JOB_PLAN_INPUT_H

#include "petfood/v1/plan.pb-c.h"
#include "rpc/domain/planning/pet.h"
#include "store/api/plan_store.h"
#include "store/api/task_store.h"

enum { PET_DEFAULT_AGE_MONTHS = 12 };
#define PET_DEFAULT_WEIGHT_KG 10.0

/* Texts are those of the request. The seed comes from the task's id, so that every attempt makes the same plan. */
void plan_pet_from_request(const Petfood__V1__CreatePlanRequest *request, enum lang lang, struct str task_id,
                           struct pet *out);
/* Everything but plan_data and the instants. */
void plan_record_from_pet(const struct pet *pet, const struct task *task, struct plan_record *out);
/* FNV-1a over both texts, 64 bits: stable names and seeds, no secret. */
uint64_t plan_hash(struct str a, struct str b);

#endif
