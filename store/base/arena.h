/* store/base/arena.h: memory that is given back all at once.
 * One arena per call or job; not thread safe; everything in it dies at reset or destroy.
 * arena_alloc never returns NULL (true exhaustion aborts); where bytes from outside decide how much is asked for, use
 * arena_try_alloc, which honours the budget. */
#ifndef PETFOOD_STORE_BASE_ARENA_H
#define PETFOOD_STORE_BASE_ARENA_H

#include <stddef.h>

struct arena; /* opaque */

/* budget_bytes: most bytes that arena_try_alloc may bring the arena to, 0 = no limit. */
struct arena *arena_create(size_t budget_bytes);
void arena_destroy(struct arena **arena); /* accepts NULL; leaves *arena NULL */

/* Zeroed, 16-byte aligned. size 0 gives a valid pointer that must not be written to. */
void *arena_alloc(struct arena *arena, size_t size);
/* As arena_alloc, but NULL once the budget would be exceeded. */
void *arena_try_alloc(struct arena *arena, size_t size);
/* count * size with overflow checked (aborts). */
void *arena_array(struct arena *arena, size_t count, size_t size);
#define arena_new(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define arena_new_array(arena, type, count) ((type *)arena_array((arena), (count), sizeof(type)))

/* Bytes handed out since creation or reset. */
size_t arena_used(const struct arena *arena);
/* A new budget, counted from the bytes already used; 0 = no limit. */
void arena_set_budget(struct arena *arena, size_t budget_bytes);

struct arena_mark {
	void *block;
	size_t block_used;
	size_t total;
};
struct arena_mark arena_mark(struct arena *arena);
void arena_rewind(struct arena *arena, struct arena_mark mark);
/* Keeps at most one block, and none that was made for one large piece, for the next use. */
void arena_reset(struct arena *arena);
/* Bytes taken from the system. */
size_t arena_held(const struct arena *arena);

#endif
