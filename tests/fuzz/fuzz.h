/* tests/fuzz/fuzz.h: what a fuzz target is made of. A target is one file <name>_fuzz.c with one function that takes any bytes,
 * gives them to a decoder, and says what must hold of the result, whatever the bytes were. It is built twice: with libFuzzer
 * (-DPETFOOD_FUZZ=ON), and with replay.c into an ordinary test that runs the files of corpus/<name>. */
#ifndef PETFOOD_TESTS_FUZZ_FUZZ_H
#define PETFOOD_TESTS_FUZZ_FUZZ_H

#include "rpc/json/tables.h"
#include "store/base/str.h"

/* libFuzzer's entry. Always returns 0. May be called any number of times; keeps nothing between calls that changes a result. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process with what did not hold; the engine then names the input. */
_Noreturn void fuzz_broken(const char *file, int line, const char *what, struct str shown);
#define HOLDS(cond) ((cond) ? (void)0 : fuzz_broken(__FILE__, __LINE__, #cond, STR_NONE))
/* The same with a text to look at. */
#define HOLDS_OF(cond, shown) ((cond) ? (void)0 : fuzz_broken(__FILE__, __LINE__, #cond, (shown)))

/* An arena of the target's own, emptied at each call. */
struct arena *fuzz_arena(void);
/* Takes the part before the first line end off *rest; what is behind the last one is a line too, and so is nothing. */
struct str fuzz_line(struct str *rest);
/* An error that a caller may see is whole: code and reason set, one of the reason table, texts ended and UTF-8. */
void fuzz_check_error(const struct error *err);
/* The message that a line names: by its full name ("petfood.v1.Plan"); else any, by the line's first byte. */
const struct message_side *fuzz_message(struct str line);
ProtobufCMessage *fuzz_message_new(struct arena *arena, const struct message_side *side);
/* A message that came out of a decoder can be packed and unpacks to the same. Gives the packed bytes. */
struct str fuzz_check_packs(struct arena *arena, ProtobufCMessage *message);
/* It prints as JSON that others can read. Gives the text. Not for one whose finished JSON (raw_json) came as bytes. */
struct str fuzz_check_prints(struct arena *arena, ProtobufCMessage *message);
/* Whether a JSON reader that is not ours takes the text. *out_overflow: it does not, because of a number too large for it. */
bool fuzz_is_json(struct str text, bool *out_overflow);

#endif
