#ifndef KHO_ALLOCATIONS_H
#define KHO_ALLOCATIONS_H

#include <stdint.h>

/// Allocations of the calling thread since it began: calls of malloc, calloc and realloc, also by libraries. Only a program that links this counts.
uint64_t kho_allocations(void);

#endif
