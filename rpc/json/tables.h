/* rpc/json/tables.h: what the .proto says and protobuf-c's runtime does not keep. The rows are written by tools/protogen
 * from the descriptor set into the build tree (petfood/tables.c); nothing here is written by hand twice.
 * Everything is static and immutable. */
#ifndef PETFOOD_RPC_JSON_TABLES_H
#define PETFOOD_RPC_JSON_TABLES_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/base/str.h"

/* Most fields of one message, and variables of one path; protogen refuses more. */
enum { FIELDS_MAX = 256, ROUTE_VARIABLES_MAX = 8 };

enum field_presence {
	FIELD_IMPLICIT, /* proto3 scalar: always there */
	FIELD_OPTIONAL, /* proto3 optional: `*_case` of its synthetic oneof says whether it is set */
	FIELD_MESSAGE,  /* pointer, NULL = unset */
	FIELD_REPEATED,
	FIELD_MAP,      /* repeated Entry{key, value} */
	FIELD_ONEOF,    /* member of a real oneof */
};
enum text_form { TEXT_FREE, TEXT_UUID, TEXT_EMAIL, TEXT_USERNAME, TEXT_PASSWORD, TEXT_CODE, TEXT_PHONE }; /* numbers of petfood.TextForm */

/* petfood.FieldRule */
struct field_rule {
	bool any;      /* false: nothing to check */
	bool required; /* unset, empty text or the enum's zero is refused */
	uint32_t min_chars, max_chars, max_bytes;
	bool has_gt, has_gte, has_lt, has_lte;
	double gt, gte, lt, lte;
	uint32_t max_items, item_max_chars;
	enum text_form form;
};

struct enum_side {
	const ProtobufCEnumDescriptor *descriptor;
	size_t count;
	const struct enum_value {
		int number;
		const char *json_name; /* "dog" for PET_TYPE_DOG, or petfood.word; NULL for the zero value ..._UNSPECIFIED, printed as null */
	} *values;
};

struct message_side;
struct field_side {
	const ProtobufCFieldDescriptor *field; /* name, number, type, offsets */
	const char *json_name;                 /* lowerCamel; accepted beside the proto name, never printed */
	enum field_presence presence;
	bool timestamp;                        /* google.protobuf.Timestamp: RFC 3339 text in JSON */
	bool raw_json;                         /* bytes that hold finished JSON */
	const char *default_value;             /* for a missing query parameter or optional field; NULL = none */
	struct field_rule rule;
	const struct message_side *message;    /* of a message field, also of a map's Entry; NULL for a timestamp */
	const struct enum_side *enumeration;
	const char *doc;                       /* comment of the .proto, one line */
};
struct message_side {
	const ProtobufCMessageDescriptor *descriptor;
	bool omit_unset;                       /* petfood.print = PRINT_OMIT */
	bool as_list;                          /* petfood.as_list: in JSON, and in violations, the list that is its only field */
	size_t field_count;
	const struct field_side *fields;       /* in the order of descriptor->fields */
	const char *doc;
};

enum method_auth { AUTH_NONE = 1, AUTH_USER = 2, AUTH_SERVICE = 3, AUTH_ANY = 4 };      /* petfood.Auth */
enum method_pool { POOL_WORKER = 0, POOL_INLINE = 1, POOL_HASH = 2, POOL_PARKED = 3 }; /* petfood.Pool */
enum limit_class { LIMIT_DEFAULT = 0, LIMIT_LOGIN = 1, LIMIT_CODE = 2, LIMIT_PLAN = 3 }; /* petfood.LimitClass */
enum { LIMIT_CLASSES = 4 };

struct method_side {
	const char *name;          /* "petfood.v1.PlanService/GetPlan" */
	const struct message_side *request, *reply;
	enum method_auth auth;
	enum method_pool pool;
	enum limit_class limit_class;
	bool no_side_effects, idempotent_by_key, opens_stream;
	uint32_t timeout_ms;
	uint32_t body_limit_bytes;
	const char *done_zh, *done_en; /* "" = none */
	const char *doc;
};
extern const struct method_side method_table[];
extern const size_t method_count;
extern const uint16_t method_order[]; /* rows of method_table by name */
/* NULL if there is none. Index into method_table = index into the handler table. */
const struct method_side *method_by_name(struct str name);

enum http_verb { VERB_GET, VERB_PUT, VERB_POST, VERB_DELETE, VERB_PATCH };
extern const char *const http_verb_names[5];

enum segment_kind { SEGMENT_LITERAL, SEGMENT_VARIABLE, SEGMENT_REST }; /* REST: {path=**}, last, any number of segments */
struct route_segment {
	enum segment_kind kind;
	const char *text; /* literal: percent-decoded; variable: field name */
	const struct field_side *field;
};
struct route_side {
	enum http_verb verb;
	const char *path;          /* as annotated, for logs and openapi */
	const struct method_side *method;
	size_t segment_count;
	const struct route_segment *segments;
	const char *custom_verb;   /* ":verb" without the colon, NULL = none */
	bool trailing_slash;       /* the path with one more "/" is the same route */
	bool body_all;             /* body: "*" */
	const struct field_side *body_field;     /* body: "field" */
	const struct field_side *response_field; /* response_body */
};
extern const struct route_side route_table[];
extern const size_t route_count;

/* Every message that a method reaches, and those printed by rpc (plan_data, progress). */
extern const struct message_side *const message_table[]; /* by name */
extern const size_t message_count;
const struct message_side *message_side_of(const ProtobufCMessageDescriptor *descriptor); /* NULL if unknown */
const struct message_side *message_by_name(struct str name);                             /* "petfood.v1.Plan" */

/* openapi.json as written at build. */
extern const char openapi_json[];
extern const size_t openapi_json_len;

/* Whether an optional field or oneof member is set; for others: message != NULL, repeated count > 0, else true. */
bool field_is_set(const struct field_side *field, const ProtobufCMessage *message);
/* By proto name or lowerCamel name; NULL if there is none. */
const struct field_side *field_by_name(const struct message_side *message, struct str name);
/* Contract name of an enum's number: "running"; NULL for the zero value and for unknown numbers. */
const char *enum_json_name(const struct enum_side *enumeration, int number);
/* By contract name or proto name; false if there is none. */
bool enum_by_name(const struct enum_side *enumeration, struct str name, int *out_number);

#endif
