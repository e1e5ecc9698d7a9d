/* rpc/json/text.h: the two pieces of JSON that have no structure. Knows no message; tools/protogen uses it too. */
#ifndef PETFOOD_RPC_JSON_TEXT_H
#define PETFOOD_RPC_JSON_TEXT_H

#include "store/base/str.h"

/* A JSON string literal with quotes. Non-ASCII stays raw UTF-8; bytes that are not UTF-8 become U+FFFD. */
void json_print_string(struct strbuf *out, struct str text);
/* Shortest text that reads back the same; not finite prints null. */
void json_print_double(struct strbuf *out, double value);
void json_print_float(struct strbuf *out, float value);

#endif
