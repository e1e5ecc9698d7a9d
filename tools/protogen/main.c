/* protogen: writes the tables that protobuf-c's runtime lacks.
 *   protogen VERSION DESCRIPTOR_SET OUT_DIR
 * Ends with 1 and one line "file: method: what is wrong" if the contract breaks a rule. Files whose content does not change
 * are left alone, so that what depends on them is not built again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/protogen/model.h"

static struct str file_read(struct arena *arena, const char *path, bool must_exist)
{
	FILE *file = fopen(path, "rb");
	if (!file && !must_exist) return STR_NONE;
	if (!file) die("%s: %s", path, strerror(errno));
	struct strbuf content;
	strbuf_init(&content, arena);
	char part[65536];
	for (size_t n; (n = fread(part, 1, sizeof part, file)) > 0;) strbuf_add(&content, part, n);
	if (ferror(file)) die("%s: cannot be read", path);
	(void)fclose(file);
	return strbuf_str(&content);
}

static void file_write(struct arena *arena, const char *dir, const char *name, struct str content)
{
	const char *path = str_printf(arena, "%s/%s", dir, name).ptr;
	struct str old = file_read(arena, path, false);
	if (old.ptr && str_equal(old, content)) return;
	FILE *file = fopen(path, "wb");
	if (!file) die("%s: %s", path, strerror(errno));
	if (fwrite(content.ptr, 1, content.len, file) != content.len || fclose(file) != 0)
		die("%s: cannot be written", path);
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		(void)fprintf(stderr, "usage: %s VERSION DESCRIPTOR_SET OUT_DIR\n", argv[0]);
		return 2;
	}
	struct arena *arena = arena_create(0);
	struct str packed = file_read(arena, argv[2], true);
	ProtobufCAllocator allocator = arena_allocator(arena);
	Google__Protobuf__FileDescriptorSet *set =
	    google__protobuf__file_descriptor_set__unpack(&allocator, packed.len, (const uint8_t *)packed.ptr);
	if (!set) die("%s is no descriptor set", argv[2]);
	struct model model = { .version = argv[1] };
	model_read(&model, arena, set);

	static const struct {
		const char *name;
		void (*emit)(const struct model *, struct strbuf *);
	} outputs[] = {
		{ "tables.c", emit_tables },
		{ "handlers.h", emit_handlers_header },
		{ "handlers.c", emit_handlers },
		{ "accessors.h", emit_accessors },
	};
	struct strbuf out;
	for (size_t i = 0; i < COUNT(outputs); i++) {
		strbuf_init(&out, arena);
		outputs[i].emit(&model, &out);
		file_write(arena, argv[3], outputs[i].name, strbuf_str(&out));
	}
	strbuf_init(&out, arena);
	emit_openapi(&model, &out);
	struct str json = strbuf_str(&out);
	file_write(arena, argv[3], "openapi.json", json);
	strbuf_init(&out, arena);
	emit_openapi_c(&model, json, &out);
	file_write(arena, argv[3], "openapi.c", strbuf_str(&out));
	arena_destroy(&arena);
	return 0;
}
