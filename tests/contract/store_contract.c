#include "tests/contract/store_contract.h"

int store_contract(const struct store_contract *contract)
{
	/* All of them, also after a failure. */
	int queue = contract_queue(contract), keys = contract_keys(contract), ends = contract_ends(contract),
	    log = contract_log(contract), plans = contract_plans(contract), pets = contract_pets(contract),
	    mail = contract_mail(contract), users = contract_users(contract), sessions = contract_sessions(contract);
	return queue || keys || ends || log || plans || pets || mail || users || sessions;
}
