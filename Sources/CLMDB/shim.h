#include <lmdb.h>

#include <stddef.h>

/// Asks for the first lines of a value, all at once: the readers of a record go through it step by step and would wait for each.
static inline void kho_prefetch(const void *bytes, size_t length) {
    const char *p = (const char *)bytes;
    if (length > 1024) length = 1024;
    for (size_t at = 0; at < length; at += 64) __builtin_prefetch(p + at);
}
