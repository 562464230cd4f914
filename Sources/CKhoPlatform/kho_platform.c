#define _GNU_SOURCE
#include "kho_platform.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

// One table of 256 words, filled at the first use. Filling it twice at once writes the same values.
static uint32_t table[256];
static volatile int table_ready;

static void fill_table(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++) c = (c & 1) ? (c >> 1) ^ 0x82F63B78u : c >> 1;
        table[i] = c;
    }
    __atomic_store_n(&table_ready, 1, __ATOMIC_RELEASE);
}

uint32_t kho_crc32c_portable(uint32_t crc, const void *bytes, size_t length) {
    if (!__atomic_load_n(&table_ready, __ATOMIC_ACQUIRE)) fill_table();
    const uint8_t *p = bytes;
    crc = ~crc;
    while (length--) crc = table[(crc ^ *p++) & 0xFF] ^ (crc >> 8);
    return ~crc;
}

#if defined(__x86_64__)
// The instruction takes one cycle to begin and three to end, so three lanes run beside each other and are put together afterwards: what a lane's
// checksum becomes when the next lane's bytes follow it is linear in its bits, so one table for each of its four bytes holds it
// (as in M. Adler's crc32c.c, 2013).
enum { LANE = 64 };
static uint32_t lane_table[4][256];

__attribute__((target("sse4.2"))) static void fill_lane_table(void) {
    for (int byte = 0; byte < 4; byte++) {
        for (uint32_t i = 0; i < 256; i++) {
            uint64_t c = i << (8 * byte);
            for (int word = 0; word < LANE / 8; word++) c = _mm_crc32_u64(c, 0);
            lane_table[byte][i] = (uint32_t)c;
        }
    }
}

static inline uint32_t past_lane(uint32_t c) {
    return lane_table[0][c & 0xFF] ^ lane_table[1][(c >> 8) & 0xFF] ^ lane_table[2][(c >> 16) & 0xFF] ^ lane_table[3][c >> 24];
}

static inline uint64_t word_at(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, 8);
    return word;
}

// Goes on with the register, which is the complement of a checksum.
__attribute__((target("sse4.2"))) static inline uint64_t crc32c_on(uint64_t c, const uint8_t *p, size_t length) {
    while (length >= 3 * LANE) {
        uint64_t second = 0, third = 0;
        for (int i = 0; i < LANE; i += 8) {
            c = _mm_crc32_u64(c, word_at(p + i));
            second = _mm_crc32_u64(second, word_at(p + LANE + i));
            third = _mm_crc32_u64(third, word_at(p + 2 * LANE + i));
        }
        c = past_lane((uint32_t)c) ^ (uint32_t)second;
        c = past_lane((uint32_t)c) ^ (uint32_t)third;
        p += 3 * LANE;
        length -= 3 * LANE;
    }
    while (length >= 8) {
        c = _mm_crc32_u64(c, word_at(p));
        p += 8;
        length -= 8;
    }
    if (length & 4) {
        uint32_t word;
        memcpy(&word, p, 4);
        c = _mm_crc32_u32((uint32_t)c, word);
        p += 4;
    }
    if (length & 2) {
        uint16_t word;
        memcpy(&word, p, 2);
        c = _mm_crc32_u16((uint32_t)c, word);
        p += 2;
    }
    if (length & 1) c = _mm_crc32_u8((uint32_t)c, *p);
    return c;
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_hardware(uint32_t crc, const uint8_t *p, size_t length) {
    return ~(uint32_t)crc32c_on((uint32_t)~crc, p, length);
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_hardware_around(uint32_t crc, const uint8_t *p, size_t length, size_t hole) {
    uint64_t c = crc32c_on((uint32_t)~crc, p, hole);
    c = _mm_crc32_u32((uint32_t)c, 0);
    return ~(uint32_t)crc32c_on(c, p + hole + 4, length - hole - 4);
}

// Whether the processor has the instruction; the lanes' table is there then.
static int has_crc32c(void) {
    static int has = -1;
    int known = __atomic_load_n(&has, __ATOMIC_ACQUIRE);
    if (known < 0) {
        known = __builtin_cpu_supports("sse4.2") ? 1 : 0;
        if (known) fill_lane_table();
        __atomic_store_n(&has, known, __ATOMIC_RELEASE);
    }
    return known;
}
#endif

uint32_t kho_crc32c(uint32_t crc, const void *bytes, size_t length) {
#if defined(__x86_64__)
    if (has_crc32c()) return crc32c_hardware(crc, bytes, length);
#endif
    return kho_crc32c_portable(crc, bytes, length);
}

uint32_t kho_crc32c_around(uint32_t crc, const void *bytes, size_t length, size_t hole) {
#if defined(__x86_64__)
    if (has_crc32c()) return crc32c_hardware_around(crc, bytes, length, hole);
#endif
    static const uint8_t zeros[4];
    crc = kho_crc32c_portable(kho_crc32c_portable(crc, bytes, hole), zeros, 4);
    return kho_crc32c_portable(crc, (const uint8_t *)bytes + hole + 4, length - hole - 4);
}

uint64_t kho_monotonic_nanoseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int64_t kho_wall_milliseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int kho_random_bytes(void *bytes, size_t length) {
    uint8_t *p = bytes;
    while (length > 0) {
        ssize_t n = getrandom(p, length, 0);
        if (n < 0) {
            if (errno == EINTR) continue;
            return errno;
        }
        p += n;
        length -= (size_t)n;
    }
    return 0;
}

void kho_write_stderr(const char *text, size_t length) {
    struct iovec parts[2] = {{(void *)(uintptr_t)text, length}, {(void *)(uintptr_t)"\n", 1}};
    ssize_t ignored = writev(2, parts, 2);
    (void)ignored;
}

void kho_name_thread(const char *name) {
    char kept[16];
    strncpy(kept, name, sizeof kept - 1);
    kept[sizeof kept - 1] = 0;
    pthread_setname_np(pthread_self(), kept);
}

// As in linux/sched/types.h, which glibc of Debian 12 does not show.
struct kho_sched_attr {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

void kho_stand_back(void) {
    // On Linux a thread has a niceness of its own.
    errno = 0;
    int nice = getpriority(PRIO_PROCESS, 0);
    if (errno == 0) setpriority(PRIO_PROCESS, 0, nice + 5);
}

void kho_prefer_latency(void) {
    struct kho_sched_attr attr;
    memset(&attr, 0, sizeof attr);
    if (syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0) != 0 || attr.policy != SCHED_OTHER) return;
    attr.size = sizeof attr;
    attr.flags = 0;
    attr.runtime = 100000;
    syscall(SYS_sched_setattr, 0, &attr, 0);
}

int kho_exchange_files(const char *one, const char *other) {
    return renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) == 0 ? 0 : errno;
}

int64_t kho_file_system(const char *path) {
    struct statfs status;
    return statfs(path, &status) == 0 ? (int64_t)(uint32_t)status.f_type : -(int64_t)errno;
}
