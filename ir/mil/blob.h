/* blob.h -- what weight files share with mil_save; not for outside. */
#ifndef ANEC_MIL_BLOB_H
#define ANEC_MIL_BLOB_H

#include "mil.h"

const char *blob_relative(const char *path);           /* without "@model_path/" */
void blob_check(const WeightFile *w, Diag *d, Loc loc); /* what is odd of an opened file: one warning */
bool blob_same(BlobWriter *b, const char *path); /* after blob_finish: path holds these bytes */

#endif
