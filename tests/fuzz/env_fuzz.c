/* A .env file: its grammar, and what the program's own settings make of it. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "tools/petfoodd/config_table.h"

enum { PAIRS_MAX = 512 };
struct pairs {
	size_t count;
	struct str names[PAIRS_MAX], values[PAIRS_MAX];
};

static bool keep(void *self, struct str name, struct str value, struct error *err)
{
	struct pairs *pairs = self;
	(void)err;
	HOLDS(name.len > 0 && !memchr(name.ptr, '=', name.len) && !memchr(name.ptr, '\n', name.len));
	if (pairs->count == PAIRS_MAX) return true;
	pairs->names[pairs->count] = name;
	pairs->values[pairs->count++] = value;
	return true;
}

static void add_quoted(struct strbuf *out, struct str value)
{
	strbuf_add_char(out, '"');
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];
		if (c == '"' || c == '\\') strbuf_add_char(out, '\\');
		if (c == '\n')
			strbuf_add_cstr(out, "\\n");
		else
			strbuf_add_char(out, c);
	}
	strbuf_add_char(out, '"');
}

/* What was read can be written down again, quoted, and reads the same. */
static void check_grammar(struct arena *arena, struct str text)
{
	struct pairs *pairs = arena_new(arena, struct pairs), *again = arena_new(arena, struct pairs);
	struct error err = { 0 };
	struct strbuf out;
	if (!config_parse_env(arena, text, keep, pairs, &err)) {
		HOLDS(error_is(&err, "CONFIG_INVALID") && err.code == RPC_INVALID_ARGUMENT);
		HOLDS_OF(strstr(err.message, ".env line ") != NULL, str_from(err.message));
		return;
	}
	strbuf_init(&out, arena);
	for (size_t i = 0; i < pairs->count; i++) {
		strbuf_add_cstr(&out, i % 2 ? "export " : "");
		strbuf_add_str(&out, pairs->names[i]);
		strbuf_add_char(&out, '=');
		add_quoted(&out, pairs->values[i]);
		strbuf_add_cstr(&out, i % 3 ? " # why\n" : "\n");
	}
	HOLDS_OF(config_parse_env(arena, strbuf_str(&out), keep, again, &err), strbuf_str(&out));
	HOLDS_OF(again->count == pairs->count, strbuf_str(&out));
	for (size_t i = 0; i < pairs->count; i++) {
		HOLDS_OF(str_equal(pairs->names[i], again->names[i]), strbuf_str(&out));
		HOLDS_OF(str_equal(pairs->values[i], again->values[i]), strbuf_str(&out));
	}
}

/* Through a file, as the programs read it. */
static bool load(struct arena *arena, struct str text, struct config *out, struct error *err)
{
	static int file = -1;
	static char path[64];
	if (file < 0) {
		file = memfd_create("env", MFD_CLOEXEC);
		HOLDS(file >= 0);
		(void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	}
	HOLDS(ftruncate(file, 0) == 0);
	HOLDS(pwrite(file, text.len ? text.ptr : "", text.len, 0) == (ssize_t)text.len);
	struct config_source source = { .arena = arena, .env_file = path, .env_file_required = true };
	return config_load(config_keys, config_key_count, &source, out, err);
}

static bool is_number(enum config_type type) { return type <= CONFIG_bytes; }

static void check_text(struct str value) { HOLDS_OF(value.ptr && strlen(value.ptr) == value.len, value); }

static void check_value(const struct config_key *key, const void *slot)
{
	int64_t bound;
	if (is_number(key->type)) {
		int64_t n = *(const int64_t *)slot;
		HOLDS(!str_to_int64(str_from(key->min), &bound) || n >= bound);
		HOLDS(!str_to_int64(str_from(key->max), &bound) || n <= bound);
	} else if (key->type == CONFIG_list) {
		const config_list *list = slot;
		for (size_t i = 0; i < list->count; i++) check_text(list->items[i]);
	} else if (key->type == CONFIG_text) {
		check_text(*(const struct str *)slot);
	}
}

/* A list is printed with commas: one whose items hold some, or look like JSON, cannot be read back from that. */
static bool reads_back(const struct config_key *key, const void *slot)
{
	if (key->secret) return false;
	if (key->type != CONFIG_list) return true;
	const config_list *list = slot;
	for (size_t i = 0; i < list->count; i++) {
		struct str item = list->items[i];
		if (!item.len || str_trim(item).len != item.len || memchr(item.ptr, ',', item.len) ||
		    item.ptr[0] == '[')
			return false;
	}
	return true;
}

static void check_settings(struct arena *arena, struct str text)
{
	struct config *config = arena_new(arena, struct config), *again = arena_new(arena, struct config);
	struct error err = { 0 };
	struct strbuf out, value, other;
	if (!load(arena, text, config, &err)) {
		HOLDS(error_is(&err, "CONFIG_INVALID") && !strchr(err.message, '\n'));
		return;
	}
	strbuf_init(&out, arena);
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		const void *slot = (const char *)config + key->offset;
		check_value(key, slot);
		if (!reads_back(key, slot)) continue;
		strbuf_init(&value, arena);
		config_print_value(key, config, &value);
		strbuf_printf(&out, "%s=", key->name);
		add_quoted(&out, strbuf_str(&value));
		strbuf_add_char(&out, '\n');
	}
	HOLDS_OF(load(arena, strbuf_str(&out), again, &err), str_from(err.message));
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		if (!reads_back(key, (const char *)config + key->offset)) continue;
		strbuf_init(&value, arena);
		strbuf_init(&other, arena);
		config_print_value(key, config, &value);
		config_print_value(key, again, &other);
		HOLDS_OF(str_equal(strbuf_str(&value), strbuf_str(&other)), strbuf_str(&value));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = fuzz_arena();
	struct str text = { (const char *)data, size };
	check_grammar(arena, text);
	check_settings(arena, text);
	return 0;
}
