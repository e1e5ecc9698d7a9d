/* Paths, header values, JSON requests and replies, frames. Labels T.. are the cases of google.api.http transcoding. */
#include <netinet/in.h>
#include <stdlib.h>

#include "bridge/route/address.h"
#include "bridge/route/cors.h"
#include "bridge/route/frame.h"
#include "bridge/route/match.h"
#include "bridge/route/negotiate.h"
#include "bridge/route/reply.h"
#include "bridge/route/request.h"
#include "petfood/v1/plan.pb-c.h"
#include "petfood/v1/task.pb-c.h"
#include "tests/support/check.h"

static struct arena *arena;

#define LITERAL(t) \
	{ \
		.kind = SEGMENT_LITERAL, .text = (t) \
	}
#define VARIABLE(t) \
	{ \
		.kind = SEGMENT_VARIABLE, .text = (t) \
	}
#define REST(t) \
	{ \
		.kind = SEGMENT_REST, .text = (t) \
	}
#define ROW(v, p, ...) \
	.verb = (v), .path = (p), .segments = (const struct route_segment[]){ __VA_ARGS__ }, \
	.segment_count = COUNT(((const struct route_segment[]){ __VA_ARGS__ }))

/* Deliberately not in the order of their precision. */
static const struct route_side rows[] = {
	{ ROW(VERB_GET, "/a/{x}/c", LITERAL("a"), VARIABLE("x"), LITERAL("c")) },
	{ ROW(VERB_GET, "/a/b/d", LITERAL("a"), LITERAL("b"), LITERAL("d")) },
	{ ROW(VERB_GET, "/a/{x}", LITERAL("a"), VARIABLE("x")) },
	{ ROW(VERB_DELETE, "/a/{x}", LITERAL("a"), VARIABLE("x")) },
	{ ROW(VERB_GET, "/a/b", LITERAL("a"), LITERAL("b")) },
	{ ROW(VERB_POST, "/a/{x}:stop", LITERAL("a"), VARIABLE("x")), .custom_verb = "stop" },
	{ ROW(VERB_GET, "/list/{path=**}", LITERAL("list"), REST("path")) },
	{ ROW(VERB_GET, "/list", LITERAL("list")), .trailing_slash = true },
	{ ROW(VERB_POST, "/list", LITERAL("list")), .trailing_slash = true },
	{ ROW(VERB_GET, "/file/{path=**}", LITERAL("file"), REST("path")) },
	{ ROW(VERB_GET, "/file/{x}/meta", LITERAL("file"), VARIABLE("x"), LITERAL("meta")) },
	{ ROW(VERB_GET, "/caf\xc3\xa9/x y", LITERAL("caf\xc3\xa9"), LITERAL("x y")) },
	{ ROW(VERB_GET, "/w/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}", LITERAL("w"), VARIABLE("a"), VARIABLE("b"), VARIABLE("c"),
	      VARIABLE("d"), VARIABLE("e"), VARIABLE("f"), VARIABLE("g"), VARIABLE("h")) },
};

static const struct {
	const char *label, *method, *path, *route; /* NULL: none */
	const char *first, *allow;                 /* first variable; Allow when there is no route for the method */
} path_rows[] = {
	{ "T04 one segment", "GET", "/a/x1", "/a/{x}", "x1", NULL },
	{ "T04 one segment, not two", "GET", "/a/x1/y", NULL, NULL, "" },
	{ "T04 a variable is not empty", "GET", "/a/", NULL, NULL, "" },
	{ "T04 an empty segment in the middle", "GET", "/a//c", NULL, NULL, "" },
	{ "T04 a rest of one", "GET", "/file/one", "/file/{path=**}", "one", NULL },
	{ "T04 a rest of many", "GET", "/file/one/two/three", "/file/{path=**}", "one/two/three", NULL },
	{ "T04 a rest of one empty segment", "GET", "/file/", "/file/{path=**}", "", NULL },
	{ "T04 a rest of none", "GET", "/file", "/file/{path=**}", "", NULL },
	{ "T04 a rest is of whole segments", "GET", "/files", NULL, NULL, "" },
	{ "T04 the shorter path before a rest of none", "GET", "/list", "/list", NULL, NULL },
	{ "T04 a rest of some", "GET", "/list/x", "/list/{path=**}", "x", NULL },
	{ "T08 a rest is without the slash before it", "GET", "/file//x", "/file/{path=**}", "/x", NULL },
	{ "a literal before a variable", "GET", "/a/b", "/a/b", NULL, NULL },
	{ "back from a literal that leads nowhere", "GET", "/a/b/c", "/a/{x}/c", "b", NULL },
	{ "the literal way", "GET", "/a/b/d", "/a/b/d", NULL, NULL },
	{ "a variable before a rest", "GET", "/file/f/meta", "/file/{x}/meta", "f", NULL },
	{ "T07 custom verb", "POST", "/a/x1:stop", "/a/{x}:stop", "x1", NULL },
	{ "T07 unregistered verb is part of the segment", "GET", "/a/x1:go", "/a/{x}", "x1:go", NULL },
	{ "T07 the verb of another method too", "GET", "/a/x1:stop", "/a/{x}", "x1:stop", NULL },
	{ "T07 a verb needs a segment", "POST", "/a/:stop", NULL, NULL, "GET, HEAD, DELETE, OPTIONS" },
	{ "T09 fully decoded", "GET", "/a/x%20%2F%c3%a4", "/a/{x}", "x /\xc3\xa4", NULL },
	{ "T09 plus stays plus in a path", "GET", "/a/x+y", "/a/{x}", "x+y", NULL },
	{ "T09 a bad escape stays", "GET", "/a/%zz%2", "/a/{x}", "%zz%2", NULL },
	{ "T10 all but the slash", "GET", "/file/x%20y%2Fz/%41", "/file/{path=**}", "x y%2Fz/A", NULL },
	{ "T10 in either case", "GET", "/file/x%2fz", "/file/{path=**}", "x%2fz", NULL },
	{ "NUL is a matter of whoever reads the variable", "GET", "/a/x%00y", "/a/{x}", NULL, NULL },
	{ "NUL is in no rest", "GET", "/file/x/%00", NULL, NULL, "" },
	{ "T19 an escaped literal", "GET", "/caf%C3%A9/x%20y", "/caf\xc3\xa9/x y", NULL, NULL },
	{ "T19 a literal as it is", "GET", "/caf\xc3\xa9/x%20y", "/caf\xc3\xa9/x y", NULL, NULL },
	{ "T19 an escaped slash is no separator", "GET", "/a%2Fb", NULL, NULL, "" },
	{ "T23 another method", "PUT", "/a/b", NULL, NULL, "GET, HEAD, DELETE, OPTIONS" },
	{ "T23 methods are case sensitive", "get", "/a/b", NULL, NULL, "GET, HEAD, DELETE, OPTIONS" },
	{ "T23 an unknown method", "BREW", "/list", NULL, NULL, "GET, HEAD, POST, OPTIONS" },
	{ "B28 HEAD is looked up as GET", "HEAD", "/a/b", "/a/b", NULL, NULL },
	{ "B28 no HEAD without GET", "HEAD", "/a/x1:stop", "/a/{x}", "x1:stop", NULL },
	{ "T26 many wildcards", "GET", "/w/1/2/3/4/5/6/7/8", "/w/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}", "1", NULL },
	{ "T26 one too many", "GET", "/w/1/2/3/4/5/6/7/8/9", NULL, NULL, "" },
	{ "T27 root", "GET", "/", NULL, NULL, "" },
	{ "T27 nothing", "GET", "", NULL, NULL, "" },
	{ "T27 no slash in front", "GET", "a/b", NULL, NULL, "" },
	{ "T27 under-specified", "GET", "/a", NULL, NULL, "" },
	{ "T27 a prefix is no match", "GET", "/lis", NULL, NULL, "" },
	{ "T27 more is no match", "GET", "/listen", NULL, NULL, "" },
	{ "T27 trailing slash is another path", "GET", "/a/b/", NULL, NULL, "" },
	{ "trailing slash where it is allowed", "POST", "/list/", "/list", NULL, NULL },
	{ "two slashes never", "POST", "/list//", NULL, NULL, "GET, HEAD, OPTIONS" },
	{ "case matters", "GET", "/LIST", NULL, NULL, "" },
	{ "dots are text", "GET", "/a/b/../b", NULL, NULL, "" },
};

static void check_paths(void)
{
	struct route_index *index = route_index_create(rows, COUNT(rows));
	for (size_t i = 0; i < COUNT(path_rows); i++) {
		const char *label = path_rows[i].label;
		struct route_match match;
		bool found =
		    route_find(index, arena, str_from(path_rows[i].method), str_from(path_rows[i].path), &match);
		CHECK_ROW(label, found == (path_rows[i].route != NULL));
		if (found && path_rows[i].route) CHECK_STR_ROW(label, str_from(match.route->path), path_rows[i].route);
		if (path_rows[i].first && CHECK_ROW(label, match.variable_count > 0)) {
			CHECK_STR_ROW(label, match.variables[0].value, path_rows[i].first);
		}
		if (!path_rows[i].allow) continue;
		CHECK_ROW(label, (match.verbs == 0) == (*path_rows[i].allow == '\0'));
		if (*path_rows[i].allow) CHECK_STR_ROW(label, route_allow_text(arena, match.verbs), path_rows[i].allow);
	}
	route_index_destroy(&index);
	CHECK(index == NULL);
}

/* Every generated route is found under its own text, whatever its neighbours. */
static void check_generated_routes(void)
{
	struct route_index *index = route_index_create(route_table, route_count);
	CHECK(route_count > 0);
	for (size_t i = 0; i < route_count; i++) {
		const struct route_side *row = &route_table[i];
		struct strbuf path;
		struct route_match match;
		strbuf_init(&path, arena);
		for (size_t s = 0; s < row->segment_count; s++) {
			strbuf_add_char(&path, '/');
			strbuf_add_cstr(&path,
			                row->segments[s].kind == SEGMENT_LITERAL ? row->segments[s].text : "some-id");
		}
		if (row->custom_verb) strbuf_printf(&path, ":%s", row->custom_verb);
		CHECK_ROW(row->path,
		          route_find(index, arena, str_from(http_verb_names[row->verb]), strbuf_str(&path), &match));
		CHECK_ROW(row->path, match.route == row);
		strbuf_add_char(&path, '/');
		bool slash = route_find(index, arena, str_from(http_verb_names[row->verb]), strbuf_str(&path), &match);
		CHECK_ROW(row->path, slash == row->trailing_slash);
	}
	route_index_destroy(&index);
}

static const struct route_side *generated(enum http_verb verb, const char *path)
{
	for (size_t i = 0; i < route_count; i++) {
		if (route_table[i].verb == verb && strcmp(route_table[i].path, path) == 0) return &route_table[i];
	}
	printf("no route %s\n", path);
	exit(1);
}

static ProtobufCMessage *build(const struct route_side *route, const char *query, const char *body, const char *id,
                               const char *cursor, struct error *err)
{
	struct route_match match = { .route = route };
	ProtobufCMessage *message = NULL;
	for (size_t s = 0; s < route->segment_count; s++) {
		if (route->segments[s].kind == SEGMENT_LITERAL) continue;
		match.variables[match.variable_count].segment = &route->segments[s];
		match.variables[match.variable_count++].value = str_from(id);
	}
	struct request_parts parts = { str_from(query), str_from(body), str_from(cursor) };
	error_clear(err);
	return request_build(arena, &match, &parts, &message, err) ? message : NULL;
}

static void check_violation(const char *label, const struct error *err, const char *field)
{
	bool found = false;
	for (size_t i = 0; i < err->violation_count; i++) found = found || strcmp(err->violations[i].field, field) == 0;
	if (!CHECK_ROW(label, found)) {
		for (size_t i = 0; i < err->violation_count; i++)
			printf("  %s (%s)\n", err->violations[i].field, err->violations[i].type);
	}
}

static void check_requests(void)
{
	struct error err = { 0 };
	const struct route_side *create = generated(VERB_POST, "/api/v1/plans");
	const struct route_side *list = generated(VERB_GET, "/api/v1/plans");
	const struct route_side *get = generated(VERB_GET, "/api/v1/plans/{id}");
	const struct route_side *resume = generated(VERB_GET, "/api/v1/plans/stream");
	const struct route_side *events = generated(VERB_GET, "/api/v1/tasks/{id}/events");

	Petfood__V1__CreatePlanRequest *c = (void *)build(
	    create, "pet_breed=query", "{\"pet_type\":\"cat\",\"pet_age\":5,\"unheard_of\":1}", "", "", &err);
	if (CHECK(c != NULL)) {
		CHECK(c->pet_type == PETFOOD__V1__PET_TYPE__PET_TYPE_CAT);
		CHECK(c->pet_age == 5);
		CHECK_ROW("T02 no query beside body \"*\"", c->_pet_breed_case == 0);
	}
	CHECK_ROW("empty body is an empty object", build(create, "", "", "", "", &err) != NULL);
	CHECK(build(create, "", "{\"pet_type\":\"horse\",\"pet_age\":\"x\"}", "", "", &err) == NULL);
	CHECK(error_is(&err, "VALIDATION_FAILED"));
	check_violation("two wrong fields, first", &err, "body.pet_type");
	check_violation("two wrong fields, second", &err, "body.pet_age");
	CHECK(build(create, "", "{\"pet_type\":", "", "", &err) == NULL);
	check_violation("JSON that breaks off names the place", &err, "body.pet_type");
	CHECK(build(create, "", "nonsense", "", "", &err) == NULL);
	check_violation("malformed JSON is about the body", &err, "body");
	CHECK_ROW("malformed JSON", err.violation_count > 0 && strcmp(err.violations[0].type, "json_invalid") == 0);
	CHECK_ROW("B32 1e400", build(create, "", "{\"pet_weight\":1e400}", "", "", &err) == NULL);
	check_violation("B32 1e400", &err, "body.pet_weight");

	Petfood__V1__ListPlansRequest *l =
	    (void *)build(list, "pet_type=dog&page=3&nonsense=1&&=x", "{\"page\":9}", "", "", &err);
	if (CHECK(l != NULL)) {
		CHECK(l->pet_type == PETFOOD__V1__PET_TYPE__PET_TYPE_DOG);
		CHECK_ROW("T03 no body clause, no body read", l->page == 3);
		CHECK_ROW("default for a missing parameter", l->page_size == 10);
	}
	l = (void *)build(list, "pageSize=7", "", "", "", &err);
	CHECK_ROW("T13 lowerCamel name", l && l->page_size == 7);
	CHECK(build(list, "page=two", "", "", "", &err) == NULL);
	check_violation("T25 type mismatch in the query", &err, "query.page");
	CHECK(build(list, "pet_type=%FF", "", "", "", &err) == NULL);
	check_violation("query that is not UTF-8", &err, "query.pet_type");

	Petfood__V1__GetPlanRequest *g = (void *)build(get, "id=other", "{\"id\":\"third\"}", "mine", "", &err);
	CHECK_ROW("T22 path wins", g && strcmp(g->id, "mine") == 0);

	static const char *const no_ids[] = { "\xff", "\xc3(", "a\xed\xa0\x80" };
	for (size_t i = 0; i < COUNT(no_ids); i++) {
		g = (void *)build(get, "", "", no_ids[i], "", &err);
		CHECK_ROW("an id that is no text is the id of nothing", g && strcmp(g->id, "?") == 0);
	}
	struct route_match nul = { .route = get, .variable_count = 1 };
	nul.variables[0].segment = &get->segments[get->segment_count - 1];
	nul.variables[0].value = (struct str){ "a\0b", 3 };
	struct request_parts nothing = { 0 };
	ProtobufCMessage *cut = NULL;
	CHECK(request_build(arena, &nul, &nothing, &cut, &err));
	CHECK_ROW("NUL does not cut an id short", cut && strcmp(((Petfood__V1__GetPlanRequest *)cut)->id, "?") == 0);

	static const char *const numbered[] = { "{\"pet_type\":0}", "{\"pet_type\":1}",
		                                "{\"pet_type\":\"PET_TYPE_UNSPECIFIED\"}" };
	for (size_t i = 0; i < COUNT(numbered); i++) {
		CHECK_ROW(numbered[i], build(create, "", numbered[i], "", "", &err) == NULL);
		check_violation(numbered[i], &err, "body.pet_type");
		CHECK_STR_ROW(numbered[i], str_from(err.violations[0].type), "enum");
		CHECK_STR_ROW(numbered[i], str_from(err.violations[0].message), "必须是以下之一：cat, dog");
	}
	CHECK_ROW("nor in a query", build(list, "pet_type=1", "", "", "", &err) == NULL);
	check_violation("nor in a query", &err, "query.pet_type");
	CHECK(build(create, "", "{\"dislikes\":[\"a\",1]}", "", "", &err) == NULL);
	check_violation("positions are dotted", &err, "body.dislikes.1");

	Petfood__V1__ListEventsRequest *e = (void *)build(events, "after=12", "", "t1", "", &err);
	CHECK(e && e->after == 12 && e->limit == 100 && strcmp(e->id, "t1") == 0);

	Petfood__V1__ResumePlanStreamRequest *r =
	    (void *)build(resume, "task_id=t%201+x&last_event_id=4", "", "", "", &err);
	CHECK_ROW("T14 plus is a space in the query", r && strcmp(r->task_id, "t 1 x") == 0);
	CHECK(r && strcmp(r->last_event_id, "4") == 0);
	r = (void *)build(resume, "task_id=t&last_event_id=4", "", "", "7", &err);
	CHECK_ROW("S13 header beats query", r && strcmp(r->last_event_id, "7") == 0);
	r = (void *)build(resume, "task_id=t", "", "", "\xff\xfe", &err);
	CHECK_ROW("S09 a cursor that is no text", r && r->_last_event_id_case != 0);

	CHECK_STR(str_from(request_location(get, STR("id"))), "path");
	CHECK_STR(str_from(request_location(create, STR("dislikes.2"))), "body");
	CHECK_STR(str_from(request_location(list, STR("page"))), "query");
}

static void check_replies(void)
{
	struct strbuf out;
	const struct route_side *remove = generated(VERB_DELETE, "/api/v1/plans/{id}");
	const struct route_side *create = generated(VERB_POST, "/api/v1/plans");
	Petfood__V1__DeletePlanReply reply = PETFOOD__V1__DELETE_PLAN_REPLY__INIT;
	reply.plan_id = (char *)"p\"1";
	strbuf_init(&out, arena);
	reply_done(&out, remove, LANG_ZH, &reply.base);
	CHECK_STR(strbuf_str(&out), "{\"code\":0,\"message\":\"删除成功\",\"data\":{\"plan_id\":\"p\\\"1\"}}");
	strbuf_init(&out, arena);
	reply_done(&out, remove, LANG_EN, &reply.base);
	CHECK_STR(strbuf_str(&out), "{\"code\":0,\"message\":\"deleted\",\"data\":{\"plan_id\":\"p\\\"1\"}}");

	struct error err = { 0 };
	(void)error_set(&err, RPC_NOT_FOUND, "PET_NOT_FOUND", "for the log");
	struct rpc_outcome outcome = reply_outcome(arena, LANG_ZH, &err);
	strbuf_init(&out, arena);
	struct reply_problem problem = reply_failed(&out, NULL, true, LANG_ZH, &outcome);
	CHECK(problem.status == 404 && problem.retry_after_s == -1);
	CHECK_STR_ROW("business code", strbuf_str(&out), "{\"code\":3001,\"message\":\"宠物不存在\",\"detail\":null}");

	(void)error_set(&err, RPC_RESOURCE_EXHAUSTED, "RATE_LIMITED", "x");
	(void)error_param(&err, "limit", "100");
	(void)error_param(&err, "window", "60");
	(void)error_param(&err, "retry_after", "17");
	outcome = reply_outcome(arena, LANG_EN, &err);
	strbuf_init(&out, arena);
	problem = reply_failed(&out, NULL, true, LANG_EN, &outcome);
	CHECK(problem.status == 429 && problem.retry_after_s == 17);
	CHECK_STR(strbuf_str(&out), "{\"code\":429,\"message\":\"too many requests, please try again later\","
	                            "\"detail\":{\"limit\":100,\"window\":60,\"retry_after\":17}}");

	(void)error_set(&err, RPC_RESOURCE_EXHAUSTED, "OVERLOADED", "x");
	outcome = reply_outcome(arena, LANG_EN, &err);
	problem = reply_failed(&out, NULL, true, LANG_EN, &outcome);
	CHECK_ROW("503 says when", problem.status == 503 && problem.retry_after_s == 1);

	struct rpc_violation wrong = { STR("pet_weight"), STR("less_than_equal"), STR("too heavy") };
	outcome = (struct rpc_outcome){ .code = RPC_INVALID_ARGUMENT,
		                        .reason = STR("VALIDATION_FAILED"),
		                        .message = STR("请求数据验证失败"),
		                        .violation_count = 1,
		                        .violations = &wrong };
	strbuf_init(&out, arena);
	problem = reply_failed(&out, create, false, LANG_ZH, &outcome);
	CHECK(problem.status == 422);
	CHECK_STR(strbuf_str(&out),
	          "{\"code\":422,\"message\":\"请求数据验证失败\",\"detail\":[{\"field\":\"body.pet_weight\","
	          "\"message\":\"too heavy\",\"type\":\"less_than_equal\"}]}");

	strbuf_init(&out, arena);
	reply_envelope(&out, STR("a \"b\""), STR("{\"c\":[]}"));
	CHECK_STR(strbuf_str(&out), "{\"code\":0,\"message\":\"a \\\"b\\\"\",\"data\":{\"c\":[]}}");

	err = (struct error){ 0 };
	(void)error_violation(&err, "query.page", "type", "must be a whole number");
	(void)error_violation(&err, "body", "json_invalid", "is not valid JSON");
	outcome = reply_outcome(arena, LANG_EN, &err);
	strbuf_init(&out, arena);
	problem = reply_failed(&out, create, true, LANG_EN, &outcome);
	CHECK_STR_ROW("violations of our own have their place already", strbuf_str(&out),
	              "{\"code\":422,\"message\":\"the request is not "
	              "valid\",\"detail\":[{\"field\":\"query.page\",\"message\":\"must be a "
	              "whole number\",\"type\":\"type\"},{\"field\":\"body\",\"message\":\"is not valid "
	              "JSON\",\"type\":\"json_invalid\"}]}");

	struct rpc_param texts[] = { { STR("status"), STR("completed") },
		                     { STR("large"), STR("9007199254740993") },
		                     { STR("n"), STR("-7") },
		                     { STR("retry_after"), STR("-7") } };
	outcome = (struct rpc_outcome){
		.code = RPC_FAILED_PRECONDITION, .reason = STR("OF_TOMORROW"), .param_count = 4, .params = texts
	};
	strbuf_init(&out, arena);
	problem = reply_failed(&out, NULL, true, LANG_EN, &outcome);
	CHECK_ROW("a wait that has passed is none", problem.retry_after_s == -1);
	CHECK_STR_ROW("what is no number, or too large for one that JavaScript keeps, is a text", strbuf_str(&out),
	              "{\"code\":400,\"message\":\"FAILED_PRECONDITION\",\"detail\":{\"status\":\"completed\","
	              "\"large\":\"9007199254740993\",\"n\":-7,"
	              "\"retry_after\":-7}}");

	outcome =
	    (struct rpc_outcome){ .code = RPC_ALREADY_EXISTS, .reason = STR("OF_TOMORROW"), .message = STR("there") };
	strbuf_init(&out, arena);
	problem = reply_failed(&out, NULL, false, LANG_ZH, &outcome);
	CHECK_ROW("a reason that is not known here", problem.status == 409);
	CHECK_STR(strbuf_str(&out), "{\"code\":409,\"message\":\"there\",\"detail\":null}");
}

static const struct {
	const char *label, *accept, *type;
	double quality;
} accept_rows[] = {
	{ "no header", "", "application/json", 1 },
	{ "named", "application/json", "application/json", 1 },
	{ "in any case", "Application/JSON", "application/json", 1 },
	{ "any", "*/*", "application/json", 1 },
	{ "family", "text/html, application/*;q=0.4", "application/json", 0.4 },
	{ "the precise one decides", "*/*;q=0.9, application/json;q=0.2", "application/json", 0.2 },
	{ "excluded", "*/*, application/json;q=0", "application/json", 0 },
	{ "something else", "image/png", "application/json", 0 },
	{ "browser", "text/html,application/xhtml+xml,*/*;q=0.8", "text/html", 1 },
	{ "browser and JSON", "text/html,application/xhtml+xml,*/*;q=0.8", "application/json", 0.8 },
	{ "garbage weight", "application/json;q=abc", "application/json", 1 },
	{ "only commas", ",,", "application/json", 1 },
};

static const struct {
	const char *label, *header;
	bool yes;
} gzip_rows[] = {
	{ "none", "", false },          { "named", "deflate, gzip", true },      { "refused", "gzip;q=0", false },
	{ "star", "*", true },          { "star but not gzip", "*, gzip;q=0", false }, { "other", "br", false },
	{ "weighted", "gzip;q=0.1", true }, { "star refused", "gzip, *;q=0", true },
}, json_rows[] = {
	{ "plain", "application/json", true },
	{ "charset", "application/json; charset=utf-8", true },
	{ "case", "Application/Json", true },
	{ "suffix", "application/problem+json", false },
	{ "form", "application/x-www-form-urlencoded", false },
	{ "longer", "application/jsonp", false },
	{ "empty", "", false },
}, id_rows[] = {
	{ "uuid", "0a1b2c3d-0000-4000-8000-000000000000", true },
	{ "empty", "", false },
	{ "space", "a b", false },
	{ "line break", "a\nb", false },
	{ "128", "1234567812345678123456781234567812345678123456781234567812345678"
	         "1234567812345678123456781234567812345678123456781234567812345678", true },
	{ "129", "1234567812345678123456781234567812345678123456781234567812345678"
	         "12345678123456781234567812345678123456781234567812345678123456781", false },
}, trace_rows[] = {
	{ "valid", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true },
	{ "not sampled", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", true },
	{ "a later version", "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", true },
	{ "version 00 with more", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", false },
	{ "version ff", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false },
	{ "zero trace", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", false },
	{ "zero span", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false },
	{ "upper case", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false },
	{ "short", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", false },
	{ "empty", "", false },
};

static void check_headers(void)
{
	for (size_t i = 0; i < COUNT(accept_rows); i++) {
		double quality = accept_quality(str_from(accept_rows[i].accept), str_from(accept_rows[i].type));
		CHECK_NEAR(accept_rows[i].label, quality, accept_rows[i].quality, 1e-9);
	}
	for (size_t i = 0; i < COUNT(gzip_rows); i++) {
		CHECK_ROW(gzip_rows[i].label, accept_gzip(str_from(gzip_rows[i].header)) == gzip_rows[i].yes);
	}
	for (size_t i = 0; i < COUNT(json_rows); i++) {
		CHECK_ROW(json_rows[i].label,
		          content_type_is(str_from(json_rows[i].header), STR("application/json")) == json_rows[i].yes);
	}
	for (size_t i = 0; i < COUNT(id_rows); i++) {
		CHECK_ROW(id_rows[i].label, request_id_is_valid(str_from(id_rows[i].header)) == id_rows[i].yes);
	}
	for (size_t i = 0; i < COUNT(trace_rows); i++) {
		char out[TRACEPARENT_BYTES];
		struct str in = str_from(trace_rows[i].header);
		CHECK_ROW(trace_rows[i].label, traceparent_continue(in, out) == trace_rows[i].yes);
		bool kept = in.len >= 35 && memcmp(out + 3, in.ptr + 3, 32) == 0;
		CHECK_ROW(trace_rows[i].label, kept == trace_rows[i].yes);
		CHECK_ROW(trace_rows[i].label, strlen(out) == 55 && memcmp(out, "00-", 3) == 0);
		if (kept) CHECK_ROW(trace_rows[i].label, memcmp(out + 36, in.ptr + 36, 16) != 0); /* a span of ours */
		if (kept) CHECK_ROW(trace_rows[i].label, memcmp(out + 53, in.ptr + 53, 2) == 0);
	}
	struct str token;
	CHECK(bearer_token(STR("Bearer abc.def"), &token) && str_equal(token, STR("abc.def")));
	CHECK(bearer_token(STR("bEARER   abc "), &token) && str_equal(token, STR("abc")));
	CHECK(!bearer_token(STR("Basic abc"), &token) && !bearer_token(STR("Bearer "), &token) &&
	      !bearer_token(STR("Bearerabc"), &token));
	CHECK(!bearer_token(STR_NONE, &token));
	CHECK(is_plain_value(STR("k-1 x"), 5) && !is_plain_value(STR("k-1 xy"), 5) && !is_plain_value(STR(" k"), 5));
	CHECK(!is_plain_value(STR("k\n"), 5) && !is_plain_value(STR("\xc3\xa4"), 5) && !is_plain_value(STR_NONE, 5));

	static const struct str hosts[] = { { "example.com", 11 }, { "*.pets.example", 14 }, { "[::1]", 5 } };
	CHECK(host_is_allowed(hosts, 3, STR("Example.com")) && host_is_allowed(hosts, 3, STR("example.com:8000")));
	CHECK(host_is_allowed(hosts, 3, STR("a.pets.example")) && host_is_allowed(hosts, 3, STR("a.b.pets.example:1")));
	CHECK(!host_is_allowed(hosts, 3, STR("pets.example")) && !host_is_allowed(hosts, 3, STR("evilpets.example")));
	CHECK(host_is_allowed(hosts, 3, STR("[::1]:8000")) && !host_is_allowed(hosts, 3, STR("[::2]:8000")));
	CHECK(!host_is_allowed(hosts, 3, STR("example.com.evil")) && !host_is_allowed(hosts, 3, STR_NONE));
	static const char *const crooked[] = { "example.com:80:evil.example", "example.com:8o", "example.com@evil.example",
		                               "evil.example/.pets.example", "evil.example#a.pets.example", "[::1]evil.example",
		                               "[::1", "a b.pets.example", "@a.pets.example", ":80", "example.com\t" };
	for (size_t i = 0; i < COUNT(crooked); i++)
		CHECK_ROW(crooked[i], !host_is_allowed(hosts, 3, str_from(crooked[i])));
	CHECK_ROW("NUL ends no name", !host_is_allowed(hosts, 3, (struct str){ "example.com\0.evil", 17 }));
	CHECK_ROW("a port may be left out after its colon (RFC 3986, 3.2.3)", host_is_allowed(hosts, 3, STR("example.com:")));
	static const struct str any[] = { { "*", 1 } };
	CHECK(host_is_allowed(any, 1, STR("x")) && host_is_allowed(NULL, 0, STR_NONE));
}

static const struct {
	const char *label, *peer, *forwarded, *client;
} client_rows[] = {
	{ "no proxy", "203.0.113.9", "", "203.0.113.9" },
	{ "A29 a stranger's header is ignored", "203.0.113.9", "1.2.3.4", "203.0.113.9" },
	{ "A29 trusted proxy", "10.1.2.3", "198.51.100.7", "198.51.100.7" },
	{ "A29 rightmost that is not trusted", "10.1.2.3", "1.1.1.1, 198.51.100.7, 10.9.9.9", "198.51.100.7" },
	{ "A29 spoofed first entry", "10.1.2.3", "10.0.0.1, 198.51.100.7", "198.51.100.7" },
	{ "all trusted", "10.1.2.3", "10.0.0.1,10.0.0.2", "10.0.0.1" },
	{ "garbage ends the walk", "10.1.2.3", "198.51.100.7, junk", "10.1.2.3" },
	{ "with port", "10.1.2.3", "198.51.100.7:4711", "198.51.100.7" },
	{ "IPv6", "10.1.2.3", "2001:db8::7", "2001:db8::7" },
	{ "IPv6 in brackets", "fd00::5", "[2001:db8::7]:4711", "2001:db8::7" },
	{ "mapped peer", "::ffff:10.1.2.3", "198.51.100.7", "198.51.100.7" },
	{ "empty entries", "10.1.2.3", ",,", "10.1.2.3" },
};

static void check_addresses(void)
{
	struct error err = { 0 };
	struct address_block trusted[2];
	CHECK_OK(address_block_parse(STR("10.0.0.0/8"), &trusted[0], &err), &err);
	CHECK_OK(address_block_parse(STR("fd00::/8"), &trusted[1], &err), &err);
	for (size_t i = 0; i < COUNT(client_rows); i++) {
		struct address peer, client;
		char text[ADDRESS_TEXT_BYTES];
		CHECK_ROW(client_rows[i].label, address_parse(str_from(client_rows[i].peer), &peer));
		client = address_of_client(&peer, str_from(client_rows[i].forwarded), trusted, 2);
		address_format(&client, text);
		CHECK_STR_ROW(client_rows[i].label, str_from(text), client_rows[i].client);
	}
	static const char *const bad[] = { "",           "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/",
		                           "fd00::/129", "host",        "10.0.0",      "1.2.3.4/x" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct address_block block;
		CHECK_ROW(bad[i], !address_block_parse(str_from(bad[i]), &block, &err));
		CHECK_ROW(bad[i], error_is(&err, "PROXY_INVALID"));
	}
	static const struct {
		const char *text, *address; /* NULL: none */
	} texts[] = {
		{ "10.0.0.1", "10.0.0.1" },
		{ " 10.0.0.1:80 ", "10.0.0.1" },
		{ "[::1]", "::1" },
		{ "[::1]:443", "::1" },
		{ "[10.0.0.1]:1", "10.0.0.1" },
		{ "::ffff:1.2.3.4", "1.2.3.4" },
		{ "[::1", NULL },
		{ "[::1]443", NULL },
		{ "[::1]:x", NULL },
		{ "[::1]:65536", NULL },
		{ "10.0.0.1:-1", NULL },
		{ "host:80", NULL },
		{ "", NULL },
		{ "1.2.3.4:80:90", NULL },
		{ "unknown", NULL },
	};
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct address address;
		char text[ADDRESS_TEXT_BYTES];
		bool good = address_parse(str_from(texts[i].text), &address);
		CHECK_ROW(texts[i].text, good == (texts[i].address != NULL));
		if (!good || !texts[i].address) continue;
		address_format(&address, text);
		CHECK_STR_ROW(texts[i].text, str_from(text), texts[i].address);
	}
	struct sockaddr_in from4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000001) };
	struct sockaddr_in6 from6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr other = { .sa_family = AF_UNIX };
	struct address peer;
	char text[ADDRESS_TEXT_BYTES];
	CHECK(address_from_socket((struct sockaddr *)&from4, &peer));
	address_format(&peer, text);
	CHECK_STR(str_from(text), "10.0.0.1");
	CHECK(address_from_socket((struct sockaddr *)&from6, &peer));
	address_format(&peer, text);
	CHECK_STR(str_from(text), "::1");
	CHECK_ROW("a socket of another family has no address", !address_from_socket(&other, &peer));
	struct address_block odd;
	struct address in, out;
	CHECK(address_block_parse(STR("192.168.8.0/21"), &odd, &err));
	CHECK(address_parse(STR("192.168.15.255"), &in) && address_parse(STR("192.168.16.0"), &out));
	CHECK(address_block_has(&odd, &in) && !address_block_has(&odd, &out));
	CHECK(address_block_parse(STR("0.0.0.0/0"), &odd, &err) && address_block_has(&odd, &in));
	CHECK(address_parse(STR("::1"), &in));
	CHECK_ROW("IPv4's whole space has no IPv6 in it", !address_block_has(&odd, &in));
}

static void check_cors(void)
{
	static const struct str listed[] = { { "http://localhost:3000", 21 }, { "capacitor://localhost", 21 } };
	static const struct str star[] = { { "*", 1 } }, get[] = { { "GET", 3 }, { "POST", 4 } },
	                        names[] = { { "X-A", 3 } };
	struct cors_policy policy = { listed, 2, star, 1, star, 1, true };
	struct cors_answer a = cors_decide(&policy, STR("http://localhost:3000"));
	CHECK_STR(a.allow_origin, "http://localhost:3000");
	CHECK(a.allow_credentials && a.varies);
	a = cors_decide(&policy, STR("https://evil.example"));
	CHECK_ROW("A27 not listed", a.allow_origin.len == 0 && !a.allow_credentials && a.varies);
	a = cors_decide(&policy, STR_NONE);
	CHECK_ROW("no origin", a.allow_origin.len == 0 && a.varies);
	a = cors_decide(&policy, STR("http://localhost:30000"));
	CHECK_ROW("a longer port is another origin", a.allow_origin.len == 0);
	policy.origins = star;
	policy.origin_count = 1;
	a = cors_decide(&policy, STR("https://any.example"));
	CHECK_STR(a.allow_origin, "*");
	CHECK_ROW("A27 never a wildcard with credentials", !a.allow_credentials);
	policy.origin_count = 0;
	a = cors_decide(&policy, STR("https://any.example"));
	CHECK_ROW("nothing configured", a.allow_origin.len == 0 && !a.varies);

	CHECK_STR(cors_allow_methods(arena, &policy), "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");
	CHECK_STR(cors_allow_headers(arena, &policy, STR("authorization, x-b")), "authorization, x-b");
	CHECK_ROW("A28 no injection", cors_allow_headers(arena, &policy, STR("x\r\nset-cookie: a")).len == 0);
	policy.methods = get;
	policy.method_count = 2;
	policy.headers = names;
	CHECK_STR(cors_allow_methods(arena, &policy), "GET, POST");
	CHECK_STR(cors_allow_headers(arena, &policy, STR("authorization")), "X-A");
}

static const struct {
	const char *label;
	uint64_t number;
	const char *data, *frame;
} frame_rows[] = {
	{ "numbered", 7, "{\"a\":1}", "id: 7\ndata: {\"a\":1}\n\n" },
	{ "unnumbered", 0, "{}", "data: {}\n\n" },
	{ "largest number", UINT64_MAX, "{}", "id: 18446744073709551615\ndata: {}\n\n" },
	{ "S12 LF", 1, "a\nb", "id: 1\ndata: a\ndata: b\n\n" },
	{ "S12 CR LF", 1, "a\r\nb", "id: 1\ndata: a\ndata: b\n\n" },
	{ "S12 CR", 1, "a\rb", "id: 1\ndata: a\ndata: b\n\n" },
	{ "S12 cannot forge a field", 1, "a\n\nid: 9\ndata: x",
	  "id: 1\ndata: a\ndata: \ndata: id: 9\ndata: data: x\n\n" },
	{ "S12 byte order mark", 1, "\xef\xbb\xbf{}", "id: 1\ndata: \xef\xbb\xbf{}\n\n" },
	{ "ends in LF", 1, "a\n", "id: 1\ndata: a\ndata: \n\n" },
	{ "empty", 1, "", "id: 1\ndata: \n\n" },
};

static void check_frames(void)
{
	struct strbuf out;
	for (size_t i = 0; i < COUNT(frame_rows); i++) {
		strbuf_init(&out, arena);
		frame_event(&out, frame_rows[i].number, str_from(frame_rows[i].data));
		CHECK_STR_ROW(frame_rows[i].label, strbuf_str(&out), frame_rows[i].frame);
	}
	strbuf_init(&out, arena);
	frame_comment(&out, "heartbeat");
	frame_retry(&out, 2345);
	CHECK_STR(strbuf_str(&out), ": heartbeat\n\nretry: 2345\n\n");
}

int main(void)
{
	arena = arena_create(0);
	check_paths();
	check_generated_routes();
	check_requests();
	check_replies();
	check_headers();
	check_addresses();
	check_cors();
	check_frames();
	arena_destroy(&arena);
	return check_done("unit_route");
}
