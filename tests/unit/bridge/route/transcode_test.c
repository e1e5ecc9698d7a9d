/* Whole requests through routes that tools/protogen compiled: target and body in, message out. The routes are those of
 * tests/unit/rpc/json/kinds.proto, which has every form that the generator takes. Labels T.. are the cases of google.api.http
 * transcoding. */
#include <stdio.h>
#include <stdlib.h>

#include "bridge/route/reply.h"
#include "bridge/route/request.h"
#include "tests/support/check.h"
#include "tests/unit/rpc/json/kinds.h"

static struct arena *arena;
static struct route_index *routes;

/* want: what the message prints, "!field type" for each violation, or "404" and "405 ALLOW". */
static const struct {
	const char *label, *method, *target, *body, *want;
} rows[] = {
	{ "T01 path, body and query, each its own part", "PUT", "/a/i1?page=3&tags=x&path=p", "{\"number\":1}",
	  "{\"id\":\"i1\",\"path\":\"p\",\"page\":3,\"tags\":[\"x\"],\"inner\":{\"number\":1}}" },
	{ "T01 what is in the path is no query parameter", "PUT", "/a/i1?id=other", "",
	  "{\"id\":\"i1\",\"path\":\"\"}" },
	{ "T01 nor what is in the body", "PUT", "/a/i1?inner.number=9", "{}",
	  "{\"id\":\"i1\",\"path\":\"\",\"inner\":{}}" },
	{ "T02 body \"*\" leaves nothing to the query", "POST", "/caf%C3%A9/i1/b?page=3&tags=x", "{\"page\":4}",
	  "{\"id\":\"i1\",\"path\":\"\",\"page\":4}" },
	{ "T03 no body clause, no body read", "GET", "/a/i1:look", "{\"page\":3}", "{\"id\":\"i1\",\"path\":\"\"}" },
	{ "T03 not even looked at", "GET", "/a/i1:look", "nonsense", "{\"id\":\"i1\",\"path\":\"\"}" },
	{ "T04 a rest of several segments", "GET", "/files/a/b/c", "", "{\"id\":\"\",\"path\":\"a/b/c\"}" },
	{ "T04 of one", "GET", "/files/a", "", "{\"id\":\"\",\"path\":\"a\"}" },
	{ "T04 of none", "GET", "/files", "", "{\"id\":\"\",\"path\":\"\"}" },
	{ "T04 of an empty one", "GET", "/files/", "", "{\"id\":\"\",\"path\":\"\"}" },
	{ "T05 {id=*} takes one segment", "GET", "/look/i1", "", "{\"id\":\"i1\",\"path\":\"\"}" },
	{ "T05 and no second", "GET", "/look/i1/i2", "", "404" },
	{ "T07 the verb is cut off", "GET", "/a/i:1:look", "", "{\"id\":\"i:1\",\"path\":\"\"}" },
	{ "T07 a verb of other routes is part of the segment", "PUT", "/a/i1:look", "",
	  "{\"id\":\"i1:look\",\"path\":\"\"}" },
	{ "T07 a verb of no route too", "PUT", "/a/i1:hear", "", "{\"id\":\"i1:hear\",\"path\":\"\"}" },
	{ "T08 a variable of another primitive type", "GET", "/n/-7", "", "{\"id\":\"\",\"path\":\"\",\"page\":-7}" },
	{ "T09 one segment is decoded whole", "GET", "/look/x%2Fy%20z%3F", "", "{\"id\":\"x/y z?\",\"path\":\"\"}" },
	{ "T10 a rest keeps %2F and %2f", "GET", "/files/a%2Fb%2fc%20d", "", "{\"id\":\"\",\"path\":\"a%2Fb%2fc d\"}" },
	{ "T11 nested fields in the query", "GET", "/look/i?inner.number=1&inner.deep.leaf=x", "",
	  "{\"id\":\"i\",\"path\":\"\",\"inner\":{\"number\":1,\"deep\":{\"leaf\":\"x\",\"seven\":7}}}" },
	{ "T12 a repeated key is a list, in its order", "GET",
	  "/look/i?tags=b&tags=a&inner.numbers=2&inner.numbers=1&marks=9007199254740993", "",
	  "{\"id\":\"i\",\"path\":\"\",\"tags\":[\"b\",\"a\"],\"inner\":{\"numbers\":[2,1]},\"marks\":["
	  "9007199254740993]}" },
	{ "T12 every kind of primitive", "GET",
	  "/look/i?colour=dark_blue&real=-2.5e-1&at=2026-01-02T03:04:05Z&page=%31", "",
	  "{\"id\":\"i\",\"path\":\"\",\"page\":1,\"colour\":\"dark_blue\",\"at\":\"2026-01-02T03:04:05.000000Z\","
	  "\"real\":-0.25}" },
	{ "T12 a message itself has no text", "GET", "/look/i?inner=x", "", "!query.inner type" },
	{ "T12 unknown names are ignored", "GET", "/look/i?nothing=1&inner.nothing=2&=3&&?&tags", "",
	  "{\"id\":\"i\",\"path\":\"\",\"tags\":[\"\"]}" },
	{ "T13 lowerCamel", "GET", "/look/i?twoWords=a", "", "{\"id\":\"i\",\"path\":\"\",\"two_words\":\"a\"}" },
	{ "T13 proto name", "GET", "/look/i?two_words=a", "", "{\"id\":\"i\",\"path\":\"\",\"two_words\":\"a\"}" },
	{ "T13 in the body too", "POST", "/caf%C3%A9/i/b", "{\"twoWords\":\"a\"}",
	  "{\"id\":\"i\",\"path\":\"\",\"two_words\":\"a\"}" },
	{ "T14 form style: plus is a space in the query", "GET", "/look/i+j?two_words=a+b%2Bc", "",
	  "{\"id\":\"i+j\",\"path\":\"\",\"two_words\":\"a b+c\"}" },
	{ "T15 further bindings, with the same body clause", "DELETE", "/?id=q", "{\"id\":\"x\"}",
	  "{\"id\":\"q\",\"path\":\"\"}" },
	{ "T17 the body is the field", "PUT", "/a/i", "{\"number\":2,\"deep\":{\"leaf\":\"x\"}}",
	  "{\"id\":\"i\",\"path\":\"\",\"inner\":{\"number\":2,\"deep\":{\"leaf\":\"x\",\"seven\":7}}}" },
	{ "T17 no body leaves the field unset", "PUT", "/a/i", "", "{\"id\":\"i\",\"path\":\"\"}" },
	{ "T17 the body is not the message around it", "PUT", "/a/i", "{\"inner\":{\"number\":2}}",
	  "{\"id\":\"i\",\"path\":\"\",\"inner\":{}}" },
	{ "T18 HEAD is GET", "HEAD", "/n/5", "", "{\"id\":\"\",\"path\":\"\",\"page\":5}" },
	{ "T19 literals in lower-case escapes", "POST", "/caf%c3%a9/i/b", "", "{\"id\":\"i\",\"path\":\"\"}" },
	{ "T19 literals as they are", "POST", "/caf\xc3\xa9/i/b", "", "{\"id\":\"i\",\"path\":\"\"}" },
	{ "T19 any character may be escaped", "GET", "/%6c%6Fok/i", "", "{\"id\":\"i\",\"path\":\"\"}" },
	{ "T20 a body with DELETE is nothing", "DELETE", "/", "{", "{\"id\":\"\",\"path\":\"\"}" },
	{ "T22 path wins over the body", "POST", "/caf%C3%A9/i1/b", "{\"id\":\"other\",\"path\":\"p\"}",
	  "{\"id\":\"i1\",\"path\":\"p\"}" },
	{ "T22 path wins over the query", "GET", "/n/1?page=2&page=3", "", "{\"id\":\"\",\"path\":\"\",\"page\":1}" },
	{ "T23 another method", "PATCH", "/a/i1", "", "405 PUT, OPTIONS" },
	{ "T23 GET brings HEAD", "POST", "/a/i1:look", "", "405 GET, HEAD, PUT, OPTIONS" },
	{ "T25 type mismatch in the path", "GET", "/n/seven", "", "!path.page type" },
	{ "T25 range in the path", "GET", "/n/2147483648", "", "!path.page range" },
	{ "T25 type mismatch in the query", "GET", "/look/i?page=x&inner.deep.seven=y&marks=1&marks=z", "",
	  "!query.page type, !query.inner.deep.seven type, !query.marks type" },
	{ "T25 enums over HTTP are names", "GET", "/look/i?colour=1", "", "!query.colour enum" },
	{ "T25 type mismatch in a body that is a field", "PUT", "/a/i", "{\"deep\":{\"leaf\":1}}",
	  "!body.deep.leaf type" },
	{ "T25 all parts at once", "PUT", "/a/i?page=x", "{\"number\":\"y\"}", "!body.number type, !query.page type" },
	{ "T27 the root", "DELETE", "/", "", "{\"id\":\"\",\"path\":\"\"}" },
	{ "T27 the root is one slash", "DELETE", "//", "", "404" },
	{ "T27 a slash at the end is another path", "GET", "/look/i1/", "", "404" },
	{ "T27 too short", "GET", "/look", "", "404" },
	{ "T27 too short for its last literal", "POST", "/caf%C3%A9/i1", "", "404" },
	{ "T27 too long", "POST", "/caf%C3%A9/i1/b/c", "", "404" },
};

static struct str transcode(const char *method, struct str target, const char *body)
{
	struct route_match match;
	struct request_parts parts = { .body = str_from(body) };
	struct str path;
	ProtobufCMessage *message;
	struct error err = { 0 };
	parts.query = target;
	if (!str_split(&parts.query, '?', &path)) path = target;
	if (!route_find(routes, arena, str_from(method), path, &match)) {
		struct str allow = route_allow_text(arena, match.verbs);
		return match.verbs ? str_printf(arena, "405 " STR_FMT, STR_ARG(allow)) : STR("404");
	}
	if (request_build(arena, &match, &parts, &message, &err)) return json_print_arena(arena, message);
	CHECK(err.code == RPC_INVALID_ARGUMENT && error_is(&err, "VALIDATION_FAILED"));
	return kinds_violations(arena, &err);
}

static void check_rows(void)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		CHECK_STR_ROW(rows[i].label, transcode(rows[i].method, str_from(rows[i].target), rows[i].body),
		              rows[i].want);
		arena_reset(arena);
	}
}

/* The other style of the query's decoder: without the option a plus is a plus (RFC 3986). */
static void check_plus(void)
{
	CHECK_STR_ROW("T14 RFC 3986", percent_decode(arena, STR("a+b%2B%20"), false, false), "a+b+ ");
	CHECK_STR_ROW("T14 form style", percent_decode(arena, STR("a+b%2B%20"), true, false), "a b+ ");
	arena_reset(arena);
}

/* Paths of any length and depth: matched in a loop, on a stack that does not grow with them. */
static void check_deep_paths(void)
{
	enum { SEGMENTS = 500000 };
	struct strbuf path;
	strbuf_init(&path, arena);
	strbuf_add_cstr(&path, "/files");
	for (int i = 0; i < SEGMENTS; i++) strbuf_add_cstr(&path, "/%2F");
	struct str got = transcode("GET", strbuf_str(&path), "");
	CHECK_ROW("T26 a rest of half a million segments",
	          got.len > SEGMENTS * 4 && str_has_prefix(got, STR("{\"id\":\"\",\"path\":\"%2F/%2F")));
	path.data[1] = 'g';
	CHECK_STR_ROW("T26 and as many that no row takes", transcode("GET", strbuf_str(&path), ""), "404");
	arena_reset(arena);
}

/* Many rows that differ in their last segment only, each with as many variables as may be: the longest way to every answer. */
static void check_many_wildcards(void)
{
	enum { ROWS = 2000 };
	static struct route_side many[ROWS];
	static struct route_segment segments[ROWS][ROUTE_VARIABLES_MAX + 1];
	static char ends[ROWS][8];
	for (size_t i = 0; i < ROWS; i++) {
		(void)snprintf(ends[i], sizeof ends[i], "e%zu", i);
		for (size_t s = 0; s < ROUTE_VARIABLES_MAX; s++)
			segments[i][s] = (struct route_segment){ .kind = SEGMENT_VARIABLE, .text = "v" };
		segments[i][ROUTE_VARIABLES_MAX] = (struct route_segment){ .kind = SEGMENT_LITERAL, .text = ends[i] };
		many[i] = (struct route_side){ .verb = VERB_GET,
			                       .path = ends[i],
			                       .segments = segments[i],
			                       .segment_count = ROUTE_VARIABLES_MAX + 1 };
	}
	struct route_index *index = route_index_create(many, ROWS);
	struct route_match match;
	bool found = route_find(index, arena, STR("GET"), STR("/1/2/3/4/5/6/7/8/e1234"), &match);
	CHECK_ROW("T26 many wildcards",
	          found && match.route == &many[1234] && match.variable_count == ROUTE_VARIABLES_MAX);
	CHECK_ROW("T26 each has its own", found && str_equal(match.variables[7].value, STR("8")));
	CHECK_ROW("T26 none of them", !route_find(index, arena, STR("GET"), STR("/1/2/3/4/5/6/7/8/e"), &match));
	route_index_destroy(&index);
	arena_reset(arena);
}

static const struct route_side *route_of(enum http_verb verb, const char *path)
{
	for (size_t i = 0; i < route_count; i++)
		if (route_table[i].verb == verb && strcmp(route_table[i].path, path) == 0) return &route_table[i];
	die("no route %s", path);
}

/* ---- replies ---- */

static struct str reply_text(const struct route_side *route, enum lang lang, const ProtobufCMessage *reply)
{
	struct strbuf out;
	strbuf_init(&out, arena);
	reply_done(&out, route, lang, reply);
	return strbuf_str(&out);
}

static void check_replies(void)
{
	Petfood__Test__V1__RouteReply reply = PETFOOD__TEST__V1__ROUTE_REPLY__INIT;
	Petfood__Test__V1__Inner inner = PETFOOD__TEST__V1__INNER__INIT;
	reply.text = (char *)"beside it";
	const struct route_side *part = route_of(VERB_PUT, "/a/{id}"), *look = route_of(VERB_GET, "/a/{id}:look");
	CHECK_STR_ROW("T16 response_body that is unset", reply_text(part, LANG_EN, &reply.base),
	              "{\"code\":0,\"message\":\"ok\",\"data\":null}");
	reply.inner = &inner;
	inner.number = 5;
	inner._number_case = 1;
	CHECK_STR_ROW("T16 response_body selects a field", reply_text(part, LANG_EN, &reply.base),
	              "{\"code\":0,\"message\":\"ok\",\"data\":{\"number\":5}}");
	CHECK_STR_ROW("T16 without it the whole reply", reply_text(look, LANG_ZH, &reply.base),
	              "{\"code\":0,\"message\":\"好\",\"data\":{\"inner\":{\"number\":5},\"text\":\"beside it\"}}");
	/* whatever kind of field it is */
	struct route_side other = *part;
	other.response_field = field_by_name(other.method->reply, STR("text"));
	CHECK_STR_ROW("T16 a text", reply_text(&other, LANG_EN, &reply.base),
	              "{\"code\":0,\"message\":\"ok\",\"data\":\"beside it\"}");
	const struct message_side *side;
	Petfood__Test__V1__Kinds *kinds = (Petfood__Test__V1__Kinds *)kinds_message(arena, "Kinds", &side);
	struct error err = { 0 };
	CHECK_OK(
	    json_to_message(
	        arena,
	        STR("{\"inners\":[{\"number\":1},{}],\"counts\":{\"a\":1},\"document\":[1, 2],\"colours\":[\"red\"]}"),
	        side, NULL, &kinds->base, &err),
	    &err);
	static const struct {
		const char *field, *data;
	} kinds_rows[] = {
		{ "inners", "[{\"number\":1},{}]" },
		{ "counts", "{\"a\":1}" },
		{ "document", "[1, 2]" },
		{ "colours", "[\"red\"]" },
		{ "when", "null" },
		{ "texts", "[]" },
		{ "palette", "{}" },
	};
	for (size_t i = 0; i < COUNT(kinds_rows); i++) {
		other.response_field = field_by_name(side, str_from(kinds_rows[i].field));
		CHECK_STR_ROW(kinds_rows[i].field, reply_text(&other, LANG_EN, &kinds->base),
		              str_printf(arena, "{\"code\":0,\"message\":\"ok\",\"data\":%s}", kinds_rows[i].data).ptr);
	}
	arena_reset(arena);
}

/* What the RPC server finds wrong is named as the parser of the same body would: from where the client stands. */
static void check_locations(void)
{
	static const struct {
		const char *label, *path;
		enum http_verb verb;
		const char *field, *want;
	} located[] = {
		{ "in the path", "/a/{id}", VERB_PUT, "id", "path.id" },
		{ "in the query", "/a/{id}", VERB_PUT, "tags.1", "query.tags.1" },
		{ "in a body that is a field", "/a/{id}", VERB_PUT, "inner.deep.leaf", "body.deep.leaf" },
		{ "the body itself", "/a/{id}", VERB_PUT, "inner", "body" },
		{ "in a body that is the message", "/caf%C3%A9/{id=*}/b", VERB_POST, "inner.deep.leaf",
		  "body.inner.deep.leaf" },
		{ "about the whole of it", "/caf%C3%A9/{id=*}/b", VERB_POST, "", "body" },
	};
	for (size_t i = 0; i < COUNT(located); i++) {
		struct rpc_violation wrong = { str_from(located[i].field), STR("t"), STR("m") };
		struct rpc_outcome outcome = { .code = RPC_INVALID_ARGUMENT,
			                       .reason = STR("VALIDATION_FAILED"),
			                       .message = STR("x"),
			                       .violation_count = 1,
			                       .violations = &wrong };
		struct strbuf out;
		strbuf_init(&out, arena);
		(void)reply_failed(&out, route_of(located[i].verb, located[i].path), false, LANG_EN, &outcome);
		struct str want = str_printf(arena, "[{\"field\":\"%s\",", located[i].want);
		if (!CHECK_ROW(located[i].label, str_find(strbuf_str(&out), want, 0) != SIZE_MAX))
			(void)printf("  %s\n", out.data);
	}
	arena_reset(arena);
}

int main(void)
{
	arena = arena_create(0);
	routes = route_index_create(route_table, route_count);
	check_rows();
	check_plus();
	check_deep_paths();
	check_many_wildcards();
	check_replies();
	check_locations();
	route_index_destroy(&routes);
	arena_destroy(&arena);
	return check_done("unit_transcode");
}
