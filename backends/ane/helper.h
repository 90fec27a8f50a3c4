/* helper.h -- compiling in another process, when this one has compiled as often as the system
 * allows.
 *
 * A helper is a command whose last argument is a folder with model.mil and weights. It has the
 * engine's compiler leave its files in the folder where the framework looks for that program,
 * which is the same for every process, and says so on its standard output: a line "compiled",
 * or "refused: WHY". What another process compiled is loaded here as what the cache holds is,
 * without compiling. ane_compile_folder is the other side, for who is the helper (anerun
 * --compile-only). */
#ifndef ANEC_ANE_HELPER_H
#define ANEC_ANE_HELPER_H

#include "engine.h"

/* argv: ends with NULL. False: refused, or the helper did not work (`why`). */
bool helper_compile(const char *const *argv, const char *dir, Arena *a, Trouble *why);

#endif
