/* rpc/wire/reason.h: every reason that a caller may see. One row: token, RPC code, HTTP status, body.code of CONTRACT (0 = the
 * HTTP status), and the text in zh and en with {named} parameters. Texts that existing clients match on keep their words. */
#ifndef PETFOOD_RPC_WIRE_REASON_H
#define PETFOOD_RPC_WIRE_REASON_H

#include "rpc/domain/nutrition/nutrients.h"
#include "store/base/error.h"
#include "store/base/str.h"

/*    reason                 code                  http  body  zh                                   en */
#define REASONS(X) \
	X(VALIDATION_FAILED,     INVALID_ARGUMENT,     422, 0, "请求数据验证失败", "the request is not valid") \
	X(BODY_NOT_JSON,         INVALID_ARGUMENT,     422, 0, "请求数据验证失败", "the body is not valid JSON") \
	X(CREDENTIALS_MISSING,   UNAUTHENTICATED,      401, 0, "未提供认证凭据", "no credentials were given") \
	X(TOKEN_INVALID,         UNAUTHENTICATED,      401, 0, "Token 无效或已过期", "the token is invalid or has expired") \
	X(TOKEN_WRONG_TYPE,      UNAUTHENTICATED,      401, 0, "Token 类型错误，期望 {expected}，实际 {actual}", "wrong token type: expected {expected}, got {actual}") \
	X(TOKEN_INCOMPLETE,      UNAUTHENTICATED,      401, 0, "Token 载荷无效", "the token's payload is invalid") \
	X(SERVICE_TOKEN_INVALID, UNAUTHENTICATED,      503, 0, "服务暂时不可用，请稍后再试", "the calling service's token is invalid or has expired") \
	X(CALLER_NOT_ALLOWED,    PERMISSION_DENIED,    403, 0, "无权限执行此操作", "this caller may not do that") \
	X(METHOD_UNKNOWN,        UNIMPLEMENTED,        501, 0, "未知方法 {method}", "there is no method {method}") \
	X(ROUTE_NOT_FOUND,       NOT_FOUND,            404, 0, "Not Found", "Not Found") \
	X(ROUTE_VERB,            UNIMPLEMENTED,        405, 0, "Method Not Allowed", "Method Not Allowed") \
	X(MEDIA_TYPE,            INVALID_ARGUMENT,     415, 0, "请求体必须是 application/json", "the body must be application/json") \
	X(NOT_ACCEPTABLE,        INVALID_ARGUMENT,     406, 0, "只提供 {offered}", "only {offered} is offered") \
	X(BODY_TOO_LARGE,        INVALID_ARGUMENT,     413, 0, "请求体过大，上限 {limit} 字节", "the body is larger than {limit} bytes") \
	X(HEADERS_TOO_LARGE,     INVALID_ARGUMENT,     431, 0, "请求头过大", "the headers are too large") \
	X(HOST_NOT_ALLOWED,      INVALID_ARGUMENT,     400, 0, "无效的 Host", "this host is not served here") \
	X(MESSAGE_TOO_LARGE,     RESOURCE_EXHAUSTED,   413, 0, "消息过大，上限 {limit} 字节", "the message is larger than {limit} bytes") \
	X(MESSAGE_MALFORMED,     INVALID_ARGUMENT,     400, 0, "消息格式错误", "the message cannot be read") \
	X(METADATA_INVALID,      INVALID_ARGUMENT,     400, 0, "元数据 {key} 无效", "metadata {key} is not valid") \
	X(RATE_LIMITED,          RESOURCE_EXHAUSTED,   429, 0, "请求过于频繁，请稍后再试", "too many requests, please try again later") \
	X(OVERLOADED,            RESOURCE_EXHAUSTED,   503, 0, "服务繁忙，请稍后再试", "the service is busy, please try again") \
	X(SHUTTING_DOWN,         UNAVAILABLE,          503, 0, "服务正在重启，请稍后再试", "the service is restarting, please try again") \
	X(UNREACHABLE,           UNAVAILABLE,          503, 0, "服务暂时不可用，请稍后再试", "the service cannot be reached") \
	X(STORE_DOWN,            UNAVAILABLE,          503, 0, "存储暂时不可用，请稍后再试", "the store cannot be reached") \
	X(STORE_FULL,            UNAVAILABLE,          503, 0, "存储空间不足", "the store has no space left") \
	X(STORE_BUSY,            ABORTED,              503, 0, "存储繁忙，请稍后再试", "the store is busy, please try again") \
	X(WRITE_UNCERTAIN,       UNKNOWN,              503, 0, "结果未知，请先查询再重试", "the outcome is unknown: look before you repeat") \
	X(DEADLINE_EXCEEDED,     DEADLINE_EXCEEDED,    504, 0, "请求超时", "the deadline passed") \
	X(CALL_CANCELLED,        CANCELLED,            499, 0, "请求已取消", "the call was cancelled") \
	X(IDEMPOTENCY_MISMATCH,  INVALID_ARGUMENT,     422, 0, "同一幂等键不能用于不同的请求", "this idempotency key was used for another request") \
	X(IDEMPOTENCY_IN_FLIGHT, ABORTED,              409, 0, "相同请求正在处理中", "the same request is under way") \
	X(USER_NOT_FOUND,        NOT_FOUND,            404, 0, "用户不存在", "no such user") \
	X(LOGIN_FAILED,          UNAUTHENTICATED,      401, 0, "用户名或密码错误", "wrong user name or password") \
	X(LOGIN_LOCKED,          RESOURCE_EXHAUSTED,   429, 0, "登录尝试过多，请稍后再试", "too many tries to sign in, please try again later") \
	X(OLD_PASSWORD_WRONG,    INVALID_ARGUMENT,     422, 0, "旧密码错误", "the old password is wrong") \
	X(PASSWORD_WRONG,        INVALID_ARGUMENT,     422, 0, "密码错误", "the password is wrong") \
	X(REGISTRATION_NEEDS_CODE, FAILED_PRECONDITION, 403, 0, "注册需要验证码，请先获取验证码", "registering needs a verification code: ask for one first") \
	X(USER_INACTIVE,         PERMISSION_DENIED,    403, 0, "用户已被禁用", "the user is disabled") \
	X(USERNAME_TAKEN,        ALREADY_EXISTS,       409, 0, "用户名已存在", "this user name is taken") \
	X(EMAIL_TAKEN,           ALREADY_EXISTS,       409, 0, "邮箱已被注册", "this e-mail address is registered already") \
	X(USER_DISABLED,         UNAUTHENTICATED,      401, 0, "用户已被禁用", "the user is disabled") \
	X(PASSWORD_CHANGED,      ABORTED,              409, 0, "密码已被修改，请重试", "the password was changed meanwhile, please try again") \
	X(REFRESH_INVALID,       UNAUTHENTICATED,      401, 0, "刷新令牌无效或已撤销", "the refresh token is invalid or was revoked") \
	X(SESSION_NOT_FOUND,     NOT_FOUND,            404, 0, "会话不存在", "no such session") \
	X(CODE_ABSENT,           INVALID_ARGUMENT,     422, 0, "验证码不存在或已失效", "there is no such verification code, or it is no longer valid") \
	X(CODE_EXPIRED,          INVALID_ARGUMENT,     422, 0, "验证码已过期", "the verification code has expired") \
	X(CODE_USED,             INVALID_ARGUMENT,     422, 0, "验证码已使用", "the verification code has been used") \
	X(CODE_WRONG,            INVALID_ARGUMENT,     422, 0, "验证码错误", "the verification code is wrong") \
	X(CODE_ATTEMPTS,         RESOURCE_EXHAUSTED,   429, 0, "验证码尝试次数过多，请重新获取", "too many tries with this verification code: ask for a new one") \
	X(CODE_FAILURES,         RESOURCE_EXHAUSTED,   429, 0, "验证码错误次数过多，请稍后再试", "too many wrong verification codes, please try again later") \
	X(CODE_COOLDOWN,         RESOURCE_EXHAUSTED,   429, 0, "发送过于频繁，请在 {remaining_seconds} 秒后重试", "a code was sent a moment ago: try again in {remaining_seconds} s") \
	X(CODE_DAILY_LIMIT,      RESOURCE_EXHAUSTED,   429, 0, "今日发送次数已达上限", "no more codes can be sent today") \
	X(PET_NOT_FOUND,         NOT_FOUND,            404, 3001, "宠物不存在", "no such pet") \
	X(PET_LIMIT,             FAILED_PRECONDITION,  409, 0, "宠物数量已达上限（{limit}）", "there are too many pets already (at most {limit})") \
	X(PET_MOVED,             ABORTED,              409, 0, "宠物信息正被其他请求修改，请重试", "other requests are changing this pet, please try again") \
	X(PLAN_NOT_FOUND,        NOT_FOUND,            404, 0, "饮食计划不存在", "no such diet plan") \
	X(PLAN_EXPIRED,          NOT_FOUND,            404, 0, "计划不存在或已过期", "the plan does not exist or has expired") \
	X(PLAN_REFUSED,          FAILED_PRECONDITION,  422, 0, "无法自动生成饮食计划：{why}", "no plan can be made automatically: {why}") \
	X(PLAN_INFEASIBLE,       FAILED_PRECONDITION,  422, 0, "找不到安全的饮食计划：{why}", "no safe plan exists: {why}") \
	X(PLAN_NOT_SAFE,         INTERNAL,             500, 0, "计划未通过独立复核，已作废：{why}", "the plan did not pass the independent check: {why}") \
	X(PLAN_UNREADABLE,       INVALID_ARGUMENT,     422, 0, "无法读取计划：{why}", "the plan cannot be read: {why}") \
	X(TASK_NOT_FOUND,        NOT_FOUND,            404, 0, "任务不存在", "no such task") \
	X(TASK_UNFINISHED,       FAILED_PRECONDITION,  400, 0, "任务未完成，当前状态: {status}", "the task is not finished: {status}") \
	X(TASK_FINISHED,         FAILED_PRECONDITION,  409, 0, "任务{status_text}，无法取消", "the task has ended ({status}) and cannot be cancelled") \
	X(TASK_NOT_FAILED,       FAILED_PRECONDITION,  409, 0, "只有失败的任务可以重试", "only a failed task can be retried: it is {status}") \
	X(TASK_MOVED,            ABORTED,              409, 0, "任务已由其他进程接管", "another worker has the task") \
	X(TASK_LIMIT,            RESOURCE_EXHAUSTED,   429, 0, "进行中的任务过多（上限 {limit}），请稍后再试", "too many tasks under way (at most {limit})") \
	X(TASK_TIMEOUT,          DEADLINE_EXCEEDED,    504, 0, "任务超时（{seconds} 秒）", "the task took longer than {seconds} s") \
	X(TASK_CANCELLED,        CANCELLED,            409, 0, "任务已取消", "the task was cancelled") \
	X(TASK_ABANDONED,        INTERNAL,             500, 0, "任务多次中断，已放弃", "the task was interrupted too often and was given up") \
	X(LOG_EXPIRED,           OUT_OF_RANGE,         410, 0, "任务的进度记录已过期", "the task's progress log has expired") \
	X(RESULT_EXPIRED,        NOT_FOUND,            410, 0, "任务结果已过期：计划未在 24 小时内保存", "the result has expired: its plan was not kept within 24 hours") \
	X(BENCH_DISABLED,        INVALID_ARGUMENT,     422, 0, "基准任务未启用", "bench tasks are not enabled here") \
	X(INTERNAL,              INTERNAL,             500, -1, "服务器内部错误", "internal error")

struct reason_info {
	const char *reason;
	enum rpc_code code;
	int http_status;
	int body_code; /* 0 = http_status */
	struct text2 text;
};
extern const struct reason_info reason_table[];
extern const size_t reason_count;

/* NULL if unknown. */
const struct reason_info *reason_find(struct str reason);
/* HTTP status of a code whose reason is unknown (google.rpc's mapping). */
int reason_http_status(enum rpc_code code);
/* What a code says by itself, for a reason that the table does not know. */
struct text2 reason_code_text(enum rpc_code code);
/* The text with its parameters put in; a parameter that is missing stays as {name}. */
struct str reason_render(struct arena *arena, const struct reason_info *info, enum lang lang, size_t param_count,
                         const struct error_param *params);
/* First supported language of an Accept-Language header (q values honoured, zh-CN default). */
enum lang lang_from_accept(struct str header);

#endif
