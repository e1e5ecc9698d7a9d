/* bridge/http/compat/khash.h: what h2o's installed http2_internal.h needs of klib's khash.h, which no package installs. h2o 2.2.5 is
 * built with khash 0.2.8: the struct below has its layout. For looking only: nothing here adds to or removes from a table. */
#ifndef PETFOOD_BRIDGE_HTTP_COMPAT_KHASH_H
#define PETFOOD_BRIDGE_HTTP_COMPAT_KHASH_H

#include <stdbool.h>
#include <stdint.h>

typedef uint32_t khiter_t;

#define khash_t(name) struct kh_##name
#define KHASH_MAP_INIT_INT64(name, value) \
	khash_t(name) \
	{ \
		uint32_t n_buckets, size, n_occupied, upper_bound; \
		uint32_t *flags; /* two bits a bucket: 0 = in use */ \
		uint64_t *keys; \
		value *vals; \
	};

static inline bool kh_is_used(const uint32_t *flags, khiter_t at)
{
	return (flags[at >> 4] >> ((at & 15) << 1) & 3) == 0;
}

#define kh_end(table) ((table)->n_buckets)
#define kh_exist(table, at) kh_is_used((table)->flags, at)
#define kh_val(table, at) ((table)->vals[at])

/* Of h2o's inline functions only; a walk, as a search would need khash's own hash and steps. */
static inline khiter_t kh_find(const uint32_t *flags, const uint64_t *keys, uint32_t count, uint64_t key)
{
	khiter_t at = 0;
	while (at < count && (!kh_is_used(flags, at) || keys[at] != key)) at++;
	return at;
}
#define kh_get(name, table, key) kh_find((table)->flags, (table)->keys, (table)->n_buckets, key)

#endif
