#ifndef KHO_MAP_GUARD_H
#define KHO_MAP_GUARD_H

/// Leaves a mark when a mapped file ends the process.
///
/// Whoever reads a file through a map learns of a page that cannot be read by a signal (SIGBUS: the disk fails there, or the file was cut), and a library that
/// trusts the file's pages may go astray in them (SIGSEGV in its code) or give up (an assertion). The process cannot go on from there; what it can do is to
/// note it on the disk, so that the next start knows.
typedef struct kho_map_guard kho_map_guard;

/// Watches over a file that is mapped already. Where the system does not say what is mapped (no /proc), only for what `code` does. NULL if there is no memory, or
/// `mark` has no folder. Costs some hundred bytes for each file that the process ever watched.
///
/// - Parameters:
///   - file: a descriptor of the file.
///   - mark: path of the file that is made in such a case. Its text says what happened.
///   - code: an address in the library that reads the map; a SIGSEGV there counts too, for every file that is watched then, unless it is linked into the program
///     itself. May be NULL.
kho_map_guard *kho_map_guard_begin(int file, const char *mark, const void *code);

/// Ends it. Before the map goes. NULL is allowed.
void kho_map_guard_end(kho_map_guard *guard);

/// The library gives up: makes the mark, says so on standard error, ends the process with exit code 74 at once.
_Noreturn void kho_map_guard_give_up(const kho_map_guard *guard, const char *what);

#endif
