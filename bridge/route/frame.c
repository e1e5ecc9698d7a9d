#include "bridge/route/frame.h"

#include <inttypes.h>

void frame_event(struct strbuf *out, uint64_t number, struct str data)
{
	if (number) strbuf_printf(out, "id: %" PRIu64 "\n", number);
	size_t from = 0;
	for (size_t i = 0; i <= data.len; i++) {
		bool end = i == data.len;
		if (!end && data.ptr[i] != '\n' && data.ptr[i] != '\r') continue;
		strbuf_add_cstr(out, "data: ");
		strbuf_add(out, data.ptr + from, i - from);
		strbuf_add_char(out, '\n');
		if (!end && data.ptr[i] == '\r' && i + 1 < data.len && data.ptr[i + 1] == '\n') i++;
		from = i + 1;
	}
	strbuf_add_char(out, '\n');
}

void frame_comment(struct strbuf *out, const char *text) { strbuf_printf(out, ": %s\n\n", text); }

void frame_retry(struct strbuf *out, unsigned wait_ms) { strbuf_printf(out, "retry: %u\n\n", wait_ms); }
