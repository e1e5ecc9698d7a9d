/* bridge/route/match.h: which method a path means. The generated rows are sorted once, the most specific first, and tried in that
 * order: a literal goes before a variable, a variable before a rest, segment by segment from the left. No recursion, and no
 * work that grows with anything but the number of rows and the length of the path. */
#ifndef PETFOOD_BRIDGE_ROUTE_MATCH_H
#define PETFOOD_BRIDGE_ROUTE_MATCH_H

#include "rpc/json/tables.h"

struct route_index; /* opaque; immutable once made */

/* routes is borrowed for the life of the index (the generated route_table, or a test's). That no two rows have the same verb and
 * shape, and none has too many variables, is protogen's promise. */
struct route_index *route_index_create(const struct route_side *routes, size_t count);
void route_index_destroy(struct route_index **index);

struct route_match {
	const struct route_side *route; /* NULL: no row for this verb */
	unsigned verbs; /* 1u << VERB_x for each verb that some row serves under this path; 0 = unknown path */
	size_t variable_count;
	struct route_variable {
		const struct route_segment *segment;
		struct str value; /* percent-decoded: any bytes, also NUL but in a rest; in the arena */
	} variables[ROUTE_VARIABLES_MAX];
};

/* path: as received, without the query. method: as received, case-sensitive; HEAD is looked up as GET. A variable takes one whole
 * segment that is not empty, fully decoded; a rest takes all that are left, none too, decoded but for %2F. A path with one more "/" at its
 * end is another path, except for rows that allow it. True if there is a row for path and method. */
bool route_find(const struct route_index *index, struct arena *arena, struct str method, struct str path,
                struct route_match *out);

/* "GET, HEAD, POST, OPTIONS" */
struct str route_allow_text(struct arena *arena, unsigned verbs);

/* Percent-decoding (RFC 3986, 2.1). What is no valid escape stays as it is. form: "+" means a space (query strings).
 * keep_slash: %2F stays. */
struct str percent_decode(struct arena *arena, struct str text, bool form, bool keep_slash);

#endif
