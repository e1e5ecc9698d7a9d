#include "tools/protogen/model.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { /* proto/petfood/options.proto */
	OPTION_POLICY = 50101,
	OPTION_RULE = 50102,
	OPTION_PRINT = 50103,
	OPTION_EXAMPLE = 50104,
	OPTION_AS_LIST = 50105,
	OPTION_WORD = 50106,
};
enum { PATH_MAX_DEPTH = 16 };

typedef Google__Protobuf__FileDescriptorProto file_proto;
typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__FieldDescriptorProto field_proto;
typedef Google__Protobuf__EnumDescriptorProto enum_proto;
typedef Google__Protobuf__ServiceDescriptorProto service_proto;
typedef Google__Protobuf__MethodDescriptorProto method_proto;
typedef Google__Protobuf__SourceCodeInfo__Location location_proto;
#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

void model_fail(const char *file, const char *where, const char *fmt, ...)
{
	(void)fprintf(stderr, "%s: %s: ", file, where);
	va_list args;
	va_start(args, fmt);
	(void)vfprintf(stderr, fmt, args);
	va_end(args);
	(void)fputc('\n', stderr);
	exit(1);
}

/* protoc-c's rule: an upper-case letter after one that is not starts a word. */
static void add_lower(struct strbuf *out, struct str name)
{
	bool was_upper = true;
	for (size_t i = 0; i < name.len; i++) {
		bool is_upper = isupper((unsigned char)name.ptr[i]) != 0;
		if (is_upper && !was_upper) strbuf_add_char(out, '_');
		strbuf_add_char(out, (char)tolower((unsigned char)name.ptr[i]));
		was_upper = is_upper;
	}
}

static void add_camel(struct strbuf *out, struct str name)
{
	bool upper = true;
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == '_') {
			upper = true;
			continue;
		}
		strbuf_add_char(out, upper ? (char)toupper((unsigned char)name.ptr[i]) : name.ptr[i]);
		upper = false;
	}
}

static char *each_part(struct arena *arena, const char *full_name, void (*add)(struct strbuf *, struct str))
{
	struct strbuf out;
	strbuf_init(&out, arena);
	struct str rest = str_from(full_name), part;
	while (str_split(&rest, '.', &part)) {
		if (out.len) strbuf_add_cstr(&out, "__");
		add(&out, part);
	}
	return out.data;
}

char *name_symbol(struct arena *arena, const char *full_name) { return each_part(arena, full_name, add_lower); }
char *name_c_type(struct arena *arena, const char *full_name) { return each_part(arena, full_name, add_camel); }

static char *joined(struct arena *arena, const char *a, const char *sep, const char *b)
{
	return str_dup_c(arena, str_printf(arena, "%s%s%s", a, *a ? sep : "", b));
}

/* --- comments --- */

struct place { /* path of a SourceCodeInfo.Location, as it is walked down */
	const file_proto *file;
	size_t depth;
	int32_t path[PATH_MAX_DEPTH];
};

static struct place place_down(struct place up, int32_t tag, size_t index)
{
	if (up.depth + 2 > PATH_MAX_DEPTH) model_fail(up.file->name, "a message", "is nested too deeply");
	up.path[up.depth++] = tag;
	up.path[up.depth++] = (int32_t)index;
	return up;
}

/* One line: the comment above, or else the one behind. */
static const char *place_doc(struct arena *arena, const struct place *place)
{
	const Google__Protobuf__SourceCodeInfo *info = place->file->source_code_info;
	for (size_t i = 0; info && i < info->n_location; i++) {
		const location_proto *at = info->location[i];
		if (at->n_path != place->depth ||
		    memcmp(at->path, place->path, place->depth * sizeof place->path[0]) != 0)
			continue;
		const char *text = at->leading_comments    ? at->leading_comments
		                   : at->trailing_comments ? at->trailing_comments
		                                           : "";
		struct strbuf out;
		strbuf_init(&out, arena);
		strbuf_add_cstr(&out, "");
		for (const char *p = text; *p; p++) {
			bool space = isspace((unsigned char)*p) != 0;
			if (!space) strbuf_add_char(&out, *p);
			if (space && out.len && out.data[out.len - 1] != ' ') strbuf_add_char(&out, ' ');
		}
		while (out.len && out.data[out.len - 1] == ' ') out.data[--out.len] = '\0';
		return out.data;
	}
	return "";
}

/* --- what gets tables --- */

/* Messages of these files describe the contract itself, or are known by heart (Timestamp). */
static bool file_is_foreign(const file_proto *file)
{
	struct str name = str_from(file->name);
	return str_has_prefix(name, STR("google/")) || str_has_prefix(name, STR("protobuf-c/")) ||
	       str_equal(name, STR("petfood/options.proto"));
}

static void count_message(struct model *model, const message_proto *message)
{
	model->message_count++;
	model->enum_count += message->n_enum_type;
	for (size_t i = 0; i < message->n_nested_type; i++) count_message(model, message->nested_type[i]);
}

struct reader {
	struct model *model;
	size_t messages, enums;
	const message_proto **protos; /* of model->messages, same order until they are sorted */
	struct place *places;
};

static void read_enum(struct reader *r, const struct gen_file *file, const char *scope, const enum_proto *proto,
                      struct place at)
{
	struct arena *arena = r->model->arena;
	struct gen_enum *e = &r->model->enums[r->enums++];
	e->full_name = joined(arena, scope, ".", proto->name);
	e->symbol = name_symbol(arena, e->full_name);
	e->c_type = name_c_type(arena, e->full_name);
	e->doc = place_doc(arena, &at);
	e->count = proto->n_value;
	e->values = arena_new_array(arena, struct gen_enum_value, e->count);
	struct strbuf prefix;
	strbuf_init(&prefix, arena);
	add_lower(&prefix, str_from(proto->name));
	strbuf_add_char(&prefix, '_');
	for (size_t i = 0; i < e->count; i++) {
		struct gen_enum_value *value = &e->values[i];
		value->name = proto->value[i]->name;
		value->number = proto->value[i]->number;
		char *lower = str_dup_c(arena, str_from(value->name));
		for (char *p = lower; *p; p++) *p = (char)tolower((unsigned char)*p);
		if (strncmp(lower, prefix.data, prefix.len) != 0 || !lower[prefix.len])
			model_fail(file->name, e->full_name, "value %s does not start with the enum's name",
			           value->name);
		bool nothing = value->number == 0 && strcmp(lower + prefix.len, "unspecified") == 0;
		const char *word = proto->value[i]->options
		                       ? option_text(arena, &proto->value[i]->options->base, OPTION_WORD)
		                       : NULL;
		if (nothing && word)
			model_fail(file->name, e->full_name, "value %s is no value and can have no word", value->name);
		value->json_name = nothing ? NULL : word ? word : lower + prefix.len;
		for (size_t k = 0; k < i; k++)
			if (value->json_name && e->values[k].json_name &&
			    strcmp(e->values[k].json_name, value->json_name) == 0)
				model_fail(file->name, e->full_name, "two values are called \"%s\" in JSON",
				           value->json_name);
	}
}

static void read_message(struct reader *r, const struct gen_file *file, const char *scope, const message_proto *proto,
                         struct place at)
{
	struct arena *arena = r->model->arena;
	size_t index = r->messages++;
	struct gen_message *m = &r->model->messages[index];
	r->protos[index] = proto;
	r->places[index] = at;
	m->full_name = joined(arena, scope, ".", proto->name);
	m->symbol = name_symbol(arena, m->full_name);
	m->c_type = name_c_type(arena, m->full_name);
	m->file = file;
	m->doc = place_doc(arena, &at);
	m->map_entry = proto->options && proto->options->map_entry;
	m->omit_unset =
	    proto->options && option_number(&proto->options->base, OPTION_PRINT) == PETFOOD__PRINT__PRINT_OMIT;
	m->as_list = proto->options && option_number(&proto->options->base, OPTION_AS_LIST);
	if (proto->options) m->example = option_text(arena, &proto->options->base, OPTION_EXAMPLE);
	for (size_t i = 0; i < proto->n_nested_type; i++)
		read_message(r, file, m->full_name, proto->nested_type[i], place_down(at, 3, i));
	for (size_t i = 0; i < proto->n_enum_type; i++)
		read_enum(r, file, m->full_name, proto->enum_type[i], place_down(at, 4, i));
}

static struct gen_message *find_message(struct model *model, const char *type_name)
{
	for (size_t i = 0; i < model->message_count; i++)
		if (strcmp(model->messages[i].full_name, type_name + (*type_name == '.')) == 0)
			return &model->messages[i];
	return NULL;
}

static const struct gen_enum *find_enum(const struct model *model, const char *type_name)
{
	for (size_t i = 0; i < model->enum_count; i++)
		if (strcmp(model->enums[i].full_name, type_name + (*type_name == '.')) == 0) return &model->enums[i];
	return NULL;
}

/* --- fields --- */

static bool is_number(const struct gen_field *f)
{
	switch (f->type) {
	case TYPE(STRING):
	case TYPE(BYTES):
	case TYPE(BOOL):
	case TYPE(MESSAGE):
	case TYPE(ENUM): return false;
	default: return true;
	}
}

static bool default_is_readable(const struct gen_field *f)
{
	struct str text = str_from(f->rule->default_value);
	int64_t whole;
	double number;
	switch (f->type) {
	case TYPE(STRING): return true;
	case TYPE(BOOL): return str_equal(text, STR("true")) || str_equal(text, STR("false"));
	case TYPE(ENUM):
		for (size_t i = 0; i < f->enumeration->count; i++)
			if (f->enumeration->values[i].json_name &&
			    str_equal(text, str_from(f->enumeration->values[i].json_name)))
				return true;
		return false;
	case TYPE(DOUBLE):
	case TYPE(FLOAT):
		if (!str_to_double(text, &number)) return false;
		break;
	case TYPE(UINT32):
	case TYPE(FIXED32):
		if (!str_to_int64(text, &whole) || whole < 0 || whole > UINT32_MAX) return false;
		number = (double)whole;
		break;
	case TYPE(UINT64):
	case TYPE(FIXED64):
		if (!str_to_int64(text, &whole) || whole < 0) return false;
		number = (double)whole;
		break;
	case TYPE(INT64):
	case TYPE(SINT64):
	case TYPE(SFIXED64):
		if (!str_to_int64(text, &whole)) return false;
		number = (double)whole;
		break;
	case TYPE(INT32):
	case TYPE(SINT32):
	case TYPE(SFIXED32):
		if (!str_to_int64(text, &whole) || whole < INT32_MIN || whole > INT32_MAX) return false;
		number = (double)whole;
		break;
	default: return false;
	}
	const Petfood__FieldRule *rule = f->rule;
	return !(rule->_gt_case && number <= rule->gt) && !(rule->_gte_case && number < rule->gte) &&
	       !(rule->_lt_case && number >= rule->lt) && !(rule->_lte_case && number > rule->lte);
}

/* A rule on a field that it cannot hold for would be a promise that nobody keeps. */
static void check_rule(const struct gen_message *m, const struct gen_field *f)
{
	const Petfood__FieldRule *rule = f->rule;
	const char *wrong = NULL;
	bool repeated = f->presence == FIELD_REPEATED, map = f->presence == FIELD_MAP;
	bool text = f->type == TYPE(STRING) && !repeated;
	if ((rule->min_chars || rule->max_chars || rule->form) && !text)
		wrong = "min_chars, max_chars and form are for a string";
	if (rule->max_bytes && (repeated || (f->type != TYPE(STRING) && f->type != TYPE(BYTES))))
		wrong = "max_bytes is for a string or bytes";
	if (rule->max_chars && rule->min_chars > rule->max_chars) wrong = "min_chars is above max_chars";
	if ((rule->_gt_case || rule->_gte_case || rule->_lt_case || rule->_lte_case) && (repeated || !is_number(f)))
		wrong = "gt, gte, lt and lte are for a number";
	if (rule->max_items && !repeated && !map) wrong = "max_items is for a repeated field";
	if (rule->item_max_chars && !(repeated && f->type == TYPE(STRING)))
		wrong = "item_max_chars is for repeated strings";
	if (rule->raw_json && f->type != TYPE(BYTES)) wrong = "raw_json is for bytes";
	if (*rule->document && !rule->raw_json) wrong = "document is for raw_json";
	if (rule->required && f->presence == FIELD_IMPLICIT && (is_number(f) || f->type == TYPE(BOOL)))
		wrong = "a required number or bool must be optional, or it cannot be told from its zero";
	if (*rule->default_value && f->presence != FIELD_OPTIONAL)
		wrong = "default_value is for an optional field";
	else if (*rule->default_value && !default_is_readable(f))
		wrong = "default_value does not fit the field";
	if (wrong) model_fail(m->file->name, m->full_name, "field %s: %s", f->name, wrong);
}

/* Words that protoc-c puts a "_" behind. */
static bool is_keyword(const char *name)
{
	static const char *const words[] = {
		"and",
		"and_eq",
		"asm",
		"auto",
		"bitand",
		"bitor",
		"bool",
		"break",
		"case",
		"catch",
		"char",
		"class",
		"compl",
		"const",
		"const_cast",
		"continue",
		"default",
		"delete",
		"do",
		"double",
		"dynamic_cast",
		"else",
		"enum",
		"explicit",
		"extern",
		"false",
		"float",
		"for",
		"friend",
		"goto",
		"if",
		"inline",
		"int",
		"long",
		"mutable",
		"namespace",
		"new",
		"not",
		"not_eq",
		"operator",
		"or",
		"or_eq",
		"private",
		"protected",
		"public",
		"register",
		"reinterpret_cast",
		"return",
		"short",
		"signed",
		"sizeof",
		"static",
		"static_cast",
		"struct",
		"switch",
		"template",
		"this",
		"throw",
		"true",
		"try",
		"typedef",
		"typeid",
		"typename",
		"union",
		"unsigned",
		"using",
		"virtual",
		"void",
		"volatile",
		"wchar_t",
		"while",
		"xor",
		"xor_eq",
	};
	for (size_t i = 0; i < COUNT(words); i++)
		if (strcmp(words[i], name) == 0) return true;
	return false;
}

static void read_field(struct model *model, const struct gen_message *m, const message_proto *parent,
                       const field_proto *proto, struct place at, struct gen_field *f)
{
	struct arena *arena = model->arena;
	static const Petfood__FieldRule no_rule = PETFOOD__FIELD_RULE__INIT;
	const char *file = m->file->name;
	f->name = proto->name;
	f->json_name = proto->json_name;
	char *c_name = str_dup_c(arena, str_from(proto->name));
	for (char *p = c_name; *p; p++) *p = (char)tolower((unsigned char)*p);
	f->c_name = is_keyword(c_name) ? joined(arena, c_name, "", "_") : c_name;
	f->number = proto->number;
	f->type = proto->type;
	f->doc = place_doc(arena, &at);
	const Petfood__FieldRule *rule =
	    proto->options ? option_message(arena, &proto->options->base, OPTION_RULE, &petfood__field_rule__descriptor)
	                   : NULL;
	f->rule = rule ? rule : &no_rule;
	if (proto->type == TYPE(MESSAGE)) {
		f->timestamp = strcmp(proto->type_name, ".google.protobuf.Timestamp") == 0;
		if (!f->timestamp) f->message = find_message(model, proto->type_name);
		if (!f->timestamp && !f->message)
			model_fail(file, m->full_name, "field %s: type %s has no JSON form here", f->name,
			           proto->type_name + 1);
	}
	if (proto->type == TYPE(ENUM)) {
		f->enumeration = find_enum(model, proto->type_name);
		if (!f->enumeration)
			model_fail(file, m->full_name, "field %s: enum %s is not known here", f->name,
			           proto->type_name + 1);
	}
	if (proto->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED) {
		f->presence = f->message && f->message->map_entry ? FIELD_MAP : FIELD_REPEATED;
	} else if (proto->has_proto3_optional && proto->proto3_optional) {
		if (proto->type == TYPE(MESSAGE))
			model_fail(file, m->full_name, "field %s: a message can always be unset: leave `optional` out",
			           f->name);
		f->presence = FIELD_OPTIONAL;
	} else if (proto->has_oneof_index) {
		f->presence = FIELD_ONEOF;
	} else {
		f->presence = proto->type == TYPE(MESSAGE) ? FIELD_MESSAGE : FIELD_IMPLICIT;
	}
	if (f->presence == FIELD_OPTIONAL || f->presence == FIELD_ONEOF) {
		if ((size_t)proto->oneof_index >= parent->n_oneof_decl) die("%s: oneof index", m->full_name);
		f->case_name =
		    joined(arena, name_symbol(arena, parent->oneof_decl[proto->oneof_index]->name), "", "_case");
	}
	bool scalar = proto->type != TYPE(STRING) && proto->type != TYPE(BYTES) && proto->type != TYPE(MESSAGE);
	bool unpacked = proto->options && proto->options->has_packed && !proto->options->packed;
	f->packed = f->presence == FIELD_REPEATED && scalar && !unpacked;
	f->deprecated = proto->options && proto->options->has_deprecated && proto->options->deprecated;
	if (*f->rule->document && !(f->document = find_message(model, f->rule->document)))
		model_fail(file, m->full_name, "field %s: document %s is no message of this contract", f->name,
		           f->rule->document);
	check_rule(m, f);
}

static int field_order(const void *a, const void *b)
{
	return ((const struct gen_field *)a)->number - ((const struct gen_field *)b)->number;
}

static void read_fields(struct model *model, struct gen_message *m, const message_proto *proto, const struct place *at)
{
	if (proto->n_field > FIELDS_MAX) model_fail(m->file->name, m->full_name, "has more than %d fields", FIELDS_MAX);
	m->field_count = proto->n_field;
	m->fields = arena_new_array(model->arena, struct gen_field, m->field_count);
	for (size_t i = 0; i < m->field_count; i++)
		read_field(model, m, proto, proto->field[i], place_down(*at, 2, i), &m->fields[i]);
	if (m->as_list && !(m->field_count == 1 && m->fields[0].presence == FIELD_REPEATED))
		model_fail(m->file->name, m->full_name, "as_list is for a message with one field, a repeated one");
	qsort(m->fields, m->field_count, sizeof m->fields[0], field_order);
	for (size_t i = 0; i < m->field_count; i++)
		for (size_t k = 0; k < m->field_count; k++) {
			const struct gen_field *a = &m->fields[i], *b = &m->fields[k];
			if (i < k && strcmp(a->json_name, b->json_name) == 0)
				model_fail(m->file->name, m->full_name, "fields %s and %s are both \"%s\" in JSON",
				           a->name, b->name, a->json_name);
			/* both spellings are accepted, so a name may belong to one field only */
			if (i != k && strcmp(a->json_name, b->name) == 0)
				model_fail(m->file->name, m->full_name, "\"%s\" is field %s and the JSON name of %s",
				           b->name, b->name, a->name);
		}
}

const struct gen_field *model_field(const struct gen_message *message, struct str name)
{
	for (size_t i = 0; i < message->field_count; i++)
		if (str_equal(name, str_from(message->fields[i].name))) return &message->fields[i];
	return NULL;
}

/* --- methods --- */

/* Unpacking recurses on the C stack without a limit, so what can come from outside must not be recursive. */
static void walk(const struct gen_method *method, struct gen_message *m, bool request)
{
	if (m->walk == OPEN) model_fail(method->file->name, method->full_name, "message %s is recursive", m->full_name);
	m->in_request = m->in_request || request;
	m->walk = OPEN;
	for (size_t i = 0; i < m->field_count; i++)
		if (m->fields[i].message) walk(method, (struct gen_message *)m->fields[i].message, request);
	m->walk = DONE;
}

static void read_method(struct model *model, const struct gen_file *file, const char *service_doc, const char *package,
                        const service_proto *service, const method_proto *proto, struct place at)
{
	struct arena *arena = model->arena;
	struct gen_method *m = &model->methods[model->method_count++];
	const char *service_name = joined(arena, package, ".", service->name);
	m->file = file;
	m->full_name = joined(arena, service_name, "/", proto->name);
	m->service = service->name;
	m->service_doc = service_doc;
	m->name = proto->name;
	m->handler = joined(arena, name_symbol(arena, service->name), "_", name_symbol(arena, proto->name));
	m->doc = place_doc(arena, &at);
	m->request = find_message(model, proto->input_type);
	m->reply = find_message(model, proto->output_type);
	if (!m->request || !m->reply)
		model_fail(file->name, m->full_name, "request and reply must be messages of this contract");
	if (m->request->as_list || m->reply->as_list)
		model_fail(file->name, m->full_name, "request and reply must be objects, not lists");
	if (proto->client_streaming || proto->server_streaming)
		model_fail(file->name, m->full_name,
		           "every call is unary: a progress stream is written as policy.opens_stream");
	m->policy = proto->options ? option_message(arena, &proto->options->base, OPTION_POLICY,
	                                            &petfood__method_policy__descriptor)
	                           : NULL;
	if (!m->policy || m->policy->auth == PETFOOD__AUTH__AUTH_UNSPECIFIED)
		model_fail(file->name, m->full_name, "does not say who may call it (petfood.policy auth)");
	if (m->policy->pool == PETFOOD__POOL__POOL_INLINE && m->policy->limit_class)
		model_fail(file->name, m->full_name, "inline methods are never limited: it cannot have a limit_class");
	if (m->policy->timeout_ms > TIMEOUT_MS_MAX)
		model_fail(file->name, m->full_name, "timeout_ms is above %d", TIMEOUT_MS_MAX);
	m->timeout_ms = m->policy->timeout_ms ? m->policy->timeout_ms : TIMEOUT_MS_DEFAULT;
	m->body_limit_bytes = m->policy->body_limit_bytes ? m->policy->body_limit_bytes : BODY_LIMIT_DEFAULT;
	if (m->policy->opens_stream && strcmp(m->reply->full_name, "petfood.v1.StreamOpen") != 0)
		model_fail(file->name, m->full_name, "opens a stream, so its reply must be petfood.v1.StreamOpen");
	if (m->policy->idempotent_by_key && m->policy->no_side_effects)
		model_fail(file->name, m->full_name, "has no side effects, so a key cannot make it idempotent");
	for (size_t i = 0; i + 1 < model->method_count; i++)
		if (strcmp(model->methods[i].handler, m->handler) == 0)
			model_fail(file->name, m->full_name, "its handler %s is also that of %s", m->handler,
			           model->methods[i].full_name);
	walk(m, m->request, true);
	walk(m, m->reply, false);
	if (proto->options) routes_add(model, m, proto->options);
}

/* What has a schema: bodies and replies over HTTP, what they are made of, and the documents in raw JSON fields. */
static void show(const struct gen_message *m, bool itself)
{
	if (m->shown) return;
	((struct gen_message *)m)->shown = itself && !m->as_list; /* a list is written out where it occurs */
	for (size_t i = 0; i < m->field_count; i++) {
		if (m->fields[i].message) show(m->fields[i].message, true);
		if (m->fields[i].document) show(m->fields[i].document, true);
	}
}

static void show_route(const struct gen_route *route)
{
	bool variables = false;
	for (size_t i = 0; i < route->segment_count; i++) variables = variables || route->segments[i].field;
	if (route->body_all)
		show(route->method->request, !variables); /* with variables its schema stands in the operation */
	if (route->body_field) show(route->body_field->message, true);
	if (!route->method->policy->opens_stream) show(route->method->reply, !route->response_field);
}

void model_read(struct model *model, struct arena *arena, const Google__Protobuf__FileDescriptorSet *set)
{
	model->arena = arena;
	size_t method_max = 0;
	for (size_t i = 0; i < set->n_file; i++) {
		const file_proto *file = set->file[i];
		if (file_is_foreign(file)) continue;
		model->file_count++;
		model->enum_count += file->n_enum_type;
		for (size_t k = 0; k < file->n_message_type; k++) count_message(model, file->message_type[k]);
		for (size_t k = 0; k < file->n_service; k++) method_max += file->service[k]->n_method;
	}
	struct reader r = { .model = model };
	model->files = arena_new_array(arena, struct gen_file, model->file_count);
	model->messages = arena_new_array(arena, struct gen_message, model->message_count);
	model->enums = arena_new_array(arena, struct gen_enum, model->enum_count);
	model->methods = arena_new_array(arena, struct gen_method, method_max);
	r.protos = arena_new_array(arena, const message_proto *, model->message_count);
	r.places = arena_new_array(arena, struct place, model->message_count);

	size_t files = 0;
	for (size_t i = 0; i < set->n_file; i++) {
		const file_proto *proto = set->file[i];
		if (file_is_foreign(proto)) continue;
		struct gen_file *file = &model->files[files++];
		file->name = proto->name;
		file->package = proto->package ? proto->package : "";
		if (!proto->syntax || strcmp(proto->syntax, "proto3") != 0)
			model_fail(file->name, "the file", "is not proto3");
		struct place top = { .file = proto };
		for (size_t k = 0; k < proto->n_message_type; k++)
			read_message(&r, file, file->package, proto->message_type[k], place_down(top, 4, k));
		for (size_t k = 0; k < proto->n_enum_type; k++)
			read_enum(&r, file, file->package, proto->enum_type[k], place_down(top, 5, k));
	}
	for (size_t i = 0; i < model->message_count; i++)
		read_fields(model, &model->messages[i], r.protos[i], &r.places[i]);

	for (size_t i = 0; i < set->n_file; i++) {
		const file_proto *proto = set->file[i];
		if (file_is_foreign(proto)) continue;
		const struct gen_file *file = NULL;
		for (size_t k = 0; k < files; k++)
			if (model->files[k].name == proto->name) file = &model->files[k];
		for (size_t k = 0; k < proto->n_service; k++) {
			struct place at = place_down((struct place){ .file = proto }, 6, k);
			const char *doc = place_doc(arena, &at);
			for (size_t n = 0; n < proto->service[k]->n_method; n++)
				read_method(model, file, doc, file->package, proto->service[k],
				            proto->service[k]->method[n], place_down(at, 2, n));
		}
	}
	routes_check(model);
	for (size_t i = 0; i < model->route_count; i++) show_route(&model->routes[i]);
}
