#include "bridge/route/reply.h"

#include <string.h>

#include "bridge/route/request.h"
#include "rpc/json/json.h"

void reply_envelope(struct strbuf *out, struct str message, struct str data)
{
	strbuf_add_cstr(out, "{\"code\":0,\"message\":");
	json_print_string(out, message);
	strbuf_add_cstr(out, ",\"data\":");
	strbuf_add_str(out, data);
	strbuf_add_char(out, '}');
}

void reply_done(struct strbuf *out, const struct route_side *route, enum lang lang, const ProtobufCMessage *reply)
{
	const struct method_side *method = route->method;
	const char *text = lang == LANG_EN ? method->done_en : method->done_zh;
	strbuf_add_cstr(out, "{\"code\":0,\"message\":");
	json_print_string(out, str_from(text && *text ? text : "ok"));
	strbuf_add_cstr(out, ",\"data\":");
	if (route->response_field)
		json_print_field(out, route->response_field, reply);
	else
		json_print(out, reply);
	strbuf_add_char(out, '}');
}

static int64_t number_param(const struct rpc_outcome *outcome, const char *name)
{
	for (size_t i = 0; i < outcome->param_count; i++) {
		int64_t value;
		if (!str_equal(outcome->params[i].name, str_from(name))) continue;
		if (str_to_int64(outcome->params[i].value, &value) && value >= 0) return value;
	}
	return -1;
}

/* Parameters travel as text; a whole number is printed as one. */
static void print_params(struct strbuf *out, const struct rpc_outcome *outcome)
{
	strbuf_add_char(out, '{');
	for (size_t i = 0; i < outcome->param_count; i++) {
		const struct rpc_param *param = &outcome->params[i];
		int64_t number;
		if (i) strbuf_add_char(out, ',');
		json_print_string(out, param->name);
		strbuf_add_char(out, ':');
		if (param->value.len <= 15 && str_to_int64(param->value, &number))
			strbuf_printf(out, "%lld", (long long)number);
		else
			json_print_string(out, param->value);
	}
	strbuf_add_char(out, '}');
}

/* Where the client wrote the field: a body that is a field of the request has that field's members at its top. */
static void add_location(struct strbuf *out, const struct route_side *route, struct str field)
{
	const char *location = request_location(route, field);
	struct str rest = field, top;
	if (route->body_field && strcmp(location, "body") == 0 && str_split(&rest, '.', &top)) field = rest;
	strbuf_add_cstr(out, location);
	if (field.len) strbuf_add_char(out, '.');
	strbuf_add_str(out, field);
}

static void print_violations(struct strbuf *out, const struct route_side *route, bool local,
                             const struct rpc_outcome *outcome)
{
	strbuf_add_char(out, '[');
	for (size_t i = 0; i < outcome->violation_count; i++) {
		const struct rpc_violation *row = &outcome->violations[i];
		struct strbuf field;
		strbuf_init(&field, NULL);
		if (route && !local)
			add_location(&field, route, row->field);
		else
			strbuf_add_str(&field, row->field);
		strbuf_add_cstr(out, i ? ",{\"field\":" : "{\"field\":");
		json_print_string(out, strbuf_str(&field));
		strbuf_add_cstr(out, ",\"message\":");
		json_print_string(out, row->message);
		strbuf_add_cstr(out, ",\"type\":");
		json_print_string(out, row->type);
		strbuf_add_char(out, '}');
		strbuf_fini(&field);
	}
	strbuf_add_char(out, ']');
}

struct reply_problem reply_failed(struct strbuf *out, const struct route_side *route, bool local, enum lang lang,
                                  const struct rpc_outcome *outcome)
{
	const struct reason_info *info = reason_find(outcome->reason);
	struct reply_problem problem = {
		.status = info ? info->http_status : reason_http_status(outcome->code),
		.retry_after_s = number_param(outcome, "retry_after"),
	};
	if ((problem.status == 429 || problem.status == 503) && problem.retry_after_s < 0) problem.retry_after_s = 1;
	struct str message = outcome->message;
	if (message.len == 0 && info) message = str_from(lang == LANG_EN ? info->text.en : info->text.zh);
	if (message.len == 0) message = str_from(rpc_code_name(outcome->code));

	strbuf_printf(out, "{\"code\":%d,\"message\":", info && info->body_code ? info->body_code : problem.status);
	json_print_string(out, message);
	strbuf_add_cstr(out, ",\"detail\":");
	if (outcome->violation_count > 0)
		print_violations(out, route, local, outcome);
	else if (outcome->param_count > 0)
		print_params(out, outcome);
	else
		strbuf_add_cstr(out, "null");
	strbuf_add_char(out, '}');
	return problem;
}

struct rpc_outcome reply_outcome(struct arena *arena, enum lang lang, const struct error *err)
{
	const struct reason_info *info = err->reason ? reason_find(str_from(err->reason)) : NULL;
	struct rpc_param *params = arena_new_array(arena, struct rpc_param, err->param_count);
	struct rpc_violation *violations = arena_new_array(arena, struct rpc_violation, err->violation_count);
	for (size_t i = 0; i < err->param_count; i++) {
		params[i].name = str_from(err->params[i].name);
		params[i].value = str_dup(arena, str_from(err->params[i].value));
	}
	for (size_t i = 0; i < err->violation_count; i++) {
		violations[i].field = str_dup(arena, str_from(err->violations[i].field));
		violations[i].type = str_dup(arena, str_from(err->violations[i].type));
		violations[i].message = str_dup(arena, str_from(err->violations[i].message));
	}
	return (struct rpc_outcome){
		.code = err->code,
		.reason = str_from(err->reason),
		.message = info ? reason_render(arena, info, lang, err->param_count, err->params) : STR_NONE,
		.param_count = err->param_count,
		.params = params,
		.violation_count = err->violation_count,
		.violations = violations,
	};
}
