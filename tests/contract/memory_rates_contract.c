/* The contract of rates over the memory driver. */
#include "store/memory/rate_limit.h"
#include "tests/contract/rate_contract.h"

static bool open_empty(const struct rate_rule *rules, size_t count, struct rate_store *out)
{
	memory_rates_open(&(struct memory_rates_options){ .rules = rules, .rule_count = count }, out);
	return true;
}

int main(void) { return rate_contract(&(struct rate_contract){ "memory", open_empty }); }
