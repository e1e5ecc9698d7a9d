#include "rpc/json/violation.h"

#include <string.h>

static const struct {
	const char *type;
	struct text2 text;
} rows[] = {
#define VIOLATION_ROW(kind, type, zh, en) [VIOLATION_##kind] = { type, { zh, en } },
	VIOLATIONS(VIOLATION_ROW)
#undef VIOLATION_ROW
};

bool violation_add(struct error *err, enum lang lang, const char *field, enum violation_kind kind, const char *value)
{
	enum { ROOM = sizeof(((struct violation *)0)->message) - 1 };
	const char *text = text2_in(rows[kind].text, lang), *slot = strstr(text, "{}");
	struct strbuf sentence;
	strbuf_init(&sentence, NULL);
	strbuf_add(&sentence, text, slot ? (size_t)(slot - text) : strlen(text));
	if (slot) strbuf_printf(&sentence, "%s%s", value, slot + 2);
	size_t len = sentence.len < ROOM ? sentence.len : ROOM;
	while (len && len < sentence.len && ((unsigned char)sentence.data[len] & 0xc0) == 0x80) len--;
	error_violation(err, field, rows[kind].type, "%.*s", (int)len, sentence.data);
	strbuf_fini(&sentence);
	return false;
}

bool violation_add_enum(struct error *err, enum lang lang, const char *field, const struct enum_side *enumeration)
{
	struct strbuf names;
	strbuf_init(&names, NULL);
	strbuf_add_cstr(&names, "");
	for (size_t i = 0; i < enumeration->count; i++)
		if (enumeration->values[i].json_name)
			strbuf_printf(&names, "%s%s", names.len ? ", " : "",
			              *enumeration->values[i].json_name ? enumeration->values[i].json_name : "\"\"");
	violation_add(err, lang, field, VIOLATION_NOT_LISTED, names.data);
	strbuf_fini(&names);
	return false;
}
