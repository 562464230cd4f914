#ifndef KHO_DEMO_DATA_H
#define KHO_DEMO_DATA_H

#include <stddef.h>

/// The bytes of administrative-units.csv, part of the program so that a demonstration needs no file beside it.
const void *kho_administrative_units_pointer(void);
extern const size_t kho_administrative_units_length;

#endif
