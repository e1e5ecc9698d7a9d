#include "rpc/wire/metadata.h"

#include <string.h>

static bool key_is_well_formed(struct str key)
{
	if (key.len == 0 || key.len > METADATA_KEY_BYTES_MAX) return false;
	for (size_t i = 0; i < key.len; i++) {
		char c = key.ptr[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.')) return false;
	}
	return true;
}

static bool is_printable_ascii(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e) return false;
	return true;
}

/* The key is quoted only once it is known to be harmless. */
static bool refuse(struct error *err, struct str key, const char *why)
{
	error_set(err, RPC_INVALID_ARGUMENT, "METADATA_INVALID", "metadata: %s", why);
	return error_param(err, "key", STR_FMT, STR_ARG(key));
}

static struct str value_of(const Petfood__Rpc__V1__Metadata *entry)
{
	return (struct str){ (const char *)entry->value.data, entry->value.len };
}

static bool check_entries(size_t count, Petfood__Rpc__V1__Metadata *const *entries, struct error *err)
{
	size_t total = 0;
	if (count > METADATA_ENTRIES_MAX) return refuse(err, STR("*"), "more than 64 entries");
	for (size_t i = 0; i < count; i++) {
		struct str key = str_from(entries[i]->key), value = value_of(entries[i]);
		if (!key_is_well_formed(key)) return refuse(err, STR("?"), "a key is not lower-case ASCII of 1 to 64 bytes");
		if (value.len > METADATA_VALUE_BYTES_MAX) return refuse(err, key, "a value is larger than 8 KiB");
		if (!str_has_suffix(key, STR("-bin")) && !is_printable_ascii(value))
			return refuse(err, key, "a value is not printable ASCII");
		total += key.len + value.len;
		if (total > METADATA_BYTES_MAX) return refuse(err, key, "more than 64 KiB in all");
		/* At most 64 x 64 comparisons of short keys. */
		for (size_t k = 0; k < i; k++)
			if (strcmp(entries[k]->key, entries[i]->key) == 0) return refuse(err, key, "a key occurs twice");
	}
	return true;
}

#define METADATA_READ(field, name) \
	if (strcmp(entries[i]->key, name) == 0) out->field = value_of(entries[i]);
#define METADATA_WRITE(field, name) \
	if (metadata->field.len) { \
		petfood__rpc__v1__metadata__init(&entries[count]); \
		entries[count].key = (char *)(uintptr_t)(name); \
		entries[count].value.data = (uint8_t *)(uintptr_t)metadata->field.ptr; \
		entries[count].value.len = metadata->field.len; \
		count++; \
	}
#define METADATA_DUP(field, name) \
	if (metadata->field.len) copy.field = str_dup(arena, metadata->field);

bool metadata_read(size_t count, Petfood__Rpc__V1__Metadata *const *entries, struct rpc_metadata *out, struct error *err)
{
	memset(out, 0, sizeof *out);
	if (!check_entries(count, entries, err)) return false;
	for (size_t i = 0; i < count; i++) {
		RPC_METADATA(METADATA_READ)
	}
	if (out->idempotency_key.len > IDEMPOTENCY_KEY_BYTES_MAX)
		return refuse(err, STR("idempotency-key"), "larger than 200 bytes");
	return true;
}

size_t metadata_write(const struct rpc_metadata *metadata, Petfood__Rpc__V1__Metadata *entries)
{
	size_t count = 0;
	RPC_METADATA(METADATA_WRITE)
	return count;
}

struct rpc_metadata metadata_dup(struct arena *arena, const struct rpc_metadata *metadata)
{
	struct rpc_metadata copy = { 0 };
	RPC_METADATA(METADATA_DUP)
	return copy;
}

void reply_metadata_read(size_t count, Petfood__Rpc__V1__Metadata *const *entries, struct reply_metadata *out)
{
	memset(out, 0, sizeof *out);
	if (!check_entries(count, entries, NULL)) return;
	for (size_t i = 0; i < count; i++) {
		REPLY_METADATA(METADATA_READ)
	}
}

size_t reply_metadata_write(const struct reply_metadata *metadata, Petfood__Rpc__V1__Metadata *entries)
{
	size_t count = 0;
	REPLY_METADATA(METADATA_WRITE)
	return count;
}

struct reply_metadata reply_metadata_dup(struct arena *arena, const struct reply_metadata *metadata)
{
	struct reply_metadata copy = { 0 };
	REPLY_METADATA(METADATA_DUP)
	return copy;
}
