/* Path variables and query parameters: one text into one field. */
#include "rpc/json/json.h"
#include "rpc/json/value.h"

static enum value_fault read_enum(const struct field_side *field, struct str text, bool names_only, void *at)
{
	bool number = text.len && number_bytes(text) == text.len;
	if (!number) return value_read_enum_name(field, text, at);
	return names_only ? VALUE_ENUM : value_read_enum_number(field, text, at);
}

static enum value_fault read_text(struct arena *arena, const struct field_side *field, struct str text, bool names_only,
                                  void *at)
{
	if (!str_is_utf8(text)) return VALUE_UTF8;
	if (value_is_number(field)) return value_read_number(field, text, at);
	switch (field->field->type) {
	case PROTOBUF_C_TYPE_STRING: return value_read_string(arena, text, at);
	case PROTOBUF_C_TYPE_BYTES: return field->raw_json ? VALUE_TYPE : value_read_base64(arena, text, at);
	case PROTOBUF_C_TYPE_ENUM: return read_enum(field, text, names_only, at);
	case PROTOBUF_C_TYPE_BOOL:
		if (!str_equal(text, STR("true")) && !str_equal(text, STR("false"))) return VALUE_TYPE;
		*(protobuf_c_boolean *)at = text.ptr[0] == 't';
		return VALUE_OK;
	default: return field->timestamp ? value_read_timestamp(arena, text, at) : VALUE_TYPE;
	}
}

static enum value_fault set_one(struct arena *arena, const struct field_side *field, ProtobufCMessage *message,
                                struct str text, bool names_only)
{
	if (field->presence == FIELD_MAP) return VALUE_TYPE;
	if (field->presence == FIELD_REPEATED) {
		if (field->message) return VALUE_TYPE;
		void *item = value_append(arena, field, message);
		if (!item) return VALUE_TOO_LARGE;
		enum value_fault fault = read_text(arena, field, text, names_only, item);
		if (fault == VALUE_OK) value_appended(field, message);
		return fault;
	}
	if (value_oneof_taken(field, message)) return VALUE_ONEOF;
	enum value_fault fault = read_text(arena, field, text, names_only, value_at(field, message));
	if (fault == VALUE_OK) value_set(field, message);
	return fault;
}

/* The message that a nested path goes on in, made if it is not there yet. */
static enum value_fault step_into(struct arena *arena, const struct field_side *field, ProtobufCMessage **message)
{
	if (value_oneof_taken(field, *message)) return VALUE_ONEOF;
	ProtobufCMessage **slot = value_at(field, *message);
	if (!field_is_set(field, *message)) {
		const ProtobufCMessageDescriptor *descriptor = field->message->descriptor;
		ProtobufCMessage *inner = arena_try_alloc(arena, descriptor->sizeof_message);
		if (!inner) return VALUE_TOO_LARGE;
		protobuf_c_message_init(descriptor, inner);
		*slot = inner;
		value_set(field, *message);
	}
	*message = *slot;
	return VALUE_OK;
}

static const struct field_side *path_step(const struct message_side *side, struct str *rest, bool *out_last)
{
	struct str name;
	if (!str_split(rest, '.', &name)) return NULL;
	*out_last = rest->ptr == NULL;
	return field_by_name(side, name);
}

bool json_set_field(struct arena *arena, const struct message_side *side, ProtobufCMessage *message, struct str path,
                    struct str value, const struct json_parse_options *options, struct error *err)
{
	bool names_only = options && options->refuse_enum_numbers;
	const struct message_side *at = side;
	bool last = false;
	/* Looked up whole before anything is made: an unknown name must leave the message as it was. */
	for (struct str rest = path; !last;) {
		const struct field_side *field = path_step(at, &rest, &last);
		if (!field) return true;
		if (last) break;
		if (!field->message || field->presence == FIELD_REPEATED || field->presence == FIELD_MAP) return true;
		at = field->message;
	}
	struct strbuf shown; /* proto names, whichever spelling was given */
	strbuf_init(&shown, NULL);
	enum value_fault fault = VALUE_OK;
	const struct field_side *field = NULL;
	last = false;
	for (struct str rest = path; fault == VALUE_OK && !last;) {
		field = path_step(side, &rest, &last);
		strbuf_printf(&shown, "%s%s", shown.len ? "." : "", field->field->name);
		fault = last ? set_one(arena, field, message, value, names_only) : step_into(arena, field, &message);
		side = field->message;
	}
	value_violation(err, options ? options->lang : LANG_ZH, shown.data, fault, field);
	strbuf_fini(&shown);
	return fault == VALUE_OK;
}

void json_apply_defaults(struct arena *arena, const struct message_side *side, ProtobufCMessage *message)
{
	for (size_t i = 0; i < side->field_count; i++) {
		const struct field_side *field = &side->fields[i];
		if (field->message && field->presence != FIELD_REPEATED && field->presence != FIELD_MAP &&
		    field_is_set(field, message))
			json_apply_defaults(arena, field->message, *(ProtobufCMessage **)value_at(field, message));
		if (!field->default_value || field_is_set(field, message)) continue;
		if (field->field->type == PROTOBUF_C_TYPE_STRING) /* static, so it needs no copy */
			*(const char **)value_at(field, message) = field->default_value;
		else if (read_text(arena, field, str_from(field->default_value), true, value_at(field, message)) !=
		         VALUE_OK)
			die("default of %s", field->field->name); /* protogen has checked it */
		value_set(field, message);
	}
}
