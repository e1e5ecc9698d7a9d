/* bridge/http/pages.h: the files of bridge/http/pages as they are, embedded at build. */
#ifndef PETFOOD_BRIDGE_HTTP_PAGES_H
#define PETFOOD_BRIDGE_HTTP_PAGES_H

#include <stddef.h>

extern const char page_index[], page_reference[];
extern const size_t page_index_len, page_reference_len;

#endif
