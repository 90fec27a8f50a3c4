/* helper.h -- compiling in another process, when this one has compiled as often as the system
 * allows.
 *
 * A helper is a command whose last argument is a folder with model.mil and weights. It has the
 * engine's compiler leave its files in the folder where the framework looks for that program,
 * which is the same for every process, and says so on its standard output: a line "compiled",
 * or "refused: WHY". What another process compiled is loaded here as what the cache holds is,
 * without compiling. The system keeps that apart by the code identity of the process, so a
 * helper is told that of who asks (ANEC_HELPER_FOR in its environment), and one that is signed
 * as somebody else compiles nothing and answers "another identity: NAME". ane_compile_folder is
 * the other side, for who is the helper (anerun --compile-only). */
#ifndef ANEC_ANE_HELPER_H
#define ANEC_ANE_HELPER_H

#include "engine.h"

#define HELPER_FOR "ANEC_HELPER_FOR"

/* argv: ends with NULL. identity: this process's, NULL: not known. False: refused, or the
 * helper did not work (`why`), or is another identity's: *other is its name, which else stays
 * as it is. */
bool helper_compile(const char *const *argv, const char *dir, const char *identity, Arena *a,
                    const char **other, Trouble *why);

#endif
