#include "rpc/outbound/mail/template.h"

#include <string.h>

static const struct text2 sender = { "宠物饮食计划智能助手", "Pet Food Diet Plan Assistant" };

/* {code} and {minutes} are put in. */
static const struct {
	struct text2 subject, title, lead, validity, advice;
} words[MAIL_TEMPLATE_COUNT] = {
	[MAIL_REGISTER_CODE] = {
		.subject = { "【宠物饮食计划智能助手】您的注册验证码", "Your registration code for the Pet Food Diet Plan Assistant" },
		.title = { "注册验证码", "Your registration code" },
		.lead = { "您好！您正在用这个邮箱注册宠物饮食计划智能助手。请在注册页面输入下面的验证码：",
		          "Hello! This address is being used to register with the Pet Food Diet Plan Assistant. Please enter this code on the "
		          "registration page:" },
		.validity = { "验证码 {minutes} 分钟内有效，只能使用一次。", "The code is valid for {minutes} minutes and works once." },
		.advice = { "如果不是您本人在注册，请忽略这封邮件：没有验证码，任何人都无法用您的邮箱完成注册。",
		            "If you are not registering, please ignore this mail: without the code nobody can complete a registration with your "
		            "address." },
	},
	[MAIL_PASSWORD_RESET_CODE] = {
		.subject = { "【宠物饮食计划智能助手】密码重置验证码", "Your password reset code for the Pet Food Diet Plan Assistant" },
		.title = { "密码重置验证码", "Your password reset code" },
		.lead = { "您好！我们收到了重置您账号密码的请求。请在重置密码页面输入下面的验证码：",
		          "Hello! We were asked to reset the password of your account. Please enter this code on the reset page:" },
		.validity = { "验证码 {minutes} 分钟内有效，只能使用一次。", "The code is valid for {minutes} minutes and works once." },
		.advice = { "安全提示：请不要把验证码告诉任何人，我们的工作人员也不会向您索要。如果您没有申请重置密码，您的密码不会改变，"
		            "无需任何操作；若反复收到这样的邮件，建议您修改密码。",
		            "Security notice: tell nobody this code; our staff will never ask for it. If you did not ask for a reset, your "
		            "password stays as it is and there is nothing to do. If such mails keep coming, please change your password." },
	},
};

static const char text_frame[] = "{lead}\n\n    {code}\n\n{validity}\n\n{advice}\n\n-- \n{sender}\n";

/* Tables and inline styles are what mail programs agree on; nothing is fetched. */
static const char html_frame[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"{lang}\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>{title}</title>\n</head>\n"
    "<body style=\"margin:0;padding:0;background:#f4f1ea;\">\n"
    "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" style=\"background:#f4f1ea;\">\n"
    "<tr><td align=\"center\" style=\"padding:32px 16px;\">\n"
    "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" "
    "style=\"max-width:520px;background:#ffffff;"
    "border-radius:12px;border:1px solid #e5dfd2;font-family:-apple-system,'Segoe UI',Roboto,'PingFang SC','Microsoft "
    "YaHei',"
    "'Noto Sans CJK SC',sans-serif;color:#2b2a27;\">\n"
    "<tr><td style=\"padding:20px 32px;background:#2f6f4f;border-radius:12px 12px 0 "
    "0;color:#ffffff;font-size:16px;\">{sender}</td></tr>\n"
    "<tr><td style=\"padding:28px 32px 0;\">\n"
    "<h1 style=\"margin:0 0 16px;font-size:22px;line-height:1.4;font-weight:600;\">{title}</h1>\n"
    "<p style=\"margin:0;font-size:16px;line-height:1.7;\">{lead}</p>\n"
    "</td></tr>\n"
    "<tr><td align=\"center\" style=\"padding:24px 32px;\">\n"
    "<div style=\"display:inline-block;padding:14px 28px;background:#f1f6f2;border:1px solid #cfe0d5;border-radius:8px;"
    "font-family:'SF "
    "Mono',Consolas,Menlo,monospace;font-size:32px;line-height:1.2;font-weight:700;letter-spacing:6px;color:#1f4d37;\">"
    "{code}</div>\n"
    "</td></tr>\n"
    "<tr><td style=\"padding:0 32px 28px;\">\n"
    "<p style=\"margin:0 0 12px;font-size:15px;line-height:1.7;\">{validity}</p>\n"
    "<p style=\"margin:0;font-size:14px;line-height:1.7;color:#6b675e;\">{advice}</p>\n"
    "</td></tr>\n"
    "</table>\n"
    "</td></tr>\n</table>\n</body>\n</html>\n";

struct value {
	const char *name;
	struct str text;
};

static void add_html(struct strbuf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		switch (text.ptr[i]) {
		case '&': strbuf_add_cstr(out, "&amp;"); break;
		case '<': strbuf_add_cstr(out, "&lt;"); break;
		case '>': strbuf_add_cstr(out, "&gt;"); break;
		case '"': strbuf_add_cstr(out, "&quot;"); break;
		default: strbuf_add_char(out, text.ptr[i]);
		}
	}
}

/* Puts the values in place of their {names}. A brace that frames no name of them stays. */
static struct str fill(struct arena *arena, const char *frame, bool html, const struct value *values, size_t count)
{
	struct strbuf out;
	strbuf_init(&out, arena);
	for (const char *at = frame; *at;) {
		size_t i = count, len = *at == '{' ? strcspn(at, "}") : 0;
		if (len && at[len]) {
			const struct str name = { at + 1, len - 1 };
			for (i = 0; i < count && !str_equal(name, str_from(values[i].name));) i++;
		}
		if (i == count) {
			strbuf_add_char(&out, *at++);
			continue;
		}
		if (html)
			add_html(&out, values[i].text);
		else
			strbuf_add_str(&out, values[i].text);
		at += len + 1;
	}
	return strbuf_str(&out);
}

/* Lines of ASCII are broken at spaces, as people write mail; other scripts are left to the reader's program. */
static struct str wrap(struct arena *arena, struct str text)
{
	enum { WIDTH = 72 };
	struct strbuf out;
	size_t line = 0, space = 0; /* where the line begins in out, and its last space; 0 = none yet */
	strbuf_init(&out, arena);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		strbuf_add_char(&out, c);
		if (c == '\n') line = out.len, space = 0;
		if (c == ' ') space = out.len - 1;
		if (out.len - line <= WIDTH || space <= line) continue;
		out.data[space] = '\n';
		line = space + 1;
		space = 0;
	}
	return strbuf_str(&out);
}

void mail_write_code(struct arena *arena, enum mail_template which, enum lang lang, struct str code,
                     int64_t valid_minutes, struct mail_message *out)
{
	const struct value minutes[] = { { "minutes", str_printf(arena, "%lld", (long long)valid_minutes) } };
	const struct value values[] = {
		{ "lang", lang == LANG_EN ? STR("en") : STR("zh-CN") },
		{ "sender", str_from(text2_in(sender, lang)) },
		{ "title", str_from(text2_in(words[which].title, lang)) },
		{ "lead", str_from(text2_in(words[which].lead, lang)) },
		{ "code", code },
		{ "validity", fill(arena, text2_in(words[which].validity, lang), false, minutes, COUNT(minutes)) },
		{ "advice", str_from(text2_in(words[which].advice, lang)) },
	};
	out->from_name = str_from(text2_in(sender, lang));
	out->subject = str_from(text2_in(words[which].subject, lang));
	out->text = fill(arena, text_frame, false, values, COUNT(values));
	if (lang == LANG_EN) out->text = wrap(arena, out->text);
	out->html = fill(arena, html_frame, true, values, COUNT(values));
}
