#include "store/base/config.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const units[] = {
	[CONFIG_count] = "",      [CONFIG_milliseconds] = "ms",    [CONFIG_seconds] = "s", [CONFIG_minutes] = "min", [CONFIG_days] = "d",
	[CONFIG_bytes] = "bytes", [CONFIG_flag] = "true or false", [CONFIG_text] = "",     [CONFIG_list] = "JSON list",
};

const char *config_type_unit(enum config_type type) { return units[type]; }

static bool is_number(enum config_type t) { return t <= CONFIG_bytes; }

static bool refuse(const struct config_key *key, struct str value, const char *source, struct error *err, const char *allowed)
{
	if (key->secret)
		return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID", "%s (from %s) is not valid: %s", key->name, source, allowed);
	return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID", "%s=" STR_FMT " (from %s) is not valid: %s", key->name,
	                 (int)(value.len > 60 ? 60 : value.len), value.ptr ? value.ptr : "", source, allowed);
}

static bool parse_flag(struct str v, bool *out)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = { { "true", true }, { "1", true }, { "yes", true }, { "on", true }, { "false", false }, { "0", false }, { "no", false }, { "off", false } };
	for (size_t i = 0; i < COUNT(words); i++) {
		if (str_equal_nocase(v, str_from(words[i].word))) {
			*out = words[i].value;
			return true;
		}
	}
	return false;
}

static bool parse_list(struct arena *arena, struct str v, config_list *out)
{
	config_list list = { 0 };
	v = str_trim(v);
	if (v.len && v.ptr[0] == '[') {
		json_t *root = json_loadb(v.ptr, v.len, 0, NULL);
		if (!json_is_array(root)) {
			json_decref(root);
			return false;
		}
		bool ok = true;
		list.items = arena_new_array(arena, struct str, json_array_size(root));
		size_t i;
		json_t *item;
		json_array_foreach(root, i, item)
		{
			if (!json_is_string(item)) ok = false;
			else list.items[list.count++] = str_dup(arena, str_from(json_string_value(item)));
		}
		json_decref(root);
		if (ok) *out = list;
		return ok;
	}
	size_t most = 1;
	for (size_t i = 0; i < v.len; i++) most += v.ptr[i] == ',';
	list.items = arena_new_array(arena, struct str, most);
	struct str part;
	while (v.len && str_split(&v, ',', &part)) {
		part = str_trim(part);
		if (part.len) list.items[list.count++] = str_dup(arena, part);
	}
	*out = list;
	return true;
}

static bool in_words(struct str v, const char *words)
{
	struct str rest = str_from(words), word;
	while (str_split(&rest, '|', &word))
		if (str_equal_nocase(word, v)) return true;
	return false;
}

static bool set_value(struct arena *arena, const struct config_key *key, struct str value, const char *source, void *config,
                      struct error *err)
{
	void *slot = (char *)config + key->offset;
	char allowed[160];
	if (is_number(key->type)) {
		int64_t n, bound;
		const char *unit = units[key->type];
		(void)snprintf(allowed, sizeof allowed, "a whole number from %s to %s%s%s", key->min[0] ? key->min : "any",
		               key->max[0] ? key->max : "any", *unit ? " " : "", unit);
		if (!str_to_int64(str_trim(value), &n)) return refuse(key, value, source, err, allowed);
		if (str_to_int64(str_from(key->min), &bound) && n < bound) return refuse(key, value, source, err, allowed);
		if (str_to_int64(str_from(key->max), &bound) && n > bound) return refuse(key, value, source, err, allowed);
		*(int64_t *)slot = n;
	} else if (key->type == CONFIG_flag) {
		if (!parse_flag(str_trim(value), slot)) return refuse(key, value, source, err, "true or false");
	} else if (key->type == CONFIG_list) {
		if (!parse_list(arena, value, slot)) return refuse(key, value, source, err, "a JSON list of texts, or words with commas");
	} else {
		(void)snprintf(allowed, sizeof allowed, "one of %s", key->min);
		if (key->min[0] && !in_words(value, key->min)) return refuse(key, value, source, err, allowed);
		*(struct str *)slot = str_dup(arena, value);
	}
	return true;
}

static const struct config_key *find_key(const struct config_key *keys, size_t count, struct str name)
{
	for (size_t i = 0; i < count; i++)
		if (str_equal_nocase(str_from(keys[i].name), name)) return &keys[i];
	return NULL;
}

static bool env_name(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool ok = c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (i && c >= '0' && c <= '9') || (i && (c == '.' || c == '-'));
		if (!ok) return false;
	}
	return s.len > 0;
}

/* The text between two equal quotes that starts v; the rest may only be a comment. */
static bool unquote(struct arena *arena, struct str v, struct str *out)
{
	char quote = v.ptr[0];
	struct strbuf buf;
	strbuf_init(&buf, arena);
	size_t i = 1;
	for (; i < v.len && v.ptr[i] != quote; i++) {
		char c = v.ptr[i];
		if (quote == '"' && c == '\\' && i + 1 < v.len) {
			c = v.ptr[++i];
			if (c == 'n') c = '\n';
			else if (c == 't') c = '\t';
			else if (c != '"' && c != '\\' && c != '$') strbuf_add_char(&buf, '\\');
		}
		strbuf_add_char(&buf, c);
	}
	if (i >= v.len) return false;
	struct str rest = str_trim((struct str){ v.ptr + i + 1, v.len - i - 1 });
	if (rest.len && rest.ptr[0] != '#') return false;
	*out = strbuf_str(&buf);
	return true;
}

bool config_parse_env(struct arena *arena, struct str text,
                      bool (*fn)(void *self, struct str name, struct str value, struct error *err), void *self, struct error *err)
{
	struct str line;
	if (str_has_prefix(text, STR("\xef\xbb\xbf"))) text.ptr += 3, text.len -= 3;
	for (int number = 1; str_split(&text, '\n', &line); number++) {
		line = str_trim(line);
		if (line.len == 0 || line.ptr[0] == '#') continue;
		/* Values are handed on as C strings, which would end there without a word. */
		if (memchr(line.ptr, '\0', line.len))
			return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID", ".env line %d holds a NUL", number);
		if (str_has_prefix(line, STR("export "))) line = str_trim((struct str){ line.ptr + 7, line.len - 7 });
		struct str name, value = line;
		(void)str_split(&value, '=', &name);
		name = str_trim(name);
		if (!value.ptr || !env_name(name))
			return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID", ".env line %d is not NAME=value", number);
		value = str_trim(value);
		if (value.len && (value.ptr[0] == '"' || value.ptr[0] == '\'')) {
			if (!unquote(arena, value, &value))
				return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID", ".env line %d: the quote of " STR_FMT " does not end",
				                 number, STR_ARG(name));
		} else {
			for (size_t i = 0; i < value.len; i++) {
				if (value.ptr[i] == '#' && (i == 0 || value.ptr[i - 1] == ' ' || value.ptr[i - 1] == '\t')) {
					value.len = i;
					break;
				}
			}
			value = str_trim(value);
		}
		if (!fn(self, name, value, err)) return false;
	}
	return true;
}

struct load {
	const struct config_key *keys;
	size_t key_count;
	struct arena *arena;
	void *config;
	const char *source;
};

static bool take(void *self, struct str name, struct str value, struct error *err)
{
	struct load *load = self;
	const struct config_key *key = find_key(load->keys, load->key_count, name);
	return !key || set_value(load->arena, key, value, load->source, load->config, err);
}

static bool read_file(struct arena *arena, const char *path, struct str *out)
{
	FILE *f = fopen(path, "re");
	if (!f) return false;
	struct strbuf buf;
	strbuf_init(&buf, arena);
	char chunk[4096];
	size_t n;
	while (buf.len < 1024 * 1024 && (n = fread(chunk, 1, sizeof chunk, f)) > 0) strbuf_add(&buf, chunk, n);
	bool ok = !ferror(f);
	(void)fclose(f);
	*out = strbuf_str(&buf);
	return ok;
}

bool config_load(const struct config_key *keys, size_t key_count, const struct config_source *source, void *config,
                 struct error *err)
{
	struct load load = { keys, key_count, source->arena, config, "default" };
	for (size_t i = 0; i < key_count; i++)
		if (!set_value(source->arena, &keys[i], str_from(keys[i].fallback), load.source, config, err)) return false;
	struct str text;
	if (source->env_file) {
		if (read_file(source->arena, source->env_file, &text)) {
			load.source = source->env_file;
			if (!config_parse_env(source->arena, text, take, &load, err)) return false;
		} else if (source->env_file_required) {
			return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID", "cannot read %s", source->env_file);
		}
	}
	load.source = "environment";
	for (char **e = source->environment; e && *e; e++) {
		struct str value = str_from(*e), name;
		if (str_split(&value, '=', &name) && value.ptr && !take(&load, name, value, err)) return false;
	}
	load.source = "command line";
	for (int i = 0; i < source->flag_count; i++) {
		struct str value = str_from(source->flags[i]), name;
		(void)str_split(&value, '=', &name);
		if (!find_key(keys, key_count, name))
			return error_set(err, RPC_INVALID_ARGUMENT, "CONFIG_INVALID", "there is no setting " STR_FMT, STR_ARG(name));
		if (!take(&load, name, value.ptr ? value : STR("true"), err)) return false;
	}
	return true;
}

void config_print_value(const struct config_key *key, const void *config, struct strbuf *out)
{
	const void *slot = (const char *)config + key->offset;
	if (is_number(key->type)) {
		strbuf_printf(out, "%lld", (long long)*(const int64_t *)slot);
	} else if (key->type == CONFIG_flag) {
		strbuf_add_cstr(out, *(const bool *)slot ? "true" : "false");
	} else if (key->type == CONFIG_list) {
		const config_list *list = slot;
		for (size_t i = 0; i < list->count; i++) strbuf_printf(out, "%s" STR_FMT, i ? "," : "", STR_ARG(list->items[i]));
	} else {
		struct str v = *(const struct str *)slot;
		strbuf_add_str(out, key->secret ? (v.len ? STR("(set)") : STR("")) : v);
	}
}

static void print_range(const struct config_key *key, struct strbuf *out)
{
	const char *unit = units[key->type];
	if (key->type == CONFIG_text) {
		if (key->min[0]) strbuf_printf(out, "%s", key->min);
		return;
	}
	if (is_number(key->type) && (key->min[0] || key->max[0])) strbuf_printf(out, "%s..%s%s", key->min, key->max, *unit ? " " : "");
	strbuf_add_cstr(out, unit);
}

void config_print_help(const struct config_key *keys, size_t key_count, struct strbuf *out)
{
	for (size_t i = 0; i < key_count; i++) {
		strbuf_printf(out, "  %s", keys[i].name);
		if (!keys[i].secret && keys[i].fallback[0]) strbuf_printf(out, " (default %s)", keys[i].fallback);
		struct strbuf range;
		strbuf_init(&range, NULL);
		print_range(&keys[i], &range);
		if (range.len) strbuf_printf(out, " [%s]", range.data);
		strbuf_fini(&range);
		strbuf_printf(out, "\n      %s\n", keys[i].doc);
	}
}

void config_print_env_example(const struct config_key *keys, size_t key_count, struct strbuf *out)
{
	for (size_t i = 0; i < key_count; i++)
		strbuf_printf(out, "# %s\n#%s=%s\n", keys[i].doc, keys[i].name, keys[i].secret ? "" : keys[i].fallback);
}

void config_print_markdown(const struct config_key *keys, size_t key_count, struct strbuf *out)
{
	strbuf_add_cstr(out, "| variable | default | allowed | meaning |\n| --- | --- | --- | --- |\n");
	for (size_t i = 0; i < key_count; i++) {
		struct strbuf range;
		strbuf_init(&range, NULL);
		print_range(&keys[i], &range);
		for (size_t c = 0; c < range.len; c++)
			if (range.data[c] == '|') range.data[c] = '/'; /* a bar would end the cell */
		strbuf_printf(out, "| `%s` | %s%s%s | %s | %s |\n", keys[i].name, keys[i].fallback[0] ? "`" : "", keys[i].fallback,
		              keys[i].fallback[0] ? "`" : "", range.data ? range.data : "", keys[i].doc);
		strbuf_fini(&range);
	}
}
