/* rpc/job/plan_input.h: from the stored request of a diet_plan task to the planner's pet, with the defaults of CONTRACT 2.5, and
 * to the columns of the plan's row. */
#ifndef PETFOOD_RPC_JOB_PLAN_INPUT_H
#define PETFOOD_RPC_JOB_PLAN_INPUT_H

#include "petfood/v1/pet.pb-c.h"
#include "petfood/v1/plan.pb-c.h"
#include "rpc/domain/planning/pet.h"
#include "store/api/plan_store.h"
#include "store/api/task_store.h"

enum { PET_DEFAULT_AGE_MONTHS = 12 };
#define PET_DEFAULT_WEIGHT_KG 10.0

/* Texts are those of the request. The seed comes from the task's id, so that every attempt makes the same plan. */
void plan_pet_from_request(const Petfood__V1__CreatePlanRequest *request, enum lang lang, struct str task_id,
                           struct pet *out);
/* Puts what is stored of the pet into the request that names it (CONTRACT 2.5): its fields in place of the request's;
 * special_requirements only where the request has none; allergens and health_issues in front of the request's, because leaving one out
 * may do harm and keeping one cannot. What is stored of no pet (neutered, bcs …) stays the request's. Texts are borrowed.
 * Fails: INVALID_ARGUMENT/VALIDATION_FAILED if the lists together are longer than a plan can mind. */
MUST_CHECK bool plan_request_use_pet(struct arena *arena, const Petfood__V1__Pet *pet, enum lang lang,
                                     Petfood__V1__CreatePlanRequest *request, struct error *err);
/* Everything but plan_data and the instants. pet_id: of the stored pet, "" = none. */
void plan_record_from_pet(const struct pet *pet, struct str pet_id, const struct task *task, struct plan_record *out);
/* FNV-1a over both texts, 64 bits: stable names and seeds, no secret. */
uint64_t plan_hash(struct str a, struct str b);

#endif
