#define _GNU_SOURCE
#include "kho_map_guard.h"

#include <errno.h>
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

enum { exit_code = 74, mark_seconds = 30 };

// Guards are never freed nor used again: a handler may be going through them at any moment. There is one for each file that the process ever watched.
struct kho_map_guard {
    int is_live;
    // Both 0 where the system does not say what is mapped.
    uintptr_t start, end;
    uintptr_t code_start, code_end;
    char *mark;
    char *folder;
    struct kho_map_guard *next;
};

static kho_map_guard *guards;
static uintptr_t page_bytes;
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

static int is_live(const kho_map_guard *guard) { return __atomic_load_n(&guard->is_live, __ATOMIC_ACQUIRE); }

// Whether the mark is there.
static int leave_mark(const kho_map_guard *guard, const char *what, size_t length) {
    // The first reason stays.
    int file = open(guard->mark, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (file < 0) return errno == EEXIST;
    // A mark without its text, on a full disk, is a mark.
    if (write(file, what, length) < 0) {}
    int is_durable = !fsync(file);
    close(file);
    int folder = open(guard->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return 0;
    if (fsync(folder)) is_durable = 0;
    close(folder);
    return is_durable;
}

static void say(const char *first, const char *second, const char *third) {
    char text[2048];
    size_t at = append(text, 0, sizeof text, first);
    at = append(text, at, sizeof text, second);
    at = append(text, at, sizeof text, third);
    if (write(STDERR_FILENO, text, at) < 0) {}
}

// `only`: whose file it is; NULL if it may be any that is watched.
_Noreturn static void end_process(const kho_map_guard *only, const char *what) {
    // The others' threads may be at the same: the first one's word counts.
    if (__atomic_exchange_n(&is_ending, 1, __ATOMIC_ACQ_REL)) for (;;) pause();
    // A disk that hangs must not keep half a process alive.
    signal(SIGALRM, SIG_DFL);
    alarm(mark_seconds);
    int is_marked = 1;
    for (const kho_map_guard *guard = __atomic_load_n(&guards, __ATOMIC_ACQUIRE); guard; guard = guard->next) {
        if (only ? guard != only : !is_live(guard)) continue;
        say("error: the data in ", guard->folder, " cannot be read: ");
        say(what, "\n", "");
        if (!leave_mark(guard, what, strlen(what))) is_marked = 0;
    }
    if (is_marked) say("  try: start again: what is there is read as a whole before it is used\n", "", "");
    else say("  try: check the disk: that this happened could not be noted on it, so the next start does not know of it\n", "", "");
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
        int is_in_code = 0;
        for (const kho_map_guard *guard = __atomic_load_n(&guards, __ATOMIC_ACQUIRE); guard; guard = guard->next) {
            if (!is_live(guard)) continue;
            if (at >= guard->start && at < guard->end) {
                char what[128];
                size_t length = append(what, 0, sizeof what - 1, number == SIGBUS ? "SIGBUS at page " : "SIGSEGV at page ");
                what[append_number(what, length, sizeof what - 1, (at - guard->start) / page_bytes)] = 0;
                end_process(guard, what);
            }
            if (by >= guard->code_start && by < guard->code_end) is_in_code = 1;
        }
        // Which file's page it was nobody can say.
        if (is_in_code && number == SIGSEGV) end_process(NULL, "a page led to where there is no memory (SIGSEGV)");
    }
    // Whoever was there before: the instruction is tried again, or the signal sent again.
    sigaction(number, number == SIGBUS ? &before_bus : &before_segv, NULL);
    if (info->si_code <= 0) raise(number);
}

void kho_map_guard_give_up(const kho_map_guard *guard, const char *what) {
    char text[512];
    text[append(text, 0, sizeof text - 1, what)] = 0;
    if (!guard) abort();
    end_process(guard, text);
}

// MARK: Beginning and ending.

static void install_handlers(void) {
    page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &before_bus);
    sigaction(SIGSEGV, &action, &before_segv);
}

// Where the file is mapped, whole: parts of one map may have lines of their own. By its name: some file systems show another device there than `stat` does.
static void find_map(int file, uintptr_t *start, uintptr_t *end) {
    char link[64], path[4096], line[8192];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    const ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return;
    path[length] = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps) return;
    while (fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        int name = 0;
        line[strcspn(line, "\n")] = 0;
        if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &from, &to, &name) != 2 || !name || strcmp(line + name, path)) continue;
        if (!*start) *start = from;
        if (to > *end) *end = to;
    }
    fclose(maps);
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
    const char *slash = strrchr(mark, '/');
    kho_map_guard *guard = slash && slash != mark ? calloc(1, sizeof *guard) : NULL;
    if (!guard) return NULL;
    guard->mark = strdup(mark);
    guard->folder = strndup(mark, (size_t)(slash - mark));
    if (!guard->mark || !guard->folder) {
        free(guard->mark);
        free(guard->folder);
        free(guard);
        return NULL;
    }
    find_map(file, &guard->start, &guard->end);
    struct code_search search = {(uintptr_t)code, (uintptr_t)&find_code, 0, 0};
    if (code) dl_iterate_phdr(find_code, &search);
    guard->code_start = search.start;
    guard->code_end = search.end;
    guard->is_live = 1;
    pthread_once(&handlers_once, install_handlers);
    guard->next = __atomic_load_n(&guards, __ATOMIC_ACQUIRE);
    while (!__atomic_compare_exchange_n(&guards, &guard->next, guard, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {}
    return guard;
}

void kho_map_guard_end(kho_map_guard *guard) {
    if (guard) __atomic_store_n(&guard->is_live, 0, __ATOMIC_RELEASE);
}
