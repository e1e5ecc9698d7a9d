#include "store/base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/error.h"

/* Under the address sanitizer what was not handed out is poisoned, and a border stands behind each piece: one block of many pieces
 * would hide from it who writes over the end of his own, or keeps using what was given back. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ARENA_SANITIZED 1
#endif
#ifdef ARENA_SANITIZED
#include <sanitizer/asan_interface.h>
#define POISON(at, bytes) ASAN_POISON_MEMORY_REGION((at), (bytes))
#define UNPOISON(at, bytes) ASAN_UNPOISON_MEMORY_REGION((at), (bytes))
enum { BORDER = 16 };
#else
#define POISON(at, bytes) ((void)0)
#define UNPOISON(at, bytes) ((void)0)
enum { BORDER = 0 };
#endif

/* The first block is small, as most of what lives long needs little; each further one is twice as large, up to the usual size. */
enum { ALIGN = 16, BLOCK_BYTES_FIRST = 448, BLOCK_BYTES = 8192 };

struct block {
	struct block *prev;
	size_t size; /* of data */
	size_t used;
	size_t pad; /* keeps data 16-byte aligned */
	unsigned char data[];
};

struct arena {
	struct block *top;
	size_t total;
	size_t budget; /* 0 = none */
};

struct arena *arena_create(size_t budget_bytes)
{
	struct arena *arena = calloc(1, sizeof *arena);
	if (!arena) die("out of memory");
	arena->budget = budget_bytes;
	return arena;
}

void arena_destroy(struct arena **arena)
{
	if (!arena || !*arena) return;
	for (struct block *b = (*arena)->top; b;) {
		struct block *prev = b->prev;
		free(b);
		b = prev;
	}
	free(*arena);
	*arena = NULL;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	if (size > SIZE_MAX / 2) die("arena: %zu bytes asked for", size);
	size_t need = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (need == 0) need = ALIGN;
	struct block *b = arena->top;
	if (!b || b->size - b->used < need + BORDER) {
		size_t data = !b ? BLOCK_BYTES_FIRST : b->size < BLOCK_BYTES / 2 ? 2 * b->size : BLOCK_BYTES;
		if (data < need + BORDER) data = need + BORDER;
		b = malloc(sizeof *b + data);
		if (!b) die("out of memory (%zu bytes)", need);
		b->prev = arena->top;
		b->size = data;
		b->used = 0;
		arena->top = b;
		POISON(b->data, b->size);
	}
	void *out = b->data + b->used;
	b->used += need + BORDER;
	arena->total += need; /* without the border: budgets mean the same everywhere */
	UNPOISON(out, size);
	memset(out, 0, size);
	return out;
}

void *arena_try_alloc(struct arena *arena, size_t size)
{
	if (arena->budget && (size > arena->budget || arena->total > arena->budget - size)) return NULL;
	return arena_alloc(arena, size);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	if (size && count > SIZE_MAX / 2 / size) die("arena: %zu x %zu bytes asked for", count, size);
	return arena_alloc(arena, count * size);
}

size_t arena_used(const struct arena *arena) { return arena->total; }

void arena_set_budget(struct arena *arena, size_t budget_bytes)
{
	arena->budget = budget_bytes ? arena->total + budget_bytes : 0;
}

struct arena_mark arena_mark(struct arena *arena)
{
	return (struct arena_mark){ arena->top, arena->top ? arena->top->used : 0, arena->total };
}

void arena_rewind(struct arena *arena, struct arena_mark mark)
{
	while (arena->top && arena->top != mark.block) {
		struct block *prev = arena->top->prev;
		free(arena->top);
		arena->top = prev;
	}
	if (arena->top) {
		arena->top->used = mark.block_used;
		POISON(arena->top->data + mark.block_used, arena->top->size - mark.block_used);
	}
	arena->total = mark.total;
}

void arena_reset(struct arena *arena)
{
	struct block *kept = NULL; /* the largest one of a usual size: one large message must not be held for ever */
	for (struct block *b = arena->top, *prev; b; b = prev) {
		prev = b->prev;
		if (b->size > BLOCK_BYTES || (kept && kept->size >= b->size)) {
			free(b);
		} else {
			free(kept);
			kept = b;
		}
	}
	if (kept) {
		kept->prev = NULL;
		kept->used = 0;
		POISON(kept->data, kept->size);
	}
	arena->top = kept;
	arena->total = 0;
}

size_t arena_held(const struct arena *arena)
{
	size_t held = 0;
	for (const struct block *b = arena->top; b; b = b->prev) held += b->size;
	return held;
}
