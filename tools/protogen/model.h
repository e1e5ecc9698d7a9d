/* tools/protogen/model.h: the contract as the generator sees it: the descriptor set with its options decoded, names resolved,
 * comments joined and every rule checked that would otherwise fail at run time.
 * Everything lives in one arena until the program ends. What is wrong in a .proto ends the program (model_fail). */
#ifndef PETFOOD_TOOLS_PROTOGEN_MODEL_H
#define PETFOOD_TOOLS_PROTOGEN_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "google/protobuf/descriptor.pb-c.h"
#include "petfood/options.pb-c.h"
#include "rpc/json/tables.h"
#include "store/base/arena.h"

struct gen_enum {
	const char *full_name; /* "petfood.v1.TaskStatus" */
	const char *symbol;    /* "petfood__v1__task_status" */
	const char *c_type;    /* "Petfood__V1__TaskStatus" */
	const char *doc;
	size_t count;
	struct gen_enum_value {
		int number;
		const char *name;      /* "TASK_STATUS_RUNNING" */
		const char *json_name; /* "running", or the word that it was given; NULL for ..._UNSPECIFIED = 0 */
	} * values;                    /* as declared */
};

struct gen_message;
struct gen_field {
	const char *name, *json_name;
	const char *c_name;    /* member of the C struct */
	const char *case_name; /* member that says which field of the oneof is set; NULL if in none */
	int number;
	Google__Protobuf__FieldDescriptorProto__Type type;
	enum field_presence presence;
	bool timestamp, packed, deprecated;
	const struct gen_message *message;  /* also of a map's Entry; NULL for a timestamp */
	const struct gen_message *document; /* what a raw_json field holds; NULL: not said */
	const struct gen_enum *enumeration;
	const Petfood__FieldRule *rule; /* never NULL */
	const char *doc;
};

struct gen_file {
	const char *name, *package;
};

struct gen_message {
	const char *full_name, *symbol, *c_type, *doc;
	const struct gen_file *file;
	const char *example; /* JSON; NULL: none given */
	bool map_entry, omit_unset, as_list;
	bool in_request;                    /* a method takes it */
	bool shown;                         /* has a schema in openapi.json */
	enum { NOT_SEEN, OPEN, DONE } walk; /* of the search for cycles */
	size_t field_count;
	struct gen_field *fields; /* by number, as protobuf-c sorts them */
};

struct gen_segment {
	enum segment_kind kind;
	const char *text;
	const struct gen_field *field;
};

struct gen_method;
struct gen_route {
	enum http_verb verb;
	const char *path;
	const struct gen_method *method;
	size_t binding; /* 0 = the rule itself, then its additional_bindings */
	size_t segment_count;
	struct gen_segment *segments;
	const char *custom_verb;
	bool body_all;
	const struct gen_field *body_field, *response_field;
};

struct gen_method {
	const char *full_name;             /* "petfood.v1.PlanService/GetPlan" */
	const char *service, *service_doc; /* "PlanService" */
	const char *name;                  /* "GetPlan" */
	const char *handler;               /* "plan_service_get_plan" */
	const char *doc;
	const struct gen_file *file;
	struct gen_message *request, *reply;
	const Petfood__MethodPolicy *policy;
	uint32_t timeout_ms, body_limit_bytes; /* defaults put in */
};

struct model {
	struct arena *arena;
	const char *version;
	size_t file_count, message_count, enum_count, method_count, route_count;
	struct gen_file *files;       /* those that get tables */
	struct gen_message *messages; /* as declared */
	struct gen_enum *enums;
	struct gen_method *methods; /* as declared */
	struct gen_route *routes;   /* as declared */
};

/* Defaults of petfood.MethodPolicy, and the bounds that its comments name. */
enum { TIMEOUT_MS_DEFAULT = 10000, TIMEOUT_MS_MAX = 600000, BODY_LIMIT_DEFAULT = 1 << 20 };

/* Says what is wrong where, on stderr, and ends the program with 1. */
_Noreturn void model_fail(const char *file, const char *where, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The descriptor set must have been written with --include_imports --include_source_info. */
void model_read(struct model *model, struct arena *arena, const Google__Protobuf__FileDescriptorSet *set);
const struct gen_field *model_field(const struct gen_message *message, struct str name); /* proto name; NULL if none */

/* routes.c: compiles the google.api.http option of one method and appends its routes; checks one by one. */
void routes_add(struct model *model, const struct gen_method *method, const Google__Protobuf__MethodOptions *options);
/* What needs all of them: duplicates and ambiguity. */
void routes_check(const struct model *model);

/* options.c: the extension `number` of an options message, NULL or 0 if it is not there. */
const char *option_text(struct arena *arena, const ProtobufCMessage *options, unsigned number);
void *option_message(struct arena *arena, const ProtobufCMessage *options, unsigned number,
                     const ProtobufCMessageDescriptor *descriptor);
uint64_t option_number(const ProtobufCMessage *options, unsigned number);

/* Names as protoc-c makes them. */
char *name_symbol(struct arena *arena, const char *full_name); /* "petfood.v1.GetPlan" -> "petfood__v1__get_plan" */
char *name_c_type(struct arena *arena, const char *full_name); /* -> "Petfood__V1__GetPlan" */

ProtobufCAllocator arena_allocator(struct arena *arena);

/* The outputs. */
void emit_tables(const struct model *model, struct strbuf *out);
void emit_handlers_header(const struct model *model, struct strbuf *out);
void emit_handlers(const struct model *model, struct strbuf *out);
void emit_accessors(const struct model *model, struct strbuf *out);
void emit_openapi(const struct model *model, struct strbuf *out);
void emit_openapi_c(const struct model *model, struct str json, struct strbuf *out);
/* The first lines of a generated file: which .proto it comes from. */
void emit_banner(const struct model *model, struct strbuf *out, const char *what);
void emit_c_string(struct strbuf *out, const char *text); /* with quotes; NULL prints NULL */

#endif
