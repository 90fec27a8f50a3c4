/* spec_types.h -- the numbers that MIL.proto gives to what the IR has; not for outside. */
#ifndef ANEC_MIL_SPEC_TYPES_H
#define ANEC_MIL_SPEC_TYPES_H

#include "../ir.h"

/* The fields of TensorValue. */
enum { TV_FLOATS = 1, TV_INTS, TV_BOOLS, TV_STRINGS, TV_LONGS, TV_DOUBLES, TV_BYTES };

extern const int spec_dtypes[DT_COUNT]; /* DataType */
DType spec_find_dtype(uint64_t number); /* DT_NONE when unknown */
/* the TensorValue field that Core ML reads elements of t from */
uint32_t spec_field(DType t);
const char *spec_opset(const Func *f); /* "CoreML7", or NULL */
int spec_of_opset(Opset o);            /* specificationVersion that brought it */

#endif
