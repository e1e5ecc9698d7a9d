/* rpc/json/violation.h: what can be wrong with a field, told once: the type that clients switch on and the sentence for a person in
 * both languages. For those who read JSON and those who check rules (rpc/wire/validate.h) alike. */
#ifndef PETFOOD_RPC_JSON_VIOLATION_H
#define PETFOOD_RPC_JSON_VIOLATION_H

#include "rpc/domain/nutrition/nutrients.h"
#include "rpc/json/tables.h"
#include "store/base/error.h"

/* clang-format off */
/*    kind             type                  zh                  en; {} takes the value */
#define VIOLATIONS(X) \
	X(MISSING,         "missing",            "此项必填",         "this field is required") \
	X(TOO_SHORT,       "string_too_short",   "至少 {} 个字符",   "must have at least {} characters") \
	X(TOO_LONG,        "string_too_long",    "至多 {} 个字符",   "must have at most {} characters") \
	X(TOO_MANY_BYTES,  "string_too_long",    "至多 {} 字节",     "must have at most {} bytes") \
	X(TOO_MANY,        "too_long",           "至多 {} 项",       "must have at most {} items") \
	X(NOT_UNICODE,     "string_unicode",     "不是有效的 UTF-8 文本", "is not valid UTF-8") \
	X(NOT_UUID,        "uuid_parsing",       "不是有效的 UUID",  "is not a UUID") \
	X(NOT_EMAIL,       "email",              "不是有效的邮箱地址", "is not an e-mail address") \
	X(NOT_USERNAME,    "username",           "用户名只能包含中文、字母、数字、下划线和连字符", "may only have letters, digits, Chinese, _ and -") \
	X(USERNAME_LENGTH, "username",           "用户名长度需为 3-50 个字符", "must have 3 to 50 characters") \
	X(PASSWORD_LONG,   "string_too_long",    "密码最多支持 72 字节（UTF-8）", "must have at most 72 bytes in UTF-8") \
	X(NOT_CODE,        "string_pattern_mismatch", "必须是 {} 位数字", "must be {} digits") \
	X(NOT_PHONE,       "string_pattern_mismatch", "必须是 11 位数字", "must be 11 digits") \
	X(NOT_GREATER,     "greater_than",       "必须大于 {}",      "must be greater than {}") \
	X(TOO_LOW,         "greater_than_equal", "必须大于或等于 {}", "must be at least {}") \
	X(NOT_LESS,        "less_than",          "必须小于 {}",      "must be less than {}") \
	X(TOO_HIGH,        "less_than_equal",    "必须小于或等于 {}", "must be at most {}") \
	X(NOT_FINITE,      "finite_number",      "必须是有限的数",   "must be a finite number") \
	X(OUT_OF_RANGE,    "range",              "超出范围",         "is out of range") \
	X(NOT_LISTED,      "enum",               "必须是以下之一：{}", "must be one of: {}") \
	X(NOT_NUMBER,      "type",               "必须是数字",       "must be a number") \
	X(NOT_WHOLE,       "type",               "必须是整数",       "must be a whole number") \
	X(NOT_BOOL,        "type",               "必须是 true 或 false", "must be true or false") \
	X(NOT_TEXT,        "type",               "必须是文本",       "must be a text") \
	X(NOT_BASE64,      "type",               "必须是 base64 文本", "must be a text in base64") \
	X(NOT_TIME,        "type",               "必须是形如 2026-01-02T03:04:05Z 的时间", "must be a time such as 2026-01-02T03:04:05Z") \
	X(NOT_OBJECT,      "type",               "必须是对象",       "must be an object") \
	X(NOT_LIST,        "type",               "必须是列表",       "must be a list") \
	X(NEVER_TEXT,      "type",               "不能以文本形式给出", "cannot be given as a text") \
	X(BAD_TEXT,        "utf8",               "必须是不含 NUL 的 UTF-8 文本", "must be UTF-8 without NUL") \
	X(BAD_TIME,        "timestamp",          "必须是形如 2026-01-02T03:04:05Z 的时间", "must be a time such as 2026-01-02T03:04:05Z") \
	X(TIME_RANGE,      "timestamp",          "时间超出范围",     "is not a time of the years 1 to 9999") \
	X(DUPLICATE,       "duplicate",          "重复出现",         "occurs twice") \
	X(EXCLUDED,        "oneof",              "与另一个已给出的字段互斥", "excludes another field that is set") \
	X(UNKNOWN_FIELD,   "unknown_field",      "没有这个字段",     "there is no such field") \
	X(NOT_JSON,        "json_invalid",       "不是有效的 JSON",  "is not valid JSON") \
	X(TOO_DEEP,        "depth",              "嵌套过深",         "is nested too deeply") \
	X(TOO_MUCH,        "too_large",          "请求占用的内存过多", "the request takes too much memory")
/* clang-format on */

enum violation_kind {
#define VIOLATION_KIND(kind, ...) VIOLATION_##kind,
	VIOLATIONS(VIOLATION_KIND)
#undef VIOLATION_KIND
};

/* Adds one to *err, which may be NULL. field: dotted, positions in lists too ("allergens.2"). value: borrowed; stands for {} in
 * the sentence, "" where it has none. A sentence too long is cut at a whole character. Returns false. */
bool violation_add(struct error *err, enum lang lang, const char *field, enum violation_kind kind, const char *value);
/* NOT_LISTED with the names of the enum as the value. */
bool violation_add_enum(struct error *err, enum lang lang, const char *field, const struct enum_side *enumeration);

#endif
