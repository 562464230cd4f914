#define _GNU_SOURCE
#include "kho_map_guard.h"

#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

enum { exit_code = 74, page_bytes = 4096 };

// Guards are never freed, only used again: a handler may be going through them at any moment. A guard is in use while `end` is not 0.
struct kho_map_guard {
    uintptr_t start, end;
    uintptr_t code_start, code_end;
    char mark[4096];
    char folder[4096];
    struct kho_map_guard *next;
};

static kho_map_guard *guards;
static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t handlers_once = PTHREAD_ONCE_INIT;
static struct sigaction before_bus, before_segv;
static volatile int is_ending;

// MARK: What a handler may do: nothing that takes a lock or memory.

static size_t append(char *to, size_t at, size_t room, const char *text) {
    while (*text && at < room) to[at++] = *text++;
    return at;
}

static size_t append_number(char *to, size_t at, size_t room, uintptr_t number) {
    char digits[24];
    size_t place = sizeof digits;
    digits[--place] = 0;
    do digits[--place] = (char)('0' + number % 10); while (number /= 10);
    return append(to, at, room, digits + place);
}

static void leave_mark(const kho_map_guard *guard, const char *what, size_t length) {
    // The first reason stays.
    int file = open(guard->mark, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (file < 0) return;
    // A mark without its text, on a full disk, is a mark.
    if (write(file, what, length) < 0) {}
    fsync(file);
    close(file);
    int folder = open(guard->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return;
    fsync(folder);
    close(folder);
}

_Noreturn static void end_process(const kho_map_guard *guard, const char *what, size_t length) {
    // The others' threads may be at the same: the first one's word counts.
    if (__atomic_exchange_n(&is_ending, 1, __ATOMIC_ACQ_REL)) for (;;) pause();
    leave_mark(guard, what, length);
    char text[9000];
    size_t at = append(text, 0, sizeof text, "error: the data in ");
    at = append(text, at, sizeof text, guard->folder);
    at = append(text, at, sizeof text, " cannot be read: ");
    for (size_t i = 0; i < length && at < sizeof text; i++) text[at++] = what[i];
    at = append(text, at, sizeof text, "\n  try: start again: it is read as a whole first, and rebuilt from the others if that fails\n");
    if (write(STDERR_FILENO, text, at) < 0) {}
    _exit(exit_code);
}

static uintptr_t program_counter(const void *context) {
    const ucontext_t *c = context;
#if defined(__x86_64__)
    return (uintptr_t)c->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)c->uc_mcontext.pc;
#else
    return 0;
#endif
}

static void on_fault(int number, siginfo_t *info, void *context) {
    // Sent by a process, it is no fault.
    if (info->si_code > 0) {
        const uintptr_t at = (uintptr_t)info->si_addr, by = program_counter(context);
        char what[128];
        for (const kho_map_guard *guard = __atomic_load_n(&guards, __ATOMIC_ACQUIRE); guard; guard = guard->next) {
            const uintptr_t end = __atomic_load_n(&guard->end, __ATOMIC_ACQUIRE);
            if (end && at >= guard->start && at < end) {
                size_t length = append(what, 0, sizeof what, number == SIGBUS ? "SIGBUS at page " : "SIGSEGV at page ");
                length = append_number(what, length, sizeof what, (at - guard->start) / page_bytes);
                end_process(guard, what, length);
            }
        }
        for (const kho_map_guard *guard = __atomic_load_n(&guards, __ATOMIC_ACQUIRE); guard; guard = guard->next) {
            if (__atomic_load_n(&guard->end, __ATOMIC_ACQUIRE) && by >= guard->code_start && by < guard->code_end) {
                size_t length = append(what, 0, sizeof what, "a page led to where there is no memory (SIGSEGV)");
                end_process(guard, what, length);
            }
        }
    }
    // Whoever was there before: the instruction is tried again, or the signal sent again.
    sigaction(number, number == SIGBUS ? &before_bus : &before_segv, NULL);
    if (info->si_code <= 0) raise(number);
}

void kho_map_guard_give_up(const kho_map_guard *guard, const char *what) {
    if (!guard) abort();
    end_process(guard, what, strnlen(what, 1000));
}

// MARK: Beginning and ending.

static void install_handlers(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &before_bus);
    sigaction(SIGSEGV, &action, &before_segv);
}

// Where the file is mapped, whole: parts of one map may have lines of their own. By its name: some file systems show another device there than `stat` does.
static int find_map(int file, uintptr_t *start, uintptr_t *end) {
    char link[64], path[4096], line[8192];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    const ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps) return 0;
    *start = *end = 0;
    while (fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        int name = 0;
        line[strcspn(line, "\n")] = 0;
        if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &from, &to, &name) != 2 || !name || strcmp(line + name, path)) continue;
        if (!*start) *start = from;
        if (to > *end) *end = to;
    }
    fclose(maps);
    return *start != 0;
}

struct code_search {
    uintptr_t wanted, own, start, end;
};

static int find_code(struct dl_phdr_info *object, size_t size, void *data) {
    (void)size;
    struct code_search *search = data;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
        const uintptr_t from = object->dlpi_addr + part->p_vaddr, to = from + part->p_memsz;
        if (search->wanted < from || search->wanted >= to) continue;
        // The program's own code: its faults are its own.
        if (search->own < from || search->own >= to) {
            search->start = from;
            search->end = to;
        }
        return 1;
    }
    return 0;
}

kho_map_guard *kho_map_guard_begin(int file, const char *mark, const void *code) {
    uintptr_t start, end;
    const char *slash = strrchr(mark, '/');
    if (!slash || slash == mark || strlen(mark) >= sizeof guards->mark || !find_map(file, &start, &end)) return NULL;
    struct code_search search = {(uintptr_t)code, (uintptr_t)&find_code, 0, 0};
    if (code) dl_iterate_phdr(find_code, &search);
    pthread_once(&handlers_once, install_handlers);

    pthread_mutex_lock(&changing);
    kho_map_guard *guard = guards;
    while (guard && guard->end) guard = guard->next;
    const int is_new = !guard;
    if (is_new) guard = calloc(1, sizeof *guard);
    if (guard) {
        strcpy(guard->mark, mark);
        memcpy(guard->folder, mark, (size_t)(slash - mark));
        guard->folder[slash - mark] = 0;
        guard->start = start;
        guard->code_start = search.start;
        guard->code_end = search.end;
        if (is_new) guard->next = guards;
        __atomic_store_n(&guard->end, end, __ATOMIC_RELEASE);
        if (is_new) __atomic_store_n(&guards, guard, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&changing);
    return guard;
}

void kho_map_guard_end(kho_map_guard *guard) {
    if (!guard) return;
    pthread_mutex_lock(&changing);
    __atomic_store_n(&guard->end, 0, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&changing);
}
