/* print.h -- what the printer and mil_save share; not for outside. */
#ifndef ANEC_MIL_PRINT_H
#define ANEC_MIL_PRINT_H

#include "mil.h"

/* Where literals went that are printed as references: asked for each literal. */
typedef struct {
    bool (*find)(const void *ctx, const Const *c, uint64_t *offset);
    const void *ctx;
    const char *path; /* "@model_path/weights/weight.bin" */
} MilPlaces;

/* mil_print_to, with references for what `places` (may be NULL) knows. */
bool mil_print_placed(const Module *m, const MilPlaces *places, MilSink *sink, void *ctx);

#endif
