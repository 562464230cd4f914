#include "demo_data.h"

static const unsigned char bytes[] = {
#embed "administrative-units.csv"
};
const size_t kho_administrative_units_length = sizeof bytes;

const void *kho_administrative_units_pointer(void) { return bytes; }
