/* tables.c, handlers.h, handlers.c and accessors.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/json/text.h"
#include "tools/protogen/model.h"

#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

void emit_banner(const struct model *model, struct strbuf *out, const char *what)
{
	strbuf_printf(out, "/* Written by tools/protogen from");
	for (size_t i = 0; i < model->file_count; i++)
		strbuf_printf(out, "%s\n * %s", i ? "," : "", model->files[i].name);
	strbuf_printf(out, ".\n * %s Change the .proto, not this file. */\n", what);
}

void emit_c_string(struct strbuf *out, const char *text)
{
	if (!text) {
		strbuf_add_cstr(out, "NULL");
		return;
	}
	strbuf_add_char(out, '"');
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\' || *p == '?')
			strbuf_printf(out, "\\%c", *p); /* "?": no trigraphs */
		else if (*p < 0x20 || *p == 0x7f)
			strbuf_printf(out, "\\%03o", *p);
		else
			strbuf_add_char(out, (char)*p);
	}
	strbuf_add_char(out, '"');
}

static void includes(const struct model *model, struct strbuf *out)
{
	for (size_t i = 0; i < model->file_count; i++) {
		struct str stem = str_from(model->files[i].name);
		if (str_has_suffix(stem, STR(".proto"))) stem.len -= strlen(".proto");
		strbuf_printf(out, "#include \"" STR_FMT ".pb-c.h\"\n", STR_ARG(stem));
	}
}

static const char *label_name(const struct gen_field *f)
{
	return f->presence == FIELD_REPEATED || f->presence == FIELD_MAP ? "REPEATED" : "NONE";
}

static const char *type_name(const struct gen_field *f)
{
	static const char *const names[] = {
		[TYPE(DOUBLE)] = "DOUBLE",   [TYPE(FLOAT)] = "FLOAT",       [TYPE(INT64)] = "INT64",
		[TYPE(UINT64)] = "UINT64",   [TYPE(INT32)] = "INT32",       [TYPE(FIXED64)] = "FIXED64",
		[TYPE(FIXED32)] = "FIXED32", [TYPE(BOOL)] = "BOOL",         [TYPE(STRING)] = "STRING",
		[TYPE(MESSAGE)] = "MESSAGE", [TYPE(BYTES)] = "BYTES",       [TYPE(UINT32)] = "UINT32",
		[TYPE(ENUM)] = "ENUM",       [TYPE(SFIXED32)] = "SFIXED32", [TYPE(SFIXED64)] = "SFIXED64",
		[TYPE(SINT32)] = "SINT32",   [TYPE(SINT64)] = "SINT64",
	};
	const char *name = (size_t)f->type < COUNT(names) ? names[f->type] : NULL;
	if (!name) die("field %s: type %d", f->name, (int)f->type);
	return name;
}

static const char *presence_name(enum field_presence presence)
{
	static const char *const names[] = { "FIELD_IMPLICIT", "FIELD_OPTIONAL", "FIELD_MESSAGE",
		                             "FIELD_REPEATED", "FIELD_MAP",      "FIELD_ONEOF" };
	return names[presence];
}

/* The field descriptors of protobuf-c are private to its files, so the tables have their own, with the same content. */
static void emit_descriptors(const struct gen_message *m, struct strbuf *out)
{
	strbuf_printf(out, "static const ProtobufCFieldDescriptor d_%s[] = {\n", m->symbol);
	for (size_t i = 0; i < m->field_count; i++) {
		const struct gen_field *f = &m->fields[i];
		strbuf_printf(out, "\t{ \"%s\", %d, PROTOBUF_C_LABEL_%s, PROTOBUF_C_TYPE_%s, ", f->name, f->number,
		              label_name(f), type_name(f));
		if (f->case_name)
			strbuf_printf(out, "offsetof(%s, %s), ", m->c_type, f->case_name);
		else if (strcmp(label_name(f), "REPEATED") == 0)
			strbuf_printf(out, "offsetof(%s, n_%s), ", m->c_type, f->c_name);
		else
			strbuf_add_cstr(out, "0, ");
		strbuf_printf(out, "offsetof(%s, %s), ", m->c_type, f->c_name);
		if (f->message)
			strbuf_printf(out, "&%s__descriptor, ", f->message->symbol);
		else if (f->timestamp)
			strbuf_add_cstr(out, "&google__protobuf__timestamp__descriptor, ");
		else if (f->enumeration)
			strbuf_printf(out, "&%s__descriptor, ", f->enumeration->symbol);
		else
			strbuf_add_cstr(out, "NULL, ");
		strbuf_printf(out, "%s, 0%s%s%s, 0, NULL, NULL },\n",
		              f->type == TYPE(STRING) ? "&protobuf_c_empty_string" : "NULL",
		              f->case_name ? " | PROTOBUF_C_FIELD_FLAG_ONEOF" : "",
		              f->packed ? " | PROTOBUF_C_FIELD_FLAG_PACKED" : "",
		              f->deprecated ? " | PROTOBUF_C_FIELD_FLAG_DEPRECATED" : "");
	}
	strbuf_add_cstr(out, "};\n");
}

static void emit_bound(struct strbuf *out, const char *name, bool set, double value)
{
	if (!set) return;
	strbuf_printf(out, ", .has_%s = true, .%s = ", name, name);
	json_print_double(out, value);
}

static void emit_rule(const struct gen_field *f, struct strbuf *out)
{
	const Petfood__FieldRule *r = f->rule;
	struct strbuf body;
	strbuf_init(&body, NULL);
	if (r->required) strbuf_add_cstr(&body, ", .required = true");
	if (r->min_chars) strbuf_printf(&body, ", .min_chars = %u", r->min_chars);
	if (r->max_chars) strbuf_printf(&body, ", .max_chars = %u", r->max_chars);
	if (r->max_bytes) strbuf_printf(&body, ", .max_bytes = %u", r->max_bytes);
	emit_bound(&body, "gt", r->_gt_case, r->gt);
	emit_bound(&body, "gte", r->_gte_case, r->gte);
	emit_bound(&body, "lt", r->_lt_case, r->lt);
	emit_bound(&body, "lte", r->_lte_case, r->lte);
	if (r->max_items) strbuf_printf(&body, ", .max_items = %u", r->max_items);
	if (r->item_max_chars) strbuf_printf(&body, ", .item_max_chars = %u", r->item_max_chars);
	if (r->form) strbuf_printf(&body, ", .form = (enum text_form)%d", (int)r->form);
	if (body.len) strbuf_printf(out, ", .rule = { .any = true%s }", body.data);
	strbuf_fini(&body);
}

static void emit_fields(const struct gen_message *m, struct strbuf *out)
{
	strbuf_printf(out, "static const struct field_side f_%s[] = {\n", m->symbol);
	for (size_t i = 0; i < m->field_count; i++) {
		const struct gen_field *f = &m->fields[i];
		strbuf_printf(out, "\t{ .field = &d_%s[%zu], .json_name = ", m->symbol, i);
		emit_c_string(out, f->json_name);
		strbuf_printf(out, ", .presence = %s", presence_name(f->presence));
		if (f->timestamp) strbuf_add_cstr(out, ", .timestamp = true");
		if (f->rule->raw_json) strbuf_add_cstr(out, ", .raw_json = true");
		if (*f->rule->default_value) {
			strbuf_add_cstr(out, ", .default_value = ");
			emit_c_string(out, f->rule->default_value);
		}
		if (f->message) strbuf_printf(out, ", .message = &m_%s", f->message->symbol);
		if (f->enumeration) strbuf_printf(out, ", .enumeration = &e_%s", f->enumeration->symbol);
		emit_rule(f, out);
		strbuf_add_cstr(out, ", .doc = ");
		emit_c_string(out, f->doc);
		strbuf_add_cstr(out, " },\n");
	}
	strbuf_add_cstr(out, "};\n");
}

static void emit_message(const struct gen_message *m, struct strbuf *out)
{
	strbuf_add_char(out, '\n');
	if (m->field_count) {
		emit_descriptors(m, out);
		emit_fields(m, out);
	}
	strbuf_printf(out,
	              "static const struct message_side m_%s = { .descriptor = &%s__descriptor, .omit_unset = %s, "
	              ".as_list = %s, .field_count = %zu",
	              m->symbol, m->symbol, m->omit_unset ? "true" : "false", m->as_list ? "true" : "false",
	              m->field_count);
	if (m->field_count) strbuf_printf(out, ", .fields = f_%s", m->symbol);
	strbuf_add_cstr(out, ", .doc = ");
	emit_c_string(out, m->doc);
	strbuf_add_cstr(out, " };\n");
}

static void emit_enum(const struct gen_enum *e, struct strbuf *out)
{
	strbuf_printf(out, "static const struct enum_value v_%s[] = {", e->symbol);
	for (size_t i = 0; i < e->count; i++) {
		strbuf_printf(out, "%s { %d, ", i ? "," : "", e->values[i].number);
		emit_c_string(out, e->values[i].json_name);
		strbuf_add_cstr(out, " }");
	}
	strbuf_printf(out, " };\nstatic const struct enum_side e_%s = { &%s__descriptor, %zu, v_%s };\n", e->symbol,
	              e->symbol, e->count, e->symbol);
}

static void emit_method(const struct gen_method *m, struct strbuf *out)
{
	const Petfood__MethodPolicy *p = m->policy;
	strbuf_printf(out,
	              "\t{ .name = \"%s\", .request = &m_%s, .reply = &m_%s, .auth = (enum method_auth)%d, .pool = "
	              "(enum method_pool)%d",
	              m->full_name, m->request->symbol, m->reply->symbol, (int)p->auth, (int)p->pool);
	if (p->limit_class) strbuf_printf(out, ", .limit_class = (enum limit_class)%d", (int)p->limit_class);
	if (p->no_side_effects) strbuf_add_cstr(out, ", .no_side_effects = true");
	if (p->idempotent_by_key) strbuf_add_cstr(out, ", .idempotent_by_key = true");
	if (p->opens_stream) strbuf_add_cstr(out, ", .opens_stream = true");
	strbuf_printf(out, ", .timeout_ms = %u, .body_limit_bytes = %u, .done_zh = ", m->timeout_ms,
	              m->body_limit_bytes);
	emit_c_string(out, p->done_zh);
	strbuf_add_cstr(out, ", .done_en = ");
	emit_c_string(out, p->done_en);
	strbuf_add_cstr(out, ", .doc = ");
	emit_c_string(out, m->doc);
	strbuf_add_cstr(out, " },\n");
}

static void emit_field_ref(const struct gen_message *m, const struct gen_field *f, struct strbuf *out)
{
	if (f)
		strbuf_printf(out, "&f_%s[%td]", m->symbol, f - m->fields);
	else
		strbuf_add_cstr(out, "NULL");
}

static void emit_segments(const struct gen_route *r, size_t index, struct strbuf *out)
{
	static const char *const kinds[] = { "SEGMENT_LITERAL", "SEGMENT_VARIABLE", "SEGMENT_REST" };
	if (r->segment_count == 0) return;
	strbuf_printf(out, "static const struct route_segment s_%zu[] = {", index);
	for (size_t i = 0; i < r->segment_count; i++) {
		strbuf_printf(out, "%s { %s, ", i ? "," : "", kinds[r->segments[i].kind]);
		emit_c_string(out, r->segments[i].text);
		strbuf_add_cstr(out, ", ");
		emit_field_ref(r->method->request, r->segments[i].field, out);
		strbuf_add_cstr(out, " }");
	}
	strbuf_add_cstr(out, " };\n");
}

static void emit_route(const struct model *model, const struct gen_route *r, size_t index, struct strbuf *out)
{
	static const char *const verbs[] = { "VERB_GET", "VERB_PUT", "VERB_POST", "VERB_DELETE", "VERB_PATCH" };
	strbuf_printf(out, "\t{ .verb = %s, .path = ", verbs[r->verb]);
	emit_c_string(out, r->path);
	strbuf_printf(out, ", .method = &method_table[%td], .segment_count = %zu", r->method - model->methods,
	              r->segment_count);
	if (r->segment_count) strbuf_printf(out, ", .segments = s_%zu", index);
	strbuf_add_cstr(out, ", .custom_verb = ");
	emit_c_string(out, r->custom_verb);
	strbuf_printf(out, ", .trailing_slash = %s, .body_all = %s, .body_field = ",
	              r->method->policy->trailing_slash ? "true" : "false", r->body_all ? "true" : "false");
	emit_field_ref(r->method->request, r->body_field, out);
	strbuf_add_cstr(out, ", .response_field = ");
	emit_field_ref(r->method->reply, r->response_field, out);
	strbuf_add_cstr(out, " },\n");
}

static int by_message_name(const void *a, const void *b)
{
	return strcmp((*(const struct gen_message *const *)a)->full_name,
	              (*(const struct gen_message *const *)b)->full_name);
}

static int by_method_name(const void *a, const void *b)
{
	return strcmp((*(const struct gen_method *const *)a)->full_name,
	              (*(const struct gen_method *const *)b)->full_name);
}

void emit_tables(const struct model *model, struct strbuf *out)
{
	emit_banner(model, out, "What rpc/json/tables.h declares.");
	strbuf_add_cstr(out, "#define PROTOBUF_C__NO_DEPRECATED /* the tables hold deprecated fields too */\n#include "
	                     "<stddef.h>\n\n#include \"google/protobuf/timestamp.pb-c.h\"\n");
	includes(model, out);
	strbuf_add_cstr(out, "#include \"rpc/json/tables.h\"\n\n");
	for (size_t i = 0; i < model->enum_count; i++) emit_enum(&model->enums[i], out);
	strbuf_add_char(out, '\n');
	for (size_t i = 0; i < model->message_count; i++)
		strbuf_printf(out, "static const struct message_side m_%s;\n", model->messages[i].symbol);
	for (size_t i = 0; i < model->message_count; i++) emit_message(&model->messages[i], out);

	const struct gen_message **sorted =
	    arena_new_array(model->arena, const struct gen_message *, model->message_count);
	for (size_t i = 0; i < model->message_count; i++) sorted[i] = &model->messages[i];
	qsort(sorted, model->message_count, sizeof sorted[0], by_message_name);
	strbuf_add_cstr(out, "\nconst struct message_side *const message_table[] = {\n");
	for (size_t i = 0; i < model->message_count; i++) strbuf_printf(out, "\t&m_%s,\n", sorted[i]->symbol);
	strbuf_printf(out, "\tNULL,\n};\nconst size_t message_count = %zu;\n", model->message_count);

	strbuf_add_cstr(out, "\nconst struct method_side method_table[] = {\n");
	for (size_t i = 0; i < model->method_count; i++) emit_method(&model->methods[i], out);
	strbuf_printf(out, "\t{ 0 },\n};\nconst size_t method_count = %zu;\n", model->method_count);
	const struct gen_method **methods =
	    arena_new_array(model->arena, const struct gen_method *, model->method_count);
	for (size_t i = 0; i < model->method_count; i++) methods[i] = &model->methods[i];
	qsort(methods, model->method_count, sizeof methods[0], by_method_name);
	strbuf_add_cstr(out, "const uint16_t method_order[] = {");
	for (size_t i = 0; i < model->method_count; i++) strbuf_printf(out, " %td,", methods[i] - model->methods);
	strbuf_add_cstr(out, " 0 };\n\n");

	for (size_t i = 0; i < model->route_count; i++) emit_segments(&model->routes[i], i, out);
	strbuf_add_cstr(out, "const struct route_side route_table[] = {\n");
	for (size_t i = 0; i < model->route_count; i++) emit_route(model, &model->routes[i], i, out);
	strbuf_printf(out, "\t{ 0 },\n};\nconst size_t route_count = %zu;\n", model->route_count);
}

void emit_handlers_header(const struct model *model, struct strbuf *out)
{
	emit_banner(model, out, "One handler per rpc; rpc/service defines them (type rpc_handler of rpc/wire/call.h).");
	strbuf_add_cstr(out, "#ifndef PETFOOD_HANDLERS_H\n#define PETFOOD_HANDLERS_H\n\n#include <stdbool.h>\n\nstruct "
	                     "call;\nstruct error;\n\n");
	for (size_t i = 0; i < model->method_count; i++) {
		const struct gen_method *m = &model->methods[i];
		strbuf_printf(out,
		              "/* %s: %s -> %s */\nbool %s(struct call *call, const void *request, void *reply, struct "
		              "error *err);\n",
		              m->full_name, m->request->c_type, m->reply->c_type, m->handler);
	}
	strbuf_add_cstr(out, "\n#endif\n");
}

void emit_handlers(const struct model *model, struct strbuf *out)
{
	emit_banner(model, out, "The handlers in the order of method_table.");
	strbuf_add_cstr(
	    out,
	    "#include \"petfood/handlers.h\"\n#include \"rpc/wire/call.h\"\n\nconst rpc_handler handler_table[] = {\n");
	for (size_t i = 0; i < model->method_count; i++) strbuf_printf(out, "\t%s,\n", model->methods[i].handler);
	strbuf_add_cstr(out, "\tNULL,\n};\n");
}

/* --- accessors of optional fields --- */

struct c_value {
	const char *get, *set, *cast; /* types as read and as given, and what makes the one from the other */
};

static struct c_value c_value(const struct gen_field *f)
{
	switch (f->type) {
	case TYPE(DOUBLE): return (struct c_value){ "double", "double", "" };
	case TYPE(FLOAT): return (struct c_value){ "float", "float", "" };
	case TYPE(INT64):
	case TYPE(SINT64):
	case TYPE(SFIXED64): return (struct c_value){ "int64_t", "int64_t", "" };
	case TYPE(UINT64):
	case TYPE(FIXED64): return (struct c_value){ "uint64_t", "uint64_t", "" };
	case TYPE(INT32):
	case TYPE(SINT32):
	case TYPE(SFIXED32): return (struct c_value){ "int32_t", "int32_t", "" };
	case TYPE(UINT32):
	case TYPE(FIXED32): return (struct c_value){ "uint32_t", "uint32_t", "" };
	case TYPE(BOOL): return (struct c_value){ "bool", "bool", "" };
	case TYPE(STRING): return (struct c_value){ "const char *", "const char *", "(char *)" };
	case TYPE(BYTES): return (struct c_value){ "ProtobufCBinaryData", "ProtobufCBinaryData", "" };
	case TYPE(ENUM): return (struct c_value){ f->enumeration->c_type, f->enumeration->c_type, "" };
	default: die("field %s cannot be optional", f->name);
	}
}

static void emit_accessor(const struct gen_message *m, const struct gen_field *f, struct arena *arena,
                          struct strbuf *out)
{
	struct c_value v = c_value(f);
	const char *gap = v.get[strlen(v.get) - 1] == '*' ? "" : " ";
	struct strbuf stem; /* petfood__v1__food_item -> petfood_v1_food_item */
	strbuf_init(&stem, arena);
	for (const char *p = m->symbol; *p; p++)
		if (!(p[0] == '_' && p[1] == '_')) strbuf_add_char(&stem, *p);
	strbuf_printf(out, "static inline bool %s_has_%s(const %s *m) { return m->%s == %d; }\n", stem.data, f->name,
	              m->c_type, f->case_name, f->number);
	strbuf_printf(
	    out, "static inline %s%s%s_%s_or(const %s *m, %s%sfallback) { return m->%s == %d ? m->%s : fallback; }\n",
	    v.get, gap, stem.data, f->name, m->c_type, v.get, gap, f->case_name, f->number, f->c_name);
	strbuf_printf(out, "static inline void %s_set_%s(%s *m, %s%sv) { m->%s = %d, m->%s = %sv; }\n", stem.data,
	              f->name, m->c_type, v.set, gap, f->case_name, f->number, f->c_name, v.cast);
	strbuf_printf(out, "static inline void %s_clear_%s(%s *m) { m->%s = 0; }\n", stem.data, f->name, m->c_type,
	              f->case_name);
}

void emit_accessors(const struct model *model, struct strbuf *out)
{
	emit_banner(model, out, "The one way to read and write proto3 `optional` fields.");
	strbuf_add_cstr(out, "#ifndef PETFOOD_ACCESSORS_H\n#define PETFOOD_ACCESSORS_H\n\n#include "
	                     "<stdbool.h>\n#include <stdint.h>\n\n");
	includes(model, out);
	strbuf_add_cstr(
	    out, "\n#pragma GCC diagnostic push\n#pragma GCC diagnostic ignored \"-Wdeprecated-declarations\"\n");
	for (size_t i = 0; i < model->message_count; i++) {
		const struct gen_message *m = &model->messages[i];
		bool any = false;
		for (size_t k = 0; k < m->field_count; k++) {
			if (m->fields[k].presence != FIELD_OPTIONAL) continue;
			if (!any) strbuf_printf(out, "\n/* %s */\n", m->full_name);
			any = true;
			emit_accessor(m, &m->fields[k], model->arena, out);
		}
	}
	strbuf_add_cstr(out, "\n#pragma GCC diagnostic pop\n\n#endif\n");
}
