/* engine_limits.h -- numbers that all engines were seen to have in common, each once: what the
 * runtime keeps to, and what the stand-in for Apple's libraries does. What chips differ in is in
 * ir/targets. None was verified on a device by this project. */
#ifndef ANEC_ENGINE_LIMITS_H
#define ANEC_ENGINE_LIMITS_H

enum {
    /* Rows of a surface begin at multiples of so many bytes (rule row-padding). */
    ENGINE_ROW = 64,
    /* Compilations of one process: later ones fail without a reason, and it may crash (rule
     * compile-count); before these a helper is asked, where there is one. */
    ENGINE_COMPILES = 119,
    ENGINE_COMPILES_SAFE = 100,
    /* Programs loaded at once by all processes (rule loaded-programs). */
    ENGINE_PLACES = 127
};

#endif
