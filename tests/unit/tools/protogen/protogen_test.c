/* What a contract must not say: each row is the body of a .proto, and what protogen answers. Run by ctest with the paths of
 * protoc, protogen and a folder to write to. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/base/arena.h"
#include "tests/support/check.h"

#define HEAD \
	"syntax = \"proto3\";\npackage bad.v1;\nimport \"google/api/annotations.proto\";\nimport " \
	"\"google/protobuf/timestamp.proto\";\n" \
	"import \"petfood/options.proto\";\nimport \"petfood/v1/task.proto\";\n" \
	"message Item { string name = 1; }\n" \
	"message Req { string id = 1; int32 n = 2; repeated string tags = 3; Item item = 4; bytes raw = 5; }\n" \
	"message Wide { string id = 1; repeated Item items = 2; map<string, string> pairs = 3; }\n" \
	"message Rep { Item item = 1; }\n"
/* One method with this annotation; AUTHED with a policy that lets anybody in. */
#define METHOD(options) "service S { rpc M(Req) returns (Rep) { " options " } }\n"
#define NONE "option (petfood.policy) = { auth: AUTH_NONE };"
#define HTTP(rule) METHOD("option (google.api.http) = { " rule " }; " NONE)
#define TWO(first, second) \
	"service S { rpc A(Req) returns (Rep) { option (google.api.http) = { " first " }; " NONE " }\n" \
	"rpc B(Req) returns (Rep) { option (google.api.http) = { " second " }; " NONE " } }\n"

#define WRAPPER(type) \
	{ \
		"J19 " type, "import \"google/protobuf/wrappers.proto\"; message M { google.protobuf." type " a = 1; }", \
		    "bad.v1.M: field a: type google.protobuf." type " has no JSON form here" \
	}
#define MANY(path) \
	"message Many { string a = 1; string b = 2; string c = 3; string d = 4; string e = 5; string f = 6; string g = 7; string h = 8; string i = 9; }\n" \
	"service S { rpc M(Many) returns (Rep) { option (google.api.http) = { get: \"/" path "\" }; " NONE " } }\n"

/* says: what stderr must contain; NULL: the contract is good. */
static const struct row {
	const char *label, *body, *says;
	bool full; /* against the google.api.http of other tools, with the parts that ours leaves out */
} rows[] = {
	{ "a good contract", HTTP("get: \"/a/{id}\""), NULL },
	{ "the root", HTTP("get: \"/\""), NULL },

	{ "method without policy", METHOD(""), "bad.v1.S/M: does not say who may call it" },
	{ "method without auth", METHOD("option (petfood.policy) = { timeout_ms: 5 };"),
	  "bad.v1.S/M: does not say who may call it" },
	{ "timeout too long", METHOD("option (petfood.policy) = { auth: AUTH_USER timeout_ms: 600001 };"),
	  "bad.v1.S/M: timeout_ms is above 600000" },
	{ "a key without an effect",
	  METHOD("option (petfood.policy) = { auth: AUTH_USER no_side_effects: true idempotent_by_key: true };"),
	  "has no side effects" },
	{ "a limit that nobody would ask",
	  METHOD("option (petfood.policy) = { auth: AUTH_NONE pool: POOL_INLINE limit_class: LIMIT_LOGIN };"),
	  "bad.v1.S/M: inline methods are never limited" },
	{ "a limit", METHOD("option (petfood.policy) = { auth: AUTH_NONE limit_class: LIMIT_LOGIN };"), NULL },
	{ "stream keyword", "service S { rpc M(Req) returns (stream Rep) { " NONE " } }",
	  "bad.v1.S/M: every call is unary" },
	{ "opens_stream with another reply",
	  METHOD("option (petfood.policy) = { auth: AUTH_NONE opens_stream: true };"),
	  "bad.v1.S/M: opens a stream, so its reply must be petfood.v1.StreamOpen" },
	{ "opens_stream with a reply of that short name",
	  "message StreamOpen {} service S { rpc M(Req) returns (StreamOpen) { option (petfood.policy) = { auth: "
	  "AUTH_NONE opens_stream: true }; } }",
	  "its reply must be petfood.v1.StreamOpen" },
	{ "opens_stream",
	  "service S { rpc M(Req) returns (petfood.v1.StreamOpen) { option (petfood.policy) = { auth: AUTH_NONE "
	  "opens_stream: true }; } }",
	  NULL },
	{ "two methods with one handler",
	  "service SA { rpc B(Req) returns (Rep) { " NONE " } }\nservice Sa { rpc B(Req) returns (Rep) { " NONE " } }",
	  "its handler sa_b is also that of bad.v1.SA/B" },
	{ "request is not ours", "service S { rpc M(google.protobuf.Timestamp) returns (Rep) { " NONE " } }",
	  "bad.v1.S/M: request and reply must be messages of this contract" },

	{ "recursive request", "message R { R r = 1; } service S { rpc M(R) returns (Rep) { " NONE " } }",
	  "bad.v1.S/M: message bad.v1.R is recursive" },
	{ "recursive reply, two steps, list",
	  "message A { repeated B b = 1; } message B { A a = 1; } service S { rpc M(Req) returns (A) { " NONE " } }",
	  "bad.v1.S/M: message bad.v1.A is recursive" },
	{ "recursive through a map",
	  "message R { map<string, R> r = 1; } service S { rpc M(R) returns (Rep) { " NONE " } }", "is recursive" },
	{ "recursive through a oneof on a route",
	  "message R { oneof o { R r = 1; int32 i = 2; } } service S { rpc M(R) returns (Rep) { option "
	  "(google.api.http) = { get: \"/a\" }; " NONE " } }",
	  "bad.v1.S/M: message bad.v1.R is recursive" },
	{ "recursive, reached by no method", "message R { R r = 1; }", NULL },

	{ "T06 variable inside a variable", HTTP("get: \"/a/{id={n}}\""), "a variable inside a variable" },
	{ "T04 * in the middle", HTTP("get: \"/a/*/b\""), "a wildcard without a variable is not used here" },
	{ "T04 * at the end", HTTP("get: \"/a/*\""), "a wildcard without a variable" },
	{ "T04 ** without a name", HTTP("get: \"/a/**\""), "a wildcard without a variable" },
	{ "T04 ** not last", HTTP("get: \"/a/{id=**}/b\""), "** must be the last segment" },
	{ "T04 ** last, with a verb", HTTP("get: \"/a/{id=**}:look\""), NULL },
	{ "T05 {v=a/*}", HTTP("get: \"/a/{id=b/*}\""), "a template inside a variable is not used here" },
	{ "T05 {v=literal}", HTTP("get: \"/a/{id=b}\""), "a template inside a variable is not used here" },
	{ "T05 {v=*/**}", HTTP("get: \"/a/{id=*/**}\""), "a template inside a variable" },
	{ "T08 repeated variable", HTTP("get: \"/a/{tags}\""), "a path variable must not be repeated" },
	{ "T08 map variable",
	  "service S { rpc M(Wide) returns (Rep) { option (google.api.http) = { get: \"/a/{pairs}\" }; " NONE " } }",
	  "a path variable must not be repeated or a map" },
	{ "T08 message variable", HTTP("get: \"/a/{item}\""), "a path variable must not be a message" },
	{ "T08 variable of finished JSON",
	  "message Doc { bytes doc = 1 [(petfood.rule) = { raw_json: true }]; } service S { rpc M(Doc) returns (Rep) { option (google.api.http) = { "
	  "post: \"/a/{doc}\" body: \"*\" }; " NONE " } }",
	  "bad.v1.S/M: route /a/{doc}: a path variable must not be finished JSON" },
	{ "T08 variable of any primitive type", HTTP("get: \"/a/{n}/{raw}\""), NULL },
	{ "T26 eight variables", MANY("{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}"), NULL },
	{ "T26 nine variables", MANY("{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}"), "bad.v1.S/M: route /{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}: has too many variables" },
	{ "T11 nested path variable", HTTP("get: \"/a/{item.name}\""), "a nested path variable is not used here" },
	{ "variable that is no field", HTTP("get: \"/a/{nothing}\""), "a path variable is no field of the request" },
	{ "variable twice", HTTP("get: \"/a/{id}/{id}\""), "a path variable occurs twice" },
	{ "variable not closed", HTTP("get: \"/a/{id\""), "a variable is not closed" },
	{ "text behind a variable", HTTP("get: \"/a/{id}b\""), "text behind a variable in the same segment" },
	{ "text before a variable", HTTP("get: \"/a/b{id}\""), "a character that must not stand in a path" },
	{ "no slash", HTTP("get: \"a\""), "does not start with /" },
	{ "empty path", HTTP("get: \"\""), "does not start with /" },
	{ "empty segment", HTTP("get: \"/a//b\""), "an empty segment" },
	{ "T27 slash at the end", HTTP("get: \"/a/\""), "an empty segment (policy.trailing_slash" },
	{ "T07 empty verb", HTTP("get: \"/a:\""), "an empty segment" },
	{ "T07 verb behind nothing", HTTP("get: \"/:look\""), "a verb needs a segment before it" },
	{ "T07 verb in the middle", HTTP("get: \"/a:look/b\""), "a character that must not stand in a path" },
	{ "T19 percent cut", HTTP("get: \"/a%2\""), "a % without two hexadecimal digits" },
	{ "T19 percent, no hex", HTTP("get: \"/a%zz\""), "a % without two hexadecimal digits" },
	{ "T19 hidden slash", HTTP("get: \"/a%2Fb\""), "a literal must not hide a slash" },
	{ "T19 not UTF-8", HTTP("get: \"/a%FF\""), "a literal that is not UTF-8" },
	{ "query in a template", HTTP("get: \"/a?b=c\""), "a character that must not stand in a path" },
	{ "trailing_slash behind **",
	  METHOD("option (google.api.http) = { get: \"/a/{id=**}\" }; option (petfood.policy) = { auth: AUTH_NONE "
	         "trailing_slash: true };"),
	  "trailing_slash needs a path that ends in a plain segment" },
	{ "trailing_slash behind a verb",
	  METHOD("option (google.api.http) = { get: \"/a:b\" }; option (petfood.policy) = { auth: AUTH_NONE "
	         "trailing_slash: true };"),
	  "trailing_slash needs" },

	{ "T18 no kind", HTTP("body: \"*\""), "bad.v1.S/M: route : names no verb" },
	{ "T18 custom kind *", HTTP("custom { kind: \"*\" path: \"/a\" }"), "bad.v1.S/M: route : names no verb, or one that is not used here (custom)", true },
	{ "T18 custom kind HEAD", HTTP("custom { kind: \"HEAD\" path: \"/a\" }"), "bad.v1.S/M: route : names no verb, or one that is not used here (custom)",
	  true },
	{ "T18 custom kind among further bindings", HTTP("get: \"/a\" additional_bindings { custom { kind: \"OPTIONS\" path: \"/a\" } }"),
	  "bad.v1.S/M: route : names no verb", true },
	{ "T21 selector of a service configuration", HTTP("selector: \"bad.v1.S.M\" get: \"/a\""),
	  "bad.v1.S/M: route /a: uses a part of google.api.http that is not used here (selector", true },
	{ "T21 without it the same file is good", HTTP("get: \"/a\""), NULL, true },
	{ "patch", HTTP("patch: \"/a\""), "PATCH is not used here" },
	{ "T20 GET with a body", HTTP("get: \"/a\" body: \"*\""), "GET and DELETE have no body" },
	{ "T20 DELETE with a body", HTTP("delete: \"/a\" body: \"item\""), "GET and DELETE have no body" },
	{ "T17 body names nothing", HTTP("post: \"/a\" body: \"nothing\""), "body names no field of the request" },
	{ "T17 body with dots", HTTP("post: \"/a\" body: \"item.name\""), "body names no field of the request" },
	{ "T17 body repeated", HTTP("post: \"/a\" body: \"tags\""), "body names a repeated field" },
	{ "T17 body in the path", HTTP("post: \"/a/{id}\" body: \"id\""),
	  "body names a field that is also in the path" },
	{ "T17 body is no message", HTTP("post: \"/a\" body: \"n\""), "body names a field that is not a message" },
	{ "T17 body", HTTP("post: \"/a/{id}\" body: \"item\""), NULL },
	{ "T16 response_body names nothing", HTTP("get: \"/a\" response_body: \"nothing\""),
	  "response_body names no field of the reply" },
	{ "T16 response_body of a stream",
	  "service S { rpc M(Req) returns (petfood.v1.StreamOpen) { option (google.api.http) = { get: \"/a\" response_body: \"preface\" }; option "
	  "(petfood.policy) = { auth: AUTH_NONE opens_stream: true }; } }",
	  "bad.v1.S/M: route /a: a stream has no response_body" },
	{ "T15 additional_bindings", HTTP("get: \"/a\" additional_bindings { get: \"/b\" } additional_bindings { delete: \"/c\" }"), NULL },
	{ "T15 another body clause", HTTP("get: \"/a\" additional_bindings { post: \"/b\" body: \"*\" }"),
	  "bad.v1.S/M: route /b: additional_bindings must have the body clause of their rule" },
	{ "T15 no body clause where the rule has one", HTTP("post: \"/a\" body: \"item\" additional_bindings { post: \"/b\" }"),
	  "route /b: additional_bindings must have the body clause of their rule" },
	{ "T15 nested additional_bindings",
	  HTTP("get: \"/a\" additional_bindings { get: \"/b\" additional_bindings { get: \"/c\" } }"),
	  "additional_bindings inside additional_bindings" },
	{ "T12 repeated message in the query",
	  "service S { rpc M(Wide) returns (Rep) { option (google.api.http) = { get: \"/a\" }; " NONE " } }",
	  "field items of bad.v1.Wide cannot be a query parameter" },
	{ "T12 finished JSON in the query",
	  "message Doc { bytes doc = 1 [(petfood.rule) = { raw_json: true }]; } service S { rpc M(Doc) returns (Rep) { option (google.api.http) = { "
	  "get: \"/a\" }; " NONE " } }",
	  "bad.v1.S/M: route /a: field doc of bad.v1.Doc cannot be a query parameter" },
	{ "T12 the same in a body",
	  "service S { rpc M(Wide) returns (Rep) { option (google.api.http) = { post: \"/a\" body: \"*\" }; " NONE
	  " } }",
	  NULL },
	{ "T12 map in a nested query field",
	  "message Q { Wide wide = 1; } service S { rpc M(Q) returns (Rep) { option (google.api.http) = { get: \"/a\" "
	  "}; " NONE " } }",
	  "cannot be a query parameter" },

	{ "T24 duplicate", TWO("get: \"/a/b\"", "get: \"/a/b\""),
	  "bad.v1.S/B: route /a/b accepts the same paths as /a/b of bad.v1.S/A" },
	{ "T24 duplicate within one method", HTTP("get: \"/a\" additional_bindings { get: \"/a\" }"),
	  "accepts the same paths" },
	{ "T24 ambiguous: other name", TWO("get: \"/a/{id}\"", "get: \"/a/{n}\""),
	  "route /a/{n} accepts the same paths as /a/{id}" },
	{ "T24 ambiguous: other spelling of a literal", TWO("get: \"/a-b\"", "get: \"/a%2Db\""),
	  "accepts the same paths" },
	{ "T24 ambiguous: two rests", TWO("get: \"/a/{id=**}\"", "get: \"/a/{raw=**}\""), "accepts the same paths" },
	{ "T24 ambiguous: same verb", TWO("get: \"/a/{id}:x\"", "get: \"/a/{n}:x\""), "accepts the same paths" },
	{ "other verb", TWO("get: \"/a/{id}\"", "delete: \"/a/{id}\""), NULL },
	{ "other custom verb", TWO("get: \"/a/{id}:x\"", "get: \"/a/{id}:y\""), NULL },
	{ "custom verb and none", TWO("get: \"/a/{id}:x\"", "get: \"/a/{id}\""), NULL },
	{ "literal beside a variable", TWO("get: \"/a/{id}\"", "get: \"/a/b\""), NULL },
	{ "variable beside a rest", TWO("get: \"/a/{id}\"", "get: \"/a/{id=**}\""), NULL },

	{ "J01 a name that is another field's JSON name",
	  "message M { int32 a = 1 [json_name = \"b_c\"]; int32 b_c = 2; }",
	  "bad.v1.M: \"b_c\" is field b_c and the JSON name of a" },
	{ "J01 two fields of one JSON name",
	  "message M { int32 a = 1 [json_name = \"x\"]; int32 b = 2 [json_name = \"x\"]; }",
	  "bad.v1.M: fields a and b are both \"x\" in JSON" },
	{ "J08 enum value without prefix", "enum Colour { COLOUR_UNSPECIFIED = 0; RED = 1; }",
	  "bad.v1.Colour: value RED does not start with" },
	{ "J08 enum value that is only the prefix", "enum Colour { COLOUR_UNSPECIFIED = 0; COLOUR_ = 1; }",
	  "value COLOUR_ does not start with" },
	{ "J16 Duration", "import \"google/protobuf/duration.proto\"; message M { google.protobuf.Duration d = 1; }",
	  "bad.v1.M: field d: type google.protobuf.Duration has no JSON form here" },
	{ "J17 FieldMask", "import \"google/protobuf/field_mask.proto\"; message M { google.protobuf.FieldMask m = 1; }",
	  "type google.protobuf.FieldMask has no JSON form" },
	{ "J18 Any", "import \"google/protobuf/any.proto\"; message M { google.protobuf.Any a = 1; }",
	  "type google.protobuf.Any has no JSON form" },
	{ "J18 Empty", "import \"google/protobuf/empty.proto\"; message M { google.protobuf.Empty e = 1; }",
	  "bad.v1.M: field e: type google.protobuf.Empty has no JSON form here" },
	{ "J18 Empty as a request", "import \"google/protobuf/empty.proto\"; service S { rpc M(google.protobuf.Empty) returns (Rep) { " NONE " } }",
	  "bad.v1.S/M: request and reply must be messages of this contract" },
	WRAPPER("BoolValue"),
	WRAPPER("Int32Value"),
	WRAPPER("UInt32Value"),
	WRAPPER("Int64Value"),
	WRAPPER("UInt64Value"),
	WRAPPER("FloatValue"),
	WRAPPER("DoubleValue"),
	WRAPPER("StringValue"),
	WRAPPER("BytesValue"),
	{ "J11 Value", "import \"google/protobuf/struct.proto\"; message M { google.protobuf.Value a = 1; }",
	  "bad.v1.M: field a: type google.protobuf.Value has no JSON form here" },
	{ "J11 NullValue", "import \"google/protobuf/struct.proto\"; message M { google.protobuf.NullValue a = 1; }",
	  "bad.v1.M: field a: enum google.protobuf.NullValue is not known here" },
	{ "J11 ListValue", "import \"google/protobuf/struct.proto\"; message M { google.protobuf.ListValue a = 1; }",
	  "bad.v1.M: field a: type google.protobuf.ListValue has no JSON form here" },
	{ "J11 Struct", "import \"google/protobuf/struct.proto\"; message M { google.protobuf.Struct a = 1; }",
	  "has no JSON form here" },
	{ "optional message", "message M { optional Item item = 1; }",
	  "bad.v1.M: field item: a message can always be unset" },

	{ "J19 as_list of one that is not repeated", "message L { option (petfood.as_list) = true; string a = 1; }",
	  "bad.v1.L: as_list is for a message with one field, a repeated one" },
	{ "J19 as_list of two",
	  "message L { option (petfood.as_list) = true; repeated string a = 1; repeated string b = 2; }",
	  "bad.v1.L: as_list is for a message with one field" },
	{ "J19 as_list of a map", "message L { option (petfood.as_list) = true; map<string, string> a = 1; }",
	  "bad.v1.L: as_list is for a message with one field" },
	{ "J19 as_list as a reply",
	  "message L { option (petfood.as_list) = true; repeated string a = 1; } service S { rpc M(Req) returns (L) { " NONE
	  " } }",
	  "bad.v1.S/M: request and reply must be objects, not lists" },
	{ "J19 as_list as a request",
	  "message L { option (petfood.as_list) = true; repeated string a = 1; } service S { rpc M(L) returns (Rep) { " NONE
	  " } }",
	  "bad.v1.S/M: request and reply must be objects, not lists" },
	{ "J19 as_list in the query",
	  "message L { option (petfood.as_list) = true; repeated string a = 1; } message Q { L list = 1; } service S { rpc "
	  "M(Q) returns (Rep) { option (google.api.http) = { get: \"/a\" }; " NONE " } }",
	  "field list of bad.v1.Q cannot be a query parameter" },
	{ "J19 as_list as the body",
	  "message L { option (petfood.as_list) = true; repeated string a = 1; } message Q { L list = 1; } service S { rpc "
	  "M(Q) returns (Rep) { option (google.api.http) = { post: \"/a\" body: \"list\" }; " NONE " } }",
	  "body names a field that is not a message" },
	{ "J19 as_list in a body",
	  "message L { option (petfood.as_list) = true; repeated string a = 1; } message Q { L list = 1; } service S { rpc "
	  "M(Q) returns (Rep) { option (google.api.http) = { post: \"/a\" body: \"*\" }; " NONE " } }",
	  NULL },
	{ "J08 a word for nothing", "enum Tone { TONE_UNSPECIFIED = 0 [(petfood.word) = \"x\"]; }",
	  "bad.v1.Tone: value TONE_UNSPECIFIED is no value and can have no word" },
	{ "J08 a word twice",
	  "enum Tone { TONE_UNSPECIFIED = 0; TONE_A = 1; TONE_B = 2 [(petfood.word) = \"a\"]; }",
	  "bad.v1.Tone: two values are called \"a\" in JSON" },
	{ "text rule on a number", "message M { int32 n = 1 [(petfood.rule) = { max_chars: 3 }]; }",
	  "field n: min_chars, max_chars and form are for a string" },
	{ "number rule on a text", "message M { string s = 1 [(petfood.rule) = { gte: 3 }]; }",
	  "field s: gt, gte, lt and lte are for a number" },
	{ "min above max", "message M { string s = 1 [(petfood.rule) = { min_chars: 4 max_chars: 3 }]; }",
	  "min_chars is above max_chars" },
	{ "max_items on one", "message M { string s = 1 [(petfood.rule) = { max_items: 3 }]; }",
	  "max_items is for a repeated field" },
	{ "item_max_chars on numbers", "message M { repeated int32 s = 1 [(petfood.rule) = { item_max_chars: 3 }]; }",
	  "item_max_chars is for repeated strings" },
	{ "raw_json on a text", "message M { string s = 1 [(petfood.rule) = { raw_json: true }]; }",
	  "raw_json is for bytes" },
	{ "document that is none",
	  "message M { bytes s = 1 [(petfood.rule) = { raw_json: true document: \"bad.v1.No\" }]; }",
	  "document bad.v1.No is no message of this contract" },
	{ "document without raw_json", "message M { bytes s = 1 [(petfood.rule) = { document: \"bad.v1.Item\" }]; }",
	  "document is for raw_json" },
	{ "required zero", "message M { int32 n = 1 [(petfood.rule) = { required: true }]; }",
	  "a required number or bool must be optional" },
	{ "default of what is always there", "message M { int32 n = 1 [(petfood.rule) = { default_value: \"1\" }]; }",
	  "default_value is for an optional field" },
	{ "default of another kind", "message M { optional int32 n = 1 [(petfood.rule) = { default_value: \"x\" }]; }",
	  "default_value does not fit the field" },
	{ "default too large",
	  "message M { optional int32 n = 1 [(petfood.rule) = { default_value: \"2147483648\" }]; }",
	  "default_value does not fit" },
	{ "default outside its own bounds",
	  "message M { optional int32 n = 1 [(petfood.rule) = { lte: 5 default_value: \"6\" }]; }",
	  "default_value does not fit the field" },
	{ "default enum",
	  "enum E { E_UNSPECIFIED = 0; E_A = 1; } message M { optional E e = 1 [(petfood.rule) = { default_value: "
	  "\"b\" }]; }",
	  "default_value does not fit the field" },
};

struct tools {
	char *protoc, *protogen;
	const char *dir;
};

/* Runs argv with stderr in the file `log`; the exit code, -1 if it did not end by itself. */
static int run(char *const argv[], const char *log)
{
	pid_t child = fork();
	if (child < 0) die("fork: %s", strerror(errno));
	if (child == 0) {
		int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		if (fd < 0 || dup2(fd, STDERR_FILENO) < 0) _exit(126);
		execv(argv[0], argv);
		_exit(127);
	}
	int status;
	if (waitpid(child, &status, 0) != child) die("waitpid: %s", strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	if (!file || fputs(text, file) < 0 || fclose(file) != 0) die("%s: %s", path, strerror(errno));
}

static struct str read_text(struct arena *arena, const char *path)
{
	struct strbuf out;
	char part[4096];
	strbuf_init(&out, arena);
	FILE *file = fopen(path, "r");
	if (!file) die("%s: %s", path, strerror(errno));
	for (size_t n; (n = fread(part, 1, sizeof part, file)) > 0;) strbuf_add(&out, part, n);
	(void)fclose(file);
	return strbuf_str(&out);
}

/* The option as other tools have it; numbers are those of google/api/http.proto. */
static const char full_http[] = "syntax = \"proto3\";\npackage google.api;\n"
                                "message CustomHttpPattern { string kind = 1; string path = 2; }\n"
                                "message HttpRule { string selector = 1; oneof pattern { string get = 2; string put = 3; string post = 4; string delete = 5; "
                                "string patch = 6; CustomHttpPattern custom = 8; } string body = 7; string response_body = 12; repeated HttpRule "
                                "additional_bindings = 11; }\n";

static void write_full_http(struct arena *arena, const struct tools *tools)
{
	static const char *const folders[] = { "full", "full/google", "full/google/api" };
	for (size_t i = 0; i < COUNT(folders); i++) {
		const char *path = str_printf(arena, "%s/%s", tools->dir, folders[i]).ptr;
		if (mkdir(path, 0700) != 0 && errno != EEXIST) die("%s: %s", path, strerror(errno));
	}
	write_text(str_printf(arena, "%s/full/google/api/http.proto", tools->dir).ptr, full_http);
}

/* protogen's exit code for a contract; its stderr in *out_says. */
static int generate(struct arena *arena, const struct tools *tools, const char *label, const char *text, bool full,
                    struct str *out_says)
{
	char *other = str_dup_c(arena, str_printf(arena, full ? "-I%s/full" : "-I%s", tools->dir));
	char *proto = str_dup_c(arena, str_printf(arena, "%s/bad.proto", tools->dir));
	char *set = str_dup_c(arena, str_printf(arena, "%s/bad.fds", tools->dir));
	char *log = str_dup_c(arena, str_printf(arena, "%s/stderr", tools->dir));
	char *own = str_dup_c(arena, str_printf(arena, "-I%s", tools->dir));
	char *out = str_dup_c(arena, str_printf(arena, "--descriptor_set_out=%s", set));
	char *protoc[] = { tools->protoc,
		           other, /* the first that has a file gives it */
		           own,
		           (char *)"-Iproto",
		           (char *)"-I/usr/include",
		           (char *)"--include_imports",
		           (char *)"--include_source_info",
		           out,
		           (char *)"bad.proto",
		           (char *)"petfood/v1/progress.proto",
		           NULL };
	char *protogen[] = { tools->protogen, (char *)"0", set, (char *)tools->dir, NULL };
	write_text(proto, text);
	int code = run(protoc, log);
	*out_says = read_text(arena, log);
	if (!check_note(code == 0, __FILE__, __LINE__, label, "protoc takes it")) {
		(void)printf("  " STR_FMT "\n", STR_ARG(*out_says));
		return -1;
	}
	code = run(protogen, log);
	*out_says = read_text(arena, log);
	return code;
}

static void test_rows(struct arena *arena, const struct tools *tools)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct str text = str_printf(arena, "%s%s", HEAD, rows[i].body), says;
		int code = generate(arena, tools, rows[i].label, text.ptr, rows[i].full, &says);
		bool good = rows[i].says ? code == 1 && str_find(says, str_from(rows[i].says), 0) != SIZE_MAX &&
		                               str_has_prefix(says, STR("bad.proto: "))
		                         : code == 0 && says.len == 0;
		if (!CHECK_ROW(rows[i].label, good)) (void)printf("  exit %d: " STR_FMT, code, STR_ARG(says));
		arena_reset(arena);
	}
}

static void test_field_limit(struct arena *arena, const struct tools *tools)
{
	for (int count = 256; count <= 257; count++) {
		struct strbuf text;
		struct str says;
		strbuf_init(&text, arena);
		strbuf_add_cstr(&text, HEAD "message M {");
		for (int i = 1; i <= count; i++) strbuf_printf(&text, " int32 f%d = %d;", i, i);
		strbuf_add_cstr(&text, " }\n");
		CHECK(generate(arena, tools, "256 fields", text.data, false, &says) == (count > 256));
		CHECK(count <= 256 || str_find(says, STR("bad.v1.M: has more than 256 fields"), 0) != SIZE_MAX);
	}
	struct str says;
	CHECK(generate(arena, tools, "proto2", "syntax = \"proto2\";\nmessage M { optional int32 a = 1; }\n", false, &says) ==
	      1);
	CHECK(str_find(says, STR("bad.proto: the file: is not proto3"), 0) != SIZE_MAX);
	arena_reset(arena);
}

/* What a file says has not changed: it is not written again, so nothing is built again. */
static void test_unchanged(struct arena *arena, const struct tools *tools)
{
	static const char *const outputs[] = { "tables.c",    "handlers.c",   "handlers.h",
		                               "accessors.h", "openapi.json", "openapi.c" };
	struct timespec before[COUNT(outputs)];
	struct str says;
	for (int round = 0; round < 2; round++) {
		const char *text = HEAD "message N { optional int32 n = 1; }\n" HTTP("get: \"/a\"");
		CHECK(generate(arena, tools, "twice the same", text, false, &says) == 0);
		for (size_t i = 0; i < COUNT(outputs); i++) {
			struct stat info;
			char *path = str_dup_c(arena, str_printf(arena, "%s/%s", tools->dir, outputs[i]));
			if (!CHECK_ROW(outputs[i], stat(path, &info) == 0)) continue;
			if (round == 0)
				before[i] = info.st_mtim;
			else
				CHECK_ROW(outputs[i], memcmp(&before[i], &info.st_mtim, sizeof before[i]) == 0);
			/* JSON has no comments: it names the files in its description */
			struct str head = read_text(arena, path);
			if (head.len > 400) head.len = 400;
			CHECK_ROW(outputs[i], str_find(head, STR("bad.proto"), 0) != SIZE_MAX);
		}
	}
	char *accessors = str_dup_c(arena, str_printf(arena, "%s/accessors.h", tools->dir));
	CHECK(str_find(read_text(arena, accessors),
	               STR("bool bad_v1_n_has_n(const Bad__V1__N *m) { return m->_n_case == 1; }"), 0) != SIZE_MAX);
	char *handlers = str_dup_c(arena, str_printf(arena, "%s/handlers.c", tools->dir));
	CHECK(str_find(read_text(arena, handlers), STR("handler_table[] = {\n\ttask_service_list_tasks,\n"), 0) !=
	      SIZE_MAX);
	CHECK(str_find(read_text(arena, handlers), STR("\ts_m,\n\tNULL,\n};\n"), 0) != SIZE_MAX);
	arena_reset(arena);
}

int main(int argc, char **argv)
{
	if (argc != 4) die("usage: unit_protogen PROTOC PROTOGEN FOLDER");
	struct tools tools = { argv[1], argv[2], argv[3] };
	if (mkdir(tools.dir, 0700) != 0 && errno != EEXIST) die("%s: %s", tools.dir, strerror(errno));
	struct arena *arena = arena_create(0);
	write_full_http(arena, &tools);
	test_rows(arena, &tools);
	test_field_limit(arena, &tools);
	test_unchanged(arena, &tools);
	arena_destroy(&arena);
	return check_done("unit_protogen");
}
