/* ml.h -- Core ML's public classes as C calls: models, arrays, predictions, states.
 *
 * A call that can be refused gives the reason in a Trouble. Nothing here retries, keeps or
 * chooses. Objects returned belong to the caller, who releases them with objc_drop. The
 * classes are used as their public documentation says; none of this has run on a Mac. */
#ifndef ANEC_ML_H
#define ANEC_ML_H

#include "../backend.h"
#include "objc.h"

typedef struct {
    Objc *objc;
#define CLASS(id, name) Id id;
#include "ml.def"
} Ml;

/* All is in the arena. NULL: Core ML is not here, and *why tells what is missing. */
Ml *ml_open(Arena *a, const char **why);
void ml_close(Ml *ml);
/* Whether the system is macOS `major` or later. */
bool ml_system(Ml *ml, int major);

/* ---- models ------------------------------------------------------------------------------ */

/* Loads the compiled model in the folder `path` (.mlmodelc), for processor and engine. function
 * NULL: the model's default; another one needs macOS 15. NULL: refused. */
Id ml_model_new(Ml *ml, Arena *a, const char *path, const char *function, Trouble *why);
/* The NSURL of a path, which is autoreleased; and the MLModelConfiguration for processor and
 * engine, which is the caller's. NULL: an exception was raised (raise_text). */
Id ml_url(Ml *ml, const char *path);
Id ml_configuration_new(Ml *ml, const char *function);
/* Compiles a package and returns the path, in the arena, of an .mlmodelc in a folder that
 * the system chooses and the caller removes. NULL: refused. */
char *ml_compile(Ml *ml, Arena *a, const char *path, Trouble *why);

/* Where Core ML would run each operation of a function (ml_plan.c), in the arena. Needs
 * macOS 14.4. False: refused. */
bool ml_plan(Ml *ml, Arena *a, const char *path, const char *function, Placings *out,
             Trouble *why);

/* ---- arrays ------------------------------------------------------------------------------ */

typedef struct {
    DType dtype;
    Shape shape;
    int64_t stride[MAX_RANK]; /* in elements */
} MlLayout;

/* The macOS from which on arrays can have this element type; 0: none. */
int ml_type_since(DType t);
/* An MLMultiArray in the memory of the tensor, which must outlive it. NULL: refused. */
Id ml_array_new(Ml *ml, const Tensor *t, Arena *a, Trouble *why);
/* False: its element type or rank is none that a tensor can have. */
bool ml_array_layout(Ml *ml, Id array, MlLayout *out);
/* Copy all elements to and from C order, by the array's layout. False: one would be outside
 * of the array's bytes. */
bool ml_array_read(Ml *ml, Id array, void *to);
bool ml_array_write(Ml *ml, Id array, const void *from);

/* ---- predictions ------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    Id array;
} MlFeature;

/* Inputs as a feature provider; NULL: refused. */
Id ml_features_new(Ml *ml, Arena *a, const MlFeature *f, int n, Trouble *why);
/* Prediction options that propose arrays for results to be written to. */
Id ml_options_new(Ml *ml, Arena *a, const MlFeature *backing, int n);
/* Runs the model and returns the results as a feature provider. state NULL: the model has none.
 * NULL: refused. */
Id ml_predict(Ml *ml, Arena *a, Id model, Id features, Id state, Id options,
              Trouble *why);
/* The array of a feature by its name; NULL: there is no such feature, or it is no array. */
Id ml_feature_new(Ml *ml, Id features, const char *name);

/* ---- states ------------------------------------------------------------------------------ */

Id ml_state_new(Ml *ml, Id model); /* all zero; needs macOS 15. NULL: none is made */
/* Copy the elements of a state to or from a tensor; false: the array of the state has others in
 * number or type. */
bool ml_state_read(Ml *ml, Id state, const char *name, Tensor *to);
bool ml_state_write(Ml *ml, Id state, const char *name, const Tensor *from);

#endif
