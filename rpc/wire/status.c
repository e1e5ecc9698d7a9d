#include "rpc/wire/status.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { INTERNED_MAX = 256, TOKEN_LENGTH_MAX = 64 };

Petfood__Rpc__V1__Status *status_from_error(struct arena *arena, const struct error *err, enum lang lang)
{
	Petfood__Rpc__V1__Status *status = arena_new(arena, Petfood__Rpc__V1__Status);
	petfood__rpc__v1__status__init(status);
	if (err->code == RPC_OK) return status;
	struct str reason = str_from(err->reason);
	const struct reason_info *info = reason_find(reason);
	status->code = (uint32_t)err->code;
	status->reason = str_dup_c(arena, reason);
	status->message = info ? str_dup_c(arena, reason_render(arena, info, lang, err->param_count, err->params))
	                       : (char *)(uintptr_t)text2_in(reason_code_text(err->code), lang);
	status->params = arena_new_array(arena, Petfood__Rpc__V1__ReasonParam *, err->param_count);
	for (size_t i = 0; i < err->param_count; i++) {
		Petfood__Rpc__V1__ReasonParam *param = arena_new(arena, Petfood__Rpc__V1__ReasonParam);
		petfood__rpc__v1__reason_param__init(param);
		param->name = str_dup_c(arena, str_from(err->params[i].name));
		param->value = str_dup_c(arena, str_from(err->params[i].value));
		status->params[status->n_params++] = param;
	}
	status->violations = arena_new_array(arena, Petfood__Rpc__V1__FieldViolation *, err->violation_count);
	for (size_t i = 0; i < err->violation_count; i++) {
		Petfood__Rpc__V1__FieldViolation *violation = arena_new(arena, Petfood__Rpc__V1__FieldViolation);
		petfood__rpc__v1__field_violation__init(violation);
		violation->field = str_dup_c(arena, str_from(err->violations[i].field));
		violation->type = str_dup_c(arena, str_from(err->violations[i].type));
		violation->message = str_dup_c(arena, str_from(err->violations[i].message));
		status->violations[status->n_violations++] = violation;
	}
	return status;
}

void status_to_error(const Petfood__Rpc__V1__Status *status, struct error *err)
{
	if (!err) return;
	error_clear(err);
	if (status->code == RPC_OK) return;
	for (size_t i = 0; i < status->n_violations; i++) {
		const Petfood__Rpc__V1__FieldViolation *v = status->violations[i];
		error_violation(err, v->field, v->type, "%s", v->message);
	}
	size_t violation_count = err->violation_count;
	error_set(err, (enum rpc_code)status->code, token_intern(str_from(status->reason)), "%s", status->message);
	err->violation_count = violation_count;
	for (size_t i = 0; i < status->n_params; i++)
		error_param(err, token_intern(str_from(status->params[i]->name)), "%s", status->params[i]->value);
}

static bool is_token(struct str s)
{
	if (s.len == 0 || s.len > TOKEN_LENGTH_MAX) return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
			return false;
	}
	return true;
}

const char *token_intern(struct str token)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static char *interned[INTERNED_MAX];
	static size_t count;
	const struct reason_info *info = reason_find(token);
	if (info) return info->reason;
	const char *out = "UNLISTED";
	if (!is_token(token)) return out;
	pthread_mutex_lock(&lock);
	size_t i = 0;
	while (i < count && !str_equal(str_from(interned[i]), token)) i++;
	if (i == count && count < INTERNED_MAX) {
		interned[count] = strndup(token.ptr, token.len);
		if (!interned[count]) die("out of memory");
		count++;
	}
	if (i < count) out = interned[i];
	pthread_mutex_unlock(&lock);
	return out;
}
