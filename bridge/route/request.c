#include "bridge/route/request.h"

#include <stdio.h>
#include <string.h>

#include "rpc/json/json.h"

static struct json_parse_options over_http(enum lang lang)
{
	return (struct json_parse_options){ .refuse_enum_numbers = true, .lang = lang }; /* CONTRACT 9 */
}

const char *request_location(const struct route_side *route, struct str field)
{
	size_t top = 0;
	while (top < field.len && field.ptr[top] != '.') top++;
	struct str name = { field.ptr, top };
	for (size_t i = 0; i < route->segment_count; i++) {
		const struct route_segment *segment = &route->segments[i];
		if (segment->kind != SEGMENT_LITERAL && str_equal(str_from(segment->text), name)) return "path";
	}
	if (route->body_all) return "body";
	if (route->body_field && str_equal(str_from(route->body_field->field->name), name)) return "body";
	return "query";
}

/* Puts the location before each field, from row `from` on; a violation without a field is about the whole. */
static void locate(struct error *err, size_t from, const char *location)
{
	for (size_t i = from; i < err->violation_count; i++) {
		struct violation *row = &err->violations[i];
		char field[sizeof row->field];
		memcpy(field, row->field, sizeof field);
		field[sizeof field - 1] = '\0';
		(void)snprintf(row->field, sizeof row->field, "%s%s%s", location, *field ? "." : "", field);
	}
}

/* Failures of the parts are collected, so that one answer names all wrong fields. */
static void collect(struct error *into, const struct error *part, const char *location)
{
	size_t from = into->violation_count;
	for (size_t i = 0; i < part->violation_count; i++) {
		const struct violation *row = &part->violations[i];
		(void)error_violation(into, row->field, row->type, "%s", row->message);
	}
	locate(into, from, location);
}

static bool fill_body(struct arena *arena, const struct route_side *route, struct str body, enum lang lang,
                      ProtobufCMessage *message, struct error *err)
{
	const struct message_side *side = route->method->request;
	const struct json_parse_options options = over_http(lang);
	if (route->body_all) return json_to_message(arena, body, side, &options, message, err);
	if (!route->body_field || !route->body_field->message || body.len == 0) return true;
	const struct message_side *inner = route->body_field->message;
	ProtobufCMessage *part = arena_alloc(arena, inner->descriptor->sizeof_message);
	protobuf_c_message_init(inner->descriptor, part);
	if (!json_to_message(arena, body, inner, &options, part, err)) return false;
	memcpy((char *)message + route->body_field->field->offset, &part, sizeof part);
	return true;
}

static void fill_query(struct arena *arena, const struct route_side *route, struct str query, enum lang lang,
                       ProtobufCMessage *message, struct error *err)
{
	const struct json_parse_options options = over_http(lang);
	struct str pair;
	while (str_split(&query, '&', &pair)) {
		struct error part = { 0 };
		struct str name;
		if (pair.len == 0 || !str_split(&pair, '=', &name)) continue;
		name = percent_decode(arena, name, true, false);
		struct str value = percent_decode(arena, pair, true, false);
		/* A path variable is not a query parameter (T1). */
		if (strcmp(request_location(route, name), "query") != 0) continue;
		if (!json_set_field(arena, route->method->request, message, name, value, &options, &part))
			collect(err, &part, "query");
	}
}

static struct str path_text(const struct route_variable *variable)
{
	bool is_text = str_is_utf8(variable->value) && !memchr(variable->value.ptr, '\0', variable->value.len);
	return is_text ? variable->value : STR("?");
}

static bool has_field(const struct message_side *side, const char *name)
{
	return protobuf_c_message_descriptor_get_field_by_name(side->descriptor, name) != NULL;
}

bool request_build(struct arena *arena, const struct route_match *match, const struct request_parts *parts,
                   ProtobufCMessage **out, struct error *err)
{
	const struct route_side *route = match->route;
	const struct message_side *side = route->method->request;
	ProtobufCMessage *message = arena_alloc(arena, side->descriptor->sizeof_message);
	protobuf_c_message_init(side->descriptor, message);
	struct error all = { 0 }, part = { 0 };
	const struct json_parse_options options = over_http(parts->lang);

	if (!fill_body(arena, route, parts->body, parts->lang, message, &part)) collect(&all, &part, "body");
	if (!route->body_all) fill_query(arena, route, parts->query, parts->lang, message, &all);
	if (route->method->opens_stream && parts->last_event_id.len > 0 && has_field(side, "last_event_id")) {
		/* A cursor that is no text at all is garbage like any other: the stream answers it with a reset. */
		struct str cursor = str_is_utf8(parts->last_event_id) ? parts->last_event_id : STR("?");
		error_clear(&part);
		if (!json_set_field(arena, side, message, STR("last_event_id"), cursor, &options, &part))
			collect(&all, &part, "header");
	}
	for (size_t i = 0; i < match->variable_count; i++) {
		error_clear(&part);
		if (!json_set_field(arena, side, message, str_from(match->variables[i].segment->text),
		                    path_text(&match->variables[i]), &options, &part)) {
			collect(&all, &part, "path");
		}
	}
	if (all.violation_count > 0) {
		if (err) *err = all;
		return false;
	}
	json_apply_defaults(arena, side, message);
	*out = message;
	return true;
}
