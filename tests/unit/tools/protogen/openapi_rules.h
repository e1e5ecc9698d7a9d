/* What OpenAPI 3.1 asks of a document, as far as ours uses it, and JSON Schema as far as its schemas use it. Strict: a key that is not
 * known here is a fault, so a form that the generator begins to write must be added here with its rule. */
#ifndef PETFOOD_TESTS_UNIT_TOOLS_PROTOGEN_OPENAPI_RULES_H
#define PETFOOD_TESTS_UNIT_TOOLS_PROTOGEN_OPENAPI_RULES_H

#include <jansson.h>

#include "store/base/str.h"

/* One line "where: what" for each fault. */
void openapi_check(json_t *doc, struct strbuf *faults);
/* The target of a $ref within the document; NULL if it leads nowhere. */
json_t *openapi_follow(json_t *doc, const char *ref);
/* Whether the value is valid by the schema; what is wrong goes to faults. */
bool schema_takes(json_t *doc, json_t *schema, json_t *value, const char *where, struct strbuf *faults);

#endif
