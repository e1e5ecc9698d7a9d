#include "rpc/json/tables.h"

#include <string.h>

const char *const http_verb_names[5] = { "GET", "PUT", "POST", "DELETE", "PATCH" };

/* As strcmp(key, name), for a key that does not end in NUL. */
static int compare(struct str key, const char *name)
{
	size_t len = strlen(name);
	int order = memcmp(key.ptr, name, key.len < len ? key.len : len);
	return order ? order : (key.len > len) - (key.len < len);
}

const struct method_side *method_by_name(struct str name)
{
	if (name.len == 0) return NULL;
	for (size_t low = 0, high = method_count; low < high;) {
		size_t middle = low + (high - low) / 2;
		const struct method_side *method = &method_table[method_order[middle]];
		int order = compare(name, method->name);
		if (order == 0) return method;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct message_side *message_by_name(struct str name)
{
	if (name.len == 0) return NULL;
	for (size_t low = 0, high = message_count; low < high;) {
		size_t middle = low + (high - low) / 2;
		int order = compare(name, message_table[middle]->descriptor->name);
		if (order == 0) return message_table[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct message_side *message_side_of(const ProtobufCMessageDescriptor *descriptor)
{
	const struct message_side *side = message_by_name(str_from(descriptor->name));
	return side && side->descriptor == descriptor ? side : NULL;
}

const struct field_side *field_by_name(const struct message_side *message, struct str name)
{
	for (size_t i = 0; i < message->field_count; i++) {
		const struct field_side *field = &message->fields[i];
		if (str_equal(name, str_from(field->field->name)) || str_equal(name, str_from(field->json_name)))
			return field;
	}
	return NULL;
}

const char *enum_json_name(const struct enum_side *enumeration, int number)
{
	for (size_t i = 0; i < enumeration->count; i++)
		if (enumeration->values[i].number == number) return enumeration->values[i].json_name;
	return NULL;
}

bool enum_by_name(const struct enum_side *enumeration, struct str name, int *out_number)
{
	for (size_t i = 0; i < enumeration->count; i++) {
		const struct enum_value *value = &enumeration->values[i];
		if (value->json_name && str_equal(name, str_from(value->json_name))) {
			*out_number = value->number;
			return true;
		}
	}
	const ProtobufCEnumDescriptor *descriptor = enumeration->descriptor;
	for (unsigned i = 0; i < descriptor->n_value_names; i++) {
		if (!str_equal(name, str_from(descriptor->values_by_name[i].name))) continue;
		*out_number = descriptor->values[descriptor->values_by_name[i].index].value;
		return true;
	}
	return false;
}

bool field_is_set(const struct field_side *field, const ProtobufCMessage *message)
{
	const char *base = (const char *)message;
	const ProtobufCFieldDescriptor *f = field->field;
	switch (field->presence) {
	case FIELD_IMPLICIT: break;
	case FIELD_OPTIONAL:
	case FIELD_ONEOF: return *(const uint32_t *)(const void *)(base + f->quantifier_offset) == f->id;
	case FIELD_MESSAGE: return *(void *const *)(const void *)(base + f->offset) != NULL;
	case FIELD_REPEATED:
	case FIELD_MAP: return *(const size_t *)(const void *)(base + f->quantifier_offset) > 0;
	}
	return true;
}
