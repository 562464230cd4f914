#include "counters.h"

// What a program says to valgrind: six words, and an order of instructions that does nothing by itself. As documented in valgrind.h ("client requests"), for x86-64.
static uint64_t request(uint64_t code) {
    uint64_t result = 0;
#if defined(__x86_64__)
    volatile uint64_t words[6] = {code, 0, 0, 0, 0, 0};
    __asm__ volatile(
        "rolq $3, %%rdi; rolq $13, %%rdi; rolq $61, %%rdi; rolq $51, %%rdi; xchgq %%rbx, %%rbx"
        : "=d"(result)
        : "a"(&words[0]), "0"(result)
        : "cc", "memory");
#endif
    return result;
}

// The codes: valgrind's own, and those of callgrind.h, which begin with the letters CT.
enum { running = 0x1001, callgrind = 'C' << 24 | 'T' << 16, dump = callgrind, zero = callgrind + 1, start = callgrind + 4, stop = callgrind + 5 };

int kho_in_valgrind(void) { return (int)request(running); }

void kho_instructions_begin(void) {
    request(start);
    request(zero);
}

void kho_instructions_end(void) {
    request(dump);
    request(stop);
}
