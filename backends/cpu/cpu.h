/* cpu.h -- `cpu`, the processor's own kernels; what has none runs by its meaning, as in `ref`. */
#ifndef ANEC_CPU_H
#define ANEC_CPU_H

#include "../backend.h"

extern const Backend backend_cpu;

#endif
