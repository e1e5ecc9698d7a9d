/* A request line and what follows it: "GET /path?query", then the Last-Event-ID header, then the body. */
#include "bridge/route/request.h"

#include <stdio.h>
#include <string.h>

#include "rpc/json/json.h"
#include "rpc/wire/unpack.h"
#include "rpc/wire/validate.h"
#include "tests/fuzz/fuzz.h"

static const struct route_index *routes(void)
{
	static struct route_index *index;
	if (!index) index = route_index_create(route_table, route_count);
	return index;
}

/* Every byte that may mean something is escaped. */
static void add_encoded(struct strbuf *out, struct str value, bool keep_slash)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (keep_slash && c == '/');
		strbuf_printf(out, plain ? "%c" : "%%%02X", c);
	}
}

/* The route's own path with the variables put back in. */
static struct str path_of(struct arena *arena, const struct route_match *match)
{
	struct strbuf path;
	size_t variable = 0;
	strbuf_init(&path, arena);
	for (size_t i = 0; i < match->route->segment_count; i++) {
		const struct route_segment *segment = &match->route->segments[i];
		strbuf_add_char(&path, '/');
		if (segment->kind == SEGMENT_LITERAL)
			add_encoded(&path, str_from(segment->text), false);
		else
			add_encoded(&path, match->variables[variable++].value, segment->kind == SEGMENT_REST);
	}
	if (match->route->custom_verb) strbuf_printf(&path, ":%s", match->route->custom_verb);
	return strbuf_str(&path);
}

static void check_match(struct arena *arena, struct str method, const struct route_match *match)
{
	HOLDS(match->verbs & (1u << match->route->verb));
	HOLDS(match->variable_count <= ROUTE_VARIABLES_MAX);
	struct str path = path_of(arena, match);
	struct route_match again;
	HOLDS_OF(route_find(routes(), arena, method, path, &again), path);
	HOLDS_OF(again.route == match->route, path);
	HOLDS_OF(again.variable_count == match->variable_count, path);
	for (size_t i = 0; i < match->variable_count; i++) {
		HOLDS_OF(str_equal(again.variables[i].value, match->variables[i].value), path);
		HOLDS(match->variables[i].segment->kind != SEGMENT_LITERAL);
	}
}

static void check_locations(const struct error *err)
{
	static const char *const places[] = { "body", "query", "header", "path" };
	for (size_t i = 0; i < err->violation_count; i++) {
		bool known = false;
		const char *field = err->violations[i].field;
		for (size_t k = 0; k < COUNT(places); k++) {
			size_t len = strlen(places[k]);
			known =
			    known || (strncmp(field, places[k], len) == 0 && (field[len] == '\0' || field[len] == '.'));
		}
		HOLDS_OF(known, str_from(field));
	}
}

/* A path variable that is a text field arrives as it was, or as "?" where it is no text. */
static void check_path_fields(const struct route_match *match, const ProtobufCMessage *message)
{
	for (size_t i = 0; i < match->variable_count; i++) {
		const struct field_side *field = match->variables[i].segment->field;
		if (!field || field->field->type != PROTOBUF_C_TYPE_STRING || field->presence == FIELD_REPEATED)
			continue;
		struct str value = match->variables[i].value;
		bool is_text = str_is_utf8(value) && !(value.len && memchr(value.ptr, '\0', value.len));
		const char *got = *(const char *const *)(const void *)((const char *)message + field->field->offset);
		HOLDS_OF(str_equal(str_from(got), is_text ? value : STR("?")), value);
	}
}

static bool build(struct arena *arena, const struct route_match *match, const struct request_parts *parts,
                  struct str *out_packed, ProtobufCMessage **out, struct error *err)
{
	*out = NULL;
	*err = (struct error){ 0 };
	bool ok = request_build(arena, match, parts, out, err);
	HOLDS(ok == (*out != NULL) && ok == (err->violation_count == 0));
	*out_packed = ok ? fuzz_check_packs(arena, *out) : STR_NONE;
	return ok;
}

static void check_request(struct arena *arena, const struct route_match *match, struct request_parts parts)
{
	ProtobufCMessage *message, *other;
	struct error err, other_err;
	struct str packed, other_packed;
	bool ok = build(arena, match, &parts, &packed, &message, &err);
	/* What nobody knows changes nothing. */
	struct request_parts more = parts;
	struct strbuf query;
	strbuf_init(&query, arena);
	strbuf_add_str(&query, parts.query);
	strbuf_add_cstr(&query, "&no_such_parameter=1");
	more.query = strbuf_str(&query);
	HOLDS(ok == build(arena, match, &more, &other_packed, &other, &other_err));
	if (!ok) {
		fuzz_check_error(&err);
		check_locations(&err);
		return;
	}
	HOLDS(str_equal(packed, other_packed));
	HOLDS(message->descriptor == match->route->method->request->descriptor);
	check_path_fields(match, message);
	(void)fuzz_check_prints(arena, message);
	if (!message_validate(match->route->method->request, message, parts.lang, &err)) {
		fuzz_check_error(&err);
		for (size_t i = 0; i < err.violation_count; i++) {
			const char *where = request_location(match->route, str_from(err.violations[i].field));
			HOLDS(strcmp(where, "body") == 0 || strcmp(where, "query") == 0 || strcmp(where, "path") == 0);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = fuzz_arena();
	struct str body = { (const char *)data, size }, query = fuzz_line(&body), cursor = fuzz_line(&body), method,
	           path;
	if (!str_split(&query, ' ', &method) || !str_split(&query, '?', &path)) return 0;
	struct route_match match;
	bool found = route_find(routes(), arena, method, path, &match);
	HOLDS(found == (match.route != NULL));
	HOLDS(str_has_suffix(route_allow_text(arena, match.verbs), STR("OPTIONS")));
	if (!found) return 0;
	check_match(arena, method, &match);
	struct request_parts parts = {
		.query = query, .body = body, .last_event_id = cursor, .lang = size % 2 ? LANG_ZH : LANG_EN
	};
	check_request(arena, &match, parts);
	return 0;
}
