#include <lmdb.h>

#include <stddef.h>
#include <stdint.h>

/// Asks for the first lines of a value, all at once: the readers of a record go through it step by step and would wait for each.
static inline void kho_prefetch(const void *bytes, size_t length) {
    const char *p = (const char *)bytes;
    if (length > 1024) length = 1024;
    for (size_t at = 0; at < length; at += 64) __builtin_prefetch(p + at);
}

/// An address in LMDB's code.
static inline const void *kho_lmdb_code(void) { return (const void *)&mdb_env_create; }

/// What is called with a text when LMDB finds that a page is not what it must be: one of its assertions does not hold. If it returns, the process is aborted.
static inline int kho_lmdb_when_it_gives_up(MDB_env *environment, MDB_assert_func *call) { return mdb_env_set_assert(environment, call); }
