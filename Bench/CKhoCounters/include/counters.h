#ifndef KHO_COUNTERS_H
#define KHO_COUNTERS_H

#include <stdint.h>

/// Allocations of the calling thread since it began: calls of malloc, calloc and realloc, also by libraries. Only a program that links this counts.
uint64_t kho_allocations(void);

/// Whether the program runs in valgrind.
int kho_in_valgrind(void);

/// From now on callgrind counts instructions, beginning at 0. Nothing outside valgrind.
void kho_instructions_begin(void);

/// Has callgrind write what it counted to the next of its files, and counts no more. Nothing outside valgrind.
void kho_instructions_end(void);

#endif
