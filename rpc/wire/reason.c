#include "rpc/wire/reason.h"

#include <string.h>

#define REASON_ROW(reason, code, http, body, zh, en) { #reason, RPC_##code, http, body, { zh, en } },
const struct reason_info reason_table[] = { REASONS(REASON_ROW) };
const size_t reason_count = COUNT(reason_table);

/* google.rpc.Code's mapping to HTTP, and what a code says by itself. */
static const struct {
	int http_status;
	struct text2 text;
} codes[RPC_CODE_COUNT] = {
	[RPC_OK] = { 200, { "成功", "ok" } },
	[RPC_CANCELLED] = { 499, { "请求已取消", "the call was cancelled" } },
	[RPC_UNKNOWN] = { 500, { "未知错误", "unknown error" } },
	[RPC_INVALID_ARGUMENT] = { 400, { "请求无效", "the request is not valid" } },
	[RPC_DEADLINE_EXCEEDED] = { 504, { "请求超时", "the deadline passed" } },
	[RPC_NOT_FOUND] = { 404, { "资源不存在", "not found" } },
	[RPC_ALREADY_EXISTS] = { 409, { "资源已存在", "it exists already" } },
	[RPC_PERMISSION_DENIED] = { 403, { "无权限执行此操作", "this caller may not do that" } },
	[RPC_RESOURCE_EXHAUSTED] = { 429, { "请求过于频繁，请稍后再试", "too many requests, please try again later" } },
	[RPC_FAILED_PRECONDITION] = { 400, { "当前状态不允许此操作", "the present state does not allow that" } },
	[RPC_ABORTED] = { 409, { "操作冲突，请重试", "a conflict ended the operation, please try again" } },
	[RPC_OUT_OF_RANGE] = { 400, { "超出范围", "out of range" } },
	[RPC_UNIMPLEMENTED] = { 501, { "未实现", "not implemented" } },
	[RPC_INTERNAL] = { 500, { "服务器内部错误", "internal error" } },
	[RPC_UNAVAILABLE] = { 503, { "服务暂时不可用，请稍后再试", "the service cannot be reached" } },
	[RPC_DATA_LOSS] = { 500, { "数据丢失", "data was lost" } },
	[RPC_UNAUTHENTICATED] = { 401, { "未通过认证", "not authenticated" } },
};

const struct reason_info *reason_find(struct str reason)
{
	for (size_t i = 0; i < reason_count; i++)
		if (str_equal(str_from(reason_table[i].reason), reason)) return &reason_table[i];
	return NULL;
}

int reason_http_status(enum rpc_code code)
{
	return (unsigned)code < RPC_CODE_COUNT ? codes[code].http_status : 500;
}

struct text2 reason_code_text(enum rpc_code code)
{
	return codes[(unsigned)code < RPC_CODE_COUNT ? code : RPC_UNKNOWN].text;
}

struct str reason_render(struct arena *arena, const struct reason_info *info, enum lang lang, size_t param_count,
                         const struct error_param *params)
{
	struct strbuf out;
	strbuf_init(&out, arena);
	for (const char *at = text2_in(info->text, lang); *at;) {
		size_t plain = strcspn(at, "{");
		strbuf_add(&out, at, plain);
		at += plain;
		if (!*at) break;
		size_t name_len = strcspn(at + 1, "}");
		struct str name = { at + 1, name_len };
		size_t i = 0;
		while (i < param_count && !str_equal(str_from(params[i].name), name)) i++;
		if (i < param_count) strbuf_add_cstr(&out, params[i].value);
		else strbuf_add(&out, at, name_len + 2);
		at += name_len + 2;
	}
	if (!out.data) strbuf_add_cstr(&out, "");
	return strbuf_str(&out);
}

/* A weight in thousandths; -1 if it is none (RFC 9110, 12.4.2). */
static int weight_of(struct str text)
{
	double q;
	if (text.len == 0 || text.len > 5 || text.ptr[0] < '0' || text.ptr[0] > '1' || !str_to_double(text, &q)) return -1;
	return q <= 1 ? (int)(q * 1000 + 0.5) : -1;
}

enum lang lang_from_accept(struct str header)
{
	int best_weight = 0, any_weight = 0;
	enum lang best = LANG_ZH;
	struct str rest = header, item;
	while (str_split(&rest, ',', &item)) {
		struct str range, parameter;
		int weight = 1000;
		if (!str_split(&item, ';', &range)) continue;
		range = str_trim(range);
		while (str_split(&item, ';', &parameter)) {
			parameter = str_trim(parameter);
			if (parameter.len > 2 && (parameter.ptr[0] == 'q' || parameter.ptr[0] == 'Q') && parameter.ptr[1] == '=')
				weight = weight_of((struct str){ parameter.ptr + 2, parameter.len - 2 });
		}
		if (weight < 0 || range.len == 0) continue;
		struct str primary = { range.ptr, 0 };
		while (primary.len < range.len && range.ptr[primary.len] != '-') primary.len++;
		enum lang lang;
		if (str_equal_nocase(primary, STR("zh"))) lang = LANG_ZH;
		else if (str_equal_nocase(primary, STR("en"))) lang = LANG_EN;
		else {
			if (str_equal(range, STR("*")) && weight > any_weight) any_weight = weight;
			continue;
		}
		/* Equal weights: the one that was named first. */
		if (weight > best_weight) {
			best_weight = weight;
			best = lang;
		}
	}
	return best_weight >= any_weight ? best : LANG_ZH;
}
