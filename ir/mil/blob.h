/* blob.h -- what weight files share with mil_save; not for outside. */
#ifndef ANEC_MIL_BLOB_H
#define ANEC_MIL_BLOB_H

#include "mil.h"

const char *blob_relative(const char *path); /* without "@model_path/" */
/* what is odd of an opened file: one warning */
void blob_check(const WeightFile *w, Diag *d, Loc loc);
/* After blob_finish. */
bool blob_same(BlobWriter *b, const char *path); /* path holds these bytes */
bool blob_sum(BlobWriter *b, uint64_t *sum);     /* of all bytes; for a name, not for safety */
void blob_name(BlobWriter *b, const char *path); /* another name in the same folder */

#endif
