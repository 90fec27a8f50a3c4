/* cpu.h -- `cpu`, the backend with kernels for the processor. An op without one runs by its
 * reference kernel, as in `ref`. */
#ifndef ANEC_CPU_H
#define ANEC_CPU_H

#include "../backend.h"

extern const Backend backend_cpu;

#endif
