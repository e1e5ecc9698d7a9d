/* The contract of one-time codes over the memory driver. */
#include "store/memory/codes.h"
#include "tests/contract/code_contract.h"

static bool open_empty(struct code_store *out)
{
	memory_codes_open(&(struct memory_codes_options){ 0 }, out);
	return true;
}

int main(void) { return code_contract(&(struct code_contract){ "memory", open_empty }); }
