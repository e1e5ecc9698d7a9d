/* rpc/domain/nutrition/energy.h: how much energy a pet needs a day.
 * Two families are compared: resting energy times a factor (AAHA 2021, WSAVA, SACN5), and FEDIAF's equations per
 * kg^0.75 (dogs) and kg^0.67 (cats). For adults the lower one holds where they are more than 15 % apart; weighing every two
 * weeks corrects it, and single animals differ by about 25 % either way. Weights in kg, energies in kcal a day. Pure. */
#ifndef PETFOOD_RPC_DOMAIN_NUTRITION_ENERGY_H
#define PETFOOD_RPC_DOMAIN_NUTRITION_ENERGY_H

#include "rpc/domain/nutrition/nutrients.h"

enum life_stage { STAGE_ADULT, STAGE_SENIOR, STAGE_GROWTH, STAGE_GESTATION, STAGE_LACTATION };
enum energy_aim { AIM_KEEP, AIM_LOSE, AIM_GAIN };

struct energy_question {
	enum species species;
	enum life_stage stage;
	enum energy_aim aim; /* for adults and seniors only */
	double weight_kg;
	double adult_weight_kg;  /* expected; own weight once grown */
	bool adult_weight_known; /* said or of the breed, not estimated from age and weight */
	bool large_breed;        /* growing to 31.8 kg and more */
	int age_months;
	bool neutered;
	int activity;                 /* 1 low, 2 normal, 3 high */
	int bcs;                      /* 1..9 */
	double condition_factor;      /* of a disease, in multiples of RER; 0 = none */
	double breed_low, breed_high; /* kcal per kg^0.75 of a breed that differs; 0 = none */
	int week;                     /* of gestation or lactation */
	int litter;
};

/* Which rule gave the answer. */
enum energy_rule {
	ENERGY_FACTOR,       /* RER x factor; FEDIAF agrees or is higher */
	ENERGY_FEDIAF,       /* FEDIAF, more than 15 % below the factor */
	ENERGY_GROWTH,       /* FEDIAF 2025 growth equation */
	ENERGY_GROWTH_LOWER, /* the lower of factor and growth equation: large breeds stay lean */
	ENERGY_REPRODUCTION, /* FEDIAF gestation and lactation */
};
struct energy_answer {
	double energy_weight_kg;
	double rer_kcal, der_kcal;
	enum energy_rule rule;
	double factor;                  /* of RER, before FEDIAF was looked at; 0 for reproduction */
	double fediaf_low, fediaf_high; /* what FEDIAF gives; 0 if nothing */
};

double energy_rer(double weight_kg); /* 70 x kg^0.75 */
/* From the nine-point body condition score: weight / (1 + 0.1 x (bcs - 5)) above 5, else the weight itself (AAHA). */
double energy_ideal_weight(double weight_kg, int bcs);
double energy_growth_dog(double weight_kg, double adult_weight_kg); /* (254.1 - 135 x ratio) x kg^0.75, Klein 2019 */
double energy_gestation(enum species species, double weight_kg, int week);
/* Weeks beyond the table count as its last one, litters beyond eight as eight; at most 8 (dog) or 6 (cat) times RER. */
double energy_lactation(enum species species, double weight_kg, int litter, int week);

struct energy_answer energy_need(const struct energy_question *q);

#endif
