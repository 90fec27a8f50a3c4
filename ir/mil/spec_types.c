/* spec_types.c -- tables between MIL's types and opsets and the numbers of MIL.proto. */
#include "spec_types.h"

#include <string.h>

#include "spec.h"

const int spec_dtypes[DT_COUNT] = {
    [DT_BOOL] = 1,   [DT_STRING] = 2, [DT_FP16] = 10,   [DT_FP32] = 11,   [DT_FP64] = 12,
    [DT_BF16] = 13,  [DT_INT8] = 21,  [DT_INT16] = 22,  [DT_INT32] = 23,  [DT_INT64] = 24,
    [DT_INT4] = 25,  [DT_UINT8] = 31, [DT_UINT16] = 32, [DT_UINT32] = 33, [DT_UINT64] = 34,
    [DT_UINT4] = 35, [DT_UINT2] = 36, [DT_UINT1] = 37,  [DT_UINT6] = 38,  [DT_UINT3] = 39,
};

/* What is not here is in `bytes`: Core ML reads fp16, 8-bit, uint32 and packed elements from
 * there. */
static const uint32_t fields[DT_COUNT] = {
    [DT_BOOL] = TV_BOOLS,   [DT_STRING] = TV_STRINGS, [DT_FP32] = TV_FLOATS,
    [DT_FP64] = TV_DOUBLES, [DT_INT16] = TV_INTS,     [DT_UINT16] = TV_INTS,
    [DT_INT32] = TV_INTS,   [DT_INT64] = TV_LONGS,    [DT_UINT64] = TV_LONGS,
};

static const struct {
    Opset opset;
    const char *core;
    int spec;
} opsets[] = {
    { OPSET_IOS15, "CoreML5", 6 },  { OPSET_IOS16, "CoreML6", 7 },
    { OPSET_IOS17, "CoreML7", 8 },  { OPSET_IOS18, "CoreML8", 9 },
    { OPSET_IOS26, "CoreML9", 10 },
};

DType spec_find_dtype(uint64_t number)
{
    for (int i = 1; i < DT_COUNT; i++)
        if (number && (uint64_t)spec_dtypes[i] == number) return (DType)i;
    return DT_NONE;
}

uint32_t spec_field(DType t) { return fields[t] ? fields[t] : TV_BYTES; }

const char *spec_opset(const Func *f)
{
    for (size_t i = 0; i < COUNT(opsets); i++)
        if (opsets[i].opset == f->opset) return opsets[i].core;
    return f->opset_name;
}

Opset opset_of_core(const char *text)
{
    for (size_t i = 0; i < COUNT(opsets); i++)
        if (!strcmp(opsets[i].core, text)) return opsets[i].opset;
    return OPSET_NONE;
}

int spec_of_opset(Opset o)
{
    for (size_t i = 0; i < COUNT(opsets); i++)
        if (opsets[i].opset == o) return opsets[i].spec;
    return opsets[0].spec;
}
