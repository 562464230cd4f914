#ifndef KHO_PLATFORM_H
#define KHO_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

/// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78; RFC 3720 appendix B.4) of `length` bytes, continuing from
/// `crc`, the value of an earlier call or 0. Uses the processor's instruction where there is one.
uint32_t kho_crc32c(uint32_t crc, const void *bytes, size_t length);
/// The same as if the four bytes at `hole` were zeros: a checksum's own place in what it is of. `hole + 4` is at most `length`.
uint32_t kho_crc32c_around(uint32_t crc, const void *bytes, size_t length, size_t hole);

/// The same from the table alone, for tests that compare the two.
uint32_t kho_crc32c_portable(uint32_t crc, const void *bytes, size_t length);

/// Nanoseconds of CLOCK_BOOTTIME: monotonic, and it counts the time that the machine was suspended.
uint64_t kho_monotonic_nanoseconds(void);

/// Milliseconds since 1970-01-01T00:00:00Z by the wall clock.
int64_t kho_wall_milliseconds(void);

/// Fills the buffer from the kernel's random source. Returns 0, or an errno.
int kho_random_bytes(void *bytes, size_t length);

/// Writes the text and a line feed to standard error in one call; used by the last words of a process.
void kho_write_stderr(const char *text, size_t length);

/// Names the calling thread for the system's tools; at most 15 bytes are kept.
void kho_name_thread(const char *name);

/// Asks the scheduler for short slices of time for the calling thread, 0.1 ms: one that wakes up often to do little, and that others wait for,
/// then comes to its turn sooner beside threads that are busy (Linux 6.12, EEVDF: `sched_setattr` with a runtime). It gets no more time than
/// others. Where the kernel does not know of it, nothing changes.
void kho_prefer_latency(void);

/// Has the calling thread stand back where processors are short: five steps of niceness more, so that beside a thread that never rests it gets a quarter
/// of a processor. Where that is not allowed, nothing changes.
void kho_stand_back(void);

/// Two files of a folder change places, at once. Returns 0, or an errno: ENOENT if one is missing, EINVAL or ENOSYS where the file system or the kernel cannot.
int kho_exchange_files(const char *one, const char *other);

/// The number of the file system that a file or folder lies on (`f_type` of statfs(2), without a sign), or a negative errno.
int64_t kho_file_system(const char *path);

#endif
