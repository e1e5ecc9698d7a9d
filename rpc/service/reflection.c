/* ReflectionService: the generated tables as messages. */
#include <string.h>

#include "petfood/rpc/v1/system.pb-c.h"
#include "rpc/service/common.h"

static const char *auth_name(enum method_auth auth)
{
	switch (auth) {
	case AUTH_NONE: return "none";
	case AUTH_USER: return "user";
	case AUTH_SERVICE: return "service";
	case AUTH_ANY: return "any";
	}
	return "";
}

static Petfood__Rpc__V1__MethodInfo *method_info(struct call *call, const struct method_side *method)
{
	Petfood__Rpc__V1__MethodInfo *info = arena_new(call->arena, Petfood__Rpc__V1__MethodInfo);
	petfood__rpc__v1__method_info__init(info);
	info->name = text_in(call, str_from(method->name));
	info->request_type = text_in(call, str_from(method->request->descriptor->name));
	info->reply_type = text_in(call, str_from(method->reply->descriptor->name));
	info->auth = text_in(call, str_from(auth_name(method->auth)));
	info->no_side_effects = method->no_side_effects;
	info->timeout_ms = method->timeout_ms;
	info->routes = arena_new_array(call->arena, char *, route_count);
	for (size_t i = 0; i < route_count; i++) {
		if (route_table[i].method != method) continue;
		struct str route =
		    str_printf(call->arena, "%s %s", http_verb_names[route_table[i].verb], route_table[i].path);
		info->routes[info->n_routes++] = text_in(call, route);
	}
	return info;
}

bool reflection_service_list_methods(struct call *call, const void *request, void *reply, struct error *err)
{
	(void)request, (void)err;
	Petfood__Rpc__V1__ListMethodsReply *out = reply;
	out->methods = arena_new_array(call->arena, Petfood__Rpc__V1__MethodInfo *, method_count);
	for (size_t i = 0; i < method_count; i++) out->methods[out->n_methods++] = method_info(call, &method_table[i]);
	return true;
}

static const char *type_name(const struct field_side *field)
{
	static const char *const names[] = {
		[PROTOBUF_C_TYPE_INT32] = "int32",       [PROTOBUF_C_TYPE_SINT32] = "sint32",
		[PROTOBUF_C_TYPE_SFIXED32] = "sfixed32", [PROTOBUF_C_TYPE_INT64] = "int64",
		[PROTOBUF_C_TYPE_SINT64] = "sint64",     [PROTOBUF_C_TYPE_SFIXED64] = "sfixed64",
		[PROTOBUF_C_TYPE_UINT32] = "uint32",     [PROTOBUF_C_TYPE_FIXED32] = "fixed32",
		[PROTOBUF_C_TYPE_UINT64] = "uint64",     [PROTOBUF_C_TYPE_FIXED64] = "fixed64",
		[PROTOBUF_C_TYPE_FLOAT] = "float",       [PROTOBUF_C_TYPE_DOUBLE] = "double",
		[PROTOBUF_C_TYPE_BOOL] = "bool",         [PROTOBUF_C_TYPE_STRING] = "string",
		[PROTOBUF_C_TYPE_BYTES] = "bytes",
	};
	if (field->timestamp) return "google.protobuf.Timestamp";
	if (field->raw_json) return "json";
	if (field->message) return field->message->descriptor->name;
	if (field->enumeration) return field->enumeration->descriptor->name;
	unsigned type = (unsigned)field->field->type;
	return type < COUNT(names) && names[type] ? names[type] : "";
}

static Petfood__Rpc__V1__FieldInfo *field_info(struct call *call, const struct field_side *field)
{
	Petfood__Rpc__V1__FieldInfo *info = arena_new(call->arena, Petfood__Rpc__V1__FieldInfo);
	bool as_list = field->message && field->message->as_list; /* shown as it is written in JSON */
	petfood__rpc__v1__field_info__init(info);
	info->name = text_in(call, str_from(field->field->name));
	info->number = field->field->id;
	info->type = text_in(call, str_from(type_name(as_list ? &field->message->fields[0] : field)));
	info->repeated = as_list || field->presence == FIELD_REPEATED || field->presence == FIELD_MAP;
	info->optional = as_list || field->presence == FIELD_OPTIONAL;
	info->required = field->rule.required;
	if (!field->enumeration) return info;
	info->values = arena_new_array(call->arena, char *, field->enumeration->count);
	for (size_t i = 0; i < field->enumeration->count; i++)
		if (field->enumeration->values[i].json_name)
			info->values[info->n_values++] =
			    text_in(call, str_from(field->enumeration->values[i].json_name));
	return info;
}

bool reflection_service_describe(struct call *call, const void *request, void *reply, struct error *err)
{
	const Petfood__Rpc__V1__DescribeRequest *req = request;
	Petfood__Rpc__V1__DescribeReply *out = reply;
	const struct method_side *method = method_by_name(str_from(req->name));
	const struct message_side *message = method ? method->request : message_by_name(str_from(req->name));
	if (!message) {
		error_set(err, RPC_UNIMPLEMENTED, "METHOD_UNKNOWN", "there is no method or message %s", req->name);
		return error_param(err, "method", "%s", req->name);
	}
	if (method) out->method = method_info(call, method);
	out->message = text_in(call, str_from(message->descriptor->name));
	out->fields = arena_new_array(call->arena, Petfood__Rpc__V1__FieldInfo *, message->field_count);
	for (size_t i = 0; i < message->field_count; i++)
		out->fields[out->n_fields++] = field_info(call, &message->fields[i]);
	return true;
}
