#include <lmdb.h>

#include <stddef.h>
#include <stdint.h>

/// Asks for the first lines of a value, all at once: the readers of a record go through it step by step and would wait for each.
static inline void kho_prefetch(const void *bytes, size_t length) {
    const char *p = (const char *)bytes;
    if (length > 1024) length = 1024;
    for (size_t at = 0; at < length; at += 64) __builtin_prefetch(p + at);
}

/// Asks for what a lookup of the value at this address goes through: the head of its page (4 KiB), the value's node and the value.
static inline void kho_prefetch_entry(uintptr_t address, size_t length) {
    __builtin_prefetch((const void *)(address & ~(uintptr_t)4095));
    kho_prefetch((const void *)address, length);
}

static inline uint32_t kho_load_relaxed(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_RELAXED); }
static inline void kho_store_relaxed(uint32_t *word, uint32_t value) { __atomic_store_n(word, value, __ATOMIC_RELAXED); }

/// An address in LMDB's code.
static inline const void *kho_lmdb_code(void) { return (const void *)&mdb_env_create; }

/// What is called with a text when LMDB finds that a page is not what it must be: one of its assertions does not hold. If it returns, the process is aborted.
static inline int kho_lmdb_when_it_gives_up(MDB_env *environment, MDB_assert_func *call) { return mdb_env_set_assert(environment, call); }
