/* ml.h -- Core ML's public classes as C calls: models, arrays, predictions, states.
 *
 * Every call that can be refused says why in a Trouble; nothing here retries, keeps or chooses.
 * Objects returned are the caller's, to be released with objc_drop. What is said of the classes
 * is in their public documentation; none of it has run on a Mac. */
#ifndef ANEC_ML_H
#define ANEC_ML_H

#include "../backend.h"
#include "objc.h"

typedef struct {
    Objc *objc;
#define CLASS(id, name) Id id;
#include "ml.def"
} Ml;

/* Everything lives in the arena. NULL: Core ML is not here, and `why` says what is missing. */
Ml *ml_open(Arena *a, const char **why);
void ml_close(Ml *ml);
/* The system is macOS `major` or later. */
bool ml_system(Ml *ml, int major);

/* ---- models ------------------------------------------------------------------------------ */

/* The compiled model in the folder `path` (.mlmodelc), for the processor and the engine.
 * function NULL: the one that the model runs by itself; another needs macOS 15. NULL:
 * refused. */
Id ml_model_new(Ml *ml, Arena *a, const char *path, const char *function, Trouble *why);
/* Of a path: autoreleased. Of that choice of processor and engine: the caller's. NULL: an
 * exception, which raise_text tells. */
Id ml_url(Ml *ml, const char *path);
Id ml_configuration_new(Ml *ml, const char *function);
/* Compiles a package; the path, in the arena, of a .mlmodelc in a folder of the system's
 * choice, which the caller removes. NULL: refused. */
char *ml_compile(Ml *ml, Arena *a, const char *path, Trouble *why);

/* Where it would run each operation of a function of the compiled model (ml_plan.c); in the
 * arena. Needs macOS 14.4. False: refused. */
bool ml_plan(Ml *ml, Arena *a, const char *path, const char *function, Placings *out,
             Trouble *why);

/* ---- arrays ------------------------------------------------------------------------------ */

typedef struct {
    DType dtype;
    Shape shape;
    int64_t stride[MAX_RANK]; /* in elements */
} MlLayout;

/* The macOS from which on arrays have this element type; 0: never. */
int ml_type_since(DType t);
/* An array that is the tensor's memory, which must outlive it. NULL: refused. */
Id ml_array_new(Ml *ml, const Tensor *t, Arena *a, Trouble *why);
/* False: elements or a rank that no tensor has. */
bool ml_array_layout(Ml *ml, Id array, MlLayout *out);
/* All elements, to and from C order. The array's layout decides where they are; false: one
 * would be outside of the array's bytes. */
bool ml_array_read(Ml *ml, Id array, void *to);
bool ml_array_write(Ml *ml, Id array, const void *from);

/* ---- predictions ------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    Id array;
} MlFeature;

/* NULL: refused */
Id ml_features_new(Ml *ml, Arena *a, const MlFeature *f, int n, Trouble *why);
/* Proposes arrays for results to be written to. */
Id ml_options_new(Ml *ml, Arena *a, const MlFeature *backing, int n);
/* The results, as features. state NULL: the model has none. NULL: refused. */
Id ml_predict(Ml *ml, Arena *a, Id model, Id features, Id state, Id options, Trouble *why);
/* The array of a feature; NULL: there is no such feature, or it is no array. */
Id ml_feature_new(Ml *ml, Id features, const char *name);

/* ---- states ------------------------------------------------------------------------------ */

Id ml_state_new(Ml *ml, Id model); /* all zero; needs macOS 15. NULL: none is made */
/* The state's elements from or to a tensor; false: its array does not have the tensor's
 * elements. */
bool ml_state_read(Ml *ml, Id state, const char *name, Tensor *to);
bool ml_state_write(Ml *ml, Id state, const char *name, const Tensor *from);

#endif
