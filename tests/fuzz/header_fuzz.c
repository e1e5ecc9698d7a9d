/* Header values, Accept-Language before all: the whole input is given to everyone who reads a header. */
#include "bridge/route/address.h"
#include "bridge/route/cors.h"
#include "bridge/route/frame.h"
#include "bridge/route/negotiate.h"

#include <string.h>

#include "rpc/wire/limiter.h"
#include "rpc/wire/reason.h"
#include "tests/fuzz/fuzz.h"

static struct str joined(struct arena *arena, const char *before, struct str middle, const char *after)
{
	struct strbuf out;
	strbuf_init(&out, arena);
	strbuf_add_cstr(&out, before);
	strbuf_add_str(&out, middle);
	strbuf_add_cstr(&out, after);
	return strbuf_str(&out);
}

static struct str other_case(struct arena *arena, struct str text)
{
	char *out = arena_alloc(arena, text.len + 1);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		out[i] = letter ? (char)(c ^ 0x20) : c;
	}
	return (struct str){ out, text.len };
}

static void check_language(struct arena *arena, struct str header)
{
	enum lang lang = lang_from_accept(header);
	HOLDS(lang == LANG_ZH || lang == LANG_EN);
	HOLDS_OF(lang_from_accept(other_case(arena, header)) == lang, header);
	/* Nothing goes before what is named first without a weight. */
	HOLDS_OF(lang_from_accept(joined(arena, "en,", header, "")) == LANG_EN, header);
	HOLDS_OF(lang_from_accept(joined(arena, "zh-CN,", header, "")) == LANG_ZH, header);
	/* A language that is not spoken here and one that is refused change nothing. */
	HOLDS_OF(lang_from_accept(joined(arena, "fr,", header, ", de;q=0.9")) == lang, header);
	HOLDS_OF(lang_from_accept(joined(arena, "", header, ",en;q=0")) == lang, header);
}

static void check_accept(struct arena *arena, struct str header)
{
	static const char *const types[] = { "application/json", "text/event-stream", "text/html" };
	for (size_t i = 0; i < COUNT(types); i++) {
		double quality = accept_quality(header, str_from(types[i]));
		HOLDS_OF(quality >= 0 && quality <= 1, header);
		HOLDS_OF(accept_quality(other_case(arena, header), str_from(types[i])) == quality, header);
		bool is = content_type_is(header, str_from(types[i]));
		HOLDS_OF(!is || accept_quality(header, str_from(types[i])) > 0 || memchr(header.ptr, ';', header.len),
		         header);
		HOLDS_OF(content_type_is(other_case(arena, header), str_from(types[i])) == is, header);
	}
	HOLDS_OF(accept_gzip(other_case(arena, header)) == accept_gzip(header), header);
	HOLDS_OF(!accept_gzip(header) || memchr(header.ptr, '*', header.len) ||
	             str_find(other_case(arena, header), STR("p"), 0) != SIZE_MAX ||
	             memchr(header.ptr, 'p', header.len),
	         header);
}

static void check_identity(struct str header)
{
	char trace[TRACEPARENT_BYTES], again[TRACEPARENT_BYTES];
	bool kept = traceparent_continue(header, trace);
	HOLDS_OF(strlen(trace) == TRACEPARENT_BYTES - 1, header);
	HOLDS_OF(!kept || (memcmp(trace + 3, header.ptr + 3, 32) == 0 && memcmp(trace + 53, header.ptr + 53, 2) == 0),
	         header);
	HOLDS_OF(traceparent_continue(str_from(trace), again), header); /* what we send is valid */
	HOLDS_OF(memcmp(trace + 3, again + 3, 32) == 0 && memcmp(trace + 36, again + 36, 16) != 0, header);
	HOLDS_OF(!request_id_is_valid(header) || is_plain_value(header, REQUEST_ID_BYTES_MAX), header);
	struct str token;
	if (bearer_token(header, &token)) {
		HOLDS_OF(token.len > 0 && token.ptr > header.ptr && token.ptr + token.len <= header.ptr + header.len,
		         header);
		HOLDS_OF(str_equal(str_trim(token), token), header);
	}
	char key[LIMITER_KEY_BYTES];
	memset(key, 'x', sizeof key);
	limiter_address_key(header, key);
	HOLDS_OF(memchr(key, '\0', sizeof key) != NULL, header);
}

static void check_address(struct arena *arena, struct str header)
{
	static const struct str none[] = { { "example.com", 11 } }, below[] = { { "*.example.com", 13 } };
	struct address address, again, peer, any;
	struct address_block block;
	struct error err = { 0 };
	char text[ADDRESS_TEXT_BYTES];
	if (address_parse(header, &address)) {
		address_format(&address, text);
		HOLDS_OF(strlen(text) < sizeof text && address_parse(str_from(text), &again), header);
		HOLDS_OF(memcmp(&address, &again, sizeof address) == 0, header);
	}
	if (address_block_parse(header, &block, &err)) {
		HOLDS(block.prefix_bits <= 128 && address_block_has(&block, &block.base));
	} else {
		HOLDS(err.reason != NULL);
	}
	HOLDS(address_parse(STR("192.0.2.1"), &peer) && address_block_parse(STR("::/0"), &block, &err));
	any = address_of_client(&peer, header, NULL, 0);
	HOLDS_OF(memcmp(&any, &peer, sizeof any) == 0, header); /* nobody is trusted: nobody is believed */
	/* The nearest hop that a trusted proxy names stands last. */
	HOLDS(address_block_parse(STR("192.0.2.1"), &block, &err) && address_parse(STR("198.51.100.7"), &address));
	any = address_of_client(&peer, joined(arena, "", header, ", 198.51.100.7"), &block, 1);
	HOLDS_OF(memcmp(&any, &address, sizeof any) == 0, header);
	HOLDS_OF(host_is_allowed(NULL, 0, header), header);
	if (host_is_allowed(none, 1, header)) HOLDS_OF(header.len >= none[0].len, header);
	if (host_is_allowed(below, 1, header)) HOLDS_OF(header.len > below[0].len - 1, header);
}

/* Data with any line breaks is one event when it is read as the standard says, and gives the same lines again. */
static void check_frame(struct arena *arena, struct str data)
{
	struct strbuf frame, back;
	strbuf_init(&frame, arena);
	strbuf_init(&back, arena);
	frame_event(&frame, 7, data);
	struct str rest = strbuf_str(&frame), line = fuzz_line(&rest);
	HOLDS(str_equal(line, STR("id: 7")) && !memchr(frame.data, '\r', frame.len));
	for (bool first = true; (line = fuzz_line(&rest)).len > 0; first = false) {
		HOLDS(str_has_prefix(line, STR("data: ")));
		if (!first) strbuf_add_char(&back, '\n');
		strbuf_add(&back, line.ptr + 6, line.len - 6);
	}
	HOLDS(rest.len == 0); /* the blank line was the last */
	struct strbuf wanted;
	strbuf_init(&wanted, arena);
	for (size_t i = 0; i < data.len; i++) {
		if (data.ptr[i] == '\r' && i + 1 < data.len && data.ptr[i + 1] == '\n') continue;
		strbuf_add_char(&wanted, data.ptr[i] == '\r' ? '\n' : data.ptr[i]);
	}
	HOLDS_OF(str_equal(strbuf_str(&wanted), strbuf_str(&back)), data);
}

static void check_origin(struct arena *arena, struct str header)
{
	static const struct str origins[] = { { "https://app.example.com", 23 } }, star[] = { { "*", 1 } };
	struct cors_policy some = {
		.origins = origins, .origin_count = 1, .headers = star, .header_count = 1, .allow_credentials = true
	};
	struct cors_policy all = some;
	all.origins = star;
	struct cors_answer answer = cors_decide(&some, header);
	HOLDS_OF(answer.allow_origin.len == 0 || str_equal_nocase(header, origins[0]), header);
	answer = cors_decide(&all, header);
	HOLDS_OF(!(answer.allow_credentials && str_equal(answer.allow_origin, STR("*"))), header);
	struct str names = cors_allow_headers(arena, &some, header);
	HOLDS_OF(!names.len || !(memchr(names.ptr, '\r', names.len) || memchr(names.ptr, '\n', names.len)), header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = fuzz_arena();
	struct str header = { (const char *)data, size };
	check_language(arena, header);
	check_accept(arena, header);
	check_identity(header);
	check_address(arena, header);
	check_origin(arena, header);
	check_frame(arena, header);
	return 0;
}
