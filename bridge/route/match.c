#include "bridge/route/match.h"

#include <stdlib.h>
#include <string.h>

struct route_index {
	size_t count;
	const struct route_side *const *sorted;
};

static int segment_order(const struct route_segment *a, const struct route_segment *b)
{
	if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
	return a->kind == SEGMENT_LITERAL ? strcmp(a->text, b->text) : 0;
}

/* The most specific first; 0 = the two take exactly the same paths. */
static int shape_order(const struct route_side *a, const struct route_side *b)
{
	for (size_t i = 0; i < a->segment_count && i < b->segment_count; i++) {
		int order = segment_order(&a->segments[i], &b->segments[i]);
		if (order != 0) return order;
	}
	/* Only a rest can make a row with more segments take the same path: it comes last, so /x goes before /x/{path=**}. */
	if (a->segment_count != b->segment_count) return a->segment_count < b->segment_count ? -1 : 1;
	/* /x/{id}:stop before /x/{id}, whose variable would take ":stop" too */
	if (!a->custom_verb != !b->custom_verb) return a->custom_verb ? -1 : 1;
	return a->custom_verb ? strcmp(a->custom_verb, b->custom_verb) : 0;
}

static int row_order(const void *left, const void *right)
{
	const struct route_side *a = *(const struct route_side *const *)left,
	                        *b = *(const struct route_side *const *)right;
	int order = shape_order(a, b);
	return order != 0 ? order : (int)a->verb - (int)b->verb;
}

struct route_index *route_index_create(const struct route_side *routes, size_t count)
{
	struct route_index *index = calloc(1, sizeof *index);
	const struct route_side **sorted = calloc(count ? count : 1, sizeof *sorted);
	if (!index || !sorted) die("out of memory");
	for (size_t i = 0; i < count; i++) sorted[i] = &routes[i];
	qsort(sorted, count, sizeof *sorted, row_order);
	index->count = count;
	index->sorted = sorted;
	return index;
}

void route_index_destroy(struct route_index **index)
{
	if (!*index) return;
	free((void *)(*index)->sorted);
	free(*index);
	*index = NULL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') return c - '0';
	if (c >= 'a' && c <= 'f') return c - 'a' + 10;
	if (c >= 'A' && c <= 'F') return c - 'A' + 10;
	return -1;
}

/* One byte of the decoded text; *at moves past its source. */
static unsigned char decode_next(struct str text, size_t *at, bool keep_slash)
{
	char c = text.ptr[*at];
	if (c == '%' && text.len - *at >= 3) {
		int high = hex_digit(text.ptr[*at + 1]), low = hex_digit(text.ptr[*at + 2]);
		int byte = high * 16 + low;
		if (high >= 0 && low >= 0 && !(keep_slash && byte == '/')) {
			*at += 3;
			return (unsigned char)byte;
		}
	}
	*at += 1;
	return (unsigned char)c;
}

struct str percent_decode(struct arena *arena, struct str text, bool form, bool keep_slash)
{
	char *out = arena_alloc(arena, text.len + 1);
	size_t len = 0;
	for (size_t at = 0; at < text.len;) {
		bool space = form && text.ptr[at] == '+';
		unsigned char byte = decode_next(text, &at, keep_slash);
		out[len++] = space ? ' ' : (char)byte;
	}
	out[len] = '\0';
	return (struct str){ out, len };
}

static bool decodes_to(struct str text, const char *literal)
{
	size_t at = 0;
	for (; *literal; literal++) {
		if (at >= text.len || decode_next(text, &at, false) != (unsigned char)*literal) return false;
	}
	return at == text.len;
}

static bool has_nul(struct str text)
{
	for (size_t at = 0; at < text.len;) {
		if (decode_next(text, &at, false) == 0) return true;
	}
	return false;
}

/* Whether the row takes the path; its variables' raw texts go to values. */
static bool row_takes(const struct route_side *row, struct str path, struct str *values)
{
	struct str rest = { path.ptr + 1, path.len - 1 };
	bool more = rest.len > 0; /* another segment follows, perhaps an empty one */
	if (row->custom_verb) {
		size_t verb = strlen(row->custom_verb);
		if (rest.len <= verb || rest.ptr[rest.len - verb - 1] != ':' ||
		    memcmp(rest.ptr + rest.len - verb, row->custom_verb, verb) != 0) {
			return false;
		}
		rest.len -= verb + 1;
	}
	for (size_t i = 0; i < row->segment_count; i++) {
		const struct route_segment *segment = &row->segments[i];
		if (segment->kind == SEGMENT_REST) {
			*values = rest;
			return !has_nul(rest);
		}
		if (!more) return false;
		const char *slash = memchr(rest.ptr, '/', rest.len);
		struct str part = { rest.ptr, slash ? (size_t)(slash - rest.ptr) : rest.len };
		more = slash != NULL;
		rest.ptr += part.len + more;
		rest.len -= part.len + more;
		if (segment->kind == SEGMENT_LITERAL) {
			if (!decodes_to(part, segment->text)) return false;
		} else {
			if (part.len == 0) return false;
			*values++ = part;
		}
	}
	return !more || (rest.len == 0 && row->trailing_slash);
}

bool route_find(const struct route_index *index, struct arena *arena, struct str method, struct str path,
                struct route_match *out)
{
	struct str wanted = str_equal(method, STR("HEAD")) ? STR("GET") : method;
	*out = (struct route_match){ 0 };
	if (path.len == 0 || path.ptr[0] != '/') return false;
	for (size_t i = 0; i < index->count; i++) {
		const struct route_side *row = index->sorted[i];
		struct str values[ROUTE_VARIABLES_MAX];
		if (!row_takes(row, path, values)) continue;
		out->verbs |= 1u << row->verb;
		if (out->route || !str_equal(wanted, str_from(http_verb_names[row->verb]))) continue;
		out->route = row;
		for (size_t s = 0; s < row->segment_count; s++) {
			const struct route_segment *segment = &row->segments[s];
			if (segment->kind == SEGMENT_LITERAL) continue;
			out->variables[out->variable_count] = (struct route_variable){
				.segment = segment,
				.value = percent_decode(arena, values[out->variable_count], false,
				                        segment->kind == SEGMENT_REST),
			};
			out->variable_count++;
		}
	}
	return out->route != NULL;
}

struct str route_allow_text(struct arena *arena, unsigned verbs)
{
	struct strbuf text;
	strbuf_init(&text, arena);
	for (unsigned verb = 0; verb < COUNT(http_verb_names); verb++) {
		if (!(verbs & (1u << verb))) continue;
		strbuf_add_cstr(&text, http_verb_names[verb]);
		strbuf_add_cstr(&text, verb == VERB_GET ? ", HEAD, " : ", ");
	}
	strbuf_add_cstr(&text, "OPTIONS");
	return strbuf_str(&text);
}
